"""How a server calls the parameters that each of our requests has.

Services with OpenAI's API differ in them, and refuse what they do not know: newer models of OpenAI
take `max_completion_tokens` and no temperature, Mistral calls the seed `random_seed`, Google knows
none. What is refused is called otherwise, then left out; the server keeps that name.
"""

import re
from collections.abc import Mapping

import structlog

log = structlog.get_logger()

OTHER_NAMES: Mapping[str, tuple[str, ...]] = {
    "max_tokens": ("max_completion_tokens",),
    "seed": ("random_seed", ""),
    "stream_options": ("",),
    "temperature": ("",),
    "top_p": ("",),
}
"""Names to try, in this order, where one was refused; "" leaves the parameter out."""
STATUSES = {400, 422}
_REFUSED = re.compile(
    rb"unsupported|not support|unknown|unrecognized|unexpected|not permitted|forbidden|not allowed",
    re.IGNORECASE,
)


class Parameters:
    """The names that one server takes."""

    def __init__(self) -> None:
        self._names = {name: name for name in OTHER_NAMES}

    def named(self, body: Mapping[str, object]) -> dict[str, object]:
        """Return a request's body with the names that the server takes."""
        renamed = {self._names.get(name, name): value for name, value in body.items()}
        renamed.pop("", None)
        return renamed

    def learn(self, status: int, content: bytes) -> bool:
        """Take another name for a parameter that an error response refuses.

        Returns whether there was one: then the request may be sent again.
        """
        if status not in STATUSES or not _REFUSED.search(content):
            return False
        for name, current in self._names.items():
            others = OTHER_NAMES[name]
            tried = others.index(current) + 1 if current in others else 0
            if current and tried < len(others) and _mentions(content, current):
                self._names[name] = others[tried]
                log.warning("upstream parameter renamed", parameter=current, to=others[tried])
                return True
        return False


def _mentions(content: bytes, name: str) -> bool:
    """Whether an error names a parameter, in quotes of any kind."""
    return bool(re.search(rb"[\"'`]" + name.encode() + rb"\\?[\"'`]", content))
