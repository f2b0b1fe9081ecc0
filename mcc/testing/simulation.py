"""A dialogue in virtual time: host, link, box, link, host. Events lie in a heap; the box's timers run by `advance`."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from mcc.testing.endpoint import Endpoint
from mcc.testing.frames import build, checksums_right, parse
from mcc.testing.plans import LATENCY, LINKS, Dialogue, Fate
from mcc.testing.trace import Event, Trace
from mcc.testing.wire import apply


class BoxLike(Protocol):
    """What a dialogue needs of a middlebox; `mcc.build(...).open(...)` has it. `ports`: client's, server's."""

    ports: tuple[str, ...]

    def send(self, port: str, frame: bytes, at: float) -> list[Any]: ...

    def advance(self, to: float) -> list[Any]: ...

    def stats(self) -> dict[str, Any]: ...

    def close(self) -> None: ...


Injection = tuple[float, str, Callable[[Trace], bytes | None]]
"""(when, "client" or "server": whose side, what makes the frame from what happened so far)."""

STEP = 0.02
"""Seconds of box time at once while nothing else is due: about one tick of a box's timers."""

STORM = 20_000
"""Events of a dialogue after which nobody makes progress. Ordinary ones have tens, the longest a few hundred."""


class Simulation:
    """One run. The box gets each frame at its time, and time itself in steps, so that its timers act when due."""

    def __init__(self, box: BoxLike, dialogue: Dialogue, inject: Iterable[Injection] = (), start: float = 0.0) -> None:
        self.box, self.d, self.now = box, dialogue, start
        self.start, self.quiet_from = start, start
        a, b = dialogue.addresses
        self.trace = Trace(dialogue, Endpoint("client", dialogue.client, a, b),
                           Endpoint("server", dialogue.server, b, a))
        self.hosts = {"client": self.trace.client, "server": self.trace.server}
        self._fates = {name: list(fates) for name, fates in zip(LINKS, dialogue.links, strict=True)}
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._busy = 0
        for name, host in self.hosts.items():
            self._schedule_application(name, host)
        for at, side, make in inject:
            self._later(start + at, lambda side=side, make=make: self._inject(side, make))  # type: ignore[misc]
        self._opening()

    # ------------------------------------------------------------ what is planned

    def _opening(self) -> None:
        self._later(self.start, lambda: self._act("client", lambda h: h.open(self.now)))
        if self.d.simultaneous:
            self._later(self.start, lambda: self._act("server", lambda h: h.open(self.now)))

    def _schedule_application(self, name: str, host: Endpoint) -> None:
        def plan(at: float, do: Callable[[Endpoint], None]) -> None:
            self._later(self.start + at, lambda: self._act(name, do))

        for at, data in host.plan.writes:
            plan(at, lambda h, data=data: h.write(data, self.now))  # type: ignore[misc]
        last = max([at for at, _ in host.plan.writes], default=0.0)
        if host.plan.close_at is not None:
            plan(max(host.plan.close_at, last), lambda h: h.close(self.now))
        if host.plan.abort_at is not None:
            plan(host.plan.abort_at, lambda h: h.abort(self.now))
        for at, garbage in host.plan.keepalives:
            plan(at, lambda h, garbage=garbage: h.keepalive(garbage, self.now))  # type: ignore[misc]
        for _, until in host.plan.pauses:
            plan(until, lambda h: h.consume(self.now) if h.reading(self.now - self.start) else None)

    def _later(self, at: float, do: Callable[[], None]) -> None:
        self._busy += 1
        heapq.heappush(self._heap, (at, next(self._order), do))

    # ------------------------------------------------------------ what happens

    def run(self) -> Trace:
        """Until both ends are done and the wire is empty, patience is over, or both answer each other without end."""
        end = self.start + self.d.patience
        while self.now < end and len(self.trace.events) < STORM:
            due = self._heap[0][0] if self._heap else end
            timer = min((t for h in self.hosts.values() if (t := h.next_timer()) is not None), default=end)
            if not self._heap and self._over():
                break
            self._advance(min(due, timer, end))
            if self._heap and self._heap[0][0] <= self.now:
                _, _, do = heapq.heappop(self._heap)
                do()
            else:
                for name in self.hosts:
                    if (t := self.hosts[name].next_timer()) is not None and t <= self.now:
                        self._act(name, lambda h: h.on_timer(self.now))
        self.trace.ended = self.now - self.start
        self.trace.complete = self._over()
        self.trace.stats = self.box.stats()
        return self.trace

    def _over(self) -> bool:
        mute = any(h.plan.mute_at is not None for h in self.hosts.values())
        return all(h.done for h in self.hosts.values()) and not mute

    def _advance(self, to: float) -> None:
        """Up to `to`, or to the first time at which the box sends something of itself."""
        while self.now < to:
            idle = self.now - self.quiet_from
            at = min(to, self.now + (STEP if idle < 2 else 0.25 if idle < 20 else 1.0))
            sent = self.box.advance(at)
            self.now = at
            if sent:
                self._box_sent(sent)
                return

    def _act(self, name: str, do: Callable[[Endpoint], None]) -> None:
        """A host does something; what it sends goes on its link."""
        host = self.hosts[name]
        do(host)
        out, host.out = host.out, []
        mute = host.plan.mute_at
        for segment in out:
            if mute is None or self.now - self.start < mute:
                frame = build(segment)
                self._note(name, frame)
                self._onto(f"{name}>box", frame)

    def _inject(self, side: str, make: Callable[[Trace], bytes | None]) -> None:
        frame = make(self.trace)
        if frame is not None:
            self._note(side, frame, "from a third party")
            self._into_box(side, frame)

    def _onto(self, link: str, frame: bytes) -> None:
        """A frame's way over a link, by the link's next fate."""
        fates = self._fates[link]
        fate = fates.pop(0) if fates else Fate()
        copies, note = apply(fate, frame)
        if not copies:
            self._note("lost", frame, link)
        for i, copy in enumerate(copies):
            arrive = self.now + LATENCY + fate.delay + i * LATENCY / 8
            self._later(arrive, lambda copy=copy: self._arrive(link, copy, note))  # type: ignore[misc]

    def _arrive(self, link: str, frame: bytes, note: str) -> None:
        origin, _, target = link.partition(">")
        if target == "box":
            self._into_box(origin, frame, note)
            return
        self._note(f"{target} got", frame, note)
        segment = parse(frame) if checksums_right(frame) else None
        host = self.hosts[target]
        if segment is not None and host.is_mine(segment):
            self._act(target, lambda h: h.on_segment(segment, self.now))

    def _into_box(self, side: str, frame: bytes, note: str = "") -> None:
        self._note(f"{side}>box", frame, note)
        self._box_sent(self.box.send(self.box.ports[0 if side == "client" else 1], frame, self.now))

    def _box_sent(self, sent: list[Any]) -> None:
        self.quiet_from = self.now
        for s in sent:
            side = "client" if s.port == self.box.ports[0] else "server"
            self._note(f"box>{side}", s.frame)
            self._onto(f"box>{side}", s.frame)

    def _note(self, place: str, frame: bytes, note: str = "") -> None:
        self.trace.events.append(Event(self.now - self.start, place, frame, note))


def run_from(box: BoxLike, dialogue: Dialogue, start: float) -> Trace:
    """One dialogue that begins at box time `start`."""
    return Simulation(box, dialogue, (), start).run()


def run(box: BoxLike, dialogue: Dialogue, inject: Iterable[Injection] = ()) -> Trace:
    """One dialogue through one box."""
    return Simulation(box, dialogue, inject).run()


