"""What accompanies a run: the view of `--live`, the server of `--metrics`, the socket of `mcc set`; each a thread."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from mcc.cli.console import err, say
from mcc.cli.panels import LEAST, line, picture
from mcc.cli.rates import Rates
from mcc.run.control import Change, Control
from mcc.run.errands import Ended, Errands, look
from mcc.run.runner import ending

EVERY = 1.0
"""Seconds between two pictures."""


class View:
    """Draws the run until it ends: on a terminal that is large enough the whole of it, else a line a second."""

    def __init__(self, errands: Errands, devices: Mapping[str, str], console: Console, *, plain: bool = False) -> None:
        self.errands, self.devices, self.console = errands, devices, console
        self.plain = plain or not console.is_terminal or not self._large()
        self.rates = Rates()
        self.messages: list[str] = []
        self.drawn = False
        self.thread = threading.Thread(target=self._draw, name="mcc-view", daemon=True)
        self.thread.start()

    def say(self, text: str) -> None:
        """A message: in the picture, and once more when it is gone."""
        if self.plain or not self.drawn:
            say(f"mcc: {text}")
        else:
            self.messages.append(text)

    def close(self) -> None:
        """To be called when the errands are closed: the terminal is as it was."""
        self.thread.join()
        for text in self.messages:
            say(f"mcc: {text}")
        self.messages = []

    def _large(self) -> bool:
        width, height = self.console.size
        return width >= LEAST[0] and height >= LEAST[1]

    def _draw(self) -> None:
        try:
            if self.plain:
                for _ in self._seconds():
                    if self.rates.now.seconds >= EVERY:
                        say(f"mcc: {line(self.rates)}")
                return
            seconds = self._seconds()
            if next(seconds, None) is None:
                return
            self.drawn = True
            with Live(self._picture(), console=self.console, screen=True, auto_refresh=False, redirect_stdout=False,
                      redirect_stderr=False) as live:
                for _ in seconds:
                    live.update(self._picture(), refresh=True)
        except OSError:
            pass  # the terminal has gone: the run goes on

    def _picture(self) -> RenderableType:
        if not self._large():  # it has become too small
            return Text(line(self.rates))
        return picture(self.rates, self.console.size, self.devices, self.messages)

    def _seconds(self) -> Iterator[float]:
        """Once a second, with the newest snapshot in `rates`, until the run ends."""
        due = time.monotonic()
        while True:
            try:
                self.rates.add(self.errands.ask(look))
                yield due
            except Ended:
                if self.errands.closed:
                    return
            due = max(due + EVERY, time.monotonic())
            if self.errands.wait_closed(due - time.monotonic()):
                return


Tell = Callable[[str], None]


@contextmanager
def watched(chain: str, file: str, devices: Mapping[str, str], *, live: bool, plain: bool,
            metrics: tuple[str, int] | None, control: bool, version: str) -> Iterator[tuple[Errands, Tell]]:
    """Errands for the run, and where its messages go. Raises PortError where `metrics` cannot listen.

    control: it can be steered; where no socket can be made a message says so.
    """
    errands = Errands()
    tell: list[Tell] = [lambda text: say(f"mcc: {text}")]
    with ExitStack() as stack:
        stack.enter_context(_terminated())
        if metrics is not None:
            from mcc.run.metrics import Metrics  # prometheus_client is slow to import

            server = Metrics(metrics, errands, version)
            stack.callback(server.close)
            tell[0](f"metrics: {server.url}")
        if control:
            try:
                stack.callback(Control(errands, chain, file, lambda c: tell[0](changed(c))).close)
            except OSError as e:
                tell[0](f"`mcc set` cannot reach this run: {e.strerror or e}")
        if live:
            view = View(errands, devices, err(), plain=plain)
            tell[0] = view.say
            stack.callback(view.close)
        stack.callback(errands.close)
        yield errands, lambda text: tell[0](text)


def changed(c: Change) -> str:
    """`limits.longest: 10 -> 20`."""
    return f"{c[0]}.{c[1]}: {c[2]} -> {c[3]}"


@contextmanager
def _terminated() -> Iterator[None]:
    """SIGTERM and SIGHUP before and after the loop are as Ctrl-C, so that nothing is left behind. In the main thread
    only."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    old = {s: signal.signal(s, handler) for s in ending() if s != signal.SIGINT}
    try:
        yield
    finally:
        for s, was in old.items():
            signal.signal(s, was)
