"""The names of the metrics an expression asks for.

Prometheus 2.42 does not tell how it reads an expression, so it is taken apart here: what remains
once strings, labels, groupings and functions are gone are names of metrics.
"""

import re

STRINGS = re.compile(r"\"[^\"]*\"|'[^']*'")
LABELS = re.compile(r"\{[^{}]*\}")
GROUPINGS = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
NAMES = re.compile(r"(?<![\w.:])[a-zA-Z_:][\w:]*(?![\w:]*\s*\()")
WORDS = {"and", "or", "unless", "bool", "offset", "group_left", "group_right", "inf", "nan"}


def metrics_of(expression: str) -> set[str]:
    """Return them."""
    bare = GROUPINGS.sub(" ", LABELS.sub(" ", STRINGS.sub(" ", expression)))
    return {name for name in NAMES.findall(bare) if name.lower() not in WORDS}
