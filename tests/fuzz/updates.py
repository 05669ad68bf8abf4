"""The fuzzer of Telegram's updates: any JSON, through the webhook, the queue and the worker.

The service is the real one over Redis and Postgres, with emulators of Telegram and ai_core. What
the webhook accepts must be answered, ignored, or set aside as unreadable at once; nothing may
raise.
"""

import asyncio
import itertools
import json
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from hypothesis import strategies as st
from structlog.testing import capture_logs

from deploy.local.postgres_server import PostgresServer
from deploy.local.redis_server import RedisServer, bundled_redis
from shared.privacy.encryption import new_key_file
from tests.fuzz.campaign import Check, Fuzzer
from tests.telegram_service.running_app import SECRET_HEADER, running

LIMIT_S = 60.0
KINDS = [
    "message", "edited_message", "callback_query", "my_chat_member", "stopped_message_generation",
    "channel_post", "inline_query", "poll", "message_reaction", "chat_member",
]  # fmt: skip
KEYS = [
    "message_id", "date", "chat", "from", "text", "caption", "document", "photo", "voice", "audio",
    "video", "video_note", "reply_to_message", "message_thread_id", "migrate_to_chat_id",
    "migrate_from_chat_id", "id", "type", "file_id", "file_name", "mime_type", "file_size", "data",
    "message", "new_chat_member", "status", "draft_id", "is_bot", "first_name", "language_code",
    "entities",
]  # fmt: skip
TEXTS = [
    "Bonjour, quel est mon préavis ?", "/start", "/help", "/aide", "/reset", "/stop", "/supprimer",
    "/mesdonnees", "/article L1221-1", "/article", "/modele", "/status", "/", "/ ", "//", "/stop@",
    "/start@neo_bot x", "\ud800", "\0", "a" * 5_000, "<b>", "*_[](", "\u202e", "", " ", "\n",
    "/supprimer oui", "🙂" * 300, "/reset\u00a0x",
]  # fmt: skip
NUMBERS = [
    0,
    1,
    5,
    -5,
    -1001234567890,
    2**31,
    2**53,
    2**63 - 1,
    2**63,
    2**64,
    -(2**63),
    10**30,
    1.0,
    1.5,
]
ODD: list[object] = [None, True, False, "", "x", "5", [], {}, [1], [[]], {"id": 5}, *NUMBERS]
USER = {"id": 5, "is_bot": False, "first_name": "Camille", "language_code": "fr"}
CHATS: list[dict[str, Any]] = [
    {"id": 5, "type": "private"}, {"id": 6, "type": "private"}, {"id": -7, "type": "group"},
    {"id": -1001234567890, "type": "supergroup"}, {"id": -1009, "type": "channel"}, {"id": 0},
]  # fmt: skip


def messages() -> st.SearchStrategy[dict[str, Any]]:
    """Return messages as Telegram sends them."""
    file = {"file_id": "f", "file_name": "a.pdf", "mime_type": "application/pdf", "file_size": 10}
    return st.fixed_dictionaries(
        {
            "message_id": st.integers(1, 60),
            "date": st.just(1_795_000_000),
            "chat": st.sampled_from(CHATS),
            "from": st.just(USER),
        },
        optional={
            "text": st.sampled_from(TEXTS),
            "caption": st.sampled_from(TEXTS),
            "document": st.just(file),
            "photo": st.just([{"file_id": "p"}]),
            "voice": st.just({"file_id": "v"}),
            "message_thread_id": st.integers(0, 3),
            "migrate_to_chat_id": st.sampled_from(NUMBERS),
            "reply_to_message": st.just({"message_id": 1, "chat": CHATS[0], "text": "Oui"}),
        },
    )


def contents(kind: str) -> st.SearchStrategy[Any]:
    """Return the content of an update of a kind."""
    if kind == "callback_query":
        data = st.one_of(
            st.sampled_from(["", "x", "a:b:c", "stop", ":" * 9, "é" * 40]), st.text(max_size=64)
        )
        query = {"id": st.just("1"), "from": st.just(USER), "data": data}
        return st.fixed_dictionaries(query, optional={"message": messages()})
    if kind == "my_chat_member":
        member = st.sampled_from(["member", "kicked", "left", "administrator", "?"])
        return st.fixed_dictionaries(
            {
                "chat": st.sampled_from(CHATS),
                "from": st.just(USER),
                "new_chat_member": st.fixed_dictionaries({"status": member}),
            }
        )
    if kind == "stopped_message_generation":
        return st.fixed_dictionaries(
            {"chat": st.sampled_from(CHATS), "draft_id": st.integers(0, 9)}
        )
    return messages()


