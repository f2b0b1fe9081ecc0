"""Chains that are wrong in unusual ways, or right but with names and sizes that could break the C: an error has a place
and no traceback, everything else compiles and passes packets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mcc.api import Module
from mcc.diag import CompileError
from mcc.driver import compile_chain
from mcc.run.loading import load_chain
from tests.hostile.packets import tcp, udp

HEAD = "from typing import Annotated\nfrom mcc import *\n"
PASSES = "        return PASS\n"
C_NAMES = ("int double struct box p flow verdict NODES static main errno stdin unix linux packet core MCC_PASS mcc_box "
           "stage0_packet NULL true bool uint8_t memcpy s n i auto union x__y REASONS MCC_BURST stage0_look box_flush").split()


def element(name: str, body: str = PASSES, options: str = "", before: str = "") -> str:
    return f"{before}\n@element{options}\nclass {name}(Element):\n    def process_packet(self, pkt: Packet) -> Action:\n{body}"


def one(body: str) -> str:
    """A chain of one path."""
    return f"\n@chain\ndef c():\n    yield {body}\n"


def counting(name: str) -> str:
    return element(name, "        self.n += 1\n        return PASS\n").replace(
        "    def process", "    def setup(self) -> None:\n        self.n = Counter()\n\n    def process", 1)


STATE = '''
@struct
class {struct}:
    double: u64 = 0
    struct: u8 = 0
    h: u32 = 1
    box: u32 = 1
    unsigned: i32 = -1
    NULL: u16 = 0
    fcb: u16 = 0

@element(session=TCP4, scratch={struct})
class A(Element):
    volatile: u32 = 4
    register: u64 = 7
    def setup(self) -> None:
        self.inline = Counter()
        self.goto = Ports(1, 3)
        self.default = HashMap[u32, u64](10)
        self.switch: PerCore[u32] = PerCore(u32, 0)
        self.signed = Table(u32, [1, 2, 3])
    def process_packet(self, s: {struct}, pkt: Packet) -> Action:
        int = s.double
        float = u32(1)
        box = s.box
        p = s.struct
        flow = s.h
        s.double = int + u64(float) + u64(box) + self.register
        s.h = flow + self.volatile + u32(p)
        self.inline += 1
        self.switch.value += self.signed[s.h % len(self.signed)]
        return PASS
'''

UNICODE = '''
@struct
class Zähler:
    größe: u64 = 0

@element(session=TCP4, scratch=Zähler)
class Ключ(Element):
    名: u32 = 4
    def setup(self) -> None:
        self.π = Counter()
    def process_packet(self, s: Zähler, pkt: Packet) -> Action:
        été = s.größe
        s.größe = été + u64(self.名)
        self.π += 1
        return PASS

@chain
def 鎖():
    yield Port("lañ") >> Ключ() >> Port("b")
'''

TWO_STRUCTS = '''
def make(wide):
    if wide:
        @struct
        class St:
            a: u64 = 0
    else:
        @struct
        class St:
            b: u8 = 0
            c: u32 = 3
    return St

S1, S2 = make(False), make(True)

@element(session=TCP4, scratch=S1)
class A(Element):
    def process_packet(self, s: S1, pkt: Packet) -> Action:
        s.c += 1
        return PASS

@element(session=TCP4, scratch=S2)
class B(Element):
    def process_packet(self, s: S2, pkt: Packet) -> Action:
        s.a += 1
        return PASS
'''

EMPTY_STRUCT = '''
@struct
class E:
    pass

@element(session=TCP4, scratch=E)
class A(Element):
    def process_packet(self, s: E, pkt: Packet) -> Action:
        return PASS
'''

OWN_NAMES = '''
@struct
class node:
    a: u64 = 0

@struct
class flow0_key:
    a: u64 = 0

@struct
class box_alert:
    a: u64 = 0

@inline
def open(a: u32) -> u32:
    return a + 1

@inline
def end(a: u32) -> u32:
    return a + 1
''' + "".join(f'''
@element(session=TCP4, scratch={tag}, conn=port)
class {name}(Element):
    def new_session(self, c: port, pkt: Packet) -> Action:
        c.b = 1
        return PASS
    def process_packet(self, s: {tag}, c: port, pkt: Packet) -> Action:
        s.a += u64(open(pkt.length)) + u64(end(c.b))
        return PASS
    def release(self, c: port) -> None:
        c.b = 0
''' for name, tag in (("flow0", "node"), ("leaf0", "flow0_key"), ("leaf1", "box_alert"), ("pcap", "node"), ("box", "node"))
).replace("\n@element", "\n@struct\nclass port:\n    b: u32 = 0\n\n@element", 1)

COMMENTS = r'''
@element
class A(Element):
    """ends */ the comment /* and \\ """
    def process_packet(self, pkt: Packet) -> Action:
        x = u32(3)  # */ int y; /* \
        if pkt.length == x:  # ??/
            return DROP
        alert(1, "*/ %s \" \\ ??/")
        return PASS
