"""What the world sees of the three hosts through a real nginx with our configuration.

Over 400 lines because the tests share one nginx with nothing behind and one with a service.
"""

import asyncio
import json
import re
import shutil
import socket
import ssl
import subprocess
import tomllib
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from ai_core.settings import ServerSettings as AiServer
from deploy.host.edge.__main__ import main as write_out
from deploy.host.edge.rendering import MissingVariable, fill, read_variables, render
from deploy.host.release import LIMITS
from deploy.local.server import ServerNotStarted
from mail_service.settings import ServerSettings as MailServer
from shared.ai.client import AiClient
from shared.errors import BadInput
from shared.settings import Section, WrongSettings
from shared.web.pages import SECURITY
from telegram_service.settings import ServerSettings as TelegramServer
from tests.deploy.edge_server import NAMES, EdgeServer, edge, server_line
from tests.servers.loopback import served

pytestmark = [pytest.mark.needs("nginx"), pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
REVIEWED = {"NGINX_MAIL_REVIEWERS": "127.0.0.1 1;"}
ROOMY = {"NGINX_AI_RATE": "1000r/s", "NGINX_AI_BURST": "1000"}
ENGLISH = {"Accept-Language": "en"}
STRONG = re.compile(
    r"ECDHE-(?:ECDSA|RSA)-(?:AES(?:128-GCM-SHA256|256-GCM-SHA384)|CHACHA20-POLY1305)"
)
WEAK = {
    "TLS 1.0": ssl.TLSVersion.TLSv1,
    "TLS 1.1": ssl.TLSVersion.TLSv1_1,
}


async def mirror(request: Request) -> JSONResponse:
    body = await request.body()
    told = {"path": request.url.path, "headers": dict(request.headers), "bytes": len(body)}
    return JSONResponse(told, headers={"X-Request-ID": request.headers["x-request-id"]})


async def pieces(_request: Request) -> StreamingResponse:
    async def write() -> AsyncIterator[bytes]:
        for number in range(4):
            yield b"data: %d\n\n" % number
            await asyncio.sleep(0.15)  # the pace of a model that writes

    return StreamingResponse(write(), media_type="text/event-stream")


async def page(_request: Request) -> JSONResponse:
    return JSONResponse({}, headers=SECURITY)


async def refuse(_request: Request) -> JSONResponse:
    return JSONResponse({"code": "queue_full"}, 503)


async def parrot(line: WebSocket) -> None:
    await line.accept()
    await line.send_text((await line.receive_text()).upper())
    await line.send_json(dict(line.headers))
    await line.close()


SERVICE = Starlette(
    routes=[
        Route("/page", page),
        Route("/refuse", refuse),
        Route("/api/v1/stream", pieces, methods=["POST"]),
        WebSocketRoute("/api/v1/ws", parrot),
        Route("/{path:path}", mirror, methods=["GET", "POST", "DELETE"]),
    ]
)


@pytest.fixture(scope="module")
def dead() -> Iterator[EdgeServer]:
    """An nginx of the three hosts, with nothing behind."""
    with edge("ai-api", "telegram", "mail", **ROOMY, **REVIEWED) as edge_server:
        yield edge_server


@pytest.fixture
async def alive() -> AsyncIterator[EdgeServer]:
    """An nginx of the three hosts, with a service behind."""
    async with served(SERVICE) as url:
        names = ("NGINX_AI", "NGINX_TELEGRAM", "NGINX_MAIL")
        servers = {f"{name}_SERVERS": server_line(url) for name in names}
        with edge("ai-api", "telegram", "mail", **servers, **ROOMY, **REVIEWED) as edge_server:
            yield edge_server


def handshake(
    edge_server: EdgeServer, context: ssl.SSLContext, name: str = NAMES["ai-api"]
) -> ssl.SSLSocket:
    with socket.create_connection(("127.0.0.1", edge_server.nginx.https_port), timeout=5) as line:
        return context.wrap_socket(line, server_hostname=name)


@pytest.mark.parametrize("version", WEAK.values(), ids=WEAK)
def test_an_old_tls_is_refused(dead: EdgeServer, version: ssl.TLSVersion) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    dead.authority.configure_trust(context)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = context.maximum_version = version

    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        handshake(dead, context)


def test_of_all_ciphers_openssl_knows_only_strong_ones_are_accepted(dead: EdgeServer) -> None:
    every = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    every.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    names = [entry["name"] for entry in every.get_ciphers() if not entry["name"].startswith("TLS_")]
    accepted = set()
    for name in names:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        dead.authority.configure_trust(context)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(f"{name}:@SECLEVEL=0")
        try:
            with handshake(dead, context) as line:
                accepted.add((line.cipher() or ("",))[0])
        except (ssl.SSLError, ConnectionResetError):
            continue

    assert len(names) > 50
    assert accepted
    assert not [name for name in accepted if not STRONG.fullmatch(name)]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_today_s_tls_speaks_http_2(dead: EdgeServer, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context()
    dead.authority.configure_trust(context)
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])

    with handshake(dead, context) as line:
        assert line.selected_alpn_protocol() == "h2"


