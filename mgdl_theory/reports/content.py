"""What a report says in words and numbers, once for all formats; every certified number is rounded outward."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any

from mgdl_theory.archive import versions
from mgdl_theory.certificate.schema import certificate
from mgdl_theory.errors import CertificateError
from mgdl_theory.pictures.style import chosen
from mgdl_theory.reports.texts import pretty
from mgdl_theory.rigor.rounding import ASSUMPTIONS, FUNCTION_ULPS, TRIG_REACH
from mgdl_theory.scheme import block_width, grade_depth
from mgdl_theory.targets.base import Target
from mgdl_theory.targets.formula.parser import parse
from mgdl_theory.text import bounds_texts, float_text, near_text, plain, point_text, tol_text, up_text
from mgdl_theory.verification.claims import CLAIMS, Claim
from mgdl_theory.verification.record import Report, ScalarRecord
from mgdl_theory.verification.trained import SCAN, ModelReport
from mgdl_theory.verification.verdict import Result, Witness

ROWS = 200
"""Experience: grades that a report shows; of more, so many evenly spread, and it says so."""

NONE = "–"
"""Definition: what stands where nothing is certified."""

WITNESS = "the witness"
"""Definition: what a refutation rests on, where there is nothing else to say; the witness has lines of its own."""

TITLE = "Multigrade ReLU approximation of"
"""Definition: the heading, before the formula."""

OWN = (
    "The construction and the proofs are this project's own realisation of the published statement; "
    "they are not the paper's proof."
)
"""Definition: the sentence on whose proof it is."""

PICTURES = "Curves, maps and drawings are pictures in floating point."
"""Definition: the sentence on pictures; what follows it depends on the target."""

PROVED = "What is proved are the numbers in the tables, which are rounded outward."
NOTHING = "Nothing is proved here, the bounds neither: the target has no modulus of continuity."
"""Definition: the sentences on numbers, of a certified target and of any other."""

CERTIFIES = "What is certified of every grade"
"""Definition: what is said of the grade table."""

COLUMNS = {
    "grade": ("grade", "number k of the grade; row 0 is the residual before any grade"),
    "level": ("level", "level l of its atoms: their mesh has side 2⁻ˡ in units of the box"),
    "atoms": ("atoms", "number of its atoms; each of them alone is a grade too if unit-grades is proved"),
    "lower": ("sup|e| ≥", "some point has at least this residual; rounded down"),
    "upper": ("sup|e| ≤", "no point has a larger residual; rounded up"),
    "ratio": ("ratio", "upper bound over that of the grade before, to the nearest"),
    "balanced": ("balanced", "verdict: g (e − g) ≥ 0 at every point"),
    "falls": ("|e| falls", "verdict: the magnitude of the residual grows at no point"),
    "theorem_a": ("theorem A", "the bound that Theorem A gives for this grade; rounded up"),
    "theorem_b": ("theorem B", "the bound that Theorem B gives for this grade; rounded up"),
    "total": ("all atoms", "atoms of all grades so far"),
    "network": ("network", "width and hidden layers of the network of all grades so far"),
    "squares": ("rel. squares", "sum of e^2 over sum of f^2 on the data, exact before it was rounded to the nearest"),
    "grown": ("grown", f"share of {SCAN:,} random points where |e| grew, in floating point: a count, no proof"),
    "parameters": ("parameters", "weights, biases, readouts and constants of all grades so far"),
    "seconds": ("seconds", "time that the training noted"),
}
"""Definition: columns of every grade table, with heading and meaning; a table has those that its grades fill."""

WEIGHTS = "Every weight is explicit: powers of two, integers and dyadic coefficients"
"""Definition: the sentence on the network; of a scheme that the builder has made it goes on."""

AGAIN = "In Python; it makes this scheme again unless that was stopped by a budget:"
LOADED = "In Python; the scheme is not made again but read from its certificate:"
"""Definition: what lines of Python do, for a scheme with the builder's history and for any other."""

