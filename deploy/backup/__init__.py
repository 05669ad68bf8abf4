"""Encrypted backups of what a service keeps, and their way back. Standard library only.

`making` takes them, `restoring` brings them back and proves that they can be.
"""
