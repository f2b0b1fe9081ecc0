"""nginx behind a box, curl before it, and what a NAT and a proxy need of their neighbours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.live.conftest import needs
from tests.live.net import SERVER4, SERVER6, Net, run
from tests.live.transfer import text

SIZES = {"empty": 0, "small": 1000, "page": 64_000, "large": 4_000_000}
PUBLIC, VIP = "198.18.7.50", "198.18.7.60"
"""The address of chains/nat.py, and of chains/proxy.py."""


def serve(net: Net, **more: bytes) -> dict[str, bytes]:
    """nginx in the server's namespace; the files it serves, `more` among them."""
    needs("nginx", "nginx-light")
    needs("curl", "curl")
    files = {name: text(size, size) for name, size in SIZES.items()} | more
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


def mac(namespace: str, device: str) -> str:
    [found] = re.findall(r"link/ether (\S+)", run("ip", "-n", namespace, "link", "show", device))
    return str(found)


def neighbours(net: Net, client: str = "c0", server: str = "s0") -> None:
    """Nobody answers ARP for the addresses of the boxes: their neighbours know where these are."""
    for address in (PUBLIC, VIP):
        run("ip", "-n", net.server, "neigh", "add", address, "lladdr", mac(net.client, client), "dev", server)
    run("ip", "-n", net.client, "neigh", "add", VIP, "lladdr", mac(net.server, server), "dev", client)


def through_nat(net: Net, files: dict[str, bytes]) -> None:
    """The server sees the public address, and its answers come back."""
    neighbours(net)
    assert curl(net, f"http://{SERVER4}:81/") == PUBLIC
    got = net.folder / "got"
    curl(net, "-o", str(got), f"http://{SERVER4}/large")
    assert got.read_bytes() == files["large"]
