"""Many answers at once over a decoder that computes rectangles: rows of tokens of equal length.

Prompts that came together are read side by side, padded on the left, a bounded number of tokens a
step; then their rows join those that are being written, whose keys and values are padded on the
left to the same width. A row leaves when its answer ends, and with it the columns that were padding
to all others. So nobody waits for a batch to end, and nothing is read twice.

SafeTensors and ONNX models are written this way; docs/decisions/0057 says why.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ai_core.engines.base import ChatMessage
from ai_core.engines.decoding.output import Output, most_new_tokens
from ai_core.engines.decoding.sampling import Chooser
from ai_core.engines.decoding.threads import Pace
from ai_core.engines.folder.tokenizer import Words
from ai_core.engines.runner import GenerationJob, RunnerInfo, TokenChunk, TokenizedPrompt
from ai_core.errors import ContextOverflow, ModelUnusable, Unsupported

READ_TOKENS = 512
"""Of prompts, per step: running answers wait no longer than that takes."""
ALIKE = 2.0
"""Prompts read side by side differ in length by this factor at most: padding costs as much."""

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a decoder computes next.

    `tokens` and `positions` are [row, new]; `seen`, [row, kept + new], is 1 where there is a token
    and 0 where there is padding. `adapters` names each row's LoRA.
    """

    tokens: Whole
    positions: Whole
    seen: Whole
    adapters: tuple[str | None, ...]


class Decoder(Protocol):
    """A model as a function; what it keeps (keys and values of the rows) is opaque to us."""

    def compute(self, kept: Any, rows: Rows) -> tuple[npt.NDArray[np.float32], Any]:
        """Return the logits after each row's last token, [row, vocabulary], and what to keep.

        `kept` is what the last call for the same rows returned, None for new rows.
        """
        ...

    def join(self, first: Any, second: Any) -> Any:
        """Put the rows of `second` under those of `first`, both padded on the left."""
        ...

    def select(self, kept: Any, rows: Sequence[int], drop: int) -> Any:
        """Keep only `rows`, without their first `drop` columns."""
        ...

    def set_threads(self, threads: int) -> None:
        """Compute with so many threads from now on."""
        ...

    def embed(self, tokens: Sequence[int]) -> list[float]:
        """Return a vector of length 1 for a text. Raises Unsupported."""
        ...

    def load_adapter(self, name: str, path: str) -> None:
        """Bring a LoRA to memory. Raises ModelUnusable."""
        ...

    def close(self) -> None:
        """Give the memory back."""
        ...


@dataclass(slots=True, eq=False)
class Answer:
    """A job while it is written."""

    job: GenerationJob
    output: Output


@dataclass(slots=True, eq=False)
class Group:
    """Answers computed together: one row each in `seen` and in what the decoder keeps.

    While prompts are read, `tokens` holds them all and `read` says how many columns are done.
    """

    answers: list[Answer]
    seen: Whole
    tokens: Whole
    read: int = 0
    kept: Any = None


