"""getUpdates: one poller at a time, and none beside a webhook.

Getting updates: the two ways are mutually exclusive. Client.cpp: a second long poll ends the first
one with a 409. getUpdates, "offset": what is below it is confirmed and forgotten, a negative one
counts from the end; "limit": 1 to 100.
"""

import asyncio
import time

from telegram_service.emulators.telegram.account import Account
from telegram_service.emulators.telegram.delivery import UpdateDelivery
from telegram_service.emulators.telegram.objects import BotApiError, Fields, JsonObject

MAX_UPDATES = 100
MAX_TIMEOUT_S = 50.0
LOOK_EVERY_S = 0.02
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; "
    "use deleteWebhook to delete the webhook first"
)
OTHER_POLLER = (
    "Conflict: terminated by other getUpdates request; "
    "make sure that only one bot instance is running"
)


class Polling:
    """Answers getUpdates."""

    def __init__(self, account: Account, delivery: UpdateDelivery) -> None:
        self._account = account
        self._delivery = delivery
        self._waiting: object | None = None
        self._ended = ""

    async def get_updates(self, fields: Fields) -> list[JsonObject]:
        """Return what waits; with a timeout, once something does."""
        if self._delivery.url:
            raise BotApiError(409, WEBHOOK_ACTIVE)
        self.allow(fields)
        updates = self._account.updates
        self._confirm(int(fields.get("offset") or 0))
        self.end(OTHER_POLLER)
        mine = self._waiting = object()
        timeout_s = min(float(fields.get("timeout") or 0), MAX_TIMEOUT_S)
        until = time.monotonic() + timeout_s
        while not updates and time.monotonic() < until:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._waiting is not mine:
                raise BotApiError(409, self._ended)
        self._waiting = None
        limit = int(fields.get("limit") or MAX_UPDATES)
        return list(updates)[: max(1, min(limit, MAX_UPDATES))]

    def end(self, reason: str) -> None:
        """End the long poll under way."""
        self._waiting, self._ended = None, reason

    def allow(self, fields: Fields) -> None:
        """Remember which types of updates are wanted from now on, where that is said.

        setWebhook, "allowed_updates": if not specified, the previous setting is used; updates from
        before the call are not affected.
        """
        if (allowed := fields.get("allowed_updates")) is not None:
            self._account.allowed_updates = frozenset(allowed) or None

    def _confirm(self, offset: int) -> None:
        updates = self._account.updates
        if offset < 0:
            while len(updates) > -offset:
                updates.popleft()
        while updates and updates[0]["update_id"] < offset:
            updates.popleft()
