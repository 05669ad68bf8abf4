"""The contract between ai_core and its clients: request and reply bodies of `/api/v1`.

Every field's docstring is its description in the OpenAPI document. Unknown fields of a request are
refused (422), so that a misspelt one is never silently ignored. The file is long because every
field of the contract is described in one place.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from shared.languages import Language

MAX_PROMPT_CHARACTERS = 32_000
MAX_MESSAGES = 64
MAX_NEW_TOKENS = 4_096
MAX_STOPS = 8
MAX_TOP_LOGPROBS = 20

NOT_BLANK = r"^[^\x00]*[^\s\x00][^\x00]*$"
"""Something else than white space, and no NUL, which Postgres cannot keep."""

Text = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_PROMPT_CHARACTERS, pattern=NOT_BLANK)
]
ConversationId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
AnswerId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{16,64}$")]
Idcc = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}$")]


class Body(BaseModel):
    """A request body; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Reply(BaseModel):
    """A reply body."""

    model_config = ConfigDict(use_attribute_docstrings=True)


StopSequence = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class SamplingFields(Body):
    """How a model writes. What it cannot do is refused (400 `unsupported`), never ignored.

    The extractive engine quotes the law: it refuses `stop`, `json_schema` and `logprobs`, and no
    other sampling field changes its output.
    """

    model: str | None = Field(default=None, max_length=128, examples=["extractive"])
    """Name of the model, one of `GET /api/v1/models`; null: the default model."""
    max_tokens: int | None = Field(default=None, ge=1, le=MAX_NEW_TOKENS)
    """Longest answer, in tokens; null: 800. The extractive engine is not cut."""
    temperature: float = Field(default=0.0, ge=0.0, le=2.0)
    """Sampling temperature. At 0 the answer is deterministic, and may come from the cache."""
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    """Nucleus sampling: share of the probability mass to choose from; 1 is all of it."""
    top_k: int = Field(default=0, ge=0, le=1_000)
    """Choose among this many most likely tokens; 0: among all of them."""
    min_p: float = Field(default=0.0, ge=0.0, le=1.0)
    """Leave out tokens less likely than this fraction of the most likely one; 0: none."""
    repetition_penalty: float = Field(default=1.0, gt=0.0, le=2.0)
    """Factor by which tokens that already occurred become less likely; 1: no penalty."""
    seed: int | None = Field(default=None, ge=0, lt=2**31)
    """Seed of the sampler, used above temperature 0; null: a random one."""
    stop: tuple[StopSequence, ...] = Field(default=(), max_length=MAX_STOPS)
    """The answer ends before the first of these texts."""
    json_schema: dict[str, JsonValue] | None = None
    """The answer is a JSON document that follows this JSON Schema, without closing lines."""
    logprobs: int | None = Field(default=None, ge=0, le=MAX_TOP_LOGPROBS)
    """Return the log-probability of each token and of this many alternatives; null: neither."""
    fallback: Literal["extractive"] | None = None
    """Quote the law instead when the model cannot answer now, or not before the deadline."""
    stream: bool = False
    """Send the answer as server-sent events."""


class GenerateRequest(SamplingFields):
    """One question without a conversation."""

    prompt: Text
    """The question, at most 32,000 characters. Answered in French, English, Thai or Chinese; one in
    Arabic, German, Portuguese, Spanish or Romanian in English, or in French where it asks."""


class Message(Body):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    """Who wrote it. `system` messages are read only when `knowledge` is false."""
    content: Text
    """Its text, at most 32,000 characters."""


Category = Literal[
    "cadre", "agent_de_maitrise", "etam", "technicien", "employe", "ouvrier", "apprenti"
]
Contract = Literal["cdi", "cdd", "interim", "apprentissage", "professionnalisation"]
CaseEvent = Literal[
    "demission",
    "licenciement",
    "rupture_conventionnelle",
    "arret_maladie",
    "accident_du_travail",
    "grossesse",
    "inaptitude",
    "periode_d_essai",
    "retraite",
]


