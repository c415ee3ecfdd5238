"""Directed rounding against exact rational arithmetic, and assumptions that are seen to fail when broken."""

from __future__ import annotations

import ctypes
import ctypes.util
import math
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import mgdl_theory as mg
from mgdl_theory.certificate import check
from mgdl_theory.certificate.refutation import refutation
from mgdl_theory.errors import AssumptionError
from mgdl_theory.relu.export import load_npz, save_npz, save_onnx, state_arrays
from mgdl_theory.relu.measure import agreement
from mgdl_theory.relu.ranges import cell_ranges
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.rounding import (
    ASSUMPTIONS,
    ETA,
    FUNCTION_ULPS,
    LARGEST,
    UNIT,
    add_down,
    add_up,
    check_arithmetic,
    check_functions,
    checked_arithmetic,
    down,
    exact_sum,
    mul_up,
    quiet,
    reference_values,
    self_check,
    sub_down,
    sub_up,
    two_product,
    two_sum,
    up,
)
from mgdl_theory.targets import parallel
from mgdl_theory.training import Adam, TrainedGrade, TrainedModel, sample, train
from mgdl_theory.training.balanced import train_balanced, train_balanced_on_data

ROOT = Path(__file__).resolve().parents[1]

EDGES = [0.0, -0.0, ETA, -ETA, 3 * ETA, 2.0**-1022, -(2.0**-1022), 2.0**-969, 1.0, -1.0, 1 - UNIT, 1 + 2 * UNIT]
EDGES += [2.0**53, 2.0**1023, LARGEST, -LARGEST, LARGEST / 2, 2.0**996, 1e-300, 1e300]

numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(EDGES),
    st.builds(math.ldexp, st.integers(-(2**53), 2**53), st.integers(-1074, 970)),
    st.builds(math.ldexp, st.integers(-20, 20), st.integers(-60, 60)),
)
anything = st.one_of(numbers, st.sampled_from([math.inf, -math.inf, math.nan]))


def at_most(x: Any, exact: Fraction) -> bool:
    """Whether a computed lower bound is one."""
    return x == -math.inf or (math.isfinite(x) and Fraction(float(x)) <= exact)


def at_least(x: Any, exact: Fraction) -> bool:
    return at_most(-x, -exact)


# -- one step --------------------------------------------------------------------------------------


@given(numbers)
def test_down_and_up_reach_the_neighbours_and_at_most_one_more(x: float) -> None:
    lower, upper = float(down(x)), float(up(x))
    assert lower <= math.nextafter(x, -math.inf)
    assert upper >= math.nextafter(x, math.inf)
    assert lower >= math.nextafter(math.nextafter(x, -math.inf), -math.inf)
    assert upper <= math.nextafter(math.nextafter(x, math.inf), math.inf)


@given(st.floats(min_value=2.0**-900, max_value=2.0**1000))
def test_down_and_up_are_the_neighbours_of_ordinary_numbers(x: float) -> None:
    assert [float(down(x)), float(up(x))] == [math.nextafter(x, -math.inf), math.nextafter(x, math.inf)]
    assert [float(down(-x)), float(up(-x))] == [math.nextafter(-x, -math.inf), math.nextafter(-x, math.inf)]


def test_steps_from_infinity_and_nan_are_safe() -> None:
    assert float(down(np.inf)) <= LARGEST
    assert float(down(np.inf)) > LARGEST / 2
    assert float(down(-np.inf)) == -np.inf
    assert float(down(np.nan)) == -np.inf
    assert float(up(-np.inf)) >= -LARGEST
    assert float(up(np.inf)) == float(up(np.nan)) == np.inf
    assert float(up(LARGEST)) == np.inf


def test_steps_of_arrays_do_not_write_to_them() -> None:
    x = np.array([1.0, -2.0, 0.0])
    x.flags.writeable = False
    assert (down(x) < x).all()
    assert (up(x) > x).all()


# -- error-free transformations --------------------------------------------------------------------


