"""Vector schemes: every component is verified by itself, and the record holds one report for each."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from mgdl_theory.errors import OptionError
from mgdl_theory.targets.parallel import open_executor
from mgdl_theory.targets.vector import VectorTarget, per_component
from mgdl_theory.text import count, plain, tol_text
from mgdl_theory.vector import VectorScheme
from mgdl_theory.verification.record import LeafBlock, Record, Report
from mgdl_theory.verification.scheme import verify_scheme
from mgdl_theory.verification.verdict import Result, Verdict


@dataclass(frozen=True)
class VectorReport(Record):
    """The verdicts on every component of a vector scheme.

    Nothing is claimed of the vector but what is claimed of each component: with |.| the magnitude of one component,
    every grade is balanced and no |e| ever grows, in all of them.

    Attributes
    ----------
    components : tuple of Report
        The report on ``scheme.components[j]``; each of them can become a certificate.
    """

    components: tuple[Report, ...]

    @property
    def approximation(self) -> VectorScheme:
        """The scheme that was verified."""
        return VectorScheme(tuple(report.scheme for report in self.components))

    scheme = approximation

    @property
    def results(self) -> tuple[Result, ...]:
        """The results of all components, those of the first one first."""
        return tuple(result for report in self.components for result in report.results)

    @property
    def seconds(self) -> float:
        """Time of all verifications."""
        return sum(report.seconds for report in self.components)

    def leaves(self, grade: int | None = None) -> tuple[LeafBlock, ...]:
        """Refused: every component has leaves of its own."""
        raise OptionError("leaves: a VectorReport has them by component; take its components[0], ...")

    def with_results(self, *more: Sequence[Result]) -> VectorReport:
        """The report with further results; each argument holds one for every component."""
        if any(len(results) != len(self.components) for results in more):
            raise OptionError(f"expected one result for each of the {len(self.components)} components")
        parts = zip(self.components, *more, strict=True)
        return VectorReport(tuple(report.with_results(*own) for report, *own in parts))

    def _numbers(self) -> dict[str, Any]:
        scheme = self.scheme
        return {
            "components": [report.as_dict() for report in self.components],
            "grades": [{"level": grade.level, "atoms": len(grade)} for grade in scheme.grades],
            "atoms": scheme.atoms,
            "depth": scheme.depth,
        }

    def _objection(self, verdict: Verdict) -> str:
        number = next(j for j, report in enumerate(self.components, 1) if report.verdict is verdict)
        return f"component {number} of {len(self.components)}: {self.components[number - 1]._objection(verdict)}"

    def _achieved(self) -> str:
        scheme = self.scheme
        tols = [tol_text(report.tol) for report in self.components if report.tol is not None]
        bounds = [report.sup_text for report in self.components]
        asked, same = len(tols) == len(self.components), len(set(tols)) == 1
        bound = max(bounds, key=Fraction) if same else ", ".join(bounds)
        end = f" <= tol = {tols[0] if same else ', '.join(tols)}" if asked else ""
        return (
            f"({plain(scheme.target.text)}) on {scheme.target.box}: "
            f"{count(len(scheme), 'component')}, {count(len(scheme.grades), 'grade')}, {count(scheme.atoms, 'atom')}, "
            f"sup-norms of the residuals <= {bound}{end}"
        )


def verify_components(
    scheme: VectorScheme, tol: Any = None, *, target: VectorTarget | None = None, workers: int = 1,
    executor: Executor | None = None, **options: Any,
) -> VectorReport:  # fmt: skip
    """Every component by itself; nothing that one of them shows is used for another."""
    tols = per_component(tol, len(scheme), "tol")
    if target is not None and len(target.components) != len(scheme):
        raise OptionError(f"the scheme has {len(scheme)} components, the target {len(target.components)}")
    targets = [None] * len(scheme) if target is None else target.components
    parts = zip(scheme.components, tols, targets, strict=True)
    with open_executor(workers, executor) as pool:
        return VectorReport(tuple(verify_scheme(s, t, target=f, executor=pool, **options) for s, t, f in parts))