def test_a_name_that_is_not_ours_gets_no_certificate(dead: EdgeServer) -> None:
    with pytest.raises(ssl.SSLError, match=r"(?i)unrecognized.name"):
        handshake(dead, dead.trust, "other.example.org")


async def test_port_80_only_points_to_https(dead: EdgeServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", dead.nginx.http_port)
    writer.write(
        f"GET /a?b=c HTTP/1.1\r\nHost: {NAMES['mail']}\r\nConnection: close\r\n\r\n".encode()
    )
    told = (await reader.read()).decode()
    writer.close()

    assert told.startswith("HTTP/1.1 308")
    assert f"Location: https://{NAMES['mail']}/a?b=c" in told


@pytest.mark.parametrize("host", NAMES)
async def test_a_dead_service_is_a_problem_document_of_ours(dead: EdgeServer, host: str) -> None:
    path = "/telegram/webhook" if host == "telegram" else "/api/v1/anything"
    async with dead.client(host) as client:
        told = await client.post(path, headers={"X-Request-ID": "mine-1"})

    assert told.status_code == 502
    assert told.headers["content-type"] == "application/problem+json"
    assert told.headers["retry-after"] == "5"
    assert told.headers["x-request-id"] == "mine-1"
    assert told.json() == {
        "type": "urn:code-du-travail-neo:error:unavailable",
        "title": "Bad Gateway",
        "status": 502,
        "detail": "Le service est momentanément indisponible : réessayez dans 5 s.",
        "code": "unavailable",
        "request_id": "mine-1",
    }


async def test_under_v1_a_dead_service_is_an_error_of_openai_s(dead: EdgeServer) -> None:
    async with dead.client() as client:
        told = await client.post("/v1/chat/completions", headers=ENGLISH, json={})

    assert told.status_code == 502
    assert told.headers["content-type"] == "application/json"
    assert told.json()["error"] == {
        "message": "The service is momentarily unavailable: try again in 5 s.",
        "type": "server_error",
        "param": None,
        "code": "unavailable",
    }


async def test_a_post_with_an_idempotency_key_to_dead_servers_is_a_problem_too(
    dead: EdgeServer,
) -> None:
    async with dead.client() as client:
        told = await client.post("/api/v1/chat", headers={"Idempotency-Key": "k"}, json={})

    assert told.json()["code"] == "unavailable"


def test_the_edge_says_what_the_services_say() -> None:
    written = (ROOT / "nginx" / "nginx.conf").read_text()
    errors = tomllib.loads((ROOT / "shared" / "texts" / "errors.toml").read_text())
    said = dict(re.findall(r'"((?:fr|en) \w+)" "([^"]+)";', written))
    waits = {"too_many_requests": 1, "unavailable": 5}
    for code in ("not_found", "too_large", "too_many_requests", "unavailable"):
        for language in ("fr", "en"):
            sentence = errors[code][language].format(
                retry_after_s=waits.get(code), limit="$edge_body_limit"
            )
            assert said[f"{language} {code}"] == sentence
    for status, title in re.findall(r'^\s+([45]\d\d) "([A-Z][^"]+)";', written, re.MULTILINE):
        assert HTTPStatus(int(status)).phrase == title


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/api/v1/metrics", "/api/v1//metrics", "/api/v1/%6detrics", "/x/../metrics"],
)
async def test_metrics_are_closed_to_the_world(alive: EdgeServer, path: str) -> None:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", alive.nginx.https_port, ssl=alive.trust, server_hostname=NAMES["ai-api"]
    )
    head = f"GET {path} HTTP/1.1\r\nHost: {NAMES['ai-api']}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    told = (await reader.read()).decode()
    writer.close()

    assert told.startswith("HTTP/1.1 403")
    assert "not_allowed" in told


