"""Recognizers of personal data: one module per family of kinds, each a table of rules."""
