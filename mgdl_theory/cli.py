"""Command line: verify, export, draw, plot, animate; reads records and prints them, computes nothing itself."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from mgdl_theory.errors import AssumptionError, CertificateError, MgdlError, OptionError, interrupt
from mgdl_theory.text import plain, point_text, tol_text, up_text

if TYPE_CHECKING:
    from rich.console import Console

    from mgdl_theory.relu.network import Network
    from mgdl_theory.targets.base import Target
    from mgdl_theory.verification.record import Report

__all__ = ["help_texts", "main"]

WRONG_INPUT, UNDECIDED = 2, 3
"""Definition: exit codes for wrong input and for no verdict; 0 and 1 belong to proofs and refutations."""

BROKEN_PIPE = 128 + 13
"""Definition: exit code where the reader of the output has gone away, as of a program that this signal ends."""

CODES = "Exit codes: 0 proved, 1 refuted, 2 wrong input, 3 undecided."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code 0 proved, 1 refuted, 2 wrong input, 3 undecided."""
    _speak_any_code_page()
    options = None
    try:
        options = _parsed(argv)
        with _own_interrupts():
            code = int(options.run(options))
            if sys.stdout is not None:
                sys.stdout.flush()
        return code
    except (MgdlError, AssumptionError) as error:
        return _refused(str(error))
    except KeyboardInterrupt:
        _say("UNDECIDED: interrupted by the user before the verification had ended; nothing is certified")
        return UNDECIDED
    except MemoryError:
        _say("UNDECIDED: the memory of this machine is exhausted; lower --max-memory or raise the tolerance")
        return UNDECIDED
    except OSError as error:  # the reader of our output has gone away, or the disk is full
        _mute()
        return BROKEN_PIPE if isinstance(error, BrokenPipeError) else _refused(f"cannot write: {error}")
    except (SystemExit, GeneratorExit) as error:
        if options is None:  # help, or options that do not parse
            raise
        return _refused(f"code that was given raised {type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001 - a bug must not look like the exit code of a refutation
        _say(f"UNDECIDED: an error of this program, please report it: {type(error).__name__}: {error}")
        return UNDECIDED
    finally:
        if argv is None and getattr(options, "ran_code", False):  # what that prints at the end is not our last line
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - it closes with the process


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    try:
        return _parser().parse_args(argv)
    except SystemExit:
        if sys.stdout is not None:
            sys.stdout.flush()  # a help text, whose reader may have gone away
        raise


def _speak_any_code_page() -> None:
    """What the code page of a stream lacks is written as an escape, instead of an error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


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


def _say(text: str, indent: str = "") -> None:
    """One line on standard output; nothing in it begins another or moves the cursor."""
    print(indent + plain(text))


def _note(text: str) -> None:
    """One line on standard error."""
    if sys.stderr is not None:
        print(plain(text), file=sys.stderr)


def _refused(reason: str) -> int:
    _note(f"error: {reason}")
    return WRONG_INPUT


def _mute() -> None:
    """Nothing more can be written to standard output."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _is_terminal(stream: Any) -> bool:
    return stream is not None and stream.isatty()


def _console() -> Console:
    from rich.console import Console

    class _Honest(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return _Honest(width=None if _is_terminal(sys.stdout) else 132, highlight=False)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and takes formulas and numbers that begin with a minus sign."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._negative_number_matcher = re.compile(r"^-(?!h$|-)")

    def error(self, message: str) -> NoReturn:
        _note(f"error: {message} (try {self.prog} --help)")
        raise SystemExit(WRONG_INPUT)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="mgdl-theory",
        description="Builds fixed-width multigrade ReLU schemes and proves what the theorem says of every grade.",
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _verify_options(commands)
    _check_options(commands)
    _export_options(commands)
    _draw_options(commands)
    _plot_options(commands)
    _animate_options(commands)
    _report_options(commands)
    _train_options(commands)
    _gallery_options(commands)
    return parser


def help_texts(columns: int = 100) -> list[tuple[str, str]]:
    """(command, help text) of the program and of each of its commands, at a fixed width, for the documentation."""
    parser = _parser()
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    found = [(parser.prog, parser), *((f"{parser.prog} {name}", sub) for name, sub in commands.choices.items())]
    for _, each in found:
        each.formatter_class = partial(argparse.HelpFormatter, width=columns)
    return [(name, each.format_help()) for name, each in found]


def _verify_options(commands: Any) -> None:
    verify = commands.add_parser(
        "verify",
        help="build a scheme for a formula and prove every claim about it",
        description="Builds a multigrade ReLU scheme for a formula and decides every claim about it.",
        epilog=CODES,
    )
    verify.add_argument(
        "expr", metavar="EXPR",
        help="formula in x, y, z, w or x1..xd, e.g. 'sin(10*x)*exp(-x)', or @NAME of the gallery; "
        "several, separated by ';', are the components of a vector; samples in a .npy, .npz, .csv or image file; "
        "or FILE.py:NAME, a Python function, whose file is run",
    )  # fmt: skip
    _scheme_options(verify)
    _claim_options(verify)
    verify.add_argument("--json", default=None, metavar="FILE", help="write every number to FILE")
    verify.add_argument(
        "--certificate", default=None, metavar="FILE",
        help="write the evidence to FILE (.json or .json.gz), for mgdl-theory check; "
        "for a vector to one file per component: NAME.1.json, NAME.2.json, ...",
    )  # fmt: skip
    verify.add_argument("--quiet", action="store_true", help="print the last line only")
    verify.set_defaults(run=_verify)


def _check_options(commands: Any) -> None:
    check = commands.add_parser(
        "check",
        help="check a certificate by the independent checker",
        description="Checks a certificate by code that shares nothing with the rest of the package.",
        epilog="Exit codes: 0 verified, 1 refused (or a refutation is confirmed), 2 not run, 3 incomplete.",
    )
    check.add_argument("file", metavar="FILE", help="certificate, .json or .json.gz")
    check.add_argument(
        "--engine", default="auto", choices=("auto", "arb", "mpmath"),
        help="elementary functions: python-flint (arb) or mpmath (default arb where installed)",
    )  # fmt: skip
    check.add_argument("--workers", default="1", metavar="N", help="processes (default 1)")
    check.set_defaults(run=_check)


def _export_options(commands: Any) -> None:
    export = commands.add_parser(
        "export",
        help="write the verified network of a formula as ONNX, npz or torch file, or the ranges of its cells",
        description=(
            "Builds and verifies a scheme and its network, and writes the network (.onnx, .npz, .pt) or the exact "
            "ranges of its output on cells, rounded outward (.csv, .vnnlib). A refuted network is not written."
        ),
        epilog=CODES,
    )
    export.add_argument("expr", metavar="EXPR", help="formula, as for verify, or certificate")
    export.add_argument(
        "--to", action="append", required=True, metavar="FILE",
        help="file to write; its ending says what: .onnx .npz .pt .csv .vnnlib; may be given several times",
    )  # fmt: skip
    _scheme_options(export)
    _network_options(export)
    export.add_argument(
        "--layout", default="auto", choices=("auto", "unrolled", "scan"),
        help="ONNX: node by node, or one Scan node over stacked weights (default auto: by the number of layers)",
    )  # fmt: skip
    export.add_argument(
        "--dtype", default="float64", choices=("float64", "float32"),
        help="precision of .onnx and .pt (default float64); the error of float32 is measured and printed",
    )  # fmt: skip
    export.add_argument("--partial-sums", action="store_true", help="ONNX: a second output, one column per grade")
    export.add_argument(
        "--cells", type=int, default=None, metavar="L",
        help=".csv and .vnnlib: cells of level L (default the cells on which the scheme is piecewise linear)",
    )  # fmt: skip
    export.add_argument("--quiet", action="store_true", help="print the last line only")
    export.set_defaults(run=_export, grid=0, norms=())


def _draw_options(commands: Any) -> None:
    draw = commands.add_parser(
        "draw",
        help="draw the stair shape of the network of a formula",
        description="Builds the network of a formula and draws its stair shape, folded where it is large.",
    )
    draw.add_argument("expr", metavar="EXPR", help="formula, as for verify, or certificate")
    draw.add_argument("--out", required=True, metavar="FILE", help="file to write: .svg, .pdf, .png or .tex (TikZ)")
    _scheme_options(draw)
    _network_options(draw)
    draw.set_defaults(run=_draw)


def _gallery_options(commands: Any) -> None:
    gallery = commands.add_parser(
        "gallery",
        help="list the named targets, for use as '@name'",
        description="Lists the named targets; 'mgdl-theory verify @NAME' runs one at its own tolerance.",
    )
    gallery.add_argument("name", metavar="NAME", nargs="?", default=None, help="tell all about one target")
    gallery.set_defaults(run=_gallery)


def _plot_options(commands: Any) -> None:
    plot = commands.add_parser(
        "plot",
        help="draw a picture of a scheme and of what is proved of it",
        description=(
            "Builds and verifies a scheme, or verifies that of a certificate, and draws one picture of it. "
            "Kinds: approximants, residuals, norms, atoms, mesh, activity, network; heat and surface for two "
            "variables, slices for three."
        ),
        epilog=CODES,
    )
    plot.add_argument("expr", metavar="EXPR", help="formula, as for verify, or certificate")
    plot.add_argument("--kind", required=True, metavar="KIND", help="what to draw, see above")
    plot.add_argument("--out", required=True, metavar="FILE", help="file to write: .svg, .pdf or .png")
    plot.add_argument("--grade", type=int, default=None, metavar="K", help="grade to show (default all, or the last)")
    plot.add_argument("--norms", type=int, nargs="+", default=(), metavar="P", help="kind norms: L^p norms too")
    _scheme_options(plot)
    plot.add_argument("--quiet", action="store_true", help="print the last line only")
    plot.set_defaults(run=_plot, grid=0)


def _animate_options(commands: Any) -> None:
    animate = commands.add_parser(
        "animate",
        help="show the grades of a scheme one after another, as GIF, MP4 or HTML",
        description=(
            "Builds and verifies a scheme, or verifies that of a certificate, and shows its grades one after another: "
            "|e| before in light, after in dark. An HTML file plays offline; MP4 needs ffmpeg."
        ),
        epilog=CODES,
    )
    animate.add_argument("expr", metavar="EXPR", help="formula, as for verify, or certificate")
    animate.add_argument("--out", required=True, metavar="FILE", help="file to write: .gif, .mp4 or .html")
    animate.add_argument("--unit", action="store_true", help="atom by atom instead of grade by grade")
    animate.add_argument("--frames", type=int, default=60, metavar="N", help="frames at most (default 60)")
    _scheme_options(animate)
    animate.add_argument("--quiet", action="store_true", help="print the last line only")
    animate.set_defaults(run=_animate, grid=0, norms=())


def _report_options(commands: Any) -> None:
    report = commands.add_parser(
        "report",
        help="write verdicts, grades, pictures and network as one page, as Markdown or as LaTeX",
        description=(
            "Builds and verifies a scheme and its network, or verifies that of a certificate, and reports on it: "
            "an HTML page with a slider over the grades (one file, no outside request), Markdown, or LaTeX."
        ),
        epilog=CODES,
    )
    report.add_argument("expr", metavar="EXPR", help="formula, as for verify, or certificate")
    report.add_argument("--out", required=True, metavar="FILE", help="file to write: .html, .md or .tex")
    _scheme_options(report)
    _claim_options(report)
    report.add_argument("--quiet", action="store_true", help="print the last line only")
    report.set_defaults(run=_report)


def _train_options(commands: Any) -> None:
    train = commands.add_parser(
        "train",
        help="train a multigrade network and hold it to the claims of the theorem",
        description=(
            "Trains a ReLU network grade by grade on samples of a target and decides over the whole domain whether its "
            "residual ever grew; with --balanced yes every grade is clipped so that it provably does not."
        ),
        epilog=CODES,
    )
    train.add_argument("expr", metavar="EXPR", help="formula, @NAME or file of data, as for verify")
    train.add_argument("--grades", type=int, default=4, metavar="K", help="number of grades (default 4)")
    train.add_argument("--width", type=int, default=64, metavar="N", help="neurons per layer (default 64)")
    train.add_argument(
        "--solver", default="adam", choices=("adam", "convex"),
        help="Adam, or the convex problem of one hidden layer to its optimum (default adam)",
    )  # fmt: skip
    train.add_argument("--balanced", default="no", choices=("yes", "no"), help="make every grade balanced (default no)")
    train.add_argument("--epochs", type=int, default=300, metavar="N", help="epochs or steps per grade (default 300)")
    train.add_argument("--points", type=int, default=512, metavar="N", help="samples to train on (default 512)")
    train.add_argument("--seed", type=int, default=0, metavar="S", help="seed of the random numbers (default 0)")
    train.add_argument(
        "--state", default=None, metavar="FILE",
        help="keep the network in FILE (.npz) after every grade, and go on from it; needs --balanced no",
    )  # fmt: skip
    train.set_defaults(**CONSTRUCTION)
    train.add_argument(
        "--domain", nargs="+", metavar="END",
        help="lower and upper end per variable, or one pair for all; exact: 0.1, 1/3 (default 0 1)",
    )  # fmt: skip
    train.add_argument("--tol", help="also claim this sup-norm of the last residual (default: claim none)")
    train.add_argument("--json", default=None, metavar="FILE", help="write every number to FILE")
    train.add_argument("--report", default=None, metavar="FILE", help="write a report: .html, .md or .tex")
    train.add_argument("--plot", default=None, metavar="FILE", help="draw a picture: .svg, .pdf or .png")
    train.add_argument(
        "--kind", default=None, metavar="KIND",
        help="what --plot draws: approximants, residuals, norms (default), training; heat and surface for two "
        "variables, slices for three; with --balanced yes also the others of mgdl-theory plot",
    )  # fmt: skip
    train.add_argument(
        "--certificate", default=None, metavar="FILE",
        help="write the evidence to FILE (.json or .json.gz), for mgdl-theory check; needs --balanced yes",
    )  # fmt: skip
    train.add_argument(
        "--refutation", default=None, metavar="FILE",
        help="where a claim is refuted, write the network and the point for check; needs --balanced no",
    )  # fmt: skip
    train.add_argument("--quiet", action="store_true", help="print the last line only")
    train.set_defaults(run=_train)


CONSTRUCTION = {
    "domain": None, "tol": None, "lift": "auto", "max_atoms": None, "max_level": None, "max_memory": None,
    "engine": "numpy", "checkpoint": None, "resume": False, "channel": None,
    "lipschitz": None, "holder": None, "modulus": None, "concave": False, "value_error": None, "mp": None,
}  # fmt: skip
"""Definition: the options of the construction and their defaults."""

GRADE_COLUMNS = (
    "grade", "level", "atoms", "sup|e| >=", "sup|e| <=", "ratio", "balanced", "|e| falls", "theorem A", "theorem B",
    "width", "depth", "all atoms", "network",
)  # fmt: skip
"""Definition: headings of the grade table; what is certified stands first."""

VERDICT_COLUMNS = ("balanced", "|e| falls")
"""Definition: the headings below which verdicts stand."""

GAP = 2
"""Definition: blanks between two columns."""

WIDE = 100
"""Experience: columns from which on a terminal has room for what each claim says, beside what it rests on."""


def _scheme_options(parser: argparse.ArgumentParser) -> None:
    """What the construction may be told."""
    parser.set_defaults(**CONSTRUCTION)
    parser.add_argument(
        "--domain", nargs="+", metavar="END",
        help="lower and upper end per variable, or one pair for all; exact: 0.1, 1/3 (default 0 1)",
    )  # fmt: skip
    parser.add_argument(
        "--tol",
        help="sup-norm to prove for the last residual (default 1e-4, that of @NAME, 1e-2 for a Python function, "
        "a tenth of their range for samples)",
    )
    parser.add_argument("--lift", help="auto, none or a number: constant of grade 0 (default auto)")
    parser.add_argument("--max-atoms", type=int, metavar="N", help="budget of atoms")
    parser.add_argument("--max-level", type=int, metavar="L", help="finest level allowed")
    parser.add_argument("--max-memory", type=float, metavar="GIB", help="memory for one level, in GiB")
    parser.add_argument("--engine", help="interval arithmetic: numpy (default) or crival")
    parser.add_argument(
        "--checkpoint", metavar="FILE", help="keep the state of the construction in FILE after every level"
    )
    parser.add_argument("--resume", action="store_true", help="continue from --checkpoint FILE, if there is one yet")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that enclose f (default 1)")
    parser.add_argument(
        "--cluster", default=None, metavar="ADDRESS",
        help="dask scheduler whose workers enclose f, e.g. tcp://127.0.0.1:8786",
    )  # fmt: skip
    parser.add_argument("--channel", help="of a colour image: luminance (default), red, green or blue")
    parser.add_argument(
        "--lipschitz", nargs="+", metavar="L", help="Python function: |f(x)-f(y)| <= L |x-y|, or one L per variable"
    )
    parser.add_argument(
        "--holder", nargs=2, metavar=("C", "ALPHA"), help="Python function: |f(x)-f(y)| <= C |x-y|^ALPHA"
    )
    parser.add_argument("--modulus", metavar="NAME", help="Python function: modulus of continuity, defined in its file")
    parser.add_argument("--concave", action="store_true", help="says that the modulus is concave")
    parser.add_argument(
        "--value-error", nargs="+", metavar="E",
        help="Python function: relative error of its argument and value, or relative and absolute error of its value "
        "(default 2^-50)",
    )  # fmt: skip
    parser.add_argument("--mp", metavar="NAME", help="Python function: the same for mpmath, defined in its file")


def _claim_options(parser: argparse.ArgumentParser) -> None:
    """Claims that are decided only where someone asks."""
    parser.add_argument("--grid", type=int, default=0, metavar="N", help="also check N grid points with mpmath")
    parser.add_argument("--digits", type=int, default=50, metavar="D", help="digits of the grid check (default 50)")
    parser.add_argument(
        "--norms", type=int, nargs="+", default=(), metavar="P",
        help="also enclose the L^p norm of every residual, for these integers p",
    )  # fmt: skip


def _network_options(parser: argparse.ArgumentParser) -> None:
    """How a scheme becomes a network."""
    parser.add_argument(
        "--granularity", default="block", choices=("block", "unit"),
        help="grades of the network: a whole level each, or one atom each (default block)",
    )  # fmt: skip
    parser.add_argument(
        "--gadget", default="wide", choices=("wide", "narrow"),
        help="block of one atom: width d+2, d+1 layers, or width d+1, d(d+1) layers (default wide)",
    )  # fmt: skip


def _verify(options: argparse.Namespace) -> int:
    if options.json is not None:
        _check_folder("--json", options.json)
    if options.certificate:
        _check_certificate_name(options.certificate)
    f = _target(options)
    if options.certificate:
        _check_certifiable(f)
    report = _build_and_verify(f, options)
    if options.json:
        from mgdl_theory.files import write_atomic

        with _writing(options.json, report):
            write_atomic(options.json, json.dumps(_plain(report.as_dict()), indent=1, allow_nan=False) + "\n")
    if options.certificate:
        from mgdl_theory.certificate.schema import certificate

        for name, part in _one_by_one(options.certificate, report):
            with _writing(name, report):
                certificate(part).save(name)
    if not options.quiet:
        _print(report)
    _say(report.last_line())
    return int(report.exit_code)


def _check(options: argparse.Namespace) -> int:
    from mgdl_theory.certificate.check import main as check

    try:
        return check(["--engine", options.engine, "--workers", options.workers, "--", options.file])
    except SystemExit as stop:  # options that do not parse
        return int(stop.code or 0)


def _is_vector(record: Any) -> bool:
    """Whether a target, scheme or report consists of others; a scalar one is its own only component."""
    return record.components[0] is not record


def _one_by_one(name: str, report: Any) -> list[tuple[str, Report]]:
    """The file and the report of each component, whose number goes before the ending; just these where it is scalar."""
    ending = ".json.gz" if name.endswith(".json.gz") else ".json"
    if not _is_vector(report):
        return [(name, report)]
    return [(f"{name.removesuffix(ending)}.{j}{ending}", part) for j, part in enumerate(report.components, 1)]


def _check_certificate_name(name: str, option: str = "--certificate") -> None:
    _check_folder(option, name)
    if not name.endswith((".json", ".json.gz")):
        raise OptionError(f"{option}: expected a name ending in .json or .json.gz, got {name!r}")


def _check_certifiable(f: Any) -> None:
    for part in f.components:
        if part.describe().get("kind") != "expression":
            raise OptionError(f"--certificate: the format holds formulas only so far, not {part.text[:60]}")


def _export(options: argparse.Namespace) -> int:
    """The scheme and its network are verified first; the last line agrees with the exit code."""
    from mgdl_theory.relu.ranges import check_level
    from mgdl_theory.verification.network import verify_network
    from mgdl_theory.verification.verdict import Verdict

    for name in options.to:
        _check_export(name)
    f = _source(options)
    check_level(options.cells, f.dim)
    tables = [name for name in options.to if name.lower().endswith((".csv", ".vnnlib"))]
    if tables and _is_vector(f):
        raise OptionError(f"--to: {tables[0]!r} holds the ranges of one function; export one component at a time")
    report = _build_and_verify(f, options)
    network = report.scheme.network(options.granularity, options.gadget)
    report = report.with_results(verify_network(network, report.scheme))
    if not options.quiet:
        _print(report)
        _say(f"network: {network.summary()}")
    measured = [] if report.verdict is Verdict.REFUTED else _measured(network, report, options)
    for name in options.to:
        if report.verdict is Verdict.REFUTED:
            _note(f"{name}: not written, because the verdict is REFUTED")
            continue
        with _writing(name, report):
            lines = _write(name, network, report, options, measured)
        if not options.quiet:
            for k, line in enumerate(lines):
                _say(line, "  " if k else "")
    _say(report.last_line())
    return int(report.exit_code)


def _measured(network: Network, report: Any, options: argparse.Namespace) -> list[str]:
    """What float32 was seen to do to the network, if it is asked for; refused where that is beyond the tolerance."""
    from mgdl_theory.relu.measure import agreement, float32_values

    if options.dtype != "float32" or not any(name.lower().endswith((".onnx", ".pt")) for name in options.to):
        return []
    found = agreement(network, float32_values(network), "NumPy in float32", "float32")
    tol = min(part.goal for part in report.components)
    if not found.largest <= tol:
        raise OptionError(
            f"--dtype: in float32 this network is off by {up_text(found.largest, 3)} at ({point_text(found.where)}), "
            f"more than the tolerance {tol_text(tol)}; nothing was written, float64 has room for it; "
            f"the verdict was {report.last_line()}"
        )
    return [str(found)]


EXPORTS = {".onnx": "onnx", ".npz": "", ".pt": "torch", ".csv": "", ".vnnlib": ""}
"""Definition: endings that export knows, and the optional package that each needs."""


def _check_export(name: str) -> None:
    """Refuse before the work begins what could not be written after it."""
    ending = os.path.splitext(name)[1].lower()
    if ending not in EXPORTS:
        raise OptionError(f"--to: expected a name ending in {', '.join(EXPORTS)}, got {name!r}")
    _check_folder("--to", name)
    if EXPORTS[ending]:
        from mgdl_theory.relu.onnx_model import need

        need(EXPORTS[ending], EXPORTS[ending])


def _check_folder(option: str, name: str) -> None:
    folder = os.path.dirname(os.path.realpath(name))
    if not name or not os.path.isdir(folder):
        raise OptionError(f"{option}: the folder of {name!r} does not exist")
    if not os.access(folder, os.W_OK):
        raise OptionError(f"{option}: the folder of {name!r} cannot be written to")
    if os.path.isdir(name):
        raise OptionError(f"{option}: {name!r} is a folder")


@contextmanager
def _writing(name: str, report: Report | None = None) -> Iterator[None]:
    """What the file system or the format refuses is wrong input too; the verdict is not lost."""
    try:
        yield
    except (OSError, CertificateError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        reason = f"{name!r} cannot be written: {why}"
        raise OptionError(reason + (f"; the verdict was {report.last_line()}" if report else "")) from None


def _source(options: argparse.Namespace) -> Any:
    """The target that a formula or a certificate names, or the vector target of several formulas."""
    if not _is_certificate(options.expr):
        return _target(options)
    for name, default in CONSTRUCTION.items():
        if getattr(options, name) != default:
            option = f"--{name.replace('_', '-')}"
            raise OptionError(f"{option}: a certificate holds its scheme already; the option belongs to a formula")
    return _scheme(options).target


def _target(options: argparse.Namespace) -> Any:
    """The target that EXPR denotes; what was read as one of several things it may mean is said before the work."""
    f = _denoted(options)
    for note in getattr(f, "notes", ()):
        print(f"note: {note}", file=sys.stderr)
    return f


def _denoted(options: argparse.Namespace) -> Any:
    """The target that EXPR denotes; settles --tol, which a series needs to choose its number of terms."""
    from mgdl_theory.construction import read_tol
    from mgdl_theory.targets import target
    from mgdl_theory.targets.gallery import find
    from mgdl_theory.targets.sources import is_data, is_function

    if options.tol is not None:
        read_tol(options.tol)
    if is_data(options.expr) and not _of_functions(options):
        return _data(options)
    if is_function(options.expr):
        return _function(options)
    if options.channel is not None:
        raise OptionError("--channel: it belongs to an image")
    entry = find(options.expr) if options.expr.startswith("@") and ";" not in options.expr else None
    if options.tol is None:
        options.tol = entry.tol if entry else "1e-4"
    if unfit := _of_functions(options):
        raise OptionError(f"--{unfit.replace('_', '-')}: it belongs to a Python function, FILE.py:NAME")
    if entry and options.domain is None:
        return entry.target(options.tol, options.engine)
    if ";" not in options.expr:
        return target(options.expr, options.domain, engine=options.engine)
    parts = [part.strip() for part in options.expr.split(";")]
    if options.run not in (_verify, _export, _draw):
        raise OptionError(f"{options.run.__name__[1:]}: shows one function, got {len(parts)} components")
    named = [find(part).target(options.tol, options.engine) if part.startswith("@") else part for part in parts]
    return target(named, options.domain, engine=options.engine)


def _of_functions(options: argparse.Namespace) -> str | None:
    """The first option given that belongs to Python functions only."""
    names = ("lipschitz", "holder", "modulus", "concave", "value_error", "mp")
    return next((name for name in names if getattr(options, name) != CONSTRUCTION[name]), None)


def _data(options: argparse.Namespace) -> Any:
    """The interpolant of the samples in a file."""
    from mgdl_theory.targets import target
    from mgdl_theory.targets.samples import read_array
    from mgdl_theory.targets.sources import read_data

    found = read_data(options.expr, options.channel, _budget(options).bytes)
    samples = read_array(found.array)
    if options.tol is None:
        from mgdl_theory.text import near_text

        options.tol = near_text(float(samples.max() - samples.min()) / 10 or 1e-4, 1)
    return target(found.array, options.domain, name=found.name, notes=found.notes)


def _function(options: argparse.Namespace) -> Any:
    """The Python function of a file; running the file is what its name asks for, and is said."""
    from mgdl_theory.targets import target
    from mgdl_theory.targets.sources import read_functions

    if options.channel is not None:
        raise OptionError("--channel: it belongs to an image")
    options.tol = options.tol or "1e-2"
    path, _, name = options.expr.rpartition(":")
    options.ran_code = True
    _note(f"note: this runs the code of {path or options.expr}")
    f, omega, mp = read_functions(options.expr, options.modulus, options.mp)
    lipschitz, error = options.lipschitz, options.value_error
    return target(
        f, options.domain, mp=mp, modulus=omega, concave=options.concave, holder=options.holder,
        lipschitz=lipschitz[0] if lipschitz and len(lipschitz) == 1 else lipschitz,
        value_error=error[0] if error and len(error) == 1 else error,
        name=f"{os.path.basename(path)}:{name}",
    )  # fmt: skip


def _is_certificate(name: str) -> bool:
    return name.endswith((".json", ".json.gz"))


def _scheme(options: argparse.Namespace, f: Any = None) -> Any:
    """The scheme of a certificate, or the one that is constructed for the target."""
    from mgdl_theory.certificate.schema import load_scheme
    from mgdl_theory.construction import construct

    if f is not None and not _is_certificate(options.expr):
        if options.checkpoint is not None:
            _check_folder("--checkpoint", options.checkpoint)
        return construct(
            f, options.tol, lift=options.lift, budget=_budget(options), checkpoint=options.checkpoint,
            resume=options.resume,
        )  # fmt: skip
    if not os.path.exists(options.expr):
        raise OptionError(f"there is no file {options.expr!r}")
    return load_scheme(options.expr)


def _write(name: str, network: Network, report: Report, options: argparse.Namespace, measured: list[str]) -> list[str]:
    """Write one file; returns what there is to say about it."""
    ending, note = os.path.splitext(name)[1].lower(), f"{_version()}: {report.last_line()}"
    said: list[str] = []
    if ending == ".onnx":
        said = _write_onnx(name, network, note, options, measured)
    elif ending == ".npz":
        from mgdl_theory.relu.export import save_npz

        save_npz(network, name, note=note)
    elif ending == ".pt":
        from mgdl_theory.relu.export import save_torch
        from mgdl_theory.relu.measure import agreement, torch_values

        save_torch(network, name, dtype=options.dtype)
        said = [str(agreement(network, torch_values(name), f"torch in {options.dtype}", options.dtype))]
    else:
        from mgdl_theory.files import write_atomic
        from mgdl_theory.relu.ranges import cell_ranges, ranges_csv, ranges_vnnlib

        table = cell_ranges(report.scheme, options.cells)
        write_atomic(name, ranges_csv(table) if ending == ".csv" else ranges_vnnlib(table, note=note))
        said = [f"{len(table)} cells, exact ranges of the output, rounded outward"]
    return [f"{name}: {os.path.getsize(name)} bytes", *said]


def _write_onnx(name: str, network: Network, note: str, options: argparse.Namespace, measured: list[str]) -> list[str]:
    """Write the model; where onnxruntime is installed, hold it against the exact network."""
    from importlib.util import find_spec

    from mgdl_theory.relu.export import save_onnx
    from mgdl_theory.relu.measure import agreement
    from mgdl_theory.relu.onnx_model import run_onnx

    model = save_onnx(
        network, name, layout=options.layout, dtype=options.dtype, partial_sums=options.partial_sums,
        note="; ".join([note, *measured]),
    )  # fmt: skip
    if find_spec("onnxruntime"):
        found = agreement(network, lambda x: run_onnx(model, x)[0], f"onnxruntime in {options.dtype}", options.dtype)
        return ["onnx.checker accepts it", str(found)]
    missing = "onnx.checker accepts it; onnxruntime is not installed, so it was not run"
    return [missing, *measured]


def _draw(options: argparse.Namespace) -> int:
    from mgdl_theory.pictures import DRAWING_FORMATS, save_drawing

    if os.path.splitext(options.out)[1].lower() not in DRAWING_FORMATS:
        raise OptionError(f"--out: expected a name ending in {', '.join(DRAWING_FORMATS)}, got {options.out!r}")
    _check_folder("--out", options.out)
    scheme = _scheme(options, _source(options))
    network = scheme.network(options.granularity, options.gadget)
    with _writing(options.out):
        save_drawing(network, options.out)
    _say(f"{options.out}: {network.summary()}" + ("" if scheme.complete else f"; incomplete: {scheme.reason}"))
    return 0


def _gallery(options: argparse.Namespace) -> int:
    """The list of the named targets, or one of them."""
    from rich.table import Table

    from mgdl_theory.targets.gallery import GALLERY, find

    console = _console()
    if options.name is not None:
        entry = find(options.name)
        told = {
            "name": f"@{entry.name}", "title": entry.title, "formula": entry.formula, "domain": str(entry.box),
            "regularity": entry.regularity, "tail of N terms": entry.tail, "source": entry.source,
            "tolerance": entry.tol, "expect": entry.expect,
        }  # fmt: skip
        for heading, text in told.items():
            if text:
                console.print(f"{heading + ':':<17}{text}", markup=False)
        return 0
    table = Table(box=None, pad_edge=False)
    for heading in ("name", "what", "domain", "tol", "regularity"):
        table.add_column(heading, no_wrap=heading in ("name", "tol"))
    for entry in GALLERY.values():
        cells = (f"@{entry.name}", entry.title, str(entry.box), entry.tol, entry.regularity)
        table.add_row(*map(_plain_markup, cells))
    console.print(table)
    console.print("mgdl-theory gallery NAME tells more; mgdl-theory verify @NAME runs one at its own tolerance")
    return 0


def _plot(options: argparse.Namespace) -> int:
    from mgdl_theory.pictures import FORMATS, check_kind, save_plot

    _check_ending("--out", options.out, FORMATS)
    more = {} if options.grade is None else {"grade": options.grade}
    f = _source(options)
    check_kind(options.kind, f.dim, more)
    report = _build_and_verify(f, options)
    with _writing(options.out, report):
        save_plot(report, options.kind, options.out, **more)
    return _drawn(options, report, options.kind)


def _animate(options: argparse.Namespace) -> int:
    from mgdl_theory.pictures.animation import FORMATS, animate, check_options

    _check_ending("--out", options.out, FORMATS)
    f = _source(options)
    check_options(options.out, f.dim, options.frames)
    report = _build_and_verify(f, options)
    with _writing(options.out, report):
        frames = animate(report, options.out, unit=options.unit, most=options.frames)
    all_steps = 1 + (report.scheme.atoms if options.unit else len(report.scheme.grades))
    what = "atoms" if options.unit else "grades"
    some = f"; {all_steps - 1} {what}, several to a frame" if frames < all_steps else ""
    return _drawn(options, report, f"{frames} frames{some}")


def _report(options: argparse.Namespace) -> int:
    from mgdl_theory.reports import FORMATS, save_report

    _check_ending("--out", options.out, tuple(FORMATS))
    report = _with_network(_build_and_verify(_source(options), options))
    with _writing(options.out, report):
        save_report(report, options.out)
    return _drawn(options, report, "report")


def _with_network(report: Report) -> Report:
    """The report with the claims about the network, where that is small enough to be made."""
    from mgdl_theory.reports import network_of
    from mgdl_theory.verification.network import verify_network

    network = network_of(report.scheme)
    return report.with_results(verify_network(network, report.scheme)) if network else report


def _one_thread() -> None:
    """Matrices of a training are small, and threads of OpenBLAS would wait for one another most of the time.

    It reads its setting when NumPy is loaded; what the user has set stays.
    """
    if "numpy" not in sys.modules and not {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"} & set(os.environ):
        os.environ["OPENBLAS_NUM_THREADS"] = "1"


def _train(options: argparse.Namespace) -> int:
    _one_thread()
    from mgdl_theory.training import GradeSpec, sample, train, train_balanced
    from mgdl_theory.verification.approximation import verify

    if not 1 <= options.grades <= 1000:
        raise OptionError(f"--grades: expected a number from 1 to 1000, got {options.grades}")
    if options.seed < 0:
        raise OptionError(f"--seed: expected a number of at least 0, got {options.seed}")
    spec = GradeSpec(width=options.width, solver=options.solver, epochs=options.epochs)
    for option, name in (("--json", options.json), ("--state", options.state)):
        if name is not None:
            _check_folder(option, name)
    if options.refutation is not None:
        _check_certificate_name(options.refutation, "--refutation")
        if options.balanced == "yes":
            raise OptionError("--refutation: needs --balanced no; of a scheme there is --certificate")
    if options.certificate is not None:
        _check_certificate_name(options.certificate)
        if options.balanced == "no":
            raise OptionError("--certificate: needs --balanced yes; of a trained network there is only --refutation")
    if options.report is not None:
        from mgdl_theory.reports import FORMATS as REPORTS

        _check_ending("--report", options.report, tuple(REPORTS))
    if options.plot is not None:
        from mgdl_theory.pictures import FORMATS as PICTURES

        _check_ending("--plot", options.plot, PICTURES)
    elif options.kind is not None:
        raise OptionError(f"--kind: says what --plot FILE draws, got {options.kind!r} without it")
    if options.state is not None and (options.balanced == "yes" or not options.state.endswith(".npz")):
        raise OptionError(f"--state: expected a name ending in .npz and --balanced no, got {options.state!r}")
    tol = options.tol  # as it was asked for, if it was: to read it twice would round it down twice
    f = _target(options)
    if _is_vector(f):
        raise OptionError("train: trains for one function, got several components")
    if options.certificate is not None:
        _check_certifiable(f)
    kind = options.kind or "norms"
    if options.plot is not None:
        from mgdl_theory.pictures import check_kind

        check_kind(kind, f.dim, trained=options.balanced == "no")
    data, specs = sample(f, options.points), [spec] * options.grades
    with _Bars(quiet=options.quiet) as bars:
        tick = bars.epochs(options.epochs)
        if bars.progress:
            bars.start("training", options.epochs)
        report: Any
        if options.balanced == "yes":
            report = verify(train_balanced(f, data, specs, seed=options.seed, tol=tol, progress=tick).scheme)
            report = _with_network(report) if options.report else report
        else:
            try:
                model = train(data, specs, box=f.box, seed=options.seed, path=options.state, progress=tick)
            except KeyboardInterrupt:
                if options.state and os.path.exists(options.state):
                    _note(f"the finished grades are in {options.state}: the same command goes on")
                raise
            report = verify(model.on(f), tol, data=data, progress=bars.levels("verify"))
    if options.json:
        from mgdl_theory.files import write_atomic

        with _writing(options.json, report):
            write_atomic(options.json, json.dumps(_plain(report.as_dict()), indent=1, allow_nan=False) + "\n")
    if options.refutation:
        from mgdl_theory.certificate.refutation import CLAIMS, refutation

        if any(result.claim in CLAIMS and result.witness for result in report.results):
            with _writing(options.refutation, report):
                refutation(report).save(options.refutation)
    if options.certificate:
        from mgdl_theory.certificate.schema import certificate

        with _writing(options.certificate, report):
            certificate(report).save(options.certificate)
    if options.plot:
        from mgdl_theory.pictures import save_plot

        with _writing(options.plot, report):
            save_plot(report, kind, options.plot)
    if options.report:
        from mgdl_theory.reports import save_report

        with _writing(options.report, report):
            save_report(report, options.report)
    if not options.quiet:
        _print(report) if options.balanced == "yes" else _print_trained(report)
    _say(report.last_line())
    return int(report.exit_code)


def _print_trained(report: Any) -> None:
    from mgdl_theory.text import near_text, percent_text

    console = _console()
    console.print(f"f = {plain(report.target.text)} on {report.target.box}, trained", markup=False)
    lines = [
        (str(row.grade), *bounds, str(row.nonincreasing) if row.grade else "-", near_text(row.relative_error, 4),
         percent_text(row.grown), str(row.parameters), near_text(row.seconds))
        for row, bounds in zip(report.rows, report.bound_texts, strict=True)
    ]  # fmt: skip
    headings = ("grade", "sup|e| >=", "sup|e| <=", "|e| falls", "rel. squares", "grown", "parameters", "seconds")
    _print_columns(console, headings, lines)
    for result in report.results:
        console.print(f"{result.verdict!s:<9}  {result.claim}: {plain(result.evidence)}", markup=False)


def _check_ending(option: str, name: str, endings: Sequence[str]) -> None:
    if os.path.splitext(name)[1].lower() not in endings:
        raise OptionError(f"{option}: expected a name ending in {', '.join(endings)}, got {name!r}")
    _check_folder(option, name)


def _drawn(options: argparse.Namespace, report: Report, what: str) -> int:
    """The last line is the verdict, of which the picture is one view."""
    if not options.quiet:
        _say(f"{options.out}: {what}, {os.path.getsize(options.out)} bytes")
    _say(report.last_line())
    return report.exit_code


def _build_and_verify(f: Any, options: argparse.Namespace) -> Any:
    """The report on the scheme of a target, or the vector report on that of a vector target."""
    from mgdl_theory.targets.parallel import spread
    from mgdl_theory.verification.approximation import verify
    from mgdl_theory.verification.grids import check_on_grid, check_options

    if options.grid:
        check_options(options.grid, options.digits)
    with _executor(options) as pool, _Bars(quiet=options.quiet) as bars:
        asked = spread(f, pool)
        scheme = _with_target(_scheme(options, bars.watch(asked, "construct")), f)
        report = verify(scheme, target=bars.watch(asked, "verify"), norms=options.norms, budget=_budget(options))
        report = _with_target(report, f)
        if options.grid and "interrupted" not in scheme.reason:
            tick = bars.counter(f"grid of {options.grid} points, {options.digits} digits")
            try:
                check = partial(check_on_grid, points=options.grid, digits=options.digits, progress=tick)
                vector = _is_vector(report)
                report = report.with_results([check(p) for p in report.components] if vector else check(report))
            except KeyboardInterrupt:
                _note("the grid check was interrupted and says nothing")
    return report


def _executor(options: argparse.Namespace) -> Any:
    """Context with the executor that encloses f, or with None where this process does."""
    from mgdl_theory.targets.parallel import open_cluster, open_executor

    if options.cluster is None:
        return open_executor(options.workers)
    if options.workers != 1:
        raise OptionError("--workers: a cluster brings its own workers; give one of the two options")
    return open_cluster(options.cluster)


def _with_target(record: Any, f: Any) -> Any:
    """The scheme or report with the plain target in place of the one that moves bars and asks workers."""
    from dataclasses import replace

    if _is_vector(record):
        return replace(record, components=tuple(map(_with_target, record.components, f.components)))
    return replace(
        record, **({"approximation": _with_target(record.scheme, f)} if hasattr(record, "scheme") else {"target": f})
    )


def _budget(options: argparse.Namespace) -> Any:
    from mgdl_theory.construction import Budget

    given = {"atoms": options.max_atoms, "level": options.max_level}
    if options.max_memory is not None:
        if not 2.0**-14 <= options.max_memory < math.inf:
            from mgdl_theory.text import up_text

            raise OptionError(
                f"--max-memory: expected a number of GiB from {up_text(2.0**-14, 2)} on, got {options.max_memory}"
            )
        given["bytes"] = int(min(options.max_memory, 2.0**20) * 2**30)
    return Budget(**{name: value for name, value in given.items() if value is not None})


class _Bars:
    """One progress bar per level on standard error, where that is a terminal."""

    def __init__(self, *, quiet: bool) -> None:
        self.progress: Any = None
        self.task: Any = None
        if not quiet and _is_terminal(sys.stderr):
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

            self.progress = Progress(
                TextColumn("{task.description:<28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
                console=Console(stderr=True), transient=True,
            )  # fmt: skip

    def __enter__(self) -> _Bars:
        if self.progress:
            self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.progress:
            self.progress.stop()

    def watch(self, f: Any, stage: str) -> Any:
        """The same target, moving a bar for every level as its cells are enclosed."""
        from dataclasses import replace

        if not self.progress:
            return f
        if not _is_vector(f):
            return _Watched(f, stage, self)
        parts = (self.watch(part, f"{stage} f_{j}") for j, part in enumerate(f.components, 1))
        return replace(f, components=tuple(parts))

    def start(self, description: str, total: int | None) -> None:
        """Replace the bar."""
        if self.task is not None:
            self.progress.remove_task(self.task)
        self.task = self.progress.add_task(description, total=total)

    def advance(self, done: int) -> None:
        """Move the bar."""
        self.progress.advance(self.task, done)

    def epochs(self, total: int) -> Any:
        """A callback (grade, epoch, mean square) of a training, or None where no bar is shown."""
        if not self.progress:
            return None

        from mgdl_theory.text import near_text

        def tick(grade: int, epoch: int, mean: float) -> None:
            self.start(f"grade {grade}, mean square {near_text(mean)}", total)
            self.progress.update(self.task, completed=epoch)

        return tick

    def levels(self, stage: str) -> Any:
        """A callback (level, cells) of a verification, or None where no bar is shown."""
        return (lambda level, cells: self.start(f"{stage} level {level}", cells)) if self.progress else None

    def counter(self, description: str) -> Any:
        """A callback that counts, or None where no bar is shown."""
        if not self.progress:
            return None
        self.start(description, None)
        return lambda number: self.progress.update(self.task, completed=number)


class _Watched:
    """A target that moves a progress bar; every answer comes from the target itself."""

    PIECE = 1 << 16

    def __init__(self, inner: Target, stage: str, bars: _Bars) -> None:
        self.inner, self.stage, self.bars = inner, stage, bars

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, x: Any) -> Any:
        return self.inner(x)

    def defects(self, level: int, cells: Any) -> Any:
        """Defects piece by piece, one step of the bar for each."""
        from mgdl_theory.targets.parallel import joined

        size = getattr(self.inner, "portion", self.PIECE)
        self.bars.start(f"{self.stage} level {level}", len(cells))
        parts = []
        for start in range(0, len(cells), size):
            piece = cells[start : start + size]
            parts.append(self.inner.defects(level, piece))
            self.bars.advance(len(piece))
        return joined(parts)


def _print(report: Any) -> None:
    if sys.stdout is None:
        return
    if _is_vector(report):
        for j, part in enumerate(report.components, 1):
            print(f"component {j} of {len(report.components)}")
            _print(part)
            print()
        scheme = report.scheme
        size = f"{scheme.atoms} atoms in {len(scheme.grades)} grades, depth {scheme.depth}"
        print(f"all components: {size}; an atom that several have in common counts once")
        return
    from rich.table import Table

    from mgdl_theory.text import float_text, tol_text
    from mgdl_theory.verification.claims import CLAIMS

    console = _console()
    scheme = report.scheme
    tol = "no tol" if report.tol is None else f"tol {tol_text(report.tol)}"
    console.print(f"f = {plain(scheme.target.text)} on {scheme.target.box}, {tol}", markup=False)
    for line in scheme.target.describe().get("taken_on_trust", ()):
        console.print(f"taken on trust: {plain(str(line))}", markup=False)
    console.print(f"c0 = {float_text(scheme.lift)}: {plain(scheme.lift_reason)}", markup=False)
    _print_columns(console, GRADE_COLUMNS, _grade_lines(report))
    if report.rows and report.rows[0].norms:
        norms = [f"L^{p} norm" for p, _, _ in report.rows[0].norms]
        _print_columns(console, ["grade", *norms], report.norm_lines)
    claims = Table(box=None, pad_edge=False, show_header=True)
    narrow = console.width < WIDE
    for heading in ("verdict", "claim", *(["what is claimed"] * (not narrow)), "on what it rests"):
        claims.add_column(heading, overflow="fold", no_wrap=heading in ("verdict", "claim"))
    for result in report.results:
        colour = {"PROVED": "green", "REFUTED": "bold red", "UNDECIDED": "yellow"}.get(str(result.verdict), "cyan")
        claimed = [] if narrow else [_plain_markup(CLAIMS[result.claim].statement)]
        claims.add_row(f"[{colour}]{result.verdict}[/]", result.claim, *claimed, _plain_markup(result.evidence))
    console.print(claims)


def _grade_lines(report: Report) -> list[tuple[str, ...]]:
    """The cells of every row, in the order of ``GRADE_COLUMNS``."""
    from mgdl_theory.text import near_text, up_text

    lines = []
    for row, bounds, ratio in zip(report.rows, report.bound_texts, report.ratios, strict=True):
        lines.append((
            str(row.grade), str(row.level) if row.grade else "-", str(row.atoms), *bounds,
            near_text(ratio) if math.isfinite(ratio) else "-",
            *((str(row.balanced), str(row.nonincreasing)) if row.grade else ("-", "-")),
            *(up_text(bound, 3) if math.isfinite(bound) else "-" for bound in (row.theorem_a, row.theorem_b)),
            str(row.width), str(row.depth), str(row.total_atoms), f"{row.total_width} x {row.total_depth}",
        ))  # fmt: skip
    return lines


def _print_columns(console: Console, headings: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    """Print a table; columns that it has no room for follow below, beside the first one again.  No cell is cut."""
    from rich.table import Table

    widths = [max(len(line[k]) for line in [headings, *lines]) for k in range(len(headings))]
    first = 1
    while first < len(headings):
        used, end = widths[0] + GAP + widths[first], first + 1
        while end < len(headings) and used + GAP + widths[end] <= console.width:
            used, end = used + GAP + widths[end], end + 1
        table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
        for k in (0, *range(first, end)):
            justify: Any = "left" if headings[k] in VERDICT_COLUMNS else "right"
            table.add_column(headings[k], justify=justify, no_wrap=True, min_width=widths[k])
        for line in lines:
            table.add_row(*(_plain_markup(line[k]) for k in (0, *range(first, end))))
        console.print(table, width=max(used, console.width), crop=False)
        first = end


def _plain_markup(text: str) -> str:
    from rich.markup import escape

    return escape(plain(text))


def _plain(value: Any) -> Any:
    """JSON has no inf and nan: they become text."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _version() -> str:
    import mgdl_theory

    return f"mgdl-theory {mgdl_theory.__version__}"
