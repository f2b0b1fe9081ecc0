"""Elements in a row in one context are boxes in series: what one takes out whole is no call of the next."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from mcc import PASS, TCP4, Action, Counter, Element, Port, Stream, chain, duplex, element, tcp
from mcc.api import Module
from mcc.driver import compile_chain
from mcc.std import WordMatcher
from tests.unit.contexts.talk import Talk


@element(session=TCP4)
class Calls(Element):
    """Counts its calls."""

    def setup(self) -> None:
        self.calls = Counter()

    def process_data(self, stream: Stream) -> Action:
        self.calls += 1
        return PASS


@element(session=TCP4)
class Marks(Element):
    """b"!" in front of what each call brings; with a hold, b"h" stays for the next call."""

    def setup(self) -> None:
        self.calls = Counter()

    def process_data(self, stream: Stream) -> Action:
        self.calls += 1
        stream.insert(stream.mark(), b"!")
        for b in stream:
            if b == 104:
                stream.hold(stream.mark())
        return PASS


@cache
def module(*kinds: type[Element]) -> Module:
    def made() -> Iterator[Any]:
        yield duplex(Port("lan"), tcp([WordMatcher(b"gone"), *(k() for k in kinds)]), Port("wan"))

    return Module(compile_chain(chain(made)), level="-O0")


def counted(talk: Talk, name: str) -> int:
    return int(talk.box.stats()["elements"][name]["counters"]["calls"])


@pytest.mark.parametrize("kinds", [(Calls,), (Marks,), (Marks, Calls)])
def test_a_segment_that_is_removed_is_no_call(monkeypatch: pytest.MonkeyPatch, kinds: tuple[type[Element], ...]) -> None:
    monkeypatch.setattr("tests.unit.contexts.talk.module", lambda text: module(*kinds))
    talk = Talk(None)
    talk.client(0, b"one")
    out = talk.client(3, b"gone")
    assert not b"".join(s.payload for s in out)
    talk.client(7, b"two")
    assert [counted(talk, k.__name__) for k in kinds] == [2] * len(kinds)


def test_what_is_held_stays_when_nothing_is_left_of_the_next_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.unit.contexts.talk.module", lambda text: module(Marks))
    talk = Talk(None)
    assert not [s for s in talk.client(0, b"ahb") if s.payload]
    assert not [s for s in talk.client(3, b"gone") if s.payload]
    assert [b"".join(s.payload for s in talk.client(7, b"two"))] == [b"!ahb!two"]
    assert counted(talk, "Marks") == 2
