"""What a conversation is about: a follow-up is asked of its subject, a new question replaces it.

A follow-up has no subject of its own ("combien alors ?", "et si je suis en CDD ?"), or points at
the one before ("dans ce cas", "cette indemnité"). What makes a question one of its own is a subject
of labour law (`topics.toml`), or enough words that neither the list nor the facts account for.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from ai_core.answering.understanding.facts import readable
from ai_core.answering.understanding.foreign_facts import in_french_words, unknown_words
from ai_core.law.search.french_terms import terms_in_french
from ai_core.law.search.stems import fold

FILE = Path(__file__).with_name("topics.toml")
_WORD = re.compile(r"[a-z]{3,}")
_COURTESY = re.compile(
    r"^\W*(?:(?:ok|d'accord|merci(?: (?:beaucoup|bien))?|tres bien|super|parfait|bonjour|bonsoir"
    r"|je vois|je comprends|entendu|compris|c'est note|oui|non|thanks?(?: you)?|great|i see|hello"
    r"|hi|alright|yes|no)\b(?: (?:a vous|pour (?:la|votre|cette) (?:reponse|aide)))?[\s,.;:!–-]*)+"
)
_CORRECTION = re.compile(
    r"^\W*(?:(?:(?:ah|oh|euh|non|oups|desolee?|excusez-moi|no|sorry|oops|my mistake"
    r"|erreur de ma part|je me suis trompee?|i was wrong)\b\W*)*)"
    r"(?:pardon\b\W*(?:je (?:voulais|veux) (?:dire|parler)\b|c'est|c'etait|plutot)?"
    r"|je (?:voulais|veux) dire\b|je voulais parler\b|je parlais\b|c'etait plutot\b|correction\b"
    r"|i mean(?:t)?\b|(?:i was|was) talking about\b|i should have said\b)[\s,.;:!–-]*"
)
"""Who corrects what they asked before; the rest takes its place."""
_CORRECTION_UNSPACED = re.compile(
    r"^\W*(?:(?:不对|不是|对不起|抱歉|ขอโทษ(?:ครับ|ค่ะ|คะ|นะ)*)\W*)*(?:我(?:是|的意思是)?(?:想)?说(?:的是)?|我指的是"
    r"|(?:ผม|ฉัน|ดิฉัน|เรา)?หมายถึง)"
)
_CONNECTOR = re.compile(
    r"\W*(?:et|mais|donc|alors|du coup|par contre|sinon|or|dans ce cas|en revanche|meme question"
    r"|meme chose|pareil|and|but|so|then|in that case|what about|what if|how about|same question)\b"
    r"[\s,]*"
)
_FRAGMENT = re.compile(
    r"(?:(?:meme|pareil|aussi|surtout|only|even) )?"
    r"(?:(?:pour|a|en cas d|avec|sans|chez|en|au|aux|pendant|apres|avant|for|in case of|with"
    r"|without|during|after|as an?|if|si|s'il|s'ils|meme si|sauf si|quand|lorsqu|selon|a partir d)"
    r"(?:\b|'))"
)
_CLOSING = re.compile(
    r"^\W*(?:(?:ok|d'accord|bonjour|c'est note|compris|ah|oh)\b\W*)*"
    r"(?:merci|parfait|super|genial|tres bien|top|thanks?|thank you|great|perfect)\b"
)
_CLOSING_UNSPACED = re.compile(
    r"^\W*(?:(?:好的?|โอเค)\W*)?(?:谢谢|謝謝|多谢|多謝|感谢|感謝|ขอบคุณ|ขอบใจ)"
    r"(?:您|你|了|大家|มาก|ๆ|ครับ|ค่ะ|คะ|นะ|\W)*"
)
_AND_WHAT = re.compile(r"(?:呢|ล่ะ|ละ)\W*$")
_OBJECT_PRONOUN = re.compile(
    r"\b(?:(?:me|te|se|nous|vous|comment|peut|peux|doit|dois|puis-je|faut-il|faut|je|il|elle|on)"
    r" (?:(?:la|le|les|lui|en|y) |l')\w+"
    r"|(?:de|a|pour) (?:(?:la|le|les|lui|en|y) |l')\w+(?:er|ir)\b)"
)
_OWN_MATTERS = {"conge", "conges"}
"""Aspects that a whole question makes its subject, where it comes after thanks."""
_CONDITION = re.compile(r"\W*(?:et |mais |and |but |what |meme |sauf )?(?:si|s'il|s'ils|if)\b")
_POINTER = re.compile(
    r"\b(?:ca|cela|ceci|celui(?:-ci|-la)?|celle(?:s)?(?:-ci|-la)?|ceux(?:-ci|-la)?|dans ce cas"
    r"|le meme|la meme|les memes|pareil|la-dessus|du coup|en ai|en avoir|y ai|y avoir|y aller|j'y"
    r"|l'annuler|la refuser|le refuser|la contester|le contester|m'en|that|those|these|it|the same"
    r"|(?:alors|then) ?\??$|(?:ce|cet|cette|ces|this) (?!que\b|qui\b|n'est|est\b|sont\b|moment|soir"
    r"|matin|mois|week|month|annee|year|semaine|weekend)\w+)\b"
)
_VERB = re.compile(
    r"\b(?:est|sont|suis|ai|(?<=il )a|(?<=elle )a|(?<=on )a|(?<=patron )a|avons|avez|ont|peux|peut"
    r"|puis|dois|doit|doivent|faut|veux|veut|sera|serai|aurai|aura|vais|va|ait|ete|dure|risque"
    r"|touche|gagne|existe|is|are|am|do|does|can|must|should|will|have|has|be|get"
    r"|\w+(?:er|ir|ons|ez|ent)|\w+-(?:je|tu|il|elle|on|nous|vous|ils|elles))\b"
)
_REPLACED = {"ending", "leave"}
"""Groups of subjects of which a follow-up puts one in another's place."""
_LEADING_WORDS = re.compile(
    r"(?:\b(?:en cas|dans le cas|d[eu]|d'|d’|l'|l’|pour|après|pendant|avant|un|une|le|la"
    r"|les|mon|ma|of|for|a|the)[ ]?)+$",
    re.IGNORECASE,
)
_LONGEST_READ = 600
"""Characters of a message that say what it asks: a longer one is a story, and stands alone."""
_OWN_WORDS = 2
_WORDS_OF_A_SUBJECT = 3
_WORDS_OF_A_CORRECTION = 4
_FEW_UNSPACED_CHARACTERS = 12
_LATIN = re.compile(r"[a-z]")


