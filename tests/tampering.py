"""Random mutants of certificates, an exact oracle of their claims, and what the checker makes of them.

    python tests/tampering.py --seeds 0 10000 [--gaps] [--workers 2] [--engine arb|mpmath]

A mutant is a true certificate with one or two random changes and a hash that fits again, so that only the
mathematics can object.  The targets are maxima of quadratic polynomials that differ by affine functions, in one
and two variables; on every simplex the residual is then such a maximum too, and its extreme values lie at
vertices, at critical points of edges, at critical points inside, and where pieces meet.  So the oracle
decides every claim in rational arithmetic, without enclosures or subdivision.  It shares no code with the checker.

With ``--gaps`` the formula is (f (x - c))/(x - c): the certificate names the gap, and mutants move it, drop it, or make
a pole or a jump of it, which has to be refused.

A seed is refused wrongly or accepted wrongly, or it is counted: false and refused, true and accepted, or true and
refused (the checker may stop short of a true claim).  The exit code is 1 if one of them was accepted wrongly, or
refused with a reason that is wrong or names no place.
"""

from __future__ import annotations

import argparse
import copy
import functools
import itertools
import math
import multiprocessing
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

import mgdl_theory as mg
from mgdl_theory.certificate import check, schema

Point = tuple[Fraction, ...]
Data = dict[str, Any]
ZERO = Fraction(0)


# -- targets: maxima of quadratic polynomials ------------------------------------------------------


@dataclass(frozen=True)
class Poly:
    """c + b.x + x'Ax with A symmetric, in the coordinates of the box."""

    A: tuple[Point, ...]
    b: Point
    c: Fraction

    @classmethod
    def of(cls, A: Sequence[Sequence[Any]], b: Sequence[Any], c: Any) -> Poly:
        return cls(tuple(tuple(map(Fraction, row)) for row in A), tuple(map(Fraction, b)), Fraction(c))

    def at(self, x: Point) -> Fraction:
        total = self.c
        for row, b, u in zip(self.A, self.b, x, strict=True):
            for a, v in zip(row, x, strict=True):
                b = b + a * v if a else b
            total = total + b * u if b and u else total
        return total

    def image(self, x: Point) -> Point:
        return tuple(sum((p * q for p, q in zip(row, x, strict=True) if p), ZERO) for row in self.A)

    def minus(self, other: Poly) -> Poly:
        b = tuple(p - q for p, q in zip(self.b, other.b, strict=True))
        A = tuple(tuple(p - q for p, q in zip(r, s, strict=True)) for r, s in zip(self.A, other.A, strict=True))
        return Poly(A, b, self.c - other.c)

    def text(self, names: Sequence[str]) -> str:
        terms = [f"({self.c})"] + [f"({p})*{x}" for p, x in zip(self.b, names, strict=True)]
        pairs = itertools.product(range(len(names)), repeat=2)
        return " + ".join(terms + [f"({self.A[i][j]})*{names[i]}*{names[j]}" for i, j in pairs if self.A[i][j]])


Pieces = tuple[Poly, ...]


def formula(pieces: Pieces, names: Sequence[str]) -> str:
    """The largest of some polynomials as text."""
    return functools.reduce(lambda left, right: f"max({left}, {right})", [p.text(names) for p in pieces])


def over(pieces: Pieces, names: Sequence[str], axis: int, at: Fraction, more: str = "") -> str:
    """The same function with a gap where a coordinate is ``at``; ``more`` is added to the numerator."""
    if not pieces:
        raise IndexError("no function is left")
    s = f"({names[axis]} - ({at}))"
    return f"(({formula(pieces, names)})*{s}{more})/{s}"


_OVER = re.compile(r"\)/\((\w+) - \(([-0-9/]+)\)\)$")


def gap_of(data: Data) -> tuple[int, Fraction] | None:
    """The plane on which the formula divides by 0, where it is one of :func:`over`."""
    found = _OVER.search(data["target"]["expression"])
    return (data["target"]["variables"].index(found[1]), Fraction(found[2])) if found else None


def affine(b: Point, c: Fraction) -> Poly:
    return Poly(((ZERO,) * len(b),) * len(b), b, c)


# -- extreme values, exactly -----------------------------------------------------------------------


def clip(polygon: list[Point], half: Poly) -> list[Point]:
    """The part of a convex polygon, or of a segment, where an affine function is >= 0."""
    found: list[Point] = []
    for p, q in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        u, v = half.at(p), half.at(q)
        if u >= 0:
            found.append(p)
        if (u > 0 > v) or (u < 0 < v):
            found.append(tuple(x + (y - x) * u / (u - v) for x, y in zip(p, q, strict=True)))
    return found


def candidates(f: Poly, polygon: list[Point]) -> Iterator[Point]:
    """Points among which a quadratic polynomial has its extreme values on a convex polygon or a segment."""
    yield from polygon
    for p, q in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        way = tuple(y - x for x, y in zip(p, q, strict=True))
        bend = sum((x * y for x, y in zip(f.image(way), way, strict=True)), ZERO)
        slope = sum(((2 * x + b) * y for x, b, y in zip(f.image(p), f.b, way, strict=True)), ZERO)
        if bend and 0 < -slope / (2 * bend) < 1:
            yield tuple(x - y * slope / (2 * bend) for x, y in zip(p, way, strict=True))
    if len(f.b) == 2:
        (a, b), (_, d) = f.A
        det = a * d - b * b
        if det:
            x = ((b * f.b[1] - d * f.b[0]) / (2 * det), (b * f.b[0] - a * f.b[1]) / (2 * det))
            turns = [
                (q[0] - p[0]) * (x[1] - p[1]) - (q[1] - p[1]) * (x[0] - p[0])
                for p, q in zip(polygon, polygon[1:] + polygon[:1], strict=True)
            ]
            if all(t > 0 for t in turns) or all(t < 0 for t in turns):
                yield x


