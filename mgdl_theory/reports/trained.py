"""What a report on a trained model says in words and numbers, where that differs from a construction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

from mgdl_theory.certificate.refutation import refutation
from mgdl_theory.errors import CertificateError
from mgdl_theory.pictures.style import chosen
from mgdl_theory.relu.trained import TrainedGrade
from mgdl_theory.reports.content import (
    COLUMNS,
    NONE,
    ROWS,
    Content,
    Row,
    Table,
    bound_cells,
    content,
    rows_note,
    shared,
    target_line,
    trusted,
    used_columns,
    witness_lines,
)
from mgdl_theory.text import bounds_texts, count, near_text, percent_text, plain, tol_text
from mgdl_theory.verification.record import Report, ScalarRecord
from mgdl_theory.verification.trained import MODEL_CLAIMS, SCAN, ModelReport

TITLE = "Trained multigrade network for"
"""Definition: the heading, before the formula."""

OWN = "The methods of training are known ones. The verification is this project's own, and never looks at the training."
"""Definition: the sentence on what is whose."""

CERTIFIES = "Bounds and verdicts by grade are certified, squares exact; the rest is counted or noted"
"""Definition: what is said of the grade table, of a certified target."""

PROVED = (
    "What is proved are the bounds and verdicts in the grade table; bounds are rounded outward.",
    "The bounds are not proved either: the target has no modulus of continuity.",
)
"""Definition: the sentences on numbers, of a certified target and of any other."""

TRAINING = ("grade", "solver", "width", "layers", "epochs asked", "steps taken", "rel. gap", "last loss", "accepted")
"""Definition: headings of the table on the training."""

NOTE = 40
"""Experience: characters of a text in a note that are shown."""


def content_of(report: ScalarRecord, page: bool = True) -> Content:
    """The words and numbers of a report on a scheme or on a trained model."""
    return trained_content(report, page) if isinstance(report, ModelReport) else content(cast("Report", report), page)


def trained_content(report: ModelReport, page: bool = True) -> Content:
    """The words and numbers of a report on a trained model; for ``page`` see ``content``.

    >>> import mgdl_theory as mg
    >>> from mgdl_theory.training import TrainedModel
    >>> f = mg.target("x/2")
    >>> said = trained_content(mg.verify(TrainedModel(f.box).on(f)))
    >>> said.verdict, said.row(0).cells["upper"], said.row(0).cells["squares"]
    ('UNDECIDED', '0.5', '1')
    """
    model, target = report.model, report.target
    described = target.describe()
    bounds = report.bound_texts
    rows = tuple(_row(report, k, bounds[k]) for k in chosen(range(len(bounds)), ROWS if page else len(bounds)))
    shown = [row.number for row in rows if row.number]
    sha256, why = _refutation(report) if page else ("", "")
    commands, python = _again(report, described, bool(sha256))
    tables = [Table("How every grade was trained, as the training noted it", _training(model.grades, shown))]
    if points := [report.rows[k].witness for k in shown if report.rows[k].witness]:
        lines = [(str(w.grade), "; ".join(witness_lines(w))) for w in points if w]
        tables.append(Table("A point for every grade that let |e| grow somewhere", (("grade", "witness"), *lines)))
    return Content(
        **shared(report, target, MODEL_CLAIMS),
        facts=_facts(report),
        columns=used_columns(rows),
        rows=rows,
        rows_note=rows_note(rows, len(report.rows)),
        norms=(),
        commands=commands,
        python=python,
        sha256=sha256,
        no_certificate=why,
        own=OWN,
        title=TITLE,
        certifies=CERTIFIES,
        proved=PROVED,
        tables=tuple(tables),
        notes=_notes(report),
        asked="trained" if report.tol is None else f"trained, tol {tol_text(report.tol)}",
        given=tuple(trusted(described)),
    )


def _facts(report: ModelReport) -> tuple[tuple[str, str, str], ...]:
    """Name, value and note of what a reader wants to know first."""
    model, last = report.model, report.rows[-1]
    known = math.isfinite(last.residual_sup_upper)
    ((low, high),) = bounds_texts([(last.residual_sup_lower, last.residual_sup_upper)], report.tol, 6)
    certified = "certified" if report.target.certified else "not certified: the target has no modulus of continuity"
    leaves = "1 leaf" if report.leaf_count == 1 else f"{report.leaf_count} leaves"
    layers = sum(grade.depth for grade in model.grades)
    return (
        ("sup-norm of the last residual", f"≤ {high}" if known else "no bound",
         f"{certified}; at some point at least {low}"),
        ("tolerance", "none" if report.tol is None else tol_text(report.tol),
         "nothing is claimed of the sup-norm" if report.tol is None else "claimed of the sup-norm"),
        ("squares on the data", _squares(last.relative_error), "of those of f; the nearest to the exact quotient"),
        ("grades", str(len(model.grades)), "trained one after another, each on frozen ones"),
        ("parameters", f"{model.parameters}", "weights, biases, readouts and constants"),
        ("network", f"width {max((g.width for g in model.grades), default=0)}", count(layers, "hidden layer")),
        ("proof mesh", leaves if report.leaf_count else "unfinished", "cells that tile the domain"),
        ("trained in", f"{near_text(sum(row.seconds for row in report.rows))} s", f"seed {model.seed}"),
        ("verified in", f"{near_text(report.seconds)} s", "on the machine that made this report"),
    )  # fmt: skip


def _squares(value: float) -> str:
    return near_text(value, 4)


def _row(report: ModelReport, k: int, bounds: tuple[str, str]) -> Row:
    row = report.rows[k]
    cells = (
        dict.fromkeys(COLUMNS, NONE)
        | bound_cells(report, k, bounds)
        | {
            "grade": str(k),
            "parameters": str(row.parameters),
            "squares": _squares(row.relative_error),
            "grown": percent_text(row.grown) if k else NONE,
            "seconds": near_text(row.seconds) if k else NONE,
        }
    )
    return Row(k, cells, row.residual_sup_lower, row.residual_sup_upper)


def _training(grades: Sequence[TrainedGrade], shown: Sequence[int]) -> tuple[tuple[str, ...], ...]:
    """Headings, then a line for each of these grades; notes may come from a file and say anything."""
    lines: list[tuple[str, ...]] = [TRAINING]
    for k in shown:
        grade, note = grades[k - 1], grades[k - 1].note
        last = _told(float(grade.history[-1, 1])) if len(grade.history) and note.get("solver") == "adam" else NONE
        told = [_told(note.get(name)) for name in ("solver", "epochs", "steps", "relative_gap", "accepted")]
        lines.append((str(k), told[0], str(grade.width), str(grade.depth), *told[1:4], last, told[4]))
    return tuple(lines)


def _told(value: Any) -> str:
    """A number or a short text of a note."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and abs(value) < 1 << 53:
        return str(value)
    if isinstance(value, float):
        return near_text(value)
    return plain(value[:NOTE]) if isinstance(value, str) else NONE


