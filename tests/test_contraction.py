"""The laws (a) to (e) of balanced contraction as properties in exact arithmetic."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from drawn import defects_of, margins_of
from hypothesis import given
from hypothesis import strategies as st
from toys import Node, all_cells, at, interpolate, simplices

from mgdl_theory import OptionError, check_balanced, is_balanced, soft_threshold
from mgdl_theory.contraction import (
    QUANTUM_RATIO,
    Margins,
    balanced_coefficients,
    quantum,
    quantum_floor,
    violates_vertex_inequality,
)
from mgdl_theory.mesh import Mesh
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.targets.base import THETA, Defects

FLOOR = 2.0**-20


def dyadics(low: int, high: int, bits: int = 8) -> st.SearchStrategy[Fraction]:
    return st.integers(low << bits, high << bits).map(lambda k: Fraction(k, 1 << bits))


# -- one value: the soft threshold -----------------------------------------------------------------

VALUES = st.lists(dyadics(-8, 8), min_size=1, max_size=10)
MARGINS = dyadics(0, 4)
FORMS = [
    pytest.param(lambda v: np.array(v, dtype=object), id="Fraction"),
    pytest.param(lambda v: np.array([float(x) for x in v]), id="float"),
]
AS = pytest.mark.parametrize("form", FORMS)


@AS
@given(VALUES, MARGINS)
def test_soft_threshold_is_balanced(form, e: list[Fraction], margin: Fraction) -> None:
    g = soft_threshold(form(e), form([margin])[0])
    assert is_balanced(g, form(e)).all()
    check_balanced(list(g), list(form(e)))


@AS
@given(VALUES, MARGINS)
def test_soft_threshold_shrinks_towards_zero_by_the_margin(form, e: list[Fraction], margin: Fraction) -> None:
    g = soft_threshold(form(e), form([margin])[0])
    assert [Fraction(v) for v in g] == [(v > 0) * max(v - margin, 0) - (v < 0) * max(-v - margin, 0) for v in e]


@AS
@given(VALUES, MARGINS)
def test_law_a_and_b_of_the_soft_threshold(form, e: list[Fraction], margin: Fraction) -> None:
    values = form(e)
    g = soft_threshold(values, form([margin])[0])
    rest = values - g
    assert (abs(values) == abs(g) + abs(rest)).all(), "(a)"
    assert ((abs(rest) <= abs(values)) & (values * rest >= 0)).all(), "(b)"
    assert (abs(rest) <= form([margin])[0]).all()


@AS
@given(VALUES, MARGINS)
def test_law_c_norms_over_equal_weights(form, e: list[Fraction], margin: Fraction) -> None:
    values = form(e)
    g = soft_threshold(values, form([margin])[0])
    rest = values - g
    assert sum(abs(rest)) == sum(abs(values)) - sum(abs(g))
    for p in (1, 2, 3):
        before, after = (sum(Fraction(v) ** p for v in abs(x)) for x in (values, rest))
        assert (after < before) == bool(np.any(g != 0))


@AS
@given(VALUES, MARGINS, st.integers(-20, 20))
def test_law_d_soft_threshold_commutes_with_sign_and_powers_of_two(
    form, e: list[Fraction], margin: Fraction, k: int
) -> None:
    values, m = form(e), form([margin])[0]
    s = form([Fraction(2) ** k])[0]
    assert (soft_threshold(-values, m) == -soft_threshold(values, m)).all()
    assert (soft_threshold(s * values, s * m) == s * soft_threshold(values, m)).all()


@AS
@given(VALUES, st.lists(MARGINS, min_size=1, max_size=4))
def test_law_e_compositions_are_balanced_contractions(form, e: list[Fraction], margins: list[Fraction]) -> None:
    values = form(e)
    rest = values
    for margin in margins:
        rest = rest - soft_threshold(rest, form([margin])[0])
        check_balanced(list(values - rest), list(values))
    assert (abs(rest) <= form([min(margins)])[0]).all()


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(0, allow_nan=False, allow_infinity=False))
def test_soft_threshold_of_any_floats_does_not_overshoot(e: float, margin: float) -> None:
    assert is_balanced(soft_threshold(np.array([e]), margin), np.array([e])).all()


# -- the law check ---------------------------------------------------------------------------------

SMALL = st.integers(-3, 3)


@given(st.lists(st.tuples(SMALL, SMALL), max_size=6))
def test_is_balanced_is_the_sign_of_the_product(pairs: list[tuple[int, int]]) -> None:
    g, e = (np.array([p[k] for p in pairs], dtype=int) for k in (0, 1))
    assert is_balanced(g, e).tolist() == [a * (b - a) >= 0 for a, b in pairs]


@given(st.lists(st.tuples(SMALL, SMALL), max_size=6))
def test_check_balanced_raises_at_the_first_point_that_is_not(pairs: list[tuple[int, int]]) -> None:
    g, e = ([p[k] for p in pairs] for k in (0, 1))
    wrong = [k for k, (a, b) in enumerate(pairs) if a * (b - a) < 0]
    if not wrong:
        check_balanced(g, e)
        return
    with pytest.raises(OptionError, match=f"at point {wrong[0]}: g = {g[wrong[0]]}, e = {e[wrong[0]]}$"):
        check_balanced(g, e)


@pytest.mark.parametrize("bad", [(float("nan"), 1.0), (1.0, float("nan")), (float("inf"), 1.0)])
def test_no_number_is_not_balanced(bad: tuple[float, float]) -> None:
    assert not is_balanced(np.array([bad[0]]), np.array([bad[1]])).any()
    with pytest.raises(OptionError):
        check_balanced([bad[0]], [bad[1]])


def test_check_balanced_at_different_numbers_of_points() -> None:
    with pytest.raises(OptionError, match="same points"):
        check_balanced([1, 2], [1])


# -- the operator of one grade on a mesh -----------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """Nodal residuals (exact), defects and margins on some cells of one level."""

    mesh: Mesh
    e: tuple[Fraction, ...]
    sag: tuple[Fraction, ...]
    bulge: tuple[Fraction, ...]
    plus: tuple[Fraction, ...]
    minus: tuple[Fraction, ...]
    ready: tuple[bool, ...]

    @property
    def interval(self) -> Interval:
        e = np.array([float(v) for v in self.e])
        return Interval(e, e)

    @property
    def margins(self) -> Margins:
        return margins_of(self.sag, self.bulge, self.plus, self.minus)

    @property
    def defects(self) -> Defects:
        return defects_of(self.sag, self.bulge)

    def coefficients(self, e: Interval | None = None, floor: float = FLOOR) -> np.ndarray:
        return balanced_coefficients(self.mesh, e or self.interval, self.margins, np.array(self.ready), floor)

    def scaled(self, s: Fraction) -> Case:
        return Case(self.mesh, *(tuple(s * v for v in getattr(self, n)) for n in NUMBERS), self.ready)

    def flipped(self) -> Case:
        e = tuple(-v for v in self.e)
        return Case(self.mesh, e, self.bulge, self.sag, self.minus, self.plus, self.ready)

    def simplices(self) -> list[tuple[int, list[Node], list[int]]]:
        """(cell, vertices, numbers of the vertices) of every simplex."""
        number = {tuple(v): k for k, v in enumerate(self.mesh.nodes.tolist())}
        out = []
        for cell, corner in enumerate(self.mesh.cells.tolist()):
            for simplex in simplices(self.mesh.dim):
                vertices = [tuple(z + o for z, o in zip(corner, v, strict=True)) for v in simplex]
                out.append((cell, vertices, [number[v] for v in vertices]))
        return out


NUMBERS = ("e", "sag", "bulge", "plus", "minus")


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Random cells and numbers; residuals of one sign in most cases, or hardly a node would be active."""
    d = draw(st.integers(1, 3))
    level = draw(st.integers(0, {1: 3, 2: 2, 3: 1}[d]))
    cells = all_cells(level, d)
    if draw(st.booleans()):
        chosen = draw(st.lists(st.integers(0, len(cells) - 1), min_size=1, unique=True))
        cells = cells[chosen]
    mesh = Mesh.of(level, cells)
    source = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def numbers(size: int, low: int, high: int) -> tuple[Fraction, ...]:
        return tuple(Fraction(int(k), 64) for k in source.integers(low, high + 1, size))

    low, high = draw(st.sampled_from([(0, 256), (-256, 0), (-256, 256), (-32, 256)]))
    e = numbers(len(mesh.nodes), low, high)
    sag, bulge, more, rest = (numbers(len(cells), 0, draw(st.sampled_from([0, 8, 32]))) for _ in range(4))
    plus, minus = (tuple(x + y for x, y in zip(p, m, strict=True)) for p, m in ((sag, more), (bulge, rest)))
    ready = tuple((source.random(len(cells)) < draw(st.sampled_from([0.8, 1.0]))).tolist())
    return Case(mesh, e, sag, bulge, plus, minus, ready)


