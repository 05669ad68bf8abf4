"""Encrypted backups of a service's data, and their restore.

Standard library only. `create` makes them, `restore` restores them and verifies that they can be
restored.
"""
