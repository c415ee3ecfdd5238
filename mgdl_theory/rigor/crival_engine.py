# ruff: noqa: D102 (the methods are documented in Engine)
"""The algebra of interval arrays on the package crival (import name ``ival``): every result is the tightest.

Its functions are CORE-MATH's, correctly rounded in every direction, so this engine needs no assumption
about NumPy's functions.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import ival
import numpy as np
from numpy.typing import NDArray

from mgdl_theory.errors import AssumptionError
from mgdl_theory.rigor.interval import Interval, check_exponent
from mgdl_theory.rigor.rounding import reference_values
from mgdl_theory.rigor.special import SpecialEngine

BoolArray = NDArray[np.bool_]


class CrivalEngine(SpecialEngine):
    """Tight interval arrays; see ``Engine`` for the meaning of every method.

    >>> CrivalEngine().sqrt(Interval.exact(4))
    Interval(lo=array([2.]), hi=array([2.]))
    """

    name = "crival"

    def __init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Raise AssumptionError unless the stored sample is enclosed within one unit in the last place."""
        names = {"arcsin": "asin", "arccos": "acos", "arctan": "atan", "power": "pow"}
        for name, values in reference_values().items():
            rows = values.T
            result = getattr(ival, names.get(name, name))(*(ival.Interval(x, x) for x in rows[:-1]))
            inside = (result.lo <= rows[-1]) & (rows[-1] <= result.hi)
            if not (inside & (np.nextafter(result.lo, np.inf) >= result.hi)).all():
                raise AssumptionError(f"crival's {name} does not enclose a reference value tightly")

    def add(self, a: Interval, b: Interval) -> Interval:
        return _back(_ival(a) + _ival(b))

    def sub(self, a: Interval, b: Interval) -> Interval:
        return _back(_ival(a) - _ival(b))

    def mul(self, a: Interval, b: Interval) -> Interval:
        return _back(_ival(a) * _ival(b))

    def div(self, a: Interval, b: Interval) -> Interval:
        return _within((b.lo > 0) | (b.hi < 0), _back(_ival(a) / _ival(b)))

    def sqr(self, a: Interval) -> Interval:
        return _call(ival.sqr, a)

    def powi(self, a: Interval, n: int) -> Interval:
        check_exponent(n)
        result = _back(ival.pown(_ival(a), n))
        return result if n >= 0 else _within((a.lo > 0) | (a.hi < 0), result)

    def powq(self, a: Interval, q: Fraction) -> Interval:
        return _within(a.lo >= 0 if q >= 0 else a.lo > 0, self.powq_inside(a, q))

    def powq_inside(self, a: Interval, q: Fraction) -> Interval:
        if q.denominator == 1:
            return _call(lambda x: ival.pown(x, int(q)), a)
        if q == Fraction(1, 2):
            return _call(ival.sqrt, a)
        return _call(lambda x: ival.pow(x, _ival(Interval.exact(q))), a)

    def pow(self, a: Interval, b: Interval) -> Interval:
        return _within(a.lo > 0, _back(ival.pow(_ival(a), _ival(b))))

    def sqrt(self, a: Interval) -> Interval:
        return _within(a.lo >= 0, _call(ival.sqrt, a))

    def cbrt(self, a: Interval) -> Interval:
        return _call(ival.cbrt, a)

    def exp(self, a: Interval) -> Interval:
        return _call(ival.exp, a)

    def log(self, a: Interval) -> Interval:
        return _within(a.lo > 0, _call(ival.log, a))

    def sincos(self, a: Interval) -> tuple[Interval, Interval]:
        return _call(ival.sin, a), _call(ival.cos, a)

    def sin(self, a: Interval) -> Interval:
        return _call(ival.sin, a)

    def cos(self, a: Interval) -> Interval:
        return _call(ival.cos, a)

    def tan(self, a: Interval) -> Interval:
        return _call(ival.tan, a)

    def sinh(self, a: Interval) -> Interval:
        return _call(ival.sinh, a)

    def cosh(self, a: Interval) -> Interval:
        return _call(ival.cosh, a)

    def tanh(self, a: Interval) -> Interval:
        return _call(ival.tanh, a)

    def asin(self, a: Interval) -> Interval:
        return _within((a.lo >= -1) & (a.hi <= 1), _call(ival.asin, a))

    def acos(self, a: Interval) -> Interval:
        return _within((a.lo >= -1) & (a.hi <= 1), _call(ival.acos, a))

    def atan(self, a: Interval) -> Interval:
        return _call(ival.atan, a)

    def expm1(self, a: Interval) -> Interval:
        return _call(ival.expm1, a)

    def log1p(self, a: Interval) -> Interval:
        return _within(a.lo > -1, _call(ival.log1p, a))


def _ival(a: Interval) -> Any:
    """The same set as an array of the package."""
    return ival.Interval(a.lo, a.hi)


def _back(result: Any) -> Interval:
    """The same set as an Interval; nothing is known where the package says empty (NaN)."""
    lo, hi = np.asarray(result.lo), np.asarray(result.hi)
    if (lo <= hi).all():
        return Interval(lo, hi)
    return _within(lo <= hi, Interval(lo, hi))


def _call(function: Callable[[Any], Any], a: Interval) -> Interval:
    return _back(function(_ival(a)))


def _within(inside: BoolArray, result: Interval) -> Interval:
    """The result where the arguments are inside the domain, [-inf, inf] elsewhere."""
    if inside.all():
        return result
    return Interval(np.where(inside, result.lo, -np.inf), np.where(inside, result.hi, np.inf))
