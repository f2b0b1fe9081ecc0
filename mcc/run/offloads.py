"""What an interface's driver says of itself (ethtool), and what follows for AF_XDP, which says nothing beside a frame.

    port afxdp:IF --> its receive queues: a PortError, or nothing --> what the other end may send: a warning, or nothing
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import glob
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from mcc.diag import PortError
from mcc.run.ports import Binding

T = TypeVar("T")

OFF = "tx off tso off gso off gro off"
"""What `ethtool -K` is told at both ends of a cable that ends in AF_XDP."""

SIOCETHTOOL = 0x8946
GDRVINFO, GCHANNELS = 0x03, 0x3c  # linux/ethtool.h
NLM_F_REQUEST, NLMSG_ERROR, RTM_GETLINK, RTM_GETNSID = 1, 2, 18, 90  # linux/netlink.h, rtnetlink.h
NLA_TYPE_MASK = 0x3fff
IFLA_LINK, IFLA_LINK_NETNSID, NETNSA_NSID, NETNSA_FD = 5, 37, 1, 3  # linux/if_link.h, net_namespace.h
CLONE_NEWNET = 0x40000000
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


@dataclass(frozen=True)
class End:
    """An interface. `namespace`: the file of its network namespace; "": this one."""

    name: str
    namespace: str = ""


def link(device: str) -> dict[int, bytes]:
    """What netlink says of an interface, by number. Raises OSError."""
    return _request(RTM_GETLINK, struct.pack("BxHiII", 0, 0, socket.if_nametoindex(device), 0, 0), 16)


def peer(device: str) -> End | None:
    """The other end of a cable; None: there is none, or it is in a network namespace that we cannot enter."""
    try:
        found = link(device)
        if IFLA_LINK not in found:
            return None
        [index] = struct.unpack("I", found[IFLA_LINK])
        if IFLA_LINK_NETNSID not in found:
            return End(socket.if_indextoname(index))
        for path in _namespaces():
            if _number(path) == found[IFLA_LINK_NETNSID]:
                name = within(path, lambda: socket.if_indextoname(index))
                return End(name, path) if name else None
    except OSError:
        pass
    return None


def within(namespace: str, do: Callable[[], T]) -> T | None:
    """What `do` gives in a thread that is in that network namespace ("": this one); None: we may not, or it failed."""
    if not namespace:
        return do()
    got: list[T] = []

    def work() -> None:
        with contextlib.suppress(OSError), open(namespace, "rb") as f:
            if ctypes.CDLL(None).setns(f.fileno(), CLONE_NEWNET) == 0:
                got.append(do())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return got[0] if got else None


def _namespaces() -> Iterator[str]:
    """Network namespaces that have a name or a process, each once."""
    seen = set()
    for path in (*glob.iglob("/run/netns/*"), *glob.iglob("/proc/[0-9]*/ns/net")):
        with contextlib.suppress(OSError):
            number = os.stat(path).st_ino
            if number not in seen:
                yield path
            seen.add(number)


def _number(namespace: str) -> bytes | None:
    """The number by which this network namespace knows that one, as netlink has it."""
    with contextlib.suppress(OSError), open(namespace, "rb") as f:
        return _request(RTM_GETNSID, struct.pack("B3xHHI", 0, 8, NETNSA_FD, f.fileno()), 4).get(NETNSA_NSID)
    return None


def _request(kind: int, body: bytes, head: int) -> dict[int, bytes]:
    """The attributes of the answer to a request, behind `head` bytes; an answer that is an error has none."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        s.sendto(struct.pack("IHHII", 16 + len(body), kind, NLM_F_REQUEST, 1, 0) + body, (0, 0))
        answer = s.recv(1 << 16)
    length, what = struct.unpack_from("IH", answer)
    return {} if what == NLMSG_ERROR else nested(answer[16 + head:length])


def nested(data: bytes) -> dict[int, bytes]:
    """Attributes of a netlink message, or of one of its attributes: number and content."""
    found = {}
    while len(data) >= 4:
        length, number = struct.unpack_from("HH", data)
        if length < 4:
            break
        found[number & NLA_TYPE_MASK] = data[4:length]
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
    asked = within(other.namespace, lambda: sends(other.name, answer)) if other else None
    on = sends(device, answer) if asked is None else asked  # both ends of a cable are often alike
    if not on:
        return ""
    known = "the other end may send"
    if other and asked:
        known = f"{other.name}{' in another network namespace' if other.namespace else ''} sends"
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
