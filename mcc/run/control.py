"""Steering a box that runs: its Live parameters, asked for and changed over a Unix socket (mcc.run.places).

    mcc set --one line of JSON--> Control --errand--> box, between two bursts --> one line of JSON

    {"do": "show"}                                        -> {"pid", "chain", "file", "seconds", "parameters": [..]}
    {"do": "set", "values": [[ELEMENT, NAME, TEXT], ..]}  -> {"changed": [[ELEMENT, NAME, before, after], ..]}
    anything that is refused                              -> {"error", "hint"}; then nothing has changed
"""

from __future__ import annotations

import json
import os
import socketserver
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mcc.diag import PortError
from mcc.lang.parameter import Parameter, ParameterError, find
from mcc.run import places
from mcc.run.errands import Ended, Errands, Running
from mcc.run.usage import UsageError

LONGEST = 1 << 16
"""Bytes of a request."""

Value = tuple[str, str, str]
"""Element, parameter, what is written for the value."""

Change = tuple[str, str, int, int]
"""Element, parameter, value before and after."""


def change(values: Sequence[Value]) -> Callable[[Running], list[Change]]:
    """The errand that sets parameters: all, or none. It raises ParameterError."""

    def do(running: Running) -> list[Change]:
        box = running.box
        known = box.parameters()
        found = [(find(known, element, name), text) for element, name, text in values]
        checked = [(p, p.parse(text)) for p, text in found]
        for p, value in checked:
            box.set(p.element, p.name, value)
        return [(p.element, p.name, p.value, value) for p, value in checked]

    return do


# ---------------------------------------------------------------- the box's side


class Control:
    """Listens until close(). `told` is called with each change. Raises OSError where no socket can be made."""

    def __init__(self, errands: Errands, chain: str, file: str, told: Callable[[Change], None]) -> None:
        self.errands, self.chain, self.file, self.told = errands, chain, file, told
        listening, self.path = places.listen()
        self.server = _Server(listening, self)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.1,), name="mcc-control", daemon=True)
        self.thread.start()

    def close(self) -> None:
        """The socket is gone; who is being answered may still read."""
        places.remove(self.path)
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def answer(self, request: Any) -> dict[str, Any]:
        """What is said to a request."""
        try:
            match request:
                case {"do": "show"}:
                    seconds, parameters = self.errands.ask(lambda r: (r.seconds, r.box.parameters()))
                    return {"pid": os.getpid(), "chain": self.chain, "file": self.file, "seconds": round(seconds, 1),
                            "parameters": [asdict(p) for p in parameters]}
                case {"do": "set", "values": [*values]} if all(_is_value(v) for v in values):
                    changed = self.errands.ask(change([(v[0], v[1], v[2]) for v in values]))
                    for c in changed:
                        self.told(c)
                    return {"changed": changed}
        except ParameterError as e:
            return {"error": e.message, "hint": e.hint}
        except Ended as e:
            return {"error": str(e), "hint": ""}
        return {"error": "this is no request of mcc set", "hint": "both sides should be of one version of mcc"}


def _is_value(v: Any) -> bool:
    return isinstance(v, list) and len(v) == 3 and all(isinstance(s, str) for s in v)


class _Server(socketserver.ThreadingMixIn, socketserver.BaseServer):
    """A socket server over a socket that listens already."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, listening: Any, control: Control) -> None:
        super().__init__("", _Handler)
        self.socket, self.control = listening, control

    def fileno(self) -> int:
        return int(self.socket.fileno())

    def get_request(self) -> Any:
        return self.socket.accept()

    def server_close(self) -> None:
        self.socket.close()

    def shutdown_request(self, request: Any) -> None:
        request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is its own affair."""


class _Handler(socketserver.StreamRequestHandler):
    timeout = 5

    def handle(self) -> None:
        line = self.rfile.readline(LONGEST)
        if not line:
            return  # somebody only looked whether we live
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        assert isinstance(self.server, _Server)
        self.wfile.write(json.dumps(self.server.control.answer(request)).encode() + b"\n")


# ---------------------------------------------------------------- the other side


@dataclass(frozen=True)
class RunningBox:
    """A box that runs, as it says itself."""

    pid: int
    chain: str
    file: str
    seconds: float
    parameters: tuple[Parameter, ...]
    path: Path

    def set(self, values: Sequence[Value]) -> list[Change]:
        """Change parameters: all, or none. Raises UsageError where the box refuses, PortError where it is gone."""
        answer = _asked(self.path, {"do": "set", "values": values})
        if "error" in answer:
            raise UsageError(answer["error"], answer["hint"])
        return [(e, n, before, after) for e, n, before, after in answer["changed"]]


def boxes() -> list[RunningBox]:
    """Every box of this user that runs and answers, oldest process first. What dead ones left is taken away."""
    found = []
    for path in places.sockets():
        try:
            answer = _asked(path, {"do": "show"})
        except PortError:
            places.clear(path)
            continue
        if "error" not in answer:
            parameters = tuple(Parameter(**p) for p in answer.pop("parameters"))
            found.append(RunningBox(**answer, parameters=parameters, path=path))
    return sorted(found, key=lambda b: (-b.seconds, b.pid))


def _asked(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """The answer to a request. Raises PortError."""
    try:
        with places.connect(path, 8.0) as s:
            s.sendall(json.dumps(request).encode() + b"\n")
            with s.makefile("rb") as f:
                answer = json.loads(f.readline())
    except (OSError, ValueError) as e:
        raise PortError(f"the box at {path} does not answer: {e}") from None
    if not isinstance(answer, dict):
        raise PortError(f"the box at {path} does not speak as mcc does")
    return answer
