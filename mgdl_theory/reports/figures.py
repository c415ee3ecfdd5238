"""The pictures of a report as short plain data: curves of one variable, maps of several, the norms by grade.

They are samples in floating point; only bounds are certified, and those are rounded up once more when they are
written as short decimals.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.errors import BudgetError
from mgdl_theory.grade import Grade
from mgdl_theory.levels import replay
from mgdl_theory.mesh import MAX_LEVEL, mark_rows
from mgdl_theory.pictures.curves import eighths
from mgdl_theory.pictures.fields import Plane, top_of
from mgdl_theory.pictures.rates import shown_to_hold
from mgdl_theory.pictures.style import chosen, fold_of, grew, own_settings, span
from mgdl_theory.reports.content import Row
from mgdl_theory.scheme import Approximation, Scheme
from mgdl_theory.targets.base import FloatArray, IntArray
from mgdl_theory.text import down_text, near_text, ranges_text, up_text
from mgdl_theory.verification.record import LeafBlock, Report
from mgdl_theory.verification.trained import ModelReport

Record = Report | ModelReport
"""What a report is on: a scheme, or a trained model."""

START = 8
"""Experience: a curve starts with 2**8 + 1 evenly spread points."""

NODES, LEAVES, POINTS = 900, 1000, 10_000
"""Experience: of the coarsest atoms and leaves so many give a curve its points, and points that it has at most."""

BEND = 0.02
"""Experience: between two points a curve departs from the straight line by at most this part of its height."""

PIECES, RATIO = 240, 1.1
"""Experience: pieces of an envelope at most, and the least factor up to which bounds of neighbours become one."""

RUNS, MARKS = 3000, 400
"""Experience: runs of leaves of equal level, and atoms of a grade that are marked one by one, at most."""

CELLS = 1 << 18
"""Experience: live cells up to which the levels of a scheme are laid again for its envelopes."""

PIXELS = {2: 88, 3: 56}
"""Experience: points of a map along each axis, by number of variables; of more than three, as of three."""

MESH_PIXELS = 176
"""Experience: points of a map of cells along each axis, so that cells of a 32nd show their borders."""

SECTIONS = (Fraction(1, 10), Fraction(1, 2), Fraction(9, 10))
"""Experience: where the other axes are cut, in unit coordinates; no node of a coarse mesh lies there, 1/2 apart."""

THUMBS = 24
"""Experience: grades in the overview; of more, so many evenly spread."""


# -- one variable ----------------------------------------------------------------------------------


def curves(report: Record, shown: Sequence[int]) -> dict[str, Any]:
    """Data of the curves of a scheme or a trained model of one variable, for the grades shown.

    Positions are integers in units of 2**-bits of the domain, as differences.  ``rest`` is e_K at the points, ``parts``
    are the sums of the grades from one that is shown to the next, so that e_k = e_K + parts after k, and
    f_k = lift + parts up to k.  Of a part there are the points between which it is linear.  Numbers are integers times
    a unit.  ``grew`` are runs [first point, how many] where |e_k| is larger than before.
    """
    scheme = fold_of(report)
    leaves = [block.level for block in report.leaves()] if isinstance(report, ModelReport) else []
    bits = min(max([START, *leaves, *(g.level for g in scheme.grades if isinstance(g, Grade))]) + 4, MAX_LEVEL)
    at = _points(scheme, bits, report.leaves())
    x = scheme.target.box.from_unit(at[:, None] / 2.0**bits)
    found = scheme.steps(x)
    envelope = _envelopes(report, bits)
    box, f = scheme.target.box, scheme.target(x)
    mesh: dict[str, Any] = {}
    if isinstance(report, Report):
        runs, finest = _leaf_runs(report, bits)
        mesh = {"leaves": runs, "finest": finest, "atoms": [_marks(report.scheme, k) for k in shown]}
    return {
        "bits": bits,
        "box": [float(box.lower[0]), float(box.upper[0])],
        "lift": scheme.lift,
        "at": np.diff(at, prepend=0).tolist(),
        "rest": _short(f - found[-1]),
        "parts": [
            _sparse(found[k] - found[j], _bends(scheme, at, bits, j, k))
            for j, k in zip([0, *shown], shown, strict=False)
        ],
        "envelopes": [_pieces(*envelope[k], report, k) if k in envelope else None for k in shown],
        "grew": [_runs(grew(report, k, f - found[max(k - 1, 0)], f - found[k])) for k in shown],
        **mesh,
    }


def _points(scheme: Approximation, bits: int, leaves: Sequence[LeafBlock]) -> IntArray:
    """Positions of samples: evenly spread ones, coarse nodes, eighths of leaves, midpoints where the residual bends."""
    even = np.arange((1 << START) + 1, dtype=np.int64) << (bits - START)
    grades = [g for g in scheme.grades if isinstance(g, Grade)]
    nodes = [(g.atoms.nodes + np.array([-1, 0, 1])).ravel() << (bits - g.level) for g in grades]
    coarse = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *nodes])[: 3 * NODES])[:NODES]
    arcs = np.rint(eighths(leaves, LEAVES) * 2.0**bits).astype(np.int64)
    at = np.union1d(np.union1d(even, arcs), np.clip(coarse, 0, 1 << bits))
    box = scheme.target.box
    e = scheme.residual(box.from_unit(at[:, None] / 2.0**bits))
    while len(at) < POINTS:
        middle = (at[:-1] + at[1:]) >> 1
        value = scheme.residual(box.from_unit(middle[:, None] / 2.0**bits))
        bend = np.abs(value - (e[:-1] + e[1:]) / 2)
        wanted = np.flatnonzero((bend > BEND * np.abs(e).max()) & (middle > at[:-1]))
        if not len(wanted):
            break
        wanted = wanted[np.argsort(-bend[wanted], kind="stable")][: POINTS - len(at)]
        order = np.argsort(np.concatenate([at, middle[wanted]]), kind="stable")
        at, e = np.concatenate([at, middle[wanted]])[order], np.concatenate([e, value[wanted]])[order]
    return at


def _envelopes(report: Record, bits: int) -> dict[int, tuple[IntArray, FloatArray]]:
    """By grade, starts (n,) of cells that tile the domain, and |e_k| <= bounds (n,) there.

    Of the levels between a grade and the next one the finest counts.  Cells that were finished keep their bound:
    no later atom touches them.  Where leaves of the proof bound e_k they serve: of a scheme for the last grade.
    """
    if not fold_of(report).target.certified:
        return {}
    if isinstance(report, ModelReport):
        return {k: tiles for k in report.covers if (tiles := _tiles(report, k, bits))}
    scheme = report.scheme
    found: dict[int, tuple[IntArray, FloatArray]] = {}
    starts, bounds = np.zeros(0, dtype=np.int64), np.zeros(0)
    with suppress(BudgetError):  # where the target or the memory gives out there are fewer envelopes
        for level in replay(scheme):
            k = max((g.number for g in scheme.grades if g.level <= level.mesh.level), default=0)
            here = level.mesh.cells[:, 0] << (bits - level.mesh.level)
            order = np.argsort(joined := np.concatenate([starts, here]), kind="stable")
            found[k] = joined[order], np.concatenate([bounds, level.bounds])[order]
            if len(here) > CELLS or level.mesh.level == bits:
                break
            starts = np.concatenate([starts, here[level.finished]])
            bounds = np.concatenate([bounds, level.bounds[level.finished]])
    if tiles := _tiles(report, len(scheme.grades), bits):
        found[len(scheme.grades)] = tiles
    return found


def _tiles(report: Record, k: int, bits: int) -> tuple[IntArray, FloatArray] | None:
    """Starts and bounds of the leaves, from left to right; None where there are none, or finer ones than the scale."""
    cover = report.leaves(k)
    if not cover or max(block.level for block in cover) > bits:
        return None
    starts = np.concatenate([block.cells[:, 0] << (bits - block.level) for block in cover])
    order = np.argsort(starts, kind="stable")
    return starts[order], np.concatenate([block.bounds for block in cover])[order]


def _runs(there: NDArray[np.bool_]) -> list[list[int]]:
    """[first, how many] of the runs of what is true."""
    ends = np.flatnonzero(np.diff(np.concatenate([[False], there, [False]]).astype(np.int8)))
    runs: list[list[int]] = np.column_stack([ends[::2], ends[1::2] - ends[::2]]).tolist()
    return runs


def _pieces(starts: IntArray, bounds: FloatArray, report: Record, k: int) -> dict[str, Any]:
    """An envelope of few pieces: neighbours of nearly equal bound become one, with the largest bound of theirs."""
    if k < len(report.rows):
        bounds = np.minimum(bounds, report.rows[k].residual_sup_upper)
    height, ratio = np.log(np.maximum(bounds, 1e-300)), RATIO
    while True:
        class_ = np.floor(height / math.log(ratio))
        first = np.flatnonzero(np.diff(class_, prepend=np.nan) != 0)
        if len(first) <= PIECES:
            break
        ratio *= ratio
    top = np.maximum.reduceat(bounds, first)
    unit = _unit(float(top[np.isfinite(top)].max(initial=0.0)), 3)
    ends = [(math.floor(b / unit) + 1 if b else 0) if math.isfinite(b) else None for b in top.tolist()]
    return {"at": np.diff(starts[first], prepend=0).tolist(), "unit": unit, "up": ends}


def _leaf_runs(report: Report, bits: int) -> tuple[list[list[int]], int | None]:
    """[level, how many] of the leaves from left to right, and the level whose cells stand for finer ones, if any."""
    blocks = report.leaves()
    deepest = max((block.level for block in blocks), default=0)
    finest = min(deepest, bits)
    while blocks:
        starts, levels = [], []
        for block in blocks:
            level = min(block.level, finest)
            cells = np.unique(block.cells[:, 0] >> (block.level - level))
            starts.append(cells << (bits - level))
            levels.append(np.full(len(cells), level))
        at, first = np.unique(np.concatenate(starts), return_index=True)
        level_of = np.concatenate(levels)[first]
        change = np.flatnonzero(np.diff(level_of, prepend=-1))
        if len(change) <= RUNS or finest == 0:
            runs: list[list[int]] = np.column_stack([level_of[change], np.diff(change, append=len(at))]).tolist()
            return runs, finest if finest < deepest else None
        finest -= 1
    return [], None


def _marks(scheme: Scheme, k: int) -> list[int] | None:
    """Nodes of the atoms of a grade, counted from 1, with the sign of the coefficient; None if there are many."""
    if not k:
        return []
    g = scheme.grades[k - 1].atoms
    if len(g.nodes) > MARKS:
        return None
    marks: list[int] = np.where(g.coefficients > 0, g.nodes[:, 0] + 1, -g.nodes[:, 0] - 1).tolist()
    return marks


def _unit(largest: float, digits: int) -> float:
    """A power of ten, so that the largest number has so many digits in this unit."""
    return float(f"1e{math.floor(math.log10(largest)) - digits + 1}") if largest > 0 else 1.0


def _short(values: FloatArray) -> dict[str, Any]:
    """Values as integers of at most five digits times a unit; 0 where there is no number."""
    clean = np.where(np.isfinite(values), values, 0.0)
    unit = _unit(float(np.abs(clean).max(initial=0.0)), 5)
    return {"unit": unit, "n": np.rint(clean / unit).astype(np.int64).tolist()}


def _bends(scheme: Approximation, at: IntArray, bits: int, first: int, last: int) -> NDArray[np.bool_]:
    """(n,): the points between which grades first + 1 to last are linear: both ends, and all that a node is next to."""
    there = np.ones(len(at), dtype=np.bool_)
    grades = scheme.grades[first:last]
    if all(isinstance(g, Grade) for g in grades):
        nodes = [(g.atoms.nodes + np.array([-1, 0, 1])).ravel() << (bits - g.level) for g in grades]
        knots = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *nodes]))
        there[1:-1] = np.searchsorted(knots, at[2:], "left") > np.searchsorted(knots, at[:-2], "right")
    return there


def _sparse(values: FloatArray, there: NDArray[np.bool_]) -> dict[str, Any]:
    """Some of the values likewise, with their indices as differences."""
    return {**_short(values[there]), "at": np.diff(np.flatnonzero(there), prepend=0).tolist()}


# -- several variables -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Maps:
    """Pictures (data addresses of PNG) of sections through the box, for two or more variables.

    Attributes
    ----------
    sections : tuple of str
        What each section is; one empty text for two variables.
    target : tuple of str
        f on each section.
    grades : dict
        By grade, on each section: f_k, |e_k|, and the levels of the cells, or of a trained model where |e_k| grew.
    low, high : float
        Ends of the scale of f and f_k: the least and the largest of all values that are shown.
    tops : dict
        By grade: end of the scale of |e_k|.
    finest : int
        Level of the finest leaf of a scheme.
    """

    sections: tuple[str, ...]
    target: tuple[str, ...]
    grades: dict[int, tuple[tuple[str, str, str], ...]]
    low: float
    high: float
    tops: dict[int, float]
    finest: int

    @property
    def shown(self) -> tuple[str, str]:
        """The ends of the scale of f and f_k, rounded outward."""
        return down_text(self.low, 4), up_text(self.high, 4)


def maps(report: Record, rows: Sequence[Row], names: Sequence[str]) -> Maps:
    """The maps of a scheme or a trained model of two or more variables for these rows."""
    scheme = fold_of(report)
    rest = [(cut,) * (scheme.dim - 2) for cut in (SECTIONS if scheme.dim > 2 else SECTIONS[:1])]
    planes = [Plane.of(scheme, cuts, PIXELS.get(scheme.dim, PIXELS[3])) for cuts in rest]
    f, found = [scheme.target(p.x) for p in planes], [scheme.steps(p.x) for p in planes]
    low, high = span(*f, *(gs[row.number] for gs in found for row in rows))
    mesh = _Mesh(report, [Plane.of(scheme, cuts, MESH_PIXELS) for cuts in rest]) if isinstance(report, Report) else None
    pictures, tops = {}, {}
    for row in rows:
        k = row.number
        e = [fs - gs[k] for fs, gs in zip(f, found, strict=True)]
        tops[k] = top_of(row.upper, *map(np.abs, e))
        before = [fs - gs[max(k - 1, 0)] for fs, gs in zip(f, found, strict=True)]
        third = mesh.at(k) if mesh else [
            _png(p, grew(report, k, old, new).astype(np.float64), "cividis", 0.0, 1.0)
            for p, old, new in zip(planes, before, e, strict=True)
        ]  # fmt: skip
        pictures[k] = tuple(
            (_png(p, gs[k], "viridis", low, high), _png(p, np.abs(es), "cividis", 0.0, tops[k]), last)
            for p, gs, es, last in zip(planes, found, e, third, strict=True)
        )
    texts = tuple(_section(scheme, cuts, names) for cuts in rest)
    target = tuple(_png(p, v, "viridis", low, high) for p, v in zip(planes, f, strict=True))
    return Maps(texts, target, pictures, low, high, tops, mesh.finest if mesh else 0)


class _Mesh:
    """The cells of a scheme on some planes."""

    def __init__(self, report: Report, planes: Sequence[Plane]) -> None:
        self.grades, self.planes = report.scheme.grades, planes
        self.finest = max((block.level for block in report.leaves()), default=0)
        self.levels = [_levels(report, p) for p in planes]

    def at(self, k: int) -> list[str]:
        """The cells as a grade finds them: no finer than its level."""
        level = self.grades[k - 1].level if k else 0
        pairs = zip(self.planes, self.levels, strict=True)
        return [_cells(p, np.minimum(l, level), self.finest) for p, l in pairs]


def _levels(report: Report, plane: Plane) -> FloatArray:
    """(n,): the level of the leaf of the proof at each point of a section; 0 where the proof did not get so far."""
    t = report.scheme.target.box.to_unit(plane.x)
    found = np.zeros(len(t))
    for block in report.leaves():
        cell = np.minimum((t * 2.0**block.level).astype(np.int64), (1 << block.level) - 1)
        found[mark_rows(cell, block.cells, block.level)] = block.level
    return found


def _section(scheme: Approximation, cuts: Sequence[Fraction], names: Sequence[str]) -> str:
    box = scheme.target.box
    ends = [(box.lower[a], box.upper[a]) for a in range(2, scheme.dim)]
    values = [near_text(lo + (hi - lo) * cut, 4) for (lo, hi), cut in zip(ends, cuts, strict=True)]
    return ", ".join(f"{name} = {value}" for name, value in zip(names[2:], values, strict=True))


def _cells(plane: Plane, levels: FloatArray, finest: int) -> str:
    """Cells coloured by level, as a PNG; those of at least 5 points have a border."""
    shown = plane.square(levels).astype(np.int64)
    t = np.arange(plane.size)[None, :]  # point j is the first of its cell if a multiple of the side lies in (j-1, j]
    first = [(s << shown) // plane.size != ((s - 1) << shown) // plane.size for s in (t, t.T)]
    border = (first[0] | first[1]) & (5 << shown <= plane.size)
    return _png_of(np.where(border, finest + 1, shown), "cividis", finest + 1, border=True)


def _png(plane: Plane, values: FloatArray, colours: str, low: float, high: float) -> str:
    """Values as a PNG; 64 shades are more than the eye tells apart, and compress well."""
    share = (np.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) / ((high - low) or 1.0)
    return _png_of(plane.square(np.clip(np.rint(share * 63), 0, 63)), colours, 64)


def _png_of(index: NDArray[Any], colours: str, shades: int, border: bool = False) -> str:
    """A picture as a data address, from numbers of shades, row by row from below; the shade after the last is black."""
    from PIL import Image

    image = Image.fromarray(index.astype(np.uint8)[::-1])
    with own_settings():
        from matplotlib import colormaps

        palette = colormaps[colours](np.linspace(0.0, 1.0, shades), bytes=True)[:, :3]
    image.putpalette(palette.tobytes() + bytes(3 * border))
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode("ascii")


# -- overviews -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """The residual of one grade as a strip: ``path`` runs along its upper and back along its lower side."""

    row: Row
    path: str
    bound: bool


WIDE, TALL = 220.0, 76.0
"""Definition: size of a strip; its middle is 0 and its proved bound is at 0.85 of its half height."""


def thumbnails(report: Record, rows: Sequence[Row]) -> list[Thumbnail]:
    """The residuals of these rows, in one variable."""
    scheme = fold_of(report)
    columns, per = 110, 8
    t = np.linspace(0.0, 1.0, columns * per + 1)
    x = scheme.target.box.from_unit(t[:, None])
    f, found = scheme.target(x), scheme.steps(x)
    shown = []
    for row in rows:
        e = f - found[row.number]
        bound = 0 < row.upper < math.inf
        top = row.upper if bound else float(np.abs(e).max()) or 1.0
        y = TALL / 2 * (1 - 0.85 * np.clip(e / top, -1.15, 1.15))
        pieces = np.column_stack([y[:-1].reshape(columns, per), y[per::per]])
        across = np.linspace(0.0, WIDE, columns)
        low, high = pieces.min(axis=1) - 0.4, pieces.max(axis=1) + 0.4
        points = [*zip(across, low, strict=True), *zip(across[::-1], high[::-1], strict=True)]
        shown.append(Thumbnail(row, "M" + "L".join(f"{a:.0f} {b:.1f}" for a, b in points) + "Z", bound))
    return shown


@dataclass(frozen=True, slots=True)
class LogChart:
    """A chart with a logarithmic scale, in units of the picture.

    ``bars`` holds (row, x, y of the upper bound, y of the lower bound), ``lines`` (name, class, path), ``ticks``
    (y, exponent of 10), ``tolerance`` its y if there is one, ``names`` (x, text) and ``axis`` what they are.
    ``bounds`` is the path along the bars, ``edges`` are (x, y, text) of what has no logarithm.
    """

    bars: tuple[tuple[Row, float, float, float], ...]
    lines: tuple[tuple[str, str, str], ...]
    ticks: tuple[tuple[float, int], ...]
    tolerance: float | None
    names: tuple[tuple[float, str], ...]
    axis: str
    bounds: str = ""
    edges: tuple[tuple[float, float, str], ...] = ()


CHART = (640.0, 250.0, 56.0, 14.0, 34.0)
"""Definition: width, height, left, top and bottom margin of a chart."""

LEAST = 1e-300
"""Experience: below are numbers whose logarithm is not safe to take."""

ROOM = 0.03
"""Experience: part of a power of ten that may stick out at the top, in the margin."""

LOSSES, TICKS = 5, 8
"""Experience: grades whose training is drawn, and marks along an axis."""


class _Scale:
    """Powers of ten around some values, as heights in a chart."""

    def __init__(self, values: Sequence[float]) -> None:
        self.low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) - ROOM)
        self.high = max(high, self.low + 1)
        every = max(1, math.ceil((self.high - self.low) / TICKS))
        self.ticks = tuple((self(10.0**n), n) for n in range(self.low, self.high + 1, every))

    def __call__(self, value: float) -> float:
        _, height, _, top, bottom = CHART
        part = (math.log10(max(value, 10.0**self.low)) - self.low) / (self.high - self.low)
        return round(height - bottom - part * (height - top - bottom), 1)


def _good(values: Sequence[float]) -> list[float]:
    """Those that a logarithmic scale can show."""
    return [v for v in values if LEAST < v < math.inf]


def _places(count: int) -> list[float]:
    """Where so many grades stand."""
    width, _, left, _, _ = CHART
    step = (width - left - 12.0) / max(count, 1)
    return [round(left + (n + 0.5) * step, 1) for n in range(count)]


def _grades(rows: Sequence[Row]) -> tuple[tuple[float, str], ...]:
    """Names of the grades below a chart, not too many of them."""
    sparse = max(1, math.ceil(len(rows) / 20))
    return tuple((x, str(row.number)) for x, row in [*zip(_places(len(rows)), rows, strict=True)][::sparse])


def _line(points: Sequence[tuple[float, float]], y: _Scale) -> str:
    """A path through what a logarithmic scale can show; where it cannot, the path is broken."""
    shown = [LEAST < v < math.inf for _, v in points]
    steps = zip(points, shown, [False, *shown], strict=False)
    return "".join(f"{'L' if on else 'M'}{x} {y(v)}" for (x, v), good, on in steps if good)


def _edges(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float, str], ...]:
    """What is left out of such a path, at the foot and at the head of the chart."""
    _, height, _, top, bottom = CHART
    return tuple(
        (x, top + 12.0, "∞") if v > LEAST else (x, height - bottom - 3.0, "0" if v == 0 else "< 1e-300")
        for x, v in points
        if not LEAST < v < math.inf
    )


def norm_chart(report: Record, rows: Sequence[Row]) -> LogChart | None:
    """The bounds of the sup-norm by grade; None if there is no finite one to draw."""
    x = dict(zip((row.number for row in rows), _places(len(rows)), strict=True))
    known = [r for r in report.rows if r.grade in x] if isinstance(report, Report) else []
    theorems = []
    for name, values in (("a", [r.theorem_a for r in known]), ("b", [r.theorem_b for r in known])):
        holds = shown_to_hold(known, values).tolist()
        points = [(x[r.grade], v if true else math.nan) for r, v, true in zip(known, values, holds, strict=True)]
        gap = [r.grade for r, v, true in zip(known, values, holds, strict=True) if v < math.inf and not true]
        some = f" (not shown to hold at grades {ranges_text(gap)}, so not drawn there)" if gap else ""
        theorems.append((f"bound of Theorem {name.upper()}{some}", f"theorem-{name}", points))
    good = _good([v for row in rows for v in (row.upper, row.lower)] + [v for *_, line in theorems for _, v in line])
    if not good:
        return None
    y = _Scale([*good, *_good([report.tol or 0.0])])
    bars = tuple((row, x[row.number], y(row.upper), y(row.lower)) for row in rows if LEAST < row.upper < math.inf)
    lines = tuple((name, css, text) for name, css, line in theorems if (text := _line(line, y)))
    upper = [(x[row.number], row.upper) for row in rows]
    tol = y(report.tol) if report.tol else None
    return LogChart(bars, lines, y.ticks, tol, _grades(rows), "grade", _line(upper, y), _edges(upper))


def squares_chart(report: ModelReport, rows: Sequence[Row]) -> LogChart | None:
    """The sum of squares on the data by grade, as a part of that of f."""
    values = [report.rows[row.number].relative_error for row in rows]
    if not (good := _good(values)):
        return None
    y = _Scale(good)
    points = [*zip(_places(len(rows)), values, strict=True)]
    lines = (("squares on the data", "now", _line(points, y)),)
    return LogChart((), lines, y.ticks, None, _grades(rows), "grade", edges=_edges(points))


def _left_out(history: FloatArray) -> str:
    """How many of the points of a training a chart leaves out."""
    count = int(np.count_nonzero(~(history > LEAST).all(axis=1)))
    return f" ({count} of {len(history)} points without logarithm left out)" if count else ""


def loss_chart(report: ModelReport) -> LogChart | None:
    """What the training noted of some grades: loss, or relative gap, by epoch or step; None where it noted nothing."""
    known = {k: g.history for k, g in enumerate(report.model.grades, 1) if (g.history > LEAST).all(axis=1).any()}
    if not known:
        return None
    shown = {k: known[k][(known[k] > LEAST).all(axis=1)] for k in chosen([*known], LOSSES)}
    y, end = (
        _Scale([v for pairs in shown.values() for v in pairs[:, 1].tolist()]),
        max(p[-1, 0] for p in shown.values()),
    )
    width, _, left, _, _ = CHART
    unit = (width - left - 24.0) / end
    lines = tuple(
        (
            f"grade {k}{_left_out(report.model.grades[k - 1].history)}",
            f"g{n}",
            _line([(round(left + unit * at, 1), v) for at, v in pairs.tolist()], y),
        )
        for n, (k, pairs) in enumerate(shown.items())
    )
    step = next(s * 10**n for n in range(300) for s in (1, 2, 5) if s * 10**n * TICKS >= end)
    names = tuple((round(left + unit * at, 1), f"{at:,}") for at in range(0, int(end) + 1, step))
    return LogChart((), lines, y.ticks, None, names, "epoch or step")
