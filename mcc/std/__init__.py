"""The library of elements, written in the language itself: `from mcc.std import NAT`. docs/elements.md is its guide.

The text form of a chain finds these names without an import.
"""

from mcc.std.arp import ARPQuerier, ARPResponder
from mcc.std.balancers import LoadBalancer, ReverseProxy
from mcc.std.copies import Capture, Mirror
from mcc.std.firewall import Firewall
from mcc.std.ips import IPS
from mcc.std.limits import RateLimiter, Sampler
from mcc.std.nat import NAT, NATIcmp
from mcc.std.regex import RegexMatcher
from mcc.std.rules import Content, Rule
from mcc.std.select import Filter
from mcc.std.stats import PacketStats, PortStats, VlanStats
from mcc.std.streams import StreamChecksum, StreamCRC, StreamStats
from mcc.std.vlan import VlanStrip, VlanTag
from mcc.std.words import WordMatcher

__all__ = [
    "ARPQuerier", "ARPResponder", "Capture", "Content", "Filter", "Firewall", "IPS", "LoadBalancer", "Mirror", "NAT",
    "NATIcmp", "PacketStats", "PortStats", "RateLimiter", "RegexMatcher", "ReverseProxy", "Rule", "Sampler",
    "StreamCRC", "StreamChecksum", "StreamStats", "VlanStats", "VlanStrip", "VlanTag", "WordMatcher",
]
