"""What decides a question and is not in our corpus: other codes, rulings, schemes of others.

Rulings of the Cour de cassation, the Code de la sécurité sociale and others decide questions of
working life. A question about one of these is told so, and who can help; the texts found are shown
as the nearest ones. The topics are in `texts/missing_law.toml`, recognised by their words.
"""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from ai_core.answering.public_services import PublicService
from shared.ai.contract import Contact
from shared.languages import LANGUAGES, Language
from shared.privacy.folding import fold

_NEVER = r"(?!)"

FILE = Path(__file__).parents[1] / "texts" / "missing_law.toml"


@dataclass(frozen=True, slots=True)
class MissingLaw:
    """What is missing, in a sentence, and who can help; `alone`: nothing that is held decides."""

    sentence: str
    contact: Contact
    alone: bool = False


@dataclass(frozen=True, slots=True)
class _Topic:
    about: re.Pattern[str]
    sentences: dict[Language, str]
    service: PublicService
    alone: bool
    unless: re.Pattern[str]

    def is_about(self, folded: str) -> bool:
        return bool(self.about.search(folded)) and not self.unless.search(folded)


class MissingLaws:
    """Recognises questions that law outside the corpus decides."""

    def __init__(self, topics: tuple[_Topic, ...]) -> None:
        self._topics = topics

    @classmethod
    def read(cls, services: dict[str, PublicService], path: Path = FILE) -> "MissingLaws":
        """Read the topics. Raises KeyError for a service that is not among `services`."""
        entries = tomllib.loads(path.read_text(encoding="utf-8")).values()
        return cls(
            tuple(
                _Topic(
                    re.compile(entry["about"]),
                    {language: entry[language] for language in LANGUAGES},
                    services[entry["service"]],
                    entry.get("alone", False),
                    re.compile(entry.get("unless", _NEVER)),
                )
                for entry in entries
            )
        )

    def of(self, question: str, language: Language) -> MissingLaw | None:
        """Return what a question needs and we lack; None when nothing is known to be missing."""
        folded = fold(question).folded
        for topic in self._topics:
            if topic.is_about(folded):
                service = topic.service
                contact = Contact(name=service.name[language], url=service.url)
                return MissingLaw(topic.sentences[language], contact, topic.alone)
        return None
