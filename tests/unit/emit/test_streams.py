"""Handlers of streams: printed C does what the HIR means, however the bytes are cut; what the C looks like."""

from __future__ import annotations

import copy
import ctypes
import os
import random
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest

from mcc.emit.handlers import has_matches, print_element, signature, uses_digests
from mcc.ir import func as h
from mcc.ir.element import Code, CounterDecl, TableDecl
from mcc.ir.func import BOOL, MARK, U8, U16, U32, U64
from mcc.ir.lir import Cached, walk
from tests.unit.emit.kit import (
    AT,
    NAMES,
    ROOT,
    SCRATCH,
    FaultError,
    action,
    both,
    cast,
    cells_of,
    cmp,
    fld,
    handler,
    iff,
    inv,
    item,
    judge,
    k,
    let,
    load,
    lowered,
    module,
    op,
    put,
    ret,
    runner,
    struct,
    v,
)
from tests.unit.emit.streams import (
    STREAM,
    WINDOW,
    StreamMachine,
    StreamMaker,
    at,
    attr,
    chunk_at,
    chunk_len,
    chunks,
    digest,
    each,
    edit,
    evaluate,
    here,
    matches,
    need,
    of_match,
    outcome,
    stream_element,
    window_io,
)

S = struct(state=U16, crc=U32, seen=U64, ok=BOOL, m=MARK, a=U8)
DFA = TableDecl("dfa", U16, 4, 256, tuple((s + 1) % 4 if b % 7 == s else 0 for s in range(4) for b in range(256)))
HITS = CounterDecl("hits")
STATE, CRC, SEEN, OK, M, A = (fld(t, n) for n, t in (("state", U16), ("crc", U32), ("seen", U64), ("ok", BOOL),
                                                      ("m", MARK), ("a", U8)))
B = v(U8, "b")
HIT = h.CounterAdd(AT, "hits", k(U64, 1))
STEP = put(STATE, item(U16, "dfa", fld(U16, "state"), B))
FAULT = -5
INCLUDES = '#include "mcc_stream.h"\n#include "mcc_digest.h"\n'


def process(*body: h.Stmt, **names: Any) -> Code:
    f = handler((*body, ret(action())), names, SCRATCH, STREAM, name="process_data")
    return stream_element(f, S, (DFA, HITS))


def is_byte(n: int) -> h.Cmp:
    return cmp("==", B, k(U8, n))


IPS = process(
    let("safe", attr("start")),
    each("b", STEP,
         iff(cmp("==", STATE, k(U16, 3)), (HIT, ret(action("close")))),
         iff(cmp("==", STATE, k(U16, 0)), (let("safe", here()),))),
    iff(cmp("!=", STATE, k(U16, 0)), (h.StreamHold(AT, v(MARK, "safe")),)), safe=MARK)

