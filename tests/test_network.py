"""Networks as data: maps between layers and grades, words, and four kinds of arithmetic against a plain oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toys import Nodal, Quadratic, atoms

from mgdl_theory import Box, BudgetError, Network, Scheme, SchemeError
from mgdl_theory.errors import OptionError
from mgdl_theory.relu import forward
from mgdl_theory.relu.compile import compile_network

TOY = Nodal(2, tuple(Fraction(k) for k in (1, -1, 2, 0, 1)))
PLANE = Quadratic.of([[1, 0], [0, -1]], [0, 1])


def small(granularity: str = "block", gadget: str = "wide") -> Network:
    """Three grades, the second of them empty: 3 atoms of level 1, none, 2 atoms of level 3."""
    parts = [
        atoms(1, {(0,): 1.5, (1,): -2.0, (2,): 0.25}),
        atoms(2, {(0,): 0.0}),
        atoms(3, {(3,): 0.625, (4,): -0.375}),
    ]
    return compile_network(Scheme.of(TOY, -0.5, parts, 1.0), granularity, gadget)


def plane(granularity: str = "block", gadget: str = "wide") -> Network:
    parts = [atoms(0, {(0, 0): 1.0, (1, 0): -3.0}), atoms(2, {(1, 2): 0.5, (2, 2): 0.25, (4, 0): -0.125})]
    return compile_network(Scheme.of(PLANE, 0.25, parts, 1.0), granularity, gadget)


EACH = [(make, how, name) for make in (small, plane) for how in ("unit", "block") for name in ("wide", "narrow")]


def oracle(network: Network, t: Sequence[Fraction], grade: int | None = None) -> Fraction:
    """The definition, number by number."""
    h = [*map(Fraction, t), *[Fraction(0)] * (network.width - network.dim)]
    total, layer = Fraction(network.lift), 0
    for k in range(network.grades if grade is None else grade):
        while layer < network.grade_end[k]:
            h = [max(dot(w, h) + Fraction(float(b)), Fraction(0)) for w, b in row_pairs(network, layer)]
            layer += 1
        total += dot(network.readout[k], h) + Fraction(float(network.readout_bias[k]))
    return total


def row_pairs(network: Network, layer: int) -> Any:
    return zip(network.weights[layer], network.biases[layer], strict=True)


def dot(w: np.ndarray, h: list[Fraction]) -> Fraction:
    return sum((Fraction(float(a)) * v for a, v in zip(w, h, strict=True)), Fraction(0))


@st.composite
def any_networks(draw: st.DrawFn) -> Network:
    """A network of the right shape with any weights whatever: evaluation must not rely on what they mean."""
    base = draw(st.sampled_from(EACH))
    network = base[0](*base[1:])
    tame = st.integers(-40, 40).map(lambda k: k / 8)
    sizes = st.floats(-(2.0**60), 2.0**60, allow_nan=False, allow_subnormal=True)
    number = draw(st.sampled_from([tame, tame | sizes, tame | st.floats(-1, 1), st.sampled_from([0.0, 1.0, 3.0])]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    palette = np.array([*draw(st.lists(number, min_size=4, max_size=12)), 0.0, 0.0, 1.0])

    def some(a: np.ndarray) -> np.ndarray:
        keep = rng.random(a.shape) < draw(st.sampled_from([0.0, 0.5, 0.95]))
        return np.where(keep, a, rng.choice(palette, a.shape))

    return replace(
        network,
        weights=some(network.weights),
        biases=some(network.biases),
        readout=some(network.readout),
        readout_bias=some(network.readout_bias),
        lift=float(rng.choice(palette)),
    )


# -- shape -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "how", "name"), EACH)
def test_layers_and_grades_map_to_each_other(make: Any, how: str, name: str) -> None:
    network = make(how, name)
    owned = [network.layers_of_grade(k) for k in range(1, network.grades + 1)]
    assert [j for layers in owned for j in layers] == list(range(network.depth))
    for k, layers in enumerate(owned, 1):
        assert all(network.grade_of_layer(j) == k for j in layers)
        if len(layers):
            assert network.atom_of_layer[layers[0]] == 0
            assert network.atom_of_layer[layers[-1]] == len(layers) // network.layers_per_atom - 1


@pytest.mark.parametrize("bad", [-1, 15, 10**9])
def test_a_layer_that_is_not_there_is_refused(bad: int) -> None:
    with pytest.raises(SchemeError, match="layer must be from 0 to"):
        small().grade_of_layer(bad)
    with pytest.raises(SchemeError, match="layer must be from 0 to"):
        small().describe(bad)


@pytest.mark.parametrize("bad", [-1, 4])
def test_a_grade_that_is_not_there_is_refused(bad: int) -> None:
    network = small()
    for call in (network.prefix, network.layers_of_grade, lambda k: network([0.5], k)):
        with pytest.raises(SchemeError, match="grade must be from"):
            call(bad)


def test_arrays_are_read_only_and_the_record_is_frozen() -> None:
    network = small()
    with pytest.raises(ValueError, match="read-only"):
        network.weights[0, 0, 0] = 2
    with pytest.raises(FrozenInstanceError):
        network.lift = 0.0  # type: ignore[misc]
    for name in ("weights", "biases", "readout", "readout_bias", "grade_end", "atom_of_layer"):
        memory = getattr(network, name)
        while isinstance(memory, np.ndarray):
            assert not memory.flags.writeable, "what an array is a view of is a way around its flag"
            memory = memory.base


def test_memory_that_is_handed_over_can_be_written_by_nobody() -> None:
    given = small().weights.copy()
    network = replace(small(), weights=given[:])
    with pytest.raises(ValueError, match="read-only"):
        given[0, 0, 0] = 2.0
    assert np.shares_memory(network.weights, given)


class Agreeable(np.ndarray):
    """An array that is never different from anything."""

    def __ne__(self, other: object) -> Any:
        return np.zeros(self.shape, dtype=np.bool_)


@pytest.mark.parametrize("name", ["weights", "biases", "readout", "readout_bias", "grade_end"])
def test_arrays_of_a_subclass_become_plain_ones_of_the_same_memory(name: str) -> None:
    given = getattr(small(), name).copy()
    network = replace(small(), **{name: given.view(Agreeable)})
    assert type(getattr(network, name)) is np.ndarray
    assert np.shares_memory(getattr(network, name), given)


class Lift(float):
    pass


class Text(str):
    pass


class Domain(Box):
    pass


@pytest.mark.parametrize(
    "change",
    [
        {"lift": float("nan")},
        {"lift": 1},
        {"readout": np.zeros((3, 3))},
        {"readout_bias": np.zeros(2)},
        {"grade_end": np.array([6, 4, 10])},
        {"grade_end": np.array([6, 6, 9])},
        {"grade_end": np.array([5, 6, 10])},
        {"grade_end": np.array([[6, 6, 10]])},
        {"biases": np.full((10, 4), np.inf)},
        {"weights": np.zeros((10, 4, 4), dtype=np.float32)},
        {"gadget_name": "thin"},
        {"granularity": "layer"},
        {"granularity": Text("block")},
        {"gadget_name": Text("general")},
        {"lift": Lift(0.5)},
        {"grade_end": np.array([6.0, 6.0, 10.0])},
        {"weights": small().weights.astype(">f8")},
        {"weights": small().weights.astype(object)},
        {"box": Box.of([0, 1, 0, 1])},
        {"box": Domain((Fraction(0),), (Fraction(1),))},
    ],
)
def test_parts_that_do_not_fit_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SchemeError, match="network"):
        replace(small(), **change)


def test_the_summary_counts_by_hand() -> None:
    """Block grades of one variable: 5 atoms of 2 layers, 4 channels; 3 readouts, one of them empty."""
    summary = small().summary()
    assert (summary.width, summary.depth, summary.grades, summary.atoms) == (4, 10, 3, 5)
    assert summary.parameters == 10 * (16 + 4) + 3 * (4 + 1) + 1
    # each atom: carried 2, t twice 2, phi 2; carried sums: 5 second layers and 3 first layers with a term each
    weights = 5 * 6 + 5 + 3 * 2
    # 1 in phi for 5 atoms; node offsets twice for the 4 nodes that are not 0; C twice; readouts 2 and -C each; lift
    assert summary.nonzero_parameters == weights + 5 + 2 * 4 + 2 + 2 * 3 + 1
    assert summary.coefficient_bits == 3  # -0.375 = -3/8 has 2, 0.625 = 5/8 has 3
    assert summary.mean_coefficient_bits == (2 + 1 + 1 + 3 + 2) / 5
    assert summary.distinct_weights == len(set(small_numbers()))
    assert "width 4, depth 10" in str(summary)


def small_numbers() -> list[float]:
    network = small()
    parts = (network.weights, network.biases, network.readout, network.readout_bias)
    return [v for part in parts for v in part.ravel().tolist() if v] + [network.lift]


@pytest.mark.parametrize(("make", "how", "name"), EACH)
def test_coefficients_nodes_and_levels_can_be_read_off_the_weights(make: Any, how: str, name: str) -> None:
    network = make(how, name)
    per = network.layers_per_atom
    found = [(*network.atom_at(per * n + n % per), c) for n, c in enumerate(network.coefficients().tolist())]
    if make is small:
        assert found == [(1, (0,), 1.5), (1, (1,), -2.0), (1, (2,), 0.25), (3, (3,), 0.625), (3, (4,), -0.375)]
    else:
        assert found[:2] == [(0, (0, 0), 1.0), (0, (1, 0), -3.0)]
        assert found[2:] == [(2, (1, 2), 0.5), (2, (2, 2), 0.25), (2, (4, 0), -0.125)]


@pytest.mark.parametrize("gadget", ["wide", "narrow"])
def test_a_node_of_the_deepest_levels_is_read_off_exactly(gadget: str) -> None:
    level = 50
    node = ((1 << level) - 1, (1 << 49) + 12345, 3)
    toy = Quadratic.of([[0] * 3] * 3, [0, 0, 1])
    network = compile_network(Scheme.of(toy, 0.0, [atoms(level, {node: 1.0})], 1.0), "unit", gadget)
    assert network.atom_at(2) == (level, node)


def test_a_layer_is_described_in_words() -> None:
    text = small().describe(3)
    assert text.splitlines() == [
        "layer 3: grade 1, atom 2 of 3, step 2 of 2; level 1, node (1,): t1 = 2 x1 - 1",
        "  channel 0: x1, carried",
        "  channel 1: phi(t), the hat",
        "  channel 2: 0, idle",
        "  channel 3: the running sum C + c phi of atom 1; C = 2",
    ]
    assert small().describe(5).splitlines()[-1] == "  read out: g_1 = channel 3 - C + 0.25 times channel 1"
    assert "ReLU(max(0, t1) - t2)" in plane().describe(1)
    steps = [plane("unit", "narrow").describe(j).splitlines()[-1] for j in range(3)]
    assert steps == [
        "  channel 2: ReLU(1 + t2 - (1 + t1))",
        "  channel 2: ReLU(1 - t1 - min(1 + t1, 1 + t2))",
        "  channel 2: ReLU(1 - t1 + t2 - min(1 + t1, 1 + t2, 1 - t1))",
    ]
    assert "t1 = x1, t2 = x2\n" in plane("unit", "narrow").describe(0)


def test_the_accumulator_bound_is_told_to_the_last_digit() -> None:
    scheme = Scheme.of(TOY, 0.0, [atoms(1, {(1,): 2.0**-30})], 1.0)
    text = compile_network(scheme).describe(0)
    assert float(text.rpartition("C = ")[2]) == 2.0**-30
    assert plane("unit").describe(2).splitlines()[-1] == "  read out: g_1 = 1 times channel 2"


@pytest.mark.parametrize(("make", "how", "name"), EACH)
def test_the_words_are_true_of_the_states(make: Any, how: str, name: str) -> None:
    """Coordinates, hat and running sum of every layer, compared with the definition at one point."""
    network = make(how, name)
    point = [Fraction(5, 16), Fraction(9, 16)][: network.dim]
    h = [*point, *[Fraction(0)] * (network.width - network.dim)]
    c, terms, phis = network.coefficients().tolist(), Fraction(0), []
    for j in range(network.depth):
        h = [max(dot(w, h) + Fraction(float(b)), Fraction(0)) for w, b in row_pairs(network, j)]
        text = network.describe(j).splitlines()[1:]
        assert h[: network.dim] == point
        n, atom = j // network.layers_per_atom, int(network.atom_of_layer[j])
        terms = Fraction(0) if atom == 0 else sum(
            (Fraction(c[n - atom + m]) * phis[n - atom + m] for m in range(atom)), Fraction(0)
        )  # fmt: skip
        if how == "block":
            bound = Fraction(text[network.width - 1].rpartition("C = ")[2])
            assert h[-1] == bound + terms
        if "the hat" in text[network.gadget.phi]:
            level, node = network.atom_at(j)
            values = [0, *(s * 2**level - i for s, i in zip(point, node, strict=True))]
            phis.append(max(0, 1 - max(values) + min(values)))
            assert h[network.gadget.phi] == phis[-1]
        if "idle" in text[-1 - (how == "block")]:
            assert h[network.dim + 1] == 0


# -- values ----------------------------------------------------------------------------------------


@given(any_networks(), st.data())
def test_exact_evaluation_is_the_definition_for_any_weights(network: Network, data: st.DataObject) -> None:
    point = [data.draw(st.fractions(0, 1, max_denominator=40)) for _ in range(network.dim)]
    grade = data.draw(st.none() | st.integers(0, network.grades))
    assert network.exact(point, grade) == oracle(network, point, grade)


@given(any_networks(), st.integers(0, 60), st.sampled_from([1, 3, 20]), st.randoms(use_true_random=False))
def test_exact_at_is_the_definition_and_certified_binary64_is_exact(
    network: Network, level: int, count: int, random: Any
) -> None:
    nodes = np.array([[random.randint(0, 1 << level) for _ in range(network.dim)] for _ in range(count)])
    values = network.exact_at(level, nodes)
    assert values == [oracle(network, [Fraction(i, 1 << level) for i in node]) for node in nodes.tolist()]
    if network.float64_is_exact(level, nodes) and level <= 53:
        assert [Fraction(v) for v in network(nodes / 2.0**level).tolist()] == values


@pytest.mark.parametrize(("make", "how", "name"), EACH)
def test_binary64_is_certified_where_the_bits_fit_and_not_where_they_do_not(make: Any, how: str, name: str) -> None:
    network = make(how, name)
    rng = np.random.default_rng(1)
    for level in (0, 3, 20, 40):
        nodes = rng.integers(0, (1 << level) + 1, (50, network.dim))
        assert network.float64_is_exact(level, nodes)
    deep = rng.integers(0, (1 << 60) + 1, (50, network.dim))
    assert not network.float64_is_exact(60, deep)


def test_all_three_kinds_of_integers_are_used_and_agree() -> None:
    """Sums of 20, 57 and 200 bits; the readout is a multiple of the grade's least unit."""
    for c, exact in ((2.0**-20, True), (2.0**-55, False), (2.0**-200, False)):
        parts = [atoms(1, {(0,): 1.0, (1,): c, (2,): -c})]
        network = compile_network(Scheme.of(TOY, 0.0, parts, 1.0))
        nodes = np.arange(9)[:, None]
        assert network.exact_at(3, nodes) == [oracle(network, [Fraction(k, 8)]) for k in range(9)]
        assert network.float64_is_exact(3, nodes) is exact


