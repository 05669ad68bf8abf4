"""An entry published in the database answers without a restart, and no more once withdrawn."""

import asyncio
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ai_core.knowledge import publishing
from ai_core.knowledge.records import Entry
from ai_core.law.search import encoder
from ai_core.settings import PostgresSettings
from shared.clock import SystemClock
from tests.ai_core.conftest import OpenApp, RunningApp, SampleLibrary
from tests.ai_core.records.conftest import START_TIMEOUT_S
from tests.knowledge.invented import HOLIDAYS, LAW, RESIGNING

TOPIC = RESIGNING.split('"', 2)[1]
PATIENCE_S = 150.0


def body_of(text: str) -> dict[str, Any]:
    entry = Entry.model_validate(tomllib.loads(text))
    body: dict[str, Any] = entry.model_dump(mode="json", exclude_defaults=True)
    return body


async def meaning(text: str) -> NDArray[np.float32] | None:
    """As the library gives it, where the encoder is installed."""
    if not encoder.installed():
        return None
    vectors: NDArray[np.float32] = await asyncio.to_thread(encoder.embed, [text])
    first: NDArray[np.float32] = vectors[0]
    return first


async def until_listed(app: RunningApp, topics: list[str]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            reply = await app.client.get("/api/v1/entries", headers=app.key_header())
            if [entry["topic_id"] for entry in reply.json()["entries"]] == topics:
                return
            await asyncio.sleep(0.1)


@pytest.mark.slow(15)
async def test_a_published_entry_answers_at_once_and_a_withdrawn_one_no_more(
    running_app: OpenApp,
    library: SampleLibrary,
    database_url: str,
    key_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publishing, "LOOK_S", 0.2)
    library.wordings_of = LAW
    monkeypatch.setattr(library, "meaning", meaning)
    bodies = [body_of(text) for text in (HOLIDAYS, RESIGNING)]
    topics = [body["topic_id"] for body in bodies]
    question = {"prompt": "préavis de démission ?"}
    settings = PostgresSettings.model_validate({"url": database_url, "key_file": key_file})
    async with running_app(postgres=settings, clock=SystemClock()) as app:
        store, records = app.state["entry_store"], app.state["records"]
        async with asyncio.timeout(START_TIMEOUT_S):
            await records.wait_until_up()
        async with records.transaction() as db:
            for body in bodies:
                assert await store.save(db, body["topic_id"], body, "Camille") == 1
        await until_listed(app, [])
        async with records.transaction() as db:
            for topic in topics:
                await store.publish(db, topic, 1)
        await until_listed(app, topics)
        reply = await app.client.post("/api/v1/generate", json=question, headers=app.key_header())
        answered = [one["topic_id"] for one in reply.json()["entries"]]
        async with records.transaction() as db:
            await store.withdraw(db, TOPIC)
        await until_listed(app, topics[:1])
        reply = await app.client.post("/api/v1/generate", json=question, headers=app.key_header())

    assert answered == [TOPIC]
    assert reply.json()["entries"] == []
