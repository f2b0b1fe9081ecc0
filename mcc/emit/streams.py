"""Statements about streams as C (docs/streams.md, runtime_c/mcc_stream.h).

    for b in stream:      bool done = false;
                          while (!done && mcc_stream_more(stream)) {
                              uint8_t *at = stream->at;
                              const uint8_t *const last = stream->last;
                              while (at != last) {
                                  const uint8_t b = *at++;
                                  ..            stream->at = at; stands in front of what looks at the cursor or returns,
                              }                 at and last are read again behind what moves it
                              stream->at = at;
                          }

So a body that never asks for the cursor is a loop over two locals, one packet's bytes at a time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from mcc.emit.cexpr import unknown
from mcc.emit.names import c_name, c_type
from mcc.emit.shapes import ByteLoop, Shapes
from mcc.ir import func as h
from mcc.ir.lir import Cached, CheckBelow, breaks_out, children, reads_stream, walk

Block = tuple[h.Stmt, ...]
LONG_TEXT = 64
"""Data of edits whose C text is longer gets an array of its own."""


class StreamStatements(Shapes, ABC):
    @abstractmethod
    def block(self, body: Block) -> None:
        """Prints the statements of a block."""

    def loop_body(self, body: Block, done: str = "") -> None:
        """The body of an open loop; a break in it sets `done`, if there is one."""
        self.dones.append(done)
        self.block(body)
        self.dones.pop()

    # ------------------------------------------------------------ loops

    def for_bytes(self, s: h.ForBytes) -> None:
        if s.chunk:
            self.for_chunk_bytes(s)
            return
        stream, taken = self.s.role("stream"), self.taken()
        more = f"mcc_stream_more({stream})"
        done = ""
        if breaks_out(s.body):
            done = c_name("done", taken)
            self.flags.add(done)
            self.out.add(f"bool {done} = false;")
            more = f"!{done} && {more}"
        at, last = c_name("at", taken), c_name("last", taken)
        fixed = "" if any(moves_cursor(n) for n in walk(s.body)) else "const "
        self.out.open(f"while ({more})")
        self.out.add(f"uint8_t *{at} = {stream}->at;")
        self.out.add(f"const uint8_t *{fixed}{last} = {stream}->last;")
        self.out.open(f"while ({at} != {last})")
        self.byte(s, f"*{at}++", f"{at}++;")
        self.cursors.append(ByteLoop(at, last))
        self.loop_body(s.body, done)
        self.cursors.pop()
        self.out.close()
        self.out.add(f"{stream}->at = {at};")
        self.out.close()

    def for_chunk_bytes(self, s: h.ForBytes) -> None:
        at = c_name(f"{self.s.c[s.name]}_at", self.taken())
        self.out.open(f"for (uint32_t {at} = 0; {at} < {self.s.lens[s.chunk]}; {at}++)")
        self.byte(s, f"{self.s.c[s.chunk]}[{at}]", "")
        self.loop_body(s.body)
        self.out.close()

    def byte(self, s: h.ForBytes, value: str, unread: str) -> None:
        """The loop's variable set; only `unread` where nothing reads it."""
        if any(isinstance(n, h.Local) and n.name == s.name for n in walk(s.body)):
            fixed = "" if any(isinstance(n, h.Let) and n.name == s.name for n in walk(s.body)) else "const "
            self.out.add(f"{fixed}uint8_t {self.s.c[s.name]} = {value};")
        elif unread:
            self.out.add(unread)

    def for_chunks(self, s: h.ForChunks) -> None:
        stream, name, length = self.s.role("stream"), self.s.c[s.name], self.s.lens[s.name]
        used = [n for n in walk(s.body) if s.name in (getattr(n, "chunk", None), getattr(n, "name", None))]
        self.out.open(f"while (mcc_stream_more({stream}))")
        if any(isinstance(n, (h.ChunkAt, h.ChunkDigest, h.HsCall, h.ForBytes)) and _reads(n) for n in used):
            self.out.add(f"const uint8_t *const {name} = {stream}->at;")
        if any(isinstance(n, (h.ChunkLen, h.ChunkDigest, h.HsCall, h.ForBytes)) for n in used):
            self.out.add(f"const uint32_t {length} = (uint32_t)({stream}->last - {stream}->at);")
        self.out.add(f"{stream}->at = {stream}->last;")
        self.cursors.append(None)
        self.loop_body(s.body)
        self.cursors.pop()
        self.out.close()

    def for_matches(self, s: h.ForMatches) -> None:
        stream, m = self.s.role("stream"), self.s.c[s.name]
        args = [f"&{self.s.names.words(s.slot)}", f"&{self.s.words}[{s.slot}]", stream, f"&{m}",
                "true" if s.holds else "false"]
        self.calls(f"for (struct mcc_match {m}; mcc_words_next", args, ";) {")
        self.out.depth += 1
        self.cursors.append(None)
        self.loop_body(s.body)
        self.cursors.pop()
        self.out.close()

    def cached(self, s: Cached) -> None:
        places = [(self.s.field(f), self.s.c[name]) for f, name in zip(s.fields, s.names, strict=True)]
        for f, (place, name) in zip(s.fields, places, strict=True):
            self.out.add(f"{c_type(f.type)} {name} = {place};")
        self.kept.append([f"{place} = {name};" for place, name in places])
        self.block(s.body)
        for row in self.kept.pop():
            self.out.add(row)

    # ------------------------------------------------------------ checks, edits, moves

    def check_below(self, s: CheckBelow) -> None:
        t = s.bound.type if _fits(s.index, s.bound.type) else h.U64
        i = _cast(s.index, t)
        over = h.Cmp(h.BOOL, 0, 1, s.span, ">=", i, s.bound)
        if isinstance(i, h.Const):
            over = h.Cmp(h.BOOL, 0, 1, s.span, "<=", s.bound, i)
        self.guard(lambda tail: self.long("if (", self.p.condition(over), tail))

    def edit(self, e: h.StreamEdit) -> None:
        data = self.s.data.get(e.data) or (c_string(e.data) if e.data else "NULL")
        self.unless("mcc_stream_edit", [self.s.role("stream"), self.p.value(e.a), self.p.value(e.b), data,
                                        str(len(e.data))])

    def stream_service(self, s: Any) -> None:
        stream, value = self.s.role("stream"), self.p.value
        match s:
            case h.StreamHold():
                self.calls("mcc_stream_hold", [stream, value(s.mark)])
            case h.StreamRewind():
                self.calls("mcc_stream_rewind", [stream, value(s.mark)])
            case h.StreamSkip():
                self.calls("mcc_stream_skip", [stream, self.p.argument(h.U64, s.n)])
            case h.StreamSet():
                self.unless("mcc_stream_set", [stream, value(s.value)])
            case h.StreamMask():
                self.unless("mcc_stream_mask", [stream, value(s.a), value(s.b), value(s.value)])
            case _:
                unknown(s)


