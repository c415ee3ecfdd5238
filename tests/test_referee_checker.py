"""What a hostile reader tried: kinks evaluated exactly, bounds that say nothing, a grade that is named twice."""

from __future__ import annotations

import copy
import itertools
import json
import math
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mgdl_theory as mg
from mgdl_theory.certificate import check, schema

# -- kinks: products, powers and compositions of functions whose slopes jump, against rational arithmetic ----

Tree = tuple[Any, ...]
BINARY: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "max": max, "min": min,
}  # fmt: skip
UNARY: dict[str, tuple[str, Callable[[Fraction], Fraction]]] = {
    "abs": ("abs({})", abs),
    "square": ("({})**2", lambda a: a**2),
    "cube": ("({})**3", lambda a: a**3),
    "root": ("sqrt(({})**2)", abs),
    "inverse": ("1/(1 + abs({}))", lambda a: 1 / (1 + abs(a))),
}


def tree(rng: random.Random, dim: int, depth: int) -> Tree:
    if depth == 0 or rng.random() < 0.12:
        return ("variable", rng.randrange(dim)) if rng.random() < 0.7 else ("number", Fraction(rng.randint(-6, 9), 8))
    op = rng.choice(["*", "*", "max", "min", "+", "-", "abs", "abs", "square", "cube", "root", "inverse"])
    return (op, *(tree(rng, dim, depth - 1) for _ in range(1 if op in UNARY else 2)))


def text(t: Tree) -> str:
    op, *args = t
    if op in ("variable", "number"):
        return f"x{args[0] + 1}" if op == "variable" else f"({args[0]})"
    parts = [text(a) for a in args]
    if op in UNARY:
        return UNARY[op][0].format(*parts)
    return f"{op}({', '.join(parts)})" if op in ("max", "min") else f"({parts[0]} {op} {parts[1]})"


def value(t: Tree, x: list[Fraction]) -> Fraction:
    op, *args = t
    if op in ("variable", "number"):
        return x[args[0]] if op == "variable" else args[0]
    parts = [value(a, x) for a in args]
    return UNARY[op][1](*parts) if op in UNARY else BINARY[op](*parts)


@pytest.mark.parametrize("seed", range(60))
def test_defects_across_kinks_hold_on_a_grid_of_every_simplex(seed: int) -> None:
    """By the checker and by the package; points and interpolants are exact."""
    rng = random.Random(seed)
    dim, count = (1, 24) if seed % 2 else (2, 8)
    t, level = tree(rng, dim, 3), rng.choice([0, 1, 1, 2, 3])
    cell, names = tuple(rng.randrange(1 << level) for _ in range(dim)), [f"x{k + 1}" for k in range(dim)]
    judge = check.Target(text(t), names, [(Fraction(-1), Fraction(1))] * dim, check.BITS, "arb")
    mine = mg.target(text(t), [-1, 1] * dim, variables=names).defects(level, np.array([cell]))
    bounds = [[float(end[0]) for end in (mine.sag, mine.bulge, mine.range.lo, mine.range.hi)]]
    try:
        sag, bulge, (lo, hi) = judge.defects(level, cell)
        bounds.append(
            [math.inf if abs(n) >= check.LIMIT else Fraction(n, 1 << check.BITS) for n in (sag, bulge, lo, hi)]
        )
    except check.Undefined:
        pass
    for order in itertools.permutations(range(dim)):
        vertices = [list(cell)]
        for axis in order:
            vertices.append([i + (a == axis) for a, i in enumerate(vertices[-1])])
        points = [[Fraction(2 * i, 1 << level) - 1 for i in v] for v in vertices]
        nodal = [value(t, x) for x in points]
        for w in itertools.product(range(count + 1), repeat=dim):
            if sum(w) <= count:
                weights = [Fraction(n, count) for n in (*w, count - sum(w))]
                f = value(t, [sum(u * x[a] for u, x in zip(weights, points, strict=True)) for a in range(dim)])
                gap = sum(u * v for u, v in zip(weights, nodal, strict=True)) - f
                for sag, bulge, lo, hi in bounds:
                    assert -bulge <= gap <= sag
                    assert lo <= f <= hi


# -- what is said of a true certificate or scheme ------------------------------------------------------------


def test_a_grade_is_counted_once_among_those_where_the_sup_norm_falls() -> None:
    data = copy.deepcopy(schema.certificate(mg.construct(mg.target("x**2"), "1/64")).data)
    falls = data["claims"][7]["grades"]
    assert len(falls) > 1
    for wrong in ([*falls, falls[-1]], falls[::-1]):
        data["claims"][7]["grades"] = wrong
        last = check.Check({**data, "sha256": check.digest(data)}, "arb", lambda line: None).run(1)
        assert last.startswith("REFUSED: sup-decrease: ")


def test_a_grade_that_does_nothing_where_all_cells_wait_meets_no_bound_of_a_theorem() -> None:
    """By the tolerance to be proved every cell waits for a finer level: the theorems are silent, not satisfied."""
    f, tol = mg.target("x**2 + 1"), 0.02
    first = mg.construct(f, tol, budget=mg.Budget(level=2)).grades[0].atoms
    idle = mg.Atoms(2, [[1], [2]], [2.0**-12] * 2)
    report = mg.verify(mg.Scheme.of(f, 0.0, [first, idle], tol))
    assert report.result("balanced").verdict is mg.Verdict.PROVED
    assert math.isinf(report.rows[2].theorem_a)
    assert math.isinf(report.rows[2].theorem_b)
    for claim in ("theorem-a", "theorem-b"):
        assert "1 of 2 grades have a finite bound" in report.result(claim).evidence


def test_a_refuted_sup_norm_says_of_which_tolerance() -> None:
    """Any network misses a tolerance that is small enough, or negative; the line must not hide it."""
    data = json.loads((Path(__file__).parents[1] / "docs" / "samples" / "network.json").read_text(encoding="utf-8"))
    for tolerance, said in ([3, -1], "1.5"), ([-1, 0], "-1"), ([0, 0], "0"), ([(1 << 60) + 1, -60], "1"):
        last = check.refute({**data, "claim": "sup-norm", "tolerance": tolerance}, "arb", lambda line: None)
        assert last.endswith(f"; sup-norm: false at 1, grade 1, as the certificate says: |e| > {said}")
    with pytest.raises(check.Refused):
        check.refute({**data, "claim": "sup-norm", "tolerance": [2, 0]}, "arb", lambda line: None)
