"""Truncated series c_0 + c_1 s + c_2 s**2 + ..., c_j = f^(j)/j!, with coefficients from any algebra.

The recurrences are identities between normalised derivatives at each point; so with enclosures of c_j over a set as
coefficients they give enclosures over that set (docs/theory.md, Lemma 20).  A coefficient ``None`` is exactly 0; where
the list ends, nothing is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SeriesAlgebra(Generic[T]):
    """Operations on lists of coefficients; a result is as long as the shortest argument.

    >>> from mgdl_theory.rigor.exact import ExactAlgebra
    >>> S = SeriesAlgebra(ExactAlgebra())
    >>> zero_one = [None, S.number(1), None, None]
    >>> [str(c.rational) for c in S.sin(zero_one)]
    ['0', '1', '0', '-1/6']
    """

    def __init__(self, algebra: Any) -> None:
        self.A = algebra

    def number(self, q: Fraction | int) -> T:
        """A rational number as a coefficient."""
        value: T = self.A.const(Fraction(q))
        return value

    def constant(self, value: T | None, length: int) -> list[T | None]:
        """A function that does not depend on s."""
        return [value, *[None] * (length - 1)]

    def first(self, a: Sequence[T | None]) -> T:
        """c_0, as a number also where it is exactly 0."""
        return self.number(0) if a[0] is None else a[0]

    # -- coefficients --

    def scaled(self, x: T | None, q: Fraction | int) -> T | None:
        """A rational multiple."""
        if x is None or q == 0:
            return None
        value: T = x if q == 1 else self.A.mul(self.number(q), x)
        return value

    def total(self, terms: Iterable[T | None]) -> T | None:
        """A sum."""
        total: T | None = None
        for term in terms:
            if term is not None:
                total = term if total is None else self.A.add(total, term)
        return total

    def dot(self, a: Iterable[T | None], b: Iterable[T | None]) -> T | None:
        """A sum of products."""
        return self.total(self._times(x, y) for x, y in zip(a, b, strict=True))

    def _times(self, x: T | None, y: T | None) -> T | None:
        return None if x is None or y is None else self.A.mul(x, y)

    def _over(self, x: T | None, y: T) -> T | None:
        return None if x is None else self.A.div(x, y)

    def _weighted(self, a: Sequence[T | None], weights: Iterable[Fraction | int]) -> list[T | None]:
        return [self.scaled(x, q) for x, q in zip(a, weights, strict=True)]

    # -- arithmetic --

    def neg(self, a: Sequence[T | None]) -> list[T | None]:
        """-f."""
        return [None if x is None else self.A.neg(x) for x in a]

    def add(self, a: Sequence[T | None], b: Sequence[T | None]) -> list[T | None]:
        """f + g."""
        return [self.total(pair) for pair in zip(a, b, strict=False)]

    def mul(self, a: Sequence[T | None], b: Sequence[T | None]) -> list[T | None]:
        """f g."""
        return [self.dot(a[: k + 1], b[k::-1]) for k in range(min(len(a), len(b)))]

    def square(self, a: Sequence[T | None]) -> list[T | None]:
        """f**2."""
        out: list[T | None] = []
        for k in range(len(a)):
            half = (k + 1) // 2
            middle = a[k // 2] if k % 2 == 0 else None
            twice = self.scaled(self.dot(a[:half], a[k : k - half : -1]), 2)
            out.append(self.total([twice, None if middle is None else self.A.powi(middle, 2)]))
        return out

    def div(self, a: Sequence[T | None], b: Sequence[T | None]) -> list[T | None]:
        """w = f / g: w_k g_0 = f_k - sum_i<k w_i g_(k-i)."""
        minus, out = self.neg(b), list[T | None]()
        for k in range(min(len(a), len(b))):
            out.append(self._over(self.total([a[k], self.dot(out, minus[k:0:-1])]), self.first(b)))
        return out

    def powi(self, a: Sequence[T | None], n: int) -> list[T | None]:
        """f**n, n >= 1."""
        out = list(a)
        for bit in bin(n)[3:]:
            out = self.square(out)
            out = self.mul(out, a) if bit == "1" else out
        return out

    def times_s(self, s: T | None, a: Sequence[T | None]) -> list[T | None]:
        """(x - a) f, s holding the values of x - a, or None at the point a itself."""
        return [self.total([self._times(s, x), a[k - 1] if k else None]) for k, x in enumerate(a)]

    # -- functions --

    def integral(self, first: T, a: Sequence[T | None], g: Sequence[T | None]) -> list[T | None]:
        """y = phi(f) with y_0 given and phi'(f) = g: k y_k = sum_i i f_i g_(k-i)."""
        y: list[T | None] = [first]
        for k in range(1, min(len(a), len(g) + 1)):
            rise = self.dot(self._weighted(a[1 : k + 1], range(1, k + 1)), g[k - 1 :: -1])
            y.append(self.scaled(rise, Fraction(1, k)))
        return y

    def exp(self, a: Sequence[T | None]) -> list[T | None]:
        """exp(f): y' = f' y."""
        y: list[T | None] = [self.A.exp(self.first(a))]
        for k in range(1, len(a)):
            rise = self.dot(self._weighted(a[1 : k + 1], range(1, k + 1)), y[::-1])
            y.append(self.scaled(rise, Fraction(1, k)))
        return y

    def log(self, a: Sequence[T | None]) -> list[T | None]:
        """log(f): f y' = f'."""
        y: list[T | None] = [self.A.log(a[0])]
        for k in range(1, len(a)):
            known = self._weighted(y[1:], (Fraction(-i, k) for i in range(1, k)))
            y.append(self._over(self.total([a[k], self.dot(known, a[k - 1 : 0 : -1])]), self.first(a)))
        return y

    def powq(self, a: Sequence[T | None], q: Fraction, first: T) -> list[T | None]:
        """f**q, its first coefficient given: f y' = q f' y."""
        y: list[T | None] = [first]
        for k in range(1, len(a)):
            weights = (Fraction(q * i - (k - i), k) for i in range(1, k + 1))
            y.append(self._over(self.dot(self._weighted(a[1 : k + 1], weights), y[::-1]), self.first(a)))
        return y

    def sin(self, a: Sequence[T | None]) -> list[T | None]:
        """sin(f)."""
        return self._pair(self.A.sin, self.A.cos, a, -1)[0]

    def cos(self, a: Sequence[T | None]) -> list[T | None]:
        """cos(f)."""
        return self._pair(self.A.sin, self.A.cos, a, -1)[1]

    def sinh(self, a: Sequence[T | None]) -> list[T | None]:
        """sinh(f)."""
        return self._pair(self.A.sinh, self.A.cosh, a, 1)[0]

    def cosh(self, a: Sequence[T | None]) -> list[T | None]:
        """cosh(f)."""
        return self._pair(self.A.sinh, self.A.cosh, a, 1)[1]

    def _pair(
        self, sine: Callable[[T], T], cosine: Callable[[T], T], a: Sequence[T | None], sign: int
    ) -> tuple[list[T | None], list[T | None]]:
        """S' = C f' and C' = sign S f'."""
        x = self.first(a)
        s: list[T | None] = [sine(x)]
        c: list[T | None] = [cosine(x)]
        for k in range(1, len(a)):
            slopes = self._weighted(a[1 : k + 1], (Fraction(i, k) for i in range(1, k + 1)))
            up, down = self.dot(slopes, c[::-1]), self.dot(slopes, s[::-1])
            s.append(up)
            c.append(self.scaled(down, sign))
        return s, c

    def asin(self, a: Sequence[T | None]) -> list[T | None]:
        """asin(f): y' = f' (1 - f**2)**(-1/2)."""
        rest = self._one_plus_square(a, -1)
        slope = self.powq(rest, Fraction(-1, 2), self.A.powq(self.first(rest), Fraction(-1, 2)))
        return self.integral(self.A.asin(self.first(a)), a, slope)

    def atan(self, a: Sequence[T | None]) -> list[T | None]:
        """atan(f): y' = f' / (1 + f**2)."""
        one = self.constant(self.number(1), len(a))
        return self.integral(self.A.atan(self.first(a)), a, self.div(one, self._one_plus_square(a, 1)))

    def _one_plus_square(self, a: Sequence[T | None], sign: int) -> list[T | None]:
        return self.add(
            self.constant(self.number(1), len(a)), self._weighted(self.square(a), (sign for _ in range(len(a))))
        )
