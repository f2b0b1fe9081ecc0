"""What goes wrong with the devices of live ports, in words that say how to mend it."""

from __future__ import annotations

import errno
import os

from mcc.run import dpdk
from mcc.run.ports import Binding

OFF = "gro off gso off tso off"
"""What `ethtool -K` is told where frames should be as they are on the wire."""


def cannot_open(port: Binding, error: int, why: str = "") -> str:
    """The message for a port whose device could not be opened. `why`: its driver's own words."""
    if port.kind == "dpdk":
        return dpdk.cannot_open(port, error, why)
    name, device = f"port {port.port}", port.device
    if error in (errno.EPERM, errno.EACCES):
        tap = port.kind == "tap"
        what, right = ("a TAP device", "cap_net_admin") if tap else ("a packet socket", "cap_net_raw")
        return (f"{name}: {device}: no right to open {what}; run as root, or give Python the capability: "
                f"setcap {right}+ep $(readlink -f $(which python3))")
    if error == errno.ENODEV and port.kind == "afpacket":
        return f"{name}: there is no interface {device!r} in this network namespace; `ip link` lists them"
    if error == errno.ENETDOWN:
        return f"{name}: {device} is down; ip link set {device} up"
    if error == errno.EPFNOSUPPORT:
        return f"{name}: {device} is not an Ethernet interface"
    if error == errno.EBUSY:
        return f"{name}: {device} is in use by another program"
    if error == errno.ENOENT and port.kind == "tap":
        return (f"{name}: there is no /dev/net/tun; modprobe tun, or: mkdir -p /dev/net && "
                "mknod /dev/net/tun c 10 200")
    if error == errno.EINVAL and port.kind == "tap":
        return f"{name}: {device!r} cannot be a TAP device: it is the name of an interface of another kind, or no name"
    if error == errno.ENOMEM:
        return f"{name}: {device}: there is not enough memory"
    return f"{name}: {device}: {os.strerror(error)}"


def offload_note(port: Binding, frames: int) -> str:
    """Super-frames came to a chain with streams."""
    return (f"port {port.port}: {frames} super-frames (GSO, GRO) were cut into their segments, which takes time; "
            f"where that matters, at both ends: ethtool -K {port.device} {OFF}")


def refusal_note(port: Binding, frames: int) -> str:
    """Frames were refused for their length."""
    return (f"port {port.port}: {frames} frames were longer than {port.name} or the box takes; give the interfaces "
            f"one MTU, or: ethtool -K {port.interface or 'IF'} {OFF}")
