"""Inputs of which other programs reported trouble: each gives the right value, or is refused for the right reason.

The source names the public report that the input was written after; the oracle is the function by hand in mpmath.
"""

from __future__ import annotations

import random
import re
import shlex
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import mpmath
import pytest

import mgdl_theory as mg
from mgdl_theory.cli import main
from mgdl_theory.errors import DomainError, ExpressionError, TargetError

m = mpmath.mp.clone()
m.dps = 60


def wave(t: Any) -> Any:
    """The triangle wave of period 2."""
    return abs(t - 2 * m.floor((t + 1) / 2))


def bump(x: Any, y: Any) -> Any:
    r = (x + m.pi) ** 2 + y**2
    return m.exp(-r / (1 - r)) if r < 1 else m.mpf(0)


CASES: list[tuple[str, str, list[Any], str, Callable[..., Any]]] = [
    ("ValidatedNumerics.jl#152", "cos(x)", ["-pi/2", "3*pi/2"], "1e-2", m.cos),
    ("sympy#21611", "18.2*z+4.2*min(60.3,z)**2-18.2*min(45.3,z)", [0, 120], "10",
     lambda z: m.mpf("18.2") * z + m.mpf("4.2") * min(m.mpf("60.3"), z) ** 2 - m.mpf("18.2") * min(m.mpf("45.3"), z)),
    ("chebfun#577", "exp(-((x+pi)**2+y**2)/max(1-((x+pi)**2+y**2),0))", [-4, 4], "0.2", bump),
    ("S-MGDL, Adaptive_1D", "abs(20*x-2*floor((20*x+1)/2))", [-1, 1], "0.05", lambda x: wave(20 * x)),
    ("S-MGDL, by acos", "acos(cos(20*pi*x))/pi", [-1, 1], "0.1", lambda x: wave(20 * x)),
    ("pykan#97", "x/2*(1+erf(x/sqrt(2)))", [-5, 5], "1e-2", lambda x: x * m.ncdf(x)),
    ("pytorch#61439", "gelu(x)", [-1, 2], "1e-2", lambda x: x * m.ncdf(x)),
    ("pytorch#61439, tanh", "x/2*(1+tanh(sqrt(2/pi)*(x+0.044715*x**3)))", [-8, 8], "1e-2",
     lambda x: x / 2 * (1 + m.tanh(m.sqrt(2 / m.pi) * (x + m.mpf("0.044715") * x**3)))),
    ("chebfun#675", "log(1+4*0.9999999*(x**2-x))", [0, 1], "0.3",
     lambda x: m.log(1 + 4 * m.mpf("0.9999999") * (x**2 - x))),
    ("chebfun#1151", "((x-1/6)^2)*x", [0, 1], "1e-4", lambda x: (x - m.mpf(1) / 6) ** 2 * x),
    ("chebfun#928", "7", [0, 1], "1e-3", lambda x: m.mpf(7)),
    ("chebfun#928, hidden", "0*x", [0, 1], "1e-3", lambda x: m.mpf(0)),
    ("IntervalArithmetic.jl#683", "cos(2*pi*x)", ["0.25", "1.25"], "1e-2", lambda x: m.cospi(2 * x)),
    ("IntervalRootFinding.jl#149", "-(log(2*x+1)-log(x+1))*log(1/2/exp(2))/log(2)+log(-x+1)", ["-0.1353", "0.1353"],
     "1e-3", lambda x: -(m.log(2 * x + 1) - m.log(x + 1)) * m.log(m.exp(-2) / 2) / m.log(2) + m.log(1 - x)),
    ("IntervalOptimisation.jl#62", "1+(x**2+y**2)*abs(x-y)+abs(y)", [-1, 1], "0.2",
     lambda x, y: 1 + (x**2 + y**2) * abs(x - y) + abs(y)),
    ("IntervalOptimisation.jl#47", "-(x/(y+1)+y/(x+1))", [0, 1], "1e-2", lambda x, y: -(x / (y + 1) + y / (x + 1))),
    ("RangeEnclosures.jl#149", "sin(x)-cos(y)-sin(x)*cos(x)", [-5, 5], "0.5",
     lambda x, y: m.sin(x) - m.cos(y) - m.sin(x) * m.cos(x)),
    ("TaylorModels.jl#57", "1-x^4+x^5", [0, 1], "1e-3", lambda x: 1 - x**4 + x**5),
    ("python-flint#426", "x**2", [-1, 1], "1e-3", lambda x: x**2),
    ("sympy#18742", "min(0.1*x+3, x+1, 0.5*x+1)", [0, 10], "1e-3",
     lambda x: min(x / 10 + 3, x + 1, x / 2 + 1)),
    ("symforce#36", "max(x, exp(x)-1, (x+1)**2/2-1/2)", [-1, 1], "1e-3",
     lambda x: max(x, m.expm1(x), (x + 1) ** 2 / 2 - m.mpf("0.5"))),
    ("sympy#14295", "10e-14*cos(pi*x/3)*exp(-abs(x))*exp(-abs(y))*exp(-abs(z))", [-3, 3], "5e-14",
     lambda x, y, z: m.mpf("1e-13") * m.cospi(x / 3) * m.exp(-abs(x) - abs(y) - abs(z))),
    ("pykan#90", "1/x + y**2", ["0.1", 10], "1", lambda x, y: 1 / x + y**2),
    ("efficient-kan#55", "1/x", ["1e-5", 100], "1", lambda x: 1 / x),
    ("pykan#264", "-1.154*log(x)-0.203*log(y)+5.165", ["0.1", 5], "0.1",
     lambda x, y: -m.mpf("1.154") * m.log(x) - m.mpf("0.203") * m.log(y) + m.mpf("5.165")),
    ("tt-metal#52754", "x/(1+exp(-x))", [-700, 700], "1", lambda x: x / (1 + m.exp(-x))),
    ("1bit-MONSTER#1350", "25*tanh(x/25)", [-1000, 1000], "0.1", lambda x: 25 * m.tanh(x / 25)),
    ("lightning-thunder#1849", "softplus(1000*x)", [-1, 1], "1",
     lambda x: m.log1p(m.exp(-abs(1000 * x))) + max(1000 * x, 0)),
    ("stackoverflow 46995209", "sin(x)", [0, 1000], "0.1", m.sin),
    ("PiecewiseLinearOpt.jl#41", "(x-5)**2+(y-4)**2", [0, 6, 0, 8], "1", lambda x, y: (x - 5) ** 2 + (y - 4) ** 2),
    ("racket/math#51", "log(1+x)/x", ["1e-12", 1], "1e-2", lambda x: m.log1p(x) / x),
    ("Muller and Kahan", "sqrt(x+1)-sqrt(x)", ["1e15", "1e15+1"], "1", lambda x: 1 / (m.sqrt(x + 1) + m.sqrt(x))),
]  # fmt: skip


