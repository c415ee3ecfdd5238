"""One hidden ReLU layer trained to the optimum of its convex reformulation, after Pilanci and Ergen (2020).

A layer of neurons on points X (n, p), whose last column is 1, is a sum of linear pieces D_i X v_i, one for each
activation pattern D_i = diag(1[X g_i >= 0]) of a gate g_i.  With the penalty on the products of weights the training
problem is the convex problem

    minimise  1/2 |sum_i D_i X (v_i - w_i) - y|^2 + beta sum_i (|v_i| + |w_i|),  (2 D_i - 1) X v_i >= 0, same for w_i,

over *all* patterns; with some patterns sampled, as here, it is the optimum over the networks that have these.
Without the cones it is the *gated* problem in u_i = v_i - w_i, a group lasso.  Its solution is turned back into ReLU
neurons that agree with it at every data point: of all v - w = u with v and w in the cone, those with the least norms.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any

import numpy as np

from mgdl_theory.errors import OptionError
from mgdl_theory.targets.base import FloatArray
from mgdl_theory.training.interior_point import Penalised

GAP = 1e-7
"""Definition: duality gap, as a part of |y|^2 / 2, at which an iteration stops."""

DECOMPOSED = 9
"""Experience: stages of the path after which a least decomposition is within a millionth."""

WORK, ENTRIES = 4e9, 1 << 25
"""Experience: multiplications of a Newton step (a second or so on one core), and numbers in its matrix, at most."""

CHECK = 25
"""Experience: steps between two looks at the duality gap."""


Gaps = list[tuple[int, float]]
"""(step, duality gap) along the way, in the scale of the problem."""

Report = Callable[[int, float], None]
"""Called with (step, mean squared error) along the way."""


@dataclass(frozen=True, slots=True)
class ConvexFit:
    """A hidden layer with its readout, and how close to the optimum of its convex problem it is.

    Attributes
    ----------
    weights, biases, readout, constant
        g(h) = readout . relu(weights h + biases) + constant.
    objective : float
        Value of the convex problem, in units of the values squared.
    gap : float
        objective minus a lower bound of the optimum (by a feasible dual point), in plain floating point.
    relative_gap : float
        gap as a part of the objective of the constant function, sum (y - mean)^2 / 2.
    iterations : int
    history : tuple of (int, float)
        (step, relative gap) along the way.
    """

    weights: FloatArray
    biases: FloatArray
    readout: FloatArray
    constant: float
    objective: float
    gap: float
    relative_gap: float
    iterations: int
    history: tuple[tuple[int, float], ...] = ()

    def predict(self, h: FloatArray) -> FloatArray:
        """(n,): the layer with its readout at features h (n, w)."""
        return np.asarray(np.maximum(h @ self.weights.T + self.biases, 0.0) @ self.readout + self.constant)


def sample_gates(h: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Gates (count, w + 1): random directions whose hyperplanes pass between points of the data h (n, w).

    A gate whose bias has another scale than the data would be on, or off, for all of them.

    >>> gates = sample_gates(np.array([[100.0], [101.0]]), 3, np.random.default_rng(0))
    >>> place = -gates[:, 1] / gates[:, 0]
    >>> bool(np.all((place >= 100) & (place <= 101)))
    True
    """
    n, width = h.shape
    spread = h.std(axis=0)
    directions = rng.standard_normal((count, width)) / np.where(spread > 0, spread, 1.0)
    pairs, share = h[rng.integers(n, size=(2, count))], rng.random((count, 1))
    return np.column_stack([directions, -np.sum(directions * (share * pairs[0] + (1 - share) * pairs[1]), axis=1)])


