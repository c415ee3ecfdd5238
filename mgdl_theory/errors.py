"""Errors: wrong input raises one of these; an unproved claim is a verdict, never an exception."""

from __future__ import annotations

from typing import NoReturn


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


def shown(value: object, length: int = 60) -> str:
    """What was given, for a message: its repr on one line, or its type where it has none.

    >>> shown("1e400"), shown(0.5)
    ("'1e400'", '0.5')
    """
    try:
        text = " ".join(repr(value[: length + 1] if isinstance(value, str) else value).split())
    except Exception:  # noqa: BLE001 - an object of somebody else may raise anything
        return f"an object of type {type(value).__name__}"
    return text if len(text) <= length + 3 else text[:length] + "..."


def told(error: BaseException) -> str:
    """Type and text of an exception of foreign code, on one line.

    >>> told(ValueError("no number"))
    'ValueError: no number'
    """
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - as above
        text = ""
    return f"{type(error).__name__}: {text[:300]}".removesuffix(": ")
