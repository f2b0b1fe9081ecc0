"""Random handler programs: compiled C == reference, for outputs, counters, sessions, alerts and faults.

Programs are compiled several to a module, each an element with ports of its own: compilation is what takes the time.

    python -m tests.property.test_programs_c SEED       one module again, from the command that a failure prints
    MCC_EXAMPLES=20 pytest tests/property/test_programs_c.py    twenty times as many
"""

from __future__ import annotations

import os
import random
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mcc.api import Module
from mcc.diag import CompileError
from mcc.driver import compile_chain
from mcc.lang.chain import Chain, Port, chain
from tests.property.compare import Arrival, assert_same
from tests.property.programs import FEATURES, Program, instance, load, make_program
from tests.property.traffic import Mix, traffic

EXAMPLES = int(os.environ.get("MCC_EXAMPLES", "25" if os.environ.get("MCC_NIGHTLY") else "1"))
MODULES, TOGETHER, PACKETS = 6 * EXAMPLES, 8, 24
REFUSED = re.compile(r"^index .* is at least")
"""Programs with an index that is surely outside are errors by design: another one is made."""
MIX = Mix(kinds=("tcp", "tcp", "tcp", "tcp", "udp"), ip6=False, open=3, junk=0.03, jumps=0.02)


def programs(seed: int, folder: Path) -> Module:
    """One module of several programs: program i between ports p<i> and q<i>, output 1 to r<i>."""
    r = random.Random(f"programs {seed}")
    features = FEATURES | {"emit"} if seed % 3 == 0 else FEATURES
    made = [make_program(r, features) for _ in range(TOGETHER)]
    while True:
        try:
            compiled = compile_chain(together(r, made, folder))
            return Module(compiled, level="-O1" if seed % 2 else "-O0")
        except CompileError as e:
            errors = [d for d in e.diagnostics if d.severity == "error"]
            if not all(REFUSED.search(d.message) for d in errors):
                raise
            bad = {Path(d.span.file).stem for d in errors}
            made = [make_program(r, features) if p.name in bad else p for p in made]


def together(r: random.Random, made: list[Program], folder: Path) -> Chain:
    elements = [instance(load(p, folder), limit=r.choice((0, 3, 10, 0xFFFFFFFF))) for p in made]

    @chain
    def several() -> Iterator[Any]:
        for i, e in enumerate(elements):
            yield Port(f"p{i}") >> e >> Port(f"q{i}")
            yield e[1] >> Port(f"r{i}")
    return several


def arrivals(seed: int) -> list[Arrival]:
    """Traffic for every program, each its own, in one order of time."""
    out: list[Arrival] = []
    for i in range(TOGETHER):
        r = random.Random(f"traffic {seed} {i}")
        out += traffic(r, PACKETS, replace(MIX, left=f"p{i}", right=f"p{i}"))
    return sorted(out, key=lambda a: a[2])


def compare(seed: int, folder: Path) -> dict[str, Any]:
    """Both backends on one module; a failure shows which element, and the command to see it again."""
    module = programs(seed, folder)
    sent = arrivals(seed)
    try:
        return assert_same(module, sent, bursts=(1, 32), until=sent[-1][2] + 400.0)
    except BaseException as e:
        e.add_note(f"again: python -m tests.property.test_programs_c {seed}")
        raise


@pytest.mark.parametrize("seed", range(MODULES))
def test_random_programs(seed: int, tmp_path: Path) -> None:
    got = compare(seed, tmp_path)
    assert sum(e["packets"] for e in got["elements"].values()) > PACKETS * TOGETHER / 3, "the traffic misses the programs"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        compare(int(sys.argv[1]), Path(folder))
    print("equal")
