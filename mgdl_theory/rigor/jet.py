"""Second-order jets: value, gradient and Hessian of a function over cells, enclosed in one pass.

The second derivative is meant in the sense of measures, which is what interpolation defects need: on a cell where
``hess[a, a]`` has a finite lower end c, f - c x_a**2 / 2 is convex along axis a, kinks included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeVar

import numpy as np

from mgdl_theory.rigor.flat import flat_exponential
from mgdl_theory.rigor.interval import Engine, Interval, magnitude, mignitude

Pair = tuple[int, int]
Slopes = Mapping[int, Interval]
Term = tuple[Interval | None, Interval | None]
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True, eq=False)
class Jet:
    """What is known of one function f over n cells, each a product of intervals.

    Attributes
    ----------
    value : Interval (n,) or (1,)
        f(x) in [lo_i, hi_i] for every x in cell i.
    grad : {axis: Interval}
        Every partial derivative along the axis for every x in cell i, in Clarke's sense at kinks; one end is
        infinite where a slope has no bound.  An axis that is missing does not occur in f.
    hess : {(a, b): Interval}, a <= b
        The second derivative for every x in cell i where it exists, and its measure elsewhere: [-inf, inf] where
        the cell holds a kink, but [c, inf] or [-inf, c] on the diagonal at a convex or concave one.  A missing
        pair is identically zero.
    """

    value: Interval
    grad: Mapping[int, Interval] = field(default_factory=dict)
    hess: Mapping[Pair, Interval] = field(default_factory=dict)


class JetAlgebra:
    """The operations of ``Engine`` on jets: f's value, gradient and Hessian by the rules of differentiation.

    >>> from mgdl_theory.rigor.engines import get_engine
    >>> algebra = JetAlgebra(get_engine("numpy"))
    >>> x = algebra.variable(0, Interval(np.array([1.0]), np.array([2.0])), Interval.exact(1))
    >>> y = algebra.powi(x, 3)
    >>> [float(end[0]) for end in (y.grad[0].lo, y.grad[0].hi, y.hess[0, 0].lo, y.hess[0, 0].hi)]
    [3.0, 12.0, 6.0, 12.0]
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def variable(self, axis: int, value: Interval, slope: Interval) -> Jet:
        """A coordinate: its values over the cells, and its constant derivative along its own axis."""
        return Jet(value, {axis: slope})

    # -- constants --

    def const(self, value: Fraction | int) -> Jet:
        """An exact number."""
        return Jet(self.engine.const(value))

    def pi(self) -> Jet:
        """The number pi."""
        return Jet(self.engine.pi())

    def e(self) -> Jet:
        """Euler's number."""
        return Jet(self.engine.e())

    # -- arithmetic --

    def neg(self, a: Jet) -> Jet:
        """-f."""
        neg = self.engine.neg
        return Jet(neg(a.value), _mapped(neg, a.grad), _mapped(neg, a.hess))

    def add(self, a: Jet, b: Jet) -> Jet:
        """f + g."""
        value = self.engine.add(a.value, b.value)
        return Jet(value, self._sums(a.grad, b.grad), self._sums(a.hess, b.hess))

    def sub(self, a: Jet, b: Jet) -> Jet:
        """f - g."""
        neg = self.engine.neg
        value = self.engine.sub(a.value, b.value)
        return Jet(value, self._sums(a.grad, _mapped(neg, b.grad)), self._sums(a.hess, _mapped(neg, b.hess)))

    def mul(self, a: Jet, b: Jet) -> Jet:
        """f g; a square if both are one jet."""
        if a is b:
            return self.powi(a, 2)
        grad = {
            axis: self._dot((a.grad.get(axis), b.value), (b.grad.get(axis), a.value)) for axis in _keys(a.grad, b.grad)
        }
        hess = {}
        for i, j in _pairs(grad):
            terms = [(a.hess.get((i, j)), b.value), (b.hess.get((i, j)), a.value), *self._cross(a.grad, b.grad, i, j)]
            if any(None not in term for term in terms):
                hess[i, j] = self._dot(*terms)
        return Jet(self.engine.mul(a.value, b.value), grad, hess)

    def _cross(self, f: Slopes, g: Slopes, i: int, j: int) -> list[Term]:
        """Terms of f_i g_j + f_j g_i."""
        if i != j:
            return [(f.get(i), g.get(j)), (f.get(j), g.get(i))]
        return [(self._scaled(2, f[i]), g[i])] if i in f and i in g else []

    def div(self, a: Jet, b: Jet) -> Jet:
        """w = f / g: g w' = f' - w g' and g w'' = f'' - w' g' - g' w' - w g''."""
        div, one = self.engine.div, self._number(1)
        w = div(a.value, b.value)
        minus = self.engine.neg(w)
        grad = {
            axis: div(self._dot((a.grad.get(axis), one), (b.grad.get(axis), minus)), b.value)
            for axis in _keys(a.grad, b.grad)
        }
        fall = _mapped(self.engine.neg, grad)
        hess = {}
        for i, j in _pairs(grad):
            terms = [(a.hess.get((i, j)), one), (b.hess.get((i, j)), minus), *self._cross(fall, b.grad, i, j)]
            if any(None not in term for term in terms):
                hess[i, j] = div(self._dot(*terms), b.value)
        return Jet(w, grad, hess)

    # -- powers --

    def sqr(self, a: Jet) -> Jet:
        """f**2."""
        return self.powi(a, 2)

    def powi(self, a: Jet, n: int) -> Jet:
        """f**n for an integer n."""
        if n == 0:
            return self.const(1)
        if n == 1:
            return a
        powi, scale = self.engine.powi, self._scaled
        value = powi(a.value, n)
        return self.chain(a, value, scale(n, powi(a.value, n - 1)), scale(n * (n - 1), powi(a.value, n - 2)))

    def powq(self, a: Jet, q: Fraction) -> Jet:
        """f**q for f >= 0."""
        if q in (0, 1):
            return self.powi(a, int(q))
        value = self.engine.powq(a.value, q)
        first = self._scaled(q, self.engine.powq_inside(a.value, q - 1))
        second = self._scaled(q * (q - 1), self.engine.powq_inside(a.value, q - 2))
        return self.chain(a, value, first, second)

    def pow(self, a: Jet, b: Jet) -> Jet:
        """f**g = exp(g log f) for f > 0."""
        exponent = self.mul(b, self.log(a))
        value = self.engine.pow(a.value, b.value)
        return self.chain(exponent, value, value, value)

    def sqrt(self, a: Jet) -> Jet:
        """Square root: f' = 1 / (2 sqrt), f'' = -2 f'**3."""
        root = self.engine.sqrt(a.value)
        first = self._scaled(Fraction(1, 2), self.engine.powq_inside(root, Fraction(-1)))
        return self.chain(a, root, first, self._scaled(-2, self.engine.powi(first, 3)))

    def cbrt(self, a: Jet) -> Jet:
        """Cube root c: c' = 1 / (3 c**2), c'' = -2 / (9 c**5); the slope is infinite at 0."""
        c = self.engine.cbrt(a.value)
        size = self.engine.abs(c)
        first = self._scaled(Fraction(1, 3), self.engine.powq_inside(self.engine.sqr(c), Fraction(-1)))
        bend = self._scaled(Fraction(2, 9), self.engine.powq_inside(self.engine.powi(size, 5), Fraction(-1)))
        lo = np.where(c.hi <= 0, bend.lo, -bend.hi)  # bend.hi is inf where c holds 0
        hi = np.where(c.lo >= 0, -bend.lo, bend.hi)
        return self.chain(a, c, first, Interval(lo, hi))

    # -- functions --

    def exp(self, a: Jet) -> Jet:
        """Exponential function."""
        value = self.engine.exp(a.value)
        return self.chain(a, value, value, value)

    def log(self, a: Jet) -> Jet:
        """Natural logarithm: f' = 1 / x, f'' = -f'**2."""
        first = self.engine.div(self._number(1), a.value)
        return self.chain(a, self.engine.log(a.value), first, self.engine.neg(self.engine.sqr(first)))

    def sin(self, a: Jet) -> Jet:
        """Sine."""
        sine, cosine = self.engine.sincos(a.value)
        return self.chain(a, sine, cosine, self.engine.neg(sine))

    def cos(self, a: Jet) -> Jet:
        """Cosine."""
        sine, cosine = self.engine.sincos(a.value)
        return self.chain(a, cosine, self.engine.neg(sine), self.engine.neg(cosine))

    def tan(self, a: Jet) -> Jet:
        """Tangent t: t' = 1 + t**2, t'' = 2 t t'."""
        value = self.engine.tan(a.value)
        first = self.engine.add(self._number(1), self.engine.sqr(value))
        return self.chain(a, value, first, self._scaled(2, self.engine.mul(value, first)))

    def sinh(self, a: Jet) -> Jet:
        """Hyperbolic sine."""
        value = self.engine.sinh(a.value)
        return self.chain(a, value, self.engine.cosh(a.value), value)

    def cosh(self, a: Jet) -> Jet:
        """Hyperbolic cosine."""
        value = self.engine.cosh(a.value)
        return self.chain(a, value, self.engine.sinh(a.value), value)

    def tanh(self, a: Jet) -> Jet:
        """Hyperbolic tangent t: t' = 1 - t**2, t'' = -2 t t'."""
        value = self.engine.tanh(a.value)
        first = self.engine.sub(self._number(1), self.engine.sqr(value))
        return self.chain(a, value, first, self._scaled(-2, self.engine.mul(value, first)))

    def asin(self, a: Jet) -> Jet:
        """Arc sine: f' = (1 - x**2)**(-1/2), f'' = x f'**3."""
        first, second = self._arc_slopes(a.value)
        return self.chain(a, self.engine.asin(a.value), first, second)

    def acos(self, a: Jet) -> Jet:
        """Arc cosine: derivatives of -asin."""
        first, second = self._arc_slopes(a.value)
        return self.chain(a, self.engine.acos(a.value), self.engine.neg(first), self.engine.neg(second))

    def _arc_slopes(self, x: Interval) -> tuple[Interval, Interval]:
        first = self.engine.powq_inside(self._one_minus_square(x), Fraction(-1, 2))
        return first, self.engine.mul(x, self.engine.powi(first, 3))

    def _one_minus_square(self, x: Interval) -> Interval:
        """{1 - x**2} = {(1 - s)(1 + s) : s = |x|}, without cancellation."""
        nearest, farthest = mignitude(x), magnitude(x)
        lo = self._one_minus_square_at(Interval(farthest, farthest)).lo
        hi = self._one_minus_square_at(Interval(nearest, nearest)).hi
        return Interval(lo, hi)

    def _one_minus_square_at(self, s: Interval) -> Interval:
        one = self._number(1)
        return self.engine.mul(self.engine.sub(one, s), self.engine.add(one, s))

    def atan(self, a: Jet) -> Jet:
        """Arc tangent: f' = 1 / (1 + x**2), f'' = -2 x f'**2."""
        one = self._number(1)
        first = self.engine.div(one, self.engine.add(one, self.engine.sqr(a.value)))
        second = self._scaled(-2, self.engine.mul(a.value, self.engine.sqr(first)))
        return self.chain(a, self.engine.atan(a.value), first, second)

    def expdiv(self, u: Jet, v: Jet) -> Jet:
        """exp(-f/g) where g > 0, else 0: E(g/f), E the flat exponential."""
        plain, q = self.exp(self.neg(self.div(u, v))), self.div(v, u)
        flat = self.chain(q, *flat_exponential(self.engine, q.value))
        inside, zero = v.value.lo > 0, self._number(0)

        def chosen(a: Interval, b: Interval) -> Interval:
            return Interval(np.where(inside, a.lo, b.lo), np.where(inside, a.hi, b.hi))

        grad = {k: chosen(plain.grad.get(k, zero), flat.grad.get(k, zero)) for k in _keys(plain.grad, flat.grad)}
        hess = {k: chosen(plain.hess.get(k, zero), flat.hess.get(k, zero)) for k in _keys(plain.hess, flat.hess)}
        return Jet(self.engine.expdiv(u.value, v.value), grad, hess)

    def expm1(self, a: Jet) -> Jet:
        """exp(f) - 1."""
        slope = self.engine.exp(a.value)
        return self.chain(a, self.engine.expm1(a.value), slope, slope)

    def log1p(self, a: Jet) -> Jet:
        """log(1 + f): f' = 1 / (1 + x), f'' = -f'**2."""
        first = self.engine.div(self._number(1), self.engine.add(self._number(1), a.value))
        return self.chain(a, self.engine.log1p(a.value), first, self.engine.neg(self.engine.sqr(first)))

    # -- special functions: the engine knows their derivatives --

    def erf(self, a: Jet) -> Jet:
        """The error function."""
        return self.chain(a, *self.engine.special("erf", a.value, 2))

    def erfc(self, a: Jet) -> Jet:
        """1 - erf."""
        return self.chain(a, *self.engine.special("erfc", a.value, 2))

    def ncdf(self, a: Jet) -> Jet:
        """Distribution function of the standard normal distribution."""
        return self.chain(a, *self.engine.special("ncdf", a.value, 2))

    def gamma(self, a: Jet) -> Jet:
        """Euler's gamma function, of positive numbers."""
        return self.chain(a, *self.engine.special("gamma", a.value, 2))

    def lgamma(self, a: Jet) -> Jet:
        """The logarithm of gamma, of positive numbers."""
        return self.chain(a, *self.engine.special("lgamma", a.value, 2))

    def j0(self, a: Jet) -> Jet:
        """Bessel's function of the first kind and order 0."""
        return self.chain(a, *self.engine.special("j0", a.value, 2))

    def j1(self, a: Jet) -> Jet:
        """Bessel's function of the first kind and order 1."""
        return self.chain(a, *self.engine.special("j1", a.value, 2))

    def sinc(self, a: Jet) -> Jet:
        """sin(f)/f, 1 where f is 0."""
        return self.chain(a, *self.engine.special("sinc", a.value, 2))

    def lambertw(self, a: Jet) -> Jet:
        """Lambert's W, the main branch."""
        return self.chain(a, *self.engine.special("lambertw", a.value, 2))

    def sigmoid(self, a: Jet) -> Jet:
        """1/(1 + exp(-f))."""
        return self.chain(a, *self.engine.special("sigmoid", a.value, 2))

    def softplus(self, a: Jet) -> Jet:
        """log(1 + exp(f))."""
        return self.chain(a, *self.engine.special("softplus", a.value, 2))

    def asinh(self, a: Jet) -> Jet:
        """Inverse hyperbolic sine."""
        return self.chain(a, *self.engine.special("asinh", a.value, 2))

    def hypot(self, a: Jet, b: Jet) -> Jet:
        """r = sqrt(f**2 + g**2), with (u, v) = (f, g)/r: r_i = u f_i + v g_i, r_ij = w_i w_j / r + u f_ij + v g_ij.

        Here w_i = v f_i - u g_i.  Where f and g may both be 0, r is the maximum of u f + v g over numbers u and v, so
        along one axis u f_ii + v g_ii still bounds its second derivative from below.
        """
        engine, (u, v) = self.engine, self._directions(a, b)
        r, minus = engine.hypot(a.value, b.value), engine.neg(u)
        keys = _keys(a.grad, b.grad)
        grad = {i: self._dot((a.grad.get(i), u), (b.grad.get(i), v)) for i in keys}
        turned = {i: self._dot((a.grad.get(i), v), (b.grad.get(i), minus)) for i in keys}
        inverse, origin = engine.powq_inside(r, Fraction(-1)), ~(r.lo > 0)
        hess = {}
        for i, j in _pairs(grad):
            square = engine.sqr(turned[i]) if i == j else engine.mul(turned[i], turned[j])
            bend = engine.mul(square, inverse)
            lo = np.where(origin, 0.0 if i == j else -np.inf, bend.lo)
            bend = Interval(lo, np.where(origin, np.inf, bend.hi))
            terms = [(x.hess[i, j], y) for x, y in ((a, u), (b, v)) if (i, j) in x.hess]
            hess[i, j] = engine.total(bend, engine.dot(*terms)) if terms else bend
        return Jet(r, grad, hess)

    def atan2(self, a: Jet, b: Jet) -> Jet:
        """The angle t of (g, f), with (v, u) = (f, g)/r: r t_i = u f_i - v g_i.

        With s_i = u g_i + v f_i the second derivatives are t_ij = (u f_ij - v g_ij)/r - (t_i s_j + t_j s_i)/r.
        """
        engine, (v, u) = self.engine, self._directions(a, b)
        r, minus = engine.hypot(a.value, b.value), engine.neg(v)
        keys = _keys(a.grad, b.grad)
        grad = {i: engine.div(self._dot((a.grad.get(i), u), (b.grad.get(i), minus)), r) for i in keys}
        radial = {i: self._dot((b.grad.get(i), u), (a.grad.get(i), v)) for i in keys}
        hess = {}
        for i, j in _pairs(grad):
            terms = [(a.hess.get((i, j)), u), (b.hess.get((i, j)), minus)]
            crossed = [(engine.neg(grad[i]), radial[j]), (engine.neg(grad[j]), radial[i])]
            crossed = [(self._scaled(2, crossed[0][0]), radial[i])] if i == j else crossed
            hess[i, j] = engine.div(self._dot(*terms, *crossed), r)
        return Jet(engine.atan2(a.value, b.value), grad, hess)

    def _directions(self, a: Jet, b: Jet) -> tuple[Interval, Interval]:
        return self.engine.direction(a.value, b.value), self.engine.direction(b.value, a.value)

    # -- kinks --

    def abs(self, a: Jet) -> Jet:
        """|f| = max(f, -f)."""
        return self._larger(a, self.neg(a), self.engine.abs(a.value))

    def max(self, a: Jet, b: Jet) -> Jet:
        """max(f, g)."""
        return self._larger(a, b, self.engine.max(a.value, b.value))

    def min(self, a: Jet, b: Jet) -> Jet:
        """min(f, g) = -max(-f, -g)."""
        return self.neg(self.max(self.neg(a), self.neg(b)))

    def _larger(self, a: Jet, b: Jet, value: Interval) -> Jet:
        """max(f, g): one of the two where the values decide, else the hull of the slopes and a convex kink."""
        if a is b:
            return a
        one, other = a.value.lo >= b.value.hi, b.value.lo >= a.value.hi
        for decided, jet in ((one, a), (other, b)):
            if decided.all():
                return Jet(value, jet.grad, jet.hess)
        zero = self._number(0)
        grad, hess = {}, {}
        for axis in _keys(a.grad, b.grad):
            f, g = a.grad.get(axis, zero), b.grad.get(axis, zero)
            lo = np.where(one, f.lo, np.where(other, g.lo, np.minimum(f.lo, g.lo)))
            hi = np.where(one, f.hi, np.where(other, g.hi, np.maximum(f.hi, g.hi)))
            grad[axis] = Interval(lo, hi)
        for pair in _pairs(grad):
            f, g = a.hess.get(pair, zero), b.hess.get(pair, zero)
            # theorem: along one axis the maximum of two functions that are convex after adding c x**2 / 2 is so too
            least = np.minimum(f.lo, g.lo) if pair[0] == pair[1] else np.full(1, -np.inf)
            lo = np.where(one, f.lo, np.where(other, g.lo, least))
            hi = np.where(one, f.hi, np.where(other, g.hi, np.inf))
            hess[pair] = Interval(lo, hi)
        return Jet(value, grad, hess)

    # -- the chain rule --

    def chain(self, a: Jet, value: Interval, first: Interval, second: Interval) -> Jet:
        """Jet of phi(f), given enclosures of phi(f), phi'(f), phi''(f) over the cells."""
        grad = {axis: self._dot((first, slope)) for axis, slope in a.grad.items()}
        hess = {}
        for i, j in _pairs(grad):
            square = self.engine.sqr(a.grad[i]) if i == j else self._dot((a.grad[i], a.grad[j]))
            hess[i, j] = self._dot((second, square), (a.hess.get((i, j)), first))
        return Jet(value, grad, hess)

    def _number(self, value: Fraction | int) -> Interval:
        return self.engine.const(value)

    def _scaled(self, factor: Fraction | int, x: Interval) -> Interval:
        return self.engine.mul(self._number(factor), x)

    def _dot(self, *terms: Term) -> Interval:
        """Sum of the products x y whose factors are both there."""
        return self.engine.dot(*((x, y) for x, y in terms if x is not None and y is not None))

    def _sums(self, a: Mapping[Key, Interval], b: Mapping[Key, Interval]) -> dict[Key, Interval]:
        return {key: self.engine.total(*(x[key] for x in (a, b) if key in x)) for key in _keys(a, b)}


def _keys(a: Mapping[Key, Interval], b: Mapping[Key, Interval]) -> list[Key]:
    """Keys of both, each once."""
    return [*a, *(key for key in b if key not in a)]


def _pairs(axes: Iterable[int]) -> list[Pair]:
    """Pairs (i, j), i <= j, of these axes."""
    ordered = sorted(axes)
    return [(i, j) for k, i in enumerate(ordered) for j in ordered[k:]]


def _mapped(function: Callable[[Interval], Interval], entries: Mapping[Key, Interval]) -> dict[Key, Interval]:
    return {key: function(entry) for key, entry in entries.items()}
