"""For tests of stream handlers: their HIR written short, its meaning said again, and a window in C that stands in for the
runtime's: flat bytes with cuts, which an edit moves to another place."""

from __future__ import annotations

import ctypes
import random
from dataclasses import dataclass, field
from typing import Any

from mcc.ir import func as h
from mcc.ir.element import Code, HandlerCode
from tests.unit.emit.kit import (
    AT,
    FaultError,
    Machine,
    _BreakError,
    _ContinueError,
    action,
    both,
    cast,
    cmp,
    fld,
    iff,
    inv,
    k,
    op,
    put,
    ret,
    v,
)

STREAM = h.Arg("stream", "stream", h.STREAM)
MARK, U64 = h.MARK, h.U64
BIG = (0, h.U64.max)


def attr(name: str) -> h.StreamAttr:
    t: Any = {"start": MARK, "position": U64, "available": h.U32}.get(name, h.BOOL)
    return h.StreamAttr(t, 0, t.max if isinstance(t, h.IntType) else 1, AT, name)


def here() -> h.StreamMark:
    return h.StreamMark(MARK, *BIG, AT)


def need(n: h.Expr) -> h.StreamNeed:
    return h.StreamNeed(h.BOOL, 0, 1, AT, n)


def at(i: h.Expr, checked: bool = True) -> h.StreamAt:
    return h.StreamAt(h.U8, 0, 255, AT, i, checked)


def chunk_len(c: str) -> h.ChunkLen:
    return h.ChunkLen(h.U32, 0, h.U32.max, AT, c)


def chunk_at(c: str, i: h.Expr, checked: bool = True) -> h.ChunkAt:
    return h.ChunkAt(h.U8, 0, 255, AT, c, i, checked)


def digest(kind: str, c: str, seed: h.Expr) -> h.ChunkDigest:
    return h.ChunkDigest(h.U32, 0, h.U32.max, AT, kind, c, seed)


def edit(a: h.Expr, b: h.Expr, data: bytes) -> h.StreamEdit:
    return h.StreamEdit(MARK, *BIG, AT, a, b, data)


def of_match(m: str, name: str) -> h.MatchAttr:
    t: Any = h.U16 if name == "index" else MARK
    return h.MatchAttr(t, 0, 65535 if name == "index" else h.U64.max, AT, m, name)


def each(name: str, *body: h.Stmt, chunk: str = "") -> h.ForBytes:
    return h.ForBytes(AT, name, chunk, body)


def chunks(name: str, *body: h.Stmt) -> h.ForChunks:
    return h.ForChunks(AT, name, body)


def matches(name: str, words: tuple[bytes, ...], *body: h.Stmt, slot: int = 0, holds: bool = False) -> h.ForMatches:
    return h.ForMatches(AT, name, words, slot, holds, body)


def evaluate(e: h.Expr) -> h.Eval:
    return h.Eval(AT, e)


def stream_element(f: h.Func, scratch: h.StructType | None, state: tuple[Any, ...] = (),
                   inlines: tuple[h.Func, ...] = ()) -> Code:
    return Code("box1", "Made", (HandlerCode("process_data", 0, f),), inlines, scratch, None, state, (frozenset(),),
                frozenset(), AT)


# ---------------------------------------------------------------- the meaning


