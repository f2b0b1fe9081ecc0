"""Members of FCB structs in order of offset, with the unused bytes between them (paper, figure 7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mcc.ir.plan import Slot


def members(slots: Sequence[Slot], member: Callable[[int, str], str]) -> tuple[list[str], list[dict[str, object]]]:
    """(C members, [{name, offset}] to assert)."""
    out: list[str] = []
    asserts: list[dict[str, object]] = []
    at = 0
    for s in slots:
        aligned = -(-at // s.align) * s.align
        if s.offset > aligned:
            out.append(f"uint8_t unused_{at}[{s.offset - at}]; /* other walks keep something here */")
        text = member(s.node, s.what)
        out.append(text)
        name = text.split(";")[0].split()[-1]
        asserts.append({"name": name, "offset": s.offset})
        at = s.offset + s.size
    return out, asserts
