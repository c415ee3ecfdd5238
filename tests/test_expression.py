"""The language of formulas: what is read, how exactly, and what is refused in which words."""

from __future__ import annotations

import ast
import operator
import re
import time
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgdl_theory.errors import ExpressionError
from mgdl_theory.targets.formula.evaluators import FloatAlgebra, MpAlgebra
from mgdl_theory.targets.formula.graph import FUNCTIONS, PAIRS, Program
from mgdl_theory.targets.formula.parser import ALIASES, DERIVED, MAX_CHARS, MAX_DEPTH, MAX_DIGITS, MAX_VARIABLES, parse
from mgdl_theory.targets.formula.simplifier import MAX_BITS, MAX_EXPONENT, MAX_NODES, Builder
from mgdl_theory.targets.formula.symbolic import SympyAlgebra
from tests.strategies import expressions, names, rationals

X = Fraction(3, 8)


def at(text: str, *point: Any) -> float:
    program = parse(text)
    with np.errstate(all="ignore"):
        return float(program.evaluate(FloatAlgebra(), [np.float64(x) for x in point][: program.dim]))


# -- what is read ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("0.1", Fraction(1, 10)),
        ("1e-3", Fraction(1, 1000)),
        (".5", Fraction(1, 2)),
        ("5.", Fraction(5)),
        ("1.25E2", Fraction(125)),
        ("1e+2", Fraction(100)),
        ("007", Fraction(7)),
        ("0.1000000000000000055511151231257827", Fraction(1000000000000000055511151231257827, 10**34)),
        ("12345678901234567891/3", Fraction(12345678901234567891, 3)),
        ("-1/3", Fraction(-1, 3)),
        ("1e300/1e299", Fraction(10)),
        ("2**-3", Fraction(1, 8)),
        ("(1/3)**(-2)", Fraction(9)),
        ("2**3**2", Fraction(512)),
        ("(-1)**9", Fraction(-1)),
        ("0**0", Fraction(1)),
        ("(-1)**(2**900+1)", Fraction(-1)),
        ("abs(-1/7) + min(1, 2, 1/2) - max(0, -1)", Fraction(9, 14)),
        ("0.1 + 0.2", Fraction(3, 10)),
    ],
)
def test_constants_are_exact(literal: str, value: Fraction) -> None:
    (node,) = parse(literal).nodes
    assert (node.op, node.value) == ("const", value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-x**2", -9),
        ("2**-x", 0.125),
        ("2**-x**2*3", 3 * 2.0**-9),
        ("-x*2 - -x", -3),
        ("x - 1 - 1", 1),
        ("x/3/3", 1 / 3),
        ("+x", 3),
        ("x**2**3", 3**8),
        ("--x", 3),
        ("- + - x", 3),
        ("2*-x", -6),
        ("x**-1", 1 / 3),
        ("(x)", 3),
        ("  x\n + 1 ", 4),
        ("min(x, 2, 5)", 2),
        ("max(x, 2, 5)", 5),
        ("abs(-x)", 3),
        ("cbrt(-8*x**3)", -6),
        ("x**(3/2)", 3**1.5),
        ("x**0.5", 3**0.5),
        ("x**0", 1),
        ("x**x", 27),
        ("e**x", np.e**3),
        ("sin(pi/2) + x", 4),
        ("ln(exp(x))", 3),
        ("arcsin(1) + arccos(1) + arctan(0)", np.pi / 2),
        ("x*e", 3 * np.e),
        ("3e0*x", 9),
    ],
)
def test_operators_bind_as_in_mathematics(text: str, value: float) -> None:
    assert at(text, 3) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_agrees_between_float_mpmath_and_sympy(name: str) -> None:
    program = parse(f"{name}(x)")
    expected = float(program.evaluate(FloatAlgebra(), [np.float64(X)]))
    assert float(program.evaluate(MpAlgebra(40), [MpAlgebra(40).const(X)])) == pytest.approx(expected, rel=1e-14)
    algebra = SympyAlgebra()
    assert float(program.evaluate(algebra, [algebra.const(X)])) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("x", ("x",)),
        ("1/3", ("x",)),
        ("y", ("y",)),
        ("w + y", ("x", "y", "z", "w")),
        ("x*z", ("x", "y", "z")),
        ("x1", ("x1",)),
        ("x3*x1", ("x1", "x2", "x3")),
    ],
)
def test_the_highest_variable_sets_the_dimension(text: str, variables: tuple[str, ...]) -> None:
    assert parse(text).variables == variables


