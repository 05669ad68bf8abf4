"""Postgres: every mail, every reply, every step."""
