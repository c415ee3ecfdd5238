"""Run one formula or file of every kind that is taken, against an oracle; print the tables, or write docs/kinds.md.

    python docs/make_kinds.py [--write]

The oracle of a formula is the same function in mpmath at 40 digits, written here by hand; of a file, the numbers that
were written into it.  It looks at what the scheme says at points that no one chose: the largest difference found must
not exceed the certified bound.  The certificate is checked by the independent checker.  Seconds are processor
time of reading, construct and verify, one run in this process.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
from mpmath import mpf

import mgdl_theory as mg
from mgdl_theory.archive import write_atomic
from mgdl_theory.certificate import check
from mgdl_theory.errors import MgdlError
from mgdl_theory.targets.sources import read
from mgdl_theory.text import up_text

PAGE = Path(__file__).resolve().parent / "kinds.md"
POINTS = 200
"""Definition: points at which the oracle is asked."""

Oracle = Callable[..., Any]
m = mpmath.mp.clone()
m.dps = 40


def flat(u: Any, v: Any) -> Any:
    return m.exp(-u / v) if v > 0 else mpf(0)


def over(numerator: Oracle, denominator: Oracle, limit: Any) -> Oracle:
    """A quotient with its limit; 300 digits, since both vanish together."""

    def quotient(*x: Any) -> Any:
        with m.workdps(300):
            below = denominator(*x)
            return numerator(*x) / below if below else limit(*x) if callable(limit) else limit

    return quotient


FORMULAS: list[tuple[str, str, list[tuple[str, Any, str, Oracle]]]] = [
    (
        "Removable gaps",
        "The limit is proved and taken; see [Formulas](expressions.md).",
        [
            ("sin(x)/x", [0, 1], "1e-3", over(m.sin, lambda x: x, 1)),
            ("(1 - cos(x))/x**2", [-1, 1], "1e-3", over(lambda x: 1 - m.cos(x), lambda x: x**2, mpf("0.5"))),
            ("log((x + 3)/4)/(x - 1)", [-1, 1], "1e-3",
             over(lambda x: m.log((x + 3) / 4), lambda x: x - 1, mpf("0.25"))),
            ("(x**2 - 1)/(x - 1)", [0, 2], "1e-3", lambda x: x + 1),
            ("(exp(x) - 1)/x", [0, 1], "1e-3", over(m.expm1, lambda x: x, 1)),
            ("(exp(x) - 1 - x)/x**2", [-1, 1], "1e-2", over(lambda x: m.expm1(x) - x, lambda x: x**2, mpf("0.5"))),
            ("(tan(x) - x)/x**3", [-1, 1], "1e-2", over(lambda x: m.tan(x) - x, lambda x: x**3, mpf(1) / 3)),
            ("sin(pi*x)/(x*(1 - x))", [0, 1], "1e-2", over(m.sinpi, lambda x: x * (1 - x), m.pi)),
            ("(sqrt(1 + x) - 1)/x", ["-1/2", 1], "1e-3", lambda x: 1 / (m.sqrt(1 + x) + 1)),
            ("1/x - 1/sin(x)", [-1, 1], "1e-3", over(lambda x: m.sin(x) - x, lambda x: x * m.sin(x), 0)),
            ("sin(x - 1/3)/(x - 1/3)", [0, 1], "1e-3",
             over(lambda x: m.sin(x - mpf(1) / 3), lambda x: x - mpf(1) / 3, 1)),
            ("x*log(x)", [0, 1], "1e-2", lambda x: x * m.log(x) if x else mpf(0)),
            ("x**2*log(abs(x))", [-1, 1], "1e-2", lambda x: x**2 * m.log(abs(x)) if x else mpf(0)),
            ("x*log(x) + (1 - x)*log(1 - x)", [0, 1], "1e-2",
             lambda x: sum((t * m.log(t) if t else mpf(0)) for t in (x, 1 - x))),
            ("x**x", [0, 1], "1e-2", lambda x: x**x if x else mpf(1)),
            ("x**pi", [0, 1], "1e-3", lambda x: x**m.pi),
            ("x**(pi/4)", [0, 1], "1e-2", lambda x: x ** (m.pi / 4)),
            ("exp(-1/x**2)", [-1, 1], "1e-2", lambda x: flat(1, x**2)),
            ("x*sin(1/x)", [-1, 1], "0.03", lambda x: x * m.sin(1 / x) if x else mpf(0)),
            ("x/(2 + sin(1/x))", [-1, 1], "0.05", lambda x: x / (2 + m.sin(1 / x)) if x else mpf(0)),
            ("abs(x)**3/x", [-1, 1], "1e-2", lambda x: x * abs(x)),
            ("sin(x)/x", ["-pi", "pi"], "1e-3", over(m.sin, lambda x: x, 1)),
            ("sin(x*y)/x", [-1, 1], "1e-2", over(lambda x, y: m.sin(x * y), lambda x, y: x, lambda x, y: y)),
            ("erf(x)/x", [-3, 3], "1e-3", over(m.erf, lambda x: x, 2 / m.sqrt(m.pi))),
            ("exp(-1/max(1 - x**2, 0))", [-2, 2], "1e-2", lambda x: flat(1, 1 - x**2)),
            ("exp(-(x**2 + y**2)/max(1 - x**2 - y**2, 0))", [-1, 1], "0.1",
             lambda x, y: flat(x**2 + y**2, 1 - x**2 - y**2)),
        ],
    ),
    (
        "Functions people use",
        "Tables with proven errors; see [Formulas](expressions.md).",
        [
            ("erf(x)", [-6, 6], "1e-3", m.erf),
            ("erfc(x)", [-1, 9], "1e-3", m.erfc),
            ("x/2*(1 + erf(x/sqrt(2)))", [-5, 5], "1e-3", lambda x: x * m.ncdf(x)),
            ("ncdf(x)", [-8, 8], "1e-3", m.ncdf),
            ("normpdf(x)", [-8, 8], "1e-3", m.npdf),
            ("gamma(x)", ["1/2", 5], "1e-2", m.gamma),
            ("lgamma(x)", ["1/4", 30], "1e-2", m.loggamma),
            ("j0(x)", [-20, 20], "1e-3", lambda x: m.besselj(0, x)),
            ("j1(x)", [0, 40], "1e-3", lambda x: m.besselj(1, x)),
            ("lambertw(x)", ["-1/4", 10], "1e-3", lambda x: m.lambertw(x).real),
            ("expm1(x)", [-1, 1], "1e-4", m.expm1),
            ("log1p(x)", ["-1/2", 3], "1e-4", m.log1p),
            ("log2(x)", ["1/8", 8], "1e-3", lambda x: m.log(x, 2)),
            ("log10(x)", ["1/8", 100], "1e-3", lambda x: m.log(x, 10)),
            ("sinc(x)", [-10, 10], "1e-3", lambda x: m.sin(x) / x if x else mpf(1)),
            ("sigmoid(x)", [-700, 700], "1e-3", lambda x: 1 / (1 + m.exp(-x))),
            ("softplus(x)", [-1000, 1000], "1e-2", lambda x: m.log1p(m.exp(-abs(x))) + max(x, mpf(0))),
            ("relu(x) - relu(x - 1)", [-1, 2], "1e-3", lambda x: min(max(x, mpf(0)), mpf(1))),
            ("gelu(x)", [-5, 5], "1e-3", lambda x: x * m.ncdf(x)),
            ("silu(x)", [-20, 20], "1e-3", lambda x: x / (1 + m.exp(-x))),
            ("hypot(x, y)", [-1, 1], "1e-2", lambda x, y: m.sqrt(x**2 + y**2)),
            ("atan2(y, x)", [1, 2, -1, 1], "1e-2", lambda x, y: m.atan2(y, x)),
            ("cot(x)", ["1/4", 3], "1e-2", m.cot),
            ("sec(x) + csc(x + 1/2)", ["-1/4", 1], "1e-3", lambda x: m.sec(x) + m.csc(x + mpf("0.5"))),
            ("clip(3*x, -1, 1)", [-1, 1], "1e-3", lambda x: min(max(3 * x, mpf(-1)), mpf(1))),
            ("x*ncdf(log(x) + 1/2) - ncdf(log(x) - 1/2)", ["1/4", 4], "1e-3",
             lambda x: x * m.ncdf(m.log(x) + mpf("0.5")) - m.ncdf(m.log(x) - mpf("0.5"))),
        ],
    ),
    (
        "Jumps that cancel",
        "In the place of floor, mod, sign and where stand the pieces between the jumps.",
        [
            ("abs(40*x - 2*floor((40*x + 1)/2))", [0, 1], "1e-2",
             lambda x: abs(40 * x - 2 * m.floor((40 * x + 1) / 2))),
            ("abs(mod(x, 2) - 1)", [0, 6], "1e-2", lambda x: abs(x - 2 * m.floor(x / 2) - 1)),
            ("floor(x) + frac(x)**2", [0, "5/2"], "1e-2", lambda x: m.floor(x) + (x - m.floor(x)) ** 2),
            ("sin(pi*x)*floor(x)", [0, "7/2"], "1e-2", lambda x: m.sinpi(x) * m.floor(x)),
            ("sign(x)*x**2", [-1, 1], "1e-2", lambda x: x * abs(x)),
            ("where(x < 1, x**2, 2*x - 1)", [0, 2], "1e-2", lambda x: x**2 if x < 1 else 2 * x - 1),
            ("piecewise(x < 0, -x, x < 1, exp(x) - 1, e*x - 1)", [-1, 2], "1e-2",
             lambda x: -x if x < 0 else m.expm1(x) if x < 1 else m.e * x - 1),
        ],
    ),
    (
        "Names and notation",
        "One variable of any name, signs as on paper, ends as formulas.",
        [
            ("18.2*z + 4.2*min(60.3, z)**2 - 18.2*min(45.3, z)", [0, 120], "10",
             lambda z: mpf("18.2") * z + mpf("4.2") * min(mpf("60.3"), z) ** 2 - mpf("18.2") * min(mpf("45.3"), z)),
            ("cos(θ)", ["-pi/2", "3*pi/2"], "1e-3", m.cos),
            ("np.exp(-t²)", [-3, 3], "1e-3", lambda t: m.exp(-(t**2))),
            ("x^2 × y ÷ 2", [0, "sqrt(2)"], "1e-2", lambda x, y: x**2 * y / 2),
            ("math.fabs(x - 1/2)", [0, 1], "1e-3", lambda x: abs(x - mpf("0.5"))),
        ],
    ),
]  # fmt: skip

REFUSED: list[tuple[str, Any]] = [
    ("cos(x)/x", [-1, 1]), ("sin(x)/x**2", [0, 1]), ("log(x)", [0, 1]), ("sin(1/x)", [-1, 1]), ("abs(x)/x", [-1, 1]),
    ("exp(-1/x)", [-1, 1]), ("floor(3*x)", [0, 1]), ("sign(x)*exp(x)", [-1, 1]), ("floor(x**2)", [0, 2]),
    ("gamma(x)", [0, 1]), ("lambertw(x)", [-1, 0]), ("atan2(y, x)", [-1, 1]),
]  # fmt: skip


def points(f: Any, count: int) -> Iterator[list[Fraction]]:
    """Points of the box with small denominators and without a pattern (multiples of irrational numbers)."""
    for k in range(1, count + 1):
        yield [
            low + (high - low) * Fraction(int((k * mpmath.sqrt(prime) % 1) * 2**20), 2**20)
            for low, high, prime in zip(f.box.lower, f.box.upper, (2, 3, 5), strict=False)
        ]


def ends(domain: Sequence[Any], dim: int) -> list[tuple[Any, Any]]:
    """The ends of the box as it was given, in mpmath."""
    given = [mpf(end) if isinstance(end, int) else eval(str(end), {"pi": m.pi, "sqrt": m.sqrt}) for end in domain]
    return list(zip(given[::2], given[1::2], strict=True)) * (dim if len(given) == 2 else 1)


def farthest(scheme: Any, oracle: Oracle, domain: Sequence[Any]) -> Any:
    """The largest difference of scheme and oracle at some points, which are those of the box as it was given."""
    f, worst = scheme.target, mpf(0)
    sides = ends(domain, f.dim)
    for x in points(f, POINTS):
        shares = [(c - low) / (high - low) for c, low, high in zip(x, f.box.lower, f.box.upper, strict=True)]
        given = [
            low + (high - low) * (mpf(s.numerator) / s.denominator)
            for s, (low, high) in zip(shares, sides, strict=True)
        ]
        own = scheme.exact(x, len(scheme.grades))
        worst = max(worst, abs(mpf(own.numerator) / own.denominator - oracle(*given)))
    return worst


def checked(report: Any) -> str:
    """What the independent checker says."""
    with tempfile.TemporaryDirectory() as folder:
        path = report.certificate().save(Path(folder) / "c.json")
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            check.main([str(path)])
    return out.getvalue().splitlines()[-1].partition(":")[0]


def formula_row(text: str, domain: Any, tol: str, oracle: Oracle) -> str:
    start = time.process_time()
    f = mg.target(text, domain)
    report = mg.verify(mg.construct(f, tol))
    seconds = time.process_time() - start
    bound, worst = report.residual_sup_upper, farthest(report.scheme, oracle, domain)
    if worst > bound:
        raise SystemExit(f"{text}: the oracle differs by {worst}, more than the bound {bound}")
    box = ", ".join(map(str, domain))
    return (
        f"| `{text}` | [{box}] | {tol} | {report.verdict} | {report.scheme.atoms:,} | {up_text(bound, 3)} | "
        f"{mpmath.nstr(worst, 3)} | {checked(report)} | {seconds:.2f} |"
    )


def refused_row(text: str, domain: Any) -> str:
    try:
        mg.target(text, domain)
    except MgdlError as refusal:
        said = str(refusal).partition("\n")[0].replace("|", "\\|")
        return f"| `{text}` | [{', '.join(map(str, domain))}] | {said} |"
    raise SystemExit(f"{text} is accepted")


def formulas() -> Iterator[str]:
    for title, words, rows in FORMULAS:
        yield from (f"### {title}", "", words, "")
        yield "| formula | domain | tol | verdict | atoms | certified bound | oracle differs by | checker | s |"
        yield "|---|---|---|---|---|---|---|---|---|"
        for row in rows:
            line = formula_row(*row)
            print(line, file=sys.stderr, flush=True)
            yield line
        yield ""
    yield from (
        "### Refused",
        "",
        "No limit, a jump, or an argument outside the domain: with the place and the reason.",
        "",
    )
    yield from ("| formula | domain | answer |", "|---|---|---|")
    yield from (refused_row(*row) for row in REFUSED)


# -- files -----------------------------------------------------------------------------------------

GRID = np.array([[3.0, 1.0, 4.0, 1.0], [5.0, 9.0, 2.0, 6.0], [5.0, 3.0, 5.0, 8.0]])
"""Rows of a table: three points of x, four of y."""

PICTURE = np.array([[10, 20, 30, 40, 5], [50, 60, 70, 80, 15], [90, 100, 110, 120, 25], [7, 17, 27, 37, 47]])
"""Rows of pixels, from the top: five points of x, four of y."""

DEEP = PICTURE * 500 + 123
"""The same beyond 8 bits."""


def lines(*rows: str) -> Callable[[Path], None]:
    """A writer of a text file."""

    def write(path: Path) -> None:
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")

    return write


def table(separator: str = ",", decimal: str = ".") -> list[str]:
    return [separator.join(str(x).replace(".", decimal) for x in row) for row in GRID.tolist()]


def zipped(path: Path) -> None:
    path.write_bytes(gzip.compress("\n".join(table()).encode()))


def pillow(pixels: Any, mode: str | None = None, **options: Any) -> Callable[[Path], None]:
    """A writer of an image by Pillow."""

    def write(path: Path) -> None:
        from PIL import Image

        image = Image.fromarray(pixels)
        (image if mode is None else image.convert(mode)).save(path, **options)

    return write


def deep_png(path: Path) -> None:
    import png

    colours = np.stack([DEEP, DEEP + 1, DEEP + 2], axis=-1).astype(np.uint16)
    with open(path, "wb") as file:
        png.Writer(5, 4, greyscale=False, bitdepth=16).write(file, colours.reshape(4, -1).tolist())


def tiff(pixels: Any, **options: Any) -> Callable[[Path], None]:
    """A writer of a TIFF by tifffile."""

    def write(path: Path) -> None:
        import tifffile

        tifffile.imwrite(path, pixels, **options)

    return write


def matlab(path: Path) -> None:
    from scipy.io import savemat

    savemat(path, {"z": GRID, "title": "a grid", "one": 1.0})


def netcdf(path: Path) -> None:
    from scipy.io import netcdf_file

    with netcdf_file(path, "w") as file:
        for name, axis in (("lon", [0.0, 0.5, 1.0]), ("lat", [50.0, 40.0, 30.0, 20.0])):
            file.createDimension(name, len(axis))
            file.createVariable(name, "d", (name,))[:] = axis
        file.createVariable("height", "d", ("lon", "lat"))[:] = GRID


NODATA = [(42113, "s", 0, "-9999", True)]
HOLES = np.where(PICTURE == 60, -9999, PICTURE).astype(np.float32)
TURNED = np.flipud(PICTURE).T
Reads = Any
FILES: list[tuple[str, str, Callable[[Path], None], Reads, dict[str, Any]]] = [
    ("plain.npy", "an array of NumPy", lambda path: np.save(path, GRID), GRID, {}),
    ("one.npz", "an archive with one array", lambda path: np.savez(path, z=GRID), GRID, {}),
    ("two.npz:b", "one array of two, by name", lambda path: np.savez(path, a=GRID + 1, b=GRID), GRID, {}),
    ("two.npz", "two arrays and no name", lambda path: np.savez(path, a=GRID, b=GRID), "name one as", {}),
    ("plain.csv", "commas", lines(*table()), GRID, {}),
    ("german.csv", "semicolons and decimal commas", lines(*table(";", ",")), GRID, {}),
    ("tabs.tsv", "tabs", lines(*table("\t")), GRID, {}),
    ("blanks.txt", "blanks", lines(*table(" ")), GRID, {}),
    ("comments.dat", "two lines of comment", lines("# by hand", "# twice", *table(" ")), GRID, {}),
    ("quoted.csv", "quoted numbers", lines(*(f'"{x}"'.replace(",", '","') for x in table())), GRID, {}),
    ("header.csv", "a header of numbers, as pandas writes it", lines("0,1,2,3", *table()), GRID, {}),
    ("pandas.csv", "a header and an index column",
     lines(",0,1,2,3", *(f"{k},{x}" for k, x in enumerate(table()))), GRID, {}),
    ("zipped.csv.gz", "compressed", zipped, GRID, {}),
    ("missing.csv", "a missing value", lines("1,2,3", "4,NA,6", "7,8,9"), "line 2", {}),
    ("pairs.csv", "pairs x, y, evenly spaced", lines("x,y", "0,1", "1,3", "2,2", "3,5"), np.array([1.0, 3, 2, 5]), {}),
    ("uneven.csv", "pairs x, y, not evenly spaced", lines("x,y", "0,1", "1,3", "4,2"), "formula", {}),
    ("points.csv", "x, y, value on a grid",
     lines("x,y,v", *(f"{i},{j},{GRID[i, j]}" for i in range(3) for j in range(4))), GRID, {}),
    ("terrain.asc", "an ASCII grid",
     lines("ncols 5", "nrows 4", "cellsize 10", *(" ".join(map(str, row)) for row in PICTURE)), TURNED, {}),
    ("holes.asc", "an ASCII grid with a hole",
     lines("ncols 2", "nrows 2", "NODATA_value -9999", "1 2", "-9999 4"), "1 cell marked as holes", {}),
    ("holes.asc", "the same, filled on request",
     lines("ncols 2", "nrows 2", "NODATA_value -9999", "1 2", "-9999 4"), np.array([[0.0, 1], [4, 2]]), {"fill": 0.0}),
    ("grey.png", "8 bits of grey", pillow(PICTURE.astype(np.uint8)), TURNED, {}),
    ("grey.bmp", "the same as BMP", pillow(PICTURE.astype(np.uint8)), TURNED, {}),
    ("grey.gif", "the same as GIF", pillow(PICTURE.astype(np.uint8)), TURNED, {}),
    ("grey.webp", "the same as WebP, lossless", pillow(PICTURE.astype(np.uint8), "RGB", lossless=True), TURNED, {}),
    ("grey.pgm", "the same as PGM", pillow(PICTURE.astype(np.uint8)), TURNED, {}),
    ("deep.png", "16 bits of grey", pillow(DEEP.astype(np.uint16)), np.flipud(DEEP).T, {}),
    ("deep.tif", "the same as TIFF", pillow(DEEP.astype(np.uint16)), np.flipud(DEEP).T, {}),
    ("colours.png", "16 bits of each colour", deep_png, np.flipud(DEEP).T, {"channel": "red"}),
    ("colours.tif", "the same as TIFF",
     tiff(np.stack([DEEP, DEEP + 1, DEEP + 2], axis=-1).astype(np.uint16), photometric="rgb"), np.flipud(DEEP).T + 2,
     {"channel": "blue"}),
    ("doubles.tif", "a TIFF of doubles", tiff(DEEP / 7), np.flipud(DEEP / 7).T, {}),
    ("nodata.tif", "a TIFF whose tag GDAL_NODATA marks a hole",
     tiff(HOLES, extratags=NODATA), "1 pixel marked as holes", {}),
    ("nodata64.tif", "the same of doubles",
     tiff(HOLES.astype(np.float64), extratags=NODATA), "1 pixel marked as holes", {}),
    ("nodata.tif", "the first, filled on request",
     tiff(HOLES, extratags=NODATA), np.where(TURNED == 60, 0, TURNED), {"fill": 0.0}),
    ("grid.mat", "MATLAB 5, one matrix beside other things", matlab, GRID, {}),
    ("grid.nc", "netCDF 3 with even coordinates", netcdf, GRID[:, ::-1], {}),
    ("grid.xlsx", "a spreadsheet", lambda path: path.write_bytes(b"PK"), "files of this ending are not read", {}),
]  # fmt: skip


def file_row(row: tuple[str, str, Callable[[Path], None], Reads, dict[str, Any]], folder: Path) -> str:
    """Write the file, read it, compare with what was written, and prove what the command line would."""
    name, words, write, expected, options = row
    write(folder / name.partition(":")[0])
    given = "".join(f" --{key} {value}" for key, value in options.items())
    start = time.process_time()
    try:
        found = read(str(folder / name), **options)
    except MgdlError as refusal:
        if not isinstance(expected, str) or expected not in str(refusal):
            raise
        said = str(refusal).replace(str(folder) + "/", "").replace("|", "\\|")
        return f"| `{name}{given}` | {words} | - | refused: {said} | - | - |"
    f: Any = found.target
    if isinstance(expected, np.ndarray):
        grid = f.box.from_unit(
            np.stack(np.meshgrid(*[np.linspace(0, 1, n) for n in expected.shape], indexing="ij"), axis=-1)
        )
        if not np.allclose(f(grid.reshape(-1, expected.ndim)), expected.ravel(), rtol=1e-12, atol=0.0):
            raise SystemExit(f"{name} is read as something else")
    elif expected != "formula":
        raise SystemExit(f"{name} is read")
    report = mg.verify(mg.construct(f, found.tol))
    seconds = time.process_time() - start
    shape = " x ".join(map(str, expected.shape)) if isinstance(expected, np.ndarray) else "3 points"
    notes = "; ".join(f.notes).replace("|", "\\|") or "samples as they stand"
    result = f"{report.verdict}, {report.scheme.atoms} atoms"
    return f"| `{name}{given}` | {words} | {shape} | {notes} | {result} | {seconds:.2f} |"


def files() -> Iterator[str]:
    yield from ("| file | what | samples | what is said | result | s |", "|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for row in FILES:
            line = file_row(row, Path(folder))
            print(line, file=sys.stderr, flush=True)
            yield line


def filled(page: str, part: str, lines: list[str]) -> str:
    """The page with these lines between its two marks."""
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    head, mark, rest = page.partition(begin)
    if not mark:
        raise SystemExit(f"{PAGE.name} has no mark {begin}")
    return "\n".join([head + begin, "", *lines, "", end + rest.partition(end)[2]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    options = parser.parse_args()
    parts = {"formulas": list(formulas()), "files": list(files())}
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        for part, lines in parts.items():
            page = filled(page, part, lines)
        write_atomic(str(PAGE), page)
    else:
        print("\n".join(line for lines in parts.values() for line in lines))


if __name__ == "__main__":
    main()
