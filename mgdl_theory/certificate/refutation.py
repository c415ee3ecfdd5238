"""Refutations: a ReLU network and a point where it breaks a claim, as exact data that ``check.py`` confirms.

A certificate is about a scheme of hats, with bounds on its whole domain.  A network that was trained, or damaged, is
no such scheme, and a scheme may have too many bits for the verifier to reach such bounds.  To show that a claim is
false takes the numbers of a network and one point: the checker evaluates it there in rational arithmetic and encloses
the formula.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mgdl_theory.certificate import check
from mgdl_theory.certificate.schema import VERSION, Document, around, target_fields
from mgdl_theory.errors import CertificateError
from mgdl_theory.relu.compile import compile_network
from mgdl_theory.relu.trained import TrainedGrade, TrainedModel
from mgdl_theory.rigor.dyadic import integers, pair
from mgdl_theory.rigor.rounding import checked_arithmetic
from mgdl_theory.targets.base import FloatArray
from mgdl_theory.verification.record import Report
from mgdl_theory.verification.trained import ModelReport
from mgdl_theory.verification.verdict import Result, Verdict

CLAIMS = ("balanced", "nonincreasing", "sup-norm")
"""Definition: what a network can be refuted of by one point."""


class Refutation(Document):
    """The content of a refutation, as in docs/certificate.md."""


@checked_arithmetic()
def refutation(report: ModelReport | Report) -> Refutation:
    """The refutation of a network, or of the network of a scheme.

    Parameters
    ----------
    report : ModelReport or Report
        From ``verify``; one of ``CLAIMS`` is REFUTED.

    Returns
    -------
    Refutation
        The first of these claims that is REFUTED, its witness, and every number of the network.

    Raises
    ------
    CertificateError
        If none is REFUTED, or the target is not a formula.

    >>> from mgdl_theory.targets import target
    >>> from mgdl_theory.training import TrainedGrade, TrainedModel
    >>> from mgdl_theory.verification.approximation import verify
    >>> f, one = target("x"), np.ones((1, 1))
    >>> grows = TrainedModel(f.box, (TrainedGrade((one,), (np.zeros(1),), np.array([3.0]), 0.0),))
    >>> found = refutation(verify(grows.on(f)))
    >>> found.data["claim"], found.data["grades"][0]["readout"]
    ('nonincreasing', {'exponent': 0, 'weights': [[3]], 'biases': [0]})
    """
    approximation = report.approximation
    description, result = approximation.target.describe(), _refuted(report.results)
    if description.get("kind") != "expression":
        raise CertificateError("refutation: the target is not a formula; the format has no place for others yet")
    witness = result.witness
    assert witness is not None
    before, after = around([witness.before, witness.after])
    data = {
        "format": check.FORMATS[1],
        "version": VERSION,
        "target": target_fields(description),
        "lift": pair(approximation.lift),
        "tolerance": pair(report.tol or 0.0),
        "grades": [
            {
                "layers": [_layer(w, b) for w, b in zip(grade.weights, grade.biases, strict=True)],
                "readout": _layer(grade.readout[None, :], [grade.constant]),
            }
            for grade in _grades(report)
        ],
        "claim": result.claim,
        "witness": {"x": [str(x) for x in witness.x], "grade": witness.grade, "before": before, "after": after},
    }
    return Refutation({**data, "sha256": check.digest(data)})


def _grades(report: ModelReport | Report) -> Sequence[TrainedGrade]:
    if isinstance(report, ModelReport):
        return report.model.grades
    scheme = replace(report.scheme, lift=0.0)
    if not all(map(len, scheme.grades)):
        raise CertificateError("refutation: a grade of the scheme has no atoms, hence its network no layers")
    return TrainedModel.from_network(compile_network(scheme)).grades


def _refuted(results: Iterable[Result]) -> Result:
    for result in results:
        if result.claim in CLAIMS and result.verdict is Verdict.REFUTED:
            return result
    raise CertificateError(f"refutation: the report refutes none of the claims {', '.join(CLAIMS)}")


def _layer(weights: FloatArray, biases: Any) -> dict[str, Any]:
    """W and b as integers times one power of two, exactly."""
    whole, exponent = integers(np.column_stack([weights, biases]))
    return {"exponent": exponent, "weights": whole[:, :-1].tolist(), "biases": whole[:, -1].tolist()}