@dataclass(frozen=True, slots=True)
class _Topics:
    subjects: dict[str, re.Pattern[str]]
    aspects: re.Pattern[str]
    filler: re.Pattern[str]


def _read_topics() -> _Topics:
    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))

    def any_of(words: Iterable[str]) -> re.Pattern[str]:
        return re.compile(rf"\b(?:{'|'.join(words)})")

    return _Topics(
        {group: any_of(words) for group, words in tables["subjects"].items()},
        any_of(tables["aspects"]["words"]),
        any_of(tables["filler"]["words"]),
    )


_TOPICS = _read_topics()


@dataclass(frozen=True, slots=True)
class Content:
    """What a message is about: its subjects by group, aspects, and the other words that tell."""

    subjects: frozenset[tuple[str, str]]
    aspects: frozenset[str]
    others: int
    plain: str

    @property
    def empty(self) -> bool:
        """Whether it asks of nothing: a greeting, facts alone."""
        return not (self.subjects or self.aspects or self.others)


def content_of(text: str) -> Content:
    """Return what a message is about."""
    topics = _TOPICS
    plain = without_courtesy(readable(text[:_LONGEST_READ])).strip()
    told = in_french_words(plain)
    unknown = unknown_words(told)
    if told != plain:
        plain = f"{told} {fold(terms_in_french(text))}"
    subjects = frozenset(
        (group, found[0])
        for group, names in topics.subjects.items()
        for found in names.finditer(plain)
    )
    rest = plain
    for names in topics.subjects.values():
        rest = names.sub(" ", rest)
    aspects = frozenset(found[0] for found in topics.aspects.finditer(rest))
    rest = topics.filler.sub(" ", topics.aspects.sub(" ", rest))
    others = len(set(_WORD.findall(rest)) - _SMALL_WORDS)
    return Content(subjects, aspects, others + (0 if subjects else unknown), plain)


def telling_words(text: str) -> frozenset[str]:
    """Return the words of a text that say what it is about: neither filler nor small ones."""
    rest = _TOPICS.filler.sub(" ", readable(text[:_LONGEST_READ]))
    return frozenset(_WORD.findall(rest)) - _SMALL_WORDS


_SMALL_WORDS = frozenset(
    [
        "les",
        "des",
        "une",
        "uns",
        "mon",
        "mes",
        "ton",
        "tes",
        "son",
        "ses",
        "nos",
        "vos",
        "leur",
        "leurs",
        "que",
        "qui",
        "dont",
        "par",
        "sur",
        "sous",
        "aux",
        "ces",
        "cet",
        "cette",
        "elle",
        "ils",
        "elles",
        "nous",
        "vous",
        "lui",
        "eux",
        "est",
        "pas",
        "aucun",
        "ainsi",
        "puis",
        "car",
        "vers",
        "entre",
        "contre",
        "you",
        "she",
        "they",
        "them",
        "his",
        "her",
        "its",
        "our",
        "who",
        "any",
        "some",
        "but",
        "too",
    ]
)


