"""Finds passages for a question: lexical, semantic and citation votes, fused."""
