"""What the assistant measures about its answers; never by caller, never with text.

Names follow the meaning of vLLM's metrics where there is one.
"""

from datetime import datetime, time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ai_core.law import CorpusStatus
from shared.clock import PARIS

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


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
        self.tokens = Counter(
            "generation_tokens", "Tokens of prompts and answers.", ["model"], registry=registry
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
        self.open = Gauge(
            "num_requests_running", "Answers being written.", ["model"], registry=registry
        )


class CorpusMetrics:
    """The law in service, refreshed whenever it is looked at."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.articles = Gauge("corpus_articles", "Articles in the corpus.", registry=registry)
        self.law_date = Gauge(
            "corpus_law_date_timestamp_seconds",
            "The date of the law as its publisher states it.",
            registry=registry,
        )
        self.age_days = Gauge(
            "corpus_age_days", "Days since the date of the law.", registry=registry
        )
        self.failing = Gauge(
            "corpus_update_failing", "1 while the latest update was refused.", registry=registry
        )

    def observe(self, status: CorpusStatus, age_days: int) -> None:
        """Take the corpus as it is now."""
        midnight = datetime.combine(status.law_date, time(), PARIS)
        self.articles.set(status.articles)
        self.law_date.set(midnight.timestamp())
        self.age_days.set(age_days)
        self.failing.set(status.last_failure is not None)
