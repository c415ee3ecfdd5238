"""From schemes to networks: the same function at every point, weights that can be named, prefixes that are shared."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from drawn import BOXES, HOW, balanced, in_box, schemes, toy_on
from hypothesis import given
from hypothesis import strategies as st
from toys import approximants, atoms, nodes_of

from mgdl_theory import Atoms, OptionError, Scheme
from mgdl_theory.atom import SMALLEST
from mgdl_theory.relu.compile import accumulator_bound, compile_network
from mgdl_theory.rigor.dyadic import significant_bits
from mgdl_theory.scheme import block_width, grade_depth, unit_width

# -- the same function -----------------------------------------------------------------------------


@given(schemes(), st.sampled_from(HOW), st.data())
def test_the_network_is_the_scheme_at_any_rational_point(
    scheme: Scheme, how: tuple[str, str], data: st.DataObject
) -> None:
    network = compile_network(scheme, *how)
    t = [data.draw(st.fractions(0, 1, max_denominator=100)) for _ in range(scheme.dim)]
    point = in_box(scheme, t)
    assert network.exact(point) == scheme.exact(point)
    if how[0] == "block":
        for k in range(len(scheme.grades) + 1):
            assert network.exact(point, k) == scheme.exact(point, k)
    else:
        k = data.draw(st.integers(0, scheme.atoms))
        assert network.exact(point, k) == scheme.as_units().exact(point, k)


@given(schemes(finest=3), st.sampled_from(HOW))
def test_the_network_is_the_scheme_at_every_node(scheme: Scheme, how: tuple[str, str]) -> None:
    network = compile_network(scheme, *how)
    level = max([0, *(g.level for g in scheme.grades)])
    values, common = approximants(scheme, level)
    nodes = np.array(list(nodes_of(level, scheme.dim)))
    assert network.exact_at(level, nodes) == [Fraction(v, common) for v in values[-1].ravel().tolist()]


@given(schemes(), st.sampled_from(HOW), st.integers(0, 2**32))
def test_binary64_is_bit_for_bit_exact_where_certified(scheme: Scheme, how: tuple[str, str], seed: int) -> None:
    network = compile_network(scheme, *how)
    rng = np.random.default_rng(seed)
    for level in (6, 12):
        nodes = rng.integers(0, (1 << level) + 1, (20, scheme.dim))
        if network.float64_is_exact(level, nodes):
            t = nodes / 2.0**level
            unit = on_unit_box(scheme).network(*how)(t)
            assert [Fraction(v) for v in unit.tolist()] == network.exact_at(level, nodes)


def on_unit_box(scheme: Scheme) -> Scheme:
    toy = toy_on(BOXES[scheme.dim][0])
    return Scheme.of(toy, scheme.lift, [g.atoms for g in scheme.grades], scheme.tol)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize(("granularity", "gadget"), HOW)
def test_a_constructed_scheme_is_its_network_bit_for_bit_on_dyadic_points(
    d: int, granularity: str, gadget: str
) -> None:
    scheme = balanced(d)
    network = scheme.network(granularity, gadget)
    nodes = np.random.default_rng(d).integers(0, (1 << 20) + 1, (500, d))
    x = nodes / 2.0**20
    assert network.float64_is_exact(20, nodes)
    assert np.array_equal(network(x), scheme(x))
    assert [Fraction(v) for v in network(x[:50]).tolist()] == network.exact_at(20, nodes[:50])
    for k in range(0, network.grades + 1, 1 + network.grades // 7):
        part = scheme if granularity == "block" else scheme.as_units()
        assert np.array_equal(network(x, k), part(x, k))


def bits_suffice(scheme: Scheme, granularity: str, level: int) -> bool:
    """The sufficient condition of docs/network.md."""
    finest, size, fine = 0, abs(scheme.lift), -Fraction(scheme.lift).denominator.bit_length() + 1
    for grade in scheme.grades:
        if not len(grade):
            continue
        deep = max(level - grade.level, 0)
        unit = max(Fraction(c).denominator.bit_length() - 1 for c in grade.atoms.coefficients.tolist()) + deep
        bound = accumulator_bound(grade.atoms.coefficients)
        if math.log2(bound) + 2 + unit >= 53:  # strictly: the certificate leaves room for its own rounding
            return False
        finest, size, fine = max(finest, grade.level), size + bound, min(fine, -unit)
    return max(level, finest) <= 49 and size <= 2.0 ** (53 + fine)


@given(schemes(finest=20), st.sampled_from(HOW), st.integers(0, 49), st.integers(0, 2**32))
def test_binary64_is_exact_where_the_bits_suffice(scheme: Scheme, how: tuple[str, str], level: int, seed: int) -> None:
    nodes = np.random.default_rng(seed).integers(0, (1 << level) + 1, (10, scheme.dim))
    if bits_suffice(scheme, how[0], level):
        assert compile_network(scheme, *how).float64_is_exact(level, nodes)


@given(schemes(), st.sampled_from(HOW), st.integers(0, 2**32))
def test_enclosures_contain_the_scheme(scheme: Scheme, how: tuple[str, str], seed: int) -> None:
    scheme = on_unit_box(scheme)
    network, rng = compile_network(scheme, *how), np.random.default_rng(seed)
    low = rng.integers(0, 64, (8, scheme.dim))
    high = low + rng.integers(0, 65 - low)
    inside = rng.integers(low, high + 1)
    found = network.interval(low / 64.0, high / 64.0)
    for node, lo, hi in zip(inside.tolist(), found.lo.tolist(), found.hi.tolist(), strict=True):
        assert Fraction(lo) <= scheme.exact([Fraction(i, 64) for i in node]) <= Fraction(hi)


# -- weights ---------------------------------------------------------------------------------------


@given(schemes(), st.sampled_from(HOW))
def test_width_depth_and_grades_are_those_of_proposition_5(scheme: Scheme, how: tuple[str, str]) -> None:
    network, d = compile_network(scheme, *how), scheme.dim
    granularity, gadget = how
    assert network.grades == (len(scheme.grades) if granularity == "block" else scheme.atoms)
    assert network.atoms == scheme.atoms
    if gadget == "wide":
        assert network.width == (unit_width(d) if granularity == "unit" else block_width(d))
        assert network.depth == grade_depth(d, scheme.atoms)
    else:
        assert network.width == d + 1 + (granularity == "block")
        assert network.depth == d * (d + 1) * scheme.atoms


@given(schemes(), st.sampled_from(HOW))
def test_every_weight_is_a_power_of_two_a_small_multiple_of_one_an_index_or_a_coefficient(
    scheme: Scheme, how: tuple[str, str]
) -> None:
    network = compile_network(scheme, *how)
    levels = {g.level for g in scheme.grades}
    powers = {s * m * 2.0**l for l in levels for s in (-1, 1) for m in (1, 2)}
    coefficients = {float(c) for g in scheme.grades for c in g.atoms.coefficients}
    bounds = {accumulator_bound(g.atoms.coefficients) for g in scheme.grades if len(g)}
    assert set(network.weights.ravel().tolist()) <= {-1.0, 0.0, 1.0} | powers | coefficients
    assert all(b == int(b) or b in bounds for b in network.biases.ravel().tolist())
    assert set(network.readout.ravel().tolist()) <= {0.0, 1.0} | coefficients
    assert set(network.readout_bias.tolist()) <= {0.0} | {-b for b in bounds}
    assert all(significant_bits(np.array([b]))[0] == 1 for b in bounds)


@given(schemes(), st.sampled_from(HOW))
def test_the_first_layer_of_a_grade_reads_only_the_carried_coordinates(scheme: Scheme, how: tuple[str, str]) -> None:
    network = compile_network(scheme, *how)
    for k in range(1, network.grades + 1):
        for first in network.layers_of_grade(k)[:1]:
            assert not network.weights[first, :, scheme.dim :].any()


@given(schemes(), st.sampled_from(HOW))
def test_the_network_of_a_prefix_is_the_first_part_of_the_network(scheme: Scheme, how: tuple[str, str]) -> None:
    network = compile_network(scheme, *how)
    for k in range(len(scheme.grades) + 1):
        part = compile_network(scheme.prefix(k), *how)
        cut = network.prefix(part.grades)
        names = ("weights", "biases", "grade_end", "readout", "readout_bias")
        for name in names:
            assert np.array_equal(getattr(part, name), getattr(cut, name))
            own = getattr(cut, name)
            assert not own.size or np.shares_memory(own, getattr(network, name))
        assert (part.channels, part.box, part.lift) == (cut.channels, cut.box, cut.lift)


def test_the_accumulator_bound_belongs_to_its_grade() -> None:
    """A later grade with huge coefficients leaves the layers and readouts before it alone."""
    toy = toy_on(BOXES[1][0])
    first = atoms(2, {(1,): 0.5, (2,): -0.75})
    short = compile_network(Scheme.of(toy, 0.0, [first], 1.0))
    long = compile_network(Scheme.of(toy, 0.0, [first, atoms(3, {(1,): 1e9, (2,): 3.0})], 1.0))
    assert np.array_equal(long.prefix(1).biases, short.biases)
    assert np.array_equal(long.prefix(1).readout_bias, short.readout_bias)
    assert short.readout_bias.tolist() == [-1.0]
    assert long.readout_bias.tolist() == [-1.0, -(2.0**30)]


@given(schemes(dims=(1, 2)), st.data())
def test_running_sums_stay_between_0_and_2_c(scheme: Scheme, data: st.DataObject) -> None:
    network = compile_network(scheme)
    h = [*(data.draw(st.fractions(0, 1, max_denominator=64)) for _ in range(scheme.dim))]
    h += [Fraction(0)] * (network.width - scheme.dim)
    for j in range(network.depth):
        before = [
            sum((Fraction(float(w)) * v for w, v in zip(row, h, strict=True) if w), Fraction(float(b)))
            for row, b in zip(network.weights[j], network.biases[j], strict=True)
        ]
        bound = -Fraction(float(network.readout_bias[network.grade_of_layer(j) - 1]))
        assert 0 <= before[-1] <= 2 * bound, "the ReLU of the accumulator cuts nothing off"
        h = [max(v, Fraction(0)) for v in before]


def test_atoms_of_one_grade_keep_their_order_and_the_layers_name_them() -> None:
    scheme = balanced(2)
    for granularity in ("unit", "block"):
        network = scheme.network(granularity)
        wanted = [(g.level, tuple(node)) for g in scheme.grades for node in g.atoms.nodes.tolist()]
        step = max(1, len(wanted) // 50)
        for n in range(0, len(wanted), step):
            assert network.atom_at(3 * n + n % 3) == wanted[n]
        assert network.coefficients().tolist() == [c for g in scheme.grades for c in g.atoms.coefficients.tolist()]


# -- extremes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("granularity", "gadget"), HOW)
def test_a_scheme_without_atoms_is_its_lift(granularity: str, gadget: str) -> None:
    toy = toy_on(BOXES[2][0])
    empty = Atoms(1, np.zeros((0, 2), dtype=np.int64), np.zeros(0))
    for parts in ([], [empty], [empty, empty]):
        network = compile_network(Scheme.of(toy, 0.75, parts, 1.0), granularity, gadget)
        assert (network.depth, network.summary().coefficient_bits) == (0, 0)
        assert network(np.zeros((3, 2))).tolist() == [0.75] * 3
        assert network.exact([Fraction(1, 3)] * 2) == Fraction(3, 4)
        assert network.mp([Fraction(1, 3)] * 2) == 0.75
        assert network.interval(np.zeros((1, 2)), np.ones((1, 2))).lo.tolist() == [0.75]


@pytest.mark.parametrize("granularity", ["unit", "block"])
def test_the_deepest_level_is_exact(granularity: str) -> None:
    toy, size = toy_on(BOXES[2][0]), 1 << 52
    node = (size - 1, (1 << 51) + 1)
    scheme = Scheme.of(toy, 0.0, [Atoms(52, np.array([node, (0, size)]), np.array([0.5, 3.0]))], 1.0)
    network = compile_network(scheme, granularity)
    for offset in itertools.product((-1, 0, 1), repeat=2):
        point = [Fraction(2 * i + o, 2 * size) for i, o in zip(node, offset, strict=True)]
        assert network.exact(point) == scheme.exact(point)
    assert network.exact([Fraction(0), Fraction(1)]) == 3


@pytest.mark.parametrize("how", HOW)
def test_offsets_of_the_deepest_level_fit_into_binary64(how: tuple[str, str]) -> None:
    size = 1 << 52
    for d in (1, 2, 3):
        for node in itertools.product((size - 1, 1, size), repeat=d):
            scheme = Scheme.of(toy_on(BOXES[d][0]), 0.0, [Atoms(52, np.array([node]), np.array([1.0]))], 1.0)
            network = compile_network(scheme, *how)
            for shift in (0, 1):
                point = [Fraction(2 * i - shift, 2 * size) for i in node]
                assert network.exact(point) == scheme.exact(point)
            assert network.atom_at(0) == (52, node)


@pytest.mark.parametrize("c", [SMALLEST, 3 * SMALLEST, 0.75 / SMALLEST, 1 / SMALLEST])
def test_the_smallest_and_largest_coefficients_are_exact(c: float) -> None:
    scheme = Scheme.of(toy_on(BOXES[1][0]), 0.0, [atoms(1, {(0,): c, (1,): -c, (2,): 1.0})], 1.0)
    for how in HOW:
        network = compile_network(scheme, *how)
        for s in (Fraction(0), Fraction(1, 3), Fraction(7, 8)):
            assert network.exact([s]) == scheme.exact([s])
        assert network.exact_at(3, np.arange(9)[:, None]) == [scheme.exact([Fraction(k, 8)]) for k in range(9)]


@given(st.lists(st.floats(2.0**-1000, 2.0**1000), min_size=1, max_size=5))
def test_the_accumulator_bound_is_the_least_power_of_two(values: list[float]) -> None:
    bound = accumulator_bound(np.array(values) * (-1) ** np.arange(len(values)))
    assert math.frexp(bound)[0] == 0.5
    assert bound / 2 < max(values) <= bound


@pytest.mark.parametrize(("granularity", "gadget"), [("layer", "wide"), ("block", "thin"), ("", "wide"), ("unit", "")])
def test_unknown_options_are_refused(granularity: str, gadget: str) -> None:
    with pytest.raises(OptionError, match="got"):
        compile_network(balanced(1, 0.5), granularity, gadget)


def test_schemes_have_their_network_as_a_method() -> None:
    scheme = balanced(1)
    assert np.array_equal(scheme.network().weights, compile_network(scheme).weights)
    assert scheme.network("unit").width == 2
    assert scheme.prefix(1).network(granularity="unit", gadget="narrow").grades == len(scheme.grades[0])