# ---------------------------------------------------------------- who looks at the cursor, who moves it


def sees_cursor(s: h.Stmt) -> bool:
    """The statement itself, not the blocks inside it, may read or move the cursor (of an if: any `else if` too)."""
    if isinstance(s, h.If) and len(s.orelse) == 1 and isinstance(s.orelse[0], h.If) and sees_cursor(s.orelse[0]):
        return True
    return moves_cursor(s) or isinstance(s, (h.StreamSet, h.StreamMask)) or any(
        _looks(n) for e in children(s) if isinstance(e, h.Expr) for n in walk(e))


def moves_cursor(s: Any) -> bool:
    """The statement itself may leave the cursor elsewhere, or the bytes behind it."""
    if reads_stream(s) or isinstance(s, (h.StreamSkip, h.StreamRewind)):
        return True
    if isinstance(s, h.Eval) and isinstance(s.value, h.StreamEdit):
        return True
    return isinstance(s, h.Stmt) and any(isinstance(n, h.InlineCall) and any(a.type == h.STREAM for a in n.args)
                                         for e in children(s) if isinstance(e, h.Expr) for n in walk(e))


def _looks(n: Any) -> bool:
    return isinstance(n, (h.StreamMark, h.StreamNeed, h.StreamAt)) or (
        isinstance(n, h.StreamAttr) and n.name in ("position", "available"))


# ---------------------------------------------------------------- small things


def _reads(n: Any) -> bool:
    """A loop over a chunk whose variable is read, or another reader."""
    return not isinstance(n, h.ForBytes) or any(isinstance(x, h.Local) and x.name == n.name for x in walk(n.body))


def _fits(i: h.Expr, t: h.Type) -> bool:
    return isinstance(t, h.IntType) and 0 <= i.lo and i.hi <= t.max and isinstance(i.type, h.IntType) \
        and i.type.bits <= t.bits


def _cast(e: h.Expr, t: h.Type) -> h.Expr:
    assert isinstance(t, h.IntType)
    if isinstance(e, h.Const):
        v = e.value & t.max
        return h.Const(t, v, v, e.span, v)
    return e if e.type == t else h.Cast(t, 0, t.max, e.span, e)



def c_string(text: bytes) -> str:
    """Bytes as a C string literal: printable ASCII as it is, the rest in octal (three digits, so nothing runs on)."""
    plain = {ord('"'): '\\"', ord("\\"): "\\\\", ord("?"): "\\?"}
    return '"' + "".join(plain.get(b) or (chr(b) if 32 <= b < 127 else f"\\{b:03o}") for b in text) + '"'
