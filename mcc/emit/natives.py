"""Native types as C: Hyperscan databases and the handles of their streams (runtime_c/mcc_hs.h)."""

from __future__ import annotations

from mcc.emit.names import c_name
from mcc.emit.streams import c_string
from mcc.ir import func as h
from mcc.ir.element import Code, HsDecl
from mcc.ir.lir import walk


def uses_hyperscan(code: Code) -> bool:
    """Its C calls functions of mcc_hs.h."""
    return any(isinstance(d, HsDecl) for d in code.state)


def print_patterns(code: Code, node: str) -> list[str]:
    """The patterns of each database, as arrays of strings."""
    out = []
    for d in code.state:
        if isinstance(d, HsDecl):
            rows = "".join(f"    {c_string(p)},\n" for p in d.patterns)
            out.append(f"static const char *const {node}_{c_name(d.name)}_patterns[] = {{\n{rows}}};\n")
    return out


def open_database(d: HsDecl, node: str, shown: str) -> str:
    """The statement that compiles a database of the box."""
    name = c_name(d.name)
    cap = str(d.streams) if d.streams else "2 * config->max_sessions"
    return (f"failed |= mcc_hs_init(&box->{node}.{name}, {c_string(shown.encode())}, {node}_{name}_patterns, "
            f"{len(d.patterns)}, {d.flags}, {cap});")


def closes(code: Code, node: str, scratch: str, conn: str, directions: int) -> list[str]:
    """Statements that close the handles in a flow's session state: `scratch` in each FCB, `conn` in what is shared."""
    out = []
    for (shared, field), db in sorted(bindings(code).items()):
        places = [f"conn.{conn}"] if shared else [f"dir[{d}].fcb.{scratch}" for d in range(directions)]
        out += [f"mcc_hs_close(&box->{node}.{c_name(db)}, &flow->{p}.{c_name(field)});" for p in places]
    return out


def bindings(code: Code) -> dict[tuple[bool, str], str]:
    """The database of each handle (of conn?, its field) that some handler opens."""
    funcs = [*(x.func for x in code.handlers), *code.inlines]
    return {(n.base is h.Base.CONN, n.field): n.db for f in funcs for n in walk(f.body)
            if isinstance(n, h.HsCall) and n.method == "scan"}