def largest(pieces: Pieces, polygon: list[Point]) -> Fraction:
    return max(f.at(x) for f in pieces for x in candidates(f, polygon))


def smallest(pieces: Pieces, polygon: list[Point]) -> Fraction:
    """The minimum of the maximum of the pieces: each piece where it is the largest."""
    found = []
    for f in pieces:
        part = polygon
        for g in pieces:
            part = clip(part, f.minus(g)) if part and g is not f else part
        found += [f.at(x) for x in candidates(f, part)] if part else []
    return min(found)


Vertices = tuple[Point, ...]
"""Of a Freudenthal simplex in the order of a chain: one coordinate after the other grows."""


def interpolant(vertices: Vertices, values: Point) -> Poly:
    slopes = [ZERO] * (len(vertices) - 1)
    for (p, u), (q, v) in itertools.pairwise(zip(vertices, values, strict=True)):
        axis = next(a for a in range(len(p)) if p[a] != q[a])
        slopes[axis] = (v - u) / (q[axis] - p[axis])
    flat = affine(tuple(slopes), ZERO)
    return replace(flat, c=values[0] - flat.at(vertices[0]))


@functools.lru_cache(1 << 18)
def sup_of_residual(pieces: Pieces, vertices: Vertices, G: Point) -> Fraction:
    """sup |f - G| on a simplex, G linear."""
    rest = tuple(f.minus(interpolant(vertices, G)) for f in pieces)
    return max(largest(rest, list(vertices)), -smallest(rest, list(vertices)))


@functools.lru_cache(1 << 18)
def fair(pieces: Pieces, vertices: Vertices, G: Point, g: Point) -> bool:
    """Whether g (f - G - g) >= 0 on a simplex, G and g linear."""
    step = interpolant(vertices, g)
    rest = tuple(f.minus(interpolant(vertices, tuple(map(sum, zip(G, g, strict=True))))) for f in pieces)
    opposite = affine(tuple(-b for b in step.b), -step.c)
    above, below = clip(list(vertices), step), clip(list(vertices), opposite)
    return (max(g) <= 0 or smallest(rest, above) >= 0) and (min(g) >= 0 or largest(rest, below) <= 0)


# -- the oracle ------------------------------------------------------------------------------------


def number(pair: Sequence[int]) -> Fraction:
    return pair[0] * Fraction(2) ** pair[1]


