"""The frozen fold of grades: exact values, residuals of every grade, prefixes, other boxes, malformed data."""

from __future__ import annotations

import itertools
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import Nodal, Quadratic, Toy, atoms, barycentric, interpolate, nodes_of, residuals, table_of, value_of

from mgdl_theory import Atoms, Box, Grade, Scheme, SchemeError, construct, verify
from mgdl_theory.errors import OptionError
from mgdl_theory.scheme import LevelRecord, block_width, grade_depth, unit_width

BOXES = [
    Box.of([0, 1]),
    Box.of([-1, 3]),
    Box.of(["1/3", "1/2"]),
    Box.of([-2, "1e-3"]),
    Box.of([10, 12, "-1/7", 4]),
    Box.of([0, 1, 0, 1]),
]
WIGGLE = tuple(Fraction(k * k % 7 - 3, 4) for k in range(9))


def toy_on(box: Box) -> Toy:
    """A function of the unit coordinates with both signs, on any box."""
    if box.dim == 1:
        return Nodal(3, WIGGLE, box)
    return Quadratic.of([[1, Fraction(-1, 2)], [Fraction(-1, 2), -1]], [Fraction(1, 4), 1], Fraction(-1, 4), box)


@st.composite
def schemes(draw: st.DrawFn) -> Scheme:
    """Schemes by hand: any atoms in rising order of level, balanced or not, on one of the boxes."""
    toy = toy_on(draw(st.sampled_from(BOXES)))
    levels = sorted(draw(st.lists(st.integers(0, 3), max_size=4)))
    grades = []
    for level in levels:
        nodes = draw(st.lists(st.sampled_from(list(nodes_of(level, toy.dim))), min_size=1, max_size=8, unique=True))
        grades.append(atoms(level, {v: Fraction(draw(st.integers(1, 64)), 16) * (-1) ** sum(v) for v in nodes}))
    return Scheme.of(toy, draw(st.sampled_from([0.0, -1.25])), grades, 0.5)


@st.composite
def unit_points(draw: st.DrawFn, d: int) -> list[Fraction]:
    coordinate = st.one_of(st.fractions(0, 1, max_denominator=50), st.sampled_from([Fraction(k, 8) for k in range(9)]))
    return draw(st.lists(coordinate, min_size=d, max_size=d))


def in_box(scheme: Scheme, t: list[Fraction]) -> list[Fraction]:
    box = scheme.target.box
    return [lo + (hi - lo) * s for lo, hi, s in zip(box.lower, box.upper, t, strict=True)]


# -- values ----------------------------------------------------------------------------------------


@given(schemes(), st.data())
def test_exact_value_is_the_lift_plus_the_interpolants(scheme: Scheme, data: st.DataObject) -> None:
    t = data.draw(unit_points(scheme.dim))
    total = Fraction(scheme.lift)
    assert scheme.exact(in_box(scheme, t), 0) == total
    for k, grade in enumerate(scheme.grades, 1):
        total += value_of(grade.atoms, t)
        assert scheme.exact(in_box(scheme, t), k) == total
    assert scheme.exact(in_box(scheme, t)) == total


@given(schemes(), st.data())
def test_call_is_near_the_exact_value_on_any_box(scheme: Scheme, data: st.DataObject) -> None:
    t = [data.draw(unit_points(scheme.dim)) for _ in range(4)]
    x = np.array([[float(v) for v in in_box(scheme, point)] for point in t])
    scale = sum(float(np.abs(g.atoms.coefficients).sum()) * 2.0 ** (g.level + 8) for g in scheme.grades) + 1
    for k in range(len(scheme.grades) + 1):
        exact = np.array([float(scheme.exact(in_box(scheme, point), k)) for point in t])
        assert np.abs(scheme(x, k) - exact).max() <= scale * 2.0**-46


@given(schemes(), st.data())
def test_call_and_residual_are_exact_at_nodes_of_the_unit_box(scheme: Scheme, data: st.DataObject) -> None:
    unit = Box.of([0, 1], scheme.dim)
    scheme = Scheme.of(toy_on(unit), scheme.lift, [g.atoms for g in scheme.grades], scheme.tol)
    index = data.draw(st.lists(st.integers(0, 16), min_size=scheme.dim, max_size=scheme.dim))
    t = [Fraction(i, 16) for i in index]
    x = np.array([[float(s) for s in t]])
    e = residuals(scheme, scheme.target.at, t)
    for k, expected in enumerate(e):
        assert Fraction(scheme.residual(x, grade=k)[0]) == expected
        assert Fraction(scheme(x, grade=k)[0]) == scheme.target.at(t) - expected
    assert Fraction(scheme.residual(x)[0]) == e[-1]


@given(schemes(), st.data())
def test_exact_residuals_add_up_to_the_target(scheme: Scheme, data: st.DataObject) -> None:
    t = data.draw(unit_points(scheme.dim))
    e = residuals(scheme, scheme.target.at, t)
    for k, value in enumerate(e):
        assert value == scheme.target.at(t) - scheme.exact(in_box(scheme, t), k)


