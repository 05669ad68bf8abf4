"""Chat templates: messages as one prompt text, in the form the model was trained on."""

import re
from collections.abc import Callable, Iterable, Sequence

from jinja2 import TemplateError

from ai_core.engines.base import ChatMessage
from ai_core.errors import ModelUnusable, Unsupported

PLAIN_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n\n{% endfor %}"
    "assistant:"
)
"""For a model that comes without a chat template."""


def apply_template(
    render: Callable[[list[dict[str, str]]], str], messages: Sequence[ChatMessage]
) -> str:
    """Return the prompt text; `render` evaluates a Jinja template on role/content mappings.

    A template that refuses the system role gets its content in the first user message. Raises
    Unsupported when it refuses that too.
    """
    try:
        return render(_mappings(messages))
    except (TemplateError, ValueError, TypeError):
        merged = _without_system_role(messages)
    try:
        return render(_mappings(merged))
    except (TemplateError, ValueError, TypeError) as error:
        raise Unsupported(f"the model's chat template refuses these messages: {error}") from error


def template_unusable(error: TemplateError) -> ModelUnusable:
    """Return the error for a template that does not compile."""
    return ModelUnusable(
        f"the model's chat template cannot be read ({error}); give one in models.toml"
    )


class ControlTokenFilter:
    """Keeps callers from writing control tokens, which would end a message or begin another."""

    def __init__(self, control_tokens: Iterable[str]) -> None:
        longest_first = sorted(filter(None, control_tokens), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def neutralize(self, text: str) -> str:
        """Return `text` with a U+200B inside the spelling of every control token."""
        return self._pattern.sub(lambda found: f"{found[0][0]}\u200b{found[0][1:]}", text)


def _mappings(messages: Sequence[ChatMessage]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _without_system_role(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    if len(messages) < 2 or messages[0].role != "system":
        return list(messages)
    system, first = messages[0], messages[1]
    return [ChatMessage(first.role, f"{system.content}\n\n{first.content}"), *messages[2:]]
