"""Examples of bodies, shown in the OpenAPI document of mail_service."""

from typing import Any

from shared.ai.examples import SOURCE

Example = dict[str, Any]

MAIL_SUMMARY: Example = {
    "id": 12,
    "mailbox": "main",
    "state": "review",
    "reason": "mode",
    "explanation": "La boîte est réglée pour que chaque réponse soit relue.",
    "fired": [],
    "size_bytes": 2310,
    "received_at": "2026-04-02T08:15:30Z",
    "finished_at": None,
}
MAIL_DETAILS: Example = MAIL_SUMMARY | {
    "sender": "camille@example.org",
    "sender_name": "Camille Martin",
    "subject": "Préavis de démission",
    "text": "Bonjour, quelle est la durée du préavis si je démissionne ?",
    "full_text": "Bonjour, quelle est la durée du préavis si je démissionne ?\n\n-- \nCamille",
    "hidden_text": "",
    "fired_explained": [],
    "masked": "1 × numéro de téléphone",
    "sender_mails": {"review": 1, "answered": 2},
    "helped": None,
    "attachments": [
        {
            "name": "contrat.pdf",
            "kind": "pdf",
            "size_bytes": 48211,
            "state": "read",
            "recognised": False,
            "doubtful": False,
        },
    ],
    "draft": "Article L1237-1 [1] — Démission\n\n> En cas de démission, …",
    "citations": [SOURCE],
    "events": [{"at": "2026-04-02T08:15:31Z", "step": "review", "reason": "mode"}],
    "sent": [],
}
HEALTH: Example = {
    "status": "ok",
    "mailboxes": {"main": "review"},
    "counts": {"mail_review": 1, "mail_answered": 40, "reply_sent": 40, "overdue": 0},
    "oldest_waiting_s": 0.0,
}
COUNTS: Example = HEALTH["counts"]
METRICS = (
    '# HELP mail_rows Mails by state.\n# TYPE mail_rows gauge\nmail_rows{state="review"} 1.0\n'
)
EXAMPLES: dict[str, Example] = {
    "MailSummary": MAIL_SUMMARY,
    "MailDetails": MAIL_DETAILS,
    "Approval": {"text": "Un mois, selon votre convention collective."},
    "Search": {"words": "préavis", "state": "review"},
    "SearchReply": {"mails": [MAIL_SUMMARY], "opened": 120, "next_before": None},
    "Rejection": {"reason": "hors sujet"},
    "Person": {"address": "camille@example.org"},
    "ErasureReply": {"erased": 3},
    "ProbeReply": {"status": "ready"},
    "MailHealth": HEALTH,
}
"""An example of each body by the name of its model."""
