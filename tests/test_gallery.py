"""The gallery: every entry is the function that its title says, and is certified; uniform balls."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mgdl_theory as mg
from mgdl_theory.cli import main
from mgdl_theory.errors import MgdlError
from mgdl_theory.targets.ball import UniformBall
from mgdl_theory.targets.base import Box
from mgdl_theory.targets.formula.target import ExpressionTarget
from mgdl_theory.targets.gallery import GALLERY, Entry, find

ROOT = Path(__file__).resolve().parents[1]
mp = mpmath.mp.clone()
mp.dps = 40

Point = Sequence[Fraction]
LEVEL = 40


# -- plain definitions, written once more and without the package ----------------------------------


def dice(seed: int) -> Callable[[int, int], int]:
    source = random.Random(seed)
    return lambda low, high: low + math.floor((high - low + 1) * source.random())


def fifty_kinks(x: Any) -> Any:
    throw = dice(50)
    total = mp.mpf(0)
    for k in range(50):
        size = throw(16, 32)
        total += mp.mpf(-size if k % 2 else size) / 16 * abs(x - mp.mpf(20 * k + throw(1, 19)) / 1000)
    return total


def min_of_planes(x: Any, y: Any) -> Any:
    throw = dice(12)
    return min((throw(-64, 64) * x + throw(-64, 64) * y + throw(0, 64)) / 64 for _ in range(12))


def polygon(x: Any, y: Any) -> Any:
    """Distance to the nearest of the five edges: foot of the perpendicular, cut off at the ends."""
    corners = [(a / mp.mpf(8), b / mp.mpf(8)) for a, b in ((2, 1), (7, 3), (5, 7), (4, 4), (1, 6))]
    found = []
    for (px, py), (qx, qy) in zip(corners, corners[1:] + corners[:1], strict=True):
        u, v = qx - px, qy - py
        t = min(1, max(0, ((x - px) * u + (y - py) * v) / (u * u + v * v)))
        found.append(mp.hypot(x - px - t * u, y - py - t * v))
    return min(found)


def twenty_sines(amplitude: Callable[[int, Any], Any]) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        throw = dice(20)
        phases = [mp.mpf(throw(0, 6283)) / 1000 for _ in range(20)]
        return sum(amplitude(j, x) * mp.sin(2 * mp.pi * 10 * j * x + p) for j, p in enumerate(phases, 1))

    return f


def nested_abs(x: Any) -> Any:
    g1 = abs(mp.cos(15 * mp.pi * (x - mp.mpf("0.3"))) - mp.mpf("0.7"))
    g2 = abs(mp.cos(2 * mp.pi * (g1 - mp.mpf("0.5"))) - mp.mpf("0.5"))
    g3 = -abs(g2 - mp.mpf("1.3")) + mp.mpf("1.3")
    g4 = -abs(g3 - mp.mpf("0.9")) + mp.mpf("0.9")
    return (x + 1) * g4


def franke(x: Any, y: Any) -> Any:
    hills = mp.mpf(3) / 4 * mp.exp(-((9 * x - 2) ** 2) / 4 - (9 * y - 2) ** 2 / 4)
    hills += mp.mpf(3) / 4 * mp.exp(-((9 * x + 1) ** 2) / 49 - (9 * y + 1) / 10)
    hills += mp.mpf(1) / 2 * mp.exp(-((9 * x - 7) ** 2) / 4 - (9 * y - 3) ** 2 / 4)
    return hills - mp.mpf(1) / 5 * mp.exp(-((9 * x - 4) ** 2) - (9 * y - 7) ** 2)


def peaks(x: Any, y: Any) -> Any:
    a = 3 * (1 - x) ** 2 * mp.exp(-(x**2) - (y + 1) ** 2)
    b = 10 * (x / 5 - x**3 - y**5) * mp.exp(-(x**2) - y**2)
    return a - b - mp.exp(-((x + 1) ** 2) - y**2) / 3


def cantor(x: Any) -> Any:
    """By ternary digits: stop at the first 1, halve the others."""
    total, weight = mp.mpf(0), mp.mpf(1) / 2
    if x >= 1:
        return mp.mpf(1)
    for _ in range(130):
        x *= 3
        digit = int(mp.floor(x))
        x -= digit
        if digit == 1:
            return total + weight
        total += weight * digit / 2
        weight /= 2
    return total


def takagi(x: Any) -> Any:
    """All terms: those from LEVEL on vanish at the nodes of that level."""
    return sum(abs(2**k * x - mp.nint(2**k * x)) / mp.mpf(2) ** k for k in range(LEVEL + 2))


def weierstrass(x: Any) -> Any:
    """140 terms at 120 digits: cos(3^n pi x) needs all digits of 3^n x modulo 2."""
    fine = mpmath.mp.clone()
    fine.dps = 120
    return mp.mpf(sum(fine.cospi(fine.fmod(3**n * fine.mpf(x), 2)) / fine.mpf(2) ** n for n in range(140)))


def brownian(x: Any) -> Any:
    """The path by its own recursion, interpolated between the two nearest steps."""
    source, place, path = random.Random(1827), 0.0, [mp.mpf(0)]
    for _ in range(1000):
        radius = math.sqrt(-2 * math.log(1 - source.random()))
        place += radius * math.cos(2 * math.pi * source.random()) / math.sqrt(1000)
        path.append(mp.nint(mp.mpf(place) * 2**20) / 2**20)
    k = min(int(mp.floor(1000 * x)), 999)
    part = 1000 * x - k
    return (1 - part) * path[k] + part * path[k + 1]


PLAIN: dict[str, Callable[..., Any]] = {
    "constant": lambda x: mp.mpf(1) / 3,
    "linear": lambda x: 2 * x - mp.mpf(1) / 3,
    "quadratic": lambda x: x * x - mp.mpf("0.3"),
    "damped-sine": lambda x: mp.sin(10 * x) / mp.exp(x),
    "fast-sine": lambda x: mp.sin(100 * x),
    "runge": lambda x: 1 / (1 + (5 * x) ** 2),
    "bump": lambda x: mp.exp(-1 / (1 - x * x)) if abs(x) < 1 else mp.mpf(0),
    "two-waves": lambda x, y: mp.sin(6 * x) * mp.cos(5 * y) + mp.exp(-x * y),
    "franke": franke,
    "peaks": peaks,
    "himmelblau": lambda x, y: ((x * x + y - 11) ** 2 + (x + y * y - 7) ** 2) / 100,
    "rosenbrock": lambda x, y: ((1 - x) ** 2 + 100 * (y - x * x) ** 2) / 1000,
    "plane-waves": lambda x, y: mp.sin(50 * x / mp.sqrt(2)) * mp.sin(50 * y / mp.sqrt(2)),
    "three-waves": lambda x, y, z: mp.sin(3 * x) * mp.cos(2 * y) + mp.exp(-x * z),
    "product": lambda x, y, z, w: x * y * z * w,
    "cosines-5": lambda *x: sum(mp.cos(t) for t in x),
    "abs-third": lambda x: abs(x - mp.mpf(1) / 3),
    "larger-of": lambda x: max(mp.sin(7 * x), x * x),
    "fifty-kinks": fifty_kinks,
    "cone": lambda x, y: mp.hypot(x, y),
    "min-of-planes": min_of_planes,
    "polygon": polygon,
    "brownian": brownian,
    "nested-abs": nested_abs,
    "chirp": lambda x: mp.cos(36 * mp.pi * x * x) - mp.mpf(4) / 5 * mp.cos(12 * mp.pi * x * x),
    "twenty-sines-1": twenty_sines(lambda j, x: 1),
    "twenty-sines-2": twenty_sines(lambda j, x: mp.mpf(21 - j) / 20),
    "twenty-sines-3": twenty_sines(lambda j, x: mp.exp(-x) * mp.cos(j * x)),
    "twenty-sines-4": twenty_sines(lambda j, x: mp.mpf(j) / 20),
    "sqrt": lambda x: mp.sqrt(x),
    "root-abs": lambda x: mp.sqrt(abs(x)),
    "cube-root": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "x-log-x": lambda x: x * mp.log(x) if x else mp.mpf(0),
    "x-sin-1-x": lambda x: x * mp.sin(1 / x) if x else mp.mpf(0),
    "cantor": cantor,
    "cantor-by-modulus": cantor,
    "x-sin-1-x-by-modulus": lambda x: x * mp.sin(1 / x) if x else mp.mpf(0),
    "takagi": takagi,
    "weierstrass": weierstrass,
}

LOOSE = {"fifty-kinks": "0.02", "weierstrass": "0.2", "cantor": "0.1"} | {
    f"twenty-sines-{k}": "3" for k in (1, 2, 3, 4)
}
"""Tolerances of the quick run; by default ten times the entry's own."""

