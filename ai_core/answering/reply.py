"""Builds a reply from its text, tokens, sources and finish reason, and measures it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ai_core.answering.cache import shared_body
from ai_core.answering.events import Called, Done, Text, Thought
from ai_core.answering.request import ResolvedRequest
from ai_core.answering.understanding.profiles import NOTHING
from ai_core.engines.base import AnswerPart, FinishReason, TextChunk, TokenLogprob, ToolCall
from ai_core.law.records import Confidence
from ai_core.metrics import AnswerMetrics
from shared.ai.contract import (
    Abstention,
    AgreementTaken,
    AnswerSection,
    CalculationReply,
    Citation,
    Clarification,
    EntryTaken,
    GenerateReply,
    LikelyToken,
    Profile,
    WrittenToken,
)
from shared.clock import Clock
from shared.privacy.identifiers import Kind

_MARKER = re.compile(r"\[(\d{1,3})\]")


@dataclass(slots=True)
class ReplyBuilder:
    """Collects one reply and measures it."""

    request: ResolvedRequest
    notice: str
    masked: Mapping[Kind, int]
    masked_notice: str | None
    section_titles: Mapping[AnswerPart, str]
    metrics: AnswerMetrics
    clock: Clock
    texts: list[str] = field(default_factory=list)
    parts: list[tuple[AnswerPart | None, list[str]]] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    assumed_tokens: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    citations: list[Citation] = field(default_factory=list)
    logprobs: list[WrittenToken] = field(default_factory=list)
    abstained: Abstention | None = None
    clarification: Clarification | None = None
    asked_otherwise: Clarification | None = None
    calculation: CalculationReply | None = None
    calculation_citations: list[Citation] = field(default_factory=list)
    entries: list[EntryTaken] = field(default_factory=list)
    agreement: AgreementTaken | None = None
    suggestions: list[str] = field(default_factory=list)
    confidence: Confidence | None = None
    paragraph_ended: bool = False
    profile: Profile = NOTHING
    outcome: str = "answered"
    quotes_lead: bool = False
    finish_reason: FinishReason = "stop"
    calls: list[ToolCall] = field(default_factory=list)

    def call(self, call: ToolCall) -> Called:
        """Append a call of a function and return its event."""
        self.calls.append(call)
        return Called(call, len(self.calls) - 1)

    def add(self, text: str, part: AnswerPart | None = None) -> Text:
        """Append text and return its event, with a heading where a section begins.

        The first one records the time to first text. Text without a part belongs to no section.
        """
        if not self.texts:
            self.metrics.first_token.labels(self.request.card.id).observe(self._elapsed_s())
        heading = ""
        if not self.parts or self.parts[-1][0] is not part:
            heading = self._heading(part)
            self.parts.append((part, []))
        elif self.paragraph_ended:
            text = f"\n\n{text}"
        self.paragraph_ended = False
        self.parts[-1][1].append(text)
        self.texts.append(f"{heading}{text}")
        return Text(self.texts[-1])

    def add_paragraph(self, text: str, part: AnswerPart) -> Text:
        """Append a whole paragraph; what follows in the same part begins another."""
        added = self.add(text, part)
        self.paragraph_ended = True
        return added

    def _heading(self, part: AnswerPart | None) -> str:
        if part is None:
            return ""
        title = f"**{self.section_titles[part]}**\n\n" if part in self.section_titles else ""
        return f"\n\n{title}" if self.texts else title

    def begin(self, prompt_tokens: int) -> None:
        """Charge the prompt as the model begins to read it; whoever hangs up then pays for it."""
        self.assumed_tokens = prompt_tokens
        self.request.meter.tokens += prompt_tokens

    def think(self, text: str) -> Thought:
        """Append reasoning and return its event."""
        self.thoughts.append(text)
        return Thought(text)

    def count(self, chunk: TextChunk) -> None:
        """Count the tokens of a chunk; the first one gives the prompt's true length."""
        if chunk.prompt_tokens:
            self.request.meter.tokens += chunk.prompt_tokens - self.assumed_tokens
            self.assumed_tokens = 0
        self.request.meter.tokens += chunk.tokens
        self.prompt_tokens += chunk.prompt_tokens
        self.cached_tokens += chunk.cached_tokens
        self.completion_tokens += chunk.tokens
        self.finish_reason = chunk.finish_reason or self.finish_reason
        if self.request.question.sampling.top_logprobs is not None:
            self.logprobs += map(_written, chunk.logprobs)

    def finish(self) -> Done:
        """Return the whole answer, and record its metrics."""
        self._measure()
        with_logprobs = self.request.question.sampling.top_logprobs is not None
        reply = GenerateReply(
            response="".join(self.texts),
            summary="\n\n".join(text for part, text in self._parts() if part is AnswerPart.SUMMARY),
            sections=self._sections(),
            suggestions=self.suggestions,
            confidence=self.confidence.value if self.confidence else None,
            language=self.request.question.language,
            model=self.request.card.id,
            tokens_used=self.prompt_tokens + self.completion_tokens,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            finish_reason=self.finish_reason,
            logprobs=self.logprobs if with_logprobs else None,
            reasoning="".join(self.thoughts).rstrip() or None,
            processing_time=self._elapsed_s(),
            timestamp=self.clock.now(),
            citations=[*self.citations, *self._citations_of_calculation()],
            abstained=self.abstained,
            clarification=self.clarification,
            calculation=self.calculation,
            entries=self.entries,
            agreement=self.agreement,
            profile=self.profile,
            corpus_date=self.request.law_date if self.request.question.grounded else None,
            notice=self.notice,
            masked={str(kind): count for kind, count in self.masked.items()},
            masked_notice=self.masked_notice,
        )
        return Done(reply, shared_body(reply), tuple(self.calls))

    def _parts(self) -> Iterator[tuple[AnswerPart | None, str]]:
        for part, texts in self.parts:
            yield part, "".join(texts).strip()

    def _sections(self) -> list[AnswerSection]:
        return [
            AnswerSection(
                kind=part.value,
                title=self.section_titles[part],
                text=text,
                citations=sorted({int(number) for number in _MARKER.findall(text)}),
            )
            for part, text in self._parts()
            if part is not None and part is not AnswerPart.SUMMARY
        ]

    def _citations_of_calculation(self) -> list[Citation]:
        """Return what the calculation rests on and the rest of the answer does not cite."""
        cited = {citation.id for citation in self.citations}
        return [citation for citation in self.calculation_citations if citation.id not in cited]

    def _measure(self) -> None:
        model, metrics = self.request.card.id, self.metrics
        metrics.whole.labels(model).observe(self._elapsed_s())
        metrics.answers.labels(model, self.outcome).inc()
        metrics.read.labels(model).inc(self.prompt_tokens)
        metrics.reused.labels(model).inc(self.cached_tokens)
        metrics.written.labels(model).inc(self.completion_tokens)
        if self.abstained:
            metrics.abstentions.labels(self.abstained.reason).inc()

    def _elapsed_s(self) -> float:
        return self.clock.elapsed_s() - self.request.started_s


def _written(token: TokenLogprob) -> WrittenToken:
    top = [LikelyToken(**_text_and_bytes(other), logprob=logprob) for other, logprob in token.top]
    return WrittenToken(**_text_and_bytes(token.token), logprob=token.logprob, top=top)


def _text_and_bytes(token: bytes) -> dict[str, Any]:
    return {"token": token.decode("utf-8", "replace"), "bytes": list(token)}
