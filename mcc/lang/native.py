"""Native types: state that is kept by a C library, closed with the session that it belongs to.

Hyperscan (or Vectorscan) in streaming mode:

    @struct
    class Scan:
        hs: HsStream                                          # opened by the first scan

    def setup(self) -> None:
        self.db = HsDatabase([r"union\\s+select"], flags="is")

    def process_data(self, s: Scan, stream: Stream) -> Action:
        for c in stream.chunks():
            n = self.db.scan(s.hs, c)
"""

from __future__ import annotations

from collections.abc import Sequence

from mcc.lang.hyperscan import FLAGS, refusal
from mcc.lang.stream import Chunk
from mcc.lang.types import u32


class HsStream:
    """A field of a @struct: where one HsDatabase stands in one stream."""

    def __init__(self, start: int = 0) -> None:
        """Nothing has been read."""

    def __repr__(self) -> str:
        return "HsStream()"


def _mistyped(patterns: object) -> tuple[str, str] | None:
    """Message and hint for what is no list of patterns."""
    if isinstance(patterns, (str, bytes)):
        return f"patterns are a list, {patterns!r} is one of them", f"[{patterns!r}]"
    if not isinstance(patterns, (list, tuple)):
        return f"patterns are a list of str or bytes, not {patterns!r}", '["ab+", "c$"]'
    odd = next((i for i, p in enumerate(patterns) if not isinstance(p, (str, bytes))), None)
    return None if odd is None else (f"pattern {odd}, {patterns[odd]!r}, is neither str nor bytes", '["ab+", "c$"]')


class HsDatabase:
    """Regular expressions in Hyperscan's syntax (PCRE without what looks back), all looked for at once.

    patterns: str (as UTF-8) or bytes. flags: of every pattern, letters as in Hyperscan's tools: i (no case), s (a dot
    is any byte), m (^ and $ at lines), H (each pattern once a stream), 8 (UTF-8), W (Unicode classes).
    streams: how many may be open at once; 0: two a session. One more passes unread, and counts in `refused`.
    """

    def __init__(self, patterns: Sequence[str | bytes], flags: str = "", *, streams: int = 0) -> None:
        self.mistyped = _mistyped(patterns)
        given = () if self.mistyped else patterns
        self.patterns = tuple(p.encode() if isinstance(p, str) else bytes(p) for p in given)
        self.flags, self.streams = flags, streams

    @property
    def bits(self) -> int:
        """HS_FLAG_.. of the letters that are known."""
        return sum(FLAGS.get(f, 0) for f in set(self.flags))

    def problem(self) -> tuple[str, str] | None:
        """Message and hint, if there is something wrong with it."""
        if self.mistyped is not None:
            return self.mistyped
        unknown = [f for f in self.flags if f not in FLAGS]
        if unknown:
            return f"Hyperscan flag {unknown[0]!r} is not known", f"letters of {''.join(FLAGS)!r}"
        if not self.patterns:
            return "there is no pattern", ""
        if not 0 <= self.streams < 1 << 24:
            return f"streams={self.streams} is not within 0 to {(1 << 24) - 1}", "0: two a session"
        for i, p in enumerate(self.patterns):
            if b"\0" in p:
                return f"pattern {i}, {p!r}, holds a NUL", "write \\x00"
        found = refusal(self.patterns, self.bits)
        if found is None:
            return None
        at, why = found
        which = f"pattern {at}, {self.patterns[at].decode(errors='backslashreplace')!r}: " if at >= 0 else ""
        return f"{which}{why}", ""

    def scan(self, s: HsStream, c: Chunk) -> u32:
        """Reads on in a stream. How many matches end in the chunk: every end of every pattern is one."""
        raise RuntimeError("scan() is for handlers")

    def finish(self, s: HsStream) -> u32:
        """The stream ends here: how many matches (with $) that makes certain. Closes `s`."""
        raise RuntimeError("finish() is for handlers")

    def first(self) -> u32:
        """The index of the pattern whose match was found first in the last scan() or finish() that found any."""
        raise RuntimeError("first() is for handlers")
