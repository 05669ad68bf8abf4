"""Prometheus metrics: the counters of all processes, from Redis, at each scrape."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from telegram_service.state.counters import BUCKETS_MS, Statistics

COUNTERS = {
    "accepted": "Updates accepted, each once.",
    "duplicates": "Deliveries of an update that had been accepted before.",
    "settled": "Updates that need nothing more.",
    "answered": "Updates answered.",
    "ignored": "Updates that ask for no answer.",
    "stopped": "Updates whose answer the person stopped before it began.",
    "dead": "Updates given up, with an apology.",
    "disordered": "Updates settled after a newer one of the same chat.",
    "found_again": "Messages found after a crash instead of being sent twice.",
    "resent_blindly": "Messages sent again without being certain that they had not arrived.",
    "refused_429": "Calls that a channel refused for their rate.",
    "sent_again": "Messages sent again after a crash, since WhatsApp did not say it had them.",
    "whatsapp_failed": "Messages that WhatsApp accepted and could not bring.",
    "whatsapp_window_closed": "Messages given up: the person's 24 hours were over.",
    "whatsapp_unreadable": "Messages of WhatsApp's webhook that are none.",
    "whatsapp_ignored": "Messages of WhatsApp that ask nothing: reactions, groups, new numbers.",
    "whatsapp_other_number": "Events of other phone numbers of the WhatsApp account.",
    "whatsapp_errors": "Errors that WhatsApp reported to the webhook.",
    "line_quota_used_up": "Messages that LINE's monthly limit refused.",
    "thumbs_up": "Taps on the thumb up under an answer.",
    "thumbs_down": "Taps on the thumb down under an answer.",
}
HISTOGRAMS = {
    "first_sign": "From acceptance to the first thing the person sees.",
    "final": "From acceptance to the whole answer.",
}


class StatisticsCollector:
    """Turns statistics into metrics; set `statistics` before each scrape, None without Redis."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.statistics: Statistics | None = None
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        if (now := self.statistics) is None:
            return
        for name, meaning in COUNTERS.items():
            yield CounterMetricFamily(f"telegram_{name}", meaning, value=now.counts.get(name, 0))
        for name, meaning, value in (
            ("lost", "Accepted, neither settled nor waiting: 0, always.", now.lost),
            ("waiting", "Updates waiting or being answered.", now.waiting),
            ("postponed_chats", "Chats put aside.", now.postponed_chats),
            ("oldest_seconds", "Age of the oldest waiting update.", now.oldest_s),
        ):
            yield GaugeMetricFamily(f"telegram_{name}", meaning, value=value)
        for name, meaning in HISTOGRAMS.items():
            counts = (now.counts.get(f"{name}:{top}", 0) for top in (*BUCKETS_MS, "inf"))
            tops = (*(str(top / 1000) for top in BUCKETS_MS), "+Inf")
            histogram = HistogramMetricFamily(f"telegram_{name}_seconds", meaning)
            buckets = list(zip(tops, map(float, accumulate(counts)), strict=True))
            histogram.add_metric([], buckets, sum_value=now.counts.get(f"{name}:sum", 0) / 1000)
            yield histogram
