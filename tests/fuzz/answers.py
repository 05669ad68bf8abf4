"""The fuzzer of what upstreams send: heads, events and JSON, to our clients that read them.

One input is the bytes of a response. A loopback server sends it, cut in pieces, to the remote
engine (chat, embeddings, the probe of a server) and to the client of ai_core (stream, replies).
"""

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx2
import stamina
from hypothesis import strategies as st

from ai_core.engines.base import ChatMessage, Prompt, Sampling
from ai_core.engines.remote.engine import RemoteEngine, RemoteTimeouts
from shared.ai.client import AiClient
from shared.ai.contract import ChatRequest, GenerateRequest, Message
from shared.clock import StoppedClock
from shared.errors import AppError
from tests.fuzz.campaign import Check, Fuzzer
from tests.fuzz.pieces import damaged, mixed
from tests.servers.raw_http import RawServer

TIMEOUTS = RemoteTimeouts(first_s=2.0, silence_s=2.0, answer_s=5.0)
Ask = Callable[[], Awaitable[object]]
AN_HOUR = timedelta(hours=1)
LIMIT_S = 60.0
"""Longer than every time limit of one input together: past it, something waits for ever."""
ASKED = Prompt((ChatMessage("user", "Bonjour"),), "Bonjour", (), "fr")
QUESTION = ChatRequest(messages=[Message(role="user", content="Bonjour")])
STATUSES = [
    b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK", b"HTTP/1.0 200",
    b"HTTP/1.1 204 No Content", b"HTTP/1.1 206 P", b"HTTP/1.1 302 Found", b"HTTP/1.1 400 B",
    b"HTTP/1.1 401 U", b"HTTP/1.1 404 N", b"HTTP/1.1 409 C", b"HTTP/1.1 413 T", b"HTTP/1.1 422 U",
    b"HTTP/1.1 429 T", b"HTTP/1.1 500 I", b"HTTP/1.1 503 S", b"HTTP/1.1 599 \xff",
    b"HTTP/1.1 999 X", b"HTTP/9.9 200 OK", b"ICY 200 OK", b"",
]  # fmt: skip
FIELDS = [
    b"Content-Type: text/event-stream", b"Content-Type: text/event-stream",
    b"Content-Type: application/json", b"Content-Type: application/problem+json",
    b"Content-Type: text/html; charset=utf-16", b"Content-Type: \xff",
    b"Transfer-Encoding: chunked", b"Content-Encoding: gzip", b"Content-Encoding: deflate",
    b"Content-Encoding: br", b"Content-Encoding: zstd", b"Content-Encoding: gzip, gzip",
    b"Content-Length: 5", b"Content-Length: -1", b"Content-Length: 5, 6", b"Retry-After: 0",
    b"Retry-After: -1", b"Retry-After: nan", b"Retry-After: 1e999", b"Retry-After: Fri, 99 Foo",
    b"Retry-After: Wed, 21 Oct 2099 07:28:00 GMT", b"Location: http://[", b"Set-Cookie: a=\x00",
    b"Set-Cookie: a=b; expires=x", b"Connection: upgrade", b"Trailer: x", b"X: " + b"y" * 70_000,
    b": x", b"no colon", b" fold",
]  # fmt: skip
SCALARS: list[object] = [
    None,
    True,
    0,
    -1,
    1.5,
    1e308,
    10**30,
    "",
    "x",
    "un ",
    "stop",
    "\ud800",
    "\0",
    "<|im_end|>",
    "2026-13-45",
    [],
    {},
]
KEYS = [
    "choices", "delta", "message", "content", "text", "index", "finish_reason", "role", "refusal",
    "reasoning_content", "usage", "prompt_tokens", "completion_tokens", "error", "code", "param",
    "type", "logprobs", "top_logprobs", "token", "logprob", "bytes", "data", "embedding", "id",
    "object", "owned_by", "max_model_len", "meta", "n_ctx_train", "count", "tokens", "response",
    "citations", "kind", "number", "title", "url", "quote", "status", "in_force_since",
    "tool_calls", "tokens_used", "processing_time", "model", "conversation_id", "abstained",
    "clarification", "detail", "timings",
]  # fmt: skip
EVENT_NAMES = [
    "",
    "citations",
    "usage",
    "error",
    "status",
    "notice",
    "position",
    "abstained",
    "clarification",
    "ping",
]
SOUND = [
    {"choices": [{"index": 0, "delta": {"content": "un "}, "finish_reason": None}]},
    {
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "un"}, "finish_reason": "stop"}
        ]
    },
    {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}},
    {
        "choices": [
            {
                "delta": {},
                "logprobs": {"content": [{"token": "a", "logprob": -1, "top_logprobs": []}]},
            }
        ]
    },
    {"error": {"message": "no", "code": "x", "param": None}},
    {"data": [{"embedding": [1.0, 2.0], "index": 0}]},
    {"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 4096}]},
    {"delta": "un "},
    {"model": "m", "tokens_used": 3, "processing_time": 0.1, "conversation_id": "c"},
    [
        {
            "kind": "article",
            "id": "L1",
            "number": "L1",
            "title": "t",
            "url": "https://x",
            "quote": "q",
        }
    ],
    {
        "code": "too_many_requests",
        "detail": "Attendez.",
        "status": 429,
        "title": "t",
        "request_id": "r",
    },
]
WORDS = [
    b"data: ", b"data:", b"event: ", b"id: 1\n", b"retry: 9\n", b": c\n", b"\n\n", b"\r\n\r\n",
    b"\n", b"\r", b"data: [DONE]\n\n", b"[DONE]", b'"', b"{", b"}", b"[", b"]", b",", b":",
    b"null", b"NaN", b"1e999", b"-", b"\\u", b"\\ud83d", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\xc3",
    b"\xff", b"\0", b"[" * 3_000, b'{"a":' * 2_000, b"5\r\n", b"0\r\n\r\n", b"ffffffffff\r\n",
    *(f'"{key}":'.encode() for key in KEYS),
]  # fmt: skip


