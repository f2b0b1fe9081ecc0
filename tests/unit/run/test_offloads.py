"""What an interface says of itself, and what is said before an afxdp port opens."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from mcc.diag import PortError
from mcc.run import offloads
from mcc.run.offloads import GCHANNELS, GDRVINFO, SENT, Ask, End, ask, before_open, queues, sends, unsummed_note
from mcc.run.ports import parse_spec

LINE = "ethtool -K v0 tx off tso off gso off gro off"


def interface(driver: str, receive: int = 0, combined: int = 0, on: tuple[str, ...] = ()) -> Ask:
    """Answers as a driver gives them; no channels: it does not say."""
    def answer(device: str, request: bytes) -> bytes | None:
        [command] = struct.unpack_from("I", request)
        if command == GDRVINFO:
            return struct.pack("I32s160x", GDRVINFO, driver.encode())
        if command == GCHANNELS:
            return struct.pack("9I", command, 8, 8, 0, 8, receive, receive, 0, combined) if receive + combined else None
        return struct.pack("II", command, any(SENT[name] == command for name in on))

    return answer


def elsewhere(device: str) -> End | None:
    return None


def test_nothing_is_asked_for_other_kinds() -> None:
    def fail(device: str, request: bytes) -> bytes | None:
        raise AssertionError

    for spec in ("afpacket:v0", "tap:t0", "null"):
        assert before_open(parse_spec("lan", spec), fail) == ""


def test_what_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sends("v0", interface("veth", on=("tx", "gso"))) == ("tx", "gso")
    monkeypatch.setattr(offloads, "peer", elsewhere)
    port = parse_spec("lan", "afxdp:v0")
    for on in (("tx",), ("tso",), ("gso",)):
        said = before_open(port, interface("veth", 1, on=on))
        assert said.startswith("port lan: v0 is one end of a veth cable, and the other end may send super-frames")
        assert f"({on[0]} on)" in said and said.endswith(f"At both ends: {LINE}")
    assert before_open(port, interface("veth", 1)) == ""
    assert before_open(port, interface("igb", combined=1, on=("tx", "tso"))) == "", "a wire carries neither"


def test_an_end_that_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(device: str, request: bytes) -> bytes | None:
        return interface("veth", 1, on=("tx",) if device == noisy else ())(device, request)

    def here(device: str) -> End:
        return End("v1")

    monkeypatch.setattr(offloads, "peer", here)
    noisy = "v1"
    assert "and v1 sends super-frames" in before_open(parse_spec("lan", "afxdp:v0"), answer)
    noisy = "v0"
    assert before_open(parse_spec("lan", "afxdp:v0"), answer) == "", "what v0 sends is ours"


@pytest.mark.parametrize(("answer", "words"), [
    (interface("igb", combined=4), "ethtool -L v0 combined 1"), (interface("veth", 4), "ethtool -L v0 rx 1")])
def test_queues(answer: Ask, words: str) -> None:
    assert queues("v0", answer) == 4
    with pytest.raises(PortError, match=f"v0 has 4 receive queues, an afxdp port reads one; {words}; .*: afxdp:v0,queue=0"):
        before_open(parse_spec("lan", "afxdp:v0"), answer)
    assert before_open(parse_spec("lan", "afxdp:v0,queue=3"), answer) == ""
    with pytest.raises(PortError, match="v0 has 4 receive queues, numbered from 0: there is no queue 4"):
        before_open(parse_spec("lan", "afxdp:v0,queue=4"), answer)


def test_a_driver_that_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    assert queues("v0", interface("x")) is None
    assert before_open(parse_spec("lan", "afxdp:v0,queue=9"), interface("x")) == ""


def test_no_such_interface() -> None:
    asked: list[Callable[[], object]] = [lambda: ask("mcc-no-such-if", struct.pack("I192x", GDRVINFO)),
                                         lambda: queues("mcc-no-such-if"), lambda: offloads.peer("mcc-no-such-if")]
    assert [one() for one in asked] == [None] * 3
    assert offloads.driver("mcc-no-such-if") == "" and sends("mcc-no-such-if") == ()


def test_note() -> None:
    assert unsummed_note(parse_spec("lan", "afxdp:v0"), 3).endswith(f"At both ends: {LINE}")
