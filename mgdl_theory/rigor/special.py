# ruff: noqa: D102 (the methods are documented in Engine)
"""Special functions on interval arrays: tables of Taylor coefficients with proven errors, and what follows from them.

Every function is known at points, with its first two derivatives: from a row of ``tables.npz`` (Lemma 28, nothing
but + and * at run time), or by a formula in operations of the engine.  Between two points it is known where the
derivative of each order turns, so the range over a cell is that of the ends and of the turns inside; or how fast it
bends, and Lemma 29 does without the turns.  Both engines share this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.errors import AssumptionError
from mgdl_theory.rigor.flat import flat_quotient
from mgdl_theory.rigor.interval import Engine, Interval, magnitude, mignitude
from mgdl_theory.rigor.kernels import ETA, LARGEST, UNIT, step_down, step_up, two_product

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
Orders = list[Interval]  # enclosures of a function and of its first derivatives at points

BRANCH = -0.3678794411714423
"""Theorem: the binary64 number next above -1/e, where Lambert's W begins; -1/e is no binary number."""


# -- tables ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Taylor coefficients of a function at the centres k step, with errors: Lemma 28.

    Attributes
    ----------
    step : float
        A power of two.
    first : int
        The number of the first centre.
    last : float
        The last centre.
    c : float64 array (n + 1, rows)
        Coefficients b_0, ..., b_n of each row.
    e0, e1 : float64 arrays (rows,)
        abs(f(c_k + s) - y) <= u abs(y) + e0 + abs(s) e1 for abs(s) <= step/2, y the computed b_0 + s (b_1 + s (...)).
    """

    step: float
    first: int
    last: float
    c: FloatArray
    e0: FloatArray
    e1: FloatArray

    def bounds(self, x: FloatArray) -> Interval:
        """Enclosures of f at points between the first and the last centre, less than half a step beyond included.

        >>> table("gamma").bounds(np.array([2.0]))  # gamma(1 + 2) = 2
        Interval(lo=array([2.]), hi=array([2.]))
        """
        k = np.rint(x * (1 / self.step))
        s = x - k * self.step  # theorem (Sterbenz): exact
        row = k.astype(np.intp)
        row -= self.first
        c = self.c
        t = c[-1].take(row)
        for j in range(len(c) - 2, 0, -1):
            t *= s
            t += c[j].take(row)
        t *= s
        y = c[0].take(row)
        y += t
        start = self.e0.take(row)
        error = np.abs(s)
        error *= self.e1.take(row)
        error += start
        error *= 1 + 16 * UNIT
        rounding = np.abs(y)
        rounding *= 2.001 * UNIT  # of the last addition, and of y -+ error
        rounding += 4 * ETA
        rounding *= (s != 0) | (start != 0)  # else y = b_0 = f
        error += rounding
        return Interval(y - error, y + error)


DIGEST = "bf82373bb4619677eb4b3f0aea60f55d3125250d4c0441227a8957bd1e99e5c9"
"""SHA-256 of the numbers in tables.npz; ``digest`` computes it."""


@cache
def _arrays() -> dict[str, FloatArray]:
    with np.load(Path(__file__).with_name("tables.npz"), allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    if digest(arrays) != DIGEST:
        raise AssumptionError(
            "the tables of special functions are not those that were proved; install the package anew"
        )
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


def digest(arrays: Mapping[str, FloatArray]) -> str:
    """SHA-256 of named arrays, in hexadecimal: of name, shape and little-endian numbers, by name.

    >>> digest({})[:8]
    'e3b0c442'
    """
    total = sha256()
    for name in sorted(arrays):
        total.update(f"{name} {arrays[name].shape}".encode())
        total.update(np.ascontiguousarray(arrays[name], dtype="<f8").tobytes())
    return total.hexdigest()


@cache
def table(name: str) -> Table:
    """One of the shipped tables, which tests/make_tables.py writes.

    >>> table("erf").step, table("erf").last
    (0.125, 5.875)
    """
    arrays = _arrays()
    step, first, last = arrays[f"{name}.grid"].tolist()
    e0, e1 = arrays[f"{name}.e"]
    return Table(step, int(first), last, arrays[f"{name}.c"], e0, e1)


@cache
def turns(name: str, order: int) -> tuple[tuple[float, float, float, float], ...]:
    """Where a derivative turns: rows (x_lo, x_hi, y_lo, y_hi), a place and the value there.

    >>> [round(x, 3) for x in turns("gamma", 0)[0]]
    [1.462, 1.462, 0.886, 0.886]
    """
    found = _arrays().get(f"{name}.turns.{order}")
    return () if found is None else tuple((a, b, c, d) for a, b, c, d in found.tolist())


# -- arithmetic at points --------------------------------------------------------------------------


def _point(x: FloatArray) -> Interval:
    return Interval(x, x)


def _signed(value: Interval, negative: BoolArray) -> Interval:
    """The interval, or minus it."""
    return Interval(np.where(negative, -value.hi, value.lo), np.where(negative, -value.lo, value.hi))


def _clipped(value: Interval, least: float, most: float) -> Interval:
    """What a set of values has inside [least, most], where they are known to be; NaN ends become these."""
    return Interval(np.minimum(np.fmax(value.lo, least), most), np.maximum(np.fmin(value.hi, most), least))


def _by_pieces(x: FloatArray, *pieces: tuple[BoolArray, Callable[[FloatArray], Orders]]) -> Orders:
    """Enclosures at points, each by the first piece whose condition it meets; the last piece takes all others."""
    left = np.ones(x.shape, dtype=np.bool_)
    chosen = []
    for condition, act in pieces:
        own = left & condition
        count = np.count_nonzero(own)
        if count == x.size:
            return act(x)
        if count:
            chosen.append((own, act(x[own])))
        left &= ~own
    found = [Interval(np.full(x.shape, -np.inf), np.full(x.shape, np.inf)) for _ in chosen[0][1]]
    for own, values in chosen:
        for whole, value in zip(found, values, strict=True):
            whole.lo[own], whole.hi[own] = value.lo, value.hi
    return found


def _else(x: FloatArray) -> BoolArray:
    return np.ones(x.shape, dtype=np.bool_)


def _gauss(engine: Engine, x: FloatArray, halved: bool) -> Interval:
    """{exp(-x**2)} or {exp(-x**2/2)} with a small relative error: x**2 = p + e exactly, exp(-p) (1 - e + ...)."""
    p, e = two_product(x, x)
    p = np.minimum(p, 4096.0)  # theorem: exp(-4096) and all that is below has the enclosure [0, tiny]
    e = np.where(np.abs(e) < 1, e, 0.0)  # theorem: 0 < x**2 < 2**-900 where e is not known, or exp(-x**2) underflows
    if halved:
        p, e = p / 2, e / 2
    # theorem: |e| <= 2**-42 wherever exp(-p) > 2**-1021, so 1 - e <= exp(-e) <= 1 - e + e**2 is met by two steps
    factor = Interval(step_down(step_down(1 - e)), step_up(step_up(1 - e)))
    return engine.mul(engine.exp(_point(-p)), factor)


# -- the error function and the normal distribution ------------------------------------------------


def _erf_of(a: FloatArray) -> Interval:
    """erf at points >= 0."""
    own = table("erf")
    inside = a < own.last + own.step / 2
    value = own.bounds(np.where(inside, a, 0.0))
    # theorem: erf(5.9375) > 1 - 2**-53
    return _clipped(Interval(np.where(inside, value.lo, 1 - UNIT), np.where(inside, value.hi, 1.0)), 0.0, 1.0)


def _tail(engine: Engine, a: FloatArray, halved: bool) -> tuple[Interval, Interval]:
    """({exp(-x**2)}, {erfc(x)}), or ({exp(-x**2/2)}, {cdf(-x)}), at points x >= 0."""
    own = table("tailx" if halved else "erfcx")
    factor = own.bounds(np.minimum(a, own.last))
    # theorem: the factor falls to 0
    factor = Interval(np.where(a <= own.last, factor.lo, 0.0), factor.hi)
    bell = _gauss(engine, a, halved)
    return bell, engine.mul(bell, factor)


def _bell_slopes(engine: Engine, x: FloatArray, bell: Interval, factor: Interval, bend: int) -> Orders:
    """The bell times a factor, and its derivative: times bend x."""
    first = engine.mul(bell, factor)
    return [first, engine.mul(engine.mul(engine.const(bend), _point(x)), first)]


def _two_over_root_pi(engine: Engine) -> Interval:
    return engine.div(engine.const(2), engine.sqrt(engine.pi()))


def _erf(engine: Engine, x: FloatArray, order: int) -> Orders:
    value = [_signed(_erf_of(np.abs(x)), x < 0)]
    return value + _bell_slopes(engine, x, _gauss(engine, x, False), _two_over_root_pi(engine), -2) if order else value


def _erfc(engine: Engine, x: FloatArray, order: int) -> Orders:
    def right(a: FloatArray) -> Orders:
        bell, value = _tail(engine, a, False)
        return [value, bell]

    def left(a: FloatArray) -> Orders:
        return [engine.add(engine.const(1), _erf_of(-a)), *([_gauss(engine, a, False)] if order else [_point(a)])]

    value, bell = _by_pieces(x, (x >= 0, right), (_else(x), left))
    value = _clipped(value, 0.0, 2.0)
    minus = engine.neg(_two_over_root_pi(engine))
    return [value, *_bell_slopes(engine, x, bell, minus, -2)] if order else [value]


def _ncdf(engine: Engine, x: FloatArray, order: int) -> Orders:
    bell, tail = _tail(engine, np.abs(x), True)
    whole = engine.sub(engine.const(1), tail)
    right = x > 0
    value = _clipped(Interval(np.where(right, whole.lo, tail.lo), np.where(right, whole.hi, tail.hi)), 0.0, 1.0)
    if not order:
        return [value]
    factor = engine.div(engine.const(1), engine.sqrt(engine.mul(engine.const(2), engine.pi())))
    return [value, *_bell_slopes(engine, x, bell, factor, -1)]


# -- the gamma function ----------------------------------------------------------------------------

_STIRLING = 16.0
"""Definition: where the series of Stirling take over from the tables."""

_BERNOULLI = [Fraction(*q) for q in ((1, 6), (-1, 30), (1, 42), (-1, 30), (5, 66), (-691, 2730), (7, 6))]
_SERIES = {
    "lgamma": [b / (2 * k * (2 * k - 1)) for k, b in enumerate(_BERNOULLI, 1)],  # times x**-(2 k - 1)
    "digamma": [-b / (2 * k) for k, b in enumerate(_BERNOULLI, 1)],  # times x**-2 k
    "trigamma": list(_BERNOULLI),  # times x**-(2 k + 1)
}
_LARGEST_GAMMA = 171.625  # theorem: gamma(171.625) > LARGEST


def _asymptotic(name: str, x: FloatArray) -> Interval:
    """The sum over k of a Stirling series, times x, at points x >= 16.

    Theorem: the error after 7 terms is less than the 8th, here 2**-50 of the first at most; Horner's rule in 1/x**2
    errs by less than 20 u of it, so 2**-46 of the sum pays for both.
    """
    z = 1 / x
    z *= z
    total = np.zeros_like(x)
    for q in reversed(_SERIES[name]):
        total *= z
        total += float(q)
    error = np.abs(total)
    error *= 2.0**-46
    return Interval(total - error, total + error)


def _stirling(engine: Engine, name: str, x: FloatArray) -> Interval:
    """lgamma, digamma or trigamma at points >= 16."""
    point, one = _point(x), engine.const(1)
    inverse = engine.div(one, point)
    correction = _asymptotic(name, x)
    if name == "lgamma":
        correction = engine.mul(correction, inverse)
        half_log = engine.mul(engine.const(Fraction(1, 2)), engine.log(engine.mul(engine.const(2), engine.pi())))
        constant = engine.sub(half_log, engine.const(Fraction(1, 2)))
        main = engine.mul(engine.sub(point, engine.const(Fraction(1, 2))), engine.sub(engine.log(point), one))
        return engine.add(engine.add(main, constant), correction)
    square = engine.sqr(inverse)
    if name == "digamma":
        rest = engine.sub(engine.mul(correction, square), engine.mul(engine.const(Fraction(1, 2)), inverse))
        return engine.add(engine.log(point), rest)
    rest = engine.add(
        engine.mul(engine.const(Fraction(1, 2)), square), engine.mul(engine.mul(correction, square), inverse)
    )
    return engine.add(inverse, rest)


def _large_gamma(engine: Engine, x: FloatArray) -> Interval:
    """gamma = sqrt(2 pi) p (p exp(-x)) exp(correction), p = x**((x - 1/2)/2), at points >= 16."""
    small = x < _LARGEST_GAMMA
    a = np.where(small, x, _STIRLING)
    power = engine.pow(_point(a), _point((a - 0.5) * 0.5))  # theorem: both exact
    value = engine.mul(engine.mul(power, engine.exp(_point(-a))), power)
    correction = engine.exp(engine.div(_asymptotic("lgamma", a), _point(a)))
    value = engine.mul(value, engine.mul(correction, engine.sqrt(engine.mul(engine.const(2), engine.pi()))))
    return Interval(np.where(small, value.lo, LARGEST), np.where(small, value.hi, np.inf))


def _gamma_family(engine: Engine, name: str, x: FloatArray) -> Interval:
    """gamma, lgamma, digamma or trigamma at points > 0."""
    one = engine.const(1)

    def small(a: FloatArray) -> Orders:
        above, point = table(name).bounds(a), _point(a)
        if name == "gamma":
            return [engine.div(above, point)]
        if name == "lgamma":
            return [engine.sub(above, engine.log(point))]
        inverse = engine.div(one, point)
        return [engine.sub(above, inverse) if name == "digamma" else engine.add(above, engine.sqr(inverse))]

    def large(a: FloatArray) -> Orders:
        return [_large_gamma(engine, a) if name == "gamma" else _stirling(engine, name, a)]

    # theorem: x - 1 is exact for 1 <= x <= 16
    middle = (x <= _STIRLING, lambda a: [table(name).bounds(a - 1)])
    return _by_pieces(x, (x < 1, small), middle, (_else(x), large))[0]


def _gamma(engine: Engine, x: FloatArray, order: int) -> Orders:
    value = _gamma_family(engine, "gamma", x)
    value = Interval(np.fmax(value.lo, 0.0), value.hi)
    if not order:
        return [value]
    psi, slope = _gamma_family(engine, "digamma", x), _gamma_family(engine, "trigamma", x)
    return [value, engine.mul(value, psi), engine.mul(value, engine.add(engine.sqr(psi), slope))]


def _lgamma(engine: Engine, x: FloatArray, order: int) -> Orders:
    names = ("lgamma", "digamma", "trigamma") if order else ("lgamma",)
    return [_gamma_family(engine, name, x) for name in names]


# -- waves: Bessel functions and sin(x)/x ----------------------------------------------------------


def _of_sign(value: Interval, x: FloatArray, odd: bool) -> Interval:
    return _signed(value, x < 0) if odd else value


def _hankel(nu: int) -> tuple[list[Fraction], list[Fraction]]:
    """Hankel's expansion of J_nu: (-1)**k a_(2k) for k = 1, ..., 5 and (-1)**k a_(2k + 1) for k = 0, ..., 5."""
    a = [Fraction(1)]
    for k in range(1, 12):
        a.append(a[-1] * (4 * nu * nu - (2 * k - 1) ** 2) / (8 * k))
    return [(-1) ** k * a[2 * k] for k in range(1, 6)], [(-1) ** k * a[2 * k + 1] for k in range(6)]


