"""StreamStats, StreamCRC, StreamChecksum against zlib, a bit-by-bit CRC-32C, and RFC 1071 written out."""

from __future__ import annotations

import zlib
from random import Random

import pytest

from mcc import CompileError
from mcc.std import StreamChecksum, StreamCRC, StreamStats
from tests.unit.std.carried import CONTEXTS, Streams, carry, counters, cut, ones, scratches

DATA = b"a stream of bytes \x00\xff" * 9 + b"!"


def crc32c(data: bytes) -> int:
    """RFC 3720, 12.1, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 if crc & 1 else crc >> 1
    return crc ^ 0xFFFFFFFF


def internet_sum(data: bytes) -> int:
    """RFC 1071, 4.1: big-endian words, carries added at the end, not inverted."""
    total = sum(int.from_bytes(data[i:i + 2].ljust(2, b"\0"), "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_of_the_test() -> None:
    assert crc32c(b"123456789") == 0xE3069283, "RFC 3720's polynomial, the catalogue's check value"
    assert internet_sum(bytes.fromhex("0001f203f4f5f6f7")) == 0xDDF2, "RFC 1071, 3"


@pytest.mark.parametrize("context", CONTEXTS)
def test_stats_count_useful_bytes_and_pieces(context: str) -> None:
    streams = Streams(StreamStats, context)
    with streams.open() as box:
        got = carry(streams, box, up=ones(DATA), down=[DATA, b"xyz"])
        assert got.server_got == DATA and got.client_got == DATA + b"xyz" and got.whole
        kept = scratches(box, "StreamStats")
    up = max(u["bytes"] for u, _ in kept), max(u["chunks"] for u, _ in kept)
    down = max(d["bytes"] for _, d in kept), max(d["chunks"] for _, d in kept)
    assert up == (len(DATA), len(DATA)) and down == (len(DATA) + 3, 2)


def test_stats_count_retransmissions_once() -> None:
    streams = Streams(StreamStats, "tcp")
    with streams.open() as box:
        rnd = Random(3)
        got = carry(streams, box, up=cut(DATA, 5), loss=rnd, reorder=rnd, dup=rnd)
        assert got.server_got == DATA and got.whole
        assert [u["bytes"] for u, _ in scratches(box, "StreamStats")] == [len(DATA)]


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("kind", ["crc32", "crc32c"])
def test_crc_of_any_cutting(context: str, kind: str) -> None:
    digest = {"crc32": zlib.crc32, "crc32c": crc32c}[kind]
    streams = Streams(lambda: StreamCRC(kind=kind, bad=[digest(DATA), 5]), context)
    with streams.open() as box:
        for i, pieces in enumerate([ones(DATA), cut(DATA, 1), cut(DATA, 2), [DATA]]):
            got = carry(streams, box, up=pieces, down=[*pieces, b"more"], port=5000 + 10 * i)
            assert (got.server_got, got.client_got, got.whole) == (DATA, DATA + b"more", True)
        kept = scratches(box, "StreamCRC")
        of = counters(box, "StreamCRC")
    assert {u["crc"] for u, _ in kept if u["bytes"]} == {digest(DATA)}
    assert {d["crc"] for _, d in kept if d["bytes"]} == {digest(DATA + b"more")}
    assert {d["bytes"] for _, d in kept} <= {0, len(DATA) + 4}
    assert of == {"streams": 2 * len(kept), "bad_streams": 4}


def test_crc_of_an_unknown_kind() -> None:
    with pytest.raises(CompileError, match="does not know 'md5'"):
        StreamCRC(kind="md5")


@pytest.mark.parametrize("context", CONTEXTS)
def test_checksum_of_any_cutting(context: str) -> None:
    streams = Streams(StreamChecksum, context)
    texts = [DATA, DATA + b"?", b"\xff\xff" * 40, b"\xff" * 41, b"\x80"]
    with streams.open() as box:
        for i, text in enumerate(texts):
            for j, pieces in enumerate([ones(text), cut(text, 7 + i), [text]]):
                carry(streams, box, up=pieces, down=ones(text[1:]), port=6000 + 100 * i + 10 * j)
        kept = scratches(box, "StreamChecksum")
    wanted = {internet_sum(t) | (len(t) & 1) << 16 for t in texts}
    assert {u["sum"] for u, _ in kept} - {0} == wanted - {0}
    assert {d["sum"] for _, d in kept} - {0} == {internet_sum(t[1:]) | (len(t) - 1 & 1) << 16 for t in texts} - {0}