class ProfileAgreement(Body):
    """The collective agreement of somebody."""

    idcc: Idcc = Field(examples=["1486"])
    """Its number (IDCC)."""
    name: str = Field(default="", max_length=500)
    """Its usual title; empty when this service does not hold it."""
    known_by: Literal["client", "told"] = "client"
    """Given with the request, or told in a message of the conversation."""


class Profile(Body):
    """The facts told about the person who asks, or about the case they ask about.

    Null: not told. Later messages of a conversation replace what earlier ones told.
    """

    agreement: ProfileAgreement | None = None
    """The collective agreement."""
    category: Category | None = None
    """The category of staff."""
    seniority_months: int | None = Field(default=None, ge=0, le=840, examples=[42])
    """Time with the employer, in months."""
    monthly_gross_pay_eur: float | None = Field(default=None, gt=0, le=1_000_000, examples=[2300])
    """Gross monthly pay, in euros."""
    monthly_net_pay_eur: float | None = Field(default=None, gt=0, le=1_000_000)
    """Net monthly pay, in euros."""
    minimum_wage: bool | None = None
    """Whether they are paid the minimum wage (SMIC)."""
    contract: Contract | None = None
    """Kind of the contract of employment."""
    working_time: Literal["full_time", "part_time", "forfait_jours"] | None = None
    """Working time: full time, part time, or a number of days a year."""
    events: tuple[CaseEvent, ...] = Field(default=(), max_length=9)
    """What happened or is about to happen, the latest told last."""
    role: Literal["employee", "employer"] | None = None
    """Which side asks."""
    sector: Literal["private", "public"] | None = None
    """Private or public sector."""
    headcount: int | None = Field(default=None, ge=0, le=10_000_000, examples=[30])
    """Employees of the company."""


class ChatRequest(SamplingFields):
    """The next question of a conversation."""

    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES)
    """The messages so far, oldest first; the last one is the question."""
    conversation_id: ConversationId | None = None
    """Continue that conversation: its stored messages replace those before the last; null: begin
    one."""
    store: bool = True
    """Keep the question and its answer, so that the conversation can go on. False: nothing of them
    is kept, and the reply has no `conversation_id`."""
    keep: bool = False
    """With the first question of a conversation, where its author chose so: keep all of it longer,
    masked and sealed, for the operator to improve the answers; until it is erased, or 30 days have
    passed (as the operator sets). Without effect later, and where `GET /api/v1/health` says that
    `postgres` is off."""
    knowledge: bool = True
    """Ground the answer in the law. False: the model answers alone, and nothing is checked."""
    agreement: Idcc | None = Field(default=None, examples=["1486"])
    """Collective agreement to search as well, by its IDCC number; null: none."""
    profile: Profile | None = None
    """Facts known before the conversation, such as those of a form; what the messages tell replaces
    them. Null: none."""
    as_of: date | None = Field(default=None, examples=["2025-03-01"])
    """Answer by the law in force on that day (ISO 8601); null: today."""


class FeedbackRequest(Body):
    """A verdict on an answer."""

    answer_id: AnswerId
    """The `answer_id` of the reply."""
    verdict: Literal["up", "down"]
    """Whether it helped."""
    reason: str | None = Field(default=None, pattern=r"^[a-z_]{1,40}$", examples=["unclear"])
    """Why not, as a word of the client's own; null: not told."""
    comment: Annotated[str, StringConstraints(max_length=2_000, pattern=NOT_BLANK)] | None = None
    """What its reader writes about it, at most 2,000 characters. Personal data in it is masked."""
    conversation_id: ConversationId | None = None
    """The conversation of the answer: the comment is erased with it. Null: not told."""
    voter: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None
    """A pseudonym of who judges, where several people share a key; null: the key's caller."""


