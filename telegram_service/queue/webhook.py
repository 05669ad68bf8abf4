"""The door: Telegram's POST becomes one entry in a mailbox, then a 200.

Nothing else happens here: no Bot API, no Postgres, no model. While Redis is away the answer is a
503 with Retry-After, and Telegram keeps the update for us, up to 24 hours.
"""

import hmac
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import BadInput, MalformedBody
from telegram_service.errors import MailboxLost, WrongSecret
from telegram_service.queue.update_queue import Kind, Mailbox

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - the header's name
AT_ONCE = ("/stop", "/reset", "/help", "/status")
"""Commands that overtake waiting questions."""
PLACES = ("message", "edited_message", "my_chat_member", "stopped_message_generation")


class Webhook:
    """Checks the secret, finds the chat, accepts."""

    def __init__(self, mailbox: Mailbox, secret: str) -> None:
        self._mailbox = mailbox
        self._secret = secret.encode()

    async def answer(self, request: Request) -> Response:
        """Answer Telegram. Raises WrongSecret, MalformedBody, BadInput, MailboxLost."""
        given = request.headers.get(SECRET_HEADER, "").encode()
        if not self._secret or not hmac.compare_digest(given, self._secret):
            raise WrongSecret
        payload = await request.body()
        await accept(self._mailbox, payload)
        return Response(status_code=200)


async def accept(mailbox: Mailbox, payload: bytes) -> bool:
    """Put an update in its mailbox; False when it was here before or concerns no chat."""
    try:
        update = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise MalformedBody("not JSON") from error
    if not isinstance(update, dict) or not isinstance(update.get("update_id"), int):
        raise BadInput("no update_id")
    try:
        chat, message_id, kind = destination(update)
    except (KeyError, TypeError) as error:
        raise BadInput("no chat") from error
    if chat is None:
        return False
    try:
        return await mailbox.accept(update["update_id"], str(chat), message_id, kind, payload)
    except TimeoutError as error:
        raise MailboxLost("timeout", retry_after_s=2) from error


def destination(update: Mapping[str, Any]) -> tuple[int | None, int | None, Kind]:
    """Return the chat an update belongs to, its message id, and its lane."""
    if tap := update.get("callback_query"):
        message = tap.get("message")
        return (message["chat"]["id"] if message else tap["from"]["id"]), None, "control"
    for place in PLACES:
        if thing := update.get(place):
            chat = thing["chat"]["id"]
            if place == "message":
                text = thing.get("text", "")
                kind: Kind = "control" if overtakes(text) else "post"
                return chat, thing["message_id"], kind
            if place == "edited_message":
                return chat, thing["message_id"], "edit"
            return chat, None, "control" if place.startswith("stopped") else "post"
    return None, None, "post"


def overtakes(text: str) -> bool:
    """Tell whether a text is a command of the control lane, with or without the bot's name."""
    if not text.startswith("/"):
        return False
    return text.split(maxsplit=1)[0].partition("@")[0].lower() in AT_ONCE
