"""Understands a message within its conversation: what it asks, and of whom.

The turns are read from the first one on: the facts they tell make the profile, the full questions
among them make the subject, and a reply to our own question asks the question before it again.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import NamedTuple

from ai_core.answering.understanding.cases.intents import calculator_asked
from ai_core.answering.understanding.cases.replies import DOES_NOT_KNOW, YES
from ai_core.answering.understanding.cases.thread import (
    CaseAsked,
    CaseThread,
    case_of_profile,
)
from ai_core.answering.understanding.clarifications import Clarifications, OwnQuestion
from ai_core.answering.understanding.facts import LONGEST_READ, own_words, read_facts
from ai_core.answering.understanding.letters import asked_of_letter
from ai_core.answering.understanding.owners import Fact
from ai_core.answering.understanding.profiles import NOTHING, known_fields, with_facts
from ai_core.answering.understanding.questions import split_questions
from ai_core.answering.understanding.subjects import (
    Subject,
    content_of,
    is_follow_up,
    without_courtesy,
)
from ai_core.calculators.catalogue import CALCULATORS
from ai_core.calculators.wording import wording
from ai_core.engines.base import ChatMessage
from ai_core.law.search.french_terms import terms_in_french
from ai_core.law.search.stems import fold
from shared.ai.contract import Profile
from shared.frame_languages import only_asks_for_language
from shared.languages import LANGUAGES

_ASKS = re.compile(
    r"\?|^\W*(?:combien|comment|pourquoi|quand|quels?|quelles?|est-ce|qu'est|puis-je|peut-on|dois-je"
    r"|ai-je|a-t-on|que faire|how|what|when|why|which|who|can|do|does|is|are|may|should|must)\b"
    r"|ไหม|หรือไม่|หรือเปล่า|กี่|เท่าไ|อย่างไร|ยังไง|เมื่อไ|ทำไม|吗|多久|多少|几|怎么|什么|如何|能不能|可不可以|是否|为什么"
)
_ASKING = re.compile(
    r"\b(?:puis|peut|peux|comment|combien|est-ce|quels?|quelles?|quand|dois|doit|faut|ai-je|a-t|qui"
    r"|pourquoi|can|could|how|what|when|who|why|do|does|is|are|may|must|should)\b"
)
_NO = re.compile(
    r"\W*(?:non|pas du tout|aucune|no|nope|none|ไม่(?:ใช่|มี)?(?:ครับ|ค่ะ|คะ)?"
    r"|不(?:是)?|没有|都不是|否)\W*$"
)
_AGREEMENT_WORD = re.compile(r"\b(?:convention|idcc|ccn|agreement|brochure)\b")
_BARE_IDCC = re.compile(
    r"^\W*(?:(?:c'est|le|la|numero|n|no|idcc|convention|it's|the|number)\W+)*(\d{3,4})\W*$"
)
_ANY_NOTICE = "notice"
_AGREEMENT_REPLY_WORDS = 15
_MOST_READ_CHARACTERS = 8_000
_INPUTS = {"agreement": "agreement", "category": "category"}
"""Fields that calculators need too, and the name of the input."""
_CATEGORY_MATTERS = re.compile(
    r"preavis|essai|notice|trial|probation|forfait|licenci|classification"
)
_CONTRACT_MATTERS = re.compile(
    r"rompre|rupture|preavis|essai|prime|fin d|renouvel|quitter|demission|licenci|notice|resign"
)
SEARCH_WORDS = {
    "cadre": "cadre",
    "agent_de_maitrise": "agent de maîtrise",
    "etam": "ETAM",
    "technicien": "technicien",
    "employe": "employé",
    "ouvrier": "ouvrier",
    "apprenti": "apprenti",
    "cdd": "CDD",
    "interim": "intérim",
    "apprentissage": "contrat d'apprentissage",
    "professionnalisation": "contrat de professionnalisation",
}
"""What a category or a contract adds to a search; an open-ended contract is the rule."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question of a message: its own words, and what is searched for it.

    `terms`: the law's French words for what a question in another language names.
    """

    text: str
    query: str
    terms: str = ""

    @property
    def with_terms(self) -> str:
        """Return what is searched, and its French words, for what reads French."""
        return f"{self.query} {self.terms}".strip()


@dataclass(frozen=True, slots=True)
class Understood:
    """A message, understood.

    `profile` holds the facts told so far, the agreement only where a client gave it: the names in
    `naming` (the messages that may name it, the latest first) are looked up in the corpus.
    `mentioned` are fields whose fact the question names in general. `asked_for` are our questions
    so far, by name and by field; `unknown` is the one that the person could not tell. `case` is
    what there is to compute, None where no calculator is asked for; `beside_case` are then the
    questions that ask for something else. `apart` is the same message by itself, where only the law
    in service can tell whether it goes on with the calculation (`CaseAsked.doubtful`).
    """

    questions: tuple[Asked, ...]
    profile: Profile = NOTHING
    naming: tuple[str, ...] = ()
    mentioned: frozenset[str] = frozenset()
    asked_for: frozenset[str] = frozenset()
    unknown: str | None = None
    case: CaseAsked | None = None
    beside_case: tuple[Asked, ...] = ()
    apart: "Understood | None" = None

    @property
    def query(self) -> str:
        """Return what is searched, of all questions together."""
        return "\n".join(asked.query for asked in self.questions)

    @property
    def with_terms(self) -> str:
        """Return what is searched, with its French words."""
        return "\n".join(asked.with_terms for asked in self.questions)


def as_written(text: str) -> Understood:
    """Return a message that is searched as it is written."""
    return Understood((Asked(text, text, terms_in_french(text)),))


class _Read(NamedTuple):
    """A message read: its facts, its questions, the field it replies to, what it computes."""

    facts: list[Fact]
    questions: list[Asked]
    replies_to: str | None
    case: CaseAsked | None


@dataclass(slots=True)
class _Reading:
    """The state of a conversation while its turns are read."""

    clarifications: Clarifications
    today: date
    profile: Profile
    thread: CaseThread
    subject: Subject = field(default_factory=Subject)
    asked: OwnQuestion | None = None
    asked_before: OwnQuestion | None = None
    asked_for: set[str] = field(default_factory=set)
    naming: list[str] = field(default_factory=list)
    without_last: "tuple[_Reading, _Read] | None" = None
    """The conversation with a doubtful last message by itself, and that message read so."""

    def apart(self) -> "_Reading":
        """Return the conversation so far for a message that takes no part in its calculation."""
        return replace(
            self,
            thread=self.thread.left(),
            asked=None,
            asked_for=set(self.asked_for),
            naming=list(self.naming),
            without_last=None,
        )

    def heard(self, answer: str) -> "_Reading":
        """Read an earlier answer: what it asks for counts, and whether it is a calculation.

        Where it is none, the message before it took no part in the calculation.
        """
        reading = self
        if self.without_last and not self._is_calculation(answer):
            reading, _ = self.without_last
        reading.hear(answer)
        return reading

    def hear(self, answer: str) -> None:
        """Read what an earlier answer asks for; help lines leave open what was asked before."""
        if self.clarifications.interrupts(answer):
            self.asked = self.asked_before
            return
        self.asked = self.clarifications.asked_in(answer)
        if self.asked:
            self.asked_for |= {self.asked.field, self.asked.name}

    def _is_calculation(self, answer: str) -> bool:
        """Whether an earlier answer tells the calculation at hand, or asks what it lacks."""
        asked, calculator = self.clarifications.asked_in(answer), self.thread.calculator
        if (asked and asked.input) or self.clarifications.interrupts(answer):
            return True
        return calculator in CALCULATORS and any(
            wording(language).title(calculator) in answer for language in LANGUAGES
        )

    def read(self, message: str) -> "_Read":
        """Read a message; return its facts, its questions, and the field that it replies to."""
        apart = self.apart()
        read = self._read(message)
        doubtful = read.case is not None and read.case.doubtful
        self.without_last = (apart, apart._read(message)) if doubtful else None
        return read

    def _read(self, message: str) -> "_Read":
        if letter := asked_of_letter(message):
            self.asked = None
            self.subject = Subject(letter.query)
            self.naming.insert(0, own_words(message))
            case = self.thread.read(
                letter.question, [letter.question], letter.question, input_asked=None
            )
            return _Read([], [Asked(letter.question, letter.query)], None, case)
        return self._read_words(message)

    def _read_words(self, message: str) -> "_Read":
        input_asked = (self.asked.input or _INPUTS.get(self.asked.field)) if self.asked else None
        ours = self.asked if self.asked and self._is_reply(message, self.asked.field) else None
        self.asked_before = self.asked
        asked, self.asked = ours.field if ours else None, None
        facts = read_facts(message, self.today, reply_to=asked)
        self.profile = with_facts(self.profile, facts)
        named = own_words(message)
        if asked:
            reply = _agreement_named(named, ours) if asked == "agreement" else named
            self.naming.insert(0, reply)
            unknown = DOES_NOT_KNOW.search(fold(message))
            query = self.subject.query if unknown else f"{self.subject.query} {reply}"
            questions = [Asked(message, query)]
        else:
            self.naming.insert(0, named)
            questions = [self._ask(question) for question in split_questions(message)]
        asked_here = [one.text for one in questions]
        query = questions[-1].query
        case = self.thread.read(message, asked_here, query, input_asked=input_asked)
        return _Read(facts, questions, asked, case)

    def _ask(self, question: str) -> Asked:
        """Return what is searched for a question, and make it the subject if it is a new one."""
        if self.subject.question and only_asks_for_language(question):
            return Asked(question, self.subject.query)
        follows = self.subject.question and is_follow_up(question, self.subject.query)
        query = self.subject.with_message(question) if follows else without_courtesy(question)
        self.subject = self.subject.asked(question)
        return Asked(question, query)

    def _is_reply(self, message: str, asked: str) -> bool:
        """Whether a message answers our question, or asks another one."""
        if not self.subject.question:
            return False
        plain = fold(message)
        content = content_of(message)
        if DOES_NOT_KNOW.search(plain) and not content.subjects:
            return True
        if _ASKS.search(plain):
            return False
        if asked == "agreement" and not content.subjects:
            return len(plain.split()) <= _AGREEMENT_REPLY_WORDS
        told = {fact.field for fact in read_facts(message, self.today, reply_to=asked)}
        return asked in told or content.empty or is_follow_up(message, self.subject.query)


def understand(
    text: str,
    history: Sequence[ChatMessage],
    clarifications: Clarifications,
    today: date,
    given: Profile = NOTHING,
) -> Understood:
    """Return what a message asks after the turns before it; `given` are facts known before them."""
    thread = CaseThread(today, case_of_profile(given))
    reading = _Reading(clarifications, today, given, thread)
    for turn in _latest(history):
        if turn.role == "assistant":
            reading = reading.heard(turn.content)
        elif turn.role == "user":
            reading.read(turn.content)
    understood = _meant(reading, text, reading.read(text))
    if reading.without_last is None:
        return understood
    apart, read = reading.without_last
    return replace(understood, apart=_meant(apart, text, read))


def _meant(reading: _Reading, text: str, read: _Read) -> Understood:
    """Return what a message means that the conversation ends with."""
    facts, questions, replies_to, case = read
    queries = " ".join(asked.query for asked in questions)
    mentioned = known_fields(NOTHING, [*facts, *read_facts(queries, reading.today)])
    asked = tuple(
        replace(
            one,
            query=_expanded(one.query, reading.profile, mentioned),
            terms=terms_in_french(one.query),
        )
        for one in questions
    )
    return Understood(
        asked,
        reading.profile,
        tuple(reading.naming),
        mentioned,
        frozenset(reading.asked_for),
        replies_to if DOES_NOT_KNOW.search(fold(text)) else None,
        case,
        _beside(case, asked, reading.today),
    )


def _beside(case: CaseAsked | None, asked: Sequence[Asked], today: date) -> tuple[Asked, ...]:
    """Return the questions of a message that ask for something else than its calculation."""
    if case is None or len(asked) == 1:
        return ()
    beside = tuple(
        one
        for one in asked
        if not _asks_of(case.calculator, one.text, today) and _ASKING.search(fold(one.text))
    )
    return beside if len(beside) < len(asked) else ()


def _asks_of(calculator: str, question: str, today: date) -> bool:
    """Whether a question asks for a calculator; of a notice it need not say which end it is for."""
    asked = calculator_asked(question, today)
    return asked == calculator or (asked == _ANY_NOTICE and calculator.endswith(f"_{_ANY_NOTICE}"))


def _latest(history: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Return the latest turns that may be read: reading takes 3 ms for a thousand characters."""
    kept: list[ChatMessage] = []
    left = _MOST_READ_CHARACTERS
    for turn in reversed(history):
        left -= min(len(turn.content), LONGEST_READ) if turn.role == "user" else 0
        if left < 0:
            break
        kept.append(turn)
    return kept[::-1]


def _expanded(query: str, profile: Profile, mentioned: Collection[str]) -> str:
    """Add the category and the contract that were told before, where they matter to the search."""
    words, plain = [query], fold(query)
    if "category" not in mentioned and _CATEGORY_MATTERS.search(plain):
        words.append(SEARCH_WORDS.get(profile.category or "", ""))
    if "contract" not in mentioned and _CONTRACT_MATTERS.search(plain):
        words.append(SEARCH_WORDS.get(profile.contract or "", ""))
    return " ".join(word for word in words if word)


def _agreement_named(reply: str, asked: OwnQuestion | None) -> str:
    """Return a reply to the question for the agreement in words that name one."""
    plain = fold(reply)
    if asked and asked.idcc and YES.match(plain):
        return f"IDCC {asked.idcc}"
    if _NO.match(plain):
        return ""
    if DOES_NOT_KNOW.search(plain):
        return ""
    if number := _BARE_IDCC.match(plain):
        return f"IDCC {number[1]}"
    return reply if _AGREEMENT_WORD.search(plain) else f"convention collective {reply}"
