"""Updates that could not be handled: listed, opened with the key file, tried again, dropped.

A letter is sealed as it was queued. What is listed needs no key: when it was received, why it was
given up, and on which chat's behalf, as a fingerprint.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shared.stores.redis_connection import LuaScript, RedisArg, RedisConnection
from telegram_service.queue.update_queue import (
    COUNTERS,
    DEAD_LETTERS,
    QUEUED_CHATS,
    READY,
    QueuedUpdate,
    UpdateQueue,
    chat_key,
    queue_key,
)

REPLAY = LuaScript.read(Path(__file__).parent / "lua" / "replay.lua")
ID = re.compile(r"[0-9]{1,15}-[0-9]{1,15}")
Replayed = Literal["replayed", "gone", "waiting"]
_OUTCOMES: dict[int, Replayed] = {1: "replayed", 0: "gone", -1: "waiting"}


@dataclass(frozen=True)
class DeadLetter:
    """One letter; `id` is its place in the stream, which begins with when it was given up, in ms.

    `chat` and `person` are fingerprints, `person` empty where the sender could not be read.
    """

    id: str
    update: QueuedUpdate
    chat: str
    person: str
    reason: str

    @property
    def given_up_ms(self) -> int:
        """Return when it was given up."""
        return int(self.id.partition("-")[0])


class DeadLetters:
    """The stream of letters. Raises RedisUnavailable."""

    def __init__(self, redis: RedisConnection, queue: UpdateQueue) -> None:
        self._redis = redis
        self._queue = queue

    async def all(self) -> Sequence[DeadLetter]:
        """Return every letter, oldest first."""
        found = await self._redis.call("XRANGE", DEAD_LETTERS, "-", "+")
        return [_letter(letter_id, fields) for letter_id, fields in found]

    async def latest(self, most: int) -> Sequence[DeadLetter]:
        """Return the letters that were given up last, the latest first."""
        found = await self._redis.call("XREVRANGE", DEAD_LETTERS, "+", "-", "COUNT", most)
        return [_letter(letter_id, fields) for letter_id, fields in found]

    async def count(self) -> int:
        """Return how many letters there are."""
        return int(await self._redis.call("XLEN", DEAD_LETTERS))

    async def one(self, letter_id: str) -> DeadLetter | None:
        """Return one letter, None where there is none with that id."""
        if not ID.fullmatch(letter_id):
            return None
        found = await self._redis.call("XRANGE", DEAD_LETTERS, letter_id, letter_id)
        return next((_letter(one, fields) for one, fields in found), None)

    def content(self, letter: DeadLetter) -> tuple[str, bytes]:
        """Return a letter's channel, and its JSON. Raises DecryptionFailed."""
        return self._queue.payload(letter.update)

    async def replay(self, letter: DeadLetter) -> Replayed:
        """Queue a letter again; `waiting` where its chat has updates, which go first."""
        update = letter.update
        keys = [DEAD_LETTERS, queue_key(letter.chat), QUEUED_CHATS, READY, COUNTERS]
        stored = b"|".join(
            (b"%d" % update.update_id, b"", b"%d" % update.received_ms, update.sealed)
        )
        args: list[RedisArg] = [letter.id, letter.chat, stored, update.update_id]
        keys.append(chat_key(letter.chat))
        return _OUTCOMES[int(await self._redis.run(REPLAY, keys, args))]

    async def drop(self, letter: DeadLetter) -> bool:
        """Delete a letter for good; whether it was there."""
        return bool(await self._redis.call("XDEL", DEAD_LETTERS, letter.id))

    async def purge(self, person: str) -> int:
        """Delete the letters of a person and of their private chat; return how many."""
        mine = [each for each in await self.all() if person in (each.chat, each.person)]
        return sum([await self.drop(each) for each in mine])


def _letter(letter_id: bytes, fields: Sequence[bytes]) -> DeadLetter:
    named = dict(zip(fields[::2], fields[1::2], strict=True))
    update = QueuedUpdate(int(named[b"update"]), int(named[b"received_ms"]), named[b"sealed"])
    return DeadLetter(
        letter_id.decode(), update, named[b"chat"].decode(), named[b"person"].decode(),
        named[b"reason"].decode(),
    )  # fmt: skip
