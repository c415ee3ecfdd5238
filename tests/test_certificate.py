"""Certificates on disk: exact round trips, atomic files, hostile files refused with a clear error."""

from __future__ import annotations

import functools
import gzip
import json
import os
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from schemas import fits, rule_of
from strategies import expressions, names
from toys import Quadratic

import mgdl_theory as mg
from mgdl_theory.certificate import check, schema
from mgdl_theory.cli import main
from mgdl_theory.rigor import dyadic

ROOT = Path(__file__).resolve().parents[1]


@functools.cache
def report() -> mg.Report:
    return mg.verify(mg.construct(mg.target("sin(10*x)*exp(-x)"), "1e-2"))


@functools.cache
def content() -> dict[str, Any]:
    return schema.certificate(report()).data


# -- what a certificate holds ----------------------------------------------------------------------


def test_a_certificate_holds_the_scheme_and_the_report_exactly() -> None:
    scheme, data = report().scheme, content()
    assert data["target"]["expression"] == "sin(10*x)*exp(-x)"
    assert Fraction(data["tolerance"][0]) * Fraction(2) ** data["tolerance"][1] == Fraction(scheme.tol)
    for grade, own in zip(scheme.grades, data["grades"], strict=True):
        assert own["level"] == grade.level
        assert own["nodes"] == grade.atoms.nodes.tolist()
        coefficients = [c * Fraction(2) ** own["exponent"] for c in own["coefficients"]]
        assert coefficients == [Fraction(c) for c in grade.atoms.coefficients.tolist()]
    for row, own in zip(report().rows, data["residuals"], strict=True):
        m, e = own["upper"]
        assert (
            Fraction(row.residual_sup_upper)
            <= m * Fraction(2) ** e
            < Fraction(row.residual_sup_upper) * (1 + Fraction(1, 1000))
        )
        m, e = own["lower"]
        assert (
            Fraction(row.residual_sup_lower) * (1 - Fraction(1, 1000))
            <= m * Fraction(2) ** e
            < Fraction(row.residual_sup_lower)
        )
        assert [Fraction(x) for x in own["at"]] == list(row.peak)
    assert sum(len(block["cells"]) for block in data["leaves"]["levels"]) == report().leaf_count


def test_no_float_stands_in_a_certificate() -> None:
    def leaves(value: Any) -> Any:
        if isinstance(value, dict):
            return [x for item in value.values() for x in leaves(item)]
        if isinstance(value, list):
            return [x for item in value for x in leaves(item)]
        return [value]

    assert {type(x) for x in leaves(content())} == {int, str}


def test_claims_carry_relation_source_and_reason() -> None:
    assert [claim["claim"] for claim in content()["claims"]] == list(check.CLAIMS)
    for claim in content()["claims"]:
        assert all(isinstance(claim[key], str) and claim[key] for key in ("relation", "source", "reason"))


def test_scheme_and_report_have_a_certificate() -> None:
    scheme = report().scheme
    assert scheme.certificate().text == report().certificate().text == schema.Certificate(content()).text


def test_the_bounds_of_leaves_are_rounded_up_and_meet_the_tolerance() -> None:
    bounds = content()["leaves"]
    unit, tol = Fraction(2) ** bounds["exponent"], Fraction(report().tol)
    claimed = {
        (block["level"], *cell): b * unit
        for block in bounds["levels"]
        for cell, b in zip(block["cells"], block["bounds"], strict=True)
    }
    for block in report().leaves():
        for cell, bound in zip(block.cells.tolist(), block.bounds.tolist(), strict=True):
            assert Fraction(bound) <= claimed[block.level, *cell] <= tol


@given(st.floats(min_value=1e-300, max_value=1e300), st.integers(-40, 40), st.floats(min_value=1e-300, max_value=1e300))
def test_claimed_bounds_are_above_the_value_and_below_the_tolerance_where_they_can_be(
    value: float, shift: int, tol: float
) -> None:
    exponent = int(np.frexp(tol)[1]) - 53 + shift
    (n,) = schema._above(np.array([value]), exponent, tol)
    assert n is not None
    claimed = n * Fraction(2) ** exponent
    assert claimed >= Fraction(value)
    assert claimed - Fraction(value) <= Fraction(2) ** exponent
    if value <= tol and shift <= 0:
        assert claimed <= Fraction(tol)
    below = schema._below(value)
    assert 0 <= below[0] * Fraction(2) ** below[1] < Fraction(value)
    m, e = schema.pair(value)
    assert m * Fraction(2) ** e == Fraction(value)
    assert m % 2 == 1


