"""Long polling instead of a webhook, for a developer without a public address.

The offset advances only after an update is queued, so nothing is lost here either. The call
is made without python-telegram-bot, so that an update is kept exactly as Telegram wrote it.
"""

import asyncio

import httpcore2  # noqa: F401 - httpx2 would import it, reading files, inside the event loop
import httpx2
import orjson
import structlog

from telegram_service.channels.telegram.parsing import ALLOWED_UPDATES
from telegram_service.channels.telegram.webhook import enqueue
from telegram_service.errors import RedisUnavailable
from telegram_service.queue.update_queue import UpdateQueue
from telegram_service.settings import Settings

log = structlog.get_logger()

LONG_POLL_S = 20
TIMEOUT_S = LONG_POLL_S + 10
PAUSE_S = 1.0


async def poll(settings: Settings, queue: UpdateQueue) -> None:
    """Fetch and enqueue, until cancelled."""
    base = str(settings.bot.api_url).rstrip("/")
    url = f"{base}/bot{settings.bot.token.get_secret_value()}/getUpdates"
    query = {"timeout": LONG_POLL_S, "allowed_updates": ALLOWED_UPDATES}
    offset = 0
    async with httpx2.AsyncClient(timeout=TIMEOUT_S) as http:
        while True:
            try:
                response = await http.post(url, json={**query, "offset": offset})
                response.raise_for_status()
                for update in response.json()["result"]:
                    await enqueue(queue, orjson.dumps(update))
                    offset = update["update_id"] + 1
            except (httpx2.HTTPError, RedisUnavailable) as error:
                log.warning("polling failed", reason=type(error).__name__)
                await asyncio.sleep(PAUSE_S)
