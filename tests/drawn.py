"""Toys, schemes and margins that several test files draw from, and witnesses looked at in rationals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st
from toys import Nodal, Quadratic, Toy, residuals

import mgdl_theory as mg
from mgdl_theory import Atoms, Box, Result, Scheme, Verdict
from mgdl_theory.atom import SMALLEST
from mgdl_theory.contraction import Margins
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.targets.base import Defects
from mgdl_theory.verification.record import Report


def defects_of(*numbers: Sequence[Fraction | float]) -> Defects:
    """Defects from sag and bulge; the vertex inequality asks for nothing else."""
    sag, bulge = (np.array([float(v) for v in x]) for x in numbers)
    return Defects(sag, bulge, sag, bulge, Interval(sag, sag))


def margins_of(*numbers: Sequence[Fraction | float]) -> Margins:
    """Margins from sag, bulge, plus and minus; smooth cells."""
    sag, bulge, plus, minus = (np.array([float(v) for v in x]) for x in numbers)
    return Margins(sag, bulge, plus, minus, np.zeros(len(sag), dtype=bool))


def eighths(low: int = -4, high: int = 4) -> st.SearchStrategy[Fraction]:
    return st.integers(8 * low, 8 * high).map(lambda k: Fraction(k, 8))


@st.composite
def nodal_toys(draw: st.DrawFn, dims: tuple[int, ...] = (1, 2, 3)) -> Nodal:
    """Random piecewise linear functions: no sign, no smoothness, no regular fall of the defects."""
    d = draw(st.sampled_from(dims))
    finest = draw(st.integers(1, {1: 3, 2: 2, 3: 1}[d]))
    size = ((1 << finest) + 1) ** d
    values = draw(st.lists(eighths(), min_size=size, max_size=size))
    return Nodal(finest, tuple(values), Box.of([0, 1], d))


@st.composite
def quadratic_toys(draw: st.DrawFn, dims: tuple[int, ...] = (1, 2)) -> Quadratic:
    d = draw(st.sampled_from(dims))
    half = [[draw(eighths(-2, 2)) for _ in range(d)] for _ in range(d)]
    A = [[half[i][j] + half[j][i] for j in range(d)] for i in range(d)]
    return Quadratic.of(A, [draw(eighths(-2, 2)) for _ in range(d)], draw(eighths(-2, 2)))


def nodal_runs() -> st.SearchStrategy[tuple[Nodal, str | float, float]]:
    """(toy, lift, tolerance) with small schemes: near zeros the plain mode goes deep in the plane and in space."""
    lifted = st.sampled_from(["auto", -5, 4.25])
    anyhow = st.one_of(lifted, st.just("none"))
    return st.one_of(
        st.tuples(nodal_toys(dims=(1,)), anyhow, st.sampled_from([0.5, 1 / 16, 0.01])),
        st.tuples(nodal_toys(dims=(2,)), anyhow, st.just(0.5)),
        st.tuples(nodal_toys(dims=(2,)), lifted, st.just(1 / 16)),
        st.tuples(nodal_toys(dims=(3,)), lifted, st.just(0.5)),
    )


HOW = [(granularity, gadget) for granularity in ("unit", "block") for gadget in ("wide", "narrow")]


BOXES = {
    1: [Box.of([0, 1]), Box.of([-1, 3]), Box.of(["1/3", "1/2"])],
    2: [Box.of([0, 1, 0, 1]), Box.of([10, 12, "-1/7", 4])],
    3: [Box.of([0, 1] * 3)],
}


def toy_on(box: Box) -> Toy:
    if box.dim == 1:
        return Nodal(2, tuple(Fraction(k) for k in (1, -1, 2, 0, 1)), box)
    d = box.dim
    return Quadratic.of([[int(a == b) for a in range(d)] for b in range(d)], [1] * d, 0, box)


def in_box(scheme: Scheme, t: list[Fraction]) -> list[Fraction]:
    box = scheme.target.box
    return [lo + (hi - lo) * s for lo, hi, s in zip(box.lower, box.upper, t, strict=True)]


@st.composite
def schemes(draw: st.DrawFn, dims: tuple[int, ...] = (1, 2, 3), finest: int = 6) -> Scheme:
    """Any atoms in rising order of level, balanced or not, empty grades among them, coefficients of any sign."""
    d = draw(st.sampled_from(dims))
    toy = toy_on(draw(st.sampled_from(BOXES[d])))
    dyadic = st.builds(math.ldexp, st.integers(-(2**12), 2**12), st.integers(-30, 4))
    coefficient = dyadic | st.floats(-(2.0**40), 2.0**40, allow_nan=False).filter(lambda c: abs(c) >= SMALLEST)
    parts = []
    for level in sorted(draw(st.lists(st.integers(0, finest), max_size=4))):
        index = st.integers(0, 1 << level)
        nodes = draw(st.lists(st.tuples(*[index] * d), max_size=6, unique=True))
        values = [draw(coefficient) or 0.5 for _ in nodes]
        parts.append(Atoms(level, np.array(nodes, dtype=np.int64).reshape(-1, d), np.array(values)))
    return Scheme.of(toy, draw(st.sampled_from([0.0, -1.25, 2.0**-40])), parts, 0.5)


def balanced(d: int, tol: float = 0.1) -> Scheme:
    texts = {1: "sin(7*x)*exp(-x)", 2: "sin(4*x)*cos(3*y) + x", 3: "x*y*z - z**2"}
    return mg.construct(mg.target(texts[d]), tol=tol)


def unit(scheme: Scheme, x: tuple[Fraction, ...]) -> list[Fraction]:
    box = scheme.target.box
    return [(v - lo) / (hi - lo) for v, lo, hi in zip(x, box.lower, box.upper, strict=True)]


def check_witness(report: Report, result: Result) -> None:
    """The numbers of a refutation, confirmed in rational arithmetic."""
    scheme, witness = report.scheme, result.witness
    assert result.verdict is Verdict.REFUTED
    assert witness is not None
    e = residuals(scheme, scheme.target.at, unit(scheme, witness.x))
    k = witness.grade
    if result.claim == "sup-norm":
        assert abs(e[-1]) > Fraction(report.tol)
        assert Fraction(witness.after[0]) <= e[-1] <= Fraction(witness.after[1])
        return
    before, after = e[k - 1], e[k]
    assert Fraction(witness.before[0]) <= before <= Fraction(witness.before[1])
    assert Fraction(witness.after[0]) <= after <= Fraction(witness.after[1])
    g = before - after
    if result.claim == "balanced":
        assert g * after < 0
    elif result.claim == "nonincreasing":
        assert abs(after) > abs(before)
    else:
        assert result.claim == "grid"


def verdicts(report: Report) -> dict[str, Verdict]:
    return {r.claim: r.verdict for r in report.results}
