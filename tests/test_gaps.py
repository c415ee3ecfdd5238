"""Removable gaps: limits are proved and enclosed, or refused with the reason; the checker confirms them by itself."""

from __future__ import annotations

import copy
import functools
import re
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import gap_campaign
import mpmath
import numpy as np
import pytest
import tampering
from hypothesis import given
from hypothesis import strategies as st

import mgdl_theory as mg
from mgdl_theory.certificate import check, schema
from mgdl_theory.errors import TargetError
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.exact import Exact, ExactAlgebra, evaluate
from mgdl_theory.rigor.flat import flat_exponential, flat_quotient
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.rounding import quiet
from mgdl_theory.rigor.series import SeriesAlgebra
from mgdl_theory.targets.base import Box
from mgdl_theory.targets.formula import local
from mgdl_theory.targets.formula.gaps import candidates, open_gap, simplest
from mgdl_theory.targets.formula.local import EnclosingLocal, ExactLocal, power, power_log
from mgdl_theory.targets.formula.parser import parse
from mgdl_theory.targets.formula.target import ExpressionTarget

m = mpmath.mp.clone()
m.dps = 60

# -- what is taken, and with which limits ----------------------------------------------------------

TAKEN: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("sin(x)/x", [0, 1], {"0": 1}),
    ("(1-cos(x))/x**2", [-1, 1], {"0": "1/2"}),
    ("log((x+3)/4)/(x-1)", [-1, 1], {"1": "1/4"}),
    ("(x**2-1)/(x-1)", [0, 2], {"1": 2}),
    ("(exp(x)-1)/x", [0, 1], {"0": 1}),
    ("x*log(x)", [0, 1], {"0": 0}),
    ("x**pi", [0, 1], {"0": 0}),
    ("x**x", [0, 1], {"0": 1}),
    ("exp(-1/x**2)", [-1, 1], {"0": 0}),
    ("x*sin(1/x)", [-1, 1], {"0": 0}),
    ("(tan(x)-x)/x**3", [-1, 1], {"0": "1/3"}),
    ("sin(pi*x)/(x*(1-x))", [0, 1], {"0": m.pi, "1": m.pi}),
    ("x**2*log(abs(x))", [-1, 1], {"0": 0}),
    ("(sqrt(1+x)-1)/x", ["-1/2", 1], {"0": "1/2"}),
    ("1/x-1/sin(x)", [-1, 1], {"0": 0}),
    ("sin(x-1/3)/(x-1/3)", [0, 1], {"1/3": 1}),
    ("x*log(x)+(1-x)*log(1-x)", [0, 1], {"0": 0, "1": 0}),
    ("(sin(x)-sin(1))/(x-1)", [0, 2], {"1": m.cos(1)}),
    ("abs(x)**3/x", [-1, 1], {"0": 0}),
    ("x/(exp(x)-1)", [-2, 2], {"0": 1}),
    ("log(x)/(1-x)", ["1/2", 2], {"1": -1}),
    ("erf(x)/x", [-2, 2], {"0": 2 / m.sqrt(m.pi)}),
    ("(1+x)**(1/x)", ["-1/2", 1], {"0": m.e}),
    ("sqrt(sin(x)/x)", [-3, 3], {"0": 1}),
    ("(3**x-2**x)/x", [-1, 1], {"0": m.log(1.5)}),
    ("x*atan(1/x)", [-1, 1], {"0": 0}),
    ("x*(2+sin(1/x))", [-1, 1], {"0": 0}),
    ("x/(2+sin(1/x))", [-1, 1], {"0": 0}),
    ("x**2*tanh(1/x)*erf(1/x)", [-1, 1], {"0": 0}),
    ("x*log(abs(x))*cos(1/x)**2", [-1, 1], {"0": 0}),
    ("x*sqrt(2+cos(1/x))*sigmoid(1/x)", [-1, 1], {"0": 0}),
    ("log(1+x)/x", ["-9/10", 1], {"0": 1}),
    ("exp(-1/x)", [0, 1], {"0": 0}),
]


