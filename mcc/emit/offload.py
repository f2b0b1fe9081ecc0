"""Patterns for NICs, and what their marks mean, as C tables of runtime_c/mcc_offload.h."""

from __future__ import annotations

from collections.abc import Sequence

from mcc.ir.offload import Offload, Pattern, Shape


def print_offload(offload: Offload, ports: Sequence[str]) -> str:
    """`box_patterns` in order of first match, and `box_marks`, whose entry 0 is no mark."""
    lines = ["/* ---------------------------------------------------------------- what a NIC may classify */", "",
             "/* clang-format off */", "static const struct mcc_pattern box_patterns[] = {"]
    for p in offload.patterns:
        lines += _pattern(p, offload, ports)
    lines += ["};", "", "static const struct mcc_mark box_marks[] = {", "    {0},"]
    for i, m in enumerate(offload.marks, 1):
        tags = "MCC_ANY_TAGS" if m.shape.tags is None else m.shape.tags
        lines.append(f"    {{PORT_{ports[m.port]}, {tags}, {_layers(m.shape, 'MCC_ETH')}, {m.leaf}}}, /* {i} */")
    return "\n".join([*lines, "};", "/* clang-format on */"])


def _pattern(p: Pattern, offload: Offload, ports: Sequence[str]) -> list[str]:
    leads = f"leaf {offload.marks[p.mark - 1].leaf}" if p.mark else f"software: {p.why}"
    spec, mask = p.bytes()
    return [f"    /* {ports[p.port]}: {p.text} -> {leads} */",
            f"    {{PORT_{ports[p.port]}, {p.shape.tags or 0}, {_layers(p.shape)}, {p.priority}, {p.mark},",
            f"     {{{_bytes(spec, mask)}}}, {{{_bytes(mask, mask)}}}}},"]


def _layers(shape: Shape, *more: str) -> str:
    names = [*more, *(f"MCC_{n.upper()}" for n in (shape.net, shape.transport) if n != "none")]
    return " | ".join(names) or "0"


def _bytes(values: bytes, mask: bytes) -> str:
    """Designated initialisers of the bytes that count: `[30] = 10, 0, [36] = 0, 80`."""
    out = []
    for i, v in enumerate(values):
        if mask[i]:
            out.append(f"{v:#04x}" if i and mask[i - 1] else f"[{i}] = {v:#04x}")
    return ", ".join(out) or "0"
