"""Marks that an edit has passed are refused where that can be seen, and only there (docs/streams.md, Edits)."""

from __future__ import annotations

import pytest

from tests.unit.frontend.builders import Lab

TWO = "a = stream.mark()\nstream.skip(4)\nb = stream.mark()\n"
THREE = TWO + "stream.skip(4)\ne = stream.mark()\n"

FINE = {
    "from left to right": TWO + 'stream.insert(a, b"<")\nstream.insert(b, b">")',
    "twice in one place": TWO + 'stream.insert(a, b"1")\nstream.insert(a, b"2")\nstream.remove(a, b)',
    "behind what was removed": THREE + 'stream.remove(a, b)\nstream.insert(b, b"x")\nstream.remove(b, e)',
    "the mark that an edit gives": TWO + 'd = stream.remove(a, b)\nstream.insert(d, b"x")\nstream.insert(b, b"y")',
    "the cursor": TWO + 'stream.remove(a, b)\nstream.insert(stream.mark(), b"x")\nb = stream.mark()\nstream.mask(b, stream.mark(), 1)',
    "a copy": TWO + 'd = b\nstream.remove(a, d)\nstream.insert(b, b"x")',
    "the cursor has stayed": TWO + 'stream.remove(a, stream.mark())\nstream.insert(b, b"x")',
    "around a match": 'for m in stream.matches(b"w"):\n    stream.insert(m.start, b"<")\n    stream.insert(m.end, b">")',
    "match after match": 'for m in stream.matches(b"w"):\n    stream.remove(m)\nstream.insert(stream.mark(), b"x")',
    "around a loop that reads to the end": 'a = stream.mark()\nfor b in stream:\n    s.n8 = b\nz = stream.mark()\n'
                                          'stream.insert(a, b"<")\nstream.insert(z, b">")',
    "assigned anew in a loop": 'a = stream.mark()\nfor b in stream:\n    if b == 10:\n        stream.insert(a, b"x")\n'
                               "        a = stream.mark()",
    "one way returned": TWO + 'if s.seen:\n    stream.remove(a, b)\n    return PASS\nstream.insert(a, b"x")',
    "a stored mark: when it runs": TWO + 'stream.remove(a, b)\nstream.insert(s.safe, b"x")\nd = s.safe\nstream.insert(d, b"y")',
    "held from in front": THREE + "stream.remove(b, e)\nstream.hold(a)\nstream.hold(b)",
    "compared": TWO + "stream.remove(a, b)\ns.seen = a < b",
    "rewound in front of the edit": TWO + 'stream.rewind(a)\nstream.skip(1)\nstream.remove(a, stream.mark())',
}


@pytest.mark.parametrize("name", FINE)
def test_fine(lab: Lab, name: str) -> None:
    lab.stream(FINE[name] + "\nreturn PASS")


INSIDE, BEHIND = "may have taken its place out", "may end behind it"
REFUSED = {
    "inside": (THREE + 'stream.remove(a, e)\nstream.insert(b, b"x")', INSIDE),
    "the beginning": (TWO + 'stream.remove(a, b)\nstream.insert(a, b"x")', BEHIND),
    "from right to left": (TWO + 'stream.insert(b, b"x")\nstream.insert(a, b"y")', BEHIND),
    "masked": (TWO + "stream.remove(a, b)\nstream.mask(a, b, 1)", BEHIND),
    "start": (TWO + 'stream.remove(a, b)\nstream.insert(stream.start, b"x")', BEHIND),
    "a copy": (THREE + 'd = b\nstream.remove(a, e)\nstream.insert(d, b"x")', INSIDE),
    "copied behind the edit": (THREE + 'stream.remove(a, e)\nd = b\nstream.insert(d, b"x")', INSIDE),
    "on one way": (THREE + 'if s.seen:\n    stream.remove(a, e)\nstream.insert(b, b"x")', INSIDE),
    "in the next round": (TWO + "for x in stream:\n    stream.insert(a, b'x')\n    stream.insert(stream.mark(), b'y')", BEHIND),
    "a match twice": ('for m in stream.matches(b"w"):\n    stream.remove(m)\n    stream.replace(m, b"x")', BEHIND),
    "in front of the match": ('a = stream.mark()\nfor m in stream.matches(b"w"):\n    stream.remove(m)\n'
                              '    stream.insert(a, b"x")', INSIDE),
    "held inside": (THREE + "stream.remove(a, e)\nstream.hold(b)", INSIDE),
    "rewound": (TWO + "stream.insert(b, b'x')\nstream.rewind(a)", BEHIND),
    "behind a rewind": (TWO + 'stream.rewind(a)\nstream.skip(1)\ne = stream.mark()\nstream.remove(a, b)\nstream.insert(e, b"x")',
                        INSIDE),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(lab: Lab, name: str) -> None:
    body, why = REFUSED[name]
    with pytest.raises(AssertionError, match=f"is a mark from before an edit: an edit {why}"):
        lab.stream(body + "\nreturn PASS")
