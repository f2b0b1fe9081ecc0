"""matches() in C and in Python against the definition: vectors of other projects, random words and texts, cut anywhere."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcc.emit.words import Tables, make_tables
from mcc.lang.automaton import Matcher, build
from tests.property.words_kit import BARE_END, BUILDS, HOLDS, LEAVES, Driver, cut, filters, leftmost_longest, undecided


@pytest.fixture(scope="module", params=list(BUILDS))
def driver(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    d = Driver(request.param, tmp_path_factory.mktemp("words"))
    yield d
    d.close()


def vectors(shared: Path) -> list[tuple[str, list[bytes], bytes, list[tuple[int, int, int]]]]:
    """Cases whose leftmost-longest matches are known. Where no word is the beginning of another, leftmost-first is the
    same; overlapping ones are reduced by the definition, those without upper and lower case are left out."""
    out = []
    for line in (shared / "vectors" / "literals.jsonl").read_text().splitlines():
        case = json.loads(line)
        words = [bytes.fromhex(p) for p in case["patterns_hex"]]
        matches = [(s, e, i) for i, s, e in case["matches"]]
        if not words or not all(words) or "nocase" in case["semantics"]:
            continue
        prefixes = any(a != b and b.startswith(a) for a in words for b in words)
        if case["semantics"] == "leftmost-first" and prefixes:
            continue
        if case["semantics"] == "overlapping":
            matches = reduce(matches)
        elif case["semantics"] == "standard":
            continue
        out.append((case["id"], words, bytes.fromhex(case["haystack_hex"]), [(s, e, words.index(words[i])) for s, e, i in matches]))
    return out


def reduce(matches: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Of all occurrences the leftmost-longest ones."""
    out: list[tuple[int, int, int]] = []
    for s, e, i in sorted(matches, key=lambda m: (m[0], -m[1], m[2])):
        if not out or s >= out[-1][1]:
            out.append((s, e, i))
    return out


def random_cut(rng: random.Random, text: bytes) -> list[int]:
    if rng.random() < 0.2:
        return [1] * len(text) or [0]
    return cut(text, [rng.randrange(len(text) + 1) for _ in range(rng.randrange(5))])


def test_vectors_in_c(driver: Driver, shared: Path) -> None:
    rng, cases = random.Random(11), vectors(shared)
    assert len(cases) > 150
    for name, words, text, wanted in cases:
        for filt in filters(words):
            tables = make_tables(tuple(words), filt)
            for flags in (HOLDS, 0, HOLDS | BARE_END, HOLDS | LEAVES):
                got = driver.run_tables(tables, text, random_cut(rng, text), flags).found
                assert got == wanted, (name, filt, flags)


def test_vectors_in_python(shared: Path) -> None:
    rng = random.Random(12)
    for name, words, text, wanted in vectors(shared):
        m, at = Matcher(build(words)), 0
        found = []
        for size in random_cut(rng, text):
            found += m.feed(text[at:at + size])
            at += size
        assert found + m.finish() == wanted, name


def test_existence(driver: Driver, shared: Path) -> None:
    """A vector of any meaning says whether there is something; all but "standard" say where the first one begins."""
    for line in (shared / "vectors" / "literals.jsonl").read_text().splitlines():
        case = json.loads(line)
        words = [bytes.fromhex(p) for p in case["patterns_hex"]]
        if words and all(words) and "nocase" not in case["semantics"]:
            text = bytes.fromhex(case["haystack_hex"])
            got = driver.run(words, text, [len(text)]).found
            assert bool(got) == bool(case["matches"]), case["id"]
            if got and case["semantics"] != "standard":
                assert got[0][0] == min(s for _, s, _ in case["matches"]), case["id"]


LETTERS = st.sampled_from([b"a", b"ab", b"abc", b"abcxyz\x00\xff"])