@pytest.mark.parametrize(("text", "domain", "limits"), TAKEN)
def test_a_limit_is_proved_said_and_taken(text: str, domain: list[Any], limits: dict[str, Any]) -> None:
    f: Any = mg.target(text, domain)
    assert sorted(f.describe()["gaps"]) == sorted([0, at] for at in limits)
    assert len(f.gaps) == len(limits) == sum("is undefined at x =" in note for note in f.notes)
    for at, limit in limits.items():
        exact = (
            m.mpf(Fraction(limit).numerator) / Fraction(limit).denominator if isinstance(limit, str | int) else limit
        )
        (note,) = (note for note in f.notes if f"is undefined at x = {at};" in note)
        said = re.search(r"its limit there, (.*), is taken", note)
        assert said is not None
        if isinstance(limit, str | int):
            assert said[1] == str(limit)
        else:
            low, high = re.findall(r"[-0-9.e]+", said[1])[-2:]
            assert float(low) <= exact <= float(high)
        x = Fraction(at)
        assert abs(f.mp([x], 50) - exact) < m.mpf(10) ** -45
        assert abs(float(f(np.array([float(x)]))[0]) - float(exact)) < 1e-9
        for engine in ("numpy", "crival"):
            with quiet():
                value = mg.target(text, domain, engine=engine)._enclosure([Interval.exact(x)])
            assert value.lo[0] - 1e-15 <= exact <= value.hi[0] + 1e-15
            assert value.hi[0] - value.lo[0] < 1e-9


REFUSED = [
    ("sin(x)/x**2", [-1, 1], "no limit is shown at x = 0, since it has a pole there"),
    ("cos(x)/x", [-1, 1], "it has a pole there"),
    ("(x**2-1)/(x-2)", [0, 3], "no limit is shown at x = 2, since it has a pole there"),
    ("1/x-1/sin(2*x)", [-1, 1], "it has a pole there"),
    ("x*log(x)/(1-x)**2", [0, 1], "it has a pole there"),
    ("log(x)*exp(x)", [0, 1], "a logarithm tends to infinity there"),
    ("log(x)/x", [0, 1], "there"),
    ("x/sin(1/x)", [-1, 1], "1/x in x/sin(1/x) is undefined at x = 0"),
    ("(1+x)*sin(1/x)", [-1, 1], "it oscillates there, or has two limits"),
    ("exp(sin(1/x))", [-1, 1], "it oscillates there, or has two limits"),
    ("sin(1/x)", [-1, 1], "it oscillates there, or has two limits"),
    ("atan(1/x)", [-1, 1], "it oscillates there, or has two limits"),
    ("abs(x)/x", [-1, 1], "the limits from the two sides differ there, or are not shown to be equal"),
    ("abs(x)*sin(x)/x**2", [-1, 1], "the limits from the two sides differ there"),
    ("exp(1/x)", [-1, 1], "an exponential tends to infinity there, or has two limits"),
    ("exp(-1/x)", [-1, 1], "tends to infinity there, or has two limits"),
    ("exp(-1/x**2)/x", [-1, 1], "a function without an expansion is divided by one that vanishes there"),
    ("1/(x*(1-x)-x+x**2)", [0, 1], "everything known of a divisor vanishes there"),
]


@pytest.mark.parametrize(("text", "domain", "reason"), REFUSED)
def test_where_no_limit_is_shown_the_reason_is_named(text: str, domain: list[Any], reason: str) -> None:
    with pytest.raises(TargetError, match=re.escape(reason)) as refusal:
        mg.target(text, domain)
    assert "change the domain or the formula" in str(refusal.value) or "undefined" in str(refusal.value)


def test_a_formula_with_a_gap_in_two_variables_says_that_its_limit_varies() -> None:
    f: Any = mg.target("sin(x*y)/x", [-1, 1, -1, 1])
    assert f.notes == (
        "sin(x*y)/x is undefined at x = 0; its limit there, a function of the other variables, is taken",
    )
    assert f([[0.0, 0.25], [0.0, -1.0]]).tolist() == [0.25, -1.0]
    assert mg.verify(mg.construct(f, 0.05)).verdict is mg.Verdict.PROVED


