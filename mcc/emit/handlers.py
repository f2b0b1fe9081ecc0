"""Handlers and helpers of one instance, from LIR to C.

    static inline int NODE_METHOD(struct mcc_box *box, struct T *restrict s, .., struct mcc_packet *pkt)
                                                        handlers: an enum mcc_verdict, or the output's number
    static inline uint8_t NODE_HELPER(uint8_t b)        @inline; `box` first where it needs state or services
    static inline bool NODE_HELPER(uint32_t i, uint32_t *result)      @inline that may fault: false is the fault path

Session state is changed in place, so what was written before a fault stays.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from mcc.emit.cexpr import Printer
from mcc.emit.leaves import Scope
from mcc.emit.lines import Lines, Mode, wrap_list
from mcc.emit.names import Names, c_name, c_type
from mcc.emit.natives import print_patterns
from mcc.emit.statements import StatementPrinter
from mcc.emit.streams import LONG_TEXT, c_string
from mcc.emit.tables import print_table
from mcc.emit.words import print_words
from mcc.ir import func as h
from mcc.ir.element import Code, TableDecl
from mcc.ir.lir import Effects, effects, ends, walk

ROLES = ("scratch", "conn", "peer", "packet", "batch", "stream", "flow")
"""Order of a handler's C parameters behind `box`."""

LOOP_TYPES: dict[type, h.Type] = {h.ForPackets: h.PACKET, h.ForBytes: h.U8, h.ForChunks: h.CHUNK, h.ForMatches: h.MATCH}


def signature(func: h.Func) -> list[str]:
    """Roles of a handler's C parameters behind `struct mcc_box *box`, in order ("batch" is two: array and count;
    "stream" is two where `has_matches`: the stream, and the hidden states of its matchers by slot)."""
    have = {a.role for a in func.args}
    return [r for r in ROLES if r in have]


def has_matches(func: h.Func) -> bool:
    return any(isinstance(n, h.ForMatches) for n in walk(func.body))


def print_element(code: Code, names: Names, lines: Mode = "c") -> str:
    """C of one instance, from its LIR (`lower`): tables, helpers, handlers. Deterministic; ends with a newline.

    With lines="python" the module printer passes the finished file through `resolve_lines`.
    """
    known = effects(code)
    used = _used_tables(code)
    parts = [print_table(d, names) for d in code.state if isinstance(d, TableDecl) and d.name in used]
    data = edit_data(code)
    parts += [print_table(d, names) for d in data.values()]
    parts += print_patterns(code, names.node)
    parts += [print_words(words, name, names.blob) for name, words in _word_sets(code, names).items()]
    named = {text: names.table(d.name) for text, d in data.items()}
    print_one = partial(_print_function, code=code, names=names, known=known, mode=lines, data=named)
    parts += [print_one(f, inline=True) for f in _callees_first(code)]
    parts += [print_one(x.func, inline=False) for x in code.handlers]
    return "\n".join(parts)


def printer(f: h.Func, code: Code, names: Names, c: dict[str, str]) -> Printer:
    """Prints expressions of a handler outside of it, where its arguments are called `c`."""
    scope = _scope(f, code, names, effects(code), {}, False)
    return replace(scope, c=scope.c | c).printer


def _used_tables(code: Code) -> set[str]:
    funcs = [*(x.func for x in code.handlers), *code.inlines]
    return {n.table for f in funcs for n in walk(f.body) if isinstance(n, h.TableLoad)}


def uses_digests(code: Code) -> bool:
    """Its C calls functions of mcc_digest.h."""
    funcs = [*(x.func for x in code.handlers), *code.inlines]
    return any(isinstance(n, h.ChunkDigest) for f in funcs for n in walk(f.body))


def edit_data(code: Code) -> dict[bytes, TableDecl]:
    """What edits insert and is too long for a line, as tables of their own."""
    taken = {d.name for d in code.state}
    out: dict[bytes, TableDecl] = {}
    for x in code.handlers:
        for n in walk(x.func.body):
            if isinstance(n, h.StreamEdit) and n.data not in out and len(c_string(n.data)) > LONG_TEXT:
                name = c_name("data", taken)
                taken.add(name)
                out[n.data] = TableDecl(name, h.U8, len(n.data), 0, tuple(n.data))
    return out


def _word_sets(code: Code, names: Names) -> dict[str, tuple[bytes, ...]]:
    """The words of each loop over matches, by the C name of their tables."""
    nodes = (n for x in code.handlers for n in walk(x.func.body))
    return {names.words(n.slot): n.words for n in nodes if isinstance(n, h.ForMatches)}


