"""The models, listed, loaded and unloaded over HTTP."""

from typing import Any

import pytest

from ai_core.access.keys import Scope


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
