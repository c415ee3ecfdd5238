"""What every command takes: its options, each said once, with the texts that help shows."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple, NoReturn

import mgdl_theory
from mgdl_theory.cli.output import WRONG_INPUT, note

FUNCTION: Mapping[str, Mapping[str, Any]] = {
    "--lipschitz": {"nargs": "+", "metavar": "L",
        "help": "Python function: |f(x)-f(y)| <= L |x-y|, or one L per variable"},
    "--holder": {"nargs": 2, "metavar": ("C", "ALPHA"), "help": "Python function: |f(x)-f(y)| <= C |x-y|^ALPHA"},
    "--modulus": {"metavar": "NAME", "help": "Python function: modulus of continuity, defined in its file"},
    "--concave": {"action": "store_true", "help": "says that the modulus is concave"},
    "--value-error": {"nargs": "+", "metavar": "E",
        "help": "Python function: relative error of its argument and value, or relative and absolute error of its "
        "value (default 2^-50)"},
    "--mp": {"metavar": "NAME", "help": "Python function: the same for mpmath, defined in its file"},
}  # fmt: skip
"""Definition: what may be said of a Python function."""

CONSTRUCTION: Mapping[str, Mapping[str, Any]] = {
    "--domain": {"nargs": "+", "metavar": "END",
        "help": "lower and upper end per variable, or one pair for all; exact: 0.1, 1/3 (default 0 1)"},
    "--variables": {"metavar": "NAMES",
        "help": "names of the variables in order, as in x,y or t,s (default: one name makes one variable)"},
    "--tol": {
        "help": "sup-norm to prove for the last residual (default 1e-4, that of @NAME, 1e-2 for a Python function, "
        "a tenth of their range for samples)"},
    "--rel-tol": {"metavar": "R", "help": "in place of --tol: this part of the range of f, found before the run"},
    "--lift": {"default": "auto", "help": "auto, none or a number: constant of grade 0 (default auto)"},
    "--max-atoms": {"type": int, "metavar": "N", "help": "budget of atoms"},
    "--max-level": {"type": int, "metavar": "L", "help": "finest level allowed"},
    "--max-memory": {"type": float, "metavar": "GIB", "help": "memory for one level, in GiB"},
    "--engine": {"default": "numpy", "help": "interval arithmetic: numpy (default) or crival"},
    "--checkpoint": {"metavar": "FILE", "help": "keep the state of the construction in FILE after every level"},
    "--resume": {"action": "store_true", "help": "continue from --checkpoint FILE, if there is one yet"},
    "--fill": {"type": float, "metavar": "VALUE", "help": "of a grid or image: stands for its cells without data"},
    "--channel": {"help": "of a colour image: luminance (default), red, green or blue"},
    **FUNCTION,
}  # fmt: skip
"""Definition: what the construction may be told; a certificate, which holds a scheme, takes none of it."""

OPTIONS: Mapping[str, Mapping[str, Any]] = {
    **CONSTRUCTION,
    "expr": {"metavar": "EXPR", "help": "formula, as for verify, or certificate"},
    "file": {"metavar": "FILE", "help": "certificate, .json or .json.gz"},
    "name": {"metavar": "NAME", "nargs": "?", "help": "tell all about one target"},
    "--workers": {"type": int, "default": 1, "metavar": "N", "help": "processes that enclose f (default 1)"},
    "--cluster": {"metavar": "ADDRESS",
        "help": "dask scheduler whose workers enclose f, e.g. tcp://127.0.0.1:8786"},
    "--grid": {"type": int, "default": 0, "metavar": "N", "help": "also check N grid points with mpmath"},
    "--digits": {"type": int, "default": 50, "metavar": "D", "help": "digits of the grid check (default 50)"},
    "--norms": {"type": int, "nargs": "+", "default": (), "metavar": "P",
        "help": "also enclose the L^p norm of every residual, for these integers p"},
    "--granularity": {"default": "block", "choices": ("block", "unit"),
        "help": "grades of the network: a whole level each, or one atom each (default block)"},
    "--gadget": {"default": "wide", "choices": ("wide", "narrow"),
        "help": "block of one atom: width d+2, d+1 layers, or width d+1, d(d+1) layers (default wide)"},
    "--json": {"metavar": "FILE", "help": "write every number to FILE"},
    "--certificate": {"metavar": "FILE",
        "help": "write the evidence to FILE (.json or .json.gz), for mgdl-theory check; "
        "for a vector to one file per component: NAME.1.json, NAME.2.json, ..."},
    "--to": {"action": "append", "required": True, "metavar": "FILE",
        "help": "file to write; its ending says what: .onnx .npz .pt .csv .vnnlib; may be given several times"},
    "--layout": {"default": "auto", "choices": ("auto", "unrolled", "scan"),
        "help": "ONNX: node by node, or one Scan node over stacked weights (default auto: by the number of layers)"},
    "--dtype": {"default": "float64", "choices": ("float64", "float32"),
        "help": "precision of .onnx and .pt (default float64); the error of float32 is measured and printed"},
    "--partial-sums": {"action": "store_true", "help": "ONNX: a second output, one column per grade"},
    "--cells": {"type": int, "metavar": "L",
        "help": ".csv and .vnnlib: cells of level L (default the cells on which the scheme is piecewise linear)"},
    "--kind": {"required": True, "metavar": "KIND", "help": "what to draw, see above"},
    "--out": {"required": True, "metavar": "FILE", "help": "file to write: .svg, .pdf or .png"},
    "--grade": {"type": int, "metavar": "K", "help": "grade to show (default all, or the last)"},
    "--unit": {"action": "store_true", "help": "atom by atom instead of grade by grade"},
    "--frames": {"type": int, "default": 60, "metavar": "N", "help": "frames at most (default 60)"},
    "--grades": {"type": int, "default": 4, "metavar": "K", "help": "number of grades (default 4)"},
    "--width": {"type": int, "default": 64, "metavar": "N", "help": "neurons per layer (default 64)"},
    "--solver": {"default": "adam", "choices": ("adam", "convex"),
        "help": "Adam, or the convex problem of one hidden layer to its optimum (default adam)"},
    "--balanced": {"default": "no", "choices": ("yes", "no"), "help": "make every grade balanced (default no)"},
    "--epochs": {"type": int, "default": 300, "metavar": "N", "help": "epochs or steps per grade (default 300)"},
    "--points": {"type": int, "default": 512, "metavar": "N", "help": "samples to train on (default 512)"},
    "--seed": {"type": int, "default": 0, "metavar": "S", "help": "seed of the random numbers (default 0)"},
    "--state": {"metavar": "FILE",
        "help": "keep the network in FILE (.npz) after every grade, and go on from it; needs --balanced no"},
    "--report": {"metavar": "FILE", "help": "write a report: .html, .md or .tex"},
    "--plot": {"metavar": "FILE", "help": "draw a picture: .svg, .pdf or .png"},
    "--refutation": {"metavar": "FILE",
        "help": "where a claim is refuted, write the network and the point for check; needs --balanced no"},
    "--quiet": {"action": "store_true", "help": "print the last line only"},
}  # fmt: skip
"""Definition: every option that some command takes, as argparse is told."""

SCHEME = ("expr", *CONSTRUCTION, "--workers", "--cluster")
CLAIMS = ("--grid", "--digits", "--norms")
NETWORK = ("--granularity", "--gadget")
"""Definition: options that several commands have in common."""

CODES = "Exit codes: 0 proved, 1 refuted, 2 wrong input, 3 undecided."


class Command(NamedTuple):
    """A command as it is declared: ``other`` holds what an option says differently here."""

    help: str
    description: str
    options: tuple[str, ...]
    epilog: str | None = CODES
    other: Mapping[str, Mapping[str, Any]] = {}


COMMANDS = {
    "verify": Command(
        "build a scheme for a formula and prove every claim about it",
        "Builds a multigrade ReLU scheme for a formula and decides every claim about it.",
        (*SCHEME, *CLAIMS, "--json", "--certificate", "--quiet"),
        other={"expr": {
            "help": "formula in x, y, z, w or x1..xd, e.g. 'sin(10*x)*exp(-x)', or @NAME of the gallery; "
            "several, separated by ';', are the components of a vector; samples in a .npy, .npz, .csv, .txt, .asc or "
            "image file; "
            "or FILE.py:NAME, a Python function, whose file is run"}},
    ),
    "check": Command(
        "check a certificate by the independent checker",
        "Checks a certificate by code that shares nothing with the rest of the package.",
        ("file", "--engine", "--workers"),
        "Exit codes: 0 verified, 1 refused (or a refutation is confirmed), 2 not run, 3 incomplete.",
        {"--engine": {"default": "auto", "choices": ("auto", "arb", "mpmath"),
                      "help": "elementary functions: python-flint (arb) or mpmath (default arb where installed)"},
         "--workers": {"type": str, "default": "1", "help": "processes (default 1)"}},
    ),
    "export": Command(
        "write the verified network of a formula as ONNX, npz or torch file, or the ranges of its cells",
        "Builds and verifies a scheme and its network, and writes the network (.onnx, .npz, .pt) or the exact "
        "ranges of its output on cells, rounded outward (.csv, .vnnlib). A refuted network is not written.",
        ("--to", *SCHEME, *NETWORK, "--layout", "--dtype", "--partial-sums", "--cells", "--quiet"),
    ),
    "draw": Command(
        "draw the stair shape of the network of a formula",
        "Builds the network of a formula and draws its stair shape, folded where it is large.",
        ("--out", *SCHEME, *NETWORK), None,
        {"--out": {"help": "file to write: .svg, .pdf, .png or .tex (TikZ)"}},
    ),
    "plot": Command(
        "draw a picture of a scheme and of what is proved of it",
        "Builds and verifies a scheme, or verifies that of a certificate, and draws one picture of it. "
        "Kinds: approximants, residuals, norms, atoms, mesh, activity, network; heat and surface for two "
        "variables, slices for three.",
        ("--kind", "--out", "--grade", "--norms", *SCHEME, "--quiet"),
        other={"--norms": {"help": "kind norms: L^p norms too"}},
    ),
    "animate": Command(
        "show the grades of a scheme one after another, as GIF, MP4 or HTML",
        "Builds and verifies a scheme, or verifies that of a certificate, and shows its grades one after another: "
        "|e| before in light, after in dark. An HTML file plays offline; MP4 needs ffmpeg.",
        ("--out", "--unit", "--frames", *SCHEME, "--quiet"),
        other={"--out": {"help": "file to write: .gif, .mp4 or .html"}},
    ),
    "report": Command(
        "write verdicts, grades, pictures and network as one page, as Markdown or as LaTeX",
        "Builds and verifies a scheme and its network, or verifies that of a certificate, and reports on it: "
        "an HTML page with a slider over the grades (one file, no outside request), Markdown, or LaTeX.",
        ("--out", *SCHEME, *CLAIMS, "--quiet"),
        other={"--out": {"help": "file to write: .html, .md or .tex"}},
    ),
    "train": Command(
        "train a multigrade network and hold it to the claims of the theorem",
        "Trains a ReLU network grade by grade on samples of a target and decides over the whole domain whether its "
        "residual ever grew; with --balanced yes every grade is clipped so that it provably does not.",
        ("expr", "--grades", "--width", "--solver", "--balanced", "--epochs", "--points", "--seed", "--state",
         "--domain", "--tol", "--json", "--report", "--plot", "--kind", "--certificate", "--refutation", "--quiet"),
        None,
        {"expr": {"help": "formula, @NAME or file of data, as for verify"},
         "--tol": {"help": "also claim this sup-norm of the last residual (default: claim none)"},
         "--kind": {"required": False,
                    "help": "what --plot draws: approximants, residuals, norms (default), training; heat and surface "
                    "for two variables, slices for three; with --balanced yes also the others of mgdl-theory plot"},
         "--certificate": {"help": "write the evidence to FILE (.json or .json.gz), for mgdl-theory check; "
                           "needs --balanced yes"}},
    ),
    "gallery": Command(
        "list the named targets, for use as '@name'",
        "Lists the named targets; 'mgdl-theory verify @NAME' runs one at its own tolerance.",
        ("name",), None,
    ),
}  # fmt: skip
"""Definition: the commands, in the order of the help text."""


class _OptionParser(argparse.ArgumentParser):
    """Says what is wrong in one line, and takes formulas and numbers that begin with a minus sign."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._negative_number_matcher = re.compile(r"^-(?!h$|-)")

    def error(self, message: str) -> NoReturn:
        note(f"error: {message} (try {self.prog} --help)")
        raise SystemExit(WRONG_INPUT)


