"""Folding: IR text in, IR text out. That the meaning stays is tests/unit/emit/test_programs.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mcc.ir import func as h
from mcc.ir.element import Code, TableDecl
from mcc.ir.func import BOOL, I32, U8, U32, U64
from mcc.passes.fold import fold
from mcc.passes.simplify import same
from tests.unit.emit.kit import (
    AT,
    SCRATCH,
    action,
    both,
    call,
    cast,
    cmp,
    either,
    element,
    fld,
    handler,
    iff,
    inline,
    inv,
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

S = struct(a=U8, c=U32, d=U64, f=I32, ok=BOOL, arr=h.ArrayType(U32, 4), r=U32)
TABLE = TableDecl("t", U32, 4, 0, (10, 20, 30, 40))
A, C, OK = fld(U8, "a"), fld(U32, "c"), fld(BOOL, "ok")
TRUE, FALSE = k(BOOL, 1), k(BOOL, 0)


def code_of(*body: h.Stmt, inlines: tuple[h.Func, ...] = (), **names: object) -> Code:
    return element(handler((*body, ret(action())), names, SCRATCH), scratch=S, inlines=inlines, state=(TABLE,))


def body_of(code: Code, **how: bool) -> tuple[h.Stmt, ...]:
    return fold(code, **how).handlers[0].func.body


def folded(e: h.Expr) -> h.Expr:
    body = body_of(code_of(let("r", e), put(C, cast(U32, v(e.type, "r"))) if e.type != U32 else put(C, v(U32, "r")),
                           r=e.type))
    s = body[0]
    if isinstance(s, h.Let):
        return s.value
    assert isinstance(s, h.Store)
    return s.value


LOAD = item(U32, "t", C)

CASES = [
    (op("+", k(U8, 250), k(U8, 10)), k(U8, 4)), (op("-", k(I32, -2**31), k(I32, 1)), k(I32, 2**31 - 1)),
    (op("<<", k(U8, 1), k(U8, 9)), k(U8, 0)), (op(">>", k(I32, -8), k(U8, 99)), k(I32, -1)),
    (h.Unary(U8, 0, 255, AT, "~", k(U8, 1)), k(U8, 254)), (op("%", k(U64, 17), k(U64, 5)), k(U64, 2)),
    (op("+", C, k(U32, 0)), C), (op("*", k(U32, 1), C), C), (op("*", C, k(U32, 0)), k(U32, 0)),
    (op("&", C, k(U32, 2**32 - 1)), C), (op("&", cast(U32, A), k(U32, 255)), cast(U32, A)),
    (op("%", op("&", C, k(U32, 3), 0, 3), k(U32, 4)), op("&", C, k(U32, 3))),
    (op("min", op("&", C, k(U32, 3), 0, 3), k(U32, 9)), op("&", C, k(U32, 3))),
    (op("<<", C, k(U8, 40)), k(U32, 0)), (item(U32, "t", k(U32, 2)), k(U32, 30)),
    (h.TableLen(U32, 4, 4, AT, "t"), k(U32, 4)), (cast(U32, cast(U64, C)), C), (cast(U8, k(U32, 257)), k(U8, 1)),
    (pick(TRUE, C, k(U32, 3)), C), (pick(cmp("<", A, k(U8, 0)), k(U32, 3), C), C),
    (op("<<", LOAD, k(U8, 70)), op("<<", LOAD, k(U8, 70))), (op("*", LOAD, k(U32, 0)), op("*", LOAD, k(U32, 0))),
]


@pytest.mark.parametrize(("before", "after"), CASES)
def test_expressions(before: h.Expr, after: h.Expr) -> None:
    got = folded(before)
    if isinstance(after, h.Const) and after.type != U32:
        assert isinstance(got, h.Const)
        assert got.value == after.value % 2**32
    else:
        assert same(got, after), got


def test_conditions() -> None:
    def cond(c: h.Expr) -> h.Expr | bool | None:
        s = body_of(code_of(iff(c, (put(C, k(U32, 1)),), (put(C, k(U32, 2)),))))[0]
        if isinstance(s, h.Store):
            assert isinstance(s.value, h.Const)
            return s.value.value == 1
        return s.cond if isinstance(s, h.If) else None

    assert cond(both(TRUE, TRUE)) is True and cond(both(OK, FALSE)) is False and cond(either(OK, TRUE)) is True
    assert cond(cmp("<=", A, k(U8, 255))) is True and cond(cmp(">", A, A)) is False
    assert same(cond(both(TRUE, OK)), OK) and same(cond(inv(inv(OK))), OK)
    assert same(cond(inv(cmp("<", C, k(U32, 4)))), cmp(">=", C, k(U32, 4)))
    assert same(cond(cmp("==", OK, FALSE)), inv(OK))
    faulty = both(cmp("==", LOAD, k(U32, 1)), FALSE)
    assert same(cond(faulty), faulty), "a fault in front of a deciding part stays"


def test_locals_that_never_change() -> None:
    body = body_of(code_of(let("n", k(U32, 4)), let("m", op("+", v(U32, "n"), k(U32, 1))), put(C, v(U32, "m")),
                           n=U32, m=U32))
    assert same_body(body, (put(C, k(U32, 5)), ret(action())))
    twice = code_of(let("n", k(U32, 4)), iff(OK, (let("n", k(U32, 5)),)), put(C, v(U32, "n")), n=U32)
    assert same_body(body_of(twice), twice.handlers[0].func.body)


def test_dead_code() -> None:
    assert same_body(body_of(code_of(let("x", C), ret(action("drop")), put(C, k(U32, 1)), x=U32)),
                     (ret(action("drop")),))
    kept = body_of(code_of(let("x", LOAD), x=U32))
    assert isinstance(kept[0], h.Eval), "the fault of a load stays when its value is dead"
    switch = h.Switch(AT, k(U8, 3), (h.Case((1, 2), (put(C, k(U32, 1)),)), h.Case((3,), (put(C, k(U32, 2)),))), ())
    assert same_body(body_of(code_of(switch)), (put(C, k(U32, 2)), ret(action())))
    loop = h.ForRange(AT, "i", U32, k(U32, 5), k(U32, 5), 1, (put(C, k(U32, 1)),))
    assert same_body(body_of(code_of(loop, i=U32)), (ret(action()),))


def test_case_values_out_of_reach_and_twice() -> None:
    s = h.Switch(AT, op("&", A, k(U8, 3), 0, 3), (h.Case((1, 9), (put(C, k(U32, 1)),)),
                                                  h.Case((1, 2), (put(C, k(U32, 2)),))), ())
    got = body_of(code_of(s))[0]
    assert isinstance(got, h.Switch)
    assert [c.values for c in got.cases] == [(1,), (2,)]


def test_proved_checks_go() -> None:
    near, far = op("&", C, k(U32, 3), 0, 3), op("&", C, k(U32, 7), 0, 7)
    for e, checked in ((item(U32, "t", near), False), (item(U32, "t", far), True)):
        s = body_of(code_of(put(C, e)))[0]
        assert isinstance(s, h.Store) and isinstance(s.value, h.TableLoad)
        assert s.value.checked == (checked,)
    place = body_of(code_of(put(fld(U32, "arr", near, True), k(U32, 1))))[0]
    assert isinstance(place, h.Store) and isinstance(place.place, h.Field)
    assert not place.place.checked


def test_asserts_only_in_test_builds() -> None:
    code = code_of(let("x", C), h.Assert(AT, cmp("<", v(U32, "x"), k(U32, 9))), x=U32)
    assert same_body(body_of(code), (ret(action()),))
    assert any(isinstance(s, h.Assert) for s in body_of(code, claims=True))


def test_helpers_that_nobody_calls_go() -> None:
    two = inline("two", U32, (ret(k(U32, 2)),), {})
    one = inline("one", U32, (ret(call(U32, "two")),), {})
    code = code_of(iff(FALSE, (put(C, call(U32, "one")),)), inlines=(two, one))
    assert fold(code).inlines == ()
    used = replace(code, handlers=code_of(put(C, call(U32, "one"))).handlers)
    assert [f.name for f in fold(used).inlines] == ["two", "one"]


def same_body(a: tuple[h.Stmt, ...], b: tuple[h.Stmt, ...]) -> bool:
    """Equal but for spans and ranges."""
    def plain(n: object) -> object:
        if isinstance(n, tuple):
            return tuple(plain(x) for x in n)
        if hasattr(n, "__dataclass_fields__") and not isinstance(n, h.IntType):
            return (type(n), *(plain(getattr(n, f)) for f in n.__dataclass_fields__ if f not in ("span", "lo", "hi")))
        return n
    return plain(a) == plain(b)
