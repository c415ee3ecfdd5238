"""Multigrade training beside the construction, and the same questions put to what was trained."""

from __future__ import annotations

import warnings
from typing import Any

from mgdl_theory.relu.trained import Data, Fit, TrainedGrade, TrainedModel, load_model, sample
from mgdl_theory.training.balanced import BalancedRun, DataRun, balance_on_data, train_balanced, train_balanced_on_data
from mgdl_theory.training.convex import ConvexFit, fit_gated, fit_relu, sample_gates
from mgdl_theory.training.multigrade import SOLVERS, Adam, Convex, train
from mgdl_theory.training.single_grade import train_single_grade
from mgdl_theory.verification.approximation import verify
from mgdl_theory.verification.trained import ModelReport, ModelRow

__all__ = [
    "SOLVERS",
    "Adam",
    "BalancedRun",
    "Convex",
    "ConvexFit",
    "Data",
    "DataRun",
    "Fit",
    "ModelReport",
    "ModelRow",
    "TrainedGrade",
    "TrainedModel",
    "balance_on_data",
    "fit_gated",
    "fit_relu",
    "load_model",
    "sample",
    "sample_gates",
    "train",
    "train_balanced",
    "train_balanced_on_data",
    "train_single_grade",
]


def verify_model(model: TrainedModel, target: Any, tol: Any = None, **options: Any) -> ModelReport:
    """The name of ``verify(model.on(target), tol)`` in version 0.1; it goes with version 0.3."""
    warnings.warn("verify_model(model, f, tol) is now verify(model.on(f), tol)", DeprecationWarning, stacklevel=2)
    return verify(model.on(target), tol, **options)


def GradeSpec(*, solver: str = "adam", **options: Any) -> Adam | Convex:
    """The record of both solvers in version 0.1; it goes with version 0.3."""
    kind = SOLVERS[solver]
    warnings.warn(f"GradeSpec(solver={solver!r}, ...) is now {kind.__name__}(...)", DeprecationWarning, stacklevel=2)
    other = {"penalty"} if kind is Adam else {"depth", "rate", "batch", "patience"}
    return kind(**{name: value for name, value in options.items() if name not in other})
