"""GET /api/v1/ws, upgraded to a WebSocket (RFC 6455): questions, and their answers as frames.

The protocol is in docs/websocket.md. A connection is a reader of answers: they are written by tasks
of their own (running_answers.py), and one that was cut is resumed by its id and the last event.
"""

import asyncio
import random
from contextlib import ExitStack, aclosing
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.websockets import WebSocket, WebSocketDisconnect

from ai_core.access.gate import Caller, Gate
from ai_core.access.keys import Scope
from ai_core.api.admission import admitted_content
from ai_core.api.connection_limits import ConnectionLimits, FrameRate
from ai_core.api.direct_routes import ProcessingSlot
from ai_core.api.feedback import keep_feedback, texts_of
from ai_core.api.running_answers import RESUME_S, RunningAnswers
from ai_core.api.websocket_answers import AnswerWriter, problem
from ai_core.api.websocket_frames import (
    Ask,
    Authenticate,
    ClientFrame,
    Feedback,
    Ping,
    Resume,
    Stop,
    parse_frame,
)
from ai_core.errors import OriginNotAllowed, TooManyConnections, TooManyFrames
from shared.ai.contract import FeedbackRequest
from shared.errors import AppError, BadInput, NotAuthenticated, Unavailable
from shared.languages import Language, preferred_language
from shared.texts import Texts
from shared.web.middleware import header_value, new_request_id
from shared.web.problems import problem_response

log = structlog.get_logger()
AUTHENTICATE_S = 10.0
SEND_TIMEOUT_S = 30.0
MOST_FOLLOWED = 4
"""Answers that one connection follows at the same time."""
MOST_FAULTS = 8
"""Frames of a connection that are none of the protocol: then it is closed."""
RECONNECT_S = (0.5, 5.0)
"""A client waits for a time between these before it connects again: not all at once."""
KEY_HEADERS = (b"x-api-key", b"authorization")
NORMAL, POLICY, FAILED, RESTART, LATER = 1000, 1008, 1011, 1012, 1013
"""Close codes, https://www.iana.org/assignments/websocket/websocket.xhtml"""


class SocketMetrics:
    """Connections and frames, never by caller."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.open = Gauge(
            "websocket_connections",
            "Open WebSockets.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.closed = Counter(
            "websocket_closed", "WebSockets closed, by close code.", ["code"], registry=registry
        )
        self.refused = Counter(
            "websocket_refused", "Handshakes and frames refused.", ["reason"], registry=registry
        )
        self.resumed = Counter("websocket_resumed", "Answers resumed.", registry=registry)


@dataclass(frozen=True, slots=True)
class Sockets:
    """What all connections share; one that sends nothing for `idle_s` is closed."""

    answers: RunningAnswers
    limits: ConnectionLimits
    metrics: SocketMetrics
    texts: Texts
    idle_s: float


class Closed(Exception):
    """The connection ends with a close code."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


async def connect(socket: WebSocket) -> None:
    """Serve one connection."""
    await Connection(socket).serve()


