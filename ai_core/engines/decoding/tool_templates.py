"""Functions and their calls as a chat template sees them, and how it writes calls.

What callers wrote (names, descriptions, arguments) is a placeholder here too; the words of JSON
Schema that templates read (`type`, `properties`, `required` …) are themselves. A template is asked
once how it writes a call: models are trained to write theirs as the turns before them are written.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ai_core.engines.base import (
    CALL_ID,
    ChatMessage,
    ToolCall,
    ToolCallFormat,
    ToolDefinition,
)
from ai_core.engines.decoding.template_sandbox import (
    IN_JSON,
    PLACEHOLDER_END,
    PLAIN,
    TemplateRefusal,
)
from ai_core.errors import Unsupported

FIRST_NUMBER = 0xF0000
MAX_STRINGS = 65_000
"""Numbers of a plane of private use, for messages and strings together."""
_NAMED = frozenset(("properties", "$defs", "definitions"))
_KEPT = frozenset(("type", "format"))
_ID_DIGITS = 9
"""Mistral's templates take ids of nine letters or digits and no others."""
_TOOL = ToolDefinition("probe", "-", '{"type": "object", "properties": {}}')
_PROBES = (ToolCall("1", "first", '{"a": "b"}'), ToolCall("2", "second", '{"c": "d"}'))
_BEFORE_KEY = re.compile(r'(.*?)\{\s*"\Z', re.DOTALL)
_AFTER_VALUE = re.compile(r'"\s*\}')
Evaluate = Callable[..., str]


class ToolStrings:
    """The strings of a request's functions and calls, each with its placeholder."""

    def __init__(self, first: int) -> None:
        self.texts: list[str] = []
        self._first = first
        self._numbers: dict[str, int] = {}

    def placeholder(self, text: str) -> str:
        """Return the placeholder of a text: the same for equal ones."""
        if not text:
            return ""
        if text not in self._numbers:
            if self._first + len(self.texts) >= MAX_STRINGS:
                raise Unsupported("too many strings", feature="tools")
            self._numbers[text] = self._first + len(self.texts)
            self.texts.append(text)
        return f"{PLAIN}{chr(FIRST_NUMBER + self._numbers[text])}{PLACEHOLDER_END}"

    def number(self, text: str) -> int:
        """Return the number of a text that has a placeholder."""
        return self._numbers[text]

    def of(self, value: Any) -> Any:
        """Return a JSON value with every string, keys included, as its placeholder."""
        if isinstance(value, str):
            return self.placeholder(value)
        if isinstance(value, list):
            return [self.of(one) for one in value]
        if isinstance(value, dict):
            return {self.placeholder(key): self.of(one) for key, one in value.items()}
        return value

    def of_schema(self, node: Any) -> Any:
        """Return a JSON schema with its own words, and placeholders for those of the caller."""
        if isinstance(node, list):
            return [self.of_schema(one) for one in node]
        if not isinstance(node, dict):
            return self.of(node)
        return {keyword: self._of_keyword(keyword, value) for keyword, value in node.items()}

    def _of_keyword(self, keyword: str, value: Any) -> Any:
        if keyword in _KEPT:
            return value
        if keyword in _NAMED and isinstance(value, dict):
            return {self.placeholder(name): self.of_schema(one) for name, one in value.items()}
        if keyword in {"enum", "const", "required", "default", "examples"}:
            return self.of(value)
        return self.of_schema(value)


def offered(tools: Sequence[ToolDefinition], strings: ToolStrings) -> list[dict[str, Any]]:
    """Return functions as templates take them (OpenAI's objects)."""
    return [
        {
            "type": "function",
            "function": {
                "name": strings.placeholder(tool.name),
                "description": strings.placeholder(tool.description),
                "parameters": strings.of_schema(json.loads(tool.parameters)),
            },
        }
        for tool in tools
    ]


def called(
    message: ChatMessage, ids: Mapping[str, str], strings: ToolStrings, *, as_text: bool
) -> dict[str, Any]:
    """Return what a template sees of a message besides role and content: calls, or whose result."""
    if message.tool_call_id:
        return {"tool_call_id": ids.get(message.tool_call_id, "")}
    if not message.tool_calls:
        return {}
    return {"tool_calls": [_call(one, ids, strings, as_text) for one in message.tool_calls]}


