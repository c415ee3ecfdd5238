"""Writes mgdl_theory/rigor/tables.npz: Taylor coefficients of special functions with proven errors, from Arb.

Run it as ``python tests/make_tables.py``; a test compares what it makes with what is shipped, and with mpmath.
The numbers are those of Lemma 28 of docs/theory.md.  Per table ``name``: ``name.grid`` (step, number of the first
centre, last argument), ``name.c`` (degree + 1, rows) and ``name.e`` (2, rows), the errors e0 and e1.  Per function
``name.turns.k`` has a row (x_lo, x_hi, y_lo, y_hi) for every place where its derivative of order k turns.
"""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from flint import arb, arb_series, ctx

PATH = Path(__file__).resolve().parents[1] / "mgdl_theory" / "rigor" / "tables.npz"
BITS = 500
U = Fraction(1, 2**53)

Coefficients = Callable[[Any, int], list[Any]]  # (centre, n) -> f_0, ..., f_n, balls


# -- balls and fractions ---------------------------------------------------------------------------


def rational(a: Any) -> Fraction:
    """The value of an exact ball."""
    m, e = a.man_exp()
    return Fraction(int(m)) * Fraction(2) ** int(e)


def upper(a: Any) -> Fraction:
    """A rational upper bound of a ball's magnitude."""
    return rational(abs(a).upper())


def above(q: Fraction) -> float:
    return math.nextafter(float(q), math.inf) if q else 0.0


def ends(a: Any) -> tuple[float, float]:
    """Binary64 numbers around a ball."""
    lo, hi = rational(a.lower()), rational(a.upper())
    return math.nextafter(float(lo), -math.inf), math.nextafter(float(hi), math.inf)


def ball(lo: Fraction, hi: Fraction) -> Any:
    """A ball that holds [lo, hi], dyadic numbers."""
    m, r = (lo + hi) / 2, (hi - lo) / 2
    return arb(exact(m), exact(r))


def exact(q: Fraction) -> Any:
    return arb(q.numerator) / q.denominator


# -- coefficients ----------------------------------------------------------------------------------


def series(act: Callable[[Any], Any]) -> Coefficients:
    """Coefficients by Arb's power series."""

    def coefficients(c: Any, n: int) -> list[Any]:
        ctx.cap = n + 1
        found = act(arb_series([c, 1], n + 1))
        return [found[j] for j in range(n + 1)]

    return coefficients


def scaled_tail(square: int) -> Coefficients:
    """exp(x**2) erfc(x) (1), where y' = 2 x y - 2/sqrt(pi); or exp(x**2/2) cdf(-x) (0), y' = x y - 1/sqrt(2 pi)."""

    def coefficients(c: Any, n: int) -> list[Any]:
        factor = 2 if square else 1
        start = (c * c).exp() * c.erfc() if square else (c * c / 2).exp() * (c / arb(2).sqrt()).erfc() / 2
        slope = 2 / arb.pi().sqrt() if square else 1 / (2 * arb.pi()).sqrt()
        y = [start, factor * c * start - slope]
        for j in range(1, n):
            y.append(factor * (c * y[j] + y[j - 1]) / (j + 1))
        return y[: n + 1]

    return coefficients


def lgamma(c: Any, n: int) -> list[Any]:
    z = c + 1
    return [z.lgamma(), z.digamma(), *((-1) ** j * arb(j).zeta(z) / j for j in range(2, n + 1))][: n + 1]


def digamma(c: Any, n: int) -> list[Any]:
    return [(c + 1).digamma(), *((-1) ** (j + 1) * arb(j + 1).zeta(c + 1) for j in range(1, n + 1))]


def trigamma(c: Any, n: int) -> list[Any]:
    return [(-1) ** j * (j + 1) * arb(j + 2).zeta(c + 1) for j in range(n + 1)]


def bessel(order: int, shift: int) -> Coefficients:
    """Derivative number ``shift`` of J_order: J^(k) = 2^-k sum_i (-1)^i C(k, i) J_(order - k + 2 i)."""

    def coefficients(c: Any, n: int) -> list[Any]:
        top = n + shift
        values = {m: at_integer(m, c) for m in range(order - top, order + top + 1)}

        def derivative(k: int) -> Any:
            return sum((-1) ** i * math.comb(k, i) * values[order - k + 2 * i] for i in range(k + 1)) / arb(2) ** k

        return [derivative(j + shift) / arb(j).fac() if j else derivative(shift) for j in range(n + 1)]

    return coefficients


