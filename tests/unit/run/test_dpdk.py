"""What is said of DPDK's devices, and how its library is found; what packets do there is in tests/live/test_dpdk.py."""

from __future__ import annotations

import errno
import shutil
import subprocess
from pathlib import Path

import pytest

from mcc.diag import PortError
from mcc.paths import RUNTIME_C
from mcc.run.device import cannot_open
from mcc.run.dpdk import cut_note, veth_note
from mcc.run.ports import Binding, parse_spec
from mcc.toolchain import dpdk as library
from mcc.toolchain.dpdk import compile_flags, find_dpdk, release

XDP = parse_spec("lan", "dpdk:net_af_xdp0,iface=d0")


def port(devargs: str) -> Binding:
    return parse_spec("lan", f"dpdk:{devargs}")


@pytest.mark.parametrize(("devargs", "error", "why", "words"), [
    ("net_foo0", errno.ENODEV, 'EAL: failed to parse device "vdev:net_foo0"', "net_foo0: DPDK has no driver of that name"),
    ("net_null0,a=1", errno.EIO, "EAL: Driver cannot attach the device (net_null0)", "its driver refuses the arguments 'a=1'; https://"),
    ("net_pcap0,rx_pcap=/x", errno.EIO, "open_single_rx_pcap(): Couldn't open /x: No such file", "net_pcap0: Couldn't open /x: No such file"),
    ("net_tap0,iface=d0", errno.EIO, "eth_dev_tap_create(): Unable to create TAP interface", "a name that no interface has"),
    ("net_af_packet0", errno.EIO, "EAL: Driver cannot attach", "it wants an interface: dpdk:net_af_packet0,iface=IF"),
    ("net_af_xdp0,iface=d0", errno.ENODEV, "", "there is no interface 'd0' in this network namespace; `ip link` lists them"),
    ("net_af_xdp0,iface=d0", errno.ENETDOWN, "", "d0 is down; ip link set d0 up"),
    ("net_af_xdp0,iface=d0", errno.EPERM, "", "no right to open d0; run as root, or give Python the capabilities: setcap cap_net_raw"),
    ("net_af_xdp0,iface=d0", errno.EIO, "xsk_configure(): Failed to create xsk socket.", "taken off by: ip link set d0 xdp off"),
    ("net_af_xdp0,iface=d0", errno.EMSGSIZE, "", "ip link set d0 mtu 1500, or use afpacket:d0"),
    ("net_af_packet0,iface=d0", errno.ENOMEM, "eth(): 4064 bytes will not fit in mbuf", "net_af_packet0: 4064 bytes will not fit in mbuf"),
    ("net_ring0", errno.EEXIST, "", "this process has that device already; give it another number"),
    ("net_ring0", errno.ENOMEM, "EAL: no room", "not enough memory for DPDK (no room); this reserves some: sysctl vm.nr_hugepages=256"),
    ("net_ring0", errno.ENOTRECOVERABLE, "EAL: Cannot get a virtual area: Cannot allocate memory", "not enough memory for DPDK"),
    ("net_ring0", errno.ENOTRECOVERABLE, "EAL: FATAL: no", "DPDK does not start: FATAL: no; `mcc doctor` says what it needs"),
    ("01:00.0", errno.EIO, "EAL: Cannot find device (01:00.0)", "`dpdk-devbind.py -b vfio-pci 01:00.0` gives this one to DPDK"),
    ("01:00.0", errno.EXDEV, "", "open the PCI devices first"), ("net_ring0", errno.EIO, "", "net_ring0: Input/output error")])
def test_messages(devargs: str, error: int, why: str, words: str) -> None:
    said = cannot_open(port(devargs), error, why)
    assert said.startswith("port lan: ") and words in said
    assert "EAL:" not in said and "():" not in said


def test_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcc.run.dpdk.driver", lambda interface: "veth" if interface else "")
    monkeypatch.setattr("mcc.run.dpdk.sends", lambda interface: ("tso",))
    assert "ethtool -K d0 tx off tso off gso off gro off" in veth_note(XDP) and "at both ends" in veth_note(XDP)
    assert veth_note(port("net_null0")) == "" == veth_note(Binding("lan", device="d0", kind="afpacket"))
    assert "3 packets" in cut_note(XDP, 3) and "ethtool -K d0 tx off" in cut_note(XDP, 3) and cut_note(XDP, 0) == ""
    monkeypatch.setattr("mcc.run.dpdk.sends", lambda interface: ())
    assert veth_note(XDP) == "" != cut_note(XDP, 3)
    monkeypatch.setattr("mcc.run.dpdk.driver", lambda interface: "e1000e")
    assert veth_note(XDP) == "" == cut_note(XDP, 3)


def test_releases() -> None:
    assert [release(v) for v in ("22.11.11", "24.11.0-rc1", "24.11-rc1", "x", "")] == [(22, 11), (24, 11), (24, 11), (0, 0), (0, 0)]


def test_compile_flags() -> None:
    said = ["-I/usr/include/dpdk", "-include", "rte_config.h", "-march=corei7", "-mno-avx512f"]
    assert compile_flags(said) == ["-isystem", "/usr/include/dpdk", "-include", "rte_config.h", "-msse4.2", "-mno-avx512f"]
    assert compile_flags(["-march=armv8-a"]) == []


def test_one_that_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_ask", lambda what: "21.11.2")
    monkeypatch.setattr(shutil, "which", lambda name: name)
    with pytest.raises(PortError, match="DPDK 21.11.2 is too old, it must be 22.11 or newer"):
        find_dpdk()


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("target", [(), ("-march=native",)])
@pytest.mark.parametrize("part", ["", "_eal", "_flow"])
def test_the_runtime_part_is_clean(compiler: str, target: tuple[str, ...], part: str, tmp_path: Path) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler} (apt install {compiler})")
    try:
        flags = find_dpdk().flags
    except PortError as e:
        pytest.skip(str(e))
    done = subprocess.run(
        [compiler, *target, "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Wconversion",
         "-Wmissing-prototypes", "-Werror", *flags, "-c", str(RUNTIME_C / f"mcc_io_dpdk{part}.c"), "-o", str(tmp_path / "a.o")],
        capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
