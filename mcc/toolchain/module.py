"""Compiling and loading: one cffi extension a chain, cached by content (COMPILER.md 3.5)."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.machinery
import importlib.util
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import cffi

from mcc.diag import BuildError
from mcc.paths import RUNTIME_C
from mcc.toolchain.cdef import cdef
from mcc.version import VERSION

TARGETS = {"native": ("-march=native",), "x86-64-v3": ("-march=x86-64-v3",), "generic": ()}
WARNINGS = ("-Wall", "-Wextra", "-Wno-unused-function", "-Wno-unused-parameter")
SANITIZE = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer")


@dataclass(frozen=True)
class Built:
    """A loaded extension. `path`: the shared object; `c_path`: its C beside it."""

    path: Path
    c_path: Path
    extension: ModuleType

    @property
    def ffi(self) -> Any:
        return self.extension.ffi

    @property
    def lib(self) -> Any:
        return self.extension.lib


def cache_folder() -> Path:
    """$MCC_CACHE, else ~/.cache/mcc, else a folder of this user's in the temporary one."""
    named = os.environ.get("MCC_CACHE")
    folder = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mcc"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError:
        folder = Path(tempfile.gettempdir()) / f"mcc-{os.getuid()}"
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def compiler() -> list[str]:
    """$CC, else the first of cc, gcc, clang. Raises BuildError where there is none."""
    named = shlex.split(os.environ.get("CC", ""))
    for c in ([named] if named else [["cc"], ["gcc"], ["clang"]]):
        if shutil.which(c[0]):
            return c
    raise BuildError("cc", "no C compiler was found: apt-get install gcc (or set CC)")


def flags(target: str = "native", *, sessions: bool = False, sanitize: bool = False, level: str = "",
          extra: Sequence[str] = ()) -> list[str]:
    """Compiler flags of a module. sessions: count per session for `--sessions`; level: of optimization, by default
    what MCC_OPTIMIZE says, or -O2."""
    level = level or os.environ.get("MCC_OPTIMIZE") or "-O2"
    out = [level, *TARGETS[target], "-std=gnu11", "-fwrapv", "-fno-strict-aliasing", "-fno-plt", "-fvisibility=hidden",
           "-fPIC", *WARNINGS]
    out += ["-DMCC_SESSIONS=1"] if sessions else []
    out += [*SANITIZE, "-g"] if sanitize else []
    return out + list(extra)


def build_module(c_source: str, name: str, blobs: Mapping[str, bytes] | None = None, *, target: str = "native",
                 sessions: bool = False, sanitize: bool = False, level: str = "", out: Path | None = None,
                 extra: Sequence[str] = (), load: bool = True, declared: str | None = None,
                 link: Sequence[str] = ()) -> Built:
    """Compile (or take from the cache) and load. Raises BuildError with the command and the compiler's words.

    `out`: also leave `_mcc_NAME.abi3.so`-style file and `NAME.gen.c` there. `declared`: what Python sees of it, by
    default the interface of a box. `link`: linker flags, behind the source.
    """
    blobs = blobs or {}
    cc = compiler()
    optional, libraries = _optional(c_source, cc)
    args = flags(target, sessions=sessions, sanitize=sanitize, level=level, extra=[*extra, *optional])
    link = [*link, *libraries]
    declared = cdef(RUNTIME_C) if declared is None else declared
    digest = _digest(c_source, declared, cc, [*args, *link], blobs)
    ascii_name = re.sub(r"\W", "_", name, flags=re.ASCII)  # Python calls the entry of another module otherwise
    module = f"_mcc_{ascii_name}_{digest[:16]}"
    folder = cache_folder() / digest[:24]
    shared = folder / f"{module}{_suffix()}"
    c_path = folder / f"{name}.gen.c"
    if not shared.exists():
        _compile(folder, module, name, c_source, declared, cc, args, blobs, shared, link)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        shutil.copy2(shared, out / f"_mcc_{name}{_suffix()}")
        shutil.copy2(c_path, out / f"{name}.gen.c")
    return Built(shared, c_path, _load(module, shared) if load else ModuleType(module))


def _suffix() -> str:
    return importlib.machinery.EXTENSION_SUFFIXES[0]


