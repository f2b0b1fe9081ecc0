"""One function from its source to a `Func`: arguments bound by annotation, body checked, helpers compiled on demand."""

from __future__ import annotations

import ast
import typing
from collections.abc import Callable
from typing import Any

from mcc.diag import Report
from mcc.frontend.context import Context, Inline, Mistake, Unit, int_range, shown
from mcc.frontend.declare import BadAnnotation, Declared, declared
from mcc.frontend.infer import DECIDES, Statements
from mcc.frontend.intervals import join
from mcc.frontend.parse import check_subset, own_names
from mcc.frontend.source import Source, read_function
from mcc.ir.element import TableDecl
from mcc.ir.func import BATCH, FLOW, PACKET, STREAM, Arg, Expr, Func, RefType
from mcc.lang.packet import Action, Batch, Flow, Packet, Peer
from mcc.lang.stream import Chunk, Mark, Match, Stream
from mcc.lang.types import is_struct

ROLES: dict[str, tuple[str, ...]] = {
    "new_session": ("scratch", "conn", "peer", "packet", "flow"),
    "process_packet": ("scratch", "conn", "peer", "packet", "flow"),
    "process_batch": ("scratch", "conn", "peer", "batch", "flow"),
    "process_data": ("scratch", "conn", "peer", "stream", "flow"),
    "release_stream": ("scratch", "conn", "peer", "flow"),
    "release": ("scratch", "conn", "peer"),
    "on_timer": (),
}
"""What the arguments of each handler may be."""
WORDS = {"scratch": "the scratch struct", "conn": "the conn struct", "peer": "Peer[..]", "packet": "Packet",
         "batch": "Batch", "stream": "Stream", "flow": "Flow"}