_HANKEL = {nu: _hankel(nu) for nu in (0, 1)}


def _far_bessel(engine: Engine, a: FloatArray) -> Orders:
    """J0, J1, J0'' and J1'' at points >= 64: J_nu = (2/(pi x))**(1/2) (P cos(x - c) - Q sin(x - c)).

    Here c = pi/4 + nu pi/2.

    Theorem: P - 1 and Q err by less than the first term that is left out, here 2**-44 and 2**-54 of their first term at
    most; Horner's rule errs by less than 20 u of it.
    """
    point, one, two = _point(a), engine.const(1), engine.const(2)
    sine, cosine = engine.sincos(point)
    total, difference = engine.add(sine, cosine), engine.sub(sine, cosine)
    root = engine.sqrt(engine.mul(engine.pi(), point))
    z, inverse = 1 / a, engine.div(one, point)
    z *= z
    found = []
    for nu, (along, across) in ((0, (total, engine.neg(difference))), (1, (difference, total))):
        sums = []
        for coefficients in _HANKEL[nu]:
            y = np.zeros_like(a)
            for q in reversed(coefficients):
                y *= z
                y += float(q)
            error = np.abs(y) * 2.0**-43
            sums.append(Interval(y - error, y + error))
        p = engine.add(one, engine.mul(sums[0], engine.sqr(inverse)))
        q_ = engine.mul(sums[1], inverse)
        found.append(engine.div(engine.add(engine.mul(p, along), engine.mul(q_, across)), root))
    j2 = engine.sub(engine.mul(engine.mul(two, inverse), found[1]), found[0])
    j3 = engine.sub(engine.mul(engine.mul(engine.const(4), inverse), j2), found[1])
    found.append(engine.mul(engine.const(Fraction(1, 2)), engine.sub(j2, found[0])))
    three = engine.mul(engine.const(3), found[1])
    found.append(engine.mul(engine.const(Fraction(1, 4)), engine.sub(j3, three)))
    # theorem: |J_n(x)| <= 1.001 sqrt(2/(pi x)) < 0.8/sqrt(x) for n <= 3 and x >= 64
    bound = step_up(step_up(0.8 / np.sqrt(a)))
    return [Interval(np.fmax(y.lo, -bound), np.fmin(y.hi, bound)) for y in found]