@given(numbers, numbers)
@example(1.0, 2.0**-1074)
@example(LARGEST, LARGEST)
@example(LARGEST, -LARGEST)
def test_two_sum_is_exact_or_says_nan(a: float, b: float) -> None:
    s, err = (float(part) for part in two_sum(a, b))
    if math.isfinite(err):
        assert Fraction(s) + Fraction(err) == Fraction(a) + Fraction(b)
        assert abs(err) <= math.ulp(s) / 2
    else:
        assert math.isnan(err)
        assert abs(Fraction(a) + Fraction(b)) > Fraction(LARGEST) / 2


@given(numbers, numbers)
@example(LARGEST, 1 + 2.0**-52)
@example(2.0**996, 0.1)
@example(3 * ETA, 0.3)
@example(0.0, LARGEST)
def test_two_product_is_exact_or_says_nan(a: float, b: float) -> None:
    p, err = (float(part) for part in two_product(a, b))
    if math.isfinite(err):
        assert Fraction(p) + Fraction(err) == Fraction(a) * Fraction(b)
    else:
        assert math.isnan(err)


@given(st.floats(2.0**-400, 2.0**400), st.floats(2.0**-400, 2.0**400))
def test_two_product_is_certain_of_ordinary_numbers(a: float, b: float) -> None:
    assert math.isfinite(float(two_product(a, b)[1]))


@given(anything, anything)
@example(LARGEST, LARGEST)
@example(math.inf, 1.0)
@example(math.inf, -math.inf)
@example(math.nan, 0.0)
def test_exact_sum_is_ok_only_if_exact_and_finite(a: float, b: float) -> None:
    s, ok = exact_sum([a], [b])
    assert ok.dtype == np.bool_
    if ok[0]:
        assert Fraction(a) + Fraction(b) == Fraction(float(s[0]))
    elif math.isfinite(a) and math.isfinite(b) and abs(a) < LARGEST / 4 and abs(b) < LARGEST / 4:
        assert Fraction(a) + Fraction(b) != Fraction(float(s[0]))


def test_exact_sum_sees_what_subtracting_back_does_not() -> None:
    g, c = 1.0, 3 * UNIT
    assert (g + c) - g != c or not exact_sum(g, c)[1]
    large, small = 1.0, 2.0**-53 * (1 + 2.0**-52)
    assert not exact_sum(large, small)[1]
    assert exact_sum(1.0, 2.0**-52)[1]


# -- directed sums and products --------------------------------------------------------------------


@given(numbers, numbers)
@example(LARGEST, LARGEST)
@example(-LARGEST, -LARGEST)
@example(LARGEST, 2.0**969)
@example(1.0, ETA)
@example(-1.0, 1.0)
def test_directed_sums_enclose_and_are_exact_where_the_sum_is(a: float, b: float) -> None:
    for exact, lower, upper in (
        (Fraction(a) + Fraction(b), add_down(a, b), add_up(a, b)),
        (Fraction(a) - Fraction(b), sub_down(a, b), sub_up(a, b)),
    ):
        assert at_most(lower, exact)
        assert at_least(upper, exact)
        if abs(exact) < LARGEST / 4 and float(exact) == exact and max(abs(a), abs(b)) < LARGEST / 4:
            assert lower == upper == float(exact)
        elif abs(exact) < LARGEST / 4 and abs(exact) > 2.0**-900:
            assert math.nextafter(math.nextafter(float(lower), np.inf), np.inf) >= upper


@given(numbers, numbers)
@example(ETA, 0.5)
@example(-ETA, 0.5)
@example(LARGEST, 2.0)
@example(-LARGEST, 2.0)
@example(1.0, 1.0)
def test_mul_up_is_an_upper_bound(a: float, b: float) -> None:
    upper, exact = mul_up(a, b), Fraction(a) * Fraction(b)
    assert at_least(upper, exact)
    if exact == 0 or (2.0**-900 < abs(exact) < 2.0**900 and Fraction(float(exact)) == exact and abs(a * b) > 0):
        assert upper == float(exact) or max(abs(a), abs(b)) > 2.0**900