def above(value: float, exponent: int, tol: float) -> int | None:
    """What is claimed of one leaf, in rational arithmetic from beginning to end."""
    if value == np.inf:
        return None
    units = Fraction(value) / Fraction(2) ** exponent
    n = units.numerator // units.denominator + 1
    return -(-units.numerator // units.denominator) if n * Fraction(2) ** exponent > tol >= value else n


sizes = st.floats(0, 1.7e308) | st.floats(0, 4) | st.sampled_from([0.0, 5e-324, 2.0**-1022, 1.0, 2.0**53, np.inf])


@given(st.lists(sizes, max_size=8), sizes.filter(lambda v: 0 < v < np.inf), st.sampled_from([20, 21, 40, 53, 54, 80]))
def test_whole_arrays_of_bounds_are_those_of_rational_arithmetic(values: list[float], tol: float, bits: int) -> None:
    exponent = int(np.frexp(tol)[1]) - bits
    near = [tol, np.nextafter(tol, 0), np.nextafter(tol, np.inf), tol / 2, tol * (1 - 2.0**-bits)]
    array = np.array([*values, *near, *np.ldexp([1.0, 3.0], exponent)])
    assert schema._above(array, exponent, tol) == [above(v, exponent, tol) for v in array.tolist()]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False).filter(bool), max_size=8))
def test_coefficients_as_integers_of_one_unit(values: list[float]) -> None:
    """The same integers as from the pairs of exact arithmetic, one by one."""
    pairs = [dyadic.pair(v) for v in values]
    least = min((e for _, e in pairs), default=0)
    found, exponent = dyadic.integers(np.array(values))
    assert (found.tolist(), exponent) == ([m << e - least for m, e in pairs], least)


def test_a_grade_without_atoms_is_trivial_and_has_its_place() -> None:
    first = report().scheme.grades[0].atoms
    empty = mg.Atoms(first.level, np.zeros((0, 1), dtype=int), np.zeros(0))
    data = mg.Scheme.of(report().scheme.target, 0.0, [empty, first, empty], 1.0).certificate().data
    assert [(g["level"], len(g["nodes"])) for g in data["grades"]] == [
        (0, 0),
        (first.level, len(first)),
        (first.level, 0),
    ]
    assert check.Check(data, "arb", lambda line: None).run(1).startswith("VERIFIED: ")


def test_an_unbounded_leaf_has_no_bound_and_the_certificate_is_incomplete() -> None:
    """1/x near 0 at level 1: no enclosure is finite there yet."""
    target = mg.target("1/(x + 1/1000)")
    data = mg.construct(target, "1e-3", budget=mg.Budget(level=1)).certificate().data
    assert data["status"] == "incomplete"
    assert check.Check(data, "arb", lambda line: None).run(1).startswith("INCOMPLETE: ")


def test_only_formulas_have_certificates() -> None:
    toy = mg.Scheme.of(Quadratic.of(1, 0, 1), 0.0, [], 8.0)
    with pytest.raises(mg.CertificateError, match="not a formula"):
        toy.certificate()


def test_a_report_without_leaves_has_no_certificate() -> None:
    from dataclasses import replace

    with pytest.raises(mg.CertificateError, match="stopped early"):
        schema.certificate(replace(report(), covers={}))


@given(st.integers(1, 2), st.data())
def test_random_targets_are_certified_and_the_checker_agrees(dim: int, data: st.DataObject) -> None:
    """Builder, verifier and checker share no enclosure; what the verifier proves the checker confirms."""
    text = data.draw(expressions(dim, max_operations=4))
    try:
        target = mg.target(text, variables=names(dim))
        scheme = mg.construct(target, "1/8", budget=mg.Budget(atoms=300, level=8))
    except mg.MgdlError:
        return
    found = scheme.certificate()
    last = check.Check(found.data, "arb", lambda line: None).run(1)
    assert last.startswith({"complete": "VERIFIED: ", "incomplete": "INCOMPLETE: "}[found.status]), last


