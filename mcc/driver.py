"""The compiler's table of contents: a chain goes in at the top, C comes out at the bottom.

    chain -> graph -> typed elements -> folded -> plans (stages, keys, layout) -> lowered -> C
"""

from __future__ import annotations

import functools
import resource
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from mcc.diag import NOWHERE, CompileError, Diagnostic, Report, Span
from mcc.emit.lines import Mode
from mcc.emit.module import Module, print_module
from mcc.frontend import compile_instance
from mcc.ir.element import Code
from mcc.ir.graph import Graph
from mcc.ir.graphtext import print_graph, print_plans
from mcc.ir.offload import Offload
from mcc.ir.plan import Plans, Steering
from mcc.ir.text import code_text
from mcc.lang.chain import Chain
from mcc.passes.batches import batched_walks, ring_size
from mcc.passes.check import check_chain
from mcc.passes.contexts import check_contexts, context_code, shape
from mcc.passes.fold import fold
from mcc.passes.lower import lower
from mcc.passes.offload import offload
from mcc.passes.rules import leaf_text
from mcc.passes.stages import plan_stages
from mcc.passes.steering import plan_steering
from mcc.paths import TEMPLATES
from mcc.version import VERSION

STAGES = ("parsed", "typed", "graph", "lowered", "c")


MAX_PORTS = 64
"""MCC_MAX_PORTS of runtime_c/mcc_core.h."""

DEPTH, STACK = 20_000, 64 << 20
"""Python calls and bytes of stack that a long chain may take: the passes follow a walk by recursion."""


@contextmanager
def deep(span: Span) -> Iterator[None]:
    """Room for chains of thousands of elements, in the main thread; CompileError at `span` where it is not enough."""
    was = sys.getrecursionlimit()
    if threading.current_thread() is threading.main_thread():
        soft, hard = resource.getrlimit(resource.RLIMIT_STACK)
        if soft != resource.RLIM_INFINITY and soft < STACK and (hard == resource.RLIM_INFINITY or hard >= STACK):
            resource.setrlimit(resource.RLIMIT_STACK, (STACK, hard))
        sys.setrecursionlimit(max(was, DEPTH))
    try:
        yield
    except RecursionError:
        raise CompileError((Diagnostic("error", span, "the chain is too long, or its classes are nested too deeply",
                                       "FlowClassifier() begins a new stage; build long classes with |, without ~"),)
                           ) from None
    finally:
        sys.setrecursionlimit(was)


@dataclass(frozen=True)
class Options:
    """lines: comments with the Python source ("c"), or #line ("python"). strict: guards are errors. marks: the module
    knows what NICs say of packets, and what to ask them."""

    lines: Mode = "c"
    strict: bool = False
    marks: bool = False


@dataclass(frozen=True)
class Compiled:
    """Everything known about a chain; C is printed when first asked for. `report` holds warnings and notes."""

    name: str
    graph: Graph
    codes: Mapping[int, Code]
    plans: Plans
    report: Report
    options: Options = field(default_factory=Options)

    @functools.cached_property
    def _steering(self) -> tuple[Steering, Report]:
        report = Report()
        with deep(self.graph.span):
            return plan_steering(self.graph, self.codes, self.plans, report), report

    @property
    def steering(self) -> Steering:
        """Which core a packet belongs to."""
        return self._steering[0]

    def check_cores(self, cores: int) -> None:
        """Raises CompileError where the chain cannot be run on so many cores, with every reason."""
        if cores > 1:
            self._steering[1].check()

    @functools.cached_property
    def lowered(self) -> dict[int, Code]:
        with deep(self.graph.span):
            return {n: c if c.context else lower(c) for n, c in self.codes.items()}

    @functools.cached_property
    def offload(self) -> Offload:
        """What NICs can do of the classification: they look at the outermost headers."""
        stage = self.plans.stages[0]
        outer = [(p, d) for p, d in zip(stage.entries, stage.diagrams, strict=True)
                 if self.graph.ports[p] not in self.graph.inner]
        with deep(self.graph.span):
            return offload(outer)

    def with_marks(self) -> Compiled:
        """The same chain as a module that knows what NICs say of packets."""
        return replace(self, options=replace(self.options, marks=True))

    @functools.cached_property
    def module(self) -> Module:
        with deep(self.graph.span):
            return print_module(self.graph, self.lowered, self.plans, str(TEMPLATES), steering=self.steering,
                                version=VERSION, source=self.graph.span.file.rpartition("/")[2],
                                lines=self.options.lines,
                                leaf_text=lambda leaf: leaf_text(leaf, self.graph, self.plans),
                                batched=batched_walks(self.plans, self.codes),
                                ring=ring_size(self.plans, self.codes, self.plans.stages[0].builder),
                                offload=self.offload if self.options.marks else None)

    @property
    def c_source(self) -> str:
        return self.module.c_source

    def text(self, stage: str) -> str:
        """What `mcc dump --stage` shows."""
        if stage == "c":
            return self.c_source
        if stage == "graph":
            return print_graph(self.graph) + print_plans(self.graph, self.plans)
        if stage == "typed":
            return "\n".join(code_text(c) for c in self.codes.values() if not c.context)
        if stage == "lowered":
            return "\n".join(code_text(c) for c in self.lowered.values() if not c.context)
        if stage == "parsed":
            return print_graph(self.graph)
        raise ValueError(f"no stage {stage!r}: {', '.join(STAGES)}")


def compile_chain(chain: Chain | Graph, *, strict: bool = False, options: Options | None = None) -> Compiled:
    """All passes up to the plans. Raises CompileError with every error of the chain."""
    options = options or Options(strict=strict)
    graph = chain.graph() if isinstance(chain, Chain) else chain
    with deep(graph.span):
        return _compile(graph, options)


def _compile(graph: Graph, options: Options) -> Compiled:
    report = Report()
    if len(graph.ports) > MAX_PORTS:
        report.error(graph.span, f"{graph.name} has {len(graph.ports)} ports, a box has {MAX_PORTS} at most",
                     "give the rest to a second chain")
    codes: dict[int, Code] = {}
    for n in graph.elements:
        assert n.elem is not None
        code = compile_instance(n.elem, n.name, report, strict=options.strict)
        if code is not None:
            codes[n.id] = shape(fold(code))
    report.check()
    check_contexts(graph, codes, report)
    report.check()
    codes |= {n.id: context_code(n) for n in graph.nodes if n.kind == "context"}
    plans = plan_stages(graph, codes, report)
    check_chain(graph, codes, plans, report)
    if options.strict and any(d.severity == "warning" for d in report.items):
        raise CompileError(tuple(d for d in report.items))
    report.check()
    return Compiled(graph.name, graph, codes, plans, report, options)


def compile_any(what: Any) -> Compiled:
    """A chain, a graph, or something compiled already."""
    if isinstance(what, Compiled):
        return what
    if isinstance(what, (Chain, Graph)):
        return compile_chain(what)
    report = Report()
    report.error(NOWHERE, f"{what!r} is not a chain", "a function decorated with @chain, or the path of a file")
    report.check()
    raise AssertionError
