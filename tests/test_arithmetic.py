"""One network arithmetic: exact and enclosed layers against rationals, on networks of every kind."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mgdl_theory as mg
from mgdl_theory.relu.enclosures import grade_enclosures
from mgdl_theory.relu.network import Network
from mgdl_theory.relu.trained import TrainedModel
from mgdl_theory.rigor.dyadic import Dyadic, affine, channels, pair, rational
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


def mapped(rows: list[list[float]], constants: list[float], x: list[Fraction]) -> list[Fraction]:
    """W x + b in rational arithmetic."""
    products = [[Fraction(v) * y for v, y in zip(row, x, strict=True) if v] for row in rows]
    return [sum(terms, Fraction(c)) for terms, c in zip(products, constants, strict=True)]


def exactly(network: Network, t: list[Fraction]) -> list[list[Fraction]]:
    """The values after each grade at unit coordinates t, from the definition."""
    h, out, start = t + [Fraction(0)] * (network.width - len(t)), list[list[Fraction]](), 0
    totals = list(map(Fraction, network.lifts.tolist()))
    for k, end in enumerate(network.grade_end.tolist()):
        for w, b in zip(network.weights[start:end].tolist(), network.biases[start:end].tolist(), strict=True):
            h = [max(value, Fraction(0)) for value in mapped(w, b, h)]
        grown = mapped(network.readouts[k].tolist(), network.readout_biases[k].tolist(), h)
        totals = [total + g for total, g in zip(totals, grown, strict=True)]
        out.append(totals)
        start = end
    return out


@pytest.mark.parametrize("k", range(len(NETWORKS)))
def test_networks_are_evaluated_exactly_and_enclosed(k: int) -> None:
    network = NETWORKS[k].prefix(min(NETWORKS[k].grades, 16))
    nodes = np.random.default_rng(k).integers(0, (1 << 9) + 1, (3, network.dim))
    unit = network.box.lower == (0,) * network.dim and network.box.upper == (1,) * network.dim
    model = None if network.is_vector or network.lift else TrainedModel.from_network(network)
    t = np.ldexp(nodes.astype(np.float64), -9)
    by_model = None if model is None else (model.exact(t), grade_enclosures(model, t))
    for i, node in enumerate(nodes):
        truth = exactly(network, [Fraction(int(n), 1 << 9) for n in node])
        asked = {*range(1, 5), *range(0, len(truth), 6), len(truth)}  # each one runs all layers before it
        for grade, values in [(k, row) for k, row in enumerate(truth, 1) if k in asked]:
            found = network.exact_at(9, node[None, :], grade)[0]
            assert (list(found) if network.is_vector else [found]) == values
            near = network.interval(t[i : i + 1], t[i : i + 1], grade) if unit else None
            for j, value in enumerate(values if near else []):
                assert near
                assert Fraction(float(near.lo.ravel()[j])) <= value <= Fraction(float(near.hi.ravel()[j]))
        if by_model is not None:
            grown = [after[0] - before for after, before in zip(truth, [0, *(v[0] for v in truth)], strict=False)]
            assert by_model[0][i] == grown
            for enclosed, value in zip(by_model[1], grown, strict=True):
                assert Fraction(float(enclosed.lo[i])) <= value <= Fraction(float(enclosed.hi[i]))


@given(layers(2, 3), st.lists(NUMBERS, min_size=3, max_size=3))
def test_affine_maps_are_exact_and_enclosed(layer: Any, x: list[float]) -> None:
    w, b = (np.array(part) for part in layer)
    values, e = affine(*channels(np.array([x])), w, b)
    truth = mapped(*layer, list(map(Fraction, x)))
    assert [rational(v, k) for v, k in zip(values[:, 0].tolist(), e.tolist(), strict=True)] == truth
    size = np.abs(np.array(x))
    with quiet():
        (m,), (r,) = affine_ball(w, b, (np.array([x]), np.zeros((1, 3))))
        ends = IntervalLayers(w[None], b[None]).apply(0, np.concatenate([size, size])[:, None])[:, 0]
    for k, value in enumerate(truth):
        assert r[k] == np.inf or abs(Fraction(float(m[k])) - value) <= Fraction(float(r[k]))
    for k, value in enumerate(mapped(*layer, list(map(Fraction, size.tolist())))):
        if np.isfinite(ends[[k, k + 2]]).all():
            assert Fraction(float(ends[k])) <= value <= Fraction(float(ends[k + 2]))


@given(NUMBERS)
def test_a_pair_is_odd_and_exact(value: float) -> None:
    m, e = pair(value)
    assert m * Fraction(2) ** e == Fraction(value)
    assert m % 2 or (m, e) == (0, 0)
    odd, power = Dyadic.of(np.array([value]))
    assert [int(odd[0]), int(power[0])] == [m, e]
