"""`mcc doctor`: what mcc needs on this machine, and the command that mends what is missing."""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mcc.cli.console import CHAIN, DONE, out
from mcc.diag import BuildError, PortError
from mcc.lang.hyperscan import library
from mcc.paths import RUNTIME_C, TEMPLATES
from mcc.run.device import XDP_MEMORY, XDP_PACKAGES, XDP_RIGHTS
from mcc.run.dpdk import RIGHTS, VETH
from mcc.toolchain import ZLIB, cache_folder, compiler, is_there
from mcc.toolchain.dpdk import HUGE_MB, INSTALL, find_dpdk, hugepages_free


@dataclass(frozen=True)
class Finding:
    """One check. `mend`: the command for what is missing; `needed`: mcc cannot work without it."""

    name: str
    good: bool
    found: str
    mend: str = ""
    needed: bool = True


def report() -> int:
    """Print every finding; 1 where something needed is missing."""
    console = out()
    findings = [check() for check in CHECKS] + [_tool(*t) for t in OPTIONAL]
    for f in findings:
        mark = "[green]ok[/]" if f.good else "[red]missing[/]" if f.needed else "[yellow]absent[/]"
        console.print(f"{mark:<18} {f.name}: {f.found}" if console.is_terminal else f"{mark} {f.name}: {f.found}")
        if not f.good and f.mend:
            console.print(f"        {f.mend}", markup=False)
    broken = [f.name for f in findings if f.needed and not f.good]
    console.print(f"\n{', '.join(broken)}: mcc needs that" if broken else "\nmcc can build and run chains here")
    return CHAIN if broken else DONE


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= (3, 11), version, "mcc needs Python 3.11 or newer")


def _modules() -> Finding:
    missing = []
    for name in ("cffi", "jinja2", "lark", "rich", "typer", "zstandard"):
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(name)
    text = f"{', '.join(missing)} cannot be imported" if missing else "all there"
    return Finding("Python packages", not missing, text, f"{sys.executable} -m pip install {' '.join(missing)}")


def _headers() -> Finding:
    header = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return Finding("Python headers", header.is_file(), str(header),
                   f"apt install python3-dev (or python{sys.version_info[0]}.{sys.version_info[1]}-dev)")


def _compiler() -> Finding:
    mend = "apt install gcc libc6-dev"
    try:
        command = compiler()
    except BuildError:
        return Finding("C compiler", False, f"{os.environ.get('CC') or 'cc, gcc and clang'}: not there", mend)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "a.c"
        source.write_text("#include <stdint.h>\nuint32_t f(void);\nuint32_t f(void) { return 1; }\n")
        done = subprocess.run([*command, "-std=gnu11", "-shared", "-fPIC", "-o", f"{folder}/a.so", str(source)],
                              capture_output=True, text=True, check=False)
        version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    first = (version.stdout.splitlines() or ["?"])[0]
    if done.returncode:
        return Finding("C compiler", False, f"{first}; it fails: {(done.stderr.splitlines() or ['?'])[0]}", mend)
    return Finding("C compiler", True, first)


def _files() -> Finding:
    good = (RUNTIME_C / "mcc_packet.h").is_file() and TEMPLATES.is_dir()
    return Finding("C runtime", good, str(RUNTIME_C), f"{sys.executable} -m pip install --force-reinstall mcc")


def _cache() -> Finding:
    try:
        folder = cache_folder()
    except OSError as e:
        return Finding("cache folder", False, f"{e.filename}: {e.strerror}", "export MCC_CACHE=FOLDER")
    return Finding("cache folder", True, str(folder))


