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

    def cell(self, level: int, cell: Node) -> tuple[Fraction, Fraction, Fraction, Fraction]:
        """(sag, bulge, least value, greatest value) on one cell; the first two are upper bounds or exact."""
        raise NotImplementedError

    def values(self, level: int, nodes: np.ndarray) -> Interval:
        return tight(self.at(at(node, level)) for node in nodes.tolist())

    def defects(self, level: int, cells: np.ndarray) -> Defects:
        rows = [self.cell(level, tuple(cell)) for cell in cells.tolist()]
        sag, bulge = (np.array([above(row[k]) for row in rows]) for k in (0, 1))
        theta = np.full(len(rows), THETA[self.order])
        low, high = np.array([below(row[2]) for row in rows]), np.array([above(row[3]) for row in rows])
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

    def cell(self, level: int, cell: Node) -> tuple[Fraction, Fraction, Fraction, Fraction]:
        h = Fraction(1, 1 << level)
        entries = [x for row in self.A for x in row]
        sag = h * h / 4 * sum((max(x, 0) for x in entries), Fraction(0))
        bulge = h * h / 4 * sum((max(-x, 0) for x in entries), Fraction(0))
        corner = [self.at(at([z + k for z, k in zip(cell, o, strict=True)], level)) for o in nodes_of(0, self.dim)]
        return sag, bulge, min(corner) - sag, max(corner) + bulge


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
        object.__setattr__(
            self, "table", dict(zip(nodes_of(self.finest, self.dim), map(Fraction, self.nodal), strict=True))
        )

    def at(self, t: Sequence[Fraction]) -> Fraction:
        return interpolate(self.table, self.finest, t)

    def cell(self, level: int, cell: Node) -> tuple[Fraction, Fraction, Fraction, Fraction]:
        corner = [self.at(at([z + k for z, k in zip(cell, o, strict=True)], level)) for o in nodes_of(0, self.dim)]
        if level >= self.finest:
            return Fraction(0), Fraction(0), min(corner), max(corner)
        deeper = self.finest - level
        inner = list(nodes_of(deeper, self.dim))
        names = dict(zip(nodes_of(0, self.dim), corner, strict=True))
        sag = bulge = Fraction(0)
        values = []
        for node in inner:
            value = self.table[tuple((z << deeper) + k for z, k in zip(cell, node, strict=True))]
            gap = interpolate(names, 0, at(node, deeper)) - value
            sag, bulge = max(sag, gap), max(bulge, -gap)
            values.append(value)
        return sag, bulge, min(values), max(values)


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

    def cell(self, level: int, cell: Node) -> tuple[Fraction, Fraction, Fraction, Fraction]:
        sag, bulge, low, high = self.of.cell(level, cell)
        return bulge, sag, -high, -low


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


def table_of(g: Atoms) -> dict[Node, Fraction]:
    """Node -> exact coefficient."""
    pairs = zip(g.nodes.tolist(), g.coefficients.tolist(), strict=True)
    return {tuple(node): Fraction(c) for node, c in pairs}


def value_of(g: Atoms, t: Sequence[Fraction]) -> Fraction:
    """g at a rational point, by interpolation."""
    return interpolate(table_of(g), g.level, t)


def residuals(scheme: Scheme, f: Exact, t: Sequence[Fraction]) -> list[Fraction]:
    """e_0, e_1, ..., e_K at a rational point."""
    out = [f(t) - Fraction(scheme.lift)]
    for grade in scheme.grades:
        out.append(out[-1] - value_of(grade.atoms, t))
    return out


def approximants(scheme: Scheme, level: int) -> list[dict[Node, Fraction]]:
    """Exact values of the approximant after 0, 1, ..., K grades at all nodes of a level."""
    total = {node: Fraction(scheme.lift) for node in nodes_of(level, scheme.dim)}
    out = [total]
    for grade in scheme.grades:
        table = table_of(grade.atoms)
        total = {v: c + interpolate(table, grade.level, at(v, level)) for v, c in total.items()}
        out.append(total)
    return out


@dataclass(frozen=True)
class Truth:
    """What holds exactly: sup |e_k| for every k, and for every grade whether it is balanced and nonincreasing."""

    sup: list[Fraction]
    balanced: list[bool]
    nonincreasing: list[bool]


