"""Assignments to what is not a local: fields, array items, headers, next_hop, PerCore values, counters.

    s.port = 1 => (store (field scratch port) (const 1))     self.hits += 1 => (count-up hits (const 1))

A store proves what is declared of the place (Below, the width of a header field) and forgets what was known of it.
"""

from __future__ import annotations

import ast

from mcc.frontend.context import operand, shown, suggest
from mcc.frontend.flow import written
from mcc.frontend.places import PACKET_ATTRS, Places
from mcc.ir.element import CounterDecl, LiveDecl, MapDecl, TableDecl
from mcc.ir.func import (
    U64,
    Attr,
    Base,
    CounterAdd,
    Expr,
    Field,
    Header,
    MatchAttr,
    StateRead,
    Stmt,
    Store,
    StreamAttr,
)
from mcc.lang.state import Counter, Live, PerCore
from mcc.protocols.headers import BY_LAYER


class Stores(Places):
    def store(self, target: ast.expr, value: Expr, value_node: ast.expr) -> Stmt:
        """Assign to a field, header field, next_hop or PerCore value; `value_node` for messages."""
        match target:
            case ast.Subscript():
                return self._store_item(target, value, value_node)
            case ast.Attribute():
                place = self._writable(target)
                return self._store(target, place, value, value_node)
        self.mistake(target, f"cannot assign to {shown(target)}")

    def _store_item(self, target: ast.Subscript, value: Expr, value_node: ast.expr) -> Stmt:
        if self.array(target.value) is None:
            v = target.value
            if isinstance(v, ast.Attribute) and isinstance(self.unit.state.get(v.attr), TableDecl):
                self.mistake(target, f"self.{v.attr} is a Table: tables are read-only",
                             "keep what changes in an Array field of the struct, or in a HashMap")
            if isinstance(v, ast.Attribute) and isinstance(self.unit.state.get(v.attr), MapDecl):
                self.mistake(target, f"self.{v.attr} is a HashMap: it is not indexed", f"self.{v.attr}.put(key, value)")
        place = self.subscript(target)
        assert isinstance(place, Field)
        self.unit.written_fields.add((place.base, place.name))
        value = self.fit(value, place.type, value_node, f"an item of {shown(target.value)}")
        return Store(self.span(target), place, value)

    def _writable(self, target: ast.Attribute) -> Expr:
        """The place of an assignment; refuses what cannot be written."""
        base = target.value
        if isinstance(base, ast.Name) and base.id == "self" and "self" not in self.names:
            value = self.own_value(target) if hasattr(self.unit.inst, target.attr) else None
            if isinstance(value, Counter):
                self.mistake(target, f"self.{target.attr} is a Counter: it only counts up", f"self.{target.attr} += 1")
            if isinstance(value, (PerCore, Live)):
                self.mistake(target, f"self.{target.attr} is a {type(value).__name__}, not a value",
                             f"self.{target.attr}.value = ..." if isinstance(value, PerCore) else "Live is read-only")
            self.mistake(target, f"self.{target.attr} cannot be assigned in a handler",
                         suggest(target.attr, self.unit.state,
                                 "state lives in a @struct (per session), or in PerCore, HashMap, Counter of setup"))
        place = self.attribute(target)
        match place:
            case Attr(name=name) if name != "next_hop":
                self.mistake(target, f"{shown(target)} is read-only", "next_hop and header fields can be written"
                             if name in PACKET_ATTRS else "")
            case StreamAttr() | MatchAttr():
                self.mistake(target, f"{shown(target)} is read-only",
                             "skip() and rewind() move the cursor" if isinstance(place, StreamAttr) else "")
            case StateRead(name=name) if isinstance(self.unit.state[name], LiveDecl):
                self.mistake(target, f"self.{name} is Live: handlers only read it", "keep it in PerCore")
            case StateRead(name=name) if isinstance(self.unit.state[name], CounterDecl):
                self.mistake(target, f"self.{name} is a Counter: it only counts up", f"self.{name} += 1")
            case Header(layer=layer, name=name) if not BY_LAYER[layer][name].writable:
                writable = [f.name for f in BY_LAYER[layer].values() if f.writable]
                self.mistake(target, f"{layer}.{name} cannot be written: lengths, checksums and what parsing rests on "
                             "are kept right for you", f"writable fields: {', '.join(writable)}")
            case Field() | Header() | StateRead() | Attr():
                return place
        self.mistake(target, f"cannot assign to {shown(target)}")

    def _store(self, target: ast.Attribute, place: Expr, value: Expr, value_node: ast.expr) -> Stmt:
        v = self.fit(value, place.type, value_node, shown(target))
        if isinstance(place, Field):
            self._check_below(place, v, value_node)
            self.unit.written_fields.add((place.base, place.name))
        if isinstance(place, Header):
            width = BY_LAYER[place.layer][place.name].width
            self.check_width(v, width, value_node, f"{place.layer}.{place.name}")
            self.unit.writes.add(f"{place.layer}.{place.name}")
        written(self.env, place, (v.lo, v.hi))
        return Store(self.span(target), place, v)

    def check_width(self, v: Expr, width: int, node: ast.expr, what: str) -> None:
        """A header field narrower than its type takes only values that are proved to fit."""
        if v.hi >= 1 << width:
            self.mistake(node, f"{what} has {width} bits, {shown(node)} may be up to {v.hi:#x}",
                         f"mask it: {operand(node)} & {(1 << width) - 1:#x}")

    def _check_below(self, place: Field, v: Expr, node: ast.expr) -> None:
        struct = self.unit.conn if place.base is Base.CONN else self.unit.scratch
        f = struct.field(place.name) if struct else None
        if f is not None and f.below:
            self.prove_below(v, f.below, node, f"{place.name} is declared Below({f.below})"
                             if not f.index_of else f"{place.name} is a row of self.{f.index_of}, which has {f.below}")

    def prove_below(self, v: Expr, below: int, node: ast.expr, why: str) -> None:
        if v.hi >= below:
            self.mistake(node, f"cannot prove that {shown(node)} is below {below}: {why}",
                         f"min({shown(node)}, {below - 1}), {operand(node)} % {below}, "
                         f"or `if {shown(node)} < {below}:`")

    def count(self, node: ast.AugAssign, target: ast.Attribute) -> Stmt:
        """self.COUNTER += amount"""
        if not isinstance(node.op, ast.Add):
            self.mistake(node, f"self.{target.attr} is a Counter: it only counts up", f"self.{target.attr} += 1")
        amount = self.number(node.value)
        return CounterAdd(self.span(node), target.attr, self.fit(amount, U64, node.value, "what a Counter adds"))
