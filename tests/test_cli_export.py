"""``export`` and ``draw`` as a user meets them: verified first, written whole or not at all."""

from __future__ import annotations

import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mgdl_theory as mg
from mgdl_theory.cli import main
from mgdl_theory.relu.export import load_npz
from mgdl_theory.verification.verdict import Result, Verdict, Witness

ROOT = Path(__file__).resolve().parents[1]
FORMULA = ["x*y", "--tol", "0.1"]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def called(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str], str]:
    """Exit code, lines of standard output, and standard error of one call in this process."""
    try:
        code = main(arguments)
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = capsys.readouterr()
    return code, out.splitlines(), err


def files() -> list[str]:
    return sorted(path.name for path in Path.cwd().iterdir())


# -- export ----------------------------------------------------------------------------------------


def test_export_writes_every_file_and_ends_with_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    names = ["net.onnx", "net.npz", "cells.csv", "cells.vnnlib"]
    code, out, err = called(capsys, "export", *FORMULA, *(word for name in names for word in ("--to", name)))
    assert (code, err) == (0, "")
    assert files() == sorted(names)
    assert out[-1].startswith("PROVED: x*y on [0, 1]^2: ")
    text = "\n".join(out)
    assert re.search(r"PROVED +network +the network is the scheme", text)
    assert "onnx.checker accepts it" in text
    assert re.search(r"onnxruntime in float64: (\d+) of \1 dyadic points exact", text)
    for name in names:
        assert f"{name}: {Path(name).stat().st_size} bytes" in out


