"""Reports: the same words and numbers in every format, rounded outward, and no text commands anything."""

from __future__ import annotations

import json
import math
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages import HOSTILE, Page, Stranger, flat, words

import mgdl_theory as mg
from mgdl_theory.cli import main
from mgdl_theory.construction import Budget
from mgdl_theory.pictures.curves import leaf_envelope
from mgdl_theory.reports import FORMATS, render, save_report
from mgdl_theory.reports.content import NONE, OWN, content
from mgdl_theory.reports.figures import curves, maps, norm_chart, thumbnails
from mgdl_theory.reports.texts import code_span, markdown, spans, tex, tex_code
from mgdl_theory.text import plain
from mgdl_theory.verification.record import Report

DEMO, LARGEST = "sin(10*x)*exp(-x)", 300_000
"""Definition: the formula of the demo, and bytes that the page of its report may have."""


@pytest.fixture(scope="module")
def demo() -> Report:
    report = mg.verify(mg.construct(mg.target(DEMO), 1e-4), norms=[1, 2])
    return report.with_results(mg.verify_network(report.scheme.network(), report.scheme))


@pytest.fixture(scope="module")
def undecided() -> Report:
    return mg.verify(mg.construct(mg.target(DEMO), 1e-4, budget=Budget(atoms=200)))


@pytest.fixture(scope="module")
def refuted() -> Report:
    """The second grade overshoots at one node."""
    scheme = mg.construct(mg.target(DEMO), 1e-4)
    parts = [grade.atoms for grade in scheme.grades]
    c = parts[1].coefficients.copy()
    c[5] *= 1.5
    parts[1] = mg.Atoms(parts[1].level, parts[1].nodes, c)
    return mg.verify(mg.Scheme.of(scheme.target, scheme.lift, parts, scheme.tol))


@pytest.fixture(scope="module")
def stranger() -> Report:
    return mg.verify(mg.construct(Stranger(mg.target(DEMO)), 1e-2))


@pytest.fixture(scope="module")
def square() -> Report:
    return mg.verify(mg.construct(mg.target("sin(3*x)*y"), 1e-2))


# -- words and numbers -----------------------------------------------------------------------------


def test_bounds_are_rounded_outward_in_the_table(demo: Report) -> None:
    for row, shown in zip(demo.rows, content(demo).rows, strict=True):
        assert Fraction(shown.cells["lower"]) <= Fraction(row.residual_sup_lower)
        assert Fraction(shown.cells["upper"]) >= Fraction(row.residual_sup_upper)
        assert Fraction(shown.cells["upper"]) <= Fraction(row.residual_sup_upper) * Fraction(10002, 10000)
        for name in ("theorem_a", "theorem_b"):
            bound = getattr(row, name)
            text = shown.cells[name]
            assert Fraction(text) >= Fraction(bound) if math.isfinite(bound) else text == NONE
    for row, line in zip(demo.rows, content(demo).norms[1:], strict=True):
        for (_, lower, upper), text in zip(row.norms, line[1:], strict=True):
            shown_lower, shown_upper = map(Fraction, text.strip("[]").split(", "))
            assert shown_lower <= Fraction(lower)
            assert shown_upper >= Fraction(upper)


def test_witnesses_are_exact_and_their_enclosures_rounded_outward(refuted: Report) -> None:
    assert str(refuted.verdict) == "REFUTED"
    shown = {claim.id: claim for claim in content(refuted).claims}
    for result in refuted.results:
        if result.witness is None:
            assert not shown[result.claim].witness
            continue
        text = " ".join(shown[result.claim].witness)
        point = re.search(r"x = \(([^)]*)\)", text)
        assert point
        assert tuple(map(Fraction, point[1].split(", "))) == result.witness.x
        found = [tuple(map(Fraction, pair.split(", "))) for pair in re.findall(r" in \[(.*?)\]", text)]
        pairs = dict.fromkeys([result.witness.before, result.witness.after])  # the final sup-norm has one residual
        for (lower, upper), pair in zip(found, pairs, strict=True):
            assert lower <= Fraction(pair[0])
            assert Fraction(pair[1]) <= upper


@pytest.mark.parametrize("kind", list(FORMATS))
def test_every_format_says_all(demo: Report, kind: str) -> None:
    text = flat(render(demo, kind), kind)
    said = content(demo)
    assert said.verdict == "PROVED"
    for claim in said.claims:
        for part in (claim.verdict, claim.id, claim.statement, claim.source, claim.relation, claim.evidence):
            assert words(part) in text, part
    for row in said.rows:
        for cell in row.cells.values():
            assert words(cell) in text
    for id_, statement, _ in said.assumptions:
        assert words(id_) in text
        assert words(statement) in text
    for part in (said.sha256, OWN, said.sentence, "arXiv:2601.16884", *said.commands, *said.python):
        assert words(part) in text, part


