"""The 28 properties on chains that only pass packets, through both backends. MCC_NIGHTLY=1: 10,000 dialogues each."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mcc import Port, chain, duplex
from mcc.std import PacketStats
from mcc.testing import Property, Subject, check_property, identity, properties, subject_of
from mcc.testing.checking import FAILED

EXAMPLES = int(os.environ.get("MCC_DIALOGUES", "10000" if os.environ.get("MCC_NIGHTLY") else "25"))
SEED = int(os.environ.get("MCC_SEED", "0"))
FEWER = {"c": 1, "python": 5}
"""The reference is slower: a fifth of the dialogues."""


@chain
def plain():  # type: ignore[no-untyped-def]
    yield duplex(Port("lan"), PacketStats(), Port("wan"))


@pytest.fixture(scope="module", params=["c", "python"])
def subject(request: pytest.FixtureRequest) -> tuple[str, Subject]:
    return request.param, subject_of(plain, transform=identity, backend=request.param, tokens=[b"ATTACK"])


@pytest.mark.parametrize("prop", properties, ids=lambda p: f"{p.number}")
def test_plain_chain(subject: tuple[str, Subject], prop: Property) -> None:
    backend, it = subject
    result = check_property(it, prop, examples=max(1, EXAMPLES // FEWER[backend]), seed=SEED)
    assert result.outcome != FAILED, f"{result}\nMCC_DIALOGUES={EXAMPLES} MCC_SEED={SEED} pytest {Path(__file__).name} -k '{prop.number}'"
    assert (result.outcome == "not applicable") == (prop.number in (19, 23))


def test_unknown_transform() -> None:
    """Without a transform the stream over a clean wire is the measure."""
    it = subject_of(plain, backend="c")
    for prop in properties:
        result = check_property(it, prop, examples=max(1, EXAMPLES // 5))
        assert result.outcome != FAILED, str(result)


