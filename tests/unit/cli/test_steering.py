"""A run that is watched and steered: mcc set, --metrics, --live, signals; processes whose ports are bound to nothing."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mcc.cli.setting import parse
from mcc.cli.watching import watched
from mcc.run.usage import UsageError
from tests.unit.cli.conftest import Mcc

CHAIN = "tests/unit/run/running.py"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only place where `mcc set` looks: other boxes of the user run beside these tests."""
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr("mcc.run.places.folders", lambda: [tmp_path / "run" / "mcc"])
    return tmp_path / "run" / "mcc"


@pytest.fixture
def start(root: Path) -> Iterator[Start]:
    """Starts a run and waits until it runs."""
    made: list[subprocess.Popen[str]] = []

    def begin(*options: object, ready: str = "mcc: running") -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "120"}
        command = [sys.executable, "-m", "tests.unit.cli.nowhere", str(root / CHAIN), *map(str, options)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root, env=environment)
        made.append(child)
        assert child.stderr is not None
        said = ""
        while ready not in said:
            line = child.stderr.readline()
            assert line, said
            said += line
        return child

    yield begin
    for child in made:
        child.kill()
        child.communicate()


def ended(child: subprocess.Popen[str], number: int | None = None) -> tuple[int, str, str]:
    """The exit code, and what it said after it ran."""
    if number is not None:
        child.send_signal(number)
    out, err = child.communicate(timeout=30)
    return child.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_nothing_is_left(start: Start, place: Path, tmp_path: Path, number: int) -> None:
    child = start("--sessions", tmp_path / "sessions", "--stats", tmp_path / "stats", "--metrics", "127.0.0.1:0", "--live")
    assert [p.name for p in place.iterdir()] == [f"{child.pid}.sock"]
    code, out, err = ended(child, number)
    assert code == 130 and "interrupted; the outputs are complete" in err and "Traceback" not in err
    stats = json.loads((tmp_path / "stats").read_text())
    assert stats["ports"]["lan"]["rx_packets"] == 3 and stats["drops"] == {"drop:limits": 1}
    assert stats["sessions"]["ended"]["end"] == 2 == len((tmp_path / "sessions").read_text().splitlines())
    assert not place.exists() and "limits (Short)" in out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_before_the_loop_leaves_nothing(place: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), watched("a", "a.py", {}, live=False, plain=True, metrics=None, control=True, version="1"):
        assert list(place.iterdir())
        signal.raise_signal(number)
    assert not place.exists() and signal.getsignal(number) is before


def test_duration_ends_it_with_0(start: Start, place: Path, tmp_path: Path) -> None:
    begin = time.monotonic()
    code, _, _ = ended(start("--duration", "0.5", "--stats", tmp_path / "stats"))
    assert code == 0 and time.monotonic() - begin < 60 and not place.exists()
    assert 0.5 <= json.loads((tmp_path / "stats").read_text())["seconds"] < 5


def test_set(mcc: Mcc, start: Start, root: Path) -> None:
    chain = root / CHAIN
    assert (mcc("set").out, mcc("set").code) == ("no box runs\n", 0)
    refused = mcc("set", "limits.longest=5")
    assert refused.code == 2 and refused.err.startswith("mcc: no box runs\n")
    child = start()
    shown = mcc("set").out
    assert f"short  process {child.pid}, 0:0" in shown and str(chain) in shown
    assert [line.split() for line in shown.splitlines()[1:]] == [["parameter", "value", "type", "range"],
                                                                 ["limits.longest", "1000", "u16", "0", "to", "65535"]]
    for target in ((), (chain,), (f"{chain}:short",), ("short",), (child.pid,)):
        before = mcc("set", *target).out.split()[-5]
        done = mcc("set", *target, f"limits.longest={int(before) + 1}")
        assert (done.code, done.out) == (0, f"limits.longest: {before} -> {int(before) + 1}\n")
    for wrong, message in ((f"{chain}:long", f"no box that runs is {chain}:long\n     hint: there run: short ({child.pid})"),
                           ("1", f"no box that runs is 1\n     hint: there run: short ({child.pid})")):
        done = mcc("set", wrong, "limits.longest=1")
        assert (done.code, done.err) == (2, f"mcc: {message}\n")
    done = mcc("set", "limits.longest=70000")
    assert (done.code, done.err) == (2, "mcc: limits.longest cannot be 70000: it is u16, 0 to 65535\n")
    done = mcc("set", "limit.longest=7")
    assert (done.code, done.err) == (2, "mcc: there is no Live parameter limit.longest\n     hint: did you mean limits.longest?\n")
    code, _, err = ended(child, signal.SIGINT)
    assert code == 130 and "mcc: limits.longest: 1000 -> 1001\n" in err


