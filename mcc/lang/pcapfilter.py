"""pcap-filter text to classes: libpcap's answer is the definition, frames that are cut included.

A primitive reads in the order in which libpcap's code does (gencode.c of 1.10), so that a read behind the end of the
capture ends the class at the same place. Names that need a host's files (services, hosts) are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lark import Tree

from mcc.diag import CompileError, Diagnostic, Span
from mcc.lang.algebra import ANY, Cls, Load, Meta, Test, conj, disj, negate
from mcc.lang.pcaparith import relation
from mcc.lang.pcapids import Primitives, Quals, mac_at, place, proto, word
from mcc.lang.pcapview import IP, IP6
from mcc.lang.pcapwords import ALONE, ETHER_NUMBERS, Refused, number, parse_tree, refuse
from mcc.lang.ranges import full, of
from mcc.protocols.dissect import LINK_OF_DLT, TAGS


@dataclass(frozen=True)
class Part:
    """A class so far; the qualifiers that a bare id behind it inherits; VLAN tags that are sure where it is true
    and where it is false."""

    cls: Cls
    quals: Quals | None
    if_true: int
    if_false: int


def parse(text: str, dlt: int | None = None, where: Span | None = None) -> Cls:
    """The class of an expression; the empty one is ANY.

    dlt: link type of the capture: answers are then exactly libpcap's for it, and what libpcap refuses for it is
    refused. None: for whatever port the packet comes from, by the parser's word; primitives that libpcap refuses for
    a link (`vlan` on raw IP) are false there.
    Raises CompileError that points into the text; `where` is the user's line that holds it.
    """
    line = text.replace("\n", " ").replace("\t", " ").replace("\r", " ")
    try:
        tree = parse_tree(line)
        if dlt is not None and dlt not in LINK_OF_DLT:
            raise Refused(f"link type {dlt} is not supported", 0, len(line))
        c = _Compiler(dlt).whole(tree)
    except RecursionError:
        raise _error(Refused("brackets are nested too deeply", 0, len(line)), line, where) from None
    except Refused as e:
        raise _error(e, line, where) from None
    return c.named(line.strip()) if line.strip() else ANY


def _error(e: Refused, line: str, where: Span | None) -> CompileError:
    span = Span("<expression>", 1, e.start, 1, max(e.end, e.start + 1))
    also = ((where, "in this call"),) if where else ()
    return CompileError((Diagnostic("error", span, e.message, e.hint, line + " ", also),))


class _Compiler(Primitives):
    """Goes through the tree from left to right, as `vlan` demands."""

    def whole(self, tree: Tree[Any]) -> Cls:
        return self.expr(tree.children[0], None, 0).cls if tree.children else ANY

    def expr(self, t: Any, quals: Quals | None, sure: int) -> Part:
        """A chain of `and` and `or`, left to right."""
        chain: list[tuple[str, Any]] = []
        while t.data in ("and_", "or_"):
            chain.append((t.data, t.children[2]))
            t = t.children[0]
        done = self.term(t, quals, sure)
        true, false, quals = done.if_true, done.if_false, done.quals
        run, last = [done.cls], ""
        for sign, t2 in reversed(chain):
            if sign != last:
                run, last = [_joined(last, run)], sign
            more = self.term(t2, quals, true if sign == "and_" else false)
            true = more.if_true if sign == "and_" else min(true, more.if_true)
            false = min(false, more.if_false) if sign == "and_" else more.if_false
            quals = more.quals
            run.append(more.cls)
        return Part(_joined(last, run), quals, true, false)

    def term(self, t: Any, quals: Quals | None, sure: int) -> Part:
        match t.data:
            case "not_":
                p = self.term(t.children[-1], quals, sure)
                return Part(negate(p.cls), p.quals, p.if_false, p.if_true)
            case "paren":
                if _first(t) == "bare":
                    _only_ids(t.children[0])
                p = self.expr(t.children[0], quals, sure)
                return Part(p.cls, quals, p.if_true, p.if_false)
            case "qualified":
                q = _quals(t.children[0])
                return Part(self.ids(t.children[1], q, sure), q, sure, sure)
            case "bare":
                if quals is None:
                    raise Refused(
                        "what kind of id is this?", *place(t), "such as host, net, port, src, dst before it"
                    )
                return Part(self.ids(t.children[0], quals, sure), quals, sure, sure)
            case "vlan":
                return self.vlan(t, sure)
            case "relation":
                return Part(relation(t, lambda primitive: self.at(sure, primitive)), None, sure, sure)
        return Part(self.other(t, sure), None, sure, sure)

    def ids(self, t: Any, q: Quals, sure: int) -> Cls:
        match t.data:
            case "id_not":
                return negate(self.ids(t.children[-1], q, sure))
            case "id_and":
                return conj((self.ids(t.children[0], q, sure), self.ids(t.children[2], q, sure)))
            case "id_or":
                return disj((self.ids(t.children[0], q, sure), self.ids(t.children[2], q, sure)))
        return word(self, t, q, sure)

    def vlan(self, t: Any, sure: int) -> Part:
        self.only_ethernet(t, "vlan")
        depth, bits = self.depth, of(TAGS)
        if len(t.children) == 1:
            found = self.at(sure, lambda v: v.linktype(bits))
        else:
            vid = number(t.children[1])
            if vid > 4095:
                raise refuse(t.children[1], f"VLAN {vid} is greater than 4095")
            tci = Test(Load("abs", 8 * (14 + 4 * depth) + 4, 12), of([vid]))
            found = self.at(sure, lambda v: conj((v.linktype(bits), tci)))
        self.depth += 1
        return Part(found, None, depth + 1 if sure == depth else sure, sure)

    def other(self, t: Any, sure: int) -> Cls:
        name = str(t.children[0]) if t.children else ""
        match t.data:
            case "abbrev" if name in ALONE:
                return proto(self, ALONE[name], sure)
            case "abbrev" if name in ("link", "ether"):
                raise Refused(f"{name!r} alone selects nothing", *place(t), "such as ether host, ether proto")
            case "abbrev":
                return self.ether_proto(t.children[0], ETHER_NUMBERS[name], sure)
            case "less":
                return Test(Meta("wire"), ((0, number(t.children[-1])),))
            case "greater":
                return Test(Meta("wire"), ((number(t.children[-1]), full(32)[0][1]),))
            case "broadcast":
                if len(t.children) > 1 and name not in ("ether", "link"):
                    raise Refused(
                        f"{name} broadcast is not supported: the netmask is not known", *place(t), "ether broadcast"
                    )
                self.only_ethernet(t, "broadcast")
                return self.on_ethernet(mac_at(0, (1 << 48) - 1))
            case _:
                return self.multicast(t, name if len(t.children) > 1 else "ether", sure)

    def multicast(self, t: Any, name: str, sure: int) -> Cls:
        if name in ("ether", "link"):
            self.only_ethernet(t, "multicast")
            return self.on_ethernet(Test(Load("abs", 7, 1), ((1, 1),)))
        if name == "ip":
            return self.at(sure, lambda v: conj((v.etype(IP), Test(v.l3(128, 8), ((224, 255),)))))
        if name == "ip6":
            return self.at(sure, lambda v: conj((v.etype(IP6), Test(v.l3(192, 8), ((255, 255),)))))
        raise Refused(f"{name} multicast is not supported", *place(t), "ether, ip or ip6 multicast")


def _joined(sign: str, parts: list[Cls]) -> Cls:
    return conj(parts) if sign == "and_" else disj(parts)


def _first(t: Any) -> str:
    """The kind of the leftmost term inside brackets."""
    t = t.children[0]
    while t.data in ("and_", "or_", "paren", "not_"):
        t = t.children[-1] if t.data == "not_" else t.children[0]
    return str(t.data)


def _only_ids(t: Any) -> None:
    """Brackets that begin with a bare id hold nothing else."""
    todo = [t]
    while todo:
        n = todo.pop()
        if n.data in ("and_", "or_"):
            todo += [n.children[0], n.children[2]]
        elif n.data in ("paren", "not_"):
            todo.append(n.children[-1])
        elif n.data != "bare":
            raise Refused(
                "brackets that begin with an id can only hold ids", *place(n), "repeat the qualifiers inside them"
            )


def _quals(head: Any) -> Quals:
    proto, direction, kind = "", "or", ""
    for token in head.children:
        if token.type == "PNAME":
            proto = str(token)
        elif token.type == "DIR":
            words = str(token).replace("||", "or").replace("&&", "and").split()
            direction = words[1] if len(words) == 3 else words[0]
        else:
            kind = str(token)
    return Quals("ether" if proto == "link" else proto, direction, kind)  # type: ignore[arg-type]
