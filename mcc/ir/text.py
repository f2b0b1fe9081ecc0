"""Typed HIR as S-expressions: what `mcc dump --stage typed` shows, and what tests of the frontend are written in.

The grammar is that of mcc.ir.func; beyond it `(checked e)` is an index that is tested at run time, and constants
carry no type where the other operand shows it. Deterministic: the same Code gives the same text.
"""

from __future__ import annotations

from typing import assert_never

from mcc.ir import func as f
from mcc.ir import lir
from mcc.ir.element import (
    Code,
    CounterDecl,
    HsDecl,
    LiveDecl,
    MapDecl,
    PerCoreDecl,
    PortsDecl,
    StateDecl,
    TableDecl,
)

_SHOWN_ITEMS = 8


def code_text(code: Code) -> str:
    """A whole instance: declarations, helpers, handlers. Ends with a newline."""
    lines = [f"(code {code.name} {code.type_name}"]
    lines += [f"  (needs {port}{_words(layers)})" for port, layers in enumerate(code.needs)]
    if code.writes:
        lines.append(f"  (writes{_words(code.writes)})")
    for what, struct in (("scratch", code.scratch), ("conn", code.conn)):
        if struct is not None:
            lines += [f"  ({what} {struct.name}", *(f"    {_field_decl(x)}" for x in struct.fields)]
            lines[-1] += ")"
    lines += [f"  {_state(d)}" for d in code.state]
    for func in code.inlines:
        lines += _indented(func_text(func), 2)
    for h in code.handlers:
        lines += [f"  ({h.role} {h.port}", *_indented(func_text(h.func), 4)]
        lines[-1] += ")"
    return "\n".join(lines) + ")\n"


def func_text(func: f.Func) -> str:
    """One function; no trailing newline."""
    args = "".join(f" ({a.name} {a.role if a.role != 'value' else a.type.name})" for a in func.args)
    head = f"(func {func.name} (args{args})"
    if func.returns is not None:
        head += f" (returns {func.returns.name})"
    if func.locals:
        head += f" (locals{''.join(f' ({n} {_type(t)})' for n, t in func.locals)})"
    return "\n".join([head, *_block(func.body, 2)]) + ")"


def _type(t: f.Type) -> str:
    return f"(opt {t.inner.name})" if isinstance(t, f.OptType) else t.name


def _words(names: frozenset[str]) -> str:
    return "".join(f" {n}" for n in sorted(names))


def _indented(text: str, n: int) -> list[str]:
    return [" " * n + line for line in text.split("\n")]


def _field_decl(x: f.StructField) -> str:
    below = f" (below {x.below})" if x.below else ""
    return f"({x.name} {x.type.name} {x.default}{below})"


def _state(d: StateDecl) -> str:
    match d:
        case TableDecl():
            shape = f"{d.rows}x{d.columns}" if d.columns else f"{d.rows}"
            items = " ".join(str(v) for v in d.data[:_SHOWN_ITEMS]) + (" ..." if len(d.data) > _SHOWN_ITEMS else "")
            return f"(table {d.name} {d.type.name} {shape} {items})"
        case MapDecl():
            start = "".join(f" ({k} {v})" for k, v in d.initial[:_SHOWN_ITEMS])
            start += " ..." if len(d.initial) > _SHOWN_ITEMS else ""
            return f"(map {d.name} {d.key.name} {d.value.name} {d.cap} (timeout {d.timeout:g}){start})"
        case PerCoreDecl():
            return f"(per-core {d.name} {d.type.name} {d.start})"
        case LiveDecl():
            return f"(live {d.name} {d.type.name} {d.start})"
        case CounterDecl():
            return f"(counter {d.name})"
        case PortsDecl():
            return f"(ports {d.name} {d.lo} {d.hi})"
        case HsDecl():
            return f"(hyperscan {d.name} {d.flags} {' '.join(map(repr, d.patterns[:_SHOWN_ITEMS]))})"
        case _:
            assert_never(d)


# ---------------------------------------------------------------- statements


def _block(body: tuple[f.Stmt, ...], indent: int) -> list[str]:
    return [line for s in body for line in _stmt(s, indent)]


def _closed(lines: list[str]) -> list[str]:
    return [*lines[:-1], lines[-1] + ")"]


