"""Sender authentication (DKIM, SPF, DMARC) and the spam score."""
