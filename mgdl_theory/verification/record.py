"""The record of a verification: what is certified of every grade, and the verdict on every claim."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from mgdl_theory.errors import OptionError, shown
from mgdl_theory.scheme import Approximation, Scheme
from mgdl_theory.targets.base import FloatArray, IntArray
from mgdl_theory.text import bounds_texts, count, plain, tol_text
from mgdl_theory.verification.claims import CLAIMS, Claim
from mgdl_theory.verification.verdict import Result, Verdict, Witness, worst

if TYPE_CHECKING:
    from mgdl_theory.certificate.schema import Certificate

WITHOUT_MODULUS = "samples only; a proof needs a modulus of continuity: lipschitz=, holder= or modulus="
"""What every verdict on a target that is not certified says of itself."""

_WEAKER = {Verdict.PROVED: Verdict.EVIDENCE, Verdict.REFUTED: Verdict.UNDECIDED}
"""Definition: what a proof and a refutation are worth where the enclosures are estimates."""


@dataclass(frozen=True, slots=True)
class GradeRow:
    """What is certified of one block grade.

    ``residual_sup_lower <= sup |e_k| <= residual_sup_upper`` on the whole domain; row 0 is f - lift.
    ``width`` and ``depth`` are those of this grade's part of the network, ``total_width`` and ``total_depth``
    those of all grades so far.  ``theorem_a`` and ``theorem_b`` are the bounds these theorems give (inf: none).
    ``peak`` is a point of the box where |e_k| >= residual_sup_lower (empty: none is known, and that bound is 0).
    ``norms`` holds, where asked for, (p, lower, upper): lower <= ||e_k||_p <= upper, in unit coordinates.
    """

    grade: int
    level: int
    atoms: int
    width: int
    depth: int
    total_atoms: int
    total_depth: int
    residual_sup_lower: float
    residual_sup_upper: float
    theorem_a: float
    theorem_b: float
    balanced: Verdict
    nonincreasing: Verdict
    peak: tuple[Fraction, ...] = ()
    norms: tuple[tuple[int, float, float], ...] = ()

    @property
    def total_width(self) -> int:
        """Width of the network of all grades so far: grades are chained, so it does not grow (Proposition 5)."""
        return self.width


@dataclass(frozen=True, slots=True, eq=False)
class LeafBlock:
    """Leaves of one level: |e| <= bounds_i for the last residual e on cell i; all blocks together tile the domain."""

    level: int
    cells: IntArray
    bounds: FloatArray

    def __post_init__(self) -> None:
        self.cells.setflags(write=False)
        self.bounds.setflags(write=False)


class Record:
    """What a verification leaves: results, the verdict that follows from them, and the sentence that says it.

    A :class:`Report` is about a scheme, a ``ModelReport`` about a trained model, a ``VectorReport`` holds one for every
    component.
    """

    claims: ClassVar[Mapping[str, Claim]] = CLAIMS

    if TYPE_CHECKING:  # what each kind says for itself, in fields, properties or methods

        @property
        def approximation(self) -> Approximation:
            """What was verified."""

        @property
        def results(self) -> tuple[Result, ...]:
            """The verdicts on all claims."""

        @property
        def seconds(self) -> float:
            """Time that it took."""

        def _numbers(self) -> dict[str, Any]: ...
        def _achieved(self) -> str: ...
        def _objection(self, verdict: Verdict) -> str: ...

    @property
    def verdict(self) -> Verdict:
        """The worst verdict among the claims that decide; a refutation of any claim counts, and an open objection."""
        return worst(r.verdict for r in self.results if self._counts(r))

    @property
    def exit_code(self) -> int:
        """0 proved, 1 refuted, 3 undecided or evidence only."""
        return self.verdict.exit_code

    def result(self, claim: str) -> Result:
        """The result for one claim, by its identifier; of several, the first with the worst verdict.

        Raises
        ------
        OptionError
            If nothing was asked about such a claim.
        """
        found = [r for r in self.results if r.claim == claim]
        if not found:
            known = ", ".join(dict.fromkeys(r.claim for r in self.results))
            raise OptionError(f"result: expected one of the claims {known}, got {shown(claim)}")
        verdict = worst(r.verdict for r in found)
        return next(r for r in found if r.verdict is verdict)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the report as a page (.html), as Markdown (.md) or as LaTeX (.tex), whole or not at all."""
        from mgdl_theory.reports import save_report

        return save_report(self, path)

    def __str__(self) -> str:
        """What a terminal shows: the grades, the verdicts, and the last line."""
        from mgdl_theory.reports.console import text

        return text(self)

    def as_dict(self) -> dict[str, Any]:
        """Every number of the report as plain data (floats; the exact data of a scheme are its atoms)."""
        return {
            "target": self.approximation.target.describe(),
            **self._numbers(),
            "seconds": self.seconds,
            "verdict": str(self.verdict),
            "exit_code": self.exit_code,
            "last_line": self.last_line(),
        }

    def last_line(self) -> str:
        """One sentence that agrees with the exit code."""
        verdict = self.verdict
        return f"{verdict}: {self._achieved() if verdict is Verdict.PROVED else self._objection(verdict)}"

    def _counts(self, result: Result) -> bool:
        """Whether this result enters the verdict of the run."""
        claim = self.claims[result.claim]
        open_objection = claim.objects and result.verdict is Verdict.UNDECIDED
        return claim.decides or open_objection or result.verdict is Verdict.REFUTED


