"""Text embeddings by a model that supports them, in the same queue as its answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from ai_core.answering.prompts import CHARS_A_TOKEN
from ai_core.errors import Unsupported
from ai_core.models.contract import Models, Queues
from ai_core.models.speeds import Size
from shared.clock import Clock


@dataclass(frozen=True, slots=True)
class Vectors:
    """A vector for each text, in their order, and the total number of tokens."""

    vectors: list[list[float]]
    tokens: int


class Embedder:
    """Embeds texts."""

    def __init__(self, pool: Models, scheduler: Queues, clock: Clock) -> None:
        self._pool = pool
        self._scheduler = scheduler
        self._clock = clock

    @staticmethod
    def estimate_tokens(texts: Sequence[str]) -> int:
        """Return about how many tokens the texts have."""
        return sum(len(text) // CHARS_A_TOKEN + 1 for text in texts)

    async def embed(
        self, model: str, texts: Sequence[str], subject: str, timeout_s: float | None
    ) -> Vectors:
        """Return the vectors of some texts.

        Raises UnknownModel, Unsupported when the model has no embeddings, ContextOverflow, and what
        a queue and a lease raise.
        """
        card = self._pool.card(model)
        if card.extractive or (card.capabilities and not card.capabilities.embeddings):
            raise Unsupported(model=card.id, feature="embeddings")
        deadline_s = None if timeout_s is None else self._clock.elapsed_s() + timeout_s
        size = Size(self.estimate_tokens(texts), 0)
        model = card.base or card.id
        async with (
            self._scheduler.entered(model, subject, size, deadline_s) as job,
            self._pool.lease(card) as engine,
        ):
            tokens = sum(await engine.count_tokens(texts))
            job.mark_ready(Size(tokens, 0), engine.slots)
            while not await job.wait_for_slot(timeout_s=self._scheduler.longest_wait_s):
                continue
            vectors = await engine.embed(texts)
            job.record_tokens(0, tokens)
        return Vectors(vectors, tokens)
