"""IMAP: every mail of a mailbox enters the ledger."""
