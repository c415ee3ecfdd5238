"""Evaluation of a network in binary64, exact rationals, mpmath and intervals.

Every function takes the network, the unit coordinates of its points, and the number of grades to add up.
Points are columns: a state has shape (width, n), and a layer is one small matrix times one wide one.  Values
have one row per component, a single one for a scalar network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.errors import BudgetError
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.rounding import ETA, UNIT, add_down, add_up, checked_arithmetic, quiet
from mgdl_theory.targets.base import Box, FloatArray, IntArray

if TYPE_CHECKING:
    from mgdl_theory.relu.network import Network

__all__ = ["distinct_nonzero", "exact", "exact_at", "float64", "interval", "mp", "significant_bits"]

POINTS = 4096
"""Experience: states of this many points stay in the cache."""

LAYERS = 2048
"""Experience: layers whose weights are prepared at once."""

FEW = 8
"""Experience: for fewer points Python's integers are the quickest exact numbers."""

BITS = 1 << 15
"""Experience: exact numbers that grow beyond this are given up; those of a scheme need a few hundred bits."""

_FAR = 1 << 40  # definition: beyond every exponent that can occur
_MODERATE = 900  # theorem: 2^53 units of 2^-900 to 2^900 neither overflow nor underflow


# -- binary64 --------------------------------------------------------------------------------------


def float64(network: Network, t: FloatArray, grades: int) -> FloatArray:
    """(m, n): values at unit coordinates t (n, d), in binary64."""
    parts = [_float64(network, t[k : k + POINTS], grades) for k in range(0, len(t), POINTS)]
    return np.concatenate(parts, axis=1) if parts else np.zeros((network.outputs, 0))


def _float64(network: Network, t: FloatArray, grades: int) -> FloatArray:
    h = np.zeros((network.width, len(t)))
    h[: network.dim] = t.T
    z = np.empty_like(h)
    total = np.repeat(network.lifts[:, None], len(t), axis=1)
    readouts, constants = network.readouts, network.readout_biases[:, :, None]
    for k, layers in enumerate(_layers(network, grades)):
        for w, b in zip(network.weights[layers], network.biases[layers, :, None], strict=True):
            np.matmul(w, h, out=z)
            z += b
            np.maximum(z, 0.0, out=h)
        total += readouts[k] @ h + constants[k]
    return total


def _layers(network: Network, grades: int) -> Iterator[slice]:
    """The layers of each of the first grades."""
    start = 0
    for end in network.grade_end[:grades].tolist():
        yield slice(start, end)
        start = end


def _parts(network: Network, grades: int) -> Iterator[tuple[slice, slice]]:
    """Pieces of at most ``LAYERS`` layers, each with the grades that are read out on the way."""
    ends = network.grade_end[:grades]
    depth, done = int(ends[-1]) if grades else 0, 0
    for start in range(0, max(depth, 1), LAYERS):
        stop = min(start + LAYERS, depth)
        read = int(np.searchsorted(ends, stop, side="right"))
        yield slice(start, stop), slice(done, read)
        done = read


def _turns(network: Network, layers: slice, reads: slice) -> Iterator[tuple[int, bool]]:
    """The layers (number within the piece, False) and readouts (number within the piece, True) in their order."""
    done, ends = layers.start, network.grade_end[reads].tolist()
    for k, end in enumerate(ends):
        yield from ((i, False) for i in range(done - layers.start, end - layers.start))
        yield k, True
        done = end
    yield from ((i, False) for i in range(done - layers.start, layers.stop - layers.start))


# -- exact -----------------------------------------------------------------------------------------


@checked_arithmetic()
def exact(network: Network, points: Sequence[Sequence[Fraction]], grades: int) -> list[list[Fraction]]:
    """Values (m lists of n) at points with rational unit coordinates."""
    common = math.lcm(*(s.denominator for t in points for s in t))
    start = np.array([[int(s * common) for s in t] for t in points], dtype=object).reshape(len(points), -1).T
    with quiet():
        return _Exact(network, start, 0, common).run(grades)


@checked_arithmetic()
def exact_at(network: Network, level: int, nodes: IntArray, grades: int) -> tuple[list[list[Fraction]], bool]:
    """Values (m lists of n) at unit coordinates nodes / 2^level (n, d).

    And whether binary64 certainly computes them unrounded.
    """
    run = _Exact(network, nodes.T, level, 1)
    with quiet():
        return run.run(grades), run.fits


