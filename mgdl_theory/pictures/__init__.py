"""Pictures of schemes and reports: functions that draw on the Axes they are given and return them.

A picture shows a record; it proves nothing, and the curves in it are samples in floating point.  What is proved
is what its caption says, with the verdict of the report.  No function shows a window.

>>> import mgdl_theory as mg
>>> report = mg.verify(mg.construct(mg.target("x**2-0.3"), 0.02))
>>> ax = mg.plot(report, "norms")
>>> ax.get_yscale()
'log'
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mgdl_theory.errors import OptionError
from mgdl_theory.pictures import curves, fields, style
from mgdl_theory.pictures.cells import activity, atoms, mesh
from mgdl_theory.pictures.fields import heat, slices, surface
from mgdl_theory.pictures.rates import norms, training
from mgdl_theory.pictures.stair import DRAWING_FORMATS, draw_network, save_drawing
from mgdl_theory.pictures.style import FORMATS, Place, Source, fold_of, off_screen, save_figure, scheme_of, svg_of
from mgdl_theory.relu.trained import Fit, TrainedModel
from mgdl_theory.verification.trained import ModelReport

__all__ = [
    "DRAWING_FORMATS", "FORMATS", "KINDS", "activity", "approximants", "atoms", "check_kind", "draw_network", "heat",
    "mesh", "network", "norms", "plot", "residuals", "save_drawing", "save_plot", "slices", "surface", "svg",
    "training",
]  # fmt: skip


def approximants(source: Source, ax: Place = None, **options: Any) -> Any:
    """The target and its approximants by grade: curves in one variable, heat maps in two."""
    dim = fold_of(source).dim
    check_kind("approximants", dim)
    return (curves.approximants if dim == 1 else fields.approximant_maps)(source, ax, **options)


def residuals(source: Source, ax: Place = None, **options: Any) -> Any:
    """The residual of every grade with its proved bounds: curves in one variable, heat maps in two."""
    dim = fold_of(source).dim
    check_kind("residuals", dim)
    return (curves.residuals if dim == 1 else fields.residual_maps)(source, ax, **options)


def network(source: Source, ax: Place = None, *, granularity: str = "block", gadget: str = "wide") -> Any:
    """The stair shape of the network of a scheme, in its natural size where no Axes are given."""
    return draw_network(scheme_of(source).network(granularity, gadget), ax)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of picture: the function that draws it, numbers of variables it is for, what it shows, and of what."""

    draw: Callable[..., Any]
    dims: tuple[int, ...]
    shows: str
    by_grade: bool = True
    of: frozenset[str] = frozenset({"scheme"})


ANY = tuple(range(1, 65))
"""Definition: any number of variables."""

BOTH, TRAINED = frozenset({"scheme", "trained model"}), frozenset({"trained model"})
"""Definition: what can be drawn of a scheme and of a trained model, and of the latter only."""

KINDS = {
    "approximants": Kind(approximants, (1, 2), "target and approximants by grade", of=BOTH),
    "residuals": Kind(residuals, (1, 2), "residual of every grade with its proved bounds", of=BOTH),
    "norms": Kind(norms, ANY, "certified norms by grade, with predicted and measured rates", False, BOTH),
    "atoms": Kind(atoms, (1, 2), "atoms by grade"),
    "mesh": Kind(mesh, (1, 2), "the leaves of the proof, coloured by certified bound", by_grade=False),
    "activity": Kind(activity, (1, 2), "cells untouched, touched and finished, by level", by_grade=False),
    "network": Kind(network, ANY, "the stair shape of the network", by_grade=False),
    "heat": Kind(heat, (2,), "target, approximant and residual as heat maps", of=BOTH),
    "surface": Kind(surface, (2,), "target, approximant and residual as surfaces", of=BOTH),
    "slices": Kind(slices, (3,), "sections of target, approximant and residual", of=BOTH),
    "training": Kind(training, ANY, "losses by epoch, as they were recorded in training", False, TRAINED),
}
"""Definition: the kinds of pictures by name."""