ENTRIES = [pytest.param(entry, id=entry.name) for entry in GALLERY.values()]
SERIES = [pytest.param(entry, id=entry.name) for entry in GALLERY.values() if entry.series]


def loose(entry: Entry) -> str:
    return LOOSE.get(entry.name, str(10 * float(entry.tol)))


def plain(entry: Entry, point: Point) -> Any:
    return PLAIN[entry.name](*(mp.mpf(x.numerator) / x.denominator for x in point))


def random_nodes(entry: Entry, count: int) -> np.ndarray:
    """Nodes of ``LEVEL``: the two ends, the middle, and random ones."""
    rng = np.random.default_rng(len(entry.name))
    ends = np.full((3, entry.dim), 1 << LEVEL) * np.array([[0], [1], [2]]) // 2
    return np.concatenate([ends, rng.integers(0, 1 << LEVEL, (count, entry.dim))])


# -- what the entries are --------------------------------------------------------------------------


def test_every_entry_has_a_plain_definition_here() -> None:
    assert list(PLAIN) == list(GALLERY)
    assert len(GALLERY) >= 30


@pytest.mark.parametrize("entry", ENTRIES)
def test_values_hold_the_plain_definition(entry: Entry) -> None:
    """Also for a series: its values hold the full sum, and are hardly wider than its tail asks for."""
    f = entry.target()
    nodes = random_nodes(entry, 12)
    found = f.values(LEVEL, nodes)
    about = f(np.array([[float(x) for x in f.box.point(node.tolist(), LEVEL)] for node in nodes]))
    tail = 2 * float(f.radius) if isinstance(f, UniformBall) else 0.0
    for k, node in enumerate(nodes):
        truth = plain(entry, f.box.point(node.tolist(), LEVEL))
        size = 1 + abs(float(truth))
        assert found.lo[k] <= truth <= found.hi[k]
        assert found.hi[k] - found.lo[k] <= tail + 1e-7 * size
        assert abs(about[k] - float(truth)) <= tail + 1e-7 * size


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_record_is_complete(entry: Entry) -> None:
    f = entry.target()
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", entry.name)
    assert f.dim == entry.dim == len(entry.domain) // 2
    assert f.box == entry.box == Box.of(entry.domain)
    assert f.certified
    assert f.text.startswith(f"@{entry.name}: ")
    assert len(f.text) < 120
    assert entry.title
    assert entry.regularity
    assert entry.expect
    assert Fraction(entry.tol) > 0
    assert bool(entry.tail) == (entry.series is not None)
    if entry.series is None and entry.make is None:
        assert mg.target(entry.formula, entry.domain).values(2, np.zeros((1, entry.dim), dtype=np.int64))


