"""Firewall: which rule decides, its counters, answers, and packets that cannot be decided about."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import mcc
from mcc import ARP, ICMP, In, Ip, Tcp, cls
from mcc import TCP as TCP_CLASS
from mcc.std import Firewall
from tests.unit.std.kit import CLIENT, SERVER, Boxes, arp, between, ping, survive, tcp, tcp6, udp

INSIDE = In.port == 0


@pytest.fixture(scope="module")
def stateful() -> Boxes:
    return between(lambda: Firewall([
        (cls("tcp dst port 22"), "drop"), (TCP_CLASS & INSIDE, "pass"), (cls("udp dst port 53") & INSIDE, "pass"),
        (ICMP & INSIDE, "pass"), (ARP, "pass")]))


@pytest.fixture(scope="module")
def stateless() -> Boxes:
    return between(lambda: Firewall([(TCP_CLASS & INSIDE, "pass"), (Ip.src.within("10/8"), "drop")], default="pass",
                                    stateful=False))


@pytest.mark.parametrize("frame, port, rule", [
    (tcp(dport=22), "lan", "rule1_drop"), (tcp(), "lan", "rule2_pass"), (udp(), "lan", "rule3_pass"),
    (ping(), "lan", "rule4_pass"), (arp(1, CLIENT), "wan", "rule5_pass"), (tcp6(), "lan", "rule2_pass"),
    (tcp(src=SERVER, dst=CLIENT), "wan", "default_drop"), (udp(dport=54), "lan", "default_drop"),
    (ping(src=SERVER, dst=CLIENT, reply=True), "wan", "default_drop"), (tcp(vlan=3), "lan", "rule2_pass")])
def test_the_first_rule_decides(stateful: Boxes, backend: str, frame: bytes, port: str, rule: str) -> None:
    with stateful.open(backend) as box:
        sent = box.send(port, frame, at=1)
        stats = box.stats()
        counted = {k: v["packets"] for k, v in stats["elements"].items() if "_" in k and v["packets"]}
        assert counted == {rule: 1}
        if rule.endswith("drop"):
            assert sent == [] and stats["drops"] == {f"drop:{rule}": 1} and stats["sessions"]["created"] == 0
        else:
            assert [(s.port, s.frame) for s in sent] == [("wan" if port == "lan" else "lan", frame)]


@pytest.mark.parametrize("make", [tcp, udp, ping])
def test_answers_pass(stateful: Boxes, backend: str, make: Callable[..., bytes]) -> None:
    ports = {} if make is ping else {"sport": 53 if make is udp else 80, "dport": 4000}
    answer = make(src=SERVER, dst=CLIENT, **ports, **({"reply": True} if make is ping else {}))
    with stateful.open(backend) as box:
        assert box.send("wan", answer, at=1) == []
        box.send("lan", make(), at=2)
        assert [(s.port, s.frame) for s in box.send("wan", answer, at=3)] == [("lan", answer)]
        rules = {k: e["packets"] for k, e in box.stats()["elements"].items() if k.endswith("_pass")}
        assert sorted(rules.values()) == [0, 0, 0, 2], "the answer counts for the rule of the question"
        assert box.send("wan", answer, at=400) == [], "the session has ended"


def test_stateless(stateless: Boxes, backend: str) -> None:
    with stateless.open(backend) as box:
        assert len(box.send("lan", tcp(), at=1)) == 1
        assert box.send("wan", tcp(), at=1) == [], "10/8 from outside"
        assert len(box.send("wan", tcp(src=SERVER, dst=CLIENT), at=1)) == 1
        assert box.stats()["sessions"]["created"] == 0


@pytest.mark.parametrize("stateful_rules", [True, False])
def test_what_is_too_short_does_not_pass(backend: str, stateful_rules: bool) -> None:
    boxes = between(lambda: Firewall([(mcc.raw("60/01"), "drop")], default="pass", stateful=stateful_rules))
    with boxes.open(backend) as box:
        assert box.send("lan", tcp(), at=1) == []
        assert box.stats()["drops"] == {"others:decided": 1}
        assert len(box.send("lan", tcp(data=b"\0" * 20), at=1)) == 1
        assert box.send("lan", tcp(data=b"\1" * 20, sport=1), at=1) == []


def test_a_rule_about_flags_needs_its_own_answers(backend: str) -> None:
    boxes = between(lambda: Firewall([(Tcp.syn == 1, "pass")]))
    with boxes.open(backend) as box:
        assert len(box.send("lan", tcp(), at=1)) == 1
        assert box.send("lan", tcp(flags="A"), at=1) == []


def test_an_action_that_is_none() -> None:
    with pytest.raises(mcc.CompileError, match="a firewall cannot 'allow' packets"):
        Firewall([(TCP_CLASS, "allow")])


@pytest.mark.parametrize("which", ["stateful", "stateless"])
def test_hostile_frames(which: str, request: pytest.FixtureRequest) -> None:
    survive(request.getfixturevalue(which), ("lan", "wan"))
