"""From a compiled chain to what the runner drives."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from mcc.driver import Compiled
from mcc.ir.graph import Graph
from mcc.lang.context import context_session
from mcc.lang.session import Session
from mcc.run.box import Box
from mcc.run.crew import Crew
from mcc.run.sides import sides
from mcc.toolchain import Built

CAPTURE_SEED = 1
"""Of the hash that divides the packets of captures: any number, always the same."""


class Loaded(Protocol):
    """mcc.api.Module, as far as it is needed here."""

    compiled: Compiled

    @property
    def built(self) -> Built: ...
    @property
    def counting(self) -> Built: ...


@dataclass(frozen=True)
class _Opened:
    """What a Box needs: the compiled chain and one loaded extension of it."""

    compiled: Compiled
    built: Built


class RunnableModule:
    """A compiled chain as mcc.run.runner.Runnable. Packets are counted per session only where that is asked for."""

    def __init__(self, module: Loaded) -> None:
        self.module = module
        graph = module.compiled.graph
        self.ports: tuple[str, ...] = graph.ports
        self.entries: tuple[int, ...] = tuple(n.port for n in graph.entries)
        self.name: str = graph.name
        self.sides = sides(sessions_of(graph))

    def open_box(self, *, start: int, max_sessions: int, checksums: str, log_sessions: bool,
                 log_alerts: bool, cores: int = 1) -> Box | Crew:
        """For captures: which core a packet belongs to is the same in each run."""
        return self._open(cores, CAPTURE_SEED, {"start_ns": start, "max_sessions": max_sessions, "checksums": checksums,
                                     "log_sessions": log_sessions, "log_alerts": log_alerts})

    def open_live(self, *, start: int, max_sessions: int, checksums: str, log_sessions: bool,
                  log_alerts: bool, cores: int = 1) -> Box | Crew:
        """For live ports: nobody can choose addresses that all go to one core."""
        return self._open(cores, int.from_bytes(os.urandom(8), "little"), {
            "start_ns": start, "max_sessions": max_sessions, "checksums": checksums, "log_sessions": log_sessions,
            "log_alerts": log_alerts})

    def _open(self, cores: int, steer_seed: int, how: dict[str, Any]) -> Box | Crew:
        built = self.module.counting if how["log_sessions"] else self.module.built
        opened = _Opened(self.module.compiled, built)
        return Box(opened, **how) if cores == 1 else Crew(opened, cores, steer_seed=steer_seed, **how)


def sessions_of(graph: Graph) -> Iterable[Session]:
    """Of elements, of contexts, and of inner classifiers."""
    found = [n.elem.__mcc_elem__.session for n in graph.nodes if n.elem is not None]
    found += [context_session(n.protocol, n.options) for n in graph.contexts]
    return [s for s in (*found, *(n.session for n in graph.nodes)) if s is not None]
