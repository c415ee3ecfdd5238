"""Certificates: a report as exact data, written to and read from files.

A certificate is a JSON object of integers and texts (no floats) that carries everything a proof of its claims
needs: the formula and its box, the lift, the grades with their exact coefficients, leaves that tile the box with
a bound on each, and the claims.  The format is docs/certificate.md, the judge of a file is ``check.py``.
"""

from __future__ import annotations

import gzip
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from mgdl_theory.archive import write_atomic
from mgdl_theory.atom import Atoms
from mgdl_theory.certificate import check
from mgdl_theory.errors import CertificateError
from mgdl_theory.rigor.dyadic import integers, pair
from mgdl_theory.rigor.rounding import checked_arithmetic
from mgdl_theory.scheme import Scheme
from mgdl_theory.targets import target
from mgdl_theory.targets.base import THETA, FloatArray
from mgdl_theory.text import plain
from mgdl_theory.vector import require_scalar
from mgdl_theory.verification.claims import CLAIMS
from mgdl_theory.verification.record import GradeRow, LeafBlock, Report
from mgdl_theory.verification.scheme import verify_scheme
from mgdl_theory.verification.verdict import Result, Verdict, Witness

FORMAT, VERSION = "mgdl-theory-certificate", 1
"""Definition: what the fields ``format`` and ``version`` of a file say."""

BOUND_BITS = 20
"""Experience: claimed bounds are rounded up to multiples of the tolerance / 2**20, so that they are short."""

WITNESS_BITS = 40
"""Definition: the residuals at a witness are enclosed to so many bits, which any checker can confirm."""

STRUCTURE = {
    "tiling": (
        "Section 4, Lemma 12",
        "the leaves cover the box without overlap; the star of every atom lies in leaves of its level or finer ones",
    ),
    "leaves": ("Section 4, Lemma 12", "max_w |e(w)| + defect <= the bound of the leaf, for the last residual e"),
    "residuals": (
        "Section 4, Lemmas 12 and 14",
        "lower <= |e_k(at)|, and |e_k| <= upper on every cell, for every grade k",
    ),
}
"""Definition: the claims that only certificates make, with their sources and relations."""


