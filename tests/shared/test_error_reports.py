"""Reports of errors, as a collector that speaks Sentry's protocol gets them."""

import asyncio
import gzip
import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.error_reports import error_reports
from shared.logs import set_up_logs
from shared.settings import ErrorReportSettings, WrongSettings
from tests.servers.loopback import served

WROTE = "licenciée hier, camille@example.org"
TIMEOUT_S = 60.0


@dataclass
class Collector:
    """Takes envelopes (https://develop.sentry.dev/sdk/data-model/envelopes/) as strictly."""

    events: "asyncio.Queue[dict[str, Any]]" = field(default_factory=asyncio.Queue)
    raw: bytes = b""

    async def take(self, request: Request) -> Response:
        assert "sentry_key=public" in request.headers["x-sentry-auth"]
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.raw += body
        head, item, payload = body.split(b"\n")[:3]
        assert json.loads(head)["event_id"]
        assert json.loads(item)["type"] == "event"
        self.events.put_nowait(json.loads(payload))
        return JSONResponse({})

    async def next_event(self) -> dict[str, Any]:
        async with asyncio.timeout(TIMEOUT_S):
            return await self.events.get()


@asynccontextmanager
async def collecting() -> AsyncIterator[tuple[Collector, ErrorReportSettings]]:
    collector = Collector()
    app = Starlette(routes=[Route("/api/1/envelope/", collector.take, methods=["POST"])])
    async with served(app) as url:
        dsn = url.replace("http://", "http://public@") + "/1"
        yield collector, ErrorReportSettings(dsn=dsn, release="2026.11")


def fail(words: str) -> None:
    try:
        int(words)
    except ValueError as error:
        raise KeyError(words) from error


@pytest.mark.parametrize("logger", [structlog.get_logger(), logging.getLogger("uvicorn.error")])
async def test_an_error_is_reported_by_its_types_places_and_ids_without_words(
    logger: logging.Logger,
) -> None:
    async with collecting() as (collector, settings):
        log = io.StringIO()
        set_up_logs("ai_core", stream=log, reports=error_reports("ai_core", settings))
        with structlog.contextvars.bound_contextvars(request_id="0af7", person=WROTE):
            try:
                fail(WROTE)
            except KeyError:
                logger.exception("unexpected error")
        event = await collector.next_event()

    types = [one["type"] for one in event["exception"]["values"]]
    frames = event["exception"]["values"][-1]["stacktrace"]["frames"]
    assert types == ["ValueError", "KeyError"]
    assert frames[-1]["function"] == "fail"
    assert event["tags"] == {"service": "ai_core", "request_id": "0af7"}
    assert event["release"] == "2026.11"
    for part in (WROTE, "camille", os.uname().nodename, str(Path.cwd())):
        assert part.encode() not in collector.raw
        assert json.dumps(part).strip('"').encode() not in collector.raw
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert sum("KeyError" in line.get("exception", "") for line in lines) == 1


async def test_what_is_no_error_is_not_reported() -> None:
    async with collecting() as (collector, settings):
        set_up_logs("ai_core", stream=io.StringIO(), reports=error_reports("ai_core", settings))
        log = structlog.get_logger()
        log.error("refused", number=1)
        log.warning("slow", exc_info=ValueError())
        log.error("last", exc_info=OSError())
        event = await collector.next_event()

        assert [one["type"] for one in event["exception"]["values"]] == ["OSError"]
        assert collector.events.empty()


async def test_a_collector_that_is_away_keeps_nobody_waiting() -> None:
    async with collecting() as (_, settings):
        pass
    log = io.StringIO()
    set_up_logs("ai_core", stream=log, reports=error_reports("ai_core", settings))
    structlog.get_logger().error("unexpected error", exc_info=OSError())

    assert json.loads(log.getvalue())["event"] == "unexpected error"


def test_a_dsn_that_is_none_is_refused() -> None:
    with pytest.raises(WrongSettings, match="DSN"):
        error_reports("ai_core", ErrorReportSettings(dsn="sentry.example"))


@pytest.mark.parametrize("service", ["ai_core", "telegram_service", "mail_service"])
@pytest.mark.slow
def test_each_service_reads_the_setting_before_it_serves(service: str) -> None:
    prefix = {"ai_core": "AI_CORE", "telegram_service": "TELEGRAM", "mail_service": "MAIL"}[service]
    program = {"ai_core": "serve", "telegram_service": "worker", "mail_service": "serve"}[service]
    environment = {**os.environ, f"{prefix}_ERROR_REPORTS__DSN": "sentry.example"}
    done = subprocess.run(
        [sys.executable, "-m", service, program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 2
    assert "the DSN of error reports is none" in done.stderr


def test_nothing_of_it_is_imported_while_reports_are_off() -> None:
    said = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import sys; from shared.error_reports import error_reports; "
            "from shared.settings import ErrorReportSettings; "
            "assert error_reports('ai_core', ErrorReportSettings()) == (); "
            "assert 'sentry_sdk' not in sys.modules",
        ],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert said.returncode == 0, said.stderr
