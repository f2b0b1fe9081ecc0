"""What the interval analysis proves (no check at run time) and what it must not believe."""

from __future__ import annotations

import pytest

from tests.unit.frontend.builders import Lab

PROVED = [
    "s.last[s.row % 8] = 1",
    "if s.row < 8:\n    s.last[s.row] = 1",
    "if s.row >= 8:\n    return DROP\ns.last[s.row] = 1",
    "if 2 <= s.n8 < 8:\n    s.last[s.n8 - 2] = 1",
    "if s.n8 < 7:\n    s.last[s.n8 + 1] = 1",
    "if s.row + 1 < 8:\n    s.last[s.row] = 1",
    "if not s.n8 > 7:\n    s.last[s.n8] = 1",
    "if s.seen and s.n8 < 8:\n    s.last[s.n8] = 1",
    "if s.n8 >= 8 or s.seen:\n    return DROP\ns.last[s.n8] = 1",
    "s.last[s.n8 >> 5] = 1",
    "s.last[min(s.n8, 7)] = 1",
    "n = s.n8 & 3\nn = n + 4\ns.last[n] = 1",
    "n = s.n8 % 4 if s.seen else s.n8 & 7\ns.last[n] = 1",
    "for i in range(8):\n    s.last[i] = 1",
    "for i in range(len(s.last)):\n    for j in range(i):\n        s.last[j] = s.last[i]",
    "for i in range(min(s.n8, 8)):\n    s.last[i] = 1",
    "n: u32 = 0\nfor i in range(100):\n    if n < 7:\n        n += 1\n    s.last[n] = 1",
    "n: u32 = 7\nfor i in range(9):\n    n = (n + 1) % 8\ns.last[n] = 1",
    "match s.n8:\n    case 3 | 7:\n        s.last[s.n8] = 1",
    "if s.n32 == 5:\n    s.last[s.n32] = 1",
    "s.row = 9\ns.row = (s.row + 1) % 10",
    "if s.row < 9:\n    s.row += 1",
    "if u32(s.n8) < 8:\n    s.last[s.n8] = 1",
    "s.last[pkt.vlan.pcp] = 1",
    "pkt.vlan.pcp = s.n8 & 7",
    "if s.n16 <= 4095:\n    pkt.vlan.vid = s.n16",
    "if s.n32 > 0:\n    s.n32 = 100 // s.n32",
    "if s.n32 == 0:\n    return DROP\ns.n32 = 100 // s.n32",
    "for i in range(1, 9):\n    s.n32 = s.n32 // i",
]

NOT_PROVED = [
    "if s.n8 + 1 < 8:\n    s.last[s.n8] = 1",
    "s.last[s.row] = 1",
    "if s.n8 < 9:\n    s.last[s.n8] = 1",
    "if s.n8 < 8:\n    s.n8 += 1\n    s.last[s.n8] = 1",
    "if s.n8 < 8 or s.seen:\n    s.last[s.n8] = 1",
    "n = s.n8 % 4 if s.seen else s.n8 & 15\ns.last[n] = 1",
    "for i in range(9):\n    s.last[i] = 1",
    "n: u32 = 0\nfor i in range(9):\n    s.last[n] = 1\n    n += 1",
    "n: u32 = 0\nfor i in range(9):\n    n += 1\ns.last[n] = 1",
    "n: u32 = 0\nfor i in range(9):\n    if s.seen:\n        n = 100\n        break\ns.last[n] = 1",
    "n: u32 = 0\nfor i in range(9):\n    if s.seen:\n        n = 100\n        continue\n    n = 0\ns.last[n] = 1",
    "for i in range(4):\n    if s.n8 < 8:\n        s.last[s.n8] = 1\n    s.last[s.n8 & 7] = 2\n    s.n8 += 1\n"
    "    s.last[s.n8] = 3",
    "if s.n8 < 8:\n    pass\ns.last[s.n8] = 1",
    "if p.n8 < 8:\n    s.n8 = 200\n    s.last[p.n8] = 1",
    "if pkt.ip.ttl < 8:\n    pkt.ip.tos = 9\n    s.last[pkt.ip.ttl] = 1",
    "if pkt.vlan.vid < 8:\n    pkt.push_vlan(9)\n    s.last[pkt.vlan.vid] = 1",
    "s.last[u32(u8(s.n8 + 8)) & 255] = 1",
    "if s.n8 - 1 < 8:\n    s.last[s.n8] = 1",
    "match s.n8:\n    case 3 | 8:\n        s.last[s.n8] = 1",
    "match s.n8:\n    case 3 | 7:\n        pass\n    case _:\n        s.last[s.n8] = 1",
]


@pytest.mark.parametrize("body", PROVED, ids=lambda b: b.replace("\n", "; "))
def test_proved(lab: Lab, body: str) -> None:
    lab.packet(f"{body}\nreturn PASS", strict=True)
    assert "checked" not in lab.body(f"{body}\nreturn PASS")


@pytest.mark.parametrize("body", NOT_PROVED, ids=lambda b: b.replace("\n", "; "))
def test_not_proved(lab: Lab, body: str) -> None:
    assert lab.body(f"{body}\nreturn PASS").count("(checked") == 1
    assert [d.severity for d in lab.report.items if "cannot prove" in d.message] == ["note"]
    with pytest.raises(AssertionError, match="cannot prove"):
        lab.packet(f"{body}\nreturn PASS", strict=True)


