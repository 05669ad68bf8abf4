"""Answers with a calculation: by itself, or before an answer from the law to what else is asked.

A calculation by itself is written by code alone, whichever model is asked: no model may touch its
figures, and none is needed. Where the rule of an agreement is not held, where the message asks
something else too, or where nothing was told to compute with, the answer from the law follows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ai_core.answering.agreement_words import agreement_taken
from ai_core.answering.boilerplate import Boilerplate, Closing
from ai_core.answering.calculation.computing import (
    UNSAID_NOTICE,
    Calculations,
    Computed,
    is_of_pay,
    is_of_service,
)
from ai_core.answering.calculation.spoken_trades import told_in_french
from ai_core.answering.calculation.texts import calculation_texts
from ai_core.answering.calculation.writing import CalculationWriter, Written
from ai_core.answering.citations import CELL_MARK
from ai_core.answering.events import Text
from ai_core.answering.quoted_sources import QuotedSource, quoted_sources
from ai_core.answering.reply import ReplyBuilder
from ai_core.answering.request import ResolvedRequest
from ai_core.answering.understanding.cases.thread import CaseAsked
from ai_core.answering.understanding.messages import Understood
from ai_core.answering.understanding.profiles import with_agreement
from ai_core.calculators.catalogue import CALCULATORS
from ai_core.calculators.records import LegalSource
from ai_core.calculators.wording import wording
from ai_core.engines.base import AnswerPart
from ai_core.law.records import Confidence, Passage
from ai_core.law.source import LawSource
from shared.ai.contract import Citation
from shared.clock import Clock
from shared.languages import Language

_AGREEMENT = "agreement"
_LONGEST_QUOTE = 300
_CELLS = re.compile(r"\t+")
_MARKER = re.compile(r" \[\d{1,3}\](?=$|\n)")


@dataclass(frozen=True, slots=True)
class _Sources:
    """What a calculation rests on, as the law in service has it, in the order of its numbers.

    `fragments` are the words of each that decide, by the passage's id.
    """

    sources: tuple[LegalSource, ...] = ()
    passages: tuple[Passage, ...] = ()
    fragments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CalculatedAnswer:
    """A calculation to write into a reply; `rest` is the request for what it does not answer."""

    request: ResolvedRequest
    computed: Computed
    written: Written
    language: Language
    sources: _Sources
    boilerplate: Boilerplate
    rest: ResolvedRequest | None
    silent: bool = False

    @property
    def asks_first(self) -> bool:
        """Whether something is missing, and nothing was asked for before."""
        return self.written.reply is None and not self.computed.asked.replies

    @property
    def works_out_nothing(self) -> bool:
        """Whether the result is a rule alone: no measure was told, or the Code fixes nothing."""
        computed = self.computed
        if self.written.reply is None or computed.asked.replies:
            return False
        return computed.gives_nothing_without_agreement or not computed.told_something

    @property
    def goes_on(self) -> bool:
        """Whether the message goes on with the calculation before it and asks nothing else."""
        return self.computed.asked.replied and not self.request.question.search.beside_case

    def without_question(self) -> "CalculatedAnswer":
        """Return the answer without the question that it asks back."""
        return replace(self, written=replace(self.written, clarification=None))

    def open(self, reply: ReplyBuilder) -> Iterator[Text]:
        """Yield the short answer, and set what the reply holds beside its text."""
        reply.calculation = self.written.reply
        if self.silent and self.computed.asked.calculator != UNSAID_NOTICE:
            reply.asked_otherwise = self.written.clarification
            return
        reply.clarification = self.written.clarification
        if self.silent:
            return
        reply.outcome = "calculated" if self.written.reply else "asked"
        yield reply.add_paragraph(self.written.summary, AnswerPart.SUMMARY)

    def details(self, reply: ReplyBuilder) -> Iterator[Text]:
        """Yield the steps, and the sources word for word where nothing else is answered."""
        if self.written.section:
            yield reply.add_paragraph(self._section(), AnswerPart.CALCULATION)
        quoted, citations = self._quoted()
        reply.calculation_citations = citations
        if quoted and self.rest is None:
            yield reply.add_paragraph(quoted, AnswerPart.SOURCES)

    def close(self, reply: ReplyBuilder) -> Iterator[Text]:
        """Yield what closes an answer that is a calculation alone."""
        question = self.request.question
        reply.confidence = Confidence.HIGH if self.written.reply else None
        reply.agreement = agreement_taken(self.computed.match)
        reply.profile = with_agreement(
            question.search.profile, self.computed.match, given=question.agreement is not None
        )
        yield from self.details(reply)
        yield reply.add(f"\n\n{self._closing()}")

    def _section(self) -> str:
        if self.rest is None:
            return self.written.section
        return _without_numbers(self.written.section)

    def _quoted(self) -> tuple[str, list[Citation]]:
        """Return the deciding words of each source below its title, and the citations."""
        texts = calculation_texts()
        sources = []
        pairs = zip(self.sources.sources, self.sources.passages, strict=True)
        for number, (source, passage) in enumerate(pairs, start=1):
            title = source.title
            if source.idcc and self.computed.agreement:
                title = f"{self.computed.agreement.short_title}, {title}"
            heading = texts.say("source_heading", self.language, title=title, n=str(number))
            quotes = "\n>\n".join(f"> {words} [{number}]" for words in self._fragments(passage))
            sources.append(QuotedSource(passage, heading, quotes))
        return quoted_sources(sources, self.request.day)

    def _fragments(self, passage: Passage) -> Iterator[str]:
        """Yield the words of a source that decide, each once, the cells of a table apart."""
        fragments = self.sources.fragments.get(passage.id) or (passage.text[:_LONGEST_QUOTE],)
        for fragment in fragments:
            yield " ".join(_CELLS.sub(f" {CELL_MARK} ", fragment).split())

    def _closing(self) -> str:
        question, asked = self.request.question, self.written.clarification
        closing = Closing(
            asked if self.written.reply else None,
            self.request.law_date,
            question.as_of,
            agreement=self.boilerplate.agreements.taken(self.computed.match, question.language),
        )
        return self.boilerplate.close(closing, question.language, question.frame)


class CalculatedAnswers:
    """Makes the calculated answers of the pipeline."""

    def __init__(
        self, calculations: Calculations, law: LawSource, boilerplate: Boilerplate, clock: Clock
    ) -> None:
        self._calculations = calculations
        self._law = law
        self._boilerplate = boilerplate
        self._clock = clock

    async def of(self, request: ResolvedRequest) -> CalculatedAnswer | None:
        """Return the calculation that a request asks for, None where there is none.

        Raises UnknownAgreement, CorpusMissing, QueueFull.
        """
        question, understood = request.question, request.question.search
        computed = await self._computed(request)
        language = question.language
        if computed is None or (computed.gives_nothing_without_agreement and language == "fr"):
            return None
        writer = CalculationWriter(computed, language)
        may_ask = _AGREEMENT not in understood.asked_for
        written = writer.write(
            may_ask_agreement=may_ask,
            which=self._boilerplate.agreements.which(computed.match, question.language)
            if may_ask
            else None,
        )
        sources = await self._sources(written.sources, request)
        unsaid = computed.asked.calculator == UNSAID_NOTICE or not computed.told_something
        silent = written.reply is None and unsaid
        rest = self._rest(request, understood, computed, silent=silent)
        return CalculatedAnswer(
            request, computed, written, language, sources, self._boilerplate, rest, silent
        )

    async def taken_apart(self, request: ResolvedRequest) -> ResolvedRequest:
        """Return the request with its message by itself, where it tells the calculation nothing.

        A message without a question may name an agreement, or a choice of one, in any words: what
        the law in service does not find in it is another matter. A few words are asked for again.
        Raises what `of` raises.
        """
        question, understood = request.question, request.question.search
        case, apart = understood.case, understood.apart
        if case is None or apart is None or (case.brief and case.input_asked):
            return request
        if await self._tells(case, request):
            return request
        return replace(request, question=replace(question, understood=apart))

    async def not_recognised(self, request: ResolvedRequest) -> str | None:
        """Return the sentence for a few words that name no agreement, where we asked for one.

        Raises CorpusMissing, QueueFull.
        """
        case, language = request.question.search.case, request.question.language
        if case is None or not case.doubtful or case.input_asked != _AGREEMENT:
            return None
        if case.calculator not in CALCULATORS or await self._names_agreement(request):
            return None
        title = wording(language).title(case.calculator)
        return calculation_texts().say("agreement_not_recognised", language, title=title)

    async def _tells(self, case: CaseAsked, request: ResolvedRequest) -> bool:
        """Whether a message that tells no fact names an agreement, or replies to our question."""
        if await self._names_agreement(request):
            return True
        if case.input_asked in (None, _AGREEMENT):
            return False
        computed = await self._computed(request)
        asked = computed.question if computed else None
        return asked is None or not _same_question(asked.input, case.input_asked)

    async def _names_agreement(self, request: ResolvedRequest) -> bool:
        named = request.question.search.naming[:1]
        match = await self._law.agreement_of([told_in_french(one) for one in named], None)
        return match is not None

    async def _computed(self, request: ResolvedRequest) -> Computed | None:
        question, understood = request.question, request.question.search
        if understood.case is None or question.plain or not question.grounded:
            return None
        if question.sampling.json_schema:
            return None
        return await self._calculations.of(
            understood.case,
            understood.naming or (question.text,),
            question.agreement,
            request.day,
            self._clock.today(),
        )

    def _rest(
        self,
        request: ResolvedRequest,
        understood: Understood,
        computed: Computed,
        *,
        silent: bool,
    ) -> ResolvedRequest | None:
        """Return the request for what the calculation does not answer."""
        if understood.beside_case:
            beside = replace(understood, questions=understood.beside_case)
            return replace(request, question=replace(request.question, understood=beside))
        found = computed.calculation
        return request if silent or (found is not None and found.is_minimum) else None

    async def _sources(self, sources: Sequence[LegalSource], request: ResolvedRequest) -> _Sources:
        """Look the sources up in the law in service; one that is not there is not cited."""
        wanted = list(dict.fromkeys((source.id, source.idcc) for source in sources))
        found = dict(zip(wanted, await self._law.cited(wanted, request.day), strict=True))
        fragments: dict[str, dict[str, None]] = {}
        kept: dict[str, tuple[LegalSource, Passage]] = {}
        for source in sources:
            passage = found[source.id, source.idcc]
            if passage is not None:
                kept.setdefault(passage.id, (source, passage))
                said = fragments.setdefault(passage.id, {})
                said.update({source.fragment: None} if source.fragment else {})
        return _Sources(
            tuple(source for source, _ in kept.values()),
            tuple(passage for _, passage in kept.values()),
            {name: tuple(said) for name, said in fragments.items()},
        )


def _same_question(one: str, other: str | None) -> bool:
    """Whether two inputs are asked for by the same question."""
    pair = (one, other or "")
    return one == other or all(map(is_of_pay, pair)) or all(map(is_of_service, pair))


def _without_numbers(section: str) -> str:
    """Return a section whose numbers of sources are those of another answer, without them."""
    return _MARKER.sub("", section)
