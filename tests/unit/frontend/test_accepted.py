"""Accepted forms and their typed HIR, by text."""

from __future__ import annotations

import pytest

from mcc.ir.element import Code
from mcc.ir.text import code_text
from tests.unit.frontend.builders import Lab

CASES: dict[str, tuple[str, str]] = {
    "field arithmetic widens": (
        "s.n32 = s.n32 + s.n8 * s.n16",
        "(store (field scratch n32) (bin + (field scratch n32) "
        "(cast u32 (bin * (cast u16 (field scratch n8)) (field scratch n16)))))"),
    "augmented": ("s.n64 += pkt.length",
                  "(store (field scratch n64) (bin + (field scratch n64) (cast u64 (attr pkt length))))"),
    "literals fold exactly": ("s.n32 = (1 << 20) - 3 * 5 // 2", "(store (field scratch n32) (const 1048569))"),
    "literal on the left": ("s.n8 = 3 - s.n8", "(store (field scratch n8) (bin - (const 3) (field scratch n8)))"),
    "signed": ("s.signed = -s.signed - 1",
               "(store (field scratch signed) (bin - (unary - (field scratch signed)) (const 1)))"),
    "invert": ("s.n8 = ~s.n8", "(store (field scratch n8) (unary ~ (field scratch n8)))"),
    "cast narrows": ("s.n8 = u8(s.n32 >> 8)",
                     "(store (field scratch n8) (cast u8 (bin >> (field scratch n32) (const 8))))"),
    "cast of a literal wraps": ("s.n8 = u8(257)", "(store (field scratch n8) (const 1))"),
    "cast of a bool": ("s.n8 = u8(s.seen)", "(store (field scratch n8) (cast u8 (field scratch seen)))"),
    "bool of a number": ("s.seen = bool(s.n8)", "(store (field scratch seen) (cmp != (field scratch n8) (const 0)))"),
    "shift by a field": ("s.n32 = s.n32 << s.n8",
                         "(store (field scratch n32) (bin << (field scratch n32) (field scratch n8)))"),
    "min and max": ("s.n8 = max(1, min(s.n8, 5, 9))",
                    "(store (field scratch n8) (bin max (const 1) (bin min (bin min (field scratch n8) (const 5)) "
                    "(const 9))))"),
    "division": ("s.n32 = s.n32 // max(s.n8, 1) % 7",
                 "(store (field scratch n32) (bin % (bin // (field scratch n32) "
                 "(cast u32 (bin max (field scratch n8) (const 1)))) (const 7)))"),
    "chained comparison": ("s.seen = 0 < s.n8 <= 9",
                           "(store (field scratch seen) (and (cmp > (field scratch n8) (const 0)) "
                           "(cmp <= (field scratch n8) (const 9))))"),
    "logic": ("s.seen = s.seen and not (s.n8 == 1 or s.n8 == 2)",
              "(store (field scratch seen) (and (field scratch seen) (not (or (cmp == (field scratch n8) (const 1)) "
              "(cmp == (field scratch n8) (const 2))))))"),
    "conditional expression": ("s.n8 = s.n8 if s.seen else u8(pkt.in_port)",
                               "(store (field scratch n8) (select (field scratch seen) (field scratch n8) "
                               "(cast u8 (attr pkt in_port))))"),
    "number as condition": ("if s.n8:\n    s.n8 = 0",
                            "(if (cmp != (field scratch n8) (const 0))\n  (then\n"
                            "    (store (field scratch n8) (const 0))))"),
    "array": ("s.last[s.n8 & 7] = s.last[0] + 1",
              "(store (field scratch last (bin & (field scratch n8) (const 7))) "
              "(bin + (field scratch last (const 0)) (const 1)))"),
    "array augmented": ("s.last[2] += 1", "(store (field scratch last (const 2)) "
                        "(bin + (field scratch last (const 2)) (const 1)))"),
    "length of an array": ("s.n32 = len(s.last)", "(store (field scratch n32) (const 8))"),
    "peer and conn": ("p.n8 = s.n8\nc.port = p.n16",
                      "(store (field peer n8) (field scratch n8))\n(store (field conn port) (field peer n16))"),
    "headers": ("pkt.ip.src = pkt.ip.dst\npkt.tcp.syn = not pkt.tcp.ackflag",
                "(store (header pkt ip src) (header pkt ip dst))\n"
                "(store (header pkt tcp syn) (not (header pkt tcp ackflag)))"),
    "128 bits": ("s.wide = pkt.ip6.src ^ 1", "(store (field scratch wide) (bin ^ (header pkt ip6 src) (const 1)))"),
    "masked header": ("pkt.vlan.vid = (pkt.vlan.vid + 1) & 0xfff",
                      "(store (header pkt vlan vid) (bin & (bin + (header pkt vlan vid) (const 1)) (const 4095)))"),
    "next hop": ("pkt.next_hop = pkt.ip.dst", "(store (attr pkt next_hop) (header pkt ip dst))"),
    "packet attributes": ("s.n64 = pkt.at\ns.n32 = len(pkt)",
                          "(store (field scratch n64) (attr pkt at))\n(store (field scratch n32) (attr pkt length))"),
    "tags": ("pkt.push_vlan(7)\npkt.pop_vlan()", "(push-vlan pkt (const 7))\n(pop-vlan pkt)"),
    "flow": ("flow.set_timeout(30)\ns.seen = flow.is_new or flow.to_client",
             "(set-timeout (const 30))\n(store (field scratch seen) (or (attr flow is_new) (attr flow to_client)))"),
    "emit": ("emit(pkt, port=1)\nemit(arp_request(1, 2, tpa=pkt.ip.dst))",
             "(emit-copy pkt 1)\n(emit-arp (const 1) (const 2) (header pkt ip dst) 0)"),
    "alert": ('alert(7, b"seen")\nalert(8, "text")\nalert(s.n8)',
              "(alert (const 7) b'seen')\n(alert (const 8) b'text')\n(alert (cast u32 (field scratch n8)) b'')"),
    "enum": ("s.n8 = Kind.TWO", "(store (field scratch n8) (const 2))"),
    "local of one type": ("n = s.n16\nn = n + 1\ns.n16 = n",
                          "(let n (field scratch n16))\n(let n (bin + (local n) (const 1)))\n"
                          "(store (field scratch n16) (local n))"),
    "local that starts with a literal": ("n = 0\nif s.seen:\n    n = s.n8\ns.n8 = n",
                                         "(let n (const 0))\n(if (field scratch seen)\n  (then\n"
                                         "    (let n (field scratch n8))))\n(store (field scratch n8) (local n))"),
    "annotated local": ("n: u64 = 5\nn *= s.n8\ns.n64 = n",
                        "(let n (const 5))\n(let n (bin * (local n) (cast u64 (field scratch n8))))\n"
                        "(store (field scratch n64) (local n))"),
    "annotation first": ("n: u8\nn = 4\ns.n8 = n", "(let n (const 4))\n(store (field scratch n8) (local n))"),
    "range": ("for i in range(1, len(s.last), 2):\n    s.last[i] = i",
              "(for-range i u32 (const 1) (const 8) 2\n  (store (field scratch last (local i)) (local i)))"),
    "range downwards": ("for i in range(7, 0, -1):\n    s.last[i] = s.last[i - 1]",
                        "(for-range i u32 (const 7) (const 0) -1\n"
                        "  (store (field scratch last (local i)) (field scratch last (bin - (local i) (const 1)))))"),
    "range of a field": ("for i in range(s.n8):\n    if i == 3:\n        break\n    if i == 2:\n        continue\n"
                         "    s.n8 = i",
                         "(for-range i u8 (const 0) (field scratch n8) 1\n  (if (cmp == (local i) (const 3))\n"
                         "    (then\n      (break)))\n  (if (cmp == (local i) (const 2))\n    (then\n"
                         "      (continue)))\n"
                         "  (store (field scratch n8) (local i)))"),
    "match on enums": ("match s.n8:\n    case Kind.ONE | 7:\n        s.n8 = 0\n    case Kind.TWO:\n"
                       "        return DROP\n    case _:\n        s.n8 = 1",
                       "(switch (field scratch n8)\n  (case (1 7)\n    (store (field scratch n8) (const 0)))\n"
                       "  (case (2)\n    (return (action drop)))\n  (default\n"
                       "    (store (field scratch n8) (const 1))))"),
    "assert": ("assert s.n8 < 9, 'kept small'", "(assert (cmp < (field scratch n8) (const 9)))"),
    "pass and text": ("'a remark'\npass", ""),
    "return by condition": ("if s.seen:\n    return to(1) if s.n8 > 1 else CLOSE",
                            "(if (field scratch seen)\n  (then\n    (if (cmp > (field scratch n8) (const 1))\n"
                            "      (then\n        (return (action to 1)))\n"
                            "      (else\n        (return (action close))))))"),
}


