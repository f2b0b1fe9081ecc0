"""Table I and figure 7 of the paper for a user's chain: rows, keys, bars, and that the text fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcc.cli.explaining import PLAIN_WIDTH
from mcc.driver import Compiled, compile_chain
from mcc.ir.classify import NET, TRANSPORT, decide, nodes_of
from mcc.lang.ranges import contains
from mcc.passes.rules import entries
from mcc.protocols.dissect import dissect
from mcc.run.loading import load_chain
from tests.unit.cli.conftest import Mcc

EXAMPLES = ("counter", "fig3", "firewall", "nat", "packet_counter", "port_stats", "reverse_proxy", "text_chain", "vlan_stats")


def compiled(examples: Path, name: str) -> Compiled:
    return compile_chain(load_chain(str(examples / f"{name}.py")))


def facts_of(mcc: Mcc, examples: Path, name: str) -> dict[str, Any]:
    return json.loads(mcc("explain", examples / f"{name}.py", "--json").out)  # type: ignore[no-any-return]


def test_table_1_of_figure_3(mcc: Mcc, examples: Path) -> None:
    facts = facts_of(mcc, examples, "fig3")
    rows = [(r["from"], r["when"], r["next_hops"], r["walk"]) for r in facts["flow_table"]]
    assert rows[0] == ("lan", {"Ethertype": "ARP", "ARP op": "request"}, [1], "ARPResponder >> lan")
    assert ("wan", {"Ethertype": "ARP", "ARP op": "reply"}, [], "arp >> wan") in rows
    http = next(r for r in facts["flow_table"] if r["from"] == "classifier" and r["when"].get("dport") == "80")
    assert set(http["pfp"]) == {"src", "dst", "sport", "dport"}
    assert http["session_space"] == [{"element": "lb", "bytes": 8, "kept": "connection"}]
    text = mcc("explain", examples / "fig3.py").out
    assert "  IP         UDP    PFP        PFP    PFP  PFP          1  8 bytes: lb 8     9  lb >> arp >> wan\n" in text
    assert "54/474554202f626f776c7320" in text and "54-" not in text


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_fits_and_every_leaf_is_accounted_for(mcc: Mcc, examples: Path, name: str) -> None:
    text = mcc("explain", examples / f"{name}.py").out
    assert max(len(line) for line in text.splitlines()) <= PLAIN_WIDTH
    assert "…" not in text and " none" not in text.split("Packets that wait")[0]
    facts = facts_of(mcc, examples, name)
    shown = {r["leaf"] for r in facts["flow_table"]} | {r["leaf"] for r in facts["other_leaves"]}
    assert shown == {leaf.id for leaf in compiled(examples, name).plans.leaves}


def test_an_element_has_one_offset_in_all_bars(mcc: Mcc, examples: Path) -> None:
    facts = facts_of(mcc, examples, "vlan_stats")
    bars = facts["flow_control_block"]["bars"]
    assert len(bars) == 3
    places: dict[str, set[int]] = {}
    for b in bars:
        for c in b["cells"]:
            places.setdefault(c["name"], set()).add(c["offset"])
    assert places == {"PacketStats": {0}, "VlanStats": {4}}
    lines = mcc("explain", examples / "vlan_stats.py").out.splitlines()
    middle = [line for line in lines if "meta-data │" in line]
    assert len(middle) == 3 and len({len(line) for line in middle}) == 1
    both = middle[2]
    assert middle[0].index("PacketStats") == both.index("PacketStats")
    assert middle[1].index("VlanStats→group") == both.index("VlanStats→group")
    assert "unused" in middle[0] and "unused" in middle[1] and "unused" not in both


def test_reasons(mcc: Mcc, examples: Path, tmp_path: Path) -> None:
    keys = {k["key"]: k for k in facts_of(mcc, examples, "vlan_stats")["keys"]}
    assert {k["look_up"] for k in keys.values()} == {"hash first", "class first", "group"}
    waiting = facts_of(mcc, examples, "fig3")["buffers"]
    assert [(b["element"], b["map"], b["packets_a_key"]) for b in waiting] == [("arp", "hops", 8)]
    assert facts_of(mcc, examples, "nat")["checksums"] == [{"element": "NAT", "covers": ["ip", "l4"]}]
    path = tmp_path / "flags.py"
    path.write_text("from mcc import PASS, TCP, Action, Batch, Drop, Element, Port, Session, Tcp, chain, element, ANY\n"
                    "@element(session=Session(Tcp.dport, where=TCP))\n"
                    "class A(Element):\n"
                    "    def process_batch(self, b: Batch) -> Action:\n        return PASS\n"
                    "@chain\ndef flags():\n"
                    "    a = A()\n"
                    "    yield Port('x') >> {TCP & (Tcp.syn == 1): a, ANY: Drop()}\n    yield a >> Port('y')\n")
    facts = json.loads(mcc("explain", path, "--json").out)
    flows = [k for k in facts["keys"] if k["look_up"] == "class first"]
    assert flows and "tcp.syn" in flows[0]["why"], facts["keys"]


def _matches(row: Any, packet: Any) -> bool:
    for field, ranges in row.tests:
        if field.key == "net":
            value = next((i for i, n in enumerate(NET) if i and packet.has(n)), 0)
        elif field.key == "transport":
            value = next((i for i, n in enumerate(TRANSPORT) if i and packet.has(n)), 0)
        elif field.load is not None and packet.bits(field.load.base, field.load.bit, field.load.width) is None:
            return False
        else:
            value = field.read(packet)
        if not contains(ranges, value):
            return False
    return True


@settings(max_examples=60)
@given(data=st.data())
def test_rows_say_what_the_classifier_does(data: st.DataObject, examples: Path) -> None:
    """Ordinary packets: the first row that holds names the leaf that the compiled diagram gives."""
    name = data.draw(st.sampled_from(EXAMPLES))
    c = _cached(examples, name)
    rules = entries(c.plans)
    diagrams = [d for s in c.plans.stages for d in s.diagrams]
    k = data.draw(st.integers(0, len(rules) - 1))
    frame = data.draw(_frames())
    packet = dissect(frame, 0, max(0, rules[k].port), len(frame))
    wanted = decide(diagrams[k], packet)
    got = next(r.leaf for r in rules[k].rows if _matches(r, packet))
    assert got == wanted, (name, k, frame.hex())
    assert decide(rules[k].diagram, packet) == wanted and len(nodes_of(rules[k].diagram)) > 0


_CHAINS: dict[str, Compiled] = {}


def _cached(examples: Path, name: str) -> Compiled:
    if name not in _CHAINS:
        _CHAINS[name] = compiled(examples, name)
    return _CHAINS[name]


@st.composite
def _frames(draw: st.DrawFn) -> bytes:
    """Whole frames: ARP, IPv4 and IPv6 with TCP, UDP, ICMP, or something else; with and without a tag."""
    tag = draw(st.sampled_from([b"", bytes.fromhex("8100000a")]))
    head = bytes.fromhex("020000000001020000000002") + tag
    port = st.sampled_from([22, 23, 53, 80, 443, 8080])
    ports = draw(port).to_bytes(2, "big") + draw(port).to_bytes(2, "big")
    proto = draw(st.sampled_from([6, 17, 1, 58, 47]))
    if proto == 1 or proto == 58:
        ports = bytes([8, 0, 0, 0])
    rest = {6: ports + bytes(8) + b"\x50\x10" + bytes(6), 17: ports + bytes.fromhex("00080000")}.get(
        proto, ports + bytes(4))
    rest += draw(st.sampled_from([b"", b"GET /bowls HTTP/1.1\r\n"]))
    dst = draw(st.sampled_from(["628a1358", "0a000001", "628b0001"]))
    kind = draw(st.sampled_from(["ip", "ip6", "arp", "other"]))
    if kind == "arp":
        return head + bytes.fromhex("08060001080006040001" if draw(st.booleans()) else "08060001080006040002") + bytes(20)
    if kind == "other":
        return head + bytes.fromhex("88cc") + bytes(50)
    if kind == "ip":
        if proto == 58:
            proto = 47
        total = (20 + len(rest)).to_bytes(2, "big")
        return head + bytes.fromhex("08004500") + total + bytes(4) + bytes([64, proto]) + bytes.fromhex("00000a000005" + dst) + rest
    if proto == 1:
        proto = 47
    size = len(rest).to_bytes(2, "big")
    return head + bytes.fromhex("86dd60000000") + size + bytes([proto, 64]) + bytes(32) + rest
