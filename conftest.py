"""What every test, example and notebook of the suite has: the profiles of Hypothesis, and no open figures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("MPLBACKEND", "Agg")

settings.register_profile("default", deadline=None, derandomize=True, max_examples=50)
settings.register_profile(
    "deep",
    deadline=None,
    derandomize=False,
    max_examples=5000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
settings.load_profile(PROFILE)


@pytest.fixture(autouse=True)
def no_open_figures() -> Iterator[None]:
    """Close the figures that a test or an example has opened."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def pytest_report_header() -> str:
    """Name the profile above the results."""
    return f"hypothesis profile: {PROFILE}, {settings.default.max_examples} examples"


collect_ignore = ["mgdl_theory/plots.py"]
"""An old name, whose import is a warning."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the long searches unless the profile asks for them."""
    if PROFILE == "deep":
        return
    for item in items:
        if item.get_closest_marker("deep"):
            item.add_marker(pytest.mark.skip(reason="a long search: make deep"))
