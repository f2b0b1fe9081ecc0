"""Addresses as integers in host order."""

from __future__ import annotations

import ipaddress
import re

from mcc.diag import CompileError, Diagnostic
from mcc.lang.types import Addr4, Addr6, Mac
from mcc.lang.where import caller_span


def _fail(kind: str, s: object, hint: str) -> CompileError:
    return CompileError((Diagnostic("error", caller_span(2), f"{s!r} is not {kind}", hint),))


def ip4(s: str) -> Addr4:
    """"10.0.0.1" as u32. Raises CompileError at the user's line."""
    try:
        return Addr4(int(ipaddress.IPv4Address(s)))
    except ValueError:
        raise _fail("an IPv4 address", s, 'such as "10.0.0.1"') from None


def ip6(s: str) -> Addr6:
    """"2001:db8::1" as u128. Raises CompileError at the user's line."""
    try:
        return Addr6(int(ipaddress.IPv6Address(s)))
    except ValueError:
        raise _fail("an IPv6 address", s, 'such as "2001:db8::1"') from None


def mac(s: str) -> Mac:
    """"02:00:00:00:00:01" as u64. Raises CompileError at the user's line."""
    if not isinstance(s, str) or not re.fullmatch(r"[0-9a-fA-F]{1,2}([:-][0-9a-fA-F]{1,2}){5}", s):
        raise _fail("a MAC address", s, 'such as "02:00:00:00:00:01"')
    return Mac(int("".join(f"{int(b, 16):02x}" for b in re.split("[:-]", s)), 16))