@pytest.mark.parametrize("path", ["/metrics", "/health", "/ready"])
async def test_the_mailbox_s_state_is_closed_to_the_world(alive: EdgeServer, path: str) -> None:
    async with alive.client("mail") as client:
        assert (await client.get(path)).status_code == 403


REVIEW_PATHS = ("/", "/review.js", "/docs", "/openapi.json", "/api/v1/mails", "//", "/x/../api/v1/")
REVIEWERS = "203.0.113.0/24 1; 2001:db8::/32 1;"


@pytest.mark.parametrize(
    ("reviewers", "address", "status"),
    [
        ("", "203.0.113.5", 403),
        ("", "2001:db8::7", 403),
        (REVIEWERS, "203.0.113.5", 200),
        (REVIEWERS, "2001:db8::7", 200),
        (REVIEWERS, "192.0.2.1", 403),
        ("", "198.51.100.9", 200),
    ],
)
async def test_the_review_page_is_closed_to_all_but_named_reviewers_and_our_services(
    reviewers: str, address: str, status: int
) -> None:
    settings = {"NGINX_REAL_IP": "loopback", "NGINX_PEERS": "198.51.100.9 1;"}
    async with served(SERVICE) as url:
        settings |= {"NGINX_MAIL_SERVERS": server_line(url), "NGINX_MAIL_REVIEWERS": reviewers}
        with edge("mail", **settings) as edge_server:
            async with edge_server.client("mail") as client:
                client.headers |= {"X-Real-IP": address, "X-API-Key": "k"}
                answers = {path: (await client.get(path)).status_code for path in REVIEW_PATHS}
                alive = (await client.get("/live")).status_code
                asked = (await client.post("/feedback/fr/1.a/yes")).status_code
                around = (await client.get("/feedback/../api/v1/mails")).status_code

    assert (asked, around) == (200, status)
    assert answers == dict.fromkeys(REVIEW_PATHS, status)
    assert alive == 200


@pytest.mark.parametrize(
    ("clients", "address", "status"),
    [
        ("", "203.0.113.5", 403),
        (REVIEWERS, "203.0.113.5", 200),
        (REVIEWERS, "2001:db8::7", 200),
        (REVIEWERS, "192.0.2.1", 403),
        ("", "198.51.100.9", 403),
    ],
)
async def test_the_desk_is_closed_to_all_but_the_named_addresses(
    clients: str, address: str, status: int
) -> None:
    paths = (
        *("/console", "/console/", "/console/login", "/console/files/console.css"),
        *("//console/keys", "/x/../console/law", "/%63onsole/login", "/console?x=/"),
    )
    settings = {"NGINX_REAL_IP": "loopback", "NGINX_PEERS": "198.51.100.9 1;", **ROOMY}
    async with served(SERVICE) as url:
        settings |= {"NGINX_AI_SERVERS": server_line(url), "NGINX_CONSOLE_CLIENTS": clients}
        with edge("ai-api", **settings) as edge_server:
            async with edge_server.client("ai-api") as client:
                client.headers |= {"X-Real-IP": address}
                ours = str(client.base_url).rstrip("/")  # with it, a path may begin with "//"
                answers = {path: (await client.get(ours + path)).status_code for path in paths}
                beside = (await client.get("/consoles")).status_code

    assert answers == dict.fromkeys(paths, status)
    assert beside == 200


