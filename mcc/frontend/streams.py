"""Streams, chunks and matches: their methods as values and for their effect, and what loops over them read.

    stream.need(4) => (need (const 4))     stream.hold(m) => (hold (local m))     c[0] => (chunk c (const 0))

How many unread bytes are proved (by need() or a test of `available`) is the range of `stream.available`; whatever moves
the cursor forgets it. An edit moves bytes, so chunks are not read behind one.
"""

from __future__ import annotations

import ast
from typing import Any

from mcc.frontend.calls import Calls
from mcc.frontend.context import Known, shown, suggest, type_words
from mcc.frontend.flow import READ, REWOUND, UNREAD
from mcc.frontend.marks import mark_name
from mcc.frontend.places import ATTRS, METHODS
from mcc.ir.func import (
    BOOL,
    MARK,
    U8,
    U32,
    U64,
    ChunkAt,
    ChunkDigest,
    ChunkLen,
    Eval,
    Expr,
    MatchAttr,
    Stmt,
    StreamAt,
    StreamAttr,
    StreamEdit,
    StreamHold,
    StreamMark,
    StreamMask,
    StreamNeed,
    StreamRewind,
    StreamSet,
    StreamSkip,
)

MAX_DATA = 65535
"""The most bytes that one insert() or replace() puts in."""
MAX_WORDS = 65535
EDITS = ("insert", "remove", "replace")
THINGS = ("stream", "chunk", "match")


