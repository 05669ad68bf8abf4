"""Answer cache, keyed by question, model, law and every option of the answer.

Only deterministic answers are cached, never across scopes, never with personal data: the caller
masks the question first, and one with a label of the masking, or with personal data that it left,
is not cached. An answer is encrypted with a key derived from the question and everything else it
depends on, which Redis never gets: only somebody who asks the same opens it. While Redis is lost
the cache is skipped. This module makes keys, stores and opens; the gate reads, together with the
rate limits (access/gate.py: `Permit.cached_reply`, access/lua/admit.lua).
"""

import hashlib
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter
from redis.exceptions import RedisError

from ai_core.answering.events import Done
from ai_core.answering.masking import is_short
from ai_core.redis_keys import TAG
from shared.ai.contract import GenerateReply
from shared.privacy.encryption import DerivedKey
from shared.privacy.masking import contains_label, contains_personal_data
from shared.stores.redis_connection import RedisConnection

log = structlog.get_logger()

DEFAULT_TTL_S = 24 * 3600
PURPOSE = "answer cache"
MAX_CHARACTERS = 8_192
MAX_DIGITS = 128
"""Of a question and the turns before it: what has more is rarely asked twice, and is read once more
for personal data, in the event loop, before it is looked up."""
MAX_WRITTEN_CHARACTERS = 16_384
MAX_WRITTEN_DIGITS = 256
"""Of what a model wrote, which is read for personal data before it is stored: 10 ms at worst."""
PER_REQUEST = {"processing_time", "timestamp", "conversation_id", "cached", "answer_id"}
APOSTROPHES = str.maketrans({"’": "'", "ʼ": "'"})


@dataclass(frozen=True)
class CacheKey:
    """Where an answer is in Redis (`name`), and what its encryption key is derived from."""

    name: str
    secret: bytes

    @cached_property
    def encryption(self) -> DerivedKey:
        """The encryption key: derived once for a question that is asked again and again."""
        return DerivedKey(self.secret, PURPOSE)


@dataclass(frozen=True, slots=True)
class AnswerInputs:
    """Everything an answer depends on.

    `question` is masked; `turns` are the earlier ones. `writing` holds every other sampling option,
    `profile` the facts known, as JSON.
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
    profile: str = ""


def normalized(question: str) -> str:
    """Return the question with spaces, apostrophes and Unicode form normalized."""
    return " ".join(unicodedata.normalize("NFC", question).translate(APOSTROPHES).split())


def cache_key(inputs: AnswerInputs) -> CacheKey | None:
    """Return the key of the answer, or None when it must not be cached."""
    if inputs.temperature > 0:
        return None
    if not is_short((inputs.question, *inputs.turns), MAX_CHARACTERS, MAX_DIGITS):
        return None
    texts = (normalized(inputs.question), *map(normalized, inputs.turns))
    if any(contains_label(text) or contains_personal_data(text) for text in texts):
        return None
    form = orjson.dumps(
        (
            *(texts, inputs.model, inputs.weights, inputs.max_tokens, inputs.top_p),
            *(inputs.prompt_version, inputs.corpus_version, inputs.language, inputs.scope),
            *(inputs.knowledge, inputs.agreement, inputs.as_of, inputs.writing, inputs.profile),
        )
    )
    secret = hashlib.sha256(form).digest()
    return CacheKey(f"{TAG}:answer:{hashlib.sha256(secret).hexdigest()}", secret)


def open_cached(key: CacheKey, sealed: bytes) -> bytes:
    """Return the body that `AnswerCache.put` stored. Raises DecryptionFailed."""
    return key.encryption.open(sealed)


def shared_body(reply: GenerateReply) -> bytes:
    """Return a reply's JSON without the fields that belong to one request."""
    return reply.model_dump_json(exclude=PER_REQUEST).encode()


def add_request_fields(
    body: bytes,
    *,
    cached: bool,
    processing_time_s: float,
    timestamp: datetime,
    answer_id: str = "",
    conversation_id: str | None = None,
) -> bytes:
    """Return a shared body with the fields of one request, without parsing it."""
    fields: dict[str, object] = {
        "processing_time": round(processing_time_s, 6),
        "timestamp": timestamp,
        "cached": cached,
        "answer_id": answer_id,
    }
    if conversation_id is not None:
        fields["conversation_id"] = conversation_id
    return body[:-1] + b"," + orjson.dumps(fields)[1:]


def parse_cached(body: bytes, *, processing_time_s: float, timestamp: datetime) -> Done:
    """Return the answer cached as `body`, for one request."""
    fields = add_request_fields(
        body, cached=True, processing_time_s=processing_time_s, timestamp=timestamp
    )
    return Done(GenerateReply.model_validate_json(fields), body)


class CacheMetrics:
    """Lookups in the answer cache."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.lookups = Counter(
            "answer_cache_lookups", "Answers looked up.", ["outcome"], registry=registry
        )


class AnswerCache:
    """Caches answers by key for `ttl_s`. The gate reads it, with the rate limits."""

    def __init__(
        self, connection: RedisConnection, metrics: CacheMetrics, *, ttl_s: int = DEFAULT_TTL_S
    ) -> None:
        self._connection = connection
        self._ttl_s = ttl_s
        self._hits = metrics.lookups.labels("hit")
        self._misses = metrics.lookups.labels("miss")

    def count_lookup(self, *, hit: bool) -> None:
        """Count a lookup that the gate made."""
        (self._hits if hit else self._misses).inc()

    async def put(self, key: CacheKey, body: bytes, *, written: str = "") -> None:
        """Encrypt and store a body, unless Redis is lost, or a model wrote personal data.

        `written` is the model's text; the rest is public, such as a ministry's telephone number.
        """
        if not is_short([written], MAX_WRITTEN_CHARACTERS, MAX_WRITTEN_DIGITS):
            return
        if contains_personal_data(written):
            log.warning("answer not cached", reason="personal data")
            return
        try:
            sealed = key.encryption.seal(body)
            await self._connection.call("SET", key.name, sealed, "EX", self._ttl_s)
        except RedisError as error:
            log.warning("answer not cached", reason=type(error).__name__)
