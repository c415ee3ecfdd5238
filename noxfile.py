#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox>=2025.5.1"]
# ///
"""The test suite on other Pythons and at the lowest versions that pyproject.toml allows."""

from __future__ import annotations

import re

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"

PROJECT = nox.project.load_toml("pyproject.toml")
TEST = nox.project.dependency_groups(PROJECT, "test")


@nox.session(python=["3.11", "3.12", "3.13", "3.14"])
def tests(session: nox.Session) -> None:
    """The suite with the pinned versions."""
    session.install("--constraint", "constraints.txt", "--editable", ".[all]", *TEST)
    session.run("python", "-m", "pytest", "-n", "2", *session.posargs)


@nox.session(python="3.11", default=False)
def lowest(session: nox.Session) -> None:
    """The suite with the lowest version of every dependency that users choose."""
    extras = PROJECT["project"]["optional-dependencies"]
    asked = [*PROJECT["project"]["dependencies"], *extras["arb"], *extras["crival"]]
    floors = [re.sub(r">=([0-9.]+).*", r"==\1.*", line) for line in asked]
    session.install("--editable", ".[all]", *TEST, *floors)
    # an old release may use what a newer one below it deprecates
    session.run("python", "-m", "pytest", "-n", "2", "-W", "default::DeprecationWarning", *session.posargs)


if __name__ == "__main__":
    nox.main()
