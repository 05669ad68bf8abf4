"""The rest of the API: search, articles, models, health, metrics, and how it speaks of errors."""

from typing import Any

import pytest

from ai_core.access.keys import Scope


async def get(house: Any, path: str, scope: Scope = Scope.INFERENCE) -> Any:
    return await house.client.get(path, headers=house.bearing(scope))


async def test_search_gives_passages_word_for_word_with_their_address(house: Any) -> None:
    reply = (await get(house, "/api/v1/search?q=préavis de démission&kind=article&limit=3")).json()

    assert 1 <= len(reply["passages"]) <= 3
    assert {passage["kind"] for passage in reply["passages"]} == {"article"}
    assert reply["passages"][0]["url"].startswith("https://www.legifrance.gouv.fr/")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "q=",
        "q=%00",
        f"q={'a' * 2_001}",
        "q=a&limit=0",
        "q=a&limit=51",
        "q=a&kind=loi",
        "q=a&page=2",
    ],
)
async def test_a_search_that_makes_no_sense_is_refused(house: Any, query: str) -> None:
    response = await get(house, f"/api/v1/search?{query}")

    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


async def test_an_article_comes_whole_with_its_path_and_the_fiches_that_cite_it(
    house: Any,
) -> None:
    article = (await get(house, "/api/v1/articles/l. 1237-1")).json()

    assert article["number"] == "L1237-1"
    assert article["title"] == "Démission"
    assert article["section_path"][0] == "Partie législative"
    assert article["cited_by_fiches"][0]["title"] == "La démission"


async def test_an_article_is_given_as_it_was_on_another_day(house: Any) -> None:
    before = (await get(house, "/api/v1/articles/L6326-2?as_of=2026-05-31")).json()
    after = (await get(house, "/api/v1/articles/L6326-2?as_of=2026-06-01")).json()

    assert (before["in_force_until"], after["in_force_since"]) == ("2026-06-01", "2026-06-01")


async def test_an_unknown_article_is_a_404_in_the_readers_language(house: Any) -> None:
    headers = {**house.bearing(), "Accept-Language": "en"}

    response = await house.client.get("/api/v1/articles/L9999-1", headers=headers)

    assert response.status_code == 404
    assert response.json()["detail"] == (
        "No article in force on that day bears the number “L9999-1”."
    )


async def test_the_built_in_model_is_listed_loaded_and_the_default(house: Any) -> None:
    [model] = (await get(house, "/api/v1/models")).json()["models"]
    told = {name: model[name] for name in ("id", "format", "state", "default")}
    assert told == {"id": "extractive", "format": "built-in", "state": "loaded", "default": True}


@pytest.mark.parametrize(
    ("action", "model", "scope", "status", "code"),
    [
        ("load", "extractive", Scope.ADMIN, 200, None),
        ("load", "gpt-9", Scope.ADMIN, 404, "unknown_model"),
        ("unload", "extractive", Scope.ADMIN, 409, "model_built_in"),
        ("unload", "gpt-9", Scope.ADMIN, 404, "unknown_model"),
        ("unload", "extractive", Scope.INFERENCE, 403, "not_allowed"),
    ],
)
async def test_only_an_administrator_moves_models(
    house: Any, action: str, model: str, scope: Scope, status: int, code: str | None
) -> None:
    response = await house.client.post(
        f"/api/v1/models/{action}", json={"model": model}, headers=house.bearing(scope)
    )

    assert (response.status_code, response.json().get("code")) == (status, code)


async def test_a_publishable_key_asks_and_reads_but_does_not_generate(house: Any) -> None:
    headers = {**house.bearing(Scope.PUBLISHABLE), "Origin": "http://ai_core"}
    body = {"prompt": "Quel préavis de démission ?"}

    generated = await house.client.post("/api/v1/generate", json=body, headers=headers)
    article = await house.client.get("/api/v1/articles/L1237-1", headers=headers)

    assert (generated.status_code, article.status_code) == (403, 200)


async def test_health_says_how_old_the_law_is_to_anybody(house: Any) -> None:
    reply = (await house.client.get("/api/v1/health")).json()

    assert reply["status"] == "ok"
    assert reply["corpus"]["law_date"] == "2026-03-27"
    assert reply["corpus"]["age_days"] == 238
    assert reply["models"] == ["extractive"]