async def test_of_the_bot_only_the_webhook_is_public(alive: EdgeServer) -> None:
    async with alive.client("telegram") as client:
        assert (await client.post("/telegram/webhook")).status_code == 200
        assert (await client.get("/telegram/webhook")).status_code == 403
        assert (await client.post("/line/webhook")).status_code == 200
        assert (await client.get("/line/webhook")).status_code == 403
        assert (await client.post("/line/webhook/x")).status_code == 404
        assert (await client.post("/whatsapp/webhook")).status_code == 200
        assert (await client.get("/whatsapp/webhook?hub.mode=subscribe")).status_code == 200
        assert (await client.put("/whatsapp/webhook")).status_code == 403
        letter = "/api/v1/dead-letters/1764500000000-0"
        closed = ["/health", "/api/v1/dead-letters", letter, f"{letter}/replay", "/api/v1/x"]
        for path in closed:
            for method in ("GET", "POST", "DELETE"):
                answer = await client.request(method, path)
                assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
        assert (await client.get("/metrics")).status_code == 403


async def test_our_other_hosts_see_how_the_bot_is_and_its_dead_letters() -> None:
    letter = "/api/v1/dead-letters/1764500000000-0"
    peers = {"NGINX_PEERS": "127.0.0.1 1;"}
    async with served(SERVICE) as url:
        with edge("telegram", NGINX_TELEGRAM_SERVERS=server_line(url), **peers) as edge_server:
            async with edge_server.client("telegram") as desk:
                opened = [
                    (await desk.get("/health")).status_code,
                    (await desk.get("/api/v1/dead-letters")).status_code,
                    (await desk.delete(letter)).status_code,
                    (await desk.post(f"{letter}/replay")).status_code,
                ]
                closed = [
                    (await desk.get(path)).status_code
                    for path in ("/api/v1/dead-letters/x", f"{letter}/replay/x", "/api/v1", "/docs")
                ]
    assert opened == [200] * 4
    assert closed == [404] * 4


async def test_the_service_learns_who_asks_and_the_ids_of_the_request(alive: EdgeServer) -> None:
    async with alive.client() as client:
        seen = (await client.get("/x", headers={"X-Forwarded-For": "6.6.6.6"})).json()["headers"]

    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "https"
    assert seen["host"] == NAMES["ai-api"]
    assert re.fullmatch("[0-9a-f]{32}", seen["x-request-id"])
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", seen["traceparent"])


async def test_ids_of_the_caller_are_passed_on_and_answered_once(alive: EdgeServer) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    async with alive.client() as client:
        told = await client.get("/x", headers={"X-Request-ID": "id-7", "traceparent": trace})

    assert told.json()["headers"]["traceparent"] == trace
    assert told.json()["headers"]["x-request-id"] == "id-7"
    assert told.headers.get_list("x-request-id") == ["id-7"]


async def test_ids_that_are_none_are_replaced(alive: EdgeServer) -> None:
    async with alive.client() as client:
        wrong = {"X-Request-ID": "a b<script>", "traceparent": "00-zz-1-00"}
        seen = (await client.get("/x", headers=wrong)).json()["headers"]

    assert re.fullmatch("[0-9a-f]{32}", seen["x-request-id"])
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", seen["traceparent"])


async def test_every_answer_has_the_security_headers_once(alive: EdgeServer) -> None:
    async with alive.client() as client:
        plain, own = await client.get("/x"), await client.get("/page")

    for told in (plain, own):
        assert told.headers.get_list("strict-transport-security") == ["max-age=63072000"]
        assert told.headers.get_list("x-content-type-options") == ["nosniff"]
        assert told.headers.get_list("referrer-policy") == ["no-referrer"]
        assert len(told.headers.get_list("permissions-policy")) == 1
    assert plain.headers["content-security-policy"].startswith("default-src 'none'; frame-anc")
    policies = own.headers.get_list("content-security-policy")
    assert policies == [SECURITY["Content-Security-Policy"]]


