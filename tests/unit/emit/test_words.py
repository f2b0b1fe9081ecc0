"""The printed tables of words: they compile, are what the search in C was tested with, and are the same every time."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from mcc.emit.names import BLOB_LIMIT
from mcc.emit.tables import incbin
from mcc.emit.words import choose_filter, make_tables, print_words
from mcc.paths import RUNTIME_C

STRICT = ["-std=gnu11", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror", "-O1"]

PROGRAM = """
#include <stdio.h>
#include "mcc_words.h"
#include <stddef.h>
%s
static void sum(const void *p, size_t n)
{
    unsigned long h = 0;
    for (size_t i = 0; i < n; i++)
        h = h * 31 + ((const unsigned char *)p)[i];
    printf("%%zu %%lu\\n", n, h);
}
int main(void)
{
    printf("%%u %%d %%u %%u %%u\\n", some.stride, (int)some.filter, some.reach, some.step, some.gram);
    printf("%%llu %%u %%llu %%u\\n", (unsigned long long)some.grams.factor, some.grams.shift,
           (unsigned long long)some.heads.factor, some.heads.shift);
    sum(some.classes, sizeof some.classes);
    sum(some.low, sizeof some.low);
    sum(some.high, sizeof some.high);
    sum(some.rows, %d);
    sum(some.nodes, %d);
    sum(some.pops, %d);
    sum(some.lengths, %d);
    sum(some.grams.bits, %d);
    sum(some.heads.bits, %d);
    return 0;
}
"""


def summed(data: bytes) -> str:
    h = 0
    for b in data:
        h = (h * 31 + b) % 2**64
    return f"{len(data)} {h}"


SETS = [(b"ATTACK",), (b"a", b"ab", b"abc!"), tuple(bytes([b]) for b in range(256)),
        tuple(b"%08d-%d" % (n * 7919, n) for n in range(900))]


@pytest.mark.parametrize("words", SETS, ids=["one", "beginnings", "bytes", "many"])
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_printed(words: tuple[bytes, ...], compiler: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler} (apt install {compiler})")
    large = []

    def blob(name: str, data: bytes) -> str:
        assert len(data) > BLOB_LIMIT
        large.append(name)
        (tmp_path / f"{name}.bin").write_bytes(data)
        return incbin(name, f"{name}.bin")

    t = make_tables(words)
    arrays = [a.tobytes() for a in (t.rows, t.nodes, t.pops, t.lengths, t.grams.bits, t.heads.bits)]
    printed = print_words(words, "some", blob)
    (tmp_path / "words.c").write_text(PROGRAM % (printed, *map(len, arrays)))
    done = subprocess.run([compiler, *STRICT, f"-I{RUNTIME_C}", "words.c", "-o", "words"], cwd=tmp_path, text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr
    kinds = ["MCC_WORDS_NONE", "MCC_WORDS_NIBBLE", "MCC_WORDS_GRAMS"]
    f = t.filter
    wanted = [f"{t.stride} {kinds.index(f.kind)} {f.reach} {f.step} {f.gram}",
              f"{t.grams.factor} {t.grams.shift} {t.heads.factor} {t.heads.shift}",
              summed(bytes(t.classes)), summed(b"".join(map(bytes, t.low))), summed(b"".join(map(bytes, t.high))),
              *map(summed, arrays)]
    got = subprocess.run(["./words"], cwd=tmp_path, text=True, capture_output=True, check=True)
    assert got.stdout.splitlines() == wanted
    assert bool(large) == (len(words) == 900)


def test_the_same_every_time() -> None:
    words = SETS[3]
    assert print_words(words, "some") == print_words((*words,), "some")
    assert "_rows[] = {" in print_words(words, "some")  # without a place for large tables all is text


@pytest.mark.parametrize(("count", "length", "kind"), [
    (1, 6, "NIBBLE"), (10, 6, "NIBBLE"), (100, 8, "GRAMS"), (1000, 8, "GRAMS"), (1000, 2, "NONE"), (1, 1, "NIBBLE"),
])
def test_choice(count: int, length: int, kind: str) -> None:
    rng = random.Random(count)
    words = tuple(bytes(rng.choices(range(97, 123), k=length)) for _ in range(count))
    assert choose_filter(words).kind == f"MCC_WORDS_{kind}"
    assert choose_filter(words).reach <= length
