"""What the tools of `/mcp` take and return; their JSON Schemas are what a model reads of them."""

from datetime import date
from typing import Literal

from pydantic import Field, JsonValue

from shared.ai.contract import (
    NOT_BLANK,
    Abstention,
    AgreementOfRules,
    AgreementReply,
    AgreementTaken,
    AnswerSection,
    Body,
    CalculationReply,
    CalculatorName,
    Citation,
    Clarification,
    FicheReference,
    Idcc,
    PassageReply,
    Reply,
    Text,
)
from shared.languages import Language


class ToolArguments(Body):
    """What every tool takes."""

    language: Language | None = None
    """Language of notices and of error messages: fr (the default), en, th or zh."""


class SearchArguments(ToolArguments):
    """What to search for."""

    query: str = Field(
        min_length=1, max_length=2_000, pattern=NOT_BLANK, examples=["préavis de démission"]
    )
    """Keywords or a question, in French."""
    limit: int = Field(default=5, ge=1, le=20)
    """Most passages to return."""
    kind: Literal["article", "fiche", "agreement"] | None = None
    """Only articles of the Code du travail, only official explanations (fiches), or only clauses of
    collective agreements; all three by default."""
    agreement: Idcc | None = Field(default=None, examples=["1486"])
    """Collective agreement to search as well, by its IDCC number."""
    as_of: date | None = Field(default=None, examples=["2025-03-01"])
    """The law in force on that day; today by default."""


class ArticleArguments(ToolArguments):
    """Which article."""

    number: str = Field(min_length=1, max_length=80, pattern=NOT_BLANK, examples=["L1234-1"])
    """Its number in the Code du travail, such as L1234-1 or R3231-2."""
    as_of: date | None = Field(default=None, examples=["2025-03-01"])
    """The version in force on that day; today by default."""


class AskArguments(ToolArguments):
    """What to ask."""

    question: Text = Field(examples=["Quel préavis pour une démission dans une boulangerie ?"])
    """A question that can be understood alone, with the facts that matter (profession or collective
    agreement, seniority, category). Answered in the language it is asked in: French, English, Thai
    or Chinese."""
    agreement: Idcc | None = Field(default=None, examples=["1486"])
    """Collective agreement that applies, by its IDCC number."""
    as_of: date | None = Field(default=None, examples=["2025-03-01"])
    """The law in force on that day; today by default."""


class CalculatorArguments(ToolArguments):
    """Which calculator."""

    calculator: CalculatorName
    """Its name."""
    idcc: Idcc | None = Field(default=None, examples=["1486"])
    """The agreement whose own inputs and labels are wanted; those of the Code alone by default."""


class CalculateArguments(CalculatorArguments):
    """What to work out."""

    as_of: date | None = Field(default=None, examples=["2025-03-01"])
    """The law in force on that day; today by default."""
    inputs: dict[str, JsonValue] = Field(default={}, examples=[{"notice_date": "2026-03-02"}])
    """The facts, by the names that describe_calculator gives. With too few, the result names what
    is missing."""


class AgreementArguments(ToolArguments):
    """Which agreements."""

    query: str | None = Field(
        default=None, min_length=1, max_length=200, pattern=NOT_BLANK, examples=["syntec"]
    )
    """A number (IDCC), a name or a branch, in French; without one, the agreements whose own rules
    the calculators hold are listed."""


class PassagesFound(Reply):
    """Passages of the law, word for word."""

    passages: list[PassageReply]
    """Best first; each with its address."""
    notice: str
    """What to tell whoever reads them."""


class ArticleText(Reply):
    """An article of the Code du travail, word for word."""

    number: str
    """Its number."""
    title: str
    """The section it stands in."""
    text: str
    """Its text."""
    nota: str | None
    """The publisher's note; null when there is none."""
    in_force_since: date
    """First day in force."""
    in_force_until: date | None
    """First day no longer in force; null while no end is known."""
    url: str
    """Its address at Légifrance."""
    cited_by_fiches: list[FicheReference]
    """Official explanations that cite it."""
    notice: str
    """What to tell whoever reads it."""


class LegalAnswer(Reply):
    """An answer that rests on the law, with its sources."""

    answer: str
    """The whole answer, which cites its sources as [1], [2] …"""
    summary: str
    """Its first part, to be read alone."""
    sections: list[AnswerSection]
    """The parts below it."""
    citations: list[Citation]
    """The sources, as the answer numbers them, each with a quotation and an address."""
    confidence: Literal["high", "medium", "low", "none"] | None
    """How surely the sources decide the question."""
    abstained: Abstention | None
    """Why there is no answer, and who can help; null when there is one."""
    clarification: Clarification | None
    """What to ask the person, for a better answer."""
    agreement: AgreementTaken | None
    """The collective agreement that was taken into account."""
    calculation: CalculationReply | None
    """What a calculator worked out for the answer, step by step."""
    language: str
    """Language of the answer."""
    corpus_date: date | None
    """Day of the law's publication that the answer rests on."""
    masked_notice: str | None
    """Which personal data of the question was masked before anything read it."""
    notice: str
    """What to tell whoever reads the answer."""


class AgreementsFound(Reply):
    """Collective agreements."""

    agreement: AgreementReply | None
    """The one that is meant, when it is plain which."""
    near: list[AgreementReply]
    """Those that may be meant."""
    with_rules: list[AgreementOfRules]
    """Without a query: those whose own rules the calculators hold."""
