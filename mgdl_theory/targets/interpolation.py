"""The three bounds of the interpolation defects of f on a cell, from a jet enclosure (theory.md, Section 1).

A point x of a Freudenthal simplex T with vertices v is the mean of a random vertex V of T whose
coordinates are comonotone two-point variables on the ends of the cell's sides, so that
I_T f(x) - f(x) = E f(V) - f(E V).  With h the side of the cell, in unit coordinates:

order 2
    Var V_a and Cov(V_a, V_b) lie in [0, h^2/4].  With H an enclosure of the Hessian of f, in the sense of
    distributions (at a convex kink the upper end is inf),
    sag = (h^2/8) [sum_a (sup H_aa)_+ + sum_{a != b} ((mid H_ab)_+ + rad H_ab)], bulge the same for -H.
order 1
    E |V_a - x_a| <= h/2.  With D_a an enclosure of the generalised partial derivative, and
    the affine function with slopes mid D_a taken off, sag = bulge = (h/2) sum_a rad D_a.
order 0
    sag = bulge = width of an enclosure of f on the cell.

The proofs are in docs/expressions.md and docs/theory.md (Lemmas 5 to 8).
"""

from __future__ import annotations

import numpy as np

from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.jet import Jet
from mgdl_theory.rigor.rounding import add_up, sub_up, up
from mgdl_theory.targets.base import FloatArray

_NORMAL = 2.0**-1000
"""Definition: a product with a power of two that is at least this did not underflow, so it is exact."""


def second_order(jet: Jet, level: int) -> tuple[FloatArray, FloatArray]:
    """Order-2 bounds (sag, bulge) on cells of a level, each (n,) or (1,); inf where the Hessian does not tell.

    An entry that is infinite on one side only leaves the other side's bound finite on the diagonal.
    Since mid + rad = sup, the two entries a != b give 2 ((mid)_+ + rad) = max(2 sup, width).

    >>> from mgdl_theory.rigor.interval import Interval
    >>> two = Interval(np.array([2.0]), np.array([2.0]))  # f = t^2: I f - f = h^2/4 in the middle of a cell
    >>> sag, bulge = second_order(Jet(two, {0: two}, {(0, 0): two}), level=1)
    >>> float(sag[0]), float(bulge[0])
    (0.0625, 0.0)
    """
    sags, bulges = [], []
    for (a, b), entry in jet.hess.items():
        if a == b:
            sags.append(np.maximum(entry.hi, 0.0))
            bulges.append(np.maximum(-entry.lo, 0.0))
        else:
            width = sub_up(entry.hi, entry.lo)
            sags.append(np.maximum(2.0 * entry.hi, width))
            bulges.append(np.maximum(-2.0 * entry.lo, width))
    scale = 2.0 ** (-2 * level - 3)
    return _scaled_sum(sags, scale), _scaled_sum(bulges, scale)


def first_order(jet: Jet, level: int) -> FloatArray:
    """Order-1 bound (n,) or (1,) of sag and bulge; inf where a derivative is unbounded or does not exist.

    >>> from mgdl_theory.rigor.interval import Interval
    >>> slope = Interval(np.array([-1.0]), np.array([1.0]))  # f = |t - 1/2| on [0, 1]
    >>> float(first_order(Jet(slope, {0: slope}, {}), level=0)[0])
    0.5
    """
    return _scaled_sum([sub_up(entry.hi, entry.lo) for entry in jet.grad.values()], 2.0 ** (-level - 2))


def range_order(reach: Interval) -> FloatArray:
    """Order-0 bound of sag and bulge: the width of the range.

    >>> from mgdl_theory.rigor.interval import Interval
    >>> float(range_order(Interval(np.array([1.0]), np.array([3.0])))[0])
    2.0
    """
    width = sub_up(reach.hi, reach.lo)
    return np.where(width >= 0.0, width, np.inf)


def smallest(n: int, *bounds: tuple[FloatArray | float, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """(theta, p) with the smallest margin theta p on each of n cells, from such pairs.

    Any choice is sound; a tie goes to the first.

    >>> theta, p = smallest(2, (1.5, np.array([3.0, np.inf])), (4.0, np.array([2.0])))
    >>> theta.tolist(), p.tolist()
    ([1.5, 4.0], [3.0, 2.0])
    """
    (first, p), *others = bounds
    theta, best = np.full(n, first), np.broadcast_to(p, n)
    for other, p in others:
        better = other * p < theta * best
        if np.count_nonzero(better):
            theta, best = np.where(better, other, theta), np.where(better, p, best)
    return theta, best


def _scaled_sum(terms: list[FloatArray], scale: float) -> FloatArray:
    """Upper bound of scale times a sum of nonnegative terms; scale is a power of two; NaN becomes inf; 0 stays 0."""
    if not terms:
        return np.zeros(1)
    total = terms[0]
    for term in terms[1:]:
        total = add_up(total, term)
    product = total * scale
    if not np.all((product >= _NORMAL) | (total == 0.0)):
        product = np.where(total > 0.0, up(product), product)
        product = np.where(total >= 0.0, product, np.inf)
    return product
