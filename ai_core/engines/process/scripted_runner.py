"""A runner without a model that echoes the prompt, to test the process around it.

A token is three bytes, so that characters are split between tokens. A JSON file sets its behaviour
(`RunnerScript`), and some words in a prompt make it misbehave.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from ai_core.engines.base import Capabilities, ChatMessage, TokenLogprob, ToolUse
from ai_core.engines.decoding.stops import StopFilter
from ai_core.engines.error_report import ErrorReport, error_classes
from ai_core.engines.runner import (
    GenerationJob,
    LoadOptions,
    RunnerInfo,
    TokenChunk,
    TokenGrammar,
    TokenizedPrompt,
)
from ai_core.errors import ContextOverflow, EngineFailed, ModelUnusable, Unsupported

TOKEN_BYTES = 3
FOREVER_S = 3_600
FAILS = "#fails"
REFUSED = "#refused:"
"""Followed by the name of an error of the tree, which `admit` raises with all its parts."""
BREAKS = "#breaks"
"""The job alone fails by an unexpected exception: when it is admitted, or after a token."""
BREAKS_LATER = "#breaks-later"
PRINTS = "#prints"
CRASHES = "#crashes"
"""The step fails, whose state is then unknown: the process ends."""
ABORTS = "#aborts"
HANGS = "#hangs"
TOKENIZER_FAILS = "#tokenizer-fails"
TOKENIZER_HANGS = "#tokenizer-hangs"


class RunnerScript(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The runner's behaviour: delays in seconds, prompt tokens per step, memory to allocate.

    `tokenize_s` is the delay per text; `prints` is written to standard output while loading.
    """

    slots: int = 4
    context_tokens: int = 4096
    load_s: float = 0.0
    step_s: float = 0.0
    tokenize_s: float = 0.0
    prefill_tokens: int = 512
    ballast_mib: int = 0
    prints: str = ""


