"""`python -m ai_core.models.host SOCKET`: own the models for the workers of one port.

SOCKET is the number of a listening socket's file descriptor. Only the parent ends this process, by
closing its standard input or by exiting: signals to the whole service reach it too, while workers
still have answers to finish.
"""

import asyncio
import signal
import sys
from contextlib import AsyncExitStack
from socket import socket

import uvloop

from ai_core.engines.extractive.engine import ExtractiveEngine
from ai_core.metrics import SchedulerMetrics
from ai_core.models.host.service import serve_models
from ai_core.models.opening import open_engine
from ai_core.models.pool import open_pool
from ai_core.models.scheduler import Scheduler
from ai_core.settings import Settings
from shared.clock import SystemClock
from shared.error_reports import error_reports
from shared.logs import set_up_logs
from shared.settings import WrongSettings, read_settings
from shared.texts import Texts
from shared.worker_metrics import new_registry


async def run(settings: Settings, listening: socket) -> None:
    """Serve until standard input ends. Raises WrongSettings, UnknownModel (models.toml)."""
    clock = SystemClock()
    built_in = ExtractiveEngine(Texts({}))  # the workers' own quote; this one is only listed
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(
            open_pool(settings.models, settings.data_dir, (built_in,), open_engine, clock)
        )
        scheduler = Scheduler(
            clock,
            SchedulerMetrics(new_registry()),
            most_waiting=settings.answers.most_waiting,
            longest_wait_s=settings.answers.longest_wait_s,
        )
        await stack.enter_async_context(serve_models(listening, pool, scheduler))
        await asyncio.to_thread(sys.stdin.buffer.read)


def main() -> int:
    """Run; return the exit status."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    try:
        settings = read_settings(Settings)
        reports = error_reports("ai_core", settings.error_reports)
        set_up_logs("ai_core", settings.log_level, reports=reports)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(settings, socket(fileno=int(sys.argv[1]))))
    except WrongSettings as error:
        sys.stderr.write(f"ai_core: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
