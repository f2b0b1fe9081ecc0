"""Packets and bytes by connection, VLAN or TCP port; read them with `--sessions` or `box.sessions()`."""

from mcc import PASS, TCP4, UDP4, Action, Batch, Element, PerVLAN, Session, element, struct, u64


@struct
class Count:
    """Packets, and bytes of their frames."""

    packets: u64 = 0
    bytes: u64 = 0


@element(session=TCP4 | UDP4, scratch=Count)
class PacketStats(Element):
    """Counts every packet of a TCP or UDP connection, retransmissions included, each direction by itself."""

    def process_batch(self, s: Count, batch: Batch) -> Action:
        s.packets += len(batch)
        s.bytes += batch.bytes
        return PASS


@element(session=PerVLAN, scratch=Count)
class VlanStats(Element):
    """Counts by number of the outermost VLAN tag; packets without a tag go by."""

    def process_batch(self, s: Count, batch: Batch) -> Action:
        s.packets += len(batch)
        s.bytes += batch.bytes
        return PASS


@element(session=Session.parse("proto=TCP, dport=PFP"), scratch=Count)
class PortStats(Element):
    """Counts by TCP destination port, whatever the addresses (paper, II-B)."""

    def process_batch(self, s: Count, batch: Batch) -> Action:
        s.packets += len(batch)
        s.bytes += batch.bytes
        return PASS
