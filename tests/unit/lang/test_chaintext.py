"""The text form of a chain: contexts, both directions, and mistakes at their word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mcc import CompileError, Port, chain, duplex, tcp, udp
from mcc.driver import compile_any
from mcc.ir.graphtext import print_graph
from mcc.std import PacketStats, StreamCRC, VlanTag, WordMatcher


def drawn(c: Any) -> str:
    return print_graph(compile_any(c).graph)


def test_duplex_is_the_duplex_of_python() -> None:
    @chain
    def both() -> Iterator[Any]:
        yield duplex(Port("lan"), tcp([WordMatcher(b"ATTACK"), StreamCRC()], hold_timeout=0.5), Port("wan"))

    text = "duplex(lan, TCPIn(hold_timeout=0.5) ~> WordMatcher(b'ATTACK') ~> StreamCRC() ~> TCPOut, wan)"
    assert drawn(chain(text, name="both")) == drawn(both)


def test_duplex_beside_paths() -> None:
    @chain
    def mixed() -> Iterator[Any]:
        stats = PacketStats()
        yield duplex(Port("lan"), stats >> VlanTag(3), Port("wan"))
        yield Port("tap") >> udp(StreamCRC()) >> Port("sink")

    text = """duplex(lan, stats :: PacketStats() -> VlanTag(3), wan);   # both ways
              tap -> UDPIn ~> StreamCRC() ~> UDPOut -> sink"""
    assert drawn(chain(text, name="mixed")) == drawn(mixed)


def test_one_way_is_no_duplex() -> None:
    with pytest.raises(CompileError, match="answers do not come by here"):
        compile_any(chain("lan -> TCPIn ~> WordMatcher(b'ATTACK') ~> TCPOut -> wan"))


@pytest.mark.parametrize(("text", "shown"), [
    ("lan ~> TCPIn ~> StreamCRC() ~> wan", """\
error: TCPIn has no TCPOut
   {line} | lan ~> TCPIn ~> StreamCRC() ~> wan
      |        ^^^^^
      = hint: ... ~> TCPIn ~> element ~> TCPOut ~> ...; or tcp(element)"""),
    ("lan ->\n  StreamCRC() ~> UDPOut -> wan", """\
error: UDPOut has no UDPIn (line 2 of the chain's text)
   {line} |   StreamCRC() ~> UDPOut -> wan
      |                  ^^^^^^
      = hint: ... ~> UDPIn ~> element ~> UDPOut ~> ...; or udp(element)"""),
    ("duplex(lan, a -> b, StreamCRC())", """\
error: duplex(left, box, right) wants a Port at both ends
   {line} | duplex(lan, a -> b, StreamCRC())
      | ^
      = hint: duplex(lan, TCPIn ~> element ~> TCPOut, wan)"""),
    ("duplex(lan, StreamCRC() -> { 'udp': VlanTag(1), '-': PacketStats() }, wan)", """\
error: the box of a duplex is one line of elements
   {line} | duplex(lan, StreamCRC() -> { 'udp': VlanTag(1), '-': PacketStats() }, wan)
      | ^
      = hint: duplex(lan, TCPIn ~> element ~> TCPOut, wan)"""),
])
def test_mistakes_are_shown_at_their_word(text: str, shown: str) -> None:
    with pytest.raises(CompileError) as e:
        chain(text).graph()
    d = e.value.diagnostics[0]
    assert d.render().partition(": ")[2] == shown.replace("{line}", f"{d.span.line:2d}")
