"""Reads files that people send: documents by their text, pictures and scans by their letters."""
