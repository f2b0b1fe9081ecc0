"""Which layers a packet handler touches without asking first: packets without them are outside the element's class.

`if pkt.is_tcp:`, `pkt.is_tcp and ..`, `if not pkt.is_tcp: return DROP` ask first. Branches that build-time values
decide (`if self.mode == "mask":`) are followed only where they are taken.
"""

from __future__ import annotations

import ast
import enum
from typing import Any

from mcc.lang import packet as lang
from mcc.lang.element import Element
from mcc.protocols.headers import BY_LAYER
from mcc.reference.rewrite import hints_of, source_tree

Have = frozenset[tuple[str, str]]
"""(packet variable, layer) pairs that are known to be there."""

GUARDS = {f"is_{n}": {n} | ({"l4"} if n in ("tcp", "udp") else set())
          for n in ("vlan", "arp", "ip", "ip6", "tcp", "udp", "icmp", "icmp6")}
_LEFT: Have | None = None
"""What is known behind a return: nothing is reached."""


class Needs:
    """Walks one handler; `found` collects the layers touched unasked."""

    def __init__(self, inst: Element, names: dict[str, Any], packets: set[str], arguments: set[str]) -> None:
        self.inst, self.names, self.packets, self.own = inst, names, packets, arguments
        self.found: set[str] = set()

    def block(self, body: list[ast.stmt], have: Have | None) -> Have | None:
        for s in body:
            if have is None:
                return None
            have = self.stmt(s, have)
        return have

    def stmt(self, s: ast.stmt, have: Have) -> Have | None:
        match s:
            case ast.If(test=test, body=body, orelse=orelse):
                self.touch(test, have)
                truth = self.constant(test)
                yes = None if truth is False else self.block(body, have | self.says(test, True))
                no = None if truth is True else self.block(orelse, have | self.says(test, False))
                return _join(yes, no)
            case ast.For(target=ast.Name(id=name), iter=source, body=body):
                self.touch(source, have)
                if not isinstance(source, ast.Call):
                    self.packets.add(name)
                    self.block(body, frozenset(h for h in have if h[0] != name))
                else:
                    self.block(body, have)
                return have
            case ast.Match(subject=subject, cases=cases):
                self.touch(subject, have)
                out: Have | None = None
                for c in cases:
                    out = _join(out, self.block(c.body, have))
                whole = any(isinstance(c.pattern, ast.MatchAs) and c.pattern.pattern is None for c in cases)
                return out if whole else _join(out, have)
            case ast.Return() | ast.Break() | ast.Continue():
                self.touch(s, have)
                return None
        self.touch(s, have)
        if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call):
            return self.moved(s.value, have)
        return have

    def moved(self, call: ast.Call, have: Have) -> Have:
        """Tags come and go: the frame must be Ethernet, and whether there is a tag is not known any more."""
        match call.func:
            case ast.Attribute(value=ast.Name(id=name), attr="push_vlan" | "pop_vlan") if name in self.packets:
                if (name, "eth") not in have:
                    self.found.add("eth")
                return frozenset(h for h in have if h[1] != "vlan")
        return have

    def touch(self, node: ast.AST, have: Have) -> None:
        """Note the headers that an expression (or simple statement) reads or writes, in the order of evaluation."""
        match node:
            case ast.BoolOp(op=op, values=values):
                for v in values:
                    self.touch(v, have)
                    have = have | self.says(v, isinstance(op, ast.And))
                return
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.touch(test, have)
                truth = self.constant(test)
                if truth is not False:
                    self.touch(body, have | self.says(test, True))
                if truth is not True:
                    self.touch(orelse, have | self.says(test, False))
                return
            case ast.Attribute(value=ast.Attribute(value=ast.Name(id=name), attr=layer)) if name in self.packets:
                if layer in BY_LAYER and (name, layer) not in have:
                    self.found.add(layer)
                return
        for child in ast.iter_child_nodes(node):
            self.touch(child, have)

    def says(self, test: ast.expr, truth: bool) -> Have:
        """The layers that are there where `test` has come out as `truth`."""
        match test:
            case ast.Attribute(value=ast.Name(id=name), attr=attr) if name in self.packets and attr in GUARDS:
                return frozenset((name, layer) for layer in GUARDS[attr]) if truth else frozenset()
            case ast.UnaryOp(op=ast.Not(), operand=a):
                return self.says(a, not truth)
            case ast.BoolOp(op=op, values=values):
                parts = [self.says(v, truth) for v in values]
                if isinstance(op, ast.And) == truth:
                    return frozenset().union(*parts)
                return frozenset.intersection(*parts)
        return frozenset()

    def constant(self, test: ast.expr) -> bool | None:
        """The truth of a condition that only build-time values decide, else None."""
        for n in ast.walk(test):
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "self":
                value = vars(self.inst).get(n.attr, getattr(type(self.inst), n.attr, None))
                if not isinstance(value, (int, str, bytes, enum.Enum)):
                    return None
            elif isinstance(n, ast.Name) and n.id != "self" and (n.id in self.own or n.id not in self.names):
                return None
            elif isinstance(n, ast.Call) and not (isinstance(n.func, ast.Name) and n.func.id in ("len", "min", "max")):
                return None
        try:
            code = compile(ast.fix_missing_locations(ast.Expression(test)), "<condition>", "eval")
            return bool(eval(code, {**self.names, "self": self.inst}))
        except Exception:  # not to be known before there is a packet
            return None


def _join(a: Have | None, b: Have | None) -> Have | None:
    return b if a is None else a if b is None else a & b


def needs(inst: Element, port: int, names_of: Any) -> frozenset[str]:
    """Layers ("l4": TCP or UDP) that the handlers of input `port` touch unasked; new_session counts to input 0.
    `names_of(func)`: what the function's free names mean."""
    found: set[str] = set()
    for h in inst.__mcc_elem__.handlers:
        if h.role not in ("process_packet", "process_batch", "new_session") or h.port != port:
            continue
        tree, names = source_tree(h.func), names_of(h.func)
        hints = hints_of(h.func, names)
        packets = {n for n, hint in hints.items() if hint is lang.Packet}
        own = {a.arg for a in tree.args.args} | {n.id for n in ast.walk(tree)
                                                if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        walker = Needs(inst, names, packets, own - {"self"})
        walker.block(tree.body, frozenset())
        found |= walker.found
    return frozenset(found)
