"""What is printed is true as printed: every number is read back as a rational and compared exactly."""

from __future__ import annotations

import ast
import json
import math
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import mgdl_theory as mg
from mgdl_theory import text as words
from mgdl_theory.certificate import check
from mgdl_theory.certificate.schema import certificate
from mgdl_theory.cli import commands, options, output
from mgdl_theory.construction import read_tol
from mgdl_theory.errors import OptionError
from mgdl_theory.reports import render
from mgdl_theory.reports.content import content
from mgdl_theory.targets.ball import UniformBall
from mgdl_theory.training import TrainedModel
from mgdl_theory.verification.record import Report
from mgdl_theory.verification.trained import ModelReport, _decay, _Squares, sample
from mgdl_theory.verification.verdict import Verdict, Witness

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mgdl_theory"

STYLE = re.compile(r"0|-?(?:[1-9][0-9]{0,5}|0)(?:\.[0-9]*[1-9])?|-?[1-9](?:\.[0-9]*[1-9])?e-?[1-9][0-9]*")
"""Definition: how a number may look."""

NUMBER = r"-?[0-9][0-9.]*(?:e-?[0-9]+)?"

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
POSITIVE = st.floats(1e-300, 1e300)


# -- single numbers --------------------------------------------------------------------------------


@given(FLOATS | st.fractions(), st.integers(1, 20))
@example(1e6, 6)
@example(999999.9999, 6)
@example(0.00009999999, 3)
@example(-0.0, 3)
@example(5e-324, 2)
def test_a_number_is_on_its_side_in_one_style_and_no_coarser_than_its_digits(value: Any, digits: int) -> None:
    exact = Fraction(value)
    texts = [write(value, digits) for write in (words.down_text, words.near_text, words.up_text)]
    low, near, high = map(Fraction, texts)
    assert low <= exact <= high
    assert near in (low, high)
    assert abs(near - exact) == min(exact - low, high - exact)
    assert all(map(STYLE.fullmatch, texts)), texts
    for text in texts:
        assert ("e" in text) == (Fraction(text) != 0 and not Fraction("0.0001") <= abs(Fraction(text)) < 10**6)
        assert len(re.sub(r"e.*|^-?0\.0*|[-.]", "", text).strip("0")) <= digits
    if exact:
        assert high - low < abs(exact) * Fraction(10) ** (1 - digits) * 2


@given(FLOATS)
def test_the_shortest_text_of_a_float_reads_back_as_it(value: float) -> None:
    text = words.float_text(value)
    assert float(text) == value
    assert STYLE.fullmatch(text)
    assert len(re.sub(r"e.*|[-.]", "", text).strip("0")) <= 17


@given(POSITIVE, st.integers(1, 6), st.integers(0, 3))
@example(2.0**-10, 6, 0)
def test_a_relation_that_holds_of_a_number_holds_of_its_text(value: float, digits: int, steps: int) -> None:
    limit = value
    for _ in range(steps):
        limit = math.nextafter(limit, math.inf)
    assert Fraction(words.up_text(value, digits, lambda v: v <= Fraction(limit))) <= Fraction(limit)
    if steps:
        assert Fraction(words.down_text(limit, digits, lambda v: v > Fraction(value))) > Fraction(value)


def test_a_relation_that_does_not_hold_costs_no_digits() -> None:
    assert words.up_text(1 / 3, 2, lambda v: v < Fraction(1, 4)) == "0.34"


@given(st.floats(1e-250, 1e250).map(lambda value: f"{value:.15g}") | st.floats(1e-250, 1e250).map(repr))
@example("1e-4")
@example("0.0009765625")
@example("0.1565532206622903")
def test_a_tolerance_is_printed_as_the_shortest_decimal_with_the_same_claim(asked: str) -> None:
    tol = read_tol(asked)
    text = words.tol_text(tol)
    assert read_tol(text) == tol <= Fraction(text)
    assert STYLE.fullmatch(text)
    typed = re.sub(r"[eE].*|\.", "", asked).strip("0")
    assert len(re.sub(r"e.*|\.", "", text).strip("0")) <= len(typed)
    if len(typed) <= 15:
        assert Fraction(text) == Fraction(asked)