def _notes(report: ModelReport) -> tuple[tuple[str, str], ...]:
    """What is proved and what is not."""
    certified = report.target.certified
    told = {
        "proved": (
            "The bounds sup|e| ≥ and sup|e| ≤ hold over the whole domain and are rounded outward. PROVED holds at "
            "every point of it, and REFUTED has an exact point that shows it."
        )
        if certified
        else (
            "Nothing but what is said of the sums of squares: the target has no modulus of continuity, and the bounds "
            "are estimates."
        ),
        "exact on the data only": (
            "The sums of squares are rational numbers, and so is what decides l2-decrease; the table has the nearest "
            "decimals. Between the points of the data they say nothing."
        ),
        "counted only": (
            f"The share called grown is of {SCAN:,} random points, in floating point. It proves nothing, nor does 0."
        ),
        "noted only": (
            "How a grade was trained, its losses, its gap and its seconds are what the training noted, in floating "
            "point. A small gap concerns the convex problem with the patterns that were drawn, and is no proof."
        ),
        "not promised": (
            "Training promises one thing: on its own data no grade increases the sum of squares, exactly, for one that "
            "does not decrease it is set to 0. Elsewhere the residual may grow, and this report says whether it did. "
            "Grades for which it provably does not are made with --balanced yes."
        ),
    }
    return tuple(told.items())


def _refutation(report: ModelReport) -> tuple[str, str]:
    """SHA-256 of the refutation; or why there is none."""
    try:
        return str(refutation(report).data["sha256"]), ""
    except CertificateError as error:
        return "", plain(str(error))


def _again(report: ModelReport, described: dict[str, Any], refuted: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Shell commands and lines of Python that verify the model anew, and check its refutation."""
    if described.get("kind") != "expression":
        return (), ()
    tol = "" if report.tol is None else f", {tol_text(report.tol)!r}"
    python = [
        "import mgdl_theory as mg",
        "from mgdl_theory.training import load_model",
        target_line(described),
        f'report = mg.verify(load_model("model.npz").on(f){tol})',
    ]
    if refuted:
        python.insert(1, "from mgdl_theory.certificate.refutation import refutation")
        python.append('refutation(report).save("refutation.json")')
    return ("mgdl-theory check refutation.json",) if refuted else (), tuple(python)