def _stmt(s: f.Stmt, n: int) -> list[str]:
    pad = " " * n
    match s:
        case f.If(cond=cond, then=then, orelse=orelse):
            lines = _closed([f"{pad}(if {expr_text(cond)}", f"{pad}  (then", *_block(then, n + 4)])
            if orelse:
                lines += _closed([f"{pad}  (else", *_block(orelse, n + 4)])
            return _closed(lines)
        case f.ForRange(name=name, start=start, stop=stop, step=step, body=body):
            head = f"{pad}(for-range {name} {s.type.name} {expr_text(start)} {expr_text(stop)} {step}"
            return _closed([head, *_block(body, n + 2)])
        case f.ForPackets(name=name, body=body):
            return _closed([f"{pad}(for-packets {name}", *_block(body, n + 2)])
        case f.ForBytes(name=name, chunk=chunk, body=body):
            return _closed([f"{pad}(for-bytes {name} {chunk or 'stream'}", *_block(body, n + 2)])
        case f.ForChunks(name=name, body=body):
            return _closed([f"{pad}(for-chunks {name}", *_block(body, n + 2)])
        case f.ForMatches(name=name, body=body):
            return _closed([f"{pad}(for-matches {name} {_search(s)}", *_block(body, n + 2)])
        case lir.Cached(fields=places, names=names, body=body):
            pairs = " ".join(f"({expr_text(place)} {name})" for place, name in zip(places, names, strict=True))
            return _closed([f"{pad}(cached ({pairs})", *_block(body, n + 2)])
        case f.Switch(subject=subject, cases=cases, default=default):
            lines = [f"{pad}(switch {expr_text(subject)}"]
            for c in cases:
                lines += _closed([f"{pad}  (case ({' '.join(map(str, c.values))})", *_block(c.body, n + 4)])
            if default:
                lines += _closed([f"{pad}  (default", *_block(default, n + 4)])
            return _closed(lines)
    return [f"{pad}({_simple(s)})"]


def _search(s: f.ForMatches) -> str:
    words = " ".join(repr(w) for w in s.words[:_SHOWN_ITEMS]) + (" ..." if len(s.words) > _SHOWN_ITEMS else "")
    return f"{s.slot} ({words}){' holds' if s.holds else ''}"


def _simple(s: f.Stmt) -> str:
    e = expr_text
    match s:
        case f.Let(name=name, value=value):
            return f"let {name} {e(value)}"
        case f.Store(place=place, value=value):
            return f"store {e(place)} {e(value)}"
        case f.Return(value=value):
            return "return" if value is None else f"return {e(value)}"
        case f.Break():
            return "break"
        case f.Continue():
            return "continue"
        case f.Assert(cond=cond):
            return f"assert {e(cond)}"
        case f.Eval(value=value):
            return f"eval {e(value)}"
        case f.CounterAdd(name=name, amount=amount):
            return f"count-up {name} {e(amount)}"
        case f.MapPut(map=m, key=key, value=value):
            return f"map-put {m} {e(key)} {e(value)}"
        case f.MapDelete(map=m, key=key):
            return f"map-delete {m} {e(key)}"
        case f.PortsGive(name=name, port=port):
            return f"give {name} {e(port)}"
        case f.ReplyKey(src=a, sport=b, dst=c, dport=d):
            return "reply-key " + " ".join("_" if x is None else e(x) for x in (a, b, c, d))
        case f.SetTimeout(seconds=seconds):
            return f"set-timeout {e(seconds)}"
        case f.Alert(id=ident, text=text, index=index):
            return f"alert {e(ident)} {text!r}" if index is None else f"alert {e(ident)} (text {e(index)})"
        case f.EmitArp(spa=a, sha=b, tpa=c, port=port):
            return f"emit-arp {e(a)} {e(b)} {e(c)} {port}"
        case f.EmitCopy(packet=packet, port=port):
            return f"emit-copy {packet} {port}"
        case f.VlanPush(packet=packet, vid=vid):
            return f"push-vlan {packet} {e(vid)}"
        case f.VlanPop(packet=packet):
            return f"pop-vlan {packet}"
        case f.StreamHold() | f.StreamRewind() | f.StreamSkip() | f.StreamSet() | f.StreamMask():
            return _stream_stmt(s)
        case lir.Define(name=name, value=value):
            return f"define {name} {e(value)}"
        case lir.Declare(name=name):
            return f"declare {name}"
        case lir.CheckBelow(index=index, bound=limit):
            return f"check-below {e(index)} {e(limit)}"
        case lir.Check(index=index, bound=bound):
            return f"check {e(index)} {bound}"
        case lir.Fault():
            return "fault"
    raise TypeError(f"no text for {type(s).__name__}")


