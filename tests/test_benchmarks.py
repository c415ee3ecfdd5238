"""The scripts of speed and peers run, with parameters so small that nothing is measured."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the benchmarks are not there")
def test_speed() -> None:
    speed = importlib.import_module("bench_speed")
    result = speed.speed(1, "1e-3", turns=1)
    assert result["verdict"] == "PROVED"
    assert min(result[name] for name in ("construct", "verify", "enclosures", "plain")) > 0
    assert speed.free_knots("2 + 0*x", 1 / 16) == pytest.approx(2.0)  # sqrt(2) / sqrt(1/2)


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the benchmarks are not there")
def test_peers() -> None:
    peers = importlib.import_module("bench_peers")
    lines = peers.certified(peers.FUNCTIONS[:1], "1e-2", 5)
    assert "this package" in lines[2]
    assert any("mpmath.iv" in line and "| 9 nodal" not in line for line in lines)
