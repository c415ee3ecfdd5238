"""sympy expressions become formulas with the same values, and formulas sympy expressions; or they are refused."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import pytest
import sympy
from hypothesis import given, settings

import mgdl_theory as mg
from mgdl_theory.errors import ExpressionError, OptionError, TargetError
from mgdl_theory.targets.formula.evaluators import MpAlgebra
from mgdl_theory.targets.formula.parser import parse
from mgdl_theory.targets.formula.symbolic import formula_of, sympy_of
from tests.strategies import expressions

ROOT = Path(__file__).resolve().parents[1]
t, s = sympy.symbols("t s", real=True)


def value(text: str, names: tuple[str, ...], point: tuple[Fraction, ...]) -> Any:
    algebra = MpAlgebra(40)
    return parse(text, names).evaluate(algebra, [algebra.const(v) for v in point])


def agree(expression: Any, points: list[Fraction]) -> None:
    """The formula of an expression in t has its values, by sympy's own evaluation."""
    text, names = formula_of(expression)
    with mpmath.workdps(40):
        for point in points:
            true = sympy.N(expression.subs(t, sympy.Rational(point.numerator, point.denominator)), 40)
            assert abs(value(text, names, (point,)) - mpmath.mpf(str(true))) < mpmath.mpf(10) ** -30


POINTS = [Fraction(k, 7) for k in range(1, 15)]


@pytest.mark.parametrize(
    "expression",
    [
        sympy.sin(10 * t) * sympy.exp(-t),
        t**3 - sympy.Rational(2, 3) * t + sympy.Rational(1, 10),
        sympy.sqrt(t) + t ** sympy.Rational(3, 2) + t**sympy.pi,
        sympy.Abs(t - 1) + sympy.Max(t, 1 - t, sympy.Rational(1, 2)) - sympy.Min(t, 1),
        sympy.sec(t / 4) + sympy.csc(t) + sympy.cot(t) + sympy.tanh(t) + sympy.sech(t) + sympy.coth(t) + sympy.csch(t),
        sympy.asinh(t)
        + sympy.acosh(t + 1)
        + sympy.atanh(t / 3)
        + sympy.atan(t)
        + sympy.asin(t / 3)
        + sympy.acos(t / 3),
        sympy.erf(t) + sympy.erfc(t) + sympy.gamma(1 + t) + sympy.loggamma(1 + t) + sympy.sinc(t) + sympy.LambertW(t),
        sympy.besselj(0, t) + sympy.besselj(1, t) + sympy.atan2(t, 1 + t),
        sympy.log(1 + t) / (2 + sympy.cos(sympy.pi * t)) + sympy.E,
        sympy.exp(-sympy.exp(t)).diff(t),
    ],
)
def test_a_formula_has_the_values_of_its_expression(expression: Any) -> None:
    agree(expression, POINTS)


@pytest.mark.parametrize(
    "expression",
    [
        sympy.Piecewise((t, t < 1), (t**2, True)),
        sympy.Piecewise((sympy.sin(t), t <= sympy.pi / 2), (1, True)),
        sympy.Piecewise((1, t > 1), (t, t > sympy.Rational(1, 2)), (sympy.Rational(1, 2), True)),
        sympy.Piecewise((0, (t < 1) | (t > 2)), ((t - 1) * (2 - t), True)),
        1 + sympy.Piecewise((t, t < 1), (2 - t, True)) ** 2,
        sympy.Piecewise((t, sympy.Ne(t, 1)), (1, True)),
        sympy.Piecewise((sympy.sqrt(1 - t), t < 1), (sympy.sqrt(t - 1), True)),
        sympy.Piecewise((sympy.Piecewise((2 * t, t < 1), (2, True)), t < 2), (t, True)),
    ],
)
def test_pieces_that_meet_are_one_continuous_formula(expression: Any) -> None:
    agree(expression, [*POINTS, Fraction(-1), Fraction(1), Fraction(2), Fraction(3)])


