"""Known functions and methods, as values (`call`) and for their effect (`effect`); everything else is refused.

    u8(x) => (cast u8 x)     self.hops.get(k) => (map-get hops k)     emit(pkt, port=1) => (emit-copy pkt 1)
"""

from __future__ import annotations

import ast
import inspect
import types
from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from mcc.frontend.context import LITERAL, Known, shown, suggest, type_words
from mcc.frontend.declare import WIDTHS, int_type
from mcc.frontend.intervals import binary
from mcc.frontend.places import ATTRS, METHODS
from mcc.frontend.stores import Stores
from mcc.ir.element import CounterDecl, HsDecl, LiveDecl, MapDecl, PerCoreDecl, PortsDecl, TableDecl
from mcc.ir.func import (
    ACTION,
    BOOL,
    U16,
    U32,
    U64,
    U128,
    Action,
    Alert,
    Attr,
    Bin,
    Cast,
    Const,
    EmitArp,
    EmitCopy,
    Eval,
    Expr,
    InlineCall,
    IntType,
    MapDelete,
    MapGet,
    MapPut,
    OptType,
    Park,
    PortsGive,
    PortsTake,
    ReplyKey,
    SetTimeout,
    Stmt,
    TableLen,
    VlanPop,
    VlanPush,
)
from mcc.lang import packet as names
from mcc.lang.native import HsDatabase

NO_OUTPUTS = ("process_data has no outputs: what it lets through stays in the stream",
              "PASS, DROP, CLOSE or RESET; an element with process_packet may choose between ways")
NO_VALUE = {"emit": names.emit, "alert": names.alert}


