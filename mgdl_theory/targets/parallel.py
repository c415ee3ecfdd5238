"""Enclosures by several workers: a target whose batches of nodes and cells are handed to an executor.

Values at nodes and defects on cells are the expensive part of a construction and of a proof, and every one of them
is independent of the others.  Batches are whole multiples of the portions that targets work through anyway, and
come back in order, so that the numbers are those of one process, bit for bit, however many workers there are.
"""

from __future__ import annotations

import pickle
import signal
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import fields
from functools import lru_cache
from typing import Any, TypeVar, overload

import numpy as np

from mgdl_theory.archive import versions
from mgdl_theory.errors import AssumptionError, MgdlError, OptionError
from mgdl_theory.rigor.interval import Interval
from mgdl_theory.rigor.rounding import checked_arithmetic
from mgdl_theory.targets.base import Defects, FloatArray, IntArray, ScalarTarget, Target
from mgdl_theory.targets.vector import VectorTarget

BATCH = 1 << 15
"""Experience: rows of a batch, large enough to outweigh its journey; a multiple of every CHUNK of a target."""

FEWEST = 2 * BATCH
"""Experience: fewer rows than this stay in this process."""

IN_FLIGHT = 64
"""Experience: batches on their way at a time, which bounds the memory that they take."""

LOADED = 16
"""Experience: targets that a worker keeps."""

LARGEST = 1 << 20
"""Experience: a target of more bytes is a table, and looking it up here is quicker than sending it along."""

CONNECT = 20
"""Experience: seconds to wait for a scheduler."""

T = TypeVar("T", Interval, Defects)

Progress = Callable[[int, int, int], None]
"""Called with a level, how many of its cells are enclosed, and how many there are; what it raises ends the run."""


class Batches:
    """Enclosures of one level, asked for batch by batch where a callback wants to know how many cells are done.

    >>> from mgdl_theory.targets.formula.target import ExpressionTarget
    >>> batches = Batches(lambda level, done, cells: print(level, done, cells), 1, 2)
    1 0 2
    >>> batches.defects(ExpressionTarget("x"), np.array([[0], [1]])).sag.tolist()
    1 2 2
    [0.0, 0.0]
    """

    def __init__(self, progress: Progress | None, level: int, cells: int) -> None:
        self.progress, self.level, self.cells, self.done = progress, level, cells, 0
        self._tell(0)

    def values(self, f: Target, nodes: IntArray) -> Interval:
        """Enclosure (m,) of f at the nodes int64 (m, d)."""
        found: Interval = self._ask(f, "values", nodes, 0)
        return found

    def defects(self, f: Target, cells: IntArray) -> Defects:
        """Defect bounds of f on the cells int64 (n, d), which are done then."""
        found: Defects = self._ask(f, "defects", cells, 1)
        return found

    def _ask(self, f: Target, question: str, rows: IntArray, weight: int) -> Any:
        if self.progress is None:
            return getattr(f, question)(self.level, rows)
        parts: list[Any] = []
        for part, size in answers(f, question, self.level, rows):
            parts.append(part)
            self._tell(weight * size)
        return _joined(parts)

    def _tell(self, cells: int) -> None:
        self.done += cells
        if self.progress:
            self.progress(self.level, self.done, self.cells)


def answers(f: Target, question: str, level: int, rows: IntArray) -> Iterator[tuple[Any, int]]:
    """What f answers to each batch of rows, in order, and the number of its rows."""
    if isinstance(f, ParallelTarget):
        yield from f.answers(question, level, rows)
        return
    for start in range(0, max(len(rows), 1), 2 * BATCH):
        batch = rows[start : start + 2 * BATCH]
        yield getattr(f, question)(level, batch), len(batch)


