"""Multigrade training beside the construction, and the same questions put to what was trained."""

from mgdl_theory.relu.trained import Data, Fit, TrainedGrade, TrainedModel, load_model, sample
from mgdl_theory.training.balanced import BalancedRun, DataRun, balance_on_data, train_balanced, train_balanced_on_data
from mgdl_theory.training.convex import ConvexFit, fit_gated, fit_relu, sample_gates
from mgdl_theory.training.multigrade import GradeSpec, train
from mgdl_theory.training.single_grade import train_single_grade
from mgdl_theory.verification.trained import ModelReport, ModelRow, verify_model

__all__ = [
    "BalancedRun",
    "ConvexFit",
    "Data",
    "DataRun",
    "Fit",
    "GradeSpec",
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
    "verify_model",
]
