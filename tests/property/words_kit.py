"""Runs sets of words over cut texts through the C search (runtime_c/test/drive_words.c), and searches by the definition."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from mcc.emit.words import Filter, Tables, choose_filter, make_tables

DRIVER = Path(__file__).resolve().parents[2] / "runtime_c" / "test" / "drive_words.c"
STRICT = ["-std=gnu11", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wmissing-prototypes", "-Werror", "-g"]
BUILDS = {"gcc-native": ("gcc", "-O2", "-march=native"), "gcc-portable": ("gcc", "-O2"),
          "clang-native": ("clang", "-O2", "-march=native"),
          "gcc-sanitized": ("gcc", "-O1", "-march=native", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")}
KINDS = ("MCC_WORDS_NONE", "MCC_WORDS_NIBBLE", "MCC_WORDS_GRAMS")
HOLDS, BARE_END, LEAVES = 1, 2, 4

Found = tuple[int, int, int]


@dataclass(frozen=True)
class Answer:
    """All matches; the number of matches reported, and the lowest position held, behind each call."""

    found: list[Found]
    calls: list[tuple[int, int]]


class Driver:
    """The C program; it answers one case after the other."""

    def __init__(self, build: str, folder: Path) -> None:
        compiler, *flags = BUILDS[build]
        if shutil.which(compiler) is None:
            pytest.skip(f"needs {compiler} (apt install {compiler})")
        program = folder / f"drive_words_{build}"
        done = subprocess.run([compiler, *STRICT, *flags, str(DRIVER), "-o", str(program)], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        self.process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, words: Sequence[bytes], text: bytes, sizes: Sequence[int], flags: int = HOLDS,
            filt: Filter | None = None) -> Answer:
        return self.run_tables(make_tables(tuple(words), filt), text, sizes, flags)

    def run_tables(self, t: Tables, text: bytes, sizes: Sequence[int], flags: int) -> Answer:
        assert sum(sizes) == len(text)
        f = t.filter
        case = struct.pack("14I", len(t.rows), len(t.nodes), len(t.pops), len(t.lengths), len(t.grams.bits), len(t.heads.bits),
                           t.stride, KINDS.index(f.kind), f.reach, f.step, f.gram, t.grams.shift, t.heads.shift, flags)
        case += struct.pack("2Q", t.grams.factor, t.heads.factor)
        case += b"".join(x.tobytes() for x in (t.rows, t.nodes, t.pops, t.lengths, t.grams.bits, t.heads.bits))
        case += bytes(t.classes) + b"".join(map(bytes, [*t.low, *t.high]))
        case += struct.pack("I", len(text)) + text + struct.pack(f"{len(sizes) + 1}I", len(sizes), *sizes)
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(case)
        self.process.stdin.flush()
        found: list[Found] = []
        calls = []
        head = self.process.stdout.read(4)
        assert len(head) == 4, f"the driver ended: {self.process.wait()}"
        for _ in range(struct.unpack("I", head)[0]):
            start, end, index = struct.unpack("3Q", self.process.stdout.read(24))
            if index == 2**64 - 1:
                calls.append((len(found), start))
            else:
                found.append((start, end, index))
        return Answer(found, calls)

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=10)


def filters(words: Sequence[bytes]) -> list[Filter]:
    """Filters of every kind that these words allow, with the chosen one."""
    words, shortest = tuple(words), min(map(len, words))
    out = [choose_filter(words), Filter("MCC_WORDS_NONE", 0)]
    for reach in range(1, min(shortest, 4) + 1):
        prefixes = sorted({w[:reach] for w in words})
        out.append(Filter("MCC_WORDS_NIBBLE", 0, reach, buckets=tuple(tuple(prefixes[i::8]) for i in range(8) if prefixes[i::8])))
    for gram in range(2, min(shortest, 8) + 1):
        for step in {1, min(shortest - gram + 1, 8)}:
            out.append(Filter("MCC_WORDS_GRAMS", 0, step + gram - 1, step, gram, 10))
    return out


def leftmost_longest(words: Sequence[bytes], text: bytes) -> list[Found]:
    """By the definition: the first place where a word begins, of these words the longest, then on behind its end."""
    found, at = [], 0
    while at < len(text):
        here = [w for w in words if text.startswith(w, at)]
        if here:
            longest = max(here, key=len)
            found.append((at, at + len(longest), list(words).index(longest)))
            at += len(longest)
        else:
            at += 1
    return found


def undecided(words: Sequence[bytes], seen: bytes) -> int:
    """Where what is not decided yet begins, when nothing but `seen` is known: the first place from which a word may still
    come or grow, not within a match that is certain."""
    at = 0
    while at < len(seen):
        if any(len(w) > len(seen) - at and w.startswith(seen[at:]) for w in words):
            return at
        at += max((len(w) for w in words if seen.startswith(w, at)), default=1)
    return at


def cut(text: bytes, places: Sequence[int]) -> list[int]:
    """Sizes of the packets when the text is cut at these places."""
    edges = [0, *sorted(min(p, len(text)) for p in places), len(text)]
    return [b - a for a, b in zip(edges, edges[1:], strict=False)]
