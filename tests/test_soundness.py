"""Random functions and random intervals: no certified number is exceeded by what a high-precision opponent finds."""

from __future__ import annotations

import random
import sys
from fractions import Fraction
from typing import Any

import enclosures
import mpmath
import numpy as np
import pytest
import soundness

import mgdl_theory as mg
from mgdl_theory.certificate import check
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.targets.base import Defects
from mgdl_theory.targets.formula.target import ExpressionTarget
from mgdl_theory.verification.record import Report

NORMAL, DEEP, CHUNK = 14, 6000, 100
INTERVAL_SEEDS = 10

pytest.importorskip("flint")
pytest.importorskip("ival")


def found(outcomes: list[soundness.Outcome]) -> list[str]:
    return [f"seed {o.seed}: {text}" for o in outcomes for text in o.violations]


def test_no_bound_is_exceeded_on_random_functions() -> None:
    outcomes = soundness.run(range(NORMAL))
    assert found(outcomes) == []
    assert sum(o.count["functions"] for o in outcomes) > NORMAL / 2
    assert 0.99 < max(o.closest for o in outcomes) <= 1 + 1e-30, "bounds are nearly reached, so the opponent is strong"


@pytest.mark.deep
@pytest.mark.parametrize("first", range(0, DEEP, CHUNK))
def test_no_bound_is_exceeded_on_thousands_of_random_functions(first: int) -> None:
    assert found(soundness.run(range(first, first + CHUNK))) == []


def test_no_enclosure_excludes_what_arb_finds() -> None:
    opponent = enclosures.run(0, 40)
    assert opponent.violations == []
    assert opponent.count.total() > 5000


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(INTERVAL_SEEDS))
def test_no_enclosure_of_thousands_excludes_what_arb_finds(seed: int) -> None:
    assert enclosures.run(seed, 2000).violations == []


# -- the campaigns can fail ------------------------------------------------------------------------


def test_a_bulge_that_is_a_little_too_small_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = ExpressionTarget.defects

    def shrunk(self: ExpressionTarget, level: int, cells: Any) -> Defects:
        d = honest(self, level, cells)
        return Defects(0.98 * d.sag, 0.98 * d.bulge, d.sag_theta, d.bulge_theta, d.range)

    monkeypatch.setattr(ExpressionTarget, "defects", shrunk)
    assert any(soundness.trial(seed).violations for seed in range(NORMAL))


def test_a_bound_of_a_residual_that_is_too_small_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = soundness.attack_report

    def lowered(attack: soundness.Attack, report: Report) -> None:
        from dataclasses import replace

        rows = tuple(replace(row, residual_sup_upper=0.5 * row.residual_sup_upper) for row in report.rows)
        honest(attack, replace(report, rows=rows))

    monkeypatch.setattr(soundness, "attack_report", lowered)
    assert any(soundness.trial(seed).violations for seed in range(NORMAL))


def test_a_checker_whose_second_derivatives_are_wrong_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = check.Jets.mul

    def without_cross_terms(self: check.Jets, u: check.Jet, v: check.Jet) -> check.Jet:
        return honest(self, u, v)._replace(hess=dict.fromkeys(self.pairs, (0, 0)))

    monkeypatch.setattr(check.Jets, "mul", without_cross_terms)
    assert any("checker" in text for seed in range(NORMAL) for text in soundness.trial(seed).violations)


def test_an_exponential_that_forgets_an_ulp_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = get_engine("numpy")
    monkeypatch.setattr(type(engine), "exp", lambda self, a: Interval(np.exp(a.lo), np.exp(a.hi)))
    opponent = enclosures.Opponent(0)
    import flint

    with flint.ctx.workprec(enclosures.PRECISION):
        opponent.unary("exp", "numpy", 300)
    assert opponent.violations


# -- the opponent ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(0, 120, 4))
def test_the_opponent_and_the_package_read_the_same_function(seed: int) -> None:
    """Two evaluators, two readings of one text: at random points the same to 40 digits."""
    case = soundness.make(seed)
    if case is None:
        return
    rng = random.Random(seed)
    with mpmath.workdps(soundness.DIGITS):
        for _ in range(3):
            t = tuple(Fraction(rng.randint(0, 1 << 12), 1 << 12) for _ in range(case.dim))
            mine, theirs = case.f(t), soundness.fraction(case.target.mp(case.place(t), soundness.DIGITS))
            assert abs(mine - theirs) <= Fraction(1, 10**30) * (1 + abs(mine))


def test_all_functions_of_the_language_occur_among_the_first_functions() -> None:
    missing = {*soundness.ANYWHERE, *soundness.SOMEWHERE, *soundness.SPECIAL, *soundness.PAIRS}
    missing |= {"min", "max", "**", "/", "pi", "e", "1e-9"}
    dims = set()
    for seed in range(200):
        if (missing or dims < {1, 2, 3}) and (case := soundness.make(seed)):
            dims.add(case.dim)
            text = case.text
            missing -= {n for n in missing if f"{n}(" in text or f" {n} " in text or f"({n})" in text}
    assert missing == set()
    assert dims == {1, 2, 3}


def test_the_opponent_climbs_to_the_maximum() -> None:
    case = soundness.Case(("variable", 0), "x", mg.target("x"))
    attack = soundness.Attack(case, random.Random(0))
    peak = Fraction(5, 7)
    ends = (Fraction(0),), (Fraction(1),)
    best, at = attack.climb(lambda t: -((t[0] - peak) ** 2), (Fraction(1, 2),), Fraction(1, 8), *ends)
    assert -best < Fraction(1, 10**4)
    assert abs(at[0] - peak) < Fraction(1, 100)


def test_the_opponent_stays_fast_where_numbers_are_enormous() -> None:
    """sin(exp(exp(20 x))) needs 10^8 digits of pi at x = 1; the next exponential cannot be written."""
    steep = ("exp", ("exp", ("*", ("number", "20"), ("variable", 0))))
    with mpmath.workdps(soundness.DIGITS):
        assert abs(soundness.compiled(("sin", steep))([mpmath.mpf(1)])) <= 1
        with pytest.raises(soundness.Beyond):
            soundness.compiled(("atan", ("exp", ("exp", ("*", ("number", "1000"), steep)))))([mpmath.mpf(1)])
        small = mpmath.mpf(2) ** soundness.LIMIT / 3
        assert soundness.phase(small) == small
    assert soundness.trial(5359).violations == ()  # sin(sinh(1.5 x - 1e6))


@pytest.mark.parametrize("script", ["soundness", "enclosures"])
def test_the_campaigns_run_as_scripts(
    script: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ["--seeds", "0", "1", "--size", "16"] if script == "enclosures" else ["--seeds", "0", "2"]
    monkeypatch.setattr(sys, "argv", [script, *more])
    assert {"soundness": soundness, "enclosures": enclosures}[script].main() == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(" 0 violations")
