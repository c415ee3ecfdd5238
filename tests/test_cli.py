"""The command line as a user meets it: last line and exit code agree, wrong input is one sentence, nothing is lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import mgdl_theory as mg
from mgdl_theory.cli import main

ROOT = Path(__file__).resolve().parents[1]
VERDICTS = {"PROVED": 0, "REFUTED": 1, "UNDECIDED": 3}

REFUSED = [
    (["1/x"], "1/x is undefined at x = 0"),
    (["log(x)"], "log(x) is undefined at x = 0"),
    (["tan(2*x)"], "tan"),
    (["sqrt(x-1/2)"], "sqrt"),
    (["1/(x-1/3)"], "1/(x - 1/3)"),
    (["floor(x)"], "floor"),
    (["x+"], "x+"),
    (["__import__('os')"], "__import__"),
    (["9**9**9**9"], "power"),
    (["x", "--domain", "1", "0"], "1 to 0"),
    (["x", "--domain", "0", "inf"], "inf"),
    (["x", "--domain", "0", "1e-400"], "from 0 to about 1E-400 is too short"),
    (["x*y", "--domain", "0", "1", "2"], "domain"),
    (["x", "--tol", "0"], "'0'"),
    (["x", "--tol", "nan"], "'nan'"),
    (["x", "--tol", "-1"], "'-1'"),
    (["x", "--lift", "high"], "'high'"),
    (["x", "--max-atoms", "-5"], "-5"),
    (["x", "--max-atoms", "many"], "many"),
    (["x", "--max-memory", "0"], "--max-memory: expected a number of GiB from 6.2e-5 on, got 0.0"),
    (["x", "--max-memory", "nan"], "got nan"),
    (["x", "--engine", "abacus"], "abacus"),
    (["x", "--grid", "10", "--digits", "3"], "3"),
    (["x", "--json", "no/such/folder/out.json"], "no/such/folder"),
    ([], "EXPR"),
]


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mgdl_theory", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=120, check=False)


def called(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one call in this process."""
    try:
        code = main(["verify", *arguments])
    except SystemExit as stop:
        code = int(stop.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize(("arguments", "quoted"), REFUSED, ids=[" ".join(a) for a, _ in REFUSED])
def test_wrong_input_is_refused_with_one_message_that_quotes_it(
    capsys: pytest.CaptureFixture[str], arguments: list[str], quoted: str
) -> None:
    code, out, err = called(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert err.startswith("error: ")
    assert quoted in err
    assert "Traceback" not in err
    assert len(err.splitlines()) <= 3  # the sentence, and for formulas a line with a mark below it


def test_hostile_formulas_execute_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    for text in (
        f"__import__('os').system('touch {mark}')",
        f"open('{mark}','w')",
        f"(lambda: open('{mark}','w'))()",
        f"[open('{mark}','w') for x in '1']",
        "x.__class__.__bases__",
        f"exec(\"open('{mark}','w')\")",
    ):
        done = run("verify", text, cwd=tmp_path)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr
        assert not mark.exists()


@pytest.mark.parametrize(
    ("arguments", "verdict"),
    [
        (["x**2-0.3", "--tol", "1e-3"], "PROVED"),
        (["-x**2", "--domain", "-1", "1", "--tol", "1/100"], "PROVED"),
        (["x*y", "--domain", "-1/2", "1", "0", "2", "--tol", "0.1", "--lift", "none"], "PROVED"),
        (["x1-x2", "--tol", "0.1"], "PROVED"),
        (["sin(10*x)", "--tol", "1e-3", "--max-atoms", "10"], "UNDECIDED"),
        (["sin(10*x)", "--tol", "1e-3", "--max-level", "4"], "UNDECIDED"),
        (["sin(10*x)*cos(9*y)", "--tol", "1e-4", "--max-memory", "0.001"], "UNDECIDED"),
    ],
)
def test_the_last_line_agrees_with_the_exit_code(
    capsys: pytest.CaptureFixture[str], arguments: list[str], verdict: str
) -> None:
    code, out, err = called(capsys, *arguments)
    last = out.splitlines()[-1]
    assert last.startswith(verdict + ":")
    assert code == VERDICTS[verdict]
    assert err == ""


def test_an_exhausted_budget_says_what_to_raise_and_gives_the_best_bound(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = called(capsys, "sin(10*x)", "--tol", "1e-3", "--max-level", "6", "--quiet")
    assert code == 3
    assert re.search(r"finest level allowed, 6.*raise it.*sup-norm in \[0\.\d+, 0\.\d+\]", out)


def test_no_finer_level_is_advised_where_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = called(capsys, "(1-x**2)**0.1", "--domain", "-1", "1", "--tol", "1e-2", "--quiet")
    assert code == 3
    assert re.search(r"finest level there is, 52, is reached; ask for a larger tolerance; so far sup-norm in", out)


def test_the_table_has_one_row_per_grade_and_every_claim(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = called(capsys, "x**2-0.3", "--tol", "1e-2")
    assert code == 0
    rows = [line.split() for line in out.splitlines() if re.match(r"\s+\d+\s", line)]
    assert [int(row[0]) for row in rows] == list(range(len(rows)))
    assert all(row[6:8] == ["PROVED", "PROVED"] for row in rows[1:])
    for claim in ("balanced", "nonincreasing", "unit-grades", "lp-decrease", "sup-decrease", "theorem-a", "sup-norm"):
        assert re.search(rf"^PROVED\s+{claim}\b", out, re.MULTILINE)


def test_quiet_prints_the_last_line_only(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(called(capsys, "x", "--quiet")[1].splitlines()) == 1


def test_json_carries_every_number_of_the_table(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    code, out, _ = called(capsys, "sin(6*x)", "--tol", "1e-2", "--grid", "20", "--json", str(path))
    data = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda word: pytest.fail(word))
    assert code == data["exit_code"] == 0
    assert data["last_line"] == out.splitlines()[-1]
    assert data["residual_sup_upper"] <= data["tol"] <= 1e-2
    assert data["atoms"] == sum(row["atoms"] for row in data["grades"]) == data["grades"][-1]["total_atoms"]
    shape = {"width", "depth", "total_width", "total_depth"}
    assert {"level", "ratio", "theorem_a", "balanced"} | shape <= set(data["grades"][1])
    assert [claim["claim"] for claim in data["claims"]][-1] == "grid"
    assert data["claims"][-1]["verdict"] == "EVIDENCE"
    assert list(tmp_path.iterdir()) == [path]


def test_the_grid_supports_and_never_proves(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = called(capsys, "exp(-x*y)", "--tol", "0.05", "--grid", "50", "--digits", "30")
    assert code == 0
    assert re.search(r"^EVIDENCE\s+grid\b", out, re.MULTILINE)


def test_ctrl_c_keeps_what_is_finished() -> None:
    command = [sys.executable, "-m", "mgdl_theory", "verify", "sin(60*x)*cos(50*y)", "--tol", "1e-6", "--quiet"]
    command += ["--max-atoms", "1000000000"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    time.sleep(4.0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 3
    assert out.splitlines()[-1].startswith("UNDECIDED:")
    assert "interrupted" in out
    assert "Traceback" not in err


def test_help_and_version_name_the_program() -> None:
    assert "verify" in run("--help").stdout
    assert re.fullmatch(r"mgdl-theory \d+\.\d+\.\d+\n", run("--version").stdout)


def test_a_closed_pipe_is_no_traceback() -> None:
    done = subprocess.run(
        f"{sys.executable} -m mgdl_theory verify x | true",
        shell=True, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr


def test_the_readme_commands_are_those_of_the_parser(capsys: pytest.CaptureFixture[str]) -> None:
    import shlex

    lines = re.findall(r"^mgdl-theory (verify .*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) >= 4
    for line in lines:
        arguments = shlex.split(line, comments=True)[1:]
        if {"--json", "--certificate"} & set(arguments) or "y" in arguments[0]:
            continue  # these write files or take long
        code, out, _ = called(capsys, *arguments, "--quiet")
        assert code == 0
        assert out.startswith("PROVED:")


def test_the_readme_example_runs(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("PROVED:")
    assert (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("x", "--tol", "1e999999999"),
        ("x", "--tol", "1e-999999999"),
        ("x", "--lift", "1e-999999999"),
        ("x", "--domain", "0", "1e999999999"),
        ("x", "--json", ""),
        ("x", "--grid", "-5"),
    ],
)
def test_numbers_that_would_fill_the_memory_are_refused_at_once(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    started = time.perf_counter()
    code, out, _ = called(capsys, *arguments)
    assert (code, out) == (2, "")
    assert time.perf_counter() - started < 20


def test_a_very_short_domain_proves_nothing_false(capsys: pytest.CaptureFixture[str]) -> None:
    """Nodes below the smallest normal number are enclosed, not rounded: f = 3 + sin(10 t) for t in [0, 1]."""
    call = ("3+sin(10*(x*2**1000*2**72))", "--domain", "0", f"1/{2**1072}", "--tol", "1e-3", "--max-level", "12")
    assert called(capsys, *call, "--quiet")[0] == 3


@pytest.mark.parametrize("call", ["x | head -1", "x >&-", "x 2>&-", "x --quiet >/dev/full", "x --json /proc/no.json"])
def test_no_trouble_with_streams_looks_like_a_refutation(call: str) -> None:
    command = f"{sys.executable} -m mgdl_theory verify {call}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert done.returncode in (0, 2)
    assert "Traceback" not in done.stderr


def test_the_last_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert called(capsys, "x\n+1", "--quiet")[1].startswith("PROVED: x +1 on")


@pytest.mark.parametrize(("given", "found"), [({}, "1"), ({"OMP_NUM_THREADS": "2"}, "None")])
def test_training_takes_one_thread_unless_the_user_says_otherwise(given: dict[str, str], found: str) -> None:
    code = (
        "import os; from mgdl_theory.cli import main\n"
        "main(['train', 'x', '--grades', '1', '--epochs', '1', '--points', '9', '--quiet'])\n"
        "print(os.environ.get('OPENBLAS_NUM_THREADS'))"
    )
    inherited = {k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True,
        env={**inherited, "PYTHONPATH": str(ROOT), **given},
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == found


# -- tolerances relative to the range, and advice that can be followed ------------------------------


@pytest.mark.parametrize(
    ("formula", "part", "tol"), [("3*x**2", "0.01", "0.03"), ("sin(10*x)", "1/10", "0.199"), ("5 - x", "0.5", "0.5")]
)
def test_a_relative_tolerance_is_that_part_of_the_range_at_most(
    formula: str, part: str, tol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", formula, "--rel-tol", part, "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert f"note: {part} of the range of f is at least {tol}" in err
    given = out.rpartition("tol = ")[2].strip()
    assert given.startswith(tol)
    values = mg.target(formula)(np.linspace(0, 1, 5001))
    assert Fraction(given) <= Fraction(part) * Fraction(float(np.ptp(values)) + 1e-9)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["x", "--rel-tol", "0.1", "--tol", "1"], 2, "give this or --tol, not both"),
        (["7", "--rel-tol", "0.1"], 2, "does not vary at 1025 points"),
        (["x", "--rel-tol", "0"], 2, "tol: expected a number greater than 0"),
        (["log(1+exp(1000*x))", "--domain", "-1", "1"], 2, "is softplus(u)"),
        (["sin(x)", "--domain", "1e9", "1000000001", "--tol", "1e-2"], 3, "raise it, or take --engine crival"),
    ],
)
def test_advice_names_what_helps(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", *arguments, "--quiet"]) == code
    out, err = capsys.readouterr()
    assert said in out + err
