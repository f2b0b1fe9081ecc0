"""VLAN tags (IEEE 802.1Q) put on and taken off. What follows in the same stage still knows the packet as it came in
(docs/semantics.md, 3); `FlowClassifier()` behind them looks anew."""

from mcc import PASS, VLAN, Action, CompileError, Element, Packet, element, u16
from mcc.diag import Diagnostic


@element
class VlanTag(Element):
    """Puts a tag with number `vid` (0-4095, priority 0) before all others. Class: Ethernet. Output 0: longer frames."""

    vid: u16

    def setup(self) -> None:
        if not 0 <= self.vid <= 4095:
            raise CompileError((Diagnostic("error", self.span, f"{self.vid} is not a VLAN number", "0 to 4095"),))

    def process_packet(self, pkt: Packet) -> Action:
        pkt.push_vlan(self.vid)
        return PASS


@element(cls=VLAN)
class VlanStrip(Element):
    """Takes the outermost tag away. Class: packets with a tag, others go by. Output 0: all packets."""

    def process_packet(self, pkt: Packet) -> Action:
        pkt.pop_vlan()
        return PASS
