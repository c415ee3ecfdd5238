"""Writes tests/data/vectors.txt: arguments and tight results of interval operations, as IEEE 1788 defines them.

Run it as ``python tests/make_vectors.py > tests/data/vectors.txt``; a test compares the two.  A line is

    operation argument ... = result

where an argument is an interval ``lo hi``, both in C99 hexadecimal, or the integer exponent of ``pown``; arguments are
separated by commas.  The result is the smallest interval with binary64 ends that holds every value of the operation on
its arguments.  Rational values are computed in rational arithmetic; the others are enclosed by Arb, with more and more
bits until both ends of the enclosure round to the same number.  Nothing here is of the package.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction

import flint

Ends = tuple[float, float]
Rounded = tuple[float, float]
"""The largest binary64 number <= a value and the smallest >= it."""

INF, LARGEST, NORMAL, LEAST = math.inf, sys.float_info.max, sys.float_info.min, 5e-324
ENTIRE = (-INF, INF)

# -- one value -------------------------------------------------------------------------------------


def around(value: Fraction) -> Rounded:
    """A rational value, rounded down and up."""
    if abs(value) >= 1 << 1024:
        return (LARGEST, INF) if value > 0 else (-INF, -LARGEST)
    try:
        near = value.numerator / value.denominator
    except OverflowError:  # between the largest number and 2^1024
        return (LARGEST, INF) if value > 0 else (-INF, -LARGEST)
    exact = Fraction(near)
    return (
        near if exact <= value else math.nextafter(near, -INF),
        near if exact >= value else math.nextafter(near, INF),
    )


def settled(enclosure: Callable[[], flint.arb]) -> Rounded:
    """A value that is no binary64 number, from enclosures of it with more and more bits."""
    for bits in (160, 640, 2560, 10240):
        with flint.ctx.workprec(bits):
            ball = enclosure()
            if not ball.is_finite():
                continue
            lower, upper = around(fraction(ball.lower())), around(fraction(ball.upper()))
        if lower == upper:
            return lower
    raise ArithmeticError("the value may be a binary64 number: leave this vector out")


def fraction(x: flint.arb) -> Fraction:
    """The midpoint, all of a ball of radius 0; beyond the range of binary64 a number that rounds as it does."""
    mantissa, exponent = (int(v) for v in x.man_exp())
    top = exponent + abs(mantissa).bit_length()
    if mantissa and not -1200 < top < 1200:
        mantissa, exponent = (1 if mantissa > 0 else -1), 1200 if top > 0 else -1200
    return Fraction(mantissa) * Fraction(2) ** exponent


def value(name: str, x: float, limits: Ends = ENTIRE) -> Rounded:
    """A monotone function at a number, or its limit at an infinity; the values of ``RATIONAL`` are the exact ones."""
    if math.isinf(x):
        limit = limits[x > 0]
        return limit, limit
    if (name, x) in RATIONAL:
        exact = RATIONAL[name, x]
        return exact, exact
    if name in ("exp", "sinh", "cosh", "tanh"):
        x = min(max(x, -800.0), 800.0)  # beyond, the values round as those at 800 do
    return settled(lambda: getattr(flint.arb(x), name)())


RATIONAL = {
    ("exp", 0.0): 1.0, ("log", 1.0): 0.0, ("sin", 0.0): 0.0, ("cos", 0.0): 1.0, ("tan", 0.0): 0.0, ("asin", 0.0): 0.0,
    ("acos", 1.0): 0.0, ("atan", 0.0): 0.0, ("sinh", 0.0): 0.0, ("cosh", 0.0): 1.0, ("tanh", 0.0): 0.0,
}  # fmt: skip
"""Theorem (Lindemann): at no other algebraic number these functions have an algebraic value."""


def root(x: float, n: int) -> Rounded:
    """The n-th root of x (n = 3: of any sign)."""
    if math.isinf(x):
        return x, x
    q = Fraction(abs(x))
    scale = 1 << (2400 // n)  # the root of a denominator 2^1074 has few bits less than that
    lower = integer_root(q.numerator * scale**n // q.denominator, n)
    exact = Fraction(lower, scale) ** n == q
    low, high = around(Fraction(lower, scale)), around(Fraction(lower + (not exact), scale))
    assert exact or low == high
    found = (low[0], high[1])
    return found if x >= 0 else (-found[1], -found[0])


def integer_root(m: int, n: int) -> int:
    """The largest integer whose n-th power is at most m."""
    low, high = 0, 1 << (m.bit_length() // n + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**n <= m else (low, middle)
    return low


def power(x: float, y: float) -> Rounded:
    """x^y for finite x > 0 and finite y."""
    if x == 1.0 or y == 0.0:
        return 1.0, 1.0
    numerator, denominator = y.as_integer_ratio()
    if denominator <= 8 and abs(numerator) <= 64:
        base = Fraction(x)
        top, bottom = integer_root(base.numerator, denominator), integer_root(base.denominator, denominator)
        if Fraction(top, bottom) ** denominator == base:
            return around(Fraction(top, bottom) ** numerator)
    return settled(lambda: flint.arb(x) ** flint.arb(y))


# -- intervals -------------------------------------------------------------------------------------


def sizes(a: Ends) -> Ends:
    """The least and the largest magnitude."""
    return (0.0 if a[0] <= 0 <= a[1] else min(map(abs, a))), max(map(abs, a))


def plus(x: float, y: float) -> Rounded:
    """x + y, not both infinite with opposite signs."""
    if math.isinf(x) or math.isinf(y):
        return (x + y,) * 2
    return around(Fraction(x) + Fraction(y))


def times(x: float, y: float) -> Rounded:
    """x * y; 0 times an infinity is 0, as the limit of 0 * y is."""
    if x == 0 or y == 0:
        return 0.0, 0.0
    if math.isinf(x) or math.isinf(y):
        return (x * y,) * 2
    return around(Fraction(x) * Fraction(y))


def over(x: float, y: float) -> Rounded:
    """x / y for y != 0, not both infinite: those corners are never the extreme ones."""
    if x == 0 or math.isinf(y):
        return 0.0, 0.0
    if math.isinf(x):
        return (x * math.copysign(1.0, y),) * 2
    return around(Fraction(x) / Fraction(y))


def hull(*parts: Rounded) -> Ends:
    """From the smallest value rounded down to the largest rounded up."""
    return min(p[0] for p in parts), max(p[1] for p in parts)


def corners(of: Callable[[float, float], Rounded], a: Ends, b: Ends) -> Ends:
    return hull(*(of(x, y) for x in a for y in b))


def quotient(a: Ends, b: Ends) -> Ends:
    """{x / y : y != 0}."""
    if a == (0, 0):
        return 0.0, 0.0
    if b[0] > 0 or b[1] < 0:
        return corners(over, a, b)
    if b[0] < 0 < b[1] or a[0] < 0 < a[1]:
        return ENTIRE
    far, near = b[1] or b[0], max(a[0], 0.0) or min(a[1], 0.0)  # the quotients begin at near / far and grow without end
    return (over(near, far)[0], INF) if (a[0] >= 0) == (far > 0) else (-INF, over(near, far)[1])


def whole_power(a: Ends, n: int) -> Ends:
    """{x^n} for n != 0; for n < 0 and a without 0."""
    low, high = a if n % 2 else sizes(a)

    def at(x: float) -> Rounded:
        if math.isinf(x):
            return (x**n,) * 2 if n > 0 else (0.0, 0.0)
        return around(Fraction(x) ** n)

    return hull(at(low), at(high))


def crossed(a: Ends, offset: Fraction, turn: int) -> bool:
    """Whether (offset + turn * k) * pi lies in a for an integer k; a is finite."""

    def turns(x: float, up: bool) -> int:
        if x == 0:
            q = -offset / turn
            return math.ceil(q) if up else math.floor(q)
        for bits in (160, 640, 2560, 10240):
            with flint.ctx.workprec(bits):
                q = (flint.arb(x) / flint.arb.pi() - flint.arb(flint.fmpq(offset.numerator, offset.denominator))) / turn
                ends = [math.floor(fraction(e)) for e in (q.lower(), q.upper())]
            if ends[0] == ends[1]:
                return ends[0] + up
        raise ArithmeticError("a multiple of pi is not a binary64 number")

    return turns(a[0], True) <= turns(a[1], False)


def wave(name: str, a: Ends, highest: Fraction) -> Ends:
    """Sine or cosine, which is 1 at (highest + 2 k) pi and -1 between."""
    if INF in a or -INF in a:
        return -1.0, 1.0
    lower, upper = hull(value(name, a[0]), value(name, a[1]))
    return (-1.0 if crossed(a, highest + 1, 2) else lower), (1.0 if crossed(a, highest, 2) else upper)


def tangent(a: Ends) -> Ends:
    if INF in a or -INF in a or crossed(a, Fraction(1, 2), 1):
        return ENTIRE
    return hull(value("tan", a[0]), value("tan", a[1]))


def rising(name: str, limits: Ends = ENTIRE) -> Callable[[Ends], Ends]:
    return lambda a: hull(value(name, a[0], limits), value(name, a[1], limits))


def arcus_tangent(a: Ends) -> Ends:
    half = settled(lambda: flint.arb.pi() / 2)
    ends = [value("atan", abs(x)) if math.isfinite(x) else half for x in a]
    return hull(*(e if x >= 0 else (-e[1], -e[0]) for x, e in zip(a, ends, strict=True)))


def logarithm(a: Ends) -> Ends:
    return (-INF if a[0] == 0 else value("log", a[0])[0]), value("log", a[1])[1]


UNARY: dict[str, Callable[[Ends], Ends]] = {
    "neg": lambda a: (-a[1], -a[0]),
    "abs": sizes,
    "recip": lambda a: quotient((1.0, 1.0), a),
    "sqr": lambda a: whole_power(a, 2),
    "sqrt": lambda a: hull(root(a[0], 2), root(a[1], 2)),
    "cbrt": lambda a: hull(root(a[0], 3), root(a[1], 3)),
    "exp": rising("exp", (0.0, INF)),
    "log": logarithm,
    "sin": lambda a: wave("sin", a, Fraction(1, 2)),
    "cos": lambda a: wave("cos", a, Fraction(0)),
    "tan": tangent,
    "asin": rising("asin"),
    "acos": rising("acos"),
    "atan": arcus_tangent,
    "sinh": rising("sinh"),
    "cosh": lambda a: hull(*(value("cosh", x, (INF, INF)) for x in sizes(a))),
    "tanh": rising("tanh", (-1.0, 1.0)),
}
BINARY: dict[str, Callable[[Ends, Ends], Ends]] = {
    "min": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    "max": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    "hull": lambda a, b: (min(a[0], b[0]), max(a[1], b[1])),
    "add": lambda a, b: (plus(a[0], b[0])[0], plus(a[1], b[1])[1]),
    "sub": lambda a, b: (plus(a[0], -b[1])[0], plus(a[1], -b[0])[1]),
    "mul": lambda a, b: corners(times, a, b),
    "div": quotient,
    "pow": lambda a, b: corners(power, a, b),
}

# -- arguments -------------------------------------------------------------------------------------

ANY = [0.0, -0.0, LEAST, -LEAST, NORMAL, -NORMAL, NORMAL - LEAST, 1.0, -1.0, 1 + 2.0**-52, 1 - 2.0**-53, 0.1, -3.5,
       2.0**53 + 2, 1e-160, 1e160, -1e160, LARGEST, -LARGEST]  # fmt: skip
UNIT = [x for x in ANY if abs(x) <= 1] + [0.5, -0.5, -1 + 2.0**-53, 0.9999]
TURNS = [1, 2, 3, 4, 7, 11, 22, 710, 80143857, -1, -2, -5, -355]
WAVES = [*ANY, *(k * math.pi / 2 for k in TURNS), 22.0, 355.0, 5419351.0, 6381956970095103 * 2.0**797, 1e22]
NATURAL = [*ANY, 709.782712893384, 709.7827128933841, -745.1332191019411, -745.1332191019412, -708.4, 710.4758600739439,
           -36.7, 22.0, 2.0**-27, 30.0]  # fmt: skip
SPECIAL = {
    **dict.fromkeys(("asin", "acos"), UNIT),
    **dict.fromkeys(("sin", "cos", "tan"), WAVES),
    **dict.fromkeys(("exp", "sinh", "cosh", "tanh", "atan"), NATURAL),
    "log": [*ANY, math.e, 2.718281828459045, 10.0, 0.5],
    "sqrt": [*ANY, 4.0, 2.0, 2.0**-1074, 1 + 2.0**-51 + 2.0**-104, 6.25],
    "cbrt": [*ANY, 8.0, -27.0, 2.0, 3.375],
}
LOWEST = {"sqrt": 0.0, "log": 0.0, "asin": -1.0, "acos": -1.0, "pow": LEAST}
HIGHEST = {"asin": 1.0, "acos": 1.0}
EXPONENTS = [0, 1, 2, 3, 4, 5, 7, 8, 10, 33, -1, -2, -3, -8]
COUNT = 90
"""Experience: intervals of each operation; the file has a few hundred thousand bytes."""


class Source:
    """Numbers and intervals that are the same on every machine: only the bits of the generator are used."""

    def __init__(self, name: str) -> None:
        self.bits = random.Random(f"vectors of {name}").getrandbits
        self.special = SPECIAL.get(name, ANY)
        self.low, self.high = LOWEST.get(name, -INF), HIGHEST.get(name, INF)

    def number(self) -> float:
        """A special number, or one of any, of moderate or of common size."""
        kind, sign = self.bits(2), 1 - 2 * self.bits(1)
        if kind == 0:
            return self.special[self.bits(16) % len(self.special)]
        if kind == 1:
            return sign * math.ldexp(1 + self.bits(52) / 2**52, self.bits(11) % 2000 - 1050)
        return sign * math.ldexp(1 + self.bits(52) / 2**52, self.bits(4) - (12 if kind == 2 else 7))

    def interval(self) -> Ends:
        """Thin, a few units wide, narrow, wide or unbounded; within the domain."""
        while True:
            a, kind = self.number(), self.bits(3)
            b = a
            if kind in (2, 3):
                b = math.nextafter(a, INF)
            elif kind == 4:
                b = a + abs(a) * math.ldexp(1.0, -self.bits(5))
            elif kind > 4:
                b = self.number()
            if kind == 7 and not self.bits(1):
                b = INF
                a = -INF if not self.bits(2) else a
            a, b = min(a, b), max(a, b)
            a, b = (-b, -a) if self.bits(1) else (a, b)
            if self.low <= a and b <= self.high and a < INF and b > -INF:
                return a, b


def lines() -> Iterator[str]:
    """The vectors, operation by operation, each once."""
    for name, unary in UNARY.items():
        source = Source(name)
        given = dict.fromkeys((source.interval(),) for _ in range(COUNT))
        domain = {"log": lambda a: a[1] > 0, "recip": lambda a: a != (0, 0)}.get(name, lambda a: True)
        yield from (line(name, args, unary(*args)) for args in given if domain(*args))
    for name, binary in BINARY.items():
        source = Source(name)
        given = dict.fromkeys((source.interval(), source.interval()) for _ in range(COUNT))
        yield from (line(name, args, binary(*args)) for args in given if allowed(name, *args))
    source = Source("pown")
    for k in range(COUNT):
        a, n = source.interval(), EXPONENTS[k % len(EXPONENTS)]
        if n > 0 or not a[0] <= 0 <= a[1]:
            yield line("pown", (a, n), whole_power(a, n) if n else (1.0, 1.0))


def allowed(name: str, a: Ends, b: Ends) -> bool:
    """Whether the operation is defined somewhere, and, for ``pow``, everywhere and finite in its arguments."""
    if name == "div":
        return b != (0, 0)
    return name != "pow" or (INF not in (a[1], b[1]) and b[0] > -INF and max(map(abs, b)) < 1e10)


def line(name: str, args: tuple[Ends | int, ...], result: Ends) -> str:
    texts = [str(arg) if isinstance(arg, int) else shown(arg) for arg in args]
    return f"{name} {', '.join(texts)} = {shown(result)}"


def shown(a: Ends) -> str:
    return " ".join("0" if x == 0 and math.copysign(1, x) > 0 else x.hex().replace("p+0", "") for x in a)


if __name__ == "__main__":
    sys.stdout.write("".join(f"{text}\n" for text in lines()))
