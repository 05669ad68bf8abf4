"""A fake of spaCy as strict as the part we use: modules to put on the import path.

It knows the entities below only, refuses what the real one has not got, and refuses to read outside
a memory zone, where the real one would keep every word it reads.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.privacy.name_model import LIBRARY, MODEL

SPACY = """
import os
import re
from contextlib import contextmanager

OTHERS = {"morphologizer", "parser", "senter", "attribute_ruler", "lemmatizer"}
ENTITIES = {
    "PER": (
        "Lucie Moreau", "lucie moreau", "LUCIE MOREAU", "Bruno", "Madame Lucie Moreau", "Cass",
        "R. 1234-2", "SMIC", "préavis", "le Président de la République", "Nadia B.",
        "Lucie\\n\\x1e\\nBruno", "de la", "<NOM_7>", "Aubry", "Saint-Valentin",
        "Licenciement", "Repos hebdomadaire", "Lucie Moreau lucie@exemple.fr",
    ),
    "ORG": ("Boulangerie Perrin", "Syntec"),
    "LOC": ("Lyon",),
}


class Entity:
    def __init__(self, label, start, end):
        self.label_, self.start_char, self.end_char = label, start, end


class Doc:
    def __init__(self, entities):
        self.ents = entities


class Language:
    def __init__(self):
        self._zone = False

    @contextmanager
    def memory_zone(self):
        assert not self._zone
        self._zone = True
        yield
        self._zone = False

    def __call__(self, text):
        assert self._zone and isinstance(text, str) and len(text) <= 4_000
        if "end the process" in text:
            os._exit(3)
        names = sorted(
            ((name, label) for label, names in ENTITIES.items() for name in names),
            key=lambda pair: -len(pair[0]),
        )
        pattern = "|".join(rf"(?<!\\w){re.escape(name)}(?!\\w)" for name, _ in names)
        labels = dict(names)
        found = re.finditer(pattern, text)
        return Doc(tuple(Entity(labels[m[0]], m.start(), m.end()) for m in found))


def load(name, *, exclude=()):
    assert name == "fr_core_news_md" and set(exclude) <= OTHERS
    return Language()
"""


@contextmanager
def fake_spacy_in(folder: Path) -> Iterator[None]:
    """Have `spacy` and `fr_core_news_md` be the fake, here and in every child started meanwhile."""
    real = {name: sys.modules.pop(name) for name in (LIBRARY, MODEL) if name in sys.modules}
    for name, text in ((LIBRARY, SPACY), (MODEL, "")):
        package = folder / name
        package.mkdir()
        (package / "__init__.py").write_text(text, encoding="utf-8")
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in (LIBRARY, MODEL):
            sys.modules.pop(name, None)
        sys.modules.update(real)
