"""Records of the law: articles, fiches, agreements, passages, search results.

Dates follow the Légifrance convention: in force from `in_force_since` (included) until
`in_force_until` (excluded; None while no end is known).
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class SourceKind(StrEnum):
    """Kind of source a passage comes from."""

    ARTICLE = "article"
    FICHE = "fiche"
    AGREEMENT = "agreement"


@dataclass(frozen=True, slots=True)
class Article:
    """One version of one article of the Code du travail.

    `number` is not unique ("Annexe I" occurs more than once); `id` (LEGIARTI…) is.
    """

    id: str
    cid: str
    number: str
    section_path: tuple[str, ...]
    text: str
    html: str | None
    nota: str | None
    in_force_since: date
    in_force_until: date | None
    url: str

    def in_force(self, day: date) -> bool:
        """Whether this version is in force on `day`."""
        return self.in_force_since <= day and (
            self.in_force_until is None or day < self.in_force_until
        )


@dataclass(frozen=True, slots=True)
class FicheSection:
    """One section of a Ministry of Labour fiche, in plain language.

    `cited` holds the cids of the articles the section refers to.
    """

    id: str
    fiche_title: str
    section_title: str
    text: str
    url: str
    updated: date | None
    cited: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """A national collective agreement, known by its IDCC (four digits).

    `held`: the corpus has its text; one that is not held has no `id`.
    """

    id: str
    idcc: str
    title: str
    short_title: str
    url: str
    held: bool = True


class MatchBasis(StrEnum):
    """Why an agreement was taken: the request or the conversation chose it, or what was written."""

    CHOSEN = "chosen"
    IDCC = "idcc"
    NAME = "name"
    TRADE = "trade"
    COMPANY = "company"


@dataclass(frozen=True, slots=True)
class AgreementMatch:
    """The agreement a question is about, and why.

    `agreement` is the one taken, always held. `alternatives` are others that fit: with `agreement`
    None, the question has to be asked. `not_held` is the one taken when the corpus lacks its text;
    `unknown_idcc` a number that no agreement known here bears. `words` are the words it was taken
    from, and `rest` the question without the words that name an agreement.
    """

    basis: MatchBasis
    rest: str
    words: str = ""
    agreement: Agreement | None = None
    alternatives: tuple[Agreement, ...] = ()
    not_held: Agreement | None = None
    unknown_idcc: str | None = None


@dataclass(frozen=True, slots=True)
class AgreementLookup:
    """The agreement that a number or a name alone means; `near` are those it may be instead."""

    agreement: Agreement | None
    near: tuple[Agreement, ...] = ()


@dataclass(frozen=True, slots=True)
class Wording:
    """What an article of the Code or a clause of an agreement says on a day.

    `id` is the version in force (LEGIARTI…, KALIARTI…), `number` may be empty for a clause.
    """

    id: str
    number: str
    text: str


class TextRank(StrEnum):
    """What a text is within its agreement: the base text, an annex to it, or a side agreement."""

    BASE = "base"
    ANNEX = "annex"
    SIDE = "side"
    PAY = "pay"


@dataclass(frozen=True, slots=True)
class AgreementText:
    """The text of an agreement that a clause belongs to.

    `signed` is the day it was signed, as its title says. `territory` is the place a local text is
    of, as its title writes it; None: the whole country. One that is not `extended` by the Ministry
    of Labour binds only employers of the organisations that signed it.
    """

    title: str
    rank: TextRank
    signed: date | None
    territory: str | None
    extended: bool = True


class LegalBound(StrEnum):
    """What an article of the Code is to the clauses of agreements on its subject (L2251-1).

    An agreement may give more than a MINIMUM and not go beyond a LIMIT; a DEFAULT holds where none
    says otherwise.
    """

    MINIMUM = "minimum"
    LIMIT = "limit"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Passage:
    """A verbatim piece of a source.

    `number` is the article's number (for a fiche: empty; for an agreement: IDCC and article).
    `section_path` is the path of titles above the text. `updated` is the fiche's own date.
    `id` is the source's (LEGIARTI…, KALIARTI…, a fiche section's): a long source gives several
    passages, distinguished by `start`, the offset of `text` in the source's whole text;
    `goes_on` is true of all but the last.
    `table_header` is the first row, its cells parted by tabs, of a table that an earlier passage
    begins. `agreement_text` is the text a clause of an agreement belongs to; `in_force_since` is
    then the day of the amendment that wrote it, `updated` that day or the one its text was signed.
    `score` is its relevance: the chance (0 to 1) that it decides the question, comparable across
    kinds. `outdated` is true of a fiche that is older than the law it explains, and of a clause
    whose subject a later text of its agreement has. `bound` is set of an article that bounds what
    the clauses found may say; `pay_grid` of a grid of minimum pay in use, where that is asked for.
    """

    kind: SourceKind
    id: str
    number: str
    title: str
    section_path: tuple[str, ...]
    text: str
    url: str
    score: float
    in_force_since: date | None = None
    in_force_until: date | None = None
    updated: date | None = None
    start: int = 0
    table_header: str = ""
    agreement_text: AgreementText | None = None
    outdated: bool = False
    goes_on: bool = False
    bound: LegalBound | None = None
    pay_grid: bool = False


class QuestionScope(StrEnum):
    """Whether a question is in the scope of this assistant."""

    LABOUR_LAW = "labour_law"
    NEIGHBOUR = "neighbour"
    OUTSIDE = "outside"
    UNCLEAR = "unclear"


class Confidence(StrEnum):
    """How surely the best passages found decide the question."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Result of a search; `passages` is one list of every kind, best first.

    `missing` lists the numbers named in the question that no article in force has.
    `other_code` lists references to another code (they are never resolved to ours).
    `neighbour` names the neighbouring law when `scope` is NEIGHBOUR (an entry of texts/).
    `set_by_place` tells that the agreement sets the amounts asked for region by region, and the
    question names none. `borderline` tells that a question is OUTSIDE by so little that an entry it
    surely matches may answer it.
    """

    passages: tuple[Passage, ...]
    scope: QuestionScope
    exact: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    other_code: tuple[str, ...] = ()
    agreement: Agreement | None = None
    agreement_match: AgreementMatch | None = None
    neighbour: str | None = None
    confidence: Confidence = Confidence.MEDIUM
    set_by_place: bool = False
    borderline: bool = False


@dataclass(frozen=True, slots=True)
class CorpusStatus:
    """The state of the corpus in service.

    `version` identifies the content (a hash); `law_date` is the date of the law as its publisher
    states it. `last_failure` is the reason why the latest update was refused, until one succeeds.
    """

    version: str
    law_date: date
    imported_at: str
    articles: int
    fiches: int
    agreements: int
    semantic: bool
    last_failure: str | None = None
    encoder: bool = False

    @property
    def index_version(self) -> str:
        """Identifies what search results depend on: the content and the indexes there are."""
        added = (("semantic", self.semantic), ("encoder", self.encoder))
        return "+".join((self.version, *(name for name, there in added if there)))
