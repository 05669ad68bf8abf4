"""The same question, asked the same way of the same model and the same law, is answered once.

Only deterministic answers are kept, never across scopes, never with personal data: the caller masks
the question first, and what still holds any is not kept. While Redis is lost nothing is read or
kept, and questions are answered all the same. Several processes may each answer a question once.
"""

import asyncio
import hashlib
import unicodedata
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter
from redis.exceptions import RedisError

from ai_core.redis_keys import TAG
from shared.ai.contract import GenerateReply
from shared.privacy.masking import contains_personal_data
from shared.stores.redis_connection import RedisConnection

log = structlog.get_logger()

DEFAULT_TTL_S = 24 * 3600
PER_REQUEST = {"processing_time", "timestamp", "conversation_id", "cached"}
APOSTROPHES = str.maketrans({"’": "'", "ʼ": "'"})


@dataclass(frozen=True, slots=True)
class Asked:
    """All that an answer depends on. `question` is masked; `turns` came before it.

    `writing` is every other choice of how it is written.
    """

    question: str
    model: str
    weights: str
    max_tokens: int
    temperature: float
    top_p: float
    prompt_version: str
    corpus_version: str
    language: str
    scope: str
    writing: tuple[object, ...] = ()
    knowledge: bool = True
    agreement: str | None = None
    as_of: date | None = None
    turns: tuple[str, ...] = ()


def canonical(question: str) -> str:
    """Return the question without differences nobody means: spaces, apostrophes, Unicode form."""
    return " ".join(unicodedata.normalize("NFC", question).translate(APOSTROPHES).split())


def cache_key(asked: Asked) -> str | None:
    """Return the name under which the answer is kept, or None when it must not be."""
    if asked.temperature > 0:
        return None
    texts = (canonical(asked.question), *map(canonical, asked.turns))
    if any(contains_personal_data(text) for text in texts):
        return None
    form = orjson.dumps(
        (
            *(texts, asked.model, asked.weights, asked.max_tokens, asked.top_p),
            *(asked.prompt_version, asked.corpus_version, asked.language, asked.scope),
            *(asked.knowledge, asked.agreement, asked.as_of, asked.writing),
        )
    )
    return f"{TAG}:answer:{hashlib.sha256(form).hexdigest()}"


def strip(reply: GenerateReply) -> bytes:
    """Return the reply's JSON without what belongs to one request."""
    return reply.model_dump_json(exclude=PER_REQUEST).encode()


def complete(
    body: bytes,
    *,
    cached: bool,
    processing_time_s: float,
    now: datetime,
    conversation_id: str | None = None,
) -> bytes:
    """Return a stripped body with what belongs to this request put back."""
    own: dict[str, object] = {
        "processing_time": round(processing_time_s, 6),
        "timestamp": now,
        "cached": cached,
    }
    if conversation_id is not None:
        own["conversation_id"] = conversation_id
    return body[:-1] + b"," + orjson.dumps(own)[1:]


class CacheMetrics:
    """How often an answer was known."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lookups = Counter(
            "answer_cache_lookups", "Answers looked up.", ["outcome"], registry=registry
        )


class AnswerCache:
    """Answers by key, for `ttl_s`."""

    def __init__(
        self, connection: RedisConnection, metrics: CacheMetrics, *, ttl_s: int = DEFAULT_TTL_S
    ) -> None:
        self._connection = connection
        self._ttl_s = ttl_s
        self._hits = metrics.lookups.labels("hit")
        self._misses = metrics.lookups.labels("miss")
        self._writing: dict[str, _Flight] = {}

    def saw(self, cached: bytes | None) -> None:
        """Count a look-up that the gate made."""
        (self._misses if cached is None else self._hits).inc()

    async def get(self, key: str) -> bytes | None:
        """Return the body kept under `key`, if any."""
        try:
            body: bytes | None = await self._connection.call("GET", key)
        except RedisError:
            body = None
        self.saw(body)
        return body

    async def put(self, key: str, body: bytes, *, published: bool = False) -> None:
        """Keep a body, unless it holds personal data or Redis is lost.

        A `published` one only quotes what is public already (a ministry's telephone number, say).
        """
        if not published and contains_personal_data(body.decode()):
            log.warning("answer not kept", reason="personal data")
            return
        try:
            await self._connection.call("SET", key, body, "EX", self._ttl_s)
        except RedisError as error:
            log.warning("answer not kept", reason=type(error).__name__)

    async def once(
        self, key: str, write: Callable[[], Awaitable[bytes]], *, published: bool = False
    ) -> bytes:
        """Write the answer and keep it; whoever asks for it meanwhile waits for the same one.

        Its failure is everybody's. It goes on while anybody still waits, whoever came first.
        """
        flight = self._writing.get(key)
        if flight is None:
            flight = _Flight(asyncio.create_task(self._write(key, write, published)))
            self._writing[key] = flight
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._writing.pop(key, None)
                flight.task.cancel()

    async def _write(
        self, key: str, write: Callable[[], Awaitable[bytes]], published: bool
    ) -> bytes:
        try:
            body = await write()
            await self.put(key, body, published=published)
        finally:
            if (flight := self._writing.get(key)) and flight.task is asyncio.current_task():
                del self._writing[key]
        return body


@dataclass(slots=True)
class _Flight:
    """One answer being written, and how many wait for it."""

    task: asyncio.Task[bytes]
    waiting: int = 0
