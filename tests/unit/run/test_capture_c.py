"""The C reader and writer: against the Python reader on every capture, and on mutated ones under sanitizers."""

from __future__ import annotations

import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mcc.diag import CaptureError
from mcc.protocols.dissect import LINK_OF_DLT, OPAQUE, dissect
from mcc.run.capture import Record, open_capture
from tests.unit.run.conftest import enhanced, interface, old_packet, pcap, section, simple

Tool = Callable[..., str]


def touched(data: bytes) -> int:
    """The sum that capture_test.c makes of a frame."""
    total = 0
    for byte in data:
        total = ((total << 5 | total >> 27) ^ byte) & 0xFFFFFFFF
    return total


def read(path: Path) -> tuple[list[Record], str]:
    got: list[Record] = []
    try:
        with open_capture(str(path)) as capture:
            for record in capture.records():
                got.append(record)
    except CaptureError as e:
        return got, str(e)
    return got, ""


def compare(tool: Tool, path: Path) -> None:
    lines = tool("list", path).splitlines()
    mine, damage = read(path)
    assert lines[:-1] == [f"{r.at} {len(r.data)} {r.length} {r.linktype} {r.interface} {touched(r.data)}" for r in mine], path
    if damage:
        _, offset, words = lines[-1].split(" ", 2)
        assert f"damaged at byte {offset}: {words}" in damage
    else:
        assert lines[-1].startswith("end "), path


def test_c_and_python_read_the_same(capture_test: Tool, examples: Path) -> None:
    for path in sorted((examples / "captures").glob("*.pcap*")):
        compare(capture_test, path)


def test_c_and_python_read_the_same_shared(capture_test: Tool, captures: list[Path]) -> None:
    for path in captures:
        if path.stat().st_size < 25_000:
            compare(capture_test, path)


def test_made_files(capture_test: Tool, tmp_path: Path) -> None:
    ng = section() + interface(resolution=0x80 | 10, offset=-3) + interface(linktype=113, resolution=12)
    ng += enhanced(b"x" * 33, 1 << 33) + old_packet(b"y" * 3, 10**15, number=1) + simple(b"z")
    ng += section(">") + interface(">", snaplen=2) + simple(b"ab", 9, ">")
    kuznetzov = pcap([(1, b"")], magic=0xA1B2CD34)
    for i, made in enumerate([ng, ng[:-3], pcap([(3 * 10**9, b"q")], order=">"), kuznetzov + bytes(8), kuznetzov,
                              pcap([(5, b"n")], magic=0xA1B23C4D), section(), pcap([])]):
        path = tmp_path / f"{i}.pcap"
        path.write_bytes(made)
        compare(capture_test, path)


def test_mutated_captures_never_lead_outside(capture_test: Tool, examples: Path, captures: list[Path]) -> None:
    small = [p for p in captures if p.stat().st_size < 3000]
    nasty = [*sorted((examples / "captures").glob("*.pcapng")), *small]
    assert f"{len(nasty)} captures" in capture_test("fuzz", 1, 30, *nasty)


def test_a_full_disk_leaves_whole_records(capture_test: Tool, tmp_path: Path) -> None:
    assert capture_test("limits", tmp_path / "full.pcap") == "ok\n"