class _Exact:
    """Integer arithmetic with a binary exponent per channel.

    Channel c of the state holds the integers y_c = value * common * 2^e_c.  Through a layer, e is the least
    exponent that makes every term an integer, whatever the values are; so the layer is an integer matrix.
    Before it is applied, the sum of all magnitudes in each of its rows is bounded from the actual values: up
    to 2^53 binary64 holds every partial sum, in any order; up to 2^62 int64 does; beyond, Python's integers.

    The state scaled back by powers of two is what the binary64 evaluation sees.  So as long as the first
    case holds and ``common`` is 1, that evaluation does not round either: ``fits``.
    """

    def __init__(self, network: Network, start: NDArray[Any], exponent: int, common: int) -> None:
        n = start.shape[1]
        self.network, self.common = network, common
        self.y: NDArray[Any] = np.zeros((network.width, n), dtype=start.dtype)
        self.y[: network.dim] = start
        self.e = np.full(network.width, exponent, dtype=np.int64)
        self.few = n < FEW and common != 1
        self.fits = common == 1
        self.totals = [_Total(n) for _ in range(network.outputs)]

    def run(self, grades: int) -> list[list[Fraction]]:
        """The values after the first grades, one list per component."""
        network, n = self.network, self.y.shape[1]
        if not n:
            return [[] for _ in self.totals]
        for total, odd, power in zip(self.totals, *_Dyadic.of(network.lifts), strict=True):
            self._add(total, np.full(n, int(odd) * self.common, dtype=object), -int(power))
        for layers, reads in _parts(network, grades):
            weights, biases = _Dyadic.of(network.weights[layers]), _Dyadic.of(network.biases[layers])
            e = _exponents(weights, biases, self.e)
            if np.abs(e).max() > BITS or int(self.y.max()).bit_length() > BITS:
                raise BudgetError(f"network: exact values need more than {BITS} bits at layer {layers.start}")
            self.fits &= bool(np.abs(e).max() <= _MODERATE)
            rows = _Integers(weights, biases, e[:-1], e[1:], self.common)
            readouts, after = self._readouts(reads, e, layers.start)
            for i, reading in _turns(network, layers, reads):
                if reading:
                    for total, value, e_value in zip(self.totals, self._apply(readouts, i), after[i], strict=True):
                        self._add(total, value, int(e_value))
                else:
                    self.y = np.maximum(self._apply(rows, i), 0)
            self.e = e[-1]
        return [[_rational(value, self.common, total.e) for value in total.y.tolist()] for total in self.totals]

    def _readouts(self, reads: slice, e: IntArray, start: int) -> tuple[_Integers, IntArray]:
        """The readouts of some grades as layers of m rows, and the exponents (grades, m) of their values."""
        weights = _Dyadic.of(self.network.readouts[reads])
        constants = _Dyadic.of(self.network.readout_biases[reads])
        before = e[self.network.grade_end[reads] - start]
        need, least = _needs(weights, constants)
        after = np.maximum((need + before[:, None]).max(axis=2), least)
        return _Integers(weights, constants, before, after, self.common), after

    def _apply(self, rows: _Integers, i: int) -> NDArray[Any]:
        """W y + b in integers."""
        kind = object if self.few else self._kind(rows, i)
        if self.y.dtype != kind:
            self.y = _cast(self.y, kind)
        w, b = rows.at(i, kind)
        return np.asarray(w @ self.y + b[:, None])

    def _kind(self, rows: _Integers, i: int) -> type:
        """The least kind of number that holds the state and every partial sum of W y + b."""
        size = _magnitude(self.y)
        need = max(float((rows.size_w[i] @ size + rows.size_b[i]).max()), float(size.max())) * (1 + 2.0**-40)
        if need <= 2.0**53:  # false for NaN, which an infinite weight times 0 gives
            return np.float64
        self.fits = False
        return np.int64 if need <= 2.0**62 else object

    def _add(self, total: _Total, value: NDArray[Any], e: int) -> None:
        """Add value / 2^e to a total where it is not 0."""
        used = np.flatnonzero(value)
        if e > total.e:
            total.y, total.e = total.y << (e - total.e), e
        total.y[used] += _cast(value[used], object) << (total.e - e)
        if self.fits and len(used):
            self.fits = bool(np.abs(total.y[used]).max() <= 1 << 53) and abs(total.e) <= _MODERATE


class _Total:
    """The sum of the readouts of one component so far: integers y / (common * 2^e)."""

    def __init__(self, points: int) -> None:
        self.y: NDArray[Any] = np.zeros(points, dtype=object)
        self.e = 0


class _Dyadic(NamedTuple):
    """Numbers odd * 2^power with odd integers, or 0 * 2^0."""

    odd: IntArray
    power: IntArray

    @classmethod
    def of(cls, x: FloatArray) -> _Dyadic:
        """The finite binary64 numbers x, exactly."""
        mantissa, exponent = np.frexp(x)
        whole = np.ldexp(mantissa, 53).astype(np.int64)
        zeros = np.maximum(np.frexp((whole & -whole).astype(np.float64))[1] - 1, 0).astype(np.int64)
        return cls(whole >> zeros, np.where(whole == 0, 0, exponent - 53 + zeros))