class Citation(Reply):
    """A source of the answer, built from the corpus and never from the model's words.

    Only `verified` sources are listed: the article exists, was in force on the day asked about and
    was among the passages given to the model.
    """

    kind: Literal["article", "fiche", "agreement"]
    """An article of the Code du travail, a fiche of the ministry, or a collective agreement."""
    id: str
    """Identifier given by the publisher, such as `LEGIARTI…` for an article."""
    number: str
    """Number of the article, such as `L3121-27`; empty for a fiche."""
    title: str
    """Heading of the section or title of the fiche."""
    url: str
    """Address of the official publication."""
    quote: str
    """A passage of the source, word for word."""
    in_force_since: date | None
    """Day since which this version is in force; null when the publisher gives none."""
    updated: date | None = None
    """Day on which the publisher last changed it, for a fiche or an agreement's clause; null when
    the publisher gives none."""
    status: Literal["verified"]
    """Always `verified`: other sources are not listed."""


class Contact(Reply):
    """An office that can help."""

    name: str
    """Name of the office."""
    url: str
    """Address of its web page."""


class Abstention(Reply):
    """Why there is no answer, and who can help instead."""

    reason: Literal["out_of_scope", "neighbour_law", "no_source", "unknown_reference", "distress"]
    """Not about law, about another branch of law, no passage answers it, it names an article that
    does not exist, or its author is in danger: the answer is who to call."""
    contact: Contact
    """The office to turn to."""


class AnswerSection(Reply):
    """A titled part of an answer, below its summary."""

    kind: Literal["calculation", "conditions", "steps", "sources", "nearest", "help", "model"]
    """A calculation with its steps, conditions and exceptions, what to do next, the sources word
    for word, the nearest texts when none decides, who can help, or what a small model adds to an
    answer that quotes."""
    title: str
    """Its heading, in the language of the answer."""
    text: str
    """Its text, in Markdown as in `response`."""
    citations: list[int]
    """Numbers of the sources it names: 1 is the first of `citations`."""


class Clarification(Reply):
    """One question back, whose answer would change this one."""

    question: str
    """The question, in the language of the answer."""
    choices: list[str] = []
    """Answers to choose from, each complete as the next message; empty when it is open."""
    fact: str | None = None
    """What it asks for: a field of `profile`, such as `agreement`, or an input of a calculator."""


class AgreementReply(Reply):
    """A national collective agreement."""

    idcc: str
    """Its number, four digits."""
    title: str
    """Its short title."""
    held: bool
    """Whether its text is here; where not, an answer gives the law alone."""
    url: str
    """Its page on Légifrance, or the directory of agreements where its text is not here."""


class AgreementsReply(Reply):
    """The collective agreement that a number or a name means, or those it may mean."""

    agreement: AgreementReply | None
    """The one meant; null where none is, or several are."""
    near: list[AgreementReply] = []
    """Where none is meant, those of a similar number or name, the most similar first; where several
    are, these."""


class AgreementTaken(Reply):
    """The collective agreement an answer rests on, or those that fit, and why."""

    basis: Literal["chosen", "idcc", "name", "trade", "company"]
    """Chosen by `agreement`; or written: its number, its name, the asker's branch or trade, or a
    company, which never decides."""
    agreement: AgreementReply | None
    """The one taken; null when it has to be asked for, or nobody knows its number."""
    alternatives: list[AgreementReply] = []
    """Others that fit."""
    unknown_idcc: str | None = None
    """A number that was written and that no agreement known here bears."""


class LikelyToken(Reply):
    """A token and its probability."""

    token: str
    """Text of the token; U+FFFD where it holds only part of a character."""
    bytes: list[int]
    """Its bytes. Those of a whole answer together are its text in UTF-8."""
    logprob: float
    """Natural logarithm of its probability."""


