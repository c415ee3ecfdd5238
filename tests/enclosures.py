"""Random intervals, every function, both interval engines and the checker's arithmetic, against Arb at 2000 bits.

    python tests/enclosures.py --seeds 0 10 [--size 2000]

For each seed, function and engine, ``size`` random intervals: moderate, wide, thin, degenerate, huge, tiny and
subnormal, unbounded, beside multiples of pi/2, beside the borders of domains.  Arb evaluates the function at points
of the interval (its ends, one inside, and 0 or a multiple of pi/2 where that lies inside); the enclosure must not
exclude the result.  The exit code is 1 if one does.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from mgdl_theory.certificate import check
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.rounding import quiet

PRECISION = 2000
LARGEST = np.finfo(np.float64).max
SPECIAL = np.array(
    [0.0, 1.0, -1.0, 5e-324, -5e-324, 2.0**-1022, LARGEST, -LARGEST, 1 - 2.0**-53, 1 + 2.0**-52, 2.0**26]
)


def draws(rng: np.random.Generator, n: int) -> np.ndarray:
    """(n,) floats of every size and flavour."""
    kind = rng.integers(0, 8, n)
    near_waves = rng.integers(-200, 200, n) * (math.pi / 2)
    with np.errstate(over="ignore"):
        choices = [
            rng.uniform(-10, 10, n), rng.uniform(-1, 1, n), rng.uniform(-1000, 1000, n),
            rng.choice([-1.0, 1.0], n) * 10.0 ** rng.uniform(-308, 308, n),
            rng.choice([-1.0, 1.0], n) * 10.0 ** rng.uniform(-12, 12, n),
            near_waves + rng.integers(-3, 4, n) * np.spacing(near_waves), rng.choice(SPECIAL, n),
            np.ldexp(rng.integers(-64, 65, n).astype(float), rng.integers(-6, 7, n)),
        ]  # fmt: skip
    return np.choose(kind, choices)


def intervals(rng: np.random.Generator, n: int, least: float, most: float) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends (n,) in [least, most]."""
    a, b, kind = draws(rng, n), draws(rng, n), rng.integers(0, 10, n)
    with np.errstate(all="ignore"):
        thin = a + rng.integers(0, 5, n) * np.where(np.abs(a) < LARGEST, np.spacing(a), 0.0)
        near = np.clip(a * (1 + 10.0 ** rng.uniform(-15, 0, n)), -LARGEST, LARGEST)
        b = np.select([kind < 2, kind < 4, kind < 6], [a, thin, near], b)
        if most < 2:
            a, b = (np.where(np.abs(x) > 1, 1 / x, x) for x in (a, b))
        if least > -1:
            a, b = np.abs(a), np.abs(b)
    lo, hi = np.clip(np.minimum(a, b), least, most), np.clip(np.maximum(a, b), least, most)
    return np.where((kind == 9) & (least < -2), -np.inf, lo), np.where((kind == 8) & (most > 2), np.inf, hi)


def members(rng: np.random.Generator, lo: float, hi: float) -> Iterator[float]:
    """Some numbers of an interval."""
    yield from (end for end in (lo, hi) if math.isfinite(end))
    inside = 0.0 if lo <= 0 <= hi else math.nan
    yield from () if math.isnan(inside) else (inside,)
    low, high = max(lo, -1e300), min(hi, 1e300)
    between = low + rng.random() * (high - low)
    wave = math.ceil(low / (math.pi / 2)) * (math.pi / 2) if abs(low) < 1e15 else math.nan
    yield from (x for x in (between, wave) if lo <= x <= hi)


Truth = Callable[..., Any]


def cbrt(x: Any) -> Any:
    return x.root(3) if x >= 0 else -((-x).root(3))


def natural(name: str) -> Truth:
    return lambda x: getattr(x, name)()


POWERS = (-7, -2, -1, 2, 3, 5, 12, 40)
FRACTIONS = tuple(Fraction(*q) for q in ((1, 2), (1, 3), (3, 2), (-1, 2), (5, 3), (-7, 10), (1, 1000), (99, 7)))
UNARY: dict[str, tuple[Truth, float, float]] = {
    **{n: (natural(n), -math.inf, math.inf) for n in ("exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan")},
    "neg": (lambda x: -x, -math.inf, math.inf), "abs": (abs, -math.inf, math.inf),
    "sqr": (lambda x: x * x, -math.inf, math.inf), "cbrt": (cbrt, -math.inf, math.inf),
    "sqrt": (natural("sqrt"), 0.0, math.inf), "log": (natural("log"), 5e-324, math.inf),
    "asin": (natural("asin"), -1.0, 1.0), "acos": (natural("acos"), -1.0, 1.0),
}  # fmt: skip
BINARY: dict[str, Truth] = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y, "div": lambda x, y: x / y,
    "min": lambda x, y: x if x <= y else y, "max": lambda x, y: x if x >= y else y, "pow": lambda x, y: x**y,
}  # fmt: skip
CHECKED = ("exp", "log", "sin", "cos", "asin", "acos", "atan")


