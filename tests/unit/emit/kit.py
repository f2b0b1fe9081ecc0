"""For tests of passes and printer: HIR written short, an interpreter of HIR, and printed C compiled and called."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcc.diag import Span
from mcc.emit.accessors import print_accessors
from mcc.emit.handlers import print_element
from mcc.emit.names import Names, c_name, c_type
from mcc.emit.structs import print_state, print_state_init, print_struct
from mcc.ir import func as h
from mcc.ir.element import Code, CounterDecl, HandlerCode, PerCoreDecl, StateDecl, TableDecl
from mcc.ir.lir import verify
from mcc.passes.fold import fold
from mcc.passes.lower import lower

ROOT = Path(__file__).parents[3]
AT = Span("made.py", 1)
FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
TYPES = (h.U8, h.U16, h.U32, h.U64, h.U128, h.I32, h.I64)

# ---------------------------------------------------------------- HIR, short


def k(t: Any, v: int) -> h.Const:
    return h.Const(t, v, v, AT, v)


def v(t: Any, name: str, lo: int | None = None, hi: int | None = None) -> h.Local:
    return h.Local(t, *_range(t, lo, hi), AT, name)


def _range(t: Any, lo: int | None = None, hi: int | None = None) -> tuple[int, int]:
    if not isinstance(t, h.IntType):
        return 0, 1
    return t.min if lo is None else lo, t.max if hi is None else hi


def op(sign: str, a: h.Expr, b: h.Expr, lo: int | None = None, hi: int | None = None) -> h.Bin:
    return h.Bin(a.type, *_range(a.type, lo, hi), AT, sign, a, b)


def cmp(sign: str, a: h.Expr, b: h.Expr) -> h.Cmp:
    return h.Cmp(h.BOOL, 0, 1, AT, sign, a, b)


def cast(t: Any, a: h.Expr) -> h.Cast:
    lo, hi = _range(t)
    if lo <= a.lo and a.hi <= hi:
        lo, hi = a.lo, a.hi
    return h.Cast(t, lo, hi, AT, a)


def both(*parts: h.Expr) -> h.BoolOp:
    return h.BoolOp(h.BOOL, 0, 1, AT, "and", parts)


def either(*parts: h.Expr) -> h.BoolOp:
    return h.BoolOp(h.BOOL, 0, 1, AT, "or", parts)


def inv(a: h.Expr) -> h.Not:
    return h.Not(h.BOOL, 0, 1, AT, a)


def pick(c: h.Expr, a: h.Expr, b: h.Expr) -> h.Select:
    return h.Select(a.type, *_range(a.type), AT, c, a, b)


def fld(t: Any, name: str, index: h.Expr | None = None, checked: bool = False) -> h.Field:
    return h.Field(t, *_range(t), AT, h.Base.SCRATCH, name, index, checked)


def item(t: Any, table: str, *index: h.Expr, checked: bool = True) -> h.TableLoad:
    return h.TableLoad(t, *_range(t), AT, table, index, (checked,) * len(index))


def call(t: Any, name: str, *args: h.Expr) -> h.InlineCall:
    return h.InlineCall(t, *_range(t), AT, name, args)


def head(t: Any, key: str, packet: str = "pkt") -> h.Header:
    layer, _, name = key.partition(".")
    return h.Header(t, *_range(t), AT, packet, layer, name)


def let(name: str, e: h.Expr, line: int = 1) -> h.Let:
    return h.Let(Span(AT.file, line), name, e)


def put(place: h.Expr, e: h.Expr) -> h.Store:
    return h.Store(AT, place, e)


def iff(c: h.Expr, then: tuple[h.Stmt, ...], orelse: tuple[h.Stmt, ...] = ()) -> h.If:
    return h.If(AT, c, then, orelse)


def action(kind: str = "pass", port: int = 0) -> h.Action:
    return h.Action(h.ACTION, 0, 0, AT, kind, port)


def ret(e: h.Expr | None = None) -> h.Return:
    return h.Return(AT, e)


def handler(body: tuple[h.Stmt, ...], locals_: dict[str, Any], *args: h.Arg, name: str = "process_packet") -> h.Func:
    return h.Func(name, args, tuple(locals_.items()), body, None, AT)


SCRATCH = h.Arg("s", "scratch", h.RefType("S"))
PKT = h.Arg("pkt", "packet", h.PACKET)


def inline(name: str, returns: Any, body: tuple[h.Stmt, ...], locals_: dict[str, Any], **args: Any) -> h.Func:
    return h.Func(name, tuple(h.Arg(n, "value", t) for n, t in args.items()), tuple(locals_.items()), body, returns, AT)


def struct(**fields: Any) -> h.StructType:
    return h.StructType("S", tuple(h.StructField(n, t) for n, t in fields.items()), AT)


def element(*funcs: h.Func, scratch: h.StructType | None = None, inlines: tuple[h.Func, ...] = (),
            state: tuple[StateDecl, ...] = ()) -> Code:
    roles = ("new_session", "release", "on_timer", "process_batch")
    hs = tuple(HandlerCode(f.name if f.name in roles else "process_packet", i, f) for i, f in enumerate(funcs))
    return Code("box1", "Made", hs, inlines, scratch, None, state, (frozenset(),), frozenset(), AT)


def lowered(code: Code, *, folded: bool = True) -> Code:
    low = lower(fold(code) if folded else code)
    verify(low)
    return low


# ---------------------------------------------------------------- the meaning of HIR, said again


class FaultError(Exception):
    pass


class _BreakError(Exception):
    pass


class _ContinueError(Exception):
    pass


class _ReturnError(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


def fit(t: Any, x: int) -> int:
    if not isinstance(t, h.IntType):
        return int(bool(x))
    x %= 1 << t.bits
    return x - (1 << t.bits) if t.signed and x >= 1 << (t.bits - 1) else x


@dataclass
class Machine:
    """Runs functions of `code` as it stands on `scratch` (name: value or list) and `state` (name: value)."""

    code: Code
    scratch: dict[str, Any]
    state: dict[str, int] = field(default_factory=dict)

    def run(self, f: h.Func, args: dict[str, int] | None = None) -> Any:
        try:
            self.block(f.body, dict(args or {}))
        except _ReturnError as r:
            return r.value
        return None

    def block(self, body: tuple[h.Stmt, ...], env: dict[str, int]) -> None:
        for s in body:
            self.step(s, env)

    def step(self, s: Any, env: dict[str, int]) -> None:
        ev = self.eval
        match s:
            case h.Let():
                env[s.name] = ev(s.value, env)
            case h.Store(place=h.StateRead() as p):
                self.state[p.name] = ev(s.value, env)
            case h.Store(place=h.Field() as p):
                value = ev(s.value, env)
                if p.index is None:
                    self.scratch[p.name] = value
                else:
                    self.scratch[p.name][self.index(p.index, len(self.scratch[p.name]), env)] = value
            case h.If():
                self.block(s.then if ev(s.cond, env) else s.orelse, env)
            case h.ForRange():
                self.loop(s, env)
            case h.Switch():
                x = ev(s.subject, env)
                self.block(next((c.body for c in s.cases if x in c.values), s.default), env)
            case h.Return():
                raise _ReturnError(None if s.value is None else ev(s.value, env))
            case h.Break():
                raise _BreakError
            case h.Continue():
                raise _ContinueError
            case h.Eval():
                ev(s.value, env)
            case h.CounterAdd():
                self.state[s.name] = fit(h.U64, self.state[s.name] + ev(s.amount, env))
            case h.Assert():
                if not ev(s.cond, env):
                    raise FaultError
            case _:
                raise AssertionError(s)

    def loop(self, s: h.ForRange, env: dict[str, int]) -> None:
        start, stop = self.eval(s.start, env), self.eval(s.stop, env)
        for i in range(start, stop, s.step):
            env[s.name] = i
            try:
                self.block(s.body, env)
            except _BreakError:
                return
            except _ContinueError:
                pass

    def index(self, e: h.Expr, n: int, env: dict[str, int]) -> int:
        i = self.eval(e, env)
        if not 0 <= i < n:
            raise FaultError
        return i

    def eval(self, e: Any, env: dict[str, int]) -> Any:
        ev = self.eval
        match e:
            case h.Const():
                return e.value
            case h.Local():
                return env[e.name]
            case h.Field(index=None):
                return self.scratch[e.name]
            case h.Field():
                return self.scratch[e.name][self.index(e.index, len(self.scratch[e.name]), env)]
            case h.StateRead():
                return self.state[e.name]
            case h.TableLoad():
                t = next(d for d in self.code.state if isinstance(d, TableDecl) and d.name == e.table)
                at = 0
                for i, n in zip([ev(i, env) for i in e.index], (t.rows, t.columns), strict=False):
                    if not 0 <= i < n:
                        raise FaultError
                    at = at * n + i
                return t.data[at]
            case h.Bin():
                a = ev(e.a, env)
                return fit(e.type, _binary(e, a, ev(e.b, env)))
            case h.Unary():
                return fit(e.type, -ev(e.a, env) if e.op == "-" else ~ev(e.a, env))
            case h.Cmp():
                a, b = ev(e.a, env), ev(e.b, env)
                return int({"==": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[e.op])
            case h.BoolOp():
                want = e.op == "or"
                return int(want if any(bool(ev(p, env)) == want for p in e.parts) else not want)
            case h.Not():
                return int(not ev(e.a, env))
            case h.Select():
                return ev(e.a if ev(e.cond, env) else e.b, env)
            case h.Cast():
                return fit(e.type, ev(e.a, env))
            case h.InlineCall():
                f = next(i for i in self.code.inlines if i.name == e.name)
                return self.run(f, {a.name: ev(x, env) for a, x in zip(f.args, e.args, strict=True)})
            case h.Action():
                return {"pass": 0, "drop": -1, "close": -2, "reset": -3, "to": e.port}[e.kind]
            case _:
                raise AssertionError(e)


def _binary(e: h.Bin, a: int, b: int) -> int:
    assert isinstance(e.type, h.IntType)
    if e.op in ("<<", ">>"):
        return a << b if e.op == "<<" and b < 128 else 0 if e.op == "<<" else a >> min(b, 128)
    return {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "&": lambda: a & b, "|": lambda: a | b,
            "^": lambda: a ^ b, "//": lambda: a // b, "%": lambda: a % b, "min": lambda: min(a, b),
            "max": lambda: max(a, b)}[e.op]()


# ---------------------------------------------------------------- C

SERVICES = """
#include "mcc_header.h"
#include "mcc_map.h"
#include "mcc_ports.h"
struct mcc_box;
uint64_t mcc_box_now(struct mcc_box *box);
void mcc_flow_reply_key(struct mcc_box *box, struct mcc_flow flow, unsigned said, uint32_t src, uint16_t sport,
                        uint32_t dst, uint16_t dport);