PROGRAMS: dict[str, Code] = {
    "ips": IPS,
    "quiet": process(each("b", put(SEEN, op("+", SEEN, cast(U64, B))))),
    "unread": process(each("b", put(SEEN, op("+", SEEN, k(U64, 1))))),
    "break": process(each("b", iff(is_byte(5), (h.Break(AT),)), put(A, B)),
                     put(SEEN, h.StreamAttr(U64, 0, U64.max, AT, "position"))),
    "two breaks": process(each("b", iff(is_byte(5), (h.Break(AT),))), each("b", iff(is_byte(9), (h.Break(AT),))),
                          put(SEEN, h.StreamAttr(U64, 0, U64.max, AT, "position"))),
    "continue": process(each("b", iff(is_byte(5), (h.Continue(AT),)), put(SEEN, op("+", SEEN, k(U64, 1))))),
    "break in switch": process(each("b", put(A, B), h.Switch(AT, B, (
        h.Case((3,), (h.Break(AT),)), h.Case((4, 5), (put(CRC, k(U32, 1)),))), ()))),
    "break of an inner range": process(each("b", h.ForRange(AT, "i", U32, k(U32, 0), k(U32, 9), 1, (
        iff(is_byte(5), (h.Break(AT),)), put(SEEN, op("+", SEEN, k(U64, 1))))))),
    "fault keeps what was written": process(each("b", put(A, B), put(CRC, op("+", CRC, k(U32, 1))), put(
        fld(U16, "state"), item(U16, "dfa", B, B)))),
    "set": process(each("b", iff(is_byte(5), (h.StreamSet(AT, k(U8, 250)),)))),
    "set too early": process(h.StreamSet(AT, k(U8, 250)), put(A, k(U8, 1))),
    "mask": process(let("m", here()), each("b", iff(is_byte(5), (h.StreamMask(AT, v(MARK, "m"), here(), k(U8, 42)),)),
                                           put(SEEN, op("+", SEEN, k(U64, 1)))), m=MARK),
    "edit in the loop": process(let("m", here()), each("b", iff(is_byte(5), (
        let("m", edit(v(MARK, "m"), here(), b'cut "?\0')), put(M, v(MARK, "m")))), put(A, B)), m=MARK),
    "edit then return": process(each("b", put(CRC, op("+", CRC, k(U32, 1))), iff(is_byte(5), (
        evaluate(edit(attr("start"), here(), b"")), ret(action("drop")))))),
    "insert at the cursor": process(each("b", iff(is_byte(5), (put(M, edit(here(), here(), b"in")),)))),
    "edit fault": process(each("b", put(A, B), iff(is_byte(5), (
        evaluate(edit(here(), attr("start"), b"x")),)))),
    "skip": process(each("b", iff(cmp("<", B, k(U8, 6)), (h.StreamSkip(AT, B),)), put(A, B))),
    "need and at": process(
        h.ForRange(AT, "i", U32, k(U32, 0), k(U32, 30), 1, (
            iff(inv(need(k(U32, 2))), (ret(action()),)),
            let("n", at(k(U32, 1), False)),
            iff(both(need(cast(U32, v(U8, "n"))), cmp("==", at(k(U32, 0), False), k(U8, 3))), (HIT,)),
            put(SEEN, op("+", SEEN, cast(U64, at(op("+", cast(U32, v(U8, "n")), k(U32, 1)))))),
            h.StreamSkip(AT, k(U32, 2)))), n=U8),
    "at in the loop": process(each("b", iff(is_byte(5), (put(A, at(cast(U32, B))),)), put(CRC, attr("available")))),
    "need in the loop": process(each("b", iff(is_byte(5), (
        iff(inv(need(k(U32, 4))), (ret(action()),)), h.StreamSkip(AT, k(U32, 4)))), put(A, B))),
    "elif sees the cursor": process(each("b", iff(is_byte(5), (put(A, k(U8, 1)),), (
        iff(cmp("==", attr("available"), k(U32, 3)), (put(A, k(U8, 2)), h.StreamHold(AT, here()))),)))),
    "nested": process(each("b", put(A, B), iff(is_byte(5), (
        each("c", put(CRC, op("+", CRC, cast(U32, v(U8, "c")))), iff(cmp("==", v(U8, "c"), k(U8, 6)), (h.Break(AT),))),
        put(M, here()))))),
    "nested, one variable": process(each("b", each("b", iff(is_byte(5), (h.Break(AT),))), put(A, B)), b=U8),
    "variable lives on": process(let("b", k(U8, 7)), each("b", iff(is_byte(5), (h.Break(AT),))), put(A, B), b=U8),
    "variable is assigned": process(each("b", let("b", op("+", B, k(U8, 1))), put(A, B))),
    "crc": process(chunks("c", each("b", put(CRC, op("^", op(">>", CRC, k(U32, 1)), cast(U32, item(
        U16, "dfa", k(U8, 1), B)))), chunk="c"))),
    "chunk": process(chunks("c", put(SEEN, op("+", SEEN, cast(U64, chunk_len("c")))),
                            put(A, chunk_at("c", k(U32, 3))))),
    "chunk, index of a byte": process(chunks("c", put(A, chunk_at("c", k(U32, 0), False)), put(A, chunk_at("c", A)))),
    "chunk break": process(chunks("c", iff(cmp("==", chunk_at("c", k(U32, 0), False), k(U8, 5)), (h.Break(AT),)), HIT),
                           put(M, here())),
    "chunk bytes break": process(chunks("c", each("b", put(A, B), iff(is_byte(5), (h.Break(AT),)), chunk="c"), HIT)),
    "chunk bytes fault": process(chunks("c", each("b", put(A, B), put(STATE, item(U16, "dfa", B, B)), chunk="c"))),
    "chunks in bytes": process(each("b", put(A, B), iff(is_byte(5), (
        chunks("c", put(SEEN, op("+", SEEN, cast(U64, chunk_len("c"))))),)), put(M, here()))),
    "rewind": process(let("m", here()), each("b", iff(is_byte(5), (h.StreamRewind(AT, v(MARK, "m")), ret(action())))),
                      m=MARK),
    "attributes": process(iff(attr("is_last"), (put(A, k(U8, 1)),)), iff(attr("to_client"), (put(CRC, k(U32, 2)),)),
                          put(OK, attr("to_server")), put(M, attr("start"))),
    "order": process(put(SEEN, op("+", h.StreamAttr(U64, 0, U64.max, AT, "position"),
                                  h.Select(U64, 0, U64.max, AT, cmp(">", edit(here(), attr("start"), b"no"), M),
                                           k(U64, 1), k(U64, 2))))),
    "value before an edit": process(
        let("ahead", h.StreamAttr(U64, 0, U64.max, AT, "position")),
        iff(cmp("<=", k(U32, 3), attr("available")), (
            put(OK, cmp("==", here(), edit(here(), M, b"later"))),)), ahead=U64),
}


