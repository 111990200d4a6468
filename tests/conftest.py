"""What every test shares: a home of its own, and no silent skips where a machine is meant to run everything."""

import os
from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings

# The same change meets the same examples everywhere; `pytest --hypothesis-profile=random` looks for new ones.
settings.register_profile("repeatable", derandomize=True)
settings.register_profile("random")
settings.load_profile("repeatable")

REQUIRED = frozenset(filter(None, os.environ.get("THALWEG_REQUIRE", "").split(",")))


@pytest.fixture(autouse=True, scope="session")
def _own_data_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's own store out of the tests: whatever opens the default store gets a fresh one."""
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
    yield
    patch.undo()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where ``THALWEG_REQUIRE`` names one of the test's markers."""
    report = yield
    required = sorted(REQUIRED.intersection(mark.name for mark in item.iter_markers()))
    if report.skipped and not hasattr(report, "wasxfail") and required:
        report.outcome = "failed"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.longrepr = f"skipped although THALWEG_REQUIRE names {', '.join(required)}: {reason}"
    return report