class Calls(Stores):
    # ---------------------------------------------------------- values

    def call(self, node: ast.Call) -> Expr:
        method = self._method(node)
        if method is not None:
            return self._method_value(node, *method)
        f = self._callee(node)
        t = int_type(f)
        if t is not None:
            return self._cast_call(node, t)
        if f is bool:
            return self.condition(self.arguments(node, ["x"])["x"])
        if f is len:
            return self._len(node)
        if f is min or f is max:
            return self._min_max(node, "min" if f is min else "max")
        if f is names.to:
            return self._to(node)
        if getattr(f, "__mcc_inline__", False):
            self._positional(node)
            return self.inline_call(node, f)
        return self._not_a_value(node, f)

    def _callee(self, node: ast.Call) -> Any:
        """The build-time object that is called."""
        if isinstance(node.func, ast.Name):
            if node.func.id in self.names or node.func.id in self.args:
                self.mistake(node.func, f"{node.func.id} is a value, not a function")
            return self.lookup(node.func)
        if (isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "self"):
            return self.own_value(node.func)
        value = self.expr(node.func)
        if isinstance(value, Known):
            return value.value
        self.mistake(node.func, f"{shown(node.func)} is {type_words(value.type)}, not a function")

    def _not_a_value(self, node: ast.Call, f: Any) -> Expr:
        name = shown(node.func)
        if f in NO_VALUE.values():
            self.mistake(node, f"{name}() gives no value", "write it as a statement of its own")
        if f is names.arp_request:
            self.mistake(node, "arp_request() is for emit()", "emit(arp_request(spa, sha, tpa))")
        if f is range:
            self.mistake(node, "range() is for loops", "for i in range(n):")
        if f is int:
            self.mistake(node, "`int` has no width", f"cast to one of {WIDTHS}")
        if f is print:
            self.mistake(node, "print() is not for handlers", "alert(id, b\"text\"), or a Counter")
        if isinstance(f, types.FunctionType) and not f.__module__.startswith("mcc."):
            self.mistake(node, f"{name} is not an @inline helper",
                         f"put @inline above `def {f.__name__}`, with annotations")
        self.mistake(node, f"{name}() is not known in handlers",
                     suggest(name, ["len", "min", "max", "emit", "alert", "to", "bool", *WIDTHS.split(", ")],
                             "known: casts, len, min, max, to, emit, alert, @inline helpers"))

    def arguments(self, node: ast.Call, params: list[str], optional: int = 0, keyword_only: bool = False,
                  ) -> dict[str, ast.expr]:
        """Bind positional and keyword arguments to `params`, the last `optional` of which may be missing."""
        form = f"{shown(node.func)}({', '.join(f'{p}=' if keyword_only else p for p in params)})"
        out: dict[str, ast.expr] = {}
        if len(node.args) > (0 if keyword_only else len(params)):
            self.mistake(node, f"{shown(node.func)}() takes {len(params)} argument{'s' * (len(params) != 1)}"
                         + (", by name" if keyword_only else f", {len(node.args)} given"), form)
        out.update(zip(params, node.args, strict=False))
        for k in node.keywords:
            if k.arg is None or k.arg not in params:
                self.mistake(k, f"{shown(node.func)}() has no argument {k.arg!r}", form)
            if k.arg in out:
                self.mistake(k, f"{k.arg!r} is given twice", form)
            out[k.arg] = k.value
        for p in params[: len(params) - optional]:
            if p not in out:
                self.mistake(node, f"{shown(node.func)}() needs {p!r}", form)
        return out

    def _positional(self, node: ast.Call) -> None:
        for k in node.keywords:
            if k.arg is None:
                self.mistake(k, "`**` arguments are not for handlers", "write the arguments one by one")

    def _cast_call(self, node: ast.Call, t: IntType) -> Expr:
        arg = self.arguments(node, ["x"])["x"]
        e = self.expr(arg)
        if e.type == BOOL:
            if isinstance(e, Const):
                return self.const(e.value, t, node)
            return Cast(t, e.lo, e.hi, self.span(node), e)
        return self.cast(self.number(arg) if not isinstance(e.type, IntType) else e, t, node)

    def _len(self, node: ast.Call) -> Expr:
        arg = self.arguments(node, ["x"])["x"]
        found = self.array(arg)
        if found is not None:
            return self.const(found[2].length, U32, node)
        if isinstance(arg, ast.Name):
            role = self.role_of(arg.id)
            if role in ("batch", "packet"):
                return Attr(U32, 0, U32.max, self.span(node), arg.id, "count" if role == "batch" else "length")
            if role in ("chunk", "stream"):
                return self.length_of(node, arg.id)
        if isinstance(arg, ast.Attribute) and isinstance(arg.value, ast.Name) and arg.value.id == "self":
            decl = self.unit.state.get(arg.attr)
            if isinstance(decl, TableDecl):
                return TableLen(U32, decl.rows, decl.rows, self.span(node), decl.name)
            if decl is not None:
                self.mistake(node, f"a {type(self.own_value(arg)).__name__} has no len() in handlers")
        e = self.expr(arg)
        if isinstance(e, Known) and isinstance(e.value, (bytes, str, list, tuple, dict)):
            return self.const(len(e.value), LITERAL, node)
        self.mistake(node, f"{shown(arg)} has no len()",
                     "Tables, arrays, batches, packets, chunks and build-time bytes have")

    def _min_max(self, node: ast.Call, op: str) -> Expr:
        if len(node.args) < 2 or node.keywords:
            self.mistake(node, f"{op}() takes two or more integers", f"{op}(a, b)")
        parts = [(self.number(a), a) for a in node.args]
        literals = [v for e, _ in parts if (v := self.literal(e)) is not None]
        if len(literals) == len(parts):
            return self.const((min if op == "min" else max)(literals), LITERAL, node)
        out, out_node = parts[0]
        for e, n in parts[1:]:
            if out.type == LITERAL and e.type == LITERAL:
                v, w = self.literal(out), self.literal(e)
                assert v is not None and w is not None
                out = self.const((min if op == "min" else max)(v, w), LITERAL, node)
                continue
            a, b = self.common(out, e, node, out_node, n, op)
            assert isinstance(a.type, IntType)
            out = Bin(a.type, *binary(op, (a.lo, a.hi), (b.lo, b.hi), a.type), self.span(node), op, a, b)
        return out

    def _to(self, node: ast.Call) -> Expr:
        if self.role == "process_data":
            self.mistake(node, *NO_OUTPUTS)
        port = self.output(self.arguments(node, ["port"])["port"])
        return Action(ACTION, 0, 0, self.span(node), "to", port)

    def output(self, node: ast.expr) -> int:
        """A constant output number of the element."""
        e = self.number(node)
        if not isinstance(e, Const):
            self.mistake(node, f"an output must be constant, {shown(node)} is not",
                         "match it: `case 0: return to(0)` ...")
        outs = self.unit.elem.ports[1]
        if not 0 <= e.value < outs:
            self.mistake(node, f"{self.unit.elem.name} has no output {e.value}: it has {outs}",
                         f"declare ports=({self.unit.elem.ports[0]}, {e.value + 1})" if e.value > 0 else "")
        return e.value

    # ---------------------------------------------------------- methods

    def _method(self, node: ast.Call) -> tuple[str, str, str] | None:
        """(what it is called on, its name, the method) for packets, batches, flows and state; else None."""
        f = node.func
        if not isinstance(f, ast.Attribute):
            return None
        if isinstance(f.value, ast.Name):
            role = self.role_of(f.value.id)
            return (role, f.value.id, f.attr) if role else None
        v = f.value
        if isinstance(v, ast.Attribute) and isinstance(v.value, ast.Name):
            if v.value.id == "self" and v.attr in self.unit.state:
                return "state", v.attr, f.attr
            if self.role_of(v.value.id) is not None:
                self.mistake(node, f"{shown(v)} has no methods", "")
        return None

    def _method_value(self, node: ast.Call, kind: str, name: str, method: str) -> Expr:
        decl = self.unit.state.get(name) if kind == "state" else None
        if isinstance(decl, MapDecl) and method == "get":
            key = self._key(node, decl, self.arguments(node, ["key"])["key"])
            return MapGet(OptType(decl.value), 0, 0, self.span(node), name, key)
        if isinstance(decl, MapDecl) and method == "park":
            return self._park(node, decl)
        if isinstance(decl, PortsDecl) and method == "take":
            self.arguments(node, [])
            return PortsTake(U16, 0, decl.hi, self.span(node), name)
        if isinstance(decl, HsDecl) and method in METHODS[HsDatabase]:
            return self.hs_call(node, decl, method)
        self._known_method(node, kind, name, method)
        self.mistake(node, f"{shown(node.func)}() gives no value", "write it as a statement of its own")

    @abstractmethod
    def hs_call(self, node: ast.Call, decl: HsDecl, method: str) -> Expr:
        """A call of a database of patterns."""

    def _known_method(self, node: ast.Call, kind: str, name: str, method: str) -> None:
        if kind == "state":
            owner = type(vars(self.unit.inst)[name])
            have = METHODS[owner]
            if isinstance(self.unit.state[name], (PerCoreDecl, LiveDecl, CounterDecl)):
                have = ()
            what = f"a {owner.__name__}"
        else:
            have, what = METHODS.get(kind, ()), f"the {kind}"
            if method in ATTRS.get(kind, {}):
                self.mistake(node, f"{shown(node.func)} is not a method", f"write {shown(node.func)} without ()")
        if method not in have:
            self.mistake(node, f"{what} has no method {method!r}",
                         suggest(method, have, f"known: {', '.join(have)}" if have else ""))

    def _key(self, node: ast.Call, decl: MapDecl, arg: ast.expr) -> Expr:
        return self.fit(self.number(arg), decl.key, arg, f"a key of self.{decl.name}")

    def _park(self, node: ast.Call, decl: MapDecl) -> Expr:
        a = self.arguments(node, ["key", "pkt"])
        key = self._key(node, decl, a["key"])
        packet = self._packet(a["pkt"])
        if self.role != "process_packet":
            self.mistake(node, "park() is for process_packet", "it keeps the packet that the handler was called for")
        return Park(ACTION, 0, 0, self.span(node), decl.name, key, packet)

    def _packet(self, node: ast.expr) -> str:
        if isinstance(node, ast.Name) and self.role_of(node.id) == "packet":
            return node.id
        self.mistake(node, f"{shown(node)} is not a packet", "give the handler's packet argument")

    # ---------------------------------------------------------- effects

    def effect(self, node: ast.Call) -> Stmt:
        """A call as a statement."""
        method = self._method(node)
        if method is not None:
            return self._method_effect(node, *method)
        f = self._callee(node)
        if f is names.emit:
            return self._emit(node)
        if f is names.alert:
            return self._alert(node)
        if getattr(f, "__mcc_inline__", False):
            self._positional(node)
            return Eval(self.span(node), self.inline_call(node, f))
        e = self.call(node)
        self.mistake(node, f"the result of {shown(node.func)}() is not used",
                     "return it" if e.type == ACTION else "assign it to a local")

    def _method_effect(self, node: ast.Call, kind: str, name: str, method: str) -> Stmt:
        span = self.span(node)
        match kind, method:
            case "packet", "push_vlan":
                arg = self.arguments(node, ["vid"])["vid"]
                vid = self.fit(self.number(arg), U16, arg, "a VLAN number")
                self.check_width(vid, 12, arg, "a VLAN number")
                self._vlan_changed(name)
                return VlanPush(span, name, vid)
            case "packet", "pop_vlan":
                self.arguments(node, [])
                self._vlan_changed(name)
                return VlanPop(span, name)
            case "flow", "reply_key":
                return self._reply_key(node)
            case "flow", "set_timeout":
                arg = self.arguments(node, ["seconds"])["seconds"]
                return SetTimeout(span, self.fit(self.number(arg), U32, arg, "seconds"))
            case "state", _:
                return self._state_effect(node, name, method)
        self._known_method(node, kind, name, method)
        raise AssertionError(method)

    def _state_effect(self, node: ast.Call, name: str, method: str) -> Stmt:
        decl, span = self.unit.state[name], self.span(node)
        match decl:
            case MapDecl() if method == "put":
                a = self.arguments(node, ["key", "value"])
                key = self._key(node, decl, a["key"])
                value = self.fit(self.number(a["value"]), decl.value, a["value"], f"a value of self.{name}")
                self.unit.put(name, (value.lo, value.hi))
                return MapPut(span, name, key, value)
            case MapDecl() if method == "delete":
                return MapDelete(span, name, self._key(node, decl, self.arguments(node, ["key"])["key"]))
            case PortsDecl() if method == "give":
                arg = self.arguments(node, ["port"])["port"]
                return PortsGive(span, name, self.fit(self.number(arg), U16, arg, "a port"))
            case PortsDecl() if method == "take":
                return Eval(span, self._method_value(node, "state", name, method))
            case HsDecl() if method in ("scan", "finish"):
                return Eval(span, self._method_value(node, "state", name, method))
        self._known_method(node, "state", name, method)
        e = self._method_value(node, "state", name, method)
        self.mistake(node, f"the result of {shown(node.func)}() is not used",
                     f"return {shown(node)}" if e.type == ACTION else "assign it to a local")

    def _vlan_changed(self, packet: str) -> None:
        """Tags moved: nothing that was known of headers stays, but which layers behind the tags are there."""
        self.unit.writes.add("vlan")
        self.touch(packet, "eth")
        self.env.forget("header")
        self.env.forget("attr")
        self.env.layers = {p: have - {"vlan"} for p, have in self.env.layers.items()}

    def _reply_key(self, node: ast.Call) -> Stmt:
        a = self.arguments(node, ["src", "sport", "dst", "dport"], 4, keyword_only=True)
        if not a:
            self.mistake(node, "reply_key() says nothing", "flow.reply_key(dst=self.public, dport=port): what answers "
                         "carry that their mirrored question does not")
        if self.role != "new_session":
            self.mistake(node, "reply_key() is for new_session",
                         "the flow of the answers is made with the first packet")
        session = self.unit.elem.session
        if session is None or not session.bidirectional:
            self.mistake(node, "reply_key() needs a session that is bidirectional", "Session(..., bidirectional=True)")
        values = {k: self.number(a[k]) for k in ("src", "sport", "dst", "dport") if k in a}
        wide = any(values[k].type == U128 for k in ("src", "dst") if k in values)
        address = U128 if wide else U32
        for k in ("src", "dst"):
            if wide and k in values and values[k].type not in (U128, LITERAL):
                self.mistake(a[k], "src and dst are of one family: one of these is an IPv4, one an IPv6 address")
        types = {"src": address, "sport": U16, "dst": address, "dport": U16}
        return ReplyKey(self.span(node), *(
            self.fit(values[k], t, a[k], k) if k in values else None for k, t in types.items()))

    def _emit(self, node: ast.Call) -> Stmt:
        a = self.arguments(node, ["packet", "port"], 1)
        if self.role in ("process_data", "release_stream"):
            self.mistake(node, f"emit() sends packets, {self.role} has none", "stream.insert(mark, data) puts bytes in")
        port = self.output(a["port"]) if "port" in a else 0
        made = a["packet"]
        if isinstance(made, ast.Call) and self._method(made) is None and self._callee(made) is names.arp_request:
            b = self.arguments(made, ["spa", "sha", "tpa"])
            types = {"spa": U32, "sha": U64, "tpa": U32}
            spa, sha, tpa = (self.fit(self.number(b[k]), t, b[k], k) for k, t in types.items())
            self.check_width(sha, 48, b["sha"], "a MAC address")
            return EmitArp(self.span(node), spa, sha, tpa, port)
        return EmitCopy(self.span(node), self._packet(made), port)

    def _alert(self, node: ast.Call) -> Stmt:
        a = self.arguments(node, ["id", "text"], 1)
        ident = self.fit(self.number(a["id"]), U32, a["id"], "the id of an alert")
        text = b""
        if isinstance(a.get("text"), ast.Subscript):
            return self._alert_of(node, ident, a["text"])
        if "text" in a:
            e = self.expr(a["text"])
            if not isinstance(e, Known) or not isinstance(e.value, (bytes, str)):
                self.mistake(a["text"], "the text of an alert must be constant bytes or str",
                             'alert(1, b"what it means")')
            text = e.value if isinstance(e.value, bytes) else e.value.encode()
        return Alert(self.span(node), ident, text)

    def _alert_of(self, node: ast.Call, ident: Expr, item: ast.expr) -> Stmt:
        """alert(id, self.texts[i]): one of the texts known at build time."""
        assert isinstance(item, ast.Subscript)
        e = self.expr(item.value)
        texts = e.value if isinstance(e, Known) and isinstance(e.value, (list, tuple)) else ()
        if not texts or not all(isinstance(x, bytes) for x in texts):
            self.mistake(item.value, f"{shown(item.value)} is no constant list of bytes",
                         "an attribute set in setup: self.texts = [b\"one\", b\"two\"]")
        index = self.fit(self.number(item.slice), U32, item.slice, "the index of a text")
        if index.hi >= len(texts):
            self.mistake(item.slice, f"cannot prove that {shown(item.slice)} is below {len(texts)}",
                         f"min({shown(item.slice)}, {len(texts) - 1})")
        return Alert(self.span(node), ident, b"", index, tuple(texts))

    # ---------------------------------------------------------- @inline

    def bound_arguments(self, node: ast.Call, f: Callable[..., Any]) -> list[ast.expr]:
        """The arguments of a helper's call in the order of its parameters (`self` left out)."""
        params = [p for p in inspect.signature(f).parameters if p != "self"]
        bound = self.arguments(node, params)
        return [bound[p] for p in params]

    def called(self, node: ast.Call, name: str, t: Any, r: tuple[int, int], args: list[Expr]) -> Expr:
        """The call expression; a helper may have changed the element's state."""
        self.env.forget("state")
        return InlineCall(t, *r, self.span(node), name, tuple(args))
