"""The adaptive level loop that builds a scheme to a tolerance or a budget (theory.md, Sections 3 and 4)."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple, TypedDict, TypeVar, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.archive import UNREADABLE, load, save, versions
from mgdl_theory.atom import SMALLEST, Atoms
from mgdl_theory.contraction import Margins, quantum_floor, quantum_floors
from mgdl_theory.errors import BudgetError, OptionError, SchemeError, TargetError, shown
from mgdl_theory.grade import Front, block_grade, cell_bounds
from mgdl_theory.mesh import MAX_LEVEL, BoolArray, Mesh, children, unique_rows
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.rounding import check_arithmetic, checked_arithmetic, quiet
from mgdl_theory.scheme import LevelRecord, Scheme
from mgdl_theory.targets.base import THETA, Defects, FloatArray, IntArray, Target, exact_number, least_defect
from mgdl_theory.targets.parallel import Batches, Progress, open_executor, spread
from mgdl_theory.targets.vector import VectorTarget, per_component
from mgdl_theory.text import count, down_text, float_text, near_text, range_text, up_text
from mgdl_theory.vector import VectorScheme

FINISH = 0.95
"""Experience: a cell is finished below this part of the tolerance, which leaves room for the defect beside it."""

BLUR = 1.25
"""Experience: where values of f are too uncertain for the tolerance, this multiple of their width is still reached."""

LIFT_BITS = 20
"""Experience: a lift of so many significant bits leaves room for the bits of the coefficients."""

LIFT_GAP = 0.25
"""Experience: distance of the lift from the range of f, in units of the width of the range."""

HOPELESS = 4
"""Experience: a run stops where so many times its budget of atoms is shown to be needed; before, its bound may fall."""

SMALLEST_TOL = 1e-280
"""Experience: far below what binary64 resolves of any target, far above underflow."""

T = TypeVar("T")


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


class ConstructOptions(TypedDict, total=False):
    """Options of ``construct``."""

    lift: Any
    budget: Budget | None
    progress: Progress | None
    workers: int
    executor: Executor | None
    checkpoint: str | os.PathLike[str] | None
    resume: bool


@overload
def construct(target: Target, tol: Any, **options: Unpack[ConstructOptions]) -> Scheme: ...
@overload
def construct(target: VectorTarget, tol: Any, **options: Unpack[ConstructOptions]) -> VectorScheme: ...
@checked_arithmetic()
def construct(
    target: Target | VectorTarget,
    tol: Any,
    *,
    lift: Any = "auto",
    budget: Budget | None = None,
    progress: Progress | None = None,
    workers: int = 1,
    executor: Executor | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
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
        Called with (level, cells enclosed, cells of the level) before the first and after every batch of enclosures;
        for a vector target with the cells of all components together.  What it raises ends the run at once, but a
        KeyboardInterrupt keeps the grades that are finished, as Ctrl-C does.
    workers : int
        Processes that enclose f; the scheme is the same for every number of them.
    executor : concurrent.futures.Executor
        Encloses f instead of processes of its own.
    checkpoint : path
        File to which the state is written after every level.
    resume : bool
        Continue from ``checkpoint``, to the scheme that an uninterrupted run gives; from the start if there is no
        such file yet.

    Returns
    -------
    Scheme, or VectorScheme for a vector target
        ``complete`` is True if the builder's own bounds reach ``tol``; ``mgdl_theory.verify`` proves it.
        After Ctrl-C or an exhausted budget the grades so far, with the reason.
    """
    vector = isinstance(target, VectorTarget)
    components = target.components if isinstance(target, VectorTarget) else (target,)
    if not all(hasattr(f, "defects") for f in components):
        raise OptionError(f"construct: expected a target, such as target('x**2'), got {type(target).__name__}")
    tols = per_component(tol, len(components), "tol") if vector else [tol]
    lifts = per_component(lift, len(components), "lift") if vector else [lift]
    with quiet(), open_executor(workers, executor) as pool:
        parts = [
            _Part.start(f, read_tol(t), c, spread(f, pool)) for f, t, c in zip(components, tols, lifts, strict=True)
        ]
        saved = _Saved.of(checkpoint, resume, parts)
        try:
            reason = _run(parts, budget or Budget(), progress, saved)
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
    level, for d >= 2 the zero set is a surface and the lift is cheaper (theory.md, Section 3).
    """
    if isinstance(lift, str) and lift in ("auto", "none"):
        return (0.0, "no lift was asked for") if lift == "none" else _auto_lift(target)
    try:
        given = float(exact_number(lift))
    except (ValueError, OverflowError):
        given = math.nan
    if not (given == 0 or SMALLEST_TOL < abs(given) < 1 / SMALLEST_TOL):
        raise OptionError(f"lift: expected auto, none or a finite number, got {shown(lift)}")
    c0 = _short(given)
    return c0, "the lift was given" + ("" if c0 == given else f", {float_text(given)} rounded to {LIFT_BITS} bits")


def _short(value: float) -> float:
    """The nearest number of ``LIFT_BITS`` significant bits."""
    part, exponent = math.frexp(value)
    return math.ldexp(round(math.ldexp(part, LIFT_BITS)), exponent - LIFT_BITS)


def _auto_lift(target: Target) -> tuple[float, str]:
    reach = range_bounds(target)
    low, high = float(reach.lo[0]), float(reach.hi[0])
    if low > 0 or high < 0:
        return 0.0, f"no lift: f has no zero, its values lie in {range_text(low, high)}"
    if low == high:
        return 0.0, "no lift: f is constant"
    if target.dim == 1:
        return 0.0, "no lift: with one variable zeros are points and cost a few atoms per level"
    if not math.isfinite(high - low):
        return 0.0, "no lift: no finite range of f is known"
    step = 2.0 ** math.floor(math.log2(max(high - low, 2.0**-1000)) - 3)
    c0 = math.floor((low - LIFT_GAP * (high - low)) / step) * step
    return c0, f"lift: values in {range_text(low, high)} take in 0, and the zero set may be a surface"


def range_bounds(target: Target, cells: int = 1024) -> Interval:
    """Interval (1,) that holds f over the whole box, from one enclosure per cell of a uniform mesh.

    >>> from mgdl_theory.targets.formula.target import ExpressionTarget
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


