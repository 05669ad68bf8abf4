"""An entry published in the database answers without a restart, and no more once withdrawn."""

import asyncio
import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ai_core.knowledge import publishing
from ai_core.knowledge.entry_folders import FOLDER, PUBLISHED_FOLDER
from ai_core.knowledge.phrasing_index import FOLDER_PREFIX
from ai_core.knowledge.records import Entry
from ai_core.law.search import encoder
from ai_core.settings import PostgresSettings
from shared.clock import SystemClock
from tests.ai_core.conftest import OpenApp, RunningApp, SampleLibrary
from tests.ai_core.records.conftest import START_TIMEOUT_S
from tests.knowledge.invented import HOLIDAYS, LAW, RESIGNING, put_entries

TOPIC = RESIGNING.split('"', 2)[1]
PATIENCE_S = 150.0
INDEXES = f"{FOLDER_PREFIX}*"


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


def files_below(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def index_in(folder: Path) -> Path | None:
    """Return the index of what was published into a folder, once it is in use."""
    return next(folder.glob(INDEXES), None) if (folder / PUBLISHED_FOLDER).exists() else None


async def until_indexed(folder: Path) -> Path:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            index = await asyncio.to_thread(index_in, folder)
            if index:
                return index
            await asyncio.sleep(0.1)


async def answered(app: RunningApp) -> list[str]:
    question = {"prompt": "préavis de démission ?"}
    reply = await app.client.post("/api/v1/generate", json=question, headers=app.key_header())
    return [one["topic_id"] for one in reply.json()["entries"]]


async def publish_resigning(app: RunningApp) -> None:
    store, records = app.state["entry_store"], app.state["records"]
    async with asyncio.timeout(START_TIMEOUT_S):
        await records.wait_until_up()
    async with records.transaction() as db:
        await store.save(db, TOPIC, body_of(RESIGNING), "Camille")
        await store.publish(db, TOPIC, 1)


@pytest.mark.slow(15)
async def test_a_data_folder_that_cannot_be_written_keeps_what_is_published_elsewhere(
    running_app: OpenApp,
    library: SampleLibrary,
    database_url: str,
    key_file: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As an image has it: it brings an index, and its next release may bring another."""
    monkeypatch.setattr(publishing, "LOOK_S", 0.2)
    library.wordings_of = LAW
    monkeypatch.setattr(library, "meaning", meaning)
    written = tmp_path_factory.mktemp("published")
    await asyncio.to_thread(put_entries, tmp_path, HOLIDAYS)
    brought = await asyncio.to_thread(files_below, tmp_path / FOLDER)
    settings = PostgresSettings.model_validate({"url": database_url, "key_file": key_file})
    options = {"postgres": settings, "clock": SystemClock(), "knowledge_folder": written}
    async with running_app(**options) as app:
        await publish_resigning(app)
        await until_listed(app, ["holidays", TOPIC])
        assert await answered(app) == [TOPIC]
        index = await until_indexed(written)

    await asyncio.to_thread(shutil.rmtree, index)
    async with running_app(**options) as app:
        await until_listed(app, ["holidays", TOPIC])
        assert await answered(app) == [TOPIC]
        assert await until_indexed(written) == index
        assert await answered(app) == [TOPIC]
    assert await asyncio.to_thread(files_below, tmp_path / FOLDER) == brought
