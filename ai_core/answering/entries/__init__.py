"""Answers from knowledge entries: which one a question means, and its words in the reply."""
