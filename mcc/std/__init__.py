"""The library of elements, written in the language itself: `from mcc.std import NAT`. docs/elements.md is its guide.

The text form of a chain finds these names without an import.
"""

from mcc.std.arp import ARPQuerier, ARPResponder
from mcc.std.balancers import LoadBalancer, ReverseProxy
from mcc.std.copies import Capture, Mirror
from mcc.std.firewall import Firewall
from mcc.std.limits import RateLimiter, Sampler
from mcc.std.nat import NAT, NATIcmp
from mcc.std.select import Filter
from mcc.std.stats import PacketStats, PortStats, VlanStats
from mcc.std.vlan import VlanStrip, VlanTag

__all__ = [
    "ARPQuerier", "ARPResponder", "Capture", "Filter", "Firewall", "LoadBalancer", "Mirror", "NAT", "NATIcmp",
    "PacketStats", "PortStats", "RateLimiter", "ReverseProxy", "Sampler", "VlanStats", "VlanStrip", "VlanTag",
]
