"""The claim that the network is the scheme: proved where it is true, refuted with a point where it is not."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from drawn import HOW, balanced, schemes, toy_on
from hypothesis import given
from hypothesis import strategies as st
from toys import atoms, value_of

from mgdl_theory import CLAIMS, Box, Network, OptionError, Result, Scheme, SchemeError, Verdict, verify, verify_network
from mgdl_theory.relu.compile import compile_network
from mgdl_theory.relu.gadgets import gadget
from mgdl_theory.vector import VectorScheme
from mgdl_theory.verification import network as module
from mgdl_theory.verification.gadgets import prove_block
from mgdl_theory.verification.network import Difference, OutputWitness, _differences, _Sequence, scheme_at

PROVED, REFUTED, UNDECIDED = Verdict.PROVED, Verdict.REFUTED, Verdict.UNDECIDED
ARRAYS = ("weights", "biases", "readout", "readout_bias")


def first_difference(network: Network, scheme: Scheme | VectorScheme, component: int = 0) -> Difference | None:
    """Where the network departs from its template for these atoms first; None where every number agrees."""
    together = VectorScheme(scheme.components)
    atoms = _Sequence.of(together, network.granularity, component)
    return next(_differences(network, together.components[component], atoms, component), None)


def moved(network: Network, name: str, place: Any, by: float) -> Network:
    """The network with one number changed."""
    array = getattr(network, name).copy()
    array[place] += by
    return replace(network, **{name: array})


def by_hand(how: tuple[str, str] = ("block", "wide"), d: int = 1) -> tuple[Scheme, Network]:
    toy = toy_on(Box.of([0, 1] * d))
    table = [{(0,) * d: 1.5, (1,) * d: -2.0}, {(1,) * d: 0.25, (3,) * d: 0.5, (2,) * d: -0.125}]
    scheme = Scheme.of(toy, -0.5, [atoms(1, table[0]), atoms(2, table[1])], 1.0)
    return scheme, compile_network(scheme, *how)


def check_refutation(result: Result, network: Network, scheme: Scheme) -> None:
    """The witness must hold by exact evaluation, apart from the code that found it."""
    assert result.verdict is REFUTED
    witness = result.witness
    assert isinstance(witness, OutputWitness)
    whole = scheme if network.granularity == "block" else scheme.as_units()
    truth = whole.exact(witness.x, witness.grade)
    last = witness.grade == len(whole.grades)
    value = network.exact(witness.x, None if last else witness.grade)
    same_count = network.grades == len(whole.grades)
    if not same_count:
        assert last
    if value == truth and last and same_count:
        pytest.fail("the witness shows nothing")
    assert value != truth
    assert Fraction(witness.before[0]) <= truth <= Fraction(witness.before[1])
    assert Fraction(witness.after[0]) <= value <= Fraction(witness.after[1])


# -- proved ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("how", HOW)
def test_compiled_networks_are_proved(d: int, how: tuple[str, str]) -> None:
    scheme = balanced(d)
    network = scheme.network(*how)
    result = verify_network(network, scheme)
    assert result.verdict is PROVED
    assert f"{network.depth} layers" in result.evidence
    assert "exact values compared at" in result.evidence
    assert verify_network(network.prefix(0), scheme.prefix(0)).verdict is PROVED


@given(schemes(), st.sampled_from(HOW))
def test_the_network_of_any_scheme_is_proved(scheme: Scheme, how: tuple[str, str]) -> None:
    assert verify_network(compile_network(scheme, *how), scheme).verdict is PROVED


def test_large_schemes_are_proved_without_evaluation() -> None:
    scheme = balanced(1, 1e-3)
    result = verify_network(scheme.network(), scheme, evaluated_atoms=10)
    assert result.verdict is PROVED
    assert "compared" not in result.evidence


def test_templates_are_compared_in_pieces_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 3)
    for how in HOW:
        scheme = balanced(2)
        network = scheme.network(*how)
        assert verify_network(network, scheme, evaluated_atoms=0).verdict is PROVED
        bad = moved(network, "weights", (network.depth // 2 + 1, -1, 0), 1.0)
        found = first_difference(bad, scheme)
        assert found is not None
        assert f"layer {network.depth // 2 + 1}, channel {network.width - 1}" in found.text


@pytest.mark.parametrize(
    ("bound", "wanted"),
    [(0.5, PROVED), (0.625, PROVED), (1e6, PROVED), (0.25, UNDECIDED), (0.0625, REFUTED), (0.0, REFUTED)],
)
def test_a_running_sum_must_start_at_the_largest_coefficient_or_above(bound: float, wanted: Verdict) -> None:
    """The partial sums of grade 2 are at least -1/8, so 1/4 would do; but that is not what is proved."""
    scheme, network = by_hand()
    biases, constant = network.biases.copy(), network.readout_bias.copy()
    biases[network.layers_of_grade(2)[0], -1], constant[1] = bound, -bound
    changed = replace(network, biases=biases, readout_bias=constant)
    result = verify_network(changed, scheme)
    assert result.verdict is wanted
    if wanted is not PROVED:
        assert "less than the largest coefficient" in result.evidence
    if wanted is REFUTED:
        check_refutation(result, changed, scheme)


def test_the_claim_stands_beside_the_others_and_decides_only_where_it_was_asked() -> None:
    scheme = balanced(1)
    report = verify(scheme).with_results(verify_network(scheme.network(), scheme))
    assert report.result("network").verdict is PROVED
    assert not CLAIMS["network"].decides
    assert "network" in json.dumps(report.as_dict())
    bad = verify_network(moved(scheme.network(), "readout", (0, 0), 1.0), scheme)
    worse = verify(scheme).with_results(bad)
    assert worse.verdict is REFUTED, "a refutation of any claim counts"
    assert "readout of grade 1" in worse.last_line()
    harmless = verify_network(moved(scheme.network(), "weights", (1, 2, 0), 1.0), scheme)
    assert harmless.verdict is UNDECIDED, "the idle channel"
    assert verify(scheme).with_results(harmless).verdict is UNDECIDED, "no run is PROVED over an open objection"


# -- refuted ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("d", [1, 2])
def test_every_number_of_a_small_network_matters_or_is_harmless(how: tuple[str, str], d: int) -> None:
    """Move each number by 1/8: never PROVED; REFUTED by a true witness, else no point of a fine grid differs."""
    scheme, network = by_hand(how, d)
    level = 4
    nodes = np.array(list(np.ndindex(*[(1 << level) + 1] * d)))
    truth = scheme_at(scheme, level, nodes)
    counts = {REFUTED: 0, UNDECIDED: 0}
    rng = np.random.default_rng(0)
    for name in ARRAYS:
        places = list(np.ndindex(getattr(network, name).shape))
        chosen = places if d == 1 else [places[k] for k in rng.permutation(len(places))[:40]]
        for place in chosen:
            bad = moved(network, name, place, 0.125)
            result = verify_network(bad, scheme)
            counts[result.verdict] += 1
            if result.verdict is REFUTED:
                check_refutation(result, bad, scheme)
            else:
                assert bad.exact_at(level, nodes) == truth
            starts_sum = name == "biases" and how[0] == "block" and place[1] == network.width - 1
            if name in ("weights", "biases") and not starts_sum:
                assert f"layer {place[0]}, channel {place[1]}" in result.evidence
            elif not starts_sum:  # a larger start is as good as any; then it is the readout that does not fit
                assert f"readout of grade {place[0] + 1}" in result.evidence
    assert counts[REFUTED] > counts[UNDECIDED]


@given(schemes(dims=(1, 2)), st.sampled_from(HOW), st.data())
def test_a_tampered_network_is_never_proved(scheme: Scheme, how: tuple[str, str], data: st.DataObject) -> None:
    network = compile_network(scheme, *how)
    name = data.draw(st.sampled_from([name for name in ARRAYS if getattr(network, name).size] or ["lift"]))
    if name == "lift":
        bad = replace(network, lift=network.lift + 1.0)
    else:
        array = getattr(network, name)
        place = tuple(data.draw(st.integers(0, n - 1)) for n in array.shape)
        by = data.draw(st.sampled_from([1.0, -1.0, 2.0**-30, 2.0**20]))
        bad = moved(network, name, place, by)
        if np.array_equal(getattr(bad, name), array):  # absorbed by rounding
            return
    result = verify_network(bad, scheme)
    assert result.verdict is not PROVED
    if result.verdict is REFUTED:
        check_refutation(result, bad, scheme)


def test_another_scheme_is_told_apart() -> None:
    scheme, network = by_hand()
    other = Scheme.of(scheme.target, scheme.lift, [g.atoms for g in scheme.grades[:1]] * 2, 1.0)
    for a, b in ((network, other), (compile_network(other), scheme)):
        check_refutation(verify_network(a, b), a, b)
    lifted = replace(network, lift=0.0)
    result = verify_network(lifted, scheme)
    assert "the lift is 0, not -0.5" in result.evidence
    check_refutation(result, lifted, scheme)


@pytest.mark.parametrize("how", HOW)
def test_a_missing_grade_and_a_grade_too_many_are_told(how: tuple[str, str]) -> None:
    scheme, network = by_hand(how)
    short = network.prefix(network.grades - 1)
    result = verify_network(short, scheme)
    assert result.verdict is REFUTED
    assert "grades do not end" in result.evidence
    assert network.exact(result.witness.x) != short.exact(result.witness.x)  # type: ignore[union-attr]
    assert verify_network(network, scheme.prefix(1)).verdict is REFUTED


def test_grades_cut_elsewhere_are_not_proved() -> None:
    """The same layers and the same function, but other frozen prefixes."""
    scheme, network = by_hand(("unit", "wide"))
    merged = Scheme.of(scheme.target, scheme.lift, [g.atoms for g in scheme.grades], 1.0)
    assert verify_network(network, merged).verdict is PROVED
    ends = network.grade_end.copy()
    ends[0] = 4
    assert verify_network(replace(network, grade_end=ends), scheme).verdict is REFUTED


def test_weights_that_explode_are_undecided_in_finite_time() -> None:
    scheme = balanced(1, 1e-4)
    network = scheme.network()
    weights = network.weights * 1.1
    result = verify_network(replace(network, weights=weights), scheme)
    assert result.verdict is not PROVED


def test_another_domain_is_wrong_input() -> None:
    scheme, _ = by_hand()
    other = Scheme.of(toy_on(Box.of([-1, 3])), scheme.lift, [g.atoms for g in scheme.grades], 1.0)
    with pytest.raises(OptionError, match="different domains"):
        verify_network(compile_network(other), scheme)


class Agreeable(np.ndarray):
    """An array that is never different from anything."""

    def __ne__(self, other: object) -> Any:
        return np.zeros(self.shape, dtype=np.bool_)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("smuggled", [False, True])
def test_an_array_that_compares_as_it_likes_proves_nothing(name: str, smuggled: bool) -> None:
    scheme, network = by_hand()
    place = tuple(n // 2 for n in getattr(network, name).shape)
    wrong = getattr(moved(network, name, place, 1.0), name).view(Agreeable)
    if smuggled:  # past the checks of the record
        bad = replace(network)
        object.__setattr__(bad, name, wrong)
    else:
        bad = replace(network, **{name: wrong})
    assert verify_network(bad, scheme, evaluated_atoms=0).verdict is not PROVED


def test_a_number_that_is_none_is_wrong_input_even_past_the_checks_of_the_record() -> None:
    scheme, network = by_hand()
    weights = network.weights.copy()
    weights[0, 0, 0] = np.nan
    object.__setattr__(network, "weights", weights)
    with pytest.raises(SchemeError, match="finite"):
        verify_network(network, scheme)


class Other(Network):
    """Computes something else than its arrays say."""

    def __call__(self, x: Any, grade: int | None = None) -> Any:
        return np.zeros(len(x))


class OtherScheme(Scheme):
    pass


class OtherBox(Box):
    """Is every domain."""

    def __ne__(self, other: object) -> bool:
        return False


def test_a_subclass_does_not_answer_for_the_record() -> None:
    scheme, network = by_hand()
    parts = {name: getattr(network, name) for name in Network.__dataclass_fields__}
    with pytest.raises(OptionError, match="plain Network, got Other"):
        verify_network(Other(**parts), scheme)
    other = OtherScheme.of(scheme.target, scheme.lift, [g.atoms for g in scheme.grades], 1.0)
    with pytest.raises(OptionError, match="plain Scheme, got OtherScheme"):
        verify_network(network, other)
    with pytest.raises(OptionError, match="plain Scheme, got Network"):
        verify_network(network, network)  # type: ignore[arg-type]
    toy = toy_on(OtherBox((Fraction(0),), (Fraction(2),)))
    elsewhere = Scheme.of(toy, scheme.lift, [g.atoms for g in scheme.grades], 1.0)
    with pytest.raises(OptionError, match="plain Box, got OtherBox"):
        verify_network(network, elsewhere)


def test_a_node_that_occurs_twice_in_a_grade_is_wrong_input_even_past_the_checks_of_the_record() -> None:
    """Then the hats of the grade would not add up to at most 1, and the running sum could be cut off."""
    scheme, _ = by_hand()
    twice = scheme.grades[0].atoms
    object.__setattr__(twice, "nodes", np.zeros_like(twice.nodes))
    with pytest.raises(SchemeError, match="occurs twice"):
        verify_network(compile_network(scheme), scheme, evaluated_atoms=0)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_an_ulp_and_two_channels_exchanged_are_seen(how: tuple[str, str], d: int) -> None:
    scheme, network = by_hand(how, d)
    rng = np.random.default_rng(d)
    for name in ARRAYS:
        array = getattr(network, name)
        for place in (tuple(rng.integers(0, array.shape)) for _ in range(6)):
            changed = array.copy()
            changed[place] = np.nextafter(changed[place], rng.choice([-np.inf, np.inf]))
            assert verify_network(replace(network, **{name: changed}), scheme).verdict is not PROVED
    order = [*range(network.width - 2), network.width - 1, network.width - 2]
    parts = {"weights": network.weights[:, order][:, :, order], "biases": network.biases[:, order]}
    exchanged = replace(network, **parts, readout=network.readout[:, order])
    assert verify_network(exchanged, scheme).verdict is not PROVED


def test_a_block_that_is_not_the_hat_is_never_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect in the gadget itself passes the comparison with the template, and is caught by its own proof."""
    g = gadget(2)
    fixed = g.fixed.copy()
    fixed[1, 2, 2] = 0.0
    bad = replace(g, fixed=fixed)
    monkeypatch.setattr("mgdl_theory.relu.network.gadget", lambda d, name: bad)
    monkeypatch.setattr("mgdl_theory.relu.compile._gadget", lambda d, name: bad)
    scheme, network = by_hand(("unit", "wide"), 2)
    assert first_difference(network, scheme) is None
    assert not prove_block(bad).proved
    result = verify_network(network, scheme)
    assert result.verdict is not PROVED
    assert "minimum" in result.evidence


