"""Random formulas with gaps, and Arb as the opponent of their enclosures.

    python tests/gap_campaign.py --seeds 0 5000 [--workers 2]

A seed makes a quotient, a sum or a composition of factors that vanish, blow up, oscillate or are flat where one
variable is c, on a box with c inside or at an end, in one or two variables.  What is refused is counted.  Of what is
accepted, Arb evaluates the formula and its derivatives by power series at 1,200 bits, at random points of cells near c
and elsewhere and as near as 2**-120 of their size to c and to the ends of cells.  It compares with what the package
and the checker enclose: values at nodes (on c itself: the limit, against the formula 2**-250 away), values, slopes
and second derivatives over cells.  The balls of Arb are proven, so a violation is one.  The exit code is 1 if there was
one, or any error that is no refusal.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from flint import arb, arb_series, ctx

import mgdl_theory as mg
from mgdl_theory.certificate import check
from mgdl_theory.errors import TargetError
from mgdl_theory.targets.formula.graph import Program
from mgdl_theory.targets.formula.parser import parse

BITS = 1200
CLOSE, CLOSER = Fraction(1, 1 << 120), Fraction(1, 1 << 250)

ONE = [
    "sin(S)", "S", "S**2", "(1-cos(S))", "(exp(S)-1)", "log(1+S)", "tan(S)", "(sqrt(1+S)-1)", "abs(S)", "sinh(S)",
    "(S-sin(S))", "erf(S)", "atan(S)", "(cos(S)-exp(-S**2/2))", "(exp(S)-1-S)", "log(abs(S))", "(1+S)", "exp(-1/S**2)",
    "sin(1/S)", "(S**3-S)", "expm1(S)",
    "log1p(S)", "asin(S)", "(cosh(S)-1)", "(pi-acos(S)-pi/2)", "tanh(S)", "sqrt(S**2)",
    "max(S, -S)", "min(2*S, S)", "abs(S)**pi", "expdiv(1, S)", "exp(-1/abs(S))", "(sigmoid(S)-1/2)", "asinh(S)",
    "(sinc(S)-1)", "(erfc(S)-1)", "(ncdf(S)-1/2)", "(softplus(S)-log(2))", "(e**S-e**(-S))", "(2+S)", "(S**2-S/3)",
    "atan(1/S)", "tanh(1/S)", "cos(1/S**2)", "(sqrt(4+S)-2)", "(cbrt(1+S)-1)", "((1+S)**(1/3)-1)", "(1+S)**(1/S)",
    "(hypot(1, S)-1)", "abs(S)**(3/2)", "sqrt(abs(S))",
    "(2+sin(1/S))", "(1-tanh(1/S)**2)", "erf(1/S)", "exp(cos(1/S))",
]  # fmt: skip
TWO = [
    *ONE, "sin(S*y)", "(exp(S*y)-1)", "y", "(1+y**2)", "(S+y)", "sin(y)", "log(1+S*(y+2))", "(cos(S)-cos(S*(1+y)))",
    "(sqrt(4+y+S)-sqrt(4+y))", "exp(y)", "(2+y)", "abs(S)**(y+3)", "exp(-(y+2)/S**2)", "(y*S+S**2)",
    "sin(y/S)", "cos((1+y)/S**2)", "(2+erf(y+1/S))",
]  # fmt: skip
OUTER = ["exp({})", "sin({})", "({})**2", "atan({})", "cos({})", "sqrt(1+({})**2)", "({})*log(abs(S))", "{}+abs(S)"]
PLACES = ["0", "0", "0", "1/3", "-1/4", "1/7", "2/5"]
BOXES = [(-1, 1), (-1, 1), (0, 1), (-1, 0), (-1, 2)]


def formula(rng: random.Random) -> tuple[str, list[Fraction]]:
    """A text, and the ends of its box in two variables."""
    factors = TWO if rng.random() < 0.3 else ONE

    def term() -> str:
        return "*".join(rng.choice(factors) for _ in range(rng.choice([1, 1, 2])))

    above, below = term(), term()
    if rng.random() < 0.3:
        above = f"({above}{rng.choice('+-')}{term()})"
    text = f"{above}/({below})"
    kind = rng.random()
    if kind > 0.9:
        text = f"{text}-{term()}/({term()})"
    elif kind > 0.8:
        text = f"{above}*({below})"
    elif kind > 0.5:
        text = rng.choice(OUTER).format(text)
    at, (low, high) = Fraction(rng.choice(PLACES)), rng.choice(BOXES)
    size = Fraction(1, rng.choice([2, 2, 3, 8]))
    ends = [at + low * size, at + high * size]
    return text.replace("S", f"(x - ({at}))" if at else "x"), [*ends, Fraction(-1), Fraction(1)]


# -- the opponent: power series of Arb -------------------------------------------------------------


def _sign(a: Any) -> int:
    return int(a[0] > 0) - int(a[0] < 0)


def _absolute(a: Any) -> Any:
    if not _sign(a):
        raise ZeroDivisionError("no sign")
    return a * _sign(a)


def _powi(a: Any, n: int) -> Any:
    out = arb_series([1], 3)
    for _ in range(abs(n)):
        out = out * a
    return out if n >= 0 else 1 / out


def _cbrt(a: Any) -> Any:
    return _sign(a) * ((_absolute(a)).log() / 3).exp()


def _expdiv(u: Any, v: Any) -> Any:
    return (-u / v).exp() if _sign(_absolute(v) * v) > 0 else arb_series([0], 3)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "neg": lambda a: -a, "add": lambda a, b: a + b, "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b, "powi": _powi, "powq": lambda a, q: (a.log() * arb(q.numerator) / q.denominator).exp(),
    "pow": lambda a, b: (b * a.log()).exp(), "exp": lambda a: a.exp(), "log": lambda a: a.log(),
    "sqrt": lambda a: a.sqrt(),
    "cbrt": _cbrt, "abs": _absolute, "sin": lambda a: a.sin(), "cos": lambda a: a.cos(), "tan": lambda a: a.tan(),
    "sinh": lambda a: (a.exp() - (-a).exp()) / 2, "cosh": lambda a: (a.exp() + (-a).exp()) / 2,
    "tanh": lambda a: 1 - 2 / ((2 * a).exp() + 1), "asin": lambda a: a.asin(), "acos": lambda a: a.acos(),
    "atan": lambda a: a.atan(), "erf": lambda a: a.erf(), "erfc": lambda a: 1 - a.erf(),
    "ncdf": lambda a: (1 + (a / arb(2).sqrt()).erf()) / 2, "expm1": lambda a: a.exp() - 1,
    "log1p": lambda a: (1 + a).log(),
    "sinc": lambda a: a.sin() / a, "sigmoid": lambda a: 1 / (1 + (-a).exp()), "softplus": lambda a: (1 + a.exp()).log(),
    "asinh": lambda a: (a + (a * a + 1).sqrt()).log(), "hypot": lambda a, b: (a * a + b * b).sqrt(),
    "max": lambda a, b: a if _sign(_absolute(a - b) * (a - b)) > 0 else b,
    "min": lambda a, b: b if _sign(_absolute(a - b) * (a - b)) > 0 else a, "expdiv": _expdiv,
}  # fmt: skip


def series(program: Program, point: Sequence[Fraction], way: Sequence[int]) -> Any:
    """Value, slope and half the second derivative along a direction; None where Arb says nothing."""
    values: list[Any] = []
    try:
        for node in program.nodes:
            if node.op == "var":
                k = int(node.value or 0)
                values.append(arb_series([arb(point[k].numerator) / point[k].denominator, way[k]], 3))
            elif node.op == "const":
                q = Fraction(node.value or 0)
                values.append(arb_series([arb(q.numerator) / q.denominator], 3))
            elif node.op in ("pi", "e"):
                values.append(arb_series([arb.pi() if node.op == "pi" else arb(1).exp()], 3))
            else:
                more = [] if node.value is None else [node.value]
                values.append(OPERATIONS[node.op](*(values[a] for a in node.args), *more))
    except (ZeroDivisionError, ValueError):
        return None
    found = values[-1]
    return found if found[0].is_finite() else None


def derivatives(program: Program, point: Sequence[Fraction], widths: Sequence[Fraction]) -> dict[tuple[int, ...], Any]:
    """Value, slopes and second derivatives in unit coordinates, by their axes."""
    d = len(point)
    along = [series(program, point, [int(k == a) for k in range(d)]) for a in range(d)]
    if any(found is None for found in along):
        return {}
    out = {(): along[0][0]}
    sizes = [arb(w.numerator) / w.denominator for w in widths]
    for a, found in enumerate(along):
        out[a,], out[a, a] = found[1] * sizes[a], 2 * found[2] * sizes[a] ** 2
    if d == 2 and (both := series(program, point, [1, 1])) is not None:
        out[0, 1] = (both[2] - along[0][2] - along[1][2]) * sizes[0] * sizes[1]
    return {axes: value for axes, value in out.items() if value.is_finite()}


# -- the attack ------------------------------------------------------------------------------------


@dataclass
class Trial:
    """What one seed gave."""

    seed: int
    text: str
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def compare(self, who: str, what: str, lo: float, hi: float, truth: Any, unit: Any = 1) -> None:
        """Whether a ball of Arb is certainly outside [lo, hi] units."""
        self.counts[who] += 1
        below = lo != -np.inf and truth < arb(lo) * unit
        above = hi != np.inf and truth > arb(hi) * unit
        if below or above:
            self.wrong.append(f"{who}: {what}: {truth.str(20)} outside [{lo}, {hi}]")


def places(rng: random.Random, f: Any, level: int) -> list[tuple[int, ...]]:
    """Cells next to the gap, and others."""
    m, (low, high) = 1 << level, (f.box.lower, f.box.upper)
    found = set()
    for _ in range(3):
        cell = [rng.randrange(m) for _ in range(f.dim)]
        found.add(tuple(cell))
        for gap in f.gaps:
            middle = int((gap.at - low[gap.axis]) / (high[gap.axis] - low[gap.axis]) * m)
            cell[gap.axis] = min(max(middle + rng.choice([-3, -2, -1, -1, 0, 0, 1]), 0), m - 1)
            found.add(tuple(cell))
    return sorted(found)


def points(rng: random.Random, f: Any, level: int, cell: Sequence[int]) -> Iterator[list[Fraction]]:
    """Points of a closed cell off the gaps, some of them very near to its ends and to gaps."""
    low, high = (f.box.point(list(corner), level) for corner in (cell, [i + 1 for i in cell]))
    for _ in range(4):
        x = []
        for axis, (a, b) in enumerate(zip(low, high, strict=True)):
            inside = [gap.at for gap in f.gaps if gap.axis == axis and a <= gap.at <= b]
            if inside and rng.random() < 0.5:
                x.append(min(max(rng.choice(inside) + rng.choice([1, -1]) * CLOSE * (b - a), a), b))
            else:
                share = rng.choice([CLOSE, 1 - CLOSE, Fraction(rng.randrange(1, 1 << 20), 1 << 20)])
                x.append(a + share * (b - a))
        if all(x[gap.axis] != gap.at for gap in f.gaps):
            yield x


def trial(seed: int) -> Trial:
    """One random formula, attacked."""
    rng = random.Random(seed)
    text, ends = formula(rng)
    out = Trial(seed, text)
    names = ["x", "y"] if re.search(r"\by\b", text) else ["x"]
    domain = ends if len(names) == 2 else ends[:2]
    try:
        f: Any = mg.target(text, [str(end) for end in domain], variables=names)
    except TargetError as refusal:
        reason = str(refusal).partition("no limit is shown at ")[2]
        out.counts["refused"] += 1
        out.counts["refused: " + (reason.partition("since ")[2].partition(";")[0] or "otherwise")] += 1
        return out
    out.counts["accepted"] += 1
    out.counts["accepted with a gap"] += bool(f.gaps)
    with ctx.workprec(BITS):
        _attack(rng, f, parse(text, names), out)
    return out


def _attack(rng: random.Random, f: Any, program: Program, out: Trial) -> None:
    widths = [b - a for a, b in zip(f.box.lower, f.box.upper, strict=True)]
    gaps = [(gap.axis, gap.at) for gap in f.gaps]
    box = list(zip(f.box.lower, f.box.upper, strict=True))
    try:
        checker = check.Target(f.program.text, list(f.program.variables), box, check.BITS, "arb", gaps)
    except check.Refused as reason:
        out.counts["refused by the checker: " + reason.text.rpartition(": ")[2]] += 1
        return
    unit = arb(2) ** -check.BITS
    for level in (0, 1, 2, 3, 5, 8, 13, 25, 40) if f.dim == 1 else (0, 1, 2, 4, 7, 12, 20):
        cells = places(rng, f, level)
        with np.errstate(all="ignore"):
            jet, lost = f._jet(level, np.array(cells, dtype=np.int64))
        n = len(cells)
        lost = np.broadcast_to(lost, n)
        zero = jet.value.__class__(np.zeros(1), np.zeros(1))
        keys = [(a,) for a in range(f.dim)] + list(combinations_with_replacement(range(f.dim), 2))
        entries = {
            (): jet.value,
            **{k: (jet.grad.get(k[0], zero) if len(k) == 1 else jet.hess.get(k, zero)) for k in keys},
        }
        arrays = {k: (np.broadcast_to(x.lo, n), np.broadcast_to(x.hi, n)) for k, x in entries.items()}
        chosen = rng.sample(range(n), min(2, n))
        for k, cell in enumerate(cells):
            own = _checker_jet(checker, level, cell, out) if k in chosen else None
            for x in points(rng, f, level, cell):
                for axes, truth in derivatives(program, x, widths).items():
                    where = f"level {level} cell {cell} at {[float(t) for t in x]} derivative {axes}"
                    if not lost[k]:
                        lo, hi = arrays[axes]
                        out.compare("package", where, float(lo[k]), float(hi[k]), truth)
                    if own is not None:
                        lo_hi = own.value if not axes else own.grad[axes[0]] if len(axes) == 1 else own.hess[axes]
                        ends = (
                            -np.inf if lo_hi[0] == -check.INF else lo_hi[0],
                            np.inf if lo_hi[1] == check.INF else lo_hi[1],
                        )
                        out.compare("checker", where, *ends, truth, unit)
    _attack_nodes(rng, f, program, checker, out)


def _checker_jet(checker: check.Target, level: int, cell: tuple[int, ...], out: Trial) -> Any:
    try:
        return checker.jet(checker.ends(level, cell))
    except check.Undefined:
        out.counts["cells the checker does not know"] += 1
        return None


def _attack_nodes(rng: random.Random, f: Any, program: Program, checker: check.Target, out: Trial) -> None:
    """Values on the gap and elsewhere."""
    slack = arb(2) ** -60
    for gap in f.gaps:
        for step in (CLOSER, -CLOSER):
            x = [
                a + Fraction(rng.randrange(1, 16), 16) * (b - a) for a, b in zip(f.box.lower, f.box.upper, strict=True)
            ]
            x[gap.axis] = gap.at
            near = [t + step if a == gap.axis else t for a, t in enumerate(x)]
            if not f.box.lower[gap.axis] <= near[gap.axis] <= f.box.upper[gap.axis]:
                continue
            truth = series(program, near, [0] * f.dim)
            if truth is None:
                continue
            value = f.mp(x, 60)
            out.counts["limit"] += 1
            if not abs(truth[0] - arb(str(value))) < slack * (1 + abs(truth[0])):
                out.wrong.append(f"limit at {x}: {truth[0].str(20)} is not {value}")
            lo, hi = checker.value(x)
            unit = arb(2) ** -check.BITS
            out.compare("checker", f"limit at {x}", -np.inf, hi + (1 << check.BITS - 60), truth[0], unit)
            out.compare("checker", f"limit at {x}", lo - (1 << check.BITS - 60), np.inf, truth[0], unit)
    level = 6
    nodes = np.array(places(rng, f, level), dtype=np.int64)
    value = f.values(level, nodes)
    for k, node in enumerate(nodes.tolist()):
        x = list(f.box.point(node, level))
        if all(x[gap.axis] != gap.at for gap in f.gaps) and (truth := series(program, x, [0] * f.dim)) is not None:
            out.compare("package", f"value at {x}", float(value.lo[k]), float(value.hi[k]), truth[0])


def guarded(seed: int) -> Trial:
    """A trial, an error in which is a finding."""
    try:
        return trial(seed)
    except Exception as error:  # noqa: BLE001 - any error but a refusal is a finding
        text = formula(random.Random(seed))[0]
        return Trial(seed, text, Counter(), [f"{type(error).__name__}: {error}"])


def run(seeds: Sequence[int], workers: int = 1, say: Callable[[Trial], None] = lambda _: None) -> list[Trial]:
    """All trials of these seeds."""
    found = []
    if workers == 1:
        trials: Any = map(guarded, seeds)
    else:
        pool = multiprocessing.get_context("spawn").Pool(workers)
        trials = pool.imap_unordered(guarded, seeds, chunksize=8)
    for one in trials:
        say(one)
        found.append(one)
    return found


def shown(one: Trial) -> None:
    """Findings at once."""
    for line in one.wrong:
        print(f"seed {one.seed}: {one.text}: {line}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="random formulas with gaps against Arb")
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 200), metavar=("FIRST", "END"))
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    start = time.monotonic()
    trials = run(range(*options.seeds), options.workers, partial(shown))
    total: Counter[str] = sum((one.counts for one in trials), Counter())
    for name, number in sorted(total.items()):
        print(f"{name:64} {number:>12,}")
    wrong = sum(bool(one.wrong) for one in trials)
    print(f"{len(trials):,} formulas in {time.monotonic() - start:.0f} s: {wrong} wrong")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
