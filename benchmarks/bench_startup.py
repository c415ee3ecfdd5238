"""Where the seconds of one whole process go: mgdl-theory verify "sin(10*x)*exp(-x)" --tol 1e-4.

    python benchmarks/bench_startup.py

Best of seven runs of the command, and of a process that takes the same steps with a clock between them.
"""

from __future__ import annotations

import resource
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


def processor(command: list[str], runs: int = 9) -> float:
    """Least processor time, which other work on the machine disturbs less."""
    times = []
    for _ in range(runs):
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, capture_output=True, check=True)
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime)
    return min(times)


def main() -> None:
    whole = best(VERIFY)
    bare = best([sys.executable, "-c", "pass"])
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
    print("\n| processor time of | ms |\n|---|---|")
    for name, command in (
        ("a bare Python", ["-c", "pass"]),
        ("`import numpy`", ["-c", "import numpy"]),
        ("`mgdl-theory --help`", ["-m", "mgdl_theory", "--help"]),
        ("the imports of `mgdl-theory check`", ["-c", "import mgdl_theory.certificate.check"]),
        ("the whole command", VERIFY[1:]),
    ):
        print(f"| {name} | {1e3 * processor([sys.executable, *command]):.0f} |")


if __name__ == "__main__":
    main()
