"""The algebra of node numbers: running a formula in it builds its program, in canonical form."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import floor

from mgdl_theory.errors import ExpressionError
from mgdl_theory.targets.formula.graph import Node, Program

MAX_NODES = 4000
"""Definition: distinct subexpressions of a formula."""

MAX_BITS = 1024
"""Definition: bits of the numerator and of the denominator of a constant (binary64 ends at 2**1024)."""

MAX_EXPONENT = 1000
"""Definition: magnitude of a constant exponent."""

_COMMUTATIVE = frozenset({"add", "mul", "min", "max", "hypot"})


class Builder:
    """The algebra whose values are node numbers: running a formula in it builds its program.

    Equal subexpressions become one node, arithmetic of constants is done exactly, and a few laws that
    hold wherever both sides are defined, and never widen a domain, bring a formula to canonical form:
    x*x = x**2, x**2*x = x**3, e**x = exp(x), x**(1/2) = sqrt(x), x + (-y) = x - y, 1*x = x, 0 + x = x, x - x = 0.

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
            raise ExpressionError(f"a constant needs more than {MAX_BITS} bits")
        return self._node("const", value=Fraction(q))

    def pi(self) -> int:
        """The constant pi."""
        return self._node("pi")

    def e(self) -> int:
        """The constant e."""
        return self._node("e")

    def floor(self, a: int) -> int:
        """The largest integer <= a; of a formula on a box only, see ``jumps``."""
        value = self._value(a)
        return self._node("floor", a) if value is None else self.const(Fraction(floor(value)))

    def sign(self, a: int) -> int:
        """-1, 0 or 1, likewise."""
        value = self._value(a)
        return self._node("sign", a) if value is None else self.const(Fraction((value > 0) - (value < 0)))

    def where(self, condition: int, a: int, b: int) -> int:
        """a where the condition is negative, else b; likewise."""
        value = self._value(condition)
        return self._node("where", condition, a, b) if value is None else a if value < 0 else b

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
            return self.sub(a, self.const(-y))
        if self.nodes[b].op == "neg":
            return self.sub(a, self.nodes[b].args[0])
        return self._node("add", a, b)

    def sub(self, a: int, b: int) -> int:
        """a - b."""
        x, y = self._value(a), self._value(b)
        if x is not None and y is not None:
            return self.const(x - y)
        if (y is not None and y <= 0) or self.nodes[b].op == "neg":
            return self.add(a, self.neg(b))
        if a == b and self._total[a]:
            return self.const(Fraction(0))
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
        power = self._merged_powers(a, b)
        return self._node("mul", a, b) if power is None else power

    def _merged_powers(self, a: int, b: int) -> int | None:
        """a b where both are positive powers of one thing, or a is a product with such a factor."""
        (base, m), (other, n) = self._power(a), self._power(b)
        if base == other:
            return self.powi(base, m + n) if m + n <= MAX_EXPONENT else None
        if self.nodes[a].op == "mul":
            left, right = self.nodes[a].args
            if self._power(right)[0] == other:
                return self.mul(left, self.mul(right, b))
            if self._power(left)[0] == other:
                return self.mul(self.mul(left, b), right)
        return None

    def _power(self, a: int) -> tuple[int, int]:
        """Base and exponent of a node that is a positive integer power, if only the first."""
        node = self.nodes[a]
        if node.op == "powi" and isinstance(node.value, int) and node.value > 0:
            return node.args[0], node.value
        return a, 1

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
        if self.nodes[a].op == "e":
            return self.exp(self.const(Fraction(n)))
        return a if n == 1 else self._node("powi", a, value=n)

    def _constant_power(self, base: Fraction, n: int) -> int:
        if base == 0 and n < 0:
            raise ExpressionError("0 to a negative power divides by zero")
        if abs(base) == 1:
            n %= 2
        bits = max(base.numerator.bit_length(), base.denominator.bit_length()) - 1
        if base and bits * abs(n) > MAX_BITS:
            raise ExpressionError(f"a power needs more than {MAX_BITS} bits")
        return self.const(base**n if base or n == 0 else base)

    def powq(self, a: int, q: Fraction) -> int:
        """a ** q for a rational q that is no integer, on a >= 0."""
        if q.denominator == 1:
            return self.powi(a, int(q))
        base = self._value(a)
        if base is not None and base < 0:
            raise ExpressionError("a negative number to a fractional power is not real (cbrt takes any number)")
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
        return self.e() if self._is(a, 1) else self._node("exp", a)

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

    def expm1(self, a: int) -> int:
        """expm1(a)."""
        return self._node("expm1", a)

    def log1p(self, a: int) -> int:
        """log1p(a)."""
        return self._node("log1p", a)

    def erf(self, a: int) -> int:
        """erf(a)."""
        return self._node("erf", a)

    def erfc(self, a: int) -> int:
        """erfc(a)."""
        return self._node("erfc", a)

    def ncdf(self, a: int) -> int:
        """ncdf(a)."""
        return self._node("ncdf", a)

    def gamma(self, a: int) -> int:
        """gamma(a)."""
        return self._node("gamma", a)

    def lgamma(self, a: int) -> int:
        """lgamma(a)."""
        return self._node("lgamma", a)

    def j0(self, a: int) -> int:
        """j0(a)."""
        return self._node("j0", a)

    def j1(self, a: int) -> int:
        """j1(a)."""
        return self._node("j1", a)

    def sinc(self, a: int) -> int:
        """sinc(a)."""
        return self._node("sinc", a)

    def lambertw(self, a: int) -> int:
        """lambertw(a)."""
        return self._node("lambertw", a)

    def sigmoid(self, a: int) -> int:
        """sigmoid(a)."""
        return self._node("sigmoid", a)

    def softplus(self, a: int) -> int:
        """softplus(a)."""
        return self._node("softplus", a)

    def asinh(self, a: int) -> int:
        """asinh(a)."""
        return self._node("asinh", a)

    def hypot(self, a: int, b: int) -> int:
        """hypot(a, b)."""
        return self._node("hypot", a, b)

    def expdiv(self, a: int, b: int) -> int:
        """exp(-a/b) where b > 0, else 0."""
        return self._node("expdiv", a, b)

    def atan2(self, a: int, b: int) -> int:
        """atan2(a, b)."""
        return self._node("atan2", a, b)


def _short(value: Fraction | int) -> str:
    text = str(value)
    return text if len(text) <= 20 else f"{text[:12]}... ({len(text)} characters)"