class Connection:
    """One client: its key, and the answers it follows."""

    def __init__(self, socket: WebSocket) -> None:
        state = socket.scope["state"]
        self._socket = socket
        self._sockets: Sockets = state["sockets"]
        self._gate: Gate = state["gate"]
        self._language: Language = preferred_language(
            header_value(socket.scope, b"accept-language")
        )
        self._key: str | None = None
        self._channel: str | None = None
        self._caller: Caller | None = None
        self._following: dict[str, asyncio.Task[None]] = {}
        self._rate = FrameRate()
        self._faults = 0
        self._patience: asyncio.Timeout | None = None
        self._stalled = False

    async def serve(self) -> None:
        """Take the handshake, then frames, until either side ends the connection."""
        metrics = self._sockets.metrics
        with ExitStack() as held:
            try:
                held.enter_context(self._sockets.limits.connection())
                waiting = await self._handshake(held)
            except AppError as refusal:
                await self._deny(refusal)
                return
            await self._socket.accept()
            metrics.open.inc()
            code = NORMAL
            try:
                code = await self._converse(held, waiting)
            finally:
                await self._leave(code)
                metrics.open.dec()
                metrics.closed.labels(str(code)).inc()

    async def _handshake(self, held: ExitStack) -> ExitStack:
        """Check what the handshake shows; return what an unauthenticated connection counts in."""
        waiting = held.enter_context(ExitStack())
        headers = self._socket.scope["headers"]
        if any(name in KEY_HEADERS for name, _ in headers):
            self._admit(held, await self._gate.identify(self._request(), Scope.PUBLISHABLE))
            return waiting
        origin = header_value(self._socket.scope, b"origin")
        host = header_value(self._socket.scope, b"host")
        ours = origin in {f"https://{host}", f"http://{host}"}
        if origin is not None and not (ours or await self._gate.allows_origin(origin)):
            raise OriginNotAllowed
        address = self._socket.client.host if self._socket.client else ""
        waiting.enter_context(self._sockets.limits.unauthenticated(address))
        return waiting

    def _admit(self, held: ExitStack, caller: Caller) -> None:
        visitor = caller.scope is Scope.PUBLISHABLE
        held.enter_context(self._sockets.limits.of_caller(caller.subject, visitor=visitor))
        self._caller = caller

    async def _converse(self, held: ExitStack, waiting: ExitStack) -> int:
        """Take frames; return the close code."""
        try:
            if self._caller is None:
                await self._authenticate(held, waiting)
            await self._send_ready()
            while True:
                await self._handle(await self._receive())
        except WebSocketDisconnect as left:
            return left.code
        except TimeoutError:
            return POLICY  # the client does not read: it would not read why either
        except Closed as end:
            await self._close(end.code, end.reason)
            return end.code
        except AppError as refusal:
            return await self._refuse(refusal)
        except Exception as error:
            log.exception("unexpected error", exc_info=error)
            await self._close(FAILED, "internal_error")
            return FAILED

    async def _refuse(self, refusal: AppError) -> int:
        """End the connection with an error; return the close code."""
        code = LATER if isinstance(refusal, TooManyConnections) else POLICY
        self._sockets.metrics.refused.labels(refusal.code).inc()
        try:
            await self._send_error(refusal)
        except WebSocketDisconnect as left:
            return left.code
        await self._close(code, refusal.code)
        return code

    # ---- frames of the client ----

    async def _authenticate(self, held: ExitStack, waiting: ExitStack) -> None:
        """Take the first frame, which shows the key."""
        try:
            async with asyncio.timeout(AUTHENTICATE_S):
                frame = self._parsed(await self._socket.receive())
        except TimeoutError:
            raise NotAuthenticated("no key in time") from None
        if not isinstance(frame, Authenticate):
            raise NotAuthenticated("no key")
        self._key, self._channel = frame.key, frame.channel
        self._language = frame.language or self._language
        self._admit(held, await self._gate.identify(self._request(), Scope.PUBLISHABLE))
        waiting.close()

    async def _receive(self) -> ClientFrame:
        """Return the next frame; others are answered with an error. Raises Closed when idle."""
        while True:
            try:
                async with asyncio.timeout(self._sockets.idle_s) as self._patience:
                    message = await self._socket.receive()
            except TimeoutError:
                if self._stalled:
                    raise
                if self._following:
                    continue
                raise Closed(NORMAL, "idle") from None
            try:
                self._rate.count()
                return self._parsed(message)
            except BadInput as fault:
                await self._blame(fault)

    def _parsed(self, message: Any) -> ClientFrame:
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        return parse_frame(message.get("text") or "")

    async def _blame(self, fault: AppError) -> None:
        self._sockets.metrics.refused.labels(fault.code).inc()
        self._faults += 1
        if self._faults > MOST_FAULTS:
            raise TooManyFrames
        await self._send_error(fault)

    async def _handle(self, frame: ClientFrame) -> None:
        if not isinstance(frame, Ping):  # the key may have been revoked since
            await self._gate.identify(self._request(), Scope.PUBLISHABLE)
        match frame:
            case Ping():
                await self._send({"type": "pong"})
            case Ask():
                await self._ask(frame)
            case Resume():
                self._sockets.metrics.resumed.inc()
                await self._follow(frame.answer, frame.after)
            case Stop():
                await self._sockets.answers.stop(frame.answer, self._key_id)
            case Feedback():
                await self._take_feedback(frame)
            case Authenticate():
                await self._blame(BadInput("authenticated already"))

    async def _ask(self, frame: Ask) -> None:
        answers = self._sockets.answers
        request = self._request()
        writer = AnswerWriter(request, frame, self._language, self._sockets.texts)
        if not self._has_room(frame.answer):
            await self._send_error(TooManyFrames(), answer=frame.answer)
            return
        if await answers.begin(frame.answer, self._key_id, writer.write) is None:
            self._sockets.metrics.resumed.inc()
        await self._follow(frame.answer, frame.after)

    async def _take_feedback(self, frame: Feedback) -> None:
        request = self._request()
        slot = request.scope["slot"] = ProcessingSlot(request.scope["state"]["concurrency"])
        try:
            caller = await self._gate.identify(request, Scope.PUBLISHABLE)
            content = orjson.dumps(frame.feedback)
            async with admitted_content(
                request, caller, content, FeedbackRequest, texts_of, "comment"
            ) as found:
                await keep_feedback(request, found)
        except AppError as error:
            await self._send_error(error, ref=frame.ref)
        else:
            await self._send({"type": "thanks", "ref": frame.ref})
        finally:
            slot.release()

    # ---- answers ----

    async def _follow(self, answer_id: str, after: int) -> None:
        if not self._has_room(answer_id):
            await self._send_error(TooManyFrames(), answer=answer_id)
            return
        if before := self._following.pop(answer_id, None):
            before.cancel()
        task = asyncio.create_task(self._relay(answer_id, after))
        self._following[answer_id] = task
        task.add_done_callback(lambda done: self._unfollow(answer_id, done))

    def _has_room(self, answer_id: str) -> bool:
        return answer_id in self._following or len(self._following) < MOST_FOLLOWED

    def _unfollow(self, answer_id: str, task: asyncio.Task[None]) -> None:
        if self._following.get(answer_id) is task:
            del self._following[answer_id]

    async def _relay(self, answer_id: str, after: int) -> None:
        """Send the frames of an answer; a client that reads too slowly is cut off."""
        try:
            frames = self._sockets.answers.follow(answer_id, self._key_id, after)
            async with aclosing(frames):
                async for frame in frames:
                    await self._send_text(frame.decode())
        except AppError as error:
            await self._send_error(error, answer=answer_id)
        except RedisError:
            await self._send_error(Unavailable("Redis is lost"), answer=answer_id)
        except WebSocketDisconnect:
            pass  # `_receive` learns of it too
        except TimeoutError:
            self._hang_up()

    def _hang_up(self) -> None:
        """Have `_receive` end the connection of a client that does not read."""
        self._stalled = True
        if self._patience:
            self._patience.reschedule(asyncio.get_running_loop().time())

    # ---- frames of ours ----

    async def _send_ready(self) -> None:
        await self._send(
            {
                "type": "ready",
                "reconnect_s": round(random.uniform(*RECONNECT_S), 2),  # noqa: S311 - no secret
                "resume_s": RESUME_S,
                "idle_s": self._sockets.idle_s,
            }
        )

    async def _send_error(self, error: AppError, **names: str) -> None:
        document = problem(error, self._sockets.texts, self._language, new_request_id())
        await self._send({"type": "error", **names, "problem": document})

    async def _send(self, frame: dict[str, Any]) -> None:
        await self._send_text(orjson.dumps(frame).decode())

    async def _send_text(self, text: str) -> None:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await self._socket.send_text(text)

    # ---- the end ----

    async def _close(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._socket.close(code, reason)
        except (WebSocketDisconnect, RuntimeError, TimeoutError):
            pass  # it is gone already

    async def _leave(self, code: int) -> None:
        """Leave the answers, which go on; during a restart, wait for them to end."""
        followed = dict(self._following)
        for task in followed.values():
            task.cancel()
        if followed:
            await asyncio.wait(followed.values())
        if code == RESTART:
            await self._sockets.answers.ended(followed)

    async def _deny(self, refusal: AppError) -> None:
        """Answer the handshake with a problem document."""
        self._sockets.metrics.refused.labels(refusal.code).inc()
        response = problem_response(refusal, self._sockets.texts, self._language, new_request_id())
        await self._socket.send_denial_response(response)

    # ---- the caller ----

    @property
    def _key_id(self) -> str:
        return self._caller.key_id if self._caller else ""

    def _request(self) -> Request:
        """Return the request that a question is to the gate: the handshake's, with the key."""
        scope = dict(self._socket.scope)
        headers = list(scope["headers"])
        if self._key is not None:
            headers.append((b"x-api-key", self._key.encode("latin-1", "replace")))
        if self._channel is not None:
            headers.append((b"x-channel", self._channel.encode()))
        scope |= {"type": "http", "method": "POST", "headers": headers}
        scope["state"] = dict(scope["state"]) | {"request_id": new_request_id()}
        return Request(scope)