_BESSEL = ("j0", "j1", "j0bend", "j1bend")


def _bessel(engine: Engine, a: FloatArray, names: tuple[str, ...]) -> Orders:
    """Some of the tabulated functions at points >= 0."""

    def far(x: FloatArray) -> Orders:
        found = _far_bessel(engine, x)
        return [found[_BESSEL.index(name)] for name in names]

    near = (a <= table("j0").last, lambda x: [_clipped(table(name).bounds(x), -1.0, 1.0) for name in names])
    return _by_pieces(a, near, (_else(a), far))


def _j0(engine: Engine, x: FloatArray, order: int) -> Orders:
    found = _bessel(engine, np.abs(x), ("j0", "j1", "j0bend") if order else ("j0",))
    return [found[0], *(engine.neg(_of_sign(y, x, True)) for y in found[1:2]), *found[2:]]


def _j1(engine: Engine, x: FloatArray, order: int) -> Orders:
    found = _bessel(engine, np.abs(x), ("j1", "j0bend", "j1bend") if order else ("j1",))
    # theorem: J0' = -J1, so J1' = -J0''
    return [_of_sign(found[0], x, True), *map(engine.neg, found[1:2]), *(_of_sign(y, x, True) for y in found[2:])]


def _sinc(engine: Engine, x: FloatArray, order: int) -> Orders:
    def near(a: FloatArray) -> Orders:
        names = ("sinc", "sinc1", "sinc2") if order else ("sinc",)
        found = [table(name).bounds(np.abs(a)) for name in names]
        return [_of_sign(y, a, k == 1) for k, y in enumerate(found)]

    def far(a: FloatArray) -> Orders:
        point = _point(a)
        sine, cosine = engine.sincos(point)
        value = engine.div(sine, point)
        if not order:
            return [value]
        first = engine.div(engine.sub(cosine, value), point)
        return [value, first, engine.neg(engine.add(value, engine.mul(engine.const(2), engine.div(first, point))))]

    found = _by_pieces(x, (np.abs(x) <= table("sinc").last, near), (_else(x), far))
    return [_clipped(y, -1 / (k + 1), 1 / (k + 1)) if k < 2 else y for k, y in enumerate(found)]


