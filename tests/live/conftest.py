"""A network for a test, and why there is none."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.net import Net, missing


@pytest.fixture(scope="session")
def possible() -> None:
    reason = missing()
    if reason:
        pytest.skip(reason)


@pytest.fixture
def net(possible: None, tmp_path: Path) -> Iterator[Callable[..., Net]]:
    """Makes networks; they are gone after the test, however it ends."""
    made: list[Net] = []

    def make(**how: Any) -> Net:
        made.append(Net(tmp_path, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


def needs(tool: str, package: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not there: apt install {package}")
