"""A safe parser of formulas: text -> tokens -> program.  Nothing is ever executed.

The language is in docs/expressions.md: numbers (read exactly), variables, ``pi`` and ``e``,
``+ - * / **``, parentheses, and calls of the listed functions.  Operators bind as in Python and in
mathematics: ``-x**2`` is ``-(x**2)``, ``2**-x`` is allowed, ``x**y**z`` is ``x**(y**z)``.  Other ways to write the
same (``^``, ``π``, ``x²``, ``np.sin``, ``relu``) are read and leave no trace in the program.  The text is
split into tokens by one regular expression, and an operator-precedence loop without recursion hands
each operation to :class:`~mgdl_theory.targets.formula.simplifier.Builder`; Python's own parser is not involved.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import partial, reduce
from typing import Any, NoReturn

from mgdl_theory.errors import ExpressionError, shown
from mgdl_theory.targets.formula.advice import CHARACTERS, NAMES
from mgdl_theory.targets.formula.graph import FUNCTIONS, PAIRS, Program
from mgdl_theory.targets.formula.simplifier import Builder

MAX_CHARS = 20_000
"""Definition: characters of a formula."""

MAX_DEPTH = 100
"""Definition: parentheses, calls, signs and powers that may be open at one place."""

MAX_DIGITS = 400
"""Definition: characters of a literal, and magnitude of its decimal exponent."""

MAX_VARIABLES = 16
"""Definition: variables x1, ..., xd; a cell of d variables has 2**d corners."""

MAX_NAME = 32
"""Definition: characters of the name of a variable."""

ALIASES = {
    **dict.fromkeys(("Phi", "normcdf", "norm_cdf", "ndtr"), "ncdf"),
    **dict.fromkeys(("phi", "normpdf", "norm_pdf"), "npdf"),
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "arcsinh": "asinh", "arccosh": "acosh",
    "arctanh": "atanh", "ln": "log", "fabs": "abs", "absolute": "abs", "expit": "sigmoid", "swish": "silu",
    "gammaln": "lgamma", "loggamma": "lgamma",
}  # fmt: skip
QUIET = frozenset({"phi", "Phi"})
"""Definition: names that are functions where a parenthesis follows, and may be variables elsewhere."""
CONSTANTS = ("pi", "e")
LETTERS = ("x", "y", "z", "w")
_Derived = Callable[..., int]
DERIVED: dict[str, tuple[int, _Derived]] = {
    "relu": (1, lambda b, a: b.max(a, b.const(Fraction(0)))),
    "clip": (3, lambda b, a, low, high: b.min(b.max(a, low), high)),
    "square": (1, lambda b, a: b.mul(a, a)),
    "pow": (2, lambda b, a, n: b.pow(a, n)),
    "power": (2, lambda b, a, n: b.pow(a, n)),
    "exp2": (1, lambda b, a: b.pow(b.const(Fraction(2)), a)),
    "log2": (1, lambda b, a: b.div(b.log(a), b.log(b.const(Fraction(2))))),
    "log10": (1, lambda b, a: b.div(b.log(a), b.log(b.const(Fraction(10))))),
    "sec": (1, lambda b, a: b.div(b.const(Fraction(1)), b.cos(a))),
    "csc": (1, lambda b, a: b.div(b.const(Fraction(1)), b.sin(a))),
    "cot": (1, lambda b, a: b.div(b.cos(a), b.sin(a))),
    "silu": (1, lambda b, a: b.mul(a, b.sigmoid(a))),
    "gelu": (1, lambda b, a: b.mul(a, b.ncdf(a))),
    "mish": (1, lambda b, a: b.mul(a, b.tanh(b.softplus(a)))),
    "npdf": (1, lambda b, a: _normal_density(b, a)),
    "sincpi": (1, lambda b, a: b.sinc(b.mul(b.pi(), a))),
    "acosh": (1, lambda b, a: _acosh(b, a)),
    "atanh": (1, lambda b, a: b.div(b.sub(b.log1p(a), b.log1p(b.neg(a))), b.const(Fraction(2)))),
}
"""Definition: functions that are short for others, with their number of arguments."""


JUMPS: dict[str, tuple[int, _Derived]] = {
    "floor": (1, lambda b, a: b.floor(a)),
    "ceil": (1, lambda b, a: b.neg(b.floor(b.neg(a)))),
    "ceiling": (1, lambda b, a: b.neg(b.floor(b.neg(a)))),
    "round": (1, lambda b, a: b.floor(b.add(a, b.const(Fraction(1, 2))))),
    "frac": (1, lambda b, a: b.sub(a, b.floor(a))),
    "mod": (2, lambda b, a, m: b.sub(a, b.mul(m, b.floor(b.div(a, m))))),
    "trunc": (1, lambda b, a: _towards_zero(b, a)),
    "fix": (1, lambda b, a: _towards_zero(b, a)),
    "fmod": (2, lambda b, a, m: b.sub(a, b.mul(m, _towards_zero(b, b.div(a, m))))),
    "sign": (1, lambda b, a: b.sign(a)),
    "sgn": (1, lambda b, a: b.sign(a)),
}
"""Definition: functions that jump, which a formula on a box may use where the jumps cancel."""

CHOICES = ("where", "piecewise")
"""Definition: where(c, a, b), and piecewise(c, a, ..., b), with comparisons c; likewise."""

COMPARISONS: dict[str, _Derived] = {
    "<": lambda b, u, v: b.sign(b.sub(u, v)),
    ">": lambda b, u, v: b.sign(b.sub(v, u)),
    "<=": lambda b, u, v: b.sub(b.sign(b.sub(u, v)), b.const(Fraction(1, 2))),
    ">=": lambda b, u, v: b.sub(b.sign(b.sub(v, u)), b.const(Fraction(1, 2))),
}
"""Definition: a number that is negative where the comparison holds, and else not."""


def _towards_zero(b: Builder, a: int) -> int:
    zero = b.const(Fraction(0))
    return b.add(b.max(b.floor(a), zero), b.min(b.neg(b.floor(b.neg(a))), zero))


def _normal_density(b: Builder, a: int) -> int:
    two = b.const(Fraction(2))
    return b.div(b.exp(b.neg(b.div(b.mul(a, a), two))), b.sqrt(b.mul(two, b.pi())))


def _acosh(b: Builder, a: int) -> int:
    """2 asinh(sqrt((a - 1)/2)), without cancellation next to 1."""
    half = b.div(b.sub(a, b.const(Fraction(1))), b.const(Fraction(2)))
    return b.mul(b.const(Fraction(2)), b.asinh(b.sqrt(half)))


_CALLABLE = frozenset({*FUNCTIONS, *PAIRS, *ALIASES, *DERIVED, "min", "max"})

_SIGNS = {"^": "**", "×": "*", "·": "*", "∗": "*", "÷": "/", "−": "-", "–": "-"}
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<normalized>(?:np|numpy)\.sinc\b)|(?:(?:np|numpy|math|mpmath|sympy|scipy|special|sp)\.)*(?P<name>[A-Za-z_α-ωΑ-Ω][A-Za-z0-9_α-ωΑ-Ω]*)"
    r"|(?P<op>\*\*|[<>]=?|[-+*/(),^×·∗÷−–])|(?P<raised>⁻?[⁰¹²³⁴-⁹]+)"
    r"|(?P<end>\Z)|(?P<bad>.))",
    re.DOTALL,
)
_NUMBERED = re.compile(r"x([1-9][0-9]*)")
_NUMBER = re.compile(r"([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]+))?")

_RANK = {**dict.fromkeys(COMPARISONS, 0), "+": 1, "-": 1, "*": 2, "/": 2, "sign": 3, "**": 4}
_METHOD = {"+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow"}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str  # number, name, op, end, bad
    text: str
    at: int


@dataclass(slots=True)
class _Open:
    """An operator that waits for its right operand, an open parenthesis, or an open call."""

    kind: str  # an operator of _RANK, "(" or "call"
    token: _Token
    arguments: list[int] = field(default_factory=list)
    compared: list[int] = field(default_factory=list)  # which arguments are comparisons


def parse(
    text: str, variables: Sequence[str] | None = None, dim: int | None = None, *, alone: bool = True,
    jumps: bool = False,
) -> Program:  # fmt: skip
    """The program of a formula.

    Parameters
    ----------
    text : str
    variables : sequence of str
        Names of the variables in order; where they are not all of x, y, z, w, or of x1, x2, ..., the program calls
        them so, and keeps what was written.  By default a formula with one name, whatever it is, is a function of
        one variable, and any other one of every variable up to the highest one that occurs: ``"x + z"`` of x, y, z.
    dim : int
        Number of variables, in place of ``variables``; at least the highest one that occurs.
    alone : bool
        Whether one name makes a function of one variable; a component of a vector is no formula by itself.
    jumps : bool
        Whether floor, ceil, round, frac, mod, sign, where and piecewise are read, as ``jumps.without_jumps`` takes
        them.

    Returns
    -------
    Program
        Its values are those of the formula in exact arithmetic, wherever the formula is defined.

    Raises
    ------
    ExpressionError
        Where the text leaves the language, with the offending piece, its position and what to do.

    >>> parse("0.1 + x**2").text
    '1/10 + x**2'
    >>> parse("y").variables, parse("y", dim=2).variables, parse("θ²").text
    (('y',), ('x', 'y'), 'x**2')
    >>> parse("sine(x)")
    Traceback (most recent call last):
    mgdl_theory.errors.ExpressionError: unknown name 'sine' at position 1; did you mean sin, sinh or sinc?
        sine(x)
        ^
    """
    if not isinstance(text, str):
        raise ExpressionError(f"a formula is a text such as 'sin(10*x)*exp(-x)', got {type(text).__name__}")
    if len(text) > MAX_CHARS:
        raise ExpressionError(f"the formula has {len(text)} characters; at most {MAX_CHARS} are read")
    return _Parser(text, variables, dim, alone, jumps).run()


class _Parser:
    """Operator precedence with two states: an operand is expected, or an operator."""

    def __init__(self, text: str, variables: Sequence[str] | None, dim: int | None, alone: bool, jumps: bool) -> None:
        self.text = text
        self.builder = Builder()
        self.operands: list[int] = []
        self.stack: list[_Open] = []
        self.used: dict[str, _Token] = {}
        self.given = None if variables is None else _checked(variables)
        if self.given is not None and dim is not None and len(self.given) != dim:
            raise ExpressionError(f"{len(self.given)} variable(s) {', '.join(self.given)} for dimension {dim}")
        self.derived = {**DERIVED, **JUMPS} if jumps else DERIVED
        self.choices = CHOICES if jumps else ()
        self.callable = _CALLABLE | self.derived.keys() | {*self.choices}
        self.dim, self.alone = dim, alone and dim in (None, 1)

    def run(self) -> Program:
        tokens = self._tokens()
        if tokens[0].kind == "end":
            raise ExpressionError("the formula is empty; write for example sin(10*x)*exp(-x)")
        self.names = self._names([t for t in tokens if t.kind == "name"])
        at, operand_expected = 0, True
        while tokens[at].kind != "end" or operand_expected or self.stack:
            token, following = tokens[at], tokens[min(at + 1, len(tokens) - 1)]
            if operand_expected:
                opens_call = self._operand(token, following)
                at += 2 if opens_call else 1
                operand_expected = token.kind == "op" or opens_call
            else:
                operand_expected = self._operator(token)
                at += token.kind != "end"
        return replace(self.builder.program(self.operands[0], _canonical(self.names)), written=self.names)

    # -- operands ----------------------------------------------------------------------------------

    def _operand(self, token: _Token, following: _Token) -> bool:
        """Read an operand, a sign or an opening; True if it opened a call and took its parenthesis."""
        if token.kind == "number":
            self.operands.append(self._number(token))
        elif token.kind == "name":
            return self._name(token, following)
        elif token.text == "(":
            self._push("(", token)
        elif token.text in ("+", "-"):
            self._push("sign", token)
        else:
            self._missing_operand(token)
        return False

    def _name(self, token: _Token, following: _Token) -> bool:
        name, called = token.text, following.text == "("
        if name in self.callable and (called or name not in QUIET):
            if not called:
                self._fail(token, f"{name} is a function", f"write its argument in parentheses: {name}(x)")
            self._push("call", token)
            return True
        if called:
            self._fail(token, f"{_quote(name)} is not a function", f"write {name}*(...) for a product")
        if name in CONSTANTS:
            self.operands.append(self.builder.pi() if name == "pi" else self.builder.e())
        else:
            self.operands.append(self.builder.variable(self.names.index(name)))
        return False

    def _number(self, token: _Token) -> int:
        match = _NUMBER.fullmatch(token.text)
        assert match is not None
        whole, part, power = match[1], match[2], match[3] or "0"
        if len(token.text) > MAX_DIGITS or len(power) > 4 or abs(int(power)) > MAX_DIGITS:
            self._fail(token, f"the number {_quote(token.text)} is too long or too large", "use fewer digits")
        value = Fraction(int(whole + part)) * Fraction(10) ** (int(power) - len(part))
        return self._built(token, self.builder.const, value)

    # -- operators ---------------------------------------------------------------------------------

    def _operator(self, token: _Token) -> bool:
        """Read an operator, a comma, a closing parenthesis or the end; True if an operand must follow."""
        if token.text in _METHOD:
            self._reduce(lambda top: top > _RANK[token.text] or (top == _RANK[token.text] and token.text != "**"))
            self._push(token.text, token)
            return True
        if token.kind not in ("op", "end") or token.text == "(":
            self._missing_operator(token)
        if token.text in COMPARISONS:
            self._reduce(lambda top: top > 0)
            self._compare(token)
            return True
        self._reduce(lambda top: True)
        if token.text == ",":
            self._comma(token)
            return True
        self._close(token)
        return False

    def _reduce(self, tighter: Callable[[int], bool]) -> None:
        """Apply the waiting operators whose rank ``tighter`` accepts, innermost first."""
        while self.stack and self.stack[-1].kind in _RANK and tighter(_RANK[self.stack[-1].kind]):
            top = self.stack.pop()
            right = self.operands.pop()
            if top.kind in COMPARISONS:
                right = self._built(top.token, partial(COMPARISONS[top.kind], self.builder), self.operands.pop(), right)
            elif top.kind != "sign":
                method = getattr(self.builder, _METHOD[top.kind])
                right = self._built(top.token, method, self.operands.pop(), right)
            elif top.token.text == "-":
                right = self._built(top.token, self.builder.neg, right)
            self.operands.append(right)

    def _compare(self, token: _Token) -> None:
        """A comparison, which stands as an argument of where or piecewise only."""
        top = self.stack[-1] if self.stack else None
        if top is None or top.kind != "call" or top.token.text not in self.choices:
            self._fail(
                token, f"the character {_quote(token.text[0])} is not in the language", CHARACTERS[token.text[0]]
            )
        top.compared.append(len(top.arguments))
        self._push(token.text, token)

    def _comma(self, token: _Token) -> None:
        if not self.stack or self.stack[-1].kind != "call":
            self._fail(
                token, "a comma only separates the arguments of a function such as min or max", "write 0.5 with a point"
            )
        self.stack[-1].arguments.append(self.operands.pop())

    def _close(self, token: _Token) -> None:
        if token.kind == "end":
            if self.stack:
                self._fail(self.stack[-1].token, "a parenthesis is not closed", "add ')'")
            return
        if not self.stack:
            self._fail(token, "')' closes nothing", "remove it or add '('")
        top = self.stack.pop()
        if top.kind == "call":
            arguments = [*top.arguments, self.operands.pop()]
            if top.token.text in self.choices:
                self.operands.append(self._choice(top, arguments))
            else:
                self.operands.append(self._call(top.token, arguments))

    def _choice(self, top: _Open, arguments: list[int]) -> int:
        """The pieces of where and piecewise, from the last to the first."""
        wanted, name = range(0, len(arguments) - 1, 2), top.token.text
        if top.compared != list(wanted) or len(arguments) % 2 == 0 or len(arguments) < 3:
            example = "where(x < 1, x, 2 - x)" if name == "where" else "piecewise(x < 0, -x, x < 1, x, 2 - x)"
            self._fail(top.token, f"{name} takes comparisons and pieces in turn, and a last piece", f"write {example}")
        if name == "where" and len(arguments) != 3:
            self._fail(top.token, "where takes one comparison", "write piecewise for several")
        chosen = arguments[-1]
        for k in reversed(wanted):
            chosen = self._built(top.token, self.builder.where, arguments[k], arguments[k + 1], chosen)
        return chosen

    def _call(self, token: _Token, arguments: list[int]) -> int:
        name = ALIASES.get(token.text, token.text)
        method = partial(self.derived[name][1], self.builder) if name in self.derived else getattr(self.builder, name)
        if name in ("min", "max"):
            if len(arguments) < 2:
                self._fail(token, f"{name} takes at least two arguments", f"write {name}(x, 1/2)")
            return self._built(token, reduce, method, arguments)
        wanted = self.derived[name][0] if name in self.derived else 2 if name in PAIRS else 1
        if len(arguments) != wanted:
            said = "one argument" if wanted == 1 else f"{wanted} arguments"
            self._fail(token, f"{token.text} takes {said}", f"it got {len(arguments)}")
        return self._built(token, method, *arguments)

    def _push(self, kind: str, token: _Token) -> None:
        if len(self.stack) >= MAX_DEPTH:
            self._fail(token, f"more than {MAX_DEPTH} parentheses, signs or powers are open here", "simplify")
        self.stack.append(_Open(kind, token))

    def _built(self, token: _Token, build: Callable[..., int], *arguments: Any) -> int:
        """What the builder makes of it; its refusals get the position of the token."""
        try:
            return build(*arguments)
        except ExpressionError as error:
            raise ExpressionError(f"{error}, at position {token.at + 1}{self._caret(token.at)}") from None

    # -- tokens and names --------------------------------------------------------------------------

    def _tokens(self) -> list[_Token]:
        tokens: list[_Token] = []
        at = 0
        while not tokens or tokens[-1].kind != "end":
            match = _TOKEN.match(self.text, at)
            assert match is not None
            kind = match.lastgroup
            assert kind is not None
            at, text, start = match.end(), match[kind], match.start(kind)
            if kind == "normalized":
                tokens.append(_Token("name", "sincpi", start))
                continue
            if kind == "raised":
                power = text.translate(_RAISED)
                tokens.append(_Token("op", "**", start))
                tokens += [_Token("op", "-", start)] if power.startswith("-") else []
                tokens.append(_Token("number", power.removeprefix("-"), start))
                continue
            text = "pi" if text == "π" else _SIGNS.get(text, text)
            tokens.append(_Token(kind, text, start))
            if kind == "bad":
                self._bad_character(tokens)
        return tokens

    def _names(self, tokens: Sequence[_Token]) -> tuple[str, ...]:
        """The variables in order, by the names that occur; refuses every other name."""
        used: dict[str, _Token] = {}
        for token in tokens:
            known = token.text in self.callable and (token.text not in QUIET or self._is_called(token))
            if not known and token.text not in CONSTANTS:
                used.setdefault(token.text, token)
        if self.given is not None:
            for name, token in used.items():
                if name not in self.given:
                    if not _is_standard(name):
                        self._unknown(token)
                    self._fail(token, f"{name} is not among the variables {', '.join(self.given)}", "add it")
            return self.given
        for name, token in used.items():
            a_variable = (
                self.alone
                and len(used) == 1
                and not self._is_called(token)
                and _may_name(name)
                and not _is_misspelt(name)
            )
            if not (_is_standard(name) or a_variable):
                self._unknown(token)
        return tuple(used) if self.alone and len(used) == 1 else self._default_names(used)

    def _is_called(self, token: _Token) -> bool:
        return self.text[token.at + len(token.text) :].lstrip().startswith("(")

    def _default_names(self, used: dict[str, _Token]) -> tuple[str, ...]:
        numbered = [name for name in used if name not in LETTERS]
        letters = [name for name in used if name in LETTERS]
        if numbered and letters:
            self._fail(used[numbered[0]], f"{letters[0]} and {numbered[0]} are mixed", "use x, y, z, w or x1, x2, ...")
        needed = 1
        for name, token in used.items():
            place = LETTERS.index(name) + 1 if letters else int(name[1:5])
            if place > MAX_VARIABLES:
                self._fail(token, f"{_quote(name)} is too much", f"at most {MAX_VARIABLES} variables are possible")
            if place > (self.dim or place):
                order = (
                    f"{_quote(name)} is variable number {place} of {', '.join(LETTERS) if letters else 'x1, x2, ...'}"
                )
                self._fail(token, order, f"the domain has {self.dim} side(s)")
            needed = max(needed, place)
        needed = self.dim or needed
        if letters and needed > len(LETTERS):
            self._fail(used[letters[0]], f"there are only four letters for {needed} variables", "write x1, x2, ...")
        return LETTERS[:needed] if needed <= 4 and not numbered else tuple(f"x{k + 1}" for k in range(needed))

    # -- refusals ----------------------------------------------------------------------------------

    def _fail(self, token: _Token, problem: str, advice: str) -> NoReturn:
        raise ExpressionError(f"{problem}, at position {token.at + 1}; {advice}{self._caret(token.at)}")

    def _caret(self, at: int) -> str:
        """Two lines: a window of the text, and a caret below the position."""
        low, high = max(0, at - 40), min(len(self.text), at + 30)
        window = "".join(c if c.isprintable() else " " for c in self.text[low:high])
        return f"\n    {window}\n    {' ' * (at - low)}^"

    def _unknown(self, token: _Token) -> NoReturn:
        name = token.text
        if name.startswith("_") and self.text[: token.at].endswith(tuple("0123456789")):
            self._fail(token, "a number is written without _", "write 1000 or 1e3")
        if name.lower() in NAMES:
            raise ExpressionError(f"{name} at position {token.at + 1}: {NAMES[name.lower()]}{self._caret(token.at)}")
        vocabulary = [*_CALLABLE, *CONSTANTS, *LETTERS]
        near = difflib.get_close_matches(name[:20].lower(), sorted(vocabulary), n=3, cutoff=0.6)
        advice = (
            f"did you mean {_choice(near)}?"
            if near
            else "the names are x, y, z, w or x1, x2, ..., pi, e and the functions "
            + ", ".join([*FUNCTIONS, *PAIRS, "min", "max"])
        )
        raise ExpressionError(
            f"unknown name {_quote(name)} at position {token.at + 1}; {advice}{self._caret(token.at)}"
        )

    def _bad_character(self, tokens: Sequence[_Token]) -> NoReturn:
        token = tokens[-1]
        hint = CHARACTERS.get(token.text, "only letters, digits and + - * / ** ( ) , . are read")
        self._fail(token, f"the character {_quote(token.text)} is not in the language", hint)

    def _missing_operand(self, token: _Token) -> NoReturn:
        before = self.text[: token.at].rstrip()
        if token.text == "/" and before.endswith("/"):
            self._fail(token, "floor division // is not continuous", "write / for a quotient")
        found = "the formula ends" if token.kind == "end" else f"{_quote(token.text)} stands"
        after = f" after {_quote(before[-1])}" if before else ""
        self._fail(token, f"{found} where a number, a variable or a function is expected{after}", "add an operand")

    def _missing_operator(self, token: _Token) -> NoReturn:
        before = self.text[: token.at].rstrip()
        last = re.search(r"[A-Za-z0-9_.]+\Z|.\Z", before)
        left = last[0] if last else ""
        if token.kind == "number" and "." in left and token.at == len(before):
            self._fail(token, f"{_quote(left + token.text)} is not a number", "a number has one point at most")
        product = f"{'(...)' if left == ')' else _cut(left)}*{'(...)' if token.text == '(' else _cut(token.text)}"
        problem = f"an operator is missing between {_quote(left)} and {_quote(token.text)}"
        self._fail(token, problem, f"write {product} for a product")


def _checked(variables: Sequence[Any]) -> tuple[str, ...]:
    names = (variables,) if isinstance(variables, str) else tuple(variables)
    wrong = [n for n in names if not (isinstance(n, str) and _may_name(n))]
    if wrong or not names or len(set(names)) != len(names) or len(names) > MAX_VARIABLES:
        raise ExpressionError(
            f"variables: expected distinct names, such as x, y or t, s, at most {MAX_VARIABLES}, "
            f"got {_quote(', '.join(n if isinstance(n, str) else shown(n) for n in names))}"
        )
    return names


def _is_standard(name: str) -> bool:
    return name in LETTERS or bool(_NUMBERED.fullmatch(name))


def _may_name(name: str) -> bool:
    """Whether a variable may be called so: one word of the alphabet that means nothing else."""
    word = re.fullmatch(r"[A-Za-zα-ωΑ-Ω][A-Za-z0-9_α-ωΑ-Ω]*", name)
    return (
        bool(word)
        and len(name) <= MAX_NAME
        and (name not in _CALLABLE or name in QUIET)
        and name not in ("π", *CONSTANTS)
        and name.lower() not in NAMES
    )


def _is_misspelt(name: str) -> bool:
    """Whether this is rather a function without parentheses, such as sinx, than the name of a variable."""
    if name in QUIET:
        return False
    starts = any(len(known) > 2 and name.lower().startswith(known) for known in _CALLABLE)
    return starts or bool(difflib.get_close_matches(name.lower(), [k for k in _CALLABLE if len(k) > 2], cutoff=0.75))


def _canonical(names: tuple[str, ...]) -> tuple[str, ...]:
    """What files call these variables: their own names where all are of one standard kind."""
    if all(n in LETTERS for n in names) or all(_NUMBERED.fullmatch(n) and len(n) < 4 for n in names):
        return names
    return LETTERS[: len(names)] if len(names) <= len(LETTERS) else tuple(f"x{k + 1}" for k in range(len(names)))


def _cut(text: str) -> str:
    return text if len(text) <= 24 else text[:21] + "..."


def _quote(text: str) -> str:
    return repr(_cut(text))


def _choice(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
