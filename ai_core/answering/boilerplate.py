"""The fixed sentences around an answer: greetings, notice, closing lines."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from ai_core.answering.agreement_words import AgreementWords
from ai_core.answering.profile_words import ProfileWords
from ai_core.answering.small_talk import small_talk_of
from ai_core.engines.base import AnswerPart
from shared.ai.contract import Clarification
from shared.courtesies import courtesy_of
from shared.frame_languages import FrameLanguage
from shared.languages import Language
from shared.privacy.disclosure import TEXT_FILE, masked_in_words
from shared.privacy.identifiers import Kind
from shared.texts import Texts, date_in_words

ROOT = Path(__file__).parents[2]
FRAMES_FILE = ROOT / "ai_core" / "texts" / "frames.toml"
TEXT_FILES = (
    ROOT / "shared" / "texts" / "errors.toml",
    ROOT / "ai_core" / "texts" / "errors.toml",
    ROOT / "ai_core" / "texts" / "answers.toml",
    ROOT / "ai_core" / "texts" / "profile.toml",
    ROOT / "ai_core" / "texts" / "agreements.toml",
    TEXT_FILE,
)


@cache
def read_texts() -> Texts:
    """Read, once, every localized sentence of ai_core: its errors, the boilerplate of answers."""
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
    """The sentences of `texts/answers.toml`, in the language of the question.

    Those of `texts/frames.toml` frame an answer for askers whose language is none of ours.
    """

    def __init__(self, texts: Texts, frames_file: Path = FRAMES_FILE) -> None:
        self._texts = texts
        self._frames = tomllib.loads(frames_file.read_text(encoding="utf-8"))
        self.agreements = AgreementWords(texts)
        self.profile = ProfileWords(texts)

    def say(self, key: str, language: Language, **facts: str) -> str:
        """Return a sentence by its name."""
        return self._texts.say(key, language, **facts)

    def small_talk_reply(
        self, text: str, language: Language, frame: FrameLanguage | None = None
    ) -> str | None:
        """Return the reply to a greeting, to thanks or to an "ok"; None for anything else."""
        courtesy = courtesy_of(text)
        said = small_talk_of(text) or (courtesy.kind if courtesy else None)
        if said is None:
            return None
        if frame and said in self._frames:
            return str(self._frames[said][frame])
        return self._texts.say(said, language)

    def opening(self, language: Language, frame: FrameLanguage) -> str:
        """Return the sentence that tells in which language the answer is, in the asker's."""
        return str(self._frames[f"opening_{language}"][frame])

    def notice(self, language: Language, frame: FrameLanguage | None = None) -> str:
        """Return the AI disclosure of every answer (AI Act, article 50)."""
        return str(self._frames["notice"][frame]) if frame else self._texts.say("notice", language)

    def written_only(self, language: Language) -> str:
        """Return the sentence to who wishes for an appointment."""
        return self._texts.say("written_only", language)

    def tell_me(self, language: Language) -> str:
        """Return the question to who wishes for advice and tells no matter."""
        return self._texts.say("tell_me", language)

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

    def close(
        self, closing: Closing, language: Language, frame: FrameLanguage | None = None
    ) -> str:
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
        if frame:
            told = filter(None, (version.strip(), self.notice(language, frame)))
            lines.append("\n".join(told))
        else:
            lines.append(f"{version}{self.notice(language)}")
        return "\n\n".join(filter(None, lines))

    def _version(self, law_date: date | None, as_of: date | None, language: Language) -> str:
        """Return the sentence that names the version of the law, and its space."""
        if law_date is None:
            return ""
        published = date_in_words(law_date, language)
        space = "" if language == "zh" else " "
        if as_of is None:
            return self._texts.say("corpus_date", language, day=published) + space
        day = date_in_words(as_of, language)
        return self._texts.say("as_of_date", language, day=day, published=published) + space