def test_live_may_change_between_two_reads(lab: Lab) -> None:
    code = "if self.n.value < 8:\n    s.last[self.n.value] = 1\nreturn PASS"
    assert "(checked (state n))" in lab.body(code, params="n: Live[u32]", inst="Box(Live(3))")


def test_a_helper_may_change_what_is_known_of_state(lab: Lab) -> None:
    helper = "@inline\ndef step(self) -> u32:\n    self.n.value = 77\n    return 1\n"
    setup = "self.n = PerCore(u32)"
    known = "if self.n.value < 8:\n    s.last[self.n.value] = {}\nreturn PASS"
    assert "checked" not in lab.body(known.format("1"), setup=setup, params=helper)
    lost = "if self.n.value < 8 and self.step() == 1:\n    s.last[self.n.value] = 1\nreturn PASS"
    assert "(checked (state n))" in lab.body(lost, setup=setup, params=helper)


def test_tables_tell_their_values(lab: Lab) -> None:
    assert "checked" not in lab.body("s.n32 = self.t[s.n8 % 3]\ns.last[self.t[1]] = 1\nreturn PASS",
                                     setup="self.t = Table(u32, [7, 0, 3])")
    assert "checked" in lab.body("s.last[self.t[1]] = 1\nreturn PASS", setup="self.t = Table(u32, [7, 0, 8])")


def test_index_of_a_table(lab: Lab) -> None:
    text = """
        @struct
        class Dfa:
            state: Annotated[u16, IndexOf("dfa")] = 0

        @element(session=FLOW, scratch=Dfa)
        class Box(Element):
            rows: int

            def setup(self) -> None:
                self.dfa = Table(u16, [[i % self.rows] * 4 for i in range(self.rows)])

            def process_packet(self, s: Dfa, pkt: Packet) -> Action:
                s.state = self.dfa[s.state, pkt.tcp.flags & 3]
                return PASS
        """
    code = lab.code(text, "Box(5)", strict=True)
    assert code.scratch is not None and code.scratch.fields[0].below == 5
    assert code.scratch.fields[0].index_of == "dfa"
    code = lab.code(text, "Box(9)", strict=True)
    assert code.scratch is not None and code.scratch.fields[0].below == 9


def test_values_of_a_map_are_those_that_are_put(lab: Lab) -> None:
    setup = "self.m: HashMap[u32, u64] = HashMap(64)"
    body = "self.m.put(pkt.ip.src, {})\nh = self.m.get(1)\nif h is not None:\n    pkt.eth.dst = h\nreturn PASS"
    lab.packet(body.format("pkt.eth.src"), setup=setup)
    with pytest.raises(AssertionError, match="eth.dst has 48 bits"):
        lab.packet(body.format("pkt.at"), setup=setup)
    with pytest.raises(AssertionError, match="eth.dst has 48 bits"):
        lab.packet(body.format("pkt.eth.src"), setup=setup + "\nself.m.put(1, 1 << 48)")
    grows = ("h = self.m.get(1)\nif h is not None:\n    self.m.put(1, h + 1)\n    pkt.eth.dst = h\n"
             "else:\n    self.m.put(1, 0)\nreturn PASS")
    with pytest.raises(AssertionError, match="eth.dst has 48 bits"):
        lab.packet(grows, setup=setup)


@pytest.mark.parametrize("body", [
    "n: u32 = 0\nfor i in range(65536):\n    n += 1",
    "for i in range(s.n16):\n    pass",
    "for i in range(s.n32 % 65536):\n    pass",
    "for i in range(10, s.n16):\n    for j in range(i):\n        pass",
])
def test_loops_with_a_bound(lab: Lab, body: str) -> None:
    lab.packet(f"{body}\nreturn PASS")


@pytest.mark.parametrize("body", [
    "for i in range(65537):\n    pass", "for i in range(s.n32):\n    pass", "for i in range(s.n16 + s.n32):\n    pass",
])
def test_loops_without(lab: Lab, body: str) -> None:
    with pytest.raises(AssertionError, match="this loop may run"):
        lab.packet(f"{body}\nreturn PASS")


def test_every_case_covered_needs_no_default(lab: Lab) -> None:
    lab.packet("match s.n8 & 1:\n    case 0:\n        return PASS\n    case 1:\n        return DROP")
    with pytest.raises(AssertionError, match="may end without"):
        lab.packet("match s.n8 & 3:\n    case 0:\n        return PASS\n    case 1 | 2:\n        return DROP")


@pytest.mark.parametrize(("body", "known"), [
    ("if h is None:\n    return DROP\ns.n16 = h", True),
    ("if h is None or h > 3:\n    return DROP\ns.n16 = h", True),
    ("s.n16 = h if h is not None else u16(0)", True),
    ("if h is not None and s.seen:\n    s.n16 = h", True),
    ("if h is None:\n    s.n16 = h", False),
    ("if h is not None:\n    return DROP\ns.n16 = h", False),
    ("if h is not None or s.seen:\n    s.n16 = h", False),
    ("if h is None:\n    return DROP\nh = self.m.get(2)\ns.n16 = h", False),
    ("if h is None:\n    pass\ns.n16 = h", False),
])
def test_results_of_look_ups(lab: Lab, body: str, known: bool) -> None:
    text = f"h = self.m.get(1)\n{body}\nreturn PASS"
    if known:
        assert "(value (local h))" in lab.body(text, setup="self.m = HashMap[u32, u16](8)")
    else:
        with pytest.raises(AssertionError, match="h may be None here"):
            lab.body(text, setup="self.m = HashMap[u32, u16](8)")
