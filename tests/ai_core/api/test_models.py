"""The models, listed, loaded and unloaded over HTTP."""

from pathlib import Path
from typing import Any

import pytest

from ai_core.access.keys import Scope
from ai_core.models.registry import CATALOGUE


async def get(app: Any, path: str, scope: Scope = Scope.INFERENCE) -> Any:
    return await app.client.get(path, headers=app.key_header(scope))


async def test_the_built_in_model_is_listed_loaded_and_the_default(app: Any) -> None:
    [model] = (await get(app, "/api/v1/models")).json()["models"]
    told = {name: model[name] for name in ("id", "format", "state", "default")}
    assert told == {"id": "extractive", "format": "built-in", "state": "loaded", "default": True}


@pytest.mark.parametrize(
    ("action", "model", "scope", "status", "code"),
    [
        ("load", "extractive", Scope.ADMIN, 200, None),
        ("load", "gpt-9", Scope.ADMIN, 404, "unknown_model"),
        ("unload", "extractive", Scope.ADMIN, 409, "model_built_in"),
        ("unload", "gpt-9", Scope.ADMIN, 404, "unknown_model"),
        ("unload", "extractive", Scope.INFERENCE, 403, "not_allowed"),
    ],
)
async def test_only_an_administrator_moves_models(
    app: Any, action: str, model: str, scope: Scope, status: int, code: str | None
) -> None:
    response = await app.client.post(
        f"/api/v1/models/{action}", json={"model": model}, headers=app.key_header(scope)
    )

    assert (response.status_code, response.json().get("code")) == (status, code)


@pytest.mark.slow
async def test_a_damaged_model_is_named_and_nobody_is_asked_to_try_again(
    running_app: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "cut.gguf").write_bytes(b"GGUF\x03\0\0\0" + bytes(60))
    (folder / CATALOGUE).write_text(
        f'[[model]]\nname = "cut"\nformat = "gguf"\nsource = "{folder / "cut.gguf"}"\n'
    )
    question = {"messages": [{"role": "user", "content": "Que dit L1237-1 ?"}], "model": "cut"}
    async with running_app() as app:
        headers = app.key_header()
        ours = await app.client.post("/api/v1/chat", json=question, headers=headers)
        openai = await app.client.post("/v1/chat/completions", json=question, headers=headers)
        rescued = await app.client.post(
            "/api/v1/chat", json=question | {"fallback": "extractive"}, headers=headers
        )
        health = (await app.client.get("/api/v1/health")).json()
        ready = await app.client.get("/ready")
    assert (ours.status_code, openai.status_code) == (500, 500)
    assert (ours.json()["code"], openai.json()["error"]["code"]) == ("model_unusable",) * 2
    assert "cut" in ours.json()["detail"]
    assert not {"retry-after"} & {*ours.headers, *openai.headers}
    assert openai.headers["x-should-retry"] == "false"
    assert (rescued.status_code, rescued.json()["model"]) == (200, "extractive")
    assert health["failed_models"] == {"cut": "model_unusable"}
    assert (health["status"], ready.status_code) == ("degraded", 200)