def test_variables_may_be_named_or_counted() -> None:
    assert parse("y", variables=["y"]).variables == ("y",)
    assert parse("x", dim=3).variables == ("x", "y", "z")
    assert parse("1", dim=6).variables == tuple(f"x{k}" for k in range(1, 7))
    assert parse("x2", variables=("x2", "x1")).nodes[0].value == 0
    for bad in (["x", "x"], ["x", "pi"], ["sin"], ["a b"], [], ["x"] * 20):
        with pytest.raises(ExpressionError, match="variables: expected"):
            parse("1", variables=bad)
    with pytest.raises(ExpressionError, match="z is not among the variables x, y"):
        parse("x*z", variables=["x", "y"])
    with pytest.raises(ExpressionError, match=r"'y' is variable number 2 .*; the domain has 1 side"):
        parse("x*y", dim=1)
    with pytest.raises(ExpressionError, match="only four letters for 5 variables"):
        parse("x", dim=5)


# -- what the program is ---------------------------------------------------------------------------


def test_equal_subexpressions_are_one_node() -> None:
    program = parse("sin(x*y + 1)*exp(y*x + 1) - sin(1 + x*y)")
    assert sorted(node.op for node in program.nodes) == sorted(
        ["var", "var", "mul", "const", "add", "sin", "exp", "mul", "sub"]
    )


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("x*x", "x**2"),
        ("2*x*x*y*x", "2*x**2*y*x"),
        ("2*x*y*x*y", "2*x*y*x*y"),
        ("x*x**2*x", "x**4"),
        ("x*x**(-1)", "x*x**(-1)"),
        ("sin(x)*y*sin(x)", "sin(x)**2*y"),
        ("x**600*x**600", "x**600*x**600"),
        ("e**(2*x)", "exp(2*x)"),
        ("e*e", "exp(2)"),
        ("exp(1)*x", "e*x"),
        ("x**0.5", "sqrt(x)"),
        ("x**1.5", "x**(3/2)"),
        ("x**(1/3)", "x**(1/3)"),
        ("x**(4/2)", "x**2"),
        ("x**(1+1)", "x**2"),
        ("x + (-3)", "x - 3"),
        ("x - -y", "x + y"),
        ("0 - x", "-x"),
        ("1*x + 0", "x"),
        ("-1*x", "-x"),
        ("x/-1", "-x"),
        ("(x**2)**3", "(x**2)**3"),
        ("-(x*y)", "-(x*y)"),
        ("-x*y", "-x*y"),
        ("(x - 1)*(-1/3)", "(x - 1)*(-1/3)"),
        ("x - (y - 1)", "x - (y - 1)"),
        ("x/(y/2)", "x/(y/2)"),
        ("(-2)**x", "(-2)**x"),
        ("x**y**x", "x**(y**x)"),
        ("(x**y)**x", "(x**y)**x"),
        ("1e20*x", "1e20*x"),
        ("min(x, y, 1)", "min(min(x, y), 1)"),
        ("(1/x)**0", "(1/x)**0"),
        ("sin(x)**0", "1"),
        ("0*x", "0*x"),
        ("y + sin(x) - sin(x)", "y + sin(x) - sin(x)"),
        ("y + (sin(x) - sin(x))", "y"),
        ("x + (0 - x)", "0"),
        ("log(x) - log(x)", "log(x) - log(x)"),
    ],
)
def test_canonical_text(text: str, canonical: str) -> None:
    program = parse(text)
    assert program.text == str(program) == canonical
    assert parse(canonical, program.variables) == program


@given(st.integers(1, 3).flatmap(expressions))
def test_canonical_text_parses_back_to_the_same_program(text: str) -> None:
    try:
        program = parse(text)
    except ExpressionError as error:
        if not re.search("division by zero|divides by zero|not real", str(error)):
            raise
        return
    assert parse(program.text, program.variables) == program
    assert parse(f"  ( {text} ) ", program.variables) == program


