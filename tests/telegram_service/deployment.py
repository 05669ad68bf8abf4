"""telegram_service as it is deployed, in processes that can be killed, beside an emulator here.

The emulator and the scripted ai_core live in the caller's event loop; the ingest and the workers
are real processes.
"""

import asyncio
import collections
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from deploy.local.ports import free_port
from shared.ai.scripted import ScriptedAi
from shared.stores.redis_connection import RedisConnection
from telegram_service.emulators.telegram.account import Account
from telegram_service.emulators.telegram.api import BotApi
from telegram_service.emulators.telegram.pacing import Pacing
from telegram_service.redis_client import KEY_PREFIX
from telegram_service.state.counters import Counters, Statistics
from tests.servers.loopback import served
from tests.telegram_service.running_app import SECRET, TOKEN

ROOT = Path(__file__).resolve().parents[2]
START_S = 60.0
QUESTION = re.compile(r"« (?:[A-Z] : )?(q-?\d+-\d+)(?: \?)? »")
PLACEHOLDER = "🤖 Je cherche"


@dataclass(frozen=True)
class Observed:
    """What the people in the chats have seen."""

    asked: int
    answered: int
    lost: int
    duplicates: int
    disordered: int
    orphans: int


@dataclass
class Processes:
    """The service's processes beside a scripted ai_core; a channel's subclass has the people."""

    ai: ScriptedAi
    environment: Mapping[str, str]
    url: str
    redis: RedisConnection
    logs: Path
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    others: list[subprocess.Popen[bytes]] = field(default_factory=list)
    started: int = 0
    asked: list[tuple[int, str]] = field(default_factory=list)

    def start(self, program: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a program of the service."""
        self.started += 1
        log = (self.logs / f"{program}-{self.started}.log").open("ab")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", "telegram_service", program],
                cwd=ROOT,
                env={**os.environ, **self.environment, **more},
                stdout=log,
                stderr=log,
            )
        (self.workers if program == "worker" else self.others).append(process)
        return process

    async def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a worker, as a crash would."""
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        self.workers.remove(process)

    def ask(self, chat: int, number: int) -> None:
        """Ask a question that its answer will quote."""
        raise NotImplementedError

    async def survive(
        self, chats: Sequence[int], questions: int, *, kills: int, timeout_s: float
    ) -> tuple[Observed, Statistics]:
        """Ask in every chat while workers are killed; return what was seen once all is settled."""
        dice = random.Random(3)  # noqa: S311 - which worker dies, reproducibly
        await self.until_workers_read(2)
        for number in range(questions):
            for chat in chats:
                self.ask(chat, number)
        for _ in range(kills):
            await asyncio.sleep(0.4)  # so long a worker lives
            await self.kill(dice.choice(self.workers))
            self.start("worker")
        await self.settled(timeout_s)
        return self.observed(), await self.statistics()

    async def stop(self, process: subprocess.Popen[bytes]) -> float:
        """Ask a worker to end; return how many seconds it took."""
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 60)
        self.workers.remove(process)
        return time.monotonic() - began

    @property
    def undelivered(self) -> bool:
        """Whether what people wrote is still on its way to the service."""
        raise NotImplementedError

    def texts(self) -> Iterator[tuple[int, str]]:
        """Yield the chat and the text of every message of ours, in order."""
        raise NotImplementedError

    async def statistics(self) -> Statistics:
        """Return the service's own counts."""
        return await Counters(self.redis).read()

    async def until_workers_read(self, count: int) -> None:
        """Wait until `count` workers wait for updates."""
        async with asyncio.timeout(START_S):
            while True:
                connections = await self.redis.call("CLIENT", "LIST")
                if connections.count(b"cmd=xreadgroup") >= count:
                    return
                await asyncio.sleep(0.02)

    async def settled(self, timeout_s: float) -> float:
        """Wait until nothing waits anywhere; return how long that took."""
        began = time.monotonic()
        while time.monotonic() - began < timeout_s:
            await asyncio.sleep(0.05)
            if self.undelivered:
                continue
            statistics = await self.statistics()
            if statistics.waiting == 0 and statistics.counts.get("accepted"):
                return time.monotonic() - began
        raise AssertionError(f"not settled: {await self.statistics()}")

    def observed(self) -> Observed:
        """Read the chats as the people in them do."""
        seen: dict[int, list[str]] = collections.defaultdict(list)
        orphans = 0
        for chat, text in self.texts():
            seen[chat] += QUESTION.findall(text)
            orphans += text.startswith(PLACEHOLDER)
        times = collections.Counter(text for texts in seen.values() for text in texts)
        disordered = 0
        for chat, texts in seen.items():
            first_seen = list(dict.fromkeys(texts))
            wanted = [text for where, text in self.asked if where == chat and text in times]
            disordered += sum(a != b for a, b in zip(first_seen, wanted, strict=True))
        return Observed(
            asked=len(self.asked),
            answered=len(times),
            lost=sum(text not in times for _, text in self.asked),
            duplicates=sum(count - 1 for count in times.values()),
            disordered=disordered,
            orphans=orphans,
        )


