"""What a model format offers inside the child process that holds the model.

One thread owns the runner and calls everything here but `tokenize` and `render`, which another
thread may call at the same time. `child.py` is that thread's loop: it reads commands, admits jobs,
steps, and sends what was written, once per step for all jobs together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ai_core.engines.base import Capabilities, ChatMessage, Sampling, TokenLogprob
from shared.host_memory import read_memory

SLOTS = 16
"""More at once write no more tokens a second, each of them later (measured on two cores)."""
_MEMORY_SHARE = 0.5
"""Of the memory that is free once the weights are loaded, what slots may take when not told."""


@dataclass(frozen=True, slots=True)
class RunnerInfo:
    """What a loaded model is. `slots` is how many jobs it writes at once."""

    context_tokens: int
    slots: int
    capabilities: Capabilities
    precision: str
    device: str


@dataclass(frozen=True, slots=True)
class TokenizedPrompt:
    """A prompt as tokens; the first `cacheable` of them may enter the shared prefix cache."""

    tokens: list[int]
    cacheable: int


@dataclass(frozen=True, slots=True)
class GenerationJob:
    """One answer to write. `id` is unique in this process's life."""

    id: int
    prompt: TokenizedPrompt
    sampling: Sampling
    adapter: str | None = None


@dataclass(frozen=True, slots=True)
class TokenChunk:
    """What one step added to a job: whole characters only, nothing after a stop sequence.

    `cached_tokens` (prompt tokens found in the prefix cache) is set on a job's first chunk only.
    A job whose `finish_reason` is set is over and its slot is free; "failed" carries `error`.
    """

    job_id: int
    text: str
    tokens: int
    cached_tokens: int = 0
    finish_reason: Literal["stop", "length", "failed"] | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    error: str = ""


class ModelRunner(Protocol):
    """A model in this process's memory."""

    facts: RunnerInfo

    def tokenize(self, text: str) -> list[int]:
        """Return the tokens of a plain text, without those the model adds at its beginning."""
        ...

    def render(self, messages: Sequence[ChatMessage], raw: str | None) -> TokenizedPrompt:
        """Write messages with the model's own chat template, or take `raw` as it is; tokenize."""
        ...

    def admit(self, job: GenerationJob) -> bool:
        """Take a job; False while there is no room. Raises ContextOverflow, Unsupported."""
        ...

    def cancel(self, job_id: int) -> None:
        """Forget a job and free its place; nothing when it is unknown."""
        ...

    def step(self) -> list[TokenChunk]:
        """Do one bounded step of work for all jobs; returns what it wrote, [] while it reads."""
        ...

    @property
    def busy(self) -> bool:
        """Tell whether `step` has anything to do."""
        ...

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector for each text. Raises Unsupported."""
        ...

    def load_adapter(self, name: str, path: str) -> None:
        """Bring a LoRA to memory under `name`. Raises ModelUnusable when it is for another base."""
        ...

    def close(self) -> None:
        """Give the memory back."""
        ...


class RunnerFactory(Protocol):
    """Opens a model of one format; each format's module has one called `open_runner`."""

    def __call__(self, path: str, options: "LoadOptions") -> ModelRunner:
        """Bring the model to memory. Raises ModelUnusable with what to do about it."""
        ...


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to open a model; 0 lets the format choose.

    `context_tokens` is for one job, `slots` the jobs at once, `threads` the processor's.
    """

    context_tokens: int = 0
    slots: int = 0
    threads: int = 0
    precision: str = ""
    chat_template: str = ""


def slots_that_fit(bytes_per_slot: int) -> int:
    """Return the default number of slots: `SLOTS`, or as many as half of the free memory holds."""
    free_bytes = read_memory().available_bytes
    return max(1, min(SLOTS, int(_MEMORY_SHARE * free_bytes) // max(1, bytes_per_slot)))
