"""The official SDK's own client against `/mcp` of the real service on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import jsonschema_rs
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import TextContent

from ai_core.access.keys import Scope
from ai_core.access.rate_limits import RateLimits
from ai_core.engines.scripted import ScriptedEngine
from tests.servers.loopback import served

QUESTION = "Quelle est la durée du préavis en cas de démission ?"
MODES = ("auto", "legacy")
"""The revision of 2026-07-28, and the handshake of those before it."""


@asynccontextmanager
async def connected(
    url: str, key: str, mode: str = "auto", **headers: str
) -> AsyncIterator[Client]:
    bearing = {"Authorization": f"Bearer {key}"} | headers
    async with (
        httpx2.AsyncClient(headers=bearing, timeout=20) as http,
        Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


def text_of(result: Any) -> str:
    return "\n".join(one.text for one in result.content if isinstance(one, TextContent))


@pytest.mark.parametrize("mode", MODES)
async def test_an_assistant_finds_reads_asks_and_calculates(running_app: Any, mode: str) -> None:
    async with (
        running_app() as app,
        served(app.asgi) as url,
        connected(url, app.keys["inference"], mode) as client,
    ):
        listed = (await client.list_tools()).tools
        found = await client.call_tool("search_law", {"query": "préavis démission", "limit": 3})
        article = await client.call_tool("read_article", {"number": "l. 1237-1"})
        answer = await client.call_tool("ask", {"question": QUESTION})
        asks = await client.call_tool(
            "describe_calculator", {"calculator": "severance_pay", "language": "en"}
        )
        amount = await client.call_tool("calculate", {"calculator": "severance_pay"})
        agreements = await client.call_tool("list_agreements", {})

    assert {tool.name for tool in listed} >= {"search_law", "read_article", "ask", "calculate"}
    assert all(tool.description and tool.output_schema for tool in listed)
    for tool in listed:
        jsonschema_rs.validator_for(tool.input_schema)
        described = tool.input_schema["properties"].values()
        assert all(one.get("description") for one in described), tool.name
    passages = found.structured_content["passages"]
    assert 0 < len(passages) <= 3
    assert all(passage["url"].startswith("https://") for passage in passages)
    assert found.structured_content["notice"].endswith("pas un conseil juridique.")
    assert article.structured_content["number"] == "L1237-1"
    told = answer.structured_content
    assert "L1237-1" in [citation["number"] for citation in told["citations"]]
    assert told["notice"]
    assert all(citation["url"] in text_of(answer) for citation in told["citations"])
    assert asks.structured_content["inputs"]["properties"]
    assert amount.structured_content["missing"]
    assert agreements.structured_content["with_rules"]


@pytest.mark.parametrize("mode", MODES)
async def test_what_a_caller_can_mend_is_said_in_the_result(running_app: Any, mode: str) -> None:
    async with (
        running_app() as app,
        served(app.asgi) as url,
        connected(url, app.keys["inference"], mode) as client,
    ):
        unknown = await client.call_tool("read_article", {"number": "L9999-99", "language": "en"})
        wrong = await client.call_tool("search_law", {"query": "préavis", "limit": 2000})
        surprise = await client.call_tool("calculate", {"calculator": "lottery", "secret": "x"})
        with pytest.raises(MCPError):
            await client.call_tool("drop_tables", {})

    assert unknown.is_error
    assert '"code":"unknown_article"' in text_of(unknown)
    assert "L9999-99" in text_of(unknown)
    assert wrong.is_error
    assert '"field":"limit"' in text_of(wrong)
    assert '"field":"secret"' in text_of(surprise)


async def test_personal_data_is_masked_before_a_model_reads_it(running_app: Any) -> None:
    engine = ScriptedEngine("Deux mois [1].")
    async with (
        running_app(engine) as app,
        served(app.asgi) as url,
        connected(url, app.keys["inference"]) as client,
    ):
        answer = await client.call_tool(
            "ask", {"question": f"{QUESTION} Mon numéro est le 06 12 34 56 78."}
        )
        metrics = (await app.client.get("/metrics", headers=app.key_header(Scope.ADMIN))).text

    assert "06 12 34 56 78" not in str(engine.prompts)
    assert "numéro de téléphone" in answer.structured_content["masked_notice"]
    assert 'questions_total{channel="mcp",' in metrics


async def test_keys_and_limits_are_those_of_the_whole_service(running_app: Any) -> None:
    async with running_app() as app, served(app.asgi) as url:
        page = await app.new_key(Scope.PUBLISHABLE, allowed_origins=("https://example.org",))
        few = await app.new_key(Scope.INFERENCE, limits=RateLimits(requests_per_minute=2))
        listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
        accept = {"Accept": "application/json, text/event-stream"}
        async with httpx2.AsyncClient(base_url=url) as http:

            async def post(key: str, **headers: str) -> httpx2.Response:
                bearing = accept | {"X-API-Key": key} | headers
                return await http.post("/mcp", json=listing, headers=bearing)

            nobody = await post("cdt_live_nobody")
            publishable = await post(page)
            statuses = [(await post(few)).status_code for _ in range(3)]
            refused = await post(few)
            rebound = await post(
                app.keys["inference"], Host="evil.example", Origin="http://evil.example"
            )
            foreign = await post(app.keys["inference"], Origin="https://evil.example")
            own = await post(app.keys["inference"], Origin=url)
            opened = await http.get("/mcp", headers=accept | {"X-API-Key": app.keys["inference"]})
            long = await http.post(
                "/mcp",
                content=b'{"a":"' + b"x" * 300_000 + b'"}',
                headers=accept
                | {"X-API-Key": app.keys["inference"], "Content-Type": "application/json"},
            )

    assert (nobody.status_code, nobody.json()["error"]["data"]["code"]) == (
        401,
        "not_authenticated",
    )
    assert publishable.status_code == 403
    assert statuses == [200, 200, 429]
    assert refused.json()["error"]["data"]["code"] == "over_quota"
    assert int(refused.headers["Retry-After"]) > 0
    assert rebound.json()["error"]["data"]["code"] == "host_not_allowed"
    assert foreign.json()["error"]["data"]["code"] == "origin_not_allowed"
    assert own.status_code == 200
    assert opened.status_code == 405
    assert long.status_code == 413


@pytest.mark.parametrize("mode", MODES)
async def test_who_hangs_up_stops_the_model_and_nobody_else(running_app: Any, mode: str) -> None:
    engine = ScriptedEngine("un deux trois quatre", pause_s=0.2)
    async with running_app(engine) as app, served(app.asgi) as url:
        key = app.keys["inference"]
        async with connected(url, key, mode) as staying:
            body = {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {"name": "ask", "arguments": {"question": "Que dit la loi du préavis ?"}},
            }
            headers = {"Accept": "application/json, text/event-stream", "X-API-Key": key}
            if mode == "auto":
                version = "2026-07-28"
                headers |= {"MCP-Protocol-Version": version, "Mcp-Method": "tools/call"}
                headers |= {"Mcp-Name": "ask"}
                meta = {
                    "io.modelcontextprotocol/protocolVersion": version,
                    "io.modelcontextprotocol/clientCapabilities": {},
                }
                body["params"]["_meta"] = meta  # type: ignore[index]
            async with httpx2.AsyncClient(base_url=url) as leaving:
                sending = leaving.build_request("POST", "/mcp", json=body, headers=headers)
                task = asyncio.create_task(leaving.send(sending))
                await engine.started.wait()
                task.cancel()
                await asyncio.wait([task])
            async with asyncio.timeout(10):
                await engine.abandoned.wait()
            answer = await staying.call_tool("search_law", {"query": "préavis"})

    assert answer.structured_content["passages"]


async def test_a_bug_in_a_tool_tells_the_caller_nothing(
    running_app: Any, library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(number: str, as_of: object = None) -> None:
        raise RuntimeError("the operator's secret")

    async with (
        running_app() as app,
        served(app.asgi) as url,
        connected(url, app.keys["inference"]) as client,
    ):
        monkeypatch.setattr(library, "article", broken)
        with pytest.raises(MCPError) as told:
            await client.call_tool("read_article", {"number": "L1237-1"})

    assert "secret" not in str(told.value)
