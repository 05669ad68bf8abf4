"""What knowledge entries answer of a message, and what they leave."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ai_core.answering.entries.choosing import ChosenEntry
from ai_core.answering.entries.writing import WrittenEntry
from ai_core.answering.evidence import Evidence
from ai_core.answering.understanding.questions import QuestionAsked
from ai_core.law.records import Confidence


@dataclass(frozen=True, slots=True)
class EntryAnswer:
    """An entry that answers a question, the title it is given under, and its words.

    The title is the question that the entry answers: a "yes" to it may be a "no" to what was asked.
    """

    title: str
    chosen: ChosenEntry
    written: WrittenEntry


@dataclass(frozen=True, slots=True)
class Answered:
    """The entries that answer a message, and what was found for its questions without one.

    `unanswered`: questions that stand with others in one evidence, and that no entry answers.
    """

    answers: tuple[EntryAnswer, ...] = ()
    rest: tuple[Evidence, ...] = ()
    unanswered: tuple[QuestionAsked, ...] = ()

    @property
    def sure(self) -> bool:
        """Whether there are entries, and each surely is the one that was asked for."""
        high = (one.chosen.confidence is Confidence.HIGH for one in self.answers)
        return bool(self.answers) and all(high)

    def without(self, refused: Sequence[Evidence]) -> "Answered":
        """Return it without questions that nothing answers."""
        kept = tuple(one for one in self.rest if all(one is not other for other in refused))
        return replace(self, rest=kept)
