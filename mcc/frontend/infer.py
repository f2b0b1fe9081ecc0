"""Statements: the typed form of a function body, with everything that must hold on every path.

Each mistake is reported, its statement given up, and what it would have assigned is not complained about again.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import Any

from mcc.frontend.calls import NO_OUTPUTS
from mcc.frontend.context import LITERAL, Known, Mistake, int_range, shown, type_words
from mcc.frontend.declare import BadAnnotation, Declared, declared
from mcc.frontend.flow import Env, join_all, joined, place_of
from mcc.frontend.loops import Loops
from mcc.frontend.marks import mark_name
from mcc.frontend.parse import OPERATORS, own_names
from mcc.ir.element import CounterDecl
from mcc.ir.func import (
    ACTION,
    MARK,
    Action,
    Assert,
    Bin,
    Break,
    Case,
    Cast,
    Const,
    Continue,
    Expr,
    Field,
    HsCall,
    If,
    InlineCall,
    IntType,
    Let,
    Local,
    OptType,
    Park,
    PortsTake,
    Return,
    Stmt,
    Store,
    Switch,
)
from mcc.ir.walkers import expressions as parts_of

DECIDES = ("new_session", "process_packet", "process_batch", "process_data")


def _with_load(e: Expr, new: Field) -> Expr:
    """`e`, the left operand of an augmented assignment, with its load (maybe widened) replaced."""
    return replace(e, a=_with_load(e.a, new)) if isinstance(e, (Bin, Cast)) else new


class Statements(Loops):
    def block(self, body: list[ast.stmt]) -> tuple[Stmt, ...]:
        out: list[Stmt] = []
        for s in body:
            if not self.env.alive:
                if not self.folded and not self.failed:
                    self.report.warning(self.span(s), "this statement is never reached")
                break
            try:
                out += self.statement(s)
            except Mistake:
                self.failed = True
                self.poison |= own_names(s)
                if isinstance(s, (ast.Return, ast.Break, ast.Continue)):
                    self.env.alive = False
        return tuple(out)

    def statement(self, s: ast.stmt) -> list[Stmt]:
        if s in self.refused:
            raise Mistake
        match s:
            case ast.Assign():
                return [self._assign(s.targets[0], s.value)]
            case ast.AnnAssign():
                return self._annotated(s)
            case ast.AugAssign():
                return self._augmented(s)
            case ast.If():
                return self._if(s)
            case ast.For():
                return [self.loop(s)]
            case ast.Match():
                return self._match(s)
            case ast.Return():
                return self._return(s)
            case ast.Pass():
                return []
            case ast.Break():
                self.loops[-1].breaks.append(self.env)
                self.env = Env(alive=False)
                return [Break(self.span(s))]
            case ast.Continue():
                self.loops[-1].continues.append(self.env)
                self.env = Env(alive=False)
                return [Continue(self.span(s))]
            case ast.Assert():
                return [Assert(self.span(s), self.condition(s.test))]
            case ast.Expr(value=ast.Call() as call):
                return [self.effect(call)]
            case ast.Expr(value=ast.Constant(value=str())):
                return []
        self.mistake(s, "this expression has no effect", "assign it, return it, or leave it out")

    # ---------------------------------------------------------- assignment

    def _assign(self, target: ast.expr, value_node: ast.expr) -> Stmt:
        if not isinstance(target, ast.Name):
            value = self.expr(value_node)
            return self.store(target, value, value_node)
        self._assignable(target)
        return self._bind(target, self.expr(value_node), value_node)

    def _bind(self, target: ast.Name, value: Expr, node: ast.expr) -> Stmt:
        """A value for a local, whose type is its annotation's, or that of what is assigned."""
        name = target.id
        d = self.types.get(name)
        if d is None and value.type == LITERAL:
            d = self.typed.get(name)
            if d is None and self.probing:
                self.literals[name] = value
                self.env.assigned.add(name)
                return Let(self.span(target), name, value)
        return self._let(target, d or Declared(self._own_type(name, value, node)), value, node)

    def _assignable(self, target: ast.Name) -> None:
        name = target.id
        if name in self.args or name == "self":
            self.mistake(target, f"the argument {name!r} cannot be assigned", f"copy it: my_{name}: u32 = {name}"
                         if self.args.get(name) and self.args[name].role == "value" else "choose another name")
        if name in self.loop_types or name in self.things:
            self.mistake(target, f"{name!r} is a loop's variable: it cannot be assigned", "choose another name")

    def _own_type(self, name: str, value: Expr, node: ast.expr) -> Any:
        """The type of a local without annotation: that of what is assigned."""
        if value.type == LITERAL:
            self.mistake(node, f"{name!r} has no width: {shown(node)} is a literal",
                         f"annotate it: {name}: u32 = {shown(node)}")
        if isinstance(value, Known):
            self._plain(value, node)
        if value.type == ACTION:
            self.mistake(node, "an action cannot be kept in a local", "return it")
        return value.type

    def _let(self, target: ast.Name, d: Declared, value: Expr, node: ast.expr) -> Stmt:
        name, t = target.id, d.type
        if name in self.types and isinstance(value.type, IntType) and value.type not in (LITERAL, t) and (
                name not in self.annotated):
            self.mistake(node, f"{name!r} is {type_words(t)}, but {type_words(value.type)} is assigned here",
                         f"annotate it ({name}: {value.type.name} = ..) or cast one side",
                         ((self.first[name], f"it becomes {type_words(t)} here"),))
        if isinstance(t, OptType):
            if value.type != t:
                self.mistake(node, f"{name!r} is {type_words(t)}, this is {type_words(value.type)}")
        else:
            value = self.fit(value, t, node, repr(name))
        if d.below:
            self.prove_below(value, d.below, node, f"{name} is declared Below({d.below})")
        self._declare(name, d, target)
        self.env.assigned.add(name)
        self.env.optional.pop(name, None)
        if t == MARK:
            self.env.marks = self.env.marks.assigned(name, mark_name(value))
        self.env.ranges[("local", name)] = (
            self.unit.assumed.get(value.map, int_range(t.inner)) if isinstance(t, OptType) and hasattr(value, "map")
            else int_range(t.inner) if isinstance(t, OptType) else (value.lo, value.hi))
        return Let(self.span(target), name, value)

    def _declare(self, name: str, d: Declared, node: ast.AST) -> None:
        if name not in self.types:
            self.types[name] = d
        if name not in self.order:
            self.order.append(name)
        self.first.setdefault(name, self.span(node))

    def _annotated(self, s: ast.AnnAssign) -> list[Stmt]:
        if not isinstance(s.target, ast.Name):
            self.mistake(s, f"{shown(s.target)} has its type from its declaration", f"{shown(s.target)} = ...")
        self._assignable(s.target)
        d = self.annotation(s.annotation)
        name = s.target.id
        if self.types.get(name, d) != d:
            self.mistake(s.annotation,
                         f"{name!r} is annotated as {d.type.name}, but it is {self.types[name].type.name}",
                         "a local has one type", ((self.first[name], "it gets its type here"),))
        self.annotated.add(name)
        if s.value is None:
            self._declare(name, d, s)
            return []
        value = self.expr(s.value)
        return [self._let(s.target, d, value, s.value)]

    def annotation(self, node: ast.expr) -> Declared:
        """The type that an annotation in the function means."""
        scope = self.source.scope
        try:
            hint = eval(compile(ast.Expression(node), "<annotation>", "eval"), scope)
            if isinstance(hint, str):
                hint = eval(hint, scope)
        except Exception as e:  # whatever the user's annotation raises is the user's mistake
            self.mistake(node, f"this annotation cannot be evaluated: {e}", "use one of u8 .. u64, i32, i64, bool")
        try:
            return declared(hint, self.unit.inst)
        except BadAnnotation as e:
            self.mistake(node, *e.args)

    def _augmented(self, s: ast.AugAssign) -> list[Stmt]:
        target, op = s.target, OPERATORS[type(s.op)]
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self" and (
                isinstance(self.unit.state.get(target.attr), CounterDecl)):
            return [self.count(s, target)]
        if isinstance(target, ast.Name):
            self._assignable(target)
            if target.id not in self.names or target.id not in self.env.assigned:
                self.name(target)
        elif isinstance(target, ast.Attribute):
            self._writable(target)
        old = self.expr(target)
        if isinstance(old, Field):
            self.unit.read_fields.add((old.base, old.name))
        if not isinstance(old.type, IntType):
            self._plain(old, target)
            self.mistake(s, f"`{op}=` is for integers, {shown(target)} is {type_words(old.type)}")
        value = self.arithmetic(s, old, self.number(s.value), target, s.value, op)
        whole = ast.copy_location(ast.BinOp(target, s.op, s.value), s)
        if isinstance(target, ast.Name):
            return [self._bind(target, value, whole)]
        store = self.store(target, value, whole)
        return self._index_once(store) if isinstance(store, Store) else [store]

    def _index_once(self, store: Store) -> list[Stmt]:
        """`s.last[f(x)] += 1`: an index that holds a call goes into a local of its own, so that it is evaluated once.
        The load inside the value has the very same index expression."""
        place = store.place
        if not isinstance(place, Field) or place.index is None or not any(
                isinstance(e, (HsCall, InlineCall, PortsTake)) for e in parts_of(place.index)):
            return [store]
        name, index = f"{place.name}_index", place.index
        while name in self.names or name in self.args or self.types.get(name, Declared(index.type)).type != index.type:
            name += "_"
        self.types[name] = Declared(index.type)
        if name not in self.order:
            self.order.append(name)
        local = Local(index.type, index.lo, index.hi, index.span, name)
        value = store.value
        assert isinstance(value, (Bin, Cast))
        load = replace(place, index=local)
        value = replace(value, a=_with_load(value.a, load))
        return [Let(store.span, name, index), Store(store.span, load, value)]

    # ---------------------------------------------------------- branches

    def _try_condition(self, node: ast.expr) -> Expr | None:
        """The condition, or None after a mistake: the branches are then checked all the same."""
        try:
            return self.condition(node)
        except Mistake:
            self.failed = True
            return None

    def _if(self, s: ast.If) -> list[Stmt]:
        cond = self._try_condition(s.test)
        if isinstance(cond, Const):  # settled for this instance: the other branch is not its code
            self.folded = True
            return list(self.block(s.body if cond.value else s.orelse))
        yes = self.narrowed(cond, True) if cond else self.env.copy()
        no = self.narrowed(cond, False) if cond else self.env.copy()
        self.env = yes
        then = self.block(s.body)
        yes, self.env = self.env, no
        orelse = self.block(s.orelse)
        self.env = joined(yes, self.env)
        return [If(self.span(s), cond, then, orelse)] if cond else []

    def _match(self, s: ast.Match) -> list[Stmt]:
        subject = self.expr(s.subject)
        if isinstance(subject, Known):
            return self._fold_match(s, subject.value)
        e = self.number_of(subject, s.subject)
        if e.type == LITERAL:
            return self._fold_match(s, self.literal(e))
        start, ends, cases = self.env, [], []
        seen: set[int] = set()
        default: tuple[Stmt, ...] = ()
        closed = False
        for c in s.cases:
            if closed:
                self.report.warning(self.span(c.pattern), "this case is never reached")
                break
            values = self._case_values(c.pattern, e, seen)
            self.env = start.copy()
            if values is None:
                default, closed = self.block(c.body), True
            else:
                self._narrow_subject(e, values)
                cases.append(Case(values, self.block(c.body)))
            ends.append(self.env)
        if not closed and not (e.hi - e.lo < 4096 and seen.issuperset(range(e.lo, e.hi + 1))):
            ends.append(start)
        self.env = join_all(ends)
        return [Switch(self.span(s), e, tuple(cases), default)]

    def _narrow_subject(self, e: Expr, values: tuple[int, ...]) -> None:
        place = place_of(e)
        if place is not None and not (place[0] == "state" and place[1] in self.unit.live):
            self.env.ranges[place] = (min(values), max(values))

    def _case_values(self, pattern: ast.pattern, subject: Expr, seen: set[int]) -> tuple[int, ...] | None:
        """The constants of a case; None for `_`."""
        match pattern:
            case ast.MatchAs():
                return None
            case ast.MatchOr(patterns=patterns):
                parts = [self._case_values(p, subject, seen) for p in patterns]
                return None if None in parts else tuple(v for p in parts if p for v in p)
            case ast.MatchValue(value=node):
                v = self.expr(node)
                if isinstance(v, Known):
                    self._object_against_value(node, v, subject, node, node)
                if not isinstance(v, Const) or not isinstance(v.type, IntType):
                    self.mistake(node, f"{shown(node)} is no integer constant")
                fitted = self.fit(v, subject.type, node, "the subject")
                assert isinstance(fitted, Const)
                if fitted.value in seen:
                    self.mistake(node, f"{shown(node)} was matched by a case above")
                seen.add(fitted.value)
                return (fitted.value,)
        self.mistake(pattern, "this pattern is not for handlers", "match integers and enums, and `_`")

    def _fold_match(self, s: ast.Match, value: Any) -> list[Stmt]:
        """A match on a build-time value: only the case that fits is this instance's code."""
        self.folded = True
        for c in s.cases:
            patterns = c.pattern.patterns if isinstance(c.pattern, ast.MatchOr) else [c.pattern]
            for p in patterns:
                if isinstance(p, ast.MatchAs):
                    return list(self.block(c.body))
                if isinstance(p, ast.MatchValue):
                    e = self.expr(p.value)
                    if isinstance(e, (Known, Const)) and e.value == value:
                        return list(self.block(c.body))
        return []

    # ---------------------------------------------------------- return

    def _return(self, s: ast.Return) -> list[Stmt]:
        out = self._returned(s, s.value)
        self.env = Env(alive=False)
        return out

    def _returned(self, s: ast.Return, node: ast.expr | None) -> list[Stmt]:
        span = self.span(s)
        if self.role == "inline":
            return [self._inline_return(s, node)]
        if self.role not in DECIDES:
            if node is not None and not (isinstance(node, ast.Constant) and node.value is None):
                self.mistake(s, f"{self.role} decides nothing", "write `return` alone")
            return [Return(span, None)]
        if node is None:
            self.mistake(s, f"{self.source.name} must return an action", "return PASS")
        if isinstance(node, ast.IfExp):
            cond = self.condition(node.test)
            if isinstance(cond, Const):
                return self._returned(s, node.body if cond.value else node.orelse)
            yes, no = self.narrowed(cond, True), self.narrowed(cond, False)
            self.env = yes
            a = self._returned(s, node.body)
            self.env = no
            return [If(span, cond, tuple(a), tuple(self._returned(s, node.orelse)))]
        e = self.expr(node)
        if isinstance(e, Action) and e.kind in ("close", "reset") and self.unit.elem.session is None:
            self.report.warning(self.span(node), f"without a session {e.kind.upper()} only drops the packet",
                                "declare session=, or return DROP")
        if not isinstance(e, (Action, Park)):
            self.mistake(node, f"{self.source.name} returns an action, this is {type_words(e.type)}",
                         "PASS, DROP, CLOSE, RESET or to(n)")
        if isinstance(e, Action) and e.kind == "to" and self.role == "new_session":
            self.mistake(node, "new_session accepts or refuses: it has no outputs", "PASS, DROP, CLOSE or RESET")
        if isinstance(e, Action) and e.kind == "to" and self.role == "process_data":
            self.mistake(node, *NO_OUTPUTS)
        return [Return(span, e)]

    def _inline_return(self, s: ast.Return, node: ast.expr | None) -> Stmt:
        d = self.result
        if d is None or node is None:
            self.mistake(s, f"{self.source.name} must return a value of its declared type")
        e = self.expr(node)
        v = self.fit(e, d.type, node, f"the result of {self.source.name}")
        if d.below:
            self.prove_below(v, d.below, node, f"the result is declared Below({d.below})")
        self.returns.append(v)
        return Return(self.span(s), v)

