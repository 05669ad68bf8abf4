"""GGUF models through llama.cpp: many answers in every step, over its low-level batch interface.

Each job has a slot, a stream of keys and values of its own. A step computes one row for every job
that writes and a bounded number of rows for those that read their prompts, so that a long prompt
does not hold up running answers. Jobs come and go between any two steps. `gguf_slots` says what a
job need not compute, `gguf_rows` what a step computes, `gguf_threads` with how many threads.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llama_cpp import llama_cpp as lib

from ai_core.engines.base import Capabilities, ChatMessage
from ai_core.engines.decoding.output import Output, most_new_tokens
from ai_core.engines.decoding.threads import Pace, cores
from ai_core.engines.gguf.batch import Grouping, RowBudget, RowPlan, most_rows, plan_rows
from ai_core.engines.gguf.chat import Chat
from ai_core.engines.gguf.context import Context, Logits, Rows, is_wanted
from ai_core.engines.gguf.model import Model, why_refused
from ai_core.engines.gguf.pooling import Pooling
from ai_core.engines.gguf.sampling import Choice
from ai_core.engines.gguf.slots import Head, Slot, choose_slot, common, find_head, shareable
from ai_core.engines.runner import (
    GenerationJob,
    LoadOptions,
    RunnerInfo,
    TokenChunk,
    TokenizedPrompt,
    slots_that_fit,
)
from ai_core.errors import ModelUnusable, Unsupported

CONTEXT_TOKENS = 4_096
_HOLD_S = 12.0


@dataclass(slots=True)
class Answer:
    """A job while it is written, in its slot; `head` is how its prompt begins, once known."""

    job: GenerationJob
    slot: Slot
    choice: Choice
    output: Output
    head: Head | None = None
    first_s: float = 0.0

    def unread(self) -> Sequence[int]:
        """Return the tokens that are still to be computed: of the prompt, or the last written."""
        if self.output.written:
            return (self.output.token,)
        return self.job.prompt.tokens[len(self.slot.tokens) :]


def open_runner(path: str, options: LoadOptions) -> "GgufRunner":
    """Bring a GGUF file to memory. Raises ModelUnusable, NoMemory with what to do about it."""
    model = Model(path)
    try:
        return GgufRunner(model, options)
    except BaseException:
        model.close()
        raise


class GgufRunner:
    """A GGUF model in this process; see `ModelRunner` for what each method promises."""

    def __init__(self, model: Model, options: LoadOptions) -> None:
        context_tokens = options.context_tokens or min(model.trained_tokens, CONTEXT_TOKENS)
        per_slot = model.memory_bytes_per_token * context_tokens
        slots = 1 if model.encodes_only else options.slots or slots_that_fit(per_slot)
        vocabulary = model.vocabulary
        self._model = model
        self._vocabulary = vocabulary
        self._chat = Chat(
            options.chat_template or vocabulary.chat_template,
            bos=vocabulary.bos,
            eos=vocabulary.eos,
        )
        self._pace = Pace(options.threads or cores())
        self._pooling = Pooling(model, context_tokens, self._pace.threads)
        self._context = Context(
            model,
            slots=slots,
            tokens=context_tokens,
            rows=most_rows(slots),
            threads=self._pace.threads,
        )
        self._threads = self._pace.threads
        self._budget = RowBudget()
        self._grouping = Grouping(slots)
        self._slots = [Slot(index) for index in range(slots)]
        self._answers: dict[int, Answer] = {}
        self._adapters: dict[str | None, Any] = {None: None}
        self._adapter: str | None = None
        self._moment = 0
        writes = not model.encodes_only
        self.info = RunnerInfo(
            context_tokens=context_tokens,
            slots=slots,
            capabilities=Capabilities(json_schema=writes, logprobs=writes, embeddings=True),
            precision=model.precision,
            device="cuda" if model.on_gpu else "cpu",
        )

    def tokenize(self, text: str) -> list[int]:
        """Return the tokens of a plain text; nothing in it is read as a control token."""
        return self._vocabulary.tokens(text, special=False, around=False)

    def render(self, messages: Sequence[ChatMessage], raw: str | None) -> TokenizedPrompt:
        """Write the messages with the file's chat template; see `gguf_chat`."""
        if raw is not None:
            return TokenizedPrompt(self._vocabulary.prompt_tokens(raw), 0)
        whole, owned = self._chat.write([self._disarmed(message) for message in messages])
        tokens = self._vocabulary.prompt_tokens(whole)
        if owned == whole:
            return TokenizedPrompt(tokens, len(tokens))
        # The last token of the operator's text may go on into the caller's.
        of_owned = self._vocabulary.prompt_tokens(owned)[:-1]
        return TokenizedPrompt(tokens, common(tokens, of_owned))

    def admit(self, job: GenerationJob) -> bool:
        """Give a job a slot; False while all are taken. Raises ContextOverflow, Unsupported."""
        prompt = job.prompt.tokens
        if self._model.encodes_only:
            raise Unsupported("this model makes embeddings; it cannot write")
        limit = most_new_tokens(job, self.info.context_tokens)
        if job.adapter not in self._adapters:
            raise Unsupported(f"no adapter named {job.adapter} is loaded")
        part = shareable(prompt, job.prompt.cacheable)
        slot = choose_slot(self._slots, part, job.adapter)
        if slot is None:
            return False
        choice = Choice(self._vocabulary, job.sampling, prompt)
        answer = Answer(job, slot, choice, Output(job, self._vocabulary, choice, limit))
        slot.taken = True
        self._answers[job.id] = answer
        self._begin(answer)
        return True

    def cancel(self, job_id: int) -> None:
        """Forget a job and what its caller wrote; nothing when it is unknown."""
        answer = self._answers.pop(job_id, None)
        if answer is not None:
            self._free(answer)

    @property
    def busy(self) -> bool:
        """Tell whether there is a job."""
        return bool(self._answers)

    def step(self) -> list[TokenChunk]:
        """Compute one bounded batch and choose a token for every job that has read its prompt."""
        for answer in self._answers.values():
            if answer.head is None:
                self._begin(answer)
        running = who_computes(self._next_group(), time.monotonic())
        if not running:
            return []
        writers = sum(answer.output.written > 0 for answer in running)
        self._pace.wake()
        way = self._grouping.way(len(running), self._pace.threads)
        plan = plan_rows(
            {answer.slot.index: answer.unread() for answer in running},
            [len(slot.tokens) for slot in self._slots],
            room=[self._room(slot) for slot in self._slots],
            budget=self._budget.rows(writers),
            way=way,
            attention=self._model.attention,
        )
        logits, ours_s = self._compute(plan.rows)
        if writers == len(running):
            self._grouping.took(len(running), self._threads, way, ours_s)
        for index, tokens in plan.keep.items():
            self._context.forget(index, tokens)
        if logits is None:
            return [self._failed(answer) for answer in running]
        return self._advance(running, plan, logits)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector of length 1 for each text; see `gguf_pooling`."""
        return self._pooling.embed(texts)

    def load_adapter(self, name: str, path: str) -> None:
        """Bring a GGUF LoRA to memory. Raises ModelUnusable when it does not fit the model."""
        if not os.path.isfile(path):  # noqa: PTH113
            raise ModelUnusable(f"{path}: there is no such adapter; check the path in models.toml")
        why_refused()
        adapter = lib.llama_adapter_lora_init(self._model.handle, path.encode())
        if not adapter:
            raise ModelUnusable(
                f"{path} is not an adapter of {self._model.path}; "
                f"use the one made for this base ({why_refused()})"
            )
        self._adapters[name] = adapter

    def close(self) -> None:
        """Give the memory back."""
        for job_id in list(self._answers):
            self.cancel(job_id)
        self._pooling.close()
        self._context.close()
        self._model.close()

    def _disarmed(self, message: ChatMessage) -> ChatMessage:
        """Neutralise control tokens, which would end the message or begin another."""
        content = self._vocabulary.disarmed(message.content)
        owned = self._vocabulary.disarmed(message.content[: message.cacheable_chars])
        return ChatMessage(message.role, content, common(content, owned))

    def _begin(self, answer: Answer) -> None:
        """Settle where the beginning of the prompt comes from, unless it is being computed."""
        prompt, slot, adapter = answer.job.prompt, answer.slot, answer.job.adapter
        part = shareable(prompt.tokens, prompt.cacheable)
        head = find_head(self._slots, slot, part, adapter)
        if head.awaited is not None:
            return
        tokens = head.tokens if self._take_over(slot, head) else 0
        slot.tokens = prompt.tokens[:tokens]
        slot.owned = tokens
        slot.adapter = adapter
        slot.computing = True
        slot.wanted, slot.wanted_owned = prompt.tokens, min(prompt.cacheable, len(prompt.tokens))
        answer.head = Head(slot, tokens)

    def _take_over(self, slot: Slot, head: Head) -> bool:
        """Make a slot hold the beginning of its prompt; False when it must be computed anew."""
        if head.tokens and self._model.forgets_in_parts:
            if head.source is None or head.source is slot:
                kept = self._context.forget(slot.index, head.tokens)
            else:
                kept = self._context.copy(head.source.index, slot.index, head.tokens)
            if kept:
                return True
        self._context.forget(slot.index)
        return False

    def _room(self, slot: Slot) -> int:
        """Return how many rows a slot can take and forget again."""
        forgets = self._model.forgets_in_parts or not slot.taken
        return self.info.context_tokens - len(slot.tokens) if forgets else 0

    def _next_group(self) -> list[Answer]:
        """Return the jobs of the next step, first come first.

        An adapter holds for a whole step, so those who write with different ones take turns.
        """
        ready = [answer for answer in self._answers.values() if answer.head is not None]
        if not ready:
            return []
        names = sorted({answer.job.adapter for answer in ready}, key=lambda name: name or "")
        later = [name for name in names if (name or "") > (self._adapter or "")]
        chosen = (later or names)[0]
        if chosen != self._adapter:
            self._context.set_adapter(self._adapters[chosen])
            self._adapter = chosen
        return [answer for answer in ready if answer.job.adapter == chosen]

    def _compute(self, rows: Sequence[Rows]) -> tuple[Logits | None, float]:
        """Compute rows with the threads that are best now; returns the cores' seconds it took."""
        if self._threads != self._pace.threads:
            self._threads = self._pace.threads
            self._context.set_threads(self._threads)
        began_s, used_s = time.monotonic(), time.process_time()
        logits = self._context.compute(rows)
        wall_s, ours_s = time.monotonic() - began_s, time.process_time() - used_s
        self._pace.took(wall_s, ours_s)
        self._budget.took(sum(map(len, rows)), ours_s / self._threads)
        return logits, ours_s

    def _advance(
        self, running: Sequence[Answer], plan: RowPlan, logits: Logits
    ) -> list[TokenChunk]:
        """Take note of what was computed, and let those who have read everything write."""
        at = {chunk.slot: row for row, chunk in enumerate(filter(is_wanted, plan.rows))}
        said: list[TokenChunk | None] = []
        for answer in running:
            slot = answer.slot
            slot.tokens.extend(answer.unread()[: plan.taken.get(slot.index, 0)])
            slot.owned = min(len(slot.tokens), slot.wanted_owned)
            if slot.index in at:
                slot.computing = False
                said.append(self._write(answer, logits[at[slot.index]]))
        return [wrote for wrote in said if wrote is not None]

    def _write(self, answer: Answer, row: Logits) -> TokenChunk | None:
        """Choose the next token of a job; returns what can be told of it."""
        wrote = answer.output.next(row, answer.head.tokens if answer.head else 0)
        if answer.output.written == 1:
            answer.first_s = time.monotonic()
        return self._end(answer, wrote) if wrote and wrote.finish_reason else wrote

    def _end(self, answer: Answer, wrote: TokenChunk) -> TokenChunk:
        self._answers.pop(answer.job.id, None)
        self._free(answer)
        return wrote

    def _failed(self, answer: Answer) -> TokenChunk:
        """End a job whose step failed; nothing its slot holds can be trusted."""
        answer.slot.owned = 0
        fault = f"llama.cpp could not compute: {why_refused()}"
        return self._end(answer, answer.output.over("failed", fault=fault))

    def _free(self, answer: Answer) -> None:
        """Keep the operator's tokens in the slot, forget all others."""
        slot = answer.slot
        answer.choice.close()
        if answer.head is not None:
            kept = slot.owned if self._model.forgets_in_parts else 0
            if kept < len(slot.tokens) and not self._context.forget(slot.index, kept):
                self._context.forget(slot.index)
                kept = 0
            slot.tokens = slot.tokens[:kept]
            slot.owned = kept
        slot.taken = slot.computing = False
        slot.wanted, slot.wanted_owned = [], 0
        self._moment += 1
        slot.freed_at = self._moment


def who_computes(group: Sequence[Answer], now_s: float) -> Sequence[Answer]:
    """Let those who came together go on from their first token together.

    A step with few rows costs nearly as much as one with many, and whoever goes on alone ends
    alone too. So while more jobs read their prompts than are under way, one that has only its
    first token waits for them, at most `_HOLD_S`.
    """
    readers = sum(not answer.output.written for answer in group)
    beginners = {
        answer.job.id
        for answer in group
        if answer.output.written == 1 and now_s - answer.first_s < _HOLD_S
    }
    if readers <= len(group) - readers - len(beginners):
        return group
    return [answer for answer in group if answer.job.id not in beginners]
