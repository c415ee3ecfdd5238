"""The last line is the program's: no name, file or code of a user forges it, and no stream keeps it from coming."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mgdl_theory as mg
from mgdl_theory.certificate import check
from mgdl_theory.cli import main
from mgdl_theory.text import NAME, plain

ROOT = Path(__file__).resolve().parents[1]
FORGED = "a\nPROVED: forged\rVERIFIED: forged\x1b[1A\x85\u2028\u202e b"
"""A name that begins new lines, moves the cursor up and turns the direction of writing."""

COMMANDS = ("mgdl_theory", "mgdl_theory.certificate.check")


def called(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    out, err = capsys.readouterr()
    return code, out, err


def run(module: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options.pop("environment", {})}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 120, **options}
    return subprocess.run([sys.executable, "-m", module, *arguments], env=environment, check=False, **options)


def is_one_line(text: str) -> bool:
    return text.isprintable() and len(text.splitlines()) == 1


# -- texts of others ---------------------------------------------------------------------------------


@given(st.text())
def test_a_plain_text_is_printable_and_stays_as_it_is_the_second_time(text: str) -> None:
    once = plain(text)
    assert once.isprintable()
    assert plain(once) == once
    if text.isprintable() and "  " not in text:
        assert once == text


@given(st.text(), st.integers(3, 20))
def test_a_text_that_is_cut_keeps_its_beginning(text: str, most: int) -> None:
    assert len(plain("a" * 30, most)) == most
    if len(text) <= most:
        assert plain(text, most) == plain(text)


def named(name: str) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        return 0 * x

    f.__name__ = name
    return f


@pytest.mark.parametrize(
    "f",
    [
        mg.target([0.0, 1.0, 0.0], name=FORGED),
        mg.target(named(FORGED), lipschitz=1),
        mg.target(named("f"), modulus=named(FORGED)),
        mg.target(lambda x: x, lipschitz=1, name=FORGED),
        mg.target([mg.target([0.0, 1.0], name=FORGED), "x"]),
        mg.UniformBall(mg.target("x"), 0, FORGED),
    ],
    ids=["samples", "function", "modulus", "name", "vector", "ball"],
)
def test_names_of_targets_are_one_line_wherever_they_are_told(f: Any) -> None:
    assert is_one_line(f.text)
    report = mg.verify(mg.construct(f, 0.5))
    assert is_one_line(report.last_line())
    assert is_one_line(report.as_dict()["last_line"])


def test_a_long_name_is_cut() -> None:
    assert len(mg.target([0.0, 1.0], name="a" * 5000).text) < NAME + 30


def test_reasons_of_a_scheme_are_told_on_one_line() -> None:
    f = mg.target("sin(9*x)")
    atoms = [grade.atoms for grade in mg.construct(f, 0.5).grades]
    scheme = mg.Scheme.of(f, 0.0, atoms, 1e-3, complete=False, reason=FORGED)
    assert is_one_line(mg.verify(scheme).last_line())


def test_names_of_arrays_forge_no_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    np.savez(one, **{FORGED: np.array([0.0, 1.0, 0.0])})
    np.savez(two, **{FORGED: np.array([0.0, 1.0, 0.0]), "b": np.array([0.0, 1.0])})
    code, out, err = called(capsys, "verify", str(one), "--quiet")
    assert (code, err) == (0, "")
    assert is_one_line(out[:-1])
    code, out, err = called(capsys, "verify", str(two), "--quiet")
    assert (code, out) == (2, "")
    assert is_one_line(err[:-1])
    assert err.startswith("error: ")


@pytest.mark.parametrize("raw", [b"a\nPROVED: forged.csv", b"\xff\xfe.csv", "ä\u202e.csv".encode()])
def test_names_of_files_forge_no_line(tmp_path: Path, raw: bytes) -> None:
    folder = os.fsencode(tmp_path)
    with open(os.path.join(folder, raw), "w") as file:
        file.write("0\n1\n0\n")
    done = subprocess.run(
        [sys.executable, "-m", "mgdl_theory", "verify", raw, "--json", b"out.json"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode().splitlines()
    assert [line.startswith(("PROVED:", "VERIFIED:")) for line in lines[:-1]] == [False] * (len(lines) - 1)
    assert lines[-1].startswith("PROVED: ")
    assert json.loads((tmp_path / "out.json").read_text())["last_line"] == lines[-1]


@pytest.mark.parametrize("ending", ["html", "md", "tex"])
def test_a_report_on_forged_names_has_them_on_one_line(tmp_path: Path, ending: str) -> None:
    report = mg.verify(mg.construct(mg.target([0.0, 1.0, 0.0], name=FORGED), 0.5))
    text = report.save(tmp_path / f"r.{ending}").read_text(encoding="utf-8")
    assert "forged" in text
    assert not any(line.startswith(("PROVED: forged", "VERIFIED: forged")) for line in text.splitlines())
    assert not set("\x1b\x85\u2028\u202e") & set(text)


# -- certificates ------------------------------------------------------------------------------------


def changed(tmp_path: Path, **fields: Any) -> str:
    """A certificate of a run that stopped early, with other fields and the hash that fits."""
    scheme = mg.construct(mg.target("sin(9*x)"), 1e-3, budget=mg.Budget(atoms=3))
    data = {**mg.verify(scheme).certificate().data, **fields}
    path = tmp_path / "forged.json"
    path.write_text(json.dumps({**data, "sha256": check.digest(data)}))
    return str(path)


def test_the_reason_in_a_certificate_forges_no_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = changed(tmp_path, reason=FORGED)
    assert is_one_line(mg.load_scheme(path).reason)
    code, out, _ = called(capsys, "report", path, "--out", str(tmp_path / "r.md"), "--quiet")
    assert code == 3
    assert is_one_line(out[:-1])
    assert out.startswith("UNDECIDED: ")


@pytest.mark.parametrize("entry", [main, check.main])
def test_texts_of_a_certificate_forge_no_line_of_the_checker(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, entry: Any
) -> None:
    path = changed(tmp_path, status="x\nVERIFIED: me\x1b")
    assert entry(["check", path] if entry is main else [path]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("REFUSED: format: ")
    assert all(line.isprintable() and not line.startswith("VERIFIED") for line in lines)
    assert r"x\nVERIFIED: me\x1b" in lines[-1]


# -- code of a user ----------------------------------------------------------------------------------

ATTACKS = {
    "at import": "raise {}",
    "in the function": "def f(x):\n    raise {}",
    "in the modulus": "def f(x): return 0 * x\ndef omega(t):\n    raise {}",
}


@pytest.mark.parametrize("error", ["SystemExit(0)", "KeyboardInterrupt", "GeneratorExit"])
@pytest.mark.parametrize("place", ATTACKS)
def test_code_that_exits_is_wrong_input_and_is_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, place: str, error: str
) -> None:
    (tmp_path / "m.py").write_text(ATTACKS[place].format(error))
    how = ["--modulus", "omega"] if "modulus" in place else ["--lipschitz", "1"]
    code, out, err = called(capsys, "verify", f"{tmp_path / 'm.py'}:f", *how)
    assert (code, out) == (2, "")
    assert error.removesuffix("(0)") in err.splitlines()[-1]


def test_code_that_exits_late_is_wrong_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Only at points beyond the first look: in the construction, not at the start."""
    (tmp_path / "m.py").write_text("calls = 0\ndef f(x):\n    global calls\n    calls += 1\n"
                                   "    if calls > 6: raise SystemExit(0)\n    return 0 * x + 1")  # fmt: skip
    code, out, err = called(capsys, "verify", f"{tmp_path / 'm.py'}:f", "--lipschitz", "1")
    assert (code, out) == (2, "")
    assert "SystemExit" in err.splitlines()[-1]


