"""WhatsApp's Cloud API on one machine, as strict as Meta's where it matters to us.

For tests, benches and the demo; `TELEGRAM_WHATSAPP__API_URL` points the service at it. Everything
is in memory. What is refused, and in which words, follows Meta's documentation of the Cloud API
(developers.facebook.com/documentation/business-messaging/whatsapp), as of November 2026.
"""
