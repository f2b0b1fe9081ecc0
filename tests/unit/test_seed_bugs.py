"""The seeded bugs still fit the code: each one's text is there, so that `make seed-bugs` tries all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import seed_bugs, seed_tcp_bugs

ROOT = Path(__file__).parents[2]
BUGS = [*seed_bugs.BUGS, *seed_tcp_bugs.BUGS]


@pytest.mark.parametrize("bug", BUGS, ids=lambda b: b.name)
def test_it_can_be_put_in(bug: seed_bugs.Bug) -> None:
    assert bug.old in (ROOT / bug.file).read_text() and bug.old != bug.new