@given(st.lists(st.tuples(POSITIVE, st.integers(0, 4)), min_size=1, max_size=5), st.integers(-2, 2))
def test_bounds_compare_as_printed_as_they_compare(starts: list[tuple[float, int]], steps: int) -> None:
    pairs = []
    for lower, up in starts:
        pairs.append((lower, lower + up * math.ulp(lower)))
        pairs.append((lower / 2, math.nextafter(lower, 0.0)))
    tol = pairs[-1][1] + steps * math.ulp(pairs[-1][1])
    printed = words.bounds_texts(pairs, tol)
    told = Fraction(words.tol_text(tol))
    for k, ((lower, upper), (low, high)) in enumerate(zip(pairs, printed, strict=True)):
        assert Fraction(low) <= Fraction(lower)
        assert Fraction(upper) <= Fraction(high)
        assert (upper <= tol) == (Fraction(high) <= told)
        assert (lower > tol) == (Fraction(low) > told)
        if k:
            assert (upper < pairs[k - 1][0]) == (Fraction(high) < Fraction(printed[k - 1][0]))


# -- reports ---------------------------------------------------------------------------------------

FORMULAS = ("abs(x-1/2)", "x", "sqrt(x)", "x**2-0.3", "3*abs(x-1/3)", "sin(6*x)", "1000*x**2", "x/1000")
TOLERANCES = (
    st.integers(2, 10).map(lambda n: repr(2.0**-n))
    | st.floats(0.01, 0.5).map(repr)
    | st.tuples(st.integers(2, 10), st.integers(0, 10**9)).map(lambda p: repr(2.0 ** -p[0] * (1 + p[1] * 2.0**-52)))
    | st.integers(1, 9).map(lambda n: f"{n}e-2")
)
"""Definition: decimal tolerances, many of them next to a bound that is reached."""


def last_line_is_true(line: str, upper: float, tol: float) -> None:
    """The bound of the last line is a bound, the tolerance no smaller than the proved one, and the relation holds."""
    found = re.search(rf"<= ({NUMBER}) <= tol = ({NUMBER})$", line)
    assert found, line
    assert STYLE.fullmatch(found[1])
    assert STYLE.fullmatch(found[2])
    assert Fraction(upper) <= Fraction(found[1]) <= Fraction(found[2])
    assert Fraction(tol) <= Fraction(found[2])


def claim_is_true(evidence: str, report: Report | ModelReport) -> None:
    """The interval of the claim on the sup-norm holds the bounds, and stands to the tolerance as the verdict says."""
    found = re.search(rf"sup-norm in \[({NUMBER}), ({NUMBER})\], tol ({NUMBER})", evidence)
    assert found, evidence
    low, high, tol = map(Fraction, found.groups())
    lower, upper = report.rows[-1].residual_sup_lower, report.rows[-1].residual_sup_upper
    assert low <= Fraction(lower) <= Fraction(upper) <= high
    assert report.tol is not None
    assert Fraction(report.tol) <= tol
    verdict = report.result("sup-norm").verdict
    assert (verdict is Verdict.PROVED) == (high <= tol)
    assert (verdict is Verdict.REFUTED) == (low > tol)


def table_is_true(text: str, report: Report | ModelReport) -> None:
    """The lines of a printed report hold the bounds of their rows."""
    heading, *lines = text[text.index("grade ") :].splitlines()[: len(report.rows) + 1]
    ends = [heading.index(name) + len(name) for name in ("sup|e| >=", "sup|e| <=")]
    found = [tuple(line[:end].split()[-1] for end in ends) for line in lines]
    assert len(found) == len(report.rows)
    for (low, high), row in zip(found, report.rows, strict=True):
        assert Fraction(low) <= Fraction(row.residual_sup_lower)
        assert Fraction(row.residual_sup_upper) <= Fraction(high)
        assert STYLE.fullmatch(low)
        assert STYLE.fullmatch(high)


def falls_are_printed(printed: list[tuple[str, str]], report: Report) -> None:
    """Where the sup-norm provably falls, the printed bounds show it."""
    for k in range(1, len(report.rows)):
        fell = report.rows[k].residual_sup_upper < report.rows[k - 1].residual_sup_lower
        assert fell == (Fraction(printed[k][1]) < Fraction(printed[k - 1][0]))


