"""Every shared capture through every example, compiled with AddressSanitizer and UBSan: no report, no packet lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.kit import EXAMPLES


def sanitizer() -> str:
    """The library that must be loaded first; "" where the compiler has none."""
    cc = shutil.which("gcc")
    if cc is None:
        return ""
    found = subprocess.run([cc, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    return found.stdout.strip() if os.sep in found.stdout else ""


ALWAYS = ("fig3", "nat", "firewall")
"""What is run each time; the others take two minutes more and are marked slow."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in ALWAYS else [pytest.mark.slow])
                                  for n in sorted(p.stem for p in EXAMPLES.glob("*.py"))])
def test_captures_through(name: str, captures: list[Path]) -> None:
    library = sanitizer()
    if not library:
        pytest.skip("gcc has no AddressSanitizer: apt install gcc libasan8")
    done = subprocess.run(
        [sys.executable, "-m", "tests.examples.all_captures", name, *map(str, captures)], cwd=EXAMPLES.parent,
        env={**os.environ, "LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0", "CC": "gcc",
             "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"},
        capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0 and "runtime error" not in done.stderr, done.stderr[-4000:]
    total = json.loads(done.stdout)
    assert total["captures"] == len(captures) and total["packets"] > 15000
    assert total["lost"] == 0 and total["held"] == 0
