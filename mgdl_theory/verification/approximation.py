"""One question to every kind of approximation: what is certified of it over the whole domain."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from typing import Any, TypedDict, Unpack, overload

from mgdl_theory.construction import Budget
from mgdl_theory.errors import OptionError, shown
from mgdl_theory.relu.trained import Data, Fit, TrainedModel
from mgdl_theory.scheme import Scheme
from mgdl_theory.targets.base import Target
from mgdl_theory.targets.parallel import Progress
from mgdl_theory.targets.vector import VectorTarget
from mgdl_theory.vector import VectorScheme
from mgdl_theory.verification.record import Report
from mgdl_theory.verification.scheme import verify_scheme
from mgdl_theory.verification.trained import ModelReport, verify_fit
from mgdl_theory.verification.vector import VectorReport, verify_components


class VerifyOptions(TypedDict, total=False):
    """Options of ``verify`` for a scheme or a vector scheme."""

    target: Target | VectorTarget | None
    norms: Sequence[int]
    budget: Budget | None
    progress: Progress | None
    workers: int
    executor: Executor | None


class FitOptions(TypedDict, total=False):
    """Options of ``verify`` for a trained model on its target."""

    data: Data | None
    cells: int
    progress: Progress | None


VERIFIERS: dict[type, Callable[..., Any]] = {Scheme: verify_scheme, VectorScheme: verify_components, Fit: verify_fit}
"""Definition: who answers for which kind of approximation."""


def _model_before_target(verify: Callable[..., Any]) -> Callable[..., Any]:
    """Takes ``verify(model, target, tol)`` too, the order of version 0.1; it goes with version 0.3."""

    @functools.wraps(verify)
    def call(approximation: Any, *args: Any, **options: Any) -> Any:
        if isinstance(approximation, TrainedModel):
            given = [options.pop("target"), *args] if "target" in options else [*args]
            if not given or isinstance(given[0], int | float):
                tol = f", {shown(given[0])}" if given else ""
                raise OptionError(f"a model needs its target: verify(model.on(f){tol})")
            approximation, args = approximation.on(given[0]), tuple(given[1:])
            warnings.warn("verify(model, f, tol) is now verify(model.on(f), tol)", DeprecationWarning, stacklevel=2)
        return verify(approximation, *args, **options)

    return call


@overload
def verify(approximation: Scheme, tol: Any = None, **options: Unpack[VerifyOptions]) -> Report: ...
@overload
def verify(approximation: VectorScheme, tol: Any = None, **options: Unpack[VerifyOptions]) -> VectorReport: ...
@overload
def verify(approximation: Fit, tol: Any = None, **options: Unpack[FitOptions]) -> ModelReport: ...
@_model_before_target
def verify(approximation: Any, tol: Any = None, **options: Any) -> Any:
    """Decide over the whole domain what the theorem claims of an approximation of its target.

    Parameters
    ----------
    approximation : Scheme, VectorScheme or Fit
        Of a scheme only lift and atoms enter the proofs, and its target; of a vector scheme every component is
        verified by itself.  A trained model is given as ``model.on(target)``, and only its weights enter.
    tol : float, Fraction or str
        Sup-norm to prove for the last residual; by default that of a scheme, of a trained model none.  Of a vector
        scheme a list has one for each component.
    target : Target or VectorTarget
        Of a scheme: the function to verify against, in place of its own.  Another engine makes a second opinion.
    norms : sequence of int
        Of a scheme: exponents p >= 1 whose L^p norms of every residual are to be enclosed too.
    budget : Budget
        Of a scheme: its limit on the memory of one level; a proof that would need more stops before, and says so.
    workers : int
        Of a scheme: processes that enclose f; the report is the same for every number of them.
    executor : concurrent.futures.Executor
        Of a scheme: encloses f instead of processes of its own.
    data : Data
        Of a trained model: where the decay of the sum of squares is decided exactly; by default the nodes of the
        first mesh.
    cells : int
        Of a trained model: the budget of cells.
    progress : callable
        Called with (level, cells enclosed, cells of the level) before the first and after every batch of enclosures;
        what it raises ends the verification.

    Returns
    -------
    Report, VectorReport for a vector scheme, ModelReport for a trained model
        Claims about a scheme are those of ``CLAIMS``; about a trained model ``nonincreasing`` (no grade increases |e|
        at any point), ``l2-decrease`` (the sum of squares on the data falls strictly at every grade that is not 0 on
        it, in exact rational arithmetic) and, with ``tol``, ``sup-norm``.  Without ``tol`` that is UNDECIDED if no
        grade does anything, though f is not 0.

    >>> import mgdl_theory as mg
    >>> f = mg.target("2*x")
    >>> print(mg.verify(mg.construct(f, 0.5), 0.75).verdict)
    PROVED
    >>> from mgdl_theory.training import TrainedModel
    >>> mg.verify(TrainedModel(f.box).on(f), 3).last_line()
    'PROVED: 2*x on [0, 1]: 0 trained grades, no point gets worse, sup-norm of the residual <= 2 <= tol = 3'
    """
    for kind, verifier in VERIFIERS.items():
        if isinstance(approximation, kind):
            return verifier(approximation, tol, **options)
    raise OptionError(
        f"verify: expected a scheme, as construct returns it, or a trained model on its target, "
        f"model.on(f), got {type(approximation).__name__}"
    )