def exact(values: np.ndarray) -> list[Fraction]:
    return [Fraction(v) for v in values.tolist()]


@given(cases())
def test_every_vertex_of_a_touched_simplex_keeps_the_inequality_of_proposition_1(case: Case) -> None:
    c = exact(case.coefficients())
    for cell, _, numbers in case.simplices():
        if any(c[k] > 0 for k in numbers):
            assert all(0 <= c[k] <= case.e[k] - case.plus[cell] for k in numbers if c[k])
            assert all(0 <= c[k] <= case.e[k] - case.sag[cell] for k in numbers)
            assert case.ready[cell]
        if any(c[k] < 0 for k in numbers):
            assert all(0 <= -c[k] <= -case.e[k] - case.minus[cell] for k in numbers if c[k])
            assert all(0 <= -c[k] <= -case.e[k] - case.bulge[cell] for k in numbers)
            assert case.ready[cell]


@given(cases(), st.data())
def test_balanced_at_any_point_for_any_residual_with_these_defects(case: Case, data: st.DataObject) -> None:
    """e is only known to lie between I_T e - sag and I_T e + bulge: all laws hold for each such value."""
    c = exact(case.coefficients())
    table = {tuple(v): x for v, x in zip(case.mesh.nodes.tolist(), c, strict=True)}
    for cell, vertices, numbers in case.simplices():
        share = [Fraction(data.draw(st.integers(0, 5)) + (k == 0)) for k in range(len(vertices))]
        share = [w / sum(share) for w in share]
        point = [
            sum(w * x for w, x in zip(share, column, strict=True)) / (1 << case.mesh.level)
            for column in zip(*vertices, strict=True)
        ]
        g = interpolate(table, case.mesh.level, point)
        assert g == sum(w * c[k] for w, k in zip(share, numbers, strict=True)), "g is linear on the simplex"
        linear = sum(w * case.e[k] for w, k in zip(share, numbers, strict=True))
        low, high = linear - case.sag[cell], linear + case.bulge[cell]
        several = [low, linear, high, (2 * low + high) / 3]
        check_balanced([g] * len(several), several)