def test_two_boxes_must_be_told_apart(mcc: Mcc, start: Start) -> None:
    first, second = start(), start()
    done = mcc("set", "limits.longest=5")
    assert done.code == 2 and "2 boxes run\n" in done.err and f"short ({second.pid})" in done.err
    assert mcc("set", first.pid, "limits.longest=5").code == 0
    assert mcc("set", second.pid).out.split()[-5] == "1000" and mcc("set", first.pid).out.split()[-5] == "5"


@pytest.mark.parametrize(("arguments", "message"), [
    (["a.py", "b.py"], "'b.py' is not ELEMENT.NAME=VALUE"), (["limit=5"], "'limit=5' is not ELEMENT.NAME=VALUE"),
    (["a.b="], "'a.b=' is not ELEMENT.NAME=VALUE"), ([".b=1"], "'.b=1' is not ELEMENT.NAME=VALUE"),
    (["a.b=1", "a.c=1", "a.b=2"], "a.b is set twice")])
def test_what_cannot_be_meant(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError) as e:
        parse(arguments)
    assert e.value.message == message


def test_metrics_of_a_run(start: Start) -> None:
    child = start("--metrics", "127.0.0.1:0", ready="mcc: metrics: ")
    assert child.stderr is not None
    while child.stderr.readline() != "mcc: running; Ctrl-C ends it\n":
        pass
    with open(f"/proc/{child.pid}/net/tcp") as f:
        inodes = {line.split()[9]: int(line.split()[1].partition(":")[2], 16) for line in f.readlines()[1:]}
    mine = {os.readlink(p).removeprefix("socket:[").rstrip("]") for p in Path(f"/proc/{child.pid}/fd").iterdir()}
    [port] = [p for inode, p in inodes.items() if inode in mine]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        assert b'mcc_port_rx_packets_total{port="lan"} 3.0\n' in answer.read()
    assert ended(child, signal.SIGTERM)[0] == 130


def test_metrics_that_cannot_be(process: Callable[..., subprocess.CompletedProcess[bytes]], counter: Path, examples: Path,
                                tmp_path: Path, place: Path) -> None:
    capture = examples / "captures" / "http.pcap"
    done = process("run", counter, capture, "--metrics", "9464")
    assert done.returncode == 2 and done.stderr.decode().startswith("mcc: --metrics '9464' is no address\n")
    with socket.create_server(("127.0.0.1", 0)) as s:
        address = f"127.0.0.1:{s.getsockname()[1]}"
        done = process("run", counter, capture, "-o", tmp_path / "out.pcap", "--metrics", address)
    assert done.returncode == 4 and not (tmp_path / "out.pcap").exists() and not place.exists()
    assert done.stderr.decode() == f"mcc: --metrics {address}: another program listens there; name another port, or 0 for any free one\n"


def test_live_is_a_line_a_second_where_there_is_no_terminal(start: Start) -> None:
    code, _, err = ended(start("--live", "--duration", "3.5"))
    lines = [line for line in err.splitlines() if line.startswith("mcc: 0:0")]
    assert code == 0 and 2 <= len(lines) <= 4
    assert "lan in 0 p/s 0 b/s out 0 p/s 0 b/s" in lines[0] and "sessions 2 +0/s" in lines[0]


def test_live_for_a_capture(process: Callable[..., subprocess.CompletedProcess[bytes]], counter: Path, examples: Path) -> None:
    done = process("run", counter, examples / "captures" / "http.pcap", "--live", "--metrics", "127.0.0.1:0")
    assert done.returncode == 0 and b"Counting" in done.stdout and b"Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [("nowhere.pcap",), ("--port", "lan=afpacket:nowhere0", "--port", "wan=null")])
def test_a_run_that_does_not_begin_leaves_nothing(process: Callable[..., subprocess.CompletedProcess[bytes]], counter: Path,
                                                  place: Path, arguments: tuple[str, ...]) -> None:
    done = process("run", counter, *arguments, "--live", "--metrics", "127.0.0.1:0", timeout=40)
    assert done.returncode == 4 and b"Traceback" not in done.stderr and not place.exists()
