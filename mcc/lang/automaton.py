"""Sets of words: the trie that all searches share, its failure links for a search by single steps, and two users of it
in Python (`Matcher`, `words_dfa`).

The search is leftmost-longest: of all occurrences the one that starts first, of these the longest, then on behind its
end. A state is what of the text is not decided yet, which is always the beginning of a word:

    text    decided ... │ a b a b │ next byte           the state "abab", as deep as it is long
                        begin     position

If the next byte goes on in the trie, the state does. If not, no word that begins at `begin` can still grow: the longest
one that the state's string begins with is reported, if there is one, and the rest of the string is read again, from its
end, or else from the second byte. What that reports and where it ends depends on the state alone, so it is worked out
here once: `grew` and `fail`. This is linear in the text whatever the words are (Song et al., "Fast WordPiece
Tokenization", 2021, do the same for their tokens). A word that no other continues is reported with its last byte; it
needs no state.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

MAX_WORDS = 1 << 16
"""The index of a match is a u16."""

Found: TypeAlias = tuple[int, int, int]
"""Start, end, index of the word."""

Pop: TypeAlias = tuple[int, int]
"""A word that a state's failure reports: its start, counted from where the state's string begins, and its index."""


@dataclass(frozen=True)
class Automaton:
    """States in order of depth, 0: nothing is pending.

    children: byte -> state, or ~index of a word that no other continues; depth: length of the state's string;
    parent: -1 for the root; word: index of the word that the string is, -1: none; fail: where to go when nothing goes
    on, without reading a byte; grew: what failure reports beyond that of the parent (of a state that is a word: all).
    """

    words: tuple[bytes, ...]
    children: list[dict[int, int]]
    depth: list[int]
    parent: list[int]
    word: list[int]
    fail: list[int]
    grew: list[tuple[Pop, ...]]

    def pops(self, state: int) -> list[Pop]:
        """All that the failure of a state reports, in the order of the text."""
        path = []
        while state > 0:
            path.append(state)
            if self.word[state] >= 0:
                break
            state = self.parent[state]
        return [p for q in reversed(path) for p in self.grew[q]]


def check_words(words: Iterable[bytes]) -> tuple[bytes, ...]:
    """The words as a tuple; one word may stand for itself. ValueError for an empty word, for none, for too many."""
    one = isinstance(words, (bytes, bytearray))
    checked = (bytes(words),) if one else tuple(bytes(w) for w in words)  # type: ignore[arg-type]
    if not checked:
        raise ValueError("there must be at least one word")
    if not all(checked):
        raise ValueError("a word must not be empty")
    if len(checked) > MAX_WORDS:
        raise ValueError(f"there are {len(checked)} words, at most {MAX_WORDS} are possible")
    return checked


def build(words: Iterable[bytes]) -> Automaton:
    """The automaton of a set of words; of equal words the first has the index. Raises ValueError as check_words."""
    checked = check_words(words)
    tree, ends = _trie(checked)
    a = Automaton(checked, [{}], [0], [-1], [-1], [0], [()])
    nodes = [0]  # state -> node of the tree
    state = 0
    while state < len(nodes):
        for byte, node in tree[nodes[state]].items():
            if not tree[node]:
                a.children[state][byte] = ~ends[node]
                continue
            a.children[state][byte] = len(nodes)
            nodes.append(node)
            _add(a, state, byte, ends.get(node, -1))
        state += 1
    return a


def _trie(words: tuple[bytes, ...]) -> tuple[list[dict[int, int]], dict[int, int]]:
    """All words as a tree: children of each node, and the word that ends at a node."""
    tree: list[dict[int, int]] = [{}]
    ends: dict[int, int] = {}
    for index, word in enumerate(words):
        node = 0
        for byte in word:
            below = tree[node].get(byte)
            if below is None:
                below = tree[node][byte] = len(tree)
                tree.append({})
            node = below
        ends.setdefault(node, index)
    return tree, ends


def _add(a: Automaton, parent: int, byte: int, word: int) -> None:
    """A state of its own for `byte` behind `parent`, whose shallower states are all there."""
    grew: list[Pop] = []
    fail = 0
    if word >= 0:
        grew.append((0, word))
    elif parent > 0:
        fail = _step(a, a.fail[parent], byte, a.depth[parent], grew)
    a.depth.append(a.depth[parent] + 1)
    a.parent.append(parent)
    a.word.append(word)
    a.fail.append(fail)
    a.grew.append(tuple(grew))
    a.children.append({})


def _step(a: Automaton, state: int, byte: int, position: int, found: list[Pop]) -> int:
    """Reads one byte, which stands at `position`; what is reported joins `found`. The state behind it."""
    while byte not in a.children[state]:
        if state == 0:
            return 0
        begin = position - a.depth[state]
        found += [(begin + start, word) for start, word in a.pops(state)]
        state = a.fail[state]
    state = a.children[state][byte]
    if state >= 0:
        return state
    found.append((position + 1 - len(a.words[~state]), ~state))
    return 0


class Matcher:
    """The search in Python, for one direction of a stream: written from the definition, with the trie alone.

    position: behind the last byte that it has seen; pending: where what is not decided begins (`position`: nothing);
    cursor: where the stream's cursor was left.
    """

    def __init__(self, automaton: Automaton, position: int = 0) -> None:
        self.automaton = automaton
        firsts = b"".join(re.escape(bytes([b])) for b in sorted(automaton.children[0]))
        self._first = re.compile(b"[" + firsts + b"]", re.DOTALL)
        self.restart(position)

    def restart(self, position: int) -> None:
        """Begins anew: no byte before `position` counts."""
        self.position = self.pending = self.cursor = position
        self._text = b""  # from `pending` on
        self._found: deque[Found] = deque()

    def feed(self, data: bytes) -> list[Found]:
        """Reads on; the matches that have become certain."""
        self._text += data
        self.position += len(data)
        return self._decide(last=False)

    def finish(self) -> list[Found]:
        """Nothing follows: the matches among what is pending."""
        return self._decide(last=True)

    def next(self, window: bytes, start: int, cursor: int, last: bool) -> Found | None:
        """One turn of `for m in stream.matches(words)`: `window` begins at `start`. Afterwards the stream's cursor is
        to be at `self.cursor`. A cursor that is not where the last turn left it begins anew from there."""
        if cursor != self.cursor:
            self.restart(cursor)
        self._found += self.feed(window[self.position - start:])
        if last:
            self._found += self.finish()
        if not self._found:
            self.cursor = self.position
            return None
        found = self._found.popleft()
        self.cursor = max(found[1], start)
        return found

    def _decide(self, last: bool) -> list[Found]:
        found: list[Found] = []
        at, text = 0, self._text
        while (first := self._first.search(text, at)) is not None:
            at = first.start()
            length, word, open_end = self._walk(text, at)
            if open_end and not last:
                break
            if word >= 0:
                found.append((self.pending + at, self.pending + at + length, word))
            at += max(length, 1)
        else:
            at = len(text)
        self._text = text[at:]
        self.pending += at
        return found

    def _walk(self, text: bytes, at: int) -> tuple[int, int, bool]:
        """The longest word that begins at `at`: its length, its index (or 0, -1); whether a longer one may yet come."""
        a, state, best = self.automaton, 0, (0, -1)
        for i in range(at, len(text)):
            below = a.children[state].get(text[i])
            if below is None:
                return (*best, False)
            if below < 0:
                return i + 1 - at, ~below, False
            state = below
            if a.word[state] >= 0:
                best = i + 1 - at, a.word[state]
        return (*best, True)


def words_dfa(words: Iterable[bytes], glob: bool = False) -> list[list[int]]:
    """A table for handlers that follow a stream by themselves, `state = table[state][byte]`: 256 columns, state 0 is
    the start (nothing of a word has been seen), the last state is reached with the last byte of any word, never left.

    glob: in a word, `?` is any byte and `*` any number of bytes. Raises ValueError for an empty word, for none, and
    where globs need more than 65,535 states.
    """
    checked = check_words(words)
    return _glob_dfa(checked) if glob else _plain_dfa(checked)


def _plain_dfa(words: tuple[bytes, ...]) -> list[list[int]]:
    """Aho and Corasick, 1975, without the states behind a word."""
    tree, ends = _trie(words)
    rows: list[list[int]] = [[0] * 256]
    nodes, fails = [0], [0]
    accepting: list[tuple[int, int]] = []
    state = 0
    while state < len(nodes):
        row = rows[state]
        for byte, node in tree[nodes[state]].items():
            fail = row[byte]  # as long as nothing is written here: where the failure of this state goes
            if node in ends or fail == -1:
                row[byte] = -1
                accepting.append((state, byte))
                continue
            row[byte] = len(nodes)
            nodes.append(node)
            fails.append(fail)
            rows.append([])
        state += 1
        if state < len(nodes):
            rows[state] = rows[fails[state]].copy()
    last = len(rows)
    rows = [[last if to < 0 else to for to in row] if -1 in row else row for row in rows]
    return [*rows, [last] * 256]


ANY, MANY = ord("?"), ord("*")
MAX_GLOB_STATES = (1 << 16) - 1


def _glob_dfa(words: tuple[bytes, ...]) -> list[list[int]]:
    """Sets of places in words, a place being a word and how many of its characters are matched."""
    start = frozenset().union(*(_past_stars(words, w, 0) for w in range(len(words))))
    if any(at == len(words[w]) for w, at in start):
        return [[1] * 256, [1] * 256]  # only stars: any byte will do
    named = sorted({b for w in words for b in w} - {ANY, MANY})
    other = next((b for b in range(256) if b not in named), None)
    states = {start: 0}
    subsets = [start]
    rows: list[list[int]] = []
    while len(rows) < len(subsets):
        places = subsets[len(rows)]
        targets = {}
        for byte in [*named, *([] if other is None else [other])]:
            after = start.union(*(_glob_step(words, w, at, byte) for w, at in places))
            if any(at == len(words[w]) for w, at in after):
                targets[byte] = -1
                continue
            if after not in states:
                if len(states) == MAX_GLOB_STATES:
                    raise ValueError(f"these globs need more than {MAX_GLOB_STATES} states: use fewer stars or words")
                states[after] = len(states)
                subsets.append(after)
            targets[byte] = states[after]
        row = [targets[other] if other is not None else 0] * 256
        for byte in named:
            row[byte] = targets[byte]
        rows.append(row)
    last = len(rows)
    return [*([last if to < 0 else to for to in row] for row in rows), [last] * 256]


def _past_stars(words: tuple[bytes, ...], word: int, at: int) -> frozenset[tuple[int, int]]:
    """The place, and those behind stars that match nothing."""
    text = words[word]
    places = {(word, at)}
    while at < len(text) and text[at] == MANY:
        at += 1
        places.add((word, at))
    return frozenset(places)


def _glob_step(words: tuple[bytes, ...], word: int, at: int, byte: int) -> frozenset[tuple[int, int]]:
    text = words[word]
    if text[at] == MANY:
        return _past_stars(words, word, at)
    return _past_stars(words, word, at + 1) if text[at] in (ANY, byte) else frozenset()
