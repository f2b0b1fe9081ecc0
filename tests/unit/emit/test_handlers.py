"""The printed text: readable, a fixed point of clang-format, clean for both compilers, lines that lead back to Python."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from mcc.diag import Span
from mcc.emit.folding import split_outer
from mcc.emit.handlers import print_element, signature
from mcc.emit.lines import resolve_lines
from mcc.emit.names import Names, c_name
from mcc.emit.streams import c_string
from mcc.emit.structs import print_map_start, print_state, print_state_init, print_struct
from mcc.emit.tables import incbin, table_bytes
from mcc.ir import func as h
from mcc.ir.element import Code, CounterDecl, LiveDecl, MapDecl, PerCoreDecl, PortsDecl, TableDecl
from mcc.ir.func import BOOL, I64, U8, U16, U32, U64, U128
from tests.unit.emit.kit import (
    AT,
    NAMES,
    PKT,
    ROOT,
    SCRATCH,
    action,
    both,
    call,
    cmp,
    element,
    fld,
    handler,
    head,
    iff,
    inline,
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
from tests.unit.emit.programs import make_program

S = struct(a=U8, c=U32, ok=BOOL, addr=U128, arr=h.ArrayType(U32, 4))
FLOW = h.Arg("flow", "flow", h.FLOW)
STATE = (TableDecl("t", U16, 4, 0, (1, 2, 3, 4)), CounterDecl("hits"), PerCoreDecl("turn", U32, 7),
         LiveDecl("limit", U32, 100), PortsDecl("ports", 1, 9), MapDecl("hops", U32, U64, 16, 3.0, 8, 64, ((1, 2),)))
LIVE = h.StateRead(U32, 0, U32.max, AT, "limit")
HOP = h.Local(h.OptType(U64), 0, 0, AT, "hop")


def source(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "chain.py"
    file.write_text(text)
    return file


def everything() -> Code:
    """An element that uses each statement and service."""
    near = op("&", fld(U32, "c"), k(U32, 3), 0, 3)
    packet = (
        let("hop", h.MapGet(h.OptType(U64), 0, 0, AT, "hops", head(U32, "ip.dst"))),
        iff(h.IsNone(BOOL, 0, 1, AT, HOP, False), (
            h.EmitArp(AT, k(U32, 1), k(U64, 2), head(U32, "ip.dst"), 1),
            ret(h.Park(h.ACTION, 0, 0, AT, "hops", head(U32, "ip.dst"), "pkt")))),
        put(head(U64, "eth.dst"), h.OptValue(U64, 0, (1 << 48) - 1, AT, HOP)),
        h.MapPut(AT, "hops", fld(U32, "c"), k(U64, 5)), h.MapDelete(AT, "hops", fld(U32, "c")),
        h.PortsGive(AT, "ports", k(U16, 5)), h.Eval(AT, h.PortsTake(U16, 0, 65535, AT, "ports")),
        h.CounterAdd(AT, "hits", k(U64, 1)), h.CounterAdd(AT, "hits", h.Attr(U64, 0, U64.max, AT, "pkt", "at")),
        h.ReplyKey(AT, head(U32, "ip.dst"), head(U16, "tcp.dport"), k(U32, 0xC0000201), k(U16, 99)),
        h.SetTimeout(AT, k(U32, 5)), h.Alert(AT, k(U32, 3), b'say "hi"\n'), h.EmitCopy(AT, "pkt", 1),
        h.VlanPush(AT, "pkt", k(U16, 5)), h.VlanPop(AT, "pkt"),
        put(h.Attr(U32, 0, U32.max, AT, "pkt", "next_hop"), h.Attr(U32, 0, U32.max, AT, "pkt", "next_hop")),
        iff(both(h.Attr(BOOL, 0, 1, AT, "flow", "to_client"), h.Attr(BOOL, 0, 1, AT, "pkt", "is_tcp"),
                 cmp("<", h.Attr(U32, 0, U32.max, AT, "pkt", "length"), LIVE)), (put(fld(BOOL, "ok"), k(BOOL, 1)),)),
        put(fld(U128, "addr"), k(U128, 1 << 100)), put(fld(U32, "arr", near), op("+", fld(U32, "arr", near), k(U32, 9))),
        let("x", call(U16, "look", fld(U32, "c"))), put(head(U16, "tcp.sport"), v(U16, "x")),
        h.Eval(AT, call(U16, "look", k(U32, 1))), ret(action("to", 2)))
    batch = (h.ForPackets(AT, "p", (
        h.CounterAdd(AT, "hits", h.Cast(U64, 0, U32.max, AT, h.Attr(U32, 0, U32.max, AT, "p", "length"))),
        h.Alert(AT, k(U32, 1), b""))),
        put(fld(U32, "c"), op("+", fld(U32, "c"), h.Attr(U32, 0, U32.max, AT, "batch", "bytes"))),
        put(fld(U32, "c"), op("+", fld(U32, "c"), h.Attr(U32, 0, U32.max, AT, "batch", "count"))), ret(action()))
    look = inline("look", U16, (ret(item(U16, "t", v(U32, "i"))),), {}, i=U32)
    return element(handler(packet, {"hop": h.OptType(U64), "x": U16}, FLOW, PKT, SCRATCH),
                   handler(batch, {}, h.Arg("batch", "batch", h.BATCH), SCRATCH, name="process_batch"),
                   handler((h.PortsGive(AT, "ports", k(U16, 1)),), {}, SCRATCH, name="release"),
                   scratch=S, inlines=(look,), state=STATE)


def test_every_statement_compiles_clean(tmp_path: Path) -> None:
    judge(module(lowered(everything())), tmp_path)


def test_text_of_services() -> None:
    text = print_element(lowered(everything()), NAMES)
    for row in (
            "    uint64_t hop = 0;\n    bool hop_found = mcc_map_get(&box->box1.hops, pkt_ip_dst(pkt), mcc_box_now(box), "
            "&hop);",
            "    if (!hop_found) {\n        mcc_box_emit_arp(box, 7, 1, 1, 2, pkt_ip_dst(pkt));\n"
            "        return mcc_box_park(box, 7, &box->box1.hops, pkt_ip_dst(pkt), pkt);\n    }",
            "    pkt_set_eth_dst(pkt, hop);", "    mcc_map_put(&box->box1.hops, s->c, 5, mcc_box_now(box));",
            "    mcc_flow_reply_key(box, flow, MCC_REPLY_ALL, pkt_ip_dst(pkt), pkt_tcp_dport(pkt), 0xc0000201U,\n"
            "                       99);",
            '    mcc_box_alert(box, 7, 3, "say \\"hi\\"\\012", pkt);', "    mcc_box_emit_copy(box, 7, 1, pkt);",
            "    if (!mcc_push_vlan(pkt, 5))\n        return MCC_FAULT;",
            "    if (!flow.to_server && (pkt->layers & MCC_TCP) != 0 && pkt->len < MCC_LIVE(box->box1.limit)) {",
            "    box->box1.hits++;", "    uint16_t x = 0;\n    if (!box1_look(s->c, &x))\n        return MCC_FAULT;",
            "static inline bool box1_look(uint32_t i, uint16_t *result)\n{\n",
            "    if (i >= 4)\n        return false;\n    *result = box1_t[i];\n    return true;",
            "    s->c += mcc_batch_bytes(batch, count);", "    return 2;",
            "static inline int box1_process_batch(struct mcc_box *box, struct box1_s *restrict s,\n"
            "                                     struct mcc_packet **batch, uint32_t count)"):
        plain = re.sub(r" */\* .* \*/\n", "", text)
        assert row in plain, row


def test_signature() -> None:
    code = everything()
    assert [signature(x.func) for x in code.handlers] == [["scratch", "packet", "flow"], ["scratch", "batch"], ["scratch"]]


def test_comments_say_the_python_line_when_it_changes(tmp_path: Path) -> None:
    file = source(tmp_path, "a = 1  # */ ends /* starts\n" + "b = " + "x" * 200 + "\n")
    def at(n: int, s: h.Stmt) -> h.Stmt:
        return replace(s, span=Span(str(file), n))
    c = fld(U32, "c")
    code = element(handler((at(1, put(c, k(U32, 1))), at(1, put(c, k(U32, 2))), at(2, put(c, k(U32, 3))),
                            at(1, ret(action()))), {}, SCRATCH), scratch=S)
    rows = print_element(lowered(code), NAMES).splitlines()
    assert rows[2] == "    (void)box;"
    assert rows[3:6] == ["    /* chain.py:1  a = 1 # * / ends / * starts */", "    s->c = 1;", "    s->c = 2;"]
    assert rows[6].startswith("    /* chain.py:2  b = xxx") and rows[6].endswith("xxx... */") and len(rows[6]) == 100
    assert rows[8:10] == [rows[3], "    return MCC_PASS;"]
    assert str(tmp_path) not in "".join(rows)


def test_line_directives_lead_to_python_and_back(tmp_path: Path) -> None:
    """gdb's view: the compiler's own idea of each line, from a warning that it is made to give."""
    def at(n: int, s: h.Stmt) -> h.Stmt:
        return replace(s, span=Span("chain.py", n))
    code = element(handler((at(10, put(fld(U32, "c"), k(U32, 1))), at(20, iff(fld(BOOL, "ok"), (
        at(21, put(fld(U32, "c"), k(U32, 2))),))), at(11, ret(action()))), {}, SCRATCH), scratch=S)
    text = resolve_lines(print_element(lowered(code), NAMES, "python") + "\nint glue;\n", "module.c")
    seen: dict[str, str] = {}
    file, line = "module.c", 0
    for row in text.splitlines():
        line += 1
        if m := re.match(r'#line (\d+) "(.*)"', row):
            file, line = m[2], int(m[1]) - 1
        else:
            seen[row.strip()] = f"{file}:{line}"
    assert seen["s->c = 1;"] == "chain.py:10" and seen["if (s->ok) {"] == "chain.py:20"
    assert seen["s->c = 2;"] == "chain.py:21" and seen["return MCC_PASS;"] == "chain.py:11"
    assert seen["int glue;"] == f"module.c:{text.splitlines().index('int glue;') + 1}"


@pytest.mark.skipif(shutil.which("clang-format") is None, reason="apt install clang-format")
@pytest.mark.parametrize("what", ["everything", "random"])
def test_fixed_point_of_clang_format(what: str) -> None:
    code = everything() if what == "everything" else make_program(3, 4)
    low = lowered(code)
    text = "\n".join([print_struct(S, "box1_s"), print_element(low, NAMES)])
    done = subprocess.run(["clang-format", f"--style=file:{ROOT / '.clang-format'}"], input=text, text=True,
                          capture_output=True, check=True)
    wrong = [(a, b) for a, b in zip(text.splitlines(), done.stdout.splitlines(), strict=False) if a != b]
    assert done.stdout == text, wrong[0]


def test_long_lines_break_behind_operators() -> None:
    assert split_outer("a && (b || c) && d") == ["a &&", "(b || c) &&", "d"]
    assert split_outer("f(a + b) + c") == ["f(a + b) +", "c"]
    long = [cmp("==", head(U32, "ip.src"), k(U32, 0xC0000201 + i)) for i in range(5)]
    code = element(handler((iff(both(*long), (ret(action("drop")),)), ret(action())), {}, PKT))
    rows = print_element(lowered(code), NAMES).splitlines()
    assert max(map(len, rows)) <= 100
    assert rows[4:6] == [
        "    if (pkt_ip_src(pkt) == 0xc0000201U && pkt_ip_src(pkt) == 0xc0000202U &&",
        "        pkt_ip_src(pkt) == 0xc0000203U && pkt_ip_src(pkt) == 0xc0000204U &&"]


def test_names() -> None:
    assert c_name("int") == "int_" and c_name("mcc_x") == "mcc_x_" and c_name("size_t") == "size_t_"
    assert c_name("größe") == "gr_u00f6_u00dfe" and c_name("x", {"x", "x_2"}) == "x_3"
    fields = struct(**{"default": U32, "linux": U8})
    code = element(handler((let("box", fld(U32, "default")), let("count", fld(U8, "linux")),
                            put(fld(U32, "default"), v(U32, "box")), put(fld(U8, "linux"), v(U8, "count")),
                            let("box1_process_packet", fld(U8, "linux")),
                            put(fld(U8, "linux"), op("+", v(U8, "box1_process_packet"), k(U8, 1))),
                            ret(action())), {"box": U32, "count": U8, "box1_process_packet": U8}, SCRATCH),
                   scratch=fields)
    text = print_element(lowered(code), NAMES)
    assert "uint32_t box_2 = s->default_;" in text and "uint8_t count = s->linux_;" in text


def test_awkward_names_compile(tmp_path: Path) -> None:
    fields = struct(**{"register": U32, "NULL": U8, "unix": h.ArrayType(I64, 3)})
    code = element(handler((let("while", fld(U32, "register")), put(fld(U32, "register"), v(U32, "while")),
                            put(fld(U8, "NULL"), k(U8, 1)), ret(action())), {"while": U32}, SCRATCH), scratch=fields)
    judge(module(lowered(code)), tmp_path)


def test_structs_and_state(tmp_path: Path) -> None:
    t = h.StructType("S", (h.StructField("ok", BOOL, 1), h.StructField("port", U16, 99), h.StructField("addr", U128),
                           h.StructField("arr", h.ArrayType(U32, 3), 7)), AT)
    assert print_struct(t, "nat_s") == """\
