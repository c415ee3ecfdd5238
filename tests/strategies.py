"""Hypothesis strategies that the tests share."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from hypothesis import strategies as st

LETTERS = ("x", "y", "z", "w")
SMOOTH = ("sin", "cos", "exp", "atan", "tanh", "sinh", "cosh", "cbrt", "abs", "tan")
SPECIAL = ("erf", "erfc", "ncdf", "j0", "j1", "sinc", "sigmoid", "softplus", "asinh", "expm1")
SPECIAL_PARTIAL = ("gamma", "lgamma", "lambertw", "log1p", "atan2")
PARTIAL = ("log", "sqrt", "asin", "acos", "div", "powq", "pow")
ARITHMETIC = ("+", "-", "*", "min", "max", "**", "neg")


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
    return draw(st.sampled_from((f"{n}", f"{n / 8}", f"{n}.{m}", f"({n}/{m})", f"{m}e-1", ".5", "pi", "e")))


@st.composite
def expressions(  # noqa: C901 - a branch for every operator
    draw: st.DrawFn,
    dim: int,
    functions: Sequence[str] = SMOOTH + PARTIAL + SPECIAL + SPECIAL_PARTIAL + ("hypot",),
    max_operations: int = 10,
    exact: bool = False,
    daring: bool = False,
) -> str:
    """Texts of formulas in ``dim`` variables, most of them defined on the whole of [0, 1]^dim.

    Functions of ``PARTIAL`` get arguments that stay in their domain, sometimes up to its border; with
    ``daring`` some get any argument.  ``exact`` leaves only rational arithmetic, abs, min and max.
    """
    kinds = (*ARITHMETIC, "abs") if exact else (*ARITHMETIC, *functions)

    def leaf() -> str:
        if draw(st.integers(0, 3)):
            return draw(st.sampled_from(names(dim)))
        return f"({draw(rationals())})" if exact else draw(literals())

    def formula(operations: int) -> str:
        if operations < 1:
            return leaf()
        kind = draw(st.sampled_from(kinds))
        if kind in ("+", "-", "*", "min", "max", "hypot"):
            left = draw(st.integers(0, operations - 1))
            u, v = formula(left), formula(operations - 1 - left)
            return f"{kind}({u}, {v})" if kind in ("min", "max", "hypot") else f"({u} {kind} {v})"
        u = formula(operations - 1)
        if kind == "**":
            return f"({u})**{draw(st.integers(2, 4))}"
        if kind == "neg":
            return f"-({u})"
        if kind == "div":
            return f"({u})/{positive(leaf(), u)}"
        if daring and kind in PARTIAL and not draw(st.integers(0, 3)):
            return dared(kind, u)
        return applied(kind, u)

    def choice(*options: str) -> str:
        return draw(st.sampled_from(options))

    def bounded(u: str) -> str:
        return choice(draw(st.sampled_from(names(dim))), f"sin({u})", f"tanh({u})")

    def nonnegative(v: str, u: str) -> str:
        return choice(f"({u})**2", f"abs({u})", f"({v})**2")

    def positive(v: str, u: str) -> str:
        return f"({nonnegative(v, u)} + {choice('1/8', '0.3', '1', '2')})"

    def dared(kind: str, u: str) -> str:
        return {"pow": f"({u})**{leaf()}", "powq": f"({u})**{choice('(3/2)', '(-1/2)')}"}.get(kind, f"{kind}({u})")

    def special(kind: str, u: str) -> str:
        if kind == "atan2":
            return f"atan2({u}, {positive(leaf(), u)})"
        if kind in ("gamma", "lgamma"):
            return f"{kind}({draw(st.sampled_from(('1.5', '3', '20.25')))} + {bounded(u)})"
        if kind in SPECIAL_PARTIAL:
            return f"{kind}({nonnegative(leaf(), bounded(u))} - {choice('0', '0.25', '0.3')})"
        return f"{kind}({choice('1', '3', '7.25')}*{bounded(u)})"

    def applied(kind: str, u: str) -> str:
        if kind in (*SPECIAL, *SPECIAL_PARTIAL):
            return special(kind, u)
        if kind in ("exp", "sinh", "cosh"):
            return f"{kind}(2*{bounded(u)})"
        if kind in ("tan", "asin", "acos"):
            return f"{kind}({bounded(u)})"
        if kind == "log":
            return f"log({positive(leaf(), u)})"
        if kind == "sqrt":
            return f"sqrt({choice(nonnegative(leaf(), u), f'1 - {bounded(u)}**2')})"
        if kind == "powq":
            return f"({nonnegative(leaf(), u)})**{choice('(1/2)', '(3/2)', '(2/3)', '(5/3)', '0.1', '2.5')}"
        if kind == "pow":
            return f"{positive(leaf(), u)}**{choice(bounded(u), '(-1/2)', '(-2)')}"
        return f"{kind}({u})"

    return formula(draw(st.integers(0, max_operations)))
