"""Generation of an answer by a model: queue, engine, prompt, slot, text, checks."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractContextManager, aclosing, nullcontext
from dataclasses import replace

from ai_core.answering.boilerplate import Boilerplate
from ai_core.answering.citations import CitationFilter
from ai_core.answering.events import Queued, Text, Thought
from ai_core.answering.output_checks import JsonCheck, NoCheck, OutputCheck
from ai_core.answering.prompts import Prompts
from ai_core.answering.question import Question
from ai_core.answering.reasoning import LearningReasoningFilter, ReasoningFilter, Split
from ai_core.answering.reply import ReplyBuilder
from ai_core.answering.request import ResolvedRequest, require_capabilities
from ai_core.engines.base import AnswerPart, Prompt, ReasoningStart, TextChunk
from ai_core.law.records import SearchResult
from ai_core.metrics import AnswerMetrics, topic_of
from ai_core.models.pool import ModelPool
from ai_core.models.scheduler import Job, Scheduler
from ai_core.models.speeds import Size

QUEUED_EVERY_S = 2.0
"""How often a `Queued` event is sent while the answer waits for a slot."""


class Generation:
    """Generates answers with models."""

    def __init__(
        self,
        pool: ModelPool,
        scheduler: Scheduler,
        prompts: Prompts,
        boilerplate: Boilerplate,
        metrics: AnswerMetrics,
    ) -> None:
        self._pool = pool
        self._scheduler = scheduler
        self._prompts = prompts
        self._boilerplate = boilerplate
        self._metrics = metrics

    def enqueue(self, request: ResolvedRequest) -> AbstractContextManager[Job | None]:
        """Return a job in the model's queue; the extractive engine has no queue.

        Raises QueueFull and DeadlineMissed at once, before anything is searched.
        """
        card = request.card
        if card.extractive:
            return nullcontext()
        return self._scheduler.enter(
            card.base or card.id, request.rate_limit_id, request.size, request.deadline_s
        )

    async def write(
        self, request: ResolvedRequest, found: SearchResult, reply: ReplyBuilder, job: Job | None
    ) -> AsyncGenerator[Queued | Thought | Text]:
        """Generate into `reply`, with citations checked against the passages found.

        Raises what `ModelPool.lease`, `Prompts.assemble`, `Job.mark_ready`, `Job.wait_for_slot` and
        `Engine.stream` raise.
        """
        card, question = request.card, request.question
        if question.grounded:
            self._metrics.topics.labels(topic_of(found)).inc()
        async with self._pool.lease(card) as engine:
            require_capabilities(
                card.id, engine.capabilities, question.sampling, extractive=card.extractive
            )
            prompt, size = await self._prompts.assemble(question, found, engine)
            sampling = replace(question.sampling, max_tokens=size.new_tokens)
            output = Output(self._check(request, prompt), reply, question, engine.reasoning_start)
            async for queued in _slot_wait(job, size, engine.slots):
                yield queued
            reply.begin(size.prompt_tokens)
            with self._metrics.open.labels(card.id).track_inprogress():
                async with aclosing(engine.stream(prompt, sampling)) as chunks:
                    async for chunk in chunks:
                        if job:
                            job.record_tokens(chunk.tokens, chunk.prompt_tokens)
                        for event in output.feed(chunk):
                            yield event
            if job:
                job.finish(cut=reply.finish_reason != "stop")
        for event in output.finish():
            yield event
        self._metrics.removed.labels(card.id).inc(output.check.removed)

    def _check(self, request: ResolvedRequest, prompt: Prompt) -> OutputCheck:
        if request.question.plain:
            return NoCheck()
        unverified = self._boilerplate.unverified(request.question.language)
        prose = CitationFilter(prompt.passages, request.day, unverified)
        return JsonCheck(prose) if request.question.sampling.json_schema else prose


class Output:
    """What a model writes, on its way into the reply: reasoning split off, the rest checked.

    Reasoning is shown for a plain question only: beside the law, what is not checked is not shown.
    """

    def __init__(
        self,
        check: OutputCheck,
        reply: ReplyBuilder,
        question: Question,
        start: ReasoningStart | None = None,
    ) -> None:
        self.check = check
        self._reply = reply
        self._part: AnswerPart | None = None
        self._reasoning = None if question.raw else _reasoning_filter(question, start)
        self._shows_reasoning = not question.grounded

    def feed(self, chunk: TextChunk) -> Iterator[Thought | Text]:
        """Count a chunk, and yield what can be shown of it."""
        if chunk.part is not self._part:
            yield from self._settle()
            self._part = chunk.part
        told = Split("", chunk.reasoning)
        if chunk.reasoning and isinstance(self._reasoning, LearningReasoningFilter):
            told = Split(self._reasoning.told_apart().answer, chunk.reasoning)
        split = self._reasoning.feed(chunk.text) if self._reasoning else Split(chunk.text)
        split = Split(told.answer + split.answer, told.reasoning + split.reasoning)
        hidden = not self._shows_reasoning and not split.answer
        self._reply.count(replace(chunk, logprobs=()) if hidden else chunk)
        yield from self._show(split)

    def finish(self) -> Iterator[Thought | Text]:
        """Yield what was held back, and set the reply's sources."""
        if self._reasoning:
            cut = self._reply.finish_reason == "length"
            yield from self._show(self._reasoning.finish(cut=cut))
        yield from self._settle()
        self._reply.citations = self.check.citations()

    def _show(self, split: Split) -> Iterator[Thought | Text]:
        if split.reasoning and self._shows_reasoning:
            yield self._reply.think(split.reasoning)
        if text := self.check.feed(split.answer):
            yield self._reply.add(text, self._part)

    def _settle(self) -> Iterator[Text]:
        """Yield what the check still held back of the present part."""
        if text := self.check.finish():
            yield self._reply.add(text, self._part)


def _reasoning_filter(question: Question, start: ReasoningStart | None) -> ReasoningFilter:
    """Return the filter of an answer; one that follows a schema is no reasoning."""
    if start is None or question.sampling.json_schema is not None:
        return ReasoningFilter()
    return LearningReasoningFilter(start)


async def _slot_wait(job: Job | None, size: Size, slots: int) -> AsyncGenerator[Queued]:
    """Yield until one of the engine's `slots` is the job's."""
    if job is None:
        return
    job.mark_ready(size, slots)
    while not await job.wait_for_slot(timeout_s=QUEUED_EVERY_S):
        wait = job.estimate()
        yield Queued(wait.position, wait.wait_s)
