"""Mutants of certificates: what is false is refused, with a reason that names the place and is true."""

from __future__ import annotations

import functools
import itertools
import random
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
import tampering
from tampering import BASES, BESIDE, MUTATIONS, Oracle, Poly, base, line, plane

from mgdl_theory.certificate import check

NORMAL, DEEP, CHUNK = 200, 10_000, 500


@functools.cache
def mutants() -> list[tampering.Trial]:
    return tampering.run(range(NORMAL))


def wrong(trials: list[tampering.Trial]) -> list[str]:
    return [f"seed {t.seed}: {t.base}: {t.mutation}: {t.outcome}: {t.last[:300]}" for t in trials if t.wrong]


def test_no_mutant_is_accepted_wrongly_or_refused_without_a_place() -> None:
    assert wrong(mutants()) == []


def test_the_mutants_are_of_all_kinds_and_both_truths() -> None:
    """Most mutants are false; true ones are accepted, save for some that the checker cannot show."""
    kinds = {kind for t in mutants() for kind in t.mutation.split(" and ")}
    assert len(kinds) >= len(MUTATIONS) - 1
    assert {t.base for t in mutants()} == set(BASES)
    outcomes = [t.outcome for t in mutants()]
    assert outcomes.count("false, refused") > NORMAL / 2
    assert outcomes.count("true, accepted") > NORMAL / 8
    assert outcomes.count("true, refused") < NORMAL / 10
    assert {t.claim for t in mutants()} >= {"format", "tiling", "leaves", "residuals", "balanced", "sup-norm"}


@pytest.mark.deep
@pytest.mark.parametrize("first", range(0, DEEP, CHUNK))
def test_no_mutant_of_ten_thousand_is_accepted_wrongly(first: int) -> None:
    assert wrong(tampering.run(range(first, first + CHUNK))) == []


def test_no_mutant_of_a_kink_that_does_not_read_a_variable_is_accepted_wrongly() -> None:
    trials = tampering.run(range(40), bases=tuple(BESIDE))
    assert wrong(trials) == []
    assert {t.base for t in trials} == set(BESIDE)
    assert {"false, refused", "true, accepted"} <= {t.outcome for t in trials}


# -- the campaign can fail -------------------------------------------------------------------------


def yes(*_: Any) -> bool:
    return True


def no_gaps(self: check.Certificate) -> list[set[tuple[int, ...]]]:
    """A tiling that nobody looks at."""
    split: list[set[tuple[int, ...]]] = [set() for _ in range(check.MAX_LEVEL + 2)]
    for level in range(check.MAX_LEVEL, 0, -1):
        inside = itertools.chain(self.leaves[level], split[level])
        split[level - 1] = {tuple(i >> 1 for i in cell) for cell in inside}
    return split


