"""Writes a module with one element, imports it, compiles it: what tests of the frontend are written with."""

from __future__ import annotations

import importlib.util
import sys
import textwrap
from pathlib import Path
from typing import Any

from mcc.diag import Report
from mcc.frontend import compile_instance
from mcc.ir.element import Code
from mcc.ir.func import Func
from mcc.ir.text import func_text

HEAD = '''
from enum import Enum, IntEnum
from typing import Annotated

from mcc.lang.classes import ARP, IP, TCP, UDP, Ip, Tcp
from mcc.lang.element import Element, element, inline, on
from mcc.lang.packet import (
    CLOSE, DROP, PASS, RESET, Action, Batch, Flow, Packet, Peer, alert, arp_request, emit, to)
from mcc.lang.session import Session
from mcc.lang.state import Counter, HashMap, Live, PerCore, Ports, Table
from mcc.lang.stream import Chunk, Mark, Match, Stream
from mcc.lang.types import Addr4, Array, Below, IndexOf, Len, Mac, i32, i64, struct, u8, u16, u32, u64, u128

FLOW = Session(Ip.src, Ip.dst, Tcp.sport, Tcp.dport, where=TCP, bidirectional=True)


class Kind(IntEnum):
    ONE = 1
    TWO = 2


@struct
class State:
    n8: u8 = 0
    n16: u16 = 0
    n32: u32 = 0
    n64: u64 = 0
    wide: u128 = 0
    signed: i32 = 0
    seen: bool = False
    row: Annotated[u16, Below(10)] = 0
    last: Annotated[Array[u32], Len(8)]
    safe: Mark = Mark()


@struct
class Shared:
    port: u16 = 0
'''


class Lab:
    """Imports generated modules from a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def module(self, text: str, head: str = HEAD) -> Any:
        self.count += 1
        name = f"frontend_case_{self.count}"
        path = self.folder / f"{name}.py"
        path.write_text(head + textwrap.dedent(text))
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    def code(self, text: str, inst: str = "Box()", *, strict: bool = False, head: str = HEAD) -> Code:
        """Compile the instance that the module text makes; fails with what was reported."""
        module = self.module(f"{textwrap.dedent(text)}\ninstance = {inst}\n", head)
        report = Report()
        code = compile_instance(module.instance, "box", report, strict=strict)
        self.report = report
        assert code is not None, "\n".join(d.render() for d in report.items)
        return code

    def packet(self, body: str, *, setup: str = "", params: str = "", inst: str = "Box()", before: str = "",
               strict: bool = False) -> Code:
        """An element with scratch State and conn Shared, two outputs, and this body of process_packet."""
        lines = [before, "@element(session=FLOW, scratch=State, conn=Shared, ports=(1, 2))", "class Box(Element):"]
        lines += [textwrap.indent(textwrap.dedent(params), "    ")]
        if setup:
            lines += ["    def setup(self) -> None:", textwrap.indent(textwrap.dedent(setup), "        ")]
        arguments = "self, s: State, c: Shared, p: Peer[State], pkt: Packet, flow: Flow"
        lines += [f"    def process_packet({arguments}) -> Action:", textwrap.indent(textwrap.dedent(body), "        ")]
        return self.code("\n".join(lines), inst, strict=strict)

    def stream(self, body: str, *, setup: str = "", params: str = "", inst: str = "Box()", declared: str = "",
               strict: bool = False) -> Code:
        """An element with scratch State and conn Shared, and this body of process_data."""
        lines = [f"@element(session=FLOW, scratch=State, conn=Shared{declared})", "class Box(Element):"]
        lines += [textwrap.indent(textwrap.dedent(params), "    ")]
        if setup:
            lines += ["    def setup(self) -> None:", textwrap.indent(textwrap.dedent(setup), "        ")]
        arguments = "self, s: State, c: Shared, p: Peer[State], stream: Stream, flow: Flow"
        lines += [f"    def process_data({arguments}) -> Action:", textwrap.indent(textwrap.dedent(body), "        ")]
        return self.code("\n".join(lines), inst, strict=strict)

    def data(self, body: str, **more: Any) -> str:
        """The typed statements of process_data, one a line, without the function around them."""
        return body_text(self.stream(body, **more).handlers[-1].func)

    def body(self, body: str, **more: Any) -> str:
        """The typed statements of that handler, one a line, without the function around them."""
        return body_text(self.packet(body, **more).handlers[-1].func)

    def errors(self) -> list[str]:
        return [d.message for d in self.report.items if d.severity == "error"]


def body_text(func: Func) -> str:
    lines = func_text(func).split("\n")[1:]
    lines[-1] = lines[-1][:-1]
    return "\n".join(line[2:] for line in lines)
