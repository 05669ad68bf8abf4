"""What a job has written: from rows of logits to the pieces its caller is told."""

from typing import Any, Literal, Protocol

from ai_core.engines.base import TokenLogprob
from ai_core.engines.decoding.stops import StopFilter
from ai_core.engines.runner import GenerationJob, TokenChunk
from ai_core.errors import ContextOverflow, EngineFailed, Unsupported

End = Literal["stop", "length", "failed"]


class Spelling(Protocol):
    """How a model's tokens are spelled."""

    leads_with_space: bool

    def is_end(self, token: int) -> bool:
        """Tell whether a token ends what the model writes."""
        ...

    def piece(self, token: int) -> bytes:
        """Return the bytes a token writes."""
        ...


class Chooses(Protocol):
    """Chooses the tokens of one job."""

    def next(self, row: Any) -> tuple[int, tuple[TokenLogprob, ...]]:
        """Choose from a row of logits; returns the token and its odds. Raises EngineFailed."""
        ...


def most_new_tokens(job: GenerationJob, context_tokens: int) -> int:
    """Return how many tokens a job may write. Raises Unsupported, ContextOverflow."""
    tokens = len(job.prompt.tokens)
    if not tokens:
        raise Unsupported("an empty prompt leaves the model nothing to go on from")
    if tokens >= context_tokens:
        raise ContextOverflow(
            f"the prompt has {tokens} tokens, the model reads {context_tokens - 1}",
            tokens=tokens,
            limit=context_tokens - 1,
        )
    return max(1, min(job.sampling.max_tokens, context_tokens - tokens))


class Output:
    """What one job writes, at most `limit` tokens; `token` is the last, `written` their number."""

    def __init__(self, job: GenerationJob, spelling: Spelling, choice: Chooses, limit: int) -> None:
        self.token = 0
        self.written = 0
        self._job_id = job.id
        self._spelling = spelling
        self._choice = choice
        self._shown = StopFilter(job.sampling.stop)
        self._limit = limit
        self._untold = 0
        self._odds: list[TokenLogprob] = []

    def next(self, row: Any, reused: int = 0) -> TokenChunk | None:
        """Choose the next token; returns what can be told, None while that is nothing.

        `reused` is told with the first piece.
        """
        try:
            self.token, odds = self._choice.next(row)
        except EngineFailed as fault:
            return self.over("failed", fault=str(fault))
        if self._spelling.is_end(self.token):
            return self.over("stop", self._shown.finish(), reused)
        self.written += 1
        self._untold += 1
        self._odds.extend(odds)
        first = self.written == 1
        piece = self._spelling.piece(self.token)
        if first and self._spelling.leads_with_space:
            piece = piece.removeprefix(b" ")
        text = self._shown.feed(piece)
        if self._shown.stopped:
            return self.over("stop", text, reused)
        if self.written >= self._limit:
            return self.over("length", text + self._shown.finish(), reused)
        return self._told(text, None, reused) if text or first else None

    def over(self, end: End, text: str = "", reused: int = 0, fault: str = "") -> TokenChunk:
        """Return the last piece of a job."""
        return self._told(text, end, reused, fault)

    def _told(self, text: str, end: End | None, reused: int, fault: str = "") -> TokenChunk:
        first = self.written == self._untold
        told = (self._job_id, text, self._untold, reused if first else 0)
        wrote = TokenChunk(*told, end, tuple(self._odds), fault)
        self._untold = 0
        self._odds.clear()
        return wrote
