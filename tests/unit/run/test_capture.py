"""The Python reader: made files with known contents, and scapy, dpkt and tshark as judges of real ones."""

from __future__ import annotations

import gzip
import lzma
import subprocess
from pathlib import Path
from random import Random

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from mcc.diag import CaptureError, PortError
from mcc.run.capture import Record, open_capture, records
from mcc.run.capture_file import pcap_bytes
from tests.unit.run.conftest import enhanced, interface, old_packet, pcap, section, simple

A, B = b"a" * 60, b"b" * 61


def read(path: Path) -> list[Record]:
    with open_capture(str(path)) as capture:
        return list(capture.records())


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D])
def test_pcap_in_both_byte_orders_and_units(order: str, magic: int) -> None:
    at = 1_500_000_000_123_456_000
    got = list(records(pcap([(at, A), (at + 1000, B)], order=order, magic=magic, linktype=113)))
    assert got == [Record(A, 60, at, 113), Record(B, 61, at + 1000, 113)]


def test_nanoseconds_are_kept() -> None:
    got = list(records(pcap([(10**9 + 7, A)], magic=0xA1B23C4D)))
    assert got[0].at == 10**9 + 7


def test_modified_pcap_has_longer_record_headers() -> None:
    plain = pcap([(5_000, A), (6_000, B)], magic=0xA1B2CD34)
    first, second = plain[24:40], plain[40 + 60:40 + 60 + 16]
    made = plain[:24] + first + bytes(8) + A + second + bytes(8) + B
    assert [(r.data, r.at) for r in records(made)] == [(A, 5_000), (B, 6_000)]


@pytest.mark.parametrize(("resolution", "offset", "ticks", "ns"), [
    (None, None, 1_000_001, 1_000_001_000), (6, None, 3, 3_000), (9, None, 3, 3), (3, None, 7, 7_000_000),
    (0, None, 7, 7_000_000_000), (12, None, 5_999, 5), (0x80 | 10, None, 512, 500_000_000),
    (0x80 | 30, None, 1 << 31, 2_000_000_000), (6, 100, 1, 100_000_001_000), (6, -1, 5_000_000, 4_000_000_000),
    (6, -10, 1, 0), (0, None, 1 << 40, (1 << 63) - 1)])
def test_pcapng_time(resolution: int | None, offset: int | None, ticks: int, ns: int) -> None:
    made = section() + interface(resolution=resolution, offset=offset) + enhanced(A, ticks)
    assert [r.at for r in records(made)] == [ns]


def test_pcapng_sections_interfaces_and_block_kinds() -> None:
    made = section() + interface(linktype=1) + interface(linktype=113, snaplen=10) + enhanced(A, 5)
    made += enhanced(B, 6, number=1, length=99) + old_packet(A, 7, number=1) + simple(b"short")
    made += section(">") + interface(">", linktype=101) + enhanced(B, 8, ">") + simple(A, order=">")
    assert list(records(made)) == [
        Record(A, 60, 5_000, 1, 0), Record(B, 99, 6_000, 113, 1), Record(A, 60, 7_000, 113, 1),
        Record(b"short", 5, 7_000, 1, 0), Record(B, 61, 8_000, 101, 0), Record(A, 60, 8_000, 101, 0)]


def test_simple_packets_are_cut_at_the_snaplen() -> None:
    got = list(records(section() + interface(snaplen=8) + simple(b"12345678", length=500)))
    assert got == [Record(b"12345678", 500, 0, 1)]


@pytest.mark.parametrize(("made", "words"), [
    (pcap([(0, A)])[:-1], "damaged at byte 24: cut inside a record"),
    (pcap([(0, A)]) + b"x", "damaged at byte 100: cut inside a record header"),
    (pcap([])[:20], "damaged at byte 0: cut inside the file header"),
    (pcap([])[:4] + b"\x09" + pcap([])[5:], "unknown version"),
    (pcap([(0, A)])[:32] + b"\xff\xff\xff\x7f" + A, "longer than 262144"),
    (section() + enhanced(A, 1), "damaged at byte 28: a packet of an interface that was not described"),
    (section()[:-4] + bytes(4), "a block whose two lengths differ"),
    (section()[:8] + bytes(4) + section()[12:], "unknown byte order"),
    (section() + interface()[:-6], "cut inside a block"),
    (section() + interface() + b"\x06\0\0\0\x0d\0\0\0" + bytes(8), "an impossible length"),
])
def test_damage_is_told_with_its_byte(made: bytes, words: str) -> None:
    with pytest.raises(CaptureError, match=words):
        list(records(made))


