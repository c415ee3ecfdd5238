"""Affine maps in binary64 with a bound on their rounding: of intervals, and of balls.

In whatever order a dot product of k terms is summed, with or without fused operations, it errs by at most
gamma_k = k u / (1 - k u) times the sum of the terms' magnitudes, plus a unit of underflow for each product (Higham,
*Accuracy and Stability of Numerical Algorithms*, Section 3.1).  Both forms below take more than that, which pays for
the roundings of the bound itself.  Lower and upper ends suit long networks whose weights are mostly 0, since they do
not widen what a map only carries along; a midpoint with a radius suits dense layers, at the price of one product more.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.rigor.kernels import ETA, UNIT

FloatArray = NDArray[np.float64]

Ball = tuple[FloatArray, FloatArray]
"""Numbers known to be within r of m, as (m, r)."""

TINY = 2.0**-1000
"""Theorem: far above what underflow can take from a product."""


class IntervalLayers:
    """Maps of intervals, W_i x + b_i with weights (m, rows, width) and biases (m, rows), for x >= 0.

    A state stacks the lower ends on the upper ends, all of them >= 0.  A row that is empty, or has one weight
    2^p >= 1 and no offset, does not round: carried coordinates and sums do not widen.
    """

    def __init__(self, weights: FloatArray, biases: FloatArray) -> None:
        size, up, down = np.abs(weights), np.maximum(weights, 0.0), np.minimum(weights, 0.0)
        lower, upper = np.concatenate([up, down], axis=2), np.concatenate([down, up], axis=2)
        self.w = np.concatenate([lower, upper, np.concatenate([np.zeros_like(size), size], axis=2)], axis=1)
        self.b = np.concatenate([biases, biases, np.abs(biases)], axis=1)[:, :, None]
        self.rows, width = weights.shape[1:]
        used = np.count_nonzero(weights, axis=2)
        power = ((np.frexp(size)[0] == 0.5) & (size >= 1)).any(axis=2)
        clean = (used == 0) | ((used == 1) & power & (biases == 0))
        # theorem: 2 width + 1 terms, the bound's own roundings and the last sum take less than this
        self.relative = np.where(clean, 0.0, (2 * width + 16) * UNIT)[:, :, None]
        self.absolute = np.where(clean, 0.0, (2 * width + 16) * ETA)[:, :, None]

    def apply(self, i: int, h: FloatArray) -> FloatArray:
        """(2 rows, n): lower and upper bounds of W x + b over the x between the two halves of h."""
        out = self.w[i] @ h + self.b[i]
        error = out[2 * self.rows :] * self.relative[i] + self.absolute[i]
        out[: self.rows] -= error
        out[self.rows : 2 * self.rows] += error
        return np.asarray(out[: 2 * self.rows])


def affine_ball(w: FloatArray, b: FloatArray | None, ball: Ball) -> Ball:
    """W x + b for x (..., n) within r of m.

    With g = 2 (n + 4) u >= 2 gamma_(n+3): |fl(W m + b) - (W m + b)| <= g/2 (|W| |m| + |b|), and the factor 1 + g makes
    up for the rounding of the radius.

    >>> m, r = affine_ball(np.array([[2.0]]), None, (np.array([[3.0]]), np.array([[1.0]])))
    >>> float(m[0, 0]), bool(2 <= r[0, 0] < 2.0001)
    (6.0, True)
    """
    m, r = ball
    n, size = w.shape[1], np.abs(w)
    g = (n + 4) * 2.0**-52
    middle, reach = m @ w.T, np.abs(m) @ size.T
    if b is not None:
        middle, reach = middle + b, reach + np.abs(b)
    radius = (r @ size.T + g * reach) * (1 + g) + n * TINY
    return middle, np.where(np.isfinite(middle), radius, np.inf)  # whatever the order, an overflow says nothing