def _right(name: str, use: str, mend: str, number: int, spec: str) -> Finding:
    """Whether this process has a capability, in the effective set that Linux shows in /proc/self/status."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        effective = next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff:"))
    except (OSError, StopIteration):
        return Finding(name, False, "not known here: there is no /proc/self/status", needed=False)
    has = bool(effective >> number & 1)
    return Finding(name, has, f"{spec} {'can be used' if has else 'cannot be used'} ({use})", mend, needed=False)


def _packet_sockets() -> Finding:
    return _right("packet sockets", "mcc run --port", "run as root, or: setcap cap_net_raw+ep $(readlink -f "
                  "$(which python3))", 13, "afpacket:IF")


def _tap_devices() -> Finding:
    if not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        there = os.path.exists("/dev/net/tun")
        return Finding("TAP devices", False, f"/dev/net/tun {'is not ours to open' if there else 'is not there'}",
                       "run as root" if there else "modprobe tun", needed=False)
    return _right("TAP devices", "mcc run --port", "run as root, or: setcap cap_net_admin+ep $(readlink -f "
                  "$(which python3))", 12, "tap:NAME")


def _afxdp() -> Finding:
    """Library, kernel, rights, locked memory: the first that is missing."""
    def finding(good: bool, found: str, mend: str = "") -> Finding:
        return Finding("AF_XDP", good, f"afxdp:IF {'can' if good else 'cannot'} be used: {found}", mend, needed=False)

    try:
        ctypes.CDLL("libxdp.so.1")
    except OSError:
        return finding(False, "libxdp.so.1 is not there", XDP_PACKAGES)
    grant = f"run as root, or: setcap {XDP_RIGHTS}+ep $(readlink -f $(which python3))"
    for name, number in (("cap_net_raw", 13), ("cap_net_admin", 12), ("cap_bpf", 39)):
        if not (_capable(number) or (number == 39 and _capable(21))):
            return finding(False, f"no {name}", grant)
    try:
        _afxdp_socket().close()
    except OSError as e:
        return finding(False, f"the kernel says {e.strerror}", "a kernel with CONFIG_XDP_SOCKETS")
    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if not _capable(14) and soft != resource.RLIM_INFINITY and soft < XDP_MEMORY:
        return finding(False, f"{soft >> 10} KiB of memory can be locked, {XDP_MEMORY >> 10} are needed a port",
                       "ulimit -l unlimited, or: " + grant)
    return finding(True, "libxdp, rights and locked memory are there")


def _afxdp_socket() -> socket.socket:
    return socket.socket(44, socket.SOCK_RAW)  # AF_XDP


def _capable(number: int) -> bool:
    return _right("", "", "", number, "").good


def _hyperscan() -> Finding:
    """Its headers and its library: RegexMatcher wants both."""
    include = [Path(p) / "hs" / "hs.h" for p in ("/usr/include", "/usr/local/include")]
    header = next((h for h in include if h.is_file()), None)
    good = header is not None and library() is not None
    return Finding("Hyperscan", good, f"{header if good else 'not there'} (RegexMatcher)",
                   "apt install libhyperscan-dev", needed=False)


def _zlib() -> Finding:
    """Its header and its library, as the compiler finds them; without a compiler there is a finding of its own."""
    try:
        good = is_there(ZLIB, compiler())
    except BuildError:
        good = False
    return Finding("zlib", good, f"{ZLIB.header if good else 'not there'} (IPComp inside ports with inner=True)",
                   f"apt install {ZLIB.package}", needed=False)


def _dpdk() -> Finding:
    """Its library and headers; then memory and rights, which some of its devices want."""
    try:
        version = find_dpdk().version
    except PortError as e:
        return Finding("DPDK", False, f"{str(e).partition('; ')[0]} (dpdk:DEVARGS)", INSTALL, needed=False)
    free = hugepages_free()
    memory = f"{free} MB of huge pages are free" if free >= HUGE_MB else "no huge pages (virtual devices need none)"
    veth = f"on veth, at both ends: {VETH.format('IF')}"
    return Finding("DPDK", True, f"{version}, {memory} (dpdk:DEVARGS; {veth})")


def _dpdk_interfaces() -> Finding:
    return _right("DPDK on interfaces", "net_af_packet, net_af_xdp", f"run as root, or: {RIGHTS}", 12,
                  "dpdk:NAME,iface=IF")


def _tool(name: str, use: str, package: str) -> Finding:
    where = shutil.which(name)
    return Finding(name, where is not None, f"{where or 'not there'} ({use})", f"apt install {package}", needed=False)


CHECKS: tuple[Callable[[], Finding], ...] = (_python, _modules, _headers, _compiler, _files, _cache, _packet_sockets,
                                             _tap_devices, _afxdp, _hyperscan, _zlib, _dpdk, _dpdk_interfaces)
OPTIONAL = (
    ("dot", "mcc graph", "graphviz"),
    ("tshark", "tests compare with it", "tshark"),
    ("tcpdump", "tests compare with libpcap", "tcpdump libpcap0.8"),
    ("clang", "a second compiler for the tests", "clang"),
    ("clang-format", "style of the C", "clang-format"),
    ("valgrind", "tests of the C runtime", "valgrind"),
    ("ip", "live tests", "iproute2"),
    ("ethtool", "live tests; offloads", "ethtool"),
    ("ping", "live tests", "iputils-ping"),
    ("nginx", "live tests", "nginx-light"),
    ("curl", "live tests", "curl"),
)
