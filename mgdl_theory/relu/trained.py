"""Trained multigrade networks as data: frozen features, one readout per grade, files without pickle."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.archive import UNREADABLE, load, save
from mgdl_theory.errors import OptionError, SchemeError
from mgdl_theory.relu.network import Network
from mgdl_theory.rigor.dyadic import affine, channels, rational
from mgdl_theory.targets.base import Box, FloatArray, Target

FORMAT = "mgdl-theory trained model 1"

MAX_DATA = 1 << 22
"""Experience: points beyond this are refused before the memory is gone."""


def _frozen(array: Any, ndim: int, what: str) -> FloatArray:
    """A copy that nothing else writes to; objects, texts and complex numbers are no weights."""
    given = np.asarray(array)
    with np.errstate(over="ignore"):  # a long double beyond the floats becomes inf, which is refused
        out: FloatArray = np.array(given if given.dtype.kind in "fiub" else np.nan, dtype=np.float64)
    if out.ndim != ndim or not np.isfinite(out).all():
        told = f"shape {given.shape} of {given.dtype}"
        raise SchemeError(f"{what}: expected finite numbers in {ndim} dimension(s), got {told}")
    out.setflags(write=False)
    return out


@dataclass(frozen=True, slots=True)
class Data:
    """Points and values to train on; every float is exactly the dyadic number it denotes.

    Attributes
    ----------
    t : float64 (n, d), unit coordinates in [0, 1]^d.
    y : float64 (n,)

    >>> Data([[0.0], [1.0]], [2.0, 3.0]).y.tolist()
    [2.0, 3.0]
    """

    t: FloatArray
    y: FloatArray

    def __post_init__(self) -> None:
        t, y = _frozen(self.t, 2, "data: points"), _frozen(self.y, 1, "data: values")
        if len(t) != len(y) or not len(t) or not t.shape[1]:
            raise OptionError(f"data: expected as many points as values, got {t.shape} and {y.shape}")
        if t.min() < 0 or t.max() > 1:
            raise OptionError("data: points are unit coordinates and lie in [0, 1]^d")
        object.__setattr__(self, "t", t)
        object.__setattr__(self, "y", y)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return int(self.t.shape[1])

    @property
    def digest(self) -> str:
        """SHA-256 of points and values: a resumed run must see the same data."""
        little = (np.ascontiguousarray(a, dtype="<f8").tobytes() for a in (self.t, self.y))
        return hashlib.sha256(f"{self.t.shape}".encode() + b"".join(little)).hexdigest()


def sample(target: Target, points: int) -> Data:
    """Values of a target on the uniform grid of about so many points, n per axis, rounded to floats.

    >>> from mgdl_theory.targets.formula.target import ExpressionTarget
    >>> sample(ExpressionTarget("2*x"), 3).y.tolist()
    [0.0, 1.0, 2.0]
    """
    if not 2 <= points <= MAX_DATA:
        raise OptionError(f"points: expected an integer from 2 to {MAX_DATA}, got {points!r}")
    n = max(2, round(points ** (1 / target.dim)))
    if n**target.dim > MAX_DATA:
        raise OptionError(f"points: a grid in {target.dim} variables has over {MAX_DATA}; give Data of your own")
    axes = np.meshgrid(*[np.linspace(0.0, 1.0, n)] * target.dim, indexing="ij")
    t = np.stack([a.ravel() for a in axes], axis=1)
    return Data(t, target(target.box.from_unit(t)))


@dataclass(frozen=True, slots=True)
class TrainedGrade:
    """One grade: hidden layers on top of the features of the grade before, and a readout.

    With h the features below, h_k = relu(W_m ... relu(W_1 h + b_1) ... + b_m) and g_k = readout . h_k + constant.

    Attributes
    ----------
    weights : tuple of float64 (width, width below)
    biases : tuple of float64 (width,)
    readout : float64 (width,)
    constant : float
    note : dict
        How it was trained: plain numbers and texts, for display.
    """

    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]
    readout: FloatArray
    constant: float
    note: dict[str, Any] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        weights = tuple(_frozen(w, 2, "grade: weights") for w in self.weights)
        biases = tuple(_frozen(b, 1, "grade: biases") for b in self.biases)
        readout = _frozen(self.readout, 1, "grade: readout")
        heights = [len(w) for w in weights]
        if not weights or [len(b) for b in biases] != heights or heights[-1] != len(readout):
            raise SchemeError(f"grade: layers {heights}, biases {[len(b) for b in biases]}, readout {len(readout)}")
        if any(len(a) != b.shape[1] for a, b in pairwise(weights)):
            raise SchemeError("grade: a layer does not fit on the one below it")
        constant = float(_frozen(self.constant, 0, "grade: the constant"))
        for name, value in (("weights", weights), ("biases", biases), ("readout", readout), ("constant", constant)):
            object.__setattr__(self, name, value)

    @property
    def width(self) -> int:
        """Largest number of neurons in a layer."""
        return max(len(w) for w in self.weights)

    @property
    def depth(self) -> int:
        """Hidden layers."""
        return len(self.weights)

    @property
    def parameters(self) -> int:
        """Weights, biases, readout and constant."""
        return sum(w.size + b.size for w, b in zip(self.weights, self.biases, strict=True)) + len(self.readout) + 1

    @property
    def history(self) -> FloatArray:
        """(n, 2): an epoch and the loss after it, or a step and the relative gap, as the note tells; maybe none."""
        told = self.note.get("history")
        pairs = (
            [tuple(pair) for pair in told if isinstance(pair, list | tuple)] if isinstance(told, list | tuple) else []
        )
        good = [p for p in pairs if len(p) == 2 and all(isinstance(v, int | float) and abs(v) < 1e300 for v in p)]
        return np.array(good, dtype=np.float64).reshape(-1, 2)

    def silent(self) -> TrainedGrade:
        """The grade with its features and no output."""
        return replace(self, readout=np.zeros_like(self.readout), constant=0.0)

    def features(self, below: FloatArray) -> FloatArray:
        """(n, width): h_k for features (n, width below), in floating point."""
        h = below
        for w, b in zip(self.weights, self.biases, strict=True):
            h = np.maximum(h @ w.T + b, 0.0)
        return h


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A trained multigrade network: g_1 + ... + g_K on a box, in unit coordinates.

    Attributes
    ----------
    box : Box
    grades : tuple of TrainedGrade
    seed : int
        Grade k was trained with the random numbers of ``default_rng([seed, k])``.
    digest : str
        :attr:`Data.digest` of the data it was trained on.
    """

    box: Box
    grades: tuple[TrainedGrade, ...] = ()
    seed: int = 0
    digest: str = ""

    def __post_init__(self) -> None:
        below = self.box.dim
        for k, grade in enumerate(self.grades, 1):
            if grade.weights[0].shape[1] != below:
                raise SchemeError(f"model: grade {k} reads {grade.weights[0].shape[1]} features, there are {below}")
            below = len(grade.readout)

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return self.box.dim

    @property
    def parameters(self) -> int:
        """Parameters of all grades."""
        return sum(grade.parameters for grade in self.grades)

    @classmethod
    def from_network(cls, network: Network) -> TrainedModel:
        """The layers and readouts of a scalar network without a lift, to be held to the claims as if trained.

        >>> from mgdl_theory import construct, target
        >>> network = construct(target("x*y"), tol=0.1, lift="none").network()
        >>> sum(TrainedModel.from_network(network).exact(np.ones((1, 2)))[0]) == network.exact([1, 1])
        True
        """
        ends = [0, *network.grade_end.tolist()]
        if network.is_vector or network.lift != 0.0 or any(a == b for a, b in pairwise(ends)):
            raise SchemeError("model: expected a scalar network with lift 0 and a layer in every grade")
        grades = []
        for k, (start, end) in enumerate(pairwise(ends)):
            weights = list(network.weights[start:end])
            if not k:
                weights[0] = weights[0][:, : network.dim]  # the first layer reads the coordinates; the rest is 0
            readout, constant = network.readout[k], float(network.readout_bias[k])
            grades.append(TrainedGrade(tuple(weights), tuple(network.biases[start:end]), readout, constant))
        return cls(network.box, tuple(grades))

    def copy(self) -> TrainedModel:
        """The same numbers, checked again and shared with nobody; of a subclass, the model that it claims to be."""
        lower, upper = ([Fraction(v) for v in side] for side in (self.box.lower, self.box.upper))
        grades = (TrainedGrade(g.weights, g.biases, g.readout, g.constant, dict(g.note)) for g in self.grades)
        return TrainedModel(Box(tuple(lower), tuple(upper)), tuple(grades), self.seed, self.digest)

    def with_grade(self, grade: TrainedGrade) -> TrainedModel:
        """The model with one grade more; the others are the same arrays."""
        return TrainedModel(self.box, (*self.grades, grade), self.seed, self.digest)

    def prefix(self, k: int) -> TrainedModel:
        """The model of the first k grades."""
        return TrainedModel(self.box, self.grades[:k], self.seed, self.digest)

    def on(self, target: Target) -> Fit:
        """The model as an approximation of a target on its box: what ``verify`` and ``plot`` take.

        >>> from mgdl_theory.targets.formula.target import ExpressionTarget
        >>> f = ExpressionTarget("x")
        >>> TrainedModel(f.box).on(f).residual([0.5]).tolist()
        [0.5]
        """
        return Fit(self, target)

    def features(self, t: FloatArray) -> FloatArray:
        """(n, width): features of the last grade at unit coordinates (n, d); t itself if there is no grade."""
        for grade in self.grades:
            t = grade.features(t)
        return t

    def grade_values(self, t: FloatArray) -> FloatArray:
        """(n, K): g_1, ..., g_K at unit coordinates t (n, d), in floating point."""
        columns = []
        for grade in self.grades:
            t = grade.features(t)
            columns.append(t @ grade.readout + grade.constant)
        return np.stack(columns, axis=1) if columns else np.zeros((len(t), 0))

    def __call__(self, x: Any) -> FloatArray:
        """The network at points x (n, d), or (n,) if d = 1, of the box, in floating point."""
        return np.asarray(self.grade_values(self.box.units(x)).sum(axis=1))

    def exact(self, t: FloatArray) -> list[list[Fraction]]:
        """[g_1, ..., g_K] at each of the unit coordinates t (n, d), floats as the numbers they are, exactly."""
        h, e = channels(np.asarray(t, dtype=np.float64))
        columns: list[list[Fraction]] = []
        for grade in self.grades:
            for w, b in zip(grade.weights, grade.biases, strict=True):
                h, e = affine(h, e, w, b)
                h = np.maximum(h, 0)
            (values,), (power,) = affine(h, e, grade.readout[None, :], np.array([grade.constant]))
            columns.append([rational(value, int(power)) for value in values.tolist()])
        return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in range(len(t))]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as .npz of plain arrays, whole or not at all."""
        grades = [{"layers": g.depth, "note": g.note} for g in self.grades]
        head = {"format": FORMAT, "box": self.box.ends, "seed": self.seed, "digest": self.digest, "grades": grades}
        arrays: dict[str, NDArray[Any]] = {}
        for k, grade in enumerate(self.grades, 1):
            for j, (w, b) in enumerate(zip(grade.weights, grade.biases, strict=True), 1):
                arrays[f"W_{k}_{j}"], arrays[f"b_{k}_{j}"] = w, b
            arrays[f"readout_{k}"], arrays[f"constant_{k}"] = grade.readout, np.array(grade.constant)
        save(path, head, arrays)


@dataclass(frozen=True, slots=True)
class Fit:
    """A trained model on a target: approximants and residuals by grade, as those of a scheme.

    >>> from mgdl_theory.targets.formula.target import ExpressionTarget
    >>> half = TrainedGrade((np.eye(1),), (np.zeros(1),), np.array([0.5]), 0.0)
    >>> fit = TrainedModel(Box.of([0, 1], 1), (half,)).on(ExpressionTarget("x"))
    >>> fit.residual([1.0], 0).tolist(), fit.residual([1.0]).tolist()
    ([1.0], [0.5])
    """

    model: TrainedModel
    target: Target

    def __post_init__(self) -> None:
        if not isinstance(self.model, TrainedModel):
            raise OptionError(f"fit: expected a trained model, as train returns it, got {type(self.model).__name__}")
        if not (hasattr(self.target, "values") and hasattr(self.target, "defects")):
            raise OptionError(f"model.on: expected the target of one function, got {type(self.target).__name__}")
        if self.target.box != self.model.box:
            there = f"on another domain, {self.target.box}, than the model, {self.model.box}"
            raise OptionError(f"the target lives {there}")

    @property
    def components(self) -> tuple[Self]:
        """The fit itself: a trained model has values of one component."""
        return (self,)

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return self.model.dim

    @property
    def lift(self) -> float:
        """Nothing is taken off before the first grade."""
        return 0.0

    @property
    def grades(self) -> tuple[TrainedGrade, ...]:
        """The grades of the model."""
        return self.model.grades

    def prefix(self, k: int) -> Fit:
        """The first k grades of the model on the same target."""
        return Fit(self.model.prefix(k), self.target)

    def steps(self, x: Any) -> list[FloatArray]:
        """The approximants after grade 0, 1, ..., K at points x (n, d) or (n,), in floating point."""
        t = self.model.box.units(x)
        values = self.model.grade_values(t)
        return list(np.cumsum(np.column_stack([np.zeros(len(t)), values]), axis=1).T)

    def __call__(self, x: Any, grade: int | None = None) -> FloatArray:
        """The approximant after a grade, all by default."""
        return self.steps(x)[-1 if grade is None else grade]

    def residual(self, x: Any, grade: int | None = None) -> FloatArray:
        """e_k = f - g_1 - ... - g_k."""
        return np.asarray(self.target(x) - self(x, grade))


def load_model(path: str | os.PathLike[str]) -> TrainedModel:
    """The model of a file written by :meth:`TrainedModel.save`; nothing in it is executed.

    Raises
    ------
    SchemeError
        If the file is not such a model.
    OptionError
        If it cannot be opened.
    """
    head, file = load(path, FORMAT)
    try:
        grades = []
        for k, each in enumerate(head["grades"], 1):
            layers = range(1, int(each["layers"]) + 1)
            grades.append(TrainedGrade(
                tuple(file[f"W_{k}_{j}"] for j in layers), tuple(file[f"b_{k}_{j}"] for j in layers),
                file[f"readout_{k}"], float(_frozen(file[f"constant_{k}"], 0, "constant")), dict(each["note"]),
            ))  # fmt: skip
        return TrainedModel(Box.read(head["box"]), tuple(grades), int(head["seed"]), str(head["digest"]))
    except UNREADABLE as error:
        raise SchemeError(f"{os.fspath(path)}: not a trained model ({error})") from None
