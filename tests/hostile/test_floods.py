"""More state than there is room for, times that no clock shows: memory stays as it was, the right sessions go, nothing hangs."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from mcc import Port, chain, duplex
from mcc.api import Module
from mcc.driver import compile_any
from mcc.std import PacketStats
from tests.hostile.chains import CHAINS
from tests.hostile.drive import checked
from tests.hostile.packets import tcp, udp

MANY = 1_000_000 if os.environ.get("MCC_NIGHTLY") else 200_000
SEC = 1_000_000_000
LATEST = (1 << 63) - 1
SYN, ACK, FIN, RST = 2, 16, 1, 4


def resident() -> int:
    """Bytes of memory of this process."""
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * 4096


@chain
def counting() -> Iterator[Any]:
    """A session for each connection, and nothing else."""
    yield duplex(Port("lan"), PacketStats(), Port("wan"))


@pytest.fixture(scope="module")
def modules() -> dict[str, Module]:
    return {n: Module(compile_any(c), target="generic", level="-O1") for n, c in (*CHAINS.items(), ("counting", counting))}


def ends(client: int, sport: int, flags: int = SYN, ttl: int = 65, template: bytes = tcp()) -> bytes:
    """A TCP frame of a client; its checksum is wrong, which no chain minds."""
    out = bytearray(template)
    out[22] = ttl
    out[26:30] = client.to_bytes(4, "big")
    out[34:36] = sport.to_bytes(2, "big")
    out[47] = flags
    return bytes(out)


def back(frame: bytes, flags: int = SYN | ACK) -> bytes:
    """The answer to it."""
    out = bytearray(frame)
    out[26:30], out[30:34] = frame[30:34], frame[26:30]
    out[34:36], out[36:38] = frame[36:38], frame[34:36]
    out[47] = flags
    return bytes(out)


def flood(box: Any, frames: Any, at: int = SEC, step: int = 1000, port: str = "lan") -> int:
    """All of them at one port; what leaves is let go. The time after the last."""
    for i, frame in enumerate(frames):
        box.receive(port, frame, at)
        at += step
        if i % 1024 == 1023:
            box.lib.mcc_box_flush(box.box)
            box.lib.mcc_box_sent(box.box)
    box.send_burst([])
    return at


def test_syn_flood_takes_embryonic_sessions_first(modules: dict[str, Module]) -> None:
    with modules["counting"].open(start=1.0, max_sessions=100, log_sessions=False) as box:
        good = [ends(0x0A000000 + i, 1000 + i) for i in range(20)]
        for frame in good:
            box.receive("lan", frame, SEC)
            box.receive("wan", back(frame), SEC)
        flood(box, (ends(0x0B000000 + i, 2000) for i in range(20_000)))
        s = box.stats()["sessions"]
        assert s["active"] == s["peak"] == 100 and s["created"] == 20_020 and s["ended"]["evicted"] == 19_920
        before = s["created"]
        for frame in good:
            box.receive("wan", back(frame, ACK), 2 * SEC)
        box.send_burst([])
        assert box.stats()["sessions"]["created"] == before  # all answered ones are still known
        checked(box)


def test_many_addresses_in_constant_memory(modules: dict[str, Module]) -> None:
    with modules["counting"].open(start=1.0, max_sessions=1000, log_sessions=False) as box:
        at = flood(box, (ends(i * 2654435761 & 0xFFFFFFFF, i & 0xFFFF) for i in range(20_000)))
        was = resident()
        flood(box, (ends(i * 2246822519 & 0xFFFFFFFF, i & 0xFFFF) for i in range(MANY)), at)
        assert resident() - was < 2 << 20
        assert box.stats()["sessions"]["active"] == 1000
        box.finish()
        assert checked(box)["held"] == 0 and box.stats()["sessions"]["active"] == 0


def test_sessions_that_come_and_go(modules: dict[str, Module]) -> None:
    """A storm of SYN, FIN and RST: each session is over before the next begins."""
    def storm(first: int, n: int) -> Any:
        for i in range(first, first + n):
            yield ends(0x0A000001, i & 0xFFFF)
            yield ends(0x0A000001, i & 0xFFFF, FIN | ACK)
            yield ends(0x0A000001, i & 0xFFFF, RST)

    with modules["counting"].open(start=1.0, max_sessions=64, log_sessions=False) as box:
        at = flood(box, storm(0, 1000))
        was = resident()
        flood(box, storm(1000, MANY // 3), at)
        assert resident() - was < 2 << 20
        s = box.stats()["sessions"]
        assert s["active"] == 0 and s["peak"] == 1 and s["ended"]["rst"] == s["created"] == 1000 + MANY // 3


def test_pool_of_ports_is_given_back(modules: dict[str, Module]) -> None:
    with modules["watching"].open(start=1.0, max_sessions=5000, log_sessions=False) as box:
        at = flood(box, (ends(0x0A000000 + i, 7) for i in range(5000)))
        s = box.stats()
        assert box.value("Watch", "exhausted") == 4800 and s["sessions"]["active"] == 200
        assert s["drops"]["drop:Watch"] == 4800
        for i in range(5000):
            box.receive("lan", ends(0x0A000000 + i, 7, RST), at)
        box.send_burst([])
        assert box.stats()["sessions"]["active"] == 0
        flood(box, (ends(0x0C000000 + i, 7) for i in range(200)), at + SEC)
        assert box.stats()["sessions"]["active"] == 200
        checked(box)


def test_map_and_parking_flood(modules: dict[str, Module]) -> None:
    with modules["resolving"].open(start=1.0, max_sessions=100, log_sessions=False) as box:
        query = udp(data=b"")

        def asks(n: int) -> Any:
            for i in range(n):
                yield query[:30] + (0x0A000000 + i).to_bytes(4, "big") + query[34:]

        flood(box, asks(50_000), step=50_000_000)
        a = checked(box)
        assert 0 < a["held"] <= 1024 and a["made"] > 1000
        box.finish()
        assert checked(box)["held"] == 0
        assert box.stats()["drops"]["parked_long"] > 1000


JUMPS = {
    "years ahead": [SEC, SEC + 5 * 365 * 86400 * SEC, SEC + 90 * 365 * 86400 * SEC],
    "backwards": [1000 * SEC, 500 * SEC, 0, 1001 * SEC, 1],
    "from 1970 to 2262": [0, LATEST, LATEST, 0, LATEST],
    "the last instant": [LATEST - 1, LATEST],
    "to and fro": [(i * 0x9E3779B97F4A7C15) % LATEST for i in range(50)],
}


@pytest.mark.parametrize("name", ["watching", "resolving", "proxying", "nat_firewall", "tagging"])
@pytest.mark.parametrize("times", JUMPS.values(), ids=JUMPS)
def test_time_jumps(modules: dict[str, Module], name: str, times: list[int]) -> None:
    with modules[name].open(start=times[0] // SEC, max_sessions=100) as box:
        for k, at in enumerate(times):
            for i in range(40):
                frame = ends(0x0A000000 + i, 100 + k)
                for port, data in (("lan", frame), ("wan", back(frame)), ("lan", udp())):
                    box.receive(port, data, at)
            checked(box)
        s = box.stats()["sessions"]
        assert s["active"] <= 100
        box.finish()
        a = checked(box)
        assert a["held"] == 0 and a["packets"] == 120 * len(times)
        for line in box.sessions():
            assert 0 <= line["first"] <= line["last"] <= LATEST / SEC


def test_capture_times_are_those_of_the_format() -> None:
    """What pcapng can say beyond 2262 is read as the last instant: (2^64 - 1) s."""
    from mcc.run.capture import records

    section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    options = struct.pack("<HHB3xHHq", 9, 1, 0, 14, 8, LATEST) + struct.pack("<HH", 0, 0)
    interface = struct.pack("<IIHHI", 1, 20 + len(options), 1, 0, 0) + options + struct.pack("<I", 20 + len(options))
    packet = struct.pack("<IIIIIII4sI", 6, 36, 0, 0xFFFFFFFF, 0xFFFFFFFF, 4, 4, b"abcd", 36)
    assert [r.at for r in records(section + interface + packet)] == [LATEST]