@dataclass(frozen=True)
class ScalarRecord(Record):
    """The record of a scalar approximation.

    Attributes
    ----------
    approximation : Scheme or Fit
    tol : float or None
        None where no tolerance was asked for.
    rows : tuple
        What is known after every grade, from grade 0 on.
    results : tuple of Result
    residual_sup_upper, residual_sup_lower : float
        Certified bounds of the sup-norm of the last residual.
    leaf_count : int
        Leaves of the subdivision.
    seconds : float
    covers : dict
        The leaves that were kept, by grade; see :meth:`leaves`.
    """

    approximation: Any
    tol: float | None
    rows: tuple[Any, ...]
    results: tuple[Result, ...]
    residual_sup_upper: float
    residual_sup_lower: float
    leaf_count: int
    seconds: float
    covers: Mapping[int, tuple[LeafBlock, ...]] = field(default_factory=dict, repr=False, compare=False, kw_only=True)

    if TYPE_CHECKING:  # what was built, in a few words

        def _size(self) -> str: ...

    @property
    def components(self) -> tuple[Self]:
        """The report itself, its only component."""
        return (self,)

    @property
    def asked(self) -> float | None:
        """The tolerance as it was asked for; ``tol``, rounded down from that, where a bound lies between the two."""
        if self.tol is None:
            return None
        asked = float(tol_text(self.tol))
        bounds = [bound for row in self.rows for bound in (row.residual_sup_lower, row.residual_sup_upper)]
        return self.tol if any(self.tol < bound <= asked for bound in bounds) else asked

    def leaves(self, grade: int | None = None) -> tuple[LeafBlock, ...]:
        """Leaves that tile the domain, with bounds of |e| after a grade, by default the last; () if not kept."""
        return self.covers.get(len(self.approximation.grades) if grade is None else grade, ())

    @property
    def bound_texts(self) -> list[tuple[str, str]]:
        """Lower and upper bound of each row, as printed."""
        return bounds_texts([(row.residual_sup_lower, row.residual_sup_upper) for row in self.rows], self.tol)

    @property
    def ratios(self) -> tuple[float, ...]:
        """Upper bound of each row over that of the row before; nan for row 0 and after a zero."""
        uppers = [row.residual_sup_upper for row in self.rows]
        pairs = itertools.pairwise(uppers)
        return (math.nan, *(after / before if before else math.nan for before, after in pairs))

    @property
    def sup_text(self) -> str:
        """The certified bound of the last residual, as printed."""
        return bounds_texts([(0.0, self.residual_sup_upper)], self.tol, 6)[0][1]

    def with_results(self, *more: Result) -> Self:
        """The report with further results."""
        return replace(self, results=self.results + more)

    def as_evidence(self) -> Self:
        """Without a modulus of continuity nothing is proved and nothing refuted: samples support or object."""
        return replace(self, rows=tuple(map(_weaker_row, self.rows)), results=tuple(map(self._weaker, self.results)))

    def _weaker(self, result: Result) -> Result:
        if result.verdict not in _WEAKER or self.claims[result.claim].of_data:
            return result
        return Result(result.claim, _WEAKER[result.verdict], f"{result.evidence} ({WITHOUT_MODULUS})")

    @property
    def _name(self) -> str:
        target = self.approximation.target
        return f"{plain(target.text)} on {target.box}"

    @property
    def _bound(self) -> str:
        return f"sup-norm of the residual <= {self.sup_text}"

    def _achieved(self) -> str:
        end = "" if self.tol is None else f" <= tol = {tol_text(self.tol)}"
        return f"{self._name}: {self._size()}, {self._bound}{end}"

    def _objection(self, verdict: Verdict) -> str:
        found = next(r for r in self.results if r.verdict is verdict and self._counts(r))
        return f"{self._name}: claim {found.claim}: {plain(found.evidence)}"


