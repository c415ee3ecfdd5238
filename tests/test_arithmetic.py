"""One network arithmetic: exact and enclosed layers against rationals, on networks of every kind."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mgdl_theory as mg
from mgdl_theory.relu import enclosures as old_enclosures
from mgdl_theory.relu import forward as old
from mgdl_theory.relu import trained as old_trained
from mgdl_theory.relu.network import Network
from mgdl_theory.rigor import dyadic
from mgdl_theory.rigor.dyadic import Dyadic, ExactLayers, affine, integers, pair
from mgdl_theory.rigor.products import IntervalLayers, affine_ball
from mgdl_theory.rigor.rounding import quiet

SOURCES: list[tuple[Any, Any, float]] = [
    ("sin(10*x)*exp(-x)", None, 1e-3),
    ("abs(x - 1/3)", [-1, 2], 1e-3),
    ("x*y", None, 0.02),
    ("exp(x*y - 1/7)", ["1/3", 2], 0.05),
    ("x*y*z", None, 0.1),
    (["cos(6*x)", "sin(6*x)"], None, 0.01),
    (["x*y", "x - y**2", "1"], None, 0.05),
    ("1e300*x", None, 1e298),
    ("1e-250*x", None, 1e-252),
]


def networks() -> list[Network]:
    schemes = [mg.construct(mg.target(source, domain), tol) for source, domain, tol in SOURCES]
    ways = [(granularity, gadget) for granularity in ("block", "unit") for gadget in ("wide", "narrow")]
    return [scheme.network(*way) for scheme in schemes for way in ways]


NETWORKS = networks()
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, 1.0, -0.75, 5e-324, -5e-324, 1e300, 2.0**-1022, 1.7976931348623157e308, 1 / 3]),
)


def layers(rows: int, width: int) -> st.SearchStrategy[tuple[list[list[float]], list[float]]]:
    row = st.lists(NUMBERS, min_size=width, max_size=width)
    return st.tuples(st.lists(row, min_size=rows, max_size=rows), st.lists(NUMBERS, min_size=rows, max_size=rows))


@pytest.mark.parametrize("k", range(len(NETWORKS)))
def test_exact_layers_are_bit_for_bit_those_of_before(k: int) -> None:
    network = NETWORKS[k]
    cut = slice(0, 300)
    for weights, biases in (
        (network.weights[cut], network.biases[cut]),
        (network.readouts[cut], network.readout_biases[cut]),
    ):
        ours, theirs = Dyadic.of(weights), old._Dyadic.of(weights)
        assert ours.odd.tobytes() == theirs.odd.tobytes()
        assert ours.power.tobytes() == theirs.power.tobytes()
        own, other = IntervalLayers(weights, biases), old._Enclosed(weights, biases)
        h = np.random.default_rng(k).random((2 * network.width, 50))
        h[network.width :] += h[: network.width]
        for i in range(len(weights)):
            assert own.apply(i, h).tobytes() == other.apply(i, h).tobytes()
    weights, biases = Dyadic.of(network.weights[cut]), Dyadic.of(network.biases[cut])
    start = np.full(network.width, 3)
    e = dyadic.exponents(weights, biases, start)
    assert e.tobytes() == old._exponents(old._Dyadic(*weights), old._Dyadic(*biases), start).tobytes()
    with quiet():
        exact = ExactLayers(weights, biases, e[:-1], e[1:], 3)
        before = old._Integers(old._Dyadic(*weights), old._Dyadic(*biases), e[:-1], e[1:], 3)
        for name in ("w", "b", "size_w", "size_b", "shift_w", "shift_b"):
            assert getattr(exact, name).tobytes() == getattr(before, name).tobytes()
        assert np.array_equal(exact._whole_w, before.whole_w)


@given(layers(2, 3), st.lists(NUMBERS, min_size=3, max_size=3))
def test_the_affine_maps_are_those_of_before(layer: Any, x: list[float]) -> None:
    w, b = (np.array(part) for part in layer)
    (m, e), (h, s) = integers(np.array(x)), old_trained.integers(np.array(x))
    assert [v * Fraction(2) ** e for v in m] == [v * Fraction(2) ** s for v in h] == list(map(Fraction, x))
    ours, after = affine(m[:, None], np.full(3, -e), w, b)
    theirs, t = old_trained.affine(h[None, :], s, w, b)
    found = [dyadic.rational(v, k) for v, k in zip(ours[:, 0].tolist(), after.tolist(), strict=True)]
    assert found == [Fraction(v) * Fraction(2) ** t for v in theirs[0]]
    points = np.array([x, np.abs(x)]), np.abs([x, x])
    with quiet():
        one, two = affine_ball(w, b, points), old_enclosures._affine(w, b, points)
    assert [v.tobytes() for v in one] == [v.tobytes() for v in two]


@given(NUMBERS)
def test_a_pair_is_odd_and_exact(value: float) -> None:
    m, e = pair(value)
    assert m * Fraction(2) ** e == Fraction(value)
    assert m % 2 or (m, e) == (0, 0)
    odd, power = Dyadic.of(np.array([value]))
    assert [int(odd[0]), int(power[0])] == [m, e]