@given(expressions(3, exact=True), st.lists(rationals(9), min_size=3, max_size=3))
def test_rational_formulas_mean_what_python_means(text: str, point: list[Fraction]) -> None:
    """Oracle: Python's own parser and exact arithmetic; the program is run in its own builder as well as in floats."""
    builder = Builder()
    try:
        program = parse(text, dim=3)
        result = builder.nodes[program.evaluate(builder, [builder.const(q) for q in point])]
    except ExpressionError as error:
        if "needs more than" not in str(error):
            raise
        return
    expected = python_value(text, point)
    assert result.value == expected
    approximate = program.evaluate(FloatAlgebra(), [np.float64(q) for q in point])
    if abs(expected) < 1e6:
        assert float(approximate) == pytest.approx(float(expected), rel=1e-6, abs=1e-6)


def python_value(text: str, point: list[Fraction]) -> Fraction:
    """Value of a formula by Python's grammar; the tests' own walker, nothing is executed."""
    binary: dict[type, Callable[[Any, Any], Any]] = {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.Pow: operator.pow,
    }
    calls: dict[str, Callable[..., Any]] = {"abs": abs, "min": min, "max": max}

    def value(node: ast.expr) -> Any:
        match node:
            case ast.BinOp():
                return binary[type(node.op)](value(node.left), value(node.right))
            case ast.UnaryOp(op=ast.USub()):
                return -value(node.operand)
            case ast.Constant():
                return Fraction(node.value)
            case ast.Name():
                return point[names(3).index(node.id)]
            case ast.Call(func=ast.Name()):
                return calls[node.func.id](*map(value, node.args))
        raise AssertionError(ast.dump(node))

    return Fraction(value(ast.parse(text, mode="eval").body))


def test_each_node_is_evaluated_once_and_dropped_after_its_last_use() -> None:
    alive: list[int] = [0, 0]  # now, most

    class Token:
        def __init__(self) -> None:
            alive[0] += 1
            alive[1] = max(alive)

        def __del__(self) -> None:
            alive[0] -= 1

    calls: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> Callable[..., Token]:
            calls.append(name)
            return lambda *args: Token()

    program = parse("+".join(f"sin({k}*x)" for k in range(2, 60)))
    program.evaluate(Counting(), [Token()])  # type: ignore[arg-type]
    assert len(calls) == len(program.nodes) - 1
    assert alive[1] <= 8


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("x**2/sqrt(y)", r"\frac{x^{2}}{\sqrt{y}}"),
        ("sin(10*x)*exp(-x)", r"\sin\left(10 \, x\right) \, e^{-x}"),
        ("-2*x + y", r"-2 \, x + y"),
        ("y - 2*x*(x - 1)", r"y - 2 \, x \, \left(x - 1\right)"),
        ("y + (-2)*x", r"y + \left(-2 \, x\right)"),
        ("-(x + y) - -x*y", r"-\left(x + y\right) - \left(-x \, y\right)"),
        ("(-2)**x", r"\left(-2\right)^{x}"),
        ("x**(3/2)*(1/3)", r"x^{3/2} \cdot \frac{1}{3}"),
        (
            "min(x1, abs(x2), cbrt(x10))*pi",
            r"\min\left(\min\left(x_{1}, \left|x_{2}\right|\right), \sqrt[3]{x_{10}}\right) \, \pi",
        ),
        ("(x/2)**2 - x/(y/3)", r"\left(\frac{x}{2}\right)^{2} - \frac{x}{\frac{y}{3}}"),
    ],
)
def test_latex(text: str, latex: str) -> None:
    assert parse(text).latex() == latex


@given(st.integers(1, 3).flatmap(expressions))
def test_latex_is_read_by_mathtext(text: str) -> None:
    from matplotlib.mathtext import MathTextParser

    try:
        program = parse(text)
    except ExpressionError:
        return
    MathTextParser("path").parse(f"${program.latex()}$")


# -- what is refused -------------------------------------------------------------------------------

