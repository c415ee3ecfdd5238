"""A formula next to a place where it may divide 0 by 0: the plane x_axis = a, in the algebra of local expansions.

With s = x_axis - a, a value near the plane is one of four kinds:

- ``Laurent``: s**order (c_0 + c_1 s + ...), an analytic function times a power of s;
- ``Logs``: p + q log|s| with two of these;
- ``Flat``: a continuous function of which no expansion is kept, such as exp(-1/s**2);
- ``Wild``: a bounded function that is continuous off the plane, such as sin(1/s).

The same program is run in two algebras.  :class:`ExactLocal` computes at s = 0 with exact numbers; how many leading
coefficients are 0, and which sign the next one has, is decided there, once, and written down.  :class:`EnclosingLocal`
computes with coefficients that are enclosures over the hull of a cell and the plane, and reads those answers
(docs/theory.md, Lemmas 19 to 26).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from mgdl_theory.rigor.exact import Exact, ExactAlgebra
from mgdl_theory.rigor.flat import flat_exponential
from mgdl_theory.rigor.interval import Engine, Interval
from mgdl_theory.rigor.jet import Jet, JetAlgebra
from mgdl_theory.rigor.series import SeriesAlgebra
from mgdl_theory.targets.formula.graph import Program


class NoLimitError(Exception):
    """No limit is shown at the place; the text is the reason."""


class VanishedError(NoLimitError):
    """All known coefficients of something that is divided by are 0; more terms may tell."""


@dataclass(frozen=True, slots=True)
class Laurent:
    """s**order (c[0] + c[1] s + ...); the end of the list is the end of what is known."""

    order: int
    c: list[Any]


@dataclass(frozen=True, slots=True)
class Logs:
    """p + q log|s|."""

    p: Laurent
    q: Laurent


@dataclass(frozen=True, slots=True)
class Flat:
    """A continuous function: its limit in exact numbers, its jet over the cell in the enclosing pass."""

    value: Any


@dataclass(frozen=True, slots=True)
class Wild:
    """A bounded function: values in this interval, in the enclosing pass."""

    reach: Interval | None


Local = Laurent | Logs | Flat | Wild


class LocalAlgebra(ABC):
    """The operations of a program on local expansions.

    Parameters
    ----------
    A : algebra of the coefficients and of the values of ``Flat``
    terms : int
        Coefficients kept.
    side : int
        1 where s > 0, -1 where s < 0, 0 for both.
    """

    def __init__(self, A: Any, terms: int, side: int) -> None:
        self.A, self.S = A, SeriesAlgebra[Any](A)
        self.terms, self.side = terms, side

    # -- what the two passes do differently --

    @abstractmethod
    def _zeros(self, c: Sequence[Any]) -> int:
        """How many leading coefficients are exactly 0."""

    @abstractmethod
    def _sign(self, c: Any) -> int:
        """The sign of a coefficient at the plane, 0 where it is not known."""

    @abstractmethod
    def _is_constant(self, c: Any) -> bool:
        """Whether a coefficient is one number."""

    @abstractmethod
    def _continuous(self, c: list[Any]) -> Any:
        """What ``Flat`` holds of a series."""

    @abstractmethod
    def _nonzero(self, c: Any) -> None:
        """Look whether something that is divided by has no zero."""

    @abstractmethod
    def _finite(self, value: Any) -> None:
        """Look whether a value of an operation that is not defined everywhere is bounded."""

    @abstractmethod
    def _power_log(self, m: int, of_log: Any, rest: Any) -> Any:
        """``rest`` + ``of_log`` s**m log|s|, m >= 1."""

    @abstractmethod
    def _flat_exponential(self, q: Laurent) -> Any:
        """exp(-1/q) for a q > 0 that tends to 0."""

    @abstractmethod
    def _power(self, exponent: Any, factor: Any) -> Any:
        """``factor`` |s|**exponent for a constant exponent > 0."""

    @abstractmethod
    def _vanishing(self, wild: Wild, u: Any) -> Any:
        """A bounded function times one that tends to 0, of which ``Flat`` holds ``u``."""

    @abstractmethod
    def _values(self, function: Callable[..., Any], args: Sequence[Any]) -> Interval | None:
        """The values of a function of such with values as in ``Wild`` or as what ``Flat`` holds."""

    @abstractmethod
    def _bounded(self, low: Fraction | str, high: Fraction | str) -> Wild:
        """Anything between."""

    # -- leaves --

    def constant(self, value: Any) -> Laurent:
        """A function that does not depend on s."""
        return Laurent(0, self.S.constant(value, self.terms))

    def coordinate(self, value: Any) -> Laurent:
        """The coordinate whose plane this is: its values over the hull."""
        return Laurent(0, [value, self.S.number(1), *[None] * (self.terms - 2)])

    def const(self, q: Fraction | int) -> Laurent:
        """A rational number."""
        return self.constant(self.S.number(q) if q else None)

    def pi(self) -> Laurent:
        """The number pi."""
        return self.constant(self.A.pi())

    def e(self) -> Laurent:
        """Euler's number."""
        return self.constant(self.A.e())

    # -- kinds --

    def normal(self, a: Laurent) -> Laurent:
        """Without leading coefficients that are exactly 0 (Lemma 19)."""
        zeros = self._zeros(a.c)
        if zeros == len(a.c):
            raise VanishedError("everything known of a divisor vanishes there")
        return Laurent(a.order + zeros, a.c[zeros:])

    def of_order(self, a: Laurent, order: int) -> Laurent:
        """The same with this smaller order."""
        c = a.c
        for _ in range(a.order - order):
            c = self.S.times_s(self._distance(), c)
        return Laurent(order, c)

    def _distance(self) -> Any:
        """The values of s, or None at the plane itself."""
        return None

    def series(self, a: Laurent) -> list[Any]:
        """The coefficients where there is no pole."""
        a = self.normal(a) if a.order < 0 else a
        if a.order < 0:
            raise NoLimitError("it has a pole there")
        return self.of_order(a, 0).c

    def flat(self, x: Local) -> Any:
        """The value or jet of a function that extends continuously."""
        if isinstance(x, Flat):
            return x.value
        if isinstance(x, Wild):
            raise NoLimitError("it oscillates there, or has two limits")
        if isinstance(x, Laurent):
            return self._continuous(self.series(x))
        q = self.normal(x.q)
        if q.order < 1:
            raise NoLimitError("a logarithm tends to infinity there")
        rest = self.flat(x.p)
        return self._power_log(q.order, self._continuous(self.of_order(Laurent(0, q.c), 0).c), rest)

    def _direction(self, a: Laurent) -> int:
        """The sign of a normal expansion next to the plane; 0 where it is not known or differs by side."""
        return self._sign(a.c[0]) * (self.side if a.order % 2 else 1)

    # -- arithmetic --

    def neg(self, a: Local) -> Local:
        """-f."""
        if isinstance(a, Laurent):
            return Laurent(a.order, self.S.neg(a.c))
        if isinstance(a, Logs):
            return Logs(self._minus(a.p), self._minus(a.q))
        if isinstance(a, Wild):
            return Wild(None if a.reach is None else Interval(-a.reach.hi, -a.reach.lo))
        return Flat(self.A.neg(a.value))

    def _minus(self, a: Laurent) -> Laurent:
        return Laurent(a.order, self.S.neg(a.c))

    def add(self, a: Local, b: Local) -> Local:
        """f + g."""
        if isinstance(a, Laurent) and isinstance(b, Laurent):
            return self._sum(a, b)
        if isinstance(a, Laurent | Logs) and isinstance(b, Laurent | Logs):
            (p, q), (r, t) = self._with_log(a), self._with_log(b)
            return Logs(self._sum(p, r), self._sum(q, t))
        if isinstance(a, Wild) or isinstance(b, Wild):
            return self._bounded_function(self.A.add, a, b)
        return Flat(self.A.add(self.flat(a), self.flat(b)))

    def _sum(self, a: Laurent, b: Laurent) -> Laurent:
        order = min(a.order, b.order)
        return Laurent(order, self.S.add(self.of_order(a, order).c, self.of_order(b, order).c))

    def _with_log(self, a: Laurent | Logs) -> tuple[Laurent, Laurent]:
        return (a.p, a.q) if isinstance(a, Logs) else (a, self.const(0))

    def sub(self, a: Local, b: Local) -> Local:
        """f - g."""
        return self.add(a, self.neg(b))

    def mul(self, a: Local, b: Local) -> Local:
        """f g."""
        if isinstance(a, Laurent) and isinstance(b, Laurent):
            return self._product(a, b)
        if isinstance(b, Logs | Wild) and not isinstance(a, Logs | Wild):
            a, b = b, a
        if isinstance(a, Logs) and isinstance(b, Laurent):
            return Logs(self._product(a.p, b), self._product(a.q, b))
        if isinstance(a, Wild):
            return self._wild_product(a, b)
        if isinstance(b, Wild):
            return self._wild_product(b, a)
        return Flat(self.A.mul(self.flat(a), self.flat(b)))

    def _wild_product(self, a: Wild, b: Local) -> Local:
        """A bounded function times another: it vanishes on the plane if that does (Lemma 25)."""
        if isinstance(b, Wild):
            return self._bounded_function(self.A.mul, a, b)
        if isinstance(b, Laurent):
            b = self.normal(b)
            if b.order < 0:
                raise NoLimitError("it oscillates there, or has two limits")
            vanishes, value = b.order > 0, self._continuous(self.of_order(b, 0).c)
        else:
            value = self.flat(b)
            vanishes = bool(self._zeros([value]))
        return Flat(self._vanishing(a, value)) if vanishes else self._bounded_function(self.A.mul, a, Flat(value))

    def _bounded_function(self, function: Callable[..., Any], *args: Local) -> Wild:
        """A function of bounded ones, by the values that they may have."""
        return Wild(self._values(function, [a.reach if isinstance(a, Wild) else self.flat(a) for a in args]))

    def _product(self, a: Laurent, b: Laurent) -> Laurent:
        return Laurent(a.order + b.order, self.S.mul(a.c, b.c))

    def div(self, a: Local, b: Local) -> Local:
        """f / g (Lemma 19)."""
        if isinstance(b, Wild):
            return self.mul(a, self._bounded_function(self._inverse, b))
        if isinstance(b, Laurent):
            b = self.normal(b)
            if isinstance(a, Wild):
                return self.mul(a, self._quotient(self.const(1), b))
            if isinstance(a, Logs):
                return Logs(self._quotient(a.p, b), self._quotient(a.q, b))
            if isinstance(a, Laurent):
                return self._quotient(a, b)
            if b.order:
                raise NoLimitError("a function without an expansion is divided by one that vanishes there")
        if isinstance(a, Wild):
            return self.mul(a, self._kept(self._inverse(self.flat(b))))
        f, g = self.flat(a), self.flat(b)
        return self._kept(self.A.div(f, g))

    def _inverse(self, value: Any) -> Any:
        return self.A.div(self.A.const(1), value)

    def _quotient(self, a: Laurent, b: Laurent) -> Laurent:
        self._nonzero(b.c[0])
        return Laurent(a.order - b.order, self.S.div(a.c, b.c))

    def _kept(self, value: Any) -> Flat:
        self._finite(value)
        return Flat(value)

    def powi(self, a: Local, n: int) -> Local:
        """f**n."""
        if n == 0:
            return self.const(1)
        if n < 0:
            return self.div(self.const(1), self.powi(a, -n))
        if isinstance(a, Laurent):
            return Laurent(a.order * n, self.S.powi(a.c, n))
        if isinstance(a, Wild):
            return self._bounded_function(lambda f: self.A.powi(f, n), a)
        return Flat(self.A.powi(self.flat(a), n))

    # -- functions --

    def function(self, name: str, *args: Local) -> Local:
        """A function of which no expansion is known: continuous where its arguments are."""
        method = getattr(self.A, name, None)
        if any(isinstance(a, Wild) for a in args):
            return self._bounded_function(method or partial(self.A.function, name), *args)
        values = [self.flat(a) for a in args]
        if method is not None:
            return self._kept(method(*values))
        if not isinstance(self.A, ExactAlgebra):
            raise NoLimitError(f"nothing is known of {name} there")
        return Flat(self.A.function(name, *values))

    def _analytic(self, name: str, a: Local, series: Callable[[list[Any]], list[Any]]) -> Local:
        """A function that is analytic at the value of its argument (Lemma 20)."""
        if not isinstance(a, Laurent):
            return self.function(name, a)
        c = series(self.series(a))
        if c[0] is not None:
            self._finite(c[0])
        return Laurent(0, c)

    def exp(self, a: Local) -> Local:
        """exp(f); of a pole it is flat, of c log|s| a power."""
        if isinstance(a, Laurent):
            a = self.normal(a) if a.order < 0 else a
            if a.order < 0:
                if self._direction(a) >= 0:
                    raise NoLimitError("an exponential tends to infinity there, or has two limits")
                minus_one = self.const(-1)
                return Flat(self._flat_exponential(self._quotient(minus_one, a)))
        if isinstance(a, Logs):
            q = self.normal(a.q)
            alone = q.order == 0 and all(c is None for c in q.c[1:])
            if alone and self._is_constant(q.c[0]) and self._sign(q.c[0]) > 0:
                factor = self.flat(self.exp(a.p))
                return Flat(self._power(q.c[0], factor))
            if q.order < 1:
                raise NoLimitError("a power tends to infinity there, or its exponent is not shown to be positive")
        return self._analytic("exp", a, self.S.exp)

    def log(self, a: Local) -> Local:
        """log(f), f > 0 next to the plane."""
        if not isinstance(a, Laurent):
            return self.function("log", a)
        a = self.normal(a)
        if self._direction(a) <= 0:
            raise NoLimitError("a logarithm is taken of something that is not shown to be positive there")
        self._nonzero(a.c[0])
        c = a.c if self._sign(a.c[0]) > 0 else self.S.neg(a.c)
        rest = Laurent(0, self.S.log(c))
        return rest if a.order == 0 else Logs(rest, self.const(a.order))

    def abs(self, a: Local) -> Local:
        """|f|."""
        if not isinstance(a, Laurent):
            return self.function("abs", a)
        a = self.normal(a)
        sign = self._direction(a)
        if sign == 0:
            raise NoLimitError("the limits from the two sides are not shown to be equal")
        self._nonzero(a.c[0])
        return a if sign > 0 else self.neg(a)

    def max(self, a: Local, b: Local) -> Local:
        """max(f, g) = (f + g + |f - g|)/2."""
        if isinstance(a, Flat) or isinstance(b, Flat):
            return self.function("max", a, b)
        return self.mul(self.const(Fraction(1, 2)), self.add(self.add(a, b), self.abs(self.sub(a, b))))

    def min(self, a: Local, b: Local) -> Local:
        """min(f, g) = -max(-f, -g)."""
        return self.neg(self.max(self.neg(a), self.neg(b)))

    def sqrt(self, a: Local) -> Local:
        """sqrt(f)."""
        return self.powq(a, Fraction(1, 2))

    def powq(self, a: Local, q: Fraction) -> Local:
        """f**q, f > 0 next to the plane; where f has a zero of order m there, a power or a root of s and a factor."""
        if isinstance(a, Wild):
            return self._bounded_function(lambda f: self.A.powq(f, q), a)
        if not isinstance(a, Laurent):
            return self._kept(self.A.powq(self.flat(a), q))
        a = self.normal(a)
        if self._direction(a) <= 0:
            raise NoLimitError("a root is taken of something that is not shown to be positive there")
        self._nonzero(a.c[0])
        positive = self._sign(a.c[0]) > 0
        c = a.c if positive else self.S.neg(a.c)
        root = self.S.powq(c, q, self.A.powq(self.S.first(c), q))
        power = a.order * q
        if power.denominator == 1:
            side = 1 if power % 2 == 0 else self.side
            if side == 0:
                raise NoLimitError("the limits from the two sides are not shown to be equal")
            found = Laurent(int(power), root)
            return found if side > 0 else self.neg(found)
        if power < 0:
            raise NoLimitError("a root tends to infinity there")
        return Flat(self._power(self.S.number(power), self._continuous(root)))

    def cbrt(self, a: Local) -> Local:
        """The real cube root."""
        return self._analytic("cbrt", a, self._cbrt)

    def _cbrt(self, c: list[Any]) -> list[Any]:
        if self._zeros(c):
            raise NoLimitError("a root vanishes there; substitute x = t**3")
        return self.S.powq(c, Fraction(1, 3), self.A.cbrt(self.S.first(c)))

    def pow(self, a: Local, b: Local) -> Local:
        """f**g = exp(g log f)."""
        return self.exp(self.mul(b, self.log(a)))

    def sin(self, a: Local) -> Local:
        """sin(f); of a pole it is bounded."""
        return self._wave("sin", a, self.S.sin)

    def cos(self, a: Local) -> Local:
        """cos(f)."""
        return self._wave("cos", a, self.S.cos)

    def _wave(self, name: str, a: Local, series: Callable[[list[Any]], list[Any]]) -> Local:
        if self._has_pole(a):
            return self._bounded(Fraction(-1), Fraction(1))
        return self._analytic(name, a, series)

    def _has_pole(self, a: Local) -> bool:
        return isinstance(a, Laurent) and a.order < 0 and self.normal(a).order < 0

    def tan(self, a: Local) -> Local:
        """tan(f)."""
        return self.div(self.sin(a), self.cos(a))

    def sinh(self, a: Local) -> Local:
        """sinh(f)."""
        return self._analytic("sinh", a, self.S.sinh)

    def cosh(self, a: Local) -> Local:
        """cosh(f)."""
        return self._analytic("cosh", a, self.S.cosh)

    def tanh(self, a: Local) -> Local:
        """tanh(f)."""
        if self._has_pole(a):
            return self._bounded(Fraction(-1), Fraction(1))
        return self.div(self.sinh(a), self.cosh(a))

    def _composed(self, name: str, a: Local, composition: Callable[[Local], Local]) -> Local:
        """A function by others where it has an expansion; else as it is."""
        return composition(a) if isinstance(a, Laurent) else self.function(name, a)

    def expm1(self, a: Local) -> Local:
        """exp(f) - 1."""
        return self._composed("expm1", a, lambda f: self.sub(self.exp(f), self.const(1)))

    def log1p(self, a: Local) -> Local:
        """log(1 + f)."""
        return self._composed("log1p", a, lambda f: self.log(self.add(self.const(1), f)))

    def sinc(self, a: Local) -> Local:
        """sin(f)/f."""
        return self._composed("sinc", a, lambda f: self.div(self.sin(f), f))

    def sigmoid(self, a: Local) -> Local:
        """1/(1 + exp(-f)); of a pole it is bounded."""
        if self._has_pole(a):
            return self._bounded(Fraction(0), Fraction(1))
        return self._composed("sigmoid", a, lambda f: self.powi(self.add(self.const(1), self.exp(self.neg(f))), -1))

    def softplus(self, a: Local) -> Local:
        """log(1 + exp(f))."""
        return self._composed("softplus", a, lambda f: self.log(self.add(self.const(1), self.exp(f))))

    def asinh(self, a: Local) -> Local:
        """log(f + sqrt(1 + f**2))."""
        return self._composed(
            "asinh", a, lambda f: self.log(self.add(f, self.sqrt(self.add(self.const(1), self.powi(f, 2)))))
        )

    def erf(self, a: Local) -> Local:
        """erf(f): y' = 2/sqrt(pi) exp(-f**2) f'; of a pole it is bounded."""
        if self._has_pole(a):
            return self._bounded(Fraction(-1), Fraction(1))
        return self._analytic("erf", a, self._erf)

    def _erf(self, c: list[Any]) -> list[Any]:
        scale = self.S.constant(self.A.powq(self.A.pi(), Fraction(-1, 2)), len(c))
        slope = self.S.mul(scale, self.S.exp(self.S.neg(self.S.square(c))))
        return self.S.integral(self.A.erf(self.S.first(c)), c, [self.S.scaled(x, 2) for x in slope])

    def erfc(self, a: Local) -> Local:
        """1 - erf(f)."""
        return self._composed("erfc", a, lambda f: self.sub(self.const(1), self.erf(f)))

    def ncdf(self, a: Local) -> Local:
        """(1 + erf(f/sqrt(2)))/2."""
        half, root = self.const(Fraction(1, 2)), self.powq(self.const(2), Fraction(-1, 2))
        return self._composed("ncdf", a, lambda f: self.mul(half, self.add(self.const(1), self.erf(self.mul(root, f)))))

    def asin(self, a: Local) -> Local:
        """asin(f)."""
        return self._analytic("asin", a, self.S.asin)

    def acos(self, a: Local) -> Local:
        """acos(f) = pi/2 - asin(f)."""
        return self.sub(self.mul(self.const(Fraction(1, 2)), self.pi()), self.asin(a))

    def atan(self, a: Local) -> Local:
        """atan(f); of a pole it is bounded."""
        if self._has_pole(a):
            return self._bounded(Fraction(-2), Fraction(2))
        return self._analytic("atan", a, self.S.atan)


