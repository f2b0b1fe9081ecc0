"""curl and nginx on both sides of a box."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.conftest import needs
from tests.live.net import SERVER4, SERVER6, Net, run
from tests.live.transfer import WORD, text

SIZES = {"empty": 0, "small": 1000, "page": 64_000, "large": 4_000_000}


def serve(net: Net) -> dict[str, bytes]:
    """nginx in the server's namespace; the files it serves."""
    needs("nginx", "nginx-light")
    needs("curl", "curl")
    files = {name: text(size, size) for name, size in SIZES.items()}
    root = net.folder / "www"
    root.mkdir()
    for name, data in files.items():
        (root / name).write_bytes(data)
    conf = net.folder / "nginx.conf"
    conf.write_text(f"""
daemon off; master_process off; pid {net.folder}/nginx.pid; error_log stderr notice;
events {{ }}
http {{ access_log off;
       server {{ listen {SERVER4}:80; listen [{SERVER6}]:80; root {root}; }}
       server {{ listen {SERVER4}:81; location / {{ return 200 $remote_addr; }} }} }}
""")
    for path in (Path("/var/lib/nginx"), Path("/var/log/nginx")):
        if not path.exists():
            pytest.skip(f"{path} is not there: apt install nginx-light")
    net.start(net.server, "nginx", "-c", str(conf), "-p", str(net.folder), ready="epoll")
    return files


def curl(net: Net, *arguments: str) -> str:
    return run("ip", "netns", "exec", net.client, "curl", "-sS", "--max-time", "15", *arguments)


@pytest.mark.parametrize(("chain", "new"), [("through.py", WORD), ("words.py:equal", b"[----]")])
def test_files(net: Callable[..., Net], chain: str, new: bytes) -> None:
    n = net()
    files = serve(n)
    n.mcc(chain)
    for address in (SERVER4, f"[{SERVER6}]"):
        got = n.folder / "got"
        for name, data in files.items():
            curl(n, "-o", str(got), f"http://{address}/{name}")
            assert (got.read_bytes() if data else b"") == data.replace(WORD, new)


def test_one_connection_for_many_files(net: Callable[..., Net]) -> None:
    n = net()
    files = serve(n)
    n.mcc("words.py:equal")
    urls = [f"http://{SERVER4}/{name}" for name in ("small", "page", "small", "large", "empty", "page")]
    outputs = [str(n.folder / f"got{i}") for i in range(len(urls))]
    said = curl(n, "-w", "%{num_connects} ", *(x for url, o in zip(urls, outputs, strict=True) for x in ("-o", o, url)))
    assert said.split() == ["1", "0", "0", "0", "0", "0"]
    assert Path(outputs[3]).read_bytes() == files["large"].replace(WORD, b"[----]")


def test_twenty_at_once(net: Callable[..., Net]) -> None:
    n = net()
    files = serve(n)
    n.mcc("words.py:equal")
    names = [str(n.folder / f"got{i}") for i in range(20)]
    curl(n, "-Z", "--parallel-immediate", "--parallel-max", "20", *(x for o in names for x in ("-o", o, f"http://{SERVER4}/page")))
    assert all(Path(o).read_bytes() == files["page"].replace(WORD, b"[----]") for o in names)


def test_nat(net: Callable[..., Net]) -> None:
    """The server sees the public address, and its answers come back."""
    n = net()
    files = serve(n)
    n.mcc("nat.py")
    [mac] = re.findall(r"link/ether (\S+)", run("ip", "-n", n.client, "link", "show", "c0"))
    run("ip", "-n", n.server, "neigh", "add", "198.18.7.50", "lladdr", mac, "dev", "s0")
    assert curl(n, f"http://{SERVER4}:81/") == "198.18.7.50"
    got = n.folder / "got"
    curl(n, "-o", str(got), f"http://{SERVER4}/large")
    assert got.read_bytes() == files["large"]
    time.sleep(2.3)
    n.processes[-1].stop()
    stats = json.loads((n.folder / "stats.json").read_text())
    assert stats["sessions"]["created"] == 2 == stats["sessions"]["ended"]["fin"]
