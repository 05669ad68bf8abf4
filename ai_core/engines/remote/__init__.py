"""A model on other machines, behind an OpenAI-compatible API."""
