"""Interval arrays: sets of real numbers that hold a value for certain, and the algebras that compute with them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.errors import AssumptionError, OptionError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """Real intervals, one per element: ``{x : lo_i <= x <= hi_i}``.

    Attributes
    ----------
    lo, hi : float64 arrays of at least one dimension that broadcast against each other
        lo_i <= hi_i, lo_i < inf, hi_i > -inf, never NaN.  [-inf, inf] says that nothing is known.
    """

    lo: FloatArray
    hi: FloatArray

    @classmethod
    def exact(cls, value: int | Fraction | float) -> Interval:
        """Smallest interval (1,) with binary64 ends that holds this number.

        >>> Interval.exact(Fraction(3, 4))
        Interval(lo=array([0.75]), hi=array([0.75]))
        """
        lo, hi = outward(Fraction(value))
        return cls(np.array([lo]), np.array([hi]))

    @property
    def shape(self) -> tuple[int, ...]:
        """Common shape of the two ends."""
        return self.lo.shape if self.lo.shape == self.hi.shape else np.broadcast_shapes(self.lo.shape, self.hi.shape)


@lru_cache(maxsize=1024)
def _constant(value: Fraction) -> Interval:
    result = Interval.exact(value)
    result.lo.flags.writeable = result.hi.flags.writeable = False
    return result


def outward(value: Fraction) -> tuple[float, float]:
    """Largest binary64 number <= value and smallest >= value, infinities included.

    >>> low, high = outward(Fraction(1, 3))
    >>> low < Fraction(1, 3) < high
    True
    """
    try:
        near = float(value)
    except OverflowError:
        near = math.inf if value > 0 else -math.inf
    if math.isinf(near):
        return (np.finfo(np.float64).max.item(), near) if near > 0 else (near, np.finfo(np.float64).min.item())
    exact = Fraction(near)
    return (
        near if exact <= value else math.nextafter(near, -math.inf),
        near if exact >= value else math.nextafter(near, math.inf),
    )


class Engine(ABC):
    """The algebra of interval arrays: every method encloses its operation on all members of its arguments.

    Where an argument of a partial operation does not lie wholly inside its domain (a divisor that contains 0, a
    logarithm that touches 0, a root of something negative, an arc sine beyond 1, a tangent over a pole, gamma at 0) the
    result is [-inf, inf] in that element.  ``0 * [-inf, inf]`` is 0.  Results are new arrays or one of the arguments;
    nothing is written to.  Two arguments are treated as independent even if they are one object; a square is ``sqr``.

    Run computations inside ``with rounding.quiet()``: overflow and invalid operations on the way are handled here.
    """

    name: str

    # -- operations without rounding --

    def const(self, value: Fraction | int) -> Interval:
        """Interval (1,) around an exact number."""
        return _constant(Fraction(value))

    def pi(self) -> Interval:
        """Interval (1,) around pi, one unit wide."""
        return Interval(np.array([math.pi]), np.array([math.nextafter(math.pi, 4)]))  # theorem: float(pi) < pi

    def e(self) -> Interval:
        """Interval (1,) around Euler's number, one unit wide."""
        return Interval(np.array([math.e]), np.array([math.nextafter(math.e, 4)]))  # theorem: float(e) < e

    def neg(self, a: Interval) -> Interval:
        """{-x}."""
        return Interval(-a.hi, -a.lo)

    def abs(self, a: Interval) -> Interval:
        """{|x|}."""
        return Interval(mignitude(a), np.maximum(-a.lo, a.hi))

    def min(self, a: Interval, b: Interval) -> Interval:
        """{min(x, y)}."""
        return Interval(np.minimum(a.lo, b.lo), np.minimum(a.hi, b.hi))

    def max(self, a: Interval, b: Interval) -> Interval:
        """{max(x, y)}."""
        return Interval(np.maximum(a.lo, b.lo), np.maximum(a.hi, b.hi))

    def hull(self, a: Interval, b: Interval) -> Interval:
        """Smallest interval that holds both."""
        return Interval(np.minimum(a.lo, b.lo), np.maximum(a.hi, b.hi))

    def meet(self, a: Interval, b: Interval) -> Interval:
        """Common part of two enclosures of the same thing; if there is none, an assumption has failed."""
        lo, hi = np.maximum(a.lo, b.lo), np.minimum(a.hi, b.hi)
        if not (lo <= hi).all():
            raise AssumptionError("two enclosures of the same number do not meet")
        return Interval(lo, hi)

    @abstractmethod
    def expdiv(self, u: Interval, v: Interval) -> Interval:
        """{exp(-x/y)} where y > 0 and {0} where y <= 0, for x > 0; an x that is not positive needs y > 0."""

    # -- rounded operations --

    def total(self, *terms: Interval) -> Interval:
        """{x_1 + ... + x_n}; an engine may round once for the whole sum and then keeps no sum exact."""
        total = terms[0]
        for term in terms[1:]:
            total = self.add(total, term)
        return total

    def dot(self, *terms: tuple[Interval, Interval]) -> Interval:
        """{x_1 y_1 + ... + x_n y_n}; an engine may round once for the whole sum and then keeps no zero exact."""
        return Engine.total(self, *(self.mul(*term) for term in terms))

    @abstractmethod
    def add(self, a: Interval, b: Interval) -> Interval:
        """{x + y}, exact where the ends are representable."""

    @abstractmethod
    def sub(self, a: Interval, b: Interval) -> Interval:
        """{x - y}, exact where the ends are representable."""

    @abstractmethod
    def mul(self, a: Interval, b: Interval) -> Interval:
        """{x y}."""

    @abstractmethod
    def div(self, a: Interval, b: Interval) -> Interval:
        """{x / y}."""

    @abstractmethod
    def sqr(self, a: Interval) -> Interval:
        """{x**2}, exact where the ends are representable."""

    @abstractmethod
    def powi(self, a: Interval, n: int) -> Interval:
        """{x**n} for an integer n; x**0 is 1."""

    @abstractmethod
    def powq(self, a: Interval, q: Fraction) -> Interval:
        """{x**q} for x >= 0 (x > 0 if q < 0)."""

    @abstractmethod
    def powq_inside(self, a: Interval, q: Fraction) -> Interval:
        """{x**q : x in a, x > 0} for a >= 0: at 0 a pole keeps its finite side, ``[0, h]**-1`` is [1/h, inf]."""

    @abstractmethod
    def pow(self, a: Interval, b: Interval) -> Interval:
        """{x**y} for x > 0."""

    @abstractmethod
    def sqrt(self, a: Interval) -> Interval:
        """{sqrt(x)}, exact where the ends are representable."""

    @abstractmethod
    def cbrt(self, a: Interval) -> Interval:
        """Real cube root, of any sign."""

    @abstractmethod
    def exp(self, a: Interval) -> Interval:
        """{exp(x)}, lo >= 0."""

    @abstractmethod
    def log(self, a: Interval) -> Interval:
        """{log(x)} for x > 0."""

    @abstractmethod
    def sincos(self, a: Interval) -> tuple[Interval, Interval]:
        """({sin(x)}, {cos(x)}), both inside [-1, 1]."""

    def sin(self, a: Interval) -> Interval:
        """{sin(x)}, inside [-1, 1]."""
        return self.sincos(a)[0]

    def cos(self, a: Interval) -> Interval:
        """{cos(x)}, inside [-1, 1]."""
        return self.sincos(a)[1]

    @abstractmethod
    def tan(self, a: Interval) -> Interval:
        """{tan(x)} away from the poles."""

    @abstractmethod
    def sinh(self, a: Interval) -> Interval:
        """{sinh(x)}."""

    @abstractmethod
    def cosh(self, a: Interval) -> Interval:
        """{cosh(x)}, lo >= 1."""

    @abstractmethod
    def tanh(self, a: Interval) -> Interval:
        """{tanh(x)}, inside [-1, 1]."""

    @abstractmethod
    def asin(self, a: Interval) -> Interval:
        """{asin(x)} for -1 <= x <= 1."""

    @abstractmethod
    def acos(self, a: Interval) -> Interval:
        """{acos(x)} for -1 <= x <= 1, lo >= 0."""

    @abstractmethod
    def atan(self, a: Interval) -> Interval:
        """{atan(x)}."""

    @abstractmethod
    def expm1(self, a: Interval) -> Interval:
        """{exp(x) - 1}, lo >= -1."""

    @abstractmethod
    def log1p(self, a: Interval) -> Interval:
        """{log(1 + x)} for x > -1."""

    # -- special functions --

    @abstractmethod
    def special(self, name: str, a: Interval, order: int = 0) -> list[Interval]:
        """{f(x)} for the function of this name in ``rigor.special``; for order 2 also {f'(x)} and {f''(x)}."""

    @abstractmethod
    def hypot(self, a: Interval, b: Interval) -> Interval:
        """{sqrt(x**2 + y**2)}."""

    @abstractmethod
    def direction(self, a: Interval, b: Interval) -> Interval:
        """{x / sqrt(x**2 + y**2)}, inside [-1, 1]; that is all of it where both contain 0."""

    @abstractmethod
    def atan2(self, y: Interval, x: Interval) -> Interval:
        """The angle of (x, y) where x > 0, y > 0 or y < 0 throughout."""

    def erf(self, a: Interval) -> Interval:
        """{erf(x)}, inside [-1, 1]."""
        return self.special("erf", a)[0]

    def erfc(self, a: Interval) -> Interval:
        """{1 - erf(x)}, inside [0, 2]."""
        return self.special("erfc", a)[0]

    def ncdf(self, a: Interval) -> Interval:
        """Distribution function of the standard normal distribution, inside [0, 1]."""
        return self.special("ncdf", a)[0]

    def gamma(self, a: Interval) -> Interval:
        """{gamma(x)} for x > 0."""
        return self.special("gamma", a)[0]

    def lgamma(self, a: Interval) -> Interval:
        """{log(gamma(x))} for x > 0."""
        return self.special("lgamma", a)[0]

    def j0(self, a: Interval) -> Interval:
        """Bessel's function of the first kind and order 0, inside [-1, 1]."""
        return self.special("j0", a)[0]

    def j1(self, a: Interval) -> Interval:
        """Bessel's function of the first kind and order 1, inside [-1, 1]."""
        return self.special("j1", a)[0]

    def sinc(self, a: Interval) -> Interval:
        """{sin(x)/x}, 1 at 0."""
        return self.special("sinc", a)[0]

    def lambertw(self, a: Interval) -> Interval:
        """{w : w exp(w) = x, w >= -1} for x >= -1/e."""
        return self.special("lambertw", a)[0]

    def sigmoid(self, a: Interval) -> Interval:
        """{1/(1 + exp(-x))}, inside [0, 1]."""
        return self.special("sigmoid", a)[0]

    def softplus(self, a: Interval) -> Interval:
        """{log(1 + exp(x))}, lo >= 0."""
        return self.special("softplus", a)[0]

    def asinh(self, a: Interval) -> Interval:
        """{asinh(x)}."""
        return self.special("asinh", a)[0]


def check_exponent(n: int) -> None:
    """Raise OptionError for an integer exponent that is too large to be worth computing (definition: 31 bits)."""
    if abs(n) >= 2**31:
        raise OptionError(f"an exponent of {n.bit_length()} bits is beyond 31 bits")


def mignitude(a: Interval) -> FloatArray:
    """Smallest |x| over the members."""
    return np.maximum(np.maximum(a.lo, -a.hi), 0.0)


def magnitude(a: Interval) -> FloatArray:
    """Largest |x| over the members."""
    return np.maximum(-a.lo, a.hi)