def short_ids(messages: Sequence[ChatMessage]) -> dict[str, str]:
    """Return an id of nine digits for that of each call, by its place."""
    calls = [call.id for message in messages for call in message.tool_calls]
    return {id: f"{at:0{_ID_DIGITS}d}" for at, id in enumerate(calls, start=1)}


def _call(
    call: ToolCall, ids: Mapping[str, str], strings: ToolStrings, as_text: bool
) -> dict[str, Any]:
    arguments = strings.of(json.loads(call.arguments))
    if as_text:
        arguments = json.dumps(arguments, ensure_ascii=False).replace(PLAIN, IN_JSON)
    function = {"name": strings.placeholder(call.name), "arguments": arguments}
    return {"id": ids[call.id], "type": "function", "function": function}


def call_format(evaluate: Evaluate) -> ToolCallFormat | None:
    """Return how a template writes calls; None where it knows none, or writes no JSON.

    `evaluate` is `ChatSandbox.evaluate`, inside `limited`. Raises TemplateOverrun.
    """
    for as_text in (False, True):
        try:
            found = _written_format(evaluate, as_text)
        except TemplateRefusal:
            continue
        if found:
            return found
    return None


def marks_of(written: ToolCallFormat) -> str:
    """Return what stands around calls."""
    return f"{written.opening} {written.between} {written.separator or ''}"


def _written_format(evaluate: Evaluate, as_text: bool) -> ToolCallFormat | None:
    strings = ToolStrings(0)
    tools = offered([_TOOL], strings)
    user = {"role": "user", "content": "-"}
    start = evaluate([user], generation_prompt=True, tools=tools)

    def written(calls: tuple[ToolCall, ...]) -> str:
        message = ChatMessage("assistant", "", tool_calls=calls)
        turn = called(message, short_ids([message]), strings, as_text=as_text)
        answer = {"role": "assistant", "content": "", **turn}
        return evaluate([user, answer], generation_prompt=False, tools=tools)

    one = written(_PROBES[:1])
    if strings.placeholder(_TOOL.name) not in one.replace(IN_JSON, PLAIN):
        return None
    name, rest = _around(one, strings, "first")
    key, after_key = _around(rest, strings, "a")
    between = _BEFORE_KEY.fullmatch(key)
    if between is None or not _around(after_key, strings, "b")[1]:
        return None
    separator = None
    try:
        two = written(_PROBES)
    except TemplateRefusal:
        two = ""
    after = _around(_around(two, strings, "b")[1], strings, "second")[0]
    if ends := _AFTER_VALUE.match(after):
        separator = after[ends.end() :]
    opening = _without_ids(name[_common_chars(start, one) :])
    separator = separator and _without_ids(separator)
    return ToolCallFormat(opening, _without_ids(between[1]), separator, arguments_as_text=as_text)


def _without_ids(written: str) -> str:
    for id in short_ids([ChatMessage("assistant", "", tool_calls=_PROBES)]).values():
        written = written.replace(id, CALL_ID)
    return written


def _around(text: str, strings: ToolStrings, word: str) -> tuple[str, str]:
    """Return what stands before and after the first placeholder of a word; "" twice without one."""
    placeholder = strings.placeholder(word)
    for spelling in (placeholder, placeholder.replace(PLAIN, IN_JSON)):
        before, found, after = text.partition(spelling)
        if found:
            return before, after
    return "", ""


def _common_chars(start: str, whole: str) -> int:
    """Return how many characters of a prompt the turn of the answer has in common with it.

    Where the prompt goes on otherwise (`<think>`), not into the middle of a tag.
    """
    if whole.startswith(start):
        return len(start)
    common = next(
        (at for at, (one, other) in enumerate(zip(start, whole, strict=False)) if one != other), 0
    )
    return max(whole.rfind(end, 0, common) for end in ("\n", ">", "]")) + 1