def test_pieces_of_two_variables_meet_along_a_line() -> None:
    text, names = formula_of(sympy.Piecewise((s * t, t < 1), (s * (2 - t), True)))
    for a in POINTS:
        for b in POINTS:
            assert abs(value(text, names, (a, b)) - float(a * min(b, 2 - b))) < 1e-12


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        (sympy.Piecewise((0, t < 1), (1, True)), r"not shown to meet at \w+ = 1: their difference there is -1"),
        (sympy.Piecewise((t, t < s), (s, True)), "conditions on one variable"),
        (sympy.Piecewise((t, t < 1)), "do not cover the line"),
        (sympy.Piecewise((t, sympy.Ne(t, 1)), (5, True)), r"not shown to meet at \w+ = 1: their difference there is 4"),
        (sympy.floor(t), "floor is not in the language"),
        (sympy.sign(t), "sign is not in the language"),
        (sympy.zeta(t), "zeta is not in the language"),
        (sympy.LambertW(t, -1), "LambertW is not in the language"),
        (sympy.besselj(2, t), "besselj is not in the language"),
        (sympy.Function("f")(t), "f is not in the language"),
        (t + sympy.I, "ImaginaryUnit is not in the language"),
        (t + sympy.oo, "Infinity is not in the language"),
        (sympy.Integral(sympy.exp(t * s), (s, 0, 1)), "Integral is not in the language"),
        (sympy.Eq(t, 1), "expected a sympy expression"),
    ],
)
def test_what_is_no_continuous_formula_is_refused_with_the_piece(expression: Any, reason: str) -> None:
    with pytest.raises(ExpressionError, match=reason):
        formula_of(expression)


def test_floats_are_the_binary_numbers_that_they_are() -> None:
    assert formula_of(t + sympy.Float(0.1))[0] == "x + 3602879701896397/36028797018963968"


def test_names_of_the_language_are_kept_and_others_take_its_letters_in_order() -> None:
    assert formula_of(sympy.Symbol("z") ** 2)[1] == ("z",)
    assert formula_of(s - t) == ("x - y", ("x", "y"))
    assert formula_of(s - t, [t, s]) == ("y - x", ("x", "y")) or formula_of(s - t, [t, s])[0] == "-x + y"
    assert formula_of(sympy.Integer(3)) == ("3", ("x",))
    with pytest.raises(ExpressionError, match="has the variable s"):
        formula_of(s - t, [t])


@settings(max_examples=25)
@given(text=expressions(2, functions=("exp", "sin", "cos", "atan", "abs"), max_operations=6))
def test_a_program_comes_back_from_sympy_with_the_same_values(text: str) -> None:
    program = parse(text, dim=2)
    try:
        again, names = formula_of(sympy_of(program), ["x", "y"])
    except ExpressionError:
        return  # sympy made something else of it, such as a complex number
    assert names == ("x", "y")
    with mpmath.workdps(30):
        for point in ((Fraction(1, 3), Fraction(2, 5)), (Fraction(5, 4), Fraction(7, 3))):
            try:
                before = value(program.text, names, point)
                after = value(again, names, point)
            except (ValueError, ZeroDivisionError, OverflowError, TypeError):
                continue
            if mpmath.isfinite(before):
                assert abs(before - after) <= mpmath.mpf(10) ** -20 * (1 + abs(before))


def test_a_sympy_expression_is_a_target_and_comes_back() -> None:
    z = sympy.Symbol("z")
    f = mg.target(sympy.Piecewise((z, z < 1), (z**2, True)), [0, 2])
    assert f.text == "min(z, 1) + max(z, 1)**2 - 1"
    report = mg.verify(mg.construct(f, "1e-2"))
    assert report.verdict is mg.Verdict.PROVED
    back = f.sympy()  # type: ignore[attr-defined]
    assert [back.subs(sympy.Symbol("z", real=True), v) for v in (0, 1, 2)] == [0, 1, 4]
    assert report.certificate().data["target"]["expression"] == "min(z, 1) + max(z, 1)**2 - 1"


def test_other_names_are_said_and_kept_in_order() -> None:
    f = mg.target(sympy.exp(-t) * s, variables=[t, s])
    assert (f.text, f.dim) == ("y*exp(-x)", 2)
    assert f.notes == ("x stands for t", "y stands for s")  # type: ignore[attr-defined]


def test_components_of_a_vector_share_their_variables() -> None:
    f = mg.target([sympy.cos(t), s * t], [0, 1])
    assert (f.text, f.dim) == ("cos(y); x*y", 2)
    assert mg.target(["x", sympy.Symbol("y") ** 2]).text == "x; y**2"


def test_options_of_other_kinds_and_poles_are_refused() -> None:
    with pytest.raises(OptionError, match="lipschitz: it belongs to a Python function; a sympy expression takes none"):
        mg.target(sympy.sin(t), lipschitz=1)
    with pytest.raises(TargetError, match="undefined at x = 0"):
        mg.target(1 / t)


def test_sympy_is_not_imported_where_no_expression_is_given() -> None:
    code = "import sys, mgdl_theory as mg; mg.target('x'); mg.target([1.0, 2.0]); print('sympy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False\n"