@dataclass
class StreamMachine(Machine):
    """One call of a handler on `data`, from position `cursor`, packets ending at `cuts`."""

    data: bytearray = field(default_factory=bytearray)
    cuts: tuple[int, ...] = ()
    start: int = 0
    cursor: int = 0
    is_last: bool = False
    to_server: bool = True
    hold: int = h.U64.max
    edited: int = 0
    log: list[tuple[int, int, bytes]] = field(default_factory=list)
    budget: int = 5000

    @property
    def end(self) -> int:
        return len(self.data)

    def step(self, s: Any, env: dict[str, Any]) -> None:
        ev = self.eval
        self.budget -= 1
        assert self.budget, "runs on and on"
        match s:
            case h.ForBytes() if s.chunk:
                lo, hi = env[s.chunk]
                for x in range(lo, hi):
                    env[s.name] = self.data[x]
                    if self.turn(s.body, env):
                        break
            case h.ForBytes():
                while self.cursor < self.end:
                    env[s.name] = self.data[self.cursor]
                    self.cursor += 1
                    if self.turn(s.body, env):
                        break
            case h.ForChunks():
                while self.cursor < self.end:
                    to = next(c for c in (*self.cuts, self.end) if c > self.cursor)
                    env[s.name] = (self.cursor, to)
                    self.cursor = to
                    if self.turn(s.body, env):
                        break
            case h.StreamHold():
                self.keep(ev(s.mark, env))
            case h.StreamSkip():
                self.cursor = min(self.end, self.cursor + ev(s.n, env))
            case h.StreamRewind():
                self.cursor = max(self.start, min(ev(s.mark, env), self.end))
                self.keep(self.cursor)
            case h.StreamSet():
                value = ev(s.value, env)
                if self.cursor == self.start:
                    raise FaultError
                self.data[self.cursor - 1] = value
            case h.StreamMask():
                a, b, value = ev(s.a, env), ev(s.b, env), ev(s.value, env)
                self.proper(a, b)
                self.data[a:b] = bytes([value]) * (b - a)
            case _:
                super().step(s, env)

    def turn(self, body: tuple[h.Stmt, ...], env: dict[str, Any]) -> bool:
        """One turn of a loop; whether it breaks."""
        try:
            self.block(body, env)
        except _BreakError:
            return True
        except _ContinueError:
            pass
        return False

    def keep(self, mark: int) -> None:
        self.hold = min(self.hold, max(mark, self.start))

    def proper(self, a: int, b: int) -> None:
        if not max(self.start, self.edited) <= a <= b <= self.end:
            raise FaultError

    def eval(self, e: Any, env: dict[str, Any]) -> Any:
        ev = self.eval
        match e:
            case h.StreamAttr():
                return {"start": self.start, "position": self.cursor, "available": self.end - self.cursor,
                        "is_last": self.is_last, "to_server": self.to_server, "to_client": not self.to_server}[e.name]
            case h.StreamMark():
                return self.cursor
            case h.StreamNeed():
                enough = self.end - self.cursor >= ev(e.n, env)
                if not enough:
                    self.keep(self.cursor)
                return int(enough)
            case h.StreamAt():
                return self.data[self.cursor + self.index(e.index, self.end - self.cursor, env)]
            case h.ChunkLen():
                return env[e.chunk][1] - env[e.chunk][0]
            case h.ChunkAt():
                lo, hi = env[e.chunk]
                return self.data[lo + self.index(e.index, hi - lo, env)]
            case h.StreamEdit():
                a = ev(e.a, env)
                b = a if e.a == e.b else ev(e.b, env)
                self.proper(a, b)
                self.log.append((a, b, e.data))
                self.edited, self.cursor = b, max(self.cursor, b)
                return b
            case _:
                return super().eval(e, env)


# ---------------------------------------------------------------- random handlers

S_FIELDS = {h.U8: "a", h.U16: "state", h.U32: "crc", h.U64: "seen"}


