"""How fast a function may vary: a Lipschitz constant, a Hoelder bound, or any modulus of continuity.

A modulus is what turns values at points into bounds over cells (theory.md, Section 1, Lemma 8); it is the
assumption that a proof about a callable rests on.
"""

from __future__ import annotations

import bisect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from mgdl_theory.errors import OptionError, shown, told
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.rounding import add_up, check_arithmetic, mul_up, quiet, up
from mgdl_theory.targets.base import THETA, FloatArray, exact_number, read_list
from mgdl_theory.targets.caller import foreign, raised
from mgdl_theory.text import NAME, constant_text, float_text, plain

MODULUS_ERROR = 2.0**-40
"""Experience, declared: a callable modulus returns no less than omega(t) (1 - MODULUS_ERROR) - 2**-1022."""

LEVELS = 64
"""Definition: levels for which defects are tabled, more than any mesh has."""

SLACK = Fraction(1, 1 << 20)
"""Experience: relative room in the margins, which absorbs the rounding of the margin condition."""


class Modulus(ABC):
    """Bounds of |f(x) - f(y)| by the distances of x and y along the axes.

    ``text`` says it as a formula; ``concave`` allows the bound of a cell's defect to be taken at half its diagonal.
    """

    text: str
    concave: bool

    @abstractmethod
    def bound(self, sides: Sequence[FloatArray]) -> FloatArray:
        """(n,): |f(x) - f(y)| is at most this where |x_a - y_a| <= sides[a]_i for every axis a; 0 if all are 0."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Text and exact constants."""

    def defect(self, sides: Sequence[FloatArray]) -> FloatArray:
        """(n,): sag and bulge of a cell with these sides are at most this (docs/theory.md, Lemma 8).

        >>> HoelderModulus(3, 1).defect([np.array([0.5])]).tolist()
        [0.75]
        """
        return self.bound([halved(side, 1) for side in sides] if self.concave else sides)


class Axes(Modulus):
    """|f(x) - f(y)| <= L_1 |x_1 - y_1| + ... + L_d |x_d - y_d|.

    >>> Axes([1, 2]).bound([np.array([0.5]), np.array([0.25])]).tolist()
    [1.0]
    """

    concave = True

    def __init__(self, constants: Sequence[Any]) -> None:
        self.constants = tuple(_nonnegative("lipschitz", c) for c in constants)
        self.text = "|f(x) - f(y)| <= " + " + ".join(
            f"{constant_text(c)} |x{a} - y{a}|" for a, c in enumerate(self.constants, 1)
        )

    def bound(self, sides: Sequence[FloatArray]) -> FloatArray:
        """L_1 s_1 + ... + L_d s_d."""
        terms = [mul_up(Interval.exact(c).hi, side) for c, side in zip(self.constants, sides, strict=True)]
        total = terms[0]
        for term in terms[1:]:
            total = add_up(total, term)
        return total

    def describe(self) -> dict[str, Any]:
        """Text and exact constants."""
        return {"kind": "axes", "text": self.text, "constants": [str(c) for c in self.constants]}


class HoelderModulus(Modulus):
    """|f(x) - f(y)| <= C |x - y|^alpha with 0 < alpha <= 1 (Hoelder; Lipschitz for alpha = 1), Euclidean distance.

    >>> HoelderModulus(2, "1/2").bound([np.array([0.25])]).tolist()
    [1.0]
    """

    concave = True

    def __init__(self, constant: Any, alpha: Any = 1) -> None:
        name = "lipschitz" if alpha == 1 else "holder"
        self.constant, self.alpha = _nonnegative(name, constant), _nonnegative("holder", alpha)
        if not 0 < self.alpha <= 1:
            raise OptionError(f"holder: expected an exponent alpha with 0 < alpha <= 1, got {shown(alpha)}")
        power = "" if self.alpha == 1 else f"^{constant_text(self.alpha)}"
        self.text = f"|f(x) - f(y)| <= {constant_text(self.constant)} |x - y|{power}"

    def bound(self, sides: Sequence[FloatArray]) -> FloatArray:
        """C |s|^alpha."""
        t = _norm(sides)
        if self.alpha != 1:
            finite = np.where(np.isfinite(t), t, 0.0)
            with quiet():
                power = get_engine("numpy").powq(Interval(finite, finite), self.alpha).hi
            t = np.where(t == 0.0, 0.0, np.where(np.isfinite(t), power, np.inf))
        return mul_up(Interval.exact(self.constant).hi, t)

    def describe(self) -> dict[str, Any]:
        """Text and exact constants."""
        return {"kind": "power", "text": self.text, "constant": str(self.constant), "alpha": str(self.alpha)}


