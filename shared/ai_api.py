"""The contract between ai_core and everyone who calls it: `/api/v1`, request and reply bodies.

Unknown fields are refused (422), so that a misspelt one is never silently ignored.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

MAX_PROMPT_CHARACTERS = 32_000
MAX_MESSAGES = 64
MAX_NEW_TOKENS = 4_096

Text = Annotated[  # something else than white space, and no NUL, which Postgres cannot keep
    str,
    StringConstraints(
        min_length=1, max_length=MAX_PROMPT_CHARACTERS, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$"
    ),
]
ConversationId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
Idcc = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}$")]


class Body(BaseModel):
    """A request body; what it does not know it refuses."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sampling(Body):
    """How a model writes. The extractive engine quotes the law: these do not change its words."""

    model: str | None = Field(default=None, max_length=128, description="None: the default model.")
    max_tokens: int | None = Field(default=None, ge=1, le=MAX_NEW_TOKENS)
    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    stream: bool = False


class GenerateRequest(Sampling):
    """One prompt, one answer."""

    prompt: Text


class Message(Body):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: Text


class ChatRequest(Sampling):
    """The next turn of a conversation; the last message is the question."""

    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES)
    conversation_id: ConversationId | None = Field(
        default=None, description="Continue that conversation; None begins one."
    )
    knowledge: bool = Field(default=True, description="Ground the answer in the law.")
    agreement: Idcc | None = Field(default=None, description="Collective agreement, by IDCC.")
    as_of: date | None = Field(default=None, description="The law in force on that day.")


class Citation(BaseModel):
    """A source the answer rests on, built by code from the corpus.

    `quote` is word for word in the source. Only `verified` sources are listed: the article exists,
    is in force on the day asked about and was in front of the model.
    """

    kind: Literal["article", "fiche", "agreement"]
    id: str
    number: str
    title: str
    url: str
    quote: str
    in_force_since: date | None
    status: Literal["verified"]


class Contact(BaseModel):
    """A human who can help."""

    name: str
    url: str


class Abstention(BaseModel):
    """Why there is no answer, and who can help instead."""

    reason: Literal["out_of_scope", "neighbour_law", "no_source", "unknown_reference"]
    contact: Contact


class GenerateReply(BaseModel):
    """An answer.

    `processing_time` is in seconds. `tokens_used` counts the prompt and the answer with the
    model's own tokenizer (for the extractive engine: words and punctuation marks quoted).
    """

    response: str
    model: str
    tokens_used: int
    processing_time: float
    timestamp: datetime
    citations: list[Citation]
    abstained: Abstention | None = None
    clarification: str | None = Field(
        default=None, description="One question whose answer would change ours."
    )
    corpus_date: date | None = Field(description="The date of the law the answer rests on.")
    notice: str = Field(description="This is information from an AI, not legal advice.")
    cached: bool = False


class ChatReply(GenerateReply):
    """The next turn."""

    conversation_id: str


class PassageReply(BaseModel):
    """A piece of a source that matches a search; `text` is word for word."""

    kind: Literal["article", "fiche", "agreement"]
    number: str
    title: str
    text: str
    url: str
    score: float


class SearchReply(BaseModel):
    """What a search found, best first."""

    passages: list[PassageReply]


class FicheReference(BaseModel):
    """A ministry fiche that cites an article."""

    title: str
    url: str


class ArticleReply(BaseModel):
    """An article of the Code du travail, whole."""

    number: str
    id: str
    title: str
    section_path: list[str]
    text: str
    html: str | None = None
    nota: str | None = None
    in_force_since: date
    in_force_until: date | None = None
    url: str
    cited_by_fiches: list[FicheReference]


class ModelCardReply(BaseModel):
    """A model this service can answer with."""

    id: str
    format: str
    state: Literal["loaded", "unloaded"]
    default: bool


class ModelsReply(BaseModel):
    """The models this service knows."""

    models: list[ModelCardReply]


class ModelName(Body):
    """Which model to load or unload."""

    model: str = Field(min_length=1, max_length=128)


class CorpusHealth(BaseModel):
    """The law in service; `update_failing` until a refused update succeeds."""

    law_date: date
    age_days: int
    articles: int
    fiches: int
    agreements: int
    semantic: bool
    update_failing: bool


class SignOfLife(BaseModel):
    """What `/live` and `/ready` answer with their 200."""

    status: Literal["live", "ready"]


class HealthReply(BaseModel):
    """How the service is; `degraded` when a part is missing that answers can do without."""

    status: Literal["ok", "degraded"]
    corpus: CorpusHealth | None
    redis: Literal["up", "down"]
    models: list[str]
