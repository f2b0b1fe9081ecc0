"""C identifiers from the user's words: the same word wherever it can be, a suffix where C or the module has it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from mcc.ir.func import BoolType, HandleType, IntType, MarkType, Type

KEYWORDS = frozenset("""
auto break case char const continue default do double else enum extern float for goto if inline int long register
restrict return short signed sizeof static struct switch typedef union unsigned void volatile while asm typeof
_Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local
bool true false NULL offsetof memcpy memmove memset memcmp linux unix errno assert stdin stdout stderr EOF
""".split())
"""Words of C, macros that gnu11 or the runtime's includes define, and functions that emitted code calls."""

OURS = re.compile(r"^(mcc_|MCC_|pkt_|__)|_t$")
"""Names of the runtime and of printed accessors, and of C types."""


GENERATED = re.compile(r"^(flow|stage|leaf|group)\d|^(box|capture|pcap|ng|replay|sides|writer|io)_|^(node|port)$")
"""Functions and tags at file scope of the printed module and of the runtime's files that have no prefix of ours."""

ENTRY_WORDS = re.compile(r"^(classify|class|packet|plain|look|fetch|go|by_leaf|(key|miss|flow)\d*)$")
"""What follows `stage0_` in the names of a stage's own functions."""


@dataclass(frozen=True)
class Names:
    """What an instance and its session state are called in C.

    node: C name of the instance, also of its member in the box; node_index: its number for services of the module;
    scratch, conn: struct tags; peer: the tag behind a `peer` argument (the other direction's scratch);
    taken: further names at file scope, which locals must not hide;
    blob: declares `NAME: bytes` where they are too large for C text (`.incbin`, more than BLOB_LIMIT bytes) and
    returns that declaration; None: everything is an initialiser.
    """

    node: str
    node_index: int = 0
    scratch: str = ""
    conn: str = ""
    taken: frozenset[str] = frozenset()
    blob: Callable[[str, bytes], str] | None = field(default=None, compare=False)

    def table(self, name: str) -> str:
        return f"{self.node}_{c_name(name)}"

    def words(self, slot: int) -> str:
        """The tables of the words that a handler's matcher looks for."""
        return f"{self.node}_words{slot}"

    def handler(self, name: str) -> str:
        """C name of a handler (its method's name) or of an @inline helper."""
        whole = f"{self.node}_{c_name(name)}"
        return f"{whole}_" if GENERATED.search(whole) and name not in ROLES else whole


ROLES = frozenset({"new_session", "process_packet", "process_batch", "process_data", "release_stream", "release",
                   "on_timer"})
"""Handlers whose names no function of the runtime ends with."""

BLOB_LIMIT = 1 << 16


def c_name(word: str, taken: frozenset[str] | set[str] = frozenset()) -> str:
    """`word` as a C identifier outside `taken`: letters that C lacks become _uXXXX, clashes get a suffix."""
    ascii_word = "".join(c if c.isascii() and (c.isalnum() or c == "_") else f"_u{ord(c):04x}" for c in word)
    if not ascii_word or ascii_word[0].isdigit():
        ascii_word = f"_{ascii_word}"
    base = f"{ascii_word}_" if ascii_word in KEYWORDS or OURS.search(ascii_word) else ascii_word
    name, n = base, 2
    while name in taken:
        name, n = f"{base}_{n}", n + 1
    return name


def file_name(word: str, taken: frozenset[str] | set[str]) -> str:
    """The same for a name at file scope: an instance, the tag of a struct."""
    name = c_name(word, taken)
    return c_name(f"{name}_", taken) if GENERATED.search(name) else name


def entry_name(stage: int, port: str) -> str:
    """The classifier function of one port of a stage."""
    return f"stage{stage}_{c_name(port)}{'_in' if ENTRY_WORDS.search(port) else ''}"


def c_type(t: Type) -> str:
    """The C type of a value."""
    match t:
        case IntType(bits=128):
            return "mcc_u128"
        case IntType():
            return f"{'' if t.signed else 'u'}int{t.bits}_t"
        case BoolType():
            return "bool"
        case MarkType() | HandleType():
            return "uint64_t"
        case _:
            return "int"


def c_member(t: IntType | BoolType | MarkType | HandleType) -> str:
    """The C type of a member of session state; a bool is a byte of 0 or 1."""
    return "uint8_t" if isinstance(t, BoolType) else c_type(t)
