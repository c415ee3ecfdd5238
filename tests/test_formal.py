"""The formal proofs: nothing is admitted, the axioms are those that are written down, and the map names what exists."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FORMAL = ROOT / "formal"
FILES = [
    FORMAL / line for line in (FORMAL / "_CoqProject").read_text(encoding="utf-8").splitlines() if line.endswith(".v")
]
COMMENT = re.compile(r"\(\*.*?\*\)", re.DOTALL)
LOOPHOLES = re.compile(r"\b(Admitted|admit|Axiom|Axioms|Parameter|Parameters|Conjecture|Hypotheses|Unset\s+Guard)\b")
STATEMENT = re.compile(r"^\s*(?:Lemma|Theorem|Corollary|Definition|Fixpoint|Record) (\w+)", re.MULTILINE)

ALLOWED = {
    "ClassicalDedekindReals.sig_not_dec",
    "ClassicalDedekindReals.sig_forall_dec",
    "FunctionalExtensionality.functional_extensionality_dep",
    "Classical_Prop.classic",
}
"""Axioms of the standard library: real numbers, functions with equal values, the excluded middle."""


def code(path: Path) -> str:
    return COMMENT.sub("", path.read_text(encoding="utf-8"))


def statements() -> set[str]:
    return {name for path in FILES for name in STATEMENT.findall(code(path))}


def axioms(text: str) -> set[str]:
    """Names of a printed list: each stands at the beginning of a line, its type after a colon."""
    return set(re.findall(r"^([A-Z][\w.]*\.\w+)(?: :|$)", text, re.MULTILINE))


def test_every_file_is_built() -> None:
    assert {path.name for path in FILES} == {path.name for path in FORMAL.glob("*.v")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_admitted_or_assumed(path: Path) -> None:
    assert LOOPHOLES.findall(code(path)) == []


@pytest.mark.parametrize("text", ["Admitted.", "  admit.", "Axiom choice : True.", "Parameter x : nat."])
def test_a_planted_loophole_is_seen(text: str) -> None:
    assert LOOPHOLES.findall(text)


def test_hypotheses_stand_only_in_sections_that_are_closed() -> None:
    """What is assumed inside a section becomes a premise of its theorems when the section ends."""
    for path in FILES:
        opened = re.findall(r"^\s*Section (\w+)\.", code(path), re.MULTILINE)
        closed = re.findall(r"^\s*End (\w+)\.", code(path), re.MULTILINE)
        assert sorted(opened) == sorted(closed)
        outside = re.sub(r"^\s*Section (\w+)\..*?^\s*End \1\.", "", code(path), flags=re.DOTALL | re.MULTILINE)
        assert not re.findall(r"\b(Hypothesis|Context|Variable|Variables)\b", outside)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_begins_with_a_header_that_names_its_statements(path: Path) -> None:
    header = path.read_text(encoding="utf-8").split("*)")[0]
    assert header.startswith("(** * ")
    for name in re.findall(r"\[(\w+)\]", header):
        assert re.search(rf"\b{name}\b", code(path)), name


def test_the_stored_assumptions_are_those_of_the_standard_library() -> None:
    stored = (FORMAL / "assumptions.txt").read_text(encoding="utf-8")
    asked = re.findall(r"Print Assumptions (\w+)\.", code(FORMAL / "Assumptions.v"))
    assert stored.count("Axioms:") + stored.count("Closed under the global context") == len(asked)
    assert axioms(stored) == ALLOWED
    assert "multigrade_theorem" in asked
    assert set(asked) <= statements()


def test_the_map_names_statements_that_exist() -> None:
    page = (ROOT / "docs" / "formal.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    named = [name for line in rows for cell in line.split("|")[2:3] for name in re.findall(r"`(\w+)`", cell)]
    assert len(named) > 20
    assert set(named) <= statements()


def test_the_proof_map_of_the_theory_names_statements_that_exist() -> None:
    page = (ROOT / "docs" / "theory.md").read_text(encoding="utf-8")
    rows = [line for line in page[page.index("## 9. Proof map") :].splitlines() if line.startswith("| ")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[5])]
    assert len(named) > 20
    assert set(named) <= statements()


def installed() -> bool:
    if shutil.which("coqc") is None:
        return False
    where = subprocess.run(["coqc", "-where"], capture_output=True, text=True, check=True).stdout.strip()
    return (Path(where) / "user-contrib" / "Coquelicot" / "Coquelicot.vo").exists()


@pytest.mark.skipif(not installed(), reason="coqc with Coquelicot is not installed: the proofs are not compiled here")
def test_the_proofs_compile_and_print_the_stored_assumptions(tmp_path: Path) -> None:
    """``make formal`` compiles what has changed since it was run last; the list is printed anew."""
    done = subprocess.run(["make", "formal"], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    shutil.copy(FORMAL / "Assumptions.v", tmp_path)
    done = subprocess.run(
        ["coqc", "-R", str(FORMAL), "Mgdl", "Assumptions.v"],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == (FORMAL / "assumptions.txt").read_text(encoding="utf-8")
