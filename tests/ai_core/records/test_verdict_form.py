"""A verdict given by a form, without JavaScript, is kept as one of the page's."""

import asyncio
from http import HTTPStatus
from pathlib import Path

import httpx2
from asgi_lifespan import LifespanManager
from justhtml import JustHTML

from ai_core.access.keys import Scope
from ai_core.settings import PostgresSettings
from deploy.local.redis_server import RedisServer
from tests.ai_core.conftest import START_TIMEOUT_S, SampleLibrary, fresh_keys
from tests.ai_core.records.conftest import OpenRecords
from tests.ai_core.web.site_app import site_app

OURS = {"Origin": "http://ai_core", "Sec-Fetch-Site": "same-origin", "Accept-Language": "fr"}


async def test_a_verdict_given_by_a_form_is_kept(
    redis: RedisServer,
    library: SampleLibrary,
    tmp_path: Path,
    database_url: str,
    key_file: Path,
    opened_records: OpenRecords,
) -> None:
    key = (await fresh_keys(redis))[Scope.PUBLISHABLE]
    postgres = PostgresSettings.model_validate({"url": database_url, "key_file": key_file})
    async with opened_records() as records:  # migrated, and up, before the app looks for it
        asgi = await asyncio.to_thread(
            lambda: site_app(redis, library, tmp_path, key, postgres=postgres)
        )
        async with (
            LifespanManager(asgi, START_TIMEOUT_S, START_TIMEOUT_S) as manager,
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(manager.app), base_url="http://ai_core", headers=OURS
            ) as client,
        ):
            question = {"question": "Que dit l’article L3121-27 ?"}
            answer = await client.post("/question", data=question)
            page = JustHTML(answer.text, strict=True, sanitize=False)
            [hidden] = page.query(".verdict input")
            named = hidden.attrs or {}
            verdict = {"answer_id": str(named["value"]), "verdict": "down"}
            async with asyncio.timeout(START_TIMEOUT_S):  # the app's first look at Postgres
                given = await client.post("/question/verdict", data=verdict)
                while given.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
                    given = await client.post("/question/verdict", data=verdict)
            wrong = await client.post("/question/verdict", data=verdict | {"verdict": "maybe"})
            foreign = await client.post(
                "/question/verdict", data=verdict, headers={"Origin": "https://evil.example"}
            )
        async with records.transaction() as db:
            kept = [dict(row) for row in await db.fetch("SELECT * FROM feedback")]
    assert "Merci de votre avis" in given.text
    assert (wrong.status_code, foreign.status_code) == (422, 403)
    assert [(one["answer_id"], one["verdict"], one["channel"]) for one in kept] == [
        (verdict["answer_id"], "down", "page")
    ]
