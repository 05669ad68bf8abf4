"""What is kept of answers and of verdicts on them: statistics, and nothing about anybody.

One database and one app for the whole file, since each costs a second to make.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from ai_core.access.keys import Scope
from ai_core.access.rate_limits import RateLimits
from ai_core.records import database, events
from ai_core.records.events import AnswerEvent
from ai_core.settings import PostgresSettings
from deploy.local.postgres_server import PostgresServer
from shared.clock import StoppedClock
from tests.ai_core.conftest import OpenApp, RunningApp, connected
from tests.ai_core.records.conftest import NOON, START_TIMEOUT_S, OpenRecords
from tests.journeys.canaries import found_in, spellings
from tests.mail_service.polling import becomes

PAGE = {"Sec-Fetch-Site": "same-origin"}
NAME = "Zörvâne Quénotte"
PERSON = (
    NAME, "zorvane.quenotte@example.org", "06 39 98 41 27", "2 91 05 75 116 042 31",
    "FR76 3000 4028 3798 7654 3210 943", "14 rue des Tilleuls",
)  # fmt: skip
CANARIES = (*PERSON, *NAME.split())
ASKED = (
    f"Je suis {NAME}, {PERSON[1]}, {PERSON[2]}, n° {PERSON[3]}, IBAN {PERSON[4]}, {PERSON[5]}. "
    "Quelle est la durée du préavis de démission ?"
)


def page_headers(app: RunningApp) -> dict[str, str]:
    return {**app.key_header(Scope.PUBLISHABLE), **PAGE}


async def rows(app: RunningApp, statement: str) -> list[dict[str, Any]]:
    """Return rows, once what was recorded in the background is written."""
    async with asyncio.timeout(START_TIMEOUT_S):
        await app.state["event_writer"].written()
        await app.state["records"].wait_until_up()
    async with app.state["records"].transaction() as db:
        return [dict(row) for row in await db.fetch(statement)]


@pytest.fixture
def postgres(database_url: str, key_file: Path) -> PostgresSettings:
    return PostgresSettings.model_validate({"url": database_url, "key_file": key_file})


@pytest.fixture
async def app(running_app: OpenApp, postgres: PostgresSettings) -> AsyncIterator[RunningApp]:
    async with running_app(postgres=postgres) as app:
        async with asyncio.timeout(START_TIMEOUT_S):
            await app.state["records"].wait_until_up()
        yield app


async def ask(app: RunningApp, text: str, path: str = "/api/v1/generate", **more: Any) -> Any:
    body = {"prompt": text} if path.endswith("generate") else {"messages": [user(text)]}
    reply = await app.client.post(path, json=body | more, headers=app.key_header())
    assert reply.status_code == 200, reply.text
    return reply


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


async def test_every_answer_leaves_one_event_that_says_how_it_ended(app: RunningApp) -> None:
    cited = "Que dit l'article L3121-27 ?"
    first = (await ask(app, cited)).json()
    for _ in range(20):  # entries that are checked meanwhile make answers before them useless
        again = (await ask(app, cited)).json()
        if again["cached"]:
            break
        first = again
    refused = (await ask(app, "Que dit l'article L9999-99 ?", "/api/v1/chat")).json()
    streamed = await ask(app, "Bonjour", "/api/v1/chat", stream=True)
    english = await app.client.post(
        "/api/v1/chat",
        json={"messages": [user("What does article L3121-27 say?")]},
        headers={**page_headers(app), "X-Channel": "telegram"},
    )
    found = await rows(app, "SELECT * FROM events")
    by_id = {row["answer_id"]: row for row in found}

    assert len(found) == len(by_id) >= 5
    told = by_id[first["answer_id"]]
    assert (told["outcome"], told["cached"], told["language"]) == ("answered", False, "fr")
    assert (told["channel"], told["confidence"]) == ("api", first["confidence"])
    assert by_id[again["answer_id"]] == told | {
        "answer_id": again["answer_id"], "cached": True,
        "latency_ms": by_id[again["answer_id"]]["latency_ms"],
    }  # fmt: skip
    assert by_id[refused["answer_id"]]["outcome"] == "refused"
    assert by_id[refused["answer_id"]]["reason"] == refused["abstained"]["reason"]
    greeting = re.findall(r'"answer_id":"([^"]+)"', streamed.text)
    assert [by_id[one]["outcome"] for one in greeting] == ["courtesy"]
    page = by_id[english.json()["answer_id"]]
    assert (page["channel"], page["language"]) == ("page", "en")


async def test_an_error_is_an_event_too_and_a_refused_body_none(app: RunningApp) -> None:
    body = {"prompt": "Que dit l'article L3121-27 ?", "model": "none"}
    unknown = await app.client.post("/api/v1/generate", json=body, headers=app.key_header())
    assert unknown.status_code == 404
    assert await rows(app, "SELECT * FROM events") == []


async def test_the_openai_reply_names_its_answer_as_well(app: RunningApp) -> None:
    reply = await ask(app, "Que dit l'article L3121-27 ?", "/v1/chat/completions")
    [row] = await rows(app, "SELECT answer_id FROM events")
    assert reply.json()["answer_id"] == row["answer_id"]


async def test_a_verdict_is_kept_once_for_each_caller_and_the_last_one_counts(
    app: RunningApp,
) -> None:
    answer = (await ask(app, "Que dit l'article L3121-27 ?")).json()["answer_id"]
    body: dict[str, Any] = {"answer_id": answer, "verdict": "up"}
    judged = [
        (body, app.key_header()),
        (body | {"verdict": "down", "reason": "unclear"}, app.key_header()),
        (body | {"voter": "p1"}, app.key_header()),
        (body | {"voter": "p2"}, {**app.key_header(), "X-Channel": "mail"}),
        (body, page_headers(app)),
    ]
    for sent, headers in judged:
        reply = await app.client.post("/api/v1/feedback", json=sent, headers=headers)
        assert reply.status_code == 204, reply.text
    found = await rows(app, "SELECT verdict, reason, channel FROM feedback ORDER BY at, channel")
    assert sorted((row["verdict"], row["reason"], row["channel"]) for row in found) == [
        ("down", "unclear", "api"), ("up", None, "api"), ("up", None, "mail"), ("up", None, "page"),
    ]  # fmt: skip


async def test_a_verdict_that_is_none_is_refused(app: RunningApp) -> None:
    wrong: list[dict[str, Any]] = [
        *({"answer_id": "short"}, {"verdict": "maybe"}, {"reason": "Camille écrit"}),
        *({"comment": " "}, {"comment": "x" * 2_001}, {"voter": "camille@example.org"}, {"a": 1}),
    ]
    for each in wrong:
        body = {"answer_id": "kVt3mJ0uQx2c9yRb", "verdict": "up"} | each
        reply = await app.client.post("/api/v1/feedback", json=body, headers=app.key_header())
        assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request"), each
    assert await rows(app, "SELECT * FROM feedback") == []


async def test_verdicts_count_against_the_limits_of_the_key(app: RunningApp) -> None:
    secret = await app.new_key(Scope.INFERENCE, limits=RateLimits(requests_per_minute=1))
    body = {"answer_id": "kVt3mJ0uQx2c9yRb", "verdict": "up"}
    replies = [
        await app.client.post("/api/v1/feedback", json=body, headers={"X-API-Key": secret})
        for _ in range(2)
    ]
    assert [reply.status_code for reply in replies] == [204, 429]


async def everything_about_a_person(app: RunningApp) -> None:
    """Send personal data through every field that takes words, on every route that answers."""
    key, page = app.key_header(), page_headers(app)
    chat = (
        await app.client.post("/api/v1/chat", json={"messages": [user(ASKED)]}, headers=page)
    ).json()
    bodies = [
        ("/api/v1/generate", {"prompt": ASKED}, key),
        ("/api/v1/generate", {"prompt": ASKED, "stream": True}, key),
        ("/api/v1/chat", {"messages": [user(ASKED)], "store": False}, key),
        ("/api/v1/chat", {"messages": [user(ASKED)], "stream": True}, key),
        ("/v1/chat/completions", {"model": "cdt-assistant", "messages": [user(ASKED)]}, key),
        ("/v1/completions", {"model": "cdt-assistant", "prompt": ASKED}, key),
        ("/api/v1/feedback",
         {"answer_id": chat["answer_id"], "verdict": "down", "comment": ASKED,
          "conversation_id": chat["conversation_id"]}, page),
    ]  # fmt: skip
    for path, body, headers in bodies:
        told = {**headers, "X-Channel": "Quenotte"}
        reply = await app.client.post(path, json=body, headers=told)
        assert reply.status_code in {200, 204}, (path, reply.text)


@pytest.mark.slow
async def test_nothing_of_a_person_is_in_any_row_or_on_the_disk(
    running_app: OpenApp, postgres_server: PostgresServer, postgres: PostgresSettings
) -> None:
    kept = postgres.model_copy(update={"keep_questions": True})
    async with running_app(postgres=kept) as app:
        await everything_about_a_person(app)
        [counts] = await rows(
            app,
            "SELECT (SELECT count(*) FROM events) AS events, (SELECT count(*) FROM feedback) AS"
            " feedback, (SELECT count(*) FROM questions) AS questions",
        )
        names = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'"
        tables = [row["name"] for row in await rows(app, names)]
        text = ""
        async with app.state["records"].transaction() as db:
            for table in tables:
                shown = await db.fetch(f'SELECT t::text AS row FROM "{table}" t')  # noqa: S608
                text += "\n".join(row["row"] for row in shown)
            questions = [
                app.state["records"].encryption.open_text(row["sealed"], events.QUESTION)
                for row in await db.fetch("SELECT sealed FROM questions")
            ]
            await db.execute("CHECKPOINT")

    assert counts == {"events": 7, "feedback": 1, "questions": 7}
    on_disk = await asyncio.to_thread(found_in, [postgres_server.directory / "data"], CANARIES)
    assert on_disk == []
    for canary in CANARIES:
        assert not [name for name, form in spellings(canary).items() if form in text.encode()]
    assert all("préavis" in one for one in questions)
    assert not [one for one in questions for canary in PERSON[1:5] if canary in one]


async def test_a_conversation_is_kept_where_its_author_chose_so_and_erased_with_its_words(
    running_app: OpenApp, postgres: PostgresSettings, clock: StoppedClock
) -> None:
    async with running_app(
        postgres=postgres.model_copy(update={"keep_questions": True}), clock=clock
    ) as app, asyncio.timeout(START_TIMEOUT_S):  # fmt: skip
        await app.state["records"].wait_until_up()

        async def chat(text: str, **more: Any) -> dict[str, Any]:
            reply: dict[str, Any] = (await ask(app, text, "/api/v1/chat", **more)).json()
            return reply

        other = await chat("Que dit l'article L3121-27 ?")
        await chat("Et pour les cadres ?", conversation_id=other["conversation_id"], keep=True)
        first = await chat("Que dit l'article L3121-27 ?", keep=True)
        name = first["conversation_id"]
        clock.set(NOON + timedelta(seconds=9))
        await chat("Et pour les cadres ?", conversation_id=name)
        told = {"answer_id": first["answer_id"], "verdict": "down", "comment": "peu clair"}
        body = told | {"conversation_id": name}
        await app.client.post("/api/v1/feedback", json=body, headers=app.key_header())
        await app.state["event_writer"].written()
        kept = app.state["kept_conversations"]
        [one] = await kept.newest(NOON - timedelta(days=1), NOON + timedelta(days=1))
        turns = await kept.turns(one.name)
        path = f"/api/v1/conversations/{name}"
        stranger = await app.client.delete(path, headers=page_headers(app))
        still = await kept.turns(one.name)
        async with connected(app.redis_url) as connection:  # it ended there, and is still kept
            await connection.call("DEL", *await connection.call("KEYS", "*conversation*"))
        erased = await app.client.delete(path, headers=app.key_header())
        again = await app.client.delete(path, headers=app.key_header())
        left = await rows(
            app,
            "SELECT (SELECT count(*) FROM turns) AS turns, (SELECT count(*) FROM conversations)"
            " AS conversations, (SELECT count(*) FROM questions) AS questions,"
            " (SELECT count(*) FROM feedback WHERE comment IS NOT NULL) AS comments,"
            " (SELECT count(*) FROM feedback) AS verdicts",
        )

    assert [turn.text for turn in turns if turn.number == 0] == [
        "Que dit l'article L3121-27 ?", "Et pour les cadres ?",
    ]  # fmt: skip
    assert (len(turns), still) == (4, turns)
    assert [stranger.status_code, erased.status_code, again.status_code] == [404, 204, 404]
    assert left == [{"turns": 0, "conversations": 0, "questions": 2, "comments": 0, "verdicts": 1}]


@pytest.mark.slow(8)
async def test_answers_come_while_postgres_is_frozen_or_killed_and_their_events_later(
    running_app: OpenApp,
    own_postgres: PostgresServer,
    key_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "LOOK_S", 0.1)
    settings = PostgresSettings.model_validate({"url": own_postgres.url(), "key_file": key_file})
    body = {"answer_id": "kVt3mJ0uQx2c9yRb", "verdict": "up"}
    told: list[tuple[int, str, str]] = []
    async with running_app(postgres=settings) as app:
        records = app.state["records"]
        for take_away, bring_back in (
            (lambda: None, own_postgres.start),
            (own_postgres.freeze, own_postgres.thaw),
            (own_postgres.kill, own_postgres.start),
        ):
            await asyncio.to_thread(take_away)
            await ask(app, "Que dit l'article L3121-27 ?", stream=bool(told))
            assert await becomes(lambda: records.state == "down", START_TIMEOUT_S)
            reply = await app.client.post("/api/v1/feedback", json=body, headers=app.key_header())
            health = (await app.client.get("/api/v1/health")).json()
            told.append((reply.status_code, reply.json()["code"], health["postgres"]))
            await asyncio.to_thread(bring_back)
            assert await becomes(lambda: records.state == "up", START_TIMEOUT_S)
        kept = await rows(app, "SELECT outcome FROM events")
        health = (await app.client.get("/api/v1/health")).json()

    assert told == [(503, "postgres_lost", "down")] * 3
    assert [row["outcome"] for row in kept] == ["answered"] * 3
    assert health["postgres"] == "up"


def an_event(number: int) -> AnswerEvent:
    return AnswerEvent(
        at=NOON, answer_id=f"answer-{number:08}", channel="api", language="fr", outcome="answered",
        model="extractive", cached=False, latency_ms=3,
    )  # fmt: skip


async def test_events_wait_for_a_database_that_is_away_and_what_is_too_much_is_counted(
    database_url: str, key_file: Path, monkeypatch: pytest.MonkeyPatch, opened_records: OpenRecords
) -> None:
    monkeypatch.setattr(events, "QUEUE_EVENTS", 5)
    registry = CollectorRegistry()
    async with opened_records() as records, events.event_writer(records, registry) as writer:
        records._up.clear()  # as after a statement that failed
        for number in range(9):
            writer.put(an_event(number))
        dropped = registry.get_sample_value("answer_events_dropped_total")
        async with asyncio.timeout(START_TIMEOUT_S):
            await writer.written()
        async with records.transaction() as db:
            kept = await db.fetchval("SELECT count(*) FROM events")
    assert (dropped, kept) == (4, 5)


async def test_what_postgres_refuses_is_counted_and_the_next_event_is_kept(
    opened_records: OpenRecords,
) -> None:
    registry = CollectorRegistry()
    async with opened_records() as records, events.event_writer(records, registry) as writer:
        for event in (replace(an_event(1), at=NOON.replace(year=2031)), an_event(2)):
            writer.put(event)
            await writer.written()
        async with records.transaction() as db:
            kept = await db.fetchval("SELECT count(*) FROM events")
    assert (registry.get_sample_value("answer_events_dropped_total"), kept) == (1, 1)


async def test_without_a_database_answers_are_named_and_verdicts_say_that_they_are_off(
    running_app: OpenApp,
) -> None:
    async with running_app() as app:
        answer = (await ask(app, "Que dit l'article L3121-27 ?")).json()
        body = {"answer_id": answer["answer_id"], "verdict": "up"}
        reply = await app.client.post("/api/v1/feedback", json=body, headers=app.key_header())
        health = (await app.client.get("/api/v1/health")).json()
    assert (reply.status_code, reply.json()["code"]) == (503, "records_off")
    assert (health["postgres"], health["status"]) == ("off", "ok")