class Given(Modulus):
    """|f(x) - f(y)| <= omega(|x - y|), Euclidean distance, for a Python function omega.

    omega is called with one float at a time.  That it is 0 at 0, finite, nondecreasing, and midpoint concave if it
    was said to be concave, is checked on the numbers that are seen.

    >>> Given(lambda t: t * (1 + abs(math.log(t))) if t else 0.0).bound([np.array([0.0])]).tolist()
    [0.0]
    """

    def __init__(self, omega: Callable[[float], Any], *, concave: bool = False) -> None:
        self.omega, self.concave = omega, concave
        name = plain(str(getattr(omega, "__name__", type(omega).__name__)), NAME)
        self.text = f"|f(x) - f(y)| <= {'omega' if name == '<lambda>' else name}(|x - y|)"
        self._seen: list[tuple[float, float]] = []
        if self._ask(0.0) != 0:
            raise OptionError(f"modulus: omega(0) must be 0, got {self._ask(0.0)!r}")

    def bound(self, sides: Sequence[FloatArray]) -> FloatArray:
        """omega(|s|)."""
        distinct, where = np.unique(_norm(sides), return_inverse=True)
        return np.array([self._upper(t) for t in distinct.tolist()])[where.reshape(-1)]

    def describe(self) -> dict[str, Any]:
        """Text and the declared error of omega."""
        return {"kind": "given", "text": self.text, "concave": self.concave, "relative_error": "2^-40"}

    def _upper(self, t: float) -> float:
        """At least omega(t), asked once for every t."""
        if t == 0 or t == math.inf:
            return t
        at = bisect.bisect_left(self._seen, (t, -1.0))
        if at == len(self._seen) or self._seen[at][0] != t:
            self._seen.insert(at, (t, self._ask(t)))
            self._check(at)
        value = self._seen[at][1]
        return float(up(up(value * (1 + 2 * MODULUS_ERROR)) + 2.0**-1021))

    def _ask(self, t: float) -> float:
        try:
            with foreign():
                value = float(self.omega(t))
        except BaseException as error:
            if not raised(error):
                raise
            raise OptionError(f"modulus: omega({float_text(t)}) raised {told(error)}") from error
        check_arithmetic()  # before a number is remembered: foreign code may have changed the rounding mode
        if not (value >= 0 and math.isfinite(value)):
            raise OptionError(f"modulus: omega({float_text(t)}) must be a finite number >= 0, got {value!r}")
        return value

    def _check(self, at: int) -> None:
        """Nondecreasing at the neighbours of a new number, and not below the half of a concave one's double."""
        pairs = [self._seen[k : k + 2] for k in (at - 1, at) if 0 <= k < len(self._seen) - 1]
        for (s, low), (t, high) in pairs:
            if low > high * (1 + 4 * MODULUS_ERROR) + 2.0**-1020:
                raise OptionError(f"modulus: omega must not decrease, but {_equation(s, low)} > {_equation(t, high)}")
            if self.concave and high * s > low * t * (1 + 8 * MODULUS_ERROR) + 2.0**-1000:  # omega(t)/t must not grow
                raise OptionError(
                    f"modulus: omega is not concave: {_equation(s, low)} and {_equation(t, high)}; "
                    "leave out concave=True"
                )


def modulus_of(
    dim: int, lipschitz: Any = None, holder: Any = None, modulus: Any = None, concave: bool = False
) -> Modulus | None:
    """The modulus that one of these options states, or None.

    >>> modulus_of(2, lipschitz=[1, "1/2"]).text
    '|f(x) - f(y)| <= 1 |x1 - y1| + 1/2 |x2 - y2|'
    """
    given = [
        name
        for name, value in (("lipschitz", lipschitz), ("holder", holder), ("modulus", modulus))
        if value is not None
    ]
    if len(given) > 1:
        raise OptionError(f"give one modulus of continuity, not {' and '.join(given)}")
    if concave and modulus is None:
        raise OptionError("concave=True belongs to modulus=omega; Lipschitz and Hoelder bounds are concave anyway")
    if modulus is not None:
        if not callable(modulus):
            raise OptionError(f"modulus: expected a function omega of one number, got {shown(modulus)}")
        return Given(modulus, concave=bool(concave))
    if holder is not None:
        holder = read_list("holder", holder, "a pair (C, alpha)")
        if len(holder) != 2:
            raise OptionError(f"holder: expected a pair (C, alpha), got {shown(holder)}")
        return HoelderModulus(*holder)
    return None if lipschitz is None else _lipschitz(lipschitz, dim)