def _parsers() -> dict[str, argparse.ArgumentParser]:
    """The parser of the program, by its name, and that of each command."""
    parser = _OptionParser(
        prog="mgdl-theory",
        description="Builds fixed-width multigrade ReLU schemes and proves what the theorem says of every grade.",
    )
    parser.add_argument("--version", action="version", version=f"mgdl-theory {mgdl_theory.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", dest="command")
    found: dict[str, argparse.ArgumentParser] = {parser.prog: parser}
    for name, told in COMMANDS.items():
        each = commands.add_parser(name, help=told.help, description=told.description, epilog=told.epilog)
        for option in told.options:
            each.add_argument(option, **{**OPTIONS[option], **told.other.get(option, {})})
        found[name] = each
    return found


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command and its options; SystemExit for help, and for options that do not parse."""
    parser = _parsers()["mgdl-theory"]
    try:
        return parser.parse_args(argv)
    except SystemExit:
        if sys.stdout is not None:
            sys.stdout.flush()  # a help text, whose reader may have gone away
        raise


def runs_code(options: argparse.Namespace) -> bool:
    """Whether EXPR names a Python file, whose code may print when this process ends."""
    from mgdl_theory.targets.sources import is_function

    return is_function(getattr(options, "expr", ""))


def help_texts(columns: int = 100) -> list[tuple[str, str]]:
    """(command, help text) of the program and of each of its commands, at a fixed width, for the documentation."""
    found = _parsers()
    for each in found.values():
        each.formatter_class = partial(argparse.HelpFormatter, width=columns)
    return [(each.prog, each.format_help()) for each in found.values()]
