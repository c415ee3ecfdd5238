"""How formulas and the ends of domains may be written: what is read is the same program, or a refusal says why."""

from __future__ import annotations

import random
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import expressions

import mgdl_theory as mg
from mgdl_theory.cli import main
from mgdl_theory.targets.formula.ends import read_end, substituted
from mgdl_theory.targets.formula.parser import DERIVED, parse

SAME = {
    "x^2 - 2^-x": "x**2 - 2**(-x)",
    "π*x": "pi*x",
    "x² + 3x⁻¹⁰".replace("3x", "3*x"): "x**2 + 3*x**-10",
    "np.sin(x) + math.pi - numpy.exp(-x)": "sin(x) + pi - exp(-x)",
    "ln(x + 1)": "log(x + 1)",
    "2×x·y∗z": "2*x*y*z",
    "x÷2 − 1 – x": "x/2 - 1 - x",
    "relu(x) - clip(x, 0, 1/2)": "max(x, 0) - min(max(x, 0), 1/2)",
    "log2(x + 1) + log10(x + 1)": "log(x + 1)/log(2) + log(x + 1)/log(10)",
    "sec(x) + csc(x + 1) + cot(x + 1)": "1/cos(x) + 1/sin(x + 1) + cos(x + 1)/sin(x + 1)",
    "silu(x) + sigmoid(2*x)": "x*sigmoid(x) + sigmoid(2*x)",
    "pow(x + 1, 3) + square(x) + exp2(x) + fabs(x)": "(x + 1)**3 + x**2 + 2**x + abs(x)",
}


@pytest.mark.parametrize("text", SAME)
def test_other_ways_to_write_a_formula_leave_no_trace(text: str) -> None:
    assert parse(text) == parse(SAME[text])
    assert parse(parse(text).text) == parse(text), "the canonical form is in the language of the checker"


@given(expressions(3), st.randoms(use_true_random=False))
def test_a_formula_in_other_signs_is_the_same_program(text: str, chance: random.Random) -> None:
    signs = [
        (r"\*\*", "^"),
        (r"(?<!\*)\*(?!\*)", "×"),
        ("/", "÷"),
        ("(?<!e)-", "−"),
        ("pi", "π"),
        (r"exp\(", "np.exp("),
    ]
    other = text
    for plain, sign in chance.sample(signs, 4):
        other = re.sub(plain, sign, other)
    assert parse(other, dim=3) == parse(text, dim=3)


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["z", "w", "t", "theta", "θ", "s", "time", "x3", "X", "r_1"])
def test_a_formula_with_one_name_is_a_function_of_one_variable(name: str) -> None:
    f = mg.target(f"sin(3*{name}) + {name}**2", tol=None)
    assert f.dim == 1
    assert str(f.box) == "[0, 1]"
    assert abs(float(f([0.3])[0]) - float(mpmath.sin(0.9) + 0.09)) < 1e-12
    assert parse(f"{name}**2").variables[0] in ("x", "z", "w", "x3")


def test_several_names_and_several_sides_keep_their_order() -> None:
    assert mg.target("x + z").dim == 3
    assert mg.target("z", [0, 1, 0, 1, 0, 1]).dim == 3
    assert mg.target("y", [0, 1, 0, 2])([[0.25, 1.5]]).tolist() == [1.5]
    assert mg.target(["x", "y"]).dim == 2, "components have their variables in common"
    f = mg.target("t*s + s", [[0, 1], [0, 2]], variables=["t", "s"])
    assert (f.dim, str(f.box), f([[0.5, 2.0]]).tolist()) == (2, "[0, 1] x [0, 2]", [3.0])
    assert parse("s - t", ["t", "s"]).text == "y - x"
    with pytest.raises(mg.ExpressionError, match="variable number 3"):
        mg.target("z", [0, 1, 0, 1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sinx", "did you mean sin"),
        ("sine", "did you mean sin"),
        ("expx**2", "did you mean exp"),
        ("t*s", "unknown name 't'"),
        ("f(x)", "unknown name 'f'"),
        ("t(1)", "unknown name 't'"),
        ("inf", "not a real number"),
        ("lambda", "mathematics"),
        ("__import__", "unknown name"),
        ("floor", "write its argument in parentheses: floor(x)"),
        ("sin x", "write its argument in parentheses: sin(x)"),
        ("2x", "write 2*x for a product"),
        ("|x|", "write abs(x)"),
        ("clip(x, 0)", "takes 3 arguments"),
        ("x²²x", "operator is missing"),
        ("np.linalg", None),
        ("x.real", "not in the language"),
        ("os.system", "not in the language"),
    ],
)
def test_what_is_rather_something_else_is_refused(text: str, said: str | None) -> None:
    if said is None:
        assert parse(text).text == "x"  # np. and a name: nothing is ever looked up
        return
    with pytest.raises(mg.ExpressionError, match=re.escape(said)):
        mg.target(text)