class WrittenToken(LikelyToken):
    """A token the model wrote, and its alternatives."""

    top: list[LikelyToken] = []
    """The most likely tokens at this place, most likely first."""


CalculatorName = Literal[
    "resignation_notice",
    "dismissal_notice",
    "retirement_notice",
    "job_search_hours",
    "severance_pay",
    "mutual_termination_pay",
    "end_of_contract_bonus",
    "seniority",
    "reference_salary",
    "paid_leave",
    "overtime",
    "trial_period",
    "deadlines",
]


class EntryTaken(Reply):
    """A knowledge entry that the answer gives."""

    topic_id: str = Field(examples=["dismissal-during-pregnancy"])
    """Its name, as in `GET /api/v1/entries/{topic_id}`."""
    question: str
    """The question it answers, in the language of the answer."""
    checked_on: date
    """Day on which it was last compared with the law."""
    checked_by: Literal["code", "lawyer"]
    """Who compared it: code alone, or a lawyer too."""
    calculator: CalculatorName | None
    """The calculator that works out its amount or length; null: none."""


Theme = Literal[
    "hiring",
    "contract",
    "pay",
    "working_time",
    "leave",
    "health",
    "family",
    "discipline",
    "termination",
    "representation",
    "disputes",
    "training",
    "status",
]


class EntrySummary(Reply):
    """A knowledge entry in a list."""

    topic_id: str = Field(examples=["dismissal-during-pregnancy"])
    """Its name."""
    category: Theme
    """What it is about."""
    question: str
    """The question it answers, in the language asked for, or in English where it lacks that one."""
    languages: list[str]
    """The languages it is written in."""


class EntriesReply(Reply):
    """The knowledge entries in use."""

    entries: list[EntrySummary]
    """By topic id."""
    withheld: list[str]
    """Topic ids of those that the law in service no longer bears out."""


class EntryLine(Reply):
    """A condition of an entry, or a step."""

    text: str
    """Its text; `[L1225-4]` refers to the source of that key."""
    concerns: dict[str, JsonValue] = {}
    """The facts it is for, by field of a profile; empty: any."""


class EntrySourceReply(Reply):
    """A text that an entry rests on; subscribe to its `id` to learn of a change."""

    key: str
    """How the entry's texts refer to it."""
    kind: Literal["article", "fiche", "agreement"]
    """An article of the Code, a page of the Ministry, or a clause of an agreement."""
    id: str
    """Identifier of the version in force."""
    title: str
    """Its heading."""
    url: str
    """Address of the official publication."""
    fragments: list[str]
    """The words of it that decide, in French, word for word."""
    in_force_since: date | None
    """Day since which that version is in force."""
    changed: bool
    """Whether its text changed since the entry was last compared with it, the deciding words
    apart."""


class EntryReply(Reply):
    """A knowledge entry."""

    topic_id: str = Field(examples=["dismissal-during-pregnancy"])
    """Its name."""
    category: Theme
    """What it is about."""
    tags: list[str]
    """What it touches, in French."""
    language: str
    """The language of its texts here."""
    languages: list[str]
    """The languages it is written in."""
    question: str
    """The question it answers."""
    answer: str
    """The short answer; `[L1225-4]` refers to the source of that key."""
    conditions: list[EntryLine]
    """Conditions, exceptions, particular cases."""
    steps: list[EntryLine]
    """What to do next."""
    depends_on: list[str]
    """What may change the answer."""
    calculator: CalculatorName | None
    """The calculator that works out its amount or length; null: none."""
    related: list[EntrySummary]
    """Entries near it."""
    sources: list[EntrySourceReply]
    """What it rests on; the first one decides."""
    checked_on: date
    """Day on which it was last compared with the law."""
    checked_by: Literal["code", "lawyer"]
    """Who compared it: code alone, or a lawyer too."""
    notice: str
    """That it is information from an AI, not legal advice."""