def test_what_is_exported_is_the_scheme(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    options = ["--domain", "-1", "1", "--lift", "-2", "--granularity", "unit", "--gadget", "narrow"]
    code, _, _ = called(capsys, "export", *FORMULA, *options, "--to", "n.npz", "--to", "n.onnx", "--quiet")
    assert code == 0
    scheme = mg.construct(mg.target("x*y", [-1, 1]), "0.1", lift=-2.0)
    network = load_npz("n.npz")
    assert (network.granularity, network.gadget_name, network.lift) == ("unit", "narrow", -2.0)
    assert mg.verify_network(network, scheme).verdict is Verdict.PROVED
    from mgdl_theory.relu.onnx_model import run_onnx

    points = np.random.default_rng(0).integers(-64, 65, (50, 2)) / 64
    (y,) = run_onnx(Path("n.onnx").read_bytes(), points)
    exact = [scheme.exact([Fraction(float(v)) for v in p]) for p in points]
    assert [Fraction(v) for v in y[:, 0].tolist()] == exact


def test_files_carry_the_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    onnx = pytest.importorskip("onnx")
    called(capsys, "export", *FORMULA, "--to", "n.npz", "--to", "n.onnx", "--to", "n.vnnlib", "--dtype", "float32")
    with np.load("n.npz") as held:
        note = str(held["note"])
    assert note.startswith(f"mgdl-theory {mg.__version__}: PROVED: x*y")
    said = {entry.key: entry.value for entry in onnx.load("n.onnx").metadata_props}
    assert said["note"].startswith(note)
    assert "NumPy in float32: " in said["note"]
    assert "measured there, no bound elsewhere" in said["note"]
    assert Path("n.vnnlib").read_text(encoding="utf-8").startswith(f"; {note}\n")


def test_quiet_prints_the_last_line_only(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = called(capsys, "export", *FORMULA, "--to", "n.npz", "--quiet")
    assert (code, len(out), err) == (0, 1, "")
    assert files() == ["n.npz"]


def test_float32_states_its_measured_error(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    _, out, _ = called(capsys, "export", *FORMULA, "--to", "n.onnx", "--dtype", "float32")
    (line,) = (line for line in out if "onnxruntime in float32" in line)
    assert re.search(r"error at most \d\.?\d*e-\d+ at \d+ points, largest at .*; measured there, no bound", line)


@pytest.mark.parametrize(("formula", "tol"), [("1e6+sin(x)", "1e-3"), ("100+sin(x)", "1e-5"), ("sin(x)", "1e-7")])
@pytest.mark.parametrize("quiet", [True, False])
def test_a_network_that_float32_cannot_hold_to_the_tolerance_is_not_written(
    capsys: pytest.CaptureFixture[str], formula: str, tol: str, quiet: bool
) -> None:
    pytest.importorskip("onnx")
    wanted = ["export", formula, "--domain", "0", "6", "--tol", tol, "--to", "n.onnx", *(["--quiet"] * quiet)]
    code, _, err = called(capsys, *wanted, "--dtype", "float32")
    assert code == 2
    assert re.search(r"in float32 this network is off by [0-9.e-]+ at \([0-9.]+\), more than the tolerance", err)
    assert files() == []
    assert called(capsys, *wanted)[0] == 0
    assert files() == ["n.onnx"]


def test_layouts_and_partial_sums_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    onnx = pytest.importorskip("onnx")
    called(capsys, "export", *FORMULA, "--to", "n.onnx", "--layout", "scan", "--partial-sums", "--quiet")
    graph = onnx.load("n.onnx").graph
    assert "Scan" in {node.op_type for node in graph.node}
    assert [o.name for o in graph.output] == ["y", "partial_sums"]
    called(capsys, "export", *FORMULA, "--to", "n.onnx", "--quiet")
    assert "Scan" not in {node.op_type for node in onnx.load("n.onnx").graph.node}


def test_cells_of_one_level_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    called(capsys, "export", *FORMULA, "--to", "n.csv", "--cells", "2", "--quiet")
    lines = Path("n.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 17
    assert all(line.startswith("2,") for line in lines[1:])


def test_without_onnxruntime_the_model_is_written_and_that_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxruntime" else find(name))
    code, out, _ = called(capsys, "export", *FORMULA, "--to", "n.onnx")
    assert code == 0
    assert any("onnxruntime is not installed" in line for line in out)
    _, out, _ = called(capsys, "export", *FORMULA, "--to", "n.onnx", "--dtype", "float32")
    assert any("NumPy in float32: " in line for line in out)


def test_an_undecided_scheme_is_written_with_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = called(capsys, "export", "x", "--max-atoms", "2", "--to", "n.npz")
    assert code == 3
    assert out[-1].startswith("UNDECIDED: x on [0, 1]")
    assert files() == ["n.npz"]


def test_a_refuted_network_is_not_written(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from mgdl_theory.verification import network as verification

    witness = Witness((Fraction(1, 2),), 1, (0.0, 0.0), (1.0, 1.0))
    refuted = Result("network", Verdict.REFUTED, "planted", witness)
    monkeypatch.setattr(verification, "verify_network", lambda *_: refuted)
    code, out, err = called(capsys, "export", "x", "--tol", "0.1", "--to", "n.npz", "--quiet")
    assert code == 1
    assert out[-1].startswith("REFUTED: x on [0, 1]: claim network: planted")
    assert err == "n.npz: not written, because the verdict is REFUTED\n"
    assert files() == []


REFUSED = [
    (["x"], "--to"),
    (["x", "--to", "net"], "'net'"),
    (["x", "--to", "net.txt"], "'net.txt'"),
    (["x", "--to", "no/folder/net.npz"], "no/folder"),
    (["x", "--to", "n.npz", "--to", "net.gz"], "'net.gz'"),
    (["x", "--to", "n.npz", "--layout", "spiral"], "spiral"),
    (["x", "--to", "n.npz", "--dtype", "float16"], "float16"),
    (["x", "--to", "n.npz", "--granularity", "word"], "word"),
    (["x", "--to", "n.npz", "--gadget", "thin"], "thin"),
    (["x", "--to", "n.npz", "--tol", "0"], "'0'"),
    (["x+", "--to", "n.npz"], "x+"),
    (["x", "--to", "n.csv", "--cells", "-1", "--tol", "0.1"], "-1"),
    (["x", "--to", "n.csv", "--cells", "40", "--tol", "0.1"], "40"),
    (["missing.json", "--to", "n.npz"], "there is no file 'missing.json'"),
    (["missing.mgdl.json.gz", "--to", "n.npz"], "there is no file"),
    (["there.json", "--to", "n.npz"], "there.json"),
]


@pytest.mark.parametrize(("arguments", "quoted"), REFUSED, ids=[" ".join(a) for a, _ in REFUSED])
def test_wrong_input_is_refused_in_one_sentence_and_nothing_is_written(
    capsys: pytest.CaptureFixture[str], arguments: list[str], quoted: str
) -> None:
    Path("there.json").write_text("{}", encoding="utf-8")
    code, out, err = called(capsys, "export", *arguments)
    assert code == 2
    assert err.startswith("error: ")
    assert quoted in err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 3
    assert files() == ["there.json"]
    assert out == []


def test_a_missing_package_is_named_before_any_work(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    for ending, package in (("pt", "torch"), ("onnx", "onnx")):
        code, out, err = called(capsys, "export", "sin(1e6*x)", "--tol", "1e-9", "--to", f"n.{ending}")
        assert (code, out) == (2, [])
        assert f"pip install 'mgdl-theory[{package}]'" in err


def test_a_folder_that_cannot_be_written_is_an_error_not_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    Path("n.npz").write_bytes(b"old")
    Path("folder.npz").mkdir()
    code, _, err = called(capsys, "export", *FORMULA, "--to", "folder.npz")
    assert (code, err) == (2, "error: --to: 'folder.npz' is a folder\n")
    monkeypatch.setattr("os.replace", fail)
    code, out, err = called(capsys, "export", *FORMULA, "--to", "n.npz")
    assert code == 2
    assert err.startswith("error: 'n.npz' cannot be written: Permission denied; the verdict was PROVED: ")
    assert Path("n.npz").read_bytes() == b"old"
    assert not any(line.startswith("PROVED:") for line in out)


def test_torch_files_are_written_where_torch_is(capsys: pytest.CaptureFixture[str]) -> None:
    torch = pytest.importorskip("torch")
    for dtype in ("float32", "float64"):
        code, out, _ = called(capsys, "export", *FORMULA, "--to", "n.pt", "--dtype", dtype)
        assert code == 0
        (said,) = [line for line in out if f"torch in {dtype}: " in line]
        equal, dyadic = re.findall(r"(\d+) of (\d+) dyadic points exact; error at most", said)[0]
        assert int(equal) == int(dyadic) or dtype == "float32"
        state = torch.load("n.pt", weights_only=True)
        assert state["weights"].dtype == getattr(torch, dtype)
        assert state["grade_end"].dtype == torch.int64


# -- draw ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG"), ("tex", b"\\doc")]
)
def test_draw_writes_the_picture(capsys: pytest.CaptureFixture[str], ending: str, start: bytes) -> None:
    code, out, err = called(capsys, "draw", *FORMULA, "--out", f"net.{ending}")
    assert (code, err) == (0, "")
    assert len(out) == 1
    assert out[0].startswith(f"net.{ending}: width 5, depth ")
    assert Path(f"net.{ending}").read_bytes().startswith(start)
    assert files() == [f"net.{ending}"]


def test_draw_takes_the_shape_of_the_network_and_says_what_is_incomplete(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = called(
        capsys, "draw", "x*y*z", "--max-atoms", "30", "--granularity", "unit", "--gadget", "narrow", "--out", "n.tex"
    )
    assert code == 0
    assert "width 4" in out[0]
    assert "; incomplete: the budget of 30 atoms" in out[0]
    assert "running minimum" in Path("n.tex").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "quoted"),
    [
        (["x"], "--out"),
        (["x", "--out", "n.gif"], "'n.gif'"),
        (["x", "--out", "no/n.svg"], "no/n.svg"),
        (["x", "--out", "n.svg", "--tol", "none"], "'none'"),
        (["x$2", "--out", "n.svg"], "$"),
        (["missing.json", "--out", "n.svg"], "there is no file"),
    ],
)
def test_draw_refuses_wrong_input(capsys: pytest.CaptureFixture[str], arguments: list[str], quoted: str) -> None:
    code, out, err = called(capsys, "draw", *arguments)
    assert (code, out, files()) == (2, [], [])
    assert err.startswith("error: ")
    assert quoted in err


# -- the command itself ----------------------------------------------------------------------------


def test_help_names_the_commands_and_loads_no_optional_package() -> None:
    code = (
        "import runpy, sys; sys.argv = ['mgdl-theory', 'export', '--help']\n"
        "try: runpy.run_module('mgdl_theory', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print([name for name in ('onnx', 'onnxruntime', 'torch', 'matplotlib', 'sympy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
    for word in ("--to", ".onnx", ".vnnlib", "--partial-sums", "Exit codes"):
        assert word in done.stdout


def test_the_documented_commands_run(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnxruntime")
    import shlex

    text = (ROOT / "docs" / "export.md").read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines if line.startswith("mgdl-theory ")]
    assert {words[1] for words in commands} == {"export", "draw"}
    for words in commands:
        assert called(capsys, *words[1:])[0] == 0, words


def test_a_certificate_serves_in_place_of_the_formula(capsys: pytest.CaptureFixture[str]) -> None:
    """Its scheme is verified afresh, then exported and drawn; the function is that of the scheme."""
    from mgdl_theory import construct, target
    from mgdl_theory.certificate.schema import certificate
    from mgdl_theory.relu.export import load_npz

    scheme = construct(target("sin(5*x)"), 0.05)
    certificate(scheme).save("sine.json")
    code, out, _ = called(capsys, "export", "sine.json", "--to", "n.npz")
    assert code == 0
    assert out[-1].startswith("PROVED: sin(5*x)")
    x = np.linspace(0, 1, 65)
    assert np.array_equal(load_npz("n.npz")(x[:, None]), scheme(x))
    assert called(capsys, "draw", "sine.json", "--out", "n.svg")[0] == 0
    code, out, err = called(capsys, "export", "sine.json", "--to", "n.npz", "--max-atoms", "3")
    assert (code, out) == (2, [])
    assert err.startswith("error: --max-atoms: a certificate holds its scheme already")
