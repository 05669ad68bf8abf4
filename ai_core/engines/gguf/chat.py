"""Turns of a conversation as one text, in the way the model was trained to read them.

The template is the one in the file (Jinja, as for transformers), in a sandbox. With the text comes
how much of its beginning is the operator's: what stays the same whatever the caller writes.
"""

from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from ai_core.engines.base import Turn
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

    def write(self, turns: Sequence[Turn]) -> tuple[str, str]:
        """Return the whole text, and the beginning of it that is the operator's."""
        whole = self._text(turns)
        private = next(
            (at for at, turn in enumerate(turns) if turn.owned_chars < len(turn.content)), None
        )
        if private is None:
            return whole, whole
        hidden = self._text(
            [*turns[:private], *(_hidden(turn) for turn in turns[private : private + 1])]
            + [Turn(turn.role, _MARKS[0]) for turn in turns[private + 1 :]]
        )
        return whole, whole[: common(whole, hidden)]

    def _text(self, turns: Sequence[Turn]) -> str:
        try:
            return self._render(turns)
        except (TemplateError, ValueError, TypeError):
            merged = _without_system(turns)
        try:
            return self._render(merged)
        except (TemplateError, ValueError, TypeError) as fault:
            raise Unsupported(f"the model's chat template refuses these turns: {fault}") from fault

    def _render(self, turns: Sequence[Turn]) -> str:
        messages: Any = [{"role": turn.role, "content": turn.content} for turn in turns]
        return str(self._formatter(messages=messages).prompt)


def _hidden(turn: Turn) -> Turn:
    """Put a mark where the caller's words begin, one they do not begin with."""
    owned, private = turn.content[: turn.owned_chars], turn.content[turn.owned_chars :]
    mark = _MARKS[1] if private.startswith(_MARKS[0]) else _MARKS[0]
    return Turn(turn.role, owned + mark)


def _without_system(turns: Sequence[Turn]) -> list[Turn]:
    """Say what the system turn says at the head of the first turn, for templates without one."""
    if len(turns) < 2 or turns[0].role != "system":
        return list(turns)
    first, second = turns[0], turns[1]
    return [Turn(second.role, f"{first.content}\n\n{second.content}"), *turns[2:]]
