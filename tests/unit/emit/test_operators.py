"""Every operator of the language at corner values, printed, compiled and run against the interpreter in kit.py."""

from __future__ import annotations

import ctypes
import itertools
from pathlib import Path

import pytest

from mcc.ir import func as h
from tests.unit.emit.kit import (
    SCRATCH,
    TYPES,
    Machine,
    action,
    cast,
    cells_of,
    cmp,
    element,
    fit,
    fld,
    handler,
    inv,
    judge,
    k,
    load,
    lowered,
    module,
    op,
    pick,
    put,
    ret,
    runner,
    struct,
)

CORNERS = (0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x10000,
           0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, (1 << 127),
           (1 << 128) - 1, -1)


def corners(t: h.IntType) -> list[int]:
    return sorted({fit(t, c) for c in CORNERS})


def expressions(t: h.IntType) -> list[h.Expr]:
    a, b, n = fld(t, "a"), fld(t, "b"), fld(h.U8, "n")
    ops = ["+", "-", "*", "&", "|", "^", "min", "max"] + ([] if t.signed else ["//", "%"])
    out: list[h.Expr] = [op(o, a, b if o not in ("//", "%") else op("max", b, k(t, 1), 1)) for o in ops]
    out += [op(o, op(p, a, b), a) for o in ("+", "-", "*", "&") for p in ("+", "-", "|")]
    out += [op(o, a, n) for o in ("<<", ">>")]
    out += [op(o, a, op("&", n, k(h.U8, t.bits - 1), 0, t.bits - 1)) for o in ("<<", ">>")]
    out += [op(o, a, k(h.U8, c)) for o in ("<<", ">>") for c in (0, 1, t.bits - 1, t.bits, 200)]
    out += [op(o, op("+", a, b), n) for o in ("<<", ">>")]
    out += [op(o, k(t, 1), n) for o in ("<<", ">>")]
    out += [h.Unary(t, t.min, t.max, a.span, o, x) for o in "-~" for x in (a, op("+", a, b))]
    out += [pick(cmp(o, a, b), a, k(t, 5)) for o in ("<", "<=", "==", "!=", ">", ">=")]
    out += [pick(cmp("<", op("+", a, b), op("-", a, b)), k(t, 1), k(t, 2)), pick(inv(cmp("<", a, k(t, 3))), b, a)]
    out += [cast(t, x) for u in TYPES for x in (cast(u, a), op("+", cast(u, a), cast(u, b)))]
    out += [cast(t, cast(h.BOOL, a)), cast(t, op("*", cast(h.U128, a), cast(h.U128, b)))]
    return out


@pytest.mark.parametrize("t", TYPES, ids=lambda t: t.name)
@pytest.mark.parametrize("folded", [False, True])
def test_operators_at_corners(t: h.IntType, folded: bool, tmp_path: Path) -> None:
    code_parts = expressions(t)
    funcs = [handler((put(fld(t, "r"), e), ret(action("to", i))), {}, SCRATCH, name=f"h{i}")
             for i, e in enumerate(code_parts)]
    code = element(*funcs, scratch=struct(a=t, b=t, n=h.U8, r=t))
    low = lowered(code, folded=folded)
    c = module(low, runner(low))
    if folded:
        judge(c, tmp_path, ("clang",))
    lib = load(c, tmp_path, strict=folded)
    for a, b in itertools.product(corners(t), repeat=2):
        for i, f in enumerate(funcs):
            n = abs(a ^ b ^ i) & 0xFF
            start = {"a": a, "b": b, "n": n, "r": 0}
            cells = (ctypes.c_uint64 * 8)(*cells_of(code, start, {}))
            assert lib.run(i, cells) == i
            after = dict(start)
            Machine(code, after).run(f)
            assert list(cells) == cells_of(code, after, {}), (f.body[0], start, after)
