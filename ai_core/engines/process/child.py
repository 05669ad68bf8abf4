"""Entry point of a model process: `python -m ai_core.engines.process.child SOCKET`.

Three threads. The main thread owns the runner: it takes commands, admits jobs in order, makes one
step and sends its chunks in one frame. One thread reads the socket, so that a cancellation takes
effect between any two steps. One applies chat templates, tokenizes and compiles schemas, so that a
long prompt delays neither of the others.

Only the parent ends this process: with `Shutdown`, by closing the socket, or by exiting itself.
SIGINT and SIGTERM are ignored: the parent gets them too and still has answers to finish.
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
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import cast

from ai_core.engines.error_report import ErrorReport, describe_exception
from ai_core.engines.process.loop import GenerationLoop, LoopCommand
from ai_core.engines.process.protocol import (
    CallResult,
    Cancel,
    Command,
    CountTokens,
    Detokenize,
    Event,
    Failure,
    FrameDecoder,
    Generate,
    LoadModel,
    ModelLoaded,
    PromptTokenized,
    Tokenize,
    decode_command,
    encode_frame,
)
from ai_core.engines.runner import GenerationJob, ModelRunner, RunnerFactory
from ai_core.errors import ContextOverflow, EngineFailed, ModelUnusable
from shared.errors import AppError

PR_SET_PDEATHSIG = 1
OOM_SCORE = "500"
"""Under memory pressure the kernel kills a model first, not the service or its Redis (proc(5))."""
TOKENIZER_STACK_BYTES = 64 * 1024 * 1024
"""Reserved, not taken: a tokenizer's regular expressions call themselves once per character
(`decoding/special_tokens.py`)."""
SWITCH_INTERVAL_S = 0.001
"""How long the tokenizing thread may hold the interpreter lock while the main thread waits."""


class ParentConnection:
    """The socket to the parent; any thread may send."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._frames = FrameDecoder()
        self._send_lock = threading.Lock()
        self._bodies: list[bytes] = []

    def send(self, event: Event) -> None:
        """Send an event; blocks while the parent is slow to read."""
        data = encode_frame(event)
        with self._send_lock:
            self._connection.sendall(data)

    def receive(self) -> Command | None:
        """Wait for a command; None when the parent is gone."""
        while not self._bodies:
            data = self._connection.recv(65_536)
            if not data:
                return None
            self._bodies = list(self._frames.feed(data))
        return decode_command(self._bodies.pop(0))


TextCommand = Generate | CountTokens | Tokenize | Detokenize


class CommandReader:
    """Reads the parent's commands and prepares them for the generation loop.

    `commands` is the loop's input; `active_ids` see `GenerationLoop`. Commands with texts go
    through the tokenizing thread first.
    """

    def __init__(self, parent: ParentConnection) -> None:
        self.commands: queue.SimpleQueue[LoopCommand] = queue.SimpleQueue()
        self.active_ids: set[int] = set()
        self._texts: queue.SimpleQueue[TextCommand] = queue.SimpleQueue()
        self._parent = parent

    def read_forever(self) -> None:
        """Dispatch commands until the parent is gone, then exit, whatever else is running."""
        while (message := self._parent.receive()) is not None:
            match message:
                case Generate() | CountTokens() | Tokenize() | Detokenize():
                    self.active_ids.add(message.id)
                    self._texts.put(message)
                case Cancel():
                    self.active_ids.discard(message.id)
                    self.commands.put(message)
                case LoadModel():
                    raise ValueError("a model is loaded already")
                case command:
                    self.commands.put(command)
        os._exit(0)

    def tokenize_forever(self, runner: ModelRunner) -> None:
        """Tokenize the texts of commands, one after the other.

        A text that the model's own tokenizer or template fails on fails that request alone.
        """
        while True:
            message = self._texts.get()
            if message.id not in self.active_ids:
                continue
            try:
                if isinstance(message, Generate):
                    self._render(runner, message)
                else:
                    result = _result_of(runner, message)
                    self.active_ids.discard(message.id)
                    self._parent.send(result)
            except AppError as error:
                self._fail(message.id, error)
            except Exception as error:  # noqa: BLE001 - one prompt must not stop the others
                reason = f"the text could not be tokenized: {describe_exception(error)}"
                self._fail(message.id, EngineFailed(reason))

    def _render(self, runner: ModelRunner, message: Generate) -> None:
        prompt = runner.render(message.messages, message.raw, message.tool_use)
        tokens, limit = len(prompt.tokens), runner.info.context_tokens - 1
        if tokens > limit:
            raise ContextOverflow(tokens=tokens, limit=limit)
        self._parent.send(PromptTokenized(message.id, tokens))
        schema = message.sampling.json_schema
        grammar = None if schema is None else runner.compile_schema(schema)
        self.commands.put(
            GenerationJob(message.id, prompt, message.sampling, message.adapter, grammar)
        )

    def _fail(self, id: int, error: AppError) -> None:
        self.active_ids.discard(id)
        self._parent.send(Failure(id, ErrorReport.of(error)))


def _result_of(runner: ModelRunner, message: CountTokens | Tokenize | Detokenize) -> CallResult:
    match message:
        case CountTokens():
            counts = [len(runner.tokenize(text)) for text in message.texts]
            return CallResult(message.id, counts=counts)
        case Tokenize(raw=str(raw), special=False):
            return CallResult(message.id, tokens=runner.tokenize(raw))
        case Tokenize():
            prompt = runner.render(message.messages, message.raw)
            return CallResult(message.id, tokens=prompt.tokens)
        case Detokenize():
            return CallResult(message.id, text=runner.detokenize(message.tokens))


def load_runner(message: LoadModel) -> ModelRunner:
    """Load the model with its format's library and no other. Raises ModelUnusable."""
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


def serve(parent: ParentConnection) -> int:
    """Load the model the parent names and work until shut down; returns the exit status."""
    first = parent.receive()
    if not isinstance(first, LoadModel):
        return 0
    reader = CommandReader(parent)
    _start_thread(reader.read_forever)
    os.nice(first.niceness)
    try:
        runner = load_runner(first)
    except AppError as error:
        parent.send(Failure(0, ErrorReport.of(error)))
        return 1
    gc.collect()
    gc.freeze()
    sys.excepthook = _print_error
    threading.stack_size(TOKENIZER_STACK_BYTES)
    _start_thread(partial(reader.tokenize_forever, runner))
    parent.send(ModelLoaded(runner.info))
    GenerationLoop(runner, reader.commands, parent.send, reader.active_ids).run()
    runner.close()
    return 0


def main() -> int:
    """Serve the parent at the other end of the socket whose file descriptor is the argument.

    Core dumps are off: they would contain what people wrote.
    """
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    threading.excepthook = _exit_with_thread
    return serve(ParentConnection(socket.socket(fileno=int(sys.argv[1]))))


def _start_thread(target: Callable[[], None]) -> None:
    threading.Thread(target=target, daemon=True).start()


def _print_error(
    _type: type[BaseException], error: BaseException, _traceback: TracebackType | None
) -> None:
    sys.stderr.write(f"{describe_exception(error)}\n")


def _exit_with_thread(thrown: threading.ExceptHookArgs) -> None:
    """End the process with any thread that fails: the others could not serve without it."""
    if thrown.exc_value:
        sys.stderr.write(f"{describe_exception(thrown.exc_value)}\n")
    os._exit(1)


if __name__ == "__main__":
    # Skip interpreter teardown: unloading the model libraries delays the release of memory.
    os._exit(main())
