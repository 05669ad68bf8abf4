"""A reviewer's decisions on mails, and a mail's history for operators."""
