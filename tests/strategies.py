"""Hypothesis strategies that the tests share."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from hypothesis import strategies as st

LETTERS = ("x", "y", "z", "w")
SMOOTH = ("sin", "cos", "exp", "atan", "tanh", "sinh", "cosh", "cbrt", "abs", "tan")
PARTIAL = ("log", "sqrt", "asin", "acos", "div", "powq", "pow")
BINARY = ("+", "-", "*", "min", "max")


def names(dim: int) -> tuple[str, ...]:
    """The variables of a formula in ``dim`` variables."""
    return LETTERS[:dim] if dim <= 4 else tuple(f"x{k + 1}" for k in range(dim))


def rationals(size: int = 20) -> st.SearchStrategy[Fraction]:
    """Small rational numbers, dyadic and not."""
    return st.builds(Fraction, st.integers(-size, size), st.integers(1, size))


@st.composite
def literals(draw: st.DrawFn) -> str:
    """A number as people write it."""
    n, m = draw(st.integers(0, 20)), draw(st.integers(1, 12))
    forms = (f"{n}", f"{n / 8}", f"{n}.{m}", f"({n}/{m})", f"{m}e-1", ".5", "pi", "e")
    return draw(st.sampled_from(forms))


def expressions(
    dim: int, functions: Sequence[str] = SMOOTH + PARTIAL, max_leaves: int = 8, exact: bool = False
) -> st.SearchStrategy[str]:
    """Texts of formulas in ``dim`` variables, most of them defined on the whole of [0, 1]^dim.

    Functions of ``PARTIAL`` get arguments that stay in their domain, sometimes up to its border.
    ``exact`` leaves out everything but rational arithmetic, abs, min and max.
    """
    variable = st.sampled_from(names(dim))
    leaves = variable | variable | (rationals().map(lambda q: f"({q})") if exact else literals())
    kinds = (*BINARY, "int power", "neg", *(("abs",) if exact else functions))
    return st.recursive(leaves, lambda inner: _compound(inner, variable, kinds), max_leaves=max_leaves)


@st.composite
def _compound(
    draw: st.DrawFn, inner: st.SearchStrategy[str], variable: st.SearchStrategy[str], kinds: Sequence[str]
) -> str:
    kind, u = draw(st.sampled_from(kinds)), draw(inner)
    if kind in ("min", "max"):
        return f"{kind}({u}, {draw(inner)})"
    if kind in BINARY:
        return f"({u} {kind} {draw(inner)})"
    if kind == "int power":
        return f"({u})**{draw(st.integers(2, 4))}"
    if kind == "neg":
        return f"-({u})"
    v = draw(variable)
    bounded = draw(st.sampled_from((v, f"sin({u})", f"tanh({u})")))
    nonnegative = draw(st.sampled_from((v, f"({u})**2", f"abs({u})")))
    positive = f"({nonnegative} + {draw(st.sampled_from(('1/8', '0.3', '1', '2')))})"
    return {
        "exp": f"exp(2*{bounded})",
        "sinh": f"sinh(2*{bounded})",
        "cosh": f"cosh(2*{bounded})",
        "tan": f"tan({bounded})",
        "asin": f"asin({bounded})",
        "acos": f"acos({bounded})",
        "log": f"log({positive})",
        "sqrt": draw(st.sampled_from((f"sqrt({nonnegative})", f"sqrt(1 - {v}**2)"))),
        "div": f"({u})/{positive}",
        "powq": f"({nonnegative})**{draw(st.sampled_from(('(1/2)', '(3/2)', '(2/3)', '(5/3)', '0.1', '2.5')))}",
        "pow": draw(st.sampled_from((f"{positive}**{bounded}", f"{positive}**(-1/2)"))),
    }.get(kind, f"{kind}({u})")
