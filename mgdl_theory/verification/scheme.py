"""Claims x scheme -> verdicts, over the whole domain.

The verifier takes the target, the lift and the atoms, and recomputes everything else: it lays its own
mesh of dyadic cells, replays the grades on it in exact arithmetic, encloses f at the nodes and its
defects on the cells, and decides every claim from these enclosures.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import takewhile
from typing import Any

import numpy as np

from mgdl_theory.construction import FINISH, Budget, read_tol, require_memory, split_bytes
from mgdl_theory.contraction import QUANTUM_RATIO, Margins, quantum_floor, violates_vertex_inequality
from mgdl_theory.errors import AssumptionError, BudgetError, OptionError
from mgdl_theory.grade import Front, Grade, cell_bounds, waiting
from mgdl_theory.levels import cells_to_split
from mgdl_theory.mesh import MAX_LEVEL, BoolArray, Mesh, mark_rows
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.rounding import (
    add_up,
    check_arithmetic,
    checked_arithmetic,
    exact_sum,
    quiet,
    sub_down,
    sub_up,
    up,
)
from mgdl_theory.scheme import Scheme, block_width, grade_depth
from mgdl_theory.targets.base import Defects, FloatArray, Target
from mgdl_theory.targets.parallel import Batches, Progress, open_executor, spread
from mgdl_theory.text import bounds_texts, down_text, near_text, range_text, ranges_text, tol_text, up_text
from mgdl_theory.verification.norms import PowerIntegral, cell_powers
from mgdl_theory.verification.record import GradeRow, LeafBlock, Report
from mgdl_theory.verification.subdivision import Doubt, Outcome
from mgdl_theory.verification.verdict import Result, Verdict, Witness

EXTRA_LEVELS = 10
"""Experience: levels below the last that was built to which cells are split when their bound misses the tolerance."""

EXTRA_CELLS = 200_000
"""Experience: cells that such a refinement may cost, beside 16 for every atom."""

PEAK_CELLS, NEAR_PEAK = 256, 0.98
"""Experience: so many centres of cells with nearly the largest bound are looked at for a large residual."""

ENOUGH = 0.999
"""Experience: a residual of this part of its bound is not looked for any further."""


@checked_arithmetic()
def verify_scheme(
    scheme: Scheme,
    tol: Any = None,
    *,
    target: Target | None = None,
    norms: Sequence[int] = (),
    budget: Budget | None = None,
    progress: Progress | None = None,
    workers: int = 1,
    executor: Executor | None = None,
) -> Report:
    """Decide every claim about a scheme over the whole domain; for the options see ``mgdl_theory.verify``."""
    started = time.perf_counter()
    if target is not None:
        if target.box != scheme.target.box:
            raise OptionError("the target lives on another domain than the scheme")
        scheme = replace(scheme, target=target)
    bound = read_tol(tol) if tol is not None else scheme.tol if scheme.asked else None
    if any(type(p) is not int or not 1 <= p <= 64 for p in norms):
        raise OptionError(f"norms: expected integers from 1 to 64, got {list(norms)!r}")
    with quiet(), open_executor(workers, executor) as pool:
        sweep = _Sweep(scheme, spread(scheme.target, pool), bound, tuple(dict.fromkeys(norms)), progress)
        sweep.run((budget or Budget()).bytes)
    report = sweep.report(time.perf_counter() - started)
    return report if scheme.target.certified else report.as_evidence()


Powers = dict[int, PowerIntegral]
"""Integrals of |e|^p by p."""


@dataclass(frozen=True, slots=True)
class _Peak:
    """A point where the residual is certainly large: |e| >= lower there, e in [lo, hi]."""

    lower: float = 0.0
    node: tuple[int, ...] = ()
    level: int = 0
    enclosure: tuple[float, float] = (0.0, 0.0)

    def point(self, target: Target) -> tuple[Fraction, ...]:
        return target.box.point(self.node, self.level) if self.node else ()

    def witness(self, target: Target, grade: int) -> Witness:
        return Witness(target.box.point(self.node, self.level), grade, self.enclosure, self.enclosure)


@dataclass(slots=True)
class _Leaves:
    """What is known of the cells that no later grade touches; their bounds are final."""

    count: int = 0
    upper: float = 0.0
    peak: _Peak = _Peak()
    blocks: list[LeafBlock] = field(default_factory=list)

    def add(self, mesh: Mesh, bound: FloatArray, leaf: BoolArray, peak: _Peak) -> None:
        self.blocks.append(LeafBlock(mesh.level, mesh.cells[leaf], bound[leaf]))
        self.count += int(leaf.sum())
        self.upper = max(self.upper, float(bound[leaf].max(initial=0.0)))
        self.peak = max(self.peak, peak, key=lambda p: p.lower)


class _Sweep:
    """One pass over the levels: replays the grades on the verifier's own mesh and collects what is certified."""

    def __init__(
        self, scheme: Scheme, target: Target, tol: float | None, norms: tuple[int, ...], progress: Progress | None
    ) -> None:
        self.scheme, self.target, self.asked, self.progress = scheme, target, tol is not None, progress
        self.tol = scheme.tol if tol is None else tol
        self.leaf_powers = {p: PowerIntegral() for p in norms}
        self.taken: dict[int, list[float]] = {
            p: [] for p in norms
        }  # per grade: ||g||_p^p is at least this, if balanced
        self.identity_gap = 0.0  # largest width of an enclosure of ||e||_1 - ||g||_1 - ||e - g||_1
        self.last_level = max((g.level for g in scheme.grades), default=0)
        self.finest = EXTRA_LEVELS + max([self.last_level, *(record.level for record in scheme.history)])
        self.must_split = cells_to_split(scheme.grades, scheme.dim)
        self.queue = list(scheme.grades)
        self.rows: list[GradeRow] = []
        self.balanced: list[Outcome] = []
        self.nonincreasing: list[Outcome] = []
        self.leaves = _Leaves()
        self.delta = math.inf  # |f - lift| >= delta on all cells seen before the first grade
        self.upper = math.inf
        self.failure = ""

    def run(self, allowed: int) -> None:
        """Sweep from level 0 down until every cell is a leaf, or a level would need more bytes than allowed."""
        try:
            front = Front.root(self.scheme.dim, self.scheme.lift)
            while True:
                front, split = self._level(front)
                if not split.any():
                    break
                needed = split_bytes(front.mesh, int(split.sum()))
                require_memory(front.mesh.level + 1, needed, allowed)
                front = front.split(split)
            self.upper = self.leaves.upper
        except BudgetError as error:
            self.failure = str(error)

    def _level(self, front: Front) -> tuple[Front, BoolArray]:
        """Process one level; returns the front after its grades and the cells to split."""
        mesh = front.mesh
        batches = Batches(self.progress, mesh.level, len(mesh.cells))
        f, defects = batches.values(self.target, mesh.nodes), batches.defects(self.target, mesh.cells)
        check_arithmetic()  # the callback and the target may be foreign code
        e = front.residual(f)
        bound = cell_bounds(mesh, e, defects)
        if mesh.level == 0:
            self._add_row(
                None, _peak(self.target, front, e, bound), bound, self._powers(mesh, e, defects), (math.inf, math.inf)
            )
        here = list(takewhile(lambda g: g.level == mesh.level or not len(g), self.queue))  # g = 0 has any level
        first = bool(self.scheme.grades) and len(self.queue) == len(self.scheme.grades)
        separation = _separation(mesh, e, defects, self.scheme.lift) if first else np.zeros(0)
        if first and here:
            self.delta = min(self.delta, float(separation.min()))
        for grade in here:
            front, e, bound = self._grade(grade, front, f, e, bound, defects)
        self.queue = self.queue[len(here) :]
        split = self._cells_to_refine(mesh, e, bound)
        if first and not here:
            self.delta = min(self.delta, float(separation[~split].min(initial=math.inf)))
        if not split.all():
            self.leaves.add(mesh, bound, ~split, _peak(self.target, front, e, np.where(split, -np.inf, bound)))
            for p in self.leaf_powers:
                self.leaf_powers[p] += cell_powers(mesh, e, defects, p, ~split)
        if not self.queue and not split.any():
            self._sharpen_last_row(self.leaves.peak, self.leaves.upper, self.leaf_powers)
        return front, split

    def _grade(
        self, grade: Grade, front: Front, f: Interval, e: Interval, bound: FloatArray, defects: Defects
    ) -> tuple[Front, Interval, FloatArray]:
        """Decide one grade and apply it; returns the front, the nodal residual and the cell bounds after it."""
        mesh = front.mesh
        if not grade.atoms.is_inside(mesh):
            raise BudgetError(f"grade {grade.number}: the mesh does not hold the stars of all atoms")
        g = grade.atoms.at_nodes(mesh)
        self.balanced.append(self._decide(grade, 1.0, front, e, g, defects))
        proved = self.balanced[-1].verdict is Verdict.PROVED
        self.nonincreasing.append(self.balanced[-1] if proved else self._decide(grade, 0.5, front, e, g, defects))
        margins = Margins.of(defects, mesh.level, quantum_floor(self.tol))
        predictions = self._predictions(front, e, bound, defects, margins)
        before = _peak(self.target, front, e, bound)
        powers = self._powers(mesh, e, defects)
        self._sharpen_last_row(before, max(self.leaves.upper, float(bound.max())), powers)
        front = front.add(g).touched(g, margins.floor_plus, margins.floor_minus)
        e = front.residual(f)
        bound = cell_bounds(mesh, e, defects)
        rest = self._powers(mesh, e, defects)
        self._note_norms(mesh, g, powers, rest, proved)
        self._add_row(grade, _peak(self.target, front, e, bound), bound, rest, predictions)
        return front, e, bound

    def _decide(
        self, grade: Grade, scale: float, front: Front, e: Interval, g: FloatArray, defects: Defects
    ) -> Outcome:
        """Whether scale * g is balanced for e: by the vertex inequality, and by subdivision where that fails."""
        mesh, at = front.mesh, front.mesh.corner_node
        doubtful = violates_vertex_inequality(mesh, scale * g, e, defects)
        if not doubtful.any():
            return Outcome(Verdict.PROVED, by_vertices=True)
        doubt = Doubt(self.target, grade.number, scale, mesh.cells[doubtful], front.G[doubtful], g[at][doubtful])
        try:
            return doubt.decide(mesh.level)
        except BudgetError as error:  # of this question; the sweep goes on
            return Outcome(Verdict.UNDECIDED, str(error))

    def _predictions(
        self, front: Front, e: Interval, bound: FloatArray, defects: Defects, margins: Margins
    ) -> tuple[float, float]:
        """The bounds of Theorems A and B for a grade on this front built to ``tol``; q is its quantum.

        e (nodes) and ``bound`` (cells) are those before the grade, which are still valid where cells wait.  Where
        all of them do, the theorems say nothing of the grade.
        """
        waits = waiting(front, e, margins, FINISH * self.tol)
        if waits.all():
            return math.inf, math.inf
        B = max(self.leaves.upper, float(bound[waits].max(initial=0.0)))
        osc = sub_up(defects.range.hi, defects.range.lo)[~waits]
        m = np.maximum(margins.plus, margins.minus)[~waits]
        r = float(np.maximum(defects.sag, defects.bulge)[~waits].max())
        q = np.maximum(QUANTUM_RATIO * m, quantum_floor(self.tol))
        theorem_a = _up_sum(max(B, _up_max(m + np.maximum(q, osc))), r)
        theorem_b = math.inf
        if self.delta > 0 and float(m.max()) <= self.delta:
            theorem_b = _up_sum(max(B, _up_max(m + q)), r)
        return theorem_a, theorem_b

    def _powers(self, mesh: Mesh, e: Interval, defects: Defects) -> Powers:
        """Integrals of |e|^p over the whole domain, for the exponents asked for."""
        return {p: done + cell_powers(mesh, e, defects, p) for p, done in self.leaf_powers.items()}

    def _note_norms(self, mesh: Mesh, g: FloatArray, before: Powers, after: Powers, balanced: bool) -> None:
        """What a grade takes away: ||e||_p^p - ||e - g||_p^p >= ||g||_p^p, for |e| = |g| + |e - g| and p >= 1."""
        zero = np.zeros(len(mesh.cells))
        exact = Defects(zero, zero, zero, zero, Interval(zero, zero))
        for p, found in self.taken.items():
            power = cell_powers(mesh, Interval(g, g), exact, p) if balanced else PowerIntegral()
            found.append(power.lo)
            if p == 1 and balanced:
                self._check_identity(before[1], power, after[1])

    def _check_identity(self, before: PowerIntegral, g: PowerIntegral, after: PowerIntegral) -> None:
        """||e||_1 = ||g||_1 + ||e - g||_1 within the enclosures (law (a) integrated)."""
        total = g + after
        if before.lo > total.hi or total.lo > before.hi:
            raise AssumptionError("the L^1 enclosures of e, g and e - g contradict law (a) of a balanced grade")
        self.identity_gap = max(self.identity_gap, before.hi - before.lo + total.hi - total.lo)

    def _add_row(
        self, grade: Grade | None, peak: _Peak, bound: FloatArray, powers: Powers, predictions: tuple[float, float]
    ) -> None:
        d, previous = self.scheme.dim, self.rows[-1] if self.rows else None
        atoms = len(grade) if grade is not None else 0
        total = atoms + (previous.total_atoms if previous else 0)
        peak = max(self.leaves.peak, peak, key=lambda p: p.lower)
        upper = max(self.leaves.upper, float(bound.max()))
        if previous and self.nonincreasing[-1].verdict is Verdict.PROVED:
            upper = min(upper, previous.residual_sup_upper)
        self.rows.append(
            GradeRow(
                grade=grade.number if grade is not None else 0,
                level=grade.level if grade is not None else 0,
                atoms=atoms,
                width=block_width(d) if grade is not None else 0,
                depth=grade_depth(d, atoms),
                total_atoms=total,
                total_depth=grade_depth(d, total),
                residual_sup_lower=peak.lower,
                residual_sup_upper=upper,
                theorem_a=predictions[0],
                theorem_b=predictions[1],
                balanced=self.balanced[-1].verdict if grade is not None else Verdict.PROVED,
                nonincreasing=self.nonincreasing[-1].verdict if grade is not None else Verdict.PROVED,
                peak=peak.point(self.target),
                norms=tuple((p, *power.norm(p)) for p, power in powers.items()),
            )
        )

    def _sharpen_last_row(self, peak: _Peak, upper: float, powers: Powers) -> None:
        """Finer cells and nodes know more of the residual that the last grade left."""
        row = self.rows[-1]
        self.rows[-1] = replace(
            row,
            residual_sup_lower=max(row.residual_sup_lower, peak.lower),
            residual_sup_upper=min(row.residual_sup_upper, upper),
            peak=row.peak if row.residual_sup_lower >= peak.lower else peak.point(self.target),
            norms=tuple(
                (p, max(old_lower, powers[p].norm(p)[0]), min(old_upper, powers[p].norm(p)[1]))
                for p, old_lower, old_upper in row.norms
            ),
        )

    def _cells_to_refine(self, mesh: Mesh, e: Interval, bound: FloatArray) -> BoolArray:
        """Cells with later atoms inside, and cells whose bound misses the tolerance while refining may help."""
        wanted = self.must_split.get(mesh.level)
        split = np.zeros(len(mesh.cells), dtype=np.bool_)
        if wanted is not None:
            split |= mark_rows(mesh.cells, wanted, mesh.level)
        coarse = ~(bound <= self.tol)
        too_many = int(coarse.sum()) << mesh.dim > EXTRA_CELLS + 16 * self.scheme.atoms
        below_all = mesh.level >= self.last_level and (
            not self.scheme.complete or mesh.level >= self.finest or float(_magnitude_lower(e).max()) > self.tol
        )
        return split if too_many or below_all or mesh.level >= MAX_LEVEL else split | coarse

    def report(self, seconds: float) -> Report:
        """The finished record."""
        return Report(
            approximation=self.scheme,
            tol=self.tol if self.asked else None,
            rows=tuple(self.rows),
            results=tuple(self._results()),
            residual_sup_upper=self.upper,
            residual_sup_lower=self.leaves.peak.lower,
            leaf_count=self.leaves.count,
            seconds=seconds,
            covers={} if self.failure else {len(self.scheme.grades): tuple(self.leaves.blocks)},
        )

    def _results(self) -> list[Result]:
        balanced = self._every_grade("balanced", self.balanced)
        nonincreasing = self._every_grade("nonincreasing", self.nonincreasing)
        unit, lp = self._unit_grades(balanced), self._lp_decrease(balanced)
        rates = [self._theorem_a(), *self._theorem_b(balanced)]
        return [balanced, nonincreasing, unit, lp, *self._norms(), self._sup_decrease(), *rates, *self._sup_norm()]

    def _norms(self) -> list[Result]:
        """One result if norms were asked for: where they fall, by what a grade took or by enclosures that separate."""
        if not self.leaf_powers:
            return []
        texts, strict = [], False
        for k, p in enumerate(self.leaf_powers):
            apart = [b.norms[k][2] < a.norms[k][1] for a, b in itertools.pairwise(self.rows)]
            falls = [max(t, 0.0) for t, separate in zip(self.taken[p], apart, strict=False) if t > 0 or separate]
            lower, upper = (self.rows[-1].norms[k][1:]) if not self.failure else (0.0, math.inf)
            count = (
                f"L^{p} falls at {len(falls)} of {len(self.scheme.grades)} grades, enclosures separate at {sum(apart)}"
            )
            least = f"||e||_{p}^{p} by >= {down_text(min(falls), 3)}" if falls else "no fall is shown"
            texts.append(f"{count}; {least}; last in {range_text(lower, upper)}")
            strict |= bool(falls)
        if 1 in self.leaf_powers:
            texts.append(f"||e||_1 = ||g||_1 + ||e-g||_1 within {up_text(self.identity_gap, 3)}")
        return [Result("norms", Verdict.PROVED if strict else Verdict.UNDECIDED, "; ".join(texts))]

    def _every_grade(self, claim: str, outcomes: list[Outcome]) -> Result:
        grades = len(self.scheme.grades)
        for verdict in (Verdict.REFUTED, Verdict.UNDECIDED):
            for number, outcome in enumerate(outcomes, 1):
                if outcome.verdict is verdict:
                    text = str(outcome.witness) if outcome.witness else f"grade {number}: {outcome.text}"
                    return Result(claim, verdict, text, outcome.witness)
        if self.failure or len(outcomes) < grades:
            return Result(claim, Verdict.UNDECIDED, f"{self.failure}; {len(outcomes)} of {grades} grades are proved")
        return Result(claim, Verdict.PROVED, f"{grades} of {grades} grades, on every simplex")

    def _unit_grades(self, balanced: Result) -> Result:
        if balanced.verdict is Verdict.PROVED and all(o.by_vertices for o in self.balanced):
            return Result("unit-grades", Verdict.PROVED, f"{self.scheme.atoms} atoms, by the vertex inequality")
        return Result(
            "unit-grades", Verdict.UNDECIDED, "the vertex inequality is not certain on every simplex of every grade"
        )

    def _lp_decrease(self, balanced: Result) -> Result:
        if balanced.verdict is Verdict.PROVED:
            count = sum(1 for g in self.scheme.grades if len(g))
            return Result("lp-decrease", Verdict.PROVED, f"{count} nontrivial grades, each balanced and not 0")
        return Result("lp-decrease", Verdict.UNDECIDED, "follows from balanced grades, which are not all proved")

    def _sup_decrease(self) -> Result:
        strict = [
            row.grade
            for previous, row in zip(self.rows, self.rows[1:], strict=False)
            if row.residual_sup_upper < previous.residual_sup_lower
        ]
        if strict:
            text = f"{len(strict)} of {len(self.scheme.grades)} grades: {ranges_text(strict)}"
            return Result("sup-decrease", Verdict.PROVED, text)
        return Result("sup-decrease", Verdict.UNDECIDED, "the bounds before and after separate at no grade")

    def _theorem_a(self) -> Result:
        return self._rate("theorem-a", [row.theorem_a for row in self.rows[1:]], "")

    def _theorem_b(self, balanced: Result) -> list[Result]:
        """Only where f keeps a certified distance from the lift."""
        if not 0 < self.delta < math.inf:
            return []
        if balanced.verdict is not Verdict.PROVED:
            return [Result("theorem-b", Verdict.UNDECIDED, "needs balanced grades")]
        separation = f"|f - c0| >= {down_text(self.delta, 4)}; "
        return [self._rate("theorem-b", [row.theorem_b for row in self.rows[1:]], separation)]

    def _rate(self, claim: str, predicted: Sequence[float], prefix: str) -> Result:
        """Whether the certified bound is within the predicted one at every grade that has a finite one."""
        pairs = [(row, bound) for row, bound in zip(self.rows[1:], predicted, strict=True) if math.isfinite(bound)]
        late = [row.grade for row, bound in pairs if not row.residual_sup_upper <= bound]
        if late or self.failure:
            return Result(claim, Verdict.UNDECIDED, self.failure or f"{prefix}not shown at grades {ranges_text(late)}")
        if not pairs:
            return Result(claim, Verdict.UNDECIDED, f"{prefix}the theorem gives no finite bound at any grade")
        text = f"{prefix}{len(pairs)} of {len(self.rows) - 1} grades have a finite bound; factor per level: "
        return Result(claim, Verdict.PROVED, text + _factors([row for row, _ in pairs], [bound for _, bound in pairs]))

    def _sup_norm(self) -> list[Result]:
        """One result; none where no tolerance was asked for, unless there is no bound, or no grade."""
        lower, upper = self.leaves.peak.lower, self.upper
        if self.failure:
            return [Result("sup-norm", Verdict.UNDECIDED, f"{self.failure}; there is no bound after the last grade")]
        low, high = bounds_texts([(lower, upper)], self.tol if self.asked else None, 6)[0]
        bounds = f"sup-norm in [{low}, {high}]"
        if not self.asked:
            nothing = f"{self.scheme.reason}; {bounds}, and no grade"
            return [] if self.scheme.atoms or upper == 0 else [Result("sup-norm", Verdict.UNDECIDED, nothing)]
        bounds = f"{bounds}, tol {tol_text(self.tol)}"
        if upper <= self.tol:
            return [Result("sup-norm", Verdict.PROVED, f"{bounds}, {self.leaves.count} leaves cover the domain")]
        if not self.scheme.complete:
            return [Result("sup-norm", Verdict.UNDECIDED, f"{self.scheme.reason}; so far {bounds}")]
        if lower > self.tol:
            witness = self.leaves.peak.witness(self.target, len(self.scheme.grades))
            return [Result("sup-norm", Verdict.REFUTED, f"{bounds}; {witness}", witness)]
        gap = f"the enclosures leave a gap at level {self.finest}, try another engine"
        return [Result("sup-norm", Verdict.UNDECIDED, f"{bounds}; {gap}")]


