"""Files of a run: refused at the start, whole at the end."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mcc.diag import PortError
from mcc.run.outputs import Document, LineFile, open_output


def test_lines(tmp_path: Path) -> None:
    file = LineFile(str(tmp_path / "s.jsonl"), "lines")
    file.write([{"a": 1}, {"b": [1, 2]}])
    file.write([])
    file.write([{"c": "x"}])
    file.close()
    assert (tmp_path / "s.jsonl").read_text() == '{"a":1}\n{"b":[1,2]}\n{"c":"x"}\n'
    assert (file.lines, file.failure) == (3, "")


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    import resource
    import signal

    path = tmp_path / "s.jsonl"
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    file = LineFile(str(path), "lines")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (25, old[1]))
        file.write([{"n": i} for i in range(10)])
        file.write([{"never": 1}])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, before)
        file.close()
    assert path.read_text() == '{"n":0}\n{"n":1}\n{"n":2}\n'
    assert file.failure == f"cannot write {path}: File too large"
    assert file.lines == 3


def test_a_device_that_is_full() -> None:
    file = LineFile("/dev/full", "lines")
    file.write([{"a": 1}])
    file.close()
    assert (file.failure, file.lines) == ("cannot write /dev/full: No space left on device", 0)


def test_document_replaces_a_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    path.write_text("old")
    document = Document(str(path))
    assert path.read_text() == "old"
    document.write({"a": 1})
    assert json.loads(path.read_text()) == {"a": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["stats.json"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_what_cannot_be_written(tmp_path: Path) -> None:
    for path, words in ((tmp_path, "it is a folder"), (tmp_path / "no" / "s.json", "there is no such folder")):
        with pytest.raises(PortError, match=words):
            Document(str(path))
    with pytest.raises(PortError, match="cannot write .*: Is a directory"):
        open_output(str(tmp_path), "packets")
    with pytest.raises(PortError, match="No space left"):
        Document("/dev/full").write({"a": 1})
