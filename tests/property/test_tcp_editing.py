"""The 28 properties on chains that read and edit TCP streams, compiled.

MCC_NIGHTLY=1: 10,000 dialogues each. MCC_DIALOGUES: another number of them. MCC_SEED: others (`make nightly` takes the day).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from mcc import PASS, TCP4, Action, Chain, Counter, Element, Port, Stream, chain, duplex, element, struct, tcp, u64
from mcc.testing import Property, Subject, check_property, identity, properties, subject_of
from mcc.testing.checking import FAILED

EXAMPLES = int(os.environ.get("MCC_DIALOGUES", "10000" if os.environ.get("MCC_NIGHTLY") else "30"))
SEED = int(os.environ.get("MCC_SEED", "0"))


@struct
class Seen:
    bytes: u64 = 0


@element(session=TCP4, scratch=Seen)
class Count(Element):
    def process_data(self, s: Seen, stream: Stream) -> Action:
        for c in stream.chunks():
            s.bytes += len(c)
        return PASS


@element(session=TCP4)
class Words(Element):
    """`text` for every `word`; with `stars` an asterisk for each of its bytes."""

    word: bytes
    text: bytes = b""
    stars: bool = False

    def setup(self) -> None:
        self.found = Counter()

    def process_data(self, stream: Stream) -> Action:
        for m in stream.matches(self.word):
            self.found += 1
            if self.stars:
                stream.mask(m, 42)
            else:
                stream.replace(m, self.text)
        return PASS


def box(*elements: Any) -> Chain:
    def make() -> Iterator[Any]:
        yield duplex(Port("lan"), tcp(list(elements)), Port("wan"))
    return chain(make)


def replaces(word: bytes, text: bytes) -> Any:
    """T, and its edits as (x, removed, inserted)."""
    def transform(data: bytes) -> bytes:
        return data.replace(word, text)

    def edits(data: bytes) -> list[tuple[int, int, int]]:
        out, at = [], data.find(word)
        while at >= 0:
            out.append((at, len(word), len(text)))
            at = data.find(word, at + len(word))
        return out
    return transform, edits



CASES: dict[str, tuple[Chain, Any, Any, tuple[bytes, ...]]] = {
    "reads": (box(Count()), identity, None, (b"ab",)),
    "masks": (box(Words(b"ab", stars=True)), lambda d: d.replace(b"ab", b"**"), None, (b"ab", b"a", b"b")),
    "grows": (box(Words(b"ab", b"<longer>")), *replaces(b"ab", b"<longer>"), (b"ab", b"a", b"b")),
    "shrinks": (box(Words(b"abcd", b"-")), *replaces(b"abcd", b"-"), (b"abcd", b"ab", b"cd")),
    "removes": (box(Words(b"xyz")), *replaces(b"xyz", b""), (b"xyz", b"xy", b"z")),
    "reads between": (box(Count(), Words(b"xyz", b"1234"), Count()), *replaces(b"xyz", b"1234"), (b"xyz", b"xy", b"z")),
}


@pytest.fixture(scope="module", params=sorted(CASES))
def subject(request: pytest.FixtureRequest) -> tuple[str, Subject]:
    c, transform, edits, tokens = CASES[request.param]
    return request.param, subject_of(c, transform=transform, edits=edits, tokens=tokens)


@pytest.mark.parametrize("prop", properties, ids=lambda p: f"{p.number}")
def test_property(subject: tuple[str, Subject], prop: Property) -> None:
    _, it = subject
    result = check_property(it, prop, examples=EXAMPLES, seed=SEED)
    assert result.outcome != FAILED, f"{result}\nMCC_DIALOGUES={EXAMPLES} MCC_SEED={SEED}"