def _needs(weights: _Dyadic, biases: _Dyadic) -> tuple[IntArray, IntArray]:
    """need (m, rows, width), least (m, rows): a row takes the largest of least and of need + the channel's exponent."""
    need = np.where(weights.odd != 0, -weights.power, -_FAR)
    idle = ~weights.odd.any(axis=2)
    return need, np.where(biases.odd != 0, -biases.power, np.where(idle, 0, -_FAR))


def _exponents(weights: _Dyadic, biases: _Dyadic, start: IntArray) -> IntArray:
    """(m + 1, width): exponents of the channels before and after each of m layers, the least that will do."""
    out = [start]
    for need, least in zip(*_needs(weights, biases), strict=True):
        out.append(np.maximum((need + out[-1]).max(axis=1), least))
    return np.stack(out)


class _Integers:
    """Layers W y + b as integer matrices: odd * 2^shift, scaled to the exponents before and after each layer.

    ``size_w`` (m, rows, width) and ``size_b`` (m, rows) are the magnitudes, rounded to binary64, perhaps inf.
    """

    def __init__(self, weights: _Dyadic, biases: _Dyadic, before: IntArray, after: IntArray, common: int) -> None:
        self.common, self.weights, self.biases = common, weights, biases
        self.shift_w = np.where(weights.odd != 0, after[:, :, None] - before[:, None, :] + weights.power, 0)
        self.shift_b = np.where(biases.odd != 0, after + biases.power, 0)
        self.w = np.ldexp(weights.odd.astype(np.float64), self.shift_w)
        self.b = np.ldexp(biases.odd.astype(np.float64), self.shift_b) * _to_float(common)
        self.size_w, self.size_b = np.abs(self.w), np.abs(self.b)

    def at(self, i: int, kind: type) -> tuple[NDArray[Any], NDArray[Any]]:
        """Weights and biases of one layer, exactly, given that ``kind`` holds all terms."""
        if kind is np.float64:
            return self.w[i], self.b[i]
        if kind is object:
            return self.whole_w[i], self.whole_b[i]
        return self.w[i].astype(np.int64), self.whole_b[i].astype(np.int64)  # a weight too large meets only zeros

    @cached_property
    def whole_w(self) -> NDArray[Any]:
        """The weights as Python's integers."""
        return np.asarray(self.weights.odd.astype(object) << self.shift_w.astype(object))

    @cached_property
    def whole_b(self) -> NDArray[Any]:
        """The biases as Python's integers."""
        return np.asarray((self.biases.odd.astype(object) * self.common) << self.shift_b.astype(object))


def _magnitude(y: NDArray[Any]) -> FloatArray:
    """(width,): the largest entry of each row, all entries being >= 0, rounded to binary64."""
    largest = y.max(axis=1)
    return np.array([_to_float(v) for v in largest]) if y.dtype == object else largest.astype(np.float64)


def _to_float(value: int) -> float:
    return float(value) if abs(value) < 1 << 1000 else math.inf


def _cast(y: NDArray[Any], kind: type) -> NDArray[Any]:
    """Integers as another kind of number that holds them."""
    return y.astype(np.int64).astype(object) if kind is object and y.dtype == np.float64 else y.astype(kind)


def _rational(numerator: int, common: int, exponent: int) -> Fraction:
    """Numerator / (common * 2^exponent)."""
    return Fraction(numerator, common << exponent) if exponent >= 0 else Fraction(numerator << -exponent, common)


# -- mpmath ----------------------------------------------------------------------------------------


def mp(network: Network, t: Sequence[Fraction], digits: int, grades: int) -> list[Any]:
    """The m values at rational unit coordinates, in mpmath with this many digits."""
    import mpmath

    with mpmath.workdps(digits):
        h = [mpmath.mpf(s.numerator) / s.denominator for s in t] + [mpmath.mpf(0)] * (network.width - len(t))
        totals = [mpmath.mpf(lift) for lift in network.lifts.tolist()]
        readouts, constants = network.readouts.tolist(), network.readout_biases.tolist()
        for k, layers in enumerate(_layers(network, grades)):
            for w, b in zip(network.weights[layers].tolist(), network.biases[layers].tolist(), strict=True):
                h = [max(_affine(row, c, h), mpmath.mpf(0)) for row, c in zip(w, b, strict=True)]
            totals = [s + _affine(a, c, h) for s, a, c in zip(totals, readouts[k], constants[k], strict=True)]
        return [+total for total in totals]