def without_courtesy(text: str) -> str:
    """Return a message without the thanks or the greeting that it begins with."""
    folded = fold(text)
    found = _CORRECTION.match(folded) or _COURTESY.match(folded)
    same_length = len(folded) == len(text)
    return text[found.end() :] if found and same_length and found.end() < len(text) else text


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject of a conversation: the last full question, and what was last asked of it."""

    question: str = ""
    refinement: str = ""

    @property
    def query(self) -> str:
        """Return both in one line, to search with."""
        return f"{self.question} {self.refinement}".strip()

    def asked(self, message: str) -> "Subject":
        """Return the subject once `message` is asked, a follow-up or a new question."""
        content = content_of(message)
        if content.empty:
            return self
        if not self.question or not is_follow_up(message, self.query):
            return Subject(without_courtesy(message))
        if {group for group, _ in content.subjects} & _REPLACED:
            return Subject(self.with_message(message))
        return replace(self, refinement=without_courtesy(message))

    def with_message(self, message: str) -> str:
        """Return the query of a follow-up: the subject, then its own words."""
        content, own = content_of(message), without_courtesy(message)
        question = self._without_replaced(content)
        kept = "" if content.subjects or content.aspects else self.refinement
        return " ".join(part for part in (question, kept, own) if part)

    def _without_replaced(self, content: Content) -> str:
        """Return the question without the event that the follow-up puts another in place of."""
        groups = {group for group, _ in content.subjects} & _REPLACED
        words = {word for _, word in content.subjects}
        question = self.question
        for group in groups:
            names = _TOPICS.subjects[group]
            folded = fold(question)
            if len(folded) != len(question):
                continue
            named = list(names.finditer(folded))
            for found in named:
                if len(named) == 1 and found[0] not in words:
                    before = _LEADING_WORDS.sub("", question[: found.start()])
                    question = f"{before} {question[found.end() :]}"
        return " ".join(question.split())


def is_follow_up(message: str, before: str) -> bool:
    """Whether a message is asked of the subject of the question before."""
    if len(message) > _LONGEST_READ:
        return False
    plain = without_courtesy(readable(message)).strip()
    if not _LATIN.search(plain):
        return _is_unspaced_follow_up(plain)
    if _CORRECTION.match(readable(message)):
        return _weight(content_of(message)) <= _WORDS_OF_A_CORRECTION
    connector = _CONNECTOR.match(plain)
    body = plain[connector.end() :] if connector else plain
    content = content_of(message)
    conditional = bool(_CONDITION.match(plain))
    if _closes(message) and not conditional and _is_complete(body, content):
        return False
    points = bool(connector) or bool(_POINTER.search(plain))
    if not content.subjects:
        return _without_subject(content, points=points)
    if _FRAGMENT.match(body) and (connector or not _VERB.search(body)):
        return not conditional or _weight(content) <= _WORDS_OF_A_SUBJECT
    if connector and not _VERB.search(body):
        return True
    return points and not connector and _weight(content) <= _OWN_WORDS


def has_verb(plain: str) -> bool:
    """Whether folded words hold a verb that is told by its form or is a common one."""
    return bool(_VERB.search(plain))


def _closes(message: str) -> bool:
    """Whether a message begins with thanks: what it asks then is seldom of the answer before."""
    return bool(_CLOSING.match(readable(message)))


def _is_complete(body: str, content: Content) -> bool:
    """Whether a question says by itself what it is about, and points at nothing before it."""
    if not _VERB.search(body) or _POINTER.search(body) or _OBJECT_PRONOUN.search(body):
        return False
    groups = {group for group, _ in content.subjects}
    if groups:
        return not groups & _REPLACED
    return content.others >= _OWN_WORDS or bool(content.aspects & _OWN_MATTERS)


def _is_unspaced_follow_up(plain: str) -> bool:
    """Judge a message in Thai or Chinese: a short one, or one that asks "and …?"."""
    if _CORRECTION_UNSPACED.match(plain):
        return len(plain) <= 2 * _FEW_UNSPACED_CHARACTERS
    asked = _CLOSING_UNSPACED.sub("", plain)
    if asked and asked != plain:
        return bool(_AND_WHAT.search(asked))
    return len(plain) <= _FEW_UNSPACED_CHARACTERS


def _without_subject(content: Content, *, points: bool) -> bool:
    """Judge a message without a subject of its own: many telling words make it a question."""
    if points:
        return content.others <= _WORDS_OF_A_SUBJECT
    return content.others < _OWN_WORDS


def _weight(content: Content) -> int:
    """Return how much a message says by itself: two for a subject, one for any other word."""
    return 2 * len(content.subjects) + content.others
