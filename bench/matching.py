"""Speed of `stream.matches(words)` in C, on segments of 1,448 bytes with state carried from one to the next.

    python -m bench.matching [--seconds 0.5] [--compiler gcc]

The text is random lower-case letters in which words stand now and then. Words are random lower-case letters too, which
is unkind: the text is full of their beginnings. `dfa` is the automaton alone, `chosen` what mcc takes for these words.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import tempfile
from pathlib import Path

from mcc.emit.words import Filter, make_tables, print_tables

HERE = Path(__file__).resolve().parent
COUNTS = (1, 10, 100, 1000)
LENGTHS = ((4, 8), (5, 16), (8, 20))
SEGMENT, TEXT_BYTES, HIT_EVERY = 1448, 1 << 20, 20_000
KNOWN = ("known figures of another machine, Gb/s at 1 / 10 / 100 / 1,000: byte DFA 6.0 / 5.9 / 5.9 / 5.8; "
         "Hyperscan 261 / 82 / 36 / 14-28; SIMD prefilter (Teddy) 172 / 122 / 9 / 2; memchr 155")
TARGETS = {1: 120.0, 10: 60.0, 1000: 20.0}


def random_words(rng: random.Random, count: int, low: int, high: int) -> tuple[bytes, ...]:
    return tuple(bytes(rng.choices(range(97, 123), k=rng.randint(low, high))) for _ in range(count))


def random_text(rng: random.Random, words: tuple[bytes, ...]) -> bytes:
    text = bytearray(rng.choices(range(97, 123), k=TEXT_BYTES))
    for at in range(HIT_EVERY, TEXT_BYTES - 100, HIT_EVERY):
        word = rng.choice(words)
        text[at:at + len(word)] = word
    return bytes(text)


def measure(words: tuple[bytes, ...], text: bytes, filt: Filter | None, seconds: float,
            compiler: str) -> tuple[float, float, Filter]:
    """Gb/s, matches a megabyte, and the filter that was used."""
    tables = make_tables(words, filt)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        (work / "words.h").write_text(print_tables(tables, "words"))
        (work / "text").write_bytes(text)
        subprocess.run([compiler, "-O2", "-march=native", "-std=gnu11", "-fno-strict-aliasing", "-I",
                        str(HERE.parent / "runtime_c"), "-I", folder, '-DWORDS_TABLES="words.h"',
                        str(HERE / "matching.c"), "-o", str(work / "matching")], check=True)
        done = subprocess.run([str(work / "matching"), str(work / "text"), str(SEGMENT), str(seconds)], check=True,
                              capture_output=True, text=True)
    speed, found = map(float, done.stdout.split())
    return speed, found, tables.filter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--compiler", default="cc")
    args = parser.parse_args()
    print(f"{'words':>6} {'bytes':>6} {'dfa':>8} {'chosen':>8} {'target':>7} {'hits/MB':>8}  filter")
    for low, high in LENGTHS:
        for count in COUNTS:
            rng = random.Random(count)
            words = random_words(rng, count, low, high)
            text = random_text(rng, words)
            dfa, _, _ = measure(words, text, Filter("MCC_WORDS_NONE", 0), args.seconds, args.compiler)
            chosen, hits, f = measure(words, text, None, args.seconds, args.compiler)
            print(f"{count:6} {low:3}-{high:<2} {dfa:8.1f} {chosen:8.1f} {TARGETS.get(count, ''):>7} {hits:8.1f}  "
                  f"{f.kind.removeprefix('MCC_WORDS_').lower()} reach {f.reach} step {f.step} gram {f.gram}")
    print(KNOWN)


if __name__ == "__main__":
    main()
