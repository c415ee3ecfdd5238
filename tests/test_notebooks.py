"""The notebooks: each is one notebook in two files, without outputs, with exercises; running them is nbmake's work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

jupytext = pytest.importorskip("jupytext")

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.md"))
LONGEST_CELL = 16
"""Experience: lines of code that a reader takes in at a glance."""


def test_the_notebooks_are_there_in_the_order_of_the_proof() -> None:
    assert len(NAMES) >= 8
    assert [int(name[:2]) for name in NAMES] == list(range(1, len(NAMES) + 1))
    assert sorted(path.stem for path in FOLDER.glob("*.ipynb")) == NAMES


def cells(name: str, ending: str) -> list[tuple[str, str]]:
    notebook: Any = jupytext.read(FOLDER / f"{name}{ending}")
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


@pytest.mark.parametrize("name", NAMES)
def test_both_files_hold_the_same_notebook(name: str) -> None:
    """Edit the .md file, then run ``jupytext --sync notebooks/*.md``."""
    assert cells(name, ".ipynb") == cells(name, ".md")


@pytest.mark.parametrize("name", NAMES)
def test_no_output_is_stored(name: str) -> None:
    notebook: Any = jupytext.read(FOLDER / f"{name}.ipynb")
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_states_one_claim_and_ends_with_exercises_and_answers(name: str) -> None:
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    assert len(re.findall(r"^\*\*Claim\.\*\*", text, re.MULTILINE)) == 1
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings[-1] == "Exercises"
    end = text[text.index("## Exercises") :]
    asked, _, answered = end.partition("<summary>Answers</summary>")
    assert answered
    numbers = [re.findall(r"^(\d+)\. ", part, re.MULTILINE) for part in (asked, answered)]
    assert numbers[0] == numbers[1] != []


def test_only_the_last_panel_of_the_residuals_is_shaded_and_notebook_4_says_so() -> None:
    import mgdl_theory as mg

    page = mg.plot(mg.verify(mg.construct(mg.target("sin(10*x)*exp(-x)"), tol=1e-2)), "residuals")
    panels = [ax for ax in page.axes if ax.get_lines()]
    assert [bool(ax.collections) for ax in panels] == [False] * (len(panels) - 1) + [True]
    text = " ".join((FOLDER / "04_many_grades.md").read_text(encoding="utf-8").split())
    assert "dashed lines of every panel are the proved bound" in text
    assert "the shaded envelope of the last panel is proved cell by cell" in text


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_short(name: str) -> None:
    assert all(len(source.splitlines()) <= LONGEST_CELL for kind, source in cells(name, ".md") if kind == "code")
