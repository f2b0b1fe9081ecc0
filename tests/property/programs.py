"""Random well-typed handler programs as Python source: what the compiler accepts, with every operator and statement.

    program = make_program(random.Random(7))
    module = load(program, folder)             # imports it; module.E is the element, module.PORTS its outputs
    @given(programs())                         # the same, drawn by Hypothesis (shrinks)

The element has `session=TCP4`, a scratch struct S and a conn struct C with fields of every type, tables, counters,
per-core values, a map, and two outputs; its handlers see TCP over IPv4 over Ethernet.
"""

from __future__ import annotations

import hashlib
import importlib.util
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from hypothesis import strategies as st

BITS = {"u8": 8, "u16": 16, "u32": 32, "u64": 64, "u128": 128, "i32": 32, "i64": 64}
UNSIGNED = ("u8", "u16", "u32", "u64", "u128")
SIGNED = ("i32", "i64")
COMMON = ("u8", "u16", "u32", "u64", "i32", "i64")

FEATURES = frozenset({"inline", "map", "alert", "ports", "vlan", "flow", "fault"})
"""Parts of the language that a program may use beside plain computation. More: "emit" (a copy by output 1)."""

READS: dict[str, tuple[str, ...]] = {
    "u8": ("pkt.ip.tos", "pkt.ip.ttl", "pkt.ip.proto", "pkt.tcp.flags", "pkt.ip.flags", "pkt.tcp.doff"),
    "u16": ("pkt.ip.id", "pkt.ip.len", "pkt.tcp.sport", "pkt.tcp.dport", "pkt.tcp.window", "pkt.eth.type",
            "pkt.in_port", "pkt.l4.dport", "pkt.ip.frag"),
    "u32": ("pkt.ip.src", "pkt.ip.dst", "pkt.tcp.seq", "pkt.tcp.ack", "pkt.length", "len(pkt)", "pkt.next_hop"),
    "u64": ("pkt.eth.src", "pkt.eth.dst"),
}
BOOL_READS = ("pkt.tcp.syn", "pkt.tcp.ackflag", "pkt.tcp.fin", "pkt.is_vlan", "pkt.is_tcp", "pkt.is_udp", "pkt.is_ip6")
WRITES: tuple[tuple[str, str, int], ...] = (
    ("pkt.ip.tos", "u8", 0), ("pkt.ip.ttl", "u8", 0), ("pkt.ip.id", "u16", 0), ("pkt.ip.src", "u32", 0),
    ("pkt.ip.dst", "u32", 0), ("pkt.ip.flags", "u8", 7), ("pkt.tcp.sport", "u16", 0), ("pkt.tcp.dport", "u16", 0),
    ("pkt.tcp.seq", "u32", 0), ("pkt.tcp.ack", "u32", 0), ("pkt.tcp.window", "u16", 0), ("pkt.tcp.flags", "u8", 0),
    ("pkt.tcp.urgent", "u16", 0), ("pkt.eth.src", "u64", (1 << 48) - 1), ("pkt.eth.dst", "u64", (1 << 48) - 1),
    ("pkt.next_hop", "u32", 0))
"""Place, type, mask that its value needs (0: none)."""
BOOL_WRITES = ("pkt.tcp.psh", "pkt.tcp.urg", "pkt.tcp.syn")


@dataclass(frozen=True)
class Program:
    """Module text; `fields`: S's plain integer fields by type."""

    source: str

    @property
    def name(self) -> str:
        return "program_" + hashlib.sha256(self.source.encode()).hexdigest()[:12]


@dataclass
class Scope:
    """What may be named at a point. `ints`: (expression, type); `stores`: (place, type) that may be assigned."""

    ints: list[tuple[str, str]] = field(default_factory=list)
    bools: list[str] = field(default_factory=list)
    stores: list[tuple[str, str]] = field(default_factory=list)
    bool_stores: list[str] = field(default_factory=list)
    packet: bool = True
    loops: int = 0

    def inner(self) -> Scope:
        return Scope(list(self.ints), list(self.bools), list(self.stores), list(self.bool_stores), self.packet,
                     self.loops)


