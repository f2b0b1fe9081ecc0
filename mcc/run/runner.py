"""Captures through a compiled chain: opens what the ports are bound to, drives the loop in C, writes the results.

    module + bindings --> box --> runtime_c/mcc_replay.c --> captures out, statistics, sessions, alerts
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from mcc.diag import CaptureError, PortError
from mcc.run.capture import Capture, damage_text, open_capture
from mcc.run.errands import Errands, Running
from mcc.run.outputs import Document, LineFile, cannot_write, open_output
from mcc.run.ports import Bindings

STEP = 16384
"""Packets between two looks at signals, logs and the progress bar."""

Progress = Callable[[int, int], None]
"""Called with the bytes of the inputs that were read, and of all inputs."""


class ReplayBox(Protocol):
    """What the runner needs of a box of the compiled module. `replay` is a `struct mcc_replay *` that it owns;
    `sessions` and `alerts` give what has been added since the last call."""

    @property
    def ffi(self) -> Any: ...
    @property
    def lib(self) -> Any: ...

    def replay(self) -> Any: ...
    def stats(self) -> dict[str, Any]: ...
    def sessions(self) -> list[dict[str, Any]]: ...
    def alerts(self) -> list[dict[str, Any]]: ...
    def close(self) -> None: ...


class Runnable(Protocol):
    """What the runner needs of a module. `entries`: ports by which packets come in;
    `start` in ns; `sides`: the keys of mcc_sides.h for TCP, UDP and other IP
    packets, and the timeout of sessions in seconds."""

    @property
    def ports(self) -> Sequence[str]: ...
    @property
    def entries(self) -> Sequence[int]: ...
    @property
    def name(self) -> str: ...
    @property
    def sides(self) -> tuple[int, int, int, float]: ...

    def open_box(self, *, start: int, max_sessions: int, checksums: str, log_sessions: bool,
                 log_alerts: bool, cores: int) -> ReplayBox: ...


@dataclass(frozen=True)
class RunOptions:
    """duration: seconds of the capture's time, 0: all. Paths may be `-`, None: not wanted."""

    stats: str | None = None
    sessions: str | None = None
    alerts: str | None = None
    max_sessions: int = 1 << 20
    checksums: str = "keep"
    duration: float = 0
    cores: int = 1
    burst: int = 32
    """Packets handled together, 1 .. 32; no result depends on it."""


@dataclass
class RunResult:
    """`stats` as in the contract. damage: inputs that could not be read to their end; failures: outputs that
    could not be written to theirs; notes: what is worth knowing of the inputs; all in words."""

    stats: dict[str, Any] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interrupted: bool = False
    sessions: int = 0
    alerts: int = 0

    @property
    def exit_code(self) -> int:
        """The contract's: 4 an output failed, 130 interrupted with whole outputs, 3 an input is damaged, 0."""
        return 4 if self.failures else 130 if self.interrupted else 3 if self.damage else 0


def run_captures(module: Runnable, bindings: Bindings, options: RunOptions | None = None, *,
                 progress: Progress | None = None, version: str = "", errands: Errands | None = None) -> RunResult:
    """Run what `bindings` says through `module`. `errands` are done between steps, and closed after the last one.

    Raises PortError where a file cannot be opened, CaptureError where an input is no capture at all; what goes wrong
    later is in the result, and what was done until then is kept.
    """
    options = options or RunOptions()
    with ExitStack() as stack:
        inputs = _open_inputs(bindings, stack, module.entries)
        start = _first_time(list(inputs.values()))
        files = _open_files(bindings, options, stack)
        box = module.open_box(start=start, max_sessions=options.max_sessions, checksums=options.checksums,
                              log_sessions=files.sessions is not None, log_alerts=files.alerts is not None,
                              cores=options.cores)
        stack.callback(box.close)
        run = _Run(module, box, bindings, inputs, files, progress, errands or Errands())
        stack.callback(run.errands.close)
        stack.callback(run.close)
        run.open(start, options.duration)
        return run.run(version, options.burst)


# ---------------------------------------------------------------- files


@dataclass(frozen=True)
class _Files:
    packets: Mapping[int, tuple[str, int]]
    """By port: path and descriptor."""
    stats: Document | None
    sessions: LineFile | None
    alerts: LineFile | None


def _open_inputs(bindings: Bindings, stack: ExitStack, entries: Sequence[int]) -> dict[int, Capture]:
    """By port; one shared capture comes in by the first port that has links into the chain."""
    if bindings.shared:
        return {entries[0]: stack.enter_context(open_capture(bindings.source))} if bindings.source else {}
    return {i: stack.enter_context(open_capture(p.source)) for i, p in enumerate(bindings.ports) if p.source}


def _first_time(captures: Sequence[Capture]) -> int:
    """ns of the first packet of all, 0 where there is none."""
    times = []
    for capture in captures:
        try:
            times += [r.at for r in _first(capture)]
        except CaptureError:
            pass  # the loop in C says so, with what came before
    return min(times, default=0)


def _first(capture: Capture) -> Iterator[Any]:
    for record in capture.records():
        yield record
        return


def _open_files(bindings: Bindings, options: RunOptions, stack: ExitStack) -> _Files:
    stats = Document(options.stats) if options.stats else None
    paths = [bindings.sink] * len(bindings.ports) if bindings.shared else [p.sink for p in bindings.ports]
    opened: dict[str, int] = {}
    packets = {}
    for port, path in enumerate(paths):
        if path is None:
            continue
        if path not in opened:
            opened[path] = open_output(path, "packets")
            stack.callback(os.close, opened[path])
        packets[port] = (path, opened[path])
    lines = []
    for path in (options.sessions, options.alerts):
        lines.append(LineFile(path, "lines") if path else None)
        if lines[-1]:
            stack.callback(lines[-1].close)
    return _Files(packets, stats, lines[0], lines[1])


