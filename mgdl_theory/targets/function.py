"""A Python function as a target: certified through a modulus of continuity, evidence only without one.

Two things are taken on trust and named in ``describe()``: how fast f may vary (``targets/modulus.py``), and how far the
numbers that the callable returns may be from f.  Both are looked at wherever f is: pairs of corners of every cell
are held against the modulus, and repeated calls against each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from mgdl_theory.errors import DomainError, OptionError, TargetError, shown
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.rounding import add_up, checked_arithmetic, mul_up, quiet, sub_down, sub_up
from mgdl_theory.targets.base import (
    Box,
    Defects,
    FloatArray,
    IntArray,
    ScalarTarget,
    exact_number,
    read_list,
    read_points,
)
from mgdl_theory.targets.caller import Caller, foreign, parameters, raised
from mgdl_theory.targets.modulus import LEVELS, Modulus, defect_table, halved
from mgdl_theory.text import NAME, constant_text, exact_text, float_text, plain, range_text, up_text

VALUE_ERROR = Fraction(1, 1 << 50)
"""Experience, declared: the relative error of a carefully written float64 function, in argument and in value."""

FLOOR = Fraction(1, 1 << 1022)
"""Experience, declared: its absolute error where results underflow."""

CHUNK = 1 << 14
"""Experience: cells handled at a time."""

ESTIMATE = 2.0
"""Experience: factor on sampled defects where no modulus is known; no claim rests on it."""

ESTIMATE_THETA = 3.9
"""Experience: margin factor of such a defect; sampled defects do not fall as regularly as bounds do."""


class CallableTarget(ScalarTarget):
    """The continuous function that a Python callable computes, on a box.

    Parameters
    ----------
    function : callable
        Takes arrays: f(x) with x (n,) or f(x, y) with columns (n,), or f(X) with X (n, d).  A function that only takes
        single points is called once per point.  It is handed points of the box only.
    box : Box
    modulus : Modulus
        Without one nothing is certified: defects are estimated from samples and every verdict is evidence.
    value_error : number, or pair (relative, absolute)
        A number r says: what is returned for y is within r |f(y)| + 2**-1022 of f(y), up to the change that the
        modulus allows for an argument that is off by r times the largest coordinates of the box; this covers
        rounding of arguments and of results.  A pair says: within relative |f(y)| + absolute of f(y).  0 says exact.
    mp : callable
        The same function for mpmath numbers, one per variable, for checks at high precision.
    name : str
    variables : sequence of str

    >>> from mgdl_theory.targets.modulus import HoelderModulus
    >>> f = CallableTarget(np.abs, Box.of([-1, 1]), HoelderModulus(1), value_error=0)
    >>> d = f.defects(1, np.array([[0], [1]]))
    >>> d.sag.tolist(), d.range.lo.tolist(), d.range.hi.tolist()
    ([0.5, 0.5], [-0.5, -0.5], [1.5, 1.5])
    >>> f.values(1, np.array([[0], [1]])).hi.tolist()
    [1.0, 0.0]
    """

    @checked_arithmetic()
    def __init__(
        self,
        function: Callable[..., Any],
        box: Box,
        modulus: Modulus | None = None,
        *,
        value_error: Any = None,
        mp: Callable[..., Any] | None = None,
        name: str | None = None,
        variables: Sequence[str] | None = None,
    ) -> None:
        self.function, self.box, self.modulus, self.high_precision = function, box, modulus, mp
        self.certified = modulus is not None  # without one no claim is ever PROVED
        self.name = plain(name or _name(function), NAME)
        self.variables = tuple(variables) if variables is not None else _variables(box.dim)
        self.text = self.name + (f" with {modulus.text}" if modulus else "")
        costly = "known by its modulus only; a formula, if there is one, needs far fewer atoms"
        self.notes = (costly,) if modulus else ()
        self._inside = [_floats_inside(box, axis) for axis in range(box.dim)]
        self._relative, self._absolute, self.error_text = self._value_error(value_error)
        probe = self._probe()
        self.caller = Caller(function, self.name, probe, exact=self._relative < 2.0**-52)
        self._memory: dict[int, tuple[IntArray, FloatArray]] = {}
        self._look(probe)
        largest = np.abs(self.caller(probe)).max(keepdims=True)
        self._noise = 2.0 * float(self._error(largest)[0]) + 2.0**-1000
        if modulus is not None:
            widths = [box.width(axis).hi for axis in range(box.dim)]
            largest = add_up(largest, modulus.bound(widths))
            self._defect, self._theta = defect_table(modulus, widths, 2.0 * float(self._error(largest)[0]))
            if not math.isfinite(self._defect[-1]):
                raise OptionError(f"{modulus.text}: it gives no finite bound on the domain {box}")

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return self.box.dim

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_memory": {}}

    def __repr__(self) -> str:
        return f"CallableTarget({self.name}, {self.box!r})"

    # -- enclosures --------------------------------------------------------------------------------

    @checked_arithmetic()
    def values(self, level: int, nodes: IntArray) -> Interval:
        """Enclosure (n,): f(node_i) in [lo_i, hi_i]; nodes int64 (n, d) of this level.

        The callable is asked at the float y next to the node; its answer is widened by its error and by what f may
        change between y and the exact node.  Without a modulus the latter is left out.
        """
        with quiet():
            points, away = self._points(level, nodes)
            value = self._remembered(level, nodes, points)
            radius = self._error(value)
            if self.modulus is not None and any(side.any() for side in away):
                radius = add_up(radius, self.modulus.bound([_power_of_two(side) for side in away]))
            return Interval(sub_down(value, radius), add_up(value, radius))

    @checked_arithmetic()
    def defects(self, level: int, cells: IntArray) -> Defects:
        """Defect bounds of f on the cells int64 (n, d) of this level, after a look at all pairs of their corners.

        Raises
        ------
        TargetError
            With two points whose values contradict the modulus.
        """
        parts = [self._defects(level, cells[k : k + CHUNK]) for k in range(0, max(len(cells), 1), CHUNK)]
        sag, bulge, sag_theta, bulge_theta, low, high = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Defects(sag, bulge, sag_theta, bulge_theta, Interval(low, high))

    def least_defect(self, level: int) -> float:
        """A number that sag and bulge of every cell reach, down to this level: what the modulus allows there.

        >>> from mgdl_theory.targets.modulus import Given
        >>> f = CallableTarget(np.sign, Box.of([1, 2]), Given(lambda t: 2.0 if t else 0.0), value_error=0)
        >>> f.least_defect(52) >= 2
        True
        """
        return float(self._defect[: level + 1].min()) if self.modulus is not None else 0.0

    def _defects(self, level: int, cells: IntArray) -> tuple[FloatArray, ...]:
        at_corners = self._at_corners(level, cells)
        low, high = at_corners.lo.min(axis=1), at_corners.hi.max(axis=1)
        if self.modulus is None:
            sag, theta = self._estimated(level, cells, at_corners)
            bulge = sag
        else:
            self._check_corners(level, cells, at_corners)
            sag = bulge = np.full(len(cells), self._defect[level])
            theta = np.full(len(cells), self._theta[level])
        # f <= I f + bulge, and I f lies between the corner values
        return sag, bulge, theta, theta, sub_down(low, sag), add_up(high, bulge)

    def _at_corners(self, level: int, cells: IntArray) -> Interval:
        """Enclosures (n, 2^d) at the corners of cells, in the order of their masks; each node is asked once."""
        corner = (cells[:, None, :] + _masks(self.dim)[None, :, :]).reshape(-1, self.dim)
        keys = _keys(level, corner)
        if keys is None:
            value = self.values(level, corner)
        else:
            _, first, where = np.unique(keys, return_index=True, return_inverse=True)
            distinct = self.values(level, corner[first])
            value = Interval(distinct.lo[where], distinct.hi[where])
        shape = (len(cells), 1 << self.dim)
        return Interval(value.lo.reshape(shape), value.hi.reshape(shape))

    def _check_corners(self, level: int, cells: IntArray, f: Interval) -> None:
        """Raise TargetError where two corners of a cell certainly differ by more than the modulus allows."""
        assert self.modulus is not None
        sides = [halved(self.box.width(axis).hi, level) for axis in range(self.dim)]
        masks = _masks(self.dim)
        least = min(float(self.modulus.bound(_where(masks[1 << a], sides))[0]) for a in range(self.dim))
        suspect = np.flatnonzero(sub_down(f.lo.max(axis=1), f.hi.min(axis=1)) > least)
        if not len(suspect):
            return
        for a in range(len(masks)):
            for b in range(a + 1, len(masks)):
                allowed = self.modulus.bound(_where(masks[a] ^ masks[b], sides))
                gap = np.maximum(
                    sub_down(f.lo[suspect, a], f.hi[suspect, b]), sub_down(f.lo[suspect, b], f.hi[suspect, a])
                )
                wrong = np.flatnonzero(gap > allowed)
                if len(wrong):
                    cell = suspect[wrong[np.argmax(gap[wrong])]]
                    raise TargetError(self._contradiction(level, cells[cell] + masks[[a, b]], f, cell, (a, b), allowed))

    def _contradiction(
        self, level: int, nodes: IntArray, f: Interval, cell: int, pair: tuple[int, int], allowed: FloatArray
    ) -> str:
        assert self.modulus is not None
        said = [
            f"f({', '.join(map(exact_text, self.box.point(node.tolist(), level)))}) in "
            f"{range_text(f.lo[cell, k], f.hi[cell, k], 17)}"
            for node, k in zip(nodes, pair, strict=True)
        ]
        return (
            f"{self.name} contradicts {self.modulus.text}: {said[0]} and {said[1]} differ by more than "
            f"{up_text(allowed[0])}, which is all that it allows; state a larger modulus (or value_error), if f has one"
        )

    def _estimated(self, level: int, cells: IntArray, at_corners: Interval) -> tuple[FloatArray, FloatArray]:
        """(p, theta): defects seen at sample points of each cell, with a factor; bounds of nothing.

        The same number serves both sides, since a cell may hide its bend from the samples on one of them.  theta
        leaves room for estimates that fall irregularly and, at every later level, for the noise of the values.
        """
        points, weights = _samples(self.dim)
        lower = [np.ldexp(cells[:, a].astype(np.float64), -level) for a in range(self.dim)]
        t = np.stack([lower[a][:, None] + np.ldexp(points[:, a], -level)[None, :] for a in range(self.dim)], axis=-1)
        x = np.clip(self.box.from_unit(t.reshape(-1, self.dim)), *np.array(self._inside).T)
        middle = 0.5 * (at_corners.lo + at_corners.hi)
        gap = middle @ weights.T - self.caller(x).reshape(len(cells), -1)
        p = np.maximum(ESTIMATE * np.abs(gap).max(axis=1), self._noise)
        return p, ESTIMATE_THETA + 2.0 * ESTIMATE_THETA * (LEVELS - level) * self._noise / p

    # -- values ------------------------------------------------------------------------------------

    def _points(self, level: int, nodes: IntArray) -> tuple[FloatArray, list[FloatArray]]:
        """Floats (n, d) of the box next to the nodes, and upper bounds (n,) of the distance along each axis."""
        points, away = np.empty(nodes.shape), []
        for axis, (low, high) in enumerate(self._inside):
            x = self.box.coordinates(axis, nodes[:, axis], level)
            near = np.clip(np.where(x.lo == x.hi, x.lo, x.lo + 0.5 * (x.hi - x.lo)), low, high)
            points[:, axis] = near
            away.append(np.maximum(np.maximum(sub_up(x.hi, near), sub_up(near, x.lo)), 0.0))
        return points, away

    def _error(self, value: FloatArray) -> FloatArray:
        """(n,): |f(y) - value| is at most this where the callable returned ``value`` for y."""
        if self._relative == 0.0 and self._absolute == 0.0:
            return np.zeros(len(value))
        return add_up(mul_up(np.array([self._relative]), np.abs(value)), np.array([self._absolute]))

    def _value_error(self, given: Any) -> tuple[float, float, str]:
        """(relative, absolute) in terms of the returned number, from what was stated in terms of f, and its text."""
        pair = isinstance(given, Sequence) and not isinstance(given, str)
        entries = read_list("value_error", given, "two numbers") if pair else [VALUE_ERROR if given is None else given]
        try:
            numbers = [exact_number(v) for v in entries]
        except ValueError:
            numbers = []
        if len(numbers) != 1 + pair or any(v < 0 for v in numbers) or numbers[0] >= 1:
            raise OptionError(
                f"value_error: expected a number r or a pair (relative, absolute), 0 <= r < 1, got {shown(given)}"
            )
        r, assumed = numbers[0], "" if given is not None else " (assumed)"
        if pair:
            absolute = numbers[1]
            text = f"|returned - f(y)| <= {constant_text(r)} |f(y)| + {constant_text(absolute)}"
        elif r == 0:
            return 0.0, 0.0, "the returned numbers are exact"
        else:
            moved = Fraction(0)
            if self.modulus is not None:
                reach = [
                    Interval.exact(r * max(abs(lo), abs(hi))).hi
                    for lo, hi in zip(self.box.lower, self.box.upper, strict=True)
                ]
                change = float(self.modulus.bound(reach)[0])
                if not math.isfinite(change):
                    raise OptionError(f"value_error: {given!r} leaves no finite error on this domain")
                moved = Fraction(change)
            absolute = FLOOR + moved
            text = f"|returned - f(y)| <= {constant_text(r)} |f(y)| + 2^-1022"
            if self.modulus is not None:
                text += f" + what the modulus allows for {constant_text(r)} times the largest coordinates"
        # |v - f| <= r |f| + a and |f| <= (|v| + a) / (1 - r) give |v - f| <= (r |v| + a) / (1 - r)
        above = [float(Interval.exact(part / (1 - r)).hi[0]) for part in (r, absolute)]
        return above[0], above[1], text + assumed

    def _probe(self) -> FloatArray:
        """Points (d + 4, d) of the box on which a way of calling is chosen: two corners, the centre and others."""
        count = self.dim + 4
        t = (0.5 + np.outer(np.arange(count - 2), _roots(self.dim))) % 1.0
        t = np.concatenate([np.zeros((1, self.dim)), np.ones((1, self.dim)), t])
        return np.asarray(np.clip(self.box.from_unit(t), *np.array(self._inside).T))

    def _look(self, probe: FloatArray) -> None:
        """Refuse a callable that answers otherwise when asked again, alone, or with many digits."""
        first = self._answers(self.caller(probe))
        alone = np.concatenate([self.caller(probe[k : k + 1]) for k in range(len(probe))])
        self._compare(probe, first, self._answers(self.caller(probe)), "asked again")
        self._compare(probe, first, self._answers(alone), "asked at this point alone")
        if self.high_precision is not None and self.modulus is not None:
            exact = np.array([float(self._with_digits([Fraction(v) for v in row], 40)) for row in probe.tolist()])
            rounding = np.abs(exact) * 2.0**-52 + 2.0**-1022
            self._compare(probe, first, Interval(exact - rounding, exact + rounding), "asked in mpmath")

    def _answers(self, value: FloatArray) -> Interval:
        """Where f lies at the points for which the callable returned these numbers."""
        error = self._error(value)
        return Interval(sub_down(value, error), add_up(value, error))

    def _compare(self, points: FloatArray, first: Interval, second: Interval, when: str) -> None:
        """Two enclosures of f at the same points have to meet."""
        apart = np.maximum(sub_down(first.lo, second.hi), sub_down(second.lo, first.hi))
        if (apart > 0).any():
            k = int(np.argmax(apart))
            place = ", ".join(map(float_text, points[k].tolist()))
            said = [f"f in {range_text(f.lo[k], f.hi[k], 17)}" for f in (first, second)]
            raise TargetError(
                f"{self.name} contradicts itself at ({place}): {said[0]}, but when {when}, {said[1]}; a target must "
                "always give the same value, and its value_error must cover all differences"
            )

    def _remembered(self, level: int, nodes: IntArray, points: FloatArray) -> FloatArray:
        """Values (n,) that the callable returns; those of the last two levels are kept, compared where seen again."""
        keys = _keys(level, nodes)
        if keys is None or not (keys[1:] > keys[:-1]).all():
            return self.caller(points)
        known, stored = self._memory.pop(level, (np.empty(0, dtype=np.int64), np.empty(0)))
        found, at = _find(known, keys)
        value = np.empty(len(keys))
        value[found] = stored[at[found]]
        value[~found] = self.caller(points[~found])
        self._compare_with_parents(level, nodes, points, value)
        if not found.all():
            known, stored = np.concatenate([known, keys[~found]]), np.concatenate([stored, value[~found]])
            order = np.argsort(known, kind="stable")
            known, stored = known[order], stored[order]
        self._memory[level] = known, stored
        while len(self._memory) > 2:
            del self._memory[next(iter(self._memory))]
        return value

    def _compare_with_parents(self, level: int, nodes: IntArray, points: FloatArray, value: FloatArray) -> None:
        """A node of even indices is a node of the level above."""
        if level - 1 not in self._memory:
            return
        known, stored = self._memory[level - 1]
        even = np.flatnonzero(~(nodes & 1).any(axis=1))
        keys = _keys(level - 1, nodes[even] >> 1)
        assert keys is not None
        found, at = _find(known, keys)
        again, before = even[found], stored[at[found]]
        self._compare(points[again], self._answers(before), self._answers(value[again]), "asked again")

    def __call__(self, x: Any) -> FloatArray:
        """Values (n,) that the callable returns at points (n, d), or (n,) if d = 1, for pictures and sampling."""
        points = read_points(x, self.dim, self.name)
        return self.caller(points.reshape(-1, self.dim)).reshape(points.shape[:-1])

    def mp(self, point: Sequence[Fraction], digits: int) -> Any:
        """f at an exact point as an mpmath number: by ``mp=`` where it was given, else the callable's float."""
        import mpmath

        if self.high_precision is not None:
            return self._with_digits(point, digits)
        near = np.clip(np.array([[float(v) for v in point]]), *np.array(self._inside).T)
        return mpmath.mpf(float(self.caller(near)[0]))

    def _with_digits(self, point: Sequence[Fraction], digits: int) -> Any:
        import mpmath

        assert self.high_precision is not None
        with mpmath.workdps(digits):
            arguments = [mpmath.mpf(v.numerator) / v.denominator for v in map(Fraction, point)]
            try:
                with foreign():
                    return +mpmath.mpf(self.high_precision(*arguments))
            except BaseException as error:
                if not raised(error):
                    raise
                raise TargetError(
                    f"mp of {self.name} fails at ({', '.join(map(exact_text, point))}): {type(error).__name__}: {error}"
                ) from error

    # -- description -------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """Name, variables, box, and what is taken on trust.

        >>> from mgdl_theory.targets.modulus import HoelderModulus
        >>> CallableTarget(np.sin, Box.of([0, 1]), HoelderModulus(1)).describe()["modulus"]["text"]
        '|f(x) - f(y)| <= 1 |x - y|'
        """
        trust = ("modulus", "value-error") if self.modulus else ()
        return {
            "kind": "callable",
            "text": self.text,
            "name": self.name,
            "variables": list(self.variables),
            "box": {"lower": [str(end) for end in self.box.lower], "upper": [str(end) for end in self.box.upper]},
            "called_with": self.caller.how,
            "modulus": self.modulus.describe() if self.modulus else None,
            "value_error": self.error_text,
            "assumptions": ["binary64", "to-nearest", "subnormals", "numpy-functions", *trust],
            "taken_on_trust": [self.modulus.text, self.error_text] if self.modulus else [],
        }


def dimension(function: Callable[..., Any], variables: Sequence[str] | None, lipschitz: Any) -> int:
    """Number of variables of a callable, where the domain does not say: of its names, constants or arguments.

    >>> dimension(lambda x, y: x * y, None, None)
    2
    """
    if variables is not None:
        return len(variables)
    a_list = isinstance(lipschitz, Sequence) and not isinstance(lipschitz, str)
    if a_list or (isinstance(lipschitz, np.ndarray) and lipschitz.ndim == 1):
        return max(len(read_list("lipschitz", lipschitz, "a number, or one per axis")), 1)
    return parameters(function) or 1


def _name(function: Callable[..., Any]) -> str:
    try:
        name = function.__name__
    except Exception:  # noqa: BLE001 - an object of somebody else may raise anything
        name = type(function).__name__
    return "f" if name == "<lambda>" else shown(name).strip("'")


def _variables(dim: int) -> tuple[str, ...]:
    return ("x", "y", "z", "w")[:dim] if dim <= 4 else tuple(f"x{a}" for a in range(1, dim + 1))


def _floats_inside(box: Box, axis: int) -> tuple[float, float]:
    """The first and the last float of a side."""
    low, high = Interval.exact(box.lower[axis]).hi[0], Interval.exact(box.upper[axis]).lo[0]
    if not low <= high:
        raise DomainError(
            f"domain: side {axis + 1} from {box.lower[axis]} to {box.upper[axis]} holds no binary64 number"
        )
    return float(low), float(high)


def _masks(dim: int) -> IntArray:
    """Offsets int64 (2^d, d) of the corners of a cell, by mask."""
    return (np.arange(1 << dim)[:, None] >> np.arange(dim)[None, :] & 1).astype(np.int64)


def _where(mask: IntArray, sides: Sequence[FloatArray]) -> list[FloatArray]:
    """The sides along which two corners differ, and 0 along the others."""
    return [side if differs else np.zeros(1) for differs, side in zip(mask, sides, strict=True)]


def _keys(level: int, nodes: IntArray) -> IntArray | None:
    """One integer per node in lexicographic order, or None where 62 bits do not suffice."""
    dim = nodes.shape[1]
    if dim * (level + 1) > 62:
        return None
    key = np.zeros(len(nodes), dtype=np.int64)
    for a in range(dim):
        key = (key << (level + 1)) | nodes[:, a]
    return key


def _find(known: IntArray, keys: IntArray) -> tuple[Any, Any]:
    """Which keys are among the sorted known ones, and where."""
    at = np.minimum(np.searchsorted(known, keys), max(len(known) - 1, 0))
    return (known[at] == keys if len(known) else np.zeros(len(keys), dtype=np.bool_)), at


def _power_of_two(x: FloatArray) -> FloatArray:
    """The least power of two above x, 0 for 0: few different numbers, so that a modulus is asked seldom."""
    return np.where(x > 0, np.ldexp(1.0, np.frexp(x)[1]), 0.0)


def _roots(dim: int) -> FloatArray:
    """Irrational steps (d,) of a sequence that fills the unit cube evenly."""
    ratio = 1.5
    for _ in range(50):
        ratio = (1 + ratio) ** (1 / (dim + 1))  # the root of ratio^(d+1) = ratio + 1
    return np.asarray(ratio ** -np.arange(1.0, dim + 1))


def _samples(dim: int) -> tuple[FloatArray, FloatArray]:
    """Points (k, d) of the unit cell, and weights (k, 2^d) of the corners in its Freudenthal interpolant there."""
    middle = (np.stack(np.unravel_index(np.arange(3**dim), (3,) * dim), axis=-1) / 2.0)[1:-1]
    spread = (0.5 + np.outer(np.arange(1, 17), _roots(dim))) % 1.0
    points = np.concatenate([middle[(middle == 0.5).any(axis=1)][:64], spread])
    order = np.argsort(-points, axis=1, kind="stable")
    falling = np.take_along_axis(points, order, axis=1)
    share = np.concatenate([np.ones((len(points), 1)), falling], axis=1)
    share[:, :-1] -= falling
    mask = np.concatenate([np.zeros((len(points), 1), dtype=np.int64), np.cumsum(1 << order, axis=1)], axis=1)
    weights = np.zeros((len(points), 1 << dim))
    np.put_along_axis(weights, mask, share, axis=1)
    return points, weights