@dataclass(frozen=True)
class Document:
    """Exact data with a hash; ``data`` is what JSON calls an object."""

    data: dict[str, Any]

    @property
    def text(self) -> str:
        """The canonical text: sorted keys, no spaces, ASCII, one line."""
        return check.canonical(self.data)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the file, compressed if its name ends in .gz; whole or not at all."""
        path = Path(path)
        if not path.name.endswith((".json", ".json.gz")):
            raise CertificateError(f"certificate: expected a name ending in .json or .json.gz, got {path.name!r}")
        raw = (self.text + "\n").encode("ascii")
        try:
            write_atomic(path, gzip.compress(raw, mtime=0) if path.name.endswith(".gz") else raw)
        except OSError as error:
            raise CertificateError(f"{str(path)!r} cannot be written: {error.strerror or error}") from None
        return path


class Certificate(Document):
    """The content of a certificate, as in docs/certificate.md."""

    @property
    def status(self) -> str:
        """complete, incomplete or refuted."""
        return str(self.data["status"])

    def scheme(self) -> Scheme:
        """The scheme that the certificate is about; its grades and numbers are exactly those of the certificate."""
        data, given = self.data, self.data["target"]
        try:
            ends = zip(given["box"]["lower"], given["box"]["upper"], strict=True)
            f = target(given["expression"], [end for side in ends for end in side], variables=given["variables"])
            atoms = [
                Atoms(g["level"], np.array(g["nodes"], dtype=np.int64).reshape(-1, f.dim), _floats(g))
                for g in data["grades"]
            ]
            complete = data["status"] == "complete"
            return Scheme.of(
                f, _float(data["lift"]), atoms, _float(data["tolerance"]), complete=complete,
                reason=plain(data["reason"]), lift_reason="the lift was read from a certificate",
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise CertificateError(
                f"certificate: it holds no scheme that this package can represent: {error}"
            ) from None


@checked_arithmetic()
def certificate(source: Scheme | Report) -> Certificate:
    """The certificate of a verified scheme.

    Parameters
    ----------
    source : Report or Scheme
        A scheme is verified first.

    Returns
    -------
    Certificate
        It claims what the report proved (or refuted, with the witness), as far as the format has a place for it.

    Raises
    ------
    CertificateError
        If the target is not a formula, or the verification stopped before it had leaves over the whole domain.

    >>> from mgdl_theory.construction import construct
    >>> from mgdl_theory.targets import target
    >>> certificate(construct(target("x**2"), 0.5)).data["grades"]
    [{'level': 1, 'exponent': ..., 'nodes': ..., 'coefficients': ...}]
    """
    require_scalar(source, "certificates")
    report = source if isinstance(source, Report) else verify_scheme(source)
    description = report.scheme.target.describe()
    if description.get("kind") != "expression":
        raise CertificateError("certificate: the target is not a formula; the format has no place for others yet")
    dim = report.scheme.dim
    leaves = report.leaves()
    if sum(Fraction(len(block.cells), 1 << dim * block.level) for block in leaves) != 1:
        raise CertificateError("certificate: the verification stopped early and has no bounds on the whole domain")
    exponent = _bound_exponent(report)
    claims = _claims(report)
    decided = {claim["verdict"] for claim in claims if claim["claim"] != "sup-decrease"}
    data = {
        "format": FORMAT,
        "version": VERSION,
        "target": target_fields(description),
        "lift": pair(report.scheme.lift),
        "tolerance": pair(report.goal),
        "margin_rule": {f"order-{order}": str(Fraction(theta)) for order, theta in sorted(THETA.items())},
        "status": "refuted" if "REFUTED" in decided else "incomplete" if "UNDECIDED" in decided else "complete",
        "reason": report.scheme.reason,
        "grades": _grades(report.scheme),
        "residuals": [_row(row, exponent, report) for row in report.rows],
        "leaves": {"exponent": exponent, "levels": [_leaves(block, exponent, report.goal) for block in leaves]},
        "claims": claims,
    }
    _name_falls(data)
    return Certificate({**data, "sha256": check.digest(data)})


def target_fields(description: dict[str, Any]) -> dict[str, Any]:
    """The field ``target`` of a file, from the description of a formula."""
    fields = ("variables", "box", "assumptions")
    return {
        "kind": "expression",
        "expression": description["canonical"],
        **{name: description[name] for name in fields},
        **({"gaps": description["gaps"]} if "gaps" in description else {}),
    }


def load_certificate(path: str | os.PathLike[str]) -> Certificate:
    """Read a certificate file, plain or gzip; its hash and its form are checked, its claims are not (see check.py).

    Raises
    ------
    CertificateError
        If there is no such file, or it is not a well-formed certificate with the right hash.
    """
    try:
        data = check.read(os.fspath(path))
        if data["format"] != FORMAT:
            raise CertificateError(f"{str(path)!r}: a refutation of a network holds no scheme; give it to check")
        check.Certificate(data)
    except OSError as error:
        raise CertificateError(f"{str(path)!r} cannot be read: {error.strerror or error}") from None
    except check.Refused as refused:
        raise CertificateError(f"{str(path)!r}: {refused.text}") from None
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise CertificateError(f"{str(path)!r}: a field is missing or has the wrong type: {error!r}") from None
    return Certificate(data)


def load_scheme(path: str | os.PathLike[str]) -> Scheme:
    """The scheme in a certificate file."""
    return load_certificate(path).scheme()


# -- exact numbers ---------------------------------------------------------------------------------


def _exact(dyadic: Sequence[int]) -> Fraction:
    return dyadic[0] * Fraction(2) ** dyadic[1]


def _float(dyadic: Sequence[int]) -> float:
    """The float m 2**e, if it is one."""
    exact = _exact(dyadic)
    if Fraction(float(exact)) != exact:
        raise ValueError(f"{dyadic[0]} * 2**{dyadic[1]} is not a binary64 number")
    return float(exact)


def _floats(grade: dict[str, Any]) -> FloatArray:
    return np.array([_float((m, grade["exponent"])) for m in grade["coefficients"]], dtype=np.float64)


def _above(values: FloatArray, exponent: int, tol: float) -> list[int | None]:
    """For each value >= 0 an n with value <= n 2**exponent, strictly where the tolerance leaves room; None for inf.

    Values of less than 2**53 units are split into a whole number of units and a rest, which floats do exactly; larger
    ones, which are whole numbers of units, are taken one by one as exact integers.

    >>> _above(np.array([0.5, 0.6, 1.0, np.inf]), -2, 1.0)
    [3, 3, 4, None]
    """
    limit = math.floor(Fraction(tol) / Fraction(2) ** exponent)  # more units than these are above the tolerance
    with np.errstate(over="ignore"):
        units = np.ldexp(values, -exponent)
    few = units < 2.0**53
    low = np.floor(np.where(few, units, 0.0))
    close = (low + 1 > min(limit, 1 << 53)) & (values <= tol)
    above = low + np.where(close, np.ldexp(low, exponent) < values, 1)  # the value rounded up, or more
    found: list[int | None] = above.astype(np.int64).tolist()
    for i in np.flatnonzero(~few).tolist():
        value = float(values[i])
        n = math.floor(Fraction(value) / Fraction(2) ** exponent) if math.isfinite(value) else None
        found[i] = None if n is None else n if n >= limit and value <= tol else n + 1
    return found


def _below(value: float) -> list[int]:
    """[m, e] a little below a value >= 0, so that every checker can confirm it.

    >>> _below(0.0), _below(1.0)[0] * 2.0 ** _below(1.0)[1] < 1.0
    ([0, 0], True)
    """
    unit = Fraction(2) ** (math.frexp(value)[1] - WITNESS_BITS)
    return pair(max(Fraction(0), (math.floor(Fraction(value) / unit) - 1) * unit))


def around(enclosures: Sequence[tuple[Fraction | float, Fraction | float]]) -> list[list[list[int]]]:
    """Enclosures [lo, hi] as pairs, widened by 2**-WITNESS_BITS of the largest end."""
    exact = [(Fraction(lo), Fraction(hi)) for lo, hi in enclosures]
    largest = float(max(abs(end) for ends in exact for end in ends))
    unit = Fraction(2) ** (math.frexp(largest)[1] - WITNESS_BITS)
    return [[pair(math.floor(lo / unit) * unit - unit), pair(math.ceil(hi / unit) * unit + unit)] for lo, hi in exact]


def _bound_exponent(report: Report) -> int:
    """The unit of claimed bounds: short, and fine enough that rounding up does not miss the tolerance."""
    exponent = math.frexp(report.goal)[1] - BOUND_BITS
    upper = report.residual_sup_upper
    if not upper <= report.goal:
        return exponent
    while not _claimed(upper, exponent, report.goal) <= report.goal:  # ends: the unit divides the tolerance
        exponent -= BOUND_BITS
    return exponent


def _claimed(value: float, exponent: int, tol: float) -> Fraction:
    """The bound that is claimed where this finite value was shown."""
    (n,) = _above(np.array([value]), exponent, tol)
    assert n is not None
    return _exact((n, exponent))


# -- parts of a certificate ------------------------------------------------------------------------


def _grades(scheme: Scheme) -> list[dict[str, Any]]:
    found, level = [], 0
    for grade in scheme.grades:
        level = grade.level if len(grade) else level  # a grade without atoms has any level
        coefficients, exponent = integers(grade.atoms.coefficients)
        nodes, numbers = grade.atoms.nodes.tolist(), coefficients.tolist()
        found.append({"level": level, "exponent": exponent, "nodes": nodes, "coefficients": numbers})
    return found


def _row(row: GradeRow, exponent: int, report: Report) -> dict[str, Any]:
    upper, at = row.residual_sup_upper, row.peak or report.scheme.target.box.lower
    claimed = pair(_claimed(upper, exponent, report.goal)) if math.isfinite(upper) else None
    return {"upper": claimed, "lower": _below(row.residual_sup_lower), "at": [str(x) for x in at]}


def _leaves(block: LeafBlock, exponent: int, tol: float) -> dict[str, Any]:
    return {"level": block.level, "cells": block.cells.tolist(), "bounds": _above(block.bounds, exponent, tol)}


def _claims(report: Report) -> list[dict[str, Any]]:
    """Every claim of the format, in its order, with what the report says of it."""
    results = {result.claim: result for result in report.results}
    for name, result in results.items():
        if result.verdict is Verdict.REFUTED and name not in check.CLAIMS:
            raise CertificateError(f"certificate: the report refutes the claim {name}, for which there is no place")
    claims: list[dict[str, Any]] = []
    for name in check.CLAIMS:
        if name in STRUCTURE:
            source, relation = STRUCTURE[name]
            seen = f"{report.leaf_count} leaves, {len(report.rows)} rows"
            claims.append(_claim(name, "PROVED", source, relation, seen))
            continue
        result = results.get(name) or _reached(report)
        verdict = str(result.verdict) if result.verdict in (Verdict.PROVED, Verdict.REFUTED) else "UNDECIDED"
        claims.append(_claim(name, verdict, CLAIMS[name].source, CLAIMS[name].relation, result.evidence))
        if result.witness is not None:
            claims[-1]["witness"] = _witness(result.witness, report.scheme, after_all=name == "sup-norm")
    return claims


def _reached(report: Report) -> Result:
    """The claim on the sup-norm where no tolerance was asked for: that of the file is the bound that was reached."""
    verdict = Verdict.PROVED if report.residual_sup_upper <= report.goal else Verdict.UNDECIDED
    return Result("sup-norm", verdict, "no tolerance was asked for; this one is the bound that was reached")


def _claim(name: str, verdict: str, source: str, relation: str, reason: str) -> dict[str, Any]:
    return {"claim": name, "verdict": verdict, "source": source, "relation": relation, "reason": reason}


def _witness(witness: Witness, scheme: Scheme, after_all: bool) -> dict[str, Any]:
    """The point with enclosures of the residual before and after the grade; those after it are before it minus g."""
    k = witness.grade
    g = scheme.exact(witness.x, k) - scheme.exact(witness.x, max(k - 1, 0))
    lo, hi = map(Fraction, witness.after if after_all else witness.before)
    before, after = ((lo + g, hi + g), (lo, hi)) if after_all else ((lo, hi), (lo - g, hi - g))
    enclosures = around([before, after])
    return {"x": [str(v) for v in witness.x], "grade": k, "before": enclosures[0], "after": enclosures[1]}


def _name_falls(data: dict[str, Any]) -> None:
    """Name the grades at which the rounded bounds show that the sup-norm falls."""
    upper = [_exact(row["upper"]) if row["upper"] else Fraction(1 << 2000) for row in data["residuals"]]
    lower = [_exact(row["lower"]) for row in data["residuals"]]
    falls = [k for k in range(1, len(upper)) if upper[k] < lower[k - 1]]
    claim = next(claim for claim in data["claims"] if claim["claim"] == "sup-decrease")
    claim["verdict"] = "PROVED" if falls else "UNDECIDED"
    claim["grades"] = falls