class ExactLocal(LocalAlgebra):
    """At the plane itself, in exact numbers; answers are written on ``tape``.

    Parameters
    ----------
    signs : callable
        The sign of an exact number by an enclosure, 0 where it is not known.
    """

    def __init__(self, terms: int, side: int, signs: Callable[[Exact], int]) -> None:
        super().__init__(ExactAlgebra(), terms, side)
        self.signs, self.tape = signs, list[int]()

    def _written(self, answer: int) -> int:
        self.tape.append(answer)
        return answer

    def _zeros(self, c: Sequence[Any]) -> int:
        nonzero = (k for k, x in enumerate(c) if x is not None and not x.is_zero)
        return self._written(next(nonzero, len(c)))

    def _sign(self, c: Any) -> int:
        return self._written(self.signs(c))

    def _is_constant(self, c: Any) -> bool:
        return bool(self._written(int(c.is_constant)))

    def _continuous(self, c: list[Any]) -> Any:
        return self.S.first(c)

    def _nonzero(self, c: Any) -> None:
        pass

    def _finite(self, value: Any) -> None:
        pass

    def _power_log(self, m: int, of_log: Any, rest: Any) -> Any:
        return rest

    def _flat_exponential(self, q: Laurent) -> Any:
        return self.S.number(0)

    def _power(self, exponent: Any, factor: Any) -> Any:
        return self.S.number(0)

    def _vanishing(self, wild: Wild, u: Any) -> Any:
        return self.S.number(0)

    def _values(self, function: Callable[..., Any], args: Sequence[Any]) -> Interval | None:
        return None

    def _bounded(self, low: Fraction | str, high: Fraction | str) -> Wild:
        return Wild(None)


