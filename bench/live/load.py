"""The ends: nginx with files of every size, wrk with many connections, and what wrk says."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.live.bed import SERVERS, Bed, BedError, Process, within

SIZES = {"0k": 0, "1k": 1 << 10, "8k": 8 << 10, "64k": 64 << 10, "1m": 1 << 20, "64m": 64 << 20}
LUA = Path(__file__).parent / "wrk.lua"


@dataclass(frozen=True)
class Load:
    """What one run of wrk measured. seconds: of the clock; size: bytes received, with HTTP's headers; p50, p99: ms from
    a request to its last byte, without the connection's making (nan where no request was finished); cpu: s, of wrk."""

    seconds: float
    requests: int
    size: int
    errors: int
    p50: float
    p99: float
    cpu: float


def files(folder: Path, sizes: list[str]) -> None:
    """The files that are served: text-like bytes, in which no chain finds anything."""
    line = b"The quick brown fox jumps over the lazy dog, 0123456789 times a day.\n"
    folder.mkdir(exist_ok=True)
    for size in {*sizes, "0k", "8k"}:  # these two are asked for before each load
        n = SIZES[size]
        (folder / size).write_bytes((line * (n // len(line) + 1))[:n])


def serve(bed: Bed, root: Path) -> Process:
    """nginx, one worker, at the four addresses of the server. Raises BedError."""
    listen = " ".join(f"listen {a}:80 backlog=8192;" for a in SERVERS)
    config = bed.folder / f"{bed.prefix}-server.conf"
    config.write_text(f"""worker_processes 1; daemon off; user root; error_log stderr warn;
pid {bed.folder}/{bed.prefix}-server.pid;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; multi_accept on; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; open_file_cache max=100;
  default_type text/plain; server {{ {listen} root {root}; }} }}
""")
    process = bed.start(bed.server, "nginx", "-e", "stderr", "-c", str(config))
    until = time.monotonic() + 10
    while not within(bed.server, lambda: _answers(SERVERS[0])):
        if process.child.poll() is not None or time.monotonic() > until:
            raise BedError(f"nginx did not come up: {process.text().strip()[-200:]}")
        time.sleep(0.05)
    return process


def _answers(address: str) -> bool:
    """Whether GET /0k is answered with 200 within a second."""
    try:
        with socket.create_connection((address, 80), 1) as s:
            s.sendall(b"GET /0k HTTP/1.0\r\n\r\n")
            return s.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def reach(bed: Bed, address: str, seconds: float = 15) -> None:
    """Waits until a request goes through the box. Raises BedError."""
    until = time.monotonic() + seconds
    while not within(bed.client, lambda: _answers(address)):
        if time.monotonic() > until:
            raise BedError("no answer comes through it")
        time.sleep(0.05)


def load(bed: Bed, address: str, size: str, connections: int, seconds: float, keep_alive: bool) -> Load:
    """One run of wrk, ended by force after `seconds` and 20 more. Raises BedError."""
    close = [] if keep_alive else ["-H", "Connection: close"]
    command = bed.command(bed.client, "wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s",
                          "--timeout", "10s", "-s", str(LUA), *close, f"http://{address}/{size}")
    out = bed.folder / f"{bed.prefix}-wrk.log"
    with out.open("wb") as to:
        child = subprocess.Popen(command, stdout=to, stderr=to, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        cpu = _reap(child, seconds + 20)
    finally:
        if child.returncode is None:
            child.kill()
            child.wait()
    found = re.search(r"^JSON (.*)$", out.read_text(errors="replace"), re.M)
    if not found:
        raise BedError(f"wrk: {out.read_text(errors='replace').strip()[-300:]}")
    said = json.loads(found.group(1))
    p50, p99 = (said[k] / 1e3 if said["requests"] else float("nan") for k in ("p50_us", "p99_us"))
    return Load(said["us"] / 1e6, said["requests"], said["bytes"], said["errors"], p50, p99, cpu)


def _reap(child: subprocess.Popen[bytes], seconds: float) -> float:
    """Waits for its end; seconds of processor time that it took."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = os.waitstatus_to_exitcode(status)
            return usage.ru_utime + usage.ru_stime
        time.sleep(0.02)
    raise BedError(f"wrk did not end within {seconds:.0f} s")
