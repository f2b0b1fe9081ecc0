"""Words in streams, wherever packets cut them: `WordMatcher` (paper, figure 8)."""

from dataclasses import replace

from mcc import CLOSE, PASS, TCP4, UDP4, Action, Counter, Element, Stream, alert, element, struct, u32
from mcc.std.given import is_list, refuse


def printable(word: bytes) -> bytes:
    """A word as the text of an alert: bytes that are no printable ASCII as \\x.. escapes."""
    return repr(word)[2:-1].encode()


MODES = ("alert", "close", "mask", "remove", "replace", "full")


class _Nothing(bytes):
    """The text that nobody gave."""


NO_TEXT = _Nothing()


@struct
class Blocked:
    """Whether the rest of the stream is taken out."""

    rest: bool = False


@element(session=TCP4 | UDP4, scratch=Blocked)
class BlockingMatcher(Element):
    """`WordMatcher` in mode "full"."""

    words: bytes | list[bytes]
    text: bytes

    def setup(self) -> None:
        self.found = Counter()

    def process_data(self, s: Blocked, stream: Stream) -> Action:
        if not s.rest:
            for m in stream.matches(self.words):
                self.found += 1
                s.rest = True
                stream.replace(m, self.text)
                break
        if s.rest:
            rest = stream.mark()
            stream.skip(stream.available)
            stream.remove(rest, stream.mark())
        return PASS


@element(session=TCP4 | UDP4)
class WordMatcher(Element):
    """Looks for words in both directions of a stream, and does something about them.

    words: bytes, or a list of them: leftmost-longest occurrences that do not overlap (docs/streams.md, Matches).
    mode: alert     reports it; nothing is held or changed
          close     reports it and closes the session; no byte of the word passes
          mask      every byte of the word becomes `byte`
          remove    the word is taken out
          replace   `text` takes its place; the lengths may differ
          full      `text` takes the place of the word and of all that follows in this direction (a page that says why)
    text: for replace (where it must be said) and full. byte: for mask, "*". id: of the first word's alerts; word i has
    id + i.

    Context: any; remove, replace and full change lengths, so TCP wants a duplex. Except in mode alert, the bytes of
    what may become a word wait for the rest. Counter: `found`. Alerts (alert, close): the word; the offset is behind
    its last byte, or where it was certain that no longer word comes.
    Raises CompileError for an unknown mode, for replace without a text, and for a text that the mode has no use for.
    """

    words: bytes | list[bytes]
    mode: str = "remove"
    text: bytes = NO_TEXT
    byte: int = 42
    id: u32 = 1

    def setup(self) -> None:
        self.check()
        if self.mode == "full":  # other handlers, and a bit for each direction that the others have no use for
            own, full = self.__mcc_elem__, BlockingMatcher.__mcc_elem__
            self.__mcc_elem__ = replace(own, scratch=full.scratch, handlers=full.handlers)
        words = [self.words] if isinstance(self.words, bytes) else list(self.words)
        self.texts = [printable(w) for w in words]
        self.found = Counter()

    def check(self) -> None:
        if self.mode not in MODES:
            refuse(self.span, f"WordMatcher has no mode {self.mode!r}", f"one of {', '.join(MODES)}")
        if not isinstance(self.words, bytes) and not is_list(self.words, bytes):
            refuse(self.span, f"the words of a WordMatcher are bytes or a list of them, not {self.words!r}",
                   'WordMatcher(b"ATTACK"), WordMatcher([b"one", b"two"])')
        if self.mode == "replace" and self.text is NO_TEXT:
            refuse(self.span, 'WordMatcher(mode="replace") has no text to put in the place of the words',
                   'text=b"[cut]"; or mode="remove"')
        if self.mode not in ("replace", "full") and self.text is not NO_TEXT:
            refuse(self.span, f'WordMatcher(mode="{self.mode}") puts no text in, but text= is given',
                   'mode="replace", text=..; or leave the text out')
        if not isinstance(self.text, bytes):
            refuse(self.span, f"the text of a WordMatcher is bytes, not {self.text!r}", 'text=b"[cut]"')

    def process_data(self, stream: Stream) -> Action:
        for m in stream.matches(self.words):
            self.found += 1
            if self.mode == "alert":
                alert(self.id + u32(m.index), self.texts[m.index])
            elif self.mode == "close":
                alert(self.id + u32(m.index), self.texts[m.index])
                return CLOSE
            elif self.mode == "mask":
                stream.mask(m, self.byte)
            elif self.mode == "remove":
                stream.remove(m)
            elif self.mode == "replace":
                stream.replace(m, self.text)
        return PASS
