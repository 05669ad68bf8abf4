"""Weights of models: downloaded from a hub, checked by their hashes."""
