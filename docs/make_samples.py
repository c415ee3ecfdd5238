"""Write docs/samples/: certificates (complete, incomplete, false with a right hash, two that refute) and a refutation.

Run from anywhere: python docs/make_samples.py
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import numpy as np

import mgdl_theory as mg
from mgdl_theory.certificate import schema
from mgdl_theory.certificate.check import digest
from mgdl_theory.certificate.refutation import refutation
from mgdl_theory.training import TrainedGrade, TrainedModel

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


def planted(tol: float, *grades: tuple[int, int, float]) -> dict[str, Any]:
    """The certificate of x**2 with one atom in each grade: level, node, coefficient."""
    atoms = [mg.Atoms(level, np.array([[node]]), np.array([c])) for level, node, c in grades]
    return schema.certificate(mg.Scheme.of(mg.target("x**2"), 0.0, atoms, tol)).data


def overshot() -> dict[str, Any]:
    """The coefficient of the false one, as the package judges it: REFUTED, with a point."""
    return planted(0.25, (1, 2, COEFFICIENT / 128))


def greedy() -> dict[str, Any]:
    """Every grade interpolates the residual at its nodes instead of contracting it."""
    return planted(1 / 16, (0, 1, 1.0), (1, 1, -0.25))


def network() -> dict[str, Any]:
    """One grade of one neuron, 3 max(0, x), for the function x."""
    f = mg.target("x")
    grade = TrainedGrade((np.ones((1, 1)),), (np.zeros(1),), np.array([3.0]), 0.0)
    return refutation(mg.verify(TrainedModel(f.box, (grade,)).on(f))).data


MAKERS = (complete, incomplete, false, overshot, greedy, network)


def main() -> int:
    SAMPLES.mkdir(exist_ok=True)
    for make in MAKERS:
        path = schema.Document(make()).save(SAMPLES / f"{make.__name__}.json")
        print(f"{path.relative_to(SAMPLES.parent)}: {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