class CalculationArticle(Reply):
    """An article of the Code, or a clause of an agreement, that a calculation rests on."""

    id: str
    """Identifier of the version in force: `LEGIARTI…` or `KALIARTI…`."""
    title: str
    """Its usual name."""
    url: str
    """Its page on Légifrance."""
    fragment: str | None
    """The words of it that decide, in French, word for word."""
    idcc: str | None = None
    """The agreement it belongs to; null for an article of the Code."""


class CalculationStep(Reply):
    """One step of a calculation."""

    text: str
    """What is computed, in the language asked for."""
    value: float | str | None = None
    """Its result; null where the step only says what applies."""
    unit: str | None = None
    """Unit of the result, such as `€` or `mois`."""
    article: str | None = None
    """Identifier of the article behind it, one of `articles`."""


class CalculationSide(Reply):
    """What the Code, or the agreement, gives by itself."""

    value: float | str | None
    """A number, a phrase such as `2 h/jour`, `none`, or `not_due`."""
    unit: str | None = None
    """Its unit, such as `€`, `mois`, `heures`."""
    unit_qualifier: str | None = None
    """How the unit is counted, such as `de date à date`."""
    text: str
    """The result as people read it, such as `4 025,00 €` or `2 mois`."""
    not_due: str | None = None
    """Why nothing is due; null where something is."""
    steps: list[CalculationStep] = []
    """How it was computed."""
    articles: list[CalculationArticle] = []
    """What it rests on."""


class MissingInput(Reply):
    """An input without which nothing can be computed."""

    input: str
    """Its name, as in the calculator's schema."""
    label: str
    """The question to ask for it, in the language asked for."""
    choices: list[str] = []
    """The labels it may take; empty when it is a number, a date or yes and no."""


class CalculationReply(CalculationSide):
    """The result of a calculator.

    Where `missing` names inputs nothing was computed, and `value` is null.
    """

    calculator: CalculatorName
    """The calculator."""
    title: str
    """What it computes, in the language asked for."""
    idcc: str | None
    """The agreement it was computed for; null for the Code alone."""
    as_of: date
    """The day whose law was applied."""
    source: Literal["legal", "agreement"]
    """Whose number `value` is: the Code's, or the agreement's own clause."""
    same_as_legal: bool = False
    """Whether both give the same."""
    is_minimum: bool = False
    """The agreement's rule is not held here, so that the Code's result is a minimum."""
    comparison: str
    """Which rule chose between both: `legal_only`, `agreement_only`, `agreement_better`,
    `legal_better`, `agreement_shorter`, `legal_shorter` or `equal`."""
    comparison_text: str = ""
    """The same in a sentence; empty where one side alone applies to everybody."""
    legal: CalculationSide | None = None
    """What the Code gives by itself."""
    agreement: CalculationSide | None = None
    """What the agreement gives by itself; null where it has no rule of its own, or none is held."""
    terms: dict[str, JsonValue] | None = None
    """Hours to look for a job: the amount in parts."""
    conditions: dict[str, JsonValue] | None = None
    """Hours to look for a job: whether they are paid, may be grouped, and the like."""
    warnings: list[str] = []
    """What may change the result."""
    assumptions: list[str] = []
    """What was taken as true because it was not told."""
    missing: list[MissingInput] = []
    """Inputs to ask for, the first one first."""
    inputs: dict[str, JsonValue] = {}
    """In an answer: the inputs that were read from the conversation, as the calculator takes them;
    those that a form sends are not repeated."""
    notice: str
    """What a calculation by a machine is worth: information, not legal advice."""


class CalculatorSummary(Reply):
    """A calculator, as listed."""

    name: CalculatorName
    """Its name in the address."""
    title: str
    """What it computes."""
    agreements: list[str]
    """IDCC of the agreements whose own rules are held; the Code's are always."""


class AgreementOfRules(Reply):
    """An agreement whose own rules are held."""

    idcc: str
    """Its number, four digits."""
    name: str
    """Its usual name."""


