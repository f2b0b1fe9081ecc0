"""Ended sessions and alerts: from the memory of a module to the JSON of CONTRACT.md."""

from __future__ import annotations

import ipaddress
import struct
from typing import Any

from mcc.ir.func import ArrayType, BoolType, HandleType, IntType, MarkType, StructType
from mcc.ir.plan import KeyKind, Leaf
from mcc.passes.layout import field_offsets, size_align
from mcc.passes.rules import leaf_text

ENDS = ("fin", "rst", "timeout", "closed", "evicted", "replaced", "end")
"""Order of enum mcc_end."""

_SESSION = struct.Struct("<IHHIIQQQ")
_ALERT = struct.Struct("<IIIIQQQ12I")
_SHORT = {"ip.src": "src", "ip.dst": "dst", "ip6.src": "src", "ip6.dst": "dst", "l4.sport": "sport",
          "l4.dport": "dport", "vlan.vid": "vlan", "eth.src": "eth_src", "eth.dst": "eth_dst", "in.port": "port"}
_PROTO = {6: "tcp", 17: "udp", 1: "icmp", 58: "icmp6"}
NS = 1_000_000_000


class Records:
    """Decoder for one module."""

    def __init__(self, compiled: Any, ffi: Any, lib: Any) -> None:
        self.compiled, self.ffi, self.lib = compiled, ffi, lib
        self.names = {n.id: n.name for n in compiled.graph.nodes}
        self.layout = [lib.mcc_box_layout[k.id] for k in compiled.plans.kinds]

    def _take(self, log: Any) -> bytes:
        data = bytes(self.ffi.buffer(log.base, log.used)) if log.used else b""
        log.used = 0
        return data

    def sessions(self, core: Any) -> list[dict[str, Any]]:
        data, at, out = self._take(core.sessions), 0, []
        while at < len(data):
            size, kind, leaf, reason, _, first, last, _ = _SESSION.unpack_from(data, at)
            at += _SESSION.size
            flow = data[at:at + size]
            at += size
            out.append(self._session(self.compiled.plans.kinds[kind], leaf, reason, first, last, flow))
        return out

    def _session(self, kind: KeyKind, leaf_number: int, reason: int, first: int, last: int,
                 flow: bytes) -> dict[str, Any]:
        layout = self.layout[kind.id]
        out: dict[str, Any] = {"key": self.key(kind, flow), "first": first / NS, "last": last / NS, "end": ENDS[reason]}
        if kind.group >= 0:
            return self._group(kind, flow, out)
        leaf: Leaf = self.compiled.plans.leaves[leaf_number]
        out["chain_class"] = leaf_text(leaf, self.compiled.graph, self.compiled.plans)
        directions = [self._direction(leaf, flow, at) for at in (layout.fcb0, layout.fcb1)[:1 + leaf.bidirectional]]
        if leaf.bidirectional:
            out["to_server"], out["to_client"] = directions
            out["conn"] = self._state(leaf, flow, layout.conn, "conn")
        else:
            out |= directions[0]
        return out

    def _direction(self, leaf: Leaf, flow: bytes, at: int) -> dict[str, Any]:
        out = self._counts(flow, at, self.layout[leaf.kind].head)
        out["scratch"] = self._state(leaf, flow, at + self.layout[leaf.kind].head, "scratch")
        return out

    def _counts(self, flow: bytes, at: int, head: int) -> dict[str, Any]:
        if head < 32:
            return {}
        packets, n, payload = struct.unpack_from("<QQQ", flow, at + 8)
        return {"packets": packets, "bytes": n, "payload_bytes": payload}

    def _state(self, leaf: Leaf, flow: bytes, base: int, what: str) -> dict[str, Any]:
        out = {}
        grouped = {n for n, _ in leaf.groups}
        for node in leaf.elements:
            slot = self.compiled.plans.layout.slot(node, what)
            code = self.compiled.codes[node]
            t = code.scratch if what == "scratch" else code.conn
            if slot is not None and t is not None and node not in grouped:
                out[self.names[node]] = struct_values(t, flow, base + slot.offset)
        return out

    def _group(self, kind: KeyKind, flow: bytes, out: dict[str, Any]) -> dict[str, Any]:
        layout, code = self.layout[kind.id], self.compiled.codes[kind.group]
        name = self.names[kind.group]
        elem = self.compiled.graph.nodes[kind.group].elem
        out["chain_class"] = f"groups of {name}"
        out["element"] = name
        two = elem is not None and elem.__mcc_elem__.session.bidirectional
        sides = []
        for at in (layout.fcb0, layout.fcb1)[:1 + two]:
            side = self._counts(flow, at, layout.head)
            side["scratch"] = {name: struct_values(code.scratch, flow, at + layout.head)} if code.scratch else {}
            sides.append(side)
        if two:
            out["to_server"], out["to_client"] = sides
            out["conn"] = {name: struct_values(code.conn, flow, layout.conn)} if code.conn else {}
        else:
            out |= sides[0]
        return out

    def key(self, kind: KeyKind, raw: bytes) -> dict[str, Any]:
        """The key at the start of `raw` in words people use."""
        words = struct.unpack_from(f"<{kind.words}I", raw)
        out: dict[str, Any] = {}
        for p in kind.parts:
            if p.width > 32:
                n = (p.width + 31) // 32
                value = 0
                for i in range(n):
                    bits = min(32, p.width - 32 * i)
                    value = value << bits | words[p.word + i]
            else:
                value = words[p.word] >> p.shift & ((1 << p.width) - 1)
            out |= self._named(p.field, value)
        return out

    def _named(self, field: str, value: int) -> dict[str, Any]:
        if field == "proto":
            return {"proto": _PROTO.get(value, value)}
        if field in ("in.port", "tags", "walk"):
            return {}
        name = _SHORT.get(field, field)
        if field in ("ip.src", "ip.dst"):
            return {name: str(ipaddress.IPv4Address(value))}
        if field in ("ip6.src", "ip6.dst"):
            return {name: str(ipaddress.IPv6Address(value))}
        if field.startswith("eth.") and field != "eth.type":
            return {name: ":".join(f"{value >> i & 255:02x}" for i in range(40, -1, -8))}
        return {name: value}

    def alerts(self, core: Any) -> list[dict[str, Any]]:
        data, at, out = self._take(core.alerts), 0, []
        while at < len(data):
            size, node, number, flow, time, offset, text, *key = _ALERT.unpack_from(data, at)
            at += size
            words = self.ffi.string(self.ffi.cast("const char *", text)).decode(errors="replace")
            elements = self.compiled.graph.elements
            item: dict[str, Any] = {"time": time / NS, "element": elements[node].name, "id": number, "text": words}
            if flow:
                kind = self.compiled.plans.kinds[(flow - 1) >> 25]
                item["key"] = self.key(kind, struct.pack("<12I", *key))
                if any(leaf.kind == kind.id and leaf.bidirectional for leaf in self.compiled.plans.leaves):
                    item["direction"] = "to_client" if (flow - 1) & 1 else "to_server"
            if offset != (1 << 64) - 1:
                item["offset"] = offset
            out.append(item)
        return out


def struct_values(t: StructType, raw: bytes, base: int) -> dict[str, Any]:
    """The fields of a session struct in memory; a handle of a library says nothing to anyone else."""
    at = field_offsets(t)
    return {f.name: _value(f.type, raw, base + at[f.name]) for f in t.fields
            if not isinstance(f.type, HandleType)}


def _value(t: IntType | BoolType | ArrayType | MarkType, raw: bytes, at: int) -> Any:
    if isinstance(t, ArrayType):
        size, _ = size_align(t.elem)
        return [_value(t.elem, raw, at + i * size) for i in range(t.length)]
    if isinstance(t, BoolType):
        return bool(raw[at])
    if isinstance(t, MarkType):
        return int.from_bytes(raw[at:at + 8], "little")
    return int.from_bytes(raw[at:at + t.bits // 8], "little", signed=t.signed)
