"""What `mcc doctor` says of AF_XDP, and the command that mends it."""

from __future__ import annotations

import resource
import socket
from typing import Any

import pytest

from mcc.cli import doctor
from mcc.run.device import XDP_MEMORY


@pytest.fixture(autouse=True)
def everything_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_there(*arguments: Any) -> Any:
        return True

    def no_socket(*arguments: Any) -> socket.socket:
        return socket.socket()

    def limit(which: int) -> tuple[int, int]:
        return resource.RLIM_INFINITY, resource.RLIM_INFINITY

    monkeypatch.setattr(doctor.ctypes, "CDLL", is_there)
    monkeypatch.setattr(doctor, "_capable", is_there)
    monkeypatch.setattr(doctor, "_afxdp_socket", no_socket)
    monkeypatch.setattr(doctor.resource, "getrlimit", limit)


def test_all_is_well() -> None:
    found = doctor._afxdp()
    assert (found.good, found.needed) == (True, False) and "can be used" in found.found


def test_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> Any:
        raise OSError(name)

    monkeypatch.setattr(doctor.ctypes, "CDLL", fail)
    found = doctor._afxdp()
    assert not found.good and not found.needed and found.mend == "apt-get install libxdp-dev libbpf-dev"


@pytest.mark.parametrize(("missing", "words"), [({12}, "no cap_net_admin"), ({13}, "no cap_net_raw"), ({39, 21}, "no cap_bpf")])
def test_no_right(monkeypatch: pytest.MonkeyPatch, missing: set[int], words: str) -> None:
    def capable(number: int) -> bool:
        return number not in missing

    monkeypatch.setattr(doctor, "_capable", capable)
    found = doctor._afxdp()
    assert not found.good and words in found.found and "setcap cap_net_raw,cap_net_admin,cap_bpf,cap_ipc_lock+ep" in found.mend


def test_the_old_right_stands_for_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def capable(number: int) -> bool:
        return number != 39

    monkeypatch.setattr(doctor, "_capable", capable)
    assert doctor._afxdp().good


def test_no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> socket.socket:
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr(doctor, "_afxdp_socket", fail)
    found = doctor._afxdp()
    assert not found.good and "Address family" in found.found and "CONFIG_XDP_SOCKETS" in found.mend


@pytest.mark.parametrize("there", [True, False])
def test_zlib(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(doctor, "is_there", lambda library, cc: there and library.header == "zlib.h")
    found = doctor._zlib()
    assert (found.good, found.needed, found.mend) == (there, False, "apt install zlib1g-dev")


@pytest.mark.parametrize(("soft", "lock", "good"), [
    (XDP_MEMORY - 1, False, False), (XDP_MEMORY, False, True), (0, True, True), (resource.RLIM_INFINITY, False, True)])
def test_locked_memory(monkeypatch: pytest.MonkeyPatch, soft: int, lock: bool, good: bool) -> None:
    def capable(number: int) -> bool:
        return number != 14 or lock

    def limit(which: int) -> tuple[int, int]:
        return soft, resource.RLIM_INFINITY

    monkeypatch.setattr(doctor, "_capable", capable)
    monkeypatch.setattr(doctor.resource, "getrlimit", limit)
    found = doctor._afxdp()
    assert found.good is good and (good or found.mend.startswith("ulimit -l unlimited"))
