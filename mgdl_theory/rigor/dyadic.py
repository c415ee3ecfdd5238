"""Floats as the exact numbers they are, odd * 2^power, and affine maps of such numbers without rounding."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mgdl_theory.rigor.rounding import quiet

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_FAR = 1 << 40  # definition: beyond every exponent that can occur


class Dyadic(NamedTuple):
    """Numbers odd * 2^power with odd integers, or 0 * 2^0."""

    odd: IntArray
    power: IntArray

    @classmethod
    def of(cls, x: FloatArray) -> Dyadic:
        """The finite binary64 numbers x, exactly.

        >>> [v.tolist() for v in Dyadic.of(np.array([0.75, -8.0, 0.0]))]
        [[3, -1, 0], [-2, 3, 0]]
        """
        mantissa, exponent = np.frexp(x)
        whole = np.ldexp(mantissa, 53).astype(np.int64)
        zeros = np.maximum(np.frexp((whole & -whole).astype(np.float64))[1] - 1, 0).astype(np.int64)
        return cls(whole >> zeros, np.where(whole == 0, 0, exponent - 53 + zeros))


def pair(value: float | Fraction) -> list[int]:
    """[m, e] with value = m 2**e and m odd, or [0, 0].

    >>> pair(0.75), pair(-8.0), pair(0.0)
    ([3, -2], [-1, 3], [0, 0])
    """
    n, d = value.as_integer_ratio()
    if not n:
        return [0, 0]
    zeros = (n & -n).bit_length() - 1
    return [n >> zeros, zeros - (d.bit_length() - 1)]


def integers(x: FloatArray) -> tuple[NDArray[Any], int]:
    """(m, e) with x = m 2**e, m Python's integers and e the largest that will do; 0 where all are 0.

    >>> integers(np.array([0.75, -8.0]))
    (array([3, -32], dtype=object), -2)
    """
    odd, power = Dyadic.of(x)
    e = int(power[odd != 0].min()) if odd.any() else 0
    return np.asarray(odd.astype(object) << np.where(odd == 0, 0, power - e).astype(object)), e


def channels(x: FloatArray) -> tuple[NDArray[Any], IntArray]:
    """Points x (n, d) as a state of :func:`affine`: integers (d, n), and one exponent for all d channels.

    >>> [v.tolist() for v in channels(np.array([[0.5, 0.25]]))]
    [[[2], [1]], [2, 2]]
    """
    whole, e = integers(x)
    return whole.T, np.full(x.shape[1], -e)


def significant_bits(x: FloatArray) -> IntArray:
    """Bits from the first to the last 1 of each number.

    >>> significant_bits(np.array([0.0, 1.0, -0.75, 40.0])).tolist()
    [0, 1, 2, 3]
    """
    return np.asarray(np.frexp(np.abs(Dyadic.of(x).odd).astype(np.float64))[1], dtype=np.int64)


def rational(numerator: int, exponent: int, common: int = 1) -> Fraction:
    """Numerator / (common * 2^exponent).

    >>> rational(3, 2), rational(3, -2, 5)
    (Fraction(3, 4), Fraction(12, 5))
    """
    return Fraction(numerator, common << exponent) if exponent >= 0 else Fraction(numerator << -exponent, common)


# -- affine maps -----------------------------------------------------------------------------------


def needs(weights: Dyadic, biases: Dyadic) -> tuple[IntArray, IntArray]:
    """need (m, rows, width), least (m, rows): a row takes the largest of least and of need + the channel's exponent."""
    need = np.where(weights.odd != 0, -weights.power, -_FAR)
    idle = ~weights.odd.any(axis=2)
    return need, np.where(biases.odd != 0, -biases.power, np.where(idle, 0, -_FAR))


def exponents(weights: Dyadic, biases: Dyadic, start: IntArray) -> IntArray:
    """(m + 1, width): exponents of the channels before and after each of m layers, the least that will do."""
    out = [start]
    for need, least in zip(*needs(weights, biases), strict=True):
        out.append(np.maximum((need + out[-1]).max(axis=1), least))
    return np.stack(out)


