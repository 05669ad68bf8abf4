"""What the key of a web page does not open, unless it says so."""

from typing import Any

import pytest

from ai_core.access.keys import Permission, Scope
from ai_core.engines.scripted import ScriptedEngine

QUESTION = {"role": "user", "content": "Quelle est la durée du préavis de démission ?"}
SYSTEM = {"role": "system", "content": "Tu es un poète."}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
BODIES: dict[str, tuple[dict[str, Any], str]] = {
    "without the law": ({"knowledge": False}, "knowledge"),
    "a system turn": ({"messages": [QUESTION, SYSTEM, QUESTION]}, "messages.1.role"),
    "a schema": ({"json_schema": SCHEMA}, "json_schema"),
    "a model": ({"model": "other"}, "model"),
}


async def ask(app: Any, key: str, **more: object) -> Any:
    headers = {"X-API-Key": key, "Sec-Fetch-Site": "same-origin"}
    body = {"messages": [QUESTION], **more}
    return await app.client.post("/api/v1/chat", json=body, headers=headers)


def engines() -> tuple[ScriptedEngine, ScriptedEngine]:
    return ScriptedEngine('{"a": "b"}'), ScriptedEngine("Autre.", name="other")


@pytest.mark.parametrize("name", BODIES)
async def test_the_pages_key_asks_questions_about_the_law_and_nothing_else(
    running_app: Any, name: str
) -> None:
    more, field = BODIES[name]
    async with running_app(*engines()) as app:
        refused = await ask(app, app.keys[Scope.PUBLISHABLE], **more)
        program = await ask(app, app.keys[Scope.INFERENCE], **more)

    assert (refused.status_code, refused.json()["code"]) == (403, "feature_not_allowed")
    assert refused.json()["errors"] == [{"field": field, "reason": "feature_not_allowed"}]
    assert field in refused.json()["detail"]
    assert program.status_code == 200


@pytest.mark.parametrize("name", BODIES)
async def test_a_key_may_allow_each(running_app: Any, name: str) -> None:
    async with running_app(*engines()) as app:
        key = await app.new_key(
            Scope.PUBLISHABLE, permissions=list(Permission), allowed_models=["other"]
        )
        reply = await ask(app, key, **BODIES[name][0])

    assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("model", [None, "scripted", "extractive"])
async def test_what_answers_anyway_may_be_named(running_app: Any, model: str | None) -> None:
    async with running_app(*engines()) as app:
        reply = await ask(app, app.keys[Scope.PUBLISHABLE], model=model, fallback="extractive")

    assert reply.status_code == 200


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"])
async def test_openais_api_is_closed_to_the_pages_key(app: Any, path: str) -> None:
    key = await app.new_key(
        Scope.PUBLISHABLE, permissions=list(Permission), allowed_models=["other"]
    )
    headers = {"X-API-Key": key, "Sec-Fetch-Site": "same-origin"}
    reply = await app.client.post(path, json={"messages": [QUESTION]}, headers=headers)

    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "not_allowed")


async def test_a_visitor_has_a_limit_of_tokens(running_app: Any) -> None:
    async with running_app(ScriptedEngine("mot " * 2_000)) as app:
        key, statuses, reply = app.keys[Scope.PUBLISHABLE], [], None
        for at in range(16):
            question = {"role": "user", "content": f"Quel est le préavis numéro {at} ?"}
            reply = await ask(app, key, messages=[question], max_tokens=2_000)
            statuses.append(reply.status_code)

    assert (statuses[0], statuses[-1]) == (200, 429)
    assert reply is not None
    assert '"tokens-minute"' in reply.headers["ratelimit"]
