"""Where the seconds of one whole process go: mgdl-theory verify "sin(10*x)*exp(-x)" --tol 1e-4.

    python benchmarks/bench_startup.py

Best of seven runs of the command, and of a process that takes the same steps with a clock between them.
"""

from __future__ import annotations

import subprocess
import sys
import time

STEPS = """
import time; clock = [time.perf_counter()]
def lap(): clock.append(time.perf_counter())
import numpy; lap()
import mgdl_theory as mg; mg.target; lap()
f = mg.target("sin(10*x)*exp(-x)"); lap()
scheme = mg.construct(f, "1e-4"); lap()
report = mg.verify(scheme); lap()
from mgdl_theory.cli import _print; import contextlib, io
with contextlib.redirect_stdout(io.StringIO()): _print(report)
lap()
print(*(b - a for a, b in zip(clock, clock[1:])))
"""
VERIFY = [sys.executable, "-m", "mgdl_theory", "verify", "sin(10*x)*exp(-x)", "--tol", "1e-4"]
NAMES = ("import numpy", "import the package", "parse, check that f is defined", "construct", "verify", "print (rich)")


def best(command: list[str], runs: int = 7) -> float:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    whole = best(VERIFY)
    bare = best([sys.executable, "-c", "pass"])
    shown = best([sys.executable, "-m", "mgdl_theory", "--help"])
    checker = best([sys.executable, "-c", "import mgdl_theory.certificate.check"])
    laps = [
        [
            float(word)
            for word in subprocess.run(
                [sys.executable, "-c", STEPS], capture_output=True, text=True, check=True
            ).stdout.split()
        ]
        for _ in range(7)
    ]
    print("| step | ms |\n|---|---|")
    print(f"| start and stop of Python | {1e3 * bare:.0f} |")
    for name, times in zip(NAMES, zip(*laps, strict=True), strict=True):
        print(f"| {name} | {1e3 * min(times):.0f} |")
    print(f"| **the whole command** | **{1e3 * whole:.0f}** |")
    print(f"| `mgdl-theory --help` | {1e3 * shown:.0f} |")
    print(f"| `mgdl-theory check`, before it reads the file | {1e3 * checker:.0f} |")


if __name__ == "__main__":
    main()
