"""Builds the harness and its contenders, each a shared object, with one compiler and the flags of `mcc build`."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import mcc
from mcc.api import Module
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
    file = chain if chain in ("headers", "session") else "nat" if chain in (*STAGES, *ADDED) else "streams"
    return f"{HERE / 'chains' / file}.py:{chain}"


@dataclass(frozen=True)
class Stream:
    """A chain over streams as a contender: packets come from the box's buffers, with text in them."""

    chain: str
    checksums: str = "MCC_CHECKSUMS_TRUST"
    hits: int = 0
    """Words in a response; the contender takes `shrink` bytes out of each."""
    shrink: int = 0

    @property
    def defines(self) -> tuple[str, ...]:
        return ("-DSTREAMS", f"-DHITS={self.hits}", f"-DSHRINK={self.shrink}", f"-DCHECKSUMS={self.checksums}")


class Builder:
    """Compiles the harness and contenders into `work`. Raises SystemExit with the compiler's words."""

    def __init__(self, work: Path, *, debug: bool = False) -> None:
        self.work = work
        self.harness = work / "harness"
        self._extra = ["-g", "-mno-avx512f"] if debug else []  # valgrind 3.19 has no AVX-512

    def _compile(self, out: Path, source: str, *more: str) -> None:
        shared = ["-shared"] if out.suffix == ".so" else ["-rdynamic"]
        command = [*compiler(), *flags(), *self._extra, *shared, f"-I{RUNTIME_C}", f"-I{HERE}", *more,
                   str(HERE / source), "-o", str(out), "-ldl"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.work)
        if done.returncode:
            raise SystemExit(f"{' '.join(command)}\n{done.stderr}")

    def _build_harness(self) -> None:
        self._compile(self.harness, "harness.c")

    def _build_chain(self, name: str, build: Module, *defines: str) -> None:
        source = self.work / f"{name}.gen.c"
        source.write_text(build.c_source)
        for blob, data in build.compiled.module.blobs.items():
            (self.work / f"{blob}.bin").write_bytes(data)
        self._compile(self.chain(name), "contender_mcc.c", f'-DMODULE="{source}"', *defines)

    def chain(self, name: str) -> Path:
        """The contender of that name."""
        return self.work / f"chain_{name}.so"


class Bench(Builder):
    """What was built: paths of the harness and of each contender."""

    def __init__(self, work: Path, *, debug: bool = False) -> None:
        super().__init__(work, debug=debug)
        sources = {c: mcc.build(chain_file(c)) for c in (*STAGES, *ADDED)}
        with ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(self._build_harness)]
            jobs += [pool.submit(self._build_limit, n) for n in range(len(STAGES))]
            jobs += [pool.submit(self._build_chain, c, build) for c, build in sources.items()]
            for job in jobs:
                job.result()

    def limit(self, stage: str) -> Path:
        """The hand-written loop of a stage."""
        return self.work / f"limit{STAGES.index(stage)}.so"

    def _build_limit(self, stage: int) -> None:
        self._compile(self.work / f"limit{stage}.so", "limit/limit.c", f"-DSTAGE={stage}")


class StreamBench(Builder):
    """The harness, and contenders by name."""

    def __init__(self, work: Path, contenders: Mapping[str, Stream], *, debug: bool = False) -> None:
        super().__init__(work, debug=debug)
        sources = {name: mcc.build(chain_file(c.chain)) for name, c in contenders.items()}
        with ThreadPoolExecutor(2) as pool:
            jobs = [pool.submit(self._build_harness)]
            jobs += [pool.submit(self._build_chain, name, sources[name], *c.defines) for name, c in contenders.items()]
            for job in jobs:
                job.result()
