"""Flow control blocks as bars, aligned by offset: figure 7 of the paper, as SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcc.cli.svg import FAINT, LINE, Page, clipped, folded, text_width

MARGIN, HEIGHT, STEP = 24.0, 46.0, 64.0
META, HOPS, LABEL = 92.0, 76.0, 250.0
LEAST, BYTES = 54.0, 560.0
_COLOURS = ("#dcebfa", "#e3f4e4", "#fdf3d7", "#f3e5f9", "#fde3d3", "#d9f2f0")
_AREAS = {"direction": "one a direction of a session", "connection": "one a connection, shared by both directions"}
_HEAD, _UNUSED = "#e4e7eb", "#ffffff"

Facts = Mapping[str, Any]


def blocks(facts: Facts) -> str:
    """`facts`: mcc.run.explain. One bar a set of leaves that keep the same; what an element keeps has one colour and
    one place in all of them."""
    page, fcb = Page(), facts["flow_control_block"]
    page.text(MARGIN, MARGIN + 14, f"{facts['chain']}: flow control blocks", 17, "start", bold=True)
    y = MARGIN + 44
    names = list(dict.fromkeys(p["element"] for p in fcb["places"]))
    colours = {n: _COLOURS[i % len(_COLOURS)] for i, n in enumerate(names)}
    for kept, title in _AREAS.items():
        bars = [b for b in fcb["bars"] if b["kept"] == kept]
        if not bars or kept == "connection" and not any(b["cells"] for b in bars):
            continue
        size = fcb[f"a_{kept}"]
        head = fcb["head"] if kept == "direction" else 0
        page.text(MARGIN, y, f"{title}: {f'{head} + ' if head else ''}{size} bytes", 13, "start", FAINT)
        y = _area(page, bars, size, kept == "direction", colours, y + 26) + 34
    if not fcb["bars"]:
        page.text(MARGIN, y, "no packet of this chain needs a session", 13, "start", FAINT)
    return page.done(f"{facts['chain']}: flow control blocks")


def _area(page: Page, bars: Sequence[Facts], size: int, head: bool, colours: Mapping[str, str], top: float) -> float:
    """All bars of one area; returns where they end."""
    edges = _edges(bars, size)
    left = MARGIN + LABEL + (META + HOPS if head else 0)
    for offset, x in edges.items():
        page.text(left + x, top, str(offset), 11, colour=FAINT)
        page.line(left + x, top + 5, left + x, top + 10 + STEP * (len(bars) - 1) + HEIGHT, "#cbd2d9", dashed=True)
    y = top + 10
    for b in bars:
        _label(page, b, y)
        if head:
            hops = [",".join(map(str, h)) for h in b["next_hops"]]
            _cell(page, MARGIN + LABEL, y, META, "meta-data", "", _HEAD)
            _cell(page, MARGIN + LABEL + META, y, HOPS, " | ".join(hops[:2]) or "-", "next hops", _HEAD)
        at = 0
        for c in b["cells"]:
            end = c["offset"] + c["size"]
            _unused(page, left, edges, y, at, c["offset"])
            what = {"group": "id of its group", "scratch": "scratch", "conn": "conn"}[c["state"]]
            _cell(page, left + edges[c["offset"]], y, edges[end] - edges[c["offset"]], c["name"],
                  f"{what}, {c['size']} B", colours[c["name"]])
            at = end
        _unused(page, left, edges, y, at, size)
        y += STEP
    return y


def _edges(bars: Sequence[Facts], size: int) -> dict[int, float]:
    """Offset in bytes -> x: in proportion, but each piece wide enough for what is written in it."""
    cells = [c for b in bars for c in b["cells"]]
    offsets = sorted({0, size, *(c["offset"] for c in cells), *(c["offset"] + c["size"] for c in cells)})
    widths = {a: max(LEAST, BYTES * (b - a) / max(size, 1)) for a, b in zip(offsets, offsets[1:], strict=False)}
    for c in sorted(cells, key=lambda c: c["size"]):
        mine = [a for a in widths if c["offset"] <= a < c["offset"] + c["size"]]
        lack = max(text_width(c["name"], 12.5, True), 92) + 14 - sum(widths[a] for a in mine)
        for a in mine:
            widths[a] += max(0.0, lack) / len(mine)
    out, x = {}, 0.0
    for a in offsets:
        out[a] = x
        x += widths.get(a, 0.0)
    return out


def _unused(page: Page, left: float, edges: Mapping[int, float], y: float, start: int, end: int) -> None:
    if end > start:
        x, w = left + edges[start], edges[end] - edges[start]
        page.box(x, y, w, HEIGHT, _UNUSED, "#9aa5b1", 0, dashed=True)
        page.text(x + w / 2, y + HEIGHT / 2 + 4, clipped("unused", 11, w - 6), 11, colour="#9aa5b1", italic=True)


def _cell(page: Page, x: float, y: float, w: float, name: str, note: str, fill: str) -> None:
    page.box(x, y, w, HEIGHT, fill, LINE, 0, hint=f"{name} {note}")
    page.text(x + w / 2, y + (20 if note else 27), clipped(name, 12.5, w - 8), 12.5, bold=fill != _HEAD)
    if note:
        page.text(x + w / 2, y + 36, clipped(note, 10.5, w - 6), 10.5, colour=FAINT)


def _label(page: Page, b: Facts, y: float) -> None:
    leaves = b["leaves"]
    numbers = ", ".join(map(str, leaves)) if len(leaves) < 6 else f"{leaves[0]}, .. {leaves[-1]}"
    page.text(MARGIN + LABEL - 14, y + 16, f"leaf {numbers}", 12, "end", bold=True)
    for i, line in enumerate(folded(b["walks"][0], 10.5, LABEL - 20, 2)):
        page.text(MARGIN + LABEL - 14, y + 30 + 13 * i, line, 10.5, "end", FAINT, hint="\n".join(b["walks"]))
