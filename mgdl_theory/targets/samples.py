"""Gridded data as a target: the multilinear interpolant of an array, with exact locations and outward enclosures.

The n_1 x ... x n_d samples stand at the nodes of a uniform grid on the box, its border included; between them f is
linear along every axis.  Coordinates s_a = (n_a - 1) t_a count samples.  A cell of level l has the sides
eta_a = (n_a - 1) / 2**l in these coordinates, and three chains of defect bounds (docs/targets.md, Propositions T2
and T3) serve it:

table
    While cells hold many samples: the largest gap at the vertices of all pieces of f in the cell, and a bound for
    what the interpolant of the cell may bend over a piece.  Computed once for all cells of these levels.
local
    From sides eta_a <= 1 on: at most one kink per axis crosses a cell, and its jump and the mixed differences
    around it say everything.
global
    eta/2 times half the range of all slopes, along every axis: always true, seldom needed.

Every chain bounds its own later members: S_K >= p_K + S_child, and the margins are these sums.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.errors import OptionError, TargetError, told
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.rounding import add_down, add_up, checked_arithmetic, mul_up, quiet, sub_down, sub_up, up
from mgdl_theory.targets.base import THETA, Box, Defects, FloatArray, IntArray, ScalarTarget, read_points
from mgdl_theory.text import NAME, float_text, plain

CHUNK = 1 << 15
"""Experience: nodes or cells handled at a time."""

TABLE_CELLS = 1 << 22
"""Experience: most cells of a level whose defects are kept in a table."""

TABLE_SHARE = 4
"""Experience: and most of them for each sample, so that a thin array of few samples costs no more than a square one."""

BLOCK = 1 << 21
"""Experience: vertices of pieces handled at a time while the table is made."""

ROUNDING = 2.0**-40
"""Theorem: an interpolated value or gap in plain binary64 errs by less than this part of the largest |sample| (T2)."""

WIDTH = 2.0**-49
"""Experience: the width of an enclosure of a value, as a part of the largest |sample|; no proof rests on it."""

LEVELS = 64
"""Definition: more levels than any mesh has."""

SLACK = 2.0**-22
"""Experience: relative room in the margins per level, for rounding and for what ``LEAST_PART`` adds."""

LEAST_PART = 2.0**-24
"""Experience: a defect is stated as at least this part of its margin, so that a finite theta makes one of the other."""

LARGEST_SAMPLE = 1e300
"""Definition: beyond it differences overflow."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Places along one axis: sample number k and fraction r in [0, 1) of the way to sample k + 1, both exact."""

    k: IntArray
    r: FloatArray


