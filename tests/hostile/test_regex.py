"""Hyperscan's streams under the sanitizers: evicted sessions, a cap that is reached, a box closed in the middle."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(not Path("/usr/include/hs/hs.h").exists(), reason="needs Hyperscan: apt-get install libhyperscan-dev")
def test_streams_come_and_go(sanitizer: str, root: Path) -> None:
    """Hyperscan's compiler throws: its C++ library has to be there before the sanitizer looks for it."""
    cplusplus = subprocess.run(["gcc", "-print-file-name=libstdc++.so.6"], capture_output=True, text=True, check=True)
    env = {**os.environ, "LD_PRELOAD": f"{sanitizer} {cplusplus.stdout.strip()}", "CC": "gcc", "PYTHONPATH": str(root),
           "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1", "UBSAN_OPTIONS": "halt_on_error=1:abort_on_error=1",
           "PYTHONMALLOC": "malloc"}
    done = subprocess.run([sys.executable, "-m", "tests.hostile.regex_drive"], cwd=root, env=env, capture_output=True,
                          text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    counters = json.loads(done.stdout.splitlines()[-1])
    assert counters["found"] > 20 and counters["db.open"] == 0, counters
