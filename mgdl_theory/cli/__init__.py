"""Command line: each command reads its options, has the work done below, and writes what came of it."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from mgdl_theory.cli.options import help_texts, parse, runs_code
from mgdl_theory.cli.output import UNDECIDED, refused, say
from mgdl_theory.errors import AssumptionError, MgdlError, interrupt

__all__ = ["help_texts", "main"]

BROKEN_PIPE = 128 + 13
"""Definition: exit code where the reader of the output has gone away, as of a program that this signal ends."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code 0 proved, 1 refuted, 2 wrong input, 3 undecided."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # what its code page lacks is written as an escape, no error
    try:
        options = parse(None if argv is None else list(argv))
    except OSError as error:  # of a help text
        return _unwritten(error)
    try:
        return _code(options)
    finally:
        if argv is None and runs_code(options):  # what that prints at the end is not our last line
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - it closes with the process


def _code(options: argparse.Namespace) -> int:
    """The exit code of a command, whatever happens to it."""
    from mgdl_theory.cli.commands import RUN

    try:
        with _own_interrupts():
            code = RUN[options.command](options)
            if sys.stdout is not None:
                sys.stdout.flush()
        return code
    except (MgdlError, AssumptionError) as error:
        return refused(str(error))
    except KeyboardInterrupt:
        say("UNDECIDED: interrupted by the user before the verification had ended; nothing is certified")
    except MemoryError:
        say("UNDECIDED: the memory of this machine is exhausted; lower --max-memory or raise the tolerance")
    except OSError as error:
        return _unwritten(error)
    except (SystemExit, GeneratorExit) as error:
        return refused(f"code that was given raised {type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001 - a bug must not look like the exit code of a refutation
        say(f"UNDECIDED: an error of this program, please report it: {type(error).__name__}: {error}")
    return UNDECIDED


def _unwritten(error: OSError) -> int:
    """The reader of our output has gone away, or the disk is full: nothing more can be written."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return BROKEN_PIPE if isinstance(error, BrokenPipeError) else refused(f"cannot write: {error}")


@contextmanager
def _own_interrupts() -> Iterator[None]:
    """Ctrl-C is told from a KeyboardInterrupt that the code of a user raises, where this thread may do so."""
    try:
        before = signal.signal(signal.SIGINT, interrupt)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