class EnclosingLocal(LocalAlgebra):
    """Over the hull of each cell and the plane, in jets of the other coordinates; answers are read from ``tape``.

    Parameters
    ----------
    axes : range
        Of all coordinates.
    axis : int
        Of the plane; ``s`` are the distances from it, None on it.
    terms, side, tape : int, int, sequence of int
        As in the exact computation, and its answers.

    Attributes
    ----------
    lost : bool array
        Cells where an operation that is not defined everywhere has no bounded enclosure.
    """

    def __init__(
        self, engine: Engine, axes: range, axis: int, s: Interval | None, terms: int, side: int, tape: Sequence[int]
    ) -> None:
        super().__init__(JetAlgebra(engine), terms, side)
        self.engine, self.axes, self.axis, self.s = engine, axes, axis, s
        self.answers = iter(tape)
        self.lost: Any = False

    def _distance(self) -> Any:
        return None if self.s is None else Jet(self.s)

    def _zeros(self, c: Sequence[Any]) -> int:
        return next(self.answers)

    def _sign(self, c: Any) -> int:
        return next(self.answers)

    def _is_constant(self, c: Any) -> bool:
        return bool(next(self.answers))

    def _continuous(self, c: list[Any]) -> Any:
        return self.jet(c)

    def jet(self, c: Sequence[Any]) -> Jet:
        """The jet over the cell of a series: c_0, c_1 and 2 c_2 enclose f, f' and f'' along the axis."""
        nothing = Jet(Interval(np.array([-np.inf]), np.array([np.inf])))
        zero, k = Jet(self.engine.const(0)), self.axis
        value, slope, bend = [zero if x is None else x for x in [*c[:3], *[nothing] * (3 - len(c))]]
        grad = {**value.grad, k: slope.value}
        hess = {**value.hess, (k, k): self.engine.mul(self.engine.const(2), bend.value)}
        for other, mixed in slope.grad.items():
            hess[min(k, other), max(k, other)] = mixed
        if len(c) < 2:  # nothing is known of the slope along the axis, so neither of how it varies with the others
            hess |= {(min(k, o), max(k, o)): nothing.value for o in value.grad if o != k}
        return Jet(value.value, grad, hess)

    def _nonzero(self, c: Any) -> None:
        self.lost = self.lost | ~((c.value.lo > 0) | (c.value.hi < 0))

    def _finite(self, value: Any) -> None:
        self.lost = self.lost | ~(np.isfinite(value.value.lo) & np.isfinite(value.value.hi))

    def _power_log(self, m: int, of_log: Any, rest: Any) -> Any:
        return self.A.add(rest, self.A.mul(of_log, power_log(self.engine, self.axis, self._s(), m)))

    def _s(self) -> Interval:
        assert self.s is not None
        return self.s

    def _flat_exponential(self, q: Laurent) -> Any:
        jet = self.jet(self.of_order(q, 0).c)
        return self.A.chain(jet, *flat_exponential(self.engine, jet.value))

    def _power(self, exponent: Any, factor: Any) -> Any:
        return self.A.mul(factor, power(self.engine, self.axis, self._s(), exponent.value))

    def _vanishing(self, wild: Wild, u: Any) -> Any:
        nothing = Interval(np.array([-np.inf]), np.array([np.inf]))
        assert wild.reach is not None
        hess = {(i, j): nothing for i in self.axes for j in self.axes if i <= j}
        return Jet(self.engine.mul(wild.reach, u.value), dict.fromkeys(self.axes, nothing), hess)

    def _values(self, function: Callable[..., Any], args: Sequence[Any]) -> Interval | None:
        found: Jet = function(*(Jet(x if isinstance(x, Interval) else x.value) for x in args))
        self._finite(found)
        return found.value

    def _bounded(self, low: Fraction | str, high: Fraction | str) -> Wild:
        return Wild(Interval(np.array([float(low)]), np.array([float(high)])))


