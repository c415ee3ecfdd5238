"""Workers: the same numbers for every number of them, whatever happens to them on the way."""

from __future__ import annotations

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mgdl_theory import Budget, OptionError, TargetError, Verdict, construct, target, verify
from mgdl_theory.certificate.schema import certificate
from mgdl_theory.cli import main
from mgdl_theory.targets import parallel
from mgdl_theory.targets.parallel import Batches, ParallelTarget, open_cluster, open_executor, spread

FORMULA = "sin(6*x)*cos(5*y)+exp(-x*y)"


def bent(x: Any) -> Any:
    """A target that other processes can load."""
    return np.abs(np.sin(7 * x) - 0.3)


def late(number: int, x: Any) -> Any:
    """Fails where x is large, which no sample of a few points sees."""
    if len(x) > 100 and x.max() > 0.99:
        raise ZeroDivisionError(f"fault {number}")
    return x


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of 64 rows, so that small runs have many of them."""
    monkeypatch.setattr(parallel, "BATCH", 64)
    monkeypatch.setattr(parallel, "FEWEST", 65)
    monkeypatch.setattr(parallel, "IN_FLIGHT", 5)


class Here(Executor):
    """An executor that does its work at once; it counts it, and can be told to fail."""

    def __init__(self, fail_after: int = 1 << 60, error: type[BaseException] = RuntimeError) -> None:
        self.count, self.fail_after, self.error = 0, fail_after, error
        self.rows: list[int] = []

    def submit(self, f: Any, /, *args: Any, **more: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.count += 1
        self.rows.append(len(args[-1]))
        try:
            if self.count > self.fail_after:
                raise self.error("the worker has died")
            future.set_result(f(*args, **more))
        except BaseException as error:  # noqa: BLE001 - as executors do
            future.set_exception(error)
        return future


def noted(seen: list[int], level: int, done: int, cells: int) -> None:
    seen.append(cells)


def text_of(f: Any, tol: float, **options: Any) -> str:
    """The certificate of a run, or the texts of those of a vector."""
    scheme = construct(f, tol, **options)
    report = verify(scheme, **options)
    return "\n".join(certificate(part).text for part in getattr(report, "components", (report,)))


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("workers", [1, 2, 5])
def test_certificates_are_identical_for_every_number_of_threads(workers: int) -> None:
    f = target(FORMULA)
    with ThreadPoolExecutor(workers) as pool:
        assert text_of(f, 1e-2, executor=pool) == text_of(f, 1e-2)


def test_certificates_are_identical_for_processes_with_batches_of_the_usual_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parallel, "FEWEST", parallel.BATCH + 1)
    f = target(FORMULA)
    with open_executor(2) as pool:
        assert pool is not None
        assert isinstance(pool, ProcessPoolExecutor)
        executor = Counting(pool)
        ours, theirs = construct(f, 3e-4), construct(f, 3e-4, executor=executor)
        assert executor.count > 0
        for g, h in zip(ours.grades, theirs.grades, strict=True):
            assert g.atoms.nodes.tobytes() == h.atoms.nodes.tobytes()
            assert g.atoms.coefficients.tobytes() == h.atoms.coefficients.tobytes()
        one, many = verify(ours), verify(theirs, executor=executor)
        assert (one.rows, one.results, str(one)) == (many.rows, many.results, str(many))
        assert [b.bounds.tobytes() for b in one.leaves()] == [b.bounds.tobytes() for b in many.leaves()]


class Counting(Executor):
    def __init__(self, inner: Executor) -> None:
        self.inner, self.count = inner, 0

    def submit(self, f: Any, /, *args: Any, **more: Any) -> Future[Any]:
        self.count += 1
        return self.inner.submit(f, *args, **more)


@pytest.mark.usefixtures("small_batches")
def test_vectors_callables_balls_and_samples_are_the_same_from_workers() -> None:
    with ThreadPoolExecutor(3) as pool:
        assert text_of(target(["x*y", FORMULA]), 3e-2, executor=pool) == text_of(target(["x*y", FORMULA]), 3e-2)
        for f in (target(bent, lipschitz=7), target("x**2", tail=1e-5), target(bent)):
            ours, theirs = construct(f, 1e-3), construct(f, 1e-3, executor=pool)
            assert [g.atoms.nodes.tolist() for g in ours.grades] == [g.atoms.nodes.tolist() for g in theirs.grades]
            for g, h in zip(ours.grades, theirs.grades, strict=True):
                assert g.atoms.coefficients.tobytes() == h.atoms.coefficients.tobytes()
            assert str(verify(ours)) == str(verify(theirs, executor=pool))


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("rows", [0, 1, 64, 65, 66, 128, 129, 1000])
def test_batches_come_back_in_order(rows: int) -> None:
    f, here = target("x + y/4"), Here()
    spreading = ParallelTarget(f, here)
    cells = np.stack([np.arange(rows) % 64, np.arange(rows) // 64], axis=1)
    for ours, theirs in (
        (f.values(6, cells), spreading.values(6, cells)),
        (f.defects(6, cells).range, spreading.defects(6, cells).range),
    ):
        assert ours.lo.tobytes() == theirs.lo.tobytes()
        assert ours.hi.tobytes() == theirs.hi.tobytes()
    assert sum(here.rows) == (2 * rows if rows >= 65 else 0)
    assert set(here.rows[:-1]) <= {64, rows % 64}


def test_batches_are_whole_multiples_of_the_portions_of_formulas_and_samples() -> None:
    from mgdl_theory.targets import function as functions
    from mgdl_theory.targets import samples
    from mgdl_theory.targets.formula import target as expression

    assert {parallel.BATCH % module.CHUNK for module in (expression, samples, functions)} == {0}


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("error", [RuntimeError, MemoryError, OSError])
def test_a_run_whose_workers_die_ends_here_with_the_same_result(error: type[BaseException]) -> None:
    f = target(FORMULA)
    with pytest.warns(RuntimeWarning, match="the workers have failed .*the worker has died"):
        got = text_of(f, 1e-2, executor=Here(fail_after=20, error=error))
    assert got == text_of(f, 1e-2)


@pytest.mark.usefixtures("small_batches")
def test_a_killed_process_of_the_pool_costs_time_only() -> None:
    f = target(FORMULA)
    with open_executor(2) as pool:
        assert isinstance(pool, ProcessPoolExecutor)
        pool.submit(os.getpid).result()
        (victim,) = list(pool._processes)[:1]

        def kill(level: int, done: int, cells: int) -> None:
            if (level, done) == (5, 0):
                with suppress(ProcessLookupError):  # it is dead already
                    os.kill(victim, signal.SIGKILL)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            scheme = construct(f, 1e-2, executor=pool, progress=kill)
    assert certificate(verify(scheme)).text == text_of(f, 1e-2)


@pytest.mark.usefixtures("small_batches")
def test_a_fault_of_the_target_is_told_as_without_workers() -> None:
    f = target(partial(late, 7), lipschitz=1, name="late")
    with pytest.raises(TargetError, match="fault 7"):
        construct(f, 1e-3)
    with ThreadPoolExecutor(2) as pool, pytest.raises(TargetError, match="fault 7"):
        construct(f, 1e-3, executor=pool)


@pytest.mark.usefixtures("small_batches")
def test_an_interrupt_leaves_nothing_behind() -> None:
    scheme = construct(target(FORMULA), 1e-2, executor=Here(fail_after=20, error=KeyboardInterrupt))
    assert "interrupted" in scheme.reason


def test_a_target_that_cannot_be_sent_is_refused_in_one_sentence() -> None:
    f = target(lambda x: x, lipschitz=1)
    with pytest.raises(OptionError, match=r"cannot be sent to another process .*top level of a module"):
        construct(f, 1e-2, executor=Here())


@pytest.mark.usefixtures("small_batches")
def test_a_target_that_a_worker_cannot_load_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    f = ParallelTarget(target(bent, lipschitz=7), Here())
    monkeypatch.delattr(sys.modules[__name__], "bent")
    parallel._loaded.cache_clear()
    with pytest.raises(OptionError, match=r"cannot load the target .*bent"):
        f.values(10, np.arange(200)[:, None])


@pytest.mark.usefixtures("small_batches")
def test_workers_with_other_versions_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = itertools.count()
    f = ParallelTarget(target("x"), Here())
    monkeypatch.setattr(parallel, "versions", lambda: {"version": str(next(asked)), "NumPy": "2"})
    with pytest.raises(OptionError, match="install the same versions"):
        f.values(10, np.arange(70)[:, None])


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2", 10**6])
def test_odd_numbers_of_workers_are_refused(workers: Any) -> None:
    with pytest.raises(OptionError, match="workers: expected an integer"):
        construct(target("x"), 0.1, workers=workers)


def test_a_large_table_is_not_sent() -> None:
    table = target(np.random.default_rng(1).random(1 << 18), [0, 1])
    here = Here()
    spread(table, here).values(20, np.arange(1 << 18)[:, None])
    assert here.count == 0


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("workers", [False, True])
def test_batches_keep_every_column_and_tell_what_is_done(workers: bool) -> None:
    f, told = target("x**3"), list[int]()
    cells = np.arange(1000)[:, None]
    batches = Batches(lambda level, done, total: told.append(done), 10, 1000)
    whole, parts = f.defects(10, cells), batches.defects(ParallelTarget(f, Here()) if workers else f, cells)
    assert told == sorted(set(told))
    assert (told[0], told[-1]) == (0, 1000)
    assert len(told) > 5
    for name in ("sag", "bulge", "sag_theta", "bulge_theta"):
        assert getattr(whole, name).tobytes() == getattr(parts, name).tobytes()
    assert whole.range.lo.tobytes() + whole.range.hi.tobytes() == parts.range.lo.tobytes() + parts.range.hi.tobytes()


def test_a_proof_that_would_not_fit_stops_before_it_takes_the_memory() -> None:
    scheme = construct(target(FORMULA), 1e-2)
    assert verify(scheme).verdict is Verdict.PROVED
    for executor in (None, Here()):
        seen: list[int] = []
        note = partial(noted, seen)
        report = verify(scheme, budget=Budget(bytes=1 << 18), progress=note, executor=executor)
        assert report.verdict is Verdict.UNDECIDED
        assert "GiB allowed; raise the memory budget" in report.last_line()
        assert max(seen) < 1024


# -- command line ----------------------------------------------------------------------------------


def test_the_command_line_with_workers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for workers in ("1", "2"):
        out = tmp_path / f"{workers}.json"
        assert main(["verify", "x*y", "--tol", "1e-2", "--workers", workers, "--certificate", str(out), "--quiet"]) == 0
        texts.append(out.read_text())
    assert texts[0] == texts[1]
    assert main(["verify", "x", "--workers", "0"]) == 2
    assert main(["verify", "x", "--workers", "2", "--cluster", "tcp://127.0.0.1:1"]) == 2
    assert "one of the two options" in capsys.readouterr().err


# -- cluster ---------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def cluster(folder: Path, workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Address of a real scheduler on the loopback, and its worker processes."""
    port, running = free_port(), []
    address = f"tcp://127.0.0.1:{port}"
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    log = (folder / "log").open("wb")

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]],
            cwd=folder, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": paths},
        )  # fmt: skip
        running.append(process)
        return process

    try:
        start("dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
        own = [
            start(
                "dask_worker", address, "--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard",
                "--local-directory", str(folder), "--name", f"worker-{k}",
            )
            for k in range(workers)
        ]  # fmt: skip
        yield address, own
    finally:
        for process in reversed(running):
            process.kill()
            process.wait()
        log.close()


@pytest.mark.deep
@pytest.mark.filterwarnings("default")
@pytest.mark.usefixtures("small_batches")
def test_a_cluster_that_loses_a_worker_half_way_gives_the_identical_certificate(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    f = target(FORMULA)
    with cluster(tmp_path, 2) as (address, workers), open_cluster(address) as executor:
        executor._client.wait_for_workers(2, timeout=60)
        counted = Counting(executor)
        at_death: list[int] = []

        def kill() -> None:
            while counted.count < 100:
                time.sleep(0.001)
            workers[0].kill()
            at_death.append(counted.count)

        killer = threading.Thread(target=kill)
        killer.start()
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # no falling back on this process
            got = text_of(f, 3e-3, executor=counted)
        killer.join()
        assert workers[0].wait(10) == -signal.SIGKILL
        assert 100 <= at_death[0] < counted.count - 100
    assert got == text_of(f, 3e-3)


@pytest.mark.filterwarnings("default")
def test_a_cluster_that_is_not_there_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(parallel, "CONNECT", 1)
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(OptionError, match=re.escape(f"no scheduler answers at '{address}'")), open_cluster(address):
        pass
