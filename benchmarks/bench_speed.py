"""Cost per cell against plain NumPy, memory per live cell, a million atoms, and atoms against the optimum.

    python benchmarks/bench_speed.py [--write docs/speed.md]

The unit of every ratio is the time of plain float64 NumPy evaluation of f, written by hand, in chunks that fit
the cache, at as many points as there are cells.  Contenders take turns, in processor time; each counts with its best
turn, a chunk of the plain evaluation too.  The run with a million atoms is timed by the clock as well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from page import table, write

import mgdl_theory as mg
from mgdl_theory.targets.formula.target import CHUNK

FloatArray = NDArray[np.float64]
Array = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """A formula, the same function in NumPy, a tolerance that needs some 10^5 cells, and what is allowed."""

    text: str
    plain: Array
    tol: str
    construct: int
    both: int


CASES = {
    1: Case("sin(10*x)*exp(-x)", lambda x: np.sin(10 * x) * np.exp(-x), "1e-9", 35, 60),
    2: Case(
        "sin(6*x)*cos(5*y)+exp(-x*y)", lambda x, y: np.sin(6 * x) * np.cos(5 * y) + np.exp(-x * y), "1e-4", 60, 100
    ),
    3: Case(
        "sin(3*x)*cos(2*y)+exp(-x*z)", lambda x, y, z: np.sin(3 * x) * np.cos(2 * y) + np.exp(-x * z), "1e-3", 60, 100
    ),
}
LIFT, ENCLOSURES, BYTES, MILLION, SECONDS = "-1.25", 25, 400, "4.5e-4", 20


def best(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = run()
    return time.process_time() - start, result


def cells_of(dim: int, count: int) -> tuple[int, NDArray[np.int64]]:
    """A level with at least so many cells, and its first cells."""
    level = next(k for k in range(52) if 1 << k * dim >= count)
    indices = np.unravel_index(np.arange(count), (1 << level,) * dim)
    return level, np.stack(indices, axis=1).astype(np.int64)


def plain_seconds(case: Case, dim: int, count: int, passes: int) -> float:
    """Best time of plain NumPy at so many points, summed over chunks."""
    columns = np.random.default_rng(1).random((dim, count))
    pieces = [[np.ascontiguousarray(c[k : k + CHUNK]) for c in columns] for k in range(0, count, CHUNK)]
    times = [[best(lambda p=piece: case.plain(*p))[0] for piece in pieces] for _ in range(passes)]
    return float(np.min(times, axis=0).sum())


def speed(dim: int, tol: str | None = None, turns: int = 4) -> dict[str, Any]:
    """All times of one dimension, in this process."""
    case = CASES[dim]
    f = mg.target(case.text)
    times: dict[str, float] = {}

    def note(name: str, seconds: float) -> None:
        times[name] = min(times.get(name, np.inf), seconds)

    for _ in range(turns):
        seconds, scheme = best(lambda: mg.construct(f, tol or case.tol, lift=LIFT))
        note("construct", seconds)
        seconds, report = best(lambda s=scheme: mg.verify(s))
        note("verify", seconds)
        cells = sum(record.cells for record in scheme.history)
        there = cells_of(dim, cells)
        note("enclosures", jets(f, *there))
        note("defects", best(lambda there=there: f.defects(*there))[0])
        note("plain", plain_seconds(case, dim, cells, 3))
    return {**times, "verdict": str(report.verdict), "atoms": scheme.atoms, "cells": cells}


def jets(f: Any, level: int, cells: NDArray[np.int64]) -> float:
    """Time of value, gradient and Hessian over cells, chunk by chunk, as the construction asks for them."""
    return sum(best(lambda k=k: f.jet(level, cells[k : k + CHUNK]))[0] for k in range(0, len(cells), CHUNK))


def memory(dim: int, tol: str | None = None) -> dict[str, Any]:
    """Peak bytes that Python and NumPy allocate, less what was there before, for construct and for verify."""
    case = CASES[dim]
    f = mg.target(case.text)
    mg.verify(mg.construct(f, "0.1", lift=LIFT))
    tracemalloc.start()
    scheme = mg.construct(f, tol or case.tol, lift=LIFT)
    construct = tracemalloc.get_traced_memory()[1]
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    mg.verify(scheme)
    verify = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    widest = max(record.cells for record in scheme.history)
    return {"widest": widest, "construct": construct, "verify": verify, "scheme": before}


def million(tol: str = MILLION) -> dict[str, Any]:
    """One run in three variables with a million atoms."""
    import resource

    begun, start = time.perf_counter(), time.process_time()
    scheme = mg.construct(mg.target(CASES[3].text), tol, lift=LIFT)
    middle = time.process_time()
    report = mg.verify(scheme)
    end = time.process_time()
    return {
        "tol": tol,
        "atoms": scheme.atoms,
        "verdict": str(report.verdict),
        "construct": middle - start,
        "verify": end - middle,
        "wall": time.perf_counter() - begun,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


# -- atoms -----------------------------------------------------------------------------------------

FREE_KNOTS = (
    ("sin(10*x)*exp(-x)", "(99*sin(10*x)+20*cos(10*x))*exp(-x)", ("1e-4", "1e-6", "1e-8")),
    ("exp(x)", "exp(x)", ("1e-4", "1e-6", "1e-8")),
    ("1/(1+25*(2*x-1)**2)", "200*(75*(2*x-1)**2-1)/(1+25*(2*x-1)**2)**3", ("1e-4", "1e-6")),
    ("x**2", "2 + 0*x", ("1e-4", "1e-6")),
    ("sqrt(x+1/100)", "(x+1/100)**(-3/2)/4", ("1e-4", "1e-6")),
)
"""f, |f''| up to sign, tolerances."""

UNIFORM = (("sin(6*x)*cos(5*y)+exp(-x*y)", ("1e-2", "1e-3", "1e-4")), ("exp(x+y)", ("1e-2", "1e-3")))

TIMES = 2.5
"""Atoms allowed, as a multiple of the optimum."""


def free_knots(second: str, tol: float) -> float:
    """(1 / sqrt(8 tol)) * integral of sqrt |f''| over [0, 1]: pieces of a one-sided linear interpolant."""
    points = (np.arange(1_000_000) + 0.5) / 1_000_000
    return float(np.sqrt(np.abs(mg.target(second, [0, 1])(points))).mean() / np.sqrt(8 * tol))


def lift_below(f: Any) -> str:
    """A lift a quarter of the range below f, what the package takes where it lifts by itself."""
    from mgdl_theory.construction import range_bounds

    reach = range_bounds(f)
    low, high = float(reach.lo[0]), float(reach.hi[0])
    return str(low - 0.25 * (high - low))


def uniform_nodes(f: Any, tol: float) -> int:
    """Nodes (n + 1)^d of the coarsest uniform mesh, with any n, whose linear interpolant has a sampled error <= tol.

    The error is looked for at the nodes and midpoints of simplices, where the second-order part is largest; no proof.
    """

    def error(n: int) -> float:
        half = np.linspace(0, 1, 2 * n + 1)
        values = f(np.stack(np.meshgrid(half, half, indexing="ij"), axis=-1).reshape(-1, 2)).reshape(len(half), -1)
        nodal = values[::2, ::2]
        edges = (
            values[1::2, ::2] - (nodal[:-1] + nodal[1:]) / 2,
            values[::2, 1::2] - (nodal[:, :-1] + nodal[:, 1:]) / 2,
            values[1::2, 1::2] - (nodal[:-1, :-1] + nodal[1:, 1:]) / 2,
        )
        return max(float(np.abs(edge).max()) for edge in edges)

    low, high = 1, 2
    while error(high) > tol:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if error(middle) <= tol else (middle, high)
    return (high + 1) ** 2


def atom_counts() -> list[str]:
    rows = []
    for text, second, tols in FREE_KNOTS:
        f = mg.target(text)
        for tol in tols:
            optimum = free_knots(second, float(tol))
            row = [f"`{text}`", tol, f"{optimum:,.0f}"]
            for lift in ("none", lift_below(f)):
                scheme = mg.construct(f, tol, lift=lift)
                proved = str(mg.verify(scheme).verdict)
                row += [f"{scheme.atoms:,}", f"{scheme.atoms / optimum:.2f}"] if proved == "PROVED" else [proved, ""]
            rows.append(row)
    return table(["f", "tol", "optimum", "plain", "/ optimum", "lifted", "/ optimum"], rows)


def atom_counts_2d() -> list[str]:
    rows = []
    for text, tols in UNIFORM:
        f = mg.target(text)
        for tol in tols:
            optimum = uniform_nodes(f, float(tol))
            row = [f"`{text}`", tol, f"{optimum:,}"]
            for lift in ("none", lift_below(f)):
                scheme = mg.construct(f, tol, lift=lift)
                row += [f"{scheme.atoms:,}", f"{scheme.atoms / optimum:.2f}"] if scheme.complete else ["stopped", ""]
            rows.append(row)
    return table(["f", "tol", "uniform mesh, nodes", "plain", "/ uniform", "lifted", "/ uniform"], rows)


# -- the page --------------------------------------------------------------------------------------


def against(value: float, target: float) -> str:
    """A figure beside its target."""
    return f"{value:,.0f} ({'within' if value <= target else '**above**'} {target:,.0f})"


def speed_table() -> list[str]:
    rows = []
    for dim, case in CASES.items():
        r, m = run("speed", dim), run("memory", dim)
        unit = r["plain"]
        used = max(m["construct"], m["verify"]) / m["widest"]
        rows.append(
            [
                str(dim), f"`{case.text}`", case.tol, f"{r['atoms']:,}", f"{r['cells']:,}",
                f"{unit / r['cells'] * 1e9:.0f}", against(r["enclosures"] / unit, ENCLOSURES),
                f"{r['defects'] / unit:.0f}", against(r["construct"] / unit, case.construct),
                f"{r['verify'] / unit:.0f}", against((r["construct"] + r["verify"]) / unit, case.both),
                against(used, BYTES),
            ]
        )  # fmt: skip
    head = (
        *("d", "f", "tol", "atoms", "cells", "plain f, ns", "value, gradient, Hessian", "with defects and ranges"),
        *("construct", "verify", "both", "bytes per live cell"),
    )
    return table(list(head), rows)


def profile(dim: int) -> list[str]:
    """Share of construct's time, as cProfile sees it, under a few functions that do not call each other."""
    import cProfile
    import pstats

    case = CASES[dim]
    f = mg.target(case.text)
    profiler = cProfile.Profile()
    profiler.runcall(mg.construct, f, case.tol, lift=LIFT)
    stats = pstats.Stats(profiler)
    named: dict[str, float] = {}
    for (_, _, name), (_, _, _, cumulative, _) in stats.stats.items():  # type: ignore[attr-defined]
        named[name] = max(named.get(name, 0.0), cumulative)
    whole = named["construct"]
    parts = ("defects", "values", "block_grade", "split", "cell_bounds")
    return [str(dim), *(f"{named.get(part, 0.0) / whole:.0%}" for part in parts)]


