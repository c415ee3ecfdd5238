"""Continuous uses of floor, mod, sign and their like: what is accepted is the same function, what is refused jumps."""

from __future__ import annotations

import contextlib
import io
import math
import operator
import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mgdl_theory as mg
from mgdl_theory.certificate import check
from mgdl_theory.errors import ExpressionError, TargetError
from mgdl_theory.targets.base import Box
from mgdl_theory.targets.formula.graph import Program
from mgdl_theory.targets.formula.jumps import JUMPING, MAX_CUTS, MAX_PIECES, without_jumps
from mgdl_theory.targets.formula.parser import parse

EXACT: dict[str, Callable[..., Any]] = {
    "neg": operator.neg, "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "powi": operator.pow, "abs": abs, "min": min, "max": max, "floor": lambda x: Fraction(math.floor(x)),
    "sign": lambda x: Fraction((x > 0) - (x < 0)), "where": lambda c, a, b: a if c < 0 else b,
}  # fmt: skip


def value(program: Program, *point: Fraction) -> Fraction:
    """The value of a rational formula, by arithmetic of Fractions that knows floor."""
    values: list[Fraction] = []
    for node in program.nodes:
        if node.op == "var":
            values.append(point[int(node.value or 0)])
        elif node.op == "const":
            values.append(Fraction(node.value or 0))
        else:
            more = [] if node.value is None else [node.value]
            values.append(Fraction(EXACT[node.op](*(values[a] for a in node.args), *more)))
    return values[-1]


rationals = st.builds(Fraction, st.integers(-6, 6), st.integers(1, 4))


SIGNS = ("<", "<=", ">", ">=")


def combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    number = rationals.map(lambda q: f"({q})")
    return st.one_of(
        st.builds("({} + {})".format, inner, inner),
        st.builds("({} - {})".format, inner, inner),
        st.builds("({}*{})".format, number, inner),
        st.builds("({}*{})".format, inner, inner),
        st.builds("max({}, {})".format, inner, inner),
        st.builds("min({}, {})".format, inner, number),
        *(st.builds((name + "({})").format, inner) for name in ("abs", "floor", "ceil", "round", "frac", "sign")),
        *(st.builds(("where({} " + sign + " {}, {}, {})").format, inner, inner, inner, inner) for sign in SIGNS),
        st.builds("piecewise({} < {}, {}, {} <= {}, {}, {})".format, *[inner] * 7),
        st.builds("mod({}, {})".format, inner, st.sampled_from(["2", "1/2", "3"])),
        st.builds("fmod({}, {})".format, inner, st.sampled_from(["2", "1/2", "-3"])),
    )


formulas = st.recursive(st.one_of(st.just("x"), rationals.map(lambda q: f"({q})")), combined, max_leaves=6)


@given(st.builds(Fraction, st.integers(-40, 40), st.integers(1, 8)))
def test_functions_that_jump_have_the_meaning_that_python_and_numpy_give_them(q: Fraction) -> None:
    x = np.float64(q)  # the quotients below are exact or far from an integer
    truth = {"floor": math.floor(q), "ceil": math.ceil(q), "ceiling": math.ceil(q), "trunc": math.trunc(q),
             "fix": math.trunc(q), "frac": q - math.floor(q), "sign": np.sign(x), "sgn": np.sign(x)}  # fmt: skip
    for name, expected in truth.items():
        assert value(parse(f"{name}(x)", jumps=True), q) == expected
    for m in (Fraction(2), Fraction(-3), Fraction(3, 4)):
        assert value(parse(f"mod(x, {m})", jumps=True), q) == q % m
        assert value(parse(f"fmod(x, {m})", jumps=True), q) == q - m * math.trunc(q / m)
        assert abs(float(q - m * math.trunc(q / m)) - math.fmod(q, m)) < 1e-12 or q.denominator & (q.denominator - 1)
    if (
        2 * q
    ).denominator != 1 or q.denominator == 1:  # halves are a matter of convention, and of no continuous function
        assert value(parse("round(x)", jumps=True), q) == round(q)


