"""Finds the collective agreement a question is about: by IDCC, name, branch, trade or company.

What names an agreement counts before where the asker works, that before what the asker is, that
before for whom; a company never decides. Where several agreements remain, facets (category,
headcount, kind of employer) that the question gives tell them apart; else the question is asked. An
agreement the corpus lacks is found too, so that it can be said.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from difflib import get_close_matches

from ai_core.errors import UnknownAgreement
from ai_core.law.agreement_mentions import AGREEMENT, COLLECTIVE, Level, Mention, Mentions
from ai_core.law.agreement_names import (
    aliases,
    facet_words,
    facets,
    known_agreements,
    successors,
)
from ai_core.law.plain_question import PlainQuestion, plain
from ai_core.law.records import Agreement, AgreementLookup, AgreementMatch, MatchBasis

_TITLE_SHARE = 0.6
"""Least share of the words that follow "convention" a title must hold."""

_IDCC = re.compile(
    rf"""\bidcc(?:\s+(?:n|no|numero))?\s*(\d{{1,4}})\b
    | (?:{COLLECTIVE}|{AGREEMENT})\s+(?:(?:n|no|numero)\s+)?(\d{{3,4}})\b(?!\s+(?:euro|salarie))
    | \bccn\s*(\d{{4}})\b""",
    re.VERBOSE,
)
_BARE_IDCC = re.compile(
    r"(?:^(?=\S+(?: \S+){0,3}$)|\b(?:la|de la|a la|c est la|sou la|sous la) )(\d{3,4})"
    r"(?! (?:euro|salarie|heure|h|e|brut|net|par|km)\b)(?!\S)"
)
_TITLE_BEFORE = re.compile(rf"{COLLECTIVE}\s+(?:(?:des?|du|d|la|les?|l)\s+)*")
_EMPTY_WORDS = frozenset(
    [
        *("a", "au", "aux", "d", "de", "des", "du", "en", "et", "l", "la", "le", "les", "ou"),
        *("par", "pour", "qui", "que", "quel", "quelle", "un", "une", "convention", "collective"),
        *("nationale", "applicable", "concernant", "branche", "personnel", "entreprise", "est"),
        *("ce", "il", "je", "mon", "ma"),
    ]
)
_CATEGORY_WORDS = frozenset(
    [
        "cadre",
        "etam",
        "ouvrier",
        "ouvriere",
        "employe",
        "employee",
        "agent",
        "maitrise",
        "technicien",
        "technicienne",
    ]
)
_NAMING_WORDS = frozenset(["collective", "nationale", "ccn", "ccnt", "idcc"])
_MOST_ALTERNATIVES = 4
_IDCC_DIGITS = 4
_LEAST_BEGUN = 3
"""Letters of a word that a longer one of a title may begin with."""
_WRITTEN_NUMBER = re.compile(r"(?:idcc )?(?:n |no |numero )?(\d{1,4})")
_CLOSE_WORD = 0.75

_BASES = {
    Level.NAME: MatchBasis.NAME,
    Level.SECTOR: MatchBasis.TRADE,
    Level.TRADE: MatchBasis.TRADE,
    Level.COMPANY: MatchBasis.COMPANY,
}


class AgreementFinder:
    """Finds the agreement a question is about, among those the corpus holds and those it lacks."""

    def __init__(self, agreements: Iterable[Agreement]) -> None:
        held = {agreement.idcc: agreement for agreement in agreements}
        self._known = known_agreements() | held
        self._successors = successors()
        self._mentions = Mentions(aliases(held.values()))
        self._facets = facets()
        self._titles = {
            idcc: {word for word in plain(_names(one)).split() if word not in _EMPTY_WORDS}
            for idcc, one in held.items()
        }
        self._title_words = {word for title in self._titles.values() for word in title}

    def find(self, question: str, chosen: str | None = None) -> AgreementMatch | None:
        """Return the agreement a question is about, or None when it speaks of none.

        `chosen` is the IDCC the request gives: it applies unless the question names another one.
        Raises UnknownAgreement when no agreement has that IDCC.
        """
        read = PlainQuestion.read(question)
        written = self._by_number(read) or self._by_words(read)
        if chosen is None:
            return written
        agreement = self._at(chosen)
        if agreement is None:
            raise UnknownAgreement(chosen)
        if written and written.agreement and written.basis in (MatchBasis.IDCC, MatchBasis.NAME):
            return written
        rest = written.rest if written and written.agreement == agreement else question
        return _taken(MatchBasis.CHOSEN, rest, "", agreement)

    def find_first(self, texts: Sequence[str], chosen: str | None) -> AgreementMatch | None:
        """Return what the first of these texts that names one agreement is about.

        `chosen` applies unless a text names another one; where none names one, what the first text
        leaves open. Raises UnknownAgreement.
        """
        matches = [match for text in texts if (match := self.find(text, chosen))]
        named = [match for match in matches if match.basis is not MatchBasis.CHOSEN]
        decided = [match for match in named if match.agreement or match.not_held]
        if decided or chosen is None:
            return next(iter((*decided, *named)), None)
        return self.find("", chosen)

    def meant(self, written: str) -> AgreementLookup:
        """Return the agreement that a number or a name alone means, or those near it."""
        bare = _WRITTEN_NUMBER.fullmatch(plain(written))
        if bare:
            agreement = self._at(bare[1])
            return AgreementLookup(agreement, () if agreement else self._near_number(bare[1]))
        match = self.find(f"convention collective {written}")
        taken = match and (match.agreement or match.not_held)
        if taken:
            return AgreementLookup(taken)
        return AgreementLookup(None, (match and match.alternatives) or self._near_name(written))

    def _near_number(self, number: str) -> tuple[Agreement, ...]:
        """Return the agreements whose number differs by one digit, or by two exchanged."""
        idcc = number.zfill(_IDCC_DIGITS)
        return self._listed([other for other in self._known if _is_slip(idcc, other)])

    def _near_name(self, written: str) -> tuple[Agreement, ...]:
        """Return the agreements that share most words with a name, misspelt and begun ones too."""
        words = {word for word in plain(written).split() if word not in _EMPTY_WORDS}
        titles = {idcc: set(plain(_names(one)).split()) for idcc, one in self._known.items()}
        every = {word for title in titles.values() for word in title if word not in _EMPTY_WORDS}
        begun = {word: {one for one in every if one.startswith(word)} for word in words}
        close = [
            set(get_close_matches(word, every, 3, _CLOSE_WORD))
            | (begun[word] if len(word) >= _LEAST_BEGUN else set())
            for word in words
        ]
        shared = {idcc: sum(bool(one & title) for one in close) for idcc, title in titles.items()}
        best = sorted(filter(shared.get, shared), key=lambda idcc: -shared[idcc])
        return self._listed(best)

    def _at(self, number: str) -> Agreement | None:
        idcc = number.zfill(4)
        return self._known.get(self._successors.get(idcc, idcc))

    def _by_number(self, question: PlainQuestion) -> AgreementMatch | None:
        """Return the agreement whose IDCC the question gives, or that no agreement has it."""
        unknown: AgreementMatch | None = None
        for pattern in (_IDCC, _BARE_IDCC):
            for match in pattern.finditer(question.plain):
                number = next(group for group in match.groups() if group)
                first, last = question.word_at(match.start()), question.word_at(match.end() - 1)
                agreement, words = self._at(number), question.original(last, last)
                spans = [(first, last), *self._names_of(agreement, question)]
                rest = question.without(_naming(question, spans))
                if agreement is not None:
                    return _taken(MatchBasis.IDCC, rest, words, agreement)
                if pattern is _IDCC and unknown is None:
                    unknown = AgreementMatch(MatchBasis.IDCC, rest, words, unknown_idcc=number)
        return unknown

    def _names_of(
        self, agreement: Agreement | None, question: PlainQuestion
    ) -> list[tuple[int, int]]:
        """Return where a question also names the agreement whose number it gives."""
        if agreement is None:
            return []
        mentions = self._mentions.of(question)
        return [(one.first, one.last) for one in mentions if one.idcc == agreement.idcc]

    def _by_words(self, question: PlainQuestion) -> AgreementMatch | None:
        question = self._mentions.repaired(question)
        mentions = [one for one in self._mentions.of(question) if not one.negated]
        level = max((one.level for one in mentions), default=None)
        if level is not Level.NAME and (by_title := self._by_title(question)):
            return by_title
        if level is None:
            return None
        best = _most_precise([one for one in mentions if one.level is level])
        companies = [one for one in mentions if one.level is Level.COMPANY]
        spans = [(one.first, one.last) for one in (*best, *companies)]
        return self._decided(
            AgreementMatch(
                _BASES[level],
                question.without(_naming(question, spans)),
                question.original(*spans[0]),
            ),
            self._told_apart(question, [one.idcc for one in best if not one.doubtful]),
            [one.idcc for one in best if one.doubtful],
            [one.idcc for one in companies],
        )

    def _decided(
        self, match: AgreementMatch, fitting: list[str], doubtful: list[str], companies: list[str]
    ) -> AgreementMatch | None:
        """Take the one agreement that fits, or ask; a company asks, unless one is named."""
        employers = [idcc for idcc in companies if idcc not in fitting]
        if match.basis is MatchBasis.COMPANY or (employers and match.basis is not MatchBasis.NAME):
            return replace(match, alternatives=self._listed([*companies, *fitting]))
        also = self._listed([idcc for idcc in doubtful if idcc not in fitting])
        if len(fitting) == 1:
            return _taken(match.basis, match.rest, match.words, self._known[fitting[0]], also)
        alternatives = (*self._listed(fitting), *also)[:_MOST_ALTERNATIVES]
        return replace(match, alternatives=alternatives) if alternatives else None

    def _asked(
        self, basis: MatchBasis, rest: str, words: str, idccs: Sequence[str]
    ) -> AgreementMatch:
        return AgreementMatch(basis, rest, words, alternatives=self._listed(idccs))

    def _listed(self, idccs: Sequence[str]) -> tuple[Agreement, ...]:
        return tuple(self._known[idcc] for idcc in dict.fromkeys(idccs))[:_MOST_ALTERNATIVES]

    def _told_apart(self, question: PlainQuestion, named: Iterable[str]) -> list[str]:
        """Keep the agreements that fit what the question says of category, headcount, employer."""
        idccs = list(dict.fromkeys(named))
        for facet, values in facet_words().items():
            said = {
                value
                for value, words in values.items()
                if any(word.search(question.plain) for word in words)
            }
            if not said:
                continue
            values_of = {idcc: self._facets.get(idcc, {}).get(facet) for idcc in idccs}
            fitting = [idcc for idcc, value in values_of.items() if value in said]
            idccs = fitting or [i for i, value in values_of.items() if value is None] or idccs
        return idccs

    def _by_title(self, question: PlainQuestion) -> AgreementMatch | None:
        """Return the agreement whose title has most of the words after "convention"."""
        named = _TITLE_BEFORE.search(question.plain)
        if not named:
            return None
        words = [w for w in question.plain[named.end() :].split()[:8] if w not in _EMPTY_WORDS]
        known = [
            close[0] for w in words if (close := get_close_matches(w, self._title_words, 1, 0.86))
        ]
        counted = {idcc: sum(w in title for w in known) for idcc, title in self._titles.items()}
        best = max(counted.values(), default=0)
        if not known or best < max(1, _TITLE_SHARE * len(words)):
            return None
        first, last = question.word_at(named.start()), question.word_at(named.end() - 1)
        rest = question.without(_naming(question, [(first, last)]))
        words_taken = question.original(first, min(last + len(words), len(question.words) - 1))
        idccs = self._told_apart(question, [idcc for idcc, n in counted.items() if n == best])
        if len(idccs) == 1:
            return _taken(MatchBasis.NAME, rest, words_taken, self._known[idccs[0]])
        return self._asked(MatchBasis.NAME, rest, words_taken, idccs)


def _is_slip(idcc: str, other: str) -> bool:
    """Whether a number is another one with one wrong digit, or with two neighbours exchanged."""
    wrong = [place for place in range(_IDCC_DIGITS) if idcc[place] != other[place]]
    if len(wrong) == 1:
        return True
    first, *rest = wrong or (0,)
    exchanged = rest == [first + 1] and idcc[first] == other[first + 1]
    return exchanged and idcc[first + 1] == other[first]


def _names(agreement: Agreement) -> str:
    return f"{agreement.title} {agreement.short_title}"


def _taken(
    basis: MatchBasis,
    rest: str,
    words: str,
    agreement: Agreement,
    also: tuple[Agreement, ...] = (),
) -> AgreementMatch:
    if agreement.held:
        return AgreementMatch(basis, rest, words, agreement=agreement, alternatives=also)
    return AgreementMatch(basis, rest, words, not_held=agreement, alternatives=also)


def _most_precise(mentions: Sequence[Mention]) -> list[Mention]:
    """Keep the most precise mentions of a level, and those that other words make beside them.

    Of two that overlap the longer one counts. Where those left share an agreement, it is meant.
    """
    kept: list[Mention] = []
    for mention in sorted(mentions, key=lambda one: one.size, reverse=True):
        overlapped = [k for k in kept if k.first <= mention.last and mention.first <= k.last]
        if all((k.first, k.last) == (mention.first, mention.last) for k in overlapped):
            kept.append(mention)
    places = {(one.first, one.last) for one in kept}
    if len(places) > 1:
        shared = set.intersection(
            *({one.idcc for one in kept if (one.first, one.last) == place} for place in places)
        )
        if shared:
            return [one for one in kept if one.idcc in shared]
    return kept


def _naming(question: PlainQuestion, spans: Iterable[tuple[int, int]]) -> set[int]:
    """Return the numbers of the words that only name the agreement; a category stays."""
    dropped = {
        number
        for first, last in spans
        for number in range(first, last + 1)
        if question.words[number] not in _CATEGORY_WORDS
    }
    dropped |= {n for n, word in enumerate(question.words) if word in _NAMING_WORDS}
    words = question.words
    dropped |= {
        n
        for n, word in enumerate(words)
        if word == "convention"
        and words[n + 1 : n + 3] not in (("de", "forfait"), ("de", "rupture"))
    }
    return dropped
