"""A vague question about a letter: what the letter is about makes its subject.

"Est-ce que je peux contester ?" over a photographed letter asks of what the letter notifies. Its
other words (dates, formulas of politeness, addresses) only mislead a search.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from ai_core.answering.understanding.subjects import content_of
from ai_core.law.search.stems import fold

FILE = Path(__file__).with_name("letters.toml")
_QUOTED = re.compile(r"[«“](?P<letter>.{30,}?)[»”]\W*\Z", re.DOTALL)
_SUBJECT_LINE = re.compile(r"^\W*(?:objet|re|subject|sujet)\s*:\s*(?P<line>.+)$", re.MULTILINE)
_LONGEST_READ = 4_000
_LONGEST_QUESTION = 160
_OWN_WORDS = 2
_VAGUE = (
    *("contest", "refus", "recours", "accept", "droit", "delai", "demarche", "signe", "annul"),
    *("lettre", "courrier", "recommande", "mail", "sms", "letter"),
)
"""Beginnings of the aspects that a question asks of any letter."""
_OF_ANY_LETTER = re.compile(
    r"\b(?:droit du travail|(?:labour|labor|employment) law|law|says?|documents?|letters?|messages?"
    r"|papiers?|decisions?|pens\w+|think|resume\w*|summ\w+|mean\w*|expli\w+)\b"
    r"|กฎหมายแรงงาน|เอกสาร|ข้อความ|จดหมาย|ว่าอย่างไร|เกี่ยวกับ|นี้|劳动法|文件|消息|信件?|规定|关于|这[份条封]?|怎么|是|的"
)
_WHAT_TO_DO = "Que dois-je faire ?"
_LATIN = re.compile(r"[a-z]")
_THAI = re.compile(r"[\u0e00-\u0e7f]")
_FEW_THAI, _FEW_CHINESE = 24, 10
"""Characters of a question that can name no subject beside what it asks."""


@dataclass(frozen=True, slots=True)
class LetterAsked:
    """A vague question in its own words, and the subject that the letter gives it.

    `only_of_document`: it asks nothing but what the law says of the document.
    """

    question: str
    subject: str
    only_of_document: bool = False

    @property
    def query(self) -> str:
        """Return what is searched."""
        return f"{_WHAT_TO_DO if self.only_of_document else self.question} {self.subject}"


@dataclass(frozen=True, slots=True)
class _Matter:
    subject: str
    marks: re.Pattern[str]


def _read(path: Path) -> tuple[_Matter, ...]:
    tables = tomllib.loads(path.read_text(encoding="utf-8"))["matter"]
    return tuple(_Matter(one["subject"], re.compile("|".join(one["marks"]))) for one in tables)


_MATTERS = _read(FILE)


def asked_of_letter(message: str) -> LetterAsked | None:
    """Return the question of a message that quotes a letter and names no subject of its own.

    None for any other message, and where the letter tells no subject of labour law.
    """
    quoted = _QUOTED.search(message)
    if quoted is None:
        return None
    own = message[: quoted.start()].rpartition("\n\n")[0].strip()
    if not own or len(own) > _LONGEST_QUESTION or not _is_vague(own):
        return None
    subject = subject_of_letter(quoted["letter"])
    return LetterAsked(own, subject, _is_only_of_document(own)) if subject else None


def subject_of_letter(letter: str) -> str | None:
    """Return what a letter notifies, by its line of subject first; None where nothing tells."""
    plain = fold(letter[:_LONGEST_READ])
    line = _SUBJECT_LINE.search(plain)
    for text in (line["line"] if line else "", " ".join(plain.split())):
        for matter in _MATTERS:
            if matter.marks.search(text):
                return matter.subject
    named = [word for _, word in sorted(content_of(letter).subjects)]
    return " ".join(named[:_OWN_WORDS]) or None


def _is_only_of_document(question: str) -> bool:
    """Whether a question asks no more than what the law says of a document."""
    plain = fold(question)
    rest = _OF_ANY_LETTER.sub(" ", plain)
    if rest == plain:
        return False
    content = content_of(rest)
    return not _LATIN.search(plain) or not (content.aspects or content.others > 1)


def _is_vague(question: str) -> bool:
    """Whether a question names no subject, and asks no more than may be asked of any letter."""
    rest = _OF_ANY_LETTER.sub(" ", fold(question))
    content = content_of(rest)
    if content.subjects:
        return False
    if not _LATIN.search(rest):
        unspaced = len("".join(rest.split()))
        return unspaced <= (_FEW_THAI if _THAI.search(question) else _FEW_CHINESE)
    return content.others < _OWN_WORDS and all(one.startswith(_VAGUE) for one in content.aspects)
