"""Construct and verify every case of cases.py, each in its own process; print a Markdown table.

    python benchmarks/bench_verify.py [--write docs/benchmarks.md]

The last columns compare with plain float64 NumPy evaluation of f in the same process, at as many points
as cells were enclosed by the construction, measured in turn; times are the best of five rounds, memory is the peak
of the process.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from cases import CASES, REFUSED, Case

from mgdl_theory.text import up_text

ROUNDS = 5

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def measure(case: Case, rounds: int) -> dict[str, object]:
    """Run one case in this process."""
    import resource
    import time

    import numpy as np

    import mgdl_theory as mg

    f = mg.target(case.expr, case.domain)
    x, best_construct, best_verify, best_plain = None, float("inf"), float("inf"), float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        scheme = mg.construct(f, case.tol, lift=case.lift, budget=mg.Budget(atoms=10**7))
        middle = time.perf_counter()
        report = mg.verify(scheme)
        end = time.perf_counter()
        best_construct = min(best_construct, middle - start)
        best_verify = min(best_verify, end - middle)
        cells = sum(level.cells for level in scheme.history)
        x = f.box.from_unit(np.random.default_rng(1).random((cells, f.dim))) if x is None else x
        for _ in range(3):
            start = time.perf_counter()
            f(x)
            best_plain = min(best_plain, time.perf_counter() - start)
    return {
        "verdict": str(report.verdict),
        "atoms": scheme.atoms,
        "grades": len(scheme.grades),
        "level": max((g.level for g in scheme.grades), default=0),
        "upper": report.residual_sup_upper,
        "cells": cells,
        "construct": best_construct,
        "verify": best_verify,
        "plain": best_plain,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def run(case: Case, rounds: int = ROUNDS) -> dict[str, object]:
    """Run one case in a fresh process."""
    command = [sys.executable, __file__, "--case", json.dumps(asdict(case)), "--rounds", str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def table() -> list[str]:
    lines = [
        (
            "| f | domain | tol | lift | verdict | atoms | allowed | finest level | certified sup-norm | cells "
            "| construct s | verify s | both / plain f | peak MiB |"
        ),
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case in CASES:
        r = run(case)
        ratio = (float(r["construct"]) + float(r["verify"])) / float(r["plain"])  # type: ignore[arg-type]
        allowed = f"{case.max_atoms:,}" if case.max_atoms else ""
        lines.append(
            f"| `{case.expr}` | {' '.join(case.domain)} | {case.tol} | {case.lift} | {r['verdict']} | {r['atoms']:,} "
            f"| {allowed} | {r['level']} | {up_text(r['upper'], 4)} | {r['cells']:,} | {r['construct']:.3f} "
            f"| {r['verify']:.3f} | {ratio:.0f} | {r['memory']:.0f} |"
        )
        print(lines[-1], file=sys.stderr)
    return lines


def refusals() -> list[str]:
    lines = ["| call | exit code | what it says |", "|---|---|---|"]
    for call in REFUSED:
        done = subprocess.run(
            [sys.executable, "-m", "mgdl_theory", "verify", *call], capture_output=True, text=True, check=False
        )
        said = done.stderr.strip().replace("|", "\\|").replace("\n", "<br>")
        lines.append(f"| `{' '.join(call)}` | {done.returncode} | {said} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.case:
        data = json.loads(options.case)
        print(json.dumps(measure(Case(**{**data, "domain": tuple(data["domain"])}), options.rounds)))
        return
    text = "\n".join([*table(), "", *refusals()])
    print(text)
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        head, _, rest = page.partition(BEGIN)
        tail = rest.partition(END)[2]
        options.write.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
