"""The levels of a scheme laid again: those of the construction, and what its definitions say of any scheme."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

import mgdl_theory as mg
from mgdl_theory.levels import Level, replay
from mgdl_theory.mesh import children

TARGETS = [
    ("sin(10*x)*exp(-x)", 1e-3, "auto"),
    ("sqrt(x)", 1e-2, "none"),
    ("sin(6*x)*cos(5*y)+exp(-x*y)", 0.05, "auto"),
    ("sin(6*x)*cos(5*y)+exp(-x*y)", 0.05, "none"),
    ("x*y*z", 0.2, "auto"),
]


@pytest.mark.parametrize(("text", "tol", "lift"), TARGETS)
def test_the_replay_of_a_built_scheme_is_its_construction(text: str, tol: float, lift: str) -> None:
    scheme = mg.construct(mg.target(text), tol, lift=lift)
    levels = list(replay(scheme))
    assert len(levels) == len(scheme.history)
    upper = 0.0
    for level, record in zip(levels, scheme.history, strict=True):
        assert (level.mesh.level, len(level.mesh.cells)) == (record.level, record.cells)
        assert np.count_nonzero(level.coefficients) == record.atoms
        assert int((~level.finished).sum()) == record.open_cells
        upper = max(upper, float(level.bounds[level.finished].max(initial=0.0)))
        assert max(upper, float(level.bounds.max())) == record.residual_sup_upper


def test_a_scheme_without_history_ends_at_its_last_grade() -> None:
    scheme = mg.construct(mg.target("sin(10*x)*exp(-x)"), 1e-3)
    bare = mg.Scheme.of(scheme.target, scheme.lift, [g.atoms for g in scheme.grades], scheme.tol)
    for a, b in zip(replay(bare), replay(scheme), strict=False):
        assert np.array_equal(a.mesh.cells, b.mesh.cells)
        assert np.array_equal(a.coefficients, b.coefficients)
    assert a.mesh.level == scheme.grades[-1].level


def touched_by_definition(scheme: mg.Scheme, level: Level, sign: int) -> np.ndarray:
    """Cells with a point, the centre of one of their simplices, where some atom of this sign is not 0."""
    d = scheme.dim
    out = np.zeros(len(level.mesh.cells), dtype=bool)
    parts = [np.linspace(0.7, 0.1, d)[list(order)] for order in itertools.permutations(range(d))]
    for grade in scheme.grades:
        if grade.level > level.mesh.level:
            continue
        kept = np.sign(grade.atoms.coefficients) == sign
        some = mg.Atoms(grade.level, grade.atoms.nodes[kept], grade.atoms.coefficients[kept])
        for part in parts:
            if len(some):
                out |= some((level.mesh.cells + part) / 2.0**level.mesh.level) != 0
    return out


@pytest.mark.parametrize(("text", "tol"), [("sin(10*x)*exp(-x)", 3e-2), ("sin(6*x)*cos(5*y)", 0.2)])
def test_touched_and_untouched_are_what_their_definitions_say(text: str, tol: float) -> None:
    scheme = mg.construct(mg.target(text), tol, lift="none")
    seen = set()
    for level in replay(scheme):
        plus, minus = (touched_by_definition(scheme, level, sign) for sign in (1, -1))
        # a cell inherits from its parent as a whole: what acts on half of a cell has touched all of it
        assert np.all(plus <= level.touched_plus)
        assert np.all(minus <= level.touched_minus)
        here = level.mesh.over_corners(np.logical_or, level.coefficients > 0)
        assert np.all(here <= level.touched_plus)
        so_far = sum(g.level <= level.mesh.level for g in scheme.grades)
        nodal = scheme(level.mesh.nodes / 2.0**level.mesh.level, so_far)
        assert np.all(nodal[level.mesh.corner_node[level.untouched]] == scheme.lift)
        seen |= {
            name for name in ("touched_plus", "touched_minus", "untouched", "finished") if getattr(level, name).any()
        }
    assert seen == {"touched_plus", "touched_minus", "untouched", "finished"}


def test_the_cells_of_a_level_are_the_unfinished_ones_split() -> None:
    levels = list(replay(mg.construct(mg.target("x*y"), 0.02)))
    for a, b in itertools.pairwise(levels):
        assert np.array_equal(children(a.mesh.cells[~a.finished]), b.mesh.cells)
    volume = sum(Fraction(int(a.finished.sum()), 1 << 2 * a.mesh.level) for a in levels)
    assert volume == 1


def test_any_scheme_can_be_laid_again_down_to_the_stars_of_its_atoms() -> None:
    far = mg.Atoms(6, [[3, 3]], [2.0**-9])
    scheme = mg.Scheme.of(
        mg.target("x*y"), 0.0, [mg.Atoms(0, [[1, 1]], [0.5]), far], tol=4.0
    )  # all is below tol at once
    levels = list(replay(scheme))
    assert [level.mesh.level for level in levels] == list(range(7))
    assert np.count_nonzero(levels[-1].coefficients) == 1
    assert levels[0].touched_plus.all()
    assert levels[-1].mesh.star_is_whole[np.flatnonzero(levels[-1].coefficients)].all()


def test_unit_grades_of_one_level_are_laid_together() -> None:
    scheme = mg.construct(mg.target("x**2-0.3"), 0.02)
    for a, b in zip(replay(scheme), replay(scheme.as_units()), strict=False):
        assert np.array_equal(a.coefficients, b.coefficients)
        assert np.array_equal(a.touched_plus, b.touched_plus)
        assert np.array_equal(a.bounds, b.bounds)


def test_a_scheme_without_grades_is_one_level() -> None:
    (level,) = replay(mg.Scheme.of(mg.target("x"), 0.0, [], tol=2.0))
    assert level.untouched.all()
    assert level.finished.all()
