"""The ledger in Postgres: every mail, reply and event, and who may work on what.

Each module has its statements beside it, in a .sql file. `ledger.Ledger` holds the parts together.
"""