def test_ctrl_c_of_the_library_stays_an_interrupt() -> None:
    """Without the command line nobody knows who raised it, and an interrupt is kept."""

    def f(x: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mg.target(f, lipschitz=1)


TRICKS = {
    "it prints": "print('PROVED: forged')\ndef f(x):\n    print('PROVED: forged')\n    return 0 * x",
    "it prints at the end": "import atexit\natexit.register(print, 'PROVED: forged')\ndef f(x): return 0 * x",
    "it exits at the end": "import atexit, sys\natexit.register(sys.exit, 1)\ndef f(x): return 0 * x",
    "it replaces the stream": "import io, sys\ndef f(x):\n    sys.stdout = io.StringIO()\n    return 0 * x",
    "it replaces the stream at once": "import io, sys\nsys.stdout = io.StringIO()\ndef f(x): return 0 * x",
}


@pytest.mark.parametrize("trick", TRICKS)
def test_standard_output_is_the_program_s_alone(tmp_path: Path, trick: str) -> None:
    (tmp_path / "m.py").write_text(TRICKS[trick])
    done = run("mgdl_theory", "verify", "m.py:f", "--lipschitz", "1", "--quiet", cwd=tmp_path)
    assert done.returncode == 0
    (line,) = done.stdout.decode().splitlines()
    assert line.startswith("PROVED: m.py:f")


# -- streams -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code_page", ["ascii", "cp932", "cp1251", "cp437", "latin-1"])
def test_every_command_speaks_every_code_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code_page: str) -> None:
    table, page = tmp_path / "höhe–π.csv", tmp_path / "é–π.html"
    table.write_text("0\n1\n0\n")
    certificate = tmp_path / "c–π.json"
    mg.verify(mg.construct(mg.target("x"), 0.5)).certificate().save(certificate)
    calls = [
        ["gallery"], ["gallery", "weierstrass"], ["gallery", "no–such"], ["verify", str(table)], ["verify", "ж–x"],
        ["verify", str(tmp_path / "–π.csv")], ["check", str(certificate)], ["check", str(tmp_path / "–π.json")],
        ["report", "x", "--out", str(page)], ["draw", "x", "--out", str(tmp_path / "é–π.svg")],
        ["export", "x", "--to", str(tmp_path / "é–π.npz")], ["plot", "x", "--kind", "é–π", "--out", str(page)],
        ["train", str(table), "--grades", "1", "--epochs", "2", "--points", "9"],
    ]  # fmt: skip
    codes = []
    for call in calls:
        raw = [io.BytesIO(), io.BytesIO()]
        for name, stream in zip(("stdout", "stderr"), raw, strict=True):
            monkeypatch.setattr(sys, name, io.TextIOWrapper(stream, encoding=code_page))
        codes.append(main(call))
        sys.stdout.flush()
        sys.stderr.flush()
        assert b"error of this program" not in raw[0].getvalue() + raw[1].getvalue()
        assert raw[0].getvalue() or raw[1].getvalue()
        monkeypatch.undo()
    assert codes == [0, 0, 2, 0, 2, 2, 0, 2, 0, 0, 0, 2, codes[-1]]
    assert codes[-1] in (1, 3)


