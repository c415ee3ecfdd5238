"""One grade: residual in, atoms out, residual out (theory.md, Sections 3 and 4).

The *front* is the set of cells of one level that still need work, with the corner values of the
approximant G (the sum of the grades so far), which is linear on every simplex of these cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from mgdl_theory.atom import Atoms, Hats
from mgdl_theory.contraction import QUANTUM_RATIO, Margins, balanced_coefficients
from mgdl_theory.errors import BudgetError
from mgdl_theory.mesh import BoolArray, Mesh, children, prolong
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.rounding import add_up, exact_sum, sub_down, sub_up
from mgdl_theory.targets.base import Defects, FloatArray

PATIENCE = 128.0
"""Experience: where the residual is at most so many times what finishes a cell, it waits for the grade that does it."""


@dataclass(frozen=True, slots=True)
class Grade(Hats):
    """A frozen grade of a scheme: its number k >= 1 and its function g_k as atoms of one level."""

    number: int
    atoms: Atoms

    @property
    def level(self) -> int:
        """Level of the grade's atoms."""
        return self.atoms.level

    def __len__(self) -> int:
        return len(self.atoms)

    def units(self) -> Iterator[Atoms]:
        """The unit grades: each atom alone, in the order of the nodes (Proposition 2: any order will do)."""
        return (self.atoms.single(k) for k in range(len(self)))


@dataclass(frozen=True, slots=True)
class Front:
    """The live cells of one level.

    Attributes
    ----------
    mesh : Mesh
    nodal : float64 (m,), exact values of the approximant G at the nodes.
    floor_plus, floor_minus : float64 (n,)
        Every simplex of cell i that a positive atom has touched has e >= floor_plus_i, and -e >=
        floor_minus_i where a negative atom has; ``inf`` while the cell is untouched (Proposition 3).
    """

    mesh: Mesh
    nodal: FloatArray
    floor_plus: FloatArray
    floor_minus: FloatArray

    @classmethod
    def root(cls, dim: int, lift: float) -> Front:
        """Level 0 with G = lift."""
        untouched = np.full(1, np.inf)
        return cls(Mesh.root(dim), np.full(1 << dim, lift), untouched, untouched)

    @property
    def G(self) -> FloatArray:
        """(n, 2^d): G at the corners of the cells."""
        return np.asarray(self.nodal[self.mesh.corner_node])

    def residual(self, f: Interval) -> Interval:
        """Enclosure (m,) of e = f - G at the nodes, from the enclosure of f there."""
        return Interval(sub_down(f.lo, self.nodal), sub_up(f.hi, self.nodal))

    def add(self, c: FloatArray) -> Front:
        """The front after the grade with nodal values c (m,); exact or BudgetError."""
        if not c.any():
            return self
        total, exact = exact_sum(self.nodal, c)
        if not np.all(exact):
            raise BudgetError(
                "the approximant's nodal values need more bits than binary64 holds at this depth; "
                "ask for a larger tolerance"
            )
        return replace(self, nodal=total)

    @property
    def untouched(self) -> BoolArray:
        """(n,): cells that no atom has touched."""
        return np.asarray((self.floor_plus == np.inf) & (self.floor_minus == np.inf))

    def touched(self, c: FloatArray, floor_plus: FloatArray, floor_minus: FloatArray) -> Front:
        """The front with the floors (n,) that a grade with nodal values c (m,) leaves on the cells it touches."""
        plus = np.where(self.mesh.over_corners(np.logical_or, c > 0), floor_plus, np.inf)
        minus = np.where(self.mesh.over_corners(np.logical_or, c < 0), floor_minus, np.inf)
        return replace(
            self, floor_plus=np.minimum(self.floor_plus, plus), floor_minus=np.minimum(self.floor_minus, minus)
        )

    def split(self, chosen: BoolArray) -> Front:
        """The children of the chosen cells, with G prolonged exactly."""
        times, finer = 1 << self.mesh.dim, Mesh.of(self.mesh.level + 1, children(self.mesh.cells[chosen]))
        corner_values = self.nodal[self.mesh.corner_node[chosen]]
        return Front(
            finer,
            finer.first_cell_value(prolong(corner_values)),
            np.repeat(self.floor_plus[chosen], times),
            np.repeat(self.floor_minus[chosen], times),
        )


def cell_bounds(mesh: Mesh, e: Interval, defects: Defects) -> FloatArray:
    """(n,): sup |e| <= bound_i on cell i, from the nodal residual and the one-sided defects (theory.md, Section 4)."""
    above = add_up(np.maximum(mesh.over_corners(np.maximum, e.hi), 0.0), defects.bulge)
    below = add_up(np.maximum(-mesh.over_corners(np.minimum, e.lo), 0.0), defects.sag)
    bound = np.maximum(above, below)
    known = bound >= 0.0  # no number where a target gave none
    return bound if known.all() else np.where(known, bound, np.inf)


def waiting(front: Front, e: Interval, margins: Margins, finish: float) -> BoolArray:
    """(n,): cells that leave the work to the finer level that will finish them, where |e| <= ``finish`` is reached.

    These are the cells with |e| <= ``PATIENCE * finish`` at the corners that a grade at this level would not finish:
    it leaves the margin, a quantum and the defect.  An untouched cell does not wait, nor does a rough one, since the
    bounds of finer levels are not known to be smaller there.

    >>> front, zero = Front.root(1, 0.0).touched(np.ones(2), np.zeros(1), np.zeros(1)), np.zeros(1)
    >>> e, margins = Interval(np.ones(2), np.ones(2)), Margins(zero, zero, zero + 0.25, zero + 0.25, zero > 0)
    >>> [bool(waiting(front, e, margins, finish)[0]) for finish in (0.5, 0.25, 2.0**-10)]
    [False, True, False]
    """
    top, bottom = front.mesh.over_corners(np.maximum, e.hi), front.mesh.over_corners(np.minimum, e.lo)
    up = (1.0 + QUANTUM_RATIO) * margins.plus + margins.bulge
    down = (1.0 + QUANTUM_RATIO) * margins.minus + margins.sag
    left = np.maximum(np.where(top > 0.0, up, 0.0), np.where(bottom < 0.0, down, 0.0))
    near = np.maximum(top, -bottom) <= PATIENCE * finish
    return np.asarray(near & (left > finish) & ~front.untouched & ~margins.rough)


def block_grade(
    front: Front, e: Interval, margins: Margins, floor: float | FloatArray, finish: float = 0.0
) -> tuple[FloatArray, Front]:
    """Nodal coefficients (m,) of the block grade at the front's level, and the front after it.

    A cell whose margin exceeds the floor that earlier grades left it does not meet the margin condition:
    it rests, and carries no atom at this level.  Where one rests, all rough cells rest with it, so that
    they become ready together: a node between two cells that take turns would never be active.  Cells that are
    ``waiting`` for a finer level, which finishes them at ``finish``, rest too; 0 is for grades of every level.
    """
    finite = np.isfinite(margins.plus) | np.isfinite(margins.minus)
    ready = finite & (margins.plus <= front.floor_plus) & (margins.minus <= front.floor_minus)
    if not ready.all():
        ready &= ~margins.rough
    ready &= ~waiting(front, e, margins, finish)
    c = balanced_coefficients(front.mesh, e, margins, ready, floor)
    return c, front.add(c).touched(c, margins.floor_plus, margins.floor_minus)
