"""Balanced grades: what was trained, clipped so that no point gets worse.

A candidate g for the residual e is read off at the nodes of a level, and each nodal value is clipped into the range
[0, c_w], or [-c_w, 0], that the balanced contraction of this level allows (:mod:`mgdl_theory.contraction`).  Then
0 <= c_w <= e(w) - p_T at every vertex of every touched simplex, which is Proposition 1: the grade is balanced at every
point of the domain, and ``mgdl_theory.verify`` proves it like a constructed one.  Training has chosen the shape; the
theorem bounds the step.

Where nothing is known between the data, a coefficient c_v has the sign of e at all data points in the star of v, and is
no larger than |e| at any of them.  At a data point t the hats sum to 1, so 0 <= g(t) = sum_v c_v phi_v(t) <= e(t), or
the mirror image: the grade is balanced at every data point, exactly.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.atom import SMALLEST, Atoms
from mgdl_theory.construction import read_tol
from mgdl_theory.contraction import Margins, balanced_coefficients, quantum_floor
from mgdl_theory.errors import OptionError
from mgdl_theory.grade import Front, cell_bounds
from mgdl_theory.mesh import MAX_LEVEL, BoolArray, simplex_at
from mgdl_theory.relu.trained import Data, TrainedModel
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.rounding import checked_arithmetic, down, up
from mgdl_theory.scheme import Scheme
from mgdl_theory.targets.base import Box, Defects, FloatArray, IntArray, Target
from mgdl_theory.text import count
from mgdl_theory.training.multigrade import Progress, Solver, train

CELLS = 1 << 12
"""Experience: most cells of a level on which a grade is clipped; a chain of atoms of a network wants no more."""

MARGIN_SHARE = 0.1
"""Experience: levels are refined until what a grade must leave is below this part of the root mean square of e."""


def balance_on_data(g: Callable[[FloatArray], FloatArray], level: int, e: Interval, t: FloatArray) -> Atoms:
    """A grade near g that is balanced for the residual at data points, whatever that is elsewhere.

    Parameters
    ----------
    g : callable
        The candidate at unit coordinates (m, d); where it is no number there is no atom.
    level : int
        Of the atoms.  A node without a data point in its star gets none.
    e : Interval (n,)
        Encloses the residual at the data points.
    t : float64 (n, d)
        Unit coordinates of the data points, as the exact numbers that they are.

    Returns
    -------
    Atoms
        c with 0 <= c <= e or e <= c <= 0, so |e| = |c| + |e - c|, exactly at every data point.

    >>> t, e = np.array([[0.25], [0.75]]), np.array([0.5, -1.0])
    >>> c = balance_on_data(lambda t: 1 - 1.25 * t[:, 0], 1, Interval(e, e), t)
    >>> c.nodes.tolist(), c.coefficients.tolist()
    ([[0], [2]], [0.5, -0.25])
    """
    if not (np.isfinite(e.lo) & np.isfinite(e.hi)).all():
        raise OptionError("balance_on_data: expected finite residuals, got some that are not")
    if t.ndim != 2 or e.shape != t.shape[:1] or not ((t >= 0) & (t <= 1)).all():
        raise OptionError(
            f"balance_on_data: expected points (n, d) of [0, 1]^d, a residual for each; got {t.shape}, "
            f"{e.shape}, or a coordinate outside"
        )
    stars = _Stars.of(level, t)
    most = np.clip(stars.most(e), -1 / SMALLEST, 1 / SMALLEST)
    wanted = np.sign(most) * np.nan_to_num(g(np.ldexp(stars.nodes.astype(np.float64), -level)))
    c = np.sign(most) * np.clip(wanted, 0.0, np.abs(most))
    active = np.abs(c) >= SMALLEST
    return Atoms(level, stars.nodes[active], c[active])


@dataclass(frozen=True, slots=True)
class _Stars:
    """Simplices that hold points: distinct vertices (m, d); by point, their numbers and weights (n, d + 1)."""

    nodes: IntArray
    vertices: NDArray[np.intp]
    weights: FloatArray

    @classmethod
    def of(cls, level: int, t: FloatArray) -> _Stars:
        vertices, weights = simplex_at(t, level)
        nodes, number = np.unique(vertices.reshape(-1, t.shape[1]), axis=0, return_inverse=True)
        return cls(nodes, number.reshape(weights.shape), weights)

    def most(self, e: Interval) -> FloatArray:
        """(m,): the number nearest 0 among the residuals in each star, 0 where they have both signs."""
        least, greatest = np.full(len(self.nodes), np.inf), np.full(len(self.nodes), -np.inf)
        np.minimum.at(least, self.vertices, e.lo[:, None])
        np.maximum.at(greatest, self.vertices, e.hi[:, None])
        return np.asarray(np.maximum(least, 0.0) + np.minimum(greatest, 0.0))

    def left(self, e: Interval) -> float:
        """Root mean square of what the largest balanced grade leaves, in floating point."""
        return _root_mean_square(e.lo - (self.most(e)[self.vertices] * self.weights).sum(axis=1))


def _without(e: Interval, atoms: Atoms, t: FloatArray) -> Interval:
    """Encloses e - g at the points; each weight is one rounded difference."""
    engine, (vertices, weights) = get_engine(), simplex_at(t, atoms.level)
    c = atoms.at(vertices.reshape(-1, t.shape[1])).reshape(weights.shape)
    terms = zip(c.T, down(weights).T, up(weights).T, strict=True)
    return engine.sub(e, engine.dot(*[(Interval(a, a), Interval(lo, hi)) for a, lo, hi in terms]))


def balance(front: Front, e: Interval, defects: Defects, candidate: FloatArray, floor: float) -> FloatArray:
    """(m,): coefficients of a balanced grade near the candidate's values (m,) at the nodes of the front.

    Each lies between 0 and the coefficient of the balanced contraction at its node, so the vertex inequality holds
    with it as it holds with that one.
    """
    margins = _margins(defects, front.mesh.level, floor)
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


@checked_arithmetic()
def train_balanced(
    target: Target,
    data: Data,
    specs: Sequence[Solver],
    *,
    seed: int = 0,
    tol: Any = None,
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
    specs : sequence of Adam or Convex
    seed : int
    tol : float, Fraction or str
        Tolerance of the scheme, read as by :func:`~mgdl_theory.construction.construct`.  By default none is claimed:
        the scheme holds the bound that is reached in its place.
    cells : int
        A grade is clipped on a level of at most so many cells, which bounds its atoms.
    progress : callable
        As for :func:`~mgdl_theory.training.multigrade.train`.

    Returns
    -------
    BalancedRun
        ``mgdl_theory.verify(run.scheme)`` decides every claim of the theorem about it.

    >>> import mgdl_theory as mg
    >>> from mgdl_theory.training import sample
    >>> f = mg.target("x + 1")
    >>> from mgdl_theory.training import Adam
    >>> run = train_balanced(f, sample(f, 33), [Adam(width=4, epochs=20)])
    >>> print(mg.verify(run.scheme).result("nonincreasing").verdict)
    PROVED
    """
    if data.dim != target.dim:
        raise OptionError(f"data: points of {data.dim} variable(s) for a target of {target.dim}")
    _check_cells(cells)
    tol = None if tol is None else read_tol(tol)
    front, rest = Front.root(target.dim, 0.0), data.y
    candidates = TrainedModel(target.box, (), seed, data.digest)
    grades: list[Atoms] = []
    seconds: list[float] = []
    size = _root_mean_square(data.y)
    floor = quantum_floor(max(1e-3 * size, 1e-250))
    for k, spec in enumerate(specs, 1):
        begun = time.perf_counter()
        candidates = _candidate(candidates, data, rest, spec, seed, k, progress)
        front, e, defects = _refined(front, target, MARGIN_SHARE * _root_mean_square(rest), cells, floor)
        mesh = front.mesh
        g = _last(candidates)(np.ldexp(mesh.nodes.astype(np.float64), -mesh.level))
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
        reason=_reason(len(specs), tol, reached), lift_reason="trained grades start from 0", asked=tol is not None,
    )  # fmt: skip
    return BalancedRun(scheme, candidates, tuple(seconds))


