"""The C runtime by itself: its C tests under three builds, headers that stand alone, and mcc_parse.h against the Python
reading of the same text (mcc/protocols/dissect.py)."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from mcc.protocols.dissect import dissect

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / "runtime_c"
STRICT = ["-std=gnu11", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wmissing-prototypes", "-Werror", "-g"]
SANITIZE = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
TESTS = ["parse", "table", "wheel", "checksum", "digest", "map", "unity", "frag", "icmp", "ring", "crew"]
HEADERS = ["mem", "parse", "hash", "table", "pool", "list", "wheel", "checksum", "digest", "map", "ports", "buffers",
           "made", "frag", "icmp", "inflate", "ring", "heavy", "steer", "crew"]


def compile_c(compiler: str, source: Path, out: Path, *flags: str) -> None:
    """Build a program of one file, all warnings errors; skip where the compiler is missing."""
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler} (apt install {compiler})")
    built = subprocess.run([compiler, *STRICT, *flags, str(source), "-o", str(out)], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr


@pytest.mark.parametrize("name", TESTS)
@pytest.mark.parametrize(("compiler", "flags"), [
    ("gcc", ["-O0"]), ("gcc", ["-O2", "-U__SSE2__"]), ("gcc", SANITIZE), ("clang", ["-O2", "-march=native"]),
], ids=["gcc-O0", "gcc-O2-portable", "gcc-sanitized", "clang-O2"])
def test_c(name: str, compiler: str, flags: list[str], tmp_path: Path) -> None:
    program = tmp_path / name
    compile_c(compiler, RUNTIME / "test" / f"test_{name}.c", program, *flags)
    done = subprocess.run([str(program)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, f"{name}: ok\n"), done.stderr


@pytest.mark.parametrize("name", ["ring", "crew"])
def test_threads(name: str, tmp_path: Path) -> None:
    """What ThreadSanitizer sees: nothing that two touch without an order."""
    program = tmp_path / name
    compile_c("gcc", RUNTIME / "test" / f"test_{name}.c", program, "-O1", "-fsanitize=thread", "-pthread")
    done = subprocess.run([str(program)], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, f"{name}: ok\n"), done.stderr


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_headers_stand_alone(compiler: str, tmp_path: Path) -> None:
    for name in HEADERS:
        source = tmp_path / f"{name}.c"
        source.write_text(f'#include "mcc_{name}.h"\n#include "mcc_{name}.h"\n')
        compile_c(compiler, source, tmp_path / f"{name}.o", "-c", "-O2", f"-I{RUNTIME}")


def test_benchmark_compiles(tmp_path: Path) -> None:
    compile_c("gcc", ROOT / "bench" / "runtime_micro.c", tmp_path / "bench", "-O2", f"-I{RUNTIME}")


def likely_frame(rng: random.Random, link: int) -> bytes:
    """Random bytes, made to look like some stack of headers, cut anywhere."""
    ip = bytearray(rng.randbytes(rng.randrange(90)))
    if rng.random() < 0.9 and len(ip) >= 10:
        proto = rng.choice([6, 17, 1, 58, 44, 99])
        if rng.random() < 0.5:
            ip[0], ip[9] = 0x40 + rng.choice([5, 5, 5, 6, 4, 15]), proto
            ip[2:4] = max(0, len(ip) + rng.randrange(-6, 4)).to_bytes(2, "big")
            ip[6:8] = rng.choice([b"\0\0", b"\0\0", b"\x40\0", b"\x20\0", b"\0\x05", b"\x20\x09"])
        else:
            ip[0], ip[6] = 0x60 + rng.randrange(16), proto
            ip[4:6] = max(0, len(ip) - 40 + rng.randrange(-6, 4)).to_bytes(2, "big")
    tags = b"".join(rng.choice([b"\x81\0", b"\x88\xa8", b"\x91\0"]) + rng.randbytes(2)
                    for _ in range(rng.choice([0, 0, 0, 1, 2, 7, 8, 9])))
    etype = rng.choice([b"\x08\0", b"\x08\0", b"\x86\xdd", b"\x08\x06", b"\x81\0", b"\x12\x34"])
    typed = tags + etype
    if etype == b"\x08\x06" and len(ip) >= 6:
        ip[4:6] = b"\6\4"
    family = rng.choice([2, 24, 28, 30, 10, 0x0200]).to_bytes(4, rng.choice(["big", "little"]))
    head = {0: rng.randbytes(12) + typed, 1: b"", 2: rng.randbytes(14) + typed,
            3: typed[:2] + rng.randbytes(18) + typed[2:], 4: family, 5: b""}[link]
    frame = head + bytes(ip)
    return frame[: rng.randrange(len(frame) + 1)] if rng.random() < 0.3 else frame


def test_parse_agrees_with_dissect(tmp_path: Path) -> None:
    program = tmp_path / "parse_print"
    compile_c("gcc", RUNTIME / "test" / "parse_print.c", program, *SANITIZE)
    rng = random.Random(2)
    frames = [(link, likely_frame(rng, link)) for link in range(6) for _ in range(1500)]
    stream = b"".join(bytes([link]) + len(f).to_bytes(2, "little") + f for link, f in frames)
    done = subprocess.run([str(program)], input=stream, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().splitlines()
    assert len(lines) == len(frames)
    seen = 0
    for (link, frame), line in zip(frames, lines, strict=True):
        d = dissect(frame, link)
        seen |= d.layers
        want = (d.etype, d.vlans, d.l3, d.l4, d.layers, d.proto, d.frag, d.ip_end)
        assert tuple(map(int, line.split())) == want, f"link {link}, frame {frame.hex()}"
    assert seen == 0x1FF, "some layer never occurred"
