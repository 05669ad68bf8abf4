"""A question in, an answer out: the one thing this service is for.

The story: the question, made safe → the cache → a courtesy, or the passages → a refusal, or the
prompt → a slot → the engine → the citations, checked → the closing lines → the reply. `reply`
tells it whole, `stream` piece by piece.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal

from opentelemetry.trace import Tracer

from ai_core.answering.abstention import Abstentions
from ai_core.answering.cache import AnswerCache, complete, strip
from ai_core.answering.citations import CitationFilter
from ai_core.answering.clarification import Rule, clarify
from ai_core.answering.conversations import Conversations
from ai_core.answering.generation import Dictation
from ai_core.answering.output_checks import Check, JsonCheck, NoCheck
from ai_core.answering.prompts import subject_of
from ai_core.answering.request import Inquiry
from ai_core.answering.wording import Closing, Wording
from ai_core.engines.base import ChatMessage, Prompt, TextChunk, TokenLogprob
from ai_core.errors import EngineFailed
from ai_core.law.records import Found, Scope
from ai_core.law.source import LawSource
from ai_core.metrics import AnswerMetrics, topic_of
from ai_core.models.scheduler import Job, WaitEstimate
from shared.ai.contract import Abstention, Citation, GenerateReply, LikelyToken, WrittenToken
from shared.clock import Clock
from shared.errors import Unavailable
from shared.web.tracing import NO_TRACER

PASSAGES = 16
UNGROUNDED = Found(passages=(), scope=Scope.UNCLEAR)
Pieces = AsyncGenerator[str | WaitEstimate | GenerateReply]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer ready to send: `body` is the JSON of a GenerateReply or ChatReply.

    `facts` is what a log line may say of it: never its text.
    """

    body: bytes
    tokens: int
    facts: dict[str, str | int | bool | None]


@dataclass(slots=True)
class Draft:
    """An answer while it is written."""

    text: list[str] = field(default_factory=list)
    prompt_tokens: int = 0
    reused_tokens: int = 0
    completion_tokens: int = 0
    citations: list[Citation] = field(default_factory=list)
    logprobs: list[WrittenToken] | None = None
    abstained: Abstention | None = None
    clarification: str | None = None
    end: str = "answered"
    finish_reason: Literal["stop", "length"] = "stop"

    def take(self, piece: TextChunk) -> None:
        """Count what a piece took."""
        self.prompt_tokens += piece.prompt_tokens
        self.reused_tokens += piece.cached_tokens
        self.completion_tokens += piece.tokens
        self.finish_reason = piece.finish_reason or self.finish_reason
        if self.logprobs is not None:
            self.logprobs += map(_written, piece.logprobs)


@dataclass(frozen=True, slots=True)
class Sources:
    """What answers rest on, and what they are worded with."""

    library: LawSource
    abstentions: Abstentions
    clarifications: tuple[Rule, ...]
    wording: Wording


