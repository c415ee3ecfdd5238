"""Time and memory of construct + verify against the number of atoms, over three decades.

    python benchmarks/bench_growth.py [--write docs/figures/growth.svg]

Each point is one run in its own process, best of three; the fitted slope of log time against log atoms
above 10^4 atoms is printed (1 is linear growth).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from bench_verify import run
from cases import Case

FAMILIES = {
    "sin(10*x)*exp(-x)": [f"{m}e-{k}" for k in (5, 6, 7, 8, 9, 10) for m in (3, 1)],
    "sin(6*x)*cos(5*y)+exp(-x*y)": ["3e-2", "1e-2", "3e-3", "1e-3", "3e-4", "1e-4", "4e-5"],
    "sin(3*x)*cos(2*y)+exp(-x*z)": ["2e-1", "5e-2", "3e-2", "1e-2", "4e-3", "2e-3", "1e-3", "5e-4", "2.5e-4"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for (expr, tols), mark in zip(FAMILIES.items(), "osD", strict=True):
        rows = [run(Case(expr, tol, "-1.25"), rounds=3) for tol in tols]
        atoms = np.array([float(r["atoms"]) for r in rows])  # type: ignore[arg-type]
        seconds = np.array([float(r["construct"]) + float(r["verify"]) for r in rows])  # type: ignore[arg-type]
        memory = np.array([float(r["memory"]) for r in rows])  # type: ignore[arg-type]
        large = atoms > 1e4
        slope = np.polyfit(np.log(atoms[large]), np.log(seconds[large]), 1)[0]
        for tol, r, s in zip(tols, rows, seconds, strict=True):
            print(f"{expr}  tol {tol}  {r['verdict']}  atoms {r['atoms']}  {s:.3f} s  {r['memory']:.0f} MiB")
        print(f"{expr}: slope {slope:.2f} above 10^4 atoms")
        left.loglog(atoms, seconds, mark + "-", label=f"{expr} (slope {slope:.2f})", ms=4)
        right.loglog(atoms, memory, mark + "-", ms=4)
    guide = np.array([1e3, 1e6])
    left.loglog(guide, 2e-6 * guide, "k:", lw=1, label="linear")
    left.set(xlabel="atoms", ylabel="construct + verify, seconds")
    right.set(xlabel="atoms", ylabel="peak memory of the process, MiB")
    left.legend(fontsize=7)
    if options.write:
        figure.savefig(options.write)


if __name__ == "__main__":
    main()
