"""Independent checker of mgdl-theory certificates.

    python check.py FILE [--engine arb|mpmath] [--workers N]

It shares no code with the program that builds and certifies schemes: it needs Python's standard library, and
mpmath or python-flint (Arb) for elementary functions at single points.  The format is in docs/certificate.md.

A certificate states that f, a formula on a box, is approximated by G_K = lift + g_1 + ... + g_K.  In coordinates
t of [0, 1]^d grade k is a sum of hats of one level l, g_k = sum_v c_v phi_{l,v}: phi_{l,v} is 1 at the node
v / 2^l, 0 at all other nodes of the level, and linear on every Freudenthal simplex.  A cell i of level l is
(i + [0, 1]^d) / 2^l; its corners are numbered by bit masks, bit a set at the upper end of axis a; two corners
share a simplex if and only if one mask contains the other.  Three facts carry everything:

1.  Let e = f - G, h = 2^-l.  On a simplex T of a cell whose level is at least those of the grades in G, G is
    linear, so e - I_T e = f - I_T f for the interpolant I_T at the vertices: I_T e - sag <= e <= I_T e + bulge
    on T, if sag >= sup (I_T f - f) and bulge >= sup (f - I_T f) on the cell.
2.  With enclosures D_a and H_ab of the derivatives of f in t inside the cell, sag is the least of
    order 0: the width of f(cell);      order 1: (h/2) sum_a rad D_a;
    order 2: (h^2/8) [sum_a (sup H_aa)_+ + sum_{a<b} max(2 sup H_ab, width H_ab)];      bulge the same for -f.
3.  If 0 <= g <= e - sag at every vertex of T, or 0 <= -g <= -e - bulge at every vertex, then g (e - g) >= 0
    on T: the grade is *balanced* there.  So |e| = |g| + |e - g|: |e| grows nowhere and all L^p norms fall.

Where an inequality is not certain on a cell it is asked of its 2^d halves, and so on.  All numbers are integers
in units of 2^-bits: coefficients and nodal values exactly, enclosures as pairs rounded outward.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import operator
import os
import re
import sys
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from functools import lru_cache, partial, reduce
from importlib.util import find_spec
from itertools import accumulate, chain, islice, pairwise
from math import isqrt, lcm
from multiprocessing import get_context
from typing import Any, NamedTuple, NoReturn, TextIO

BITS = 256  # definition: the unit is 2^-BITS, or finer where the certificate has finer numbers
WORK, DOUBT = 160, 60  # definition: bits of elementary functions; how many of the last ones mpmath may have wrong
DEEPER, PARTS = 14, 4096  # experience: levels and parts that one question about one cell may cost
CHUNK, AHEAD = 64, 4  # experience: cells that a worker takes at a time; such batches, for each worker, at once
MAX_BYTES, MAX_DIGITS, MAX_DEPTH, MAX_POWER = 1 << 30, 700, 300, 1000  # definition: limits of the input
MAX_LEVEL, MAX_EXPONENT, MAX_DIM, MAX_CHARS, MAX_BITS = 64, 1100, 16, 20_000, 1 << 20  # definition: likewise
RATIO, OBJECT, LIST, SPARE = 100, 16, 4, 1 << 16  # theorem: an object of a certificate has more bytes, a list as many
MAX_WORK, MAX_CORNERS, CORNERS = 1 << 40, 1 << 27, 1 << 12  # experience: products of bits; corners, in all or for each
SHORT = 1 << 14  # experience: bits of a power that is formed exactly
LIMIT, INF = 1 << 4096, 1 << 16384  # finite ends are at most LIMIT in magnitude; an end -INF or INF is unbounded

FORMATS = "mgdl-theory-certificate", "mgdl-theory-refutation"  # of a scheme; of a network, with the point alone

Interval = tuple[int, int]  # the reals from lo / 2^bits to hi / 2^bits
Index = tuple[int, ...]  # of a node or a cell of some level
Approximant = Callable[[Sequence[Fraction], int], Fraction]  # G_k at a point


def printable(text: str) -> str:
    """The text on one line: whatever else than printable ASCII a file may have put into it is shown as an escape."""
    return "".join(c if " " <= c <= "~" else c.encode("unicode_escape").decode() for c in text)


class Refused(Exception):
    """A claim is not confirmed (or, claim "format", the file is no certificate); the text names the place."""

    def __init__(self, claim: str, text: str) -> None:
        super().__init__(claim, text)
        self.claim, self.text = claim, printable(text)  # what a file quotes cannot begin a line of its own


class Undefined(Exception):
    """An operation of the formula is undefined, or not shown to be defined, for some of its arguments."""


def malformed(text: str) -> NoReturn:
    """Refuse the file."""
    raise Refused("format", text)


# -- 1. reading: strict JSON without floats -----------------------------------------------------------------


def read(path: str) -> dict[str, Any]:
    """The content of a certificate file (plain or gzip), its hash confirmed; OSError if there is no such file."""
    with open(path, "rb") as file:
        raw = file.read(MAX_BYTES + 1)
    try:
        most = MAX_BYTES
        if raw[:2] == b"\x1f\x8b":
            most = min(MAX_BYTES, RATIO * len(raw) + SPARE)
            raw = gzip.GzipFile(fileobj=io.BytesIO(raw)).read(most + 1)
        if len(raw) > most:
            malformed(f"the content is larger than {most} bytes")
        if raw.count(b"{") * OBJECT > len(raw) + SPARE or raw.count(b"[") * LIST > len(raw) + SPARE:
            malformed("the file is not JSON of a certificate: it has more objects or lists than its size allows")
        data = json.loads(
            raw.decode(), object_pairs_hook=_object, parse_int=_int, parse_float=_float, parse_constant=_float
        )
    except (EOFError, OSError, zlib.error) as error:
        malformed(f"the gzip stream is truncated or damaged: {error}")
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        malformed(f"the file is not JSON in UTF-8: {error}")
    if not isinstance(data, dict) or data.get("format") not in FORMATS:
        malformed("the file is not an mgdl-theory certificate: its field format does not say so")
    if repr(data.get("version")) != "1":  # neither true nor a text
        malformed(f"version {str(data.get('version'))[:40]} is not known; this program reads version 1")
    if data.get("sha256") != digest(data):
        malformed(f"the hash is wrong: the SHA-256 of the content is {digest(data)}")
    return data


def canonical(data: dict[str, Any]) -> str:
    """JSON with sorted keys, without spaces, in ASCII."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(data: dict[str, Any]) -> str:
    """SHA-256 of the canonical text without the field sha256."""
    return hashlib.sha256(canonical({k: v for k, v in data.items() if k != "sha256"}).encode("ascii")).hexdigest()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            malformed(f"the key {name[:40]!r} occurs twice in one object")
        found[name] = value
    return found


def whole(value: Any, low: int, high: int, what: str) -> int:
    """The integer that a field of the file must hold."""
    if type(value) is not int or not low <= value <= high:  # true and false are integers to Python
        malformed(f"{what}: expected an integer from {low} to {high}, got {str(value)[:40]}")
    return value


def _int(text: str) -> int:
    return int(text) if len(text) <= MAX_DIGITS else malformed(f"an integer has more than {MAX_DIGITS} digits")


def _float(text: str) -> NoReturn:
    malformed(f"the number {text[:40]} is not exact: a certificate holds integers and texts, no floats")


# -- 2. interval arithmetic on integers ---------------------------------------------------------------------


def fit(lo: int, hi: int) -> Interval:
    """The interval; an end beyond LIMIT becomes unbounded, or LIMIT where that is outward."""
    if lo > -LIMIT and hi < LIMIT:
        return lo, hi
    return (-INF if lo <= -LIMIT else min(lo, LIMIT)), (INF if hi >= LIMIT else max(hi, -LIMIT))


def shifted(m: int, e: int) -> int:
    """The largest integer that is at most m 2^e; minus that of -m is the smallest that is at least m 2^e."""
    return m << e if e >= 0 else m >> -e


