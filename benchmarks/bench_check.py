"""Time the independent checker on certificates, as a plain file in a process of its own; print a Markdown table.

    python benchmarks/bench_check.py [--write docs/certificate.md] [--large]

Seconds are those of the whole command, interpreter included: of the clock, and of processors (of all processes
together), which other work beside it disturbs less.  Memory is the peak of the largest process.
``--large`` adds certificates of 10^5 to 3 * 10^5 atoms, which take minutes each.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import mgdl_theory as mg
from mgdl_theory.certificate import check

BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
ALONE = ("arb", 1), ("mpmath", 1)
SPREAD = ("arb", 1), ("arb", 2), ("mpmath", 2)


@dataclass(frozen=True)
class Case:
    """A certificate, and the engines and numbers of workers it is checked with."""

    expr: str
    tol: str
    lift: str
    runs: tuple[tuple[str, int], ...]
    large: bool = False


CASES = (
    Case("sin(10*x)*exp(-x)", "1e-4", "auto", ALONE),
    Case("sin(10*x)*exp(-x)", "1e-6", "none", ALONE),
    Case("sin(10*x)*exp(-x)", "1e-6", "-1.25", ALONE),
    Case("sqrt(x)", "1e-4", "auto", ALONE),
    Case("abs(x-1/3)", "1e-6", "auto", ALONE),
    Case("1/(1+25*(2*x-1)**2)", "1e-6", "auto", ALONE),
    Case("sin(6*x)*cos(5*y)+exp(-x*y)", "1e-3", "none", SPREAD),
    Case("sin(6*x)*cos(5*y)+exp(-x*y)", "1e-3", "-1.25", SPREAD),
    Case("sin(10*x)*exp(-x)", "1e-9", "-1.25", (("arb", 2),), large=True),
    Case("sin(3*x)*cos(2*y)+exp(-x*z)", "1e-3", "-1.25", (("arb", 2),), large=True),
)


def timed(path: Path, engine: str, workers: int) -> tuple[float, float, float, str]:
    """Seconds, seconds of processors, peak MiB and the last line's first word of one run."""
    command = [sys.executable, "-I", str(check.__file__), str(path), "--engine", engine, "--workers", str(workers)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, _, usage = os.wait4(process.pid, 0)
    seconds, processors = time.perf_counter() - began, usage.ru_utime + usage.ru_stime
    return seconds, processors, usage.ru_maxrss / 1024, said.splitlines()[-1].partition(":")[0]


def table(large: bool) -> list[str]:
    lines = [
        "| f | tol | lift | atoms | leaves | file, kB | engine | workers | seconds | processors, s | MiB | last line |",
        "|---" * 12 + "|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(CASES):
            if case.large and not large:
                continue
            report = mg.verify(mg.construct(mg.target(case.expr), case.tol, lift=case.lift))
            path = report.certificate().save(Path(folder) / f"{number}.json.gz")
            for engine, workers in case.runs:
                seconds, processors, memory, word = timed(path, engine, workers)
                kilobytes = path.stat().st_size / 1000
                lines.append(
                    f"| `{case.expr}` | {case.tol} | {case.lift} | {report.scheme.atoms:,} | {report.leaf_count:,} "
                    f"| {kilobytes:.0f} | {engine} | {workers} "
                    f"| {seconds:.1f} | {processors:.1f} | {memory:.0f} | {word} |"
                )
                print(lines[-1], file=sys.stderr)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    text = "\n".join(table(options.large))
    print(text)
    if options.write:
        head, _, rest = options.write.read_text(encoding="utf-8").partition(BEGIN)
        tail = rest.partition(END)[2]
        options.write.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