@pytest.mark.parametrize(("lower", "upper"), [(add_down, add_up), (sub_down, sub_up)])
def test_sums_with_infinities_never_give_nan(lower: Callable[..., Any], upper: Callable[..., Any]) -> None:
    values = np.array([np.inf, -np.inf, 1.0, LARGEST, np.nan])
    a, b = (grid.ravel() for grid in np.meshgrid(values, values))
    assert (lower(a, b) < np.inf).all()
    assert (upper(a, b) > -np.inf).all()
    with quiet():
        unknown = np.isnan(a + b) if lower is add_down else np.isnan(a - b)
    assert (lower(a, b)[unknown] == -np.inf).all()
    assert (upper(a, b)[unknown] == np.inf).all()


def test_bounds_absorb_infinite_margins() -> None:
    assert float(sub_down(1.0, np.inf)) == -np.inf
    assert float(add_up(1.0, np.inf)) == np.inf
    assert float(mul_up(4.0, np.inf)) == np.inf
    assert float(mul_up(0.0, np.inf)) == 0.0


# -- assumptions -----------------------------------------------------------------------------------


def test_every_assumption_says_how_it_is_checked() -> None:
    assert len({entry.id for entry in ASSUMPTIONS}) == len(ASSUMPTIONS) >= 4
    assert all(entry.statement and entry.check for entry in ASSUMPTIONS)


def test_self_check_passes_here() -> None:
    self_check.__wrapped__()


def test_self_check_imports_nothing_heavy() -> None:
    code = (
        "import sys, time\n"
        "from mgdl_theory.rigor.engines import get_engine\n"
        "get_engine('numpy')\n"
        "print([name for name in ('mpmath', 'sympy', 'flint', 'ival') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_reference_values_are_what_mpmath_says() -> None:
    from make_reference import text

    assert (ROOT / "mgdl_theory" / "rigor" / "reference.txt").read_text(encoding="utf-8") == text()
    assert set(reference_values()) == set(FUNCTION_ULPS)


def off_by(ulps: int, name: str) -> Callable[..., Any]:
    """The function of NumPy, moved by this many units away from zero."""
    function = getattr(np, name)

    def wrong(*args: Any) -> Any:
        y = np.asarray(function(*args), dtype=np.float64)
        return (y.view(np.int64) + ulps).view(np.float64)

    return wrong


@pytest.mark.parametrize("name", FUNCTION_ULPS)
def test_a_function_off_by_ten_units_is_caught(name: str) -> None:
    with pytest.raises(AssumptionError, match=rf"numpy\.{name}\("):
        check_functions({name: off_by(10, name)})
    check_functions({name: off_by(1, name)})


def test_a_function_off_at_one_argument_is_caught() -> None:
    def wrong(x: Any) -> Any:
        y = np.sin(x)
        y[7] *= 1 + 2.0**-40
        return y

    with pytest.raises(AssumptionError, match=r"numpy\.sin"):
        check_functions({"sin": wrong})


def test_a_function_that_returns_nan_is_caught() -> None:
    with pytest.raises(AssumptionError, match=r"numpy\.exp"):
        check_functions({"exp": lambda x: np.full_like(x, np.nan)})


def test_self_check_looks_at_numpy_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "cos", off_by(10, "cos"))
    with pytest.raises(AssumptionError, match=r"numpy\.cos"):
        self_check.__wrapped__()


X86 = platform.machine().lower() in ("x86_64", "amd64")
MODES = {"down": 0x400, "up": 0x800, "toward zero": 0xC00} if X86 else {}


@contextmanager
def rounding_mode(mode: int) -> Iterator[None]:
    """Another rounding mode of this thread, by the C library; to nearest again afterwards."""
    library = ctypes.CDLL(ctypes.util.find_library("m"))
    if library.fesetround(mode) != 0:
        pytest.skip("the C library refuses to change the rounding mode")
    try:
        yield
    finally:
        library.fesetround(0)


@pytest.mark.skipif(not X86 or not sys.platform.startswith("linux"), reason="the modes' numbers are those of x86 Linux")
@pytest.mark.parametrize("name", ["down", "up", "toward zero"])
def test_another_rounding_mode_is_caught(name: str) -> None:
    with rounding_mode(MODES[name]), pytest.raises(AssumptionError, match="round-to-nearest"):
        check_arithmetic()
    check_arithmetic()


