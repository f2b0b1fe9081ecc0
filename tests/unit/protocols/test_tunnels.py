"""What lies inside tunnels: the table of docs/tunnels.md by hand-worked offsets, Python and C against scapy and each other."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import GRE, Ether

from mcc.protocols.dissect import ETHERNET, RAW, dissect
from mcc.protocols.tunnels import MAX_HEAD, PPP, RADIOTAP, WLAN, inside, peel, restore
from mcc.toolchain import ZLIB, is_there

sys.path.insert(0, str(Path(__file__).parent))
from encapsulations import compressed, frame  # noqa: E402

RUNTIME = Path(__file__).resolve().parents[3] / "runtime_c"
FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-g", "-O1", "-fsanitize=address,undefined",
         "-fno-sanitize-recover=all"]
KINDS = ("eth", "ip", "ip6", "udp", "gre", "pptp", "gtp", "pppoe")
"""enum mcc_inner_kind."""

MACS = bytes(12)
TCP4 = bytes.fromhex("4500002800000000400600000a0000050a000007") + bytes.fromhex("0fa00050") + bytes(8) + b"\x50\x10" + bytes(6)
TCP6 = bytes.fromhex("6000000000140640") + bytes(32) + TCP4[20:]


def ip4(proto: int, payload: bytes) -> bytes:
    return b"\x45\0" + (20 + len(payload)).to_bytes(2, "big") + bytes(5) + bytes([proto]) + bytes(10) + payload


def ip6(proto: int, payload: bytes) -> bytes:
    return b"\x60\0\0\0" + len(payload).to_bytes(2, "big") + bytes([proto, 64]) + bytes(32) + payload


def udp(port: int, payload: bytes) -> bytes:
    return b"\xc0\0" + port.to_bytes(2, "big") + (8 + len(payload)).to_bytes(2, "big") + b"\0\0" + payload


def eth(kind: str, payload: bytes) -> bytes:
    return MACS + bytes.fromhex(kind) + payload


SNAP = bytes.fromhex("aaaa030000000800")
INNER_ETH = eth("0800", TCP4)

BY_HAND = {  # link, frame, offset of the innermost IP packet
    "4in4": (ETHERNET, eth("0800", ip4(4, TCP4)), 14 + 20),
    "6in4": (ETHERNET, eth("0800", ip4(41, TCP6)), 14 + 20),
    "4in6": (ETHERNET, eth("86dd", ip6(4, TCP4)), 14 + 40),
    "6in6": (RAW, ip6(41, TCP6), 40),
    "gre": (ETHERNET, eth("0800", ip4(47, bytes.fromhex("00000800") + TCP4)), 14 + 20 + 4),
    "gre with checksum, key, sequence": (ETHERNET, eth("0800", ip4(47, bytes.fromhex("b0000800") + bytes(12) + TCP4)), 14 + 20 + 16),
    "gre, bridging": (ETHERNET, eth("0800", ip4(47, bytes.fromhex("20006558") + bytes(4) + INNER_ETH)), 14 + 20 + 8 + 14),
    "erspan I": (ETHERNET, eth("0800", ip4(47, bytes.fromhex("000088be") + INNER_ETH)), 14 + 20 + 4 + 14),
    "erspan II": (ETHERNET, eth("0800", ip4(47, bytes.fromhex("100088be") + bytes(4) + b"\x10" + bytes(7) + INNER_ETH)),
                  14 + 20 + 8 + 8 + 14),
    "erspan III": (ETHERNET, eth("0800", ip4(47, bytes.fromhex("100022eb") + bytes(4) + b"\x20" + bytes(11) + INNER_ETH)),
                   14 + 20 + 8 + 12 + 14),
    "erspan III with subheader": (ETHERNET, eth("0800", ip4(47, bytes.fromhex("100022eb") + bytes(4) + b"\x20" + bytes(10) + b"\1"
                                                            + bytes(8) + INNER_ETH)), 14 + 20 + 8 + 20 + 14),
    "pptp": (ETHERNET, eth("0800", ip4(47, bytes.fromhex("3081880b") + len(TCP4 + b"!").to_bytes(2, "big") + bytes(10) + b"\x21"
                                       + TCP4)), 14 + 20 + 16 + 1),
    "mpls": (ETHERNET, eth("8847", bytes.fromhex("00001040") + bytes.fromhex("00002140") + TCP4), 14 + 8),
    "mpls, pseudowire with control word": (ETHERNET, eth("8847", bytes.fromhex("00002140") + bytes(4) + INNER_ETH), 14 + 8 + 14),
    "pppoe": (ETHERNET, eth("8864", bytes.fromhex("11000001") + (2 + len(TCP4)).to_bytes(2, "big") + b"\0\x21" + TCP4), 14 + 8),
    "vxlan": (ETHERNET, eth("0800", ip4(17, udp(4789, b"\x08" + bytes(7) + INNER_ETH))), 14 + 20 + 8 + 8 + 14),
    "vxlan-gpe": (ETHERNET, eth("0800", ip4(17, udp(4790, bytes.fromhex("0c000001") + bytes(4) + TCP4))), 14 + 20 + 8 + 8),
    "geneve with options": (ETHERNET, eth("0800", ip4(17, udp(6081, bytes.fromhex("02006558") + bytes(12) + INNER_ETH))),
                            14 + 20 + 8 + 16 + 14),
    "gtp-u": (ETHERNET, eth("0800", ip4(17, udp(2152, bytes.fromhex("30ff") + len(TCP4).to_bytes(2, "big") + bytes(4) + TCP4))),
              14 + 20 + 8 + 8),
    "gtp-u with an extension header": (ETHERNET, eth("0800", ip4(17, udp(2152, bytes.fromhex("34ff")
                                                                        + (len(TCP4) + 8).to_bytes(2, "big") + bytes(7) + b"\x85"
                                                                        + bytes.fromhex("01000000") + TCP4))), 14 + 20 + 8 + 16),
    "teredo with origin": (ETHERNET, eth("0800", ip4(17, udp(3544, bytes(8) + TCP6))), 14 + 20 + 8 + 8),
    "ppp": (PPP, bytes.fromhex("ff030021") + TCP4, 4),
    "ppp, one byte": (PPP, b"\x57" + TCP6, 1),
    "802.11, QoS": (WLAN, b"\x88\x01" + bytes(24) + SNAP + TCP4, 26 + 8),
    "radiotap": (RADIOTAP, bytes.fromhex("0000080000000000") + b"\x08\x01" + bytes(22) + SNAP + TCP4, 8 + 24 + 8),
    "ah, tunnel": (ETHERNET, eth("86dd", ip6(51, bytes([4, 4]) + bytes(22) + TCP4)), 14 + 40 + 24),
    "hop-by-hop": (ETHERNET, eth("86dd", ip6(0, bytes([6, 0]) + bytes(6) + TCP4[20:])), 14),
    "ah, transport": (ETHERNET, eth("0800", ip4(51, bytes([6, 4]) + bytes(22) + TCP4[20:])), 14),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name: str) -> None:
    link, data, at = BY_HAND[name]
    found = inside(data, link)
    assert found is not None and found.at == at
    peeled = peel(data, link)
    assert peeled is not None
    d = dissect(peeled[0], RAW, peeled=True)
    assert d.has("tcp") and d.proto == 6 and peeled[0][d.l4:d.l4 + 4] == TCP4[20:24]
    assert found.sealed == name.startswith("ah")


@pytest.mark.parametrize(("name", "data"), [
    ("tcp", eth("0800", TCP4)), ("vlan", eth("8100", bytes.fromhex("00050800") + TCP4)),
    ("arp in vxlan", eth("0800", ip4(17, udp(4789, b"\x08" + bytes(7) + eth("0806", bytes(28)))))),
    ("a first fragment", eth("0800", ip4(4, TCP4)[:6] + b"\x20" + ip4(4, TCP4)[7:])),
    ("gre with routing", eth("0800", ip4(47, bytes.fromhex("40000800") + TCP4))),
    ("gtp-c", eth("0800", ip4(17, udp(2152, bytes.fromhex("30010000") + bytes(4) + TCP4)))),
    ("a routing header on its way", eth("86dd", ip6(43, bytes([6, 0, 0, 1]) + bytes(4) + TCP4[20:]))),
    ("headers longer than what is looked into", eth("0800", ip4(17, udp(6081, bytes.fromhex("1e006558") + bytes(124) + INNER_ETH)))),
])
def test_seen_from_outside(name: str, data: bytes) -> None:
    """Not a tunnel, or one that hides its IP packet: as a port sees it that does not look inside."""
    assert peel(data, ETHERNET) is None


def test_what_scapy_builds() -> None:
    rng, peeled_some = random.Random(5), 0
    for _ in range(1500):
        data, inner, expected = frame(rng)
        peeled = peel(data, ETHERNET)
        if data.rindex(inner) > MAX_HEAD:
            assert peeled is None
            continue
        assert (peeled is not None) == expected, data.hex()
        if peeled is not None:
            peeled_some += 1
            assert peeled[0].startswith(inner), data.hex()
            assert restore(peeled[0], peeled[1]) == data
    assert peeled_some > 1000


def mutated(rng: random.Random, data: bytes) -> bytes:
    out = bytearray(data)
    for _ in range(rng.randrange(4)):
        out[rng.randrange(len(out))] = rng.choice([0, 1, 4, 0x45, 0x60, 0x88, 0xFF, rng.randrange(256)])
    return bytes(out[:rng.randrange(len(out) + 1)]) if rng.random() < 0.3 else bytes(out)


def test_c_agrees(tmp_path: Path) -> None:
    """mcc_inner_find, sanitized, on frames that end at an unmapped page."""
    if shutil.which("gcc") is None:
        pytest.skip("needs gcc (apt install gcc)")
    program = tmp_path / "inner_print"
    zlib = [ZLIB.flag, ZLIB.link] if is_there(ZLIB, ["gcc"]) else []
    subprocess.run(["gcc", *FLAGS, str(RUNTIME / "test" / "inner_print.c"), "-o", str(program), *zlib], check=True)
    rng = random.Random(7)
    frames = [(link, data) for link, data, _ in BY_HAND.values()] + [(ETHERNET, frame(rng)[0]) for _ in range(1500)]
    frames += [(ETHERNET, compressed(rng)[0]) for _ in range(300)]
    frames += [(link, mutated(rng, data)) for link, data in frames for _ in range(8)]
    frames += [(rng.randrange(10), rng.randbytes(rng.randrange(120))) for _ in range(500)]
    stream = b"".join(bytes([link]) + len(f).to_bytes(2, "little") + f for link, f in frames)
    done = subprocess.run([str(program)], input=stream, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().splitlines()
    assert len(lines) == len(frames)
    inflated = 0
    for (link, data), line in zip(frames, lines, strict=True):
        f = inside(data, link)
        want = "-" if f is None else " ".join(map(str, (
            f.at, f.end, *map(int, (f.tunnelled, f.extended, f.sealed, f.one_way, f.fcs)), f.ipcomp,
            *((f.ipcomp_end, f.ipcomp_said) if f.ipcomp else ()), *(f"{KINDS.index(kind)}:{at}" for kind, at in f.layers))))
        peeled = peel(data, link) if zlib else None
        if peeled is not None and peeled[1].compressed:
            packet, outer = peeled
            want += f" | {len(outer.head)} {len(outer.head) + len(packet)} {(outer.head + packet).hex()}"
            inflated += 1
        assert line == want, f"link {link}, frame {data.hex()}"
    assert inflated > 500 or not zlib


def test_lengths_and_checksums_of_what_has_grown() -> None:
    """scapy builds the tunnel around the longer packet from nothing: the same bytes."""
    inner = IP(src="10.0.0.5", dst="10.0.0.7") / TCP(sport=4000, dport=80, flags="PA") / b"short"
    longer = IP(src="10.0.0.5", dst="10.0.0.7") / TCP(sport=4000, dport=80, flags="PA") / b"something longer"
    ends = {"src": "192.0.2.1", "dst": "192.0.2.2"}

    def tunnel(x: IP) -> bytes:
        return bytes(Ether(src="02:00:00:00:00:0a", dst="02:00:00:00:00:01") / IP(**ends) / UDP(sport=30000, dport=4789)
                     / (b"\x08" + bytes(6) + b"\0") / Ether(src="02:00:00:00:00:0a", dst="02:00:00:00:00:01") / IP(**ends)
                     / GRE(chksum_present=1) / x)

    peeled = peel(tunnel(inner), ETHERNET)
    assert peeled is not None
    assert restore(bytes(longer), peeled[1]) == tunnel(longer)
