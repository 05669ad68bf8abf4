"""What Prometheus reads: the numbers of all processes, from Redis, at the moment it asks."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from telegram_service.state.counters import BUCKETS_MS, Numbers

COUNTED = {
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
    "refused_429": "Calls that Telegram refused for their rate.",
    "thumbs_up": "Taps on the thumb up under an answer.",
    "thumbs_down": "Taps on the thumb down under an answer.",
}
TIMED = {
    "first_sign": "From acceptance to the first thing the person sees.",
    "final": "From acceptance to the whole answer.",
}


class NumbersCollector:
    """Turns one reading of the numbers into metrics; set `numbers` before each scrape."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.numbers: Numbers | None = None
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the last reading."""
        numbers = self.numbers
        if numbers is None:
            return
        for name, meaning in COUNTED.items():
            value = numbers.counts.get(name, 0)
            yield CounterMetricFamily(f"telegram_{name}", meaning, value=value)
        gauges = {
            "telegram_lost": ("Accepted, neither settled nor waiting: 0, always.", numbers.lost),
            "telegram_waiting": ("Updates waiting or being answered.", numbers.waiting),
            "telegram_postponed_chats": ("Chats put aside.", numbers.postponed_chats),
            "telegram_oldest_seconds": ("Age of the oldest waiting update.", numbers.oldest_s),
        }
        for name, (meaning, amount) in gauges.items():
            yield GaugeMetricFamily(name, meaning, value=amount)
        for name, meaning in TIMED.items():
            yield histogram(name, meaning, numbers)


def histogram(name: str, meaning: str, numbers: Numbers) -> HistogramMetricFamily:
    """Return one of the counted durations, in seconds."""
    total = 0
    buckets = []
    for top in BUCKETS_MS:
        total += numbers.counts.get(f"{name}:{top}", 0)
        buckets.append((str(top / 1000), float(total)))
    total += numbers.counts.get(f"{name}:inf", 0)
    buckets.append(("+Inf", float(total)))
    family = HistogramMetricFamily(f"telegram_{name}_seconds", meaning)
    family.add_metric([], buckets, sum_value=numbers.counts.get(f"{name}:sum", 0) / 1000)
    return family
