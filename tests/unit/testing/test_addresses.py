"""Chains that translate addresses in mcc.testing: the hosts keep theirs, the wire carries what the box wants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mcc import Port, chain, duplex, ip4, tcp
from mcc.cli.app import app
from mcc.lang.sent import Sent
from mcc.std import NAT, LoadBalancer, ReverseProxy, WordMatcher
from mcc.testing import Conversation, check_chain, identity, lab
from mcc.testing.addresses import Translated, ends_of, place_of, with_ends
from mcc.testing.frames import ACK, SYN, Segment, build, checksums_right, parse

PUBLIC, VIP = "192.0.2.1", "198.51.100.80"
SERVERS = [ip4("10.0.1.7"), ip4("10.0.1.8")]


@chain
def nat() -> Iterator[Any]:
    yield duplex(Port("lan"), NAT(ip4(PUBLIC)), Port("wan"))


@chain
def proxy() -> Iterator[Any]:
    yield duplex(Port("lan"), ReverseProxy(ip4(VIP), SERVERS), Port("wan"))


@chain
def balancer() -> Iterator[Any]:
    yield duplex(Port("lan"), LoadBalancer(SERVERS), Port("wan"))


@chain
def edited() -> Iterator[Any]:
    yield duplex(Port("lan"), NAT(ip4(PUBLIC)) >> tcp(WordMatcher(b"abc", mode="replace", text=b"<longer>")), Port("wan"))


def shortened(data: bytes) -> bytes:
    return data.replace(b"abc", b"<longer>")


CHAINS = {"nat": (nat, identity, ""), "proxy": (proxy, identity, f"{VIP}:80"), "balancer": (balancer, identity, ""),
          "edited": (edited, shortened, "")}


@pytest.mark.parametrize("name", CHAINS)
def test_all_properties(name: str) -> None:
    c, transform, server = CHAINS[name]
    for result in check_chain(c, transform, examples=6, server=server):
        na = {16} | (set() if name == "edited" else {19, 23}) | ({20} if name == "edited" else set())
        assert (result.outcome == "not applicable") == (result.property.number in na), str(result)


def test_the_reference_too() -> None:
    check_chain(nat, identity, examples=5, backend="python", properties=[1, 2, 21, 25])


@pytest.mark.parametrize(("name", "source", "target"), [
    ("nat", PUBLIC, "10.0.1.1"), ("proxy", VIP, "10.0.1.7"), ("balancer", "10.0.0.2", "10.0.1.7")])
def test_what_is_on_the_wire(name: str, source: str, target: str) -> None:
    """The frames that left the box towards the server carry the addresses that the chain is told to put there."""
    c, _, server = CHAINS[name]
    with lab(c) as box:
        out = Conversation(client="10.0.0.2:4000", server=server or "10.0.1.1:80").client_sends(box, b"hello")
    assert out.complete and out.server_got == b"hello" and out.client_acked == 7 and out.checksums_ok
    went = {(s.src, s.dst) for f in out.packets if (s := parse(f)) is not None and s.dst == ip_address(target).packed}
    assert went == {(ip_address(source).packed, ip_address(target).packed)}


def test_a_chain_that_does_not_translate_back_is_seen() -> None:
    """Answers that come back with the server's own address are not the service's: property 1 fails."""
    @chain
    def one_way() -> Iterator[Any]:
        yield duplex(Port("lan"), LoadBalancer(SERVERS, direct=True), Port("wan"))

    with pytest.raises(AssertionError, match="property 1 .*failed"):
        check_chain(one_way, identity, examples=3, properties=[1])


FRAME = build(Segment(bytes([10, 0, 0, 2]), bytes([10, 0, 1, 1]), 4000, 80, 1000, 0, SYN, payload=b"odd"))
SIX = build(Segment(ip_address("2001:db8::2").packed, ip_address("2001:db8:1::1").packed, 4000, 80, 1000, 7, ACK))


@pytest.mark.parametrize("frame", [FRAME, SIX])
def test_only_what_must_change_changes(frame: bytes) -> None:
    """As build() makes the same segment with the other addresses, whose checksums are full sums; and there and back."""
    p, s = place_of(frame), parse(frame)
    assert p is not None and s is not None
    other = replace(s, src=bytes(reversed(s.src)), sport=9, dport=65535)
    want = build(other)
    ends = replace(ends_of(frame, p), src=other.src, sport=9, dport=65535)
    assert with_ends(frame, p, ends) == want
    assert with_ends(want, p, ends_of(frame, p)) == frame


@pytest.mark.parametrize("at", [24, 51])
def test_a_wrong_checksum_stays_wrong(at: int) -> None:
    p = place_of(FRAME)
    assert p is not None
    bad = FRAME[:at] + bytes([FRAME[at] ^ 4]) + FRAME[at + 1:]
    new = with_ends(bad, p, replace(ends_of(bad, p), src=bytes([192, 0, 2, 1])))
    assert not checksums_right(new)
    assert with_ends(new, p, ends_of(bad, p)) == bad


def test_what_is_no_whole_segment_goes_by() -> None:
    fragment = FRAME[:20] + b"\x20\x00" + FRAME[22:]
    assert [place_of(f) for f in (b"", FRAME[:53], FRAME[:-1], fragment, FRAME[:12] + b"\x08\x06" + FRAME[14:])] == [None] * 5


class Counts:
    """A box that gives each SYN another source port, and sees what comes back."""

    ports = ("lan", "wan")

    def __init__(self) -> None:
        self.last, self.back = 1000, list[int]()

    def send(self, port: str, frame: bytes, at: float) -> list[Any]:
        s = parse(frame)
        assert s is not None
        if port == "wan":
            self.back.append(s.dport)
            return []
        self.last += s.has(SYN)
        return [Sent("wan", build(replace(s, sport=self.last)), at)]

    def send_burst(self, frames: Any) -> list[Any]:
        return [x for f in frames for x in self.send(*f)]

    def advance(self, to: float) -> list[Any]:
        return []

    def stats(self) -> dict[str, Any]:
        return {}

    def close(self) -> None: ...


def test_the_newest_syn_counts_and_a_burst_is_cut_for_it() -> None:
    box = Counts()
    wire = Translated(box)
    answer = build(Segment(bytes([10, 0, 1, 1]), bytes([10, 0, 0, 2]), 80, 4000, 7, 1001, SYN | ACK))
    assert [s.frame for s in wire.send_burst([("lan", FRAME, 0.0), ("wan", answer, 0.0)])] == [FRAME]
    wire.send("lan", FRAME, 1.0)
    wire.send("wan", answer, 1.0)
    assert box.back == [1001, 1002] and wire.translates


def test_command_with_a_server(examples: Path) -> None:
    few = ["--property", "1", "--examples", "5"]
    for more in ([], ["--server", "98.138.19.88:80"]):
        done = CliRunner().invoke(app, ["test", str(examples / "reverse_proxy.py"), *few, *more])
        assert done.exit_code == 0, done.output
    done = CliRunner().invoke(app, ["test", str(examples / "nat.py"), *few])
    assert done.exit_code == 0 and "passed" in done.output, done.output
    done = CliRunner().invoke(app, ["test", str(examples / "nat.py"), *few, "--server", "here"])
    assert done.exit_code == 2 and "is not address:port" in done.output
