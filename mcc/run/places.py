"""Where running boxes can be spoken to: a Unix socket each, named by its process, in a folder of the user's own.

    $XDG_RUNTIME_DIR/mcc, /run/user/UID/mcc, /run/mcc (root), TMPDIR/mcc-UID      the first that can be made is taken
"""

from __future__ import annotations

import os
import re
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NAME = re.compile(r"(\d+)(-\d+)?\.sock")


def folders() -> list[Path]:
    """Folders in which sockets may be, the preferred one first; none of them need exist."""
    user = os.geteuid()
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    found = [Path(given) / "mcc"] if given.startswith("/") else []
    found.append(Path(f"/run/user/{user}/mcc"))
    if user == 0:
        found.append(Path("/run/mcc"))
    found.append(Path(tempfile.gettempdir()) / f"mcc-{user}")
    return list(dict.fromkeys(found))


def ours(folder: Path) -> bool:
    """Whether the folder is there, the user's, and closed to everybody else."""
    try:
        s = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(s.st_mode) and s.st_uid == os.geteuid() and not s.st_mode & 0o077


def sockets() -> list[Path]:
    """What looks like the socket of a box, alive or not."""
    found = []
    for folder in folders():
        if ours(folder):
            found += sorted(p for p in folder.iterdir() if _NAME.fullmatch(p.name))
    return found


def listen(backlog: int = 8) -> tuple[socket.socket, Path]:
    """A listening socket of this process, mode 0600, and its path. Raises OSError where there is no place for one."""
    failure: OSError = FileNotFoundError("no folder can be made")
    for folder in folders():
        for _ in range(2):  # another box may take the folder away when it ends
            try:
                folder.mkdir(mode=0o700, exist_ok=True)
                if not ours(folder):
                    raise PermissionError(f"{folder} is open to others")
                return _bound(folder, backlog)
            except OSError as e:
                failure = e
    raise failure


def _bound(folder: Path, backlog: int) -> tuple[socket.socket, Path]:
    pid = os.getpid()
    for name in (f"{pid}.sock", *(f"{pid}-{i}.sock" for i in range(2, 100))):
        path = folder / name
        if path.exists() and not clear(path):
            continue
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            os.fchmod(s.fileno(), 0o600)  # what bind gives the file
            with _short(path) as name_of:
                s.bind(name_of)
            s.listen(backlog)
            return s, path
        except OSError:
            s.close()
            raise
    raise FileExistsError(f"{folder} is full")


def connect(path: Path, patience: float) -> socket.socket:
    """A socket that is connected to a box. Raises OSError."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        s.settimeout(patience)
        with _short(path) as name:
            s.connect(name)
    except OSError:
        s.close()
        raise
    return s


def clear(path: Path) -> bool:
    """Take away the socket of a process that has gone without doing so; whether it was one."""
    try:
        connect(path, 1.0).close()
        return False
    except ConnectionRefusedError:
        pid = int(path.name.partition(".")[0].partition("-")[0])
        if pid != os.getpid() and _alive(pid):
            return False  # it is just beginning
        remove(path)
        return True
    except FileNotFoundError:
        return True
    except OSError:
        return False


def remove(path: Path) -> None:
    """Take a socket away, and its folder when that is empty."""
    path.unlink(missing_ok=True)
    try:
        path.parent.rmdir()
    except OSError:
        pass  # others are there


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of at most 108 bytes for a socket in a folder of any length (Linux)."""
    fd = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{path.name}"
    finally:
        os.close(fd)
