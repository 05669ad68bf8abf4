"""ai_core's Postgres, which it answers without: feedback, statistics, conversations that somebody
chose to keep, the operator's entries, accounts and the audit log.

`database.Records` opens it. Each module has its statements beside it, in a .sql file.
"""
