"""The block of one atom: exactly the hat, by three independent arguments and by exact evaluation."""

from __future__ import annotations

import itertools
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from mgdl_theory import OptionError
from mgdl_theory.atom import hat_exact
from mgdl_theory.relu.gadgets import GADGETS, Gadget, gadget
from mgdl_theory.verification.gadgets import CONES, is_hat_by_minima, is_hat_on_order_cones, prove_block, reads_t_only

EACH = [(d, name) for d in (1, 2, 3, 4) for name in GADGETS]


def run(g: Gadget, level: int, node: list[int], x: list[Fraction]) -> Fraction:
    """The channel phi after the last layer, in rational arithmetic, straight from the definition."""
    h = [*x, *[Fraction(0)] * (g.width - g.dim)]
    for j in range(g.depth):
        rows = []
        for r in range(g.width):
            weights = [
                Fraction(1 << level) * int(s) + int(f) for s, f in zip(g.scaled[j, r], g.fixed[j, r], strict=True)
            ]
            offset = int(g.bias[j, r]) + sum(int(u) * i for u, i in zip(g.index[j, r], node, strict=True))
            rows.append(max(sum((w * v for w, v in zip(weights, h, strict=True)), Fraction(offset)), Fraction(0)))
        h = rows
    assert h[: g.dim] == x, "coordinates are carried"
    return h[g.phi]


# -- shape -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", range(1, 7))
def test_width_and_depth_are_those_of_proposition_5(d: int) -> None:
    wide, general, narrow = (gadget(d, name) for name in GADGETS)
    assert (general.width, general.depth) == (d + 2, d + 1)
    assert (narrow.width, narrow.depth) == (d + 1, d * (d + 1))
    assert (wide.width, wide.depth) == ((2, 2) if d == 1 else (d + 2, d + 1))


@pytest.mark.parametrize(("d", "name"), EACH)
def test_entries_are_small_integers_and_read_only(d: int, name: str) -> None:
    g = gadget(d, name)
    for array in (g.scaled, g.fixed, g.index, g.bias):
        assert set(np.unique(array)) <= {-2, -1, 0, 1, 2}
        assert not array.flags.writeable
        with pytest.raises(ValueError, match="cannot set WRITEABLE"):
            array.setflags(write=True)  # the record is kept, and so is the proof of it
    assert gadget(d, name) is g


@pytest.mark.parametrize(("d", "name"), EACH)
def test_the_first_layer_reads_the_coordinates_alone(d: int, name: str) -> None:
    g = gadget(d, name)
    assert not g.scaled[0, :, d:].any()
    assert not g.fixed[0, :, d:].any()


@pytest.mark.parametrize(("d", "name"), EACH)
def test_every_step_has_words_for_every_working_channel(d: int, name: str) -> None:
    g = gadget(d, name)
    assert len(g.words) == g.depth
    assert {len(step) for step in g.words} == {g.width - d}
    assert "hat" in g.words[-1][g.phi - d]


@pytest.mark.parametrize(("d", "name"), [(0, "wide"), (2, "wider"), (-1, "narrow")])
def test_malformed_requests_are_refused(d: int, name: str) -> None:
    with pytest.raises(OptionError, match="gadget"):
        gadget(d, name)


# -- the hat, by evaluation ------------------------------------------------------------------------


@pytest.mark.parametrize(("d", "name"), EACH)
def test_phi_is_the_hat_on_a_grid_through_all_simplices_of_the_star(d: int, name: str) -> None:
    steps = [Fraction(k, 2) for k in range(-3, 4)] if d > 2 else [Fraction(k, 5) for k in range(-7, 8)]
    g, node, level = gadget(d, name), [2] * d, 2
    for t in itertools.islice(itertools.product(steps, repeat=d), 0, None, 1 if d < 4 else 5):
        assert run(g, level, node, [(s + 2) / 4 for s in t]) == hat_exact(list(t))


@given(st.data())
def test_phi_is_the_hat_at_any_rational_point_level_and_node(data: st.DataObject) -> None:
    d, name = data.draw(st.sampled_from(EACH))
    level = data.draw(st.integers(0, 52))
    node = [data.draw(st.integers(0, 1 << level)) for _ in range(d)]
    near = st.fractions(-2, 2, max_denominator=60).map(lambda s: s / (1 << level))
    far = st.fractions(0, 1, max_denominator=60)
    x = [data.draw(near.map(lambda s, i=i: min(max(s + Fraction(i, 1 << level), 0), 1)) | far) for i in node]
    x = [Fraction(s) for s in x]
    wanted = hat_exact([s * (1 << level) - i for s, i in zip(x, node, strict=True)])
    assert run(gadget(d, name), level, node, x) == wanted


# -- the hat, by proof -----------------------------------------------------------------------------


