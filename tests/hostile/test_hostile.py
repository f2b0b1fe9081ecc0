"""Hostile packets through chains compiled with ASan and UBSan, each in a process of its own: no report, nothing lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hostile.chains import CHAINS

ROOT = Path(__file__).parent.parent.parent
CAPTURES = sorted(str(p) for p in (ROOT / "examples" / "captures").glob("*.pcap*"))
SHARED = sorted(str(p) for p in (ROOT.parent / "shared" / "captures").glob("*.pcap*"))


def drive(*args: str) -> dict[str, object]:
    """The driver's account; a sanitizer's report ends the process."""
    asan = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout.strip()
    if not os.path.isabs(asan):
        pytest.skip("libasan is not installed: apt-get install gcc")
    env = {**os.environ, "LD_PRELOAD": asan, "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
           "UBSAN_OPTIONS": "halt_on_error=1", "PYTHONPATH": str(ROOT), "PYTHONMALLOC": "malloc"}
    done = subprocess.run([sys.executable, "-m", "tests.hostile.drive", *args], cwd=ROOT, env=env, capture_output=True,
                          text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    account: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    assert account["lost"] == 0 and account["leaked"] == 0, account
    return account


@pytest.mark.parametrize("chain", sorted(CHAINS))
def test_nasty_packets(chain: str) -> None:
    assert int(str(drive(chain, "nasty")["packets"])) > 500


@pytest.mark.parametrize("chain", sorted(CHAINS)[:3])
def test_noise_and_mutants(chain: str) -> None:
    drive(chain, "noise", "1", "2000")
    drive(chain, "mutants", "1", "2000", *CAPTURES)


def test_tunnels() -> None:
    drive("tunnelled", "tunnels", "1", "1000")
    if SHARED:
        drive("tunnelled", "mutants", "2", "1000", *SHARED)


@pytest.mark.slow
@pytest.mark.skipif(not SHARED, reason="needs ../shared/captures")
@pytest.mark.parametrize("chain", sorted(CHAINS))
def test_mutants_of_all_captures(chain: str) -> None:
    drive(chain, "mutants", "7", "200000", *SHARED)