def fit_gated(
    h: FloatArray, y: FloatArray, gates: FloatArray, penalty: float, iterations: int = 2000, *,
    progress: Report | None = None,
) -> ConvexFit:  # fmt: skip
    """The gated problem, and its exact conversion: two neurons per gate, with the least weights there are.

    Parameters
    ----------
    h : float64 (n, w)
    y : float64 (n,)
    gates : float64 (m, w + 1), see :func:`sample_gates`.
    penalty : float
        beta as a part of the smallest beta for which the answer is 0.
    iterations : int
        Steps at most; it stops at a relative duality gap of 1e-7.  They are Newton steps where these are affordable,
        of which some tens are enough, and accelerated proximal steps else, whose gap may stay large: see ``gap``.
    progress : callable
        Called with (step, mean squared error) from time to time.

    >>> h = np.linspace(0, 1, 9)[:, None]
    >>> fit = fit_gated(h, np.abs(h[:, 0] - 0.3), np.array([[1.0, -0.3], [-1.0, 0.3]]), 1e-6)
    >>> bool(np.abs(fit.predict(h) - np.abs(h[:, 0] - 0.3)).max() < 1e-3)
    True
    """
    problem = _Problem.of(h, y, gates, penalty)
    tell = problem.teller(progress)
    u, gaps = (_interior if affordable(len(h), gates.size) else _fista)(problem, iterations, tell)
    w = _least(problem, u)
    return problem.fit(u + w, w, problem.objective(u), gaps)


def fit_relu(
    h: FloatArray, y: FloatArray, gates: FloatArray, penalty: float, iterations: int = 2000, solver: str = "newton", *,
    progress: Report | None = None,
) -> ConvexFit:  # fmt: skip
    """The problem with its cones: the optimum over ReLU networks with these activation patterns.

    ``solver`` is "newton" (NumPy; a path of Newton steps inside the cones) or "cvxpy" (with Clarabel, from the extra
    ``convex``, whose points are moved into the cones along the gates).  The gap is that of the network as it is
    returned.  The parameters are those of :func:`fit_gated`; it takes as many steps on twice as many unknowns.

    >>> h = np.linspace(0, 1, 9)[:, None]
    >>> fit = fit_relu(h, np.abs(h[:, 0] - 0.3), np.array([[1.0, -0.3], [-1.0, 0.3]]), 1e-6)
    >>> bool(np.abs(fit.predict(h) - np.abs(h[:, 0] - 0.3)).max() < 1e-3)
    True
    """
    problem = _Problem.of(h, y, gates, penalty)
    if solver == "newton":
        z, gaps = _interior(problem, iterations, problem.teller(progress), cones=True)
        v, w = z[: len(gates)], z[len(gates) :]
    elif solver == "cvxpy":
        v, w, gaps = _by_cvxpy(problem)
    else:
        raise OptionError(f"solver: expected newton or cvxpy, got {str(solver)[:40]!r}")
    fit = problem.fit(v, w, problem.cone_objective(v, w), gaps)
    meant = problem.size * (problem.apply(v - w) - problem.y)
    rounding = 0.5 * float(np.sum((fit.predict(h) - y) ** 2) - np.sum(meant**2))  # biases far from the data lose bits
    gap = max(fit.gap + rounding, 0.0)
    relative = gap / (problem.size**2 * (problem.nothing or 1.0))
    return replace(fit, objective=fit.objective + rounding, gap=gap, relative_gap=relative)


def affordable(points: int, unknowns: int) -> bool:
    """Whether Newton steps for so many unknowns on so many points take a second or so at most.

    >>> affordable(256, 600), affordable(1 << 16, 4096)
    (True, False)
    """
    small, large = sorted((points, unknowns))
    return small * small * large <= WORK and small * large <= ENTRIES