class Oracle:
    """What a certificate says about the maximum of some polynomials, decided exactly."""

    def __init__(self, data: Data, pieces: Pieces) -> None:
        self.data, self.pieces, self.dim = data, pieces, len(data["target"]["variables"])
        box = data["target"]["box"]
        self.lower = tuple(map(Fraction, box["lower"]))
        self.side = tuple(Fraction(hi) - lo for hi, lo in zip(box["upper"], self.lower, strict=True))
        self.levels = [g["level"] for g in data["grades"]]
        self.K = len(self.levels)
        self.steps, self.totals = functools.cache(self._steps), functools.cache(self._totals)

    @functools.cached_property
    def atoms(self) -> list[tuple[int, dict[tuple[int, ...], Fraction]]]:
        return [
            (
                g["level"],
                {tuple(v): number((c, g["exponent"])) for v, c in zip(g["nodes"], g["coefficients"], strict=True)},
            )
            for g in self.data["grades"]
        ]

    @functools.cached_property
    def leaves(self) -> dict[tuple[int, tuple[int, ...]], Fraction]:
        unit = Fraction(2) ** self.data["leaves"]["exponent"]
        return {(b["level"], tuple(i)): unit * m for b, i, m in self.rows_of_leaves()}

    def rows_of_leaves(self) -> Iterator[tuple[Data, list[int], int]]:
        for block in self.data["leaves"]["levels"]:
            for cell, bound in zip(block["cells"], block["bounds"], strict=True):
                yield block, cell, bound

    def well_formed(self) -> bool:
        """The rules of the format that mutants can break."""
        grades, rows, axes = self.data["grades"], self.data["residuals"], range(self.dim)
        levels = self.levels + [block["level"] for block in self.data["leaves"]["levels"]]
        if not all(0 <= level <= check.MAX_LEVEL for level in levels) or min(self.side) <= 0:
            return False
        nodes = all(0 <= i <= 1 << g["level"] for g in grades for v in g["nodes"] for i in v)
        cells = all(0 <= i < 1 << block["level"] for block, cell, _ in self.rows_of_leaves() for i in cell)
        seen = [c["witness"] for c in self.data["claims"] if c["verdict"] == "REFUTED"]
        points = [tuple(map(Fraction, x)) for x in [row["at"] for row in rows] + [w["x"] for w in seen]]
        gaps = [(axis, Fraction(at)) for axis, at in self.data["target"].get("gaps", [])]
        own = gap_of(self.data)
        if own and 0 <= own[1] - self.lower[own[0]] <= self.side[own[0]] and own not in gaps:
            return False  # a plane that is not named
        if not all(0 <= at - self.lower[axis] <= self.side[axis] for axis, at in gaps):
            return False
        inside = all(0 <= x[a] - self.lower[a] <= self.side[a] for x in points for a in axes)
        once = all(len(set(map(tuple, g["nodes"]))) == len(g["nodes"]) and all(g["coefficients"]) for g in grades)
        once &= all(0 <= w["grade"] <= self.K for w in seen)
        lined_up = len(rows) == self.K + 1 and self.levels == sorted(self.levels)
        return nodes and cells and inside and once and lined_up

    def ancestors(self, level: int, cell: Sequence[int]) -> Iterator[tuple[int, tuple[int, ...]]]:
        for up in range(1, level + 1):
            yield level - up, tuple(i >> up for i in cell)

    def tiling(self) -> bool:
        """The leaves have volume 1 together and none lies in another; no atom reaches into a coarser leaf."""
        apart = len(self.leaves) == sum(1 for _ in self.rows_of_leaves())
        volume = sum((Fraction(1, 1 << self.dim * level) for level, _ in self.leaves), ZERO)
        nested = any(a in self.leaves for leaf in self.leaves for a in self.ancestors(*leaf))
        around = (
            tuple(i - s for i, s in zip(node, shift, strict=True))
            for level, atoms in self.atoms for node in atoms for shift in itertools.product((0, 1), repeat=self.dim)
        )  # fmt: skip
        owners = (level for level, atoms in self.atoms for _ in range(len(atoms) << self.dim))
        reaching = any(
            a in self.leaves
            for level, cell in zip(owners, around, strict=True)
            if all(0 <= i < 1 << level for i in cell)
            for a in self.ancestors(level, cell)
        )
        return apart and volume == 1 and not nested and not reaching

    @functools.cached_property
    def split(self) -> set[tuple[int, tuple[int, ...]]]:
        return {a for leaf in self.leaves for a in self.ancestors(*leaf)}

    def cells(self, level: int, coarser: bool) -> list[tuple[int, tuple[int, ...]]]:
        """Cells of the tree of a level, and with ``coarser`` the leaves above it: together they cover the box."""
        own = [cell for cell in self.split if cell[0] == level]
        return own + [leaf for leaf in self.leaves if leaf[0] == level or (coarser and leaf[0] < level)]

    def _steps(self, level: int, node: tuple[int, ...]) -> list[Fraction]:
        """Lift and grades at a node of a level, one by one."""
        found = [number(self.data["lift"])]
        for l, atoms in self.atoms:
            t = [Fraction(i << l, 1 << level) for i in node]
            total = ZERO
            for v in itertools.product(*({math.floor(s), math.ceil(s)} for s in t)):
                c = atoms.get(v)
                if c:
                    s = [x - i for x, i in zip(t, v, strict=True)]
                    total += c * max(ZERO, 1 - max(ZERO, *s) - max(ZERO, *(-x for x in s)))
            found.append(total)
        return found

    def _totals(self, level: int, node: tuple[int, ...]) -> list[Fraction]:
        """G_0, G_1, ... at a node."""
        return list(itertools.accumulate(self.steps(level, node)))

    def simplices(self, level: int, cell: tuple[int, ...]) -> Iterator[list[tuple[int, ...]]]:
        for order in itertools.permutations(range(self.dim)):
            chain = [cell]
            for axis in order:
                chain.append(tuple(i + (a == axis) for a, i in enumerate(chain[-1])))
            yield chain

    def place(self, level: int, node: tuple[int, ...]) -> Point:
        return tuple(lo + s * Fraction(i, 1 << level) for lo, s, i in zip(self.lower, self.side, node, strict=True))

    def sup(self, cell: tuple[int, tuple[int, ...]], k: int) -> Fraction:
        """sup |e_k| on a cell whose level is at least those of grades 1 to k."""
        level, index = cell
        found = []
        for chain in self.simplices(level, index):
            G = tuple(self.totals(level, v)[k] for v in chain)
            found.append(sup_of_residual(self.pieces, tuple(self.place(level, v) for v in chain), G))
        return max(found)

    @functools.cached_property
    def sups(self) -> list[Fraction]:
        """sup |e_k| on the box for every k."""
        levels = [0, *self.levels]
        return [max(self.sup(c, k) for c in self.cells(levels[k], True)) for k in range(self.K + 1)]

    def balanced(self, scale: int) -> bool:
        """Whether every g_k / scale is balanced for e_(k-1)."""
        for k, level in enumerate(self.levels, 1):
            for _, cell in self.cells(level, False):
                for chain in self.simplices(level, cell):
                    g = tuple(self.steps(level, v)[k] / scale for v in chain)
                    if any(g):
                        G = tuple(self.totals(level, v)[k - 1] for v in chain)
                        if not fair(self.pieces, tuple(self.place(level, v) for v in chain), G, g):
                            return False
        return True

    def one_sign(self) -> bool:
        """Whether no simplex has vertices with atoms of both signs in one grade."""
        return not any(
            min(g) < 0 < max(g)
            for k, level in enumerate(self.levels, 1)
            for _, cell in self.cells(level, False)
            for chain in self.simplices(level, cell)
            if (g := [self.steps(level, v)[k] for v in chain])
        )

    def residual(self, x: Point, k: int) -> Fraction:
        t = [(q - lo) / s for q, lo, s in zip(x, self.lower, self.side, strict=True)]
        total = number(self.data["lift"])
        for l, atoms in self.atoms[:k]:
            scaled = [s * (1 << l) for s in t]
            for v in itertools.product(*({math.floor(s), math.ceil(s)} for s in scaled)):
                s = [y - i for y, i in zip(scaled, v, strict=True)]
                total += atoms.get(v, ZERO) * max(ZERO, 1 - max(ZERO, *s) - max(ZERO, *(-y for y in s)))
        return max(f.at(x) for f in self.pieces) - total

    def residuals(self) -> bool:
        rows = self.data["residuals"]
        high = all(row["upper"] is None or s <= number(row["upper"]) for s, row in zip(self.sups, rows, strict=True))
        return high and all(
            abs(self.residual(tuple(map(Fraction, row["at"])), k)) >= number(row["lower"]) for k, row in enumerate(rows)
        )

    def truth(self) -> dict[str, bool | None]:
        """Which claims are true; None where that is open, or where other claims are needed to say it."""
        if not self.pieces or not self.well_formed():
            return {"format": False}
        found: dict[str, bool | None] = {"tiling": self.tiling()}
        if not found["tiling"]:
            return found
        found["leaves"] = all(self.sup(leaf, self.K) <= bound for leaf, bound in self.leaves.items())
        found["residuals"] = self.residuals()
        found["balanced"] = self.balanced(1)
        found["nonincreasing"] = self.balanced(2)
        found["unit-grades"] = found["balanced"] and self.one_sign()
        found["lp-decrease"] = found["balanced"] or None
        falls = self.data["claims"][7]["grades"]
        found["sup-decrease"] = bool(falls) and all(1 <= k <= self.K and self.sups[k] < self.sups[k - 1] for k in falls)
        found["sup-norm"] = self.sups[-1] <= number(self.data["tolerance"])
        return found


