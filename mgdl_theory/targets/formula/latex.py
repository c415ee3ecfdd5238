"""The algebra of LaTeX texts: a program printed as it stands, nothing rearranged.

sympy would print a prettier sum, but it may take seconds over a nested root and cancels what a target must
not lose sight of (``x/x``).  The texts use what TeX, KaTeX and matplotlib's mathtext have in common.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

SUM, SIGN, PRODUCT, POWER, ATOM = range(1, 6)


class Latex(NamedTuple):
    """A LaTeX text and how tightly it binds, from ``SUM`` to ``ATOM``."""

    text: str
    rank: int

    def within(self, rank: int) -> str:
        r"""The text, in parentheses if it binds less tightly than ``rank``.

        >>> print(Latex("x + y", SUM).within(PRODUCT))
        \left(x + y\right)
        """
        return self.text if self.rank >= rank else rf"\left({self.text}\right)"


class LatexAlgebra:
    """LaTeX texts."""

    def variable(self, name: str) -> Latex:
        """A variable; the number in x1, x2, ... becomes an index."""
        return Latex(name if len(name) == 1 else f"{name[0]}_{{{name[1:]}}}", ATOM)

    def const(self, q: Fraction) -> Latex:
        """A rational number as a fraction."""
        if q < 0:
            return self.neg(self.const(-q))
        if q.denominator == 1:
            return Latex(str(q.numerator), ATOM)
        return Latex(rf"\frac{{{q.numerator}}}{{{q.denominator}}}", PRODUCT)

    def pi(self) -> Latex:
        """The constant pi."""
        return Latex(r"\pi", ATOM)

    def e(self) -> Latex:
        """The constant e."""
        return Latex("e", ATOM)

    def neg(self, a: Latex) -> Latex:
        """-a."""
        return Latex("-" + a.within(PRODUCT), SIGN)

    def add(self, a: Latex, b: Latex) -> Latex:
        """a + b."""
        return Latex(f"{a.text} + {b.text if b.rank == SUM and b.text[0] != '-' else b.within(PRODUCT)}", SUM)

    def sub(self, a: Latex, b: Latex) -> Latex:
        """a - b."""
        return Latex(f"{a.text} - {b.within(PRODUCT)}", SUM)

    def mul(self, a: Latex, b: Latex) -> Latex:
        """a b, with a dot only before a number."""
        right = b.within(PRODUCT)
        space = r" \cdot " if right[0].isdigit() or right.startswith(r"\frac") else r" \, "
        return Latex(a.within(SIGN) + space + right, min(a.rank, PRODUCT) if a.rank >= SIGN else PRODUCT)

    def div(self, a: Latex, b: Latex) -> Latex:
        """a / b."""
        return Latex(rf"\frac{{{a.text}}}{{{b.text}}}", PRODUCT)

    def powi(self, a: Latex, n: int) -> Latex:
        """a to an integer power."""
        return Latex(f"{a.within(ATOM)}^{{{n}}}", POWER)

    def powq(self, a: Latex, q: Fraction) -> Latex:
        """a to a rational power."""
        return Latex(f"{a.within(ATOM)}^{{{q}}}", POWER)

    def pow(self, a: Latex, b: Latex) -> Latex:
        """a to the power b."""
        return Latex(f"{a.within(ATOM)}^{{{b.text}}}", POWER)

    def exp(self, a: Latex) -> Latex:
        """e to the power a."""
        return Latex(f"e^{{{a.text}}}", POWER)

    def sqrt(self, a: Latex) -> Latex:
        """Square root."""
        return Latex(rf"\sqrt{{{a.text}}}", ATOM)

    def cbrt(self, a: Latex) -> Latex:
        """Cube root."""
        return Latex(rf"\sqrt[3]{{{a.text}}}", ATOM)

    def abs(self, a: Latex) -> Latex:
        """Absolute value."""
        return Latex(rf"\left|{a.text}\right|", ATOM)

    def log(self, a: Latex) -> Latex:
        """Natural logarithm."""
        return self._call("log", a)

    def sin(self, a: Latex) -> Latex:
        """Sine."""
        return self._call("sin", a)

    def cos(self, a: Latex) -> Latex:
        """Cosine."""
        return self._call("cos", a)

    def tan(self, a: Latex) -> Latex:
        """Tangent."""
        return self._call("tan", a)

    def sinh(self, a: Latex) -> Latex:
        """Hyperbolic sine."""
        return self._call("sinh", a)

    def cosh(self, a: Latex) -> Latex:
        """Hyperbolic cosine."""
        return self._call("cosh", a)

    def tanh(self, a: Latex) -> Latex:
        """Hyperbolic tangent."""
        return self._call("tanh", a)

    def asin(self, a: Latex) -> Latex:
        """Arc sine."""
        return self._call("arcsin", a)

    def acos(self, a: Latex) -> Latex:
        """Arc cosine."""
        return self._call("arccos", a)

    def atan(self, a: Latex) -> Latex:
        """Arc tangent."""
        return self._call("arctan", a)

    def expm1(self, a: Latex) -> Latex:
        """exp(a) - 1."""
        return self._named(r"\mathrm{expm1}", a)

    def log1p(self, a: Latex) -> Latex:
        """log(1 + a)."""
        return self._named(r"\mathrm{log1p}", a)

    def erf(self, a: Latex) -> Latex:
        """The error function."""
        return self._named(r"\mathrm{erf}", a)

    def erfc(self, a: Latex) -> Latex:
        """1 - erf."""
        return self._named(r"\mathrm{erfc}", a)

    def ncdf(self, a: Latex) -> Latex:
        """Distribution function of the standard normal distribution."""
        return self._named(r"\Phi", a)

    def gamma(self, a: Latex) -> Latex:
        """Euler's gamma function, of positive numbers."""
        return self._named(r"\Gamma", a)

    def lgamma(self, a: Latex) -> Latex:
        """The logarithm of gamma, of positive numbers."""
        return self._named(r"\log\Gamma", a)

    def j0(self, a: Latex) -> Latex:
        """Bessel's function of the first kind and order 0."""
        return self._named(r"J_{0}", a)

    def j1(self, a: Latex) -> Latex:
        """Bessel's function of the first kind and order 1."""
        return self._named(r"J_{1}", a)

    def sinc(self, a: Latex) -> Latex:
        """sin(a)/a, 1 at 0."""
        return self._named(r"\mathrm{sinc}", a)

    def lambertw(self, a: Latex) -> Latex:
        """Lambert's W, the main branch."""
        return self._named(r"W", a)

    def sigmoid(self, a: Latex) -> Latex:
        """1/(1 + exp(-a))."""
        return self._named(r"\sigma", a)

    def softplus(self, a: Latex) -> Latex:
        """log(1 + exp(a))."""
        return self._named(r"\mathrm{softplus}", a)

    def asinh(self, a: Latex) -> Latex:
        """Inverse hyperbolic sine."""
        return self._named(r"\mathrm{arsinh}", a)

    def hypot(self, a: Latex, b: Latex) -> Latex:
        """sqrt(a**2 + b**2)."""
        return self.sqrt(self.add(self.powi(a, 2), self.powi(b, 2)))

    def expdiv(self, a: Latex, b: Latex) -> Latex:
        """exp(-a/b), 0 where b <= 0."""
        return self.exp(self.neg(self.div(a, self._call("max", b, self.const(Fraction(0))))))

    def atan2(self, a: Latex, b: Latex) -> Latex:
        """The angle of (b, a)."""
        return self._named(r"\mathrm{atan2}", a, b)

    def min(self, a: Latex, b: Latex) -> Latex:
        """The smaller of a and b."""
        return self._call("min", a, b)

    def max(self, a: Latex, b: Latex) -> Latex:
        """The larger of a and b."""
        return self._call("max", a, b)

    def _call(self, name: str, *args: Latex) -> Latex:
        return self._named(rf"\{name}", *args)

    def _named(self, name: str, *args: Latex) -> Latex:
        return Latex(rf"{name}\left({', '.join(a.text for a in args)}\right)", ATOM)
