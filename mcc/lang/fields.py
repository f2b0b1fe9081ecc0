"""Header fields as users name them, and the values they write for them."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, NoReturn

from mcc.diag import CompileError, Diagnostic
from mcc.lang.algebra import Cls, Header, Load, Meta, Test, conj, has
from mcc.lang.ranges import Ranges, complement, masked, normal, of, prefix
from mcc.lang.where import caller_span
from mcc.protocols.headers import BY_LAYER

_MAC = re.compile(r"[0-9a-fA-F]{1,2}(?:[:-][0-9a-fA-F]{1,2}){5}")


def fail(message: str, hint: str = "") -> NoReturn:
    """Raise the error at the user's line."""
    raise CompileError((Diagnostic("error", caller_span(2), message, hint),))


class Field:
    """A header field, relative to the context it is used in. Compared with a value it gives a class.

    key: "ip.src"; width: bits; level: 0 for this context, n for n encapsulations out. One object a key and level.
    A test on a field is about packets that have its layer: `Tcp.dport != 80` is TCP on another port; everything
    else, UDP included, is `~(Tcp.dport == 80)`.
    Values are integers, or for addresses text: "10.0.0.1", "fe80::1", "00:11:22:33:44:55".
    """

    __slots__ = ("key", "layer", "level", "name", "width")

    def __init__(self, layer: str, name: str, width: int, level: int = 0) -> None:
        self.key, self.layer, self.name = f"{layer}.{name}", layer, name
        self.width, self.level = width, level

    def __repr__(self) -> str:
        shown = f"{self.layer.capitalize()}.{self.name}"
        return f"outer({shown}, {self.level})" if self.level else shown

    def __hash__(self) -> int:
        return hash((self.key, self.level))

    def __eq__(self, v: object) -> Any:
        if isinstance(v, Field) or v is None:
            return self is v
        return self._test(of([self._value(v)]))

    def __ne__(self, v: object) -> Any:
        if isinstance(v, Field) or v is None:
            return self is not v
        return self._test(complement(of([self._value(v)]), self.width))

    def __lt__(self, v: int) -> Cls:
        return self._test(normal([(0, self._value(v) - 1)]))

    def __le__(self, v: int) -> Cls:
        return self._test(((0, self._value(v)),))

    def __gt__(self, v: int) -> Cls:
        return self._test(normal([(self._value(v) + 1, self._top)]))

    def __ge__(self, v: int) -> Cls:
        return self._test(((self._value(v), self._top),))

    def any_of(self, *v: int | str) -> Cls:
        """One of the values."""
        if not v:
            fail(f"{self!r}.any_of() needs at least one value", "NONE is the class without packets")
        return self._test(of(self._value(x) for x in v))

    def between(self, lo: int | str, hi: int | str) -> Cls:
        """lo and hi included."""
        a, b = self._value(lo), self._value(hi)
        if a > b:
            fail(
                f"{self!r}.between({lo!r}, {hi!r}) is empty: {lo} is greater than {hi}",
                "the smaller value goes first",
            )
        return self._test(((a, b),))

    def within(self, net: str) -> Cls:
        """Addresses of a network: "10/8", "192.168.1.0/24", "10.0.0.0 mask 255.0.0.0", "2001:db8::/32"."""
        if self.key in ("ip.src", "ip.dst", "arp.spa", "arp.tpa", "net.src", "net.dst"):
            found = parse_net4(net)
        elif self.width == 128:
            found = parse_net6(net)
        else:
            fail(f"{self!r} is not an address: within() is for networks", "between(lo, hi) is for numbers")
        if isinstance(found, str):
            fail(f"{net!r} is not a network for {self!r}: {found}", 'such as "10.0.0.0/8" or "2001:db8::/32"')
        return self._test(found)

    def masked(self, mask: int, value: int) -> Cls:
        """Packets with `field & mask == value`."""
        m, v = self._value(mask), self._value(value)
        if v & ~m:
            fail(f"{self!r} & {mask:#x} can never be {value:#x}", "the value has bits that the mask does not")
        ranges = masked(m, v, self.width)
        if ranges is not None:
            return self._test(ranges)
        if self.layer == "in" or self.key == "eth.type":
            fail(f"{self!r}.masked() needs a mask that keeps the upper bits", "list the values with any_of()")
        self._check_use()
        guard = has(self.layer)
        return conj((guard, Test(header_load(self.layer, self.name, m), ((v, v),))))

    @property
    def _top(self) -> int:
        return (1 << self.width) - 1

    def _check_use(self) -> None:
        if self.layer == "net":
            fail(
                f"{self!r} is for the fields of a Session; it is not one field of the packet",
                f"Ip.{self.name} or Ip6.{self.name}",
            )

    def _test(self, ranges: Ranges) -> Cls:
        self._check_use()
        if self.layer == "in":
            return Test(Meta(self.key), ranges)
        return Test(Header(self.layer, self.name, self.level), ranges)

    def _value(self, v: object) -> int:
        found = self._text_value(v) if isinstance(v, str) else v
        if not isinstance(found, int):
            fail(f"{v!r} is not a value of {self!r}", self._example())
        if not 0 <= found <= self._top:
            fail(f"{v} does not fit {self!r}, which has {self.width} bits", f"0 to {self._top}")
        return int(found)

    def _text_value(self, v: str) -> int | None:
        try:
            if self.width == 48 and _MAC.fullmatch(v):
                return int("".join(f"{int(b, 16):02x}" for b in re.split("[:-]", v)), 16)
            if self.key in ("ip.src", "ip.dst", "arp.spa", "arp.tpa"):
                return int(ipaddress.IPv4Address(v))
            return int(ipaddress.IPv6Address(v)) if self.width == 128 else None
        except ValueError:
            return None

    def _example(self) -> str:
        if self.width == 48:
            return 'a MAC address is written "00:11:22:33:44:55"'
        if self.width == 128:
            return 'an IPv6 address is written "2001:db8::1"'
        return 'an IPv4 address is written "10.0.0.1"' if self.width == 32 else "it is an integer"


