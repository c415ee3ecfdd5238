"""Where the vertex inequality is not certain: decide by subdivision whether a grade is balanced (Proposition 1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mgdl_theory.contraction import violates_vertex_inequality
from mgdl_theory.mesh import MAX_LEVEL, Mesh, children, prolong
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.rounding import check_arithmetic, sub_down, sub_up
from mgdl_theory.targets.base import FloatArray, IntArray, Target
from mgdl_theory.text import point_text
from mgdl_theory.verification.verdict import Verdict, Witness

DOUBT_LEVELS = 12
"""Experience: levels to which a cell is split before the question is given up."""

DOUBT_CELLS = 200_000
"""Experience: cells that one doubtful grade may cost."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer for one grade; ``by_vertices`` where the vertex inequality alone gave it."""

    verdict: Verdict
    text: str = ""
    witness: Witness | None = None
    by_vertices: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """The question whether ``scale * g`` is balanced for e = f - G on some cells of one level.

    Attributes
    ----------
    target : Target
    grade : int
        Number of the grade, for the witness.
    scale : float
        1 asks whether g is balanced; 1/2 asks whether |e - g| <= |e|, which is g/2 balanced for e.
    cells : int64 (n, d)
    G, g : float64 (n, 2^d)
        Corner values of the approximant before the grade and of the grade, both exact.
    """

    target: Target
    grade: int
    scale: float
    cells: IntArray
    G: FloatArray
    g: FloatArray

    def decide(self, level: int) -> Outcome:
        """Split until every part satisfies the vertex inequality, or a node shows g (e - g) < 0."""
        cells, G, g = self.cells, self.G, self.g
        for deeper in range(level, min(level + DOUBT_LEVELS, MAX_LEVEL) + 1):
            mesh = Mesh.of(deeper, cells)
            f = self.target.values(deeper, mesh.nodes)
            check_arithmetic()  # the target may be foreign code
            nodal = mesh.first_cell_value(G)
            e = Interval(sub_down(f.lo, nodal), sub_up(f.hi, nodal))
            at_nodes = mesh.first_cell_value(g)
            witness = self._refute(mesh, e, at_nodes)
            if witness:
                return Outcome(Verdict.REFUTED, "a point shows it", witness)
            defects = self.target.defects(deeper, cells)
            doubtful = violates_vertex_inequality(mesh, self.scale * at_nodes, e, defects)
            if not doubtful.any():
                return Outcome(Verdict.PROVED, "by subdivision")
            cells, G, g = cells[doubtful], G[doubtful], g[doubtful]
            if len(cells) << mesh.dim > DOUBT_CELLS:
                break
            cells, G, g = children(cells), prolong(G), prolong(g)
        place = point_text(self.target.box.point(mesh.cells[0].tolist(), deeper))
        return Outcome(Verdict.UNDECIDED, f"not decided near ({place}) at level {deeper}")

    def _refute(self, mesh: Mesh, e: Interval, g: FloatArray) -> Witness | None:
        part = self.scale * g
        wrong = np.flatnonzero(((part > 0) & (e.hi < part)) | ((part < 0) & (e.lo > part)))
        if not len(wrong):
            return None
        at = wrong[np.argmax(np.abs(part[wrong]))]
        rest = Interval(sub_down(e.lo[at : at + 1], g[at : at + 1]), sub_up(e.hi[at : at + 1], g[at : at + 1]))
        return Witness(
            self.target.box.point(mesh.nodes[at].tolist(), mesh.level),
            self.grade,
            (float(e.lo[at]), float(e.hi[at])),
            (float(rest.lo[0]), float(rest.hi[0])),
        )
