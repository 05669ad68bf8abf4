"""Parsing of mail in a sandboxed process."""