def _stream_stmt(s: f.Stmt) -> str:
    e = expr_text
    match s:
        case f.StreamHold(mark=mark):
            return f"hold {e(mark)}"
        case f.StreamRewind(mark=mark):
            return f"rewind {e(mark)}"
        case f.StreamSkip(n=n):
            return f"skip {e(n)}"
        case f.StreamSet(value=value):
            return f"set {e(value)}"
        case f.StreamMask(a=a, b=b, value=value):
            return f"mask {e(a)} {e(b)} {e(value)}"
    raise TypeError(f"no text for {type(s).__name__}")


# ---------------------------------------------------------------- expressions


def expr_text(x: f.Expr) -> str:
    """One expression on one line."""
    e = expr_text
    match x:
        case f.Const(value=value):
            return f"(const {value})" if x.type != f.BOOL else f"(const {'true' if value else 'false'})"
        case f.Local(name=name):
            return f"(local {name})"
        case f.Param(name=name):
            return f"(param {name})"
        case f.Field(base=base, name=name, index=index, checked=checked):
            return f"(field {base.value} {name}{'' if index is None else ' ' + _index(index, checked)})"
        case f.Header(packet=packet, layer=layer, name=name):
            return f"(header {packet} {layer} {name})"
        case f.Attr(base=base_name, name=name):
            return f"(attr {base_name} {name})"
        case f.Unary(op=op, a=a):
            return f"(unary {op} {e(a)})"
        case f.Bin(op=op, a=a, b=b):
            return f"(bin {op} {e(a)} {e(b)})"
        case f.Cmp(op=op, a=a, b=b):
            return f"(cmp {op} {e(a)} {e(b)})"
        case f.BoolOp(op=op, parts=parts):
            return f"({op}{_all(parts)})"
        case f.Not(a=a):
            return f"(not {e(a)})"
        case f.Select(cond=cond, a=a, b=b):
            return f"(select {e(cond)} {e(a)} {e(b)})"
        case f.Cast(a=a):
            return f"(cast {x.type.name} {e(a)})"
    return _state_expr(x)


def _state_expr(x: f.Expr) -> str:
    e = expr_text
    match x:
        case f.TableLoad(table=table, index=indices, checked=checks):
            return f"(table {table} {' '.join(_index(i, c) for i, c in zip(indices, checks, strict=True))})"
        case f.TableLen(table=table):
            return f"(len-table {table})"
        case f.StateRead(name=name):
            return f"(state {name})"
        case f.MapGet(map=m, key=key):
            return f"(map-get {m} {e(key)})"
        case f.IsNone(a=a, negated=negated):
            return f"(not (is-none {e(a)}))" if negated else f"(is-none {e(a)})"
        case f.OptValue(a=a):
            return f"(value {e(a)})"
        case f.PortsTake(name=name):
            return f"(take {name})"
        case f.Park(map=m, key=key, packet=packet):
            return f"(park {m} {e(key)} {packet})"
        case f.InlineCall(name=name, args=args):
            return f"(call {name}{_all(args)})"
        case f.Action(kind=kind, port=port):
            return f"(action to {port})" if kind == "to" else f"(action {kind})"
    return _stream_expr(x)


def _stream_expr(x: f.Expr) -> str:
    e = expr_text
    match x:
        case f.StreamAttr(name=name):
            return f"(stream {name})"
        case f.StreamMark():
            return "(mark)"
        case f.StreamNeed(n=n):
            return f"(need {e(n)})"
        case f.StreamAt(index=index, checked=checked):
            return f"(at {_index(index, checked)})"
        case f.ChunkLen(chunk=chunk):
            return f"(len-chunk {chunk})"
        case f.ChunkAt(chunk=chunk, index=index, checked=checked):
            return f"(chunk {chunk} {_index(index, checked)})"
        case f.ChunkDigest(kind=kind, chunk=chunk, seed=seed):
            return f"({kind} {chunk} {e(seed)})"
        case f.HsCall(method=method, db=db, base=base, field=name, chunk=chunk):
            place = f" ({base.value} {name})" if base else ""
            return f"(hs-{method} {db}{place}{' ' + chunk if chunk else ''})"
        case f.MatchAttr(match=m, name=name):
            return f"(match {m} {name})"
        case f.StreamEdit(a=a, b=b, data=data):
            return f"(edit {e(a)} {e(b)} {data!r})"
    raise TypeError(f"no text for {type(x).__name__}")


def _all(parts: tuple[f.Expr, ...]) -> str:
    return "".join(" " + expr_text(p) for p in parts)


def _index(e: f.Expr, checked: bool) -> str:
    return f"(checked {expr_text(e)})" if checked else expr_text(e)
