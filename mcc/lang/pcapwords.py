"""The words of pcap-filter: what each is called, the numbers behind names, and the tree that the grammar gives."""

from __future__ import annotations

import ipaddress
from functools import cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

PROTO_NUMBERS = {
    "icmp": 1,
    "igmp": 2,
    "ggp": 3,
    "ipencap": 4,
    "tcp": 6,
    "egp": 8,
    "igp": 9,
    "udp": 17,
    "ipv6": 41,
    "rsvp": 46,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "ipv6-icmp": 58,
    "eigrp": 88,
    "ospf": 89,
    "ipip": 94,
    "pim": 103,
    "vrrp": 112,
    "l2tp": 115,
    "sctp": 132,
    "udplite": 136,
}
"""Names behind `ip proto`, as /etc/protocols has them."""

ETHER_NUMBERS = {
    "ip": 0x0800,
    "ip6": 0x86DD,
    "ipv6": 0x86DD,
    "arp": 0x0806,
    "rarp": 0x8035,
    "aarp": 0x80F3,
    "decnet": 0x6003,
    "lat": 0x6004,
    "loopback": 0x9000,
    "mopdl": 0x6001,
    "moprc": 0x6002,
    "sca": 0x6007,
}
"""Names behind `ether proto`; also the protocols that are an EtherType when they stand alone."""

ALONE = {
    "tcp": ("", 6),
    "udp": ("", 17),
    "sctp": ("", 132),
    "pim": ("", 103),
    "ah": ("", 51),
    "esp": ("", 50),
    "icmp": ("ip", 1),
    "igmp": ("ip", 2),
    "igrp": ("ip", 9),
    "vrrp": ("ip", 112),
    "carp": ("ip", 112),
    "icmp6": ("ip6", 58),
}
"""Protocols that are an IP protocol number when they stand alone: in which IP ("": both), the number."""

_KINDS = {
    "and": "AND",
    "or": "OR",
    "not": "NOT",
    "host": "KIND",
    "net": "KIND",
    "port": "KIND",
    "portrange": "KIND",
    "proto": "PROTO",
    "mask": "MASK",
    "src": "DIR",
    "dst": "DIR",
    "len": "LEN",
    "length": "LEN",
    "vlan": "VLAN",
    "less": "LESS",
    "greater": "GREATER",
    "broadcast": "BROADCAST",
    "multicast": "MULTICAST",
    **dict.fromkeys(["link", "ether", *ALONE, *(n for n in ETHER_NUMBERS if n not in ("ipv6", "loopback"))], "PNAME"),
}

_REFUSED = frozenset(
    "ppp slip fddi tr wlan atalk iso esis es-is isis is-is l1 l2 iih lsp snp csnp psnp clnp stp ipx netbeui radio "
    "protochain gateway type subtype direction dir address1 addr1 address2 addr2 address3 addr3 address4 addr4 ra ta "
    "byte inbound outbound ifindex mpls pppoed pppoes geneve vxlan batadv lane llc metac bcc oam oamf4 oamf4ec "
    "oamf4sc sc ilmic vpi vci connectmsg metaconnect on ifname rset ruleset rnr rulenum srnr subrulenum "
    "reason action fisu lssu lsu msu hfisu hlssu hmsu sio opc dpc sls hsio hopc hdpc hsls".split()
)

_NUMBERS = {
    "icmptype": 0,
    "icmpcode": 1,
    "icmp6type": 0,
    "icmp6code": 1,
    "tcpflags": 13,
    "tcp-fin": 1,
    "tcp-syn": 2,
    "tcp-rst": 4,
    "tcp-push": 8,
    "tcp-ack": 16,
    "tcp-urg": 32,
    "tcp-ece": 64,
    "tcp-cwr": 128,
    "icmp-echoreply": 0,
    "icmp-unreach": 3,
    "icmp-sourcequench": 4,
    "icmp-redirect": 5,
    "icmp-echo": 8,
    "icmp-routeradvert": 9,
    "icmp-routersolicit": 10,
    "icmp-timxceed": 11,
    "icmp-paramprob": 12,
    "icmp-tstamp": 13,
    "icmp-tstampreply": 14,
    "icmp-ireq": 15,
    "icmp-ireqreply": 16,
    "icmp-maskreq": 17,
    "icmp-maskreply": 18,
    "icmp6-destinationunreach": 1,
    "icmp6-packettoobig": 2,
    "icmp6-timeexceeded": 3,
    "icmp6-parameterproblem": 4,
    "icmp6-echo": 128,
    "icmp6-echoreply": 129,
    "icmp6-routersolicit": 133,
    "icmp6-routeradvert": 134,
    "icmp6-neighborsolicit": 135,
    "icmp6-neighboradvert": 136,
    "icmp6-redirect": 137,
}

