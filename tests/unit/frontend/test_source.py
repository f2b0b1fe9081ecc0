"""Source capture: files as they are, spans in characters, edited files, future annotations, closures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mcc.diag import Report
from mcc.frontend import compile_instance
from mcc.lang import packet
from mcc.protocols.headers import BY_LAYER, LAYERS
from tests.unit.frontend.builders import HEAD, Lab, body_text

SIMPLE = """
    @element
    class Box(Element):
        def process_packet(self, pkt: Packet) -> Action:
            return DROP if pkt.ip.ttl == 0 else PASS
    """


def test_future_annotations(lab: Lab) -> None:
    code = lab.code(SIMPLE, head="from __future__ import annotations\n" + HEAD)
    assert code.needs == (frozenset({"ip"}),)
    code = lab.code("""
        @struct
        class Late:
            n: Annotated[u16, Below(4)] = 0
            items: Annotated[Array[u32], Len(2)]

        @inline
        def low(n: u32) -> u16:
            return u16(n % 4)

        @element(session=FLOW, scratch=Late)
        class Box(Element):
            limit: Live[u16]

            def setup(self) -> None:
                self.m: HashMap[u16, u32] = HashMap(8)

            def process_packet(self, s: Late, p: Peer[Late], pkt: Packet) -> Action:
                s.n = low(pkt.length)
                p.items[s.n & 1] = self.limit.value
                n: u32 = s.items[0]
                self.m.put(s.n, n)
                return PASS
        """, "Box(Live(1))", head="from __future__ import annotations\n" + HEAD)
    assert [type(d).__name__ for d in code.state] == ["LiveDecl", "MapDecl"]


def test_spans_are_of_the_file(lab: Lab) -> None:
    code = lab.code(SIMPLE)
    func = code.handlers[0].func
    lines = Path(func.span.file).read_text().split("\n")
    assert lines[func.span.line - 1][func.span.col:func.span.end_col] == "process_packet"
    s = func.body[0].span
    assert lines[s.line - 1][s.col:s.end_col] == "return DROP if pkt.ip.ttl == 0 else PASS"


def test_columns_count_characters(lab: Lab) -> None:
    code = lab.packet("größe = pkt.length; s.n32 = größe\nreturn PASS")
    store = code.handlers[0].func.body[1].span
    line = Path(store.file).read_text().split("\n")[store.line - 1]
    assert line[store.col:store.end_col] == "s.n32"


def test_a_file_that_was_edited_is_refused(lab: Lab) -> None:
    module = lab.module("""
        @element
        class Box(Element):
            def process_packet(self, pkt: Packet) -> Action:
                return DROP
        """)
    inst = module.Box()
    report = Report()
    assert compile_instance(inst, "box", report) is not None
    path = Path(module.__file__)
    path.write_text(path.read_text().replace("return DROP", "return PASS"))
    os.utime(path, (1, 1))
    report = Report()
    assert compile_instance(inst, "box", report) is None
    assert "edited after it was imported" in report.items[0].message


def test_a_file_that_is_gone_is_refused(lab: Lab) -> None:
    module = lab.module("""
        @element
        class Box(Element):
            def process_packet(self, pkt: Packet) -> Action:
                return DROP
        """)
    Path(module.__file__).unlink()
    report = Report()
    assert compile_instance(module.Box(), "box", report) is None
    assert "source of process_packet" in report.items[0].message


def test_closures_and_local_classes(lab: Lab) -> None:
    code = lab.code("""
        def make(limit: int, decision: Action) -> Element:
            @struct
            class Mine:
                n: u32 = 0

            @inline
            def more(n: u32) -> bool:
                return n > limit

            @element(session=FLOW, scratch=Mine)
            class Inner(Element):
                def process_packet(self, s: Mine, pkt: Packet) -> Action:
                    s.n += 1
                    return decision if more(s.n) else PASS
            return Inner()
        """, "make(5, RESET)")
    assert body_text(code.inlines[0]) == "(return (cmp > (local n) (const 5)))"
    assert "(return (action reset))" in body_text(code.handlers[0].func)


def test_inherited_handlers(lab: Lab) -> None:
    code = lab.code("""
        class Base(Element):
            LIMIT = 7

            def process_packet(self, pkt: Packet) -> Action:
                return DROP if pkt.ip.ttl < self.LIMIT else PASS

        @element
        class Box(Base):
            LIMIT = 9
        """)
    assert "(const 9)" in body_text(code.handlers[0].func)


def test_every_instance_is_its_own(lab: Lab) -> None:
    text = """
        @element
        class Box(Element):
            mode: str

            def process_packet(self, pkt: Packet) -> Action:
                if self.mode == "drop":
                    return DROP
                return PASS
        """
    assert body_text(lab.code(text, "Box('drop')").handlers[0].func) == "(return (action drop))"
    assert body_text(lab.code(text, "Box('pass')").handlers[0].func) == "(return (action pass))"
    assert not lab.report.items


def test_handlers_without_a_file() -> None:
    scope: dict[str, object] = {}
    text = HEAD + ("\n@element\nclass Box(Element):\n    def process_packet(self, pkt: Packet) -> Action:\n"
                   "        return PASS\n")
    exec(compile(text, "<nowhere>", "exec"), scope)
    report = Report()
    box = scope["Box"]
    assert isinstance(box, type)
    assert compile_instance(box(), "box", report) is None
    assert "is not to be had" in report.items[0].message


@pytest.mark.parametrize("layer", [*LAYERS, "l4"])
def test_packet_classes_have_the_fields_of_the_header_table(layer: str) -> None:
    view = packet.Packet.__annotations__[layer]
    hints = getattr(packet, view).__annotations__
    assert list(hints) == list(BY_LAYER[layer])
    for name, f in BY_LAYER[layer].items():
        assert (hints[name] == "bool") == (f.width == 1), name
