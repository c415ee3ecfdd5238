"""Enclosures of L^p norms of residuals, by exact integration of the piecewise linear part plus the defect.

On a simplex T of volume |T| with vertex values u_0, ..., u_d of one sign the linear function u has

    int_T |u|^p = |T| p! d! / (p + d)! h_p(|u_0|, ..., |u_d|),

h_p the complete homogeneous symmetric polynomial (p a positive integer).  The residual lies between
I_T e - p_T and I_T e + n_T, so its norm is enclosed by the same formula with shifted vertex values.
Where a grade g is balanced, |e| = |g| + |e - g| and hence |e|^p >= |g|^p + |e - g|^p for p >= 1: the p-th power of
the norm falls by the integral of |g|^p at least, which has no defect.

All terms are nonnegative, so that rounding is a factor.  Norms are taken in unit coordinates: on
[0, 1]^d, that is, divided by the p-th root of the volume of the box.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import permutations

import numpy as np

from mgdl_theory.mesh import BoolArray, Mesh
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.kernels import UNIT
from mgdl_theory.rigor.rounding import add_up, sub_down
from mgdl_theory.targets.base import Defects, FloatArray

TINY = 2.0**-1000
"""Definition: added to upper bounds, more than all that underflow can lose."""


@dataclass(frozen=True, slots=True)
class PowerIntegral:
    """Enclosure of an integral of |u|^p over part of [0, 1]^d: the number lies in [lo, hi].

    >>> PowerIntegral(0.5, 1.0).norm(1)
    (0.5, 1.0)
    """

    lo: float = 0.0
    hi: float = 0.0

    @classmethod
    def total(cls, lo: FloatArray, hi: FloatArray) -> PowerIntegral:
        """Sum of enclosed numbers >= 0; ``fsum`` rounds once, one step outward makes up for it."""
        if not np.all(hi < np.inf):
            return cls(0.0, math.inf)
        return cls(max(0.0, math.nextafter(math.fsum(lo), -math.inf)), math.nextafter(math.fsum(hi), math.inf))

    def __add__(self, other: PowerIntegral) -> PowerIntegral:
        return PowerIntegral.total(np.array([self.lo, other.lo]), np.array([self.hi, other.hi]))

    def norm(self, p: int) -> tuple[float, float]:
        """Enclosure of the p-th root."""
        if p == 1:
            return self.lo, self.hi
        slack = 2.0**-40  # far above the declared error of pow
        return self.lo ** (1 / p) * (1 - slack), self.hi ** (1 / p) * (1 + slack) + TINY


def cell_powers(mesh: Mesh, e: Interval, defects: Defects, p: int, chosen: BoolArray | None = None) -> PowerIntegral:
    """Enclosure of the integral of |e|^p over the (chosen) cells, from the nodal residual and the defects.

    >>> from mgdl_theory.targets.base import THETA
    >>> mesh, zero = Mesh.root(1), np.zeros(1)
    >>> one_third = cell_powers(mesh, Interval(np.array([0.0, 1.0]), np.array([0.0, 1.0])),
    ...                         Defects(zero, zero, zero, zero, Interval(zero, zero)), 2)
    >>> one_third.lo <= 1 / 3 <= one_third.hi < 0.334
    True
    """
    cells: BoolArray | slice = slice(None) if chosen is None else chosen
    corner = mesh.corner_node[cells]
    low = sub_down(e.lo[corner], defects.sag[cells, None])
    high = add_up(e.hi[corner], defects.bulge[cells, None])
    low, high = np.fmax(low, -np.inf), np.where(high == high, high, np.inf)
    lower, upper = zip(
        *(_bounds(low[:, chain], high[:, chain], mesh.level, p) for chain in _chains(mesh.dim)), strict=True
    )
    return PowerIntegral.total(np.concatenate(lower), np.concatenate(upper))


def simplex_power(values: FloatArray, level: int, p: int) -> FloatArray:
    """(n,): the integral of u^p over a simplex of a level, u linear with these vertex values (n, d + 1) >= 0, rounded.

    >>> simplex_power(np.array([[0.0, 1.0]]), 0, 2).tolist() == [1 / 3]
    True
    """
    d = values.shape[1] - 1
    terms = [np.ones(len(values))] + [np.zeros(len(values)) for _ in range(p)]
    for u in values.T:
        for k in range(1, p + 1):
            terms[k] = terms[k] + u * terms[k - 1]
    return np.asarray(terms[p] * (math.factorial(p) / math.factorial(p + d)) * 2.0 ** (-level * d))


@cache
def _chains(d: int) -> list[list[int]]:
    """Corner masks of the vertices of each simplex of a cell: the maximal chains."""
    return [[sum(1 << a for a in order[:k]) for k in range(d + 1)] for order in permutations(range(d))]


def _bounds(low: FloatArray, high: FloatArray, level: int, p: int) -> tuple[FloatArray, FloatArray]:
    """Bounds of the integrals of |e|^p over simplices, where low <= e <= high hold for linear low, high."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        d = low.shape[1] - 1
        slack = 16 * (p + 1) * (d + 2) * UNIT  # theorem: bounds the relative error of simplex_power and of a mean
        upper = simplex_power(np.maximum(np.maximum(high, -low), 0.0), level, p)
        positive, negative = np.logical_and.reduce(low >= 0, axis=1), np.logical_and.reduce(high <= 0, axis=1)
        one_sign = np.asarray(positive | negative)
        near = np.where(np.asarray(positive)[:, None], low, -high)
        exact = simplex_power(np.where(one_sign[:, None], near, 0.0), level, p)
        mean = np.maximum(np.maximum(_mean_down(low), _mean_down(-high)), 0.0)
        jensen = mean**p * (2.0 ** (-level * d) / math.factorial(d))
        lower = np.where(one_sign, exact, jensen) * (1 - slack)
        upper = upper * (1 + slack) + TINY
        return np.where(lower > TINY, lower, 0.0), np.where(upper >= 0.0, upper, np.inf)


def _mean_down(values: FloatArray) -> FloatArray:
    """(n,): at most the mean of each row."""
    n = values.shape[1]
    return np.asarray(values.mean(axis=1) - 2 * n * UNIT * np.abs(values).max(axis=1))