@dataclass(frozen=True)
class DataRun:
    """What balanced training on data alone leaves.

    Attributes
    ----------
    grades : tuple of Atoms
    candidates : TrainedModel
        The networks that were clipped.
    residuals : tuple of Interval (n,)
        Enclosures of e_0, ..., e_K at the data points.
    seconds : tuple of float
        For each grade.
    """

    grades: tuple[Atoms, ...]
    candidates: TrainedModel
    residuals: tuple[Interval, ...]
    seconds: tuple[float, ...]

    def __call__(self, x: Any) -> FloatArray:
        """The sum of the grades at points (n, d) of the domain, in floating point."""
        t = self.candidates.box.units(x)
        return np.asarray(sum((g(t) for g in self.grades), np.zeros(len(t))))


@checked_arithmetic()
def train_balanced_on_data(
    data: Data,
    specs: Sequence[Solver],
    *,
    box: Box | None = None,
    seed: int = 0,
    cells: int = CELLS,
    progress: Progress | None = None,
) -> DataRun:
    """Multigrade training where nothing is known but data: |e| grows at no data point, at no grade.

    Each candidate is read off at the nodes around the data, on the first level at which a grade can take off enough or
    the last of at most ``cells`` cells, and clipped by :func:`balance_on_data`.  The sum of squares, and every other
    norm on the data, falls at each grade that is not 0 there.  Between the data nothing is claimed.  The parameters are
    those of :func:`train_balanced`; ``box`` is [0, 1]^d by default.

    >>> data = Data([[0.0], [0.5], [1.0]], [1.0, 2.0, 4.0])
    >>> from mgdl_theory.training import Adam
    >>> run = train_balanced_on_data(data, [Adam(width=4, epochs=20)])
    >>> bool(np.all(np.abs(run.residuals[1].hi) <= np.abs(data.y)))
    True
    """
    _check_cells(cells)
    candidates = TrainedModel(box or Box.of([0, 1], data.dim), (), seed, data.digest)
    residuals, grades, seconds = [Interval(data.y, data.y)], [], []
    for k, spec in enumerate(specs, 1):
        begun, e = time.perf_counter(), residuals[-1]
        rest = 0.5 * e.lo + 0.5 * e.hi
        candidates = _candidate(candidates, data, rest, spec, seed, k, progress)
        level, wanted = 0, MARGIN_SHARE * _root_mean_square(rest)
        finest = min(MAX_LEVEL, (cells.bit_length() - 1) // data.dim)
        while level < finest and _Stars.of(level, data.t).left(e) > wanted:
            level += 1
        grades.append(balance_on_data(_last(candidates), level, e, data.t))
        residuals.append(_without(e, grades[-1], data.t))
        seconds.append(time.perf_counter() - begun)
    return DataRun(tuple(grades), candidates, tuple(residuals), tuple(seconds))


def _reason(grades: int, tol: float | None, reached: float) -> str:
    if tol is None:
        return f"{count(grades, 'grade')} trained, no tolerance asked for"
    return "tolerance reached" if reached <= tol else f"{count(grades, 'grade')} trained"


def _check_cells(cells: int) -> None:
    if type(cells) is not int or cells < 1:
        raise OptionError(f"cells: expected an integer of at least 1, got {cells!r}")


def _root_mean_square(y: FloatArray) -> float:
    """Of numbers whose squares may be no floats."""
    largest = float(np.abs(y).max())
    return largest * float(np.sqrt(np.mean((y / largest) ** 2))) if largest else 0.0


def _candidate(
    model: TrainedModel, data: Data, rest: FloatArray, spec: Solver, seed: int, k: int, progress: Any
) -> TrainedModel:
    """The model with one block more, trained for the residual (n,) of the balanced grades."""
    features = TrainedModel(model.box, tuple(g.silent() for g in model.grades), seed, "")
    residual = Data(data.t, rest)
    start = replace(features, digest=residual.digest)
    new = train(residual, [spec] * k, seed=seed, start=start, progress=progress).grades[-1]
    return model.with_grade(new)


def _last(model: TrainedModel) -> Callable[[FloatArray], FloatArray]:
    """The last grade, at unit coordinates."""
    return lambda t: model.grade_values(t)[:, -1]


def _margins(defects: Defects, level: int, floor: float) -> Margins:
    """The margins of a level; where f is affine, none: there the vertex inequality alone leaves e its sign."""
    margins = Margins.of(defects, level, floor)
    affine = (defects.sag == 0) & (defects.bulge == 0)
    return replace(margins, plus=np.where(affine, 0.0, margins.plus), minus=np.where(affine, 0.0, margins.minus))


def _refined(front: Front, target: Target, wanted: float, cells: int, floor: float) -> tuple[Front, Interval, Defects]:
    """The first level at which a grade can take off enough, or the last of at most so many cells; e at its nodes.

    A balanced grade leaves the margin of a cell, and all of e where e comes nearer to 0 than that or changes sign.
    """
    while True:
        mesh = front.mesh
        e, defects = front.residual(target.values(mesh.level, mesh.nodes)), target.defects(mesh.level, mesh.cells)
        top, bottom = mesh.over_corners(np.maximum, e.hi), mesh.over_corners(np.minimum, e.lo)
        margins = _margins(defects, mesh.level, floor)
        left = np.maximum(defects.sag * defects.sag_theta, defects.bulge * defects.bulge_theta)
        stuck = (bottom < margins.plus) & (-top < margins.minus)
        left = np.where(stuck, np.maximum(left, np.maximum(top, -bottom)), left)
        if float(np.mean(left)) <= wanted or len(mesh.cells) << mesh.dim > cells:
            return front, e, defects
        front = front.split(np.ones(len(mesh.cells), dtype=np.bool_))