class ContinuousBatchingRunner:
    """A model in this process; see `ModelRunner` for what each method promises."""

    def __init__(self, decoder: Decoder, words: Words, facts: RunnerInfo, pace: Pace) -> None:
        self.info = facts
        self._decoder = decoder
        self._words = words
        self._pace = pace
        self._threads = pace.threads
        self._answers: dict[int, Answer] = {}
        self._waiting: list[Answer] = []
        self._reading: Group | None = None
        self._writing: Group | None = None
        self._adapters: set[str | None] = {None}

    def tokenize(self, text: str) -> list[int]:
        """Return the tokens of a plain text."""
        return self._words.tokenize(text)

    def render(self, messages: Sequence[ChatMessage], raw: str | None) -> TokenizedPrompt:
        """Write the messages with the folder's chat template, or take `raw`; tokenize."""
        return self._words.render(messages, raw)

    def admit(self, job: GenerationJob) -> bool:
        """Take a job; False while all slots are taken. Raises ContextOverflow, Unsupported."""
        limit = most_new_tokens(job, self.info.context_tokens)
        if job.sampling.json_schema is not None:
            raise Unsupported("this model's format cannot follow a JSON schema; a GGUF model can")
        if job.adapter not in self._adapters:
            raise Unsupported(f"no adapter named {job.adapter} is loaded")
        if len(self._answers) >= self.info.slots:
            return False
        chooser = Chooser(job.sampling, job.prompt.tokens, self._words.text_of)
        answer = Answer(job, Output(job, self._words, chooser, limit))
        self._answers[job.id] = answer
        self._waiting.append(answer)
        return True

    def cancel(self, job_id: int) -> None:
        """Forget a job; its row is gone before the next computation."""
        self._answers.pop(job_id, None)

    @property
    def busy(self) -> bool:
        """Tell whether there is a job."""
        return bool(self._answers)

    def step(self) -> list[TokenChunk]:
        """Read a bounded part of the prompts, and write one token of every answer under way."""
        self._waiting = [answer for answer in self._waiting if answer.job.id in self._answers]
        writing = self._without_gone(self._writing)
        reading = self._without_gone(self._reading) or self._next_prompts()
        self._writing, self._reading = writing, reading
        said: list[TokenChunk] = []
        if writing:
            said += self._write(writing)
            self._writing = self._without_gone(writing)
        if reading:
            said += self._read(reading)
        return said

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector of length 1 for each text. Raises Unsupported, ContextOverflow."""
        vectors = []
        for text in texts:
            tokens = self._words.render((), text).tokens
            if not tokens:
                raise Unsupported("an empty text has no vector")
            if len(tokens) > self.info.context_tokens:
                raise ContextOverflow(tokens=len(tokens), limit=self.info.context_tokens)
            vectors.append(self._decoder.embed(tokens))
        return vectors

    def load_adapter(self, name: str, path: str) -> None:
        """Bring a LoRA to memory under `name`. Raises ModelUnusable when it is for another base."""
        if name in self._adapters:
            raise ModelUnusable(f"{path}: an adapter named {name} is loaded already")
        self._decoder.load_adapter(name, path)
        self._adapters.add(name)

    def close(self) -> None:
        """Give the memory back."""
        self._answers.clear()
        self._waiting.clear()
        self._reading = self._writing = None
        self._decoder.close()

    def _next_prompts(self) -> Group | None:
        """Put the oldest prompt that waits side by side with those of about its length."""
        if not self._waiting:
            return None
        first = len(self._waiting[0].job.prompt.tokens)
        chosen = [
            answer
            for answer in self._waiting
            if first / ALIKE <= len(answer.job.prompt.tokens) <= first * ALIKE
        ]
        self._waiting = [answer for answer in self._waiting if answer not in chosen]
        width = max(len(answer.job.prompt.tokens) for answer in chosen)
        tokens, seen = np.zeros((2, len(chosen), width), dtype=np.int64)
        for row, answer in enumerate(chosen):
            prompt = answer.job.prompt.tokens
            tokens[row, width - len(prompt) :] = prompt
            seen[row, width - len(prompt) :] = 1
        return Group(chosen, seen, tokens)

    def _read(self, group: Group) -> list[TokenChunk]:
        """Read the next columns of the prompts; those read to the end join the writing."""
        width = group.tokens.shape[1]
        stop = min(width, group.read + max(1, READ_TOKENS // len(group.answers)))
        columns = slice(group.read, stop)
        logits = self._compute(group, group.tokens[:, columns], group.seen[:, :stop])
        group.read = stop
        if stop < width:
            return []
        said = self._choose(group, logits)
        self._reading = None
        read = self._without_gone(group)
        if read and self._writing:
            self._writing = self._joined(self._writing, read)
        elif read:
            self._writing = read
        return said

    def _write(self, group: Group) -> list[TokenChunk]:
        """Write one token of every answer."""
        new = np.array([[answer.output.token] for answer in group.answers], dtype=np.int64)
        group.seen = np.concatenate((group.seen, np.ones_like(new)), axis=1)
        return self._choose(group, self._compute(group, new, group.seen))

    def _compute(self, group: Group, tokens: Whole, seen: Whole) -> npt.NDArray[np.float32]:
        if self._threads != self._pace.threads:
            self._threads = self._pace.threads
            self._decoder.set_threads(self._threads)
        began_s, ours_s = time.monotonic(), time.process_time()
        positions = np.maximum(seen.cumsum(axis=1) - 1, 0)[:, -tokens.shape[1] :]
        adapters = tuple(answer.job.adapter for answer in group.answers)
        logits, group.kept = self._decoder.compute(
            group.kept, Rows(tokens, positions, seen, adapters)
        )
        self._pace.took(time.monotonic() - began_s, time.process_time() - ours_s)
        return logits

    def _choose(self, group: Group, logits: npt.NDArray[np.float32]) -> list[TokenChunk]:
        said: list[TokenChunk] = []
        for answer, row in zip(group.answers, logits, strict=True):
            wrote = answer.output.next(row)
            if wrote is None:
                continue
            if wrote.finish_reason:
                self._answers.pop(answer.job.id, None)
            said.append(wrote)
        return said

    def _without_gone(self, group: Group | None) -> Group | None:
        """Leave out the rows whose job is over, and the columns that are padding to all others."""
        if group is None:
            return None
        rows = [at for at, one in enumerate(group.answers) if one.job.id in self._answers]
        if len(rows) == len(group.answers) or not rows:
            return group if rows else None
        seen = group.seen[rows]
        drop = int(seen.any(axis=0).argmax())
        if group.kept is not None:
            drop = min(drop, group.read) if group.read < group.tokens.shape[1] else drop
            kept = self._decoder.select(group.kept, rows, drop)
        else:
            kept = None
        return Group(
            [group.answers[at] for at in rows],
            seen[:, drop:],
            group.tokens[rows, drop:],
            max(0, group.read - drop),
            kept,
        )

    def _joined(self, first: Group, second: Group) -> Group:
        width = max(first.seen.shape[1], second.seen.shape[1])
        seen = np.concatenate([_padded(group.seen, width) for group in (first, second)])
        kept = self._decoder.join(first.kept, second.kept)
        nothing = np.zeros((len(seen), 0), dtype=np.int64)
        return Group([*first.answers, *second.answers], seen, nothing, 0, kept)


def _padded(seen: Whole, width: int) -> Whole:
    return np.pad(seen, ((0, 0), (width - seen.shape[1], 0)))