@pytest.mark.parametrize(("source", "text", "domain", "tol", "oracle"), CASES, ids=[case[0] for case in CASES])
def test_the_right_function_is_proved(source: str, text: str, domain: list[Any], tol: str, oracle: Any) -> None:
    f: Any = mg.target(text, domain)
    scheme = mg.construct(f, tol)
    report = mg.verify(scheme)
    assert report.verdict is mg.Verdict.PROVED
    rng, sides = random.Random(source), list(zip(f.box.lower, f.box.upper, strict=True))
    substitution = any("is taken as" in note and "pi*x" in note for note in f.notes)
    for _ in range(12):
        t = [a + Fraction(rng.randrange(1 << 20), 1 << 20) * (b - a) for a, b in sides]
        exact = oracle(*(m.mpf(x.numerator) / x.denominator * (m.pi if substitution else 1) for x in t))
        found = scheme.exact(t)
        assert abs(m.mpf(found.numerator) / found.denominator - exact) <= m.mpf(tol) * (1 + m.mpf("1e-9"))


REFUSED = [
    ("chebfun#1301", "1/cos(1.5*acos(x))", [-1, 0], TargetError, "cannot be shown to be defined at x = -1"),
    ("chebfun#1507", "tan(x) - 0.2*x/(x**2-0.01)", [0, 1], TargetError, "undefined at x = 1/10"),
    ("chebfun#1076", "sign(x)", [-1, 1], TargetError, "jumps at x = 0"),
    ("IntervalArithmetic.jl#21", "tan(x)", ["6.638314112824137", "8.38263151220128"], TargetError,
     "undefined near x = 7.85398163397448"),
    ("IntervalArithmetic.jl#441", "x**y", [-1, 1], TargetError, "a base > 0"),
    ("lightning-thunder#1849", "log(1+exp(1000*x))", [-1, 1], TargetError, "leaves the range of binary64"),
    ("piecewise at 0", "log(x)", [0, 1], TargetError, "undefined at x = 0"),
    ("pi by accident", "cos(x)", [0, "inf"], DomainError, "bounded"),
    ("a typing error", "sinx", [0, 1], ExpressionError, "sinx"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "text", "domain", "error", "said"), REFUSED, ids=[case[0] for case in REFUSED])
def test_what_is_no_continuous_function_is_refused_for_the_right_reason(
    source: str, text: str, domain: list[Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=re.escape(said)):
        mg.target(text, domain)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ('"(1-x**2)**0.1" --domain -1 1 --tol 1e-2', 3, "ask for a larger tolerance"),
        ('"sin(x)" --domain 1e9 1000000001 --tol 1e-2', 3, "take --engine crival"),
        ('"sin(x)" --domain 1e9 1000000001 --tol 1e-2 --engine crival', 0, "PROVED"),
        ('"cos(x)" --domain -pi/2 3*pi/2 --tol 1e-2', 0, "PROVED: cos(pi*x) on [-1/2, 3/2]"),
        ('"sin(t)*s" --variables t,s --domain 0 1 0 2 --tol 0.1', 0, "PROVED"),
        ('"x" --domain 0 2^10', 0, "[0, 1024]"),
    ],
)
def test_the_command_says_what_helps(line: str, code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", *shlex.split(line), "--quiet"]) == code
    assert said in capsys.readouterr().out.splitlines()[-1]
