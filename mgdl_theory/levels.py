"""The levels of a finished scheme, laid again: which cells were live, what atoms touched, what was finished.

A scheme keeps its grades only.  What the construction saw at a level follows from the target, the lift, the
grades and the tolerance, so it is computed again where a picture or a table needs it, and stored nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mgdl_theory.construction import FINISH
from mgdl_theory.grade import Front, Grade, cell_bounds
from mgdl_theory.mesh import BoolArray, Mesh, cells_around, mark_rows, parents
from mgdl_theory.scheme import Scheme
from mgdl_theory.targets.base import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One level of a scheme, after its grade.

    Attributes
    ----------
    mesh : Mesh
        The live cells.
    coefficients : float64 (m,)
        Nodal values of the grades of this level; not 0 at the nodes that carry an atom.
    touched_plus, touched_minus : bool (n,)
        Cells in which an atom with a positive (negative) coefficient, of this or an earlier level, does not vanish.
    bounds : float64 (n,)
        sup |e| <= bounds_i on cell i.
    finished : bool (n,)
        Cells that take no further part: bounds_i <= 0.95 tol, and no later atom inside.
    """

    mesh: Mesh
    coefficients: FloatArray
    touched_plus: BoolArray
    touched_minus: BoolArray
    bounds: FloatArray
    finished: BoolArray

    @property
    def untouched(self) -> BoolArray:
        """(n,): cells on which no atom has acted so far; the approximant is still the lift there."""
        return ~(self.touched_plus | self.touched_minus)


def replay(scheme: Scheme) -> Iterator[Level]:
    """The levels of a scheme from 0 to its last one, in order.

    For a scheme that ``construct`` built these are the levels of its run up to the last grade, and up to the end
    of its history where it has one.  Any other scheme is laid on cells that are split where a bound is above
    ``FINISH`` times its tolerance or where later atoms lie.

    >>> import mgdl_theory as mg
    >>> [(int(level.finished.sum()), len(level.finished)) for level in replay(mg.construct(mg.target("x**2-0.3"), 0.1))]
    [(0, 1), (0, 2), (2, 4), (4, 4)]
    """
    last = max([g.level for g in scheme.grades] + [record.level for record in scheme.history], default=0)
    inner, front = cells_to_split(scheme.grades, scheme.dim), Front.root(scheme.dim, scheme.lift)
    while True:
        mesh, level = front.mesh, front.mesh.level
        parts = [grade.atoms.at_nodes(mesh) for grade in scheme.grades if grade.level == level and len(grade)]
        for part in parts:
            front = _touched(front.add(part), part)
        f, defects = scheme.target.values(level, mesh.nodes), scheme.target.defects(level, mesh.cells)
        bounds = cell_bounds(mesh, front.residual(f), defects)
        finished = bounds <= FINISH * scheme.tol
        if level in inner:
            finished &= ~mark_rows(mesh.cells, inner[level], level)
        total = np.sum(parts, axis=0) if parts else np.zeros(len(mesh.nodes))
        plus, minus = np.isfinite(front.floor_plus), np.isfinite(front.floor_minus)
        yield Level(mesh, total, plus, minus, bounds, finished)
        if level >= last or finished.all():
            return
        front = front.split(~finished)


def _touched(front: Front, c: FloatArray) -> Front:
    """The front that remembers what atoms touched: its floors are finite there, and children inherit them."""
    plus = np.where(front.mesh.over_corners(np.logical_or, c > 0), 0.0, np.inf)
    minus = np.where(front.mesh.over_corners(np.logical_or, c < 0), 0.0, np.inf)
    return replace(
        front, floor_plus=np.minimum(front.floor_plus, plus), floor_minus=np.minimum(front.floor_minus, minus)
    )


def cells_to_split(grades: Sequence[Grade], dim: int) -> dict[int, IntArray]:
    """By level, the cells that have atoms of deeper levels inside: a mesh has to reach every atom's star."""
    split: dict[int, IntArray] = {}
    for level in range(max((g.level for g in grades), default=0), 0, -1):
        inside = [cells_around(g.atoms.nodes, level) for g in grades if g.level == level]
        if level in split:
            inside.append(split[level])
        if inside:
            split[level - 1] = parents(np.concatenate(inside), level)
    return split
