"""The answer pipeline: from a resolved request to a stream of events.

The steps of one answer, in `_write`: a greeting is answered at once → the question joins its
model's queue → the law is searched → without a source it is refused, otherwise the model writes and
its citations are checked (`generation.py`) → the closing lines → the reply. Who tells of danger to
life reads who to call before anything else; a calculation (`calculation/`) and knowledge entries
(`entries/`) come before the law, written by code alone. Around them: identical concurrent questions
are answered once (single flight), a fallback answers for a model that is unavailable, and the
conversation is stored. The file is long because the steps of an answer stand in it in their order.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import chain

from opentelemetry.trace import Tracer

from ai_core.answering.abstention import Abstentions, Refusal
from ai_core.answering.advice import asks_for_advice
from ai_core.answering.agreement_words import agreement_taken
from ai_core.answering.answer_line import AnswerLine
from ai_core.answering.boilerplate import Boilerplate, Closing
from ai_core.answering.cache import AnswerCache, CacheKey, parse_cached
from ai_core.answering.calculation.answering import CalculatedAnswer, CalculatedAnswers
from ai_core.answering.calculation.pay_compared import pay_compared, said
from ai_core.answering.calculation.texts import calculation_texts
from ai_core.answering.claims import AnswerClaims
from ai_core.answering.clauses import agreement_silent, clauses_decide, weighed
from ai_core.answering.conversations import ConversationStore
from ai_core.answering.entries.answered import Answered
from ai_core.answering.entries.answering import EntryAnswers
from ai_core.answering.events import Done, Events, Queued, Text, collect
from ai_core.answering.evidence import UNDECIDED, Evidence, merged
from ai_core.answering.generation import Generation
from ai_core.answering.missing_law import MissingLaw
from ai_core.answering.question import Question
from ai_core.answering.quoting import heading_of
from ai_core.answering.reply import ReplyBuilder
from ai_core.answering.request import ResolvedRequest
from ai_core.answering.single_flight import SingleFlight
from ai_core.answering.suggestions import Suggestions
from ai_core.answering.turns import kept_turn
from ai_core.answering.understanding.clarifications import Clarifications
from ai_core.answering.understanding.profiles import known_fields, with_agreement
from ai_core.answering.unread_languages import ask_again, unread_language_of
from ai_core.engines.base import AnswerPart, ChatMessage
from ai_core.engines.extractive.relevant import fits_no_situation
from ai_core.errors import DeadlineTooShort, ModelUnusable, UpstreamFailed
from ai_core.law.records import Agreement, Confidence, QuestionScope, SearchResult
from ai_core.law.source import LawSource
from ai_core.metrics import AnswerMetrics
from ai_core.models.contract import QueuedJob
from shared.ai.contract import Clarification, ProfileAgreement
from shared.clock import Clock
from shared.distress import HelpLines, help_lines
from shared.errors import Unavailable
from shared.languages import Language
from shared.privacy.masking import label_counts
from shared.web.tracing import NO_TRACER

MAX_PASSAGES = 16
UNGROUNDED = SearchResult(passages=(), scope=QuestionScope.UNCLEAR)


class AnswerPipeline:
    """Answers resolved requests."""

    def __init__(
        self,
        library: LawSource,
        generation: Generation,
        abstentions: Abstentions,
        clarifications: Clarifications,
        suggestions: Suggestions,
        boilerplate: Boilerplate,
        calculated: CalculatedAnswers,
        entries: EntryAnswers,
        cache: AnswerCache,
        claims: AnswerClaims,
        conversations: ConversationStore,
        metrics: AnswerMetrics,
        clock: Clock,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        self._library = library
        self._generation = generation
        self._abstentions = abstentions
        self._clarifications = clarifications
        self._suggestions = suggestions
        self._boilerplate = boilerplate
        self._calculated = calculated
        self._entries = entries
        self._cache = cache
        self._claims = claims
        self._conversations = conversations
        self._metrics = metrics
        self._clock = clock
        self._tracer = tracer
        self._flights: SingleFlight[Done] = SingleFlight()
        self.line = AnswerLine()

    async def run(self, request: ResolvedRequest, *, live: bool) -> Events:
        """Answer: with its text as it is written when `live`, otherwise by `Done` alone.

        When the model is unavailable before its first text, the fallback answers instead. Raises
        what `Generation` raises, and what the search does.
        """
        started = False
        try:
            async with aclosing(self._answer(request, live=live)) as events:
                async for event in events:
                    started = started or not isinstance(event, Queued)
                    yield event
        except (Unavailable, DeadlineTooShort, ModelUnusable):
            if started or request.fallback is None:
                raise
        else:
            return
        self._metrics.degraded.labels(request.card.id).inc()
        async with aclosing(self._answer(request.fallback, live=live)) as events:
            async for event in events:
                yield event

    async def replay(self, request: ResolvedRequest, cached_reply: bytes) -> Events:
        """Answer with the cached reply."""
        done = self._cached(request, cached_reply)
        await self._remember(request, done)
        yield done

    def _cached(self, request: ResolvedRequest, body: bytes) -> Done:
        return parse_cached(
            body,
            processing_time_s=self._clock.elapsed_s() - request.started_s,
            timestamp=self._clock.now(),
        )

    async def _answer(self, request: ResolvedRequest, *, live: bool) -> Events:
        """Generate the answer, or wait for an identical one; cache it and store the conversation.

        The extractive engine is faster than any reader: its answers are never streamed live.
        """
        if live and not request.card.extractive:
            async with aclosing(self._write(request)) as events:
                async for event in events:
                    if isinstance(event, Done):
                        await self._store(request, event)
                        await self._remember(request, event)
                    yield event
            return
        done = await self._write_once(request)
        await self._remember(request, done)
        yield done

    async def _write_once(self, request: ResolvedRequest) -> Done:
        """Generate a whole answer once for all identical concurrent requests, of any process.

        Requests with a deadline do not share: a missed deadline must not fail the others.
        """

        async def work() -> Done:
            done = await self._write_in_turn(request)
            await self._store(request, done)
            return done

        async def claim_and_work(key: CacheKey) -> Done:
            async with self._claims.claimed(key) as written:
                return await work() if written is None else self._cached(request, written)

        key = request.cache_key
        has_deadline = request.deadline_s is not None and not request.card.extractive
        if key is None or has_deadline:
            return await work()
        done = await self._flights.run(key.name, lambda: claim_and_work(key))
        return done.as_of(self._clock.now(), self._clock.elapsed_s() - request.started_s)

    async def _write_in_turn(self, request: ResolvedRequest) -> Done:
        """Write a whole answer; of those without a model few at once. Raises QueueFull."""
        if not request.card.extractive:
            return await self._write_whole(request)
        async with self.line.turn(request.rate_limit_id):
            return await self._write_whole(request)

    async def _write_whole(self, request: ResolvedRequest) -> Done:
        try:
            return await collect(self._write(request))
        except UpstreamFailed:
            pass
        return await collect(self._write(request))  # nothing was sent yet: retry, on another server

    async def _write(self, request: ResolvedRequest) -> Events:
        """Generate one answer; see the module's docstring."""
        reply = self._reply(request)
        greeting = self._greeting(request.question) or await self._known(request.question, reply)
        if greeting:
            reply.outcome = "courtesy"
            yield reply.add(greeting, AnswerPart.SUMMARY)
        elif unread := _unread(request.question):
            for text in self._ask_again_in(unread, request.question, reply):
                yield text
        elif _asks_for_advice(request.question):
            for text in self._ask_what_about(request.question, reply):
                yield text
        else:
            async with aclosing(self._write_answer(request, reply)) as events:
                async for event in events:
                    yield event
        yield reply.finish()

    async def _write_answer(self, request: ResolvedRequest, reply: ReplyBuilder) -> Events:
        lines = _lines_for(request.question)
        for text in self._open(request.question, lines, reply):
            yield text
        request = request if lines else await self._calculated.taken_apart(request)
        calculated = await self._calculated.of(request)
        instead = await self._instead_of_calculation(request, calculated, lines, reply)
        if instead is not None:
            for text in instead:
                yield text
            return
        writing = (
            self._write_calculation(calculated, request, reply)
            if calculated and calculated.rest is None
            else self._write_beside(calculated, request, reply, lines)
        )
        async with aclosing(writing) as events:
            async for event in events:
                yield event

    def _open(
        self, question: Question, lines: HelpLines | None, reply: ReplyBuilder
    ) -> Iterator[Text]:
        """Yield who to call in danger, and in which language the answer is."""
        if lines:
            yield reply.add_paragraph(lines.sentence, AnswerPart.SUMMARY)
        if question.frame:
            opening = self._boilerplate.opening(question.language, question.frame)
            yield reply.add_paragraph(opening, AnswerPart.SUMMARY)

    async def _instead_of_calculation(
        self,
        request: ResolvedRequest,
        calculated: CalculatedAnswer | None,
        lines: HelpLines | None,
        reply: ReplyBuilder,
    ) -> Iterator[Text] | None:
        """Return what is said where a calculation is interrupted, or not told what it asked."""
        if lines:
            waits = calculated and (calculated.goes_on or calculated.asks_first)
            return self._interrupted(lines, request.question, reply) if waits else None
        said = await self._calculated.not_recognised(request)
        return self._ask_again(said, request, reply) if said else None

    def _ask_again(
        self, sentence: str, request: ResolvedRequest, reply: ReplyBuilder
    ) -> Iterator[Text]:
        question = request.question
        reply.outcome = "asked"
        yield reply.add_paragraph(sentence, AnswerPart.SUMMARY)
        closing = Closing(None, request.law_date, question.as_of)
        yield reply.add(
            f"\n\n{self._boilerplate.close(closing, question.language, question.frame)}"
        )

    async def _write_beside(
        self,
        calculated: CalculatedAnswer | None,
        request: ResolvedRequest,
        reply: ReplyBuilder,
        lines: HelpLines | None,
    ) -> Events:
        """Answer from entries or the law, after the calculation if there is one.

        Nobody in danger is asked for what a calculation lacks.
        """
        if calculated and lines:
            calculated = calculated.without_question()
        for text in calculated.open(reply) if calculated else ():
            yield text
        details = calculated.details(reply) if calculated else ()
        request = calculated.rest if calculated and calculated.rest else request
        async with aclosing(self._write_found(request, reply, lines, details)) as events:
            async for event in events:
                yield event

    def _interrupted(
        self, lines: HelpLines, question: Question, reply: ReplyBuilder
    ) -> Iterator[Text]:
        """Yield who can help somebody in danger, and that the calculation waits: no figures now."""
        refusal = self._abstentions.in_danger(lines, question.language)
        yield from self._refuse(question, reply, refusal, None, lines)
        waits = calculation_texts().say("calculation_waits", question.language)
        yield reply.add_paragraph(waits, AnswerPart.SUMMARY)

    async def _write_calculation(
        self, calculated: CalculatedAnswer, request: ResolvedRequest, reply: ReplyBuilder
    ) -> Events:
        """Answer with a calculation alone; what it lacks is asked below its rule."""
        if _lines_for(request.question):
            calculated = calculated.without_question()
        rule, evidence = Answered(), list[Evidence]()
        if calculated.asks_first:
            evidence, asked = await self._search(request), calculated.computed.asked
            rule = await self._entries.rule_of(request, evidence, asked.calculator)
        elif calculated.works_out_nothing:
            evidence, asked = await self._search(request), calculated.computed.asked
            rule = await self._entries.instead_of(request, evidence, asked.calculator)
        if not rule.answers:
            for text in chain(calculated.open(reply), calculated.close(reply)):
                yield text
            return
        answered = calculated.works_out_nothing or self._entries.complete(rule.answers)
        asking = () if answered else calculated.open(reply)
        async with aclosing(self._write_entries(rule, request, evidence, reply, asking)) as events:
            async for event in events:
                yield event

    async def _write_found(
        self,
        request: ResolvedRequest,
        reply: ReplyBuilder,
        lines: HelpLines | None,
        details: Iterable[Text],
    ) -> Events:
        """Search, then answer with knowledge entries, or from the law where they do not answer.

        `details` are those of a calculation before it.
        """
        async with self._generation.enqueue(request) as job:
            evidence = await self._search(request)
            answered = await self._entries.of(request, evidence)
            elsewhere = self._decided_elsewhere(request.question, evidence)
            by_place = any(one.found.set_by_place for one in evidence)
            if (elsewhere or by_place or clauses_decide(evidence)) and not self._entries.sure(
                answered.answers
            ):
                answered = Answered()
            writing: Events = (
                self._write_entries(answered, request, evidence, reply, details)
                if answered.answers
                else self._write_from_law(request, reply, lines, details, job, evidence)
            )
            async with aclosing(writing) as events:
                async for event in events:
                    yield event

    async def _write_from_law(
        self,
        request: ResolvedRequest,
        reply: ReplyBuilder,
        lines: HelpLines | None,
        details: Iterable[Text],
        job: QueuedJob | None,
        evidence: list[Evidence],
    ) -> Events:
        """Answer from the law that was found."""
        question, language = request.question, request.question.language
        refusal, unanswered = self._judge(evidence, language, lines)
        evidence = [one for one in evidence if all(one is not other for other, _ in unanswered)]
        found = merged(evidence) if evidence else UNGROUNDED
        reply.confidence = found.confidence if question.grounded else None
        self._take_agreement(question, found, reply)
        missing = self._missing(question, found)
        refusal = refusal or self._elsewhere_alone(missing, found, language)
        silent = refusal is None and agreement_silent(evidence)
        for sentence in self._said_first(
            question, found, None if refusal else missing, silent=silent
        ):
            yield reply.add_paragraph(sentence, AnswerPart.SUMMARY)
        if refusal is None:
            if question.grounded and not question.sampling.json_schema:
                reply.suggestions = await self._entries.near(question.search.query, language)
            several = evidence if len(evidence) > 1 or unanswered else ()
            writing = self._generation.write(request, found, reply, job, several)
            with self._tracer.start_span("engine"):
                async with aclosing(writing) as events:
                    async for event in events:
                        yield event
        if question.grounded and request.card.extractive and not (refusal or reply.citations):
            refusal = self._abstentions.nothing_found(language)
        if refusal and not reply.calculation:
            texts = self._refuse(question, reply, refusal, missing, lines)
        else:
            texts = chain(
                self._unanswered(unanswered, reply),
                details,
                self._close(request, found, reply, missing),
            )
        for text in texts:
            yield text

    async def _write_entries(
        self,
        answered: Answered,
        request: ResolvedRequest,
        evidence: Sequence[Evidence],
        reply: ReplyBuilder,
        details: Iterable[Text],
    ) -> Events:
        """Answer with the knowledge entries chosen; `details` are those of a calculation."""
        question, found = request.question, merged(evidence)
        self._take_agreement(question, found, reply)
        if reply.calculation is None and self._entries.complete(answered.answers):
            reply.clarification = reply.asked_otherwise = None  # for a calculation: not needed
        for sentence in self._said_first(question, found, None, silent=False):
            yield reply.add_paragraph(sentence, AnswerPart.SUMMARY)
        unanswered = self._refused(answered.rest, evidence, question.language)
        answered = answered.without([one for one, _ in unanswered])
        parts = self._entries.write(answered, request, evidence, reply)
        async with aclosing(parts) as written:
            async for part, said in written:
                if part is not AnswerPart.SUMMARY:
                    for detail in details:
                        yield detail
                yield reply.add_paragraph(said, part)
        for detail in details:
            yield detail
        for text in self._unanswered(unanswered, reply):
            yield text
        related = await self._entries.suggestions(answered.answers, question.language)
        reply.suggestions = related or self._suggested(question, reply)
        yield reply.add(f"\n\n{self._closing(request, found, reply)}")

    def _take_agreement(self, question: Question, found: SearchResult, reply: ReplyBuilder) -> None:
        reply.agreement = agreement_taken(found.agreement_match)
        reply.profile = with_agreement(
            question.search.profile, found.agreement_match, given=question.agreement is not None
        )

    def _suggested(self, question: Question, reply: ReplyBuilder) -> list[str]:
        asked = [turn.content for turn in question.history if turn.role == "user"]
        numbers = [citation.number for citation in reply.citations]
        return self._suggestions.choose([*asked, question.search.query], numbers, question.language)

    def _reply(self, request: ResolvedRequest) -> ReplyBuilder:
        language, words = request.question.language, self._boilerplate
        masked = label_counts(request.question.text)
        return ReplyBuilder(
            request,
            words.notice(language, request.question.frame),
            masked,
            words.masked_notice(masked, language),
            words.section_titles(language),
            self._metrics,
            self._clock,
        )

    def _greeting(self, question: Question) -> str | None:
        case = question.search.case
        if question.plain or (case and case.input_asked not in (None, "agreement")):
            return None  # "ok" may answer what was asked
        return self._boilerplate.small_talk_reply(question.text, question.language, question.frame)

    def _ask_what_about(self, question: Question, reply: ReplyBuilder) -> Iterator[Text]:
        """Yield the question back to who wishes for advice and tells no matter, and who to call."""
        language = question.language
        reply.outcome = "asked"
        reply.clarification = Clarification(question=self._boilerplate.tell_me(language))
        yield reply.add_paragraph(self._boilerplate.written_only(language), AnswerPart.SUMMARY)
        yield reply.add_paragraph(reply.clarification.question, AnswerPart.SUMMARY)
        yield reply.add(self._abstentions.help_line(None, language), AnswerPart.HELP)

    def _ask_again_in(self, unread: str, question: Question, reply: ReplyBuilder) -> Iterator[Text]:
        """Yield that a language is not understood, in it too, and who to call."""
        refusal = self._abstentions.nothing_found(question.language)
        said = replace(refusal, sentence=ask_again(unread, question.language))
        yield from self._refuse(question, reply, said, None, None)

    async def _known(self, question: Question, reply: ReplyBuilder) -> str | None:
        """Return what the conversation has told, to a message that asks for it."""
        words = self._boilerplate.profile
        if question.plain or not words.asks(question.text):
            return None
        told = await self._agreement_told(question)
        reply.profile = question.search.profile
        if told:
            agreement = ProfileAgreement(idcc=told.idcc, name=told.short_title, known_by="told")
            reply.profile = reply.profile.model_copy(update={"agreement": agreement})
        return words.told(reply.profile, question.language)

    def _said_first(
        self,
        question: Question,
        found: SearchResult,
        missing: MissingLaw | None,
        *,
        silent: bool,
    ) -> Iterator[str]:
        """Yield what the answer cannot rest on: a fact, an agreement not held, other law.

        `silent`: nothing was found in the agreement that was named.
        """
        compared = pay_compared(
            question.text, question.search.profile, question.as_of or self._clock.today()
        )
        if compared and question.grounded and not question.sampling.json_schema:
            yield said(compared, self._boilerplate.say, question.language)
        if question.search.unknown and found.passages:
            yield self._boilerplate.without_fact(question.language)
        lacking = self._boilerplate.agreements.lacking(found.agreement_match, question.language)
        if lacking and not question.sampling.json_schema:
            yield lacking
        if found.set_by_place and not question.sampling.json_schema:
            yield self._boilerplate.agreements.by_place(question.language)
        if silent and found.agreement and not question.sampling.json_schema:
            yield self._boilerplate.agreements.silent(found.agreement, question.language)
        if missing and found.confidence in UNDECIDED:
            yield missing.sentence

    def _missing(self, question: Question, found: SearchResult) -> MissingLaw | None:
        if not question.grounded or question.sampling.json_schema or found.exact:
            return None
        return self._abstentions.missing(question.search.with_terms, question.language)

    def _elsewhere_alone(
        self, missing: MissingLaw | None, found: SearchResult, language: Language
    ) -> Refusal | None:
        """Return the refusal of a question where nothing that we hold decides, as it seems."""
        alone = missing is not None and missing.alone and found.confidence in UNDECIDED
        return self._abstentions.elsewhere(missing, language) if missing and alone else None

    def _decided_elsewhere(self, question: Question, evidence: Sequence[Evidence]) -> bool:
        """Whether nothing that we hold decides a question."""
        missing = self._missing(question, merged(evidence)) if evidence else None
        return missing is not None and missing.alone

    def _refuse(
        self,
        question: Question,
        reply: ReplyBuilder,
        refusal: Refusal,
        missing: MissingLaw | None,
        lines: HelpLines | None,
    ) -> Iterator[Text]:
        """Yield why there is no answer, and who can help."""
        if lines:
            refusal = self._abstentions.in_danger(lines, question.language)
        elif missing:
            refusal = self._abstentions.elsewhere(missing, question.language)
        reply.abstained, reply.outcome = refusal.abstained, refusal.abstained.reason
        reply.confidence = Confidence.NONE
        if refusal.sentence:
            yield reply.add(refusal.sentence, AnswerPart.SUMMARY)
        yield reply.add(refusal.help, AnswerPart.HELP)
        if question.frame:
            notice = self._boilerplate.notice(question.language, question.frame)
            yield reply.add(f"\n\n{notice}")

    def _close(
        self,
        request: ResolvedRequest,
        found: SearchResult,
        reply: ReplyBuilder,
        missing: MissingLaw | None,
    ) -> Iterator[Text]:
        """Yield who can help where our texts do not decide, and the closing lines."""
        question = request.question
        if question.plain or question.sampling.json_schema:
            return
        undecided = question.grounded and found.confidence in UNDECIDED
        if missing and not undecided:
            yield reply.add_paragraph(missing.sentence, AnswerPart.HELP)
        if missing or undecided:
            help_line = self._abstentions.help_line(missing, question.language)
            yield reply.add(help_line, AnswerPart.HELP)
        if question.grounded:
            reply.suggestions = reply.suggestions or self._suggested(question, reply)
        yield reply.add(f"\n\n{self._closing(request, found, reply)}")

    async def _search(self, request: ResolvedRequest) -> list[Evidence]:
        """Search the law for each question of the message; nothing without the law."""
        question = request.question
        if not question.grounded:
            return []
        asked = question.search.questions
        with self._tracer.start_span("search"), self._metrics.search.time():
            told = None if question.agreement else await self._agreement_told(question)
            agreement = told.idcc if told else question.agreement
            return [
                weighed(
                    one,
                    _doubted(
                        one.with_terms,
                        await self._library.search(
                            one.query,
                            limit=MAX_PASSAGES // len(asked),
                            agreement=agreement,
                            as_of=request.day,
                        ),
                    ),
                )
                for one in asked
            ]

    def _judge(
        self, evidence: Sequence[Evidence], language: Language, lines: HelpLines | None
    ) -> tuple[Refusal | None, list[tuple[Evidence, Refusal]]]:
        """Return the refusal of the whole message, or those of single questions of it.

        Whoever is in danger is not shown texts that decide nothing.
        """
        if lines and all(one.found.confidence is Confidence.NONE for one in evidence):
            return self._abstentions.in_danger(lines, language), []
        refused = self._refused(evidence, evidence, language)
        if refused and len(refused) == len(evidence):
            return refused[0][1], []
        return None, refused

    def _refused(
        self, evidence: Sequence[Evidence], among: Sequence[Evidence], language: Language
    ) -> list[tuple[Evidence, Refusal]]:
        """Return the questions that are refused, and why.

        One beside questions of labour law is not of another matter for its own words alone.
        """
        of_labour_law = any(one.found.scope is QuestionScope.LABOUR_LAW for one in among)
        judged = [
            (
                one,
                self._abstentions.judge(
                    _unclear(one.found) if of_labour_law else one.found, language
                ),
            )
            for one in evidence
        ]
        return [(one, refusal) for one, refusal in judged if refusal]

    def _unanswered(
        self, refused: Sequence[tuple[Evidence, Refusal]], reply: ReplyBuilder
    ) -> Iterator[Text]:
        """Yield why single questions of a message have no answer, and who can help."""
        for one, refusal in refused:
            said = f"**{heading_of(one.asked.text)}**\n\n{refusal.sentence}\n\n{refusal.help}"
            yield reply.add_paragraph(said, AnswerPart.HELP)

    async def _agreement_told(self, question: Question) -> Agreement | None:
        """Return the agreement that earlier messages told, the latest first."""
        before = question.search.naming[1:]
        named = await self._library.agreements_named(before) if before else ()
        return next((agreement for agreement in named if agreement), None)

    def _closing(self, request: ResolvedRequest, found: SearchResult, reply: ReplyBuilder) -> str:
        question, language = request.question, request.question.language
        words, match = self._boilerplate.agreements, found.agreement_match
        if question.grounded and not found.exact and not _lines_for(question):
            message = question.search
            known = known_fields(reply.profile) | message.mentioned
            asked = message.asked_for
            reply.clarification = (
                reply.clarification
                or words.question(found, known, asked, language)
                or self._clarifications.choose(message.with_terms, known, asked, language)
                or reply.asked_otherwise
            )
        law_date = request.law_date if question.grounded else None
        closing = Closing(
            None if reply.outcome == "asked" else reply.clarification,  # the answer asks it
            law_date,
            question.as_of,
            found.missing,
            words.taken(match, language),
        )
        return self._boilerplate.close(closing, question.language, question.frame)

    async def _store(self, request: ResolvedRequest, done: Done) -> None:
        if request.cache_key:
            reply = done.reply
            written = "" if request.card.extractive else f"{reply.response}\n{reply.reasoning}"
            await self._cache.put(request.cache_key, done.body, written=written)

    async def _remember(self, request: ResolvedRequest, done: Done) -> None:
        if request.conversation:
            question, answer = request.question.text, kept_turn(done.reply)
            turns = (ChatMessage("user", question), ChatMessage("assistant", answer))
            conversation = request.conversation
            await self._conversations.add(
                conversation.id, conversation.owner, turns, new=conversation.new
            )


def _unclear(found: SearchResult) -> SearchResult:
    """Return what was found for a question that alone is of another matter, as of none."""
    outside = found.scope is QuestionScope.OUTSIDE
    return replace(found, scope=QuestionScope.UNCLEAR) if outside else found


def _asks_for_advice(question: Question) -> bool:
    """Whether a conversation begins with a wish for advice that tells no matter."""
    begins = not (question.plain or question.history) and _lines_for(question) is None
    return begins and question.grounded and asks_for_advice(question.text)


def _unread(question: Question) -> str | None:
    """Return the language of a question that is not understood, if it is recognised."""
    asked = question.grounded and not (question.plain or question.sampling.json_schema)
    return unread_language_of(question.text) if asked and not _lines_for(question) else None


def _lines_for(question: Question) -> HelpLines | None:
    """Return who to call, where a question tells of danger to life."""
    return None if question.plain else help_lines(question.text, question.language)


def _doubted(question: str, found: SearchResult) -> SearchResult:
    """Return what was found, with low confidence where it is of another situation than told."""
    sure = not (found.exact or found.confidence in UNDECIDED)
    if sure and fits_no_situation(question, found.passages):
        return replace(found, confidence=Confidence.LOW)
    return found
