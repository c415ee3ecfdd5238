"""What a command prints and writes: lines, progress bars, and one table of the files that can be asked for."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from mgdl_theory.errors import CertificateError, OptionError
from mgdl_theory.text import near_text, plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from mgdl_theory.verification.record import Record

WRONG_INPUT, UNDECIDED = 2, 3
"""Definition: exit codes for wrong input and for no verdict; 0 and 1 belong to proofs and refutations."""


# -- lines -----------------------------------------------------------------------------------------


def say(text: str, indent: str = "") -> None:
    """One line on standard output; nothing in it begins another or moves the cursor."""
    print(indent + plain(text))


def note(text: str) -> None:
    """One line on standard error."""
    if sys.stderr is not None:
        print(plain(text), file=sys.stderr)


def refused(reason: str) -> int:
    """The exit code of wrong input, after a line that says why."""
    note(f"error: {reason}")
    return WRONG_INPUT


def is_terminal(stream: Any) -> bool:
    """Whether somebody looks at it as it is written."""
    return stream is not None and stream.isatty()


def console() -> Console:
    """Standard output; where it is no terminal, 132 columns wide."""
    from rich.console import Console

    class _Honest(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return _Honest(width=None if is_terminal(sys.stdout) else 132, highlight=False)


def show(record: Record) -> None:
    """The record in the form of a terminal, but for its last line."""
    if sys.stdout is not None:
        from mgdl_theory.reports.console import show

        show(record, console())


def finish(options: argparse.Namespace, record: Record, what: str | None = None) -> int:
    """The last line and the exit code of the verdict, after a line on the picture that is one view of it."""
    if what is not None and not options.quiet:
        say(f"{options.out}: {what}, {os.path.getsize(options.out)} bytes")
    say(record.last_line())
    return record.exit_code


# -- files -----------------------------------------------------------------------------------------


def check_folder(option: str, name: str) -> None:
    """Refuse a file that could not be written after the work."""
    folder = os.path.dirname(os.path.realpath(name))
    if not name or not os.path.isdir(folder):
        raise OptionError(f"{option}: the folder of {name!r} does not exist")
    if not os.access(folder, os.W_OK):
        raise OptionError(f"{option}: the folder of {name!r} cannot be written to")
    if os.path.isdir(name):
        raise OptionError(f"{option}: {name!r} is a folder")


def check_ending(option: str, name: str, endings: Sequence[str]) -> None:
    """Refuse a name of another ending, and as :func:`check_folder`."""
    if os.path.splitext(name)[1].lower() not in endings:
        raise OptionError(f"{option}: expected a name ending in {', '.join(endings)}, got {name!r}")
    check_folder(option, name)


@contextmanager
def writing(name: str, record: Record | None = None) -> Iterator[None]:
    """What the file system or the format refuses is wrong input too; the verdict is not lost."""
    try:
        yield
    except (OSError, CertificateError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        reason = f"{name!r} cannot be written: {why}"
        raise OptionError(reason + (f"; the verdict was {record.last_line()}" if record else "")) from None


class Output(NamedTuple):
    """A file that a command may be asked for: ``check`` refuses a name before the work, ``write`` writes after it."""

    check: Callable[[str, str], None]
    write: Callable[[Any, str, argparse.Namespace], None]


def _json_name(option: str, name: str) -> None:
    check_folder(option, name)
    if not name.endswith((".json", ".json.gz")):
        raise OptionError(f"{option}: expected a name ending in .json or .json.gz, got {name!r}")


def _report_name(option: str, name: str) -> None:
    from mgdl_theory.reports import FORMATS

    check_ending(option, name, tuple(FORMATS))


def _picture_name(option: str, name: str) -> None:
    from mgdl_theory.pictures import FORMATS

    check_ending(option, name, FORMATS)


def _write_json(record: Record, name: str, options: argparse.Namespace) -> None:
    from mgdl_theory.archive import write_atomic

    write_atomic(name, json.dumps(_plain(record.as_dict()), indent=1, allow_nan=False) + "\n")


def _plain(value: Any) -> Any:
    """JSON has no inf and nan: they become text."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _write_certificates(record: Any, name: str, options: argparse.Namespace) -> None:
    """One file, or one for each component of a vector, whose number goes before the ending."""
    ending, parts = ".json.gz" if name.endswith(".json.gz") else ".json", record.components
    for j, part in enumerate(parts, 1):
        part.certificate().save(name if part is record else f"{name.removesuffix(ending)}.{j}{ending}")


