"""What handlers name in their annotations and call: packets, batches, flows, verdicts, and what may be sent.

These classes tell type checkers and editors what there is, and mark arguments for the compiler, which binds them by
annotation. Only compiled code and the reference give them behaviour: header values are in host byte order, one-bit
fields are bool, and the fields are those of mcc.protocols.headers.FIELDS (a test compares the two).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from mcc.lang.types import Addr4, Addr6, Mac, u8, u16, u32, u64

S = TypeVar("S")


@dataclass(frozen=True)
class Action:
    """What a handler decides. kind: "pass", "drop", "close", "reset", or "to" with the output it leaves by."""

    kind: str
    port: int = 0

    def __repr__(self) -> str:
        return f"to({self.port})" if self.kind == "to" else self.kind.upper()


PASS = Action("pass")
"""Leave by output 0."""
DROP = Action("drop")
"""Drop this packet (or batch)."""
CLOSE = Action("close")
"""End the session, and drop the packet."""
RESET = Action("reset")
"""End the session at once, and drop the packet."""


def to(port: int) -> Action:
    """Leave by output `port` of the element."""
    return Action("to", port)


class Eth:
    dst: Mac
    src: Mac
    type: u16


class Vlan:
    """The first (outermost) tag."""

    tpid: u16
    pcp: u8
    dei: bool
    vid: u16


class Arp:
    htype: u16
    ptype: u16
    op: u16
    sha: Mac
    spa: Addr4
    tha: Mac
    tpa: Addr4


class Ip:
    version: u8
    ihl: u8
    tos: u8
    len: u16
    id: u16
    flags: u8
    frag: u16
    ttl: u8
    proto: u8
    checksum: u16
    src: Addr4
    dst: Addr4


class Ip6:
    tclass: u8
    flow: u32
    len: u16
    next: u8
    hops: u8
    src: Addr6
    dst: Addr6


class L4:
    """The ports of TCP or UDP, whichever is there."""

    sport: u16
    dport: u16


class Tcp:
    sport: u16
    dport: u16
    seq: u32
    ack: u32
    doff: u8
    flags: u8
    window: u16
    checksum: u16
    urgent: u16
    cwr: bool
    ece: bool
    urg: bool
    ackflag: bool
    psh: bool
    rst: bool
    syn: bool
    fin: bool


class Udp:
    sport: u16
    dport: u16
    len: u16
    checksum: u16


class Icmp:
    type: u8
    code: u8
    checksum: u16
    id: u16
    seq: u16


class Icmp6:
    type: u8
    code: u8
    checksum: u16
    id: u16
    seq: u16


class Packet:
    """One packet. `length`: captured bytes now; `in_port`: index of the port it came in by; `next_hop`: IPv4 address
    to resolve (writable, 0: the destination); `at`: its time, ns since the epoch; `is_x`: layer x is there, whole."""

    eth: Eth
    vlan: Vlan
    arp: Arp
    ip: Ip
    ip6: Ip6
    tcp: Tcp
    udp: Udp
    icmp: Icmp
    icmp6: Icmp6
    l4: L4
    length: u32
    in_port: u16
    next_hop: Addr4
    at: u64
    is_vlan: bool
    is_arp: bool
    is_ip: bool
    is_ip6: bool
    is_tcp: bool
    is_udp: bool
    is_icmp: bool
    is_icmp6: bool

    def push_vlan(self, vid: u16) -> None:
        """Put an 802.1Q tag (PCP 0) before what follows the MAC addresses."""
        raise RuntimeError("push_vlan() is for handlers")

    def pop_vlan(self) -> None:
        """Take the outermost tag away; nothing happens where there is none."""
        raise RuntimeError("pop_vlan() is for handlers")

    def __len__(self) -> int:
        return self.length


class Batch:
    """The packets of one session that arrived together. `bytes`: the sum of their lengths."""

    bytes: u32

    def __len__(self) -> int:
        raise RuntimeError("batches are for handlers")

    def __iter__(self) -> Iterator[Packet]:
        raise RuntimeError("batches are for handlers")


class Flow:
    """The flow of the packet. to_server: the direction of the connection's first packet; is_new: no packet before."""

    to_server: bool
    to_client: bool
    is_new: bool

    def reply_key(self, *, src: int | None = None, sport: u16 | None = None, dst: int | None = None,
                  dport: u16 | None = None) -> None:
        """Answers will carry this tuple (as they arrive), because this element translates addresses. What is left out
        is as the elements before said, else mirrored from the first packet."""
        raise RuntimeError("reply_key() is for handlers")

    def set_timeout(self, seconds: u32) -> None:
        """From now on the flow ends after so many seconds without a packet."""
        raise RuntimeError("set_timeout() is for handlers")


class Peer(Generic[S]):
    """Annotation `p: Peer[S]`: the scratch of the connection's other direction; its fields are read and written
    as those of S. To type checkers the argument has any attribute."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> int: ...
        def __setattr__(self, name: str, value: int) -> None: ...


@dataclass(frozen=True)
class ArpRequest:
    """A packet to be made: who has `tpa`, tell `spa` at `sha`."""

    spa: int
    sha: int
    tpa: int


def arp_request(spa: Addr4, sha: Mac, tpa: Addr4) -> ArpRequest:
    """An ARP request for `tpa`, for emit()."""
    return ArpRequest(spa, sha, tpa)


def emit(packet: Packet | ArpRequest, port: int = 0) -> None:
    """Send a made packet, or a copy of a packet as it is now, by output `port` of the element."""
    raise RuntimeError("emit() is for handlers")


def alert(id: int, text: bytes | str = b"") -> None:
    """Report something: a line of `--alerts`, with the flow and the time. `id` is the user's number (u32)."""
    raise RuntimeError("alert() is for handlers")