@pytest.mark.skipif(not X86 or not sys.platform.startswith("linux"), reason="the modes' numbers are those of x86 Linux")
def test_checked_arithmetic_looks_on_entry_and_on_leaving_and_passes_exceptions_on() -> None:
    with rounding_mode(MODES["up"]), pytest.raises(AssumptionError), checked_arithmetic():
        pytest.fail("it was entered")
    with rounding_mode(0), pytest.raises(AssumptionError), checked_arithmetic():
        ctypes.CDLL(ctypes.util.find_library("m")).fesetround(MODES["up"])
    with pytest.raises(KeyError, match="own"), checked_arithmetic():
        raise KeyError("own")


FLUSH = """
import ctypes, ctypes.util, sys
fegetenv, fesetenv = (getattr(ctypes.CDLL(ctypes.util.find_library("m")), n) for n in ("fegetenv", "fesetenv"))
import numpy as np
from mgdl_theory.errors import AssumptionError
from mgdl_theory.rigor.rounding import check_arithmetic
import mgdl_theory as mg
check_arithmetic()
scheme = mg.Scheme.of(mg.target([1, 2]), 0.0, [], 4.0)
print(mg.verify(scheme).verdict)
environment = (ctypes.c_uint32 * 8)()
assert fegetenv(environment) == 0
environment[7] |= int(sys.argv[1], 16)
assert fesetenv(environment) == 0
for act in (check_arithmetic, lambda: mg.verify(scheme), lambda: mg.construct(scheme.target, 1)):
    try:
        print("passed", act())
    except AssumptionError as error:
        print(error)
"""


@pytest.mark.skipif(not X86 or not sys.platform.startswith("linux"), reason="the control word is that of x86 Linux")
@pytest.mark.parametrize("bits", ["8000", "0040", "8040"], ids=["flush-to-zero", "denormals-are-zero", "both"])
def test_flushing_of_subnormals_is_caught(bits: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FLUSH, bits], capture_output=True, text=True, cwd=ROOT, check=False, timeout=60
    )
    told = "subnormal numbers are flushed to zero in this thread"
    assert done.stdout.splitlines() == ["PROVED", told, told, told], done.stderr


# -- the mode at every entry -----------------------------------------------------------------------

wrong_modes = pytest.mark.parametrize("mode", MODES)
on_x86_linux = pytest.mark.skipif(
    not X86 or not sys.platform.startswith("linux"), reason="the modes' numbers are those of x86 Linux"
)


class Foreign:
    """A target that is none of the package's: x on [0, 1]; ``values`` may do something else besides."""

    text, box, dim, certified = "x, by hand", mg.Box.of([0, 1]), 1, True

    def __init__(self, act: Callable[[], Any] = lambda: None) -> None:
        self.act = act

    def values(self, level: int, nodes: Any) -> Any:
        self.act()
        t = np.ldexp(nodes[:, 0].astype(np.float64), -level)
        return Interval(t, t)

    def defects(self, level: int, cells: Any) -> Any:
        zero, t = np.zeros(len(cells)), np.ldexp(cells[:, 0].astype(np.float64), -level)
        return mg.Defects(zero, zero, zero + 2.0, zero + 2.0, Interval(t, t + 2.0**-level))

    def __call__(self, x: Any) -> Any:
        return np.asarray(x, dtype=np.float64).reshape(-1)

    def mp(self, point: Any, digits: int) -> Any:
        return point[0]

    def describe(self) -> dict[str, Any]:
        return {"kind": "foreign", "text": self.text}


SAMPLES = [1 + 2.0**-52] * 2
KINDS: dict[str, Callable[[], Any]] = {
    "formula": lambda: mg.target("x**2 - 0.3"),
    "callable": lambda: mg.target(np.abs, [-1, 1], lipschitz=1),
    "callable with a modulus": lambda: mg.target(np.abs, [-1, 1], modulus=lambda t: t),
    "samples": lambda: mg.target(SAMPLES),
    "samples in two variables": lambda: mg.target([[0, 1], [2, 5]]),
    "formula with a tail": lambda: mg.target("x", tail="1/8"),
    "samples with a tail": lambda: mg.target(SAMPLES, tail="1/8"),
    "gallery": lambda: mg.target("@quadratic"),
    "formulas": lambda: mg.target(["x", "x**2"]),
    "samples for components": lambda: mg.target([mg.target(SAMPLES), mg.target([0, 1])]),
    "foreign": Foreign,
}
VECTORS = ("formulas", "samples for components")


