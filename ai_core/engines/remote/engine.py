"""A model on other machines: any server that speaks OpenAI's API (vLLM, llama-server, TGI, ours).

What fails before the first token is tried on the next server; afterwards the answer fails, for its
beginning was already read. A server that says it is full counts as failed for that request only.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self, TypeVar

import httpx2
import orjson

from ai_core.engines.base import Capabilities, Prompt, Sampling, TextChunk, TokenLogprob
from ai_core.engines.process.throughput import Throughput, ThroughputMeter
from ai_core.engines.remote.upstreams import Upstream, Upstreams, within
from ai_core.errors import ContextOverflow, EngineFailed, ModelUnusable, Unsupported
from shared.clock import Clock, SystemClock
from shared.errors import AppError, Unavailable

SLOTS_EACH = 16
CHARS_A_TOKEN = 3
CALL_TIMEOUT_S = 60.0
_TOO_LONG = re.compile(r"context[ _](?:length|size|window)", re.IGNORECASE)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RemoteTimeouts:
    """How long a server may be silent before its first token, and between two."""

    first_s: float = 120.0
    silence_s: float = 30.0


class RemoteEngine:
    """Writes through the servers at `urls`; see the module's docstring.

    What a server can do is not known before it is asked: it refuses by itself (400 `unsupported`).
    Where it has no tokenizer to ask, three characters count as a token.
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
        self._pace = ThroughputMeter()

    async def open(self) -> Self:
        """Look which servers answer; none need to."""
        await self.upstreams.open()
        return self

    @property
    def slots(self) -> int:
        """Return how many answers at once: fewer while servers are down."""
        return self._slots or SLOTS_EACH * max(1, len(self.upstreams.alive))

    @property
    def throughput(self) -> Throughput:
        """Return no speed: it is the servers' own."""
        return self._pace.throughput

    async def memory_bytes(self) -> int:
        """Return 0: it takes none of this machine's."""
        return 0

    def adapted(self, name: str, weights: str, adapter_path: str) -> "RemoteEngine":
        """Raise Unsupported: a server names its adapters as models of their own."""
        raise Unsupported(f"{self.name} takes no adapter", model=name)

    async def close(self) -> None:
        """Hang up on every server."""
        await self.upstreams.close()

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Ask a server's tokenizer, where it offers one."""

        async def count(upstream: Upstream) -> list[int]:
            return await asyncio.gather(*(self._count(upstream, text) for text in texts))

        if any(up.kind in {"vllm", "llamacpp"} for up in self.upstreams.alive):
            return await self._anywhere(count)
        return [len(text) // CHARS_A_TOKEN + 1 for text in texts]

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector for each text. Raises Unsupported, Unavailable."""

        async def ask(upstream: Upstream) -> list[list[float]]:
            body = {"model": self._model, "input": list(texts), "encoding_format": "float"}
            told = await self._post(upstream, f"{upstream.url}/embeddings", body)
            return [row["embedding"] for row in sorted(told["data"], key=lambda row: row["index"])]

        return await self._anywhere(ask)

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        """Write the answer. Raises Unavailable when no server takes it, and see `base.Engine`."""
        last: Exception | None = None
        for upstream in self.upstreams.in_order():
            begun = False
            try:
                with upstream.used():
                    async with aclosing(self._written(upstream, prompt, sampling)) as pieces:
                        async for piece in pieces:
                            begun = True
                            yield piece
            except (httpx2.TransportError, Unavailable, EngineFailed) as error:
                self._blame(upstream, error)
                if begun:
                    raise EngineFailed(f"{upstream.root}: {type(error).__name__}") from error
                last = error
                continue
            upstream.succeeded()
            return
        raise self.upstreams.none_left(last)

    async def _written(
        self, upstream: Upstream, prompt: Prompt, sampling: Sampling
    ) -> AsyncGenerator[TextChunk]:
        path = "chat/completions" if prompt.raw is None else "completions"
        body = _body(self._model, prompt, sampling, upstream.kind)
        limit = httpx2.Timeout(self._timeouts.first_s, connect=3.0)
        tokens, end, usage = 0, None, dict[str, Any]()
        async with self.upstreams.http.stream(
            "POST", f"{upstream.url}/{path}", json=body, timeout=limit
        ) as response:
            if response.is_error:
                await response.aread()
                raise self._fault(response)
            async with aclosing(self._events(response)) as events:
                async for told in events:
                    usage = told.get("usage") or usage
                    for choice in told.get("choices", ()):
                        end = choice.get("finish_reason") or end
                        piece = _piece(choice)
                        if piece.text or piece.logprobs:
                            tokens += piece.tokens
                            yield piece
        if end is None:
            raise EngineFailed("the stream ended before the answer did")
        details = usage.get("prompt_tokens_details") or {}
        yield TextChunk(
            "",
            usage.get("completion_tokens", tokens) - tokens,
            prompt_tokens=usage.get("prompt_tokens", 0),
            cached_tokens=details.get("cached_tokens") or 0,
            finish_reason="length" if end == "length" else "stop",
        )

    async def _events(self, response: httpx2.Response) -> AsyncGenerator[dict[str, Any]]:
        """Yield the events of a stream until `[DONE]`. Raises EngineFailed for an error in it."""
        lines = response.aiter_lines()
        limit_s = self._timeouts.first_s
        while (line := await _next(lines, limit_s)) is not None:
            if not line.startswith("data:"):
                continue
            limit_s = self._timeouts.silence_s
            data = line.removeprefix("data:").strip()
            if data == "[DONE]":
                return
            told = _read(data.encode())
            if "error" in told:
                raise EngineFailed(str(told["error"])[:200])
            yield told

    async def _count(self, upstream: Upstream, text: str) -> int:
        body = {"content": text} if upstream.kind == "llamacpp" else {"prompt": text}
        body["model"] = self._model
        told = await self._post(upstream, f"{upstream.root}/tokenize", body)
        return int(told["count"]) if "count" in told else len(told["tokens"])

    async def _anywhere(self, ask: Callable[[Upstream], Awaitable[T]]) -> T:
        """Return what the first server answers that answers at all."""
        last: Exception | None = None
        for upstream in self.upstreams.in_order():
            try:
                with upstream.used():
                    found = await ask(upstream)
            except (httpx2.TransportError, Unavailable, KeyError, TypeError) as error:
                self._blame(upstream, error)
                last = error
                continue
            upstream.succeeded()
            return found
        raise self.upstreams.none_left(last)

    async def _post(self, upstream: Upstream, url: str, body: Mapping[str, object]) -> Any:
        async with within(CALL_TIMEOUT_S):
            response = await self.upstreams.http.post(url, json=body, timeout=CALL_TIMEOUT_S)
        if response.is_error:
            raise self._fault(response)
        return _read(response.content)

    def _blame(self, upstream: Upstream, error: Exception) -> None:
        """Count a fault; one that says when to come back is no fault of the server's."""
        if not (isinstance(error, Unavailable) and error.facts.get("full")):
            upstream.failed()
        if isinstance(error, httpx2.ConnectError):
            upstream.noticed(answers=False, reason="ConnectError")

    def _fault(self, response: httpx2.Response) -> AppError:
        """Return what a refusal of a server's means to our caller."""
        status = response.status_code
        told = _error(response)
        message = str(told.get("message", ""))[:300]
        wait = response.headers.get("retry-after", "")
        wait_s = float(wait) if wait.isdecimal() else None
        named = f"{told.get('code')} {told.get('type')} {message}"
        match status:
            case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.SERVICE_UNAVAILABLE:
                return Unavailable(f"upstream {status}", retry_after_s=wait_s, full=1)
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN | HTTPStatus.NOT_FOUND:
                return ModelUnusable(f"upstream {status}: {message}", model=self.name)
            case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return Unavailable(f"upstream {status}: {message}", retry_after_s=wait_s)
            case _ if _TOO_LONG.search(named):
                limit = int(told.get("n_ctx") or self.context_tokens)
                return ContextOverflow(
                    message, tokens=int(told.get("n_prompt_tokens") or limit + 1), limit=limit
                )
        feature = str(told.get("param") or "")
        return Unsupported(f"upstream: {message}", model=self.name, feature=feature)


def _body(model: str, prompt: Prompt, sampling: Sampling, kind: str) -> dict[str, object]:
    """Return a request; what asks for nothing is not sent, as not every server knows it."""
    body: dict[str, object] = {
        "model": model,
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
    }
    penalty = "repeat_penalty" if kind == "llamacpp" else "repetition_penalty"
    chosen: tuple[tuple[str, object, object], ...] = (
        ("top_k", sampling.top_k, 0),
        ("min_p", sampling.min_p, 0.0),
        (penalty, sampling.repetition_penalty, 1.0),
        ("stop", list(sampling.stop), []),
    )
    body |= {name: value for name, value, nothing in chosen if value != nothing}
    if sampling.json_schema is not None:
        schema = {"name": "answer", "schema": orjson.loads(sampling.json_schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if prompt.raw is not None:
        wanted = {"logprobs": sampling.top_logprobs} if sampling.top_logprobs is not None else {}
        return body | {"prompt": prompt.raw} | wanted
    if sampling.top_logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": sampling.top_logprobs}
    messages = [{"role": message.role, "content": message.content} for message in prompt.messages]
    return body | {"messages": messages}


def _piece(choice: Mapping[str, Any]) -> TextChunk:
    """Return what a chunk adds; one chunk is taken for one token until the usage is told."""
    text = (choice.get("delta") or {}).get("content") or choice.get("text") or ""
    likely = choice.get("logprobs") or {}
    tokens = tuple(
        TokenLogprob(
            token["token"],
            token["logprob"],
            tuple((other["token"], other["logprob"]) for other in token.get("top_logprobs", ())),
        )
        for token in likely.get("content") or ()
    )
    if not tokens and likely.get("tokens"):
        tops = likely.get("top_logprobs") or [{} for _ in likely["tokens"]]
        tokens = tuple(
            TokenLogprob(token, logprob or 0.0, tuple((top or {}).items()))
            for token, logprob, top in zip(
                likely["tokens"], likely["token_logprobs"], tops, strict=True
            )
        )
    return TextChunk(text, 1 if text else 0, logprobs=tokens)


async def _next(lines: AsyncIterator[str], limit_s: float) -> str | None:
    async with within(limit_s):
        return await anext(lines, None)


def _read(content: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise Unavailable("the upstream's answer is no JSON") from None
    return told if isinstance(told, dict) else {}


def _error(response: httpx2.Response) -> dict[str, Any]:
    """Return the error object of a refusal, {} when it holds none."""
    try:
        told = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    error = told.get("error", told) if isinstance(told, dict) else {}
    return error if isinstance(error, dict) else {"message": str(error)}
