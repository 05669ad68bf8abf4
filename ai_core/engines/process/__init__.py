"""A model in a process of its own, and the protocol between it and the service."""