def test_numbers_that_explode_are_given_up() -> None:
    network = small()
    weights = np.repeat(network.weights[:2] * 1.1, 4096, axis=0)
    network = replace(
        network.prefix(1), weights=weights, biases=np.ones(weights.shape[:2]), grade_end=np.array([len(weights)])
    )
    with pytest.raises(BudgetError, match="bits"):
        network.exact([Fraction(1, 3)])


@pytest.mark.parametrize(("make", "how", "name"), EACH)
def test_all_arithmetics_agree(make: Any, how: str, name: str) -> None:
    network = make(how, name)
    points = [[Fraction(a, 7), Fraction(b, 11)][: network.dim] for a in range(8) for b in range(12)]
    x = np.array([[float(s) for s in p] for p in points])
    for grade in (None, 0, 1, network.grades):
        truth = np.array([float(network.exact(p, grade)) for p in points])
        assert np.allclose(network(x, grade), truth, rtol=0, atol=1e-14)
        for p in points[::9]:
            with mpmath.workdps(50):
                exact = network.exact(p, grade)
                gap = network.mp(p, 40, grade) - mpmath.mpf(exact.numerator) / exact.denominator
                assert abs(gap) < mpmath.mpf(10) ** -36


@given(any_networks(), st.data())
def test_enclosures_hold_every_value_for_any_weights(network: Network, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    level, width = 30, data.draw(st.sampled_from([0, 1, 1 << 10, 1 << 28]))
    low = rng.integers(0, (1 << level) - width + 1, (12, network.dim))
    high = low + rng.integers(0, width + 1, low.shape)
    inside = rng.integers(low, high + 1)
    grade = data.draw(st.none() | st.integers(0, network.grades))
    found = network.interval(low / 2.0**level, high / 2.0**level, grade)
    assert not np.isnan(found.lo).any()
    assert not np.isnan(found.hi).any()
    for nodes in (low, high, inside):
        for value, lo, hi in zip(network.exact_at(level, nodes, grade), found.lo, found.hi, strict=True):
            assert np.isinf(lo) or Fraction(float(lo)) <= value
            assert np.isinf(hi) or value <= Fraction(float(hi))


@pytest.mark.parametrize(("make", "how", "name"), EACH)
def test_enclosures_of_points_are_as_narrow_as_rounding(make: Any, how: str, name: str) -> None:
    network = make(how, name)
    x = np.random.default_rng(0).random((100, network.dim))
    found = network.interval(x, x)
    assert float((found.hi - found.lo).max()) < 1e-12


def test_an_enclosure_of_a_cell_of_the_last_level_is_not_much_wider_than_the_range() -> None:
    network = small()
    low = np.arange(8) / 8
    found = network.interval(low, low + 0.125)
    values = np.array([float(v) for v in network.exact_at(3, np.arange(9)[:, None])])
    span = np.abs(np.diff(values))
    assert float(((found.hi - found.lo) / np.maximum(span, 0.5)).max()) < 16


def test_carried_coordinates_do_not_widen_with_depth() -> None:
    parts = [atoms(5, {(k,): 2.0**-9 for k in range(33)}) for _ in range(30)]
    network = compile_network(Scheme.of(TOY, 0.0, parts, 1.0))
    assert network.depth > 1900
    x = np.random.default_rng(0).random(50)
    found = network.interval(x, x)
    assert float((found.hi - found.lo).max()) < 1e-11


@pytest.mark.parametrize("box", [Box.of([-1, 3]), Box.of(["1/3", "1/2"]), Box.of([-2, "1e-3"])])
@pytest.mark.parametrize("how", ["unit", "block"])
def test_on_other_boxes_the_preamble_is_exact_in_fractions_and_enclosed_in_intervals(box: Box, how: str) -> None:
    toy = Nodal(2, TOY.nodal, box)
    network = compile_network(Scheme.of(toy, 0.5, [atoms(2, {(1,): 1.0, (3,): -0.75})], 1.0), how)
    lower, upper = box.lower[0], box.upper[0]
    for s in (Fraction(0), Fraction(1, 7), Fraction(3, 4), Fraction(1)):
        value = network.exact([lower + s * (upper - lower)])
        assert value == oracle(network, [s])
        x = np.array([float(lower + s * (upper - lower))])
        outside = Fraction(float(x[0])) < lower or Fraction(float(x[0])) > upper
        there = value if outside else network.exact([Fraction(float(x[0]))])
        found = network.interval(x, x)
        assert Fraction(float(found.lo[0])) <= there <= Fraction(float(found.hi[0]))
        assert float(found.hi[0] - found.lo[0]) < 1e-12
        assert abs(network(x)[0] - float(value)) < 1e-12
    with pytest.raises(OptionError, match="outside the domain"):
        network.exact([upper + 1])
    with pytest.raises(OptionError, match="outside the domain"):
        network([float(upper) + 1])


@pytest.mark.parametrize(
    "call",
    [
        lambda n: n(np.zeros((2, 3))),
        lambda n: n.exact([Fraction(0)]),
        lambda n: n.mp([Fraction(0)] * 3),
        lambda n: n.exact_at(2, np.zeros((2, 3), dtype=int)),
        lambda n: n.exact_at(2, np.full((2, 2), 5)),
        lambda n: n.exact_at(-1, np.zeros((2, 2), dtype=int)),
        lambda n: n.exact_at(63, np.zeros((2, 2), dtype=int)),
        lambda n: n.interval(np.zeros((2, 2)), np.zeros((3, 2))),
        lambda n: n.interval(np.ones((2, 2)), np.zeros((2, 2))),
        lambda n: n.interval(np.full((2, 2), np.nan), np.zeros((2, 2))),
    ],
)
def test_malformed_points_are_refused(call: Any) -> None:
    with pytest.raises((SchemeError, OptionError)):
        call(plane())


def test_no_points_have_no_values() -> None:
    network = plane()
    assert network(np.zeros((0, 2))).shape == (0,)
    assert network.exact_at(2, np.zeros((0, 2), dtype=int)) == []
    assert network.interval(np.zeros((0, 2)), np.zeros((0, 2))).shape == (0,)


def test_many_points_are_cut_into_pieces_without_a_seam() -> None:
    network = plane()
    x = np.random.default_rng(0).integers(0, 65, (2 * forward.POINTS + 3, 2)) / 64
    assert np.array_equal(network(x), np.concatenate([network(x[:5000]), network(x[5000:])]))


def test_layers_are_prepared_in_pieces_without_a_seam() -> None:
    parts = [atoms(5, {(k,): 1.0 + k / 4 for k in range(33)}) for _ in range(40)]
    network = compile_network(Scheme.of(TOY, 0.0, parts, 1.0), "unit")
    assert network.depth > forward.LAYERS
    for grade in (1023, 1024, 1025, network.grades):
        assert network.exact([Fraction(1, 3)], grade) == oracle(network, [Fraction(1, 3)], grade)