# -- certificates to tamper with -------------------------------------------------------------------

TWO = {1: ["x"], 2: ["x", "y"]}


@dataclass(frozen=True)
class Base:
    """A certificate and the polynomials whose maximum it is about."""

    data: Data
    pieces: Pieces


def line(a: Any, b: Any, c: Any) -> Poly:
    return Poly.of([[a]], [b], c)


def plane(a: Any, ab: Any, b: Any, p: Any, q: Any, c: Any) -> Poly:
    return Poly.of([[a, Fraction(ab) / 2], [Fraction(ab) / 2, b]], [p, q], c)


THIRD = Fraction(1, 3)
PARABOLA, WAVE, BOWL = (line(1, 0, 0),), (line(-4, 4, -THIRD),), (plane(1, 1, 1, 0, -1, THIRD),)
TENT, RIDGE = (line(0, 1, -THIRD), line(0, -1, THIRD)), (plane(0, 0, 0, 1, -1, THIRD), plane(0, 0, 0, -1, 1, -THIRD))
BENT = (line(1, 1, -THIRD), line(1, -1, THIRD))
CAP = (line(-1, 0, 2),)


def built(pieces: Pieces, tol: str, lift: str = "none", domain: Any = None, units: bool = False, **more: Any) -> Base:
    """The certificate of the construction."""
    names = TWO[len(pieces[0].b)]
    scheme = mg.construct(mg.target(formula(pieces, names), domain, variables=names), tol, lift=lift, **more)
    return Base(schema.certificate(scheme.as_units() if units else scheme).data, pieces)


def planted(pieces: Pieces, parts: list[dict[int, Fraction]], tol: str) -> Base:
    """The certificate of grades of levels 0, 1, ... that are given by coefficients."""
    atoms = [
        mg.Atoms(level, np.array(list(own), dtype=np.int64).reshape(-1, 1), np.array(list(map(float, own.values()))))
        for level, own in enumerate(parts)
    ]
    target = mg.target(formula(pieces, ["x"]), variables=["x"])
    return Base(schema.certificate(mg.Scheme.of(target, 0.0, atoms, float(Fraction(tol)))).data, pieces)