@dataclass
class StreamMaker:
    """Random bodies of process_data for the struct of test_streams.py. `bytes`, `chunks`: loop variables in scope."""

    r: random.Random
    bytes: list[str] = field(default_factory=list)
    chunks: list[str] = field(default_factory=list)
    loops: int = 0
    made: int = 0
    types: dict[str, Any] = field(default_factory=dict)

    def block(self, depth: int) -> tuple[h.Stmt, ...]:
        return tuple(s for _ in range(self.r.randrange(1, 4)) for s in self.statement(depth))

    def statement(self, depth: int) -> tuple[h.Stmt, ...]:
        kinds = [self.store, self.store, self.move, self.edit, self.leave]
        if depth > 0:
            kinds += [self.branch, self.branch, self.byte_loop, self.byte_loop, self.chunk_loop]
        return self.r.choice(kinds)(depth - 1)

    def name(self, t: Any) -> str:
        self.made += 1
        self.types[f"x{self.made}"] = t
        return f"x{self.made}"

    def number(self, t: Any, depth: int = 2) -> h.Expr:
        pick = self.r.randrange(7 if depth else 4)
        if pick == 0 and self.bytes:
            return cast(t, v(h.U8, self.r.choice(self.bytes)))
        if pick == 1:
            return fld(t, S_FIELDS[t])
        if pick == 2 and t in (h.U32, h.U64):
            return cast(t, attr("available"))
        if pick == 3 and self.chunks:
            return cast(t, chunk_len(self.r.choice(self.chunks)))
        if pick == 4:
            return cast(t, at(op("&", self.number(h.U32, 0), k(h.U32, 7), 0, 7)))
        if pick == 5 and self.chunks:
            return cast(t, chunk_at(self.r.choice(self.chunks), op("&", self.number(h.U32, 0), k(h.U32, 3), 0, 3)))
        if pick == 6:
            return op(self.r.choice("+^&"), self.number(t, depth - 1), self.number(t, depth - 1))
        return k(t, self.r.choice((0, 1, 5, 6)))

    def mark(self) -> h.Expr:
        return self.r.choice((here(), here(), attr("start"), h.Field(MARK, *BIG, AT, h.Base.SCRATCH, "m")))

    def condition(self) -> h.Expr:
        a = cmp(self.r.choice(("==", "<", "!=")), self.number(h.U8), k(h.U8, self.r.choice((3, 5, 6))))
        return self.r.choice((a, need(k(h.U32, self.r.randrange(5))), inv(need(self.number(h.U32, 1))),
                              both(need(k(h.U32, 2)), a), cmp("<", self.mark(), self.mark()), attr("to_client")))

    def store(self, _: int) -> tuple[h.Stmt, ...]:
        t = self.r.choice(list(S_FIELDS))
        mark = h.Field(MARK, *BIG, AT, h.Base.SCRATCH, "m")
        ok = h.Field(h.BOOL, 0, 1, AT, h.Base.SCRATCH, "ok")
        number = put(fld(t, S_FIELDS[t]), self.number(t))
        return (self.r.choice((number, number, put(mark, self.mark()), put(ok, self.condition()))),)

    def move(self, _: int) -> tuple[h.Stmt, ...]:
        return (self.r.choice((h.StreamSkip(AT, self.number(h.U32)), h.StreamHold(AT, self.mark()),
                               h.StreamSet(AT, self.number(h.U8)))),)

    def edit(self, _: int) -> tuple[h.Stmt, ...]:
        a = self.mark()
        if self.r.random() < 0.4:
            return (h.StreamMask(AT, a, self.mark(), self.number(h.U8)),)
        e = edit(a, self.r.choice((a, here(), here())), self.r.choice((b"", b"x", b"new")))
        mark = h.Field(MARK, *BIG, AT, h.Base.SCRATCH, "m")
        return (self.r.choice((evaluate(e), put(mark, e))),)

    def leave(self, _: int) -> tuple[h.Stmt, ...]:
        ways: list[h.Stmt] = [ret(action(self.r.choice(("pass", "drop", "close"))))]
        if self.loops:
            ways += [h.Break(AT), h.Break(AT), h.Continue(AT)]
        return (iff(self.condition(), (self.r.choice(ways),)),)

    def branch(self, depth: int) -> tuple[h.Stmt, ...]:
        return (iff(self.condition(), self.block(depth), self.block(depth) if self.r.random() < 0.5 else ()),)

    def byte_loop(self, depth: int) -> tuple[h.Stmt, ...]:
        name = self.name(h.U8)
        chunk = self.r.choice(self.chunks) if self.chunks and self.r.random() < 0.6 else ""
        self.bytes.append(name)
        body = self.inside(depth)
        self.bytes.pop()
        return (each(name, *body, chunk=chunk),)

    def chunk_loop(self, depth: int) -> tuple[h.Stmt, ...]:
        name = self.name(h.CHUNK)
        self.chunks.append(name)
        body = self.inside(depth)
        self.chunks.pop()
        return (chunks(name, *body),)

    def inside(self, depth: int) -> tuple[h.Stmt, ...]:
        self.loops += 1
        body = self.block(depth)
        self.loops -= 1
        return body


# ---------------------------------------------------------------- C

