"""Sanitized processes: what runs in them is compiled with AddressSanitizer and UBSan, and the first report ends it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Sanitized = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def sanitizer() -> str:
    """The library that must be loaded first; skips where the compiler has none."""
    cc = shutil.which("gcc")
    found = subprocess.run([cc, "-print-file-name=libasan.so"], capture_output=True, text=True) if cc else None
    if found is None or os.sep not in found.stdout:
        pytest.skip("gcc has no AddressSanitizer: apt install gcc libasan8")
    return found.stdout.strip()


@pytest.fixture(scope="session")
def sanitized(sanitizer: str, root: Path) -> Sanitized:
    """`python ARGUMENT..` with the sanitizers loaded."""

    def call(*arguments: object, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        nightly = {"MCC_LEVEL": "-O2"} if os.environ.get("MCC_NIGHTLY") else {}
        env = {**os.environ, **nightly, "LD_PRELOAD": sanitizer, "CC": "gcc", "PYTHONPATH": str(root),
               "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
               "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1:abort_on_error=1"}
        return subprocess.run([sys.executable, *map(str, arguments)], cwd=root, env=env, capture_output=True,
                              text=True, check=False, timeout=timeout)

    return call
