"""The facts of `mcc explain` as text: table I and figure 7 of the paper for the user's own chain, and the rest."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.text import Text

from mcc.cli.summary import count
from mcc.cli.texttable import Ruler, bar, natural_width, paragraph, table

Facts = Mapping[str, Any]

PLAIN_WIDTH = 100
"""Columns of output that goes to no terminal."""


def explained(facts: Facts, width: int = 0) -> Text:
    """All parts, in order, `width` columns wide (0: as the terminal, else PLAIN_WIDTH)."""
    width = width or (shutil.get_terminal_size((PLAIN_WIDTH, 24)).columns if sys.stdout.isatty() else PLAIN_WIDTH)
    text = Text(no_wrap=True, end="")
    text.append(f"chain {facts['chain']}", style="bold")
    ports = (p + " (looks into tunnels)" * (p in facts["inner_ports"]) for p in facts["ports"])
    text.append(f"   ports {', '.join(ports)}\n")
    for title, lines in _parts(facts, width):
        text.append(f"\n{title}\n", style="bold")
        text.append("".join(f"{line}\n" for line in lines))
    return text


def _parts(facts: Facts, width: int) -> Iterable[tuple[str, list[str]]]:
    yield "Unified flow table (first match from the top)", _flow_table(facts, width)
    yield "What a network card can classify (DPDK ports)", _offload(facts["offload"], width)
    blocks = facts["flow_control_block"]
    if blocks["bars"]:
        yield "Flow control blocks (bytes; one offset an element)", _blocks(blocks, width)
    if facts["keys"]:
        yield "Session keys", _keys(facts["keys"], width)
    if facts["elements"]:
        yield "Elements", _elements(facts["elements"], width)
    if facts["contexts"]:
        yield "Contexts (what their elements need, and why)", _contexts(facts["contexts"], width)
    yield "Handled in batches", _batches(facts["batches"], width)
    yield "Packets that wait", _buffers(facts["buffers"], width)
    yield "Checksums", _checksums(facts["checksums"], width)


# ---------------------------------------------------------------- table I


def _flow_table(facts: Facts, width: int) -> list[str]:
    out: list[str] = []
    with_other = [r for r in facts["flow_table"] if r["other_outputs"]]
    before: tuple[str, list[Any]] = ("", [])
    for place, group in groupby(facts["flow_table"], key=lambda r: r["from"]):
        rows = list(group)
        same = [[r["when"], r["pfp"], r["session_space"], r["next_hops"]] for r in rows]
        out += [""] * bool(out)
        if same == before[1] and len(rows) > 1:
            out += [f"  from {place}: the same rules as from {before[0]}"] + _walks(rows, width)
        else:
            out += [f"  from {place}"] + _rules(facts, rows, width)
            before = (place, same)
    out += [""] + paragraph(_legend(facts), width)
    if facts["other_leaves"]:
        n = len(facts["other_leaves"])
        leaves = ", ".join(str(r["leaf"]) for r in facts["other_leaves"])
        out += paragraph(f"{count(n, 'further leaf') if n == 1 else f'{n} further leaves'} ({leaves}) for what is not "
                         "shown: other links, cut or malformed frames, fragments.", width)
    if with_other:
        others = dict.fromkeys(w for r in with_other for w in r["other_outputs"])
        out += paragraph(f"Other outputs: {'; '.join(others)}", width)
    return out


SHOWN = 4
"""Patterns that are left to software, of one port; more are counted."""


def _offload(ports: Sequence[Facts], width: int) -> list[str]:
    out = []
    for p in ports:
        if not p["patterns"]:
            out += paragraph(f"{p['port']}: nothing.", width)
            continue
        left = p["software"]
        words = f"{p['port']}: leaf {_numbers(p['leaves'])}, by {count(p['patterns'], 'pattern')} of " \
                f"{p['priorities']} priorities"
        if left:
            some = "; ".join(f"{x['packets']} ({x['why']})" for x in left[:SHOWN])
            words += f"; left to software: {some}" + f"; {len(left) - SHOWN} more" * (len(left) > SHOWN)
        out += paragraph(f"{words}.", width)
    return out


def _rules(facts: Facts, rows: Sequence[Facts], width: int) -> list[str]:
    """The table of one entry; with the session space in brief, then with the walks below, where it is too wide."""
    columns = [c for c in facts["columns"] if any(c in r["when"] or c in r["pfp"] for r in rows)]
    hops = any(r["next_hops"] for r in rows)
    space = any(r["session_space"] or r["key"] is not None for r in rows)
    heads = [*columns, *["next hops"] * hops, *["session space"] * space, "leaf", "walk"]
    cells = [_cells(r, columns, hops, space) for r in rows]
    if natural_width(heads, cells) > width:
        cells = [_cells(r, columns, hops, space, brief=True) for r in rows]
    if natural_width(heads, cells) <= width + 12:
        return table(heads, cells, width)
    return table(heads[:-1], [c[:-1] for c in cells], width) + [""] + _walks(rows, width)


def _walks(rows: Sequence[Facts], width: int) -> list[str]:
    walks = dict.fromkeys((str(r["leaf"]), r["walk"]) for r in rows)
    return table(["leaf", "walk"], [list(w) for w in sorted(walks, key=lambda w: int(w[0]))], width)


def _legend(facts: Facts) -> str:
    rows = facts["flow_table"]
    words = ["* is any value"]
    if any(r["pfp"] for r in rows):
        words.append("PFP: populated from the packet, one session for each value")
    if any(r["next_hops"] for r in rows):
        words.append("next hops: which link is taken at each place that has several")
    return "; ".join(words) + "."


def _cells(row: Facts, columns: Sequence[str], hops: bool, space: bool, brief: bool = False) -> list[str]:
    out = [_cell(row, c) for c in columns]
    if not row["when"] and columns and not row["pfp"]:
        out[0] = "other"
        out[1:] = [""] * (len(out) - 1)
    if hops:
        out.append(", ".join(map(str, row["next_hops"])) or "-")
    if space:
        out.append(_space(row, brief))
    return [*out, str(row["leaf"]), row["walk"]]


def _cell(row: Facts, name: str) -> str:
    value = row["when"].get(name, "")
    if name in row["pfp"]:
        return f"PFP in {value}" if value else "PFP"
    return value or "*"


def _space(row: Facts, brief: bool) -> str:
    if row["key"] is None:
        return "-"
    parts = row["session_space"]
    total = f"{sum(p['bytes'] for p in parts)} bytes"
    if brief or not parts:
        return total
    return f"{total}: " + ", ".join(f"{p['element']} {p['bytes']}{' shared' * (p['kept'] == 'group')}" for p in parts)


# ---------------------------------------------------------------- figure 7


def _blocks(blocks: Facts, width: int) -> list[str]:
    out: list[str] = []
    for kept, title in (("direction", "one a direction of a session"),
                        ("connection", "one a connection, both directions")):
        bars = [b for b in blocks["bars"] if b["kept"] == kept]
        if not any(b["cells"] for b in bars):
            continue
        size = blocks[f"a_{kept}"]
        head = blocks["head"] if kept == "direction" else 0
        out += [""] * bool(out)
        out += [f"  {title}: {f'{head} + ' if head else ''}{size} bytes"]
        out += _bars(bars, size, kept == "direction", width)
    if not out:
        out = [f"  meta-data only ({blocks['head']} bytes a direction): no element keeps state for its sessions"]
    return out


def _bars(bars: Sequence[Facts], size: int, head: bool, width: int) -> list[str]:
    spans = [(c["offset"], c["offset"] + c["size"], _name(c)) for b in bars for c in b["cells"]]
    spans += [(0, size, "")]
    heads = [_head(b) for b in bars]
    columns = [max(len(h[i]) for h in heads) + 2 for i in range(2)] if head else []
    labels = [f"leaf {_numbers(b['leaves'])}" for b in bars]
    indent = min(max(len(x) for x in labels), 18) + 4
    ruler = Ruler(spans, width - indent - 2 - len(str(size)) - sum(columns) - len(columns))
    marks = " " * (indent + 1 + sum(columns) + len(columns))
    at = 0
    for o, w in zip(ruler.offsets, [*ruler.widths, 0], strict=True):
        marks = marks.ljust(indent + 1 + sum(columns) + len(columns) + at) + str(o)
        at += w + 1
    out = [marks.rstrip()]
    for b, (meta, hops), label in zip(bars, heads, labels, strict=True):
        cells = [(meta, columns[0], True), (hops, columns[1], True)] if head else []
        at = 0
        for c in b["cells"]:
            cells += _unused(ruler, at, c["offset"])
            cells.append((_name(c), ruler.width(c["offset"], c["offset"] + c["size"]), True))
            at = c["offset"] + c["size"]
        cells += _unused(ruler, at, size)
        lines = bar(cells, indent)
        lines[1] = f"  {label[:indent - 3]}".ljust(indent) + lines[1][indent:]
        out += [line[:width] for line in lines]
    return out


def _unused(ruler: Ruler, start: int, end: int) -> list[tuple[str, int, bool]]:
    if end <= start:
        return []
    w = ruler.width(start, end)
    return [("unused" if w >= 8 else "", w, False)]


def _head(b: Facts) -> tuple[str, str]:
    lists = [",".join(map(str, h)) for h in b["next_hops"]]
    return "meta-data", f"hops {' | '.join(lists)}" if lists and len(lists) < 4 else "hops -"


def _name(cell: Facts) -> str:
    return f"{cell['name']}→group" if cell["state"] == "group" else str(cell["name"])


def _numbers(leaves: Sequence[int]) -> str:
    return ", ".join(map(str, leaves)) if len(leaves) < 5 else f"{leaves[0]}, .. {leaves[-1]} ({len(leaves)})"


# ---------------------------------------------------------------- the rest


def _keys(keys: Sequence[Facts], width: int) -> list[str]:
    rows = [[str(k["key"]), ", ".join(k["fields"]), str(k["bytes"]), k["look_up"], _numbers(k["leaves"])] for k in keys]
    out = table(["key", "fields", "bytes", "look-up", "leaves"], rows, width) + [""]
    reasons: dict[str, list[str]] = {}
    for k in keys:
        reasons.setdefault(f"{k['look_up']}: {k['why']}", []).append(str(k["key"]))
    for why, numbers in reasons.items():
        out += paragraph(f"{'key' if len(numbers) == 1 else 'keys'} {', '.join(numbers)}: {why}.", width)
    return out


def _elements(elements: Sequence[Facts], width: int) -> list[str]:
    rows = [[e["element"], "" if e["type"] == e["element"] else e["type"], e["session"] or "-",
             ", ".join(f"{s['bytes']} a {s['kept']}" for s in e["state"]),
             ", ".join(dict.fromkeys(e["handlers"])), ", ".join(e["needs"]), ", ".join(e["writes"])] for e in elements]
    heads = ["element", "type", "session", "bytes", "handlers", "needs", "writes"]
    keep = [i for i in range(len(heads)) if any(r[i] for r in rows)]
    return table([heads[i] for i in keep], [[r[i] for i in keep] for r in rows], width)


def _contexts(contexts: Sequence[Facts], width: int) -> list[str]:
    out = []
    for c in contexts:
        out += paragraph(f"{c['context']} around {', '.join(c['elements']) or 'nothing'}", width)
        rows = [[x["need"], x["element"], x["reason"], x["at"]] for x in c["needs"]]
        out += table(["needs", "for", "because of", "at"], rows, width) if rows else ["    elements only read"]
        for k in c["keeps"]:
            out += paragraph(f"  keeps {k}.", width)
    return out


def _batches(b: Facts, width: int) -> list[str]:
    out = []
    if b["leaves"]:
        many = "" if b["open_at_once"] == 1 else f"; up to {b['open_at_once']} sessions' batches are open at once"
        out += paragraph(f"leaf {_numbers(b['leaves'])}: session by session{many}.", width)
    for why, leaves in b["packet_by_packet"].items():
        out += paragraph(f"leaf {_numbers(leaves)}: packet by packet: {why}.", width)
    return out or ["  no walk visits an element"]


def _buffers(buffers: Sequence[Facts], width: int) -> list[str]:
    if not buffers:
        return ["  none: every packet leaves, or is dropped, when it comes"]
    out = []
    for b in buffers:
        out += paragraph(f"{b['element']}: up to {b['packets_a_key']} a key of {b['map']} and {b['packets']} in all, "
                         f"until {b['until']}; an entry lives {b['timeout']:g} s.", width)
    return out


def _checksums(checksums: Sequence[Facts], width: int) -> list[str]:
    if not checksums:
        return ["  no element writes a field that a checksum covers"]
    words = {"ip": "the IPv4 header", "l4": "TCP, UDP or ICMP"}
    out = []
    for c in checksums:
        out += paragraph(f"{c['element']} changes {' and '.join(words[x] for x in c['covers'])}: mended incrementally, "
                         "once, when the packet leaves.", width)
    return out
