"""Chat messages as one text, in the way the model was trained to read them.

The template is the one in the file (Jinja, as for transformers), in a sandbox. With the text comes
how much of its beginning is the operator's: what stays the same whatever the caller writes.
"""

from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from ai_core.engines.base import ChatMessage
from ai_core.engines.gguf.slots import common
from ai_core.errors import ModelUnusable, Unsupported

WITHOUT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n\n{% endfor %}"
    "assistant:"
)
_MARKS = "\ue000", "\ue001"


class Chat:
    """A model's chat template; plain "role: content" lines for a model without one."""

    def __init__(self, template: str, *, bos: str, eos: str) -> None:
        try:
            self._formatter = Jinja2ChatFormatter(
                template=template or WITHOUT_TEMPLATE, bos_token=bos, eos_token=eos
            )
        except TemplateError as fault:
            raise ModelUnusable(
                f"the model's chat template cannot be read ({fault}); give one in models.toml"
            ) from fault

    def write(self, messages: Sequence[ChatMessage]) -> tuple[str, str]:
        """Return the whole text, and the beginning of it that is the operator's."""
        whole = self._text(messages)
        private = next(
            (
                at
                for at, message in enumerate(messages)
                if message.cacheable_chars < len(message.content)
            ),
            None,
        )
        if private is None:
            return whole, whole
        hidden = self._text(
            [
                *messages[:private],
                *(_hidden(message) for message in messages[private : private + 1]),
            ]
            + [ChatMessage(message.role, _MARKS[0]) for message in messages[private + 1 :]]
        )
        return whole, whole[: common(whole, hidden)]

    def _text(self, messages: Sequence[ChatMessage]) -> str:
        try:
            return self._render(messages)
        except (TemplateError, ValueError, TypeError):
            merged = _without_system(messages)
        try:
            return self._render(merged)
        except (TemplateError, ValueError, TypeError) as fault:
            raise Unsupported(
                f"the model's chat template refuses these messages: {fault}"
            ) from fault

    def _render(self, messages: Sequence[ChatMessage]) -> str:
        records: Any = [{"role": message.role, "content": message.content} for message in messages]
        return str(self._formatter(messages=records).prompt)


def _hidden(message: ChatMessage) -> ChatMessage:
    """Put a mark where the caller's words begin, one they do not begin with."""
    owned, private = (
        message.content[: message.cacheable_chars],
        message.content[message.cacheable_chars :],
    )
    mark = _MARKS[1] if private.startswith(_MARKS[0]) else _MARKS[0]
    return ChatMessage(message.role, owned + mark)


def _without_system(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Move the system message into the first user message, for templates without that role."""
    if len(messages) < 2 or messages[0].role != "system":
        return list(messages)
    first, second = messages[0], messages[1]
    return [ChatMessage(second.role, f"{first.content}\n\n{second.content}"), *messages[2:]]