def test_a_bounded_function_of_two_variables_has_slopes_along_both() -> None:
    """That x*sin(y/x) does not vary with y was once claimed."""
    f: Any = mg.target("x*sin(y/x)", [-1, 1, -1, 1])
    with quiet():
        jet, _ = f._jet(3, np.array([[3, 4], [4, 4], [5, 5]]))
    assert {*jet.grad} == {0, 1}
    assert {*jet.hess} == {(0, 0), (0, 1), (1, 1)}
    assert mg.verify(mg.construct(f, 0.5)).verdict is mg.Verdict.PROVED


def test_values_in_floats_next_to_a_gap_are_no_noise() -> None:
    f: Any = mg.target("(1-cos(x))/x**2", [-1, 1])
    x = np.array([0.0, 1e-300, 1e-9, -1e-9, 1e-5, 1e-3])
    assert np.abs(f(x) - (0.5 - x**2 / 24)).max() < 1e-9
    assert f.mp([Fraction(1, 10**30)], 120) == pytest.approx(0.5)


def test_the_convention_of_the_bump_is_called_one() -> None:
    f: Any = mg.target("exp(-1/max(1-x**2,0))", [-2, 2])
    assert f.notes == (
        "exp(-1/max(1 - x**2, 0)) is taken as 0 where the max is 0: a convention for exp of minus infinity, no limit",
    )
    assert f.gaps == ()
    assert "expdiv" in f.program.text
    assert f(np.array([-1.5, 0.0, 1.0])).tolist() == [0.0, pytest.approx(np.exp(-1)), 0.0]
    with pytest.raises(TargetError):
        mg.target("exp(1/max(1-x**2,0))", [-2, 2])
    with pytest.raises(TargetError):
        mg.target("exp(-(x-1/2)/max(1-x**2,0))", [-2, 2])  # u is not positive where v is 0


def test_components_and_workers_know_gaps(tmp_path: Path) -> None:
    f = mg.target(["sin(x)/x", "x*log(x)"], [0, 1])
    assert mg.verify(mg.construct(f, 0.05)).verdict is mg.Verdict.PROVED
    g = mg.target("sin(pi*x)/(x*(1-x))", [0, 1])
    one, two = (mg.construct(g, 1e-3, workers=n) for n in (1, 2))
    assert schema.certificate(one).data == schema.certificate(two).data
    assert mg.verify(two, workers=2).verdict is mg.Verdict.PROVED


# -- the certificate and the checker ---------------------------------------------------------------


@functools.cache
def certificate(text: str, domain: tuple[Any, ...], tol: float) -> dict[str, Any]:
    return schema.certificate(mg.construct(mg.target(text, list(domain)), tol)).data


def last_line(data: dict[str, Any], engine: str = "arb") -> str:
    return tampering.judge({**data, "sha256": check.digest(data)}, engine)[2]


@pytest.mark.parametrize("engine", ["arb", "mpmath"])
@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("sin(x)/x", (0, 1)),
        ("x*log(x)", (0, 1)),
        ("exp(-1/x**2)", (-1, 1)),
        ("x*sin(1/x)", (-1, 1)),
        ("abs(x)**3/x", (-1, 1)),
    ],
)
def test_the_checker_confirms_gaps_by_an_exact_run_of_its_own(text: str, domain: tuple[int, int], engine: str) -> None:
    data = certificate(text, domain, 0.05)
    assert data["target"]["gaps"] == [[0, "0"]]
    assert last_line(data, engine).startswith("VERIFIED")
    without = copy.deepcopy(data)
    del without["target"]["gaps"]
    assert last_line(without, engine).startswith("REFUSED")
    moved = copy.deepcopy(data)
    moved["target"]["gaps"] = [[0, "1/1000000"]]
    assert last_line(moved, engine).startswith("REFUSED")


@pytest.mark.parametrize(
    "false",
    ["abs(x)/x", "cos(x)/x", "sin(1/x)", "log(x**2)", "abs(x)*sin(x)/x**2", "exp(1/x)", "exp(-1/x)", "1/x-1/sin(2*x)"],
)
def test_the_checker_refuses_a_gap_without_a_limit(false: str) -> None:
    data = copy.deepcopy(certificate("sin(x)/x", (-1, 1), 0.05))
    data["target"]["expression"] = false
    assert re.match(r"REFUSED: format: .*no limit is shown at the gap x = 0", last_line(data))