def bare(f: Any) -> Any:
    """A scheme of this target without a grade."""
    if isinstance(f, mg.VectorTarget):
        return mg.VectorScheme(tuple(bare(own) for own in f.components))
    return mg.Scheme.of(f, -1.0, [], 2.0)


def model(f: Any) -> Any:
    return TrainedModel(f.box, (TrainedGrade((np.ones((1, f.dim)),), (np.zeros(1),), np.array([0.5]), 0.0),))


@on_x86_linux
@wrong_modes
@pytest.mark.parametrize("kind", KINDS)
def test_in_another_mode_no_target_is_made_built_or_verified(kind: str, mode: str) -> None:
    f = KINDS[kind]()
    scheme, trained = bare(f), None if kind in VECTORS else model(f)
    with rounding_mode(MODES[mode]):
        if kind != "foreign":
            with pytest.raises(AssumptionError, match="round-to-nearest"):
                KINDS[kind]()
        with pytest.raises(AssumptionError, match="round-to-nearest"):
            mg.construct(f, 0.5)
        with pytest.raises(AssumptionError, match="round-to-nearest"):
            mg.verify(scheme)
        if trained is not None:
            with pytest.raises(AssumptionError, match="round-to-nearest"):
                mg.verify(trained.on(f), 9)


@on_x86_linux
@wrong_modes
def test_two_samples_a_little_above_one_are_never_proved_within_two_of_minus_one(mode: str) -> None:
    scheme = bare(mg.target(SAMPLES))
    with rounding_mode(MODES[mode]), pytest.raises(AssumptionError):
        pytest.fail(str(mg.verify(scheme)))
    report = mg.verify(scheme)
    assert report.residual_sup_upper > 2  # the truth, 2 + 2**-52, is no binary64 number
    assert report.verdict is mg.Verdict.UNDECIDED


@on_x86_linux
@wrong_modes
def test_in_another_mode_no_sample_has_a_value_or_a_defect(mode: str) -> None:
    f, node = mg.target(SAMPLES), np.array([[0]])
    with rounding_mode(MODES[mode]):
        for ask in (f.values, f.defects):
            with pytest.raises(AssumptionError, match="round-to-nearest"):
                ask(0, node)


def entries(folder: Path) -> dict[str, Callable[[], Any]]:
    """What encloses, proves, or writes exact numbers, beside those of every kind of target; arguments ready."""
    f = mg.target("x**2 - 0.3")
    scheme = mg.construct(f, 0.1)
    report, network, trained = mg.verify(scheme), scheme.network(), model(f)
    data, specs = sample(f, 9), [Adam(width=4, epochs=2)]
    grown = mg.verify(TrainedModel(f.box, (replace(trained.grades[0], readout=np.array([9.0])),)).on(f))
    save_npz(network, folder / "stored.npz")
    found: dict[str, Callable[[], Any]] = {
        "check_on_grid": lambda: mg.check_on_grid(report, 5),
        "certificate": report.certificate,
        "refutation": lambda: refutation(grown),
        "network": lambda: scheme.network(),
        "verify_network": lambda: mg.verify_network(network, scheme),
        "exact": lambda: network.exact([Fraction(1, 3)]),
        "exact_at": lambda: network.exact_at(2, np.array([[1]])),
        "float64_is_exact": lambda: network.float64_is_exact(2, np.array([[1]])),
        "interval": lambda: network.interval([0.25], [0.5]),
        "ranges": lambda: cell_ranges(scheme),
        "state": lambda: state_arrays(network),
        "save_npz": lambda: save_npz(network, folder / "new.npz"),
        "load_npz": lambda: load_npz(folder / "stored.npz"),
        "agreement": lambda: agreement(network, network, "float64", points=4),
        "train": lambda: train(data, specs),
        "train_balanced": lambda: train_balanced(f, data, specs),
        "train_balanced_on_data": lambda: train_balanced_on_data(data, specs),
    }
    if find_spec("onnx"):
        found["onnx"] = lambda: save_onnx(network, folder / "new.onnx")
    return found


