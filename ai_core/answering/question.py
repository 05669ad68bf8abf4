"""Parses requests into questions, sanitized for search, cache and storage.

Invisible characters and personal data are removed here, before anything else processes the text; so
caches and conversations never contain what `shared.privacy.masking` can find.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from ai_core.answering.understanding.messages import Understood, as_written
from ai_core.answering.understanding.profiles import NOTHING
from ai_core.engines.base import ChatMessage, Role, Sampling, ToolUse
from ai_core.engines.schemas.bounds import checked_schema
from shared.ai.contract import ChatRequest, GenerateRequest, Profile, SamplingFields
from shared.courtesies import courtesy_of
from shared.frame_languages import FrameLanguage
from shared.languages import Language, continued_language
from shared.privacy.masking import mask
from shared.privacy.plain_text import without_invisible
from shared.web.problems import InvalidFields

DEFAULT_NEW_TOKENS = 800
Mask = Callable[[str], str]
"""Returns a text without invisible characters and with personal data masked."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question; `history` holds the turns before it, oldest first.

    `as_of` None means today. `model` None means the default model. A `plain` question is the
    caller's own turns and nothing else: no rules, no law, no closing lines; a `raw` one is a text
    to continue, without a chat template. Only a plain question may end with the turn of another
    `role`: a system turn alone, the
    beginning of the answer itself, or the result of the call `tool_call_id`; only one may offer
    functions (`tool_use`). `fallback` names the model
    to ask when this one cannot answer now. `profile` holds facts that the client gives;
    `understood` is what the question means after the turns before it. `language` is that of the
    answer; as it is parsed, the one for a text that tells none. `frame` is the asker's, where that
    is none of ours.
    """

    text: str
    language: Language
    sampling: Sampling
    history: tuple[ChatMessage, ...] = ()
    model: str | None = None
    grounded: bool = True
    agreement: str | None = None
    as_of: date | None = None
    plain: bool = False
    raw: bool = False
    role: Role = "user"
    fallback: str | None = None
    profile: Profile = NOTHING
    understood: Understood | None = None
    tool_use: ToolUse | None = None
    tool_call_id: str = ""
    frame: FrameLanguage | None = None

    @property
    def search(self) -> Understood:
        """Return what is searched: the text as it is written where nothing was understood."""
        return self.understood or as_written(self.text)

    def with_history(self, history: tuple[ChatMessage, ...]) -> "Question":
        """Return the question as the next turn after `history`."""
        return replace(self, history=history)

    def in_its_language(self) -> "Question":
        """Return the question with the language of its answer, told by its text and the turns."""
        before = [turn.content for turn in reversed(self.history) if turn.role == "user"]
        courtesy = courtesy_of(self.text)
        if before and courtesy and courtesy.language is None:  # "ok" is said in several languages
            told = continued_language(before[0], before[1:], self.language)
        else:
            told = continued_language(self.text, before, self.language)
        frame = None if self.plain or self.sampling.json_schema else told.frame
        return replace(self, language=told.language, frame=frame)


def mask_here(text: str) -> str:
    """Return `text` without invisible characters and with personal data masked."""
    return mask(without_invisible(text)).text


def safe(text: str) -> str:
    """Return a short text masked, and stripped of surrounding white space."""
    return mask_here(text).strip()


def require_text(text: str, *loc: str | int) -> None:
    """Raise InvalidFields, which names the field at `loc`, for a text of which nothing is left."""
    if not text.strip():
        raise InvalidFields([{"type": "blank", "loc": loc}])


def read_generate(request: GenerateRequest, language: Language, mask: Mask = mask_here) -> Question:
    """Parse a request for one answer; `language` is the default when the text's is unclear."""
    text = mask(request.prompt).strip()
    require_text(text, "prompt")
    return Question(
        text, language, sampling_of(request), model=request.model, fallback=request.fallback
    )


def read_chat(request: ChatRequest, language: Language, mask: Mask = mask_here) -> Question:
    """Parse a request for the next turn: the last message is the question."""
    turns = tuple(ChatMessage(turn.role, mask(turn.content).strip()) for turn in request.messages)
    text = turns[-1].content
    require_text(text, "messages", len(turns) - 1, "content")
    return Question(
        text,
        language,
        sampling_of(request),
        history=turns[:-1],
        model=request.model,
        grounded=request.knowledge,
        agreement=request.agreement or _agreement_of(request.profile),
        as_of=request.as_of,
        fallback=request.fallback,
        profile=request.profile or NOTHING,
    )


def _agreement_of(profile: Profile | None) -> str | None:
    return profile.agreement.idcc if profile and profile.agreement else None


def seed_of(requested: int | None, temperature: float) -> int:
    """Return the requested seed; otherwise a random one, where an answer depends on it."""
    if requested is not None:
        return requested
    return random.getrandbits(31) if temperature > 0 else 0


def sampling_of(request: SamplingFields) -> Sampling:
    """Return the engine's sampling parameters of a request. Raises UnsupportedSchema."""
    return Sampling(
        max_tokens=request.max_tokens or DEFAULT_NEW_TOKENS,
        temperature=request.temperature,
        top_p=request.top_p,
        top_k=request.top_k,
        min_p=request.min_p,
        repetition_penalty=request.repetition_penalty,
        seed=seed_of(request.seed, request.temperature),
        stop=request.stop,
        json_schema=None
        if request.json_schema is None
        else checked_schema(request.json_schema, "json_schema"),
        top_logprobs=request.logprobs,
    )