@dataclass(frozen=True, slots=True)
class _Chain:
    """Bounds of sag and bulge of n cells, and for each a number that is at least it plus the same of every child."""

    sag: FloatArray
    bulge: FloatArray
    sag_sum: FloatArray
    bulge_sum: FloatArray

    def least(self, other: _Chain) -> _Chain:
        """The smaller of both everywhere, which is a chain again."""
        return _Chain(*(np.minimum(getattr(self, name), getattr(other, name)) for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class _Table:
    """Bounds for all cells of one level, arrays (2^l, ..., 2^l)."""

    chain: _Chain
    low: FloatArray
    high: FloatArray


class SamplesTarget(ScalarTarget):
    """The multilinear interpolant of an array on a box.

    Parameters
    ----------
    data : array (n_1, ..., n_d), n_a >= 2
        Real and finite; see :func:`read_array`.
    box : Box
        Sample (k_1, ..., k_d) stands at lower_a + (upper_a - lower_a) k_a / (n_a - 1).
    name : str
    variables : sequence of str
    notes : sequence of str
        What was made of a source that may mean something else.

    >>> f = SamplesTarget(np.array([0.0, 3.0, 0.0]), Box.of([0, 2]))
    >>> f.values(2, np.array([[1], [2]])).lo.tolist()
    [1.5, 3.0]
    >>> d = f.defects(1, np.array([[0], [1]]))  # linear on both cells
    >>> bool(d.bulge.max() < 1e-15), d.range.hi.tolist()
    (True, [3.0, 3.0])
    """

    certified = True

    @checked_arithmetic()
    def __init__(
        self,
        data: Any,
        box: Box | None = None,
        *,
        name: str = "samples",
        variables: Sequence[str] | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.data = read_array(data)
        self.notes = tuple(notes)
        self.box = box if box is not None else Box.of([0, 1], self.data.ndim)
        if self.box.dim != self.data.ndim:
            raise TargetError(
                f"{name}: the domain has {self.box.dim} side(s), but the array {self.data.ndim} axes, {self.data.shape}"
            )
        self.name = name = plain(name, NAME)
        self.variables = tuple(variables) if variables is not None else _variables(self.dim)
        if len(self.variables) != self.dim:
            raise OptionError(f"variables: expected {self.dim} name(s), one per axis, got {len(self.variables)}")
        self.text = f"{name} ({' x '.join(map(str, self.data.shape))} samples)"
        self._steps = tuple(n - 1 for n in self.data.shape)
        self._size = float(np.abs(self.data).max())
        with quiet():
            self._slopes = [_difference(Interval(self.data, self.data), axis) for axis in range(self.dim)]
            self._jumps = [_padded(_difference(s, axis), axis) for axis, s in enumerate(self._slopes)]
            self._twists = {
                (a, b): _difference(self._slopes[a], b) for a in range(self.dim) for b in range(a + 1, self.dim)
            }
            self._spread = [float(sub_up(s.hi.max(keepdims=True), s.lo.min(keepdims=True)).max()) for s in self._slopes]
            self._table = self._tables()

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return self.data.ndim

    def __repr__(self) -> str:
        return f"SamplesTarget({self.name}, shape {self.data.shape}, {self.box!r})"

    # -- values ------------------------------------------------------------------------------------

    @checked_arithmetic()
    def values(self, level: int, nodes: IntArray) -> Interval:
        """Enclosure (n,): f(node_i) in [lo_i, hi_i]; exact where binary64 holds the value and the steps to it."""
        lo, hi = np.empty(len(nodes)), np.empty(len(nodes))
        with quiet():
            for part in _chunks(len(nodes)):
                places = [_place(level, nodes[part, a], n) for a, n in enumerate(self._steps)]
                value = _interpolated(Interval(self.data, self.data), places)
                lo[part], hi[part] = value.lo, value.hi
        return Interval(lo, hi)

    def __call__(self, x: Any) -> FloatArray:
        """Approximate values (n,) at points (n, d), or (n,) if d = 1, of the box, for pictures and sampling."""
        points = read_points(x, self.dim, self.text)
        if not np.isfinite(points).all():
            raise OptionError(f"{self.text}: expected points with finite coordinates")
        s = np.clip(self.box.to_unit(points), 0.0, 1.0) * np.array(self._steps, dtype=np.float64)
        k = np.minimum(s.astype(np.int64), np.array(self._steps) - 1)
        total = np.zeros(points.shape[:-1])
        for corner in product((0, 1), repeat=self.dim):
            weight = np.prod(np.where(np.array(corner) == 1, s - k, 1.0 - (s - k)), axis=-1)
            total += weight * self.data[tuple(np.moveaxis(k + np.array(corner), -1, 0))]
        return total

    def mp(self, point: Sequence[Fraction], digits: int) -> Any:
        """f at an exact point: computed in rationals, then rounded to an mpmath number of so many digits.

        >>> import mpmath
        >>> mpmath.nstr(SamplesTarget(np.array([0.0, 1.0])).mp([Fraction(1, 3)], 30), 25)
        '0.3333333333333333333333333'
        """
        import mpmath

        exact = self.exact(point)
        with mpmath.workdps(digits):
            return mpmath.mpf(exact.numerator) / exact.denominator

    def exact(self, point: Sequence[Fraction]) -> Fraction:
        """f at a rational point of the box, exactly.

        >>> SamplesTarget(np.array([[0.0, 1.0], [2.0, 7.0]])).exact([Fraction(1, 2), Fraction(1, 3)])
        Fraction(2, 1)
        """
        places = []
        for t, n in zip(self.box.unit(point), self._steps, strict=True):
            s, k = t * n, min(int(t * n), n - 1)
            places.append(((k, 1 - (s - k)), (k + 1, s - k)))
        total = Fraction(0)
        for corner in product(*places):
            total += math.prod(w for _, w in corner) * Fraction(float(self.data[tuple(k for k, _ in corner)]))
        return total

    # -- defects -----------------------------------------------------------------------------------

    @checked_arithmetic()
    def defects(self, level: int, cells: IntArray) -> Defects:
        """Defect bounds and ranges of f on the cells int64 (n, d) of this level."""
        parts = [self._defects(level, cells[part]) for part in _chunks(max(len(cells), 1))]
        sag, bulge, sag_theta, bulge_theta, low, high = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Defects(sag, bulge, sag_theta, bulge_theta, Interval(low, high))

    def _defects(self, level: int, cells: IntArray) -> tuple[FloatArray, ...]:
        with quiet():
            if level < len(self._table):
                table, at = self._table[level], tuple(cells.T)
                chain = _Chain(*(getattr(table.chain, name)[at] for name in _Chain.__slots__))
                low, high = table.low[at], table.high[at]
            else:
                chain = self._chain(level, cells)
                corners = [self.values(level, cells + np.array(c)) for c in product((0, 1), repeat=self.dim)]
                low = sub_down(np.minimum.reduce([v.lo for v in corners]), chain.sag)
                high = add_up(np.maximum.reduce([v.hi for v in corners]), chain.bulge)
                low, high = np.maximum(low, self.data.min()), np.minimum(high, self.data.max())
            sag, sag_theta = _with_theta(level, chain.sag, chain.sag_sum)
            bulge, bulge_theta = _with_theta(level, chain.bulge, chain.bulge_sum)
        return sag, bulge, sag_theta, bulge_theta, low, high

    def _noise(self, level: int) -> FloatArray:
        """(1,): what the widths of enclosures may add up to at the levels from this one on."""
        return np.array([WIDTH * self._size * (LEVELS - level)])

    def _chain(self, level: int, cells: IntArray) -> _Chain:
        """The global chain, and the local one where the sides are at most 1."""
        half = np.zeros(1)
        for spread, n in zip(self._spread, self._steps, strict=True):
            half = add_up(half, mul_up(np.array([spread]), np.array([math.ldexp(n, -level - 2)])))
        whole = np.broadcast_to(half, len(cells))
        both = np.broadcast_to(add_up(2.0 * half, self._noise(level)), len(cells))
        chain = _Chain(whole, whole, both, both)
        return chain.least(self._local(level, cells)) if max(self._steps) <= 1 << level else chain

    def _local(self, level: int, cells: IntArray) -> _Chain:
        """Proposition T3: kinks fall by 1/2, mixed differences by 1/4."""
        n = len(cells)
        ends = [
            (_place(level, cells[:, a], steps), _place(level, cells[:, a] + 1, steps))
            for a, steps in enumerate(self._steps)
        ]
        crossed = [(last.k == first.k + 1) & (last.r > 0) for first, last in ends]
        sag, bulge, kinks, counterkinks = (np.zeros(n) for _ in range(4))
        for a, (first, last) in enumerate(ends):
            rows = np.flatnonzero(crossed[a])
            if not len(rows):
                continue
            jump = self._extremes(self._jumps[a], ends, crossed, rows, line=a)
            eta = math.ldexp(self._steps[a], -level)
            reach = up(mul_up(1.0 - first.r[rows], last.r[rows]) / eta)
            for total, fourth, size in ((sag, kinks, jump.hi), (bulge, counterkinks, -jump.lo)):
                size = np.maximum(size, 0.0)
                total[rows] = add_up(total[rows], mul_up(size, np.minimum(reach, eta / 4)))
                fourth[rows] = add_up(fourth[rows], mul_up(size, np.full(1, eta / 4)))
        twisted, countertwisted = np.zeros(n), np.zeros(n)
        for (a, b), twist in self._twists.items():
            area = math.ldexp(self._steps[a] * self._steps[b], -2 * level - 3)
            found = self._extremes(twist, ends, crossed, np.arange(n), pieces=(a, b))
            width = sub_up(found.hi, found.lo)
            for part, size in ((twisted, 2.0 * found.hi), (countertwisted, -2.0 * found.lo)):
                part[:] = add_up(part, mul_up(np.maximum(size, width), np.full(1, area)))
        sums = [
            add_up(add_up(2.0 * kink, mul_up(np.full(1, THETA[2]), twist)), self._noise(level))
            for kink, twist in ((kinks, twisted), (counterkinks, countertwisted))
        ]
        return _Chain(add_up(sag, twisted), add_up(bulge, countertwisted), sums[0], sums[1])

    def _extremes(
        self,
        array: Interval,
        ends: list[tuple[_Place, _Place]],
        crossed: list[NDArray[np.bool_]],
        rows: NDArray[np.intp],
        *,
        line: int | None = None,
        pieces: tuple[int, ...] = (),
    ) -> Interval:
        """Enclosure (rows,) of what an array of differences takes on a cell.

        Along ``line`` it is taken at the sample inside the cell, along ``pieces`` at the pieces the cell meets, and
        along the other axes it is linear between samples: the extremes are at the ends and at the sample inside.
        """
        choices: list[list[_Place]] = []
        for axis, (first, last) in enumerate(ends):
            inside, zero = crossed[axis][rows], np.zeros(len(rows))
            start, end = _Place(first.k[rows], first.r[rows]), _Place(last.k[rows], last.r[rows])
            if axis == line:
                choices.append([_Place(start.k + 1, zero)])
            elif axis in pieces:
                choices.append([_Place(start.k, zero), _Place(start.k + inside, zero)])
            else:
                middle = _Place(np.where(inside, start.k + 1, start.k), np.where(inside, 0.0, start.r))
                choices.append([start, middle, end])
        found = [_interpolated(array, places) for places in product(*choices)]
        return Interval(np.minimum.reduce([v.lo for v in found]), np.maximum.reduce([v.hi for v in found]))

    # -- tables ------------------------------------------------------------------------------------

    def _tables(self) -> list[_Table]:
        """Tables of the levels whose cells hold more than a sample along some axis, as far as memory serves."""
        levels = (max(self._steps) - 1).bit_length()
        while levels > 0 and 1 << (levels - 1) * self.dim > min(TABLE_CELLS, TABLE_SHARE * self.data.size):
            levels -= 1
        tables: list[_Table] = []
        below = self._sums(levels)
        for level in reversed(range(levels)):
            table = self._table_of(level)
            sums = [
                add_up(add_up(p, np.array([WIDTH * self._size])), _largest_child(s))
                for p, s in zip((table.chain.sag, table.chain.bulge), below, strict=True)
            ]
            below = (sums[0], sums[1])
            tables.append(_Table(_Chain(table.chain.sag, table.chain.bulge, *sums), table.low, table.high))
        return tables[::-1]

    def _sums(self, level: int) -> tuple[FloatArray, FloatArray]:
        """The sums of the chain at all cells of a level."""
        side = 1 << level
        sag, bulge = np.empty((side,) * self.dim), np.empty((side,) * self.dim)
        step = max(1, CHUNK // side ** (self.dim - 1))
        for start in range(0, side, step):
            block = slice(start, min(start + step, side))
            shape = (block.stop - block.start, *(side,) * (self.dim - 1))
            cells = np.moveaxis(np.indices(shape, dtype=np.int64), 0, -1).reshape(-1, self.dim)
            cells[:, 0] += start
            chain = self._chain(level, cells)
            sag[block], bulge[block] = chain.sag_sum.reshape(shape), chain.bulge_sum.reshape(shape)
        return sag, bulge

    def _table_of(self, level: int) -> _Table:
        """Proposition T2 for all cells of a level, in plain binary64 with the rounding added at the end."""
        side, d = 1 << level, self.dim
        nodal = self.data
        for a, n in enumerate(self._steps):
            nodal = _along(nodal, _place(level, np.arange(side + 1), n), a)
        slots = [_Slots.of(level, n) for n in self._steps]
        width = math.prod(len(s.cell) for s in slots[1:])
        step = max(1, side * BLOCK // max(1, width * len(slots[0].cell)))
        sag, bulge, low, high = (np.empty((side,) * d) for _ in range(4))
        for start in range(0, side, step):
            block = slice(start, min(start + step, side))
            found = self._block(nodal[start : block.stop + 1], [slots[0].part(start, block.stop), *slots[1:]], level)
            sag[block], bulge[block], low[block], high[block] = found
        error = np.array([ROUNDING * self._size])
        return _Table(
            _Chain(add_up(sag, error), add_up(bulge, error), sag, bulge),
            np.maximum(sub_down(low, error), self.data.min()),
            np.minimum(add_up(high, error), self.data.max()),
        )

    def _block(self, nodal: FloatArray, slots: list[_Slots], level: int) -> tuple[FloatArray, ...]:
        """Sag, bulge, least and largest value (approximate) of a block of cells with these nodal values."""
        f = self.data
        for a, slot in enumerate(slots):
            f = _along(f, slot.place, a)
        shape = tuple(len(slot.starts) for slot in slots)
        gap = np.zeros(f.shape)
        bend, counterbend = np.zeros(shape), np.zeros(shape)
        grid = np.ix_(*(slot.cell for slot in slots))
        for chosen in product((0, 1), repeat=self.dim):
            moebius = nodal
            for a, bit in enumerate(chosen):
                first, second = _slice(moebius, a, 0, -1), _slice(moebius, a, 1, None)
                moebius = second - first if bit else first
            axes = [a for a, bit in enumerate(chosen) if bit]
            heights = [slots[a].u.reshape([-1 if b == a else 1 for b in range(self.dim)]) for a in axes]
            term = moebius[grid]
            gap += term * _minimum(heights) if heights else term
            if len(axes) > 1:
                share = [min(1.0, math.ldexp(1.0, level) / self._steps[a]) for a in axes]
                room = (math.hypot(*share) if len(axes) == 2 else sum(share)) / 4 * (1 + 2.0**-48)
                bend += np.maximum(moebius, 0.0) * room
                counterbend += np.maximum(-moebius, 0.0) * room
        gap -= f
        sag = np.maximum(_over_cells(np.maximum, gap, slots), 0.0) + bend
        bulge = np.maximum(-_over_cells(np.minimum, gap, slots), 0.0) + counterbend
        return sag, bulge, _over_cells(np.minimum, f, slots), _over_cells(np.maximum, f, slots)

    # -- description -------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """Name, shape and SHA-256 of the data (float64, little endian, in C order), box, and what the bounds rest on.

        >>> SamplesTarget(np.array([0, 1])).describe()["shape"]
        [2]
        """
        return {
            "kind": "samples",
            "text": self.text,
            "name": self.name,
            "variables": list(self.variables),
            "box": {"lower": [str(end) for end in self.box.lower], "upper": [str(end) for end in self.box.upper]},
            "shape": list(self.data.shape),
            "notes": list(self.notes),
            "sha256": hashlib.sha256(self.data.astype("<f8").tobytes()).hexdigest(),
            "assumptions": ["binary64", "to-nearest", "subnormals"],
        }


def read_array(data: Any) -> FloatArray:
    """The array as read-only float64, exactly, or an error that says what is wrong with it and where.

    >>> read_array([1, 2]).tolist()
    [1.0, 2.0]
    >>> read_array([1.0, float("nan")])
    Traceback (most recent call last):
    mgdl_theory.errors.TargetError: data: the sample at index (1,) is nan; remove or fill such samples first
    """
    try:
        masked, array = _is_masked(data), np.asarray(data)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - an array of somebody else may raise anything
        raise TargetError(f"data: not an array of numbers: {told(error)}") from None
    if masked:
        raise TargetError("data: some samples are masked; fill them first")
    if array.dtype.kind not in "biuf":
        kinds = {"c": "complex numbers; take the real or the imaginary part, or the modulus"}
        raise TargetError(f"data: expected real numbers, got {kinds.get(array.dtype.kind, f'dtype {array.dtype}')}")
    _require_grid(array)
    with np.errstate(over="ignore"):  # a long double beyond the floats becomes inf, which is refused
        converted = np.array(array, dtype=np.float64, order="C")
    _refuse(~np.isfinite(converted), array, "remove or fill such samples first")
    _refuse(np.abs(converted) > LARGEST_SAMPLE, array, f"numbers beyond {float_text(LARGEST_SAMPLE)} are out of range")
    if array.dtype.kind in "iu":
        _refuse((array > 2**53) | (array < -(2**53)), array, "integers beyond 2^53 are out of range; convert the data")
    elif array.dtype.itemsize > 8:
        _refuse(converted != array, array, "binary64 does not hold it exactly; convert the data to float64")
    elif isinstance(data, list | tuple) and np.abs(converted).max() >= 2**53:  # NumPy has rounded integers among floats
        given = np.array(data, dtype=object)
        _refuse(np.asarray(given != converted, dtype=np.bool_), given, "binary64 does not hold it; convert the data")
    converted.flags.writeable = False
    return converted


def _require_grid(array: NDArray[Any]) -> None:
    """Refuse a shape that is no grid of samples in one to three variables."""
    if array.ndim == 0 or min(array.shape) < 2:
        raise TargetError(f"data: expected at least 2 samples along every axis, got an array of shape {array.shape}")
    if array.ndim > 3:
        raise TargetError(f"data: expected at most 3 axes, got an array of shape {array.shape}")
    if array.ndim == 3 and array.dtype == np.uint8 and array.shape[2] in (3, 4):
        raise TargetError(f"data: shape {array.shape} looks like a colour image; take one channel, or a mean of them")


def _is_masked(data: Any, depth: int = 3) -> bool:
    """Whether this is, or a list of it holds, an array with masked entries, which plain arrays forget."""
    if isinstance(data, np.ma.MaskedArray):
        return bool(np.ma.is_masked(data))
    return depth > 0 and isinstance(data, list | tuple) and any(_is_masked(part, depth - 1) for part in data)


def remarks(data: Any, array: FloatArray) -> Iterator[str]:
    """What is to be said of arrays that may mean something else than samples on a grid.

    >>> list(remarks(np.array([True, False]), np.array([1.0, 0.0])))
    ['truth values are taken as 0 and 1']
    """
    if getattr(data, "dtype", None) == np.bool_:
        yield "truth values are taken as 0 and 1"
    if not isinstance(data, np.ndarray | list | tuple) and any(hasattr(data, name) for name in ("columns", "coords")):
        yield "labels of rows and columns are not looked at: the samples stand evenly on the domain"
    if array.ndim == 3 and array.shape[2] in (3, 4) and min(array.shape[:2]) > 8:
        yield f"the last axis, of {array.shape[2]}, is taken as a third variable, not as colours"
    if array.ndim == 2 and array.shape[1] in (2, 3) and len(array) > 3 and bool((np.diff(array[:, 0]) > 0).all()):
        yield f"read as {len(array)} x {array.shape[1]} samples of two variables, not as coordinates with values"


def _refuse(wrong: NDArray[np.bool_], array: NDArray[Any], advice: str) -> None:
    if wrong.any():
        at = tuple(int(k) for k in np.unravel_index(int(np.argmax(wrong)), wrong.shape))
        raise TargetError(f"data: the sample at index {at} is {array[at]}; {advice}")


# -- arithmetic on samples -------------------------------------------------------------------------


def _place(level: int, index: IntArray, steps: int) -> _Place:
    """Where the nodes i / 2**level of [0, 1] lie among the samples: steps * i / 2**level = k + r, exactly."""
    low = 26
    if level <= low:
        numerator = index * steps
        k, rest = numerator >> level, numerator & ((1 << level) - 1)
    else:  # in two halves of 26 bits, since the product may exceed 63 bits
        part = (index & ((1 << low) - 1)) * steps
        upper = (index >> low) * steps + (part >> low)
        k = upper >> (level - low)
        rest = (upper & ((1 << (level - low)) - 1)) << low | part & ((1 << low) - 1)
    return _Place(k, np.ldexp(rest.astype(np.float64), -level))


def _interpolated(array: Interval, places: Sequence[_Place]) -> Interval:
    """Enclosure (n,) of the multilinear interpolant of enclosed samples at places, axis by axis.

    It increases with every sample, so its ends are those of the lower and of the upper samples.
    """
    last = [n - 1 for n in array.lo.shape]
    nearby = [(p.k, np.minimum(p.k + (p.r > 0), n)) for p, n in zip(places, last, strict=True)]
    ends = []
    for samples, sign in ((array.lo, 1.0), (array.hi, -1.0)):
        known = {
            bits: sign * samples[tuple(pair[bit] for pair, bit in zip(nearby, bits, strict=True))]
            for bits in product((0, 1), repeat=len(places))
        }
        for axis in reversed(range(len(places))):
            known = {
                bits: _between(known[(*bits, 0)], known[(*bits, 1)], places[axis].r)
                for bits in product((0, 1), repeat=axis)
            }
        ends.append(sign * known[()])
    return Interval(ends[0], ends[1])


def _between(a: FloatArray, b: FloatArray, r: FloatArray) -> FloatArray:
    """At most a + r (b - a), 0 <= r < 1; exact where all steps are, and for a = b."""
    rise = -mul_up(r, -sub_down(b, a))
    return np.maximum(add_down(a, rise), np.minimum(a, b))


def _difference(array: Interval, axis: int) -> Interval:
    """Enclosures of the differences of neighbours along an axis."""
    first, second = (
        Interval(_slice(array.lo, axis, *ends), _slice(array.hi, axis, *ends)) for ends in ((0, -1), (1, None))
    )
    return Interval(sub_down(second.lo, first.hi), sub_up(second.hi, first.lo))


def _padded(array: Interval, axis: int) -> Interval:
    """The same with a zero before and after along an axis: entry k belongs to sample k."""
    width = [(1, 1) if a == axis else (0, 0) for a in range(array.lo.ndim)]
    return Interval(np.pad(array.lo, width), np.pad(array.hi, width))


def _slice(array: FloatArray, axis: int, start: int, stop: int | None) -> FloatArray:
    return array[tuple(slice(start, stop) if a == axis else slice(None) for a in range(array.ndim))]


def _along(array: FloatArray, place: _Place, axis: int) -> FloatArray:
    """Plain interpolation along one axis."""
    first = np.take(array, place.k, axis=axis)
    second = np.take(array, np.minimum(place.k + (place.r > 0), array.shape[axis] - 1), axis=axis)
    r = place.r.reshape([-1 if a == axis else 1 for a in range(array.ndim)])
    return np.asarray(first + r * (second - first))


def _with_theta(level: int, p: FloatArray, total: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(defect, theta) so that the margin, theta times the defect, is at least ``total``, a sum of a chain.

    The room that the factor leaves falls from level to level by more than a raised defect takes.
    """
    raised = np.maximum(p, LEAST_PART * total)
    total = total + (raised - p)
    theta = np.divide(total, raised, out=np.full(len(p), THETA[2]), where=raised > 0)
    return raised, (1.0 + SLACK * (LEVELS - level)) * theta


def _largest_child(array: FloatArray) -> FloatArray:
    """The maximum over the 2^d children of every cell of the level above."""
    pairs = [part for n in array.shape for part in (n // 2, 2)]
    return np.asarray(array.reshape(pairs).max(axis=tuple(range(1, 2 * array.ndim, 2))))


def _minimum(arrays: list[FloatArray]) -> FloatArray:
    least = arrays[0]
    for array in arrays[1:]:
        least = np.minimum(least, array)
    return least


@dataclass(frozen=True, slots=True)
class _Slots:
    """The vertices of pieces along one axis, cell by cell: its lower end, the samples inside, its upper end.

    ``cell`` numbers the cells from 0, ``starts`` says where each begins, ``u`` in [0, 1] is the place in the cell.
    """

    cell: IntArray
    starts: IntArray
    place: _Place
    u: FloatArray

    @classmethod
    def of(cls, level: int, steps: int) -> _Slots:
        """All cells of a level."""
        side = 1 << level
        samples = np.arange(1, steps, dtype=np.int64)
        cell_of, over = samples * side // steps, samples * side % steps
        inside = over > 0
        samples, cell_of, over = samples[inside], cell_of[inside], over[inside]
        cells = np.arange(side, dtype=np.int64)
        low, high = _place(level, cells, steps), _place(level, cells + 1, steps)
        cell = np.concatenate([cells, cell_of, cells])
        order = np.argsort(cell, kind="stable")
        zero = np.zeros(len(samples))
        k = np.concatenate([low.k, samples, high.k])[order]
        r = np.concatenate([low.r, zero, high.r])[order]
        u = np.concatenate([np.zeros(side), over / steps, np.ones(side)])[order]
        cell = cell[order]
        return cls(cell, np.searchsorted(cell, cells), _Place(k, r), u)

    def part(self, start: int, stop: int) -> _Slots:
        """The cells from ``start`` on and before ``stop``, numbered from 0."""
        first, last = np.searchsorted(self.cell, (start, stop))
        piece = slice(int(first), int(last))
        place = _Place(self.place.k[piece], self.place.r[piece])
        return _Slots(self.cell[piece] - start, self.starts[start:stop] - first, place, self.u[piece])


def _over_cells(combine: np.ufunc, array: FloatArray, slots: Sequence[_Slots]) -> FloatArray:
    """``combine`` over the vertices in each cell."""
    for axis, slot in enumerate(slots):
        array = combine.reduceat(array, slot.starts, axis=axis)
    return array


def _variables(dim: int) -> tuple[str, ...]:
    return ("x", "y", "z", "w")[:dim]


def _chunks(n: int) -> Iterator[slice]:
    return (slice(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK))