# -- Lambert's W -----------------------------------------------------------------------------------

_INVERSE_E = (0.36787944117144233, -1.2428753672788363e-17)
"""Theorem: 1/e = a + b, |1/e - a - b| < 2**-108."""

_POLE = [Fraction(k - 1, int(np.prod(range(1, k + 1), dtype=np.int64))) for k in range(2, 20)]
"""(k - 1)/k! for k >= 2: 1 + (q - 1) exp(q) is their sum times q**k."""


def _rise(q: FloatArray) -> FloatArray:
    """(1 + (q - 1) exp(q))/q**2 for 0 < q <= 1; the relative error is below 8 u.

    Theorem: all terms are positive; term j goes through 2 j + 2 roundings, and the mean of j, weighted by the terms, is
    below 0.72; the terms left out are below 2**-60 of the sum.
    """
    total = np.zeros_like(q)
    for c in reversed(_POLE):
        total *= q
        total += float(c)
    return total


def _near_branch(engine: Engine, x: FloatArray) -> Interval:
    """{1 + W(x)} for -1/e < x <= -1/8: q with 1 + (q - 1) exp(q) = e x + 1 = t.

    Theorem: d log(left side)/d log q >= 2, so q lies between any guess and sqrt(t/(left side there)) times it.
    """
    a, b = _INVERSE_E
    tail = Interval(np.array([b - 2.0**-108]), np.array([b + 2.0**-108]))
    t = engine.mul(engine.e(), engine.add(engine.add(_point(x), _point(np.array([a]))), tail))
    middle = np.maximum(0.5 * (t.lo + t.hi), 2.0**-60)
    p = np.sqrt(2 * middle)
    q = p * (1 + p * (-1 / 3 + p * (11 / 72 - p * (43 / 540 - p * 0.0445))))  # experience: a guess
    for _ in range(4):
        q = np.clip(q - (q * q * _rise(q) - middle) / (q * np.exp(q)), 1e-10, 1.0)
    rise = _rise(q)
    rise_bounds = Interval(rise * (1 - 9 * UNIT), rise * (1 + 9 * UNIT))
    ratio = engine.div(t, engine.mul(engine.sqr(_point(q)), rise_bounds))
    ratio = Interval(np.maximum(ratio.lo, 0.0), ratio.hi)
    guess = _point(q)
    return engine.hull(guess, engine.mul(guess, engine.sqrt(ratio)))


