"""The scripts of speed and peers run, with parameters so small that nothing is measured."""

from __future__ import annotations

import importlib
from dataclasses import replace
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


@pytest.mark.skipif(not FOLDER.is_dir(), reason="the benchmarks are not there")
def test_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    training = importlib.import_module("bench_training")
    for name in ("SHALLOW", "CONVEX"):
        monkeypatch.setattr(training, name, replace(getattr(training, name), width=4, epochs=2))
    monkeypatch.setattr(training, "POINTS", 33)
    monkeypatch.setattr(training, "CELLS", {1: 600})
    rows = training.measure("sines 1, 5.5, 10")
    methods = training.by_method(rows)
    assert [len(group) for group in methods[:4]] == [4, 2, 1, 4]
    trained = [group[-1].numbers for group in methods[:4]]
    assert max(trained) - min(trained) <= 3 * 5  # equal, up to three readouts
    assert {row.verdict for row in rows if row.method.startswith(("balanced", "constructed"))} == {"PROVED"}
    assert len(training.table("sines", rows)) == len(methods) + 5
    assert "REFUTED at 0" in training.summary(rows).splitlines()[1]
    training.save(tmp_path / "rows.csv", rows)
    again = training.read(tmp_path / "rows.csv")
    assert [row.numbers for row in again] == [row.numbers for row in rows]
    training.save(tmp_path / "again.csv", again)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "rows.csv").read_bytes()
