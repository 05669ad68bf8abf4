import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from ipaddress import ip_address, ip_network
from itertools import product
from pathlib import Path
from typing import Any

import httpx2
import pytest
from asgi_lifespan import LifespanManager
from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry

import ai_core
from ai_core.access.gate import Gate, GateMetrics
from ai_core.access.hosts import OwnHosts
from ai_core.access.keys import KeyRing, Scope, digest, make_secret
from ai_core.access.rate_limits import Limiter, RateLimits
from ai_core.access.visitors import Visitors
from ai_core.redis_keys import TAG
from deploy.local.ports import free_port
from deploy.local.redis_server import RedisServer
from shared.clock import StoppedClock
from shared.stores.redis_connection import RedisConnection
from shared.texts import Texts
from shared.web.http_metrics import HttpMetrics
from shared.web.middleware import RequestMiddleware
from shared.web.problems import add_error_handlers
from tests.ai_core.conftest import START_TIMEOUT_S

VISITOR_SECRET = b"a secret of the tests, in no store"
CACHE_KEY = f"{TAG}:answer:1"

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TEXTS = Texts.read(
    Path("shared/texts/errors.toml"), Path(ai_core.__file__ or "").parent / "texts/errors.toml"
)


class GatedApp:
    """An app with one route per scope, and the operator's key ring."""

    def __init__(self, connection: RedisConnection) -> None:
        self.clock = StoppedClock(NOON)
        self.connection = connection
        self.ring = KeyRing(connection, self.clock)  # the service's
        self.operator = KeyRing(connection, self.clock)
        self.gate = self.gate_over(self.ring)
        self.may_finish = asyncio.Event()
        self.may_finish.set()
        self.admitted = asyncio.Event()
        self.app = self._app()
        self.browser = self.client("203.0.113.7")

    def gate_over(self, ring: KeyRing) -> Gate:
        limiter, metrics = Limiter(self.connection), GateMetrics(CollectorRegistry())
        return Gate(
            ring, limiter, metrics, Visitors(VISITOR_SECRET), OwnHosts(["neo.test"], "127.0.0.1")
        )

    def client(self, address: str) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(self.app, client=(address, 1234))
        return httpx2.AsyncClient(transport=transport, base_url="http://neo.test")

    async def get(self, path: str, key: str | None = None, **headers: str) -> httpx2.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.browser.get(path, headers=named | ({"x-api-key": key} if key else {}))

    async def make(self, scope: Scope = Scope.INFERENCE, **options: object) -> str:
        made = await self.operator.create("essai", scope, **options)  # type: ignore[arg-type]
        return made.secret

    def _app(self) -> FastAPI:
        app = FastAPI()
        for scope in Scope:
            app.add_api_route(f"/{scope}", self._route(scope))
        add_error_handlers(app, TEXTS)
        app.add_middleware(
            RequestMiddleware,
            metrics=HttpMetrics(CollectorRegistry()),
            texts=TEXTS,
            max_body_bytes=1_000,
        )
        return app

    def _route(self, needed: Scope) -> Callable[[Request], Awaitable[Response]]:
        async def route(request: Request) -> Response:
            caller = await self.gate.identify(request, needed)
            async with self.gate.admit(
                request, caller, cost_tokens=10, cache_key=CACHE_KEY
            ) as permit:
                permit.spend(2)
                self.admitted.set()
                await self.may_finish.wait()
                return Response(permit.cached_reply or b"written")

        return route


@asynccontextmanager
async def opened(connection: RedisConnection) -> AsyncIterator[GatedApp]:
    gated = GatedApp(connection)
    async with LifespanManager(gated.app, START_TIMEOUT_S, START_TIMEOUT_S), gated.browser:
        yield gated


@pytest.fixture
async def gated(connection: RedisConnection) -> AsyncIterator[GatedApp]:
    async with opened(connection) as gated:
        await gated.ring.refresh()
        yield gated