_SHOWN = {
    "AND": "and",
    "OR": "or",
    "NOT": "not",
    "NOT_SIGN": "not",
    "AND_SIGN": "and",
    "OR_SIGN": "or",
    "SHIFT": "<< >>",
    "PNAME": "a protocol",
    "KIND": "host, net, port, portrange",
    "DIR": "src, dst",
    "IP4": "an IPv4 address",
    "IP6": "an IPv6 address",
    "MAC": "a MAC address",
    "NUM": "a number",
    "RANGE": "a port range",
    "ID": "a name",
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "RSQB": "]",
    "COLON": ":",
    "SLASH": "/",
    "RELOP": "= != < > <= >=",
    "ARITHOP": "+ - * & | ^ << >>",
    "MASK": "mask",
    "LEN": "len",
    "VLAN": "vlan",
    "LESS": "less",
    "GREATER": "greater",
    "BROADCAST": "broadcast",
    "MULTICAST": "multicast",
    "PROTO": "proto",
    "$END": "the end",
}


class Refused(Exception):
    """Something in the text that is wrong or not supported: columns from 0, end exclusive."""

    def __init__(self, message: str, start: int, end: int, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.start, self.end, self.hint = message, start, end, hint


def refuse(token: Token, message: str, hint: str = "") -> Refused:
    start = token.start_pos or 0
    return Refused(message, start, start + len(token), hint)


def _classify(token: Token) -> Token:
    """A word becomes what it is: keyword, named number, or a name."""
    word = str(token)
    if word in _KINDS:
        return Token.new_borrow_pos(_KINDS[word], word, token)
    if word in _NUMBERS:
        return Token.new_borrow_pos("NUM", word, token)
    if word in _REFUSED:
        raise refuse(
            token,
            f"{word!r} is not supported here",
            "supported: host, net, port, portrange, proto, vlan, less, "
            "greater, broadcast, multicast, protocol names, proto[offset:size], len",
        )
    return token


@cache
def _parser() -> Lark:
    grammar = (files("mcc.lang") / "grammars" / "pcapfilter.lark").read_text()
    return Lark(
        grammar,
        parser="lalr",
        lexer="basic",
        maybe_placeholders=False,
        propagate_positions=True,
        lexer_callbacks={"ID": _classify},
    )


def parse_tree(text: str) -> Any:
    """The tree of an expression. Raises Refused."""
    try:
        return _parser().parse(text)
    except UnexpectedToken as e:
        shown = list(dict.fromkeys(_SHOWN.get(x, x.lower()) for x in sorted(e.expected | set(e.accepts or ()))))
        start = min(e.pos_in_stream or 0, len(text)) if e.token.type != "$END" else len(text)
        what = "the expression ends too early" if e.token.type == "$END" else f"{str(e.token)!r} does not belong here"
        raise Refused(what, start, start + max(1, len(e.token)), f"expected {', '.join(shown)}") from None
    except UnexpectedCharacters as e:
        at = e.pos_in_stream or 0
        raise Refused(f"{text[at]!r} does not belong here", at, at + 1) from None
    except UnexpectedEOF:
        raise Refused("the expression ends too early", len(text), len(text) + 1) from None


def number(token: Token) -> int:
    """Decimal, 0x hexadecimal, 0 octal, or a name such as tcp-syn; 32 bits."""
    word = str(token)
    if word in _NUMBERS:
        return _NUMBERS[word]
    value = _number(word)
    if value is None:
        raise refuse(token, f"{word!r} is not a number of 32 bits", "a leading 0 means octal")
    return value


def _number(word: str) -> int | None:
    try:
        value = int(word, 16 if word[:2] in ("0x", "0X") else 8 if word[0] == "0" and len(word) > 1 else 10)
    except ValueError:
        return None
    return value if value < 1 << 32 else None


def ip4(token: Token) -> tuple[int, int]:
    """(value of the bytes that are there, how many bits they are): "10.1" is (0x0a01, 16)."""
    value = 0
    parts = str(token).split(".")
    for p in parts:
        byte = _number(p) if p.isalnum() else None
        if byte is None or byte > 255:
            raise refuse(token, f"{str(token)!r} is not an IPv4 address")
        value = value << 8 | byte
    return value, 8 * len(parts)


def ip6(token: Token) -> int:
    try:
        return int(ipaddress.IPv6Address(str(token)))
    except ValueError:
        raise refuse(token, f"{str(token)!r} is not an IPv6 address") from None


def mac(token: Token) -> int:
    word = str(token)
    if any(c in word for c in ":-") or word.count(".") == 5:
        return int("".join(p.zfill(2) for p in word.replace("-", ":").replace(".", ":").split(":")), 16)
    return int(word.replace(".", ""), 16)