class Streams(Calls):
    # ---------------------------------------------------------- values

    def _method_value(self, node: ast.Call, kind: str, name: str, method: str) -> Expr:
        if kind not in THINGS:
            return super()._method_value(node, kind, name, method)
        span = self.span(node)
        match kind, method:
            case "stream", "mark":
                self.arguments(node, [])
                return StreamMark(MARK, 0, U64.max, span)
            case "stream", "need":
                return self._need(node)
            case "stream", "at":
                return self._at(node)
            case "stream", _ if method in EDITS:
                return self._edit(node, method)
            case "chunk", _ if method in METHODS["chunk"]:
                a = self.arguments(node, ["seed"], 1)
                seed = (self.fit(self.number(a["seed"]), U32, a["seed"], "the seed") if "seed" in a
                        else self.const(0, U32, node))
                self.chunk_there(node, name)
                return ChunkDigest(U32, 0, U32.max, span, method, name, seed)
        self._known_method(node, kind, name, method)
        if method in ("chunks", "matches"):
            self.mistake(node, f"{shown(node.func)}() is for loops", f"for x in {shown(node)}:")
        self.mistake(node, f"{shown(node.func)}() gives no value", "write it as a statement of its own")

    def _need(self, node: ast.Call) -> Expr:
        arg = self.arguments(node, ["n"])["n"]
        n = self.fit(self.number(arg), U32, arg, "need()")
        most = self.unit.elem.max_hold
        if n.lo > most:
            self.mistake(arg, f"{shown(arg)} bytes are never held: max_hold is {most}",
                         f"@element(.., max_hold={n.lo})")
        return StreamNeed(BOOL, 0, 1, self.span(node), n)

    def _at(self, node: ast.Call) -> Expr:
        arg = self.arguments(node, ["i"])["i"]
        i = self._offset(arg, "at()")
        unread = self.env.ranges.get(UNREAD, (0, 0))[0]
        if i.hi >= unread:
            self.unproven(node, f"cannot prove that there is an unread byte {shown(arg)}",
                          f"`if not {shown(node.func)[:-3]}.need({i.hi + 1}): return PASS` in front of it"
                          if i.lo == i.hi else "test it against stream.available, or need() the most that it may be",
                          loud=True)
        return StreamAt(U8, 0, 255, self.span(node), i, i.hi >= unread)

    def _offset(self, node: ast.expr, what: str) -> Expr:
        e = self.number(node)
        if e.lo < 0:
            self.mistake(node, f"{what} counts from 0, {shown(node)} {'is' if e.hi < 0 else 'may be'} negative",
                         "what was read is not unread any more" if e.hi < 0 else f"cast it: u32({shown(node)})")
        return self.fit(e, U32, node, what)

    def byte_of(self, node: ast.Subscript, name: str) -> Expr:
        if self.role_of(name) == "stream":
            self.mistake(node, f"{name} cannot be indexed", f"{name}.at(i) is the unread byte i, "
                         f"`for b in {name}` reads on")
        if isinstance(node.ctx, ast.Store):
            self.mistake(node, f"{name} is a chunk: it is only read", "stream.set(b), stream.mask(a, b, byte)")
        i = self._offset(node.slice, f"{name}[..]")
        self.chunk_there(node, name)
        least = self.env.ranges.get(("chunk", name), (0, 0))[0]
        if i.hi >= least:
            self.unproven(node.slice, f"cannot prove that {shown(node.slice)} is below len({name})",
                          f"`if len({name}) > {i.hi}:`" if i.lo == i.hi else f"`for b in {name}:` reads all of it")
        return ChunkAt(U8, 0, 255, self.span(node), name, i, i.hi >= least)

    def length_of(self, node: ast.Call, name: str) -> Expr:
        if self.role_of(name) == "stream":
            self.mistake(node, f"{name} has no len()", f"{name}.available counts the unread bytes")
        return self.ranged(ChunkLen(U32, 0, U32.max, self.span(node), name))

    def chunk_there(self, node: ast.AST, name: str) -> None:
        """A chunk's bytes are read here: an edit may have moved them."""
        if name in self.env.gone:
            self.mistake(node, f"{name} is gone: an edit has moved its bytes",
                         f"read {name} first, then edit; or `for b in stream`, which edits do not disturb")

    # ---------------------------------------------------------- effects

    def _method_effect(self, node: ast.Call, kind: str, name: str, method: str) -> Stmt:
        if kind not in THINGS:
            return super()._method_effect(node, kind, name, method)
        span = self.span(node)
        match kind, method:
            case "stream", "hold":
                a = self.arguments(node, ["mark"], 1)
                start = StreamAttr(MARK, 0, U64.max, span, "start")
                return StreamHold(span, self._still_there(a["mark"], False) if "mark" in a else start)
            case "stream", "rewind":
                mark = self._still_there(self.arguments(node, ["mark"])["mark"])
                self.refuse_in_matches(node, "rewind()")
                self.env.forget("stream")
                self.env.marks = self.env.marks.rewound(mark_name(mark))
                self.env.gone |= {REWOUND}
                return StreamRewind(span, mark)
            case "stream", "skip":
                return self._skip(node)
            case "stream", "set":
                if READ not in self.env.gone:
                    self.mistake(node, "set() overwrites the byte that was read last, and nothing has been read yet",
                                 f"for b in {name}: {shown(node)}; or {name}.mask(a, b, byte)")
                return StreamSet(span, self._byte(self.arguments(node, ["byte"])["byte"]))
            case "stream", "mask":
                return self._mask(node)
            case "stream", _ if method in EDITS:
                return Eval(span, self._edit(node, method))
        e = self._method_value(node, kind, name, method)
        self.mistake(node, f"the result of {shown(node.func)}() is not used",
                     f"if not {shown(node)}: return PASS" if isinstance(e, StreamNeed) else "assign it to a local")

    def _skip(self, node: ast.Call) -> Stmt:
        arg = self.arguments(node, ["n"])["n"]
        e = self.number(arg)
        if e.lo < 0:
            self.mistake(arg, f"skip() only goes forward, {shown(arg)} {'is' if e.hi < 0 else 'may be'} negative",
                         "stream.rewind(mark)")
        n = self.fit(e, U64, arg, "skip()")
        self.refuse_in_matches(node, "skip()")
        unread = self.env.ranges.get(UNREAD)
        self.env.forget("stream")
        self.env.marks = self.env.marks.moved()
        self.env.gone |= {READ}
        if unread is not None:
            self.env.ranges[UNREAD] = max(0, unread[0] - n.hi), max(0, unread[1] - n.lo)
        return StreamSkip(self.span(node), n)

    def _byte(self, node: ast.expr) -> Expr:
        return self.fit(self.number(node), U8, node, "a byte")

    def _mask(self, node: ast.Call) -> Stmt:
        parts = self._positions(node, 1, "mask(match, byte), mask(a, b, byte)")
        a, b = self._range_of(node, parts[:-1])
        return StreamMask(self.span(node), a, b, self._byte(parts[-1]))

    def _positions(self, node: ast.Call, more: int, form: str) -> list[ast.expr]:
        """The arguments of a call on a match or on two marks, and `more` behind; by position only."""
        matched = bool(node.args) and self._match_of(node.args[0]) is not None
        if node.keywords or len(node.args) != (1 if matched else 2) + more:
            self.mistake(node, f"{shown(node.func)}() takes a match or two marks" + ", and a byte" * more,
                         f"{form}, without names")
        return node.args

    def _edit(self, node: ast.Call, method: str) -> Expr:
        data = b""
        if method == "insert":
            a = self.arguments(node, ["mark", "data"])
            at = b = self._still_there(a["mark"])
            data = self.data(a["data"])
        elif method == "remove":
            at, b = self._range_of(node, self._positions(node, 0, "remove(match), remove(a, b)"))
        else:
            a = self.arguments(node, ["match", "data"])
            if self._match_of(a["match"]) is None:
                self.mistake(a["match"], f"replace() takes a match, this is {self._words_of(a['match'])}",
                             "stream.remove(a, b), then stream.insert(b, data)")
            at, b = self._range_of(node, [a["match"]])
            data = self.data(a["data"])
        self.env.forget("stream")
        self.env.gone |= {n for n, what in self.things.items() if what == "chunk"}
        self.env.marks = self.env.marks.edited(mark_name(at), mark_name(b), self.span(node))
        return StreamEdit(MARK, 0, U64.max, self.span(node), at, b, data)

    def _range_of(self, node: ast.Call, parts: list[ast.expr]) -> tuple[Expr, Expr]:
        """A match, or two marks, as two marks."""
        if len(parts) == 2:
            a, b = (self._still_there(p) for p in parts)
            return a, b
        name = self._match_of(parts[0])
        assert name is not None
        span = self.span(parts[0])
        start, end = (MatchAttr(MARK, 0, U64.max, span, name, which) for which in ("start", "end"))
        self._not_passed(parts[0], start)
        return start, end

    def _still_there(self, node: ast.expr, edits: bool = True) -> Expr:
        """A mark at which something is to be done. edits: or, with hold(), only kept."""
        mark = self.mark_value(node)
        self._not_passed(node, mark, edits)
        return mark

    def _not_passed(self, node: ast.expr, mark: Expr, edits: bool = True) -> None:
        """No edit of this call has, or may have, gone past a mark; where it is only kept: taken its place out."""
        passed = self.env.marks.passed.get(mark_name(mark) or "")
        if passed is None or not (edits or passed.inside):
            return
        what = "an edit may have taken its place out" if passed.inside else "an edit may end behind it"
        self.mistake(node, f"{shown(node)} is a mark from before an edit: {what}",
                     "edits go from left to right: use the mark that the edit returns, or one taken behind it",
                     ((passed.edit, "this edit"),))

    # ---------------------------------------------------------- arguments

    def _match_of(self, node: ast.expr) -> str | None:
        return node.id if isinstance(node, ast.Name) and self.role_of(node.id) == "match" else None

    def _words_of(self, node: ast.expr) -> str:
        e = self.expr(node)
        return "no match" if isinstance(e, Known) else type_words(e.type)

    def mark_value(self, node: ast.expr) -> Expr:
        """An argument that is a mark."""
        name = self._match_of(node)
        if name is not None:
            self.mistake(node, f"{name} is a match, a mark is needed", f"{name}.start or {name}.end")
        e = self.expr(node)
        if e.type != MARK:
            self.mistake(node, f"{shown(node)} is {type_words(e.type)}, a mark is needed",
                         "stream.mark() is the cursor; stream.start, m.start and m.end are marks")
        return e

    def data(self, node: ast.expr) -> bytes:
        """Constant bytes to put in."""
        e = self.expr(node)
        if not isinstance(e, Known) or not isinstance(e.value, bytes):
            text = isinstance(e, Known) and isinstance(e.value, str)
            self.mistake(node, f"what is put in must be constant bytes, {shown(node)} is "
                         + ("a str" if text else "not"),
                         f"write b{shown(node)}" if text and isinstance(node, ast.Constant)
                         else "a literal, a parameter, or an attribute set in setup")
        if len(e.value) > MAX_DATA:
            self.mistake(node, f"{len(e.value)} bytes are too many for one edit", f"at most {MAX_DATA}")
        return e.value

    def _known_value(self, node: ast.expr) -> Any:
        """What is known at build time and no integer; else None."""
        e = self.expr(node)
        return e.value if isinstance(e, Known) else None

    def word_list(self, node: ast.expr) -> tuple[bytes, ...]:
        """The words of matches()."""
        if isinstance(node, (ast.List, ast.Tuple)):
            values = [self._known_value(x) for x in node.elts]
        else:
            value = self._known_value(node)
            values = list(value) if isinstance(value, (list, tuple)) else [value]
        out: list[bytes] = []
        for v in values:
            if not isinstance(v, bytes):
                self.mistake(node, f"words are constant bytes, or a list of them: {shown(node)} is not",
                             'b"word", [b"one", b"two"], a parameter, or an attribute set in setup')
            out.append(v)
        if not out:
            self.mistake(node, f"{shown(node)} is empty: there is nothing to look for", "")
        if len(out) > MAX_WORDS:
            self.mistake(node, f"{len(out):,} words are too many", f"at most {MAX_WORDS:,}")
        if b"" in out:
            self.mistake(node, "an empty word is everywhere", "every word has a byte at least")
        return tuple(out)

    def refuse_in_matches(self, node: ast.AST, what: str) -> None:
        """The search goes through the stream by itself."""
        name = next((n for n, kind in self.things.items() if kind == "match"), None)
        if name is not None:
            self.mistake(node, f"{what} inside a loop over matches: the search has read on already",
                         f"`break` first, and go on behind the loop, at {name}.end")

    def not_iterable(self, node: ast.expr, method: str) -> None:
        """`for x in stream.METHOD(..)` of a method that gives nothing to loop over."""
        if method in METHODS["stream"] or method in ATTRS["stream"]:
            self.mistake(node, f"cannot loop over {shown(node)}",
                         "for b in stream, for c in stream.chunks(), for m in stream.matches(words)")
        self.mistake(node, f"the stream has no method {method!r}",
                     suggest(method, METHODS["stream"], "chunks() and matches() are for loops"))