def power_log(engine: Engine, axis: int, s: Interval, m: int) -> Jet:
    """The jet of s**m log|s|, m >= 1, over cells that hold or touch s = 0 (Lemma 23)."""
    value = _power_log_range(engine, s, m, Fraction(1), Fraction(0))
    first = _power_log_range(engine, s, m - 1, Fraction(m), Fraction(1))
    if m == 1:
        second = _parity(_inverse(engine, _reach(s)), s, odd=True, known_across=False)
    else:
        second = _power_log_range(engine, s, m - 2, Fraction(m * (m - 1)), Fraction(2 * m - 1))
    return Jet(value, {axis: first}, {(axis, axis): second})


def _reach(s: Interval) -> Interval:
    """The largest |s|."""
    h = np.maximum(-s.lo, s.hi)
    return Interval(h, h)


def _inverse(engine: Engine, h: Interval) -> Interval:
    """{1/r : 0 < r <= h}."""
    with np.errstate(divide="ignore"):
        low = np.where(h.hi > 0, engine.div(engine.const(1), Interval(h.hi, h.hi)).lo, 0.0)
    return Interval(np.maximum(low, 0.0), np.full(low.shape, np.inf))


def _power_log_range(engine: Engine, s: Interval, k: int, a: Fraction, b: Fraction) -> Interval:
    """{s**k (a log|s| + b)} for k >= 0, a > 0, with its limits at 0: one stationary point in r = |s|."""
    h = _reach(s)
    linear = engine.add(engine.mul(engine.const(a), engine.log(h)), engine.const(b))
    if k == 0:
        return Interval(np.full(1, -np.inf), np.where(h.hi > 0, linear.hi, np.inf))
    end = engine.mul(engine.powi(h, k), linear)
    at = engine.exp(engine.const(-(Fraction(1, k) + b / a)))
    least = engine.mul(engine.const(-a / k), engine.powi(at, k))
    inside = h.hi >= at.lo
    empty = h.hi <= 0
    lo = np.where(empty, 0.0, np.minimum(np.minimum(0.0, end.lo), np.where(inside, least.lo, 0.0)))
    hi = np.where(empty, 0.0, np.maximum(0.0, end.hi))
    return _parity(Interval(lo, hi), s, odd=bool(k % 2), known_across=True)


