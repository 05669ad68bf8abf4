"""The desk behind the service: accounts, sign-in, roles, sessions, the audit log."""
