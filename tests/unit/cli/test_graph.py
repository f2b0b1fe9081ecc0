"""Pictures: valid SVG, nothing overlaps or leaves the page, texts are inside their boxes."""

from __future__ import annotations

import importlib.util
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcc.cli.layering import Edge, place, place_line
from mcc.cli.svg import clipped, folded, text_width
from tests.unit.cli.conftest import Mcc

SVG = "{http://www.w3.org/2000/svg}"
EXAMPLES = ("counter", "fig3", "firewall", "nat", "text_chain", "vlan_stats")


def drawn(mcc: Mcc, examples: Path, tmp_path: Path, name: str, what: str) -> ET.Element:
    out = tmp_path / f"{name}.svg"
    done = mcc("graph", examples / f"{name}.py", "-o", out, "--what", what)
    assert done.code == 0, done
    return ET.parse(out).getroot()


def boxes(root: ET.Element) -> list[tuple[float, float, float, float]]:
    """Frames of nodes: x, y, width, height."""
    return [tuple(float(r.get(k, "0")) for k in ("x", "y", "width", "height"))  # type: ignore[misc]
            for r in root.iter(f"{SVG}rect") if r.get("stroke")]


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("what", ["chain", "classifier", "fcb"])
def test_nothing_overlaps_or_leaves_the_page(mcc: Mcc, examples: Path, tmp_path: Path, name: str, what: str) -> None:
    root = drawn(mcc, examples, tmp_path, name, what)
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    found = boxes(root)
    assert found or what == "fcb"
    for i, (x, y, w, h) in enumerate(found):
        assert 0 <= x and 0 <= y and x + w <= width and y + h <= height
        for x2, y2, w2, h2 in found[:i]:
            apart = x + w <= x2 + 1 or x2 + w2 <= x + 1 or y + h <= y2 + 1 or y2 + h2 <= y + 1
            assert apart, (name, what)
    for t in root.iter(f"{SVG}text"):
        x, size, text = float(t.get("x", "0")), float(t.get("font-size", "0")), t.text or ""
        w = text_width(text, size, t.get("font-weight") == "bold")
        left = {"middle": x - w / 2, "start": x, "end": x - w}[t.get("text-anchor", "start")]
        assert left >= 0 and left + w <= width, text
        if t.get("fill") == "#ffffff":  # of a port: white on dark, so it must be inside
            y = float(t.get("y", "0"))
            assert any(bx <= left and left + w <= bx + bw and by <= y <= by + bh for bx, by, bw, bh in found), text


def words(root: ET.Element) -> list[str]:
    return [t.text or "" for t in root.iter(f"{SVG}text")]


def test_what_the_chain_shows(mcc: Mcc, examples: Path, tmp_path: Path) -> None:
    root = drawn(mcc, examples, tmp_path, "fig3", "chain")
    assert words(root).count("lan") == words(root).count("wan") == 2  # in and out
    assert "TCP4 | UDP4 · 8 bytes conn" in words(root) and "HTTP | UDP" in words(root)
    paths = [p for p in root.iter(f"{SVG}path") if p.get("marker-end")]
    assert sum("stroke-dasharray" in p.attrib for p in paths) == 2  # the context links
    duplex = drawn(mcc, examples, tmp_path, "nat", "chain")
    assert words(duplex).count("lan") == 1
    assert all(p.get("marker-start") for p in duplex.iter(f"{SVG}path") if p.get("marker-end"))


def test_a_long_line_turns(mcc: Mcc, examples: Path, tmp_path: Path) -> None:
    root = drawn(mcc, examples, tmp_path, "firewall", "chain")
    assert float(root.get("width", "0")) < 1400


def test_what_the_classifier_shows(mcc: Mcc, examples: Path, tmp_path: Path) -> None:
    found = words(drawn(mcc, examples, tmp_path, "fig3", "classifier"))
    for text in ("Ethertype", "ARP op", "request", "dport", "80", "else", "leaf 9", "lb >> arp >> wan"):
        assert text in found, text


def test_bars_are_aligned(mcc: Mcc, examples: Path, tmp_path: Path) -> None:
    root = drawn(mcc, examples, tmp_path, "vlan_stats", "fcb")
    places: dict[str, set[str]] = {}
    for r in root.iter(f"{SVG}rect"):
        title = r.find(f"{SVG}title")
        if title is not None and title.text:
            places.setdefault(title.text, set()).add(r.get("x", ""))
    assert len(places["VlanStats id of its group, 4 B"]) == len(places["PacketStats id of its group, 4 B"]) == 1


def test_png(mcc: Mcc, examples: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.png"
    done = mcc("graph", examples / "nat.py", "-o", out)
    if importlib.util.find_spec("resvg_py") or importlib.util.find_spec("cairosvg"):
        assert done.code == 0 and out.read_bytes().startswith(b"\x89PNG")
    else:
        assert done.code == 4 and "pip install resvg-py" in done.err and not out.exists()


def test_refusals(mcc: Mcc, examples: Path, tmp_path: Path) -> None:
    assert mcc("graph", examples / "nat.py", "-o", tmp_path / "a.gif").code == 2
    assert mcc("graph", examples / "nat.py", "-o", "/nowhere/a.svg").code == 4


@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.booleans()), max_size=24))
def test_any_graph_is_laid_out(n: int, pairs: list[tuple[int, int, bool]]) -> None:
    """Nodes do not overlap; a way begins and ends at its nodes' sides; it is the same every time."""
    sizes = {f"n{i}": (40.0 + 7 * i, 20.0 + 3 * i) for i in range(n)}
    edges = [Edge(f"n{a}", f"n{b}", (30, 12) if lab else (0, 0)) for a, b, lab in pairs if a < n and b < n and a != b]
    placed = place(sizes, edges)
    assert placed == place(sizes, edges)
    found = [(*placed.nodes[k], *sizes[k]) for k in sizes]
    for i, (x, y, w, h) in enumerate(found):
        for x2, y2, w2, h2 in found[:i]:
            assert abs(x - x2) >= (w + w2) / 2 or abs(y - y2) >= (h + h2) / 2
    for e, way in zip(edges, placed.ways, strict=True):
        for point, name in ((way[0], e.src), (way[-1], e.dst)):
            x, y = placed.nodes[name]
            assert abs(abs(point[0] - x) - sizes[name][0] / 2) < 1e-6 and abs(point[1] - y) <= sizes[name][1] / 2


def test_a_line_is_a_line_only() -> None:
    sizes = dict.fromkeys("abcd", (100.0, 30.0))
    line = [Edge("a", "b"), Edge("b", "c"), Edge("c", "d")]
    assert place_line(sizes, line, 1000) is None
    turned = place_line(sizes, line, 300)
    assert turned is not None and turned.nodes["c"][1] > turned.nodes["b"][1] and turned.nodes["c"][0] == turned.nodes["b"][0]
    assert place_line(sizes, [*line[:2], Edge("a", "d")], 300) is None


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=60), st.integers(20, 200))
def test_clipped_text_fits(text: str, room: int) -> None:
    assert text_width(clipped(text, 11, room), 11) <= max(room, text_width("…", 11))
    assert len(folded(text, 11, room, 2)) <= 2


def test_words_are_escaped(mcc: Mcc, examples: Path, tmp_path: Path) -> None:
    text = (tmp_path / "x.svg")
    mcc("graph", examples / "fig3.py", "-o", text)
    assert not re.search(r"&(?!amp;|lt;|gt;|quot;|#x27;)", text.read_text())
