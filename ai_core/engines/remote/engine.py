"""A model on other hosts: any server with OpenAI's API (vLLM, llama-server, TGI, this service).

A request that fails before its first token is retried on the next server; afterwards the answer
fails, as its beginning was sent already. A server that reports being full fails that request only.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import httpx2
import structlog

from ai_core.engines.base import (
    Capabilities,
    Prompt,
    ReasoningStart,
    Sampling,
    TextChunk,
    ToolCallFormat,
)
from ai_core.engines.process.throughput import Throughput
from ai_core.engines.remote.bodies import (
    decoded_chunks,
    json_list,
    parse_object,
    read_body,
    whole_number,
)
from ai_core.engines.remote.refusals import MAX_ERROR_BYTES, error_of
from ai_core.engines.remote.replies import AnswerReader, max_answer_bytes, read_embeddings
from ai_core.engines.remote.request_bodies import prompt_chars, request_body, tokenize_body
from ai_core.engines.remote.upstreams import CONNECT_TIMEOUT_S, Upstream, Upstreams, time_limit
from ai_core.errors import Unsupported, UpstreamFailed, UpstreamRefused
from shared.clock import Clock, SystemClock
from shared.errors import AppError, Unavailable
from shared.web.event_stream import EventStream, EventTooLarge

log = structlog.get_logger()

SLOTS_PER_SERVER = 16
CHARS_PER_TOKEN = 3
CALL_TIMEOUT_S = 60.0
ERROR_TIMEOUT_S = 5.0
TRAILER_S = 2.0
"""How long the token counts of a whole answer are waited for."""
COUNTS_AT_ONCE = 16
MAX_EVENT_BYTES = 1024 * 1024
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RemoteTimeouts:
    """How long a server may take to its first token, between two, and for a whole answer."""

    first_s: float = 120.0
    silence_s: float = 30.0
    answer_s: float = 1_800.0


class RemoteEngine:
    """Generates through the servers at `urls`; see the module's docstring.

    A server's capabilities are unknown until it refuses a request (400 `unsupported`). Without a
    tokenizer endpoint, `CHARS_PER_TOKEN` characters count as a token.
    """

    extractive = False
    capabilities = Capabilities(
        json_schema=True,
        logprobs=True,
        embeddings=True,
        tools=ToolCallFormat("", "", native=True),
    )

    def __init__(
        self,
        name: str,
        weights: str,
        urls: Sequence[str],
        *,
        model: str,
        context_tokens: int,
        slots: int = 0,
        api_key: str = "",
        clock: Clock | None = None,
        timeouts: RemoteTimeouts | None = None,
    ) -> None:
        self.name = name
        self.weights = weights
        self.context_tokens = context_tokens
        self.exited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.reasoning_start = ReasoningStart()
        self.upstreams = Upstreams(urls, api_key, clock or SystemClock())
        self._model = model
        self._slots = slots
        self._timeouts = timeouts or RemoteTimeouts()
        self._counting = asyncio.Semaphore(COUNTS_AT_ONCE)

    async def open(self) -> Self:
        """Probe the servers; none needs to answer."""
        await self.upstreams.open()
        return self

    @property
    def slots(self) -> int:
        """The number of concurrent answers: fewer while servers are down."""
        return self._slots or SLOTS_PER_SERVER * max(1, len(self.upstreams.available))

    @property
    def throughput(self) -> Throughput:
        """Unknown, hence 0: it is the servers' own."""
        return Throughput(0.0, 0.0)

    async def memory_bytes(self) -> int:
        """Return 0: it takes no memory of this host."""
        return 0

    def adapted(self, name: str, weights: str, adapter_path: str) -> "RemoteEngine":
        """Raise Unsupported: servers offer adapters as models of their own."""
        raise Unsupported(f"{self.name} takes no adapter", model=name)

    async def close(self) -> None:
        """Close the connections to all servers."""
        await self.upstreams.close()

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text: by a server's tokenizer, else an estimate."""

        async def count(upstream: Upstream) -> list[int]:
            return await asyncio.gather(*(self._count(upstream, text) for text in texts))

        if any(one.software in {"vllm", "llamacpp"} for one in self.upstreams.available):
            try:
                return await self._first_success(count, texts)
            except AppError as error:
                log.warning("tokens estimated", model=self.name, reason=type(error).__name__)
        return [len(text) // CHARS_PER_TOKEN + 1 for text in texts]

    async def tokenize(self, prompt: Prompt, *, special: bool = True) -> list[int]:
        """Return the tokens of a prompt, by a server with vLLM's or llama-server's `/tokenize`.

        Raises Unsupported without one, and for messages where there is none of vLLM's; Unavailable.
        """

        async def ask(upstream: Upstream) -> list[int]:
            if upstream.software == "vllm":
                body = tokenize_body(prompt) | {"add_special_tokens": special}
            elif upstream.software == "llamacpp" and prompt.raw is not None:
                body = {"content": prompt.raw, "add_special": special}
            else:
                field = "model" if prompt.raw is not None else "messages"
                raise Unsupported(f"{self.name} has no tokenizer", model=self.name, feature=field)
            reply = await self._post(
                upstream, f"{upstream.root}/tokenize", {"model": self._model, **body}
            )
            return [whole_number(one, 2**31) for one in json_list(reply.get("tokens"))]

        return await self._first_success(ask, [repr(prompt.messages), prompt.raw or ""])

    async def detokenize(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, by a server's `/detokenize`; raises as `tokenize` does."""

        async def ask(upstream: Upstream) -> str:
            if upstream.software not in {"vllm", "llamacpp"}:
                raise Unsupported(f"{self.name} has no tokenizer", model=self.name, feature="model")
            body = {"model": self._model, "tokens": list(tokens)}
            reply = await self._post(upstream, f"{upstream.root}/detokenize", body)
            text = reply.get("prompt", reply.get("content"))
            return text if isinstance(text, str) else ""

        return await self._first_success(ask, list(map(str, tokens)))

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return an embedding of each text. Raises Unsupported, Unavailable."""

        async def ask(upstream: Upstream) -> list[list[float]]:
            body = {"model": self._model, "input": list(texts), "encoding_format": "float"}
            reply = await self._post(upstream, f"{upstream.url}/embeddings", body)
            return read_embeddings(reply, len(texts))

        return await self._first_success(ask, texts)

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        """Generate the answer; see `base.Engine`. Raises Unavailable when no server takes it."""
        last: Exception | None = None
        for upstream in self.upstreams.by_preference():
            started = False
            try:
                with upstream.request():
                    chunks = self._chunks(upstream, prompt, sampling)
                    async with aclosing(chunks):
                        async for chunk in chunks:
                            started = True
                            yield chunk
            except (httpx2.RequestError, Unavailable) as error:
                self._record_failure(upstream, error, hash((prompt.messages, prompt.raw)))
                if started:
                    raise UpstreamFailed(
                        f"{upstream.root}: {error or type(error).__name__}"
                    ) from error
                last = error
                continue
            upstream.succeeded()
            return
        raise self.upstreams.exhausted(last)

    async def _chunks(
        self, upstream: Upstream, prompt: Prompt, sampling: Sampling
    ) -> AsyncGenerator[TextChunk]:
        path = "chat/completions" if prompt.raw is None else "completions"
        body = request_body(self._model, prompt, sampling, upstream.software)
        raw = prompt.raw is not None
        answer = AnswerReader(sampling, prompt_chars(prompt), raw=raw, tool_use=prompt.tool_use)
        async with AsyncExitStack() as stack:
            response = await self._accepted(stack, upstream, path, body)
            events = await stack.enter_async_context(
                aclosing(self._events(response, answer, max_answer_bytes(sampling)))
            )
            async for data in events:
                for chunk in answer.read(data):
                    yield chunk
                if answer.overrun:
                    break
        if (rest := answer.rest()).text or rest.tool_calls:
            yield rest
        yield answer.last_chunk(self.context_tokens, CHARS_PER_TOKEN)

    async def _accepted(
        self, stack: AsyncExitStack, upstream: Upstream, path: str, body: Mapping[str, object]
    ) -> httpx2.Response:
        """Return the response of a server that takes the request, under its own names for it."""
        limit = httpx2.Timeout(self._timeouts.first_s, connect=CONNECT_TIMEOUT_S)
        while True:
            opening = self.upstreams.http.stream(
                "POST",
                f"{upstream.url}/{path}",
                json=upstream.parameters.named(body),
                timeout=limit,
            )
            async with time_limit(self._timeouts.first_s):  # headers may drip, too
                response = await stack.enter_async_context(opening)
            if response.is_success:
                return response
            content = await self._error_content(response)
            if not upstream.parameters.learn(response.status_code, content):
                raise self._error_for(response, content)

    async def _events(
        self, response: httpx2.Response, answer: AnswerReader, max_bytes: int
    ) -> AsyncGenerator[str | bytes]:
        """Yield the data of a stream's events until `[DONE]`, or the whole of a plain JSON body.

        A server that falls silent, or hangs up, once the answer is whole has done its work. Raises
        UpstreamFailed, TransportError.
        """
        deadline_s = asyncio.get_running_loop().time() + self._timeouts.answer_s
        chunks = decoded_chunks(response, max_bytes)
        stream = EventStream(
            chunks, silence_s=self._timeouts.first_s, max_event_bytes=MAX_EVENT_BYTES
        )
        try:
            if "json" in response.headers.get("content-type", ""):
                async with asyncio.timeout(self._timeouts.first_s):
                    yield await read_body(response, max_bytes)
                answer.end()
                return
            async with aclosing(stream.__aiter__()) as events:
                while True:
                    async with asyncio.timeout_at(deadline_s):
                        event = await anext(events, None)
                    if event is None:
                        return
                    if event.data.strip() == "[DONE]":
                        answer.end()
                        return
                    yield event.data
                    silence_s = self._timeouts.silence_s
                    stream.silence_s = min(silence_s, TRAILER_S) if answer.complete else silence_s
        except (TimeoutError, EventTooLarge, httpx2.TransportError) as error:
            if not answer.complete:
                raise UpstreamFailed(f"its answer: {error or 'silent'}") from error

    async def _count(self, upstream: Upstream, text: str) -> int:
        body = {"content": text} if upstream.software == "llamacpp" else {"prompt": text}
        body["model"] = self._model
        async with self._counting:
            reply = await self._post(upstream, f"{upstream.root}/tokenize", body)
        tokens = reply.get("tokens")
        counted = whole_number(reply.get("count"), 2**31)
        counted = counted or (len(tokens) if isinstance(tokens, list) else 0)
        return counted or len(text) // CHARS_PER_TOKEN + 1

    async def _first_success(
        self, ask: Callable[[Upstream], Awaitable[T]], texts: Sequence[str]
    ) -> T:
        """Return the result of the first server that gives one for `texts`."""
        last: Exception | None = None
        for upstream in self.upstreams.by_preference():
            try:
                with upstream.request():
                    found = await ask(upstream)
            except (httpx2.RequestError, Unavailable) as error:
                self._record_failure(upstream, error, hash(tuple(texts)))
                last = error
                continue
            upstream.succeeded()
            return found
        raise self.upstreams.exhausted(last)

    async def _post(
        self, upstream: Upstream, url: str, body: Mapping[str, object]
    ) -> Mapping[str, Any]:
        post = self.upstreams.http.stream("POST", url, json=body, timeout=CALL_TIMEOUT_S)
        async with time_limit(CALL_TIMEOUT_S), post as response:
            if not response.is_success:
                raise await self._error_of(response)
            return parse_object(await read_body(response))

    def _record_failure(self, upstream: Upstream, error: Exception, request: int) -> None:
        """Record a failed request by its hash; being full is no failure of the server."""
        if isinstance(error, UpstreamRefused):
            upstream.refused(str(error))
        elif not (isinstance(error, Unavailable) and error.facts.get("full")):
            answered = isinstance(error, Unavailable) and bool(error.facts.get("answered"))
            upstream.failed(request, answered=answered)
        if isinstance(error, httpx2.ConnectError):
            upstream.set_available(False, "ConnectError")

    async def _error_of(self, response: httpx2.Response) -> AppError:
        """Return the error of a server's error response."""
        return self._error_for(response, await self._error_content(response))

    async def _error_content(self, response: httpx2.Response) -> bytes:
        try:
            async with time_limit(ERROR_TIMEOUT_S):
                return await read_body(response, MAX_ERROR_BYTES)
        except (httpx2.TransportError, Unavailable):
            return b""  # the status alone has to do

    def _error_for(self, response: httpx2.Response, content: bytes) -> AppError:
        return error_of(
            response.status_code,
            response.headers.get("retry-after"),
            content,
            model=self.name,
            context_tokens=self.context_tokens,
        )
