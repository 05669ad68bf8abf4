"""Which of the clauses found on one subject applies: the later text, of the asker's trade.

Agreements keep old side agreements, and base texts that a later one replaces in fact, beside the
clause in use. Dates, ranks and headings tell them apart; nothing is left out, only put behind.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ai_core.law.agreement_categories import categories_of
from ai_core.law.records import Passage, TextRank
from ai_core.law.search.agreement_terms import AgreementTerms, Term

_REPLACED = 0.6
_BASE_REPLACED = 0.8
_OTHER_TRADE = 0.75
_LEAST_EXACT, _EXACT_SHARE = 0.88, 0.12
_ABOVE = 0.8
_REPLACED_BY = {
    TextRank.BASE: {TextRank.SIDE, TextRank.PAY},
    TextRank.ANNEX: set[TextRank](),
    TextRank.SIDE: set(TextRank),
    TextRank.PAY: {TextRank.PAY},
}
_LEAST_SHARE = {TextRank.BASE: 1.2, TextRank.ANNEX: 1.2, TextRank.SIDE: 0.85, TextRank.PAY: 0.85}
"""What the later clause holds of the question, of what the older one does: a grid of pay is often
for some categories only."""
_NEAR_SCORE = 0.5
_NEAR_BASE_SCORE = 0.65
_AS_EXACT = 0.2
_BY_NAME = 0.6


@dataclass(frozen=True, slots=True)
class FoundClause:
    """A clause found: its parts, the best first, its score, and the share of the terms it holds."""

    parts: tuple[Passage, ...]
    score: float
    share: float

    @property
    def best(self) -> Passage:
        """Return the part that holds most of what is asked."""
        return self.parts[0]


@dataclass(frozen=True, slots=True)
class RankedClause:
    """A clause and its score among its rivals; `replaced` when a later one has its subject.

    A clause of the base text never is: the day of its latest amendment may be unknown.
    """

    clause: FoundClause
    score: float
    replaced: bool


def ranked(
    found: Mapping[str, FoundClause], terms: Sequence[Term], words: AgreementTerms, question: str
) -> list[RankedClause]:
    """Return the clauses found, by id, in the order in which they apply."""
    asked = {stem for term in terms for phrase, _ in term.phrases for stem in phrase}
    subject = {stem for term in terms if term.name for stem in term.phrases[0][0]}
    told = asked | set(words.stems(question))
    exact = {key: _exactness(one.best, asked, subject, words) for key, one in found.items()}
    clauses = []
    for key, one in found.items():
        replaced = any(
            other != key and _replaces(newer, one, exact[other], exact[key])
            for other, newer in found.items()
        )
        worth = one.score * (_LEAST_EXACT + _EXACT_SHARE * exact[key])
        if _of_another_trade(one.best, told, words):
            worth *= _OTHER_TRADE
        if replaced:
            base = _rank(one.best) is TextRank.BASE
            worth *= _BASE_REPLACED if base else _REPLACED
        marked = replaced and _rank(one.best) is not TextRank.BASE
        clauses.append(RankedClause(one, worth, marked))
    return sorted(clauses, key=lambda clause: -clause.score)


def _exactness(
    passage: Passage, asked: set[str], subject: set[str], words: AgreementTerms
) -> float:
    """Return how far (0 to 1) a clause's own heading, or the title above it, is what is asked."""
    shares = [
        _share(title, asked, subject, words) * worth
        for title, worth in zip(reversed(passage.section_path[-2:]), (1.0, _ABOVE), strict=False)
    ]
    return max(shares, default=0.0)


def _share(title: str, asked: set[str], subject: set[str], words: AgreementTerms) -> float:
    said = [
        one
        for one in words.stems(title)
        if one in subject or (one.isalpha() and one not in words.said_anywhere)
    ]
    return sum(stem in asked for stem in said) / len(said) if said else 0.0


def _rank(passage: Passage) -> TextRank:
    return passage.agreement_text.rank if passage.agreement_text else TextRank.SIDE


def _replaces(
    newer: FoundClause, older: FoundClause, newer_exact: float, older_exact: float
) -> bool:
    """Whether a clause is of a later text, of the same place, on the subject of another one.

    A base text that a later side agreement replaces in fact is still printed: there only the later
    one bears the subject's name. The day of some amendments is not known, so a clause of the base
    text that bears it too may be as recent; but amounts of money are those of the latest text on
    pay.
    """
    mine, theirs = newer.best, older.best
    base, amounts = _rank(theirs) is TextRank.BASE, _rank(mine) is TextRank.PAY
    least = _LEAST_SHARE[TextRank.PAY if amounts else _rank(theirs)]
    return (
        _rank(mine) in _REPLACED_BY[_rank(theirs)]
        and _later_text(mine, theirs)
        and _same_category(mine, theirs)
        and newer.share >= least * older.share
        and newer.score >= (_NEAR_BASE_SCORE if base else _NEAR_SCORE) * older.score
        and newer_exact >= (_BY_NAME if base else older_exact - _AS_EXACT)
        and not (base and older_exact >= _BY_NAME and not amounts)
    )


def _later_text(newer: Passage, older: Passage) -> bool:
    mine, theirs = newer.agreement_text, older.agreement_text
    if not (mine and theirs and newer.updated and older.updated):
        return False
    apart = newer.section_path[:2] != older.section_path[:2]
    return apart and mine.territory == theirs.territory and newer.updated > older.updated


def _same_category(one: Passage, other: Passage) -> bool:
    mine, theirs = (categories_of(" ; ".join(each.section_path[1:])) for each in (one, other))
    return not mine or not theirs or bool(mine & theirs)


def _of_another_trade(passage: Passage, told: set[str], words: AgreementTerms) -> bool:
    """Whether a clause is of an annex for a trade that the question does not name."""
    text = passage.agreement_text
    if text is None or text.rank is not TextRank.ANNEX or categories_of(text.title):
        return False
    own = {stem for stem in words.stems(text.title) if stem.isalpha()} - words.said_anywhere
    return bool(own) and not own & told
