"""Streams: the compiled C and the Python reference do the same with the same packets, however these are cut into bursts."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether

import mcc
from mcc.driver import compile_chain
from tests.property import compare
from tests.property.stream_chains import MAKERS, made

CLIENT, SERVER = ("10.0.0.1", "192.0.2.9"), ("2001:db8::1", "2001:db8::9")
STEPS = (0.0, 0.0001, 0.001, 0.02, 0.4, 1.2)
"""Seconds between two packets: within a tick, over one, beyond what is held."""


@functools.cache
def module(name: str, context: str) -> mcc.Module:
    options: dict[str, Any] = {"hold_timeout": 0.5} if name in ("two", "frames") else {}
    return mcc.Module(compile_chain(made(name, context, **options)), level="-O0")


def payloads() -> st.SearchStrategy[bytes]:
    few = st.lists(st.sampled_from(b"aabbccdd"), max_size=24).map(bytes)
    words = st.lists(st.sampled_from([b"abc", b"aa", b"dcd", b"bbbb", b"cab", b"d", b"\x07b"]), max_size=8).map(b"".join)
    return st.one_of(few, few, words, st.binary(max_size=40))


@st.composite
def datagrams(draw: Any) -> list[compare.Arrival]:
    """Arrivals of a few flows, both ways."""
    out, now = [], 100.0
    for _ in range(draw(st.integers(1, 20))):
        now += draw(st.sampled_from(STEPS))
        back, flow, data = draw(st.booleans()), draw(st.integers(0, 2)), draw(payloads())
        out.append(("wan" if back else "lan", _datagram(back, flow, data, draw(st.integers(0, 9))), round(now, 6)))
    return out


def _datagram(back: bool, flow: int, data: bytes, odd: int) -> bytes:
    a, b = CLIENT if flow < 2 else SERVER
    src, dst = (b, a) if back else (a, b)
    ports = {"sport": 53, "dport": 4000 + flow} if back else {"sport": 4000 + flow, "dport": 53}
    udp = UDP(**ports, **({"chksum": 0} if odd == 0 and flow < 2 else {"chksum": 0x1234} if odd == 1 else {}))
    head = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    net = IP(src=src, dst=dst, id=7) if flow < 2 else IPv6(src=src, dst=dst)
    frame = head / (Dot1Q(vlan=5) / net if odd == 2 else net) / udp / data
    return bytes(frame) + (b"\0" * 6 if odd == 3 else b"")


def same(m: mcc.Module, arrivals: list[compare.Arrival], *, skip: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """compare.assert_same, and the contexts' counters."""
    wanted = compare.assert_same(m, arrivals, **more)
    counts = {}
    for backend in ("python", "c"):
        with m.open(backend=backend) as box:
            box.send_burst(arrivals)
            counts[backend] = {p: {k: v for k, v in c.items() if v and k not in skip}
                               for p, c in box.stats()["contexts"].items()}
    assert counts["python"] == counts["c"]
    return wanted


@pytest.mark.parametrize("name", sorted(MAKERS))
@settings(max_examples=25, deadline=None)
@given(arrivals=datagrams())
def test_datagrams(name: str, arrivals: list[compare.Arrival]) -> None:
    same(module(name, "udp"), arrivals, until=arrivals[-1][2] + 400)


@settings(max_examples=25, deadline=None)
@given(arrivals=datagrams())
def test_ip(arrivals: list[compare.Arrival]) -> None:
    same(module("payload", "ip"), arrivals, until=arrivals[-1][2] + 400)


@pytest.mark.parametrize("name", ["row", "two", "holds"])
@settings(max_examples=15, deadline=None)
@given(arrivals=datagrams())
def test_sessions_at_the_end_of_a_run(name: str, arrivals: list[compare.Arrival]) -> None:
    """Streams that are open at the end: the last calls come then, what is held goes on."""
    got = []
    for backend in ("python", "c"):
        with module(name, "udp").open(backend=backend) as box:
            sent = box.send_burst(arrivals) + box.finish(run_out=False)
            got.append((sent, box.stats()["elements"], sorted(map(repr, map(compare.session, box.sessions()))),
                        [compare.alert(a) for a in box.alerts()]))
    assert got[0] == got[1]
