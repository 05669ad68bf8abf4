"""Which models there are, which are in memory, and who is evicted."""
