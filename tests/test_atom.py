"""The hat by its formula and by barycentric coordinates; finite sums of atoms against rational interpolation."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import atoms, barycentric, full_mesh, nodes_of, simplices, table_of, value_of

from mgdl_theory import Atoms, SchemeError, hat
from mgdl_theory.atom import hat_exact
from mgdl_theory.mesh import MAX_LEVEL, Mesh

DIMENSIONS = pytest.mark.parametrize("d", [1, 2, 3, 4])


def rationals(low: int = 0, high: int = 1) -> st.SearchStrategy[Fraction]:
    """Rational numbers in [low, high], often multiples of 1/2 or equal to each other."""
    half = st.integers(2 * low, 2 * high).map(lambda k: Fraction(k, 2))
    return st.one_of(half, st.fractions(low, high, max_denominator=30))


def dyadics(low: int, high: int, bits: int = 10) -> st.SearchStrategy[Fraction]:
    return st.integers(low << bits, high << bits).map(lambda k: Fraction(k, 1 << bits))


def hat_by_barycentric(t: list[Fraction]) -> Fraction:
    """The weight of node 0 in the simplex of the integer lattice that holds t."""
    shift = [4] * len(t)  # a lattice cube of side 8 around 0, as level 3 of the unit cube
    point = [(s + z) / 8 for s, z in zip(t, shift, strict=True)]
    return barycentric(point, 3).get(tuple(shift), Fraction(0))


# -- the hat ---------------------------------------------------------------------------------------


@DIMENSIONS
@given(data=st.data())
def test_hat_formula_is_the_barycentric_coordinate(d: int, data: st.DataObject) -> None:
    t = data.draw(st.lists(rationals(-2, 2), min_size=d, max_size=d))
    assert hat_exact(t) == hat_by_barycentric(t)


@DIMENSIONS
@given(data=st.data())
def test_hat_in_floating_point_is_exact_at_dyadic_points(d: int, data: st.DataObject) -> None:
    t = data.draw(st.lists(dyadics(-2, 2), min_size=d, max_size=d))
    assert Fraction(hat([[float(s) for s in t]])[0]) == hat_exact(t)


@DIMENSIONS
@given(data=st.data())
def test_hats_are_a_partition_of_unity(d: int, data: st.DataObject) -> None:
    t = data.draw(st.lists(rationals(), min_size=d, max_size=d))
    weights = [hat_exact([s - v for s, v in zip(t, node, strict=True)]) for node in nodes_of(0, d)]
    assert sum(weights) == 1
    assert min(weights) >= 0


@DIMENSIONS
def test_hat_is_one_at_its_node_and_zero_at_all_others(d: int) -> None:
    around = np.array(list(itertools.product([-2, -1, 0, 1, 2], repeat=d)), dtype=float)
    assert hat(around).tolist() == [float(not any(t)) for t in around.tolist()]


@DIMENSIONS
def test_hat_is_linear_on_each_simplex_around_its_node(d: int) -> None:
    for corner, simplex in itertools.product(itertools.product([-1, 0], repeat=d), simplices(d)):
        vertices = [[Fraction(z + o) for z, o in zip(corner, v, strict=True)] for v in simplex]
        middle = [sum(column) / (d + 1) for column in zip(*vertices, strict=True)]
        assert hat_exact(middle) == sum(hat_exact(v) for v in vertices) / (d + 1)


def test_hat_is_not_the_tensor_product_hat() -> None:
    assert hat([[0.5, -0.5], [0.5, 0.5]]).tolist() == [0.0, 0.5]


# -- sums of atoms ---------------------------------------------------------------------------------


@st.composite
def sums(draw: st.DrawFn) -> Atoms:
    """Atoms of one level with dyadic coefficients, d = 1, 2, 3, given in any order."""
    d = draw(st.integers(1, 3))
    level = draw(st.integers(0, 3 if d < 3 else 1))
    nodes = draw(st.lists(st.sampled_from(list(nodes_of(level, d))), min_size=1, max_size=12, unique=True))
    values = [float(draw(dyadics(-2, 2, 6).filter(bool))) for _ in nodes]
    return Atoms(level, np.array(nodes), np.array(values))


@given(sums(), st.data())
def test_exact_value_is_the_interpolant_of_the_coefficients(g: Atoms, data: st.DataObject) -> None:
    t = data.draw(st.lists(rationals(), min_size=g.dim, max_size=g.dim))
    assert g.exact(t) == value_of(g, t)


@given(sums(), st.data())
def test_call_is_exact_at_dyadic_points(g: Atoms, data: st.DataObject) -> None:
    t = data.draw(st.lists(st.lists(dyadics(0, 1), min_size=g.dim, max_size=g.dim), min_size=1, max_size=5))
    found = g(np.array([[float(s) for s in point] for point in t]))
    assert [Fraction(v) for v in found.tolist()] == [g.exact(point) for point in t]


@given(sums(), st.data())
def test_call_is_near_the_exact_value_anywhere(g: Atoms, data: st.DataObject) -> None:
    t = data.draw(st.lists(st.floats(0, 1), min_size=g.dim, max_size=g.dim))
    exact = g.exact([Fraction(s) for s in t])
    assert abs(Fraction(g(np.array([t]))[0]) - exact) <= Fraction(2 ** (g.level + 6), 2**53)


@given(sums())
def test_values_at_the_nodes_are_the_coefficients(g: Atoms) -> None:
    mesh = full_mesh(g.level, g.dim)
    table = table_of(g)
    assert [Fraction(v) for v in g.at_nodes(mesh).tolist()] == [table.get(tuple(v), 0) for v in mesh.nodes.tolist()]


@given(sums(), st.integers(0, 2**32 - 1))
def test_values_at_the_nodes_of_a_partial_mesh(g: Atoms, seed: int) -> None:
    full = full_mesh(g.level, g.dim)
    keep = np.random.default_rng(seed).random(len(full.cells)) < 0.5
    keep[0] = True
    part = Mesh.of(g.level, full.cells[keep])
    table = table_of(g)
    assert [Fraction(v) for v in g.at_nodes(part).tolist()] == [table.get(tuple(v), 0) for v in part.nodes.tolist()]
    whole = {tuple(v) for v in part.nodes[part.star_is_whole].tolist()}
    assert g.is_inside(part) == all(v in whole for v in table)


@given(sums())
def test_single_atoms_add_up_to_the_sum(g: Atoms) -> None:
    parts = [g.single(k) for k in range(len(g))]
    assert [len(p) for p in parts] == [1] * len(g)
    assert {v: c for p in parts for v, c in table_of(p).items()} == table_of(g)


@given(sums(), st.randoms(use_true_random=False))
def test_order_of_the_atoms_does_not_matter(g: Atoms, source: object) -> None:
    order = list(range(len(g)))
    source.shuffle(order)  # type: ignore[attr-defined]
    shuffled = Atoms(g.level, g.nodes[order], g.coefficients[order])
    assert np.array_equal(shuffled.nodes, g.nodes)
    assert np.array_equal(shuffled.coefficients, g.coefficients)
    assert g.nodes.tolist() == sorted(g.nodes.tolist())


@pytest.mark.parametrize(("d", "level"), [(1, MAX_LEVEL), (2, 40), (3, 30)])
def test_atoms_far_down_are_found_again(d: int, level: int) -> None:
    top = 1 << level
    table = {(0,) * d: 1.0, (top,) * d: 2.0, (top - 1,) * d: 4.0, (top // 3,) * d: 8.0}
    g = atoms(level, table)
    points = np.array([[i / top for i in node] for node in table])
    assert g(points).tolist() == list(table.values())
    t = [Fraction(2 * top - 1, 2 * top)] * d
    assert g.exact(t) == 3
    assert g(np.array([[float(t[0])] * d])).tolist() == [3.0]


def test_sum_without_atoms_is_zero() -> None:
    g = Atoms(2, np.zeros((0, 2), dtype=np.int64), np.zeros(0))
    assert len(g) == 0
    assert g(np.array([[0.3, 0.7]])).tolist() == [0.0]
    assert g.exact([Fraction(1, 3), Fraction(1, 7)]) == 0
    assert not g.at_nodes(full_mesh(2, 2)).any()
    assert g.is_inside(full_mesh(2, 2))


@given(sums())
def test_description_holds_the_exact_numbers(g: Atoms) -> None:
    data = g.describe()
    assert data["level"] == g.level
    nodes, ratios = data["nodes"], data["coefficients"]
    assert {tuple(v): Fraction(*r) for v, r in zip(nodes, ratios, strict=True)} == table_of(g)


# -- malformed data --------------------------------------------------------------------------------

ONE = np.array([[1]])


@pytest.mark.parametrize(
    ("level", "nodes", "coefficients"),
    [
        (-1, ONE, [1.0]),
        (MAX_LEVEL + 1, ONE, [1.0]),
        (1.0, ONE, [1.0]),
        ("1", ONE, [1.0]),
        (None, ONE, [1.0]),
        (1, np.array([1]), [1.0]),
        (1, np.array([[[1]]]), [1.0]),
        (1, np.zeros((1, 0), dtype=np.int64), [1.0]),
        (1, ONE, [1.0, 2.0]),
        (1, ONE, 1.0),
        (1, ONE, [[1.0]]),
        (1, np.array([[0.5]]), [1.0]),
        (1, np.array([[-1]]), [1.0]),
        (1, np.array([[3]]), [1.0]),
        (1, np.array([[0, 3]]), [1.0]),
        (1, ONE, [0.0]),
        (1, ONE, [-0.0]),
        (1, ONE, [np.nan]),
        (1, ONE, [np.inf]),
        (1, ONE, [-np.inf]),
        (1, ONE, [2.0**-1001]),
        (1, ONE, [-(2.0**1001)]),
        (True, ONE, [1.0]),
        (1, np.array([[1], [1]]), [1.0, 2.0]),
        (2, np.array([[1, 2], [0, 0], [1, 2]]), [1.0, 2.0, 1.0]),
        (40, np.array([[1 << 40, 0], [5, 5], [1 << 40, 0]]), [1.0, 2.0, 1.0]),
    ],
)
def test_malformed_atoms_are_refused(level: object, nodes: object, coefficients: object) -> None:
    with pytest.raises(SchemeError, match="atoms"):
        Atoms(level, nodes, np.array(coefficients))  # type: ignore[arg-type]


@pytest.mark.parametrize("node", [np.nan, np.inf, 1e30, 1.0, "1", None, True, 1 << 63, 1 << 70])
def test_node_indices_that_are_no_integers_are_refused(node: float) -> None:
    with pytest.raises(SchemeError, match="atoms"):
        Atoms(1, np.array([[node]]), np.array([1.0]))


def test_arrays_are_copies_and_read_only() -> None:
    nodes, coefficients = np.array([[2], [1]]), np.array([1.0, 3.0])
    g = Atoms(1, nodes, coefficients)
    nodes[0, 0], coefficients[0] = 0, 7.0
    assert g.nodes.tolist() == [[1], [2]]
    assert g.coefficients.tolist() == [3.0, 1.0]
    for array in (g.nodes, g.coefficients):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    with pytest.raises(AttributeError):
        g.level = 2  # type: ignore[misc]