@pytest.mark.parametrize("name", CASES)
def test_form(lab: Lab, name: str) -> None:
    body, expected = CASES[name]
    end = "(return (action pass))"
    assert lab.body(f"{body}\nreturn PASS", strict=True) == (f"{expected}\n{end}" if expected else end)


STATE: dict[str, tuple[str, str, str]] = {
    "table": ("self.t = Table(u16, [5, 6, 7])", "s.n16 = self.t[s.n8 % 3]",
              "(store (field scratch n16) (table t (bin % (field scratch n8) (const 3))))"),
    "table of two dimensions": ("self.t = Table(u8, [[1, 2], [3, 4]])", "s.n8 = self.t[pkt.in_port & 1, 1]",
                                "(store (field scratch n8) (table t (bin & (attr pkt in_port) (const 1)) (const 1)))"),
    "index by length": ("self.t = Table(u16, [5, 6, 7])", "s.n16 = self.t[s.n8 % len(self.t)]",
                        "(store (field scratch n16) (table t (bin % (cast u32 (field scratch n8)) (len-table t))))"),
    "counter": ("self.hits = Counter()", "self.hits += s.n8\ns.n64 = self.hits.value",
                "(count-up hits (cast u64 (field scratch n8)))\n(store (field scratch n64) (state hits))"),
    "per core": ("self.turn: PerCore[u16] = PerCore()", "self.turn.value += 1\ns.n16 = self.turn.value",
                 "(store (state turn) (bin + (state turn) (const 1)))\n(store (field scratch n16) (state turn))"),
    "ports": ("self.pool = Ports(1024, 2047)", "s.n16 = self.pool.take()\nself.pool.give(s.n16)\nself.pool.take()",
              "(store (field scratch n16) (take pool))\n(give pool (field scratch n16))\n(eval (take pool))"),
    "map": ("self.m = HashMap[u32, u16](64)",
            "n = self.m.get(pkt.ip.src)\nif n is not None:\n    s.n16 = n\nself.m.put(pkt.ip.src, 3)\nself.m.delete(0)",
            "(let n (map-get m (header pkt ip src)))\n(if (not (is-none (local n)))\n  (then\n"
            "    (store (field scratch n16) (value (local n)))))\n(map-put m (header pkt ip src) (const 3))\n"
            "(map-delete m (const 0))"),
    "park": ("self.m = HashMap[u32, u16](64)", "if s.seen:\n    return self.m.park(pkt.next_hop, pkt)",
             "(if (field scratch seen)\n  (then\n    (return (park m (attr pkt next_hop) pkt))))"),
    "build-time constants": ("self.big, self.flag = 70000, True", "if self.flag:\n    s.n32 = self.big",
                             "(store (field scratch n32) (const 70000))"),
    "build-time text": ("self.mode = 'mask'", "if self.mode == 'mask':\n    s.n8 = 1\nelse:\n    s.n8 = self.nothing",
                        "(store (field scratch n8) (const 1))"),
    "build-time match": ("self.mode = 'cut'", "match self.mode:\n    case 'mask':\n        s.n8 = self.nothing\n"
                         "    case 'cut' | 'drop':\n        s.n8 = len(self.mode)",
                         "(store (field scratch n8) (const 3))"),
    "bytes": ("self.word = b'ATTACK'", "s.n8 = len(self.word)", "(store (field scratch n8) (const 6))"),
    "none": ("self.limit = None", "if self.limit is not None:\n    s.n8 = self.limit", ""),
}


