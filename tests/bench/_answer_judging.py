"""What is right and wrong with one answer, as far as a machine can tell.

The first screen is the summary, or where there is none the first 900 characters: what a reader on a
phone sees. A person still has to grade the rows; the grades here are a stand-in for theirs.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.bench._answer_questions import BenchQuestion, folded, matches

FIRST_SCREEN_CHARACTERS = 900
HELPLINES = re.compile(r"\b(3114|3919)\b")
ADMISSIONS = re.compile(
    "|".join(
        (
            r"(je|nous) (ne|n') ?(sais|trouve|peu|ai|avons|pouvons)[^.]{0,40} pas",
            r"n'(ai|avons) pas (trouve|le texte|cette convention|de)",
            r"ne (le )?(dit|fixe|regle|tranche|precise|repond|decide)[^.]{0,15} (pas|rien)",
            r"ne (le )?(definit|prevoit)[^.]{0,15} (pas|rien)",
            r"(aucun|pas de) (texte|article|passage|source)",
            r"n'est (pas|ni) (fixee?|reglee?|tranchee?|definie?|prevue?)",
            r"jurisprudence|decisions de justice|cour de cassation|case law|court decisions",
            r"(found|have) no (text|passage|source|article|answer)|could not find",
            r"cannot (say|answer)",
            r"do(es)? not (say|settle|answer|decide|cover|define|contain)|nothing .{0,40}decides",
        )
    )
)
STOP_WORDS = {
    "fr": "le la les des du un une et est dans pour que qui vous votre sur pas au aux ne ce cette",
    "en": "the of and is in for to that you your on not this with a an it by or are be",
    "es": "el los las una y es en para que usted su sobre no con por del se al como este",
    "pt": "o os uma e em para que voce seu sobre nao com por do da se ao como este",
}
SCRIPTS = {"th": "\u0e00-\u0e7f", "zh": "\u4e00-\u9fff", "ar": "\u0600-\u06ff"}

Body = Mapping[str, Any]
Grade = Literal["A", "B", "C", "D", "R", "error"]


@dataclass(frozen=True)
class Verdict:
    """One answer judged; `grade` is None where nothing says what the answer should hold.

    A: the fact is in the first screen, or the refusal, admission or help is there as it should be.
    B: it comes later in the answer. C: nowhere. D: a fact that must not appear stands in the first
    screen. R: a question that should be answered is refused.
    """

    grade: Grade | None
    refused: bool = False
    admits: bool = False
    asks: bool = False
    cited_any: bool | None = None
    cited_all: bool | None = None
    language_right: bool = False
    first_screen_characters: int = 0
    characters: int = 0
    forbidden: tuple[str, ...] = ()
    missing: tuple[str, ...] = field(default=())

    @property
    def admits_nothing_though_bad(self) -> bool:
        """Whether a bad answer pretends to be one."""
        return self.grade in {"C", "D"} and not self.admits and not self.refused


def first_screen(body: Body) -> str:
    """Return what is seen before any scrolling."""
    return str(body.get("summary") or body["response"][:FIRST_SCREEN_CHARACTERS])


def judge(question: BenchQuestion, body: Body) -> Verdict:
    """Judge the last answer of a conversation."""
    response, screen = str(body["response"]), folded(first_screen(body))
    refused = _refuses(body)
    admits = refused or _admits(body)
    forbidden = tuple(pattern for pattern in question.never if matches(pattern, screen))
    cited = {citation["id"] for citation in body["citations"]}
    cited |= {citation["number"] for citation in body["citations"]}
    return Verdict(
        grade="D" if forbidden else _grade(question, screen, folded(response), refused, admits),
        refused=refused,
        admits=admits,
        asks=bool(body.get("clarification")),
        cited_any=bool(question.gold & cited) if question.gold else None,
        cited_all=question.gold <= cited if question.gold else None,
        language_right=language_of(response) == question.language,
        first_screen_characters=len(first_screen(body)),
        characters=len(response),
        forbidden=forbidden,
        missing=tuple(fact for fact in question.fact if not matches(fact, screen)),
    )


def _refuses(body: Body) -> bool:
    return bool(body["abstained"]) and body["abstained"]["reason"] != "no_source"


def _admits(body: Body) -> bool:
    """Whether the answer says, first, that it does not know."""
    if body["abstained"] or body.get("confidence") in {"low", "none"}:
        return True
    return ADMISSIONS.search(folded(own_words(first_screen(body)))) is not None


def _grade(
    question: BenchQuestion, screen: str, response: str, refused: bool, admits: bool
) -> Grade | None:
    first = all(matches(fact, screen) for fact in question.fact)
    somewhere = all(matches(fact, response) for fact in question.fact)
    if question.expected == "answered":
        if not question.fact:
            return "R" if refused else None
        return "A" if first else "B" if somewhere else "R" if refused else "C"
    if question.expected == "helplines":
        return "A" if first else "B" if somewhere else "C"
    done = admits if question.expected == "admitted" else refused or admits
    if not done:
        return "C"
    return "A" if first else "B"


def own_words(text: str) -> str:
    """Return a text without the lines that quote, which stay in the language of the law."""
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(">"))


def language_of(text: str) -> str:
    """Return the language in which an answer speaks for itself, or "" when it says nothing.

    A script decides, else the commonest words of French, English, Spanish and Portuguese: enough to
    tell which of the languages of the questions an answer is in.
    """
    spoken = own_words(re.sub(r"https?://\S+|«[^»]*»", " ", text)) or text
    for language, letters in SCRIPTS.items():
        if len(re.findall(f"[{letters}]", spoken)) > len(spoken) / 10:
            return language
    words = re.findall(r"[a-z]+", folded(spoken))
    counts = {
        language: sum(word in known for word in words)
        for language, known in ((name, set(few.split())) for name, few in STOP_WORDS.items())
    }
    best = max(counts, key=lambda language: counts[language])
    return best if counts[best] else ""


def below(first: Grade | None, second: Grade | None) -> bool:
    """Whether the first grade is worse than the second."""
    order: Sequence[Grade] = ("A", "B", "C", "R", "D", "error")
    if first is None or second is None:
        return False
    return order.index(first) > order.index(second)
