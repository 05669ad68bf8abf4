"""The calculation a conversation is at: which calculator, the facts told, what we asked for.

A message asks for a calculator, replies to what we asked, or changes a fact of the calculation
before it ("et si j'avais 10 ans ?"). Any other message leaves the calculation; what it tells of its
author still counts for the next one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Literal

from ai_core.answering.understanding.cases.facts import NOTHING_TOLD, CaseFacts
from ai_core.answering.understanding.cases.intents import calculator_asked, calculator_of_subject
from ai_core.answering.understanding.cases.reading import days_of, read_case
from ai_core.answering.understanding.cases.replies import (
    case_of_reply,
    is_brief,
    surely_replies,
)
from ai_core.answering.understanding.subjects import content_of, is_follow_up, without_courtesy
from ai_core.law.search.stems import fold
from shared.ai.contract import Profile

_LONGEST_CHANGE = 160
_LONGEST_REPLY = 120
_FEW_WORDS = 8
_WORDS_OF_A_NAME = 3
"""Of an agreement, named alone."""
_ASKS = re.compile(r"[?？]|\b(?:comment|pourquoi|quand|how|why|when)\b|怎么|为什么|อย่างไร|ทำไม")
_AMOUNT = re.compile(r"combien|montant|how much|多少|เท่าไ", re.IGNORECASE)
_AMOUNT_AGAIN = re.compile(
    r"^\W*(?:et |alors |donc |so |and |ca fait |du coup )*(?:combien|how much)"
    r"(?: (?:alors|donc|je|j'|vais-je|toucherai\w*|toucher|aurai\w*|ca|fait|fera\w*|du coup|then"
    r"|would|will|i|get|it|be|is))*\W*$|^(?:那)?(?:是|有)?多少(?:钱)?\W*$"
)
_HYPOTHESIS = re.compile(
    r"^\W*(?:(?:et|and|but|mais|ok|non|no|en fait|actually|alors|donc|so|then)\W+)*"
    r"(?:si\b|s'il|if\b|avec\b|with\b|pour\b|for\b|what (?:if|about)\b|et\b|and\b|sans\b|without\b"
    r"|a\b|en\b|au\b|j'ai|je\b|i\b|c'est|\d)|如果|要是|换成|那|ถ้า|แล้วถ้า|หาก",
    re.IGNORECASE,
)
_CONTRACTS: Mapping[str, str] = {"cdi": "CDI", "cdd": "CDD", "interim": "CTT"}
_ENDINGS: Mapping[str, str] = {
    "demission": "resignation",
    "licenciement": "dismissal",
    "rupture_conventionnelle": "mutual_termination",
    "retraite": "retirement",
}

_A_DEADLINE = frozenset({"deadline"})
"""What words such as "harcelé" tell: a fact of the calculator of deadlines, and of no other."""
_Tells = Literal["reply", "change"]


@dataclass(frozen=True, slots=True)
class CaseAsked:
    """What a message asks to compute: the calculator, the facts, the replies to our questions.

    `replies` are the words that answered our question for an input, by the input's name. `told` are
    the messages the facts were told in, the latest first. `changed`: it changes a fact of the
    calculation before; `replied`: it goes on with that calculation. `input_asked` is the input
    that our answer before asked for. `doubtful`: nothing in the message shows that it belongs to
    the calculation, but that it asks nothing; `brief`: it is a few words, as a reply is.
    """

    calculator: str
    facts: CaseFacts
    replies: Mapping[str, str]
    told: tuple[str, ...] = ()
    changed: bool = False
    replied: bool = False
    input_asked: str | None = None
    doubtful: bool = False
    brief: bool = False


@dataclass(slots=True)
class CaseThread:
    """Reads the messages of a conversation, oldest first."""

    today: date
    facts: CaseFacts = NOTHING_TOLD
    calculator: str | None = None
    subject: str | None = None
    is_open: bool = False
    replies: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    def read(
        self, message: str, questions: Sequence[str], query: str, *, input_asked: str | None
    ) -> CaseAsked | None:
        """Return what a message asks to compute.

        `questions` are those of the message in its own words, `query` is the last of them within
        the conversation, and `input_asked` the input that our answer before it asked for.
        """
        asked = self._asked_by(message, questions)
        goes_on = asked is None
        asked, tells = (asked, None) if asked else self._goes_on(message, query, input_asked)
        self.subject = None if asked else calculator_of_subject(message)
        told = self._told(message, asked, input_asked)
        self.facts = self.facts.updated(told)
        self._forget_replies(told)
        self.told.insert(0, message)
        if asked is None:
            self.is_open = self.is_open and _is_within(message, query)
            return None
        self.is_open = True
        self.calculator = asked
        return CaseAsked(
            asked,
            self.facts,
            dict(self.replies),
            tuple(self.told),
            changed=tells == "change",
            replied=goes_on,
            input_asked=input_asked,
            doubtful=tells is not None
            and not told.known() - (frozenset() if asked == "deadlines" else _A_DEADLINE)
            and not (input_asked and surely_replies(message, input_asked)),
            brief=is_brief(message),
        )

    def left(self) -> "CaseThread":
        """Return the thread for a message that takes no part in the calculation before it."""
        return replace(
            self, subject=None, is_open=False, replies=dict(self.replies), told=list(self.told)
        )

    def _goes_on(
        self, message: str, query: str, input_asked: str | None
    ) -> tuple[str | None, _Tells | None]:
        """Return the calculator that a message goes on with, and what it tells to it.

        That is nothing where it asks another one of the same case.
        """
        if self.calculator and self.is_open:
            if input_asked and self._is_reply(message):
                self.replies[input_asked] = message
                return self.calculator, "reply"
            if other := self._of_follow_up(message, query):
                return other, None
            if self._changes(message):
                return self.calculator, "change"
        if self._replies_to_subject(message, input_asked):
            self.replies |= {input_asked: message} if input_asked else {}
            return self.subject, "reply"
        return None, None

    def _told(self, message: str, asked: str | None, input_asked: str | None) -> CaseFacts:
        """Return what a message tells, with what it tells as a reply to our question."""
        told = read_case(message, self.today, asked=asked or self.subject)
        if not asked or not input_asked:
            return told
        told = _with_day(told, message, input_asked, self.today)
        if self.replies.get(input_asked) != message:
            return told
        return case_of_reply(told, message, input_asked, self.facts, self.today)

    def _asked_by(self, message: str, questions: Sequence[str]) -> str | None:
        """Return the calculator that a message asks for, or the first of its questions to do so."""
        for text in (message, *(questions if len(questions) > 1 else ())):
            if asked := calculator_asked(text, self.today):
                return asked
        return None

    def _replies_to_subject(self, message: str, input_asked: str | None) -> bool:
        """Whether a message tells what we asked about a subject that was named before it alone.

        "Indemnité de licenciement Syntec", answered by the law, becomes a computation once its
        author tells the case.
        """
        if self.subject is None or not self._is_reply(message):
            return False
        words = without_courtesy(message).strip()
        if not words or len(words.split()) > _FEW_WORDS:
            return False
        told = read_case(message, self.today, asked=self.subject).known()
        return bool(told) or input_asked is not None

    def _is_reply(self, message: str) -> bool:
        return len(message) <= _LONGEST_REPLY and not _ASKS.search(message)

    def _changes(self, message: str) -> bool:
        """Whether a message does nothing but tell the case anew."""
        words = without_courtesy(message).strip()
        if not words or len(words) > _LONGEST_CHANGE or not self.calculator:
            return False
        content = content_of(message)
        told = read_case(message, self.today, asked=self.calculator)
        if told.known():
            others_few = not content.subjects or is_follow_up(message, "")
            return others_few and bool(_HYPOTHESIS.search(words) or not _ASKS.search(words))
        few = len(words.split()) <= _FEW_WORDS and content.others <= _WORDS_OF_A_NAME
        return few and not content.subjects and not _ASKS.search(words)

    def _of_follow_up(self, message: str, query: str) -> str | None:
        """Return another calculator that a follow-up asks of the same case ("et le préavis ?")."""
        if _AMOUNT_AGAIN.search(fold(message)):
            return self.calculator
        if not _is_within(message, query) or not is_follow_up(message, query):
            return None
        asked = calculator_asked(query, self.today)
        if asked != self.calculator:
            return asked
        return asked if _AMOUNT.search(message) and self._tells_no_other(message) else None

    def _tells_no_other(self, message: str) -> bool:
        """Whether a message that asks how much tells the case, or names nothing that is new."""
        content = content_of(message)
        if read_case(message, self.today, asked=self.calculator).known():
            return True
        named = content_of(" ".join(self.told)).aspects if content.aspects else frozenset()
        return not content.others and content.aspects <= named

    def _forget_replies(self, told: CaseFacts) -> None:
        """Forget a reply that a later message tells otherwise."""
        for name in told.known():
            for reply in _REPLIES_OF.get(name, (name,)):
                if self.replies.get(reply) not in (None, self.told[0] if self.told else None):
                    del self.replies[reply]


def _is_within(message: str, query: str) -> bool:
    """Whether a message is searched with the conversation before it."""
    return query not in (message, without_courtesy(message))


def _with_day(told: CaseFacts, message: str, input_asked: str, today: date) -> CaseFacts:
    """Return the facts with the one day of a message, for the input that was asked for."""
    role = _DAYS_ASKED.get(input_asked)
    days = days_of(message, today)
    if role is None or len(days) != 1 or told.known() & {"entry", "notice", "exit", "signed"}:
        return told
    return replace(told, **{role: days[0]})  # type: ignore[arg-type]  # the roles are days


_DAYS_ASKED: Mapping[str, str] = {
    "entry_date": "entry",
    "notice_date": "notice",
    "exit_date": "exit",
    "seniority_years": "entry",
    "start_date": "notice",
}
_REPLIES_OF: Mapping[str, tuple[str, ...]] = {
    "seniority_months": ("seniority_years", "right_seniority_years", "seniority_months"),
    "entry": ("entry_date", "seniority_years", "right_seniority_years", "seniority_months"),
    "gross_monthly": ("reference_salary", "salaries"),
    "gross_total": ("total_gross_pay",),
}


def case_of_profile(profile: Profile) -> CaseFacts:
    """Return the facts of a case that a client's profile gives."""
    endings = [_ENDINGS[event] for event in profile.events if event in _ENDINGS]
    pay = profile.monthly_gross_pay_eur
    values: dict[str, object] = {
        "seniority_months": None
        if profile.seniority_months is None
        else Fraction(profile.seniority_months),
        "gross_monthly": None if pay is None else Fraction(str(pay)),
        "gross_said": None if pay is None else True,
        "minimum_wage": profile.minimum_wage,
        "category": profile.category,
        "contract": _CONTRACTS.get(profile.contract or ""),
        "working_time": {"part_time": "part_time", "forfait_jours": "day_rate"}.get(
            profile.working_time or ""
        ),
        "ending": endings[-1] if endings else None,
    }
    return CaseFacts(**values)  # type: ignore[arg-type]  # the fields are those of CaseFacts
