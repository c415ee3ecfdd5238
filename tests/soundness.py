"""Random functions, and everything that is certified about them against high-precision maximisation.

    python tests/soundness.py --seeds 0 6000 [--workers 2]

A seed makes one formula in one to three variables from all functions of the language, with awkward constants,
kinks and near-singularities, on some box.  What is claimed of it is then attacked:

- *cells*: on random cells the range, sag and bulge, as the package encloses them and as the independent checker
  does;
- *scheme*: the bounds of every residual and of leaves, the lower bounds at their points, and the claims balanced
  and nonincreasing, of a scheme that is built and verified with a small budget.

The opponent evaluates the tree from which the formula was written (so also the parsers are judged) with mpmath at
``DIGITS`` digits, evaluates the scheme in rational arithmetic, and climbs from the best of some starting points to
a local maximum of the quantity in question.  Points are dyadic in the coordinates of the box.

Its work is bounded: of an argument of sin, cos and tan beyond 2**LIMIT it reads the leading digits only (``phase``),
and a function that takes exp, sinh or cosh of such an argument is given up, and counted as "beyond the opponent".

The exit code is 1 if a bound is exceeded anywhere.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import math
import multiprocessing
import random
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from unittest import mock

import mpmath
import numpy as np

import mgdl_theory as mg
from mgdl_theory.certificate import check, schema
from mgdl_theory.targets.base import Target
from mgdl_theory.verification.record import Report

DIGITS = 50
SLACK = Fraction(1, 10**40)
"""Allowed relative to the largest value around: what the opponent's own rounding may be."""

LIMIT = 4096
"""Definition: binary exponents of numbers up to which the opponent looks; those of binary64 end at 1024."""

Tree = tuple[Any, ...]
Point = tuple[Fraction, ...]


# -- formulas --------------------------------------------------------------------------------------

ANYWHERE = ("sin", "cos", "exp", "atan", "tanh", "sinh", "cosh", "cbrt", "abs")
SOMEWHERE = ("log", "sqrt", "asin", "acos", "tan")
SPECIAL = (
    *("erf", "erfc", "ncdf", "j0", "j1", "sinc", "sigmoid", "softplus", "asinh", "expm1"),
    *("gamma", "lgamma", "lambertw", "log1p"),
)
PAIRS = ("hypot", "atan2")
NASTY = (
    "pi",
    "e",
    "1/3",
    "355/113",
    "0.1",
    "1e-3",
    "1e-6",
    "1e-9",
    "7",
    "1e3",
    "1e6",
    "0.3333333333333333",
    "2/3",
    "1e-15",
)


