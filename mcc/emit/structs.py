"""Session structs and instance state as C."""

from __future__ import annotations

from mcc.emit.cexpr import literal
from mcc.emit.names import c_member, c_name, c_type
from mcc.ir.element import Code, CounterDecl, HsDecl, LiveDecl, MapDecl, PerCoreDecl, PortsDecl, TableDecl
from mcc.ir.func import ArrayType, StructField, StructType


def print_struct(t: StructType, cname: str) -> str:
    """The C struct of a `@struct` and `CNAME_init`, which sets the defaults."""
    out = [f"struct {cname} {{"]
    out += [f"    {_member(f)};" for f in t.fields]
    out += ["};", "", f"static inline void {cname}_init(struct {cname} *s)", "{", "    memset(s, 0, sizeof *s);"]
    for f in t.fields:
        out += _default(f)
    return "\n".join([*out, "}", ""])


def _member(f: StructField) -> str:
    if isinstance(f.type, ArrayType):
        return f"{c_type(f.type.elem)} {c_name(f.name)}[{f.type.length}]"
    return f"{c_member(f.type)} {c_name(f.name)}"


def _default(f: StructField) -> list[str]:
    if not f.default:
        return []
    name = c_name(f.name)
    if isinstance(f.type, ArrayType):
        value = literal(f.type.elem, f.default).text
        return [f"    for (uint32_t i = 0; i < {f.type.length}; i++)", f"        s->{name}[i] = {value};"]
    return [f"    s->{name} = {int(f.default) if not hasattr(f.type, 'bits') else literal(f.type, f.default).text};"]


def print_state(code: Code) -> str:
    """Members of the instance's struct in the box, one a line, unindented; empty for an element without state."""
    out = []
    for d in code.state:
        match d:
            case CounterDecl():
                out.append(f"uint64_t {c_name(d.name)};")
            case PerCoreDecl() | LiveDecl():
                out.append(f"{c_type(d.type)} {c_name(d.name)};")
            case PortsDecl():
                out.append(f"struct mcc_ports {c_name(d.name)};")
            case MapDecl():
                out.append(f"struct mcc_map {c_name(d.name)};")
            case HsDecl():
                out.append(f"struct mcc_hs {c_name(d.name)};")
            case TableDecl():
                pass
    return "".join(f"{row}\n" for row in out)


def print_state_init(code: Code, node: str) -> str:
    """Statements that set what does not start at 0 in `box->NODE`, one a line, unindented. Maps and ports are made by
    the module (they need memory, and a share of the cores); `print_map_start` fills a map that has been made."""
    return "".join(f"box->{node}.{c_name(d.name)} = {literal(d.type, d.start).text};\n"
                   for d in code.state if isinstance(d, (PerCoreDecl, LiveDecl)) and d.start)


def print_map_start(d: MapDecl, node: str, now: str) -> str:
    """Statements that put the entries made in `setup` into a map, in order; `now` is the C for the start time."""
    place = f"&box->{node}.{c_name(d.name)}"
    return "".join(f"mcc_map_put({place}, {literal(d.key, k).text}, {literal(d.value, v).text}, {now});\n"
                   for k, v in d.initial)
