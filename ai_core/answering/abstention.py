"""Abstention: out of scope, neighbouring law, no source found.

The search decides (`SearchResult`); this module turns its result into a sentence and a contact.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from ai_core.law.records import QuestionScope, SearchResult
from shared.ai.contract import Abstention, Contact
from shared.distress import HelpLines
from shared.languages import Language
from shared.texts import Texts

FILE = Path(__file__).parents[1] / "texts" / "contacts.toml"
LABOUR_DESK = "labour_desk"
LEGAL_HELP = "legal_help"
OTHER_CODE = "legifrance"
Reason = Literal["out_of_scope", "neighbour_law", "no_source", "unknown_reference"]


@dataclass(frozen=True, slots=True)
class PublicService:
    """A public service: its name and its area of law, in each language."""

    url: str
    name: dict[Language, str]
    law: dict[Language, str]


def read_public_services(path: Path = FILE) -> dict[str, PublicService]:
    """Read the public services that people are referred to."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return TypeAdapter(dict[str, PublicService]).validate_python(content)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal: its sentence, who can help instead, and its machine-readable reason."""

    sentence: str
    help: str
    abstained: Abstention


class Abstentions:
    """Decides from a search result whether to abstain."""

    def __init__(self, texts: Texts, services: dict[str, PublicService]) -> None:
        self._texts = texts
        self._services = services

    def judge(self, found: SearchResult, language: Language) -> Refusal | None:
        """Return the refusal of a question, or None when it is answered.

        The search works on French text: for an English question it cannot classify the scope, only
        report that nothing was found, and the sentence says that.
        """
        if found.exact:
            return None
        if found.scope is QuestionScope.NEIGHBOUR:
            service = found.neighbour if found.neighbour in self._services else LABOUR_DESK
            law = self._services[service].law[language]
            return self._refuse("neighbour_law", "neighbour_law", service, language, law=law)
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

    def in_danger(self, lines: HelpLines, language: Language) -> Refusal:
        """Return the answer to somebody in danger when nothing else can be answered."""
        contact = Contact(name=lines.name, url=lines.url)
        help_line = self._texts.say("someone_can_help", language, name=lines.name, url=lines.url)
        return Refusal("", help_line, Abstention(reason="distress", contact=contact))

    def _refuse(
        self, reason: Reason, sentence: str, service: str, language: Language, **facts: str
    ) -> Refusal:
        contact_service = self._services[service]
        contact = Contact(name=contact_service.name[language], url=contact_service.url)
        help_line = self._texts.say(
            "someone_can_help", language, name=contact.name, url=contact.url
        )
        explanation = self._texts.say(sentence, language, **facts)
        return Refusal(explanation, help_line, Abstention(reason=reason, contact=contact))
