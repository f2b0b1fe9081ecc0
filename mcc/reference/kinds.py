"""Which integer type an expression of a handler has, as far as CPython's own objects do not say it.

A literal has no type of its own, so `x = 0` and `a if c else 0` need one from elsewhere: a local that is not annotated
has the type of its typed assignments, a conditional expression that of its typed branch. Nothing is checked here.
"""

from __future__ import annotations

import ast
import typing
from typing import Any

from mcc.lang.element import Element
from mcc.lang.ints import CLASSES, FixedInt, common, u8, u16, u32, u64
from mcc.lang.state import Counter, HashMap, Live, PerCore, Ports, Table
from mcc.lang.types import Array, split_annotation, struct_fields
from mcc.protocols.headers import BY_LAYER, int_width
from mcc.reference.state import attribute_hints

Kind = Any
"""A FixedInt class, bool, or None: a literal, or nothing known."""

_PACKET = {"length": u32, "in_port": u16, "next_hop": u32, "at": u64, "position": u64, "available": u32, "index": u16}
_METHODS = {"at": u8, "crc32": u32, "crc32c": u32, "sum16": u32}
"""Of streams and chunks."""


class Kinds:
    """The types in one function. `args`: its struct arguments (name -> class) and typed values (name -> kind);
    `packets`: names of packet variables; `names`: what global and closure names mean."""

    def __init__(self, tree: ast.FunctionDef, inst: Element, names: dict[str, Any], structs: dict[str, type],
                 values: dict[str, Kind]) -> None:
        self.inst, self.names, self.structs = inst, names, structs
        self.hints = attribute_hints(inst)
        self.declared: dict[str, Any] = dict(values)
        self.locals: dict[str, Kind] = {k: split_annotation(v)[0] for k, v in values.items()}
        self.chunks = {n.target.id for n in ast.walk(tree) if isinstance(n, ast.For) and isinstance(n.target, ast.Name)
                       and isinstance(n.iter, ast.Call) and isinstance(n.iter.func, ast.Attribute)
                       and n.iter.func.attr == "chunks"}
        self._annotated(tree)
        self._inferred(tree)

    def _annotated(self, tree: ast.FunctionDef) -> None:
        for n in ast.walk(tree):
            if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name):
                hint = self.evaluate(n.annotation)
                self.declared[n.target.id] = hint
                self.locals[n.target.id] = split_annotation(hint)[0]

    def _inferred(self, tree: ast.FunctionDef) -> None:
        """Give each other local the type of a typed assignment; types flow from local to local until none is new."""
        known = -1
        while known != len(self.locals):
            known = len(self.locals)
            for n in ast.walk(tree):
                name, value = _assigned(n)
                if name is not None and name not in self.locals:
                    kind = self.loop(n) if isinstance(n, ast.For) else self.kind(value)
                    if kind is not None:
                        self.locals[name] = self.declared[name] = kind

    def evaluate(self, node: ast.expr) -> Any:
        """The object that an annotation or a dotted name means; None where it means none."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node = ast.parse(node.value, mode="eval").body
        try:
            expression = ast.Expression(node)
            return eval(compile(ast.fix_missing_locations(expression), "<annotation>", "eval"), dict(self.names))
        except Exception:  # not a build-time value
            return None

    def loop(self, node: ast.For) -> Kind:
        """The type of `for i in range(..)`, u32 where all bounds are literals; of `for b in stream`."""
        call = node.iter
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range":
            return self.widest(call.args) or u32
        return u8 if isinstance(call, ast.Name) else None  # bytes of a stream or a chunk

    def kind(self, node: ast.expr | None) -> Kind:
        match node:
            case ast.Constant(value=bool()):
                return bool
            case ast.Name(id=name):
                return self.locals[name] if name in self.locals else kind_of_value(self.names.get(name))
            case ast.BinOp(left=a, op=ast.LShift() | ast.RShift(), right=b):
                return self.kind(a) or self.kind(b)
            case ast.BinOp(left=a, right=b):
                return self.widest([a, b])
            case ast.UnaryOp(op=ast.Not()) | ast.Compare() | ast.BoolOp():
                return bool
            case ast.UnaryOp(operand=a):
                return self.kind(a)
            case ast.IfExp(body=a, orelse=b):
                return bool if self.kind(a) is bool else self.widest([a, b])
            case ast.Subscript(value=base):
                return self.item(base)
            case ast.Attribute(value=base, attr=name):
                return self.attribute(base, name)
            case ast.Call(func=f, args=args):
                return self.call(f, args)
        return None

    def widest(self, nodes: list[ast.expr]) -> Kind:
        out: Kind = None
        for k in (self.kind(n) for n in nodes):
            if isinstance(k, type) and issubclass(k, FixedInt):
                out = k if out is None else common(out, k)
        return out

    def item(self, base: ast.expr) -> Kind:
        """The type of base[i]: of a table, or of an array field."""
        if isinstance(base, ast.Name) and base.id in self.chunks:
            return u8
        if not isinstance(base, ast.Attribute) or not isinstance(base.value, ast.Name):
            return None
        if base.value.id == "self":
            table = getattr(self.inst, base.attr, None)
            return table.item if isinstance(table, Table) else None
        hint = self.field(base.value.id, base.attr)
        return (typing.get_args(hint) or (u64,))[0] if typing.get_origin(hint) is Array or hint is Array else None

    def field(self, name: str, attr: str) -> Any:
        struct = self.structs.get(name)
        return next((m.base for m in struct_fields(struct) if m.name == attr), None) if struct else None

    def attribute(self, base: ast.expr, attr: str) -> Kind:
        match base:
            case ast.Name(id=name) if name in self.structs:
                return self.field(name, attr)
            case ast.Name(id="self"):
                return self.own(attr)
            case ast.Attribute(value=ast.Name(id="self"), attr=name) if attr == "value":
                return self.own(name)
            case ast.Attribute(attr=layer) if layer in BY_LAYER and attr in BY_LAYER[layer]:
                f = BY_LAYER[layer][attr]
                return bool if f.width == 1 else CLASSES[int_width(f), False]
            case ast.Name():
                if attr in _PACKET:
                    return _PACKET[attr]
                if attr == "bytes":
                    return u32
                if attr.startswith("is_") or attr in ("to_server", "to_client"):
                    return bool
        return kind_of_value(self.evaluate(ast.Attribute(base, attr, ast.Load())))

    def own(self, name: str) -> Kind:
        """The type of self.NAME or self.NAME.value."""
        value = getattr(self.inst, name, None)
        args = typing.get_args(getattr(value, "__orig_class__", None)) or typing.get_args(self.hints.get(name))
        match value:
            case Counter():
                return u64
            case PerCore():
                kind = value.item if value.item is not None else args[0] if args else u64
                return u64 if kind is int else kind
            case Live():
                return u64 if not args or args[0] is int else args[0]
        return kind_of_value(value)

    def call(self, f: ast.expr, args: list[ast.expr]) -> Kind:
        match f:
            case ast.Name(id="min" | "max"):
                return self.widest(args)
            case ast.Name(id="len"):
                return u32
            case ast.Attribute(value=ast.Attribute(value=ast.Name(id="self"), attr=name), attr="get" | "take"):
                value = getattr(self.inst, name, None)
                if isinstance(value, Ports):
                    return u16
                hints = typing.get_args(getattr(value, "__orig_class__", None)) or typing.get_args(self.hints.get(name))
                if isinstance(value, HashMap):
                    return hints[1] if len(hints) == 2 and hints[1] is not int else u64
            case ast.Attribute(value=ast.Name(id=name), attr=method) if name != "self" and method in _METHODS:
                return _METHODS[method]
        own = isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name) and f.value.id == "self"
        found = getattr(type(self.inst), f.attr, None) if own and isinstance(f, ast.Attribute) else self.evaluate(f)
        if isinstance(found, type):
            return found if found is bool or issubclass(found, FixedInt) else None
        result = getattr(found, "__annotations__", {}).get("return")
        if isinstance(result, str):
            result = self.evaluate(ast.Constant(result))
        return split_annotation(result)[0] if result is not None else None


def kind_of_value(value: Any) -> Kind:
    """Constants of build time: a fixed integer keeps its type, any other number is a literal."""
    if isinstance(value, FixedInt):
        return CLASSES[value.bits, value.signed]
    return bool if isinstance(value, bool) else None


def _assigned(n: ast.AST) -> tuple[str | None, ast.expr | None]:
    match n:
        case (ast.Assign(targets=[ast.Name(id=name)], value=value)
              | ast.AugAssign(target=ast.Name(id=name), value=value)):
            return name, value
        case ast.For(target=ast.Name(id=name), iter=value):
            return name, value
    return None, None
