"""Errors: wrong input raises one of these; an unproved claim is a verdict, never an exception."""

from __future__ import annotations

from typing import NoReturn

__all__ = [
    "AssumptionError",
    "BudgetError",
    "CertificateError",
    "DomainError",
    "ExpressionError",
    "Interrupt",
    "MgdlError",
    "OptionError",
    "SchemeError",
    "TargetError",
    "interrupt",
]


class MgdlError(ValueError):
    """Base of every error that wrong input can raise; its text quotes what was given and what to do."""


class ExpressionError(MgdlError):
    """A formula is not in the language of targets, or is too large; names the offending piece."""


class DomainError(MgdlError):
    """A domain is not a box with finite, ordered sides."""


class TargetError(MgdlError):
    """A target is undefined or unbounded somewhere on its domain; names the operation and the place."""


class OptionError(MgdlError):
    """A tolerance, budget or other option is out of range."""


class SchemeError(MgdlError):
    """The data of a scheme are malformed (levels, node indices or coefficients)."""


class BudgetError(MgdlError):
    """Exact arithmetic or memory is exhausted; carries the reason a run had to stop."""


class CertificateError(MgdlError):
    """A certificate cannot be made of what was given, or a file is not a well-formed certificate; says why."""


class Interrupt(KeyboardInterrupt):
    """Ctrl-C at the command line; a KeyboardInterrupt that the code of a user raises is none."""


class AssumptionError(RuntimeError):
    """A floating-point assumption that the proofs rest on does not hold in this process."""


def interrupt(*_: object) -> NoReturn:
    """The handler of Ctrl-C at the command line."""
    raise Interrupt
