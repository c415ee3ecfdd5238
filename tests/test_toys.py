"""The oracles themselves, against each other and against definitions."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
from drawn import nodal_toys, quadratic_toys
from hypothesis import given
from hypothesis import strategies as st
from toys import (
    Nodal,
    Sign,
    Toy,
    above,
    all_cells,
    at,
    below,
    interpolate,
    keeps_sign,
    nodes_of,
    refine,
    simplices,
    tight,
)


@given(st.fractions())
def test_directed_floats_are_neighbours_around_the_number(q: Fraction) -> None:
    assert Fraction(below(q)) <= q <= Fraction(above(q))
    assert above(q) in (below(q), np.nextafter(below(q), np.inf))


@given(st.one_of(nodal_toys(), quadratic_toys()), st.integers(0, 4), st.booleans())
def test_vectorised_values_are_the_exact_ones(toy: Toy, level: int, negated: bool) -> None:
    toy = Sign(toy) if negated else toy
    level = min(level, 2) if toy.dim == 3 else level
    nodes = np.array(list(nodes_of(level, toy.dim)))
    found, exact = toy.values(level, nodes), tight(toy.at(at(v, level)) for v in nodes.tolist())
    assert np.array_equal(found.lo, exact.lo)
    assert np.array_equal(found.hi, exact.hi)


@given(st.one_of(nodal_toys(), quadratic_toys()), st.integers(0, 3))
def test_defects_hold_at_sampled_points_and_are_attained_by_piecewise_linear_toys(toy: Toy, level: int) -> None:
    level = min(level, 1) if toy.dim == 3 else level
    cells = all_cells(level, toy.dim)
    defects = toy.defects(level, cells)
    deeper = max(toy.finest - level, 0) if isinstance(toy, Nodal) else 1
    for cell, sag, bulge, low, high in zip(
        cells.tolist(), defects.sag, defects.bulge, defects.range.lo, defects.range.hi, strict=True
    ):
        corner = {v: toy.at(at([z + k for z, k in zip(cell, v, strict=True)], level)) for v in nodes_of(0, toy.dim)}
        gaps = [Fraction(0)]
        for v in nodes_of(deeper, toy.dim):
            t = at(v, deeper)
            value = toy.at([(z + s) / (1 << level) for z, s in zip(cell, t, strict=True)])
            gaps.append(interpolate(corner, 0, t) - value)
            assert Fraction(low) <= value <= Fraction(high)
        assert max(gaps) <= Fraction(sag)
        assert -min(gaps) <= Fraction(bulge)
        if isinstance(toy, Nodal):
            assert (max(gaps), -min(gaps)) == (Fraction(sag), Fraction(bulge))


@given(st.data())
def test_refined_grid_is_twice_the_interpolant(data: st.DataObject) -> None:
    d = data.draw(st.integers(1, 3))
    names = {v: Fraction(data.draw(st.integers(-9, 9))) for v in nodes_of(1, d)}
    grid = np.array([int(x) for x in names.values()]).reshape((3,) * d)
    for node, value in np.ndenumerate(refine(grid)):
        assert Fraction(int(value), 2) == interpolate(names, 1, at(node, 2))


@given(st.data())
def test_sign_oracle_agrees_with_sampling(data: st.DataObject) -> None:
    d = data.draw(st.integers(1, 2))
    few = st.integers(-2, 2)
    u, w = (np.array([data.draw(few) for _ in range(2**d)], dtype=object).reshape((2,) * d) for _ in range(2))
    seen = True
    for simplex in simplices(d):
        for share in itertools.product(range(13), repeat=d + 1):
            if sum(share) == 12:
                x, y = (sum(k * z[v] for k, v in zip(share, simplex, strict=True)) for z in (u, w))
                seen &= x * y >= 0
    assert keeps_sign(u, w) == seen
