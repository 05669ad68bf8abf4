"""A model on other hosts: any server with OpenAI's API (vLLM, llama-server, TGI, this service).

A request that fails before its first token is retried on the next server; afterwards the answer
fails, as its beginning was sent already. A server that reports being full fails that request only.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self, TypeVar

import httpx2
import orjson

from ai_core.engines.base import Capabilities, Prompt, Sampling, TextChunk, TokenLogprob
from ai_core.engines.process.throughput import Throughput
from ai_core.engines.remote.upstreams import RETRY_AFTER_S, Upstream, Upstreams, time_limit
from ai_core.errors import ContextOverflow, EngineFailed, ModelUnusable, Unsupported
from shared.clock import Clock, SystemClock
from shared.errors import AppError, Unavailable
from shared.web.event_stream import EventStream, EventTooLarge

SLOTS_PER_SERVER = 16
CHARS_PER_TOKEN = 3
CALL_TIMEOUT_S = 60.0
_CONTEXT_ERROR = re.compile(r"context[ _](?:length|size|window)", re.IGNORECASE)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RemoteTimeouts:
    """How long a server may take to its first token, and between two tokens."""

    first_s: float = 120.0
    silence_s: float = 30.0


class RemoteEngine:
    """Generates through the servers at `urls`; see the module's docstring.

    A server's capabilities are unknown until it refuses a request (400 `unsupported`). Without a
    tokenizer endpoint, `CHARS_PER_TOKEN` characters count as a token.
    """

    extractive = False
    capabilities = Capabilities(json_schema=True, logprobs=True, embeddings=True)

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
        self.upstreams = Upstreams(urls, api_key, clock or SystemClock())
        self._model = model
        self._slots = slots
        self._timeouts = timeouts or RemoteTimeouts()

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
        """Return the number of tokens of each text, by a server's tokenizer if it has one."""

        async def count(upstream: Upstream) -> list[int]:
            return await asyncio.gather(*(self._count(upstream, text) for text in texts))

        if any(one.software in {"vllm", "llamacpp"} for one in self.upstreams.available):
            return await self._first_success(count)
        return [len(text) // CHARS_PER_TOKEN + 1 for text in texts]

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return an embedding of each text. Raises Unsupported, Unavailable."""

        async def ask(upstream: Upstream) -> list[list[float]]:
            body = {"model": self._model, "input": list(texts), "encoding_format": "float"}
            reply = await self._post(upstream, f"{upstream.url}/embeddings", body)
            rows = sorted(reply["data"], key=lambda row: row["index"])
            return [row["embedding"] for row in rows]

        return await self._first_success(ask)

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
            except (httpx2.TransportError, Unavailable, EngineFailed) as error:
                self._record_failure(upstream, error)
                if started:
                    raise EngineFailed(f"{upstream.root}: {type(error).__name__}") from error
                last = error
                continue
            upstream.succeeded()
            return
        raise self.upstreams.exhausted(last)

    async def _chunks(
        self, upstream: Upstream, prompt: Prompt, sampling: Sampling
    ) -> AsyncGenerator[TextChunk]:
        path = "chat/completions" if prompt.raw is None else "completions"
        body = _request_body(self._model, prompt, sampling, upstream.software)
        limit = httpx2.Timeout(self._timeouts.first_s, connect=3.0)
        tokens, finish_reason, usage = 0, None, dict[str, Any]()
        async with self.upstreams.http.stream(
            "POST", f"{upstream.url}/{path}", json=body, timeout=limit
        ) as response:
            if response.is_error:
                await response.aread()
                raise self._error_of(response)
            async with aclosing(self._events(response)) as events:
                async for event in events:
                    usage = event.get("usage") or usage
                    for choice in event.get("choices", ()):
                        finish_reason = choice.get("finish_reason") or finish_reason
                        chunk = _text_chunk(choice)
                        if chunk.text or chunk.logprobs:
                            tokens += chunk.tokens
                            yield chunk
        if finish_reason is None:
            raise EngineFailed("the stream ended before the answer did")
        details = usage.get("prompt_tokens_details") or {}
        yield TextChunk(
            "",
            usage.get("completion_tokens", tokens) - tokens,
            prompt_tokens=usage.get("prompt_tokens", 0),
            cached_tokens=details.get("cached_tokens") or 0,
            finish_reason="length" if finish_reason == "length" else "stop",
        )

    async def _events(self, response: httpx2.Response) -> AsyncGenerator[dict[str, Any]]:
        """Yield the events of a stream until `[DONE]`. Raises EngineFailed for an error event."""
        stream = EventStream(response.aiter_bytes(), silence_s=self._timeouts.first_s)
        try:
            async for event in stream:
                stream.silence_s = self._timeouts.silence_s
                data = event.data.strip()
                if data == "[DONE]":
                    return
                found = _parse_object(data.encode())
                if "error" in found:
                    raise EngineFailed(str(found["error"])[:200])
                yield found
        except (TimeoutError, EventTooLarge) as error:
            raise Unavailable(str(error) or "silent", retry_after_s=RETRY_AFTER_S) from None

    async def _count(self, upstream: Upstream, text: str) -> int:
        body = {"content": text} if upstream.software == "llamacpp" else {"prompt": text}
        body["model"] = self._model
        reply = await self._post(upstream, f"{upstream.root}/tokenize", body)
        return int(reply["count"]) if "count" in reply else len(reply["tokens"])

    async def _first_success(self, ask: Callable[[Upstream], Awaitable[T]]) -> T:
        """Return the result of the first server that gives one."""
        last: Exception | None = None
        for upstream in self.upstreams.by_preference():
            try:
                with upstream.request():
                    found = await ask(upstream)
            except (httpx2.TransportError, Unavailable, KeyError, TypeError) as error:
                self._record_failure(upstream, error)
                last = error
                continue
            upstream.succeeded()
            return found
        raise self.upstreams.exhausted(last)

    async def _post(self, upstream: Upstream, url: str, body: Mapping[str, object]) -> Any:
        async with time_limit(CALL_TIMEOUT_S):
            response = await self.upstreams.http.post(url, json=body, timeout=CALL_TIMEOUT_S)
        if response.is_error:
            raise self._error_of(response)
        return _parse_object(response.content)

    def _record_failure(self, upstream: Upstream, error: Exception) -> None:
        """Record a failed request; being full is no failure of the server."""
        if not (isinstance(error, Unavailable) and error.facts.get("full")):
            upstream.failed()
        if isinstance(error, httpx2.ConnectError):
            upstream.set_available(False, "ConnectError")

    def _error_of(self, response: httpx2.Response) -> AppError:
        """Translate a server's error response for our caller."""
        status = response.status_code
        details = _error_details(response)
        message = str(details.get("message", ""))[:300]
        wait = response.headers.get("retry-after", "")
        wait_s = float(wait) if wait.isdecimal() else None
        description = f"{details.get('code')} {details.get('type')} {message}"
        match status:
            case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
                return Unavailable(f"upstream {status}", retry_after_s=wait_s, full=1)
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN | HTTPStatus.NOT_FOUND:
                return ModelUnusable(f"upstream {status}: {message}", model=self.name)
            case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return Unavailable(f"upstream {status}: {message}", retry_after_s=wait_s)
            case _ if _CONTEXT_ERROR.search(description):
                limit = int(details.get("n_ctx") or self.context_tokens)
                return ContextOverflow(
                    message, tokens=int(details.get("n_prompt_tokens") or limit + 1), limit=limit
                )
        feature = str(details.get("param") or "")
        return Unsupported(f"upstream: {message}", model=self.name, feature=feature)


def _request_body(
    model: str, prompt: Prompt, sampling: Sampling, software: str
) -> dict[str, object]:
    """Return a request body, without parameters at their defaults: not all servers know them."""
    body: dict[str, object] = {
        "model": model,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
    }
    penalty = "repeat_penalty" if software == "llamacpp" else "repetition_penalty"
    optional: tuple[tuple[str, object, object], ...] = (
        ("top_k", sampling.top_k, 0),
        ("min_p", sampling.min_p, 0.0),
        (penalty, sampling.repetition_penalty, 1.0),
        ("stop", list(sampling.stop), []),
    )
    body |= {name: value for name, value, default in optional if value != default}
    if sampling.json_schema is not None:
        schema = {"name": "answer", "schema": orjson.loads(sampling.json_schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if prompt.raw is not None:
        body |= {"logprobs": sampling.top_logprobs} if sampling.top_logprobs is not None else {}
        return body | {"prompt": prompt.raw}
    if sampling.top_logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": sampling.top_logprobs}
    messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
    return body | {"messages": messages}


def _text_chunk(choice: Mapping[str, Any]) -> TextChunk:
    """Return the text of a choice, counted as one token until the usage event corrects that."""
    text = (choice.get("delta") or {}).get("content") or choice.get("text") or ""
    logprobs = choice.get("logprobs") or {}
    tokens = tuple(
        TokenLogprob(
            token["token"],
            token["logprob"],
            tuple((other["token"], other["logprob"]) for other in token.get("top_logprobs", ())),
        )
        for token in logprobs.get("content") or ()
    )
    if not tokens and logprobs.get("tokens"):
        tops = logprobs.get("top_logprobs") or [{} for _ in logprobs["tokens"]]
        tokens = tuple(
            TokenLogprob(token, logprob or 0.0, tuple((top or {}).items()))
            for token, logprob, top in zip(
                logprobs["tokens"], logprobs["token_logprobs"], tops, strict=True
            )
        )
    return TextChunk(text, 1 if text else 0, logprobs=tokens)


def _parse_object(content: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise Unavailable("the upstream's answer is no JSON") from None
    return parsed if isinstance(parsed, dict) else {}


def _error_details(response: httpx2.Response) -> dict[str, Any]:
    """Return the error object of a response, {} when it has none."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    error = body.get("error", body) if isinstance(body, dict) else {}
    return error if isinstance(error, dict) else {"message": str(error)}
