"""The MCP server: the official SDK around our tools, without sessions.

Every request stands alone, so that any process can answer it and nothing of one caller outlives it.
The SDK's spans are left out: a request has ours, which hold no arguments.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import ceil
from typing import Any

import orjson
import structlog
from mcp.server import Server, ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import ValidationError

from ai_core.answering.boilerplate import read_texts
from ai_core.api.mcp.tools import TOOLS, LawTool, ToolCall
from shared.errors import AppError
from shared.languages import LANGUAGES, Language
from shared.texts import Texts
from shared.web.problems import DEFAULT_RETRY_AFTER_S, InvalidFields

log = structlog.get_logger()
_TEXTS = read_texts()
INSTRUCTIONS = (
    "French labour law with its sources: the Code du travail, official explanations and "
    "collective agreements, as published. Answers are information, not legal advice: pass on "
    "their notice, and cite the sources with their addresses. Never add an article number that no "
    "tool returned. Send no names, addresses or other personal data: they are not needed, and are "
    "masked."
)
_BY_NAME = {tool.name: tool for tool in TOOLS}
_READS_ONLY = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)


@asynccontextmanager
async def running_manager() -> AsyncIterator[StreamableHTTPSessionManager]:
    """Run the SDK's server; requests under way end when it is left."""
    server: Server[Any] = Server(
        "code-du-travail-neo",
        title="Code du travail",
        version="1",
        instructions=INSTRUCTIONS,
        on_list_tools=_list_tools,
        on_call_tool=_call_tool,
        get_tool_input_schema=_input_schema,
    )
    server.middleware.clear()
    manager = StreamableHTTPSessionManager(server, stateless=True)
    async with manager.run():
        yield manager


def _listed(tool: LawTool) -> Tool:
    return Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.arguments.model_json_schema(),
        output_schema=tool.result.model_json_schema(mode="serialization"),
        annotations=_READS_ONLY,
    )


_LISTED = ListToolsResult(tools=[_listed(tool) for tool in TOOLS])


def _input_schema(name: str) -> dict[str, Any] | None:
    return next((tool.input_schema for tool in _LISTED.tools if tool.name == name), None)


async def _list_tools(
    _context: ServerRequestContext[Any, Any], _params: PaginatedRequestParams | None
) -> ListToolsResult:
    return _LISTED


async def _call_tool(
    context: ServerRequestContext[Any, Any], params: CallToolRequestParams
) -> CallToolResult:
    """Run a tool. What the caller can mend is a result that says so; a bug is not told."""
    tool = _BY_NAME.get(params.name)
    if tool is None or context.request is None:
        raise MCPError(INVALID_PARAMS, "Unknown tool")
    given = params.arguments or {}
    call = ToolCall.of(context.request, _language(given))
    try:
        arguments = _parsed(tool, given)
        result = await tool.run(call, arguments)
    except AppError as error:
        return error_result(error, _TEXTS, call.language)
    except Exception as error:
        log.exception("tool failed", tool=tool.name)
        raise MCPError(INTERNAL_ERROR, "Internal error") from error
    return CallToolResult(
        content=[TextContent(text=tool.text(result))],
        structured_content=result.model_dump(mode="json"),
    )


def _parsed(tool: LawTool, given: dict[str, Any]) -> Any:
    """Return the arguments of a call. Raises InvalidFields, which names them and no value."""
    try:
        return tool.arguments.model_validate(given)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False)
        raise InvalidFields(faults, given) from None


def _language(given: dict[str, Any]) -> Language | None:
    return next((one for one in LANGUAGES if one == given.get("language")), None)


def error_result(error: AppError, texts: Texts, language: Language) -> CallToolResult:
    """Return the result of a tool that failed: a sentence, and the error's name and fields.

    As the specification asks, what a model may mend by calling again is no protocol error.
    """
    facts = dict(error.facts)
    told: dict[str, object] = {"code": error.code}
    if error.retryable:
        wait_s = max(1, ceil(error.retry_after_s or DEFAULT_RETRY_AFTER_S))
        facts["retry_after_s"] = told["retry_after_s"] = wait_s
    if error.faults:
        told["errors"] = error.faults
    sentence = f"{error.said_first} {texts.say(error.sentence, language, **facts)}".lstrip()
    details = orjson.dumps(told).decode()
    return CallToolResult(
        content=[TextContent(text=sentence), TextContent(text=details)], is_error=True
    )