def test_the_normal_distribution_has_many_names_and_leaves_them_to_variables() -> None:
    assert {parse(f"{name}(x)").text for name in ("ncdf", "Phi", "normcdf", "norm_cdf", "ndtr")} == {"ncdf(x)"}
    assert parse("phi(x)") == parse("npdf(x)") == parse("normpdf(x)")
    assert parse("sin(phi)").text == "sin(x)"
    assert parse("Phi(Phi)").text == "ncdf(x)"


def test_sinc_is_the_plain_one_but_that_of_numpy_is_normalized() -> None:
    assert parse("sinc(x)").text == parse("sympy.sinc(x)").text == "sinc(x)"
    assert parse("np.sinc(x)").text == parse("numpy.sinc(x)").text == "sinc(pi*x)"


@pytest.mark.parametrize("name", DERIVED)
def test_functions_that_are_short_for_others_have_their_values(name: str) -> None:
    known: dict[str, Any] = {
        "relu": lambda x: max(x, 0),
        "clip": lambda x, a, b: min(max(x, a), b),
        "square": lambda x: x * x,
        "pow": lambda x, n: x**n,
        "power": lambda x, n: x**n,
        "exp2": lambda x: mpmath.mpf(2) ** x,
        "log2": lambda x: mpmath.log(x, 2),
        "log10": mpmath.log10,
        "sec": mpmath.sec,
        "csc": mpmath.csc,
        "cot": mpmath.cot,
        "silu": lambda x: x / (1 + mpmath.exp(-x)),
        "gelu": lambda x: x * mpmath.ncdf(x),
        "mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
        "npdf": mpmath.npdf,
        "sincpi": mpmath.sincpi,
        "acosh": mpmath.acosh,
        "atanh": mpmath.atanh,
    }
    more = {"clip": ", 1/4, 3/4", "pow": ", 3", "power": ", 3"}.get(name, "")
    start = 1 if name == "acosh" else 0
    f = mg.target(f"{name}(x{more})", [start + Fraction(1, 8), start + Fraction(7, 8)])
    for x in (start + Fraction(1, 8), start + Fraction(1, 3), start + Fraction(7, 8)):
        with mpmath.workdps(30):
            arguments = [mpmath.mpf(Fraction(v).numerator) / Fraction(v).denominator for v in more.split(",")[1:]]
            truth = known[name](mpmath.mpf(x.numerator) / x.denominator, *arguments)
            assert mpmath.almosteq(f.mp([x], 30), truth, 1e-25)


# -- ends ------------------------------------------------------------------------------------------

CONSTANTS = ["pi", "e", "sqrt(2)", "log(3)", "pi**2", "exp(1/3)", "-pi", "pi + 1", "-sqrt(3)"]


