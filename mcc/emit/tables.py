"""Read-only tables: `static const` arrays, or bytes beside the module where C text would be too slow to compile."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from mcc.emit.cexpr import literal
from mcc.emit.lines import WIDTH
from mcc.emit.names import BLOB_LIMIT, Names, c_type
from mcc.ir.element import TableDecl


def table_bytes(t: TableDecl) -> bytes:
    """The table as it lies in memory, in the byte order of this machine."""
    size = t.type.bits // 8
    mask = (1 << t.type.bits) - 1
    return b"".join((v & mask).to_bytes(size, sys.byteorder) for v in t.data)


def print_table(t: TableDecl, names: Names) -> str:
    """The declaration of one table. Above BLOB_LIMIT bytes it goes through `names.blob`, if there is one."""
    name = names.table(t.name)
    dims = f"[{t.rows}]" + (f"[{t.columns}]" if t.columns else "")
    data = len(t.data) * t.type.bits // 8
    if data > BLOB_LIMIT and names.blob is not None:
        declared = names.blob(name, table_bytes(t)).rstrip("\n")
        return f'{declared}\nextern const {c_type(t.type)} {name}{dims} __attribute__((visibility("hidden")));\n'
    out = ["/* clang-format off */", f"static const {c_type(t.type)} {name}{dims} = {{"]
    width = t.columns or len(t.data)
    for at in range(0, len(t.data), width):
        row = [literal(t.type, v).text for v in t.data[at:at + width]]
        lines = filled(row, 8 if t.columns else 4)
        out += [f"    {{ /* {at // width} */", *lines, "    },"] if t.columns else lines
    return "\n".join([*out, "};", "/* clang-format on */", ""])


def filled(items: Iterable[str], indent: int = 8) -> list[str]:
    """Items behind commas, as many a line as fit."""
    rows, row = [], ""
    for item in items:
        if row and indent + len(row) + len(item) + 2 > WIDTH:
            rows.append(" " * indent + row)
            row = ""
        row += f" {item}," if row else f"{item},"
    return [*rows, " " * indent + row]


def incbin(name: str, path: str) -> str:
    """C that makes the bytes of file `path` the object `name`, for `Names.blob`; `path` as the compiler finds it."""
    return (f'__asm__(".pushsection .rodata\\n"\n        ".balign 16\\n"\n        "{name}:\\n"\n'
            f'        ".incbin \\"{path}\\"\\n"\n        ".popsection\\n");\n')
