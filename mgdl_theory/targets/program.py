"""Straight-line programs: a formula as a hash-consed DAG of operations, run in any algebra.

A :class:`Program` is the list of its distinct subexpressions in topological order.  It knows no
numbers: an *algebra* (floats, intervals, jets, mpmath numbers, sympy expressions) gives every
operation its meaning, so that all of them read one and the same formula.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol, TypeVar

from mgdl_theory.errors import ExpressionError

__all__ = [
    "FUNCTIONS",
    "MAX_BITS",
    "MAX_EXPONENT",
    "MAX_NODES",
    "PARTIAL",
    "Algebra",
    "Builder",
    "Node",
    "Program",
]

T = TypeVar("T")

FUNCTIONS = (
    "exp",
    "log",
    "sqrt",
    "cbrt",
    "sin",
    "cos",
    "tan",
    "sinh",
    "cosh",
    "tanh",
    "asin",
    "acos",
    "atan",
    "abs",
)
"""Functions of one argument; ``min`` and ``max`` take two."""

PARTIAL = frozenset({"div", "powq", "pow", "log", "sqrt", "tan", "asin", "acos"})
"""Operations that are not defined on all of R; ``powi`` belongs to them when its exponent is negative."""

MAX_NODES = 4000
"""Definition: distinct subexpressions of a formula."""

MAX_BITS = 1024
"""Definition: bits of the numerator and of the denominator of a constant (binary64 ends at 2**1024)."""

MAX_EXPONENT = 1000
"""Definition: magnitude of a constant exponent."""

_COMMUTATIVE = frozenset({"add", "mul", "min", "max"})


class Algebra(Protocol[T]):
    """What a program can be run in: one method per operation, with the names used by :class:`Program`."""

    def const(self, q: Fraction) -> T: ...  # noqa: D102
    def pi(self) -> T: ...  # noqa: D102
    def e(self) -> T: ...  # noqa: D102
    def neg(self, a: T) -> T: ...  # noqa: D102
    def add(self, a: T, b: T) -> T: ...  # noqa: D102
    def sub(self, a: T, b: T) -> T: ...  # noqa: D102
    def mul(self, a: T, b: T) -> T: ...  # noqa: D102
    def div(self, a: T, b: T) -> T: ...  # noqa: D102
    def powi(self, a: T, n: int) -> T: ...  # noqa: D102
    def powq(self, a: T, q: Fraction) -> T: ...  # noqa: D102
    def pow(self, a: T, b: T) -> T: ...  # noqa: D102
    def exp(self, a: T) -> T: ...  # noqa: D102
    def log(self, a: T) -> T: ...  # noqa: D102
    def sqrt(self, a: T) -> T: ...  # noqa: D102
    def cbrt(self, a: T) -> T: ...  # noqa: D102
    def sin(self, a: T) -> T: ...  # noqa: D102
    def cos(self, a: T) -> T: ...  # noqa: D102
    def tan(self, a: T) -> T: ...  # noqa: D102
    def sinh(self, a: T) -> T: ...  # noqa: D102
    def cosh(self, a: T) -> T: ...  # noqa: D102
    def tanh(self, a: T) -> T: ...  # noqa: D102
    def asin(self, a: T) -> T: ...  # noqa: D102
    def acos(self, a: T) -> T: ...  # noqa: D102
    def atan(self, a: T) -> T: ...  # noqa: D102
    def abs(self, a: T) -> T: ...  # noqa: D102
    def min(self, a: T, b: T) -> T: ...  # noqa: D102
    def max(self, a: T, b: T) -> T: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Node:
    """One subexpression.

    Attributes
    ----------
    op : str
        ``var``, ``const``, ``pi``, ``e``, or the name of a method of :class:`Algebra`.
    args : tuple of int
        The numbers of the argument nodes, all smaller than the node's own.
    value : Fraction, int or None
        The constant; the number of the variable, from 0; the exponent of ``powi`` and ``powq``.
    """

    op: str
    args: tuple[int, ...] = ()
    value: Fraction | int | None = None

    @property
    def partial(self) -> bool:
        """Whether the operation is undefined for some real arguments."""
        return self.op in PARTIAL or (self.op == "powi" and self.value < 0)  # type: ignore[operator]


@dataclass(frozen=True)
class Program:
    """A formula as its distinct subexpressions, arguments first; the last node is the formula.

    Attributes
    ----------
    nodes : tuple of Node
    variables : tuple of str
        The names of the variables in order; a formula need not use all of them.

    >>> from mgdl_theory.targets.parser import parse
    >>> [node.op for node in parse("x*exp(x)").nodes]
    ['var', 'exp', 'mul']
    """

    nodes: tuple[Node, ...]
    variables: tuple[str, ...]

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return len(self.variables)

    def evaluate(self, algebra: Algebra[T], variables: Sequence[T]) -> T:
        """The value of the formula in an algebra, at these values of its variables.

        Every node is evaluated once; a value is dropped after its last use.

        >>> from mgdl_theory.targets.algebras import FloatAlgebra
        >>> from mgdl_theory.targets.parser import parse
        >>> float(parse("x*x + 1").evaluate(FloatAlgebra(), [3.0]))
        10.0
        """
        value = None
        for _, value in self.steps(algebra, variables):
            pass
        assert value is not None
        return value

    def steps(self, algebra: Algebra[T], variables: Sequence[T]) -> Iterator[tuple[int, T]]:
        """Pairs (number of the node, its value) in topological order."""
        if len(variables) != self.dim:
            raise ExpressionError(
                f"{self.text}: expected values of {self.dim} variable(s), got {len(variables)}"
            )
        values: list[Any] = [None] * len(self.nodes)
        for number, (node, last) in enumerate(zip(self.nodes, self._last_used, strict=True)):
            values[number] = result = _apply(algebra, node, [values[a] for a in node.args], variables)
            for done in last:
                values[done] = None
            yield number, result

    @cached_property
    def _last_used(self) -> list[list[int]]:
        """For each node the nodes that no later one needs."""
        last: list[list[int]] = [[] for _ in self.nodes]
        seen: set[int] = set()
        for number in range(len(self.nodes) - 1, -1, -1):
            for a in self.nodes[number].args:
                if a not in seen:
                    seen.add(a)
                    last[number].append(a)
        return last

    @cached_property
    def text(self) -> str:
        """The canonical form, which parses back to the same program.

        >>> from mgdl_theory.targets.parser import parse
        >>> parse("2*x*x - 0.50 + e**x").text
        '2*x**2 - 1/2 + exp(x)'
        """
        return self.text_of(len(self.nodes) - 1)

    def text_of(self, number: int) -> str:
        """The subexpression that a node stands for."""
        needed = self._below(number)
        written: dict[int, tuple[str, int]] = {}
        for k in sorted(needed):
            node = self.nodes[k]
            written[k] = _write(node, [written[a] for a in node.args], self.variables)
        return written[number][0]

    def _below(self, number: int) -> set[int]:
        needed, stack = {number}, [number]
        while stack:
            for a in self.nodes[stack.pop()].args:
                if a not in needed:
                    needed.add(a)
                    stack.append(a)
        return needed

    def latex(self) -> str:
        """The formula in LaTeX (imports sympy).

        >>> from mgdl_theory.targets.parser import parse
        >>> parse("sqrt(x)/2").latex()
        '\\\\frac{\\\\sqrt{x}}{2}'
        """
        from mgdl_theory.targets.algebras import SympyAlgebra

        algebra = SympyAlgebra()
        return algebra.latex(self.evaluate(algebra, [algebra.variable(name) for name in self.variables]))

    def __str__(self) -> str:
        return self.text


def _apply(algebra: Algebra[T], node: Node, args: list[T], variables: Sequence[T]) -> T:
    result: Any
    if node.op == "var":
        assert isinstance(node.value, int)
        return variables[node.value]
    method = getattr(algebra, node.op)
    result = method(*args) if node.value is None else method(*args, node.value)
    return result  # type: ignore[no-any-return]


# -- writing ---------------------------------------------------------------------------------------

_SUM, _PRODUCT, _SIGN, _POWER, _ATOM = range(1, 6)
_INFIX = {"add": (" + ", _SUM), "sub": (" - ", _SUM), "mul": ("*", _PRODUCT), "div": ("/", _PRODUCT)}


def _write(node: Node, args: list[tuple[str, int]], variables: tuple[str, ...]) -> tuple[str, int]:
    """Text of a node and how tightly it binds, from those of its arguments."""
    if node.op == "var":
        assert isinstance(node.value, int)
        return variables[node.value], _ATOM
    if node.op == "const":
        assert isinstance(node.value, Fraction)
        return _constant(node.value)
    if node.op in ("pi", "e"):
        return node.op, _ATOM
    if node.op in _INFIX:
        sign, rank = _INFIX[node.op]
        return _wrap(args[0], rank) + sign + _wrap(args[1], rank + 1), rank
    if node.op == "neg":
        return "-" + _wrap(args[0], _SIGN), _SIGN
    if node.op in ("powi", "powq", "pow"):
        exponent = _constant(Fraction(node.value)) if node.value is not None else args[1]
        return _wrap(args[0], _ATOM) + "**" + _wrap(exponent, _ATOM), _POWER
    return f"{node.op}({', '.join(text for text, _ in args)})", _ATOM


def _wrap(written: tuple[str, int], rank: int) -> str:
    text, own = written
    return text if own >= rank else f"({text})"


def _constant(q: Fraction) -> tuple[str, int]:
    if q.denominator != 1:
        return f"{_integer(q.numerator)}/{_integer(q.denominator)}", _PRODUCT
    return _integer(q.numerator), _SIGN if q < 0 else _ATOM


def _integer(n: int) -> str:
    digits = str(n)
    zeros = len(digits) - len(digits.rstrip("0"))
    return f"{digits[:-zeros]}e{zeros}" if n and zeros > 6 else digits


# -- building --------------------------------------------------------------------------------------


class Builder:
    """The algebra whose values are node numbers: running a formula in it builds its program.

    Equal subexpressions become one node, arithmetic of constants is done exactly, and a few laws that
    hold wherever both sides are defined, and never widen a domain, bring a formula to canonical form:
    x*x = x**2, e**x = exp(x), x**(1/2) = sqrt(x), x + (-y) = x - y, 1*x = x, 0 + x = x.

    Raises
    ------
    ExpressionError
        For a constant, an exponent or a program that is too large, and for constants such as 1/0.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._total: list[bool] = []
        self._number: dict[tuple[str, tuple[int, ...], Fraction | int | None], int] = {}

    def program(self, root: int, variables: Sequence[str]) -> Program:
        """The program of one node: what it needs, numbered in the order of first use."""
        order: dict[int, int] = {}
        stack = [root]
        while stack:
            top = stack[-1]
            missing = [a for a in self.nodes[top].args if a not in order]
            if missing:
                stack.extend(reversed(missing))
            else:
                order.setdefault(stack.pop(), len(order))
        nodes = (self.nodes[k] for k in order)
        renumbered = tuple(Node(n.op, tuple(order[a] for a in n.args), n.value) for n in nodes)
        return Program(renumbered, tuple(variables))

    def _node(self, op: str, *args: int, value: Fraction | int | None = None) -> int:
        key = (op, tuple(sorted(args)) if op in _COMMUTATIVE else args, value)
        if key not in self._number:
            if len(self.nodes) >= MAX_NODES:
                raise ExpressionError(f"the formula has more than {MAX_NODES} distinct subexpressions")
            node = Node(op, args, value)
            self._number[key] = len(self.nodes)
            self.nodes.append(node)
            self._total.append(not node.partial and all(self._total[a] for a in args))
        return self._number[key]

    def _value(self, a: int) -> Fraction | None:
        node = self.nodes[a]
        return node.value if node.op == "const" and isinstance(node.value, Fraction) else None

    def _is(self, a: int, number: int) -> bool:
        return self._value(a) == number

    def variable(self, axis: int) -> int:
        """The variable number ``axis``, from 0."""
        return self._node("var", value=axis)

    def const(self, q: Fraction) -> int:
        """An exact rational constant."""
        if max(q.numerator.bit_length(), q.denominator.bit_length()) > MAX_BITS:
            raise ExpressionError(f"this constant needs more than {MAX_BITS} bits")
        return self._node("const", value=Fraction(q))

    def pi(self) -> int:
        """The constant pi."""
        return self._node("pi")

    def e(self) -> int:
        """The constant e."""
        return self._node("e")

    def neg(self, a: int) -> int:
        """-a."""
        value = self._value(a)
        if value is not None:
            return self.const(-value)
        node = self.nodes[a]
        return node.args[0] if node.op == "neg" else self._node("neg", a)

    def add(self, a: int, b: int) -> int:
        """a + b."""
        x, y = self._value(a), self._value(b)
        if x is not None and y is not None:
            return self.const(x + y)
        if x == 0:
            return b
        if y == 0:
            return a
        if y is not None and y < 0:
            return self._node("sub", a, self.const(-y))
        if self.nodes[b].op == "neg":
            return self._node("sub", a, self.nodes[b].args[0])
        return self._node("add", a, b)

    def sub(self, a: int, b: int) -> int:
        """a - b."""
        x, y = self._value(a), self._value(b)
        if x is not None and y is not None:
            return self.const(x - y)
        if y is not None and y <= 0 or self.nodes[b].op == "neg":
            return self.add(a, self.neg(b))
        return self.neg(b) if x == 0 else self._node("sub", a, b)

    def mul(self, a: int, b: int) -> int:
        """a b."""
        x, y = self._value(a), self._value(b)
        if x is not None and y is not None:
            return self.const(x * y)
        for one, other in ((x, b), (y, a)):
            if one == 1:
                return other
            if one == -1:
                return self.neg(other)
        return self.powi(a, 2) if a == b else self._node("mul", a, b)

    def div(self, a: int, b: int) -> int:
        """a / b."""
        x, y = self._value(a), self._value(b)
        if y == 0:
            raise ExpressionError("division by zero")
        if x is not None and y is not None:
            return self.const(x / y)
        if y == 1:
            return a
        return self.neg(a) if y == -1 else self._node("div", a, b)

    def pow(self, a: int, b: int) -> int:
        """a ** b, as the operation that its exponent asks for."""
        q = self._value(b)
        if self.nodes[a].op == "e":
            return self.exp(b)
        if q is None:
            return self._node("pow", a, b)
        return self.powi(a, int(q)) if q.denominator == 1 else self.powq(a, q)

    def powi(self, a: int, n: int) -> int:
        """a ** n for an integer n; a ** 0 = 1."""
        base = self._value(a)
        if base is not None:
            return self._constant_power(base, n)
        if abs(n) > MAX_EXPONENT:
            raise ExpressionError(f"the exponent {_short(n)} is beyond {MAX_EXPONENT}")
        if n == 0 and self._total[a]:
            return self.const(Fraction(1))
        return a if n == 1 else self._node("powi", a, value=n)

    def _constant_power(self, base: Fraction, n: int) -> int:
        if base == 0 and n < 0:
            raise ExpressionError("0 to a negative power divides by zero")
        if abs(base) == 1:
            n %= 2
        bits = max(base.numerator.bit_length(), base.denominator.bit_length()) - 1
        if base and bits * abs(n) > MAX_BITS:
            raise ExpressionError(f"this power needs more than {MAX_BITS} bits")
        return self.const(base**n if base or n == 0 else base)

    def powq(self, a: int, q: Fraction) -> int:
        """a ** q for a rational q that is no integer, on a >= 0."""
        if q.denominator == 1:
            return self.powi(a, int(q))
        base = self._value(a)
        if base is not None and base < 0:
            raise ExpressionError(
                "a negative number to a fractional power is not real (cbrt takes any number)"
            )
        if base is not None and base in (0, 1):
            return a if base or q > 0 else self._constant_power(base, -1)
        if abs(q) > MAX_EXPONENT or q.denominator.bit_length() > 64:
            raise ExpressionError(f"the exponent {_short(q)} is beyond {MAX_EXPONENT} or has too many digits")
        return self.sqrt(a) if q == Fraction(1, 2) else self._node("powq", a, value=q)

    def abs(self, a: int) -> int:
        """|a|."""
        value = self._value(a)
        if value is not None:
            return self.const(abs(value))
        return a if self.nodes[a].op == "abs" else self._node("abs", a)

    def min(self, a: int, b: int) -> int:
        """The smaller of a and b."""
        x, y = self._value(a), self._value(b)
        if x is not None and y is not None:
            return self.const(min(x, y))
        return a if a == b else self._node("min", a, b)

    def max(self, a: int, b: int) -> int:
        """The larger of a and b."""
        x, y = self._value(a), self._value(b)
        if x is not None and y is not None:
            return self.const(max(x, y))
        return a if a == b else self._node("max", a, b)

    def exp(self, a: int) -> int:
        """exp(a)."""
        return self._node("exp", a)

    def log(self, a: int) -> int:
        """log(a)."""
        return self._node("log", a)

    def sqrt(self, a: int) -> int:
        """sqrt(a)."""
        return self._node("sqrt", a)

    def cbrt(self, a: int) -> int:
        """cbrt(a)."""
        return self._node("cbrt", a)

    def sin(self, a: int) -> int:
        """sin(a)."""
        return self._node("sin", a)

    def cos(self, a: int) -> int:
        """cos(a)."""
        return self._node("cos", a)

    def tan(self, a: int) -> int:
        """tan(a)."""
        return self._node("tan", a)

    def sinh(self, a: int) -> int:
        """sinh(a)."""
        return self._node("sinh", a)

    def cosh(self, a: int) -> int:
        """cosh(a)."""
        return self._node("cosh", a)

    def tanh(self, a: int) -> int:
        """tanh(a)."""
        return self._node("tanh", a)

    def asin(self, a: int) -> int:
        """asin(a)."""
        return self._node("asin", a)

    def acos(self, a: int) -> int:
        """acos(a)."""
        return self._node("acos", a)

    def atan(self, a: int) -> int:
        """atan(a)."""
        return self._node("atan", a)


def _short(value: Fraction | int) -> str:
    text = str(value)
    return text if len(text) <= 20 else f"{text[:12]}... ({len(text)} characters)"
