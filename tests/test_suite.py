"""The suite itself: nothing is left behind by a test, and the order is shuffled, but the same every time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

LEAKY = '''
"""
>>> from matplotlib import pyplot
>>> pyplot.get_fignums(), pyplot.figure().number
([], 1)
"""
from matplotlib import pyplot

import pytest

def example():
    """
    >>> pyplot.get_fignums(), pyplot.figure().number
    ([], 1)
    """

@pytest.mark.parametrize("turn", [1, 2])
def test_leaves_a_figure(turn):
    assert pyplot.get_fignums() == []
    pyplot.figure()
'''

QUIET = '''
import pytest

@pytest.mark.parametrize("k", range(9))
def test_{name}(k):
    """
    >>> 1
    1
    """
'''


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the settings of the suite and no test."""
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tests").mkdir()
    return tmp_path


def run(place: Path, *options: str) -> list[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "tests"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_no_figure_outlives_the_test_or_the_example_that_opened_it(place: Path) -> None:
    (place / "tests" / "test_leaky.py").write_text(LEAKY)
    assert run(place)[-1].startswith("4 passed")


def test_the_order_is_shuffled_by_one_seed_that_the_command_line_can_change(place: Path) -> None:
    for name in "abc":
        (place / "tests" / f"test_{name}.py").write_text(QUIET.format(name=name))

    def order(*options: str) -> list[str]:
        found = [line for line in run(place, "--collect-only", *options) if "::" in line]
        assert len(found) == 30
        return found

    written, usual, other = order("--randomly-dont-reorganize"), order(), order("--randomly-seed=2")
    assert order() == usual
    assert len({*map(tuple, (written, usual, other))}) == 3
    assert sorted(written) == sorted(usual) == sorted(other)


def test_make_test_has_the_fixed_seed_and_make_shuffle_four_others() -> None:
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").split("\n\n")
    recipes = {rule.partition(":")[0]: rule for rule in lines}
    assert "randomly" not in recipes["test"]
    assert "for seed in 2 3 4 5;" in recipes["shuffle"]
    assert "--randomly-seed=$$seed" in recipes["shuffle"]
