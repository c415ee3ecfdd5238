"""High-precision grids: mpmath evaluates every residual at many points, which may refute or support, never prove."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from mgdl_theory.errors import OptionError
from mgdl_theory.rigor.interval import outward
from mgdl_theory.rigor.rounding import checked_arithmetic
from mgdl_theory.scheme import Scheme
from mgdl_theory.text import near_text, point_text
from mgdl_theory.verification.record import Report
from mgdl_theory.verification.verdict import Result, Verdict, Witness

RETRIES = 2
"""Experience: doublings of the digits before an objection is taken seriously."""

SEED = 20260123
"""Definition: seed of the random points, fixed so that a run can be repeated."""

LEVEL = 48
"""Experience: points are nodes of this level, finer than the meshes in use, so that f can be enclosed there."""


@dataclass(slots=True)
class _Worst:
    """The largest residual seen, and how near a point came to breaking |e_k| <= |e_(k-1)|."""

    residual: Any = 0
    point: tuple[Fraction, ...] = ()
    comparisons: int = 0
    lost: int = 0


def check_options(points: int, digits: int) -> None:
    """Refuse a grid that cannot be checked."""
    if points < 1 or not 20 <= digits <= 10_000:
        raise OptionError(f"grid: expected at least 1 point and 20 to 10000 digits, got {points} and {digits}")


@checked_arithmetic()
def check_on_grid(
    report: Report,
    points: int = 2000,
    digits: int = 50,
    *,
    seed: int = SEED,
    progress: Callable[[int], None] | None = None,
) -> Result:
    """Compare every residual with what was proved, at about ``points`` grid points and as many random ones.

    At each point the residuals e_0, ..., e_K are computed with ``digits`` digits: f by mpmath, the grades
    by exact rational arithmetic.  A point with |e_k| > |e_(k-1)|, or with |e_k| above its certified bound,
    by more than 10^(10 - digits) max(1, |f|), is an objection if it stands with twice and four times the
    digits; it refutes where the enclosure of f at the point confirms it, and else leaves the run undecided.

    Returns
    -------
    Result
        REFUTED with a witness, UNDECIDED where an objection is not confirmed, or EVIDENCE with the number of
        comparisons and the largest last residual.
    """
    check_options(points, digits)

    scheme, worst = report.scheme, _Worst()
    for number, node in enumerate(_points(scheme.dim, points, seed), 1):
        objection = _check_point(report, node, digits, worst)
        if objection is not None:
            return objection
        if progress:
            progress(number)
    place = point_text(worst.point)
    largest = near_text(float(worst.residual), 8)
    count = 2 * _per_side(scheme.dim, points) ** scheme.dim
    if worst.lost:
        place += f"; {worst.lost} points without a number from mpmath"
    text = (
        f"{count} points, {worst.comparisons} comparisons at {digits} digits, none against; "
        f"largest last residual {largest} at ({place})"
    )
    return Result("grid", Verdict.EVIDENCE, text)


def _check_point(report: Report, node: tuple[int, ...], digits: int, worst: _Worst) -> Result | None:
    """None, or an objection that ``RETRIES`` doublings of the digits did not remove."""
    import mpmath

    totals = _approximants(report.scheme, node)
    for retry in range(RETRIES + 1):
        with mpmath.workdps(digits << retry):
            sizes = _sizes(report, node, totals, digits << retry)
            if not sizes:
                worst.lost += 1
                return None
            grade = _objects(report, sizes)
        if grade is None:
            break
    if grade is not None:
        return _confirm(report, node, grade, totals)
    worst.comparisons += 2 * len(sizes)
    if sizes[-1][0] >= worst.residual:
        worst.residual, worst.point = sizes[-1][0], report.scheme.target.box.point(node, LEVEL)
    return None


def _sizes(report: Report, node: tuple[int, ...], totals: list[Fraction], digits: int) -> list[tuple[Any, Any]]:
    """(|e_k|, what rounding may be) for every grade with a row; empty where mpmath gives no number."""
    import mpmath

    try:
        f = report.scheme.target.mp(report.scheme.target.box.point(node, LEVEL), digits)
    except (ArithmeticError, MemoryError, ValueError):
        return []
    if not mpmath.isfinite(f):
        return []
    slack = mpmath.mpf(10) ** (10 - digits) * max(1, abs(f))
    kept = totals[: len(report.rows)]  # fewer rows where the verification stopped early
    return [(abs(f - mpmath.mpf(total.numerator) / total.denominator), slack) for total in kept]


def _objects(report: Report, sizes: list[tuple[Any, Any]]) -> int | None:
    """The first grade at which the residual grew, or is above its certified bound."""
    import mpmath

    before = mpmath.inf
    for k, (size, slack) in enumerate(sizes):
        if size > before + slack or size > mpmath.mpf(report.rows[k].residual_sup_upper) + slack:
            return k
        before = size
    return None


def _approximants(scheme: Scheme, node: tuple[int, ...]) -> list[Fraction]:
    """The approximant after grades 0, ..., K at one point, exactly."""
    t = [Fraction(i, 1 << LEVEL) for i in node]
    parts = (grade.atoms.exact(t) for grade in scheme.grades)
    return list(itertools.accumulate(parts, initial=Fraction(scheme.lift)))


def _confirm(report: Report, node: tuple[int, ...], k: int, totals: list[Fraction]) -> Result:
    """A refutation only if the enclosure of f at the point shows it too: mpmath's digits carry no bound."""
    target = report.scheme.target
    f = target.values(LEVEL, np.array([node], dtype=np.int64))
    x = target.box.point(node, LEVEL)
    place = point_text(x)
    if not (np.isfinite(f.lo[0]) and np.isfinite(f.hi[0])):
        return Result("grid", Verdict.UNDECIDED, f"mpmath objects at ({place}), grade {k}; f has no enclosure there")
    lo, hi = Fraction(float(f.lo[0])), Fraction(float(f.hi[0]))
    now, earlier = ((lo - total, hi - total) for total in (totals[k], totals[max(k - 1, 0)]))
    certain = max(now[0], -now[1], Fraction(0))
    bound = report.rows[k].residual_sup_upper
    grew = k > 0 and certain > max(-earlier[0], earlier[1])
    if target.certified and (grew or (np.isfinite(bound) and certain > Fraction(bound))):
        witness = Witness(x, k, *((outward(lo)[0], outward(hi)[1]) for lo, hi in (earlier, now)))
        return Result("grid", Verdict.REFUTED, str(witness), witness)
    return Result(
        "grid",
        Verdict.UNDECIDED,
        f"mpmath objects at ({place}), grade {k}, by less than the enclosure of f can confirm",
    )


def _per_side(dim: int, points: int) -> int:
    """Grid points per side, so that the grid has about ``points`` points; at least 2."""
    return max(2, int(0.5 + points ** (1 / dim)))


def _points(dim: int, points: int, seed: int) -> Iterator[tuple[int, ...]]:
    """Nodes of level ``LEVEL`` nearest to a uniform grid with its border, then as many pseudo-random ones."""
    side = _per_side(dim, points)
    for number in range(side**dim):
        yield tuple(((number // side**a % side) << LEVEL) // (side - 1) for a in range(dim))
    source = random.Random(seed)
    for _ in range(side**dim):
        yield tuple(source.getrandbits(LEVEL) for _ in range(dim))
