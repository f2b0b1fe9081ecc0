"""One expression made simpler, its operands being simple already.

    (bin + (const 20) (const 3)) => (const 23)         (bin & x 0xff), x a u8 => x
    (cmp < x 300), x a u8 => (const 1)                 (table T (const 2)) => (const ..)
    (not (cmp < a b)) => (cmp >= a b)                  (and a (const 1) b) => (and a b)

An operand that may fault or has an effect is never dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from mcc.ir import func as h
from mcc.ir.element import Code, TableDecl
from mcc.ir.lir import Effects, is_pure
from mcc.passes import arith

INVERSE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


@dataclass(frozen=True)
class Simplifier:
    """`tables` and `arrays` (length by (base, field)) of the instance, `known` effects of its helpers."""

    tables: dict[str, TableDecl]
    arrays: dict[tuple[h.Base, str], int]
    known: dict[str, Effects]

    def pure(self, *es: h.Expr) -> bool:
        return all(is_pure(e, self.known) for e in es)

    def __call__(self, e: h.Expr) -> h.Expr:
        e = self._by_node(e)
        if isinstance(e.type, (h.IntType, h.BoolType)) and e.lo == e.hi and not isinstance(e, h.Const) \
                and self.pure(e):
            return const(e, e.lo)
        return e

    def _by_node(self, e: h.Expr) -> h.Expr:
        match e:
            case h.Bin():
                return self._bin(e)
            case h.Cmp():
                return self._cmp(e)
            case h.Unary(op=op, a=h.Const(value=v), type=h.IntType() as t):
                return const(e, arith.unary(op, t, v))
            case h.Cast():
                return _cast(e)
            case h.BoolOp():
                return self._boolop(e)
            case h.Not():
                return _not(e)
            case h.Select(cond=h.Const(value=v)):
                return e.a if v else e.b
            case h.StreamNeed(n=h.Const(value=0)):
                return const(e, 1)
            case h.TableLen() if e.table in self.tables:
                return const(e, self.tables[e.table].rows)
            case h.TableLoad() if e.table in self.tables:
                return _table(e, self.tables[e.table])
            case h.Field(index=h.Expr() as i, checked=True) if (e.base, e.name) in self.arrays:
                return replace(e, checked=not (0 <= i.lo and i.hi < self.arrays[e.base, e.name]))
            case _:
                return e

    def _bin(self, e: h.Bin) -> h.Expr:
        t = e.type
        assert isinstance(t, h.IntType)
        if isinstance(e.a, h.Const) and isinstance(e.b, h.Const):
            v = arith.binary(e.op, t, e.a.value, e.b.value)
            return e if v is None else const(e, v)
        lo, hi = arith.interval(e.op, t, (e.a.lo, e.a.hi), (e.b.lo, e.b.hi))
        e = replace(e, lo=max(lo, e.lo), hi=min(hi, e.hi)) if max(lo, e.lo) <= min(hi, e.hi) else e
        kept = _neutral(e)
        if kept is not None and self.pure(e.b if kept is e.a else e.a):
            return kept
        if e.op in ("*", "&") and any(isinstance(x, h.Const) and x.value == 0 for x in (e.a, e.b)) \
                and self.pure(e.a, e.b):
            return const(e, 0)
        if e.op in ("<<", ">>") and e.b.lo >= t.bits and self.pure(e.a, e.b) and not (t.signed and e.op == ">>"):
            return const(e, 0)
        return e

    def _cmp(self, e: h.Cmp) -> h.Expr:
        if isinstance(e.a, h.Const) and isinstance(e.b, h.Const):
            return const(e, arith.compare(e.op, e.a.value, e.b.value))
        if not isinstance(e.a.type, (h.IntType, h.BoolType)):
            return e
        known = arith.decide(e.op, (e.a.lo, e.a.hi), (e.b.lo, e.b.hi))
        if known is None and same(e.a, e.b):
            known = e.op in ("==", "<=", ">=")
        if known is not None and self.pure(e.a, e.b):
            return const(e, known)
        if isinstance(e.a.type, h.BoolType) and isinstance(e.b, h.Const) and e.op in ("==", "!="):
            return e.a if (e.b.value != 0) == (e.op == "==") else self(h.Not(h.BOOL, 0, 1, e.span, e.a))
        return e

    def _boolop(self, e: h.BoolOp) -> h.Expr:
        """Neutral parts go; what stands behind a deciding part is never evaluated."""
        decides = int(e.op == "or")
        parts: list[h.Expr] = []
        for p in e.parts:
            for q in p.parts if isinstance(p, h.BoolOp) and p.op == e.op else (p,):
                if parts and isinstance(parts[-1], h.Const):
                    break
                if not isinstance(q, h.Const) or q.value == decides:
                    parts.append(q)
        if parts and isinstance(parts[-1], h.Const) and self.pure(*parts):
            return const(e, decides)
        if not parts:
            return const(e, 1 - decides)
        return parts[0] if len(parts) == 1 else replace(e, parts=tuple(parts))


def simplifier(code: Code, known: dict[str, Effects]) -> Simplifier:
    arrays = {(base, f.name): f.type.length
              for base, t in ((h.Base.SCRATCH, code.scratch), (h.Base.PEER, code.scratch), (h.Base.CONN, code.conn))
              if t is not None for f in t.fields if isinstance(f.type, h.ArrayType)}
    return Simplifier({d.name: d for d in code.state if isinstance(d, TableDecl)}, arrays, known)


def const(e: h.Expr, v: int) -> h.Const:
    """`v` in the place and at the type of `e`."""
    return h.Const(e.type, int(v), int(v), e.span, int(v))


def same(a: object, b: object) -> bool:
    """Two expressions are the same but for where they stand (and how well their ranges are known)."""
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if not isinstance(a, h.Expr):
        return a == b
    return all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a) if f.name not in ("span", "lo", "hi"))


def _neutral(e: h.Bin) -> h.Expr | None:
    """The operand that the result always equals, if there is one."""
    a, b = e.a, e.b
    av = a.value if isinstance(a, h.Const) else None
    bv = b.value if isinstance(b, h.Const) else None
    if bv == 0 and e.op in ("+", "-", "|", "^", "<<", ">>") or bv == 1 and e.op in ("*", "//"):
        return a
    if av == 0 and e.op in ("+", "|", "^") or av == 1 and e.op == "*":
        return b
    if e.op == "&":
        return a if _covers(bv, a) else b if _covers(av, b) else None
    if e.op == "%" and 0 <= a.lo and a.hi < b.lo:
        return a
    if e.op in ("min", "max"):
        if a.hi <= b.lo:
            return a if e.op == "min" else b
        if b.hi <= a.lo:
            return b if e.op == "min" else a
    return None


def _covers(mask: int | None, x: h.Expr) -> bool:
    return mask is not None and mask & (mask + 1) == 0 and 0 <= x.lo and x.hi <= mask


def _cast(e: h.Cast) -> h.Expr:
    a, t = e.a, e.type
    if a.type == t:
        return a
    if isinstance(a, h.Const):
        return const(e, arith.wrap(t, a.value) if isinstance(t, h.IntType) else a.value != 0)
    if isinstance(t, h.BoolType) and not a.lo <= 0 <= a.hi:
        return replace(e, lo=1, hi=1)
    if isinstance(t, h.IntType) and isinstance(a.type, (h.IntType, h.BoolType)):
        if t.min <= a.lo and a.hi <= t.max and max(a.lo, e.lo) <= min(a.hi, e.hi):
            e = replace(e, lo=max(a.lo, e.lo), hi=min(a.hi, e.hi))
        if isinstance(a, h.Cast) and isinstance(a.type, h.IntType) and isinstance(a.a.type, h.IntType) \
                and a.type.bits >= t.bits:
            return _cast(replace(e, a=a.a))
    return e


def _not(e: h.Not) -> h.Expr:
    match e.a:
        case h.Const(value=v):
            return const(e, not v)
        case h.Not(a=a):
            return a
        case h.Cmp() as c:
            return replace(c, op=INVERSE[c.op], lo=e.lo, hi=e.hi)
        case h.IsNone() as n:
            return replace(n, negated=not n.negated)
        case _:
            return e


def _table(e: h.TableLoad, t: TableDecl) -> h.Expr:
    """Checks that are proved go; a load at constant places is its value."""
    bounds = (t.rows, t.columns) if t.columns else (t.rows,)
    checked = tuple(c and not (0 <= i.lo and i.hi < n)
                    for i, n, c in zip(e.index, bounds, e.checked, strict=True))
    if not any(checked) and all(isinstance(i, h.Const) for i in e.index):
        at = 0
        for i, n in zip(e.index, bounds, strict=True):
            at = at * n + (i.value if isinstance(i, h.Const) else 0)
        return const(e, t.data[at])
    return replace(e, checked=checked)
