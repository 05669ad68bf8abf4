"""A model writes: a place in its queue, its engine, the prompt, a slot, the pieces."""

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing, nullcontext

from ai_core.answering.prompts import Prompts
from ai_core.answering.request import Inquiry, require_capabilities
from ai_core.engines.base import Prompt, TextChunk
from ai_core.law.records import Found
from ai_core.metrics import AnswerMetrics
from ai_core.models.pool import ModelPool
from ai_core.models.scheduler import Job, Scheduler, WaitEstimate

TOLD_EVERY_S = 2.0
"""How often whoever waits for a slot learns how long it still takes."""


class Dictation:
    """Has the models write."""

    def __init__(
        self, pool: ModelPool, scheduler: Scheduler, prompts: Prompts, metrics: AnswerMetrics
    ) -> None:
        self._pool = pool
        self._scheduler = scheduler
        self._prompts = prompts
        self._metrics = metrics

    def place(self, inquiry: Inquiry) -> AbstractContextManager[Job | None]:
        """Give a place in the model's queue; an engine that only quotes has none and needs none.

        Raises QueueFull and DeadlineMissed at once, before anything was looked up.
        """
        card = inquiry.card
        if card.extractive:
            return nullcontext()
        return self._scheduler.enter(
            card.base or card.id, inquiry.subject, inquiry.size, inquiry.deadline_s
        )

    async def pieces(
        self, inquiry: Inquiry, found: Found, job: Job | None
    ) -> AsyncGenerator[Prompt | WaitEstimate | TextChunk]:
        """Yield the prompt, how long it still waits from time to time, then the pieces.

        Raises what `ModelPool.lease`, `Prompts.assemble`, `Job.mark_ready`, `Job.wait_for_slot` and
        `Engine.stream` raise.
        """
        card, question = inquiry.card, inquiry.question
        async with self._pool.lease(card) as engine:
            require_capabilities(
                card.id, engine.capabilities, question.sampling, extractive=card.extractive
            )
            prompt, size = await self._prompts.assemble(question, found, engine)
            yield prompt
            if job:
                job.mark_ready(size, engine.slots)
                while not await job.wait_for_slot(timeout_s=TOLD_EVERY_S):
                    yield job.estimate()
            end = None
            with self._metrics.open.labels(card.id).track_inprogress():
                async with aclosing(engine.stream(prompt, question.sampling)) as pieces:
                    async for piece in pieces:
                        if job:
                            job.record_tokens(piece.tokens, piece.prompt_tokens)
                        end = piece.finish_reason
                        yield piece
            if job:
                job.finish(cut=end == "length")
