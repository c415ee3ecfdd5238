"""How cost grows with the number of variables, what adaptivity saves, and where it stops; prints Markdown tables.

    python benchmarks/bench_dimension.py [--write docs/dimension.md]

Two families of functions on [0, 1]^d with the same size and the same slope along the diagonal for every d:
additive, (cos(3 x1) + ... + cos(3 xd)) / d, and a ridge, sin(3 (x1 + ... + xd) / d).  A third one has all its
structure near one corner: exp(-8 |x|^2).  The last table looks for the largest d at which a run begins.
Every run has its own process; seconds are processor time of construct + verify.  "All nodes of these levels" is
what a builder without adaptivity would use: one atom at every node of every level on which this one has a grade.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mgdl_theory.text import up_text

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"

FAMILIES = {
    "additive": lambda x: f"({' + '.join(f'cos(3*{v})' for v in x)})/{len(x)}",
    "ridge": lambda x: f"sin(3*({' + '.join(x)})/{len(x)})",
    "corner": lambda x: f"exp(-8*({' + '.join(f'{v}**2' for v in x)}))",
}
RUNS = {
    "additive": ("additive", range(1, 7), ("0.2", "0.05", "0.01")),
    "ridge": ("ridge", range(1, 7), ("0.2", "0.05", "0.01")),
    "corner": ("corner", range(1, 7), ("0.2", "0.05", "0.01")),
    "how far": ("ridge", range(7, 14), ("0.5",)),
}
GIB = 4


def formula(family: str, d: int) -> str:
    return FAMILIES[family]([f"x{k + 1}" for k in range(d)])


def measure(family: str, d: int, tol: str) -> dict[str, Any]:
    """One run in this process."""
    import resource
    import time

    import mgdl_theory as mg

    f = mg.target(formula(family, d), [0, 1])
    start = time.process_time()
    scheme = mg.construct(f, tol, budget=mg.Budget(bytes=GIB << 30))
    report = mg.verify(scheme)
    seconds = time.process_time() - start
    level = max((g.level for g in scheme.grades), default=0)
    return {
        "verdict": str(report.verdict),
        "atoms": scheme.atoms,
        "level": level,
        "uniform": sum(((1 << k) + 1) ** d for k in sorted({g.level for g in scheme.grades})),
        "upper": report.residual_sup_upper,
        "seconds": seconds,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "reason": scheme.reason,
    }


def run(family: str, d: int, tol: str) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--case", json.dumps([family, d, tol])]
    return dict(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout))


def table(family: str, dims: Iterable[int], tols: Sequence[str]) -> list[str]:
    lines = [
        f"f = `{formula(family, 3)}` for d = 3, and so on.",
        "",
        "| d | tol | verdict | atoms | finest level | all nodes of these levels | saved | certified bound | s | MiB |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    stops = []
    for d, tol in itertools.product(dims, tols):
        if any(stop[0] == d for stop in stops):
            continue  # one stop tells enough
        r = run(family, d, tol)
        saved = 1 - r["atoms"] / max(r["uniform"], 1)
        lines.append(
            f"| {d} | {tol} | {r['verdict']} | {r['atoms']:,} | {r['level']} | {r['uniform']:,} | {saved:.0%} "
            f"| {up_text(r['upper'], 3)} | {r['seconds']:.2f} | {r['memory']:.0f} |"
        )
        print(lines[-1], file=sys.stderr, flush=True)
        if r["verdict"] != "PROVED":
            stops.append((d, tol, r["reason"]))
    return [*lines, "", *(f"- d = {d}, tol {tol} stops: {reason}." for d, tol, reason in stops)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(*json.loads(options.case))))
        return
    text = "\n".join("\n".join([f"### {title}", "", *table(*what)]).rstrip() + "\n" for title, what in RUNS.items())
    print(text)
    if options.write:
        page = options.write.read_text(encoding="utf-8")
        head, _, rest = page.partition(BEGIN)
        options.write.write_text(f"{head}{BEGIN}\n{text}{END}{rest.partition(END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
