"""One answer over HTTP: the permit, the repeated request, the hung-up client, JSON or events."""

import asyncio
from collections.abc import Coroutine
from http import HTTPStatus
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from ai_core.access.gate import Caller, Gate, Permit
from ai_core.access.idempotency import Idempotency, StoredResponse
from ai_core.access.keys import Scope
from ai_core.answering.cache import AnswerCache
from ai_core.answering.pipeline import Answerer, Pieces, Reply
from ai_core.answering.request import Inquiry
from ai_core.api.direct_routes import release_slot
from ai_core.api.response_formats import OWN, Dialect
from ai_core.api.sse import AnswerStream, disconnected
from ai_core.metrics import CHANNELS, QuestionMetrics
from shared.errors import BadInput
from shared.texts import Texts
from shared.web.middleware import header_value

NO_STORE = {"Cache-Control": "no-store"}
REPLAYED = NO_STORE | {"Idempotent-Replayed": "true"}
CLIENT_HUNG_UP = 499  # nginx's status for it; nobody is there to read it
T = TypeVar("T")


class HungUp(Exception):
    """The client is gone before its answer."""


class Desk:
    """Sends answers."""

    def __init__(
        self,
        answerer: Answerer,
        gate: Gate,
        cache: AnswerCache,
        idempotency: Idempotency,
        metrics: QuestionMetrics,
        texts: Texts,
    ) -> None:
        self._answerer = answerer
        self._gate = gate
        self._cache = cache
        self._idempotency = idempotency
        self._metrics = metrics
        self._texts = texts

    async def send(
        self,
        request: Request,
        caller: Caller,
        inquiry: Inquiry,
        *,
        stream: bool,
        dialect: Dialect = OWN,
    ) -> Response:
        """Answer one request, in the words of `dialect`.

        With an Idempotency-Key, which a stream cannot have, the same request gets the same answer.
        """
        idempotency_key = header_value(request.scope, b"idempotency-key")
        if stream:
            if idempotency_key is not None:
                raise BadInput("a stream cannot be repeated")
            return self._stream(request, caller, inquiry, dialect)

        try:
            async with self._permit(request, caller, inquiry) as permit:
                outcome = await self._outcome(request, permit, inquiry, dialect, idempotency_key)
        except HungUp:
            return Response(status_code=CLIENT_HUNG_UP)
        headers = REPLAYED if outcome.replayed else NO_STORE
        return Response(outcome.body, outcome.status, headers, "application/json")

    def sources_heading(self, inquiry: Inquiry) -> str:
        """Return the line above the sources of an answer."""
        return self._texts.say("sources", inquiry.question.language)

    async def _outcome(
        self,
        request: Request,
        permit: Permit,
        inquiry: Inquiry,
        dialect: Dialect,
        idempotency_key: str | None,
    ) -> StoredResponse:
        async def write() -> StoredResponse:
            reply = await self._reply(request, permit, inquiry)
            return StoredResponse(HTTPStatus.OK, dialect.whole(reply.body))

        if idempotency_key is None:
            return await write()
        permit.spend(0)  # an answer that is repeated takes no tokens
        content = request.url.path.encode() + b"\n" + await request.body()
        return await self._idempotency.run_once(
            permit.caller.subject, idempotency_key, content, write
        )

    def _stream(
        self, request: Request, caller: Caller, inquiry: Inquiry, dialect: Dialect
    ) -> Response:
        def pieces(permit: Permit) -> Pieces:
            self._saw(request, inquiry, permit)
            return self._answerer.stream(inquiry, permit.cached_reply)

        permit = self._permit(request, caller, inquiry)
        return AnswerStream(permit, inquiry, pieces, dialect, self._texts)

    async def _reply(self, request: Request, permit: Permit, inquiry: Inquiry) -> Reply:
        self._saw(request, inquiry, permit)
        if permit.cached_reply is None and not inquiry.card.extractive:
            release_slot(request)
        answer = self._answerer.reply(inquiry, permit.cached_reply)
        reply = await (answer if permit.cached_reply else while_connected(request, answer))
        permit.spend(reply.tokens)
        request.scope["state"]["log_facts"] = reply.facts
        return reply

    def _permit(self, request: Request, caller: Caller, inquiry: Inquiry) -> Permit:
        return self._gate.admit(
            request,
            caller,
            cost_tokens=inquiry.cost_tokens,
            cache_key=inquiry.cache_key,
        )

    def _saw(self, request: Request, inquiry: Inquiry, permit: Permit) -> None:
        if inquiry.cache_key:
            self._cache.saw(permit.cached_reply)
        question = inquiry.question
        channel = channel_of(request, permit.caller)
        self._metrics.count(channel, question.language, first=not question.earlier)


def channel_of(request: Request, caller: Caller) -> str:
    """Return where a question comes from: page, telegram, mail, or api for every other client."""
    if caller.scope is Scope.PUBLISHABLE:
        return "page"
    said = header_value(request.scope, b"x-channel")
    return said if said in CHANNELS else "api"


async def while_connected(request: Request, work: Coroutine[object, object, T]) -> T:
    """Return what `work` returns; give it up and raise HungUp when the client hangs up first."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(disconnected(request.receive))
    try:
        await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise HungUp
        return working.result()
    finally:
        working.cancel()
        leaving.cancel()
        await asyncio.wait([working, leaving])
