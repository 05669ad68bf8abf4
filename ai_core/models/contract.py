"""The models and their queues, as answers use them.

They are those of this process (`pool.py`, `scheduler.py`), or, where several workers share a port,
those of the process that owns them for all (`host/`).
"""

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ai_core.engines.base import Engine
from ai_core.models.pool import ModelStatus
from ai_core.models.registry import ModelCard
from ai_core.models.scheduler import QueueStatus, WaitEstimate
from ai_core.models.speeds import Size


class Models(Protocol):
    """The models that exist; see `ModelPool`."""

    @property
    def default(self) -> str:
        """Return the name of the model that answers when none is named."""
        ...

    @property
    def budget_bytes(self) -> int:
        """Return the memory for all models together."""
        ...

    async def reread(self) -> None:
        """Read models.toml again now."""
        ...

    def card(self, name: str | None) -> ModelCard:
        """Return a model's card, or the default one's. Raises UnknownModel."""
        ...

    def cards(self) -> list[ModelCard]:
        """List the models, the default one first."""
        ...

    def lease(self, card: ModelCard) -> AbstractAsyncContextManager[Engine]:
        """Lease the engine of exactly that model. Raises what `ModelPool.lease` does."""
        ...

    async def load(self, name: str) -> ModelStatus:
        """Load a model, even if its last load failed. Raises what `lease` raises."""
        ...

    async def unload(self, name: str) -> None:
        """Unload a model once its answers are complete. Raises what `ModelPool.unload` does."""
        ...

    def statuses(self) -> list[ModelStatus]:
        """Return every model's present status, the default model first."""
        ...

    async def require_ready(self) -> None:
        """Raise what `ModelPool.require_ready` does."""
        ...


class QueuedJob(Protocol):
    """A place in a model's queue; see `scheduler.Job`."""

    def estimate(self) -> WaitEstimate:
        """Return how long this job still waits."""
        ...

    def mark_ready(self, size: Size, slots: int) -> None:
        """Let the job start as soon as one of the model's `slots` is free."""
        ...

    async def wait_for_slot(self, timeout_s: float) -> bool:
        """Wait for a slot, at most so long; return whether the job starts."""
        ...

    def record_tokens(self, tokens: int, prompt_tokens: int) -> None:
        """Count new tokens; the first call also gives the prompt's true length."""
        ...

    def finish(self, *, cut: bool) -> None:
        """Record that the answer is complete; `cut` when its token limit ended it."""
        ...


class Queues(Protocol):
    """Every model's queue; see `Scheduler`."""

    @property
    def longest_wait_s(self) -> float:
        """Return after how long whoever would wait is refused."""
        ...

    def entered(
        self, model: str, caller: str, size: Size, deadline_s: float | None = None
    ) -> AbstractAsyncContextManager[QueuedJob]:
        """Put a job in a model's queue, and take it out at the end. Raises as `Scheduler.enter`."""
        ...

    def statuses(self) -> Iterator[tuple[str, QueueStatus]]:
        """Yield the status of each model's queue, for the models that had a job."""
        ...
