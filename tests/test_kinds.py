"""The page of kinds: every formula on it is PROVED as it says, an oracle agrees; what it calls refused is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import mgdl_theory as mg

DOCS = Path(__file__).resolve().parent.parent / "docs"
sys.path.append(str(DOCS))

import make_kinds  # noqa: E402

PAGE = (DOCS / "kinds.md").read_text(encoding="utf-8")
ROWS = [row for _, _, rows in make_kinds.FORMULAS for row in rows]


@pytest.mark.parametrize(("text", "domain", "tol", "oracle"), ROWS)
def test_every_formula_of_the_page_is_proved_and_its_oracle_agrees(
    text: str, domain: list[Any], tol: str, oracle: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(make_kinds, "POINTS", 40)
    report = mg.verify(mg.construct(mg.target(text, domain), tol))
    assert report.verdict is mg.Verdict.PROVED
    worst = make_kinds.farthest(report.scheme, oracle, domain)
    assert worst <= report.residual_sup_upper
    box = ", ".join(map(str, domain))
    (line,) = [row for row in PAGE.splitlines() if row.startswith(f"| `{text}` | [{box}] | {tol} |")]
    assert "| PROVED |" in line
    assert "| VERIFIED |" in line


def test_an_oracle_of_another_function_is_noticed() -> None:
    report = mg.verify(mg.construct(mg.target("sin(x)/x"), "1e-3"))
    assert make_kinds.farthest(report.scheme, lambda x: make_kinds.m.cos(x), [0, 1]) > report.residual_sup_upper


@pytest.mark.parametrize(("text", "domain"), make_kinds.REFUSED)
def test_what_the_page_calls_refused_is_refused_as_it_says(text: str, domain: list[Any]) -> None:
    assert make_kinds.refused_row(text, domain) in PAGE


@pytest.mark.parametrize("row", make_kinds.FILES, ids=[f"{row[0]}: {row[1]}" for row in make_kinds.FILES])
def test_every_file_of_the_page_is_read_as_it_was_written_or_refused(row: Any, tmp_path: Path) -> None:
    line = make_kinds.file_row(row, tmp_path).rpartition("|")[0].rpartition("|")[0]  # but for the seconds
    assert line in PAGE


def test_a_file_that_is_read_as_something_else_is_noticed(tmp_path: Path) -> None:
    name, words, write, expected, options = make_kinds.FILES[0]
    with pytest.raises(SystemExit, match="something else"):
        make_kinds.file_row((name, words, write, expected + 1, options), tmp_path)
