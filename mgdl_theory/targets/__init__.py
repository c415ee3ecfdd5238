"""What is approximated: values, enclosures and interpolation defects of f on the cells of a box."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any, overload

from numpy.typing import NDArray

from mgdl_theory.errors import DomainError, OptionError, shown
from mgdl_theory.rigor.rounding import checked_arithmetic
from mgdl_theory.targets.base import Box, Target, read_list
from mgdl_theory.targets.vector import VectorTarget

__all__ = ["target"]

MAX_NESTING = 8
"""Definition: lists in lists that are looked into; samples have three axes at most."""


@overload
def target(
    source: list[Any] | tuple[Any, ...],
    domain: Sequence[Any] | None = None,
    *,
    variables: Sequence[str] | None = None,
    engine: str = "numpy",
) -> VectorTarget: ...


@overload
def target(
    source: str | Callable[..., Any],
    domain: Sequence[Any] | None = None,
    *,
    variables: Sequence[str] | None = None,
    engine: str = "numpy",
    lipschitz: Any = None,
    holder: tuple[Any, Any] | None = None,
    modulus: Callable[[float], Any] | None = None,
    concave: bool = False,
    value_error: Any = None,
    mp: Callable[..., Any] | None = None,
    name: str | None = None,
    tail: Any = None,
) -> Target: ...


@overload
def target(
    source: NDArray[Any],
    domain: Sequence[Any] | None = None,
    *,
    variables: Sequence[str] | None = None,
    name: str | None = None,
    notes: Sequence[str] = (),
    tail: Any = None,
) -> Target: ...


@checked_arithmetic()
def target(
    source: str | Callable[..., Any] | NDArray[Any] | list[Any] | tuple[Any, ...],
    domain: Sequence[Any] | None = None,
    *,
    variables: Sequence[str] | None = None,
    engine: str = "numpy",
    lipschitz: Any = None,
    holder: tuple[Any, Any] | None = None,
    modulus: Callable[[float], Any] | None = None,
    concave: bool = False,
    value_error: Any = None,
    mp: Callable[..., Any] | None = None,
    name: str | None = None,
    notes: Sequence[str] = (),
    tail: Any = None,
) -> Target | VectorTarget:
    """The target that a formula, a name of the gallery, a Python function or an array denotes, on a box; or several.

    Parameters
    ----------
    source : str, callable or array, or a list or tuple
        A formula in x, y, z, w or x1, ..., xd; it is parsed by an allow-list and never executed.  ``@name`` is a
        target of the gallery.  A function takes arrays: f(x) or f(x, y) with x, y (n,), or f(X) with points X (n, d).
        An array of n_1 x ... x n_d samples, d <= 3, is its multilinear interpolant; so is a list of numbers.
        Another list holds the components of a vector target: formulas, names, and scalar targets on the same box.
    domain : sequence
        ``lower, upper`` per variable, or one pair for all; numbers or exact strings; [0, 1]^d by default.
    variables : sequence of str
        Names of the variables in order, where the formula does not use all of them.
    engine : "numpy" or "crival"
        Interval arithmetic of a formula: NumPy under the declared error bounds, or correctly rounded.
    lipschitz : number, or one number per variable
        Of a callable: |f(x) - f(y)| <= L |x - y|, or <= sum_a L_a |x_a - y_a|.
    holder : (C, alpha)
        Of a callable: |f(x) - f(y)| <= C |x - y|^alpha.
    modulus : callable
        Of a callable: |f(x) - f(y)| <= omega(|x - y|), omega nondecreasing, called with floats.
    concave : bool
        Says that omega is concave, which halves the defects at least.
    value_error : number or (relative, absolute)
        How far what the callable returns may be from f; see :class:`~mgdl_theory.targets.function.CallableTarget`.
    mp : callable
        The callable's function in mpmath numbers, for checks at high precision.
    name : str
        What to call a callable or an array in messages.
    notes : sequence of str
        Of an array: what was made of the file that it comes from; kept in the description.
    tail : number
        Stands for every function that is nowhere further than this from the source
        (:class:`~mgdl_theory.targets.ball.UniformBall`).

    Raises
    ------
    ExpressionError, DomainError, TargetError, OptionError
        For a formula outside the language, a malformed domain, a function that is undefined or unbounded or
        contradicts its modulus, and options that do not fit.

    >>> f = target("x*y", domain=[0, 2])
    >>> f.dim, f([[0.5, 2.0]]).tolist()
    (2, [1.0])
    >>> target(lambda x: abs(x - 1), domain=[0, 2], lipschitz=1).certified
    True
    >>> target([[0, 1], [2, 5]], domain=[0, 1])([[0.5, 0.5]]).tolist()
    [2.0]
    >>> target(["x", "x*y"]).text
    'x; x*y'
    """
    of_callable = {
        "lipschitz": lipschitz, "holder": holder, "modulus": modulus, "concave": concave or None,
        "value_error": value_error, "mp": mp, "name": name,
    }  # fmt: skip
    if domain is not None:
        domain = read_list("domain", domain, "a list of ends (lower upper ...)", DomainError)
    if variables is not None and not isinstance(variables, str):
        variables = read_list("variables", variables, "a list of names")
    if not isinstance(name, str | None):
        raise OptionError(f"name: expected a text, got {shown(name)}")
    if _is_array(source):
        from mgdl_theory.targets.samples import SamplesTarget, read_array, remarks

        unfit = next((option for option, value in of_callable.items() if value is not None and option != "name"), None)
        if unfit:
            raise OptionError(f"{unfit}: it belongs to a Python function; samples need none")
        data = read_array(source)
        said = (*notes, *remarks(source, data))
        box = Box.of([0, 1] if domain is None else domain, data.ndim)
        samples = SamplesTarget(data, box, name=name or "samples", variables=variables, notes=said)
        return samples if tail is None else _ball(samples, tail)
    if isinstance(source, list | tuple):
        unfit = next((option for option, value in {**of_callable, "tail": tail}.items() if value is not None), None)
        if unfit:
            raise OptionError(f"{unfit}: it belongs to one component; make that a target of its own and list it")
        named = [target(s, engine=engine) if isinstance(s, str) and s.startswith("@") else s for s in source]
        return VectorTarget.of(named, domain, variables=variables, engine=engine)
    if isinstance(source, str):
        unfit = next((option for option, value in of_callable.items() if value is not None), None)
        if unfit:
            raise OptionError(f"{unfit}: it belongs to a Python function, and {source[:60]!r} needs none")
        if source.startswith("@"):
            if domain is not None or variables is not None or tail is not None:
                raise OptionError(f"{source[:60]} brings its own domain, variables and tail")
            from mgdl_theory.targets.gallery import find

            return find(source).target(engine=engine)
        f: Target = _formula(source, domain, variables, engine)
    elif builtins.callable(source):  # targets.callable, once imported, hides the plain name
        from mgdl_theory.targets.function import CallableTarget, dimension
        from mgdl_theory.targets.modulus import modulus_of

        dim = dimension(source, variables, lipschitz)
        box = Box.of([0, 1] if domain is None else domain, dim if domain is None or len(domain) == 2 else None)
        known = modulus_of(box.dim, lipschitz, holder, modulus, concave)
        f = CallableTarget(source, box, known, value_error=value_error, mp=mp, name=name, variables=variables)
    else:
        kinds = "a formula, a function, an array or a list of formulas"
        raise OptionError(f"target: expected {kinds}, got {type(source).__name__}")
    return f if tail is None else _ball(f, tail)


def _is_array(source: Any) -> bool:
    """Whether this holds numbers: an array of any library, or nested lists whose first entry is a number.

    >>> _is_array([[1, 2], [3, 4]]), _is_array(["x", "y"])
    (True, False)
    """
    for _ in range(MAX_NESTING):
        if not isinstance(source, list | tuple):
            break
        first = read_list("target", source, "a list of numbers or of components")[:1]
        if not first:
            return False
        if isinstance(first[0], Number):
            return True
        source = first[0]
    try:
        return hasattr(source, "__array__") and not builtins.callable(source)
    except Exception:  # noqa: BLE001 - an object of somebody else may raise anything; reading it says what
        return True


def _ball(f: Target, tail: Any) -> Target:
    from mgdl_theory.targets.ball import UniformBall

    return UniformBall(f, tail)


def _formula(source: str, domain: Sequence[Any] | None, variables: Sequence[str] | None, engine: str) -> Target:
    from mgdl_theory.targets.formula.domain import require_defined
    from mgdl_theory.targets.formula.target import ExpressionTarget, parse, skipped

    box = None
    if domain is not None:
        box = Box.of(domain, parse(source, variables).dim if len(domain) == 2 else None)
    f = ExpressionTarget(source, box, engine, variables=variables)
    if variables is None and (domain is None or len(domain) == 2):
        f.notes = skipped([f])
    require_defined(f)
    return f