@dataclass(kw_only=True)
class Deployment(Processes):
    """The service on Telegram."""

    account: Account
    api: BotApi

    def ask(self, chat: int, number: int, **more: Any) -> None:
        """Ask a question that its answer will quote."""
        text = f"q{chat}-{number}"
        written = f"{text} ?" if chat > 0 else f"@CodeDuTravailNeoBot {text} ?"
        self.account.say(chat, written, person=abs(chat), **more)
        self.asked.append((chat, text))

    @property
    def undelivered(self) -> bool:
        """Whether updates are still on their way to the service."""
        return bool(self.account.updates or self.api.delivery.pending)

    def texts(self) -> Iterator[tuple[int, str]]:
        """Yield the chat and the text of every message of the bot, in order."""
        for (chat, _), message in sorted(self.account.messages.items()):
            if message["from"]["is_bot"]:
                yield chat, message.get("text", "")


def environment_for(
    redis_url: str, database_url: str, ai_url: str, key_file: Path, port: int
) -> dict[str, str]:
    """Return the settings of a service on loopback, without a channel and its limits."""
    return {
        "TELEGRAM_SERVER__PORT": str(port),
        "TELEGRAM_AI__URL": ai_url,
        "TELEGRAM_AI__API_KEY": "key",
        "TELEGRAM_AI__RETRY_S": "0.5",
        "TELEGRAM_AI__AT_ONCE": "64",
        "TELEGRAM_REDIS__URL": redis_url,
        "TELEGRAM_POSTGRES__URL": database_url,
        "TELEGRAM_STORE__KEY_FILE": str(key_file),
        "TELEGRAM_WORKER__CHATS": "16",
        "TELEGRAM_LIMITS__BOT_PER_S": "2000",
        "TELEGRAM_LIMITS__PRIVATE_PER_S": "100",
        "TELEGRAM_LIMITS__PRIVATE_BURST": "30",
        "TELEGRAM_LIMITS__GROUP_PER_MIN": "3000",
        "TELEGRAM_LIMITS__QUESTIONS_PER_MINUTE": "100000",
        "TELEGRAM_LIMITS__QUESTIONS_PER_DAY": "100000",
        "TELEGRAM_LIMITS__QUESTIONS_PER_MINUTE_IN_ALL": "1000000",
        "TELEGRAM_LOG_LEVEL": "warning",
    }


@asynccontextmanager
async def deployed(
    redis_url: str,
    database_url: str,
    key_file: Path,
    logs: Path,
    *,
    workers: int = 2,
    **more: str,
) -> AsyncIterator[Deployment]:
    """Start everything; `more` are settings that differ."""
    account = Account(privacy=False, pacing=Pacing(enforced=False))
    ai, port = ScriptedAi(), free_port()
    ai.script.echo = True
    api = BotApi(account, TOKEN)
    redis = RedisConnection(redis_url, KEY_PREFIX, timeout_s=5)
    async with served(api.app) as api_url, served(ai.app) as ai_url:
        environment = environment_for(redis_url, database_url, ai_url, key_file, port) | {
            "TELEGRAM_BOT__TOKEN": TOKEN,
            "TELEGRAM_BOT__API_URL": api_url,
            "TELEGRAM_WEBHOOK__SECRET": SECRET,
        }
        url = f"http://127.0.0.1:{port}"
        deployment = Deployment(
            ai, {**environment, **more}, url, redis, logs, account=account, api=api
        )
        delivering = asyncio.create_task(api.delivery.run())
        async with started(deployment, workers):
            api.delivery.set_webhook(f"{url}/telegram/webhook", SECRET, 40)
            yield deployment
        delivering.cancel()
        await asyncio.wait([delivering])


@asynccontextmanager
async def started(deployment: Processes, workers: int) -> AsyncIterator[None]:
    """Start the ingest and workers of a deployment; kill all of its processes at the end."""
    await deployment.redis.open()
    try:
        deployment.start("serve")
        for _ in range(workers):
            deployment.start("worker")
        await until_ready(f"{deployment.url}/ready")
        yield
    finally:
        for process in [*deployment.workers, *deployment.others]:
            process.kill()
            await asyncio.to_thread(process.wait)
        await deployment.redis.close()


async def until_ready(url: str) -> None:
    """Wait until an address answers 200."""
    until = time.monotonic() + START_S
    async with httpx2.AsyncClient(timeout=2) as http:
        while time.monotonic() < until:
            try:
                if (await http.get(url)).is_success:
                    return
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.05)
    raise AssertionError(f"{url} does not answer")
