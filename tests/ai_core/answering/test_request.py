"""Resolving a request, and remembering what was resolved."""

from typing import Any

import pytest

from ai_core.answering.question import Question
from ai_core.answering.request import Requester
from shared.ai.contract import GenerateRequest

REQUESTER = Requester("fr", "inference", "key-1", timeout_s=5.0)


async def resolve(app: Any, prompt: str) -> Question:
    request = GenerateRequest(prompt=prompt)
    resolved = await app.state["resolver"].resolve_generate(request, REQUESTER)
    question: Question = resolved.question
    return question


async def test_the_least_recently_used_request_is_forgotten_first(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ai_core.answering.request.MAX_REMEMBERED", 2)
    used, unused = await resolve(app, "Quel préavis ?"), await resolve(app, "Quels congés ?")
    await resolve(app, "Quel préavis ?")
    await resolve(app, "Quel salaire ?")

    assert await resolve(app, "Quel préavis ?") is used
    assert await resolve(app, "Quels congés ?") is not unused


async def test_a_request_with_personal_data_is_not_remembered(app: Any) -> None:
    prompt = "Je suis jean@exemple.fr, quel préavis ?"

    assert await resolve(app, prompt) is not await resolve(app, prompt)


async def test_a_remembered_request_takes_the_new_requesters_limits_and_deadline(
    app: Any,
) -> None:
    request, resolver = GenerateRequest(prompt="Quel préavis ?"), app.state["resolver"]
    first = await resolver.resolve_generate(request, REQUESTER)
    second = await resolver.resolve_generate(request, Requester("fr", "inference", "key-2"))

    assert (first.rate_limit_id, second.rate_limit_id) == ("key-1", "key-2")
    assert (first.deadline_s, second.deadline_s) == (first.started_s + 5.0, None)
    assert first.cache_key == second.cache_key
