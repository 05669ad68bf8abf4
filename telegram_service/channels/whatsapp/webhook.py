"""The webhook: each message of Meta's POST becomes a queued event, each status of ours is noted.

The signature over the body as it came is checked before anything is read. One call brings several
messages and statuses, also of other phone numbers of the account: each is handled by itself, so
that none that we cannot read keeps the others back. While Redis is unavailable the answer is 503,
and Meta delivers the whole call again, for up to 7 days.
https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/overview
"""

import hmac
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import structlog
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from shared.clock import Clock
from shared.errors import BadInput, MalformedBody
from telegram_service.channels.whatsapp.parsing import PREFIX, Received, event_of, payload_of
from telegram_service.channels.whatsapp.receipts import Receipts
from telegram_service.errors import RedisUnavailable, WrongSecret
from telegram_service.queue.update_queue import UpdateQueue
from telegram_service.settings import WhatsAppSettings

log = structlog.get_logger()

SIGNATURE_HEADER, SIGNATURE_PREFIX = "x-hub-signature-256", "sha256="
MAX_CHALLENGE = 256
RE_ENGAGEMENT = 131047
JsonObject = Mapping[str, Any]


class WhatsAppWebhook:
    """Checks the signature and enqueues; without secrets it refuses everybody."""

    def __init__(
        self, queue: UpdateQueue, receipts: Receipts, settings: WhatsAppSettings, clock: Clock
    ) -> None:
        self._queue = queue
        self._receipts = receipts
        self._clock = clock
        self._secret = settings.app_secret.get_secret_value().encode()
        self._verify_token = settings.verify_token.get_secret_value().encode()
        self._number = settings.phone_number_id

    async def verify(self, request: Request) -> Response:
        """Answer Meta's question whether this address is ours. Raises WrongSecret."""
        asked = request.query_params
        token = asked.get("hub.verify_token", "").encode()
        challenge = asked.get("hub.challenge", "")
        right = (
            hmac.compare_digest(token, self._verify_token) and asked.get("hub.mode") == "subscribe"
        )
        if not self._verify_token or not right or len(challenge) > MAX_CHALLENGE:
            raise WrongSecret
        return PlainTextResponse(challenge)

    async def answer(self, request: Request) -> Response:
        """Answer Meta. Raises WrongSecret, MalformedBody, BadInput, RedisUnavailable."""
        body = await request.body()
        given = request.headers.get(SIGNATURE_HEADER, "").encode()
        wanted = SIGNATURE_PREFIX + hmac.digest(self._secret, body, "sha256").hex()
        if not self._secret or not hmac.compare_digest(given, wanted.encode()):
            raise WrongSecret
        try:
            call = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise MalformedBody("not JSON") from error
        if not isinstance(call, dict) or call.get("object") != "whatsapp_business_account":
            raise BadInput("not of a WhatsApp Business account")
        try:
            for value in changes(call):
                await self._take(value)
        except TimeoutError as error:
            raise RedisUnavailable("timeout", retry_after_s=2) from error
        return Response(status_code=200)

    async def _take(self, value: JsonObject) -> None:
        metadata = value.get("metadata")
        if not isinstance(metadata, dict) or metadata.get("phone_number_id") != self._number:
            await self._receipts.count("whatsapp_other_number")
            return
        contacts = objects(value.get("contacts"))
        for message in objects(value.get("messages")):
            await self._enqueue(message, contacts)
        for status in objects(value.get("statuses")):
            await self._note(status)
        for error in objects(value.get("errors")):
            log.warning("whatsapp reports an error", code=error_code(error))
            await self._receipts.count("whatsapp_errors")

    async def _enqueue(self, message: JsonObject, contacts: list[JsonObject]) -> None:
        contact = sender_of(message, contacts)
        try:
            received = Received.model_validate({"message": message, "contact": contact})
        except ValidationError as error:
            log.warning("message unreadable", errors=error.error_count())
            await self._receipts.count("whatsapp_unreadable")
            return
        event = event_of(received)
        if event is None:
            await self._receipts.count("whatsapp_ignored")
            return
        age_s = self._clock.now().timestamp() - received.message.timestamp
        await self._receipts.open_window(event.chat, age_s)
        await self._queue.enqueue(event, payload_of(message, contact))

    async def _note(self, status: JsonObject) -> None:
        """Note that a message of ours was accepted, or has failed."""
        failed = status.get("status") == "failed"
        codes = [error_code(each) for each in objects(status.get("errors"))]
        if failed:
            log.warning("message failed", codes=codes)
            await self._receipts.count("whatsapp_failed")
        if failed and RE_ENGAGEMENT in codes:
            for name in ("recipient_user_id", "user_id", "recipient_id"):
                if isinstance(person := status.get(name), str):
                    await self._receipts.close_window(PREFIX + person)
        await self._receipts.note(str(status.get("biz_opaque_callback_data", "")))


def changes(call: JsonObject) -> Iterator[JsonObject]:
    """Yield the values of the changes of a call that concern messages."""
    for entry in objects(call.get("entry")):
        for change in objects(entry.get("changes")):
            value = change.get("value")
            if change.get("field") == "messages" and isinstance(value, dict):
                yield value


def objects(value: object) -> list[JsonObject]:
    """Return the objects of a list, nothing for what is none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def sender_of(message: JsonObject, contacts: list[JsonObject]) -> JsonObject:
    """Return the contact who sent a message; the only one, where the message names nobody."""
    if len(contacts) == 1 and not message.get("from") and not message.get("from_user_id"):
        return contacts[0]
    return next((each for each in contacts if is_of(each, message)), {})


def is_of(contact: JsonObject, message: JsonObject) -> bool:
    """Return whether a contact is the sender of a message."""
    number, person = message.get("from"), message.get("from_user_id")
    return bool(
        (person and contact.get("user_id") == person) or (number and contact.get("wa_id") == number)
    )


def error_code(error: JsonObject) -> int:
    """Return the code of an error, 0 where it has none."""
    code = error.get("code")
    return code if isinstance(code, int) else 0
