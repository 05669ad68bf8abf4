"""The functions that mask texts, names by the model too, in a child process.

Importing this module loads the model: the sandbox imports it before it confines itself, so that no
file is opened later.
"""

import orjson

from shared.privacy.masking import mask
from shared.privacy.name_model import load_name_model
from shared.privacy.plain_text import without_invisible

FIND_NAMES = load_name_model()


def mask_names_batch(data: bytes) -> bytes:
    """Return a JSON array of texts with each text masked and without invisible characters."""
    texts = orjson.loads(data)
    return orjson.dumps([mask(without_invisible(text), FIND_NAMES).text for text in texts])


def mask_names(data: bytes) -> bytes:
    """Return a text masked, the counts and the originals, as a JSON object."""
    masked = mask(data.decode(), FIND_NAMES)
    found = masked.found
    counts = {kind.value: count for kind, count in found.counts.items()}
    return orjson.dumps({"text": masked.text, "counts": counts, "originals": dict(found.originals)})
