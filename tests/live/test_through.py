"""What passes through a box between two kernels."""

from __future__ import annotations

import json
import re
import signal
import socket
import struct
import sys
from collections.abc import Callable

import pytest

from tests.live.conftest import needs
from tests.live.net import SERVER4, SERVER6, Net, run, within
from tests.live.transfer import check, exchange, text

SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID, UDP_SEGMENT = 263, 8, 16, 103


def test_ping(net: Callable[..., Net]) -> None:
    needs("ping", "iputils-ping")
    n = net()
    box = n.mcc("through.py")
    for address in (SERVER4, SERVER6):
        said = run("ip", "netns", "exec", n.client, "ping", "-c", "5", "-w", "10", "-i", "0.05", "-s", "1000", address)
        assert " 0% packet loss" in said
    assert box.stop() == 130 and "interrupted" in box.text()
    stats = json.loads((n.folder / "stats.json").read_text())
    assert stats["ports"]["lan"]["rx_packets"] >= 10 and not stats["drops"]


def test_packets_are_conserved_and_sessions_end(net: Callable[..., Net]) -> None:
    n = net()
    box = n.mcc("reading.py")
    data = text(300_000, 1)
    mine, theirs = n.pair()
    at_client, at_server = exchange(mine, theirs, data, data[::-1])
    check(at_client, data[::-1])
    check(at_server, data)
    box.stop(signal.SIGTERM)
    stats = json.loads((n.folder / "stats.json").read_text())
    received, sent = (sum(p[k] for p in stats["ports"].values()) for k in ("rx_packets", "tx_packets"))
    assert received + stats["made"] == sent + sum(stats["drops"].values())
    assert stats["elements"]["Reader"]["counters"]["all"] == 600_000
    [session] = [json.loads(line) for line in (n.folder / "sessions.json").read_text().splitlines()]
    assert session["to_server"]["scratch"]["Reader"]["bytes"] == 300_000
    assert session["last"] - session["first"] < 20


@pytest.mark.parametrize("chain", ["through.py", "reading.py", "words.py:lengthen"])
def test_offloads_left_on(net: Callable[..., Net], chain: str) -> None:
    """Super-frames and partial checksums, as containers send them: whole through packets' elements, cut for streams."""
    n = net(offloads=True)
    box = n.mcc(chain)
    data, back = text(3_000_000, 2), text(3_000_000, 3)
    mine, theirs = n.pair()
    at_client, at_server = exchange(mine, theirs, data, back)
    words = chain.startswith("words")
    check(at_client, back.replace(b"ATTACK", b"[taken out by the box]") if words else back)
    check(at_server, data.replace(b"ATTACK", b"[taken out by the box]") if words else data)
    box.stop()
    stats = json.loads((n.folder / "stats.json").read_text())
    largest = stats["ports"]["lan"]["rx_bytes"] / stats["ports"]["lan"]["rx_packets"]
    if chain == "through.py":
        assert largest > 1600, "no super-frame came: the test says nothing"
    else:
        assert largest < 1515 and "super-frames" in box.text()


