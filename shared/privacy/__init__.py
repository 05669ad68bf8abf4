"""Masking, encryption and sandboxed reading of what people wrote."""
