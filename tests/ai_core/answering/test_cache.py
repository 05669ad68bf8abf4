from dataclasses import replace
from datetime import UTC, date, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from ai_core.answering.cache import (
    AnswerCache,
    AnswerInputs,
    CacheKey,
    CacheMetrics,
    add_request_fields,
    cache_key,
    open_cached,
    shared_body,
)
from ai_core.answering.single_flight import SingleFlight
from ai_core.redis_keys import TAG
from shared.ai.contract import GenerateReply
from shared.privacy.encryption import DecryptionFailed
from shared.privacy.masking import mask
from shared.stores.redis_connection import RedisConnection

ANSWER = CacheKey(f"{TAG}:answer:1", b"what was asked")

INPUTS = AnswerInputs(
    question="Quelle est la durée du préavis ?",
    model="extractive",
    weights="1",
    max_tokens=512,
    temperature=0.0,
    top_p=1.0,
    prompt_version="p1",
    corpus_version="c1",
    language="fr",
    scope="inference",
)
OTHERS = {
    "question": "Quelle est la durée du congé ?",
    "model": "autre",
    "weights": "2",
    "max_tokens": 256,
    "top_p": 0.9,
    "prompt_version": "p2",
    "corpus_version": "c2",
    "language": "en",
    "scope": "publishable",
    "writing": (40,),
    "knowledge": False,
    "agreement": "1979",
    "as_of": date(2020, 1, 1),
    "turns": ("Bonjour",),
    "profile": '{"category":"cadre"}',
}


@pytest.fixture
async def cache(connection: RedisConnection) -> AnswerCache:
    return AnswerCache(connection, CacheMetrics(CollectorRegistry()))


@pytest.mark.parametrize("field", OTHERS)
def test_whatever_the_answer_depends_on_changes_its_name(field: str) -> None:
    assert cache_key(INPUTS) != cache_key(replace(INPUTS, **{field: OTHERS[field]}))  # type: ignore[arg-type]


def test_every_part_of_what_was_asked_is_tried_above() -> None:
    assert set(OTHERS) | {"temperature"} == set(AnswerInputs.__dataclass_fields__)


def test_spaces_apostrophes_and_unicode_forms_do_not_change_it() -> None:
    typed = replace(INPUTS, question="Qu'est-ce que l'été ?")
    pasted = replace(INPUTS, question="  Qu’est-ce  que l’e\u0301te\u0301 ?\n")

    assert cache_key(typed) == cache_key(pasted)


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_neighbouring_parts_never_run_together(a: str, b: str, c: str, d: str) -> None:
    one, two = replace(INPUTS, model=a, weights=b), replace(INPUTS, model=c, weights=d)

    assert (cache_key(one) == cache_key(two)) == ((a, b) == (c, d))


def test_an_answer_left_to_chance_is_not_kept() -> None:
    assert cache_key(replace(INPUTS, temperature=0.7)) is None


def test_a_question_with_personal_data_is_not_kept() -> None:
    assert cache_key(replace(INPUTS, question="Je suis jean@exemple.fr, quel préavis ?")) is None
    assert cache_key(replace(INPUTS, turns=("06 12 34 56 78",))) is None


def test_a_question_in_which_personal_data_were_masked_is_not_kept() -> None:
    asked = mask("Je suis jean@exemple.fr, quel préavis ?").text
    assert "<EMAIL_1>" in asked
    assert cache_key(replace(INPUTS, question=asked)) is None
    assert cache_key(replace(INPUTS, turns=(asked,))) is None


def test_what_takes_long_to_read_for_personal_data_is_not_looked_up() -> None:
    assert cache_key(replace(INPUTS, question="mot " * 2_048)) is not None
    assert cache_key(replace(INPUTS, question="7 " * 129)) is None
    assert cache_key(replace(INPUTS, turns=("7 " * 65, "7 " * 65))) is None
    assert cache_key(replace(INPUTS, question="mot " * 2_049)) is None


async def test_redis_reads_neither_the_question_nor_its_answer(
    cache: AnswerCache, connection: RedisConnection
) -> None:
    key = cache_key(INPUTS)
    assert key
    body = '{"response":"Zulma Tarquin, votre préavis est de deux mois"}'.encode()
    await cache.put(key, body)

    [name] = await connection.call("KEYS", "*")
    assert key.secret not in name
    assert key.secret.hex().encode() not in name
    stored = await connection.call("GET", name)
    assert "préavis".encode() not in stored
    assert b"Tarquin" not in stored
    assert open_cached(key, stored) == body
    with pytest.raises(DecryptionFailed):
        open_cached(replace(key, secret=b"another question"), stored)


async def test_personal_data_do_not_reach_redis_in_an_answer(
    cache: AnswerCache, connection: RedisConnection
) -> None:
    written = "Écrivez à jean@exemple.fr"
    await cache.put(ANSWER, f'{{"response":"{written}"}}'.encode(), written=written)

    assert await connection.call("KEYS", "*") == []


@pytest.mark.parametrize("written", ["7 " * 257, "mot " * 4_097])
async def test_an_answer_that_takes_long_to_read_for_them_is_not_kept(
    cache: AnswerCache, connection: RedisConnection, written: str
) -> None:
    await cache.put(ANSWER, b"{}", written=written)

    assert await connection.call("KEYS", "*") == []


async def test_what_is_kept_ends(cache: AnswerCache, connection: RedisConnection) -> None:
    await cache.put(ANSWER, b"{}")

    assert open_cached(ANSWER, await connection.call("GET", ANSWER.name)) == b"{}"
    assert 0 < await connection.call("TTL", ANSWER.name) <= 24 * 3600


async def test_without_redis_questions_are_answered_all_the_same(
    connection: RedisConnection,
) -> None:
    cache = AnswerCache(connection, CacheMetrics(CollectorRegistry()))
    await connection.close()

    async def work() -> bytes:
        await cache.put(ANSWER, b"{}")
        return b'{"response":"quinze jours"}'

    assert await SingleFlight[bytes]().run(ANSWER.name, work) == b'{"response":"quinze jours"}'


def test_what_belongs_to_one_request_is_put_back_for_each() -> None:
    reply = GenerateReply(
        response="quinze jours",
        model="extractive",
        tokens_used=12,
        processing_time=1.5,
        timestamp=datetime(2020, 1, 1, tzinfo=UTC),
        citations=[],
        corpus_date=date(2026, 11, 1),
        notice="…",
    )
    kept = shared_body(reply)
    assert not {"processing_time", "timestamp", "cached"} & set(orjson.loads(kept))

    now = datetime(2026, 11, 20, tzinfo=UTC)
    body = add_request_fields(kept, cached=True, processing_time_s=0.25, timestamp=now)
    put_back = GenerateReply.model_validate_json(body)
    assert put_back == reply.model_copy(
        update={"cached": True, "processing_time": 0.25, "timestamp": now}
    )
    chat = add_request_fields(
        kept, cached=False, processing_time_s=0, timestamp=now, conversation_id="abcdefgh"
    )
    assert orjson.loads(chat)["conversation_id"] == "abcdefgh"
