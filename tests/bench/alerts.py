"""How long a fault takes to reach the operator, at the pace of production.

The rules, the intervals and the notifications are those we ship: Prometheus asks every 10 s. The
bot's Redis is killed, then the bot itself is stopped; the clock stops when
the letter is in the operator's mailbox (a relay on loopback). Each round begins at another moment
between two looks.
"""

import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx2

from deploy.demos.smtp_relay import RecordingRelay, relay
from deploy.local.redis_server import RedisServer
from deploy.monitoring.alertmanager.rendering import AlertSettings, configuration
from shared.logs import set_up_logs
from tests.deploy.monitoring_stack import Watched, telegram, until
from tests.load.bench import command_line, show
from tests.servers.monitoring import AlertmanagerServer, PrometheusServer

LOOK_EVERY_S = 10.0
PATIENCE_S = 180.0


async def measure(rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each round, by what went wrong."""
    seconds: dict[str, list[float]] = {"redis_lost_s": [], "service_down_s": []}
    for _ in range(rounds):
        folder = Path(tempfile.mkdtemp(prefix="neo-alerts-"))
        try:
            async with AsyncExitStack() as stack:
                redis = RedisServer(folder / "redis", queue=True)
                await asyncio.to_thread(redis.start)
                stack.callback(redis.stop)
                service = await stack.enter_async_context(AsyncExitStack())
                bot = await service.enter_async_context(telegram(redis, folder))
                watched, sink = await stack.enter_async_context(watch(folder, bot))
                await healthy(watched)
                await asyncio.to_thread(redis.kill)
                seconds["redis_lost_s"].append(await letter(sink, "RedisLost"))
                await service.aclose()
                seconds["service_down_s"].append(await letter(sink, "ServiceDown"))
        finally:
            shutil.rmtree(folder)
    return seconds


@asynccontextmanager
async def watch(folder: Path, bot: str) -> AsyncIterator[tuple[Watched, RecordingRelay]]:
    """Run Prometheus and Alertmanager as shipped, over the bot, telling a relay."""
    async with relay() as sink, AsyncExitStack() as stack:
        mail = {"to": "ops@neo.example", "relay": f"localhost:{sink.port}", "tls": False}
        settings = AlertSettings.model_validate({"mail": mail})
        teller = AlertmanagerServer(folder / "alertmanager", configuration(settings))
        await asyncio.to_thread(teller.start)
        stack.callback(teller.stop)
        targets = {"telegram_service": [bot], "alertmanager": [f"127.0.0.1:{teller.port}"]}
        server = PrometheusServer(folder / "prometheus", targets)
        await asyncio.to_thread(server.start)
        stack.callback(server.stop)
        http = await stack.enter_async_context(httpx2.AsyncClient(timeout=5))
        yield Watched(server, http), sink


async def healthy(watched: Watched) -> None:
    """Wait until Redis is seen, then until some moment between two looks."""

    async def seen() -> bool:
        return await watched.value('part_up{part="redis"}') == 1

    await until(seen, PATIENCE_S)
    await asyncio.sleep(random.uniform(0, LOOK_EVERY_S))  # noqa: S311 - no secret


async def letter(sink: RecordingRelay, alert: str) -> float:
    """Return how many seconds from now the letter about an alert arrives."""
    began_s = time.monotonic()
    await until(lambda: any(alert in one.mail["Subject"] for one in sink.received), PATIENCE_S)
    return round(time.monotonic() - began_s, 1)


def main() -> int:
    """Measure and print."""
    parser = command_line(__doc__ or "")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    set_up_logs("bench", "error", sys.stderr)
    figures = asyncio.run(measure(options.rounds))
    worst_s = max(max(seconds) for seconds in figures.values())
    show("alerts", {**figures, "worst_s": worst_s, "goal_s": 60}, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
