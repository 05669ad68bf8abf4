"""When not to answer, and who can help instead: out of scope, another law, nothing found.

The decision is made by the search (`SearchResult`); here it becomes a sentence and a human contact.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from ai_core.law.records import QuestionScope, SearchResult
from shared.ai.contract import Abstention, Contact
from shared.languages import Language
from shared.texts import Texts

FILE = Path(__file__).parents[1] / "texts" / "contacts.toml"
LABOUR_DESK = "labour_desk"
LEGAL_HELP = "legal_help"
OTHER_CODE = "legifrance"
Reason = Literal["out_of_scope", "neighbour_law", "no_source", "unknown_reference"]


@dataclass(frozen=True, slots=True)
class Office:
    """A public service: its name and the law it knows, in each language."""

    url: str
    name: dict[Language, str]
    law: dict[Language, str]


def read_offices(path: Path = FILE) -> dict[str, Office]:
    """Read the public services we send people to."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, Office]).validate_python(content)


@dataclass(frozen=True, slots=True)
class Refusal:
    """No answer: the sentence to say, and the reason as a program reads it."""

    sentence: str
    abstained: Abstention


class Abstentions:
    """Turns what a search found, or did not, into a refusal or nothing."""

    def __init__(self, texts: Texts, offices: dict[str, Office]) -> None:
        self._texts = texts
        self._offices = offices

    def judge(self, found: SearchResult, language: Language) -> Refusal | None:
        """Return why the question gets no answer, or None when it gets one.

        The search reads French: of an English question it cannot tell what it is about, only that
        it found nothing, and the sentence says so.
        """
        if found.exact:
            return None
        if found.scope is QuestionScope.NEIGHBOUR:
            office = found.neighbour if found.neighbour in self._offices else LABOUR_DESK
            law = self._offices[office].law[language]
            return self._refuse("neighbour_law", "neighbour_law", office, language, law=law)
        if found.other_code:
            numbers = ", ".join(found.other_code)
            return self._refuse(
                "neighbour_law", "other_code", OTHER_CODE, language, numbers=numbers
            )
        if found.missing:
            numbers = ", ".join(found.missing)
            return self._refuse(
                "unknown_reference", "unknown_reference", LABOUR_DESK, language, numbers=numbers
            )
        if found.scope is QuestionScope.OUTSIDE and language == "fr":
            return self._refuse("out_of_scope", "out_of_scope", LEGAL_HELP, language)
        if found.scope is QuestionScope.OUTSIDE or not found.passages:
            return self.nothing_found(language)
        return None

    def nothing_found(self, language: Language) -> Refusal:
        """Return the refusal of a question that no passage answers."""
        return self._refuse("no_source", "no_source", LABOUR_DESK, language)

    def _refuse(
        self, reason: Reason, sentence: str, office: str, language: Language, **facts: str
    ) -> Refusal:
        human = self._offices[office]
        contact = Contact(name=human.name[language], url=human.url)
        help_line = self._texts.say(
            "someone_can_help", language, name=contact.name, url=contact.url
        )
        explanation = self._texts.say(sentence, language, **facts)
        return Refusal(f"{explanation}\n\n{help_line}", Abstention(reason=reason, contact=contact))
