"""Exact numbers that decide zeros: polynomials with rational coefficients in letters.

A letter stands for one real number: pi, e, the exponential, logarithm, sine or root of another exact number, the
reciprocal of one that is not 0, a coordinate.  Letters are treated as independent, so a number that is *formally* zero
is zero (docs/theory.md, Lemma 22); one that is not may be zero all the same, which an enclosure has to exclude where it
matters.  Nothing here has to be complete.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import isqrt
from typing import Any

MAX_TERMS = 200
"""Experience: terms of an exact number."""

MAX_BITS = 4096
"""Experience: bits of the numerator and of the denominator of a coefficient."""

Letter = tuple[Any, ...]
Monomial = tuple[tuple[Letter, int], ...]


class TooLargeError(ArithmeticError):
    """An exact number has more terms or digits than are kept."""


@dataclass(frozen=True, eq=False)
class Exact:
    """A sum of rational multiples of products of powers of letters.

    Attributes
    ----------
    terms : {monomial: Fraction}
        No coefficient is 0; a monomial is the sorted tuple of its letters with their exponents, none of them 0.

    >>> A = ExactAlgebra()
    >>> A.sub(A.mul(A.pi(), A.pi()), A.powi(A.pi(), 2)).is_zero
    True
    """

    terms: Mapping[Monomial, Fraction]

    @classmethod
    def of(cls, terms: Mapping[Monomial, Fraction]) -> Exact:
        """The number with these coefficients, those that are 0 left out."""
        kept = {m: c for m, c in terms.items() if c}
        sizes = [max(abs(c.numerator), c.denominator).bit_length() for c in kept.values()]
        if len(kept) > MAX_TERMS or max(sizes, default=0) > MAX_BITS:
            raise TooLargeError("an exact number has too many terms or digits")
        return cls(kept)

    @classmethod
    def letter(cls, *name: Any) -> Exact:
        """The number that a letter stands for."""
        return cls({((name, 1),): Fraction(1)})

    @property
    def is_zero(self) -> bool:
        """Whether it is formally zero."""
        return not self.terms

    @property
    def rational(self) -> Fraction | None:
        """Its value where no letter occurs in it."""
        return Fraction(0) if not self.terms else self.terms.get(()) if len(self.terms) == 1 else None

    @cached_property
    def key(self) -> tuple[tuple[Monomial, Fraction], ...]:
        """Its terms in a fixed order: equal keys, equal numbers."""
        return tuple(sorted(self.terms.items(), key=repr))

    @property
    def is_constant(self) -> bool:
        """Whether no coordinate occurs in it."""
        return not _mentions(self.key, "coordinate")

    @property
    def is_polynomial(self) -> bool:
        """Whether it is a polynomial in the coordinates: two such numbers are equal on a box only if formally so."""
        return all(letter[0] == "coordinate" and n > 0 for m in self.terms for letter, n in m)

    @property
    def turns(self) -> Fraction | None:
        """q where it is q pi."""
        if not self.terms:
            return Fraction(0)
        return self.terms.get(((("pi",), 1),)) if len(self.terms) == 1 else None


def _mentions(key: Any, name: str) -> bool:
    return key == name or (isinstance(key, tuple) and any(_mentions(part, name) for part in key))


class ExactAlgebra:
    """Arithmetic of exact numbers, and what of elementary functions can be said exactly; else a new letter.

    >>> A = ExactAlgebra()
    >>> A.sin(A.mul(A.const(Fraction(1, 2)), A.pi())).rational, A.exp(A.const(Fraction(0))).rational
    (Fraction(1, 1), Fraction(1, 1))
    """

    def const(self, q: Fraction | int) -> Exact:
        """A rational number."""
        return Exact.of({(): Fraction(q)})

    def pi(self) -> Exact:
        """The number pi."""
        return Exact.letter("pi")

    def e(self) -> Exact:
        """Euler's number."""
        return Exact.letter("e")

    def neg(self, a: Exact) -> Exact:
        """-x."""
        return Exact({m: -c for m, c in a.terms.items()})

    def add(self, a: Exact, b: Exact) -> Exact:
        """x + y."""
        terms = dict(a.terms)
        for m, c in b.terms.items():
            terms[m] = terms.get(m, Fraction(0)) + c
        return Exact.of(terms)

    def sub(self, a: Exact, b: Exact) -> Exact:
        """x - y."""
        return self.add(a, self.neg(b))

    def mul(self, a: Exact, b: Exact) -> Exact:
        """x y."""
        if len(a.terms) * len(b.terms) > 4 * MAX_TERMS:
            raise TooLargeError("an exact number has too many terms")
        terms: dict[Monomial, Fraction] = {}
        for m, c in a.terms.items():
            for n, d in b.terms.items():
                powers = dict(m)
                for letter, exponent in n:
                    powers[letter] = powers.get(letter, 0) + exponent
                product = tuple(sorted(((x, k) for x, k in powers.items() if k), key=repr))
                terms[product] = terms.get(product, Fraction(0)) + c * d
        return Exact.of(terms)

    def powi(self, a: Exact, n: int) -> Exact:
        """x**n; x is not 0 where n < 0."""
        base, result = (a if n >= 0 else self.div(self.const(1), a)), self.const(1)
        for bit in bin(abs(n))[2:]:
            result = self.mul(result, result)
            result = self.mul(result, base) if bit == "1" else result
        return result

    def div(self, a: Exact, b: Exact) -> Exact:
        """x / y, y being a number other than 0: who asks has that from an enclosure."""
        if b.is_zero:
            raise ZeroDivisionError("division by an exact zero")
        if len(b.terms) > 1:
            return self.mul(a, Exact.letter("inverse", b.key))
        ((m, c),) = b.terms.items()
        return self.mul(a, Exact.of({tuple((x, -k) for x, k in m): 1 / c}))

    # -- functions: odd and even ones of a number and of its negative are one letter --

    def signed(self, a: Exact) -> tuple[int, Exact]:
        """A sign and the number with it, so that x and -x give the same number."""
        return (-1, self.neg(a)) if a.key and a.key[0][1] < 0 else (1, a)

    def odd(self, name: str, a: Exact) -> Exact:
        """An odd function that is 0 at 0."""
        if a.is_zero:
            return a
        sign, positive = self.signed(a)
        value = Exact.letter(name, positive.key)
        return value if sign > 0 else self.neg(value)

    def exp(self, a: Exact) -> Exact:
        """exp(x)."""
        q = a.rational
        if q is not None and q.denominator == 1:
            return self.const(1) if q == 0 else Exact({((("e",), int(q)),): Fraction(1)})
        sign, positive = self.signed(a)
        return Exact({((("exp", positive.key), sign),): Fraction(1)})

    def log(self, a: Exact) -> Exact:
        """log(x), x > 0."""
        if a.rational == 1:
            return self.const(0)
        return self.const(1) if a.key == self.e().key else Exact.letter("log", a.key)

    def sin(self, a: Exact) -> Exact:
        """sin(x)."""
        q = a.turns
        if q is not None and (2 * q).denominator == 1:
            return self.const((0, 1, 0, -1)[int(2 * q) % 4])
        return self.odd("sin", a)

    def cos(self, a: Exact) -> Exact:
        """cos(x)."""
        q = a.turns
        if q is not None and (2 * q).denominator == 1:
            return self.const((1, 0, -1, 0)[int(2 * q) % 4])
        return Exact.letter("cos", self.signed(a)[1].key)

    def sinh(self, a: Exact) -> Exact:
        """sinh(x) by exponentials."""
        return self.mul(self.const(Fraction(1, 2)), self.sub(self.exp(a), self.exp(self.neg(a))))

    def cosh(self, a: Exact) -> Exact:
        """cosh(x) by exponentials."""
        return self.mul(self.const(Fraction(1, 2)), self.add(self.exp(a), self.exp(self.neg(a))))

    def powq(self, a: Exact, q: Fraction) -> Exact:
        """x**q, x > 0."""
        root = None if a.rational is None else _root(a.rational, q.denominator)
        return self.powi(self.const(root), q.numerator) if root else Exact.letter("powq", a.key, q)

    def cbrt(self, a: Exact) -> Exact:
        """The real cube root."""
        if a.is_zero:
            return a
        sign, positive = self.signed(a)
        root = self.powq(positive, Fraction(1, 3)) if positive.rational else Exact.letter("cbrt", positive.key)
        return root if sign > 0 else self.neg(root)

    def asin(self, a: Exact) -> Exact:
        """asin(x)."""
        return self.odd("asin", a)

    def erf(self, a: Exact) -> Exact:
        """erf(x)."""
        return self.odd("erf", a)

    def atan(self, a: Exact) -> Exact:
        """atan(x)."""
        return self.odd("atan", a)

    def function(self, name: str, *args: Exact) -> Exact:
        """Any other function, of which nothing is known."""
        return Exact.letter(name, *(a.key for a in args))


