"""The adaptive level loop that builds a scheme to a tolerance or a budget (THEORY 3 and 4)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from mgdl_theory.atom import SMALLEST, Atoms
from mgdl_theory.contraction import Margins, quantum_floor
from mgdl_theory.errors import BudgetError, OptionError, TargetError
from mgdl_theory.grade import Front, block_grade, cell_bounds
from mgdl_theory.mesh import MAX_LEVEL, Mesh, children
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.scheme import LevelRecord, Scheme
from mgdl_theory.targets.base import Target, exact_number

__all__ = ["FINISH", "Budget", "choose_lift", "construct", "live_bytes", "range_bounds", "read_tol", "tol_text"]

FINISH = 0.95
"""Experience: a cell is finished below this part of the tolerance, which leaves room for the defect beside it."""

BLUR = 1.25
"""Experience: where values of f are too uncertain for the tolerance, this multiple of their width is still reached."""

LIFT_BITS = 20
"""Experience: a lift of so many significant bits leaves room for the bits of the coefficients."""

LIFT_GAP = 0.25
"""Experience: distance of the lift from the range of f, in units of the width of the range."""

SMALLEST_TOL = 1e-280
"""Experience: far below what binary64 resolves of any target, far above underflow."""

Progress = Callable[[LevelRecord], None]


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of a run; where one is met the partial scheme is kept and says so.

    >>> Budget(atoms=10).atoms
    10
    """

    atoms: int = 2_000_000
    level: int = MAX_LEVEL
    bytes: int = 4 << 30

    def __post_init__(self) -> None:
        for name, low, high in (("atoms", 0, 1 << 40), ("level", 0, MAX_LEVEL), ("bytes", 1 << 16, 1 << 50)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise OptionError(f"budget: {name} must be an integer from {low} to {high}, got {value!r}")


def construct(
    target: Target,
    tol: float | Fraction | str,
    *,
    lift: str | float | Fraction = "auto",
    budget: Budget | None = None,
    progress: Progress | None = None,
) -> Scheme:
    """Build a multigrade scheme for a target, grade by grade.

    Parameters
    ----------
    target : Target
    tol : float, Fraction or str
        Wanted sup-norm of the last residual, > 0.
    lift : "auto", "none" or a number
        The constant that grade 0 subtracts (Theorem B); a number is rounded to 20 significant bits.
    budget : Budget
        Limits on atoms, level and memory.
    progress : callable
        Called with a LevelRecord after every level.

    Returns
    -------
    Scheme
        ``complete`` is True if the builder's own bounds reach ``tol``; ``mgdl_theory.verify`` proves it.
        After Ctrl-C or an exhausted budget the grades so far, with the reason.
    """
    tol = read_tol(tol)
    budget = budget or Budget()
    c0, lift_reason = choose_lift(target, lift)
    floor = quantum_floor(tol)
    grades: list[Atoms] = []
    history: list[LevelRecord] = []
    try:
        reason = _run(target, tol, c0, floor, budget, progress, grades, history)
    except BudgetError as error:
        reason = str(error)
    except MemoryError:
        reason = "the memory of this machine is exhausted; the grades that were finished are kept"
    except KeyboardInterrupt:
        reason = "interrupted by the user; the grades that were finished are kept"
    return Scheme.of(
        target, c0, grades, tol, complete=reason == "", reason=reason or "tolerance reached",
        lift_reason=lift_reason, history=tuple(history),
    )  # fmt: skip


def choose_lift(target: Target, lift: str | float | Fraction) -> tuple[float, str]:
    """The constant c0 and the reason for it; "auto" lifts from two variables on, where f may have zeros.

    Near zeros of f the plain mode is of first order.  For d = 1 refining there costs O(1) atoms per
    level, for d >= 2 the zero set is a surface and the lift is cheaper (THEORY 3).
    """
    if isinstance(lift, str) and lift in ("auto", "none"):
        return (0.0, "no lift was asked for") if lift == "none" else _auto_lift(target)
    try:
        given = float(exact_number(lift))
    except (ValueError, OverflowError):
        given = math.nan
    if not (given == 0 or SMALLEST_TOL < abs(given) < 1 / SMALLEST_TOL):
        raise OptionError(f"lift: expected auto, none or a finite number, got {str(lift)[:60]!r}")
    c0 = _short(given)
    return c0, "the lift was given" + ("" if c0 == given else f", {given!r} rounded to {LIFT_BITS} bits")


def _short(value: float) -> float:
    """The nearest number of ``LIFT_BITS`` significant bits."""
    part, exponent = math.frexp(value)
    return math.ldexp(round(math.ldexp(part, LIFT_BITS)), exponent - LIFT_BITS)


def _auto_lift(target: Target) -> tuple[float, str]:
    reach = range_bounds(target)
    low, high = float(reach.lo[0]), float(reach.hi[0])
    if low > 0 or high < 0:
        return 0.0, f"no lift: f has no zero, its values lie in [{low:.6g}, {high:.6g}]"
    if low == high:
        return 0.0, "no lift: f is constant"
    if target.dim == 1:
        return 0.0, "no lift: with one variable zeros are points and cost a few atoms per level"
    if not math.isfinite(high - low):
        return 0.0, "no lift: no finite range of f is known"
    step = 2.0 ** math.floor(math.log2(max(high - low, 2.0**-1000)) - 3)
    c0 = math.floor((low - LIFT_GAP * (high - low)) / step) * step
    return c0, f"lift: values in [{low:.6g}, {high:.6g}] take in 0, and the zero set may be a surface"


def range_bounds(target: Target, cells: int = 1024) -> Interval:
    """Interval (1,) that holds f over the whole box, from one enclosure per cell of a uniform mesh.

    >>> from mgdl_theory.targets.expression import ExpressionTarget
    >>> reach = range_bounds(ExpressionTarget("x*y"))
    >>> float(reach.lo[0]), float(reach.hi[0])
    (0.0, 1.0)
    """
    level = int(math.log2(cells)) // target.dim
    mesh = np.zeros((1, target.dim), dtype=np.int64)
    for _ in range(level):
        mesh = children(mesh)
    reach = target.defects(level, mesh).range
    return Interval(reach.lo.min(keepdims=True), reach.hi.max(keepdims=True))


def live_bytes(mesh: Mesh) -> int:
    """Estimate of the memory that one level needs, in bytes, by the arrays that are alive at its widest point."""
    n, size = mesh.corner_node.shape
    return 8 * int(n * (mesh.dim + 6 * size + 3**mesh.dim + 16) + len(mesh.nodes) * (mesh.dim * (2 * size + 1) + 8))


def _run(
    target: Target,
    tol: float,
    lift: float,
    floor: float,
    budget: Budget,
    progress: Progress | None,
    grades: list[Atoms],
    history: list[LevelRecord],
) -> str:
    """Append grades until every cell is below ``tol`` (returns "") or a budget is met (returns the reason)."""
    if 8 * target.dim * 4**target.dim > budget.bytes:
        return f"{target.dim} variables need more than the {budget.bytes / 2**30:.1f} GiB allowed for a single cell"
    front = Front.root(target.dim, lift)
    finished, total = 0.0, 0
    goal, blur = tol, ""
    while True:
        mesh, level = front.mesh, front.mesh.level
        f = target.values(level, mesh.nodes)
        _check_enclosed(f, target, mesh)
        defects = target.defects(level, mesh.cells)
        margins = Margins.of(defects, level, floor)
        c, after = block_grade(front, front.residual(f), margins, floor)
        atoms = int(np.count_nonzero(c))
        if np.abs(c).max() > 1 / SMALLEST:
            return f"the coefficients at level {level} are beyond 2**1000; scale the function down"
        if total + atoms > budget.atoms:
            return f"the budget of {budget.atoms} atoms is used up at level {level}; raise it or the tolerance"
        front, total = after, total + atoms
        e = front.residual(f)
        bound = cell_bounds(mesh, e, defects)
        if width := _blur(e, goal):
            blur = f"the values of f are only known to within +-{width / 2:.3g}, too little for the tolerance; raise it"
            goal = BLUR * width
        unfinished = ~(bound <= FINISH * goal)
        finished = max(finished, float(bound[~unfinished].max(initial=0.0)))
        upper = max(finished, float(bound.max()))
        if atoms:
            nodes = np.flatnonzero(c)
            grades.append(Atoms(level, mesh.nodes[nodes], c[nodes]))
        record = LevelRecord(level, len(mesh.cells), atoms, upper, int(unfinished.sum()))
        history.append(record)
        if progress:
            progress(record)
        if upper <= goal:
            return blur if upper > tol else ""
        if level >= budget.level:
            return f"the finest level allowed, {budget.level}, is reached; raise it or the tolerance"
        share = float(unfinished.mean()) * 2**mesh.dim  # of cells; nodes grow by no more
        if live_bytes(mesh) * share > budget.bytes:
            return (
                f"the next level, {level + 1}, would need about {live_bytes(mesh) * share / 2**30:.1f} GiB of the "
                f"{budget.bytes / 2**30:.1f} GiB allowed; raise the memory budget or the tolerance"
            )
        front = front.split(unfinished)


def _check_enclosed(f: Interval, target: Target, mesh: Mesh) -> None:
    """A node where f has no finite enclosure can never be finished: say so at once."""
    lost = np.flatnonzero(~(np.isfinite(f.lo) & np.isfinite(f.hi)))
    if len(lost):
        place = ", ".join(str(x) for x in target.box.point(mesh.nodes[lost[0]].tolist(), mesh.level))
        raise TargetError(f"{target.text}: no finite value is known at the point ({place}) of the domain")


def _blur(e: Interval, goal: float) -> float:
    """The largest width of [e.lo, e.hi] at the nodes where no further grade can prove |e| <= goal; 0 if there is none.

    A grade takes at most (e.lo)_+ off e.hi, so that e.hi stays above goal if both it and the width are; the mirror
    image holds for -e.lo.
    """
    width = e.hi - e.lo
    return float(width[(width > goal) & (np.maximum(e.hi, -e.lo) > goal)].max(initial=0.0))


def read_tol(tol: Any) -> float:
    """The largest float that is at most the positive number given; a float stands for its shortest decimal.

    >>> read_tol("1/4"), read_tol(1e-4) <= 1e-4
    (0.25, True)
    """
    try:
        exact = exact_number(tol if isinstance(tol, Fraction | str) else repr(float(tol)))
        value = float(exact)
    except (TypeError, ValueError, OverflowError):
        exact, value = Fraction(0), math.nan
    if not (math.isfinite(value) and value >= SMALLEST_TOL):
        raise OptionError(f"tol: expected a number greater than 0 (at least {SMALLEST_TOL:g}), got {tol!r}")
    return value if value <= exact else math.nextafter(value, 0.0)


def tol_text(tol: float) -> str:
    """The shortest decimal that :func:`read_tol` reads as this number; never below it.

    >>> tol_text(read_tol(1e-4))
    '0.0001'
    """
    texts = (f"{tol:.{digits}g}" for digits in range(1, 18))
    return next((text for text in texts if _reads_as(text, tol)), repr(tol))


def _reads_as(text: str, tol: float) -> bool:
    try:
        return read_tol(text) == tol
    except OptionError:
        return False