async def test_what_a_service_answers_passes_as_it_is(alive: EdgeServer) -> None:
    async with alive.client() as client:
        told = await client.get("/refuse")

    assert (told.status_code, told.json()) == (503, {"code": "queue_full"})


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}], ids=["plain", "keyed"])
async def test_a_stream_arrives_piece_by_piece(alive: EdgeServer, headers: dict[str, str]) -> None:
    async with alive.client() as client:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        async with client.stream("POST", "/api/v1/stream", headers=headers) as told:
            arrived = [(loop.time() - begun_s, piece) async for piece in told.aiter_bytes()]

    assert [piece for _, piece in arrived] == [b"data: %d\n\n" % number for number in range(4)]
    assert arrived[-1][0] - arrived[0][0] > 0.3


async def test_a_websocket_goes_through(alive: EdgeServer) -> None:
    address = f"wss://{NAMES['ai-api']}/api/v1/ws"
    origin = websockets.Origin("https://mairie.example")
    options: dict[str, Any] = {"ssl": alive.trust, "port": alive.nginx.https_port}
    headers = {"X-Forwarded-For": "192.0.2.1"}
    async with websockets.connect(
        address, origin=origin, additional_headers=headers, host="127.0.0.1", **options
    ) as line:
        await line.send("bonjour")
        assert await line.recv() == "BONJOUR"
        told = json.loads(await line.recv())
    assert (told["origin"], told["host"]) == (origin, NAMES["ai-api"])
    assert told["x-forwarded-for"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "kib", "server"),
    [
        ("ai-api", 1023, AiServer()),
        ("telegram", 3072, TelegramServer()),
        ("mail", 256, MailServer()),
    ],
)
async def test_a_body_is_refused_where_the_service_would(
    alive: EdgeServer, host: str, kib: int, server: Section
) -> None:
    path = "/telegram/webhook" if host == "telegram" else "/api/v1/chat"
    async with alive.client(host) as client:
        large = await client.post(path, content=b"x" * (kib * 1024 + 1), headers=ENGLISH)
        just = await client.post(path, content=b"x" * kib * 1024)

    assert large.status_code == 413
    assert large.json()["detail"] == f"The request is too large: {kib} KiB at most."
    assert just.json()["bytes"] == kib * 1024
    assert server.model_dump()["max_body_bytes"] // 1024 == kib


async def test_one_address_may_not_ask_without_end() -> None:
    async with served(SERVICE) as url:
        with edge(
            NGINX_AI_SERVERS=server_line(url), NGINX_AI_RATE="1r/s", NGINX_AI_BURST="4"
        ) as edge_server:
            async with edge_server.client() as client:
                answers = [await client.get("/x", headers=ENGLISH) for _ in range(8)]
                openai = await client.get("/v1/models")

    assert [told.status_code for told in answers[:5]] == [200] * 5
    assert answers[-1].status_code == 429
    assert answers[-1].headers["retry-after"] == "1"
    assert answers[-1].json()["code"] == "too_many_requests"
    assert openai.json()["error"]["type"] == "rate_limit_error"


async def test_behind_a_proxy_each_client_has_its_own_limit_and_an_ipv6_network_one() -> None:
    limits = {"NGINX_AI_RATE": "1r/m", "NGINX_AI_BURST": "1", "NGINX_REAL_IP": "loopback"}
    peers = {"NGINX_PEERS": "198.51.100.9 1;"}
    async with served(SERVICE) as url:
        with edge(NGINX_AI_SERVERS=server_line(url), **limits, **peers) as edge_server:
            async with edge_server.client() as client:

                async def ask(address: str) -> int:
                    return (await client.get("/x", headers={"X-Real-IP": address})).status_code

                one = [await ask("203.0.113.5") for _ in range(3)]
                other = (await client.get("/x", headers={"X-Real-IP": "203.0.113.6"})).json()
                network = [await ask(f"2001:db8:0:1::{number}") for number in range(1, 4)]
                next_door = await ask("2001:db8:0:2::1")
                peer = [await ask("198.51.100.9") for _ in range(5)]

    assert one == [200, 200, 429]
    assert other["headers"]["x-forwarded-for"] == "203.0.113.6"
    assert network == [200, 200, 429]
    assert next_door == 200
    assert peer == [200] * 5