def tight() -> Base:
    """2 - x**2 interpolated level by level: the largest balanced grades, so that each bound is attained.

    The bounds of leaves are the exact ones, h**2/4; a coefficient or a bound one unit off is false.
    """
    f, parts, seen = CAP[0], [], {}
    for level in range(4):
        nodes = {i: f.at((Fraction(i, 1 << level),)) for i in range((1 << level) + 1)}
        before = {i: (seen[i // 2] + seen[(i + 1) // 2]) / 2 if seen else ZERO for i in nodes}
        parts.append({i: c - before[i] for i, c in nodes.items() if c != before[i]})
        seen = nodes
    base = planted(CAP, parts, "1/256")
    leaves = base.data["leaves"]
    leaves["exponent"] = -16
    for block in leaves["levels"]:
        block["bounds"] = [1 << 14 - 2 * block["level"] for _ in block["cells"]]
    base.data["residuals"][-1]["upper"] = [1, -8]
    return base


BASES: dict[str, Callable[[], Base]] = {
    "parabola": lambda: built(PARABOLA, "1/64"),
    "wave, lifted": lambda: built(WAVE, "1/32", lift="-2"),
    "tent": lambda: built(TENT, "1/32", domain=["-1/5", "1"]),
    "bent, unit grades": lambda: built(BENT, "1/8", units=True),
    "cap, exact bounds": tight,
    "saddle": lambda: built((plane(0, 1, 0, 0, 0, 0),), "1/6"),
    "bowl, lifted": lambda: built(BOWL, "1/8", lift="-1", domain=["-1/2", "1", "0", "3/4"]),
    "ridge": lambda: built(RIDGE, "2/5"),
    "wave, stopped": lambda: built(WAVE, "1/64", budget=mg.Budget(level=4)),
    "cup, overshot": lambda: planted(
        (line(1, 0, 1),), [{}, {0: Fraction(1), 1: Fraction(3, 2), 2: Fraction(2)}], "1/4"
    ),
}


BESIDE: dict[str, Callable[[], Base]] = {
    "max beside y": lambda: built(
        (plane(0, 0, 0, 1, 0, 0), plane(0, 0, 0, 0, 0, Fraction(2, 5))), "1/9", domain=["1/7", "1", "-1/3", "4/5"]
    ),
    "abs beside x": lambda: built(
        (plane(0, 0, 0, 0, 1, -THIRD), plane(0, 0, 0, 0, -1, THIRD)), "1/9", domain=["1/3", "1", "-2/7", "1"]
    ),
    "bent beside y": lambda: built(
        (plane(1, 0, 0, 1, 0, -THIRD), plane(1, 0, 0, -1, 0, THIRD)), "1/3", domain=["1/3", "1", "-2/7", "1"]
    ),
    "bent beside y, lifted": lambda: built(
        (plane(1, 0, 0, 1, 0, -THIRD), plane(1, 0, 0, -1, 0, THIRD)), "1/3", lift="-1", domain=["-1/7", "1", "0", "1/3"]
    ),
}
"""Kinks that do not depend on one of two variables, at places that are no dyadic numbers of the side."""


def gapped(pieces: Pieces, axis: int, at: Any, tol: str, domain: Any = None, **more: Any) -> Base:
    """The certificate of the construction for the same function written with a gap."""
    names, at = TWO[len(pieces[0].b)], Fraction(at)
    text = over(pieces, names, axis, at)
    scheme = mg.construct(mg.target(text, domain, variables=names), tol, lift="none", **more)
    data = schema.certificate(scheme).data
    data["target"]["expression"] = text  # the canonical text is another one
    return Base(data, pieces)


OVER: dict[str, Callable[[], Base]] = {
    "parabola, gap at 1/3": lambda: gapped(PARABOLA, 0, THIRD, "1/64"),
    "wave, gap at an end": lambda: gapped(WAVE, 0, 0, "1/32"),
    "tent, gap at 1/2": lambda: gapped(TENT, 0, "1/2", "1/32", domain=["-1/5", "1"]),
    "bent, gap in its kink": lambda: gapped(BENT, 0, THIRD, "1/8"),
    "saddle, gap at y = 1/7": lambda: gapped((plane(0, 1, 0, 0, 0, 0),), 1, "1/7", "1/6"),
    "bowl, gap at x = 0": lambda: gapped(BOWL, 0, 0, "1/8", domain=["-1/2", "1", "0", "3/4"]),
}
"""Formulas with gaps."""


@functools.cache
def base(name: str) -> Base:
    return {**BASES, **BESIDE, **OVER}[name]()


# -- mutations -------------------------------------------------------------------------------------

Mutation = Callable[[random.Random, Data, Pieces], Pieces | None]
"""Changes the data in place; returns the polynomials if the formula changed."""


def pick(rng: random.Random, data: Data) -> Data:
    """A grade that has atoms, or nothing to change (an IndexError, which draws again)."""
    return rng.choice([g for g in data["grades"] if g["nodes"]])


def coefficient_by_a_unit(rng: random.Random, data: Data, _: Pieces) -> None:
    grade = pick(rng, data)
    grade["coefficients"][rng.randrange(len(grade["coefficients"]))] += rng.choice([-1, 1])


def coefficient_by_a_fine_unit(rng: random.Random, data: Data, _: Pieces) -> None:
    grade, bits = pick(rng, data), rng.choice([20, 60, 150])
    grade["exponent"] -= bits
    grade["coefficients"] = [c << bits for c in grade["coefficients"]]
    coefficient_by_a_unit(rng, {"grades": [grade]}, _)


def coefficient_anew(rng: random.Random, data: Data, _: Pieces) -> None:
    grade = pick(rng, data)
    k = rng.randrange(len(grade["coefficients"]))
    c = grade["coefficients"][k]
    grade["coefficients"][k] = rng.choice([-c, 2 * c, c // 2, c + c // 8, 0])


def exponent_of_a_grade(rng: random.Random, data: Data, _: Pieces) -> None:
    pick(rng, data)["exponent"] += rng.choice([-1, 1])


def node(rng: random.Random, data: Data, _: Pieces) -> None:
    v = rng.choice(pick(rng, data)["nodes"])
    v[rng.randrange(len(v))] += rng.choice([-1, 1])


def atom_added(rng: random.Random, data: Data, _: Pieces) -> None:
    grade = pick(rng, data)
    grade["nodes"].append([rng.randint(0, 1 << grade["level"]) for _ in grade["nodes"][0]])
    grade["coefficients"].append(rng.choice([-1, 1]) * rng.choice([1, 1 << rng.randrange(12)]))


def atom_dropped(rng: random.Random, data: Data, _: Pieces) -> None:
    grade = pick(rng, data)
    k = rng.randrange(len(grade["nodes"]))
    del grade["nodes"][k], grade["coefficients"][k]


def level_of_a_grade(rng: random.Random, data: Data, _: Pieces) -> None:
    pick(rng, data)["level"] += rng.choice([-1, 1])


def grade_dropped(rng: random.Random, data: Data, _: Pieces) -> None:
    k = rng.randrange(len(data["grades"]))
    del data["grades"][k], data["residuals"][k + rng.randint(0, 1)]


def grades_swapped(rng: random.Random, data: Data, _: Pieces) -> None:
    k = rng.randrange(len(data["grades"]) - 1)
    one, two = data["grades"][k : k + 2]
    names = ["nodes", "coefficients", "exponent"] + ["level"] * rng.randint(0, 1)
    for name in names:
        one[name], two[name] = two[name], one[name]


def leaf_block(rng: random.Random, data: Data) -> tuple[Data, int]:
    block = rng.choice([b for b in data["leaves"]["levels"] if b["cells"]])
    return block, rng.randrange(len(block["cells"]))


def leaf_dropped(rng: random.Random, data: Data, _: Pieces) -> None:
    block, k = leaf_block(rng, data)
    del block["cells"][k], block["bounds"][k]


def leaf_doubled(rng: random.Random, data: Data, _: Pieces) -> None:
    block, k = leaf_block(rng, data)
    block["cells"].append(list(block["cells"][k]))
    block["bounds"].append(block["bounds"][k])


def leaf_moved(rng: random.Random, data: Data, _: Pieces) -> None:
    block, k = leaf_block(rng, data)
    block["cells"][k][rng.randrange(len(block["cells"][k]))] += rng.choice([-1, 1])


def leaf_resized(rng: random.Random, data: Data, _: Pieces) -> None:
    """The parent in its place, or one half."""
    block, k = leaf_block(rng, data)
    cell, bound = block["cells"].pop(k), block["bounds"].pop(k)
    if rng.randint(0, 1):
        new = {"level": block["level"] + 1, "cells": [[2 * i + rng.randint(0, 1) for i in cell]], "bounds": [bound]}
    else:
        new = {"level": block["level"] - 1, "cells": [[i >> 1 for i in cell]], "bounds": [bound]}
    data["leaves"]["levels"].append(new)


def leaf_split(rng: random.Random, data: Data, _: Pieces) -> None:
    """Its halves in its place: the claims remain true."""
    block, k = leaf_block(rng, data)
    cell, bound = block["cells"].pop(k), block["bounds"].pop(k)
    halves = [
        [2 * i + s for i, s in zip(cell, shift, strict=True)] for shift in itertools.product((0, 1), repeat=len(cell))
    ]
    data["leaves"]["levels"].append({"level": block["level"] + 1, "cells": halves, "bounds": [bound] * len(halves)})


def leaves_merged(rng: random.Random, data: Data, _: Pieces) -> None:
    """The parent in place of all its halves: a tiling again; the largest of their bounds."""
    block, k = leaf_block(rng, data)
    parent = [i >> 1 for i in block["cells"][k]]
    inside = [j for j, cell in enumerate(block["cells"]) if [i >> 1 for i in cell] == parent]
    bound = max(block["bounds"][j] for j in inside)
    for j in reversed(inside):
        del block["cells"][j], block["bounds"][j]
    data["leaves"]["levels"].append({"level": block["level"] - 1, "cells": [parent], "bounds": [bound]})


def leaf_bound(rng: random.Random, data: Data, _: Pieces) -> None:
    block, k = leaf_block(rng, data)
    bound = block["bounds"][k]
    block["bounds"][k] = rng.choice([bound - 1, bound + 1, bound // 2, bound - bound // 16, 2 * bound, 0])


def leaf_unit(rng: random.Random, data: Data, _: Pieces) -> None:
    data["leaves"]["exponent"] += rng.choice([-1, 1])


def upper_of_a_row(rng: random.Random, data: Data, _: Pieces) -> None:
    row = rng.choice(data["residuals"])
    m, e = row["upper"] or [1, 0]
    row["upper"] = rng.choice(
        [[(m << 20) - 1, e - 20], [m, e - 1], [15 * m, e - 4], [(m << 40) + 1, e - 40], [17 * m, e - 4]]
    )


def lower_of_a_row(rng: random.Random, data: Data, _: Pieces) -> None:
    row = rng.choice(data["residuals"])
    m, e = row["lower"]
    row["lower"] = rng.choice([[m + 1, e], [m - 1, e], [17 * m, e - 4], [(m << 9) + 1, e - 9], [m, e - 1]])


def point_of_a_row(rng: random.Random, data: Data, _: Pieces) -> None:
    row = rng.choice(data["residuals"])
    a = rng.randrange(len(row["at"]))
    row["at"][a] = str(Fraction(row["at"][a]) + Fraction(rng.choice([-1, 1]), rng.choice([1 << 40, 1 << 80, 8, 3])))


def expression(rng: random.Random, data: Data, pieces: Pieces) -> Pieces:
    """One number of the formula a little or much larger or smaller."""
    by = Fraction(rng.choice([-1, 1]), rng.choice([3, 16, 1 << 10, 10**6, 1 << 30, 10**30, 1 << 100, 1 << 200]))
    f, d, kind = pieces[0], len(pieces[0].b), rng.randrange(3)
    if kind == 0:
        shift = affine((ZERO,) * d, by)
    elif kind == 1:
        a = rng.randrange(d)
        shift = affine(tuple(by * (a == b) for b in range(d)), ZERO)
    else:
        a = rng.randrange(d)
        shift = Poly(tuple(tuple(by * (a == i == j) for j in range(d)) for i in range(d)), (ZERO,) * d, ZERO)
    negative = Poly(tuple(tuple(-v for v in r) for r in shift.A), tuple(-v for v in shift.b), -shift.c)
    moved = f.minus(negative)
    found = tuple(p.minus(negative) for p in pieces) if kind == 2 else (moved, *pieces[1:])
    names, gap = data["target"]["variables"], gap_of(data)
    data["target"]["expression"] = over(found, names, *gap) if gap else formula(found, names)
    return found


def side_of_the_box(rng: random.Random, data: Data, _: Pieces) -> None:
    ends = data["target"]["box"][rng.choice(["lower", "upper"])]
    a = rng.randrange(len(ends))
    by = Fraction(rng.choice([-1, 1]), rng.choice([3, 16, 1 << 10, 10**6, 1 << 30, 10**30, 1 << 200]))
    ends[a] = str(Fraction(ends[a]) + by)


def variables_permuted(rng: random.Random, data: Data, _: Pieces) -> Pieces:
    """The same text with other names: the formula's y is now the first coordinate."""
    if len(data["target"]["variables"]) < 2:
        raise IndexError
    data["target"]["variables"].reverse()
    return tuple(Poly(tuple(tuple(row[::-1]) for row in f.A[::-1]), f.b[::-1], f.c) for f in _)


def lift(rng: random.Random, data: Data, _: Pieces) -> None:
    by = rng.choice([-1, 1]) * Fraction(1, 1 << rng.choice([3, 6, 12, 30, 200]))
    total = number(data["lift"]) + by
    data["lift"] = [total.numerator, -(total.denominator.bit_length() - 1)]


def tolerance(rng: random.Random, data: Data, _: Pieces) -> None:
    m, e = data["tolerance"]
    data["tolerance"] = rng.choice([[m, e - 1], [(m << 30) - 1, e - 30], [15 * m, e - 4], [m, e + 1], [-m, e]])


def falls(rng: random.Random, data: Data, _: Pieces) -> None:
    claim, grades = data["claims"][7], len(data["grades"])
    claim["grades"] = sorted({*claim["grades"], rng.randint(1, grades + 1)})
    claim["verdict"] = "PROVED"


def verdict(rng: random.Random, data: Data, pieces: Pieces) -> None:
    """Another verdict on a claim, with a status that fits and, if it is REFUTED, a witness with true enclosures."""
    claim = data["claims"][rng.randrange(3, 9)]
    claim["verdict"] = rng.choice(sorted({"PROVED", "REFUTED", "UNDECIDED"} - {claim["verdict"]}))
    if claim["verdict"] == "REFUTED":
        oracle = Oracle(data, pieces)
        k = len(data["grades"]) if claim["claim"] == "sup-norm" else rng.randint(0, len(data["grades"]))
        t = [Fraction(rng.randint(0, 48), 48) for _ in oracle.side]
        x = tuple(lo + s * q for lo, s, q in zip(oracle.lower, oracle.side, t, strict=True))
        claim["witness"] = {"x": list(map(str, x)), "grade": k}
        for name, j in (("before", max(0, k - 1)), ("after", k)):
            scaled = oracle.residual(x, j) * (1 << 60)
            claim["witness"][name] = [[math.floor(scaled) - 1, -60], [math.ceil(scaled) + 1, -60]]
    decided = {c["verdict"] for c in data["claims"] if c["claim"] != "sup-decrease"}
    refuted = any(c["verdict"] == "REFUTED" for c in data["claims"])
    data["status"] = "refuted" if refuted else "incomplete" if "UNDECIDED" in decided else "complete"


def witness(rng: random.Random, data: Data, _: Pieces) -> None:
    found = rng.choice([c["witness"] for c in data["claims"] if "witness" in c])
    kind = rng.randrange(3)
    if kind == 0:
        found["x"] = [str(Fraction(rng.randint(0, 64), 64)) for _ in found["x"]]
    elif kind == 1:
        found["grade"] += rng.choice([-1, 1])
    else:
        end = found[rng.choice(["before", "after"])][rng.randint(0, 1)]
        end[0] += rng.choice([-1, 1]) * rng.choice([1, 1 << 30])


def gap_moved(rng: random.Random, data: Data, _: Pieces) -> None:
    gap = rng.choice(data["target"]["gaps"])
    by = Fraction(rng.choice([-1, 1]), rng.choice([3, 1 << 10, 10**6, 1 << 60, 1 << 200, 1 << 300]))
    gap[1] = str(Fraction(gap[1]) + by)


def gap_dropped(rng: random.Random, data: Data, _: Pieces) -> None:
    del data["target"]["gaps"][rng.randrange(len(data["target"]["gaps"]))]


def gap_added(rng: random.Random, data: Data, _: Pieces) -> None:
    """Where the formula is defined: nothing becomes false."""
    axis = rng.randrange(len(data["target"]["variables"]))
    low, high = (Fraction(data["target"]["box"][side][axis]) for side in ("lower", "upper"))
    data["target"]["gaps"].append([axis, str(low + rng.choice([Fraction(k, 5) for k in range(6)]) * (high - low))])


def pole(rng: random.Random, data: Data, pieces: Pieces) -> Pieces:
    """The numerator does not vanish on the plane; no function then."""
    axis, at = gap_of(data) or [][0]
    by = Fraction(rng.choice([-1, 1]), rng.choice([1, 16, 10**6, 10**30, 1 << 200, 1 << 300]))
    data["target"]["expression"] = over(pieces, data["target"]["variables"], axis, at, f" + ({by})")
    return ()


def two_sides(rng: random.Random, data: Data, pieces: Pieces) -> Pieces:
    """A jump on the plane, little or large."""
    axis, at = gap_of(data) or [][0]
    names = data["target"]["variables"]
    by = Fraction(rng.choice([-1, 1]), rng.choice([1, 16, 10**6, 10**30, 1 << 200, 1 << 300]))
    data["target"]["expression"] = over(pieces, names, axis, at, f" + ({by})*abs({names[axis]} - ({at}))")
    low, high = (Fraction(data["target"]["box"][side][axis]) for side in ("lower", "upper"))
    if low < at < high:
        return ()
    raise IndexError


OF_GAPS: dict[str, tuple[Mutation, int]] = {
    "gap moved": (gap_moved, 5),
    "gap dropped": (gap_dropped, 2),
    "gap added": (gap_added, 4),
    "pole": (pole, 5),
    "two sides": (two_sides, 5),
}
"""For certificates with gaps."""

MUTATIONS: dict[str, tuple[Mutation, int]] = {
    "coefficient by one unit": (coefficient_by_a_unit, 4),
    "coefficient by a fine unit": (coefficient_by_a_fine_unit, 3),
    "coefficient anew": (coefficient_anew, 2),
    "exponent of a grade": (exponent_of_a_grade, 1),
    "node index": (node, 3),
    "atom added": (atom_added, 2),
    "atom dropped": (atom_dropped, 2),
    "level of a grade": (level_of_a_grade, 2),
    "grade dropped": (grade_dropped, 1),
    "grades swapped": (grades_swapped, 1),
    "leaf dropped": (leaf_dropped, 1),
    "leaf doubled": (leaf_doubled, 1),
    "leaf moved": (leaf_moved, 1),
    "leaf resized": (leaf_resized, 2),
    "leaf split": (leaf_split, 2),
    "leaves merged": (leaves_merged, 2),
    "bound of a leaf": (leaf_bound, 3),
    "unit of the leaves": (leaf_unit, 1),
    "upper of a row": (upper_of_a_row, 3),
    "lower of a row": (lower_of_a_row, 2),
    "point of a row": (point_of_a_row, 2),
    "expression": (expression, 4),
    "box": (side_of_the_box, 3),
    "variables permuted": (variables_permuted, 2),
    "lift": (lift, 2),
    "tolerance": (tolerance, 1),
    "falls": (falls, 1),
    "verdict": (verdict, 3),
    "witness": (witness, 9),
}
"""With the weight of each in the lottery."""


# -- trials ----------------------------------------------------------------------------------------

PLACE = {
    "format": r"grade|leaves|level|exponent|coefficient|index|point|box|row|witness|field|a number|target",
    "tiling": r"cell \[[-0-9, ]+\]|leaf \[|no leaves|node \[",
    "leaves": r"bound of a leaf: .* on the cell \[",
    "residuals": r"row \d+: .* on the cell \[|\|e_\d+\| at ",
    "balanced": r"grade \d+.*(on the cell \[|is not shown to be false at)|at .*, grade \d+|this is not shown",
    "nonincreasing": r"grade \d+.*on the cell \[|at .*, grade \d+|this is not shown",
    "unit-grades": r"grade \d+ has opposite signs on the cell \[|at .*, grade \d+|this is not shown",
    "lp-decrease": r"at .*, grade \d+|this is not shown",
    "sup-decrease": r"grade \d+|at .*, grade \d+|this is not shown",
    "sup-norm": r"by row \d+|at .*, grade \d+",
}
"""Of each claim, what a reason for refusing it must mention: the place."""

WORDS = {"VERIFIED", "INCOMPLETE", "REFUTED", "REFUSED"}


@dataclass(frozen=True)
class Trial:
    """What became of one seed."""

    seed: int
    base: str
    mutation: str
    outcome: str  # "false, refused", "true, accepted" or "true, refused"; or what is wrong
    claim: str  # that the checker refused, or ""
    last: str
    wrong: bool = False


def judge(data: Data, engine: str = "arb") -> tuple[str, str, str]:
    """First word, claim and text of the last line."""
    try:
        last = check.Check(data, engine, lambda line: None).run(1)
    except check.Refused as refused:
        last = f"REFUSED: {refused.claim}: {refused.text}"
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        last = f"REFUSED: format: a field: {error!r}"
    word, _, rest = last.partition(": ")
    return word, rest.partition(": ")[0] if word == "REFUSED" else "", last


def mutant(seed: int, bases: Sequence[str] = tuple(BASES)) -> tuple[str, str, Data, Pieces]:
    """Base, mutation, data and polynomials of a seed."""
    rng = random.Random(seed)
    name = rng.choice(bases)
    mutations = {**MUTATIONS, **(OF_GAPS if name in OVER else {})}
    names, weights = list(mutations), [weight for _, weight in mutations.values()]
    while True:
        data, pieces = copy.deepcopy(base(name).data), base(name).pieces
        chosen = rng.choices(names, weights, k=rng.choice([1, 1, 1, 1, 2]))
        try:
            for each in chosen:
                changed = mutations[each][0](rng, data, pieces)
                pieces = pieces if changed is None else changed
        except (IndexError, KeyError, ValueError):  # nothing there to change
            continue
        if data != base(name).data:
            return name, " and ".join(chosen), data, pieces


def trial(seed: int, engine: str = "arb", bases: Sequence[str] = tuple(BASES)) -> Trial:
    """Make the mutant of a seed, decide its claims exactly, and compare with what the checker says."""
    name, mutation, data, pieces = mutant(seed, bases)
    truth = Oracle(data, pieces).truth()
    word, claim, last = judge({**data, "sha256": check.digest(data)}, engine)
    said = {c["claim"]: c["verdict"] for c in data["claims"]}
    false = [c for c, true in truth.items() if true is False and said.get(c, "PROVED") == "PROVED"]
    false += [c for c, true in truth.items() if true and said.get(c) == "REFUTED"]
    found = functools.partial(Trial, seed, name, mutation, claim=claim, last=last)
    if word != "REFUSED":
        open_ = [c for c in check.CLAIMS if said[c] != "UNDECIDED" and truth.get(c) is None]
        if false or open_:
            return found(f"ACCEPTED, but {', '.join(false + open_)} false or open", wrong=True)
        return found("true, accepted")
    if not re.search(PLACE[claim], last):
        return found("the reason names no place", wrong=True)
    said_false = claim in ("tiling", "format") or "as a corner shows" in last  # and not only not shown
    if said_false and truth.get(claim) is not False and truth.get("format") is not False:
        return found("refused for a reason that is not true", wrong=True)
    return found("false, refused" if false else "true, refused")


# -- the campaign ----------------------------------------------------------------------------------


def run(seeds: range, engine: str = "arb", workers: int = 1, bases: Sequence[str] = tuple(BASES)) -> list[Trial]:
    job = functools.partial(trial, engine=engine, bases=bases)
    if workers == 1:
        return list(map(job, seeds))
    with multiprocessing.Pool(workers) as pool:
        return list(pool.imap_unordered(job, seeds, 16))


def table(trials: list[Trial]) -> str:
    """Counts by mutation (seeds with two mutations count under both) and by claim."""
    outcomes = ("false, refused", "true, accepted", "true, refused")
    lines = ["| mutation | mutants | " + " | ".join(outcomes) + " |", "|---" * 5 + "|"]
    counts = Counter((m, t.outcome) for t in trials for m in t.mutation.split(" and "))
    for m in [m for m in (*MUTATIONS, *OF_GAPS) if any(own == m for own, _ in counts)]:
        numbers = [counts[m, outcome] for outcome in outcomes]
        total = sum(n for (own, _), n in counts.items() if own == m)
        lines.append(f"| {m} | {total:,} | " + " | ".join(f"{n:,}" for n in numbers) + " |")
    alls = Counter(t.outcome for t in trials)
    lines.append(f"| all | {len(trials):,} | " + " | ".join(f"{alls[outcome]:,}" for outcome in outcomes) + " |")
    refused = Counter(t.claim for t in trials if t.claim)
    lines += ["", "Refused by claim: " + ", ".join(f"{c} {n:,}" for c, n in refused.most_common()) + "."]
    names = Counter(t.base for t in trials)
    lines += ["Mutants by certificate: " + ", ".join(f"{b} {names[b]:,}" for b in sorted(names)) + "."]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 300), metavar=("FIRST", "END"))
    parser.add_argument("--engine", choices=("arb", "mpmath"), default="arb")
    parser.add_argument("--gaps", action="store_true", help="certificates of formulas with gaps")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    began = time.perf_counter()
    bases = tuple(OVER if options.gaps else BASES)
    trials = run(range(*options.seeds), options.engine, options.workers, bases)
    wrong = [t for t in trials if t.wrong]
    print(table(trials))
    for t in wrong:
        print(f"seed {t.seed}: {t.base}: {t.mutation}: {t.outcome}: {t.last[:200]}")
    print(
        f"seeds {options.seeds[0]} to {options.seeds[1] - 1}, {time.perf_counter() - began:.0f} s: {len(wrong)} wrong"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