PAPER = {
    "authors": "S. Zhang, Z. Shen and Y. Xu",
    "title": "Multigrade Neural Network Approximation",
    "year": "2026",
    "id": "arXiv:2601.16884",
    "url": "https://arxiv.org/abs/2601.16884",
}
"""Definition: the paper whose theorem is made explicit."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the grade table: the text of every column, and the numbers behind the two bounds for pictures."""

    number: int
    cells: dict[str, str]
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class ClaimText:
    """A claim with its verdict and what that rests on; ``witness`` holds sentences about the point that refutes it."""

    id: str
    verdict: str
    meaning: str
    statement: str
    source: str
    relation: str
    evidence: str
    decides: bool
    witness: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table beside that of the grades: ``lines`` has the headings first, and the first column names the line."""

    caption: str
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that a report says, as plain texts: no format has escaped them yet.

    ``asked`` is the tolerance of a construction, and ``given`` what a terminal says before the grades.
    """

    formula: str
    latex: str
    domain: str
    certified: bool
    verdict: str
    meaning: str
    sentence: str
    facts: tuple[tuple[str, str, str], ...]
    claims: tuple[ClaimText, ...]
    columns: dict[str, tuple[str, str]]
    rows: tuple[Row, ...]
    rows_note: str
    norms: tuple[tuple[str, ...], ...]
    assumptions: tuple[tuple[str, str, str], ...]
    about_target: tuple[tuple[str, str], ...]
    commands: tuple[str, ...]
    python: tuple[str, ...]
    sha256: str
    no_certificate: str
    version: str
    asked: str
    given: tuple[str, ...]
    own: str = OWN
    title: str = TITLE
    certifies: str = CERTIFIES
    proved: tuple[str, str] = (PROVED, NOTHING)
    weights: str = ""
    again: str = ""
    tables: tuple[Table, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()

    @property
    def bound(self) -> str:
        """What a bound of the residual is called."""
        return "proved bound" if self.certified else "bound (not certified)"

    @property
    def caption(self) -> str:
        """What the grade table holds."""
        bounds = self.certifies if self.certified else "Bounds by grade, not certified"
        return f"{bounds}{f'; {self.rows_note} are shown' if self.rows_note else ''}"

    @property
    def pictures(self) -> str:
        """What pictures and numbers are."""
        return f"{PICTURES} {self.proved[not self.certified]}"

    def row(self, number: int) -> Row:
        """The row of a grade."""
        return next(row for row in self.rows if row.number == number)


def content(report: Report, page: bool = True) -> Content:
    """The words and numbers of a report; those of a page have ``ROWS`` grades at most, and what its certificate is.

    >>> import mgdl_theory as mg
    >>> said = content(mg.verify(mg.construct(mg.target("x/2"), 0.1)))
    >>> said.verdict, said.claims[0].id, said.row(0).cells["upper"]
    ('PROVED', 'balanced', '0.5')
    """
    scheme, target = report.scheme, report.scheme.target
    described = target.describe()
    bounds = report.bound_texts
    grades = range(len(scheme.grades) + 1)
    rows = tuple(_row(report, k, bounds) for k in chosen(grades, ROWS if page else len(grades)))
    sha256, why = _digest(report) if page else ("", "")
    commands, python = _again(report, described)
    return Content(
        **shared(report, target, CLAIMS),
        asked="no tol" if report.tol is None else f"tol {tol_text(report.tol)}",
        facts=_facts(report),
        columns=used_columns(rows),
        rows=rows,
        rows_note=rows_note(rows, len(scheme.grades) + 1),
        norms=_norms(report, rows),
        commands=commands,
        python=python,
        sha256=sha256,
        no_certificate=why,
        weights=WEIGHTS + ("; nothing is trained." if scheme.history else "."),
        again=AGAIN if scheme.history else LOADED,
        given=(*trusted(described), f"c₀ = {float_text(scheme.lift)}: {plain(scheme.lift_reason)}"),
    )


# -- parts -----------------------------------------------------------------------------------------


def shared(report: Report | ModelReport, target: Target, known: Mapping[str, Claim]) -> dict[str, Any]:
    """What a report says of its target and its verdicts, be it on a scheme or on a trained model."""
    described = target.describe()
    return {
        "formula": plain(target.text),
        "latex": latex(target),
        "domain": str(target.box),
        "certified": target.certified,
        "verdict": str(report.verdict),
        "meaning": report.verdict.value,
        "sentence": pretty(plain(report.last_line()).removeprefix(f"{report.verdict}: ")),
        "claims": tuple(claim(result, known) for result in report.results),
        "assumptions": tuple(assumptions(described)),
        "about_target": tuple(about(described)),
        "version": versions()["version"],
    }


def _facts(report: Report) -> tuple[tuple[str, str, str], ...]:
    """Name, value and note of what a reader wants to know first."""
    scheme, (lower, upper) = report.scheme, (report.residual_sup_lower, report.residual_sup_upper)
    ((low, high),) = bounds_texts([(lower, upper)], report.tol, 6)
    bound = f"≤ {high}" if math.isfinite(upper) else "no bound"
    certified = "certified" if scheme.target.certified else "not certified: the target has no modulus of continuity"
    below = f"{certified}; at some point at least {low}"
    last = scheme.grades[-1].level if scheme.grades else 0
    return (
        ("sup-norm of the last residual", bound, below),
        ("tolerance", *_tolerance(report)),
        ("grades", str(len(scheme.grades)), f"the last at level {last}"),
        ("atoms", str(scheme.atoms), "hats with exact dyadic coefficients"),
        ("network", f"width {block_width(scheme.dim)}", f"{scheme.depth} hidden layers"),
        ("proof mesh", f"{report.leaf_count} leaves" if report.covers else "unfinished", "cells that tile the domain"),
        ("lift c₀", float_text(scheme.lift), plain(scheme.lift_reason)),
        ("verified in", f"{near_text(report.seconds)} s", "on the machine that made this report"),
    )


def _tolerance(report: Report) -> tuple[str, str]:
    """The tolerance, and whether the builder says that it was reached."""
    if report.tol is None:
        return "none", "nothing is claimed of the sup-norm"
    return tol_text(report.tol), "reached" if report.scheme.complete else plain(report.scheme.reason)


def claim(result: Result, known: Mapping[str, Claim]) -> ClaimText:
    """The verdict on one of these statements."""
    claim = known[result.claim]
    return ClaimText(
        id=claim.id,
        verdict=str(result.verdict),
        meaning=result.verdict.value,
        statement=pretty(claim.statement),
        source=claim.source,
        relation=pretty(claim.relation),
        evidence=pretty(plain(_evidence(result))),
        decides=claim.decides,
        witness=witness_lines(result.witness) if result.witness else (),
    )


def _evidence(result: Result) -> str:
    """What the verdict rests on, without the witness, which has lines of its own."""
    if result.witness is None:
        return result.evidence
    return result.evidence.removesuffix(str(result.witness)).removesuffix("e.g. ").rstrip("; ") or WITNESS


def witness_lines(witness: Witness) -> tuple[str, ...]:
    """Where it is, exactly, and the residual there before and after."""
    exact = ", ".join(map(str, witness.x))
    near = point_text(witness.x)
    point = f"x = ({exact})" + (f", about ({near})" if near != exact else "")
    before, after = witness.ranges
    if witness.before == witness.after:
        return (point, f"the residual after grade {witness.grade} lies in {after}")
    return (point, f"the residual before grade {witness.grade} lies in {before}", f"after it in {after}")


def _row(report: Report, k: int, bounds: Sequence[tuple[str, str]]) -> Row:
    scheme = report.scheme
    total = sum(len(grade) for grade in scheme.grades[:k])
    level, atoms = (str(scheme.grades[k - 1].level), len(scheme.grades[k - 1])) if k else (NONE, 0)
    network = f"{block_width(scheme.dim) if k else 0} x {grade_depth(scheme.dim, total)}"
    cells = dict.fromkeys(COLUMNS, NONE)
    cells |= {"grade": str(k), "level": level, "atoms": str(atoms), "total": str(total), "network": network}
    if k >= len(report.rows):  # the verification ended before this grade
        return Row(k, cells, 0.0, math.inf)
    row = report.rows[k]
    cells |= bound_cells(report, k, bounds[k])
    cells["theorem_a"], cells["theorem_b"] = up_or_none(row.theorem_a, 3), up_or_none(row.theorem_b, 3)
    if k:
        cells["balanced"] = str(row.balanced)
    return Row(k, cells, row.residual_sup_lower, row.residual_sup_upper)


def bound_cells(report: ScalarRecord, k: int, bounds: tuple[str, str]) -> dict[str, str]:
    """What the row of every grade says: its bounds, how they fell, and whether |e| did everywhere."""
    upper, ratio = report.rows[k].residual_sup_upper, report.ratios[k]
    return {
        "lower": bounds[0],
        "upper": bounds[1] if math.isfinite(upper) else NONE,
        "ratio": near_text(ratio) if math.isfinite(ratio) else NONE,
        "falls": str(report.rows[k].nonincreasing) if k else NONE,
    }


def used_columns(rows: Sequence[Row]) -> dict[str, tuple[str, str]]:
    """The columns in which some row has something."""
    return {name: told for name, told in COLUMNS.items() if any(row.cells[name] != NONE for row in rows)}


def up_or_none(value: float, digits: int) -> str:
    """A bound rounded up, where there is one."""
    return up_text(value, digits) if math.isfinite(value) else NONE


def rows_note(rows: Sequence[Row], count: int) -> str:
    """That some rows are left out, if so."""
    return f"{len(rows)} of {count} rows" if len(rows) < count else ""


def _norms(report: Report, rows: Sequence[Row]) -> tuple[tuple[str, ...], ...]:
    """Heading and one line for each of these grades, where L^p norms were asked for."""
    if not report.rows or not report.rows[0].norms:
        return ()
    lines = report.norm_lines
    heading = ("grade", *(f"L^{p} norm" for p, _, _ in report.rows[0].norms))
    return (heading, *(lines[row.number] for row in rows if row.number < len(lines)))


def assumptions(described: dict[str, Any]) -> Iterable[tuple[str, str, str]]:
    """Identifier, statement and check of everything the proof takes for granted of this process and this target."""
    known = {a.id: a for a in ASSUMPTIONS}
    usual = min(FUNCTION_ULPS.values())
    ulps = "".join(f"{n} for {name}, " for name, n in FUNCTION_ULPS.items() if n != usual) + f"{usual} for the others"
    constants = {"FUNCTION_ULPS": f"FUNCTION_ULPS ({ulps})", "TRIG_REACH": f"TRIG_REACH ({int(TRIG_REACH)})"}
    for name in described.get("assumptions", ()):
        if name in known:
            statement = reduce(lambda text, item: text.replace(*item), constants.items(), known[name].statement)
            yield name, pretty(statement), pretty(known[name].check)
        else:
            told = described.get(str(name).replace("-", "_")) or "as declared"
            told = told.get("text", told) if isinstance(told, dict) else told
            yield plain(str(name)), pretty(plain(str(told))), "samples at most; it is taken on trust"


def about(described: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """What a target tells of itself beside its formula and its box: a radius, a constant, the engine."""
    for name, value in described.items():
        if name not in ("text", "canonical", "box", "assumptions", "taken_on_trust"):
            if isinstance(value, str | int | Fraction):
                yield name.replace("_", " "), plain(str(value))
            elif isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
                yield name.replace("_", " "), plain(", ".join(value))


def trusted(described: Mapping[str, Any]) -> Iterable[str]:
    """What is taken on trust of a target, a sentence each."""
    return (f"taken on trust: {plain(str(line))}" for line in described.get("taken_on_trust", ()))


def _digest(report: Report) -> tuple[str, str]:
    """SHA-256 of the report's certificate; or why there is none."""
    try:
        return str(certificate(report).data["sha256"]), ""
    except CertificateError as error:
        return "", plain(str(error))


def _again(report: Report, described: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Shell commands and lines of Python that make the scheme anew, or read it, and check its certificate."""
    if described.get("kind") != "expression":
        return (), ()
    scheme, formula, sides = report.scheme, described["canonical"], sides_of(described)
    check = "mgdl-theory check certificate.json"
    if not scheme.history:  # it was trained, put together, or read from a file
        return (check,), ("import mgdl_theory as mg", 'print(mg.verify(mg.load_scheme("certificate.json")))')
    tol, lift = tol_text(scheme.tol), repr(scheme.lift) if scheme.lift else "none"
    python = (
        "import mgdl_theory as mg",
        target_line(described),
        f"scheme = mg.construct(f, tol={tol!r}, lift={lift!r})",
        'mg.verify(scheme).certificate().save("certificate.json")',
    )
    if list(parse(formula).variables) != described["variables"]:
        return (check,), python
    engine = [] if described["engine"] == "numpy" else ["--engine", described["engine"]]
    words = ["mgdl-theory", "verify", formula, "--domain", *sides, "--tol", tol, "--lift", lift, *engine]
    return (shlex.join([*words, "--certificate", "certificate.json"]), check), python


def sides_of(described: dict[str, Any]) -> list[str]:
    """Lower and upper end of every side of the box, exactly."""
    ends = described["box"]
    return [end for pair in zip(ends["lower"], ends["upper"], strict=True) for end in pair]


def target_line(described: dict[str, Any]) -> str:
    """The line of Python that makes the target of a formula."""
    more = f"domain={sides_of(described)!r}, variables={described['variables']!r}, engine={described['engine']!r}"
    return f"f = mg.target({described['canonical']!r}, {more})"


def latex(target: Any) -> str:
    """The formula in LaTeX, of a target that has one."""
    program = getattr(target, "program", None)
    return str(program.latex()) if program is not None else ""
