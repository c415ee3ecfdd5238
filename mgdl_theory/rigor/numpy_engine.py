# ruff: noqa: D102 (the methods are documented in Engine)
"""The algebra of interval arrays on plain NumPy: fast enclosures, widened by what NumPy's rounding can err.

Every operation has the same three steps:

1. compute the ends in round-to-nearest and move them outward by the error bound;
2. look for elements that step 1 cannot vouch for or could do better: NaN, infinities, results close to underflow,
   and results that look *short*, with 27 trailing zero bits.  Results that are exact, like 1 * 1 or exp(0), are
   short; among inexact results about one in 10**8 is;
3. compute those few elements again, carefully.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.rigor.interval import Interval, check_exponent, magnitude, mignitude
from mgdl_theory.rigor.kernels import (
    ETA,
    LARGEST,
    PRODUCT_CEILING,
    PRODUCT_FLOOR,
    UNIT,
    lower,
    product_error,
    split,
    step_down,
    step_up,
    two_sum,
    upper,
)
from mgdl_theory.rigor.rounding import FUNCTION_ULPS, TRIG_REACH, add_down, add_up, sub_up
from mgdl_theory.rigor.special import SpecialEngine

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Ends = tuple[FloatArray, FloatArray]

_TAIL = np.int64(2**27 - 1)  # experience: what counts as a short significand
_SLACK = 2.0**-1021  # theorem: twice the absolute part of the declared error of a function
_CHAIN = 32  # experience: up to this exponent multiplications are faster than numpy.power
_TURN_ERROR = 2.0**-50  # theorem: fl(x * fl(1/pi)) errs by less than _TURN_ERROR |x| / pi (2.01 u suffices)

_EXACT: dict[str, tuple[float, float]] = {
    "arccos": (1.0, 0.0),
    "arcsin": (0.0, 0.0),
    "arctan": (0.0, 0.0),
    "cbrt": (0.0, 0.0),
    "cos": (0.0, 1.0),
    "cosh": (0.0, 1.0),
    "exp": (0.0, 1.0),
    "expm1": (0.0, 0.0),
    "log": (1.0, 0.0),
    "log1p": (0.0, 0.0),
    "sin": (0.0, 0.0),
    "sinh": (0.0, 0.0),
    "tan": (0.0, 0.0),
    "tanh": (0.0, 0.0),
}
"""Theorem: the only algebraic arguments with algebraic values (Lindemann), but for the cube root: (x0, f(x0))."""

_RANGE: dict[str, tuple[float, float]] = {
    "arccos": (0.0, np.inf),
    "cosh": (1.0, np.inf),
    "exp": (0.0, np.inf),
    "expm1": (-1.0, np.inf),
    "tanh": (-1.0, 1.0),
}
"""Theorem: f(x) is in this range."""


_AROUND_ONE = ("exp", "power")
"""Functions whose value 1 divides the line: their bounds do not cross it where the argument does not."""


class NumpyEngine(SpecialEngine):
    """Interval arrays under the assumptions of ``rounding.ASSUMPTIONS``; see ``Engine`` for every method's meaning.

    >>> engine = NumpyEngine()
    >>> engine.sqrt(engine.sub(engine.const(1), engine.sqr(engine.const(1))))
    Interval(lo=array([0.]), hi=array([0.]))
    """

    name = "numpy"

    # -- arithmetic --

    def add(self, a: Interval, b: Interval) -> Interval:
        return _sum(a.lo, b.lo, a.hi, b.hi)

    def sub(self, a: Interval, b: Interval) -> Interval:
        return _sum(a.lo, -b.hi, a.hi, -b.lo)

    def mul(self, a: Interval, b: Interval) -> Interval:
        for x, y in ((a, b), (b, a)):
            if _is_number(y):
                return _scale(x, y.lo.item())
        lo, hi = _corners(np.multiply, a, b)
        bad = _short(lo) | _short(hi)
        if _few(bad):
            return _repaired(step_down(lo), step_up(hi), bad, _careful_product, *_ends((a, b)))
        # theorem: products of numbers of at most 26 bits that do not underflow are exact
        exact = _short(a.lo) & _short(a.hi) & _short(b.lo) & _short(b.hi) & _moderate(lo) & _moderate(hi)
        bad &= ~exact
        lo, hi = np.where(exact, lo, step_down(lo)), np.where(exact, hi, step_up(hi))
        return _repaired(lo, hi, bad, _careful_product, *_ends((a, b)))

    def total(self, *terms: Interval) -> Interval:
        if all(x.lo.size == 1 for x in terms) or len(terms) == 1:
            return super().total(*terms)
        lo, hi = _sum_once([(x.lo, x.hi) for x in terms], rounded_before=0)
        return _repaired(lo, hi, None, self._careful_total, *_ends(terms))

    def _careful_total(self, *ends: FloatArray) -> Ends:
        total = super().total(*_intervals(ends))
        return total.lo, total.hi

    def dot(self, *terms: tuple[Interval, Interval]) -> Interval:
        if len(terms) == 1 and any(_is_number(x) for x in terms[0]):
            return self.mul(*terms[0])
        lo, hi = _sum_once([_raw_product(*term) for term in terms], rounded_before=1)
        return _repaired(lo, hi, None, self._careful_dot, *_ends(tuple(x for term in terms for x in term)))

    def _careful_dot(self, *ends: FloatArray) -> Ends:
        x = _intervals(ends)
        total = super().dot(*zip(x[0::2], x[1::2], strict=True))
        return total.lo, total.hi

    def div(self, a: Interval, b: Interval) -> Interval:
        if _is_number(b) and _is_power_of_two(b.lo.item()):
            return _scale(a, 1 / b.lo.item())
        lo, hi = _corners(np.divide, a, b)
        inside = (b.lo > 0) | (b.hi < 0)
        return _within(inside, _rounded(lo, hi, _careful_quotient, a, b))

    def sqr(self, a: Interval) -> Interval:
        if _is_number(a):
            return Interval.exact(Fraction(a.lo.item()) ** 2)
        least, most = mignitude(a), magnitude(a)
        lo, hi = least * least, most * most
        bad = _short(least) | _short(most)  # theorem: squares of numbers of more than 27 bits are never exact
        if _few(bad):
            lo, hi = step_down(lo), step_up(hi)
            bad |= lo < 0
        else:
            bad = ~((_moderate(lo) | (least == 0)) & _moderate(hi))
            lo, hi = lower(lo, _square_error(least, lo)), upper(hi, _square_error(most, hi))
        return _repaired(lo, hi, bad, _careful_square, least, most)

    def powi(self, a: Interval, n: int) -> Interval:
        check_exponent(n)
        if n == 0:
            return Interval(np.ones(a.shape), np.ones(a.shape))
        if n == 1:
            return a
        if n == 2:
            return self.sqr(a)
        if n < 0:
            return self.div(self.const(1), self.powi(a, -n))
        if n % 2 == 0:
            a = self.abs(a)
        return _power_increasing(a, n)

    def powq(self, a: Interval, q: Fraction) -> Interval:
        return _within(a.lo >= 0 if q >= 0 else a.lo > 0, self.powq_inside(a, q))

    def powq_inside(self, a: Interval, q: Fraction) -> Interval:
        if q < 0:
            return self._reciprocal_inside(self.powq_inside(a, -q))
        if q.denominator == 1:
            return self.powi(a, int(q))
        if q == Fraction(1, 2):
            return self.sqrt(a)
        if q == Fraction(1, 3):
            return self.cbrt(a)
        return self._corner_powers(a, self.const(q))

    def _reciprocal_inside(self, a: Interval) -> Interval:
        """{1/x : x in a, x > 0} for a >= 0."""
        lo, hi = np.broadcast_arrays(a.lo, a.hi)
        inverse = self.div(self.const(1), Interval(np.where(lo > 0, lo, hi), hi))
        return Interval(inverse.lo, np.where(lo > 0, inverse.hi, np.inf))

    def pow(self, a: Interval, b: Interval) -> Interval:
        return _within(a.lo > 0, self._corner_powers(a, b))

    def _corner_powers(self, a: Interval, b: Interval) -> Interval:
        """{x**y} for x >= 0, y >= 0 or x > 0: x**y is monotone in each variable, so the extremes are at corners."""
        lo, hi = _corners(np.power, a, b)
        return _declared("power", lo, hi, _careful_power, a, b)

    def sqrt(self, a: Interval) -> Interval:
        return _within(a.lo >= 0, _rounded(np.sqrt(a.lo), np.sqrt(a.hi), _careful_root, a))

    # -- functions --

    def cbrt(self, a: Interval) -> Interval:
        return _increasing("cbrt", a)

    def exp(self, a: Interval) -> Interval:
        return _increasing("exp", a)

    def log(self, a: Interval) -> Interval:
        return _within(a.lo > 0, _increasing("log", a))

    def sinh(self, a: Interval) -> Interval:
        return _increasing("sinh", a)

    def cosh(self, a: Interval) -> Interval:
        return _increasing("cosh", self.abs(a))

    def tanh(self, a: Interval) -> Interval:
        return _increasing("tanh", a)

    def asin(self, a: Interval) -> Interval:
        return _within((a.lo >= -1) & (a.hi <= 1), _increasing("arcsin", a))

    def acos(self, a: Interval) -> Interval:
        return _within((a.lo >= -1) & (a.hi <= 1), _increasing("arccos", Interval(a.hi, a.lo)))

    def atan(self, a: Interval) -> Interval:
        return _increasing("arctan", a)

    def expm1(self, a: Interval) -> Interval:
        return _increasing("expm1", a)

    def log1p(self, a: Interval) -> Interval:
        return _within(a.lo > -1, _increasing("log1p", a))

    def sincos(self, a: Interval) -> tuple[Interval, Interval]:
        turns = _half_turns(a)
        return _wave("sin", a, turns, 0.5), _wave("cos", a, turns, 0.0)

    def sin(self, a: Interval) -> Interval:
        return _wave("sin", a, _half_turns(a), 0.5)

    def cos(self, a: Interval) -> Interval:
        return _wave("cos", a, _half_turns(a), 0.0)

    def tan(self, a: Interval) -> Interval:
        turns = _half_turns(a)
        first, last = _integers_inside(turns, 0.5)
        inside = last < first
        if not inside.all():
            inside |= (turns[0] <= turns[1]) & _same_branch(a)
        return _within(inside, _increasing("tan", a))


# -- the three steps -------------------------------------------------------------------------------


def _rounded(lo: FloatArray, hi: FloatArray, careful: Callable[..., Ends], *of: Interval) -> Interval:
    """Interval around ends that were computed with one correct rounding; exact where the result is short."""
    bad = _short(lo) | _short(hi)
    return _repaired(step_down(lo), step_up(hi), bad, careful, *_ends(of))


def _declared(name: str, lo: FloatArray, hi: FloatArray, careful: Callable[..., Ends], *of: Interval) -> Interval:
    """Interval around ends that were computed by a function of NumPy, within its declared error."""
    bad = _may_be_exact(name, lo) | _may_be_exact(name, hi)
    lo, hi = lo - _error(name, lo), hi + _error(name, hi)
    if name in _RANGE:
        least, most = _RANGE[name]
        bad |= (lo < least) | (hi > most)
    if name in _AROUND_ONE:
        bad |= (lo < 1) & (hi > 1)
    return _repaired(lo, hi, bad, careful, *_ends(of))


def _may_be_exact(name: str, y: FloatArray) -> BoolArray:
    """Whether these values look like values that are known exactly."""
    return _short(y) if name in ("cbrt", "power") else np.asarray(y == _EXACT[name][1])


def _repaired(
    lo: FloatArray, hi: FloatArray, bad: BoolArray | None, careful: Callable[..., Ends], *operands: FloatArray
) -> Interval:
    """The interval [lo, hi] with the bad elements, and those where lo <= hi fails, computed again from the operands."""
    good = lo <= hi
    if bad is not None:
        good &= ~bad
    if np.count_nonzero(good) != good.size:
        at = np.nonzero(~good)
        if lo.shape != hi.shape or not (lo.flags.writeable and hi.flags.writeable):
            lo, hi = np.array(np.broadcast_to(lo, good.shape)), np.array(np.broadcast_to(hi, good.shape))
        lo[at], hi[at] = careful(*(_gathered(x, good.shape, at) for x in operands))
    return Interval(lo, hi)


def _gathered(x: FloatArray, shape: tuple[int, ...], at: tuple[NDArray[np.intp], ...]) -> FloatArray:
    """The elements of x, broadcast to this shape, with these indices."""
    if x.shape == shape:
        return x[at]
    return x.repeat(len(at[0])) if x.size == 1 else np.broadcast_to(x, shape)[at]


def _short(x: FloatArray) -> BoolArray:
    """Whether the last 27 bits are zero: 0, infinities, and every number of at most 26 bits."""
    return np.asarray((x.view(np.int64) & _TAIL) == 0)


def _all(flags: BoolArray) -> bool:
    return bool(np.count_nonzero(flags) == flags.size)


def _few(flags: BoolArray) -> bool:
    """Whether short numbers are the exception (experience: an eighth); on a coarse grid they are the rule."""
    return bool(8 * np.count_nonzero(flags) < flags.size)


def _error(name: str, y: FloatArray) -> FloatArray:
    """Bound of |f(x) - y| + |rounding of y -+ bound| for a computed value y."""
    t = np.abs(y)
    t *= (FUNCTION_ULPS[name] + 1) * 2 * UNIT
    t += _SLACK
    return t


def _within(inside: BoolArray, result: Interval) -> Interval:
    """The result where the arguments are inside the domain, [-inf, inf] elsewhere."""
    if inside.all():
        return result
    return Interval(np.where(inside, result.lo, -np.inf), np.where(inside, result.hi, np.inf))


def _ends(intervals: tuple[Interval, ...]) -> list[FloatArray]:
    return [end for a in intervals for end in (a.lo, a.hi)]


def _intervals(ends: tuple[FloatArray, ...]) -> list[Interval]:
    return [Interval(lo, hi) for lo, hi in zip(ends[0::2], ends[1::2], strict=True)]


def _is_number(a: Interval) -> bool:
    """Whether this is one known finite number, for all elements."""
    if a.lo.shape != (1,) or a.hi.shape != (1,):
        return False
    return -math.inf < a.lo.item() == a.hi.item() < math.inf


def _is_positive(a: Interval) -> bool:
    """Whether no member of any element is negative."""
    return bool(a.lo.min(initial=math.inf) >= 0)


def _is_power_of_two(c: float) -> bool:
    """Whether c is +-2**k with a reciprocal of moderate size."""
    return abs(math.frexp(c)[0]) == 0.5 and 2.0**-1000 < abs(c) < 2.0**1000


def _corners(operation: Callable[[FloatArray, FloatArray], FloatArray], a: Interval, b: Interval) -> Ends:
    """Least and greatest computed value of the operation at the four corners; NaN if one of them is."""
    if _is_number(b):
        p, r = operation(a.lo, b.lo), operation(a.hi, b.lo)
        return np.minimum(p, r), np.maximum(p, r)
    if operation is np.multiply and not _is_positive(b) and _is_positive(a):
        a, b = b, a
    p, s = operation(a.lo, b.lo), operation(a.hi, b.hi)
    q, r = operation(a.lo, b.hi), operation(a.hi, b.lo)
    if _is_positive(b):  # theorem: product, quotient and power increase with the first number where the second is >= 0
        return np.minimum(p, q), np.maximum(r, s)
    lo = np.minimum(np.minimum(p, q), np.minimum(r, s))
    return lo, np.maximum(np.maximum(p, q), np.maximum(r, s))


# -- sums and products -----------------------------------------------------------------------------


def _sum(a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray) -> Interval:
    """[a + b, c + d], rounded outward, exact where representable."""
    lo, hi = lower(*two_sum(a, b)), upper(*two_sum(c, d))
    return _repaired(lo, hi, None, _careful_sum, a, b, c, d)


def _careful_sum(a: FloatArray, b: FloatArray, c: FloatArray, d: FloatArray) -> Ends:
    return add_down(a, b), add_up(c, d)


def _sum_once(parts: list[Ends], rounded_before: int) -> Ends:
    """Ends of a sum of intervals with at most one earlier rounding; lo <= hi fails after NaN and some overflows."""
    # theorem: n - 1 sums, the roundings before, one of the result, and one for products of the errors
    factor = (len(parts) + rounded_before + 1) * UNIT
    lo, lo_size = _sum_and_size([lo for lo, _ in parts])
    hi, hi_size = _sum_and_size([hi for _, hi in parts])
    for size in (lo_size, hi_size):
        size *= factor
        size += len(parts) * 2 * ETA
    return lo - lo_size, hi + hi_size


def _sum_and_size(parts: list[FloatArray]) -> Ends:
    """Computed sum of the parts and of their magnitudes."""
    total, size = parts[0], np.abs(parts[0])
    for part in parts[1:]:
        total = total + part
        size = size + np.abs(part)
    return total, size


def _raw_product(a: Interval, b: Interval) -> Ends:
    """Ends of {x y}, each rounded to nearest."""
    for x, y in ((a, b), (b, a)):
        if _is_number(y):
            c = y.lo.item()
            if c == 1:
                return x.lo, x.hi
            return (c * x.lo, c * x.hi) if c >= 0 else (c * x.hi, c * x.lo)
    return _corners(np.multiply, a, b)


def _scale(a: Interval, c: float) -> Interval:
    """{c x} for a finite number c."""
    if c == 1:
        return a
    if c == -1:
        return Interval(-a.hi, -a.lo)
    if c == 0:
        return Interval(np.zeros(a.shape), np.zeros(a.shape))
    if _is_number(a):
        return Interval.exact(Fraction(a.lo.item()) * Fraction(c))
    x, y = (a.lo, a.hi) if c > 0 else (a.hi, a.lo)
    factor = np.array([c])
    lo, hi = c * x, c * y
    if _is_power_of_two(c):
        bad = (lo * (1 / c) != x) | (hi * (1 / c) != y)  # theorem: what a power of two undoes was exact
        return _repaired(lo, hi, bad, _careful_product, a.lo, a.hi, factor, factor)
    bad = _short(lo) | _short(hi)
    if _few(bad):
        lo, hi = step_down(lo), step_up(hi)
    else:
        bad = ~(_moderate(lo) & _moderate(hi))
        if not (_short(factor)[0] and _all(_short(x)) and _all(_short(y))):  # theorem: products of 26 bits are exact
            lo, hi = lower(lo, _multiple_error(x, c, lo)), upper(hi, _multiple_error(y, c, hi))
    return _repaired(lo, hi, bad, _careful_product, a.lo, a.hi, factor, factor)


def _moderate(p: FloatArray) -> BoolArray:
    """Whether products of this size have an error that can be computed."""
    size = np.abs(p)
    return np.asarray((size >= PRODUCT_FLOOR) & (size <= PRODUCT_CEILING))


def _multiple_error(x: FloatArray, c: float, p: FloatArray) -> FloatArray:
    """c x - p exactly, for p = fl(c x) of moderate size; NaN or anything otherwise (Dekker)."""
    c1, c2 = (part.item() for part in split(np.array([c])))
    x1, x2 = split(x)
    error = x1 * c1
    error -= p
    if c2:
        error += x1 * c2
    error += x2 * c1
    if c2:
        error += x2 * c2
    return error


def _square_error(x: FloatArray, p: FloatArray) -> FloatArray:
    """x**2 - p exactly, for p = fl(x**2) of moderate size or zero; anything otherwise (Dekker)."""
    x1, x2 = split(x)
    error = x1 * x1
    error -= p
    x1 *= 2 * x2
    error += x1
    x2 *= x2
    error += x2
    return error


def _careful_product(al: FloatArray, ah: FloatArray, bl: FloatArray, bh: FloatArray) -> Ends:
    """Tight ends of the product; 0 * inf is 0."""
    return _extremes(*_product_bounds(*_pairs(al, ah, bl, bh)))


def _pairs(al: FloatArray, ah: FloatArray, bl: FloatArray, bh: FloatArray) -> Ends:
    """First and second coordinates (4, n) of the corners."""
    return np.array([al, al, ah, ah]), np.array([bl, bh, bl, bh])


def _extremes(lo: FloatArray, hi: FloatArray) -> Ends:
    """Least of the lower and greatest of the upper bounds at the corners."""
    return np.minimum.reduce(lo), np.maximum.reduce(hi)


def _product_bounds(x: FloatArray, y: FloatArray) -> Ends:
    """Neighbouring bounds of x y; 0 * inf is 0."""
    p = x * y
    sign = np.sign(x) * np.sign(y)
    np.copyto(p, 0.0, where=sign == 0)
    error = product_error(x, y, p)
    np.copyto(error, np.nan, where=~_moderate(p))
    return _bounds(p, error, sign)


def _bounds(p: FloatArray, error: FloatArray, sign: FloatArray) -> Ends:
    """Bounds of p + error, |error| at most half a unit of p or NaN if unknown; the truth has this sign."""
    lo = np.where(error >= 0, p, np.nextafter(p, -np.inf))
    hi = np.where(error <= 0, p, np.nextafter(p, np.inf))
    np.copyto(lo, np.maximum(lo, 0.0), where=sign >= 0)
    np.copyto(hi, np.minimum(hi, 0.0), where=sign <= 0)
    return lo, hi


def _careful_quotient(al: FloatArray, ah: FloatArray, bl: FloatArray, bh: FloatArray) -> Ends:
    """Tight ends of the quotient by an interval without 0."""
    return _extremes(*_quotient_bounds(*_pairs(al, ah, bl, bh)))


def _quotient_bounds(x: FloatArray, y: FloatArray) -> Ends:
    """Neighbouring bounds of x / y; 0 for an infinite y (the other corners hold the rest of the limit points)."""
    q = x / y
    np.copyto(q, 0.0, where=np.isinf(y))
    rest = _remainder(x, q, y) * np.sign(y)
    return _bounds(q, rest, np.sign(x) * np.sign(y))


def _remainder(x: FloatArray, q: FloatArray, y: FloatArray) -> FloatArray:
    """x - q y with the right sign, for q = fl(x / y) or q = y = fl(sqrt(x)); NaN where under- or overflow may spoil it.

    Theorem: p = fl(q y) is within a factor two of x, so x - p is exact; subtracting the error of p keeps the sign.
    """
    p = q * y
    rest = (x - p) - product_error(q, y, p)
    size = np.abs(x)
    np.copyto(rest, np.nan, where=~((size >= 2 * PRODUCT_FLOOR) & (size <= PRODUCT_CEILING / 2)))
    return rest


def _careful_square(least: FloatArray, most: FloatArray) -> Ends:
    """Tight ends of {x**2 : least <= x <= most}, least >= 0."""
    ends = np.array([least, most])
    lo, hi = _product_bounds(ends, ends)
    return lo[0], hi[1]


def _careful_root(lo: FloatArray, hi: FloatArray) -> Ends:
    """Tight ends of {sqrt(x)}; anything where lo < 0."""
    x = np.array([lo, hi])
    root = np.sqrt(x)
    below, above = _bounds(root, _remainder(x, root, root), np.sign(x))
    return below[0], above[1]


# -- powers ----------------------------------------------------------------------------------------


def _power_increasing(a: Interval, n: int) -> Interval:
    """{x**n} where that increases: n odd or a >= 0."""
    if n > _CHAIN:
        sign_lo, sign_hi = np.sign(a.lo), np.sign(a.hi)
        lo, hi = sign_lo * np.abs(a.lo) ** n, sign_hi * np.abs(a.hi) ** n
        return _declared("power", lo, hi, lambda x, y: _careful_chain(x, y, n), a)
    lo, hi = _chain(a.lo, n), _chain(a.hi, n)
    bad = _short(lo) | _short(hi)
    lo, hi = lo - _chain_error(lo, n), hi + _chain_error(hi, n)
    return _repaired(lo, hi, bad, lambda x, y: _careful_chain(x, y, n), a.lo, a.hi)


def _chain(x: FloatArray, n: int) -> FloatArray:
    """x**n by multiplications; relative error at most (n - 1) u (1 + n u) while nothing underflows."""
    if n == 1:
        return x
    half = _chain(x, n // 2)
    square = half * half
    return square * x if n % 2 else square


def _chain_error(y: FloatArray, n: int) -> FloatArray:
    return np.abs(y) * ((n + 1) * UNIT) + ETA


def _careful_chain(lo: FloatArray, hi: FloatArray, n: int) -> Ends:
    """Ends of {x**n} where that increases, exact where every product on the way is."""
    below, above = _chain_bounds(np.array([lo, hi]), n)
    return below[0], above[1]


def _chain_bounds(x: FloatArray, n: int) -> Ends:
    """Bounds of x**n by directed multiplication of |x|; n is odd where x < 0."""
    size = np.abs(x)
    bounds = base = np.array([size, size])
    for bit in bin(n)[3:]:
        for factor in (bounds, base)[: 1 + int(bit)]:
            below, above = _product_bounds(bounds, factor)
            bounds = np.array([below[0], above[1]])
    lo, hi = bounds
    return np.where(x < 0, -hi, lo), np.where(x < 0, -lo, hi)


def _careful_power(al: FloatArray, ah: FloatArray, bl: FloatArray, bh: FloatArray) -> Ends:
    return _extremes(*_power_bounds(*_pairs(al, ah, bl, bh)))


def _power_bounds(x: FloatArray, y: FloatArray) -> Ends:
    """Bounds of x**y for x >= 0."""
    value = np.power(x, y)
    lo, hi = _function_bounds("power", value, np.isinf(x) | np.isinf(y), (0.0, np.inf))
    one = (x == 1) | (y == 0)
    zero = (x == 0) & (y > 0)
    hi = np.where(one | ((x < 1) == (y > 0)), np.fmin(hi, 1.0), hi)
    lo = np.where(one | ((x > 1) == (y > 0)), np.fmax(lo, 1.0), lo)
    return np.where(zero, 0.0, lo), np.where(zero, 0.0, hi)


# -- functions of one variable ---------------------------------------------------------------------


def _increasing(name: str, a: Interval) -> Interval:
    """{f(x)} for an increasing f; or a decreasing one if the ends of a are exchanged."""
    lo, hi = _at_ends(lambda x: _computed(name, x), a)
    return _declared(name, lo, hi, lambda x, y: _careful_increasing(name, x, y), a)


def _at_ends(function: Callable[[FloatArray], FloatArray], a: Interval) -> Ends:
    """f(lo) and f(hi); where most intervals end at the beginning of their neighbour, common ends are computed once."""
    lo = function(a.lo)
    if _equal(a.lo, a.hi):
        return lo, lo
    if a.lo.shape == a.hi.shape and a.lo.ndim == 1:
        for here, there in ((slice(None, -1), slice(1, None)), (slice(1, None), slice(None, -1))):
            own = np.ones(len(lo), dtype=np.bool_)
            own[here] = a.hi[here] != a.lo[there]
            if _few(own):
                hi, at = np.empty_like(lo), np.flatnonzero(own)
                hi[here] = lo[there]
                hi[at] = function(a.hi[at])
                return lo, hi
    return lo, function(a.hi)


def _computed(name: str, x: FloatArray) -> FloatArray:
    """f(x) within the declared error; a cube root of at most 26 bits whose cube rounds to x is taken for it.

    Such a root errs by less than one unit where x is a normal number, and exact roots (at most 18 bits) are among them.
    """
    value: FloatArray = getattr(np, name)(x)
    if name == "cbrt":
        short = split(value)[0]
        fits = (short * short * short == x) & (np.abs(x) >= 2.0**-1022)
        value = np.where(fits, short, value)
    return value


def _careful_increasing(name: str, lo: FloatArray, hi: FloatArray) -> Ends:
    below, above = _value_bounds(name, np.array([lo, hi]))
    return below[0], above[1]


def _equal(x: FloatArray, y: FloatArray) -> bool:
    return x is y or (x.shape == y.shape and bool((x == y).all()))


def _value_bounds(name: str, x: FloatArray) -> Ends:
    """Bounds of f(x), exact at the point where f is known."""
    value = _computed(name, x)
    lo, hi = _function_bounds(name, value, np.isinf(x), _RANGE.get(name, (-np.inf, np.inf)))
    if name == "cbrt":
        cube_lo, cube_hi = _chain_bounds(value, 3)
        known = (cube_lo == x) & (cube_hi == x)
        return np.where(known, value, lo), np.where(known, value, hi)
    x0, y0 = _EXACT[name]
    if name in _AROUND_ONE:
        return np.where(x >= x0, np.fmax(lo, y0), lo), np.where(x <= x0, np.fmin(hi, y0), hi)
    return np.where(x == x0, y0, lo), np.where(x == x0, y0, hi)


def _function_bounds(name: str, y: FloatArray, at_infinity: BoolArray, limits: tuple[float, float]) -> Ends:
    """Bounds of the true value from a computed one; an infinite y at a finite argument is an overflow."""
    error = _error(name, y)
    most = LARGEST * (1 - (FUNCTION_ULPS[name] + 2) * 2 * UNIT)  # theorem: the truth behind an overflow is not below
    lo = np.where(y == np.inf, np.where(at_infinity, np.inf, most), y - error)
    hi = np.where(y == -np.inf, np.where(at_infinity, -np.inf, -most), y + error)
    lo, hi = np.fmax(lo, limits[0]), np.fmin(hi, limits[1])
    return np.where(np.isnan(y), limits[0], lo), np.where(np.isnan(y), limits[1], hi)


# -- sine, cosine, tangent -------------------------------------------------------------------------


def _half_turns(a: Interval) -> Ends:
    """Bounds of x / pi over the interval; NaN where |x| may exceed TRIG_REACH."""
    lo, hi = a.lo * (1 / math.pi), a.hi * (1 / math.pi)
    error = np.abs(lo)
    error += np.abs(hi)
    error += 1
    near = error < TRIG_REACH / math.pi
    if np.count_nonzero(near) != near.size:
        error = np.where(near, error, np.nan)
    error *= _TURN_ERROR
    return lo - error, hi + error


def _integers_inside(turns: Ends, offset: float) -> Ends:
    """First and last integer k with k + offset between the bounds, or one that only seems so by rounding."""
    return np.ceil(turns[0] - offset), np.floor(turns[1] - offset)


def _wave(name: str, a: Interval, turns: Ends, offset: float) -> Interval:
    """Sine (offset 1/2) or cosine (0) over intervals: extreme where x / pi = k + offset, +1 for even k, -1 for odd."""
    x, y = _at_ends(getattr(np, name), a)
    lo, hi = np.minimum(x, y), np.maximum(x, y)
    bad = _may_be_exact(name, lo) | _may_be_exact(name, hi)
    lo -= _error(name, lo)
    hi += _error(name, hi)
    first, last = _integers_inside(turns, offset)
    extreme = ~(last < first)
    if np.count_nonzero(extreme):
        _insert_extremes(lo, hi, first, last, extreme)
    np.maximum(lo, -1.0, out=lo)
    np.minimum(hi, 1.0, out=hi)
    return _repaired(lo, hi, bad, lambda *x: _careful_wave(name, *x), a.lo, a.hi, first, last)


def _insert_extremes(lo: FloatArray, hi: FloatArray, first: FloatArray, last: FloatArray, where: BoolArray) -> None:
    """Write -1 and 1 into lo and hi, in these elements, where an odd or even integer lies between first and last."""
    at = np.nonzero(where)
    k = first[at]
    several = ~(last[at] <= k)
    even = np.mod(k, 2) == 0
    lo[at] = np.where(several | ~even, -1.0, lo[at])
    hi[at] = np.where(several | even, 1.0, hi[at])


def _careful_wave(name: str, lo: FloatArray, hi: FloatArray, first: FloatArray, last: FloatArray) -> Ends:
    """Ends of the wave, exact at 0 and inside [-1, 1]."""
    low, high = _extremes(*_value_bounds(name, np.array([lo, hi])))
    _insert_extremes(low, high, first, last, ~(last < first))
    return np.fmax(low, -1.0), np.fmin(high, 1.0)


def _same_branch(a: Interval) -> BoolArray:
    """Whether the cosine has one sign throughout, by its signs at the ends; sufficient, for short intervals."""
    short = sub_up(a.hi, a.lo) <= math.pi  # theorem: float(pi) < pi, the distance of two zeros, so a sign change shows
    return np.asarray(short & (np.cos(a.lo) * np.cos(a.hi) > 0))