struct nat_s {
    uint8_t ok;
    uint16_t port;
    mcc_u128 addr;
    uint32_t arr[3];
};

static inline void nat_s_init(struct nat_s *s)
{
    memset(s, 0, sizeof *s);
    s->ok = 1;
    s->port = 99;
    for (uint32_t i = 0; i < 3; i++)
        s->arr[i] = 7;
}
"""
    assert print_state(everything()) == ("uint64_t hits;\nuint32_t turn;\nuint32_t limit;\nstruct mcc_ports ports;\n"
                                         "struct mcc_map hops;\n")
    assert print_state_init(everything(), "nat") == "box->nat.turn = 7;\nbox->nat.limit = 100;\n"
    hops = STATE[-1]
    assert isinstance(hops, MapDecl)
    assert print_map_start(hops, "nat", "now") == "mcc_map_put(&box->nat.hops, 1, 2, now);\n"
    code = element(handler((ret(action()),), {}, SCRATCH), scratch=t)
    lib = load(module(lowered(code), "size_t align(void);\nsize_t align(void) { return _Alignof(struct box1_s); }\n"),
               tmp_path)
    assert lib.align() == 8


def test_large_tables_go_beside_the_module(tmp_path: Path) -> None:
    data = tuple((i * 7919) % 65536 for i in range(40000))
    table = TableDecl("big", U16, 40000, 0, data)
    c = fld(U32, "c")
    code = element(handler((put(c, h.Cast(U32, 0, 65535, AT, item(U16, "big", c))), ret(action())), {}, SCRATCH),
                   scratch=struct(c=U32), state=(table,))
    low = lowered(code)

    def blob(name: str, content: bytes) -> str:
        (tmp_path / f"{name}.bin").write_bytes(content)
        return incbin(name, str(tmp_path / f"{name}.bin"))

    names = Names("box1", 0, "box1_s", blob=blob)
    text = module(low, runner(low, names), names)
    assert len(text) < 10000 and len(table_bytes(table)) == 80000
    judge(text, tmp_path, ("clang", "gcc"))
    lib = load(text, tmp_path)
    for i in (0, 1, 39999, 40000):
        cells = (ctypes.c_uint64 * 2)(i, 0)
        assert (lib.run(0, cells), cells[0]) == ((0, data[i]) if i < 40000 else (-5, i))


def test_strings() -> None:
    assert c_string(b'a"b\\?\x00\xff1') == r'"a\"b\\\?\000\3771"'


def test_printing_is_deterministic() -> None:
    assert print_element(lowered(make_program(5, 5)), NAMES) == print_element(lowered(make_program(5, 5)), NAMES)