def run(what: str, *args: Any) -> dict[str, Any]:
    """One measurement in a process of its own."""
    call = [sys.executable, __file__, "--measure", json.dumps([what, *args])]
    result = dict(json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout))
    print(what, args, result, file=sys.stderr, flush=True)
    return result


def page() -> str:
    big = run("million")
    seconds = big["construct"] + big["verify"]
    sentence = (
        f"A million atoms: `{CASES[3].text}` to {big['tol']} takes {big['atoms']:,} atoms, {big['verdict']}; construct "
        f"{big['construct']:.1f} s and verify {big['verify']:.1f} s, together {seconds:.1f} s of processor time "
        f"({'within' if seconds <= SECONDS else '**above**'} {SECONDS} s) and {big['wall']:.1f} s by the clock, with "
        f"whatever ran beside it; peak {big['memory']:.0f} MiB of the process."
    )
    return "\n".join(
        [
            "## Time and memory per cell",
            "",
            *speed_table(),
            "",
            sentence,
            "",
            "Where the time of construct goes:",
            "",
            *table(["d", "defects", "values", "the grade", "splitting, numbering nodes", "cell bounds"],
                   [profile(dim) for dim in CASES]),
            "",
            "## Atoms, one variable",
            "",
            *atom_counts(),
            "",
            "## Atoms, two variables",
            "",
            *atom_counts_2d(),
        ]
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.measure:
        what, *args = json.loads(options.measure)
        print(json.dumps({"speed": speed, "memory": memory, "million": million}[what](*args)))
        return
    text = page()
    print(text)
    if options.write:
        write(options.write, text)


if __name__ == "__main__":
    main()