@pytest.mark.parametrize("name", STATE)
def test_state(lab: Lab, name: str) -> None:
    setup, body, expected = STATE[name]
    end = "(return (action pass))"
    assert lab.body(f"{body}\nreturn PASS", setup=setup, strict=True) == (f"{expected}\n{end}" if expected else end)


def test_live_and_parameters(lab: Lab) -> None:
    code = lab.packet("if pkt.length > self.limit.value:\n    pkt.ip.dst = self.to\nreturn PASS",
                      params="limit: Live[u32]\nto: Addr4", inst="Box(Live(9), 0x0a000001)")
    assert "(store (header pkt ip dst) (const 167772161))" in lab_text(code)
    assert "(live limit u32 9)" in lab_text(code)


def test_inline_helpers(lab: Lab) -> None:
    code = lab.packet(
        "s.n32 = scale(s.n8, 3)\ns.seen = self.odd(s.n8)\ns.row = low(pkt.length)\nreturn PASS",
        before="@inline\ndef scale(n: u32, by: u32) -> u32:\n    if n == 0:\n        return 1\n    return n * by\n\n"
               "@inline\ndef low(n: u32) -> Annotated[u16, Below(10)]:\n    return u16(n % 10)\n\n",
        params="@inline\ndef odd(self, n: u8) -> bool:\n    return n & 1 == 1\n")
    text = lab_text(code)
    assert "(call scale (cast u32 (field scratch n8)) (const 3))" in text
    assert "(store (field scratch row) (call low (attr pkt length)))" in text
    assert "(func scale (args (n u32) (by u32)) (returns u32)" in text
    assert [f.name for f in code.inlines] == ["scale", "odd", "low"]


