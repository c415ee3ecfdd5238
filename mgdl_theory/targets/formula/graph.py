"""Straight-line programs: a formula as a hash-consed DAG of operations, run in any algebra.

A :class:`Program` is the list of its distinct subexpressions in topological order.  It knows no
numbers: an *algebra* (floats, intervals, jets, mpmath numbers, sympy expressions) gives every
operation its meaning, so that all of them read one and the same formula.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol, TypeVar

from mgdl_theory.errors import ExpressionError

T = TypeVar("T")

FUNCTIONS = (
    *("exp", "log", "sqrt", "cbrt", "abs"),
    *("sin", "cos", "tan", "sinh", "cosh", "tanh", "asin", "acos", "atan", "asinh", "expm1", "log1p"),
    *("erf", "erfc", "ncdf", "gamma", "lgamma", "j0", "j1", "sinc", "lambertw", "sigmoid", "softplus"),
)
"""Functions of one argument."""

PAIRS = ("hypot", "atan2", "expdiv")
"""Functions of two arguments; ``min`` and ``max`` take two or more."""

PARTIAL = frozenset(
    {
        "div",
        "powq",
        "pow",
        "log",
        "sqrt",
        "tan",
        "asin",
        "acos",
        "log1p",
        "gamma",
        "lgamma",
        "lambertw",
        "atan2",
        "expdiv",
    }
)
"""Operations that are not defined on all of R; ``powi`` belongs to them when its exponent is negative."""


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
    def expm1(self, a: T) -> T: ...  # noqa: D102
    def log1p(self, a: T) -> T: ...  # noqa: D102
    def erf(self, a: T) -> T: ...  # noqa: D102
    def erfc(self, a: T) -> T: ...  # noqa: D102
    def ncdf(self, a: T) -> T: ...  # noqa: D102
    def gamma(self, a: T) -> T: ...  # noqa: D102
    def lgamma(self, a: T) -> T: ...  # noqa: D102
    def j0(self, a: T) -> T: ...  # noqa: D102
    def j1(self, a: T) -> T: ...  # noqa: D102
    def sinc(self, a: T) -> T: ...  # noqa: D102
    def lambertw(self, a: T) -> T: ...  # noqa: D102
    def sigmoid(self, a: T) -> T: ...  # noqa: D102
    def softplus(self, a: T) -> T: ...  # noqa: D102
    def asinh(self, a: T) -> T: ...  # noqa: D102
    def hypot(self, a: T, b: T) -> T: ...  # noqa: D102
    def atan2(self, a: T, b: T) -> T: ...  # noqa: D102
    def abs(self, a: T) -> T: ...  # noqa: D102
    def min(self, a: T, b: T) -> T: ...  # noqa: D102
    def max(self, a: T, b: T) -> T: ...  # noqa: D102
    def expdiv(self, a: T, b: T) -> T: ...  # noqa: D102


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
    written : tuple of str
        Their names in the text that was read, where there was one.

    >>> from mgdl_theory.targets.formula.parser import parse
    >>> [node.op for node in parse("x*exp(x)").nodes]
    ['var', 'exp', 'mul']
    """

    nodes: tuple[Node, ...]
    variables: tuple[str, ...]
    written: tuple[str, ...] = field(default=(), compare=False)

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return len(self.variables)

    def evaluate(self, algebra: Algebra[T], variables: Sequence[T]) -> T:
        """The value of the formula in an algebra, at these values of its variables.

        Every node is evaluated once; a value is dropped after its last use.

        >>> from mgdl_theory.targets.formula.evaluators import FloatAlgebra
        >>> from mgdl_theory.targets.formula.parser import parse
        >>> float(parse("x*x + 1").evaluate(FloatAlgebra(), [3.0]))
        10.0
        """
        ((_, _, value),) = deque(self.steps(algebra, variables), maxlen=1)
        return value

    def steps(self, algebra: Algebra[T], variables: Sequence[T]) -> Iterator[tuple[int, list[T], T]]:
        """The number of each node, the values of its arguments and its own, in topological order."""
        if len(variables) != self.dim:
            raise ExpressionError(f"{self.text}: expected values of {self.dim} variable(s), got {len(variables)}")
        values: list[Any] = [None] * len(self.nodes)
        for number, (node, last) in enumerate(zip(self.nodes, self._last_used, strict=True)):
            args = [values[a] for a in node.args]
            values[number] = result = _apply(algebra, node, args, variables)
            for done in last:
                values[done] = None
            yield number, args, result

    @property
    def used(self) -> set[Any]:
        """The numbers of the variables that the formula depends on.

        >>> from mgdl_theory.targets.formula.parser import parse
        >>> parse("x + z").used
        {0, 2}
        """
        return {node.value for node in self.nodes if node.op == "var"}

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

        >>> from mgdl_theory.targets.formula.parser import parse
        >>> parse("2*x*x - 0.50 + e**x").text
        '2*x**2 - 1/2 + exp(x)'
        """
        text = self.text_of(len(self.nodes) - 1)
        return text if len(text) < 10_000 else text.replace(" ", "")  # experience: so that it can be read again

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
        r"""The formula in LaTeX.

        >>> from mgdl_theory.targets.formula.parser import parse
        >>> print(parse("sqrt(x)/2 + y**2").latex())
        \frac{\sqrt{x}}{2} + y^{2}
        """
        from mgdl_theory.targets.formula.latex import LatexAlgebra

        algebra = LatexAlgebra()
        return self.evaluate(algebra, [algebra.variable(name) for name in self.variables]).text

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
    texts = [text for text, _ in args]
    if node.op == "where":
        inner = texts[0].removesuffix(" - 1/2")
        texts[0] = f"{inner[5:-1]} {'<' if inner == texts[0] else '<='} 0"
    return f"{node.op}({', '.join(texts)})", _ATOM


def _wrap(written: tuple[str, int], rank: int) -> str:
    text, own = written
    return text if own >= rank else f"({text})"


def _constant(q: Fraction) -> tuple[str, int]:
    digits = str(q.denominator)
    zeros = len(digits) - 1
    if zeros > 6 and digits == "1" + "0" * zeros:
        return f"{q.numerator}e-{zeros}", _SIGN if q < 0 else _ATOM
    if q.denominator != 1:
        return f"{_integer(q.numerator)}/{_integer(q.denominator)}", _PRODUCT
    return _integer(q.numerator), _SIGN if q < 0 else _ATOM


def _integer(n: int) -> str:
    digits = str(n)
    zeros = len(digits) - len(digits.rstrip("0"))
    return f"{digits[:-zeros]}e{zeros}" if n and zeros > 6 else digits
