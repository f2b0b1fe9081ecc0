"""Files that cannot be read or written as hoped, through `mcc run`: the contract's exit code, one message that
names the file and the cause, what was processed is kept and counted, never a traceback."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import zstandard
from typer.testing import CliRunner

from mcc.cli.app import app
from mcc.run.capture import records
from tests.hostile.packets import tcp

CHAIN = """
from mcc import *

@element
class Count(Element):
    def setup(self) -> None:
        self.seen = Counter()

    def process_packet(self, pkt: Packet) -> Action:
        self.seen += 1
        alert(1, "seen")
        return PASS

@element(session=TCP4)
class Sessions(Element):
    def process_packet(self, pkt: Packet) -> Action:
        return PASS

@chain
def hostile():
    yield duplex(Port("lan"), Count() >> Sessions(), Port("wan"))
"""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("chain") / "hostile.py"
    path.write_text(CHAIN)
    return path


def command(chain: Path, *arguments: object) -> list[str]:
    return [sys.executable, "-c", "from mcc.cli import main; main()", "run", str(chain), *map(str, arguments)]


@pytest.fixture
def run(chain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`mcc run hostile.py ARGUMENT..` in this process and the test's folder; an exception that is not an exit fails the test."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> Done:
        result = CliRunner().invoke(app, ["run", str(chain), *map(str, arguments)], catch_exceptions=False)
        return Done(result.exit_code, result.stdout, result.stderr)

    return call


def pcap(n: int = 100, linktype: int = 1, frame: bytes = tcp()) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, linktype)
    return head + b"".join(struct.pack("<IIII", 1000 + i, 0, len(frame), len(frame)) + frame for i in range(n))


WHOLE = pcap()
RECORD = 16 + len(tcp())
DAMAGED = {
    "cut in a record": (WHOLE[:-10], 99, "cut inside a record"),
    "cut in a record header": (WHOLE[:24 + 50 * RECORD + 5], 50, "cut inside a record header"),
    "one record too long": (WHOLE[:24 + 3 * RECORD + 8] + b"\xff\xff\xff\x7f" + WHOLE[24 + 3 * RECORD + 12:], 3, "longer than"),
    "gzip, cut": (gzip.compress(pcap(5000, frame=tcp() + os.urandom(200)))[:-5000], 1, "gzip"),
    "xz, cut": (lzma.compress(pcap(5000, frame=tcp() + os.urandom(200)))[:-200], 0, "xz"),
    "zstd, cut": (zstandard.compress(os.urandom(0) + pcap(3000))[:-20], 0, "zstd"),
}
NONE = {
    "empty": (b"", "empty"),
    "text": (b"hello, world, this is a text\n", "not a capture"),
    "no capture": (os.urandom(4000).replace(b"\xd4\xc3\xb2\xa1", b"xxxx"), "not a capture"),
    "half a header": (WHOLE[:10], "cut inside the file header"),
    "another version": (WHOLE[:4] + b"\x09\0\0\0" + WHOLE[8:], "version"),
    "empty in gzip": (gzip.compress(b""), "empty"),
    "gzip of noise": (gzip.compress(b"x" * 500), "not a capture"),
    "only the magic": (WHOLE[:4], "cut inside the file header"),
}


@pytest.mark.parametrize(("content", "least", "words"), DAMAGED.values(), ids=DAMAGED)
def test_damaged(run: Run, tmp_path: Path, content: bytes, least: int, words: str) -> None:
    (tmp_path / "in.pcap").write_bytes(content)
    done = run("in.pcap", "-o", "out.pcap", "--stats", "s.json")
    assert done.code == 3 and "in.pcap: " in done.err and words in done.err
    if not (tmp_path / "out.pcap").exists():
        assert least == 0 and "no packet could be read" in done.err or "ends too early" in done.err
        return
    kept = list(records((tmp_path / "out.pcap").read_bytes()))
    stats = json.loads((tmp_path / "s.json").read_text())
    assert len(kept) == sum(p["tx_packets"] for p in stats["ports"].values()) >= least
    assert f"{len(kept)} packets before that" in done.err or not kept or len(kept) == 1


@pytest.mark.parametrize(("content", "words"), NONE.values(), ids=NONE)
def test_no_capture_at_all(run: Run, tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "in.pcap").write_bytes(content)
    done = run("in.pcap", "-o", "out.pcap")
    assert done.code == 3 and "in.pcap" in done.err and words in done.err


def test_a_capture_without_packets(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap(0))
    assert run("in.pcap", "-o", "out.pcap", "--stats", "s.json", "--sessions", "l").code == 0
    assert list(records((tmp_path / "out.pcap").read_bytes())) == []


def test_an_unknown_link_type(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap(10, 147))
    done = run("in.pcap", "-o", "out.pcap")
    assert done.code == 0 and "link type 147" in done.err
    assert (tmp_path / "out.pcap").read_bytes()[20:] == pcap(10, 147)[20:]


def test_inputs_that_cannot_be_opened(run: Run, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path, words in (("folder", "folder"), ("missing.pcap", "No such file"), ("in.pcap/x", "No")):
        done = run(path, "-o", "out.pcap")
        assert done.code == 4 and path in done.err and words in done.err, path


@pytest.mark.parametrize("option", ["-o", "--stats", "--sessions", "--alerts"])
def test_outputs_that_cannot_be_written(run: Run, tmp_path: Path, option: str) -> None:
    (tmp_path / "in.pcap").write_bytes(WHOLE)
    for path, words in (("missing/x", "folder" if option == "--stats" else "No such file"), (".", "older" if option == "--stats" else "directory"),
                        ("/dev/full", "No space")):
        others = [x for o in ("-o", "--stats", "--sessions", "--alerts") if o != option for x in (o, f"kept{o}")]
        done = run("in.pcap", option, path, *others)
        assert done.code == 4 and words in done.err and path in done.err, (path, done)
        if path == "/dev/full":
            if option != "-o":
                assert len(list(records((tmp_path / "kept-o").read_bytes()))) == 100
            for o, n in (("--sessions", 1), ("--alerts", 100)):
                if option != o:
                    assert len((tmp_path / f"kept{o}").read_text().splitlines()) == n
            if option != "--stats":
                stats = json.loads((tmp_path / "kept--stats").read_text())
                assert sum(p["rx_packets"] for p in stats["ports"].values()) == 100


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a file system can only be mounted by root (CAP_SYS_ADMIN)")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_fills_up(run: Run, tmp_path: Path, small_disk: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap(5000))
    done = run("in.pcap", "-o", small_disk / "out.pcap", "--stats", "s.json", "--alerts", "a.jsonl")
    assert done.code == 4 and "No space left" in done.err and "packets" in done.err
    kept = list(records((small_disk / "out.pcap").read_bytes()))  # whole records only
    assert 100 < len(kept) < 5000 and f"it holds {len(kept)} packets" in done.err
    assert json.loads((tmp_path / "s.json").read_text())["chain"] == "hostile"


def test_alerts_on_a_disk_that_fills_up(run: Run, tmp_path: Path, small_disk: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap(5000))
    done = run("in.pcap", "-o", "out.pcap", "--alerts", small_disk / "a.jsonl")
    lines = (small_disk / "a.jsonl").read_text().splitlines()
    assert done.code == 4 and f"it holds {len(lines)} lines" in done.err
    assert all(json.loads(line)["id"] == 1 for line in lines)
    assert len(list(records((tmp_path / "out.pcap").read_bytes()))) == 5000


def test_a_reader_that_goes_away(chain: Path, root: Path, tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap(20000))
    p = subprocess.Popen(command(chain, tmp_path / "in.pcap", "-o", "-"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         env={**os.environ, "PYTHONPATH": str(root)})
    assert p.stdout is not None and p.stderr is not None
    p.stdout.read(100)
    p.stdout.close()
    err = p.stderr.read().decode()
    p.stderr.close()
    assert p.wait(60) in (0, 4) and "Traceback" not in err, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(chain: Path, root: Path, tmp_path: Path, number: signal.Signals) -> None:
    """Outputs are whole, and hold what the statistics count."""
    big = tmp_path / "big.pcap"
    big.write_bytes(pcap(3_000_000, frame=tcp()[:54]))
    outputs = [x for o in ("-o", "--stats", "--sessions") for x in (o, tmp_path / f"x{o}")]
    p = subprocess.Popen(command(chain, big, *outputs), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         env={**os.environ, "PYTHONPATH": str(root)})
    end = time.monotonic() + 60
    while time.monotonic() < end and not ((tmp_path / "x-o").exists() and (tmp_path / "x-o").stat().st_size > 100_000):
        time.sleep(0.002)
    p.send_signal(number)
    _, err = p.communicate(timeout=60)
    assert p.returncode == 130 and b"interrupted" in err and b"Traceback" not in err
    kept = sum(1 for _ in records((tmp_path / "x-o").read_bytes()))
    stats = json.loads((tmp_path / "x--stats").read_text())
    assert 0 < kept == sum(v["tx_packets"] for v in stats["ports"].values()) < 3_000_000
    assert len((tmp_path / "x--sessions").read_text().splitlines()) == stats["sessions"]["created"]


@pytest.mark.parametrize("arguments", [
    (), ("in.pcap", "--checksums", "maybe"), ("in.pcap", "--max-sessions", "0"), ("in.pcap", "--duration", "-1"),
    ("in.pcap", "--port", "lan"), ("in.pcap", "--port", "nowhere=pcap:x"), ("in.pcap", "more.pcap"), ("in.pcap", "--wrong"),
    ("in.pcap", "-o", "-", "--stats", "-"), ("in.pcap", "--max-sessions", "x"), ("in.pcap", "--duration", "nan"),
    ("in.pcap", "--duration", "inf"), ("in.pcap", "--duration", "1e300"), ("in.pcap", "--max-sessions", str(1 << 24)),
])
def test_wrong_usage_is_2(run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "in.pcap").write_bytes(WHOLE)
    done = run(*arguments)
    assert done.code == 2 and done.err
