"""Balanced grades: what was trained, clipped so that no point gets worse.

A candidate g for the residual e is read off at the nodes of a level, and each nodal value is clipped into the range
[0, c_w], or [-c_w, 0], that the balanced contraction of this level allows (:mod:`mgdl_theory.contraction`).  Then
0 <= c_w <= e(w) - p_T at every vertex of every touched simplex, which is Proposition 1: the grade is balanced at every
point of the domain, and ``mgdl_theory.verify`` proves it like a constructed one.  Training has chosen the shape; the
theorem bounds the step.  Where nothing is known between the data, :func:`balance_on_data` keeps the law at the data.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mgdl_theory.atom import SMALLEST, Atoms
from mgdl_theory.contraction import Margins, balanced_coefficients, quantum_floor
from mgdl_theory.errors import OptionError
from mgdl_theory.grade import Front, cell_bounds
from mgdl_theory.mesh import BoolArray
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.scheme import Scheme
from mgdl_theory.targets.base import Defects, FloatArray, Target
from mgdl_theory.training.mgdl import GradeSpec, Progress, train
from mgdl_theory.training.model import Data, TrainedModel

__all__ = ["BalancedRun", "balance", "balance_on_data", "train_balanced"]

CELLS = 1 << 12
"""Experience: most cells of a level on which a grade is clipped; a chain of atoms of a network wants no more."""

MARGIN_SHARE = 0.1
"""Experience: levels are refined until what a grade must leave is below this part of the root mean square of e."""


def balance_on_data(g: FloatArray, e: FloatArray) -> FloatArray:
    """(n,): g clipped into [0, e] or [e, 0], and rounded toward 0 so that e - c is exact in binary64.

    |e| = |c| + |e - c| holds exactly at every point, so |e - c| <= |e|, and every norm on the data falls where c != 0.

    Where g is no number, c is 0.

    >>> balance_on_data(np.array([3.0, -1.0, 0.1]), np.array([2.0, 1.0, 1.0])).tolist()[:2]
    [2.0, 0.0]
    """
    g, e = (np.asarray(v, dtype=np.float64) for v in (g, e))
    if g.shape != e.shape or not np.isfinite(e).all():
        raise OptionError(f"balance_on_data: expected finite residuals, one for each value, got {g.shape}, {e.shape}")
    g = np.where(np.isnan(g), 0.0, g)
    inside = np.clip(g, np.minimum(e, 0.0), np.maximum(e, 0.0))
    step = np.spacing(np.abs(e))  # e and c are multiples of it, and so is e - c, which is no larger than e
    return np.asarray(np.trunc(inside / step) * step)


def balance(front: Front, e: Interval, defects: Defects, candidate: FloatArray, floor: float) -> FloatArray:
    """(m,): coefficients of a balanced grade near the candidate's values (m,) at the nodes of the front.

    Each lies between 0 and the coefficient of the balanced contraction at its node, so the vertex inequality holds
    with it as it holds with that one.
    """
    margins = Margins.of(defects, front.mesh.level, floor)
    ready = np.isfinite(margins.plus) | np.isfinite(margins.minus)
    most = balanced_coefficients(front.mesh, e, margins, np.asarray(ready, dtype=np.bool_), floor)
    step = floor * 2.0**-front.mesh.level
    wanted = np.where(np.isfinite(candidate), np.clip(candidate, -1e300, 1e300), 0.0)
    size = np.minimum(np.trunc(np.maximum(np.sign(most) * wanted, 0.0) / step) * step, np.abs(most))
    return np.where(size >= SMALLEST, np.sign(most) * size, 0.0)


@dataclass(frozen=True)
class BalancedRun:
    """What balanced training leaves: the scheme, the networks that were the candidates, and the time of each grade."""

    scheme: Scheme
    candidates: TrainedModel
    seconds: tuple[float, ...]


def train_balanced(
    target: Target,
    data: Data,
    specs: Sequence[GradeSpec],
    *,
    seed: int = 0,
    tol: float | None = None,
    cells: int = CELLS,
    progress: Progress | None = None,
) -> BalancedRun:
    """Multigrade training whose every grade is made balanced before it is accepted.

    Grade k trains a block on the frozen features of the candidates before it, for the residual that the balanced
    grades so far have left; what enters the scheme is its balanced part on a uniform level.

    Parameters
    ----------
    target : Target
        Known by its enclosures; data that are an array or an image are such a target (their interpolant).
    data : Data
        Where candidates are trained.
    specs : sequence of GradeSpec
    seed : int
    tol : float
        Tolerance of the scheme; by default the bound that is reached, so that ``verify`` can prove all of it.
    cells : int
        A grade is clipped on a level of at most so many cells, which bounds its atoms.
    progress : callable
        As for :func:`~mgdl_theory.training.mgdl.train`.

    Returns
    -------
    BalancedRun
        ``mgdl_theory.verify(run.scheme)`` decides every claim of the theorem about it.

    >>> import mgdl_theory as mg
    >>> from mgdl_theory.training import sample
    >>> f = mg.target("x + 1")
    >>> run = train_balanced(f, sample(f, 33), [GradeSpec(width=4, epochs=20)])
    >>> print(mg.verify(run.scheme).result("nonincreasing").verdict)
    PROVED
    """
    if data.dim != target.dim:
        raise OptionError(f"data: points of {data.dim} variable(s) for a target of {target.dim}")
    if type(cells) is not int or cells < 1:
        raise OptionError(f"cells: expected an integer of at least 1, got {cells!r}")
    front, rest = Front.root(target.dim, 0.0), data.y
    candidates = TrainedModel(target.box, (), seed, data.digest)
    grades: list[Atoms] = []
    seconds: list[float] = []
    size = _root_mean_square(data.y)
    floor = quantum_floor(max(1e-3 * size, 1e-250))
    for k, spec in enumerate(specs, 1):
        begun = time.perf_counter()
        candidates = _candidate(candidates, data, rest, spec, seed, k, progress)
        front, e, defects = _refined(front, target, MARGIN_SHARE * _root_mean_square(rest), cells)
        mesh = front.mesh
        g = candidates.grade_values(np.ldexp(mesh.nodes.astype(np.float64), -mesh.level))[:, -1]
        c = balance(front, e, defects, g, floor)
        front = front.add(c)
        active: BoolArray = c != 0
        if active.any():
            grades.append(Atoms(mesh.level, mesh.nodes[active], c[active]))
            rest = rest - grades[-1](data.t)
        seconds.append(time.perf_counter() - begun)
    e = front.residual(target.values(front.mesh.level, front.mesh.nodes))
    reached = float(cell_bounds(front.mesh, e, target.defects(front.mesh.level, front.mesh.cells)).max())
    goal = tol if tol is not None else max(reached, 1e-250)
    scheme = Scheme.of(
        target, 0.0, grades, goal if np.isfinite(goal) else 1e250, complete=reached <= goal,
        reason="tolerance reached" if reached <= goal else f"{len(specs)} grades were trained",
        lift_reason="trained grades start from 0",
    )  # fmt: skip
    return BalancedRun(scheme, candidates, tuple(seconds))


def _root_mean_square(y: FloatArray) -> float:
    """Of numbers whose squares may be no floats."""
    largest = float(np.abs(y).max())
    return largest * float(np.sqrt(np.mean((y / largest) ** 2))) if largest else 0.0


def _candidate(
    model: TrainedModel, data: Data, rest: FloatArray, spec: GradeSpec, seed: int, k: int, progress: Any
) -> TrainedModel:
    """The model with one block more, trained for the residual (n,) of the balanced grades."""
    features = TrainedModel(model.box, tuple(_silent(g) for g in model.grades), seed, "")
    residual = Data(data.t, rest)
    start = replace(features, digest=residual.digest)
    new = train(residual, [spec] * k, seed=seed, start=start, progress=progress).grades[-1]
    return model.with_grade(new)


def _silent(grade: Any) -> Any:
    """The grade with its features and no output."""
    return replace(grade, readout=np.zeros_like(grade.readout), constant=0.0)


def _refined(front: Front, target: Target, wanted: float, cells: int) -> tuple[Front, Interval, Defects]:
    """The first level at which a grade can take off enough, or the last of at most so many cells; e at its nodes.

    A balanced grade leaves the margin of a cell, and all of e where its sign changes.
    """
    while True:
        mesh = front.mesh
        e, defects = front.residual(target.values(mesh.level, mesh.nodes)), target.defects(mesh.level, mesh.cells)
        top, bottom = mesh.over_corners(np.maximum, e.hi), mesh.over_corners(np.minimum, e.lo)
        left = np.maximum(defects.sag * defects.sag_theta, defects.bulge * defects.bulge_theta)
        left = np.where((top > 0) & (bottom < 0), np.maximum(left, np.maximum(top, -bottom)), left)
        if float(np.mean(left)) <= wanted or len(mesh.cells) << mesh.dim > cells:
            return front, e, defects
        front = front.split(np.ones(len(mesh.cells), dtype=np.bool_))
