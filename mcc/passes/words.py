"""Fields and values of decision diagrams as people write them: `dport 80`, `10.0.0.0/8`, `not 22, 23`."""

from __future__ import annotations

import ipaddress

from mcc.ir.classify import NET, TRANSPORT, DField
from mcc.lang.ranges import Ranges
from mcc.protocols.headers import BY_KEY

_ETYPES = {0x0800: "IP", 0x0806: "ARP", 0x86DD: "IP6", 0x8100: "VLAN"}
_NETS = {"none": "other", "arp": "ARP", "ip": "IP", "ip6": "IP6"}
_COLUMNS = {
    "vlans": "tags", "etype": "Ethertype", "net": "Ethertype", "arp.op": "ARP op", "transport": "proto",
    "ip.proto": "proto", "ip6.next": "proto", "proto": "proto", "wire": "length", "link": "link",
    "l4.sport": "sport", "l4.dport": "dport", "vlan.vid": "VLAN", "in.port": "in port",
}
_ORDER = ("tags", "VLAN", "eth.src", "eth.dst", "Ethertype", "ARP op", "proto", "dport", "sport", "dst", "src", "bytes",
          "length")
MOST = 4
"""More intervals than this are counted instead of shown."""


def column(key: str) -> str:
    """The column of table I that a tested field or a field of a key stands in."""
    if key in _COLUMNS:
        return _COLUMNS[key]
    layer, _, name = key.partition(".")
    if layer in ("ip", "ip6", "net") and name in ("src", "dst"):
        return name
    return "bytes" if "+" in key else key


def in_order(columns: set[str]) -> list[str]:
    """As in the paper: link, type, protocol, ports, addresses; the rest by name."""
    return [c for c in _ORDER if c in columns] + sorted(columns - set(_ORDER))


def values_text(field: DField, ranges: Ranges) -> str:
    """Values of a field; a set that leaves out little is said by what it leaves out."""
    named = field.key in ("net", "transport")
    if ranges == ((1, field.top),) and not named:
        return "not 0"
    gaps = _gaps(ranges, field.top)
    if gaps and not named and _size(gaps) <= MOST < _size(ranges):
        return "not " + ", ".join(_one(field, a, b) for a, b in gaps)
    if named:
        return ", ".join(show_value(field.key, v) for a, b in ranges for v in range(a, b + 1))
    shown = [_one(field, a, b) for a, b in ranges[:MOST]]
    return ", ".join(shown) + (f" and {len(ranges) - MOST} more" if len(ranges) > MOST else "")


def _size(ranges: Ranges) -> int:
    return sum(b - a + 1 for a, b in ranges)


def _gaps(ranges: Ranges, top: int) -> Ranges:
    out, at = [], 0
    for a, b in ranges:
        if a > at:
            out.append((at, a - 1))
        at = b + 1
    if at <= top:
        out.append((at, top))
    return tuple(out)


def _one(field: DField, a: int, b: int) -> str:
    if a == b:
        return show_value(field.key, a)
    bits = _address_bits(field.key)
    span = b - a + 1
    if bits and span & (span - 1) == 0 and a % span == 0:
        return f"{show_value(field.key, a)}/{bits - span.bit_length() + 1}"
    if b == field.top:
        return f">= {show_value(field.key, a)}"
    if a == 0 and not bits:
        return f"<= {show_value(field.key, b)}"
    return f"{show_value(field.key, a)}-{show_value(field.key, b)}"


def _address_bits(key: str) -> int:
    """32 or 128 for addresses, else 0."""
    if key in ("ip.src", "ip.dst", "arp.spa", "arp.tpa"):
        return 32
    return 128 if key in ("ip6.src", "ip6.dst") else 0


def show_value(key: str, v: int) -> str:
    """One value of a field."""
    if key == "net":
        return _NETS[NET[v]]
    if key == "transport":
        return "other" if v == 0 else TRANSPORT[v].upper()
    if key == "etype":
        return _ETYPES.get(v, f"{v:#06x}")
    if key == "arp.op":
        return {1: "request", 2: "reply"}.get(v, str(v))
    f = BY_KEY.get(key)
    if f is not None and f.width == 48:
        return ":".join(f"{v >> i & 255:02x}" for i in range(40, -1, -8))
    bits = _address_bits(key)
    if bits:
        return str(ipaddress.IPv4Address(v) if bits == 32 else ipaddress.IPv6Address(v))
    return str(v)


def bytes_text(tests: list[tuple[DField, Ranges]]) -> str:
    """Reads of raw bytes in Click's words: `54/474554202f`; neighbours are joined, other sets said in decimals."""
    out: list[str] = []
    start, text = -1, ""
    for field, ranges in tests:
        load = field.load
        assert load is not None
        plain = len(ranges) == 1 and ranges[0][0] == ranges[0][1] and not load.mask and not (load.bit | load.width) % 8
        if not plain:
            what = f"{load.base}+{load.bit // 8}" if load.width == 8 and not load.bit % 8 else field.key
            out.append(f"{what} {values_text(field, ranges)}")
            continue
        place = load.bit // 8 if load.base == "abs" else -2
        digits = f"{ranges[0][0]:0{load.width // 4}x}"
        if start >= 0 and place == start + len(text) // 2:
            text += digits
            out[-1] = f"{start}/{text}"
        elif place >= 0:
            start, text = place, digits
            out.append(f"{start}/{text}")
        else:
            out.append(f"{load.base}+{load.bit // 8}/{digits}")
    return ", ".join(out)