class ExactLayers:
    """Maps W y + b as integer matrices: odd * 2^shift, scaled to the exponents before and after each of them.

    Channel c of a state holds integers y_c = value * common * 2^e_c.  Before a map is applied, the sum of all
    magnitudes in each of its rows is bounded from the actual values: up to 2^53 binary64 holds every partial sum,
    in any order; up to 2^62 int64 does; beyond, Python's integers.

    ``size_w`` (m, rows, width) and ``size_b`` (m, rows) are the magnitudes, rounded to binary64, perhaps inf.
    """

    def __init__(self, weights: Dyadic, biases: Dyadic, before: IntArray, after: IntArray, common: int = 1) -> None:
        self.common, self.weights, self.biases = common, weights, biases
        self.shift_w = np.where(weights.odd != 0, after[:, :, None] - before[:, None, :] + weights.power, 0)
        self.shift_b = np.where(biases.odd != 0, after + biases.power, 0)
        self.w = np.ldexp(weights.odd.astype(np.float64), self.shift_w)
        self.b = np.ldexp(biases.odd.astype(np.float64), self.shift_b) * _to_float(common)
        self.size_w, self.size_b = np.abs(self.w), np.abs(self.b)

    def kind(self, i: int, y: NDArray[Any]) -> type:
        """The least kind of number that holds the state y (width, n) and every partial sum of W y + b."""
        size = _magnitude(y)
        sums = self.size_w[i] @ size + self.size_b[i]
        need = max(float(sums.max(initial=0)), float(size.max(initial=0))) * (1 + 2.0**-40)
        if need <= 2.0**53:  # false for NaN, which an infinite weight times 0 gives
            return np.float64
        return np.int64 if need <= 2.0**62 else object

    def apply(self, i: int, y: NDArray[Any]) -> NDArray[Any]:
        """W y + b in the kind of number that y is of, which holds all terms."""
        kind = y.dtype.type if y.dtype != object else object
        w, b = self._at(i, kind)
        return np.asarray(w @ y + b[:, None])

    def _at(self, i: int, kind: type) -> tuple[NDArray[Any], NDArray[Any]]:
        """Weights and biases of one map, exactly, given that ``kind`` holds all terms."""
        if kind is np.float64:
            return self.w[i], self.b[i]
        if kind is object:
            return self._whole_w[i], self._whole_b[i]
        return self.w[i].astype(np.int64), self._whole_b[i].astype(np.int64)  # a weight too large meets only zeros

    @cached_property
    def _whole_w(self) -> NDArray[Any]:
        """The weights as Python's integers."""
        return np.asarray(self.weights.odd.astype(object) << self.shift_w.astype(object))

    @cached_property
    def _whole_b(self) -> NDArray[Any]:
        """The biases as Python's integers."""
        return np.asarray((self.biases.odd.astype(object) * self.common) << self.shift_b.astype(object))


def affine(y: NDArray[Any], e: IntArray, w: FloatArray, b: FloatArray) -> tuple[NDArray[Any], IntArray]:
    """W y + b (rows, n) for a state y (width, n) whose channels are integers over 2^e, in Python's integers likewise.

    >>> values, e = affine(np.array([[1, 3]], dtype=object), np.array([1]), np.array([[0.25]]), np.array([1.0]))
    >>> values.tolist(), e.tolist()
    ([[9, 11]], [3])
    """
    weights, biases = Dyadic.of(w[None]), Dyadic.of(b[None])
    need, least = needs(weights, biases)
    after = np.maximum((need[0] + e).max(axis=1, initial=-_FAR), least[0])
    with quiet():
        layers = ExactLayers(weights, biases, e[None], after[None])
        return cast(layers.apply(0, cast(y, layers.kind(0, y))), object), after


def _magnitude(y: NDArray[Any]) -> FloatArray:
    """(width,): the largest magnitude in each row, rounded to binary64."""
    largest = np.maximum(y.max(axis=1, initial=0), -y.min(axis=1, initial=0))
    return np.array([_to_float(v) for v in largest]) if y.dtype == object else largest.astype(np.float64)


def _to_float(value: int) -> float:
    return float(value) if abs(value) < 1 << 1000 else math.inf


def cast(y: NDArray[Any], kind: type) -> NDArray[Any]:
    """Integers as another kind of number that holds them."""
    if y.dtype == kind:
        return y
    return y.astype(np.int64).astype(object) if kind is object and y.dtype == np.float64 else y.astype(kind)
