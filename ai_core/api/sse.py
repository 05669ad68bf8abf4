"""Answers sent as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

    event: queue                   from time to time while others are before it
    data: {"delta": "…"}           the answer, piece by piece
    event: citations               the list of sources
    event: usage                   everything else a whole reply holds
    data: [DONE]
    event: error                   instead of these, when it goes wrong after the beginning

What goes wrong before the first event is an ordinary problem document. A comment keeps the line
open while the model thinks. When the client hangs up, the engine is stopped.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ai_core.access.gate import Permit
from ai_core.answering.pipeline import Pieces, log_facts
from ai_core.answering.request import Inquiry
from ai_core.api.response_formats import Dialect
from ai_core.models.scheduler import WaitEstimate
from shared.ai.contract import GenerateReply
from shared.errors import AppError
from shared.texts import Texts

KEEP_ALIVE_S = 15.0
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


async def disconnected(receive: Receive) -> None:
    """Return once the client has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass


class AnswerStream(Response):
    """The events of one answer, under the caller's permit."""

    media_type = "text/event-stream"

    def __init__(
        self,
        permit: Permit,
        inquiry: Inquiry,
        pieces: Callable[[Permit], Pieces],
        dialect: Dialect,
        texts: Texts,
    ) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._permit = permit
        self._inquiry = inquiry
        self._pieces = pieces
        self._dialect = dialect
        self._texts = texts
        self._started = False
        self._sent_s = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until the last one, or until the client hangs up."""
        writing = asyncio.create_task(self._write(scope, send))
        others = [
            asyncio.create_task(disconnected(receive)),
            asyncio.create_task(self._keep_alive(send)),
        ]
        try:
            await asyncio.wait([writing, others[0]], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, *others):
                task.cancel()
            await asyncio.wait([writing, *others])
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
        async with self._permit as permit, aclosing(self._pieces(permit)) as pieces:
            async for piece in pieces:
                if isinstance(piece, GenerateReply):
                    permit.spend(0 if piece.cached else piece.tokens_used)
                    await self._end(scope, send, piece)
                elif isinstance(piece, WaitEstimate):
                    await self._send(send, self._dialect.waiting(piece))
                else:
                    await self._send(send, self._dialect.delta(piece))

    async def _send(self, send: Send, body: bytes) -> None:
        if not self._started:
            self._started = True
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        self._sent_s = time.monotonic()
        await send({"type": "http.response.body", "body": body, "more_body": True})

    async def _end(self, scope: Scope, send: Send, reply: GenerateReply) -> None:
        scope["state"]["log_facts"] = log_facts(reply)
        await self._send(send, self._dialect.end(reply, self._inquiry))

    async def _fail(self, scope: Scope, send: Send, error: Exception) -> None:
        known = error if isinstance(error, AppError) else AppError()
        language, request_id = self._inquiry.question.language, scope["state"]["request_id"]
        await self._send(send, self._dialect.error(known, self._texts, language, request_id))

    async def _keep_alive(self, send: Send) -> None:
        while True:
            quiet_s = time.monotonic() - self._sent_s
            if quiet_s >= KEEP_ALIVE_S:
                await self._send(send, b": still writing\n\n")
                quiet_s = 0.0
            await asyncio.sleep(KEEP_ALIVE_S - quiet_s)