# -- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["c.json", "c.mgdl.json", "c.json.gz"])
def test_round_trip(name: str, tmp_path: Path) -> None:
    saved = schema.Certificate(content())
    path = saved.save(tmp_path / name)
    again = mg.load_certificate(path)
    assert again.data == saved.data
    assert again.text == saved.text
    again.save(tmp_path / f"again-{name}")
    assert (tmp_path / f"again-{name}").read_bytes() == path.read_bytes()
    assert sorted(os.listdir(tmp_path)) == sorted([f"again-{name}", name])
    assert (path.read_bytes()[:2] == b"\x1f\x8b") == name.endswith(".gz")


def test_the_scheme_in_a_file_is_the_scheme(tmp_path: Path) -> None:
    scheme = mg.load_scheme(schema.Certificate(content()).save(tmp_path / "c.json"))
    for grade, own in zip(report().scheme.grades, scheme.grades, strict=True):
        assert own.level == grade.level
        assert np.array_equal(own.atoms.nodes, grade.atoms.nodes)
        assert np.array_equal(own.atoms.coefficients, grade.atoms.coefficients)
    assert (scheme.lift, scheme.tol, scheme.complete) == (report().scheme.lift, report().scheme.tol, True)
    assert scheme.target.box == report().scheme.target.box
    assert scheme.certificate().text == schema.Certificate(content()).text


def test_a_box_and_variables_survive(tmp_path: Path) -> None:
    scheme = mg.construct(mg.target("y", ["-1/3", "1/7", 0, 2], variables=["x", "y"]), "1/2")
    again = mg.load_scheme(scheme.certificate().save(tmp_path / "c.json.gz"))
    assert again.target.box == scheme.target.box
    assert again.target.describe()["variables"] == ["x", "y"]


