"""What stands between client and server: one class a kind of box, with start, stop and its processes.

A box that is not there (`Wire`) and kernel boxes (`Route`, `Nft`) have no process: what they cost is what the rest of
the bed spends more (docs/live-performance.md).
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.live.bed import BOX_CLIENT, BOX_SERVER, SERVERS, Bed, BedError, Process, run
from bench.live.cpu import family

ROOT = Path(__file__).resolve().parents[2]
CHAINS = Path(__file__).parent / "chains.py"
COMMAND = "from mcc.cli import main; main()"
DRIVERS = {"af_packet": "framesz=2048,blocksz=65536,framecnt=4096",
           "af_xdp": "start_queue=0,queue_count=1,force_copy=1"}
"""Arguments of DPDK's drivers, by driver, for testpmd and mcc alike. net_af_packet's own 512 places are too few."""


@dataclass
class Box:
    """One box. offloads: those of all ends of the cables; off where the box takes no super-frames."""

    name: str
    offloads: bool
    wiring = "routed"
    target = SERVERS[0]
    program, package = "ip", "iproute2"
    process: Process | None = None

    def missing(self) -> str:
        """Why it cannot run here; "" : it can."""
        return "" if shutil.which(self.program) else f"{self.name} needs {self.program}: apt-get install {self.package}"

    def start(self, bed: Bed) -> None:
        """Brings it up. Raises BedError."""

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()
        self.process = None

    def pids(self) -> list[int]:
        """Its processes; none where it is the kernel's."""
        return family(self.process.child.pid) if self.process is not None else []


class Wire(Box):
    """No box: the limit of the bed."""

    wiring = "wire"


class Route(Box):
    """The kernel's forwarding."""


class Nft(Box):
    """The kernel's NAT: all clients behind the address of the box."""

    program, package = "nft", "nftables"

    def start(self, bed: Bed) -> None:
        rules = bed.folder / f"{bed.prefix}.nft"
        rules.write_text(f"""table ip nat {{
  chain post {{
    type nat hook postrouting priority srcnat;
    oifname "d1" snat to {BOX_SERVER};
  }}
}}
""")
        run("ip", "netns", "exec", bed.box, "nft", "-f", str(rules))


class Haproxy(Box):
    """HAProxy, TCP mode, one thread, four servers in turn."""

    target = BOX_CLIENT
    program = package = "haproxy"

    def start(self, bed: Bed) -> None:
        config = bed.folder / f"{bed.prefix}-haproxy.cfg"
        servers = "\n".join(f"  server s{i} {a}:80" for i, a in enumerate(SERVERS))
        config.write_text(f"""global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend f
  bind {BOX_CLIENT}:80 backlog 8192
  default_backend b
backend b
  balance roundrobin
{servers}
""")
        self.process = bed.start(bed.box, "haproxy", "-db", "-f", str(config))


class NginxStream(Box):
    """nginx as a TCP proxy, one worker, four servers in turn."""

    target = BOX_CLIENT
    program, package = "nginx", "nginx-light libnginx-mod-stream"

    def missing(self) -> str:
        without = super().missing()
        if without:
            return without
        built, module = self._built()
        there = "--with-stream " in built or module.exists()
        return "" if there else f"{self.name} needs nginx's stream module: apt-get install libnginx-mod-stream"

    def start(self, bed: Bed) -> None:
        _, module = self._built()
        config = bed.folder / f"{bed.prefix}-stream.conf"
        servers = " ".join(f"server {a}:80;" for a in SERVERS)
        config.write_text(f"""{f"load_module {module};" if module.exists() else ""}
worker_processes 1; daemon off; user root; pid {bed.folder}/{bed.prefix}-stream.pid; error_log stderr warn;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; multi_accept on; }}
stream {{ upstream u {{ {servers} }} server {{ listen {BOX_CLIENT}:80 backlog=8192; proxy_pass u; }} }}
""")
        self.process = bed.start(bed.box, "nginx", "-e", "stderr", "-c", str(config))

    @staticmethod
    def _built() -> tuple[str, Path]:
        """How nginx was configured, and where its module would be."""
        said = subprocess.run(["nginx", "-V"], capture_output=True, text=True, check=False).stderr + " "
        paths = [w.partition("=")[2] for w in said.split() if w.startswith("--modules-path=")]
        return said, Path(*(paths or ["/usr/lib/nginx/modules"])) / "ngx_stream_module.so"


