"""What goes wrong with `dpdk:` ports, in words that say how to mend it."""

from __future__ import annotations

import errno
import os
import re

from mcc.diag import PortError
from mcc.run.offloads import OFF, driver, sends
from mcc.run.ports import Binding
from mcc.run.xdp import others_note, taken

VETH = f"ethtool -K {{}} {OFF}"
"""Else the kernels at the ends of a veth pair leave checksums and segments to each other, which DPDK does not see."""

RIGHTS = "setcap cap_net_raw,cap_net_admin,cap_bpf,cap_ipc_lock+ep $(readlink -f $(which python3))"
GUIDE = "https://doc.dpdk.org/guides/nics/"
GENERIC = ("Driver cannot attach", "Failed to attach")
"""How words of DPDK's begin that say nothing of the cause."""


def before_open(port: Binding) -> None:
    """Raises PortError where net_af_xdp would end another program's traffic."""
    if port.kind != "dpdk" or not port.name.startswith("net_af_xdp") or not port.interface:
        return
    first = next((a[12:] for a in port.device.split(",")[1:] if a.startswith("start_queue=")), "0")
    queue = int(first) if first.isdecimal() else 0
    if taken(port.interface, queue):
        raise PortError(f"port {port.port}: {others_note(port.name, port.interface, queue)}")


def cannot_open(port: Binding, error: int, why: str) -> str:
    """The message for a device that DPDK could not open; `why`: the first error of its log, "" for none."""
    return f"port {port.port}: {_cause(port, error, _words(why))}"


def marks_note(port: Binding, why: str) -> str:
    """What a device does not classify; "": nothing. `why`: runtime_c/mcc_io_dpdk_flow.c's words."""
    if port.kind != "dpdk" or not why:
        return ""
    others = "they" if why.startswith("marks no") else "others"
    return f"port {port.port}: {port.name} {why}; {others} are classified in software"


def veth_note(port: Binding) -> str:
    """What is to be seen to before a run over a veth pair; "": it is none, or this end is as it should be."""
    return _veth(port) if port.interface and sends(port.interface) else ""


def cut_note(port: Binding, wrong: int) -> str:
    """After a run: packets came with wrong checksums; "": none, or not because of a veth."""
    note = _veth(port) if wrong else ""
    return f"{note} ({wrong} packets had wrong checksums)" if note else ""


def _veth(port: Binding) -> str:
    name = port.interface
    if port.kind != "dpdk" or not name or driver(name) != "veth":
        return ""
    return f"port {port.port}: {name} is a veth: TCP needs, once and at both ends, {VETH.format(name)}"


def _words(why: str) -> str:
    """Without the names of functions and of the log in front."""
    return re.sub(r"^(\w+\(\)|[A-Z_]+): +", "", why.strip()).rstrip(".")


def _cause(port: Binding, error: int, why: str) -> str:
    name, interface = port.name, port.interface
    because = why or os.strerror(error)
    if "Operation not permitted" in why:
        error = errno.EPERM
    elif "allocate memory" in why:
        error = errno.ENOMEM
    match error:
        case errno.EPERM | errno.EACCES:
            return (f"{name}: no right to open {interface or 'it'}; run as root, or give Python the capabilities: "
                    f"{RIGHTS}")
        case errno.ENODEV if interface and not why:
            return f"{name}: there is no interface {interface!r} in this network namespace; `ip link` lists them"
        case errno.ENETDOWN:
            return f"{name}: {interface} is down; ip link set {interface} up"
        case errno.EEXIST if not why:
            return f"{name}: this process has that device already; give it another number"
        case errno.ENOTRECOVERABLE:
            return f"DPDK does not start: {because}; `mcc doctor` says what it needs"
        case errno.EMSGSIZE if interface:
            return (f"{name}: the MTU of {interface} is more than the 1890 bytes that DPDK takes there; "
                    f"ip link set {interface} mtu 1500, or use afpacket:{interface}")
        case errno.ENOMEM if "fit in mbuf" not in why:
            return (f"{name}: there is not enough memory for DPDK ({because}); this reserves some: "
                    "sysctl vm.nr_hugepages=256")
        case errno.EXDEV:
            return f"{name}: DPDK began in this process without PCI; open the PCI devices first"
    return f"{name}: {_of_driver(name, interface, port.device.partition(',')[2], because)}"


def _of_driver(name: str, interface: str, arguments: str, because: str) -> str:
    if ":" in name:
        return (f"{because}; `dpdk-devbind.py --status` lists the network cards, `dpdk-devbind.py -b vfio-pci {name}` "
                "gives this one to DPDK")
    if because.startswith("failed to parse device"):
        return f"DPDK has no driver of that name; net_af_packet, net_af_xdp, net_pcap, net_ring are some: {GUIDE}"
    if name.startswith(("net_af_packet", "net_af_xdp")) and not interface:
        return f"it wants an interface: dpdk:{name},iface=IF"
    if name.startswith("net_af_xdp") and not because.startswith(GENERIC):
        return f"{because}; a program that was left on {interface} is taken off by: ip link set {interface} xdp off"
    if name.startswith("net_tap") and "create TAP" in because:
        return f"{because}; that takes root (or cap_net_admin), /dev/net/tun and a name that no interface has"
    if because.startswith(GENERIC):
        return f"its driver refuses the arguments {arguments!r}; {GUIDE} says which there are"
    return because
