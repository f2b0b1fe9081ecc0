"""Processor time: of processes to the nanosecond, of the whole machine by ticks."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """A process and all that it has started."""
    found = [pid]
    for p in found:
        for task in Path(f"/proc/{p}/task").glob("*/children"):
            try:
                found += map(int, task.read_text().split())
            except OSError:
                continue
    return found


def spent(pids: Iterable[int]) -> float:
    """Seconds that all threads of these processes have run: the first number of /proc/PID/task/*/schedstat. What the
    kernel does in softirqs on top of a thread is in it."""
    ns = 0
    for pid in pids:
        for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                ns += int(file.read_text().split()[0])
            except (OSError, IndexError):
                continue
    return ns / 1e9


def softirqs() -> list[int]:
    """The threads in which the kernel does softirqs that were too many."""
    found = []
    for file in Path("/proc").glob("[0-9]*/comm"):
        try:
            if file.read_text().startswith("ksoftirqd/"):
                found.append(int(file.parent.name))
        except OSError:
            continue
    return found


def busy() -> float:
    """Seconds that the machine's processors were not idle, all together (/proc/stat)."""
    ticks = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
    return (sum(ticks) - ticks[3] - ticks[4]) / TICK