async def test_without_a_proxy_clients_cannot_choose_their_address() -> None:
    async with served(SERVICE) as url:
        with edge(NGINX_AI_SERVERS=server_line(url), NGINX_REAL_IP="cloudflare") as edge_server:
            async with edge_server.client() as client:
                told = await client.get("/x", headers={"CF-Connecting-IP": "6.6.6.6"})

    assert told.json()["headers"]["x-forwarded-for"] == "127.0.0.1"


async def test_a_canary_gets_its_share_by_the_weights_of_a_release() -> None:
    async with served(SERVICE) as old, served(SERVICE) as fresh:
        servers = " ".join(
            f"server {url.removeprefix('http://')} weight={share} {LIMITS};"
            for url, share in ((old, 90), (fresh, 10))
        )
        with edge("ai-api", NGINX_AI_SERVERS=servers, **ROOMY) as edge_server:
            async with edge_server.client() as client:
                for _ in range(100):
                    assert (await client.get("/x")).status_code == 200
            entries = [json.loads(line) for line in edge_server.log_lines(100) if line[0] == "{"]
    fresh_port = fresh.rpartition(":")[2]
    assert sum(entry["upstream"].endswith(f":{fresh_port}") for entry in entries) == 10


async def test_with_mutual_tls_only_our_services_enter() -> None:
    async with served(SERVICE) as url:
        with edge(
            NGINX_AI_SERVERS=server_line(url), NGINX_CLIENT_CERTIFICATES="required"
        ) as edge_server:
            async with edge_server.client() as stranger:
                refused = await stranger.get("/x")
            async with edge_server.client(trust=edge_server.peer_trust()) as peer:
                welcome = await peer.get("/x")
                metrics = await peer.get("/metrics")

    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
    assert welcome.status_code == 200
    assert metrics.status_code == 200


async def test_our_client_enters_with_its_certificate_and_not_without(tmp_path: Path) -> None:
    async with served(SERVICE) as url:
        variables = {"NGINX_AI_SERVERS": server_line(url), "NGINX_AI_HOST": "localhost"}
        with edge(NGINX_CLIENT_CERTIFICATES="required", **variables) as edge_server:
            edge_server.authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
            ours = edge_server.clients.issue_cert("telegram.internal")
            ours.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "ours.pem"))
            here = f"https://localhost:{edge_server.nginx.https_port}"
            ca, certificate = tmp_path / "ca.pem", tmp_path / "ours.pem"
            async with AiClient(here, "key", tls_ca=ca) as stranger:
                with pytest.raises(BadInput, match="invalid_request"):
                    await stranger.erase_conversation("one")
            async with AiClient(here, "key", tls_ca=ca, client_certificate=certificate) as client:
                assert await client.erase_conversation("one")


def test_a_client_certificate_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match=r"none\.pem"):
        AiClient("https://ai", "key", client_certificate=tmp_path / "none.pem")


async def test_a_certificate_of_an_untrusted_authority_is_rejected() -> None:
    async with served(SERVICE) as url:
        variables = {"NGINX_AI_SERVERS": server_line(url)}
        with (
            edge(NGINX_CLIENT_CERTIFICATES="optional", **variables) as edge_server,
            edge() as other,
        ):
            async with edge_server.client() as stranger:
                assert (await stranger.get("/x")).status_code == 200
                assert (await stranger.get("/metrics")).status_code == 403
            edge_server.clients = other.clients
            async with edge_server.client(trust=edge_server.peer_trust()) as liar:
                assert (await liar.get("/metrics")).status_code in (400, 403)


