"""The box in memory: frames in, frames out, time by hand. The compiled side; mcc.reference has the other.

    with module.open(start=0.0) as box:
        sent = box.send("lan", frame, at=1.0)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from mcc.diag import MccError
from mcc.ir.element import LiveDecl
from mcc.lang.parameter import Parameter, find
from mcc.lang.sent import Sent
from mcc.run.records import Records
from mcc.run.shares import Share
from mcc.run.stats import collect

LINKS = {"ethernet": 0, "raw": 1, "sll": 2, "sll2": 3, "null": 4, "opaque": 5, "ppp": 6, "802.11": 7,
         "radiotap": 8}
CHECKSUMS = {"keep": 0, "verify": 1, "fix": 2}
NS = 1_000_000_000


class Box:
    """One instance of a chain in this process. Times are seconds; `start_ns` is tick 0. marks(index of the
    port, frame): what a NIC would say of the frame, for a module with marks (mcc.driver.Options); 0: nothing.

    Raises MccError when there is no memory, KeyError for a port that the chain does not have.
    """

    def __init__(self, module: Any, *, start_ns: int = 0, max_sessions: int = 1 << 20, checksums: str = "keep",
                 log_sessions: bool = True, log_alerts: bool = True, link: str = "ethernet", seed: int | None = None,
                 buffers: int = 16384, cores: int = 1, core: int = 0, steer_seed: int = 0,
                 marks: Callable[[int, bytes], int] | None = None) -> None:
        self.module, self.ffi, self.lib = module, module.built.ffi, module.built.lib
        self.compiled = module.compiled
        self.ports: tuple[str, ...] = self.compiled.graph.ports
        self.link, self.marks = LINKS[link], marks
        if not 1 <= max_sessions < 1 << 24:
            raise MccError(f"--max-sessions {max_sessions} is not within 1 to {(1 << 24) - 1}")
        config = self.ffi.new("struct mcc_config *", {
            "start": start_ns, "seed": seed if seed is not None else int.from_bytes(os.urandom(8), "little"),
            "max_sessions": max_sessions, "core": core, "cores": cores, "steer_seed": steer_seed,
            "checksums": CHECKSUMS[checksums], "log_sessions": log_sessions, "log_alerts": log_alerts,
            "buffers": buffers, "large_buffers": 64})
        self.box = self.lib.mcc_box_open(config)
        if self.box == self.ffi.NULL:
            raise MccError(f"not enough memory for {max_sessions} sessions: give a smaller --max-sessions")
        self.core = self.lib.mcc_box_core(self.box)
        self.records = Records(self.compiled, self.ffi, self.lib)
        self._sessions: list[dict[str, Any]] = []
        self._alerts: list[dict[str, Any]] = []
        self._replay: Any = None
        self.final: dict[str, Any] | None = None

    # ------------------------------------------------------------ packets

    def send(self, port: str, frame: Any, at: float) -> list[Sent]:
        """One frame (bytes, or a scapy packet) arrives at `port` at `at` seconds; what left until it was handled."""
        return self.send_burst([(port, frame)], at)

    def send_burst(self, frames: Iterable[Any], at: float | None = None) -> list[Sent]:
        """Frames that arrive together: (port, frame) or (port, frame, at) each."""
        for item in frames:
            port, frame = item[0], bytes(item[1])
            when = item[2] if len(item) > 2 else at
            assert when is not None
            self.receive(port, frame, round(when * NS))
        self.lib.mcc_box_flush(self.box)
        return self.drain()

    def receive(self, port: str, frame: bytes, at_ns: int, wire: int = 0, link: int | None = None) -> None:
        """A frame joins the burst; handled when 32 are there, or by the next call that returns packets."""
        number = self.ports.index(port) if port in self.ports else -1
        if number < 0:
            raise KeyError(f"no port {port!r}: {', '.join(self.ports)}")
        if self.marks is not None:
            self.core.mark = self.marks(number, frame)
        self.lib.mcc_box_receive(self.box, number, self.link if link is None else link, frame, len(frame),
                                 wire or len(frame), at_ns)

    def advance(self, to: float) -> list[Sent]:
        """Time passes; what left meanwhile."""
        self.lib.mcc_box_advance(self.box, round(to * NS))
        return self.drain()

    def finish(self, *, run_out: bool = True) -> list[Sent]:
        """The end of the run: timers run out in order, the remaining sessions end."""
        self.lib.mcc_box_finish(self.box, run_out)
        return self.drain()

    def drain(self) -> list[Sent]:
        """Packets that wait to leave, in the order of leaving."""
        ffi = self.ffi
        where = ffi.new("struct mcc_packet ***")
        n = self.lib.mcc_box_out(self.box, where)
        out = []
        for i in range(n):
            p = where[0][i]
            out.append(Sent(self.ports[p.out_port], bytes(ffi.buffer(p.data, p.len)), p.at / NS))
        self.lib.mcc_box_sent(self.box)
        return out

    # ------------------------------------------------------------ what is known

    def stats(self) -> dict[str, Any]:
        """The shape of `--stats` (CONTRACT.md), without what only a run has (seconds)."""
        return collect(self)

    def sessions(self) -> list[dict[str, Any]]:
        """Sessions that have ended since the last call, in order of their end."""
        self.poll()
        out, self._sessions = self._sessions, []
        return out

    def alerts(self) -> list[dict[str, Any]]:
        """Alerts since the last call."""
        self.poll()
        out, self._alerts = self._alerts, []
        return out

    def poll(self) -> None:
        """Take ended sessions and alerts out of the C logs."""
        self._sessions += self.records.sessions(self.core)
        self._alerts += self.records.alerts(self.core)

    def value(self, node: str, name: str) -> int:
        """A Counter, PerCore or Live of an element. Raises KeyError where there is none."""
        return int(self._place(node, name)[0])

    def set(self, node: str, name: str, value: int) -> None:
        """Changes a Live parameter; packets see it from the next burst on. Raises ParameterError where there is none of
        this name, or it cannot have this value."""
        self._place(node, name, "live")[0] = find(self.parameters(), node, name).check(value)

    def parameters(self) -> tuple[Parameter, ...]:
        """All Live parameters, in the order of the chain."""
        names = {n.id: n.name for n in self.compiled.graph.nodes}
        return tuple(Parameter(names[n], d.name, d.type.name, d.type.min, d.type.max, self.value(names[n], d.name))
                     for n, code in self.compiled.codes.items() for d in code.state if isinstance(d, LiveDecl))

    def _place(self, node: str, name: str, kind: str = "") -> Any:
        names = {n.id: n.name for n in self.compiled.graph.nodes}
        for i, v in enumerate(self.compiled.module.values):
            if names[v.node] == node and v.name == name and kind in ("", v.kind):
                raw = self.lib.mcc_box_value(self.box, i)
                return self.ffi.cast(f"{'' if v.signed else 'u'}int{v.bits}_t *", raw)
        raise KeyError(f"{node}.{name}")

    # ------------------------------------------------------------ captures

    def replay(self) -> Any:
        """A `struct mcc_replay *` over this box, for mcc.run.runner. Given back by mcc_replay_free."""
        ops = self.ffi.new("struct mcc_replay_ops *")
        self.lib.mcc_box_replay_ops(ops)
        self._replay = ops
        return self.lib.mcc_replay_new(ops, self.box, self.core, len(self.ports))

    # ------------------------------------------------------------ live ports

    @property
    def cores(self) -> int:
        """Of the run."""
        return 1

    def shares(self) -> list[Share]:
        """What each of several cores has done; of one there is nothing to say."""
        return []

    @property
    def contexts(self) -> bool:
        """Whether the chain has streams."""
        return bool(self.lib.mcc_box_contexts(self.box) != self.ffi.NULL)

    def loops(self, start: int, split: bool) -> list[Any]:
        """A `struct mcc_loop *` over this box, for mcc.run.live; NULL where there is no memory. Given back by
        mcc_loop_free."""
        ops = self.ffi.new("struct mcc_loop_ops *")
        self.lib.mcc_box_loop_ops(ops)
        self._replay = ops
        return [self.lib.mcc_loop_new(ops, self.box, self.core, len(self.ports), start, split)]

    def close(self) -> None:
        """Gives the memory back; the box cannot be used afterwards."""
        if self.box is not None:
            self.lib.mcc_box_close(self.box)
            self.box = None

    def __enter__(self) -> "Box":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
