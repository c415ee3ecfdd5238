"""Ends of a domain that are formulas without variables, such as -pi/2 or 2^10; irrational ones by substitution."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction
from typing import Any, NamedTuple

from mgdl_theory.errors import DomainError, ExpressionError, shown
from mgdl_theory.rigor.engines import get_engine
from mgdl_theory.rigor.rounding import quiet
from mgdl_theory.targets.base import Box, exact_number
from mgdl_theory.targets.formula.graph import Program
from mgdl_theory.targets.formula.parser import parse
from mgdl_theory.targets.formula.simplifier import Builder
from mgdl_theory.targets.formula.symbolic import is_sympy

INFINITE = ("inf", "+inf", "-inf", "oo", "-oo", "infinity", "-infinity")


class Multiple(NamedTuple):
    """The number q c, c a constant given by its formula, "" for 1."""

    q: Fraction
    c: str


def read_end(end: Any) -> Any:
    """The end as it was given where it is a number, a Fraction for a rational formula, else its program.

    Raises
    ------
    DomainError
        For what is neither, with the reason; for infinite ends.

    >>> read_end("2^10"), read_end("0.1"), read_end("-pi/2").text
    (Fraction(1024, 1), '0.1', '-pi/2')
    """
    if not isinstance(end, str) and not is_sympy(end):
        return end  # numbers of any kind; what is none is refused where the box is made
    text = str(end).strip()
    with suppress(ValueError):
        exact_number(text)
        return text
    if text.lower() in INFINITE:
        raise DomainError(f"domain: {text} is no end of a box; the theorem is about bounded ones: cut the domain off")
    try:
        program = parse(text)
    except ExpressionError as error:
        why = str(error).partition("\n")[0]
        raise DomainError(f"domain: {shown(end)} is not a number (write 0.5, 1/3, 2^10 or -pi/2): {why}") from None
    if program.used:
        raise DomainError(f"domain: {shown(end)} is not a number, it has a variable")
    last = program.nodes[-1]
    return last.value if last.op == "const" else program


def substituted(program: Program, ends: Sequence[Any]) -> tuple[Program, Box, str]:
    """The formula in coordinates whose box is rational, that box, and what was done; ends as from :func:`read_end`.

    Where both ends of a side are rational multiples of one constant c > 0, x = c t; else x = low + (high - low) t.

    >>> found, box, said = substituted(parse("cos(x)"), [read_end("-pi/2"), read_end("3*pi/2")])
    >>> found.text, str(box), said
    ('cos(pi*x)', '[-1/2, 3/2]', 'cos(x) for x from -pi/2 to 3*pi/2 is taken as cos(pi*x) for x from -1/2 to 3/2')
    """
    build = Builder()
    lower, upper, inner, told = [], [], [], []
    for axis in range(program.dim):
        low, high = ends[2 * axis : 2 * axis + 2]
        node, (start, end) = _side(build, axis, low, high)
        lower.append(start)
        upper.append(end)
        inner.append(node)
        if isinstance(low, Program) or isinstance(high, Program):
            name = program.variables[axis]
            told.append((f"{name} from {_text(low)} to {_text(high)}", f"{name} from {start} to {end}"))
    new = build.program(program.evaluate(build, inner), program.variables)
    before, after = (" and ".join(side) for side in zip(*told, strict=True))
    return new, Box(tuple(lower), tuple(upper)), f"{program.text} for {before} is taken as {new.text} for {after}"


def _side(build: Builder, axis: int, low: Any, high: Any) -> tuple[int, tuple[Fraction, Fraction]]:
    """The node of the old coordinate, and the ends of the new one."""
    t = build.variable(axis)
    if not isinstance(low, Program) and not isinstance(high, Program):
        return t, (exact_number(low), exact_number(high))
    if _sign(_difference(high, low)) <= 0:
        raise DomainError(f"domain: {_text(low)} is not shown to be below {_text(high)}")
    (p, c), (q, d) = _multiple(low), _multiple(high)
    constant = c if p else d
    if (c == d or not p or not q) and (positive := _sign(parse(constant))):
        node = build.mul(_run(parse(constant), build), t)
        return (build.neg(node) if positive < 0 else node), (p * positive, q * positive)
    lowest, width = (_run(program, build) for program in (_program(low), _difference(high, low)))
    return build.add(lowest, build.mul(width, t)), (Fraction(0), Fraction(1))


def _run(constant: Program, algebra: Any) -> Any:
    """The value of a formula without variables."""
    with quiet():
        return constant.evaluate(algebra, [algebra.const(Fraction(0))] * constant.dim)


def _text(end: Any) -> str:
    return end.text if isinstance(end, Program) else str(end)


def _program(end: Any) -> Program:
    return end if isinstance(end, Program) else parse(str(exact_number(end)))


def _difference(a: Any, b: Any) -> Program:
    build = Builder()
    return build.program(build.sub(*(_run(_program(end), build) for end in (a, b))), ("x",))


def _sign(constant: Program) -> int:
    """The sign of a constant, 0 where it is not known."""
    value = _run(constant, get_engine())
    return int(value.lo[0] > 0) - int(value.hi[0] < 0)


def _multiple(end: Any) -> Multiple:
    """The end as a rational multiple of a constant."""
    if not isinstance(end, Program):
        return Multiple(exact_number(end), "")
    found: list[Multiple] = []
    for k, node in enumerate(end.nodes):
        a = [found[i] for i in node.args]
        opaque = Multiple(Fraction(1), end.text_of(k))
        if node.op == "const":
            assert isinstance(node.value, Fraction)
            opaque = Multiple(node.value, "")
        elif node.op == "neg":
            opaque = Multiple(-a[0].q, a[0].c)
        elif node.op == "mul" and "" in (a[0].c, a[1].c):
            opaque = Multiple(a[0].q * a[1].q, a[0].c + a[1].c)
        elif node.op == "div" and not a[1].c:
            opaque = Multiple(a[0].q / a[1].q, a[0].c)
        found.append(opaque)
    return found[-1]