STATUSES = {
    (Scope.ADMIN, Scope.ADMIN): 200,
    (Scope.ADMIN, Scope.INFERENCE): 200,
    (Scope.ADMIN, Scope.PUBLISHABLE): 200,
    (Scope.INFERENCE, Scope.ADMIN): 403,
    (Scope.INFERENCE, Scope.INFERENCE): 200,
    (Scope.INFERENCE, Scope.PUBLISHABLE): 200,
    (Scope.PUBLISHABLE, Scope.ADMIN): 403,
    (Scope.PUBLISHABLE, Scope.INFERENCE): 403,
    (Scope.PUBLISHABLE, Scope.PUBLISHABLE): 200,
}


async def test_a_key_opens_what_its_scope_opens(gated: GatedApp, subtests: pytest.Subtests) -> None:
    for scopes, status in STATUSES.items():
        with subtests.test(scopes=scopes, status=status):
            key = await gated.make(scopes[0])
            response = await gated.get(f"/{scopes[1]}", key, sec_fetch_site="same-origin")

            assert response.status_code == status
            if status == 403:
                assert response.json()["code"] == "not_allowed"


@pytest.mark.parametrize(
    "key", [None, "", "x", "cdt_live_typo", "é", pytest.param(make_secret(), id="unknown")]
)
async def test_no_key_a_mistyped_one_and_an_unknown_one_are_a_401(
    gated: GatedApp, key: str | None
) -> None:
    response = await gated.browser.get(
        "/inference", headers={} if key is None else {b"x-api-key": key.encode()}
    )

    assert response.status_code == 401
    assert response.json()["code"] == "not_authenticated"
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_key_made_just_now_opens_though_another_request_read_the_keys_meanwhile(
    gated: GatedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    await gated.get("/inference", await gated.make())
    key = await gated.make()
    look = gated.ring.changed

    async def overtaken() -> bool:
        await gated.ring.refresh()
        return await look()

    monkeypatch.setattr(gated.ring, "changed", overtaken)
    assert (await gated.get("/inference", key)).status_code == 200


async def test_a_key_may_come_as_a_bearer_token(gated: GatedApp) -> None:
    key = await gated.make()

    assert (await gated.get("/inference", authorization=f"Bearer {key}")).status_code == 200


async def test_an_expired_key_is_a_401(gated: GatedApp) -> None:
    key = await gated.make(lifetime=timedelta(days=1))
    assert (await gated.get("/inference", key)).status_code == 200

    gated.clock.set(NOON + timedelta(days=1))
    assert (await gated.get("/inference", key)).status_code == 401


async def test_a_revoked_key_is_refused_by_the_next_request(gated: GatedApp) -> None:
    made = await gated.operator.create("essai", Scope.INFERENCE, limits=RateLimits(concurrent=1))
    assert (await gated.get("/inference", made.secret)).status_code == 200

    await gated.operator.revoke(made.key.id)
    assert (await gated.get("/inference", made.secret)).status_code == 401
    assert await gated.connection.call("ZCARD", f"{TAG}:open:{made.key.id}") == 0


async def test_a_rotated_key_works_from_the_next_request_beside_the_old_one(
    gated: GatedApp,
) -> None:
    old = await gated.operator.create("essai", Scope.INFERENCE)
    new = await gated.operator.rotate(old.key.id, timedelta(hours=1))

    assert (await gated.get("/inference", new.secret)).status_code == 200
    assert (await gated.get("/inference", old.secret)).status_code == 200


@pytest.mark.parametrize(
    ("address", "status"),
    [("10.1.2.3", 200), ("::ffff:10.1.2.3", 200), ("192.0.2.1", 403), ("2001:db8::1", 403)],
)
async def test_a_key_may_be_bound_to_addresses(gated: GatedApp, address: str, status: int) -> None:
    key = await gated.make(allowed_networks=[ip_network("10.0.0.0/8")])
    async with gated.client(address) as client:
        response = await client.get("/inference", headers={"x-api-key": key})

    assert response.status_code == status
    if status == 403:
        assert response.json()["code"] == "address_not_allowed"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "http://neo.test"}, 200),
        ({"origin": "https://intranet.example"}, 200),
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"origin": "https://other.example"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({}, 403),
    ],
)
async def test_a_publishable_key_serves_our_page_and_the_sites_it_names(
    gated: GatedApp, headers: dict[str, str], status: int
) -> None:
    key = await gated.make(Scope.PUBLISHABLE, allowed_origins=["https://intranet.example"])

    response = await gated.get("/publishable", key, **headers)
    assert response.status_code == status
    if status == 403:
        assert response.json()["code"] == "origin_not_allowed"


