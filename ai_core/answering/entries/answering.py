"""Answers with knowledge entries: each question of a message that has one.

An entry is written by code alone, whichever model is asked: its words were read against the law,
and no model may change them. Where the agreement that was told decides, its clause leads; where it
may provide otherwise, it follows. For questions without an entry, the law is quoted below.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from ai_core.answering.citations import CitationFilter
from ai_core.answering.clauses import agreement_silent, clauses_decide, of_one_category
from ai_core.answering.entries.answered import Answered, EntryAnswer
from ai_core.answering.entries.choosing import ChosenEntry, EntryChoice
from ai_core.answering.entries.without_entry import QUOTED, QuestionsWithoutEntry
from ai_core.answering.entries.writing import (
    Asker,
    in_language,
    raised,
    write_entry,
)
from ai_core.answering.evidence import Evidence, least_sure, merged
from ai_core.answering.missing_law import MissingLaws
from ai_core.answering.question import Question
from ai_core.answering.reply import ReplyBuilder
from ai_core.answering.request import ResolvedRequest
from ai_core.answering.understanding.questions import (
    QuestionAsked,
    questions_asked,
    speaks_of,
    title_of,
)
from ai_core.engines.base import AnswerPart, Engine, Prompt
from ai_core.law.agreement_categories import categories_in
from ai_core.law.records import Agreement, Confidence, Passage, SearchResult, SourceKind
from ai_core.law.source import LawSource
from shared.ai.contract import Citation, EntryTaken
from shared.languages import Language
from shared.texts import Texts

MAX_SUGGESTIONS = 3
_AGREEMENT_PASSAGES = 8
_PARTS = (
    AnswerPart.SUMMARY,
    AnswerPart.CONDITIONS,
    AnswerPart.STEPS,
    AnswerPart.SOURCES,
)


@dataclass(frozen=True, slots=True)
class _Agreed:
    """What an agreement says, the addresses of its clauses, and where it leads the words after it.

    `law` stands between the agreement and the entries, which tell the law.
    """

    said: str
    sources: str
    law: str


class EntryAnswers:
    """Makes the answers of the pipeline that entries give; `quoting` quotes agreements."""

    def __init__(
        self,
        choice: EntryChoice,
        law: LawSource,
        quoting: Engine,
        texts: Texts,
        missing_laws: MissingLaws,
    ) -> None:
        self._choice, self._law = choice, law
        self._quoting, self._texts = quoting, texts
        self._missing_laws = missing_laws
        self._rest = QuestionsWithoutEntry(quoting, texts)

    async def of(self, request: ResolvedRequest, evidence: Sequence[Evidence]) -> Answered:
        """Return the answers to the questions of a message, in their order.

        Raises CorpusMissing, QueueFull.
        """
        if not _may_answer(request.question):
            return Answered()
        asker = _asker_of(request)
        answers: list[EntryAnswer] = []
        rest: list[Evidence] = []
        apart = len(evidence) > 1 and not request.question.history
        asked = questions_asked(request.question.text)
        for one in evidence:
            held = [each for each in asked if each.stands_in(one.asked.text)]
            title = title_of(one.asked.text) if len(evidence) == 1 else ""
            choices = await self._choice.of(
                one, asker, held, apart=apart and bool(held), title=title
            )
            chosen = self._of_law_held(choices, one)
            added = await self._written(chosen, asker, answers)
            answers += added
            if not added and not any(c.entry is a.chosen.entry for c in chosen for a in answers):
                rest.append(one)
        if not answers:
            return Answered()
        return Answered(tuple(answers), tuple(rest), await self._unanswered(asked, answers, rest))

    async def _unanswered(
        self,
        asked: Sequence[QuestionAsked],
        answers: Sequence[EntryAnswer],
        rest: Sequence[Evidence],
    ) -> tuple[QuestionAsked, ...]:
        given = {answer.chosen.entry.topic_id for answer in answers}
        others = [one for one in asked if not any(one.stands_in(r.asked.text) for r in rest)]
        said = " ".join(text for answer in answers for _, text in answer.written.parts)
        return tuple(
            one
            for one in await self._choice.unanswered(others, given)
            if not (one.follows and speaks_of(said, one.sentence))
        )

    async def rule_of(
        self, request: ResolvedRequest, evidence: Sequence[Evidence], calculator: str
    ) -> Answered:
        """Return the entries that surely answer what is asked of a calculator, or its rule.

        Raises CorpusMissing, QueueFull.
        """
        answered = await self.of(request, evidence)
        if answered.sure:
            return Answered(answered.answers)
        if not _may_answer(request.question):
            return Answered()
        asker, query = _asker_of(request), request.question.search.query
        entry = await self._choice.rule_of(query, calculator, asker.profile)
        chosen = [ChosenEntry(entry, Confidence.MEDIUM)] if entry else []
        return Answered(tuple(await self._written(chosen, asker)))

    async def instead_of(
        self, request: ResolvedRequest, evidence: Sequence[Evidence], calculator: str
    ) -> Answered:
        """Return the entries that surely answer, and have not the rule of this calculator."""
        answered = await self.of(request, evidence)
        ruled = any(one.chosen.entry.calculator == calculator for one in answered.answers)
        return Answered(answered.answers) if answered.sure and not ruled else Answered()

    def _of_law_held(self, chosen: Sequence[ChosenEntry], one: Evidence) -> list[ChosenEntry]:
        """Leave out the nearest entries where law outside the corpus decides a question.

        Except those whose own question is about that law.
        """
        missing = self._missing_laws.of(one.asked.with_terms, "fr")
        return [
            choice
            for choice in chosen
            if not (choice.nearest and missing)
            or self._missing_laws.of(choice.entry.question.fr, "fr") == missing
        ]

    async def _written(
        self,
        chosen: Sequence[ChosenEntry],
        asker: Asker,
        before: Sequence[EntryAnswer] = (),
    ) -> list[EntryAnswer]:
        """Write the entries of a question that the answers before it do not give already."""
        answers: list[EntryAnswer] = []
        for choice in chosen:
            others = [*before, *answers]
            if any(choice.entry is other.chosen.entry for other in others):
                continue
            named = sum(len(other.written.citations) for other in others)
            written = await write_entry(
                choice.entry,
                self._law,
                self._texts,
                asker,
                before=named,
                condition=choice.condition,
            )
            if written is not None:
                title = in_language(choice.entry.question, asker.language)
                answers.append(EntryAnswer(title, choice, written))
        return answers

    def sure(self, answers: Sequence[EntryAnswer]) -> bool:
        """Whether every entry of an answer surely is the one that was asked for."""
        return all(answer.chosen.confidence is not Confidence.LOW for answer in answers)

    def complete(self, answers: Sequence[EntryAnswer]) -> bool:
        """Whether entries answer surely, and none gives the rule of a calculation."""
        return self.sure(answers) and not any(one.chosen.entry.calculator for one in answers)

    async def write(
        self,
        answered: Answered,
        request: ResolvedRequest,
        evidence: Sequence[Evidence],
        reply: ReplyBuilder,
    ) -> AsyncGenerator[tuple[AnswerPart, str]]:
        """Yield the parts of the answer, and set what the reply holds beside its text.

        An agreement that decides leads, or to which the law leaves the answer; the entry tells the
        law after it. Else the agreement follows.
        """
        language, answers = request.question.language, answered.answers
        reply.citations = [one for answer in answers for one in answer.written.citations]
        reply.confidence = least_sure(answer.chosen.confidence for answer in answers)
        reply.entries = [_taken(answer, language) for answer in answers]
        reply.outcome = "entry"
        agreed = await self._agreement(answers, request, evidence, reply)
        for opening in self._openings(answers, reply, agreed, language):
            yield AnswerPart.SUMMARY, opening
        quoted = await self._rest.parts(answered.rest, answered.unanswered, request, reply)
        for part in _PARTS:
            titled = part is AnswerPart.SUMMARY or len(answers) + len(answered.rest) > 1
            for text in _texts(answers, part, titled=titled):
                yield part, text
            if part is AnswerPart.SUMMARY:
                for text in self._after(answers, reply, agreed, language):
                    yield part, text
            if part in quoted:
                yield part, quoted[part]
        if agreed.sources:
            yield AnswerPart.SOURCES, agreed.sources

    async def _agreement(
        self,
        answers: Sequence[EntryAnswer],
        request: ResolvedRequest,
        evidence: Sequence[Evidence],
        reply: ReplyBuilder,
    ) -> _Agreed:
        """Return what the agreement says, and whether it goes before the entries."""
        found, decides = merged(evidence), clauses_decide(evidence)
        told = request.question.search.profile.category is not None
        apart = bool(categories_in(found.passages)) and not told
        defers = self.sure(answers) and _defers(answers) and not apart
        key = "decides" if decides else "left_to" if defers else "says"
        said, sources = await self._agreed(answers, request, found, reply, f"agreement_{key}")
        if not said and agreement_silent(evidence):
            said = self._silent(found.agreement, request.question.language)
        leads = bool(sources) and (decides or defers)
        law = self._after_agreement(found, request.question.language)
        return _Agreed(said, sources, law if leads else "")

    def _openings(
        self,
        answers: Sequence[EntryAnswer],
        reply: ReplyBuilder,
        agreed: _Agreed,
        language: Language,
    ) -> Iterator[str]:
        """Yield what stands before the entries: a clause that leads, a doubt about the entries."""
        if agreed.law:
            yield agreed.said
            yield agreed.law
        if reply.confidence is Confidence.LOW and not self._doubt_follows(answers):
            yield self._texts.say("nearest_entries", language)

    def _after(
        self,
        answers: Sequence[EntryAnswer],
        reply: ReplyBuilder,
        agreed: _Agreed,
        language: Language,
    ) -> Iterator[str]:
        """Yield what follows the short answers: a slight doubt, a clause that does not lead."""
        if reply.confidence is Confidence.LOW and self._doubt_follows(answers):
            yield self._texts.say("another_question", language)
        if agreed.said and not agreed.law:
            yield agreed.said

    def _doubt_follows(self, answers: Sequence[EntryAnswer]) -> bool:
        """Whether every entry is likely enough to be told before the doubt about it."""
        return not any(answer.chosen.nearest for answer in answers)

    async def suggestions(self, answers: Sequence[EntryAnswer], language: Language) -> list[str]:
        """Return the questions of the entries related to those of the answer."""
        related = [
            in_language(entry.question, language)
            for answer in answers
            for entry in await self._choice.related(answer.chosen.entry)
        ]
        return list(dict.fromkeys(related))[:MAX_SUGGESTIONS]

    async def near(self, question: str, language: Language) -> list[str]:
        """Return the questions of entries that a question may mean, though none surely."""
        near = await self._choice.near(question)
        return [in_language(entry.question, language) for entry in near][:MAX_SUGGESTIONS]

    async def _agreed(
        self,
        answers: Sequence[EntryAnswer],
        request: ResolvedRequest,
        found: SearchResult,
        reply: ReplyBuilder,
        key: str,
    ) -> tuple[str, str]:
        """Return what the agreement says, where it may provide otherwise, and its addresses.

        `key` names the sentence before it.
        """
        depends = key == "agreement_decides" or _depends(answers)
        passages = [one for one in found.passages if one.kind is SourceKind.AGREEMENT]
        if not (depends and found.agreement and passages):
            return "", ""
        if request.question.search.profile.category is None:
            passages = of_one_category(passages)
        passages = passages[:_AGREEMENT_PASSAGES]
        said = await self._quote(request, found, passages)
        check = CitationFilter(passages, request.day, "")
        shown = check.feed(said) + check.finish()
        citations = check.citations()
        if not citations:
            return "", ""
        before = len(reply.citations)
        shown = raised(shown, before)
        reply.citations = [*reply.citations, *citations]
        title = found.agreement.short_title
        language = request.question.language
        said = f"{self._texts.say(key, language, title=title)}\n\n{shown}"
        named = [
            f"{self._heading(citation, number, language)}\n\n{citation.url}"
            for number, citation in enumerate(citations, start=before + 1)
        ]
        return said, "\n\n".join(named)

    def _heading(self, citation: Citation, number: int, language: Language) -> str:
        return self._texts.say(
            "agreement_heading", language, title=citation.title, number=citation.number, n=number
        )

    def _silent(self, agreement: Agreement | None, language: Language) -> str:
        if agreement is None:
            return ""
        return self._texts.say(
            "agreement_silent", language, title=agreement.short_title, url=agreement.url
        )

    def _after_agreement(self, found: SearchResult, language: Language) -> str:
        """Return the sentence between a clause and the law: which of them holds."""
        bounds = {one.bound for one in found.passages if one.bound}
        key = f"bound_{bounds.pop()}" if len(bounds) == 1 else "law_after_agreement"
        return self._texts.say(key, language)

    async def _quote(
        self, request: ResolvedRequest, found: SearchResult, passages: Sequence[Passage]
    ) -> str:
        question, match = request.question, found.agreement_match
        asked = match.rest if match and match.rest else question.search.query
        prompt = Prompt(
            *((), asked, tuple(passages), question.language),
            told=question.search.with_terms,
            confidence=Confidence.MEDIUM,
        )
        async with aclosing(self._quoting.stream(prompt, QUOTED)) as chunks:
            said = [chunk.text async for chunk in chunks if chunk.part is AnswerPart.SUMMARY]
        return "".join(said).strip()


def _may_answer(question: Question) -> bool:
    """Whether a question may be answered by code alone."""
    return question.grounded and not (question.plain or question.sampling.json_schema)


def _asker_of(request: ResolvedRequest) -> Asker:
    question = request.question
    return Asker(question.language, question.search.profile, request.day)


def _texts(answers: Sequence[EntryAnswer], part: AnswerPart, *, titled: bool) -> Iterator[str]:
    """Yield the texts of a part, `titled` by the question that each answers."""
    for answer in answers:
        for kind, text in answer.written.parts:
            if kind is part:
                heading = titled and part is not AnswerPart.SOURCES
                yield f"**{answer.title}**\n\n{text}" if heading else text


def _depends(answers: Sequence[EntryAnswer]) -> bool:
    """Whether an agreement may provide otherwise than an entry."""
    return any("agreement" in answer.chosen.entry.depends_on for answer in answers)


def _defers(answers: Sequence[EntryAnswer]) -> bool:
    """Whether the law leaves to agreements what every entry answers."""
    return all(answer.chosen.entry.defers_to_agreement for answer in answers)


def _taken(answer: EntryAnswer, language: Language) -> EntryTaken:
    entry = answer.chosen.entry
    return EntryTaken(
        topic_id=entry.topic_id,
        question=in_language(entry.question, language),
        checked_on=entry.checked_on,
        checked_by=entry.checked_by,
        calculator=entry.calculator,
    )
