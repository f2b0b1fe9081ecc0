"""Drawing in SVG: a page of boxes, lines and words. Lengths in pixels, y downwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

FONT = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif"
INK, FAINT, LINE, PAPER = "#1f2933", "#66727f", "#7b8794", "#ffffff"

_NARROW, _WIDE = "iljtfr.,:;'|!()[]I1 /", "mwMWQ@%&"


def text_width(text: str, size: float, bold: bool = False) -> float:
    """An upper estimate for the fonts of FONT."""
    ems = sum(0.42 if c in _NARROW else 0.98 if c in _WIDE else 0.72 if c.isupper() else 0.64 for c in text)
    return ems * size * (1.1 if bold else 1.0)


def clipped(text: str, size: float, room: float) -> str:
    """The text, or as much of it as fits with an ellipsis."""
    if text_width(text, size) <= room:
        return text
    while text and text_width(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def folded(text: str, size: float, room: float, lines: int) -> list[str]:
    """At most `lines` lines, cut at spaces; the last one is clipped."""
    out: list[str] = []
    line = ""
    words = text.split(" ")
    for i, word in enumerate(words):
        longer = f"{line} {word}".strip()
        if line and text_width(longer, size) > room:
            if len(out) == lines - 1:
                return [*out, clipped(" ".join([line, *words[i:]]), size, room)]
            out.append(clipped(line, size, room))
            line = word
        else:
            line = longer
    return [*out, clipped(line, size, room)]


@dataclass
class Page:
    """What is drawn so far; its size follows from `right` and `bottom`, the furthest points."""

    right: float = 0
    bottom: float = 0
    parts: list[str] = field(default_factory=list)

    def reach(self, x: float, y: float) -> None:
        self.right, self.bottom = max(self.right, x), max(self.bottom, y)

    def box(self, x: float, y: float, w: float, h: float, fill: str, stroke: str = LINE, round_: float = 6,
            dashed: bool = False, hint: str = "") -> None:
        self.reach(x + w, y + h)
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        title = f"<title>{escape(hint)}</title>" if hint else ""
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{round_:.1f}" '
                          f'fill="{fill}" stroke="{stroke}" stroke-width="1.3"{dash}>{title}</rect>')

    def text(self, x: float, y: float, words: str, size: float = 13, anchor: str = "middle", colour: str = INK,
             bold: bool = False, italic: bool = False, hint: str = "") -> None:
        """`y` is the base line."""
        w = text_width(words, size, bold)
        self.reach(x + (w / 2 if anchor == "middle" else w if anchor == "start" else 0), y + size * 0.3)
        style = ' font-weight="bold"' if bold else ""
        style += ' font-style="italic"' if italic else ""
        title = f"<title>{escape(hint)}</title>" if hint and hint != words else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" text-anchor="{anchor}" '
                          f'fill="{colour}"{style}>{escape(words)}{title}</text>')

    def curve(self, points: list[tuple[float, float]], colour: str = LINE, dashed: bool = False, both: bool = False,
              width: float = 1.5) -> None:
        """A smooth line through the points, level at each of them, with an arrow head (`both`: at both ends)."""
        d = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
        for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
            if abs(y1 - y0) < 0.05:
                d.append(f"L{x1:.1f},{y1:.1f}")
            else:
                bend = (x1 - x0) / 2
                d.append(f"C{x0 + bend:.1f},{y0:.1f} {x1 - bend:.1f},{y1:.1f} {x1:.1f},{y1:.1f}")
        for x, y in points:
            self.reach(x, y)
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        head = ' marker-start="url(#head)"' if both else ""
        self.parts.append(f'<path d="{" ".join(d)}" fill="none" stroke="{colour}" stroke-width="{width:g}"{dash}{head} '
                          'marker-end="url(#head)"/>')

    def line(self, x0: float, y0: float, x1: float, y1: float, colour: str = LINE, dashed: bool = False) -> None:
        self.reach(max(x0, x1), max(y0, y1))
        dash = ' stroke-dasharray="2 3"' if dashed else ""
        self.parts.append(f'<line x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}" stroke="{colour}"{dash}/>')

    def done(self, title: str, margin: float = 24) -> str:
        """The whole file."""
        w, h = round(self.right + margin), round(self.bottom + margin)
        head = ('<marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
                f'orient="auto-start-reverse"><path d="M0,0.8 L10,5 L0,9.2 z" fill="{LINE}"/></marker>')
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" '
            f'font-family="{FONT}">', f"<title>{escape(title)}</title>", f"<defs>{head}</defs>",
            f'<rect width="{w}" height="{h}" fill="{PAPER}"/>', *self.parts, "</svg>", ""])
