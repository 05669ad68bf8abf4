"""How the keys of ai_core in Redis are called: `{ai}:` and a name, so that all are in one slot.

A script may then touch any of them on a Redis Cluster: docs/decisions/0079-one-tag-per-service.md.
"""

TAG = "{ai}"
KEYS = f"{TAG}:keys"
KEYS_VERSION = f"{KEYS}:version"
