"""Several boxes of one chain as one: `--cores N`. Each packet goes to the box of its core (mcc_box_owner).

    frame --parse, owner--> box 0 | box 1 | ..   statistics, sessions, alerts: of all of them together
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from mcc.diag import MccError
from mcc.lang.parameter import Parameter
from mcc.lang.sent import Sent
from mcc.run.box import LINKS, NS, Box
from mcc.run.shares import Share, described, merged

MAX_CORES = 32
"""MCC_CREW_MAX of runtime_c/mcc_crew_parts.h."""


class Crew:
    """As a Box, over `cores` boxes. In memory and over captures one thread does the work of all cores, so that what
    leaves comes in the order of the arrivals that caused it; over live ports each has its own thread.

    max_sessions is divided between the cores. Raises CompileError where the chain cannot be split, MccError without
    memory.
    """

    def __init__(self, module: Any, cores: int, *, max_sessions: int = 1 << 20, steer_seed: int = 0,
                 seed: int | None = None, buffers: int = 16384, link: str = "ethernet", **options: Any) -> None:
        if not 2 <= cores <= MAX_CORES:
            raise MccError(f"{cores} cores are not within 1 to {MAX_CORES}")
        module.compiled.check_cores(cores)
        each = max(1, max_sessions // cores)
        seed = seed if seed is not None else int.from_bytes(os.urandom(7), "little")
        self.boxes: list[Box] = []
        try:
            for i in range(cores):
                self.boxes.append(Box(module, max_sessions=each, cores=cores, core=i, steer_seed=steer_seed,
                                      seed=seed + i, buffers=buffers, link=link, **options))
        except BaseException:
            self.close()
            raise
        first = self.boxes[0]
        self.module, self.compiled, self.ffi, self.lib, self.ports = (
            first.module, first.compiled, first.ffi, first.lib, first.ports)
        self.link = LINKS[link]
        self._spread = self.ffi.new("uint32_t *")
        self._counts = self.ffi.new("uint64_t[3]")
        self._crew: Any = None
        self._loops: list[Any] = []
        self._replay: Any = None
        self._handled = [0] * cores
        self._latest = 0

    @property
    def cores(self) -> int:
        """Of the run."""
        return len(self.boxes)

    # ------------------------------------------------------------ packets

    def send(self, port: str, frame: Any, at: float) -> list[Sent]:
        """One frame (bytes, or a scapy packet) arrives at `port` at `at` seconds; what left until it was handled."""
        return self.send_burst([(port, frame)], at)

    def send_burst(self, frames: Iterable[Any], at: float | None = None) -> list[Sent]:
        """Frames that arrive together: (port, frame) or (port, frame, at) each."""
        out: list[Sent] = []
        for item in frames:
            port, frame = item[0], bytes(item[1])
            when = item[2] if len(item) > 2 else at
            assert when is not None
            ns = round(when * NS)
            self._latest = max(self._latest, ns)
            out += self._due(self._latest)
            core = self.owner(port, frame)
            self._handled[core] += 1
            self.boxes[core].receive(port, frame, ns)
            out += self._flushed(core)
        return out

    def owner(self, port: str, frame: bytes, link: int | None = None) -> int:
        """The core to which a frame that arrives at `port` belongs. Raises KeyError for a port that is not there."""
        if port not in self.ports:
            raise KeyError(f"no port {port!r}: {', '.join(self.ports)}")
        return int(self.lib.mcc_box_owner_of(self.boxes[0].box, self.ports.index(port),
                                             self.link if link is None else link, frame, len(frame), self._spread))

    def _due(self, ns: int) -> list[Sent]:
        """What timers of any core have to do before a packet of this time."""
        out: list[Sent] = []
        for i, b in enumerate(self.boxes):
            if ns >= b.core.due or ns > b.core.now:
                self.lib.mcc_box_advance(b.box, ns)
                out += self._flushed(i)
        return out

    def _flushed(self, core: int) -> list[Sent]:
        self.lib.mcc_box_flush(self.boxes[core].box)
        return self.boxes[core].drain()

    def advance(self, to: float) -> list[Sent]:
        """Time passes; what left meanwhile."""
        return [s for b in self.boxes for s in b.advance(to)]

    def finish(self, *, run_out: bool = True) -> list[Sent]:
        """The end of the run: timers run out in order, the remaining sessions end; core by core."""
        return [s for b in self.boxes for s in b.finish(run_out=run_out)]

    def drain(self) -> list[Sent]:
        """Packets that wait to leave, core by core."""
        return [s for b in self.boxes for s in b.drain()]

    # ------------------------------------------------------------ what is known

    def stats(self) -> dict[str, Any]:
        """As of one box; and "cores", what each did (docs/live.md, Many cores)."""
        each = [b.stats() for b in self.boxes]
        return {**merged(each), "cores": described(self.shares(), each)}

    def shares(self) -> list[Share]:
        """What each core has done."""
        if self._loops:
            return [self._live_share(loop) for loop in self._loops]
        if self._replay is not None:
            return [self._replay_share(i) for i in range(self.cores)]
        return [Share(n) for n in self._handled]

    def _live_share(self, loop: Any) -> Share:
        s = self.ffi.new("struct mcc_loop_share *")
        self.lib.mcc_loop_shares(loop, s)
        return Share(s.packets, s.handed_out, s.handed_in, s.sent_out, s.sent_in, s.most,
                     s.busy / s.all if s.all else 0.0)

    def _replay_share(self, core: int) -> Share:
        c = self._counts
        self.lib.mcc_replay_share(self._replay, core, c, c + 1, c + 2)
        return Share(c[0], handed_in=c[1], most=c[2])

    def sessions(self) -> list[dict[str, Any]]:
        """Sessions that have ended since the last call: core by core, in order of their end."""
        return [s for b in self.boxes for s in b.sessions()]

    def alerts(self) -> list[dict[str, Any]]:
        """Alerts since the last call, by time."""
        return sorted((a for b in self.boxes for a in b.alerts()), key=lambda a: float(a["time"]))

    def value(self, node: str, name: str) -> int:
        """A Counter or PerCore of an element, added over the cores, or a Live. Raises KeyError where there is none."""
        kinds = {(self._name(v.node), v.name): v for v in self.compiled.module.values}
        v = kinds.get((node, name))
        if v is None:
            raise KeyError(f"{node}.{name}")
        if v.kind == "live":
            return self.boxes[0].value(node, name)
        total = sum(b.value(node, name) for b in self.boxes)
        return total if v.signed else total & (1 << v.bits if v.kind == "percore" else 1 << 64) - 1

    def _name(self, node: int) -> str:
        return str(self.compiled.graph.nodes[node].name)

    def set(self, node: str, name: str, value: int) -> None:
        """Changes a Live parameter on every core, as Box.set."""
        for b in self.boxes:
            b.set(node, name, value)

    def parameters(self) -> tuple[Parameter, ...]:
        """All Live parameters, in the order of the chain."""
        return self.boxes[0].parameters()

    # ------------------------------------------------------------ captures and live ports

    def replay(self) -> Any:
        """A `struct mcc_replay *` over all boxes. Given back by mcc_replay_free."""
        self._replay = self.boxes[0].replay()
        if self._replay != self.ffi.NULL:
            for b in self.boxes[1:]:
                self.lib.mcc_replay_core(self._replay, b.box, b.core)
        return self._replay

    @property
    def contexts(self) -> bool:
        """Whether the chain has streams."""
        return self.boxes[0].contexts

    def loops(self, start: int, split: bool) -> list[Any]:
        """A `struct mcc_loop *` a core, of one crew; NULL where there is no memory. Given back by mcc_loop_free, before
        this is closed."""
        self._crew = self.lib.mcc_crew_new(self.cores)
        if self._crew == self.ffi.NULL:
            return [self.ffi.NULL]
        self._loops = []
        for b in self.boxes:
            [loop] = b.loops(start, split)
            self._loops.append(loop)
            if loop != self.ffi.NULL:
                self.lib.mcc_loop_join(loop, self._crew)
        return list(self._loops)

    def close(self) -> None:
        """Gives the memory back; it cannot be used afterwards."""
        for b in self.boxes:
            b.close()
        if getattr(self, "_crew", None) is not None:
            self.lib.mcc_crew_free(self._crew)
            self._crew = None

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
