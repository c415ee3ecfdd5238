"""One grade and the front: Proposition 2 (any order of the atoms), Proposition 3 (the invariant), exact bookkeeping."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from drawn import defects_of, margins_of, nodal_toys, quadratic_toys
from hypothesis import given
from hypothesis import strategies as st
from toys import Nodal, Quadratic, Toy, at, interpolate, nodes_of, simplices, table_of, tight

from mgdl_theory import Atoms, BudgetError, Grade, check_balanced
from mgdl_theory.contraction import Margins
from mgdl_theory.grade import Front, block_grade, cell_bounds
from mgdl_theory.mesh import Mesh
from mgdl_theory.rigor.interval import Interval

FLOOR = 2.0**-24


TOYS = st.one_of(nodal_toys(), quadratic_toys())
LIFTS = st.sampled_from([0.0, 0.0, -4.5, 0.375])


def levels(toy: Toy, lift: float, count: int) -> list[tuple[Front, np.ndarray, Front]]:
    """(front before, coefficients, front after) of the first levels, where every cell is split."""
    front, out = Front.root(toy.dim, lift), []
    for _ in range(count):
        mesh = front.mesh
        margins = Margins.of(toy.defects(mesh.level, mesh.cells), mesh.level, FLOOR)
        c, after = block_grade(front, front.residual(toy.values(mesh.level, mesh.nodes)), margins, FLOOR)
        out.append((front, c, after))
        front = after.split(np.ones(len(mesh.cells), dtype=bool))
    return out


def deep_enough(toy: Toy) -> int:
    return {1: 5, 2: 4, 3: 2}[toy.dim]


def simplices_of(mesh: Mesh) -> list[tuple[int, list[tuple[int, ...]]]]:
    return [
        (cell, [tuple(z + o for z, o in zip(corner, v, strict=True)) for v in simplex])
        for cell, corner in enumerate(mesh.cells.tolist())
        for simplex in simplices(mesh.dim)
    ]


# -- Proposition 1 and 2 ---------------------------------------------------------------------------


@given(TOYS, LIFTS, st.data())
def test_block_grades_are_balanced_at_rational_points(toy: Toy, lift: float, data: st.DataObject) -> None:
    grades = [
        (front.mesh.level, {tuple(v): Fraction(x) for v, x in zip(front.mesh.nodes.tolist(), c, strict=True) if x})
        for front, c, _ in levels(toy, lift, deep_enough(toy))
    ]
    size = 1 << (deep_enough(toy) + 1)
    for _ in range(8):
        t = [Fraction(data.draw(st.integers(0, 3 * size)), 3 * size) for _ in range(toy.dim)]
        e = toy.at(t) - Fraction(lift)
        for level, table in grades:
            g = interpolate(table, level, t)
            check_balanced([g], [e])
            e -= g


@given(TOYS, LIFTS, st.randoms(use_true_random=False))
def test_abs_residual_falls_atom_by_atom_in_any_order(toy: Toy, lift: float, source) -> None:
    """Proposition 2: each atom alone, and every partial sum, is balanced for the residual before it."""
    size = 1 << (deep_enough(toy) + 1)
    points = {tuple(Fraction(source.randint(0, size), size) for _ in range(toy.dim)) for _ in range(6)}
    e = {t: toy.at(t) - Fraction(lift) for t in points}
    for front, c, _ in levels(toy, lift, deep_enough(toy) - 1):
        pairs = [(tuple(v), Fraction(x)) for v, x in zip(front.mesh.nodes.tolist(), c, strict=True) if x]
        source.shuffle(pairs)
        for node, coefficient in pairs[:200]:
            for t in points:
                g = interpolate({node: coefficient}, front.mesh.level, t)
                check_balanced([g], [e[t]])
                e[t] -= g
        rest = dict(pairs[200:])
        for t in points:
            e[t] -= interpolate(rest, front.mesh.level, t)


@given(st.data())
def test_units_of_a_grade_are_its_atoms(data: st.DataObject) -> None:
    d = data.draw(st.integers(1, 2))
    nodes = data.draw(st.lists(st.sampled_from(list(nodes_of(2, d))), min_size=1, unique=True))
    g = Grade(3, Atoms(2, np.array(nodes), np.arange(1.0, len(nodes) + 1)))
    assert (g.level, len(g), g.number) == (2, len(nodes), 3)
    units = list(g.units())
    assert [len(u) for u in units] == [1] * len(nodes)
    assert {v: c for u in units for v, c in table_of(u).items()} == table_of(g.atoms)


# -- Proposition 3 ---------------------------------------------------------------------------------


@given(TOYS, LIFTS)
def test_every_simplex_is_untouched_or_keeps_the_floor(toy: Toy, lift: float) -> None:
    """Before and after every level: G is the lift on T, or e >= floor+ on T, or -e >= floor- on T."""
    for front, _, after in levels(toy, lift, deep_enough(toy)):
        for state in (front, after):
            for cell, G, e in samples(toy, state.mesh, state.nodal):
                if set(G) == {Fraction(lift)}:
                    continue
                plus, minus = state.floor_plus[cell], state.floor_minus[cell]
                above = np.isfinite(plus) and min(e) >= Fraction(plus)
                below = np.isfinite(minus) and min(-v for v in e) >= Fraction(minus)
                assert above or below, (state.mesh.level, cell)


def samples(toy: Toy, mesh: Mesh, nodal: np.ndarray) -> Iterator[tuple[int, list[Fraction], list[Fraction]]]:
    """(cell, G at the vertices, e at vertices, edge midpoints and centre) for every simplex; f is computed once."""
    G = {tuple(v): Fraction(x) for v, x in zip(mesh.nodes.tolist(), nodal.tolist(), strict=True)}
    f = cache(lambda place: toy.at([Fraction(x, place[1] << mesh.level) for x in place[0]]))
    for cell, vertices in simplices_of(mesh):
        groups = [*([v] for v in vertices), *itertools.combinations(vertices, 2), vertices]
        e = [
            f((tuple(map(sum, zip(*group, strict=True))), len(group))) - sum(G[v] for v in group) / len(group)
            for group in groups
        ]
        yield cell, [G[v] for v in vertices], e


@given(quadratic_toys(dims=(1, 2)), LIFTS)
def test_smooth_cells_meet_the_margin_condition_and_never_rest(toy: Quadratic, lift: float) -> None:
    """Proposition 3 as it stands: before every level each T is untouched or |e| >= m_T, in one sign."""
    for front, _, _ in levels(toy, lift, deep_enough(toy)):
        mesh = front.mesh
        margins = Margins.of(toy.defects(mesh.level, mesh.cells), mesh.level, FLOOR)
        assert (margins.plus <= front.floor_plus).all()
        assert (margins.minus <= front.floor_minus).all()


@pytest.mark.parametrize("value", [4, -4])
@pytest.mark.parametrize("side", ["floor_plus", "floor_minus"])
def test_a_cell_beyond_one_of_its_floors_rests_and_carries_no_atom(side: str, value: int) -> None:
    front = Front.root(1, 0.0)
    margins = margins_of([0.25], [0.25], [0.5], [0.5])
    e = tight([Fraction(value), Fraction(value)])
    for floor, works in ((np.inf, True), (0.5, True), (np.nextafter(0.5, 0), False), (0.0, False)):
        c, after = block_grade(replace(front, **{side: np.array([floor])}), e, margins, FLOOR)
        assert bool(c.all()) == bool(c.any()) == works
        own = (side == "floor_plus") == (value > 0)
        assert getattr(after, side).tolist() == [min(floor, 0.25) if works and own else floor]


def test_rough_cells_rest_while_any_cell_rests_and_smooth_ones_do_not() -> None:
    """Four cells of a line, the first beyond its floor: 1 is smooth, 2 and 3 are rough."""
    mesh = Mesh.of(2, np.array([[0], [1], [2], [3]]))
    smooth = margins_of(*([v] * 4 for v in (0.25, 0.25, 0.5, 0.5)))
    margins = replace(smooth, rough=np.array([False, False, True, True]))
    e = tight([Fraction(4)] * 5)
    untouched = np.full(4, np.inf)
    c, _ = block_grade(Front(mesh, np.zeros(len(mesh.nodes)), untouched, untouched), e, margins, FLOOR)
    assert c.all()
    low = np.array([0.25, np.inf, np.inf, np.inf])
    c, _ = block_grade(Front(mesh, np.zeros(len(mesh.nodes)), low, untouched), e, margins, FLOOR)
    assert not c.any(), "each node has the resting cell or a rough one beside it"
    c, _ = block_grade(Front(mesh, np.zeros(len(mesh.nodes)), low, untouched), e, smooth, FLOOR)
    assert (c != 0).tolist() == [False, False, True, True, True]


def test_touched_cells_get_the_floor_of_their_side_only() -> None:
    mesh = Mesh.of(1, np.array([[0], [1]]))
    front = Front(mesh, np.zeros(len(mesh.nodes)), np.full(2, np.inf), np.full(2, np.inf))
    margins = margins_of(*([v, v] for v in (0.25, 0.125, 0.5, 0.375)))
    e = tight([Fraction(4), Fraction(1, 16), Fraction(-4)])
    c, after = block_grade(front, e, margins, FLOOR)
    assert not c.any(), "the middle vertex is below both margins"
    e = tight([Fraction(4), Fraction(4), Fraction(4)])
    c, after = block_grade(front, e, margins, FLOOR)
    assert (c > 0).all()
    assert after.floor_plus.tolist() == [0.25, 0.25]
    assert after.floor_minus.tolist() == [np.inf, np.inf]


# -- exact bookkeeping -----------------------------------------------------------------------------


@given(TOYS, LIFTS)
def test_corner_values_are_the_exact_sum_of_the_grades(toy: Toy, lift: float) -> None:
    grades: list[tuple[int, dict]] = []
    for front, c, after in levels(toy, lift, min(deep_enough(toy), 4)):
        mesh = front.mesh
        nodes = [tuple(v) for v in mesh.nodes.tolist()]

        def total(node: tuple[int, ...], level: int) -> Fraction:
            parts = (interpolate(table, deep, at(node, level)) for deep, table in grades)
            return sum(parts, Fraction(lift))

        assert [Fraction(x) for x in front.nodal.tolist()] == [total(v, mesh.level) for v in nodes]
        grades.append((mesh.level, {v: Fraction(x) for v, x in zip(nodes, c.tolist(), strict=True) if x}))
        assert [Fraction(x) for x in after.nodal.tolist()] == [total(v, mesh.level) for v in nodes]
        assert np.array_equal(after.G, after.nodal[mesh.corner_node])


@given(TOYS, LIFTS)
def test_residual_encloses_the_true_residual_at_the_nodes(toy: Toy, lift: float) -> None:
    for front, _, after in levels(toy, lift, 3):
        mesh = front.mesh
        f = toy.values(mesh.level, mesh.nodes)
        for state in (front, after):
            e = state.residual(f)
            for k, (node, G) in enumerate(zip(mesh.nodes.tolist(), state.nodal.tolist(), strict=True)):
                exact = toy.at(at(node, mesh.level)) - Fraction(G)
                assert Fraction(e.lo[k]) <= exact <= Fraction(e.hi[k])
                assert Fraction(e.hi[k] - e.lo[k]) <= abs(exact) / 2**50 + Fraction(1, 2**1000)


@given(TOYS, LIFTS)
def test_cell_bound_holds_on_the_cell_and_is_the_nodal_sup_plus_a_defect(toy: Toy, lift: float) -> None:
    for _, _, after in levels(toy, lift, 3):
        mesh, level = after.mesh, after.mesh.level
        defects = toy.defects(level, mesh.cells)
        bound = cell_bounds(mesh, after.residual(toy.values(level, mesh.nodes)), defects)
        largest = [Fraction(0)] * len(mesh.cells)
        for cell, vertices, e in samples(toy, mesh, after.nodal):
            assert max(map(abs, e)) <= Fraction(bound[cell])
            largest[cell] = max([largest[cell], *map(abs, e[: len(vertices)])])
        for cell, most in enumerate(largest):
            defect = Fraction(max(defects.sag[cell], defects.bulge[cell]))
            assert Fraction(bound[cell]) <= (most + defect) * (1 + Fraction(1, 2**48))


@given(st.lists(st.floats(-1e100, 1e100), min_size=4, max_size=4), st.floats(-1e100, 1e100))
def test_residual_of_any_floats_is_rounded_outward(ends: list[float], lift: float) -> None:
    f = Interval(np.array(ends[:2]), np.maximum(ends[:2], ends[2:]))
    e = Front.root(1, lift).residual(f)
    for k in range(2):
        assert Fraction(e.lo[k]) <= Fraction(f.lo[k]) - Fraction(lift)
        assert Fraction(f.hi[k]) - Fraction(lift) <= Fraction(e.hi[k])


@given(st.lists(st.floats(-1e100, 1e100), min_size=2, max_size=2), st.floats(0, 1e100), st.floats(0, 1e100))
def test_cell_bound_of_any_floats_is_rounded_upward(e: list[float], sag: float, bulge: float) -> None:
    found = cell_bounds(Mesh.root(1), Interval(np.array(e), np.array(e)), defects_of([sag], [bulge]))[0]
    high, low = max(Fraction(0), *map(Fraction, e)), max(Fraction(0), *(-Fraction(v) for v in e))
    assert Fraction(found) >= max(high + Fraction(bulge), low + Fraction(sag))


def test_cell_bounds_are_one_sided() -> None:
    defects = defects_of([1], [8])
    positive, negative = tight([Fraction(2), Fraction(3)]), tight([Fraction(-2), Fraction(-3)])
    assert cell_bounds(Mesh.root(1), positive, defects).tolist() == [11.0], "above by the bulge"
    assert cell_bounds(Mesh.root(1), negative, defects).tolist() == [8.0], "max(0 + bulge, 3 + sag)"


@pytest.mark.parametrize("name", ["sag", "bulge"])
@pytest.mark.parametrize("nothing", [np.nan, np.inf])
def test_a_cell_without_a_defect_bound_has_no_bound(name: str, nothing: float) -> None:
    numbers = {"sag": 0.0, "bulge": 0.0, name: nothing}
    defects = defects_of([numbers["sag"]], [numbers["bulge"]])
    assert cell_bounds(Mesh.root(1), tight([Fraction(1), Fraction(1)]), defects).tolist() == [np.inf]


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
def test_a_node_without_a_value_has_no_bound(nothing: float) -> None:
    zero = defects_of([0], [0])
    for lo, hi in ((-nothing, 1.0), (0.0, nothing), (-nothing, nothing)):
        e = Interval(np.array([lo, 0.0]), np.array([hi, 0.0]))
        assert cell_bounds(Mesh.root(1), e, zero).tolist() == [np.inf]


@pytest.mark.parametrize(("G", "c"), [(1.0, 2.0**-53), (1.0 + 2.0**-52, 1.0), (1e308, 1e308)])
def test_an_update_that_binary64_does_not_hold_is_refused(G: float, c: float) -> None:
    front = Front.root(1, G)
    with pytest.raises(BudgetError, match="more bits"):
        front.add(np.array([0.0, c]))


def test_adding_nothing_changes_nothing() -> None:
    front = Front.root(2, 0.1)
    assert front.add(np.zeros(4)) is front
    assert front.G.tolist() == [[0.1] * 4]


@given(nodal_toys(dims=(1, 2)), st.integers(0, 2**32 - 1))
def test_splitting_keeps_the_function_and_the_floors(toy: Nodal, seed: int) -> None:
    front = levels(toy, 0.0, 3)[-1][2]
    source = np.random.default_rng(seed)
    chosen = source.random(len(front.mesh.cells)) < 0.5
    chosen[0] = True
    fine = front.split(chosen)
    G = {tuple(v): Fraction(x) for v, x in zip(front.mesh.nodes.tolist(), front.nodal.tolist(), strict=True)}
    for node, value in zip(fine.mesh.nodes.tolist(), fine.nodal.tolist(), strict=True):
        assert Fraction(value) == interpolate(G, front.mesh.level, at(node, fine.mesh.level))
    parent = {tuple(c): k for k, c in enumerate(front.mesh.cells.tolist())}
    above = [parent[tuple(c)] for c in (fine.mesh.cells >> 1).tolist()]
    assert np.array_equal(fine.floor_plus, front.floor_plus[above])
    assert np.array_equal(fine.floor_minus, front.floor_minus[above])
    assert len(fine.mesh.cells) == int(chosen.sum()) << toy.dim