def _far_lambertw(engine: Engine, x: FloatArray) -> Interval:
    """{W(x)} for x > 1: w + log w = log x; the left side has slopes > 1, so W - w is between 0 and the residual."""
    target = engine.log(_point(x))
    t = target.lo
    w = np.where(t > 2, t - np.log(np.maximum(t, 1.0)), 0.567 + 0.36 * t)  # experience: a guess
    for _ in range(4):
        w = np.maximum(w * (1 + t - np.log(w)) / (1 + w), 0.5)
    guess = _point(w)
    residual = engine.sub(engine.sub(target, guess), engine.log(guess))
    zero = engine.const(0)
    return engine.add(guess, engine.hull(zero, residual))


def _lambertw(engine: Engine, x: FloatArray, order: int) -> Orders:
    one = engine.const(1)

    def near(a: FloatArray) -> Orders:
        q = _near_branch(engine, a)
        return [engine.sub(q, one), q]

    def middle(a: FloatArray) -> Orders:
        w = table("lambertw").bounds(a)
        return [w, engine.add(w, one)]

    def far(a: FloatArray) -> Orders:
        w = _far_lambertw(engine, a)
        return [w, engine.add(w, one)]

    w, q = _by_pieces(x, (x < -0.125, near), (x <= 1, middle), (_else(x), far))
    if not order:
        return [w]
    shrunk = engine.div(one, q)
    first = _by_pieces(
        x,
        (x <= 1, lambda a: [engine.mul(engine.exp(engine.neg(_part(w, x <= 1))), _part(shrunk, x <= 1))]),
        (_else(x), lambda a: [engine.mul(engine.div(_part(w, x > 1), _point(a)), _part(shrunk, x > 1))]),
    )[0]
    return [w, first, engine.neg(engine.mul(engine.sqr(first), engine.add(one, shrunk)))]