void mcc_flow_set_timeout(struct mcc_box *box, struct mcc_flow flow, uint32_t seconds);
void mcc_box_alert(struct mcc_box *box, int node, uint32_t id, const char *text, struct mcc_packet *pkt);
void mcc_box_emit_arp(struct mcc_box *box, int node, int port, uint32_t spa, uint64_t sha, uint32_t tpa);
void mcc_box_emit_copy(struct mcc_box *box, int node, int port, struct mcc_packet *pkt);
int mcc_box_park(struct mcc_box *box, int node, struct mcc_map *map, uint64_t key, struct mcc_packet *pkt);
"""

NAMES = Names("box1", 7, scratch="box1_s", conn="box1_c")


def module(low: Code, extra: str = "", names: Names = NAMES) -> str:
    """A C file that holds the instance, for compilers to judge and ctypes to call."""
    parts = [SERVICES]
    for t, c in ((low.scratch, names.scratch), (low.conn, names.conn)):
        if t is not None:
            parts.append(print_struct(t, c))
    state = print_state(low)
    members = "".join(f"        {row}\n" for row in state.splitlines())
    parts.append(f"struct mcc_box {{\n    uint64_t now;\n    struct {{\n{members}    }} {names.node};\n}};\n"
                 if state else "struct mcc_box {\n    uint64_t now;\n};\n")
    parts += [print_accessors([low]), print_element(low, names), extra]
    start = print_state_init(low, names.node)
    parts.append(f"void start(struct mcc_box *box);\nvoid start(struct mcc_box *box)\n{{\n    (void)box;\n{start}}}\n")
    return "\n".join(parts)


def judge(c: str, where: Path, compilers: tuple[str, ...] = ("gcc", "clang"), level: str = "-O2",
          more: tuple[str, ...] = ()) -> None:
    """The C is clean under the project's warnings. `static inline` functions that nobody calls are fine."""
    file = where / "judged.c"
    file.write_text(c)
    for cc in compilers:
        if shutil.which(cc) is None:
            continue
        what = ["-fsyntax-only"] if cc == "clang" else [level, "-c", "-o", str(where / "judged.o")]
        done = subprocess.run([cc, *FLAGS, "-Wno-unused-function", *more, *what, "-I", str(ROOT / "runtime_c"), str(file)],
                              capture_output=True, text=True)
        assert done.returncode == 0, f"{cc}: {done.stderr[:3000]}"


