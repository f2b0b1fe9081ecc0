"""Conversations, laboratories, and `mcc test`, on a chain that only passes packets."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from mcc import Port, chain, duplex
from mcc.cli.app import app
from mcc.std import PacketStats
from mcc.testing import Conversation, lab, ladder, tcp_cut

SOURCE = '''
from mcc import Port, chain, duplex
from mcc.std import PacketStats
from mcc.testing import identity

@chain
def plain():
    yield duplex(Port("lan"), PacketStats(), Port("wan"))

def plain_transform(data: bytes) -> bytes:
    return data{what}
'''


@chain
def plain():  # type: ignore[no-untyped-def]
    yield duplex(Port("lan"), PacketStats(), Port("wan"))


def talk() -> Conversation:
    return Conversation(client="10.0.0.2:4000", server="10.0.1.1:80")


@pytest.mark.parametrize("backend", ["c", "python"])
def test_two_segments(backend: str) -> None:
    with lab(plain, backend=backend) as box:
        out = talk().client_sends(box, b"xxATT", b"ACKyy")
    assert (out.server_got, out.client_got, out.client_acked) == (b"xxATTACKyy", b"", 12)
    assert out.complete and out.every_ack_is_monotone and out.checksums_ok
    assert "b'xxATT'" in ladder(out.trace) and "b'ACKyy'" in ladder(out.trace)


@given(st.binary(max_size=200), st.integers(0, 99))
def test_any_wire(data: bytes, seed: int) -> None:
    rnd = Random(seed)
    with lab(plain) as box:
        c = talk()
        up = c.client_sends(box, *tcp_cut(data, rnd), loss=rnd, reorder=rnd, dup=rnd)
        down = c.server_sends(box, *tcp_cut(data, rnd), loss=0.1)
    assert up.server_got == down.client_got == data
    assert up.every_ack_is_monotone and down.every_ack_is_monotone and up.checksums_ok and down.checksums_ok


@given(st.binary(max_size=300), st.integers(0, 99))
def test_cut_is_all_of_it(data: bytes, seed: int) -> None:
    assert b"".join(tcp_cut(data, Random(seed))) == data


def test_address_and_io_are_checked() -> None:
    with pytest.raises(ValueError, match="is not address:port"):
        Conversation(client="10.0.0.2", server="10.0.1.1:80")
    with pytest.raises(ValueError, match="in memory"):
        lab(plain, io="tap")


def test_command(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(SOURCE.format(what=""))
    done = CliRunner().invoke(app, ["test", str(file), "--property", "1", "--property", "19", "--examples", "5"])
    assert done.exit_code == 0, done.output
    assert "passed" in done.output and "not applicable: no TCP context" in done.output


def test_command_shows_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "claims.py"
    file.write_text(SOURCE.format(what='.replace(b"AB", b"")'))
    done = CliRunner().invoke(app, ["test", str(file), "--property", "1", "--examples", "60"])
    assert done.exit_code == 1, done.output
    assert "client         box        server" in done.output
    assert f"again: mcc test {file} --property 1 --examples 60 --seed 0" in done.output


def test_command_refuses_an_unknown_property(tmp_path: Path) -> None:
    file = tmp_path / "other.py"
    file.write_text(SOURCE.format(what=""))
    done = CliRunner().invoke(app, ["test", str(file), "--property", "29"])
    assert done.exit_code == 2
