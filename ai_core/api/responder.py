"""One answer over HTTP: limits, cached reply, idempotency, disconnection, JSON or events."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from dataclasses import replace
from http import HTTPStatus
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from ai_core.access.gate import Caller, Gate, Permit
from ai_core.access.idempotency import Idempotency, StoredResponse
from ai_core.access.keys import Scope
from ai_core.answering.answer_line import AnswerLine
from ai_core.answering.cache import AnswerCache, open_cached
from ai_core.answering.events import Done, Events, collect, collect_all
from ai_core.answering.pipeline import AnswerPipeline
from ai_core.answering.recording import AnswerRecorder
from ai_core.answering.request import ResolvedRequest, TokenMeter, new_answer_id
from ai_core.api.admission import Admitted
from ai_core.api.direct_routes import release_slot
from ai_core.api.response_formats import (
    API_SERIALIZER,
    ChoicesSerializer,
    ResponseSerializer,
    cached_body,
    uncached_body,
)
from ai_core.api.sse import AnswerStream, ChoicesStream, disconnected, log_fields
from ai_core.metrics import CHANNELS, PAGE_CHANNELS, QuestionMetrics
from shared.clock import Clock
from shared.errors import AppError
from shared.texts import Texts
from shared.web.middleware import header_value
from shared.web.problems import InvalidFields

NO_STORE = {"Cache-Control": "no-store"}
REPLAYED = NO_STORE | {"Idempotent-Replayed": "true"}
CLIENT_CLOSED_REQUEST = 499  # nginx's status for a closed connection
T = TypeVar("T")


class ClientDisconnected(Exception):
    """The client closed the connection before the response."""


class Responder:
    """Sends one answer per request: JSON, or server-sent events."""

    def __init__(
        self,
        pipeline: AnswerPipeline,
        gate: Gate,
        cache: AnswerCache,
        idempotency: Idempotency,
        metrics: QuestionMetrics,
        recorder: AnswerRecorder,
        texts: Texts,
        clock: Clock,
    ) -> None:
        self._pipeline = pipeline
        self._gate = gate
        self._cache = cache
        self._idempotency = idempotency
        self._metrics = metrics
        self._recorder = recorder
        self._texts = texts
        self._clock = clock

    async def send(
        self,
        request: Request,
        admitted: Admitted[Any],
        resolved: ResolvedRequest,
        serializer: ResponseSerializer = API_SERIALIZER,
        *,
        stream: bool,
    ) -> Response:
        """Answer one request in the format of `serializer`; see `_send`."""
        cached_as = resolved.cache_key.name if resolved.cache_key else None
        admitted.permit.price(resolved.cost_tokens, cached_as)

        async def body() -> bytes:
            return await self._body(request, admitted.permit, resolved, serializer)

        def events() -> Response:
            return self._stream(request, admitted.permit, resolved, serializer)

        return await self._send(request, admitted, body, events, stream=stream)

    async def send_choices(
        self,
        request: Request,
        admitted: Admitted[Any],
        resolved: ResolvedRequest,
        serializer: ChoicesSerializer,
        choices: int,
        *,
        stream: bool,
    ) -> Response:
        """Answer one request several times, with seeds of their own, and none from the cache."""
        each = [_choice(resolved, at) for at in range(choices)]
        permit = admitted.permit
        permit.price(sum(one.cost_tokens for one in each), None)

        def events_of(one: ResolvedRequest) -> Events:
            return self.events(request, permit, one, live=stream)

        async def body() -> bytes:
            release_slot(request)
            answers = collect_all([events_of(one) for one in each])
            try:
                done = await while_connected(request, answers)
            except BaseException:
                permit.spend(sum(one.spent_tokens for one in each))
                raise
            permit.spend(sum(one.reply.tokens_used for one in done))
            request.scope["state"]["log_facts"] = log_fields(done[0].reply)
            return serializer.choices_body(done)

        def events() -> Response:
            return ChoicesStream(permit, each, events_of, serializer, self._texts)

        return await self._send(request, admitted, body, events, stream=stream)

    async def _send(
        self,
        request: Request,
        admitted: Admitted[Any],
        body: Callable[[], Awaitable[bytes]],
        events: Callable[[], Response],
        *,
        stream: bool,
    ) -> Response:
        """Return the whole body, or the stream of events.

        With an Idempotency-Key, which a stream cannot have, a repeated request gets the stored
        answer.
        """
        idempotency_key = header_value(request.scope, b"idempotency-key")
        permit = admitted.permit
        if stream:
            if idempotency_key is not None:
                raise InvalidFields([{"type": "not_with_stream", "loc": ("Idempotency-Key",)}])
            return events()

        async def respond() -> StoredResponse:
            return StoredResponse(HTTPStatus.OK, await body())

        try:
            async with permit:
                if idempotency_key is None:
                    stored = await respond()
                else:
                    permit.spend(0)  # a repeated answer takes no tokens
                    content = request.url.path.encode() + b"\n" + admitted.content
                    stored = await self._idempotency.run_once(
                        permit.caller.subject, idempotency_key, content, respond
                    )
        except ClientDisconnected:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        headers = REPLAYED if stored.replayed else NO_STORE
        return Response(stored.body, stored.status, headers, "application/json")

    def events(
        self, request: Request, permit: Permit, resolved: ResolvedRequest, *, live: bool
    ) -> Events:
        """Return the events of an answer, cached or written; its question is counted."""
        self._count(request, permit, resolved)
        cached_reply = cached_reply_of(permit, resolved)
        if cached_reply is not None:
            events = self._pipeline.replay(resolved, cached_reply)
        else:
            events = self._pipeline.run(resolved, live=live)
        return self._recorded(events, resolved, channel_of(request, permit.caller))

    @property
    def line(self) -> AnswerLine:
        """The line of the answers that code writes."""
        return self._pipeline.line

    def sources_heading(self, resolved: ResolvedRequest) -> str:
        """Return the line above the sources of an answer."""
        return self._texts.say("sources", resolved.question.language)

    def _stream(
        self,
        request: Request,
        permit: Permit,
        resolved: ResolvedRequest,
        serializer: ResponseSerializer,
    ) -> Response:
        def events(permit: Permit) -> Events:
            return self.events(request, permit, resolved, live=True)

        return AnswerStream(permit, resolved, events, serializer, self._texts)

    async def _body(
        self,
        request: Request,
        permit: Permit,
        resolved: ResolvedRequest,
        serializer: ResponseSerializer,
    ) -> bytes:
        """Return the body of a whole answer.

        A cached one is sent without parsing, unless a conversation or another format needs it
        parsed.
        """
        cached_reply = cached_reply_of(permit, resolved)
        if cached_reply and serializer is API_SERIALIZER and not resolved.conversation:
            self._count(request, permit, resolved)
            permit.spend(0)
            request.scope["state"]["log_facts"] = {"model": resolved.card.id, "cached": True}
            self._recorder.cached(resolved, channel_of(request, permit.caller), cached_reply)
            return self._cached_body(cached_reply, permit.caller, resolved)
        if cached_reply is None:
            release_slot(request)
        answer = collect(self.events(request, permit, resolved, live=False))
        try:
            done = await (answer if cached_reply else while_connected(request, answer))
        except BaseException:
            permit.spend(resolved.spent_tokens)
            raise
        permit.spend(0 if done.reply.cached else done.reply.tokens_used)
        request.scope["state"]["log_facts"] = log_fields(done.reply)
        return serializer.body(done if permit.caller.sees_cache else done.without_cache(), resolved)

    def _cached_body(self, cached_reply: bytes, caller: Caller, resolved: ResolvedRequest) -> bytes:
        now, elapsed_s = self._clock.now(), self._clock.elapsed_s() - resolved.started_s
        if caller.sees_cache:
            return cached_body(cached_reply, now, elapsed_s, resolved.answer_id)
        return uncached_body(cached_reply, now, resolved.answer_id)

    async def _recorded(self, events: Events, resolved: ResolvedRequest, channel: str) -> Events:
        """Name the answer, and record how it ended."""
        recorder, ended = self._recorder, False
        try:
            async with aclosing(events):
                async for event in events:
                    if isinstance(event, Done):
                        ended = True
                        recorder.answered(resolved, channel, event.reply)
                        yield event.named(resolved.answer_id)
                    else:
                        yield event
        except (GeneratorExit, asyncio.CancelledError):
            if not ended:
                recorder.stopped(resolved, channel)
            raise
        except BaseException as error:
            known = error if isinstance(error, AppError) else AppError()
            recorder.failed(resolved, channel, known.code)
            raise

    def _count(self, request: Request, permit: Permit, resolved: ResolvedRequest) -> None:
        if resolved.cache_key:
            self._cache.count_lookup(hit=permit.cached_reply is not None)
        question = resolved.question
        channel = channel_of(request, permit.caller)
        self._metrics.count(channel, question.language, first=not question.history)


def cached_reply_of(permit: Permit, resolved: ResolvedRequest) -> bytes | None:
    """Return the cached answer's body, decrypted, or None when there is none."""
    if permit.cached_reply is None or resolved.cache_key is None:
        return None
    return open_cached(resolved.cache_key, permit.cached_reply)


def channel_of(request: Request, caller: Caller) -> str:
    """Return a question's channel; `page` or `api` where the client names none of its own."""
    publishable = caller.scope is Scope.PUBLISHABLE
    known, otherwise = (PAGE_CHANNELS, "page") if publishable else (CHANNELS, "api")
    channel = header_value(request.scope, b"x-channel")
    return channel if channel in known else otherwise


async def while_connected(request: Request, work: Coroutine[object, object, T]) -> T:
    """Return what `work` returns; cancel it when the client disconnects first.

    Raises ClientDisconnected then.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(disconnected(request.receive))
    try:
        await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnected
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.wait([working, leaving])


def _choice(resolved: ResolvedRequest, at: int) -> ResolvedRequest:
    """Return a request as one of several of its kind: nothing of it is cached or shared."""
    question = resolved.question
    sampling = replace(question.sampling, seed=(question.sampling.seed + at) % 2**31)
    question = replace(question, sampling=sampling)
    fallback = resolved.fallback and replace(resolved.fallback, cache_key=None, meter=TokenMeter())
    return replace(
        resolved,
        question=question,
        cache_key=None,
        fallback=fallback,
        meter=TokenMeter(),
        answer_id=new_answer_id(),
    )
