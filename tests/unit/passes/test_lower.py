"""Lowering: what becomes a statement of its own, in which order, and where locals are declared."""

from __future__ import annotations

import pytest

from mcc.ir import func as h
from mcc.ir.element import Code, PerCoreDecl, PortsDecl, TableDecl
from mcc.ir.func import BOOL, I64, U8, U16, U32
from mcc.ir.lir import Check, Declare, Define, Fault, verify, walk
from mcc.passes.lower import lower
from tests.unit.emit.kit import (
    AT,
    SCRATCH,
    action,
    both,
    call,
    cmp,
    element,
    fld,
    handler,
    iff,
    inline,
    item,
    k,
    let,
    op,
    pick,
    put,
    ret,
    struct,
    v,
)

S = struct(a=U8, c=U32, p=U16, ok=BOOL, arr=h.ArrayType(U32, 4))
STATE = (TableDecl("t", U32, 4, 0, (1, 2, 3, 4)), PortsDecl("ports", 1, 9), PerCoreDecl("turn", U32, 0))
BUMP = inline("bump", U32, (put(h.StateRead(U32, 0, U32.max, AT, "turn"), k(U32, 1)), ret(k(U32, 2))), {})
PURE = inline("pure", U32, (ret(op("+", v(U32, "x"), k(U32, 1))),), {}, x=U32)
A, C, OK = fld(U8, "a"), fld(U32, "c"), fld(BOOL, "ok")
TAKE = h.PortsTake(U16, 0, 65535, AT, "ports")


def shape(*body: h.Stmt, **names: object) -> list[str]:
    """Class names and what they set, of the lowered statements at the top level."""
    return [_name(s) for s in low(*body, **names)]


def low(*body: h.Stmt, **names: object) -> tuple[h.Stmt, ...]:
    code = element(handler((*body, ret(action())), names, SCRATCH), scratch=S, inlines=(BUMP, PURE), state=STATE)
    out: Code = lower(code)
    verify(out)
    return out.handlers[0].func.body


def _name(s: h.Stmt) -> str:
    return f"{type(s).__name__} {s.name}" if isinstance(s, (Define, Declare, h.Let, h.ForRange)) else type(s).__name__


def test_fault_in_the_left_operand_of_an_overwide_shift() -> None:
    assert shape(put(C, op("<<", item(U32, "t", C), k(U8, 70)))) == ["Define t_index", "Check", "Store", "Return"]


def test_index_is_evaluated_once_and_checked_once() -> None:
    place = fld(U32, "arr", v(U32, "i"), True)
    assert shape(let("i", C), put(place, op("+", place, k(U32, 1))), i=U32) == ["Define i", "Check", "Store", "Return"]


def test_a_value_read_before_a_change_is_kept() -> None:
    turn = h.StateRead(U32, 0, U32.max, AT, "turn")
    assert shape(put(C, op("+", turn, call(U32, "bump")))) == ["Define turn_was", "Define bump_result", "Store", "Return"]
    assert shape(put(C, op("+", turn, call(U32, "pure", C)))) == ["Store", "Return"]


def test_an_effect_alone_on_the_right_stays_there() -> None:
    assert shape(put(fld(U16, "p"), TAKE)) == ["Store", "Return"]
    assert shape(put(fld(U16, "p"), op("+", TAKE, k(U16, 1)))) == ["Define port", "Store", "Return"]


def test_only_the_chosen_branch_may_fault() -> None:
    body = low(put(C, pick(OK, item(U32, "t", C), k(U32, 0))))
    assert [_name(s) for s in body] == ["Declare chosen", "If", "Store", "Return"]
    assert isinstance(body[1], h.If)
    assert [_name(s) for s in body[1].then] == ["Define t_index", "Check", "Let chosen"]
    assert shape(put(C, pick(OK, C, k(U32, 0)))) == ["Store", "Return"]


