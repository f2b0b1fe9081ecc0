"""Running the properties on a chain, and what comes out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mcc.testing.addresses import Translated
from mcc.testing.conversation import module_of
from mcc.testing.ladder import ladder
from mcc.testing.needed import hypothesis, st
from mcc.testing.plans import Dialogue, address
from mcc.testing.positions import Edit
from mcc.testing.properties import properties as all_properties
from mcc.testing.properties.base import Property
from mcc.testing.simulation import BoxLike
from mcc.testing.subject import Broken, NotApplicable, Subject, Transform
from mcc.testing.tokens import tokens_of
from mcc.testing.trace import Trace

SHRINKING = 20.0
"""Seconds that making a failure smaller may take; then the smallest so far is shown."""

PASSED, FAILED, NOT_APPLICABLE = "passed", "failed", "not applicable"


@dataclass(frozen=True)
class Result:
    """`text`: what is broken, or why the property says nothing. `trace`: the shrunk dialogue of a failure."""

    property: Property
    outcome: str
    text: str = ""
    trace: Trace | None = None
    examples: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        head = f"property {self.property.number} ({self.property.name}): {self.outcome}"
        return head + (f": {self.text}" if self.text else "") + (f"\n{ladder(self.trace)}" if self.trace else "")


def check_property(subject: Subject, prop: Property, *, examples: int = 100, seed: int = 0) -> Result:
    """One property on `examples` drawn dialogues; a failing one is shrunk. The same seed draws the same."""
    count = 0
    began = time.monotonic()
    broken: list[Broken] = []
    until = float("inf")

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=examples, database=None, deadline=None, report_multiple_bugs=False,
                         print_blob=False, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(st.data())
    def one(data: Any) -> None:
        nonlocal count, until
        if time.monotonic() > until:
            return
        count += 1
        try:
            prop.check(subject, data)
        except Broken as e:
            until = min(until, time.monotonic() + SHRINKING)
            broken.append(e)
            raise

    def result(outcome: str, text: str = "", trace: Trace | None = None) -> Result:
        return Result(prop, outcome, text, trace, count, time.monotonic() - began)

    try:
        one()
    except NotApplicable as e:
        return result(NOT_APPLICABLE, str(e))
    except Broken as e:
        return result(FAILED, e.text, e.trace)
    except hypothesis.errors.Flaky:
        smallest = min(broken, key=lambda e: len(e.trace.events) if e.trace else 0)
        if time.monotonic() > until:
            return result(FAILED, smallest.text, smallest.trace)
        return result(FAILED, f"the second time the same packets give other output; once: {smallest.text}",
                      smallest.trace)
    return result(PASSED)


def choose(numbers: Iterable[int | Property] | None) -> list[Property]:
    """Properties by number; None: all. Raises ValueError for a number that there is not."""
    if numbers is None:
        return list(all_properties)
    known = {p.number: p for p in all_properties}
    out = []
    for n in numbers:
        if not isinstance(n, Property) and n not in known:
            raise ValueError(f"there is no property {n}: 1 to {len(known)}")
        out.append(n if isinstance(n, Property) else known[n])
    return out


def subject_of(chain: Any, *, transform: Transform | None = None, edits: Callable[[bytes], list[Edit]] | None = None,
               backend: str = "c", tokens: Iterable[bytes] = (), early_ack: bool | None = None,
               cap: int = 8 << 20, server: str = "") -> Subject:
    """A chain (or its file's path) as a Subject. Its first two ports are the client's and the server's side.

    server: "address:port" that clients connect to, where it is the chain's own (a proxy's, a balancer's). What a chain
    translates is learned from the SYN that it lets out: the hosts keep their addresses (mcc.testing.addresses).
    Raises ValueError for a `server` that is none, and for a chain of one port.
    """
    module = module_of(chain)
    graph = module.compiled.graph
    if len(graph.ports) < 2:
        raise ValueError(f"{graph.name} has {len(graph.ports)} port: a connection needs two")

    there = address(server) if server else None

    def opener(which: str) -> Callable[[], BoxLike]:
        def make() -> BoxLike:
            more: dict[str, Any] = {"seed": 1} if which == "c" else {}
            box = module.open(backend=which, max_sessions=256, sessions=False, checksums="verify", **more)
            whole = box if hasattr(box, "close") and hasattr(box, "ports") else _Closed(box, graph.ports)
            return Translated(whole, Dialogue().server_at, there)
        return make

    harvested = tokens_of(graph, transform)
    return Subject(opener(backend), transform, edits, tuple(dict.fromkeys([*tokens, *harvested])),
                   early_ack=early_ack, cap=cap)


class _Closed:
    """A box of the reference with what a dialogue asks for."""

    def __init__(self, box: Any, ports: tuple[str, ...]) -> None:
        self._box, self.ports = box, ports

    def __getattr__(self, name: str) -> Any:
        return getattr(self._box, name)

    def send(self, port: str, frame: bytes, at: float) -> list[Any]:
        return list(self._box.send(port, frame, at))

    def advance(self, to: float) -> list[Any]:
        return list(self._box.advance(to))

    def stats(self) -> dict[str, Any]:
        return dict(self._box.stats())

    def close(self) -> None:
        """The reference has nothing to give back."""


def examine(subject: Subject, *, examples: int = 100, seed: int = 0,
            properties: Iterable[int | Property] | None = None) -> Iterator[Result]:
    """Property by property."""
    for prop in choose(properties):
        yield check_property(subject, prop, examples=examples, seed=seed)


def check_chain(chain: Any, transform: Transform | None = None, *, examples: int = 100, seed: int = 0,
                properties: Iterable[int | Property] | None = None, **more: Any) -> list[Result]:
    """All properties, or these, on a chain. `more` as for subject_of. Raises AssertionError with the ladders of what
    failed; the results otherwise."""
    results = list(examine(subject_of(chain, transform=transform, **more), examples=examples, seed=seed,
                           properties=properties))
    failed = [r for r in results if r.outcome == FAILED]
    if failed:
        raise AssertionError("\n\n".join(map(str, failed)))
    return results