@pytest.mark.parametrize(
    "host", ["neo.test", "NEO.test:8000", "127.0.0.1:8000", "localhost", "[::1]:1"]
)
async def test_a_publishable_key_works_under_our_own_names(gated: GatedApp, host: str) -> None:
    key = await gated.make(Scope.PUBLISHABLE, allowed_origins=["https://intranet.example"])

    for origin in (f"https://{host.lower()}", f"http://{host.lower()}", "https://intranet.example"):
        assert (await gated.get("/publishable", key, host=host, origin=origin)).status_code == 200
    other = await gated.get("/publishable", key, host=host, origin="https://neo.test.example")
    assert other.json()["code"] == "origin_not_allowed"


FOREIGN_HOSTS = ["evil.example", "evil.example:8000", "neo.test.evil.example", "evilneo.test",
     "127.0.0.1.evil.example", "", "neo.test@evil.example", "evil.example/neo.test",
     "neo.test:80:80", "[::1", "localhost.evil.example"]  # fmt: skip


async def test_a_name_that_resolves_to_us_is_not_one_of_ours(
    gated: GatedApp, subtests: pytest.Subtests
) -> None:
    for host in FOREIGN_HOSTS:
        for marks in ["same origin", "origin of the host", "origin of the key"]:
            with subtests.test(host=host, marks=marks):
                key = await gated.make(
                    Scope.PUBLISHABLE, allowed_origins=["https://intranet.example"]
                )
                headers = {
                    "same origin": {"sec_fetch_site": "same-origin"},
                    "origin of the host": {"origin": f"http://{host}"},
                    "origin of the key": {"origin": "https://intranet.example"},
                }[marks]

                response = await gated.get("/publishable", key, host=host, **headers)
                assert (response.status_code, response.json()["code"]) == (403, "host_not_allowed")
                programs = await gated.get("/inference", await gated.make(), host=host)
                assert programs.status_code == 200


async def test_each_visitor_of_a_publishable_key_has_its_own_quota(gated: GatedApp) -> None:
    key = await gated.make(Scope.PUBLISHABLE, limits=RateLimits(requests_per_minute=1))
    headers = {"x-api-key": key, "origin": "http://neo.test"}
    statuses = []
    for address in ("203.0.113.1", "203.0.113.1", "203.0.113.2"):
        async with gated.client(address) as client:
            statuses.append((await client.get("/publishable", headers=headers)).status_code)

    assert statuses == [200, 429, 200]
    names = b" ".join(await gated.connection.call("KEYS", "*")).decode()
    addresses = [ip_address(f"203.0.113.{last}").packed for last in (1, 2)]
    known = [key.encode(), sha256(key.encode()).digest(), digest(key).encode(), b""]
    for secret, packed in product(known, addresses):
        assert hmac.new(secret, packed, sha256).hexdigest()[:16] not in names


