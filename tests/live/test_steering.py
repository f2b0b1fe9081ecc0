"""A box between two kernels is watched and steered."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.live.net import COMMAND, ROOT, SERVER4, Net, run


def test_a_limit_is_moved_while_packets_flow(net: Callable[..., Net], monkeypatch: pytest.MonkeyPatch) -> None:
    n = net()
    (n.folder / "run").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(n.folder / "run"))
    box = n.mcc(str(ROOT / "examples" / "limiter.py"), "--live", "--metrics", "127.0.0.1:9464")

    def received(sent: int) -> int:
        """Datagrams of one second that came through."""
        code = ("import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('', 7000)); s.settimeout(2)\n"
                "print('ready', flush=True)\n"
                "n = 0\n"
                "try:\n"
                "    while True: s.recv(100); n += 1\n"
                "except TimeoutError: print('got', n, flush=True)")
        there = n.start(n.server, sys.executable, "-c", code, ready="ready")
        send = f"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); [s.sendto(b'x', ('{SERVER4}', 7000)) for _ in range({sent})]"
        run("ip", "netns", "exec", n.client, sys.executable, "-c", send)
        there.child.wait(10)
        return int(there.text().split("got")[1])

    def mcc(*arguments: str) -> str:
        return subprocess.run([sys.executable, "-c", COMMAND, *arguments], capture_output=True, text=True, check=True, cwd=ROOT).stdout

    assert received(100) in (5, 10)  # two where the second ends meanwhile
    assert mcc("set", "limiter", "Limiter.limit=100000") == "Limiter.limit: 5 -> 100000\n"
    assert received(100) == 100
    scrape = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:9464/metrics').read().decode())"
    text = run("ip", "netns", "exec", n.box, sys.executable, "-c", scrape)
    assert 'mcc_live_value{element="Limiter",parameter="limit"} 100000.0' in text and 'mcc_port_up{port="wan"} 1.0' in text
    assert box.stop() == 130 and "Limiter.limit: 5 -> 100000" in box.text() and "lan in " in box.text()
    assert not list((n.folder / "run").iterdir())
