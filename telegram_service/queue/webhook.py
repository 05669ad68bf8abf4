"""The webhook: Telegram's POST becomes one queued update, then a 200.

Nothing else happens here: no Bot API, no Postgres, no model. While Redis is unavailable the answer
is 503 with Retry-After, and Telegram retries the update for up to 24 hours.
"""

import hmac
from collections.abc import Mapping
from typing import Any, TypeGuard

import orjson
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import BadInput, MalformedBody
from telegram_service.errors import RedisUnavailable, WrongSecret
from telegram_service.queue.update_queue import Lane, UpdateQueue

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - the header's name
CONTROL_COMMANDS = ("/stop", "/reset", "/help", "/status")
"""Commands that overtake waiting questions."""
ASKING_BUTTONS = "v1|ask|"
"""Beginning of the data of a button that asks: it waits its turn like a message."""
WITH_CHAT = ("message", "edited_message", "my_chat_member", "stopped_message_generation")


class Webhook:
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
        await enqueue(self._queue, payload)
        return Response(status_code=200)


async def enqueue(queue: UpdateQueue, payload: bytes) -> bool:
    """Enqueue an update; False for a duplicate and for one that concerns no chat.

    Raises MalformedBody, BadInput, RedisUnavailable.
    """
    try:
        update = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise MalformedBody("not JSON") from error
    if not isinstance(update, dict) or not is_number(update.get("update_id")):
        raise BadInput("no update_id")
    try:
        chat, message_id, lane = destination(update)
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput("no chat") from error
    if chat is None:
        return False
    if not is_number(chat) or not (message_id is None or is_number(message_id)):
        raise BadInput("no chat")
    try:
        return await queue.enqueue(update["update_id"], chat, message_id, lane, payload)
    except TimeoutError as error:
        raise RedisUnavailable("timeout", retry_after_s=2) from error


def is_number(value: object) -> TypeGuard[int]:
    """Whether a value of JSON is a whole number; to Python `true` is one too."""
    return isinstance(value, int) and not isinstance(value, bool)


def destination(update: Mapping[str, Any]) -> tuple[int | None, int | None, Lane]:
    """Return the chat an update belongs to, its message id, and its lane."""
    if query := update.get("callback_query"):
        message = query.get("message")
        asks = str(query.get("data", "")).startswith(ASKING_BUTTONS)
        chat = message["chat"]["id"] if message else query["from"]["id"]
        return chat, None, "message" if asks else "control"
    for name in WITH_CHAT:
        if content := update.get(name):
            chat = content["chat"]["id"]
            if name == "message":
                text = content.get("text", "")
                lane: Lane = "control" if overtakes(text) else "message"
                return chat, content["message_id"], lane
            if name == "edited_message":
                return chat, content["message_id"], "edit"
            return chat, None, "control" if name.startswith("stopped") else "message"
    return None, None, "message"


def sender_id(update: Mapping[str, Any]) -> int | None:
    """Return the id of the person who caused an update, None where it names none."""
    for name in ("callback_query", *WITH_CHAT):
        if content := update.get(name):
            return content["from"]["id"] if "from" in content else None
    return None


def overtakes(text: str) -> bool:
    """Whether a text is a command of the control lane, with or without the bot's name."""
    if not text.startswith("/"):
        return False
    return text.split(maxsplit=1)[0].partition("@")[0].lower() in CONTROL_COMMANDS
