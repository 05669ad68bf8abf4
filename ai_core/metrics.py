"""Prometheus metrics of answers, queues, questions and the corpus; never by caller, never with
text.

Names follow the meaning of vLLM's metrics where there is one.
"""

from datetime import datetime, time
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ai_core.law.records import CorpusStatus, SearchResult, SourceKind
from shared.clock import PARIS
from shared.languages import Language

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 2.5, 5, 10, 30, 60, 120)


class AnswerMetrics:
    """Answers written by the models; cached answers are counted by the cache."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.first_token = Histogram(
            "time_to_first_token_seconds",
            "From the question to the first piece of the answer.",
            ["model"],
            buckets=SECONDS,
            registry=registry,
        )
        self.whole = Histogram(
            "e2e_request_latency_seconds",
            "From the question to the last piece of the answer.",
            ["model"],
            buckets=SECONDS,
            registry=registry,
        )
        self.search = Histogram(
            "search_seconds", "Finding the passages.", buckets=SECONDS, registry=registry
        )
        self.answers = Counter(
            "answers", "Answers written, by how they ended.", ["model", "end"], registry=registry
        )
        self.read = Counter(
            "prompt_tokens", "Tokens of prompts read.", ["model"], registry=registry
        )
        self.reused = Counter(
            "prompt_tokens_reused",
            "Tokens of prompts that the model had read before: the operator's rules and the law.",
            ["model"],
            registry=registry,
        )
        self.written = Counter(
            "generation_tokens", "Tokens of answers written.", ["model"], registry=registry
        )
        self.degraded = Counter(
            "answers_degraded",
            "Answers the fallback gave, by the model that could not.",
            ["model"],
            registry=registry,
        )
        self.abstentions = Counter(
            "abstentions", "Questions not answered, by reason.", ["reason"], registry=registry
        )
        self.removed = Counter(
            "citations_removed",
            "References, quotations and addresses a model wrote that did not hold.",
            ["model"],
            registry=registry,
        )
        self.topics = Counter(
            "answer_topics",
            "Answers written, by the part and book of the Code they begin with.",
            ["topic"],
            registry=registry,
        )
        self.open = Gauge(
            "num_requests_running",
            "Answers in a slot.",
            ["model"],
            registry=registry,
            multiprocess_mode="livesum",
        )


class SchedulerMetrics:
    """The models' queues."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.waiting = Gauge(
            "num_requests_waiting",
            "Answers that wait for a model.",
            ["model"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.queued = Histogram(
            "request_queue_time_seconds",
            "From joining a model's line to its slot.",
            ["model"],
            buckets=SECONDS,
            registry=registry,
        )
        self.prefill = Histogram(
            "request_prefill_time_seconds",
            "From the slot to the first piece.",
            ["model"],
            buckets=SECONDS,
            registry=registry,
        )
        self.decode = Histogram(
            "request_decode_time_seconds",
            "From the first piece to the last.",
            ["model"],
            buckets=SECONDS,
            registry=registry,
        )
        self.refused = Counter(
            "requests_refused",
            "Answers not written because too much was waiting.",
            ["model", "reason"],
            registry=registry,
        )


def topic_of(found: SearchResult) -> str:
    """Return the part and book of the Code of the first article found: one of about fifty names."""
    for passage in found.passages:
        if passage.kind is SourceKind.ARTICLE:
            titles = (title.partition(" : ")[2] for title in passage.section_path[1:3])
            return " – ".join(title for title in titles if title) or "other"
    return "none"


CHANNELS = frozenset({"telegram", "line", "whatsapp", "mail", "mcp"})
"""The clients that say who they are (`AiClient`); every other one with such a key is the API."""
PAGE_CHANNELS = frozenset({"page", "widget"})
"""What a publishable key is used from."""


class QuestionMetrics:
    """Questions admitted, cached answers included; `first` marks the first one of a conversation.

    The labels' children are kept: to look one up costs five times what counting does.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._questions = Counter(
            "questions", "Questions let in.", ["channel", "language", "turn"], registry=registry
        )
        self._children: dict[tuple[str, Language, bool], Counter] = {}

    def count(self, channel: str, language: Language, *, first: bool) -> None:
        """Count one."""
        key = (channel, language, first)
        child = self._children.get(key)
        if child is None:
            turn = "first" if first else "later"
            child = self._children[key] = self._questions.labels(channel, language, turn)
        child.inc()


class CorpusMetrics:
    """The corpus in service, refreshed at every scrape."""

    def __init__(self, registry: CollectorRegistry) -> None:
        gauge = partial(Gauge, registry=registry, multiprocess_mode="mostrecent")
        self.articles = gauge("corpus_articles", "Articles in the corpus.")
        self.law_date = gauge(
            "corpus_law_date_timestamp_seconds", "The date of the law as its publisher states it."
        )
        self.age_days = gauge("corpus_age_days", "Days since the date of the law.")
        self.failing = gauge("corpus_update_failing", "1 while the latest update was refused.")
        self.withheld = gauge(
            "calculator_rules_withheld",
            "Uses of clauses by calculators whose words are not in the law: they are not computed.",
        )
        self.entries = gauge("knowledge_entries", "Knowledge entries in use.")
        self.entries_withheld = gauge(
            "knowledge_entries_withheld",
            "Knowledge entries withheld: the law does not bear them out, or their file is broken.",
        )

    def observe(self, status: CorpusStatus, age_days: int) -> None:
        """Set the metrics to the corpus's present state."""
        midnight = datetime.combine(status.law_date, time(), PARIS)
        self.articles.set(status.articles)
        self.law_date.set(midnight.timestamp())
        self.age_days.set(age_days)
        self.failing.set(status.last_failure is not None)
