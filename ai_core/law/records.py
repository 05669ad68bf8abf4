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
    """A national collective agreement, known by its IDCC (four digits)."""

    id: str
    idcc: str
    title: str
    short_title: str
    url: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A verbatim piece of a source.

    `number` is the article's number (for a fiche: empty; for an agreement: IDCC and article).
    `section_path` is the path of titles above the text. `updated` is the fiche's own date.
    `id` is the source's (LEGIARTI…, KALIARTI…, a fiche section's): a long source gives several
    passages, distinguished by `start`, the offset of `text` in the source's whole text.
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
    """

    passages: tuple[Passage, ...]
    scope: QuestionScope
    exact: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    other_code: tuple[str, ...] = ()
    agreement: Agreement | None = None
    neighbour: str | None = None
    confidence: Confidence = Confidence.MEDIUM


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

    @property
    def index_version(self) -> str:
        """Identifies what search results depend on: the content and the embedding."""
        return f"{self.version}+semantic" if self.semantic else self.version
