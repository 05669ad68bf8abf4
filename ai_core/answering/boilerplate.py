"""The fixed sentences around an answer: greetings, notice, closing lines."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ai_core.answering.agreement_words import AgreementWords
from ai_core.answering.profile_words import ProfileWords
from ai_core.engines.base import AnswerPart
from shared.ai.contract import Clarification
from shared.languages import Language
from shared.privacy.disclosure import TEXT_FILE, masked_in_words
from shared.privacy.identifiers import Kind
from shared.texts import Texts, date_in_words

ROOT = Path(__file__).parents[2]
TEXT_FILES = (
    ROOT / "shared" / "texts" / "errors.toml",
    ROOT / "ai_core" / "texts" / "errors.toml",
    ROOT / "ai_core" / "texts" / "answers.toml",
    ROOT / "ai_core" / "texts" / "profile.toml",
    ROOT / "ai_core" / "texts" / "agreements.toml",
    TEXT_FILE,
)
_GREETING = re.compile(
    r"\W*(?:bonjour|bonsoir|salut|coucou|hello|hi|hey|good (?:morning|afternoon|evening))"
    r"(?:\W+(?:à|a) tous|\W+madame|\W+monsieur|\W+there)?\W*"
    r"(?:(?:ça va|comment (?:ça va|allez[- ]vous)|how are you)\W*)?",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"\W*(?:ok\W+|parfait\W+|super\W+|très bien\W+|great\W+)?"
    r"(?:merci|thanks|thank you|thx)(?:\W+(?:beaucoup|bien|infiniment|a lot|so much|very much"
    r"|pour (?:tout|votre (?:aide|réponse))|à vous|au revoir|bonne (?:journée|soirée)))*\W*",
    re.IGNORECASE,
)


def read_texts() -> Texts:
    """Read every localized sentence of ai_core: its errors, and the boilerplate of answers."""
    return Texts.read(*TEXT_FILES)


@dataclass(frozen=True, slots=True)
class Closing:
    """The closing lines of an answer: its date of law (None: made without the law), what is missing
    or unclear, and the sentence on its agreement.
    """

    clarification: Clarification | None
    law_date: date | None
    as_of: date | None
    missing: tuple[str, ...] = ()
    agreement: str | None = None


class Boilerplate:
    """The sentences of `texts/answers.toml`, in the language of the question."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self.agreements = AgreementWords(texts)
        self.profile = ProfileWords(texts)

    def small_talk_reply(self, text: str, language: Language) -> str | None:
        """Return the reply to a greeting or to thanks, None for anything else."""
        if _GREETING.fullmatch(text):
            return self._texts.say("greeting", language)
        if _THANKS.fullmatch(text):
            return self._texts.say("thanks", language)
        return None

    def notice(self, language: Language) -> str:
        """Return the AI disclosure of every answer (AI Act, article 50)."""
        return self._texts.say("notice", language)

    def without_fact(self, language: Language) -> str:
        """Return the sentence before an answer without the fact that was asked for."""
        return self._texts.say("without_fact", language)

    def masked_notice(self, counts: Mapping[Kind, int], language: Language) -> str | None:
        """Return the sentence that tells what was masked in the question; None for nothing."""
        if not counts:
            return None
        what = masked_in_words(self._texts, counts, language)
        return self._texts.say("masked", language, what=what)

    def section_titles(self, language: Language) -> dict[AnswerPart, str]:
        """Return the headings of the sections."""
        sections = [part for part in AnswerPart if part is not AnswerPart.SUMMARY]
        return {part: self._texts.say(f"{part}_title", language) for part in sections}

    def unverified(self, language: Language) -> str:
        """Return the phrase that replaces an unverified reference."""
        return self._texts.say("unverified_reference", language)

    def close(self, closing: Closing, language: Language) -> str:
        """Return the closing lines of an answer."""
        lines = [closing.agreement] if closing.agreement else []
        if closing.missing:
            numbers = ", ".join(closing.missing)
            lines.append(self._texts.say("missing_references", language, numbers=numbers))
        if closing.clarification:
            lines.append(
                self._texts.say("clarification", language, question=closing.clarification.question)
            )
        version = self._version(closing.law_date, closing.as_of, language)
        lines.append(f"{version}{self.notice(language)}")
        return "\n\n".join(lines)

    def _version(self, law_date: date | None, as_of: date | None, language: Language) -> str:
        """Return the sentence that names the version of the law, and a space."""
        if law_date is None:
            return ""
        published = date_in_words(law_date, language)
        if as_of is None:
            return self._texts.say("corpus_date", language, day=published) + " "
        day = date_in_words(as_of, language)
        return self._texts.say("as_of_date", language, day=day, published=published) + " "
