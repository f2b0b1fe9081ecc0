"""Captures made by hand, and the C reader as a program."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SOURCES = ("test/capture_test.c", "mcc_capture.c", "mcc_capture_writer.c", "mcc_sides.c")
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wmissing-prototypes", "-Werror")


@pytest.fixture(scope="session")
def capture_test(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Callable[..., str]:
    """runtime_c/test/capture_test.c under ASan and UBSan: called with its arguments, gives what it prints."""
    compiler = shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("there is no C compiler: apt install gcc")
    program = tmp_path_factory.mktemp("capture") / "capture_test"
    subprocess.run([compiler, "-std=gnu11", "-g", "-O1", *WARNINGS, "-fsanitize=address,undefined",
                    "-fno-sanitize-recover", *(str(root / "runtime_c" / s) for s in SOURCES), "-o", str(program)],
                   check=True)

    def run(*arguments: object) -> str:
        done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    return run


def pcap(frames: list[tuple[int, bytes]], *, order: str = "<", magic: int = 0xA1B2C3D4, linktype: int = 1) -> bytes:
    """A pcap of (ns, frame)."""
    unit = 1 if magic == 0xA1B23C4D else 1000
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, linktype)
    for at, data in frames:
        out += struct.pack(order + "IIII", at // 10**9, at % 10**9 // unit, len(data), len(data)) + data
    return out


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(order: str = "<", linktype: int = 1, snaplen: int = 0, resolution: int | None = None,
              offset: int | None = None) -> bytes:
    options = b""
    if resolution is not None:
        options += struct.pack(order + "HHBxxx", 9, 1, resolution)
    if offset is not None:
        options += struct.pack(order + "HHq", 14, 8, offset)
    if options:
        options += bytes(4)
    return block(1, struct.pack(order + "HHI", linktype, 0, snaplen) + options, order)


def enhanced(data: bytes, ticks: int, order: str = "<", number: int = 0, length: int | None = None) -> bytes:
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(data), length or len(data))
    return block(6, head + data, order)


def simple(data: bytes, length: int | None = None, order: str = "<") -> bytes:
    return block(3, struct.pack(order + "I", length or len(data)) + data, order)


def old_packet(data: bytes, ticks: int, number: int = 0, order: str = "<") -> bytes:
    head = struct.pack(order + "HHIIII", number, 7, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    return block(2, head + data, order)
