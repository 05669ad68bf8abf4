"""The webhook: LINE's POST becomes one queued update for each event, then a 200.

The signature is checked first, over the body as it came. While Redis is unavailable the answer is
503, and LINE delivers all events of the request again where "webhook redelivery" is switched on in
its console; those stored already are known by their ids. The console's "Verify" sends no events.
"""

import base64
import hashlib
import hmac

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response

from shared.errors import BadInput, MalformedBody
from telegram_service.channels.line.parsing import queued
from telegram_service.errors import RedisUnavailable, WrongSecret
from telegram_service.queue.event import Event
from telegram_service.queue.update_queue import UpdateQueue

log = structlog.get_logger()

SIGNATURE_HEADER = "x-line-signature"


def signature(secret: bytes, body: bytes) -> bytes:
    """Return LINE's signature: HMAC-SHA256 with the channel secret, Base64 ("Verify signature")."""
    return base64.b64encode(hmac.digest(secret, body, hashlib.sha256))


class LineWebhook:
    """Checks the signature and enqueues; without a channel secret it refuses everything."""

    def __init__(self, queue: UpdateQueue, secret: str) -> None:
        self._queue = queue
        self._secret = secret.encode()

    async def answer(self, request: Request) -> Response:
        """Answer LINE. Raises WrongSecret, MalformedBody, BadInput, RedisUnavailable."""
        body = await request.body()
        given = request.headers.get(SIGNATURE_HEADER, "").encode()
        if not self._secret or not hmac.compare_digest(given, signature(self._secret, body)):
            raise WrongSecret
        for event, payload in read_events(body):
            try:
                await self._queue.enqueue(event, payload)
            except TimeoutError as error:
                raise RedisUnavailable("timeout", retry_after_s=2) from error
        return Response(status_code=200)


def read_events(body: bytes) -> list[tuple[Event, bytes]]:
    """Return the events of a request that concern a chat, each with its own JSON.

    What LINE has signed but we cannot place is left out: it would come again for ever. Raises
    MalformedBody, BadInput.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise MalformedBody("not JSON") from error
    events = content.get("events") if isinstance(content, dict) else None
    if not isinstance(events, list):
        raise BadInput("no events")
    found = []
    for event in events:
        try:
            known = queued(event)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("event left out", reason=type(error).__name__)
            continue
        if known is not None:
            found.append((known, orjson.dumps(event)))
    return found