class ParallelTarget(ScalarTarget):
    """A target whose enclosures are computed by the workers of an executor; all else is asked of the target itself.

    A batch that no worker could do is done in this process, with a warning: a worker that dies costs time only.
    Few rows, and a target that is itself a large table, stay in this process.

    Parameters
    ----------
    inner : Target
    executor : concurrent.futures.Executor

    Raises
    ------
    OptionError
        If the target cannot be sent to other processes.

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from mgdl_theory.targets.formula.target import ExpressionTarget
    >>> with ThreadPoolExecutor(2) as pool:
    ...     f = ParallelTarget(ExpressionTarget("x/4"), pool)
    ...     f.values(1, np.array([[1], [2]])).lo.tolist()
    [0.125, 0.25]
    """

    def __init__(self, inner: Target, executor: Executor) -> None:
        self.inner, self.executor = inner, executor
        try:
            self._raw = pickle.dumps(inner)
        except Exception as error:  # noqa: BLE001 - pickle passes on whatever the parts of a target raise
            raise OptionError(
                f"workers: {inner.text} cannot be sent to another process ({type(error).__name__}: {error}); "
                "define its function at the top level of a module, or do without workers"
            ) from None
        self._here = len(self._raw) > LARGEST

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, x: Any) -> FloatArray:
        """Approximate values, computed here."""
        return self.inner(x)

    def values(self, level: int, nodes: IntArray) -> Interval:
        """Enclosure (n,): f(node_i) in [lo_i, hi_i]; nodes int64 (n, d) of this level."""
        return self._spread(self.inner.values, level, nodes)

    def defects(self, level: int, cells: IntArray) -> Defects:
        """Defect bounds of f on the cells int64 (n, d) of this level."""
        return self._spread(self.inner.defects, level, cells)

    def _spread(self, ask: Callable[[int, IntArray], T], level: int, rows: IntArray) -> T:
        if len(rows) < FEWEST or self._here:
            return ask(level, rows)
        parts: list[T] = [part for part, _ in self.answers(ask.__name__, level, rows)]
        return _joined(parts)

    def answers(self, question: str, level: int, rows: IntArray) -> Iterator[tuple[Any, int]]:
        """As :func:`answers`."""
        if len(rows) < FEWEST or self._here:
            yield from answers(self.inner, question, level, rows)
            return
        batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
        waiting: deque[Future[Any] | None] = deque()
        try:
            for k, batch in enumerate(batches):
                waiting += [self._submit(question, level, ahead) for ahead in batches[k + len(waiting) : k + IN_FLIGHT]]
                part = self._result(waiting.popleft())
                yield getattr(self.inner, question)(level, batch) if part is None else part, len(batch)
        finally:
            for future in waiting:
                if future is not None:
                    future.cancel()

    def _submit(self, question: str, level: int, rows: IntArray) -> Future[Any] | None:
        if self._here:
            return None
        try:
            return self.executor.submit(_answer, versions(), self._raw, question, level, rows)
        except RuntimeError as error:  # a broken or closed executor takes nothing any more
            self._give_up(error)
            return None

    def _result(self, future: Future[Any] | None) -> Any:
        """What a worker answered, or None where there is no answer."""
        if future is None:
            return None
        try:
            return future.result()
        except (MgdlError, AssumptionError):
            raise
        except Exception as error:  # noqa: BLE001 - asked again here, any fault of the target shows
            self._give_up(error)
            return None

    def _give_up(self, error: BaseException) -> None:
        if not self._here:
            self._here = True
            warnings.warn(
                f"the workers have failed ({type(error).__name__}: {str(error)[:200]}); "
                "the rest is computed in this process",
                RuntimeWarning,
                stacklevel=2,
            )


@checked_arithmetic()
def _answer(wanted: dict[str, str], raw: bytes, question: str, level: int, rows: IntArray) -> Any:
    """Done by a worker; one target per thread, because a target may remember what it was asked."""
    if versions() != wanted:
        raise OptionError(f"workers: a worker has {versions()}, here it is {wanted}; install the same versions")
    return getattr(_loaded(raw, threading.get_ident()), question)(level, rows)


@lru_cache(maxsize=LOADED)
def _loaded(raw: bytes, thread: int) -> Any:
    try:
        return pickle.loads(raw)
    except Exception as error:  # noqa: BLE001 - likewise
        raise OptionError(
            f"workers: another process cannot load the target ({type(error).__name__}: {error}); "
            "define its function at the top level of a module that workers can import"
        ) from None


def _joined(parts: Sequence[T]) -> T:
    """One record of the cells or nodes of several, in order.

    >>> _joined([Interval(np.zeros(1), np.ones(1)), Interval(np.ones(2), np.ones(2))]).lo.tolist()
    [0.0, 1.0, 1.0]
    """
    if len(parts) == 1:
        return parts[0]
    kind: Any = type(parts[0])
    columns = {f.name: [getattr(part, f.name) for part in parts] for f in fields(kind)}
    joint: T = kind(
        **{
            name: _joined(column) if isinstance(column[0], Interval) else np.concatenate(column)
            for name, column in columns.items()
        }
    )
    return joint


@contextmanager
def open_executor(workers: Any = 1, executor: Executor | None = None) -> Iterator[Executor | None]:
    """The executor given, or one of so many processes of its own; None where one process does the work.

    Raises
    ------
    OptionError
        For a number of workers that is not an integer from 1 to 1024.
    """
    if not isinstance(workers, int) or isinstance(workers, bool) or not 1 <= workers <= 1024:
        raise OptionError(f"workers: expected an integer from 1 to 1024, got {workers!r}")
    if executor is not None or workers == 1:
        yield executor
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    pool = ProcessPoolExecutor(workers, get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def open_cluster(address: str) -> Iterator[Executor]:
    """The workers of a dask scheduler as an executor (extra ``cluster``).

    Raises
    ------
    OptionError
        If ``distributed`` is not installed, or no scheduler answers.
    """
    try:
        import distributed
    except ImportError:
        raise OptionError("cluster: the package distributed is needed; install mgdl-theory[cluster]") from None
    connect: Any = distributed.Client
    try:
        client = connect(address, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise OptionError(f"cluster: no scheduler answers at {address!r}: {error}") from None
    with client:
        yield client.get_executor()


@overload
def spread(target: Target, executor: Executor | None) -> Target: ...


@overload
def spread(target: VectorTarget, executor: Executor | None) -> VectorTarget: ...


def spread(target: Target | VectorTarget, executor: Executor | None) -> Target | VectorTarget:
    """The target, or each component, with its enclosures spread over the workers of an executor, if there is one."""
    if executor is None:
        return target
    if isinstance(target, VectorTarget):
        return VectorTarget(tuple(ParallelTarget(f, executor) for f in target.components))
    return ParallelTarget(target, executor)
