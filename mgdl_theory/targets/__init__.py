"""What is approximated: values, enclosures and interpolation defects of f on the cells of a box.

One constructor for each kind of source, and :func:`target`, which finds the kind and hands over.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from numbers import Number
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

from mgdl_theory.errors import OptionError
from mgdl_theory.rigor.rounding import checked_arithmetic
from mgdl_theory.targets.base import Target, read_list
from mgdl_theory.targets.constructors import (
    from_formula,
    from_function,
    from_gallery,
    from_list,
    from_samples,
    from_sympy,
)  # fmt: skip
from mgdl_theory.targets.images import is_picture
from mgdl_theory.targets.vector import VectorTarget

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "TargetOptions", "from_file", "from_formula", "from_function", "from_gallery", "from_list", "from_picture",
    "from_samples", "from_sympy", "target",
]  # fmt: skip

MAX_NESTING = 8
"""Definition: lists in lists that are looked into; samples have three axes at most."""


class TargetOptions(TypedDict, total=False):
    """What may be said of a source, by the kinds that take it."""

    variables: Sequence[Any] | None
    engine: str
    lipschitz: Any
    holder: tuple[Any, Any] | None
    modulus: Callable[[float], Any] | None
    concave: bool
    value_error: Any
    mp: Callable[..., Any] | None
    name: str | None
    notes: Sequence[str]
    tol: Any
    tail: Any
    channel: str | None
    fill: float | None


def from_picture(
    image: Any, domain: Sequence[Any] | None = None, *, channel: str | None = None, name: str | None = None
) -> Target:
    """The samples of an image that Pillow has opened or made, as those of an image file."""
    from mgdl_theory.targets.images import read_picture

    array, said, notes = read_picture(image, channel)
    return from_samples(array, domain, name=name or f"image{', ' * bool(said)}{said}", notes=notes)


def from_file(
    path: str | os.PathLike[str],
    domain: Sequence[Any] | None = None,
    *,
    tol: Any = None,
    channel: str | None = None,
    fill: float | None = None,
) -> Target:
    """The samples in a file, as ``mgdl-theory verify FILE`` reads it; notes say what was read.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "pairs.csv"
    ...     _ = path.write_text(chr(10).join(["x,y", "0,0", "1,3", "2,0"]))
    ...     f = from_file(path)
    >>> str(f.box), f([1.5]).tolist()
    ('[0, 2]', [1.5])
    """
    from mgdl_theory.targets.sources import is_data, read

    if not is_data(os.fspath(path)):
        raise OptionError(f"target: {os.fspath(path)!r} has no ending of a file of samples")
    found: Any = read(os.fspath(path), domain, tol=tol, channel=channel, fill=fill).target
    return found  # type: ignore[no-any-return]


@overload
def target(
    source: list[Any] | tuple[Any, ...], domain: Sequence[Any] | None = None, **options: Unpack[TargetOptions]
) -> VectorTarget: ...


@overload
def target(
    source: str | Callable[..., Any] | NDArray[Any],
    domain: Sequence[Any] | None = None,
    **options: Unpack[TargetOptions],
) -> Target: ...


@checked_arithmetic()
def target(source: Any, domain: Sequence[Any] | None = None, **options: Unpack[TargetOptions]) -> Target | VectorTarget:
    """The target that a source denotes, on a box.

    Parameters
    ----------
    source : str, sympy expression, callable, array, or list
        A text is a formula, or with ``@`` a name of the gallery.  Lists of numbers are arrays; other lists hold the
        components of a vector.
    domain : sequence
        ``lower, upper`` per variable, or one pair for all; numbers or exact strings; [0, 1]^d by default.
    **options
        Those of the constructor for this kind: :func:`from_formula`, :func:`from_gallery`, :func:`from_sympy`,
        :func:`from_function`, :func:`from_samples`, :func:`from_list`.

    Raises
    ------
    ExpressionError, DomainError, TargetError, OptionError
        As the constructors; for an option that belongs to another kind, and for a source of no kind.

    >>> target("x**2")([[3.0]]).tolist(), target(["x", "x*y"]).dim
    ([9.0], 2)
    """
    kind, excuse = _kind(source)
    given: dict[str, Any] = {key: value for key, value in options.items() if value is not None and value is not False}
    if domain is not None:
        given["domain"] = domain
    for option in given.keys() - inspect.signature(kind).parameters.keys():
        owner = "one component" if kind is from_list else _OWNERS.get(option, "no target")
        raise OptionError(f"{option}: it belongs to {owner}; {excuse}")
    return kind(source, **given)  # type: ignore[no-any-return]


_OWNERS = {
    **dict.fromkeys(("lipschitz", "holder", "modulus", "concave", "value_error", "mp"), "a Python function"),
    "name": "a Python function or an array",
    "notes": "an array",
    "tol": "a name of the gallery",
    **dict.fromkeys(("domain", "variables", "engine", "tail"), "a formula"),
}
"""Definition: where an option belongs that the source does not take."""


def _kind(source: Any) -> tuple[Callable[..., Any], str]:
    """The constructor for a source, and what is said where an option is not of its kind."""
    from mgdl_theory.targets.formula.symbolic import is_sympy

    if is_sympy(source):
        return from_sympy, "a sympy expression takes none"
    if is_picture(source):
        return from_picture, "an image takes none"
    if _is_array(source):
        return from_samples, "samples take none"
    if isinstance(source, list | tuple):
        return from_list, "make that a target of its own and list it"
    if isinstance(source, str) and source.startswith("@"):
        return from_gallery, f"{source[:60]} brings its own domain, variables and tail"
    if isinstance(source, str):
        return from_formula, f"{source[:60]!r} takes none"
    if isinstance(source, os.PathLike):
        return from_file, f"{os.fspath(source)!r} takes none"
    if callable(source):
        return from_function, "a Python function takes none"
    kinds = "a formula, a sympy expression, a function, an array, an image, a Path or a list of formulas"
    raise OptionError(f"target: expected {kinds}, got {type(source).__name__}")


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
        return hasattr(source, "__array__") and not callable(source)
    except Exception:  # noqa: BLE001 - an object of somebody else may raise anything; reading it says what
        return True