def test_an_undecided_run_gives_its_reason_and_best_bounds(undecided: Report) -> None:
    for kind in FORMATS:
        text = flat(render(undecided, kind), kind)
        assert words("UNDECIDED") in text
        assert words("the budget of 200 atoms is used up at level 9") in text
        assert words(content(undecided).rows[-1].cells["upper"]) in text


def test_without_a_modulus_nothing_is_called_proved(stranger: Report) -> None:
    said = content(stranger)
    assert said.verdict == "EVIDENCE"
    assert {row.cells["balanced"] for row in said.rows[1:]} == {"EVIDENCE"}
    for kind in FORMATS:
        text = render(stranger, kind)
        shown = "".join(Page.of(text).texts) if kind == ".html" else text
        assert "PROVED" not in shown
        assert "proved bound" not in shown
        assert "certified;" not in shown.replace("not certified;", "")


def test_what_a_target_takes_on_trust_is_an_assumption() -> None:
    target = mg.target(lambda x: np.abs(np.sin(3 * x)), domain=[0, 2], lipschitz=3)
    said = content(mg.verify(mg.construct(target, 0.2)))
    shown = {name: (statement, check) for name, statement, check in said.assumptions}
    assert shown["modulus"] == ("|f(x) - f(y)| ≤ 3 |x - y|", "samples at most; it is taken on trust")
    assert "returned" in shown["value-error"][0]
    assert said.no_certificate
    assert said.commands == ()


def test_a_run_that_ended_early_has_no_bounds_where_none_were_found() -> None:
    class Failing(Stranger):
        certified, text = True, "x"

        def describe(self) -> dict[str, Any]:
            return dict(self.inner.describe())

        def defects(self, level: int, cells: Any) -> Any:
            if level > 4:
                raise mg.BudgetError("memory")
            return self.inner.defects(level, cells)

    scheme = mg.construct(mg.target(DEMO), 1e-2)
    report = mg.verify(scheme, target=Failing(scheme.target))
    assert not report.leaves()
    assert len(report.rows) <= len(scheme.grades)
    said = content(report)
    assert said.rows[-1].cells["upper"] == said.rows[-1].cells["lower"] == NONE
    assert said.rows[-1].cells["atoms"] == str(len(scheme.grades[-1]))
    assert "stopped early" in said.no_certificate
    for kind in FORMATS:
        assert "memory" in render(report, kind)


def test_many_grades_are_thinned_and_the_report_says_so() -> None:
    scheme = mg.construct(mg.target("x**2-0.3"), 1e-5).as_units()
    report = mg.verify(scheme)
    assert len(scheme.grades) > 200
    said = content(report)
    assert [said.rows[0].number, said.rows[-1].number] == [0, len(scheme.grades)]
    assert said.rows_note == f"{len(said.rows)} of {len(scheme.grades) + 1} rows"
    for kind in FORMATS:
        assert f"{said.rows_note} are shown" in render(report, kind)