@given(st.sampled_from(FORMULAS), TOLERANCES)
@example("abs(x-1/2)", "0.0009765625")
@example("sqrt(x)", "0.0009765625")
@example("x", "0.00097656251")
@example("1000*x**2", "10")
@example("x", "1/3")
def test_everything_that_a_proof_prints_is_true_as_printed(formula: str, tol: str) -> None:
    report = mg.verify(mg.construct(mg.target(formula), tol))
    assert report.verdict is Verdict.PROVED
    last_line_is_true(report.last_line(), report.residual_sup_upper, report.tol)
    claim_is_true(report.result("sup-norm").evidence, report)
    table_is_true(str(report), report)
    said = content(report)
    falls_are_printed([(row.cells["lower"], row.cells["upper"]) for row in said.rows], report)
    for shown, row in zip(said.rows, report.rows, strict=True):
        if math.isfinite(row.theorem_a) and row.residual_sup_upper <= row.theorem_a:
            assert Fraction(shown.cells["upper"]) <= Fraction(shown.cells["theorem_a"])
    bound, told = (next(value for name, value, _ in said.facts if name.startswith(fact)) for fact in ("sup", "tol"))
    assert Fraction(report.residual_sup_upper) <= Fraction(bound.removeprefix("≤ ")) <= Fraction(told)
    data = json.loads(json.dumps(report.as_dict()))
    assert data["residual_sup_upper"] <= report.tol <= data["tol"] <= float(words.tol_text(report.tol))
    bounds = [row[f"residual_sup_{side}"] for row in data["grades"] for side in ("lower", "upper")]
    assert [bound <= data["tol"] for bound in bounds] == [bound <= report.tol for bound in bounds]
    assert data["last_line"] == report.last_line()


def test_the_tolerance_of_plain_data_stands_to_the_bounds_as_the_tolerance_does() -> None:
    """0.1 is a float above 1/10, and the tolerance read from it the float below: a bound may be just that float."""
    report = mg.verify(mg.construct(mg.target("x"), 0.1))
    last = replace(report.rows[-1], residual_sup_lower=0.1, residual_sup_upper=0.1)
    assert report.tol is not None
    assert report.tol < 0.1 == report.as_dict()["tol"]
    assert replace(report, rows=(*report.rows[:-1], last)).as_dict()["tol"] == report.tol


@given(st.sampled_from(FORMULAS), st.integers(0, 3))
def test_a_tolerance_that_is_the_bound_itself_is_printed_so_that_it_is_reached(formula: str, steps: int) -> None:
    scheme = mg.construct(mg.target(formula), 0.1)
    tol = mg.verify(scheme).residual_sup_upper
    for _ in range(steps):
        tol = math.nextafter(tol, math.inf)
    report = mg.verify(replace(scheme, tol=tol))
    last_line_is_true(report.last_line(), report.residual_sup_upper, report.tol)
    claim_is_true(report.result("sup-norm").evidence, report)


@given(st.sampled_from(FORMULAS))
def test_a_refuted_tolerance_is_below_the_printed_lower_bound(formula: str) -> None:
    scheme = mg.construct(mg.target(formula), 0.1)
    tol = math.nextafter(mg.verify(scheme).residual_sup_lower, 0.0)
    report = mg.verify(replace(scheme, tol=tol))
    assert report.verdict is not Verdict.PROVED
    claim_is_true(report.result("sup-norm").evidence, report)


@given(st.floats(1e-6, 1e6), st.integers(0, 2))
@example(0.07770634941501933, 0)
@example(0.1565532206622903, 0)
def test_the_last_line_of_a_model_is_true_as_printed(slope: float, steps: int) -> None:
    f = mg.target(f"{slope!r}*x")
    model = TrainedModel(f.box)
    tol = mg.verify(model.on(f)).residual_sup_upper
    for _ in range(steps):
        tol = math.nextafter(tol, math.inf)
    report = mg.verify(model.on(f), Fraction(tol))
    assert report.verdict is Verdict.PROVED
    last_line_is_true(report.last_line(), report.residual_sup_upper, tol)
    claim_is_true(report.result("sup-norm").evidence, report)
    table_is_true(str(report), report)
    assert report.as_dict()["tol"] == float(words.tol_text(tol))


