"""Delivers updates to the webhook as Telegram does: one in flight per chat, until accepted.

From tdlib/telegram-bot-api, WebhookActor.cpp: the front of each chat's queue only; anything but a
2xx, and a hang-up, means the same update again; Retry-After is honoured.
"""

import asyncio
import random
from collections import deque
from typing import Any

import httpx2

from telegram_service.emulators.telegram.account import Account
from telegram_service.emulators.telegram.objects import JsonObject

FIRST_RETRY_S, MAX_RETRY_S = 0.2, 5.0
TIMEOUT_S = 10.0


class UpdateDelivery:
    """Sends an account's updates to a webhook while `run()` runs.

    `twice` is the share of accepted updates delivered again, as after a lost 200.
    """

    def __init__(self, account: Account) -> None:
        self._account = account
        self.url = ""
        self._secret = ""
        self._connections = 40
        self._queues: dict[int, deque[JsonObject]] = {}
        self.twice = 0.0
        self.delivered = 0
        self.repeated = 0
        self.refused = 0
        self.statuses: list[int] = []
        self._random = random.Random(7)  # noqa: S311 - which updates come twice, reproducibly

    @property
    def pending(self) -> int:
        """Return how many updates wait for the bot."""
        return sum(map(len, self._queues.values()))

    def set_webhook(self, url: str, secret: str, connections: int) -> None:
        """Deliver there from now on; an empty address means getUpdates."""
        self.url, self._secret, self._connections = url, secret, connections

    async def run(self) -> None:
        """Deliver until cancelled."""
        limits = httpx2.Limits(max_connections=100)
        async with (
            httpx2.AsyncClient(timeout=TIMEOUT_S, limits=limits) as http,
            asyncio.TaskGroup() as group,
        ):
            free = asyncio.Semaphore(self._connections)
            while True:
                while self.url and self._account.updates:
                    update = self._account.updates.popleft()
                    chat = chat_of(update)
                    queue = self._queues.setdefault(chat, deque())
                    queue.append(update)
                    if len(queue) == 1:
                        group.create_task(self._serve(chat, http, free))
                await asyncio.sleep(0.002)

    async def _serve(self, chat: int, http: httpx2.AsyncClient, free: asyncio.Semaphore) -> None:
        queue = self._queues[chat]
        while queue:
            await self._deliver(queue[0], http, free)
            queue.popleft()

    async def _deliver(
        self, update: JsonObject, http: httpx2.AsyncClient, free: asyncio.Semaphore
    ) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            async with free:
                wait_s = await self._post(update, http)
            if wait_s is None:
                self.delivered += 1
                if self._random.random() < self.twice:
                    self.repeated += 1
                    async with free:
                        await self._post(update, http)
                return
            self.refused += 1
            await asyncio.sleep(wait_s or retry_s)
            retry_s = min(MAX_RETRY_S, retry_s * 2)

    async def _post(self, update: JsonObject, http: httpx2.AsyncClient) -> float | None:
        """Return None when the bot has accepted, else its Retry-After in seconds, 0 without one."""
        headers = {"X-Telegram-Bot-Api-Secret-Token": self._secret}
        try:
            response = await http.post(self.url, json=update, headers=headers)
        except httpx2.TransportError:
            self.statuses.append(0)
            return 0.0
        self.statuses.append(response.status_code)
        if response.is_success:
            return None
        wait = response.headers.get("retry-after", "")
        return float(wait) if wait.isdecimal() else 0.0


def chat_of(update: dict[str, Any]) -> int:
    """Return the chat whose queue an update belongs to, 0 for what belongs to none."""
    if query := update.get("callback_query"):
        return int(query["message"]["chat"]["id"])
    content = next((each for each in update.values() if isinstance(each, dict)), {})
    return int((content.get("chat") or {}).get("id", 0))