HOSTILE = [
    "__import__('os').system('touch {file}')",
    "open('{file}', 'w')",
    "exec(\"open('{file}','w')\")",
    "eval(x)",
    "().__class__.__bases__[0].__subclasses__()",
    "x.__class__",
    "x.real",
    "x[0]",
    "sin.__globals__",
    "lambda: x",
    "(lambda: 1)()",
    "(y := 3)",
    "x if x else 1",
    "x < 1",
    "x == 1",
    "not x",
    "x and y",
    "True",
    "None",
    "1j",
    "2j*x",
    "'x'",
    '"x"',
    "f'{{x}}'",
    "b'x'",
    "[x]",
    "{{x}}",
    "(x, x)",
    "x,",
    "[x for x in (1,)]",
    "*x",
    "sin(*x)",
    "sin(x=1)",
    "sin(**x)",
    "sin(x)(x)",
    "(sin)(x)",
    "sin",
    "x(1)",
    "pi(1)",
    "x @ x",
    "x % 2",
    "x // 2",
    "x & 1",
    "x | 1",
    "~x",
    "x << 2",
    "x; x",
    "x # comment",
    "x \\\n + 1",
    "ｘ",
    "ｓin(x)",
    "ﬁ",
    "√x",
    "x₁",
    "１",
    "x\x00",
    "x\u202e+1",
    "1_000",
    "0x10",
    "0b1",
    "1.2.3",
    "1..2",
    ".",
    "1e",
    "1e+",
    "1e400",
    "1e-400",
    "1e99999999999999999999",
    "9**9**9**9",
    "x**9**9",
    "x**1e300",
    "2**x**9**9",
    "10**1000",
    "(1/3)**-2000",
    "x**1000000.5",
    "x**(1/3**99)",
    "0**-1",
    "1/0",
    "x/0",
    "x/(1/2 - 0.5)",
    "0**(-1/2)",
    "(-8)**(1/3)",
    "2x",
    "2(x)",
    "(x)(x)",
    "x 2",
    "sin x",
    "x sin(x)",
    "",
    "   ",
    "()",
    "sin()",
    "min(x)",
    "min()",
    "sin(x, x)",
    "x y",
    "(x",
    "x)",
    "sin(x",
    "x*",
    "*x",
    "x**",
    "x+*x",
    "min(x,,x)",
    "min(,x)",
    "0,5*x",
    "floor(x)",
    "sign(x)",
    "x1*y",
    "x*x99999999999999999999",
    "x*x17",
    "x*x01",
    "t*x",
    "X1*x",
    "log10(x, 2)",
    "x$2",
    "ж*x",
    "f(x) = x",
    "i",
    "inf",
    "nan",
    "gamma(x, y)",
    "atan2(x)",
    "(" * 100_000 + "x" + ")" * 100_000,
    "(" * 4999 + "x" + ")" * 4999,
    "(" * 200,
    ")" * 200,
    "-" * 9000 + "x",
    "x" + "**x" * 3000,
    "x**-" * 2000 + "x",
    "sin(" * 1500 + "x" + ")" * 1500,
    "a" * 9_000,
    "x" * 1_000_000,
    "1" * 9_000,
    "0." + "1" * 9_000,
    "x" + "+x" * 499_999,
    "+".join(f"x/{k}" for k in range(2, 1500)),
    " " * 1_000_000 + "x",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:30]))
def test_what_is_not_in_the_language_is_refused_at_once(text: str, tmp_path: Path) -> None:
    file = tmp_path / "touched"
    text = text.replace("{file}", str(file)).replace("{{", "{").replace("}}", "}")
    started = time.process_time()
    with pytest.raises(ExpressionError) as refusal:
        parse(text)
    assert time.process_time() - started < 1.0
    message = str(refusal.value)
    assert len(message) < 600
    assert message.count("\n") in (0, 2)
    assert not file.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("thing", [None, 3, 0.5, b"x", ["x"], np.float64(1)])
def test_only_a_text_is_a_formula(thing: Any) -> None:
    with pytest.raises(ExpressionError, match="a formula is a text"):
        parse(thing)


@given(st.text(max_size=60) | st.text(alphabet="xy0123456789.e+-*/() ,sincobrtqalgmxp_", max_size=60))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    try:
        program = parse(text)
    except ExpressionError:
        return
    assert isinstance(program, Program)
    assert parse(program.text, program.variables) == program


