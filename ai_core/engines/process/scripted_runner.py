"""A runner without a model: it says again what it was told. For tests of the process around it.

A token is three bytes, so that characters are cut in two; a file in JSON says how it behaves
(`Script`), and some words in a prompt make it misbehave.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from ai_core.engines.base import Capabilities, ChatMessage, TokenLogprob
from ai_core.engines.decoding.stops import StopFilter
from ai_core.engines.runner import (
    GenerationJob,
    LoadOptions,
    RunnerInfo,
    TokenChunk,
    TokenizedPrompt,
)
from ai_core.errors import ContextOverflow, ModelUnusable

TOKEN_BYTES = 3
FOREVER_S = 3_600
FAILS = "#fails"
CRASHES = "#crashes"
ABORTS = "#aborts"
HANGS = "#hangs"
CHOKES = "#chokes"
STALLS = "#stalls"


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the runner behaves: pauses in seconds, prompt tokens read per step, memory to hold.

    `tokenize_s` passes for each text; `prints` is what a chatty library would print.
    """

    slots: int = 4
    context_tokens: int = 4096
    load_s: float = 0.0
    step_s: float = 0.0
    tokenize_s: float = 0.0
    read_tokens: int = 512
    ballast_mib: int = 0
    prints: str = ""


class ScriptedRunner:
    """Says the last message again, word for word; see the module's docstring."""

    def __init__(self, script: Script, options: LoadOptions) -> None:
        self.facts = RunnerInfo(
            context_tokens=options.context_tokens or script.context_tokens,
            slots=options.slots or script.slots,
            capabilities=Capabilities(logprobs=True, embeddings=True),
            precision=options.precision or "bytes",
            device="cpu",
        )
        self._script = script
        self._ballast = bytearray(script.ballast_mib * 1024 * 1024)
        self._answers: dict[int, _Answer] = {}
        self._adapters: dict[str, bytes] = {}
        self._known: set[tuple[int, ...]] = set()

    def tokenize(self, text: str) -> list[int]:
        """Cut the text's UTF-8 into threes."""
        time.sleep(FOREVER_S if STALLS in text else self._script.tokenize_s)
        if CHOKES in text:
            raise ValueError(text)
        return [int.from_bytes(three) for three in _threes(text.encode())]

    def render(self, messages: Sequence[ChatMessage], raw: str | None) -> TokenizedPrompt:
        """Join what all messages say; the operator owns what the first one owns."""
        if raw is not None:
            return TokenizedPrompt(self.tokenize(raw), 0)
        owned = self.tokenize(messages[0].content[: messages[0].cacheable_chars])
        said = self.tokenize(messages[-1].content)
        return TokenizedPrompt([*owned, *said], len(owned))

    def admit(self, job: GenerationJob) -> bool:
        """Take a job while a slot is free."""
        prompt = job.prompt
        if len(prompt.tokens) >= self.facts.context_tokens:
            raise ContextOverflow(tokens=len(prompt.tokens), limit=self.facts.context_tokens - 1)
        if len(self._answers) >= self.facts.slots:
            return False
        owned = tuple(prompt.tokens[: prompt.cacheable])
        reused = len(owned) if owned in self._known else 0
        self._known.add(owned)
        said = self._adapters.get(job.adapter or "", b"") + _bytes_of(
            prompt.tokens[prompt.cacheable :]
        )
        self._answers[job.id] = _Answer(job, said, reused)
        return True

    def cancel(self, job_id: int) -> None:
        """Forget a job."""
        self._answers.pop(job_id, None)

    def step(self) -> list[TokenChunk]:
        """Read a part of each prompt not yet read, write a token of each other answer."""
        time.sleep(self._script.step_s)
        wrote: list[TokenChunk] = []
        for answer in self._answers.values():
            if answer.unread > 0:
                answer.unread -= self._script.read_tokens
            else:
                wrote.append(answer.write())
        for one in wrote:
            if one.finish_reason:
                del self._answers[one.job_id]
        return wrote

    @property
    def busy(self) -> bool:
        """Tell whether a job is under way."""
        return bool(self._answers)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return, for each text, its characters and its words."""
        time.sleep(self._script.step_s)
        return [[float(len(text)), float(len(text.split()))] for text in texts]

    def load_adapter(self, name: str, path: str) -> None:
        """Begin every answer with what the file at `path` says."""
        try:
            self._adapters[name] = Path(path).read_bytes()
        except FileNotFoundError:
            raise ModelUnusable(f"there is no {path}: correct the adapter's path") from None

    def close(self) -> None:
        """Let go of the ballast."""
        self._ballast.clear()


class _Answer:
    def __init__(self, job: GenerationJob, said: bytes, reused: int) -> None:
        self.unread = len(job.prompt.tokens) - reused
        self._job = job
        self._said = said
        self._tokens = iter(_threes(said))
        self._filter = StopFilter(job.sampling.stop)
        self._written = 0
        self._reused = reused

    def write(self) -> TokenChunk:
        """Write one token, or the end."""
        if CRASHES.encode() in self._said:
            raise RuntimeError(self._said.decode())
        if ABORTS.encode() in self._said:
            os.abort()
        if HANGS.encode() in self._said:
            time.sleep(FOREVER_S)
        if FAILS.encode() in self._said:
            return TokenChunk(
                self._job.id, "", 0, finish_reason="failed", error="the prompt says so"
            )
        token = next(self._tokens, None)
        if token is None:
            return self._wrote(self._filter.finish(), 0, "stop")
        self._written += 1
        text = self._filter.feed(token)
        if self._filter.stopped:
            return self._wrote(text, 1, "stop")
        if self._written == self._job.sampling.max_tokens:
            return self._wrote(text + self._filter.finish(), 1, "length")
        return self._wrote(text, 1, None)

    def _wrote(self, text: str, tokens: int, end: Literal["stop", "length"] | None) -> TokenChunk:
        reused, self._reused = self._reused, 0
        asked = self._job.sampling.top_logprobs is not None and tokens
        logprobs = (TokenLogprob(text, 0.0),) if asked else ()
        return TokenChunk(
            self._job.id, text, tokens, cached_tokens=reused, finish_reason=end, logprobs=logprobs
        )


def _bytes_of(tokens: Sequence[int]) -> bytes:
    return b"".join(token.to_bytes(TOKEN_BYTES).lstrip(b"\0") for token in tokens)


def _threes(data: bytes) -> Iterator[bytes]:
    return (data[at : at + TOKEN_BYTES] for at in range(0, len(data), TOKEN_BYTES))


def open_runner(path: str, options: LoadOptions) -> ScriptedRunner:
    """Read the script at `path`. Raises ModelUnusable when it is none."""
    try:
        script = msgspec.json.decode(Path(path).read_bytes(), type=Script)
    except msgspec.MsgspecError as error:
        raise ModelUnusable(f"{path} is no script: {error}") from error
    sys.stdout.write(script.prints)
    time.sleep(script.load_s)
    return ScriptedRunner(script, options)
