"""Every Python example of the pages runs as it stands, and every command in them is one that the program has."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import re
import shlex
from pathlib import Path

import pytest
from fences import FENCE, NEEDS, ROOT, blocks

import mgdl_theory as mg
from mgdl_theory.cli import main
from mgdl_theory.cli.options import parse
from notebooks.lessons import careless

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "howto").glob("*.md")])


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def examples(page: Path) -> list[tuple[str, str]]:
    """(code, what it prints) for each Python block; an empty text where the page does not show it."""
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    parts = FENCE.split(page.read_text(encoding="utf-8"))[3::3]  # what stands after each block
    follows = [not between.strip() for between in parts]
    pairs = zip(found, [*found[1:], ("", "")], follows, strict=True)
    return [
        (code, out if kind == "text" and near else "") for (name, code), (kind, out), near in pairs if name == "python"
    ]


WITH_EXAMPLES = [page for page in PAGES if blocks(page, "python")]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=map(name, WITH_EXAMPLES))
def test_the_examples_of_a_page_run_in_order_and_print_what_it_shows(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One namespace a page; a block that says ``# needs: package`` is left out where that is not installed."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "example"}
    for block, shown in examples(page):
        if all(importlib.util.find_spec(package) for package in NEEDS.findall(block)):
            exec(compile(block, name(page), "exec"), namespace)
            printed = capsys.readouterr().out
            assert not shown or doctest.OutputChecker().check_output(shown, printed, LOOSELY), printed


LOOSELY = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_the_tutorial_shows_what_every_print_of_it_prints_and_has_a_picture() -> None:
    page = ROOT / "docs" / "tutorial.md"
    assert all(bool(shown) == ("print(" in code) for code, shown in examples(page))
    assert "](figures/residuals.svg)" in page.read_text(encoding="utf-8")


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
    parse(shlex.split(command, comments=True)[1:])


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


def test_every_name_of_the_api_page_is_found_where_its_first_sentence_says() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    names = [entry.rpartition(".") for entry in re.findall(r"^\.\. (?:auto\w+|py:data):: (\S+)$", text, re.MULTILINE)]
    assert sorted(name for module, _, name in names if module == "mgdl_theory") == sorted(mg.__all__)
    for module, _, name in names:
        assert hasattr(importlib.import_module(module), name), (module, name)
    assert "The others are imported from the module that is named before them" in text
    assert any(module != "mgdl_theory" for module, _, _ in names)


def test_exit_codes_of_check_are_those_of_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "no.json").write_text("{}", encoding="utf-8")
    assert main(["check", str(tmp_path / "no.json")]) == 1
    assert "REFUSED: format: " in capsys.readouterr().out
    assert main(["check", str(tmp_path / "absent.json")]) == 2
    text = " ".join((ROOT / "docs" / "certificate.md").read_text(encoding="utf-8").split())
    assert "| a claim is not confirmed, or (claim `format`) the file is malformed |" in text
    assert "| 2 | `error: ...` on standard error | nothing was checked: no such file, no engine, wrong options" in text


def test_a_statement_that_code_names_stands_on_the_page_of_the_theory() -> None:
    """Also in tests; a numbered example is one with a proof or a run that shows it."""
    page = (ROOT / "docs" / "theory.md").read_text(encoding="utf-8")
    there = {
        " ".join(found) for found in re.findall(r"^\*\*(Lemma|Proposition|Corollary|Example) ([A-Z]?\d+)", page, re.M)
    }
    sources = [*(ROOT / "mgdl_theory").rglob("*.py"), *(ROOT / "tests").glob("*.py")]
    named = {
        f"{kind} {number}"
        for path in sources
        for kind, number in re.findall(r"\b(Lemma|Proposition|Corollary|Example) ([A-Z]?\d+)", path.read_text("utf-8"))
    }
    assert named - there <= {f"Proposition T{n}" for n in (1, 2, 3)}  # of docs/targets.md
    assert re.findall(r"Example \d+", careless.__doc__ or "") == ["Example 2"]
    stall = page[page.index("**Example 1 (") : page.index("**Example 3 (")]
    assert "*Proof.*" in stall
    assert "0.1358<" in stall
    assert not [path.name for path in sources if "THEORY" + " " in path.read_text(encoding="utf-8")]


def test_modules_that_the_theory_names_have_the_names_that_it_gives_them() -> None:
    """What stands as ``module.name`` in code on the page is there, where the first word is no class."""
    page = (ROOT / "docs" / "theory.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z]+(?:\.[a-z]+)*)\.(\w+)(?:\.\w+)*`", page)
    pairs = {(module, name) for module, name in named if name not in ("py", "md")}
    assert ("construction", "FINISH") in pairs
    for module, name in pairs:
        assert hasattr(importlib.import_module(f"mgdl_theory.{module}"), name), (module, name)
