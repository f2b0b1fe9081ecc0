"""Runs each test of an element on both backends."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["c", "python"])
def backend(request: pytest.FixtureRequest) -> str:
    """"c": the compiled chain; "python": the reference."""
    return str(request.param)