@st.composite
def searches(draw: st.DrawFn) -> tuple[list[bytes], bytes, list[int]]:
    """Words over few letters, so that they share beginnings and ends; a text made of pieces of them; cuts."""
    letters = draw(LETTERS)
    letter = st.integers(0, len(letters) - 1).map(lambda i: letters[i:i + 1])
    word = st.lists(letter, min_size=draw(st.integers(1, 6)), max_size=draw(st.integers(6, 12))).map(b"".join)
    words = draw(st.lists(word, min_size=1, max_size=8))
    piece = st.one_of(letter, word, st.sampled_from(words), st.sampled_from(words).map(lambda w: w[:-1]),
                      st.just(b"." * 40), st.just(b"z"))
    text = b"".join(draw(st.lists(piece, max_size=20)))
    places = draw(st.lists(st.integers(0, len(text)), max_size=6))
    return words, text, cut(text, places)


@given(case=searches(), which=st.integers(0, 99), flags=st.sampled_from([HOLDS, HOLDS | BARE_END, HOLDS | LEAVES, 0]))
@settings(max_examples=150)
def test_words_in_c(driver: Driver, case: tuple[list[bytes], bytes, list[int]], which: int, flags: int) -> None:
    words, text, sizes = case
    choices = filters(words)
    filt = choices[which % len(choices)]
    wanted = leftmost_longest(words, text)
    answer = driver.run(words, text, sizes, flags, filt)
    assert answer.found == wanted
    check_calls(words, text, sizes, flags, answer.calls, wanted)


def check_calls(words: list[bytes], text: bytes, sizes: list[int], flags: int, calls: list[tuple[int, int]],
                wanted: list[tuple[int, int, int]]) -> None:
    """Behind every call: reported is what is certain; held is what is not, no byte more; nothing without HOLDS."""
    end = 0
    for n, size in enumerate(sizes):
        end += size
        last = n == len(sizes) - 1 and not flags & BARE_END
        open_from = end if last else undecided(words, text[:end])
        reported, held = calls[n]
        assert reported == len(wanted) if last else reported == sum(s < open_from for s, _, _ in wanted)
        assert held == (open_from if flags & HOLDS else end)


@given(case=searches())
@settings(max_examples=150)
def test_words_in_python(case: tuple[list[bytes], bytes, list[int]]) -> None:
    words, text, sizes = case
    wanted = leftmost_longest(words, text)
    m, end, found = Matcher(build(words)), 0, []
    for size in sizes:
        found += m.feed(text[end:end + size])
        end += size
        open_from = undecided(words, text[:end])
        assert (m.position, m.pending) == (end, open_from)
        assert found == [w for w in wanted if w[0] < open_from]
    assert found + m.finish() == wanted


@functools.cache
def long_texts() -> list[tuple[list[bytes], bytes, list[int], list[tuple[int, int, int]], list[Tables]]]:
    """Packets of real size and many words."""
    rng, out = random.Random(13), []
    for count, low, high in ((1, 1, 1), (1, 6, 6), (3, 2, 9), (12, 3, 8), (120, 4, 12), (400, 5, 16), (200, 8, 20)):
        words = [bytes(rng.choices(range(97, 123), k=rng.randint(low, high))) for _ in range(count)]
        for filt in filters(words)[:: max(1, len(filters(words)) // 4)]:
            text = bytearray(rng.choices(range(97, 123), k=rng.randrange(1500, 3000)))
            for _ in range(12):
                at, word = rng.randrange(len(text)), rng.choice(words)
                text[at:at + len(word)] = word
            sizes = cut(bytes(text), [rng.randrange(len(text)) for _ in range(rng.choice([0, 3, 40]))])
            out.append((words, bytes(text), sizes, leftmost_longest(words, bytes(text)), make_tables(tuple(words), filt)))
    return out


def test_long_texts(driver: Driver) -> None:
    """The wide loops of the filters; matches at every distance from the ends of packets."""
    for _, text, sizes, wanted, tables in long_texts():
        assert driver.run_tables(tables, text, sizes, HOLDS).found == wanted, tables.filter


def test_every_place(driver: Driver) -> None:
    """One word, at every place of a packet and across its end."""
    for words in ([b"#"], [b"#ab"], [b"#abcdefghij", b"#abcdefghik!"]):
        for filt in filters(words):
            tables = make_tables(tuple(words), filt)
            for at in range(138):
                text = (b"." * at + words[-1]).ljust(150, b".")
                wanted = [(at, at + len(words[-1]), len(words) - 1)]
                assert driver.run_tables(tables, text, [130, 20], HOLDS).found == wanted, (filt, at)
