"""Removable gaps: planes x_axis = a on which a formula is undefined and has a limit, which is proved and enclosed.

The target of such a formula is the continuous function that equals it elsewhere; there is one at most, since the gaps
have no interior.  A gap is found as a place around which enclosures fail, opened by one exact computation
(:func:`open_gap`), and from then on the cells near it are enclosed by local expansions (:func:`enclose`); where the
formula is enclosed directly as well, the two are met.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.errors import AssumptionError
from mgdl_theory.rigor.exact import Exact, ExactAlgebra, TooLargeError, evaluate
from mgdl_theory.rigor.interval import Engine, Interval
from mgdl_theory.rigor.jet import Jet, JetAlgebra
from mgdl_theory.rigor.rounding import quiet
from mgdl_theory.targets.base import Box
from mgdl_theory.targets.formula.graph import Program
from mgdl_theory.targets.formula.local import EnclosingLocal, ExactLocal, Laurent, NoLimitError, VanishedError, run

TERMS = range(4, 17)
"""Experience: coefficients of an expansion, raised while everything known vanishes or too few remain."""

ENOUGH = 6
"""Experience: coefficients that the formula should keep: three for its second derivative, three for sharpness."""

CLOSE = 64.0
"""Experience: an expansion is worth it where (distance from the gap)**(zeros + 2) is not longer than so many cells."""

POINT = 2.0**-28
"""Experience: a node counts as a cell of this size, in units of the reach, since its direct value may cancel."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A plane x_axis = at, or a point of one variable, over which a formula extends continuously.

    Attributes
    ----------
    terms : int
        Coefficients kept.
    tapes : {side: answers}
        What the exact computation decided, for both sides in one (side 0) or for each (1 and -1).
    limit : Exact
        The value on the plane, a function of the other coordinates.
    """

    axis: int
    at: Fraction
    terms: int
    tapes: Mapping[int, tuple[int, ...]]
    limit: Exact

    @property
    def zeros(self) -> int:
        """The largest number of coefficients that cancelled."""
        return max([1, *(answer for tape in self.tapes.values() for answer in tape)])


def open_gap(program: Program, box: Box, engine: Engine, axis: int, at: Fraction) -> Gap:
    """The gap at this plane, its limit shown to exist.

    Raises
    ------
    NoLimitError
        Where no limit is shown, with the reason.

    >>> from mgdl_theory.rigor.engines import get_engine
    >>> from mgdl_theory.targets.formula.parser import parse
    >>> gap = open_gap(parse("(x**2 - 1)/(x - 1)"), Box.of([0, 2]), get_engine(), 0, Fraction(1))
    >>> gap.limit.rational
    Fraction(2, 1)
    """
    found, why = None, NoLimitError("it has no expansion there")
    for terms in TERMS:
        try:
            found, kept = _expansion(program, box, engine, axis, at, terms)
        except VanishedError as reason:
            why = reason
            continue
        except TooLargeError:
            break
        except (NoLimitError, ZeroDivisionError) as reason:
            why = reason if isinstance(reason, NoLimitError) else NoLimitError("something is divided by 0 there")
            break
        if kept >= ENOUGH:
            break
    if found is None:
        raise why
    return found


def _expansion(program: Program, box: Box, engine: Engine, axis: int, at: Fraction, terms: int) -> tuple[Gap, int]:
    """The gap with this many terms, and how many of them the formula keeps."""
    try:
        tape, limit, kept = _exactly(program, box, engine, axis, at, terms, 0)
        return Gap(axis, at, terms, {0: tape}, limit), kept
    except VanishedError:
        raise
    except NoLimitError:
        sides = [side for side, there in ((1, at < box.upper[axis]), (-1, at > box.lower[axis])) if there]
        each = {side: _exactly(program, box, engine, axis, at, terms, side) for side in sides}
    limits = [limit for _, limit, _ in each.values()]
    if any(limit.key != limits[0].key for limit in limits):
        raise NoLimitError("the limits from the two sides differ there, or are not shown to be equal")
    tapes = {side: tape for side, (tape, _, _) in each.items()}
    return Gap(axis, at, terms, tapes, limits[0]), min(kept for _, _, kept in each.values())


def _exactly(
    program: Program, box: Box, engine: Engine, axis: int, at: Fraction, terms: int, side: int
) -> tuple[tuple[int, ...], Exact, int]:
    """The answers, the limit and the number of terms kept, in exact numbers."""
    sides = {n: enclosing(a, b) for n, a, b in zip(program.variables, box.lower, box.upper, strict=True)}

    def sign(x: Exact) -> int:
        with quiet():
            value = evaluate(x, engine, sides)
        return int(value.lo[0] > 0) - int(value.hi[0] < 0)

    A = ExactAlgebra()
    local = ExactLocal(terms, side, sign)

    def variable(k: int) -> Laurent:
        if k == axis:
            return local.coordinate(A.const(at))
        return local.constant(Exact.letter("coordinate", program.variables[k]))

    root = run(program, local, variable)
    if isinstance(root, Laurent):
        c = local.series(root)
        return tuple(local.tape), local.S.first(c), len(c)
    limit = local.flat(root)
    return tuple(local.tape), limit, ENOUGH


def enclosing(low: Fraction, high: Fraction) -> Interval:
    """The interval (1,) from one number to another.

    >>> enclosing(Fraction(0), Fraction(1, 4)).hi.tolist()
    [0.25]
    """
    return _hull(Interval.exact(low), Interval.exact(high))


# -- where -----------------------------------------------------------------------------------------


def near(gap: Gap, gaps: Sequence[Gap], box: Box, sides: Sequence[Interval]) -> NDArray[np.bool_]:
    """Cells that are close to a gap for their size: the direct enclosures of a quotient are coarse there."""
    x, a = sides[gap.axis], Interval.exact(gap.at)
    others = [abs(float(g.at - gap.at)) / 2 for g in gaps if g.axis == gap.axis and g.at != gap.at]
    reach = min([float(box.upper[gap.axis] - box.lower[gap.axis]), *others])
    away = np.maximum(np.maximum(x.lo - a.hi, a.lo - x.hi), 0.0)
    share = away / reach
    size = np.maximum((x.hi - x.lo) / reach, POINT)
    close = (share <= 1.0) & (share ** (gap.zeros + 2) <= CLOSE / 4 * size)
    return np.asarray(close | (away == 0))


# -- enclosing -------------------------------------------------------------------------------------


def enclose(
    gap: Gap, program: Program, engine: Engine, box: Box, sides: Sequence[Interval]
) -> tuple[Jet, NDArray[np.bool_]]:
    """The jet of the extended formula on cells, in unit coordinates, and where nothing is known of it."""
    x, a = sides[gap.axis], Interval.exact(gap.at)
    parts = []
    for side in gap.tapes:
        own = x
        if side > 0:
            own = Interval(np.maximum(x.lo, a.lo), np.maximum(x.hi, a.hi))
        elif side < 0:
            own = Interval(np.minimum(x.lo, a.lo), np.minimum(x.hi, a.hi))
        cells = [own if k == gap.axis else other for k, other in enumerate(sides)]
        parts.append(_one_side(gap, side, program, engine, box, cells))
    jet, lost = parts[0]
    if len(parts) == 2:
        jet, lost = _joined(x.lo >= a.hi, x.hi <= a.lo, *parts)
    return _in_units(jet, gap.axis, engine, box.width(gap.axis)), np.asarray(lost)


def _joined(right: Any, left: Any, above: tuple[Jet, Any], below: tuple[Jet, Any]) -> tuple[Jet, Any]:
    """Each side where a cell lies on it; across, hulls of value and slope, and nothing of the curvature (Lemma 26)."""
    (p, gone), (q, lost) = above, below
    zero = Interval(np.zeros(1), np.zeros(1))

    def picked(u: Interval, v: Interval, across: Interval) -> Interval:
        lo = np.where(right, u.lo, np.where(left, v.lo, across.lo))
        return Interval(lo, np.where(right, u.hi, np.where(left, v.hi, across.hi)))

    nothing = Interval(np.full(1, -np.inf), np.full(1, np.inf))
    grad = {}
    for k in sorted({*p.grad, *q.grad}):
        u, v = p.grad.get(k, zero), q.grad.get(k, zero)
        grad[k] = picked(u, v, _hull(u, v))
    hess = {k: picked(p.hess.get(k, zero), q.hess.get(k, zero), nothing) for k in sorted({*p.hess, *q.hess})}
    return Jet(picked(p.value, q.value, _hull(p.value, q.value)), grad, hess), np.where(
        right, gone, np.where(left, lost, gone | lost)
    )


def _hull(a: Interval, b: Interval) -> Interval:
    return Interval(np.minimum(a.lo, b.lo), np.maximum(a.hi, b.hi))


def _in_units(jet: Jet, axis: int, engine: Engine, width: Interval) -> Jet:
    """The other axes are in unit coordinates already."""
    grad, hess = dict(jet.grad), dict(jet.hess)
    if axis in grad:
        grad[axis] = engine.mul(grad[axis], width)
    for pair in [pair for pair in hess if axis in pair]:
        scale = engine.sqr(width) if pair == (axis, axis) else width
        hess[pair] = engine.mul(hess[pair], scale)
    return Jet(jet.value, grad, hess)


def _one_side(
    gap: Gap, side: int, program: Program, engine: Engine, box: Box, cells: Sequence[Interval]
) -> tuple[Jet, Any]:
    """Coefficients over the hull, met with the centred form of those on the plane (Lemma 21)."""
    x, a = cells[gap.axis], Interval.exact(gap.at)
    hull = Interval(np.minimum(x.lo, a.lo), np.maximum(x.hi, a.hi))
    s = engine.sub(hull, a)
    if side:
        s = Interval(np.maximum(s.lo, 0.0), s.hi) if side > 0 else Interval(s.lo, np.minimum(s.hi, 0.0))

    def expansion(values: Interval, distance: Interval | None) -> tuple[Any, EnclosingLocal]:
        local = EnclosingLocal(engine, range(box.dim), gap.axis, distance, gap.terms, side, gap.tapes[side])

        def variable(k: int) -> Laurent:
            if k == gap.axis:
                return local.coordinate(Jet(values))
            return local.constant(local.A.variable(k, cells[k], box.width(k)))

        return run(program, local, variable), local

    root, wide = expansion(hull, s)
    if not isinstance(root, Laurent):
        return wide.flat(root), wide.lost
    c = wide.series(root)
    point, narrow = expansion(a, None)
    centred = _centred(c, narrow.series(point), engine.sub(x, a), engine)
    return _met(wide.jet(c), wide.jet(centred), engine), wide.lost | narrow.lost


def _centred(c: Sequence[Any], p: Sequence[Any], s: Interval, engine: Engine) -> list[Any]:
    """Enclosures of f_0, f_1, f_2 from coefficients p on the plane and the last one of c over the hull."""
    J, n = JetAlgebra(engine), min(len(c), len(p)) - 1
    powers = [engine.const(1), s, *(engine.powi(s, i) for i in range(2, n + 1))]
    out: list[Any] = []
    for j in range(min(3, n + 1)):
        given = [*p[:n], c[n]]
        terms = [
            J.mul(J.mul(J.const(comb(i + j, j)), x), Jet(powers[i]))
            for i in range(n - j + 1)
            if (x := given[i + j]) is not None
        ]
        total = None
        for term in terms:
            total = term if total is None else J.add(total, term)
        out.append(total)
    return out


def _met(p: Jet, q: Jet, engine: Engine) -> Jet:
    """The common part of two jets of one function; a key that is missing is 0."""
    zero = Interval(np.zeros(1), np.zeros(1))
    grad = {k: engine.meet(p.grad.get(k, zero), q.grad.get(k, zero)) for k in sorted({*p.grad, *q.grad})}
    hess = {k: engine.meet(p.hess.get(k, zero), q.hess.get(k, zero)) for k in sorted({*p.hess, *q.hess})}
    return Jet(engine.meet(p.value, q.value), grad, hess)


def extended(
    gaps: Sequence[Gap], program: Program, engine: Engine, box: Box, sides: Sequence[Interval], jet: Jet, lost: Any
) -> tuple[Jet, NDArray[np.bool_]]:
    """The jet of a formula over its gaps, from what is known directly, ``lost`` where that is nothing."""
    n = np.broadcast_shapes(*(side.shape for side in sides))[0]
    lost = np.array(np.broadcast_to(lost, n))

    def spread(x: Interval) -> Interval:
        return Interval(np.array(np.broadcast_to(x.lo, n)), np.array(np.broadcast_to(x.hi, n)))

    grad = {k: spread(x) for k, x in jet.grad.items()}
    hess = {k: spread(x) for k, x in jet.hess.items()}
    value = spread(jet.value)
    zero = Interval(np.zeros(1), np.zeros(1))
    for gap in gaps:
        at = np.flatnonzero(np.broadcast_to(near(gap, gaps, box, sides), n))
        if not len(at):
            continue
        part = [Interval(np.broadcast_to(x.lo, n)[at], np.broadcast_to(x.hi, n)[at]) for x in sides]
        own, gone = enclose(gap, program, engine, box, part)
        gone = np.broadcast_to(gone | ~(np.isfinite(own.value.lo) & np.isfinite(own.value.hi)), len(at))
        _narrow(value, own.value, at, lost[at], gone)
        for k, slope in grad.items():
            _narrow(slope, own.grad.get(k, zero), at, lost[at], gone)
        for pair, bend in hess.items():
            _narrow(bend, own.hess.get(pair, zero), at, lost[at], gone)
        lost[at] &= gone
    return Jet(value, grad, hess), lost


def _narrow(old: Interval, new: Interval, at: NDArray[np.int64], was_lost: Any, gone: Any) -> None:
    """Write into ``old`` what both say of these cells."""
    nothing = was_lost | np.isnan(old.lo[at]) | np.isnan(old.hi[at])
    lo = np.maximum(np.where(nothing, -np.inf, old.lo[at]), np.where(gone, -np.inf, new.lo))
    hi = np.minimum(np.where(nothing, np.inf, old.hi[at]), np.where(gone, np.inf, new.hi))
    if not (lo <= hi).all():
        raise AssumptionError("two enclosures of the same number do not meet")
    old.lo[at], old.hi[at] = lo, hi


# -- finding ---------------------------------------------------------------------------------------

DEEPEST = {1: 29, 2: 10, 3: 7}
"""Experience: levels of the search for a gap, by dimension."""

MOST_PLACES = 64
"""Experience: places looked at in one search."""

MOST_CELLS = 40_000
"""Experience: cells of one level of the search."""


def unclear(target: Any) -> tuple[int, NDArray[np.int64]] | None:
    """The last level searched and its cells on which nothing is known of a target; None where there are none."""
    d = target.dim
    start = 8 // d
    offsets = np.array(list(product((0, 1), repeat=d)), dtype=np.int64)
    cells = np.array(list(product(range(1 << start), repeat=d)), dtype=np.int64)
    found = None
    with quiet():
        for level in range(start, DEEPEST.get(d, start + 1)):
            reach = target.ranges(level, cells)
            bad = ~(np.isfinite(reach.lo) & np.isfinite(reach.hi))
            if not bad.any():
                return None
            found = level, cells[bad]
            if int(bad.sum()) << d > MOST_CELLS:
                break
            cells = (2 * found[1][:, None, :] + offsets).reshape(-1, d)
    return found


def candidates(target: Any) -> list[tuple[int, Fraction]]:
    """Planes around which nothing is known of a target: the simplest number in each cluster of such cells.

    Their axis is the one along which the fewest different cells are left.  The simplest of all come first, and
    :data:`MOST_PLACES` of them at most.
    """
    found = unclear(target)
    if found is None:
        return []
    level, cells = found
    axis = int(np.argmin([len(np.unique(cells[:, k])) for k in range(target.dim)]))
    places = np.unique(cells[:, axis])
    low: Fraction = target.box.lower[axis]
    width: Fraction = target.box.upper[axis] - low

    def at(i: int) -> Fraction:
        return low + width * Fraction(i, 1 << level)

    clusters = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
    numbers = [simplest(at(int(own[0])), at(int(own[-1]) + 1)) for own in clusters]
    return [(axis, place) for place in sorted(numbers, key=lambda q: (q.denominator, q))[:MOST_PLACES]]


def simplest(low: Fraction, high: Fraction) -> Fraction:
    """The rational in [low, high] with the smallest denominator, by continued fractions.

    >>> simplest(Fraction(5, 16), Fraction(3, 8))
    Fraction(1, 3)
    """
    whole = -(-low // 1)
    if whole <= high:
        return Fraction(min(max(0, whole), high // 1))
    below = whole - 1
    return below + 1 / simplest(1 / (high - below), 1 / (low - below))