def test_the_witness_reads_as_plain_data() -> None:
    scheme, network = by_hand()
    result = verify_network(moved(network, "readout", (1, 1), 0.125), scheme)
    data = result.as_dict()
    assert json.loads(json.dumps(data)) == data
    assert set(data["witness"]) == {"x", "grade", "scheme", "network"}
    assert data["witness"]["grade"] == 2
    assert "after grade 2: the scheme is" in result.evidence


# -- the other exact evaluation --------------------------------------------------------------------


@given(schemes(), st.data())
def test_interpolated_values_are_the_exact_ones(scheme: Scheme, data: st.DataObject) -> None:
    level = data.draw(st.integers(0, 9))
    nodes = [[data.draw(st.integers(0, 1 << level)) for _ in range(scheme.dim)] for _ in range(3)]
    grade = data.draw(st.integers(0, len(scheme.grades)))
    for node, value in zip(nodes, scheme_at(scheme, level, np.array(nodes), grade), strict=True):
        t = [Fraction(i, 1 << level) for i in node]
        parts = scheme.grades[:grade]
        wanted = sum((value_of(g.atoms, t) for g in parts if len(g)), Fraction(scheme.lift))
        assert value == wanted
        assert value == scheme.exact(scheme.target.box.point(node, level), grade)
