"""Warnings about a whole chain: what is rewritten in front of a class that tests it (LANGUAGE.md 2.6, check 7)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mcc import ANY, PASS, TCP, Action, Drop, Element, FlowClassifier, Packet, Port, Tcp, chain, element
from mcc.driver import compile_any
from mcc.std import VlanTag


@element(cls=TCP)
class Rewrites(Element):
    def process_packet(self, pkt: Packet) -> Action:
        pkt.tcp.dport = 8080
        return PASS


@element(cls=Tcp.dport == 8080)
class Proxied(Element):
    def process_packet(self, pkt: Packet) -> Action:
        return PASS


def warnings(path: Callable[[], Any]) -> list[str]:
    def made() -> Iterator[Any]:
        yield Port("lan") >> path() >> Port("wan")

    return [d.message for d in compile_any(chain(made)).report.items if d.severity == "warning"]


@pytest.mark.parametrize(("path", "text"), [
    (lambda: Rewrites() >> Proxied(), "the class of Proxied tests l4.dport, which Rewrites rewrites before"),
    (lambda: Rewrites() >> ~Proxied(), "the class of Proxied tests l4.dport, which Rewrites rewrites before"),
    (lambda: Rewrites() >> {Tcp.dport == 8080: VlanTag(1), ANY: Drop()},
     "this link goes by l4.dport, which Rewrites rewrites before"),
    (lambda: Rewrites() >> VlanTag(2) >> {Tcp.dport == 8080: VlanTag(1), ANY: Drop()},
     "this link goes by l4.dport, which Rewrites rewrites before"),
])
def test_a_class_behind_what_it_tests_is_rewritten(path: Callable[[], Any], text: str) -> None:
    assert [w[:len(text)] for w in warnings(path)] == [text]


@pytest.mark.parametrize("path", [
    lambda: Rewrites() >> FlowClassifier() >> Proxied(),
    lambda: Rewrites() >> FlowClassifier() >> {Tcp.dport == 8080: VlanTag(1), ANY: Drop()},
    lambda: Rewrites() >> {Tcp.sport == 8080: VlanTag(1), ANY: Drop()},
    lambda: Proxied() >> Rewrites(),
    lambda: VlanTag(2) >> {Tcp.dport == 8080: Rewrites(), ANY: Drop()},
])
def test_no_warning_where_it_does_not_matter(path: Callable[[], Any]) -> None:
    assert not warnings(path)
