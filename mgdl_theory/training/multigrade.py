"""Multigrade training in sum-composition form: frozen features, a new block on top, its readout, accept, freeze.

With h_0 = t and e_0 = y, grade k trains a shallow block h_k on the frozen features h_(k-1) and a readout g_k, so
that g_k fits the residual e_(k-1); then e_k = e_(k-1) - g_k.  Nothing that was trained before changes.  What comes
out has no guarantee but the one of the accept step: on the data, the sum of squares does not grow, exactly.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from mgdl_theory.errors import OptionError
from mgdl_theory.relu.enclosures import grade_enclosures, subtract
from mgdl_theory.relu.trained import Data, TrainedGrade, TrainedModel, load_model
from mgdl_theory.rigor.interval import Interval, mignitude
from mgdl_theory.rigor.rounding import checked_arithmetic, quiet
from mgdl_theory.targets.base import Box, FloatArray
from mgdl_theory.training.convex import affordable, fit_gated, fit_relu, sample_gates

Parameters = list[FloatArray]
Progress = Callable[[int, int, float], None]
"""Called with (grade, epoch, mean squared error)."""

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8
"""Experience: the customary constants of Adam."""

SHOTS = 100
"""Experience: so many losses of a grade are kept for its curve."""

STILL = 2.0**-40
"""Experience: a feature whose deviation is a smaller part of the largest feature does not vary, but for rounding."""

RIDGE = 1e-10
"""Experience: part of the largest eigenvalue that keeps the least squares of the readout well posed."""


@dataclass(frozen=True, slots=True)
class Adam:
    """One grade trained by Adam.

    Attributes
    ----------
    width, depth : int
        Neurons per layer and hidden layers of the block.
    epochs : int
        Full passes.
    rate : float
        Step; it falls to a tenth along a half cosine.
    batch : int
        Points per step; 0 takes all.
    patience : int
        Epochs without a new least error before an early stop; 0 never stops.

    >>> Adam(width=8).depth
    1
    """

    width: int = 64
    depth: int = 1
    epochs: int = 500
    rate: float = 1e-2
    batch: int = 0
    patience: int = 0

    def __post_init__(self) -> None:
        _check(self, rate=0.0, width=2, depth=1, epochs=1, batch=0, patience=0)


@dataclass(frozen=True, slots=True)
class Convex:
    """One grade of one hidden layer, trained to the optimum of its convex problem, or of its gated relaxation.

    The relaxation is taken where the cones are too much work.

    Attributes
    ----------
    width : int
        Neurons.
    epochs : int
        Steps at most.
    penalty : float
        Group penalty, as a part of the smallest one for which the answer is 0.

    >>> Convex(width=8).epochs
    500
    """

    width: int = 64
    epochs: int = 500
    penalty: float = 1e-4

    def __post_init__(self) -> None:
        _check(self, penalty=0.0, width=2, epochs=1)


Solver = Adam | Convex
"""How one grade is trained."""

SOLVERS: dict[str, type[Solver]] = {"adam": Adam, "convex": Convex}
"""Definition: the records that say how a grade is trained, by the names of their methods."""


def _check(spec: Solver, **least: float) -> None:
    """Every option is an integer from its least value on, or a number greater than 0."""
    for name, low in least.items():
        value: Any = getattr(spec, name)
        if type(low) is float:
            if not isinstance(value, (int, float)) or not 0 < value < np.inf:
                raise OptionError(f"{name}: expected a number greater than 0, got {value!r}")
        elif type(value) is not int or not low <= value <= 1 << 24:
            raise OptionError(f"{name}: expected an integer of at least {low}, got {value!r}")


@checked_arithmetic()
def train(
    data: Data,
    specs: Sequence[Solver],
    *,
    box: Box | None = None,
    seed: int = 0,
    start: TrainedModel | None = None,
    path: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> TrainedModel:
    """Train grade after grade on the residual of the grades before.

    Parameters
    ----------
    data : Data
    specs : sequence of Adam or Convex
        One for each grade of the whole model; those that ``start`` already has are not trained again, whatever their
        options were, and what it has beyond these is left out.
    box : Box
        Domain of the model; [0, 1]^d by default, or that of ``start``.
    seed : int, >= 0
        Grade k takes its random numbers from ``default_rng([seed, k])``, so a resumed run equals one in one piece.
    start : TrainedModel
        Frozen grades to go on from.
    path : file name
        Where the state is kept: read first if it exists, written after every grade.
    progress : callable
        Called with (grade, epoch, mean squared error) from time to time.

    Returns
    -------
    TrainedModel
        The arrays of its first grades are those of ``start``, bit by bit.

    Raises
    ------
    OptionError
        For options out of range, or a start that was trained on other data, another domain or with another seed.

    >>> line = Data([[0.0], [0.5], [1.0]], [0.0, 1.0, 2.0])
    >>> model = train(line, [Adam(width=4, epochs=5)])
    >>> bool(np.abs(model([0.5]) - 1) < 1e-3)
    True
    """
    seed = _integer(seed)
    if start is None and path is not None and os.path.exists(path):
        start = load_model(path)
    model = start or TrainedModel(box or Box.of([0, 1], data.dim), (), seed, data.digest)
    if model.dim != data.dim:
        raise OptionError(f"data: points of {data.dim} variable(s) for a model of {model.dim}")
    if (model.seed, model.digest) != (seed, data.digest):
        raise OptionError("the model to go on from was trained on other data or with another seed")
    if box is not None and box != model.box:
        raise OptionError(f"box: the model to go on from lives on {model.box}, not on {box}")
    model = model.prefix(len(specs))
    rest, h, enclosed = data.y, model.features(data.t), Interval(data.y, data.y)
    for g in model.grade_values(data.t).T:  # in the order of training: a resumed run has the same bits
        rest = rest - g
    for known in grade_enclosures(model, data.t):
        enclosed = subtract(enclosed, known)
    for k in range(len(model.grades) + 1, len(specs) + 1):
        begun = time.perf_counter()
        with quiet():
            grade = _train_grade(h, rest, specs[k - 1], np.random.default_rng([seed, k]), _of_grade(progress, k))
        tried = model.with_grade(grade)
        after = subtract(enclosed, grade_enclosures(tried, data.t)[-1])
        accepted = _decreases(tried, data, enclosed, after)
        grade, enclosed = (grade, after) if accepted else (grade.silent(), enclosed)
        h = grade.features(h)
        rest = rest - (h @ grade.readout + grade.constant)
        told = {**grade.note, "accepted": accepted, "seconds": time.perf_counter() - begun}
        solver = type(specs[k - 1]).__name__.lower()
        grade = replace(grade, note={"solver": solver, **asdict(specs[k - 1]), **told})
        model = model.with_grade(grade)
        if path is not None:
            model.save(path)
    return model


def _integer(seed: Any) -> int:
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise OptionError(f"seed: expected an integer of at least 0, got {seed!r}")
    return int(seed)


def _of_grade(progress: Progress | None, grade: int) -> Callable[[int, float], None]:
    return (lambda epoch, loss: progress(grade, epoch, loss)) if progress else lambda epoch, loss: None


def _train_grade(
    h: FloatArray, e: FloatArray, spec: Solver, rng: np.random.Generator, report: Callable[[int, float], None]
) -> TrainedGrade:
    """One block on features (n, w) for the residual (n,), trained, with the better of its own readout and a fitted one.

    It is trained on the residual times a power of two, whose squares neither overflow nor vanish.
    """
    exponent = int(np.frexp(np.abs(e).max())[1])
    unit = np.ldexp(e, -exponent)

    def tell(step: int, loss: float) -> None:
        report(step, float(np.ldexp(loss, 2 * exponent)))

    if isinstance(spec, Convex):
        gates = sample_gates(h, max(spec.width // 2, 1), rng)
        solve = fit_relu if affordable(len(h), 2 * gates.size) else fit_gated
        fit = solve(h, unit, gates, spec.penalty, spec.epochs, progress=tell)
        hidden, own = [fit.weights, fit.biases], (fit.readout, fit.constant)
        note = {
            "steps": fit.iterations,
            "gap": float(np.ldexp(fit.gap, 2 * exponent)),
            "relative_gap": fit.relative_gap,
            "history": fit.history,
        }
    else:
        x, centre, spread = standard(h)
        trained, steps, history = _adam(initial(x, spec.width, spec.depth, rng), x, unit, spec, rng, tell)
        trained[0] = trained[0] / spread
        trained[1] = trained[1] - trained[0] @ centre
        hidden, own, note = trained[:-2], (trained[-2], float(trained[-1][0])), {"steps": steps, "history": history}
    block = TrainedGrade(tuple(hidden[0::2]), tuple(hidden[1::2]), np.zeros(len(hidden[-1])), 0.0, note)
    top = block.features(h)
    candidates = [(np.ldexp(a, exponent), float(np.ldexp(c, exponent))) for a, c in (fit_readout(top, unit), own)]
    errors = [float(np.sum(np.ldexp(e - (top @ a + c), -exponent) ** 2)) for a, c in candidates]
    best = int(np.argmin(np.nan_to_num(errors, nan=np.inf, posinf=np.inf)))
    if not errors[best] < float(np.sum(unit**2)):
        return block
    return replace(block, readout=candidates[best][0], constant=candidates[best][1])


def _decreases(model: TrainedModel, data: Data, before: Interval, after: Interval) -> bool:
    """Whether the last grade decreases the sum of squares on the data: by enclosures, else in rational arithmetic."""
    if not model.grades[-1].readout.any() and not model.grades[-1].constant:
        return False
    if certainly_less(after, before):
        return True
    if certainly_less(before, after):
        return False
    change = Fraction(0)
    for y, values in zip(data.y.tolist(), model.exact(data.t), strict=True):
        rest = Fraction(y) - sum(values, Fraction(0))
        change += rest**2 - (rest + values[-1]) ** 2
    return change < 0


def certainly_less(a: Interval, b: Interval) -> bool:
    """Whether the sum of squares of the numbers in a (n,) is less than that of those in b, for certain.

    Both are scaled by one power of two, so that squares neither overflow nor vanish.  A sum of n squares in
    floating point errs by at most n + 2 parts in 2^52 of itself, and for each underflow by less than 2^-1000.

    >>> e = Interval(np.ones(3), np.ones(3))
    >>> certainly_less(e, e), certainly_less(Interval(-0.9 * e.hi, 0.1 * e.hi), e)
    (False, True)
    """
    most, least = np.maximum(-a.lo, a.hi), mignitude(b)
    if not np.isfinite(most).all():
        return False
    unit = -int(np.frexp(max(float(most.max()), float(least.max())))[1])
    n, slack = len(most), (len(most) + 4) * 2.0**-52
    upper = float(np.sum(np.ldexp(most, unit) ** 2)) * (1 + slack) + n * 2.0**-1000
    lower = float(np.sum(np.ldexp(least, unit) ** 2)) * (1 - slack) - n * 2.0**-1000
    return upper < lower


def standard(h: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(h - centre) / spread, of mean 0 and variance 1 by column, with centre and spread (w,): one step suits them all.

    A column that does not vary, but for rounding, is not spread; that may be all there is of a feature of 1e-17.

    >>> x, centre, spread = standard(np.array([[1.0, 5.0], [3.0, 5.0]]))
    >>> x.tolist(), centre.tolist(), spread.tolist()
    ([[-1.0, 0.0], [1.0, 0.0]], [2.0, 5.0], [1.0, 1.0])
    """
    centre, spread = h.mean(axis=0), h.std(axis=0)
    spread = np.where(spread > STILL * np.abs(h).max(), spread, 1.0)
    return (h - centre) / spread, centre, spread


