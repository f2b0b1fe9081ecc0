"""Calls into native libraries.

    self.db.scan(s.hs, c) => (hs-scan db (scratch hs) c)
"""

from __future__ import annotations

import ast

from mcc.frontend.context import shown
from mcc.frontend.streams import Streams
from mcc.ir.element import HsDecl
from mcc.ir.func import HANDLE, U32, Base, Expr, HsCall

ARGUMENTS = {"scan": ["s", "c"], "finish": ["s"], "first": []}


class Natives(Streams):
    def hs_call(self, node: ast.Call, decl: HsDecl, method: str) -> Expr:
        args = self.arguments(node, ARGUMENTS[method])
        if method == "first":
            return HsCall(U32, 0, len(decl.patterns) - 1, self.span(node), method, decl.name, None, "", "")
        base, field = self._handle(args["s"], decl)
        chunk = self._chunk(args["c"]) if method == "scan" else ""
        return HsCall(U32, 0, U32.max, self.span(node), method, decl.name, base, field, chunk)

    def _handle(self, node: ast.expr, decl: HsDecl) -> tuple[Base, str]:
        """The HsStream field of a struct; it is of one database."""
        role = found = None
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            role = self.role_of(node.value.id)
            struct = self.struct_of(role) if role else None
            found = struct.field(node.attr) if struct is not None else None
        if found is None or found.type != HANDLE or role is None:
            self.mistake(node, f"{shown(node)} is no HsStream", "declare it in the @struct: hs: HsStream")
        base = Base(role)
        owner = self.unit.handles.setdefault((base is Base.CONN, found.name), decl.name)
        if owner != decl.name:
            self.mistake(node, f"{shown(node)} is a stream of self.{owner}", f"a field of its own for self.{decl.name}")
        self.unit.read_fields.add((base, found.name))
        self.unit.written_fields.add((base, found.name))
        return base, found.name

    def _chunk(self, node: ast.expr) -> str:
        if not isinstance(node, ast.Name) or self.role_of(node.id) != "chunk":
            self.mistake(node, f"{shown(node)} is no chunk", "for c in stream.chunks(): self.db.scan(s.hs, c)")
        self.chunk_there(node, node.id)
        return node.id