def _part(value: Interval, own: BoolArray) -> Interval:
    return Interval(value.lo[own], value.hi[own])


# -- elementary functions --------------------------------------------------------------------------


def _sigmoid(engine: Engine, x: FloatArray, order: int) -> Orders:
    size, negative = np.abs(x), x < 0
    fall = engine.exp(_point(-size))
    whole = engine.add(engine.const(1), fall)
    right = engine.div(engine.const(1), whole)
    left = engine.div(fall, whole)
    value = Interval(np.where(negative, left.lo, right.lo), np.where(negative, left.hi, right.hi))
    value = _clipped(value, 0.0, 1.0)
    if not order:
        return [value]
    first = engine.mul(left, right)
    bend = engine.mul(first, engine.div(engine.expm1(_point(-size)), whole))  # s' (1 - 2 s), negative where x > 0
    return [value, first, _signed(bend, negative)]


def _softplus(engine: Engine, x: FloatArray, order: int) -> Orders:
    rest = engine.log1p(engine.exp(_point(-np.abs(x))))
    value = engine.add(_point(np.maximum(x, 0.0)), rest)
    return [value, *(_sigmoid(engine, x, 1)[:2] if order else [])]


def _asinh(engine: Engine, x: FloatArray, order: int) -> Orders:
    one = engine.const(1)

    def near(a: FloatArray) -> Orders:
        square = engine.sqr(_point(a))
        root = engine.sqrt(engine.add(one, square))
        return [engine.log1p(engine.add(_point(a), engine.div(square, engine.add(one, root))))]

    def far(a: FloatArray) -> Orders:
        # theorem: log(2 x) <= asinh(x) <= log(2 x) + 1/(4 x**2)
        rest = engine.add(engine.log(engine.const(2)), Interval(np.zeros(1), np.full(1, 2.0**-60)))
        return [engine.add(engine.log(_point(a)), rest)]

    size = np.abs(x)
    value = _signed(_by_pieces(size, (size < 2.0**30, near), (_else(size), far))[0], x < 0)
    if not order:
        return [value]
    first = engine.div(one, engine.sqrt(engine.add(one, engine.sqr(_point(size)))))
    first = Interval(np.fmax(first.lo, 0.0), np.fmin(first.hi, 1.0))
    second = engine.neg(engine.mul(_point(x), engine.powi(first, 3)))
    return [value, first, second]


