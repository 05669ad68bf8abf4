"""Article references in French free text, however they are spelled."""

import unicodedata


def canonical(number: str) -> str:
    """Reduce an article's number to the form in which two spellings of it are equal.

    "R*3231-2", "r. 3231 - 2" and "R3231-2" are one; so are "L1453-1 A" and "L1453-1A".
    """
    plain = unicodedata.normalize("NFKD", number)
    return "".join(c for c in plain.upper() if c.isalnum() or c == "-")
