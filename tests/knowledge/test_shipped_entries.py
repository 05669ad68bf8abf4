"""The entries that ship: each is read, breaks no rule, and opens with the decision it makes."""

import re

import pytest

from ai_core.knowledge.entry_checks import faults_among, faults_of
from ai_core.knowledge.entry_files import SHIPPED, files_in, shipped_entries
from shared.languages import Language

_INVERSION = re.compile(
    r"\b\w+(?:-t)?-(?:je|tu|il|elle|on|nous|vous|ils|elles|ce)\b", re.IGNORECASE
)
_QUESTION_WORD = re.compile(
    r"(?:^|[,:] |\bet )(?:(?:à|au|de|dans|devant|depuis|pour|pendant|jusqu'à|à partir de) )?"
    r"(?:quel|lequel|laquelle|combien|comment|quand|où|qui|que|pourquoi|quoi|qu['e])",
    re.IGNORECASE,
)
# Thai and Chinese say yes with the verb of the question, so that verbs stand among their words.
_DECISIONS: dict[Language, re.Pattern[str]] = {
    "fr": re.compile(
        r"(?:en (?:principe|général),? )?(?:oui|non|pas|seulement|ni)\b", re.IGNORECASE
    ),
    "en": re.compile(
        r"(?:(?:in (?:principle|general)|as a rule|generally),? )?"
        r"(?:yes|no|not|only|neither)\b",
        re.IGNORECASE,
    ),
    "th": re.compile(
        r"(?:(?:โดย|ตาม)(?:หลัก|ทั่วไป)(?:แล้ว)?\s?)?"
        r"(?:ได้|ไม่|มี|ต้อง|ใช่|ใช้|เฉพาะ|เป็น|นับ|เท่ากัน|บังคับ|ห้าม)"
    ),
    "zh": re.compile(
        r"(?:原则上|一般|通常)?都?"
        r"(?:可以|不|能|是|有|没|要|会|必须|只|算|需要|合法|违法|无效|禁止|一样|适用|受|给|付|照发|攒)"
    ),
}


def test_each_entry_keeps_the_rules() -> None:
    faults = {entry.topic_id: list(faults_of(entry)) for entry in shipped_entries()}
    assert not {topic_id: found for topic_id, found in faults.items() if found}


def test_entries_lie_in_the_folder_of_their_category() -> None:
    folders = {path.stem: path.parent.name for path in files_in(SHIPPED)}
    assert folders == {entry.topic_id: entry.category for entry in shipped_entries()}


def test_no_two_entries_answer_the_same_words() -> None:
    assert not list(faults_among(shipped_entries()))


def _asks_yes_or_no(french: str) -> bool:
    verb, word = _INVERSION.search(french), _QUESTION_WORD.search(french)
    return verb is not None and (word is None or verb.start() < word.start())


def test_a_question_of_yes_or_no_is_answered_with_the_decision_first() -> None:
    undecided = {
        f"{entry.topic_id} ({language})": said
        for entry in shipped_entries()
        if _asks_yes_or_no(entry.question.fr)
        for language in entry.languages()
        if (said := entry.answer.in_language(language)) is None
        or not _DECISIONS[language].match(said)
    }
    assert not undecided


def test_over_two_hundred_entries_answer_a_question_of_yes_or_no() -> None:
    assert sum(_asks_yes_or_no(entry.question.fr) for entry in shipped_entries()) > 200


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Puis-je refuser de faire des heures supplémentaires ?", True),
        ("Y a-t-il une nouvelle période d'essai si je suis embauché après un CDD ?", True),
        ("L'entreprise où je suis en intérim peut-elle m'embaucher ?", True),
        ("J'ai perdu mes bulletins de paie : puis-je en avoir une copie ?", True),
        ("Est-ce que j'acquiers des congés payés pendant un arrêt maladie ?", True),
        ("Combien de fois un CDD peut-il être renouvelé, et puis-je refuser ?", False),
        ("Étudiant étranger, combien d'heures puis-je travailler ?", False),
        ("À partir de combien de salariés faut-il un CSE ?", False),
        ("Je suis payé moins que le SMIC : que puis-je faire ?", False),
        ("Qu'est-ce que les RTT et y ai-je droit ?", False),
    ],
)
def test_a_question_of_yes_or_no_is_known_by_its_verb(question: str, expected: bool) -> None:
    assert _asks_yes_or_no(question) is expected


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr", "Cela dépend du lieu."),
        ("fr", "Le Code ne fixe pas de règle générale."),
        ("fr", "Votre accord vous engage, comme tout contrat."),
        ("en", "It depends where."),
        ("en", "Notice is set by the collective agreement."),
        ("th", "ขึ้นอยู่กับที่ทำงาน"),
        ("zh", "看地方。"),
    ],
)
def test_an_opening_that_decides_nothing_is_refused(language: Language, said: str) -> None:
    assert not _DECISIONS[language].match(said)
