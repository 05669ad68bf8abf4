"""The loop of the thread that owns a model runner."""

import queue
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ai_core.engines.error_report import ErrorReport
from ai_core.engines.process.protocol import (
    CallResult,
    Cancel,
    Embed,
    Event,
    Failure,
    LoadAdapter,
    Shutdown,
    StepReport,
)
from ai_core.engines.runner import GenerationJob, ModelRunner
from ai_core.errors import ContextOverflow

HEARTBEAT_S = 1.0
EMBED_BATCH_TEXTS = 8
"""A long list is embedded in batches of this size; one text at a time while answers are being
generated, which get a step in between."""

LoopCommand = GenerationJob | Cancel | Embed | LoadAdapter | Shutdown


@dataclass(slots=True)
class _EmbedProgress:
    call: Embed
    vectors: list[list[float]] = field(default_factory=list)


class GenerationLoop:
    """Admits jobs first come, first served, steps the runner and reports each step once.

    `active_ids` holds the ids of jobs that were not cancelled and of calls that count tokens; other
    threads add to it and discard from it.
    """

    def __init__(
        self,
        runner: ModelRunner,
        commands: "queue.SimpleQueue[LoopCommand]",
        send: Callable[[Event], None],
        active_ids: set[int],
    ) -> None:
        self._runner = runner
        self._commands = commands
        self._send = send
        self._active_ids = active_ids
        self._waiting: deque[GenerationJob] = deque()
        self._prefilling: set[int] = set()
        self._embeddings: deque[_EmbedProgress] = deque()
        self._prefill_s = 0.0
        self._decode_s = 0.0
        self._reported_s = 0.0

    def run(self) -> None:
        """Work until shut down.

        An exception of the runner's `step` ends the loop, as its state is unknown then. An error of
        a single job is no exception: the runner reports it as that job's last chunk. Whatever a job
        or a call raises before it has a place in the batch is its own, except MemoryError.
        """
        while self._take_commands():
            self._admit_waiting()
            if self._embeddings:
                self._embed_batch(self._embeddings[0])
            if self._runner.busy:
                self._step()

    def _take_commands(self) -> bool:
        """Handle all queued commands, blocking when idle; False once shut down."""
        idle = not (self._waiting or self._embeddings or self._runner.busy)
        while True:
            try:
                command = self._commands.get(block=idle)
            except queue.Empty:
                return True
            idle = False
            if isinstance(command, Shutdown):
                return False
            self._handle(command)

    def _handle(self, command: GenerationJob | Cancel | Embed | LoadAdapter) -> None:
        match command:
            case GenerationJob():
                if command.id in self._active_ids:
                    self._waiting.append(command)
            case Cancel():
                self._cancel(command.id)
            case Embed():
                self._embeddings.append(_EmbedProgress(command))
            case LoadAdapter():
                self._load_adapter(command)

    def _cancel(self, id: int) -> None:
        self._runner.cancel(id)
        self._forget(id)
        self._waiting = deque(job for job in self._waiting if job.id != id)
        self._embeddings = deque(item for item in self._embeddings if item.call.id != id)

    def _forget(self, job_id: int) -> None:
        self._active_ids.discard(job_id)
        self._prefilling.discard(job_id)

    def _admit_waiting(self) -> None:
        while self._waiting:
            job = self._waiting[0]
            try:
                if not self._admit(job):
                    return
            except Exception as error:  # noqa: BLE001 - one job must not stop the others
                self._runner.cancel(job.id)
                self._forget(job.id)
                self._fail(job.id, error)
            self._waiting.popleft()

    def _admit(self, job: GenerationJob) -> bool:
        """Give a job its slot; False while others have them all. Raises what it is refused for."""
        if self._runner.admit(job):
            self._prefilling.add(job.id)
        elif self._runner.busy:
            return False
        else:
            limit = self._runner.info.context_tokens - 1
            raise ContextOverflow(tokens=len(job.prompt.tokens), limit=limit)
        return True

    def _fail(self, id: int, error: Exception) -> None:
        """Report the failure of one job or call. Raises MemoryError again."""
        if isinstance(error, MemoryError):
            raise error
        self._send(Failure(id, ErrorReport.of(error)))

    def _step(self) -> None:
        prefilling, began_s = bool(self._prefilling), time.monotonic()
        chunks = self._runner.step()
        now_s = time.monotonic()
        if prefilling:
            self._prefill_s += now_s - began_s
        else:
            self._decode_s += now_s - began_s
        for chunk in chunks:
            self._prefilling.discard(chunk.job_id)
            if chunk.finish_reason:
                self._forget(chunk.job_id)
        if chunks or now_s - self._reported_s > HEARTBEAT_S:
            self._send(StepReport(chunks, self._prefill_s, self._decode_s))
            self._prefill_s = self._decode_s = 0.0
            self._reported_s = now_s

    def _embed_batch(self, progress: _EmbedProgress) -> None:
        call, done = progress.call, len(progress.vectors)
        texts = 1 if self._runner.busy else EMBED_BATCH_TEXTS
        try:
            progress.vectors += self._runner.embed(call.texts[done : done + texts])
        except Exception as error:  # noqa: BLE001 - one call must not stop the others
            self._embeddings.popleft()
            self._fail(call.id, error)
            return
        if len(progress.vectors) < len(call.texts):
            self._send(StepReport([], 0.0, 0.0))
        else:
            self._embeddings.popleft()
            self._send(CallResult(call.id, vectors=progress.vectors))

    def _load_adapter(self, call: LoadAdapter) -> None:
        try:
            self._runner.load_adapter(call.name, call.path)
        except Exception as error:  # noqa: BLE001 - one call must not stop the others
            self._fail(call.id, error)
        else:
            self._send(CallResult(call.id))
