"""Access control: API keys, rate limits, idempotency."""
