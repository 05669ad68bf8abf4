"""Dead letters over HTTP, for the desk of ai_core: listed without content, replayed, dropped.

Behind an API key; where none is set the routes do not exist. To say which channel a letter came
from, it is opened here; nothing else of it leaves the service.
"""

import asyncio
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime

import structlog
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.channels import DEAD_LETTERS_PATH, KEY_HEADER, DeadLetterList, DeadLetterSummary
from shared.errors import NotAuthenticated
from shared.privacy.encryption import DecryptionFailed
from telegram_service.errors import ChatHasUpdates, UnknownLetter
from telegram_service.queue.dead_letters import DeadLetter, DeadLetters

log = structlog.get_logger()

LISTED = 200


class DeadLettersApi:
    """The routes. Each raises NotAuthenticated without the key, and RedisUnavailable."""

    def __init__(self, letters: DeadLetters, key: SecretStr) -> None:
        self._letters = letters
        self._key = key.get_secret_value().encode()

    def add_routes(self, app: FastAPI) -> None:
        """Add the routes, unless there is no key."""
        if not self._key:
            return
        one = f"{DEAD_LETTERS_PATH}/{{id}}"
        app.add_route(DEAD_LETTERS_PATH, self.list_latest, methods=["GET"])
        app.add_route(f"{one}/replay", self.replay, methods=["POST"])
        app.add_route(one, self.drop, methods=["DELETE"])

    async def list_latest(self, request: Request) -> Response:
        """Answer with the latest letters, the latest first, and how many there are."""
        self._check_key(request)
        latest = await self._letters.latest(LISTED)
        summaries = await asyncio.to_thread(self._summaries, latest)
        reply = DeadLetterList(count=await self._letters.count(), letters=summaries)
        return JSONResponse(reply.model_dump(mode="json"))

    async def replay(self, request: Request) -> Response:
        """Queue a letter again. Raises UnknownLetter, ChatHasUpdates."""
        letter = await self._find(request)
        outcome = await self._letters.replay(letter)
        if outcome == "waiting":
            raise ChatHasUpdates
        if outcome == "gone":
            raise UnknownLetter
        log.info("dead letter replayed", letter=letter.id)
        return Response(status_code=204)

    async def drop(self, request: Request) -> Response:
        """Delete a letter for good. Raises UnknownLetter."""
        letter = await self._find(request)
        if not await self._letters.drop(letter):
            raise UnknownLetter
        log.info("dead letter dropped", letter=letter.id)
        return Response(status_code=204)

    def _check_key(self, request: Request) -> None:
        presented = request.headers.get(KEY_HEADER, "").encode("utf-8", "replace")
        if not hmac.compare_digest(presented, self._key):
            raise NotAuthenticated

    async def _find(self, request: Request) -> DeadLetter:
        self._check_key(request)
        letter = await self._letters.one(str(request.path_params["id"]))
        if letter is None:
            raise UnknownLetter
        return letter

    def _summaries(self, letters: Sequence[DeadLetter]) -> list[DeadLetterSummary]:
        return [
            DeadLetterSummary(
                id=letter.id,
                channel=self._channel(letter),
                reason=letter.reason,
                received_at=datetime.fromtimestamp(letter.update.received_ms / 1000, UTC),
                given_up_at=datetime.fromtimestamp(letter.given_up_ms / 1000, UTC),
            )
            for letter in letters
        ]

    def _channel(self, letter: DeadLetter) -> str:
        try:
            return self._letters.content(letter)[0]
        except DecryptionFailed:
            return ""
