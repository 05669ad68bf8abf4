"""The function that masks texts in a child process (shared/privacy/sandbox.py)."""

import orjson

from shared.privacy.masking import mask
from shared.privacy.plain_text import without_invisible


def mask_batch(data: bytes) -> bytes:
    """Return a JSON array of texts with each text masked and without invisible characters."""
    return orjson.dumps([mask(without_invisible(text)).text for text in orjson.loads(data)])
