"""Regular expressions in streams, wherever packets cut what matches: `RegexMatcher`, with Hyperscan."""

from mcc import (
    CLOSE,
    PASS,
    RESET,
    TCP4,
    UDP4,
    Action,
    CompileError,
    Counter,
    Element,
    HsDatabase,
    HsStream,
    Stream,
    alert,
    element,
    struct,
    u32,
)
from mcc.diag import Diagnostic

ACTIONS = ("alert", "close", "reset")


@struct
class Scan:
    """Where the database stands in a direction, and what was found."""

    hs: HsStream
    matches: u32 = 0


@element(session=TCP4 | UDP4, scratch=Scan)
class RegexMatcher(Element):
    """Looks for regular expressions in both directions of a stream, each direction by itself, all expressions at once.

    patterns: in Hyperscan's syntax: PCRE without back-references and look-around; bytes 0 to 255, a str is UTF-8.
    flags: letters for all of them: i (no case), s (a dot is any byte), m (^ and $ at lines), H (each pattern counts
        once a stream), 8 (UTF-8), W (Unicode classes).
    action: alert, close or reset the session; for the last two the bytes that complete the match do not pass.
    id: of the first pattern's alerts; pattern i has id + i. streams: how many directions may have state at once, 0: two
        a session; beyond, and where memory lacks, a direction passes unread and counts in `db.refused`.

    Every end of a match counts: `ab+` has two in "abb". Overlapping matches count, one for each pattern and end. A $ is
    certain where the stream ends.
    Context: any. Scratch: `matches`. Counters: `found`, `db.open` (directions with state now), `db.refused`. Alerts:
    one for each packet that completes a match, with the pattern found first.
    Raises CompileError for an unknown action or flag and for patterns that Hyperscan refuses, BuildError without
    Hyperscan (apt-get install libhyperscan-dev).
    """

    patterns: list[str]
    flags: str = ""
    action: str = "alert"
    id: u32 = 1
    streams: int = 0

    def setup(self) -> None:
        self.db = HsDatabase(self.patterns, self.flags, streams=self.streams)
        problem = self.db.problem()
        if self.action not in ACTIONS:
            problem = f"RegexMatcher has no action {self.action!r}", f"one of {', '.join(ACTIONS)}"
        if problem is not None:
            raise CompileError((Diagnostic("error", self.span, *problem),))
        self.texts = list(self.db.patterns)
        self.found = Counter()

    def process_data(self, s: Scan, stream: Stream) -> Action:
        for c in stream.chunks():
            n = self.db.scan(s.hs, c)
            if n != 0:
                s.matches += n
                self.found += n
                which = self.db.first()
                alert(self.id + which, self.texts[which])
                if self.action == "close":
                    return CLOSE
                if self.action == "reset":
                    return RESET
        if stream.is_last:
            last = self.db.finish(s.hs)
            if last != 0:
                s.matches += last
                self.found += last
                end = self.db.first()
                alert(self.id + end, self.texts[end])
        return PASS
