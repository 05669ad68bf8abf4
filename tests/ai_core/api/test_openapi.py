"""The OpenAPI document is complete, and nothing it allows breaks the service."""

import io
import json
import re
from collections import Counter
from typing import Any

import httpx2
import jsonschema_rs
import pytest
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from ai_core.access.keys import Scope
from ai_core.answering.boilerplate import read_texts
from ai_core.api.openai_fields import NEUTRAL_VALUES
from ai_core.api.routes import create_api
from ai_core.app import open_state
from ai_core.settings import Settings
from shared.logs import set_up_logs
from shared.web.openapi import EXAMPLE_FACTS, kinds_by_code, operations
from shared.web.problems import problem_response
from tests.openapi_requests import WRITTEN, explore, is_honest
from tests.openapi_rules import PROBLEM, check, response_errors

EXAMPLES = 6
STREAMED = (
    "/api/v1/generate",
    "/api/v1/chat",
    "/v1/chat/completions",
    "/v1/completions",
)


@pytest.mark.slow
async def test_the_document_is_valid_and_whole(app: Any) -> None:
    document = (await app.client.get("/openapi.json")).json()

    check(document)
    assert set(document["components"]["securitySchemes"]) == {"ApiKey", "Bearer"}
    public = {"/live", "/ready", "/api/v1/health"}
    assert {path for path, found in operations(document) if not found.get("security")} == public


@pytest.mark.slow
def test_a_route_without_a_description_is_noticed() -> None:
    api = create_api(Settings(), open_state, CollectorRegistry())

    class Undescribed(BaseModel):
        words: str

    async def surprise(body: Undescribed) -> Undescribed:
        return body

    api.add_api_route("/api/v1/surprise", surprise, methods=["POST"], tags=["answers"])
    with pytest.raises(AssertionError) as noticed:
        check(api.openapi())

    message = str(noticed.value)
    for fault in (
        "Undescribed.words: no description",
        "no summary of its own",
        "no description",
        "no errors",
        "no refusal of bodies",
        "no example of a application/json body",
    ):
        assert fault in message


@pytest.mark.parametrize(
    ("status", "body", "headers", "fault"),
    [
        (418, {}, {}, "418: not declared"),
        (200, {"status": "asleep"}, {}, '"asleep" is not one of'),
        (200, {}, {}, '"status" is a required property'),
        (200, {"status": "live"}, {"X-Surprise": "1"}, "header x-surprise not declared"),
        (200, {"status": "live"}, {"Content-Type": "text/html"}, "text/html not declared"),
        (503, {"code": "no_disk"}, {"Content-Type": PROBLEM}, "no_disk not declared"),
    ],
)
def test_a_response_the_document_does_not_tell_of_is_noticed(
    document: dict[str, Any], status: int, body: object, headers: dict[str, str], fault: str
) -> None:
    response = httpx2.Response(status, json=body, headers=headers)
    wrong = list(response_errors(document, document["paths"]["/ready"]["get"], response))

    assert fault in "\n".join(wrong)


async def test_streams_and_headers_are_declared(app: Any) -> None:
    document = (await app.client.get("/openapi.json")).json()
    for path in STREAMED:
        operation = document["paths"][path]["post"]
        content = operation["responses"]["200"]["content"]
        assert "data: [DONE]" in content["text/event-stream"]["example"]
        assert "application/json" in content
        read = {parameter["$ref"].rpartition("/")[2] for parameter in operation["parameters"]}
        assert read == {"Accept-Language", "X-Deadline-Ms", "Idempotency-Key", "X-Channel"}
        assert {"RateLimit", "Idempotent-Replayed"} <= set(operation["responses"]["200"]["headers"])
        assert {"RateLimit", "Retry-After"} <= set(operation["responses"]["429"]["headers"])


async def test_the_page_of_the_document_loads_nothing_from_elsewhere(app: Any) -> None:
    page = await app.client.get("/docs")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert not re.search(r"unsafe|http|\*", policy)
    assert "http" not in page.text
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert (await app.client.get(path)).status_code == 200, path


def test_the_values_that_ask_for_nothing_are_allowed_and_no_others(
    document: dict[str, Any],
) -> None:
    described = document["components"]["schemas"]["ChatCompletionRequest"]["properties"]
    for name, nothing in NEUTRAL_VALUES.items():
        rules = jsonschema_rs.Draft202012Validator(described[name])
        assert [value for value in nothing if not rules.is_valid(value)] == [], name
        others = (2, True, "other", ["other"], {"other": 1})
        assert [value for value in others if rules.is_valid(value)] == [], name


def test_every_error_can_be_written_and_says_what_it_is() -> None:
    texts = read_texts()
    for code, kind in kinds_by_code().items():
        if kind.__module__ in {"ai_core.errors", "shared.errors"}:
            error = kind.of_parts("", retry_after_s=None, facts=EXAMPLE_FACTS, faults=[])
            written = problem_response(error, texts, "en", "r1")
            assert json.loads(bytes(written.body))["code"] == code


@pytest.mark.slow
async def test_nothing_the_document_allows_breaks_the_service(app: Any) -> None:
    broken: list[str] = []
    asked: set[str] = set()

    async def send(request: dict[str, Any], label: str) -> None:
        response = await app.client.request(**request, headers=app.key_header(Scope.ADMIN))
        asked.add(label)
        if response.status_code >= 500 and response.status_code != 503:
            broken.append(f"{label}: {response.text}")

    document = (await app.client.get("/openapi.json")).json()
    await explore(document, send, examples=EXAMPLES)

    assert broken == []
    assert len(asked) == sum(len(operations) for operations in document["paths"].values())


@pytest.mark.slow
@pytest.mark.parametrize("scope", [None, *Scope])
async def test_what_the_document_forbids_breaks_nothing_under_any_key(
    app: Any, scope: Scope | None
) -> None:
    """Every reply is held against the document too, by the client itself."""
    log = io.StringIO()
    set_up_logs("ai_core", "info", log)
    wrong: list[str] = []
    statuses: Counter[int] = Counter()

    async def send(request: dict[str, Any], label: str) -> None:
        headers = app.key_header(scope) if scope else {}
        headers["Sec-Fetch-Site"] = "same-origin"
        response = await app.client.request(**request, headers=headers)
        statuses[response.status_code] += 1
        if response.status_code >= 500 and not is_honest(response):
            wrong.append(f"{label}: {response.status_code} {response.text}")

    document = (await app.client.get("/openapi.json")).json()
    await explore(document, send, examples=EXAMPLES, forbidden=True)

    assert wrong == []
    assert WRITTEN not in log.getvalue()
    assert set(statuses) & ({401} if scope is None else {400, 422})