def plot(source: Source, kind: str = "approximants", ax: Place = None, **options: Any) -> Any:
    """A picture of a report, a scheme or a trained model.

    Parameters
    ----------
    source : Report, Scheme, ModelReport, Fit or TrainedModel
        A scheme, or a trained model on its target, ``model.on(f)``, is verified first where the picture shows what is
        proved (residuals, norms, mesh).  A model alone shows only its training.
    kind : str
        approximants, residuals, norms, atoms, mesh, activity, network, heat, surface, slices or training
        (:data:`KINDS`); atoms, mesh, activity and network are of schemes, training is of trained models.
    ax : Axes, Figure or None
        Where to draw.  Pictures of several panels take a Figure; by default a new figure of pyplot is made.
    **options
        Of the kind, as ``grade=2``; see the function of that name in ``mgdl_theory.pictures``.

    Returns
    -------
    Axes, or the Figure where the picture has several panels

    Raises
    ------
    OptionError
        For an unknown kind, one that is not for such a source or this number of variables, or an option that it does
        not take.
    """
    alone = isinstance(source, TrainedModel) and kind == "training"  # the only kind that asks for no target
    dim = source.dim if isinstance(source, TrainedModel) and alone else fold_of(source).dim
    check_kind(kind, dim, options, trained=isinstance(source, ModelReport | Fit | TrainedModel))
    return KINDS[kind].draw(source, ax, **options)


def check_kind(kind: str, dim: int, options: Any = (), *, trained: bool = False) -> None:
    """Refuse a picture that there is not, or not of such a source or in so many variables, or not with these options.

    >>> check_kind("heat", 1)
    Traceback (most recent call last):
    mgdl_theory.errors.OptionError: plot: 'heat' is for 2 variables, not 1; for 1 there are approximants, residuals, ...
    >>> check_kind("mesh", 1, trained=True)
    Traceback (most recent call last):
    mgdl_theory.errors.OptionError: plot: 'mesh' is of a scheme, not of a trained model; of that there are ...
    """
    if kind not in KINDS:
        raise OptionError(f"plot: expected a kind among {', '.join(KINDS)}, got {kind!r}")
    source = "trained model" if trained else "scheme"
    there = {name: other for name, other in KINDS.items() if source in other.of and dim in other.dims}
    if source not in KINDS[kind].of:
        (only,) = KINDS[kind].of
        raise OptionError(f"plot: {kind!r} is of a {only}, not of a {source}; of that there are {', '.join(there)}")
    if kind not in there:
        for_dim = f"for {dim} there are {', '.join(there)}"
        raise OptionError(f"plot: {kind!r} is for {_numbers(KINDS[kind].dims)}, not {dim}; {for_dim}")
    if "grade" in options and not KINDS[kind].by_grade:
        fit = ", ".join(name for name, other in there.items() if other.by_grade)
        raise OptionError(f"plot: {kind!r} takes no grade, it shows all of them; one grade alone show {fit or 'none'}")


def _numbers(dims: tuple[int, ...]) -> str:
    return " or ".join(map(str, dims)) + (" variable" if dims == (1,) else " variables")


def drawn(source: Source, kind: str, **options: Any) -> Any:
    """The picture on a figure off the screen, in the size that fits it."""
    page = off_screen()
    plot(source, kind, page, **options)
    return page


def save_plot(
    source: Source, kind: str, path: str | os.PathLike[str], *, dpi: float = style.DPI, **options: Any
) -> None:
    """Write a picture as SVG, PDF or PNG, by the ending of the name; the same input gives the same file.

    ``dpi`` is for PNG and for the parts of the others that are stored as images.
    """
    if os.path.splitext(os.fspath(path))[1].lower() not in FORMATS:
        raise OptionError(f"plot: expected a name ending in {', '.join(FORMATS)}, got {os.fspath(path)!r}")
    save_figure(drawn(source, kind, **options), path, dpi)


def svg(source: Source, kind: str, prefix: str = "", **options: Any) -> str:
    """A picture as an ``svg`` element for a page; ``prefix`` keeps the identifiers of several pictures apart."""
    return svg_of(drawn(source, kind, **options), prefix)
