"""sympy expressions as formulas, and formulas as sympy expressions; sympy is imported only here, and only then.

An expression is written out in the language of docs/expressions.md, node by node, and read by the parser: what is
proved is proved of that text, which every report shows.  sympy's own simplification has a say in one place: whether
the pieces of a ``Piecewise`` meet.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

from mgdl_theory.errors import ExpressionError
from mgdl_theory.targets.formula.graph import Program
from mgdl_theory.targets.formula.parser import LETTERS, parse

FUNCTIONS = {
    **{name: name for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan")},
    **{name: name for name in ("asinh", "erf", "erfc", "gamma", "sinc", "atan2")},
    "loggamma": "lgamma",
    "LambertW": "lambertw",
    "Abs": "abs",
    "Min": "min",
    "Max": "max",
}
"""Definition: sympy's functions that the language has, by name."""

REWRITTEN = {
    "sec": "1/cos({0})", "csc": "1/sin({0})", "cot": "cos({0})/sin({0})",
    "sech": "1/cosh({0})", "csch": "1/sinh({0})", "coth": "cosh({0})/sinh({0})",
    "acosh": "acosh({0})", "atanh": "atanh({0})",
}  # fmt: skip
"""Definition: sympy's functions that the language writes by others."""


def is_sympy(source: Any) -> bool:
    """Whether this is a sympy expression; sympy is not imported to find out.

    >>> is_sympy("x"), is_sympy(1)
    (False, False)
    """
    sympy = sys.modules.get("sympy")
    return sympy is not None and isinstance(source, sympy.Basic)


def formula_of(expression: Any, variables: Sequence[Any] | None = None) -> tuple[str, tuple[str, ...]]:
    """(text, names): the formula of a sympy expression, and its variables in the language.

    Parameters
    ----------
    expression : sympy.Expr
        Rational numbers, floats (as the binary numbers they are), pi, E, real symbols, sums, products, powers, the
        functions of the language, and ``Piecewise`` whose pieces meet where conditions on one variable change.
    variables : sequence of Symbol or str
        Their order; by default sorted by name.  Names that the language has keep them, others become x, y, ...

    Raises
    ------
    ExpressionError
        For anything else, with the piece; for pieces that are not shown to meet, with the place.

    >>> import sympy
    >>> t = sympy.Symbol("t")
    >>> formula_of(sympy.sin(10 * t) * sympy.exp(-t))
    ('exp(-x)*sin(10*x)', ('x',))
    >>> formula_of(sympy.Piecewise((t, t < 1), (t**2, True)))
    ('min(x, 1) + max(x, 1)**2 - 1', ('x',))
    """
    import sympy

    if not isinstance(expression, sympy.Expr):
        raise ExpressionError(f"target: expected a sympy expression, got {type(expression).__name__}")
    found = sorted(expression.free_symbols, key=str)
    given = found if variables is None else [v if is_sympy(v) else sympy.Symbol(str(v)) for v in variables]
    names = [str(symbol) for symbol in given]
    if missing := [str(symbol) for symbol in found if str(symbol) not in names]:
        raise ExpressionError(f"target: the expression has the variable {missing[0]}, the list has {', '.join(names)}")
    spoken = _names(names)
    meant = dict(zip(names, spoken, strict=False))  # a constant has a variable that it does not name
    real = {symbol: sympy.Symbol(meant[str(symbol)], real=True) for symbol in found}
    return parse(_Writer(sympy, {}).text(expression.xreplace(real)), spoken).text, spoken


def formulas_of(parts: Sequence[Any], variables: Sequence[Any] | None = None) -> tuple[list[Any], Any]:
    """(parts, names): a formula for every sympy expression among the parts, in variables that they have in common.

    >>> import sympy
    >>> s, t = sympy.symbols("s t")
    >>> formulas_of([s + 1, t])
    (['x + 1', 'y'], ('x', 'y'))
    """
    symbolic = [part for part in parts if is_sympy(part)]
    if not symbolic:
        return list(parts), variables
    order = variables or sorted({symbol for part in symbolic for symbol in part.free_symbols}, key=str)
    names = formula_of(symbolic[0], order)[1]
    texts = [formula_of(part, order)[0] if is_sympy(part) else part for part in parts]
    return texts, variables if any(isinstance(part, str) for part in parts) else names


def sympy_of(program: Program) -> Any:
    """The sympy expression of a program, in real symbols named like its variables.

    >>> from mgdl_theory.targets.formula.parser import parse
    >>> sympy_of(parse("x**2 + abs(y)"))
    x**2 + Abs(y)
    """
    algebra = SympyAlgebra()
    return program.evaluate(algebra, [algebra.variable(name) for name in program.variables])


