"""One constructor for each kind of source of a target."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mgdl_theory.errors import DomainError, OptionError, shown
from mgdl_theory.targets.base import Box, Target, read_list
from mgdl_theory.targets.vector import VectorTarget

if TYPE_CHECKING:
    from mgdl_theory.targets.formula.graph import Program
    from mgdl_theory.targets.formula.target import ExpressionTarget


def from_formula(
    text: str,
    domain: Sequence[Any] | None = None,
    *,
    variables: Sequence[str] | None = None,
    engine: str = "numpy",
    tail: Any = None,
) -> Target:
    """The function that a formula denotes; it is parsed by an allow-list and never executed.

    Parameters
    ----------
    text : str
        In x, y, z, w or x1, ..., xd; see docs/expressions.md.
    domain : sequence
        ``lower, upper`` per variable, or one pair for all; numbers or exact strings; [0, 1]^d by default.
    variables : sequence of str
        Names of the variables in order, where the formula does not use all of them.
    engine : "numpy" or "crival"
        Interval arithmetic: NumPy under the declared error bounds, or correctly rounded.
    tail : number
        Stands for every function that is nowhere further than this from the formula
        (:class:`~mgdl_theory.targets.ball.UniformBall`).

    Raises
    ------
    ExpressionError, DomainError, TargetError, OptionError
        For a text outside the language, a malformed domain, a function that is not defined or unbounded somewhere.

    >>> f = from_formula("x*y", domain=[0, 2])
    >>> f.dim, f([[0.5, 2.0]]).tolist()
    (2, [1.0])
    """
    return _with_tail(_parsed(text, domain, variables, engine), tail)


def from_gallery(name: str, *, tol: Any = None, engine: str = "numpy") -> Target:
    """The target ``@name`` of the gallery; a series has as many terms as the tolerance needs.

    >>> from_gallery("@abs-third").text
    '@abs-third: abs(x - 1/3)'
    """
    from mgdl_theory.targets.gallery import find

    return find(name).target(tol, engine)


def from_sympy(
    expression: Any,
    domain: Sequence[Any] | None = None,
    *,
    variables: Sequence[Any] | None = None,
    engine: str = "numpy",
    tail: Any = None,
) -> Target:
    """The function of a sympy expression, written as a formula; ``variables`` are symbols or names, in order.

    >>> import sympy
    >>> t = sympy.Symbol("t")
    >>> from_sympy(sympy.Piecewise((t, t < 1), (t**2, True)), [0, 2]).text
    'min(x, 1) + max(x, 1)**2 - 1'
    """
    from mgdl_theory.targets.formula.symbolic import formula_of

    text, names = formula_of(expression, order := _listed(variables))
    f = _parsed(text, domain, names, engine)
    given = list(map(str, order or sorted(expression.free_symbols, key=str)))
    f.notes += tuple(f"{name} stands for {own}" for name, own in zip(names, given, strict=False) if name != own)
    return _with_tail(f, tail)


def from_function(
    f: Callable[..., Any],
    domain: Sequence[Any] | None = None,
    *,
    variables: Sequence[str] | None = None,
    lipschitz: Any = None,
    holder: tuple[Any, Any] | None = None,
    modulus: Callable[[float], Any] | None = None,
    concave: bool = False,
    value_error: Any = None,
    mp: Callable[..., Any] | None = None,
    name: str | None = None,
    tail: Any = None,
) -> Target:
    """A Python function with a modulus of continuity that its author vouches for; without one there is only evidence.

    Parameters
    ----------
    f : callable
        It takes arrays: f(x) or f(x, y) with x, y (n,), or f(X) with points X (n, d).
    domain, tail
        As for :func:`from_formula`.
    variables : sequence of str
        Names of the variables in order.
    lipschitz : number, or one number per variable
        |f(x) - f(y)| <= L |x - y|, or <= sum_a L_a |x_a - y_a|.
    holder : (C, alpha)
        |f(x) - f(y)| <= C |x - y|^alpha.
    modulus : callable
        |f(x) - f(y)| <= omega(|x - y|), omega nondecreasing, called with floats.
    concave : bool
        Says that omega is concave, which halves the defects at least.
    value_error : number or (relative, absolute)
        How far what the callable returns may be from f; see :class:`~mgdl_theory.targets.function.CallableTarget`.
    mp : callable
        The same function in mpmath numbers, for checks at high precision.
    name : str
        What to call it in messages.

    Raises
    ------
    DomainError, TargetError, OptionError
        For a malformed domain, a function that contradicts its modulus, and options that do not fit.

    >>> from_function(lambda x: abs(x - 1), domain=[0, 2], lipschitz=1).certified
    True
    """
    from mgdl_theory.targets.function import CallableTarget, dimension
    from mgdl_theory.targets.modulus import modulus_of

    ends, names = _rational_ends(domain), _listed(variables)
    dim = dimension(f, names, lipschitz)
    box = Box.of([0, 1] if ends is None else ends, dim if ends is None or len(ends) == 2 else None)
    known = modulus_of(box.dim, lipschitz, holder, modulus, concave)
    made = CallableTarget(f, box, known, value_error=value_error, mp=mp, name=_name(name), variables=names)
    return _with_tail(made, tail)


def from_samples(
    data: Any,
    domain: Sequence[Any] | None = None,
    *,
    variables: Sequence[str] | None = None,
    name: str | None = None,
    notes: Sequence[str] = (),
    tail: Any = None,
) -> Target:
    """The multilinear interpolant of n_1 x ... x n_d samples on a uniform grid, d <= 3; lists of numbers are arrays.

    ``notes`` say what was made of the file that the samples come from; they are kept in the description.

    >>> from_samples([[0, 1], [2, 5]], domain=[0, 1])([[0.5, 0.5]]).tolist()
    [2.0]
    """
    from mgdl_theory.targets.samples import SamplesTarget, read_array, remarks

    ends, array = _rational_ends(domain), read_array(data)
    box = Box.of([0, 1] if ends is None else ends, array.ndim)
    said = (*notes, *remarks(data, array))
    made = SamplesTarget(array, box, name=_name(name) or "samples", variables=_listed(variables), notes=said)
    return _with_tail(made, tail)


def from_list(
    parts: Sequence[Any],
    domain: Sequence[Any] | None = None,
    *,
    variables: Sequence[Any] | None = None,
    engine: str = "numpy",
) -> VectorTarget:
    """The function whose components are formulas, names of the gallery, sympy expressions and targets on one box.

    >>> from_list(["x", "x*y"]).text
    'x; x*y'
    """
    from mgdl_theory.targets.formula.symbolic import formulas_of

    made = [
        from_gallery(part, engine=engine) if isinstance(part, str) and part.startswith("@") else part for part in parts
    ]
    texts, names = formulas_of(made, _listed(variables))
    return VectorTarget.of(texts, _rational_ends(domain), variables=names, engine=engine)


def _parsed(text: str, domain: Any, variables: Any, engine: str) -> ExpressionTarget:
    """The target of a formula that is defined on the whole of its box."""
    from mgdl_theory.targets.formula.domain import over_gaps
    from mgdl_theory.targets.formula.ends import substituted
    from mgdl_theory.targets.formula.jumps import JUMPING, without_jumps
    from mgdl_theory.targets.formula.parser import parse
    from mgdl_theory.targets.formula.target import ExpressionTarget, renamed, skipped

    ends, names = _ends(domain), _listed(variables)
    typed = program = parse(text, names, None if ends is None or len(ends) == 2 else len(ends) // 2, jumps=True)
    box, told = Box.of([0, 1], program.dim) if ends is None else _rational_box(program, ends), list[str]()
    if box is None:
        program, box, said = substituted(program, _for_each(program, ends or []))
        told.append(said)
    substitution = bool(told)
    if any(node.op in JUMPING for node in program.nodes):
        program, said = without_jumps(program, box)
        told.append(said)
    if not told:
        f = ExpressionTarget(text, box, engine, variables=names)
        f.notes += skipped([f]) if names is None and (ends is None or len(ends) == 2) else ()
    else:
        f = ExpressionTarget(program.text, box, engine, variables=program.variables)
        f.text = f.text if substitution else " ".join(text.split())
        f.notes += (*renamed(typed), *told)
    return over_gaps(f)


def _rational_box(program: Program, ends: list[Any]) -> Box | None:
    """The box with these ends, or None where one of them is irrational."""
    return None if any(map(_is_irrational, ends)) else Box.of(ends, program.dim)


def _is_irrational(end: Any) -> bool:
    from mgdl_theory.targets.formula.graph import Program

    return isinstance(end, Program)


def _for_each(program: Program, ends: list[Any]) -> list[Any]:
    """Two ends for every variable."""
    given = ends * program.dim if len(ends) == 2 else ends
    if len(given) != 2 * program.dim:
        raise DomainError(f"domain: {program.dim} variable(s) need {2 * program.dim} ends, got {len(given)}")
    return given


def _ends(domain: Any) -> list[Any] | None:
    """The ends one after another, be they given so or in pairs, read as :func:`read_end` does."""
    from mgdl_theory.targets.formula.ends import read_end

    if domain is None:
        return None
    ends = read_list("domain", domain, "a list of ends (lower upper ...)", DomainError)
    if ends and all(type(pair) in (list, tuple) and len(pair) == 2 for pair in ends):
        ends = [end for pair in ends for end in pair]
    return [read_end(end) for end in ends]


def _rational_ends(domain: Any) -> list[Any] | None:
    """Ends for a target that is no formula, in which nothing can be substituted."""
    ends = _ends(domain)
    for end in ends or ():
        if _is_irrational(end):
            raise DomainError(
                f"domain: {end.text} is irrational, which only a formula can take; give a rational number"
            )
    return ends


def _listed(variables: Any) -> Any:
    if variables is None or isinstance(variables, str):
        return variables
    return read_list("variables", variables, "a list of names")


def _name(name: Any) -> str | None:
    if not isinstance(name, str | None):
        raise OptionError(f"name: expected a text, got {shown(name)}")
    return name


def _with_tail(f: Target, tail: Any) -> Target:
    """The target, or the ball of this radius about it."""
    if tail is None:
        return f
    from mgdl_theory.targets.ball import UniformBall

    return UniformBall(f, tail)
