"""Every Python example of the pages runs as it stands, and every command in them is one that the program has."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

from mgdl_theory.cli import _parser, main

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "howto").glob("*.md")])
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NEEDS = re.compile(r"^# needs: (\w+)$", re.MULTILINE)


def blocks(page: Path, language: str) -> list[str]:
    return [text for name, text in FENCE.findall(page.read_text(encoding="utf-8")) if name == language]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


WITH_EXAMPLES = [page for page in PAGES if blocks(page, "python")]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=map(name, WITH_EXAMPLES))
def test_the_examples_of_a_page_run_in_order(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One namespace a page; a block that says ``# needs: package`` is left out where that is not installed."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "example"}
    for block in blocks(page, "python"):
        if all(importlib.util.find_spec(package) for package in NEEDS.findall(block)):
            exec(compile(block, name(page), "exec"), namespace)


def commands() -> list[tuple[str, str]]:
    """(page, command) for each line of a shell block that calls the program."""
    found = []
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                if line.startswith(("mgdl-theory ", ".venv/bin/mgdl-theory ")):
                    found.append((name(page), line))
    return found


def test_pages_show_commands() -> None:
    assert len(commands()) > 10


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_command_of_a_page_is_understood(page: str, command: str) -> None:
    """Options exist and have their arguments; what the command does is for other tests."""
    _parser().parse_args(shlex.split(command, comments=True)[1:])


def links(page: Path) -> list[str]:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]


@pytest.mark.parametrize("page", PAGES, ids=map(name, PAGES))
def test_links_to_files_and_headings_lead_somewhere(page: Path) -> None:
    for link in links(page):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def test_the_table_in_the_readme_is_the_one_that_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    (shown,) = blocks(ROOT / "README.md", "text")
    assert main(["verify", "sin(10*x)*exp(-x)", "--tol", "1e-3"]) == 0
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in shown.splitlines() if line in printed] == shown.splitlines()
