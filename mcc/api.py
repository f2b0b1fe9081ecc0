"""`mcc.build` and `Module`: what a program that imports mcc uses."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mcc.driver import Compiled, Options, compile_any, compile_chain
from mcc.emit.lines import Mode
from mcc.ir.graph import Graph
from mcc.run.box import LINKS, NS, Box
from mcc.run.crew import Crew
from mcc.run.loading import load_chain
from mcc.toolchain import Built, build_module
from mcc.toolchain.dpdk import find_dpdk


class Module:
    """A compiled chain. C is built when the first box is opened, or by `built`.

    io: kinds of ports beside those that every module has: `dpdk`. Raises PortError where that cannot be built here.
    offload: such a module has its devices classify what they can (docs/live.md).
    """

    def __init__(self, compiled: Compiled, *, target: str = "native", sanitize: bool = False, level: str = "",
                 out: Path | None = None, extra: tuple[str, ...] = (), io: Iterable[str] = (),
                 offload: bool = True) -> None:
        self.compiled = compiled.with_marks() if offload and "dpdk" in io else compiled
        self._flags: dict[str, Any] = {"target": target, "sanitize": sanitize, "level": level, "extra": extra}
        if "dpdk" in io:
            dpdk = find_dpdk()
            self._flags |= {"extra": (*extra, *dpdk.flags), "link": dpdk.link}
        self._out = out

    @property
    def chain(self) -> str:
        """The chain's name."""
        return self.compiled.name

    @property
    def module(self) -> Any:
        return self.compiled.module

    @property
    def c_source(self) -> str:
        """The whole C of the chain; compiles by itself with -I of the runtime."""
        return self.compiled.c_source

    @functools.cached_property
    def built(self) -> Built:
        """The loaded extension without per-session counters; raises BuildError."""
        return self.build(sessions=False)

    @functools.cached_property
    def counting(self) -> Built:
        """The loaded extension that counts packets and bytes a session."""
        return self.build(sessions=True)

    def build(self, *, sessions: bool = False) -> Built:
        built = build_module(self.c_source, self.compiled.name, self.compiled.module.blobs, sessions=sessions,
                             out=self._out, **self._flags)
        if self._out is not None:
            (self._out / f"{self.chain}.map.json").write_text(json.dumps(self.map(), indent=2) + "\n")
        return built

    def map(self) -> dict[str, Any]:
        """Each element: its C names, where its state lies in the FCB (bytes from the head's end), where it was made."""
        module, layout = self.compiled.module, self.compiled.plans.layout
        return {n.name: {
            "type": self.compiled.codes[n.id].type_name, "c": module.names[n.id],
            "handlers": [f"{module.names[n.id]}_{h.func.name}" for h in self.compiled.codes[n.id].handlers],
            "state": [{"what": s.what, "area": s.area, "offset": s.offset, "size": s.size}
                      for s in layout.slots if s.node == n.id],
            "source": str(n.span)} for n in self.compiled.graph.elements}

    @property
    def path(self) -> Path:
        """The shared object."""
        return self.built.path

    def explain(self) -> dict[str, Any]:
        """What `mcc explain --json` prints."""
        from mcc.run.explain import explain

        return explain(self.compiled)

    def open(self, *, start: float = 0.0, backend: str = "c", max_sessions: int = 1 << 16, checksums: str = "keep",
             link: str = "ethernet", sessions: bool = True, cores: int = 1, **more: Any) -> Any:
        """A box in memory. backend="python" runs the reference (mcc.reference) instead of the compiled C.

        cores: so many boxes behave as one (mcc.run.crew.Crew): each packet is handled by that of its core.
        Raises ValueError for an unknown backend, link or checksums; BuildError; MccError without memory; CompileError
        where a chain cannot be split between cores.
        """
        if link not in LINKS:
            raise ValueError(f"link {link!r} is not one of {', '.join(LINKS)}")
        if backend == "python":
            from mcc.reference import PythonBox

            return PythonBox(self.compiled.graph, start=start, max_sessions=max_sessions, checksums=checksums,
                             link=LINKS[link], shapes={n: c.stream for n, c in self.compiled.codes.items()
                                                       if c.stream is not None}, **more)
        if backend != "c":
            raise ValueError(f"backend {backend!r} is neither 'c' nor 'python'")
        how: dict[str, Any] = {"start_ns": round(start * NS), "max_sessions": max_sessions, "checksums": checksums,
                               "link": link, **more}
        if cores > 1:
            self.compiled.check_cores(cores)
        opened = _Opened(self.compiled, self.counting if sessions else self.built)
        return Box(opened, **how) if cores == 1 else Crew(opened, cores, **how)


class _Opened:
    """What a Box needs: the compiled chain and one loaded extension of it."""

    def __init__(self, compiled: Compiled, built: Built) -> None:
        self.compiled, self.built = compiled, built


def build(what: Any, *, target: str = "native", sanitize: bool = False, strict: bool = False,
          lines: Mode = "c", out: str | Path | None = None) -> Module:
    """Compile a chain: a path ("file.py" or "file.py:name"), a chain object, or a graph.

    Raises CompileError with every error of the chain.
    """
    if isinstance(what, (str, Path)):
        what = load_chain(str(what))
    options = Options(lines=lines, strict=strict)
    compiled = what if isinstance(what, Compiled) else (
        compile_chain(what, strict=strict, options=options) if hasattr(what, "graph") or isinstance(what, Graph)
        else compile_any(what))
    return Module(compiled, target=target, sanitize=sanitize, out=Path(out) if out else None)