@pytest.mark.parametrize(
    "gaps", [[[1, "0"]], [[0, "2"]], [[0, "1/0"]], [[0]], [["x", "0"]], [[0, "0"]] * 17, [[0, 0.0]], [[True, "0"]], {}]
)
def test_malformed_gaps_are_refused(gaps: Any) -> None:
    data = copy.deepcopy(certificate("sin(x)/x", (-1, 1), 0.05))
    data["target"]["gaps"] = gaps
    assert last_line(data).startswith("REFUSED") or gaps == {}


def test_no_mutant_of_a_certificate_with_gaps_is_accepted_wrongly() -> None:
    trials = tampering.run(range(24), bases=tuple(tampering.OVER))
    assert [f"seed {t.seed}: {t.base}: {t.mutation}: {t.outcome}: {t.last}" for t in trials if t.wrong] == []
    assert {t.base for t in trials} == set(tampering.OVER)
    assert {"false, refused", "true, accepted"} <= {t.outcome for t in trials}


@pytest.mark.deep
@pytest.mark.parametrize("first", range(0, 10_000, 500))
def test_no_mutant_of_ten_thousand_with_gaps_is_accepted_wrongly(first: int) -> None:
    trials = tampering.run(range(first, first + 500), bases=tuple(tampering.OVER))
    assert [t for t in trials if t.wrong] == []


# -- random formulas against Arb -------------------------------------------------------------------


def findings(trials: list[gap_campaign.Trial]) -> list[str]:
    return [f"seed {t.seed}: {t.text}: {line}" for t in trials for line in t.wrong]


def test_random_formulas_are_enclosed() -> None:
    trials = gap_campaign.run(range(30))
    assert findings(trials) == []
    counts: Counter[str] = sum((t.counts for t in trials), Counter())
    assert counts["accepted with a gap"] >= 3
    assert counts["package"] > 2000
    assert counts["checker"] > 1000
    assert counts["limit"] >= 3


@pytest.mark.deep
@pytest.mark.parametrize("first", range(0, 5000, 250))
def test_five_thousand_random_formulas_are_enclosed(first: int) -> None:
    assert findings(gap_campaign.run(range(first, first + 250))) == []


def test_the_campaign_runs_as_a_script(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["gap_campaign.py", "--seeds", "0", "3"])
    assert gap_campaign.main() == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("s: 0 wrong")


def _end_is_zero(self: EnclosingLocal, c: Any, jet: Any = EnclosingLocal.jet) -> Any:
    """The end of a list of coefficients taken for zeros."""
    return jet(self, [*c, *[None] * 3][: max(len(c), 3)])


def _shift(_: Any, __: Any, c: list[Any]) -> list[Any]:
    """The coefficients of s f where s is 0, taken everywhere."""
    return [None, *c][: len(c)]


def _positive(self: ExactLocal, _: Any) -> int:
    """Any number taken for a positive one."""
    return self._written(1)


def _half(*args: Any, known: Any = local._power_log_range) -> Interval:
    """s (log|s| + b) with half of its turn."""
    found = known(*args)
    return Interval(found.lo / 2, found.hi) if args[2] == 1 else found


