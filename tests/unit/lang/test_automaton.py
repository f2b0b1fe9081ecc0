"""Sets of words: the automaton, the search in Python, the table for handlers."""

from __future__ import annotations

import fnmatch
import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mcc
from mcc.lang.automaton import MAX_WORDS, Automaton, Matcher, build, words_dfa


def test_errors() -> None:
    for words in ([], [b""], [b"a", b""]):
        with pytest.raises(ValueError):
            build(words)
        with pytest.raises(ValueError):
            words_dfa(words)
    with pytest.raises(ValueError):
        build(n.to_bytes(3, "big") for n in range(MAX_WORDS + 1))


def test_states() -> None:
    a = build([b"abcd", b"ab", b"bcx"])
    strings = [spell(a, s) for s in range(len(a.depth))]
    assert strings == [b"", b"a", b"b", b"ab", b"bc", b"abc"]  # abcd and bcx need none
    assert a.depth == [len(s) for s in strings]
    assert a.children[0] == {ord("a"): 1, ord("b"): 2}
    assert a.children[4] == {ord("x"): ~2}
    assert [strings[f] for f in a.fail] == [b"", b"", b"", b"", b"", b""]
    assert [a.pops(s) for s in range(6)] == [[], [], [], [(0, 1)], [], [(0, 1)]]


def spell(a: Automaton, state: int) -> bytes:
    out = b""
    while state:
        out = bytes([next(b for b, c in a.children[a.parent[state]].items() if c == state)]) + out
        state = a.parent[state]
    return out


def test_failure_without_a_word() -> None:
    a = build([b"abab!", b"bax"])
    strings = [spell(a, s) for s in range(len(a.depth))]
    assert [strings[f] for f in a.fail] == [b"", b"", b"", b"b", b"a", b"ba", b"ab"]
    assert not any(a.grew)


def test_equal_words() -> None:
    assert Matcher(build([b"x", b"ab", b"ab", b"x"])).feed(b"xabx") == [(0, 1, 0), (1, 3, 1), (3, 4, 0)]


def test_certainty() -> None:
    """Reported with the first byte that decides, not before."""
    m = Matcher(build([b"ab", b"abcd", b"x"]))
    assert (m.feed(b"xab"), m.pending) == ([(0, 1, 2)], 1)
    assert (m.feed(b"c"), m.pending) == ([], 1)
    assert (m.feed(b"x"), m.pending) == ([(1, 3, 0), (4, 5, 2)], 5)
    assert m.feed(b"ab") == []
    assert (m.finish(), m.pending) == ([(5, 7, 0)], 7)


def test_turns() -> None:
    m = Matcher(build([b"ab", b"abcd"]), position=10)
    assert m.next(b"abcabx", 10, 10, last=False) == (10, 12, 0)
    assert m.cursor == 12
    assert m.next(b"abcabx", 10, 12, last=False) == (13, 15, 0)
    assert m.next(b"abcabx", 10, 15, last=False) is None
    assert m.cursor == 16
    assert m.next(b"ab", 16, 16, last=True) == (16, 18, 0)
    assert m.next(b"ab", 16, 18, last=True) is None


def test_turns_begin_anew() -> None:
    m = Matcher(build([b"abc"]))
    assert m.next(b"ab", 0, 0, last=False) is None
    assert m.next(b"abxc", 0, 3, last=False) is None  # someone else read the x
    assert m.next(b"abxcabc", 0, 4, last=False) == (4, 7, 0)


def test_any_byte_may_be_first() -> None:
    for byte in range(256):
        one = bytes([byte])
        assert Matcher(build([one + b"!", b"^]-" + one])).feed(b"." * 3 + one + b"!") == [(3, 5, 0)]


def test_quick() -> None:
    rng = random.Random(5)
    words = [rng.randbytes(20) for _ in range(2000)]
    started = time.process_time()
    build(words)
    assert time.process_time() - started < 1


WORDS = st.lists(st.text("ab?*", min_size=1, max_size=5).map(str.encode), min_size=1, max_size=4)
TEXTS = st.text("abc", max_size=20).map(str.encode)


def first_end(table: list[list[int]], text: bytes) -> int | None:
    state = 0
    for n, byte in enumerate(text):
        state = table[state][byte]
        if state == len(table) - 1:
            return n + 1
    return None


@given(words=WORDS, text=TEXTS)
def test_table(words: list[bytes], text: bytes) -> None:
    plain = [w.replace(b"?", b"c").replace(b"*", b"aa") for w in words]
    table = words_dfa(plain)
    assert all(len(row) == 256 and 0 <= min(row) and max(row) < len(table) for row in table)
    assert set(table[-1]) == {len(table) - 1}
    assert first_end(table, text) == min((text.find(w) + len(w) for w in plain if w in text), default=None)


@given(words=WORDS, text=TEXTS)
def test_table_of_globs(words: list[bytes], text: bytes) -> None:
    table = words_dfa(words, glob=True)
    assert set(table[-1]) == {len(table) - 1}
    match = re.compile("|".join(fnmatch.translate(f"*{w.decode()}") for w in words)).match
    wanted = next((n for n in range(1, len(text) + 1) if match(text[:n].decode())), None)
    assert first_end(table, text) == wanted


def test_table_of_every_byte() -> None:
    table = words_dfa([bytes(range(256))])
    assert first_end(table, b"\0\0" + bytes(range(256))) == 258
    assert first_end(words_dfa([bytes(range(256)) + b"?"], glob=True), bytes(range(256)) + b"x") is not None


def test_public() -> None:
    assert mcc.words_dfa is words_dfa
    assert mcc.words_dfa([b"A"]) == [[1 if b == 65 else 0 for b in range(256)], [1] * 256]
