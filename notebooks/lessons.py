"""What the notebooks try out beside the construction: one grade by itself, and a rule that looks right and stalls."""

from __future__ import annotations

import numpy as np

from mgdl_theory.atom import Atoms
from mgdl_theory.construction import read_tol
from mgdl_theory.contraction import Margins, quantum, quantum_floor
from mgdl_theory.errors import OptionError
from mgdl_theory.grade import Front, block_grade, cell_bounds
from mgdl_theory.mesh import MAX_LEVEL, Mesh
from mgdl_theory.scheme import Scheme
from mgdl_theory.targets.base import FloatArray, Target

__all__ = ["careless", "first_grade"]


def first_grade(target: Target, level: int, lift: float = 0.0, tol: float = 1e-3) -> Atoms:
    """The atoms that the operator of one grade makes at this level, if it is the first of all.

    The mesh is uniform; ``tol`` sets the quantum of the coefficients only.

    >>> import mgdl_theory as mg
    >>> first_grade(mg.target("1+0*x"), 1).coefficients.tolist()  # defects are 0: what is lost is rounding
    [0.9999847412109375, 0.9999847412109375, 0.9999847412109375]
    """
    if not 0 <= level <= min(MAX_LEVEL, 20 // target.dim):
        raise OptionError(f"level: expected 0 to {20 // target.dim} for {target.dim} variable(s), got {level}")
    front = Front.root(target.dim, lift)
    for _ in range(level):
        front = front.split(np.ones(len(front.mesh.cells), dtype=np.bool_))
    floor = quantum_floor(tol)
    margins = Margins.of(target.defects(level, front.mesh.cells), level, floor)
    c, _ = block_grade(front, front.residual(target.values(level, front.mesh.nodes)), margins, floor)
    return Atoms(level, front.mesh.nodes[c != 0], c[c != 0])


def careless(target: Target, tol: float, last_level: int, finish: float = 0.95) -> Scheme:
    """A scheme whose every grade is balanced, by a rule that need not converge (docs/theory.md, Example 2).

    Margins have no reserve (theta = 1), and the neighbours of a node are all corners of its cells, the far ends of
    anti-diagonals included.  For ``sin(6*x)*cos(5*y)+exp(-x*y)`` the residual stays at 0.1359 from level 6 to level 20.
    """
    tol, front, parts = read_tol(tol), Front.root(target.dim, 0.0), []
    while True:
        mesh = front.mesh
        f, defects = target.values(mesh.level, mesh.nodes), target.defects(mesh.level, mesh.cells)
        e = front.residual(f)
        room = int(np.frexp(max(np.abs(f.lo).max(), np.abs(f.hi).max()))[1]) - 51 + last_level - mesh.level
        step = 2.0**room  # halved at every level to come, and 53 bits hold the nodal values of the last one
        c = _careless_side(mesh, e.lo, defects.sag, step) - _careless_side(mesh, -e.hi, defects.bulge, step)
        front = front.add(c)
        if c.any():
            parts.append(Atoms(mesh.level, mesh.nodes[c != 0], c[c != 0]))
        unfinished = ~(cell_bounds(mesh, front.residual(f), defects) <= finish * tol)
        if mesh.level == last_level or not unfinished.any():
            done = not unfinished.any()
            reason = "tolerance reached" if done else f"the last level asked for, {last_level}, is reached"
            return Scheme.of(target, 0.0, parts, tol, complete=done, reason=reason)
        front = front.split(unfinished)


def _careless_side(mesh: Mesh, e: FloatArray, defect: FloatArray, finest: float) -> FloatArray:
    """Coefficients much finer than their margins: a coarser quantum would act as the reserve that the rule lacks."""
    size = mesh.corner_node.shape[1]
    enough = np.repeat(np.all(e[mesh.corner_node] >= defect[:, None], axis=1, keepdims=True), size, axis=1)
    active = mesh.scatter_all(enough) & mesh.star_is_whole
    largest = mesh.scatter_max(np.repeat(defect[:, None], size, axis=1))
    step = quantum(largest, finest)
    return np.where(active, np.maximum(np.floor((e - largest) / step) * step, 0.0), 0.0)
