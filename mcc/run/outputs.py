"""Files that a run writes: opened before it starts, kept whole whatever happens."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mcc.diag import PortError


def open_output(path: str, what: str) -> int:
    """A descriptor to write `path` (`-`: standard output), empty. Raises PortError."""
    if path == "-":
        if what == "packets" and sys.stdout.isatty():
            raise PortError("packets would go to the terminal; name a file, or pipe standard output")
        sys.stdout.flush()
        return os.dup(sys.stdout.fileno())
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    except OSError as e:
        raise PortError(cannot_write(path, e.errno or 0)) from None


def cannot_write(path: str, errno: int) -> str:
    """The message for a failed open or write."""
    name = "standard output" if path == "-" else path
    return f"cannot write {name}: {os.strerror(errno)}"


class LineFile:
    """JSON lines. After a failed write nothing more is written, and the file ends with a whole line."""

    def __init__(self, path: str, what: str) -> None:
        self.path = path
        self.lines = 0
        self.failure = ""
        self._fd = open_output(path, what)

    def write(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Append one line a record."""
        lines = [json.dumps(r, separators=(",", ":")) + "\n" for r in records]
        if not lines or self.failure:
            return
        data = "".join(lines).encode()
        done = 0
        try:
            while done < len(data):
                done += os.write(self._fd, data[done:])
            self.lines += len(lines)
        except OSError as e:
            self.failure = cannot_write(self.path, e.errno or 0)
            whole = data.rfind(b"\n", 0, done) + 1
            self.lines += data[:whole].count(b"\n")
            self._cut(done - whole)

    def _cut(self, extra: int) -> None:
        """Take away the last `extra` bytes, where the output is a file."""
        try:
            os.ftruncate(self._fd, os.lseek(self._fd, 0, os.SEEK_CUR) - extra)
        except OSError:
            pass  # a pipe or a device: nothing to take back

    def close(self) -> None:
        os.close(self._fd)


class Document:
    """One JSON document, written at the end: a file appears whole or stays as it was."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._plain = path == "-" or (os.path.exists(path) and not os.path.isfile(path))
        folder = Path(path).parent
        if os.path.isdir(path):
            raise PortError(f"cannot write {path}: it is a folder")
        if not self._plain and not os.access(folder, os.W_OK | os.X_OK):
            raise PortError(f"cannot write {path}: {'not allowed' if folder.is_dir() else 'there is no such folder'}")

    def write(self, value: Mapping[str, Any]) -> None:
        """Raises PortError where it cannot be written."""
        text = json.dumps(value, indent=2) + "\n"
        try:
            if self.path == "-":
                sys.stdout.write(text)
                sys.stdout.flush()
            elif self._plain:
                Path(self.path).write_text(text)
            else:
                self._replace(text)
        except OSError as e:
            raise PortError(cannot_write(self.path, e.errno or 0)) from None

    def _replace(self, text: str) -> None:
        target = os.path.realpath(self.path)
        fd, name = tempfile.mkstemp(prefix=".mcc-", dir=os.path.dirname(target))
        try:
            with os.fdopen(fd, "w") as f:
                f.write(text)
            os.chmod(name, 0o666 & ~_umask())
            os.replace(name, target)
        except OSError:
            os.unlink(name)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
