"""A trace as a packet ladder: one line a frame, client | box | server, numbers relative to each side's SYN."""

from __future__ import annotations

from mcc.testing import options as opt
from mcc.testing.frames import ACK, FIN, PSH, RST, SYN, URG, Segment, checksums_right, parse
from mcc.testing.trace import Event, Trace

LETTERS = ((SYN, "S"), (FIN, "F"), (RST, "R"), (PSH, "P"), (URG, "U"), (ACK, "."))
MOST = 160
"""Lines; of a longer dialogue the first and the last are shown."""

ARROWS = {
    "client>box": ("──────▶", ""), "box>client": ("◀──────", ""),
    "server>box": ("", "◀──────"), "box>server": ("", "──────▶"),
}


class _Relative:
    """Numbers relative to the first SYN of each direction at each side of the box."""

    def __init__(self) -> None:
        self._isn: dict[tuple[bool, bool], int] = {}

    def of(self, s: Segment, lan: bool, from_client: bool) -> tuple[int, int]:
        if s.has(SYN):
            self._isn.setdefault((lan, from_client), s.seq)
        mine, peer = (self._isn.get((lan, way), 0) for way in (from_client, not from_client))
        return _signed(s.seq - mine), _signed(s.ack - peer) if s.has(ACK) else 0

    def blocks(self, s: Segment, lan: bool, from_client: bool) -> str:
        peer = self._isn.get((lan, not from_client), 0)
        shown = [f"{_signed(a - peer)}-{_signed(b - peer)}" for a, b in opt.sack_blocks(s.options)]
        return f" sack {','.join(shown)}" if shown else ""


def _signed(n: int) -> int:
    n %= 1 << 32
    return n if n < 1 << 31 else n - (1 << 32)


def ladder(trace: Trace) -> str:
    """The dialogue as the box saw it. Milliseconds; seq:end and ack count from the SYN; `data` is the payload."""
    numbers = _Relative()
    lines = [f"{'ms':>9}  client         box        server"]
    for e in trace.events:
        if e.place in ARROWS:
            left, right = ARROWS[e.place]
            lines.append(f"{e.at * 1000:9.2f}  {left:>7}  │  {'':3}│  {right:<7}  {_words(trace, e, numbers)}")
        elif e.place == "lost":
            lines.append(f"{e.at * 1000:9.2f}  {'':7}  │  {'':3}│  {'':7}  lost on {e.note}")
    if len(lines) > MOST:
        cut = len(lines) - MOST
        lines = [*lines[:MOST // 2], f"{'':9}  … {cut} lines …", *lines[-MOST // 2:]]
    return "\n".join(lines)


def _words(trace: Trace, e: Event, numbers: _Relative) -> str:
    s = parse(e.frame)
    if s is None:
        return f"{len(e.frame)} bytes that are not TCP" + (f"  ({e.note})" if e.note else "")
    lan, mine = "client" in e.place, trace.from_client(s)
    seq, ack = numbers.of(s, lan, mine)
    flags = "".join(letter for bit, letter in LETTERS if s.has(bit))
    words = [f"{flags:<3} {seq}:{seq + s.length}", f"ack {ack}" if s.has(ACK) else "", f"win {s.window}"]
    words.append(numbers.blocks(s, lan, mine).strip())
    words.append(f"urg {s.urgent}" if s.has(URG) else "")
    words.append(_shown(s.payload))
    words.append("" if checksums_right(e.frame) else "WRONG CHECKSUM")
    words.append(f"({e.note})" if e.note else "")
    return "  ".join(w for w in words if w)


def _shown(payload: bytes) -> str:
    if not payload:
        return ""
    return f"{payload[:24]!r}" + (f"… {len(payload)} bytes" if len(payload) > 24 else "")
