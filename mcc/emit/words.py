"""The tables of a set of words: `static const struct mcc_words` (runtime_c/mcc_words.h), and the choice of its filter.

The filter finds the places where a word may begin. Which one is the cheapest depends on the words: bytes of different
likelihood, few words or many, short ones or long. What each costs is estimated in cycles a byte of ordinary text.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from mcc.emit.names import BLOB_LIMIT
from mcc.emit.tables import filled
from mcc.lang.automaton import Automaton, Pop, build

FAIL = 1 << 31
"""MCC_WORDS_FAIL."""

BUCKETS, MOST_BYTES = 8, 4
"""Of the nibble filter."""

STEP_COST, FAR_COST, FAR_WORDS = 5.0, 10.0, 500
"""Cycles for a byte in the automaton (a load that waits for the one before); with many words it comes from the L2
cache."""

NIBBLE_COST, BYTE_COST, FOUND_COST = 0.08, 0.1, 100.0
"""Of the nibble filter: cycles a byte of text, the same for each of the first bytes of a word, and for a hit: a wrong
guess of the processor, what it had begun is lost, and the automaton has to see that there is no word."""

LOOK_COST, HIT_COST, PASS_COST = 2.9, 60.0, 120.0
"""Of the gram filter: cycles for a look at a gram, for a hit, and for one that more bytes confirm though there is no
word."""

SEGMENT = 1448
"""Bytes between two ends, where the automaton has to take over."""


@dataclass(frozen=True)
class Filter:
    """kind: MCC_WORDS_x; reach, step, gram: as in the struct; bits: log2 of the bits for grams; buckets: their
    prefixes; cost: estimated."""

    kind: str
    cost: float
    reach: int = 0
    step: int = 1
    gram: int = 1
    bits: int = 6
    buckets: tuple[tuple[bytes, ...], ...] = field(default=())


@dataclass(frozen=True)
class ByteSet:
    """struct mcc_words_set."""

    bits: array[int] = field(default_factory=lambda: array("Q"))
    factor: int = 0
    shift: int = 63


@dataclass(frozen=True)
class Tables:
    """What struct mcc_words points to and holds. nodes: fail, first, count of each state; pops: start, word of each."""

    rows: array[int]
    nodes: array[int]
    pops: array[int]
    lengths: array[int]
    grams: ByteSet
    heads: ByteSet
    stride: int
    classes: list[int]
    low: list[list[int]]
    high: list[list[int]]
    filter: Filter


def make_tables(words: tuple[bytes, ...], filt: Filter | None = None) -> Tables:
    """All tables of a set of words. Raises ValueError as mcc.lang.automaton.build. `filt`: instead of the cheapest."""
    a = build(words)
    filt = filt or choose_filter(a.words)
    classes, stride = byte_classes(a.words)
    nodes, pops = _failures(a, stride)
    return Tables(table_rows(a, classes, stride), nodes, pops, array("I", map(len, a.words)),
                  *gram_sets(a.words, filt), stride, classes, *nibbles(filt), filt)


def print_words(words: tuple[bytes, ...], name: str, blob: Callable[[str, bytes], str] | None = None) -> str:
    """`static const struct mcc_words NAME` and its tables. Those above BLOB_LIMIT bytes go through `blob`, as in Names.

    Raises ValueError as mcc.lang.automaton.build.
    """
    return print_tables(make_tables(words), name, blob)


def print_tables(t: Tables, name: str, blob: Callable[[str, bytes], str] | None = None) -> str:
    """The same of tables that are there."""
    filt = t.filter
    arrays = [("uint32_t", "rows", t.rows), ("struct mcc_words_node", "nodes", t.nodes),
              ("struct mcc_words_pop", "pops", t.pops), ("uint32_t", "lengths", t.lengths),
              ("uint64_t", "grams", t.grams.bits), ("uint64_t", "heads", t.heads.bits)]
    out = [_print_array(c_type, f"{name}_{member}", data, blob) for c_type, member, data in arrays if data]
    members = {member: f"{name}_{member}" if data else "NULL" for _, member, data in arrays} | {
        "stride": t.stride, "filter": filt.kind, "reach": filt.reach, "step": filt.step, "gram": filt.gram,
        "classes": _braced(filled(map(str, t.classes)))}
    for member, s in (("grams", t.grams), ("heads", t.heads)):
        members[member] = f"{{{members[member]}, 0x{s.factor:x}u, {s.shift}}}"
    if filt.buckets:
        for member, table in (("low", t.low), ("high", t.high)):
            members[member] = _braced([f"        {{{', '.join(f'0x{v:02x}' for v in row)}}}," for row in table])
    out += ["/* clang-format off */", f"static const struct mcc_words {name} = {{",
            *(f"    .{k} = {v}," for k, v in members.items()), "};", "/* clang-format on */", ""]
    return "\n".join(out)


# ---------------------------------------------------------------- the automaton's tables


def byte_classes(words: Sequence[bytes]) -> tuple[list[int], int]:
    """Class of every byte: those in no word are one, every other has its own. And the stride of rows."""
    used = sorted(set().union(*words))
    first = 0 if len(used) == 256 else 1
    classes = [0] * 256
    for n, byte in enumerate(used):
        classes[byte] = n + first
    return classes, len(used) + first + 1


def table_rows(a: Automaton, classes: list[int], stride: int) -> array[int]:
    """Rows by state: next row by class, last the depth. A row begins as that of its failure state."""
    rows = array("I", [0] * stride)
    dead = array("I", [FAIL] * stride)
    reports = [False]
    for state, children in enumerate(a.children):
        if state:
            at = a.fail[state] * stride
            reports.append(bool(a.grew[state]) or reports[a.parent[state]])
            rows += dead if reports[state] else rows[at:at + stride]
        base = state * stride
        for byte, child in children.items():
            rows[base + classes[byte]] = child * stride if child >= 0 else FAIL + 1 + ~child
        rows[base + stride - 1] = a.depth[state]
    return rows


def _failures(a: Automaton, stride: int) -> tuple[array[int], array[int]]:
    """Nodes and pops. States one below the other share their pops where they can."""
    pops: list[Pop] = []
    spans = [(0, 0)] * len(a.depth)
    ahead = [s for s in a.children[0].values() if s >= 0][::-1]
    while ahead:
        state = ahead.pop()
        first, count = (len(pops), 0) if a.word[state] >= 0 else spans[a.parent[state]]
        if a.grew[state]:
            if first + count != len(pops):
                pops += pops[first:first + count]
                first = len(pops) - count
            pops += a.grew[state]
        spans[state] = first, count + len(a.grew[state])
        ahead += [s for s in a.children[state].values() if s >= 0][::-1]
    nodes = array("I")
    for fail, span in zip(a.fail, spans, strict=True):
        nodes.extend((fail * stride, *span))
    return nodes, array("I", [v for p in pops for v in p])


# ---------------------------------------------------------------- filters


def likelihood(byte: int) -> float:
    """How often a byte stands in ordinary traffic, roughly."""
    if 97 <= byte <= 122:
        return 1 / 26
    if 48 <= byte <= 57 or byte in b" \r\n./-=:<>\"":
        return 1 / 100
    return 1 / 200 if 32 <= byte < 127 else 1 / 1000


def choose_filter(words: tuple[bytes, ...]) -> Filter:
    """The cheapest one."""
    shortest = min(map(len, words))
    found = [Filter("MCC_WORDS_NONE", 0.9 * (STEP_COST if len(words) < FAR_WORDS else FAR_COST))]
    found += (_nibble(words, reach) for reach in range(1, min(shortest, MOST_BYTES) + 1))
    found += (_grams(len(words), step, gram) for gram in range(2, min(shortest, 8) + 1)
              for step in range(1, min(shortest - gram + 1, 8) + 1))
    return min(found, key=lambda f: f.cost)


def _nibble(words: tuple[bytes, ...], reach: int) -> Filter:
    prefixes = sorted({w[:reach] for w in words})
    buckets = tuple(tuple(prefixes[i * len(prefixes) // BUCKETS:(i + 1) * len(prefixes) // BUCKETS])
                    for i in range(BUCKETS))
    filt = Filter("MCC_WORDS_NIBBLE", 0, reach, buckets=tuple(b for b in buckets if b))
    low, high = nibbles(filt)
    hits = [1.0] * len(filt.buckets)
    for i in range(reach):
        seen = [0.0] * BUCKETS
        for byte in range(256):
            both = low[i][byte & 15] & high[i][byte >> 4]
            for b in range(len(hits)) if both else ():
                if both >> b & 1:
                    seen[b] += likelihood(byte)
        hits = [h * s for h, s in zip(hits, seen, strict=False)]
    cost = NIBBLE_COST + BYTE_COST * reach + sum(hits) * FOUND_COST + STEP_COST * (reach - 1) / SEGMENT
    return Filter(filt.kind, cost, reach, buckets=filt.buckets)


def nibbles(filt: Filter) -> tuple[list[list[int]], list[list[int]]]:
    """low and high: bit b of [place][nibble] where a prefix of bucket b has it."""
    low, high = ([[0] * 16 for _ in range(MOST_BYTES)] for _ in range(2))
    for b, prefixes in enumerate(filt.buckets):
        for prefix in prefixes:
            for i, byte in enumerate(prefix):
                low[i][byte & 15] |= 1 << b
                high[i][byte >> 4] |= 1 << b
    return low, high


def _grams(words: int, step: int, gram: int) -> Filter:
    count = words * step
    bits = min(max((count * 100).bit_length(), 10), 18)
    really = count / 26.0 ** gram
    hits = min(1.0, count / (1 << bits) + really)
    look = LOOK_COST if bits < 18 else 1.1 * LOOK_COST
    passes = words / 26.0 ** min(gram + step - 1, HEAD)
    reach = step + gram - 1
    cost = (look + hits * (HIT_COST + 4 * step)) / step + passes * PASS_COST + STEP_COST * (reach - 1) / SEGMENT
    return Filter("MCC_WORDS_GRAMS", cost, reach, step, gram, bits)


HEAD, HEAD_BITS = 8, 15
"""Most bytes of a head, log2 of the most bits for heads."""


def gram_sets(words: Sequence[bytes], filt: Filter) -> tuple[ByteSet, ByteSet]:
    """The grams at 0 .. step - 1 of all words, and their heads. Empty for other filters."""
    if filt.kind != "MCC_WORDS_GRAMS":
        return ByteSet(), ByteSet()
    head = min(HEAD, *map(len, words))
    head_bits = min(max((len(words) * 64).bit_length(), 10), HEAD_BITS)
    grams = {w[at:at + filt.gram] for w in words for at in range(filt.step)}
    return byte_set(grams, filt.gram, filt.bits, GOLDEN), byte_set({w[:head] for w in words}, head, head_bits, OTHER)


GOLDEN, OTHER = 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f


def byte_set(strings: Iterable[bytes], length: int, bits: int, factor: int) -> ByteSet:
    """Strings of `length` (1 to 8) bytes; of 2^bits bits."""
    unused = 64 - 8 * length
    factor = (factor >> unused | 1) << unused
    table = array("Q", [0]) * max(1, (1 << bits) // 64)
    for string in strings:
        h = (int.from_bytes(string, "little") * factor & (1 << 64) - 1) >> 64 - bits
        table[h >> 6] |= 1 << (h & 63)
    return ByteSet(table, factor, 64 - bits)


# ---------------------------------------------------------------- C text


def _print_array(c_type: str, name: str, data: array[int], blob: Callable[[str, bytes], str] | None) -> str:
    """One array; a struct of n members takes n numbers of `data` an item."""
    size = len(data) * data.itemsize
    if size > BLOB_LIMIT and blob is not None:
        declared = blob(name, data.tobytes()).rstrip("\n")
        return f'{declared}\nextern const {c_type} {name}[] __attribute__((visibility("hidden")));'
    members = {"struct mcc_words_node": 3, "struct mcc_words_pop": 2}.get(c_type, 1)
    suffix = "u" if data.itemsize == 4 else "ull"
    numbers = [f"{v}{suffix if v >> 31 else ''}" for v in data]
    items = (f"{{{', '.join(numbers[i:i + members])}}}" for i in range(0, len(numbers), members))
    body = filled(items if members > 1 else numbers, indent=4)
    return "\n".join(["/* clang-format off */", f"static const {c_type} {name}[] = {{", *body, "};",
                      "/* clang-format on */"])


def _braced(rows: list[str]) -> str:
    return "\n".join(["{", *rows, "    }"])
