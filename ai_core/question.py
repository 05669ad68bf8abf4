"""What is asked, made safe to search, cache and remember.

Invisible characters and personal data are taken out here, before anything else reads the text; so
the caches and the conversations never hold what `shared.privacy` can find.
"""

from dataclasses import dataclass, replace
from datetime import date

from ai_core.engines.base import Sampling, Turn
from shared.ai_api import ChatRequest, GenerateRequest
from shared.ai_api import Sampling as AskedSampling
from shared.languages import Language, language_of
from shared.plain_text import without_invisible
from shared.privacy import mask

DEFAULT_NEW_TOKENS = 800


@dataclass(frozen=True, slots=True)
class Question:
    """One question; `earlier` holds the turns before it, oldest first.

    `as_of` None means today. `model` None means the default model.
    """

    text: str
    language: Language
    sampling: Sampling
    earlier: tuple[Turn, ...] = ()
    model: str | None = None
    grounded: bool = True
    agreement: str | None = None
    as_of: date | None = None

    def after(self, earlier: tuple[Turn, ...]) -> "Question":
        """Return the question as the next turn after `earlier`."""
        return replace(self, earlier=earlier)


def safe(text: str) -> str:
    """Return `text` without invisible characters and with personal data masked."""
    return mask(without_invisible(text)).text.strip()


def read_generate(request: GenerateRequest, language: Language) -> Question:
    """Read a request for one answer; `language` is the caller's when the text does not tell."""
    text = safe(request.prompt)
    spoken = language_of(text, language)
    return Question(text, spoken, _sampling(request), model=request.model)


def read_chat(request: ChatRequest, language: Language) -> Question:
    """Read a request for the next turn: the last message is the question."""
    turns = tuple(Turn(said.role, safe(said.content)) for said in request.messages)
    text = turns[-1].content
    return Question(
        text,
        language_of(text, language),
        _sampling(request),
        earlier=turns[:-1],
        model=request.model,
        grounded=request.knowledge,
        agreement=request.agreement,
        as_of=request.as_of,
    )


def _sampling(request: AskedSampling) -> Sampling:
    return Sampling(
        max_tokens=request.max_tokens or DEFAULT_NEW_TOKENS,
        temperature=request.temperature,
        top_p=request.top_p,
    )