class ScriptedRunner:
    """Echoes the last message, word for word; see the module's docstring."""

    def __init__(self, script: RunnerScript, options: LoadOptions) -> None:
        self.info = RunnerInfo(
            context_tokens=options.context_tokens or script.context_tokens,
            slots=options.slots or script.slots,
            capabilities=Capabilities(logprobs=True, embeddings=True),
            precision=options.precision or "bytes",
            device="cpu",
        )
        self._script = script
        self._ballast = bytearray(script.ballast_mib * 1024 * 1024)
        self._echoes: dict[int, _Echo] = {}
        self._adapters: dict[str, bytes] = {}
        self._cached_prefixes: set[tuple[int, ...]] = set()

    def tokenize(self, text: str) -> list[int]:
        """Split the text's UTF-8 into groups of three bytes."""
        time.sleep(FOREVER_S if TOKENIZER_HANGS in text else self._script.tokenize_s)
        if TOKENIZER_FAILS in text:
            raise ValueError(text)
        return [int.from_bytes(token) for token in _split(text.encode())]

    def render(
        self, messages: Sequence[ChatMessage], raw: str | None, tool_use: ToolUse | None = None
    ) -> TokenizedPrompt:
        """Join the cacheable part of the first message and the whole last message."""
        if raw is not None:
            return TokenizedPrompt(self.tokenize(raw), 0)
        prefix = self.tokenize(messages[0].content[: messages[0].cacheable_chars])
        return TokenizedPrompt([*prefix, *self.tokenize(messages[-1].content)], len(prefix))

    def detokenize(self, tokens: Sequence[int]) -> str:
        """Join the bytes of tokens."""
        return _bytes_of(tokens).decode("utf-8", "replace")

    def compile_schema(self, schema: str) -> TokenGrammar:
        """Raise Unsupported: an echo follows nothing."""
        raise Unsupported("an echo follows no schema")

    def admit(self, job: GenerationJob) -> bool:
        """Take a job while a slot is free."""
        prompt = job.prompt
        if len(prompt.tokens) >= self.info.context_tokens:
            raise ContextOverflow(tokens=len(prompt.tokens), limit=self.info.context_tokens - 1)
        if len(self._echoes) >= self.info.slots:
            return False
        prefix = tuple(prompt.tokens[: prompt.cacheable])
        cached_tokens = len(prefix) if prefix in self._cached_prefixes else 0
        self._cached_prefixes.add(prefix)
        answer = self._adapters.get(job.adapter or "", b"")
        answer += _bytes_of(prompt.tokens[prompt.cacheable :])
        _refuse(answer.decode("utf-8", "replace"))
        self._echoes[job.id] = _Echo(job, answer, cached_tokens)
        return True

    def cancel(self, job_id: int) -> None:
        """Drop a job."""
        self._echoes.pop(job_id, None)

    def step(self) -> list[TokenChunk]:
        """Advance each prompt by `prefill_tokens`, or its answer by one token."""
        time.sleep(self._script.step_s)
        chunks: list[TokenChunk] = []
        for echo in self._echoes.values():
            echo.crash()
            if echo.unread > 0:
                echo.unread -= self._script.prefill_tokens
            else:
                chunks.append(echo.next_chunk())
        for chunk in chunks:
            if chunk.finish_reason:
                del self._echoes[chunk.job_id]
        return chunks

    @property
    def busy(self) -> bool:
        """Whether a job is in progress."""
        return bool(self._echoes)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return, for each text, its number of characters and of words."""
        time.sleep(self._script.step_s)
        if any(BREAKS in text for text in texts):
            raise ValueError(texts[0])
        return [[float(len(text)), float(len(text.split()))] for text in texts]

    def load_adapter(self, name: str, path: str) -> None:
        """Prefix every answer with the contents of the file at `path`."""
        try:
            self._adapters[name] = Path(path).read_bytes()
        except FileNotFoundError:
            raise ModelUnusable(f"there is no {path}: correct the adapter's path") from None

    def close(self) -> None:
        """Free the ballast."""
        self._ballast.clear()


class _Echo:
    def __init__(self, job: GenerationJob, answer: bytes, cached_tokens: int) -> None:
        self.unread = len(job.prompt.tokens) - cached_tokens
        self._job = job
        self._answer = answer
        self._tokens = iter(_split(answer))
        self._filter = StopFilter(job.sampling.stop)
        self._tokens_generated = 0
        self._cached_tokens = cached_tokens

    def next_chunk(self) -> TokenChunk:
        """Generate one token, or the end."""
        try:
            self._fail()
        except (EngineFailed, RuntimeError) as error:
            report = ErrorReport.of(error)
            return TokenChunk(self._job.id, "", 0, finish_reason="failed", error=report)
        token = next(self._tokens, None)
        if token is None:
            return self._chunk(self._filter.finish(), 0, "stop")
        self._tokens_generated += 1
        text = self._filter.feed(token)
        if self._filter.stopped:
            return self._chunk(text, 1, "stop")
        if self._tokens_generated == self._job.sampling.max_tokens:
            return self._chunk(text + self._filter.finish(), 1, "length")
        return self._chunk(text, 1, None)

    def _fail(self) -> None:
        if FAILS.encode() in self._answer:
            raise EngineFailed("requested by the prompt")
        if BREAKS_LATER.encode() in self._answer and self._tokens_generated:
            raise RuntimeError(self._answer.decode())

    def crash(self) -> None:
        """Do to the whole process what the prompt asks for."""
        if CRASHES.encode() in self._answer:
            raise RuntimeError(self._answer.decode())
        if ABORTS.encode() in self._answer:
            os.abort()
        if HANGS.encode() in self._answer:
            time.sleep(FOREVER_S)

    def _chunk(
        self, text: str, tokens: int, finish_reason: Literal["stop", "length"] | None
    ) -> TokenChunk:
        cached_tokens, self._cached_tokens = self._cached_tokens, 0
        wanted = self._job.sampling.top_logprobs is not None and tokens
        logprobs = (TokenLogprob(text.encode(), 0.0),) if wanted else ()
        return TokenChunk(self._job.id, text, tokens, cached_tokens, finish_reason, logprobs)


def _refuse(answer: str) -> None:
    """Raise what the prompt asks for."""
    _, asked, name = answer.partition(REFUSED)
    if asked:
        kinds = {f"{kind.__module__}.{kind.__qualname__}": kind for kind in error_classes()}
        raise kinds[name.strip()].of_parts(
            "as the prompt asked",
            retry_after_s=7.5,
            facts={"model": "m", "limit": 3},
            faults=[{"field": "messages.0", "reason": "asked"}],
        )
    if PRINTS in answer:
        sys.stdout.write(f"{answer}\n")
    if BREAKS in answer and BREAKS_LATER not in answer:
        raise RuntimeError(answer)


def _bytes_of(tokens: Sequence[int]) -> bytes:
    return b"".join(token.to_bytes(TOKEN_BYTES).lstrip(b"\0") for token in tokens)


def _split(data: bytes) -> Iterator[bytes]:
    return (data[at : at + TOKEN_BYTES] for at in range(0, len(data), TOKEN_BYTES))


def open_runner(path: str, options: LoadOptions) -> ScriptedRunner:
    """Read the script at `path`. Raises ModelUnusable when it is none."""
    try:
        script = msgspec.json.decode(Path(path).read_bytes(), type=RunnerScript)
    except msgspec.MsgspecError as error:
        raise ModelUnusable(f"{path} is no script: {error}") from error
    sys.stdout.write(script.prints)
    time.sleep(script.load_s)
    return ScriptedRunner(script, options)