@on_x86_linux
def test_in_another_mode_no_entry_answers(tmp_path: Path) -> None:
    for name, call in entries(tmp_path).items():
        for mode in MODES.values():
            with rounding_mode(mode), pytest.raises(AssumptionError, match="round-to-nearest"):
                pytest.fail(f"{name} answered {call()}")
        call()
    assert {path.name for path in tmp_path.iterdir()} <= {"stored.npz", "new.npz", "new.onnx"}


@on_x86_linux
@wrong_modes
def test_in_another_mode_nothing_is_checked(mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The checker does not share the package's look at the mode."""
    sample_file = str(ROOT / "docs" / "samples" / "complete.json")
    with rounding_mode(MODES[mode]):
        code = check.main([sample_file])
    assert code == 2
    assert capsys.readouterr().err.startswith("error: floats are not rounded to nearest here")
    assert check.main([sample_file]) == 0


@on_x86_linux
@wrong_modes
@pytest.mark.parametrize("kind", ["samples", "formula", "foreign"])
def test_a_mode_that_changes_after_the_last_enclosure_is_seen(kind: str, mode: str) -> None:
    """By the callback before the last level, or after it: nothing is PROVED."""
    f = KINDS[kind]()
    scheme = bare(f)
    with rounding_mode(0):
        library = ctypes.CDLL(ctypes.util.find_library("m"))

        def switch(*_: Any) -> None:
            library.fesetround(MODES[mode])

        for run in (
            lambda: mg.construct(f, 2.0**-3, progress=switch),
            lambda: mg.verify(scheme, progress=switch),
            lambda: mg.verify(model(f).on(f), 9, progress=switch),
        ):
            with pytest.raises(AssumptionError, match="round-to-nearest"):
                run()
            library.fesetround(0)


@on_x86_linux
@wrong_modes
@pytest.mark.parametrize("source", ["callable", "modulus", "target"])
def test_foreign_code_that_changes_the_mode_at_any_of_its_calls_is_seen(source: str, mode: str) -> None:
    library, calls, fatal = ctypes.CDLL(ctypes.util.find_library("m")), 0, 0

    def act() -> None:
        nonlocal calls
        calls += 1
        if calls == fatal:
            library.fesetround(MODES[mode])

    def function(x: Any) -> Any:
        act()
        return np.abs(x)

    def omega(t: float) -> float:
        act()
        return t

    def run() -> mg.Verdict:
        if source == "target":
            f: Any = Foreign(act)
        elif source == "modulus":
            f = mg.target(np.abs, [-1, 1], modulus=omega)
        else:
            f = mg.target(function, [-1, 1], lipschitz=1)
        return mg.verify(mg.construct(f, 0.25)).verdict

    assert run() is mg.Verdict.PROVED
    for fatal in range(1, calls + 1):
        calls = 0
        with rounding_mode(0), pytest.raises(AssumptionError, match="round-to-nearest"):
            run()
        assert calls >= fatal


@on_x86_linux
@wrong_modes
def test_a_worker_in_another_mode_answers_nothing(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "FEWEST", 1)
    library = ctypes.CDLL(ctypes.util.find_library("m"))
    for kind in ("samples", "formula", "callable"):
        scheme = bare(KINDS[kind]())
        with ThreadPoolExecutor(1, initializer=library.fesetround, initargs=(MODES[mode],)) as pool:
            with pytest.raises(AssumptionError, match="round-to-nearest"):
                mg.verify(scheme, executor=pool)
            with pytest.raises(AssumptionError, match="round-to-nearest"):
                mg.construct(scheme.target, 0.5, executor=pool)


def test_nothing_warns() -> None:
    """Warnings are errors in this suite: overflow, 0 * inf and inf - inf pass in silence."""
    wild = np.array([np.inf, -np.inf, np.nan, LARGEST, -LARGEST, ETA, 0.0])
    a, b = (grid.ravel() for grid in np.meshgrid(wild, wild))
    for function in (add_down, add_up, sub_down, sub_up, mul_up, two_sum, two_product, exact_sum):
        function(a, b)
    down(wild), up(wild)
