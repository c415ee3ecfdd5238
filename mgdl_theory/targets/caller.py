"""Calling a user's function: in whole arrays where it takes them, point by point where it does not.

Whatever it returns is looked at: one finite real number per point, or an error that quotes the point.
"""

from __future__ import annotations

import inspect
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from mgdl_theory.errors import Interrupt, TargetError, interrupt, told
from mgdl_theory.rigor.rounding import check_arithmetic, quiet
from mgdl_theory.targets.base import FloatArray
from mgdl_theory.text import float_text, plain

CHUNK = 1 << 16
"""Experience: points handed over at a time."""

REASON = 300
"""Experience: characters of a reason that are quoted."""

EXACT = 1 << 53
"""Theorem: binary64 holds every integer up to this magnitude."""

Convention = Callable[[Callable[..., Any], FloatArray], Any]


def _columns(f: Callable[..., Any], points: FloatArray) -> Any:
    return f(*(np.array(column) for column in points.T))


def _rows(f: Callable[..., Any], points: FloatArray) -> Any:
    return f(points.copy())


def _numbers_one_by_one(f: Callable[..., Any], points: FloatArray) -> Any:
    return [_scalar(f(*row)) for row in points.tolist()]


def _rows_one_by_one(f: Callable[..., Any], points: FloatArray) -> Any:
    return [_scalar(f(row.copy())) for row in points]


def _scalar(value: Any) -> Any:
    """An entry of a list of results: arrays of one element are numbers too."""
    return value.reshape(-1)[0] if isinstance(value, np.ndarray) and value.size == 1 else value


CONVENTIONS: dict[str, Convention] = {
    "arrays (n,), one per variable": _columns,
    "one array (n, d)": _rows,
    "numbers, one per variable": _numbers_one_by_one,
    "one array (d,)": _rows_one_by_one,
}
"""Definition: ways of calling, in the order in which they are tried; the last two call once for every point."""


@contextmanager
def foreign() -> Iterator[None]:
    """While code of a user runs: what it prints goes to standard error, and it may not replace the streams."""
    out, err = sys.stdout, sys.stderr
    sys.stdout = err
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err


def raised(error: BaseException) -> bool:
    """Whether the code of a user raised this by itself, be it an exit; not so if memory is exhausted, or after Ctrl-C.

    Only where the command line has taken over Ctrl-C can the two kinds of KeyboardInterrupt be told apart.

    >>> raised(SystemExit(0)), raised(KeyboardInterrupt()), raised(MemoryError())
    (True, False, False)
    """
    if isinstance(error, KeyboardInterrupt):
        return not isinstance(error, Interrupt) and signal.getsignal(signal.SIGINT) is interrupt
    return not isinstance(error, MemoryError)


