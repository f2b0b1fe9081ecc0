"""Steering a box that runs: its socket, what it answers, and that nothing is left behind."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mcc.diag import PortError
from mcc.run import places
from mcc.run.control import Change, Control, boxes
from mcc.run.errands import Errands
from mcc.run.usage import UsageError
from tests.unit.run.running import datagram, run, send

DEAD = "2147483646"
"""A process that cannot be: Linux numbers them below 2^22."""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sockets are made below a long folder of the test's own, and nowhere else."""
    home = tmp_path / ("long" * 30)
    home.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))
    monkeypatch.setattr(places, "folders", lambda was=places.folders: was()[:1])
    return home / "mcc"


@contextmanager
def control(errands: Errands, told: list[Change] | None = None) -> Iterator[Control]:
    c = Control(errands, "short", "/somewhere/short.py", (told if told is not None else []).append)
    try:
        yield c
    finally:
        c.close()


def running(do: Callable[[Errands, Control], None], told: list[Change] | None = None) -> None:
    def work(errands: Errands) -> None:
        with control(errands, told) as c:
            do(errands, c)

    run(work)


def test_the_socket_is_the_users_own_and_gone_afterwards(place: Path) -> None:
    def do(errands: Errands, c: Control) -> None:
        assert c.path == place / f"{os.getpid()}.sock"
        s = os.stat(c.path)
        assert stat.S_ISSOCK(s.st_mode) and stat.S_IMODE(s.st_mode) == 0o600
        assert stat.S_IMODE(os.stat(place).st_mode) == 0o700

    running(do)
    assert not place.exists() and not [t for t in threading.enumerate() if t.name == "mcc-control"]


def test_a_box_says_what_it_is() -> None:
    def do(errands: Errands, c: Control) -> None:
        [box] = boxes()
        assert (box.pid, box.chain, box.file) == (os.getpid(), "short", "/somewhere/short.py") and box.seconds > 0
        assert [(str(p), p.range, p.value) for p in box.parameters] == [("limits.longest", "u16, 0 to 65535", 1000)]

    running(do)
    assert boxes() == []


def test_a_change_is_seen_by_the_next_packet_and_told() -> None:
    told: list[Change] = []

    def do(errands: Errands, c: Control) -> None:
        assert send(errands, datagram(length=500)) == 1
        [box] = boxes()
        assert box.set([("limits", "longest", "0x80")]) == [("limits", "longest", 1000, 128)]
        assert send(errands, datagram(length=500)) == 0 and boxes()[0].parameters[0].value == 128

    running(do, told)
    assert told == [("limits", "longest", 1000, 128)]


@pytest.mark.parametrize(("values", "message", "hint"), [
    ([("limits", "longest", "65536")], "limits.longest cannot be 65536: it is u16, 0 to 65535", ""),
    ([("limits", "longest", "ten")], "limits.longest cannot be 'ten', which is no integer: it is u16, 0 to 65535", ""),
    ([("limits", "longst", "1")], "there is no Live parameter limits.longst", "did you mean limits.longest?"),
    ([("limits", "longest", "1"), ("limits", "other", "1")], "there is no Live parameter limits.other", ""),
    ([("limits", "longest", "1"), ("limits", "longest", "-1")], "limits.longest cannot be -1: it is u16, 0 to 65535", "")])
def test_what_is_refused_changes_nothing(values: Any, message: str, hint: str) -> None:
    told: list[Change] = []

    def do(errands: Errands, c: Control) -> None:
        [box] = boxes()
        with pytest.raises(UsageError) as e:
            box.set(values)
        assert e.value.message == message and (e.value.hint == hint or not hint)
        assert boxes()[0].parameters[0].value == 1000

    running(do, told)
    assert not told


@pytest.mark.parametrize("request_", [b"\n", b"{\n", b"[]\n", b'{"do": "halt"}\n', b'{"do": "set", "values": 3}\n',
                                      b'{"do": "set", "values": [["a", "b", 1]]}\n', b'{"do": "set", "values": [["a"]]}\n',
                                      b"\xff\xfe\n", b"x" * 70_000 + b"\n", b"[" * 60_000 + b"\n"])