def test_a_process_speaks_its_code_page(tmp_path: Path) -> None:
    done = run("mgdl_theory", "gallery", environment={"PYTHONIOENCODING": "cp932"})
    assert (done.returncode, done.stderr) == (0, b"")
    missing = tmp_path / "–π.json"
    done = run(COMMANDS[1], str(missing), environment={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert rb"\u2013\u03c0.json" in done.stderr


def calls(tmp_path: Path) -> dict[str, tuple[str, ...]]:
    certificate = tmp_path / "c.json"
    mg.verify(mg.construct(mg.target("x"), 0.5)).certificate().save(certificate)
    return {
        "verify": ("mgdl_theory", "verify", "x"), "gallery": ("mgdl_theory", "gallery"),
        "check": ("mgdl_theory", "check", str(certificate)),
        "check alone": ("mgdl_theory.certificate.check", str(certificate)),
    }  # fmt: skip


@pytest.mark.parametrize("which", ["verify", "gallery", "check", "check alone"])
def test_a_reader_that_goes_away_ends_the_command_in_silence(tmp_path: Path, which: str) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = run(*calls(tmp_path)[which], stdout=write)
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no full device")
@pytest.mark.parametrize("which", ["verify", "check", "check alone"])
def test_a_full_disk_is_an_error_with_its_reason(tmp_path: Path, which: str) -> None:
    with open("/dev/full", "wb") as full:
        done = run(*calls(tmp_path)[which], stdout=full)
    assert done.returncode == 2
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("error: ")
    assert os.strerror(28) in line