@dataclass(frozen=True, slots=True)
class _Problem:
    """The data scaled: columns of X centred at 0 with size 1, and |y| = 1."""

    x: FloatArray
    y: FloatArray
    on: FloatArray
    gates: FloatArray
    beta: float
    centre: FloatArray
    spread: FloatArray
    size: float
    mean: float

    @classmethod
    def of(cls, h: FloatArray, y: FloatArray, gates: FloatArray, penalty: float) -> _Problem:
        if gates.ndim != 2 or not len(gates) or gates.shape[1] != h.shape[1] + 1:
            raise OptionError(f"gates: expected shape (m, {h.shape[1] + 1}), got {gates.shape}")
        if not 0 < penalty < np.inf:
            raise OptionError(f"penalty: expected a number greater than 0, got {penalty!r}")
        centre, spread = h.mean(axis=0), h.std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        x = np.column_stack([(h - centre) / spread, np.ones(len(h))])
        scaled = np.column_stack([gates[:, :-1] * spread, gates[:, -1] + gates[:, :-1] @ centre])
        scaled = _off_the_points(x, scaled)
        mean = float(y.mean())
        rest = y - mean
        size = float(np.linalg.norm(rest)) or 1.0
        on = (x @ scaled.T > 0).astype(np.float64)
        largest = float(np.linalg.norm(x.T @ (on * (rest / size)[:, None]), axis=0).max())
        return cls(x, rest / size, on, scaled, penalty * (largest or 1.0), centre, spread, size, mean)

    def apply(self, u: FloatArray) -> FloatArray:
        """(n,): sum_i D_i X u_i for u (m, p)."""
        return np.asarray(((self.x @ u.T) * self.on).sum(axis=1))

    def adjoint(self, r: FloatArray) -> FloatArray:
        """(m, p): X^T D_i r."""
        return np.asarray((self.on * r[:, None]).T @ self.x)

    def slack(self, u: FloatArray) -> FloatArray:
        """(n, m): (2 D_i - 1) X u_i, which is >= 0 in the cones."""
        return np.asarray((self.x @ u.T) * (2 * self.on - 1))

    def teller(self, progress: Report | None) -> Report:
        """What is called with (step, half the squared error in the scale of the problem)."""
        scale = 2 * self.size**2 / len(self.y)
        return (lambda step, fit: progress(step, scale * fit)) if progress else lambda step, fit: None

    def objective(self, u: FloatArray) -> float:
        return float(0.5 * np.sum((self.apply(u) - self.y) ** 2) + self.beta * np.linalg.norm(u, axis=1).sum())

    def cone_objective(self, v: FloatArray, w: FloatArray) -> float:
        norms = np.linalg.norm(v, axis=1).sum() + np.linalg.norm(w, axis=1).sum()
        return float(0.5 * np.sum((self.apply(v - w) - self.y) ** 2) + self.beta * norms)

    def dual(self, theta: FloatArray, norms: FloatArray) -> float:
        """Lower bound of the optimum by theta, scaled to be feasible: norms_i / beta is how far it is from that."""
        theta = theta * min(1.0, self.beta / max(float(norms.max()), 1e-300))
        return float(0.5 * np.sum(self.y**2) - 0.5 * np.sum((self.y - theta) ** 2))

    def into_cones(self, u: FloatArray) -> FloatArray:
        """(m, p): the least multiples of the gates that move u into the cones."""
        need = (-self.slack(u) / self.slack(self.gates)).max(axis=0)
        return np.asarray(np.maximum(need, 0.0)[:, None] * self.gates)

    def fit(self, v: FloatArray, w: FloatArray, objective: float, gaps: Gaps) -> ConvexFit:
        """The neurons of v and w in the coordinates of the data, each of weight norm 1 before its readout."""
        steps, gap = gaps[-1] if gaps else (0, objective)  # not a step was taken; no objective is below 0
        nothing = self.nothing or 1.0
        both = np.concatenate([v, w])
        norms = np.linalg.norm(both, axis=1)
        unit = np.where(norms > 0, norms, 1.0)
        slopes = both[:, :-1] / unit[:, None] / self.spread
        biases = both[:, -1] / unit - slopes @ self.centre
        sign = np.repeat([1.0, -1.0], len(v))
        return ConvexFit(
            slopes, biases, sign * norms * self.size, self.mean, objective * self.size**2, gap * self.size**2,
            gap / nothing, steps, tuple((k, g / nothing) for k, g in gaps),
        )  # fmt: skip

    @property
    def nothing(self) -> float:
        """The objective of the constant function."""
        return 0.5 * float(np.sum(self.y**2))