class CalculatorsReply(Reply):
    """The calculators."""

    calculators: list[CalculatorSummary]
    """In the order of the life of a contract."""
    agreements: list[AgreementOfRules]
    """The agreements whose own rules are held, by number."""


class CalculatorReply(Reply):
    """A calculator: what it asks."""

    name: CalculatorName
    """Its name in the address."""
    title: str
    """What it computes."""
    idcc: str | None
    """The agreement whose inputs and labels these are; null for the Code alone."""
    held: bool
    """Whether that agreement's own rule is held; the Code's result is a minimum where not."""
    inputs: dict[str, JsonValue]
    """JSON Schema (draft 2020-12) of `inputs`: labels in `title`, the choices of the agreement in
    `enum`, what people read for them in `x-labels` where it differs, units in `x-unit`; what most
    cases need is marked `x-first` and stands first."""


class CalculationRequest(Body):
    """What to compute from."""

    idcc: Idcc | None = Field(default=None, examples=["1486"])
    """Collective agreement whose rule is computed beside the Code's; null: the Code alone."""
    as_of: date | None = None
    """By the law in force on that day (ISO 8601); null: today."""
    language: Language | None = None
    """Language of titles, steps and warnings; null: that of `Accept-Language`, else French. Labels
    of agreements and words of the law stay French."""
    inputs: dict[str, JsonValue] = Field(
        default={},
        max_length=80,
        examples=[{"seniority_years": 7, "right_seniority_years": 7, "reference_salary": 2300}],
    )
    """The facts, by the names of the calculator's schema; what is missing is named in the reply."""


class GenerateReply(Reply):
    """An answer, and the model that gave it."""

    response: str
    """The whole answer: the summary, the sections below their titles, the date of the law, the
    notice. Quotations are lines that begin with `> `, sources `[1]`, `[2]`…"""
    summary: str = ""
    """The short answer, in one to three sentences: what decides, or first what is not known. Empty
    when a model answers without the law."""
    sections: list[AnswerSection] = []
    """The parts below the summary, in the order of `response`."""
    suggestions: list[str] = []
    """Questions that may come next, each complete as the next message."""
    confidence: Literal["high", "medium", "low", "none"] | None = None
    """How surely the sources decide the question; `none`: they do not. Null without the law."""
    language: str = "fr"
    """Language of the answer, as an ISO 639-1 code."""
    model: str
    """The model that answered; the fallback when it did."""
    tokens_used: int
    """`prompt_tokens` and `completion_tokens` together; 0 for a refusal."""
    prompt_tokens: int = 0
    """Tokens of the prompt, sources included, counted with the model's own tokenizer."""
    completion_tokens: int = 0
    """Tokens of the answer; for the extractive engine, words and punctuation marks quoted."""
    finish_reason: Literal["stop", "length", "repetition", "content_filter"] = "stop"
    """`length` when `max_tokens` or the model's context ended the answer: an answer that follows a
    JSON schema is then cut, and is no valid JSON. `repetition` when the model repeated the same
    words without end and was stopped; `content_filter` when a remote model's server withheld the
    rest."""
    logprobs: list[WrittenToken] | None = None
    """The tokens the model wrote, before its sources were checked; null unless asked for."""
    reasoning: str | None = None
    """What the model thought before it answered; null where it did not, and for every answer from
    the law, whose sources alone are checked."""
    processing_time: float
    """Duration of the request in seconds, waiting included; 0 for a publishable key."""
    timestamp: datetime
    """When the answer was finished (RFC 3339, UTC)."""
    citations: list[Citation]
    """The sources; the n-th is `[n]` in the text."""
    abstained: Abstention | None = None
    """Set when the question is not answered; null otherwise."""
    clarification: Clarification | None = None
    """One question whose answer would change this one; null when there is none."""
    calculation: CalculationReply | None = None
    """What a calculator gives for the facts told; null where nothing is computed."""
    entries: list[EntryTaken] = []
    """The knowledge entries that the answer gives, one for each question of the message; empty
    where the answer is made from the law itself."""
    agreement: AgreementTaken | None = None
    """The collective agreement of the question, and why; null where it speaks of none."""
    profile: Profile = Profile()
    """What the messages have told so far about the person or their case, read from them with each
    question and never stored apart from them."""
    corpus_date: date | None
    """Publication date of the law the answer rests on; null without the law."""
    notice: str
    """What an AI's answer is worth: information, not legal advice."""
    masked: dict[str, int] = {}
    """Personal data masked in the last message before anything read it, counted by kind: `email`,
    `phone`, `nir`, `iban`, `card`, `tax_number`, `identity_document`, `ip_address`, `birth_date`,
    `postal_address`, `siret`, `plate`, `file_number`, `name`."""
    masked_notice: str | None = None
    """The same in a sentence, in the question's language; null when nothing was masked."""
    cached: bool = False
    """Whether the answer came from the cache; always false for a publishable key, whose users must
    not learn what others asked."""
    answer_id: str = Field(default="", examples=["kVt3mJ0uQx2c9yRb"])
    """Names this answer in `POST /api/v1/feedback`; it tells nothing about who asked."""


