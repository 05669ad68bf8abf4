"""Scripts of other origins: what a browser asks first, and what it lets them read."""

from typing import Any

import httpx2
import pytest

from ai_core.access.keys import Scope
from tests.ai_core.api.test_sse import served

SITE = "https://www.entreprise.example"
QUESTION = {"messages": [{"role": "user", "content": "Quelle est la durée du préavis ?"}]}
PREFLIGHT = {
    "Origin": SITE,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,idempotency-key,x-deadline-ms",
}
PATHS = ["/api/v1/chat", "/api/v1/search", "/api/v1/conversations/abcdefgh", "/v1/models"]


async def site_key(app: Any, **options: Any) -> str:
    key: str = await app.new_key(Scope.PUBLISHABLE, allowed_origins=[SITE], **options)
    return key


def words(header: str) -> set[str]:
    return {word.strip().lower() for word in header.split(",")}


@pytest.mark.parametrize("path", PATHS)
async def test_a_preflight_is_answered_without_a_key_for_an_origin_of_some_key(
    app: Any, path: str
) -> None:
    await site_key(app)
    reply = await app.client.options(path, headers=PREFLIGHT)

    assert (reply.status_code, reply.content) == (204, b"")
    assert reply.headers["access-control-allow-origin"] == SITE
    assert words(reply.headers["access-control-allow-methods"]) >= {"get", "post", "delete"}
    asked = words(PREFLIGHT["Access-Control-Request-Headers"]) | {"x-api-key", "traceparent"}
    assert asked <= words(reply.headers["access-control-allow-headers"])
    assert "origin" in words(reply.headers["vary"])
    assert "access-control-allow-credentials" not in reply.headers


@pytest.mark.parametrize(
    "origin",
    ["https://other.example", "http://www.entreprise.example", SITE + ":8443", "null", SITE + "/",
     "https://www.entreprise.example.evil.example", "HTTPS://www.entreprise.example"],
)  # fmt: skip
async def test_other_origins_get_nothing_a_browser_would_accept(app: Any, origin: str) -> None:
    key = await site_key(app)
    preflight = await app.client.options("/api/v1/chat", headers=PREFLIGHT | {"Origin": origin})
    headers = {"Origin": origin, "X-API-Key": key}
    reply = await app.client.post("/api/v1/chat", json=QUESTION, headers=headers)

    for response in (preflight, reply):
        assert (response.status_code, response.json()["code"]) == (403, "origin_not_allowed")
        assert "access-control-allow-origin" not in response.headers
        assert "origin" in words(response.headers["vary"])


async def test_a_revoked_keys_origin_is_forgotten(app: Any) -> None:
    secret = await site_key(app)
    assert (await app.client.options("/api/v1/chat", headers=PREFLIGHT)).status_code == 204

    await app.revoke(secret)
    await app.client.get("/api/v1/search?q=préavis", headers=app.key_header())  # reads the keys
    assert (await app.client.options("/api/v1/chat", headers=PREFLIGHT)).status_code == 403


async def test_replies_streams_and_errors_may_be_read_by_the_site(app: Any) -> None:
    key = await site_key(app)
    async with served(app.asgi) as url, httpx2.AsyncClient(base_url=url) as client:

        async def ask(body: object, **more: str) -> Any:
            headers = {"Origin": SITE, "Authorization": f"Bearer {key}"}
            named = {name.replace("_", "-"): value for name, value in more.items()}
            return await client.post("/api/v1/chat", json=body, headers=headers | named)

        replies = {
            200: await ask(QUESTION),
            "stream": await ask(QUESTION | {"stream": True}),
            401: await ask(QUESTION, Authorization="Bearer wrong"),
            403: await ask(QUESTION | {"knowledge": False}),
            413: await ask({"messages": "x" * 1_100_000}),
            422: await ask(QUESTION, X_Deadline_Ms="soon"),
            429: [await ask(QUESTION) for _ in range(25)][-1],
        }

    for status, reply in replies.items():
        assert reply.status_code == (200 if status == "stream" else status)
        assert reply.headers["access-control-allow-origin"] == SITE
        assert "origin" in words(reply.headers["vary"])
        exposed = words(reply.headers["access-control-expose-headers"])
        assert {"x-request-id", "retry-after", "ratelimit"} <= exposed
    assert replies["stream"].text.endswith("data: [DONE]\n\n")


async def test_without_an_origin_a_cache_is_told_all_the_same(app: Any) -> None:
    reply = await app.client.post("/api/v1/chat", json=QUESTION, headers=app.key_header())

    assert words(reply.headers["vary"]) == {"origin"}
    assert "access-control-allow-origin" not in reply.headers


async def test_options_that_is_no_preflight_is_an_ordinary_request(app: Any) -> None:
    await site_key(app)
    reply = await app.client.options("/api/v1/chat", headers={"Origin": SITE})

    assert (reply.status_code, reply.json()["code"]) == (405, "method_not_allowed")