@given(cases())
def test_an_active_node_has_its_whole_star_in_the_mesh(case: Case) -> None:
    c = case.coefficients()
    assert case.mesh.star_is_whole[c != 0].all()


@given(cases())
def test_all_that_may_be_active_is_active(case: Case) -> None:
    """The rule of Section 3 by brute force: active nodes, their coefficients, and the rounding toward zero."""
    c = exact(case.coefficients())
    star: dict[int, list[tuple[int, list[int]]]] = {}
    for cell, _, numbers in case.simplices():
        for k in numbers:
            star.setdefault(k, []).append((cell, numbers))
    for k, around in star.items():
        allowed = bool(case.mesh.star_is_whole[k]) and all(case.ready[cell] for cell, _ in around)
        room = Fraction(0)
        for sign, margin in ((1, case.plus), (-1, case.minus)):
            if allowed and all(sign * case.e[w] >= margin[cell] for cell, ws in around for w in ws):
                largest = max(margin[cell] for cell, _ in around)
                room = sign * case.e[k] - largest
                step = Fraction(quantum(np.array([float(largest)]), FLOOR)[0])
                if room > 0:
                    assert sign * c[k] == room // step * step
                    break
        else:
            assert c[k] == 0
        assert abs(c[k]) <= max(room, 0)


