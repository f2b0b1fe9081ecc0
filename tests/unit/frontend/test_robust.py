"""No mistake of a user ends in a traceback of ours: accepted handlers with their expressions swapped about."""

from __future__ import annotations

import ast
import copy
import os
import random
import textwrap

from mcc.diag import Report
from mcc.frontend import compile_instance
from tests.unit.frontend.builders import Lab
from tests.unit.frontend.test_accepted import CASES, STATE

ROUNDS = int(os.environ.get("MCC_ROBUST_ROUNDS", "12"))


def pieces() -> list[str]:
    return [*(body for body, _ in CASES.values()), *(body for _, body, _ in STATE.values()),
            "x = (1, 2)\ny = None\nz = not s.n8", "s.last[s.n8:2] = self", "pkt = s = flow", "return s, c",
            "for q in pkt:\n    q.ip.ttl += 1", "match pkt:\n    case None:\n        pass", "s.n8.x.y = len(pkt.ip, 3)",
            "emit(emit, emit)", "alert()", "self.t[1][2] = 'x' * 3", "u8(PASS); to(DROP)", "flow.x(**c)",
            "-PASS < -None"]


def swapped(rng: random.Random) -> str:
    """A body made of some pieces, where some expressions have changed places."""
    tree = ast.parse("\n".join(rng.choice(pieces()) for _ in range(4)))
    pool = [n for n in ast.walk(tree) if isinstance(n, ast.expr)]
    changes = {id(n): copy.deepcopy(rng.choice(pool)) for n in rng.sample(pool, max(1, len(pool) // 8))}

    class Swap(ast.NodeTransformer):
        def generic_visit(self, node: ast.AST) -> ast.AST:
            if id(node) in changes and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
                return changes.pop(id(node))
            return super().generic_visit(node)

    text = ast.unparse(ast.fix_missing_locations(Swap().visit(tree)))
    ast.parse(text)
    return text


def bodies(rng: random.Random, n: int) -> list[str]:
    out: list[str] = []
    while len(out) < n:
        try:
            body = swapped(rng)
            compile(f"def f():\n{textwrap.indent(body, '    ')}", "<case>", "exec")
        except (SyntaxError, ValueError, AttributeError):  # not Python: unparse of a swapped pattern or target
            continue
        out.append(body)
    return out


SETUP = ("self.t = Table(u16, [5, 6, 7])\nself.m = HashMap[u32, u16](64)\nself.hits = Counter()\n"
         "self.turn = PerCore(u16)\nself.pool = Ports(1024, 2047)\nself.mode, self.word, self.big = 'cut', b'x', 7")


def test_only_diagnostics(lab: Lab) -> None:
    for seed in range(ROUNDS):
        text = "\n".join(
            f"@element(session=FLOW, scratch=State, conn=Shared, ports=(1, 2))\nclass Box{i}(Element):\n"
            f"    def setup(self) -> None:\n{textwrap.indent(SETUP, '        ')}\n"
            "    def process_packet(self, s: State, c: Shared, p: Peer[State], pkt: Packet, flow: Flow) -> Action:\n"
            f"{textwrap.indent(body, '        ')}\n        return PASS\n"
            for i, body in enumerate(bodies(random.Random(seed), 20)))
        module = lab.module(text)
        for i in range(20):
            report = Report()
            code = compile_instance(getattr(module, f"Box{i}")(), "box", report)
            assert (code is None) == report.failed
            assert all(d.span.line > 0 and d.message for d in report.items)