def _off_the_points(x: FloatArray, gates: FloatArray) -> FloatArray:
    """Gates moved until no data point lies on a hyperplane: the gate is then inside its cone."""
    gates = gates / np.linalg.norm(gates, axis=1, keepdims=True)
    for k, gate in enumerate(gates):
        ordered = np.sort(x @ gate)
        near = int(np.searchsorted(ordered, 0.0))
        around = np.concatenate([[ordered[0] - 1.0], ordered, [ordered[-1] + 1.0]])
        ends = around[[near, near + 1]]
        while ends[1] - ends[0] < 1e-9:  # points that coincide in this direction
            near = near + 1 if near < len(ordered) else 0
            ends = around[[near, near + 1]]
        if min(-ends[0], ends[1]) < 0.05 * (ends[1] - ends[0]):
            gates[k, -1] -= 0.5 * (ends[0] + ends[1])
    return gates


def _shrink(u: FloatArray, by: float) -> FloatArray:
    norms = np.linalg.norm(u, axis=1, keepdims=True)
    return np.asarray(u * np.maximum(1.0 - by / np.maximum(norms, 1e-300), 0.0))


def _fista(problem: _Problem, iterations: int, tell: Report) -> tuple[FloatArray, Gaps]:
    """Accelerated proximal gradient steps with restart."""
    shape = (problem.gates.shape[0], problem.x.shape[1])
    probe = np.ones(shape)
    lipschitz = 0.0
    for _ in range(50):
        probe = problem.adjoint(problem.apply(probe))
        lipschitz = float(np.linalg.norm(probe))
        probe = probe / max(lipschitz, 1e-300)
    step = 1.0 / max(1.02 * lipschitz, 1e-300)
    u = z = np.zeros(shape)
    t, best = 1.0, -np.inf
    gaps: Gaps = []
    for k in range(1, iterations + 1):
        rest = problem.y - problem.apply(z)
        new = _shrink(z + step * problem.adjoint(rest), step * problem.beta)
        if np.sum((z - new) * (new - u)) > 0:
            t = 1.0  # restart: the momentum points uphill
        t_new = 0.5 * (1 + np.sqrt(1 + 4 * t * t))
        z = new + (t - 1) / t_new * (new - u)
        u, t = new, t_new
        if k % CHECK == 0 or k == iterations:
            theta = problem.y - problem.apply(u)
            tell(k, 0.5 * float(np.sum(theta**2)))
            best = max(best, problem.dual(theta, np.linalg.norm(problem.adjoint(theta), axis=1)))
            gaps.append((k, max(problem.objective(u) - best, 0.0)))
            if gaps[-1][1] <= GAP * problem.nothing:
                break
    return u, gaps


