"""A stream edited between two kernels: the bytes at the far end are `bytes.replace` of what was sent."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.net import Net
from tests.live.transfer import WORD, Arrived, check, exchange, text

MEGABYTE = 1_000_000
CHAINS = {"remove": b"", "shorten": b"[-]", "lengthen": b"[taken out by the box]"}


def through(net: Net, chain: str, data: bytes, back: bytes, **how: object) -> tuple[Arrived, Arrived]:
    """Both directions at once through the chain, compared."""
    new = CHAINS[chain]
    at_client, at_server = exchange(*net.pair(**how), data, back)  # type: ignore[arg-type]
    check(at_server, data.replace(WORD, new))
    check(at_client, back.replace(WORD, new))
    return at_client, at_server


@pytest.mark.parametrize("chain", CHAINS)
def test_ten_megabytes(net: Callable[..., Net], chain: str) -> None:
    n = net()
    n.mcc(f"words.py:{chain}")
    through(n, chain, text(10 * MEGABYTE, 1), text(10 * MEGABYTE, 2))


def _gap(net: Callable[..., Net], chain: str, loss: float, megabytes: float, seed: int) -> float:
    """The longest time without progress under a bad cable; chain "": through a bridge of the kernel."""
    n = net(impaired=True)
    data, back = text(round(megabytes * MEGABYTE), 3), text(round(megabytes * MEGABYTE), 4)
    n.impair(loss, 0.01, 0.02, seed)
    if chain:
        n.mcc(f"words.py:{chain}")
        got = through(n, chain, data, back)
        contexts = json.loads((n.folder / "stats.json").read_text())["contexts"]["tcp"] if n.processes[-1].stop() else {}
        assert contexts["reordered"] > 0 and contexts["retransmitted"] > 0
    else:
        n.bridge()
        got = exchange(*n.pair(), data, back)
        check(got[0], back)
        check(got[1], data)
    n.close()
    return max(a.gap for a in got)


@pytest.mark.parametrize(("chain", "loss", "megabytes"), [
    ("remove", 0.0, 10), ("remove", 0.01, 10), ("lengthen", 0.01, 4), ("remove", 0.05, 10), ("shorten", 0.05, 4)])
def test_a_bad_cable(net: Callable[..., Net], chain: str, loss: float, megabytes: float) -> None:
    """Loss on one side of the box is loss behind it in one direction, before it in the other."""
    without = _gap(net, "", loss, megabytes, 1)
    # a retransmission that is lost thrice costs a second and more by itself: such luck may be bad once
    for seed in (1, 2):
        gap = _gap(net, chain, loss, megabytes, seed)
        if gap <= without + 1:
            break
    assert gap <= without + 1


def test_ipv6(net: Callable[..., Net]) -> None:
    n = net()
    n.mcc("words.py:lengthen")
    through(n, "lengthen", text(2 * MEGABYTE, 5), text(2 * MEGABYTE, 6), six=True)


def test_window_scaling(net: Callable[..., Net]) -> None:
    """Windows far beyond 64 KB, announced scaled (RFC 7323)."""
    n = net()
    n.mcc("words.py:remove")
    big = ((socket.SOL_SOCKET, 33, 8 * MEGABYTE), (socket.SOL_SOCKET, 32, 8 * MEGABYTE))  # SO_RCVBUFFORCE, SO_SNDBUFFORCE
    through(n, "remove", text(8 * MEGABYTE, 7), text(8 * MEGABYTE, 8), options=big)


@pytest.mark.parametrize("chain", ["remove", "lengthen"])
def test_small_segments(net: Callable[..., Net], chain: str) -> None:
    n = net()
    n.mcc(f"words.py:{chain}")
    through(n, chain, text(MEGABYTE, 9), text(MEGABYTE, 10), options=((socket.IPPROTO_TCP, socket.TCP_MAXSEG, 300),))


def test_small_mtu(net: Callable[..., Net]) -> None:
    n = net(mtu=600)
    n.mcc("words.py:lengthen")
    through(n, "lengthen", text(MEGABYTE, 11), text(MEGABYTE, 12))


def test_a_slow_reader_closes_the_window(net: Callable[..., Net]) -> None:
    """Zero windows and their probes go through (RFC 9293, 3.8.6.1)."""
    n = net()
    n.mcc("words.py:remove")
    mine, theirs = n.pair(options=((socket.SOL_SOCKET, socket.SO_RCVBUF, 8192),))
    data = text(400_000, 13)
    mine.settimeout(0.5)
    sent = 0
    with pytest.raises(TimeoutError):
        while True:
            sent += mine.send(data[sent:])
    time.sleep(1)
    mine.settimeout(15)
    got = bytearray()
    theirs.setblocking(False)
    deadline = time.monotonic() + 15
    expected = data.replace(WORD, b"")
    mine.setblocking(False)
    while len(got) < len(expected) and time.monotonic() < deadline:
        try:
            sent += mine.send(data[sent:sent + 30_000]) if sent < len(data) else 0
        except BlockingIOError:
            pass
        try:
            got += theirs.recv(20_000)
        except BlockingIOError:
            time.sleep(0.005)
        if sent == len(data):
            mine.shutdown(socket.SHUT_WR)
            sent += 1
    assert bytes(got) == expected


# ---------------------------------------------------------------- how connections live and end


def test_half_closed(net: Callable[..., Net]) -> None:
    """The client is through, the server still answers."""
    n = net()
    n.mcc("words.py:remove")
    mine, theirs = n.pair()
    mine.sendall(b"ask ATTACK now")
    mine.shutdown(socket.SHUT_WR)
    assert _all(theirs) == b"ask  now"
    time.sleep(0.3)
    theirs.sendall(b"an ATTACK late")
    time.sleep(2.5)  # beyond the time that a connection closed on both sides is kept
    theirs.sendall(b", and ATTACK later")
    theirs.close()
    assert _all(mine) == b"an  late, and  later"
    mine.close()


def test_a_word_torn_between_segments(net: Callable[..., Net]) -> None:
    """The beginning of a word waits for the rest; a keep-alive meanwhile is answered."""
    n = net()
    n.mcc("words.py:remove")
    mine, theirs = n.pair(options=((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),))
    for s in (mine, theirs):
        s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
            s.setsockopt(socket.IPPROTO_TCP, option, 1)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 2)
    for byte in b"be ATTACK hind":
        mine.send(bytes([byte]))
        time.sleep(0.01)
    mine.send(b" ATT")
    time.sleep(4.5)  # both would have given up by now without answers
    mine.send(b"ACK")
    theirs.sendall(b"answer")
    assert mine.recv(100) == b"answer"
    mine.close()
    assert _all(theirs) in (b"be  hind ", b"be  hind ATTACK"), "held a second and longer, the beginning of a word is let go"
    theirs.close()


def test_reset_in_the_middle(net: Callable[..., Net]) -> None:
    """The sequence number of an RST is exact, or the other side would not believe it (RFC 5961)."""
    n = net()
    n.mcc("words.py:remove")
    for who in (0, 1):
        ends = n.pair(5001 + who)
        ends[0].sendall(b"an ATTACK and an ATTACK")
        assert ends[1].recv(100) == b"an  and an "
        ends[1].sendall(b"ATTACK!")
        assert ends[0].recv(100) == b"!"
        ends[who].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        ends[who].close()
        with pytest.raises(ConnectionResetError):
            ends[1 - who].recv(100)
        ends[1 - who].close()
    n.processes[-1].stop()
    records = [json.loads(line) for line in (n.folder / "sessions.json").read_text().splitlines()]
    # an ACK that crosses an RST is answered with another one: a session without a payload
    assert [r["end"] for r in records if r["to_server"]["payload_bytes"]] == ["rst", "rst"]


def test_nobody_listens(net: Callable[..., Net]) -> None:
    n = net()
    n.mcc("words.py:remove")
    with pytest.raises(ConnectionRefusedError):
        n.connect(9)


def test_many_short_connections(net: Callable[..., Net]) -> None:
    """Sessions are gone when connections are."""
    n = net()
    n.mcc("words.py:lengthen")
    with n.listen(5001) as listening:
        for i in range(100):
            mine = n.connect(5001)
            theirs, _ = listening.accept()
            mine.sendall(b"%d ATTACK" % i)
            mine.shutdown(socket.SHUT_WR)
            assert _all(theirs) == b"%d [taken out by the box]" % i
            theirs.close()
            assert _all(mine) == b""
            mine.close()
    time.sleep(2.3)
    n.processes[-1].stop()
    stats = json.loads((n.folder / "stats.json").read_text())
    assert stats["sessions"]["created"] == 100 and stats["sessions"]["ended"]["fin"] == 100


def _all(s: socket.socket) -> bytes:
    got = b""
    while data := s.recv(1 << 16):
        got += data
    return got


def test_nothing_is_left(net: Callable[..., Net]) -> None:
    n = net()
    n.mcc("words.py:remove")
    names, children = list(n.made), [p.child.pid for p in n.processes]
    n.close()
    assert not any(Path(f"/run/netns/{name}").exists() for name in names)
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
