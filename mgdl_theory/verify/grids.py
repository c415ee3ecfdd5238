"""High-precision grids: mpmath evaluates every residual at many points, which may refute or support, never prove."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from mgdl_theory.errors import OptionError
from mgdl_theory.verify.report import Report
from mgdl_theory.verify.verdict import Result, Verdict, Witness

__all__ = ["check_on_grid"]

SEED = 20260123
"""Definition: seed of the random points, fixed so that a run can be repeated."""

COORDINATE_BITS = 40
"""Experience: random points have coordinates k / 2**40, far off every mesh in use."""


@dataclass(slots=True)
class _Worst:
    """The largest residual seen, and how near a point came to breaking |e_k| <= |e_(k-1)|."""

    residual: Any = 0
    point: tuple[Fraction, ...] = ()
    comparisons: int = 0


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
    refutes; differences below 10^(10 - digits) max(1, |f|) are rounding of mpmath and refute nothing.

    Returns
    -------
    Result
        REFUTED with a witness, or EVIDENCE with the number of comparisons and the largest last residual.
    """
    if points < 1 or not 20 <= digits <= 10_000:
        raise OptionError(f"grid: expected at least 1 point and 20 to 10000 digits, got {points} and {digits}")
    import mpmath

    scheme, worst = report.scheme, _Worst()
    with mpmath.workdps(digits):
        for number, t in enumerate(_points(scheme.dim, points, seed), 1):
            refuted = _check_point(report, t, digits, worst)
            if refuted is not None:
                return Result("grid", Verdict.REFUTED, str(refuted), refuted)
            if progress:
                progress(number)
        place = ", ".join(f"{float(x):.9g}" for x in worst.point)
        largest = mpmath.nstr(worst.residual, 8)
    count = 2 * _per_side(scheme.dim, points) ** scheme.dim
    text = (
        f"{count} points, {worst.comparisons} comparisons at {digits} digits, none against; "
        f"largest last residual {largest} at ({place})"
    )
    return Result("grid", Verdict.EVIDENCE, text)


def _check_point(report: Report, t: tuple[Fraction, ...], digits: int, worst: _Worst) -> Witness | None:
    import mpmath

    scheme = report.scheme
    box = scheme.target.box
    x = tuple(lo + (hi - lo) * s for lo, hi, s in zip(box.lower, box.upper, t, strict=True))
    f = scheme.target.mp(x, digits)
    slack = mpmath.mpf(10) ** (10 - digits) * max(1, abs(f))
    before, total = None, Fraction(scheme.lift)
    for k, row in enumerate(report.rows):
        if k:
            total += scheme.grades[k - 1].atoms.exact(list(t))
        e = f - mpmath.mpf(total.numerator) / total.denominator
        grew = before is not None and abs(e) > abs(before) + slack
        if grew or abs(e) > mpmath.mpf(row.residual_sup_upper) + slack:
            pair = (float(e), float(e))
            earlier = pair if before is None else (float(before), float(before))
            return Witness(x, k, earlier, pair)
        worst.comparisons += 2
        before = e
    if abs(before) >= worst.residual:
        worst.residual, worst.point = abs(before), x
    return None


def _per_side(dim: int, points: int) -> int:
    """Grid points per side, so that the grid has about ``points`` points; at least 2."""
    return max(2, round(points ** (1 / dim)))


def _points(dim: int, points: int, seed: int) -> Iterator[tuple[Fraction, ...]]:
    """A uniform grid with its border, then as many pseudo-random points."""
    side = _per_side(dim, points)
    for number in range(side**dim):
        yield tuple(Fraction(number // side**a % side, side - 1) for a in range(dim))
    source = random.Random(seed)
    for _ in range(side**dim):
        yield tuple(Fraction(source.getrandbits(COORDINATE_BITS), 1 << COORDINATE_BITS) for _ in range(dim))