def _affine(row: list[float], constant: float, h: list[Any]) -> Any:
    return sum((w * v for w, v in zip(row, h, strict=True) if w), constant)


# -- intervals -------------------------------------------------------------------------------------


@checked_arithmetic()
def interval(network: Network, lo: FloatArray, hi: FloatArray, grades: int) -> Interval:
    """Enclosure (m, n) over the part in the domain of boxes [lo_i, hi_i] of points of the box."""
    with quiet():
        low, high = _unit_coordinates(network.box, lo, hi)
        h = np.zeros((2 * network.width, len(lo)))
        h[: network.dim], h[network.width : network.width + network.dim] = low.T, high.T
        lifts, m = np.repeat(network.lifts[:, None], len(lo), axis=1), network.outputs
        total = Interval(lifts, lifts)
        for layers, reads in _parts(network, grades):
            rows = _Enclosed(network.weights[layers], network.biases[layers])
            readouts = _Enclosed(network.readouts[reads], network.readout_biases[reads])
            for i, reading in _turns(network, layers, reads):
                if reading:
                    g = readouts.apply(i, h)
                    total = Interval(add_down(total.lo, g[:m]), add_up(total.hi, g[m:]))
                else:
                    h = np.maximum(rows.apply(i, h), 0.0)
        return total


class _Enclosed:
    """Layers as maps of intervals: plain dot products, moved outward by a bound on their rounding.

    A state stacks the lower ends on the upper ends, all of them >= 0.  A dot product of k terms, in any order and
    with or without fused operations, errs by at most k u / (1 - k u) times the sum of the terms' magnitudes, plus
    a unit of underflow per product (Higham, *Accuracy and Stability of Numerical Algorithms*, Section 3.1).  A
    row that is empty, or has one weight 2^p >= 1 and no offset, does not round: carried coordinates and sums do
    not widen.
    """

    def __init__(self, weights: FloatArray, biases: FloatArray) -> None:
        size, up, down = np.abs(weights), np.maximum(weights, 0.0), np.minimum(weights, 0.0)
        lower, upper = np.concatenate([up, down], axis=2), np.concatenate([down, up], axis=2)
        self.w = np.concatenate([lower, upper, np.concatenate([np.zeros_like(size), size], axis=2)], axis=1)
        self.b = np.concatenate([biases, biases, np.abs(biases)], axis=1)[:, :, None]
        self.rows, width = weights.shape[1:]
        used = np.count_nonzero(weights, axis=2)
        power = ((np.frexp(size)[0] == 0.5) & (size >= 1)).any(axis=2)
        clean = (used == 0) | ((used == 1) & power & (biases == 0))
        # theorem: 2 width + 1 terms, the bound's own roundings and the last sum take less than this
        self.relative = np.where(clean, 0.0, (2 * width + 16) * UNIT)[:, :, None]
        self.absolute = np.where(clean, 0.0, (2 * width + 16) * ETA)[:, :, None]

    def apply(self, j: int, h: FloatArray) -> FloatArray:
        """(2 rows, n): lower and upper bounds of W x + b over the x between the two halves of h."""
        out = self.w[j] @ h + self.b[j]
        error = out[2 * self.rows :] * self.relative[j] + self.absolute[j]
        out[: self.rows] -= error
        out[self.rows : 2 * self.rows] += error
        return np.asarray(out[: 2 * self.rows])


def _unit_coordinates(box: Box, lo: FloatArray, hi: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Enclosures (n, d) of the unit coordinates of boxes, cut off at 0 and 1."""
    engine = get_engine()
    low, high = np.empty_like(lo), np.empty_like(hi)
    for a in range(box.dim):
        x = Interval(lo[:, a], hi[:, a])
        if box.lower[a] != 0 or box.upper[a] != 1:
            x = engine.div(engine.sub(x, Interval.exact(box.lower[a])), box.width(a))
        low[:, a], high[:, a] = x.lo, x.hi
    return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)


# -- counting --------------------------------------------------------------------------------------


def significant_bits(x: FloatArray) -> IntArray:
    """Bits from the first to the last 1 of each number.

    >>> significant_bits(np.array([0.0, 1.0, -0.75, 40.0])).tolist()
    [0, 1, 2, 3]
    """
    return np.asarray(np.frexp(np.abs(_Dyadic.of(x).odd).astype(np.float64))[1], dtype=np.int64)


def distinct_nonzero(parts: Sequence[FloatArray]) -> FloatArray:
    """The different nonzero numbers in some arrays."""
    found = [np.zeros(0)]
    for part in parts:
        for first in range(0, len(part), 64 * LAYERS):
            piece = part[first : first + 64 * LAYERS]
            found.append(np.unique(piece[piece != 0]))
    return np.unique(np.concatenate(found))
