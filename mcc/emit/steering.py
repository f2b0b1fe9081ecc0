"""C for the core that a packet belongs to: `box_owner`, from the spreads that mcc.passes.steering chose."""

from __future__ import annotations

from collections.abc import Sequence

from mcc.emit.keys import bits_of, build
from mcc.ir.plan import Cell, KeyKind, KeyPart, PortRange, Spread, Steering
from mcc.lang.tested import MIRROR

_BITS = {"none": (), "arp": ("ARP",), "ip": ("IP",), "ip6": ("IP6",), "tcp": ("TCP",), "udp": ("UDP",),
         "icmp": ("ICMP",), "icmp6": ("ICMP6",)}
_IMPLIED = frozenset({"ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6", "l4", "net"})


def print_steering(steering: Steering, ports: Sequence[str]) -> str:
    """static uint32_t box_owner(p, cores, seed, spread): one switch over ports, one over layers."""
    out = ["#define BOX_LAYERS (MCC_ARP | MCC_IP | MCC_IP6 | MCC_TCP | MCC_UDP | MCC_ICMP | MCC_ICMP6)", ""]
    names: dict[Spread, str] = {}
    for _, s in steering.cells:
        if s.fields and s not in names:
            names[s] = f"box_spread{len(names)}"
            out += [*_function(names[s], s), ""]
    if steering.by_fragment:
        for net in ("ip", "ip6"):
            out += [*_function(f"box_spread_{net}", Spread((f"{net}.src", f"{net}.dst"), True)), ""]
    if steering.ranges:
        out += [*_ranges(steering.ranges), ""]
    out += _owner(steering, ports, names)
    return "\n".join(out)


def _function(name: str, s: Spread) -> list[str]:
    """The spread of a packet that has the layers of the cell; 0 where it lacks another one of the fields."""
    layers = sorted({f.partition(".")[0] for f in s.fields} - _IMPLIED)
    bits = " | ".join(f"MCC_{x.upper()}" for x in layers)
    out = [f"/* by {', '.join(s.fields)}{', in either direction' if s.symmetric else ''} */",
           f"static inline uint32_t {name}(const struct mcc_packet *p, uint64_t seed)", "{"]
    if bits:
        out += [f"    if ((p->layers & ({bits})) != ({bits}))", "        return 0;"]
    if s.symmetric:
        a = [f for f in s.fields if f < MIRROR[f]]
        first, second = _words(a), _words([MIRROR[f] for f in a])
        out += [f"    const uint32_t a[] = {{{', '.join(first)}}};",
                f"    const uint32_t b[] = {{{', '.join(second)}}};",
                f"    return mcc_steer_two(a, b, {len(first)}, seed);", "}"]
    else:
        words = _words(s.fields)
        out += [f"    const uint32_t key[] = {{{', '.join(words)}}};",
                f"    return mcc_steer_one(key, {len(words)}, seed);", "}"]
    return out


def _words(fields: Sequence[str]) -> list[str]:
    """One C expression a word; each field begins a word of its own."""
    parts: list[KeyPart] = []
    words = 0
    for f in fields:
        _, width = bits_of(f)
        parts.append(KeyPart(f, words, 0, width))
        words += (width + 31) // 32
    return build(KeyKind(0, 0, tuple(parts), words, frozenset(), False, False, False))


def _ranges(ranges: Sequence[PortRange]) -> list[str]:
    """Ports that a core's `Ports` gave out. Where both ends are such, the lower port counts, in either direction."""
    out = ["/* The core that gave out port `port` of `address`; `cores`: none did. */",
           "static inline uint32_t box_taken(uint32_t address, uint32_t port, uint32_t cores)", "{"]
    for r in ranges:
        out += [f"    if (address == {r.address:#x}u && port - {r.lo}u <= {r.hi - r.lo}u)",
                f"        return mcc_steer_port(port, {r.lo}u, {r.hi}u, cores);"]
    return [*out, "    return cores;", "}", "",
            "static inline uint32_t box_range_owner(const struct mcc_packet *p, uint32_t cores)", "{",
            "    uint32_t sport = mcc_be16(p->data + p->l4), dport = mcc_be16(p->data + p->l4 + 2);",
            "    uint32_t from = box_taken(mcc_be32(p->data + p->l3 + 12), sport, cores);",
            "    uint32_t to = box_taken(mcc_be32(p->data + p->l3 + 16), dport, cores);",
            "    return to == cores || (from != cores && sport < dport) ? from : to;", "}"]


def _owner(steering: Steering, ports: Sequence[str], names: dict[Spread, str]) -> list[str]:
    """`box_owner`, and where fragments are joined `box_owner_whole` for what has been."""
    args = "const struct mcc_packet *p, uint32_t cores, uint64_t seed, uint32_t *spread"
    first = "box_owner_whole" if steering.by_fragment else "box_owner"
    out = [f"static uint32_t {first}({args})", "{", "    (void)seed;"]
    if steering.by_quote:
        out += ["    uint8_t bytes[128 + MCC_ICMP_ANSWER_BYTES];", "    struct mcc_packet answer = {.data = bytes};",
                "    struct mcc_icmp_error error;",
                "    if (__builtin_expect(p->layers & (MCC_ICMP | MCC_ICMP6) && p->l3 <= 128, 0) &&",
                "        mcc_icmp_read(p, &error)) { /* it belongs to the session of the segment that it quotes */",
                "        mcc_icmp_answer(&answer, p, &error);", "        p = &answer;", "    }"]
    out.append("    switch (p->in_port) {")
    by_port: dict[int, list[tuple[Cell, Spread]]] = {}
    for c, s in steering.cells:
        by_port.setdefault(c.port, []).append((c, s))
    for port, cells in by_port.items():
        out += [f"    case PORT_{ports[port]}:", "        switch (p->layers & BOX_LAYERS) {"]
        for c, s in cells:
            out += _case(c, s, names, c in steering.ranged)
        out += ["        }", "        break;"]
    out += ["    }", "    return *spread ? mcc_steer_core(*spread, cores) : 0;", "}"]
    if steering.by_fragment:
        out += ["", "/* Fragments meet where they are joined: on the core of their addresses. */",
                f"static uint32_t box_owner({args})", "{",
                "    if (__builtin_expect(p->layers & MCC_IP && p->frag, 0))",
                "        *spread = box_spread_ip(p, seed);",
                "    else if (__builtin_expect(p->layers & MCC_IP6 && p->proto == MCC_PROTO_FRAGMENT, 0))",
                "        *spread = box_spread_ip6(p, seed);", "    else",
                "        return box_owner_whole(p, cores, seed, spread);",
                "    return mcc_steer_core(*spread, cores);", "}"]
    return out


def _case(c: Cell, s: Spread, names: dict[Spread, str], ranged: bool) -> list[str]:
    there = {c.net, c.transport} | ({"l4"} if c.transport in ("tcp", "udp") else set())
    if not s.fields or not {f.partition(".")[0] for f in s.fields} & _IMPLIED <= there:
        return []  # packets without one of the fields are in no state that it tells apart
    bits = " | ".join(f"MCC_{b}" for b in (*_BITS[c.net], *_BITS[c.transport])) or "0"
    out = [f"        case {bits}:", f"            *spread = {names[s]}(p, seed);"]
    if ranged:
        out += ["            if (box_range_owner(p, cores) != cores)",
                "                return box_range_owner(p, cores);"]
    return [*out, "            break;"]
