"""`./neo bench whatsapp`: the bot on WhatsApp under kills, and how soon a person sees a sign.

The Cloud API and ai_core are played in this process, the API with 30 ms for each call and statuses
that come half a second late; ingest, workers, Redis and Postgres are real processes. Workers are
forked from one that has imported the service, so that 200 kills take minutes. Forked workers die by
SIGKILL like others.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from deploy.local.postgres_server import PostgresServer
from deploy.local.redis_server import RedisServer
from shared.privacy.encryption import new_key_file
from telegram_service.emulators.whatsapp.people import contact
from tests.telegram_service.channels.whatsapp.whatsapp_deployment import (
    WhatsAppDeployment,
    deployed_on_whatsapp,
)

PEOPLE, WORKERS = 16, 3
ASK_EVERY_S = 3.0
LIFE_S = 0.85
"""So long a worker lives, about."""
FIRST_SIGNS, SIGNS_PER_S = 200, 20.0
FORKING = multiprocessing.get_context("forkserver")


def work(environment: dict[str, str], log: str) -> None:
    """Be a worker, in a forked process."""
    os.environ.update(environment)
    for number in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    from telegram_service.__main__ import main as run

    run(["worker"])


def forked(deployment: WhatsAppDeployment) -> ForkServerProcess:
    """Start a worker."""
    log = str(deployment.logs / "workers.log")
    worker = FORKING.Process(target=work, args=(dict(deployment.environment), log))
    worker.start()
    return worker


async def ask_for_ever(deployment: WhatsAppDeployment) -> None:
    """Let everybody ask, again and again."""
    number = 0
    while True:
        for person in range(1, PEOPLE + 1):
            deployment.ask(person, number)
        number += 1
        await asyncio.sleep(ASK_EVERY_S)


async def kills(deployment: WhatsAppDeployment, count: int) -> dict[str, Any]:
    """Kill the oldest of three workers `count` times while people ask, a tenth delivered twice."""
    dice = random.Random(5)  # noqa: S311 - how long a worker lives, reproducibly
    deployment.ai.script.pause_s, deployment.api.delivery.twice = 0.02, 0.1
    workers = [await asyncio.to_thread(forked, deployment) for _ in range(WORKERS)]
    await deployment.until_workers_read(WORKERS)
    began = time.monotonic()
    asking = asyncio.create_task(ask_for_ever(deployment))
    for _ in range(count):
        await asyncio.sleep(dice.uniform(0.6, 1.4) * LIFE_S)
        oldest = workers.pop(0)
        oldest.kill()
        await asyncio.to_thread(oldest.join)
        workers.append(await asyncio.to_thread(forked, deployment))
    asking.cancel()
    await deployment.settled(timeout_s=200)
    took_s = time.monotonic() - began
    counts = (await deployment.statistics()).counts
    for worker in workers:
        worker.kill()
    return {
        **asdict(deployment.observed()),
        "kills": count,
        "delivered_twice": deployment.api.delivery.repeated_messages,
        **{name: counts.get(name, 0) for name in ("found_again", "sent_again", "dead")},
        "seconds": round(took_s, 1),
    }


async def first_sign(deployment: WhatsAppDeployment) -> dict[str, Any]:
    """200 people ask once, 20 a second, two workers: until the typing indicator and the answer."""
    workers = [await asyncio.to_thread(forked, deployment) for _ in range(2)]
    await deployment.until_workers_read(len(workers))
    deployment.ai.script.pause_s, said = 0.05, {}
    for person in range(1, FIRST_SIGNS + 1):
        said[contact(person).number] = time.monotonic()
        deployment.ask(person, 0)
        await asyncio.sleep(1 / SIGNS_PER_S)
    await deployment.settled(timeout_s=100)
    for worker in workers:
        worker.kill()
    account, signs = deployment.api.account, dict[str, float]()
    for number, at_s in account.typing:
        signs.setdefault(number, at_s - said[number])
    answers = [sent.at_s - said[sent.number] for sent in account.sent]
    return {"people": len(signs), "sign": in_ms(list(signs.values())), "answer": in_ms(answers)}


def in_ms(values_s: list[float]) -> dict[str, float]:
    """Return p50, p95 and p99 of durations."""
    cuts = statistics.quantiles(values_s, n=100)
    return {f"p{which}_ms": round(cuts[which - 1] * 1000, 1) for which in (50, 95, 99)}


@asynccontextmanager
async def fresh(folder: Path) -> AsyncIterator[WhatsAppDeployment]:
    """Deploy on empty servers, without a worker yet."""
    redis = RedisServer(folder / "redis", queue=True)
    postgres = PostgresServer(folder / "postgres", safe=False)
    key_file = folder / "vault"
    key_file.write_text(new_key_file())
    for server in (redis, postgres):
        await asyncio.to_thread(server.start)
    try:
        async with deployed_on_whatsapp(
            redis.url, postgres.url(), key_file, folder, workers=0
        ) as deployment:
            deployment.api.latency_s = 0.03
            deployment.api.account.status_delay_s = 0.5
            yield deployment
    finally:
        for server in (redis, postgres):
            await asyncio.to_thread(server.stop)


async def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="./neo bench whatsapp")
    parser.add_argument("--only", default="first_sign,kills")
    parser.add_argument("--kills", type=int, default=200)
    options = parser.parse_args(arguments)
    FORKING.set_forkserver_preload(["telegram_service.__main__"])
    for name in options.only.split(","):
        with tempfile.TemporaryDirectory() as folder:
            async with fresh(Path(folder)) as deployment:
                count = options.kills
                measured = (
                    first_sign(deployment) if name == "first_sign" else kills(deployment, count)
                )
                print(f"{name}: {json.dumps(await measured)}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
