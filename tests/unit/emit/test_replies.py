"""Answers' keys foreseen from the first packet: what the printed C fetches before `new_session` runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mcc import (
    PASS,
    TCP4,
    Action,
    Addr4,
    Chain,
    Element,
    Flow,
    Packet,
    Port,
    Ports,
    chain,
    duplex,
    element,
    ip4,
    struct,
    u16,
    u32,
)
from mcc.api import Module
from mcc.driver import compile_any
from mcc.std import NAT, LoadBalancer, ReverseProxy

HOME = "0xc0000201U"  # 192.0.2.1


def foreseen(x: Element) -> list[str]:
    """The guesses in the C of a duplex through `x`, operands (said, src, sport, dst, dport) only, each once."""

    def make() -> Iterator[Any]:
        yield duplex(Port("lan"), x, Port("wan"))

    made: Chain = chain(make)
    source = Module(compile_any(made)).c_source
    return sorted(set(re.findall(r"_reply\(&back, (.*)\);", source)))


def test_the_address_translator_takes_the_next_port() -> None:
    assert foreseen(NAT(ip4("192.0.2.1"))) == [
        f"MCC_REPLY_DST | MCC_REPLY_DPORT, 0, 0, {HOME}, mcc_ports_peek(&box->x.ports, box->ahead++)"]


def test_a_balancer_takes_its_next_server() -> None:
    assert foreseen(LoadBalancer([ip4("10.0.1.1"), ip4("10.0.1.2")])) == [
        "MCC_REPLY_SRC, x_pool[box->x.turn % 2], 0, 0, 0"]


def test_a_proxy_does_both() -> None:
    assert foreseen(ReverseProxy(ip4("192.0.2.1"), [ip4("10.0.1.1"), ip4("10.0.1.2")], 80)) == [
        f"MCC_REPLY_ALL, x_pool[box->x.turn % 2], 80, {HOME}, "
        "mcc_ports_peek(&box->x.ports, box->ahead++)"]


@struct
class Kept:
    port: u16 = 0
    other: u32 = 0


@element(session=TCP4, conn=Kept)
class Wavers(Element):
    """Its port is one of two, and only the handler knows which."""

    public: Addr4

    def setup(self) -> None:
        self.ports = Ports(1024, 2047)

    def new_session(self, c: Kept, pkt: Packet, flow: Flow) -> Action:
        c.port = self.ports.take()
        if pkt.ip.ttl < 9:
            c.port = 5
        flow.reply_key(src=pkt.ip.dst, sport=pkt.tcp.dport, dst=self.public, dport=c.port)
        return PASS


@element(session=TCP4, conn=Kept)
class Reckons(Element):
    """Operands by way of locals and operators; one that is read from the packet behind its key."""

    public: Addr4
    deep: bool

    def new_session(self, c: Kept, pkt: Packet, flow: Flow) -> Action:
        c.other = (pkt.tcp.seq if self.deep else pkt.ip.src) ^ 3
        port = pkt.tcp.sport | 1
        flow.reply_key(src=c.other, sport=pkt.tcp.dport, dst=self.public, dport=port)
        return PASS


def test_what_only_the_handler_knows_is_not_guessed() -> None:
    assert foreseen(Wavers(ip4("192.0.2.1"))) == []
    assert foreseen(Reckons(ip4("192.0.2.1"), True)) == []


def test_locals_and_operators_are_followed() -> None:
    assert foreseen(Reckons(ip4("192.0.2.1"), False)) == [
        f"MCC_REPLY_ALL, pkt_ip_src(p) ^ 3, pkt_tcp_dport(p), {HOME}, (uint16_t)(pkt_tcp_sport(p) | 1)"]