def _separation(mesh: Mesh, e: Interval, defects: Defects, lift: float) -> FloatArray:
    """(n,): |f - lift| is at least this on each untouched cell, by its range or its nodes and defects; may be < 0."""
    c0 = np.array([lift])
    above = sub_down(mesh.over_corners(np.minimum, e.lo), defects.sag)
    below = sub_down(-mesh.over_corners(np.maximum, e.hi), defects.bulge)
    by_range = np.maximum(sub_down(defects.range.lo, c0), sub_down(c0, defects.range.hi))
    return np.fmax(np.maximum(np.maximum(above, below), by_range), -np.inf)  # no number: no separation


def _peak(target: Target, front: Front, e: Interval, bound: FloatArray) -> _Peak:
    """The largest certain |e| at the nodes and centres of the few cells with the largest bounds, or any node.

    Cells with bound -inf are left out.  The centre of a cell is the midpoint of its lowest and highest corner.
    """
    mesh = front.mesh
    cells = np.flatnonzero((bound >= NEAR_PEAK * bound.max()) & (bound > -np.inf))[:PEAK_CELLS]
    magnitude = _magnitude_lower(e)
    chosen = bound > -np.inf
    if chosen.all():
        at = int(np.argmax(magnitude))
    else:
        nodes = mesh.corner_node[chosen].reshape(-1)
        at = int(nodes[np.argmax(magnitude[nodes])])
    best = _Peak(float(magnitude[at]), tuple(mesh.nodes[at].tolist()), mesh.level, (float(e.lo[at]), float(e.hi[at])))
    if mesh.level == MAX_LEVEL or best.lower >= ENOUGH * bound.max():
        return best
    middle, exact = exact_sum(*front.nodal[mesh.corner_node[cells][:, [0, -1]]].T)
    exact &= 0.5 * middle + 0.5 * middle == middle
    cells, middle = cells[exact], 0.5 * middle[exact]
    if not len(cells):
        return best
    centres = 2 * mesh.cells[cells] + 1
    f = target.values(mesh.level + 1, centres)
    rest = Interval(sub_down(f.lo, middle), sub_up(f.hi, middle))
    k = int(np.argmax(_magnitude_lower(rest)))
    lower = float(_magnitude_lower(rest)[k])
    if not lower > best.lower:
        return best
    return _Peak(lower, tuple(centres[k].tolist()), mesh.level + 1, (float(rest.lo[k]), float(rest.hi[k])))


def _magnitude_lower(e: Interval) -> FloatArray:
    """(m,): a number that |e(w)| is at least."""
    return np.maximum(np.maximum(e.lo, -e.hi), 0.0)


def _up_max(sums: FloatArray) -> float:
    """At least the largest of these sums before each was rounded once."""
    return float(up(sums.max(keepdims=True))[0])


def _up_sum(a: float, b: float) -> float:
    return float(add_up(np.array([a]), np.array([b]))[0])


def _factors(rows: Sequence[GradeRow], predicted: Sequence[float]) -> str:
    """Predicted and measured geometric mean of the factor per level between the first and the last of these grades."""
    if len(rows) < 2 or rows[-1].level == rows[0].level or not rows[0].residual_sup_upper:
        return "too few grades to measure"
    per_level = 1 / (rows[-1].level - rows[0].level)
    measured = (rows[-1].residual_sup_upper / rows[0].residual_sup_upper) ** per_level
    if not (math.isfinite(predicted[0]) and predicted[0] > 0):
        return f"measured {near_text(measured)}"
    return f"predicted {near_text((predicted[-1] / predicted[0]) ** per_level)}, measured {near_text(measured)}"
