"""Streams: the compiled C and the Python reference do the same with the same packets, however these are cut into bursts."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

import mcc
from mcc.diag import CaptureError
from mcc.driver import compile_chain
from mcc.protocols.dissect import dissect
from mcc.run.capture import open_capture
from mcc.testing.frames import ACK, PSH, SYN, Segment, build
from tests.property import compare
from tests.property.stream_chains import MAKERS, made
from tests.property.stream_traffic import datagram, datagrams, dialogues

NIGHTLY = bool(os.environ.get("MCC_NIGHTLY"))
FEW = 300 if NIGHTLY else 12
READERS = ("reads", "counts")
SAMPLE, PACKETS = 30, 300


@functools.cache
def module(name: str, context: str) -> mcc.Module:
    options: dict[str, Any] = {"hold_timeout": 0.5} if name in ("two", "frames", "taken") else {}
    return mcc.Module(compile_chain(made(name, context, **options)), level="-O0")


def same(m: mcc.Module, arrivals: list[compare.Arrival], **more: Any) -> None:
    """compare.assert_same, and the contexts' counters."""
    compare.assert_same(m, arrivals, **more)
    counts = []
    for backend in ("python", "c"):
        with m.open(backend=backend) as box:
            box.send_burst(arrivals)
            counts.append({p: {k: v for k, v in c.items() if v} for p, c in box.stats()["contexts"].items()})
    assert counts[0] == counts[1]


@pytest.mark.parametrize("name", sorted(MAKERS))
@settings(max_examples=FEW)
@given(arrivals=datagrams())
def test_datagrams(name: str, arrivals: list[compare.Arrival]) -> None:
    same(module(name, "udp"), arrivals, until=arrivals[-1][2] + 400)


@settings(max_examples=FEW)
@given(arrivals=datagrams())
def test_ip(arrivals: list[compare.Arrival]) -> None:
    same(module("payload", "ip"), arrivals, until=arrivals[-1][2] + 400)


@pytest.mark.parametrize("name", ["row", "two", "holds"])
@settings(max_examples=FEW)
@given(arrivals=datagrams())
def test_sessions_at_the_end_of_a_run(name: str, arrivals: list[compare.Arrival]) -> None:
    """Streams that are open at the end: the last calls come then, what is held goes on."""
    got = []
    for backend in ("python", "c"):
        with module(name, "udp").open(backend=backend) as box:
            sent = box.send_burst(arrivals) + box.finish(run_out=False)
            stats = box.stats()["elements"]
            got.append((sent, {n: (e["counters"], e["packets"], e["faults"]) for n, e in stats.items()},
                        sorted(map(repr, map(compare.session, box.sessions()))), [compare.alert(a) for a in box.alerts()]))
    assert got[0] == got[1]


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=FEW)
@given(arrivals=dialogues(hostile=False))
def test_tcp_read(name: str, arrivals: list[compare.Arrival]) -> None:
    same(module(name, "tcp"), arrivals, until=arrivals[-1][2] + 400 if arrivals else None)


@pytest.mark.parametrize("behind", [8192, 8193])
def test_how_far_behind_the_acknowledgement_bytes_are_compared(behind: int) -> None:
    """docs/contexts.md, "Again": as far as the last 8 KiB tell. What is sent again with other bytes leaves as it was first, and
    beyond that as it came."""
    client, server = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])

    def up(flags: int, seq: int, ack: int = 0) -> bytes:
        return build(Segment(client, server, 4000, 80, seq, ack, flags, 65535, (), b""))

    def down(flags: int, seq: int, data: bytes = b"") -> bytes:
        return build(Segment(server, client, 80, 4000, seq, 101, flags | ACK, 65535, (), data))

    arrivals = [("lan", up(SYN, 100), 1.0), ("wan", down(SYN, 499), 1.1), ("lan", up(ACK, 101, 500), 1.2),
                ("wan", down(PSH, 500, b"abc"), 1.3), ("lan", up(ACK, 101, 500 + behind), 1.4),
                ("wan", down(PSH, 500, b"xyz"), 1.5)]
    same(module("counts", "tcp"), arrivals)
    sent = compare.outcome(module("counts", "tcp"), "c", arrivals)["sent"]
    assert sent[-1].frame.rstrip(b"\0").endswith(b"abc" if behind == 8192 else b"xyz")


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=FEW)
@given(arrivals=dialogues(hostile=True))
def test_hostile_tcp_read(name: str, arrivals: list[compare.Arrival]) -> None:
    same(module(name, "tcp"), arrivals, until=arrivals[-1][2] + 400 if arrivals else None)


