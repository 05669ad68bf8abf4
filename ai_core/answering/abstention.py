"""Abstention: out of scope, neighbouring law, no source found.

The search decides (`SearchResult`); this module turns its result into a sentence and a contact.
"""

from dataclasses import dataclass
from typing import Literal

from ai_core.answering.missing_law import MissingLaw, MissingLaws
from ai_core.answering.public_services import PublicService
from ai_core.law.records import QuestionScope, SearchResult
from shared.ai.contract import Abstention, Contact
from shared.distress import HelpLines
from shared.languages import Language
from shared.texts import Texts

LABOUR_DESK = "labour_desk"
LEGAL_HELP = "legal_help"
OTHER_CODE = "legifrance"
Reason = Literal["out_of_scope", "neighbour_law", "no_source", "unknown_reference"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal: its sentence, who can help instead, and its machine-readable reason."""

    sentence: str
    help: str
    abstained: Abstention


class Abstentions:
    """Decides from a search result whether to abstain."""

    def __init__(
        self, texts: Texts, services: dict[str, PublicService], missing_laws: MissingLaws
    ) -> None:
        self._texts = texts
        self._services = services
        self._missing_laws = missing_laws

    def judge(self, found: SearchResult, language: Language) -> Refusal | None:
        """Return the refusal of a question, or None when it is answered."""
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
        if found.scope is QuestionScope.OUTSIDE:
            return self._refuse("out_of_scope", "out_of_scope", LEGAL_HELP, language)
        if not found.passages:
            return self.nothing_found(language)
        return None

    def missing(self, question: str, language: Language) -> MissingLaw | None:
        """Return what decides a question and is not in our corpus; None when nothing is known."""
        return self._missing_laws.of(question, language)

    def help_line(self, missing: MissingLaw | None, language: Language) -> str:
        """Return the line that names who can help where our texts do not decide."""
        if missing:
            return self._help_line(missing.contact, language)
        return self._help_line(self._contact(LABOUR_DESK, language), language)

    def elsewhere(self, missing: MissingLaw, language: Language) -> Refusal:
        """Return the refusal of a question that only law outside our corpus decides."""
        abstained = Abstention(reason="neighbour_law", contact=missing.contact)
        return Refusal(missing.sentence, self._help_line(missing.contact, language), abstained)

    def nothing_found(self, language: Language) -> Refusal:
        """Return the refusal of a question that no passage answers."""
        return self._refuse("no_source", "no_source", LABOUR_DESK, language)

    def in_danger(self, lines: HelpLines, language: Language) -> Refusal:
        """Return the answer to somebody in danger when nothing else can be answered."""
        contact = Contact(name=lines.name, url=lines.url)
        abstained = Abstention(reason="distress", contact=contact)
        return Refusal("", self._help_line(contact, language), abstained)

    def _refuse(
        self, reason: Reason, sentence: str, service: str, language: Language, **facts: str
    ) -> Refusal:
        contact = self._contact(service, language)
        explanation = self._texts.say(sentence, language, **facts)
        abstained = Abstention(reason=reason, contact=contact)
        return Refusal(explanation, self._help_line(contact, language), abstained)

    def _contact(self, service: str, language: Language) -> Contact:
        found = self._services[service]
        return Contact(name=found.name[language], url=found.url)

    def _help_line(self, contact: Contact, language: Language) -> str:
        return self._texts.say("someone_can_help", language, name=contact.name, url=contact.url)
