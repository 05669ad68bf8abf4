"""The output of one job: from logits to the chunks its caller receives."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol

from ai_core.engines.base import FinishReason, TokenLogprob
from ai_core.engines.decoding.repetition import RepetitionDetector
from ai_core.engines.decoding.stops import StopFilter
from ai_core.engines.error_report import ErrorReport
from ai_core.engines.reasoning_marks import is_reasoning_token
from ai_core.engines.runner import GenerationJob, TokenChunk
from ai_core.errors import ContextOverflow, Unsupported

EndReason = FinishReason | Literal["failed"]


class Detokenizer(Protocol):
    """Maps a model's tokens to bytes."""

    adds_leading_space: bool
    """Whether the vocabulary puts a space before the first word (SentencePiece)."""

    def is_end_token(self, token: int) -> bool:
        """Whether a token ends the generation."""
        ...

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes of a token; none for a control token."""
        ...

    def control_spelling(self, token: int) -> bytes:
        """Return a token as the vocabulary spells it, a control token too."""
        ...


def detokenized(tokens: Sequence[int], detokenizer: Detokenizer) -> str:
    """Return the text of tokens, control tokens spelled out."""
    written = b"".join(
        detokenizer.token_bytes(token) or detokenizer.control_spelling(token) for token in tokens
    )
    if detokenizer.adds_leading_space:
        written = written.removeprefix(b" ")
    return written.decode("utf-8", "replace")


class TokenSampler(Protocol):
    """Samples the tokens of one job."""

    def sample(self, logits: Any) -> tuple[int, tuple[TokenLogprob, ...]]:
        """Return the next token and its log-probability if asked for. Raises EngineFailed."""
        ...


def max_new_tokens(job: GenerationJob, context_tokens: int) -> int:
    """Return how many tokens a job may generate. Raises Unsupported, ContextOverflow."""
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


class JobOutput:
    """Samples, detokenizes and filters the answer of one job, at most `max_tokens` long.

    A mark that the prompt opened the reasoning with comes first in the text, unless a schema says
    what the text is. An answer that repeats itself ends there; one that follows a schema goes on,
    as lists of equal values are what some schemas ask for.
    `last_token` is the latest token, `generated` their number.
    """

    def __init__(
        self, job: GenerationJob, detokenizer: Detokenizer, sampler: TokenSampler, max_tokens: int
    ) -> None:
        self.last_token = 0
        self.generated = 0
        self._job_id = job.id
        self._repetition = None if job.sampling.json_schema else RepetitionDetector()
        self._trims_space = detokenizer.adds_leading_space and not job.prompt.continues
        chat = job.prompt.reasoning is not None and job.sampling.json_schema is None
        self._reasoning = job.prompt.reasoning or "" if chat else ""
        self._shows_marks = chat
        self._marks = job.prompt.call_marks
        self._detokenizer = detokenizer
        self._sampler = sampler
        self._stop_filter = StopFilter(job.sampling.stop)
        self._max_tokens = max_tokens
        self._unsent_tokens = 0
        self._unsent_logprobs: list[TokenLogprob] = []

    def sample(self, logits: Any, cached_tokens: int = 0) -> TokenChunk | None:
        """Sample the next token; returns a chunk, None while all text is held back.

        `cached_tokens` is reported with the first chunk. An exception ends this job and no other:
        everything here is the job's own. Raises MemoryError.
        """
        try:
            return self._next_token(logits, cached_tokens)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - one job must not stop the others
            return self.finish("failed", error=ErrorReport.of(error))

    def _next_token(self, logits: Any, cached_tokens: int) -> TokenChunk | None:
        self.last_token, logprobs = self._sampler.sample(logits)
        if self._detokenizer.is_end_token(self.last_token):
            return self.finish("stop", self._stop_filter.finish(), cached_tokens)
        self.generated += 1
        self._unsent_tokens += 1
        self._unsent_logprobs.extend(logprobs)
        first = self.generated == 1
        written = self._detokenizer.token_bytes(self.last_token)
        if not written and self._shows_marks:
            spelling = self._detokenizer.control_spelling(self.last_token)
            written = spelling if self._is_mark(spelling.decode("utf-8", "replace")) else b""
        if first and self._trims_space:
            written = written.removeprefix(b" ")
        text = self._stop_filter.feed(written)
        if self._stop_filter.stopped:
            return self.finish("stop", text, cached_tokens)
        if self.generated >= self._max_tokens:
            return self.finish("length", text + self._stop_filter.finish(), cached_tokens)
        if self._repetition and self._repetition.add(self.last_token):
            return self.finish("repetition", text + self._stop_filter.finish(), cached_tokens)
        return self._chunk(text, None, cached_tokens) if text or first else None

    def _is_mark(self, spelling: str) -> bool:
        """Whether a control token tells the reasoning, or a call of a function, apart."""
        return is_reasoning_token(spelling) or bool(spelling and spelling in self._marks)

    def finish(
        self,
        reason: EndReason,
        text: str = "",
        cached_tokens: int = 0,
        error: ErrorReport | None = None,
    ) -> TokenChunk:
        """Return the last chunk of a job."""
        return self._chunk(text, reason, cached_tokens, error)

    def _chunk(
        self,
        text: str,
        reason: EndReason | None,
        cached_tokens: int,
        error: ErrorReport | None = None,
    ) -> TokenChunk:
        first = self.generated == self._unsent_tokens
        text, self._reasoning = self._reasoning + text, ""
        chunk = TokenChunk(
            self._job_id,
            text,
            self._unsent_tokens,
            cached_tokens if first else 0,
            reason,
            tuple(self._unsent_logprobs),
            error,
        )
        self._unsent_tokens = 0
        self._unsent_logprobs.clear()
        return chunk
