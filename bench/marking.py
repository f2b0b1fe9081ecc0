"""What a NIC's marks save: a filter of 100 rules classifies the same packets without and with them.

    python -m bench.marking [--rounds 200] [--callgrind]

ns a packet, medians over the rounds: the class alone, and the whole box (parse, class, counters, out). `--callgrind`:
instructions a packet of the whole box (needs valgrind).
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import tempfile
from pathlib import Path

from bench.building import HERE
from mcc.driver import compile_chain
from mcc.paths import RUNTIME_C
from mcc.run.loading import load_chain
from mcc.toolchain.module import compiler, flags

PACKETS = 4096
COLUMNS = ("class, without", "class, marked", "box, without", "box, marked")


def build(work: Path, *, debug: bool = False) -> Path:
    """The measuring program, with the chain in it."""
    compiled = compile_chain(load_chain(f"{HERE / 'chains' / 'marking.py'}:marking")).with_marks()
    source = work / "marking.gen.c"
    source.write_text(compiled.c_source)
    extra = ["-g", "-mno-avx512f"] if debug else []  # valgrind 3.19 has no AVX-512
    program = work / "marking"
    subprocess.run([*compiler(), *flags(extra=extra), f"-I{RUNTIME_C}", f'-DMODULE="{source}"',
                    str(HERE / "marking.c"), "-o", str(program), "-ldl"], check=True)
    return program


def measure(program: Path, rounds: int) -> list[float]:
    """ns a packet, in the order of COLUMNS."""
    done = subprocess.run([str(program), str(rounds)], capture_output=True, text=True, check=True)
    lines = [[float(x) for x in line.split()] for line in done.stdout.splitlines()]
    return [statistics.median(column) for column in zip(*lines, strict=True)]


def instructions(program: Path, marked: bool) -> float:
    """A packet, from the difference of two runs."""
    counts = []
    for rounds in (1, 11):
        done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", str(program),
                               str(rounds), "2" if marked else "1"], capture_output=True, text=True, check=True)
        found = re.search(r"Collected : (\d+)", done.stderr)
        assert found, done.stderr
        counts.append(int(found.group(1)))
    return (counts[1] - counts[0]) / (10 * PACKETS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--callgrind", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, ns in zip(COLUMNS, measure(build(Path(folder)), args.rounds), strict=True):
            print(f"{name:16} {ns:7.1f} ns")
        if args.callgrind:
            program = build(Path(folder), debug=True)
            for marked in (False, True):
                print(f"{COLUMNS[2 + marked]:16} {instructions(program, marked):7.1f} instructions")


if __name__ == "__main__":
    main()
