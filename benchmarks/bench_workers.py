"""Construct and verify with one process and with two workers, side by side, by the clock.

    python benchmarks/bench_workers.py [--write docs/parallel.md]

A pool is opened before the clock starts and serves all runs of a target; its start is timed on its own.  The
atoms and the proved bounds are compared byte by byte.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import page

import mgdl_theory as mg
from mgdl_theory.targets.base import Target

WORKERS, ROUNDS = 2, 1


def slow(x: float) -> float:
    """A Python function of one point at a time: the sum of 50 waves."""
    return sum(math.sin(k * x) / k**3 for k in range(1, 51))


LONG = "+".join(f"sin({k}*x)*exp(-{k}*y/9)/{k}**3+atan({k}*x*y)/{k}**4" for k in range(1, 13))


def cases() -> list[tuple[str, Target, str]]:
    """What it is called, the target, the tolerance."""
    return [
        ("`sin(6*x)*cos(5*y)+exp(-x*y)`", mg.target("sin(6*x)*cos(5*y)+exp(-x*y)"), "3e-5"),
        ("24 terms: sines, exponentials, arcs", mg.target(LONG), "1e-5"),
        ("a Python function of one point, 50 sines", mg.target(slow, domain=[0, 3], lipschitz=1.65), "1e-4"),
    ]


def run(f: Target, tol: str, executor: Executor | None) -> tuple[float, str]:
    """Seconds of construct + verify, and a digest of the atoms and the proved bound."""
    start = time.perf_counter()
    scheme = mg.construct(f, tol, executor=executor)
    report = mg.verify(scheme, executor=executor)
    seconds, digest = time.perf_counter() - start, hashlib.sha256(report.residual_sup_upper.hex().encode())
    for grade in scheme.grades:
        digest.update(grade.atoms.nodes.tobytes() + grade.atoms.coefficients.tobytes())
    return seconds, digest.hexdigest()


def rows() -> list[list[str]]:
    found = []
    for name, f, tol in cases():
        began = time.perf_counter()
        with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
            list(pool.map(np.abs, range(-WORKERS, 0)))
            start = time.perf_counter() - began
            turns = [(run(f, tol, None), run(f, tol, pool)) for _ in range(ROUNDS)]
        alone, shared = (min(turn[k][0] for turn in turns) for k in (0, 1))
        same = len({result[1] for turn in turns for result in turn}) == 1
        scheme = mg.construct(f, tol)
        found.append([name, tol, f"{scheme.atoms:,}", f"{alone:.2f}", f"{shared:.2f}", f"{alone / shared:.2f}"])
        found[-1] += [f"{start:.2f}", "yes" if same else "NO"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    head = [
        "f",
        "tol",
        "atoms",
        "one process, s",
        f"{WORKERS} workers, s",
        "speed-up",
        "start of the pool, s",
        "same bytes",
    ]
    text = "\n".join(page.table(head, rows()))
    print(text)
    if options.write:
        page.write(options.write, text)


if __name__ == "__main__":
    main()