DEFECTS: dict[str, tuple[str, Any, str, Callable[..., Any]]] = {
    "balancedness is believed": ("coefficient", check.Target, "balanced", yes),
    "bounds are believed": ("bound of a leaf", check.Target, "bounded", yes),
    "the tiling is believed": ("leaf dropped", check.Certificate, "tree", no_gaps),
    "lower bounds are believed": ("lower", check.Target, "real", lambda *_: (Fraction(check.INF), Fraction(check.INF))),
}
"""A kind of mutants that shows the defect, and the method that is replaced."""


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_of_the_checker_is_seen(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, *replaced = DEFECTS[defect]
    seeds = [seed for seed in range(NORMAL) if kind in tampering.mutant(seed)[1]]
    monkeypatch.setattr(*replaced)
    assert any(tampering.trial(seed).outcome.startswith("ACCEPTED") for seed in seeds)


# -- the oracle ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*BASES, *BESIDE])
def test_the_claims_of_every_base_are_what_the_oracle_says(name: str) -> None:
    data, pieces = base(name).data, base(name).pieces
    truth = Oracle(data, pieces).truth()
    for claim in data["claims"]:
        if claim["verdict"] != "UNDECIDED":
            assert truth[claim["claim"]] is (claim["verdict"] == "PROVED"), claim["claim"]


@pytest.mark.parametrize("name", [*BASES, *BESIDE])
def test_the_polynomials_are_the_formula(name: str) -> None:
    """At random points, by the checker's reading of the text; also after mutation."""
    rng = random.Random(name)
    for seed in range(3):
        data, pieces = base(name).data, base(name).pieces
        if seed:
            pieces = tampering.expression(random.Random(seed), data := {"target": dict(data["target"])}, pieces)
        names = data["target"]["variables"]
        f = check.Target(data["target"]["expression"], names, [(Fraction(0), Fraction(1))] * len(names), 256, "arb")
        for _ in range(5):
            x = tuple(Fraction(rng.randint(0, 99), 99) for _ in names)
            lo, hi = f.value(list(x))
            assert lo - 9 <= max(p.at(x) for p in pieces) * (1 << 256) <= hi + 9


def sampled(vertices: tampering.Vertices, count: int = 24) -> list[tampering.Point]:
    """A grid of points of a simplex, by barycentric coordinates."""
    d = len(vertices) - 1
    weights = [w for w in itertools.product(range(count + 1), repeat=d) if sum(w) <= count]
    full = [(*w, count - sum(w)) for w in weights]
    return [
        tuple(sum((Fraction(n, count) * v[a] for n, v in zip(w, vertices, strict=True)), Fraction(0)) for a in range(d))
        for w in full
    ]


PIECES = [
    (line(3, -2, Fraction(1, 7)),),
    (line(1, 0, 0), line(1, 1, Fraction(-1, 3))),
    (plane(1, 1, 2, -1, -1, 0),),
    (plane(-1, 3, 1, 0, 1, 0),),
    (plane(1, 0, 0, 0, 0, 0), plane(1, 0, 0, 1, -1, Fraction(1, 5))),
]


@pytest.mark.parametrize("pieces", PIECES)
def test_extreme_values_on_simplices_bound_all_samples_and_are_nearly_reached(pieces: tuple[Poly, ...]) -> None:
    d = len(pieces[0].b)
    chain = [tuple(Fraction(int(a < k)) for a in range(d)) for k in range(d + 1)]
    values = [max(f.at(x) for f in pieces) for x in sampled(tuple(chain))]
    low, high = tampering.smallest(pieces, chain), tampering.largest(pieces, chain)
    assert low <= min(values) <= low + Fraction(1, 30)
    assert high - Fraction(1, 30) <= max(values) <= high


@pytest.mark.parametrize("pieces", PIECES)
def test_fairness_is_that_of_samples(pieces: tuple[Poly, ...]) -> None:
    """For random nodal values: where a sample contradicts, the oracle says no; where none does, nearly always yes."""
    rng, d = random.Random(1), len(pieces[0].b)
    chain = tuple(tuple(Fraction(int(a < k)) for a in range(d)) for k in range(d + 1))
    points, agreed = sampled(chain, 12), 0
    for _ in range(60):
        G, g = (tuple(Fraction(rng.randint(-12, 12), 16) for _ in chain) for _ in range(2))
        G = tuple(max(f.at(v) for f in pieces) - u for f, v, u in zip(itertools.cycle(pieces), chain, G, strict=False))
        g = tuple(u / rng.choice([1, 4, 16]) * rng.choice([0, 1, 1]) for u in g)
        whole, step = tampering.interpolant(chain, G), tampering.interpolant(chain, g)
        found = tampering.fair(pieces, chain, G, g)
        seen = all(step.at(x) * (max(f.at(x) for f in pieces) - whole.at(x) - step.at(x)) >= 0 for x in points)
        assert not found or seen
        agreed += found == seen
    assert agreed >= 54


def test_the_campaign_runs_as_a_script(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tampering.py", "--seeds", "0", "4", "--engine", "mpmath"])
    assert tampering.main() == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(": 0 wrong")