def truth_of_nodal(toy: Nodal, scheme: Scheme) -> Truth:
    """For a piecewise linear target all residuals are linear on the simplices of the finest level in play.

    On a simplex with g > 0 somewhere, and linear u = g, w = e - g: u w >= 0 there exactly when it holds
    on every edge; on an edge it is a quadratic in one variable, decided in :func:`_product_keeps_sign`.
    """
    level = max([toy.finest, *(g.level for g in scheme.grades)])
    f = {node: toy.at(at(node, level)) for node in nodes_of(level, toy.dim)}
    steps = approximants(scheme, level)
    e = [{v: f[v] - total[v] for v in f} for total in steps]
    cells = list(itertools.product(range(1 << level), repeat=toy.dim))
    corners = [
        [tuple(z + o for z, o in zip(cell, v, strict=True)) for v in simplex]
        for cell in cells
        for simplex in simplices(toy.dim)
    ]
    balanced, nonincreasing = [], []
    for before, after in itertools.pairwise(e):
        g = {v: before[v] - after[v] for v in f}
        total = {v: before[v] + after[v] for v in f}
        balanced.append(all(_product_keeps_sign([(g[v], after[v]) for v in T]) for T in corners))
        # |e| >= |e - g| exactly when (e - (e - g)) (e + (e - g)) = g (e + (e - g)) >= 0
        nonincreasing.append(all(_product_keeps_sign([(g[v], total[v]) for v in T]) for T in corners))
    return Truth([max(map(abs, values.values())) for values in e], balanced, nonincreasing)


def _product_keeps_sign(vertices: list[tuple[Fraction, Fraction]]) -> bool:
    """Whether u w >= 0 on the simplex where the linear u, w have these vertex values.

    u w is >= 0 on a convex set iff the segment between any two image points (u, w) stays in the closed
    first and third quadrants; the image is the convex hull of the vertex images, so it lies there iff it
    lies in one of the two quadrants or on a line through 0 that does.
    """
    if all(u >= 0 and w >= 0 for u, w in vertices) or all(u <= 0 and w <= 0 for u, w in vertices):
        return True
    good = all(u * w >= 0 for u, w in vertices)
    on_a_line = all(a * y == b * x for (a, b), (x, y) in itertools.combinations(vertices, 2))
    return good and on_a_line


def sup_of_quadratic(toy: Quadratic, scheme: Scheme, k: int) -> Fraction:
    """sup |e_k| in one variable: at the ends of the finest intervals and at the critical points inside."""
    (a,), (b,) = toy.A[0], toy.b
    level = max([0, *(g.level for g in scheme.grades[:k])])
    total = approximants(scheme.prefix(k), level)[-1]
    h, sup = Fraction(1, 1 << level), Fraction(0)
    for i in range(1 << level):
        slope = (total[(i + 1,)] - total[(i,)]) / h
        points = [i * h, (i + 1) * h]
        if a:
            critical = (slope - b) / (2 * a)
            points += [critical] * (i * h < critical < (i + 1) * h)
        for t in points:
            sup = max(sup, abs(toy.at([t]) - total[(i,)] - slope * (t - i * h)))
    return sup


def balanced_over_interval(toy: Quadratic, scheme: Scheme, k: int) -> bool:
    """Whether grade k is balanced in one variable, exactly; g must not change sign inside an interval.

    There g >= 0, say, so e - g >= 0 has to hold wherever g > 0: the quadratic's minimum over the closed
    interval decides, since g > 0 on all of the interval but at most one end, where continuity takes over.
    """
    (a,), (b,) = toy.A[0], toy.b
    level = max(g.level for g in scheme.grades[:k])
    before, after = approximants(scheme.prefix(k), level)[-2:]
    h = Fraction(1, 1 << level)
    for i in range(1 << level):
        g = [after[(j,)] - before[(j,)] for j in (i, i + 1)]
        if not any(g):
            continue
        assert g[0] * g[1] >= 0
        sign = 1 if max(g) > 0 else -1
        slope = (after[(i + 1,)] - after[(i,)]) / h
        points = [i * h, (i + 1) * h]
        if a:
            critical = (slope - b) / (2 * a)
            points += [critical] * (i * h < critical < (i + 1) * h)
        if any(sign * (toy.at([t]) - after[(i,)] - slope * (t - i * h)) < 0 for t in points):
            return False
    return True


def rational_points(d: int, per_side: int) -> Iterator[Point]:
    """A uniform grid with its border."""
    return itertools.product(*[[Fraction(k, per_side) for k in range(per_side + 1)]] * d)
