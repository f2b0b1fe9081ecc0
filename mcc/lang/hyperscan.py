"""Hyperscan at build time: whether patterns compile, asked of the library itself where this machine has it."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

FLAGS = {"i": 1, "s": 2, "m": 4, "H": 8, "8": 32, "W": 64}
"""Letters as Hyperscan's own tools write them: HS_FLAG_CASELESS, DOTALL, MULTILINE, SINGLEMATCH, UTF8, UCP."""

_STREAM = 2  # HS_MODE_STREAM


class _Error(ctypes.Structure):
    """hs_compile_error_t"""

    _fields_ = [("message", ctypes.c_char_p), ("expression", ctypes.c_int)]


@lru_cache(maxsize=1)
def library() -> Any:
    """libhs by ctypes; None: not here."""
    for name in ("libhs.so.5", "libhs.so"):
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


@lru_cache(maxsize=64)
def refusal(patterns: tuple[bytes, ...], flags: int) -> tuple[int, str] | None:
    """Which pattern (-1: all together) does not compile, and why. None: they do, or the library is not here."""
    lib = library()
    return _compiled(lib, patterns, flags) if lib is not None and lib.hs_valid_platform() == 0 else None


def _compiled(lib: Any, patterns: Sequence[bytes], flags: int) -> tuple[int, str] | None:
    n = len(patterns)
    texts = (ctypes.c_char_p * n)(*patterns)
    each = (ctypes.c_uint * n)(*[flags] * n)
    ids = (ctypes.c_uint * n)(*range(n))
    db, error = ctypes.c_void_p(), ctypes.POINTER(_Error)()
    code = lib.hs_compile_multi(texts, each, ids, ctypes.c_uint(n), ctypes.c_uint(_STREAM), None, ctypes.byref(db),
                                ctypes.byref(error))
    if code == 0:
        lib.hs_free_database(db)
        return None
    at, why = (error.contents.expression, error.contents.message) if error else (-1, b"")
    found = at, (why or b"they do not compile").decode(errors="replace")
    lib.hs_free_compile_error(error)
    return found
