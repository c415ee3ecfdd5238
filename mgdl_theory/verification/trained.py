"""What a trained network is held to: certified sup-norms, exact decay on the data, and whether a residual ever grew.

Nothing of the training enters.  The residual e_k = f - g_1 - ... - g_k is enclosed at the nodes of dyadic cells, and
inside a simplex it is within the defects of f plus the bends of the network of its linear interpolant.  Cells are
split where that leaves a gap.  Where f is a broken line in one variable, the exact linear pieces have the last word.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from mgdl_theory.construction import Budget, read_tol, split_bytes
from mgdl_theory.errors import OptionError
from mgdl_theory.grade import cell_bounds
from mgdl_theory.mesh import BoolArray, Mesh, children
from mgdl_theory.relu.enclosures import add, bends, grade_enclosures, last_on_cells, subtract
from mgdl_theory.relu.trained import Data, Fit, TrainedModel, sample
from mgdl_theory.rigor.interval import Interval, mignitude, outward
from mgdl_theory.rigor.rounding import add_up, check_arithmetic, checked_arithmetic, quiet, sub_down
from mgdl_theory.targets.base import Box, Defects, FloatArray, IntArray, Target
from mgdl_theory.targets.parallel import Batches, Progress
from mgdl_theory.text import bounds_texts, count, down_text, near_text, tol_text, up_text
from mgdl_theory.verification.claims import Claim
from mgdl_theory.verification.piecewise_linear import BrokenLine, broken_line, grade_lines, growth
from mgdl_theory.verification.record import LeafBlock, ScalarRecord, row_dict
from mgdl_theory.verification.verdict import Result, Verdict, Witness, worst

FIRST_CELLS = 512
"""Experience: cells of the first mesh, at least."""

SHARP = 1.05
"""Experience: a cell is not split further once its bound is within this factor of a value that is attained."""

ENOUGH = 1e-6
"""Experience: nor once its bound is below this part of sup |f|."""

SCAN = 4000
"""Experience: points at which the share of growth is counted, in floating point."""

KEPT = 20
"""Experience: of so many last grades the bounds on all leaves are kept, for pictures."""

DEEPEST = 30
"""Experience: no cell is split beyond this level."""

EXACT = 1 << 12
"""Experience: corners of cells at which a grade is computed in rational arithmetic at a level, at most."""

WORK = 1 << 26
"""Experience: parameters of the network times such corners, in all; a deep network would take minutes otherwise."""

PIECES, BITS = 1 << 12, 1 << 12
"""Experience: linear pieces beyond this are left to the cells, and points whose denominators are longer."""


MODEL_CLAIMS = {
    claim.id: claim
    for claim in (
        Claim(
            "nonincreasing",
            "no grade increases the residual's magnitude at any point: |e - g| <= |e|",
            "Section 2, law (b)",
            "g (2e - g) >= 0 on every cell, or exact linear piece; or |e - g| > |e| at a rational point",
        ),
        Claim(
            "l2-decrease",
            "the sum of squares of the residual on the data falls strictly at every grade that is not 0 there",
            "exact arithmetic on the data",
            "sum (e - g)^2 < sum e^2, in rational numbers; nothing is said between the points",
            of_data=True,
        ),
        Claim(
            "sup-norm",
            "the sup-norm of the last residual is at most the tolerance",
            "first-order defects of the network and of f",
            "max_w |e(w)| + defect <= tol on every leaf of a subdivision of the whole domain, or exact linear piece",
        ),
    )
}
"""Every claim about a trained model by its identifier."""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """What is known after one grade; row 0 is f alone.

    ``residual_sup_lower <= sup |e_k| <= residual_sup_upper`` on the whole domain.  ``relative_error`` is
    sum e_k^2 / sum y^2 on the data, rounded from an exact quotient.  ``grown`` is the share of sampled points where
    |e_k| > |e_(k-1)| in floating point: a count, no proof.  ``nonincreasing`` is the verdict on |e_k| <= |e_(k-1)|
    everywhere, and ``witness`` a point that refutes it.
    """

    grade: int
    parameters: int
    residual_sup_lower: float
    residual_sup_upper: float
    relative_error: float
    grown: float
    nonincreasing: Verdict
    seconds: float = 0.0
    witness: Witness | None = None


@dataclass(frozen=True)
class ModelReport(ScalarRecord):
    """The verdicts on one trained model; leaves are kept of the last grades."""

    claims = MODEL_CLAIMS
    approximation: Fit
    rows: tuple[ModelRow, ...]

    @property
    def model(self) -> TrainedModel:
        """What was trained."""
        return self.approximation.model

    @property
    def target(self) -> Target:
        """What it was verified against."""
        return self.approximation.target

    def _size(self) -> str:
        return f"{count(len(self.rows) - 1, 'trained grade')}, no point gets worse"

    def _objection(self, verdict: Verdict) -> str:
        known = f"; {self._bound}" if self.target.certified else ""  # else it is an estimate
        return super()._objection(verdict) + known

    def _numbers(self) -> dict[str, Any]:
        return {
            "tol": self.asked,
            "grades": [row_dict(row) for row in self.rows],
            "claims": [result.as_dict() for result in self.results],
            "leaves": self.leaf_count,
        }


@checked_arithmetic()
def verify_fit(
    fit: Fit, tol: Any = None, *, data: Data | None = None, cells: int = 100_000, progress: Progress | None = None
) -> ModelReport:
    """Decide what the theorem would claim of a trained network; for the options see ``mgdl_theory.verify``."""
    fit = TrainedModel.copy(fit.model).on(fit.target)  # what is verified is what is kept, whatever the caller does
    model, target = fit.model, fit.target
    if type(cells) is not int or not 1 <= cells <= 1 << 30:
        raise OptionError(f"cells: expected an integer from 1 to {1 << 30}, got {cells!r}")
    if data is not None and not isinstance(data, Data):
        raise OptionError(f"data: expected Data, points and values, got {type(data).__name__}")
    if data is not None and data.dim != model.dim:
        raise OptionError(f"data: points of {data.dim} variable(s) for a model of {model.dim}")
    started = time.perf_counter()
    bound = None if tol is None else read_tol(tol)
    sweep = _FitSweep(model, target, bound, cells, progress)
    sweep.run()
    sweep.settle()
    data = sample(target, FIRST_CELLS) if data is None else Data(data.t, data.y)
    squares = _Squares.of(model, data)
    grown = _grown(model, target)
    count = len(model.grades)
    parameters = np.cumsum([0, *(g.parameters for g in model.grades)]).tolist()
    nonincreasing = [sweep.nonincreasing(k) for k in range(1, count + 1)]
    rows = [
        ModelRow(
            k, parameters[k], sweep.lower[k], sweep.upper[k],
            _near(squares.totals[k] / squares.totals[0]) if squares.totals[0] else 0.0, grown[k],
            nonincreasing[k - 1].verdict if k else Verdict.PROVED,
            _noted(model.grades[k - 1].note.get("seconds")) if k else 0.0,
            nonincreasing[k - 1].witness if k else None,
        )
        for k in range(count + 1)
    ]  # fmt: skip
    results = [_whole(nonincreasing), _decay(squares, data, model.box)]
    if bound is not None:
        results.append(sweep.sup_norm(bound))
    elif sweep.upper[-1] > 0 and not any(g.readout.any() or g.constant for g in model.grades):
        results.append(sweep.nothing())
    report = ModelReport(
        approximation=fit,
        tol=bound,
        rows=tuple(rows),
        results=tuple(results),
        residual_sup_upper=sweep.upper[-1],
        residual_sup_lower=sweep.lower[-1],
        leaf_count=sweep.leaves,
        seconds=time.perf_counter() - started,
        covers=sweep.covers(),
    )
    return report if target.certified else report.as_evidence()


class _FitSweep:
    """One pass over the levels for all residuals e_0, ..., e_K together."""

    def __init__(self, model: TrainedModel, target: Target, tol: float | None, cells: int, progress: Any) -> None:
        self.model, self.target, self.tol, self.budget, self.progress = model, target, tol, cells, progress
        count = len(model.grades)
        self.lower = [0.0] * (count + 1)
        self.upper = [0.0] * (count + 1)
        self.peak: tuple[tuple[Fraction, ...], tuple[float, float]] = ((), (0.0, 0.0))
        self.witness: list[Witness | None] = [None] * count
        self.unproved = [0] * count  # leaves on which |e_k| <= |e_(k-1)| is not proved
        self.leaves = 0
        self.work = WORK  # what is left of it
        self.pieces = 0  # exact linear pieces, where these have decided
        self.kept = range(max(0, count + 1 - KEPT), count + 1)
        self.parts: list[tuple[int, IntArray, FloatArray]] = []  # level, leaves (n, d), bounds of kept grades (., n)
        self.stopped = ""

    def run(self) -> None:
        """Split cells until every bound is sharp and every comparison decided, or the budget is used up."""
        dim, used, allowed = self.target.dim, 0, Budget().bytes
        if 8 * dim * 4**dim > allowed:
            self.upper, self.unproved = [np.inf] * len(self.upper), [1] * len(self.unproved)
            self.stopped = f"{dim} variables need more than {near_text(allowed / 2**30)} GiB for a single cell"
            return
        mesh = Mesh.root(dim)
        while len(mesh.cells) < FIRST_CELLS and len(mesh.cells) << dim <= self.budget:
            mesh = Mesh.of(mesh.level + 1, children(mesh.cells))
        with quiet():
            while True:
                used += len(mesh.cells)
                bounds, open_ = self._level(mesh)
                split = self._worst(mesh, self._excess(bounds), np.asarray(open_.any(axis=0)), used, allowed)
                leaf = ~split
                self.leaves += int(leaf.sum())
                self.parts.append((mesh.level, mesh.cells[leaf], bounds[self.kept.start :, leaf]))
                for k, row in enumerate(bounds):
                    self.upper[k] = max(self.upper[k], float(row[leaf].max(initial=0.0)))
                for k, row in enumerate(open_):
                    self.unproved[k] += int(row[leaf].sum())
                if not split.any():
                    return
                mesh = Mesh.of(mesh.level + 1, children(mesh.cells[split]))

    def covers(self) -> dict[int, tuple[LeafBlock, ...]]:
        """The leaves with their bounds, by grade."""
        parts = [part for part in self.parts if len(part[1])]
        return {k: tuple(LeafBlock(l, c, b[n]) for l, c, b in parts) for n, k in enumerate(self.kept) if parts}

    def _worst(self, mesh: Mesh, excess: FloatArray, open_: BoolArray, used: int, allowed: int) -> BoolArray:
        """(n,): the cells to split: all that have an excess or are open, or half of what the budget has room for.

        Those with the largest excess come first, so that what is left of the budget lowers the bounds of the whole.
        """
        split = (excess > 0) | open_
        count, room = int(split.sum()), (self.budget - used) >> mesh.dim
        if not count:
            return split
        if mesh.level >= DEEPEST:
            self.stopped, room = f"no cell is split beyond level {DEEPEST}", 0
        elif count > room:
            self.stopped, room = f"the budget of {self.budget} cells is used up at level {mesh.level}", (room + 1) // 2
        if count > room:
            order = np.argsort(np.where(split, -excess, np.inf), kind="stable")
            split[order[room:]] = False
        if split_bytes(mesh, int(split.sum())) > allowed:
            self.stopped = f"the next level, {mesh.level + 1}, needs more than {near_text(allowed / 2**30)} GiB"
            split[:] = False
        return split

    def _level(self, mesh: Mesh) -> tuple[FloatArray, BoolArray]:
        """Bounds (K + 1, n) of |e_k| on the cells, and (K, n) where a comparison is open; notes peaks, witnesses."""
        t = np.ldexp(mesh.nodes.astype(np.float64), -mesh.level)
        batches = Batches(self.progress, mesh.level, len(mesh.cells))
        e, of_f = batches.values(self.target, mesh.nodes), batches.defects(self.target, mesh.cells)
        check_arithmetic()  # the callback and the target may be foreign code
        grades, bent = grade_enclosures(self.model, t), bends(self.model, mesh.level, mesh.cells)
        sag, bulge = (np.where(np.isnan(v), np.inf, v) for v in (of_f.sag, of_f.bulge))
        bounds, open_ = [], np.zeros((len(grades), len(mesh.cells)), dtype=np.bool_)
        self._look(mesh, e, 0)
        bounds.append(cell_bounds(mesh, e, _defects(of_f, sag, bulge)))
        for k, (g, bend) in enumerate(zip(grades, bent, strict=True)):
            after = subtract(e, g)
            if self.witness[k] is None:
                self._compare(mesh, k, e, after)
            if self.witness[k] is None:
                open_[k] = ~_shrinks(mesh, g, bend, add(e, after), 2 * sag, 2 * bulge)
                open_[k] &= ~self._affine(mesh, k, e, g, of_f, open_[k])
            sag, bulge, e = add_up(sag, bend), add_up(bulge, bend), after
            self._look(mesh, e, k + 1)
            bounds.append(cell_bounds(mesh, e, _defects(of_f, sag, bulge)))
        return np.stack(bounds), open_

    def _affine(self, mesh: Mesh, k: int, e: Interval, g: Interval, of_f: Defects, cells: BoolArray) -> BoolArray:
        """(n,): of these cells those where the network is affine, and |e - g| <= |e| by exact values of g.

        Rounding hides the sign of a grade that is 0 at a corner.  Cells where more is in the way are left out.
        """
        out = np.zeros(len(cells), dtype=np.bool_)
        q, (sag, bulge) = add(e, subtract(e, g)), (2 * np.where(np.isnan(v), np.inf, v) for v in (of_f.sag, of_f.bulge))
        g_up, q_up = (mesh.over_corners(np.minimum, v.hi) >= w for v, w in ((g, 0), (q, sag)))
        g_down, q_down = (mesh.over_corners(np.maximum, v.lo) <= w for v, w in ((g, 0), (q, -bulge)))
        model = self.model.prefix(k + 1)
        corners = min(EXACT, self.work // model.parameters)
        chosen = np.flatnonzero(cells & (g_up & q_up | g_down & q_down | g_up & g_down))[: corners >> mesh.dim]
        if len(chosen):
            self.work -= (len(chosen) << mesh.dim) * model.parameters
            part, nodes = Mesh.of(mesh.level, mesh.cells[chosen]), np.unique(mesh.corner_node[chosen])
            g, one_piece = last_on_cells(model, part)
            e = Interval(e.lo[nodes], e.hi[nodes])
            q, none = add(e, subtract(e, g)), np.zeros(len(chosen))
            out[chosen] = one_piece & _shrinks(part, g, none, q, sag[chosen], bulge[chosen])
        return out

    def _look(self, mesh: Mesh, e: Interval, k: int) -> None:
        """The largest certain |e_k| at a node."""
        size = mignitude(e)
        at = int(np.argmax(size))
        if size[at] > self.lower[k]:
            self.lower[k] = float(size[at])
            if k == len(self.model.grades):
                point = self.target.box.point(mesh.nodes[at].tolist(), mesh.level)
                self.peak = (point, (float(e.lo[at]), float(e.hi[at])))

    def _compare(self, mesh: Mesh, k: int, before: Interval, after: Interval) -> None:
        """The node where |e_(k+1)| - |e_k| is largest, if it is > 0 for certain, is a witness.

        Nodes where e_k may be 0 are asked last: there whatever is not 0 lets |e| grow, and nobody learns from it.
        """
        growth = mignitude(after) - np.maximum(-before.lo, before.hi)  # a wish; the enclosures below decide
        growth = np.where(np.isfinite(growth), growth, -np.inf)
        for wish in (np.where(mignitude(before) > 0, growth, -np.inf), growth):
            at = int(np.argmax(wish))
            point = self.target.box.point(mesh.nodes[at].tolist(), mesh.level)
            found = Witness(point, k + 1, *((float(e.lo[at]), float(e.hi[at])) for e in (before, after)))
            if _telling(found)[1] > 0:
                self.witness[k] = found
                return

    def _excess(self, bounds: FloatArray) -> FloatArray:
        """(n,): the largest factor by which a bound exceeds its goal, 0 where none does."""
        goal = np.maximum(SHARP * np.array(self.lower), ENOUGH * self.lower[0])
        if self.tol is not None:
            goal[-1] = self.tol if self.tol > self.lower[-1] else goal[-1]
        above = ~(bounds <= goal[:, None])
        factor = np.divide(bounds, goal[:, None], out=np.full_like(bounds, np.inf), where=goal[:, None] > 0)
        return np.asarray(np.where(above, np.where(np.isnan(factor), np.inf, factor), 0.0).max(axis=0))

    def settle(self) -> None:
        """Decide by the exact linear pieces, if there are such and not too many."""
        e = broken_line(self.target, PIECES)
        grades = None if e is None else grade_lines(self.model, PIECES)
        if e is None or grades is None:
            return
        self._largest(e, 0)
        for k, g in enumerate(grades):
            before, e = e, e - g
            t = None if self.witness[k] else growth(before, g)
            if t is None:
                self.unproved[k] = 0
            elif t.denominator.bit_length() <= BITS:
                x = _place(self.target.box, [t])
                self.witness[k] = Witness(x, k + 1, outward(before.at(t)), outward(e.at(t)))
            self._largest(e, k + 1)
        self.pieces = len(e.knots) - 1

    def _largest(self, e: BrokenLine, k: int) -> None:
        """The exact supremum, which is attained at a knot."""
        value, t = max(zip(map(abs, e.values), e.knots, strict=True))
        low, high = outward(value)
        self.upper[k] = min(self.upper[k], high)
        if low > self.lower[k] and t.denominator.bit_length() <= BITS:
            self.lower[k] = low
            if k == len(self.model.grades):
                self.peak = (_place(self.target.box, [t]), outward(e.at(t)))

    @property
    def seen(self) -> str:
        """What covers the domain."""
        return f"{self.pieces} linear pieces, exactly" if self.pieces else f"{self.leaves} cells"

    def nonincreasing(self, k: int) -> Result:
        """The verdict on grade k."""
        witness = self.witness[k - 1]
        if witness is not None:
            return Result("nonincreasing", Verdict.REFUTED, str(witness), witness)
        if self.unproved[k - 1]:
            text = f"grade {k}: |e| does not grow at any node seen, not proved on {self.unproved[k - 1]} of "
            return Result("nonincreasing", Verdict.UNDECIDED, f"{text}{self.leaves} cells; {self.stopped}")
        return Result("nonincreasing", Verdict.PROVED, f"grade {k}, on {self.seen}")

    def sup_norm(self, tol: float) -> Result:
        """The verdict on the tolerance."""
        lower, upper = self.lower[-1], self.upper[-1]
        low, high = bounds_texts([(lower, upper)], tol, 6)[0]
        text = f"sup-norm in [{low}, {high}], tol {tol_text(tol)}"
        if upper <= tol:
            return Result("sup-norm", Verdict.PROVED, f"{text}, on {self.seen}")
        if lower > tol:
            witness = Witness(self.peak[0], len(self.model.grades), self.peak[1], self.peak[1])
            return Result("sup-norm", Verdict.REFUTED, f"{text}; {witness}", witness)
        why = "they are closer than binary64 can tell" if self.pieces else self.stopped
        return Result("sup-norm", Verdict.UNDECIDED, f"{text}; {why}")

    def nothing(self) -> Result:
        """Where no grade does anything and no tolerance was asked for, nothing was achieved."""
        bounds = f"sup-norm in [{down_text(self.lower[-1])}, {up_text(self.upper[-1])}]"
        text = f"no tolerance asked for; {bounds}, and no grade that is not 0"
        return Result("sup-norm", Verdict.UNDECIDED, text)


def _defects(of_f: Defects, sag: FloatArray, bulge: FloatArray) -> Defects:
    """Those of a residual: the defects of f, widened by the bends."""
    return Defects(sag, bulge, of_f.sag_theta, of_f.bulge_theta, of_f.range)


def _shrinks(mesh: Mesh, g: Interval, bend: FloatArray, q: Interval, sag: FloatArray, bulge: FloatArray) -> BoolArray:
    """(n,): |e - g| <= |e| for certain on the cell, which is g q >= 0 with q = e + (e - g) = 2 e - g.

    q has twice the defects of e, which ``sag`` and ``bulge`` contain, and the bend of g.
    """
    low_g = sub_down(mesh.over_corners(np.minimum, g.lo), bend)
    high_g = add_up(mesh.over_corners(np.maximum, g.hi), bend)
    low_q = sub_down(mesh.over_corners(np.minimum, q.lo), add_up(sag, bend))
    high_q = add_up(mesh.over_corners(np.maximum, q.hi), add_up(bulge, bend))
    zero = (low_g == 0) & (high_g == 0)
    return np.asarray(zero | ((low_g >= 0) & (low_q >= 0)) | ((high_g <= 0) & (high_q <= 0)))


@dataclass(slots=True)
class _Squares:
    """Sums of squares of e_0, ..., e_K on the data, exactly; for each grade the point where e^2 grew most."""

    totals: list[Fraction]
    trivial: list[bool]
    worst: list[tuple[Fraction, int, Fraction, Fraction]]

    @classmethod
    def of(cls, model: TrainedModel, data: Data) -> _Squares:
        """From the exact values of the grades."""
        count = len(model.grades)
        out = cls([Fraction(0)] * (count + 1), [True] * count, [(Fraction(-1), 0, Fraction(0), Fraction(0))] * count)
        for i, (y, values) in enumerate(zip(data.y.tolist(), model.exact(data.t), strict=True)):
            e = Fraction(y)
            out.totals[0] += e * e
            for k, g in enumerate(values):
                before, e = e, e - g
                out.totals[k + 1] += e * e
                out.trivial[k] &= g == 0
                growth = e * e - before * before
                if out.worst[k][0] < growth or (out.worst[k][0] == -1 and growth >= -1):
                    out.worst[k] = (growth, i, before, e)
        return out


def _grown(model: TrainedModel, target: Target) -> list[float]:
    """Share of points of a fixed random sample where |e_k| > |e_(k-1)|, in floating point."""
    t = np.random.default_rng(0).random((SCAN, model.dim))
    e = target(target.box.from_unit(t))[:, None]
    with quiet():
        sizes = np.abs(np.concatenate([e, e - np.cumsum(model.grade_values(t), axis=1)], axis=1))
    return [0.0, *np.mean(sizes[:, 1:] > sizes[:, :-1], axis=0).tolist()]


def _telling(witness: Witness) -> tuple[bool, float]:
    """How much a witness tells: whether the residual before is not 0, and how far |e| has grown for certain, or < 0.

    >>> _telling(Witness((Fraction(1),), 1, (1.0, 1.5), (-3.0, -2.0)))
    (True, 0.5)
    """
    (low, high), (after_low, after_high) = witness.before, witness.after
    return low > 0 or high < 0, max(after_low, -after_high) - max(-low, high)


def _whole(parts: list[Result]) -> Result:
    """The claim for all grades; of several refutations the one that tells most."""
    if not parts:
        return Result("nonincreasing", Verdict.PROVED, "there is no grade")
    verdict = worst(part.verdict for part in parts)
    if verdict is Verdict.PROVED:
        return Result("nonincreasing", verdict, f"{len(parts)} of {len(parts)} grades, on every cell")
    chosen = [part for part in parts if part.verdict is verdict]
    return max(chosen, key=lambda part: _telling(part.witness) if part.witness else (False, 0.0))


def _decay(squares: _Squares, data: Data, box: Box) -> Result:
    """The claim on the sums of squares; a grade that is 0 on the data is trivial and leaves them equal."""
    ratios = []
    for k, (a, b) in enumerate(pairwise(squares.totals)):
        ratios.append(near_text(b / a, keep=lambda factor: factor < 1) if a else "-")
        if not b < a and not squares.trivial[k]:
            _, i, before, after = squares.worst[k]
            t = [Fraction(v) for v in data.t[i].tolist()]
            witness = Witness(_place(box, t), k + 1, outward(before), outward(after))
            text = f"on {len(data)} points the sum of squares does not fall at grade {k + 1}; e.g. {witness}"
            return Result("l2-decrease", Verdict.REFUTED, text, witness)
    text = f"on {len(data)} points, exactly; factors of the sum of squares {', '.join(ratios)}"
    return Result("l2-decrease", Verdict.PROVED, text)


def _place(box: Box, t: Sequence[Fraction]) -> tuple[Fraction, ...]:
    """The point of the box with these unit coordinates."""
    return tuple(lo + (hi - lo) * s for lo, hi, s in zip(box.lower, box.upper, t, strict=True))


def _near(value: Fraction) -> float:
    """The nearest float, inf beyond all of them."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _noted(value: Any) -> float:
    """A number of a note, which may have come out of a file; 0 for anything else."""
    return float(value) if type(value) in (int, float) and abs(value) < 1e300 else 0.0
