"""The loop of the one thread that owns a runner."""

import queue
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from ai_core.engines.process.wire import (
    Cancel,
    Done,
    Embed,
    Fault,
    LoadAdapter,
    Quit,
    Refused,
    Report,
    Steps,
)
from ai_core.engines.runner import GenerationJob, ModelRunner
from ai_core.errors import ContextOverflow
from shared.errors import AppError

SIGN_OF_LIFE_S = 1.0
TEXTS_AT_ONCE = 8
"""A long list is embedded in parts; text by text while answers are under way, which get their step
in between."""

Order = GenerationJob | Cancel | Embed | LoadAdapter | Quit


@dataclass(slots=True)
class _Embedding:
    call: Embed
    vectors: list[list[float]] = field(default_factory=list)


class Loop:
    """Takes orders, admits jobs in the order they came, steps, and reports each step once.

    `wanted` holds the ids of the jobs that nobody cancelled, and of the calls that are counting
    tokens; other threads add and remove some.
    """

    def __init__(
        self,
        runner: ModelRunner,
        orders: "queue.SimpleQueue[Order]",
        report: Callable[[Report], None],
        wanted: set[int],
    ) -> None:
        self._runner = runner
        self._orders = orders
        self._report = report
        self._wanted = wanted
        self._waiting: deque[GenerationJob] = deque()
        self._reading: set[int] = set()
        self._embedding: deque[_Embedding] = deque()
        self._reading_s = 0.0
        self._writing_s = 0.0
        self._reported_s = 0.0

    def run(self) -> None:
        """Work until told to quit.

        What the runner raises in `step` ends the loop: its state is unknown then. A fault of one
        job alone is reported by the runner, as that job's end.
        """
        while self._take_orders():
            self._admit()
            if self._embedding:
                self._embed_some(self._embedding[0])
            if self._runner.busy:
                self._step()

    def _take_orders(self) -> bool:
        """Take all orders there are, waiting for one when there is nothing to do."""
        idle = not (self._waiting or self._embedding or self._runner.busy)
        while True:
            try:
                order = self._orders.get(block=idle)
            except queue.Empty:
                return True
            idle = False
            if isinstance(order, Quit):
                return False
            self._obey(order)

    def _obey(self, order: GenerationJob | Cancel | Embed | LoadAdapter) -> None:
        match order:
            case GenerationJob():
                if order.id in self._wanted:
                    self._waiting.append(order)
            case Cancel():
                self._forget(order.id)
            case Embed():
                self._embedding.append(_Embedding(order))
            case LoadAdapter():
                self._load_adapter(order)

    def _forget(self, id: int) -> None:
        self._runner.cancel(id)
        self._over(id)
        self._waiting = deque(job for job in self._waiting if job.id != id)
        self._embedding = deque(one for one in self._embedding if one.call.id != id)

    def _over(self, job_id: int) -> None:
        self._wanted.discard(job_id)
        self._reading.discard(job_id)

    def _admit(self) -> None:
        while self._waiting:
            job = self._waiting[0]
            try:
                if not self._runner.admit(job):
                    if self._runner.busy:
                        return
                    raise ContextOverflow(
                        tokens=len(job.prompt.tokens), limit=self._runner.facts.context_tokens - 1
                    )
                self._reading.add(job.id)
            except AppError as error:
                self._over(job.id)
                self._report(Refused(job.id, Fault.of(error)))
            self._waiting.popleft()

    def _step(self) -> None:
        reading, began_s = bool(self._reading), time.monotonic()
        wrote = self._runner.step()
        now_s = time.monotonic()
        if reading:
            self._reading_s += now_s - began_s
        else:
            self._writing_s += now_s - began_s
        for one in wrote:
            self._reading.discard(one.job_id)
            if one.finish_reason:
                self._over(one.job_id)
        if wrote or now_s - self._reported_s > SIGN_OF_LIFE_S:
            self._report(Steps(wrote, self._reading_s, self._writing_s))
            self._reading_s = self._writing_s = 0.0
            self._reported_s = now_s

    def _embed_some(self, embedding: _Embedding) -> None:
        call, done = embedding.call, len(embedding.vectors)
        texts = 1 if self._runner.busy else TEXTS_AT_ONCE
        try:
            embedding.vectors += self._runner.embed(call.texts[done : done + texts])
        except AppError as error:
            self._embedding.popleft()
            self._report(Refused(call.id, Fault.of(error)))
            return
        if len(embedding.vectors) < len(call.texts):
            self._report(Steps([], 0.0, 0.0))
        else:
            self._embedding.popleft()
            self._report(Done(call.id, vectors=embedding.vectors))

    def _load_adapter(self, call: LoadAdapter) -> None:
        try:
            self._runner.load_adapter(call.name, call.path)
        except AppError as error:
            self._report(Refused(call.id, Fault.of(error)))
        else:
            self._report(Done(call.id))
