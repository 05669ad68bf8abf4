"""Names of ai_core's keys in Redis: `{ai}:` and a name, so that all are in one hash slot.

A script may then use any of them on a Redis Cluster:
docs/decisions/0079-one-hash-tag-per-service.md.
"""

TAG = "{ai}"
KEYS = f"{TAG}:keys"
KEYS_VERSION = f"{KEYS}:version"
