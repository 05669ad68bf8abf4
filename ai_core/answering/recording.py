"""Records each answer as one event for statistics; see `ai_core/records/events.py`.

A cached answer is told from its body, which is read once for each answer that is asked again.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from ai_core.answering.cache import parse_cached
from ai_core.answering.request import ResolvedRequest
from ai_core.answering.turns import kept_turn
from ai_core.records.events import AnswerEvent, AskedQuestion, EventWriter, Outcome
from ai_core.records.kept_conversations import Exchange
from shared.ai.contract import GenerateReply
from shared.clock import Clock

MAX_REMEMBERED = 4_096

CategoryOf = Callable[[str], str | None]
"""The category of a knowledge entry, by its topic id."""


class _Told(NamedTuple):
    """What an answer says about itself."""

    language: str
    outcome: Outcome
    reason: str | None
    confidence: str | None
    entry: str | None
    model: str


class AnswerRecorder:
    """Turns answers into events."""

    def __init__(self, writer: EventWriter, category_of: CategoryOf, clock: Clock) -> None:
        self._writer = writer
        self._category_of = category_of
        self._clock = clock
        self._told: OrderedDict[str, _Told] = OrderedDict()

    def answered(self, request: ResolvedRequest, channel: str, reply: GenerateReply) -> None:
        """Record an answer."""
        if self._writer.writes:
            told, exchange = _told_by(reply), _exchange(request, reply)
            self._put(request, channel, told, cached=reply.cached, exchange=exchange)

    def cached(self, request: ResolvedRequest, channel: str, body: bytes) -> None:
        """Record an answer that came from the cache as `body`."""
        if self._writer.writes and request.cache_key:
            self._put(request, channel, self._remembered(request.cache_key.name, body), cached=True)

    def failed(self, request: ResolvedRequest, channel: str, code: str) -> None:
        """Record an answer that ended with an error of this code."""
        self._ended(request, channel, "failed", code)

    def stopped(self, request: ResolvedRequest, channel: str) -> None:
        """Record an answer that its reader did not wait for."""
        self._ended(request, channel, "stopped", None)

    def _ended(
        self, request: ResolvedRequest, channel: str, outcome: Outcome, reason: str | None
    ) -> None:
        told = _Told(*(request.question.language, outcome, reason), None, None, request.card.id)
        self._put(request, channel, told, cached=False)

    def _remembered(self, name: str, body: bytes) -> _Told:
        told = self._told.get(name)
        if told is None:
            done = parse_cached(body, processing_time_s=0.0, timestamp=self._clock.now())
            told = self._told[name] = _told_by(done.reply)
            if len(self._told) > MAX_REMEMBERED:
                self._told.popitem(last=False)
        return told

    def _put(
        self,
        request: ResolvedRequest,
        channel: str,
        told: _Told,
        *,
        cached: bool,
        exchange: Exchange | None = None,
    ) -> None:
        event = AnswerEvent(
            at=self._clock.now(),
            answer_id=request.answer_id,
            channel=channel,
            language=told.language,
            outcome=told.outcome,
            model=told.model,
            cached=cached,
            latency_ms=round((self._clock.elapsed_s() - request.started_s) * 1_000),
            topic=self._category_of(told.entry) if told.entry else None,
            entry=told.entry,
            confidence=told.confidence,
            reason=told.reason,
            variants=request.variant.sides if request.variant else (),
        )
        conversation = request.conversation
        of = (conversation.id, conversation.owner) if conversation else ()
        asked = AskedQuestion(request.question.text, *of)
        self._writer.put(event, asked if told.outcome != "courtesy" else None, exchange)


def _exchange(request: ResolvedRequest, reply: GenerateReply) -> Exchange | None:
    """Return what a kept conversation keeps; whether a later one's is kept is known there."""
    conversation = request.conversation
    if conversation is None or (conversation.new and not conversation.keep):
        return None
    return Exchange(
        conversation_id=conversation.id,
        owner=conversation.owner,
        question=request.question.text,
        answer=kept_turn(reply),
        new=conversation.new,
    )


def _told_by(reply: GenerateReply) -> _Told:
    return _Told(
        language=reply.language,
        outcome=_outcome(reply),
        reason=reply.abstained.reason if reply.abstained else None,
        confidence=reply.confidence,
        entry=reply.entries[0].topic_id if reply.entries else None,
        model=reply.model,
    )


def _outcome(reply: GenerateReply) -> Outcome:
    """Return how an answer ended; without sources it is a question back, or words of courtesy."""
    if reply.abstained:
        return "refused"
    if reply.calculation:
        return "calculation"
    grounded = reply.corpus_date is not None
    if reply.citations or reply.entries or not grounded:
        return "answered"
    if reply.clarification:
        return "clarification"
    return "answered" if reply.confidence else "courtesy"
