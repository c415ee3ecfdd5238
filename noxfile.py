"""The test suite on other Pythons and at the lowest versions that pyproject.toml allows."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import nox

nox.options.sessions = ["tests"]


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    session.install("--constraint", "constraints.txt", "--editable", ".[test]")
    session.run("python", "-m", "pytest", "-n", "2", *session.posargs)


@nox.session(python="3.11")
def lowest(session: nox.Session) -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *extras["arb"], *extras["crival"]]
    floors = [re.sub(r">=([0-9.]+).*", r"==\1.*", line) for line in asked]
    session.install("--editable", ".[test]", *floors)
    # an old release may use what a newer one below it deprecates
    session.run("python", "-m", "pytest", "-n", "2", "-W", "default::DeprecationWarning", *session.posargs)
