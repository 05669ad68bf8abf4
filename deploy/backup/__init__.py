"""Encrypted backups of what a service keeps, and their way back. Standard library only.

`create` takes them, `restore` brings them back and proves that they can be.
"""