def test_no_log_line_names_an_address_or_what_was_asked(dead: EdgeServer) -> None:
    with socket.create_connection(("127.0.0.1", dead.nginx.http_port), timeout=5) as line:
        line.sendall(f"GET /secret?q=word HTTP/1.0\r\nHost: {NAMES['ai-api']}\r\n\r\n".encode())
        line.recv(1000)
    lines = dead.log_lines()
    entries = [json.loads(text) for text in lines if text.startswith("{")]

    assert entries
    assert not any("secret" in text or "word" in text for text in lines)
    assert not any("client:" in text for text in lines)
    assert not any(
        "127.0.0.1" in value
        for entry in entries
        for key, value in entry.items()
        if key != "upstream"
    )


async def test_a_line_of_the_log_names_the_trace_that_the_service_is_told_of() -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    async with served(SERVICE) as url:
        with edge("ai-api", NGINX_AI_SERVERS=server_line(url), **ROOMY) as edge_server:
            async with edge_server.client() as client:
                parent = f"00-{trace}-b7ad6b7169203331-01"
                await client.get("/x", headers={"traceparent": parent})
                begun = (await client.get("/x")).json()["headers"]["traceparent"]
            lines = edge_server.log_lines(2)

    told = [json.loads(line)["trace_id"] for line in lines if line.startswith("{")]
    assert told == [trace, begun.split("-")[1]]


def test_a_missing_variable_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(MissingVariable, match="NGINX_HTTPS_LISTEN"):
        render(tmp_path / "etc", {"NGINX_AI_RATE": "1r/s"}, ["ai-api"])

    assert not (tmp_path / "etc").exists()


def test_every_variable_of_the_templates_has_an_example() -> None:
    variables = read_variables()
    for template in (ROOT / "nginx" / "templates").iterdir():
        assert "${" not in fill(template.read_text(), variables)
    assert variables["NGINX_AI_SERVERS"].startswith("server ")


def test_a_host_without_docker_writes_its_own_nginx_out(tmp_path: Path) -> None:
    environment = tmp_path / "nginx.env"
    environment.write_text('NGINX_MAIL_HOST=courrier.example.org\nNGINX_PEERS="192.0.2.1 1;"\n')

    assert (
        write_out(["--to", str(tmp_path / "etc"), "--env", str(environment), "--hosts", "mail"])
        == 0
    )
    written = (tmp_path / "etc" / "conf.d" / "mail.conf").read_text()
    assert "server_name courrier.example.org;" in written
    assert not (tmp_path / "etc" / "conf.d" / "ai-api.conf").exists()


@pytest.mark.parametrize(("words", "status"), [([], 1), (["--systemd"], 0)])
def test_where_standard_output_is_the_journal_s_socket_nginx_starts_as_written_for_it(
    words: list[str], status: int, tmp_path: Path
) -> None:
    folder = tmp_path / "etc"
    environment = tmp_path / "nginx.env"
    environment.write_text(
        f"NGINX_MAIL_HOST={NAMES['mail']}\nNGINX_MAIL_SERVERS='server [::1]:1;'\n"
    )
    write_out(["--to", str(folder), "--env", str(environment), "--hosts", "mail", *words])
    placeholder = ROOT / "nginx" / "start" / "placeholder.sh"
    subprocess.run([placeholder, folder / "certificates", NAMES["mail"]], check=True)

    ours, journal = socket.socketpair()
    with ours, journal:
        told = subprocess.run(
            [NGINX, "-t", "-p", f"{folder}/", "-c", f"{folder}/nginx.conf", "-e", "stderr"],
            stdout=journal.fileno(),
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert told.returncode == status, told.stderr
    assert ("/dev/stdout" in told.stderr) == bool(status)


def test_a_configuration_nginx_refuses_is_reported_before_it_is_used(dead: EdgeServer) -> None:
    dead.nginx.set(NGINX_AI_RATE="often")
    try:
        with pytest.raises(ServerNotStarted, match="often"):
            dead.nginx.reload()
        assert dead.nginx.status is None
    finally:
        dead.nginx.set(NGINX_AI_RATE="1000r/s")