def _parity(x: Interval, s: Interval, *, odd: bool, known_across: bool) -> Interval:
    """A function of |s| with values in x, times the sign of s if odd, over s."""
    across, left = (s.lo < 0) & (s.hi > 0), s.hi <= 0
    lo, hi = x.lo, x.hi
    if odd:
        lo, hi = (
            np.where(across, np.minimum(x.lo, -x.hi), np.where(left, -x.hi, x.lo)),
            np.where(across, np.maximum(x.hi, -x.lo), np.where(left, -x.lo, x.hi)),
        )
    if not known_across:
        lo, hi = np.where(across, -np.inf, lo), np.where(across, np.inf, hi)
    return Interval(*np.broadcast_arrays(lo, hi))


def power(engine: Engine, axis: int, s: Interval, c: Interval) -> Jet:
    """The jet of |s|**c for a constant c > 0 over cells that hold or touch s = 0 (Lemma 23)."""
    one = engine.const(1)
    down, twice = engine.sub(c, one), engine.sub(c, engine.const(2))
    value = _parity(_power_range(engine, _reach(s), c), s, odd=False, known_across=True)
    first = engine.mul(c, _power_range(engine, _reach(s), down))
    second = engine.mul(engine.mul(c, down), _power_range(engine, _reach(s), twice))
    smooth = bool(down.lo[0] > 0)  # else the slope is infinite at 0, and no measure is its derivative across
    return Jet(
        value,
        {axis: _parity(first, s, odd=True, known_across=True)},
        {(axis, axis): _parity(second, s, odd=False, known_across=smooth)},
    )