class ExactValues(ExactAlgebra):
    """The operations of a program on exact numbers: the value of a formula at a point.

    >>> A = ExactValues()
    >>> A.max(A.const(1), A.const(2)).rational, A.sqrt(A.const(Fraction(1, 4))).rational
    (Fraction(2, 1), Fraction(1, 2))
    """

    def letter(self, *name: Any) -> Exact:
        """A number of which nothing is known."""
        return Exact.letter(*name)

    def sqrt(self, a: Exact) -> Exact:
        """sqrt(x)."""
        return self.powq(a, Fraction(1, 2))

    def powq(self, a: Exact, q: Fraction) -> Exact:
        """x**q, x >= 0."""
        return a if a.is_zero and q > 0 else super().powq(a, q)

    def pow(self, a: Exact, b: Exact) -> Exact:
        """x**y = exp(y log(x)), x > 0."""
        return self.exp(self.mul(b, self.log(a)))

    def tan(self, a: Exact) -> Exact:
        """sin(x)/cos(x)."""
        return self.div(self.sin(a), self.cos(a))

    def tanh(self, a: Exact) -> Exact:
        """sinh(x)/cosh(x)."""
        return self.div(self.sinh(a), self.cosh(a))

    def acos(self, a: Exact) -> Exact:
        """pi/2 - asin(x)."""
        return self.sub(self.mul(self.const(Fraction(1, 2)), self.pi()), self.asin(a))

    def abs(self, a: Exact) -> Exact:
        """|x|."""
        q = a.rational
        return self.function("abs", self.signed(a)[1]) if q is None else self.const(abs(q))

    def max(self, a: Exact, b: Exact) -> Exact:
        """max(x, y)."""
        return self._extreme("max", max, a, b)

    def min(self, a: Exact, b: Exact) -> Exact:
        """min(x, y)."""
        return self._extreme("min", min, a, b)

    def _extreme(self, name: str, choose: Callable[[Fraction, Fraction], Fraction], a: Exact, b: Exact) -> Exact:
        difference = self.sub(a, b).rational
        if difference is None:
            return self.function(name, *sorted((a, b), key=lambda x: repr(x.key)))
        return self.add(b, self.const(choose(difference, Fraction(0))))

    def __getattr__(self, name: str) -> Callable[..., Exact]:
        """Any other function of one argument or two."""
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args: self.function(name, *args)


