"""A compiled chain on live interfaces: opens the ports, drives the loop in C, writes the results.

    module + bindings --> box --> runtime_c/mcc_io_loop.c --> interfaces; statistics, sessions, alerts
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Protocol

from mcc.diag import PortError
from mcc.run import dpdk
from mcc.run.device import cannot_open, offload_note, refusal_note
from mcc.run.errands import Errands, Running
from mcc.run.offloads import before_open, unsummed_note
from mcc.run.outputs import Document, LineFile
from mcc.run.ports import Binding, Bindings
from mcc.run.runner import ReplayBox, RunOptions, RunResult, interrupts

SLICE = 100_000_000
"""ns in C between two looks at signals, logs and dead ports."""

Say = Callable[[str], None]
"""Called with what happens meanwhile: a port that died, or lives again."""


class LiveBox(ReplayBox, Protocol):
    """What is needed of a box. `loops`: a `struct mcc_loop *` a core, freed by mcc_loop_free; `contexts`: it has
    streams."""

    def loops(self, start: int, split: bool) -> list[Any]: ...
    @property
    def contexts(self) -> bool: ...


class LiveModule(Protocol):
    """What is needed of a module; `start` in ns since the epoch."""

    @property
    def ports(self) -> Sequence[str]: ...
    @property
    def name(self) -> str: ...

    def open_live(self, *, start: int, max_sessions: int, checksums: str, log_sessions: bool,
                  log_alerts: bool, cores: int) -> LiveBox: ...


def run_live(module: LiveModule, bindings: Bindings, options: RunOptions, *, say: Say | None = None,
             version: str = "", errands: Errands | None = None) -> RunResult:
    """Run until SIGINT, SIGTERM or for `options.duration` seconds of the clock (0: no end). `errands` are done between
    slices, and closed when the last slice is over.

    Raises PortError where a port or a file cannot be opened; nothing is left behind then.
    """
    with ExitStack() as stack:
        stats = Document(options.stats) if options.stats else None
        lines = [LineFile(path, "lines") if path else None for path in (options.sessions, options.alerts)]
        for file in lines:
            if file is not None:
                stack.callback(file.close)
        start = time.time_ns()
        box = module.open_live(start=start, max_sessions=options.max_sessions, checksums=options.checksums,
                               log_sessions=lines[0] is not None, log_alerts=lines[1] is not None,
                               cores=options.cores)
        stack.callback(box.close)
        run = _Live(module, box, bindings, (lines[0], lines[1]), stats, say or (lambda text: None),
                    errands or Errands())
        stack.callback(run.errands.close)
        stack.callback(run.close)
        run.open(start)
        return run.run(options.duration, version)


class _Live:
    """One run: the loop in C, and what is looked at between its slices."""

    def __init__(self, module: LiveModule, box: LiveBox, bindings: Bindings,
                 lines: tuple[LineFile | None, LineFile | None], stats: Document | None, say: Say,
                 errands: Errands) -> None:
        self.module, self.box, self.bindings, self.stats, self.say = module, box, bindings, stats, say
        self.errands = errands
        self.sessions, self.alerts = lines
        self.lib, self.ffi = box.lib, box.ffi
        self.result = RunResult()
        self.loops: list[Any] = []
        self.dead: dict[int, int] = {}
        self.unsummed: set[int] = set()
        self.split = False

    def open(self, start: int) -> None:
        """Open the ports. Raises PortError."""
        # these carry no super-frames: others' are cut
        plain = any(p.kind in ("afxdp", "dpdk") for p in self.bindings.ports)
        self.split = self.box.contexts or plain
        self.loops = self.box.loops(start, self.split)
        if self.ffi.NULL in self.loops:
            raise PortError("there is not enough memory for this run")
        for i, port in sorted(enumerate(self.bindings.ports), key=lambda p: not p[1].pci):
            dpdk.before_open(port)
            warning = before_open(port)
            if warning:
                self.say(warning)
            for loop in self.loops:
                rc = self.lib.mcc_loop_open(loop, i, port.kind.encode(), os.fsencode(port.opened))
                if rc == -errno.EXDEV:
                    break  # one core has it for all
                why = self.ffi.string(self.lib.mcc_loop_why(loop, i)).decode(errors="replace")
                if rc < 0:
                    raise PortError(cannot_open(port, -rc, why))
                if note := dpdk.marks_note(port, why):
                    self.say(note)
            if note := dpdk.veth_note(port):
                self.say(note)
        mtus = {p.interface or p.name: mtu for i, p in enumerate(self.bindings.ports)
                if p.device and (mtu := self.lib.mcc_loop_mtu(self.loops[0], i))}
        if len(set(mtus.values())) > 1:
            text = ", ".join(f"{device} {mtu}" for device, mtu in mtus.items())
            self.say(f"the MTUs differ ({text}): frames that are too long for a port are dropped as `refused`; "
                     f"ip link set {min(mtus, key=lambda d: mtus[d])} mtu {max(mtus.values())}")

    def run(self, duration: float, version: str) -> RunResult:
        begin = time.monotonic()
        with interrupts() as stop, ThreadPoolExecutor(len(self.loops), "mcc-core") as pool:
            self.say("running; Ctrl-C ends it")
            while not stop.is_set():
                left = duration - (time.monotonic() - begin) if duration else 1.0
                if left <= 0:
                    break
                self._slice(pool, min(SLICE, round(left * 1e9)))
                self._poll()
                self.errands.run(lambda: Running(self.box, time.monotonic() - begin, self._down()))
            self.errands.close()
            self.result.interrupted = stop.is_set()
            self._finish()
            self._poll()
        self._collect(version, time.monotonic() - begin)
        return self.result

    def _slice(self, pool: ThreadPoolExecutor, ns: int) -> None:
        """All cores run; core 0 in this thread, which gets the signals."""
        others = [pool.submit(self.lib.mcc_loop_run, loop, ns) for loop in self.loops[1:]]
        self.lib.mcc_loop_run(self.loops[0], ns)
        for other in others:
            other.result()

    def _finish(self) -> None:
        """What is between the cores arrives, the boxes end, and what leaves then is sent."""
        self._settle()
        for loop in self.loops:
            self.lib.mcc_loop_finish(loop)
        self._settle()

    def _settle(self) -> None:
        """Until the rings are empty."""
        while any(self.lib.mcc_loop_take(loop) for loop in self.loops):
            pass

    def close(self) -> None:
        """Shut the ports."""
        for loop in self.loops:
            self.lib.mcc_loop_free(loop)
        self.loops = []

    def _total(self, of: Callable[[Any, int], int], port: int) -> int:
        return sum(of(loop, port) for loop in self.loops)

    def _poll(self) -> None:
        for file, records in ((self.sessions, self.box.sessions), (self.alerts, self.box.alerts)):
            if file is not None:
                well = not file.failure
                file.write(records())
                if well and file.failure:
                    self.say(f"{file.failure}; nothing more is written there")
        for i, port in enumerate(self.bindings.ports):
            error = next((e for loop in self.loops if (e := self.lib.mcc_loop_error(loop, i))), 0)
            if error != self.dead.get(i, 0):
                self._changed(port, error)
                self.dead[i] = error
            unsummed = self._total(self.lib.mcc_loop_unsummed, i)
            if i not in self.unsummed and unsummed:
                self.unsummed.add(i)
                self.say(unsummed_note(port, unsummed))

    def _down(self) -> dict[str, str]:
        """Ports whose device is dead, and why."""
        return {self.bindings.ports[i].port: os.strerror(error) for i, error in self.dead.items() if error}

    def _changed(self, port: Binding, error: int) -> None:
        if error:
            self.say(f"port {port.port}: {port.device}: {os.strerror(error)}; it is tried again each second")
        else:
            self.say(f"port {port.port}: {port.device} is back")

    def _collect(self, version: str, seconds: float) -> None:
        result, stats = self.result, self.box.stats()
        received = sum(p["rx_packets"] for p in stats.get("ports", {}).values())
        head = {"mcc": version, "chain": self.module.name, "seconds": round(seconds, 6),
                "packets_per_second": round(received / seconds) if seconds > 0 else 0}
        result.stats = {**head, **{k: v for k, v in stats.items() if k not in head}}
        for i, port in enumerate(self.bindings.ports):
            supers, long = self._total(self.lib.mcc_loop_supers, i), self._total(self.lib.mcc_loop_too_long, i)
            if supers and self.split:
                result.notes.append(offload_note(port, supers))
            if long:
                result.notes.append(refusal_note(port, long))
            if note := dpdk.cut_note(port, result.stats.get("drops", {}).get("checksum", 0)):
                result.notes.append(note)
            if self.dead.get(i):
                result.failures.append(f"port {port.port}: {port.device}: {os.strerror(self.dead[i])}")
        for file in (self.sessions, self.alerts):
            if file is not None and file.failure:
                result.failures.append(f"{file.failure}; it holds {file.lines} lines")
        result.sessions = self.sessions.lines if self.sessions else 0
        result.alerts = self.alerts.lines if self.alerts else 0
        if self.stats is not None:
            try:
                self.stats.write(result.stats)
            except PortError as e:
                result.failures.append(str(e))