def test_one_variable_takes_a_flat_array() -> None:
    scheme = Scheme.of(toy_on(BOXES[1]), 0.0, [atoms(1, {(1,): 2})], 1.0)
    x = np.array([-1.0, 0.0, 1.0, 2.5])
    assert np.array_equal(scheme(x), scheme(x[:, None]))
    assert scheme(x).tolist() == [0.0, 1.0, 2.0, 0.5]
    assert scheme(1.0).tolist() == [2.0]


# -- grades are frozen -----------------------------------------------------------------------------


@given(schemes())
def test_prefix_shares_the_grades_and_claims_nothing(scheme: Scheme) -> None:
    for k in range(len(scheme.grades) + 1):
        part = scheme.prefix(k)
        assert part.grades == scheme.grades[:k]
        assert all(a is b for a, b in zip(part.grades, scheme.grades, strict=False))
        assert (part.lift, part.target, part.tol) == (scheme.lift, scheme.target, scheme.tol)
        assert not part.complete


@given(schemes(), st.data())
def test_prefix_is_the_scheme_after_that_grade(scheme: Scheme, data: st.DataObject) -> None:
    t = data.draw(unit_points(scheme.dim))
    x = np.array([[float(v) for v in in_box(scheme, t)]])
    for k in range(len(scheme.grades) + 1):
        assert scheme.prefix(k).exact(in_box(scheme, t)) == scheme.exact(in_box(scheme, t), k)
        assert np.array_equal(scheme.prefix(k)(x), scheme(x, k))
        assert np.array_equal(scheme.prefix(k).residual(x), scheme.residual(x, k))


@given(schemes())
def test_units_are_one_atom_each_and_have_the_same_sum(scheme: Scheme) -> None:
    units = scheme.as_units()
    assert [len(g) for g in units.grades] == [1] * scheme.atoms
    assert [g.number for g in units.grades] == list(range(1, scheme.atoms + 1))
    assert (units.atoms, units.depth, units.lift) == (scheme.atoms, scheme.depth, scheme.lift)
    for grade in scheme.grades:
        mine = [u.atoms for u in units.grades if u.level == grade.level]
        total: dict = {}
        for g in mine:
            for v, c in table_of(g).items():
                total[v] = total.get(v, 0) + c
        same = [g.atoms for g in scheme.grades if g.level == grade.level]
        expected: dict = {}
        for g in same:
            for v, c in table_of(g).items():
                expected[v] = expected.get(v, 0) + c
        assert total == expected


def test_records_are_frozen_and_arrays_read_only() -> None:
    scheme = Scheme.of(toy_on(BOXES[0]), 0.0, [atoms(1, {(1,): 2})], 1.0)
    with pytest.raises(FrozenInstanceError):
        scheme.lift = 1.0  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        scheme.grades[0].number = 2  # type: ignore[misc]
    for array in (scheme.grades[0].atoms.nodes, scheme.grades[0].atoms.coefficients):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    assert isinstance(scheme.grades, tuple)


# -- shape -----------------------------------------------------------------------------------------


@given(schemes())
def test_depth_is_d_plus_1_layers_for_each_atom(scheme: Scheme) -> None:
    assert scheme.depth == (scheme.dim + 1) * sum(len(g) for g in scheme.grades)
    assert scheme.depth == sum(grade_depth(scheme.dim, len(g)) for g in scheme.grades)


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_widths_of_theory_5(d: int) -> None:
    assert unit_width(d) == (2 if d == 1 else d + 2)
    assert block_width(d) == d + 3
    assert grade_depth(d, 7) == 7 * (d + 1)


# -- malformed data --------------------------------------------------------------------------------

G1 = atoms(1, {(1,): 1})
G2 = atoms(2, {(1,): 1})
TOY = toy_on(BOXES[0])


@pytest.mark.parametrize("lift", [np.nan, np.inf, -np.inf, None, "0", True])
def test_lift_that_is_no_number_is_refused(lift: float) -> None:
    with pytest.raises(SchemeError, match="lift"):
        Scheme.of(TOY, lift, [], 1.0)


@pytest.mark.parametrize("tol", [0.0, -1.0, np.nan, np.inf, None, "0.1", True])
def test_tolerance_that_is_no_positive_number_is_refused(tol: object) -> None:
    """Else "residual <= inf <= tol" would be a proof."""
    with pytest.raises(SchemeError, match="tol"):
        Scheme.of(TOY, 0.0, [], tol)  # type: ignore[arg-type]


def test_falling_levels_are_refused() -> None:
    with pytest.raises(SchemeError, match="rising order"):
        Scheme.of(TOY, 0.0, [G2, G1], 1.0)
    Scheme.of(TOY, 0.0, [G1, G1, G2], 1.0)


