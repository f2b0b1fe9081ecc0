"""What an interface's driver says of itself (ethtool), and what follows for AF_XDP, which says nothing beside a frame.

    port afxdp:IF --> its receive queues: a PortError, or nothing --> what the other end may send: a warning, or nothing
"""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from collections.abc import Callable

from mcc.diag import PortError
from mcc.run.ports import Binding

OFF = "tx off tso off gso off gro off"
"""What `ethtool -K` is told at both ends of a cable that ends in AF_XDP."""

SIOCETHTOOL = 0x8946
GDRVINFO, GCHANNELS = 0x03, 0x3c  # linux/ethtool.h
RTM_GETLINK, NLM_F_REQUEST, IFLA_LINK, IFLA_LINK_NETNSID = 18, 1, 5, 37  # linux/rtnetlink.h, if_link.h
SENT = {"tx": 0x16, "tso": 0x1e, "gso": 0x23}
"""Offloads of a sender, by which frames come without checksums or as super-frames: the commands that ask for them."""

Ask = Callable[[str, bytes], bytes | None]
"""The answer of an interface to a request, or None: no such interface, or its driver has no answer."""


def ask(device: str, request: bytes) -> bytes | None:
    """One SIOCETHTOOL; the request is the structure that it begins with, the answer the same one filled in."""
    data = ctypes.create_string_buffer(request, len(request))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sP16x", device.encode()[:15], ctypes.addressof(data)))
        except OSError:
            return None
    return data.raw


def queues(device: str, answer: Ask = ask) -> int | None:
    """Receive queues; None: the driver does not say."""
    got = answer(device, struct.pack("I32x", GCHANNELS))
    if got is None:
        return None
    _, _, _, _, _, receive, _, _, combined = struct.unpack("9I", got)
    return receive + combined or None


def sends(device: str, answer: Ask = ask) -> tuple[str, ...]:
    """Which of SENT are on."""
    on = []
    for name, command in SENT.items():
        got = answer(device, struct.pack("II", command, 0))
        if got is not None and struct.unpack("II", got)[1]:
            on.append(name)
    return tuple(on)


def driver(device: str, answer: Ask = ask) -> str:
    """Its name; "": none."""
    got = answer(device, struct.pack("I192x", GDRVINFO))
    return got[4:36].split(b"\0")[0].decode(errors="replace") if got else ""


def peer(device: str) -> str | None:
    """The other end of a cable; None: in another network namespace, or no such end."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
            request = struct.pack("BxHiII", socket.AF_UNSPEC, 0, socket.if_nametoindex(device), 0, 0)
            s.sendto(struct.pack("IHHII", 16 + len(request), RTM_GETLINK, NLM_F_REQUEST, 1, 0) + request, (0, 0))
            answer = s.recv(1 << 16)
        found = _attributes(answer[32:struct.unpack_from("I", answer)[0]])
        if IFLA_LINK not in found or IFLA_LINK_NETNSID in found:
            return None
        return socket.if_indextoname(struct.unpack("I", found[IFLA_LINK])[0])
    except OSError:
        return None


def _attributes(data: bytes) -> dict[int, bytes]:
    """Of a netlink message: number and content."""
    found = {}
    while len(data) >= 4:
        length, number = struct.unpack_from("HH", data)
        if length < 4:
            break
        found[number] = data[4:length]
        data = data[length + 3 & ~3:]
    return found


def before_open(port: Binding, answer: Ask = ask) -> str:
    """What is to be said before an afxdp port opens; "": nothing. Raises PortError where its queue is not there, or not
    all there is."""
    if port.kind != "afxdp":
        return ""
    device, count = port.device, queues(port.device, answer)
    if count is not None and (port.queue or 0) >= count:
        raise PortError(f"port {port.port}: {device} has {count} receive queue{'s' if count > 1 else ''}, "
                        f"numbered from 0: there is no queue {port.queue}")
    if count is not None and count > 1 and port.queue is None:
        raise PortError(f"port {port.port}: {device} has {count} receive queues, an afxdp port reads one; "
                        f"{_one_queue(device, answer)}; or name the one to read, the others' frames stay the kernel's: "
                        f"afxdp:{device},queue=0")
    if driver(device, answer) != "veth":
        return ""
    other = peer(device)
    on = sends(other or device, answer)
    if not on:
        return ""
    known = f"{other} sends" if other else "the other end may send"
    return (f"port {port.port}: {device} is one end of a veth cable, and {known} super-frames and frames without "
            f"checksums ({', '.join(on)} on), which AF_XDP cannot tell; what mcc does not recognize of them is dropped "
            f"silently. At both ends: ethtool -K {device} {OFF}")


def _one_queue(device: str, answer: Ask) -> str:
    got = answer(device, struct.pack("I32x", GCHANNELS))
    combined = struct.unpack("9I", got)[8] if got else 1
    return f"ethtool -L {device} {'combined 1' if combined else 'rx 1'}"


def unsummed_note(port: Binding, frames: int) -> str:
    """Frames whose checksum was left to the device came by AF_XDP."""
    return (f"port {port.port}: {frames} frames came without a TCP or UDP checksum and are completed, which takes "
            f"time; the sender's offloads are on. At both ends: ethtool -K {port.device} {OFF}")
