"""The baseline: one grade, all hidden layers trained end to end, with as many parameters and as much computing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mgdl_theory.errors import OptionError
from mgdl_theory.relu.trained import Data, TrainedModel
from mgdl_theory.targets.base import Box
from mgdl_theory.training.multigrade import Adam, Progress, Solver, train


def multiplications(spec: Solver, below: int) -> int:
    """Of an epoch of Adam for each point: the values, the gradients of all weights, what is carried back in between.

    >>> multiplications(Adam(width=8), 2), multiplications(Adam(width=8, depth=2), 2)
    (56, 248)
    """
    layers = [below * spec.width, *[spec.width**2] * (_depth(spec) - 1)]
    return 2 * sum(layers) + sum(layers[1:]) + 3 * spec.width


def single_grade_spec(specs: Sequence[Solver], dim: int) -> Adam:
    """The one grade with the hidden layers of all of these, and as many multiplications; their width must be the same.

    >>> spec = single_grade_spec([Adam(width=8, epochs=100)] * 3, 1)
    >>> spec.depth, spec.epochs
    (3, 81)
    """
    if len({spec.width for spec in specs}) != 1:
        raise OptionError(f"width: the grades must have one width, got {[spec.width for spec in specs]}")
    below = [dim, *[specs[0].width] * (len(specs) - 1)]
    allowed = sum(spec.epochs * multiplications(spec, b) for spec, b in zip(specs, below, strict=True))
    first = specs[0] if isinstance(specs[0], Adam) else Adam(specs[0].width)
    one = replace(first, depth=sum(map(_depth, specs)))
    return replace(one, epochs=max(1, allowed // multiplications(one, dim)))


def _depth(spec: Solver) -> int:
    return spec.depth if isinstance(spec, Adam) else 1


def train_single_grade(
    data: Data, specs: Sequence[Solver], *, box: Box | None = None, seed: int = 0, progress: Progress | None = None
) -> TrainedModel:
    """A model of one grade, end to end by Adam, with the hidden layers that multigrade training has in its grades.

    It has the same hidden layers, and one readout instead of one per grade.  An epoch of it costs more than one of
    every grade together, as errors are carried back through all layers, so it has fewer: as many multiplications as
    the grades have with Adam.  For more of them, give ``train`` an :class:`Adam` of this depth.
    """
    return train(data, [single_grade_spec(specs, data.dim)], box=box, seed=seed, progress=progress)
