"""Exact ranges of a scheme on dyadic cells, as tables for the users of network verifiers.

The approximant is linear on every simplex of the leaf cells of its own atoms, so its extreme values on a
cell are its values at corners: exact dyadic numbers, found by the midpoint rule without evaluating a
network.  The two writers round to plain decimals: ranges outward, the ends of cells inward, so that every
line of a table is a true statement about the exact network.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from mgdl_theory.atom import Atoms
from mgdl_theory.errors import OptionError
from mgdl_theory.grade import Front
from mgdl_theory.mesh import cells_around, mark_rows, parents, unique_rows
from mgdl_theory.rigor.rounding import checked_arithmetic
from mgdl_theory.scheme import Scheme
from mgdl_theory.targets.base import Box, FloatArray, IntArray
from mgdl_theory.vector import require_scalar

MAX_CELLS = 1 << 24
"""Experience: cells of a uniform table that still fit into memory on a desk."""

GUARD_DIGITS = 20
"""Experience: decimals kept of the ends of a cell that have no finite decimal form, beyond those of its width."""


@dataclass(frozen=True, slots=True)
class CellRanges:
    """Exact ranges of an approximant on cells that cover the box.

    Attributes
    ----------
    box : Box
    level : int64 (n,), cells : int64 (n, d)
        Cell i is (cells_i + [0, 1]^d) / 2^level_i in unit coordinates.
    lower, upper : float64 (n,)
        Minimum and maximum of the approximant on the closed cell i, exactly.
    """

    box: Box
    level: IntArray
    cells: IntArray
    lower: FloatArray
    upper: FloatArray

    def __post_init__(self) -> None:
        for array in (self.level, self.cells, self.lower, self.upper):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.level)

    def ends(self, cell: int) -> list[tuple[Fraction, Fraction]]:
        """The exact lower and upper end of each side of one cell, in coordinates of the box."""
        level = int(self.level[cell])
        low = self.box.point(self.cells[cell].tolist(), level)
        high = self.box.point((self.cells[cell] + 1).tolist(), level)
        return list(zip(low, high, strict=True))


@checked_arithmetic()
def cell_ranges(scheme: Scheme, level: int | None = None) -> CellRanges:
    """Exact minimum and maximum of the approximant on each cell.

    Parameters
    ----------
    scheme : Scheme
        ``scheme.prefix(k)`` gives the ranges after grade k.
    level : int, optional
        Cells of this one level; by default the leaf cells of the scheme, on whose simplices it is linear.

    Raises
    ------
    BudgetError
        Where binary64 does not hold a corner value exactly (possible only on cells finer than the leaves).

    >>> import mgdl_theory as mg
    >>> scheme = mg.Scheme.of(mg.target("x"), 0.5, [mg.Atoms(1, [[1]], [0.25])], tol=1.0)
    >>> table = cell_ranges(scheme)
    >>> table.cells.ravel().tolist(), table.lower.tolist(), table.upper.tolist()
    ([0, 1], [0.5, 0.5], [0.75, 0.75])
    """
    require_scalar(scheme, "ranges")
    check_level(level, scheme.dim)
    leaves = list(_leaves(scheme, level or 0))
    levels = np.concatenate([np.full(len(cells), at, dtype=np.int64) for at, cells, _ in leaves])
    cells = np.concatenate([cells for _, cells, _ in leaves])
    lower = np.concatenate([G.min(axis=1) for _, _, G in leaves])
    upper = np.concatenate([G.max(axis=1) for _, _, G in leaves])
    if level is None:
        place = np.lexsort((cells << (levels.max() - levels)[:, None]).T[::-1])
        return CellRanges(scheme.target.box, levels[place], cells[place], lower[place], upper[place])
    return _gathered(scheme.target.box, level, cells >> (levels - level)[:, None], lower, upper)


def check_level(level: int | None, dim: int) -> None:
    """Refuse a level whose cells in so many variables are none or too many."""
    if level is not None and not (level >= 0 and 1 << level * dim <= MAX_CELLS):
        raise OptionError(f"cells: level {level} in {dim} variable(s): expected from 1 to {MAX_CELLS} cells in all")


def _leaves(scheme: Scheme, least: int) -> Iterator[tuple[int, IntArray, FloatArray]]:
    """(level, cells, exact corner values) of the leaf cells, those of a level below ``least`` split further."""
    by_level: dict[int, list[Atoms]] = {}
    for grade in scheme.grades:
        by_level.setdefault(grade.level, []).append(grade.atoms)
    deepest = max([least, *by_level])
    split = _cells_to_split(by_level, deepest, scheme.dim)
    front = Front.root(scheme.dim, scheme.lift)
    for level in range(deepest + 1):
        for atoms in by_level.get(level, []):
            front = front.add(atoms.at_nodes(front.mesh))
        inner = np.ones(len(front.mesh.cells), dtype=np.bool_)
        if level >= least:
            inner = mark_rows(front.mesh.cells, split[level], level)
        if not inner.all():
            yield level, front.mesh.cells[~inner], front.G[~inner]
        if not inner.any():
            return
        front = front.split(inner)


def _cells_to_split(by_level: dict[int, list[Atoms]], deepest: int, d: int) -> list[IntArray]:
    """For each level the cells that meet the star of an atom of a finer level."""
    split = [np.zeros((0, d), dtype=np.int64)] * (deepest + 1)
    for level in range(deepest, 0, -1):
        touched = [cells_around(atoms.nodes, level) for atoms in by_level.get(level, [])]
        split[level - 1] = parents(unique_rows(np.concatenate([*touched, split[level]]), level), level)
    return split


def _gathered(box: Box, level: int, cells: IntArray, lower: FloatArray, upper: FloatArray) -> CellRanges:
    """One row per cell of the level, from the ranges on its parts."""
    distinct, row = np.unique(cells, axis=0, return_inverse=True)
    low, high = np.full(len(distinct), np.inf), np.full(len(distinct), -np.inf)
    np.minimum.at(low, row.ravel(), lower)
    np.maximum.at(high, row.ravel(), upper)
    return CellRanges(box, np.full(len(distinct), level, dtype=np.int64), distinct, low, high)


# -- plain decimals --------------------------------------------------------------------------------


def plain_decimal(value: Fraction, places: int, *, up: bool, strict: bool = False) -> str:
    """Decimal without exponent, at most ``places`` digits after the point, not below (or not above) the value.

    With ``strict`` it differs from the value.

    >>> plain_decimal(Fraction(1, 3), 4, up=True), plain_decimal(Fraction(-1, 4), 4, up=False)
    ('0.3334', '-0.25')
    >>> plain_decimal(Fraction(1, 4), 4, up=True, strict=True)
    '0.2501'
    """
    scaled = value * 10**places
    whole = math.ceil(scaled) if up else math.floor(scaled)
    if strict and whole == scaled:
        whole += 1 if up else -1
    digits = f"{abs(whole):0{places + 1}d}"
    head, tail = digits[: len(digits) - places], digits[len(digits) - places :].rstrip("0")
    return ("-" if whole < 0 else "") + head + "." + (tail or "0")


def _places(table: CellRanges, digits: int) -> int:
    """Decimals that give the largest value of the table this many significant digits."""
    if type(digits) is not int or not 1 <= digits <= 40:
        raise OptionError(f"digits: expected an integer from 1 to 40, got {digits!r}")
    largest = max(float(np.abs(table.lower).max()), float(np.abs(table.upper).max()))
    return max(digits - 1 - math.floor(math.log10(largest)), 1) if largest else digits


def _end_places(table: CellRanges) -> list[int]:
    """Decimals for the ends of the cells along each axis: all there are, where they are finitely many."""
    finest = int(table.level.max())
    out = []
    for low, high in zip(table.box.lower, table.box.upper, strict=True):
        step = (high - low) / (1 << finest)
        exact = [_finite_places(low), _finite_places(step)]
        guarded = GUARD_DIGITS + max(0, math.ceil(-_log10(step)))
        out.append(guarded if None in exact else max(n for n in exact if n is not None))
    return out


def _finite_places(value: Fraction) -> int | None:
    """Decimals of a number that has finitely many, else None."""
    rest, counts = value.denominator, []
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest, count = rest // prime, count + 1
        counts.append(count)
    return max(counts) if rest == 1 else None


def _log10(value: Fraction) -> float:
    return math.log10(value.numerator) - math.log10(value.denominator)


def _rows(table: CellRanges, digits: int, *, strict: bool) -> Iterator[tuple[int, list[str], str, str]]:
    """(row, ends of the sides, lower value, upper value) as plain decimals: ends inward, values outward."""
    places, ends = _places(table, digits), _end_places(table)
    for row in range(len(table)):
        sides = [
            plain_decimal(end, count, up=up)
            for pair, count in zip(table.ends(row), ends, strict=True)
            for end, up in zip(pair, (True, False), strict=True)
        ]
        low = plain_decimal(Fraction(float(table.lower[row])), places, up=False, strict=strict)
        high = plain_decimal(Fraction(float(table.upper[row])), places, up=True, strict=strict)
        yield row, sides, low, high


def ranges_csv(table: CellRanges, digits: int = 12) -> str:
    """One line per cell: level, index, ends of the sides, and bounds with y_lower <= approximant <= y_upper there.

    >>> import mgdl_theory as mg
    >>> print(ranges_csv(cell_ranges(mg.Scheme.of(mg.target("x"), 0.5, [mg.Atoms(0, [[1]], [0.25])], tol=1.0))))
    level,cell_1,x_1_lower,x_1_upper,y_lower,y_upper
    0,0,0.0,1.0,0.5,0.75
    <BLANKLINE>
    """
    axes = range(1, table.cells.shape[1] + 1)
    heads = ["level", *(f"cell_{a}" for a in axes), *(f"x_{a}_{end}" for a in axes for end in ("lower", "upper"))]
    lines = [",".join([*heads, "y_lower", "y_upper"])]
    for row, sides, low, high in _rows(table, digits, strict=False):
        index = [str(int(table.level[row])), *map(str, table.cells[row].tolist())]
        lines.append(",".join([*index, *sides, low, high]))
    return "\n".join(lines) + "\n"


def ranges_vnnlib(table: CellRanges, digits: int = 12, note: str = "") -> str:
    """The negation of the table as a VNN-LIB 1.0 property: *unsat* says that every range holds on its cell.

    One disjunct per cell and side of its range.  The bounds lie strictly outside the exact range, so that
    no point of the exact network satisfies the property.
    """
    d = table.cells.shape[1]
    lines = [f"; {line}" for line in note.splitlines()]
    lines += [f"; {len(table)} cells; unsat: on every cell the output lies strictly between the two bounds"]
    lines += [f"(declare-const X_{a} Real)" for a in range(d)] + ["(declare-const Y_0 Real)", "(assert (or"]
    for _, sides, low, high in _rows(table, digits, strict=True):
        inside = " ".join(f"(>= X_{a} {sides[2 * a]}) (<= X_{a} {sides[2 * a + 1]})" for a in range(d))
        lines += [f"  (and {inside} (<= Y_0 {low}))", f"  (and {inside} (>= Y_0 {high}))"]
    return "\n".join([*lines, "))"]) + "\n"
