"""What a reviewer decides about a mail, and what an operator is told about it."""
