"""GGUF models through llama.cpp, with continuous batching over its low-level batch interface.

Each job has a slot, a llama.cpp sequence of keys and values. A step computes one row for every job
that decodes and a bounded number of prompt rows, so that a long prompt does not hold up running
answers. Jobs come and go between any two steps. `prefix_cache` says what a job need not compute,
`batch` what a step computes, `decoding.threads` with how many threads.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llama_cpp import llama_cpp as lib

from ai_core.engines.base import Capabilities, ChatMessage, ToolUse
from ai_core.engines.decoding.chat_template import ChatTemplate, PromptText
from ai_core.engines.decoding.logit_adjustment import require_known_tokens, require_tokens
from ai_core.engines.decoding.output import JobOutput, detokenized, max_new_tokens
from ai_core.engines.decoding.threads import ThreadGovernor, available_cores
from ai_core.engines.error_report import ErrorReport
from ai_core.engines.gguf.batch import (
    BatchPlan,
    LayoutTuner,
    RowBudget,
    max_batch_rows,
    plan_batch,
)
from ai_core.engines.gguf.batch_gain import WORTH_IT, measure_batch_gain
from ai_core.engines.gguf.context import BatchSegment, Context, Logits
from ai_core.engines.gguf.model import GgufModel, take_logged_errors
from ai_core.engines.gguf.pooling import EmbeddingContext
from ai_core.engines.gguf.prefix_cache import (
    PrefixSource,
    SequenceSlot,
    cacheable_prefix,
    choose_slot,
    common_prefix_length,
    find_prefix,
)
from ai_core.engines.gguf.sampling import LlamaSampler
from ai_core.engines.runner import (
    GenerationJob,
    LoadOptions,
    RunnerInfo,
    TokenChunk,
    TokenGrammar,
    TokenizedPrompt,
    fit_memory,
)
from ai_core.engines.schemas.grammar import GrammarCompiler
from ai_core.errors import EngineFailed, ModelUnusable, Unsupported

_MAX_HOLD_S = 12.0


@dataclass(slots=True)
class SlotJob:
    """A job in its slot; `prefix` is unknown while another job is computing it."""

    job: GenerationJob
    slot: SequenceSlot
    sampler: LlamaSampler
    output: JobOutput
    prefix: PrefixSource | None = None
    first_token_s: float = 0.0

    def pending_tokens(self) -> Sequence[int]:
        """Return the tokens to compute: the rest of the prompt, or the last one generated."""
        if self.output.generated:
            return (self.output.last_token,)
        return self.job.prompt.tokens[len(self.slot.tokens) :]


def open_runner(path: str, options: LoadOptions) -> "GgufRunner":
    """Load a GGUF file. Raises ModelUnusable, NoMemory with the remedy."""
    model = GgufModel(path)
    try:
        return GgufRunner(model, options)
    except BaseException:
        model.close()
        raise


class GgufRunner:
    """A GGUF model in this process; see `ModelRunner` for the contract of each method."""

    def __init__(self, model: GgufModel, options: LoadOptions) -> None:
        context_tokens, slots = fit_memory(
            options, model.trained_context_tokens, model.kv_bytes_per_token
        )
        slots = 1 if model.encoder_only else slots
        vocabulary = model.vocabulary
        self._model = model
        self._vocabulary = vocabulary
        self._grammars = GrammarCompiler(vocabulary, vocabulary.size)
        self._chat_template = ChatTemplate(
            options.chat_template or vocabulary.chat_template,
            bos=vocabulary.bos,
            eos=vocabulary.eos,
        )
        self._special_tokens = vocabulary.special_tokens_of(self._chat_template)
        self._governor = ThreadGovernor(options.threads or available_cores())
        self._threads = self._governor.threads
        self._embeddings = EmbeddingContext(model, context_tokens, self._threads)
        self._context = Context(
            model,
            slots=slots,
            tokens=context_tokens,
            rows=max_batch_rows(slots),
            threads=self._threads,
        )
        self._budget = RowBudget()
        self._layouts = LayoutTuner(slots)
        self._slots = [SequenceSlot(index) for index in range(slots)]
        self._jobs: dict[int, SlotJob] = {}
        self._adapters: dict[str | None, Any] = {None: None}
        self._adapter: str | None = None
        self._frees = 0
        generates = not model.encoder_only
        gain = None
        if options.tunes_slots and generates and not model.on_gpu:
            gain = measure_batch_gain(self._context, slots, context_tokens, self._threads)
        self.info = RunnerInfo(
            context_tokens=context_tokens,
            slots=slots if gain is None or gain >= WORTH_IT else 1,
            capabilities=Capabilities(
                json_schema=generates,
                logprobs=generates,
                embeddings=True,
                tools=self._chat_template.tool_call_format if generates else None,
            ),
            precision=model.precision,
            device="cuda" if model.on_gpu else "cpu",
            batch_gain=gain,
        )

    def tokenize(self, text: str) -> list[int]:
        """Return the tokens of a plain text; special tokens spelled in it are text."""
        return self._vocabulary.tokenize(text)

    def render(
        self, messages: Sequence[ChatMessage], raw: str | None, tool_use: ToolUse | None = None
    ) -> TokenizedPrompt:
        """Apply the file's chat template; see `ChatTemplate`."""
        if raw is not None:
            tokens = self._vocabulary.tokenize_prompt(PromptText(raw))
            return TokenizedPrompt(tokens, 0, continues=True)
        prompt = self._chat_template.render(messages, tool_use)
        tokens = self._vocabulary.tokenize_prompt(prompt, self._special_tokens)
        if prompt.cacheable_chars == len(prompt.text):
            return TokenizedPrompt(
                tokens, len(tokens), prompt.continues, prompt.reasoning, prompt.call_marks
            )
        # The last token of the operator's text may continue into the caller's.
        prefix = self._vocabulary.tokenize_prompt(prompt.prefix(), self._special_tokens)[:-1]
        cacheable = common_prefix_length(tokens, prefix)
        return TokenizedPrompt(
            tokens, cacheable, prompt.continues, prompt.reasoning, prompt.call_marks
        )

    def detokenize(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, control tokens spelled out. Raises Unsupported."""
        require_tokens(tokens, self._vocabulary.size)
        return detokenized(tokens, self._vocabulary)

    def compile_schema(self, schema: str) -> TokenGrammar:
        """Return a new grammar of a JSON schema; see `GrammarCompiler`."""
        return self._grammars.compile(schema)

    def admit(self, job: GenerationJob) -> bool:
        """Give a job a slot; False while all are taken. Raises ContextOverflow, Unsupported."""
        prompt = job.prompt.tokens
        if self._model.encoder_only:
            raise Unsupported("this model makes embeddings; it cannot write")
        max_tokens = max_new_tokens(job, self.info.context_tokens)
        require_known_tokens(job.sampling, self._vocabulary.size)
        if job.adapter not in self._adapters:
            raise Unsupported(f"no adapter named {job.adapter} is loaded")
        prefix = cacheable_prefix(prompt, job.prompt.cacheable)
        slot = choose_slot(self._slots, prefix, job.adapter)
        if slot is None:
            return False
        sampler = LlamaSampler(self._vocabulary, job)
        output = JobOutput(job, self._vocabulary, sampler, max_tokens)
        running = SlotJob(job, slot, sampler, output)
        slot.in_use = True
        self._jobs[job.id] = running
        self._start(running)
        return True

    def cancel(self, job_id: int) -> None:
        """Drop a job and what its caller wrote; does nothing when the id is unknown."""
        running = self._jobs.pop(job_id, None)
        if running is not None:
            self._free_slot(running)

    @property
    def busy(self) -> bool:
        """Whether there is a job."""
        return bool(self._jobs)

    def step(self) -> list[TokenChunk]:
        """Decode one bounded batch and sample a token for every job whose prompt is complete."""
        for running in self._jobs.values():
            if running.prefix is None:
                self._start(running)
        jobs = hold_back_starters(self._next_group(), time.monotonic())
        if not jobs:
            return []
        decoding = sum(one.output.generated > 0 for one in jobs)
        self._governor.before_step()
        layout = self._layouts.choose(len(jobs), self._governor.threads)
        plan = plan_batch(
            {one.slot.index: one.pending_tokens() for one in jobs},
            [len(slot.tokens) for slot in self._slots],
            free=[self._free_rows(slot) for slot in self._slots],
            budget=self._budget.prompt_rows(decoding),
            layout=layout,
            attention=self._model.attention_ratio,
        )
        logits, cpu_s = self._decode(plan.segments)
        if decoding == len(jobs):
            self._layouts.record(len(jobs), self._threads, layout, cpu_s)
        for index, tokens in plan.keep.items():
            self._context.truncate(index, tokens)
        if logits is None:
            return [self._fail(running) for running in jobs]
        return self._advance(jobs, plan, logits)

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return an embedding of unit length for each text; see `EmbeddingContext`."""
        return self._embeddings.embed(texts)

    def load_adapter(self, name: str, path: str) -> None:
        """Load a GGUF LoRA. Raises ModelUnusable when it does not fit the model."""
        if not os.path.isfile(path):  # noqa: PTH113
            raise ModelUnusable(f"{path}: there is no such adapter; check the path in models.toml")
        take_logged_errors()
        adapter = lib.llama_adapter_lora_init(self._model.handle, path.encode())
        if not adapter:
            raise ModelUnusable(
                f"{path} is not an adapter of {self._model.path}; "
                f"use the one made for this base ({take_logged_errors()})"
            )
        self._adapters[name] = adapter

    def close(self) -> None:
        """Free the model and its contexts."""
        for job_id in list(self._jobs):
            self.cancel(job_id)
        self._embeddings.close()
        self._context.close()
        self._model.close()

    def _start(self, running: SlotJob) -> None:
        """Take a job's prefix from the cache, unless another job is still computing it."""
        prompt, slot, adapter = running.job.prompt, running.slot, running.job.adapter
        prefix = cacheable_prefix(prompt.tokens, prompt.cacheable)
        source = find_prefix(self._slots, slot, prefix, adapter)
        if source.awaited is not None:
            return
        tokens = source.tokens if self._load_prefix(slot, source) else 0
        slot.tokens = prompt.tokens[:tokens]
        slot.cacheable = tokens
        slot.adapter = adapter
        slot.computing = True
        slot.prompt = prompt.tokens
        slot.prompt_cacheable = min(prompt.cacheable, len(prompt.tokens))
        running.prefix = PrefixSource(slot, tokens)

    def _load_prefix(self, slot: SequenceSlot, source: PrefixSource) -> bool:
        """Make a slot hold the prefix; False when it has to be computed."""
        if source.tokens and self._model.can_truncate:
            if source.slot is None or source.slot is slot:
                loaded = self._context.truncate(slot.index, source.tokens)
            else:
                loaded = self._context.copy_prefix(source.slot.index, slot.index, source.tokens)
            if loaded:
                return True
        self._context.truncate(slot.index)
        return False

    def _free_rows(self, slot: SequenceSlot) -> int:
        """Return how many rows a slot can take and truncate again."""
        can_truncate = self._model.can_truncate or not slot.in_use
        return self.info.context_tokens - len(slot.tokens) if can_truncate else 0

    def _next_group(self) -> list[SlotJob]:
        """Return the jobs of the next step, first come, first served.

        An adapter applies to a whole step, so jobs with different ones alternate.
        """
        ready = [running for running in self._jobs.values() if running.prefix is not None]
        if not ready:
            return []
        names = sorted({running.job.adapter for running in ready}, key=lambda name: name or "")
        later = [name for name in names if (name or "") > (self._adapter or "")]
        chosen = (later or names)[0]
        if chosen != self._adapter:
            self._context.set_adapter(self._adapters[chosen])
            self._adapter = chosen
        return [running for running in ready if running.job.adapter == chosen]

    def _decode(self, segments: Sequence[BatchSegment]) -> tuple[Logits | None, float]:
        """Decode a batch with the governor's threads; returns the CPU seconds it took."""
        if self._threads != self._governor.threads:
            self._threads = self._governor.threads
            self._context.set_threads(self._threads)
        began_s, began_cpu_s = time.monotonic(), time.process_time()
        logits = self._context.decode(segments)
        wall_s, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
        self._governor.record_step(wall_s, cpu_s)
        self._budget.record(sum(map(len, segments)), cpu_s / self._threads)
        return logits, cpu_s

    def _advance(
        self, jobs: Sequence[SlotJob], plan: BatchPlan, logits: Logits
    ) -> list[TokenChunk]:
        """Update the slots, and sample for the jobs whose pending tokens were all computed."""
        outputs = (segment.slot for segment in plan.segments if segment.wants_logits)
        row_of = {slot: row for row, slot in enumerate(outputs)}
        chunks: list[TokenChunk | None] = []
        for running in jobs:
            slot = running.slot
            slot.tokens.extend(running.pending_tokens()[: plan.allotted.get(slot.index, 0)])
            slot.cacheable = min(len(slot.tokens), slot.prompt_cacheable)
            if slot.index in row_of:
                slot.computing = False
                chunks.append(self._sample(running, logits[row_of[slot.index]]))
        return [chunk for chunk in chunks if chunk is not None]

    def _sample(self, running: SlotJob, logits: Logits) -> TokenChunk | None:
        cached_tokens = running.prefix.tokens if running.prefix else 0
        chunk = running.output.sample(logits, cached_tokens)
        if running.output.generated == 1:
            running.first_token_s = time.monotonic()
        return self._end(running, chunk) if chunk and chunk.finish_reason else chunk

    def _end(self, running: SlotJob, chunk: TokenChunk) -> TokenChunk:
        self._jobs.pop(running.job.id, None)
        self._free_slot(running)
        return chunk

    def _fail(self, running: SlotJob) -> TokenChunk:
        """End a job whose step failed; what its slot holds is undefined."""
        running.slot.cacheable = 0
        error = EngineFailed(f"llama.cpp could not compute: {take_logged_errors()}")
        failed = running.output.finish("failed", error=ErrorReport.of(error))
        return self._end(running, failed)

    def _free_slot(self, running: SlotJob) -> None:
        """Keep the operator's tokens in the slot, drop all others."""
        slot = running.slot
        running.sampler.close()
        if running.prefix is not None:
            kept = slot.cacheable if self._model.can_truncate else 0
            if kept < len(slot.tokens) and not self._context.truncate(slot.index, kept):
                self._context.truncate(slot.index)
                kept = 0
            slot.tokens = slot.tokens[:kept]
            slot.cacheable = kept
        slot.in_use = slot.computing = False
        slot.prompt, slot.prompt_cacheable = [], 0
        self._frees += 1
        slot.freed_at = self._frees


def hold_back_starters(group: Sequence[SlotJob], now_s: float) -> Sequence[SlotJob]:
    """Return the jobs to step, so that jobs that arrived together decode together.

    A step with few rows costs nearly as much as one with many, and a job that decodes ahead of the
    others also ends alone. So while more jobs prefill than decode, one that has only its first
    token waits for them, at most `_MAX_HOLD_S`.
    """
    prefilling = sum(not running.output.generated for running in group)
    starters = {
        running.job.id
        for running in group
        if running.output.generated == 1 and now_s - running.first_token_s < _MAX_HOLD_S
    }
    if prefilling <= len(group) - prefilling - len(starters):
        return group
    return [running for running in group if running.job.id not in starters]
