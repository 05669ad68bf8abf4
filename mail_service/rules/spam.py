"""The spam rule: mail is spam when its score reaches `MAIL_SPAM__SCORE`.

sender_checks/spam_score.py computes the score from rspamd, a header, or built-in patterns. While
the filter is down there is none, and a person decides too.
"""

from mail_service.reading.message import Mail
from mail_service.rules.context import RuleContext


def check(_mail: Mail, context: RuleContext) -> str | None:
    """Match mail that scores as spam or could not be scored."""
    if context.spam_score is None:
        return "spam-unknown"
    return "spam" if context.spam_score >= context.limits.spam_score else None