@given(st.integers(3, 10))
def test_the_last_line_of_a_vector_is_true_as_printed(power: int) -> None:
    report = mg.verify(mg.construct(mg.target(["abs(x-1/2)", "1-abs(2*x-1)"]), 2.0**-power))
    upper = max(part.residual_sup_upper for part in report.components)
    last_line_is_true(report.last_line(), upper, 2.0**-power)


def test_the_tolerance_in_json_is_the_one_that_was_asked_for() -> None:
    report = mg.verify(mg.construct(mg.target("x"), 1e-4))
    assert report.tol < 1e-4 == report.as_dict()["tol"]


@given(FLOATS.filter(lambda v: abs(v) > 1e-300), st.integers(1, 3), st.booleans())
def test_a_witness_of_growth_shows_it_as_printed(size: float, steps: int, turned: bool) -> None:
    before, larger = abs(size), abs(size)
    for _ in range(steps):
        larger = min(math.nextafter(larger, math.inf), 1.7e308)
    after = (-larger, -larger) if turned else (larger, larger)
    text = str(Witness((Fraction(1, 3),), 1, (before, before), after))
    ends = [Fraction(end) for end in re.findall(rf"(?<=[\[ ]){NUMBER}(?=[,\]])", text.partition(": ")[2])]
    assert len(ends) == 4
    low, high, least, most = ends
    assert low <= Fraction(before) <= high
    assert least <= Fraction(after[0]) <= most
    if larger > before:
        assert max(abs(low), abs(high)) < min(abs(least), abs(most))


def test_a_factor_of_a_sum_that_falls_is_printed_below_1() -> None:
    f = mg.target("x")
    squares = _Squares([Fraction(1), 1 - Fraction(1, 10**7)], [False], [(Fraction(0), 0, Fraction(0), Fraction(0))])
    text = _decay(squares, sample(f, 4), f.box).evidence
    assert Fraction(text.rpartition(" ")[2]) == 1 - Fraction(1, 10**7)


@given(st.fractions(Fraction(1, 10**9), 10**6))
@example(Fraction("0.12345"))
def test_a_printed_radius_is_a_radius(radius: Fraction) -> None:
    text = UniformBall(mg.target("x"), radius).text
    assert Fraction(text.rpartition("+- ")[2]) >= radius


def test_the_least_memory_that_is_named_is_accepted() -> None:
    def asked(given: str) -> Any:
        return commands._budget(options.parse(["verify", "x", "--max-memory", given]))

    with pytest.raises(OptionError) as caught:
        asked("0")
    (least,) = re.findall(rf"from ({NUMBER}) on", str(caught.value))
    assert asked(least).bytes > 0


@pytest.mark.parametrize("tol", ["0.0009765625", "1e-4", "0.01", "1e-3"])
def test_the_checker_prints_true_inequalities_and_the_tolerance(tol: str) -> None:
    report = mg.verify(mg.construct(mg.target("abs(x-1/2)"), tol))
    lines: list[str] = []
    last = check.Check(certificate(report).data, "mpmath", lines.append).run(1)
    found = re.search(rf"sup \|e\| <= ({NUMBER}) <= tolerance ({NUMBER})$", last)
    assert found, last
    assert Fraction(report.residual_sup_upper) <= Fraction(found[1]) <= Fraction(found[2]) == Fraction(tol)
    assert all(map(STYLE.fullmatch, found.groups()))


@given(POSITIVE, st.integers(1, 12))
def test_the_checker_writes_numbers_in_the_same_style(value: float, digits: int) -> None:
    assert check.decimal(Fraction(value), "ROUND_CEILING", digits) == words.up_text(value, digits)


# -- where numbers are shown -----------------------------------------------------------------------


