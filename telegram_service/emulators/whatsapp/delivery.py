"""Brings an account's events to the webhook as Meta does: signed, in batches, until a 200.

webhooks/overview and create-webhook-endpoint: anything but a 200 means the same call again, with
growing delays, for up to 7 days; duplicates happen. The order is not promised; here a person's
messages come one after the other, their statuses whenever they are due.
"""

import asyncio
import hashlib
import hmac
import random
import time
from collections import Counter, deque
from collections.abc import Sequence

import httpx2
import orjson

from telegram_service.emulators.whatsapp.account import Account
from telegram_service.emulators.whatsapp.errors import JsonObject
from telegram_service.emulators.whatsapp.messages import Event
from telegram_service.emulators.whatsapp.people import ACCOUNT_ID, BUSINESS_NUMBER

FIRST_RETRY_S, MAX_RETRY_S = 0.2, 5.0
TIMEOUT_S = 10.0
CONNECTIONS = 40
SIGNATURE_HEADER = "X-Hub-Signature-256"


class WebhookDelivery:
    """Posts events to `url` while `run()` runs.

    `twice` is the share of accepted calls made again, as after a lost 200; `batch` how many events
    one call may bring.
    """

    def __init__(self, account: Account, app_secret: str) -> None:
        self._account = account
        self._secret = app_secret.encode()
        self.url = ""
        self.twice = 0.0
        self.batch = 4
        self.pending = 0
        self.delivered = 0
        self.repeated_messages = 0
        self.refused = 0
        self.statuses: list[int] = []
        self._busy: Counter[str] = Counter()
        self._random = random.Random(7)  # noqa: S311 - which calls come twice, reproducibly

    @property
    def waiting(self) -> int:
        """Return how many messages of people have not been accepted yet."""
        return self.pending + sum(not event.is_status for event in self._account.events)

    async def run(self) -> None:
        """Deliver until cancelled."""
        limits = httpx2.Limits(max_connections=CONNECTIONS)
        async with (
            httpx2.AsyncClient(timeout=TIMEOUT_S, limits=limits) as http,
            asyncio.TaskGroup() as group,
        ):
            free = asyncio.Semaphore(CONNECTIONS)
            while True:
                while self.url and (events := self._next()):
                    group.create_task(self._deliver(events, http, free))
                await asyncio.sleep(0.002)

    def _next(self) -> list[Event]:
        """Take the events of one call: nobody's second message before their first is accepted."""
        taken: list[Event] = []
        left: deque[Event] = deque()
        passed: set[str] = set()
        now = time.monotonic()
        while self._account.events and len(taken) < self.batch:
            event = self._account.events.popleft()
            held = self._busy[event.number] > 0 or event.number in passed
            if event.due_s > now or (held and not event.is_status):
                left.append(event)
                if not event.is_status:
                    passed.add(event.number)
            else:
                taken.append(event)
        self._account.events.extendleft(reversed(left))
        for event in taken:
            if not event.is_status:
                self._busy[event.number] += 1
                self.pending += 1
        return taken

    async def _deliver(
        self, events: Sequence[Event], http: httpx2.AsyncClient, free: asyncio.Semaphore
    ) -> None:
        body, retry_s = orjson.dumps(self.call(events)), FIRST_RETRY_S
        messages = [event for event in events if not event.is_status]
        while True:
            async with free:
                accepted = await self._post(body, http)
            if accepted:
                break
            self.refused += 1
            await asyncio.sleep(retry_s)
            retry_s = min(MAX_RETRY_S, retry_s * 2)
        self.delivered += len(messages)
        if self._random.random() < self.twice:
            self.repeated_messages += len(messages)
            async with free:
                await self._post(body, http)
        for event in messages:
            self._busy[event.number] -= 1
            self.pending -= 1

    def call(self, events: Sequence[Event]) -> JsonObject:
        """Return the body of a call."""
        metadata = {
            "display_phone_number": BUSINESS_NUMBER,
            "phone_number_id": self._account.phone_number_id,
        }
        head = {"messaging_product": "whatsapp", "metadata": metadata}
        changes = [{"field": "messages", "value": {**head, **event.change}} for event in events]
        return {
            "object": "whatsapp_business_account",
            "entry": [{"id": ACCOUNT_ID, "changes": changes}],
        }

    def signature(self, body: bytes) -> str:
        """Return the signature of a body, as the header has it."""
        return "sha256=" + hmac.digest(self._secret, body, hashlib.sha256).hex()

    async def _post(self, body: bytes, http: httpx2.AsyncClient) -> bool:
        headers = {SIGNATURE_HEADER: self.signature(body), "Content-Type": "application/json"}
        try:
            response = await http.post(self.url, content=body, headers=headers)
        except httpx2.TransportError:
            self.statuses.append(0)
            return False
        self.statuses.append(response.status_code)
        return response.status_code == 200