@st.composite
def updates(draw: st.DrawFn) -> Any:
    """Return an update, with values of other types and fields left out, here and there."""
    kind = draw(st.sampled_from(KINDS))
    update: dict[str, Any] = {kind: draw(contents(kind))}
    if draw(st.integers(0, 9)) == 0:
        other = draw(st.sampled_from(KINDS))
        update[other] = draw(contents(other))
    for _ in range(draw(st.integers(0, 3))):
        _spoil(draw, update)
    return update


def _spoil(draw: st.DrawFn, update: dict[str, Any]) -> None:
    """Replace, remove or add one field, at any depth."""
    places = [update, *_objects(update)]
    at = draw(st.integers(0, len(places) - 1))
    place = places[at]
    name = draw(st.sampled_from(sorted(place) + KEYS if place is not update else sorted(place)))
    if draw(st.booleans()):
        place[name] = draw(st.sampled_from(ODD))
    elif place is not update:
        place.pop(name, None)


def _objects(value: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the objects in an object, made changeable in their places."""
    found: list[dict[str, Any]] = []
    assert isinstance(value, dict)
    for name, inner in value.items():
        if isinstance(inner, dict):
            value[name] = own = dict(inner)
            found += [own, *_objects(own)]
    return found


def inputs() -> st.SearchStrategy[bytes]:
    """Return bodies: lists of updates, one a line, and now and then bytes that are none."""
    written = updates().map(lambda update: json.dumps(update).encode())
    junk = st.sampled_from(
        [b"", b"{", b"[]", b"null", b"3", b"[" * 3_000, b'{"a":' * 3_000, b"\xff", b'"\\ud800"']
    )
    line = st.one_of(written, written, written, written, junk, st.binary(max_size=20))
    return st.lists(line, min_size=1, max_size=6).map(b"\n".join)


@asynccontextmanager
async def opened() -> AsyncIterator[Check]:
    """Yield the check of some updates that come one after the other."""
    ids = itertools.count(1)
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="neo-fuzz-")))
        key_file = folder / "key"
        redis_url, database_url = await asyncio.to_thread(_stores, stack, folder, key_file)
        app = await stack.enter_async_context(running(redis_url, database_url, key_file))
        for chat in CHATS:  # the bot is in them: elsewhere Telegram refuses every answer
            app.account.chat(chat["id"])
        client = await stack.enter_async_context(httpx2.AsyncClient(base_url=app.url, timeout=30))

        async def check(data: bytes) -> None:
            with capture_logs() as logged:
                for line in data.split(b"\n"):
                    body = _numbered(line, next(ids))
                    answer = await client.post(
                        "/telegram/webhook", content=body, headers=SECRET_HEADER
                    )
                    assert answer.status_code in {200, 400, 413, 422}, (
                        answer.status_code,
                        answer.text,
                    )
                async with asyncio.timeout(LIMIT_S):
                    await app.settled(LIMIT_S)
            wrong = [
                line
                for line in logged
                if line["log_level"] in {"error", "critical"} and line.get("reason") != "unreadable"
            ]
            assert not wrong, wrong

        yield check


def _stores(stack: AsyncExitStack, folder: Path, key_file: Path) -> tuple[str, str]:
    """Start Redis and Postgres, write the vault's key; return the stores' addresses."""
    folder.chmod(0o755)  # Postgres is started as another user
    key_file.write_text(new_key_file(), encoding="ascii")
    redis = RedisServer(folder / "redis", binary=bundled_redis(), queue=True)
    redis.start()
    stack.callback(redis.stop)
    postgres = PostgresServer(folder / "postgres", safe=False)
    postgres.start()
    stack.callback(postgres.stop)
    postgres.create_database("fuzz")
    return redis.url, postgres.url("fuzz")


def _numbered(line: bytes, number: int) -> bytes:
    """Return an update with an id of its own, unless it has one; other bytes as they are."""
    if line.startswith(b'{"') and line.endswith(b"}") and b'"update_id"' not in line:
        return b'{"update_id": %d, ' % number + line[1:]
    return line


UPDATES = Fuzzer("updates", inputs, opened)