@given(formulas, st.lists(st.builds(Fraction, st.integers(0, 240), st.just(120)), min_size=8, max_size=8))
def test_what_is_accepted_is_the_same_function_and_what_is_refused_jumps(text: str, points: list[Fraction]) -> None:
    program = parse(text, ["x"], jumps=True)
    try:
        new, _ = without_jumps(program, Box.of([0, 2]))
    except TargetError as refusal:
        message = str(refusal)
        found = re.search(r"jumps at x = ([-/0-9]+):", message)
        if found is None:
            assert "piecewise linear" in message or "pieces" in message
            return
        at, tiny = Fraction(found[1]), Fraction(1, 10**12)
        near = [value(program, t) for t in (at - tiny, at, at + tiny) if 0 <= t <= 2]
        assert max(near) - min(near) > Fraction(1, 10**6)  # an exact refusal: all of it is rational
        return
    assert not any(node.op in JUMPING for node in new.nodes)
    knots = [Fraction(k, 12) for k in range(25)]
    for t in [*points, *knots, *(t + Fraction(1, 10**9) for t in knots[:-1])]:
        assert value(new, t) == value(program, t)


PROVED = [
    ("abs(mod(x, 2) - 1)", [0, 6], lambda x: abs(x - 2 * mpmath.floor(x / 2) - 1)),
    ("abs(frac(3*x) - 0.5)", [0, 1], lambda x: abs(3 * x - mpmath.floor(3 * x) - mpmath.mpf(1) / 2)),
    ("frac(x)*(1 - frac(x))", [0, 3], lambda x: (x - mpmath.floor(x)) * (1 - x + mpmath.floor(x))),
    ("floor(x) + frac(x)**2", [0, "5/2"], lambda x: mpmath.floor(x) + (x - mpmath.floor(x)) ** 2),
    ("sin(pi*x)*floor(x)", [0, "7/2"], lambda x: mpmath.sinpi(x) * mpmath.floor(x)),
    ("sign(x)*x**2", [-1, 1], lambda x: mpmath.sign(x) * x**2),
    ("sign(x)*(exp(x) - 1)", [-1, 1], lambda x: mpmath.sign(x) * mpmath.expm1(x)),
    ("floor(2*x)", ["1/8", "3/8"], lambda x: mpmath.mpf(0)),
    ("where(x < 1, x, 2 - x)", [0, 2], lambda x: min(x, 2 - x)),
    ("np.where(x <= 0, 0, sqrt(x))", [-1, 1], lambda x: mpmath.sqrt(max(x, mpmath.mpf(0)))),
    ("where(x < 1, exp(x), e*x)", [0, 2], lambda x: mpmath.exp(x) if x < 1 else mpmath.e * x),
    ("where(x > 5, 1/x, exp(-x))", [0, 1], lambda x: mpmath.exp(-x)),
    ("piecewise(x < 0, -x, x < 1, x**2, 2*x - 1)", [-1, 2], lambda x: -x if x < 0 else x**2 if x < 1 else 2 * x - 1),
    ("ceil(x) - round(x) + floor(x)", ["1/4", "3/8"], lambda x: mpmath.mpf(1)),
]


@pytest.mark.parametrize(("text", "domain", "oracle"), PROVED)
def test_continuous_uses_are_proved_and_agree_with_mpmath(text: str, domain: list[Any], oracle: Any) -> None:
    f = mg.target(text, domain)
    assert any("cancel" in note for note in f.notes)
    scheme = mg.construct(f, 2e-2)
    assert mg.verify(scheme).verdict is mg.Verdict.PROVED
    low, high = f.box.lower[0], f.box.upper[0]
    for k in range(1, 60):
        x = low + (high - low) * Fraction(k, 61)
        exact = oracle(mpmath.mpf(x.numerator) / x.denominator)
        assert abs(float(f(np.array([float(x)]))[0]) - float(exact)) < 1e-12
        assert abs(float(scheme(np.array([float(x)]))[0]) - float(exact)) <= 2e-2 + 1e-12


