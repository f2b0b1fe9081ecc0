"""Datagrams that grow beyond what they were: they leave whole as far as the port's MTU goes, else in fragments."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

import pytest

from tests.live.net import LIMIT, SERVER4, SERVER6, Net, within

LONG = b"[taken out by the box]"


@pytest.mark.parametrize(("mtu", "words", "packets"), [
    (9000, 200, 2),  # 1,200 bytes become 4,400: ordinary Ethernet would cut them, this port does not
    (1500, 200, 7),  # 4,408 bytes of UDP: 3 of 1,480 over IPv4 (RFC 791), 4 of 1,448 over IPv6 (RFC 8200, 4.5)
    (1000, 60, 2),   # 360 become 1,320; IPv4 only, IPv6 wants an MTU of 1,280
], ids=str)
def test_what_the_port_takes(net: Callable[..., Net], mtu: int, words: int, packets: int) -> None:
    n = net(mtu=mtu)
    box = n.mcc("datagrams.py")
    families = [(socket.AF_INET, SERVER4)] + ([(socket.AF_INET6, SERVER6)] if mtu >= 1280 else [])
    for family, address in families:
        theirs, mine = (within(ns, lambda f=family: socket.socket(f, socket.SOCK_DGRAM)) for ns in (n.server, n.client))
        n.sockets += [theirs, mine]
        theirs.bind((address, 5000))
        theirs.settimeout(LIMIT)
        mine.sendto(b"ATTACK" * words, (address, 5000))
        got, _ = theirs.recvfrom(65535)
        assert got == LONG * words
    box.stop()
    stats = json.loads((n.folder / "stats.json").read_text())
    assert stats["made"] == packets - len(families)  # the first fragment of each is the packet itself
    assert not stats["drops"]