def run_code(code: Code) -> str:
    """`runner` for a process_data: `run_stream(cells, data, io)`."""
    c = runner(code).replace("int run(unsigned which, uint64_t *cells)",
                             "int run(unsigned which, uint64_t *cells, uint8_t *data, uint64_t *io)")
    c = c.replace("    switch (which) {", "    struct mcc_stream st;\n    window_open(&st, data, io);\n    switch (which) {")
    return c.replace("(&box, &s);", "(&box, &s, &st);").replace("    (void)box;", "    (void)box;\n    window_close(&st, data, io);")


def inputs(r: random.Random, n: int) -> tuple[bytearray, tuple[int, ...]]:
    data = bytearray(r.choice((0, 1, 2, 3, 4, 5, 5, 6, 7, 9, r.randrange(256))) for _ in range(n))
    return data, tuple(sorted(r.sample(range(1, n), r.randrange(min(n - 1, 6))))) if n > 1 else ()


@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled_is_interpreted(name: str, tmp_path: Path) -> None:
    compare(PROGRAMS[name], tmp_path, name, 60)


def compare(code: Code, tmp_path: Path, name: str, times: int) -> int:
    """The C and the meaning of a handler on random input; how often it took the fault path."""
    low, faults = lowered(code), 0
    judge(INCLUDES + module(low), tmp_path, more=("-Wno-tautological-compare",))  # of random programs
    c = INCLUDES + module(low, WINDOW + run_code(low))
    lib = load(c, tmp_path, "-O1", strict=False)
    r = random.Random(name)
    for _ in range(times):
        data, cuts = inputs(r, r.choice((0, 1, 3, 20, 60)))
        start = r.randrange(len(data) + 1) if r.random() < 0.3 else 0
        scratch = {"state": r.randrange(4), "crc": r.getrandbits(32), "seen": r.getrandbits(20), "ok": r.randrange(2),
                   "m": r.randrange(4), "a": r.randrange(4)}
        machine = StreamMachine(code, copy.deepcopy(scratch), {"hits": 0}, data, cuts, start,
                                r.randrange(start, len(data) + 1) if r.random() < 0.3 else start,
                                r.random() < 0.5, r.random() < 0.5)
        before = cells_of(code, scratch, {"hits": 0})
        cells = (ctypes.c_uint64 * len(before))(*before)
        io, memory = window_io(machine), (ctypes.c_uint8 * (4096 + 256 * 512))(*data)
        verdict = lib.run(0, cells, memory, io)
        try:
            expected = machine.run(code.handlers[0].func)
        except FaultError:
            expected, faults = FAULT, faults + 1
        assert verdict == expected, machine
        assert list(cells) == cells_of(code, machine.scratch, machine.state), machine
        assert outcome(io, memory) == (machine.cursor, machine.hold, machine.log), machine
        assert bytes(memory)[:len(machine.data)] == bytes(machine.data)
    return faults


def test_fields_are_written_back_behind_the_loop_and_before_a_fault() -> None:
    c = text(PROGRAMS["fault keeps what was written"])
    assert c.count("s->a = a;") == 2 and c.count("stream->at = at;") == 2
    low = lowered(PROGRAMS["fault keeps what was written"]).handlers[0].func.body
    assert [n.names for n in walk(low) if isinstance(n, Cached)] == [("a", "crc", "state")]


def test_fields_that_others_may_see_stay_where_they_are() -> None:
    peer = h.Field(U16, 0, 65535, AT, h.Base.PEER, "state")
    low = lowered(process(each("b", put(A, B), put(STATE, peer)))).handlers[0].func.body
    assert not any(isinstance(n, Cached) for n in walk(low))


STREAM_SEEDS = range(int(os.environ.get("MCC_SEED", "1")), int(os.environ.get("MCC_SEED", "1")) + int(os.environ.get("MCC_SEEDS", "2")))


@pytest.mark.parametrize("seed", STREAM_SEEDS)
def test_random_handlers(seed: int, tmp_path: Path) -> None:
    """Again with another seed: MCC_SEED=17 pytest tests/unit/emit/test_streams.py"""
    faults = 0
    for n in range(5):
        made = StreamMaker(random.Random(f"{seed} {n}"))
        faults += compare(process(*made.block(4), **made.types), tmp_path, f"{seed} {n}", 25)
    assert 0 < faults < 120


