"""Several boxes as one, in memory: whose a packet is, and what is known of all of them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import pytest

import mcc
from mcc import Port, chain, duplex, ip4, tcp
from mcc.diag import CompileError
from mcc.run.crew import Crew
from mcc.run.shares import Share, described, merged
from mcc.std import NAT, VlanStats
from tests.unit.run.running import datagram, short

A, B, ROUTER, PUBLIC = (ip4(a).to_bytes(4, "big") for a in ("10.0.0.1", "10.0.0.2", "10.0.0.9", "192.0.2.1"))


def summed(data: bytes) -> int:
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(src: bytes, dst: bytes, proto: int, payload: bytes, fragment: int = 0) -> bytes:
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 7, fragment, 64, proto, 0, src, dst)
    return head[:10] + struct.pack(">H", summed(head)) + head[12:] + payload


def segment(src: bytes, sport: int, dst: bytes, dport: int, flags: int = 0x10) -> bytes:
    return ip(src, dst, 6, struct.pack(">HHIIBBHHH", sport, dport, 1, 1, 0x50, flags, 1000, 0, 0))


def frame(packet: bytes) -> bytes:
    return bytes(12) + b"\x08\0" + packet


def error(about: bytes) -> bytes:
    """Time exceeded (RFC 792), from a router between."""
    body = struct.pack(">BBHI", 11, 0, 0, 0) + about[:28]
    return ip(ROUTER, about[12:16], 1, body[:2] + struct.pack(">H", summed(body)) + body[4:])




@mcc.element(session=mcc.TCP4)
class Longer(mcc.Element):
    def process_data(self, stream: mcc.Stream) -> mcc.Action:
        for m in stream.matches(b"word"):
            stream.replace(m, b"longer")
        return mcc.PASS


@pytest.fixture(scope="module")
def streams() -> Iterator[Crew]:
    @chain
    def edited() -> Iterator[Any]:
        yield duplex(Port("lan"), tcp(Longer()), Port("wan"))
    with mcc.build(edited).open(cores=4) as crew:
        yield crew


def test_both_directions_and_errors_about_them_are_of_one_core(streams: Crew) -> None:
    owners = set()
    for port in range(2000, 2064):
        out = segment(A, port, B, 80)
        owner = streams.owner("lan", frame(out))
        owners.add(owner)
        assert streams.owner("wan", frame(segment(B, 80, A, port))) == owner
        assert streams.owner("wan", frame(error(out))) == owner, "about what the client sent"
        assert streams.owner("lan", frame(error(segment(B, 80, A, port)))) == owner, "about what the server sent"
    assert owners == {0, 1, 2, 3}


def test_fragments_of_two_hosts_are_of_one_core(streams: Crew) -> None:
    first, later = ip(A, B, 17, bytes(8), 0x2000), ip(A, B, 17, bytes(8), 1)
    assert streams.owner("lan", frame(first)) == streams.owner("lan", frame(later))
    owners = {streams.owner("lan", frame(ip(bytes([10, 0, 1, i]), B, 17, bytes(8), 0x2000))) for i in range(64)}
    assert owners == {0, 1, 2, 3}


def test_a_port_says_who_took_it() -> None:
    @chain
    def translated() -> Iterator[Any]:
        yield duplex(Port("lan"), NAT(ip4("192.0.2.1"), low=4000, high=4011), Port("wan"))
    with mcc.build(translated).open(cores=3) as crew:
        taken = {}
        for i in range(9):
            syn = frame(segment(A, 6000 + i, B, 80, 2))
            [sent] = crew.send("lan", syn, 1.0)
            taken[int.from_bytes(sent.frame[34:36], "big")] = crew.owner("lan", syn)
        assert all((port - 4000) // 4 == owner for port, owner in taken.items()), taken
        for port, owner in taken.items():
            assert crew.owner("wan", frame(segment(B, 80, PUBLIC, port))) == owner
            assert crew.send("wan", frame(segment(B, 80, PUBLIC, port, 0x12)), 2.0)[0].port == "lan"
        assert crew.stats()["sessions"]["created"] == 9


def test_counters_parameters_sessions() -> None:
    with mcc.build(short).open(cores=3) as crew:
        for i in range(30):
            assert len(crew.send("lan", datagram(1000 + i), 1.0)) == 1
        assert crew.value("limits", "passed") == 30
        crew.set("limits", "longest", 50)
        assert crew.value("limits", "longest") == 50 == crew.parameters()[0].value
        assert not any(crew.send("lan", datagram(1000 + i), 2.0) for i in range(30))
        stats = crew.stats()
        assert stats["elements"]["limits"]["counters"] == {"passed": 30} and stats["drops"] == {"drop:limits": 30}
        each = stats["cores"]["each"]
        assert sum(c["packets"] for c in each) == 60 and all(c["packets"] for c in each)
        crew.finish()
        assert sorted(s["key"]["sport"] for s in crew.sessions()) == list(range(1000, 1030))
        with pytest.raises(KeyError):
            crew.value("limits", "nothing")


def test_refused() -> None:
    @chain
    def tagged() -> Iterator[Any]:
        yield duplex(Port("lan"), VlanStats() >> mcc.std.PacketStats(), Port("wan"))
    module = mcc.build(tagged)
    with pytest.raises(CompileError, match="runs on one core"):
        module.open(cores=2)
    with pytest.raises(mcc.MccError, match="33 cores are not within 1 to 32"):
        mcc.build(short).open(cores=33)


def test_max_sessions_are_divided() -> None:
    with mcc.build(short).open(cores=2, max_sessions=10) as crew:
        for i in range(200):
            crew.send("lan", datagram(1000 + i), 1.0)
        stats = crew.stats()["sessions"]
    assert stats["active"] == 10 and stats["ended"]["evicted"] == 190


def test_statistics_are_added() -> None:
    one = {"chain": "c", "made": 1, "classes": [{"rule": "r", "packets": 2, "session": True}],
           "contexts": {"tcp": {"held_bytes_peak": 5, "edits": 1}}, "drops": {"a": 1}}
    two = {"chain": "c", "made": 2, "classes": [{"rule": "r", "packets": 3, "session": True}],
           "contexts": {"tcp": {"held_bytes_peak": 9, "edits": 2}}, "drops": {"b": 4}}
    assert merged([one, two]) == {"chain": "c", "made": 3, "classes": [{"rule": "r", "packets": 5, "session": True}],
                                  "contexts": {"tcp": {"held_bytes_peak": 9, "edits": 3}}, "drops": {"a": 1, "b": 4}}


def test_skew_and_elephants() -> None:
    stats = [{"sessions": {"created": 1, "active": 1}, "drops": {"core_full": 2}}, {"sessions": {"created": 3, "active": 0}, "drops": {}}]
    found = described([Share(900, most=810, busy=0.5), Share(100, most=10, busy=0.25)], stats)
    assert found["skew"] == 1.8
    assert [(c["biggest_flow"], c["busy"], c["core_full"], c["sessions"]) for c in found["each"]] == [(0.9, 0.5, 2, 1), (0.1, 0.25, 0, 3)]