def fit_readout(h: FloatArray, e: FloatArray) -> tuple[FloatArray, float]:
    """Readout (w,) and constant of the least sum of squares, slightly regularised.

    >>> a, c = fit_readout(np.array([[0.0], [1.0]]), np.array([1.0, 3.0]))
    >>> round(float(a[0]), 6), round(c, 6)
    (2.0, 1.0)
    """
    mean, centre = h.mean(axis=0), float(e.mean())
    x = h - mean
    values, vectors = np.linalg.eigh(x.T @ x)
    floor = RIDGE * max(float(values[-1]), np.finfo(float).tiny)
    a = vectors @ ((vectors.T @ (x.T @ (e - centre))) / np.maximum(values, floor)) if values[-1] > 0 else 0.0 * mean
    return np.asarray(a), float(centre - mean @ a)


def initial(h: FloatArray, width: int, depth: int, rng: np.random.Generator) -> Parameters:
    """[W_1, b_1, ..., readout, constant]: random directions whose kinks pass through the data, readout 0."""
    out: Parameters = []
    below = h
    for _ in range(depth):
        n, fan = below.shape
        w = rng.standard_normal((width, fan)) * np.sqrt(2.0 / fan)
        pairs = below[rng.integers(n, size=(2, width))]
        share = rng.random((width, 1))
        b = -np.einsum("ij,ij->i", w, share * pairs[0] + (1 - share) * pairs[1])
        out += [w, b]
        below = np.maximum(below @ w.T + b, 0.0)
    return [*out, np.zeros(width), np.zeros(1)]