@dataclass(frozen=True)
class Report(ScalarRecord):
    """The verdicts on one scheme, with the numbers they rest on; leaves are kept of the last grade, if the sweep ended.

    Where no tolerance was asked for, ``goal`` is the bound that the scheme was left with.
    """

    approximation: Scheme
    rows: tuple[GradeRow, ...]

    @property
    def scheme(self) -> Scheme:
        """The scheme that was verified."""
        return self.approximation

    @property
    def goal(self) -> float:
        """What the leaves were split for: the tolerance, or the one of a scheme of which none was asked for."""
        return self.scheme.tol if self.tol is None else self.tol

    @property
    def norm_lines(self) -> list[tuple[str, ...]]:
        """Grade and enclosed norms of each row, as printed."""
        names = range(len(self.rows[0].norms) if self.rows else 0)
        columns = [bounds_texts([row.norms[n][1:] for row in self.rows]) for n in names]
        return [(str(row.grade), *(f"[{c[k][0]}, {c[k][1]}]" for c in columns)) for k, row in enumerate(self.rows)]

    def certificate(self) -> Certificate:
        """What was proved, as exact data for an independent checker.

        Raises
        ------
        CertificateError
            If the target is not a formula, or the verification stopped before it had leaves over the whole domain.
        """
        from mgdl_theory.certificate.schema import certificate

        return certificate(self)

    def _numbers(self) -> dict[str, Any]:
        scheme = self.scheme
        return {
            "tol": self.asked,
            "lift": scheme.lift,
            "lift_reason": scheme.lift_reason,
            "complete": scheme.complete,
            "reason": scheme.reason,
            "grades": [
                {**row_dict(row), "total_width": row.total_width, "peak": [str(x) for x in row.peak], "ratio": ratio}
                for row, ratio in zip(self.rows, self.ratios, strict=True)
            ],
            "levels": [asdict(record) for record in scheme.history],
            "claims": [
                {**r.as_dict(), "statement": CLAIMS[r.claim].statement, "source": CLAIMS[r.claim].source}
                for r in self.results
            ],
            "atoms": scheme.atoms,
            "leaves": self.leaf_count,
            "residual_sup_lower": self.residual_sup_lower,
            "residual_sup_upper": self.residual_sup_upper,
        }

    def _size(self) -> str:
        return f"{count(len(self.rows) - 1, 'grade')}, {count(self.scheme.atoms, 'atom')}"


def _weaker_row(row: Any) -> Any:
    """The row with the verdicts that are left, and without a witness."""
    values = {f.name: getattr(row, f.name) for f in fields(row)}
    weaker = {name: _WEAKER[v] for name, v in values.items() if isinstance(v, Verdict) and v in _WEAKER}
    return replace(row, **weaker, **dict.fromkeys(values.keys() & {"witness"}))


def row_dict(row: Any) -> dict[str, Any]:
    """A row as plain data for JSON; the points of a peak and of a witness exactly."""
    data = {f.name: getattr(row, f.name) for f in fields(row)}
    data |= {name: str(value) for name, value in data.items() if isinstance(value, Verdict)}
    data |= {name: value.as_dict() for name, value in data.items() if isinstance(value, Witness)}
    return data
