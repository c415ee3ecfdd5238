"""A path-following Newton method for sums of norms under linear constraints, with lower bounds from its multipliers.

    minimise  1/2 |A z - y|^2 + beta sum_o sum_g |z_g + o_g|,  walls_g z_g >= need_g,

for groups z_g.  On the path the norms are sqrt(|.|^2 + mu^2) and the walls cost -tau log of their slack.  At a point of
the path the residual y - A z and the multipliers tau / slack are a feasible point of the dual problem, so each step
says how far from the optimum it is at most: about beta mu for a norm and tau for a wall.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from mgdl_theory.targets.base import FloatArray

SHORTER, CLOSE, TRIES = 0.2, 0.05, 30
"""Experience: mu falls by this factor; a stage ends at this part of its own error, or after so many Newton steps."""

LEAST = 1e-13
"""Experience: the least mu; below it rounding decides."""

RIDGE = 1e-14
"""Experience: what keeps a system of unit diagonal from being singular in binary64."""


@dataclass(frozen=True, slots=True)
class Step:
    """The end of a stage: a feasible point z, and a nearly feasible point of the dual problem.

    Attributes
    ----------
    z : float64 (G, p)
    theta : float64 (n,): a residual y - A z.
    multipliers : float64 (G, k), >= 0, of the walls.
    taken : int
        Newton steps of this stage.
    """

    z: FloatArray
    theta: FloatArray
    multipliers: FloatArray
    taken: int


@dataclass(frozen=True, slots=True)
class Penalised:
    """The problem; A may have no rows, and there may be no walls.

    Attributes
    ----------
    a : float64 (n, G p), with y (n,).
    beta : float
    offsets : tuple of float64 (G, p)
    walls : float64 (G, k, p), with need (G, k).
    mirrored : bool
        Whether A has the columns of its first half once more, with the other sign, in its second half.
    """

    a: FloatArray
    y: FloatArray
    beta: float
    offsets: tuple[FloatArray, ...]
    walls: FloatArray
    need: FloatArray
    mirrored: bool = False

    def path(
        self, z: FloatArray, mu: float, steps: int, each: Callable[[FloatArray], None] = lambda z: None
    ) -> Iterator[Step]:
        """Ends of stages, ever closer to the optimum, from a point z (G, p) inside all walls; so many steps in all.

        ``each`` is called with the point after every step.
        """
        while steps > 0 and mu > LEAST:
            try:
                stage = self._stage(z, mu, steps, each)
            except np.linalg.LinAlgError:  # rounding has the last word
                return
            yield stage
            z, mu, steps = stage.z, SHORTER * mu, steps - stage.taken

    def _stage(self, z: FloatArray, mu: float, steps: int, each: Callable[[FloatArray], None]) -> Step:
        """Newton steps with halving until z is near the point of the path for this mu."""
        groups, k = self.need.shape
        tau = self.beta * mu / max(k, 1)
        enough = CLOSE * self.beta * mu * groups
        value = self._value(z, mu, tau)
        taken = 0
        while taken < min(TRIES, steps):
            taken += 1
            slack = self._slack(z)
            gradient, blocks = self._derivatives(z, mu, tau, slack)
            d = -self._solve(blocks, gradient)
            fall = -float(np.sum(gradient * d))
            theta = self.y - self.a @ (z + d).ravel()
            change = np.einsum("gkp,gp->gk", self.walls, d)
            multipliers = np.maximum(tau / slack * (1 - change / slack), 0.0)
            shrinks = change < 0
            t = min(1.0, 0.99 * float((-slack[shrinks] / change[shrinks]).min())) if shrinks.any() else 1.0
            new = self._value(z + t * d, mu, tau)
            while not new <= value - 1e-4 * t * fall + 1e-15 * abs(value) and t > 1e-10:
                t *= 0.5
                new = self._value(z + t * d, mu, tau)
            if not new <= value + 1e-15 * abs(value):
                break
            z, value = z + t * d, new
            each(z)
            if fall <= enough:
                break
        return Step(z, theta, multipliers, taken)

    def _slack(self, z: FloatArray) -> FloatArray:
        return np.asarray(np.einsum("gkp,gp->gk", self.walls, z) - self.need)

    def _value(self, z: FloatArray, mu: float, tau: float) -> float:
        slack = self._slack(z)
        if not (slack > 0).all():
            return np.inf
        norms = sum(float(np.sqrt(np.sum((z + o) ** 2, axis=1) + mu * mu).sum()) for o in self.offsets)
        fit = 0.5 * float(np.sum((self.a @ z.ravel() - self.y) ** 2))
        return fit + self.beta * norms - tau * float(np.log(slack).sum())

    def _derivatives(self, z: FloatArray, mu: float, tau: float, slack: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Gradient (G, p), and the Hessian (G, p, p) of all but the squares."""
        rows = self.walls / slack[:, :, None]
        gradient = (self.a.T @ (self.a @ z.ravel() - self.y)).reshape(z.shape) - tau * rows.sum(axis=1)
        blocks = tau * (rows.transpose(0, 2, 1) @ rows)
        for o in self.offsets:
            s = np.sqrt(np.sum((z + o) ** 2, axis=1) + mu * mu)[:, None]
            unit = (z + o) / s
            gradient = gradient + self.beta * unit
            blocks = blocks + (self.beta / s)[:, :, None] * (np.eye(z.shape[1]) - unit[:, :, None] * unit[:, None, :])
        return gradient, blocks

    def _solve(self, blocks: FloatArray, g: FloatArray) -> FloatArray:
        """(A^T A + blocks)^-1 g, by the smaller of two systems; scaled to a unit diagonal first."""
        groups, p = g.shape
        n = len(self.y)
        if n >= groups * p:
            whole = (self.a.T @ self.a).reshape(groups, p, groups, p)
            at = np.arange(groups)
            whole[at, :, at, :] += blocks
            scale = 1.0 / np.sqrt(np.einsum("gpgp->gp", whole)).ravel()
            system = whole.reshape(groups * p, -1) * scale[:, None] * scale
            system[np.diag_indices(len(scale))] += RIDGE
            return np.asarray(scale * np.linalg.solve(system, scale * g.ravel())).reshape(g.shape)
        scale = 1.0 / np.sqrt(np.einsum("gpp->gp", blocks))
        system = blocks * scale[:, :, None] * scale[:, None, :] + RIDGE * np.eye(p)
        sides = scale[:, :, None] * np.concatenate([self.a.T.reshape(groups, p, n), g[:, :, None]], axis=2)
        solved = scale[:, :, None] * np.linalg.solve(system, sides)
        spread, alone = solved[:, :, :n].reshape(groups * p, n), solved[:, :, n]
        first = groups * p // 2 if self.mirrored else groups * p
        both = spread[:first] - spread[first:] if self.mirrored else spread
        inner = np.linalg.solve(np.eye(n) + self.a[:, :first] @ both, self.a @ alone.ravel())
        return np.asarray(alone - (spread @ inner).reshape(g.shape))
