"""A person writes in every way, then erases: no byte of it is on any disk, before or after.

ai_core, the bot, their Redis (append-only files) and a Postgres run as processes over folders of
their own. Every byte of these folders is searched for what the person wrote, in every spelling.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
import redis

from ai_core.access.keys import KeyRing, Scope
from ai_core.law.ingest.sample import build_sample
from ai_core.redis_keys import TAG
from deploy.local.ports import free_port
from deploy.local.postgres_server import PostgresServer
from deploy.local.redis_server import RedisServer
from shared.clock import SystemClock
from shared.privacy.encryption import new_key_file
from shared.stores.redis_connection import RedisConnection
from tests.journeys.canaries import found_in, spellings
from tests.telegram_service.deployment import ROOT, Deployment, deployed, until_ready
from tests.telegram_service.running_app import SECRET_HEADER

pytestmark = pytest.mark.slow

ZOE = 53_180_087_719
GROUP = -1_009_876_543_217
ROUTES = (
    *("text", "caption", "fileName", "fileText", "editBefore", "editAfter", "groupTitle"),
    *("groupText", "callback", "inline", "venue", "contactName", "firstName", "lastName"),
    *("userName", "forwardName", "quotedText", "poison", "withoutHistory", "speaksLater"),
    *("pageQuestion", "pageFollowUp", "facade", "once", "notStored", "comment"),
)
CANARY = {route: f"Zörvâne{route}Quénotte" for route in ROUTES}
PHONE = "+33 6 39 98 41 27"
SEARCHED = (*CANARY.values(), PHONE, PHONE.replace(" ", ""), str(ZOE), str(GROUP))
QUESTION = "quelle est la durée du préavis en cas de démission ?"
UNTIL_S = 60.0


@dataclass
class Stage:
    """Everything that keeps something, and where."""

    bot: Deployment
    ai_url: str
    keys: dict[Scope, str]
    bot_redis: RedisServer
    ai_redis: RedisServer
    database_url: str
    ai_database_url: str
    folders: tuple[Path, ...]

    async def search(self) -> list[str]:
        """Search all folders once Postgres has written what it had in memory."""
        connection = await asyncpg.connect(self.database_url)
        try:
            await connection.execute("CHECKPOINT")
        finally:
            await connection.close()
        return await asyncio.to_thread(found_in, self.folders, SEARCHED)


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(tmp_path / "postgres", safe=False)
    server.start()
    server.create_database("telegram")
    server.create_database("ai")
    yield server
    server.stop()


@pytest.fixture
def two_redis(tmp_path: Path) -> Iterator[tuple[RedisServer, RedisServer]]:
    bot = RedisServer(tmp_path / "bot_redis", queue=True)
    ai = RedisServer(tmp_path / "ai_redis")
    bot.start()
    ai.start()
    yield bot, ai
    bot.stop()
    ai.stop()


@asynccontextmanager
async def ai_core(redis_url: str, postgres_url: str, folder: Path) -> AsyncIterator[str]:
    """Run ai_core over the sample of the law; its log goes into the folder."""
    data, port = folder / "data", free_port()
    data.mkdir(parents=True)
    await asyncio.to_thread(build_sample, data)
    settings = {
        "AI_CORE_DATA_DIR": str(data),
        "AI_CORE_REDIS__URL": redis_url,
        "AI_CORE_POSTGRES__URL": postgres_url,
        "AI_CORE_POSTGRES__KEY_FILE": str(folder.parent / "vault"),
        "AI_CORE_POSTGRES__KEEP_QUESTIONS": "true",
        "AI_CORE_SERVER__PORT": str(port),
    }
    log = await asyncio.to_thread((folder / "ai_core.log").open, "wb")
    command = [sys.executable, "-m", "ai_core"]
    process = await asyncio.to_thread(
        lambda: subprocess.Popen(
            command, env=os.environ | settings, cwd=ROOT, stdout=log, stderr=log
        )
    )
    try:
        await until_ready(f"http://127.0.0.1:{port}/ready")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)
        log.close()


async def new_keys(redis_url: str) -> dict[Scope, str]:
    connection = RedisConnection(redis_url, TAG, timeout_s=30)
    await connection.open()
    try:
        ring = KeyRing(connection, SystemClock())
        scopes = (Scope.INFERENCE, Scope.PUBLISHABLE)
        return {scope: (await ring.create(scope.value, scope)).secret for scope in scopes}
    finally:
        await connection.close()


@pytest.fixture
async def stage(
    postgres: PostgresServer,
    two_redis: tuple[RedisServer, RedisServer],
    tmp_path: Path,
) -> AsyncIterator[Stage]:
    bot_redis, ai_redis = two_redis
    database_url, logs = postgres.url("telegram"), tmp_path / "bot_logs"
    logs.mkdir()
    key_file = tmp_path / "vault"
    key_file.write_text(new_key_file())
    async with ai_core(ai_redis.url, postgres.url("ai"), tmp_path / "ai_core") as ai_url:
        keys = await new_keys(ai_redis.url)
        settings = {
            "TELEGRAM_AI__URL": ai_url,
            "TELEGRAM_AI__API_KEY": keys[Scope.INFERENCE],
            "TELEGRAM_LOG_LEVEL": "info",
        }
        async with deployed(
            bot_redis.url, database_url, key_file, logs, workers=1, **settings
        ) as bot:
            names = ("bot_redis", "ai_redis", "postgres", "ai_core", "bot_logs")
            folders = tuple(tmp_path / name for name in names)
            stores = (bot_redis, ai_redis, database_url, postgres.url("ai"))
            yield Stage(bot, ai_url, keys, *stores, folders)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(UNTIL_S):
        while not condition():  # noqa: ASYNC110 - what the person sees has no event
            await asyncio.sleep(0.02)


def sender() -> dict[str, Any]:
    return {
        "id": ZOE,
        "is_bot": False,
        "first_name": CANARY["firstName"],
        "last_name": CANARY["lastName"],
        "username": CANARY["userName"],
        "language_code": "fr",
    }


async def deliver(stage: Stage, update_id: int, **content: Any) -> None:
    """Deliver an update that Telegram's emulator cannot make."""
    async with httpx2.AsyncClient() as http:
        response = await http.post(
            f"{stage.bot.url}/telegram/webhook",
            json={"update_id": update_id, **content},
            headers=SECRET_HEADER,
        )
    assert response.status_code == 200, response.text


