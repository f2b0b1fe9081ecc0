"""What an element asks of its context, after folding; what folding does to searches."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcc.ir import func as h
from mcc.ir.element import Code
from mcc.ir.walkers import statements
from mcc.passes.caps import Caps, caps
from mcc.passes.fold import fold
from tests.unit.frontend.builders import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def texts(c: Caps) -> dict[str, list[str]]:
    found = {"write": c.write, "resize": c.resize, "stall": c.stall, "close": c.close}
    return {k: [r.text for r in v] for k, v in found.items() if v}


CASES: dict[str, tuple[str, dict[str, list[str]]]] = {
    "only reads": ("for b in stream:\n    s.n8 ^= b\nstream.skip(1)", {}),
    "counts matches": ('for m in stream.matches(b"w"):\n    s.n8 += 1', {}),
    "set": ("for b in stream:\n    stream.set(b)", {"write": ["stream.set()"]}),
    "mask": ("stream.mask(s.safe, stream.mark(), 0)", {"write": ["stream.mask()"]}),
    "hold": ("stream.hold()", {"stall": ["stream.hold()"]}),
    "rewind": ("stream.rewind(s.safe)", {"stall": ["stream.rewind()"]}),
    "need, in order of place": ("if stream.need(4) and s.seen:\n    stream.hold()",
                                {"stall": ["stream.need()", "stream.hold()"]}),
    "insert": ('stream.insert(s.safe, b"x")', {"resize": ["stream.insert()"]}),
    "insert, its mark used": ('stream.hold(stream.insert(stream.mark(), b"x"))',
                              {"resize": ["stream.insert()"], "stall": ["stream.hold()"]}),
    "remove": ("stream.remove(s.safe, stream.mark())", {"resize": ["stream.remove()"]}),
    "replace": ('for m in stream.matches(b"w"):\n    stream.replace(m, b"x")',
                {"resize": ["stream.replace()"], "stall": ["stream.matches()"]}),
    "drop": ("if s.seen:\n    return DROP", {"resize": ["DROP"]}),
    "close on a match": ('for m in stream.matches(b"w"):\n    return CLOSE',
                         {"stall": ["stream.matches()"], "close": ["CLOSE"]}),
    "reset": ("if s.seen:\n    return RESET", {"close": ["RESET"]}),
    "an insertion in an insertion": ('stream.insert(stream.insert(s.safe, b"x"), b"y")', {"resize": ["stream.insert()"] * 2}),
    "once a call": ("for i in range(3):\n    stream.hold()", {"stall": ["stream.hold()"]}),
}


@pytest.mark.parametrize("name", CASES)
def test_reasons(lab: Lab, name: str) -> None:
    body, expected = CASES[name]
    found = caps(fold(lab.stream(body + "\nreturn PASS")))
    assert texts(found) == expected
    assert (found.writes, found.resizes, found.stalls, found.closes) == tuple(
        k in expected for k in ("write", "resize", "stall", "close"))
    assert found.reads_only == (not expected)


def test_a_reason_is_at_its_call(lab: Lab) -> None:
    (reason,) = caps(lab.stream("if s.seen:\n    stream.hold()\nreturn PASS")).stall
    line = Path(reason.span.file).read_text().splitlines()[reason.span.line - 1]
    assert line[reason.span.col : reason.span.end_col] == "stream.hold()"


def test_packets_ask_nothing(lab: Lab) -> None:
    assert caps(lab.packet("return DROP")) == Caps()


def searches(code: Code) -> list[tuple[tuple[bytes, ...], int, bool]]:
    return [(s.words, s.slot, s.holds) for s in statements(code.handlers[-1].func.body) if isinstance(s, h.ForMatches)]


def test_folding_decides_what_is_held(lab: Lab) -> None:
    code = lab.stream('off = False\nfor m in stream.matches(b"w"):\n    if off:\n        stream.remove(m)\nreturn PASS')
    assert searches(code) == [((b"w",), 0, True)]
    assert searches(fold(code)) == [((b"w",), 0, False)]
    assert caps(fold(code)).reads_only


def test_folding_numbers_the_searches_that_are_left(lab: Lab) -> None:
    code = lab.stream('off = False\nif off:\n    for m in stream.matches(b"a"):\n        pass\n'
                      'else:\n    for n in stream.matches(b"b"):\n        return DROP\nreturn PASS')
    assert [slot for _, slot, _ in searches(code)] == [0, 1]
    assert searches(fold(code)) == [((b"b",), 0, True)]


def test_folding_keeps_what_moves_the_cursor(lab: Lab) -> None:
    code = fold(lab.stream("stream.skip(0)\nstream.skip(2)\nfor b in stream:\n    pass\nfor x in stream.chunks():\n"
                           "    for y in x:\n        pass\nif stream.need(0) and stream.need(1):\n    pass\nreturn PASS"))
    kinds = [type(s).__name__ for s in statements(code.handlers[-1].func.body)]
    assert kinds == ["StreamSkip", "ForBytes", "ForChunks", "Eval", "Return"]


def test_index_of_the_only_word_is_known(lab: Lab) -> None:
    code = fold(lab.stream('for m in stream.matches(b"w"):\n    if m.index == 0:\n        return DROP\nreturn PASS'))
    (loop,) = [s for s in statements(code.handlers[-1].func.body) if isinstance(s, h.ForMatches)]
    assert [type(s).__name__ for s in loop.body] == ["Return"]