@given(cases(), st.integers(-30, 30))
def test_law_d_powers_of_two_scale_the_coefficients(case: Case, k: int) -> None:
    s = Fraction(2) ** k
    found = exact(case.scaled(s).coefficients(floor=float(s) * FLOOR))
    assert found == [s * v for v in exact(case.coefficients())]


@given(cases())
def test_law_d_the_other_sign_with_sag_and_bulge_exchanged(case: Case) -> None:
    assert exact(case.flipped().coefficients()) == [-v for v in exact(case.coefficients())]


@given(cases(), cases())
def test_law_e_two_operators_one_after_the_other(first: Case, second: Case) -> None:
    """The second uses its own margins, but keeps the defects: those of f are those of every residual."""
    size = len(first.mesh.cells)
    more = itertools.cycle(second.plus)
    plus, minus = (tuple(x + next(more) for x in m[:size]) for m in (first.sag, first.bulge))
    c = exact(first.coefficients())
    rest = tuple(x - y for x, y in zip(first.e, c, strict=True))
    then = exact(Case(first.mesh, rest, first.sag, first.bulge, plus, minus, first.ready).coefficients())
    total = np.array([float(x + y) for x, y in zip(c, then, strict=True)])
    check_balanced(exact(total), first.e)
    for one in (np.array([float(v) for v in c]), total):
        bad = violates_vertex_inequality(first.mesh, one, first.interval, first.defects)
        assert not bad.any()


@given(cases(), dyadics(0, 1))
def test_an_enclosure_of_the_residual_gives_no_more_than_its_worst_member(case: Case, radius: Fraction) -> None:
    r = float(radius)
    e = Interval(case.interval.lo - r, case.interval.hi + r)
    c = exact(case.coefficients(e))
    for sign in (-1, 1):
        shifted = replace(case, e=tuple(v + sign * radius for v in case.e))
        for cell, _, numbers in shifted.simplices():
            if any(c[k] > 0 for k in numbers):
                assert all(0 <= c[k] <= shifted.e[k] - case.sag[cell] for k in numbers)
            if any(c[k] < 0 for k in numbers):
                assert all(0 <= -c[k] <= -shifted.e[k] - case.bulge[cell] for k in numbers)


@pytest.mark.parametrize("nothing", [np.inf, np.nan])
@given(case=cases())
def test_cells_without_a_defect_bound_are_never_touched(nothing: float, case: Case) -> None:
    margins = case.margins
    for numbers in (margins.sag, margins.bulge, margins.plus, margins.minus):
        numbers[0] = nothing
    c = balanced_coefficients(case.mesh, case.interval, margins, np.array(case.ready), FLOOR)
    assert np.isfinite(c).all()
    assert not c[case.mesh.corner_node[0]].any()


@given(cases())
def test_no_information_on_the_residual_gives_no_atom(case: Case) -> None:
    n = len(case.mesh.nodes)
    assert not case.coefficients(Interval(np.full(n, -np.inf), np.full(n, np.inf))).any()


# -- the vertex inequality as the verifier asks it -------------------------------------------------


