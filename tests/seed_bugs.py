"""Do the tests see bugs? Puts known bugs into the compiler, one at a time, and runs the property tests.

    python tests/seed_bugs.py               all of them: a table, exit status 1 where one survives
    python tests/seed_bugs.py shift keys    those whose name or file has one of the words

Each bug is applied to a copy of the tree in a temporary folder; the repository itself is not touched. The copy's tests must
pass before any bug is put in (exit status 2): a tree that fails by itself would kill every bug. A bug whose text is not
found exactly once is an error: the code has changed, and the list must follow.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = "tests/property/test_programs_c.py"
CHAINS = "tests/property/test_backends.py"
EDGES = f"{CHAINS}::test_random_traffic[edges-0]"
UNITS = ("tests/unit/frontend", "tests/unit/passes", "tests/unit/emit")
LIMIT = 300
"""Seconds for the tests of one bug; a run that hangs counts as killed."""


@dataclass(frozen=True)
class Bug:
    """`old` becomes `new` in `file`; `why`: what a user would see. `tests`: run in this order, up to the first failure."""

    name: str
    file: str
    old: str
    new: str
    why: str
    tests: tuple[str, ...] = (CHAINS, PROGRAMS)


def _handler(name: str, file: str, old: str, new: str, why: str) -> Bug:
    """A bug in what handlers compute."""
    return Bug(name, file, old, new, why, (EDGES, PROGRAMS, *UNITS, CHAINS))


BUGS = (
    _handler("wrap", "mcc/frontend/intervals.py", "return r if t.min <= r[0] and r[1] <= t.max else (t.min, t.max)",
             "return max(r[0], t.min), min(r[1], t.max)", "ranges are clamped where values wrap"),
    _handler("subtract-range", "mcc/frontend/intervals.py", "return a[0] - b[1], a[1] - b[0]",
             "return a[0] - b[0], a[1] - b[1]", "the range of a difference is too narrow"),
    _handler("mask-range", "mcc/frontend/intervals.py", "return 0, a[1] if a[0] >= 0 else b[1]",
             "return 0, min(abs(a[1]), abs(b[1]))", "a mask by a negative number"),
    _handler("or-range", "mcc/frontend/intervals.py", "return max(a[0], b[0]), _ones(max(a[1], b[1]))",
             "return max(a[0], b[0]), max(a[1], b[1])", "`a | b` may be larger than both"),
    _handler("forgets-writes", "mcc/frontend/flow.py", "del self.ranges[p]",
             "break", "what was known of a place outlives a write to it"),
    _handler("join", "mcc/frontend/intervals.py", "return min(a[0], b[0]), max(a[1], b[1])", "return a",
             "behind an if only its first branch counts"),
    _handler("decided-compare", "mcc/frontend/intervals.py",
             'return True if a[1] <= b[0] else False if a[0] > b[1] else None',
             'return True if a[1] <= b[0] else False if a[0] >= b[1] else None', "`<=` at the end of a range"),
    _handler("modulo-range", "mcc/frontend/intervals.py", "return a if a[1] < b[0] else (0, min(a[1], b[1] - 1))",
             "return a if a[1] <= b[0] else (0, min(a[1], b[1] - 1))", "`x % n` where x may be n"),
    _handler("fold-shift", "mcc/passes/simplify.py", 'if e.op in ("<<", ">>") and e.b.lo >= t.bits',
             'if e.op in ("<<", ">>") and e.b.hi >= t.bits', "a shift that may be too far is 0"),
    _handler("fold-neutral", "mcc/passes/simplify.py", 'if av == 0 and e.op in ("+", "|", "^")',
             'if av == 0 and e.op in ("+", "-", "|", "^")', "0 - x is x"),
    _handler("fold-modulo", "mcc/passes/simplify.py", 'if e.op == "%" and 0 <= a.lo and a.hi < b.lo',
             'if e.op == "%" and 0 <= a.lo and a.hi <= b.lo', "n % n is n"),
    _handler("fold-casts", "mcc/passes/simplify.py", "and a.type.bits >= t.bits:", "and True:",
             "u32(u8(x)) is u32(x)"),
    _handler("fold-same", "mcc/passes/simplify.py", 'known = e.op in ("==", "<=", ">=")', 'known = e.op in ("==", "<=")',
             "x >= x is false"),
    _handler("fold-dead-else", "mcc/passes/simplify.py", 'decides = int(e.op == "or")', 'decides = int(e.op == "and")',
             "`x and False` is x"),
    _handler("switch-break", "mcc/passes/loops.py", "if not any(breaks_out(b) for b in blocks(s)):", "if True:",
             "break in a match leaves the match only"),
    _handler("steps", "mcc/passes/loops.py", '_bin("-", h.U64, gap, _int(s, h.U64, 1))', "gap",
             "a loop with steps runs once too often"),
    _handler("loop-type", "mcc/passes/loops.py", "s.stop.hi + s.step - 1 <= t.max", "s.stop.hi <= t.max",
             "the last step leaves the type"),
    _handler("check-twice", "mcc/passes/lower.py", "        self.checked = before\n", "",
             "an index checked only under a condition is not checked behind it"),
    _handler("check-left-out", "mcc/passes/lower.py", "if 0 <= i.lo and i.hi < bound:", "if 0 <= i.lo and i.hi <= bound:",
             "an index that may be one too far is not checked"),
    _handler("order", "mcc/passes/lower.py", "        if self.writes(tuple(later)):\n", "        if False:\n",
             "an operand is read after a helper has changed it"),
    _handler("signed-overflow", "mcc/emit/cexpr.py", "        if e.op in (\"+\", \"-\", \"*\") and not _no_wrap(e, t):\n"
             "            if e.op == \"*\"", "        if e.op in (\"+\", \"*\") and not _no_wrap(e, t):\n"
             "            if e.op == \"*\"", "a difference of u8 is negative in C"),
    _handler("long-shift", "mcc/emit/cexpr.py", "if not e.b.hi < t.bits:", "if not e.b.hi <= t.bits:",
             "a shift by the width is undefined in C"),
    _handler("parentheses", "mcc/emit/cexpr.py", "if x.prec < op or (right and x.prec == op) or",
             "if x.prec < op or", "a - (b - c) loses its parentheses"),
    Bug("key-order", "mcc/emit/keys.py", "other = kind.part(MIRROR.get(p.field, p.field)) or p", "other = p",
        "answers are looked up under the question's addresses"),
    Bug("key-ports", "mcc/emit/keys.py", 'if part.field == "in.port":\n        return "p->in_port"',
        'if part.field == "in.port":\n        return "0"', "packets of different ports share a flow"),
    Bug("key-protocol", "mcc/emit/keys.py", 'return "p->proto"', 'return "6"', "TCP and UDP share a flow"),
    Bug("key-mirror-port", "mcc/emit/keys.py", 'value = "port" if p.field == "in.port" else',
        'value = "p->in_port" if p.field == "in.port_" else', "answers are awaited at the near port"),
    Bug("tags", "mcc/passes/keys.py", "tags = first and tests_tags(classes)", "tags = False",
        "a tagged packet takes the walk of an untagged flow"),
    Bug("unmatched", "mcc/passes/walk.py", "m.first_of([*taken, m.leaf", "m.first_of([*reversed(taken), m.leaf",
        "the last link that holds is taken"),
    Bug("others", "mcc/passes/walk.py", 'outside = through if t.others == "pass" else', "outside = through if True else",
        'others="drop" passes'),
    Bug("needs", "mcc/passes/walk.py", "if t.session is not None and inp == 0:\n        layers |= {f.layer",
        "if False:\n        layers |= {f.layer", "a session's layers are not asked for"),
    Bug("groups", "mcc/passes/stages.py", "or set(session_fields(self.session_of(n), family)) != set(key)",
        "", "a coarser session is one a connection"),
    Bug("mirror-way", "mcc/passes/stages.py", "back = Arc(0, Step(s.node, s.inp, 1 - s.way, (back, *others)))",
        "back = Arc(0, Step(s.node, s.inp, s.way, (back, *others)))", "what answers emit goes forth, not back"),
    Bug("timeout", "mcc/passes/stages.py", "timeout=min(timeouts, default=0)", "timeout=max(timeouts, default=0)",
        "the longest timeout counts"),
    Bug("layout-overlap", "mcc/passes/layout.py", "at = -(-at // align) * align\n        out[f.name] = at\n        at += size",
        "at = -(-at // align) * align\n        out[f.name] = at\n        at += 1",
        "fields of a record are read from the wrong place"),
    Bug("close", "mcc/emit/walks.py", "if self.direction < 0 and _may_end(func):", "if False:",
        "CLOSE without a session is counted as close"),
    Bug("release-once", "mcc/emit/walks.py", "return [*(call(scene, leaf, node, func, d) + \";\" for d in range(1 + twice)), *closes]",
        "return [call(scene, leaf, node, func, 0) + \";\", *closes]", "release runs for one direction only"),
    Bug("undo", "mcc/emit/walks.py", "undo = [line for n in leaf.elements[:i]", "undo = [line for n in leaf.elements[:0]",
        "a refused session keeps what earlier elements took"),
    Bug("way", "mcc/emit/walks.py", 'self.put(depth, f"box->way = {step.way};")', 'self.put(depth, "box->way = 0;")',
        "copies made on the way back go forth"),
    Bug("release-order", "templates/services.h.j2", "head = p->next; /*", "head = mcc_map_release_all(map); /*",
        "only the first parked packet goes on"),
    Bug("linger", "templates/flows_life.c.j2", "uint32_t linger = mcc_ticks(2);", "uint32_t linger = mcc_ticks(4);",
        "a closed connection stays for twice the time"),
    Bug("replaced", "templates/flows_life.c.j2", "        if (older >> 1 == id >> 1)\n            return true;\n",
        "        if (older)\n            return true;\n", "an answer key that is taken stays with the older flow"),
    Bug("talking", "templates/stage.c.j2", "        box->talking = 0; /* the flow of the packet before", "        /* the flow",
        "a full table of one keeps the flow of the packet before"),
    Bug("embryonic", "templates/flows_life.c.j2", "    mcc_flow_push(flows, &flows->embryonic, index);",
        "    mcc_flow_push(flows, &flows->settled, index);", "the wrong flow is evicted"),
    Bug("timer-order", "templates/box_time.c.j2", "return x < y ? -1 : x > y;", "return x > y ? -1 : x < y;",
        "flows of one tick end in the wrong order"),
    Bug("batch-order", "templates/box_entry.c.j2", "    box_sort_out(box, from);\n", "",
        "batches change the order of packets"),
    Bug("settle-plain", "templates/stage.c.j2", "{% if settles %}", "{% if false %}",
        "a packet without a session overtakes an open batch at state that both share"),
    Bug("settle-new", "templates/flows_life.c.j2", "{% if settles %}\n    box_flush", "{% if false %}\n    box_flush",
        "a new session overtakes an open batch at state that both share"),
    Bug("batch-time", "mcc/passes/batches.py", "d.timeout > 0}", "d.timeout < 0}",
        "what is in a map is as old as the last packet of the burst"),
    Bug("closing-over", "templates/flows_life.c.j2", "why = (uint8_t)((1 + reason) << MCC_CLOSING_WHY);", "why = 0;",
        "a connection that both ends closed ends as if it had been silent"),
)


def tree(folder: Path) -> Path:
    """A copy of what the tests need."""
    copy = folder / "tree"
    copy.mkdir()
    for name in ("mcc", "templates", "runtime_c", "tests", "examples", "docs", "README.md", "ARCHITECTURE.md", "pyproject.toml", ".clang-format"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy2(source, copy / name)
    return copy


def failure(copy: Path, tests: tuple[str, ...], limit: int) -> str:
    """The first test that fails, and how; "" where all pass."""
    env = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1", "MCC_EXAMPLES": "1", "COLUMNS": "200"}
    command = [sys.executable, "-m", "pytest", *tests, "-x", "-q", "--tb=no", "-p", "no:cacheprovider"]
    try:
        done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return f"no end in {limit} s"
    if done.returncode == 0:
        return ""
    found = re.search(r"^(?:FAILED|ERROR) (.+)", done.stdout, re.M)
    return found[1].rpartition("tests/")[2][:110] if found else f"pytest ended with {done.returncode}"


def killed_by(copy: Path, bug: Bug) -> str:
    """The test that fails with the bug in place. Raises ValueError for an outdated bug."""
    path = copy / bug.file
    text = path.read_text()
    if text.count(bug.old) != 1:
        raise ValueError(f"{bug.name}: its text occurs {text.count(bug.old)} times in {bug.file}")
    path.write_text(text.replace(bug.old, bug.new))
    try:
        return failure(copy, bug.tests, LIMIT)
    finally:
        path.write_text(text)


def main(words: list[str]) -> int:
    bugs = [b for b in BUGS if not words or any(w in b.name or w in b.file for w in words)]
    survivors: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        copy = tree(Path(folder))
        broken = failure(copy, tuple(dict.fromkeys(t for b in bugs for t in b.tests)), 4 * LIMIT)
        if broken:
            print(f"the tests fail without any bug: {broken}")
            return 2
        for bug in bugs:
            begin = time.monotonic()
            try:
                by = killed_by(copy, bug)
            except ValueError as e:
                by, survivors = str(e), [*survivors, bug.name]
                print(f"outdated  {by}", flush=True)
                continue
            if not by:
                survivors.append(bug.name)
            print(f"{'killed  ' if by else 'SURVIVED'}  {bug.name:18} {bug.file:28} {time.monotonic() - begin:4.0f} s  "
                  f"{by or bug.why}", flush=True)
    print(f"{len(bugs) - len(survivors)} of {len(bugs)} killed" + (f"; left: {', '.join(survivors)}" if survivors else ""))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
