"""Write docs/samples/: a complete certificate, an incomplete one, and a false one with a right hash.

Run from anywhere: python docs/make_samples.py
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import mgdl_theory as mg
from mgdl_theory.certificate.check import digest

SAMPLES = Path(__file__).with_name("samples")
COEFFICIENT = 129
"""Definition: 129/128 in place of 117/128, more than the residual 1 at the node, so that the grade overshoots."""


def complete() -> dict[str, Any]:
    """x**2 to within 1/4: one atom."""
    return mg.construct(mg.target("x**2"), "1/4").certificate().data


def incomplete() -> dict[str, Any]:
    """The same to within 1/64, stopped at level 2."""
    return mg.construct(mg.target("x**2"), "1/64", budget=mg.Budget(level=2)).certificate().data


def false() -> dict[str, Any]:
    """The complete one with a coefficient that overshoots; the hash fits, so only the mathematics objects."""
    data = copy.deepcopy(complete())
    data["grades"][0]["coefficients"] = [COEFFICIENT]
    return {**data, "sha256": digest(data)}


def main() -> int:
    SAMPLES.mkdir(exist_ok=True)
    for make in (complete, incomplete, false):
        path = mg.Certificate(make()).save(SAMPLES / f"{make.__name__}.json")
        print(f"{path.relative_to(SAMPLES.parent)}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
