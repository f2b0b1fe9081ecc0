"""Names and attributes: locals, build-time values, session state, header fields, element state.

    pkt.tcp.dport => (header pkt tcp dport)     s.port => (field scratch port)     self.turn.value => (state turn)
"""

from __future__ import annotations

import ast
import builtins
from dataclasses import replace
from enum import Enum
from typing import Any

from mcc.frontend.context import LITERAL, OBJECT, Known, Mistake, int_range, shown, suggest, type_words
from mcc.frontend.convert import Convert
from mcc.frontend.flow import place_of
from mcc.frontend.intervals import Interval, meet
from mcc.ir.element import CounterDecl, LiveDecl, MapDecl, PerCoreDecl, TableDecl
from mcc.ir.func import (
    BOOL,
    HANDLE,
    MARK,
    U16,
    U32,
    U64,
    ArrayType,
    Attr,
    Base,
    Expr,
    Field,
    Header,
    IntType,
    Local,
    MatchAttr,
    OptType,
    OptValue,
    StateRead,
    StreamAttr,
    StructField,
    StructType,
    TableLoad,
    Type,
)
from mcc.lang.ints import FixedInt
from mcc.lang.native import HsDatabase
from mcc.lang.state import Counter, HashMap, Live, PerCore, Ports, Table
from mcc.protocols.headers import BY_LAYER, HeaderField, int_width

PACKET_ATTRS: dict[str, Type] = {
    "length": U32, "in_port": U16, "next_hop": U32, "at": U64,
    **{f"is_{x}": BOOL for x in ("vlan", "arp", "ip", "ip6", "tcp", "udp", "icmp", "icmp6")},
}
FLOW_ATTRS: dict[str, Type] = {"to_server": BOOL, "to_client": BOOL, "is_new": BOOL}
BATCH_ATTRS: dict[str, Type] = {"bytes": U32}
STREAM_ATTRS: dict[str, Type] = {
    "start": MARK, "position": U64, "available": U32, "is_last": BOOL, "to_server": BOOL, "to_client": BOOL,
}
MATCH_ATTRS: dict[str, Type] = {"start": MARK, "end": MARK, "index": U16}
ATTRS: dict[str, dict[str, Type]] = {
    "packet": PACKET_ATTRS, "flow": FLOW_ATTRS, "batch": BATCH_ATTRS, "stream": STREAM_ATTRS, "match": MATCH_ATTRS,
    "chunk": {},
}
METHODS = {
    "packet": ("push_vlan", "pop_vlan"), "flow": ("reply_key", "set_timeout"), "batch": (), "match": (),
    "stream": ("chunks", "matches", "mark", "need", "at", "skip", "hold", "rewind", "set", "mask", "insert", "remove",
               "replace"),
    "chunk": ("crc32", "crc32c", "sum16"),
    Table: (), HashMap: ("get", "put", "delete", "park"), PerCore: ("value",), Live: ("value",), Counter: ("value",),
    Ports: ("take", "give"), HsDatabase: ("scan", "finish", "first"),
}
_HIDDEN = {"span"}