PLANTED: dict[str, tuple[str, Any, int]] = {
    "unknown coefficients are zeros": ("formula.local.EnclosingLocal.jet", _end_is_zero, 17),
    "s times a series is a shift": ("rigor.series.SeriesAlgebra.times_s", _shift, 19),
    "signs are believed": ("formula.local.ExactLocal._sign", _positive, 39),
    "half of x log x is known": ("formula.local._power_log_range", _half, 86),
}
"""A defect, what is replaced by what, and a seed that shows it."""


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_defect_is_found_by_the_campaign(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, defect, seed = PLANTED[name]
    monkeypatch.setattr("mgdl_theory.targets.formula.gaps.ENOUGH", 1)  # few terms: what is left out matters
    assert gap_campaign.guarded(seed).wrong == []
    monkeypatch.setattr("mgdl_theory." + place.replace("formula.", "targets.formula.", 1), defect)
    assert gap_campaign.guarded(seed).wrong


# -- exact numbers, series, flat functions ---------------------------------------------------------

A = ExactAlgebra()
rationals = st.builds(Fraction, st.integers(-4, 4), st.sampled_from([1, 2, 3]))


LEAVES = st.one_of(rationals.map(A.const), st.just(A.pi()), st.just(A.e()), rationals.map(lambda q: A.exp(A.const(q))))


def combined(inner: st.SearchStrategy[Exact]) -> st.SearchStrategy[Exact]:
    return st.one_of(
        inner, st.builds(A.add, inner, inner), st.builds(A.sub, inner, inner), st.builds(A.mul, inner, inner),
        inner.map(A.sin), inner.map(A.cos), inner.map(A.neg), inner.map(lambda a: A.exp(A.sin(a))),
    )  # fmt: skip


EXACTS = combined(combined(LEAVES))


@given(EXACTS, EXACTS)
def test_exact_numbers_are_their_enclosures_and_formal_zeros_are_zeros(a: Exact, b: Exact) -> None:
    engine = get_engine()

    def value(x: Exact) -> tuple[float, float]:
        with quiet():
            found = evaluate(x, engine, {})
        return float(found.lo[0]), float(found.hi[0])

    for total, parts in ((A.sub(A.add(a, b), a), b), (A.sub(A.mul(a, b), A.mul(b, a)), A.const(0))):
        assert total.key == parts.key
    left, right = value(A.mul(A.add(a, b), A.sub(a, b))), value(A.sub(A.mul(a, a), A.mul(b, b)))
    assert max(left[0], right[0]) <= min(left[1], right[1])
    if a.is_zero:
        assert value(a) == (0.0, 0.0)


@given(st.lists(rationals, min_size=4, max_size=4), st.lists(rationals, min_size=4, max_size=4))
def test_series_of_exact_numbers_follow_the_laws(a: list[Fraction], b: list[Fraction]) -> None:
    S = SeriesAlgebra[Exact](A)
    u, v = ([A.const(q) if q else None for q in x] for x in (a, b))

    def rational(c: list[Any]) -> list[Any]:
        return [Fraction(0) if x is None else x.rational for x in c]

    product = rational(S.mul(u, v))
    assert product == [sum((a[i] * b[k - i] for i in range(k + 1)), Fraction(0)) for k in range(4)]
    if b[0]:
        assert rational(S.mul(S.div(u, v), v)) == a
    u[0] = None
    assert rational(S.mul(S.exp(u), S.exp(S.neg(u)))) == [1, 0, 0, 0]
    square = S.add(S.mul(S.sin(u), S.sin(u)), S.mul(S.cos(u), S.cos(u)))
    assert rational(square) == [1, 0, 0, 0]


numbers = st.floats(-4, 4).map(lambda x: x if abs(x) > 1e-12 else 0.0)


@given(st.lists(numbers, min_size=2, max_size=2).map(sorted), st.floats(0, 1))
def test_flat_exponentials_and_their_derivatives_are_enclosed(ends: list[float], share: float) -> None:
    engine, (lo, hi) = get_engine(), ends
    with quiet():
        found = flat_exponential(engine, Interval(np.array([lo]), np.array([hi])))
        quotient = flat_quotient(engine, Interval.exact(Fraction(1, 3)), Interval(np.array([lo]), np.array([hi])))
    q = m.mpf(min(max(lo + share * (hi - lo), lo), hi))
    e = m.exp(-1 / q) if q > 0 else m.mpf(0)
    truth = [e, e / q**2 if q > 0 else m.mpf(0), (1 - 2 * q) * e / q**4 if q > 0 else m.mpf(0)]
    for entry, exact in zip(found, truth, strict=True):
        assert entry.lo[0] <= exact <= entry.hi[0]
    assert quotient.lo[0] <= (m.exp(-1 / (3 * q)) if q > 0 else 0) <= quotient.hi[0]


@given(
    st.lists(st.floats(-2, 2), min_size=2, max_size=2, unique=True).map(sorted), st.floats(0, 1), st.integers(1, 4),
    st.builds(Fraction, st.integers(1, 9), st.sampled_from([2, 3])),
)  # fmt: skip
def test_logarithms_and_powers_across_a_plane_are_enclosed(
    ends: list[float], share: float, n: int, c: Fraction
) -> None:
    engine, (lo, hi) = get_engine(), ends
    s = Interval(np.array([lo]), np.array([hi]))
    x = m.mpf(min(max(lo + share * (hi - lo), lo), hi))
    if abs(x) < 1e-150:
        return
    with quiet():
        logs, powers = power_log(engine, 0, s, n), power(engine, 0, s, Interval.exact(c))
    r, log, up = abs(x), m.log(abs(x)), m.mpf(c.numerator) / c.denominator
    truths = (
        (x**n * log, x ** (n - 1) * (n * log + 1), x ** (n - 2) * (n * (n - 1) * log + 2 * n - 1)),
        (r**up, m.sign(x) * up * r ** (up - 1), up * (up - 1) * r ** (up - 2)),
    )
    for jet, truth in zip((logs, powers), truths, strict=True):
        for entry, exact in zip((jet.value, jet.grad[0], jet.hess[0, 0]), truth, strict=True):
            assert entry.lo[0] <= exact <= entry.hi[0]


# -- finding places --------------------------------------------------------------------------------


@given(
    st.builds(Fraction, st.integers(-99, 99), st.integers(1, 99)),
    st.builds(Fraction, st.integers(1, 99), st.integers(1, 999)),
)
def test_the_simplest_rational_of_an_interval_has_the_least_denominator(low: Fraction, width: Fraction) -> None:
    found = simplest(low, low + width)
    assert low <= found <= low + width
    assert not any(-(-low * n // 1) <= (low + width) * n // 1 for n in range(1, found.denominator))


@pytest.mark.parametrize("at", ["0", "1/3", "-1/7", "22/7", "1/1024", "5/12"])
def test_places_of_gaps_are_found_as_they_were_written(at: str) -> None:
    f = ExpressionTarget(f"sin(x-({at}))/(x-({at}))", Box.of([-1, 4]))
    assert candidates(f) == [(0, Fraction(at))]
    gap = open_gap(f.program, f.box, f.engine, 0, Fraction(at))
    assert gap.limit.rational == 1
    assert gap.tapes.keys() == {0}


def test_more_gaps_than_are_followed_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "+".join(f"sin(x-{k})/(x-{k})" for k in range(3))
    assert mg.target(text, [-1, 5]).describe()["gaps"] == [[0, "0"], [0, "1"], [0, "2"]]
    monkeypatch.setattr("mgdl_theory.targets.formula.domain.MAX_GAPS", 2)
    with pytest.raises(TargetError, match="is undefined near x = 2"):
        mg.target(text, [-1, 5])


def test_a_refusal_with_a_gap_takes_no_long_time_and_never_runs_code() -> None:
    for text in ("sin(x)/x**300", "(1-cos(x))**20/x**41", "exp(-1/x)*exp(1/x)/x", "tan(x)/x**2/sin(x**3)"):
        with pytest.raises(TargetError, match="undefined at x = 0"):
            mg.target(text, [-1, 1])


def test_a_program_runs_in_the_order_in_which_the_answers_were_written() -> None:
    """The enclosing run asks as many questions as the exact one has answered."""
    box = Box.of([-1, 1])
    for text in ("1/x-1/sin(x)", "exp(-1/x**2)*log(1+x/2)/(1+x**2)", "abs(x)**3/x+max(x,-x)**pi"):
        gap = open_gap(parse(text), box, get_engine(), 0, Fraction(0))
        f = ExpressionTarget(text, box).with_gap(gap)
        with quiet():
            value = f._enclosure([Interval(np.array([-0.25, 0.0]), np.array([0.25, 0.0]))])
        assert np.isfinite(value.lo).all()
        assert np.isfinite(value.hi).all()
