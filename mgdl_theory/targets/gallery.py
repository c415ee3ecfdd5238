"""Named targets, from constants to nowhere differentiable functions, shared by tests, docs, benchmarks and CLI.

``mg.target("@weierstrass")`` and ``mgdl-theory verify @weierstrass`` build one; ``mgdl-theory gallery`` lists
them.  An entry that stands for an infinite series is a partial sum with a proven bound of the tail
(:class:`~mgdl_theory.targets.ball.UniformBall`): what is proved of it is proved of the full sum.  The number of
terms is chosen for a tolerance; a smaller tolerance needs the entry built for it.
"""

from __future__ import annotations

import difflib
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from mgdl_theory.errors import OptionError
from mgdl_theory.targets.ball import UniformBall
from mgdl_theory.targets.base import Box, FloatArray, Target, exact_number
from mgdl_theory.targets.formula.domain import require_defined
from mgdl_theory.targets.formula.target import ExpressionTarget
from mgdl_theory.text import up_text

TAIL_PART = Fraction(1, 4)
"""Experience: a tail of this part of the tolerance costs next to nothing, and fewer terms are smoother."""

Series = Callable[[int], tuple[str, Fraction]]
"""Number of terms -> (formula of the partial sum, bound of |f - partial sum| on the domain)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One named target.

    Attributes
    ----------
    name : str
        What follows the ``@``.
    title : str
    formula : str
        The target as a formula of docs/expressions.md; for a series or a program, its definition in words.
    domain : tuple of str
        Lower and upper end per variable, exact.
    regularity : str
    source : str
        Where it comes from; empty for folklore.
    tol : str
        A tolerance that takes seconds at most.
    expect : str
        What a run shows.
    tail : str
        For a series, the bound of the tail of N terms.
    series, make : callable or None
        How the target is built where ``formula`` is not one.
    most : int
        Largest number of terms: nested formulas end at the limits of the language, cosines at the reach of their
        enclosures.  A tolerance that asks for more ends UNDECIDED.
    """

    name: str
    title: str
    formula: str
    domain: tuple[str, ...]
    regularity: str
    source: str
    tol: str
    expect: str
    tail: str = ""
    series: Series | None = None
    make: Callable[[], Target] | None = None
    most: int = 48

    @property
    def box(self) -> Box:
        """The domain."""
        return Box.of(self.domain)

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return len(self.domain) // 2

    def target(self, tol: Any = None, engine: str = "numpy") -> Target:
        """The target; a series with terms enough for this tolerance, by default the entry's own.

        >>> find("@abs-third").target().text
        '@abs-third: abs(x - 1/3)'
        """
        if self.make is not None:
            f = self.make()
            f.text = f"@{self.name}: {self.title}"
            return f
        text, tail = self.formula, Fraction(0)
        if self.series is not None:
            text, tail = self._partial_sum(self.series, exact_number(self.tol if tol is None else tol))
        f = ExpressionTarget(text, self.box, engine)
        require_defined(f)
        name = f"@{self.name}: {self.formula if len(self.formula) <= 60 else self.title}"
        if self.series is not None:
            return UniformBall(f, tail, f"{name} (tail <= {up_text(tail, 3)})")
        f.text = name
        return f

    def _partial_sum(self, series: Series, tol: Fraction) -> tuple[str, Fraction]:
        """The shortest partial sum whose tail is at most a part of the tolerance, or the longest there is."""
        found = (series(terms) for terms in range(1, self.most))
        return next((each for each in found if each[1] <= TAIL_PART * tol), series(self.most))


def find(name: str) -> Entry:
    """The entry of this name, with or without its ``@``.

    >>> find("@sqrt").formula
    'sqrt(x)'
    >>> find("@takagy")
    Traceback (most recent call last):
    mgdl_theory.errors.OptionError: there is no @takagy in the gallery; did you mean @takagi?
    """
    key = name.removeprefix("@")
    if key in GALLERY:
        return GALLERY[key]
    near = difflib.get_close_matches(key[:40], GALLERY, n=3, cutoff=0.5)
    advice = f"did you mean {' or '.join('@' + n for n in near)}?" if near else "mgdl-theory gallery lists all"
    raise OptionError(f"there is no @{key[:40]} in the gallery; {advice}")