# -- from points to cells --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Special:
    """A function of one variable.

    Attributes
    ----------
    at : callable
        Enclosures of the function and, for order 2, of its first two derivatives at finite points of the domain.
    limits : pairs of floats
        Of each of the three: the limits at -inf (or at the lower end of the domain) and at inf.
    bends, bounds : floats, or empty
        Of each of the three a bound of its second derivative, for Lemma 29, and of itself; if empty, its turns are in
        the file.
    least : float
        The domain is x >= least.
    """

    at: Callable[[Engine, FloatArray, int], Orders]
    limits: tuple[tuple[float, float], ...]
    bends: tuple[float, ...] = ()
    bounds: tuple[float, ...] = ()
    least: float = -np.inf


_INF = np.inf
_FLAT = ((0.0, 0.0), (0.0, 0.0), (0.0, 0.0))
_WAVE = (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)
SPECIAL = {
    "erf": Special(_erf, ((-1.0, 1.0), (0.0, 0.0), (0.0, 0.0))),
    "erfc": Special(_erfc, ((2.0, 0.0), (0.0, 0.0), (0.0, 0.0))),
    "ncdf": Special(_ncdf, ((0.0, 1.0), (0.0, 0.0), (0.0, 0.0))),
    "gamma": Special(_gamma, ((_INF, _INF), (-_INF, _INF), (_INF, _INF)), least=ETA),
    "lgamma": Special(_lgamma, ((_INF, _INF), (-_INF, _INF), (_INF, 0.0)), least=ETA),
    "j0": Special(_j0, _FLAT, *_WAVE),
    "j1": Special(_j1, _FLAT, *_WAVE),
    "sinc": Special(_sinc, _FLAT, (0.34, 0.25, 0.2), (1.0, 0.5, 0.34)),
    "lambertw": Special(_lambertw, ((-1.0, _INF), (_INF, 0.0), (-_INF, 0.0)), least=BRANCH),
    "sigmoid": Special(_sigmoid, ((0.0, 1.0), (0.0, 0.0), (0.0, 0.0))),
    "softplus": Special(_softplus, ((0.0, _INF), (0.0, 1.0), (0.0, 0.0))),
    "asinh": Special(_asinh, ((-_INF, _INF), (0.0, 0.0), (0.0, 0.0))),
}
"""The functions of one variable of this module."""


class SpecialEngine(Engine):
    """What engines have in common: the special functions, from the operations of the engine."""

    def special(self, name: str, a: Interval, order: int = 0) -> list[Interval]:
        own = SPECIAL[name]
        lo, hi = (a.lo, a.hi) if a.lo.shape == a.hi.shape else np.broadcast_arrays(a.lo, a.hi)
        outside = ~(lo >= own.least)
        if np.count_nonzero(outside):
            inner = Interval(np.where(outside, 1.0, lo), np.where(outside, 1.0, hi))
            found = [_between(name, k, inner, *ends) for k, ends in enumerate(_at_ends(self, own, inner, order))]
            return [Interval(np.where(outside, -np.inf, y.lo), np.where(outside, np.inf, y.hi)) for y in found]
        a = Interval(lo, hi)
        return [_between(name, k, a, *ends) for k, ends in enumerate(_at_ends(self, own, a, order))]

    def expdiv(self, u: Interval, v: Interval) -> Interval:
        return flat_quotient(self, u, v)

    def hypot(self, a: Interval, b: Interval) -> Interval:
        return self.sqrt(self.add(self.sqr(a), self.sqr(b)))

    def direction(self, a: Interval, b: Interval) -> Interval:
        # theorem: x/sqrt(x**2 + y**2) rises with x, and with |y| if x < 0, and falls with |y| if x > 0
        least, most = mignitude(b), magnitude(b)
        lo = self._direction_at(a.lo, np.where(a.lo < 0, least, most)).lo
        hi = self._direction_at(a.hi, np.where(a.hi < 0, most, least)).hi
        return _clipped(Interval(lo, hi), -1.0, 1.0)

    def _direction_at(self, x: FloatArray, y: FloatArray) -> Interval:
        finite = np.isfinite(x) & np.isfinite(y)
        x, y = np.where(finite, x, 1.0), np.where(finite, y, 1.0)
        value = self.div(_point(x), self.hypot(_point(x), _point(y)))
        return Interval(np.where(finite, value.lo, -np.inf), np.where(finite, value.hi, np.inf))

    def atan2(self, y: Interval, x: Interval) -> Interval:
        half = self.mul(self.const(Fraction(1, 2)), self.pi())
        right, above, below = x.lo > 0, y.lo > 0, y.hi < 0
        beside = self.atan(self.div(y, x))
        other = self.atan(self.div(x, y))
        up, down = self.sub(half, other), self.sub(self.neg(half), other)
        lo = np.where(right, beside.lo, np.where(above, up.lo, np.where(below, down.lo, -np.inf)))
        hi = np.where(right, beside.hi, np.where(above, up.hi, np.where(below, down.hi, np.inf)))
        return Interval(lo, hi)


