"""process_data: accepted forms and their typed HIR, what is proved of unread bytes and chunks, what loops may do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mcc.ir import func as h
from mcc.ir.element import Code
from mcc.ir.text import code_text
from mcc.ir.walkers import expressions, statements
from mcc.lang.stream import Mark
from mcc.lang.types import struct, struct_fields, u8
from mcc.passes.fold import fold
from tests.unit.frontend.builders import Lab

END = "\nreturn PASS"

CASES: dict[str, tuple[str, str]] = {
    "bytes": ("for b in stream:\n    s.n8 ^= b",
              "(for-bytes b stream\n  (store (field scratch n8) (bin ^ (field scratch n8) (local b))))"),
    "chunks": ("for x in stream.chunks():\n    for b in x:\n        s.n8 = b\n    s.n32 = x.crc32(s.n32)",
               "(for-chunks x\n  (for-bytes b x\n    (store (field scratch n8) (local b)))\n"
               "  (store (field scratch n32) (crc32 x (field scratch n32))))"),
    "length of a chunk": ("for x in stream.chunks():\n    s.n32 += len(x)",
                          "(for-chunks x\n  (store (field scratch n32) (bin + (field scratch n32) (len-chunk x))))"),
    "digests": ("for x in stream.chunks():\n    s.n32 = x.crc32c() ^ x.sum16(seed=7)",
                "(for-chunks x\n  (store (field scratch n32) (bin ^ (crc32c x (const 0)) (sum16 x (const 7)))))"),
    "matches": ('for m in stream.matches(b"word"):\n    s.n16 = m.index',
                "(for-matches m 0 (b'word')\n  (store (field scratch n16) (match m index)))"),
    "a list of words": ('for m in stream.matches([b"one", b"two"]):\n    s.n16 = m.index\n    return CLOSE',
                        "(for-matches m 0 (b'one' b'two') holds\n  (store (field scratch n16) (match m index))\n"
                        "  (return (action close)))"),
    "two searches": ('if stream.to_server:\n    for m in stream.matches(b"a"):\n        stream.remove(m)\n'
                     'else:\n    for n in stream.matches((b"b", b"c")):\n        pass',
                     "(if (stream to_server)\n  (then\n    (for-matches m 0 (b'a') holds\n"
                     "      (eval (edit (match m start) (match m end) b''))))\n"
                     "  (else\n    (for-matches n 1 (b'b' b'c'))))"),
    "need and at": ("if not stream.need(4):\n    return PASS\ns.n8 = stream.at(3)",
                    "(if (not (need (const 4)))\n  (then\n    (return (action pass))))\n"
                    "(store (field scratch n8) (at (const 3)))"),
    "at unproved": ("s.n8 = stream.at(s.n8)", "(store (field scratch n8) (at (checked (cast u32 (field scratch n8)))))"),
    "skip": ("stream.skip(s.n8)\nstream.skip(7)", "(skip (cast u64 (field scratch n8)))\n(skip (const 7))"),
    "hold": ("stream.hold()\nstream.hold(stream.mark())\nstream.hold(mark=s.safe)",
             "(hold (stream start))\n(hold (mark))\n(hold (field scratch safe))"),
    "rewind": ("m = stream.start\nfor b in stream:\n    if b == 13:\n        stream.rewind(m)\n        break",
               "(let m (stream start))\n(for-bytes b stream\n  (if (cmp == (local b) (const 13))\n    (then\n"
               "      (rewind (local m))\n      (break))))"),
    "set and mask": ("for b in stream:\n    stream.set(b ^ 32)\nstream.mask(stream.start, stream.mark(), 42)",
                     "(for-bytes b stream\n  (set (bin ^ (local b) (const 32))))\n"
                     "(mask (stream start) (mark) (const 42))"),
    "mask of a match": ('for m in stream.matches(b"w"):\n    stream.mask(m, s.n8)',
                        "(for-matches m 0 (b'w') holds\n  (mask (match m start) (match m end) (field scratch n8)))"),
    "edits give marks": ('m = stream.remove(stream.start, stream.mark())\nm = stream.insert(m, b"x")\nstream.hold(m)',
                         "(let m (edit (stream start) (mark) b''))\n(let m (edit (local m) (local m) b'x'))\n"
                         "(hold (local m))"),
    "an edit in an edit": ('stream.hold(stream.insert(s.safe, b"x"))',
                           "(hold (edit (field scratch safe) (field scratch safe) b'x'))"),
    "replace": ('for m in stream.matches(b"w"):\n    stream.replace(m, b"[cut]")',
                "(for-matches m 0 (b'w') holds\n  (eval (edit (match m start) (match m end) b'[cut]')))"),
    "marks compare": ("s.seen = stream.mark() == s.safe or stream.start < s.safe",
                      "(store (field scratch seen) (or (cmp == (mark) (field scratch safe)) "
                      "(cmp < (stream start) (field scratch safe))))"),
    "marks are kept": ("m: Mark = stream.mark()\ns.safe = m\np.safe = stream.start",
                       "(let m (mark))\n(store (field scratch safe) (local m))\n(store (field peer safe) (stream start))"),
    "the chosen mark": ("s.safe = stream.start if s.seen else stream.mark()",
                        "(store (field scratch safe) (select (field scratch seen) (stream start) (mark)))"),
    "attributes": ("s.seen = stream.is_last and stream.to_client\ns.n64 = stream.position + stream.available",
                   "(store (field scratch seen) (and (stream is_last) (stream to_client)))\n"
                   "(store (field scratch n64) (bin + (stream position) (cast u64 (stream available))))"),
    "flow, conn, peer": ("s.seen = flow.to_server\nc.port = p.n16",
                         "(store (field scratch seen) (attr flow to_server))\n(store (field conn port) (field peer n16))"),
    "alert and assert": ('assert s.n8 < 9\nalert(1, "seen")',
                         "(assert (cmp < (field scratch n8) (const 9)))\n(alert (const 1) b'seen')"),
    "loops share the cursor": ("for b in stream:\n    for x in stream:\n        break",
                               "(for-bytes b stream\n  (for-bytes x stream\n    (break)))"),
    "verdicts": ("if s.n8 == 1:\n    return DROP\nif s.n8 == 2:\n    return RESET",
                 "(if (cmp == (field scratch n8) (const 1))\n  (then\n    (return (action drop))))\n"
                 "(if (cmp == (field scratch n8) (const 2))\n  (then\n    (return (action reset))))"),
}


@pytest.mark.parametrize("name", CASES)
def test_accepted(lab: Lab, name: str) -> None:
    body, expected = CASES[name]
    assert lab.data(body + END) == f"{expected}\n(return (action pass))"


# ---------------------------------------------------------------- build-time values


@pytest.mark.parametrize("inst, words", [
    ('Box(b"one")', (b"one",)), ('Box([b"one", b"two"])', (b"one", b"two")), ('Box((b"one",))', (b"one",))])
def test_words_of_a_parameter(lab: Lab, inst: str, words: tuple[bytes, ...]) -> None:
    code = lab.stream("for m in stream.matches(self.words):\n    pass" + END, params="words: object", inst=inst)
    assert [s.words for s in statements(code.handlers[-1].func.body) if isinstance(s, h.ForMatches)] == [words]


def test_words_and_data_of_setup(lab: Lab) -> None:
    text = lab.data('for m in stream.matches([self.word, b"z"]):\n    stream.replace(m, self.text)' + END,
                    setup='self.word = b"a" + b"b"\nself.text = bytes(3)')
    assert "(b'ab' b'z') holds" in text and r"b'\x00\x00\x00'" in text


def test_mode_of_an_instance_decides(lab: Lab) -> None:
    body = 'for m in stream.matches(b"w"):\n    if self.mode == "cut":\n        stream.remove(m)\n    else:\n        s.n8 = 1'
    assert "holds" in lab.data(body + END, params='mode: str = "cut"')
    assert "holds" not in lab.data(body + END, params='mode: str = "cut"', inst='Box("count")')


def test_declarations_reach_the_code(lab: Lab) -> None:
    code = lab.stream("return PASS", declared=', max_hold=9, on_overflow="close"')
    assert (code.max_hold, code.on_overflow) == (9, "close")
    assert (lab.stream("return PASS").max_hold, lab.stream("return PASS").on_overflow) == (65536, "release")


def test_release_stream(lab: Lab) -> None:
    code = lab.code("""
        @element(session=FLOW, scratch=State)
        class Box(Element):
            def setup(self) -> None:
                self.seen = Counter()
            def process_data(self, s: State) -> Action:
                return PASS
            def release_stream(self, s: State, p: Peer[State], flow: Flow) -> None:
                if flow.to_server and s.n8 == p.n8:
                    self.seen += 1
    """)
    assert [x.role for x in code.handlers] == ["process_data", "release_stream"]
    assert "(count-up seen (const 1))" in code_text(code)


# ---------------------------------------------------------------- what is proved


def checks(code: Code) -> list[bool]:
    found: dict[h.Expr, bool] = {}
    for s in statements(code.handlers[-1].func.body):
        for e in expressions(s):
            if isinstance(e, (h.StreamAt, h.ChunkAt)):
                found[e] = e.checked
    return list(found.values())


NEED = "if not stream.need(4):\n    return PASS\n"
PROOFS: dict[str, tuple[str, list[bool]]] = {
    "behind a need": (NEED + "s.n8 = stream.at(3)", [False]),
    "one too far": (NEED + "s.n8 = stream.at(4)", [True]),
    "inside a need": ("if stream.need(2):\n    s.n8 = stream.at(1)\nelse:\n    s.n8 = stream.at(0)", [False, True]),
    "in the condition": ("s.seen = stream.need(2) and stream.at(1) == 7", [False]),
    "not in the other one": ("s.seen = stream.need(2) or stream.at(1) == 7", [True]),
    "on one way only": ("if s.seen and not stream.need(4):\n    return PASS\ns.n8 = stream.at(0)", [True]),
    "available says so": ("if stream.available >= 3:\n    s.n8 = stream.at(2)", [False]),
    "a range of places": (NEED + "s.n8 = stream.at(s.n8 & 3)", [False]),
    "of a loop": (NEED + "for i in range(4):\n    s.n8 = stream.at(i)", [False]),
    "skip uses up": (NEED + "stream.skip(2)\ns.n8 = stream.at(1)\ns.n16 = stream.at(2)", [False, True]),
    "skip by an unknown number": (NEED + "stream.skip(s.n8)\ns.n8 = stream.at(0)", [True]),
    "skip in a loop": (NEED + "for i in range(3):\n    stream.skip(1)\ns.n8 = stream.at(0)", [True]),
    "reading moves on": (NEED + "for b in stream:\n    s.n8 = stream.at(0)\n    break", [True]),
    "reading has moved on": (NEED + "for b in stream:\n    break\ns.n8 = stream.at(0)", [True]),
    "chunks move on": (NEED + "for x in stream.chunks():\n    break\ns.n8 = stream.at(0)", [True]),
    "matches move on": (NEED + 'for m in stream.matches(b"w"):\n    break\ns.n8 = stream.at(0)', [True]),
    "rewind forgets": (NEED + "stream.rewind(stream.start)\ns.n8 = stream.at(0)", [True]),
    "edits forget": (NEED + 'stream.insert(stream.mark(), b"x")\ns.n8 = stream.at(0)', [True]),
    "set, mask and hold do not": (NEED + "stream.skip(0)\nstream.set(1)\nstream.hold()\ns.n8 = stream.at(3)", [False]),
    "need again in a loop": ("for b in stream:\n    if stream.need(2):\n        s.n8 = stream.at(1)", [False]),
    "of a chunk": ("for x in stream.chunks():\n    if len(x) > 2:\n        s.n8 = x[2]\n    s.n8 = x[0]", [False, True]),
    "of another chunk": ("for x in stream.chunks():\n    if len(x) > 2:\n        for y in stream.chunks():\n            s.n8 = y[2]",
                         [True]),
    "of the chunk before": ("for x in stream.chunks():\n    s.n8 = x[0]\n    if len(x) < 5:\n        return PASS", [True]),
}


@pytest.mark.parametrize("name", PROOFS)
def test_proofs(lab: Lab, name: str) -> None:
    body, expected = PROOFS[name]
    assert checks(lab.stream(body + END)) == expected


MOVES = ("stream.skip(1)", "stream.rewind(stream.start)", "for b in stream:\n        break",
         'stream.remove(stream.start, stream.mark())', "for x in stream.chunks():\n        break")


@pytest.mark.parametrize("move", MOVES)
def test_what_was_known_of_the_cursor_is_forgotten(lab: Lab, move: str) -> None:
    body = "if stream.position < 10:\n    {}\n    s.row = u16(stream.position)\nreturn PASS"
    lab.stream(body.format("stream.hold()"))
    with pytest.raises(AssertionError, match="cannot prove that u16.stream.position. is below 10"):
        lab.stream(body.format(move))


# ---------------------------------------------------------------- loops that end, bytes that stay


LOOPS: dict[str, tuple[str, bool]] = {
    "rewind and break": ("for b in stream:\n    stream.rewind(stream.start)\n    break", True),
    "rewind and return": ("for b in stream:\n    if b == 1:\n        stream.rewind(stream.start)\n        return PASS", True),
    "rewind and on": ("for b in stream:\n    if b == 1:\n        stream.rewind(stream.start)", False),
    "rewind and continue": ("for b in stream:\n    if b == 1:\n        stream.rewind(stream.start)\n        continue", False),
    "out of the inner loop only": ("for b in stream:\n    for x in stream:\n        stream.rewind(stream.start)\n        break",
                                   False),
    "rewind in a counted loop": ("for i in range(9):\n    for b in stream:\n        if b == 1:\n            break\n"
                                 "    stream.rewind(stream.start)", True),
    "rewind before": ("stream.rewind(stream.start)\nfor b in stream:\n    pass", True),
    "reading again does not make up for it": ("for b in stream:\n    stream.rewind(stream.start)\n    for x in stream:\n"
                                              "        break", False),
    "rewind over chunks": ("for x in stream.chunks():\n    stream.rewind(stream.start)", False),
    "chunk, then edit": ('for x in stream.chunks():\n    s.n32 = len(x)\n    stream.insert(stream.start, b"x")', True),
    "edit, then chunk": ('for x in stream.chunks():\n    stream.insert(stream.start, b"x")\n    s.n32 = x.crc32(0)', False),
    "edit on one way": ('for x in stream.chunks():\n    if s.seen:\n        stream.insert(stream.start, b"x")\n'
                        "    for b in x:\n        pass", False),
    "edit and leave": ('for x in stream.chunks():\n    for b in x:\n        if b == 1:\n'
                       '            stream.insert(stream.start, b"x")\n            break', True),
    "edit and go on": ('for x in stream.chunks():\n    for b in x:\n        stream.insert(stream.start, b"x")', False),
    "edit while reading": ('for b in stream:\n    stream.insert(stream.mark(), b"x")', True),
}


@pytest.mark.parametrize("name", LOOPS)
def test_loops(lab: Lab, name: str) -> None:
    body, good = LOOPS[name]
    if good:
        lab.stream(body + END)
    else:
        with pytest.raises(AssertionError, match="would not end|is gone|in a loop over"):
            lab.stream(body + END)


# ---------------------------------------------------------------- whole files

DESIGN = {"crc.py": ["FlowCRC([0xdeadbeef])"], "ips.py": ['IPS([b"ATTACK", b"/etc/passwd"])'],
          "words.py": [f'WordMatcher(b"ATTACK", {mode!r}, b"[cut]")' for mode in ("remove", "replace", "mask", "close")]}


def compiled(lab: Lab, text: str, instances: list[str]) -> list[Code]:
    """The folded code of instances of a file's elements, which must be without a warning."""
    out = []
    for inst in instances:
        out.append(fold(lab.code("", inst, head=text)))
        assert not [d for d in lab.report.items if d.severity == "warning"]
    return out


