"""The contract between ai_core and everyone who calls it: `/api/v1`, request and reply bodies.

Unknown fields are refused (422), so that a misspelt one is never silently ignored.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

MAX_PROMPT_CHARACTERS = 32_000
MAX_MESSAGES = 64
MAX_NEW_TOKENS = 4_096
MAX_STOPS = 8
MAX_TOP_LOGPROBS = 20

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


StopSequence = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Sampling(Body):
    """How a model writes. What it cannot do is refused (400 `unsupported`), never ignored.

    The extractive engine quotes the law: nothing but `stop`, `json_schema` and `logprobs`, which it
    refuses, could change its words.
    """

    model: str | None = Field(default=None, max_length=128, description="None: the default model.")
    max_tokens: int | None = Field(default=None, ge=1, le=MAX_NEW_TOKENS)
    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    top_k: int = Field(default=0, ge=0, le=1_000, description="0: every token may be chosen.")
    min_p: float = Field(default=0.0, ge=0.0, le=1.0)
    repetition_penalty: float = Field(default=1.0, gt=0.0, le=2.0)
    seed: int | None = Field(default=None, ge=0, lt=2**31)
    stop: tuple[StopSequence, ...] = Field(default=(), max_length=MAX_STOPS)
    json_schema: dict[str, JsonValue] | None = Field(
        default=None, description="The answer is JSON that follows this schema."
    )
    logprobs: int | None = Field(
        default=None,
        ge=0,
        le=MAX_TOP_LOGPROBS,
        description="Give each token's log-probability, and those of that many others.",
    )
    fallback: Literal["extractive"] | None = Field(
        default=None,
        description="Quote the law instead when the model cannot answer now, or in time.",
    )
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


class LikelyToken(BaseModel):
    """A token and the natural logarithm of its probability."""

    token: str
    logprob: float


class WrittenToken(LikelyToken):
    """A token the model wrote, and the likeliest ones in its place."""

    top: list[LikelyToken] = []


class GenerateReply(BaseModel):
    """An answer, and the model that gave it.

    `processing_time` is in seconds. `tokens_used` counts the prompt and the answer
    (`prompt_tokens` and `completion_tokens`) with the model's own tokenizer (for the extractive
    engine: words and punctuation marks quoted). `finish_reason` is `length` when `max_tokens` ended
    the answer. `logprobs` are those of the tokens the model wrote, before the sources were checked.
    """

    response: str
    model: str
    tokens_used: int
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: Literal["stop", "length"] = "stop"
    logprobs: list[WrittenToken] | None = None
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
    """A model this service can answer with, as it is now.

    `size_bytes` is what its files take, `memory_bytes` what it takes in memory; `tokens_per_s` is
    the speed measured on this machine. `agreement` tells how often a precision made here chooses
    the token the original would. `error` is the code callers get while the model has failed.
    """

    id: str
    format: Literal["built-in", "gguf", "safetensors", "onnx", "lora", "remote"]
    state: Literal["unloaded", "loading", "loaded", "failed", "restarting"]
    default: bool
    context_tokens: int = 0
    size_bytes: int = 0
    memory_bytes: int = 0
    tokens_per_s: float | None = None
    precision: str | None = None
    agreement: float | None = None
    base: str | None = Field(default=None, description="The model an adapter stands on.")
    licence: str | None = None
    pinned: bool = False
    error: str | None = None


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


class LineHealth(BaseModel):
    """Who waits for a model: answers waiting and being written, and what one more would wait.

    `wait_s` is None until the model has answered once and its speed is known.
    """

    model: str
    waiting: int
    running: int
    wait_s: float | None


class HealthReply(BaseModel):
    """How the service is; `degraded` when a part is missing that answers can do without."""

    status: Literal["ok", "degraded"]
    corpus: CorpusHealth | None
    redis: Literal["up", "down"]
    models: list[str]
    queue: list[LineHealth] = []
