"""DPDK as pkg-config knows it: what a module with `dpdk:` ports is compiled and linked with."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from mcc.diag import PortError

OLDEST = (22, 11)
"""The first release whose interfaces runtime_c/mcc_io_dpdk.c uses; it was written against 22.11 to 24.11."""

INSTALL = "apt-get install libdpdk-dev dpdk-dev"

HUGE_MB = 160
"""Megabytes of free huge pages from which they are used (MCC_DPDK_HUGE_KB)."""


@dataclass(frozen=True)
class Dpdk:
    """Compiler flags, linker flags, and the version, such as "22.11.3"."""

    flags: tuple[str, ...]
    link: tuple[str, ...]
    version: str


def find_dpdk() -> Dpdk:
    """The installed DPDK. Raises PortError with the command that installs it."""
    if shutil.which("pkg-config") is None:
        raise PortError(f"DPDK cannot be looked for: there is no pkg-config; {INSTALL} pkg-config")
    version = _ask("--modversion")
    if not version:
        raise PortError(f"dpdk: DPDK is not there (pkg-config does not know libdpdk); {INSTALL}")
    if release(version) < OLDEST:
        raise PortError(f"dpdk: DPDK {version} is too old, it must be {'.'.join(map(str, OLDEST))} or newer")
    flags, link = (shlex.split(_ask(f"--{what}")) for what in ("cflags", "libs"))
    return Dpdk(("-DMCC_DPDK=1", *compile_flags(flags)), tuple(link), version)


def release(version: str) -> tuple[int, int]:
    """Year and month of "22.11.3" or "24.11.0-rc1"."""
    year, _, rest = version.partition(".")
    month = rest.partition(".")[0].partition("-")[0]
    return (int(year), int(month)) if year.isdigit() and month.isdigit() else (0, 0)


def compile_flags(said: list[str]) -> list[str]:
    """Without the processor that the library was built for: the module's --target says that. What DPDK's headers want
    at least stays; they are system headers, our warnings are not about them."""
    out: list[str] = []
    for flag in said:
        if flag == "-march=corei7":
            out.append("-msse4.2")
        elif flag.startswith("-I"):
            out += ["-isystem", flag[2:]]
        elif not flag.startswith("-march="):
            out.append(flag)
    return out


def hugepages_free() -> int:
    """Megabytes of huge pages that nobody has."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    numbers = {line.partition(":")[0]: int(line.split()[1]) for line in lines if line.lower().startswith("huge")}
    return numbers.get("HugePages_Free", 0) * numbers.get("Hugepagesize", 0) // 1024


def _ask(what: str) -> str:
    return subprocess.run(["pkg-config", what, "libdpdk"], capture_output=True, text=True, check=False).stdout.strip()