def test_both_engines_serve_the_gallery() -> None:
    assert find("takagi").target(engine="numpy").center.engine_name == "numpy"
    pytest.importorskip("ival", reason="the crival extra is not installed")
    assert find("takagi").target(engine="crival").center.engine_name == "crival"


# -- what is proved of them ------------------------------------------------------------------------


def certify(entry: Entry, tol: str) -> None:
    """PROVED, and true of the plain definition at random points."""
    f = entry.target(tol)
    scheme = mg.construct(f, tol)
    report = mg.verify(scheme)
    assert str(report.verdict) == "PROVED", report.last_line()
    assert report.residual_sup_upper <= float(tol)
    for node in random_nodes(entry, 4):
        point = f.box.point(node.tolist(), LEVEL)
        truth = plain(entry, point)
        sizes = []
        for k in (0, len(scheme.grades) // 2, len(scheme.grades)):
            g = scheme.exact(point, k)
            sizes.append(abs(truth - mp.mpf(g.numerator) / g.denominator))
        assert sizes[2] <= sizes[1] + mp.mpf("1e-30") <= sizes[0] + mp.mpf("2e-30")
        assert sizes[2] <= report.residual_sup_upper


@pytest.mark.parametrize("entry", ENTRIES)
def test_it_is_certified_at_a_loose_tolerance(entry: Entry) -> None:
    certify(entry, loose(entry))


@pytest.mark.deep
@pytest.mark.parametrize("entry", ENTRIES)
def test_it_is_certified_at_its_own_tolerance(entry: Entry) -> None:
    certify(entry, entry.tol)


# -- tails -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", SERIES)
def test_the_tail_bound_holds_for_every_number_of_terms(entry: Entry) -> None:
    """|plain definition - partial sum| <= bound, and not far below it at some point, where the bound is sharp."""
    assert entry.series
    for terms in (1, 2, 3, 5, 8):
        text, tail = entry.series(terms)
        f = ExpressionTarget(text, entry.box)
        apart = []
        for node in random_nodes(entry, 20):
            point = f.box.point(node.tolist(), LEVEL)
            apart.append(abs(plain(entry, point) - f.mp(point, 40)))
        assert max(apart) <= mp.mpf(tail.numerator) / tail.denominator
        if entry.name in ("weierstrass", "takagi"):
            assert 2 * max(apart) >= float(tail)


@pytest.mark.parametrize("entry", SERIES)
def test_a_smaller_tolerance_takes_more_terms_up_to_the_last(entry: Entry) -> None:
    radii = [entry.target(tol).radius for tol in ("0.1", "1e-3", "1e-12")]
    assert radii[0] > radii[1] >= radii[2]
    assert radii[0] <= Fraction("0.1") / 4
    assert entry.target("1e-30").radius == entry.target("1e-40").radius > 0


def test_a_tail_is_named_among_what_is_taken_on_trust() -> None:
    for f in (find("x-log-x").target("1e-2"), mg.target("sin(x)", tail="1/8")):
        (told,) = f.describe()["taken_on_trust"]
        assert "tail" in f.describe()["assumptions"]
        assert str(f.radius) in told
        assert f.center.text in told


def test_a_tail_too_large_for_the_tolerance_is_undecided_with_the_best_bound() -> None:
    ball = mg.target("cos(3*x)", tail="1e-2")
    report = mg.verify(mg.construct(ball, "1e-3"))
    assert str(report.verdict) == "UNDECIDED"
    assert "only known to within +-0.01" in report.last_line()
    assert 0.01 <= report.residual_sup_upper <= 0.03
    assert report.result("balanced").verdict is mg.Verdict.PROVED


def test_a_tail_of_nearly_half_the_tolerance_is_no_obstacle() -> None:
    for tail in ("1e-6", "1e-4", "4e-4"):
        report = mg.verify(mg.construct(mg.target("sin(10*x)*exp(-x)", tail=tail), "1e-3"))
        assert str(report.verdict) == "PROVED"


# -- uniform balls ---------------------------------------------------------------------------------

CENTERS = ("x**2 - 0.3", "sin(10*x)*exp(-x)", "abs(x - 1/3)", "sqrt(x)", "1/3 - x", "max(sin(7*x), x**2)")


def residual_sizes(scheme: mg.Scheme, x: np.ndarray, values: np.ndarray) -> list[np.ndarray]:
    """|values - approximant| at points of [0, 1] after every grade."""
    grades = (grade.atoms(x[:, None]) for grade in scheme.grades)
    return [np.abs(values - total) for total in itertools.accumulate(grades, initial=np.full(len(x), scheme.lift))]


@given(st.sampled_from(CENTERS), st.sampled_from(("1/100", "1/1000")), st.integers(1, 400), st.integers(0, 6))
def test_a_scheme_for_a_ball_is_balanced_for_every_function_in_it(
    text: str, radius: str, frequency: int, shift: int
) -> None:
    """A wave of the size of the radius is added: no point gets worse at any grade, and the tolerance is kept."""
    ball = mg.target(text, tail=radius)
    scheme = mg.construct(ball, "1/10")
    report = mg.verify(scheme)
    assert str(report.verdict) == "PROVED"
    x = np.linspace(0.0, 1.0, 1501)
    wave = ball(x) + float(Fraction(radius)) * np.sin(frequency * x + shift)
    sizes = residual_sizes(scheme, x, wave)
    for row, before, size in zip(report.rows, [sizes[0], *sizes], sizes, strict=False):
        assert np.all(size <= before + 1e-12)
        assert size.max() <= row.residual_sup_upper + 1e-12
    assert sizes[-1].max() <= 0.1


@given(st.sampled_from(CENTERS), st.integers(0, 5), st.floats(-1, 1), st.floats(0, 1))
def test_values_and_defects_enclose_every_function_of_the_ball(
    text: str, level: int, part: float, place: float
) -> None:
    """I_T lo - sag <= f + s <= I_T hi + bulge on the cell, for a constant |s| <= r; without the widening it fails."""
    ball = mg.target(text, tail="1/8")
    assert isinstance(ball, UniformBall)
    at = min(int(place * 2**level), 2**level - 1)
    cell = np.array([[at]])
    t = np.linspace(0.0, 1.0, 33)
    truth = ball((at + t) / 2**level) + part / 8
    defects = ball.defects(level, cell)
    for target, must in ((ball, True), (ball.center, abs(part) < 1e-9)):
        ends = target.values(level, np.array([[at], [at + 1]]))
        low = (1 - t) * ends.lo[0] + t * ends.lo[1] - defects.sag
        high = (1 - t) * ends.hi[0] + t * ends.hi[1] + defects.bulge
        if must:
            assert np.all((low <= truth + 1e-12) & (truth <= high + 1e-12))
    assert defects.range.lo[0] <= truth.min() + 1e-12
    assert truth.max() <= defects.range.hi[0] + 1e-12


def test_a_ball_whose_values_forget_the_radius_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: values of the center.  The scheme then lets a member of the ball grow at some point."""
    scheme = mg.construct(mg.target("sin(10*x)*exp(-x)", tail="1/100"), "1/20")
    monkeypatch.setattr(UniformBall, "values", lambda self, level, nodes: self.center.values(level, nodes))
    forgetful = mg.construct(mg.target("sin(10*x)*exp(-x)", tail="1/100"), "1/20")
    x = np.linspace(0.0, 1.0, 4001)
    for candidate, sound in ((scheme, True), (forgetful, False)):
        worst = 0.0
        for sign in (-0.01, 0.01):
            sizes = residual_sizes(candidate, x, candidate.target(x) + sign)
            worst = max(worst, *(float((b - a).max()) for a, b in itertools.pairwise(sizes)))
        assert (worst <= 1e-12) == sound


def test_a_claim_of_a_scheme_is_refuted_for_the_whole_ball_or_not_at_all() -> None:
    """Atoms built for f overshoot some F near it: not refuted, since f itself is a member; far off, refuted."""
    scheme = mg.construct(mg.target("x**2 - 0.3"), "1/10")
    near = mg.verify(scheme, target=mg.target("x**2 - 0.3", tail="1/10"))
    assert near.result("balanced").verdict is mg.Verdict.UNDECIDED
    far = mg.verify(scheme, target=mg.target("x**2/2 - 0.3", tail="1/100"))
    assert far.result("balanced").verdict is mg.Verdict.REFUTED


@pytest.mark.parametrize("radius", ["-1", "x", float("nan"), None])
def test_a_radius_must_be_a_number_of_at_least_0(radius: Any) -> None:
    with pytest.raises(MgdlError, match="tail: expected a number"):
        UniformBall(ExpressionTarget("x"), radius)


# -- names, on the command line and in Python ------------------------------------------------------


def test_a_wrong_name_is_answered_with_a_right_one() -> None:
    with pytest.raises(MgdlError, match="did you mean @weierstrass"):
        mg.target("@weierstras")
    with pytest.raises(MgdlError, match="mgdl-theory gallery lists all"):
        mg.target("@" + "q" * 5000)
    with pytest.raises(MgdlError, match="brings its own domain"):
        mg.target("@sqrt", [0, 2])
    with pytest.raises(MgdlError, match="brings its own domain"):
        mg.target("@sqrt", tail="1/2")


def test_the_command_lists_the_gallery(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gallery"]) == 0
    listed = re.findall(r"^@(\S+)", capsys.readouterr().out, re.MULTILINE)
    assert listed == list(GALLERY)
    assert main(["gallery", "@takagi"]) == 0
    told = capsys.readouterr().out
    assert "2^(1-N)/3" in told
    assert "1903" in told
    assert main(["gallery", "takagy"]) == 2
    assert "did you mean @takagi" in capsys.readouterr().err


def test_the_command_runs_an_entry_at_its_own_tolerance_or_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "@abs-third", "--quiet"]) == 0
    assert "tol = 1e-6" in capsys.readouterr().out
    assert main(["verify", "@takagi", "--tol", "0.1", "--quiet"]) == 0
    assert "tail <= 0.0209" in capsys.readouterr().out
    assert main(["verify", "@sqrt", "--domain", "0", "2"]) == 2
    assert "brings its own domain" in capsys.readouterr().err


def test_every_command_that_takes_a_formula_takes_a_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", "@abs-third", "--tol", "0.1", "--out", str(tmp_path / "a.svg")]) == 0
    assert main(["export", "@abs-third", "--tol", "0.1", "--to", str(tmp_path / "a.npz"), "--quiet"]) == 0
    assert main(["verify", "@abs-third", "--tol", "0.1", "--certificate", str(tmp_path / "a.json"), "--quiet"]) == 0
    assert main(["check", str(tmp_path / "a.json")]) == 0
    assert "VERIFIED" in capsys.readouterr().out.upper()
