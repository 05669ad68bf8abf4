"""The model registry, the models in memory, their eviction and their queues."""
