"""Values and derivatives of the special functions by Arb, and arguments at which their enclosures may go wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb, ctx

BITS = 256
FloatArray = np.ndarray[Any, np.dtype[np.float64]]


def _erf(x: Any) -> list[Any]:
    slope = 2 / arb.pi().sqrt() * (-x * x).exp()
    return [x.erf(), slope, -2 * x * slope]


def _erfc(x: Any) -> list[Any]:
    slope = 2 / arb.pi().sqrt() * (-x * x).exp()
    return [x.erfc(), -slope, 2 * x * slope]


def _ncdf(x: Any) -> list[Any]:
    slope = (-x * x / 2).exp() / (2 * arb.pi()).sqrt()
    return [(-x / arb(2).sqrt()).erfc() / 2, slope, -x * slope]


def _gamma(x: Any) -> list[Any]:
    g, psi, rest = x.gamma(), x.digamma(), arb(2).zeta(x)
    return [g, g * psi, g * (psi * psi + rest)]


def _lgamma(x: Any) -> list[Any]:
    return [x.lgamma(), x.digamma(), arb(2).zeta(x)]


def bessel(n: int, x: Any) -> Any:
    if n < 0:
        return (-1) ** n * bessel(-n, x)
    return x.bessel_j(n) if x != 0 else arb(int(n == 0))


def _j0(x: Any) -> list[Any]:
    return [bessel(0, x), -bessel(1, x), (bessel(2, x) - bessel(0, x)) / 2]


def _j1(x: Any) -> list[Any]:
    return [bessel(1, x), (bessel(0, x) - bessel(2, x)) / 2, (bessel(3, x) - 3 * bessel(1, x)) / 4]


def _sinc(x: Any) -> list[Any]:
    if x == 0:
        return [arb(1), arb(0), arb(-1) / 3]
    with ctx.workprec(2600 if abs(x) < 1e-20 else 2 * BITS):
        value = x.sin() / x
        first = (x.cos() - value) / x
        return [value, first, -value - 2 * first / x]


def _lambertw(x: Any) -> list[Any]:
    w = x.lambertw()
    first = (-w).exp() / (1 + w)
    return [w, first, -first * first * (1 + 1 / (1 + w))]


def _sigmoid(x: Any) -> list[Any]:
    with ctx.workprec(3 * BITS):
        s = 1 / (1 + (-x).exp())
        t = 1 / (1 + x.exp())
        return [s, s * t, s * t * (t - s)]


def _softplus(x: Any) -> list[Any]:
    s = _sigmoid(x)
    with ctx.workprec(3 * BITS):
        value = x.exp().log1p() if x < 0 else x + (-x).exp().log1p()
    return [value, s[0], s[1]]


def _asinh(x: Any) -> list[Any]:
    first = 1 / (1 + x * x).sqrt()
    with ctx.workprec(5 * BITS):
        return [x.asinh(), first, -x * first**3]


ORACLE: dict[str, Callable[[Any], list[Any]]] = {
    "erf": _erf, "erfc": _erfc, "ncdf": _ncdf, "gamma": _gamma, "lgamma": _lgamma, "j0": _j0, "j1": _j1, "sinc": _sinc,
    "lambertw": _lambertw, "sigmoid": _sigmoid, "softplus": _softplus, "asinh": _asinh,
    "expm1": lambda x: [x.expm1(), x.exp(), x.exp()],
    "log1p": lambda x: [x.log1p(), 1 / (1 + x), -1 / (1 + x) ** 2],
}  # fmt: skip

LEAST = {"gamma": 5e-324, "lgamma": 5e-324, "lambertw": -0.3678794411714423, "log1p": -1 + 2.0**-53}
"""The smallest number of the domain of each partial function."""

SIDES = {
    "erf": 7.0, "erfc": 29.0, "ncdf": 40.0, "gamma": 176.0, "lgamma": 300.0, "j0": 170.0, "j1": 170.0, "sinc": 60.0,
    "lambertw": 30.0, "sigmoid": 800.0, "softplus": 800.0, "asinh": 50.0, "expm1": 700.0, "log1p": 50.0,
}  # fmt: skip
TURNS = [
    0.0, 0.7071067811865475, 1.0, 1.316957896924817, 1.4616321449683622, 1.7410436637669235, 2.404825557695773,
    3.8317059702075125, 4.493409457909064, 2.0, 8.0, 16.0, 17.0, 28.0, 39.0, 5.9375, 64.0, 171.624, 0.125, 14.0,
]  # fmt: skip


def arguments(name: str, rng: np.random.Generator, n: int) -> FloatArray:
    """Random and awkward arguments of one function, all in its domain: ends of rows, tiny, huge, next to zeros."""
    side = SIDES[name]
    sizes = [rng.uniform(0, side, n), np.exp(rng.uniform(np.log(5e-324), np.log(side), n // 2)), rng.uniform(0, 4, n)]
    rows = rng.integers(0, int(16 * side), n // 2) / 16.0
    near = rng.choice(np.concatenate([rows, TURNS]), n)
    sizes.append(np.abs(near * (1 + rng.integers(-3, 4, n) * 2.0**-52)))
    sizes.append(np.abs(rng.choice(TURNS, n // 2) + rng.normal(size=n // 2) * 2.0 ** -rng.integers(1, 60, n // 2)))
    huge = [5e-324, 1e-310, 2.2250738585072014e-308, 1e-160, 1e-20, 1e5, 2.0**26, 1e9, 1e100, 1e300]
    x = np.concatenate([*sizes, huge, [0.0]])
    x = np.concatenate([x, -x])
    if name not in LEAST:
        return x
    least = LEAST[name]
    edge = least + np.abs(least) * rng.integers(0, 1000, n // 4) * 2.0**-53
    spread = least + np.exp(rng.uniform(np.log(1e-17), 0, n // 4))
    return np.concatenate([x[x >= least], edge, spread])


def truth(name: str, x: float) -> list[Any]:
    """Balls around value, slope and bend at a binary64 number."""
    with ctx.workprec(BITS if name != "asinh" or abs(x) < 1e100 else 8 * BITS):
        return ORACLE[name](arb(x))
