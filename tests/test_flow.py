"""Data flows one way: the command line is entered once and left once, and every call of a layer goes down."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from inspect import CO_GENERATOR
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from layers import METHODS, PACKAGE, layer

import mgdl_theory
from mgdl_theory.cli import main

HANDED = {("targets.formula.graph", "verification.piecewise_linear"), ("vector", "verification.record")}
"""(module, module above) where the lower one is handed an algebra to compute in, or a record to look at."""

FOLDER = Path(mgdl_theory.__file__).parent


def module(frame: FrameType | None) -> str | None:
    """The module of the package that a frame belongs to."""
    if frame is None or not frame.f_code.co_filename.startswith(str(FOLDER)):
        return None
    name: str = frame.f_globals["__name__"]
    return name


def caller(frame: FrameType) -> str | None:
    """The module of the package that called, whatever of other packages stands between."""
    above = frame.f_back
    while above is not None and module(above) is None:
        above = above.f_back
    return module(above)


def calls(run: Callable[[], Any]) -> list[tuple[str | None, str]]:
    """(module that calls, module that is called), for every call of a function with a name."""
    found: list[tuple[str | None, str]] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        named = frame.f_code.co_name not in ("<module>", "<lambda>") and not frame.f_code.co_flags & CO_GENERATOR
        callee = module(frame) if event == "call" and named else None
        if callee is not None and callee != PACKAGE:
            found.append((caller(frame), callee))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(before)
    return found


def upward(found: list[tuple[str | None, str]]) -> Iterator[tuple[str, str]]:
    """The calls that go up, but for the methods that are named."""
    for one, other in set(found):
        names = tuple(name.removeprefix(f"{PACKAGE}.") for name in (one or "", other))
        if one is not None and layer(other) > layer(one) and names not in METHODS | HANDED:
            yield one, other


COMMANDS = {
    "verify": ["verify", "sin(3*x)", "--tol", "0.05", "--certificate", "s.json", "--json", "a.json", "--norms", "2"],
    "vector": ["verify", "x; x**2", "--tol", "0.05", "--certificate", "s.json"],
    "workers": ["verify", "exp(x)", "--tol", "0.05", "--workers", "2"],
    "export": ["export", "sin(3*x)", "--tol", "0.1", "--to", "n.npz", "--to", "n.csv"],
    "train": ["train", "x**2", "--grades", "1", "--epochs", "5", "--width", "4", "--report", "r.md"],
    "report": ["report", "x*y", "--tol", "0.1", "--out", "r.html"],
    "plot": ["plot", "sin(3*x)", "--tol", "0.1", "--kind", "norms", "--out", "p.svg"],
    "gallery": ["gallery"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_entered_once_and_every_call_goes_down(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    found = calls(lambda: main(COMMANDS[name]))
    capsys.readouterr()
    assert len(found) > 100
    assert len([1 for one, other in found if ".cli" in other and not (one and ".cli" in one)]) == 1
    assert list(upward(found)) == []


def test_a_call_that_goes_up_would_be_seen() -> None:
    scheme = mgdl_theory.construct(mgdl_theory.target("x"), 0.5)
    found = calls(lambda: scheme.network())
    assert (f"{PACKAGE}.scheme", f"{PACKAGE}.relu.compile") in found
    assert list(upward([(f"{PACKAGE}.grade", f"{PACKAGE}.scheme")]))
