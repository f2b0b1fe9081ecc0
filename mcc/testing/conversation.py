"""`Conversation` and `lab`: a chain tried with one connection, without a NIC and without root.

    with lab(my_chain) as box:
        out = Conversation(client="10.0.0.2:4000", server="10.0.1.1:80").client_sends(box, b"hello ", b"world")
        assert out.server_got == b"hello world"
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from types import TracebackType
from typing import Any

from mcc.api import Module, build
from mcc.testing.addresses import Translated
from mcc.testing.frames import checksums_right
from mcc.testing.plans import LINKS, Dialogue, Fate, Host, address
from mcc.testing.properties.base import acks
from mcc.testing.simulation import BoxLike, run_from
from mcc.testing.trace import Trace

_modules: dict[int, tuple[Any, Module]] = {}


def module_of(chain: Any) -> Module:
    """The compiled chain; the same for the same chain, so that examples do not compile again."""
    if isinstance(chain, Module):
        return chain
    if id(chain) not in _modules or _modules[id(chain)][0] is not chain:
        _modules[id(chain)] = (chain, build(chain))
    return _modules[id(chain)][1]


class Lab:
    """An open box that remembers the time, so that several conversations can use it one after the other."""

    def __init__(self, box: Any) -> None:
        self.box, self.clock = box, 0.0
        self.ports: tuple[str, ...] = tuple(getattr(box, "ports", None) or box.graph.ports)

    def send(self, port: str, frame: Any, at: float | None = None) -> list[Any]:
        """A frame arrives at a port; what left."""
        self.clock = max(self.clock, at if at is not None else self.clock)
        return list(self.box.send(port, bytes(frame), self.clock))

    def send_burst(self, frames: Any, at: float | None = None) -> list[Any]:
        """(port, frame) or (port, frame, at) each."""
        made = [(f[0], bytes(f[1]), f[2] if len(f) > 2 else (at if at is not None else self.clock)) for f in frames]
        self.clock = max([self.clock, *(f[2] for f in made)])
        return list(self.box.send_burst(made))

    def advance(self, to: float) -> list[Any]:
        self.clock = max(self.clock, to)
        return list(self.box.advance(self.clock))

    def finish(self) -> list[Any]:
        return list(self.box.finish())

    def stats(self) -> dict[str, Any]:
        return dict(self.box.stats())

    def sessions(self) -> list[dict[str, Any]]:
        return list(self.box.sessions())

    def alerts(self) -> list[dict[str, Any]]:
        return list(self.box.alerts())

    def close(self) -> None:
        """Gives the box's memory back."""
        close = getattr(self.box, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def lab(chain: Any, *, backend: str = "c", io: str = "mem", **more: Any) -> Lab:
    """A box in memory of a chain (or of the path of its file). `more` as for Module.open.

    Raises ValueError for another `io` than "mem"; CompileError; BuildError.
    """
    if io != "mem":
        raise ValueError(f"io {io!r}: a lab is in memory (mem); mcc run has real ports")
    more.setdefault("max_sessions", 1024)
    return Lab(module_of(chain).open(backend=backend, **more))


@dataclass(frozen=True)
class Outcome:
    """What both ends have seen. `client_acked` is in the client's numbering, its SYN and FIN take one each."""

    server_got: bytes
    client_got: bytes
    client_acked: int
    server_acked: int
    every_ack_is_monotone: bool
    checksums_ok: bool
    complete: bool
    packets: list[bytes]
    """Frames that left the box, in order, as they left."""
    trace: Trace
    """What happened; with the hosts' own addresses where the chain translates them."""


class Conversation:
    """One client and one server. Every call is one connection, from SYN to both FINs; the next takes the next port."""

    def __init__(self, *, client: str, server: str, **host: Any) -> None:
        """`client`, `server`: "address:port", IPv6 as "[address]:port"; `host`: fields of mcc.testing.Host for both."""
        self._client, self._server = address(client), address(server)
        self._host = host

    def client_sends(self, mb: BoxLike, *segments: bytes, loss: Any = None, reorder: Any = None,
                     dup: Any = None) -> Outcome:
        """The client sends these segments. `loss`, `reorder`, `dup`: a random.Random (Hypothesis' `randoms()`), or a
        share of packets; None: none."""
        return self._talk(mb, segments, (), loss, reorder, dup)

    def server_sends(self, mb: BoxLike, *segments: bytes, loss: Any = None, reorder: Any = None,
                     dup: Any = None) -> Outcome:
        """The server sends these segments over a connection that the client opens."""
        return self._talk(mb, (), segments, loss, reorder, dup)

    def _talk(self, mb: BoxLike, up: tuple[bytes, ...], down: tuple[bytes, ...], loss: Any, reorder: Any,
              dup: Any) -> Outcome:
        links = tuple(_fates(loss, reorder, dup, i) for i in range(len(LINKS)))
        dialogue = Dialogue(self._talker(up, 1000), self._talker(down, 900_000), links, client_at=self._client,
                            server_at=self._server)
        frames: list[bytes] = []
        trace = run_from(Translated(mb, raw=frames), dialogue, getattr(mb, "clock", 0.0))
        self._client = (self._client[0], self._client[1] % 65535 + 1)
        return Outcome(bytes(trace.server.receiver.stream), bytes(trace.client.receiver.stream),
                       trace.client.sender.una, trace.server.sender.una,
                       monotone(trace, False) and monotone(trace, True),
                       all(checksums_right(f) for f in frames), trace.complete, frames, trace)

    def _talker(self, segments: tuple[bytes, ...], isn: int) -> Host:
        sizes = tuple(len(s) for s in segments if s)
        data = b"".join(segments)
        return replace(Host(isn=isn, writes=((0.0, data),) if data else (), cuts=sizes), **self._host)


def monotone(trace: Trace, towards_server: bool) -> bool:
    """Whether acknowledgements that leave the box towards a host never fall while those that come in do not. One that
    comes late says an older one, and so does what goes on of it."""
    into, out = ("client>box", "box>server") if towards_server else ("server>box", "box>client")
    events = [(a.order, place, a.ack) for place in (into, out) for a in acks(trace, place, towards_server)]
    came = left = 0
    late = False
    for _, place, ack in sorted(events):
        if place == into:
            late = ack < came
            came = max(came, ack)
        elif not late:
            if ack < left:
                return False
            left = ack
    return True


def tcp_cut(data: bytes, rnd: Any) -> list[bytes]:
    """`data` cut into segments at random places, often into small ones; [] of nothing."""
    out, at, most = [], 0, rnd.choice([1, 3, 8, 40, 1400])
    while at < len(data):
        size = rnd.randint(1, most)
        out.append(data[at:at + size])
        at += size
    return out


def _fates(loss: Any, reorder: Any, dup: Any, link: int) -> tuple[Fate, ...]:
    """Fates of a link's first frames."""
    dice = [_dice(x, link) for x in (loss, reorder, dup)]
    if not any(dice):
        return ()
    out = []
    for _ in range(100):
        lost, late, twice = (d is not None and d[0].random() < d[1] for d in dice)
        delay = dice[1][0].randint(1, 4) / 1000 if late and dice[1] is not None else 0.0
        out.append(Fate("lose" if lost else "twice" if twice else "pass", delay))
    return tuple(out)


def _dice(given: Any, link: int) -> tuple[Any, float] | None:
    """(source of randomness, share of frames)."""
    if given is None or given is False or given == 0:
        return None
    if isinstance(given, (int, float)):
        return Random(link), float(given)
    return given, 0.1
