"""Trained models drawn and reported: the numbers of the record, the witness, what is proved, and nothing hostile."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot
from pages import HOSTILE, Page, Stranger, flat, words

import mgdl_theory as mg
from mgdl_theory.cli import main
from mgdl_theory.pictures import KINDS, curves, save_plot
from mgdl_theory.reports import FORMATS, render, save_report
from mgdl_theory.reports.content import NONE
from mgdl_theory.reports.figures import curves as page_curves
from mgdl_theory.reports.figures import loss_chart, maps
from mgdl_theory.reports.trained import trained_content
from mgdl_theory.text import plain
from mgdl_theory.training import SOLVERS, Data, ModelReport, TrainedGrade, TrainedModel, sample, train

WAVE = "sin(6*x)*exp(-x)"
SMALL = ["--grades", "2", "--width", "6", "--epochs", "20", "--points", "33"]


def grown(formula: str, points: int, solver: str = "adam", tol: Any = None) -> ModelReport:
    f = mg.target(formula)
    data = sample(f, points)
    return mg.verify(train(data, [SOLVERS[solver](width=8, epochs=30)] * 2, seed=1).on(f), tol, data=data)


def line(*slopes: float) -> TrainedModel:
    """Grades g_k = slope_k x on [0, 1], of which nothing is noted."""
    model = TrainedModel(mg.Box.of([0, 1]))
    for slope in slopes:
        model = model.with_grade(TrainedGrade((np.eye(1),), (np.zeros(1),), np.array([slope]), 0.0))
    return model


@pytest.fixture(scope="module")
def wave() -> ModelReport:
    return grown(WAVE, 33, tol="1/100")


@pytest.fixture(scope="module")
def square() -> ModelReport:
    return grown("sin(3*x)*y", 49)


@pytest.fixture(scope="module")
def proved() -> ModelReport:
    return mg.verify(line(1.0, 0.5).on(mg.target("2*x")), "1/2")


@pytest.fixture(scope="module")
def stranger(wave: ModelReport) -> ModelReport:
    """A model out of a file whose notes say what they like, beside a target that does."""
    note = {"solver": HOSTILE, "epochs": 10**400, "steps": [1], "relative_gap": HOSTILE, "accepted": None}
    told = [[1, HOSTILE], [2], 3, [3, 10**400], [4, float("nan")], [5, float("inf")], [6, -1.0], HOSTILE]
    notes = [{**note, "history": told, "seconds": HOSTILE}, {**note, "history": HOSTILE}]
    grades = [replace(grade, note=new) for grade, new in zip(wave.model.grades, notes, strict=True)]
    return mg.verify(replace(wave.model, grades=tuple(grades)).on(Stranger(wave.target)))


# -- words and numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["wave", "square", "proved"])
def test_every_number_is_that_of_the_record(name: str, request: pytest.FixtureRequest) -> None:
    report: ModelReport = request.getfixturevalue(name)
    said = trained_content(report)
    assert [row.number for row in said.rows] == [row.grade for row in report.rows]
    for shown, row in zip(said.rows, report.rows, strict=True):
        assert int(shown.cells["parameters"]) == row.parameters
        lower, upper = Fraction(shown.cells["lower"]), Fraction(shown.cells["upper"])
        assert Fraction(row.residual_sup_lower) * Fraction(9998, 10000) <= lower <= Fraction(row.residual_sup_lower)
        assert Fraction(row.residual_sup_upper) <= upper <= Fraction(row.residual_sup_upper) * Fraction(10002, 10000)
        assert float(shown.cells["squares"]) == pytest.approx(row.relative_error, rel=1e-3)
        if row.grade:
            assert float(shown.cells["grown"].removesuffix("%")) == pytest.approx(100 * row.grown, abs=0.051)
            assert shown.cells["falls"] == str(row.nonincreasing)
            assert float(shown.cells["seconds"]) == pytest.approx(row.seconds, abs=0.051)
    for claim, result in zip(said.claims, report.results, strict=True):
        assert (claim.id, claim.verdict) == (result.claim, str(result.verdict))
    for shown_grade, grade in zip(said.tables[0].lines[1:], report.model.grades, strict=True):
        told = dict(zip(said.tables[0].lines[0], shown_grade, strict=True))
        assert (told["width"], told["layers"]) == (str(grade.width), str(grade.depth))
        assert told["solver"] == grade.note.get("solver", NONE)
        assert told["steps taken"] == str(grade.note.get("steps", NONE))
        assert told["accepted"] == {True: "yes", False: "no", None: NONE}[grade.note.get("accepted")]
        if len(grade.history):
            assert float(told["last loss"]) == pytest.approx(grade.history[-1, 1], rel=5e-3)


@pytest.mark.parametrize("kind", list(FORMATS))
@pytest.mark.parametrize("name", ["wave", "square", "proved"])
def test_every_format_says_all(name: str, kind: str, request: pytest.FixtureRequest) -> None:
    report: ModelReport = request.getfixturevalue(name)
    said, text = trained_content(report), flat(render(report, kind), kind)
    for claim in said.claims:
        for part in (claim.verdict, claim.id, claim.statement, claim.source, claim.relation, claim.evidence):
            assert words(part) in text, part
        for part in claim.witness:
            assert words(part) in text, part
    cells = [cell for row in said.rows for cell in row.cells.values()]
    tables = [cell for table in said.tables for cells in table.lines for cell in cells]
    notes = [part for note in said.notes for part in note]
    for part in (*cells, *tables, *notes, said.sentence, said.own, said.sha256, *said.commands, *said.python):
        assert words(part) in text, part
    assert words(said.title.removesuffix(" for")) in text
    for construction in ("nothing is trained", "Every weight is explicit", "the construction and the proofs"):
        assert words(construction).lower() not in text.lower()


def test_the_witness_of_every_refuted_grade_is_shown_exactly(wave: ModelReport) -> None:
    points = [row.witness for row in wave.rows if row.witness is not None]
    assert wave.verdict is mg.Verdict.REFUTED
    assert points
    (table,) = trained_content(wave).tables[1:]
    for point, (grade, text) in zip(points, table.lines[1:], strict=True):
        assert int(grade) == point.grade
        found = re.search(r"x = \(([^)]*)\)", text)
        assert found
        assert Fraction(found[1]) == point.x[0]
        pairs = [tuple(map(Fraction, pair.split(", "))) for pair in re.findall(r" in \[(.*?)\]", text)]
        for (lower, upper), pair in zip(pairs, (point.before, point.after), strict=True):
            assert lower <= Fraction(pair[0])
            assert Fraction(pair[1]) <= upper
    data = json.loads(Page.of(render(wave)).scripts[0])
    assert {tuple(pair) for pair in data["witness"]} >= {(p.grade, float(p.x[0])) for p in points}
    assert wave.as_dict()["grades"][points[0].grade]["witness"]["x"] == [str(points[0].x[0])]


def test_a_proved_model_has_no_witness_and_no_growth(proved: ModelReport) -> None:
    assert proved.verdict is mg.Verdict.PROVED
    assert len(trained_content(proved).tables) == 1
    data = json.loads(Page.of(render(proved)).scripts[0])
    assert data["witness"] == []
    assert data["curves"]["grew"] == [[], [], []]
    assert trained_content(proved).no_certificate


def test_the_refutation_that_a_report_names_is_the_one_that_is_written(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    code = main(["train", WAVE, *SMALL, "--quiet", "--refutation", str(file), "--report", str(tmp_path / "r.md")])
    digest = json.loads(file.read_text())["sha256"]
    assert code == 1
    assert digest in (tmp_path / "r.md").read_text(encoding="utf-8")


def test_without_a_modulus_nothing_is_called_proved(stranger: ModelReport) -> None:
    said = trained_content(stranger)
    assert {claim.id for claim in said.claims if claim.verdict == "PROVED"} <= {"l2-decrease"}
    assert {row.cells["falls"] for row in said.rows[1:]} <= {"EVIDENCE", "UNDECIDED"}
    assert not [row for row in stranger.rows if row.witness]
    for kind in FORMATS:
        text = render(stranger, kind)
        shown = "".join(Page.of(text).texts) if kind == ".html" else text
        assert "proved bound" not in shown
        assert "certified;" not in shown.replace("not certified;", "")


def test_many_grades_are_thinned_and_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mgdl_theory.reports.trained.ROWS", 20)
    report = mg.verify(line(*[1 / 32] * 24).on(mg.target("x")), cells=600)
    said = trained_content(report)
    assert len(said.rows) <= 20
    assert said.rows_note == f"{len(said.rows)} of 25 rows"
    for kind in FORMATS:
        assert f"{said.rows_note} are shown" in render(report, kind)
    assert len(said.tables[0].lines) == len(said.rows)
    assert sorted(report.covers) == list(range(5, 25))


# -- no text commands anything ---------------------------------------------------------------------


def test_the_page_is_one_file_that_asks_nothing(wave: ModelReport, square: ModelReport, tmp_path: Path) -> None:
    for report in (wave, square):
        text = report.save(tmp_path / "r.html").read_text(encoding="utf-8")
        page = Page.of(text)
        (policy,) = [a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a]
        assert policy is not None
        assert policy.startswith("default-src 'none'")
        for tag, attributes in page.tags:
            for name in ("src", "href"):
                address = attributes.get(name) or "#"
                assert address.startswith(("#", "data:")) or (tag, name) == ("a", "href")
        names = {name for _, attributes in page.tags for name in attributes}
        assert not [name for name in names if name.startswith("on") or name == "style"]
        references = {a["href"] for tag, a in page.tags if tag == "a" and (a["href"] or "").startswith("#")}
        assert {str(r)[1:] for r in references} <= {a.get("id") for _, a in page.tags}


def test_hostile_texts_are_texts(stranger: ModelReport, wave: ModelReport) -> None:
    page, usual = Page.of(render(stranger)), Page.of(render(wave))
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in usual.tags}
    assert len(page.scripts) == 2
    assert plain(HOSTILE) in "".join(page.texts)
    assert plain(HOSTILE[:40]) in "".join(page.texts)  # the solver of the note
    commands = re.compile(r"\\(?:[A-Za-z]+|.)")
    friendly = set(commands.findall(render(wave, ".tex")))
    new = set(commands.findall(render(stranger, ".tex"))) - friendly
    assert not [name for name in new if name in (r"\input", r"\write", r"\begin", r"\end")]
    parser = pytest.importorskip("markdown_it").MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(render(stranger, ".md"))
    inner = [child for token in tokens for child in token.children or []]
    assert not [token for token in [*tokens, *inner] if token.type.startswith("html") or token.type == "image"]
    assert [token.attrs["href"] for token in inner if token.type == "link_open"] == ["https://arxiv.org/abs/2601.16884"]


@pytest.mark.parametrize("name", ["wave", "square", "stranger"])
def test_latex_compiles(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    (tmp_path / "r.tex").write_text(render(request.getfixturevalue(name), ".tex"), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "r.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    wide = [float(n) for n in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout.decode(errors="replace"))]
    assert name == "stranger" or not [n for n in wide if n > 30]


def test_what_a_hostile_note_says_of_the_training_is_not_drawn(stranger: ModelReport) -> None:
    assert stranger.model.grades[0].history.tolist() == [[6.0, -1.0]]
    assert stranger.model.grades[1].history.shape == (0, 2)
    assert loss_chart(stranger) is None
    assert [row.seconds for row in stranger.rows] == [0.0, 0.0, 0.0]


# -- pictures --------------------------------------------------------------------------------------

CASES = [(name, kind) for name, dim in (("wave", 1), ("square", 2)) for kind in KINDS if dim in KINDS[kind].dims]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_kinds_that_make_sense_are_drawn_and_the_others_refused(
    name: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    report: ModelReport = request.getfixturevalue(name)
    if "trained model" in KINDS[kind].of:
        save_plot(report, kind, tmp_path / "p.svg")
        assert (tmp_path / "p.svg").stat().st_size > 2000
        return
    before = pyplot.get_fignums()
    for source in (report, report.model):
        with pytest.raises(mg.OptionError, match="trained"):
            mg.plot(source, kind)
    with pytest.raises(mg.OptionError, match="no atoms on a mesh"):
        KINDS[kind].draw(report)
    assert pyplot.get_fignums() == before


def test_a_model_alone_shows_its_training_and_a_scheme_has_none(wave: ModelReport) -> None:
    ax = mg.plot(wave.model, "training")
    for curve, grade in zip(ax.get_lines(), wave.model.grades, strict=True):
        assert np.column_stack(curve.get_data()).tolist() == grade.history.tolist()
    with pytest.raises(mg.OptionError, match="training only"):
        mg.plot(wave.model, "residuals")
    scheme = mg.construct(mg.target("x"), 0.1)
    with pytest.raises(mg.OptionError, match="of a trained model, not of a scheme"):
        mg.plot(scheme, "training")


def test_residuals_lie_in_the_bounds_that_are_drawn_and_growth_is_marked(wave: ModelReport) -> None:
    x = curves.sample_points(wave.approximation)
    e = [wave.target(x) - step for step in wave.approximation.steps(x)]
    for k, row in enumerate(wave.rows):
        edges, bounds = curves.leaf_envelope(wave, k)
        here = bounds[np.clip(np.searchsorted(edges, x, side="right") - 1, 0, len(bounds) - 1)]
        assert np.all(np.abs(e[k]) <= here * (1 + 1e-12))
        assert bounds.max() == row.residual_sup_upper
    page = mg.plot(wave, "residuals")
    labels = {text.get_text() for text in page.legends[0].get_texts()}
    assert {"$|e|$ grew (samples)", "witness", "proved bound of $\\Vert e_k\\Vert$"} <= labels


def test_norms_show_the_bounds_and_the_squares_of_the_record(wave: ModelReport) -> None:
    ax = mg.plot(wave, "norms")
    (container,) = ax.containers
    assert container.lines[0].get_ydata().tolist() == [row.residual_sup_upper for row in wave.rows]
    (right,) = [other for other in ax.figure.axes if other is not ax]
    assert right.get_lines()[0].get_ydata().tolist() == [row.relative_error for row in wave.rows]


def test_curves_and_maps_of_the_page_are_those_of_the_model(wave: ModelReport, square: ModelReport) -> None:
    data = page_curves(wave, [0, 1, 2])
    t = np.cumsum(data["at"]) / 2.0 ** data["bits"]
    e = np.array(data["rest"]["n"]) * data["rest"]["unit"]
    assert np.abs(e - wave.approximation.residual(t)).max() <= 1e-4 * np.abs(e).max()
    sizes = [np.abs(wave.target(t) - step) for step in wave.approximation.steps(t)]
    for k in (1, 2):
        where = np.zeros(len(t), dtype=bool)
        for first, count in data["grew"][k]:
            where[first : first + count] = True
        assert where.tolist() == (sizes[k] > sizes[k - 1]).tolist()
        envelope = data["envelopes"][k]
        starts = np.cumsum(envelope["at"]) / 2.0 ** data["bits"]
        bounds = np.array(envelope["up"]) * envelope["unit"]
        assert np.all(sizes[k] <= bounds[np.searchsorted(starts, t, side="right") - 1] * (1 + 1e-12))
    found = maps(square, trained_content(square).rows, ["x", "y"])
    assert [len(set(shots[0])) for shots in found.grades.values()] == [3, 3, 3]


# -- the command -----------------------------------------------------------------------------------


def test_train_writes_every_format(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for n, (report, picture, kind) in enumerate(
        [("a.html", "a.svg", "residuals"), ("a.md", "a.png", "training"), ("a.tex", "a.pdf", "norms")]
    ):
        out = [str(tmp_path / name) for name in (report, picture, f"{n}.json")]
        more = ["--report", out[0], "--plot", out[1], "--kind", kind, "--json", out[2]]
        assert main(["train", WAVE, *SMALL, *more]) == 1
        last = capsys.readouterr().out.splitlines()[-1]
        assert last == json.loads(Path(out[2]).read_text())["last_line"]
        assert last.startswith("REFUTED: ")
        assert words("REFUTED") in flat(Path(out[0]).read_text(encoding="utf-8"), Path(out[0]).suffix)
        assert Path(out[1]).stat().st_size > 1000


def test_train_balanced_writes_report_picture_and_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    more = ["--balanced", "yes", "--report", "b.md", "--plot", "b.svg", "--kind", "mesh", "--certificate", "b.json"]
    assert main(["train", WAVE, *SMALL, *more]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("PROVED: ")
    text = Path("b.md").read_text(encoding="utf-8")
    assert json.loads(Path("b.json").read_text())["sha256"] in text
    assert "nothing is trained" not in text
    assert "mg.construct" not in text  # it would be another scheme
    assert main(["check", "b.json"]) == 0
    assert Path("b.svg").stat().st_size > 1000


@pytest.mark.parametrize(
    ("wrong", "quoted"),
    [
        (["--report", "r.pdf"], "'r.pdf'"),
        (["--report", "no/r.html"], "no/r.html"),
        (["--plot", "p.html"], "'p.html'"),
        (["--plot", "no/p.svg"], "no/p.svg"),
        (["--plot", "p.svg", "--kind", "mesh"], "'mesh'"),
        (["--plot", "p.svg", "--kind", "slices"], "'slices'"),
        (["--plot", "p.svg", "--kind", "training", "--balanced", "yes"], "'training'"),
        (["--kind", "norms"], "--plot"),
        (["--certificate", "c.json"], "--balanced yes"),
        (["--certificate", "c.txt", "--balanced", "yes"], "'c.txt'"),
    ],
)
def test_names_are_checked_before_the_training(
    wrong: list[str], quoted: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mgdl_theory.training.train", None)
    monkeypatch.setattr("mgdl_theory.training.train_balanced", None)
    assert main(["train", WAVE, *wrong]) == 2
    assert quoted in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--report", "--plot", "--certificate"])
def test_the_verdict_is_told_where_a_file_cannot_be_written(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    for module in ("reports", "pictures.style", "certificate.schema"):
        monkeypatch.setattr(f"mgdl_theory.{module}.write_atomic", full)
    name = {"--report": "a.html", "--plot": "a.svg", "--certificate": "a.json"}[option]
    balanced = ["--balanced", "yes"] if option == "--certificate" else []
    assert main(["train", WAVE, *SMALL, "--quiet", *balanced, option, str(tmp_path / name)]) == 2
    said = capsys.readouterr().err
    assert "No space left on device" in said
    assert "the verdict was PROVED: " in said if balanced else "the verdict was REFUTED: " in said


def test_what_is_no_report_is_refused(wave: ModelReport, tmp_path: Path) -> None:
    with pytest.raises(mg.OptionError, match="expected a Report"):
        save_report(wave.model, tmp_path / "a.md")  # type: ignore[arg-type]
    with pytest.raises(mg.OptionError, match=r"'a\.pdf'"):
        wave.save("a.pdf")


@pytest.mark.parametrize(("formula", "slopes"), [("0*x", ()), ("0*x", (0.0, 0.0)), ("1e-200*x", (1e-201,)), ("x", ())])
def test_where_there_is_nothing_to_draw_everything_is_still_written(
    formula: str, slopes: tuple[float, ...], tmp_path: Path
) -> None:
    report = mg.verify(line(*slopes).on(mg.target(formula)))
    for kind in FORMATS:
        assert words(str(report.verdict)) in flat(render(report, kind), kind)
    for name, kind in KINDS.items():
        if "trained model" in kind.of and 1 in kind.dims:
            save_plot(report, name, tmp_path / "p.svg")


def test_an_infinite_bound_is_no_number(tmp_path: Path) -> None:
    names = [f"x{n}" for n in range(1, 17)]
    one = TrainedGrade((np.ones((1, 16)),), (np.zeros(1),), np.ones(1), 0.0)
    f = mg.target("+".join(names))
    report = mg.verify(TrainedModel(f.box, (one,)).on(f), data=Data(np.ones((1, 16)), [16.0]))
    assert report.residual_sup_upper == np.inf
    said = trained_content(report)
    assert said.rows[1].cells["upper"] == NONE
    assert ("proof mesh", "unfinished", "cells that tile the domain") in said.facts
    for kind in FORMATS:
        render(report, kind)
    save_plot(report, "norms", tmp_path / "p.svg")