def test_packets_before_the_damage_are_given(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes(pcap([(0, A), (1000, B)])[:-5])
    got = []
    with pytest.raises(CaptureError, match=r"cut.pcap: damaged at byte 100: cut inside a record; 1 packet before that"), \
            open_capture(str(path)) as capture:
        for record in capture.records():
            got.append(record.data)
    assert got == [A]


# ---------------------------------------------------------------- opening


@pytest.mark.parametrize(("content", "words"), [
    (b"", "an empty file"), (b"ab", "not a capture"), (b"hello world, this is text\n", "looks like text"),
    (b"BZh91AY&SY" + bytes(20), "bzip2"), (b"\x7fELF" + bytes(60), "not a capture"),
    (gzip.compress(b"", mtime=0), "an empty capture"), (gzip.compress(b"no capture at all", mtime=0), "not a capture")])
def test_what_is_no_capture(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(CaptureError, match=words):
        read(path)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(PortError, match="No such file"):
        read(tmp_path / "missing.pcap")


PACKERS = {"gzip": gzip.compress, "xz": lzma.compress, "zstd": lambda b: zstandard.ZstdCompressor().compress(b)}


@pytest.mark.parametrize("name", PACKERS)
def test_compressed_captures(tmp_path: Path, name: str) -> None:
    made = pcap([(i * 1000, bytes([i % 251]) * 100) for i in range(3000)])
    path = tmp_path / "packed"
    half = len(made) // 2
    path.write_bytes(PACKERS[name](made[:half]) + PACKERS[name](made[half:]) + bytes(8))
    assert read(path) == list(records(made))


@pytest.mark.parametrize("name", PACKERS)
def test_a_cut_compressed_capture_gives_its_beginning(tmp_path: Path, name: str) -> None:
    made = pcap([(i * 1000, Random(i).randbytes(100)) for i in range(3000)])
    packed = PACKERS[name](made)
    path = tmp_path / "packed"
    path.write_bytes(packed[:len(packed) * 2 // 3])
    got: list[Record] = []
    with pytest.raises(CaptureError, match=r"cut inside a record|ends too early"), open_capture(str(path)) as capture:
        for record in capture.records():
            got.append(record)
    whole = list(records(made))
    assert 1000 < len(got) < 3000
    assert got == whole[:len(got)]


# ---------------------------------------------------------------- round trip, judges


frames = st.lists(st.tuples(st.integers(0, (1 << 62)), st.binary(max_size=80), st.integers(0, 40),
                            st.sampled_from([1, 101, 113])), max_size=8)


@given(frames)
def test_what_is_written_is_read(made: list[tuple[int, bytes, int, int]]) -> None:
    wanted = [Record(d, len(d) + more, at % (1 << 32) * 10**9 + at % 10**9, lt) for at, d, more, lt in made]
    got = list(records(pcap_bytes(wanted)))
    assert [(r.data, r.length, r.at, r.linktype) for r in got] == [(r.data, r.length, r.at, r.linktype) for r in wanted]


@pytest.mark.filterwarnings("ignore")
def test_scapy_and_dpkt_read_the_same(examples: Path) -> None:
    import dpkt
    from scapy.utils import RawPcapReader

    for path in sorted((examples / "captures").glob("*.pcap")):
        mine = read(path)
        with RawPcapReader(str(path)) as reader:
            assert [r.data for r in mine] == [bytes(data) for data, _ in reader]
        with path.open("rb") as f:
            theirs = list(dpkt.pcap.Reader(f))
        assert [r.data for r in mine] == [data for _, data in theirs]
        assert all(abs(r.at / 1e9 - float(t)) < 2e-6 for r, (t, _) in zip(mine, theirs, strict=True))


def test_tshark_reads_the_same(examples: Path, tshark: str) -> None:
    for path in sorted((examples / "captures").glob("*.pcap*")):
        out = subprocess.run([tshark, "-r", str(path), "-T", "fields", "-e", "frame.cap_len", "-e", "frame.len",
                              "-e", "frame.time_epoch"], capture_output=True, text=True, check=False).stdout
        lines = [line.split("\t") for line in out.splitlines()]
        mine = read(path)
        assert [(len(r.data), r.length) for r in mine] == [(int(a), int(b)) for a, b, _ in lines]
        times = [(r.at, t) for r, (_, _, t) in zip(mine, lines, strict=True) if r.at < (1 << 63) - 1]
        assert [f"{at // 10**9}.{at % 10**9:09}" for at, _ in times] == [t for _, t in times]
