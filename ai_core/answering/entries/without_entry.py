"""Answers the questions of a message that have no entry, beside those that have one."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing

from ai_core.answering.citations import CitationFilter
from ai_core.answering.entries.writing import raised
from ai_core.answering.evidence import UNDECIDED, Evidence, least_sure, merged
from ai_core.answering.quoting import heading_of, quote_in_turn
from ai_core.answering.reply import ReplyBuilder
from ai_core.answering.request import ResolvedRequest
from ai_core.answering.understanding.questions import QuestionAsked
from ai_core.answering.understanding.subjects import content_of
from ai_core.engines.base import AnswerPart, Engine, Sampling
from ai_core.law.records import Confidence
from shared.languages import Language
from shared.texts import Texts

QUOTED = Sampling(max_tokens=0)


class QuestionsWithoutEntry:
    """Quotes the law for questions without an entry, or says that they are not answered."""

    def __init__(self, quoting: Engine, texts: Texts) -> None:
        self._quoting, self._texts = quoting, texts

    async def parts(
        self,
        rest: Sequence[Evidence],
        unanswered: Sequence[QuestionAsked],
        request: ResolvedRequest,
        reply: ReplyBuilder,
    ) -> Mapping[AnswerPart, str]:
        """Return what is said of them, part by part; adds to the reply what it cites.

        Where the law found decides no better than no entry, nothing is quoted: beside answers,
        texts that are only near are taken for one.
        """
        decided = [one for one in rest if one.found.confidence not in UNDECIDED]
        open_ones = [one.asked.text for one in rest if one.found.confidence in UNDECIDED]
        parts = await self._quoted(decided, request, reply) if decided else {}
        said = [
            parts.get(AnswerPart.SUMMARY, ""),
            *self._not_answered(open_ones, unanswered, request.question.language),
        ]
        summary = "\n\n".join(filter(None, said))
        return {**parts, AnswerPart.SUMMARY: summary} if summary else parts

    def _not_answered(
        self, open_ones: Sequence[str], unanswered: Sequence[QuestionAsked], language: Language
    ) -> Iterator[str]:
        """Yield which questions have no answer; a vague one may be answered by what is said."""
        said = self._texts.say("not_answered", language)
        plain = [one.sentence for one in unanswered if not _is_vague(one)]
        for question in (*open_ones, *plain):
            yield f"**{heading_of(question)}**\n\n{said}"
        for one in unanswered:
            if _is_vague(one):
                question = heading_of(one.sentence)
                yield self._texts.say("perhaps_not_answered", language, question=question)

    async def _quoted(
        self, rest: Sequence[Evidence], request: ResolvedRequest, reply: ReplyBuilder
    ) -> dict[AnswerPart, str]:
        found = merged(rest)
        reply.confidence = least_sure([reply.confidence or Confidence.NONE, found.confidence])
        language, before = request.question.language, len(reply.citations)
        check = CitationFilter(found.passages, request.day, "")
        parts: dict[AnswerPart, str] = {}
        quoting = quote_in_turn(self._quoting, rest, found.passages, language, QUOTED)
        async with aclosing(quoting) as chunks:
            async for chunk in chunks:
                shown = (check.feed(chunk.text) + check.finish()).strip()
                if chunk.part and shown:
                    parts[chunk.part] = raised(shown, before)
        reply.citations = [*reply.citations, *check.citations()]
        return parts


def _is_vague(question: QuestionAsked) -> bool:
    """Whether a question does not say by itself what it is asked of."""
    return question.follows or not content_of(question.sentence).subjects