@pytest.mark.parametrize("backend", ["c", "python"])
def test_a_dropped_datagram_is_gone(backend: str) -> None:
    """Not sent empty: DROP in a UDP context takes the datagram out (docs/streams.md)."""
    with module("drops", "udp").open(backend=backend) as box:
        assert not box.send("lan", datagram(False, 0, b"xcabx"), 100.0)
        assert box.stats()["drops"] == {"drop:Ends": 1}
        assert len(box.send("lan", datagram(False, 0, b"else"), 100.1)) == 1


@pytest.mark.parametrize("backend", ["c", "python"])
def test_a_dropped_datagram_that_was_held_is_gone(backend: str) -> None:
    """Nor when the others in front of it and behind it have waited for hold_timeout."""
    with module("taken", "udp").open(backend=backend) as box:
        for i, data in enumerate((b"x", b"a", b"y")):
            assert not box.send("lan", datagram(False, 0, data), 100.0 + i / 10)
        assert [s.frame[42:] for s in box.advance(to=105.0)] == [b"x", b"y"]
        assert box.stats()["drops"] == {"drop:HeldAndTaken": 1}


def test_edits_of_datagrams_are_forgotten() -> None:
    """More edits in one run than can be remembered at once: nobody acknowledges datagrams."""
    frame, times = datagram(False, 0, b"abc" * 460), (1 << 20) // 460 + 20
    with module("replaces", "udp").open() as box:
        for i in range(times):
            box.send("lan", frame, 100 + i * 1e-4)
        e = box.stats()["elements"]["Replaces"]
    assert e["faults"] == 0 and e["counters"]["found"] == 460 * times


def test_turns_of_one_tick_go_by_age() -> None:
    """What is held by an IPv6 flow goes before what a younger IPv4 flow holds, as flows end."""
    arrivals = [("lan", datagram(False, 2, b"ab"), 100.0), ("lan", datagram(False, 0, b"ab"), 100.001)]
    for backend in ("c", "python"):
        with module("replaces", "udp").open(backend=backend) as box:
            assert not box.send_burst(arrivals)
            assert [s.frame[12:14].hex() for s in box.advance(to=102.0)] == ["86dd", "0800"]


# ---------------------------------------------------------------- captures


def _arrivals(path: Path) -> list[compare.Arrival]:
    """The first packets of a capture, by direction of address. No fragments: contexts join them, the reference does not."""
    out: list[compare.Arrival] = []
    try:
        with open_capture(str(path)) as capture:
            for r in capture.records():
                data = bytes(r.data)
                if r.linktype != 1 or len(out) == PACKETS:
                    break
                if data and not dissect(data).frag:
                    out.append(("wan" if data[26:30] > data[30:34] else "lan", data, r.at / 1e9))
    except CaptureError:
        pass  # a damaged capture: what came before counts
    return out


def test_captures(captures: list[Path]) -> None:
    some = captures if NIGHTLY else captures[::max(1, len(captures) // SAMPLE)]
    for path in some:
        arrivals = _arrivals(path)
        if arrivals:
            start = min(a[2] for a in arrivals)
            got = {b: compare.outcome(module("reads", "tcp"), b, arrivals, burst=32, start=start, until=arrivals[-1][2] + 400)
                   for b in ("python", "c")}
            for part, value in got["python"].items():
                assert got["c"][part] == value, f"{path.name}: {part}: {compare.difference(value, got['c'][part])}"
