"""Whether a queue of an interface is another program's, asked before DPDK tries: where net_af_xdp cannot have a queue,
it takes away the XDP program that it finds there, and with it the other one's frames."""

from __future__ import annotations

import ctypes
import errno
import mmap
import socket
import struct
import time

from mcc.run.offloads import link, nested

AF_XDP, SOL_XDP = 44, 283  # linux/if_xdp.h, from here on
XDP_RX_RING, XDP_UMEM_REG, XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING = 2, 4, 5, 6
XDP_COPY = 2
IFLA_XDP, IFLA_XDP_ATTACHED = 43, 2  # linux/if_link.h
CHUNK, CHUNKS = 4096, 4
SETTLE = 0.1
"""Seconds in which Linux gives back a queue whose socket is closed."""


def attached(device: str) -> bool:
    """Whether an interface has an XDP program."""
    try:
        found = nested(link(device).get(IFLA_XDP, b""))
    except OSError:
        return False
    return any(found.get(IFLA_XDP_ATTACHED, b""))


def taken(device: str, queue: int) -> bool:
    """Whether a socket has that queue of an interface; a program alone was left by a process that was killed. False
    where it cannot be found out."""
    if not attached(device):
        return False
    try:
        with mmap.mmap(-1, CHUNK * CHUNKS) as memory, socket.socket(AF_XDP, socket.SOCK_RAW) as s:
            where = ctypes.c_char.from_buffer(memory)
            area = struct.pack("QQIII4x", ctypes.addressof(where), CHUNK * CHUNKS, CHUNK, 0, 0)
            del where  # else the memory cannot be unmapped
            s.setsockopt(SOL_XDP, XDP_UMEM_REG, area)
            for ring in (XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING):
                s.setsockopt(SOL_XDP, ring, CHUNKS)
            error = _bind(s, struct.pack("HHIII", AF_XDP, XDP_COPY, socket.if_nametoindex(device), queue, 0))
    except OSError:
        return False
    if error == 0:
        time.sleep(SETTLE)
    return error == errno.EBUSY


def _bind(s: socket.socket, address: bytes) -> int:
    """0 or errno; Python's own bind does not know this family."""
    libc = ctypes.CDLL(None, use_errno=True)
    return ctypes.get_errno() if libc.bind(s.fileno(), address, len(address)) else 0


def others_note(name: str, device: str, queue: int) -> str:
    """The message for a queue that is taken."""
    return (f"{name}: {device} is in use: another program has an AF_XDP socket on its queue {queue}; end what does it "
            f"(`ip link show {device}`)")