class Maker:
    """A random formula as a tree: ("number", text), ("variable", axis), (operation, trees...)."""

    def __init__(self, rng: random.Random, dim: int) -> None:
        self.rng, self.dim = rng, dim

    def number(self) -> Tree:
        if not self.rng.randrange(3):
            return ("number", self.rng.choice(NASTY))
        return (
            "number",
            self.rng.choice([f"{self.rng.randint(1, 9)}/{self.rng.randint(1, 12)}", f"{self.rng.randint(1, 40) / 8}"]),
        )

    def variable(self) -> Tree:
        return ("variable", self.rng.randrange(self.dim))

    def leaf(self) -> Tree:
        return self.variable() if self.rng.randrange(4) else self.number()

    def affine(self) -> Tree:
        """a x - b: a kink or a singularity put there lies inside the box more often than not."""
        return ("-", ("*", self.number(), self.variable()), self.number())

    def bounded(self, u: Tree) -> Tree:
        return (self.rng.choice(["sin", "cos", "tanh", "atan"]), u)

    def positive(self, u: Tree) -> Tree:
        kind = self.rng.randrange(4)
        square = ("**", u, ("number", "2"))
        small = ("number", self.rng.choice(["1e-2", "1e-4", "1e-9", "1/8", "0.3", "1"]))
        return [
            ("+", square, small),
            ("+", ("abs", u), small),
            ("exp", self.bounded(u)),
            ("+", ("number", "1.5"), self.bounded(u)),
        ][kind]

    def unit(self, u: Tree) -> Tree:
        """In [-1, 1], up to the ends where they are reached."""
        return self.rng.choice(
            [("sin", u), ("cos", u), ("tanh", u), ("max", ("number", "0"), ("min", ("number", "1"), u))]
        )

    def tree(self, size: int) -> Tree:
        rng = self.rng
        if size <= 0:
            return self.affine() if not rng.randrange(3) else self.leaf()
        kind = rng.randrange(14)
        if kind < 4:
            left = rng.randrange(size)
            return (rng.choice("+-*"), self.tree(left), self.tree(size - 1 - left))
        u = self.tree(size - 1)
        if kind == 4:
            return (rng.choice(["min", "max"]), u, self.tree(rng.randrange(size)))
        if kind == 5:
            return ("/", u, self.positive(self.affine()) if rng.randrange(4) else self.affine())
        if kind == 6:
            q = rng.choice(
                ["2", "3", "4", "5", "(1/2)", "(3/2)", "(2/3)", "(-1/2)", "0.1", "2.5", "(-2)", "(-1)", "(7/3)"]
            )
            whole = "/" not in q and "." not in q
            safe = u if whole and "-" not in q else self.positive(u) if "-" in q else ("abs", u)
            return ("**", safe, ("number", q))
        if kind in (7, 8):
            return ("neg", u) if kind == 8 else ("**", self.positive(u), self.bounded(self.leaf()))
        if kind > 11:
            return self.special(u)
        if kind == 9:
            name = rng.choice(SOMEWHERE)
            if not rng.randrange(6):
                return (name, u)
            inside = {"log": self.positive, "sqrt": lambda v: ("abs", v), "tan": self.bounded}.get(name, self.unit)
            return (name, inside(u))
        name = rng.choice(ANYWHERE)
        steep = name in ("exp", "sinh", "cosh") and rng.randrange(4)
        return (name, ("*", ("number", rng.choice(["1", "3", "10"])), self.bounded(u)) if steep else u)

    def special(self, u: Tree) -> Tree:
        """A special function of something moderate, most of the time inside its domain."""
        rng, scale = self.rng, ("number", self.rng.choice(["1", "3", "7.5", "40"]))
        name = rng.choice((*SPECIAL, *PAIRS))
        if name == "hypot":
            return (name, u, self.affine())
        if name == "atan2":
            return (name, u, self.positive(self.bounded(self.affine())))
        if name in ("gamma", "lgamma"):
            return (name, ("+", ("number", rng.choice(["1.25", "2", "9"])), self.bounded(u)))
        if name in ("lambertw", "log1p"):
            return (
                name,
                ("-", ("*", scale, ("abs", self.bounded(u))), ("number", rng.choice(["0", "0.1", "1/3", "0.36"]))),
            )
        return (name, ("*", scale, self.bounded(u)))


def text(tree: Tree, names: Sequence[str]) -> str:
    """A text whose reading is not in doubt: every operation has its parentheses."""
    op, *args = tree
    if op == "number":
        return f"({args[0]})"
    if op == "variable":
        return names[args[0]]
    parts = [text(a, names) for a in args]
    if op == "neg":
        return f"(-{parts[0]})"
    return f"({parts[0]} {op} {parts[1]})" if op in ("+", "-", "*", "/", "**") else f"{op}({', '.join(parts)})"


class Undefined(Exception):
    """The tree has no real value at a point."""


class Beyond(Exception):
    """A number on the way is too large for the opponent."""


def literal(given: str) -> Fraction:
    n, _, d = given.strip("()").partition("/")
    return Fraction(n) / Fraction(d or 1)


Evaluator = Callable[[Sequence[Any]], Any]


