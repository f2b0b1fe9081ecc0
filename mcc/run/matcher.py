"""Classes compiled to one module that goes through a capture: `mcc match`.

    expression, link type -> class -> decision diagram -> C function; one loop over all (runtime_c/mcc_match.h)
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mcc.diag import BuildError, CaptureError, CompileError, Diagnostic, Span
from mcc.emit.classifier import print_classifier
from mcc.ir.classify import Fdd
from mcc.lang.algebra import Cls
from mcc.lang.pcapfilter import parse
from mcc.passes.fdd import Manager
from mcc.protocols.dissect import LINK_OF_DLT
from mcc.run.capture import Capture, damage_text, records
from mcc.toolchain import Built, build_module

_CDEF = """
struct mcc_match_list { uint32_t *numbers; uint32_t count, room; };
struct mcc_match { struct mcc_match_list *lists; uint32_t classes; uint64_t packets, offset; const char *error; };
struct mcc_match *mcc_match_run(const uint8_t *base, size_t length);
void mcc_match_free(struct mcc_match *m);
"""

_HEAD = """/* Classes of `mcc match`, a function each and link type. cc -O2 -I<runtime_c> -c this file */
#include "mcc_capture.c"
#include "mcc_match.h"

struct mcc_match *mcc_match_run(const uint8_t *base, size_t length);
void mcc_match_free(struct mcc_match *m);
"""


@dataclass(frozen=True)
class Expression:
    """One class as text, and where it stands ("" and 0: on the command line)."""

    text: str
    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class Found:
    """Per expression the packets that it selects, from 1; how many were read; what is damaged ("": nothing)."""

    numbers: tuple[tuple[int, ...], ...]
    packets: int
    damage: str


def link_types(capture: Capture) -> tuple[int, ...]:
    """LINKTYPE_ numbers of the packets, in order; of the first packets of a damaged file."""
    head = bytes(capture.memory[:4])
    out: dict[int, None] = {}
    try:
        for record in records(capture.memory):
            out[record.linktype] = None
            if head != b"\x0a\x0d\x0d\x0a":  # pcap has one
                break
    except CaptureError:
        pass  # said by `run`, which reads the same bytes
    return tuple(out)


def compile_expressions(expressions: Sequence[Expression], links: Sequence[int]) -> list[list[Cls]]:
    """For each link type the class of each expression, exactly as libpcap reads it there. Raises CompileError with all
    errors of all expressions."""
    wrong: dict[tuple[str, int, str, str], Diagnostic] = {}
    out = []
    for link in links:
        classes = []
        for e in expressions:
            try:
                classes.append(parse(e.text, link))
            except CompileError as error:
                for d in error.diagnostics:
                    d = _placed(d, e)
                    wrong.setdefault((e.file, e.line, str(d.span), d.message), d)
        out.append(classes)
    if wrong:
        raise CompileError(tuple(wrong.values()))
    return out


def _placed(d: Diagnostic, e: Expression) -> Diagnostic:
    if not e.file:
        return d
    return replace(d, span=Span(e.file, e.line, d.span.col, e.line, d.span.end_col))


def module_text(classes: Sequence[Sequence[Cls]], links: Sequence[int], names: Sequence[str]) -> str:
    """The C of all classes; `names`: their texts, for comments."""
    parts = [_HEAD]
    for link, mine in zip(links, classes, strict=True):
        for i, c in enumerate(mine):
            function = print_classifier(_diagram(c, link), f"class{i}_link{link}", int)
            parts.append(f"/* {_comment(names[i])} */\n{function}")
        functions = ", ".join(f"class{i}_link{link}" for i in range(len(mine)))
        parts.append(f"static mcc_match_class *const classes_link{link}[] = {{{functions}}};\n")
    table = ", ".join(f"{{{link}, classes_link{link}}}" for link in links)
    count = len(links)
    parts.append(f"static const struct mcc_match_link links[] = {{{table or '{0, NULL}'}}};\n")
    parts.append("struct mcc_match *mcc_match_run(const uint8_t *base, size_t length)\n{\n"
                 f"    return mcc_match_all(links, {count}, {len(names)}, base, length);\n}}\n")
    parts.append("void mcc_match_free(struct mcc_match *m)\n{\n    mcc_match_drop(m);\n}\n")
    return "\n".join(parts)


def _diagram(c: Cls, link: int) -> Fdd:
    manager, kind = Manager(), LINK_OF_DLT[link]
    return manager.restrict(manager.from_class(c), {"link": ((kind, kind),)})


def _comment(text: str) -> str:
    return json.dumps(text)[1:-1].replace("*/", "* /").replace("/*", "/ *")


def build(expressions: Sequence[Expression], links: Sequence[int], level: str = "") -> Built:
    """One module for all expressions and link types. Raises CompileError, BuildError."""
    classes = compile_expressions(expressions, links)
    text = module_text(classes, links, [e.text for e in expressions])
    return build_module(text, "match", target="generic", level=level, declared=_CDEF)


def run(built: Built, capture: Capture) -> Found:
    """All classes over a capture, in one pass."""
    ffi, lib = built.ffi, built.lib
    memory = ffi.from_buffer("uint8_t[]", capture.memory)
    match = lib.mcc_match_run(memory, len(capture.memory))
    if match == ffi.NULL:
        raise BuildError("mcc match", "there is no memory for the answer")
    try:
        numbers = tuple(tuple(ffi.unpack(one.numbers, one.count)) if one.count else ()
                        for one in (match.lists[i] for i in range(match.classes)))
        damage = capture.damage
        if match.error != ffi.NULL:
            damage = f"damaged at byte {match.offset}: {ffi.string(match.error).decode()}"
        return Found(numbers, match.packets, damage_text(capture.path, damage, match.packets) if damage else "")
    finally:
        lib.mcc_match_free(match)
        ffi.release(memory)
