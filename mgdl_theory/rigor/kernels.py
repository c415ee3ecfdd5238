"""Rounding kernels: array arithmetic whose errors are known, without any handling of warnings.

Callers hold ``np.errstate``; ``rounding`` wraps the ones that are of general use.
``docs/floating-point.md`` proves every line.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

UNIT = 2.0**-53
"""Definition: the unit roundoff u of binary64."""

ETA = 2.0**-1074
"""Definition: the smallest positive binary64 number."""

LARGEST = float(np.finfo(np.float64).max)
"""Definition: the largest finite binary64 number."""

STEP = UNIT * (1 + 2 * UNIT)
"""Theorem: x -+ (STEP |x| + ETA), computed, is the neighbour of x or beyond it, and rarely beyond."""

PRODUCT_FLOOR = 2.0**-960
"""Theorem: the error of a product of at least this size is representable, and so is all that ``product_error`` does."""

PRODUCT_CEILING = 2.0**995
"""Theorem: up to a product of this size ``product_error`` does not overflow, or it says NaN."""

_SPLIT = 2.0**27 + 1  # theorem (Veltkamp): cuts 53 bits into 26 and 26


def step_down(x: FloatArray) -> FloatArray:
    """Number <= nextafter(x, -inf), for x < inf; NaN for inf."""
    step = _step(x)
    return np.subtract(x, step, out=step)


def step_up(x: FloatArray) -> FloatArray:
    """Number >= nextafter(x, inf), for x > -inf; NaN for -inf."""
    step = _step(x)
    step += x
    return step


def lower(x: FloatArray, error: FloatArray) -> FloatArray:
    """Number <= x + error, where |error| is at most half a unit of x or NaN; x itself if error >= 0."""
    step = _step(x)
    step *= ~(error >= 0)
    return np.subtract(x, step, out=step)


def upper(x: FloatArray, error: FloatArray) -> FloatArray:
    """Number >= x + error, where |error| is at most half a unit of x or NaN; x itself if error <= 0."""
    step = _step(x)
    step *= ~(error <= 0)
    step += x
    return step


def _step(x: FloatArray) -> FloatArray:
    """A little more than half a unit of x."""
    step = np.asarray(np.abs(x))
    step *= STEP
    step += ETA
    return step


def two_sum(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(s, err) with s = fl(a + b) and a + b = s + err exactly (Knuth); err is NaN after an overflow."""
    s = np.asarray(a + b)
    t = np.asarray(s - a)
    err = np.asarray(s - t)
    np.subtract(a, err, out=err)
    np.subtract(b, t, out=t)
    err += t
    return s, err


def split(a: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(high, low) of at most 26 bits each with a = high + low exactly (Veltkamp); NaN for |a| beyond about 2**996."""
    t = _SPLIT * a
    high = t - (t - a)
    return high, a - high


def product_error(a: FloatArray, b: FloatArray, p: FloatArray) -> FloatArray:
    """a b - p exactly (Dekker), for p = fl(a b) with PRODUCT_FLOOR <= |p| <= PRODUCT_CEILING, or NaN.

    For other p anything may come out.
    """
    a1, a2 = split(a)
    b1, b2 = split(b)
    error = a1 * b1
    error -= p
    error += a1 * b2
    error += a2 * b1
    error += a2 * b2
    return error


def two_product(a: FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(p, err) with p = fl(a b) and a b = p + err exactly, or err NaN; 0 * inf is 0."""
    p = a * b
    size = np.abs(p)
    zero = (a == 0) | (b == 0)
    certain = (size >= PRODUCT_FLOOR) & (size <= PRODUCT_CEILING)
    err = np.where(certain, product_error(a, b, p), np.nan)
    return np.where(zero, 0.0, p), np.where(zero, 0.0, err)
