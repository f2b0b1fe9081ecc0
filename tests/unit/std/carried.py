"""Streams through one element in a context: what each side got, and what the element says of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from scapy.layers.inet import UDP
from scapy.layers.l2 import Ether

from mcc import Port, chain, duplex, tcp, udp
from mcc.api import Module
from mcc.driver import compile_chain
from mcc.testing import Conversation, Lab
from tests.unit.std import kit

CONTEXTS = ("tcp", "udp")


@dataclass(frozen=True)
class Carried:
    """One connection. `sent`: what it got of the other side; `whole`: checksums were right, TCP got to its end."""

    server_got: bytes
    client_got: bytes
    whole: bool


class Streams:
    """A module of one element in a context."""

    def __init__(self, make: Callable[[], Any], context: str) -> None:
        def between() -> Iterator[Any]:
            yield duplex(Port("lan"), (tcp if context == "tcp" else udp)(make()), Port("wan"))

        self.context = context
        self.module = Module(compile_chain(chain(between)), level="-O0")  # tests compile more than they run

    def open(self, backend: str = "c") -> Lab:
        return Lab(self.module.open(backend=backend, max_sessions=4096))


def carry(streams: Streams, box: Lab, *, up: Sequence[bytes] = (), down: Sequence[bytes] = (), port: int = 4000,
          **wire: Any) -> Carried:
    """A connection: these segments (datagrams) to the server, then those to the client. TCP: a connection each way
    where both ways have some; `wire` may lose, reorder and duplicate (mcc.testing.Conversation)."""
    if streams.context == "tcp":
        talk = Conversation(client=f"10.0.0.5:{port}", server="10.0.1.1:80")
        outs = [talk.client_sends(box, *up, **wire)] if up else []
        outs += [talk.server_sends(box, *down, **wire)] if down else []
        return Carried(b"".join(o.server_got for o in outs), b"".join(o.client_got for o in outs),
                       all(o.checksums_ok and o.complete for o in outs))
    frames = [("lan", kit.udp(data=d, sport=port)) for d in up]
    frames += [("wan", kit.udp(src=kit.SERVER, dst=kit.CLIENT, sport=53, dport=port, data=d)) for d in down]
    sent = [s for where, f in frames for s in box.send(where, f, box.clock + 0.001)]
    got = {p: b"".join(bytes(Ether(s.frame)[UDP].payload) for s in sent if s.port == p) for p in ("lan", "wan")}
    return Carried(got["wan"], got["lan"], all(kit.fixed(s.frame) == s.frame for s in sent))


def cut(data: bytes, seed: int) -> list[bytes]:
    """Pieces of random sizes, at least one byte each."""
    rnd = Random(seed)
    out, at = [], 0
    most = rnd.choice([1, 2, 7, 100])
    while at < len(data):
        size = rnd.randint(1, most)
        out.append(data[at:at + size])
        at += size
    return out


def ones(data: bytes) -> list[bytes]:
    """Segments of one byte."""
    return [data[i:i + 1] for i in range(len(data))]


def counters(box: Any, name: str) -> dict[str, int]:
    found: dict[str, int] = box.stats()["elements"][name]["counters"]
    return found


def scratches(box: Any, name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """What each ended session kept, to the server and to the client."""
    box.finish()
    return [(s["to_server"]["scratch"][name], s["to_client"]["scratch"][name]) for s in box.sessions()]