@given(cases(), st.integers(0, 2**32 - 1), st.booleans())
def test_vertex_inequality_equals_a_loop_over_simplices(case: Case, seed: int, by_rule: bool) -> None:
    """c, right or wrong: the answer is the one that rational arithmetic gives."""
    source = np.random.default_rng(seed)
    c = case.coefficients() if by_rule else source.integers(0, 64, len(case.e)) / 64.0 * source.choice([-1, 1])
    c = np.where(source.random(len(c)) < 0.3, 0.0, c)
    found = violates_vertex_inequality(case.mesh, c, case.interval, case.defects)
    expected = [False] * len(case.mesh.cells)
    for cell, _, k in case.simplices():
        value, rest = [Fraction(v) for v in c[k]], [case.e[w] for w in k]
        if any(v > 0 for v in value):
            expected[cell] |= not all(0 <= v <= e - case.sag[cell] for v, e in zip(value, rest, strict=True))
        if any(v < 0 for v in value):
            expected[cell] |= not all(0 <= -v <= -e - case.bulge[cell] for v, e in zip(value, rest, strict=True))
    assert found.tolist() == expected


def one_cell(c: list[float], e: list[float], sag: float = 0.0, bulge: float = 0.0) -> bool:
    mesh = Mesh.root(len(c).bit_length() - 1)
    at_nodes, rest = (mesh.first_cell_value(np.array([values])) for values in (c, e))
    return bool(violates_vertex_inequality(mesh, at_nodes, Interval(rest, rest), defects_of([sag], [bulge]))[0])


def test_vertex_inequality_is_sharp_by_one_unit_in_the_last_place() -> None:
    assert not one_cell([0.75, 0.0], [1.0, 0.25], sag=0.25)
    assert one_cell([np.nextafter(0.75, 1), 0.0], [1.0, 0.25], sag=0.25)
    assert one_cell([0.75, 0.0], [1.0, np.nextafter(0.25, 0)], sag=0.25)
    assert not one_cell([-0.75, 0.0], [-1.0, -0.25], bulge=0.25)
    assert one_cell([np.nextafter(-0.75, -1), 0.0], [-1.0, -0.25], bulge=0.25)


def test_vertex_inequality_asks_only_of_touched_simplices() -> None:
    e = [1.0, 1.0, -1.0, 1.0]  # corner (0, 1) has the wrong sign
    assert not one_cell([0.0, 0.5, 0.0, 0.0], e), "(1, 0) shares no simplex with (0, 1)"
    assert one_cell([0.5, 0.0, 0.0, 0.0], e), "(0, 0) does"
    assert one_cell([0.0, 0.5, -0.5, 0.5], e), "two signs in one simplex"
    assert not one_cell([0.0, 0.5, -0.5, 0.0], [0.0, 1.0, -1.0, 0.0]), "two signs in different simplices"


@pytest.mark.parametrize("nothing", [np.nan, np.inf])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_no_number_violates_the_vertex_inequality(nothing: float, sign: float) -> None:
    c = [0.5 * sign, 0.0]
    assert one_cell(c, [sign, sign], sag=nothing, bulge=nothing)
    assert one_cell(c, [np.nan, np.nan])
    assert one_cell([np.nan, 0.5 * sign], [sign, sign])


# -- margins and quanta ----------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1e300), min_size=1), st.floats(1e-290, 1e10))
def test_quantum_is_the_power_of_two_below_a_sixteenth_of_the_margin(margin: list[float], floor: float) -> None:
    found = quantum(np.array(margin), floor)
    assert (np.frexp(found)[0] == 0.5).all(), "a power of two"
    for q, m in zip(found.tolist(), margin, strict=True):
        bound = max(m * QUANTUM_RATIO, floor)
        assert q <= bound < 2 * q