def values() -> st.SearchStrategy[object]:
    """Return JSON of the APIs' own fields, with values of other types."""
    return st.one_of(
        st.sampled_from(SOUND),
        st.recursive(
            st.one_of(
                st.sampled_from(SCALARS), st.sampled_from(SOUND), st.integers(), st.text(max_size=5)
            ),
            lambda inner: st.one_of(
                st.lists(inner, max_size=4),
                st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
            ),
            max_leaves=8,
        ),
    )


def bodies() -> st.SearchStrategy[bytes]:
    """Return event streams and JSON documents, sound and damaged."""
    written = values().map(lambda value: json.dumps(value).encode())
    event = st.builds(
        lambda name, data, end: (
            (f"event: {name}\n".encode() if name else b"") + b"data: " + data + end
        ),
        st.sampled_from(EVENT_NAMES),
        written,
        st.sampled_from([b"\n\n", b"\n\n", b"\r\n\r\n", b"\n", b""]),
    )
    done = st.sampled_from([b"data: [DONE]\n\n", b""])
    stream = st.builds(
        lambda events, end: b"".join(events) + end, st.lists(event, max_size=6), done
    )
    sound = st.one_of(stream, stream, written)
    return st.one_of(sound, damaged(sound, WORDS), mixed(WORDS, 30))


def inputs() -> st.SearchStrategy[bytes]:
    """Return responses: a head, fields and a body, encoded as the head says or not."""

    def response(status: bytes, fields: list[bytes], body: bytes, how: str, cut: bool) -> bytes:
        packed = _packed(body, how)
        head = b"\r\n".join([status, *fields, b"Connection: close", b"", b""])
        return head + (packed[: len(packed) // 2] if cut else packed)

    return st.builds(
        response,
        st.sampled_from(STATUSES),
        st.lists(st.sampled_from(FIELDS), max_size=3),
        bodies(),
        st.sampled_from(["", "", "", "gzip", "deflate", "chunked"]),
        st.sampled_from([False, False, False, True]),
    )


def _packed(body: bytes, how: str) -> bytes:
    if how == "gzip":
        return gzip.compress(body)
    if how == "deflate":
        return zlib.compress(body)
    if how == "chunked":
        return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    return body


@asynccontextmanager
async def opened() -> AsyncIterator[Check]:
    """Yield the check of one response."""
    server, clock = RawServer({}), StoppedClock(datetime(2026, 11, 20, tzinfo=UTC))
    async with server.running() as url:
        engine = RemoteEngine(
            *("far", "w", [url]), model="m", context_tokens=4_096, timeouts=TIMEOUTS, clock=clock
        )
        # A transport without certificates: reading them takes longer than everything else.
        transport = httpx2.AsyncHTTPTransport(verify=False)
        ai_core = AiClient(url, "key", transport=transport, clock=clock)

        async def check(data: bytes) -> None:
            size = zlib.crc32(data) % 2_000 + 1
            server.answers = {"": [data[at : at + size] for at in range(0, len(data), size)]}
            server.asked.clear()
            async with asyncio.timeout(LIMIT_S):
                for ask in (*_asked_of_engine(engine), *_asked_of_ai_core(ai_core)):
                    clock.set(clock.now() + AN_HOUR)  # what failed before is tried again
                    try:
                        await ask()
                    except AppError:
                        continue

        with stamina.set_testing(True, attempts=2, cap=True):
            yield check
        await engine.close()
        await transport.aclose()


def _asked_of_engine(engine: RemoteEngine) -> list[Ask]:
    async def stream() -> None:
        chunks = [chunk async for chunk in engine.stream(ASKED, Sampling(max_tokens=20))]
        assert chunks[-1].finish_reason in {"stop", "length", "content_filter"}
        assert sum(chunk.tokens for chunk in chunks) >= 0
        "".join(chunk.text for chunk in chunks).encode()

    async def embed() -> None:
        assert len(await engine.embed(["a"])) == 1

    async def count() -> None:
        assert all(count > 0 for count in await engine.count_tokens(["a"]))

    return [engine.upstreams.probe_all, stream, embed, count]


def _asked_of_ai_core(client: AiClient) -> list[Ask]:
    async def generate() -> None:
        await client.generate(GenerateRequest(prompt="a"))

    async def look() -> None:
        await client.models()
        await client.health()

    return [lambda: _streamed(client), generate, look]


async def _streamed(client: AiClient) -> None:
    async for piece in client.stream(QUESTION):
        repr(piece).encode("utf-8", "backslashreplace")


ANSWERS = Fuzzer("sse", inputs, opened)