'''

SAME_NAME = '''
def make():
    @element
    class A(Element):
        def process_packet(self, pkt: Packet) -> Action:
            return PASS
    return A
B, C = make(), make()
'''

RIGHT = {
    "names of C, all elements": "".join(map(counting, C_NAMES)) + "\n@chain\ndef zz():\n    yield duplex(Port('int'), "
    + " >> ".join(f"{k}()" for k in C_NAMES) + ", Port('double'))\n",
    "a chain called int": element("A") + one("Port('box') >> A() >> Port('p')").replace("def c", "def int"),
    "a chain called main": element("A") + one("Port('A') >> A() >> Port('errno')").replace("def c", "def main"),
    "a port called like an element": element("lan") + one("Port('lan') >> lan() >> Port('NODES')"),
    "names of C in structs": STATE.format(struct="int_") + one("Port('a') >> A() >> Port('b')"),
    "a struct called box": STATE.format(struct="box") + one("Port('a') >> A() >> Port('b')"),
    "two structs of one name": TWO_STRUCTS + one("Port('a') >> A() >> B() >> A() >> Port('b')"),
    "two classes of one name": SAME_NAME + one("Port('a') >> B() >> C() >> B() >> Port('b')"),
    "numbered names that are taken": element("A") + element("A2") + one("Port('a') >> A() >> A() >> A2() >> A2() >> Port('b')"),
    "names that differ in case": element("Ab") + element("aB") + element("A_b") + one("Port('a') >> Ab() >> aB() >> A_b() >> Port('b')"),
    "names like functions of others": element("A") + element("A_process_packet") + element("A_process")
    + one("Port('a') >> A() >> A_process_packet() >> A_process() >> Port('b')"),
    "letters of the world": UNICODE,
    "a struct without fields": EMPTY_STRUCT + one("Port('a') >> A() >> Port('b')"),
    "an array of 60,000": EMPTY_STRUCT.replace("    pass", "    a: Annotated[Array[u64], Len(60000)]").replace(
        "        return", "        s.a[59999] += 1\n        return") + one("Port('a') >> A() >> Port('b')"),
    "comments that end comments": COMMENTS + one("Port('a') >> A() >> Port('b')"),
    "a table of a million": element("A", "        return PASS if self.t[pkt.length % len(self.t)] < 2000000 else DROP\n").replace(
        "    def process", "    def setup(self) -> None:\n        self.t = Table(u32, range(1000000))\n\n    def process", 1)
    + one("Port('a') >> A() >> Port('b')"),
    "300 in a line": element("A") + "\n@chain\ndef c():\n    x = A()\n    for i in range(299):\n        x = x >> A()\n"
    "    yield duplex(Port('a'), x, Port('b'))\n",
    "500 classes in a choice": element("A") + "\n@chain\ndef c():\n    d = {Tcp.dport == i: A() for i in range(500)}\n    b = Port('b')\n"
    "    for v in d.values():\n        yield v >> b\n    yield Port('a') >> {**d, ANY: b}\n",
    "5,000 prefixes": element("A", options="(cls=C)", before="C = NONE\nfor i in range(5000):\n"
                              "    C = C | Ip.dst.within(f'{i % 200 + 1}.{i // 200}.{i % 250}.0/24')\n")
    + one("Port('a') >> A() >> Port('b')"),
    "names of the module's own functions and tags": OWN_NAMES
    + one("Port('classify') >> flow0() >> leaf0() >> leaf1() >> pcap() >> box() >> Port('look')"),
    "ports called like parts of a stage": element("A") + "\n@chain\ndef c():\n    b = Port('b')\n"
    "    for p in ('a', 'classify', 'packet', 'key0', 'go', 'plain', 'fetch', 'flow0', 'by_leaf', 'miss0', 'PORTS', 'S'):\n"
    "        yield Port(p) >> A() >> b\n",
    "64 ports": "\n@chain\ndef c():\n    b = Port('b')\n    for i in range(63):\n        yield Port(f'p{i}') >> b\n",
    "ifs in ifs": element("A", "".join(f"        {' ' * i}if pkt.length > {i + 9000}:\n" for i in range(80))
                          + f"        {' ' * 80}return DROP\n{PASSES}") + one("Port('a') >> A() >> Port('b')"),
}

WRONG = {
    "no Python": ("def (:\n", "this is not Python"),
    "no text": (b"x = '\xff\xfe'\n", "this is not Python"),
    "a zero byte": ("\0\n", "this is not Python"),
    "too many parentheses": (element("A", f"        x = {'(' * 300}pkt.length{')' * 300}\n{PASSES}"), "too many nested"),
    "no chain": ("x = 3\n", "chain"),
    "exception in setup": (counting("A").replace("Counter()", "1 // 0") + one("Port('a') >> A() >> Port('b')"), "ZeroDivisionError"),
    "exit in setup": (counting("A").replace("Counter()", "exit(0)") + one("Port('a') >> A() >> Port('b')"), "exit"),
    "paths without end": (element("A") + "\n@chain\ndef c():\n    while True:\n        yield Port('a') >> Port('b')\n", "20,000 paths"),
    "recursion": ("\n@chain\ndef c():\n    yield from f()\ndef f():\n    return f()\n", "RecursionError"),
    "packets in a circle": (element("A") + "\n@chain\ndef c():\n    a = A()\n    yield Port('a') >> a >> a\n", "round for ever"),
    "a number in a path": (one("Port('a') >> 5 >> Port('b')"), "cannot stand in a chain"),
    "a class in a path": (element("A") + one("Port('a') >> A >> Port('b')"), "cannot stand in a chain"),
    "None": (one("None"), "not NoneType"),
    "nothing": ("\n@chain\ndef c():\n    return\n    yield\n", "no packet can enter"),
    "not a generator": ("\n@chain\ndef c():\n    return 5\n", "yields nothing"),
    "a chain with arguments": ("\n@chain\ndef c(x):\n    yield Port('a') >> Port('b')\n", "missing 1 required"),
    "an output that is not there": (element("A") + one("A()[9] >> Port('b')"), "no output 9"),
    "an argument too many": (element("A") + one("Port('a') >> A(1, q=3) >> Port('b')"), "takes 0 arguments"),
    "a port that is C": (one("Port('*/ int x; /*') >> Port('b')"), "cannot name a port"),
    "a port without a name": (one("Port('') >> Port('b')"), "cannot name a port"),
    "65 ports": ("\n@chain\ndef c():\n    b = Port('b')\n    for i in range(64):\n        yield Port(f'p{i}') >> b\n", "64 at most"),
    "an array without an end": (EMPTY_STRUCT.replace("    pass", "    a: Annotated[Array[u64], Len(10**12)]")
                                + one("Port('a') >> A() >> Port('b')"), "Array needs its length"),
    "a map without an end": (counting("A").replace("Counter()", "HashMap[u32, u64](1 << 40)")
                             + one("Port('a') >> A() >> Port('b')"), "HashMap holds"),
    "an empty table": (counting("A").replace("Counter()", "Table(u32, [])") + one("Port('a') >> A() >> Port('b')"), "at least one row"),
    "classes nested too deeply": (element("A", options="(cls=C)", before="C = TCP\nfor i in range(20000):\n"
                                          "    C = ~(C | (Tcp.dport == i))\n") + one("Port('a') >> A() >> Port('b')"), ""),
    "a text that is no chain": ("c = chain('lan -> -> ;;', name='c')\n", "this is not a chain"),
}


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "hostile_chain.py"
    path.write_bytes(HEAD.encode() + (text if isinstance(text, bytes) else text.encode()))
    return path


@pytest.mark.parametrize("text", RIGHT.values(), ids=RIGHT)
def test_right(text: str, tmp_path: Path) -> None:
    compiled = compile_chain(load_chain(str(write(tmp_path, text))))
    module = Module(compiled, target="generic", level="-O1", extra=("-Werror",))
    with module.open(start=1.0, max_sessions=16) as box:
        frames = [tcp(), udp(), tcp(flags="A")]
        first = "a" if "a" in box.ports else box.ports[0]
        sent = [s.frame for f in frames for s in box.send(first, f, at=1.0)]
        assert sent == frames
        assert all(v["faults"] == 0 for v in box.stats()["elements"].values())


@pytest.mark.parametrize(("text", "words"), WRONG.values(), ids=WRONG)
def test_wrong(text: str | bytes, words: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(CompileError) as caught:
        compile_chain(load_chain(str(path)))
    shown = str(caught.value)
    assert words in shown and "hostile_chain.py:" in shown and "Traceback" not in shown, shown


@pytest.mark.parametrize("name", ["class.py", "int.py", "a b.py", "mcc.py", "é.py", "typing.py"])
def test_names_of_files(name: str, tmp_path: Path, root: Path) -> None:
    path = tmp_path / name
    path.write_text(HEAD + one("Port('a') >> Port('b')"))
    done = subprocess.run([sys.executable, "-c", "from mcc.cli import main; main()", "check", str(path)], cwd=root,
                          capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and "is right" in done.stdout


@pytest.mark.slow
def test_2000_classes_in_a_choice(tmp_path: Path) -> None:
    text = RIGHT["500 classes in a choice"].replace("500", "2000")
    compiled = compile_chain(load_chain(str(write(tmp_path, text))))
    assert len(compiled.plans.leaves) >= 2000 and len(compiled.c_source) > 100_000
