"""Live parameters from outside: both backends take them, refuse the same values in the same words, and use them at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import mcc
from mcc import DROP, PASS, Action, Element, Live, Module, Packet, Port, chain, element, i32, u8, u16, u32, u64
from mcc.lang.parameter import Parameter, ParameterError, find


@element
class Limits(Element):
    longest: Live[u16]
    factor: Live[u8]
    shift: Live[i32]
    huge: Live[u64]
    where: Live[u32]

    def process_packet(self, pkt: Packet) -> Action:
        n = u32(pkt.length) * self.factor.value
        if n > self.longest.value or self.shift.value < -1 or self.huge.value == 1 or self.where.value == 1:
            return DROP
        return PASS


@chain
def limited() -> Iterator[Any]:
    limits = Limits(Live(1000), Live(1), Live(-1), Live(0), Live(0))
    yield Port("a") >> limits >> Port("b")


@pytest.fixture(scope="module")
def module() -> Module:
    return mcc.build(limited)


@pytest.fixture(params=["c", "python"])
def box(module: Module, request: pytest.FixtureRequest) -> Iterator[Any]:
    with module.open(backend=request.param) as made:
        yield made


def passes(box: Any, length: int = 100) -> bool:
    return bool(box.send("a", bytes(length), at=1.0))


def test_what_there_is(box: Any) -> None:
    assert box.parameters() == (
        Parameter("limits", "longest", "u16", 0, 65535, 1000), Parameter("limits", "factor", "u8", 0, 255, 1),
        Parameter("limits", "shift", "i32", -(1 << 31), (1 << 31) - 1, -1),
        Parameter("limits", "huge", "u64", 0, (1 << 64) - 1, 0), Parameter("limits", "where", "u32", 0, (1 << 32) - 1, 0))


def test_the_next_packet_sees_it(box: Any) -> None:
    assert passes(box)
    for name, refuses, lets in (("longest", 99, 100), ("factor", 11, 10), ("shift", -2, -1), ("huge", 1, (1 << 64) - 1),
                                ("where", 1, 0)):
        box.set("limits", name, refuses)
        assert not passes(box) and box.value("limits", name) == refuses
        box.set("limits", name, lets)
        if name == "longest":
            assert passes(box)
            box.set("limits", name, 1000)
        assert passes(box) and next(p.value for p in box.parameters() if p.name == name) in (lets, 1000)


@pytest.mark.parametrize(("name", "value", "text"), [
    ("longest", 65536, "limits.longest cannot be 65536: it is u16, 0 to 65535"),
    ("longest", -1, "limits.longest cannot be -1: it is u16, 0 to 65535"),
    ("shift", -(1 << 31) - 1, "limits.shift cannot be -2147483649: it is i32, -2147483648 to 2147483647"),
    ("factor", True, "limits.factor cannot be True, which is no integer: it is u8, 0 to 255"),
    ("factor", "3", "limits.factor cannot be '3', which is no integer: it is u8, 0 to 255"),
    ("factor", 2.0, "limits.factor cannot be 2.0, which is no integer: it is u8, 0 to 255"),
    ("factr", 2, "there is no Live parameter limits.factr\n  = hint: did you mean limits.factor?"),
])
def test_refused_and_unchanged(box: Any, name: str, value: Any, text: str) -> None:
    before = box.parameters()
    with pytest.raises(ParameterError) as e:
        box.set("limits", name, value)
    assert str(e.value) == text and box.parameters() == before


def test_names_that_are_near() -> None:
    some = [Parameter("web", "limit", "u32", 0, 9, 1), Parameter("dns", "burst", "u32", 0, 9, 1)]
    assert find(some, "dns", "burst") is some[1]
    for element_, name, hint in (("Web", "limit", "did you mean web.limit?"), ("mail", "burst", "did you mean dns.burst?"),
                                 ("x", "y", "there are: web.limit, dns.burst")):
        with pytest.raises(ParameterError) as e:
            find(some, element_, name)
        assert e.value.hint == hint
    with pytest.raises(ParameterError, match="this chain has none"):
        find([], "a", "b")


@pytest.mark.parametrize(("text", "value"), [("10", 10), ("0x10", 16), ("1_000", 1000), ("+3", 3), ("10.0.0.1", 0x0A000001)])
def test_how_values_are_written(text: str, value: int) -> None:
    assert Parameter("e", "n", "u32", 0, (1 << 32) - 1, 0).parse(text) == value


@pytest.mark.parametrize("text", ["", "x", "1.5", "1e3", "10.0.0.256", "-1", "4294967296"])
def test_how_they_are_not(text: str) -> None:
    with pytest.raises(ParameterError, match=r"^e\.n cannot be .*u32, 0 to 4294967295"):
        Parameter("e", "n", "u32", 0, (1 << 32) - 1, 0).parse(text)