@given(
    st.sampled_from(["sin(x)", "exp(-x)*x", "x**3 - x", "atan(2*x)"]),
    st.sampled_from(CONSTANTS),
    st.sampled_from(CONSTANTS),
    st.fractions(-3, 3, max_denominator=7),
    st.fractions(-3, 3, max_denominator=7),
    st.fractions(0, 1),
)
def test_a_formula_on_irrational_ends_is_the_same_function(
    text: str, c: str, d: str, p: Fraction, q: Fraction, t: Fraction
) -> None:
    ends = [f"({p})*({c})", f"({q})*({d})"]
    with mpmath.workdps(60):
        low, high = (parse(end).evaluate(_mp(), [mpmath.mpf(0)]) for end in ends)
        given = [read_end(end) for end in ends]
        if all(isinstance(end, Fraction) for end in given):
            return
        if not low < high:
            with pytest.raises(mg.DomainError, match="is not shown to be below"):
                substituted(parse(text), given)
            return
        program, box, said = substituted(parse(text), given)
        assert said.startswith(f"{parse(text).text} for x from ")
        place = box.lower[0] + (box.upper[0] - box.lower[0]) * t
        x = low + (high - low) * mpmath.mpf(t.numerator) / t.denominator
        got = program.evaluate(_mp(), [mpmath.mpf(place.numerator) / place.denominator])
        assert mpmath.almosteq(got, parse(text).evaluate(_mp(), [x]), 1e-45, 1e-45)


def _mp() -> Any:
    from mgdl_theory.targets.formula.evaluators import MpAlgebra

    return MpAlgebra(60)


@pytest.mark.parametrize(
    ("ends", "shown"),
    [
        (["0", "2^10"], "[0, 1024]"),
        (["1e15+1", "1e15+2"], "[1000000000000001, 1000000000000002]"),
        (["0", "0.1"], "[0, 0.1]"),
        ([[0, 1]], "[0, 1]"),
        (["-pi/2", "3*pi/2"], "[-1/2, 3/2]"),
        (["-π", "2π".replace("2π", "2*π")], "[-1, 2]"),
        (["sqrt(2)", "2"], "[0, 1]"),
        ([0, "e"], "[0, 1]"),
        (["-e", 0], "[-1, 0]"),
        (["1/3+1/6", "1"], "[1/2, 1]"),
    ],
)
def test_ends_are_numbers_or_formulas_without_variables(ends: list[Any], shown: str) -> None:
    assert str(mg.target("x", ends).box) == shown


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ([0, "inf"], "the theorem is about bounded ones"),
        (["-oo", 0], "bounded"),
        (["foo", 1], "it has a variable"),
        (["pi", 3], "pi is not shown to be below 3"),
        (["sqrt(4)", "2"], "not shown to be below"),
        ([0, "1/0"], "is not a number"),
        ([0, "open('x')"], "is not a number"),
        (["pi", "pi"], "not shown to be below"),
        ([0, "sqrt(-1)"], "not shown to be below"),
        ([0, "pi", 0], "need 2 ends"),
    ],
)
def test_ends_that_are_none_are_refused_with_the_reason(ends: list[Any], said: str) -> None:
    with pytest.raises((mg.DomainError, mg.ExpressionError), match=re.escape(said)):
        mg.target("x", ends)


def test_an_irrational_end_needs_a_formula() -> None:
    for source in (abs, [0.0, 1.0, 0.0], ["x", "x**2"]):
        with pytest.raises(mg.DomainError, match="pi is irrational"):
            mg.target(source, [0, "pi"])


# -- on the command line ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        (["18.2*z+4.2*min(60.3,z)**2-18.2*min(45.3,z)", "--domain", "0", "120", "--tol", "10"], ""),
        (["cos(x)", "--domain", "-pi/2", "3*pi/2", "--tol", "1e-2"], "taken as cos(pi*x) for x from -1/2 to 3/2"),
        (["sin(t)*exp(-t)", "--domain", "0", "2^2", "--tol", "1e-2"], "files and tables call t x"),
        (
            ["s*t", "--variables", "t, s", "--domain", "0", "pi", "--tol", "0.2"],
            "for x from 0 to pi and y from 0 to pi",
        ),
    ],
)
def test_what_was_taken_is_said_and_proved_and_checked(
    arguments: list[str], note: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "c.json")
    assert main(["verify", *arguments, "--quiet", "--certificate", path]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("PROVED: ")
    assert note in err
    assert main(["check", path]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("VERIFIED: ")


def test_variables_belong_to_formulas(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "@runge", "--variables", "x"]) == 2
    assert "--variables: it belongs to a formula" in capsys.readouterr().err
    assert main(["verify", "t", "--variables", "x,,y"]) == 2
    assert "variables: expected distinct names" in capsys.readouterr().err