class ChatReply(GenerateReply):
    """An answer within a conversation."""

    conversation_id: str | None = None
    """Send it with the next question; stored messages end after 24 hours without one, and cannot be
    read without it. Null when nothing is stored."""


class PassageReply(Reply):
    """A passage that matches a search."""

    kind: Literal["article", "fiche", "agreement"]
    """An article of the Code du travail, a fiche of the ministry, or a collective agreement."""
    number: str
    """Number of the article; empty for a fiche."""
    title: str
    """Heading of the section or title of the fiche."""
    text: str
    """The passage, word for word."""
    url: str
    """Address of the official publication."""
    score: float
    """Relevance; comparable only among passages of one kind in one reply."""


class SearchReply(Reply):
    """The passages found."""

    passages: list[PassageReply]
    """Best first."""


class FicheReference(Reply):
    """A fiche of the ministry that cites an article."""

    title: str
    """Its title."""
    url: str
    """Its address."""


class ArticleReply(Reply):
    """An article of the Code du travail, whole."""

    number: str
    """Its number, such as `L3121-27`."""
    id: str
    """Identifier of this version (`LEGIARTI…`)."""
    title: str
    """Heading of its section."""
    section_path: list[str]
    """Headings above it, from the part of the code down."""
    text: str
    """Its text; the cells of a table are separated by tabs."""
    html: str | None = None
    """Its markup when it holds a table; null otherwise."""
    nota: str | None = None
    """The publisher's note; null when there is none."""
    in_force_since: date
    """First day in force."""
    in_force_until: date | None = None
    """First day no longer in force; null while no end is known."""
    url: str
    """Address of the official publication."""
    cited_by_fiches: list[FicheReference]
    """Fiches of the ministry that cite it."""


class SourceReply(Reply):
    """A source of an answer, whole: an article, a section of a fiche, a clause of an agreement."""

    kind: Literal["article", "fiche", "agreement"]
    """An article of the Code du travail, a fiche of the ministry, or a collective agreement."""
    id: str
    """Identifier of this version, as in a citation."""
    number: str
    """Number of the article or of the clause; empty for a fiche."""
    title: str
    """Heading of the section, title of the fiche and of its section, or title of the agreement."""
    text: str
    """Its text; the cells of a table are separated by tabs."""
    in_force_since: date | None = None
    """First day in force; null when the publisher gives none."""
    updated: date | None = None
    """Day on which the publisher last changed it; null when the publisher gives none."""
    url: str
    """Address of the official publication."""


