"""The chat template of a GGUF file, and how much of the rendered text callers may share.

The template is the one in the file (Jinja, as for transformers), evaluated in a sandbox. The
cacheable prefix is the part of the text that stays the same whatever the caller writes.
"""

from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from ai_core.engines.base import ChatMessage
from ai_core.engines.decoding.chat_template import (
    PLAIN_TEMPLATE,
    apply_template,
    template_unusable,
)
from ai_core.engines.gguf.prefix_cache import common_prefix_length

_PLACEHOLDERS = "\ue000", "\ue001"


class ChatTemplate:
    """A model's chat template; plain "role: content" lines for a model without one."""

    def __init__(self, template: str, *, bos: str, eos: str) -> None:
        try:
            self._formatter = Jinja2ChatFormatter(
                template=template or PLAIN_TEMPLATE, bos_token=bos, eos_token=eos
            )
        except TemplateError as error:
            raise template_unusable(error) from error

    def render(self, messages: Sequence[ChatMessage]) -> tuple[str, str]:
        """Return the prompt text, and its cacheable prefix.

        The prefix is found by rendering once more with a placeholder in place of what the caller
        wrote: the two texts differ from there on.
        """
        text = apply_template(self._format, messages)
        private = (
            at
            for at, message in enumerate(messages)
            if message.cacheable_chars < len(message.content)
        )
        first = next(private, None)
        if first is None:
            return text, text
        later = (ChatMessage(message.role, _PLACEHOLDERS[0]) for message in messages[first + 1 :])
        redacted = [*messages[:first], _redacted(messages[first]), *later]
        other = apply_template(self._format, redacted)
        return text, text[: common_prefix_length(text, other)]

    def _format(self, messages: Any) -> str:
        return str(self._formatter(messages=messages).prompt)


def _redacted(message: ChatMessage) -> ChatMessage:
    """Replace what the caller wrote by a placeholder it does not begin with."""
    end = message.cacheable_chars
    clash = message.content.startswith(_PLACEHOLDERS[0], end)
    return ChatMessage(message.role, message.content[:end] + _PLACEHOLDERS[clash])
