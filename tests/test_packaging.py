"""What is shipped: metadata that agree, files that hold everything, nothing of a particular machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project(whole: dict[str, Any]) -> dict[str, Any]:
    return dict(whole["project"])


# -- one version, one licence ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def version() -> str:
    text = (ROOT / "mgdl_theory" / "__init__.py").read_text(encoding="utf-8")
    (found,) = re.findall(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    return str(found)


def test_citation_and_changelog_name_the_version(version: str) -> None:
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest
    assert newest[1] == version


def test_the_version_is_written_once_in_code(project: dict[str, Any], version: str) -> None:
    assert project["dynamic"] == ["version"]
    quoted = re.compile(rf"""["']{re.escape(version)}["']""")
    hits = {name: len(quoted.findall((ROOT / name).read_text(encoding="utf-8"))) for name in sources()}
    assert {name: count for name, count in hits.items() if count} == {"mgdl_theory/__init__.py": 1}


def test_the_licence_is_the_declared_one(project: dict[str, Any]) -> None:
    assert project["license"] == "BSD-3-Clause"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("BSD 3-Clause License")
    assert "\nlicense: BSD-3-Clause\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_the_readme_is_declared_if_there_is_one(project: dict[str, Any]) -> None:
    assert project.get("readme") == ("README.md" if (ROOT / "README.md").exists() else None)


def test_constraints_pin_every_requirement_and_name_no_place(whole: dict[str, Any], project: dict[str, Any]) -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9a-z.]*", pin) for pin in pins)
    assert pins == sorted(pins, key=str.lower)
    pinned = {canonical(pin.partition("==")[0]) for pin in pins}
    lists = [*project["optional-dependencies"].items(), *whole["dependency-groups"].items()]
    asked = [*project["dependencies"], *(line for name, lines in lists if name != "torch" for line in lines)]
    names = {canonical(re.match(r"[A-Za-z0-9._-]+", line)[0]) for line in asked if isinstance(line, str)}  # type: ignore[index]
    assert names - {project["name"]} <= pinned


def test_the_hooks_of_a_commit_are_of_the_pinned_versions() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    for tool, mirror in (("ruff", "ruff-pre-commit"), ("mypy", "mirrors-mypy")):
        (version,) = re.findall(rf"{mirror}\n +rev: v(\S+)", hooks)
        assert f"\n{tool}=={version}\n" in pins


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


# -- what the archives hold ------------------------------------------------------------------------


def build(kind: str, into: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (archive,) = into.iterdir()
    return archive


def sources() -> set[str]:
    return {str(path.relative_to(ROOT)) for path in (ROOT / "mgdl_theory").rglob("*.py")}


def test_the_wheel_holds_the_package_its_types_and_its_licence_and_nothing_else(tmp_path: Path, version: str) -> None:
    archive = build("wheel", tmp_path)
    assert archive.name == f"mgdl_theory-{version}-py3-none-any.whl"
    with zipfile.ZipFile(archive) as wheel:
        names = set(wheel.namelist())
        (scripts,) = (name for name in names if name.endswith("entry_points.txt"))
        assert "mgdl-theory = mgdl_theory.cli:main" in wheel.read(scripts).decode()
    assert sources() | {"mgdl_theory/py.typed"} <= names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"mgdl_theory"}


def test_the_source_archive_can_be_tested(tmp_path: Path) -> None:
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert sources() <= names
    assert {"Makefile", "constraints.txt", "pyproject.toml", "LICENSE", "conftest.py"} <= names


# -- the two commands ------------------------------------------------------------------------------