# -- how to check it again -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "domain", "lift"), [(DEMO, [0, 1], "auto"), ("-x*y+1/3", ["-1/2", 1, 0, "0.7"], 3)]
)
def test_the_commands_make_the_certificate_again(
    formula: str, domain: list[Any], lift: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digest that the report names is that of the file that its commands make, and the checker verifies it."""
    monkeypatch.chdir(tmp_path)
    said = content(mg.verify(mg.construct(mg.target(formula, domain), "0.01", lift=lift)))
    make, check = (shlex.split(command)[1:] for command in said.commands)
    assert main([*make, "--quiet"]) == 0
    assert json.loads(Path("certificate.json").read_text())["sha256"] == said.sha256
    assert main(check) == 0
    Path("certificate.json").unlink()
    exec("\n".join(said.python), {})
    assert json.loads(Path("certificate.json").read_text())["sha256"] == said.sha256


def test_variables_that_the_formula_does_not_use_are_left_to_python() -> None:
    said = content(mg.verify(mg.construct(mg.target("x", [0, 1], variables=["x", "y"]), 0.1)))
    assert said.commands == ("mgdl-theory check certificate.json",)
    assert "variables=['x', 'y']" in said.python[1]


# -- no text commands anything ---------------------------------------------------------------------


def test_hostile_texts_are_texts_on_the_page(stranger: Report, demo: Report) -> None:
    page, usual = Page.of(render(stranger)), Page.of(render(demo))
    assert {tag for tag, _ in page.tags} <= {tag for tag, _ in usual.tags}
    assert [tag for tag, _ in page.tags].count("script") == 2
    assert len(page.scripts) == 2
    names = {name for _, attributes in page.tags for name in attributes}
    assert not [name for name in names if name.startswith("on") or name == "style"]
    assert plain(HOSTILE) in "".join(page.texts)
    assert json.loads(page.scripts[0])["name"] == HOSTILE


def test_hostile_texts_are_texts_in_markdown(stranger: Report) -> None:
    """What a Markdown reader makes of it has no tag, image or heading of theirs, and no link but that to the paper."""
    parser = pytest.importorskip("markdown_it").MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = parser.parse(render(stranger, ".md"))
    inner = [child for token in tokens for child in token.children or []]
    assert not [token for token in [*tokens, *inner] if token.type.startswith("html") or token.type == "image"]
    assert [token.attrs["href"] for token in inner if token.type == "link_open"] == ["https://arxiv.org/abs/2601.16884"]
    headings = [tokens[n + 1].content for n, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[1:] == ["Verdicts", "Grades", "Assumptions", "Check it again", "Cite"]
    table = [token for token in inner if token.type == "code_inline"]
    assert plain(HOSTILE) in {token.content for token in table}


def test_hostile_texts_are_texts_in_latex(stranger: Report, refuted: Report) -> None:
    """Every command in the file is one that the file of a friendly target has too."""
    commands = re.compile(r"\\(?:[A-Za-z]+|.)")
    friendly = set(commands.findall(render(refuted, ".tex"))) | set(
        commands.findall(tex("".join(map(chr, range(256)))))
    )
    assert set(commands.findall(render(stranger, ".tex"))) <= friendly
    assert "\\input" not in friendly


@pytest.mark.parametrize("name", ["demo", "stranger", "square"])
def test_latex_compiles(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    text = render(request.getfixturevalue(name), ".tex")
    if name != "stranger":
        assert "[U+" not in text  # all our own characters are known to LaTeX
    (tmp_path / "report.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "report.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    wide = [float(n) for n in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout.decode(errors="replace"))]
    assert name == "stranger" or not [n for n in wide if n > 30]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a--b", "a-{}-{}b"),
        ("\\", r"\textbackslash{}"),
        ("x\ny", "x y"),
        ("\u202e", "[U+202E]"),
        ("≤", r"\ensuremath{\leq}"),
    ],
)
def test_latex_of_a_text(text: str, written: str) -> None:
    assert tex(text) == written


def test_texts_that_are_escaped_already_stay() -> None:
    assert tex(tex("%")) == tex("%")
    assert markdown(markdown("*")) == markdown("*")
    assert str(tex_code("%")) == r"\texttt{\%}"
    assert str(code_span("`")) == "`` ` ``"


def test_labels_of_all_drawings_are_understood(square: Report) -> None:
    """A command that a label may use and a page cannot print would raise."""
    from mgdl_theory.relu.diagram import diagram

    for granularity in ("block", "unit"):
        for label in diagram(square.scheme.network(granularity)).labels:
            shown = "".join(span.text for span in spans(label.text))
            assert not set(shown) & set("\\${}_")


# -- one file --------------------------------------------------------------------------------------


def test_the_page_of_the_demo_is_small_and_asks_for_nothing(demo: Report) -> None:
    text = render(demo)
    assert len(text.encode()) < LARGEST
    page = Page.of(text)
    loading = ("src", "srcset", "data", "poster", "action", "background", "xlink:href", "ping", "formaction")
    for tag, attributes in page.tags:
        for name in loading:
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, name)
        if "href" in attributes and tag != "a":
            assert (attributes["href"] or "").startswith("data:")
    assert "url(" not in text.replace("url(#", "")
    assert "@import" not in text


def test_the_same_report_gives_the_same_files(demo: Report, square: Report) -> None:
    for report in (demo, square):
        for kind in FORMATS:
            assert render(report, kind) == render(report, kind)


def test_a_report_saves_itself(square: Report, tmp_path: Path) -> None:
    for kind in FORMATS:
        assert square.save(tmp_path / f"r{kind}").read_text(encoding="utf-8") == render(square, kind)


def test_other_names_and_other_records_are_refused(square: Report, tmp_path: Path) -> None:
    with pytest.raises(mg.OptionError, match=r"expected a name ending in \.html, \.md, \.tex"):
        square.save(tmp_path / "report.pdf")
    with pytest.raises(mg.OptionError, match="components"):
        save_report(mg.VectorReport((square,)), tmp_path / "report.html")  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


# -- pictures --------------------------------------------------------------------------------------


@pytest.mark.parametrize("formula", [DEMO, "sqrt(x)", "abs(x-1/3)-1/5", "0*x"])
def test_curves_can_be_put_together_again(formula: str) -> None:
    """e_k = e_K + later parts and f_k = lift + earlier parts, to four digits of the curve's height."""
    report = mg.verify(mg.construct(mg.target(formula, [-1, 1] if "abs" in formula else None), 1e-3))
    scheme, shown = report.scheme, list(range(len(report.scheme.grades) + 1))
    data = json.loads(json.dumps(curves(report, shown)))
    t = np.cumsum(data["at"]) / 2.0 ** data["bits"]
    assert [t[0], t[-1]] == [0.0, 1.0]
    assert np.all(np.diff(t) > 0)
    x = scheme.target.box.from_unit(t[:, None])
    rest = np.array(data["rest"]["n"]) * data["rest"]["unit"]
    parts = []
    for part in data["parts"]:
        parts.append(np.interp(t, t[np.cumsum(part["at"])], np.array(part["n"]) * part["unit"]))
    for k in shown:
        e = rest + np.sum([*parts[k + 1 :], np.zeros(len(t))], axis=0)
        height = np.abs(scheme.residual(x, k)).max() or 1.0
        assert np.abs(e - scheme.residual(x, k)).max() <= 2e-4 * height
        f_k = scheme.lift + np.sum(parts[: k + 1], axis=0)
        assert np.abs(f_k - scheme(x, k)).max() <= 1e-3 * (np.abs(scheme.target(x)).max() or 1.0)


@pytest.mark.parametrize("formula", [DEMO, "sqrt(x)", "x**2-0.3"])
def test_envelopes_hold_the_residual(formula: str) -> None:
    report = mg.verify(mg.construct(mg.target(formula), 1e-3))
    scheme, shown = report.scheme, list(range(len(report.scheme.grades) + 1))
    data = curves(report, shown)
    t = np.random.default_rng(1).uniform(0.0, 1.0, 20_000)
    x = scheme.target.box.from_unit(t[:, None])
    for k, envelope in zip(shown, data["envelopes"], strict=True):
        starts = np.cumsum(envelope["at"]) / 2.0 ** data["bits"]
        bounds = np.array([np.inf if n is None else n for n in envelope["up"]]) * envelope["unit"]
        here = bounds[np.searchsorted(starts, t, side="right") - 1]
        e = np.abs(scheme.residual(x, k))
        assert starts[0] == 0.0
        assert np.all(e <= here * (1 + 1e-12) + 1e-15)
        assert here.max() <= report.rows[k].residual_sup_upper * 1.01  # sharp, not only sound
        assert len(starts) <= 240


def test_leaves_on_the_page_tile_the_domain(demo: Report) -> None:
    runs = curves(demo, [0])["leaves"]
    assert sum(Fraction(count, 2**level) for level, count in runs) == 1
    assert sum(count for _, count in runs) == demo.leaf_count


def test_maps_show_the_levels_of_the_leaves(square: Report) -> None:
    from mgdl_theory.pictures.fields import Plane
    from mgdl_theory.reports.figures import _levels

    plane = Plane.of(square.scheme, size=32)
    t, level = plane.x, _levels(square, plane)
    for x, l in zip(t[::37], level[::37], strict=True):
        (block,) = [b for b in square.leaves() if b.level == l]
        cell = np.floor(x * 2.0**l).astype(int)
        assert (block.cells == cell).all(axis=1).any()


@pytest.mark.parametrize(
    ("formula", "domain", "sections"),
    [("x*y", [0, 1], ("",)), ("x*y*z", [0, 2], ("z = 0.2", "z = 1", "z = 1.8")),
     ("x+y*z*w", [0, 1], ("z = 0.1, w = 0.1", "z = 0.5, w = 0.5", "z = 0.9, w = 0.9"))],
)  # fmt: skip
def test_several_variables_have_maps_on_sections(formula: str, domain: list[int], sections: tuple[str, ...]) -> None:
    report = mg.verify(mg.construct(mg.target(formula, domain), 0.2))
    found = maps(report, content(report).rows, report.scheme.target.describe()["variables"])
    assert found.sections == sections
    assert len(found.grades) == len(report.scheme.grades) + 1
    assert all(
        shot.startswith("data:image/png") for shots in found.grades.values() for three in shots for shot in three
    )
    text = render(report)
    assert len(text.encode()) < LARGEST
    for section in sections:
        assert section in text


def test_a_leaf_has_eight_pieces_of_the_curve_and_those_shown_by_larger_ones_are_announced(
    demo: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = curves(demo, [0])
    t = np.cumsum(data["at"]) / 2.0 ** data["bits"]
    edges, _ = leaf_envelope(demo)
    assert np.histogram((t[1:] + t[:-1]) / 2, edges)[0].min() >= 8
    assert data["finest"] is None
    monkeypatch.setattr("mgdl_theory.reports.figures.RUNS", 3)
    data = curves(demo, [0])
    assert data["finest"] == max(level for level, _ in data["leaves"]) < max(b.level for b in demo.leaves())


@pytest.mark.parametrize("formula", ["sin(6*x)*cos(5*y)+exp(-x*y)", "x*y*z-0.2"])
def test_the_scale_of_f_and_its_approximants_holds_all_that_is_shown_and_its_key_says_so(formula: str) -> None:
    report = mg.verify(mg.construct(mg.target(formula), 0.3))
    rows = content(report).rows
    lift = report.scheme.lift
    assert lift < -0.4
    found = maps(report, rows, report.scheme.target.describe()["variables"])
    assert found.low <= lift
    low, high = found.shown
    assert Fraction(low) <= Fraction(found.low)
    assert Fraction(high) >= Fraction(found.high)
    text = render(report)
    assert re.search(rf"values shown</dt><dd>{re.escape(low)} <span.*{re.escape(high)}</dd>", text)
    for k, top in found.tops.items():
        assert top == report.rows[k].residual_sup_upper


def test_a_bound_of_a_theorem_is_on_the_page_only_where_it_is_shown_to_hold(demo: Report) -> None:
    rows = [replace(row, theorem_a=row.residual_sup_upper * (0.5 if row.grade in (4, 5) else 2.0)) for row in demo.rows]
    rows[8] = replace(rows[8], theorem_a=float("inf"))
    chart = norm_chart(replace(demo, rows=tuple(rows)), content(demo).rows)
    assert chart is not None
    ((name, _, path),) = [line for line in chart.lines if line[1] == "theorem-a"]
    assert "not shown to hold at grades 4-5" in name
    assert path.count("M") == 3
    assert path.count("L") + 3 == len(rows) - 3
    for k in (4, 5, 8):
        assert f"{chart.bars[k][1]} " not in path


def test_what_has_no_logarithm_stands_at_the_edge_of_the_chart(demo: Report) -> None:
    rows = list(content(demo).rows)
    rows[1], rows[-1] = replace(rows[1], upper=float("inf")), replace(rows[-1], upper=0.0, lower=0.0)
    chart = norm_chart(demo, rows)
    assert chart is not None
    assert [text for _, _, text in chart.edges] == ["∞", "0"]
    assert chart.bounds.count("M") == 2


def test_thumbnails_stay_inside_their_bounds(demo: Report) -> None:
    for thumb in thumbnails(demo, content(demo).rows):
        y = [float(pair.split()[1]) for pair in thumb.path.strip("MZ").split("L")]
        assert thumb.bound
        assert min(y) >= 76 / 2 * 0.15 - 0.6
        assert max(y) <= 76 / 2 * 1.85 + 0.6


# -- the command -----------------------------------------------------------------------------------


def test_the_command_reports_on_a_formula_and_on_its_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["verify", "x*y-0.2", "--tol", "0.1", "--certificate", "c.json", "--quiet"]) == 0
    assert main(["report", "x*y-0.2", "--tol", "0.1", "--out", "a.md", "--norms", "1"]) == 0
    assert main(["report", "c.json", "--out", "b.md"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("PROVED: ")
    one, two = (Path(name).read_text(encoding="utf-8") for name in ("a.md", "b.md"))
    assert "**PROVED** `network`" in one
    assert "**PROVED** `norms`" in one
    digest = json.loads(Path("c.json").read_text())["sha256"]
    assert digest in one
    assert digest in two


@pytest.mark.parametrize(
    ("arguments", "quoted"),
    [(["--out", "r.pdf"], "'r.pdf'"), (["--out", "no/r.html"], "no/r.html"), (["--out", "r.md", "--tol", "0"], "'0'")],
)
def test_wrong_input_is_refused_before_the_work(
    arguments: list[str],
    quoted: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["report", "x", *arguments]) == 2
    assert quoted in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_page_of_one_variable_needs_no_matplotlib() -> None:
    code = (
        "import sys, mgdl_theory as mg\nfrom mgdl_theory.reports import render\n"
        "render(mg.verify(mg.construct(mg.target('x**2-0.3'), 0.1)))\nprint('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "False"