def _write_refutation(record: Any, name: str, options: argparse.Namespace) -> None:
    from mgdl_theory.certificate.refutation import CLAIMS, refutation

    if any(result.claim in CLAIMS and result.witness for result in record.results):
        refutation(record).save(name)


def _write_report(record: Record, name: str, options: argparse.Namespace) -> None:
    record.save(name)


def _write_picture(record: Any, name: str, options: argparse.Namespace) -> None:
    from mgdl_theory.pictures import save_plot

    more = {} if getattr(options, "grade", None) is None else {"grade": options.grade}
    save_plot(record, options.kind or "norms", name, **more)


OUTPUTS = {
    "json": Output(check_folder, _write_json),
    "refutation": Output(_json_name, _write_refutation),
    "certificate": Output(_json_name, _write_certificates),
    "plot": Output(_picture_name, _write_picture),
    "report": Output(_report_name, _write_report),
}
"""Definition: the options that name a file, in the order in which they are written."""


def check_outputs(options: argparse.Namespace, **outs: str) -> None:
    """Refuse, before the work begins, every name that could not be written; ``out="plot"``: --out is such a file."""
    for option, kind in ({name: name for name in OUTPUTS} | outs).items():
        if getattr(options, option, None) is not None:
            OUTPUTS[kind].check(f"--{option}", getattr(options, option))


def written(options: argparse.Namespace, record: Record, **outs: str) -> None:
    """Write every file that was asked for."""
    for option, kind in ({name: name for name in OUTPUTS} | outs).items():
        if name := getattr(options, option, None):
            with writing(name, record):
                OUTPUTS[kind].write(record, name, options)


# -- progress --------------------------------------------------------------------------------------


class Bars:
    """One progress bar at a time on standard error, where that is a terminal; every callback is None elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self.progress: Progress | None = None
        self.task: TaskID | None = None
        if not quiet and is_terminal(sys.stderr):
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            self.progress = Progress(
                TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                console=Console(stderr=True), transient=True,
            )  # fmt: skip

    def __enter__(self) -> Bars:
        if self.progress:
            self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.progress:
            self.progress.stop()

    def _move(self, text: str, done: int, total: int | None) -> None:
        """Set the bar, a new one where another total is counted."""
        assert self.progress is not None
        if self.task is None or self.progress.tasks[-1].total != total or not done:
            if self.task is not None:
                self.progress.remove_task(self.task)
            self.task = self.progress.add_task(text, total=total)
        self.progress.update(self.task, completed=done, description=text)

    def levels(self, stage: str) -> Callable[[int, int, int], None] | None:
        """For the levels of a construction or a verification: (level, cells enclosed, cells)."""
        if not self.progress:
            return None
        return lambda level, done, cells: self._move(f"{stage} level {level}", done, cells)

    def epochs(self, total: int) -> Callable[[int, int, float], None] | None:
        """For a training: (grade, epoch, mean square)."""
        if not self.progress:
            return None
        self._move("training", 0, total)
        return lambda grade, epoch, mean: self._move(f"grade {grade}, mean square {near_text(mean)}", epoch, total)

    def counter(self, text: str) -> Callable[[int], None] | None:
        """For what counts without an end."""
        if not self.progress:
            return None
        self._move(text, 0, None)
        return lambda number: self._move(text, number, None)