# -- series and limits -----------------------------------------------------------------------------


def _weierstrass(terms: int) -> tuple[str, Fraction]:
    """W = sum_{n >= 0} 2^-n cos(3^n pi x); the terms from N on sum up to at most 2^(1-N)."""
    return " + ".join(f"cos({3**n}*pi*x)/{2**n}" for n in range(terms)), Fraction(2, 2**terms)


def _takagi(terms: int) -> tuple[str, Fraction]:
    """T = sum_{n >= 1} 2^-n tau^n(x), tau(t) = 1 - |2t - 1| the tent map.

    2^-n tau^n(x) is 2^(1-n) dist(2^(n-1) x, Z) on [0, 1], so this is Takagi's sum over k = n - 1 of
    2^-k dist(2^k x, Z).  T = T_N + 2^-N T(tau^N(x)) and max T = 2/3 bound the tail.
    """
    tent, parts = "x", []
    for n in range(1, terms + 1):
        tent = f"(1 - abs(2*{tent} - 1))"
        parts.append(f"{tent}/{2**n}")
    return " + ".join(parts), Fraction(2, 3 * 2**terms)


def _cantor(terms: int) -> tuple[str, Fraction]:
    """C - 1/2 = D(x - 1/2), D_N(v) = max(-1, min(1, 6v)) (1/4 + D_(N-1)(3|v| - 1)/2), D_0 the identity cut at +-1/2.

    C(x) is C(3x)/2 on the left third, 1/2 in the middle, 1/2 + C(3x - 2)/2 on the right, with C = 0 left of 0
    and 1 right of 1.  For v = x - 1/2 >= 1/6 this is D(v) = 1/4 + D(3v - 1)/2, for |v| <= 1/6 the bracket is 0,
    and D is odd.  Each step halves the distance from C, and |C(x) - x| <= 1 at the start.
    """
    v = "(x - 1/2)"
    text = "1/2 + "
    for _ in range(terms):
        text += f"max(-1, min(1, 6*{v}))*(1/4 + 1/2*"
        v = f"(3*abs({v}) - 1)"
    return f"{text}max(-1/2, min(1/2, {v})){')' * terms}", Fraction(1, 2**terms)


def _x_sin_1_x(terms: int) -> tuple[str, Fraction]:
    """x sin(1/x), 0 at 0, by x sin(x/(x^2 + q)).

    They differ by at most |x| min(2, q / (|x| (x^2 + q))) <= min(2|x|, q/x^2) <= (4q)^(1/3); with q = 2^(-3N-2)
    this is 2^-N.
    """
    return f"x*sin(x/(x**2 + 2**{-3 * terms - 2}))", Fraction(1, 2**terms)


def _x_log_x(terms: int) -> tuple[str, Fraction]:
    """x log x, 0 at 0, by x log(x + q): the difference x log(1 + q/x) is at most q."""
    return f"x*log(x + 2**{-terms})", Fraction(1, 2**terms)


def _bump(terms: int) -> tuple[str, Fraction]:
    """exp(-1/t), t = max(1 - x^2, 0), by exp(-1/(t + q)): the slope of exp(-1/t) is at most 4 exp(-2) < 1."""
    return f"exp(-1/(max(1 - x**2, 0) + 2**{-terms}))", Fraction(1, 2**terms)


# -- programs with a modulus ---------------------------------------------------------------------------


def _cantor_values(x: FloatArray) -> FloatArray:
    """C(x) by the ternary digits of x, exact where x is a multiple of 2^-52."""
    n = np.round(np.ldexp(x, 52)).astype(np.int64)
    total = np.where(n == 1 << 52, 1.0, 0.0)
    n[n == 1 << 52] = 0
    for k in range(1, 53):
        n *= 3
        digit = n >> 52
        total += np.ldexp((digit > 0).astype(np.float64), -k)
        n = np.where(digit == 1, 0, n & (1 << 52) - 1)  # after the first 1 all digits count as 0
    return total