def compiled(tree: Tree) -> Evaluator:
    """The function of a tree, by mpmath at the precision of the context; no part of the package is used."""
    op, *args = tree
    if op == "number":
        constant = +{"pi": mpmath.pi, "e": mpmath.e}[args[0]] if args[0] in ("pi", "e") else quotient(literal(args[0]))
        return lambda x: constant
    if op == "variable":
        return lambda x: x[args[0]]
    if op == "**":
        return power(compiled(args[0]), args[1])
    parts, act = [compiled(a) for a in args], BY_MPMATH[op]

    def evaluate(x: Sequence[Any]) -> Any:
        try:
            found = act(*[part(x) for part in parts])
        except (ZeroDivisionError, ValueError, OverflowError):
            raise Undefined(op) from None
        if not isinstance(found, mpmath.mpf) or not mpmath.isfinite(found):
            raise Undefined(op)
        return found

    return evaluate


def quotient(q: Fraction) -> Any:
    return mpmath.mpf(q.numerator) / q.denominator


def power(base: Evaluator, exponent: Tree) -> Evaluator:
    """An integer exponent for every base (not 0 if it is negative), a fraction for bases >= 0, others for > 0."""
    rational = exponent[0] == "number" and exponent[1] not in ("pi", "e")
    q = literal(exponent[1]) if rational else Fraction(1, 2)
    y: Evaluator = (lambda x: quotient(q)) if rational else compiled(exponent)

    def evaluate(x: Sequence[Any]) -> Any:
        b = base(x)
        if q.denominator == 1 and (b or q >= 0):
            return b ** int(q)
        if b < 0 or (not b and (q < 0 or not rational)) or q.denominator == 1:
            raise Undefined("**")
        return b ** y(x) if b else b

    return evaluate


def log(v: Any) -> Any:
    return mpmath.log(v) if v > 0 else mpmath.nan


def exponent(v: Any) -> int:
    """The least k with |v| < 2**k; 0 for 0."""
    _, _, exp, bits = v._mpf_
    return int(exp + bits)


def phase(v: Any) -> Any:
    """v, or beyond 2**LIMIT a number below it with the same digits.

    v is rounded at DIGITS digits, so it does not say where in a period the exact number lies: one phase is as good a
    guess as another, and that of v itself would cost as many digits of pi as its exponent has units.
    """
    return mpmath.ldexp(v, min(0, LIMIT - exponent(v)))


