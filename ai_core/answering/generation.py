"""Generation of an answer by a model: queue, engine, prompt, slot, text, checks."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import replace

from ai_core.answering.boilerplate import Boilerplate
from ai_core.answering.citations import CitationFilter
from ai_core.answering.events import Called, Queued, Text, Thought
from ai_core.answering.evidence import Evidence
from ai_core.answering.output_checks import JsonCheck, NoCheck, OutputCheck
from ai_core.answering.prompts import Prompts
from ai_core.answering.question import Question
from ai_core.answering.quoting import quote_in_turn
from ai_core.answering.reasoning import LearningReasoningFilter, ReasoningFilter, Split
from ai_core.answering.reply import ReplyBuilder
from ai_core.answering.request import ResolvedRequest, require_capabilities
from ai_core.answering.sentence_checks import SentenceCheck
from ai_core.answering.tool_calls import ToolCallReader
from ai_core.engines.base import (
    AnswerPart,
    Engine,
    Prompt,
    ReasoningStart,
    Sampling,
    TextChunk,
    ToolCall,
    ToolCallFormat,
)
from ai_core.engines.extractive.engine import ExtractiveEngine
from ai_core.law.records import Passage, SearchResult
from ai_core.metrics import AnswerMetrics, topic_of
from ai_core.models.contract import Models, QueuedJob, Queues
from ai_core.models.sizes import billion_parameters
from ai_core.models.speeds import Size
from ai_core.settings import AnswerSettings

QUEUED_EVERY_S = 2.0
QUOTED_AFTER_S = 8.0
"""Who waits longer for the model reads the law first, and the model's summary follows."""
"""How often a `Queued` event is sent while the answer waits for a slot."""


class Generation:
    """Generates answers with models."""

    def __init__(
        self,
        pool: Models,
        scheduler: Queues,
        prompts: Prompts,
        boilerplate: Boilerplate,
        metrics: AnswerMetrics,
        quoting: ExtractiveEngine,
        settings: AnswerSettings,
    ) -> None:
        self._pool = pool
        self._quoting = quoting
        self._settings = settings
        self._scheduler = scheduler
        self._prompts = prompts
        self._boilerplate = boilerplate
        self._metrics = metrics

    def enqueue(self, request: ResolvedRequest) -> AbstractAsyncContextManager[QueuedJob | None]:
        """Return a job in the model's queue; the extractive engine has no queue.

        Entering it raises QueueFull and DeadlineMissed, before anything is searched.
        """
        card = request.card
        if card.extractive:
            return nullcontext()
        return self._scheduler.entered(
            card.base or card.id, request.rate_limit_id, request.size, request.deadline_s
        )

    async def write(
        self,
        request: ResolvedRequest,
        found: SearchResult,
        reply: ReplyBuilder,
        job: QueuedJob | None,
        evidence: Sequence[Evidence] = (),
    ) -> AsyncGenerator[Queued | Thought | Text | Called]:
        """Generate into `reply`, with citations checked against the passages found.

        `evidence` is what was found for each question of a message that asks several.
        The law is quoted before a small model's text, which is then a section of its own, and in
        the place of a text of which the checks leave nothing. Raises what `ModelPool.lease`,
        `Prompts.assemble`, `Job.mark_ready`, `Job.wait_for_slot` and `Engine.stream` raise.
        """
        card, question = request.card, request.question
        if question.grounded:
            self._metrics.topics.labels(topic_of(found)).inc()
        async with self._pool.lease(card) as engine:
            require_capabilities(card.id, engine.capabilities, question, extractive=card.extractive)
            output = Output(reply, question, engine.reasoning_start, engine.capabilities.tools)
            writing = self._run(engine, request, found, output, job, evidence)
            async with aclosing(writing) as events:
                async for event in events:
                    yield event
        for event in output.finish():
            yield event
        self._metrics.removed.labels(card.id).inc(output.removed)
        if output.nothing_held and not reply.quotes_lead:
            reply.outcome = "quoted"
            sources = self._sources(request, found.passages)
            async for text in self._quote(request, found, output, sources, evidence):
                yield text

    async def _run(
        self,
        engine: Engine,
        request: ResolvedRequest,
        found: SearchResult,
        output: "Output",
        job: QueuedJob | None,
        evidence: Sequence[Evidence],
    ) -> AsyncGenerator[Queued | Thought | Text | Called]:
        """Quote the law first where the model is small, then let the engine write."""
        question, reply = request.question, output.reply
        prompts = request.variant.prompts if request.variant else self._prompts
        prompt, size = await prompts.assemble(question, found, engine)
        sampling = _sampling(question, engine, size)
        quotes_lead = self._quotes_lead(request) or _waits_long(request, job)
        reply.quotes_lead = quotes_lead
        sources = self._sources(request, found.passages if quotes_lead else prompt.passages)
        if quotes_lead:
            async for text in self._quote(request, found, output, sources, evidence):
                yield text
        output.use(self._check(request, sources, prompt), _part_of(request, quotes_lead))
        async for queued in _slot_wait(job, size, engine.slots):
            yield queued
        reply.begin(size.prompt_tokens)
        with self._metrics.open.labels(request.card.id).track_inprogress():
            quoted = evidence if request.card.extractive else ()
            async with aclosing(_stream(engine, prompt, sampling, quoted)) as chunks:
                async for chunk in chunks:
                    if job:
                        job.record_tokens(chunk.tokens, chunk.prompt_tokens)
                    for event in output.feed(chunk):
                        yield event
        if job:
            job.finish(cut=reply.finish_reason != "stop")

    def _quotes_lead(self, request: ResolvedRequest) -> bool:
        """Whether the model is too small to write the answer from the law."""
        if not _model_writes_from_law(request):
            return False
        if request.variant and request.variant.quotes_lead is not None:
            return request.variant.quotes_lead
        base = request.card.base
        parameters = billion_parameters(self._pool.card(base) if base else request.card)
        return parameters is not None and parameters < self._settings.quotes_lead_below_b

    async def _quote(
        self,
        request: ResolvedRequest,
        found: SearchResult,
        output: "Output",
        sources: CitationFilter,
        evidence: Sequence[Evidence],
    ) -> AsyncGenerator[Text]:
        """Quote the law, without a model."""
        output.use(sources)
        prompt = self._prompts.quoting(request.question, found)
        quoted = _stream(self._quoting, prompt, request.question.sampling, evidence)
        async with aclosing(quoted) as chunks:
            async for chunk in chunks:
                for text in output.show(chunk.text, chunk.part):
                    yield text
        for text in output.settle():
            yield text

    def _check(
        self, request: ResolvedRequest, sources: CitationFilter, prompt: Prompt
    ) -> OutputCheck:
        question = request.question
        if question.plain:
            return NoCheck()
        if question.sampling.json_schema:
            return JsonCheck(sources)
        if _model_writes_from_law(request) and self._settings.check_sentences:
            return SentenceCheck(sources, prompt.passages, question.text)
        return sources

    def _sources(self, request: ResolvedRequest, passages: Sequence[Passage]) -> CitationFilter:
        unverified = self._boilerplate.unverified(request.question.language)
        return CitationFilter(passages, request.day, unverified)


