"""Routes served without FastAPI's dependency solving behave as those it solves."""

from typing import Any

import pytest
from fastapi import Request, Response

from ai_core.api.direct_routes import DirectRoute

ADDRESSES = ["/api/v1/generate", "/api/v1/chat"]


async def post(app: Any, address: str, content: bytes, **headers: str) -> Any:
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return await app.client.post(
        address,
        content=content,
        headers={"Content-Type": "application/json", "X-Api-Key": app.keys["inference"]} | named,
    )


@pytest.mark.parametrize("address", ADDRESSES)
async def test_the_document_still_describes_its_body_and_its_reply(app: Any, address: str) -> None:
    document = (await app.client.get("/openapi.json")).json()
    operation = document["paths"][address]["post"]

    assert "$ref" in operation["requestBody"]["content"]["application/json"]["schema"]
    assert "$ref" in operation["responses"]["200"]["content"]["application/json"]["schema"]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"", {}, 422, "invalid_request"),
        (b"{", {}, 400, "malformed_body"),
        (b'{"prompt": "\xff"}', {}, 400, "malformed_body"),
        (b'{"prompt": "\\u0000"}', {}, 422, "invalid_request"),
        (b"[]", {}, 422, "invalid_request"),
        (b"{}", {"content_type": "text/plain"}, 422, "invalid_request"),
        (b'{"surprise": 1}', {}, 422, "invalid_request"),
        (b"x" * 1_100_000, {}, 413, "too_large"),
        (b"{}", {"x_api_key": "cdt_live_nobody"}, 401, "not_authenticated"),
        (b"{", {"x_api_key": "cdt_live_nobody"}, 401, "not_authenticated"),
    ],
)
async def test_what_is_wrong_is_named_the_key_first(
    app: Any, address: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    response = await post(app, address, body, **headers)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"


async def test_a_wrong_field_is_named_and_its_value_is_not(app: Any) -> None:
    body = b'{"prompt": "x", "temperature": 4711.5, "surprise": "marker"}'
    response = await post(app, "/api/v1/generate", body)

    assert {fault["field"] for fault in response.json()["errors"]} == {"temperature", "surprise"}
    assert "4711" not in response.text
    assert "marker" not in response.text


async def test_other_methods_are_refused_as_everywhere(app: Any) -> None:
    response = await app.client.get("/api/v1/generate", headers=app.key_header())

    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")


async def test_the_measures_name_the_route(app: Any) -> None:
    await post(app, "/api/v1/generate", b'{"prompt": "Quel est le pr\xc3\xa9avis ?"}')
    told = await app.client.get("/api/v1/metrics", headers=app.key_header("admin"))

    line = 'http_requests_total{method="POST",route="/api/v1/generate",status="200"} 1.0'
    assert line in told.text


def test_a_direct_route_with_another_parameter_is_refused_when_it_is_declared() -> None:
    async def endpoint(request: Request, page: int) -> Response:
        return Response()

    with pytest.raises(TypeError, match="page"):
        DirectRoute("/somewhere", endpoint)