def private(message_id: int, **content: Any) -> dict[str, Any]:
    chat = {"id": ZOE, "type": "private", "first_name": CANARY["firstName"]}
    return {"message_id": message_id, "date": 1, "chat": chat, "from": sender(), **content}


async def press(stage: Stage, label: str) -> None:
    account = stage.bot.account
    for message in reversed(account.written(ZOE)):
        for row in message.get("reply_markup", {}).get("inline_keyboard", []):
            for button in row:
                if label in button["text"]:
                    account.tap(ZOE, message["message_id"], button["callback_data"])
                    await stage.bot.settled(UNTIL_S)
                    return
    raise AssertionError(f"no button {label}")


async def deliver_what_the_emulator_cannot(stage: Stage) -> None:
    stage.bot.account.chat(GROUP)  # the bot is in it
    group = {"id": GROUP, "type": "supergroup", "title": CANARY["groupTitle"]}
    mention = f"@CodeDuTravailNeoBot {CANARY['groupText']} {QUESTION}"
    await deliver(stage, 5_000_001, message={**private(901), "chat": group, "text": mention})
    place = {"title": CANARY["venue"], "address": CANARY["venue"]}
    contact = {"phone_number": PHONE, "first_name": CANARY["contactName"], "user_id": ZOE}
    quoted = private(900, text=CANARY["quotedText"])
    origin = {"type": "hidden_user", "sender_user_name": CANARY["forwardName"], "date": 1}
    await deliver(stage, 5_000_002, message=private(902, venue=place))
    await deliver(stage, 5_000_003, message=private(903, contact=contact))
    await deliver(
        stage, 5_000_004,
        message=private(904, text=QUESTION, reply_to_message=quoted, forward_origin=origin),
    )  # fmt: skip
    await deliver(
        stage, 5_000_005,
        callback_query={
            "id": "1", "from": sender(), "data": f"v1|up|{CANARY['callback']}|x",
            "message": quoted,
        },
    )  # fmt: skip
    query = {"id": "2", "from": sender(), "query": CANARY["inline"], "offset": ""}
    await deliver(stage, 5_000_006, inline_query=query)
    poison = {**private(905), "date": "no date at all", "text": CANARY["poison"]}
    await deliver(stage, 5_000_007, message=poison)


