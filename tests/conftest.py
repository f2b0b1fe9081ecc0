"""What all tests share: where the repository and the shared test data are, options, Hypothesis profiles."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"

if not os.environ.get("MCC_NIGHTLY"):
    os.environ.setdefault("MCC_OPTIMIZE", "-O1")  # half of the time of a test run is the C compiler's

settings.register_profile("default", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("nightly", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nightly" if os.environ.get("MCC_NIGHTLY") else "default")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--run-slow", action="store_true", help="also tests marked slow")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--run-slow"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run by make nightly"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def examples() -> Path:
    return ROOT / "examples"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Captures and vectors that are kept beside the repository; skips where they are not."""
    if not SHARED.is_dir():
        pytest.skip("there is no ../shared beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def captures(shared: Path) -> list[Path]:
    """All shared captures."""
    return sorted(p for p in (shared / "captures").iterdir() if p.suffix in (".pcap", ".pcapng"))


@pytest.fixture(scope="session")
def tshark() -> str:
    """The path of tshark; skips where it is not installed."""
    found = shutil.which("tshark")
    if found is None:
        pytest.skip("tshark is not there: apt install tshark")
    return found