def _digest(c_source: str, declared: str, cc: Sequence[str], args: Sequence[str], blobs: Mapping[str, bytes]) -> str:
    h = hashlib.sha256()
    asked = subprocess.run([*cc, "-dumpfullversion", "-dumpmachine"], capture_output=True, text=True, check=False)
    version = asked.stdout
    cpu = _cpu() if "-march=native" in args else ""
    for text in (c_source, declared, json.dumps([*cc, *args]), version, cpu, cffi.__version__, VERSION, sys.version):
        h.update(text.encode())
        h.update(b"\0")
    for path in sorted(RUNTIME_C.glob("*.[ch]")):
        h.update(path.read_bytes())
    for k in sorted(blobs):
        h.update(k.encode() + blobs[k])
    return h.hexdigest()


def _cpu() -> str:
    """What -march=native depends on."""
    try:
        with open("/proc/cpuinfo") as f:
            return "".join(sorted({line for line in f if line.startswith(("flags", "model name"))}))
    except OSError:
        return ""


def _compile(folder: Path, module: str, name: str, c_source: str, declared: str, cc: Sequence[str],
             args: Sequence[str], blobs: Mapping[str, bytes], shared: Path, link: Sequence[str]) -> None:
    """Everything goes to files of this process first, then into place: two builds at a time do not meet."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="build") as work:
        w = Path(work)
        gen = w / f"{name}.gen.c"
        gen.write_text(c_source)
        for k, data in blobs.items():
            (w / f"{k}.bin").write_bytes(data)
        ffi = cffi.FFI()
        ffi.cdef(declared)
        ffi.set_source(module, f'#include "{gen.name}"')
        with contextlib.redirect_stdout(io.StringIO()):  # cffi says what it writes
            ffi.emit_c_code(str(w / f"{module}.c"))
        include = sysconfig.get_paths()["include"]
        command = [*cc, *args, "-shared", "-o", f"{module}.tmp", f"{module}.c", "-I", str(w), "-I", str(RUNTIME_C),
                   "-I", include, *_libraries(c_source), *link]
        done = subprocess.run(command, cwd=w, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            keep = folder / f"{name}.failed.c"
            keep.write_text(c_source)
            raise BuildError(shlex.join(command), f"{_missing(done.stderr)}{done.stderr}\n(the C is kept in {keep})")
        os.replace(gen, folder / gen.name)
        for k in blobs:
            os.replace(w / f"{k}.bin", folder / f"{k}.bin")
        os.replace(w / f"{module}.tmp", shared)


@dataclass(frozen=True)
class Library:
    """A library that some modules are linked with. flag: tells their C that it is there, where they can do without."""

    header: str
    link: str
    package: str
    flag: str = ""


NEEDED = {"mcc_hs.h": Library("hs/hs.h", "-lhs", "libhyperscan-dev")}
"""Libraries that a module cannot do without, by the header of the runtime that it includes."""

ZLIB = Library("zlib.h", "-lz", "zlib1g-dev", "-DMCC_ZLIB=1")
"""What a chain that looks into tunnels needs to read compressed packets (IPComp)."""

OPTIONAL = {"#define MCC_INNER 1": ZLIB}
"""Libraries that a module does without where they are not there, by the line of its C that would have them."""


def is_there(library: Library, cc: Sequence[str]) -> bool:
    """Whether this compiler finds the header and the library."""
    return _is_there(library, tuple(cc))


@functools.cache
def _is_there(library: Library, cc: tuple[str, ...]) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "a.c"
        source.write_text(f"#include <{library.header}>\nint main(void) {{ return 0; }}\n")
        return subprocess.run([*cc, "-o", f"{folder}/a", str(source), library.link], capture_output=True,
                              check=False).returncode == 0


def _optional(c_source: str, cc: Sequence[str]) -> tuple[list[str], list[str]]:
    """Compiler and linker flags for the optional libraries of a module, of those that are there."""
    found = [x for line, x in OPTIONAL.items() if f"\n{line}\n" in c_source and is_there(x, cc)]
    return [x.flag for x in found], [x.link for x in found]


def _libraries(c_source: str) -> list[str]:
    """Linker flags for the headers that the module includes."""
    return [x.link for header, x in NEEDED.items() if f'#include "{header}"' in c_source]


def _missing(words: str) -> str:
    """The command that installs what the compiler missed, as a line; "" where it is something else."""
    for x in NEEDED.values():
        if any(re.search(rf"{re.escape(s)}\W.*(No such file|not found)|(cannot find|unable to find library) {s}", words)
               for s in (x.header, x.link)):
            return f"a library is missing: apt-get install {x.package}\n"
    return ""


def _load(module: str, shared: Path) -> ModuleType:
    found = sys.modules.get(module)
    if found is not None:
        return found
    spec = importlib.util.spec_from_file_location(module, shared)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    sys.modules[module] = loaded
    return loaded