def test_and_is_lazy() -> None:
    body = low(iff(both(OK, cmp("==", item(U32, "t", C), k(U32, 1)), OK), (put(A, k(U8, 1)),)))
    assert [_name(s) for s in body] == ["Define holds", "If", "If", "Return"]
    assert not any(isinstance(s, Check) for s in body)


def test_a_check_in_a_branch_does_not_count_behind_it() -> None:
    load = item(U32, "t", v(U32, "i"))
    body = low(let("i", C), put(C, op("+", pick(OK, load, k(U32, 0)), load)), i=U32)
    assert sum(isinstance(n, Check) for n in walk(body)) == 2


def test_certain_fault_ends_the_block() -> None:
    body = low(put(C, item(U32, "t", k(U32, 9))), put(A, k(U8, 1)))
    assert [type(s) for s in body] == [Fault]


@pytest.mark.parametrize(("step", "after", "simple"), [
    (1, False, True), (3, False, True), (1, True, False), (-1, False, False)])
def test_loops(step: int, after: bool, simple: bool) -> None:
    loop = h.ForRange(AT, "i", U32, k(U32, 9 if step < 0 else 0), k(U32, 0 if step < 0 else 9), step,
                      (put(C, v(U32, "i")),))
    body = low(loop, *([put(C, v(U32, "i"))] if after else []), i=U32)
    loops = [s for s in body if isinstance(s, h.ForRange)]
    assert [s.name for s in loops] == (["i"] if simple else ["i_turn"])


def test_a_bound_that_the_body_changes_is_evaluated_once() -> None:
    stop = op("&", C, k(U32, 7), 0, 7)
    body = low(h.ForRange(AT, "i", U32, k(U32, 0), stop, 1, (put(C, v(U32, "i")),)), i=U32)
    assert [_name(s) for s in body] == ["Define i_end", "ForRange i", "Return"]


def test_the_last_step_may_not_leave_the_type() -> None:
    stop = op("&", A, k(U8, 255))
    body = low(h.ForRange(AT, "i", U8, k(U8, 0), stop, 2, (put(A, v(U8, "i")),)), i=U8)
    assert [s.name for s in body if isinstance(s, h.ForRange)] == ["i_turn"]


def test_break_inside_a_switch_leaves_the_loop() -> None:
    switch = h.Switch(AT, A, (h.Case((1,), (h.Break(AT),)), h.Case((2, 3), (put(A, k(U8, 1)),))), ())
    body = low(h.ForRange(AT, "i", U32, k(U32, 0), k(U32, 9), 1, (switch,)), i=U32)
    assert not any(isinstance(n, h.Switch) for n in walk(body))
    assert [n.op for n in walk(body) if isinstance(n, h.BoolOp)] == ["or"]


def test_locals_are_declared_where_they_are_used() -> None:
    inner = low(iff(OK, (let("n", C), put(C, v(U32, "n"))), (let("n", k(U32, 1)), put(C, v(U32, "n")))), n=U32)
    assert isinstance(inner[0], h.If)
    assert _name(inner[0].then[0]) == _name(inner[0].orelse[0]) == "Define n"
    assert shape(iff(OK, (let("n", C),), (let("n", k(U32, 1)),)), put(C, v(U32, "n")), n=U32) \
        == ["Declare n", "If", "Store", "Return"]


def test_statements_of_a_line_carry_its_span() -> None:
    body = low(let("i", item(U32, "t", C), 7), put(C, v(U32, "i")), i=U32)
    assert [s.span.line for s in body] == [7, 7, 7, 1, 1]


def test_verify_finds_a_broken_promise() -> None:
    code = element(handler((put(C, op("+", item(U32, "t", C), k(U32, 1))), ret(action())), {}, SCRATCH), scratch=S,
                   state=STATE)
    with pytest.raises(AssertionError, match="not pure"):
        verify(code)
    loop = h.ForRange(AT, "i", I64, k(I64, 9), k(I64, 0), -1, ())
    with pytest.raises(AssertionError, match="not simple"):
        verify(element(handler((loop,), {}, SCRATCH), scratch=S))
