"""The calls that are measured: expression, domain, tolerance, lift, and what must come out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One call of ``mgdl-theory verify`` with the largest number of atoms that it may take."""

    expr: str
    tol: str
    lift: str = "auto"
    domain: tuple[str, ...] = ("0", "1")
    max_atoms: int | None = None


CASES = (
    Case("sin(10*x)*exp(-x)", "1e-4"),
    Case("sin(10*x)*exp(-x)", "1e-6", "none", max_atoms=6_500),
    Case("sin(10*x)*exp(-x)", "1e-6", "-1.25", max_atoms=6_500),
    Case("sin(10*x)*exp(-x)", "1e-9", "-1.25", max_atoms=200_000),
    Case("sqrt(x)", "1e-4"),
    Case("abs(x-1/3)", "1e-6"),
    Case("max(sin(7*x), x**2)", "1e-5"),
    Case("x**2-0.3", "1e-6"),
    Case("1/(1+25*(2*x-1)**2)", "1e-6"),
    Case("sin(6*x)*cos(5*y)+exp(-x*y)", "1e-3", "none", max_atoms=40_000),
    Case("sin(6*x)*cos(5*y)+exp(-x*y)", "1e-4", "-1.25", max_atoms=300_000),
    Case("sin(3*x)*cos(2*y)+exp(-x*z)", "1e-3", "-1.25", max_atoms=320_000),
    Case("x*y*z*w", "0.2", domain=("-1", "1")),
)

REFUSED = (
    ("1/x",),
    ("log(x)",),
    ("floor(x)",),
    ("x+",),
    ("__import__('os')",),
    ("9**9**9**9",),
    ("x", "--domain", "1", "0"),
    ("x", "--tol", "0"),
    ("x", "--tol", "nan"),
)
"""Calls that must end with exit code 2 and one sentence."""
