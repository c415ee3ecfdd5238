"""Cells, simplices, stars and the midpoint prolongation, against their definitions in rational arithmetic."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import all_cells, at, barycentric, full_mesh, interpolate, nodes_of, simplices

from mgdl_theory import BudgetError, SchemeError, mesh
from mgdl_theory.mesh import (
    MAX_LEVEL,
    Mesh,
    any_comparable,
    cells_around,
    children,
    comparable,
    corners,
    mark_rows,
    midpoints,
    pack,
    parents,
    prolong,
    simplex_at,
    unique_rows,
)

DIMENSIONS = pytest.mark.parametrize("d", [1, 2, 3, 4])


def dyadic(bits: int = 8) -> st.SearchStrategy[Fraction]:
    """Multiples of 2**-bits in [-4, 4]."""
    return st.integers(-(4 << bits), 4 << bits).map(lambda k: Fraction(k, 1 << bits))


@st.composite
def some_cells(draw: st.DrawFn, most_levels: int = 3) -> tuple[int, np.ndarray]:
    """(level, distinct cells in any order) for d = 1, 2, 3."""
    d = draw(st.integers(1, 3))
    level = draw(st.integers(0, most_levels if d < 3 else 2))
    cells = all_cells(level, d)
    chosen = draw(st.lists(st.integers(0, len(cells) - 1), min_size=1, max_size=20, unique=True))
    return level, cells[chosen]


# -- corners and simplices -------------------------------------------------------------------------


@DIMENSIONS
def test_corner_offsets_are_the_bits_of_the_masks(d: int) -> None:
    expected = [[mask >> a & 1 for a in range(d)] for mask in range(1 << d)]
    assert corners(d).tolist() == expected
    assert corners(d).dtype == np.int64


@DIMENSIONS
def test_comparable_corners_are_those_of_a_common_simplex(d: int) -> None:
    mask = {tuple(o): k for k, o in enumerate(corners(d).tolist())}
    expected = np.zeros((1 << d, 1 << d), dtype=bool)
    for simplex in simplices(d):
        for v, w in itertools.product(simplex, repeat=2):
            expected[mask[v], mask[w]] = True
    assert np.array_equal(comparable(d), expected)


@DIMENSIONS
def test_comparable_corners_differ_by_plus_or_minus_a_zero_one_vector(d: int) -> None:
    gap = corners(d)[:, None, :] - corners(d)[None, :, :]
    assert np.array_equal(comparable(d), np.all(gap >= 0, axis=2) | np.all(gap <= 0, axis=2))


@pytest.mark.parametrize("d", [2, 3, 4])
def test_ends_of_an_anti_diagonal_are_not_neighbours(d: int) -> None:
    first, second = 0b01, 0b10
    assert not comparable(d)[first, second]
    assert comparable(d)[0].all(), "the lowest corner lies in every simplex"
    assert comparable(d)[-1].all(), "and so does the highest"


@DIMENSIONS
def test_maximal_chains_of_comparable_corners_are_the_simplices(d: int) -> None:
    table = comparable(d)
    cliques = {frozenset(c) for c in itertools.combinations(range(1 << d), d + 1) if table[np.ix_(c, c)].all()}
    mask = {tuple(o): k for k, o in enumerate(corners(d).tolist())}
    assert cliques == {frozenset(mask[v] for v in simplex) for simplex in simplices(d)}


@given(st.data())
def test_any_comparable_equals_a_loop_over_simplices(data: st.DataObject) -> None:
    d = data.draw(st.integers(1, 4))
    flags = np.array(data.draw(st.lists(st.lists(st.booleans(), min_size=1 << d, max_size=1 << d), min_size=1)))
    mask = {tuple(o): k for k, o in enumerate(corners(d).tolist())}
    expected = np.zeros_like(flags)
    for row, simplex in itertools.product(range(len(flags)), simplices(d)):
        number = [mask[v] for v in simplex]
        if flags[row, number].any():
            expected[row, number] = True
    assert np.array_equal(any_comparable(flags), expected)


def test_tables_are_read_only() -> None:
    for table in (corners(2), comparable(2)):
        with pytest.raises(ValueError, match="read-only"):
            table[0, 0] = 1


# -- midpoints -------------------------------------------------------------------------------------


@given(st.data())
def test_midpoints_are_the_interpolant_at_the_nodes_of_the_children(data: st.DataObject) -> None:
    d = data.draw(st.integers(1, 4))
    value = data.draw(st.lists(dyadic(), min_size=1 << d, max_size=1 << d))
    names = {tuple(o): v for o, v in zip(corners(d).tolist(), value, strict=True)}
    found = midpoints(np.array([[float(v) for v in value]]))[0]
    for child, corner in itertools.product(range(1 << d), repeat=2):
        node = corners(d)[child] + corners(d)[corner]
        assert Fraction(found[child, corner]) == interpolate(names, 0, at(node, 1))


@given(st.data())
def test_prolongation_twice_is_the_interpolant_two_levels_down(data: st.DataObject) -> None:
    d = data.draw(st.integers(1, 3))
    value = data.draw(st.lists(dyadic(), min_size=1 << d, max_size=1 << d))
    names = {tuple(o): v for o, v in zip(corners(d).tolist(), value, strict=True)}
    deep = children(children(np.zeros((1, d), dtype=np.int64)))
    found = prolong(prolong(np.array([[float(v) for v in value]])))
    for cell, row in zip(deep, found, strict=True):
        for offset, got in zip(corners(d), row, strict=True):
            assert Fraction(got) == interpolate(names, 0, at(cell + offset, 2))


@pytest.mark.parametrize(
    "pair",
    [
        (1.0, 2.0**-53),  # the sum needs 54 bits
        (1.0, 1.0 + 2.0**-52),  # the sum is 2 + 2^-52: 54 bits
        (2.0**-1074, 0.0),  # half of the least subnormal
        (1e308, 1e308),  # overflow
        (-1e308, -1e308),
        (0.1, 0.2),
        (np.nan, 0.0),
        (np.inf, 0.0),
        (np.inf, -np.inf),
    ],
)
def test_inexact_midpoint_is_refused(pair: tuple[float, float]) -> None:
    with pytest.raises(BudgetError, match="more bits"):
        midpoints(np.array([pair]))


def test_inexact_midpoint_of_one_cell_among_many_is_refused() -> None:
    values = np.ones((100, 4))
    values[57, 3] = 2.0**-53
    with pytest.raises(BudgetError):
        midpoints(values)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(allow_nan=False, allow_infinity=False))
def test_midpoint_is_exact_or_refused(a: float, b: float) -> None:
    exact = (Fraction(a) + Fraction(b)) / 2
    try:
        found = midpoints(np.array([[a, b]]))[0, 0, 1]
    except BudgetError:
        return
    assert Fraction(found) == exact


@given(dyadic(40), dyadic(40))
def test_midpoint_with_room_to_spare_is_not_refused(a: Fraction, b: Fraction) -> None:
    assert Fraction(midpoints(np.array([[float(a), float(b)]]))[0, 0, 1]) == (a + b) / 2


# -- cells -----------------------------------------------------------------------------------------


@given(some_cells())
def test_children_tile_their_parents(chosen: tuple[int, np.ndarray]) -> None:
    level, cells = chosen
    found = children(cells)
    assert len(found) == len(cells) << cells.shape[1]
    assert np.array_equal(found >> 1, np.repeat(cells, 1 << cells.shape[1], axis=0))
    assert len({tuple(row) for row in found.tolist()}) == len(found)
    assert np.array_equal(found - 2 * (found >> 1), np.tile(corners(cells.shape[1]), (len(cells), 1)))
    assert sorted(map(tuple, parents(found, level + 1).tolist())) == sorted(map(tuple, cells.tolist()))


@given(some_cells())
def test_cells_around_are_those_with_the_node_as_a_corner(chosen: tuple[int, np.ndarray]) -> None:
    level, cells = chosen
    d = cells.shape[1]
    nodes = cells + corners(d)[np.arange(len(cells)) % (1 << d)]
    wanted = {tuple(v) for v in nodes.tolist()}
    expected = [
        cell
        for cell in map(tuple, all_cells(level, d).tolist())
        if wanted & {tuple(x) for x in (np.array(cell) + corners(d)).tolist()}
    ]
    assert sorted(map(tuple, cells_around(nodes, level).tolist())) == sorted(expected)


# -- keys ------------------------------------------------------------------------------------------

KEYS = [(1, 0), (1, 52), (2, 5), (2, 30), (2, 31), (2, 40), (3, 19), (3, 20), (3, 30), (4, 52)]
"""(d, level): from the third pair on two sides of the point where level + 1 bits per axis exceed 62."""


@st.composite
def rows_of_a_level(draw: st.DrawFn) -> tuple[int, np.ndarray, np.ndarray]:
    """(level, rows, other rows) with many repetitions and both extreme indices."""
    d, level = draw(st.sampled_from(KEYS))
    top = 1 << level
    index = st.one_of(st.integers(0, top), st.sampled_from(sorted({0, 1, top // 2, max(top - 1, 0), top})))
    rows = st.lists(st.lists(index, min_size=d, max_size=d), min_size=1, max_size=12)
    first, second = (np.array(draw(rows), dtype=np.int64) for _ in range(2))
    both = np.concatenate([first, first[:2], second])
    return level, first, both


@given(rows_of_a_level())
def test_keys_are_equal_exactly_for_equal_rows_and_keep_the_lexicographic_order(
    case: tuple[int, np.ndarray, np.ndarray],
) -> None:
    level, first, second = case
    keys = np.concatenate(pack(level, first, second))
    rows = [tuple(r) for r in np.concatenate([first, second]).tolist()]
    assert keys.min() >= 0
    for (r, k), (s, j) in itertools.combinations(zip(rows, keys.tolist(), strict=True), 2):
        assert (k < j) == (r < s)
        assert (k == j) == (r == s)


@given(rows_of_a_level())
def test_unique_rows_equals_a_sorted_set(case: tuple[int, np.ndarray, np.ndarray]) -> None:
    level, _, rows = case
    assert unique_rows(rows, level).tolist() == [list(r) for r in sorted({tuple(r) for r in rows.tolist()})]


@given(rows_of_a_level())
def test_mark_rows_equals_membership(case: tuple[int, np.ndarray, np.ndarray]) -> None:
    level, first, second = case
    wanted = {tuple(r) for r in first.tolist()}
    assert mark_rows(second, first, level).tolist() == [tuple(r) in wanted for r in second.tolist()]


def test_empty_rows() -> None:
    none, one = np.zeros((0, 2), dtype=np.int64), np.zeros((1, 2), dtype=np.int64)
    assert unique_rows(none, 3).shape == (0, 2)
    assert mark_rows(one, none, 3).tolist() == [False]
    assert mark_rows(none, one, 3).tolist() == []


@pytest.mark.parametrize(("d", "level", "fits"), [(2, 30, True), (2, 31, False), (3, 19, True), (3, 20, False)])
def test_keys_beyond_62_bits_are_ranks(d: int, level: int, fits: bool) -> None:
    rows = np.array([[0] * d, [1 << level] * d], dtype=np.int64)
    keys = pack(level, rows)[0].tolist()
    plain = sum(1 << level << (level + 1) * a for a in range(d))
    assert (keys[1] == plain) == fits
    assert keys[0] < keys[1] < 1 << 62


def test_rank_keys_that_do_not_fit_are_refused() -> None:
    d, n = 8, 300  # 9 bits of rank per axis, 72 in all
    rows = np.arange(n)[:, None] * np.ones(d, dtype=np.int64) * 1000
    with pytest.raises(BudgetError, match="62 bits"):
        pack(40, rows)


# -- points ----------------------------------------------------------------------------------------


@st.composite
def dyadic_points(draw: st.DrawFn) -> tuple[int, list[Fraction]]:
    """(level, a point of [0, 1]^d with 12 binary digits), often on faces between simplices and on the border."""
    d = draw(st.integers(1, 4))
    coordinate = st.one_of(st.integers(0, 4096), st.sampled_from([0, 1024, 2048, 3072, 4096]))
    t = [Fraction(draw(coordinate), 4096) for _ in range(d)]
    if draw(st.booleans()):
        t = [t[0]] * d
    return draw(st.integers(0, 6)), t


@given(dyadic_points())
def test_simplex_at_represents_the_point_by_a_simplex_that_holds_it(case: tuple[int, list[Fraction]]) -> None:
    level, t = case
    vertices, weights = simplex_at(np.array([[float(s) for s in t]]), level)
    weight = [Fraction(w) for w in weights[0].tolist()]
    assert sum(weight) == 1, "partition of unity"
    assert min(weight) >= 0
    point = [sum(w * int(v[a]) for w, v in zip(weight, vertices[0], strict=True)) / (1 << level) for a in range(len(t))]
    assert point == t
    steps = np.diff(vertices[0], axis=0)
    assert (steps >= 0).all(), "vertices rise from the lowest to the highest corner of one cell"
    assert (steps.sum(axis=1) == 1).all()
    assert vertices.min() >= 0
    assert vertices.max() <= 1 << level


@given(dyadic_points())
def test_simplex_at_gives_each_vertex_its_barycentric_weight(case: tuple[int, list[Fraction]]) -> None:
    level, t = case
    vertices, weights = simplex_at(np.array([[float(s) for s in t]]), level)
    found = {tuple(v): Fraction(w) for v, w in zip(vertices[0].tolist(), weights[0].tolist(), strict=True) if w}
    assert found == {v: w for v, w in barycentric(t, level).items() if w}


def test_simplex_at_many_points_equals_one_by_one() -> None:
    t = np.random.default_rng(1).integers(0, 257, size=(50, 3)) / 256
    vertices, weights = simplex_at(t, 3)
    for row in range(len(t)):
        one_vertices, one_weights = simplex_at(t[row : row + 1], 3)
        assert np.array_equal(vertices[row], one_vertices[0])
        assert np.array_equal(weights[row], one_weights[0])


def test_simplex_at_the_finest_level() -> None:
    t = np.array([[0.0], [1.0], [2.0**-52], [1.0 - 2.0**-53]])
    vertices, weights = simplex_at(t, MAX_LEVEL)
    top = 1 << MAX_LEVEL
    assert vertices[:, 0, 0].tolist() == [0, top - 1, 1, top - 1]
    assert weights.tolist() == [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.5, 0.5]]


# -- meshes ----------------------------------------------------------------------------------------


@given(some_cells())
def test_mesh_numbers_each_node_once_and_in_lexicographic_order(chosen: tuple[int, np.ndarray]) -> None:
    level, cells = chosen
    found = Mesh.of(level, cells)
    d = cells.shape[1]
    every = sorted({tuple(row) for cell in cells for row in (cell + corners(d)).tolist()})
    assert [tuple(v) for v in found.nodes.tolist()] == every
    assert np.array_equal(found.nodes[found.corner_node], cells[:, None, :] + corners(d))


@given(some_cells())
def test_star_is_whole_where_no_cell_of_the_box_is_missing(chosen: tuple[int, np.ndarray]) -> None:
    level, cells = chosen
    found = Mesh.of(level, cells)
    here = {tuple(c) for c in cells.tolist()}
    for node, whole in zip(found.nodes, found.star_is_whole.tolist(), strict=True):
        around = [tuple(c) for c in (node - corners(cells.shape[1])).tolist()]
        around = [c for c in around if all(0 <= i < 1 << level for i in c)]
        assert whole == all(c in here for c in around)


@DIMENSIONS
@pytest.mark.parametrize("level", [0, 1, 2])
def test_every_star_of_a_full_mesh_is_whole(d: int, level: int) -> None:
    found = full_mesh(level, d)
    assert found.star_is_whole.all()
    assert [tuple(v) for v in found.nodes.tolist()] == sorted(nodes_of(level, d))


def test_star_of_a_lone_cell_is_whole_only_in_a_corner_of_the_box() -> None:
    corner = Mesh.of(3, np.array([[7, 7]]))
    assert corner.nodes[corner.star_is_whole].tolist() == [[8, 8]]
    middle = Mesh.of(3, np.array([[3, 4]]))
    assert not middle.star_is_whole.any()


@pytest.mark.parametrize(("d", "level"), [(1, 52), (2, 40), (3, 30)])
def test_mesh_far_down_knows_its_borders_and_stars(d: int, level: int) -> None:
    top = (1 << level) - 1
    patch = np.array(list(itertools.product([top - 1, top], repeat=d)), dtype=np.int64)
    found = Mesh.of(level, np.concatenate([patch, np.zeros((1, d), dtype=np.int64)]))
    whole = {tuple(v) for v in found.nodes[found.star_is_whole].tolist()}
    expected = {(0,) * d, *itertools.product([top, top + 1], repeat=d)}
    assert whole == expected
    assert [tuple(v) for v in found.nodes.tolist()] == sorted(map(tuple, found.nodes.tolist()))


@given(some_cells())
def test_dense_and_sorted_numbering_agree(chosen: tuple[int, np.ndarray]) -> None:
    level, cells = chosen
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mesh, "DENSE", 0)
        by_sorting = Mesh.of(level, cells.copy())
        patch.setattr(mesh, "DENSE", 1 << 40)
        by_table = Mesh.of(level, cells.copy())
    for name in ("nodes", "corner_node", "star_is_whole"):
        assert np.array_equal(getattr(by_sorting, name), getattr(by_table, name)), name


def test_mesh_arrays_are_read_only() -> None:
    found = full_mesh(1, 2)
    for name in ("cells", "nodes", "corner_node", "star_is_whole"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(found, name)[0] = 0


def test_mesh_without_cells_is_refused() -> None:
    with pytest.raises(SchemeError, match="at least one cell"):
        Mesh.of(0, np.zeros((0, 2), dtype=np.int64))


def test_mesh_beyond_the_finest_level_is_refused() -> None:
    Mesh.of(MAX_LEVEL, np.array([[0]]))
    with pytest.raises(BudgetError, match=str(MAX_LEVEL)):
        Mesh.of(MAX_LEVEL + 1, np.array([[0]]))


# -- scattering ------------------------------------------------------------------------------------


@given(some_cells(), st.integers(0, 2**32 - 1))
def test_scatter_functions_equal_a_dictionary(chosen: tuple[int, np.ndarray], seed: int) -> None:
    level, cells = chosen
    found = Mesh.of(level, cells)
    source = np.random.default_rng(seed)
    shape = found.corner_node.shape
    value, flag = source.integers(-8, 9, size=shape) / 4, source.random(shape) < 0.7
    by_node: dict[int, list[tuple[float, bool]]] = {}
    for cell, corner in np.ndindex(shape):
        by_node.setdefault(int(found.corner_node[cell, corner]), []).append((value[cell, corner], flag[cell, corner]))
    for start in (0.0, -1.5, -np.inf):
        expected = [max([start, *(v for v, _ in by_node[k])]) for k in range(len(found.nodes))]
        assert found.scatter_max(value, start).tolist() == expected
    assert found.scatter_all(flag).tolist() == [all(f for _, f in by_node[k]) for k in range(len(found.nodes))]


@given(some_cells(), st.integers(0, 2**32 - 1))
def test_a_nodal_function_survives_the_way_to_the_corners_and_back(chosen: tuple[int, np.ndarray], seed: int) -> None:
    level, cells = chosen
    found = Mesh.of(level, cells)
    nodal = np.random.default_rng(seed).normal(size=len(found.nodes))
    copies = nodal[found.corner_node]
    assert np.array_equal(found.first_cell_value(copies), nodal)
    assert np.array_equal(found.over_corners(np.maximum, nodal), copies.max(axis=1))
    assert np.array_equal(found.over_corners(np.minimum, nodal), copies.min(axis=1))
    assert np.array_equal(found.over_corners(np.logical_or, nodal > 1), (copies > 1).any(axis=1))
