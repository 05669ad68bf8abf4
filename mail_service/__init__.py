"""mail_service: answers the support mailbox, a client of ai_core."""
