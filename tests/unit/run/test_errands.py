"""Errands: done in the thread of the run and in no other, answered or refused, never done late."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from mcc.run.errands import Ended, Errands, Running, look
from tests.unit.run.running import datagram, run, send

NOTHING = Running(None, 0.0)


def test_done_in_the_thread_of_the_run() -> None:
    where: list[Any] = []

    def do(errands: Errands) -> None:
        where.append(errands.ask(lambda r: threading.current_thread()))
        where.append(threading.current_thread())

    run(do)
    assert where[0] is threading.main_thread() and where[1] is not where[0]


def test_a_snapshot() -> None:
    def do(errands: Errands) -> None:
        assert send(errands, datagram(), datagram(length=1200)) == 1
        first = errands.ask(look)
        assert first.stats["ports"]["lan"]["rx_packets"] == 2 and first.stats["ports"]["wan"]["tx_packets"] == 1
        assert first.stats["sessions"]["active"] == 1 and first.stats["elements"]["limits"]["counters"] == {"passed": 1}
        assert first.stats["drops"]["drop:limits"] == 1 and first.stats["drops"]["no_buffer"] == 0
        assert [str(p) for p in first.parameters] == ["limits.longest"] and not first.down and not first.total
        assert errands.ask(look).seconds > first.seconds > 0

    run(do)


def test_what_an_errand_raises_is_the_askers() -> None:
    def do(errands: Errands) -> None:
        with pytest.raises(ZeroDivisionError):
            errands.ask(lambda r: 1 // 0)
        assert errands.ask(lambda r: 3) == 3

    assert run(do, seconds=0.3).exit_code == 0


def test_who_waits_when_the_run_ends_is_told() -> None:
    errands = Errands()
    said: list[str] = []

    def wait() -> None:
        try:
            errands.ask(lambda r: said.append("done"))
        except Ended as e:
            said.append(str(e))

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.05)
    errands.close()
    thread.join(2)
    assert said == ["the run is over"] and errands.closed and errands.wait_closed(0)
    with pytest.raises(Ended):
        errands.ask(lambda r: 1)


def test_what_was_given_up_is_not_done_later() -> None:
    errands, done = Errands(), []
    with pytest.raises(Ended, match="does not answer"):
        errands.ask(lambda r: done.append(1), patience=0.01)
    errands.run(lambda: NOTHING)
    assert not done


def test_an_interrupted_errand_ends_the_run_and_its_asker() -> None:
    errands = Errands()
    said: list[str] = []

    def interrupted(r: Running) -> None:
        raise KeyboardInterrupt

    def ask() -> None:
        with pytest.raises(Ended) as e:
            errands.ask(interrupted)
        said.append(str(e.value))

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.05)
    with pytest.raises(KeyboardInterrupt):
        errands.run(lambda: NOTHING)
    thread.join(2)
    assert said == ["the run was interrupted"]


def test_the_run_lasts_as_long_as_it_should() -> None:
    begin = time.monotonic()
    result = run(lambda errands: None, seconds=0.25)
    assert 0.25 <= time.monotonic() - begin < 5 and result.exit_code == 0 and 0.25 <= result.stats["seconds"] < 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_end_it_with_everything_written(number: signal.Signals, tmp_path: Path) -> None:
    def do(errands: Errands) -> None:
        assert send(errands, datagram(1), datagram(2), datagram(2, 1200)) == 2
        signal.pthread_kill(threading.main_thread().ident or 0, number)

    begin = time.monotonic()
    result = run(do, seconds=30, sessions=str(tmp_path / "sessions"), stats=str(tmp_path / "stats"))
    assert time.monotonic() - begin < 10 and result.interrupted and result.exit_code == 130
    assert result.sessions == 2 and (tmp_path / "sessions").read_text().count("\n") == 2
    assert result.stats["sessions"]["ended"]["end"] == 2 and result.stats["sessions"]["active"] == 0
    assert result.stats["drops"] == {"drop:limits": 1} and (tmp_path / "stats").exists()


def test_a_full_disk_is_told_once_and_is_4_also_where_the_run_was_interrupted() -> None:
    said: list[str] = []
    result = run(lambda errands: None if send(errands, datagram(1), datagram(2)) else None, say=said.append, sessions="/dev/full")
    assert result.interrupted and result.exit_code == 4
    assert said.count("cannot write /dev/full: No space left on device; nothing more is written there") == 1


def test_sighup_stays_ignored_under_nohup() -> None:
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        def do(errands: Errands) -> None:
            errands.ask(lambda r: signal.raise_signal(signal.SIGHUP))

        assert not run(do, seconds=0.3).interrupted
    finally:
        signal.signal(signal.SIGHUP, old)
