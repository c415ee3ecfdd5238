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
import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
from mpmath import mpf

import mgdl_theory as mg
from mgdl_theory.archive import write_atomic
from mgdl_theory.certificate import check
from mgdl_theory.errors import MgdlError
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
        "In the place of floor, mod and sign stand the pieces between the jumps.",
        [
            ("abs(40*x - 2*floor((40*x + 1)/2))", [0, 1], "1e-2",
             lambda x: abs(40 * x - 2 * m.floor((40 * x + 1) / 2))),
            ("abs(mod(x, 2) - 1)", [0, 6], "1e-2", lambda x: abs(x - 2 * m.floor(x / 2) - 1)),
            ("floor(x) + frac(x)**2", [0, "5/2"], "1e-2", lambda x: m.floor(x) + (x - m.floor(x)) ** 2),
            ("sin(pi*x)*floor(x)", [0, "7/2"], "1e-2", lambda x: m.sinpi(x) * m.floor(x)),
            ("sign(x)*x**2", [-1, 1], "1e-2", lambda x: x * abs(x)),
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
    given = [
        mpf(end) if isinstance(end, int) else eval(str(end), {"pi": m.pi, "sqrt": m.sqrt})
        for end in domain
    ]
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
    parts = {"formulas": list(formulas())}
    if options.write:
        page = PAGE.read_text(encoding="utf-8")
        for part, lines in parts.items():
            page = filled(page, part, lines)
        write_atomic(str(PAGE), page)
    else:
        print("\n".join(line for lines in parts.values() for line in lines))


if __name__ == "__main__":
    main()
