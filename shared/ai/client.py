"""AiClient: the other services' HTTP client of ai_core.

Every call has a deadline. Calls that fail without a response are retried with the same
Idempotency-Key, so that ai_core computes the answer once; a circuit breaker spares an ai_core that
is down. A problem document is raised as the error of `shared.errors` with its status and code.
"""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import httpcore2  # noqa: F401 - httpx2 would import it, reading files, inside the event loop
import httpx2
import orjson
import stamina
from opentelemetry.trace import Span, SpanKind, Tracer, set_span_in_context
from pydantic import BaseModel, ValidationError

from shared.ai.breaker import Breaker
from shared.ai.contract import (
    AgreementsReply,
    ArticleReply,
    ChatReply,
    ChatRequest,
    FeedbackRequest,
    GenerateReply,
    GenerateRequest,
    HealthReply,
    ModelsReply,
    SearchReply,
)
from shared.ai.stream import AiUnavailable, Piece, parse_event
from shared.ai.tls import tls_context
from shared.clock import Clock, SystemClock
from shared.errors import (
    AppError,
    BadInput,
    Conflict,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    TooLarge,
    TooMany,
)
from shared.web.event_stream import DEFAULT_NAME, EventStream, EventTooLarge, ServerSentEvent
from shared.web.retry_after import retry_after_s
from shared.web.tracing import NO_TRACER, PROPAGATOR, record_status

stamina.instrumentation.set_on_retry_hooks(())  # the default ones import inside the event loop

ReplyT = TypeVar("ReplyT", bound=BaseModel)

NAMED_PARTS = 4
"""Of a path, as many parts are recorded: what follows (a conversation's id) may be secret."""
CONNECT_TIMEOUT_S = 3.0
SHORT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 180.0
SILENCE_TIMEOUT_S = 60.0
"""A stream silent for longer is dead; ai_core sends a keep-alive comment every 15 s."""
ATTEMPTS = 3
LONGEST_WAIT_S = 2.0
"""A Retry-After beyond this is the caller's to wait, not ours."""
ANSWERS_ALL_THE_SAME = frozenset({"postgres_lost", "records_off"})
"""Codes of an ai_core that answers questions and has lost, or never had, what is beside them."""
KINDS: Mapping[int, type[AppError]] = {
    401: NotAuthenticated,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    429: TooMany,
}


