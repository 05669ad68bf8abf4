"""WhatsApp's Cloud API as a channel (docs/whatsapp.md)."""
