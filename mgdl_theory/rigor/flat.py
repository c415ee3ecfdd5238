"""The flat exponential E(q) = exp(-1/q) for q > 0 and 0 for q <= 0: enclosures of E, E' and E'' over intervals.

E is infinitely differentiable, with E' = E/q**2 and E'' = (1 - 2 q) E/q**4 for q > 0 (docs/theory.md, Lemma 24).  It
rises; E' rises up to q = 1/2, where it is 4/e**2 < 0.54135, and then falls; E'' rises up to q = (3 - sqrt 3)/6,
which is > 0.2113, lies in [-0.4221, 2.5511], and is positive up to q = 1/2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mgdl_theory.rigor.interval import Engine, FloatArray, Interval
from mgdl_theory.rigor.rounding import quiet

TINY = 2.0**-11
"""Theorem: up to here E and its two derivatives are at most exp(-2**11) 2**44 < 2**-900."""


def flat_exponential(engine: Engine, q: Interval) -> tuple[Interval, Interval, Interval]:
    """Enclosures of E, E' and E'' over q.

    >>> from mgdl_theory.rigor.engines import get_engine
    >>> value, first, second = flat_exponential(get_engine(), Interval(np.array([-1.0]), np.array([0.0])))
    >>> [float(x.lo[0]) + float(x.hi[0]) for x in (value, first, second)]
    [0.0, 0.0, 0.0]
    """
    low, high = np.maximum(q.lo, 0.0), np.maximum(q.hi, 0.0)
    bottom, top = _at(engine, low), _at(engine, high)
    known = ~np.isnan(q.lo + q.hi)
    value = Interval(np.where(known, bottom[0].lo, 0.0), np.where(known, top[0].hi, 1.0))
    rising = high <= 0.5
    first = Interval(
        np.where(rising, bottom[1].lo, np.maximum(0.0, np.minimum(bottom[1].lo, top[1].lo))),
        np.where(rising, np.minimum(top[1].hi, 0.54135), 0.54135),
    )
    rising = high <= 0.2113
    second = Interval(
        np.where(rising, bottom[2].lo, np.where(high <= 0.5, 0.0, -0.4221)),
        np.where(rising, np.minimum(top[2].hi, 2.5511), 2.5511),
    )
    return value, first, second


def flat_quotient(engine: Engine, u: Interval, v: Interval) -> Interval:
    """{exp(-u/v) : v > 0} and 0 where v <= 0, for u > 0; [-inf, inf] where u is not positive and v may be 0.

    >>> from mgdl_theory.rigor.engines import get_engine
    >>> flat_quotient(get_engine(), Interval.exact(1), Interval(np.array([-1.0]), np.array([0.0]))).hi.tolist()
    [0.0]
    """
    with quiet():
        plain = engine.exp(engine.neg(engine.div(u, v)))
        flat = flat_exponential(engine, engine.div(v, u))[0]
    inside, known = v.lo > 0, u.lo > 0
    lo = np.where(inside, plain.lo, np.where(known, flat.lo, -np.inf))
    return Interval(lo, np.where(inside, plain.hi, np.where(known, flat.hi, np.inf)))


def _at(engine: Engine, q: FloatArray) -> tuple[Interval, Interval, Interval]:
    """E, E' and E'' at numbers >= 0."""
    small = q <= TINY
    safe = np.where(small, 1.0, q)
    inverse: Any = engine.div(engine.const(1), Interval(safe, safe))
    value = engine.exp(engine.neg(inverse))
    first = engine.mul(value, engine.powi(inverse, 2))
    bend = engine.sub(engine.const(1), engine.mul(engine.const(2), Interval(safe, safe)))
    second = engine.mul(engine.mul(value, engine.powi(inverse, 4)), bend)
    high = np.where(q == 0, 0.0, 2.0**-900)
    entries = (value, first, second)
    lows, highs = ([np.where(small, s, e) for e, s in zip(x, y, strict=True)] for x, y in (
        ([e.lo for e in entries], [np.zeros(1)] * 3), ([e.hi for e in entries], [high] * 3)))  # fmt: skip
    return Interval(lows[0], highs[0]), Interval(lows[1], highs[1]), Interval(lows[2], highs[2])
