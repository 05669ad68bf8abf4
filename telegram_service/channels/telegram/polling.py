"""Long polling instead of a webhook, for a developer without a public address.

The offset advances only after an update is queued, so nothing is lost here either. The call
is made without python-telegram-bot, so that an update is kept exactly as Telegram wrote it.

Whatever goes wrong is said once with its reason and what to do, kept for /health, and tried again
after growing pauses. An update that the queue refuses (no chat, no id) is passed over, as the
webhook answers it: Telegram would deliver it for ever.
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpcore2  # noqa: F401 - httpx2 would import it, reading files, inside the event loop
import httpx2
import orjson
import structlog

from shared.errors import BadInput
from telegram_service.channels.telegram.parsing import ALLOWED_UPDATES
from telegram_service.channels.telegram.webhook import enqueue
from telegram_service.errors import RedisUnavailable
from telegram_service.queue.update_queue import UpdateQueue
from telegram_service.settings import Settings

log = structlog.get_logger()

LONG_POLL_S = 20
TIMEOUT_S = LONG_POLL_S + 10
FIRST_PAUSE_S, GROWTH, LONGEST_PAUSE_S = 1.0, 2.0, 60.0
WEBHOOK_IS_SET = (
    "a webhook is set for this bot: delete it (deleteWebhook), or set TELEGRAM_BOT__MODE=webhook"
)
OTHER_POLLER = "another program polls with this token: stop it, or give one of both its own token"
WRONG_TOKEN = "Telegram does not know this token: check TELEGRAM_BOT__TOKEN"  # noqa: S105 - no token
NO_JSON = "the answer is no JSON: check TELEGRAM_BOT__API_URL"


class PollFailed(Exception):
    """A poll that brought nothing; the text says why and what to do."""

    def __init__(self, reason: str, pause_s: float = 0.0) -> None:
        super().__init__(reason)
        self.pause_s = pause_s


@dataclass
class PollState:
    """How polling goes, for /health: `problem` says why nothing comes, empty while it works."""

    problem: str = ""

    def failed(self, reason: str, pause_s: float) -> None:
        """Record a failure, and log it where it is not the one before."""
        if reason != self.problem:
            log.warning("polling failed", reason=reason, next_try_s=pause_s)
        self.problem = reason

    def worked(self) -> None:
        """Record that a poll was answered."""
        if self.problem:
            log.info("polling works again")
        self.problem = ""


async def poll(settings: Settings, queue: UpdateQueue, state: PollState | None = None) -> None:
    """Fetch and enqueue, until cancelled."""
    state = state or PollState()
    base = str(settings.bot.api_url).rstrip("/")
    url = f"{base}/bot{settings.bot.token.get_secret_value()}/getUpdates"
    offset, pause_s = 0, FIRST_PAUSE_S
    async with httpx2.AsyncClient(timeout=TIMEOUT_S) as http:
        while True:
            try:
                for update in await fetch(http, url, offset):
                    await enqueue_one(queue, update)
                    offset = update["update_id"] + 1
            except PollFailed as failure:
                pause_s = max(pause_s, failure.pause_s)
                state.failed(str(failure), pause_s)
                await asyncio.sleep(pause_s)
                pause_s = min(LONGEST_PAUSE_S, pause_s * GROWTH)
            else:
                state.worked()
                pause_s = FIRST_PAUSE_S


async def fetch(http: httpx2.AsyncClient, url: str, offset: int) -> list[dict[str, Any]]:
    """Return the updates from `offset` on. Raises PollFailed."""
    body = {"timeout": LONG_POLL_S, "allowed_updates": ALLOWED_UPDATES, "offset": offset}
    try:
        response = await http.post(url, json=body)
    except httpx2.HTTPError as error:
        raise PollFailed(f"Telegram cannot be reached ({type(error).__name__})") from error
    try:
        reply = orjson.loads(response.content)
    except orjson.JSONDecodeError as error:
        raise PollFailed(f"{NO_JSON} ({response.status_code})") from error
    reply = reply if isinstance(reply, dict) else {}
    found = reply.get("result")
    if response.is_success and isinstance(found, list):
        return [each for each in found if isinstance(each, dict) and "update_id" in each]
    raise refusal(response.status_code, reply)


def refusal(status: int, reply: dict[str, Any]) -> PollFailed:
    """Return the failure for a refusal of Telegram's, in words an operator can act upon."""
    said = str(reply.get("description", ""))[:200]
    if status == HTTPStatus.CONFLICT:
        return PollFailed(WEBHOOK_IS_SET if "webhook" in said else OTHER_POLLER)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
        return PollFailed(WRONG_TOKEN)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        parameters = reply.get("parameters")
        wait = parameters.get("retry_after", 0) if isinstance(parameters, dict) else 0
        return PollFailed("Telegram asks to wait", float(wait) if isinstance(wait, int) else 0.0)
    return PollFailed(f"Telegram answers {status} {said}".rstrip())


async def enqueue_one(queue: UpdateQueue, update: dict[str, Any]) -> None:
    """Queue one update; one that concerns no chat is passed over. Raises PollFailed."""
    try:
        await enqueue(queue, orjson.dumps(update))
    except RedisUnavailable as error:
        raise PollFailed("Redis does not answer") from error
    except BadInput as error:
        log.warning("update passed over", update_id=update["update_id"], reason=str(error))
