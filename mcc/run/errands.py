"""What other threads want of a box that runs: done in the run's own thread, between two slices of the loop in C.

    view, metrics, control --ask(do)--> queue --run() between slices--> do(running) --> result

So nobody looks at counters, or changes a parameter, while packets are handled: an answer takes at most one slice.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mcc.lang.parameter import Parameter

T = TypeVar("T")

PATIENCE = 5.0
"""Seconds that a question may wait: slices take 0.1 s, those of captures less."""


class Ended(Exception):
    """The run is over, or does not answer."""


@dataclass(frozen=True)
class Running:
    """A run as errands see it. down: ports whose device is dead, and why; done, total: bytes of the inputs, 0 where
    they are devices."""

    box: Any
    seconds: float
    down: Mapping[str, str] = field(default_factory=dict)
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class Snapshot:
    """What a run had counted, `seconds` after its begin. `stats` as `--stats`, but `drops` has every reason, also
    those that have not happened."""

    seconds: float
    stats: Mapping[str, Any]
    parameters: tuple[Parameter, ...] = ()
    down: Mapping[str, str] = field(default_factory=dict)
    done: int = 0
    total: int = 0


def look(running: Running) -> Snapshot:
    """The errand that takes a Snapshot."""
    box = running.box
    stats = dict(box.stats())
    stats["drops"] = {**dict.fromkeys(box.compiled.module.reasons, 0), **stats["drops"]}
    return Snapshot(running.seconds, stats, box.parameters(), dict(running.down), running.done, running.total)


class Errands:
    """The queue. `ask` is for other threads; `run` and `close` for the thread of the run."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[Callable[[Running], Any], Future[Any]]] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._lock = threading.Lock()

    @property
    def closed(self) -> bool:
        """Whether the run is over."""
        return self._ended.is_set()

    def wait_closed(self, seconds: float) -> bool:
        """Wait for that, at most so long; whether it is."""
        return self._ended.wait(seconds)

    def ask(self, do: Callable[[Running], T], patience: float = PATIENCE) -> T:
        """What `do` gives, once it has been done. Raises what it raises, Ended when the run is over or does not answer
        within `patience` seconds; then it is not done later either."""
        future: Future[T] = Future()
        with self._lock:
            if self.closed:
                raise Ended("the run is over")
            self._queue.put((do, future))
        try:
            return future.result(patience)
        except TimeoutError:
            if not future.done() and not future.cancel():
                return future.result()  # it is being done right now
            raise Ended("the run does not answer") from None

    def run(self, running: Callable[[], Running]) -> None:
        """Do everything that is asked for now."""
        while True:
            try:
                do, future = self._queue.get_nowait()
            except queue.Empty:
                return
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(do(running()))
            except Exception as e:  # it is the asker's, who is told
                future.set_exception(e)
            except BaseException:
                future.set_exception(Ended("the run was interrupted"))
                raise

    def close(self) -> None:
        """The run is over: who waits, or comes later, is told."""
        with self._lock:
            self._ended.set()
        while not self._queue.empty():
            _, future = self._queue.get_nowait()
            if future.set_running_or_notify_cancel():
                future.set_exception(Ended("the run is over"))
