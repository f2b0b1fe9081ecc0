"""What goes wrong with the devices of live ports, in words that say how to mend it."""

from __future__ import annotations

import errno
import os

from mcc.run import dpdk
from mcc.run.ports import Binding

OFF = "gro off gso off tso off"
"""What `ethtool -K` is told where frames should be as they are on the wire."""


XDP_RIGHTS = "cap_net_raw,cap_net_admin,cap_bpf,cap_ipc_lock"
"""Capabilities that an afxdp port needs: its sockets, the XDP program, and memory that stays in place."""

XDP_MEMORY = 20 << 20
"""Bytes of locked memory a port (MCC_AFXDP_BYTES)."""

XDP_PACKAGES = "apt-get install libxdp-dev libbpf-dev"

_XDP_RIGHT = ("{device}: no right to open an AF_XDP socket or to attach an XDP program; run as root, or give "
              f"Python the capabilities: setcap {XDP_RIGHTS}+ep $(readlink -f $(which python3))")
_XDP_BUSY = ("{device} is in use: another XDP program is attached to it, or another AF_XDP socket has its queue; "
             "end what does it (`ip link show {device}`), or: ip link set {device} xdp off")
_XDP_NONE = ("{device}: this kernel has no AF_XDP for it (it takes CONFIG_XDP_SOCKETS and Linux 5.9); "
             "use afpacket:{device}")

AFXDP = {
    errno.ELIBACC: f"afxdp:{{device}} needs libxdp and libbpf, which are not installed: {XDP_PACKAGES}",
    errno.EPERM: _XDP_RIGHT, errno.EACCES: _XDP_RIGHT,
    errno.EBUSY: _XDP_BUSY, errno.EEXIST: _XDP_BUSY,
    errno.EAFNOSUPPORT: _XDP_NONE, errno.EOPNOTSUPP: _XDP_NONE, errno.ENOSYS: _XDP_NONE,
    errno.EINVAL: "{device}: the driver takes no AF_XDP socket on this queue; use afpacket:{device}",
    errno.EMSGSIZE: "{device}: its MTU is too long for AF_XDP, 3822 is the most; ip link set {device} mtu 1500",
    errno.ENOBUFS: "{device}: the limit of locked memory is too low for 20 MiB; ulimit -l unlimited, or run as root",
}
"""Errors of an afxdp port that mean something else than with other ports."""


def cannot_open(port: Binding, error: int, why: str = "") -> str:
    """The message for a port whose device could not be opened. `why`: its driver's own words."""
    if port.kind == "dpdk":
        return dpdk.cannot_open(port, error, why)
    name, device = f"port {port.port}", port.device
    if port.kind == "afxdp" and error in AFXDP:
        return f"{name}: {AFXDP[error].format(device=device)}"
    if error in (errno.EPERM, errno.EACCES):
        tap = port.kind == "tap"
        what, right = ("a TAP device", "cap_net_admin") if tap else ("a packet socket", "cap_net_raw")
        return (f"{name}: {device}: no right to open {what}; run as root, or give Python the capability: "
                f"setcap {right}+ep $(readlink -f $(which python3))")
    if error == errno.ENODEV and port.kind in ("afpacket", "afxdp"):
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
    if port.name.startswith("net_af_packet"):
        return (f"port {port.port}: {frames} frames were longer than {port.name} takes: super-frames (ethtool -K "
                f"{port.interface or 'IF'} {OFF}), or IPv4 fragments, which it asks the kernel to join: use "
                f"afpacket:{port.interface or 'IF'}")
    return (f"port {port.port}: {frames} frames were longer than {port.name} or the box takes; give the interfaces "
            f"one MTU, or: ethtool -K {port.interface or 'IF'} {OFF}")
