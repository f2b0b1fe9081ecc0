"""HsDatabase in the reference: Python's `re` over all that a stream has brought.

A match ends at every byte at which some start makes the whole pattern fit; Hyperscan reports
the same ends, as long as the pattern means the same in both.
"""

from __future__ import annotations

import re

from mcc.diag import MccError
from mcc.lang.ints import FixedInt, u32
from mcc.lang.native import HsDatabase
from mcc.reference.stream import ChunkView

FLAGS = {"i": re.IGNORECASE, "s": re.DOTALL, "m": re.MULTILINE}
_AHEAD = re.compile(rb"\$|\\[bBZz]|\(\?[=!<]")


class HsPlace:
    """An HsStream: what a stream has brought, and the patterns that were found (for flag H). Shows as nothing."""

    def __init__(self) -> None:
        self.seen = b""
        self.met: set[int] = set()


class HsState:
    """A database of a box. Raises MccError for what `re` cannot stand for: flags 8 and W, and patterns that look ahead
    ($, \\b, look-around)."""

    def __init__(self, db: HsDatabase) -> None:
        for p in db.patterns:
            if _AHEAD.search(p) or set(db.flags) & {"8", "W"}:
                raise MccError(f"the reference does not know {p!r} with flags {db.flags!r}: use backend=\"c\"")
        flags = 0
        for f in db.flags:
            flags |= FLAGS.get(f, 0)
        self.patterns = [re.compile(rb"(?:%b)\Z" % p, flags) for p in db.patterns]
        self.once = "H" in db.flags
        self.found = 0

    def scan(self, s: HsPlace, c: ChunkView) -> FixedInt:
        old, n = len(s.seen), 0
        s.seen += c.data
        for end in range(old + 1, len(s.seen) + 1):
            for i, p in enumerate(self.patterns):
                if i in s.met or p.search(s.seen, 0, end) is None:
                    continue
                if n == 0:
                    self.found = i
                n += 1
                s.met |= {i} if self.once else set()
        return u32(n)

    def finish(self, s: HsPlace) -> FixedInt:
        s.seen, s.met = b"", set()
        return u32(0)

    def first(self) -> FixedInt:
        return u32(self.found)