def load(c: str, where: Path, level: str = "-O1", *, strict: bool = True,
         more: tuple[str, ...] = ()) -> ctypes.CDLL:
    file, lib = where / "module.c", where / f"module{abs(hash(c))}.so"
    file.write_text(c)
    done = subprocess.run(["gcc", "-std=gnu11", level, *(FLAGS[1:] if strict else ["-w"]), *more,
                           "-Wno-unused-function", "-shared", "-fPIC",
                           "-I", str(ROOT / "runtime_c"), str(file), "-o", str(lib)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]
    return ctypes.CDLL(str(lib))


def runner(low: Code, names: Names = NAMES) -> str:
    """C `int run(unsigned which, uint64_t *cells)`: scratch and state from and to pairs of 64-bit words, in the
    order of `cells_of`; calls handler `which`."""
    assert low.scratch is not None
    places: list[tuple[str, Any]] = []
    for f in low.scratch.fields:
        if isinstance(f.type, h.ArrayType):
            places += [(f"s.{c_name(f.name)}[{i}]", f.type.elem) for i in range(f.type.length)]
        else:
            places.append((f"s.{c_name(f.name)}", f.type))
    for d in low.state:
        if isinstance(d, (PerCoreDecl, CounterDecl)):
            places.append((f"box.{names.node}.{c_name(d.name)}", d.type if isinstance(d, PerCoreDecl) else h.U64))
    out = ["int run(unsigned which, uint64_t *cells);", "int run(unsigned which, uint64_t *cells)", "{",
           "    struct mcc_box box = {0};", f"    struct {names.scratch} s;", f"    {names.scratch}_init(&s);",
           "    int verdict = -99;"]
    for i, (p, t) in enumerate(places):
        ct = c_type(t)
        out.append(f"    {p} = ({ct})((mcc_u128)cells[{2 * i + 1}] << 64 | cells[{2 * i}]);")
    out.append("    switch (which) {")
    out += [f"    case {n}:\n        verdict = {names.handler(x.func.name)}(&box, &s);\n        break;"
            for n, x in enumerate(low.handlers)]
    out += ["    default:", "        break;", "    }"]
    for i, (p, _) in enumerate(places):
        out += [f"    cells[{2 * i}] = (uint64_t){p};",
                f"    cells[{2 * i + 1}] = (uint64_t)((mcc_u128){p} >> 64);"]
    return "\n".join([*out, "    (void)box;", "    return verdict;", "}", ""])


def cells_of(code: Code, scratch: dict[str, Any], state: dict[str, int]) -> list[int]:
    """What `run` reads and writes: low and high 64 bits of every scratch field (arrays spread) and state value."""
    assert code.scratch is not None
    flat: list[int] = []
    for f in code.scratch.fields:
        flat += scratch[f.name] if isinstance(f.type, h.ArrayType) else [scratch[f.name]]
    flat += [state[d.name] for d in code.state if isinstance(d, (PerCoreDecl, CounterDecl))]
    return [w for x in flat for w in (x & (1 << 64) - 1, x >> 64 & (1 << 64) - 1)]
