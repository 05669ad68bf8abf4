"""A model's process: `python -m ai_core.engines.process.child SOCKET`, started by its parent.

Three threads. The main one owns the runner: it takes what came in, admits jobs in order, makes one
step and sends what it wrote in one frame. One reads the socket, so that a cancellation is seen
between any two steps. One renders and tokenizes, so that a long prompt holds up neither.

Only the parent ends this process: with `Quit`, by closing the socket, or by ending itself. Ctrl-C
and SIGTERM are for the parent, which still has answers to finish.
"""

import ctypes
import faulthandler
import gc
import importlib
import os
import queue
import resource
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import cast

from ai_core.engines.process.loop import Loop, Order
from ai_core.engines.process.wire import (
    Cancel,
    Command,
    Count,
    Done,
    Fault,
    Frames,
    Open,
    Opened,
    Read,
    Refused,
    Report,
    Stream,
    command,
    frame,
)
from ai_core.engines.runner import GenerationJob, ModelRunner, RunnerFactory
from ai_core.errors import ContextOverflow, EngineFailed, ModelUnusable
from shared.errors import AppError

PR_SET_PDEATHSIG = 1
OOM_SCORE = "500"
"""When memory runs out the system ends a model first, not the service or its Redis (proc(5))."""
SWITCH_S = 0.001
"""How long the tokenizing thread may keep the interpreter from the one that writes."""


class Line:
    """The socket to the parent; any thread may send."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._frames = Frames()
        self._one_at_a_time = threading.Lock()
        self._bodies: list[bytes] = []

    def send(self, message: Report) -> None:
        """Send a report; waits while the parent is slow to read."""
        data = frame(message)
        with self._one_at_a_time:
            self._connection.sendall(data)

    def receive(self) -> Command | None:
        """Wait for a command; None when the parent is gone."""
        while not self._bodies:
            data = self._connection.recv(65_536)
            if not data:
                return None
            self._bodies = list(self._frames.feed(data))
        return command(self._bodies.pop(0))


class Desk:
    """Reads what the parent asks, and prepares it for the loop.

    `orders` are what the loop does; `texts` what the tokenizing thread does first.
    """

    def __init__(self, line: Line) -> None:
        self.orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self.wanted: set[int] = set()
        self._texts: queue.SimpleQueue[Stream | Count] = queue.SimpleQueue()
        self._line = line

    def listen(self) -> None:
        """Sort commands until the parent is gone; then end this process, whatever it is doing."""
        while (message := self._line.receive()) is not None:
            match message:
                case Stream() | Count():
                    self.wanted.add(message.id)
                    self._texts.put(message)
                case Cancel():
                    self.wanted.discard(message.id)
                    self.orders.put(message)
                case Open():
                    raise ValueError("a model is open already")
                case order:
                    self.orders.put(order)
        os._exit(0)

    def tokenize(self, runner: ModelRunner) -> None:
        """Turn texts into tokens, one after the other, for ever.

        A text that the model's own tokenizer or template chokes on is that request's fault alone.
        """
        while True:
            message = self._texts.get()
            if message.id not in self.wanted:
                continue
            try:
                if isinstance(message, Stream):
                    self._render(runner, message)
                else:
                    self._count(runner, message)
            except AppError as error:
                self._refuse(message.id, error)
            except Exception as error:  # noqa: BLE001 - one prompt must not stop the others
                self._refuse(message.id, EngineFailed(f"the text was not read: {_place(error)}"))

    def _render(self, runner: ModelRunner, message: Stream) -> None:
        prompt = runner.render(message.messages, message.raw)
        tokens, limit = len(prompt.tokens), runner.facts.context_tokens - 1
        if tokens > limit:
            raise ContextOverflow(tokens=tokens, limit=limit)
        self._line.send(Read(message.id, tokens))
        self.orders.put(GenerationJob(message.id, prompt, message.sampling, message.adapter))

    def _count(self, runner: ModelRunner, message: Count) -> None:
        counts = [len(runner.tokenize(text)) for text in message.texts]
        self.wanted.discard(message.id)
        self._line.send(Done(message.id, counts=counts))

    def _refuse(self, id: int, error: AppError) -> None:
        self.wanted.discard(id)
        self._line.send(Refused(id, Fault.of(error)))


def open_runner(message: Open) -> ModelRunner:
    """Bring the model to memory, with its format's library and no other. Raises ModelUnusable."""
    if not Path(message.path).exists():
        raise ModelUnusable(
            f"there is no {message.path}: correct the model's source, or fetch its files again"
        )
    try:
        module = importlib.import_module(message.module)
    except ImportError as error:
        raise ModelUnusable(
            f"{message.path} needs {error.name}, which is not installed: "
            f"pip install 'code-du-travail-neo[{message.extra}]'"
        ) from error
    return cast(RunnerFactory, module.open_runner)(message.path, message.options)


def serve(line: Line) -> int:
    """Open what the parent asks for and work until told to quit; returns the exit status."""
    first = line.receive()
    if not isinstance(first, Open):
        return 0
    desk = Desk(line)
    _start(desk.listen)
    os.nice(first.niceness)
    try:
        runner = open_runner(first)
    except AppError as error:
        line.send(Refused(0, Fault.of(error)))
        return 1
    gc.collect()
    gc.freeze()
    sys.excepthook = _tell_place
    _start(partial(desk.tokenize, runner))
    line.send(Opened(runner.facts))
    Loop(runner, desk.orders, line.send, desk.wanted).run()
    runner.close()
    return 0


def main() -> int:
    """Serve the parent at the other end of the socket whose number is the argument.

    A crash leaves no core file: what people wrote would be in it.
    """
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setswitchinterval(SWITCH_S)
    threading.excepthook = _end_with_thread
    return serve(Line(socket.socket(fileno=int(sys.argv[1]))))


def _start(work: Callable[[], None]) -> None:
    threading.Thread(target=work, daemon=True).start()


def _place(error: BaseException) -> str:
    """Say what was raised and where, without its message: that may quote what a person wrote."""
    where = traceback.extract_tb(error.__traceback__)[-3:]
    places = (f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in where)
    said = f": {error}" if isinstance(error, AppError | MemoryError) else ""
    return f"{type(error).__name__}{said} in {' > '.join(places)}"


def _tell_place(
    _kind: type[BaseException], error: BaseException, _trace: TracebackType | None
) -> None:
    sys.stderr.write(f"{_place(error)}\n")


def _end_with_thread(thrown: threading.ExceptHookArgs) -> None:
    """A thread that ends takes the process with it: nothing would answer any more."""
    if thrown.exc_value:
        sys.stderr.write(f"{_place(thrown.exc_value)}\n")
    os._exit(1)


if __name__ == "__main__":
    # At once: whoever waits for the memory need not wait for the libraries to be taken down.
    os._exit(main())