def growing(act: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """exp, sinh or cosh, of arguments up to 2**LIMIT."""

    def bounded(v: Any) -> Any:
        if exponent(v) > LIMIT:
            raise Beyond
        return act(v)

    return bounded


BY_MPMATH: dict[str, Callable[..., Any]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b,
    "neg": lambda a: -a, "abs": abs, "min": min, "max": max, "log": log,
    "cbrt": lambda a: mpmath.cbrt(a) if a >= 0 else -mpmath.cbrt(-a),
    "sqrt": lambda a: mpmath.sqrt(a) if a >= 0 else mpmath.nan,
    "asin": lambda a: mpmath.asin(a) if abs(a) <= 1 else mpmath.nan,
    "acos": lambda a: mpmath.acos(a) if abs(a) <= 1 else mpmath.nan,
    "sin": lambda a: mpmath.sin(phase(a)), "cos": lambda a: mpmath.cos(phase(a)), "tan": lambda a: mpmath.tan(phase(a)),
    "exp": growing(mpmath.exp), "sinh": growing(mpmath.sinh), "cosh": growing(mpmath.cosh),
    "tanh": mpmath.tanh, "atan": mpmath.atan, "asinh": mpmath.asinh, "expm1": mpmath.expm1, "hypot": mpmath.hypot,
    "erf": mpmath.erf, "erfc": mpmath.erfc, "ncdf": mpmath.ncdf, "j0": mpmath.j0, "j1": mpmath.j1, "sinc": mpmath.sinc,
    "sigmoid": lambda a: 1 / (1 + mpmath.exp(-a)), "softplus": lambda a: mpmath.log1p(mpmath.exp(a)),
    "gamma": lambda a: mpmath.gamma(a) if a > 0 else mpmath.nan,
    "lgamma": lambda a: mpmath.loggamma(a) if a > 0 else mpmath.nan,
    "lambertw": lambda a: mpmath.lambertw(a).real if a >= -mpmath.exp(-1) else mpmath.nan,
    "log1p": lambda a: mpmath.log1p(a) if a > -1 else mpmath.nan,
    "atan2": lambda a, b: mpmath.atan2(a, b) if a or b > 0 else mpmath.nan,
}  # fmt: skip

BOXES = (
    [0, 1],
    [0, 1],
    [0, 1],
    [-1, 1],
    ["-1/3", "5/7"],
    [-2, "1/2"],
    ["1e-3", "2e-3"],
    [10, 11],
    ["-1e-9", "1e-9"],
    [0, 100],
)


@dataclass(frozen=True)
class Case:
    """One function: the tree, its text, and the target that the package makes of the text."""

    tree: Tree
    text: str
    target: Target

    @property
    def dim(self) -> int:
        return self.target.dim

    def place(self, t: Point) -> Point:
        box = self.target.box
        return tuple(lo + (hi - lo) * s for lo, hi, s in zip(box.lower, box.upper, t, strict=True))

    def f(self, t: Point) -> Fraction:
        """The value at a point in coordinates of the box, rounded at DIGITS digits."""
        return fraction(self.evaluate([quotient(x) for x in self.place(t)]))

    @functools.cached_property
    def evaluate(self) -> Evaluator:
        return compiled(self.tree)


def fraction(v: Any) -> Fraction:
    """The exact value of an mpmath number; 0 for one far below all slack."""
    sign, man, exp, _ = v._mpf_
    if exponent(v) > LIMIT:
        raise Undefined("a value far beyond binary64")
    return (-1) ** sign * Fraction(int(man)) * Fraction(2) ** exp if exponent(v) > -LIMIT else Fraction(0)


def make(seed: int) -> Case | None:
    """The function of a seed; None if the package refuses the formula."""
    rng = random.Random(seed)
    dim = rng.choice([1, 1, 1, 1, 1, 2, 2, 2, 3, 3])
    names = ["x", "y", "z"][:dim]
    tree = Maker(rng, dim).tree(rng.randint(1, 9 if dim < 3 else 6))
    written = text(tree, names)
    domain = [end for _ in range(dim) for end in rng.choice(BOXES)]
    try:
        return Case(tree, written, mg.target(written, domain, variables=names, engine=rng.choice(["numpy", "crival"])))
    except (mg.ExpressionError, mg.TargetError):
        return None


# -- the opponent ----------------------------------------------------------------------------------


@dataclass
class Attack:
    """Points, maxima and violations of one seed."""

    case: Case
    rng: random.Random
    count: Counter[str] = field(default_factory=Counter)
    closest: float = 0.0  # the largest ratio of what was found to what is certified, of bounds that are not 0
    violations: list[str] = field(default_factory=list)

    def expect(self, what: str, found: Fraction, bound: float | Fraction, size: Fraction, where: Any) -> None:
        """A number that was found may not exceed its certified bound."""
        self.count[what] += 1
        if math.isinf(bound):
            return
        if found > Fraction(bound) + SLACK * (1 + size):
            self.violations.append(f"{what}: {float(found)!r} > {float(bound)!r} at {where}: {self.case.text}")
        elif bound > 10**9 * SLACK * (1 + size):
            self.closest = max(self.closest, float(found / Fraction(bound)))

    def climb(
        self, goal: Callable[[Point], Fraction], start: Point, step: Fraction, low: Point, high: Point
    ) -> tuple[Fraction, Point]:
        """A local maximum by coordinate steps that are halved where none of them helps."""
        best, at = goal(start), start
        for _ in range(6):
            helped = False
            for axis, sign in itertools.product(range(len(at)), (-1, 1)):
                x = list(at)
                x[axis] = min(high[axis], max(low[axis], x[axis] + sign * step))
                found = goal(tuple(x))
                self.count["evaluations"] += 1
                if found > best:
                    best, at, helped = found, tuple(x), True
            step = step if helped else step / 4
        return best, at

    def top(
        self, goal: Callable[[Point], Fraction], starts: Iterable[Point], step: Fraction, low: Point, high: Point
    ) -> tuple[Fraction, Point]:
        """The local maximum from the best of some points."""
        values = [(goal(t), t) for t in starts]
        self.count["evaluations"] += len(values)
        return self.climb(goal, max(values)[1], step, low, high)

    def dyadic(self, low: Point, side: Fraction, bits: int = 12) -> Point:
        return tuple(lo + side * Fraction(self.rng.randint(0, 1 << bits), 1 << bits) for lo in low)


def kuhn(local: Point) -> list[tuple[tuple[int, ...], Fraction]]:
    """Vertices of the Freudenthal simplex of [0, 1]^d that holds a point, with their weights."""
    order = sorted(range(len(local)), key=lambda a: -local[a])
    heights = [Fraction(1), *(local[a] for a in order), Fraction(0)]
    corners = [tuple(int(a in order[:k]) for a in range(len(local))) for k in range(len(local) + 1)]
    return [(v, heights[k] - heights[k + 1]) for k, v in enumerate(corners)]


def attack_cell(attack: Attack, level: int, cell: Point, enclosure: Any, checked: Any) -> None:
    """Range, sag and bulge of one cell: of the package, and of the checker, which has bounds of its own."""
    case, h = attack.case, Fraction(1, 1 << level)
    low = tuple(i * h for i in cell)
    high = tuple(x + h for x in low)
    corner = functools.cache(lambda v: case.f(tuple(x + h * i for x, i in zip(low, v, strict=True))))
    size = max(abs(corner(v)) for v in itertools.product((0, 1), repeat=case.dim))

    def sagging(t: Point) -> Fraction:
        local = tuple((x - lo) / h for x, lo in zip(t, low, strict=True))
        return sum((w * corner(v) for v, w in kuhn(local) if w), Fraction(0)) - case.f(t)

    starts = [attack.dyadic(low, h) for _ in range(4)]
    for name, goal, ends in (
        ("range", case.f, (enclosure.range.hi[0], checked and checked[2][1])),
        ("range", lambda t: -case.f(t), (-enclosure.range.lo[0], checked and -checked[2][0])),
        ("sag", sagging, (enclosure.sag[0], checked and checked[0])),
        ("bulge", lambda t: -sagging(t), (enclosure.bulge[0], checked and checked[1])),
    ):
        found, at = attack.top(goal, starts, h / 8, low, high)
        attack.expect(name, found, float(ends[0]), max(size, abs(found)), (level, cell, at))
        if checked and abs(ends[1]) < check.LIMIT:
            bound = Fraction(ends[1], 1 << check.BITS)
            attack.expect(f"{name}, checker", found, bound, max(size, abs(found)), (level, cell, at))


def attack_cells(attack: Attack, cells: int) -> None:
    case, rng = attack.case, attack.rng
    box = list(zip(case.target.box.lower, case.target.box.upper, strict=True))
    names = ["x", "y", "z"][: case.dim]
    judge = check.Target(case.target.describe()["canonical"], names, box, check.BITS, "arb")
    for _ in range(cells):
        level = rng.choice([0, 1, 2, 3, 4, 6, 9, 14, 22])
        cell = tuple(rng.randrange(1 << level) for _ in range(case.dim))
        enclosure = case.target.defects(level, np.array([cell]))
        try:
            checked = judge.defects(level, cell)
        except check.Undefined:
            checked = None
        attack_cell(attack, level, cell, enclosure, checked)


# -- schemes ---------------------------------------------------------------------------------------


class Exact:
    """The grades of a scheme at a point, in rational arithmetic, by the formula of the hat."""

    def __init__(self, scheme: mg.Scheme) -> None:
        self.lift = Fraction(scheme.lift)
        self.parts = [
            (
                g.level,
                {
                    tuple(v): Fraction(c)
                    for v, c in zip(g.atoms.nodes.tolist(), g.atoms.coefficients.tolist(), strict=True)
                },
            )
            for g in scheme.grades
        ]

    def steps(self, t: Point) -> list[Fraction]:
        """Lift and g_1(t), g_2(t), ..."""
        found = [self.lift]
        for level, atoms in self.parts:
            total = Fraction(0)
            scaled = [s * (1 << level) for s in t]
            for v in itertools.product(*({math.floor(s), math.ceil(s)} for s in scaled)):
                if v in atoms:
                    s = [y - i for y, i in zip(scaled, v, strict=True)]
                    total += atoms[v] * max(Fraction(0), 1 - max(0, *s) - max(0, *(-y for y in s)))
            found.append(total)
        return found

    def value(self, t: Point, k: int) -> Fraction:
        return sum(self.steps(t)[: k + 1], Fraction(0))


def attack_report(attack: Attack, report: Report) -> None:
    """Bounds of residuals and leaves, and the claims about grades."""
    case, rng, exact = attack.case, attack.rng, Exact(report.scheme)
    zero, one = (Fraction(0),) * case.dim, (Fraction(1),) * case.dim
    spread = [attack.dyadic(zero, Fraction(1), 10) for _ in range(60)]
    points = np.array([[float(x) for x in case.place(t)] for t in spread])
    claims = {r.claim: r.verdict for r in report.results}
    for k in sorted({0, rng.randrange(len(report.rows)), len(report.rows) - 1}):
        row = report.rows[k]
        with np.errstate(all="ignore"):
            size = np.nan_to_num(np.abs(report.scheme.residual(points, grade=k)))
        starts = [spread[i] for i in np.argsort(-size)[:3]]
        found, at = attack.top(lambda t, k=k: abs(case.f(t) - exact.value(t, k)), starts, Fraction(1, 32), zero, one)
        attack.expect("sup of a residual", found, row.residual_sup_upper, abs(case.f(at)), at)
        if row.residual_sup_lower > 0:
            box = case.target.box
            peak = tuple((x - lo) / (hi - lo) for x, lo, hi in zip(row.peak, box.lower, box.upper, strict=True))
            there = abs(case.f(peak) - exact.value(peak, k))
            attack.expect("lower bound", Fraction(row.residual_sup_lower), there, abs(case.f(peak)), peak)
    leaves = [
        (block.level, tuple(cell), bound)
        for block in report.leaves()
        for cell, bound in zip(block.cells.tolist(), block.bounds.tolist(), strict=True)
    ]
    for level, cell, bound in rng.sample(leaves, min(6, len(leaves))):
        h = Fraction(1, 1 << level)
        low = tuple(i * h for i in cell)
        goal = lambda t: abs(case.f(t) - exact.value(t, len(exact.parts)))  # noqa: E731
        starts = [attack.dyadic(low, h) for _ in range(3)]
        found, at = attack.top(goal, starts, h / 8, low, tuple(x + h for x in low))
        attack.expect("bound of a leaf", found, bound, abs(case.f(at)), (level, cell))
    for t in rng.sample(spread, 20):
        e, steps = case.f(t), exact.steps(t)
        size = abs(e)
        attack.count["evaluations"] += 1
        for k, g in enumerate(steps):
            rest = e - g
            if k and claims["balanced"] is mg.Verdict.PROVED:
                attack.expect("balanced", Fraction(0) if g * rest >= 0 else min(abs(g), abs(rest)), 0, size, (t, k))
            if k and claims["nonincreasing"] is mg.Verdict.PROVED:
                attack.expect("nonincreasing", abs(rest), abs(e), size, (t, k))
            e = rest


LEVELS = {1: (5, 9, 24), 2: (3, 5), 3: (1, 2, 3)}


def attack_scheme(attack: Attack, atoms: int) -> None:
    case, rng = attack.case, attack.rng
    with np.errstate(all="ignore"):
        points = case.target.box.from_unit(np.array([[rng.random() for _ in range(case.dim)] for _ in range(64)]))
        values = case.target(points)
    values = values[np.isfinite(values)]
    spread = float(np.ptp(values)) if len(values) else 1.0
    tol = max(spread, 1e-9 * float(np.abs(values).max(initial=1.0))) / 2 ** rng.randint(1, 6)
    if not 0 < tol < 1e300:
        return
    lift = rng.choice(["auto", "none"])
    budget = mg.Budget(atoms=atoms, level=rng.choice(LEVELS[case.dim]), bytes=1 << 24)
    scheme = mg.construct(case.target, tol, lift=lift, budget=budget)
    report = mg.verify(scheme)
    attack.count[f"scheme {report.verdict}"] += 1
    attack.count["grades"] += len(scheme.grades)
    attack_report(attack, report)
    if report.leaf_count <= 120:
        attack_certificate(attack, report)


def attack_certificate(attack: Attack, report: Report) -> None:
    """What the verifier proved, the independent checker must not find false."""
    try:
        data = schema.certificate(report).data
    except mg.CertificateError:
        attack.count["no certificate"] += 1
        return
    try:
        last = check.Check(data, "arb", lambda line: None).run(1)
    except check.Refused as refused:
        last = f"REFUSED: {refused.text}"
    attack.count[f"checker {last.partition(':')[0]}"] += 1
    if "as a corner shows" in last:
        attack.violations.append(f"certificate: {last}: {attack.case.text}")


@dataclass(frozen=True)
class Outcome:
    """What became of one seed."""

    seed: int
    count: Counter[str]
    closest: float
    violations: tuple[str, ...]


def trial(seed: int) -> Outcome:
    """Attack the function of one seed; a suspicion is looked at again with four times the digits."""
    outcome = attacked(seed, DIGITS)
    return attacked(seed, 4 * DIGITS) if outcome.violations else outcome


def attacked(seed: int, digits: int, cells: int = 6, atoms: int = 50) -> Outcome:
    case = make(seed)
    if case is None:
        return Outcome(seed, Counter(refused=1), 0.0, ())
    attack = Attack(case, random.Random(-seed - 1))
    with mpmath.workdps(digits), mock.patch.object(check, "PARTS", 256), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            attack_cells(attack, cells)
            attack_scheme(attack, atoms)
        except Undefined as error:  # the package says that f is defined on the whole box
            attack.violations.append(f"{error} is undefined somewhere: {case.text}")
        except Beyond:
            attack.count["beyond the opponent"] += 1
        except mg.SchemeError:
            attack.count["no scheme"] += 1
    attack.count[f"functions in {case.dim} variable(s)"] += 1
    attack.count["functions"] += 1
    attack.count["looked at again"] += digits > DIGITS
    return Outcome(seed, attack.count, attack.closest, tuple(attack.violations))


# -- the campaign ----------------------------------------------------------------------------------


def run(seeds: range, workers: int = 1) -> list[Outcome]:
    if workers == 1:
        return list(map(trial, seeds))
    with multiprocessing.Pool(workers) as pool:
        return list(pool.imap_unordered(trial, seeds, 8))


def summary(outcomes: Sequence[Outcome]) -> str:
    total: Counter[str] = Counter()
    for outcome in outcomes:
        total += outcome.count
    lines = ["| what | count |", "|---|---|"] + [f"| {name} | {n:,} |" for name, n in sorted(total.items())]
    lines.append(f"| largest part of a bound that was reached | {max(o.closest for o in outcomes):.9f} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 50), metavar=("FIRST", "END"))
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    outcomes = run(range(*options.seeds), options.workers)
    print(summary(outcomes))
    bad = [(o.seed, text) for o in outcomes for text in o.violations]
    for seed, what in bad:
        print(f"seed {seed}: {what}")
    seconds = time.perf_counter() - began
    print(f"seeds {options.seeds[0]} to {options.seeds[1] - 1}, {seconds:.0f} s: {len(bad)} violations")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
