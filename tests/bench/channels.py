"""`./neo bench channels`: LINE and WhatsApp under kills, and how soon a person on LINE sees a sign.

The channels and ai_core are played by emulators in this process; ingest, workers, Redis and
Postgres are real processes. Every tick two of four workers are killed, until `--kills` have been,
while people ask and a tenth of the events is delivered twice.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deploy.local.postgres_server import PostgresServer
from deploy.local.redis_server import RedisServer
from shared.privacy.encryption import new_key_file
from telegram_service.emulators.line.account import user_id
from tests.bench.telegram import percentiles
from tests.telegram_service.channels.line.line_deployment import (
    LineDeployment,
    deployed_on_line,
)
from tests.telegram_service.channels.whatsapp.whatsapp_deployment import (
    WhatsAppDeployment,
    deployed_on_whatsapp,
)

WORKERS, AT_A_TIME, LIFE_S = 4, 2, (1.2, 2.4)
CHATS: dict[str, Sequence[int]] = {
    "line": [*range(1, 51), *range(-100, -50)],
    "whatsapp": range(1, 101),
}
OPEN: dict[str, Callable[..., AbstractAsyncContextManager[LineDeployment | WhatsAppDeployment]]] = {
    "line": deployed_on_line,
    "whatsapp": deployed_on_whatsapp,
}


@asynccontextmanager
async def fresh(name: str, folder: Path, workers: int) -> AsyncIterator[Any]:
    """Deploy a channel on empty servers."""
    redis = RedisServer(folder / "redis", queue=True)
    postgres = PostgresServer(folder / "postgres", safe=False)
    for server in (redis, postgres):
        await asyncio.to_thread(server.start)
    key_file = folder / "vault"
    key_file.write_text(new_key_file())
    try:
        opened = OPEN[name](redis.url, postgres.url(), key_file, folder, workers=0)
        async with opened as deployment:
            for number in range(workers):
                deployment.start("worker")
                await deployment.until_workers_read(number + 1)
            yield deployment
    finally:
        for server in (redis, postgres):
            await asyncio.to_thread(server.stop)


async def kills(name: str, folder: Path, count: int) -> dict[str, Any]:
    """Kill workers while people ask, and read the chats as the people in them do."""
    dice = random.Random(5)  # noqa: S311 - which workers die, reproducibly
    async with fresh(name, folder, WORKERS) as deployment:
        deployment.ai.script.pause_s = 0.1
        deployment.api.latency_s = 0.05
        deployment.api.delivery.twice = 0.1
        began, done = time.monotonic(), asyncio.Event()
        asking = asyncio.create_task(ask_until(done, deployment, CHATS[name]))
        killed = 0
        while killed < count:
            await asyncio.sleep(dice.uniform(*LIFE_S))
            for worker in dice.sample(deployment.workers, min(AT_A_TIME, count - killed)):
                await deployment.kill(worker)
                deployment.start("worker")
                killed += 1
        done.set()
        await asking
        await deployment.settled(timeout_s=180)
        counts = (await deployment.statistics()).counts
        observed = deployment.observed()
    return {
        **asdict(observed),
        "kills": killed,
        "seconds": round(time.monotonic() - began),
        "delivered_twice": counts.get("duplicates", 0),
        **{each: counts.get(each, 0) for each in ("resent_blindly", "dead")},
    }


async def ask_until(
    done: asyncio.Event, deployment: LineDeployment | WhatsAppDeployment, chats: Sequence[int]
) -> None:
    """Let somebody ask every tenth of a second, each in turn."""
    number = 0
    while not done.is_set():
        chat = chats[number % len(chats)]
        deployment.ask(chat, number // len(chats))
        number += 1
        await asyncio.sleep(0.1)


async def first_sign(folder: Path) -> dict[str, Any]:
    """From what a person on LINE sends to the loading animation, ten people a second."""
    async with fresh("line", folder, workers=2) as deployment:
        deployment.ai.script.pause_s = 0.05
        said: dict[str, float] = {}
        for chat in range(1_000, 1_200):
            said[user_id(chat)] = time.monotonic()
            deployment.ask(chat, 0)
            await asyncio.sleep(0.1)
        await deployment.settled(60)
        signs: dict[str, float] = {}
        for call in deployment.api.account.calls:
            if call.chat in said:
                signs.setdefault(call.chat, (call.at_s - said[call.chat]) * 1000)
    assert len(signs) == len(said), "somebody saw no sign"
    return dict(percentiles(list(signs.values())))


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="./neo bench channels", description=__doc__)
    parser.add_argument("--only", default="line,whatsapp,first_sign")
    parser.add_argument("--kills", type=int, default=200)
    options = parser.parse_args()
    for name in options.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            if name == "first_sign":
                figures = await first_sign(Path(folder))
            else:
                figures = await kills(name, Path(folder), options.kills)
        print(f"{name}: {json.dumps(figures)}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
