"""Health, readiness and metrics over HTTP."""

from typing import Any

import pytest

from ai_core.access.keys import Scope


async def get(app: Any, path: str, scope: Scope = Scope.INFERENCE) -> Any:
    return await app.client.get(path, headers=app.key_header(scope))


async def measures(app: Any) -> str:
    return str((await get(app, "/metrics", Scope.ADMIN)).text)


async def test_health_says_how_old_the_law_is_to_anybody(app: Any) -> None:
    reply = (await app.client.get("/api/v1/health")).json()

    assert reply["status"] == "ok"
    assert reply["corpus"]["law_date"] == "2026-03-27"
    assert reply["corpus"]["age_days"] == 238
    assert reply["models"] == ["extractive"]


async def test_a_service_with_its_law_and_its_keys_is_ready(app: Any) -> None:
    statuses = [(await app.client.get(path)).status_code for path in ("/live", "/ready")]

    assert statuses == [200, 200]


@pytest.mark.parametrize("path", ["/metrics", "/api/v1/metrics"])
async def test_the_measures_are_for_administrators(app: Any, path: str) -> None:
    await app.client.post(
        "/api/v1/generate", json={"prompt": "Que dit L1237-1 ?"}, headers=app.key_header()
    )

    refused = await get(app, path)
    measures = (await get(app, path, Scope.ADMIN)).text

    assert refused.status_code == 403
    assert 'answers_total{end="answered",model="extractive"} 1.0' in measures
    assert "corpus_articles " in measures
    assert "time_to_first_token_seconds_bucket" in measures
    assert "e2e_request_latency_seconds_bucket" in measures


async def test_the_parts_ai_core_needs_are_shown(app: Any) -> None:
    lines = await measures(app)

    assert 'part_up{part="redis"} 1.0' in lines
    assert 'part_up{part="corpus"} 1.0' in lines
    assert "process_resident_memory_bytes" in lines