def test_batches(lab: Lab) -> None:
    code = lab.code("""
        @element(session=FLOW, scratch=State)
        class Box(Element):
            def process_batch(self, s: State, batch: Batch) -> Action:
                s.n32 += len(batch)
                s.n64 += batch.bytes
                for q in batch:
                    if q.is_tcp and q.tcp.fin:
                        s.seen = True
                return PASS
        """)
    assert lab_text(code).count("(for-packets q") == 1
    assert "(and (attr q is_tcp) (header q tcp fin))" in lab_text(code)
    assert code.needs == (frozenset(),)


def test_all_handlers_of_an_element(lab: Lab) -> None:
    code = lab.code("""
        @element(session=FLOW, scratch=State, conn=Shared, ports=(2, 1), every=1.5)
        class Box(Element):
            def setup(self) -> None:
                self.ticks = Counter()

            def new_session(self, c: Shared, pkt: Packet, flow: Flow) -> Action:
                flow.reply_key(src=pkt.ip.dst, sport=pkt.tcp.dport, dst=7, dport=80)
                return RESET if c.port == 0 else PASS

            @on(port=0, cls=IP)
            def left(self, pkt: Packet) -> Action:
                c = pkt.ip.ttl
                return PASS if c > 1 else DROP

            @on(port=1, cls=ARP)
            def right(self, s: State, pkt: Packet) -> Action:
                s.n32 += pkt.arp.spa
                return PASS

            def release(self, c: Shared) -> None:
                c.port = 0
                return

            def on_timer(self) -> None:
                self.ticks += 1
        """)
    assert [(h.role, h.port) for h in code.handlers] == [
        ("new_session", 0), ("process_packet", 0), ("process_packet", 1), ("release", 0), ("on_timer", 0)]
    assert code.needs == (frozenset({"ip", "tcp"}), frozenset({"arp"}))
    assert "(reply-key (header pkt ip dst) (header pkt tcp dport) (const 7) (const 80))" in lab_text(code)


def test_text_is_deterministic_and_whole(lab: Lab) -> None:
    code = lab.packet("s.n8 = 1\nreturn PASS", setup="self.t = Table(u8, [1, 2])\nself.p = Ports(1, 9)")
    assert lab_text(code) == """\
(code box Box
  (needs 0)
  (scratch State
    (n8 u8 0)
    (n16 u16 0)
    (n32 u32 0)
    (n64 u64 0)
    (wide u128 0)
    (signed i32 0)
    (seen bool 0)
    (row u16 0 (below 10))
    (last u32[8] 0)
    (safe Mark 0))
  (conn Shared
    (port u16 0))
  (table t u8 2 1 2)
  (ports p 1 9)
  (process_packet 0
    (func process_packet (args (s scratch) (c conn) (p peer) (pkt packet) (flow flow))
      (store (field scratch n8) (const 1))
      (return (action pass)))))
"""


def lab_text(code: Code) -> str:
    return code_text(code)