@pytest.mark.parametrize("kind", ["crc32", "crc32c", "sum16"])
def test_digests_of_chunks(kind: str, tmp_path: Path) -> None:
    code = process(chunks("c", put(CRC, digest(kind, "c", CRC))))
    low = lowered(code)
    assert uses_digests(low)
    judge(INCLUDES + module(low), tmp_path)
    lib = load(INCLUDES + '#include "mcc_digest.c"\n' + module(low, WINDOW + run_code(low)), tmp_path, strict=False)
    data = bytearray(range(256)) * 3 + b"odd"
    machine = StreamMachine(code, {}, {}, data, (1, 100, 411))
    before = cells_of(code, {"state": 0, "crc": 0, "seen": 0, "ok": 0, "m": 0, "a": 0}, {"hits": 0})
    cells = (ctypes.c_uint64 * len(before))(*before)
    lib.run(0, cells, (ctypes.c_uint8 * (4096 + 256 * 512))(*data), window_io(machine))
    pairs = zip(data[::2], [*data[1::2], 0], strict=True)
    total = sum(a << 8 | b for a, b in pairs)
    assert cells[2] == {"crc32": zlib.crc32(data), "crc32c": crc32c(data), "sum16": (total - 1) % 65535 + 1 | 1 << 16}[kind]


def crc32c(data: bytes) -> int:
    r = 0xffffffff
    for b in data:
        r ^= b
        for _ in range(8):
            r = r >> 1 ^ (0x82F63B78 if r & 1 else 0)
    return r ^ 0xffffffff


WORDS = (b"ab", b"abc", b"b\5")


def test_matches_are_found_and_edited(tmp_path: Path) -> None:
    code = process(matches("m", WORDS, HIT, iff(cmp("==", of_match("m", "index"), k(U16, 2)), (h.Break(AT),)),
                           put(M, edit(of_match("m", "start"), of_match("m", "end"), b"cut")), holds=True),
                   iff(attr("is_last"), (matches("m", (b"zz",), put(A, k(U8, 1)), slot=1),)))
    low = lowered(code)
    c = print_element(low, NAMES)
    assert signature(low.handlers[0].func) == ["scratch", "stream"] and has_matches(low.handlers[0].func)
    assert "struct mcc_stream *restrict stream, struct mcc_words_state *restrict words)" in c.replace("\n" + " " * 36, " ")
    includes = INCLUDES + '#include "mcc_words.h"\n'
    judge(includes + module(low), tmp_path)
    assert uses_digests(low) is False
    run = run_code(low).replace("(&box, &s, &st);", "(&box, &s, &st, (struct mcc_words_state[2]){{0}, {0}});")
    lib = load(includes + '#include "mcc_words.c"\n' + module(low, WINDOW + run), tmp_path, strict=False)
    data = bytearray(b"xxababcb\5zz")
    machine = StreamMachine(code, {}, {}, data, (3, 4, 6), is_last=True)
    before = cells_of(code, {"state": 0, "crc": 0, "seen": 0, "ok": 0, "m": 0, "a": 0}, {"hits": 0})
    cells, io = (ctypes.c_uint64 * len(before))(*before), window_io(machine)
    memory = (ctypes.c_uint8 * (4096 + 256 * 512))(*data)
    assert lib.run(0, cells, memory, io) == 0
    assert outcome(io, memory)[2] == [(2, 4, b"cut"), (4, 7, b"cut")]
    assert list(cells)[8:14:2] == [7, 1, 3]


def test_long_data_is_an_array(tmp_path: Path) -> None:
    long = bytes(range(200))
    code = process(evaluate(edit(here(), here(), long)), evaluate(edit(here(), here(), long)),
                   evaluate(edit(here(), here(), long[1:])))
    c = text(code)
    assert c.count("static const uint8_t box1_data[200]") == 1 and c.count("box1_data, 200)") == 2
    assert "box1_data_2, 199)" in c
    judge(INCLUDES + module(lowered(code)), tmp_path)


@pytest.mark.skipif(shutil.which("clang-format") is None, reason="needs clang-format (pip install clang-format)")
def test_fixed_point_of_clang_format(tmp_path: Path) -> None:
    for name, code in PROGRAMS.items():
        c = text(code)
        file = tmp_path / "x.c"
        file.write_text(c)
        done = subprocess.run(["clang-format", f"--style=file:{ROOT / '.clang-format'}", str(file)], capture_output=True,
                              text=True, check=True)
        assert done.stdout == c, name


def text(code: Code) -> str:
    return print_element(lowered(code), NAMES)


def test_a_quiet_body_is_a_loop_over_two_locals() -> None:
    c = text(PROGRAMS["quiet"])
    assert """    uint64_t seen = s->seen;
    while (mcc_stream_more(stream)) {
        uint8_t *at = stream->at;
        const uint8_t *const last = stream->last;
        while (at != last) {
            const uint8_t b = *at++;
            seen += b;
        }
        stream->at = at;
    }
    s->seen = seen;
""" in c.replace("            /* made.py:1 */\n", "")
