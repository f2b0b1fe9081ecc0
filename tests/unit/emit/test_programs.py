"""Random programs: printed C, folded or not, does what the interpreter says, up to and including the fault."""

from __future__ import annotations

import copy
import ctypes
import os
import random
from pathlib import Path

import pytest

from tests.unit.emit.kit import FaultError, Machine, cells_of, judge, load, lowered, module, runner
from tests.unit.emit.programs import make_input, make_program

SEEDS = range(int(os.environ.get("MCC_SEED", "1")), int(os.environ.get("MCC_SEED", "1")) + int(os.environ.get("MCC_SEEDS", "4")))
SILLY = ("-Wno-tautological-compare",)
"""Random programs compare what always compares alike; C compilers may tell a user who does."""
GCC = (*SILLY, "-Wno-type-limits", "-Wno-sign-compare", "-Wno-sign-conversion", "-Wno-bool-operation", "-Wno-overflow")
"""gcc warns about what its own folding makes of casts; clang, which does not, judges without these."""
HANDLERS, INPUTS, FAULT = 20, 12, -5


@pytest.mark.parametrize("seed", SEEDS)
def test_compiled_is_interpreted(seed: int, tmp_path: Path) -> None:
    """Again with another seed: MCC_SEED=17 pytest tests/unit/emit/test_programs.py"""
    code = make_program(seed, HANDLERS)
    r = random.Random(seed)
    faults = 0
    for folded in (False, True):
        low = lowered(code, folded=folded)
        c = module(low, runner(low))
        if folded:
            judge(c, tmp_path, ("clang",), more=SILLY)
        lib = load(c, tmp_path, "-O2" if folded else "-O0", strict=folded, more=GCC)
        for which, hc in enumerate(code.handlers):
            for _ in range(INPUTS):
                scratch, state = make_input(r)
                before = cells_of(code, scratch, state)
                cells = (ctypes.c_uint64 * len(before))(*before)
                verdict = lib.run(which, cells)
                machine = Machine(code, copy.deepcopy(scratch), dict(state))
                try:
                    expected = machine.run(hc.func)
                except FaultError:
                    expected, faults = FAULT, faults + 1
                after = cells_of(code, machine.scratch, machine.state)
                assert (verdict, list(cells)) == (expected, after), f"seed {seed} handler h{which} folded={folded}"
    assert faults > 20, "the generator makes faults"
