"""Algebras in which a program can be run: float64 and mpmath (intervals and jets are in ``rigor``)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.numpy_engine import NumpyEngine
from mgdl_theory.rigor.rounding import quiet
from mgdl_theory.rigor.special import SPECIAL

_OF_MPMATH = ("asinh", "expm1", "erf", "erfc", "ncdf", "j0", "j1", "sinc")
"""Definition: functions that mpmath has under the same name, defined everywhere."""


class FloatAlgebra:
    """Approximate values: float64 numbers or arrays; NaN or inf where an operation is undefined.

    >>> FloatAlgebra().powq(np.array([4.0, -4.0]), Fraction(3, 2)).tolist()
    [8.0, nan]
    """

    neg, add, sub, mul, div = np.negative, np.add, np.subtract, np.multiply, np.divide
    exp, log, sqrt, cbrt = np.exp, np.log, np.sqrt, np.cbrt
    sin, cos, tan, sinh, cosh, tanh = np.sin, np.cos, np.tan, np.sinh, np.cosh, np.tanh
    asin, acos, atan, abs = np.arcsin, np.arccos, np.arctan, np.abs
    min, max = np.minimum, np.maximum
    expm1, log1p, asinh, hypot, atan2 = np.expm1, np.log1p, np.arcsinh, np.hypot, np.arctan2

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        if name not in SPECIAL:
            raise AttributeError(name)
        return lambda a: _middle(name, a)

    def expdiv(self, a: Any, b: Any) -> Any:
        """exp(-a/b) where b > 0, else 0."""
        return np.where(np.asarray(b) > 0, np.exp(-np.divide(a, b)), 0.0)

    def const(self, q: Fraction) -> Any:
        """The float nearest to q."""
        return np.float64(q)

    def pi(self) -> Any:
        """The float nearest to pi."""
        return np.float64(np.pi)

    def e(self) -> Any:
        """The float nearest to e."""
        return np.float64(np.e)

    def powi(self, a: Any, n: int) -> Any:
        """a ** n."""
        return a * a if n == 2 else np.power(a, np.float64(n))

    def powq(self, a: Any, q: Fraction) -> Any:
        """a ** q, NaN where a < 0."""
        return self.pow(a, np.float64(q))

    def pow(self, a: Any, b: Any) -> Any:
        """a ** b, NaN where a < 0 (also for integers b, whose power is :meth:`powi`)."""
        return np.power(np.where(np.asarray(a) < 0, np.nan, a), b)


def _middle(name: str, a: Any) -> Any:
    """The middle of the enclosure of a special function; NaN where it is undefined.

    >>> float(_middle("gamma", 5.0)), float(_middle("gamma", -1.0))
    (24.0, nan)
    """
    x = np.atleast_1d(np.asarray(a, dtype=np.float64))
    known = np.isfinite(x)
    inner = np.where(known, x, 1.0)
    with quiet():
        (value,) = _points().special(name, Interval(inner, inner))
        y = np.where(np.isfinite(value.lo), 0.5 * value.lo + 0.5 * value.hi, np.nan)
    for place, limit in zip((-np.inf, np.inf), SPECIAL[name].limits[0], strict=True):
        y = np.where(x == place, limit if place > 0 or SPECIAL[name].least == place else np.nan, y)
    return np.where(np.isnan(x), np.nan, y).reshape(np.shape(a))


@cache
def _points() -> NumpyEngine:
    return NumpyEngine()


class MpAlgebra:
    """mpmath numbers with this many digits, in a context of their own; NaN where an operation is undefined.

    Functions of arguments beyond 2**64 raise OverflowError: their digits would fill the memory.

    >>> algebra = MpAlgebra(30)
    >>> str(algebra.sqrt(algebra.const(Fraction(2))))
    '1.41421356237309504880168872421'
    """

    def __init__(self, digits: int) -> None:
        import mpmath

        self.context = mpmath.mp.clone()
        self.context.dps = digits

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        if name not in ("exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", *_OF_MPMATH):
            raise AttributeError(name)
        function = getattr(self.context, name)
        return lambda a: function(self._moderate(a))

    def _moderate(self, a: Any) -> Any:
        if self.context.isfinite(a) and abs(a) > 2**64:
            raise OverflowError("the argument of a function is beyond 2**64")
        return a

    def const(self, q: Fraction) -> Any:
        """q, correctly rounded."""
        return self.context.mpf(q.numerator) / q.denominator

    def pi(self) -> Any:
        """The constant pi."""
        return +self.context.pi

    def e(self) -> Any:
        """The constant e."""
        return +self.context.e

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
        """a / b, NaN for b = 0."""
        return a / b if b != 0 else self.context.nan

    def powi(self, a: Any, n: int) -> Any:
        """a ** n, NaN for a = 0 > n."""
        return a**n if n >= 0 or a != 0 else self.context.nan

    def powq(self, a: Any, q: Fraction) -> Any:
        """a ** q for a >= 0 (a > 0 if q < 0), NaN elsewhere."""
        return a ** self.const(q) if a > 0 or (a == 0 and q > 0) else self.context.nan

    def pow(self, a: Any, b: Any) -> Any:
        """exp(b log a) for a > 0, NaN elsewhere."""
        return self.exp(b * self.context.log(a)) if a > 0 else self.context.nan

    def log(self, a: Any) -> Any:
        """log(a), NaN for a <= 0."""
        return self.context.log(a) if a > 0 else self.context.nan

    def sqrt(self, a: Any) -> Any:
        """sqrt(a), NaN for a < 0."""
        return self.context.sqrt(a) if a >= 0 else self.context.nan

    def cbrt(self, a: Any) -> Any:
        """The real cube root."""
        return self.context.cbrt(a) if a >= 0 else -self.context.cbrt(-a)

    def asin(self, a: Any) -> Any:
        """asin(a), NaN for |a| > 1."""
        return self.context.asin(a) if -1 <= a <= 1 else self.context.nan

    def acos(self, a: Any) -> Any:
        """acos(a), NaN for |a| > 1."""
        return self.context.acos(a) if -1 <= a <= 1 else self.context.nan

    def log1p(self, a: Any) -> Any:
        """log(1 + a), NaN for a <= -1."""
        return self.context.log1p(a) if a > -1 else self.context.nan

    def gamma(self, a: Any) -> Any:
        """gamma(a), NaN for a <= 0."""
        return self.context.gamma(self._moderate(a)) if a > 0 else self.context.nan

    def lgamma(self, a: Any) -> Any:
        """log(gamma(a)), NaN for a <= 0."""
        return self.context.loggamma(a) if a > 0 else self.context.nan

    def lambertw(self, a: Any) -> Any:
        """Lambert's W, NaN below -1/e."""
        return self.context.lambertw(a).real if a >= -self.context.exp(-1) else self.context.nan

    def sigmoid(self, a: Any) -> Any:
        """1/(1 + exp(-a))."""
        return 1 / (1 + self.exp(-a))

    def softplus(self, a: Any) -> Any:
        """log(1 + exp(a))."""
        return self.max(a, self.const(Fraction(0))) + self.context.log1p(self.exp(-abs(a)))

    def expdiv(self, a: Any, b: Any) -> Any:
        """exp(-a/b) where b > 0, else 0; NaN where a is not positive there."""
        if b > 0:
            return self.context.exp(-a / b)
        return self.const(Fraction(0)) if a > 0 else self.context.nan

    def hypot(self, a: Any, b: Any) -> Any:
        """sqrt(a**2 + b**2)."""
        return self.context.hypot(a, b)

    def atan2(self, a: Any, b: Any) -> Any:
        """The angle of (b, a), NaN at the origin and on the cut behind it."""
        return self.context.atan2(a, b) if a != 0 or b > 0 else self.context.nan

    def abs(self, a: Any) -> Any:
        """|a|."""
        return abs(a)

    def min(self, a: Any, b: Any) -> Any:
        """The smaller of a and b."""
        return a if a <= b else b

    def max(self, a: Any, b: Any) -> Any:
        """The larger of a and b."""
        return a if a >= b else b
