"""Classified by a NIC or not: the results are the same. tests.property.nic is the NIC."""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mcc.api import Module
from mcc.driver import compile_chain
from mcc.ir.offload import Offload
from mcc.lang import classes as c
from mcc.lang.algebra import Cls
from mcc.lang.evaluate import matches as in_class
from mcc.passes.fdd import Manager
from mcc.passes.offload import offload
from mcc.protocols.dissect import dissect
from mcc.protocols.headers import LAYERS
from mcc.run.loading import load_chain
from tests.property.classes_kit import cut, frames, named, texts
from tests.property.compare import Arrival, outcome
from tests.property.nic import Nic, Rule, rules
from tests.property.test_backends import EXAMPLES, NAT_MIX, QUICK, read, some
from tests.property.traffic import Mix, traffic

ROOT = Path(__file__).resolve().parents[2]
PACKETS = 250


@dataclass(frozen=True)
class Case:
    file: str
    mix: Mix = Mix()


CASES = {
    "firewall": Case("examples/firewall.py"),
    "fig3": Case("examples/fig3.py", QUICK),
    "nat": Case("examples/nat.py", NAT_MIX),
    "nat_firewall": Case("tests/hostile/chains.py:nat_firewall", NAT_MIX),
    "wall": Case("tests/property/chains/wall.py"),
    "dispatch": Case("tests/property/chains/dispatch.py"),
    "vlan_stats": Case("examples/vlan_stats.py"),
    "text_chain": Case("examples/text_chain.py"),
    "anew": Case("tests/property/chains/anew.py"),
    "streaming": Case("tests/hostile/chains.py:streaming"),
}


@functools.cache
def built(name: str) -> Module:
    return Module(compile_chain(load_chain(str(ROOT / CASES[name].file))).with_marks(), level="-O1")


def run(name: str, sent: list[Arrival], marks: Callable[[int, bytes], int] | None, **more: Any) -> dict[str, Any]:
    """The outcome, and how many packets each leaf had, with what came of the marks apart."""
    classes: dict[str, Any] = {}

    class Kept(Module):
        def open(self, **options: Any) -> Any:
            box = super().open(**options, marks=marks)
            stats = box.stats

            def keep() -> dict[str, Any]:
                got: dict[str, Any] = stats()
                classes.update(classes=[(x["packets"], x["bytes"]) for x in got["classes"]], marks=got["marks"])
                return got

            box.stats = keep
            return box

    module = built(name)
    kept = Kept(module.compiled, level="-O1")
    return {**outcome(kept, "c", sent, burst=32, **more), **classes}


def partly(table: list[Rule]) -> list[Rule]:
    """What a device may take: patterns of each shape up to one that it refuses."""
    r = random.Random(len(table))
    out: list[Rule] = []
    for _, some_shape in itertools.groupby(table, key=lambda x: (x.port, x.tags, x.layers)):
        shape = list(some_shape)
        out += shape[: r.randrange(len(shape) + 1)]
    return out


def compare(name: str, sent: list[Arrival], **more: Any) -> tuple[int, int]:
    """(marks taken, marks refused) of a NIC that does as rte_flow says; one that is sloppy changes nothing either."""
    plain = run(name, sent, None, **more)
    assert plain.pop("marks") == {"taken": 0, "refused": 0}
    found = (0, 0)
    table = rules(built(name))
    for sloppy, taken in ((True, table), (False, partly(table)), (False, table)):
        nic = Nic(taken, sloppy=sloppy)
        marked = run(name, sent, nic, **more)
        counts = marked.pop("marks")
        assert marked == plain, f"sloppy: {sloppy}"
        assert counts["taken"] + counts["refused"] <= 2 * nic.marked
        found = counts["taken"], counts["refused"]
    return found


@pytest.mark.parametrize("name", CASES)
def test_random_traffic(name: str) -> None:
    taken = 0
    for seed in range(2 * EXAMPLES):
        sent = traffic(random.Random(seed), PACKETS, CASES[name].mix)
        taken += compare(name, sent, until=sent[-1][2] + 2.5)[0]
    assert taken > 20, "no mark was ever used"