@given(cases())
def test_coefficients_are_multiples_of_the_quantum_of_their_star(case: Case) -> None:
    c = case.coefficients()
    for k in np.flatnonzero(c):
        around = np.flatnonzero((case.mesh.corner_node == k).any(axis=1))
        margin = (case.plus, case.minus)[int(c[k] < 0)]
        step = quantum(np.array([float(max(margin[i] for i in around))]), FLOOR)[0]
        assert (Fraction(c[k]) / Fraction(step)).denominator == 1


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1),
    st.sampled_from(sorted(THETA)),
    st.integers(0, 50),
    st.integers(-60, 10),
)
def test_margins_are_theta_times_the_defect_and_a_little_more_and_floors_are_the_rest(
    pairs: list[tuple[float, float]], order: int, level: int, power: int
) -> None:
    sag, bulge = (np.array([p[k] for p in pairs]) for k in (0, 1))
    theta, floor = np.full(len(pairs), THETA[order]), 2.0**power
    margins = Margins.of(Defects(sag, bulge, theta, theta, Interval(sag, sag)), level, floor)
    sides = ((sag, margins.plus, margins.floor_plus), (bulge, margins.minus, margins.floor_minus))
    for defect, margin, rest in sides:
        for p, m, low in zip(exact(defect), exact(margin), exact(rest), strict=True):
            least = Fraction(THETA[order]) * p
            assert least * (1 - Fraction(1, 2**50)) <= m
            assert p <= m <= (least + Fraction(floor) / (1 << level)) * (1 + Fraction(1, 2**50))
            assert low <= m - p
            assert low > 0, "so that a bound that grows from 0 by rounding does not break the margin condition"
    assert margins.rough.all() == margins.rough.any() == (order == 0)


@given(st.floats(0, 1e6), st.sampled_from([(2, 0.25), (1, 0.5)]), st.integers(0, 51), st.integers(-60, 10))
def test_a_bound_that_falls_at_its_rate_meets_the_margin_condition(
    defect: float, rate: tuple[int, float], level: int, power: int
) -> None:
    """theta = 1 / (1 - rho): the floor after one level is at least the margin of the next."""
    order, rho = rate
    theta, p = np.array([THETA[order]]), np.array([defect])
    here = Margins.of(Defects(p, p, theta, theta, Interval(p, p)), level, 2.0**power)
    below = Margins.of(Defects(rho * p, rho * p, theta, theta, Interval(p, p)), level + 1, 2.0**power)
    assert (below.plus <= here.floor_plus).all()
    assert (below.minus <= here.floor_minus).all()


def test_theta_is_the_smallest_that_meets_the_margin_condition_up_to_rounding() -> None:
    for order, rho in ((2, Fraction(1, 4)), (1, Fraction(1, 2))):
        theta = Fraction(THETA[order])
        assert theta - 1 > theta * rho * (1 + Fraction(1, 2**40))
        assert theta < 1 / (1 - rho) * (1 + Fraction(1, 2**19))


@pytest.mark.parametrize("tol", [1.0, 0.3, 1e-4, 1e-260, 1e280])
def test_quantum_floor_is_a_power_of_two_far_below_the_tolerance(tol: float) -> None:
    found = quantum_floor(tol)
    assert np.frexp(found)[0] == 0.5
    assert tol / 128 < found <= tol / 64


@pytest.mark.parametrize("tol", [5e-324, 1e-310, 1e-280])
def test_quantum_floor_is_never_so_small_that_a_coefficient_could_underflow(tol: float) -> None:
    assert quantum_floor(tol) == 2.0**-900


def test_unknown_defects_have_no_floor() -> None:
    inf = np.array([np.inf])
    margins = Margins.of(Defects(inf, inf, inf, inf, Interval(-inf, inf)), 0, FLOOR)
    assert margins.plus.tolist() == margins.minus.tolist() == [np.inf]
    assert margins.floor_plus.tolist() == margins.floor_minus.tolist() == [0.0]


def test_anti_diagonal_corner_does_not_stop_a_node() -> None:
    """The rule asks the simplices of the star, not the corners of the cells around (docs/theory.md, Example 2)."""
    mesh = Mesh.root(2)
    e = {(0, 0): 1.0, (1, 0): 1.0, (0, 1): -1.0, (1, 1): 1.0}
    nodal = np.array([e[tuple(v)] for v in mesh.nodes.tolist()])
    c = balanced_coefficients(
        mesh, Interval(nodal, nodal), margins_of([0], [0], [0], [0]), np.ones(1, dtype=bool), FLOOR
    )
    found = {at(v, 0): x for v, x in zip(mesh.nodes.tolist(), c.tolist(), strict=True) if x}
    assert found == {(1, 0): 1.0}