class Answerer:
    """Writes answers."""

    def __init__(
        self,
        sources: Sources,
        dictation: Dictation,
        cache: AnswerCache,
        conversations: Conversations,
        metrics: AnswerMetrics,
        clock: Clock,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        self._tracer = tracer
        self._library = sources.library
        self._abstentions = sources.abstentions
        self._clarifications = sources.clarifications
        self._wording = sources.wording
        self._dictation = dictation
        self._cache = cache
        self._conversations = conversations
        self._metrics = metrics
        self._clock = clock

    async def reply(self, inquiry: Inquiry, cached: bytes | None = None) -> Reply:
        """Answer whole; `cached` is the body kept for this question, if there is one."""
        if cached is not None and not inquiry.conversation:
            body = self._complete(inquiry, cached, cached=True)
            return Reply(body, 0, {"model": inquiry.card.id, "cached": True})
        body = cached if cached is not None else await self._body(inquiry)
        reply = GenerateReply.model_validate_json(
            self._complete(inquiry, body, cached=cached is not None, named=False)
        )
        await self._remember(inquiry, reply.response)
        done = self._complete(inquiry, body, cached=reply.cached)
        return Reply(done, 0 if reply.cached else reply.tokens_used, log_facts(reply))

    async def stream(self, inquiry: Inquiry, cached: bytes | None = None) -> Pieces:
        """Answer piece by piece; the last thing is the whole reply.

        The fallback answers instead while nothing of the answer was given out.
        """
        begun = False
        try:
            async with aclosing(self._stream(inquiry, cached)) as pieces:
                async for piece in pieces:
                    begun = begun or not isinstance(piece, WaitEstimate)
                    yield piece
        except Unavailable:
            if begun or inquiry.fallback is None:
                raise
        else:
            return
        self._metrics.degraded.labels(inquiry.card.id).inc()
        async with aclosing(self._stream(inquiry.fallback)) as pieces:
            async for piece in pieces:
                yield piece

    async def _stream(self, inquiry: Inquiry, cached: bytes | None = None) -> Pieces:
        """Answer piece by piece.

        An engine that only quotes is quicker than its reader: its answer is written whole, once
        for all who ask the same at the same time, then given out.
        """
        if cached is not None or inquiry.card.extractive:
            body = cached if cached is not None else await self._once(inquiry)
            complete_body = self._complete(inquiry, body, cached=cached is not None, named=False)
            reply = GenerateReply.model_validate_json(complete_body)
            for line in reply.response.splitlines(keepends=True):
                yield line
        else:
            async with aclosing(self._write(inquiry)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, GenerateReply):
                        reply = piece
                    else:
                        yield piece
            if inquiry.cache_key:
                await self._cache.put(inquiry.cache_key, strip(reply))
        await self._remember(inquiry, reply.response)
        yield reply

    async def _body(self, inquiry: Inquiry) -> bytes:
        try:
            return await self._once(inquiry)
        except Unavailable:
            if inquiry.fallback is None:
                raise
        self._metrics.degraded.labels(inquiry.card.id).inc()
        return await self._once(inquiry.fallback)

    async def _once(self, inquiry: Inquiry) -> bytes:
        """Write an answer once for all who ask the same now, unless it has a deadline of its own:
        nobody is refused because somebody else is in a hurry.
        """

        async def write() -> bytes:
            try:
                return await told()
            except EngineFailed:
                if inquiry.card.format != "remote":
                    raise
            return await told()  # by another server: nobody has read the beginning

        async def told() -> bytes:
            async with aclosing(self._write(inquiry)) as pieces:
                replies = [piece async for piece in pieces if isinstance(piece, GenerateReply)]
            return strip(replies[-1])

        if inquiry.cache_key is None:
            return await write()
        if inquiry.deadline_s is not None and not inquiry.card.extractive:
            body = await write()
            await self._cache.put(inquiry.cache_key, body)
            return body
        return await self._cache.once(inquiry.cache_key, write, published=inquiry.card.extractive)

    async def _write(self, inquiry: Inquiry) -> Pieces:
        """Tell the story; yields the pieces of the answer, then the reply."""
        draft = Draft(logprobs=None if inquiry.question.sampling.top_logprobs is None else [])
        model = inquiry.card.id
        async with aclosing(self._pieces(inquiry, draft)) as pieces:
            async for piece in pieces:
                if isinstance(piece, WaitEstimate):
                    yield piece
                    continue
                if not piece:
                    continue
                if not draft.text:
                    waited_s = self._clock.elapsed_s() - inquiry.started_s
                    self._metrics.first_token.labels(model).observe(waited_s)
                draft.text.append(piece)
                yield piece
        yield self._reply(inquiry, draft)

    async def _pieces(self, inquiry: Inquiry, draft: Draft) -> AsyncGenerator[str | WaitEstimate]:
        question, language = inquiry.question, inquiry.question.language
        courtesy = None if question.plain else self._wording.courtesy(question.text, language)
        if courtesy:
            draft.end = "courtesy"
            yield courtesy
            return
        with self._dictation.place(inquiry) as job:
            found = await self._found(inquiry)
            refusal = self._abstentions.judge(found, language) if question.grounded else None
            if refusal is None:
                if question.grounded:
                    self._metrics.topics.labels(topic_of(found)).inc()
                with self._tracer.start_span("engine"):
                    async with aclosing(self._written(inquiry, found, draft, job)) as pieces:
                        async for piece in pieces:
                            yield piece
        if question.grounded and inquiry.card.extractive and not (refusal or draft.citations):
            refusal = self._abstentions.nothing_found(language)
        if refusal:
            draft.abstained, draft.end = refusal.abstained, refusal.abstained.reason
            yield refusal.sentence
        elif not (question.plain or question.sampling.json_schema):
            yield f"\n\n{self._closing(inquiry, found, draft)}"

    async def _found(self, inquiry: Inquiry) -> Found:
        question = inquiry.question
        if not question.grounded:
            return UNGROUNDED
        with self._tracer.start_span("search"), self._metrics.search.time():
            return await self._library.search(
                subject_of(question),
                limit=PASSAGES,
                agreement=question.agreement,
                as_of=inquiry.day,
            )

    async def _written(
        self, inquiry: Inquiry, found: Found, draft: Draft, job: Job | None
    ) -> AsyncGenerator[str | WaitEstimate]:
        """Let the model write, and let through what holds."""
        check: Check = NoCheck()
        async with aclosing(self._dictation.pieces(inquiry, found, job)) as pieces:
            async for piece in pieces:
                match piece:
                    case Prompt():
                        check = self._check(inquiry, piece)
                    case WaitEstimate():
                        yield piece
                    case TextChunk():
                        draft.take(piece)
                        yield check.feed(piece.text)
        yield check.finish()
        draft.citations = check.citations()
        self._metrics.removed.labels(inquiry.card.id).inc(check.removed)

    def _check(self, inquiry: Inquiry, prompt: Prompt) -> Check:
        if inquiry.question.plain:
            return NoCheck()
        unverified = self._wording.unverified(inquiry.question.language)
        prose = CitationFilter(prompt.passages, inquiry.day, unverified)
        return JsonCheck(prose) if inquiry.question.sampling.json_schema else prose

    def _closing(self, inquiry: Inquiry, found: Found, draft: Draft) -> str:
        question = inquiry.question
        if question.grounded and not found.exact:
            said = [turn.content for turn in question.earlier if turn.role == "user"]
            draft.clarification = clarify(
                self._clarifications, subject_of(question), said, question.language
            )
        closing = Closing(draft.clarification, inquiry.law_date, question.as_of, found.missing)
        return self._wording.close(closing, question.language)

    def _reply(self, inquiry: Inquiry, draft: Draft) -> GenerateReply:
        model = inquiry.card.id
        elapsed_s = self._clock.elapsed_s() - inquiry.started_s
        self._metrics.whole.labels(model).observe(elapsed_s)
        self._metrics.answers.labels(model, draft.end).inc()
        self._metrics.read.labels(model).inc(draft.prompt_tokens)
        self._metrics.reused.labels(model).inc(draft.reused_tokens)
        self._metrics.written.labels(model).inc(draft.completion_tokens)
        if draft.abstained:
            self._metrics.abstentions.labels(draft.abstained.reason).inc()
        return GenerateReply(
            response="".join(draft.text),
            model=model,
            tokens_used=draft.prompt_tokens + draft.completion_tokens,
            prompt_tokens=draft.prompt_tokens,
            completion_tokens=draft.completion_tokens,
            finish_reason=draft.finish_reason,
            logprobs=draft.logprobs,
            processing_time=elapsed_s,
            timestamp=self._clock.now(),
            citations=draft.citations,
            abstained=draft.abstained,
            clarification=draft.clarification,
            corpus_date=inquiry.law_date,
            notice=self._wording.notice(inquiry.question.language),
        )

    def _complete(
        self, inquiry: Inquiry, body: bytes, *, cached: bool, named: bool = True
    ) -> bytes:
        conversation = inquiry.conversation if named else None
        return complete(
            body,
            cached=cached,
            processing_time_s=self._clock.elapsed_s() - inquiry.started_s,
            now=self._clock.now(),
            conversation_id=conversation.id if conversation else None,
        )

    async def _remember(self, inquiry: Inquiry, response: str) -> None:
        conversation = inquiry.conversation
        if conversation:
            turns = (ChatMessage("user", inquiry.question.text), ChatMessage("assistant", response))
            await self._conversations.add(conversation.id, conversation.owner, turns)


def log_facts(reply: GenerateReply) -> dict[str, str | int | bool | None]:
    """Return what the request's log line says of an answer: never its text."""
    return {
        "model": reply.model,
        "cached": reply.cached,
        "citations": len(reply.citations),
        "abstained": reply.abstained.reason if reply.abstained else None,
        "tokens": reply.tokens_used,
    }


def _written(token: TokenLogprob) -> WrittenToken:
    top = [LikelyToken(token=text, logprob=logprob) for text, logprob in token.top]
    return WrittenToken(token=token.token, logprob=token.logprob, top=top)