@pytest.mark.parametrize("name", ["http.pcap", "mixed.pcapng"])
def test_a_copy_holds_the_same(capture_test: Tool, examples: Path, tmp_path: Path, name: str, shared: Path,
                               tshark: str) -> None:
    original, copy = examples / "captures" / name, tmp_path / "copy.pcap"
    capture_test("copy", original, copy)
    assert [(r.data, r.length, r.at, r.linktype) for r in read(copy)[0]] == \
        [(r.data, r.length, r.at, r.linktype) for r in read(original)[0]]
    done = subprocess.run([sys.executable, str(shared / "tools" / "oracle.py"), "compare", str(original), str(copy)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# ---------------------------------------------------------------- sides


def side_model(records: list[Record], tcp: int, udp: int, other: int) -> list[int]:
    """mcc_sides.h said again: who began each conversation is on side 0."""
    began: dict[object, tuple[object, bool, int]] = {}
    out = []
    for r in records:
        d = dissect(r.data, LINK_OF_DLT.get(r.linktype, OPAQUE))
        mode = tcp if d.has("tcp") else udp if d.has("udp") else other
        if not mode or not (d.has("ip") or d.has("ip6")):
            out.append(0)
            continue
        at, n = (d.l3 + 12, 4) if d.has("ip") else (d.l3 + 8, 16)
        src, dst = r.data[at:at + n], r.data[at + n:at + 2 * n]
        proto: object = None
        if mode == 2 and d.has("l4"):
            src, dst, proto = src + r.data[d.l4:d.l4 + 2], dst + r.data[d.l4 + 2:d.l4 + 4], d.proto
        key = (frozenset((src, dst)), proto)
        flags = r.data[d.l4 + 13] if d.has("tcp") else 0
        sender, closed, last = began.get(key, (None, False, 0))
        if sender is None or (closed and flags & 0x17 == 2) or r.at > last + 300 * 10**9:
            sender, closed = src, False
        began[key] = (sender, closed or bool(flags & 5), max(last, r.at))
        out.append(int(src != sender))
    return out


def segment(src: int, dst: int, flags: int, sport: int = 5, dport: int = 80) -> bytes:
    """An Ethernet frame with a TCP header from 10.0.0.SRC to 10.0.0.DST."""
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0) + bytes([10, 0, 0, src, 10, 0, 0, dst])
    return bytes(12) + b"\x08\x00" + ip + struct.pack(">HHIIBBHHH", sport, dport, 0, 0, 0x50, flags, 0, 0, 0)


SYN, ACK, FIN, SYNACK = 2, 16, 17, 18


@pytest.mark.parametrize(("packets", "modes", "sides"), [
    ([(0, segment(1, 2, SYN)), (1, segment(2, 1, SYNACK, 80, 5)), (2, segment(1, 2, ACK))], (2, 2, 1), "0 1 0"),
    ([(0, segment(2, 1, ACK, 80, 5)), (1, segment(1, 2, ACK))], (2, 2, 1), "0 1"),
    ([(0, segment(1, 2, SYN)), (1, segment(2, 1, SYN, 80, 5))], (2, 2, 1), "0 1"),          # both at once
    ([(0, segment(1, 2, FIN)), (1, segment(2, 1, SYNACK, 80, 5)), (2, segment(2, 1, SYN, 80, 5)),
      (3, segment(1, 2, ACK))], (2, 2, 1), "0 1 0 1"),                                      # a new one behind the FIN
    ([(0, segment(1, 2, ACK)), (300, segment(2, 1, ACK, 80, 5)), (601, segment(2, 1, ACK, 80, 5))], (2, 2, 1), "0 1 0"),
    ([(0, segment(1, 2, SYN)), (1, segment(2, 1, SYN, 9, 9))], (2, 2, 1), "0 0"),           # another conversation
    ([(0, segment(1, 2, SYN)), (1, segment(2, 1, SYN, 9, 9))], (1, 2, 1), "0 1"),           # the same addresses
    ([(0, segment(1, 2, SYN)), (1, segment(2, 1, SYNACK, 80, 5))], (0, 2, 1), "0 0")])      # no session
def test_sides_by_hand(capture_test: Tool, tmp_path: Path, packets: list[tuple[int, bytes]], modes: tuple[int, int, int],
                       sides: str) -> None:
    path = tmp_path / "made.pcap"
    path.write_bytes(pcap([(at * 10**9, data) for at, data in packets]))
    assert capture_test("sides", path, *modes).split() == sides.split()
    assert side_model(read(path)[0], *modes) == [int(n) for n in sides.split()]


def test_sides_follow_who_began(capture_test: Tool, examples: Path, captures: list[Path]) -> None:
    chosen = [p for p in captures if p.stat().st_size < 8_000 and not p.name.startswith(("sv--smtp", "dpkt", "gopacket"))]
    both = 0
    for path in [*sorted((examples / "captures").glob("*.pcap*")), *chosen]:
        records, _ = read(path)
        for modes in ((2, 2, 1), (1, 0, 0), (0, 2, 1)):
            got = [int(x) for x in capture_test("sides", path, *modes).split()]
            assert got == side_model(records, *modes), (path, modes)
            both += 0 < sum(got) < len(got)
    assert both > 30