def test_nonsense_is_refused_and_the_box_runs_on(request_: bytes) -> None:
    def do(errands: Errands, c: Control) -> None:
        with places.connect(c.path, 5) as s:
            try:
                s.sendall(request_)
                assert b'"error"' in s.recv(10_000)
            except (BrokenPipeError, ConnectionResetError):
                assert len(request_) > 1 << 16  # it has not read the rest
        assert len(boxes()) == 1

    running(do)


def test_a_client_that_says_nothing_disturbs_nobody() -> None:
    def do(errands: Errands, c: Control) -> None:
        with places.connect(c.path, 5):
            assert len(boxes()) == 1

    running(do)


def test_two_boxes_of_one_process_have_two_sockets(place: Path) -> None:
    def do(errands: Errands, c: Control) -> None:
        with control(errands) as other:
            assert other.path == place / f"{os.getpid()}-2.sock" and len(boxes()) == 2

    running(do)


def test_what_dead_boxes_left_is_taken_away(place: Path) -> None:
    place.mkdir(mode=0o700)
    for name in (f"{DEAD}.sock", f"{os.getpid()}.sock"):
        with socket.socket(socket.AF_UNIX) as s, places._short(place / name) as short:
            s.bind(short)  # and never listens
    (place / "notes").write_text("not a socket of ours")
    running(lambda errands, c: None)
    assert sorted(p.name for p in place.iterdir()) == [f"{DEAD}.sock", "notes"]
    assert boxes() == [] and [p.name for p in place.iterdir()] == ["notes"]


def test_who_is_just_beginning_is_left_alone(place: Path) -> None:
    place.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as s, places._short(place / f"{os.getppid()}.sock") as short:
        s.bind(short)
        assert boxes() == [] and (place / f"{os.getppid()}.sock").exists()


def test_a_box_that_was_killed(place: Path) -> None:
    code = ("import sys, time; from mcc.run.control import Control; from mcc.run.errands import Errands\n"
            "Control(Errands(), 'c', 'f', print); print('ready', flush=True); time.sleep(60)")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        assert (place / f"{child.pid}.sock").exists()
        child.kill()
    assert boxes() == [] and not place.exists()


def test_a_folder_that_others_can_write_to_is_not_used(place: Path) -> None:
    place.mkdir()
    place.chmod(0o777)
    with pytest.raises(PermissionError):
        places.listen()
    assert not list(place.iterdir()) and places.sockets() == []


def test_a_link_in_place_of_the_folder_is_not_followed(place: Path, tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o700)
    place.symlink_to(tmp_path / "theirs")
    with pytest.raises(PermissionError):
        places.listen()


def test_where_sockets_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    user = os.geteuid()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    last = Path(tempfile.gettempdir()) / f"mcc-{user}"
    found = places.folders()
    assert found[0] == tmp_path / "mcc" and found[-1] == last and (Path("/run/mcc") in found) == (user == 0)
    for bad in ("", "relative"):
        monkeypatch.setenv("XDG_RUNTIME_DIR", bad)
        assert places.folders() == found[1:]


def test_a_box_that_has_ended_meanwhile() -> None:
    found: list[Any] = []
    running(lambda errands, c: found.extend(boxes()))
    with pytest.raises(PortError, match="does not answer"):
        found[0].set([("limits", "longest", "1")])


def test_values_are_never_torn() -> None:
    """Two threads set what must always be seen whole."""
    def do(errands: Errands, c: Control) -> None:
        [box] = boxes()
        end = time.monotonic() + 0.3
        seen = set()

        def flip() -> None:
            while time.monotonic() < end:
                for v in ("0", "65535"):
                    box.set([("limits", "longest", v)])

        thread = threading.Thread(target=flip)
        thread.start()
        while time.monotonic() < end:
            seen.add(boxes()[0].parameters[0].value)
        thread.join()
        assert seen <= {0, 1000, 65535}

    running(do)


def test_the_protocol_is_lines_of_json() -> None:
    def do(errands: Errands, c: Control) -> None:
        with places.connect(c.path, 5) as s:
            s.sendall(b'{"do": "set", "values": [["limits", "longest", "7"]]}\n')
            assert json.loads(s.recv(10_000)) == {"changed": [["limits", "longest", 1000, 7]]}

    running(do)