class ModelCardReply(Reply):
    """A model this service can answer with, as it is now."""

    id: str
    """Name to use as `model`."""
    format: Literal["built-in", "gguf", "safetensors", "onnx", "lora", "remote"]
    """Format of its files; `built-in` needs none, `remote` is another server."""
    state: Literal["unloaded", "loading", "loaded", "failed", "restarting"]
    """Whether it is in memory."""
    default: bool
    """Whether requests that name no model use it."""
    context_tokens: int = 0
    """Longest prompt and answer together, in tokens; 0: unknown."""
    size_bytes: int = 0
    """Size of its files in bytes."""
    memory_bytes: int = 0
    """Memory it holds now, in bytes."""
    tokens_per_s: float | None = None
    """Generation speed measured on this machine, in tokens per second; null until measured."""
    precision: str | None = None
    """Number format of its weights, such as `Q4_K_M`; null when it has none."""
    agreement: float | None = None
    """For a quantized model made here: fraction of tokens (0 to 1) on which it agrees with the
    original; null otherwise."""
    base: str | None = None
    """The model a LoRA adapter applies to; null otherwise."""
    licence: str | None = None
    """SPDX identifier of its licence; null when unknown."""
    pinned: bool = False
    """Whether it is never evicted to make room for another."""
    error: str | None = None
    """Code that requests get while it has failed; null otherwise."""


class ModelsReply(Reply):
    """The models this service knows."""

    models: list[ModelCardReply]
    """The default model first."""


class ModelName(Body):
    """The model to load or unload."""

    model: str = Field(min_length=1, max_length=128)
    """Its `id`."""


class CorpusHealth(Reply):
    """The law in service."""

    law_date: date
    """Date of the law as published."""
    age_days: int
    """Days since that date."""
    articles: int
    """Number of articles."""
    fiches: int
    """Number of fiches of the ministry."""
    agreements: int
    """Number of collective agreements."""
    semantic: bool
    """Whether searches use embeddings besides words."""
    update_failing: bool
    """Whether the last update failed; the previous corpus stays in service until one succeeds."""


class ProbeReply(Reply):
    """The body of a probe that succeeded."""

    status: Literal["live", "ready"]
    """Which probe succeeded."""


class QueueHealth(Reply):
    """The queue of one model."""

    model: str
    """Its `id`."""
    waiting: int
    """Answers that wait."""
    running: int
    """Answers being written."""
    wait_s: float | None
    """How long one more request would wait, in seconds; null until the speed is known."""


class EntriesHealth(Reply):
    """The knowledge entries."""

    in_use: int = Field(ge=0)
    """Entries that the law in service bears out."""
    withheld: list[str] = []
    """Topic ids of those it no longer bears out: they answer nothing."""
    broken_files: int = Field(default=0, ge=0)
    """Files of the operator's own entries that cannot be read."""
    matched: bool
    """Whether questions are matched with entries; false until their index is made."""


class HealthReply(Reply):
    """How the service is."""

    status: Literal["ok", "degraded"]
    """`degraded` when Redis, Postgres or the law is missing, the update of the law fails, or a
    model cannot be loaded."""
    corpus: CorpusHealth | None
    """The law in service; null before the first import."""
    rules_withheld: int = Field(default=0, ge=0)
    """How often the rules of calculators use words of a clause that the law does not say any more;
    such rules are not computed."""
    entries: EntriesHealth
    """The knowledge entries in use, and those withheld."""
    redis: Literal["up", "down"]
    """Whether Redis answers."""
    postgres: Literal["off", "up", "down"] = "off"
    """Whether Postgres answers. `off`: there is none, so feedback, statistics, conversations that
    are kept, entries written in the console and its accounts are off; answers are the same."""
    models: list[str]
    """Names of the models."""
    failed_models: dict[str, str] = {}
    """The error's code for each model that could not be loaded: `model_unusable` when its files are
    damaged."""
    queue: list[QueueHealth] = []
    """One entry for each model that has been used."""
