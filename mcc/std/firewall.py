"""A firewall: ordered rules in the class language, compiled into the chain's one classifier.

    Firewall([(cls("tcp dst port 22"), "drop"), (TCP, "pass")])
        =>  Track.. >> rule1_drop >> rule2_pass >> default_drop >> decided

Each rule is an element whose class is its own without those before it, so a packet meets one of them, and costs the
same with one rule as with a thousand. The last element drops what is in none of them: packets that end before a byte
that a rule must read (docs/semantics.md, 2). A session that was let in keeps its walk, whatever its later packets look
like: answers pass.
"""

from collections.abc import Sequence

from mcc import (
    ANY,
    DROP,
    ICMP,
    NONE,
    PASS,
    TCP4,
    UDP4,
    Action,
    Cls,
    CompileError,
    Counter,
    Element,
    Icmp,
    Ip,
    Packet,
    Path,
    Session,
    element,
)
from mcc.diag import Diagnostic
from mcc.lang.where import caller_span
from mcc.std.select import set_class

PING = Session(Ip.src, Ip.dst, Icmp.id, where=ICMP, bidirectional=True, timeout=30, name="PING")

Rule = tuple[Cls, str]


@element(session=TCP4 | UDP4)
class TrackConnections(Element):
    """Begins a session for TCP and UDP packets that a rule lets pass."""

    accepted: Cls

    def setup(self) -> None:
        set_class(self, self.accepted)
        self.sessions = Counter()

    def new_session(self, pkt: Packet) -> Action:
        self.sessions += 1
        return PASS


@element(session=PING)
class TrackPings(Element):
    """Begins a session for ICMP over IPv4 that a rule lets pass: echo replies carry their request's identifier."""

    accepted: Cls

    def setup(self) -> None:
        set_class(self, self.accepted)
        self.sessions = Counter()

    def new_session(self, pkt: Packet) -> Action:
        self.sessions += 1
        return PASS


@element
class PassRule(Element):
    """Lets the packets of its class pass; its packets and bytes are those of the rule."""

    matched: Cls
    name: str

    def setup(self) -> None:
        set_class(self, self.matched, self.name)

    def process_packet(self, pkt: Packet) -> Action:
        return PASS


@element
class DropRule(Element):
    """Drops the packets of its class, counted as `drop:NAME`."""

    matched: Cls
    name: str

    def setup(self) -> None:
        set_class(self, self.matched, self.name)

    def process_packet(self, pkt: Packet) -> Action:
        return DROP


@element(others="drop")
class Decided(Element):
    """The end of the rules, or their beginning on the way back: drops what is in none of them."""

    rules: Cls

    def setup(self) -> None:
        set_class(self, self.rules, "decided")

    def process_packet(self, pkt: Packet) -> Action:
        return PASS


def Firewall(rules: Sequence[Rule], default: str = "drop", stateful: bool = True) -> Path:
    """The path of a firewall, for a duplex or the middle of a one-way path. The first rule that holds decides.

    rules: (class, "pass" or "drop"); default: for packets that no rule matches. Rules are elements named rule1_pass,
    rule2_drop, ..., default_drop: their "packets" in --stats are the rules' counters (answers count for the
    rule that let the first packet in), and drops are counted as `drop:rule2_drop`. Packets too short to decide about
    are dropped, counted as `others:decided`.
    stateful: later packets and answers of a TCP, UDP or ICMP echo session that a rule let in pass. For this the rules
    may test addresses, ports, protocols and the port by which packets came in, because every packet of a session is
    looked up by these; with other tests (flags, lengths) each packet is classified, and answers need their own rule.
    Raises CompileError for an action that is neither "pass" nor "drop".
    """
    for action in (*(a for _, a in rules), default):
        if action not in ("pass", "drop"):
            raise CompileError((Diagnostic("error", caller_span(), f"a firewall cannot {action!r} packets",
                                           '(class, "pass") or (class, "drop")'),))
    line: list[Element] = []
    before: Cls = NONE
    accepted: Cls = NONE
    decided: Cls = NONE
    for i, (cls, action) in enumerate((*rules, (ANY, default)), start=1):
        mine = cls & ~before
        name = f"rule{i}_{action}" if i <= len(rules) else f"default_{action}"
        line.append((PassRule if action == "pass" else DropRule)(mine, name))
        accepted = accepted | mine if action == "pass" else accepted
        decided = decided | mine
        before = before | cls
    line.append(Decided(decided))
    if stateful:
        line = [TrackConnections(accepted), TrackPings(accepted), *line]
    path = Path(line[0])
    for elem in line[1:]:
        path = path >> elem
    return path
