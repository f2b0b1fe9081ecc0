"""FCB layout: one offset an element, walks that exclude each other overlap (paper II-D, figure 7).

    offset(e) = max over walks through e of the end of the element before e, aligned

Sizes follow the C ABI: natural alignment, u128 aligned to 8 (mcc.emit prints the same and asserts it).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mcc.ir.element import Code
from mcc.ir.func import ArrayType, BoolType, HandleType, IntType, MarkType, StructType
from mcc.ir.plan import Layout, Leaf, Slot

GROUP_SIZE = 4
TCP_SIZE, TCP_INNER_SIZE = 288, 608
"""sizeof(struct mcc_tcp), and in chains that look into tunnels; asserted in the printed C."""


def size_align(t: IntType | BoolType | ArrayType | MarkType | HandleType) -> tuple[int, int]:
    """Bytes and alignment of a field."""
    if isinstance(t, ArrayType):
        size, align = size_align(t.elem)
        return size * t.length, align
    if isinstance(t, BoolType):
        return 1, 1
    if isinstance(t, (MarkType, HandleType)):
        return 8, 8
    return t.bits // 8, min(8, t.bits // 8)


def struct_size(t: StructType) -> tuple[int, int]:
    """Bytes and alignment of a struct, padding included."""
    at, most = 0, 1
    for f in t.fields:
        size, align = size_align(f.type)
        at = -(-at // align) * align + size
        most = max(most, align)
    return -(-at // most) * most, most


def field_offsets(t: StructType) -> dict[str, int]:
    """Offset in bytes of each field."""
    out, at = {}, 0
    for f in t.fields:
        size, align = size_align(f.type)
        at = -(-at // align) * align
        out[f.name] = at
        at += size
    return out


def wanted(code: Code, grouped: bool, tcp_size: int = TCP_SIZE) -> tuple[tuple[str, str, int, int], ...]:
    """(what, area, size, align) that one element asks for."""
    if grouped:
        stream = (("stream", "dir", code.stream.size, 8),) if code.stream is not None else ()
        return (*stream, ("group", "dir", GROUP_SIZE, GROUP_SIZE))
    out = []
    if code.context:
        return (("context", "conn", tcp_size, 8),) if code.context == "tcp" else ()
    if code.stream is not None:
        out.append(("stream", "dir", code.stream.size, 8))
    if code.scratch is not None:
        out.append(("scratch", "dir", *struct_size(code.scratch)))
    if code.conn is not None:
        out.append(("conn", "conn", *struct_size(code.conn)))
    return tuple(out)


def lay_out(leaves: Sequence[Leaf], codes: Mapping[int, Code], inner: bool = False) -> Layout:
    """Slots for every session element of every leaf. `inner`: of a chain that looks into tunnels."""
    tcp_size = TCP_INNER_SIZE if inner else TCP_SIZE
    grouped = {(leaf.id, node) for leaf in leaves for node, _ in leaf.groups}
    asks: dict[tuple[int, str], tuple[str, int, int]] = {}
    order: list[tuple[int, str]] = []
    walks: list[list[tuple[int, str]]] = []
    for leaf in leaves:
        walk = []
        for node in leaf.elements:
            for what, area, size, align in wanted(codes[node], (leaf.id, node) in grouped, tcp_size):
                asks[(node, what)] = (area, size, align)
                walk.append((node, what))
        walks.append(walk)
        order += [k for k in walk if k not in order]
    offsets = _place(order, walks, asks)
    slots = tuple(Slot(n, w, asks[n, w][0], offsets[n, w], asks[n, w][1], asks[n, w][2]) for n, w in order)
    ends = {a: max([s.offset + s.size for s in slots if s.area == a], default=0) for a in ("dir", "conn")}
    return Layout(slots, ends["dir"], ends["conn"])


def _place(order: list[tuple[int, str]], walks: list[list[tuple[int, str]]],
           asks: Mapping[tuple[int, str], tuple[str, int, int]]) -> dict[tuple[int, str], int]:
    """First fit in walk order: behind everything already placed that shares a walk and an area."""
    offsets: dict[tuple[int, str], int] = {}
    for k in order:
        area, size, align = asks[k]
        rivals = sorted((offsets[o], offsets[o] + asks[o][1]) for o in offsets
                        if asks[o][0] == area and any(k in w and o in w for w in walks))
        at = 0
        for lo, hi in rivals:
            if lo < at + size and hi > at:
                at = -(-hi // align) * align
        offsets[k] = at
    return offsets