class Opponent:
    """Counts, and enclosures that exclude what Arb finds."""

    def __init__(self, seed: int) -> None:
        self.rng, self.count, self.violations = np.random.default_rng(seed), Counter[str](), list[str]()

    def expect(self, what: str, value: Any, lo: Any, hi: Any, at: Any) -> None:
        self.count[what] += 1
        if value < lo or value > hi:
            self.violations.append(f"{what} at {at}: {value.str(20)} outside [{lo}, {hi}]"[:300])

    def unary(self, name: str, engine: str, size: int) -> None:
        from flint import arb

        truth, least, most = UNARY[name]
        lo, hi = intervals(self.rng, size, least, most)
        with quiet():
            found = getattr(get_engine(engine), name)(Interval(lo, hi))
        for a, b, low, high in zip(lo.tolist(), hi.tolist(), found.lo.tolist(), found.hi.tolist(), strict=True):
            for x in members(self.rng, a, b):
                self.expect(f"{engine} {name}", truth(arb(x)), arb(low), arb(high), (a, b, x))

    def powers(self, engine: str, size: int) -> None:
        from flint import arb, fmpq

        for q in (*POWERS, *FRACTIONS):
            least = 0.0 if isinstance(q, Fraction) else -math.inf
            lo, hi = intervals(self.rng, size, least, math.inf)
            with quiet():
                method = get_engine(engine).powq if isinstance(q, Fraction) else get_engine(engine).powi
                found = method(Interval(lo, hi), q)
            exponent = arb(fmpq(q.numerator, q.denominator))
            for a, b, low, high in zip(lo.tolist(), hi.tolist(), found.lo.tolist(), found.hi.tolist(), strict=True):
                for x in members(self.rng, a, b):
                    if x or q > 0:
                        value = arb(x) ** (exponent if x > 0 else q) if x else arb(0)
                        self.expect(f"{engine} powers", value, arb(low), arb(high), (q, a, b, x))

    def binary(self, name: str, engine: str, size: int) -> None:
        from flint import arb

        least = 5e-324 if name == "pow" else -math.inf
        (lo, hi), (bottom, top) = (
            intervals(self.rng, size, least, math.inf),
            intervals(self.rng, size, -math.inf, math.inf),
        )
        with quiet():
            found = getattr(get_engine(engine), name)(Interval(lo, hi), Interval(bottom, top))
        for k in range(size):
            for x in members(self.rng, lo[k], hi[k]):
                for y in members(self.rng, bottom[k], top[k]):
                    if name != "div" or y:
                        value = BINARY[name](arb(x), arb(y))
                        self.expect(f"{engine} {name}", value, arb(float(found.lo[k])), arb(float(found.hi[k])), (x, y))

    def checker(self, name: str, engine: str, size: int) -> None:
        """The checker's functions of one argument, in units of 2**-256."""
        from flint import arb

        arithmetic = check.Arithmetic(check.BITS, engine)
        truth, least, most = UNARY[name]
        lo, hi = intervals(self.rng, size, max(least, 2.0**-200) if name == "log" else least, most)
        for a, b in zip(lo.tolist(), hi.tolist(), strict=True):
            ends = (
                -check.INF if math.isinf(a) else math.floor(Fraction(a) * arithmetic.unit),
                check.INF if math.isinf(b) else math.ceil(Fraction(b) * arithmetic.unit),
            )
            low, high = arithmetic.function(name, ends)
            for x in members(self.rng, a, b):
                bounds = [
                    arb((end, -check.BITS)) if abs(end) < check.INF else arb("inf" if end > 0 else "-inf")
                    for end in (low, high)
                ]
                self.expect(f"checker ({engine}) {name}", truth(arb(x)), *bounds, (a, b, x))


def run(seed: int, size: int) -> Opponent:
    """Every function and every engine once."""
    import flint

    opponent, before = Opponent(seed), flint.ctx.prec
    flint.ctx.prec = PRECISION
    try:
        for engine in ("numpy", "crival"):
            for name in UNARY:
                opponent.unary(name, engine, size)
            for name in BINARY:
                opponent.binary(name, engine, size // 4)
            opponent.powers(engine, size // 8)
        for engine in ("arb", "mpmath"):
            for name in CHECKED:
                opponent.checker(name, engine, size // 4)
    finally:
        flint.ctx.prec = before
    return opponent


def summary(count: Counter[str]) -> str:
    """One row for each function, one column for each engine."""
    engines = ("numpy", "crival", "checker (arb)", "checker (mpmath)")
    lines = ["| function | " + " | ".join(engines) + " |", "|---" * 5 + "|"]
    for name in (*UNARY, *BINARY, "powers"):
        lines.append(
            f"| {name} | "
            + " | ".join(f"{count[f'{e} {name}']:,}" if count[f"{e} {name}"] else "" for e in engines)
            + " |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 1), metavar=("FIRST", "END"))
    parser.add_argument("--size", type=int, default=2000)
    options = parser.parse_args()
    began, count, bad = time.perf_counter(), Counter[str](), []
    for seed in range(*options.seeds):
        opponent = run(seed, options.size)
        count += opponent.count
        bad += [f"seed {seed}: {text}" for text in opponent.violations]
    print(summary(count))
    print(*bad, sep="\n", end="\n" if bad else "")
    seconds = time.perf_counter() - began
    print(f"seeds {options.seeds[0]} to {options.seeds[1] - 1}, size {options.size}, {seconds:.0f} s: "
          f"{count.total():,} points, {len(bad)} violations")  # fmt: skip
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