class AiClient:
    """HTTP client of ai_core. Open it with `async with`, and share it: it pools its connections.

    `client_certificate` is a file with our certificate and its key, for mutual TLS; `tls_ca` a file
    with the certificate authorities to trust instead of the default ones. All methods raise the
    errors of `shared.errors`; AiUnavailable when there is no response. `channel` names the client
    for ai_core's metrics; calls are spans of `tracer`, and carry its trace context.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        channel: str = "",
        tracer: Tracer = NO_TRACER,
        transport: httpx2.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
        connections: int = 64,
        client_certificate: Path | None = None,
        tls_ca: Path | None = None,
    ) -> None:
        self._breaker = Breaker(clock or SystemClock())
        self._tracer = tracer
        self._http = httpx2.AsyncClient(
            base_url=url,
            headers={"X-API-Key": api_key} | ({"X-Channel": channel} if channel else {}),
            timeout=httpx2.Timeout(SHORT_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            limits=httpx2.Limits(max_connections=connections),
            transport=transport,
            verify=tls_context(client_certificate, tls_ca),
        )

    async def __aenter__(self) -> "AiClient":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    @property
    def down(self) -> bool:
        """Whether the breaker is open: a call would fail at once."""
        return self._breaker.is_open

    @property
    def failing(self) -> bool:
        """Whether the latest call got no response."""
        return self._breaker.failing

    async def generate(
        self, request: GenerateRequest, *, idempotency_key: str | None = None
    ) -> GenerateReply:
        """Answer one prompt."""
        body = request.model_copy(update={"stream": False})
        return await self._post("/api/v1/generate", body, GenerateReply, idempotency_key)

    async def chat(
        self,
        request: ChatRequest,
        *,
        idempotency_key: str | None = None,
        request_id: str | None = None,
    ) -> ChatReply:
        """Return the next reply of a conversation; `request_id` names it in ai_core's log."""
        body = request.model_copy(update={"stream": False})
        return await self._post("/api/v1/chat", body, ChatReply, idempotency_key, request_id)

    async def stream(
        self,
        request: ChatRequest,
        *,
        language: str = "fr",
        request_id: str | None = None,
        channel: str = "",
    ) -> AsyncGenerator[Piece, None]:
        """Stream the next reply of a conversation: Delta…, Citations, Usage.

        `channel` is that of this question, where it is not the client's.

        Leaving the loop early disconnects, which cancels the run in ai_core. Not retried once an
        event was received: the caller decides what to do with a partial answer.
        """
        body = request.model_copy(update={"stream": True})
        headers = {"Content-Type": "application/json", "Accept-Language": language}
        if request_id:
            headers["X-Request-ID"] = request_id
        if channel:
            headers["X-Channel"] = channel
        complete = False
        async with (
            self._open_stream(body, headers) as response,
            aclosing(self._events(response)) as events,
        ):
            async for name, data in events:
                if name == DEFAULT_NAME and data == "[DONE]":
                    complete = True
                elif (piece := parse_event(name, data)) is not None:
                    yield piece
        if not complete:
            self._breaker.failed()
            raise AiUnavailable("the stream ended before [DONE]")

    async def _events(self, response: httpx2.Response) -> AsyncGenerator[ServerSentEvent]:
        """Yield the events. Raises AiUnavailable for a silent stream and an event without end."""
        try:
            async for event in EventStream(response.aiter_bytes(), silence_s=SILENCE_TIMEOUT_S):
                yield event
        except (TimeoutError, EventTooLarge) as error:
            self._breaker.failed()
            raise AiUnavailable(f"the stream: {str(error) or 'silent'}") from error

    @asynccontextmanager
    async def _open_stream(
        self, body: ChatRequest, headers: Mapping[str, str]
    ) -> AsyncIterator[httpx2.Response]:
        self._check_breaker()
        limit = httpx2.Timeout(SILENCE_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        content, path = body.model_dump_json(exclude_defaults=True), "/api/v1/chat"
        with self._call("POST", path) as (span, context):
            async with self._http.stream(
                "POST", path, content=content, headers={**headers, **context}, timeout=limit
            ) as response:
                record_status(span, response.status_code)
                if response.is_error:
                    await response.aread()
                self._raise_for_status(response)
                yield response

    async def give_feedback(self, request: FeedbackRequest, *, channel: str = "") -> None:
        """Send a verdict on an answer: one attempt, since whoever keeps it sends it again.

        `channel` is that of the verdict, where it is not the client's.
        """
        self._check_breaker()
        content = request.model_dump_json(exclude_defaults=True).encode()
        headers = {"Content-Type": "application/json"}
        if channel:
            headers["X-Channel"] = channel
        await self._send_once("POST", "/api/v1/feedback", content, headers, {}, SHORT_TIMEOUT_S)

    async def models(self) -> ModelsReply:
        """List the models."""
        return await self._get("/api/v1/models", ModelsReply)

    async def search(
        self, question: str, *, limit: int = 5, kind: str | None = None
    ) -> SearchReply:
        """Search the sources."""
        params: dict[str, str | int] = {"q": question, "limit": limit}
        if kind:
            params["kind"] = kind
        return await self._get("/api/v1/search", SearchReply, params)

    async def article(self, number: str) -> ArticleReply:
        """Return an article. Raises NotFound."""
        return await self._get(f"/api/v1/articles/{number}", ArticleReply)

    async def agreements(self, written: str) -> AgreementsReply:
        """Return the collective agreement that a number or a name means, or those near it."""
        return await self._get("/api/v1/agreements", AgreementsReply, {"q": written})

    async def erase_conversation(self, conversation_id: str) -> bool:
        """Erase a conversation permanently; False when ai_core has none with that id."""
        try:
            await self._send("DELETE", f"/api/v1/conversations/{conversation_id}")
        except NotFound:
            return False
        return True

    async def health(self) -> HealthReply:
        """Return ai_core's health: one attempt, even while the breaker is open."""
        response = await self._send_once("GET", "/api/v1/health", b"", {}, {}, SHORT_TIMEOUT_S)
        return parse_reply(response, HealthReply)

    async def _post(
        self,
        path: str,
        body: BaseModel,
        kind: type[ReplyT],
        idempotency_key: str | None,
        request_id: str | None = None,
    ) -> ReplyT:
        content = body.model_dump_json(exclude_defaults=True).encode()
        key = idempotency_key or secrets.token_hex(16)
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        if request_id:
            headers["X-Request-ID"] = request_id
        response = await self._send("POST", path, content, headers, timeout_s=ANSWER_TIMEOUT_S)
        return parse_reply(response, kind)

    async def _get(
        self, path: str, kind: type[ReplyT], params: Mapping[str, str | int] | None = None
    ) -> ReplyT:
        return parse_reply(await self._send("GET", path, params=params), kind)

    async def _send(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        params: Mapping[str, str | int] | None = None,
        timeout_s: float = SHORT_TIMEOUT_S,
    ) -> httpx2.Response:
        async for attempt in stamina.retry_context(
            on=is_retryable,
            attempts=ATTEMPTS,
            timeout=timeout_s,
            wait_initial=0.2,
            wait_max=LONGEST_WAIT_S,
        ):
            with attempt:
                self._check_breaker()
                return await self._send_once(
                    method, path, content, headers or {}, params or {}, timeout_s
                )
        raise AssertionError("stamina raises when the last attempt fails")

    async def _send_once(
        self,
        method: str,
        path: str,
        content: bytes,
        headers: Mapping[str, str],
        params: Mapping[str, str | int],
        timeout_s: float,
    ) -> httpx2.Response:
        limit = httpx2.Timeout(timeout_s, connect=CONNECT_TIMEOUT_S)
        with self._call(method, path) as (span, context):
            sent = {**headers, **context}
            response = await self._http.request(
                method, path, content=content, headers=sent, params=params, timeout=limit
            )
            record_status(span, response.status_code)
        self._raise_for_status(response)
        return response

    @contextmanager
    def _call(self, method: str, path: str) -> Iterator[tuple[Span, dict[str, str]]]:
        """Open a client span and yield its trace headers, until the response's last byte.

        The span is not made current: a stream's reader does other work between two events. Raises
        AiUnavailable, and records a failure on the breaker, when there is no response.
        """
        named = "/".join(path.split("/")[:NAMED_PARTS])
        facts = {"http.request.method": method, "url.path": named}
        span = self._tracer.start_span(f"{method} {named}", kind=SpanKind.CLIENT, attributes=facts)
        context: dict[str, str] = {}
        PROPAGATOR.inject(context, set_span_in_context(span))
        try:
            yield span, context
        except httpx2.RequestError as error:
            span.record_exception(error)
            self._breaker.failed()
            raise AiUnavailable(type(error).__name__) from error
        finally:
            span.end()

    def _check_breaker(self) -> None:
        if (wait_s := self._breaker.enter()) > 0:
            raise AiUnavailable("circuit breaker open", retry_after_s=wait_s)

    def _raise_for_status(self, response: httpx2.Response) -> None:
        """Record the outcome on the breaker; raise the error of an error response."""
        error = error_of(response) if response.is_error else None
        if isinstance(error, AiUnavailable) and str(error) not in ANSWERS_ALL_THE_SAME:
            self._breaker.failed()
        else:
            self._breaker.succeeded()
        if error:
            raise error


def is_retryable(error: Exception) -> bool | float:
    """Whether to retry; a number is how many seconds to wait first (Retry-After)."""
    if not isinstance(error, AppError) or not error.retryable:
        return False
    wait_s = error.retry_after_s or 0.0
    return wait_s <= LONGEST_WAIT_S and (wait_s or True)


def error_of(response: httpx2.Response) -> AppError:
    """Return the error of an error response: its class by status, its code and sentence.

    `str(error)` is the code; `error.facts["sentence"]` is ai_core's sentence for the reader.
    """
    status = response.status_code
    try:
        document = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        document = {}
    facts = document if isinstance(document, dict) else {}
    server_fault = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    kind = AiUnavailable if server_fault else KINDS.get(status, BadInput)
    return kind(
        str(facts.get("code", status)),
        retry_after_s=retry_after_s(response.headers.get("retry-after")),
        sentence=str(facts.get("detail", "")),
    )


def parse_reply(response: httpx2.Response, kind: type[ReplyT]) -> ReplyT:
    """Return the body as `kind`. Raises AiUnavailable when it is something else."""
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        raise AiUnavailable(f"ai_core answered no {kind.__name__}") from error
