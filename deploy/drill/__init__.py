"""Drills: backups restored, stores promoted, measured while services run over them."""