def _interior(problem: _Problem, iterations: int, tell: Report, cones: bool = False) -> tuple[FloatArray, Gaps]:
    """Newton steps along the path: u (m, p), or v above w (2m, p) with the cones."""
    m, (n, p) = len(problem.gates), problem.x.shape
    signs = np.repeat([1.0, -1.0], m) if cones else np.ones(m)
    on = np.tile(problem.on.T, (len(signs) // m, 1))  # (G, n)
    a = np.einsum("g,gn,np->ngp", signs, on, problem.x).reshape(n, -1)
    walls = (2 * on - 1)[:, :, None] * problem.x if cones else np.zeros((m, 0, p))
    start = np.tile(problem.gates, (2, 1)) if cones else np.zeros((m, p))
    task = Penalised(a, problem.y, problem.beta, (np.zeros_like(start),), walls, np.zeros(walls.shape[:2]), cones)
    least, found, best, steps, taken = np.inf, np.zeros_like(start), -np.inf, 0, count(1)
    gaps: Gaps = []

    def fit_of(z: FloatArray) -> float:
        return 0.5 * float(np.sum((a @ z.ravel() - problem.y) ** 2))

    for step in task.path(start, 1.0, iterations if problem.nothing else 0, lambda z: tell(next(taken), fit_of(z))):
        steps += step.taken
        pulls = (a.T @ step.theta).reshape(start.shape) + np.einsum("gkp,gk->gp", walls, step.multipliers)
        best = max(best, problem.dual(step.theta, np.linalg.norm(pulls, axis=1)))
        objective = fit_of(step.z) + problem.beta * float(np.linalg.norm(step.z, axis=1).sum())
        stuck = objective >= least  # rounding has the last word
        if not stuck:
            least, found = objective, step.z
        gaps.append((steps, max(least - best, 0.0)))
        if stuck or gaps[-1][1] <= GAP * problem.nothing:
            break
    return found, gaps


def _least(problem: _Problem, u: FloatArray) -> FloatArray:
    """(m, p): w in the cones with u + w in them too, and |u + w| + |w| nearly as small as it can be."""
    inside = problem.into_cones(u)
    if not affordable(len(problem.x), u.shape[1]):
        return inside
    found = np.zeros_like(u)
    for i in np.flatnonzero(inside.any(axis=1)):
        size = float(np.linalg.norm(u[i]))
        walls = ((2 * problem.on[:, i] - 1)[:, None] * problem.x)[None]
        need = np.maximum(-(walls[0] @ (u[i] / size)), 0.0)[None]
        start = (inside[i] / size + 1e-3 * problem.gates[i])[None]
        offsets = (np.zeros((1, len(u[i]))), (u[i] / size)[None])
        task = Penalised(np.zeros((0, len(u[i]))), np.zeros(0), 1.0, offsets, walls, need)
        for step in islice(task.path(start, 1.0, 200), DECOMPOSED):
            start = step.z
        found[i] = size * start[0]
    return found


def _by_cvxpy(problem: _Problem) -> tuple[FloatArray, FloatArray, Gaps]:
    """The same by a general solver."""
    try:
        cvxpy: Any = importlib.import_module("cvxpy")
    except ImportError:
        raise OptionError("solver 'cvxpy' is not installed; pip install mgdl-theory[convex]") from None
    m, p = len(problem.gates), problem.x.shape[1]
    v, w = cvxpy.Variable((m, p)), cvxpy.Variable((m, p))
    fitted: Any = cvxpy.sum(cvxpy.multiply(problem.on, problem.x @ (v - w).T), axis=1)
    norms = cvxpy.sum(cvxpy.norm(v, 2, axis=1)) + cvxpy.sum(cvxpy.norm(w, 2, axis=1))
    signs = 2 * problem.on - 1
    cones = [cvxpy.multiply(signs, problem.x @ part.T) >= 0 for part in (v, w)]
    task = cvxpy.Problem(cvxpy.Minimize(0.5 * cvxpy.sum_squares(fitted - problem.y) + problem.beta * norms), cones)
    task.solve(solver=cvxpy.CLARABEL)
    a, b = np.asarray(v.value), np.asarray(w.value)
    a, b = a + problem.into_cones(a), b + problem.into_cones(b)
    theta = problem.y - problem.apply(a - b)
    of_theta = problem.adjoint(theta)
    signed = (2 * problem.on - 1).T
    lifted = [
        sign * of_theta + (signed * np.maximum(np.asarray(cone.dual_value).T, 0.0)) @ problem.x
        for sign, cone in zip((1.0, -1.0), cones, strict=True)
    ]
    best = problem.dual(theta, np.linalg.norm(np.concatenate(lifted), axis=1))
    return a, b, [(int(task.solver_stats.num_iters or 0), max(problem.cone_objective(a, b) - best, 0.0))]
