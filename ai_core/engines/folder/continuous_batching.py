"""Continuous batching over a decoder that computes rectangles: sequences of equal length.

Prompts that arrived together are prefilled side by side, padded on the left, a bounded number of
tokens per step; then their rows join those that decode, whose keys and values are padded on the
left to the same width. A row leaves when its answer ends, and with it the columns that were padding
in all others. So nobody waits for a batch to end, and nothing is computed twice.

SafeTensors and ONNX models are run this way; docs/decisions/0057 says why.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ai_core.engines.base import ChatMessage, ToolUse
from ai_core.engines.decoding.logit_adjustment import require_known_tokens, require_tokens
from ai_core.engines.decoding.output import JobOutput, detokenized, max_new_tokens
from ai_core.engines.decoding.sampling import Logits, Sampler
from ai_core.engines.decoding.threads import ThreadGovernor
from ai_core.engines.folder.tokenizer import Tokenizer
from ai_core.engines.runner import (
    GenerationJob,
    RunnerInfo,
    TokenChunk,
    TokenGrammar,
    TokenizedPrompt,
)
from ai_core.engines.schemas.grammar import GrammarCompiler
from ai_core.errors import ContextOverflow, ModelUnusable, Unsupported

PREFILL_TOKENS = 512
"""Prompt tokens per step: running answers pause no longer than these take."""
MAX_LENGTH_RATIO = 2.0
"""Prompts prefilled side by side differ in length by this factor at most: padding costs as much."""

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DecoderInput:
    """The input of one decoder call.

    `tokens` and `positions` are [row, new]; `attention_mask`, [row, cached + new], is 1 for tokens
    and 0 for padding. `adapters` names each row's LoRA.
    """

    tokens: Integers
    positions: Integers
    attention_mask: Integers
    adapters: tuple[str | None, ...]


class Decoder(Protocol):
    """A model as a function; its cache (keys and values of the rows) is opaque here."""

    def compute(self, cache: Any, inputs: DecoderInput) -> tuple[Logits, Any]:
        """Return the logits after each row's last token, [row, vocabulary], and the new cache.

        `cache` is what the last call for the same rows returned, None for new rows.
        """
        ...

    def join(self, first: Any, second: Any) -> Any:
        """Append the rows of cache `second` to those of `first`, both padded on the left."""
        ...

    def select(self, cache: Any, rows: Sequence[int], drop: int) -> Any:
        """Keep only `rows`, without their first `drop` columns."""
        ...

    def set_threads(self, threads: int) -> None:
        """Set the number of threads from now on."""
        ...

    def embed(self, tokens: Sequence[int]) -> list[float]:
        """Return an embedding of unit length. Raises Unsupported."""
        ...

    def load_adapter(self, name: str, path: str) -> None:
        """Load a LoRA. Raises ModelUnusable."""
        ...

    def close(self) -> None:
        """Free the memory."""
        ...


@dataclass(slots=True, eq=False)
class BatchedJob:
    """A job and its output so far."""

    job: GenerationJob
    output: JobOutput


@dataclass(slots=True, eq=False)
class Batch:
    """Jobs computed together: one row each in `attention_mask` and in the decoder's cache.

    While prompts are prefilled, `tokens` holds them all and `prefilled` is the number of columns
    done.
    """

    jobs: list[BatchedJob]
    attention_mask: Integers
    tokens: Integers
    prefilled: int = 0
    cache: Any = None


class ContinuousBatchingRunner:
    """A model in this process; see `ModelRunner` for the contract of each method."""

    def __init__(
        self, decoder: Decoder, tokenizer: Tokenizer, info: RunnerInfo, governor: ThreadGovernor
    ) -> None:
        self.info = info
        self._decoder = decoder
        self._tokenizer = tokenizer
        self._grammars = GrammarCompiler(tokenizer, tokenizer.vocabulary)
        self._governor = governor
        self._threads = governor.threads
        self._jobs: dict[int, BatchedJob] = {}
        self._waiting: list[BatchedJob] = []
        self._prefill: Batch | None = None
        self._decode: Batch | None = None
        self._adapters: set[str | None] = {None}

    def tokenize(self, text: str) -> list[int]:
        """Return the tokens of a plain text."""
        return self._tokenizer.tokenize(text)

    def render(
        self, messages: Sequence[ChatMessage], raw: str | None, tool_use: ToolUse | None = None
    ) -> TokenizedPrompt:
        """Apply the folder's chat template, or take `raw` as it is; tokenize."""
        return self._tokenizer.render(messages, raw, tool_use)

    def detokenize(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, control tokens spelled out. Raises Unsupported."""
        require_tokens(tokens, self._tokenizer.vocabulary)
        return detokenized(tokens, self._tokenizer)

    def compile_schema(self, schema: str) -> TokenGrammar:
        """Return a new grammar of a JSON schema; see `GrammarCompiler`."""
        return self._grammars.compile(schema)

    def admit(self, job: GenerationJob) -> bool:
        """Take a job; False while all slots are taken. Raises ContextOverflow, Unsupported."""
        max_tokens = max_new_tokens(job, self.info.context_tokens)
        require_known_tokens(job.sampling, self._tokenizer.vocabulary)
        if job.adapter not in self._adapters:
            raise Unsupported(f"no adapter named {job.adapter} is loaded")
        if len(self._jobs) >= self.info.slots:
            return False
        prompt = job.prompt.tokens
        sampler = Sampler(job.sampling, prompt, self._tokenizer.token_bytes, job.grammar)
        running = BatchedJob(job, JobOutput(job, self._tokenizer, sampler, max_tokens))
        self._jobs[job.id] = running
        self._waiting.append(running)
        return True

    def cancel(self, job_id: int) -> None:
        """Drop a job; its row is removed before the next computation."""
        self._jobs.pop(job_id, None)

    @property
    def busy(self) -> bool:
        """Whether there is a job."""
        return bool(self._jobs)

    def step(self) -> list[TokenChunk]:
        """Prefill a bounded part of the prompts, and generate one token of every other answer."""
        self._waiting = [running for running in self._waiting if running.job.id in self._jobs]
        decode = self._without_ended(self._decode)
        prefill = self._without_ended(self._prefill) or self._next_prompts()
        self._decode, self._prefill = decode, prefill
        chunks: list[TokenChunk] = []
        if decode:
            chunks += self._decode_step(decode)
            self._decode = self._without_ended(decode)
        if prefill:
            chunks += self._prefill_step(prefill)
        return chunks

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return an embedding of each text. Raises Unsupported, ContextOverflow."""
        vectors = []
        for text in texts:
            tokens = self._tokenizer.tokenize(text, add_special=True)
            if not tokens:
                raise Unsupported("an empty text has no vector")
            if len(tokens) > self.info.context_tokens:
                raise ContextOverflow(tokens=len(tokens), limit=self.info.context_tokens)
            vectors.append(self._decoder.embed(tokens))
        return vectors

    def load_adapter(self, name: str, path: str) -> None:
        """Load a LoRA under `name`. Raises ModelUnusable when it is for another base model."""
        if name in self._adapters:
            raise ModelUnusable(f"{path}: an adapter named {name} is loaded already")
        self._decoder.load_adapter(name, path)
        self._adapters.add(name)

    def close(self) -> None:
        """Free the model's memory."""
        self._jobs.clear()
        self._waiting.clear()
        self._prefill = self._decode = None
        self._decoder.close()

    def _next_prompts(self) -> Batch | None:
        """Batch the oldest waiting prompt with those of about its length."""
        if not self._waiting:
            return None
        first = len(self._waiting[0].job.prompt.tokens)
        shortest, longest = first / MAX_LENGTH_RATIO, first * MAX_LENGTH_RATIO
        chosen = [
            running
            for running in self._waiting
            if shortest <= len(running.job.prompt.tokens) <= longest
        ]
        self._waiting = [running for running in self._waiting if running not in chosen]
        width = max(len(running.job.prompt.tokens) for running in chosen)
        tokens, attention_mask = np.zeros((2, len(chosen), width), dtype=np.int64)
        for row, running in enumerate(chosen):
            prompt = running.job.prompt.tokens
            tokens[row, width - len(prompt) :] = prompt
            attention_mask[row, width - len(prompt) :] = 1
        return Batch(chosen, attention_mask, tokens)

    def _prefill_step(self, batch: Batch) -> list[TokenChunk]:
        """Compute the next columns of the prompts; complete ones join the decoding batch."""
        width = batch.tokens.shape[1]
        stop = min(width, batch.prefilled + max(1, PREFILL_TOKENS // len(batch.jobs)))
        columns = slice(batch.prefilled, stop)
        logits = self._compute(batch, batch.tokens[:, columns], batch.attention_mask[:, :stop])
        batch.prefilled = stop
        if stop < width:
            return []
        chunks = self._sample(batch, logits)
        self._prefill = None
        complete = self._without_ended(batch)
        if complete and self._decode:
            self._decode = self._joined(self._decode, complete)
        elif complete:
            self._decode = complete
        return chunks

    def _decode_step(self, batch: Batch) -> list[TokenChunk]:
        """Generate one token of every answer."""
        new = np.array([[running.output.last_token] for running in batch.jobs], dtype=np.int64)
        batch.attention_mask = np.concatenate((batch.attention_mask, np.ones_like(new)), axis=1)
        return self._sample(batch, self._compute(batch, new, batch.attention_mask))

    def _compute(self, batch: Batch, tokens: Integers, attention_mask: Integers) -> Logits:
        if self._threads != self._governor.threads:
            self._threads = self._governor.threads
            self._decoder.set_threads(self._threads)
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        positions = np.maximum(attention_mask.cumsum(axis=1) - 1, 0)[:, -tokens.shape[1] :]
        adapters = tuple(running.job.adapter for running in batch.jobs)
        inputs = DecoderInput(tokens, positions, attention_mask, adapters)
        logits, batch.cache = self._decoder.compute(batch.cache, inputs)
        self._governor.record_step(time.monotonic() - began_s, time.process_time() - began_cpu_s)
        return logits

    def _sample(self, batch: Batch, logits: Logits) -> list[TokenChunk]:
        chunks: list[TokenChunk] = []
        for running, row in zip(batch.jobs, logits, strict=True):
            chunk = running.output.sample(row)
            if chunk is None:
                continue
            if chunk.finish_reason:
                self._jobs.pop(running.job.id, None)
            chunks.append(chunk)
        return chunks

    def _without_ended(self, batch: Batch | None) -> Batch | None:
        """Remove the rows whose job is over, and the columns that are padding in all others."""
        if batch is None:
            return None
        rows = [row for row, one in enumerate(batch.jobs) if one.job.id in self._jobs]
        if len(rows) == len(batch.jobs) or not rows:
            return batch if rows else None
        attention_mask = batch.attention_mask[rows]
        drop = int(attention_mask.any(axis=0).argmax())
        cache = None
        if batch.cache is not None:
            if batch.prefilled < batch.tokens.shape[1]:
                drop = min(drop, batch.prefilled)
            cache = self._decoder.select(batch.cache, rows, drop)
        return Batch(
            [batch.jobs[row] for row in rows],
            attention_mask[:, drop:],
            batch.tokens[rows, drop:],
            max(0, batch.prefilled - drop),
            cache,
        )

    def _joined(self, first: Batch, second: Batch) -> Batch:
        masks = (first.attention_mask, second.attention_mask)
        width = max(mask.shape[1] for mask in masks)
        attention_mask = np.concatenate([_left_padded(mask, width) for mask in masks])
        cache = self._decoder.join(first.cache, second.cache)
        no_tokens = np.zeros((len(attention_mask), 0), dtype=np.int64)
        return Batch([*first.jobs, *second.jobs], attention_mask, no_tokens, 0, cache)


def _left_padded(mask: Integers, width: int) -> Integers:
    return np.pad(mask, ((0, 0), (width - mask.shape[1], 0)))
