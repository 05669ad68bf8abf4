"""Where a question mentions agreements: the aliases in it that count, and how much.

Whether an alias counts depends on its reach and on the words before it: "restaurant" in "je suis
serveur dans un restaurant" is where the asker works, in "j'ai déjeuné au restaurant" it is not.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum

from ai_core.law.agreement_names import Alias, Reach, cues, ordinary_words
from ai_core.law.plain_question import PlainQuestion

AGREEMENT = r"\b(?:convention|convetion|convntion|covention|convension|convantion)"
COLLECTIVE = rf"(?:{AGREEMENT}\s+col\w+(?:\s+nat\w+)?|\bccn[ts]?|\bcc)"
_FILLER = r"""(?:\s+(?:comme|en|tant|que|applicable|dite?|pour|au|sein|dans|chez|un|une|a|aux?
    |des?
    |du|d|la|le|l|les?|mon|ma|notre|entreprise|societe|boite|magasin|etablissement|secteur|branche
    |domaine|metier|personnel|salariee?|employee?|ouvrier|ouvriere|cadre|etam|technicien
    |technicienne|apprentie?|agent|cabinet|activite|est|celle|celui|ccn|cc))*\s*$"""
_NAMED_SO = re.compile(
    rf"(?:{COLLECTIVE}{_FILLER} | {AGREEMENT}(?:\s+(?:de|du|des|d|la|l|le|les))*\s*$"
    rf"| \bidcc\s+\d{{1,4}}{_FILLER})",
    re.VERBOSE,
)
_WORK = re.compile(
    rf"""\b(?:branche|secteur|filiere|metier|domaine
    |travaill(?:e|on|ez|ent|ai|ait|er|ant)|bosse|bossai|embauchee?){_FILLER}""",
    re.VERBOSE,
)
_PERSON_FILLER = _FILLER.replace("|a|aux?", "")
_PERSON = re.compile(
    rf"""(?:\bsui | \bsuis | \bj\s+etai | \btant\s+que | \b(?:ma\s+femme|mon\s+mari|ma\s+fille
    |mon\s+fils|ma\s+mere|mon\s+pere|il|elle)\s+est){_PERSON_FILLER}""",
    re.VERBOSE,
)
_CUSTOMER = re.compile(
    r"\b(?:chez|vers|avec|par|contre|a|au|aux|sur|client(?: de)?|devenir|celui d"
    r"|diplome d|concour d)"
    r"(?: (?:le|la|l|les|un|une|mon|ma|son|sa|notre))?$"
)
_OWN = re.compile(r"(?:^| )(?:le|la|l|mon|ma|son|sa|ce|cette|leur|votre|au|aux)$")
_IN_SECTOR = re.compile(r"\bdans (?:la|le|l|les)$")
_AT_COMPANY = re.compile(
    r"""\b(?:chez|employeur(?:\ est)?|(?:travaille|bosse|salariee?|employee?)\ (?:a|pour|de|d|chez)
    |(?:magasin|boite|groupe|entreprise|restaurant|supermarche)(?:\ d)?)$""",
    re.VERBOSE,
)
_AT_PLACE = re.compile(
    r"\b(?:dans|en|d|de|du|pour|au sein d)"
    r"(?: (?:un|une|le|la|l|les|mon|ma|notre|ce|cette|des|petit|petite|grand|grande|autre))*$"
)
_WORKER_WORDS = 6
_WORK_WORDS = 7
_SHORT_QUESTION = 10
_SHORT_REPLY = 5
_FUNCTION_WORDS = frozenset(
    [
        *(
            "a",
            "au",
            "aux",
            "avec",
            "chez",
            "contre",
            "d",
            "de",
            "des",
            "du",
            "en",
            "et",
            "j",
            "je",
        ),
        *("l", "la", "le", "les", "leur", "leurs", "ma", "mes", "mon", "n", "ne", "ni", "nos"),
        *("notre", "ou", "par", "pas", "pour", "qu", "que", "qui", "s", "sa", "ses", "si", "son"),
        *("sont", "sur", "ta", "tes", "ton", "un", "une", "vers", "vos", "votre", "y", "est"),
    ]
)
_LEADING_WORDS = frozenset(("dans", "le", "la", "l", "les", "en", "une", "un", "des"))
_BEFORE_TRADE = frozenset(
    ("un", "une", "d", "de", "en", "comme", "des", "notre", "nos", "pour", "les", "du", "et", "ou")
)
_NEGATED = re.compile(
    r"\b(?:pas|non|sauf|hor|hors|plutot que)(?: (?:de|du|la|le|l|des|les|en|tant|que))*$"
)
_SHORTEST_REPAIRED = 6
_CLOSE = 0.83


class Level(IntEnum):
    """How much a mention says: the agreement itself, where one works, as what, for whom."""

    COMPANY = 1
    TRADE = 2
    SECTOR = 3
    NAME = 4


@dataclass(frozen=True, slots=True)
class Mention:
    """One alias that counts: the words it takes, by number, and the agreement it may mean."""

    idcc: str
    level: Level
    first: int
    last: int
    parts: int
    doubtful: bool
    negated: bool

    @property
    def size(self) -> tuple[int, int]:
        """What makes one mention more precise than another."""
        return self.parts, self.last - self.first


class Mentions:
    """Finds the mentions of agreements in questions."""

    def __init__(self, aliases: Iterable[Alias]) -> None:
        self._aliases: dict[str, list[Alias]] = {}
        for alias in aliases:
            self._aliases.setdefault(alias.first_word, []).append(alias)
        self._vocabulary: dict[str, list[str]] = {}
        words = {w for named in self._aliases.values() for a in named for w in _words(a)}
        for word in words:
            self._vocabulary.setdefault(word[:1], []).append(word)
        self._right = ordinary_words() | words

    def repaired(self, question: PlainQuestion) -> PlainQuestion:
        """Return the question with misspelt names of agreements and trades put right."""
        return question.with_words(tuple(map(self._repaired, question.words)))

    def of(self, question: PlainQuestion) -> list[Mention]:
        """Return the mentions that count, without those inside a phrase that names none."""
        found = list(self._all(question))
        ordinary = [(m.first, m.last) for m in found if not m.idcc]
        return [
            mention
            for mention in found
            if mention.idcc
            and not any(first <= mention.first and mention.last <= last for first, last in ordinary)
        ]

    def _repaired(self, word: str) -> str:
        if len(word) < _SHORTEST_REPAIRED or not word.isalpha() or word in self._right:
            return word
        close = get_close_matches(word, self._vocabulary.get(word[:1], ()), 1, _CLOSE)
        return close[0] if close and len(close[0]) >= _SHORTEST_REPAIRED - 1 else word

    def _all(self, question: PlainQuestion) -> Iterator[Mention]:
        for first_word in dict.fromkeys(question.words):
            for alias in self._aliases.get(first_word, ()):
                for match in alias.pattern.finditer(question.plain):
                    mention = _mention(question, alias, match)
                    if mention:
                        yield mention


def _mention(question: PlainQuestion, alias: Alias, match: re.Match[str]) -> Mention | None:
    first, last = question.word_at(match.start()), question.word_at(match.end() - 1)
    before = question.plain[: match.start()].rstrip()
    level = _level(question, alias.reach, before, first, last)
    if level is None:
        return None
    negated = bool(_NEGATED.search(before))
    return Mention(alias.idcc, level, first, last, alias.parts, alias.doubtful, negated)


def _words(alias: Alias) -> list[str]:
    return re.findall(r"[^\W\d_]{4,}", alias.expression)


def _level(
    question: PlainQuestion, reach: Reach, before: str, first: int, last: int
) -> Level | None:
    """Return how much an alias says where it stands, or None when it does not count."""
    if reach is Reach.COMPANIES:
        return Level.COMPANY if _AT_COMPANY.search(before) else None
    if reach in (Reach.NAMES, Reach.ORDINARY) or _NAMED_SO.search(before):
        return Level.NAME
    own = Level.TRADE if reach is Reach.TRADES else Level.SECTOR
    if _WORK.search(before):
        return own
    if reach is Reach.TOPICS:
        return None
    if _PERSON.search(before) or _leads(question, reach, first, last):
        return own
    counts = {Reach.TRADES: _of_trade, Reach.SECTORS: _of_sector, Reach.PLACES: _of_place}[reach]
    return own if counts(question, before, first) else None


def _leads(question: PlainQuestion, reach: Reach, first: int, last: int) -> bool:
    """Whether a part of the sentence begins with the alias: "Coiffure : …", "dans le BTP, …"."""
    words, segment = question.words, question.segments[first]
    start = first
    while start and question.segments[start - 1] == segment:
        start -= 1
        if words[start] not in _LEADING_WORDS:
            return False
    alone = last + 1 == len(words) or question.segments[last + 1] != segment
    if reach is Reach.TRADES:
        return start == first or alone
    if reach is Reach.SECTORS and len(words) <= _SHORT_REPLY:
        return True
    if start < first and reach is Reach.PLACES:
        return False
    if segment == 0 and (alone or (reach is Reach.SECTORS and question.heading_ends == segment)):
        return True
    return len(words) <= _SHORT_QUESTION and not cues().subjects.isdisjoint(words)


def _of_trade(question: PlainQuestion, before: str, first: int) -> bool:
    if _CUSTOMER.search(before) or _OWN.search(before):
        return False
    previous = question.words[first - 1]
    return previous in _BEFORE_TRADE or previous not in _FUNCTION_WORDS


def _of_sector(question: PlainQuestion, before: str, first: int) -> bool:
    return bool(_IN_SECTOR.search(before)) or _works_there(question, before, first)


def _of_place(question: PlainQuestion, before: str, first: int) -> bool:
    return _works_there(question, before, first)


def _works_there(question: PlainQuestion, before: str, first: int) -> bool:
    """Whether the words before say that the asker works there."""
    near = question.words[max(0, first - _WORKER_WORDS) : first]
    previous = question.words[first - 1]
    if not _AT_PLACE.search(before):
        return previous in cues().workers
    if any(word in cues().workers for word in near) and "qui" not in near:
        return True
    wide = question.words[max(0, first - _WORK_WORDS) : first]
    return any(
        word.startswith(("travaill", "boss", "embauch")) and word != "travail" for word in wide
    )