@pytest.mark.parametrize("name", DESIGN)
def test_examples_of_the_design(lab: Lab, shared: Path, name: str) -> None:
    for code in compiled(lab, (shared / "design" / "examples" / name).read_text(), DESIGN[name]):
        assert code.handler("process_data") and "checked" not in code_text(code)


def test_example_of_the_manual(lab: Lab, root: Path) -> None:
    page = (root / "docs" / "language.md").read_text()
    text = re.search(r"^```python\n([^`]*class WholeLines[^`]*)^```", page, re.M)
    assert text is not None
    lines, cut = compiled(lab, text.group(1), ["WholeLines()", 'Cut([b"ATTACK"])'])
    assert lines.max_hold == 4096 and "(hold (field scratch begins))" in code_text(lines)
    assert "holds" in code_text(cut)


# ---------------------------------------------------------------- at run time


def test_marks_of_python() -> None:
    assert Mark() < Mark(1) <= Mark(1) != Mark(2) and int(Mark(7)) == 7 and repr(Mark(7)) == "Mark(7)"

    @struct
    class Kept:
        first: Mark
        n: u8 = 3
        last: Mark = Mark()

    Kept.__annotations__ = {"first": Mark, "n": u8, "last": Mark}
    assert [m.name for m in struct_fields(Kept)] == ["first", "n", "last"]
    made: Any = Kept  # to type checkers a field without a default must be given
    assert made().first == Mark() == made().last and made(first=Mark(5)).first == Mark(5)