def _stream(
    engine: Engine, prompt: Prompt, sampling: Sampling, evidence: Sequence[Evidence]
) -> AsyncGenerator[TextChunk]:
    """Return the engine's chunks: of each question in turn, where `evidence` is of several."""
    if evidence:
        return quote_in_turn(engine, evidence, prompt.passages, prompt.language, sampling)
    return engine.stream(prompt, sampling)


def _sampling(question: Question, engine: Engine, size: Size) -> Sampling:
    """Return how to sample: a forced call follows a schema, unless a server sees to that."""
    sampling = replace(question.sampling, max_tokens=size.new_tokens)
    tools, use = engine.capabilities.tools, question.tool_use
    if use is None or use.schema is None or (tools and tools.native):
        return sampling
    return replace(sampling, json_schema=use.schema)


def _model_writes_from_law(request: ResolvedRequest) -> bool:
    """Whether a model writes prose from the law, which is then checked sentence by sentence."""
    question = request.question
    return (
        question.grounded
        and not (question.plain or request.card.extractive)
        and question.sampling.json_schema is None
    )


def _part_of(request: ResolvedRequest, quotes_lead: bool) -> AnswerPart | None:
    if not _model_writes_from_law(request):
        return None
    return AnswerPart.MODEL if quotes_lead else AnswerPart.SUMMARY


