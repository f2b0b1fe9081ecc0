"""Builds the harness and its contenders, each a shared object, with one compiler and the flags of `mcc build`."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mcc
from mcc.paths import RUNTIME_C
from mcc.toolchain.module import compiler, flags

HERE = Path(__file__).parent
STAGES = ("headers", "session", "nat", "nat_stats")
"""The stages of the hand-written loop, by number, and the chains that do the same."""
TEXTS = {"headers": "headers parsed", "session": "+ session, its life",
         "nat": "+ NAT, checksums", "nat_stats": "+ statistics"}
ADDED = tuple(f"added{n}" for n in range(1, 7))


def chain_file(chain: str) -> str:
    """FILE.py:NAME of a chain of the benchmark."""
    file = chain if chain in ("headers", "session") else "nat"
    return f"{HERE / 'chains' / file}.py:{chain}"


class Bench:
    """What was built: paths of the harness and of each contender. Raises SystemExit with the compiler's words."""

    def __init__(self, work: Path, *, debug: bool = False) -> None:
        self.work = work
        self.harness = work / "harness"
        self._extra = ["-g"] if debug else []
        sources = {c: mcc.build(chain_file(c)).c_source for c in (*STAGES, *ADDED)}
        with ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(self._build_harness)]
            jobs += [pool.submit(self._build_limit, n) for n in range(len(STAGES))]
            jobs += [pool.submit(self._build_chain, c, text) for c, text in sources.items()]
            for job in jobs:
                job.result()

    def limit(self, stage: str) -> Path:
        """The hand-written loop of a stage."""
        return self.work / f"limit{STAGES.index(stage)}.so"

    def chain(self, name: str) -> Path:
        """The same through mcc, or a chain with elements added."""
        return self.work / f"chain_{name}.so"

    def _compile(self, out: Path, source: str, *more: str) -> None:
        shared = ["-shared"] if out.suffix == ".so" else ["-rdynamic"]
        command = [*compiler(), *flags(), *self._extra, *shared, f"-I{RUNTIME_C}", f"-I{HERE}", *more,
                   str(HERE / source), "-o", str(out), "-ldl"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr}")

    def _build_harness(self) -> None:
        self._compile(self.harness, "harness.c")

    def _build_limit(self, stage: int) -> None:
        self._compile(self.work / f"limit{stage}.so", "limit/limit.c", f"-DSTAGE={stage}")

    def _build_chain(self, name: str, text: str) -> None:
        source = self.work / f"{name}.gen.c"
        source.write_text(text)
        self._compile(self.chain(name), "contender_mcc.c", f'-DMODULE="{source}"')
