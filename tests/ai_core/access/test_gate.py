import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import httpx2
import pytest
from asgi_lifespan import LifespanManager
from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry

import ai_core
from ai_core.access.gate import Gate, GateMetrics
from ai_core.access.keys import KeyRing, Scope, make_secret
from ai_core.access.rate_limits import Limiter, Limits
from ai_core.redis_keys import TAG
from deploy.local.ports import free_port
from deploy.local.redis_server import RedisServer
from shared.clock import StoppedClock
from shared.stores.redis_connection import RedisLink
from shared.texts import Texts
from shared.web.middleware import Edge, HttpMetrics, speak_errors

ANSWER = f"{TAG}:answer:1"

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TEXTS = Texts.read(
    Path("shared/texts/errors.toml"), Path(ai_core.__file__ or "").parent / "texts/errors.toml"
)


class Door:
    """An app with one route per scope, and an operator who makes its keys."""

    def __init__(self, link: RedisLink) -> None:
        self.clock = StoppedClock(NOON)
        self.link = link
        self.ring = KeyRing(link, self.clock)  # the service's
        self.operator = KeyRing(link, self.clock)
        self.gate = Gate(self.ring, Limiter(link), GateMetrics(CollectorRegistry()))
        self.held = asyncio.Event()
        self.held.set()
        self.entered = asyncio.Event()
        self.app = self._app()
        self.browser = self.client("203.0.113.7")

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
        speak_errors(app, TEXTS)
        app.add_middleware(
            Edge, metrics=HttpMetrics(CollectorRegistry()), texts=TEXTS, max_body_bytes=1_000
        )
        return app

    def _route(self, needed: Scope) -> Callable[[Request], Awaitable[Response]]:
        async def route(request: Request) -> Response:
            caller = await self.gate.identify(request, needed)
            async with self.gate.admit(request, caller, cost_tokens=10, cache_key=ANSWER) as permit:
                permit.spend(2)
                self.entered.set()
                await self.held.wait()
                return Response(permit.cached_reply or b"written")

        return route


@asynccontextmanager
async def opened(link: RedisLink) -> AsyncIterator[Door]:
    door = Door(link)
    async with LifespanManager(door.app), door.browser:
        yield door


@pytest.fixture
async def door(link: RedisLink) -> AsyncIterator[Door]:
    async with opened(link) as door:
        await door.ring.refresh()
        yield door


