"""The webhook: Telegram's POST becomes one queued update, then a 200.

Nothing else happens here: no Bot API, no Postgres, no model. While Redis is unavailable the answer
is 503 with Retry-After, and Telegram retries the update for up to 24 hours.
"""

import hmac
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import BadInput, MalformedBody
from telegram_service.channels.telegram.parsing import destination, is_number
from telegram_service.errors import RedisUnavailable, WrongSecret
from telegram_service.queue.event import Event
from telegram_service.queue.update_queue import UpdateQueue

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - the header's name


class TelegramWebhook:
    """Checks the secret and enqueues."""

    def __init__(self, queue: UpdateQueue, secret: str) -> None:
        self._queue = queue
        self._secret = secret.encode()

    async def answer(self, request: Request) -> Response:
        """Answer Telegram. Raises WrongSecret, MalformedBody, BadInput, RedisUnavailable."""
        secret = request.headers.get(SECRET_HEADER, "").encode()
        if not self._secret or not hmac.compare_digest(secret, self._secret):
            raise WrongSecret
        payload = await request.body()
        update = read_update(payload)
        request.scope["state"]["log_facts"] = {"update_id": update["update_id"]}
        await enqueue_update(self._queue, update, payload)
        return Response(status_code=200)


async def enqueue(queue: UpdateQueue, payload: bytes) -> bool:
    """Enqueue an update; False for a duplicate and for one that concerns no chat.

    Raises MalformedBody, BadInput, RedisUnavailable.
    """
    return await enqueue_update(queue, read_update(payload), payload)


def read_update(payload: bytes) -> dict[str, Any]:
    """Return an update, which has its id. Raises MalformedBody, BadInput."""
    try:
        update = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise MalformedBody("not JSON") from error
    if not isinstance(update, dict) or not is_number(update.get("update_id")):
        raise BadInput("no update_id")
    return update


async def enqueue_update(queue: UpdateQueue, update: dict[str, Any], payload: bytes) -> bool:
    """Enqueue an update that was read from `payload`. Raises BadInput, RedisUnavailable."""
    try:
        chat, message_id, lane = destination(update)
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput("no chat") from error
    if chat is None:
        return False
    if not is_number(chat) or not (message_id is None or is_number(message_id)):
        raise BadInput("no chat")
    try:
        event = Event("telegram", str(update["update_id"]), chat, message_id, lane)
        return await queue.enqueue(event, payload, update_id=update["update_id"])
    except TimeoutError as error:
        raise RedisUnavailable("timeout", retry_after_s=2) from error
