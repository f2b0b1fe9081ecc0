"""mcc: network middleboxes as a few lines of decorated Python, run at the speed of hand-written C.

This is the whole public list; docs/language.md explains it.
"""

from mcc.api import Module, build
from mcc.diag import BuildError, CaptureError, CompileError, MccError, PortError
from mcc.lang.automaton import words_dfa
from mcc.lang.chain import Chain, Drop, Duplex, FlowClassifier, Port, chain, duplex
from mcc.lang.chaintext import FromDPDK, ToDPDK
from mcc.lang.classes import (
    ANY,
    ARP,
    HTTP,
    ICMP,
    ICMP6,
    IP,
    IP6,
    L4,
    NONE,
    TCP,
    UDP,
    VLAN,
    Arp,
    Cls,
    Eth,
    Field,
    Icmp,
    Icmp6,
    In,
    Ip,
    Ip6,
    Net,
    Tcp,
    Udp,
    Vlan,
    cls,
    outer,
    raw,
)
from mcc.lang.context import ip, tcp, udp
from mcc.lang.element import Element, element, inline, on
from mcc.lang.graph import Graph
from mcc.lang.native import HsDatabase, HsStream
from mcc.lang.node import Path
from mcc.lang.packet import (
    CLOSE,
    DROP,
    PASS,
    RESET,
    Action,
    Batch,
    Flow,
    Packet,
    Peer,
    alert,
    arp_request,
    emit,
    to,
)
from mcc.lang.parameter import Parameter, ParameterError
from mcc.lang.sent import Sent
from mcc.lang.session import TCP4, UDP4, IPPair, PerVLAN, Session
from mcc.lang.state import Counter, HashMap, Live, PerCore, Ports, Table
from mcc.lang.stream import Chunk, Mark, Match, Stream
from mcc.lang.types import Addr4, Addr6, Array, Below, IndexOf, Len, Mac, i32, i64, struct, u8, u16, u32, u64, u128
from mcc.lang.values import ip4, ip6, mac
from mcc.run.box import Box
from mcc.version import VERSION as __version__

__all__ = [
    "ANY", "ARP", "CLOSE", "DROP", "HTTP", "ICMP", "ICMP6", "IP", "IP6", "L4", "NONE", "PASS", "RESET", "TCP", "TCP4",
    "UDP", "UDP4", "VLAN", "Action", "Addr4", "Addr6", "Array", "Arp", "Batch", "Below", "Box", "BuildError",
    "CaptureError", "Chain", "Chunk", "Cls", "CompileError", "Counter", "Drop", "Duplex", "Element", "Eth", "Field",
    "Flow", "FlowClassifier", "FromDPDK", "Graph", "HashMap", "HsDatabase", "HsStream", "IPPair", "Icmp", "Icmp6", "In",
    "IndexOf", "Ip", "Ip6", "Len", "Live", "Mac", "Mark", "Match", "MccError", "Module", "Net", "Packet", "Parameter",
    "ParameterError", "Path", "Peer", "PerCore", "PerVLAN", "Port", "PortError", "Ports", "Sent", "Session", "Stream",
    "Table", "Tcp", "ToDPDK", "Udp", "Vlan", "__version__", "alert", "arp_request", "build", "chain", "cls", "duplex",
    "element", "emit", "i32", "i64", "inline", "ip", "ip4", "ip6", "mac", "on", "outer", "raw", "struct", "tcp", "to",
    "u128", "u16", "u32", "u64", "u8", "udp", "words_dfa",
]