@pytest.mark.parametrize(
    ("text", "domain", "said"),
    [
        ("floor(3*x)", [0, 1], "jumps at x = 1/3: the limits from the sides and the value there are 0, 1, 1"),
        ("abs(floor(3*x))", [0, 1], "jumps at x = 1/3"),
        ("sign(x)*exp(x)", [-1, 1], "the value there are -1, 0, 1"),
        ("floor(x)", [0, 1], "jumps at x = 1"),
        ("sign(x)*y", [-1, 1], "jumps at x = 0"),
        ("floor(x**2)", [0, 2], "is not piecewise linear in one variable with rational numbers"),
        ("floor(pi*x)", [0, 1], "substitute x = t/pi"),
        ("where(x < 1, x, 3 - x)", [0, 2], "where(x - 1 < 0, x, 3 - x) jumps at x = 1"),
        ("where(x <= 1, x, 3 - x)", [0, 2], "the sides and the value there are 1, 1, 2"),
        ("where(x < 0, 0, exp(-1/x))", [-1, 1], "each piece has to be defined at both of its ends (expdiv(1, x)"),
        ("where(x**2 < 1, x, 1)", [0, 2], "is not piecewise linear in one variable with rational numbers"),
        ("floor(x + y)", [0, 1], "is not piecewise linear in one variable"),
        ("floor(1000*x) + frac(1000*x)**2", [0, 1], "pieces"),
        ("abs(mod(x, 2) - 1)*(1/x)", [0, 1], "the denominator is 0"),
    ],
)  # fmt: skip
def test_a_jump_on_the_box_is_refused_with_its_place_and_values(text: str, domain: list[Any], said: str) -> None:
    with pytest.raises(TargetError, match=re.escape(said)):
        mg.target(text, domain)


def test_a_jump_on_a_plane_depends_on_no_other_variable() -> None:
    f = mg.target("floor(x)*sin(y) + frac(x)**2*sin(y)", [0, "3/2", 0, 1])
    assert mg.verify(mg.construct(f, 0.05)).verdict is mg.Verdict.PROVED
    points = np.random.default_rng(1).uniform([0, 0], [1.5, 1], (200, 2))
    x, y = points.T
    assert np.allclose(f(points), (np.floor(x) + (x - np.floor(x)) ** 2) * np.sin(y), atol=1e-12)


def test_many_jumps_are_linear_pieces_and_too_many_are_refused() -> None:
    f = mg.target("abs(20*x - 2*floor((20*x + 1)/2))")
    assert f.notes == ("the jumps of floor and sign cancel: 20 pieces in their place",)
    assert mg.verify(mg.construct(f, 0.05)).verdict is mg.Verdict.PROVED
    for text in (f"abs(mod({2 * MAX_PIECES}*x, 2) - 1)", f"floor({2 * MAX_CUTS}*x) + frac({2 * MAX_CUTS}*x)**2"):
        with pytest.raises(TargetError, match=r"smaller (domain|one)"):
            mg.target(text)


@pytest.mark.parametrize("text", ["abs(mod(x, 2) - 1)", "floor(x) + frac(x)**2"])
def test_the_checker_verifies_the_formula_without_jumps(text: str, tmp_path: Path) -> None:
    report = mg.verify(mg.construct(mg.target(text, [0, "5/2"]), 0.02))
    path = report.certificate().save(tmp_path / "c.json")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert check.main([str(path)]) == 0
    assert out.getvalue().splitlines()[-1].startswith("VERIFIED")
    assert "floor" not in report.certificate().data["target"]["expression"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x < 1", "the character '<' is not in the language, at position 3"),
        ("max(x > 1, 2)", "the character '>' is not in the language, at position 7"),
        ("where(x, 1, 2)", "where takes comparisons and pieces in turn, and a last piece, at position 1"),
        ("where(x < 1, 1)", "write where(x < 1, x, 2 - x)"),
        ("where(x < 1 < 2, 1, 2)", "the character '<' is not in the language, at position 13"),
        ("where(1, x < 1, 2)", "where takes comparisons and pieces in turn"),
        ("where(x < 0, 1, x < 1, 2, 3)", "where takes one comparison, at position 1; write piecewise for several"),
        ("piecewise(x < 0, 1, 2, x)", "write piecewise(x < 0, -x, x < 1, x, 2 - x)"),
        ("where((x < 1), 1, 2)", "the character '<' is not in the language"),
        ("where", "where is a function, at position 1"),
        ("x <", "the character '<' is not in the language"),
    ],
)
def test_a_comparison_stands_in_a_choice_only(text: str, said: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(said)):
        mg.target(text, [0, 1])


def test_components_of_a_vector_have_no_choices() -> None:
    with pytest.raises(ExpressionError, match="where at position 1: it is not continuous"):
        mg.target(["where(x < 1, x, 2 - x)", "x"], [0, 1])