def _names(names: Sequence[str]) -> tuple[str, ...]:
    """Names of the language for these: their own if all have one, else x, y, z, w or x1, x2, ...

    >>> _names(["z"]), _names(["s", "t"])
    (('z',), ('x', 'y'))
    """
    numbered = tuple(f"x{k}" for k in range(1, len(names) + 1))
    letters = LETTERS[: len(names)] if len(names) <= len(LETTERS) else numbered
    if not names:
        return ("x",)
    if set(names) <= set(LETTERS) or all(n[:1] == "x" and n[1:].isdigit() and n[1] != "0" for n in names):
        return tuple(names)
    return letters


@dataclass(frozen=True)
class _Writer:
    """Text of sympy expressions, node by node; parentheses everywhere, since the parser takes them off.

    ``clamped`` has the text of the symbols that stand for a variable clamped to an interval.
    """

    sympy: Any
    clamped: dict[Any, str]

    def text(self, e: Any) -> str:
        """The formula that e denotes."""
        sympy, name = self.sympy, type(e).__name__
        if e.is_Float or e.is_Rational:
            exact = sympy.Rational(e)
            return f"({exact.p}/{exact.q})"
        if e in (sympy.pi, sympy.E):
            return "pi" if e == sympy.pi else "e"
        if e.is_Symbol:
            return self.clamped.get(e, str(e))
        if e.is_Pow:
            return f"({self.text(e.base)})**({self.text(e.exp)})"
        if isinstance(e, sympy.Piecewise):
            return f"({self._pieces(e)})"
        if not (e.is_Add or e.is_Mul):
            return self._called(name, e)
        parts = e.as_ordered_terms() if e.is_Add else e.as_ordered_factors()
        return (" + " if e.is_Add else "*").join(f"({self.text(a)})" for a in parts)

    def _called(self, name: str, e: Any) -> str:
        """A function of sympy with its arguments."""
        if name == "besselj" and e.args[0] in (0, 1):
            return f"j{e.args[0]}({self.text(e.args[1])})"
        branch = name == "LambertW" and len(e.args) > 1
        if branch or not (name in REWRITTEN or name in FUNCTIONS):
            raise ExpressionError(f"sympy's {name} is not in the language of formulas: {str(e)[:60]}")
        written = [self.text(a) for a in e.args]
        if name in REWRITTEN:
            return f"({REWRITTEN[name].format(*written)})"
        return f"{FUNCTIONS[name]}({','.join(written)})"

    def _pieces(self, e: Any) -> str:
        """f_1(min(v, a)) + f_2(max(v, a)) - f_2(a), and so on to the right: the same function if they meet at a."""
        variable, ends, pieces = self._sorted(e)
        out = []
        for piece, low, high in zip(pieces, [None, *ends], [*ends, None], strict=True):
            inner = self.text(variable)
            inner = inner if high is None else f"min({inner},{self.text(high)})"
            clamped = self.sympy.Dummy(real=True)
            self.clamped[clamped] = inner if low is None else f"max({inner},{self.text(low)})"
            out.append(f"({self.text(piece.xreplace({variable: clamped}))})")
            if low is not None:
                out[-1] += f" - ({self.text(piece.subs(variable, low))})"
        return " + ".join(out)

    def _sorted(self, e: Any) -> tuple[Any, list[Any], list[Any]]:
        """(variable, places, pieces): the pieces from left to right, and where one ends and the next begins."""
        sympy = self.sympy
        free = {symbol for _, condition in e.args for symbol in condition.free_symbols}
        if len(free) != 1:
            raise ExpressionError(f"Piecewise: expected conditions on one variable, got {sorted(map(str, free))}")
        (variable,) = free
        intervals: list[tuple[Any, Any, Any]] = []
        single: list[tuple[Any, Any]] = []
        rest = sympy.S.Reals
        for part, condition in e.args:
            where = rest if condition == sympy.true else sympy.Intersection(condition.as_set(), rest)
            for piece in where.args if isinstance(where, sympy.Union) else (where,):
                if isinstance(piece, sympy.Interval):
                    intervals.append((piece.inf, piece.sup, part))
                elif isinstance(piece, sympy.FiniteSet):
                    single += [(point, part) for point in piece]
                elif piece is not sympy.S.EmptySet:
                    raise ExpressionError(f"Piecewise: the condition {str(condition)[:60]} is no interval")
            rest = sympy.Complement(rest, where)
        intervals.sort(key=lambda row: (row[0] != -sympy.oo, row[0]))
        ends = [row[1] for row in intervals]
        if not intervals or intervals[0][0] != -sympy.oo or ends[-1] != sympy.oo:
            raise ExpressionError("Piecewise: the conditions do not cover the line; end with (expression, True)")
        for (_, end, left), (start, _, right) in pairwise(intervals):
            self._require_meeting(variable, end, start, left, right)
        for point, part in single:
            beside = next(row[2] for row in intervals if row[0] <= point <= row[1])
            self._require_meeting(variable, point, point, part, beside)
        return variable, ends[:-1], [row[2] for row in intervals]

    def _require_meeting(self, variable: Any, end: Any, start: Any, left: Any, right: Any) -> None:
        gap = self.sympy.simplify(left.subs(variable, end) - right.subs(variable, end))
        if start != end or gap != 0:
            raise ExpressionError(
                f"Piecewise: {str(left)[:60]} and {str(right)[:60]} are not shown to meet at {variable} = {end}: "
                f"their difference there is {str(gap)[:60]}, and the theorem is about continuous functions"
            )


