"""What may be inside a context."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mcc import (
    PASS,
    TCP4,
    UDP4,
    Action,
    CompileError,
    Drop,
    Element,
    FlowClassifier,
    Port,
    Stream,
    chain,
    duplex,
    element,
    ip,
    tcp,
    udp,
)
from mcc.driver import compile_any
from mcc.ir.graphtext import print_graph
from mcc.std import ARPQuerier, PacketStats, StreamCRC, VlanTag


@element(session=TCP4)
class Reads(Element):
    def process_data(self, stream: Stream) -> Action:
        return PASS


@element(session=TCP4 | UDP4)
class Both(Element):
    def process_data(self, stream: Stream) -> Action:
        return PASS


@pytest.mark.parametrize("context", [tcp, udp, ip])
def test_around_nothing(context: Callable[..., Any]) -> None:
    with pytest.raises(CompileError, match=r"\(\) is around nothing"):
        context([])


@pytest.mark.parametrize(("outer", "inner", "text"), [
    (tcp, tcp, r"tcp\(\) is inside tcp\(\)"), (udp, udp, r"udp\(\) is inside udp\(\)"), (tcp, ip, r"ip\(\) is inside tcp\(\)")])
def test_a_context_inside_its_like(outer: Callable[..., Any], inner: Callable[..., Any], text: str) -> None:
    with pytest.raises(CompileError, match=text):
        outer([Reads(), inner(Reads())])


def test_elements_in_a_row() -> None:
    assert len(tcp([Reads(), Reads()]).linear) == 4


def between(box: Callable[[], Any]) -> str:
    """The graph of a duplex of lan and wan."""
    def made() -> Iterator[Any]:
        yield duplex(Port("lan"), box(), Port("wan"))

    return print_graph(compile_any(chain(made)).graph)


@pytest.mark.parametrize(("linked", "written"), [
    (lambda: PacketStats() >> ~Reads(), lambda: PacketStats() >> tcp(Reads())),
    (lambda: ~Reads(), lambda: tcp(Reads())),
    (lambda: ~Reads() >> PacketStats(), lambda: tcp(Reads()) >> PacketStats()),
    (lambda: VlanTag(1) >> ~Reads() >> Reads() >> VlanTag(2), lambda: VlanTag(1) >> tcp([Reads(), Reads()]) >> VlanTag(2)),
    (lambda: tcp(Reads()) >> ~Reads(), lambda: tcp(Reads()) >> tcp(Reads())),
])
def test_a_context_link_in_a_duplex_puts_in_what_is_missing(linked: Callable[[], Any], written: Callable[[], Any]) -> None:
    assert between(linked) == between(written)


def test_the_text_form_of_it() -> None:
    text = chain("duplex(lan, PacketStats() ~> Reads() -> VlanTag(1), wan)", name="made")
    assert print_graph(compile_any(text).graph) == between(lambda: PacketStats() >> tcp(Reads()) >> VlanTag(1))


@pytest.mark.parametrize(("box", "text"), [
    (lambda: PacketStats() >> ~StreamCRC(), "could mean tcp or udp"),
    (lambda: VlanTag(1) >> ~PacketStats(), "packets outside its class go by it"),
    (lambda: ARPQuerier(1, 2)[1], "one way in and one out"),
    (lambda: VlanTag(1) >> ARPQuerier(1, 2)[1:0] >> VlanTag(2), "one way in and one out"),
    (lambda: tcp([Reads(), Drop()]), r"Drop\(\) stands between the ends of TCPIn"),
    (lambda: tcp([FlowClassifier(), Reads()]), r"FlowClassifier\(\) stands between the ends of TCPIn"),
    (lambda: tcp([Reads(), Port("x")]), "port 'x' stands between the ends of TCPIn"),
    (lambda: udp(tcp(Both())), "TCPIn stands between the ends of UDPIn"),
])
def test_what_cannot_be_in_a_duplex(box: Callable[[], Any], text: str) -> None:
    with pytest.raises(CompileError, match=text):
        between(box)


def test_contexts_of_one_layer_are_not_nested_in_texts_either() -> None:
    with pytest.raises(CompileError, match="TCPIn2 stands between the ends of TCPIn"):
        compile_any(chain("lan -> TCPIn -> TCPIn ~> Reads() -> TCPOut -> TCPOut -> wan"))


def test_a_context_that_is_not_there_yet_is_no_port() -> None:
    with pytest.raises(CompileError, match="HTTPIn is a stream context, which this version does not have"):
        chain("lan ~> HTTPIn ~> Reads() ~> HTTPOut -> wan").graph()
