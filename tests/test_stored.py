"""The certificates of every released version are checked by this one, with the same answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from mgdl_theory.certificate.check import main
from tests.stored import CASES, STORE

FILES = sorted(STORE.glob("*/*.json.gz"))
ANSWERS = {"undecided": (3, "INCOMPLETE:"), "trained": (1, "REFUTED:")}


def test_every_case_is_stored() -> None:
    assert {path.name.partition(".")[0] for path in FILES} == set(CASES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_stored_certificate_is_still_checked(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, word = ANSWERS.get(path.name.partition(".")[0], (0, "VERIFIED:"))
    assert main([str(path)]) == code
    assert capsys.readouterr().out.splitlines()[-1].startswith(word)
