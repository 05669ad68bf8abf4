"""Answers sent as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

    event: queue                   every two seconds while the answer waits for a slot
    data: {"delta": "…"}           the next piece of the answer
    event: citations               the list of sources
    event: usage                   every other field of a whole reply
    data: [DONE]
    event: error                   instead of the last three, for an error after the first event

An error before the first event is an ordinary problem document. Comments keep the connection open
while the model generates nothing. When the client disconnects, or stops reading, the engine is
stopped.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ai_core.access.gate import Permit
from ai_core.answering.events import (
    Called,
    Done,
    Events,
    Queued,
    Text,
    Thought,
    interleaved,
)
from ai_core.answering.request import ResolvedRequest
from ai_core.api.response_formats import ChoicesSerializer, ResponseSerializer
from shared.ai.contract import GenerateReply
from shared.errors import AppError
from shared.texts import Texts

KEEP_ALIVE_S = 15.0
SEND_TIMEOUT_S = 30.0
"""A client that reads nothing for so long is gone: its answer holds a place others wait for."""
WATCH_EVERY_S = 1.0
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def disconnected(receive: Receive) -> None:
    """Return once the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass


class AnswerStream(Response):
    """The events of one answer, sent while its permit is held."""

    media_type = "text/event-stream"

    def __init__(
        self,
        permit: Permit,
        resolved: ResolvedRequest,
        events: Callable[[Permit], Events],
        serializer: ResponseSerializer,
        texts: Texts,
    ) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._permit = permit
        self._resolved = resolved
        self._events = events
        self._serializer = serializer
        self._texts = texts
        self._started = False
        self._sent_s = time.monotonic()
        self._sending = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until the last one, or until the client disconnects."""
        writing = asyncio.create_task(self._write(scope, send))
        tasks = [
            writing,
            asyncio.create_task(disconnected(receive)),
            asyncio.create_task(self._watch(send)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._permit.leave()  # entered before, and the answer was never begun
        if not writing.cancelled():
            writing.result()

    async def _write(self, scope: Scope, send: Send) -> None:
        try:
            await self._answer(scope, send)
        except Exception as error:
            if not self._started:
                raise
            await self._fail(scope, send, error)
            if not isinstance(error, AppError):
                raise  # a bug: the edge logs it
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _answer(self, scope: Scope, send: Send) -> None:
        async with self._permit as permit:
            try:
                await self._send_events(permit, scope, send)
            except BaseException:
                permit.spend(self._resolved.spent_tokens)
                raise

    async def _send_events(self, permit: Permit, scope: Scope, send: Send) -> None:
        async with aclosing(self._events(permit)) as events:
            live = False
            async for event in events:
                match event:
                    case Queued():
                        await self._send(send, self._serializer.queued(event))
                    case Text() | Thought() | Called():
                        if body := self._piece(event, self._serializer):
                            live = True
                            await self._send(send, body)
                    case Done():
                        for line in () if live else event.lines():
                            await self._send(send, self._serializer.text(line))
                        permit.spend(0 if event.reply.cached else event.reply.tokens_used)
                        scope["state"]["log_facts"] = log_fields(event.reply)
                        done = event if permit.caller.sees_cache else event.without_cache()
                        await self._send(send, self._serializer.done(done, self._resolved))

    @staticmethod
    def _piece(event: Text | Thought | Called, serializer: ResponseSerializer) -> bytes:
        match event:
            case Text():
                return serializer.text(event.text)
            case Thought():
                return serializer.thought(event.text)
            case Called():
                return serializer.called(event)

    async def _send(self, send: Send, body: bytes) -> None:
        """Send some events; `_watch` ends the stream when that takes too long."""
        if not self._started:
            self._started = True
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        self._sent_s = time.monotonic()
        self._sending += 1
        try:
            await send({"type": "http.response.body", "body": body, "more_body": True})
        finally:
            self._sending -= 1

    async def _fail(self, scope: Scope, send: Send, error: Exception) -> None:
        known = error if isinstance(error, AppError) else AppError()
        language, request_id = self._resolved.question.language, scope["state"]["request_id"]
        await self._send(send, self._serializer.error(known, self._texts, language, request_id))

    async def _watch(self, send: Send) -> None:
        """Keep the connection open while nothing is written; return once the client is stalled."""
        comments: list[asyncio.Task[None]] = []
        try:
            while True:
                await asyncio.sleep(WATCH_EVERY_S)
                quiet_s = time.monotonic() - self._sent_s
                if self._sending:
                    if quiet_s >= SEND_TIMEOUT_S:
                        return
                elif quiet_s >= KEEP_ALIVE_S:
                    comments = [asyncio.create_task(self._send(send, b": still writing\n\n"))]
        finally:
            for comment in comments:
                comment.cancel()


def log_fields(reply: GenerateReply) -> dict[str, str | int | bool | None]:
    """Return the fields of an answer for the request's log line: never its text."""
    return {
        "model": reply.model,
        "cached": reply.cached,
        "citations": len(reply.citations),
        "abstained": reply.abstained.reason if reply.abstained else None,
        "tokens": reply.tokens_used,
    }


class ChoicesStream(AnswerStream):
    """The events of several answers to one question, each a choice of its own."""

    def __init__(
        self,
        permit: Permit,
        choices: Sequence[ResolvedRequest],
        events: Callable[[ResolvedRequest], Events],
        serializer: ChoicesSerializer,
        texts: Texts,
    ) -> None:
        super().__init__(permit, choices[0], lambda _: events(choices[0]), serializer, texts)
        self._choices = choices
        self._events_of = events
        self._writers = [serializer.at(at) for at in range(len(choices))]
        self._ending = serializer

    async def _send_events(self, permit: Permit, scope: Scope, send: Send) -> None:
        done: list[Done] = []
        live: set[int] = set()
        answers = interleaved([self._events_of(choice) for choice in self._choices])
        async with aclosing(answers) as events:
            async for at, event in events:
                writer = self._writers[at]
                match event:
                    case Text() | Thought() | Called():
                        live.add(at)
                        await self._send(send, self._piece(event, writer))
                    case Done():
                        lines = () if at in live else event.lines()
                        pieces = [writer.text(line) for line in lines]
                        await self._send(send, b"".join([*pieces, writer.ending(event)]))
                        done.append(event)
        permit.spend(sum(one.reply.tokens_used for one in done))
        scope["state"]["log_facts"] = log_fields(done[0].reply)
        await self._send(send, self._ending.end(done))