@pytest.mark.parametrize("d", range(1, 8))
@pytest.mark.parametrize("name", GADGETS)
def test_the_block_is_the_hat_by_minima_of_forms(d: int, name: str) -> None:
    assert is_hat_by_minima(gadget(d, name))
    assert prove_block(gadget(d, name)).proved


@pytest.mark.parametrize("d", range(1, 6))
def test_every_relu_is_decided_on_every_order_cone(d: int) -> None:
    assert is_hat_on_order_cones(gadget(d, "general"))
    assert is_hat_on_order_cones(gadget(d, "narrow")) is (d == 1)  # differences of pieces change sign inside a cone
    cones = int(np.prod(range(1, d + 2)))
    assert cones <= CONES
    assert f"each of the {cones} order cones" in prove_block(gadget(d, "general")).text


@pytest.mark.parametrize("d", [1, 2, 3, 4])
def test_sympy_agrees_on_every_order_cone_with_level_and_node_as_symbols(d: int) -> None:
    """x = (t + i) / s with symbols s > 0 and i; on a cone t_a are sums of nonnegative gaps, so Max decides itself."""
    s, gaps = sympy.Symbol("s", positive=True), sympy.symbols(f"g1:{d + 1}", nonnegative=True)
    node, t = sympy.symbols(f"i1:{d + 1}"), sympy.symbols(f"t1:{d + 1}")
    g = gadget(d, "general")
    x = [(u + i) / s for u, i in zip(t, node, strict=True)]
    orders = list(itertools.permutations(range(d + 1)))
    for order in orders if d < 4 else orders[::7]:
        height = {axis: sum(gaps[k:]) for k, axis in enumerate(order)}
        there = {t[a]: height[a + 1] - height[0] for a in range(d)}
        h: list[sympy.Expr] = [sympy.Integer(0)] * 2
        for j in range(g.depth):
            rows = []
            for r in (d, d + 1):
                row = sum((s * int(g.scaled[j, r, a]) + int(g.fixed[j, r, a])) * x[a] for a in range(d))
                row += sum(int(g.index[j, r, a]) * node[a] for a in range(d)) + int(g.bias[j, r])
                row = sympy.expand(row)
                assert not row.free_symbols & {s, *node}, "scaling and translation drop out"
                row = sympy.expand(row.subs(there) + sum(int(g.fixed[j, r, d + c]) * h[c] for c in range(2)))
                rows.append(row if j == d else sympy.Max(row, 0))
            h = rows
        values = [sympy.Integer(0), *there.values()]
        hat = 1 - sympy.Max(*values) - sympy.Max(*(-v for v in values))
        assert sympy.expand(h[g.phi - d] - hat) == 0
        assert sympy.expand(h[g.phi - d] - (1 - sum(gaps))) == 0


# -- planted defects -------------------------------------------------------------------------------


def tampered(g: Gadget) -> list[Gadget]:
    """The gadget with one entry of one array moved by 1, for every entry."""
    out = []
    for field in ("scaled", "fixed", "index", "bias"):
        array = getattr(g, field)
        for place in np.ndindex(array.shape):
            copy = array.copy()
            copy[place] += 1
            out.append(replace(g, **{field: copy}))
    return out


@pytest.mark.parametrize(("d", "name"), [(1, "general"), (1, "narrow"), (2, "general"), (2, "narrow")])
def test_what_is_proved_after_tampering_is_still_the_hat(d: int, name: str) -> None:
    g = gadget(d, name)
    points = list(itertools.product([Fraction(k, 3) for k in range(-4, 5)], repeat=d))
    proved = [bad for bad in tampered(g) if prove_block(bad).proved]
    for bad in proved:  # only an idle channel may hold anything
        assert all(run(bad, 2, [2] * d, [(s + 2) / 4 for s in t]) == hat_exact(list(t)) for t in points)
    assert len(proved) <= 8
    assert all((bad.fixed[-1, g.phi] == g.fixed[-1, g.phi]).all() for bad in proved)


def test_cones_and_minima_never_disagree_on_a_tampered_block() -> None:
    for bad in tampered(gadget(2, "general")):
        if reads_t_only(bad) and is_hat_on_order_cones(bad):
            points = itertools.product([Fraction(k, 3) for k in range(-4, 5)], repeat=2)
            assert all(run(bad, 2, [2, 2], [(s + 2) / 4 for s in t]) == hat_exact(list(t)) for t in points)


def test_a_block_that_looks_past_its_node_is_not_taken_for_the_hat() -> None:
    g = gadget(2)
    index = g.index.copy()
    index[1, 2] = 0
    assert not reads_t_only(replace(g, index=index))
    assert not prove_block(replace(g, index=index)).proved
    fixed = g.fixed.copy()
    fixed[1, 0, 0] = 2
    assert "carry" in prove_block(replace(g, fixed=fixed)).text
    fixed = g.fixed.copy()
    fixed[2, 2, 3] = 0
    assert "minimum" in prove_block(replace(g, fixed=fixed)).text
