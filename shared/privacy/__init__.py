"""Masking, encryption and sandboxed parsing of user content."""
