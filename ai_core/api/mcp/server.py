"""The MCP server: the official SDK around our tools, without sessions.

Every request stands alone, so that any process can answer it and nothing of one caller outlives it.
The SDK's spans are left out: a request has ours, which hold no arguments.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

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
from starlette.types import Receive, Scope, Send

from ai_core.answering.boilerplate import read_texts
from ai_core.api.mcp.errors import error_result
from ai_core.api.mcp.tools import TOOLS, LawTool, ToolCall
from shared.errors import AppError
from shared.languages import LANGUAGES, Language
from shared.web.problems import InvalidFields

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


class McpServer:
    """Answers the messages of `/mcp`; `open` runs it."""

    def __init__(self, manager: StreamableHTTPSessionManager) -> None:
        self._manager = manager

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, which ends with its client's connection."""
        await self._manager.handle_request(scope, receive, send)


@asynccontextmanager
async def open_mcp_server() -> AsyncIterator[McpServer]:
    """Open the server; requests under way end when it is closed."""
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
        yield McpServer(manager)


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