def _lipschitz(lipschitz: Any, dim: int) -> Modulus:
    """One constant for all directions, or one per axis."""
    if isinstance(lipschitz, np.ndarray):
        lipschitz = lipschitz.tolist()
    if isinstance(lipschitz, Sequence) and not isinstance(lipschitz, str):
        lipschitz = read_list("lipschitz", lipschitz, "a number, or one per axis")
        if len(lipschitz) != dim:
            raise OptionError(f"lipschitz: expected one constant, or {dim} for {dim} axes, got {len(lipschitz)}")
        return Axes(lipschitz)
    return HoelderModulus(lipschitz)


def defect_table(modulus: Modulus, widths: Sequence[FloatArray], noise: float) -> tuple[FloatArray, FloatArray]:
    """(p, theta) by level for cells that are 2**-level of a box with sides of these widths (1,).

    p bounds sag and bulge.  theta p_l is the sum of p_j + noise over the levels j >= l, so that a margin less its
    defect leaves the margin of every later level and the width ``noise`` of an enclosure (docs/targets.md,
    Proposition T1): for a bound that falls by rho per level this is theta = 1/(1 - rho).  Where the bounds fall so
    slowly that theta would exceed ``THETA[0]``, theta is that, and levels are skipped.

    >>> p, theta = defect_table(HoelderModulus(1), [np.array([1.0])], 0.0)
    >>> p[:3].tolist(), bool(1.9999 < theta[0] < 2.0001)
    ([0.5, 0.25, 0.125], True)
    """
    levels = np.arange(LEVELS)
    p = modulus.defect([halved(np.broadcast_to(width, LEVELS), levels) for width in widths])
    theta = np.full(LEVELS, THETA[0])
    later = Fraction(0)
    for level in reversed(levels.tolist()):
        if not math.isfinite(p[level] + noise):
            break
        here = Fraction(float(p[level]))
        later += here + Fraction(noise)
        ratio = (1 + SLACK) * later / here if here else Fraction(2)
        if ratio < Fraction(THETA[0]):
            theta[level] = math.nextafter(float(ratio), math.inf)
    return p, theta


def halved(side: FloatArray, times: Any) -> FloatArray:
    """At least side / 2**times, and equal to it where that does not underflow.

    >>> halved(np.array([1.0]), 2).tolist()
    [0.25]
    """
    scaled = np.ldexp(side, -times)
    return np.where(scaled < 2.0**-1000, np.where(side > 0, up(scaled), 0.0), scaled)


def _norm(sides: Sequence[FloatArray]) -> FloatArray:
    """(n,): at least the Euclidean length of a vector with these nonnegative entries; exact in one dimension."""
    if len(sides) == 1:
        return np.asarray(sides[0], dtype=np.float64)
    stacked = np.stack(np.broadcast_arrays(*sides))
    largest = stacked.max(axis=0)
    exponent = np.frexp(np.where(np.isfinite(largest), largest, 1.0))[1]
    total = np.zeros(stacked.shape[1:])
    with quiet():
        for side in stacked:
            part = np.ldexp(side, -exponent)
            part = np.where(part < 2.0**-400, np.where(side > 0, 2.0**-400, 0.0), part)  # larger is allowed
            total = add_up(total, mul_up(part, part))
        return np.where(largest == 0, 0.0, up(np.ldexp(up(np.sqrt(total)), exponent)))


def _nonnegative(name: str, value: Any) -> Fraction:
    try:
        exact = exact_number(value)
    except ValueError:
        exact = Fraction(-1)
    if exact < 0 or math.isinf(Interval.exact(exact).hi[0]):
        raise OptionError(f"{name}: expected a finite number that is at least 0, got {shown(value)}")
    return exact


def _equation(t: float, value: float) -> str:
    return f"omega({float_text(t)}) = {float_text(value)}"
