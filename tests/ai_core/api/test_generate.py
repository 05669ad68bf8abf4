"""POST /api/v1/generate."""

from typing import Any

from ai_core.access.keys import Scope


async def test_a_publishable_key_asks_and_reads_but_does_not_generate(app: Any) -> None:
    headers = {**app.key_header(Scope.PUBLISHABLE), "Origin": "http://ai_core"}
    body = {"prompt": "Quel préavis de démission ?"}

    generated = await app.client.post("/api/v1/generate", json=body, headers=headers)
    article = await app.client.get("/api/v1/articles/L1237-1", headers=headers)

    assert (generated.status_code, article.status_code) == (403, 200)
