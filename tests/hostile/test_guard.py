"""In sanitized builds one byte beyond a frame is out of bounds, although the buffer goes on: else no test of hostile
packets could see a handler that reads too far."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

PROGRAM = r"""
#include "mcc_runtime.h"

/* A frame of `len` bytes, then the way to it that is tested, then one read at `at`. */
int main(int argc, char **argv)
{
    struct mcc_buffers b;
    uint32_t len = (uint32_t)atoi(argv[1]);
    const char *way = argv[2];
    volatile uint8_t got;
    (void)argc;
    if (mcc_buffers_init(&b, 8, 2) != 0)
        return 2;
    struct mcc_packet *p = mcc_buffer_get(&b, len), *was = p;
    memset(p->data, 0, len);
    p->layers = MCC_ETH, p->l3 = 14;
    if (!strcmp(way, "copy"))
        p = mcc_buffer_copy(&b, p);
    if (!strcmp(way, "tag"))
        mcc_push_vlan(p, 5);
    if (!strcmp(way, "strip"))
        mcc_push_vlan(p, 5), mcc_pop_vlan(p);
    if (!strcmp(way, "again")) {
        mcc_buffer_put(&b, p);
        p = mcc_buffer_get(&b, len - 1);
    }
    if (!strcmp(way, "arp"))
        mcc_make_arp_request(p, 1, 2, 3);
    got = p->data[atoi(argv[3]) + (!strcmp(argv[4], "end") ? (int)p->len : 0)];
    if (!strcmp(way, "back"))
        mcc_buffer_put(&b, p), got = was->data[0];
    (void)got;
    mcc_buffers_free(&b);
    return 0;
}
"""
WAYS = ("plain", "copy", "tag", "strip", "again")


@pytest.fixture(scope="module")
def program(root: Path, sanitizer: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guard")
    (folder / "guard.c").write_text(PROGRAM)
    subprocess.run(["gcc", "-std=gnu11", "-g", "-O1", "-w", "-fsanitize=address", f"-I{root / 'runtime_c'}",
                    str(folder / "guard.c"), "-o", str(folder / "guard")], check=True)
    return folder / "guard"


def read(program: Path, length: int, way: str, at: int, of: str) -> str:
    """What the sanitizer says about one read; "" where it is allowed."""
    done = subprocess.run([program, str(length), way, str(at), of], capture_output=True, text=True)
    assert (done.returncode == 0) == (not done.stderr), done.stderr
    return done.stderr


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("length", [60, 61, 64, 1514, 9018])
def test_reads(program: Path, length: int, way: str) -> None:
    assert "use-after-poison" in read(program, length, way, 0, "end")
    assert "use-after-poison" in read(program, length, way, 64, "end")
    assert read(program, length, way, -1, "end") == ""
    assert read(program, length, way, 0, "start") == ""


def test_reads_before_and_after_its_life(program: Path) -> None:
    assert "use-after-poison" in read(program, 60, "plain", -1, "start")
    assert "use-after-poison" in read(program, 60, "back", 0, "start")


def test_made_packets(program: Path) -> None:
    assert "use-after-poison" in read(program, 60, "arp", 0, "end")
    assert read(program, 60, "arp", -1, "end") == ""
