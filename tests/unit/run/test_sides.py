"""Which packets belong to sessions of a chain."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mcc import PASS, Action, Element, Port, Stream, chain, duplex, element, tcp, udp
from mcc.lang.classes import ICMP, IP, TCP, UDP, VLAN, Icmp, Ip, Net, Tcp, Vlan
from mcc.lang.session import TCP4, UDP4, Session
from mcc.run.module import sessions_of
from mcc.run.sides import ADDRESSES, NONE, PORTS, sides

PAIR = Session(Ip.src, Ip.dst, bidirectional=True, timeout=60)


@pytest.mark.parametrize(("sessions", "wanted"), [
    ([], (NONE, NONE, NONE, 0)),
    ([TCP4], (PORTS, NONE, NONE, TCP4.timeout)),
    ([UDP4], (NONE, PORTS, NONE, UDP4.timeout)),
    ([TCP4 | UDP4], (PORTS, PORTS, NONE, min(TCP4.timeout, UDP4.timeout))),
    ([PAIR], (ADDRESSES, ADDRESSES, ADDRESSES, 60)),
    ([PAIR, TCP4], (PORTS, ADDRESSES, ADDRESSES, 60)),
    ([Session(Ip.src, Ip.dst, where=TCP, bidirectional=True)], (ADDRESSES, NONE, NONE, 300)),
    ([Session(Ip.src, Ip.dst, where=IP & ~UDP & ~TCP, bidirectional=True)], (NONE, NONE, ADDRESSES, 300)),
    ([Session(Net.src, Net.dst, Icmp.id, where=ICMP, bidirectional=True, timeout=0)], (NONE, NONE, ADDRESSES, 0)),
    ([Session(Ip.src, Ip.dst, Tcp.sport, Tcp.dport, where=TCP & (Tcp.dport == 80), bidirectional=True)],
     (PORTS, NONE, NONE, 300)),
    ([Session(Ip.src, Ip.dst, Tcp.sport, Tcp.dport, where=IP, bidirectional=True)], (PORTS, PORTS, NONE, 300)),
    ([Session(Ip.src, Ip.dst)], (NONE, NONE, NONE, 0)),
    ([Session(Vlan.vid, where=VLAN)], (NONE, NONE, NONE, 0)),
])
def test_sides(sessions: list[Session], wanted: tuple[int, int, int, float]) -> None:
    assert sides(sessions) == wanted


def test_a_context_has_sessions_of_its_own() -> None:
    """Of both directions, though its element's are of one."""
    @element(session=Session(Ip.src, Ip.dst))
    class Reads(Element):
        def process_data(self, stream: Stream) -> Action:
            return PASS

    @chain
    def inspected() -> Iterator[Any]:
        yield duplex(Port("lan"), tcp(Reads()) >> udp(Reads(), timeout=7), Port("wan"))

    assert sides(sessions_of(inspected.graph())) == (PORTS, PORTS, NONE, 7)
