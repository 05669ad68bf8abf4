"""What can go wrong with a backup, each in one sentence for the operator."""


class BackupFailed(Exception):
    """No backup was made, or none could be read; what was there before is untouched."""