def _callees_first(code: Code) -> list[h.Func]:
    by_name = {f.name: f for f in code.inlines}
    done: dict[str, h.Func] = {}

    def visit(f: h.Func) -> None:
        if f.name not in done:
            for n in walk(f.body):
                if isinstance(n, h.InlineCall):
                    visit(by_name[n.name])
            done[f.name] = f

    for f in code.inlines:
        visit(f)
    return list(done.values())


def _print_function(f: h.Func, *, code: Code, names: Names, known: dict[str, Effects], mode: Mode,
                    data: dict[bytes, str], inline: bool) -> str:
    scope = _scope(f, code, names, known, data, inline)
    body = Lines(mode)
    body.depth = 1
    StatementPrinter(scope, body).block(f.body)
    if not ends(f.body):
        _print_end(scope, body)
    body.back()
    head, params = _head(scope)
    used = set(re.findall(r"\w+", "\n".join(x for x in body.out if not x.lstrip().startswith(("/*", "#line")))))
    unused = [f"    (void){p};" for p in (re.split(r"\W+", p)[-1] for p in params) if p not in used]
    back = [body.out.pop()] if mode == "python" and body.out and body.out[-1].startswith("#line 0") else []
    rows = [*wrap_list(f"{head}(", params or ["void"], ")", 0), "{", *unused, *body.out, "}", *back]
    return "\n".join(rows) + "\n"


def _print_end(scope: Scope, body: Lines) -> None:
    """Where control may run off the end: PASS, or what a helper without a value returns."""
    if not scope.inline:
        body.add("return MCC_PASS;")
    elif scope.known[scope.func.name].fault:
        body.add("return true;")


def _scope(f: h.Func, code: Code, names: Names, known: dict[str, Effects], data: dict[bytes, str],
           inline: bool) -> Scope:
    """C names for everything in the function: the user's words, apart from each other and from the file's."""
    taken = {"box", *names.taken, *(names.handler(x.func.name) for x in code.handlers),
             *(names.handler(i.name) for i in code.inlines),
             *(names.table(d.name) for d in code.state if isinstance(d, TableDecl))}
    types: dict[str, h.Type] = {a.name: a.type for a in f.args}
    types.update(f.locals)
    for n in walk(f.body):
        if isinstance(n, h.ForRange):
            types[n.name] = n.type
        elif type(n) in LOOP_TYPES:
            types[n.name] = LOOP_TYPES[type(n)]
    c: dict[str, str] = {}
    found: dict[str, str] = {}

    def new(word: str) -> str:
        name = c_name(word, taken)
        taken.add(name)
        return name

    for name in types:
        c[name] = new(name)
    for name, t in types.items():
        if isinstance(t, h.OptType):
            found[name] = new(f"{c[name]}_found")
    lens = {name: new(f"{c[name]}_len") for name, t in types.items() if t == h.CHUNK}
    return Scope(code, names, f, known, c, found, types, new("count"), new("result"), inline, lens, new("words"), data)


def _head(scope: Scope) -> tuple[str, list[str]]:
    """The function's head up to the parenthesis, and its parameters."""
    f, names = scope.func, scope.names
    name = names.handler(f.name)
    if not scope.inline:
        args = [a for r in ROLES for a in f.args if a.role == r]
        return f"static inline int {name}", ["struct mcc_box *box", *(p for a in args for p in _params(scope, a))]
    own = scope.known[f.name]
    params = ["struct mcc_box *box"] if own.box else []
    params += [p for a in f.args for p in _params(scope, a)]
    value = c_type(f.returns) if f.returns is not None else "void"
    if own.fault:
        params += [f"{value} *{scope.result}"] if f.returns is not None else []
        value = "bool"
    return f"static inline {value} {name}", params


def _params(scope: Scope, a: h.Arg) -> list[str]:
    name, names = scope.c[a.name], scope.names
    restrict = "" if scope.inline else "restrict "
    match a.role:
        case "scratch" | "peer":
            return [f"struct {names.scratch} *{restrict}{name}"]
        case "conn":
            return [f"struct {names.conn} *{restrict}{name}"]
        case "packet":
            return [f"struct mcc_packet *{name}"]
        case "batch":
            return [f"struct mcc_packet **{name}", f"uint32_t {scope.count}"]
        case "stream":
            words = [f"struct mcc_words_state *restrict {scope.words}"] if has_matches(scope.func) else []
            return [f"struct mcc_stream *{restrict}{name}", *words]
        case "flow":
            return [f"struct mcc_flow {name}"]
        case _:
            return [f"{c_type(a.type)} {name}"]
