"""One question of a WebSocket connection: admitted, answered and told as frames.

    typing                         the question is admitted, and its answer under way
    queue       position, wait_s   every two seconds while it waits for a slot
    piece       delta              the next piece of the answer
    sources     citations
    suggestions suggestions        questions that may follow; clarification: what would help
    usage       usage              every other field of a whole reply
    done                           or: error with a problem document, stopped with a reason

Limits, masking, permissions and metrics are those of POST /api/v1/chat.
"""

import time
from contextlib import aclosing
from http import HTTPStatus
from typing import Any, cast

import orjson
import structlog
from starlette.requests import Request

from ai_core.access.gate import Caller, Permit
from ai_core.access.keys import Scope
from ai_core.answering.events import Done, Queued, Text, Thought
from ai_core.answering.request import Requester, ResolvedRequest
from ai_core.api.admission import admitted_content
from ai_core.api.dependencies import gate_of, resolver_of, responder_of
from ai_core.api.direct_routes import ProcessingSlot, question_of
from ai_core.api.permissions import require_permissions
from ai_core.api.response_formats import SENT_BEFORE
from ai_core.api.running_answers import RunningAnswer
from ai_core.api.sse import log_fields
from ai_core.api.websocket_frames import Ask
from ai_core.engines.extractive.engine import ExtractiveEngine
from ai_core.errors import FeatureNotAllowed
from ai_core.models.contract import Models
from shared.ai.contract import ChatRequest
from shared.distress import help_lines
from shared.errors import AppError, TooMany, Unavailable
from shared.languages import Language
from shared.texts import Texts
from shared.web.problems import problem_response

log = structlog.get_logger()


def problem(error: AppError, texts: Texts, language: Language, request_id: str) -> orjson.Fragment:
    """Return the problem document of an error."""
    return orjson.Fragment(bytes(problem_response(error, texts, language, request_id).body))


class AnswerWriter:
    """Writes the answer to one question; `request` bears the key, and the state of the app."""

    def __init__(self, request: Request, ask: Ask, language: Language, texts: Texts) -> None:
        self._request = request
        self._ask = ask
        self._language = language
        self._texts = texts
        self._id: str = request.scope["state"]["request_id"]

    async def write(self, answer: RunningAnswer) -> None:
        """Write the answer; an error is its last frame."""
        structlog.contextvars.bind_contextvars(request_id=self._id)
        started_s, status = time.perf_counter(), int(HTTPStatus.OK)
        try:
            await self._answer(answer)
        except AppError as error:
            status = error.status
            self._fail(answer, error)
        except Exception as error:
            status = AppError.status
            log.exception("unexpected error", exc_info=error)
            self._fail(answer, AppError())
        finally:
            log.info(
                "websocket answer",
                status=status if answer.ended else None,
                duration_ms=round((time.perf_counter() - started_s) * 1_000, 2),
                **self._request.scope["state"].get("log_facts", {}),
            )

    def _fail(self, answer: RunningAnswer, error: AppError) -> None:
        if isinstance(error, (TooMany, Unavailable)):
            lines = help_lines(question_of(self._ask.request), self._language)
            error.said_first = lines.sentence if lines else ""
        answer.add("error", problem=problem(error, self._texts, self._language, self._id))

    async def _answer(self, answer: RunningAnswer) -> None:
        request, ask = self._request, self._ask
        caller = await gate_of(request).identify(request, Scope.PUBLISHABLE)
        timeout_s = None if ask.deadline_ms is None else ask.deadline_ms / 1_000
        requester = Requester(self._language, caller.scope, caller.subject, timeout_s, caller.names)
        slot = request.scope["slot"] = ProcessingSlot(request.scope["state"]["concurrency"])
        content = orjson.dumps(ask.request)
        try:
            async with admitted_content(
                request, caller, content, ChatRequest, _texts, "messages"
            ) as found:
                self._require_permissions(caller, found.body)
                resolved = await resolver_of(request).resolve_chat(
                    found.body, requester, found.mask
                )
                cached_as = resolved.cache_key.name if resolved.cache_key else None
                found.permit.price(resolved.cost_tokens, cached_as)
                slot.release()
                await self._write(answer, found.permit, resolved)
        finally:
            slot.release()

    def _require_permissions(self, caller: Caller, body: ChatRequest) -> None:
        pool = cast(Models, self._request.scope["state"]["pool"])
        require_permissions(caller.key, body, (pool.default, ExtractiveEngine.name))
        if body.logprobs is not None:  # more than is kept of an answer
            raise FeatureNotAllowed(field="logprobs")

    async def _write(
        self, answer: RunningAnswer, permit: Permit, resolved: ResolvedRequest
    ) -> None:
        async with permit:
            answer.add("typing")
            try:
                await self._tell(answer, permit, resolved)
            except BaseException:
                permit.spend(resolved.spent_tokens)
                raise

    async def _tell(self, answer: RunningAnswer, permit: Permit, resolved: ResolvedRequest) -> None:
        written = responder_of(self._request).events(self._request, permit, resolved, live=True)
        async with aclosing(written) as events:
            live = False
            async for event in events:
                match event:
                    case Queued():
                        answer.add("queue", position=event.position, wait_s=event.wait_s)
                    case Text():
                        live = True
                        answer.add("piece", delta=event.text)
                    case Thought():
                        pass  # the reasoning is in the usage frame
                    case Done():
                        for line in () if live else event.lines():
                            answer.add("piece", delta=line)
                        permit.spend(0 if event.reply.cached else event.reply.tokens_used)
                        self._request.scope["state"]["log_facts"] = log_fields(event.reply)
                        done = event if permit.caller.sees_cache else event.without_cache()
                        self._conclude(answer, done, resolved)

    def _conclude(self, answer: RunningAnswer, done: Done, resolved: ResolvedRequest) -> None:
        usage: dict[str, Any] = done.reply.model_dump(mode="json", exclude=SENT_BEFORE)
        if resolved.conversation:
            usage["conversation_id"] = resolved.conversation.id
        told = {name: usage.pop(name) for name in ("suggestions", "clarification")}
        citations = [citation.model_dump(mode="json") for citation in done.reply.citations]
        answer.add("sources", citations=citations)
        answer.add("suggestions", **told)
        answer.add("usage", usage=usage)
        answer.add("done")


def _texts(body: ChatRequest) -> list[str]:
    return [message.content for message in body.messages]
