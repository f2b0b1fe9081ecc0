"""The 28 properties of a TCP stream edited in the middle, as checks that draw their own traffic."""

from __future__ import annotations

from mcc.testing.properties import delivery, feedback, headers, hostile
from mcc.testing.properties.base import Property

properties: list[Property] = [
    Property(1, "the receiver reads T(S), whatever the wire does", "definition", delivery.delivered),
    Property(2, "positions hold, across the wrap of 2^32", "RFC 9293 3.4", delivery.numbered),
    Property(3, "acknowledgements map back", "design rule", feedback.acknowledged),
    Property(4, "sent again and cut elsewhere: the same bytes at the same places", "RFC 1122 4.2.2.15",
             delivery.sent_again),
    Property(5, "a segment removed whole is acknowledged", "paper III-B", delivery.removed_whole),
    Property(6, "duplicate ACKs neither lost nor faked", "RFC 5681", feedback.duplicates_kept),
    Property(7, "SACK is mapped, legal, and never stripped", "RFC 2018, 2883", feedback.selective),
    Property(8, "timestamps are there, and the hosts' own", "RFC 7323 3.2, 5", headers.stamped),
    Property(9, "the window's right edge never moves left", "RFC 9293 3.8.6", feedback.windows),
    Property(10, "SYN and FIN take one number, a RST is exact", "RFC 9293, 5961 3", headers.ends),
    Property(11, "an ACK of the unseen stays unacceptable", "RFC 5961 5", feedback.acceptable),
    Property(12, "keep-alives and probes are no data", "RFC 1122 4.2.3.6", feedback.probed),
    Property(13, "data on a SYN", "RFC 7413", delivery.fast_open),
    Property(14, "the urgent pointer is mapped or cleared", "RFC 6093", headers.urgent),
    Property(15, "no segment exceeds the MSS", "RFC 6691", delivery.small_enough),
    Property(16, "ICMP errors quote the client's own segment", "RFC 5927", headers.icmp),
    Property(17, "TCP-AO and TCP-MD5 pass untouched or not at all", "RFC 5925, 2385", headers.protected),
    Property(18, "MP_CAPABLE is stripped by what modifies, and only by that", "RFC 8684 3.7", headers.multipath),
    Property(19, "overlaps: the first copy wins on the wire, and is counted", "Suricata, Snort 3", hostile.overlaps),
    Property(20, "what changes nothing is bit-exact", "Honda et al. 2011", hostile.untouched),
    Property(21, "strange connections: no crash, no leak", "suricata-verify", hostile.declared),
    Property(22, "no deadlock", "paper III-B", delivery.no_deadlock),
    Property(23, "memory stays under the cap", "Suricata's exception policies", hostile.bounded),
    Property(24, "checksums are those of the full sum", "RFC 1624", hostile.summed),
    Property(25, "the output does not depend on bursts", "metamorphic", hostile.same_output),
    Property(26, "elements fused are boxes in series", "paper IV", delivery.in_series),
    Property(27, "what was acknowledged early is owned", "RFC 3135", delivery.owned),
    Property(28, "a wrong checksum never wins", "definition", delivery.corrupt),
]

__all__ = ["Property", "properties"]
