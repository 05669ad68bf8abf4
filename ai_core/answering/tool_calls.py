"""Tells the calls of functions apart from the text around them, as a model writes both.

A call is what the model's chat template writes for one (`ToolCallFormat`), with any white space.
What only looks like one (another function, arguments that are no object) stays text.
"""

import json
import random
import re
from collections.abc import Iterator
from typing import Any

from ai_core.engines.base import CALL_ID, ToolCall, ToolCallFormat, ToolUse

_PUNCTUATION = frozenset("{}[],:")
_NAME = r"(?P<name>[A-Za-z0-9_.-]{1,64})"
_DECODER = json.JSONDecoder()
_TRIGGER = re.compile(r"(?:\[[A-Za-z_/]+\])?[^\s{\[\"]*")
_OFTEN_CHARS = 4_096
_GROWTH = 1.25
"""Beyond so many characters, how much more has to come before a call is looked for again."""


def new_call_id() -> str:
    """Return an id as OpenAI's: random, not secret."""
    return f"call_{random.getrandbits(96):024x}"


class ToolCallReader:
    """Reads the answer of a model that may call functions.

    Text that may begin a call is held back; a call is returned once it is whole. A forced answer
    (`ToolUse.schema`) is calls and nothing else.
    """

    def __init__(self, use: ToolUse, written: ToolCallFormat | None) -> None:
        self._names = frozenset(tool.name for tool in use.tools)
        self._parallel = use.parallel
        self._forced = use.schema is not None
        self._held = ""
        self._calls = 0
        self._open = False
        self._begun = False
        self._look_at = 0
        opening = written.opening.strip() if written else ""
        self._trigger = _TRIGGER.match(opening)[0] if opening else ""  # type: ignore[index]
        self._only_first = not self._trigger
        self._trigger = self._trigger or opening[:1]
        self._first = self._next = None
        if written and not written.native and opening:
            between = _spaced(written.between)
            self._first = re.compile(_spaced(opening) + _NAME + between)
            separator = written.separator
            if separator is not None:
                self._next = re.compile(_spaced(separator) + _NAME + between)

    def feed(self, text: str) -> tuple[str, list[ToolCall]]:
        """Take the next text; return what is text for sure, and the calls that are whole."""
        self._held += text
        if self._forced:
            return "", []
        if self._first is None:
            return self._release(len(self._held)), []
        shown = "" if self._open else self._before_call()
        if not self._open or "}" not in text or len(self._held) < self._look_at:
            return shown, []
        calls = list(self._whole_calls())
        long = len(self._held) > _OFTEN_CHARS
        self._look_at = int(len(self._held) * _GROWTH) if long else 0
        return shown, calls

    def finish(self) -> tuple[str, list[ToolCall]]:
        """Return what was held back: text, unless calls came before it."""
        if self._forced:
            calls = self._forced_calls()
            return ("", calls) if calls else (self._release(len(self._held)), [])
        calls = list(self._whole_calls()) if self._open else []
        rest = self._release(len(self._held))
        return ("" if self._calls else rest), calls

    def _before_call(self) -> str:
        """Return the text before what may be a call."""
        if self._only_first:
            start = len(self._held) - len(self._held.lstrip())
            self._open = not self._begun and self._held[start:].startswith(self._trigger)
            if self._open or start == len(self._held):
                return ""
            self._begun = True
            return self._release(len(self._held))
        at = self._held.find(self._trigger)
        if at >= 0:
            self._open = True
            return self._release(at).rstrip()
        kept = next(
            (
                size
                for size in range(len(self._trigger) - 1, 0, -1)
                if self._held.endswith(self._trigger[:size])
            ),
            0,
        )
        return self._release(len(self._held[: len(self._held) - kept].rstrip()))

    def _whole_calls(self) -> Iterator[ToolCall]:
        """Yield the calls that are whole, as many as may be made."""
        while self._calls == 0 or self._parallel:
            known = self._first if self._calls == 0 else self._next
            found = known.match(self._held) if known else None
            if found is None or found["name"] not in self._names:
                return
            parsed = _object_at(self._held, found.end())
            if parsed is None:
                return
            arguments, end = parsed
            self._held = self._held[end:]
            self._calls += 1
            yield ToolCall(new_call_id(), found["name"], arguments)

    def _forced_calls(self) -> list[ToolCall]:
        try:
            parsed = json.loads(self._held)
        except (ValueError, RecursionError):
            return []
        calls = parsed if isinstance(parsed, list) else [parsed]
        return [
            ToolCall(new_call_id(), call["name"], json.dumps(call["arguments"], ensure_ascii=False))
            for call in calls
        ]

    def _release(self, chars: int) -> str:
        text, self._held = self._held[:chars], self._held[chars:]
        return text


def forced_schema(functions: list[tuple[str, dict[str, Any]]], *, several: bool) -> dict[str, Any]:
    """Return the schema of an answer that calls functions: an object each, in a list if `several`.

    Definitions of each function's parameters move to the root, under names of their own.
    """
    definitions: dict[str, Any] = {}
    calls = []
    for at, (name, parameters) in enumerate(functions):
        own = {key: value for key, value in parameters.items() if key not in _DEFINED}
        for key in _DEFINED:
            for word, one in parameters.get(key, {}).items():
                definitions[f"f{at}.{word}"] = _moved(one, at)
        properties = {"name": {"const": name}, "arguments": _moved(own, at)}
        calls.append(
            {
                "type": "object",
                "properties": properties,
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
        )
    one = calls[0] if len(calls) == 1 else {"anyOf": calls}
    schema = {"type": "array", "items": one, "minItems": 1, "maxItems": 8} if several else one
    return schema | ({"$defs": definitions} if definitions else {})


_DEFINED = ("$defs", "definitions")
_REFERENCE = re.compile(r"#/(?:\$defs|definitions)/(.+)")


def _moved(node: Any, at: int) -> Any:
    if isinstance(node, list):
        return [_moved(one, at) for one in node]
    if not isinstance(node, dict):
        return node
    moved = {key: _moved(value, at) for key, value in node.items()}
    found = _REFERENCE.fullmatch(str(node.get("$ref", "")))
    return moved | {"$ref": f"#/$defs/f{at}.{found[1]}"} if found else moved


def _spaced(literal: str) -> str:
    """Return a pattern of a text with any white space where it has some, or JSON allows some."""
    pattern = "".join(map(_piece, literal))
    return re.sub(r"(?:\\s\*)+", r"\\s*", rf"\s*{pattern}")


def _piece(letter: str) -> str:
    if letter == CALL_ID:
        return r"[A-Za-z0-9_.:-]{1,64}"
    if letter.isspace():
        return r"\s*"
    escaped = re.escape(letter)
    return rf"\s*{escaped}\s*" if letter in _PUNCTUATION else escaped


def _object_at(text: str, start: int) -> tuple[str, int] | None:
    """Return the JSON object that begins there, as it is written, and where it ends."""
    start = len(text) - len(text[start:].lstrip())
    try:
        parsed, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return (text[start:end], end) if isinstance(parsed, dict) else None
