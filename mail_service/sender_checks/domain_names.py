"""Domain names, compared as A-labels: one spelling each, IDNA 2008 (RFC 5891), and whose they are.

The public suffix list (https://publicsuffix.org) comes with the package `publicsuffixlist`: nothing
is fetched while the service runs.
"""

import re
from functools import cache

import idna
from publicsuffixlist import PublicSuffixList

MAX_NAME_BYTES = 253
LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def a_labels(name: str) -> str | None:
    """Return the host name in lower case and A-labels; None when it is not one.

    Refused: a final dot, underscores, address literals, anything that IDNA 2008 does not allow
    (full-width letters among it) and other dots than `.`.
    """
    if not name or len(name) > MAX_NAME_BYTES:
        return None
    labels = [_a_label(label) for label in name.split(".")]
    if len(labels) < 2 or not all(labels):
        return None
    joined = ".".join(label for label in labels if label)
    return joined if len(joined) <= MAX_NAME_BYTES else None


def organizational_domain(name: str) -> str:
    """Return the name just below the public suffix (RFC 7489, 3.2), or the name itself."""
    return _public_suffixes().privatesuffix(name) or name


def is_public_suffix(name: str) -> bool:
    """Return whether anybody may register a name below `name`."""
    return _public_suffixes().privatesuffix(name) is None


@cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList()


def _a_label(label: str) -> str | None:
    if label.isascii():
        lower = label.lower()
        return lower if LABEL.fullmatch(lower) else None
    try:
        return idna.alabel(label.lower()).decode("ascii")
    except UnicodeError:
        return None
