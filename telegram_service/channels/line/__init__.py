"""LINE: events in by webhook, messages out through the Messaging API."""
