"""Targets whose enclosures are exact, and oracles in rational arithmetic that share no code with the package.

Everything is stated in unit coordinates t of [0, 1]^d; a toy's box only renames the points.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from mgdl_theory.atom import Atoms
from mgdl_theory.mesh import Mesh, children
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.scheme import Scheme
from mgdl_theory.targets.base import THETA, Box, Defects

Point = tuple[Fraction, ...]
Node = tuple[int, ...]
Exact = Callable[[Sequence[Fraction]], Fraction]

UNIT = Box.of([0, 1])


# -- numbers ---------------------------------------------------------------------------------------


def below(q: Fraction) -> float:
    """The largest float that is at most q."""
    v = float(q)
    return v if Fraction(v) <= q else math.nextafter(v, -math.inf)


def above(q: Fraction) -> float:
    """The smallest float that is at least q."""
    return -below(-q)


def tight(numbers: Iterable[Fraction]) -> Interval:
    """The narrowest float enclosures of rational numbers."""
    numbers = list(numbers)
    return Interval(np.array([below(q) for q in numbers]), np.array([above(q) for q in numbers]))


def enclose(numerators: np.ndarray, denominator: int) -> Interval:
    """The same for int64 numerators over one denominator; at once where binary64 holds them."""
    power = denominator & (denominator - 1) == 0
    if power and np.abs(numerators).max(initial=0) <= 1 << 53:
        exact = np.ldexp(numerators.astype(float), 1 - denominator.bit_length())
        return Interval(exact, exact)
    return tight(Fraction(n, denominator) for n in numerators.tolist())


def integers(numbers: Iterable[Fraction]) -> tuple[list[int], int]:
    """Numerators over the least common denominator."""
    numbers = list(numbers)
    common = math.lcm(*(q.denominator for q in numbers))
    return [int(q * common) for q in numbers], common


# -- the Freudenthal triangulation by its definition -----------------------------------------------


def simplices(d: int) -> list[list[Node]]:
    """The d! simplices of the unit cell: z, then one axis after the other in the order of a permutation."""
    out = []
    for order in itertools.permutations(range(d)):
        chain = [(0,) * d]
        for axis in order:
            chain.append(tuple(x + (a == axis) for a, x in enumerate(chain[-1])))
        out.append(chain)
    return out


def barycentric(t: Sequence[Fraction], level: int) -> dict[Node, Fraction]:
    """Vertex -> weight of a point in a simplex of T_l that holds it: sort the fractional parts, take differences."""
    size = 1 << level
    scaled = [s * size for s in t]
    cell = [min(math.floor(s), size - 1) for s in scaled]
    part = [s - z for s, z in zip(scaled, cell, strict=True)]
    order = sorted(range(len(t)), key=lambda a: -part[a])
    heights = [Fraction(1), *(part[a] for a in order), Fraction(0)]
    vertex, weights = list(cell), {}
    for k, axis in enumerate([*order, 0]):
        weights[tuple(vertex)] = heights[k] - heights[k + 1]
        vertex[axis] += 1
    return weights


def interpolate(values: Mapping[Node, Fraction], level: int, t: Sequence[Fraction]) -> Fraction:
    """The piecewise linear interpolant on T_l of nodal values; a node that is not named has the value 0."""
    pairs = barycentric(t, level).items()
    return sum((w * values.get(v, Fraction(0)) for v, w in pairs), Fraction(0))


def refine(values: np.ndarray) -> np.ndarray:
    """Twice the interpolant at the nodes of the next level: N(j // 2) + N((j + 1) // 2), on a full grid."""
    fine = np.indices(tuple(2 * n - 1 for n in values.shape))
    return values[tuple(fine // 2)] + values[tuple((fine + 1) // 2)]


def nodes_of(level: int, d: int) -> Iterator[Node]:
    """All nodes of a level."""
    return itertools.product(range((1 << level) + 1), repeat=d)


def at(node: Sequence[int], level: int) -> Point:
    """Unit coordinates of a node."""
    return tuple(Fraction(int(i), 1 << level) for i in node)


def all_cells(level: int, d: int) -> np.ndarray:
    """All cells of a level, as the package lists them."""
    cells = np.zeros((1, d), dtype=np.int64)
    for _ in range(level):
        cells = children(cells)
    return cells


def full_mesh(level: int, d: int) -> Mesh:
    return Mesh.of(level, all_cells(level, d))


# -- toys ------------------------------------------------------------------------------------------


class Toy:
    """A target given by exact values and exact one-sided defects."""

    box: Box
    text: str
    order: int
    certified: bool

    @property
    def dim(self) -> int:
        return self.box.dim

    def at(self, t: Sequence[Fraction]) -> Fraction:
        """f at unit coordinates."""
        raise NotImplementedError

    def nodal_values(self, level: int, nodes: np.ndarray) -> tuple[np.ndarray, int]:
        """f at the nodes as int64 numerators over one denominator."""
        raise NotImplementedError

    def bounds(self, level: int, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sag and bulge of each cell, rounded up."""
        raise NotImplementedError

    def values(self, level: int, nodes: np.ndarray) -> Interval:
        return enclose(*self.nodal_values(level, nodes))

    def defects(self, level: int, cells: np.ndarray) -> Defects:
        sag, bulge = self.bounds(level, cells)
        corners = np.array(list(nodes_of(0, self.dim)))
        numerators, denominator = self.nodal_values(level, (cells[:, None, :] + corners).reshape(-1, self.dim))
        at_corner = numerators.reshape(len(cells), -1)
        low = np.nextafter(enclose(at_corner.min(axis=1), denominator).lo - sag, -np.inf)
        high = np.nextafter(enclose(at_corner.max(axis=1), denominator).hi + bulge, np.inf)
        theta = np.full(len(cells), THETA[self.order])
        return Defects(sag, bulge, theta, theta, Interval(low, high))

    def __call__(self, x: Any) -> np.ndarray:
        t = self.box.to_unit(np.asarray(x, dtype=float).reshape(-1, self.dim))
        return np.array([float(self.at([Fraction(s) for s in row])) for row in t.tolist()])

    def mp(self, point: Sequence[Fraction], digits: int) -> Any:
        import mpmath

        sides = zip(point, self.box.lower, self.box.upper, strict=True)
        value = self.at([(x - lo) / (hi - lo) for x, lo, hi in sides])
        return mpmath.mpf(value.numerator) / value.denominator

    def describe(self) -> dict[str, Any]:
        return {"text": self.text}


@dataclass(frozen=True)
class Quadratic(Toy):
    """f = t'At + b't + c with A symmetric; the defects are the best second-order bounds, exact if A has one sign.

    On a simplex the barycentric coordinates are comonotone, so I_T f - f = sum_ab A_ab Cov_ab with every
    Cov_ab in [0, h^2/4], all of them h^2/4 together at the middle of the diagonal.
    """

    A: tuple[tuple[Fraction, ...], ...]
    b: tuple[Fraction, ...]
    c: Fraction = Fraction(0)
    box: Box = UNIT
    text: str = "a quadratic"
    order: int = 2
    certified: bool = True

    @classmethod
    def of(cls, A: Any, b: Any, c: Any = 0, box: Box | None = None) -> Quadratic:
        """From nested lists; one variable may be given by bare numbers."""
        if not isinstance(A, list | tuple):
            A, b = [[A]], [b]
        matrix = tuple(tuple(Fraction(x) for x in row) for row in A)
        return cls(matrix, tuple(Fraction(x) for x in b), Fraction(c), box or Box.of([0, 1], len(matrix)))

    def at(self, t: Sequence[Fraction]) -> Fraction:
        linear = sum((b * x for b, x in zip(self.b, t, strict=True)), self.c)
        pairs = itertools.product(range(self.dim), repeat=2)
        return sum((self.A[i][j] * t[i] * t[j] for i, j in pairs if self.A[i][j]), linear)

    def nodal_values(self, level: int, nodes: np.ndarray) -> tuple[np.ndarray, int]:
        d, size = self.dim, 1 << level
        entries = [x for row in self.A for x in row]
        whole, common = integers([*entries, *self.b, self.c])
        top = d * d * max(map(abs, whole)) * size * size
        i = nodes if top < 1 << 60 else nodes.astype(object)
        total = 0 * i[:, 0] + whole[-1] * size * size
        for k, j in itertools.product(range(d), repeat=2):
            total = total + whole[d * k + j] * i[:, k] * i[:, j]
        for k in range(d):
            total = total + whole[d * d + k] * size * i[:, k]
        return total, common * size * size

    def bounds(self, level: int, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        entries = [x for row in self.A for x in row]
        quarter = Fraction(1, 4 << 2 * level)
        sag, bulge = (quarter * sum((max(s * x, 0) for x in entries), Fraction(0)) for s in (1, -1))
        return np.full(len(cells), above(sag)), np.full(len(cells), above(bulge))


@dataclass(frozen=True)
class Nodal(Toy):
    """The piecewise linear function on T_L with given nodal values: every truth about it is a finite check at nodes.

    Between level 0 and L the defects do not fall regularly, so the margin condition fails here and there
    and cells have to rest; from level L on all defects are 0.
    """

    finest: int
    nodal: tuple[Fraction, ...]
    box: Box = UNIT
    text: str = "a piecewise linear function"
    order: int = 1
    certified: bool = True
    table: dict[Node, Fraction] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        table = dict(zip(nodes_of(self.finest, self.dim), map(Fraction, self.nodal), strict=True))
        object.__setattr__(self, "table", table)

    def at(self, t: Sequence[Fraction]) -> Fraction:
        return interpolate(self.table, self.finest, t)

    def grid(self, level: int) -> tuple[np.ndarray, int]:
        """f at all nodes of a level, as int64 numerators of shape (2^l + 1,) * d over one denominator."""
        whole, common = integers(self.nodal)
        shape = ((1 << self.finest) + 1,) * self.dim
        values = np.array(whole, dtype=np.int64).reshape(shape)
        if level < self.finest:
            step = 1 << (self.finest - level)
            return values[(slice(None, None, step),) * self.dim], common
        for _ in range(level - self.finest):
            values, common = refine(values), 2 * common
        return values, common

    def nodal_values(self, level: int, nodes: np.ndarray) -> tuple[np.ndarray, int]:
        """At a cell's nodes f is linear between the corners of the chain that the fractional parts select."""
        if level <= self.finest:
            values, common = self.grid(level)
            return values[tuple(nodes.T)], common
        deeper = level - self.finest
        values, common = self.grid(self.finest)
        cell = np.minimum(nodes >> deeper, (1 << self.finest) - 1)
        part = nodes - (cell << deeper)
        order = np.argsort(-part, axis=1, kind="stable")
        height = np.take_along_axis(part, order, axis=1)
        total = values[tuple(cell.T)] * ((1 << deeper) - height[:, 0])
        for k in range(self.dim):
            cell[np.arange(len(cell)), order[:, k]] += 1
            following = height[:, k + 1] if k + 1 < self.dim else 0
            total = total + values[tuple(cell.T)] * (height[:, k] - following)
        return total, common << deeper

    def bounds(self, level: int, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The largest gaps between f and its interpolant are at nodes of the finest level; 0 from there on."""
        if level >= self.finest:
            return np.zeros(len(cells)), np.zeros(len(cells))
        values, common = self.grid(self.finest)
        coarse = self.grid(level)[0]
        for _ in range(self.finest - level):
            coarse = refine(coarse)
        step = 1 << (self.finest - level)
        gap = coarse - values * step
        around = np.array(list(itertools.product(range(step + 1), repeat=self.dim)))
        nodes = (cells * step)[:, None, :] + around
        inside = gap[tuple(np.moveaxis(nodes, -1, 0))]
        sag, bulge = (enclose(np.maximum(s * inside, 0).max(axis=1), common * step).hi for s in (1, -1))
        return sag, bulge


@dataclass(frozen=True)
class Sign(Toy):
    """-f, with sag and bulge exchanged."""

    of: Toy

    def __post_init__(self) -> None:
        for name in ("box", "order", "certified"):
            object.__setattr__(self, name, getattr(self.of, name))
        object.__setattr__(self, "text", f"-({self.of.text})")

    def at(self, t: Sequence[Fraction]) -> Fraction:
        return -self.of.at(t)

    def nodal_values(self, level: int, nodes: np.ndarray) -> tuple[np.ndarray, int]:
        numerators, denominator = self.of.nodal_values(level, nodes)
        return -numerators, denominator

    def bounds(self, level: int, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.of.bounds(level, cells)[::-1]  # type: ignore[return-value]


@dataclass(frozen=True)
class Doctored:
    """A target with its answers changed: what a liar, or an enclosure that gave up, would say."""

    honest: Any
    on_values: Callable[[Interval], Interval] = lambda v: v
    on_defects: Callable[[Defects], Defects] = lambda d: d
    certified: bool = True

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "honest"), name)

    def __call__(self, x: Any) -> np.ndarray:
        return self.honest(x)

    def values(self, level: int, nodes: np.ndarray) -> Interval:
        return self.on_values(self.honest.values(level, nodes))

    def defects(self, level: int, cells: np.ndarray) -> Defects:
        return self.on_defects(self.honest.defects(level, cells))


# -- schemes by hand, and what is true of them -----------------------------------------------------


def atoms(level: int, table: Mapping[Node, Any]) -> Atoms:
    """The function with these nodal values at one level; zeros are left out."""
    kept = {v: float(c) for v, c in sorted(table.items()) if c}
    d = len(next(iter(table)))
    return Atoms(level, np.array(list(kept), dtype=np.int64).reshape(-1, d), np.array(list(kept.values())))


TABLES: dict[int, tuple[Atoms, dict[Node, Fraction]]] = {}


def table_of(g: Atoms) -> dict[Node, Fraction]:
    """Node -> exact coefficient; kept as long as the process, so that points can be asked one by one."""
    if id(g) not in TABLES:
        pairs = zip(g.nodes.tolist(), g.coefficients.tolist(), strict=True)
        TABLES[id(g)] = g, {tuple(node): Fraction(c) for node, c in pairs}
    return TABLES[id(g)][1]


def value_of(g: Atoms, t: Sequence[Fraction]) -> Fraction:
    """g at a rational point, by interpolation."""
    return interpolate(table_of(g), g.level, t)


def residuals(scheme: Scheme, f: Exact, t: Sequence[Fraction]) -> list[Fraction]:
    """e_0, e_1, ..., e_K at a rational point."""
    out = [f(t) - Fraction(scheme.lift)]
    for grade in scheme.grades:
        out.append(out[-1] - value_of(grade.atoms, t))
    return out


def smallest_integers(bound: Fraction | int) -> type:
    """int64 where numbers up to this bound leave two bits for sums, else Python's integers."""
    return np.int64 if bound < 1 << 60 else object


def same_denominator(common: int, *pairs: tuple[np.ndarray, int]) -> list[np.ndarray]:
    """Numerators over a common multiple of their denominators."""
    bound = max(int(np.abs(n).max(initial=1)) * (common // d) for n, d in pairs)
    return [n.astype(smallest_integers(4 * bound)) * (common // d) for n, d in pairs]


def approximants(scheme: Scheme, level: int) -> tuple[list[np.ndarray], int]:
    """The approximants after 0, 1, ..., K grades at all nodes of a level: integers over one power of two."""
    numbers = [scheme.lift, *(c for g in scheme.grades for c in g.atoms.coefficients.tolist())]
    common = math.lcm(*(Fraction(c).denominator for c in numbers)) << level
    shape = ((1 << level) + 1,) * scheme.dim
    dtype = smallest_integers(sum(abs(Fraction(c)) for c in numbers) * common)
    out = [np.full(shape, int(Fraction(scheme.lift) * common), dtype=dtype)]
    for grade in scheme.grades:
        g = np.zeros(((1 << grade.level) + 1,) * scheme.dim, dtype=dtype)
        for node, c in table_of(grade.atoms).items():
            g[node] = int(c * common) >> (level - grade.level)
        for _ in range(level - grade.level):
            g = refine(g)
        out.append(out[-1] + g)
    return out, common


@dataclass(frozen=True)
class Truth:
    """What holds exactly: sup |e_k| for every k, and for every grade whether it is balanced and nonincreasing.

    ``e`` holds every residual at all nodes of the finest level, as integers over ``common``.
    """

    sup: list[Fraction]
    balanced: list[bool]
    nonincreasing: list[bool]
    e: list[np.ndarray]
    common: int

    def square(self, k: int) -> Fraction:
        """The integral of e_k^2 in unit coordinates."""
        return square_integral(self.e[k]) / self.common**2


def truth_of_nodal(toy: Nodal, scheme: Scheme) -> Truth:
    """For a piecewise linear target all residuals are linear on the simplices of the finest level in play."""
    level = max([toy.finest, *(g.level for g in scheme.grades)])
    f, below_f = toy.grid(level)
    steps, below_g = approximants(scheme, level)
    common = math.lcm(below_f, below_g)
    f, *steps = same_denominator(common, (f, below_f), *((total, below_g) for total in steps))
    e = [f - total for total in steps]
    pairs = list(itertools.pairwise(e))
    return Truth(
        [Fraction(int(np.abs(values).max()), common) for values in e],
        [keeps_sign(before - after, after) for before, after in pairs],
        # |e| >= |e - g| exactly when (e - (e - g)) (e + (e - g)) = g (e + (e - g)) >= 0
        [keeps_sign(before - after, before + after) for before, after in pairs],
        e,
        common,
    )


def square_integral(u: np.ndarray) -> Fraction:
    """The integral over the unit cube of u^2 for u linear on the simplices of a full grid.

    On a simplex of volume V with vertex values u_i it is V (sum u_i^2 + (sum u_i)^2) / ((d + 1) (d + 2)).
    """
    d, n, total = u.ndim, u.shape[0] - 1, 0
    u = u.astype(object)
    for simplex in simplices(d):
        values = np.stack([u[tuple(slice(o, n + o) for o in vertex)].ravel() for vertex in simplex])
        total += (values * values).sum() + (values.sum(axis=0) ** 2).sum()
    return Fraction(int(total), math.factorial(d) * n**d * (d + 1) * (d + 2))


def keeps_sign(u: np.ndarray, w: np.ndarray) -> bool:
    """Whether u w >= 0 everywhere, for two functions linear on the simplices of a full grid.

    On a simplex the image of (u, w) is the convex hull of the images of the vertices.  It lies in the
    union of the closed first and third quadrants iff it lies in one of the two, or on a line through 0
    that does.
    """
    d, n = u.ndim, u.shape[0] - 1
    for simplex in simplices(d):
        parts = [tuple(slice(o, n + o) for o in vertex) for vertex in simplex]
        us, ws = (np.stack([x[part].ravel() for part in parts]) for x in (u, w))
        first, third = ((us >= 0) & (ws >= 0)).all(axis=0), ((us <= 0) & (ws <= 0)).all(axis=0)
        for k in np.flatnonzero(~(first | third)):
            vertices = list(zip(us[:, k].tolist(), ws[:, k].tolist(), strict=True))
            if any(a * b < 0 for a, b in vertices):
                return False
            if any(a * y != b * x for (a, b), (x, y) in itertools.combinations(vertices, 2)):
                return False
    return True


def pieces(toy: Quadratic, scheme: Scheme, k: int) -> Iterator[tuple[list[Fraction], list[Fraction]]]:
    """One variable: (g_k at both ends, e_k at both ends and at its critical point) of every finest interval."""
    (a,), (b,) = toy.A[0], toy.b
    level = max([0, *(g.level for g in scheme.grades[:k])])
    totals, common = approximants(scheme.prefix(k), level)
    before, after = ([Fraction(n, common) for n in totals[j].tolist()] for j in (max(k - 1, 0), k))
    h = Fraction(1, 1 << level)
    for i in range(1 << level):
        slope = (after[i + 1] - after[i]) / h
        points = [i * h, (i + 1) * h]
        if a:
            critical = (slope - b) / (2 * a)
            points += [critical] * (i * h < critical < (i + 1) * h)
        e = [toy.at([t]) - after[i] - slope * (t - i * h) for t in points]
        yield [after[j] - before[j] for j in (i, i + 1)], e


def sup_of_quadratic(toy: Quadratic, scheme: Scheme, k: int) -> Fraction:
    """sup |e_k| in one variable."""
    return max(abs(v) for _, e in pieces(toy, scheme, k) for v in e)


def balanced_over_intervals(toy: Quadratic, scheme: Scheme, k: int) -> bool:
    """Whether grade k is balanced in one variable, exactly; g may not change sign inside an interval.

    Where g > 0, say, e - g >= 0 is asked: by continuity on the whole closed interval, so the extreme
    values of the quadratic e - g decide.
    """
    for g, rest in pieces(toy, scheme, k):
        assert g[0] * g[1] >= 0
        if any(g) and any(v * (max(g) > 0 or -1) < 0 for v in rest):
            return False
    return True


def rational_points(d: int, per_side: int) -> Iterator[Point]:
    """A uniform grid with its border."""
    return itertools.product(*[[Fraction(k, per_side) for k in range(per_side + 1)]] * d)
