"""One hidden ReLU layer trained to the optimum of its convex reformulation, after Pilanci and Ergen (2020).

A layer of neurons on points X (n, p), whose last column is 1, is a sum of linear pieces D_i X v_i, one for each
activation pattern D_i = diag(1[X g_i >= 0]) of a gate g_i.  With the penalty on the products of weights the training
problem is the convex problem

    minimise  1/2 |sum_i D_i X (v_i - w_i) - y|^2 + beta sum_i (|v_i| + |w_i|),  (2 D_i - 1) X v_i >= 0, same for w_i,

over *all* patterns; with some patterns sampled, as here, it is the optimum over the networks that have these.
Without the cones it is the *gated* problem in u_i = v_i - w_i, a group lasso.  Its solution is turned back into ReLU
neurons that agree with it at every data point: v = u + s g and w = s g lie in the cone for s large enough.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from mgdl_theory.errors import OptionError
from mgdl_theory.targets.base import FloatArray

__all__ = ["ConvexFit", "fit_gated", "fit_relu", "sample_gates"]

GAP = 1e-7
"""Definition: relative duality gap at which an iteration stops."""

CHECK = 25
"""Experience: steps between two looks at the duality gap."""


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
    iterations : int
    """

    weights: FloatArray
    biases: FloatArray
    readout: FloatArray
    constant: float
    objective: float
    gap: float
    iterations: int

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


def fit_gated(h: FloatArray, y: FloatArray, gates: FloatArray, penalty: float, iterations: int = 2000) -> ConvexFit:
    """The gated problem by accelerated proximal steps, and its exact conversion: two neurons per gate.

    Parameters
    ----------
    h : float64 (n, w)
    y : float64 (n,)
    gates : float64 (m, w + 1), see :func:`sample_gates`.
    penalty : float
        beta as a part of the smallest beta for which the answer is 0.
    iterations : int
        Steps at most; it stops at a relative duality gap of 1e-7.

    >>> h = np.linspace(0, 1, 9)[:, None]
    >>> fit = fit_gated(h, np.abs(h[:, 0] - 0.3), np.array([[1.0, -0.3], [-1.0, 0.3]]), 1e-6)
    >>> bool(np.abs(fit.predict(h) - np.abs(h[:, 0] - 0.3)).max() < 1e-3)
    True
    """
    problem = _Problem.of(h, y, gates, penalty)
    u, gap, steps = _fista(problem, iterations)
    shift = problem.into_cones(u)
    return problem.fit(u + shift, shift, problem.objective(u), gap, steps)


def fit_relu(
    h: FloatArray, y: FloatArray, gates: FloatArray, penalty: float, iterations: int = 20_000, solver: str = "admm"
) -> ConvexFit:
    """The problem with its cones, for small data: the optimum over ReLU networks with these activation patterns.

    ``solver`` is "admm" (NumPy; the alternating direction method of multipliers with a factored matrix) or "cvxpy"
    (with Clarabel, from the extra ``convex``).  The parameters are those of :func:`fit_gated`.  A point that violates
    a cone a little is moved into it along the gate before its objective is taken, so the gap is of a feasible point.
    """
    problem = _Problem.of(h, y, gates, penalty)
    if solver == "admm":
        v, w, gap, steps = _admm(problem, iterations)
    elif solver == "cvxpy":
        v, w, gap, steps = _by_cvxpy(problem)
    else:
        raise OptionError(f"solver: expected admm or cvxpy, got {str(solver)[:40]!r}")
    return problem.fit(v, w, problem.cone_objective(v, w), gap, steps)


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

    def fit(self, v: FloatArray, w: FloatArray, objective: float, gap: float, steps: int) -> ConvexFit:
        """The neurons of v and w in the coordinates of the data, each of weight norm 1 before its readout."""
        both = np.concatenate([v, w])
        norms = np.linalg.norm(both, axis=1)
        unit = np.where(norms > 0, norms, 1.0)
        slopes = both[:, :-1] / unit[:, None] / self.spread
        biases = both[:, -1] / unit - slopes @ self.centre
        sign = np.repeat([1.0, -1.0], len(v))
        return ConvexFit(
            slopes, biases, sign * norms * self.size, self.mean, objective * self.size**2, gap * self.size**2, steps
        )


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


