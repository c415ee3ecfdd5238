"""Evaluation of a network in binary64, exact rationals, mpmath and intervals.

Every function takes the network, the unit coordinates of its points, and the number of grades to add up.
Points are columns: a state has shape (width, n), and a layer is one small matrix times one wide one.  Values
have one row per component, a single one for a scalar network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.errors import BudgetError
from mgdl_theory.rigor.dyadic import Dyadic, ExactLayers, cast, exponents, needs, rational
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.products import IntervalLayers
from mgdl_theory.rigor.rounding import add_down, add_up, checked_arithmetic, quiet
from mgdl_theory.targets.base import Box, FloatArray, IntArray

POINTS = 4096
"""Experience: states of this many points stay in the cache."""

LAYERS = 2048
"""Experience: layers whose weights are prepared at once."""

FEW = 8
"""Experience: for fewer points Python's integers are the quickest exact numbers."""

BITS = 1 << 15
"""Experience: exact numbers that grow beyond this are given up; those of a scheme need a few hundred bits."""

_MODERATE = 900  # theorem: 2^53 units of 2^-900 to 2^900 neither overflow nor underflow


class _Graded(Protocol):
    """What is evaluated: the numbers of a network, with a row for each of its m components."""

    @property
    def box(self) -> Box: ...
    @property
    def dim(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def outputs(self) -> int: ...
    @property
    def weights(self) -> FloatArray: ...
    @property
    def biases(self) -> FloatArray: ...
    @property
    def grade_end(self) -> IntArray: ...
    @property
    def lifts(self) -> FloatArray: ...
    @property
    def readouts(self) -> FloatArray: ...
    @property
    def readout_biases(self) -> FloatArray: ...


# -- binary64 --------------------------------------------------------------------------------------


def float64(network: _Graded, t: FloatArray, grades: int) -> FloatArray:
    """(m, n): values at unit coordinates t (n, d), in binary64."""
    parts = [_float64(network, t[k : k + POINTS], grades) for k in range(0, len(t), POINTS)]
    return np.concatenate(parts, axis=1) if parts else np.zeros((network.outputs, 0))


def _float64(network: _Graded, t: FloatArray, grades: int) -> FloatArray:
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


def _layers(network: _Graded, grades: int) -> Iterator[slice]:
    """The layers of each of the first grades."""
    start = 0
    for end in network.grade_end[:grades].tolist():
        yield slice(start, end)
        start = end


def _parts(network: _Graded, grades: int) -> Iterator[tuple[slice, slice]]:
    """Pieces of at most ``LAYERS`` layers, each with the grades that are read out on the way."""
    ends = network.grade_end[:grades]
    depth, done = int(ends[-1]) if grades else 0, 0
    for start in range(0, max(depth, 1), LAYERS):
        stop = min(start + LAYERS, depth)
        read = int(np.searchsorted(ends, stop, side="right"))
        yield slice(start, stop), slice(done, read)
        done = read


def _turns(network: _Graded, layers: slice, reads: slice) -> Iterator[tuple[int, bool]]:
    """The layers (number within the piece, False) and readouts (number within the piece, True) in their order."""
    done, ends = layers.start, network.grade_end[reads].tolist()
    for k, end in enumerate(ends):
        yield from ((i, False) for i in range(done - layers.start, end - layers.start))
        yield k, True
        done = end
    yield from ((i, False) for i in range(done - layers.start, layers.stop - layers.start))


# -- exact -----------------------------------------------------------------------------------------


@checked_arithmetic()
def exact(network: _Graded, points: Sequence[Sequence[Fraction]], grades: int) -> list[list[Fraction]]:
    """Values (m lists of n) at points with rational unit coordinates."""
    common = math.lcm(*(s.denominator for t in points for s in t))
    start = np.array([[int(s * common) for s in t] for t in points], dtype=object).reshape(len(points), -1).T
    with quiet():
        return _Exact(network, start, 0, common).run(grades)


@checked_arithmetic()
def exact_at(network: _Graded, level: int, nodes: IntArray, grades: int) -> tuple[list[list[Fraction]], bool]:
    """Values (m lists of n) at unit coordinates nodes / 2^level (n, d).

    And whether binary64 certainly computes them unrounded.
    """
    run = _Exact(network, nodes.T, level, 1)
    with quiet():
        return run.run(grades), run.fits


class _Exact:
    """Integer arithmetic with a binary exponent per channel, as :class:`~mgdl_theory.rigor.dyadic.ExactLayers` has it.

    Through a layer, e is the least exponent that makes every term an integer, whatever the values are.

    The state scaled back by powers of two is what the binary64 evaluation sees.  So as long as the first
    case holds and ``common`` is 1, that evaluation does not round either: ``fits``.
    """

    def __init__(self, network: _Graded, start: NDArray[Any], exponent: int, common: int) -> None:
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
        for total, odd, power in zip(self.totals, *Dyadic.of(network.lifts), strict=True):
            self._add(total, np.full(n, int(odd) * self.common, dtype=object), -int(power))
        for layers, reads in _parts(network, grades):
            weights, biases = Dyadic.of(network.weights[layers]), Dyadic.of(network.biases[layers])
            e = exponents(weights, biases, self.e)
            if np.abs(e).max() > BITS or int(self.y.max()).bit_length() > BITS:
                raise BudgetError(f"network: exact values need more than {BITS} bits at layer {layers.start}")
            self.fits &= bool(np.abs(e).max() <= _MODERATE)
            rows = ExactLayers(weights, biases, e[:-1], e[1:], self.common)
            readouts, after = self._readouts(reads, e, layers.start)
            for i, reading in _turns(network, layers, reads):
                if reading:
                    for total, value, e_value in zip(self.totals, self._apply(readouts, i), after[i], strict=True):
                        self._add(total, value, int(e_value))
                else:
                    self.y = np.maximum(self._apply(rows, i), 0)
            self.e = e[-1]
        return [[rational(value, total.e, self.common) for value in total.y.tolist()] for total in self.totals]

    def _readouts(self, reads: slice, e: IntArray, start: int) -> tuple[ExactLayers, IntArray]:
        """The readouts of some grades as layers of m rows, and the exponents (grades, m) of their values."""
        weights = Dyadic.of(self.network.readouts[reads])
        constants = Dyadic.of(self.network.readout_biases[reads])
        before = e[self.network.grade_end[reads] - start]
        need, least = needs(weights, constants)
        after = np.maximum((need + before[:, None]).max(axis=2), least)
        return ExactLayers(weights, constants, before, after, self.common), after

    def _apply(self, rows: ExactLayers, i: int) -> NDArray[Any]:
        """W y + b in integers."""
        kind = object if self.few else rows.kind(i, self.y)
        self.fits &= kind is np.float64
        self.y = cast(self.y, kind)
        return rows.apply(i, self.y)

    def _add(self, total: _Total, value: NDArray[Any], e: int) -> None:
        """Add value / 2^e to a total where it is not 0."""
        used = np.flatnonzero(value)
        if e > total.e:
            total.y, total.e = total.y << (e - total.e), e
        total.y[used] += cast(value[used], object) << (total.e - e)
        if self.fits and len(used):
            self.fits = bool(np.abs(total.y[used]).max() <= 1 << 53) and abs(total.e) <= _MODERATE


class _Total:
    """The sum of the readouts of one component so far: integers y / (common * 2^e)."""

    def __init__(self, points: int) -> None:
        self.y: NDArray[Any] = np.zeros(points, dtype=object)
        self.e = 0


# -- mpmath ----------------------------------------------------------------------------------------


def mp(network: _Graded, t: Sequence[Fraction], digits: int, grades: int) -> list[Any]:
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
def interval(network: _Graded, lo: FloatArray, hi: FloatArray, grades: int) -> Interval:
    """Enclosure (m, n) over the part in the domain of boxes [lo_i, hi_i] of points of the box."""
    with quiet():
        low, high = _unit_coordinates(network.box, lo, hi)
        h = np.zeros((2 * network.width, len(lo)))
        h[: network.dim], h[network.width : network.width + network.dim] = low.T, high.T
        lifts, m = np.repeat(network.lifts[:, None], len(lo), axis=1), network.outputs
        total = Interval(lifts, lifts)
        for layers, reads in _parts(network, grades):
            rows = IntervalLayers(network.weights[layers], network.biases[layers])
            readouts = IntervalLayers(network.readouts[reads], network.readout_biases[reads])
            for i, reading in _turns(network, layers, reads):
                if reading:
                    g = readouts.apply(i, h)
                    total = Interval(add_down(total.lo, g[:m]), add_up(total.hi, g[m:]))
                else:
                    h = np.maximum(rows.apply(i, h), 0.0)
        return total


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


def distinct_nonzero(parts: Sequence[FloatArray]) -> FloatArray:
    """The different nonzero numbers in some arrays."""
    found = [np.zeros(0)]
    for part in parts:
        for first in range(0, len(part), 64 * LAYERS):
            piece = part[first : first + 64 * LAYERS]
            found.append(np.unique(piece[piece != 0]))
    return np.unique(np.concatenate(found))
