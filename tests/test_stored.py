"""The certificates of every released version are checked by this one, with the same answer."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import mgdl_theory as mg
from mgdl_theory.certificate.check import main
from mgdl_theory.relu.export import load_npz
from mgdl_theory.training import load_model
from tests.stored import CASES, STORE

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(STORE.glob("*/*.json.gz"))
ANSWERS = {"undecided": (3, "INCOMPLETE:"), "trained": (1, "REFUTED:")}


def test_every_case_is_stored() -> None:
    assert {path.name.partition(".")[0] for path in FILES} == set(CASES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_stored_certificate_is_still_checked(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, word = ANSWERS.get(path.name.partition(".")[0], (0, "VERIFIED:"))
    assert main([str(path)]) == code
    assert capsys.readouterr().out.splitlines()[-1].startswith(word)


VALUES = ["0x1.a7a57e7b7eed2p-2", "-0x1.2f1c6a0327b02p-9"]


def test_archives_of_earlier_versions_are_still_read() -> None:
    """A network, a vector network and a trained model, as they were built when these files were written."""
    folder = ROOT / "tests" / "data" / "archives" / "0.1.0"
    scheme = mg.construct(mg.target("sin(3*x)", ["-1/3", 1]), 0.2)
    pair = mg.construct(mg.target(["x*y", "x-y"]), 0.3)
    for name, network in (("network", scheme.network()), ("vector", pair.network("unit", "narrow"))):
        found = load_npz(folder / f"{name}.npz")
        for field in dataclasses.fields(found):
            assert np.array_equal(getattr(found, field.name), getattr(network, field.name)), field.name
    model = load_model(folder / "model.npz")
    assert (model.seed, model.box, len(model.grades)) == (4, mg.Box.of([0, "3/2"]), 2)
    values = model.exact(np.array([[0.5]]))[0]
    assert [float(v).hex() for v in values] == VALUES, "as the version before read them"
