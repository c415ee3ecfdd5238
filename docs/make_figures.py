"""Write every figure of the documentation and of the README into docs/figures/.

Run from anywhere: python docs/make_figures.py [--measure] [NAME ...]

With --measure also the figures that belong to measurements of this machine, which take minutes (MEASURED).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import mgdl_theory as mg
from mgdl_theory.pictures import save_drawing, save_plot
from mgdl_theory.pictures.animation import animate
from mgdl_theory.pictures.style import off_screen, own_settings, save_figure
from mgdl_theory.training import Adam, ModelReport, sample, train

HERE = Path(__file__).resolve().parent
FIGURES = HERE / "figures"
MEASURED = {
    "growth.svg": ("benchmarks/bench_growth.py", "--write", "docs/figures/growth.svg"),
    "training.svg": ("benchmarks/bench_training.py", "--write", "docs/training.md"),
    "gallery.png": ("docs/make_gallery.py", "--write"),
    **dict.fromkeys(("terrain.png", "terrain-grades.png", "terrain-leaves.png"), ("docs/make_terrain.py", "--write")),
}  # fmt: skip
"""Figures that belong to measurements, and the command that makes each."""

LARGEST = 250_000
"""Definition: bytes that a figure may have, so that pages load quickly."""


@cache
def one() -> mg.Report:
    """The curve of the README."""
    return mg.verify(mg.construct(mg.target("sin(10*x)*exp(-x)"), 1e-3), norms=[1, 2])


@cache
def two() -> mg.Report:
    """Two variables, lifted."""
    return mg.verify(mg.construct(mg.target("sin(6*x)*cos(5*y)+exp(-x*y)"), 1e-2), norms=[1, 2])


@cache
def plain() -> mg.Report:
    """The same without lift, so that the zeros are seen."""
    return mg.verify(mg.construct(mg.target("sin(6*x)*cos(5*y)+exp(-x*y)"), 0.1, lift="none"))


@cache
def three() -> mg.Report:
    """Three variables."""
    return mg.verify(mg.construct(mg.target("sin(3*x)*cos(2*y)+exp(-x*z)"), 5e-2))


@cache
def trained() -> ModelReport:
    """Two trained grades of the curve of the README."""
    f = mg.target("sin(10*x)*exp(-x)")
    data = sample(f, 128)
    report: ModelReport = mg.verify(train(data, [Adam(width=16, epochs=100)] * 2).on(f), data=data)
    return report


def picture(report: Callable[[], mg.Report | ModelReport], kind: str, **options: Any) -> Callable[[Path], object]:
    """One picture of a report."""
    return lambda path: save_plot(report(), kind, path, dpi=130, **options)


def overview(path: Path) -> None:
    """What the README shows: approximants, the last residual in its envelope, and the norms, side by side."""
    with own_settings():
        page = off_screen()
        page.set_size_inches(10.5, 5.6)
        left, right = page.subfigures(1, 2, width_ratios=(1, 1))
        top, bottom = left.subplots(2, 1)
        mg.plot(one(), "approximants", top, points=201)
        mg.plot(one(), "residuals", bottom, points=2)
        bottom.set_title(bottom.get_title(loc="left").partition("\n")[2], loc="left")
        mg.plot(one(), "norms", right.subplots())
        save_figure(page, path)


def network(path: Path) -> None:
    """The stair shape in export.md."""
    save_drawing(mg.construct(mg.target("x*y"), 0.02).network(), path)


def film(path: Path) -> None:
    """A small scheme atom by atom."""
    animate(mg.verify(mg.construct(mg.target("sin(6*x)+1.5"), 0.2, lift="none")), path, unit=True, seconds=0.7)


MAKERS: dict[str, Callable[[Path], object]] = {
    "overview.svg": overview,
    "approximants.svg": picture(one, "approximants"),
    "residuals.svg": picture(one, "residuals", most=4, points=801),
    "residuals-trained.png": picture(trained, "residuals", points=801),
    "norms.svg": picture(two, "norms"),
    "atoms.svg": picture(one, "atoms"),
    "atoms-2d.png": picture(plain, "atoms"),
    "mesh.svg": picture(one, "mesh"),
    "mesh-2d.svg": picture(two, "mesh"),
    "activity.svg": picture(one, "activity"),
    "activity-2d.png": picture(plain, "activity"),
    "heat.png": picture(two, "heat", size=128),
    "residuals-2d.png": picture(plain, "residuals", size=64),
    "surface.png": picture(plain, "surface", size=33),
    "slices.png": picture(three, "slices", size=48),
    "network.svg": network,
    "film.gif": film,
}
"""Every figure by its name, with what draws it."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"figures (default all): {', '.join(MAKERS)}")
    parser.add_argument("--measure", action="store_true", help="also make the figures of measurements anew")
    options = parser.parse_args()
    unknown = set(options.names) - set(MAKERS)
    if unknown:
        parser.error(f"there is no figure {', '.join(sorted(unknown))}")
    FIGURES.mkdir(exist_ok=True)
    heavy = []
    for name in options.names or MAKERS:
        MAKERS[name](FIGURES / name)
        size = (FIGURES / name).stat().st_size
        heavy += [name] if size > LARGEST else []
        print(f"figures/{name}: {size} bytes")
    if options.measure:
        for command in dict.fromkeys(MEASURED.values()):
            subprocess.run([sys.executable, *command], cwd=HERE.parent, check=True)
    if heavy:
        print(f"error: more than {LARGEST} bytes: {', '.join(heavy)}", file=sys.stderr)
    return 1 if heavy else 0


if __name__ == "__main__":
    sys.exit(main())
