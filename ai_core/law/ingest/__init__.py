"""From the official packages to a corpus on disk."""