def _cantor_program() -> Target:
    """|C(x) - C(y)| <= |x - y|^alpha, alpha = log 2 / log 3 > 0.63; rounding x to 2^-52 moves C by less than 2^-33."""
    from mgdl_theory.targets.function import CallableTarget
    from mgdl_theory.targets.modulus import HoelderModulus

    modulus = HoelderModulus(1, Fraction(63, 100))
    return CallableTarget(_cantor_values, Box.of([0, 1]), modulus, value_error=(0, Fraction(1, 1 << 33)), name="cantor")


def _x_sin_1_x_values(x: FloatArray) -> FloatArray:
    far = np.abs(x) > 2.0**-26
    safe = np.where(far, x, 1.0)
    return np.where(far, safe * np.sin(1 / safe), 0.0)


def _x_sin_1_x_program() -> Target:
    """omega(t) = t + sqrt(2t), concave.

    f is even, so let 0 <= x < y = x + t.  f(y) - f(x) = t sin(1/y) + x (sin(1/y) - sin(1/x)), and the second part is
    at most x min(2, t/(xy)) = min(2x, t/y) <= sqrt(2x t/y) <= sqrt(2t).  Values: |f| <= 2^-26 where 0 is returned;
    elsewhere rounding 1/x moves f by at most 2^-53, and the sine errs by a few units of 2^-52.
    """
    from mgdl_theory.targets.function import CallableTarget
    from mgdl_theory.targets.modulus import Given

    modulus = Given(_t_plus_root_2t, concave=True)
    box, error = Box.of([-1, 1]), (0, Fraction(1, 1 << 26))
    return CallableTarget(_x_sin_1_x_values, box, modulus, value_error=error, name="x sin(1/x)")


def _t_plus_root_2t(t: float) -> float:
    return t + math.sqrt(2 * t)


# -- samples -------------------------------------------------------------------------------------------


def _brownian_path() -> Target:
    """Sums of 1000 normal steps of variance 1/1000 (Box and Muller, from a seed), rounded to 2^-20, joined linearly."""
    from mgdl_theory.targets.samples import SamplesTarget

    source, place, path = random.Random(1827), 0.0, [0.0]
    for _ in range(1000):
        radius, turn = math.sqrt(-2 * math.log(1 - source.random())), source.random()
        place += radius * math.cos(2 * math.pi * turn) / math.sqrt(1000)
        path.append(math.ldexp(round(math.ldexp(place, 20)), -20))
    return SamplesTarget(np.array(path), Box.of([0, 1]), name="Brownian path")


# -- formulas from a seed --------------------------------------------------------------------------


def _dice(seed: int) -> Callable[[int, int], int]:
    """Integers low..high, the same on every machine: ``random.Random.random`` is fixed by its seed."""
    source = random.Random(seed)
    return lambda low, high: low + math.floor((high - low + 1) * source.random())


def _fifty_kinks() -> str:
    """Sum of 50 terms (c_k / 16) |x - a_k| with a_k in thousandths and c_k of alternating signs."""
    dice = _dice(50)
    pairs = [((-1) ** k * dice(16, 32), 20 * k + dice(1, 19)) for k in range(50)]
    return " + ".join(f"{c}/16*abs(x - {a}/1000)" for c, a in pairs)


def _min_of_planes() -> str:
    dice = _dice(12)
    planes = (f"{dice(-64, 64)}/64*x + {dice(-64, 64)}/64*y + {dice(0, 64)}/64" for _ in range(12))
    return f"min({', '.join(planes)})"


def _distance_to_polygon() -> str:
    points = [(Fraction(a, 8), Fraction(b, 8)) for a, b in ((2, 1), (7, 3), (5, 7), (4, 4), (1, 6))]
    edges = (_distance_to_segment(p, q) for p, q in zip(points, points[1:] + points[:1], strict=True))
    return f"min({', '.join(edges)})"


def _distance_to_segment(p: Sequence[Fraction], q: Sequence[Fraction]) -> str:
    """sqrt(along^2 + across^2): s in [0, 1] beside the segment, c the cross product with q - p."""
    u, v = q[0] - p[0], q[1] - p[1]
    square = u * u + v * v
    s = f"(({u})*(x - {p[0]}) + ({v})*(y - {p[1]}))/({square})"
    c = f"({v})*(x - {p[0]}) - ({u})*(y - {p[1]})"
    return f"sqrt({square}*max(0, -{s}, {s} - 1)**2 + ({c})**2/({square}))"