class Checker(Statements):
    """A whole function."""

    def func(self) -> Func:
        tree = self.source.tree
        self.names = set().union(*(own_names(s) for s in tree.body))
        sizes = [n for d in self.unit.state.values() if isinstance(d, TableDecl) for n in (d.rows, d.columns)]
        consts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and type(n.value) is int]
        self.thresholds = sorted({v for c in [*sizes, *consts, 0] for v in (c - 1, c, c + 1)})
        self.refused = check_subset(self.source, self.report)
        self.failed = bool(self.refused)
        if any(isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name) for n in ast.walk(tree)):
            self._find_types()
        body = self.block(tree.body)
        if self.env.alive and not self.failed:
            self._falls_off()
        local_types = tuple((n, self.types[n].type) for n in self.order)
        return Func(self.source.name, tuple(self.args.values()), local_types, body,
                    self.result.type if self.result else None, self.source.head)

    def _find_types(self) -> None:
        """The types of locals without annotation, for those that are given a literal before anything else."""
        for _ in range(4):
            probe = Checker(self.unit, self.source, self.role, self.port)
            probe.report, probe.probing, probe.typed = Report(), True, self.typed
            probe.args, probe.arg_types, probe.result = self.args, self.arg_types, self.result
            probe.names, probe.refused, probe.poison = self.names, self.refused, set(self.poison)
            probe.block(self.source.tree.body)
            if probe.types == self.typed:
                break
            self.typed = probe.types

    def _falls_off(self) -> None:
        name = self.source.name
        if self.role == "inline":
            self.report.error(self.source.head, f"{name} may end without returning a value", "return on every path")
        elif self.role in DECIDES:
            self.report.error(self.source.head, f"{name} may end without returning an action",
                              "end it with: return PASS")

    # ---------------------------------------------------------- arguments

    def _parameters(self) -> list[ast.arg]:
        a = self.source.tree.args
        params = [*a.posonlyargs, *a.args, *a.kwonlyargs]
        return params[1:] if params and params[0].arg == "self" else params

    def hint(self, node: ast.expr | None, name: str) -> Any:
        """The object that an annotation of the signature means. Raises Mistake."""
        value = self.source.function.__annotations__.get(name)
        if value is not None and not isinstance(value, str):
            return value
        if node is None:
            return None
        try:
            value = eval(compile(ast.Expression(node), "<annotation>", "eval"), self.source.scope)
            return eval(value, self.source.scope) if isinstance(value, str) else value
        except Exception as e:  # whatever the user's annotation raises is the user's mistake
            self.mistake(node, f"this annotation cannot be evaluated: {e}")

    def bind_handler(self) -> None:
        for p in self._parameters():
            try:
                arg = self._role_of(p)
                other = next((a.name for a in self.args.values() if a.role == arg.role), None)
                if other is not None:
                    self.mistake(p, f"{p.arg!r} and {other!r} are both {WORDS[arg.role]}", "one argument is enough")
                self.args[p.arg] = arg
            except Mistake:
                self.poison.add(p.arg)
        self._check_result()

    def _role_of(self, p: ast.arg) -> Arg:
        allowed = ROLES[self.role]
        known = ", ".join(WORDS[r] for r in allowed) or "none"
        if p.annotation is None:
            self.mistake(p, f"argument {p.arg!r} of {self.source.name} has no annotation",
                         f"arguments are bound by annotation: {known}")
        hint = self.hint(p.annotation, p.arg)
        role = self._bound(hint, p)
        if role is None:
            self.mistake(p, f"argument {p.arg!r}: {shown(p.annotation)} is nothing that {self.source.name} is given",
                         f"its arguments may be: {known}")
        if role not in allowed:
            self.mistake(p, f"{self.source.name} is given no {role}", f"its arguments may be: {known}")
        t = {"packet": PACKET, "batch": BATCH, "stream": STREAM, "flow": FLOW}.get(role, RefType(role))
        return Arg(p.arg, role, t)

    def _bound(self, hint: Any, p: ast.arg) -> str | None:
        e = self.unit.elem
        marks = {Packet: "packet", Batch: "batch", Stream: "stream", Flow: "flow"}
        if isinstance(hint, type) and hint in marks:
            return marks[hint]
        if typing.get_origin(hint) is Peer or hint is Peer:
            wanted = (typing.get_args(hint) or (None,))[0]
            scratch = e.scratch
            if scratch is None:
                self.mistake(p, f"argument {p.arg!r} is not the other direction's scratch",
                             "the element has no scratch=")
            if wanted is not scratch:
                self.mistake(p, f"argument {p.arg!r} is not the other direction's scratch",
                             f"write Peer[{scratch.__name__}]")
            if e.session is None or not e.session.bidirectional:
                self.mistake(p, "Peer[..] needs a session that is bidirectional", "Session(..., bidirectional=True)")
            return "peer"
        if not is_struct(hint):
            return None
        name = hint.__name__
        if e.scratch is hint and e.conn is hint:
            self.mistake(p, f"{name} is both scratch= and conn= of {e.name}: {p.arg!r} could be either",
                         "declare a second struct")
        named: dict[str, type] = {}
        for role, c in (("scratch", e.scratch), ("conn", e.conn)):
            if hint is c:
                return role
            if c is not None:
                named[role] = c
        have = " and ".join(f"{role}={c.__name__}" for role, c in named.items())
        self.mistake(p, f"{name} is neither scratch= nor conn= of {e.name}",
                     f"it declares {have or 'neither'}")

    def _check_result(self) -> None:
        node = self.source.tree.returns
        if node is None:
            return
        try:
            hint = self.hint(node, "return")
        except Mistake:
            return
        if self.role in DECIDES and hint is not Action:
            self.report.error(self.span(node), f"{self.source.name} returns an Action", "-> Action:")
        if self.role not in DECIDES and hint not in (None, type(None)):
            self.report.error(self.span(node), f"{self.source.name} returns nothing", "-> None:")

    # ---------------------------------------------------------- @inline

    def bind_inline(self) -> None:
        """Arguments and result of a helper: integers and bools, all annotated. Raises Mistake."""
        name = self.source.name
        for p in self._parameters():
            if p.annotation is None:
                self.mistake(p, f"argument {p.arg!r} of @inline {name} has no annotation", f"{p.arg}: u32")
            d = self._value_type(p, self.hint(p.annotation, p.arg))
            self.args[p.arg] = Arg(p.arg, "value", d.type)
            self.arg_types[p.arg] = d
        returns = self.source.tree.returns
        hint = self.hint(returns, "return")
        if returns is None or hint in (None, type(None)):
            self.report.error(self.source.head, f"@inline {name} must say what it returns", f"def {name}(..) -> u32:")
            raise Mistake
        self.result = self._value_type(returns, hint)

    def _value_type(self, node: ast.AST, hint: Any) -> Declared:
        if hint in (Packet, Batch, Flow, Stream, Chunk, Match, Mark) or is_struct(hint):
            self.mistake(node, f"an @inline helper takes integers and bools, not {hint.__name__}",
                         "give it the fields that it needs")
        try:
            return declared(hint, self.unit.inst)
        except BadAnnotation as e:
            self.mistake(node, *e.args)

    def inline_call(self, node: ast.Call, f: Callable[..., Any]) -> Expr:
        if f in self.unit.calling:
            names = [g.__name__ for g in self.unit.calling[self.unit.calling.index(f):]]
            self.mistake(node, f"{' -> '.join([*names, f.__name__])} is recursion", "handlers must end: use a for loop")
        helper = self.unit.inlines.get(f) or compile_inline(self.unit, f, self)
        params = helper.func.args
        nodes = self.bound_arguments(node, f)
        types = helper.arguments
        args = []
        for p, n in zip(params, nodes, strict=True):
            v = self.fit(self.expr(n), p.type, n, f"argument {p.name!r} of {f.__name__}")
            below = types[p.name].below
            if below:
                self.prove_below(v, below, n, f"argument {p.name!r} of {f.__name__} is declared Below({below})")
            args.append(v)
        return self.called(node, helper.func.name, helper.result.type, helper.interval, args)


def compile_inline(unit: Unit, f: Callable[..., Any], caller: Context) -> Inline:
    """The typed form of a helper, once an instance. Raises Mistake."""
    loud = caller.report
    source = read_function(f, f.__name__, unit.report)
    if source is None:
        raise Mistake
    check = Checker(unit, source, "inline", caller.port)
    check.bind_inline()
    unit.calling.append(f)
    try:
        func = check.func()
    finally:
        unit.calling.pop()
        caller.report = loud
    taken = {i.func.name for i in unit.inlines.values()}
    name = func.name
    while name in taken:
        name += "_"
    r = int_range(func.returns) if func.returns else (0, 0)
    if check.returns:
        r = (check.returns[0].lo, check.returns[0].hi)
        for e in check.returns[1:]:
            r = join(r, (e.lo, e.hi))
    assert check.result is not None
    done = Inline(Func(name, func.args, func.locals, func.body, func.returns, func.span), check.result, r,
                  check.arg_types)
    unit.inlines[f] = done
    return done


def compile_handler(unit: Unit, source: Source, role: str, port: int) -> Func:
    check = Checker(unit, source, role, port)
    check.bind_handler()
    func = check.func()
    if check.failed and not unit.report.failed:
        unit.report.error(source.head, f"{source.name} could not be compiled", "please report this handler")
    return func
