"""LIR statements as C."""

from __future__ import annotations

from typing import Any

from mcc.emit.accessors import setter
from mcc.emit.cexpr import BINARY, SYMBOL, as_type, cast, common, literal, unknown
from mcc.emit.keys import reply_mask
from mcc.emit.leaves import Scope
from mcc.emit.lines import Lines, wrap_list
from mcc.emit.names import c_name, c_type
from mcc.emit.streams import StreamStatements, c_string, moves_cursor, sees_cursor
from mcc.ir import func as h
from mcc.ir.lir import Cached, Check, CheckBelow, Declare, Define, Fault, ends, walk

Block = tuple[h.Stmt, ...]


class StatementPrinter(StreamStatements):
    def __init__(self, scope: Scope, lines: Lines) -> None:
        super().__init__(scope, lines)
        self.packets = [scope.role("packet")] if scope.role("packet") else []

    def block(self, body: Block) -> None:
        loop = self.cursors[-1] if self.cursors else None
        synced = loop is not None and loop.synced
        for i, s in enumerate(body):
            self.statement(s)
            if isinstance(s, (Define, Declare)):
                self.unread(s.name, body[i + 1:])
        if loop:
            loop.synced = synced

    def sets(self, left: str, e: h.Expr) -> None:
        """`left = e;`, folded where it is too long."""
        if isinstance(e, h.InlineCall):
            self.calls(f"{left} = {self.s.names.handler(e.name)}", self.s.arguments(e))
        elif isinstance(e, h.PortsTake):
            self.calls(f"{left} = mcc_ports_take", [f"&{self.s.state(e.name)}"])
        elif isinstance(e, h.Park):
            self.calls(f"{left} = mcc_box_park", self.park(e))
        else:
            e = self.shorter(f"{left} = ", e, ";")
            self.long(f"{left} = ", self.p.value(e), ";")

    def opens(self, word: str, cond: h.Expr, again: bool = False) -> None:
        """`if (cond) {`; `again`: `} else if (cond) {`."""
        head = f"{'} else ' if again else ''}{word} ("
        if again:
            self.out.depth -= 1
        else:
            cond = self.shorter(head, cond, ") {")
        self.long(head, self.p.condition(cond), ") {")
        self.out.depth += 1

    # ------------------------------------------------------------ statements

    def statement(self, s: h.Stmt) -> None:
        self.out.mark(s.span)
        if sees_cursor(s):
            self.sync()
        self.print(s)
        if moves_cursor(s):
            self.reload()

    def print(self, s: h.Stmt) -> None:
        match s:
            case h.Let() | Define():
                self.let(s)
            case Declare():
                self.declare(s.name)
            case h.Store():
                self.store(s)
            case Check():
                self.check(s)
            case CheckBelow():
                self.check_below(s)
            case Fault():
                for row in self.fault():
                    self.out.add(row)
            case Cached():
                self.cached(s)
            case h.If():
                self.branch(s)
            case h.Switch():
                self.switch(s)
            case h.ForRange():
                self.for_range(s)
            case h.ForPackets():
                self.for_packets(s)
            case h.Return():
                self.returns(s)
            case h.ForBytes():
                self.for_bytes(s)
            case h.ForChunks():
                self.for_chunks(s)
            case h.ForMatches():
                self.for_matches(s)
            case h.Break():
                if self.dones[-1]:
                    self.out.add(f"{self.dones[-1]} = true;")
                self.out.add("break;")
            case h.Continue():
                self.out.add("continue;")
            case h.Eval():
                self.eval(s.value)
            case _:
                self.service(s)

    def declare(self, name: str) -> None:
        t = self.s.types[name]
        if isinstance(t, h.OptType):
            self.out.add(f"uint64_t {self.s.c[name]} = 0;")
            self.out.add(f"bool {self.s.found[name]} = false;")
        else:
            self.out.add(f"{c_type(t)} {self.s.c[name]} = {'false' if isinstance(t, h.BoolType) else 0};")

    def let(self, s: h.Let | Define) -> None:
        t = self.s.types[s.name]
        name = self.s.c[s.name]
        new = isinstance(s, Define)
        if isinstance(t, h.OptType):
            self.let_opt(s.name, s.value, new)
        elif isinstance(s.value, h.InlineCall) and self.s.known[s.value.name].fault:
            if new:
                self.declare(s.name)
            self.faulting_call(s.value, f"&{name}")
        elif new:
            self.sets(f"{c_type(t)} {name}", s.value)
        else:
            self.update(name, h.Local(t, 0, 0, s.span, s.name), s.value)

    def unread(self, name: str, rest: Block) -> None:
        """A local that nothing reads in the rest of its block: no warning about it."""
        if not any(isinstance(n, h.Local) and n.name == name for n in walk(rest)):
            self.out.add(f"(void){self.s.c[name]};")

    def let_opt(self, word: str, e: h.Expr, new: bool) -> None:
        name, found = self.s.c[word], self.s.found[word]
        if isinstance(e, h.Local):
            self.out.add(f"{'uint64_t ' if new else ''}{name} = {self.s.c[e.name]};")
            self.out.add(f"{'bool ' if new else ''}{found} = {self.s.found[e.name]};")
            return
        assert isinstance(e, h.MapGet)
        if new:
            self.out.add(f"uint64_t {name} = 0;")
        args = [f"&{self.s.state(e.map)}", self.key(e.key), "mcc_box_now(box)", f"&{name}"]
        self.calls(f"{'bool ' if new else ''}{found} = mcc_map_get", args)

    def key(self, e: h.Expr) -> str:
        return self.p.argument(h.U64, e)

    def faulting_call(self, e: h.InlineCall, *result: str) -> None:
        self.unless(self.s.names.handler(e.name), [*self.s.arguments(e), *result])

    def check(self, s: Check) -> None:
        text = self.p.text(s.index).text
        below = f"{text} < 0 || " if s.index.lo < 0 else ""
        self.guard(lambda tail: self.out.add(f"if ({below}{text} >= {literal(s.index.type, s.bound).text}{tail}"))

    # ------------------------------------------------------------ stores

    def store(self, s: h.Store) -> None:
        place = s.place
        match place:
            case h.Header():
                head = f"{setter(place.layer, place.name)}"
                self.calls(head, [self.s.c[place.packet], self.simple(s.value)])
            case h.Attr(name="next_hop"):
                self.sets(f"{self.s.c[place.base]}->next_hop", s.value)
            case h.Field():
                self.update(self.s.field(place), place, s.value)
            case h.StateRead():
                self.update(self.s.state(place.name), place, s.value)
            case _:
                unknown(place)

    def simple(self, e: h.Expr) -> str:
        """A value as an argument, effects included."""
        if isinstance(e, h.PortsTake):
            return f"mcc_ports_take(&{self.s.state(e.name)})"
        return self.p.value(e)

    def update(self, left: str, place: h.Expr, e: h.Expr) -> None:
        """`left = e`, or `left += x` where that says the same without a cast."""
        t = e.type
        if isinstance(e, h.Bin) and isinstance(t, h.IntType) and t.bits >= 32 and not t.signed \
                and e.op in BINARY and e.op not in ("<<", ">>") and _same_place(e.a, place):
            sign = f"{left} {SYMBOL.get(e.op, e.op)}= "
            _, x = common(t, self.p.text(e.a), self.p.text(self.shorter(sign, e.b, ";")))
            self.long(sign, x.text, ";")
        else:
            self.sets(left, e)

    # ------------------------------------------------------------ control

    def branch(self, s: h.If, again: bool = False) -> None:
        if s.then and isinstance(s.then[0], Fault) and not s.orelse and not again:
            self.guard(lambda tail: self.long("if (", self.p.condition(s.cond), tail))
            return
        self.opens("if", s.cond, again)
        if again:
            self.out.mark(s.span)
        self.block(s.then)
        match s.orelse:
            case ():
                self.out.close()
            case (h.If() as chained,) if not _lone_fault(chained):
                self.branch(chained, again=True)
            case _:
                self.out.reopen("else")
                self.block(s.orelse)
                self.out.close()

    def switch(self, s: h.Switch) -> None:
        subject = self.p.text(self.shorter("switch (", s.subject, ") {"))
        if isinstance(s.subject, h.Cast) and isinstance(s.subject.a.type, h.BoolType):
            subject = cast(h.I32, subject)  # -Wswitch-bool
        self.long("switch (", subject.text, ") {")
        for c in s.cases:
            for v in c.values[:-1]:
                self.out.add(f"case {literal(s.subject.type, v).text}:")
            self.case(f"case {literal(s.subject.type, c.values[-1]).text}: {{", c.body)
        if s.default:
            self.case("default: {", s.default)
        else:
            self.out.add("default:")
            self.out.add("    break;")
        self.out.add("}")

    def case(self, head: str, body: Block) -> None:
        self.out.add(head)
        self.out.depth += 1
        self.block(body)
        if not ends(body):
            self.out.add("break;")
        self.out.close()

    def for_range(self, s: h.ForRange) -> None:
        name = self.s.c[s.name]
        start, stop = self.p.value(s.start), self.p.text(s.stop).text
        if s.step == 1:
            step = f"{name}++"
        elif s.type.bits >= 32:
            step = f"{name} += {s.step}"
        else:
            step = f"{name} = ({c_type(s.type)})({name} + {s.step})"
        self.out.open(f"for ({c_type(s.type)} {name} = {start}; {name} < {stop}; {step})")
        self.loop_body(s.body)
        self.out.close()

    def text_of(self, texts: tuple[bytes, ...], index: h.Expr) -> str:
        """An item of a list of texts, which is declared here."""
        name = c_name("texts", self.taken())
        self.flags.add(name)
        for row in wrap_list(f"static const char *const {name}[] = {{", [c_string(t) for t in texts], "};",
                             4 * self.out.depth):
            self.out.add(row)
        return f"{name}[{self.p.text(index).text}]"

    def for_packets(self, s: h.ForPackets) -> None:
        name, batch = self.s.c[s.name], self.s.role("batch")
        at = c_name(f"{name}_at", set(self.s.c.values()) | {self.s.count, self.s.result})
        self.out.open(f"for (uint32_t {at} = 0; {at} < {self.s.count}; {at}++)")
        if any(getattr(n, "packet", None) == s.name or getattr(n, "base", None) == s.name
               or (isinstance(n, h.Local) and n.name == s.name) or isinstance(n, h.Alert) for n in walk(s.body)):
            self.out.add(f"struct mcc_packet *{name} = {batch}[{at}];")
        self.packets.append(name)
        self.loop_body(s.body)
        self.packets.pop()
        self.out.close()

    def returns(self, s: h.Return) -> None:
        fallible = self.s.inline and self.s.known[self.s.func.name].fault
        for row in self.leaving():
            self.out.add(row)
        if s.value is None:
            self.out.add("return true;" if fallible else "return;" if self.s.inline else "return MCC_PASS;")
        elif fallible:
            self.sets(f"*{self.s.result}", s.value)
            self.out.add("return true;")
        elif isinstance(s.value, h.Park):
            self.calls("return mcc_box_park", self.park(s.value))
        elif isinstance(s.value, h.PortsTake):
            self.out.add(f"return {self.simple(s.value)};")
        else:
            self.long("return ", self.p.value(self.shorter("return ", s.value, ";")), ";")

    # ------------------------------------------------------------ effects

    def park(self, e: h.Park) -> list[str]:
        return ["box", str(self.s.names.node_index), f"&{self.s.state(e.map)}", self.key(e.key), self.s.c[e.packet]]

    def eval(self, e: h.Expr) -> None:
        match e:
            case h.InlineCall():
                self.calls(self.s.names.handler(e.name), self.s.arguments(e))
            case h.PortsTake():
                self.out.add(f"(void){self.simple(e)};")
            case h.Park():
                self.calls("(void)mcc_box_park", self.park(e))
            case h.MapGet() | h.HsCall(method="first"):
                pass
            case h.StreamNeed() | h.HsCall():
                self.out.add(f"{self.p.value(e)};")
            case h.StreamEdit():
                self.edit(e)
            case _:
                unknown(e)

    def service(self, s: Any) -> None:
        """Statements that call the runtime or a service of the module."""
        node = str(self.s.names.node_index)
        match s:
            case h.CounterAdd():
                one = isinstance(s.amount, h.Const) and s.amount.value == 1
                place = self.s.state(s.name)
                self.out.add(f"{place}++;" if one else f"{place} += {self.key(s.amount)};")
            case h.MapPut():
                self.calls("mcc_map_put", [f"&{self.s.state(s.map)}", self.key(s.key), self.key(s.value),
                                           "mcc_box_now(box)"])
            case h.MapDelete():
                self.calls("mcc_map_delete", [f"&{self.s.state(s.map)}", self.key(s.key)])
            case h.PortsGive():
                self.calls("mcc_ports_give", [f"&{self.s.state(s.name)}", self.p.value(s.port)])
            case h.ReplyKey():
                said = (s.src, s.sport, s.dst, s.dport)
                self.calls("mcc_flow_reply_key", ["box", self.s.role("flow"), reply_mask(said), *(
                    "0" if x is None else self.p.value(x) for x in said)])
            case h.SetTimeout():
                self.calls("mcc_flow_set_timeout", ["box", self.s.role("flow"), self.p.value(s.seconds)])
            case h.Alert():
                packet = self.packets[-1] if self.packets else "NULL"
                text = c_string(s.text) if s.index is None else self.text_of(s.texts, s.index)
                self.calls("mcc_box_alert", ["box", node, self.p.value(s.id), text, packet])
            case h.EmitArp():
                self.calls("mcc_box_emit_arp", ["box", node, str(s.port), *(
                    self.p.value(x) for x in (s.spa, s.sha, s.tpa))])
            case h.EmitCopy():
                self.calls("mcc_box_emit_copy", ["box", node, str(s.port), self.s.c[s.packet]])
            case h.VlanPush():
                vid = as_type(h.U16, self.p.text(s.vid)).text
                self.unless("mcc_push_vlan", [self.s.c[s.packet], vid])
            case h.VlanPop():
                self.calls("mcc_pop_vlan", [self.s.c[s.packet]])
            case _:
                self.stream_service(s)


def _lone_fault(s: h.If) -> bool:
    return bool(s.then) and isinstance(s.then[0], Fault) and not s.orelse


def _same_place(a: h.Expr, place: h.Expr) -> bool:
    match a, place:
        case h.StateRead(name=x), h.StateRead(name=y):
            return x == y
        case h.Local(name=x), h.Local(name=y):
            return x == y
        case h.Field(), h.Field():
            same = a.base == place.base and a.name == place.name
            return same and _same_index(a.index, place.index)
        case _:
            return False


def _same_index(a: h.Expr | None, b: h.Expr | None) -> bool:
    match a, b:
        case None, None:
            return True
        case h.Local(name=x), h.Local(name=y):
            return x == y
        case h.Const(value=v), h.Const(value=w):
            return v == w
        case _:
            return False