class Places(Convert):
    # ---------------------------------------------------------- names

    def name(self, node: ast.Name) -> Expr:
        name = node.id
        if name in self.poison:
            raise Mistake
        if name in self.loop_types and name not in self.things:
            return self.ranged(Local(self.loop_types[name], *int_range(self.loop_types[name]), self.span(node), name))
        if name in self.names:
            return self._local(node)
        arg = self.args.get(name)
        if arg is not None:
            if arg.role != "value":
                self.mistake(node, f"{name} is {type_words(arg.type)}: it is not a value", self._members_hint(name))
            e: Expr = Local(arg.type, *self._declared_range(name, arg.type), self.span(node), name)
            return self.ranged(e)
        return self.known(self.lookup(node), node)

    def _members_hint(self, name: str) -> str:
        members = self._members(name)
        if self.role_of(name) == "chunk":
            return f"for b in {name}, {name}[i], len({name}), {', '.join(members)}"
        return f"use its members: {', '.join(members[:6])}" if members else ""

    def _members(self, name: str) -> list[str]:
        role = self.role_of(name)
        if role == "packet":
            return [*PACKET_ATTRS, *BY_LAYER, *METHODS["packet"]]
        struct = self.struct_of(role) if role else None
        if struct is not None:
            return [f.name for f in struct.fields]
        return [*ATTRS[role], *METHODS[role]] if role else []

    def struct_of(self, role: str) -> StructType | None:
        return {"scratch": self.unit.scratch, "peer": self.unit.scratch, "conn": self.unit.conn}.get(role)

    def _declared_range(self, name: str, t: Type) -> Interval:
        d = self.arg_types.get(name) or self.types.get(name)
        return (0, d.below - 1) if d is not None and d.below else int_range(t)

    def _local(self, node: ast.Name) -> Expr:
        name = node.id
        if name in self.things:
            self.mistake(node, f"{name} is the {self.things[name]}: it is not a value", self._members_hint(name))
        if name in self.literals and name not in self.types:
            return self.literals[name]
        if name not in self.env.assigned:
            if name not in self.first:
                self.mistake(node, f"{name!r} has no value here", "a loop's variable lives in its loop only"
                             if name in self.finished else "assign it before it is read")
            self.mistake(node, f"{name!r} has no value on some path to here",
                         f"start with a value: {self._start(name)}",
                         ((self.first[name], "it is assigned here"),))
        t = self.types[name].type
        e: Expr = Local(t, *self._declared_range(name, t), self.span(node), name)
        if isinstance(t, OptType) and self.env.optional.get(name) is True:
            r = self.env.ranges.get(("local", name), int_range(t.inner))
            return OptValue(t.inner, *r, self.span(node), e)
        return self.ranged(e)

    def _start(self, name: str) -> str:
        t = self.types[name].type if name in self.types else U32
        return f"{name} = False" if t == BOOL else f"{name}: {t.name} = 0"

    def lookup(self, node: ast.Name) -> Any:
        """The build-time object that a free name means."""
        scope = self.source.scope
        if node.id in scope:
            return scope[node.id]
        if hasattr(builtins, node.id):
            return getattr(builtins, node.id)
        near = suggest(node.id, [*self.names, *self.args, *scope])
        self.mistake(node, f"{node.id!r} is not defined", near)

    def known(self, value: Any, node: ast.AST) -> Expr:
        """A build-time value as an expression: bool and integer constants, else an object."""
        if isinstance(value, bool):
            return self.const(int(value), BOOL, node)
        if isinstance(value, FixedInt):
            return self.const(int(value), IntType(value.bits, value.signed), node)
        if isinstance(value, int):
            return self.const(int(value), LITERAL, node)
        return Known(OBJECT, 0, 0, self.span(node), value)

    def ranged(self, e: Expr) -> Expr:
        """The place with the range that is known of it here."""
        place = place_of(e)
        r = self.env.ranges.get(place) if place else None
        both = meet(r, (e.lo, e.hi)) if r else None
        return replace(e, lo=both[0], hi=both[1]) if both else e

    # ---------------------------------------------------------- attributes

    def attribute(self, node: ast.Attribute) -> Expr:
        base = node.value
        if isinstance(base, ast.Name):
            if base.id == "self" and "self" not in self.names:
                return self._own(node)
            role = self.role_of(base.id)
            if role is not None:
                return self.ranged(self._member(node, base.id, role))
        if isinstance(base, ast.Attribute):
            if isinstance(base.value, ast.Name):
                if self.role_of(base.value.id) == "packet" and base.attr in BY_LAYER:
                    return self._header(node, base.value.id, base.attr)
                if base.value.id == "self" and base.attr in self.unit.state:
                    return self._state_value(node, base)
        value = self.expr(base)
        if isinstance(value, Known):
            return self._known_attribute(node, value)
        self.mistake(node, f"{shown(base)} is {type_words(value.type)}: it has no attribute {node.attr!r}")

    def role_of(self, name: str) -> str | None:
        if name in self.things:
            return self.things[name]
        arg = self.args.get(name)
        return arg.role if arg is not None and arg.role != "value" else None

    def _known_attribute(self, node: ast.Attribute, value: Known) -> Expr:
        v = value.value
        if isinstance(v, Enum) and node.attr in ("value", "name"):
            return self.known(getattr(v, node.attr), node)
        if not isinstance(v, (bytes, str, Enum)) and hasattr(v, node.attr):
            return self.known(getattr(v, node.attr), node)
        self.mistake(node, f"{shown(node.value)} has no attribute {node.attr!r} in handlers",
                     suggest(node.attr, [a for a in dir(v) if not a.startswith("_")])
                     if not isinstance(v, (bytes, str)) else "build-time text and bytes have len() and ==")

    def own_value(self, node: ast.Attribute) -> Any:
        """The object that self.NAME is."""
        inst, name = self.unit.inst, node.attr
        if name in self.unit.broken:
            raise Mistake
        if name in vars(inst) and name not in _HIDDEN:
            return vars(inst)[name]
        if name not in _HIDDEN and not name.startswith("__") and hasattr(type(inst), name):
            return getattr(type(inst), name)
        names = [n for n in (*vars(inst), *vars(type(inst))) if not n.startswith("_") and n not in _HIDDEN]
        self.mistake(node, f"{type(inst).__name__} has no attribute {name!r}",
                     suggest(name, names, f"setup() or the class may define it; known: {', '.join(names[:8])}"))

    def _own(self, node: ast.Attribute) -> Expr:
        value = self.own_value(node)
        if node.attr in self.unit.state:
            self.mistake(node, f"self.{node.attr} is a {type(value).__name__}, not a value",
                         state_hint(node.attr, value))
        return self.known(value, node)

    def _state_value(self, node: ast.Attribute, base: ast.Attribute) -> Expr:
        name, decl = base.attr, self.unit.state[base.attr]
        if node.attr == "value":
            if isinstance(decl, (PerCoreDecl, LiveDecl)):
                e = StateRead(decl.type, decl.type.min, decl.type.max, self.span(node), name)
                return e if isinstance(decl, LiveDecl) else self.ranged(e)
            if isinstance(decl, CounterDecl):
                return StateRead(U64, 0, U64.max, self.span(node), name)
        kind = type(self.own_value(base))
        self.mistake(node, f"a {kind.__name__} has no {node.attr!r} in handlers",
                     suggest(node.attr, METHODS[kind], state_hint(name, self.own_value(base))))

    def _member(self, node: ast.Attribute, base: str, role: str) -> Expr:
        struct = self.struct_of(role)
        if struct is not None:
            return self._field(node, struct, Base(role))
        attrs = ATTRS[role]
        t = attrs.get(node.attr)
        if t is None:
            if role == "packet" and node.attr in BY_LAYER:
                self.mistake(node, f"{shown(node)} is a header, not a value",
                             f"its fields: {', '.join(BY_LAYER[node.attr])}")
            if node.attr in METHODS[role]:
                self.mistake(node, f"{shown(node)} is a method: call it")
            known = [*attrs, *(BY_LAYER if role == "packet" else ()), *METHODS[role]]
            self.mistake(node, f"the {role} has no attribute {node.attr!r}",
                         suggest(node.attr, known, f"known: {', '.join(known)}"))
        if role == "stream":
            return StreamAttr(t, *int_range(t), self.span(node), node.attr)
        if role == "match":
            r = (0, self.words[base] - 1) if node.attr == "index" else int_range(t)
            return MatchAttr(t, *r, self.span(node), base, node.attr)
        return Attr(t, *(int_range(t) if node.attr != "in_port" else (0, 255)), self.span(node), base, node.attr)

    # ---------------------------------------------------------- session state

    def _find(self, node: ast.Attribute, struct: StructType) -> StructField:
        f = struct.field(node.attr)
        if f is None:
            names = [x.name for x in struct.fields]
            self.mistake(node, f"{struct.name} has no field {node.attr!r}",
                         suggest(node.attr, names, f"known fields: {', '.join(names)}"))
        return f

    def _field(self, node: ast.Attribute, struct: StructType, base: Base) -> Expr:
        f = self._find(node, struct)
        if isinstance(f.type, ArrayType):
            self.mistake(node, f"{shown(node)} is an array of {f.type.length} {f.type.elem.name}",
                         f"index it: {shown(node)}[i]")
        if f.type == HANDLE:
            self.mistake(node, f"{shown(node)} is an HsStream: only its database reads it",
                         f"self.db.scan({shown(node)}, chunk)")
        if isinstance(node.ctx, ast.Load):
            self.unit.read_fields.add((base, f.name))
        lo, hi = (0, f.below - 1) if f.below else int_range(f.type)
        return Field(f.type, lo, hi, self.span(node), base, f.name)

    def array(self, node: ast.expr) -> tuple[Base, StructField, ArrayType] | None:
        """The array field that an expression names, if it does."""
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            return None
        role = self.role_of(node.value.id)
        struct = self.struct_of(role) if role else None
        if struct is None or role is None:
            return None
        f = self._find(node, struct)
        return (Base(role), f, f.type) if isinstance(f.type, ArrayType) else None

    def subscript(self, node: ast.Subscript) -> Expr:
        found = self.array(node.value)
        if found is not None:
            base, f, t = found
            i, checked = self._index(node.slice, t.length, shown(node.value))
            if isinstance(node.ctx, ast.Load):
                self.unit.read_fields.add((base, f.name))
            return Field(t.elem, t.elem.min, t.elem.max, self.span(node), base, f.name, i, checked)
        v = node.value
        if isinstance(v, ast.Name) and self.role_of(v.id) in ("chunk", "stream"):
            return self.byte_of(node, v.id)
        if isinstance(v, ast.Attribute) and isinstance(v.value, ast.Name) and v.value.id == "self":
            decl = self.unit.state.get(v.attr)
            if isinstance(decl, TableDecl):
                return self._table(node, decl)
            if isinstance(decl, MapDecl):
                self.mistake(node, f"self.{v.attr} is a HashMap: it is not indexed", f"x = self.{v.attr}.get(key)")
            if decl is None:
                value = self.own_value(v)
                self.mistake(node, f"self.{v.attr} is a {type(value).__name__}: handlers cannot index it",
                             f"build a Table in setup: self.table = Table(u32, self.{v.attr})")
        self.mistake(node, f"{shown(v)} cannot be indexed", "Tables of the element and Array fields of a struct can")

    def _table(self, node: ast.Subscript, decl: TableDecl) -> Expr:
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        bounds = [decl.rows, decl.columns] if decl.columns else [decl.rows]
        if len(parts) != len(bounds):
            self.mistake(node, f"self.{decl.name} has {len(bounds)} dimension{'s' * (len(bounds) > 1)}, "
                         f"{len(parts)} index{'es' * (len(parts) > 1)} given",
                         f"self.{decl.name}[i, j]" if decl.columns else f"self.{decl.name}[i]")
        found = [self._index(p, n, f"self.{decl.name}") for p, n in zip(parts, bounds, strict=True)]
        return TableLoad(decl.type, min(decl.data), max(decl.data), self.span(node), decl.name,
                         tuple(i for i, _ in found), tuple(c for _, c in found))

    def _index(self, node: ast.expr, length: int, what: str) -> tuple[Expr, bool]:
        """An index below `length`, and whether a check is left to run time."""
        e = self.number(node)
        n = self.literal(e)
        if n is not None:
            if not 0 <= n < length:
                self.mistake(node, f"index {n} is outside {what}: it has 0 to {length - 1}",
                             "negative indices do not count from the end here" if n < 0 else "")
            return self.const(n, U32, node), False
        if e.lo < 0:
            self.mistake(node, f"an index must be unsigned, {shown(node)} may be negative",
                         f"cast it: u32({shown(node)})")
        if e.lo >= length:
            self.mistake(node, f"index {shown(node)} is at least {e.lo}, {what} has 0 to {length - 1}")
        if e.hi >= length:
            self.unproven(node, f"cannot prove that {shown(node)} is below {length}, the size of {what}",
                          f"`if {shown(node)} < {length}:`, `{shown(node)} % {length}`, "
                          f"or Annotated[.., Below({length})]")
        return e, e.hi >= length

    # ---------------------------------------------------------- headers

    def find_header(self, node: ast.Attribute, layer: str) -> HeaderField:
        fields = BY_LAYER[layer]
        if node.attr not in fields:
            self.mistake(node, f"header {layer!r} has no field {node.attr!r}", f"known fields: {', '.join(fields)}")
        return fields[node.attr]

    def _header(self, node: ast.Attribute, packet: str, layer: str) -> Expr:
        f = self.find_header(node, layer)
        self.touch(packet, layer)
        t: Type = BOOL if f.width == 1 else IntType(int_width(f))
        return self.ranged(Header(t, 0, (1 << f.width) - 1, self.span(node), packet, layer, f.name))

    def touch(self, packet: str, layer: str) -> None:
        """A header is used: unless a test says that it is there, the element's class must."""
        if layer not in self.env.layers.get(packet, frozenset()):
            self.unit.needs.setdefault(self.port, set()).add(layer)


def state_hint(name: str, value: Any) -> str:
    return {
        Table: f"index it: self.{name}[i]", HashMap: f"x = self.{name}.get(key)",
        PerCore: f"self.{name}.value", Live: f"self.{name}.value",
        Counter: f"self.{name} += 1 counts, self.{name}.value reads",
        Ports: f"p = self.{name}.take()",
    }.get(type(value), "")