_SAME = (
    *("exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "asinh", "atan2"),
    *("erf", "erfc", "gamma", "sinc"),
)
_OF_SYMPY = {**{name: name for name in _SAME}, "lgamma": "loggamma", "lambertw": "LambertW"}
"""Definition: functions of the language that sympy has, by name."""


class SympyAlgebra:
    """Programs as sympy expressions; no bound ever rests on them.

    sympy's derivatives are classical ones; at kinks they are no enclosure of anything.
    """

    def __init__(self) -> None:
        import sympy

        self.sympy = sympy

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in _OF_SYMPY:
            raise AttributeError(name)
        return getattr(self.sympy, _OF_SYMPY[name])  # type: ignore[no-any-return]

    def variable(self, name: str) -> Any:
        """A real symbol."""
        return self.sympy.Symbol(name, real=True)

    def const(self, q: Fraction) -> Any:
        """The rational q."""
        return self.sympy.Rational(q.numerator, q.denominator)

    def pi(self) -> Any:
        """The constant pi."""
        return self.sympy.pi

    def e(self) -> Any:
        """The constant e."""
        return self.sympy.E

    def neg(self, a: Any) -> Any:
        """-a."""
        return -a

    def add(self, a: Any, b: Any) -> Any:
        """a + b."""
        return a + b

    def sub(self, a: Any, b: Any) -> Any:
        """a - b."""
        return a - b

    def mul(self, a: Any, b: Any) -> Any:
        """a b."""
        return a * b

    def div(self, a: Any, b: Any) -> Any:
        """a / b."""
        return a / b

    def powi(self, a: Any, n: int) -> Any:
        """a ** n."""
        return a**n

    def powq(self, a: Any, q: Fraction) -> Any:
        """a ** q."""
        return a ** self.const(q)

    def pow(self, a: Any, b: Any) -> Any:
        """a ** b."""
        return a**b

    def cbrt(self, a: Any) -> Any:
        """The real cube root (sympy's own cbrt is complex for negative numbers)."""
        return self.sympy.real_root(a, 3)

    def ncdf(self, a: Any) -> Any:
        """Distribution function of the standard normal distribution."""
        return self.sympy.erfc(-a / self.sympy.sqrt(2)) / 2

    def j0(self, a: Any) -> Any:
        """Bessel's function of order 0."""
        return self.sympy.besselj(0, a)

    def j1(self, a: Any) -> Any:
        """Bessel's function of order 1."""
        return self.sympy.besselj(1, a)

    def expm1(self, a: Any) -> Any:
        """exp(a) - 1."""
        return self.sympy.exp(a) - 1

    def log1p(self, a: Any) -> Any:
        """log(1 + a)."""
        return self.sympy.log(1 + a)

    def sigmoid(self, a: Any) -> Any:
        """1/(1 + exp(-a))."""
        return 1 / (1 + self.sympy.exp(-a))

    def softplus(self, a: Any) -> Any:
        """log(1 + exp(a))."""
        return self.sympy.log(1 + self.sympy.exp(a))

    def expdiv(self, a: Any, b: Any) -> Any:
        """exp(-a/b) where b > 0, else 0."""
        return self.sympy.Piecewise((self.sympy.exp(-a / b), b > 0), (0, True))

    def hypot(self, a: Any, b: Any) -> Any:
        """sqrt(a**2 + b**2)."""
        return self.sympy.sqrt(a**2 + b**2)

    def abs(self, a: Any) -> Any:
        """|a|."""
        return self.sympy.Abs(a)

    def min(self, a: Any, b: Any) -> Any:
        """The smaller of a and b."""
        return self.sympy.Min(a, b)

    def max(self, a: Any, b: Any) -> Any:
        """The larger of a and b."""
        return self.sympy.Max(a, b)
