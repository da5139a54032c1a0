"""Shared fixtures: where the evaluation data lies, and whether the language model has been fetched."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Speed says something about the machine, not about the code: no timed verdicts in tests.
settings.register_profile("winnow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("winnow")

ROOT = Path(__file__).resolve().parent.parent
SLOW_SECONDS = 7_200  # what ends a slow test that hangs; a busy machine may take its time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A slow test may take longer than the suite's own limit, unless it says otherwise itself."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The evaluation data (WINNOW_DATA, default ../shared/data); tests that need it skip where it is absent."""
    folder = Path(os.environ.get("WINNOW_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no evaluation data at {folder}; set WINNOW_DATA")
    return folder


@pytest.fixture(scope="session")
def language_model() -> Path:
    """The language model `make` has fetched; tests that need it skip without."""
    from stages.language_model import find

    try:
        return Path(find())
    except Exception as error:
        pytest.skip(f"{error}")
