"""The adaptive level loop that builds a scheme to a tolerance or a budget (THEORY 3 and 4)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple, overload

import numpy as np

from mgdl_theory.atom import SMALLEST, Atoms
from mgdl_theory.contraction import Margins, quantum_floor, quantum_floors
from mgdl_theory.errors import BudgetError, OptionError, TargetError
from mgdl_theory.grade import Front, block_grade, cell_bounds
from mgdl_theory.mesh import MAX_LEVEL, BoolArray, Mesh, children, unique_rows
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.scheme import LevelRecord, Scheme
from mgdl_theory.targets.base import Defects, FloatArray, IntArray, Target, exact_number
from mgdl_theory.targets.vector import VectorTarget, per_component
from mgdl_theory.vector import VectorScheme

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


@overload
def construct(
    target: Target, tol: Any, *, lift: Any = "auto", budget: Budget | None = None, progress: Progress | None = None
) -> Scheme: ...


@overload
def construct(
    target: VectorTarget,
    tol: Any,
    *,
    lift: Any = "auto",
    budget: Budget | None = None,
    progress: Progress | None = None,
) -> VectorScheme: ...


def construct(
    target: Target | VectorTarget,
    tol: Any,
    *,
    lift: Any = "auto",
    budget: Budget | None = None,
    progress: Progress | None = None,
) -> Scheme | VectorScheme:
    """Build a multigrade scheme for a target, grade by grade.

    The components of a vector target are built level by level side by side.  Each gets the scheme that it gets
    alone; they have the hats in common that two of them need at one place of one level.

    Parameters
    ----------
    target : Target or VectorTarget
    tol : float, Fraction or str
        Wanted sup-norm of the last residual, > 0; a list has one for each component.
    lift : "auto", "none" or a number
        The constant that grade 0 subtracts (Theorem B); a number is rounded to 20 significant bits.  A list has
        one for each component.
    budget : Budget
        Limits on atoms (hats in common count once), level and memory.
    progress : callable
        Called with a LevelRecord after every level: for a vector target, of the cells of all components together.

    Returns
    -------
    Scheme, or VectorScheme for a vector target
        ``complete`` is True if the builder's own bounds reach ``tol``; ``mgdl_theory.verify`` proves it.
        After Ctrl-C or an exhausted budget the grades so far, with the reason.
    """
    vector = isinstance(target, VectorTarget)
    components = target.components if isinstance(target, VectorTarget) else (target,)
    tols = per_component(tol, len(components), "tol") if vector else [tol]
    lifts = per_component(lift, len(components), "lift") if vector else [lift]
    parts = [_Part.start(f, read_tol(t), c) for f, t, c in zip(components, tols, lifts, strict=True)]
    try:
        reason = _run(parts, budget or Budget(), progress)
    except BudgetError as error:
        reason = str(error)
    except MemoryError:
        reason = "the memory of this machine is exhausted; the grades that were finished are kept"
    except KeyboardInterrupt:
        reason = "interrupted by the user; the grades that were finished are kept"
    schemes = [part.scheme(reason) for part in parts]
    return VectorScheme.of(schemes) if vector else schemes[0]


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


def live_bytes(dim: int, cells: int, nodes: int) -> int:
    """Estimate of the memory that one level needs, in bytes, by the arrays that are alive at its widest point.

    Experience: 8 numbers per corner of a cell, those of the halfway points where it was split, and 2 per cell
    around a node.

    >>> live_bytes(2, 1, 4)
    1130
    """
    size = 1 << dim
    return int(8 * (cells * (dim + 8 * size + 5 * 1.5**dim + 16) + nodes * (2 * size + 2 * dim + 8)))


class _Step(NamedTuple):
    """The grade of one level before it is accepted: its nodes, their coefficients and the front after it."""

    nodes: IntArray
    c: FloatArray
    after: Front
    f: Interval
    defects: Defects


@dataclass(slots=True)
class _Part:
    """One component under construction.

    Attributes
    ----------
    finished : float
        The largest bound on a finished cell.
    goal : float
        What the last residual shall not exceed: ``tol``, or more where the values of f are too uncertain.
    reached : bool
        Whether every cell is below ``goal``.
    unfinished : bool (n,)
        Cells of the front that are to be split.
    """

    target: Target
    tol: float
    lift: float
    lift_reason: str
    front: Front
    goal: float
    blur: str = ""
    finished: float = 0.0
    upper: float = math.inf
    reached: bool = False
    unfinished: BoolArray = field(default_factory=lambda: np.ones(1, dtype=np.bool_))
    grades: list[Atoms] = field(default_factory=list)
    history: list[LevelRecord] = field(default_factory=list)

    @classmethod
    def start(cls, target: Target, tol: float, lift: Any) -> _Part:
        """Level 0."""
        c0, why = choose_lift(target, lift)
        return cls(target, tol, c0, why, Front.root(target.dim, c0), tol)

    def propose(self) -> _Step:
        """The grade of the level of the front."""
        mesh = self.front.mesh
        f = self.target.values(mesh.level, mesh.nodes)
        _check_enclosed(f, self.target, mesh)
        defects = self.target.defects(mesh.level, mesh.cells)
        floor = quantum_floor(self.tol)
        margins = Margins.of(defects, mesh.level, floor)
        size = max(abs(self.lift), float(np.maximum(-f.lo, f.hi).max()))  # G lies between the lift and f
        floors = quantum_floors(mesh, margins, floor, self.tol, size)
        c, after = block_grade(self.front, self.front.residual(f), margins, floors)
        active = np.flatnonzero(c)
        return _Step(mesh.nodes[active], c[active], after, f, defects)

    def accept(self, step: _Step) -> LevelRecord:
        """Make the proposed grade one of the scheme, and find the cells that it finishes."""
        self.front = step.after
        mesh, e = self.front.mesh, self.front.residual(step.f)
        bound = cell_bounds(mesh, e, step.defects)
        if width := _blur(e, self.goal):
            known = f"the values of f are only known to within +-{width / 2:.3g}"
            self.blur, self.goal = f"{known}, too little for the tolerance; raise it", BLUR * width
        self.unfinished = ~(bound <= FINISH * self.goal)
        self.finished = max(self.finished, float(bound[~self.unfinished].max(initial=0.0)))
        self.upper = max(self.finished, float(bound.max()))
        if len(step.c):
            self.grades.append(Atoms(mesh.level, step.nodes, step.c))
        record = LevelRecord(mesh.level, len(mesh.cells), len(step.c), self.upper, int(self.unfinished.sum()))
        self.history.append(record)
        return record

    def next_bytes(self) -> int:
        """Estimate of the memory that the next level needs."""
        mesh, split = self.front.mesh, int(self.unfinished.sum())
        dim, everywhere = mesh.dim, ((2 << mesh.level) + 1) ** mesh.dim
        return live_bytes(dim, split << dim, min(split * 3**dim, len(mesh.nodes) << dim, everywhere))

    def scheme(self, reason: str) -> Scheme:
        """The grades so far; ``reason`` says why a part that has not reached its goal had to stop."""
        if self.reached:
            reason = self.blur if self.upper > self.tol else ""
        return Scheme.of(
            self.target, self.lift, self.grades, self.tol, complete=reason == "", reason=reason or "tolerance reached",
            lift_reason=self.lift_reason, history=tuple(self.history),
        )  # fmt: skip


def _run(parts: list[_Part], budget: Budget, progress: Progress | None) -> str:
    """Add grades until every part has reached its goal (returns "") or a budget is met (returns the reason)."""
    dim, level, total = parts[0].target.dim, 0, 0
    if 8 * dim * 4**dim > budget.bytes:
        return f"{dim} variables need more than the {budget.bytes / 2**30:.1f} GiB allowed for a single cell"
    while True:
        live = [part for part in parts if not part.reached]
        steps = [part.propose() for part in live]
        if max(np.abs(step.c).max(initial=0.0) for step in steps) > 1 / SMALLEST:
            return f"the coefficients at level {level} are beyond 2**1000; scale the function down"
        hats = _hats(level, [step.nodes for step in steps])
        if total + hats > budget.atoms:
            return f"the budget of {budget.atoms} atoms is used up at level {level}; raise it or the tolerance"
        total += hats
        records = [part.accept(step) for part, step in zip(live, steps, strict=True)]
        if progress:
            progress(_together(records, hats))
        for part in live:
            part.reached = part.upper <= part.goal
        rest = [part for part in live if not part.reached]
        if not rest:
            return ""
        if level >= budget.level:
            return f"the finest level allowed, {budget.level}, is reached; raise it or the tolerance"
        needed = sum(part.next_bytes() for part in rest)
        if needed > budget.bytes:
            return (
                f"the next level, {level + 1}, would need about {needed / 2**30:.1f} GiB of the "
                f"{budget.bytes / 2**30:.1f} GiB allowed; raise the memory budget or the tolerance"
            )
        for part in rest:
            part.front = part.front.split(part.unfinished)
        level += 1


def _hats(level: int, nodes: list[IntArray]) -> int:
    """Number of different nodes."""
    return len(nodes[0] if len(nodes) == 1 else unique_rows(np.concatenate(nodes), level))


def _together(records: list[LevelRecord], hats: int) -> LevelRecord:
    """The cells of all components at one level, and the largest of their bounds."""
    return LevelRecord(
        records[0].level,
        sum(record.cells for record in records),
        hats,
        max(record.residual_sup_upper for record in records),
        sum(record.open_cells for record in records),
    )


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