def _power_range(engine: Engine, h: Interval, c: Interval) -> Interval:
    """{r**c : 0 < r <= h}, with its limit at 0, for a constant c known to lie in an interval."""
    shape = np.broadcast_shapes(h.shape, c.shape)
    if bool((c.lo <= 0).any() and (c.hi >= 0).any()):  # not decided: r**c is nonnegative
        return Interval(np.zeros(shape), np.full(shape, np.inf))
    end = engine.pow(Interval(np.where(h.hi > 0, h.hi, 1.0), np.where(h.hi > 0, h.hi, 1.0)), c)
    if c.lo[0] > 0:
        return Interval(np.zeros(shape), np.where(h.hi > 0, end.hi, 0.0))
    return Interval(np.where(h.hi > 0, np.maximum(end.lo, 0.0), 0.0), np.full(shape, np.inf))


def run(program: Program, algebra: LocalAlgebra, variable: Callable[[int], Laurent]) -> Local:
    """The expansion of a formula, given those of its variables."""
    values: list[Local] = []
    for node in program.nodes:
        args = [values[k] for k in node.args]
        if node.op == "var":
            values.append(variable(int(node.value or 0)))
            continue
        method = getattr(algebra, node.op, None)
        more = [] if node.value is None else [node.value]
        values.append(method(*args, *more) if method else algebra.function(node.op, *args))
    return values[-1]