def _fista(problem: _Problem, iterations: int) -> tuple[FloatArray, float, int]:
    """Accelerated proximal gradient steps with restart; (u, duality gap, steps)."""
    shape = (problem.gates.shape[0], problem.x.shape[1])
    probe = np.ones(shape)
    lipschitz = 0.0
    for _ in range(50):
        probe = problem.adjoint(problem.apply(probe))
        lipschitz = float(np.linalg.norm(probe))
        probe = probe / max(lipschitz, 1e-300)
    step = 1.0 / max(1.02 * lipschitz, 1e-300)
    u = z = np.zeros(shape)
    t, gap, best = 1.0, np.inf, -np.inf
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
            best = max(best, problem.dual(theta, np.linalg.norm(problem.adjoint(theta), axis=1)))
            gap = max(problem.objective(u) - best, 0.0)
            if gap <= GAP * 0.5 * float(np.sum(problem.y**2)):
                return u, gap, k
    return u, gap, iterations


def _admm(problem: _Problem, iterations: int) -> tuple[FloatArray, FloatArray, float, int]:
    """Copies s of the groups and c of the slacks; (v, w, duality gap, steps)."""
    m, p = len(problem.gates), problem.x.shape[1]
    pieces = problem.on[:, :, None] * problem.x[:, None, :]
    plus = pieces.reshape(len(problem.x), m * p)
    whole = np.concatenate([plus, -plus], axis=1)
    signed = (2 * problem.on - 1).T[:, :, None] * problem.x[None]  # (m, n, p)
    cones = np.zeros((2 * m * p, 2 * m * p))
    for i in range(2 * m):
        block = signed[i % m]
        cones[i * p : (i + 1) * p, i * p : (i + 1) * p] = block.T @ block + np.eye(p)
    quadratic, linear = whole.T @ whole, whole.T @ problem.y
    both = np.concatenate([signed, signed])  # (2m, n, p)

    def inverse(rho: float) -> FloatArray:
        return np.asarray(np.linalg.inv(quadratic + rho * cones))

    rho = 0.1
    solve = inverse(rho)
    s, c = np.zeros((2 * m, p)), np.zeros((2 * m, len(problem.x)))
    ds, dc = np.zeros_like(s), np.zeros_like(c)
    best, found = -np.inf, (np.inf, np.zeros((m, p)), np.zeros((m, p)))
    for k in range(1, iterations + 1):
        pull = s - ds + np.einsum("inp,in->ip", both, c - dc)
        u = (solve @ (linear + rho * pull.ravel())).reshape(2 * m, p)
        slack = np.einsum("inp,ip->in", both, u)
        old_s, old_c = s, c
        ur, sr = 1.6 * u - 0.6 * s, 1.6 * slack - 0.6 * c
        s = _shrink(ur + ds, problem.beta / rho)
        c = np.maximum(sr + dc, 0.0)
        ds, dc = ds + ur - s, dc + sr - c
        if k % CHECK == 0 or k == iterations:
            v, w = s[:m], s[m:]
            v, w = v + problem.into_cones(v), w + problem.into_cones(w)
            objective = problem.cone_objective(v, w)
            if objective < found[0]:
                found = (objective, v, w)
            theta = problem.y - problem.apply(s[:m] - s[m:])
            multipliers = rho * np.maximum(-dc, 0.0)  # of slack >= 0
            of_theta = problem.adjoint(theta)
            pulls = np.concatenate([of_theta, -of_theta]) + np.einsum("inp,in->ip", both, multipliers)
            best = max(best, problem.dual(theta, np.linalg.norm(pulls, axis=1)))
            if found[0] - best <= GAP * 0.5 * float(np.sum(problem.y**2)):
                return found[1], found[2], max(found[0] - best, 0.0), k
            primal = float(np.linalg.norm(u - s) + np.linalg.norm(slack - c))
            change = rho * float(np.linalg.norm(s - old_s) + np.linalg.norm(c - old_c))
            if k % (8 * CHECK) == 0 and not 0.2 < primal / max(change, 1e-300) < 5:
                factor = float(np.clip(np.sqrt(primal / max(change, 1e-300)), 0.2, 5))
                rho, ds, dc = rho * factor, ds / factor, dc / factor
                solve = inverse(rho)
    return found[1], found[2], found[0] - best, iterations


def _by_cvxpy(problem: _Problem) -> tuple[FloatArray, FloatArray, float, int]:
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
    return a, b, max(problem.cone_objective(a, b) - best, 0.0), int(task.solver_stats.num_iters or 0)