def _twenty_sines(amplitude: Callable[[int], str]) -> str:
    """sum_{j=1}^20 a_j sin(2 pi 10 j x + phi_j), phi_j in thousandths of a radian."""
    dice = _dice(20)
    return " + ".join(f"{amplitude(j)}*sin({20 * j}*pi*x + {dice(0, 6283)}/1000)" for j in range(1, 21))


def _nested() -> str:
    g = "abs(cos(15*pi*(x - 0.3)) - 0.7)"
    g = f"abs(cos(2*pi*({g} - 0.5)) - 0.5)"
    g = f"(1.3 - abs({g} - 1.3))"
    return f"(x + 1)*(0.9 - abs({g} - 0.9))"


# -- the table -------------------------------------------------------------------------------------

_FANG_XU = "R. Fang, Y. Xu, Addressing Spectral Bias of Deep Neural Networks by Multi-Grade Deep Learning (2024)"
_SINES = "20 sines, 10 to 200 turns"


def _sines(number: int, law: str, amplitude: Callable[[int], str], expect: str) -> Entry:
    return Entry(
        f"twenty-sines-{number}", f"{_SINES}, amplitudes {law}", _twenty_sines(amplitude), ("0", "1"),
        "analytic, oscillating", f"after {_FANG_XU}, with our own phases", "0.05", expect,
    )  # fmt: skip


