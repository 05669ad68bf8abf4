"""Delivers events to the webhook as LINE does: signed, in two seconds, again when that failed.

From "Receive messages (webhook)" and "Check webhook error causes": a response that is not 2xx, or
that takes over two seconds, is a failure; where redelivery is switched on the events come again
later with `isRedelivery` and the same `webhookEventId` and reply token.
"""

import asyncio
import base64
import hashlib
import hmac
import random
from collections import deque

import httpx2
import orjson

from telegram_service.emulators.line.account import BOT_ID, Account, JsonObject, chat_of

FIRST_RETRY_S, MAX_RETRY_S = 0.2, 5.0
TIMEOUT_S = 2.0
CONNECTIONS = 40


def signature(secret: str, body: bytes) -> str:
    """Return `x-line-signature`: HMAC-SHA256 of the raw body under the channel secret, Base64."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


class EventDelivery:
    """Posts an account's events to a webhook while `run()` runs.

    `together` is how many events of a chat one request may carry; `twice` the share of accepted
    requests delivered again, as after a lost 200; without `redelivery` what fails is gone.
    """

    def __init__(self, account: Account, secret: str) -> None:
        self._account = account
        self._secret = secret
        self.url = ""
        self.redelivery = True
        self.together = 1
        self.twice = 0.0
        self.delivered = 0
        self.repeated = 0
        self.refused = 0
        self.dropped = 0
        self.statuses: list[int] = []
        self._queues: dict[str, deque[JsonObject]] = {}
        self._random = random.Random(7)  # noqa: S311 - which events come twice, reproducibly

    @property
    def pending(self) -> int:
        """Return how many events wait for the bot."""
        return sum(map(len, self._queues.values()))

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with (
            httpx2.AsyncClient(timeout=TIMEOUT_S) as http,
            asyncio.TaskGroup() as group,
        ):
            free = asyncio.Semaphore(CONNECTIONS)
            while True:
                while self.url and self._account.events:
                    event = self._account.events.popleft()
                    chat = chat_of(event)
                    queue = self._queues.setdefault(chat, deque())
                    queue.append(event)
                    if len(queue) == 1:
                        group.create_task(self._serve(queue, http, free))
                await asyncio.sleep(0.002)

    async def verify(self, http: httpx2.AsyncClient, url: str) -> int:
        """Post no events, as the console's "Verify" does; return the status, 0 for no answer."""
        return await self._post([], http, url)

    async def _serve(
        self, queue: deque[JsonObject], http: httpx2.AsyncClient, free: asyncio.Semaphore
    ) -> None:
        while queue:
            events = [queue[number] for number in range(min(self.together, len(queue)))]
            await self._deliver(events, http, free)
            for _ in events:
                queue.popleft()

    async def _deliver(
        self, events: list[JsonObject], http: httpx2.AsyncClient, free: asyncio.Semaphore
    ) -> None:
        retry_s = FIRST_RETRY_S
        while True:
            async with free:
                accepted = httpx2.codes.is_success(await self._post(events, http, self.url))
            if accepted or not self.redelivery:
                self.delivered += len(events) if accepted else 0
                self.dropped += 0 if accepted else len(events)
                break
            self.refused += 1
            await asyncio.sleep(retry_s)
            retry_s = min(MAX_RETRY_S, retry_s * 2)
            events = [{**event, "deliveryContext": {"isRedelivery": True}} for event in events]
        if accepted and self._random.random() < self.twice:
            self.repeated += len(events)
            again = [{**event, "deliveryContext": {"isRedelivery": True}} for event in events]
            async with free:
                await self._post(again, http, self.url)

    async def _post(self, events: list[JsonObject], http: httpx2.AsyncClient, url: str) -> int:
        body = orjson.dumps({"destination": BOT_ID, "events": events})
        headers = {
            "X-Line-Signature": signature(self._secret, body),
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "LineBotWebhook/2.0",
        }
        try:
            status = (await http.post(url, content=body, headers=headers)).status_code
        except httpx2.TransportError:
            status = 0
        self.statuses.append(status)
        return status
