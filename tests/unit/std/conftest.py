"""Makes kit.py importable, and runs each test on both backends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(params=["c", "python"])
def backend(request: pytest.FixtureRequest) -> str:
    """"c": the compiled chain; "python": the reference."""
    return str(request.param)
