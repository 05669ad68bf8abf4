"""Chat templates: messages as one prompt text, in the form the model was trained on.

A template sees a placeholder for each message, and the texts take their places afterwards. So it
decides about roles and their marks alone: what people wrote changes none of its branches and
spells none of its marks, and the text that stays the same whatever callers write is known.

Templates differ in what they take: some refuse a system turn, two turns of one role, or an answer
that comes first; some leave a system turn out without a word. So the messages are offered in
several arrangements, the most faithful first, until one comes out whole.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, takewhile
from operator import attrgetter
from typing import Any

from ai_core.engines.base import ChatMessage, Role, ToolCallFormat, ToolUse
from ai_core.engines.decoding.template_sandbox import (
    IN_JSON,
    PLACEHOLDER_END,
    PLAIN,
    TIME_LIMIT_PER_MESSAGE_S,
    TIME_LIMIT_S,
    ChatSandbox,
    TemplateOverrun,
    TemplateRefusal,
    limited,
)
from ai_core.engines.decoding.tool_templates import (
    FIRST_NUMBER,
    ToolStrings,
    call_format,
    called,
    marks_of,
    offered,
    short_ids,
)
from ai_core.engines.reasoning_marks import opened_at_end
from ai_core.errors import MessagesRefused, Unsupported

PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)
"""For a model that comes without a chat template."""
_BETWEEN = "\n\n"
_PLACEHOLDER = re.compile(f"([{PLAIN}{IN_JSON}])([\U000f0000-\U000ffffd]){PLACEHOLDER_END}")
_MAX_MESSAGES = 65_000
_MAX_EDGE_CHARS = 16
"""Of the white space around a text, what a template sees and may trim."""
_END_OF_REASONING = "</think>"
_TAG = re.compile(r"<[^\s<>]{1,60}>+|\[[^\s\[\]]{1,60}\]")


@dataclass(frozen=True, slots=True)
class PromptText:
    """A prompt to tokenize.

    `contents` are the parts of `text`, [start, end), that messages and not the template wrote. The
    first `cacheable_chars` characters stay the same whatever callers write. `continues` is true for
    a text whose last words the answer goes on with. `reasoning` is the end of the text from the
    mark that opens the answer's reasoning, "" without one. `call_marks` is what the template writes
    around calls, where functions are offered.
    """

    text: str
    contents: tuple[tuple[int, int], ...] = ()
    cacheable_chars: int = 0
    continues: bool = False
    reasoning: str = ""
    call_marks: str = ""

    def part(self, start: int, end: int) -> "PromptText":
        """Return the characters [start, end) with the contents in them."""
        near = slice(max(0, bisect_left(self.contents, (start, 0)) - 1), None)
        inside = takewhile(lambda content: content[0] < end, self.contents[near])
        kept = tuple(
            (max(first, start) - start, min(last, end) - start)
            for first, last in inside
            if last > start
        )
        return PromptText(self.text[start:end], kept)

    def prefix(self) -> "PromptText":
        """Return the cacheable part alone."""
        return self.part(0, self.cacheable_chars)

    def is_content(self, start: int, end: int) -> bool:
        """Whether a message wrote any of the characters [start, end)."""
        before = bisect_left(self.contents, (end, 0)) - 1
        return before >= 0 and self.contents[before][1] > start


@dataclass(frozen=True, slots=True)
class _Turn:
    """One turn as a template sees it: the messages in it, by their places in the request."""

    role: Role
    messages: tuple[int, ...]


class ChatTemplate:
    """A model's chat template; plain "role: content" lines for a model without one.

    `bos` and `eos` are the spellings of the tokens that begin and end a sequence.
    """

    def __init__(self, template: str, *, bos: str, eos: str) -> None:
        self._sandbox = ChatSandbox(
            template or PLAIN_TEMPLATE, {"bos_token": bos, "eos_token": eos}
        )

    @cached_property
    def tool_call_format(self) -> ToolCallFormat | None:
        """How the template writes calls of functions; None where it knows none."""
        try:
            with limited():
                return call_format(self._sandbox.evaluate)
        except TemplateOverrun:
            return None

    def render(
        self, messages: Sequence[ChatMessage], tool_use: ToolUse | None = None
    ) -> PromptText:
        """Return the prompt text; an assistant's turn that comes last is continued.

        Raises MessagesRefused with the template's reason when no arrangement of the messages comes
        out with every system turn and every question; Unsupported when it shows no functions.
        """
        if len(messages) > _MAX_MESSAGES:
            raise MessagesRefused(f"more than {_MAX_MESSAGES} messages")
        texts = [self._text_of(messages, at) for at in range(len(messages))]
        with limited(TIME_LIMIT_S + len(messages) * TIME_LIMIT_PER_MESSAGE_S):
            spoken = _Spoken(messages, texts, self.tool_call_format, tool_use)
            skeleton = self._skeleton(spoken)
        if not spoken.shows_functions(skeleton):
            raise Unsupported("the chat template shows no functions", feature="tools")
        filled = _filled(skeleton, messages, [*texts, *spoken.strings.texts])
        written = self.tool_call_format if spoken.tools else None
        return replace(filled, call_marks=marks_of(written)) if written else filled

    def role_marks(self) -> frozenset[str]:
        """Return the tags the template writes around turns: words like `[INST]` or `<|user|>`."""
        roles: tuple[Role, ...] = ("system", "user", "assistant", "user")
        probe = [ChatMessage(role, "-") for role in roles]
        try:
            text = self.render(probe)
        except MessagesRefused:
            return frozenset()
        return frozenset(_TAG.findall(text.text))

    def _text_of(self, messages: Sequence[ChatMessage], at: int) -> str:
        """Return a message's text; of an earlier answer, what followed its reasoning.

        Templates of reasoning models leave it out themselves, but see no text here.
        """
        one = messages[at]
        earlier_answer = one.role == "assistant" and at < len(messages) - 1
        if earlier_answer and _END_OF_REASONING in self._sandbox.source:
            return one.content.rpartition(_END_OF_REASONING)[2].lstrip()
        return one.content

    def _skeleton(self, spoken: "_Spoken") -> str:
        """Return the evaluated template of the first arrangement that is whole."""
        messages, texts = spoken.messages, spoken.texts
        written = {at for at, text in enumerate(texts) if text.strip()}
        answers = {at for at in written if messages[at].role == "assistant"}
        reason, without_answers = "", None
        for turns in spoken.arrangements():
            try:
                skeleton = self._evaluate(turns, spoken)
            except TemplateOverrun as error:
                raise MessagesRefused(str(error)) from error
            except TemplateRefusal as error:
                reason = reason or str(error)
                continue
            left_out = written - _numbers(skeleton)
            if not left_out:
                return skeleton
            if left_out <= answers and without_answers is None:
                without_answers = skeleton
        if without_answers is None:
            raise MessagesRefused(reason or "it leaves part of them out")
        return without_answers

    def _evaluate(self, turns: Sequence[_Turn], spoken: "_Spoken") -> str:
        mappings, tools = [spoken.shown(turn) for turn in turns], spoken.tools
        if not turns or turns[-1].role != "assistant":
            return self._sandbox.evaluate(mappings, generation_prompt=True, tools=tools)
        beginning = str(mappings[-1]["content"]).strip()
        whole = self._without_generation_prompt(mappings, tools) if beginning else ""
        if beginning and beginning in whole:
            return whole[: whole.rindex(beginning) + len(beginning)]
        return (
            self._sandbox.evaluate(mappings[:-1], generation_prompt=True, tools=tools) + beginning
        )

    def _without_generation_prompt(
        self, mappings: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]]
    ) -> str:
        """Return the text of whole turns; "" when the template refuses an answer at the end."""
        try:
            return self._sandbox.evaluate(mappings, generation_prompt=False, tools=tools)
        except TemplateRefusal:
            return ""


class _Spoken:
    """The messages of a prompt and its functions, as a template sees them."""

    def __init__(
        self,
        messages: Sequence[ChatMessage],
        texts: Sequence[str],
        written: ToolCallFormat | None,
        tool_use: ToolUse | None,
    ) -> None:
        self.messages = messages
        self.texts = texts
        self.strings = ToolStrings(len(texts))
        self._definitions = tool_use.tools if tool_use and tool_use.choice != "none" else ()
        self.tools = offered(self._definitions, self.strings)
        self._ids = short_ids(messages)
        self._calls = [call.name for message in messages for call in message.tool_calls]
        as_text = written is not None and written.arguments_as_text
        self._more = [called(one, self._ids, self.strings, as_text=as_text) for one in messages]

    def arrangements(self) -> Iterator[tuple[_Turn, ...]]:
        """Yield the turns in the ways a template may take them; calls keep their own turns."""
        if not any(self._more):
            yield from _arrangements(self.messages)
            return
        yield tuple(_Turn(message.role, (at,)) for at, message in enumerate(self.messages))

    def shown(self, turn: _Turn) -> dict[str, Any]:
        """Return what a template sees of a turn."""
        more = self._more[turn.messages[0]] if len(turn.messages) == 1 else {}
        return {"role": turn.role, "content": _shown(turn, self.texts), **more}

    def shows_functions(self, skeleton: str) -> bool:
        """Whether a template wrote the name of every function and of every call."""
        names = [*(tool.name for tool in self._definitions), *self._calls]
        return {self.strings.number(name) for name in names} <= _numbers(skeleton)


def _arrangements(messages: Sequence[ChatMessage]) -> Iterator[tuple[_Turn, ...]]:
    """Yield the messages as turns, in the ways templates may take them, each way once.

    Turns of one role that follow each other are one turn. Then later system turns, and then all of
    them, are said by the user; a user who says nothing comes before an answer that opens. System
    turns alone are said by the user first of all: some templates ask for an answer after a user's
    turn only.
    """
    own = [_Turn(message.role, (at,)) for at, message in enumerate(messages)]
    seen: set[tuple[_Turn, ...]] = set()
    alone = all(turn.role == "system" for turn in own)
    for system in (_said_by_user if alone else _as_they_are, _leading_alone, _said_by_user):
        for opened in (_as_they_are, _opened_by_user):
            turns = _merged(opened(_merged(system(own))))
            if turns not in seen:
                seen.add(turns)
                yield turns


def _as_they_are(turns: Sequence[_Turn]) -> Sequence[_Turn]:
    return turns


def _leading_alone(turns: Sequence[_Turn]) -> Sequence[_Turn]:
    leading = next((at for at, turn in enumerate(turns) if turn.role != "system"), len(turns))
    return [*turns[:leading], *_said_by_user(turns[leading:])]


def _said_by_user(turns: Sequence[_Turn]) -> Sequence[_Turn]:
    return [_Turn("user" if turn.role == "system" else turn.role, turn.messages) for turn in turns]


def _opened_by_user(turns: Sequence[_Turn]) -> Sequence[_Turn]:
    first = next((at for at, turn in enumerate(turns) if turn.role != "system"), len(turns))
    if first == len(turns) or turns[first].role == "user":
        return turns
    return [*turns[:first], _Turn("user", ()), *turns[first:]]


def _merged(turns: Sequence[_Turn]) -> tuple[_Turn, ...]:
    return tuple(
        _Turn(role, tuple(at for turn in same for at in turn.messages))
        for role, same in groupby(turns, attrgetter("role"))
    )


def _shown(turn: _Turn, texts: Sequence[str]) -> str:
    """Return what the template sees of a turn: white space as it is, for templates that trim it."""
    return _BETWEEN.join(_shown_message(at, texts[at]) for at in turn.messages)


def _shown_message(at: int, text: str) -> str:
    if not text.strip():
        return ""
    start, end = _body(text)
    return f"{text[:start]}{_placeholder(at)}{text[end:]}"


def _body(text: str) -> tuple[int, int]:
    """Return where a text is without the white space around it, at most `_MAX_EDGE_CHARS` of it."""
    start = min(len(text) - len(text.lstrip()), _MAX_EDGE_CHARS)
    return start, max(len(text.rstrip()), len(text) - _MAX_EDGE_CHARS)


def _placeholder(at: int) -> str:
    return f"{PLAIN}{chr(FIRST_NUMBER + at)}{PLACEHOLDER_END}"


def _numbers(skeleton: str) -> set[int]:
    return {ord(found[2]) - FIRST_NUMBER for found in _PLACEHOLDER.finditer(skeleton)}


def _filled(skeleton: str, messages: Sequence[ChatMessage], texts: Sequence[str]) -> PromptText:
    """Put the messages' texts into an evaluated template."""
    pieces: list[str] = []
    contents: list[tuple[int, int]] = []
    chars = done = 0
    cacheable: int | None = None
    for found in _PLACEHOLDER.finditer(skeleton):
        literal = skeleton[done : found.start()]
        done = found.end()
        at = ord(found[2]) - FIRST_NUMBER
        if at >= len(texts):
            continue
        ours = at < len(messages)
        body = texts[at][slice(*_body(texts[at]))] if ours else texts[at]
        if found[1] == IN_JSON:
            body = json.dumps(body, ensure_ascii=False)[1:-1]
        start = chars + len(literal)
        owned = _owned_chars(messages[at], texts[at]) if ours else 0
        if cacheable is None and owned < len(body):
            indented = not owned and texts[at][:1].isspace()
            cacheable = chars + len(literal.rstrip()) if indented else start + owned
        pieces += [literal, body]
        chars = start + len(body)
        contents.append((start, chars))
    pieces.append(skeleton[done:])
    text = "".join(pieces)
    continues = bool(messages) and messages[-1].role == "assistant"
    before = contents[-2:-1] if continues else contents[-1:]
    turn = text[before[0][1] :] if before else text
    return PromptText(
        text,
        tuple(contents),
        len(text) if cacheable is None else cacheable,
        continues,
        opened_at_end(turn, continues=continues),
    )


def _owned_chars(message: ChatMessage, text: str) -> int:
    """Return how many characters of a message's body the operator wrote."""
    start, end = _body(text)
    if message.cacheable_chars >= len(message.content):
        return end - start
    return max(0, min(end - start, message.cacheable_chars - start))
