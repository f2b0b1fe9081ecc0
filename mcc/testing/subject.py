"""The thing under test: how to open a box, and what its chain makes of a stream, as far as that is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from mcc.testing.plans import Dialogue, Host
from mcc.testing.positions import Edit
from mcc.testing.simulation import BoxLike, Injection, Simulation
from mcc.testing.trace import Event, Trace

Transform = Callable[[bytes], bytes]


def identity(data: bytes) -> bytes:
    """The transform of a chain that changes nothing."""
    return data


class Broken(AssertionError):
    """A property does not hold. `trace` is the dialogue that shows it."""

    def __init__(self, number: int, text: str, trace: Trace | None = None) -> None:
        super().__init__(f"property {number}: {text}")
        self.number, self.text, self.trace = number, text, trace


class NotApplicable(Exception):
    """The property says nothing about this chain; the text says why."""


@dataclass
class Subject:
    """`transform` makes the receiver's stream of the sender's, in both directions; None: it is found by a clean run.

    `edits`, where given, says exactly which edits it makes (for the position map). `tokens` are byte strings that the
    chain cares about, so that drawn streams contain them. `variants` open other builds that must send the same packets;
    `parts` open boxes which in series must do the same. `early_ack`: False where the chain must never acknowledge
    what the receiver has not; None: it may, and then it must own the data (property 27). `cap`: bytes that a connection
    may hold.
    """

    open_box: Callable[[], BoxLike]
    transform: Transform | None = None
    edits: Callable[[bytes], list[Edit]] | None = None
    tokens: tuple[bytes, ...] = ()
    variants: tuple[Callable[[], BoxLike], ...] = ()
    parts: tuple[Callable[[], BoxLike], ...] = ()
    early_ack: bool | None = None
    cap: int = 8 << 20
    _known: dict[tuple[bytes, bool], bytes] = field(default_factory=dict, repr=False)
    _context: bool | None = field(default=None, repr=False)
    _translates: bool | None = field(default=None, repr=False)

    @property
    def is_identity(self) -> bool:
        return self.transform is identity

    @property
    def slack(self) -> int:
        """Bytes around a position within which an edit may lie that T alone does not show."""
        return 0 if self.is_identity else max([16, *map(len, self.tokens)])

    @property
    def has_context(self) -> bool:
        """Whether the chain follows TCP streams at all (a `contexts` entry in its statistics)."""
        if self._context is None:
            box = self.open_box()
            try:
                self._context = bool(box.stats().get("contexts"))
            finally:
                box.close()
        return self._context

    @property
    def translates(self) -> bool:
        """Whether a connection leaves the chain with other addresses or ports."""
        if self._translates is None:
            box = self.open_box()
            try:
                self.run(Dialogue(Host(writes=((0.0, b"x"),))), box=box)
                self._translates = bool(getattr(box, "translates", False))
            finally:
                box.close()
        return self._translates

    def expect(self, data: bytes, to_server: bool = True) -> bytes:
        """T(data): by the transform, or what a receiver gets over a clean wire."""
        if self.transform is not None:
            return self.transform(data)
        key = (data, to_server)
        if key not in self._known:
            talker = Host(writes=((0.0, data),) if data else ())
            quiet = Host(isn=900_000)
            trace = self.run(Dialogue(talker, quiet) if to_server else Dialogue(quiet, talker))
            got = (trace.server if to_server else trace.client).receiver
            if not trace.complete or not got.finished:
                raise Broken(1, "a stream over a clean wire did not arrive", trace)
            self._known[key] = bytes(got.stream)
        return self._known[key]

    def run(self, dialogue: Dialogue, inject: Iterable[Injection] = (), *, box: BoxLike | None = None,
            start: float = 0.0) -> Trace:
        """A dialogue through a fresh box, or through `box`, which stays open. What the box raises is a Broken (21)."""
        mine = box if box is not None else self.open_box()
        simulation = Simulation(mine, dialogue, inject, start)
        try:
            return simulation.run()
        except (Broken, NotApplicable):
            raise
        except Exception as e:
            raise Broken(21, f"the box failed: {type(e).__name__}: {e}", simulation.trace) from e
        finally:
            if box is None:
                mine.close()

    def feed(self, frames: Iterable[tuple[str, bytes]], *, box: BoxLike | None = None, gap: float = 0.001,
             start: float = 0.0) -> Trace:
        """Frames one after the other, (side, frame), no hosts behind the links; what left is in the trace."""
        mine = box if box is not None else self.open_box()
        trace = Simulation(mine, Dialogue()).trace
        at = start
        try:
            for side, frame in frames:
                trace.events.append(Event(at, f"{side}>box", frame))
                _record(trace, mine, mine.send(mine.ports[0 if side == "client" else 1], frame, at), at)
                at += gap
            trace.ended = at
            trace.stats = mine.stats()
            return trace
        except Exception as e:
            raise Broken(21, f"the box failed: {type(e).__name__}: {e}", trace) from e
        finally:
            if box is None:
                mine.close()


def _record(trace: Trace, box: BoxLike, sent: list[Any], at: float) -> None:
    for s in sent:
        trace.events.append(Event(at, f"box>{'client' if s.port == box.ports[0] else 'server'}", s.frame))


class Series:
    """Boxes in a row as one: the server's side of each is the client's side of the next."""

    def __init__(self, boxes: list[BoxLike]) -> None:
        self.boxes = boxes
        self.ports: tuple[str, ...] = ("client", "server")

    def send(self, port: str, frame: bytes, at: float) -> list[Any]:
        i = 0 if port == "client" else len(self.boxes) - 1
        return self._on(i, self.boxes[i].send(self.boxes[i].ports[0 if port == "client" else 1], frame, at), at)

    def advance(self, to: float) -> list[Any]:
        return [s for i, box in enumerate(self.boxes) for s in self._on(i, box.advance(to), to)]

    def _on(self, i: int, sent: list[Any], at: float) -> list[Any]:
        """What box i sent goes into its neighbour, or out."""
        out: list[Any] = []
        for s in sent:
            down = s.port != self.boxes[i].ports[0]
            j = i + 1 if down else i - 1
            if 0 <= j < len(self.boxes):
                out += self._on(j, self.boxes[j].send(self.boxes[j].ports[0 if down else 1], s.frame, at), at)
            else:
                out.append(type(s)("server" if down else "client", s.frame, s.at))
        return out

    def stats(self) -> dict[str, Any]:
        return self.boxes[0].stats()

    def close(self) -> None:
        for box in self.boxes:
            box.close()