def header_load(layer: str, name: str, mask: int = 0) -> Load:
    """Where the bits of a named field are, as the parser finds its layer."""
    f = BY_LAYER[layer][name]
    base, shift = {"eth": ("abs", 0), "vlan": ("abs", 96), "arp": ("l3", 0), "ip": ("l3", 0), "ip6": ("l3", 0)}.get(
        layer, ("l4", 0)
    )
    return Load(base, f.bit + shift, f.width, mask)


def parse_net4(text: str) -> Ranges | str:
    """ "10/8", "10.1", "10.1.0.0/16", "10.0.0.0 mask 255.0.0.0", or what is wrong with it."""
    address, slash, length = text.replace(" mask ", "/").partition("/")
    parts = address.strip().split(".")
    if not 1 <= len(parts) <= 4 or not all(re.fullmatch("[0-9]{1,3}", p) and int(p) < 256 for p in parts):
        return f"{address.strip()!r} is not an IPv4 address"
    value = int.from_bytes(bytes(int(p) for p in parts) + bytes(4 - len(parts)), "big")
    if not slash:
        return prefix(value, 8 * len(parts), 32)
    length = length.strip()
    if "." in length:
        try:
            bits = int(ipaddress.IPv4Address(length))
        except ValueError:
            return f"{length!r} is not a mask"
        if bits and (~bits & 0xFFFFFFFF) & ((~bits & 0xFFFFFFFF) + 1):
            return f"the mask {length} is not a prefix"
        n = bits.bit_count()
    elif length.isdigit() and int(length) <= 32:
        n = int(length)
    else:
        return f"{length!r} is not a prefix length of 0 to 32"
    return _whole(value, n, 32, text)


def parse_net6(text: str) -> Ranges | str:
    address, slash, length = text.partition("/")
    try:
        value = int(ipaddress.IPv6Address(address.strip()))
    except ValueError:
        return f"{address.strip()!r} is not an IPv6 address"
    if slash and not (length.strip().isdigit() and int(length) <= 128):
        return f"{length!r} is not a prefix length of 0 to 128"
    return _whole(value, int(length) if slash else 128, 128, text)


def _whole(value: int, n: int, width: int, text: str) -> Ranges | str:
    found = prefix(value, n, width)
    return found if found[0][0] == value else f"{text!r} has bits behind its prefix of {n} bits"