# ---------------------------------------------------------------- the loop


class _Run:
    """One run: the C replay object, and what is polled between its steps."""

    def __init__(self, module: Runnable, box: ReplayBox, bindings: Bindings, inputs: Mapping[int, Capture],
                 files: _Files, progress: Progress | None, errands: Errands) -> None:
        self.module, self.box, self.bindings = module, box, bindings
        self.inputs, self.files, self.progress, self.errands = inputs, files, progress, errands
        self.lib, self.ffi = box.lib, box.ffi
        self.result = RunResult()
        self.replay = box.replay()
        if self.replay == self.ffi.NULL:
            raise PortError("there is not enough memory for this run")
        self.views: list[Any] = []

    def open(self, start: int, duration: float) -> None:
        """Bind inputs and outputs. Raises CaptureError, PortError."""
        for port, capture in self.inputs.items():
            view = self.ffi.from_buffer(capture.memory)
            self.views.append(view)
            if self.lib.mcc_replay_input(self.replay, port, view, len(capture.memory)) < 0:
                raise CaptureError(f"{capture.path}: {self._error(port)[0]}")
        if self.bindings.shared and len(self.module.entries) == 2 == len(self.bindings.ports):
            tcp, udp, other, timeout = self.module.sides
            self.lib.mcc_replay_divide(self.replay, tcp, udp, other, round(timeout * 1e9))
        if duration:
            self.lib.mcc_replay_until(self.replay, start + round(duration * 1e9))
        for port, (path, fd) in self.files.packets.items():
            rc = self.lib.mcc_replay_output(self.replay, port, fd)
            if rc < 0:
                raise PortError(cannot_write(path, -rc))

    def run(self, version: str, burst: int) -> RunResult:
        begin = time.perf_counter()
        with interrupts() as stop:
            step = STEP if burst >= 32 else max(1, burst)
            while not stop.is_set() and self.lib.mcc_replay_step(self.replay, step) > 0:
                self._poll()
                self.errands.run(lambda: Running(self.box, time.perf_counter() - begin, {}, *self._done()))
            self.errands.close()
            self.result.interrupted = stop.is_set()
            self.lib.mcc_replay_finish(self.replay)
            self._poll()
        self._collect(version, time.perf_counter() - begin)
        return self.result

    def close(self) -> None:
        self.lib.mcc_replay_free(self.replay)
        for view in self.views:
            self.ffi.release(view)

    def _poll(self) -> None:
        for file, records in ((self.files.sessions, self.box.sessions), (self.files.alerts, self.box.alerts)):
            if file is not None:
                file.write(records())
        if self.progress:
            self.progress(*self._done())

    def _done(self) -> tuple[int, int]:
        """Bytes of the inputs that were read, and of all inputs."""
        return self.lib.mcc_replay_done(self.replay), self.lib.mcc_replay_total(self.replay)

    def _error(self, port: int) -> tuple[str, int, int]:
        """What is wrong with an input ("" : nothing), at which byte, after how many packets."""
        offset, packets = self.ffi.new("uint64_t *"), self.ffi.new("uint64_t *")
        text = self.lib.mcc_replay_error(self.replay, port, offset, packets)
        return ("" if text == self.ffi.NULL else self.ffi.string(text).decode()), offset[0], packets[0]

    def _collect(self, version: str, seconds: float) -> None:
        result = self.result
        stats = self.box.stats()
        received = sum(p["rx_packets"] for p in stats.get("ports", {}).values())
        head = {"mcc": version, "chain": self.module.name, "seconds": round(seconds, 6),
                "packets_per_second": round(received / seconds) if seconds > 0 else 0}
        result.stats = {**head, **{k: v for k, v in stats.items() if k not in head}}
        for port, capture in self.inputs.items():
            text, offset, packets = self._error(port)
            if text and not (capture.damage and text.startswith("cut")):
                result.damage.append(damage_text(capture.path, f"damaged at byte {offset}: {text}", packets))
            elif capture.damage and not result.interrupted:
                result.damage.append(damage_text(capture.path, capture.damage, packets))
        opaque = self.lib.mcc_replay_opaque(self.replay)
        if opaque >= 0:
            result.notes.append(f"frames of link type {opaque} are not looked into: no class but ANY holds for them")
        self._failures()

    def _failures(self) -> None:
        result = self.result
        for path in dict.fromkeys(path for path, _ in self.files.packets.values()):
            port = next(i for i, (p, _) in self.files.packets.items() if p == path)
            error = self.lib.mcc_replay_output_error(self.replay, port)
            if error:
                kept = self.lib.mcc_replay_written(self.replay, port)
                result.failures.append(f"{cannot_write(path, error)}; it holds {kept} packets")
        for file in (self.files.sessions, self.files.alerts):
            if file is not None and file.failure:
                result.failures.append(f"{file.failure}; it holds {file.lines} lines")
        result.sessions = self.files.sessions.lines if self.files.sessions else 0
        result.alerts = self.files.alerts.lines if self.files.alerts else 0
        if self.files.stats is not None:
            try:
                self.files.stats.write(result.stats)
            except PortError as e:
                result.failures.append(str(e))


def ending() -> tuple[signal.Signals, ...]:
    """Signals that end a run: Ctrl-C, SIGTERM, a closed terminal, unless somebody said that the last is not to."""
    nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return (signal.SIGINT, signal.SIGTERM) if nohup else (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interrupts() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM or a closed terminal sets; a second Ctrl-C interrupts at once. In the main thread
    only."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def handler(number: int, frame: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    old = {s: signal.signal(s, handler) for s in ending()}
    try:
        yield stop
    finally:
        for s, was in old.items():
            signal.signal(s, was)
