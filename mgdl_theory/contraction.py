"""Balanced contraction (theory.md, Sections 2 and 3): the laws, and the operator of one grade on nodal values.

g is *balanced* for e if g (e - g) >= 0 pointwise: g has the sign of e and does not overshoot it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from mgdl_theory.errors import OptionError
from mgdl_theory.mesh import BoolArray, Mesh, any_comparable
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.kernels import UNIT
from mgdl_theory.rigor.rounding import quiet, sub_down
from mgdl_theory.targets.base import THETA, Defects, FloatArray

QUANTUM_RATIO = 2.0**-4
"""Definition: coefficients are rounded toward zero to a power of two of at most this part of the margin."""

QUANTUM_PART = 2.0**-6
"""Experience: coefficients need no more than this part of the tolerance in absolute accuracy."""

SPARE_BITS = 3
"""Experience: bits by which an approximant stays clear of the end of binary64."""

MARGIN_PART = 2.0**-4
"""Experience: at level 0 every margin exceeds theta times its defect by this part of the quantum floor."""


def quantum_floor(tol: float) -> float:
    """The power of two at or below ``QUANTUM_PART * tol``, at least 2**-900: the smallest step of coefficients.

    >>> quantum_floor(1.0)
    0.015625
    """
    return math.ldexp(1.0, max(math.frexp(tol)[1] - 1 + math.frexp(QUANTUM_PART)[1] - 1, -900))


def quantum_floors(mesh: Mesh, margins: Margins, floor: float, tol: float, size: float) -> float | FloatArray:
    """The smallest step of the coefficients at each node (m,), or ``floor`` where that serves everywhere.

    Every level to come halves the last bit of the approximant, and about log4(m / tol) levels are to come, m the
    larger margin of a cell.  So a step below u size sqrt(m / tol), u the unit roundoff and ``size`` a bound of the
    approximant, would find no room in binary64; and a step of ``QUANTUM_RATIO`` m costs little.

    >>> mesh, zero, one = Mesh.root(1), np.zeros(1), np.ones(1)
    >>> margins = Margins(zero, zero, zero, one, zero > 0)
    >>> quantum_floors(mesh, margins, 2.0**-50, tol=2.0**-40, size=1.0).tolist() == [2.0**-30, 2.0**-30]
    True
    """
    larger = np.maximum(margins.plus, margins.minus)
    larger = np.where(larger < np.inf, larger, 0.0)

    def needed(m: FloatArray) -> FloatArray:
        return np.minimum(QUANTUM_RATIO * m, 2.0**SPARE_BITS * UNIT * size * np.sqrt(m / tol))

    if not needed(larger.max(keepdims=True)) > floor:
        return floor
    around = mesh.scatter_max(np.broadcast_to(larger[:, None], mesh.corner_node.shape))
    return np.maximum(needed(around), floor)


def is_balanced(g: Any, e: Any) -> BoolArray:
    """Elementwise: g (e - g) >= 0, decided by comparisons (exact for ints, Fractions and floats alike).

    >>> is_balanced(np.array([1, 2, -1]), np.array([1, 1, 1])).tolist()
    [True, False, False]
    """
    return np.asarray(((g >= 0) & (g <= e)) | ((g <= 0) & (g >= e)), dtype=np.bool_)


def check_balanced(g: Sequence[Any], e: Sequence[Any]) -> None:
    """Law check for an operator's output g at e, both given at the same points in exact numbers.

    Checks balancedness and the laws (a) |e| = |g| + |e - g| and (b) |e - g| <= |e|, e (e - g) >= 0.

    Raises
    ------
    OptionError
        At the first point where a law fails, with the point's number and both values.

    >>> check_balanced([0, 1], [2, 1])
    >>> check_balanced([3], [2])
    Traceback (most recent call last):
    mgdl_theory.errors.OptionError: not balanced at point 0: g = 3, e = 2
    """
    if len(g) != len(e):
        raise OptionError(f"g and e must be given at the same points, got {len(g)} and {len(e)} values")
    for k, (gk, ek) in enumerate(zip(g, e, strict=True)):
        rest = ek - gk
        laws = gk * rest >= 0 and abs(ek) == abs(gk) + abs(rest) and abs(rest) <= abs(ek) and ek * rest >= 0
        if not laws:
            raise OptionError(f"not balanced at point {k}: g = {gk}, e = {ek}")


def soft_threshold(e: Any, margin: Any) -> Any:
    """g = sign(e) max(|e| - margin, 0): the balanced contraction of one value, for a margin >= 0.

    The residual e - g is e clipped to [-margin, margin].

    >>> soft_threshold(np.array([3, -1, -5]), 2).tolist()
    [1, 0, -3]
    """
    return e - np.clip(e, -margin, margin)


@dataclass(frozen=True, slots=True)
class Margins:
    """Defects p = sag, n = bulge of n cells with the margins m+ = theta p + s >= p, m- = theta n + s >= n.

    After a grade has touched a simplex from above, e >= m+ - p there (*floor*); the margin condition asks
    that the floor be at least the margin of every later grade that touches it.  ``rough`` marks cells where
    one of the bounds is of order 0, for which no rate of decrease is known.
    """

    sag: FloatArray
    bulge: FloatArray
    plus: FloatArray
    minus: FloatArray
    rough: BoolArray

    @classmethod
    def of(cls, defects: Defects, level: int, floor: float) -> Margins:
        """Margins theta p + s, rounded to nearest, by the factor theta that belongs to the order of each bound.

        The summand s = MARGIN_PART * floor / 2**level keeps every floor above 0, so that a bound that was
        0 and is rounding noise at a later level does not break the margin condition.
        """
        s = MARGIN_PART * floor * 2.0**-level
        with quiet():
            return cls(
                defects.sag,
                defects.bulge,
                np.fmin(defects.sag_theta * defects.sag + s, np.inf),  # no number means no bound
                np.fmin(defects.bulge_theta * defects.bulge + s, np.inf),
                (defects.sag_theta == THETA[0]) | (defects.bulge_theta == THETA[0]),
            )

    @property
    def floor_plus(self) -> FloatArray:
        """(n,) lower bound of e on a simplex that a positive atom touched."""
        return _floor(self.plus, self.sag)

    @property
    def floor_minus(self) -> FloatArray:
        """(n,) lower bound of -e on a simplex that a negative atom touched."""
        return _floor(self.minus, self.bulge)


def balanced_coefficients(
    mesh: Mesh, e: Interval, margins: Margins, ready: BoolArray, floor: float | FloatArray
) -> FloatArray:
    """(m,): the coefficients c of g_l = sum_v c_v phi_{l,v}, 0 at inactive nodes.

    Every simplex T touched by an atom has, at each of its vertices w, 0 <= c_w <= e(w) - m+_T or the
    mirror image with m-_T (Proposition 1), so g_l is balanced for the residual enclosed by ``e`` at the
    nodes.  A node is active only if all cells of Omega around it are in the mesh and ``ready``.
    """
    rising = _one_side(mesh, e.lo, margins.plus, ready, floor)
    falling = _one_side(mesh, -e.hi, margins.minus, ready, floor)
    return rising - falling


_EXPONENT = np.int64(0x7FF << 52)
"""The bits of a positive normal number that are those of the power of two at or below it."""


def quantum(margin: FloatArray, floor: float | FloatArray) -> FloatArray:
    """The power of two to whose multiples a coefficient is rounded toward zero; at least about ``floor``.

    >>> quantum(np.array([1.0, 0.0]), 2.0**-10).tolist()
    [0.0625, 0.0009765625]
    """
    step = np.maximum(QUANTUM_RATIO * margin, floor)
    return np.asarray((step.view(np.int64) & _EXPONENT).view(np.float64))


def violates_vertex_inequality(mesh: Mesh, c: FloatArray, e: Interval, defects: Defects) -> BoolArray:
    """(n,): cells with a touched simplex where ``0 <= c_w <= e(w) - p_T`` or its mirror is not certain at a vertex.

    c and e are given at the nodes, (m,).  Where this is False, g is balanced for e on the whole cell
    (Proposition 1: both sides are linear on T and e >= I_T e - p_T).
    """
    bad, at = np.zeros(len(mesh.cells), dtype=np.bool_), mesh.corner_node
    for g, least, defect in ((c, e.lo, defects.sag), (-c, -e.hi, defects.bulge)):
        touched = g > 0
        if touched.any():
            rest = np.where(g >= 0, sub_down(least, g), -np.inf)  # of the residual, at least
            bad |= _any_corner(any_comparable(touched[at]) & ~(rest[at] >= defect[:, None]))
    return bad


def _one_side(mesh: Mesh, e: FloatArray, margin: FloatArray, ready: BoolArray, floor: float | FloatArray) -> FloatArray:
    if not np.any(e >= 0.0):
        return np.zeros(len(e))
    enough = (e[mesh.corner_node] >= margin[:, None]) & ready[:, None]
    active = mesh.scatter_all(~any_comparable(~enough)) & mesh.star_is_whole
    largest = mesh.scatter_max(np.broadcast_to(margin[:, None], enough.shape))
    step = quantum(np.where(active, largest, 0.0), floor)
    room = np.where(active, sub_down(e, np.where(active, largest, 0.0)), 0.0)
    steps = room / step
    c = np.floor(steps) * step
    if not steps.max() < 2.0**53:
        c = np.where(steps < 2.0**53, c, room)  # theorem: room is a multiple of the step
    return np.maximum(c, 0.0)


def _any_corner(flags: BoolArray) -> BoolArray:
    """(n,): whether a flag of the row (n, 2^d) is set; column by column, because rows are short."""
    first, *others = flags.T
    return reduce(np.logical_or, others, first)


def _floor(margin: FloatArray, defect: FloatArray) -> FloatArray:
    finite = np.isfinite(margin)
    if finite.all():
        return sub_down(margin, defect)
    return np.where(finite, sub_down(np.where(finite, margin, 0.0), np.where(finite, defect, 0.0)), 0.0)
