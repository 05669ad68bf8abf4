"""`./neo bench telegram`: the bot under load, under kills and under outages, on this machine.

Telegram and ai_core are played by the emulator and a scripted ai_core in this process; ingest,
workers, Redis and Postgres are real processes. `--only` chooses measurements, `--json` prints one
object; the full run takes about twelve minutes.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from deploy.local.postgres_server import PostgresServer
from deploy.local.redis_server import RedisServer
from shared.privacy.encryption import new_key_file
from telegram_service.channels.markdown import plain
from telegram_service.channels.message import FoldedText
from telegram_service.channels.telegram.formatting import folded_messages
from telegram_service.emulators.telegram.objects import BotApiError
from telegram_service.emulators.telegram.rules import check_text
from telegram_service.state.journal import JOURNAL
from tests.bench._telegram_load import Load
from tests.bench._telegram_peer import peer
from tests.telegram_service.channels.test_markdown import random_markdown
from tests.telegram_service.deployment import Deployment, deployed

Figures = dict[str, Any]
GROUPS = [-100_000_000_000 - number for number in range(100)]
PEOPLE = [1_000 + number for number in range(100)]
OUTAGE_S = 60.0
KILL_PAUSE_S = (0.4, 1.0)


class Bench:
    """The servers, and what is measured on them."""

    def __init__(
        self, folder: Path, outage_s: float, ai: str = "", ai_key: str = "", kills: int = 20
    ) -> None:
        self._folder = folder
        self._kill_count = kills
        self._outage_s = outage_s
        self._ai = {"TELEGRAM_AI__URL": ai, "TELEGRAM_AI__API_KEY": ai_key} if ai else {}
        self._runs = 0
        self.redis = RedisServer(folder / "redis")
        self.postgres = PostgresServer(folder / "postgres", safe=False)
        self.key_file = folder / "vault"

    @asynccontextmanager
    async def fresh(self, workers: int, **more: str) -> AsyncIterator[Deployment]:
        """Deploy on empty servers."""
        self._runs += 1
        name = f"run{self._runs}"
        await asyncio.to_thread(self.postgres.create_database, name)
        redis = RedisServer(self._folder / name / "redis", queue=True)
        await asyncio.to_thread(redis.start)
        self.redis = redis
        url, logs = self.postgres.url(name), self._folder / name
        try:
            async with deployed(
                redis.url, url, self.key_file, logs, workers=workers, **more
            ) as deployment:
                await asyncio.sleep(3)
                yield deployment
        finally:
            await asyncio.to_thread(redis.stop)

    async def ingest(self) -> Figures:
        """Accept updates in one process, nobody answering them."""
        figures: Figures = {}
        async with self.fresh(workers=0) as deployment:
            load = Load(deployment.url)
            await load.closed(connections=10, seconds=2)
            for connections in (40, 100):
                figures[f"closed_{connections}"] = await load.closed(connections, seconds=8)
            for rate in (200, 500):
                figures[f"open_{rate}_per_s"] = await load.opened(rate, seconds=8)
        return figures

    async def kills_placeholder(self) -> Figures:
        """Updates to groups, 10 % delivered twice, `--kills` SIGKILLs of workers."""
        return await self._kills(GROUPS)

    async def kills_draft(self) -> Figures:
        """The same in private chats."""
        return await self._kills(PEOPLE)

    async def _kills(self, chats: Sequence[int]) -> Figures:
        kills = self._kill_count
        dice = random.Random(5)  # noqa: S311 - which worker dies, reproducibly
        async with self.fresh(workers=3) as deployment:
            deployment.ai.script.pause_s = 0.1
            deployment.api.delivery.twice = 0.1
            began = time.monotonic()
            asking = asyncio.create_task(
                ask_all(deployment, chats, each=max(10, kills // 4), pause_s=3.0)
            )
            for _ in range(kills):
                await asyncio.sleep(dice.uniform(*KILL_PAUSE_S))
                await deployment.kill(dice.choice(deployment.workers))
                deployment.start("worker")
            await asking
            await deployment.settled(timeout_s=120)
            took_s = time.monotonic() - began
            counts = (await deployment.statistics()).counts
            observed = deployment.observed()
        return {
            **asdict(observed),
            "kills": kills,
            "updates": counts["accepted"],
            "duplicates_per_kill": observed.duplicates / kills,
            "delivered_twice": deployment.api.delivery.repeated,
            "seconds": round(took_s, 1),
            **{name: counts.get(name, 0) for name in ("found_again", "resent_blindly", "dead")},
        }

    async def recovery(self) -> Figures:
        """How long a job of a worker that dies waits for another worker."""
        waits = []
        async with self.fresh(workers=2) as deployment:
            deployment.ai.script.answer, deployment.ai.script.pause_s = "mot " * 60, 0.2
            for number in range(5):
                chats = GROUPS[:8]
                for chat in chats:
                    deployment.ask(chat, number)
                asked = len(deployment.ai.asked)
                await asked_at_least(deployment, asked + 8)
                await deployment.kill(deployment.workers[0])
                died, asked = time.monotonic(), len(deployment.ai.asked)
                deployment.start("worker")
                await asked_at_least(deployment, asked + 1)
                waits.append(time.monotonic() - died)
                await deployment.settled(60)
        return {"resumed_after_s": [round(each, 2) for each in waits], "worst_s": max(waits)}

    async def drain(self) -> Figures:
        """SIGTERM while 16 answers are being written."""
        async with self.fresh(workers=1) as deployment:
            deployment.ai.script.pause_s = 0.5
            for chat in GROUPS[:16]:
                deployment.ask(chat, 0)
            await asked_at_least(deployment, 16)
            took_s = await deployment.stop(deployment.workers[0])
            return {"seconds": round(took_s, 2), **asdict(deployment.observed())}

    async def peer(self) -> Figures:
        """The public pattern (queue in memory, update handed over at once) with one SIGKILL."""
        return await peer(self._folder, chats=PEOPLE, each=4)

    async def redis_outages(self) -> Figures:
        """Redis killed for 8 s, then frozen for 8 s, twice each, while updates arrive."""
        async with self.fresh(workers=2) as deployment:
            asking = asyncio.create_task(ask_all(deployment, PEOPLE, each=10, pause_s=4.0))
            for _ in range(2):
                await asyncio.sleep(1)
                await asyncio.to_thread(self.redis.kill)
                await asyncio.sleep(8)
                await asyncio.to_thread(self.redis.start)
                await asyncio.sleep(1)
                self.redis.freeze()
                await asyncio.sleep(8)
                self.redis.thaw()
            await asking
            drained_s = await deployment.settled(120)
            statuses = deployment.api.delivery.statuses
            return {
                **asdict(deployment.observed()),
                "refused_with_503": statuses.count(503),
                "other_refusals": sum(status not in {200, 503} for status in statuses),
                "drained_after_s": round(drained_s, 1),
            }

    async def postgres_outage(self) -> Figures:
        """Postgres down while people ask; what it missed is there afterwards."""
        async with self.fresh(workers=2) as deployment:
            await asyncio.to_thread(self.postgres.kill)
            asking = asyncio.create_task(
                ask_all(deployment, PEOPLE, each=3, pause_s=self._outage_s / 3)
            )
            await asyncio.sleep(self._outage_s)
            meanwhile = deployment.observed().answered
            await asking
            await asyncio.to_thread(self.postgres.start)
            await deployment.settled(60)
            journal = 1
            for _ in range(200):
                journal = int(await deployment.redis.call("XLEN", JOURNAL))
                if not journal:
                    break
                await asyncio.sleep(0.1)
            return {
                **asdict(deployment.observed()),
                "answered_meanwhile": meanwhile,
                "journal": journal,
            }

    async def ai_core_outage(self) -> Figures:
        """ai_core answering 503 while people ask."""
        async with self.fresh(workers=2) as deployment:
            deployment.ai.script.status = 503
            asking = asyncio.create_task(
                ask_all(deployment, PEOPLE, each=3, pause_s=self._outage_s / 3)
            )
            await asyncio.sleep(self._outage_s)
            told = sum(
                "est gardée" in text for chat in PEOPLE for text in deployment.account.texts(chat)
            )
            await asking
            deployment.ai.script.status = 200
            took_s = await deployment.settled(120)
            return {
                **asdict(deployment.observed()),
                "told": told,
                "caught_up_after_s": round(took_s, 1),
            }

    async def latency(self) -> Figures:
        """First sign of an answer, and commands without a model at 50 a second."""
        async with self.fresh(workers=2) as deployment:
            deployment.ai.script.pause_s = 0.1
            signs = await timed(deployment, [(chat, "Combien ?") for chat in PEOPLE], per_s=5)
            texts = ("/start", "/help", "/settings", "/stop")
            people = range(10_000, 10_500)
            commands = [(chat, texts[chat % len(texts)]) for chat in people]
            return {
                "first_sign": percentiles(signs),
                "commands_50_per_s": percentiles(await timed(deployment, commands, per_s=50)),
            }

    async def neighbour(self) -> Figures:
        """Others' answers, the model taking most of a second, while one chat sends 200 messages."""
        figures: Figures = {}
        for name, flood in (("quiet", 0), ("flooded", 200)):
            async with self.fresh(workers=2) as deployment:
                deployment.ai.script.pause_s = 0.15
                for number in range(flood):
                    deployment.ask(77, number)
                others = [(chat, "Combien ?") for chat in PEOPLE]
                took = await timed(deployment, others, per_s=10, method="sendMessage")
                figures[name] = percentiles(took)
        grown = figures["flooded"]["p95_ms"] / figures["quiet"]["p95_ms"] - 1
        return {**figures, "p95_grows_by": round(grown, 3)}

    async def workers(self) -> Figures:
        """Answers per second of one worker and of three, the model taking one second."""
        figures: Figures = {}
        for count in (1, 3):
            more = {"TELEGRAM_WORKER__CHATS": "8", "TELEGRAM_AI__AT_ONCE": "8"}
            async with self.fresh(workers=count, **more) as deployment:
                deployment.ai.script.answer, deployment.ai.script.pause_s = "Oui.", 0.5
                people = range(3_000, 3_240)
                for chat in people:
                    deployment.ask(chat, 0)
                took_s = await deployment.settled(120)
                figures[f"answers_per_s_with_{count}"] = round(len(people) / took_s, 1)
        first, third = figures.values()
        return {**figures, "ratio": round(third / first, 2)}

    async def crowd(self) -> Figures:
        """1,000 people who each ask once in a minute, Telegram's own limits respected."""
        more = {
            "TELEGRAM_LIMITS__BOT_PER_S": "25",
            "TELEGRAM_LIMITS__PRIVATE_PER_S": "1",
            "TELEGRAM_LIMITS__PRIVATE_BURST": "3",
            "TELEGRAM_WORKER__CHATS": "64",
            **self._ai,
        }
        async with self.fresh(workers=2, **more) as deployment:
            asked = (
                "Combien ?" if not self._ai else "Quel préavis pour démissionner après {} mois ?"
            )
            people = [(2_000 + number, asked.format(number)) for number in range(1_000)]
            took = await timed(deployment, people, per_s=1_000 / 60, method="sendMessage")
            written = [deployment.account.written(chat) for chat, _ in people]
            sourced = sum(any(map(cites, messages)) for messages in written)
            messages = sum(map(len, written))
            lost = (await deployment.statistics()).lost
            return {
                "final": percentiles(took),
                "people": len(people),
                "answered_with_sources": sourced,
                "messages": messages,
                "lost": lost,
            }

    async def formatting(self) -> Figures:
        """5,000 fuzzed answers through Telegram's rules for texts and entities."""
        dice = random.Random(11)  # noqa: S311 - reproducible texts
        refused, different, began = 0, 0, time.monotonic()
        for _ in range(5_000):
            markdown = random_markdown(dice)
            pages = folded_messages(FoldedText(markdown))
            try:
                for page in pages:
                    check_text(page.text, [entity.model_dump() for entity in page.entities])
            except BotApiError:
                refused += 1
            whole = "".join(page.text for page in pages)
            different += whole.strip() != plain(markdown)[0].strip()
            await asyncio.sleep(0)
        took_s = round(time.monotonic() - began, 1)
        return {"answers": 5_000, "refused": refused, "different": different, "seconds": took_s}


