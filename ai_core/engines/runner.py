"""The contract of a model runner: a model in the memory of a model process.

One thread owns the runner and calls everything here except `tokenize`, `detokenize`, `render` and
`compile_schema`, which another thread may call concurrently. `process/loop.py` is that thread's
loop: it admits jobs, steps, and sends each step's chunks for all jobs together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ai_core.engines.base import (
    Capabilities,
    ChatMessage,
    FinishReason,
    Sampling,
    TokenLogprob,
    ToolUse,
)
from ai_core.engines.error_report import ErrorReport
from shared.host_memory import read_memory

SLOTS = 16
"""More concurrent jobs raise no throughput, only the time per token (measured on two cores)."""
CONTEXT_TOKENS = 4_096
"""Default context of a job, when the model was trained with more."""
_MEMORY_SHARE = 0.5
"""Share of the memory left after loading the weights that the slots take by default."""


@dataclass(frozen=True, slots=True)
class RunnerInfo:
    """Properties of a loaded model; `slots` is the number of concurrent jobs.

    `batch_gain` is how many times faster four jobs are done together than in turn, None where that
    was not measured.
    """

    context_tokens: int
    slots: int
    capabilities: Capabilities
    precision: str
    device: str
    batch_gain: float | None = None


@dataclass(frozen=True, slots=True)
class TokenizedPrompt:
    """A prompt as tokens; the first `cacheable` of them may enter the shared prefix cache.

    `continues` is true when the answer goes on with the prompt's last words, so that a space it
    begins with is part of it. `reasoning` is the end of the prompt from the mark that opens the
    answer's reasoning, "" without one, None for a prompt that no chat template made. `call_marks`
    is the text around calls of functions, whose control tokens are part of the answer.
    """

    tokens: list[int]
    cacheable: int
    continues: bool = False
    reasoning: str | None = None
    call_marks: str = ""


class TokenGrammar(Protocol):
    """Where an answer that follows a schema stands. Everything raises UnsupportedSchema."""

    def allows(self, token: int) -> bool:
        """Whether the answer may go on with a token, or end with an end token."""
        ...

    def allowed_tokens(self) -> Any:
        """Return which tokens the answer may go on with: booleans, [vocabulary]."""
        ...

    def accept(self, token: int) -> None:
        """Go on with an allowed token."""
        ...


@dataclass(frozen=True, slots=True)
class GenerationJob:
    """One answer to generate; `id` is unique in the process.

    `grammar` is that of `sampling.json_schema`, compiled for this job alone.
    """

    id: int
    prompt: TokenizedPrompt
    sampling: Sampling
    adapter: str | None = None
    grammar: TokenGrammar | None = None


@dataclass(frozen=True, slots=True)
class TokenChunk:
    """What one step added to a job: whole characters only, nothing after a stop sequence.

    `cached_tokens` (prompt tokens found in the prefix cache) is set on a job's first chunk only.
    A job whose `finish_reason` is set is over and its slot is free; "failed" has an `error`.
    """

    job_id: int
    text: str
    tokens: int
    cached_tokens: int = 0
    finish_reason: FinishReason | Literal["failed"] | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    error: ErrorReport | None = None


class ModelRunner(Protocol):
    """A loaded model that generates many answers concurrently."""

    info: RunnerInfo

    def tokenize(self, text: str) -> list[int]:
        """Return the tokens of a plain text, without a beginning-of-sequence token."""
        ...

    def render(
        self, messages: Sequence[ChatMessage], raw: str | None, tool_use: ToolUse | None = None
    ) -> TokenizedPrompt:
        """Apply the model's chat template, or take `raw` as it is; tokenize.

        Raises Unsupported when the template refuses the messages.
        """
        ...

    def detokenize(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, control tokens spelled out. Raises Unsupported."""
        ...

    def compile_schema(self, schema: str) -> TokenGrammar:
        """Return a new grammar of a JSON schema. Raises Unsupported, UnsupportedSchema."""
        ...

    def admit(self, job: GenerationJob) -> bool:
        """Give a job a slot; False while all are taken. Raises ContextOverflow, Unsupported."""
        ...

    def cancel(self, job_id: int) -> None:
        """Drop a job and free its slot; does nothing when the id is unknown."""
        ...

    def step(self) -> list[TokenChunk]:
        """Do one bounded step for all jobs; returns its chunks, none while it only prefills."""
        ...

    @property
    def busy(self) -> bool:
        """Whether `step` has work."""
        ...

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return an embedding of each text. Raises Unsupported."""
        ...

    def load_adapter(self, name: str, path: str) -> None:
        """Load a LoRA under `name`. Raises ModelUnusable when it is for another base model."""
        ...

    def close(self) -> None:
        """Free the model's memory."""
        ...


class RunnerFactory(Protocol):
    """Loads a model of one format; each format's module has one called `open_runner`."""

    def __call__(self, path: str, options: "LoadOptions") -> ModelRunner:
        """Load the model. Raises ModelUnusable with the remedy."""
        ...


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load a model; 0 or "" leaves the choice to the format.

    `context_tokens` is per job, `slots` the number of concurrent jobs, `threads` CPU threads. With
    `tunes_slots` nobody chose `slots`: a format that finds jobs to end sooner in turn has one.
    """

    context_tokens: int = 0
    slots: int = 0
    threads: int = 0
    precision: str = ""
    chat_template: str = ""
    tunes_slots: bool = False


def fit_memory(
    options: LoadOptions, trained_context_tokens: int, kv_bytes_per_token: int
) -> tuple[int, int]:
    """Return the context of a job, in tokens, and the number of slots.

    What `options` leave open is the smaller of `CONTEXT_TOKENS` and the trained context, and as
    many slots as half of the free memory holds, at most `SLOTS`. Blocks on /proc.
    """
    context_tokens = options.context_tokens or min(trained_context_tokens, CONTEXT_TOKENS)
    slot_bytes = max(1, kv_bytes_per_token * context_tokens)
    free_bytes = read_memory().available_bytes
    slots = options.slots or max(1, min(SLOTS, int(_MEMORY_SHARE * free_bytes) // slot_bytes))
    return context_tokens, slots