class Maker:
    """Draws one program from a source of randomness."""

    def __init__(self, rnd: random.Random, features: frozenset[str]) -> None:
        self.r, self.features = rnd, features
        self.count = 0
        self.inlines: list[tuple[str, str, tuple[str, ...]]] = []
        self.tables: list[tuple[str, str, int, int]] = []

    # ---------------------------------------------------------- expressions

    def literal(self, t: str) -> str:
        bits = BITS[t]
        lo, hi = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if t in SIGNED else (0, (1 << bits) - 1)
        n = self.r.choice([0, 1, 2, 3, 7, 10, 100, hi, hi - 1, hi // 2, self.r.randint(max(lo, -200), min(hi, 200)),
                           self.r.randint(lo, hi)])
        return str(n)

    def same_sign(self, t: str) -> tuple[str, ...]:
        return SIGNED if t in SIGNED else UNSIGNED

    def narrower(self, t: str) -> str:
        return self.r.choice([k for k in self.same_sign(t) if BITS[k] <= BITS[t]])

    def leaf(self, t: str, s: Scope) -> str:
        found = [e for e, k in s.ints if k == t]
        if s.packet:
            found += READS.get(t, ())
        if found and self.r.random() < 0.85:
            return self.r.choice(found)
        other = self.r.choice(s.ints)[0] if s.ints else self.literal(t)
        return f"{t}({other})"

    def int(self, t: str, s: Scope, depth: int) -> str:
        """An expression whose type is exactly `t` (never a bare literal)."""
        if depth <= 0:
            return self.leaf(t, s)
        options: list[Callable[[str, Scope, int], str]] = [
            self._leaf, self._leaf, self._binary, self._binary, self._binary, self._literal_side, self._shift,
            self._unary, self._cast, self._minmax, self._select]
        if t in UNSIGNED:
            options.append(self._divide)
        if self.tables:
            options.append(self._table)
        if any(r == t for _, r, _ in self.inlines):
            options.append(self._inline)
        return self.r.choice(options)(t, s, depth - 1)

    def _leaf(self, t: str, s: Scope, depth: int) -> str:
        return self.leaf(t, s)

    def _binary(self, t: str, s: Scope, depth: int) -> str:
        a, b = self.int(t, s, depth), self.int(self.narrower(t), s, depth)
        if self.r.random() < 0.5:
            a, b = b, a
        return f"({a} {self.r.choice(['+', '-', '*', '&', '|', '^'])} {b})"

    def _literal_side(self, t: str, s: Scope, depth: int) -> str:
        a, b = self.int(t, s, depth), self.literal(t)
        op = self.r.choice(["+", "-", "*", "&", "|", "^"])
        return f"({a} {op} {b})" if self.r.random() < 0.7 else f"({b} {op} {a})"

    def _shift(self, t: str, s: Scope, depth: int) -> str:
        count = self.r.choice([str(self.r.choice([0, 1, 3, 8, BITS[t] - 1, BITS[t], BITS[t] + 3])),
                               self.int(self.r.choice(["u8", "u16", "u32", "u64"]), s, depth)])
        return f"({self.int(t, s, depth)} {self.r.choice(['<<', '>>'])} {count})"

    def _unary(self, t: str, s: Scope, depth: int) -> str:
        return f"({self.r.choice(['~', '-'])}{self.int(t, s, depth)})"

    def _cast(self, t: str, s: Scope, depth: int) -> str:
        inner = self.bool(s, depth) if self.r.random() < 0.2 else self.int(self.r.choice(COMMON), s, depth)
        return f"{t}({inner})"

    def _minmax(self, t: str, s: Scope, depth: int) -> str:
        other = self.literal(t) if self.r.random() < 0.4 else self.int(self.narrower(t), s, depth)
        parts = [self.int(t, s, depth), other]
        self.r.shuffle(parts)
        return f"{self.r.choice(['min', 'max'])}({', '.join(parts)})"

    def _select(self, t: str, s: Scope, depth: int) -> str:
        return f"({self.int(t, s, depth)} if {self.bool(s, depth)} else {self.int(t, s, depth)})"

    def _divide(self, t: str, s: Scope, depth: int) -> str:
        divisor = self.r.choice([str(self.r.randint(1, 100)), f"max({self.int(self.narrower(t), s, depth)}, 1)"])
        return f"({self.int(t, s, depth)} {self.r.choice(['//', '%'])} {divisor})"

    def _index(self, size: int, s: Scope, depth: int) -> str:
        """An index below `size`: proved, or left to run time."""
        e = self.int(self.r.choice(["u8", "u16", "u32"]), s, depth)
        if "fault" in self.features and self.r.random() < 0.15:
            return f"({e} & {2 * size - 1})" if self.r.random() < 0.5 else e
        return self.r.choice([f"({e} % {size})", f"min({e}, {size - 1})", str(self.r.randrange(size))])

    def _table(self, t: str, s: Scope, depth: int) -> str:
        name, item, rows, columns = self.r.choice(self.tables)
        index = self._index(rows, s, depth) + (f", {self._index(columns, s, depth)}" if columns else "")
        load = f"self.{name}[{index}]"
        return load if item == t else f"{t}({load})"

    def _inline(self, t: str, s: Scope, depth: int) -> str:
        name, _, args = self.r.choice([i for i in self.inlines if i[1] == t])
        return f"{name}({', '.join(self._argument(a, s, depth) for a in args)})"

    def _argument(self, t: str, s: Scope, depth: int) -> str:
        return self.literal(t) if self.r.random() < 0.2 else self.int(self.narrower(t), s, depth)

    def bool(self, s: Scope, depth: int) -> str:
        if depth <= 0:
            return self._compare(s, 0) if not s.bools or self.r.random() < 0.5 else self.r.choice(s.bools)
        pick = self.r.random()
        if pick < 0.5:
            return self._compare(s, depth - 1)
        if pick < 0.7:
            op = self.r.choice([" and ", " or "])
            return "(" + op.join(self.bool(s, depth - 1) for _ in range(self.r.choice([2, 2, 3]))) + ")"
        if pick < 0.8:
            return f"(not {self.bool(s, depth - 1)})"
        if pick < 0.9 and s.packet:
            return self.r.choice(BOOL_READS)
        return self.r.choice(s.bools) if s.bools else self._compare(s, depth - 1)

    def _compare(self, s: Scope, depth: int) -> str:
        kinds = self.same_sign(self.r.choice(COMMON))
        kinds = tuple(k for k in kinds if k in COMMON)
        t = self.r.choice(kinds)
        ops = ["==", "!=", "<", "<=", ">", ">="]
        b = self.literal(t) if self.r.random() < 0.5 else self.int(self.r.choice(kinds), s, depth)
        a = self.int(t, s, depth)
        if self.r.random() < 0.15:
            return f"({a} {self.r.choice(ops)} {self.leaf(t, s)} {self.r.choice(ops)} {b})"
        return f"({a} {self.r.choice(ops)} {b})"

    # ---------------------------------------------------------- statements

    def fresh(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def block(self, s: Scope, budget: int, pad: str, ends: bool = False) -> list[str]:
        out: list[str] = []
        for _ in range(budget):
            out += self.statement(s, pad)
        if ends and self.r.random() < 0.5:
            out.append(pad + self.ending(s))
        return out or [pad + "pass"]

    def ending(self, s: Scope) -> str:
        if s.loops and self.r.random() < 0.6:
            return self.r.choice(["break", "continue"])
        return self.r.choice(["return PASS", "return DROP", "return to(1)"])

    def statement(self, s: Scope, pad: str) -> list[str]:
        options: list[Callable[[Scope, str], list[str]]] = [
            self.declare, self.declare, self.store, self.store, self.store, self.augmented, self.augmented, self.branch,
            self.loop, self.switch, self.state, self.state]
        if s.packet:
            options += [self.header, self.header, self.special]
        return self.r.choice(options)(s, pad)

    def declare(self, s: Scope, pad: str) -> list[str]:
        name = self.fresh()
        if self.r.random() < 0.2:
            line = f"{name} = {self.bool(s, 2)}"
            s.bools.append(name)
            s.bool_stores.append(name)
            return [pad + line]
        t = self.r.choice(COMMON)
        value, pick = self.int(t, s, 3), self.r.random()
        if pick < 0.4:
            line = f"{name} = {value}"
        elif pick < 0.8:
            line = f"{name}: {t} = {self.int(self.narrower(t), s, 3)}"
        else:
            line = f"{name}: {t} = {self.literal(t)}"
        s.ints.append((name, t))
        s.stores.append((name, t))
        return [pad + line]

    def store(self, s: Scope, pad: str) -> list[str]:
        if s.bool_stores and self.r.random() < 0.2:
            return [f"{pad}{self.r.choice(s.bool_stores)} = {self.bool(s, 2)}"]
        if self.r.random() < 0.2:
            return [f"{pad}s.below = {self.r.choice(['min({}, 9)', '{} % 10']).format(self.int('u16', s, 2))}"]
        if not s.stores:
            return self.declare(s, pad)
        place, t = self.r.choice(s.stores)
        value = self.literal(t) if self.r.random() < 0.15 else self.int(t, s, 3)
        return [f"{pad}{place} = {value}"]

    def augmented(self, s: Scope, pad: str) -> list[str]:
        if not s.stores:
            return self.declare(s, pad)
        place, t = self.r.choice(s.stores)
        if self.r.random() < 0.2:
            return [f"{pad}{place} {self.r.choice(['<<=', '>>='])} {self.r.randint(0, BITS[t] + 1)}"]
        value = self.literal(t) if self.r.random() < 0.4 else self.int(self.narrower(t), s, 2)
        return [f"{pad}{place} {self.r.choice(['+=', '-=', '*=', '^=', '|=', '&='])} {value}"]

    def branch(self, s: Scope, pad: str) -> list[str]:
        test = self.bool(s, 3) if self.r.random() < 0.85 else self.leaf(self.r.choice(COMMON), s)
        out = [f"{pad}if {test}:", *self.block(s.inner(), self.r.randint(1, 2), pad + "    ", True)]
        while self.r.random() < 0.2:
            out += [f"{pad}elif {self.bool(s, 2)}:", *self.block(s.inner(), 1, pad + "    ", True)]
        if self.r.random() < 0.5:
            out += [f"{pad}else:", *self.block(s.inner(), self.r.randint(1, 2), pad + "    ", True)]
        return out

    def loop(self, s: Scope, pad: str) -> list[str]:
        if s.loops >= 2:
            return self.store(s, pad)
        name, inner = f"i{self.fresh()}", s.inner()
        inner.loops += 1
        kind = self.r.random()
        if kind < 0.4:
            bounds, t = str(self.r.randint(1, 5)), "u32"
        elif kind < 0.6:
            bounds, t = f"{self.r.randint(0, 3)}, {self.r.randint(2, 9)}, {self.r.randint(1, 3)}", "u32"
        elif kind < 0.7:
            bounds, t = f"{self.r.randint(2, 6)}, 0, -1", "u32"
        else:
            t = self.r.choice(["u8", "u16", "u32"])
            bounds = f"min({self.int(t, s, 1)}, 5)"
        inner.ints.append((name, t))
        return [f"{pad}for {name} in range({bounds}):", *self.block(inner, self.r.randint(1, 2), pad + "    ", True)]

    def switch(self, s: Scope, pad: str) -> list[str]:
        t = self.r.choice(COMMON)
        out = [f"{pad}match {self.int(t, s, 2)}:"]
        values = self.r.sample(range(0, 12), 4)
        groups = [values[:1], values[1:3]] if self.r.random() < 0.7 else [values[:2], values[2:3], values[3:]]
        for g in groups:
            out += [f"{pad}    case {' | '.join(map(str, g))}:", *self.block(s.inner(), 1, pad + "        ", True)]
        if self.r.random() < 0.6:
            out += [f"{pad}    case _:", *self.block(s.inner(), 1, pad + "        ", True)]
        return out

    def state(self, s: Scope, pad: str) -> list[str]:
        pick = self.r.random()
        if pick < 0.3:
            amount = str(self.r.randint(1, 9))
            if self.r.random() < 0.5:
                amount = self.int(self.r.choice(["u8", "u16", "u64"]), s, 2)
            return [f"{pad}self.{self.r.choice(['hits', 'misses'])} += {amount}"]
        if pick < 0.6:
            return [f"{pad}self.turn.value {self.r.choice(['=', '+=', '^='])} {self.int('u32', s, 2)}"]
        if pick < 0.85 or "map" not in self.features:
            index = self._index(4, s, 2)
            return [f"{pad}s.cells[{index}] {self.r.choice(['=', '+=', '-='])} {self.int('u32', s, 2)}"]
        return self.lookup(s, pad)

    def lookup(self, s: Scope, pad: str) -> list[str]:
        name, key = self.fresh(), self.fresh()
        there = s.inner()
        there.ints.append((name, "u32"))
        return [f"{pad}{key}: u16 = {self.int('u16', s, 1)} & 15", f"{pad}{name} = self.seen.get({key})",
                f"{pad}if {name} is None:", f"{pad}    self.seen.put({key}, {self.int('u32', s, 2)})",
                *self.block(s.inner(), 1, pad + "    "), f"{pad}else:", *self.block(there, 1, pad + "    "),
                *([f"{pad}    self.seen.delete({key})"] if self.r.random() < 0.3 else [])]

    def header(self, s: Scope, pad: str) -> list[str]:
        if self.r.random() < 0.15:
            return [f"{pad}{self.r.choice(BOOL_WRITES)} = {self.bool(s, 2)}"]
        place, t, mask = self.r.choice(WRITES)
        value = self.int(t, s, 2)
        if mask:
            return [f"{pad}{place} = ({value}) & {mask:#x}"]
        return [f"{pad}{place} {self.r.choice(['=', '=', '+=', '-=', '^='])} {value}"]

    def special(self, s: Scope, pad: str) -> list[str]:
        options: list[list[str]] = [[f"{pad}s.flag = not s.flag"]]
        if "alert" in self.features:
            options.append([f"{pad}alert({self.int('u32', s, 1)}, \"seen\")"])
        if "ports" in self.features:
            name = self.fresh()
            options.append([f"{pad}{name} = self.pool.take()", f"{pad}s.f_u16 ^= {name}",
                            *([f"{pad}self.pool.give({name})"] if self.r.random() < 0.5 else [])])
        if "vlan" in self.features:
            options.append([f"{pad}pkt.push_vlan(({self.int('u16', s, 1)}) & 0xfff)"])
            options.append([f"{pad}if pkt.is_vlan:", f"{pad}    s.f_u16 += pkt.vlan.vid", f"{pad}    pkt.pop_vlan()"])
        if "emit" in self.features:
            options.append([f"{pad}emit(pkt, port=1)"])
        if "flow" in self.features:
            options.append([f"{pad}if flow.to_server:", *self.block(s.inner(), 1, pad + "    ")])
        return self.r.choice(options)

    # ---------------------------------------------------------- the module

    def inline(self) -> list[str]:
        name, result = f"help{len(self.inlines)}", self.r.choice(COMMON)
        args = tuple(self.r.choice(COMMON) for _ in range(self.r.randint(1, 3)))
        s = Scope([(f"a{i}", t) for i, t in enumerate(args)], packet=False)
        head = ", ".join(f"a{i}: {t}" for i, t in enumerate(args))
        kept, self.tables = self.tables, []
        body = [f"    x: {result} = {self.int(result, s, 2)}"]
        s.ints.append(("x", result))
        if self.r.random() < 0.5:
            body += [f"    if {self.bool(s, 2)}:", f"        return {self.int(result, s, 2)}"]
        body.append(f"    return {self.int(result, s, 2)}")
        self.tables = kept
        self.inlines.append((name, result, args))
        return ["@inline", f"def {name}({head}) -> {result}:", *body, "", ""]

    def program(self) -> Program:
        self.tables = [("small", "u16", 8, 0), ("wide", "i64", 5, 0), ("grid", "u8", 4, 6)]
        many = self.r.randint(0, 2) if "inline" in self.features else 0
        helpers = [line for _ in range(many) for line in self.inline()]
        s = Scope(
            [(f"s.f_{t}", t) for t in BITS] + [("c.total", "u64"), ("c.mark", "u32"), ("s.below", "u16"),
                                               ("self.turn.value", "u32"), ("self.limit.value", "u32"),
                                               ("self.hits.value", "u64"), ("s.cells[2]", "u32"),
                                               ("len(self.small)", "u32")],
            ["s.flag", "c.seen"], [(f"s.f_{t}", t) for t in BITS] + [("c.total", "u64"), ("c.mark", "u32")],
            ["s.flag", "c.seen"])
        packet = self.block(s.inner(), self.r.randint(4, 14), "        ")
        fresh = s.inner()
        new = self.block(Scope(fresh.ints[:9], fresh.bools, fresh.stores, fresh.bool_stores), 1, "        ")
        new = [line.replace("return to(1)", "return DROP") for line in new]
        return Program("\n".join([*self._head(), *helpers, *self._element(), *new, "        return PASS", "",
                                  "    def process_packet(self, s: S, c: C, pkt: Packet, flow: Flow) -> Action:",
                                  *packet, "        return PASS", ""]))

    def _head(self) -> list[str]:
        fields = [f"    f_{t}: {t} = {self.literal(t)}" for t in BITS]
        return ["from typing import Annotated", "",
                "from mcc.lang.element import Element, element, inline",
                "from mcc.lang.packet import DROP, PASS, Action, Flow, Packet, alert, emit, to",
                "from mcc.lang.session import TCP4",
                "from mcc.lang.state import Counter, HashMap, Live, PerCore, Ports, Table",
                "from mcc.lang.types import Array, Below, Len, i32, i64, struct, u8, u16, u32, u64, u128", "", "",
                "@struct", "class S:", *fields, "    below: Annotated[u16, Below(10)] = 3",
                "    cells: Annotated[Array[u32], Len(4)]", "    flag: bool = False", "", "",
                "@struct", "class C:", "    total: u64 = 0", "    mark: u32 = 7", "    seen: bool = False", "", ""]

    def _element(self) -> list[str]:
        def row(t: str, n: int) -> str:
            return "[" + ", ".join(self.literal(t) for _ in range(n)) + "]"
        grid = "[" + ", ".join(row("u8", 6) for _ in range(4)) + "]"
        return ["@element(session=TCP4, scratch=S, conn=C, ports=(1, 2))", "class E(Element):",
                "    limit: Live[u32]", "", "    def setup(self) -> None:",
                f"        self.small = Table(u16, {row('u16', 8)})",
                f"        self.wide = Table(i64, {row('i64', 5)})", f"        self.grid = Table(u8, {grid})",
                "        self.hits = Counter()", "        self.misses = Counter()",
                "        self.turn: PerCore[u32] = PerCore()", "        self.seen = HashMap[u16, u32](6)",
                "        self.pool = Ports(1000, 1003)", "",
                "    def new_session(self, s: S, c: C, pkt: Packet, flow: Flow) -> Action:"]


def make_program(rnd: random.Random, features: frozenset[str] = FEATURES) -> Program:
    """One program; equal randomness gives equal text."""
    return Maker(rnd, features).program()


def programs(features: frozenset[str] = FEATURES) -> st.SearchStrategy[Program]:
    """Programs drawn by Hypothesis."""
    return st.randoms(use_true_random=False).map(lambda r: make_program(r, features))


def load(program: Program, folder: Path) -> ModuleType:
    """Write the program to a file in `folder` and import it (inspect and linecache need a file)."""
    path = folder / f"{program.name}.py"
    path.write_text(program.source)
    spec = importlib.util.spec_from_file_location(program.name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[program.name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules[program.name]
    return module


def instance(module: ModuleType, limit: int = 10) -> Any:
    """The program's element, with its Live parameter at `limit`."""
    from mcc.lang.state import Live

    return module.E(Live(limit))