@pytest.mark.parametrize("width", [132, 100, 80, 60, 50])
def test_no_table_cuts_or_breaks_a_number(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(output, "is_terminal", lambda stream: True)
    report = mg.verify(mg.construct(mg.target("sin(10*x)*exp(-x)"), 1e-2), norms=[1, 2, 3, 4, 5, 6])
    output.show(report)
    out = capsys.readouterr().out
    assert "…" not in out
    shown = set(re.split(r"\s+", out))
    for row in content(report).rows:
        assert {row.cells[name] for name in ("lower", "upper")} <= shown
    assert all(len(line.rstrip()) <= width for line in out.splitlines()[2:])
    for end in (end for line in report.norm_lines for text in line[1:] for end in text.strip("[]").split(", ")):
        assert {f"[{end},", f"{end}]"} & shown


def test_no_line_of_a_page_ends_within_a_number() -> None:
    report = mg.verify(mg.construct(mg.target("x"), 1e-5))
    page = render(report, ".html")
    assert re.search(r"\.number \{[^}]*white-space: nowrap", page)
    body = page.partition("<body>")[2].partition('<script type="application/json"')[0]
    kept = r'<span class="number">[^<]*</span>|<td[^>]*class="n"[^>]*>[^<]*</td>|<(pre|svg|a)\b.*?</\1>'
    loose = re.sub(kept, "", body, flags=re.DOTALL)
    texts = " ".join(re.findall(r">([^<]+)<", loose))
    assert not re.search(r"[0-9]e-[0-9]|[0-9]\.[0-9]{3}", texts)
    assert r"\mbox{1e-{}5}" in render(report, ".tex")


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_script_of_a_page_writes_numbers_in_the_same_style() -> None:
    source = (PACKAGE / "reports" / "templates" / "report.js").read_text(encoding="utf-8")
    body = re.search(r"^  function number\(.*?^  }", source, re.DOTALL | re.MULTILINE)
    assert body
    values = [0.0, 1.0, 100.0, 1200.0, 9.3773e-05, -1.5e-07, 1e6, 999999.9, 0.0001, 0.1234567, -0.5, 123456.0]
    ask = f"{body[0]}\nconsole.log(JSON.stringify({json.dumps(values)}.map((v) => number(v, 4))))"
    found = subprocess.run(["node", "-e", ask], capture_output=True, text=True, check=True).stdout
    assert json.loads(found) == [words.near_text(value, 4) for value in values]


# -- one formatter ---------------------------------------------------------------------------------

COORDINATES = {"relu/diagram.py": 1, "reports/__init__.py": 1, "reports/figures.py": 2}
"""Definition: where coordinates of drawings, which nobody reads, are written otherwise, and how often."""

WRITES = re.compile(r"[eEfFgG%n]$")


def formats(tree: ast.AST) -> Iterator[int]:
    """Lines where a float is written by a format of Python."""
    for node in ast.walk(tree):
        match node:
            case ast.FormattedValue(format_spec=ast.JoinedStr(values=[*_, ast.Constant(value=str(spec))])):
                if WRITES.search(spec):
                    yield node.lineno
            case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()) if "%" in text:
                yield node.lineno
            case ast.Call(func=ast.Name(id="format") | ast.Attribute(attr="nstr" | "format_float_positional")):
                yield node.lineno
            case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")) if ":" in text:
                yield node.lineno


def test_the_scan_sees_every_way_to_write_a_float() -> None:
    source = 'f"{x:.3g}"; f"{x:>9.2e}"; "%.3g" % x; format(x, ".3f"); "{:.2f}".format(x); mpmath.nstr(x, 3); f"{x:>9}"'
    assert len([*formats(ast.parse(source))]) == 6


def test_numbers_are_written_by_one_module() -> None:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name not in ("text.py", "certificate/check.py"):  # the checker imports nothing of the package
            found[name] = [*formats(ast.parse(path.read_text(encoding="utf-8")))]
    assert {name: len(lines) for name, lines in found.items() if lines} == COORDINATES, found


def test_templates_and_scripts_write_numbers_in_one_place() -> None:
    for path in sorted((PACKAGE / "reports" / "templates").iterdir()):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"^  function number\(.*?^  }", "", text, flags=re.DOTALL | re.MULTILINE)
        assert not re.findall(r"toPrecision|toExponential|%\.[0-9]|\| *(?:format|round)\b", text), path.name