@pytest.mark.parametrize("level", [10**9, -1, "7", None, float("nan"), True])
def test_a_history_that_no_run_has_is_refused(level: object) -> None:
    with pytest.raises(SchemeError, match="history"):
        Scheme.of(TOY, 0.0, [], 1.0, history=(LevelRecord(level, 1, 0, 1.0, 0),))  # type: ignore[arg-type]


def test_wrong_numbers_of_grades_are_refused() -> None:
    with pytest.raises(SchemeError, match="numbered"):
        Scheme(TOY, 0.0, (Grade(1, G1), Grade(1, G2)), 1.0)
    with pytest.raises(SchemeError, match="numbered"):
        Scheme(TOY, 0.0, (Grade(0, G1),), 1.0)


def test_atoms_of_another_dimension_are_refused() -> None:
    with pytest.raises(SchemeError, match="dimension 2"):
        Scheme.of(TOY, 0.0, [atoms(1, {(1, 1): 1})], 1.0)


@pytest.mark.parametrize("grade", [-1, 3, 100])
def test_grades_that_are_not_there_are_refused(grade: int) -> None:
    scheme = Scheme.of(TOY, 0.0, [G1, G2], 1.0)
    for question in (
        lambda: scheme([0.5], grade),
        lambda: scheme.residual([0.5], grade),
        lambda: scheme.exact([Fraction(1, 2)], grade),
        lambda: scheme.prefix(grade),
    ):
        with pytest.raises(SchemeError, match="from 0 to 2"):
            question()


@pytest.mark.parametrize("box", BOXES[1:5])
def test_points_outside_the_box_are_refused(box: Box) -> None:
    scheme = Scheme.of(toy_on(box), 0.0, [], 1.0)
    middle = [(lo + hi) / 2 for lo, hi in zip(box.lower, box.upper, strict=True)]
    scheme.exact(middle)
    scheme(np.array([[float(v) for v in middle]]))
    for axis, end in itertools.product(range(box.dim), (box.lower, box.upper)):
        width = box.upper[axis] - box.lower[axis]
        beyond = list(middle)
        beyond[axis] = end[axis] + (width if end is box.upper else -width) / 100
        with pytest.raises(OptionError, match="outside the domain"):
            scheme.exact(beyond)
        with pytest.raises(OptionError, match="outside the domain"):
            scheme(np.array([[float(v) for v in beyond]]))


@pytest.mark.parametrize("x", [np.nan, np.inf])
def test_points_that_are_no_numbers_are_refused(x: float) -> None:
    scheme = Scheme.of(TOY, 0.0, [G1], 1.0)
    with pytest.raises(OptionError, match=rf"^the point \({x}\) lies outside the domain \[0, 1\]$"):
        scheme([x])


def test_points_of_the_wrong_shape_are_refused() -> None:
    plane = Scheme.of(toy_on(BOXES[5]), 0.0, [], 1.0)
    for x in ([0.5, 0.5], [[0.5]], [[[0.5, 0.5]]]):
        with pytest.raises(OptionError, match="shape"):
            plane(x)
    with pytest.raises(OptionError, match="coordinate"):
        plane.exact([Fraction(1, 2)])


# -- other boxes all the way -----------------------------------------------------------------------


@pytest.mark.parametrize("box", BOXES, ids=str)
def test_the_box_only_renames_the_points(box: Box) -> None:
    """Same atoms, same certified numbers on every box; values agree at corresponding points."""
    toy, unit = toy_on(box), toy_on(Box.of([0, 1], box.dim))
    scheme, plain = (construct(f, 1 / 16) for f in (toy, unit))
    assert scheme.complete
    for a, b in zip(scheme.grades, plain.grades, strict=True):
        assert np.array_equal(a.atoms.nodes, b.atoms.nodes)
        assert np.array_equal(a.atoms.coefficients, b.atoms.coefficients)
    report, same = verify(scheme), verify(plain)
    assert str(report.verdict) == "PROVED"
    for row, there in zip(report.rows, same.rows, strict=True):
        assert replace(row, peak=()) == replace(there, peak=())
        assert list(row.peak) == (in_box(scheme, list(there.peak)) if there.peak else [])
    for node in nodes_of(2, box.dim):
        t = [Fraction(i, 4) for i in node]
        assert scheme.exact(in_box(scheme, t)) == plain.exact(t)


def test_barycentric_oracle_and_scheme_agree_on_a_shared_face() -> None:
    """A point on a face has one value, whichever of the simplices beside it is asked."""
    g = atoms(0, {(0, 0): 1, (1, 0): 2, (0, 1): 4, (1, 1): 8})
    t = [Fraction(1, 3), Fraction(1, 3)]
    assert set(barycentric(t, 0)) <= {(0, 0), (1, 0), (0, 1), (1, 1)}
    assert g.exact(t) == interpolate(table_of(g), 0, t) == Fraction(2, 3) + Fraction(8, 3)
    assert isinstance(g, Atoms)