WINDOW = r"""
#include "mcc_stream.h"
static uint8_t places[2][4096], *bytes_now = places[0];
static uint32_t cuts_now[64], cut_count, edit_count;
static struct { uint64_t a, b; uint32_t n; uint8_t data[256]; } edits_made[512];
static void stand(struct mcc_stream *st, uint64_t x)
{
    uint64_t to = st->end;
    for (uint32_t i = cut_count; i-- > 0;)
        if (cuts_now[i] > x && cuts_now[i] < to)
            to = cuts_now[i];
    st->at = bytes_now + x, st->last = bytes_now + to, st->last_pos = to;
}
bool mcc_stream_next(struct mcc_stream *st)
{
    if (st->last_pos >= st->end)
        return false;
    stand(st, st->last_pos);
    return true;
}
uint8_t mcc_stream_peek(const struct mcc_stream *st, uint64_t i)
{
    return bytes_now[mcc_stream_mark(st) + i];
}
void mcc_stream_seek(struct mcc_stream *st, uint64_t mark)
{
    stand(st, mark < st->start ? st->start : mark > st->end ? st->end : mark);
}
bool mcc_stream_set(struct mcc_stream *st, uint8_t value)
{
    uint64_t x = mcc_stream_mark(st);
    if (x > st->start)
        bytes_now[x - 1] = value;
    return x > st->start;
}
static bool proper(const struct mcc_stream *st, uint64_t a, uint64_t b)
{
    return a >= st->start && a >= st->edited && a <= b && b <= st->end;
}
bool mcc_stream_mask(struct mcc_stream *st, uint64_t a, uint64_t b, uint8_t value)
{
    if (!proper(st, a, b))
        return false;
    memset(bytes_now + a, value, b - a);
    return true;
}
bool mcc_stream_edit(struct mcc_stream *st, uint64_t a, uint64_t b, const void *data, uint32_t n)
{
    if (!proper(st, a, b))
        return false;
    uint64_t x = mcc_stream_mark(st);
    edits_made[edit_count].a = a, edits_made[edit_count].b = b, edits_made[edit_count].n = n;
    if (n)
        memcpy(edits_made[edit_count].data, data, n);
    edit_count++;
    st->edited = b;
    uint8_t *was = bytes_now;
    bytes_now = was == places[0] ? places[1] : places[0];
    memcpy(bytes_now, was, sizeof places[0]);
    memset(was, 0xee, sizeof places[0]);
    stand(st, x < b ? b : x);
    return true;
}
/* io: n, start, cursor, is_last, to_server, count of cuts, cuts..; gives cursor, hold, edits: a, b, n .. */
static void window_open(struct mcc_stream *st, const uint8_t *data, const uint64_t *io)
{
    bytes_now = places[0];
    edit_count = 0;
    memcpy(bytes_now, data, io[0]);
    *st = (struct mcc_stream){.start = io[1], .end = io[0], .hold = MCC_NOTHING, .is_last = io[3], .to_server = io[4]};
    cut_count = (uint32_t)io[5];
    for (uint32_t i = 0; i < cut_count; i++)
        cuts_now[i] = (uint32_t)io[6 + i];
    stand(st, io[2]);
}
static void window_close(const struct mcc_stream *st, uint8_t *data, uint64_t *io)
{
    memcpy(data, bytes_now, st->end);
    io[0] = mcc_stream_mark(st), io[1] = st->hold, io[2] = edit_count;
    for (uint32_t i = 0; i < edit_count; i++) {
        io[3 + 3 * i] = edits_made[i].a, io[4 + 3 * i] = edits_made[i].b, io[5 + 3 * i] = edits_made[i].n;
        memcpy(data + 4096 + 256 * i, edits_made[i].data, edits_made[i].n);
    }
}
"""


def window_io(m: StreamMachine) -> Any:
    """The array that `run_stream` reads and writes, for the machine as it stands before the call."""
    given = [m.end, m.start, m.cursor, int(m.is_last), int(m.to_server), len(m.cuts), *m.cuts]
    return (ctypes.c_uint64 * 2048)(*given)


def outcome(io: Any, data: Any) -> tuple[int, int, list[tuple[int, int, bytes]]]:
    """Cursor, hold and edits that `run_stream` has left."""
    raw = bytes(data)
    log = [(io[3 + 3 * i], io[4 + 3 * i], raw[4096 + 256 * i:][:io[5 + 3 * i]]) for i in range(io[2])]
    return io[0], io[1], log
