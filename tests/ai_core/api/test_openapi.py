"""The OpenAPI document is complete, and nothing it allows breaks the service."""

import asyncio
import json
import re
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from ai_core.access.keys import Scope

EXAMPLES = 6
SENT = ("method", "url", "params", "json", "data")


async def test_every_operation_names_its_errors_and_its_keys(house: Any) -> None:
    document = (await house.client.get("/openapi.json")).json()

    assert set(document["components"]["securitySchemes"]) == {"ApiKey", "Bearer"}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            problems = {
                status
                for status, response in operation["responses"].items()
                if "application/problem+json" in response.get("content", {})
                or "ErrorDocument" in str(response)
            }
            is_public = path in {"/live", "/api/v1/health"}
            assert is_public or problems, path
            assert path.startswith(("/live", "/ready", "/api/v1/health")) or operation["security"]


async def test_nothing_the_document_allows_breaks_the_service(house: Any) -> None:
    told = (await house.client.get("/openapi.json")).text
    # Long texts take hypothesis seconds to make; test_chat sends one.
    document = json.loads(re.sub(r'"maxLength":\d{4,}', '"maxLength":99', told))
    schema = schemathesis.openapi.from_dict(document)
    loop = asyncio.get_running_loop()
    broken: list[str] = []
    sent: list[str] = []

    async def send(case: Any) -> None:
        asked = case.as_transport_kwargs(base_url="http://ai_core")
        asked = {name: asked[name] for name in SENT if name in asked}
        sent.append(case.operation.label)
        response = await house.client.request(**asked, headers=house.bearing(Scope.ADMIN))
        if response.status_code >= 500 and response.status_code != 503:
            broken.append(f"{case.method} {case.formatted_path}: {response.text}")

    def explore(operation: Any) -> None:
        @settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            derandomize=True,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def each(case: Any) -> None:
            asyncio.run_coroutine_threadsafe(send(case), loop).result(timeout=30)

        each()

    for result in schema.get_all_operations():
        await asyncio.to_thread(explore, result.ok())  # type: ignore[union-attr]

    assert broken == []
    assert len(set(sent)) == sum(len(operations) for operations in document["paths"].values())