class Caller:
    """A function of d variables as a map from points (n, d) to finite float64 values (n,).

    Parameters
    ----------
    function : callable
        Called with d arrays (n,), with one array (n, d), with d numbers or with one array (d,): the first of these
        that gives one real number for each of the points ``probe`` decides.
    name : str
        For messages.
    probe : float64 (n, d)
        At least two points, n != d.
    exact : bool
        Refuse results that binary64 does not hold.

    Raises
    ------
    TargetError
        If no way of calling works; when a result is no finite real number, with the point.

    >>> import math
    >>> Caller(lambda x: math.floor(4 * x), "f", np.array([[0.0], [0.5]]))(np.array([[0.25], [0.75]])).tolist()
    [1.0, 3.0]
    """

    def __init__(self, function: Callable[..., Any], name: str, probe: FloatArray, *, exact: bool = False) -> None:
        self.function, self.name, self.exact = function, name, exact
        dim = probe.shape[1]
        reasons: dict[str, str] = {}
        wanted = parameters(function)
        for how, convention in CONVENTIONS.items():
            one_argument = convention in (_rows, _rows_one_by_one)
            if wanted is not None and dim > 1 and wanted != (1 if one_argument else dim):
                continue
            try:
                with quiet(), foreign():
                    self._numbers(convention(function, probe), len(probe))
            except BaseException as error:  # the user's code may raise anything; the next way is tried
                if isinstance(error, KeyboardInterrupt) and not raised(error):
                    raise
                reasons.setdefault(_reason(error), how)
                continue
            self.how, self.convention = how, convention
            return
        if not reasons:
            raise TargetError(
                f"{name} takes {wanted} argument(s), but the domain has {dim} side(s); give one per variable"
            )
        place = _place(probe[0])
        tried = "; ".join(f"called with {how}: {reason[:160]}" for reason, how in reasons.items())
        raise TargetError(f"{name} gives no real number at {place} ({tried})")

    def __call__(self, points: FloatArray) -> FloatArray:
        """(n,): the values that the function returns at these points, each finite."""
        out = np.empty(len(points))
        for start in range(0, len(points), CHUNK):
            part = slice(start, start + CHUNK)
            out[part] = self._call(points[part])
        check_arithmetic()  # foreign code may have changed the rounding mode of this thread
        lost = np.flatnonzero(~np.isfinite(out))
        if len(lost):
            raise TargetError(
                f"{self.name} returned {float_text(out[lost[0]])} at {_place(points[lost[0]])}; "
                "a target must be finite and continuous on the whole domain"
            )
        return out

    def _call(self, points: FloatArray) -> FloatArray:
        try:
            with quiet(), foreign():
                return self._numbers(self.convention(self.function, points), len(points))
        except BaseException as error:
            if not raised(error):
                raise
            raise TargetError(self._blame(points, error)) from error

    def _blame(self, points: FloatArray, error: BaseException) -> str:
        """The text of the error, with the first point at which it occurs when called with that point alone."""
        while len(points) > 1:
            half = len(points) // 2
            for part in (points[:half], points[half:]):
                try:
                    with quiet(), foreign():
                        self._numbers(self.convention(self.function, part), len(part))
                except BaseException as found:
                    if not raised(found):
                        raise
                    points, error = part, found
                    break
            else:
                break
        place = _place(points[0]) + ("" if len(points) == 1 else f" and {len(points) - 1} other points together")
        return f"{self.name}, called with {self.how}, fails at {place}: {_reason(error)}"

    def _numbers(self, result: Any, n: int) -> FloatArray:
        """Real numbers (n,) as float64; the error of a conversion is at most 2**-53 of a number, or refused."""
        if isinstance(result, np.ma.MaskedArray):
            raise _Wrong("it returned a masked array")
        values = np.asarray(result)
        if values.shape == (n, 1):
            values = values[:, 0]
        if values.shape != (n,):
            raise _Wrong(f"expected an array of shape ({n},), got {values.shape}")
        if values.dtype == np.float64:
            return values.astype(np.float64)
        if values.dtype.kind == "f" and values.dtype.itemsize < 8:
            raise _Wrong(f"it returned {values.dtype}; compute in float64")
        if values.dtype.kind not in "biufO":
            raise _Wrong(f"it returned {values.dtype}, not real numbers")
        try:
            converted = np.array([float(v) for v in values]) if values.dtype.kind == "O" else values.astype(np.float64)
        except Exception as error:  # noqa: BLE001 - the numbers of somebody else may raise anything
            raise _Wrong(f"it returned something that is no real number: {told(error)}") from None
        if self.exact and not all(a == b for a, b in zip(values.tolist(), converted.tolist(), strict=True)):
            raise _Wrong("it returned numbers that binary64 does not hold; state a value_error")
        return converted


class _Wrong(Exception):
    """What was returned is not one real number per point."""


def _reason(error: BaseException) -> str:
    return plain(str(error) if isinstance(error, _Wrong) else told(error), REASON)


def parameters(function: Callable[..., Any]) -> int | None:
    """Number of positional arguments that a call must give, or may if it must give none; None where that is not known.

    >>> parameters(lambda x, y, scale=1: x * y)
    2
    """
    if isinstance(function, np.ufunc):
        return int(function.nin)
    try:
        found = inspect.signature(function).parameters.values()
    except Exception:  # noqa: BLE001 - a signature of somebody else may raise anything
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in found):
        return None
    allowed = [p for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return sum(p.default is p.empty for p in allowed) or len(allowed)


def _place(point: FloatArray) -> str:
    values = [float_text(v) for v in point.tolist()]
    return f"x = {values[0]}" if len(values) == 1 else f"x = ({', '.join(values)})"
