"""Prometheus metrics of the models: memory, whether they are loaded, restarts."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ai_core.models.contract import Models


class ModelCollector(Collector):
    """Reads the pool at every scrape; built-in models and adapters are left out."""

    def __init__(self, pool: Models, registry: CollectorRegistry) -> None:
        self._pool = pool
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Describe nothing: the models are known when the pool is read."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics."""
        memory = GaugeMetricFamily("model_memory_bytes", "Memory a model takes.", labels=["model"])
        loaded = GaugeMetricFamily("model_loaded", "1 while a model answers.", labels=["model"])
        restarts = CounterMetricFamily(
            "model_restarts", "Times a model's process died and began again.", labels=["model"]
        )
        slots = GaugeMetricFamily(
            "model_slots", "Answers a model writes at once: 1 is in turn.", labels=["model"]
        )
        for model in self._pool.statuses():
            card = model.card
            if card.format == "built-in" or card.base:
                continue
            memory.add_metric([card.id], model.memory_bytes)
            loaded.add_metric([card.id], model.state == "loaded")
            restarts.add_metric([card.id], model.restarts)
            slots.add_metric([card.id], model.slots)
        return memory, loaded, restarts, slots
