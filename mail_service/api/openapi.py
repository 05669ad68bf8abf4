"""The OpenAPI document of mail_service besides its routes."""

DESCRIPTION = """\
Lists the mails received, shows each with its draft and its steps, and decides on it.

Bodies are JSON in UTF-8. Errors are problem documents (RFC 9457) in French, English, Thai or
Chinese, as `Accept-Language` asks, with a stable `code`.
"""
TAGS = [
    {"name": "mails", "description": "The mails, and a reviewer's decisions on them."},
    {"name": "people", "description": "Rights of data subjects (GDPR)."},
    {"name": "health", "description": "Probes and metrics; no key, keep them inside the network."},
]