def _root(q: Fraction, n: int) -> Fraction | None:
    """The square or cube root of a positive rational where that is rational."""
    if q <= 0 or n not in (2, 3):
        return None
    parts = [_whole_root(k, n) for k in q.as_integer_ratio()]
    return None if None in parts else Fraction(*(p for p in parts if p is not None))


def _whole_root(k: int, n: int) -> int | None:
    x = isqrt(k)
    if n == 3:
        x = 1 << -(-k.bit_length() // 3)  # from above, by Newton's method
        while (y := (2 * x + k // (x * x)) // 3) < x:
            x = y
    return x if x**n == k else None


def evaluate(number: Exact, algebra: Any, coordinates: Mapping[str, Any]) -> Any:
    """The value in another algebra: an enclosure, an mpmath number, a node of a formula.

    >>> from mgdl_theory.rigor.engines import get_engine
    >>> A = ExactAlgebra()
    >>> half = evaluate(A.mul(A.const(Fraction(1, 2)), A.exp(A.const(0))), get_engine(), {})
    >>> half.lo.tolist(), half.hi.tolist()
    ([0.5], [0.5])
    """

    def inner(key: Any) -> Any:
        return evaluate(Exact(dict(key)), algebra, coordinates)

    special: dict[str, Callable[..., Any]] = {
        "pi": algebra.pi,
        "e": algebra.e,
        "coordinate": coordinates.__getitem__,
        "inverse": lambda key: algebra.div(algebra.const(Fraction(1)), inner(key)),
        "powq": lambda key, q: algebra.powq(inner(key), q),
    }
    total = algebra.const(Fraction(0))
    for monomial, coefficient in number.key:
        product = algebra.const(coefficient)
        for (name, *rest), exponent in monomial:
            known = special.get(name)
            value = known(*rest) if known else getattr(algebra, name)(*map(inner, rest))
            product = algebra.mul(product, value if exponent == 1 else algebra.powi(value, exponent))
        total = algebra.add(total, product)
    return total
