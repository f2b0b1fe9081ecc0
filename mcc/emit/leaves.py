"""What an expression reads, as C: locals, session state, headers, attributes, tables, instance state, helpers."""

from __future__ import annotations

from dataclasses import dataclass, field

from mcc.emit.accessors import getter
from mcc.emit.cexpr import EQ, INT, LIT, POST, PRIMARY, UNARY, CType, Printer, Text, literal, wrapped
from mcc.emit.names import Names, c_name, c_type
from mcc.ir import func as h
from mcc.ir.element import Code, LiveDecl, TableDecl
from mcc.ir.lir import Effects
from mcc.protocols.headers import BY_LAYER, int_width

ACTIONS = {"pass": "MCC_PASS", "drop": "MCC_DROP", "close": "MCC_CLOSE", "reset": "MCC_RESET"}

LAYER_TESTS = {f"is_{n}": f"MCC_{n.upper()}" for n in
               ("eth", "vlan", "arp", "ip", "ip6", "tcp", "udp", "icmp", "icmp6")}
PACKET_ATTRS: dict[str, tuple[str, h.IntType]] = {
    "length": ("len", h.U32), "in_port": ("in_port", h.U8), "at": ("at", h.U64)}


@dataclass(frozen=True)
class Scope:
    """One function's C names. `c`: of locals and arguments; `found`: of the flags that go with OptType locals; `lens`:
    of the lengths that go with chunks; `words`: of the hidden states of its matchers; `data`: of long data of edits."""

    code: Code
    names: Names
    func: h.Func
    known: dict[str, Effects]
    c: dict[str, str]
    found: dict[str, str]
    types: dict[str, h.Type]
    count: str
    result: str
    inline: bool
    lens: dict[str, str]
    words: str
    data: dict[bytes, str]
    printer: Printer = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "printer", Printer(self.leaf))

    def role(self, role: str) -> str:
        """The C name of the argument with that role; "" if the function has none."""
        return next((self.c[a.name] for a in self.func.args if a.role == role), "")

    def state(self, name: str) -> str:
        return f"box->{self.names.node}.{c_name(name)}"

    # ------------------------------------------------------------ expressions

    def leaf(self, e: h.Expr) -> Text | None:
        match e:
            case h.Local():
                return Text(self.c[e.name], PRIMARY, _ct(e.type))
            case h.OptValue():
                return self.opt_value(e)
            case h.IsNone(a=h.Local(name=name)):
                return Text(self.found[name], PRIMARY, h.U8) if e.negated else \
                    Text(f"!{self.found[name]}", UNARY, INT)
            case h.Field():
                return Text(self.field(e), POST, _ct(e.type))
            case h.Header():
                return self.header(e)
            case h.Attr():
                return self.attr(e)
            case h.TableLoad():
                index = "".join(f"[{self.index(i)}]" for i in e.index)
                return Text(f"{self.names.table(e.table)}{index}", POST, _ct(e.type))
            case h.TableLen():
                rows = next(d.rows for d in self.code.state if isinstance(d, TableDecl) and d.name == e.table)
                return literal(e.type, rows)
            case h.StateRead():
                live = any(isinstance(d, LiveDecl) and d.name == e.name for d in self.code.state)
                place = self.state(e.name)
                return Text(f"MCC_LIVE({place})" if live else place, POST, _ct(e.type))
            case h.InlineCall():
                return Text(self.call(e), POST, _ct(e.type))
            case h.Action():
                return Text(str(e.port) if e.kind == "to" else ACTIONS[e.kind], PRIMARY, LIT)
            case _:
                return self.stream_leaf(e)

    def stream_leaf(self, e: h.Expr) -> Text | None:
        """What streams, chunks and matches are asked for."""
        st = self.role("stream")
        match e:
            case h.StreamAttr():
                return self.stream_attr(e, st)
            case h.StreamMark():
                return Text(f"mcc_stream_mark({st})", POST, h.U64)
            case h.StreamNeed():
                return Text(f"mcc_stream_need({st}, {self.printer.argument(h.U64, e.n)})", POST, h.U8)
            case h.StreamAt():
                return Text(f"mcc_stream_at({st}, {self.printer.argument(h.U64, e.index)})", POST, h.U8)
            case h.ChunkLen():
                return self.fit(Text(self.lens[e.chunk], PRIMARY, h.U32), e)
            case h.ChunkAt():
                return Text(f"{self.c[e.chunk]}[{self.index(e.index)}]", POST, h.U8)
            case h.ChunkDigest():
                args = f"{self.printer.value(e.seed)}, {self.c[e.chunk]}, {self.lens[e.chunk]}"
                return Text(f"mcc_{e.kind}({args})", POST, h.U32)
            case h.HsCall():
                return Text(self.hs_call(e), POST, h.U32)
            case h.MatchAttr():
                ct = h.U16 if e.name == "index" else h.U64
                return Text(f"{self.c[e.match]}.{e.name}", POST, ct)
            case _:
                return None

    def hs_call(self, e: h.HsCall) -> str:
        db = self.state(e.db)
        if e.method == "first":
            return f"{db}.first"
        place = f"{self.role(e.base.value)}->{c_name(e.field)}" if e.base is not None else ""
        chunk = f", {self.c[e.chunk]}, {self.lens[e.chunk]}" if e.chunk else ""
        return f"mcc_hs_{e.method}(&{db}, &{place}{chunk})"

    def stream_attr(self, e: h.StreamAttr, st: str) -> Text:
        match e.name:
            case "is_last" | "to_server":
                return Text(f"{st}->{e.name}", POST, h.U8)
            case "to_client":
                return Text(f"!{st}->to_server", UNARY, INT)
            case "start":
                return Text(f"{st}->start", POST, h.U64)
            case "position":
                return Text(f"mcc_stream_mark({st})", POST, h.U64)
            case _:
                return self.fit(Text(f"mcc_stream_available({st})", POST, h.U64), e)

    def opt_value(self, e: h.OptValue) -> Text:
        assert isinstance(e.a, h.Local) and isinstance(e.type, h.IntType)
        x = Text(self.c[e.a.name], PRIMARY, h.U64)
        return x if e.type == h.U64 else Text(f"({c_type(e.type)}){x.text}", UNARY, e.type)

    def field(self, e: h.Field) -> str:
        index = f"[{self.index(e.index)}]" if e.index is not None else ""
        return f"{self.role(e.base.value)}->{c_name(e.name)}{index}"

    def index(self, e: h.Expr) -> str:
        return self.printer.text(e).text

    def header(self, e: h.Header) -> Text:
        f = BY_LAYER[e.layer][e.name]
        ct = h.U8 if f.width == 1 else h.IntType(int_width(f))
        return Text(f"{getter(e.layer, e.name)}({self.c[e.packet]})", POST, ct)

    def attr(self, e: h.Attr) -> Text:
        base = self.c[e.base]
        if e.name in ("to_server", "is_new"):
            return Text(f"{base}.{e.name}", POST, h.U8)
        if e.name == "to_client":
            return Text(f"!{base}.to_server", UNARY, INT)
        if e.name in LAYER_TESTS:
            return Text(f"({base}->layers & {LAYER_TESTS[e.name]}) != 0", EQ, INT)
        if e.name == "next_hop":
            return Text(f"mcc_next_hop({base})", POST, h.U32)
        if e.name == "count":
            return self.fit(Text(self.count, PRIMARY, h.U32), e)
        if e.name == "bytes":
            return self.fit(Text(f"mcc_batch_bytes({base}, {self.count})", POST, h.U32), e)
        member, ct = PACKET_ATTRS[e.name]
        return self.fit(Text(f"{base}->{member}", POST, ct), e)

    def fit(self, x: Text, e: h.Expr) -> Text:
        """Cut to the expression's type where the frontend has given a narrower one."""
        assert isinstance(e.type, h.IntType) and isinstance(x.ct, h.IntType)
        return x if x.ct.bits <= e.type.bits else Text(f"({c_type(e.type)}){wrapped(x, UNARY)}", UNARY, e.type)

    # ------------------------------------------------------------ calls

    def call(self, e: h.InlineCall, *more: str) -> str:
        return f"{self.names.handler(e.name)}({', '.join([*self.arguments(e), *more])})"

    def arguments(self, e: h.InlineCall) -> list[str]:
        out = ["box"] if self.known[e.name].box else []
        for a in e.args:
            out.append(self.printer.value(a))
            if a.type == h.BATCH:
                out.append(self.count)
        return out


def _ct(t: h.Type) -> CType:
    """Locals and members of bool promote as a byte does."""
    match t:
        case h.IntType():
            return t
        case h.BoolType():
            return h.U8
        case h.MarkType():
            return h.U64
        case _:
            return LIT