def test_ci_runs_make_test_and_make_formal_and_nothing_else() -> None:
    """Beside that it only looks for a browser and a prover, and may install them."""
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    commands = [line for line in script.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    assert commands[0] == "set -euo pipefail"
    text = "\n".join(commands)
    assert re.findall(r"apt-get \w+", text) == ["apt-get update", "apt-get install"]
    assert re.findall(r"\bmake \w+", text) == ["make test", "make formal"]
    assert not re.search(r"\b(?:pytest|pip|python|nox)\b", text)


@pytest.mark.parametrize("present", [True, False])
def test_ci_says_what_it_has_not(present: bool, tmp_path: Path) -> None:
    """Run with programs that do nothing, in place of all others."""
    (tmp_path / ".ci").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    coquelicot = tmp_path / "user-contrib" / "Coquelicot" / "Coquelicot.vo"
    coquelicot.parent.mkdir(parents=True)
    coquelicot.touch()
    for name in ("make", "id", *(("chromium", "chromedriver") if present else ())):
        program = tmp_path / "bin" / name
        program.write_text(f"#!/bin/sh\necho {name} $*\n")
        program.chmod(0o755)
    if present:
        program = tmp_path / "bin" / "coqc"
        program.write_text(f"#!/bin/sh\necho {tmp_path}\n")
        program.chmod(0o755)
    for name in ("bash", "dirname"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or name)
    done = subprocess.run(
        [tmp_path / "bin" / "bash", ".ci/run"], cwd=tmp_path, env={"PATH": str(tmp_path / "bin")}, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "make test\nmake formal\n" if present else "make test\n")
    assert ("no browser" in done.stderr, "no prover" in done.stderr) == (not present, not present)


@pytest.mark.parametrize("failing", ["make test", "make formal"])
def test_ci_fails_where_a_step_fails(failing: str, tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    coquelicot = tmp_path / "user-contrib" / "Coquelicot" / "Coquelicot.vo"
    coquelicot.parent.mkdir(parents=True)
    coquelicot.touch()
    scripts = {
        "make": f'[ "make $*" != "{failing}" ]',
        "coqc": f"echo {tmp_path}",
        **dict.fromkeys(("chromium", "chromedriver", "id"), ":"),
    }
    for name, body in scripts.items():
        (bin_ / name).write_text(f"#!/bin/sh\n{body}\n")
        (bin_ / name).chmod(0o755)
    for name in ("bash", "dirname"):
        (bin_ / name).symlink_to(shutil.which(name) or name)
    done = subprocess.run(
        [bin_ / "bash", ".ci/run"], cwd=tmp_path, env={"PATH": str(bin_)}, capture_output=True, check=False
    )
    assert done.returncode != 0


# -- nothing of a particular machine ---------------------------------------------------------------

PLACES = re.compile(
    r"(?<![\w.~<-])/(?:(?:root|work)\b|(?:opt|home|Users)/)(?!\.\.\.)"  # absolute paths of one machine
    r"|\b[A-Z]:\\+Users\\"
    r"|\bpypi[.]org|pythonhosted[.]org|registry[.]npmjs|conda[.]anaconda[.]org"
    r"|--(?:extra-)?index-url|--find[-]links|[/]simple/"
)


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def places(text: str) -> list[str]:
    return PLACES.findall(text)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone: nothing tells which files are tracked")
def test_tracked_files_name_no_machine_and_no_registry() -> None:
    files = tracked()
    assert files, "git lists no tracked file"
    found = {str(path.relative_to(ROOT)): places(path.read_text(encoding="utf-8", errors="replace")) for path in files}
    assert {name: hits for name, hits in found.items() if hits} == {}


@pytest.mark.parametrize(
    "text",
    [
        "/".join(["", "root", "x"]),
        "cd " + "/".join(["", "work"]),
        "see " + "/".join(["", "home", "someone", "data.npy"]),
        "'file://" + "/".join(["", "Users", "someone"]) + "/'",
        "C:" + "\\Users\\someone",
        "https://" + ".".join(["pypi", "org"]) + "/",
        "--index" + "-url https://example.org",
    ],
)
def test_a_planted_place_is_seen(text: str) -> None:
    assert places(text)


@pytest.mark.parametrize(
    "text",
    [
        "/".join(["n", "root", "2"]),
        "/".join(["<root><", "root>"]),
        "two /workers",
        "/".join(["~", "work", "x"]),
        "https://arxiv.org/abs/2601.16884",
        "/".join(["a", "home", "b"]),
    ],
)
def test_an_innocent_text_passes(text: str) -> None:
    assert not places(text)