async def test_over_quota_says_exactly_when_to_come_back(gated: GatedApp) -> None:
    key = await gated.make(limits=RateLimits(requests_per_minute=2, tokens_per_day=1_000))
    first = await gated.get("/inference", key)
    policy = '"requests";q=2;w=60, "tokens-day";q=1000;w=86400'
    assert first.headers["ratelimit-policy"] == policy
    assert first.headers["ratelimit"] == '"requests";r=1, "tokens-day";r=990'
    assert first.headers["x-ratelimit-limit"] == "2"
    assert first.headers["x-ratelimit-remaining"] == "1"
    await gated.get("/inference", key)

    refused = await gated.get("/inference", key)
    assert refused.status_code == 429
    assert refused.json()["code"] == "over_quota"
    wait_s = int(refused.headers["retry-after"])
    assert 60 <= wait_s <= 61
    assert refused.headers["ratelimit"].startswith(f'"requests";r=0;t={wait_s}')
    assert refused.headers["x-ratelimit-reset"] == str(wait_s)


async def test_without_limits_there_are_no_rate_limit_headers(gated: GatedApp) -> None:
    response = await gated.get("/inference", await gated.make())

    assert not [name for name in response.headers if "ratelimit" in name]


async def test_a_concurrency_slot_is_held_until_the_answer_is_finished(gated: GatedApp) -> None:
    key = await gated.make(limits=RateLimits(concurrent=1))
    gated.may_finish.clear()
    first = asyncio.create_task(gated.get("/inference", key))
    await gated.admitted.wait()
    assert (await gated.get("/inference", key)).status_code == 429

    gated.may_finish.set()
    assert (await first).status_code == 200
    assert (await gated.get("/inference", key)).status_code == 200


async def test_a_cached_reply_comes_with_the_permit(gated: GatedApp) -> None:
    key = await gated.make()
    await gated.connection.call("SET", CACHE_KEY, "kept")

    assert (await gated.get("/inference", key)).text == "kept"


async def test_while_redis_is_lost_keys_and_quotas_hold(own_redis: RedisServer) -> None:
    connection = RedisConnection(own_redis.url, TAG)
    await connection.open()
    async with opened(connection) as gated:
        await gated.ring.refresh()
        key = await gated.make(limits=RateLimits(requests_per_minute=20))
        stranger = make_secret()
        assert (await gated.get("/inference", key)).status_code == 200
        await asyncio.to_thread(own_redis.kill)
        async with asyncio.timeout(30):
            while connection.found.is_set():  # noqa: ASYNC110 - nothing tells of a loss
                await asyncio.sleep(0.001)

        responses = await asyncio.gather(*(gated.get("/inference", key) for _ in range(50)))
        statuses = [response.status_code for response in responses]
        assert (statuses.count(200), statuses.count(429)) == (19, 31)
        assert (await gated.get("/inference", stranger)).status_code == 401
        assert (await gated.get("/admin", key)).status_code == 403
    await connection.close()


async def test_keys_that_were_never_read_are_a_503_until_redis_is_there() -> None:
    connection = RedisConnection(f"redis://127.0.0.1:{free_port()}/0", TAG)
    await connection.open()
    async with opened(connection) as gated:
        response = await gated.get("/inference", make_secret())
        assert response.status_code == 503
        assert response.json()["code"] == "keys_unreadable"
        assert int(response.headers["retry-after"]) >= 1
    await connection.close()


async def test_a_service_that_starts_before_redis_reads_the_keys_when_it_can(
    gated: GatedApp,
) -> None:
    key = await gated.make()
    late = KeyRing(gated.connection, gated.clock)
    gated.gate = gated.gate_over(late)

    assert (await gated.get("/inference", key)).status_code == 200


async def test_fifty_same_questions_at_once_are_one_answer_and_all_let_in(app: Any) -> None:
    body = {"prompt": "Quelle est la durée du préavis en cas de démission ?"}
    responses = await asyncio.gather(
        *(
            app.client.post("/api/v1/generate", json=body, headers=app.key_header())
            for _ in range(50)
        )
    )
    assert {response.status_code for response in responses} == {200}

    metrics = (await app.client.get("/api/v1/metrics", headers=app.key_header(Scope.ADMIN))).text
    assert 'answers_total{end="answered",model="extractive"} 1.0' in metrics