_ENTRIES = (
    # -- smooth, one variable --
    Entry(
        "constant", "a constant", "1/3", ("0", "1"), "constant", "", "1e-6",
        "one level; 1/3 is not dyadic, so a rest below tol stays",
    ),
    Entry(
        "linear", "a linear function", "2*x - 1/3", ("0", "1"), "linear", "", "1e-6",
        "no balanced grade is nonzero across the zero 1/6, which is no node: 1/2 per level there",
    ),
    Entry(
        "quadratic", "a parabola", "x**2 - 0.3", ("0", "1"), "polynomial", "", "1e-6",
        "1/2 per level at the irrational zero, 1/4 elsewhere",
    ),
    Entry(
        "damped-sine", "a damped sine", "sin(10*x)*exp(-x)", ("0", "1"), "analytic", "", "1e-6",
        "a handful of atoms per level near the four zeros",
    ),
    Entry(
        "fast-sine", "high frequency", "sin(100*x)", ("0", "1"), "analytic, oscillating", "", "1e-4",
        "nothing before the mesh sees a period, then as a slow sine",
    ),
    Entry(
        "runge", "Runge's function", "1/(1 + 25*x**2)", ("-1", "1"), "analytic",
        "C. Runge, Z. Math. Phys. 46 (1901)", "1e-6",
        "no zero, so 1/4 per level; interpolation at equal distances would diverge",
    ),
    Entry(
        "bump", "the bump exp(-1/(1 - x^2))", "exp(-1/(1 - x^2)) for |x| < 1, else 0", ("-2", "2"),
        "C-infinity, not analytic", "", "1e-5",
        "flat beyond +-1; proved through a formula that is within 2^-N of it", "2^-N", _bump,
    ),
    # -- smooth, several variables --
    Entry(
        "two-waves", "a wave and an exponential", "sin(6*x)*cos(5*y) + exp(-x*y)", ("0", "1") * 2, "analytic", "",
        "1e-3", "lifted, 1/4 per level",
    ),
    Entry(
        "franke", "Franke's function",
        "0.75*exp(-((9*x - 2)**2 + (9*y - 2)**2)/4) + 0.75*exp(-(9*x + 1)**2/49 - (9*y + 1)/10)"
        " + 0.5*exp(-((9*x - 7)**2 + (9*y - 3)**2)/4) - 0.2*exp(-(9*x - 4)**2 - (9*y - 7)**2)",
        ("0", "1") * 2, "analytic", "R. Franke, Math. Comp. 38 (1982)", "1e-3", "atoms crowd on two hills and a dip",
    ),
    Entry(
        "peaks", "MATLAB's peaks",
        "3*(1 - x)**2*exp(-x**2 - (y + 1)**2) - 10*(x/5 - x**3 - y**5)*exp(-x**2 - y**2) - exp(-(x + 1)**2 - y**2)/3",
        ("-3", "3") * 2, "analytic", "", "0.02", "flat far out: few atoms there",
    ),
    Entry(
        "himmelblau", "Himmelblau's function, divided by 100", "((x**2 + y - 11)**2 + (x + y**2 - 7)**2)/100",
        ("-5", "5") * 2, "polynomial", "D. M. Himmelblau, Applied Nonlinear Programming (1972)", "0.01",
        "four minima of value 0; lifted",
    ),
    Entry(
        "rosenbrock", "Rosenbrock's valley, divided by 1000", "(100*(y - x**2)**2 + (1 - x)**2)/1000",
        ("-2", "2") * 2, "polynomial", "H. H. Rosenbrock, Comput. J. 3 (1960)", "2e-3", "lifted, 1/4 per level",
    ),
    Entry(
        "plane-waves", "sin(kx/sqrt 2) sin(ky/sqrt 2), k = 50", "sin(50*x/sqrt(2))*sin(50*y/sqrt(2))",
        ("0", "1") * 2, "analytic, oscillating",
        "a solution of Helmholtz' equation with wave number 50; a published target of multigrade learning", "0.02",
        "uniform work: no part of the square is easy",
    ),
    Entry(
        "three-waves", "three variables", "sin(3*x)*cos(2*y) + exp(-x*z)", ("0", "1") * 3, "analytic", "", "3e-3",
        "atoms grow as tol^(-3/2)",
    ),
    Entry(
        "product", "a product of four", "x*y*z*w", ("-1", "1") * 4, "multilinear", "", "0.2",
        "four variables: a coarse tolerance and thousands of atoms",
    ),
    Entry(
        "cosines-5", "five variables", "cos(x1) + cos(x2) + cos(x3) + cos(x4) + cos(x5)", ("0", "1") * 5, "analytic",
        "", "0.1", "additive, but a mesh of cells does not know it",
    ),
    # -- kinks --
    Entry(
        "abs-third", "a kink off the mesh", "abs(x - 1/3)", ("0", "1"), "Lipschitz, piecewise linear", "", "1e-6",
        "one cell per level holds the kink",
    ),
    Entry(
        "larger-of", "the larger of two", "max(sin(7*x), x**2)", ("0", "1"), "piecewise analytic", "", "1e-5",
        "kinks where the two cross, a zero at 0",
    ),
    Entry(
        "fifty-kinks", "fifty kinks", _fifty_kinks(), ("0", "1"), "Lipschitz, piecewise linear", "", "1e-4",
        "linear off 50 cells per level",
    ),
    Entry(
        "cone", "a cone", "sqrt(x**2 + y**2)", ("-1", "1") * 2, "Lipschitz, analytic off one point", "", "1e-2",
        "second order off the apex, the range bound at it",
    ),
    Entry(
        "min-of-planes", "the least of twelve planes", _min_of_planes(), ("-1", "1") * 2,
        "Lipschitz, concave, piecewise linear", "", "1e-2", "first order along the edges: 1/2 per level",
    ),
    Entry(
        "polygon", "distance to a pentagon", _distance_to_polygon(), ("0", "1") * 2, "Lipschitz, constant 1", "",
        "0.03", "first order at the polygon and along its medial axis",
    ),
    Entry(
        "brownian", "a sampled Brownian path", "1000 normal steps of variance 1/1000, joined linearly", ("0", "1"),
        "piecewise linear; a path of Brownian motion is Hölder below 1/2", "", "1e-3",
        "as a rough function before the mesh sees the steps, as kinks after", make=_brownian_path,
    ),
    Entry(
        "nested-abs", "nested absolute values", _nested(), ("-1", "1"), "Lipschitz, piecewise analytic",
        "a published target of multigrade learning", "1e-3", "dozens of kinks, first order at each",
    ),
    # -- oscillating targets of multigrade learning --
    Entry(
        "chirp", "a chirp", "cos(36*pi*x**2) - 0.8*cos(12*pi*x**2)", ("-1", "1"), "analytic, oscillating",
        "a published target of multigrade learning", "1e-3", "atoms grow denser towards +-1",
    ),
    _sines(1, "1", lambda j: "1", "work for the sum of all frequencies from the first certified bound on"),
    _sines(2, "1.05 - 0.05 j", lambda j: f"{105 - 5 * j}/100", "less of the high frequencies, fewer atoms"),
    _sines(3, "exp(-x) cos(jx)", lambda j: f"exp(-x)*cos({j}*x)", "fewest atoms to the right, where it dies away"),
    _sines(4, "0.05 j", lambda j: f"{5 * j}/100", "the high frequencies dominate"),
    # -- infinite slopes, and no slopes at all --
    Entry(
        "sqrt", "the square root", "sqrt(x)", ("0", "1"), "Hölder 1/2, concave", "", "1e-4",
        "2^(-1/2) per level, but only in the one cell at 0",
    ),
    Entry(
        "root-abs", "a cusp", "sqrt(abs(x))", ("-1", "1"), "Hölder 1/2", "", "1e-3", "2^(-1/2) per level at the cusp",
    ),
    Entry(
        "cube-root", "the cube root", "cbrt(x)", ("-1", "1"), "Hölder 1/3", "", "1e-2",
        "2^(-1/3) per level in the two cells at the zero",
    ),
    Entry(
        "x-log-x", "entropy", "x log x, 0 at 0", ("0", "1"), "modulus t log(1/t)", "", "1e-5",
        "infinite slope at 0; proved through a formula that is within 2^-N of it", "2^-N", _x_log_x,
    ),
    Entry(
        "x-sin-1-x", "x sin(1/x)", "x sin(1/x), 0 at 0", ("-1", "1"), "Hölder 1/2, infinitely many waves", "", "1e-2",
        "2^(-1/2) per level; proved through a formula that is within 2^-N of it", "2^-N", _x_sin_1_x,
    ),
    Entry(
        "cantor", "Cantor's function", "the limit of C(x) = C(3x)/2, 1/2, 1/2 + C(3x - 2)/2 on the thirds",
        ("0", "1"), "Hölder log 2 / log 3, derivative 0 almost everywhere", "G. Cantor, Acta Math. 4 (1884)", "0.02",
        "constant cells are finished at once: work only at Cantor's set", "2^-N", _cantor, most=15,
    ),
    Entry(
        "cantor-by-modulus", "Cantor's function, by its values and its modulus", "Cantor's function, as a program",
        ("0", "1"), "Hölder log 2 / log 3", "", "0.02",
        "a modulus knows no place: equal cells everywhere, 2^-0.63 per level", make=_cantor_program,
    ),
    Entry(
        "x-sin-1-x-by-modulus", "x sin(1/x), by its values and its modulus", "x sin(1/x), 0 at 0, as a program",
        ("-1", "1"), "modulus t + sqrt(2t)", "", "0.05",
        "hundreds of times the atoms of @x-sin-1-x: a modulus knows no place", make=_x_sin_1_x_program,
    ),
    Entry(
        "takagi", "Takagi's function", "sum over k >= 0 of 2^-k dist(2^k x, Z)", ("0", "1"),
        "nowhere differentiable, modulus t log(1/t)", "T. Takagi, Proc. Phys.-Math. Soc. Japan 1 (1903)", "1e-3",
        "1/2 per level: the kinks are nodes", "2^(1-N)/3", _takagi, most=24,
    ),
    Entry(
        "weierstrass", "Weierstrass' function", "sum over n >= 0 of 2^-n cos(3^n pi x)", ("0", "1"),
        "nowhere differentiable, Hölder log 2 / log 3", "G. H. Hardy, Trans. Amer. Math. Soc. 17 (1916)", "0.02",
        "2^-0.63 per level", "2^(1-N)", _weierstrass, most=16,
    ),
)  # fmt: skip

GALLERY: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}
"""The entries by name."""