@dataclass
class Testpmd(Box):
    """DPDK's own program, passing frames without looking at them: what the port can do. driver: af_packet, af_xdp."""

    driver: str = "af_packet"
    wiring = "frames"
    program, package = "dpdk-testpmd", "dpdk-dev"

    def start(self, bed: Bed) -> None:
        rest, mine = bed.cpus if bed.cpus is not None else ([0], [1])
        devices = [f"--vdev=net_{self.driver}{i},iface=d{i},{DRIVERS[self.driver]}" for i in range(2)]
        self.process = bed.start(bed.box, "dpdk-testpmd", "-l", f"{rest[0]},{mine[-1]}", "--main-lcore", str(rest[0]),
                                 "--no-huge", "-m", "512", "--no-shconf", "--no-pci", "--no-telemetry", *devices,
                                 "--", "--forward-mode=io", "--auto-start", "--no-mlockall",
                                 "--total-num-mbufs=16384", "-i", pinned=False)


@dataclass
class Mcc(Box):
    """mcc, a chain of bench/live/chains.py. kind: the type of its ports, `afpacket`, `afxdp`, or `dpdk:DRIVER`."""

    kind: str = "afpacket"
    chain: str = "proxy"
    wiring = "frames"
    program, package = "cc", "gcc"

    def __post_init__(self) -> None:
        self.target = SERVERS[0] if self.chain in ("chain1", "chain2", "chain3") else BOX_CLIENT

    def missing(self) -> str:
        needs = {"dpdk": ("libdpdk", "libdpdk-dev dpdk-dev"), "afxdp": ("libxdp", "libxdp-dev libbpf-dev")}
        library, package = needs.get(self.kind.partition(":")[0], ("", ""))
        if library and subprocess.run(["pkg-config", "--exists", library], check=False).returncode:
            return f"{self.name} needs {library}: apt-get install {package} pkg-config"
        return super().missing()

    def start(self, bed: Bed) -> None:
        kind, _, driver = self.kind.partition(":")
        arguments = DRIVERS.get(driver.removeprefix("net_"), "")
        lan, wan = (f"{kind}:" + (f"{driver}{i},iface=d{i},{arguments}" if driver else f"d{i}") for i in range(2))
        self.process = bed.start(bed.box, sys.executable, "-c", COMMAND, "run", f"{CHAINS}:{self.chain}",
                                 "--port", f"lan={lan}", "--port", f"wan={wan}")
        self.process.wait("mcc: running", 120)  # a C compiler may run first


def figure12() -> list[Box]:
    """All boxes that are compared, `-off`: with the cables' offloads off, as a port without super-frames needs it."""
    both: list[Box] = []
    for name, kind in (("direct", Wire), ("route", Route), ("nft", Nft), ("haproxy", Haproxy), ("nginx", NginxStream)):
        both += [kind(name, True), kind(f"{name}-off", False)]
    mcc: list[Box] = []
    for chain, function in (("proxy", "proxy"), ("chain1", "nat")):
        mcc += [Mcc(f"mcc-{function}-afpacket", True, kind="afpacket", chain=chain),
                Mcc(f"mcc-{function}-afpacket-off", False, kind="afpacket", chain=chain),
                Mcc(f"mcc-{function}-afxdp-off", False, kind="afxdp", chain=chain),
                Mcc(f"mcc-{function}-dpdk-afxdp-off", False, kind="dpdk:net_af_xdp", chain=chain),
                Mcc(f"mcc-{function}-dpdk-afpacket-off", False, kind="dpdk:net_af_packet", chain=chain)]
    return [*both, Testpmd("testpmd-afpacket-off", False, driver="af_packet"),
            Testpmd("testpmd-afxdp-off", False, driver="af_xdp"), *mcc]


FUNCTIONS = ["NAT", "+ statistics", "+ firewall", "+ load balancer", "+ TCP in order", "+ checksum", "+ IPS"]
"""What chain1 .. chain7 add."""


def figure13() -> list[Box]:
    """mcc's chains, each one function longer."""
    return [Mcc(f"chain{n}", True, kind="afpacket", chain=f"chain{n}") for n in range(1, 1 + len(FUNCTIONS))]


def select(boxes: list[Box], names: list[str]) -> list[Box]:
    """Those of these names, in the order of `boxes`; all where no name is given. Raises BedError."""
    known = [b.name for b in boxes]
    wrong = [n for n in names if n not in known]
    if wrong:
        raise BedError(f"there is no box {', '.join(wrong)}; there are {', '.join(known)}")
    return [b for b in boxes if not names or b.name in names]
