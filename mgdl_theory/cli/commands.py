"""The commands: each declares what it is asked, has it done, and puts it out."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from mgdl_theory.cli.options import CONSTRUCTION, FUNCTION
from mgdl_theory.cli.output import (
    Bars,
    check_ending,
    check_folder,
    check_outputs,
    console,
    finish,
    note,
    say,
    show,
    writing,
    written,
)
from mgdl_theory.errors import OptionError
from mgdl_theory.text import point_text, tol_text, up_text

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from mgdl_theory.construction import Budget
    from mgdl_theory.relu.network import Network
    from mgdl_theory.verification.record import Report

# -- what EXPR denotes -----------------------------------------------------------------------------


class Asked(NamedTuple):
    """What a command is about: a target with the tolerance to prove, and the scheme that a certificate holds."""

    target: Any
    tol: Any
    scheme: Any = None

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return int(self.target.dim)


def _read(options: argparse.Namespace) -> Asked:
    """The target that EXPR denotes; what was read as one of several things it may mean is said before the work."""
    from mgdl_theory.construction import relative_tol
    from mgdl_theory.targets.sources import caution, read

    if said := caution(options.expr):
        note(f"note: {said}")
    names = ("engine", "channel", "fill", "variables", *(_attribute(name) for name in FUNCTION))
    given = {name: getattr(options, name) for name in names if hasattr(options, name)}
    found = read(options.expr, options.domain, tol=options.tol, limit=_budget(options).bytes, **given)
    for told in getattr(found.target, "notes", ()):
        print(f"note: {told}", file=sys.stderr)
    if getattr(options, "rel_tol", None) is None:
        return Asked(found.target, found.tol)
    if options.tol is not None:
        raise OptionError("--rel-tol: give this or --tol, not both")
    whole: Any = found.target
    tols = [relative_tol(f, options.rel_tol) for f in whole.components]
    note(f"note: {options.rel_tol} of the range of f is at least {', '.join(tols)}, the tolerance")
    return Asked(found.target, tols if len(tols) > 1 else tols[0])


def _asked(options: argparse.Namespace) -> Asked:
    """The target of EXPR, or the scheme of the certificate that it names, which takes no option of a formula."""
    from mgdl_theory.certificate.schema import load_scheme

    if not options.expr.endswith((".json", ".json.gz")):
        return _read(options)
    for option, told in CONSTRUCTION.items():
        if getattr(options, _attribute(option)) != told.get("default", False if "action" in told else None):
            raise OptionError(f"{option}: a certificate holds its scheme already; the option belongs to a formula")
    if not os.path.exists(options.expr):
        raise OptionError(f"there is no file {options.expr!r}")
    scheme = load_scheme(options.expr)
    return Asked(scheme.target, None, scheme)


def _one_function(options: argparse.Namespace) -> Asked:
    asked = _asked(options)
    if (count := len(asked.target.components)) > 1:
        raise OptionError(f"{options.command}: shows one function, got {count} components")
    return asked


def _attribute(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


# -- the work --------------------------------------------------------------------------------------


def _scheme(asked: Asked, options: argparse.Namespace, pool: Executor | None = None, bars: Bars | None = None) -> Any:
    """The scheme of a certificate, or the one that is constructed for the target."""
    from mgdl_theory.construction import construct

    if asked.scheme is not None:
        return asked.scheme
    if options.checkpoint is not None:
        check_folder("--checkpoint", options.checkpoint)
    return construct(
        asked.target, asked.tol, lift=options.lift, budget=_budget(options), checkpoint=options.checkpoint,
        resume=options.resume, executor=pool, progress=bars.levels("construct") if bars else None,
    )  # fmt: skip


def _build_and_verify(asked: Asked, options: argparse.Namespace) -> Any:
    """The record of the scheme of a target, or of a vector target."""
    from mgdl_theory.verification.approximation import verify
    from mgdl_theory.verification.grids import check_on_grid, check_options

    if points := getattr(options, "grid", 0):
        check_options(points, options.digits)
    with _executor(options) as pool, Bars(quiet=options.quiet) as bars:
        scheme = _scheme(asked, options, pool, bars)
        report = verify(
            scheme, norms=getattr(options, "norms", ()), budget=_budget(options), executor=pool,
            progress=bars.levels("verify"),
        )  # fmt: skip
        if points and "interrupted" not in scheme.reason:
            tick = bars.counter(f"grid of {points} points, {options.digits} digits")
            check = partial(check_on_grid, points=points, digits=options.digits, progress=tick)
            try:
                report = report.with_results(*_each(report, check))
            except KeyboardInterrupt:
                note("the grid check was interrupted and says nothing")
    return report


def _each(report: Any, check: Callable[[Report], Any]) -> tuple[Any, ...]:
    """Further results: one for a scalar report, a list of one for each component for another."""
    found = [check(part) for part in report.components]
    return tuple(found) if report.components[0] is report else (found,)


def _executor(options: argparse.Namespace) -> AbstractContextManager[Executor | None]:
    """The executor that encloses f, or None where this process does."""
    from mgdl_theory.targets.parallel import open_cluster, open_executor

    if options.cluster is None:
        return open_executor(options.workers)
    if options.workers != 1:
        raise OptionError("--workers: a cluster brings its own workers; give one of the two options")
    return open_cluster(options.cluster)


def _budget(options: argparse.Namespace) -> Budget:
    from mgdl_theory.construction import Budget

    given = {"atoms": getattr(options, "max_atoms", None), "level": getattr(options, "max_level", None)}
    if (memory := getattr(options, "max_memory", None)) is not None:
        if not 2.0**-14 <= memory < math.inf:
            raise OptionError(
                f"--max-memory: expected a number of GiB from {up_text(2.0**-14, 2)} on, got {options.max_memory}"
            )
        given["bytes"] = int(min(memory, 2.0**20) * 2**30)
    return Budget(**{name: value for name, value in given.items() if value is not None})


def _with_network(report: Report) -> Report:
    """The report with the claims about the network, where that is small enough to be made."""
    from mgdl_theory.reports import network_of
    from mgdl_theory.verification.network import verify_network

    network = network_of(report.scheme)
    return report.with_results(verify_network(network, report.scheme)) if network else report


def _check_certifiable(options: argparse.Namespace, asked: Asked) -> None:
    for part in asked.target.components if options.certificate is not None else ():
        if part.describe().get("kind") != "expression":
            raise OptionError(f"--certificate: the format holds formulas only so far, not {part.text[:60]}")


# -- verify, check, gallery ------------------------------------------------------------------------


def _verify(options: argparse.Namespace) -> int:
    check_outputs(options)
    asked = _read(options)
    _check_certifiable(options, asked)
    report = _build_and_verify(asked, options)
    written(options, report)
    if not options.quiet:
        show(report)
    return finish(options, report)


def _check(options: argparse.Namespace) -> int:
    from mgdl_theory.certificate.check import main as check

    try:
        return check(["--engine", options.engine, "--workers", options.workers, "--", options.file])
    except SystemExit as stop:  # options that do not parse
        return int(stop.code or 0)


def _gallery(options: argparse.Namespace) -> int:
    """The list of the named targets, or one of them."""
    from mgdl_theory.reports.console import print_list, print_table
    from mgdl_theory.targets.gallery import GALLERY, find

    if options.name is not None:
        entry = find(options.name)
        told = {
            "name": f"@{entry.name}", "title": entry.title, "formula": entry.formula, "domain": str(entry.box),
            "regularity": entry.regularity, "tail of N terms": entry.tail, "source": entry.source,
            "tolerance": entry.tol, "expect": entry.expect,
        }  # fmt: skip
        print_list(console(), told)
        return 0
    lines = [(f"@{e.name}", e.title, str(e.box), e.tol, e.regularity) for e in GALLERY.values()]
    print_table(console(), ("name", "what", "domain", "tol", "regularity"), lines, whole=("name", "tol"))
    say("mgdl-theory gallery NAME tells more; mgdl-theory verify @NAME runs one at its own tolerance")
    return 0


# -- pictures and reports --------------------------------------------------------------------------


def _draw(options: argparse.Namespace) -> int:
    from mgdl_theory.pictures import DRAWING_FORMATS, save_drawing

    check_ending("--out", options.out, DRAWING_FORMATS)
    scheme = _scheme(_asked(options), options)
    network = scheme.network(options.granularity, options.gadget)
    with writing(options.out):
        save_drawing(network, options.out)
    say(f"{options.out}: {network.summary()}" + ("" if scheme.complete else f"; incomplete: {scheme.reason}"))
    return 0


def _plot(options: argparse.Namespace) -> int:
    from mgdl_theory.pictures import check_kind

    check_outputs(options, out="plot")
    asked = _one_function(options)
    check_kind(options.kind, asked.dim, {} if options.grade is None else {"grade": options.grade})
    report = _build_and_verify(asked, options)
    written(options, report, out="plot")
    return finish(options, report, options.kind)


def _animate(options: argparse.Namespace) -> int:
    from mgdl_theory.pictures.animation import FORMATS, animate, check_options

    check_ending("--out", options.out, FORMATS)
    asked = _one_function(options)
    check_options(options.out, asked.dim, options.frames)
    report = _build_and_verify(asked, options)
    with writing(options.out, report):
        frames = animate(report, options.out, unit=options.unit, most=options.frames)
    all_steps = 1 + (report.scheme.atoms if options.unit else len(report.scheme.grades))
    what = "atoms" if options.unit else "grades"
    some = f"; {all_steps - 1} {what}, several to a frame" if frames < all_steps else ""
    return finish(options, report, f"{frames} frames{some}")


def _report(options: argparse.Namespace) -> int:
    check_outputs(options, out="report")
    report = _with_network(_build_and_verify(_one_function(options), options))
    written(options, report, out="report")
    return finish(options, report, "report")


# -- export ----------------------------------------------------------------------------------------

EXPORTS = {".onnx": "onnx", ".npz": "", ".pt": "torch", ".csv": "", ".vnnlib": ""}
"""Definition: endings that export knows, and the optional package that each needs."""


def _export(options: argparse.Namespace) -> int:
    """The scheme and its network are verified first; the last line agrees with the exit code."""
    from mgdl_theory.relu.ranges import check_level
    from mgdl_theory.verification.network import verify_network
    from mgdl_theory.verification.verdict import Verdict

    _check_exports(options)
    asked = _asked(options)
    check_level(options.cells, asked.dim)
    tables = [name for name in options.to if _ending(name) in (".csv", ".vnnlib")]
    if tables and asked.target.components[0] is not asked.target:
        raise OptionError(f"--to: {tables[0]!r} holds the ranges of one function; export one component at a time")
    report = _build_and_verify(asked, options)
    network = report.scheme.network(options.granularity, options.gadget)
    report = report.with_results(verify_network(network, report.scheme))
    if not options.quiet:
        show(report)
        say(f"network: {network.summary()}")
    refuted = report.verdict is Verdict.REFUTED
    measured = [] if refuted else _measured(network, report, options)
    for name in options.to:
        if refuted:
            note(f"{name}: not written, because the verdict is REFUTED")
            continue
        with writing(name, report):
            lines = _write(name, network, report, options, measured)
        for k, line in enumerate(() if options.quiet else lines):
            say(line, "  " if k else "")
    return finish(options, report)


def _check_exports(options: argparse.Namespace) -> None:
    """Refuse before the work begins what could not be written after it."""
    for name in options.to:
        check_ending("--to", name, tuple(EXPORTS))
        if package := EXPORTS[_ending(name)]:
            from mgdl_theory.relu.onnx_model import need

            need(package, package)


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _measured(network: Network, report: Any, options: argparse.Namespace) -> list[str]:
    """What float32 was seen to do to the network, if it is asked for; refused where that is beyond the tolerance."""
    from mgdl_theory.relu.measure import agreement, float32_values

    if options.dtype != "float32" or not {".onnx", ".pt"} & set(map(_ending, options.to)):
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


def _write(name: str, network: Network, report: Report, options: argparse.Namespace, measured: list[str]) -> list[str]:
    """Write one file; returns what there is to say about it."""
    import mgdl_theory

    ending, told = _ending(name), f"mgdl-theory {mgdl_theory.__version__}: {report.last_line()}"
    said: list[str] = []
    if ending == ".onnx":
        said = _write_onnx(name, network, told, options, measured)
    elif ending == ".npz":
        from mgdl_theory.relu.export import save_npz

        save_npz(network, name, note=told)
    elif ending == ".pt":
        from mgdl_theory.relu.export import save_torch
        from mgdl_theory.relu.measure import agreement, torch_values

        save_torch(network, name, dtype=options.dtype)
        said = [str(agreement(network, torch_values(name), f"torch in {options.dtype}", options.dtype))]
    else:
        from mgdl_theory.archive import write_atomic
        from mgdl_theory.relu.ranges import cell_ranges, ranges_csv, ranges_vnnlib

        table = cell_ranges(report.scheme, options.cells)
        write_atomic(name, ranges_csv(table) if ending == ".csv" else ranges_vnnlib(table, note=told))
        said = [f"{len(table)} cells, exact ranges of the output, rounded outward"]
    return [f"{name}: {os.path.getsize(name)} bytes", *said]


def _write_onnx(name: str, network: Network, told: str, options: argparse.Namespace, measured: list[str]) -> list[str]:
    """Write the model; where onnxruntime is installed, hold it against the exact network."""
    from importlib.util import find_spec

    from mgdl_theory.relu.export import save_onnx
    from mgdl_theory.relu.measure import agreement
    from mgdl_theory.relu.onnx_model import run_onnx

    model = save_onnx(
        network, name, layout=options.layout, dtype=options.dtype, partial_sums=options.partial_sums,
        note="; ".join([told, *measured]),
    )  # fmt: skip
    if find_spec("onnxruntime"):
        found = agreement(network, lambda x: run_onnx(model, x)[0], f"onnxruntime in {options.dtype}", options.dtype)
        return ["onnx.checker accepts it", str(found)]
    missing = "onnx.checker accepts it; onnxruntime is not installed, so it was not run"
    return [missing, *measured]


# -- train -----------------------------------------------------------------------------------------


def _train(options: argparse.Namespace) -> int:
    _one_thread()
    spec = _training_asked(options)
    check_outputs(options)
    asked = _read(options)
    if len(asked.target.components) > 1:
        raise OptionError("train: trains for one function, got several components")
    _check_certifiable(options, asked)
    if options.plot is not None:
        from mgdl_theory.pictures import check_kind

        check_kind(options.kind or "norms", asked.dim, trained=options.balanced == "no")
    report = _trained(asked, [spec] * options.grades, options)
    written(options, report)
    if not options.quiet:
        show(report)
    return finish(options, report)


def _one_thread() -> None:
    """Matrices of a training are small, and threads of OpenBLAS would wait for one another most of the time.

    It reads its setting when NumPy is loaded; what the user has set stays.
    """
    if "numpy" not in sys.modules and not {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"} & set(os.environ):
        os.environ["OPENBLAS_NUM_THREADS"] = "1"


def _training_asked(options: argparse.Namespace) -> Any:
    """How every grade is trained; refuses options that do not go together."""
    from mgdl_theory.training import SOLVERS

    if not 1 <= options.grades <= 1000:
        raise OptionError(f"--grades: expected a number from 1 to 1000, got {options.grades}")
    if options.seed < 0:
        raise OptionError(f"--seed: expected a number of at least 0, got {options.seed}")
    if options.refutation is not None and options.balanced == "yes":
        raise OptionError("--refutation: needs --balanced no; of a scheme there is --certificate")
    if options.certificate is not None and options.balanced == "no":
        raise OptionError("--certificate: needs --balanced yes; of a trained network there is only --refutation")
    if options.kind is not None and options.plot is None:
        raise OptionError(f"--kind: says what --plot FILE draws, got {options.kind!r} without it")
    if options.state is not None:
        check_folder("--state", options.state)
        if options.balanced == "yes" or not options.state.endswith(".npz"):
            raise OptionError(f"--state: expected a name ending in .npz and --balanced no, got {options.state!r}")
    return SOLVERS[options.solver](width=options.width, epochs=options.epochs)


def _trained(asked: Asked, specs: list[Any], options: argparse.Namespace) -> Any:
    """The record of the network or, with --balanced yes, of the scheme that is trained for the target."""
    from mgdl_theory.training import sample, train, train_balanced
    from mgdl_theory.verification.approximation import verify

    f, data = asked.target, sample(asked.target, options.points)
    with Bars(quiet=options.quiet) as bars:
        tick = bars.epochs(options.epochs)
        if options.balanced == "yes":
            report = verify(train_balanced(f, data, specs, seed=options.seed, tol=options.tol, progress=tick).scheme)
            return _with_network(report) if options.report else report
        try:
            model = train(data, specs, box=f.box, seed=options.seed, path=options.state, progress=tick)
        except KeyboardInterrupt:
            if options.state and os.path.exists(options.state):
                note(f"the finished grades are in {options.state}: the same command goes on")
            raise
        return verify(model.on(f), options.tol, data=data, progress=bars.levels("verify"))


RUN: dict[str, Callable[[argparse.Namespace], int]] = {
    "verify": _verify, "check": _check, "export": _export, "draw": _draw, "plot": _plot, "animate": _animate,
    "report": _report, "train": _train, "gallery": _gallery,
}  # fmt: skip
"""Definition: what each command runs."""