async def write_in_every_way(stage: Stage) -> None:
    """Write to the bot by every kind of update, the kinds it does not answer too."""
    bot, account = stage.bot, stage.bot.account
    account.say(ZOE, f"{CANARY['text']}, {PHONE} : {QUESTION}")
    content = f"Clause : {CANARY['fileText']}".encode()
    account.attach(ZOE, f"{CANARY['fileName']}.txt", content, CANARY["caption"])
    edited = account.say(ZOE, CANARY["editBefore"])
    account.change(edited, CANARY["editAfter"])
    await bot.settled(UNTIL_S)
    await deliver_what_the_emulator_cannot(stage)
    await bot.settled(UNTIL_S)
    account.say(ZOE, "/settings")
    await bot.settled(UNTIL_S)
    await press(stage, "Arrêter l'historique")
    account.say(ZOE, f"{CANARY['withoutHistory']} : {QUESTION}")
    await bot.settled(UNTIL_S)
    texts = account.texts(ZOE)
    assert len(texts) >= 6
    assert any("Je suis désolé" in text for text in texts)  # the poison is a dead letter
    assert len(account.texts(GROUP)) == 1


async def write_to_ai_core(stage: Stage) -> str:
    """Ask as the page and as programs do; return the page's conversation."""
    page = {"X-API-Key": stage.keys[Scope.PUBLISHABLE], "Origin": stage.ai_url}
    program = {"X-API-Key": stage.keys[Scope.INFERENCE]}

    def turns(route: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": f"{CANARY[route]} : {QUESTION}"}]

    async with httpx2.AsyncClient(base_url=stage.ai_url, timeout=30) as http:

        async def post(path: str, body: dict[str, Any], **headers: str) -> Any:
            response = await http.post(path, json=body, headers=headers)
            assert response.is_success, response.text
            return response

        begun = {"messages": turns("pageQuestion"), "keep": True}
        first = await post("/api/v1/chat", begun, **page)
        conversation = str(first.json()["conversation_id"])
        follow_up = {"messages": turns("pageFollowUp"), "conversation_id": conversation}
        await post("/api/v1/chat", follow_up, **page)
        verdict = {
            "answer_id": first.json()["answer_id"], "verdict": "down",
            "comment": f"{CANARY['comment']} n'a rien compris", "conversation_id": conversation,
        }  # fmt: skip
        await post("/api/v1/feedback", verdict, **page)
        facade = {"model": "cdt-assistant", "messages": turns("facade")}
        await post("/v1/chat/completions", facade, **program)
        once = {"Idempotency-Key": "one of mine"}
        await post("/api/v1/chat", {"messages": turns("once")}, **program, **once)
        not_stored = {"messages": turns("notStored"), "store": False, "stream": True}
        await post("/api/v1/chat", not_stored, **program)
    return conversation


async def erase_everything(stage: Stage, conversation: str) -> None:
    """Erase as the page does, then as a person does in the bot; wait for the receipt."""
    page = {"X-API-Key": stage.keys[Scope.PUBLISHABLE], "Origin": stage.ai_url}
    async with httpx2.AsyncClient(base_url=stage.ai_url) as http:
        erased = await http.delete(f"/api/v1/conversations/{conversation}", headers=page)
    assert erased.status_code == 204
    account = stage.bot.account
    account.say(ZOE, "/supprimer")
    await stage.bot.settled(UNTIL_S)
    await press(stage, "Effacer mes données")
    await press(stage, "tout effacer")
    await until(lambda: any("Tout est effacé" in text for text in account.texts(ZOE)))
    with redis.Redis.from_url(stage.bot_redis.url) as client:
        await until(lambda: not client.exists("{tg}:rewrite_due", "{tg}:erasures"))


async def rows_left(stage: Stage) -> int:
    connection = await asyncpg.connect(stage.database_url)
    try:
        statements = [
            "SELECT count(*) FROM messages",
            "SELECT count(*) FROM people",
            "SELECT count(*) FROM preferences",
            "SELECT count(*) FROM feedback",
        ]
        return sum([int(await connection.fetchval(statement)) for statement in statements])
    finally:
        await connection.close()


async def kept_by_ai_core(stage: Stage) -> dict[str, int]:
    """Return how much ai_core keeps of what people wrote in conversations."""
    connection = await asyncpg.connect(stage.ai_database_url)
    try:
        row = await connection.fetchrow(
            "SELECT (SELECT count(*) FROM turns) AS turns,"
            " (SELECT count(*) FROM conversations) AS conversations,"
            " (SELECT count(*) FROM feedback WHERE comment IS NOT NULL) AS comments"
        )
        return dict(row)
    finally:
        await connection.close()


async def until_archived(stage: Stage) -> None:
    """The archive is written in the background, some time after the person is answered."""
    async with asyncio.timeout(UNTIL_S):
        while not await rows_left(stage):  # noqa: ASYNC110 - Postgres has no event
            await asyncio.sleep(0.05)


@pytest.mark.slow(12)
async def test_nothing_a_person_wrote_is_readable_on_any_disk_before_or_after_erasure(
    stage: Stage,
) -> None:
    await write_in_every_way(stage)
    conversation = await write_to_ai_core(stage)
    assert await stage.search() == []
    with redis.Redis.from_url(stage.ai_redis.url) as client:
        assert len(client.keys("{ai}:conversation:*")) >= 3

    await until_archived(stage)
    async with asyncio.timeout(UNTIL_S):
        while (await kept_by_ai_core(stage))["turns"] < 4:  # noqa: ASYNC110 - in the background
            await asyncio.sleep(0.05)
    assert await kept_by_ai_core(stage) == {"turns": 4, "conversations": 1, "comments": 1}
    assert await stage.search() == []

    await erase_everything(stage, conversation)
    with redis.Redis.from_url(stage.bot_redis.url) as client:
        for name in ("session:*:p*", "preferences:p*", "conversations:p*", "queue:*"):
            assert client.keys(f"{{tg}}:{name}") == []
        assert client.xlen("{tg}:dead_letters") == 0
    with redis.Redis.from_url(stage.ai_redis.url) as client:
        kept = client.keys("{ai}:conversation:*")
    assert len(kept) == 2  # the group's, and that of the program that sent an Idempotency-Key
    assert await kept_by_ai_core(stage) == {"turns": 0, "conversations": 0, "comments": 0}
    assert await rows_left(stage) == 1  # the language of the group, which is nobody's
    assert await stage.search() == []


async def test_the_search_finds_what_is_stored_in_clear(stage: Stage) -> None:
    """What the test above would say if a store were to keep one of the texts readable."""
    text, other = CANARY["text"], CANARY["caption"]
    with redis.Redis.from_url(stage.bot_redis.url) as client:
        client.set("{tg}:clear", text)
    connection = await asyncpg.connect(stage.database_url)
    try:
        await connection.execute("CREATE TABLE clear (text text)")
        await connection.execute("INSERT INTO clear VALUES ($1)", other)
        await connection.execute("DELETE FROM clear")
    finally:
        await connection.close()
    found = await stage.search()
    assert any("bot_redis" in hit and text in hit for hit in found)
    assert any("postgres/data/base" in hit and other in hit for hit in found)
    assert any("pg_wal" in hit and other in hit for hit in found)


@pytest.mark.parametrize("name", spellings(CANARY["text"]))
def test_every_spelling_is_found(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    text = CANARY["text"]
    (folder / "file").write_bytes(b"\xff before " + spellings(text)[name] + b" after \x00")
    [*hits] = found_in([folder], [text])
    assert any(f"({name})" in hit for hit in hits)
