"""Errors of backups, each with one sentence for the operator."""


class BackupFailed(Exception):
    """A backup could not be made or read; existing data is unchanged."""
