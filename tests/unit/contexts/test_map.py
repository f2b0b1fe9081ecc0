"""The map of edits in C (runtime_c/mcc_edits.c) against the reference map that is written for clarity."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcc.testing.positions import Edit, PositionMap

SPACE = 1 << 64

HARNESS = r"""
#define MCC_STREAMS 1
#include "mcc_runtime.h"

static struct mcc_edit entry[256];
static struct mcc_edits edits;
static struct mcc_streams shared;

/* Edits (x, removed, inserted) one behind the other, from input position `base` on, which lies `delta` in front of its output. */
void map_begin(uint64_t base, uint64_t delta, const uint32_t (*e)[3], uint32_t n);
void map_begin(uint64_t base, uint64_t delta, const uint32_t (*e)[3], uint32_t n)
{
    edits = (struct mcc_edits){.delta = delta};
    for (uint32_t i = 0; i < n; i++)
        mcc_edits_add(&edits, &entry[i], base + e[i][0], e[i][1], e[i][2]);
}
void map_fold(uint64_t y);
void map_fold(uint64_t y) { mcc_edits_fold(&edits, &shared, y); }
uint64_t unwrap(uint32_t seq, uint32_t isn, uint64_t near);
uint64_t unwrap(uint32_t seq, uint32_t isn, uint64_t near) { return mcc_tcp_unwrap(seq, isn, near); }
uint64_t map_at(int which, uint64_t at);
uint64_t map_at(int which, uint64_t at)
{
    return which == 0   ? mcc_edits_forward(&edits, at)
           : which == 1 ? mcc_edits_forward_low(&edits, at)
           : which == 2 ? mcc_edits_back(&edits, at)
                        : mcc_edits_back_low(&edits, at);
}
"""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory, root: Path) -> ctypes.CDLL:
    cc = shutil.which("cc") or shutil.which("gcc")
    if cc is None:
        pytest.skip("there is no C compiler: apt install gcc")
    folder = tmp_path_factory.mktemp("map")
    (folder / "map.c").write_text(HARNESS)
    subprocess.run([cc, "-std=gnu11", "-O1", "-w", "-Werror=implicit-function-declaration", "-shared", "-fPIC", f"-I{root / 'runtime_c'}", str(folder / "map.c"),
                    "-o", str(folder / "map.so"), "-Wl,--unresolved-symbols=ignore-all"], check=True)
    lib = ctypes.CDLL(str(folder / "map.so"), mode=1)
    lib.map_at.restype = ctypes.c_uint64
    lib.map_at.argtypes = [ctypes.c_int, ctypes.c_uint64]
    lib.map_begin.argtypes = [ctypes.c_uint64, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint32]
    lib.map_fold.argtypes = [ctypes.c_uint64]
    lib.unwrap.restype = ctypes.c_uint64
    lib.unwrap.argtypes = [ctypes.c_uint32, ctypes.c_uint32, ctypes.c_uint64]
    return lib


@st.composite
def edit_lists(draw: st.DrawFn) -> list[Edit]:
    out, at = [], 0
    for _ in range(draw(st.integers(0, 6))):
        x = at + draw(st.integers(0, 4))
        removed, inserted = draw(st.integers(0, 3)), draw(st.integers(0, 3))
        if removed or inserted:
            out.append((x, removed, inserted))
            at = x + removed + (not removed)  # two insertions in one place are one
    return out


def opened(lib: ctypes.CDLL, edits: list[Edit], base: int, delta: int) -> Callable[[int, int], int]:
    """map(which, position), positions counted from the base of either side."""
    flat = (ctypes.c_uint32 * (3 * len(edits)))(*(n for e in edits for n in e))
    lib.map_begin(base % SPACE, delta % SPACE, flat, len(edits))

    def ask(which: int, at: int) -> int:
        here, there = (base, base + delta) if which < 2 else (base + delta, base)
        return int((lib.map_at(which, (at + here) % SPACE) - there + (SPACE >> 1)) % SPACE) - (SPACE >> 1)
    return ask


@given(edits=edit_lists(), base=st.sampled_from([0, 1, (1 << 32) - 7, (1 << 32) + 3, 5 << 32]),
       delta=st.sampled_from([0, 9, -1, 1 << 33]))
def test_map(library: ctypes.CDLL, edits: list[Edit], base: int, delta: int) -> None:
    """f, its lower variant and both inverses, at the start, across 2^32 and past 4 GiB; behind what was forgotten already."""
    if base == 0:
        delta = 0
    known, ask = PositionMap(edits), opened(library, edits, base, delta if base + delta >= 0 else 0)
    end = 40
    for x in range(end):
        assert ask(0, x) == known.forward(x)
        if x:
            assert ask(1, x) == known.forward_low(x)
    outputs = [known.forward(x) for x in range(end)]
    for y in range(outputs[0], known.forward(30)):
        assert ask(2, y) == known.back(y)
        assert ask(3, y) == next(x for x in range(end) if outputs[x] >= y)


@given(edits=edit_lists(), acked=st.integers(0, 40))
def test_what_is_acknowledged_is_forgotten(library: ctypes.CDLL, edits: list[Edit], acked: int) -> None:
    """Behind the acknowledgement the map is what it was."""
    known, ask = PositionMap(edits), opened(library, edits, 1000, 5)
    library.map_fold(1000 + 5 + acked)
    for x in range(known.back(acked) + 1, 60):
        assert ask(0, x) == known.forward(x)
    for y in range(max(acked, known.forward(0)), 50):
        assert ask(2, y) == known.back(y)


@given(isn=st.integers(0, 2**32 - 1), near=st.integers(0, 1 << 40), away=st.integers(-(1 << 31) + 1, (1 << 31) - 1))
def test_numbers_of_long_streams(library: ctypes.CDLL, isn: int, near: int, away: int) -> None:
    """The position of a sequence number is the one that lies nearest to where the stream is, however long it is."""
    x = near + away
    assert library.unwrap((isn + x) % 2**32, isn, near) == x % SPACE
