"""The baseline: one grade, all hidden layers trained end to end, with as many parameters and as many epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mgdl_theory.errors import OptionError
from mgdl_theory.targets.base import Box
from mgdl_theory.training.mgdl import GradeSpec, Progress, train
from mgdl_theory.training.model import Data, TrainedModel

__all__ = ["single_grade_spec", "train_single_grade"]


def single_grade_spec(specs: Sequence[GradeSpec]) -> GradeSpec:
    """The one grade with the hidden layers and the epochs of all of these; their width must be the same.

    >>> spec = single_grade_spec([GradeSpec(width=8, epochs=100)] * 3)
    >>> spec.depth, spec.epochs
    (3, 300)
    """
    if len({spec.width for spec in specs}) != 1:
        raise OptionError(f"width: the grades must have one width, got {[spec.width for spec in specs]}")
    depth, epochs = sum(spec.depth for spec in specs), sum(spec.epochs for spec in specs)
    return replace(specs[0], solver="adam", depth=depth, epochs=epochs)


def train_single_grade(
    data: Data, specs: Sequence[GradeSpec], *, box: Box | None = None, seed: int = 0, progress: Progress | None = None
) -> TrainedModel:
    """A model of one grade, end to end by Adam, with the hidden layers that multigrade training has in its grades.

    It has the same hidden layers and one readout instead of one per grade.  An epoch of it costs about as much as
    an epoch of every grade together, so it is given the epochs of all grades: more computing, not less.
    """
    return train(data, [single_grade_spec(specs)], box=box, seed=seed, progress=progress)
