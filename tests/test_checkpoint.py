"""Checkpoints: a run that was cut short goes on to the scheme of an uninterrupted one, and nothing else is taken up."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mgdl_theory import Budget, OptionError, Scheme, VectorScheme, construct, target, verify
from mgdl_theory.certificate.schema import certificate
from mgdl_theory.cli import main

WAVE = target("sin(10*x)*exp(-x)")
PAIR = target(["x*y", "sin(3*x)+y"])


class Stopped(Exception):
    """Thrown out of a run, after which only the file is left."""


def stop_at(level: int) -> Any:
    """Ends the run before the level that follows."""

    def progress(now: int, done: int, cells: int) -> None:
        if now == level + 1:
            raise Stopped

    return progress


def content(scheme: Any) -> list[Any]:
    """All that a scheme says, bit for bit."""
    if isinstance(scheme, VectorScheme):
        return [content(part) for part in scheme.components]
    assert isinstance(scheme, Scheme)
    atoms = [(g.number, g.level, g.atoms.nodes.tobytes(), g.atoms.coefficients.tobytes()) for g in scheme.grades]
    return [scheme.lift, scheme.tol, scheme.complete, scheme.reason, scheme.lift_reason, scheme.history, atoms]


@pytest.mark.parametrize("level", [0, 1, 4, 6])
@pytest.mark.parametrize("lift", ["none", -2])
def test_a_resumed_run_gives_the_scheme_of_an_uninterrupted_one(tmp_path: Path, level: int, lift: Any) -> None:
    file = tmp_path / "run.npz"
    with pytest.raises(Stopped):
        construct(WAVE, 1e-4, lift=lift, checkpoint=file, progress=stop_at(level))
    levels: list[int] = []
    resumed = construct(
        WAVE, 1e-4, lift=lift, checkpoint=file, resume=True, progress=lambda level, *_: levels.append(level)
    )
    assert levels[0] == level + 1
    whole = construct(WAVE, 1e-4, lift=lift)
    assert content(resumed) == content(whole)
    assert certificate(verify(resumed)).text == certificate(verify(whole)).text


@pytest.mark.parametrize("level", [1, 2, 3])
def test_vectors_resume_though_their_components_end_at_different_levels(tmp_path: Path, level: int) -> None:
    file = tmp_path / "run.npz"
    tols = [0.05, 0.005]
    with pytest.raises(Stopped):
        construct(PAIR, tols, checkpoint=file, progress=stop_at(level))
    assert content(construct(PAIR, tols, checkpoint=file, resume=True)) == content(construct(PAIR, tols))


def test_a_finished_run_is_read_and_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "run.npz"
    whole, seen = construct(WAVE, 1e-3, checkpoint=file), list[Any]()
    before = file.read_bytes()
    assert content(
        construct(WAVE, 1e-3, checkpoint=file, resume=True, progress=lambda *told: seen.append(told))
    ) == content(whole)
    assert seen == []
    assert file.read_bytes() == before


def test_a_larger_budget_goes_on_where_a_smaller_one_ended(tmp_path: Path) -> None:
    file = tmp_path / "run.npz"
    for budget in (Budget(level=4), Budget(atoms=60)):
        part = construct(WAVE, 1e-4, budget=budget, checkpoint=file, resume=True)
        assert content(part) == content(construct(WAVE, 1e-4, budget=budget))
        assert not part.complete
    assert content(construct(WAVE, 1e-4, checkpoint=file, resume=True)) == content(construct(WAVE, 1e-4))


def test_a_budget_that_cannot_suffice_is_known_after_resuming(tmp_path: Path) -> None:
    file, f, budget = tmp_path / "state.npz", target("cos(1e6*x)"), Budget(atoms=20)
    first = construct(f, 1e-4, budget=budget, checkpoint=file)
    again = construct(f, 1e-4, budget=budget, checkpoint=file, resume=True)
    assert "cannot suffice" in first.reason
    assert content(first) == content(again)
    assert first.reason == again.reason


def test_an_interrupt_keeps_the_file(tmp_path: Path) -> None:
    file = tmp_path / "run.npz"

    def progress(level: int, done: int, cells: int) -> None:
        if level == 6:
            raise KeyboardInterrupt

    part = construct(WAVE, 1e-4, checkpoint=file, progress=progress)
    assert "interrupted" in part.reason
    assert content(construct(WAVE, 1e-4, checkpoint=file, resume=True)) == content(construct(WAVE, 1e-4))


def test_without_resume_an_old_file_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "run.npz"
    construct(WAVE, 1e-2, checkpoint=file)
    with pytest.raises(OptionError, match="exists; resume from it, or remove it"):
        construct(WAVE, 1e-2, checkpoint=file)
    with pytest.raises(OptionError, match="needs the name of the checkpoint"):
        construct(WAVE, 1e-2, resume=True)


def bend(x: Any) -> Any:
    return np.abs(x - 0.3)


def other(x: Any) -> Any:
    return np.abs(x - 0.4)


@pytest.mark.parametrize(
    ("f", "tol", "lift", "said"),
    [
        (target("sin(10*x)*exp(-2*x)"), 1e-2, "auto", "target"),
        (target("sin(10*x)*exp(-x)", [0, 2]), 1e-2, "auto", "domain"),
        (target("sin(10*x)*exp(-x)", engine="crival"), 1e-2, "auto", "engine"),
        (WAVE, 2e-2, "auto", "tol"),
        (WAVE, 1e-2, -2, "lift"),
        (target([WAVE, "x"]), 1e-2, "auto", "1.target"),
    ],
)
def test_the_checkpoint_of_another_run_is_refused(tmp_path: Path, f: Any, tol: Any, lift: Any, said: str) -> None:
    if said == "engine":
        pytest.importorskip("ival")
    file = tmp_path / "run.npz"
    construct(WAVE, 1e-2, checkpoint=file)
    with pytest.raises(OptionError, match=f"belongs to another run: there {said} is ") as caught:
        construct(f, tol, lift=lift, checkpoint=file, resume=True)
    assert "\n" not in str(caught.value)


def test_another_version_or_function_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "run.npz"
    construct(target(bend, lipschitz=1, name="f"), 1e-2, checkpoint=file)
    with pytest.raises(OptionError, match="there digest of values of f is"):
        construct(target(other, lipschitz=1, name="f"), 1e-2, checkpoint=file, resume=True)
    with pytest.raises(OptionError, match=r"there target is f with .* 1 .*, here f with .* 2 "):
        construct(target(bend, lipschitz=2, name="f"), 1e-2, checkpoint=file, resume=True)
    monkeypatch.setattr("mgdl_theory.__version__", "0.0.1")
    with pytest.raises(OptionError, match=r"there version is .*, here 0\.0\.1"):
        construct(target(bend, lipschitz=1, name="f"), 1e-2, checkpoint=file, resume=True)


def test_a_file_that_is_cut_short_or_changed_is_refused_or_gives_the_same_scheme(tmp_path: Path) -> None:
    file = tmp_path / "run.npz"
    whole = construct(WAVE, 1e-3, checkpoint=file)
    good, chance = file.read_bytes(), random.Random(3)
    for length in sorted({0, 1, 30, len(good) - 1, *(chance.randrange(len(good)) for _ in range(20))}):
        file.write_bytes(good[:length])
        with pytest.raises(OptionError, match="is damaged or no checkpoint; remove it to start anew"):
            construct(WAVE, 1e-3, checkpoint=file, resume=True)
    for _ in range(60):
        bad = bytearray(good)
        bad[chance.randrange(len(good))] ^= 1 << chance.randrange(8)
        file.write_bytes(bytes(bad))
        try:
            assert content(construct(WAVE, 1e-3, checkpoint=file, resume=True)) == content(whole)
        except OptionError as error:
            assert str(error).startswith("checkpoint: ")  # noqa: PT017 - both ends are right


@pytest.mark.parametrize("name", ["level", "cells", "nodal", "floors", "unfinished", "bounds", "history", "nodes", "c"])
def test_arrays_that_are_missing_or_do_not_fit_are_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "run.npz"
    construct(WAVE, 1e-3, budget=Budget(level=5), checkpoint=file)
    with np.load(file) as archive:
        arrays = {key: archive[key] for key in archive.files}
    assert f"1.{name}" in arrays
    for change in (None, np.zeros(4), np.zeros((2, 2, 2), dtype=np.int64)):
        changed = {key: value for key, value in arrays.items() if key != f"1.{name}"}
        with file.open("wb") as stream:
            np.savez(stream, **changed, **({} if change is None else {f"1.{name}": change}))
        with pytest.raises(OptionError, match="damaged or no checkpoint"):
            construct(WAVE, 1e-3, checkpoint=file, resume=True)


@pytest.mark.parametrize("kind", ["f4", "i2", "c16", "?", ">i8", ">f8", "U9"])
def test_arrays_of_other_types_are_refused(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "run.npz"
    construct(WAVE, 1e-3, budget=Budget(level=5), checkpoint=file)
    with np.load(file) as archive:
        arrays = {key: archive[key] for key in archive.files}
    for name in sorted(set(arrays) - {"head"}):
        if arrays[name].dtype != np.dtype(kind):
            with np.errstate(all="ignore"), file.open("wb") as stream:
                np.savez(stream, **{**arrays, name: arrays[name].astype(kind)})
            with pytest.raises(OptionError, match="damaged or no checkpoint"):
                construct(WAVE, 1e-3, checkpoint=file, resume=True)


def test_a_heading_that_is_no_text_is_refused_and_objects_are_never_loaded(tmp_path: Path) -> None:
    file = tmp_path / "run.npz"
    objects = np.array([print], dtype=object)
    heads = (np.array(10**11), np.zeros((2, 2), np.uint8), np.array("{}"), np.array("[" * 9999), objects)
    for head in heads:
        np.savez(file, head=head)  # type: ignore[arg-type]
        with pytest.raises(OptionError, match="damaged or no checkpoint"):
            construct(WAVE, 1e-2, checkpoint=file, resume=True)
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(OptionError, match="cannot be read"):
        construct(WAVE, 1e-2, checkpoint=tmp_path / "folder.npz", resume=True)
    with pytest.raises(OptionError, match="cannot be written"):
        construct(WAVE, 1e-2, checkpoint=tmp_path / "none" / "run.npz")


def test_killed_at_random_moments_and_resumed_gives_the_identical_certificate(tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "mgdl_theory", "verify", "sin(6*x)*cos(5*y)+exp(-x*y)", "--tol", "3e-3", "--quiet",
        "--checkpoint", "run.npz", "--resume", "--certificate", "out.json",
    ]  # fmt: skip
    chance, kills, deadline = random.Random(5), 0, time.monotonic() + 60
    file = tmp_path / "run.npz"
    while kills < 3 and time.monotonic() < deadline:
        before = file.stat().st_mtime_ns if file.exists() else 0
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
        while process.poll() is None and (file.stat().st_mtime_ns if file.exists() else 0) == before:
            time.sleep(0.001)
            if time.monotonic() > deadline:
                break
        time.sleep(chance.random() * 0.02)
        process.kill()
        if process.wait() == -signal.SIGKILL:
            kills += 1
        else:
            file.unlink()  # the run has ended, and a complete one is not worth killing
    assert kills == 3
    assert file.exists()
    (tmp_path / "out.json").unlink(missing_ok=True)  # of a run that was killed too late, or in its last moment
    subprocess.run(command, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL, timeout=60)
    whole = construct(target("sin(6*x)*cos(5*y)+exp(-x*y)"), "3e-3")
    assert (tmp_path / "out.json").read_text() == certificate(verify(whole)).text + "\n"


def test_the_command_line_keeps_and_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "run.npz")
    assert main(["verify", "x*x", "--tol", "1e-2", "--max-level", "1", "--checkpoint", file, "--quiet"]) == 3
    assert main(["verify", "x*x", "--tol", "1e-2", "--checkpoint", file, "--quiet"]) == 2
    assert main(["verify", "x*x", "--tol", "1e-3", "--checkpoint", file, "--resume", "--quiet"]) == 2
    assert "there tol is" in capsys.readouterr().err
    assert main(["verify", "x*x", "--tol", "1e-2", "--checkpoint", file, "--resume", "--quiet"]) == 0
    assert main(["verify", "x*x", "--checkpoint", os.path.join(file, "none"), "--quiet"]) == 2