def test_reading_never_takes_much_memory() -> None:
    tracemalloc.start()
    try:
        for text in HOSTILE:
            with pytest.raises(ExpressionError):
                parse(text)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20e6


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("sine(x)", r"unknown name 'sine' at position 1; did you mean sin, sinh or sinc\?"),
        ("1 + Sin(x)", r"unknown name 'Sin' at position 5; did you mean sin"),
        ("x + Y", r"unknown name 'Y' at position 5; did you mean y\?"),
        ("q*x", "unknown name 'q' at position 1; the names are x, y, z, w or x1, x2, ..., pi, e and the functions exp"),
        ("x + floor(x)", "floor at position 5: it is not continuous"),
        ("x$2", r"the character '\$' is not in the language, at position 2"),
        ("2x", r"an operator is missing between '2' and 'x', at position 2; write 2\*x"),
        ("(x)(y)", r"write \(\.\.\.\)\*\(\.\.\.\) for a product"),
        ("x.real", "attributes are not part of a formula"),
        ("x//2", "floor division // is not continuous, at position 3; write /"),
        ("x*", r"the formula ends where .* is expected after '\*', at position 3"),
        ("sin x", r"sin is a function, at position 1; write its argument in parentheses: sin\(x\)"),
        ("(x + 1", r"a parenthesis is not closed, at position 1; add '\)'"),
        ("1 + x/0", "division by zero, at position 6"),
        ("x**9**9", "the exponent 387420489 is beyond 1000, at position 2"),
        ("1e400", "needs more than 1024 bits, at position 1"),
        ("1e9999", "the number '1e9999' is too long or too large, at position 1"),
        ("1.2.3", "'1.2.3' is not a number, at position 4"),
        ("1_000", "a number is written without _"),
        ("√x", r"write sqrt\(x\)"),
        ("x1 + y", "y and x1 are mixed"),
        ("relu6(x)", r"write clip\(x, 0, 6\)"),
        ("x\x00", r"the character '\\x00' is not in the language"),
        ("x" * 30_000, f"30000 characters; at most {MAX_CHARS}"),
        ("(" * 500 + "x", f"more than {MAX_DEPTH} parentheses, signs or powers are open here"),
    ],
)
def test_refusals_say_what_where_and_what_to_do(text: str, pattern: str) -> None:
    with pytest.raises(ExpressionError, match=pattern):
        parse(text)


def test_the_caret_points_at_the_offending_piece() -> None:
    with pytest.raises(ExpressionError) as refusal:
        parse("1 + 2*sinus(x) - " + "x*" * 100 + "x")
    _, window, caret = str(refusal.value).splitlines()
    assert window[caret.index("^") :].startswith("sinus")
    with pytest.raises(ExpressionError) as refusal:
        parse("x*" * 100 + "\t\n 1 + 2*sinus(x)")
    _, window, caret = str(refusal.value).splitlines()
    assert window[caret.index("^") :].startswith("sinus")


def test_the_largest_formulas_that_are_read_are_read_quickly() -> None:
    started = time.process_time()
    for text in (
        "+".join(["x"] * 3900),
        "(" * (MAX_DEPTH - 1) + "x" + ")" * (MAX_DEPTH - 1),
        "-" * MAX_DEPTH + "x",
        "+".join(f"sin({k}*x)" for k in range(600)),
        "*".join(f"(x-{k})" for k in range(1000)),
        "x" + "/x" * 3900,
    ):
        program = parse(text)
        assert parse(program.text).nodes == program.nodes
    assert time.process_time() - started < 3.0


# -- the page about it -----------------------------------------------------------------------------

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "expressions.md").read_text(encoding="utf-8")


def test_the_refusals_in_the_documentation_are_the_real_ones() -> None:
    (block,) = re.findall(r"^```\n(unknown name.*?)^```", PAGE, flags=re.M | re.S)
    lines = block.splitlines()
    assert len(lines) == 9
    for k in range(0, len(lines), 3):
        with pytest.raises(ExpressionError) as refusal:
            parse(lines[k + 1].strip())
        assert str(refusal.value).splitlines() == lines[k : k + 3]


def test_the_limits_in_the_documentation_are_the_real_ones() -> None:
    (limits,) = re.findall(r"^\*\*Limits\.\*\*.*?\n\n", PAGE, flags=re.M | re.S)
    numbers = [int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*(?= )", limits)]
    for limit in (MAX_CHARS, MAX_NODES, MAX_DEPTH, MAX_BITS, MAX_DIGITS, MAX_EXPONENT, MAX_VARIABLES):
        assert limit in numbers or f"{limit:,}" in limits


def test_the_language_in_the_documentation_is_the_real_one() -> None:
    for name in (*FUNCTIONS, *PAIRS, *ALIASES, *DERIVED, "min", "max"):
        assert re.search(rf"\b{name}\b", PAGE.split("## What is refused")[0]), name