def at_integer(m: int, c: Any) -> Any:
    value = arb(1 if m == 0 else 0) if c == 0 else c.bessel_j(abs(m))
    return -value if m < 0 and m % 2 else value


def sinc(shift: int) -> Coefficients:
    """Derivative number ``shift`` of sin(x)/x."""

    def coefficients(c: Any, n: int) -> list[Any]:
        top = n + shift
        if c == 0:
            own = [arb(0) if j % 2 else (-1) ** (j // 2) / arb(j + 1).fac() for j in range(top + 1)]
        else:
            ctx.cap = top + 1
            x = arb_series([c, 1], top + 1)
            quotient = x.sin() / x
            own = [quotient[j] for j in range(top + 1)]
        return [own[j + shift] * math.perm(j + shift, shift) for j in range(n + 1)]

    return coefficients


# -- tables ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plan:
    """A table of degree n with centres first, ..., last times step.

    ``rest(lo, hi)`` bounds |f_(n+1)| between two numbers; by default by balls over that many ``parts``.
    """

    coefficients: Coefficients
    first: int
    last: int
    step: Fraction
    degree: int
    parts: int = 16
    rest: str = "parts"

    def remainder(self, lo: Fraction, hi: Fraction) -> Fraction:
        n = self.degree + 1
        if (
            self.rest == "left"
        ):  # theorem: |f_n| falls, since the derivatives of +-f, or from some order on, have alternating signs
            return upper(self.coefficients(exact(lo), n)[n])
        if self.rest == "bounded":  # theorem: derivatives of J_n and of sin(x)/x are at most 1
            return Fraction(1, math.factorial(n))
        if self.rest == "ends":  # theorem: gamma^(n) is convex for even n
            assert n % 2 == 0
            return max(upper(self.coefficients(exact(x), n)[n]) for x in (lo, hi))
        width = (hi - lo) / self.parts
        return max(
            upper(self.coefficients(ball(lo + p * width, lo + (p + 1) * width), n)[n]) for p in range(self.parts)
        )

    def row(self, k: int) -> tuple[list[float], Fraction, Fraction]:
        """Coefficients b_j, e0 and e1 of one row."""
        half = self.step / 2
        row, e0, e1 = [], Fraction(0), Fraction(0)
        for j, t in enumerate(self.coefficients(exact(k * self.step), self.degree)):
            y = float(t.mid())
            if abs(y) < 1e-100:  # a zero of the function, or of one of its derivatives
                y = 0.0
            gap = upper(t - arb(y))  # |f_j - b_j|
            row.append(y)
            if j == 0:
                e0 = gap
            else:
                size = (abs(Fraction(y)) + gap) * half ** (j - 1)
                e1 += gap * half ** (j - 1) + Fraction(2 * j + 1) * U * size * Fraction(1001, 1000)
        e1 += self.remainder(k * self.step - half, k * self.step + half) * half**self.degree
        return row, e0, e1


ZEROS = {("erf", 0), ("lgamma", 0), ("lgamma", 8), ("j1", 0), ("j1bend", 0), ("sinc1", 0), ("lambertw", 0)}
"""Theorem: (table, row) whose function is exactly 0 at the centre; there b_0 = e0 = 0."""

EIGHTH, QUARTER = Fraction(1, 8), Fraction(1, 4)
PLANS = {
    "erf": Plan(series(lambda x: x.erf()), 0, 47, EIGHTH, 12, 8),
    "erfcx": Plan(scaled_tail(1), 0, 112, QUARTER, 18, rest="left"),
    "tailx": Plan(scaled_tail(0), 0, 156, QUARTER, 15, rest="left"),
    "gamma": Plan(series(lambda x: (x + 1).gamma()), 0, 120, EIGHTH, 15, rest="ends"),
    "lgamma": Plan(lgamma, 0, 120, EIGHTH, 15, rest="left"),
    "digamma": Plan(digamma, 0, 120, EIGHTH, 15, rest="left"),
    "trigamma": Plan(trigamma, 0, 120, EIGHTH, 15, rest="left"),
    "j0": Plan(bessel(0, 0), 0, 256, QUARTER, 12, rest="bounded"),
    "j1": Plan(bessel(1, 0), 0, 256, QUARTER, 12, rest="bounded"),
    "j0bend": Plan(bessel(0, 2), 0, 256, QUARTER, 12, rest="bounded"),
    "j1bend": Plan(bessel(1, 2), 0, 256, QUARTER, 12, rest="bounded"),
    "sinc": Plan(sinc(0), 0, 32, QUARTER, 12, rest="bounded"),
    "sinc1": Plan(sinc(1), 0, 32, QUARTER, 12, rest="bounded"),
    "sinc2": Plan(sinc(2), 0, 32, QUARTER, 12, rest="bounded"),
    "lambertw": Plan(series(lambda x: x.lambertw()), -4, 32, Fraction(1, 32), 15, rest="left"),
}


def table(name: str) -> dict[str, Any]:
    """The arrays of one table."""
    plan = PLANS[name]
    rows = [plan.row(k) for k in range(plan.first, plan.last + 1)]
    for k, (row, e0, _) in zip(range(plan.first, plan.last + 1), rows, strict=True):
        zero = (name, k) in ZEROS
        assert zero == (row[0] == 0), (name, k)
        assert not zero or e0 < Fraction(1, 2**300)
    errors = [[0.0 if row[0] == 0 else above(e0) for row, e0, _ in rows], [above(e1) for _, _, e1 in rows]]
    return {
        f"{name}.grid": np.array([float(plan.step), plan.first, float(plan.last * plan.step)]),
        f"{name}.c": np.array([row for row, _, _ in rows]).T.copy(),
        f"{name}.e": np.array(errors),
    }


# -- where derivatives turn ------------------------------------------------------------------------


def root(act: Callable[[Any], Any], lo: float, hi: float) -> Any:
    """A ball that holds the zero of an increasing function."""
    low, high = Fraction(lo), Fraction(hi)
    for _ in range(200):
        middle = (low + high) / 2
        sign = act(exact(middle))
        if sign > 0:
            high = middle
        else:
            assert sign < 0
            low = middle
    return ball(low, high)


def gamma_derivative(k: int) -> Callable[[Any], Any]:
    def derivative(x: Any) -> Any:
        ctx.cap = k + 1
        return arb_series([x, 1], k + 1).gamma()[k] * arb(k).fac()

    return derivative


def turns() -> Iterator[tuple[str, int, list[tuple[Any, Any]]]]:
    """(function, order, places (x, y)) where the derivative of this order turns."""
    half = 1 / arb(2).sqrt()
    peak, bend = 2 / arb.pi().sqrt(), 4 / arb.pi().sqrt() * half * (arb(-1) / 2).exp()
    for name, sign in (("erf", 1), ("erfc", -1)):
        yield name, 1, [(arb(0), sign * peak)]
        yield name, 2, [(half, -sign * bend), (-half, sign * bend)]
    normal = 1 / (2 * arb.pi()).sqrt()
    yield "ncdf", 1, [(arb(0), normal)]
    yield "ncdf", 2, [(arb(1), -normal * (arb(-1) / 2).exp()), (arb(-1), normal * (arb(-1) / 2).exp())]
    least = root(lambda x: x.digamma(), 1.25, 1.75)
    third = root(gamma_derivative(3), 1.25, 2.0)
    yield "gamma", 0, [(least, least.gamma())]
    yield "gamma", 2, [(third, gamma_derivative(2)(third))]
    yield "lgamma", 0, [(least, least.lgamma())]
    place, size = (2 + arb(3).sqrt()).log(), arb(3).sqrt() / 18
    yield "sigmoid", 1, [(arb(0), arb(1) / 4)]
    yield "sigmoid", 2, [(place, -size), (-place, size)]
    yield "softplus", 2, [(arb(0), arb(1) / 4)]
    yield "asinh", 1, [(arb(0), arb(1))]
    steep = 2 / (3 * arb(3).sqrt())
    yield "asinh", 2, [(half, -steep), (-half, steep)]


def made(names: Any = None) -> dict[str, Any]:
    """All arrays, or those of some tables and of all turns."""
    arrays: dict[str, Any] = {}
    with ctx.workprec(BITS):
        for name in PLANS if names is None else names:
            arrays |= table(name)
        for name, order, places in turns():
            arrays[f"{name}.turns.{order}"] = np.array([[*ends(x), *ends(y)] for x, y in places])
    return arrays


if __name__ == "__main__":
    out = io.BytesIO()
    np.savez(out, **made())
    PATH.write_bytes(out.getvalue())
    sys.stdout.write(f"{PATH}: {len(out.getvalue())} bytes\n")