def test_real_captures(captures: list[Path]) -> None:
    """Each through one of the chains, in the nightly run through all."""
    seen = taken = refused = 0
    names = list(CASES)
    for i, path in enumerate(some(captures)):
        link, sent = read(path, 100 if EXAMPLES < 10 else 2000)
        if not sent or link != "ethernet":
            continue
        for name in [names[i % len(names)]] if EXAMPLES < 10 else names:
            try:
                one = compare(name, sent, start=sent[0][2], until=sent[-1][2] + 400.0)
            except BaseException as e:
                e.add_note(f"capture {path.name} through {name}")
                raise
            seen, taken, refused = seen + len(sent), taken + one[0], refused + one[1]
    assert seen > 500 and taken > 10 * refused, (seen, taken, refused)


# ---------------------------------------------------------------- marks that lie


@pytest.mark.parametrize("name", ["firewall", "nat_firewall", "vlan_stats"])
def test_marks_that_cannot_be(name: str) -> None:
    """Beyond the table, of another port, of other headers: they are counted and change nothing."""
    module = built(name)
    marks = module.compiled.offload.marks
    r = random.Random(1)

    def lies(port: int, frame: bytes) -> int:
        p = dissect(frame, in_port=port)
        others = [i for i, m in enumerate(marks, 1) if not believed(m, p)]
        return r.choice((r.randrange(len(marks) + 1, 1 << 32), len(marks) + 1, r.choice(others)))

    sent = traffic(random.Random(5), PACKETS, CASES[name].mix)
    plain, lied = (run(name, sent, f, until=sent[-1][2]) for f in (None, lies))
    assert plain.pop("marks")["refused"] == 0
    counts = lied.pop("marks")
    assert lied == plain
    assert counts["taken"] == 0 and counts["refused"] > 50


@pytest.mark.parametrize("name", ["firewall", "nat_firewall", "fig3"])
def test_any_marks_at_all(name: str) -> None:
    """A NIC that takes one rule for another misleads packets; it loses none, and no handler lacks its headers."""
    r = random.Random(2)
    module = Module(built(name).compiled, level="-O1", sanitize=False)
    count = len(module.compiled.offload.marks)
    sent = traffic(random.Random(6), PACKETS, CASES[name].mix)
    got = run(name, sent, lambda port, frame: r.randrange(count + 1), until=sent[-1][2])
    assert got["marks"]["taken"] > 0 and got["marks"]["refused"] > 0
    assert not any(e["faults"] for e in got["elements"].values())


# ---------------------------------------------------------------- patterns == first match


def believed(mark: Any, p: Any) -> bool:
    """What docs/live.md says of a mark, again."""
    s = mark.shape
    wanted = {"eth", *(n for n in (s.net, s.transport) if n != "none")}
    return mark.port == p.in_port and {n for n in LAYERS if p.has(n)} - {"vlan"} == wanted \
        and s.tags in (None, p.vlans)


def table(made: Offload) -> list[Rule]:
    bit = {n: 1 << i for i, n in enumerate(LAYERS)} | {"none": 0}
    return [Rule(p.port, p.shape.tags or 0, bit[p.shape.net] | bit[p.shape.transport], p.priority, p.mark,
                 *(int.from_bytes(b, "big") for b in p.bytes())) for p in made.patterns]


classes = st.one_of(named(), texts().map(c.cls))


CUT_TAG = [(c.TCP, False, c.TCP), (c.cls("vlan"), False, c.TCP)]
"""Tests the type of tags, which a frame may end with: a pattern of no tag that tagged frames match, too."""
DOUBLY_TAGGED = bytes.fromhex("00112233445500112233445581000001810000010806000108000604000102fc00000001"
                              "0a0000010000000000000a000001")


@settings(max_examples=60 * EXAMPLES)
@example(CUT_TAG, [DOUBLY_TAGGED])
@given(st.lists(st.tuples(classes, st.booleans(), classes), min_size=1, max_size=8), st.lists(cut(frames()), max_size=30))
def test_patterns_are_the_first_match(drawn: list[tuple[Cls, bool, Cls]], packets: list[bytes]) -> None:
    """A mark that is believed says the first rule whose class holds."""
    listed = [a & b if both else a for a, both, b in drawn]
    manager = Manager()
    diagram, _ = manager.first_match([(x, i) for i, x in enumerate(listed)], len(listed))
    made = offload([(0, manager.restrict(diagram))])
    nics = [Nic(table(made), sloppy=s) for s in (False, True)]
    for frame in packets:
        p = dissect(frame)
        wanted = next((i for i, x in enumerate(listed) if in_class(x, p)), len(listed))
        for nic in nics:
            mark = nic(0, frame)
            if mark and believed(made.marks[mark - 1], p):
                assert made.marks[mark - 1].leaf == wanted, (listed, frame.hex())