async def test_a_service_with_its_law_and_its_keys_is_ready(house: Any) -> None:
    statuses = [(await house.client.get(path)).status_code for path in ("/live", "/ready")]

    assert statuses == [200, 200]


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/metrics"])
async def test_the_measures_are_for_administrators(house: Any, path: str) -> None:
    await house.client.post(
        "/api/v1/generate", json={"prompt": "Que dit L1237-1 ?"}, headers=house.bearing()
    )

    refused = await get(house, path)
    measures = (await get(house, path, Scope.ADMIN)).text

    assert refused.status_code == 403
    assert 'answers_total{end="answered",model="extractive"} 1.0' in measures
    assert "corpus_articles " in measures
    assert "time_to_first_token_seconds_bucket" in measures
    assert "e2e_request_latency_seconds_bucket" in measures


async def test_answers_come_without_redis_and_conversations_do_not_last(
    house_with: Any, own_redis: Any
) -> None:
    async with house_with(redis=own_redis) as house:
        body = {"messages": [{"role": "user", "content": "Que dit L1237-1 ?"}]}
        await house.client.post("/api/v1/chat", json=body, headers=house.bearing())
        own_redis.kill()

        response = await house.client.post("/api/v1/chat", json=body, headers=house.bearing())
        health = (await house.client.get("/api/v1/health")).json()
        path = f"/api/v1/conversations/{response.json()['conversation_id']}"
        erased = await house.client.delete(path, headers=house.bearing())

    assert response.status_code == 200
    assert response.json()["citations"][0]["number"] == "L1237-1"
    assert (health["status"], health["redis"]) == ("degraded", "down")
    assert erased.status_code == 503
    assert erased.headers["retry-after"]


async def measures(house: Any) -> str:
    return str((await get(house, "/metrics", Scope.ADMIN)).text)


async def test_questions_are_counted_by_channel_and_language_cached_ones_too(house: Any) -> None:
    french = {"messages": [{"role": "user", "content": "Quelle est la durée légale du travail ?"}]}
    english = {"messages": [{"role": "user", "content": "What does article L3121-27 say?"}]}
    told = {**house.bearing(), "X-Channel": "telegram"}
    for body, headers in ((french, told), (french, told), (english, house.bearing())):
        reply = await house.client.post("/api/v1/chat", json=body, headers=headers)
        assert reply.status_code == 200

    lines = await measures(house)

    assert 'questions_total{channel="telegram",language="fr",turn="first"} 2.0' in lines
    assert 'questions_total{channel="api",language="en",turn="first"} 1.0' in lines


async def test_a_channel_we_do_not_know_is_the_api_and_a_later_turn_no_new_conversation(
    house: Any,
) -> None:
    headers = {**house.bearing(), "X-Channel": "camille@example.org"}
    question = {"role": "user", "content": "Quelle est la durée du préavis de démission ?"}
    first = await house.client.post("/api/v1/chat", json={"messages": [question]}, headers=headers)
    again = {"messages": [question], "conversation_id": first.json()["conversation_id"]}
    await house.client.post("/api/v1/chat", json=again, headers=headers)

    lines = await measures(house)

    assert 'questions_total{channel="api",language="fr",turn="first"} 1.0' in lines
    assert 'questions_total{channel="api",language="fr",turn="later"} 1.0' in lines
    assert "camille" not in lines


async def test_the_topic_of_an_answer_is_the_book_of_the_code_it_begins_with(house: Any) -> None:
    await house.client.post(
        "/api/v1/generate", json={"prompt": "Que dit l'article L3121-27 ?"}, headers=house.bearing()
    )

    topic = "Durée du travail, salaire – Durée du travail"
    assert f'answer_topics_total{{topic="{topic}"}} 1.0' in await measures(house)


async def test_the_parts_ai_core_needs_are_shown(house: Any) -> None:
    lines = await measures(house)

    assert 'part_up{part="redis"} 1.0' in lines
    assert 'part_up{part="corpus"} 1.0' in lines
    assert "process_resident_memory_bytes" in lines