class Arithmetic:
    """Operations whose result holds every result for arguments from the operands; 0 times unbounded is 0."""

    def __init__(self, bits: int, engine: str) -> None:
        self.bits, self.unit, self.engine = bits, 1 << bits, ENGINES[engine]
        self.one: Interval = (self.unit, self.unit)
        self.pi: Interval = self.engine("pi", 0, bits)
        self.half_pi = shifted(self.pi[0], -1), -shifted(-self.pi[1], -1)
        self.at = lru_cache(1 << 14)(self._at)

    def const(self, q: Fraction | int) -> Interval:
        """A rational number."""
        n, m = q.numerator << self.bits, q.denominator
        return fit(n // m, -(-n // m))

    def add(self, a: Interval, b: Interval) -> Interval:
        """x + y."""
        return fit(a[0] + b[0], a[1] + b[1])

    def neg(self, a: Interval) -> Interval:
        """-x."""
        return -a[1], -a[0]

    def mul(self, a: Interval, b: Interval) -> Interval:
        """x y."""
        p, q, r, s = a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1]
        return fit(min(p, q, r, s) >> self.bits, -(-max(p, q, r, s) >> self.bits))

    def sum(self, *products: tuple[Interval, Interval]) -> Interval:
        """The sum of some products."""
        return reduce(self.add, (self.mul(a, b) for a, b in products if any(a) and any(b)), (0, 0))

    def div(self, a: Interval, b: Interval) -> Interval:
        """x / y."""
        if b[0] <= 0 <= b[1]:
            raise Undefined("a divisor may be 0")
        pairs = [(x << self.bits, y) for x in a for y in b]
        return fit(min([x // y for x, y in pairs]), max([-(-x // y) for x, y in pairs]))

    def power(self, a: Interval, q: Fraction | int) -> Interval:
        """x^q: for an integer q any x (not 0 if q < 0); else the x > 0 of a, with the limits at 0 and infinity."""
        if q == 0 or (q < 0 and q.denominator == 1):
            return self.div(self.one, self.power(a, -q)) if q else self.one
        if q.denominator == 1:
            n, (lo, hi) = int(q), a if q % 2 or a[0] >= 0 else (max(0, -a[1]), max(-a[0], a[1]))
            return fit(lo if lo == -INF else self.below(lo, n), hi if hi == INF else -self.below(-hi, n))
        if q == Fraction(1, 2):
            return fit(isqrt(a[0] << self.bits), 1 + isqrt((a[1] << self.bits) - 1) if a[1] else 0)
        ends = []
        for x in a if q > 0 else (a[1], a[0]):
            limit = (0, 0) if (x == 0) == (q > 0) else (LIMIT, INF)
            inside = 0 < x < INF
            ends.append(self.function("exp", self.mul(self.const(q), self.at("log", x))) if inside else limit)
        return ends[0][0], ends[1][1]

    def below(self, x: int, n: int) -> int:
        """At most x |x|^(n-1), n >= 1: exactly but for one rounding where that is short, else by halving n.

        A magnitude of LIMIT stands for all larger ones, so that no product is long.
        """
        if n == 1 or x.bit_length() * n <= SHORT:
            return int(x * abs(x) ** (n - 1)) >> self.bits * (n - 1)
        half, sign = self.below(x, n >> 1), 1 if x >= 0 else -1
        square = max(-LIMIT, min(sign * half * half >> self.bits, LIMIT))
        return max(-LIMIT, min(square * abs(x) >> self.bits, LIMIT)) if n % 2 else square

    def function(self, name: str, a: Interval) -> Interval:
        """sin, cos, acos; exp, log, asin, atan rise: beyond the cap they lie between the value there and the limit."""
        if name in ("sin", "cos"):
            return self.circular(name, a)
        if a[0] <= 0 if name == "log" else name in ("asin", "acos") and not -self.unit <= a[0] <= a[1] <= self.unit:
            raise Undefined(f"{name} may leave its domain")
        if name == "acos":
            return max(0, self.at(name, a[1])[0]), self.at(name, a[0])[1]
        cap = self.unit << 12 if name == "exp" else LIMIT  # theorem: exp(2^12) > 2^4096
        bottom, top = {"exp": (0, INF), "atan": (-self.half_pi[1], self.half_pi[1])}.get(name, (-INF, INF))
        low, high = (self.at(name, max(-cap, min(x, cap))) for x in a)
        return fit(bottom if a[0] < -cap else low[0], top if a[1] > cap else high[1])

    def ends(self, name: str, a: Interval, falls: bool = False, bottom: int = -INF, top: int = INF) -> Interval:
        """A monotone function: the values at the ends, and its limits where an end is far away."""
        cap = self.unit << CAPS.get(name, 64)
        low, high = (self.at(name, max(-cap, min(x, cap))) for x in a)
        if falls:
            return fit(bottom if a[1] > cap else high[0], top if a[0] < -cap else low[1])
        return fit(bottom if a[0] < -cap else low[0], top if a[1] > cap else high[1])

    def wave(self, name: str, a: Interval, bend: int) -> Interval:
        """A function with |f| <= 1 and |f''| <= 1/bend: it leaves the hull of its ends by width^2/(8 bend) at most."""
        if a[0] < -self.unit << 64 or a[1] > self.unit << 64:
            return -self.unit, self.unit
        (p, q), (r, s), width = self.at(name, a[0]), self.at(name, a[1]), a[1] - a[0]
        extra = -(-width * width // (8 * bend) >> self.bits) + 1
        return max(-self.unit, min(p, r) - extra), min(self.unit, max(q, s) + extra)

    def convex(self, name: str, a: Interval, slopes: list[Interval]) -> Interval:
        """A convex function on x > 0: at most the values at the ends, and not below the tangents there."""
        (p, q), (r, s) = self.ends(name, (a[0], a[0])), self.ends(name, (a[1], a[1]))
        width, zero = (0, a[1] - a[0]), (0, 0)
        tangents = [(p, (min(0, slopes[0][0]), 0)), (r, (min(0, -slopes[1][1]), 0))]
        least = max(self.add((y, y), self.sum((slope, width), (zero, zero)))[0] for y, slope in tangents)
        return fit(min(least, p, r), max(q, s))

    def special(self, name: str, x: Interval, order: int) -> list[Interval]:
        """A function of SPECIAL on an interval, and with order 2 its first two derivatives."""
        if name in ("gamma", "lgamma"):
            return self.gammas(name, x)
        if name in ("j0", "j1", "sinc"):
            return self.waves(name, x)
        value = self.ends(name, x, name == "erfc", *[e if abs(e) == INF else e * self.unit for e in LIMITS[name]])
        return [value, *self.slopes(name, x, value)] if order else [value]

    def slopes(self, name: str, x: Interval, v: Interval) -> tuple[Interval, Interval]:
        """First and second derivatives of a monotone function of SPECIAL, by the functions above."""
        minus, one = self.neg(self.one), self.one
        if name in ("erf", "erfc", "ncdf"):
            square = self.mul(self.power(x, 2), self.const(Fraction(1, 2) if name == "ncdf" else 1))
            root = self.power(self.add(self.pi, self.pi) if name == "ncdf" else self.pi, Fraction(-1, 2))
            size = {"erf": 2, "erfc": -2, "ncdf": 1}[name]
            first = self.mul(self.mul(self.const(size), root), self.function("exp", self.neg(square)))
            return first, self.mul(self.mul(self.const(-1 if name == "ncdf" else -2), x), first)
        if name == "lambertw":
            inverse = self.div(one, self.add(one, v))
            first = self.mul(self.function("exp", self.neg(v)), inverse)
            return first, self.neg(self.mul(self.power(first, 2), self.add(one, inverse)))
        if name == "asinh":
            first = self.power(self.add(one, self.power(x, 2)), Fraction(-1, 2))
            return first, self.neg(self.mul(x, self.power(first, 3)))
        s = v if name == "sigmoid" else self.ends("sigmoid", x, False, 0, self.unit)
        bend = self.mul(s, self.add(one, self.neg(s)))
        return (
            (s, bend)
            if name == "softplus"
            else (bend, self.mul(bend, self.add(one, self.mul(self.add(minus, minus), s))))
        )

    def gammas(self, name: str, x: Interval) -> list[Interval]:
        """gamma or lgamma on x > 0, with psi = lgamma', which rises, and psi', which falls to 0."""
        if x[0] <= 0:
            raise Undefined(f"{name} may leave its domain")
        psi, bend = self.ends("digamma", x), self.ends("trigamma", x, True, 0)
        ends = [(self.ends("digamma", (e, e))) for e in x]
        if name == "lgamma":
            return [self.convex(name, x, ends), psi, bend]
        values = [self.ends(name, (e, e)) for e in x]
        first = [self.mul(value, end) for value, end in zip(values, ends, strict=True)]
        value = self.convex(name, x, first)
        return [value, (first[0][0], first[1][1]), self.mul(value, self.add(self.power(psi, 2), bend))]

    def waves(self, name: str, x: Interval) -> list[Interval]:
        """J0, J1 or sin(x)/x, with J0' = -J1, J0'' = (J2 - J0)/2 and J1'' = (J3 - 3 J1)/4."""
        if name == "sinc":
            return [self.wave(own, x, bend) for own, bend in (("sinc", 3), ("sinc1", 4), ("sinc2", 5))]
        j0, j1, j2, j3 = (self.wave(f"j{n}", x, 1) for n in range(4))
        half, quarter = self.const(Fraction(1, 2)), self.const(Fraction(1, 4))
        bend = self.mul(half, self.add(j2, self.neg(j0)))
        if name == "j0":
            return [j0, self.neg(j1), bend]
        return [j1, self.neg(bend), self.mul(quarter, self.add(j3, self.mul(self.const(-3), j1)))]

    def circular(self, name: str, a: Interval) -> Interval:
        """sin and cos: the values at the ends, and +-1 where an extreme point may lie between them."""
        if a[0] == -INF or a[1] == INF:
            return -self.unit, self.unit
        (p, q), (r, s) = self.at(name, a[0]), self.at(name, a[1])
        x = self.add(a, self.neg(self.half_pi)) if name == "sin" else a  # maximal at the multiples of 2 pi
        turns = [self.div(y, self.add(self.pi, self.pi)) for y in (x, self.add(x, self.pi))]
        top, bottom = (-(-lo >> self.bits) <= hi >> self.bits for lo, hi in turns)  # may hold an integer
        return -self.unit if bottom else max(-self.unit, min(p, r)), self.unit if top else min(self.unit, max(q, s))

    def _at(self, name: str, x: int) -> Interval:
        """Enclosure at the number x / 2^bits of the domain; exact at 0, where formulas like 1 - cos(x) need it."""
        if x == 0 and name in AT_ZERO:
            return self.const(AT_ZERO[name])
        if name not in COMPOSED:
            return self.engine(name, x, self.bits)
        size = (abs(x), abs(x))
        if name == "asinh":
            root = self.power(self.add(self.one, self.power(size, 2)), Fraction(1, 2))
            value = self.function("log", self.add(size, root))
            return value if x > 0 else self.neg(value)
        fall = self.function("exp", self.neg(size))
        whole = self.add(self.one, fall)
        if name == "sigmoid":
            return self.div(self.one if x > 0 else fall, whole)
        return self.add((max(x, 0), max(x, 0)), self.function("log", whole))


def arb_engine(name: str, x: int, bits: int) -> Interval:
    """A function at x / 2^bits, or pi, by python-flint: Arb's balls are proven enclosures."""
    import flint

    with flint.ctx.workprec(bits if name == "pi" else WORK):
        ball = flint.arb.pi() if name == "pi" else arb_function(name, flint.arb((x, -bits)), bits, flint)
        if not ball.is_finite():
            raise Undefined(f"{name} is not finite")
        (m, e), (n, f) = ball.lower().man_exp(), ball.upper().man_exp()
    return shifted(int(m), int(e) + bits), -shifted(-int(n), int(f) + bits)


def arb_function(name: str, x: Any, bits: int, flint: Any) -> Any:
    """A ball around the value at an exact number."""
    if name[0] == "j":
        return x.bessel_j(int(name[1:]))
    if name == "ncdf":
        return (-x / flint.arb(2).sqrt()).erfc() / 2
    if name == "trigamma":
        return flint.arb(2).zeta(x)
    if name in ("sinc1", "sinc2"):
        with flint.ctx.workprec(WORK + 4 * bits):  # next to 0 all but the last bits cancel
            value = x.sin() / x
            first = (x.cos() - value) / x
            return first if name == "sinc1" else -value - 2 * first / x
    return getattr(x, name)()


def mpmath_engine(name: str, x: int, bits: int) -> Interval:
    """The same by mpmath, which is not trusted with the last DOUBT bits of a result."""
    import mpmath

    precision = bits if name == "pi" else WORK
    with mpmath.workprec(precision):
        exact = mpmath.mp.make_mpf(mpmath.libmp.from_man_exp(x, -bits))  # not rounded
        value = +mpmath.pi if name == "pi" else getattr(mpmath, name)(exact)
        if not value:  # log(1), acos(1)
            return 0, 0
        e = int(mpmath.mag(value)) - precision
        m, slack = int(mpmath.ldexp(value, -e)), 1 << DOUBT
    return shifted(m - slack, e + bits), -shifted(-m - slack, e + bits)


ENGINES: dict[str, Callable[[str, int, int], Interval]] = {"arb": arb_engine, "mpmath": mpmath_engine}


# -- 3. the formula: text -> operations -> values and derivatives on a cell ---------------------------------

TOKEN = re.compile(r" *([0-9]+(?:e-?[0-9]{1,3})?|[a-z][a-z0-9]*|\*\*|[-+*/(),]|\Z)")
RANK = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 4}  # a sign has rank 3: -x**2 is -(x**2), -x*y is (-x)*y
FOLD: dict[str, Callable[..., Fraction]] = {"+": operator.add, "*": operator.mul, "/": operator.truediv}
BASIC = ("exp", "log", "sin", "cos", "asin", "acos", "atan", "max", "expdiv")
ARB_ONLY = ("erf", "erfc", "ncdf", "gamma", "lgamma", "j0", "j1", "sinc", "lambertw")
COMPOSED = ("asinh", "sigmoid", "softplus")  # at points, of BASIC
SPECIAL = (*ARB_ONLY, *COMPOSED)
AT_ZERO: dict[str, Fraction | int] = {
    **dict.fromkeys(("sin", "asin", "atan", "asinh", "erf", "j1", "j2", "j3", "sinc1", "lambertw"), 0),
    **dict.fromkeys(("exp", "cos", "j0", "sinc"), 1),
    "sinc2": Fraction(-1, 3),
}  # theorem: the value there
LIMITS = {"erf": (-1, 1), "erfc": (0, 2), "ncdf": (0, 1), "sigmoid": (0, 1), "softplus": (0, INF), "asinh": (-INF, INF),
          "lambertw": (-1, INF)}  # fmt: skip
# theorem: gamma(2^9) > 2^3840; experience: the others take no time up to 2^64
CAPS = {"erf": 6, "erfc": 6, "ncdf": 6, "gamma": 9}
PAIRS = ("min", "max", "hypot", "atan2", "expdiv")  # of two arguments
DERIVED = {
    "sqrt": "x**(1/2)", "cbrt": "max(x, 0)**(1/3) - max(-x, 0)**(1/3)", "abs": "max(max(x, -x), 0)",
    "min": "-max(-x, -y)", "tan": "sin(x)/cos(x)", "sinh": "exp(x)/2 - exp(-x)/2",
    "cosh": "1 + (exp(x/2) - exp(-x/2))**2/2", "tanh": "2*sigmoid(2*x) - 1", "pow": "exp(y*log(x))",
    "expm1": "exp(x) - 1", "log1p": "log(x + 1)", "hypot": "(x**2 + y**2)**(1/2)",
}  # fmt: skip


CALLABLE = {*BASIC, *SPECIAL, "atan2", *DERIVED} - {"pow"}


class Formula:
    """A canonical text as a list of operations (name, arguments), equal ones once, constants folded exactly."""

    def __init__(self, text: str, variables: Sequence[str]) -> None:
        self.nodes: list[tuple[Any, ...]] = []
        self.number: dict[tuple[Any, ...], int] = {}
        self.depth = 0
        self.constants = {"pi": self.node("pi"), "e": self.node("exp", self.node("const", Fraction(1)))}
        self.root = self.parse(text, {name: self.node("var", k) for k, name in enumerate(variables)})

    def parse(self, text: str, names: dict[str, int]) -> int:
        """The operation that a text denotes, its variables being these operations."""
        if rest := TOKEN.sub("", text):
            malformed(f"target: the formula cannot be read at {rest[:20]!r}")
        tokens = ["", *reversed(TOKEN.findall(text))]  # the next token comes last
        root = self.term(tokens, {**self.constants, **names}, 0)
        take(tokens, "")
        return root

    def node(self, op: str, *args: Any) -> int:
        """The number of an operation; its arguments are numbers of operations, or its value or exponent."""
        if op in FOLD and all(self.nodes[a][0] == "const" for a in args):
            if op == "/" and not self.nodes[args[1]][1]:
                malformed("target: division by zero")
            op, args = "const", (Fraction(FOLD[op](*[self.nodes[a][1] for a in args])),)
        if op == "-":
            return self.node("+", args[0], self.node("*", self.node("const", Fraction(-1)), args[1]))
        if op == "**" and self.nodes[args[1]][0] != "const":
            return self.parse(DERIVED["pow"], dict(zip("xy", args, strict=True)))
        if op == "**":
            op, args = "power", (args[0], self.nodes[args[1]][1])
        size = abs(args[1]) if op == "power" else 0
        if size > MAX_POWER or (op == "const" and max(map(abs, args[0].as_integer_ratio())).bit_length() > 4096):
            malformed("target: a constant or an exponent of the formula is too large")
        if (op, *args) not in self.number:
            self.number[op, *args] = len(self.nodes)
            self.nodes.append((op, *args))
        return self.number[op, *args]

    def term(self, tokens: list[str], names: dict[str, int], rank: int) -> int:
        """An operand, and what operators of a higher rank bind to it; those of one rank from left to right."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            malformed("target: the formula is nested too deeply")
        token = take(tokens)
        if token == "-":
            left = self.node("*", self.node("const", Fraction(-1)), self.term(tokens, names, 3))
        elif token[:1].isdigit():
            digits, _, exponent = token.partition("e")
            left = self.node("const", Fraction(_int(digits)) * Fraction(10) ** int(exponent or 0))
        elif token in names:
            left = names[token]
        elif token == "(" or token in CALLABLE:
            left = self.call(token, tokens, names)
        else:
            malformed(f"target: the formula has {token[:20]!r} where a number, a name or '(' is expected")
        while RANK.get(tokens[-1], 0) > rank:
            op = take(tokens)
            left = self.node(op, left, self.term(tokens, names, RANK[op]))
            if op == tokens[-1] == "**":
                malformed("target: a power of a power needs parentheses")
        self.depth -= 1
        return left

    def call(self, token: str, tokens: list[str], names: dict[str, int]) -> int:
        """A parenthesis, or a function with its arguments."""
        if token != "(":
            take(tokens, "(")
        args = [self.term(tokens, names, 0)]
        if token in PAIRS:
            take(tokens, ",")
            args.append(self.term(tokens, names, 0))
        take(tokens, ")")
        if token == "(":
            return args[0]
        derived = token in DERIVED
        return self.parse(DERIVED[token], dict(zip("xy", args, strict=False))) if derived else self.node(token, *args)


def take(tokens: list[str], wanted: str | None = None) -> str:
    """Remove the next token, which must be the wanted one if there is one."""
    if wanted not in (None, tokens[-1]):
        malformed(f"target: the formula has {tokens[-1][:20]!r} where {wanted!r} is expected")
    return tokens.pop() if len(tokens) > 1 else tokens[-1]


class Jet(NamedTuple):
    """Enclosures of a function and of its first and second derivatives (as distributions) on a cell."""

    value: Interval
    grad: list[Interval]
    hess: dict[tuple[int, int], Interval]  # keys (i, j) with i <= j


class Jets:
    """The operations of a formula on jets: the rules of differentiation.  With 0 axes only values are computed."""

    def __init__(self, arithmetic: Arithmetic, axes: int) -> None:
        self.a, self.axes = arithmetic, range(axes)
        self.pairs = [(i, j) for i in self.axes for j in self.axes if i <= j]
        self.table: dict[str, Callable[..., Jet]] = {
            "+": self.add, "*": self.mul, "/": self.div, "max": self.max, "expdiv": self.expdiv,
            "atan2": self.atan2,
        }  # fmt: skip

    def run(self, formula: Formula, sides: Sequence[Interval], slopes: Sequence[Interval]) -> Jet:
        """The formula on a product of intervals; the variables have these constant slopes."""
        jets: list[Jet] = []
        for op, *args in formula.nodes:
            if op == "var":
                grad = [slopes[i] if i == args[0] else (0, 0) for i in self.axes]
                jets.append(self.constant(sides[args[0]])._replace(grad=grad))
            elif op in ("const", "pi"):
                jets.append(self.constant(self.a.const(args[0]) if args else self.a.pi))
            elif op == "power":
                jets.append(self.power(jets[args[0]], args[1]))
            else:
                operands = [jets[k] for k in args]
                jets.append(self.table[op](*operands) if op in self.table else self.function(op, *operands))
        return jets[formula.root]

    def constant(self, value: Interval) -> Jet:
        """A constant."""
        return Jet(value, [(0, 0)] * len(self.axes), dict.fromkeys(self.pairs, (0, 0)))

    def add(self, u: Jet, v: Jet) -> Jet:
        """u + v."""
        hess = {ij: self.a.add(u.hess[ij], v.hess[ij]) for ij in self.pairs}
        return Jet(self.a.add(u.value, v.value), [self.a.add(u.grad[i], v.grad[i]) for i in self.axes], hess)

    def mul(self, u: Jet, v: Jet) -> Jet:
        """u v: (uv)_ij = u_ij v + u v_ij + u_i v_j + u_j v_i."""
        (x, f, p), (y, g, q), total = u, v, self.a.sum
        hess = {(i, j): total((p[i, j], y), (q[i, j], x), (f[i], g[j]), (f[j], g[i])) for i, j in self.pairs}
        return Jet(self.a.mul(x, y), [total((f[i], y), (g[i], x)) for i in self.axes], hess)

    def div(self, u: Jet, v: Jet) -> Jet:
        """u / v = u v**-1."""
        return self.mul(u, self.power(v, -1))._replace(value=self.a.div(u.value, v.value))

    def power(self, u: Jet, q: Fraction | int) -> Jet:
        """u**q: for an integer q any u (not 0 if q < 0), else u >= 0 (u > 0 if q < 0)."""
        a, x = self.a, u.value
        if q.denominator > 1 and x[0] < (0 if q > 0 else 1):
            raise Undefined("a root or a fractional power may leave its domain")
        if q in (0, 1):
            return u if q else self.constant(a.one)
        value = a.power(x, q)
        if not self.axes:
            return self.constant(value)
        first, second = a.mul(a.const(q), a.power(x, q - 1)), a.mul(a.const(q * (q - 1)), a.power(x, q - 2))
        return self.chain(u, value, first, second)

    def function(self, name: str, u: Jet) -> Jet:
        """A function of u, with its first and second derivatives."""
        a, x = self.a, u.value
        if name in SPECIAL:
            found = a.special(name, x, len(self.axes))
            return self.chain(u, *found[:3]) if self.axes else self.constant(found[0])
        v = a.function(name, x)
        if not self.axes:
            return self.constant(v)
        if name in ("exp", "sin", "cos"):
            first = v if name == "exp" else a.function("cos", x) if name == "sin" else a.neg(a.function("sin", x))
            second = v if name == "exp" else a.neg(v)
        elif name == "log":
            first = a.div(a.one, x)
            second = a.neg(a.power(first, 2))
        elif name == "atan":
            first = a.div(a.one, a.add(a.one, a.power(x, 2)))
            second = a.neg(a.mul(a.add(x, x), a.power(first, 2)))
        else:
            first = a.power(a.add(a.one, a.neg(a.power(x, 2))), Fraction(-1, 2))  # unbounded where x touches +-1
            second = a.mul(x, a.power(first, 3))
            first, second = (a.neg(first), a.neg(second)) if name == "acos" else (first, second)
        return self.chain(u, v, first, second)

    def expdiv(self, u: Jet, v: Jet) -> Jet:
        """exp(-u/v) where v > 0, and 0 where v <= 0 < u: a convention, which makes E(v/u) of it."""
        if v.value[0] > 0:
            return self.function("exp", self.mul(self.constant(self.a.const(-1)), self.div(u, v)))
        if u.value[0] <= 0:
            raise Undefined("expdiv(u, v) with a u that is not shown to be positive and a v that may be 0")
        return flat_exponential(self, self.div(v, u))

    def atan2(self, y: Jet, x: Jet) -> Jet:
        """The angle of (x, y) where x > 0, y > 0 or y < 0 all over the cell."""
        if x.value[0] > 0:
            return self.function("atan", self.div(y, x))
        if y.value[0] <= 0 <= y.value[1]:
            raise Undefined("atan2 may be on its cut")
        fall = self.mul(self.constant(self.a.const(-1)), self.function("atan", self.div(x, y)))
        return self.add(self.constant(self.a.half_pi if y.value[0] > 0 else self.a.neg(self.a.half_pi)), fall)

    def chain(self, u: Jet, value: Interval, first: Interval, second: Interval) -> Jet:
        """phi(u), from enclosures of phi(u), phi'(u) and phi''(u)."""
        a, f = self.a, u.grad
        bends = {(i, j): a.power(f[i], 2) if i == j else a.mul(f[i], f[j]) for i, j in self.pairs}
        hess = {ij: a.sum((second, bends[ij]), (first, u.hess[ij])) for ij in self.pairs}
        return Jet(value, [a.mul(first, x) for x in f], hess)

    def max(self, u: Jet, v: Jet) -> Jet:
        """The larger one; where that is open, both slopes, and along each axis a convex kink.

        A slope that is 0 all over the cell says that neither depends on this variable, nor then the larger one.
        """
        if u.value[0] >= v.value[1] or v.value[0] >= u.value[1]:
            return u if u.value[0] >= v.value[1] else v
        grad = [(min(x[0], y[0]), max(x[1], y[1])) for x, y in zip(u.grad, v.grad, strict=True)]
        flat = [slope == (0, 0) for slope in grad]
        kink = {(i, j): (min(u.hess[i, j][0], v.hess[i, j][0]) if i == j else -INF, INF) for i, j in self.pairs}
        hess = {(i, j): (0, 0) if flat[i] or flat[j] else bend for (i, j), bend in kink.items()}
        return Jet((max(u.value[0], v.value[0]), max(u.value[1], v.value[1])), grad, hess)


# -- 4. gaps: planes x_axis = a on which the formula is undefined, with a limit -------------------------------
#
# The formula is run on expansions in s = x_axis - a.  Which leading coefficients vanish, and signs, are decided once,
# at s = 0, in exact numbers.  Then, with enclosures of the coefficients over the hull of a cell and the plane: if
# u = s^m U and u_j = u^(j)/j!, then U_j(x) is a mean of u_(m+j) between the plane and x: dropping zeros is a shift.

TERMS = 12  # experience: coefficients of an expansion
MAX_GAPS, MAX_TERMS = 16, 400  # definition: gaps of a formula, terms of an exact number

Number = tuple[tuple[tuple[Any, ...], Fraction], ...]  # a polynomial in letters: sorted pairs of monomial, coefficient


class Exact:
    """Exact numbers: polynomials over Q in letters, each of which stands for one real number.

    Letters count as independent: what is formally 0 is 0.  A letter is (name, numbers).
    """

    def __init__(self, arithmetic: Arithmetic, sides: Sequence[Interval], names: Sequence[str]) -> None:
        self.a, self.sides = arithmetic, dict(zip(names, sides, strict=True))
        self.pi = self.letter("pi")

    @staticmethod
    def number(terms: dict[tuple[Any, ...], Fraction]) -> Number:
        """The polynomial with these terms."""
        if len(terms) > MAX_TERMS or any(
            max(map(abs, q.as_integer_ratio())).bit_length() > 4096 for q in terms.values()
        ):
            raise Undefined("the exact numbers become too long")
        return tuple(sorted((m, q) for m, q in terms.items() if q))

    def const(self, q: Fraction | int) -> Number:
        """A rational number."""
        return self.number({(): Fraction(q)})

    def letter(self, name: str, *arguments: Number) -> Number:
        """A number of which nothing but its name is used."""
        return (((((name, arguments), 1),), Fraction(1)),)

    def add(self, a: Number, b: Number) -> Number:
        """a + b."""
        terms = dict(a)
        for m, q in b:
            terms[m] = terms.get(m, Fraction(0)) + q
        return self.number(terms)

    def mul(self, a: Number, b: Number) -> Number:
        """a b."""
        terms: dict[tuple[Any, ...], Fraction] = {}
        for (m, p), (n, q) in ((x, y) for x in a for y in b):
            powers = dict(m)
            for letter, e in n:
                powers[letter] = powers.get(letter, 0) + e
            key = tuple(sorted((letter, e) for letter, e in powers.items() if e))
            terms[key] = terms.get(key, Fraction(0)) + p * q
        return self.number(terms)

    def power(self, a: Number, q: Fraction | int) -> Number:
        """a^q; a is not 0 if q < 0, and positive if q is no integer."""
        if q.denominator == 1:
            base = a if q > 0 else self.inverse(a)
            return reduce(self.mul, [base] * abs(int(q)), self.const(1))
        r = self.rational(a)
        if r is not None and r > 0 and q.denominator in (2, 3):
            n, m = (round(k ** (1 / q.denominator)) if k < 1 << 64 else 0 for k in r.as_integer_ratio())
            if m and Fraction(n, m) ** q.denominator == r:
                return self.const(Fraction(n, m) ** q.numerator)
        return self.letter(f"power {q}", a)

    def inverse(self, a: Number) -> Number:
        """1 / a."""
        if not a:
            raise Undefined("a divisor is 0")
        if len(a) > 1:
            return self.letter("inverse", a)
        return ((tuple((letter, -e) for letter, e in a[0][0]), 1 / a[0][1]),)

    @staticmethod
    def rational(a: Number) -> Fraction | None:
        """Its value where it has no letters."""
        return Fraction(0) if not a else a[0][1] if len(a) == 1 and not a[0][0] else None

    def function(self, name: str, *arguments: Number) -> Number:
        """exp, log, sin, cos, asin, acos, atan, max: what is known exactly, else a letter."""
        a, q = arguments[0], self.rational(arguments[0])
        minus = self.mul(self.const(-1), a)
        if name == "exp" and q is not None and q.denominator == 1:
            return (((((name, (self.const(1),)), int(q)),), Fraction(1)),) if q else self.const(1)
        if name == "exp" and a and a[0][1] < 0:
            return self.inverse(self.letter(name, minus))
        if name == "log" and (q == 1 or a == self.function("exp", self.const(1))):
            return self.const(0 if q == 1 else 1)
        turns = self.rational(self.mul(a, self.inverse(self.pi)))
        if name in ("sin", "cos") and turns is not None and (2 * turns).denominator == 1:
            return self.const((0, 1, 0, -1)[int(2 * turns + (name == "cos")) % 4])
        if name in ("asin", "atan", "erf") and not a:
            return a
        if name in ("sin", "cos", "asin", "atan", "erf") and a[0][1] < 0:
            value = self.letter(name, minus)
            return value if name == "cos" else self.mul(self.const(-1), value)
        return self.letter(name, *arguments)

    def constant(self, a: Any) -> bool:
        """Whether no coordinate occurs in it."""
        return a not in self.sides and not (isinstance(a, tuple) and not all(map(self.constant, a)))

    def sign(self, a: Number) -> int:
        """The sign, by an enclosure; 0 where that does not tell."""
        lo, hi = self.enclosed(a)
        return (lo > 0) - (hi < 0)

    def enclosed(self, a: Number) -> Interval:
        """An enclosure for all values of the coordinates."""
        total = (0, 0)
        for monomial, q in a:
            product = self.a.const(q)
            for (name, arguments), e in monomial:
                product = self.a.mul(product, self.a.power(self.known(name, *map(self.enclosed, arguments)), e))
            total = self.a.add(total, product)
        return total

    def known(self, name: str, *x: Interval) -> Interval:
        """An enclosure of a letter."""
        if name in self.sides or name == "pi":
            return self.sides.get(name, self.a.pi)
        if name == "max":
            return max(x[0][0], x[1][0]), max(x[0][1], x[1][1])
        if name in ("inverse", "expdiv"):
            return self.a.div(self.a.one, *x) if name == "inverse" else (0, self.a.unit)
        return self.a.power(x[0], Fraction(name[6:])) if name.startswith("power") else self.a.function(name, *x)


class Series(NamedTuple):
    """s^order (c_0 + c_1 s + ...); None is exactly 0, and beyond the end nothing is known."""

    order: int
    c: list[Any]


class Logs(NamedTuple):
    """p + q log|s|."""

    p: Series
    q: Series


class Flat(NamedTuple):
    """A continuous function: its limit, or its jet over the cell."""

    value: Any


class Wild(NamedTuple):
    """A bounded function, continuous off the plane: it has values in ``reach``, which the exact pass leaves open."""

    reach: Interval


Local = Series | Logs | Flat | Wild


class Expansion:
    """The operations of a formula next to a gap.

    ``ring`` is Exact, or Jets with the hull of the cell and the plane in place of the coordinate; ``s`` holds the
    distances, 0 in the exact pass.  ``side`` is 1 where s > 0, -1 where s < 0, 0 for both; ``tape`` holds the answers.
    """

    def __init__(self, ring: Any, gap: Fraction, axis: int, s: Interval, side: int, tape: list[Any] | None) -> None:
        self.R, self.gap, self.axis, self.s, self.side = ring, gap, axis, s, side
        self.exact, self.tape, self.asked = tape is None, tape or [], 0

    def answer(self, question: Callable[[], Any]) -> Any:
        """What the exact pass says."""
        if self.exact:
            self.tape.append(question())
        self.asked += 1
        return self.tape[self.asked - 1]

    # -- coefficients --

    def number(self, q: Fraction | int) -> Any:
        """A rational coefficient."""
        return self.R.const(q) if self.exact else self.R.constant(self.R.a.const(q))

    def total(self, *products: tuple[Any, Any]) -> Any:
        """A sum of products, None if all are 0."""
        found = [self.R.mul(a, b) for a, b in products if a is not None and b is not None]
        return reduce(self.R.add, found) if found else None

    def times(self, a: Any, q: Fraction | int) -> Any:
        """A rational multiple."""
        return None if a is None or not q else self.R.mul(self.number(q), a)

    def first(self, c: list[Any]) -> Any:
        """c_0."""
        return self.number(0) if c[0] is None else c[0]

    def inverse(self, a: Any) -> Any:
        """1 / a; Undefined if a may be 0."""
        return self.R.inverse(a) if self.exact else self.R.power(a, -1)

    def sign(self, a: Any) -> int:
        """The sign at the plane."""
        return int(self.answer(lambda: self.R.sign(a)))

    # -- expansions --

    def constant(self, value: Any) -> Series:
        """No dependence on s."""
        return Series(0, [value, *[None] * (TERMS - 1)])

    def normal(self, u: Series) -> Series:
        """Without the leading coefficients that are exactly 0."""
        zeros = self.answer(lambda: next((i for i, x in enumerate(u.c) if x is not None and x), None))
        if zeros is None:
            raise Undefined("everything known of a divisor vanishes at a gap")
        return Series(u.order + zeros, u.c[zeros:])

    def lowered(self, u: Series, order: int) -> list[Any]:
        """The coefficients of the same with this order: (x - a) f has the coefficients s f_j + f_(j-1)."""
        if u.order < order:
            raise Undefined("a pole at a gap")
        c, s, one = u.c, None if self.exact else self.R.constant(self.s), self.number(1)
        for _ in range(u.order - order):
            c = [self.total((s, c[k]), (one, c[k - 1] if k else None)) for k in range(len(c))]
        return c

    def analytic(self, u: Series) -> list[Any]:
        """The coefficients of what has no pole."""
        return self.lowered(self.normal(u) if u.order < 0 else u, 0)

    def pole(self, u: Local) -> bool:
        """Whether it tends to infinity as a power of s."""
        return isinstance(u, Series) and u.order < 0 and self.normal(u).order < 0

    def direction(self, u: Series) -> int:
        """The sign next to the plane of what is normal."""
        return self.sign(u.c[0]) * (self.side if u.order % 2 else 1)

    def flat(self, u: Local) -> Any:
        """The limit or the jet of what extends continuously."""
        if isinstance(u, Flat):
            return u.value
        if isinstance(u, Wild):
            raise Undefined("an oscillation at a gap")
        if isinstance(u, Series):
            return self.continuous(self.analytic(u))
        q, rest = self.normal(u.q), self.flat(u.p)
        if q.order < 1:
            raise Undefined("a logarithm of 0 at a gap")
        if self.exact:
            return rest
        factor = self.continuous(self.lowered(Series(0, q.c), 0))
        return self.R.add(rest, self.R.mul(factor, self.power_log(q.order)))

    def continuous(self, c: list[Any]) -> Any:
        """The limit, or the jet: c_0, c_1, 2 c_2 enclose f, f', f'' along the axis."""
        if self.exact:
            return self.first(c)
        nothing = self.R.constant((-INF, INF))._replace(grad=[(-INF, INF)] * len(self.R.axes))
        value, slope, bend = [self.number(0) if x is None else x for x in [*c[:3], *[nothing] * (3 - len(c))]]

        def mixed(i: int, j: int) -> Interval:
            own: Interval = slope.grad[j if i == self.axis else i] if self.axis in (i, j) else value.hess[i, j]
            return own

        double = self.R.a.add(bend.value, bend.value)
        hess = {(i, j): double if i == j == self.axis else mixed(i, j) for i, j in self.R.pairs}
        return Jet(value.value, [slope.value if i == self.axis else value.grad[i] for i in self.R.axes], hess)

    # -- the operations --

    def run(self, formula: Formula, variable: Callable[[int], Any]) -> Any:
        """The limit or the jet of the formula."""

        def expanded(k: int) -> Series:
            slope = self.number(1) if k == self.axis else None
            return Series(0, [variable(k), slope, *[None] * (TERMS - 2)])

        return self.flat(self.expansion(formula, expanded))

    def expansion(self, formula: Formula, variable: Callable[[int], Local]) -> Local:
        """The formula, given its variables."""
        found: list[Local] = []
        for op, *args in formula.nodes:
            if op == "var":
                found.append(variable(args[0]))
            elif op in ("const", "pi"):
                found.append(self.leaf(*args))
            elif op == "power":
                found.append(self.power(found[args[0]], args[1]))
            else:
                name = {"+": "add", "*": "mul", "/": "div"}.get(op, op)
                operands, method = [found[k] for k in args], getattr(self, name, None)
                found.append(method(*operands) if method else self.other(op, *operands))
        return found[formula.root]

    def leaf(self, *q: Fraction) -> Series:
        """A rational number, or pi."""
        if not q:
            return self.constant(self.R.pi if self.exact else self.R.constant(self.R.a.pi))
        return self.constant(self.number(q[0]) if q[0] else None)

    def other(self, name: str, *u: Local) -> Local:
        """A function of which no expansion is known."""
        table = {} if self.exact else self.R.table
        operation = table[name] if name in table else partial(self.R.function, name)
        if any(isinstance(x, Wild) for x in u):
            return self.bounded(operation, *u)
        return Flat(operation(*(self.flat(x) for x in u)))

    def bounded(self, operation: Callable[..., Any], *u: Local) -> Wild:
        """A function of bounded ones, by the values that they may have."""
        values = [x if isinstance(x, Wild) else self.flat(x) for x in u]
        if self.exact:
            return Wild((0, 0))
        lo, hi = operation(*(self.R.constant(x.reach if isinstance(x, Wild) else x.value) for x in values)).value
        if lo == -INF or hi == INF:
            raise Undefined("something that oscillates at a gap is not shown to be bounded")
        return Wild((lo, hi))

    def add(self, u: Local, v: Local) -> Local:
        """u + v."""
        if isinstance(u, Series) and isinstance(v, Series):
            order, one = min(u.order, v.order), self.number(1)
            pairs = zip(self.lowered(u, order), self.lowered(v, order), strict=False)
            return Series(order, [self.total((one, x), (one, y)) for x, y in pairs])
        if isinstance(u, Series | Logs) and isinstance(v, Series | Logs):
            none = self.constant(None)
            (p, q), (r, t) = (w if isinstance(w, Logs) else (w, none) for w in (u, v))
            return Logs(self.add(p, r), self.add(q, t))  # type: ignore[arg-type]
        if isinstance(u, Wild) or isinstance(v, Wild):
            return self.bounded(self.R.add, u, v)
        return Flat(self.R.add(self.flat(u), self.flat(v)))

    def mul(self, u: Local, v: Local) -> Local:
        """u v."""
        if isinstance(v, Logs | Wild) and not isinstance(u, Logs | Wild):
            u, v = v, u
        if isinstance(v, Series) and isinstance(u, Series):
            n = min(len(u.c), len(v.c))
            c = [self.total(*((u.c[i], v.c[k - i]) for i in range(k + 1))) for k in range(n)]
            return Series(u.order + v.order, c)
        if isinstance(v, Series) and isinstance(u, Logs):
            return Logs(self.mul(u.p, v), self.mul(u.q, v))  # type: ignore[arg-type]
        if isinstance(u, Wild) or isinstance(v, Wild):
            return self.wild_product(u, v) if isinstance(u, Wild) else self.wild_product(v, u)  # type: ignore[arg-type]
        return Flat(self.R.mul(self.flat(u), self.flat(v)))

    def wild_product(self, u: Wild, v: Local) -> Local:
        """u v, which vanishes on the plane if v does."""
        if isinstance(v, Wild):
            return self.bounded(self.R.mul, u, v)
        if isinstance(v, Series):
            v = self.normal(v)
            if v.order < 0:
                raise Undefined("an oscillation at a gap")
            value = self.continuous(self.lowered(v, 0))
            vanishes = v.order > 0
        else:
            value = self.flat(v)
            vanishes = self.answer(lambda: not value)
        if not vanishes:
            return self.bounded(self.R.mul, u, Flat(value))
        return Flat(self.number(0) if self.exact else self.small(u.reach, value))

    def small(self, reach: Interval, v: Jet) -> Jet:
        """What is known of w v, w in ``reach``."""
        whole = (-INF, INF)
        value = self.R.a.mul(reach, v.value)
        return Jet(value, [whole] * len(self.R.axes), dict.fromkeys(self.R.pairs, whole))

    def div(self, u: Local, v: Local) -> Local:
        """u / v."""
        if isinstance(v, Wild):
            return self.mul(u, self.bounded(lambda x: self.R.power(x, -1), v))
        if not isinstance(v, Series):
            return self.mul(u, Flat(self.inverse(self.flat(v))))
        v = self.normal(v)
        if isinstance(u, Wild):
            return self.mul(u, self.quotient(self.constant(self.number(1)), v))
        if isinstance(u, Logs):
            return Logs(self.quotient(u.p, v), self.quotient(u.q, v))
        if isinstance(u, Series):
            return self.quotient(u, v)
        if v.order:
            raise Undefined("a quotient without an expansion at a gap")
        return Flat(self.R.mul(self.flat(u), self.inverse(self.continuous(self.lowered(v, 0)))))

    def quotient(self, u: Series, v: Series) -> Series:
        """u / v, v without zero: w_k v_0 = u_k - sum w_i v_(k-i)."""
        inverse, c = self.inverse(v.c[0]), list[Any]()
        for k in range(min(len(u.c), len(v.c))):
            parts = ((self.times(c[i], -1), v.c[k - i]) for i in range(k))
            c.append(self.total((self.total((self.number(1), u.c[k]), *parts), inverse)))
        return Series(u.order - v.order, c)

    def power(self, u: Local, q: Fraction) -> Local:
        """u^q: where it vanishes, |s|^(m q) times a power of what does not."""
        if isinstance(u, Wild):
            return self.bounded(lambda x: self.R.power(x, q), u)
        if not isinstance(u, Series):
            return Flat(self.R.power(self.flat(u), q))
        if q.denominator == 1:
            factors: list[Local] = [self.constant(self.number(1)), *[u] * abs(int(q))]
            whole = reduce(self.mul, factors)
            return whole if q >= 0 else self.div(self.constant(self.number(1)), whole)
        if q > 0 and all(x is None for x in u.c):
            return u
        u = self.normal(u)
        if self.direction(u) <= 0:
            raise Undefined("a root of something not shown to be positive at a gap")
        a = u.c if self.sign(u.c[0]) > 0 else [self.times(x, -1) for x in u.c]
        self.inverse(a[0])
        y, e = (
            self.integrated(self.R.power(a[0], q), lambda i, k: q * i - (k - i), a, lambda k, y: y, a[0]),
            u.order * q,
        )
        if e.denominator == 1:
            side = 1 if e % 2 == 0 else self.side
            if not side:
                raise Undefined("two sides at a gap")
            return Series(int(e), y if side > 0 else [self.times(x, -1) for x in y])
        if e < 0:
            raise Undefined("a root tends to infinity at a gap")
        return Flat(self.scaled_power(self.number(e), self.continuous(y)))

    def integrated(self, first: Any, weight: Any, a: list[Any], g: Any, over: Any = None) -> list[Any]:
        """y_0 = first, k y_k = sum_i weight(i, k) a_i g(k, y)_(k-i), divided by ``over``."""
        y, inverse = [first], None if over is None else self.inverse(over)
        for k in range(1, len(a)):
            other = g(k, y)
            if len(other) < k:
                break
            total = self.total(*((self.times(a[i], Fraction(weight(i, k)) / k), other[k - i]) for i in range(1, k + 1)))
            y.append(total if inverse is None else self.total((total, inverse)))
        return y

    def chain(self, name: str, u: Local, slope: Callable[[list[Any]], list[Any]]) -> Local:
        """name(u) for name' = slope, where the argument has no pole."""
        if not isinstance(u, Series):
            return self.other(name, u)
        a = self.analytic(u)
        g = slope(a)
        return Series(0, self.integrated(self.R.function(name, self.first(a)), lambda i, k: i, a, lambda k, y: g))

    def exp(self, u: Local) -> Local:
        """exp; of a pole flat, of q log|s| a power."""
        if isinstance(u, Series) and u.order < 0:
            u = self.normal(u)
            if u.order < 0:
                if self.direction(u) >= 0:
                    raise Undefined("an exponential tends to infinity at a gap")
                q = self.quotient(self.constant(self.number(-1)), u)
                return Flat(self.number(0) if self.exact else self.vanishing(self.continuous(self.lowered(q, 0))))
        if isinstance(u, Logs):
            q = self.normal(u.q)
            alone = q.order == 0 and all(x is None for x in q.c[1:])
            if alone and self.answer(lambda: self.R.constant(q.c[0])) and self.sign(q.c[0]) > 0:
                return Flat(self.scaled_power(q.c[0], self.flat(self.exp(u.p))))
        if not isinstance(u, Series):
            return self.other("exp", u)
        a = self.analytic(u)
        return Series(0, self.integrated(self.R.function("exp", self.first(a)), lambda i, k: i, a, lambda k, y: y))

    def log(self, u: Local) -> Local:
        """log|s^m U| = log|U| + m log|s|."""
        if not isinstance(u, Series):
            return self.other("log", u)
        u = self.normal(u)
        if self.direction(u) <= 0:
            raise Undefined("a logarithm of something not shown to be positive at a gap")
        a = u.c if self.sign(u.c[0]) > 0 else [self.times(x, -1) for x in u.c]
        g = self.quotient(self.constant(self.number(1)), Series(0, a)).c
        p = Series(0, self.integrated(self.R.function("log", a[0]), lambda i, k: i, a, lambda k, y: g))
        return p if u.order == 0 else Logs(p, self.constant(self.number(u.order)))

    def sin(self, u: Local) -> Local:
        """sin."""
        return self.wave("sin", u)

    def cos(self, u: Local) -> Local:
        """cos."""
        return self.wave("cos", u)

    def between(self, low: int, high: int) -> Wild:
        """Anything from low to high."""
        return Wild((0, 0) if self.exact else (low * self.R.a.unit, high * self.R.a.unit))

    def wave(self, name: str, u: Local) -> Local:
        """sin or cos: s' = c a', c' = -s a'."""
        if self.pole(u):
            return self.between(-1, 1)
        if not isinstance(u, Series):
            return self.other(name, u)
        a = self.analytic(u)
        s, c = ([self.R.function(which, self.first(a))] for which in ("sin", "cos"))
        for k in range(1, len(a)):
            rises = [self.times(a[i], Fraction(i, k)) for i in range(1, k + 1)]
            up, down = (self.total(*zip(rises, y[::-1], strict=True)) for y in (c, s))
            s.append(up)
            c.append(self.times(down, -1))
        return Series(0, s if name == "sin" else c)

    def atan(self, u: Local) -> Local:
        """atan, between -2 and 2."""
        if self.pole(u):
            return self.between(-2, 2)
        return self.chain("atan", u, lambda a: self.slope(a, 1, Fraction(-1)))

    def asin(self, u: Local) -> Local:
        """asin."""
        return self.chain("asin", u, lambda a: self.slope(a, -1, Fraction(-1, 2)))

    def acos(self, u: Local) -> Local:
        """acos = pi/2 - asin."""
        half_pi = self.constant(self.times(self.R.pi if self.exact else self.R.constant(self.R.a.pi), Fraction(1, 2)))
        return self.add(half_pi, self.mul(self.constant(self.number(-1)), self.asin(u)))

    def slope(self, a: list[Any], sign: int, q: Fraction) -> list[Any]:
        """(1 + sign a^2)^q, where that has neither a zero nor a pole."""
        square, minus = self.mul(Series(0, a), Series(0, a)), self.constant(self.number(sign))
        found = self.power(self.add(self.constant(self.number(1)), self.mul(square, minus)), q)
        if not isinstance(found, Series) or found.order:
            raise Undefined("asin at 1 or -1 at a gap")
        return found.c

    def composed(self, text: str, u: Local) -> Local:
        """A function by others: a text in x."""
        return self.expansion(Formula(text, ["x"]), lambda _: u)

    def erf(self, u: Local) -> Local:
        """erf' = 2/sqrt(pi) exp(-x^2); between -1 and 1."""
        if self.pole(u):
            return self.between(-1, 1)
        if not isinstance(u, Series):
            return self.other("erf", u)
        slope = self.composed("2*exp(-x**2)/pi**(1/2)", Series(0, self.analytic(u)))
        assert isinstance(slope, Series)
        return self.chain("erf", u, lambda a: slope.c)

    def erfc(self, u: Local) -> Local:
        """1 - erf."""
        return self.composed("1 - erf(x)", u) if isinstance(u, Series) else self.other("erfc", u)

    def ncdf(self, u: Local) -> Local:
        """The normal distribution by erf."""
        return self.composed("1/2 + erf(x/2**(1/2))/2", u) if isinstance(u, Series) else self.other("ncdf", u)

    def sigmoid(self, u: Local) -> Local:
        """1/(1 + exp(-x)), between 0 and 1."""
        if self.pole(u):
            return self.between(0, 1)
        return self.composed("1/(1 + exp(-x))", u) if isinstance(u, Series) else self.other("sigmoid", u)

    def softplus(self, u: Local) -> Local:
        """log(1 + exp(x))."""
        return self.composed("log(1 + exp(x))", u) if isinstance(u, Series) else self.other("softplus", u)

    def asinh(self, u: Local) -> Local:
        """log(x + sqrt(1 + x^2))."""
        return self.composed("log(x + (1 + x**2)**(1/2))", u) if isinstance(u, Series) else self.other("asinh", u)

    def sinc(self, u: Local) -> Local:
        """sin(x)/x."""
        return self.composed("sin(x)/x", u) if isinstance(u, Series) else self.other("sinc", u)

    def max(self, u: Local, v: Local) -> Local:
        """The larger one, by the sign of the difference."""
        if not (isinstance(u, Series) and isinstance(v, Series)):
            return self.other("max", u, v)
        difference = self.add(u, self.mul(self.constant(self.number(-1)), v))
        assert isinstance(difference, Series)
        if all(x is None for x in difference.c):
            return u
        difference = self.normal(difference)
        sign = self.direction(difference)
        self.inverse(difference.c[0])
        if not sign:
            raise Undefined("two sides at a gap")
        return u if sign > 0 else v

    def expdiv(self, u: Local, v: Local) -> Local:
        """exp(-u/v), 0 for v <= 0 < u."""
        return self.other("expdiv", u, v)

    # -- s^m log|s|, |s|^c and exp(-1/q) on the cell: monotone pieces in r = |s|, 0 < r <= h --

    def reach(self) -> int:
        """The largest |s|."""
        return max(-self.s[0], self.s[1])

    def sided(self, x: Interval, odd: bool, across: bool = True) -> Interval:
        """A function of |s|, times the sign of s if odd; unknown on both sides at once unless ``across``."""
        left, right = self.s[0] < 0, self.s[1] > 0
        if left and right and not across:
            return -INF, INF
        both = [x] * right + [self.R.a.neg(x) if odd else x] * left or [x, self.R.a.neg(x) if odd else x]
        return min(lo for lo, _ in both), max(hi for _, hi in both)

    def jet(self, value: Interval, first: Interval, second: Interval) -> Jet:
        """A function of s alone."""
        jet, k = self.R.constant(value), self.axis
        if not self.R.axes:
            return Jet(value, [], {})
        return Jet(value, [first if i == k else (0, 0) for i in self.R.axes], {**jet.hess, (k, k): second})

    def power_log(self, m: int) -> Jet:
        """s^m log|s|."""
        h = self.reach()
        second = self.log_range(m - 2, m * (m - 1), 2 * m - 1) if m > 1 else (self.over(h), INF)
        value, first = self.log_range(m, 1, 0), self.log_range(m - 1, m, 1)
        return self.jet(
            self.sided(value, m % 2 == 1), self.sided(first, m % 2 == 0), self.sided(second, m % 2 == 1, m > 1)
        )

    def over(self, h: int) -> int:
        """At most 1/r for r <= h."""
        return self.R.a.div(self.R.a.one, (h, h))[0] if h else 0

    def log_range(self, k: int, p: int, q: int) -> Interval:
        """r^k (p log r + q), p > 0: rising for k = 0; else 0 at 0, and least where log r = -(1/k + q/p)."""
        a, h = self.R.a, self.reach()
        if not h:
            return (0, 0) if k else (-INF, INF)
        linear = a.add(a.mul(a.const(p), a.at("log", h)), a.const(q))
        if not k:
            return -INF, linear[1]
        end = a.mul(a.power((h, h), k), linear)
        at = a.function("exp", a.const(-Fraction(1, k) - Fraction(q, p)))
        bottom = a.mul(a.const(Fraction(-p, k)), a.power(at, k))[0] if h >= at[0] else 0
        return min(0, bottom, end[0]), max(0, end[1])

    def scaled_power(self, exponent: Any, factor: Any) -> Any:
        """factor |s|^c, c > 0 a constant."""
        if self.exact:
            return self.number(0)
        a, c = self.R.a, exponent.value
        one, two = a.add(c, a.const(-1)), a.add(c, a.const(-2))
        first = a.mul(c, self.power_range(one))
        second = a.mul(a.mul(c, one), self.power_range(two))
        jet = self.jet(self.power_range(c), self.sided(first, True), self.sided(second, False, one[0] > 0))
        return self.R.mul(factor, jet)

    def power_range(self, c: Interval) -> Interval:
        """r^c."""
        a, h = self.R.a, self.reach()
        if c[0] <= 0 <= c[1]:
            return 0, INF
        if not h:
            return (0, 0) if c[0] > 0 else (0, INF)
        end = a.function("exp", a.mul(c, a.at("log", h)))
        return (0, end[1]) if c[0] > 0 else (end[0], INF)

    def vanishing(self, q: Jet) -> Jet:
        """E(q)."""
        return flat_exponential(self.R, q)


def flat_exponential(ring: Jets, q: Jet) -> Jet:
    """E(q) = exp(-1/q), 0 for q <= 0; E' rises up to q = 1/2, E'' up to q > 0.2113 and lies in [-0.4221, 2.5511]."""
    a, (lo, hi) = ring.a, (max(0, end) for end in q.value)

    def at(x: int, n: int) -> Interval:
        """exp(-1/x) x^-n; for x < 2^-k, k > 2, n <= 4, less than 2^(4k - 2^k), as it rises there."""
        k = a.bits - x.bit_length() if x < INF else 0
        if not x or (k > 2 and 1 << min(k, 60) >= a.bits + 4 * k):
            return 0, min(x, 1)
        return a.mul(a.function("exp", a.neg(a.div(a.one, (x, x)))), a.power((x, x), -n)) if x < INF else (0, INF)

    def bend(x: int) -> Interval:
        return a.mul(at(x, 4), a.add(a.one, a.mul(a.const(-2), (x, x)))) if x < INF else (-INF, INF)

    half, early = a.unit >> 1, a.const(Fraction(2113, 10000))[0]
    value = at(lo, 0)[0] if lo < INF else 0, a.unit if hi == INF else at(hi, 0)[1]
    low, top = at(lo, 2)[0], a.const(Fraction(54135, 100000))[1]
    first = (max(0, low), min(top, at(hi, 2)[1])) if hi <= half else (max(0, min(low, at(hi, 2)[0])), top)
    bottom, most = a.const(Fraction(-4221, 10000))[0], a.const(Fraction(25511, 10000))[1]
    second = (max(0, bend(lo)[0]), min(most, bend(hi)[1])) if hi <= early else (0 if hi <= half else bottom, most)
    return ring.chain(q, value, first, second) if ring.axes else ring.constant(value)


def hull(a: Interval, b: Interval) -> Interval:
    """The smallest interval that holds both."""
    return min(a[0], b[0]), max(a[1], b[1])


def met(found: list[Interval]) -> Interval:
    """What some enclosures of one number have in common."""
    lo, hi = max(lo for lo, _ in found), min(hi for _, hi in found)
    if lo > hi:
        raise ArithmeticError("two enclosures of one number do not meet")
    return lo, hi


class Gap:
    """A gap that a certificate names, its limit confirmed by exact numbers."""

    def __init__(self, axis: int, at: Fraction, target: Target) -> None:
        self.axis, self.at, self.target = axis, at, target
        low, high = target.box[axis]
        try:
            self.tapes = {0: self.confirmed(0)[0]}
        except Undefined:
            both = {side: self.confirmed(side) for side, there in ((1, at < high), (-1, at > low)) if there}
            if len({limit for _, limit in both.values()}) > 1:
                raise Undefined("the limits from the two sides are not shown to be equal") from None
            self.tapes = {side: tape for side, (tape, _) in both.items()}
        self.zeros = max(1, *(k for tape in self.tapes.values() for k in [0, *tape] if type(k) is int))

    def confirmed(self, side: int) -> tuple[list[Any], Number]:
        """The answers and the limit, in exact numbers."""
        t = self.target
        ring = Exact(t.a, [(t.a.const(lo)[0], t.a.const(hi)[1]) for lo, hi in t.box], t.names)
        exact = Expansion(ring, self.at, self.axis, (0, 0), side, None)
        variables = [ring.const(self.at) if k == self.axis else ring.letter(name) for k, name in enumerate(t.names)]
        return exact.tape, exact.run(t.formula, variables.__getitem__)

    def near(self, ends: Sequence[tuple[Fraction, Fraction]]) -> bool:
        """Whether a cell touches the gap, or is so close for its size that a quotient of enclosures is coarse."""
        (lo, hi), (low, high) = ends[self.axis], self.target.box[self.axis]
        others = [abs(g.at - self.at) / 2 for g in self.target.gaps if g.axis == self.axis and g.at != self.at]
        away, reach = max(lo - self.at, self.at - hi, Fraction(0)), min([high - low, *others])
        return not away or (away <= reach and (away / reach) ** (self.zeros + 2) * reach <= 16 * (hi - lo))

    def jet(self, ends: Sequence[tuple[Fraction, Fraction]], jets: Jets, slopes: Sequence[Interval]) -> Jet:
        """The formula on a product of intervals, in coordinates with these slopes."""
        lo, hi = ends[self.axis]
        found = [
            self.one_side(side, ends, jets, slopes)
            for side in self.tapes
            if not side or lo == hi or (hi > self.at if side > 0 else lo < self.at)
        ]
        if len(found) == 1 or lo == hi:
            return found[0]
        p, q = found
        grad = [hull(x, y) for x, y in zip(p.grad, q.grad, strict=True)]
        return Jet(hull(p.value, q.value), grad, dict.fromkeys(p.hess, (-INF, INF)))

    def one_side(self, side: int, ends: Any, jets: Jets, slopes: Sequence[Interval]) -> Jet:
        """The same by the expansion of one side."""
        a, k, at = jets.a, self.axis, self.at
        lo, hi = ends[k]
        if side:
            lo, hi = (max(lo, at), max(hi, at)) if side > 0 else (min(lo, at), min(hi, at))
        low, high = min(lo, at), max(hi, at)
        s = a.const(low - at)[0], a.const(high - at)[1]
        local = Expansion(jets, at, k, s, side, self.tapes[side])

        def variable(i: int) -> Jet:
            p, q = (low, high) if i == k else ends[i]
            jet = jets.constant((a.const(p)[0], a.const(q)[1]))
            return jet if i == k else jet._replace(grad=[slopes[j] if j == i else (0, 0) for j in jets.axes])

        jet = local.run(self.target.formula, variable)
        if not jets.axes:
            return Jet(jet.value, [], {})
        w, square = slopes[k], a.mul(slopes[k], slopes[k])
        grad = [a.mul(x, w) if i == k else x for i, x in enumerate(jet.grad)]
        scale = {(i, j): square if i == j == k else w if k in (i, j) else a.one for i, j in jets.pairs}
        return Jet(jet.value, grad, {ij: a.mul(x, scale[ij]) for ij, x in jet.hess.items()})


# -- 5. questions about one cell ----------------------------------------------------------------------------


def corners(node: Index, step: int = 1) -> list[Index]:
    """The corners of a cell in the order of their masks; with step -1 the cells around a node."""
    return [tuple([i + step * (v >> a & 1) for a, i in enumerate(node)]) for v in range(1 << len(node))]


def masks(v: int) -> Iterator[int]:
    """The masks that v contains, from v down to 0."""
    w = v
    while w:
        yield w
        w = (w - 1) & v
    yield 0


def halves(cell: Index) -> list[Index]:
    """The 2^d cells of the next level that make up a cell."""
    return corners(tuple([2 * i for i in cell]))


def halved(G: Index, b: int) -> Index:
    """Values at the corners of half b of a cell of a function that is linear on its simplices; the sums are even."""
    return tuple([(G[a & b] + G[a | b]) >> 1 for a in range(len(G))])


class Task(NamedTuple):
    """What is to be shown on one cell; G and coefficients are given at its corners, in units."""

    level: int
    cell: Index
    G: Index  # before the grades of this level
    grades: list[tuple[int, Index]]  # number and coefficients of the grades that touch the cell
    goals: list[tuple[int, int]]  # bounds of |e|, and their rows, to be shown before them and after each (INF: none)
    leaf: int  # bound of |e| after them that a leaf claims (INF: none)


class Residual(NamedTuple):
    """What is known of e = f - G on a cell: enclosures at the corners, sag and bulge of f, low <= e <= high."""

    e: list[Interval]
    sag: int
    bulge: int
    low: int
    high: int


class Target:
    """The function f of a certificate: enclosures in units of 2^-bits, and questions about it on cells."""

    def __init__(
        self,
        formula: str,
        names: list[str],
        box: list[tuple[Fraction, Fraction]],
        bits: int,
        engine: str,
        gaps: Sequence[tuple[int, Fraction]] = (),
    ) -> None:
        self.formula, self.names, self.box, self.a = Formula(formula, names), names, box, Arithmetic(bits, engine)
        found = [op for op, *_ in self.formula.nodes if op in ARB_ONLY]
        if found and engine == "mpmath":
            malformed(f"target: {found[0]} is enclosed by Arb only: install python-flint, and use the engine arb")
        self.points, self.jets = Jets(self.a, 0), Jets(self.a, len(box))
        self.slopes, every = [self.a.const(hi - lo) for lo, hi in box], (1 << len(box)) - 1
        self.near = lru_cache(1 << 8)(lambda v: [*masks(v), *(v | w for w in masks(every & ~v) if w)])  # see touched
        self.node_value = lru_cache(1 << 14)(lambda level, node: self.value([lo for lo, _ in self.ends(level, node)]))
        self.defects = lru_cache(CHUNK)(self._defects)
        self.gaps: list[Gap] = []
        for axis, at in gaps:
            try:
                self.gaps.append(Gap(axis, at, self))
            except Undefined as why:
                malformed(f"target: no limit is shown at the gap {names[axis]} = {at}: {why}")

    def ends(self, level: int, cell: Index) -> list[tuple[Fraction, Fraction]]:
        """The sides of a cell in the coordinates of the box."""
        steps = [(lo, (hi - lo) / (1 << level)) for lo, hi in self.box]
        return [(lo + i * h, lo + (i + 1) * h) for (lo, h), i in zip(steps, cell, strict=True)]

    def value(self, x: Sequence[Fraction]) -> Interval:
        """f at a point of the box."""
        for gap in self.gaps:
            if x[gap.axis] == gap.at:
                return gap.jet([(q, q) for q in x], self.points, self.slopes).value
        return self.points.run(self.formula, [self.a.const(q) for q in x], []).value

    def real(self, x: Sequence[Fraction]) -> tuple[Fraction, Fraction]:
        """Enclosure of f at a point that the file names, not in units."""
        try:
            lo, hi = self.value(x)
        except Undefined:
            lo, hi = -INF, INF
        if lo == -INF or hi == INF:
            malformed(f"target: the formula is not shown to be defined at the point {', '.join(map(str, x))}")
        return Fraction(lo, 1 << self.a.bits), Fraction(hi, 1 << self.a.bits)

    def _defects(self, level: int, cell: Index) -> tuple[int, int, Interval]:
        """Sag and bulge of f on a cell (fact 2), and an enclosure of f on it."""
        value, grad, hess = self.jet(self.ends(level, cell))
        both = min(value[1] - value[0], -(-sum(hi - lo for lo, hi in grad) >> level + 2))
        sag = sum(max(hi, 0) if i == j else max(2 * hi, hi - lo) for (i, j), (lo, hi) in hess.items())
        bulge = sum(max(-lo, 0) if i == j else max(-2 * lo, hi - lo) for (i, j), (lo, hi) in hess.items())
        return min(both, -(-sag >> 2 * level + 3)), min(both, -(-bulge >> 2 * level + 3)), value

    def jet(self, ends: list[tuple[Fraction, Fraction]]) -> Jet:
        """Enclosures of f and its derivatives on a product of intervals: directly, and next to gaps by expansions."""
        sides = [(self.a.const(lo)[0], self.a.const(hi)[1]) for lo, hi in ends]
        ways: list[Callable[[], Jet]] = [lambda: self.jets.run(self.formula, sides, self.slopes)]
        ways += [partial(gap.jet, ends, self.jets, self.slopes) for gap in self.gaps if gap.near(ends)]
        found: list[Jet] = []
        for way in ways:
            try:
                found.append(way())
            except Undefined as why:
                reason = why
        if not found:
            raise reason
        grad = [met([jet.grad[i] for jet in found]) for i in self.jets.axes]
        return Jet(
            met([jet.value for jet in found]),
            grad,
            {ij: met([jet.hess[ij] for jet in found]) for ij in self.jets.pairs},
        )

    def residual(self, level: int, cell: Index, G: Index) -> Residual:
        """What is known of e = f - G on a cell; unbounded where f is not shown to be defined."""
        try:
            f, (sag, bulge, reach) = [self.node_value(level, v) for v in corners(cell)], self.defects(level, cell)
        except Undefined:
            return Residual([(-INF, INF)] * len(G), INF, INF, -INF, INF)
        e = [(lo - own, hi - own) for (lo, hi), own in zip(f, G, strict=True)]
        low = max(min(lo for lo, _ in e) - sag, reach[0] - max(G))  # fact 1, or f >= reach[0] and G <= max G
        return Residual(e, sag, bulge, low, min(max(hi for _, hi in e) + bulge, reach[1] - min(G)))

    def balanced(self, scale: int, g: Index, r: Residual) -> bool | None:
        """Whether g / scale is balanced for e on the cell: yes, no (a corner shows it), or None (fact 3)."""
        if any((c > 0 and c > scale * hi) or (c < 0 and c < scale * lo) for c, (lo, hi) in zip(g, r.e, strict=True)):
            return False
        above, below = [scale * (lo - r.sag) for lo, _ in r.e], [scale * (hi + r.bulge) for _, hi in r.e]
        touched = self.touched(g)
        return all(0 <= g[w] <= above[w] if g[v] > 0 else 0 >= g[w] >= below[w] for v, w in touched) or None

    def touched(self, g: Index) -> Iterator[tuple[int, int]]:
        """Every corner v with an atom, with every corner w of a simplex with v."""
        return ((v, w) for v, c in enumerate(g) if c for w in self.near(v))

    def bounded(self, goal: int, _: Index, r: Residual) -> bool | None:
        """Whether |e| <= goal on the cell: yes, no (a corner shows it), or None."""
        if any(lo > goal or hi < -goal for lo, hi in r.e):
            return False
        return (r.low >= -goal and r.high <= goal) or None

    def show(self, task: Task, scale: int, unit: bool) -> int:
        """Show what a task asks; the number of parts of cells that it took.  Each grade / scale is to be balanced."""
        G, parts, zero = task.G, 0, (0,) * len(task.G)
        for (goal, row), (k, g) in zip(task.goals, [*task.grades, (0, zero)], strict=True):
            if goal < (INF if k else task.leaf):  # what the leaf claims may be enough for the rows after the last grade
                parts += self.ask("residuals", f"the bound of row {row}", partial(self.bounded, goal), task, G, zero)
            if any(g) and scale:
                claim = "balanced" if scale == 1 else "nonincreasing"
                parts += self.ask(claim, f"grade {k}", partial(self.balanced, scale), task, G, g)
            if unit and any(g[v] * g[w] < 0 for v, w in self.touched(g)):
                raise Refused("unit-grades", f"grade {k} has opposite signs {self.place(task.level, task.cell)}")
            G = tuple(map(operator.add, G, g))
        if task.leaf < INF:
            parts += self.ask("leaves", "the bound of a leaf", partial(self.bounded, task.leaf), task, G, zero)
        return parts

    def ask(self, claim: str, what: str, question: Callable[..., bool | None], task: Task, G: Index, g: Index) -> int:
        """The number of parts into which the cell was split to answer a question yes; else the claim is refused."""
        todo, parts = [(task.level, task.cell, G, g)], 0
        while todo:
            level, cell, G, g = todo.pop()
            answer = question(g, self.residual(level, cell, G))
            if not answer:
                parts += len(G)
                if answer is False or level - task.level >= DEEPER or parts > PARTS:
                    known = "not certain" if answer is None else "not so, as a corner shows,"
                    raise Refused(claim, f"{what}: {known} {self.place(level, cell)}")
                todo += [(level + 1, part, halved(G, b), halved(g, b)) for b, part in enumerate(halves(cell))]
        return parts

    def place(self, level: int, cell: Index) -> str:
        """A cell in words."""
        return f"on the cell {list(cell)} of level {level}: {ranges(self.names, self.ends(level, cell))}"


def ranges(names: list[str], box: list[tuple[Fraction, Fraction]]) -> str:
    """A box in words."""
    return ", ".join(f"{lo} <= {name} <= {hi}" for name, (lo, hi) in zip(names, box, strict=True))


def decimal(q: Fraction, rounding: str, digits: int = 6) -> str:
    """A number for reading, rounded to so many digits: plain from 0.0001 to below 1000000, else as in 1.5e-7."""
    d = Context(digits, rounding).divide(Decimal(q.numerator), Decimal(q.denominator)).normalize()
    power = d.adjusted()
    return f"{d:f}" if not d or -4 <= power < 6 else f"{d.scaleb(-power):f}e{power}"


def upward(q: Fraction, digits: int, limit: Fraction) -> str:
    """A number for reading, rounded up to so many digits, or to more if only these keep it at or below the limit."""
    text = decimal(q, ROUND_CEILING, digits)
    return upward(q, digits + 1, limit) if q <= limit < Fraction(text) and digits < 28 else text


# -- 6. the certificate: exact data, tiling, and the sweep over the levels ----------------------------------


def rational(text: str) -> Fraction:
    """The number that a text "p" or "p/q" denotes."""
    if not re.fullmatch(r"-?[0-9]{1,400}(/[1-9][0-9]{0,399})?", text):
        malformed(f'expected a text "p" or "p/q", got {text[:40]!r}')
    return Fraction(text)


def dyadic(pair: list[Any]) -> Fraction:
    """The number that a pair [m, e] denotes."""
    m, e = pair
    return whole(m, -LIMIT, LIMIT, "a number") * Fraction(2) ** whole(e, -MAX_EXPONENT, MAX_EXPONENT, "an exponent")


class Domain:
    """The formula of a file, its variables and its box."""

    def __init__(self, target: dict[str, Any]) -> None:
        self.names, self.formula, self.dim = target["variables"], target["expression"], len(target["variables"])
        lower, upper = ([rational(q) for q in target["box"][side]] for side in ("lower", "upper"))
        self.box = list(zip(lower, upper, strict=True))
        known = {name for name in self.names if re.fullmatch(r"[xyzw]|x[1-9][0-9]?", name)}
        if target["kind"] != "expression" or not 1 <= len(known) == len(self.box) == self.dim <= MAX_DIM:
            malformed("target: expected a formula in x, y, z, w or x1, x2, ... on a box with a side for each")
        if any(lo >= hi for lo, hi in self.box) or len(self.formula) > MAX_CHARS:
            malformed("target: the formula is too long, or a lower end of the box is not below the upper end")

        self.gaps = [(whole(axis, 0, self.dim - 1, "a gap"), rational(at)) for axis, at in target.get("gaps", [])]
        if len(self.gaps) > MAX_GAPS or not all(self.box[axis][0] <= at <= self.box[axis][1] for axis, at in self.gaps):
            malformed("target: there are too many gaps, or one lies outside the box")

    def point(self, x: list[Any]) -> list[Fraction]:
        """A point of the box."""
        found = [rational(q) for q in x]
        inside = all(lo <= q <= hi for q, (lo, hi) in zip(found, self.box, strict=True))
        return found if inside else malformed(f"the point {x} lies outside the box")

    def unit(self, x: Sequence[Fraction]) -> list[Fraction]:
        """The coordinates t of a point."""
        return [(q - lo) / (hi - lo) for q, (lo, hi) in zip(x, self.box, strict=True)]

    def disproved(
        self, claim: str, witness: dict[str, Any], target: Target, G: Approximant, last: int, tol: Fraction
    ) -> str:
        """Where a claim is false; refused if the residuals at the point before and after the grade do not show it."""
        x, k = self.point(witness["x"]), whole(witness["grade"], 0, last, "the grade of a witness")
        f, old, new = target.real(x), G(x, max(0, k - 1)), G(x, k)
        g, e, rest = new - old, (f[0] - old, f[1] - old), (f[0] - new, f[1] - new)
        half = g / 2 if claim == "nonincreasing" else g  # |e - g| > |e| if and only if g / 2 is not balanced for e
        beyond = (half > 0 and half > e[1]) or (half < 0 and half < e[0])
        false = {"balanced": beyond, "nonincreasing": beyond, "sup-norm": k == last and max(rest[0], -rest[1]) > tol}
        enclosed = ((witness["before"], e), (witness["after"], rest))
        inside = all(dyadic(low) <= lo <= hi <= dyadic(high) for (low, high), (lo, hi) in enclosed)
        place = f"{', '.join(witness['x'])}, grade {k}"
        if not false.get(claim) or not inside:
            raise Refused(claim, f"it is not shown to be false at {place}")
        than = f": |e| > {decimal(tol, ROUND_FLOOR)}" if claim == "sup-norm" else ""
        return f"false at {place}, as the certificate says{than}"


def lowest(rows: list[tuple[int, int]]) -> Callable[[int, int], tuple[int, int]]:
    """A function of i < j that gives min(rows[i:j]), the smaller of two stored minima of 2^n rows each."""
    table = [rows]
    while (step := 1 << len(table) - 1) < len(table[-1]):
        table.append([*map(min, table[-1], table[-1][step:])])
    return lambda i, j: min(table[n := (j - i).bit_length() - 1][i], table[n][j - (1 << n)])


class Certificate(Domain):
    """The numbers of a certificate in units of 2^-bits, in order of level."""

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(data["target"])
        leaves, grades, rows = data["leaves"], data["grades"], data["residuals"]
        self.levels = [whole(g["level"], 0, MAX_LEVEL, f"the level of grade {k}") for k, g in enumerate(grades, 1)]
        levels = [*self.levels, *(whole(b["level"], 0, MAX_LEVEL, "a level of the leaves") for b in leaves["levels"])]
        pairs = [data["lift"], data["tolerance"], *(p for row in rows for p in (row["upper"], row["lower"]) if p)]
        exponents = [leaves["exponent"], *(e for _, e in pairs), *(g["exponent"] for g in grades)]
        for e in exponents:
            whole(e, -MAX_EXPONENT, MAX_EXPONENT, "an exponent")
        if self.levels != sorted(self.levels) or len(rows) != len(grades) + 1:
            malformed("the grades must come in rising order of level, with a row of residuals before and after each")
        # So many bits that all numbers are integers, and that nodal values can be halved from level 0 to the deepest.
        self.bits: int = max(BITS, max(levels) + DEEPER - min(exponents))
        self.lift, self.tolerance = self.units(*data["lift"]), self.units(*data["tolerance"])
        bounds = [(self.units(*row["upper"]) if row["upper"] else INF, self.units(*row["lower"])) for row in rows]
        self.rows = [(*own, self.point(row["at"])) for own, row in zip(bounds, rows, strict=True)]
        self.atoms: dict[int, dict[Index, dict[int, int]]] = {}  # level -> node -> grade -> coefficient
        for k, g in enumerate(grades, 1):
            nodes = self.atoms.setdefault(g["level"], {})
            for row, c in zip(g["nodes"], g["coefficients"], strict=True):
                own = nodes.setdefault(self.index(row, 1 << g["level"], f"grade {k}"), {})
                if not c or k in own:
                    malformed(f"grade {k}: the coefficient of the node {row} is 0, or the node occurs twice")
                own[k] = self.units(c, g["exponent"])
        self.sums: dict[tuple[int, Index], tuple[list[int], list[int]]] = {}  # see coefficient
        self.leaves: list[dict[Index, int]] = [{} for _ in range(MAX_LEVEL + 2)]  # of each level, cell -> bound
        for block in leaves["levels"]:
            cells = self.leaves[block["level"]]
            for row, bound in zip(block["cells"], block["bounds"], strict=True):
                cell = self.index(row, (1 << block["level"]) - 1, "leaves")
                if cell in cells:
                    raise Refused("tiling", f"the cell {row} of level {block['level']} occurs twice among the leaves")
                cells[cell] = LIMIT if bound is None else self.units(bound, leaves["exponent"])  # f has to be bounded

    def units(self, m: int, e: int) -> int:
        """m 2^e in units, exactly."""
        return whole(m, -LIMIT, LIMIT, "a number") << e + self.bits

    def index(self, row: list[int], last: int, where: str) -> Index:
        """A row of the file as the index of a node or a cell."""
        if len(row) != self.dim:
            malformed(f"{where}: {str(row)[:40]} has not one index for each variable")
        return tuple([whole(i, 0, last, f"{where}, index {str(row)[:40]}") for i in row])

    def tree(self) -> list[set[Index]]:
        """The cells of each level with leaves properly inside (split cells), if the leaves tile the box.

        A split cell is the union of its halves, each of which is a leaf or split; no leaf is split; the root is
        one of the two.  So the leaves cover the box, and no two of them overlap.  All cells around an atom, at
        its level, are leaves or split, so no leaf of a lower level meets its hat.
        """
        split: list[set[Index]] = [set() for _ in range(MAX_LEVEL + 2)]
        for level in range(MAX_LEVEL, 0, -1):
            split[level - 1] = {tuple([i >> 1 for i in cell]) for cell in chain(self.leaves[level], split[level])}
        if not split[0] and not self.leaves[0]:
            raise Refused("tiling", "there are no leaves")
        self.require_few_corners(sum(map(len, chain(split, self.leaves))))
        for level in range(MAX_LEVEL + 1):
            for cell in split[level]:
                if cell in self.leaves[level]:
                    raise Refused("tiling", f"the leaf {list(cell)} of level {level} has leaves inside")
                for part in halves(cell):
                    if part not in self.leaves[level + 1] and part not in split[level + 1]:
                        raise Refused("tiling", f"no leaf covers the cell {list(part)} of level {level + 1}")
        self.require_whole_stars(split)
        return split

    def require_whole_stars(self, split: list[set[Index]]) -> None:
        """Refuse an atom that has a cell of its level about it which is neither a leaf nor split."""
        for level, atoms in self.atoms.items():
            cells = split[level].union(self.leaves[level])
            for node in atoms:
                if any(min(cell) >= 0 and max(cell) < 1 << level and cell not in cells for cell in corners(node, -1)):
                    where = f"grade {min(atoms[node])}, node {list(node)} of level {level}"
                    raise Refused("tiling", f"{where}: the atom reaches into a leaf of a lower level")

    def require_few_corners(self, cells: int) -> None:
        """Refuse too many corners of cells; those of a cell count again for each atom that touches it."""
        own = [(level, v, len(grades)) for level, nodes in self.atoms.items() for v, grades in nodes.items()]
        atoms = sum([count for *_, count in own])
        touched = sum([count << sum([0 < i < 1 << level for i in v]) for level, v, count in own])
        most = max(MAX_CORNERS, CORNERS * (cells + atoms))
        if cells + touched << self.dim > most:
            malformed(f"the cells, and the atoms on them, have more than {most} corners in {self.dim} variables")

    def tasks(self, goals: list[int]) -> Iterator[Task]:
        """Every question about every cell, level by level; goals[k] is a bound of |e_k| to be shown (INF: none).

        Row k is asked of the cells of the level of grade k + 1, and of the leaves above: on a leaf nothing changes
        any more, so all later rows are asked of it at once.
        """
        split, rows = self.tree(), [(goal, k) for k, goal in enumerate(goals)]
        later = [*accumulate(reversed(rows), min)][::-1]  # the least of row k and those after it
        least = lowest(rows)
        G = dict.fromkeys(corners((0,) * self.dim), self.lift)
        for level in range(MAX_LEVEL + 1):
            leaves, atoms = self.leaves[level], self.atoms.get(level, {})
            first, last = bisect_left(self.levels, level), bisect_right(self.levels, level)  # grades above, and to here
            for cell in sorted(chain(leaves, split[level])):
                nodes = corners(cell)
                own = [atoms.get(v, {}) for v in nodes]
                touching = sorted(set(chain(*own)))
                grades = [(k, tuple([c.get(k, 0) for c in own])) for k in touching]
                spans = pairwise([first, *touching, last])  # of rows between which nothing changes on this cell
                shown = [least(i, j) if i < j else (INF, 0) for i, j in spans]
                if cell in leaves:
                    shown[-1] = min(shown[-1], later[last])
                if grades or cell in leaves or min(shown)[0] < INF:
                    yield Task(level, cell, tuple([G[v] for v in nodes]), grades, shown, leaves.get(cell, INF))
            for node, coefficients in atoms.items():
                G[node] += sum(coefficients.values())
            finer: dict[Index, int] = {}
            for cell in split[level]:
                values = tuple([G[v] for v in corners(cell)])
                for b, part in enumerate(halves(cell)):
                    finer.update(zip(corners(part), halved(values, b), strict=True))
            G = finer

    def approximant(self, x: Sequence[Fraction], k: int) -> Fraction:
        """G_k at a point; the hats at the corners of its simplex are its barycentric coordinates."""
        t, total = self.unit(x), Fraction(self.lift)
        for level in self.atoms:
            scaled = [q * (1 << level) for q in t]
            cell = [min(int(q), (1 << level) - 1) for q in scaled]
            rest = [q - i for q, i in zip(scaled, cell, strict=True)]
            steps = sorted(range(self.dim), key=rest.__getitem__, reverse=True)  # from corner to corner
            heights = [Fraction(1), *(rest[a] for a in steps), Fraction(0)]
            for axis, (before, after) in zip([None, *steps], pairwise(heights), strict=True):
                if axis is not None:
                    cell[axis] += 1
                if before > after:
                    total += (before - after) * self.coefficient(level, tuple(cell), k)
        return total / (1 << self.bits)

    def coefficient(self, level: int, node: Index, k: int) -> int:
        """The sum of the coefficients of grades 1 to k at a node."""
        if (level, node) not in self.sums:
            own = self.atoms[level].get(node, {})
            self.sums[level, node] = [*own], [0, *accumulate(own.values())]
        numbers, sums = self.sums[level, node]
        return sums[bisect_right(numbers, k)]


# -- 7. networks, of which a point refutes a claim ----------------------------------------------------------


class Network:
    """The values of a ReLU network at one point, exactly: integers n for n 2^e / denominator, with one e <= 0 for all.

    A product of integers of p and q bits counts as work of p q; what is beyond MAX_WORK in all is refused before it
    is done, so the time does not grow with the file.
    """

    def __init__(self, t: Sequence[Fraction]) -> None:
        self.denominator, self.work = lcm(*(q.denominator for q in t)), 0
        self.values, self.e = [int(q * self.denominator) for q in t], 0

    def grades(self, grades: list[Any]) -> Iterator[Fraction]:
        """g_1(t), g_2(t), ...; a grade reads the last hidden state of the grade before."""
        for grade in grades:
            for layer in grade["layers"]:
                values, self.e = self.affine(layer)
                self.values = [max(0, y) for y in values]
            (g,), e = self.affine(grade["readout"])
            self.spend(max(g.bit_length(), self.denominator.bit_length() - e) ** 2)  # of the greatest common divisor
            yield Fraction(g, self.denominator << -e)

    def affine(self, layer: dict[str, Any]) -> tuple[list[int], int]:
        """W h + b and its e; the entries of W and b are integers times 2^exponent."""
        e = self.e + whole(layer["exponent"], -MAX_EXPONENT, MAX_EXPONENT, "an exponent")
        rows = [*zip(layer["weights"], layer["biases"], strict=True)]
        number, one = partial(whole, low=-LIMIT, high=LIMIT, what="a weight"), self.denominator << -self.e
        of_weights = sum([number(m).bit_length() for row, _ in rows for m in row])
        of_biases = sum([number(b).bit_length() for _, b in rows])
        self.spend(of_weights * max([y.bit_length() for y in self.values], default=0) + of_biases * one.bit_length())
        found = [sum(m * y for m, y in zip(row, self.values, strict=True)) + b * one for row, b in rows]
        joint = reduce(operator.or_, found, 0)  # its zeros at the end are those that all have
        by = e if e > 0 or not joint else max(e, 1 - (joint & -joint).bit_length())
        found, e = [shifted(y, by) for y in found], e - by
        if max([self.denominator.bit_length() - e, *[y.bit_length() for y in found]]) > MAX_BITS:
            malformed(f"grades: a value of the network has more than {MAX_BITS} bits")
        return found, e

    def spend(self, work: int) -> None:
        """Refuse what is too much."""
        self.work += work
        if self.work > MAX_WORK:
            malformed(f"grades: the exact values of the network take products of more than {MAX_WORK} bits by bits")


def refute(data: dict[str, Any], engine: str, say: Callable[[str], None]) -> str:
    """Confirm that a network does not satisfy a claim; returns the last line."""
    d, claim, grades, lift = Domain(data["target"]), str(data["claim"]), data["grades"], dyadic(data["lift"])
    target, tol = Target(d.formula, d.names, d.box, BITS, engine, d.gaps), dyadic(data["tolerance"])
    sums = [*accumulate(Network(d.unit(d.point(data["witness"]["x"]))).grades(grades), initial=lift)]
    text = d.disproved(claim, data["witness"], target, lambda _, k: sums[k], len(grades), tol)
    say(f"{'refuted':<11} {claim:<14} {text}")
    summary = f"{d.formula} for {ranges(d.names, d.box)}: a network of {len(grades)} grade(s)"
    return f"REFUTED: {summary}; {claim}: {text}"


# -- 8. the claims ------------------------------------------------------------------------------------------

CLAIMS = ("tiling", "leaves", "residuals", "balanced", "nonincreasing", "unit-grades", "lp-decrease", "sup-decrease",
          "sup-norm")  # fmt: skip
CODES = {"VERIFIED": 0, "REFUSED": 1, "REFUTED": 1, "INCOMPLETE": 3}  # first word of the last line: exit code
_target: Target  # of a process


def start(*arguments: Any) -> None:
    """Make the target of this process."""
    global _target
    _target = Target(*arguments)


def work(scale: int, unit: bool, batch: list[Task]) -> int:
    """Do some tasks; the number of parts of cells that they took."""
    return sum([_target.show(task, scale, unit) for task in batch])


def spread(job: Callable[[list[Task]], int], batches: Iterator[list[Task]], workers: int, arguments: Any) -> int:
    """The sum of a job over batches, by processes; what is lost with a killed process is done by this one.

    The answers are taken in order, so that of several refusals the first is told, whatever the number of workers.
    """
    rounds, total = iter(lambda: list(islice(batches, AHEAD * workers)), []), 0
    for some in rounds:  # once for each pool, which does not outlive its processes
        pool, ahead = ProcessPoolExecutor(workers, get_context("spawn"), start, arguments), list[list[Task]]()
        try:
            answers = pool.map(job, some)
            while some:
                ahead = next(rounds, [])
                coming = pool.map(job, ahead)
                total += sum(answers)
                some, answers = ahead, coming
        except BrokenProcessPool:
            total += sum(map(job, some + ahead))
        finally:
            pool.shutdown(cancel_futures=True)
    return total


class Check:
    """The claims of a certificate, confirmed one by one; ``say`` gets a line for each."""

    def __init__(self, data: dict[str, Any], engine: str, say: Callable[[str], None]) -> None:
        self.c, self.say, self.said = Certificate(data), say, 0
        self.arguments = (self.c.formula, self.c.names, self.c.box, self.c.bits, engine, self.c.gaps)
        self.target = Target(*self.arguments)
        if [claim["claim"] for claim in data["claims"]] != list(CLAIMS):
            malformed(f"the claims must be {', '.join(CLAIMS)}, in this order")
        self.claims = dict(zip(CLAIMS, data["claims"], strict=True))
        self.proved, self.refuted, self.open = (
            [name for name, claim in self.claims.items() if claim["verdict"] == word]
            for word in ("PROVED", "REFUTED", "UNDECIDED")
        )
        self.undecided = set(self.open) - {"sup-decrease"}  # claims that decide
        status = "refuted" if self.refuted else "incomplete" if self.undecided else "complete"
        if len(self.proved + self.refuted + self.open) < len(CLAIMS) or self.proved[:3] != list(CLAIMS[:3]):
            malformed("every claim must be PROVED, REFUTED or UNDECIDED, and the first three PROVED")
        if data["status"] != status:
            malformed(f"the claims make the certificate {status}, but its status says {str(data['status'])[:20]}")

    def run(self, workers: int) -> str:
        """Say a line for every claim; returns the last line."""
        try:
            return self.confirm_all(workers)
        except Refused as refused:
            self.say(f"{'refused':<11} {refused.claim:<14} {refused.text}")
            for name in CLAIMS[self.said :]:
                if name != refused.claim:
                    self.say(f"{'not reached':<11} {name}")
            return f"REFUSED: {refused.claim}: {refused.text}"

    def confirm_all(self, workers: int) -> str:
        """Confirm every claim; returns the last line."""
        c, rows, last = self.c, self.c.rows, len(self.c.levels)
        scale = 1 if "balanced" in self.proved else 2 if "nonincreasing" in self.proved else 0
        follows = [k > 0 and scale > 0 and rows[k][0] >= rows[k - 1][0] for k in range(last + 1)]  # from row k - 1
        tasks = c.tasks([INF if follows[k] else rows[k][0] for k in range(last + 1)])
        batches = iter(lambda: list(islice(tasks, CHUNK)), [])
        job = partial(work, scale, "unit-grades" in self.proved)
        start(*self.arguments)
        parts = spread(job, batches, workers, self.arguments) if workers > 1 else sum(map(job, batches))
        leaves = [bound for own in c.leaves for bound in own.values()]
        atoms = sum(len(own) for nodes in c.atoms.values() for own in nodes.values())
        self.confirm("tiling", True, f"{len(leaves)} leaves tile the box; no atom reaches into a leaf of a lower level")
        self.confirm("leaves", True, f"|e| <= the bound of each leaf; doubtful cells were split into {parts} parts")
        for k, (_, lower, x) in enumerate(rows):
            (lo, hi), G = self.target.real(x), c.approximant(x, k)
            if lower > 0 and max(lo - G, G - hi) < Fraction(lower, 1 << c.bits):
                raise Refused("residuals", f"|e_{k}| at {', '.join(map(str, x))} is not shown to reach the lower bound")
        self.confirm("residuals", True, f"{last + 1} rows: lower <= sup |e_k| <= upper")
        self.confirm("balanced", scale == 1, f"g (e - g) >= 0 for {last} grade(s), {atoms} atom(s)")
        self.confirm("nonincreasing", scale > 0, "|e - g| <= |e| for every grade")
        self.confirm("unit-grades", scale == 1, "no simplex has atoms of both signs, so each atom alone is balanced")
        self.confirm("lp-decrease", scale == 1, "|e| = |g| + |e - g| for every grade, and g != 0 if it has atoms")
        falls = self.claims["sup-decrease"]["grades"]
        for before, k in pairwise([0, *falls]):
            if not before < k <= last or rows[k][0] >= rows[k - 1][1]:
                raise Refused("sup-decrease", f"grade {k}: its bounds show no fall, or it is named out of order")
        self.confirm("sup-decrease", bool(falls), f"at {len(falls)} grade(s)")
        exact = Fraction(c.tolerance, 1 << c.bits)
        tolerance = upward(exact, 1, exact * (1 + Fraction(1, 1 << 52)))
        top = Fraction(rows[last][0], 1 << c.bits)
        reached = upward(top, 6, Fraction(tolerance)) if rows[last][0] < INF else "infinity"
        text = f"sup |e| <= {reached} by row {last}, tolerance {tolerance}"
        self.confirm("sup-norm", rows[last][0] <= c.tolerance, text)
        summary = f"{c.formula} for {ranges(c.names, c.box)}: {last} grade(s), {atoms} atom(s), sup |e| <= {reached}"
        if self.refuted:
            return (
                f"REFUTED: {summary}, tolerance {tolerance}; {', '.join(self.refuted)}: false, as the certificate says"
            )
        if self.undecided:
            return f"INCOMPLETE: {summary}, tolerance {tolerance}; not claimed: {', '.join(self.open)}"
        return f"VERIFIED: {summary} <= tolerance {tolerance}"

    def confirm(self, name: str, true: bool, text: str) -> None:
        """Say what became of a claim: refuted by its witness, open, or confirmed; refused if it is not true."""
        if name in self.proved and not true:
            raise Refused(name, f"this is not shown: {text}")
        if name in self.refuted:
            last, tol = len(self.c.levels), Fraction(self.c.tolerance, 1 << self.c.bits)
            text = self.c.disproved(name, self.claims[name]["witness"], self.target, self.c.approximant, last, tol)
        word = "confirmed" if name in self.proved else "refuted" if name in self.refuted else "open"
        self.said += 1
        self.say(f"{word:<11} {name:<14} {'not claimed' if word == 'open' else text}")


def show(text: str, stream: TextIO | None = None) -> None:
    """Print one line."""
    print(printable(text), file=stream)


def rounds_to_nearest(one: float = 1.0) -> bool:
    """Whether floats of this thread are rounded to nearest: no proof here has one, but the engines' libraries may."""
    u = 2.0**-53
    return one + u == 1 and one + 3 * u == 1 + 4 * u


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 VERIFIED, 1 REFUSED (or REFUTED, as the certificate says), 2 it was not run, 3 INCOMPLETE."""
    parser = argparse.ArgumentParser(description="Check a certificate of mgdl-theory.", epilog=main.__doc__)
    parser.add_argument("file", help="certificate, .json or .json.gz")
    parser.add_argument("--engine", choices=("auto", *ENGINES), default="auto", help="of elementary functions")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default 1)")
    options = parser.parse_args(argv)
    try:
        code = examine(options.file, options.engine, options.workers)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except OSError as error:  # the reader of the output has gone away, or the disk is full
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            return 128 + 13
        show(f"error: {error}", sys.stderr)
        return 2


def examine(file: str, engine: str, workers: int) -> int:
    """Check one file and say what there is to say; returns the exit code."""
    wanted = ["arb", "mpmath"] if engine == "auto" else [engine]
    present = [name for name in wanted if find_spec({"arb": "flint"}.get(name, name))]
    if not present:
        show(f"error: {' or '.join(wanted)} is needed: install python-flint or mpmath", sys.stderr)
        return 2
    if not rounds_to_nearest():
        show("error: floats are not rounded to nearest here, which the engines may rely on", sys.stderr)
        return 2
    try:
        try:
            data = read(file)
        except OSError as error:
            show(f"error: {file!r} cannot be read: {error.strerror or error}", sys.stderr)
            return 2
        refutation = data["format"] != FORMATS[0]
        last = refute(data, present[0], show) if refutation else Check(data, present[0], show).run(workers)
    except MemoryError:
        show(f"error: {file!r} needs more memory than there is", sys.stderr)
        return 2
    except (Refused, LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        wrong = Refused("format", f"a field is missing or has the wrong type or value: {error!r}")
        refused = error if isinstance(error, Refused) else wrong  # before any claim was looked at
        show(f"{'refused':<11} {refused.claim:<14} {refused.text}")
        last = f"REFUSED: {refused.claim}: {refused.text}"
    show(last)
    return CODES[last.partition(":")[0]]


if __name__ == "__main__":
    sys.exit(main())