def loss_and_gradient(parameters: Parameters, h: FloatArray, e: FloatArray) -> tuple[float, Parameters]:
    """Mean of (g - e)^2 / 2 for the block [W_1, b_1, ..., readout, constant] on h (n, w), and its gradient.

    Where a neuron is exactly 0 its derivative is taken as 0.

    >>> w, b, a, c = np.array([[2.0]]), np.zeros(1), np.ones(1), np.zeros(1)
    >>> loss, gradient = loss_and_gradient([w, b, a, c], np.array([[1.0]]), np.array([1.0]))
    >>> loss, [float(x.ravel()[0]) for x in gradient]
    (0.5, [1.0, 1.0, 2.0, 1.0])
    """
    *hidden, a, c = parameters
    layers = [h]
    for w, b in zip(hidden[0::2], hidden[1::2], strict=True):
        layers.append(np.maximum(layers[-1] @ w.T + b, 0.0))
    error = layers[-1] @ a + c[0] - e
    back = error / len(e)
    gradient: Parameters = [layers[-1].T @ back, np.array([back.sum()])]
    delta = np.outer(back, a)
    for j in range(len(hidden) // 2 - 1, -1, -1):
        delta = delta * (layers[j + 1] > 0)
        gradient = [delta.T @ layers[j], delta.sum(axis=0), *gradient]
        if j:
            delta = delta @ hidden[2 * j]
    return float(0.5 * np.mean(error**2)), gradient


def _adam(
    parameters: Parameters, h: FloatArray, e: FloatArray, spec: Adam, rng: np.random.Generator,
    report: Callable[[int, float], None],
) -> tuple[Parameters, int, list[tuple[int, float]]]:  # fmt: skip
    """The parameters with the least error seen, the number of epochs, and (epoch, loss) along the way.

    The residual is scaled to size 1, so a loss is a part of the mean square of the residual before the grade.
    """
    size = float(np.sqrt(np.mean(e**2)))
    if size == 0.0:
        return parameters, 0, []
    history: list[tuple[int, float]] = []
    e = e / size
    batch = spec.batch or len(e)
    first = [np.zeros_like(p) for p in parameters]
    second = [np.zeros_like(p) for p in parameters]
    best, kept, since, step, epoch = np.inf, parameters, 0, 0, 0
    for epoch in range(1, spec.epochs + 1):
        order = rng.permutation(len(e)) if batch < len(e) else None
        rate = spec.rate * (0.55 + 0.45 * np.cos(np.pi * (epoch - 1) / spec.epochs))
        total = 0.0
        before = parameters
        for begin in range(0, len(e), batch):
            rows: Any = slice(None) if order is None else order[begin : begin + batch]
            loss, gradient = loss_and_gradient(parameters, h[rows], e[rows])
            total += loss * len(e[rows])
            step += 1
            first = [BETA_1 * m + (1 - BETA_1) * g for m, g in zip(first, gradient, strict=True)]
            second = [BETA_2 * v + (1 - BETA_2) * g**2 for v, g in zip(second, gradient, strict=True)]
            scale = rate * np.sqrt(1 - BETA_2**step) / (1 - BETA_1**step)
            parameters = [
                p - scale * m / (np.sqrt(v) + EPSILON) for p, m, v in zip(parameters, first, second, strict=True)
            ]
        mean = total / len(e)
        if mean < best:
            best, kept, since = mean, before if order is None else parameters, 0
        else:
            since += 1
        if epoch == 1 or epoch % -(-spec.epochs // SHOTS) == 0:
            history.append((epoch, 2 * mean))
        if epoch % 50 == 0:
            report(epoch, 2 * mean * size**2)
        if spec.patience and since >= spec.patience:
            break
    *hidden, a, c = kept
    return [*hidden, size * a, size * c], epoch, history