async def ask_all(deployment: Deployment, chats: Sequence[int], each: int, pause_s: float) -> None:
    """Let everybody ask `each` questions, one round every `pause_s`."""
    for number in range(each):
        for chat in chats:
            deployment.ask(chat, number)
        await asyncio.sleep(pause_s)


async def timed(
    deployment: Deployment, said: Sequence[tuple[int, str]], per_s: float, method: str = ""
) -> list[float]:
    """Say things at a steady rate; return how many ms each waited for the bot's call."""
    when: dict[int, float] = {}
    first_call = len(deployment.account.calls)
    began = time.monotonic()
    for number, (chat, text) in enumerate(said):
        await asyncio.sleep(max(0.0, began + number / per_s - time.monotonic()))
        when[chat] = time.monotonic()
        deployment.account.say(chat, text)
    await deployment.settled(180)
    waits: dict[int, float] = {}
    for call in deployment.account.calls[first_call:]:
        if call.chat in when and not call.error and method in {"", call.method}:
            waits.setdefault(call.chat, (call.at_s - when[call.chat]) * 1000)
    assert len(waits) == len(when), "somebody was not answered"
    return list(waits.values())


def cites(message: Mapping[str, Any]) -> bool:
    """Return whether an article or another source is among the buttons of a message."""
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return any(
        "👍" not in button["text"] and "👎" not in button["text"] for row in rows for button in row
    )


