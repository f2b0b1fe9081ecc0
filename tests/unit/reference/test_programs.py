"""The generator of random programs: the reference runs what it makes, the frontend accepts nearly all of it."""

from __future__ import annotations

import ast
import random
from pathlib import Path

from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from mcc.diag import Report
from mcc.protocols.dissect import dissect
from mcc.reference.flows import FlowView
from mcc.reference.needs import needs
from mcc.reference.packet import PacketState
from mcc.reference.runner import Runner
from tests.property import programs

FRAME = bytes(Ether() / IP() / TCP(sport=1000) / b"hello")
SEEDS = range(20)


def test_equal_randomness_gives_equal_text() -> None:
    p = programs
    assert p.make_program(random.Random(5)) == p.make_program(random.Random(5)) != p.make_program(random.Random(6))


def test_programs_use_the_whole_language() -> None:
    p = programs
    text = "\n".join(p.make_program(random.Random(s)).source for s in range(60))
    assert {type(n) for n in ast.walk(ast.parse(text))} > {
        ast.For, ast.Match, ast.IfExp, ast.AugAssign, ast.AnnAssign, ast.Break, ast.Continue, ast.BoolOp, ast.Not,
        ast.Invert, ast.LShift, ast.RShift, ast.FloorDiv, ast.Mod, ast.Mult, ast.MatchOr, ast.Is}
    for word in ("@inline", "push_vlan", "self.grid[", "s.cells[", "self.seen.put", "pool.take", "alert(",
                 "flow.to_server"):
        assert word in text


def test_accepted_programs_run_within_their_declared_types(tmp_path: Path) -> None:
    """A store outside a proved range, a mixed operation or an unknown name would raise."""
    from mcc.frontend import compile_instance

    p, accepted, faults = programs, 0, 0
    for seed in SEEDS:
        inst = p.instance(p.load(p.make_program(random.Random(seed)), tmp_path))
        code = compile_instance(inst, "e", Report())
        if code is None:
            continue
        accepted += 1
        r = Runner(inst, "e")
        assert needs(inst, 0, r._names) == code.needs[0]
        s, c = r.scratch(), r.conn()
        for i in range(3):
            packet = PacketState(bytearray(FRAME), dissect(FRAME), 0, 0, 0)
            if i == 0:
                r.call("new_session", scratch=s, conn=c, packet=packet, flow=FlowView(None, 0, True))
            view = FlowView(None, i & 1, False)
            faults += r.call("process_packet", scratch=s, conn=c, packet=packet, flow=view) == -5
    assert accepted >= 0.9 * len(SEEDS) and faults < accepted