def test_layout_and_order_of_keys_are_free(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    path.write_text(json.dumps(dict(reversed(content().items())), indent=3))
    assert mg.load_certificate(path).data == content()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = schema.Certificate(content()).save(tmp_path / "c.json")
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(mg.CertificateError, match="No space left"):
        schema.Certificate({**content(), "reason": "other"}).save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["c.json"]


@pytest.mark.parametrize("name", ["c.txt", "c", "c.gz", "nowhere/c.json"])
def test_a_name_that_cannot_be_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(mg.CertificateError):
        schema.Certificate(content()).save(tmp_path / name)


def text_of(**changes: Any) -> str:
    return check.canonical({**content(), **changes})


def rehashed(**changes: Any) -> str:
    data = {**content(), **changes}
    return check.canonical({**data, "sha256": check.digest(data)})


DECIMAL = {**content()["target"], "box": {"lower": ["0.1"], "upper": ["1"]}}
HOSTILE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "not JSON"),
    "no JSON": (b"%PDF-1.7", "not JSON"),
    "not UTF-8": (b'{"format": "\xff\xfe"}', "UTF-8"),
    "a list": (b"[]", "not an mgdl-theory certificate"),
    "another format": (b'{"format": "other"}', "not an mgdl-theory certificate"),
    "another version": (rehashed(version=2).encode(), "version 2"),
    "a text after the end": (text_of().encode() + b"{}", "Extra data"),
    "cut off": (text_of().encode()[:-100], "not JSON"),
    "a key twice": (text_of()[:-1].encode() + b',"lift":[0,0]}', "'lift' occurs twice"),
    "a key twice inside": (text_of().replace('"kind":', '"kind":"expression","kind":').encode(), "'kind' occurs twice"),
    "a float": (text_of().replace('"version":1', '"version":1.0').encode(), "1.0 is not exact"),
    "an exponent": (text_of().replace('"version":1', '"version":1e0').encode(), "1e0 is not exact"),
    "NaN": (text_of().replace('"version":1', '"version":NaN').encode(), "NaN is not exact"),
    "Infinity": (text_of().replace('"version":1', '"version":-Infinity').encode(), "-Infinity is not exact"),
    "a huge integer": (text_of().replace('"version":1', '"version":1' + "0" * 5000).encode(), "more than 700 digits"),
    "a wrong hash": (text_of(reason="tampered").encode(), "the hash is wrong"),
    "no hash": (check.canonical({k: v for k, v in content().items() if k != "sha256"}).encode(), "the hash is wrong"),
    "deep nesting": (b"[" * 200_000, "not JSON"),
    "deep objects": (b'{"a":' * 200_000, "not JSON"),
    "truncated gzip": (gzip.compress(text_of().encode())[:-20], "truncated or damaged"),
    "damaged gzip": (gzip.compress(text_of().encode())[:-8] + bytes(8), "truncated or damaged"),
    "an empty gzip": (b"\x1f\x8b", "truncated or damaged"),
    "gzip with an appendix": (gzip.compress(text_of().encode()) + b"more", "truncated or damaged"),
    "a field missing": (rehashed(grades=None).encode(), "wrong type"),
    "a decimal in the box": (rehashed(target=DECIMAL).encode(), "p/q"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_file_is_refused_by_both_readers(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, message = HOSTILE[what]
    path = tmp_path / "c.json"
    path.write_bytes(raw)
    with pytest.raises(mg.CertificateError, match=re.escape(message)):
        mg.load_certificate(path)
    assert check.main([str(path)]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("REFUSED: format: ")
    assert message in last


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "MAX_BYTES", 1 << 20)
    (tmp_path / "c.json").write_bytes(gzip.compress(b" " * (1 << 24)))
    with pytest.raises(mg.CertificateError, match="larger than 1048576 bytes"):
        mg.load_certificate(tmp_path / "c.json")


BOMBS = {
    "objects": b"[" + b"{}," * 2_000_000 + b"{}]",
    "objects in objects": b"{" + b",".join(b'"%d":{}' % k for k in range(200_000)) + b"}",
    "empty lists": b"[" + b"[]," * 2_000_000 + b"[]]",
    "lists in lists": b"[" * 1_000_000 + b"]" * 1_000_000,
    "spaces": b" " * (1 << 24),
}


@pytest.mark.parametrize("name", ["c.json", "c.json.gz"])
@pytest.mark.parametrize("what", BOMBS)
def test_a_content_of_more_parts_than_a_certificate_has_is_refused_before_one_is_made(
    what: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, packed, asked = BOMBS[what], name.endswith(".gz"), list[int]()
    (tmp_path / name).write_bytes(gzip.compress(raw) if packed else raw)
    size = (tmp_path / name).stat().st_size

    class Counted(gzip.GzipFile):
        def read(self, size: int | None = -1) -> bytes:
            asked.append(-1 if size is None else size)
            return super().read(size)

    def never(*_: Any, **__: Any) -> None:
        pytest.fail("the content was taken apart")

    monkeypatch.setattr(check.gzip, "GzipFile", Counted)
    if packed or what != "spaces":  # these are parts of nothing, and cost no more than they are long
        monkeypatch.setattr(check.json, "loads", never)
    with pytest.raises(mg.CertificateError):
        mg.load_certificate(tmp_path / name)
    assert len(asked) == packed
    assert all(0 < n <= check.RATIO * size + check.SPARE + 1 for n in asked)


def test_true_certificates_are_far_from_the_limits_of_their_parts() -> None:
    for text, variables, tol in [("x**2", "x", "1e-6"), ("x**2 + 0*y", "xy", "1e-2"), ("1", "x", 1), ("x", "x", 1)]:
        raw = schema.certificate(mg.construct(mg.target(text, variables=list(variables)), tol)).text.encode()
        assert 2 * raw.count(b"{") * check.OBJECT < len(raw)
        assert 3 * raw.count(b"[") * check.LIST < 2 * len(raw)
        assert len(raw) < len(gzip.compress(raw, mtime=0)) * check.RATIO // 8


def test_a_missing_file_is_an_error_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(mg.CertificateError, match="No such file"):
        mg.load_scheme(tmp_path / "c.json")
    assert check.main([str(tmp_path / "c.json")]) == 2
    assert check.main([str(tmp_path)]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_coefficients_beyond_binary64_are_no_scheme(tmp_path: Path) -> None:
    data = json.loads(text_of())
    data["grades"][0]["coefficients"][0] = (1 << 60) + 1
    path = tmp_path / "c.json"
    path.write_text(check.canonical({**data, "sha256": check.digest(data)}))
    with pytest.raises(mg.CertificateError, match="binary64"):
        mg.load_scheme(path)


# -- the JSON Schema -------------------------------------------------------------------------------


def test_certificates_fit_the_json_schema_and_damaged_ones_do_not() -> None:
    rule = rule_of("certificate")
    assert fits(content(), rule, rule)
    for change in (
        {"version": 2}, {"lift": [1]}, {"lift": [1.5, 0]}, {"more": 1}, {"status": "true"}, {"residuals": []},
        {"claims": content()["claims"][1:]}, {"target": {**content()["target"], "variables": ["t"]}}, {"sha256": "0"},
        {"grades": [{"level": 1, "exponent": 0, "nodes": [[1]], "coefficients": [0]}]},
    ):  # fmt: skip
        assert not fits({**content(), **change}, rule, rule), change
    assert not fits({k: v for k, v in content().items() if k != "lift"}, rule, rule)


# -- the samples and the page ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code", "word"),
    [("complete", 0, "VERIFIED"), ("incomplete", 3, "INCOMPLETE"), ("false", 1, "REFUSED"), ("overshot", 1, "REFUTED"),
     ("greedy", 1, "REFUTED")],
)  # fmt: skip
def test_the_samples_are_what_their_names_say(
    name: str, code: int, word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = ROOT / "docs" / "samples" / f"{name}.json"
    assert check.main([str(path)]) == code
    assert capsys.readouterr().out.splitlines()[-1].startswith(f"{word}: ")
    rule = rule_of("certificate")
    assert fits(mg.load_certificate(path).data, rule, rule)


def test_the_samples_are_made_by_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import make_samples

    for make in make_samples.MAKERS:
        saved = (ROOT / "docs" / "samples" / f"{make.__name__}.json").read_text(encoding="ascii")
        assert schema.Document(make()).text + "\n" == saved


def test_the_worked_refutations_of_the_page_are_the_samples(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line that the page shows of them is one that the checker prints, and the points and numbers are those."""
    page = (ROOT / "docs" / "certificate.md").read_text(encoding="utf-8")
    section = page[page.index("## 4. Refutations") : page.index("## 5. ")]
    shown = [line for block in re.findall(r"```text\n(.*?)```", section, re.DOTALL) for line in block.splitlines()]
    printed: list[str] = []
    for name in ("overshot", "greedy", "network"):
        assert f"samples/{name}.json" in section
        assert check.main([str(ROOT / "docs" / "samples" / f"{name}.json")]) == 1
        printed += capsys.readouterr().out.splitlines()
    assert len(shown) == 6
    assert [line for line in printed if line in shown] == shown
    greedy = mg.load_certificate(ROOT / "docs" / "samples" / "greedy.json").data["claims"]
    worse = next(claim["witness"] for claim in greedy if claim["claim"] == "nonincreasing")
    for side, exact in (("before", Fraction(1, 16)), ("after", Fraction(-3, 16))):
        lo, hi = (m * Fraction(2) ** e for m, e in worse[side])
        assert lo <= exact <= hi <= lo + Fraction(1, 2**30)
    assert (worse["x"], worse["grade"]) == (["1/4"], 1)


def test_the_worked_example_of_the_page_is_the_sample() -> None:
    page = (ROOT / "docs" / "certificate.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```json\n(\{\n.*?\n\})\n```", page, re.DOTALL)
    sample = mg.load_certificate(ROOT / "docs" / "samples" / "complete.json").data
    assert json.loads(shown) == {k: v for k, v in sample.items() if k not in ("claims", "margin_rule", "sha256")}


# -- the command line ------------------------------------------------------------------------------


def test_verify_writes_a_certificate_and_check_reads_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "c.json.gz")
    assert main(["verify", "x*y", "--tol", "1e-1", "--quiet", "--certificate", path]) == 0
    assert main(["check", path]) == 0
    assert main(["check", path, "--engine", "mpmath", "--workers", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("VERIFIED: x*y for 0 <= x <= 1, 0 <= y <= 1: ")
    assert main(["verify", "x*y", "--max-level", "1", "--quiet", "--certificate", path]) == 3
    assert main(["check", path]) == 3
    assert capsys.readouterr().out.splitlines()[-1].startswith("INCOMPLETE: ")


@pytest.mark.parametrize("name", ["c.txt", "nowhere/c.json"])
def test_a_certificate_that_cannot_be_written_is_refused_before_the_work(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "x", "--certificate", str(tmp_path / name)]) == 2
    assert "error: --certificate: " in capsys.readouterr().err