async def asked_at_least(deployment: Deployment, count: int, patience_s: float = 60) -> None:
    """Wait until ai_core was asked so often."""
    async with asyncio.timeout(patience_s):
        while len(deployment.ai.asked) < count:  # noqa: ASYNC110 - the scripted ai_core has no event
            await asyncio.sleep(0.01)


def percentiles(values: Sequence[float]) -> Mapping[str, float]:
    """Return p50, p95 and p99 of durations in ms."""
    cuts = statistics.quantiles(values, n=100)
    return {f"p{which}_ms": round(cuts[which - 1], 1) for which in (50, 95, 99)}


MEASURES = (
    "ingest", "kills_placeholder", "kills_draft", "recovery", "drain", "peer", "redis_outages",
    "postgres_outage", "ai_core_outage", "latency", "neighbour", "workers", "crowd", "formatting",
)  # fmt: skip


async def main(arguments: list[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="./neo bench telegram")
    parser.add_argument("--only", default=",".join(MEASURES), help=", ".join(MEASURES))
    parser.add_argument("--outage-s", type=float, default=OUTAGE_S)
    parser.add_argument("--ai", default="", help="address of an ai_core for the crowd")
    parser.add_argument("--ai-key", default="")
    parser.add_argument("--kills", type=int, default=20, help="of workers, in each kind of chat")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.outage_s, options.ai, options.ai_key, options.kills)
        bench.key_file.write_text(new_key_file())
        await asyncio.to_thread(bench.postgres.start)
        try:
            for name in options.only.split(","):
                measure: Callable[[], Awaitable[Figures]] = getattr(bench, name)
                figures[name] = await measure()
                if not options.json:
                    print(f"{name}: {json.dumps(figures[name], ensure_ascii=False)}", flush=True)
        finally:
            await asyncio.to_thread(bench.postgres.stop)
    if options.json:
        print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