@pytest.mark.parametrize("chain", ["through.py", "reading.py"])
def test_datagrams_sent_as_one(net: Callable[..., Net], chain: str) -> None:
    """UDP segmentation offload: one super-frame of the sender is ten datagrams, the last one shorter."""
    n = net(offloads=True)
    n.mcc(chain)
    payload = bytes(i * 7 & 255 for i in range(9500))
    with within(n.server, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as there, \
            within(n.client, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as here:
        there.bind((SERVER4, 5005))
        there.settimeout(5)
        here.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 1000)
        here.sendto(payload, (SERVER4, 5005))
        got = [there.recv(20_000) for _ in range(10)]
    assert got == [payload[i:i + 1000] for i in range(0, 9500, 1000)]


def test_vlan_tags_stay(net: Callable[..., Net]) -> None:
    """The kernel takes tags out of frames and says so beside them (PACKET_AUXDATA)."""
    n = net()
    n.mcc("through.py")
    frame = bytes.fromhex("02000000000202000000000181002007 88b5".replace(" ", "")) + bytes(range(60))
    with within(n.server, lambda: _packet_socket("s0")) as there, within(n.client, lambda: _packet_socket("c0")) as here:
        there.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        here.send(frame)
        for _ in range(50):
            data, beside, _, _ = there.recvmsg(2000, 100)
            if data[12:14] == b"\x88\xb5":
                break
        [(_, _, auxdata)] = beside
        status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", auxdata)
    assert data == frame[:12] + frame[16:], "what the receiver's kernel leaves of the frame"
    assert status & TP_STATUS_VLAN_VALID and (tpid, tci) == (0x8100, 0x2007)


def _packet_socket(device: str) -> socket.socket:
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.bind((device, 3))
    s.settimeout(5)
    return s


def test_tap(net: Callable[..., Net]) -> None:
    """The client is behind a TAP device of the box's namespace; it goes with the box."""
    needs("ping", "iputils-ping")
    n = net()
    box = n.mcc("through.py", lan="tap:t0")
    run("ip", "-n", n.box, "addr", "add", "198.18.7.9/24", "dev", "t0")
    assert " 0% packet loss" in run("ip", "netns", "exec", n.box, "ping", "-c", "3", "-w", "10", "-i", "0.05", SERVER4)
    box.stop()
    assert "t0" not in run("ip", "-n", n.box, "-br", "link")


def test_duration_and_null(net: Callable[..., Net]) -> None:
    n = net()
    box = n.mcc("through.py", "--duration", "0.3", wan="null")
    assert box.child.wait(5) == 0
    assert "promiscuity 0" in run("ip", "-n", n.box, "-d", "link", "show", "d0")


@pytest.mark.parametrize(("spec", "words"), [
    ("afpacket:nope", "there is no interface 'nope'"), ("afpacket:d1", "d1 is down; ip link set d1 up"),
    ("tap:d1", "cannot be a TAP device"), ("afpacket:d0", "two ports are d0")])
def test_ports_that_cannot_be_opened(net: Callable[..., Net], spec: str, words: str) -> None:
    n = net()
    run("ip", "-n", n.box, "link", "set", "d1", "down")
    with pytest.raises(AssertionError, match=re.escape(words)):
        n.mcc("through.py", wan=spec)
    assert n.processes == []
    assert "promiscuity 0" in run("ip", "-n", n.box, "-d", "link", "show", "d0")


def test_no_right_to(net: Callable[..., Net]) -> None:
    n = net()
    with pytest.raises(AssertionError, match="no right to open a packet socket; run as root"):
        n.start(n.box, "setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", sys.executable, "-c",
                "from mcc.cli import main; main()", "run", "tests/live/chains/through.py", "--port", "lan=afpacket:d0",
                "--port", "wan=null", ready="mcc: running")


def test_a_tap_device_that_is_taken_away_is_made_again(net: Callable[..., Net]) -> None:
    n = net()
    box = n.mcc("through.py", lan="tap:t0")
    run("ip", "-n", n.box, "link", "del", "t0")
    for _ in range(100):
        if "port lan: t0 is back" in box.text():
            break
        run("sleep", "0.05")
    assert "port lan: t0: No such device; it is tried again each second" in box.text()
    assert "t0" in run("ip", "-n", n.box, "link", "show", "t0") and box.stop() == 130


def test_a_port_that_dies_comes_back(net: Callable[..., Net]) -> None:
    needs("ping", "iputils-ping")
    n = net()
    box = n.mcc("through.py")
    run("ip", "-n", n.box, "link", "set", "d1", "down")
    for _ in range(100):
        if "d1: Network is down" in box.text():
            break
        run("sleep", "0.05")
    run("ip", "-n", n.box, "link", "set", "d1", "up")
    run("sleep", "1.3")
    assert "d1 is back" in box.text()
    assert " 0% packet loss" in run("ip", "netns", "exec", n.client, "ping", "-c", "3", "-w", "10", "-i", "0.05", SERVER4)
