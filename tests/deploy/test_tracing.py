"""One question followed from program to program by a collector that reads what really arrives."""

import asyncio
import gzip
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.trace import NoOpTracer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ai_core.access.keys import Scope
from ai_core.app import create_app
from ai_core.settings import Settings
from deploy.local.redis_server import RedisServer
from mail_service.ledger.ledger import Ledger
from mail_service.ledger.records import MailLocation
from shared.ai.client import AiClient
from shared.ai.contract import ChatRequest, Message
from shared.ai.stream import AiUnavailable
from shared.clock import SystemClock
from shared.privacy.encryption import Encryption, new_key_file
from shared.settings import TracingSettings, WrongSettings
from shared.stores.postgres import Postgres
from shared.web.middleware import RequestMiddleware
from shared.web.tracing import traced, tracing_of
from tests.ai_core.conftest import OpenApp, RunningApp
from tests.deploy.monitoring_stack import mail, until
from tests.mail_service.mails import US, raw_mail
from tests.servers.loopback import served
from tests.telegram_service.running_app import running

QUESTION = "Camille Dupont, quelle est la durée du préavis en cas de démission ?"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Span:
    """What a collector is told of one."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    facts: dict[str, str]


@dataclass
class Collector:
    """An OTLP/HTTP receiver (opentelemetry.io/docs/specs/otlp/#otlphttp) that remembers."""

    spans: list[Span] = field(default_factory=list)
    raw: bytes = b""

    async def receive(self, request: Request) -> Response:
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            names = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    facts = {
                        one.key: one.value.string_value or str(one.value.int_value)
                        for one in span.attributes
                    }
                    self.spans.append(
                        Span(
                            names["service.name"], span.name, span.trace_id.hex(),
                            span.span_id.hex(), span.parent_span_id.hex(), facts,
                        )
                    )  # fmt: skip
        return Response(status_code=200, media_type="application/x-protobuf")

    def of(self, service: str, name: str) -> Span:
        found = [each for each in self.spans if (each.service, each.name) == (service, name)]
        assert found, f"no {name} of {service} among {self.spans}"
        return found[-1]

    def path_to(self, span: Span) -> list[str]:
        """Return the names from the root to a span."""
        by_id = {each.id: each for each in self.spans}
        path = [span]
        while path[0].parent in by_id:
            path.insert(0, by_id[path[0].parent])
        return [f"{each.service} {each.name}" for each in path]


@asynccontextmanager
async def collecting() -> AsyncIterator[tuple[Collector, TracingSettings]]:
    collector = Collector()
    app = Starlette(routes=[Route("/v1/traces", collector.receive, methods=["POST"])])
    async with served(app) as url:
        yield collector, TracingSettings(url=f"{url}/v1/traces")


@asynccontextmanager
async def traced_ai_core(
    running_app: OpenApp, tracing: TracingSettings
) -> AsyncIterator[tuple[str, RunningApp]]:
    async with running_app(tracing=tracing) as app, served(app.asgi) as url:
        yield url, app


async def sent(tracing: TracingSettings, *services: str) -> None:
    for service in services:
        await tracing_of(service, tracing).flush()


@pytest.mark.slow
async def test_a_question_to_the_bot_is_traced_to_the_engine_without_its_text(
    running_app: OpenApp, own_redis: RedisServer, database_url: str, tmp_path: Path
) -> None:
    key_file = tmp_path / "vault"
    key_file.write_text(new_key_file())
    async with (
        collecting() as (collector, tracing),
        traced_ai_core(running_app, tracing) as (url, app),
    ):
        ai = {"url": url, "api_key": app.keys[Scope.INFERENCE]}
        told = {"url": tracing.url}
        async with running(own_redis.url, database_url, key_file, ai=ai, tracing=told) as bot:
            answers = await bot.ask(987654321, QUESTION)
        await sent(tracing, "ai_core", "telegram_service")

    assert "L1237-1" in str(answers)
    for step in ("gate", "search", "engine"):
        assert collector.path_to(collector.of("ai_core", step)) == [
            "telegram_service update",
            "telegram_service POST /api/v1/chat",
            "ai_core POST /api/v1/chat",
            f"ai_core {step}",
        ]
    assert collector.of("ai_core", "POST /api/v1/chat").facts["http.response.status_code"] == "200"
    for secret in ("Camille", "Dupont", "préavis", "987654321", ai["api_key"]):
        assert secret.encode() not in collector.raw


@pytest.mark.slow
async def test_a_mail_is_traced_to_the_engine_without_its_text(
    running_app: OpenApp, own_redis: RedisServer, database_url: str, tmp_path: Path
) -> None:
    postgres = Postgres(database_url)
    async with (
        collecting() as (collector, tracing),
        traced_ai_core(running_app, tracing) as (url, app),
    ):
        ai = {"url": url, "api_key": app.keys[Scope.INFERENCE]}
        told = {"url": tracing.url}
        async with mail(database_url, own_redis, tmp_path, ai=ai, tracing=told, address=US):
            vault = await asyncio.to_thread(Encryption.read, tmp_path / "mail-vault")
            ledger = Ledger(postgres, vault, SystemClock())
            await postgres.open()
            await ledger.migrate()
            raw = raw_mail()
            await ledger.intake.add(MailLocation("main", "INBOX", 1, 1), raw, len(raw))

            async def settled() -> bool:
                return "mail_received" not in await ledger.mails.counts()

            await until(settled)
            await postgres.close()
        await sent(tracing, "ai_core", "mail_service")

    assert collector.path_to(collector.of("ai_core", "engine")) == [
        "mail_service mail",
        "mail_service POST /api/v1/chat",
        "ai_core POST /api/v1/chat",
        "ai_core engine",
    ]
    assert "préavis".encode() not in collector.raw
    assert b"personne.example" not in collector.raw


async def test_a_trace_begun_by_nginx_goes_on_here(running_app: OpenApp) -> None:
    async with (
        collecting() as (collector, tracing),
        traced_ai_core(running_app, tracing) as (url, app),
        httpx2.AsyncClient(base_url=url) as client,
    ):
        headers = {**app.key_header(), "traceparent": PARENT, "X-Request-ID": "nginx-1"}
        reply = await client.get("/api/v1/articles/L1237-1", headers=headers)
        await sent(tracing, "ai_core")

    span = collector.of("ai_core", "GET /api/v1/articles/{number}")
    assert reply.status_code == 200
    assert (span.trace, span.parent) == (PARENT[3:35], PARENT[36:52])
    assert span.facts["request_id"] == "nginx-1"


@pytest.mark.slow
async def test_an_error_is_logged_by_its_type_never_by_its_text() -> None:
    async with collecting() as (collector, tracing):
        following = tracing_of("a caller", tracing)
        with (
            pytest.raises(ValueError, match="Camille"),
            following.tracer.start_as_current_span("step"),
        ):
            raise ValueError("Camille Dupont, 3 rue des Lilas")
        ask = ChatRequest(messages=[Message(role="user", content=QUESTION)])
        async with AiClient("http://127.0.0.1:9", "key", tracer=following.tracer) as client:
            with pytest.raises(AiUnavailable):
                await client.chat(ask)
        await following.flush()

    assert collector.of("a caller", "step").facts["error.type"] == "ValueError"
    assert collector.of("a caller", "POST /api/v1/chat").facts["error.type"] == "ConnectError"
    assert b"Camille" not in collector.raw


async def test_calls_are_traced_over_mutual_tls_with_a_private_authority(tmp_path: Path) -> None:
    """Building the traced transport apart once lost `verify`: the certificate was refused."""
    authority = trustme.CA()
    server, ours = authority.issue_cert("127.0.0.1"), authority.issue_cert("telegram.internal")
    ca, certificate, key = tmp_path / "ca.pem", tmp_path / "ours.pem", tmp_path / "server.pem"
    authority.cert_pem.write_to_path(str(ca))
    ours.private_key_and_cert_chain_pem.write_to_path(str(certificate))
    server.private_key_and_cert_chain_pem.write_to_path(str(key))
    parents: list[str] = []

    async def models(request: Request) -> Response:
        parents.append(request.headers["traceparent"])
        return Response('{"models": []}', media_type="application/json")

    app = Starlette(routes=[Route("/api/v1/models", models)])
    tls: dict[str, Any] = {
        "ssl_certfile": key,
        "ssl_ca_certs": str(ca),
        "ssl_cert_reqs": ssl.CERT_REQUIRED,
    }
    async with collecting() as (collector, settings), served(app, **tls) as url:
        tracing = tracing_of("a mutual caller", settings)
        async with AiClient(
            url, "key", tracer=tracing.tracer, tls_ca=ca, client_certificate=certificate
        ) as client:
            assert (await client.models()).models == []
        async with AiClient(url, "key", tracer=tracing.tracer, tls_ca=ca) as stranger:
            with pytest.raises(AiUnavailable):
                await stranger.health()
        await tracing.flush()

    calls = {each.name: each for each in collector.spans}
    span = calls["GET /api/v1/models"]
    assert [parent[:53] for parent in parents] == [f"00-{span.trace}-{span.id}-"]
    assert span.facts["http.response.status_code"] == "200"
    assert "error.type" in calls["GET /api/v1/health"].facts


@pytest.mark.slow
async def test_a_collector_that_is_down_costs_only_the_traces(running_app: OpenApp) -> None:
    nowhere = TracingSettings(url="http://127.0.0.1:9/v1/traces")
    async with (
        traced_ai_core(running_app, nowhere) as (url, app),
        AiClient(url, app.keys[Scope.INFERENCE]) as client,
    ):
        question = ChatRequest(messages=[Message(role="user", content=QUESTION)])
        assert "L1237-1" in (await client.chat(question)).response


async def test_off_nothing_is_wrapped(app: RunningApp) -> None:
    assert isinstance(await asyncio.to_thread(create_app, Settings()), RequestMiddleware)
    assert "enter" not in vars(app.state["gate"])
    assert "search" not in vars(app.state["library"])
    tracer = tracing_of("ai_core", TracingSettings()).tracer
    assert type(tracer) is NoOpTracer
    assert traced(app.asgi, tracer) is app.asgi
    with tracer.start_span("nothing") as span:
        assert not span.is_recording()


@pytest.mark.slow
def test_off_what_traces_is_not_even_imported() -> None:
    """redis-py imports OpenTelemetry's measures by itself when they are installed."""
    program = (
        "import sys, ai_core.__main__, ai_core.app\n"
        "import telegram_service.__main__, telegram_service.programs\n"
        "import mail_service.__main__, mail_service.programs\n"
        "traces = ('shared.web.span_export', 'opentelemetry.sdk.trace', 'opentelemetry.exporter')\n"
        "print([name for name in sys.modules if name.startswith(traces)])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "[]\n"


def test_traces_without_their_packages_are_refused_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "shared.web.span_export", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)

    with pytest.raises(WrongSettings, match="extra \\[tracing\\]"):
        tracing_of("a service", TracingSettings(url="http://127.0.0.1:9/v1/traces"))
