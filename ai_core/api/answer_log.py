"""The frames of answers under way, kept sealed in Redis, so that another process can resume them.

Frames are kept in batches, encrypted with a key derived from the answer's id, which its client
chose and Redis never gets, and from the API key: with another key the answer does not exist. An
answer is kept LEASE_MS after the last sign of its writer, and RESUME_S after its end. Why:
docs/decisions/0139-websocket-answers-outlive-connections.md.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from ai_core.errors import UnknownAnswer
from ai_core.redis_keys import TAG
from shared.privacy.encryption import DecryptionFailed, DerivedKey
from shared.stores.redis_connection import LuaScript, RedisConnection

LUA = Path(__file__).parent / "lua"
KEEP = LuaScript.read(LUA / "keep_answer.lua")
READ = LuaScript.read(LUA / "read_answer.lua")
LEASE_MS = 10_000
READER_MS = 5_000
MAX_KEPT_BYTES = 1024 * 1024
"""Of one answer; a longer one can be resumed only from the process that writes it."""


@dataclass(frozen=True, slots=True)
class Signs:
    """What other processes want of an answer: somebody `reads` it there, or asked to `stop` it."""

    reads: bool
    stops: bool


class KeptAnswer:
    """One answer in Redis. Every method raises RedisError while Redis is lost."""

    def __init__(self, connection: RedisConnection, answer_id: str, key_id: str) -> None:
        self._connection = connection
        name = f"{TAG}:answer:{hashlib.sha256(answer_id.encode()).hexdigest()}"
        self._names = (name, f"{name}:claim", f"{name}:reader", f"{name}:stop")
        self._cipher = DerivedKey(answer_id.encode(), f"answer of {key_id}")
        self._batches = 0
        self._frames = 0

    async def claim(self) -> bool:
        """Claim the id for this process; False when an answer has it already."""
        claimed = await self._connection.call("SET", self._names[1], "1", "NX", "PX", LEASE_MS)
        return claimed is not None

    async def keep(self, frames: Sequence[bytes], live_ms: int) -> Signs:
        """Keep the frames that were not yet, and the answer for `live_ms` more.

        One of more than MAX_KEPT_BYTES is forgotten: nobody shall resume it with a gap.
        """
        if sum(map(len, frames)) > MAX_KEPT_BYTES:
            await self._connection.call("DEL", *self._names[:2])
            return Signs(reads=False, stops=False)
        frames = tuple(frames)  # more may be added meanwhile
        sealed = self._seal(frames[self._frames :])
        held, reads, stops = await self._push(sealed, live_ms)
        if held < 0:
            self._batches = self._frames = 0
            sealed = self._seal(frames)
            held, reads, stops = await self._push(sealed, live_ms)
        self._batches, self._frames = held, len(frames)
        return Signs(bool(reads), bool(stops))

    async def read(self) -> list[bytes]:
        """Return the frames that were kept since the last call.

        Raises UnknownAnswer when the key has no such answer, or its writer is gone.
        """
        found, *batches = await self._connection.run(
            READ, self._names[:3], (self._batches, READER_MS)
        )
        if not found:
            raise UnknownAnswer
        self._batches += len(batches)
        try:
            return [
                frame.encode()
                for batch in batches
                for frame in orjson.loads(self._cipher.open(batch))
            ]
        except DecryptionFailed:
            raise UnknownAnswer from None

    async def ask_to_stop(self) -> None:
        """Have the process that writes the answer stop."""
        await self._connection.call("SET", self._names[3], "1", "PX", LEASE_MS)

    def _seal(self, frames: Sequence[bytes]) -> bytes:
        if not frames:
            return b""
        return self._cipher.seal(orjson.dumps([frame.decode() for frame in frames]))

    async def _push(self, sealed: bytes, live_ms: int) -> tuple[int, int, int]:
        held, reads, stops = await self._connection.run(
            KEEP, self._names, (self._batches, live_ms, sealed)
        )
        return held, reads, stops


class AnswerLog:
    """Where answers are kept."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    def answer(self, answer_id: str, key_id: str) -> KeptAnswer:
        """Return one answer, there or not."""
        return KeptAnswer(self._connection, answer_id, key_id)
