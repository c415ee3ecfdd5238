"""Verdicts: PROVED, REFUTED with a witness, UNDECIDED with a reason and best bounds, EVIDENCE from samples."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Any

from mgdl_theory.text import down_text, exact_text, up_text


class Verdict(Enum):
    """What is known of a claim; neither true nor false, so that no refutation passes for a proof.

    >>> bool(Verdict.REFUTED)
    Traceback (most recent call last):
    TypeError: the verdict REFUTED is neither true nor false; ask whether verdict is Verdict.PROVED
    """

    PROVED = "proved over the whole domain, by enclosures or exact arithmetic"
    REFUTED = "false, with a point that shows it"
    UNDECIDED = "neither proved nor refuted within the budget"
    EVIDENCE = "supported by samples only"

    @property
    def exit_code(self) -> int:
        """Exit code of a run whose worst verdict this is."""
        return {Verdict.PROVED: 0, Verdict.REFUTED: 1}.get(self, 3)

    def __str__(self) -> str:
        return self.name

    def __bool__(self) -> bool:
        raise TypeError(f"the verdict {self} is neither true nor false; ask whether verdict is Verdict.PROVED")


_RANK = (Verdict.PROVED, Verdict.EVIDENCE, Verdict.UNDECIDED, Verdict.REFUTED)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict of a conjunction: one REFUTED refutes it, and it is PROVED only if every part is.

    >>> print(worst([Verdict.PROVED, Verdict.UNDECIDED]))
    UNDECIDED
    """
    return max(verdicts, key=_RANK.index, default=Verdict.PROVED)


@dataclass(frozen=True, slots=True)
class Witness:
    """A point that refutes a claim.

    Attributes
    ----------
    x : tuple of Fraction
        The point, in coordinates of the box.
    grade : int
        The grade at which the claim fails.
    before, after : pair of float
        Enclosures of the residual at x before and after the grade.
    """

    x: tuple[Fraction, ...]
    grade: int
    before: tuple[float, float]
    after: tuple[float, float]

    def __str__(self) -> str:
        place = ", ".join(exact_text(v) for v in self.x)
        before, after = self.ranges
        return f"x = ({place}), grade {self.grade}: residual in {before} before, in {after} after"

    @property
    def ranges(self) -> tuple[str, str]:
        """The enclosures before and after; if the second is larger in magnitude throughout, so it is as printed."""
        (low, high), most = self.before, Fraction(0)
        least = max(self.after[0], -self.after[1])
        ends = (down_text(low, 9, lambda v: abs(v) < least), up_text(high, 9, lambda v: abs(v) < least))
        if math.isfinite(low) and math.isfinite(high):
            most = max(abs(Fraction(end)) for end in ends)
        (low, high), larger = self.after, (lambda v: abs(v) > most)
        return f"[{', '.join(ends)}]", f"[{down_text(low, 9, larger)}, {up_text(high, 9, larger)}]"

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; the point exactly."""
        return {
            "x": [str(v) for v in self.x],
            "grade": self.grade,
            "residual_before": list(self.before),
            "residual_after": list(self.after),
        }


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict on one claim, with what it rests on.

    Attributes
    ----------
    claim : str
        Identifier of the claim (``mgdl_theory.verification.claims.CLAIMS``).
    verdict : Verdict
    evidence : str
        PROVED: the certified numbers; UNDECIDED: the reason and the best bounds; EVIDENCE: the samples.
    witness : Witness or None
        Present exactly when the verdict is REFUTED.
    """

    claim: str
    verdict: Verdict
    evidence: str
    witness: Witness | None = None

    def __post_init__(self) -> None:
        if (self.verdict is Verdict.REFUTED) != (self.witness is not None):
            raise ValueError("a witness belongs to a refutation, and a refutation needs one")

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; the witness's point exactly."""
        out: dict[str, Any] = {"claim": self.claim, "verdict": str(self.verdict), "evidence": self.evidence}
        if self.witness is not None:
            out["witness"] = self.witness.as_dict()
        return out