OPENS = {
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


@pytest.mark.parametrize(("scopes", "status"), OPENS.items())
async def test_a_key_opens_what_its_scope_opens(
    door: Door, scopes: tuple[Scope, Scope], status: int
) -> None:
    key = await door.make(scopes[0])
    response = await door.get(f"/{scopes[1]}", key, sec_fetch_site="same-origin")

    assert response.status_code == status
    if status == 403:
        assert response.json()["code"] == "not_allowed"


@pytest.mark.parametrize(
    "key", [None, "", "x", "cdt_live_typo", "é", pytest.param(make_secret(), id="unknown")]
)
async def test_no_key_a_mistyped_one_and_an_unknown_one_are_a_401(
    door: Door, key: str | None
) -> None:
    response = await door.browser.get(
        "/inference", headers={} if key is None else {b"x-api-key": key.encode()}
    )

    assert response.status_code == 401
    assert response.json()["code"] == "not_authenticated"
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_key_made_just_now_opens_though_another_request_read_the_keys_meanwhile(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    await door.get("/inference", await door.make())
    key = await door.make()
    look = door.ring.changed

    async def overtaken() -> bool:
        await door.ring.refresh()
        return await look()

    monkeypatch.setattr(door.ring, "changed", overtaken)
    assert (await door.get("/inference", key)).status_code == 200


async def test_a_key_may_come_as_a_bearer_token(door: Door) -> None:
    key = await door.make()

    assert (await door.get("/inference", authorization=f"Bearer {key}")).status_code == 200


async def test_an_expired_key_is_a_401(door: Door) -> None:
    key = await door.make(lifetime=timedelta(days=1))
    assert (await door.get("/inference", key)).status_code == 200

    door.clock.set(NOON + timedelta(days=1))
    assert (await door.get("/inference", key)).status_code == 401


async def test_a_revoked_key_is_refused_by_the_next_request(door: Door) -> None:
    made = await door.operator.create("essai", Scope.INFERENCE, limits=Limits(concurrent=1))
    assert (await door.get("/inference", made.secret)).status_code == 200

    await door.operator.revoke(made.key.id)
    assert (await door.get("/inference", made.secret)).status_code == 401
    assert await door.link.call("ZCARD", f"{TAG}:open:{made.key.id}") == 0


async def test_a_rotated_key_works_from_the_next_request_beside_the_old_one(door: Door) -> None:
    old = await door.operator.create("essai", Scope.INFERENCE)
    new = await door.operator.rotate(old.key.id, timedelta(hours=1))

    assert (await door.get("/inference", new.secret)).status_code == 200
    assert (await door.get("/inference", old.secret)).status_code == 200


@pytest.mark.parametrize(
    ("address", "status"),
    [("10.1.2.3", 200), ("::ffff:10.1.2.3", 200), ("192.0.2.1", 403), ("2001:db8::1", 403)],
)
async def test_a_key_may_be_bound_to_addresses(door: Door, address: str, status: int) -> None:
    key = await door.make(allowed_networks=[ip_network("10.0.0.0/8")])
    async with door.client(address) as client:
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
    door: Door, headers: dict[str, str], status: int
) -> None:
    key = await door.make(Scope.PUBLISHABLE, allowed_origins=["https://intranet.example"])

    response = await door.get("/publishable", key, **headers)
    assert response.status_code == status
    if status == 403:
        assert response.json()["code"] == "origin_not_allowed"


async def test_each_visitor_of_a_publishable_key_has_its_own_quota(door: Door) -> None:
    key = await door.make(Scope.PUBLISHABLE, limits=Limits(requests_per_minute=1))
    headers = {"x-api-key": key, "origin": "http://neo.test"}
    statuses = []
    for address in ("203.0.113.1", "203.0.113.1", "203.0.113.2"):
        async with door.client(address) as client:
            statuses.append((await client.get("/publishable", headers=headers)).status_code)

    assert statuses == [200, 429, 200]
    names = b" ".join(await door.link.call("KEYS", "*"))
    assert b"203.0.113" not in names


async def test_over_quota_says_exactly_when_to_come_back(door: Door) -> None:
    key = await door.make(limits=Limits(requests_per_minute=2, tokens_per_day=1_000))
    first = await door.get("/inference", key)
    policy = '"requests";q=2;w=60, "tokens-day";q=1000;w=86400'
    assert first.headers["ratelimit-policy"] == policy
    assert first.headers["ratelimit"] == '"requests";r=1, "tokens-day";r=990'
    assert first.headers["x-ratelimit-limit"] == "2"
    assert first.headers["x-ratelimit-remaining"] == "1"
    await door.get("/inference", key)

    refused = await door.get("/inference", key)
    assert refused.status_code == 429
    assert refused.json()["code"] == "over_quota"
    wait_s = int(refused.headers["retry-after"])
    assert 60 <= wait_s <= 61
    assert refused.headers["ratelimit"].startswith(f'"requests";r=0;t={wait_s}')
    assert refused.headers["x-ratelimit-reset"] == str(wait_s)


async def test_without_limits_no_limit_is_spoken_of(door: Door) -> None:
    response = await door.get("/inference", await door.make())

    assert not [name for name in response.headers if "ratelimit" in name]


async def test_a_place_is_held_until_the_answer_is_finished(door: Door) -> None:
    key = await door.make(limits=Limits(concurrent=1))
    door.held.clear()
    first = asyncio.create_task(door.get("/inference", key))
    await door.entered.wait()
    assert (await door.get("/inference", key)).status_code == 429

    door.held.set()
    assert (await first).status_code == 200
    assert (await door.get("/inference", key)).status_code == 200


async def test_a_known_answer_comes_with_the_admission(door: Door) -> None:
    key = await door.make()
    await door.link.call("SET", ANSWER, "kept")

    assert (await door.get("/inference", key)).text == "kept"


async def test_while_redis_is_lost_keys_and_quotas_hold(own_redis: RedisServer) -> None:
    link = RedisLink(own_redis.url, TAG)
    await link.open()
    async with opened(link) as door:
        await door.ring.refresh()
        key = await door.make(limits=Limits(requests_per_minute=20))
        stranger = make_secret()
        assert (await door.get("/inference", key)).status_code == 200
        await asyncio.to_thread(own_redis.kill)
        async with asyncio.timeout(5):
            while link.found.is_set():  # noqa: ASYNC110 - nothing tells of a loss
                await asyncio.sleep(0.001)

        responses = await asyncio.gather(*(door.get("/inference", key) for _ in range(50)))
        statuses = [response.status_code for response in responses]
        assert (statuses.count(200), statuses.count(429)) == (19, 31)
        assert (await door.get("/inference", stranger)).status_code == 401
        assert (await door.get("/admin", key)).status_code == 403
    await link.close()


async def test_keys_that_were_never_read_are_a_503_until_redis_is_there() -> None:
    link = RedisLink(f"redis://127.0.0.1:{free_port()}/0", TAG)
    await link.open()
    async with opened(link) as door:
        response = await door.get("/inference", make_secret())
        assert response.status_code == 503
        assert response.json()["code"] == "keys_unreadable"
        assert int(response.headers["retry-after"]) >= 1
    await link.close()


async def test_a_service_that_starts_before_redis_reads_the_keys_when_it_can(
    door: Door,
) -> None:
    key = await door.make()
    late = KeyRing(door.link, door.clock)
    door.gate = Gate(late, Limiter(door.link), GateMetrics(CollectorRegistry()))

    assert (await door.get("/inference", key)).status_code == 200


async def test_fifty_same_questions_at_once_are_one_answer_and_all_let_in(house: Any) -> None:
    body = {"prompt": "Quelle est la durée du préavis en cas de démission ?"}
    responses = await asyncio.gather(
        *(
            house.client.post("/api/v1/generate", json=body, headers=house.bearing())
            for _ in range(50)
        )
    )
    assert {response.status_code for response in responses} == {200}

    told = (await house.client.get("/api/v1/metrics", headers=house.bearing(Scope.ADMIN))).text
    assert 'answers_total{end="answered",model="extractive"} 1.0' in told