def _at_ends(engine: Engine, own: Special, a: Interval, order: int) -> list[tuple[Interval, Interval]]:
    """Of each order the enclosures at both ends; an end that neighbours have in common is computed once."""

    def at(x: FloatArray) -> Orders:
        finite = np.isfinite(x)
        if np.count_nonzero(finite) == finite.size:
            return own.at(engine, x, order)
        found = own.at(engine, np.where(finite, x, 1.0), order)
        return [_with_limits(y, x, *own.limits[k]) for k, y in enumerate(found)]

    lo, hi = a.lo, a.hi
    if lo is hi or np.array_equal(lo, hi):
        return [(y, y) for y in at(lo)]
    if lo.ndim == 1 and len(lo) > 1:
        own_ends = np.flatnonzero(np.append(hi[:-1] != lo[1:], True))
        if 8 * len(own_ends) < len(lo):
            both = at(np.concatenate([lo, hi[own_ends]]))
            return [_split(y, own_ends, len(lo)) for y in both]
    return list(zip(at(lo), at(hi), strict=True))


def _split(value: Interval, own_ends: NDArray[np.intp], n: int) -> tuple[Interval, Interval]:
    """Values at lower ends and at those upper ends that are no lower ends, as values at lower and at upper ends."""
    lo, hi = np.empty(n), np.empty(n)
    lo[:-1], hi[:-1] = value.lo[1:n], value.hi[1:n]
    lo[own_ends], hi[own_ends] = value.lo[n:], value.hi[n:]
    return Interval(value.lo[:n], value.hi[:n]), Interval(lo, hi)


def _with_limits(value: Interval, x: FloatArray, before: float, behind: float) -> Interval:
    """The values, with the limits at infinite points."""
    lo, hi = value.lo.copy(), value.hi.copy()
    for place, limit in ((-np.inf, before), (np.inf, behind)):
        lo[x == place], hi[x == place] = min(limit, LARGEST), max(limit, -LARGEST)
    return Interval(lo, hi)


def _between(name: str, order: int, a: Interval, left: Interval, right: Interval) -> Interval:
    """The range over cells of a function that is known at their ends."""
    lo, hi = np.minimum(left.lo, right.lo), np.maximum(left.hi, right.hi)
    bends = SPECIAL[name].bends
    if bends and left is not right:
        width = step_up(a.hi - a.lo)
        extra = step_up(step_up(step_up(width * width) * (bends[order] / 8)))
        extra = np.where(extra < 4, extra, 4.0)  # an infinite width too
        most = SPECIAL[name].bounds[order]
        lo, hi = np.fmax(step_down(lo - extra), -most), np.fmin(step_up(hi + extra), most)
    for first, last, least, greatest in turns(name, order):
        met = (a.lo <= last) & (a.hi >= first)
        if np.count_nonzero(met):
            lo, hi = np.where(met, np.minimum(lo, least), lo), np.where(met, np.maximum(hi, greatest), hi)
    known = lo <= hi
    if np.count_nonzero(known) != known.size:
        lo, hi = np.where(known, lo, -np.inf), np.where(known, hi, np.inf)
    return Interval(lo, hi)