def relative_tol(target: Target, part: Any, nodes: int = 1024) -> str:
    """A decimal that is at most this part of the range of f, by a certain difference of two of its values.

    >>> from mgdl_theory.targets.formula.target import ExpressionTarget
    >>> relative_tol(ExpressionTarget("3*x - 1"), "0.01")
    '0.03'
    """
    read_tol(part)
    share = exact_number(part if isinstance(part, Fraction | str) else repr(float(part)))
    level = max(1, int(math.log2(nodes)) // target.dim)
    axis = np.arange((1 << level) + 1)
    places = np.stack(np.meshgrid(*[axis] * target.dim, indexing="ij"), axis=-1).reshape(-1, target.dim)
    f = target.values(level, places)
    reach = Fraction(float(f.lo.max())) - Fraction(float(f.hi.min()))
    if not reach > 0:
        raise OptionError(f"rel-tol: {target.text} does not vary at {len(places)} points; give a tolerance")
    return down_text(share * reach, 6)


def live_bytes(dim: int, cells: int, nodes: int) -> int:
    """Estimate of the memory that one level needs, in bytes, by the arrays that are alive at its widest point.

    Experience: 4 numbers per corner of a cell, a table of the 4^d corners of children, and what does not grow so
    with d; the peaks of construct and verify that were measured for d = 1, ..., 11 are 0.6 to 0.9 times this, or
    some 50 MiB.

    >>> live_bytes(2, 1, 4)
    1168
    """
    return 8 * (cells * ((4 << dim) + dim + 16) + nodes * (2 * dim + 16) + (dim << 2 * dim))


def split_bytes(mesh: Mesh, split: int) -> int:
    """Estimate of the memory that the next level needs where so many cells of this one are split, in bytes."""
    dim, everywhere = mesh.dim, ((2 << mesh.level) + 1) ** mesh.dim
    return live_bytes(dim, split << dim, min(split * 3**dim, len(mesh.nodes) << dim, everywhere))


def require_memory(level: int, needed: int, allowed: int) -> None:
    """Raise BudgetError if a level needs more bytes than allowed; said before they are taken."""
    if needed > allowed:
        raise BudgetError(
            f"the next level, {level}, would need about {near_text(needed / 2**30)} GiB of the "
            f"{near_text(allowed / 2**30)} GiB allowed; raise the memory budget or the tolerance"
        )


class _Proposal(NamedTuple):
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
    enclosed : Target
        The target as it is asked for enclosures, which workers may compute.
    finished : float
        The largest bound on a finished cell.
    goal : float
        What the last residual shall not exceed: ``tol``, or more where the values of f are too uncertain.
    reached : bool
        Whether every cell is below ``goal``.
    unfinished : bool (n,)
        Cells of the front that are to be split.
    needed : int
        Nodes of the front where |e| > ``goal``.  Theorem: each needs an atom of its own, since no hat of a finer
        level is nonzero at two of them.
    coarser : Front
        The front that was split last.
    """

    target: Target
    enclosed: Target
    tol: float
    lift: float
    lift_reason: str
    front: Front
    goal: float
    coarser: Front | None = None
    blur: str = ""
    finished: float = 0.0
    upper: float = math.inf
    reached: bool = False
    needed: int = 0
    unfinished: BoolArray = field(default_factory=lambda: np.ones(1, dtype=np.bool_))
    grades: list[Atoms] = field(default_factory=list)
    history: list[LevelRecord] = field(default_factory=list)

    @classmethod
    def start(cls, target: Target, tol: float, lift: Any, enclosed: Target) -> _Part:
        """Level 0."""
        c0, why = choose_lift(target, lift)
        return cls(target, enclosed, tol, c0, why, Front.root(target.dim, c0), tol)

    def propose(self, batches: Batches, patient: bool) -> _Proposal:
        """The grade of the level of the front, where cells may wait for a finer level if ``patient``."""
        mesh = self.front.mesh
        f = batches.values(self.enclosed, mesh.nodes)
        _check_enclosed(f, self.target, mesh)
        defects = batches.defects(self.enclosed, mesh.cells)
        check_arithmetic()  # the callback and the target may be foreign code
        floor = quantum_floor(self.tol)
        margins = Margins.of(defects, mesh.level, floor)
        size = max(abs(self.lift), float(np.maximum(-f.lo, f.hi).max()))  # G lies between the lift and f
        floors = quantum_floors(mesh, margins, floor, self.tol, size)
        finish = FINISH * self.goal if patient else 0.0
        c, after = block_grade(self.front, self.front.residual(f), margins, floors, finish)
        active = np.flatnonzero(c)
        return _Proposal(mesh.nodes[active], c[active], after, f, defects)

    def accept(self, step: _Proposal) -> None:
        """Make the proposed grade one of the scheme, and find the cells that it finishes."""
        self.front = step.after
        mesh, e = self.front.mesh, self.front.residual(step.f)
        bound = cell_bounds(mesh, e, step.defects)
        if width := _blur(e, self.goal):
            known = f"the values of f are only known to within +-{up_text(width / 2, 3)}"
            other = ", or take --engine crival" if getattr(self.target, "engine_name", "") == "numpy" else ""
            self.blur, self.goal = f"{known}, too little for the tolerance; raise it{other}", BLUR * width
        if self.blur:
            self.goal = max(self.goal, BLUR * _stuck(mesh, e, step.defects, self.tol))
        self.unfinished = ~(bound <= FINISH * self.goal)
        self.finished = max(self.finished, float(bound[~self.unfinished].max(initial=0.0)))
        self.upper = max(self.finished, float(bound.max()))
        self.needed = int(np.count_nonzero(np.maximum(e.lo, -e.hi) > self.goal))
        if len(step.c):
            self.grades.append(Atoms(mesh.level, step.nodes, step.c))
        rest = int(self.unfinished.sum())
        self.history.append(LevelRecord(mesh.level, len(mesh.cells), len(step.c), self.upper, rest))

    def require_hope(self, level: int) -> None:
        """Raise BudgetError if no level down to this one can reach ``tol``: a bound is never below the defect."""
        least = least_defect(self.target, level)
        if least > self.tol:
            helps = least_defect(self.target, MAX_LEVEL) <= self.tol
            raise BudgetError(
                f"{self.target.text}: the defect of every cell stays above the tolerance down to level {level}, the "
                f"finest allowed, and below {down_text(least, 3)} no tolerance is in reach; "
                f"raise {'the level or ' if helps else ''}the tolerance, or state a modulus that goes to 0 faster"
            )

    def next_bytes(self) -> int:
        """Estimate of the memory that the next level needs."""
        return split_bytes(self.front.mesh, int(self.unfinished.sum()))

    def heading(self) -> dict[str, str]:
        """What the state depends on; values of f at a few nodes tell functions of the same description apart."""
        told, level = self.target.describe(), 5
        f = self.target.values(
            level, np.outer(np.arange(1, 17), np.arange(3, 3 + self.target.dim)) % ((1 << level) + 1)
        )
        return {
            "target": self.target.text,
            "domain": str(self.target.box),
            "engine": str(told.get("engine", "none")),
            "tol": repr(self.tol),
            "lift": repr(self.lift),
            "description of f": _digest(json.dumps(told, sort_keys=True, default=str).encode()),
            "digest of values of f": _digest(f.lo.tobytes() + f.hi.tobytes()),
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The state after a level; what follows from the options is left out."""
        front, grades = self.front, self.grades
        return {
            "level": np.array(front.mesh.level),
            "cells": front.mesh.cells,
            "nodal": front.nodal,
            "floors": np.stack([front.floor_plus, front.floor_minus]),
            "unfinished": self.unfinished,
            "bounds": np.array([self.goal, self.finished, self.upper]),
            "needed": np.array(self.needed),
            "blur": np.frombuffer(self.blur.encode(), dtype=np.uint8),
            "grade_level": np.array([g.level for g in grades], dtype=np.int64),
            "grade_atoms": np.array([len(g) for g in grades], dtype=np.int64),
            "nodes": np.concatenate([np.zeros((0, self.target.dim), dtype=np.int64), *(g.nodes for g in grades)]),
            "c": np.concatenate([np.zeros(0), *(g.coefficients for g in grades)]),
            "history": np.array([(r.level, r.cells, r.atoms, r.open_cells) for r in self.history], dtype=np.int64),
            "history_upper": np.array([r.residual_sup_upper for r in self.history]),
        }

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take up the state that :meth:`arrays` wrote; ValueError or KeyError where it is none."""
        if any(arrays[name].dtype != np.dtype(kind) for name, kind in STATE.items()):
            raise ValueError("arrays of other types")
        mesh = Mesh.of(arrays["level"].item(), arrays["cells"])
        self.front = Front(mesh, arrays["nodal"], *arrays["floors"])
        self.unfinished = arrays["unfinished"]
        shapes = (self.front.nodal.shape, self.front.floor_plus.shape, self.unfinished.shape)
        if shapes != ((len(mesh.nodes),), (len(mesh.cells),), (len(mesh.cells),)) or mesh.dim != self.target.dim:
            raise ValueError("arrays of different lengths")
        self.goal, self.finished, self.upper = arrays["bounds"].tolist()
        self.needed = arrays["needed"].item()
        self.reached, self.blur = self.upper <= self.goal, arrays["blur"].tobytes().decode()
        ends = np.cumsum(arrays["grade_atoms"])[:-1]
        split = zip(
            arrays["grade_level"].tolist(), np.split(arrays["nodes"], ends), np.split(arrays["c"], ends), strict=False
        )
        self.grades = [Atoms(level, nodes, c) for level, nodes, c in split]
        rows = zip(arrays["history"].tolist(), arrays["history_upper"].tolist(), strict=True)
        self.history = [LevelRecord(level, n, atoms, upper, rest) for (level, n, atoms, rest), upper in rows]

    def scheme(self, reason: str) -> Scheme:
        """The grades so far; ``reason`` says why a part that has not reached its goal had to stop."""
        if self.reached:
            reason = self.blur if self.upper > self.tol else ""
        return Scheme.of(
            self.target, self.lift, self.grades, self.tol, complete=reason == "", reason=reason or "tolerance reached",
            lift_reason=self.lift_reason, history=tuple(self.history),
        )  # fmt: skip


STATE = {
    **dict.fromkeys(("level", "cells", "needed", "grade_level", "grade_atoms", "nodes", "history"), "int64"),
    **dict.fromkeys(("nodal", "floors", "bounds", "c", "history_upper"), "float64"),
    "unfinished": "bool",
    "blur": "uint8",
}
"""Definition: the types of the arrays of a state."""


CHECKPOINT = "mgdl-theory checkpoint 2"
"""Definition: what the heading of a checkpoint says of its form."""


class _Saved(NamedTuple):
    """Where the state of a run is kept after every level, under a heading of all that the run depends on."""

    path: str | os.PathLike[str]
    heading: dict[str, str]

    @classmethod
    def of(cls, path: str | os.PathLike[str] | None, resume: bool, parts: list[_Part]) -> _Saved | None:
        """The place, after the state found there is taken up; None where none is to be kept."""
        if path is None:
            if resume:
                raise OptionError("resume: it needs the name of the checkpoint to continue from")
            return None
        saved = cls(path, {**versions(), **dict(_numbered([part.heading() for part in parts]))})
        if os.path.exists(path):
            if not resume:
                raise OptionError(f"checkpoint: {os.fspath(path)!r} exists; resume from it, or remove it to start anew")
            saved.take_up(parts)
        return saved

    def take_up(self, parts: list[_Part]) -> None:
        """Go on from the state in the file; OptionError where it is none of this run."""
        name = os.fspath(self.path)
        damaged = OptionError(f"checkpoint: {name!r} is damaged or no checkpoint; remove it to start anew")
        try:
            found, arrays = load(self.path, CHECKPOINT)
        except SchemeError:
            raise damaged from None
        except OptionError as error:
            raise OptionError(f"checkpoint: {name!r} cannot be read: {error}") from None
        for key, wanted in self.heading.items():
            if found.get(key) != wanted:
                raise OptionError(
                    f"checkpoint: {name!r} belongs to another run: there {key} is {str(found.get(key))[:80]}, "
                    f"here {wanted[:80]}; take another file, or the options of that run"
                )
        try:
            if len(found) != len(self.heading) + 1:
                raise damaged
            for number, part in enumerate(parts, 1):
                prefix = f"{number}."
                part.restore({key.removeprefix(prefix): arrays[key] for key in arrays if key.startswith(prefix)})
        except UNREADABLE:
            raise damaged from None

    def write(self, parts: list[_Part]) -> None:
        """Keep the state."""
        arrays = dict(_numbered([part.arrays() for part in parts], every=True))
        try:
            save(self.path, {"format": CHECKPOINT, **self.heading}, arrays)
        except OSError as error:
            name, why = os.fspath(self.path), error.strerror or error
            raise OptionError(f"checkpoint: {name!r} cannot be written: {why}") from None


def _numbered(records: list[dict[str, T]], every: bool = False) -> Iterator[tuple[str, T]]:
    """The entries of all records; keys begin with the number of their record where there are several, or always."""
    for number, record in enumerate(records, 1):
        yield from ((f"{number}.{key}" if every or len(records) > 1 else key, value) for key, value in record.items())


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _run(parts: list[_Part], budget: Budget, progress: Progress | None, saved: _Saved | None) -> str:
    """Add grades until every part has reached its goal (returns "") or a budget is met (returns the reason)."""
    dim, left = parts[0].target.dim, budget.atoms - sum(_hats(*same) for same in _levels(parts))
    if 8 * dim * 4**dim > budget.bytes:
        return f"{dim} variables need more than the {near_text(budget.bytes / 2**30)} GiB allowed for a single cell"
    while live := [part for part in parts if not part.reached]:
        if live[0].history:
            try:
                _descend(live, budget)
            except BudgetError:
                _catch_up(live, left, progress)
                raise
        level = live[0].front.mesh.level
        steps = _propose(live, progress, patient=True)
        if max(np.abs(step.c).max(initial=0.0) for step in steps) > 1 / SMALLEST:
            return f"the coefficients at level {level} are beyond 2**1000; scale the function down"
        hats = _hats(level, [step.nodes for step in steps])
        if hats > left:
            del steps
            for part in live:
                part.front = part.coarser or part.front
            _catch_up(live, left, progress)
            return f"the budget of {count(budget.atoms, 'atom')} is used up at level {level}; raise it or the tolerance"
        left -= hats
        _accept(live, steps)
        del steps
        if saved:
            saved.write(parts)
    return ""


def _propose(live: list[_Part], progress: Progress | None, patient: bool) -> list[_Proposal]:
    """The grade of every part at their level."""
    meshes = [part.front.mesh for part in live]
    batches = Batches(progress, meshes[0].level, sum(len(mesh.cells) for mesh in meshes))
    return [part.propose(batches, patient) for part in live]


def _accept(live: list[_Part], steps: list[_Proposal]) -> None:
    for part, step in zip(live, steps, strict=True):
        part.accept(step)
        part.reached = part.upper <= part.goal


def _descend(live: list[_Part], budget: Budget) -> None:
    """Split the unfinished cells of parts whose level is done; BudgetError where that is not allowed."""
    level = live[0].front.mesh.level
    if level >= budget.level:
        if budget.level == MAX_LEVEL:
            raise BudgetError(f"the finest level there is, {MAX_LEVEL}, is reached; ask for a larger tolerance")
        raise BudgetError(f"the finest level allowed, {budget.level}, is reached; raise it or the tolerance")
    for part in live:
        part.require_hope(budget.level)
    needed = max(part.needed for part in live)
    if needed > HOPELESS * budget.atoms:
        raise BudgetError(
            f"the budget of {count(budget.atoms, 'atom')} cannot suffice: at {count(needed, 'node')} of level {level} "
            "the residual is above the tolerance, and a node needs an atom of its own then; raise it or the tolerance"
        )
    require_memory(level + 1, sum(part.next_bytes() for part in live), budget.bytes)
    for part in live:
        part.coarser, part.front = part.front, part.front.split(part.unfinished)


def _catch_up(live: list[_Part], atoms: int, progress: Progress | None) -> None:
    """Where no finer level will come, give the cells that wait for it the grade they left out, if the atoms allow.

    It is a second grade of its level; a run that is resumed with a larger budget goes on without it.
    """
    steps = _propose(live, progress, patient=False)
    if 0 < _hats(live[0].front.mesh.level, [step.nodes for step in steps]) <= atoms:
        for part, step in zip(live, steps, strict=True):
            part.accept(step)


def _levels(parts: list[_Part]) -> Iterator[tuple[int, list[IntArray]]]:
    """The nodes of the grades of all parts, level by level."""
    for level in sorted({grade.level for part in parts for grade in part.grades}):
        yield level, [grade.nodes for part in parts for grade in part.grades if grade.level == level]


def _hats(level: int, nodes: list[IntArray]) -> int:
    """Number of different nodes."""
    return len(nodes[0] if len(nodes) == 1 else unique_rows(np.concatenate(nodes), level))


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


def _stuck(mesh: Mesh, e: Interval, defects: Defects, tol: float) -> float:
    """The largest bound that finer cells will not improve, at nodes that are more uncertain than ``tol``; 0 if none is.

    Such a node v has a cell on which f is known no worse than at v, by its range alone.  The ranges of finer cells at v
    are no narrower than the value at v is, so no grade touches them where |e| is below that width: they keep
    max |e(v)| plus the width.
    """
    width, size = e.hi - e.lo, np.maximum(e.hi, -e.lo)
    by_range = (defects.sag_theta == THETA[0]) & (defects.bulge_theta == THETA[0])
    reach = np.where(by_range, defects.range.hi - defects.range.lo, np.inf)
    lost = (width > tol) & (size > tol) & (np.maximum(e.lo, -e.hi) < width)
    at = (reach[:, None] <= BLUR * width[mesh.corner_node]) & lost[mesh.corner_node]
    return float((size + width)[mesh.corner_node[at]].max(initial=0.0))


def read_tol(tol: Any) -> float:
    """The largest float that is at most the positive number given; a float stands for its shortest decimal.

    >>> read_tol("1/4"), read_tol(1e-4) <= 1e-4
    (0.25, True)
    """
    try:
        exact = exact_number(tol if isinstance(tol, Fraction | str) else repr(float(tol)))
        value = float(exact)
    except Exception:  # noqa: BLE001 - a number of somebody else may raise anything
        exact, value = Fraction(0), math.nan
    if not (math.isfinite(value) and value >= SMALLEST_TOL):
        raise OptionError(f"tol: expected a number greater than 0 (at least {up_text(SMALLEST_TOL)}), got {shown(tol)}")
    return value if value <= exact else math.nextafter(value, 0.0)
