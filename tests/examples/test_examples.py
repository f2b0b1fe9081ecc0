"""Every example does with its capture what examples/expected/NAME.json says; the same numbers are counted here with scapy."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Dot1Q, Ether
from scapy.utils import rdpcap

from tests.examples.kit import CAPTURES, EXAMPLES, Run, read, run

Facts = dict[str, Any]


def check(name: str, found: Facts, counted: Facts) -> None:
    expected = json.loads((EXAMPLES / "expected" / f"{name}.json").read_text())
    assert counted == expected, "counted with scapy"
    assert found == expected, "what mcc did"


def test_packet_counter(tmp_path: Path) -> None:
    got = run("packet_counter", "http.pcap", tmp_path)
    original = [bytes(p) for p in rdpcap(str(CAPTURES / "http.pcap"))]
    assert got.frames == original
    check("packet_counter", got.counters("PacketCounter"), {"tcp": len(read("http.pcap")), "udp": 0, "others": 0})


def test_counter(tmp_path: Path) -> None:
    got = run("counter", "http.pcap", tmp_path)
    seen = read("http.pcap")
    rows = sorted([s[way]["scratch"]["ConnectionCounter"]["packets"] for way in ("to_server", "to_client")]
                  for s in got.sessions)
    counted: dict[Any, list[int]] = {}
    for p in seen:
        counted.setdefault(p.ends, [0, 0])[not p.from_first] += 1
    check("counter", {"connections": rows, **got.counters("ConnectionCounter")},
          {"connections": sorted(counted.values()), "all": len(seen), "large": sum(p.length > 1000 for p in seen)})


def test_limiter(tmp_path: Path) -> None:
    got = run("limiter", "http.pcap", tmp_path)
    seconds: Counter[Any] = Counter()
    passed = []
    for raw, p in zip(rdpcap(str(CAPTURES / "http.pcap")), read("http.pcap"), strict=True):
        at = (p.ends, p.from_first, int(raw.time))
        seconds[at] += 1
        passed += [bytes(raw)] if seconds[at] <= 5 else []
    assert got.frames == passed
    check("limiter", got.counters("Limiter"), {"passed": len(passed), "dropped": seconds.total() - len(passed)})


def test_port_stats(tmp_path: Path) -> None:
    got = run("port_stats", "http.pcap", tmp_path)
    packets: Counter[str] = Counter()
    size: Counter[str] = Counter()
    for p in read("http.pcap"):
        packets[str(p.dport)] += 1
        size[str(p.dport)] += p.length
    found = {str(s["key"]["dport"]): [s["scratch"]["PortStats"][k] for k in ("packets", "bytes")] for s in got.sessions}
    check("port_stats", found, {k: [packets[k], size[k]] for k in packets})


def test_vlan_stats(tmp_path: Path) -> None:
    got = run("vlan_stats", "vlan.pcap", tmp_path)
    original = rdpcap(str(CAPTURES / "vlan.pcap"))
    assert [bytes(p) for p in (Ether(f) for f in got.frames)] == got.frames
    assert [f[12:16].hex() for f in got.frames] == ["810090c8"] * 6, "the inner tag, 200 of priority 4, is left"
    assert [len(f) for f in got.frames] == [len(p) - 4 for p in original]
    outer = Counter(str(p[Dot1Q].vlan) for p in original)
    by_source = Counter(p[TCP].sport for p in original)
    vlans: Counter[str] = Counter()
    ways: list[int] = []
    for s in got.sessions:
        if "VlanStats" in s.get("scratch", {}):
            vlans[str(s["key"]["vlan"])] += s["scratch"]["VlanStats"]["packets"]
        for way in ("to_server", "to_client"):
            found = s.get(way, {}).get("scratch", {})
            ways += [found["PacketStats"]["packets"]] if "PacketStats" in found else []
            if "VlanStats" in found:
                vlans[str(s["key"]["vlan"])] += found["VlanStats"]["packets"]
    check("vlan_stats", {"vlans": dict(vlans), "directions": sorted(ways)},
          {"vlans": dict(outer), "directions": sorted(by_source.values())})


def test_nat(tmp_path: Path) -> None:
    got = run("nat", "http.pcap", tmp_path)
    begun: list[Any] = []
    passed = 0
    for p in read("http.pcap"):
        if p.from_first and p.flags == "S" and p.ends not in begun:
            begun.append(p.ends)
        passed += p.from_first and p.ends in begun
    for f in got.frames:
        out = Ether(f)
        assert out[IP].src == "192.0.2.1" and out[TCP].sport >= 1024
        again = Ether(f)
        del again[IP].chksum, again[TCP].chksum
        assert bytes(again) == f, "checksums are right"
    found = {"sessions": got.stats["sessions"]["created"], "sent": got.stats["sent"],
             "ports": sorted(s["conn"]["NAT"]["port"] for s in got.sessions), "dropped": got.stats["drops"]["drop:NAT"]}
    check("nat", found, {"sessions": len(begun), "sent": passed, "ports": [1024 + i for i in range(len(begun))],
                         "dropped": len(read("http.pcap")) - passed})


def test_reverse_proxy(tmp_path: Path) -> None:
    got = run("reverse_proxy", "http.pcap", tmp_path)
    vip, begun, proxied, refused = "98.138.19.88", set(), 0, 0
    for p in read("http.pcap"):
        if p.dst != vip:
            continue
        if p.flags == "S":
            begun.add(p.ends)
        proxied += p.ends in begun
        refused += p.ends not in begun
    to_servers = Counter(Ether(f)[IP].dst for f in got.frames if Ether(f)[IP].src == vip and Ether(f)[TCP].dport == 80)
    found = {"sessions": got.counters("ReverseProxy")["sessions"], "refused": got.counters("ReverseProxy")["refused"],
             "to_servers": dict(to_servers)}
    check("reverse_proxy", found, {"sessions": len(begun), "refused": refused, "to_servers": {"10.0.1.1": proxied}})


def rule_of(dst: str, dport: int) -> str:
    """The rules of examples/firewall.py for a TCP packet, written once more."""
    if dport in (22, 23):
        return "rule1_drop"
    if dport == 80 and dst.startswith("98.138."):
        return "rule2_drop"
    return "rule3_pass" if dport in (80, 443) else "default_drop"


def test_firewall(tmp_path: Path) -> None:
    got = run("firewall", "http.pcap", tmp_path)
    let_in: dict[Any, str] = {}
    counted: Counter[str] = Counter()
    for p in read("http.pcap"):
        rule = let_in.get(p.ends) or rule_of(p.dst, p.dport)
        if rule.endswith("pass"):
            let_in[p.ends] = rule
        counted[rule] += 1
    rules = [f"rule{i}_{a}" for i, a in enumerate(("drop", "drop", "pass", "pass", "pass"), start=1)] + ["default_drop"]
    check("firewall", {r: got.packets(r) for r in rules}, {r: counted[r] for r in rules})


def test_fig3(tmp_path: Path) -> None:
    got = run("fig3", "http.pcap", tmp_path, {"wan": "fig3_arp.pcap"})
    blocked = unmatched = balanced = 0
    known: set[Any] = set()
    for p in read("http.pcap"):
        if p.dport == 80 and p.header == 5 and p.payload.startswith(b"GET /bowls "):
            blocked += 1
        elif p.dport == 80 or p.ends in known:
            known.add(p.ends)
            balanced += 1
        else:
            unmatched += 1
    found = {"blocked": got.counters("HTTPFilter")["blocked"], "balanced": got.packets("lb"),
             "sessions": got.counters("lb")["sessions"], "other_tcp": got.stats["drops"]["drop"],
             "learned": got.counters("arp")["learned"]}
    check("fig3", found, {"blocked": blocked, "balanced": balanced, "sessions": len(known), "other_tcp": unmatched,
                          "learned": 3})
    macs = {"10.0.1.1": "02:00:00:00:01:01", "10.0.1.2": "02:00:00:00:01:02", "172.16.133.132": "02:00:00:00:02:01"}
    sent = [Ether(f) for f in got.frames if IP in Ether(f)]
    assert len(sent) > 150 and all(p.dst == macs[p[IP].dst] for p in sent)
    assert {p[IP].dst for p in sent if p[TCP].dport == 80} == {"10.0.1.1", "10.0.1.2"}


def test_text_chain(tmp_path: Path) -> None:
    got = run("text_chain", "http.pcap", tmp_path, {"wan": ""})
    to, back = (sum(getattr(p, f) == 80 for p in read("http.pcap")) for f in ("dport", "sport"))
    tagged = sum(Dot1Q in Ether(f) and Ether(f)[Dot1Q].vlan == 80 for f in got.frames)
    check("text_chain", {"requests": got.packets("requests"), "answers": got.packets("answers"), "tagged": tagged},
          {"requests": to, "answers": back, "tagged": to})


NAMES = sorted(p.stem for p in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_what_an_example_is(name: str) -> None:
    text = (EXAMPLES / f"{name}.py").read_text()
    assert len(text.splitlines()) < 60 and "import *" not in text
    doc = ast.get_docstring(ast.parse(text)) or ""
    assert f"mcc run examples/{name}.py" in doc
    for path in re.findall(r"examples/captures/[\w.]+", doc):
        assert (EXAMPLES.parent / path).is_file(), path
    assert f"`{name}.py`" in (EXAMPLES / "README.md").read_text()
    if name in (Path(__file__).parent / "test_stream_examples.py").read_text():
        return  # it is run there, its figures recounted at once
    assert (EXAMPLES / "expected" / f"{name}.json").is_file()
    used: Callable[..., Any] | Run | None = globals().get(f"test_{name}")
    assert used is not None, f"no test runs {name}"