class Output:
    """What an engine writes, on its way into the reply: reasoning split off, the rest checked.

    Reasoning is shown for a plain question only: beside the law, what is not checked is not shown.
    A model's first paragraph is the summary, where its text is the answer; the rest are conditions.
    """

    def __init__(
        self,
        reply: ReplyBuilder,
        question: Question,
        start: ReasoningStart | None = None,
        written: ToolCallFormat | None = None,
    ) -> None:
        self._check: OutputCheck = NoCheck()
        self.reply = reply
        self._part: AnswerPart | None = None
        self._of_model: AnswerPart | None = None
        self._reasoning = None if question.raw else _reasoning_filter(question, start)
        self._shows_reasoning = not question.grounded
        use = question.tool_use
        forced_there = use is not None and written is not None and written.native
        may_call = use is not None and use.choice != "none" and not forced_there
        self._calls = ToolCallReader(use, written) if use and may_call else None

    @property
    def removed(self) -> int:
        """Return how much the check removed or replaced."""
        return self._check.removed

    @property
    def nothing_held(self) -> bool:
        """Whether a model's text was checked, and none of its sentences holds."""
        return isinstance(self._check, SentenceCheck) and not self._check.kept

    def use(self, check: OutputCheck, part: AnswerPart | None = None) -> None:
        """Check what follows with `check`; a model's text, which names no part, is `part`."""
        self._check = check
        self._of_model = part

    def feed(self, chunk: TextChunk) -> Iterator[Thought | Text | Called]:
        """Count a chunk, and yield what can be shown of it."""
        yield from self._turn_to(chunk.part or self._of_model)
        told = Split("", chunk.reasoning)
        if chunk.reasoning and isinstance(self._reasoning, LearningReasoningFilter):
            told = Split(self._reasoning.told_apart().answer, chunk.reasoning)
        split = self._reasoning.feed(chunk.text) if self._reasoning else Split(chunk.text)
        split = Split(told.answer + split.answer, told.reasoning + split.reasoning)
        hidden = not self._shows_reasoning and not split.answer
        self.reply.count(replace(chunk, logprobs=()) if hidden else chunk)
        yield from self._show(split)
        for call in chunk.tool_calls:
            yield self.reply.call(call)

    def finish(self) -> Iterator[Thought | Text | Called]:
        """Yield what was held back, and set the reply's sources."""
        if self._reasoning:
            cut = self.reply.finish_reason == "length"
            yield from self._show(self._reasoning.finish(cut=cut))
        if self._calls:
            yield from self._tell(*self._calls.finish())
        yield from self.settle()

    def show(self, text: str, part: AnswerPart | None) -> Iterator[Text]:
        """Yield what can be shown of a text that is no model's and is not counted."""
        yield from self._turn_to(part)
        yield from self._add(self._check.feed(text))

    def settle(self) -> Iterator[Text]:
        """Yield what the check still held back of the present part, and set the sources."""
        yield from self._add(self._check.finish())
        self.reply.citations = self._check.citations()

    def _turn_to(self, part: AnswerPart | None) -> Iterator[Text]:
        moved_on = self._part is AnswerPart.CONDITIONS and part is self._of_model
        if part is not self._part and not moved_on:
            yield from self.settle()
            self._part = part

    def _show(self, split: Split) -> Iterator[Thought | Text | Called]:
        if split.reasoning and self._shows_reasoning:
            yield self.reply.think(split.reasoning)
        if self._calls:
            yield from self._tell(*self._calls.feed(split.answer))
        else:
            yield from self._add(self._check.feed(split.answer))

    def _tell(self, text: str, calls: Sequence[ToolCall]) -> Iterator[Thought | Text | Called]:
        yield from self._add(self._check.feed(text))
        for call in calls:
            yield self.reply.call(call)

    def _add(self, text: str) -> Iterator[Text]:
        if self._part is AnswerPart.SUMMARY and self._of_model is AnswerPart.SUMMARY:
            text, paragraph, rest = text.partition("\n\n")
            if text:
                yield self.reply.add(text, self._part)
            if not paragraph:
                return
            self._part, text = AnswerPart.CONDITIONS, rest.lstrip("\n")
        if text:
            yield self.reply.add(text, self._part)


def _reasoning_filter(question: Question, start: ReasoningStart | None) -> ReasoningFilter:
    """Return the filter of an answer; one that follows a schema is no reasoning."""
    if start is None or question.sampling.json_schema is not None:
        return ReasoningFilter()
    return LearningReasoningFilter(start)


def _waits_long(request: ResolvedRequest, job: QueuedJob | None) -> bool:
    """Whether the model's line is so long that the law is quoted at once."""
    if job is None or not _model_writes_from_law(request):
        return False
    return (job.estimate().wait_s or 0.0) > QUOTED_AFTER_S


async def _slot_wait(job: QueuedJob | None, size: Size, slots: int) -> AsyncGenerator[Queued]:
    """Yield until one of the engine's `slots` is the job's."""
    if job is None:
        return
    job.mark_ready(size, slots)
    while not await job.wait_for_slot(timeout_s=QUEUED_EVERY_S):
        wait = job.estimate()
        yield Queued(wait.position, wait.wait_s)
