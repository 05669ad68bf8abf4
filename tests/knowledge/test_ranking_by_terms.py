"""A question in a language without phrasings is ranked by its meaning, not by a list of terms."""

from pathlib import Path

import numpy as np

from ai_core.knowledge.entry_folders import EntryFolders
from ai_core.knowledge.phrasing_features import Vectors
from ai_core.knowledge.phrasing_index import PhrasingIndex
from tests.knowledge.invented import HOLIDAYS, RESIGNING, put_entries

TERMS = "congés payés"
MEANING = np.array([1, 0], np.float32)


def leaving_or_not(texts: list[str]) -> Vectors:
    """Return meanings: who leaves a job, and whatever else."""
    leaving = np.array(
        [any(word in text for word in ("dém", "partir", "quit", "resign")) for text in texts]
    )
    return np.stack([leaving, ~leaving], axis=1).astype(np.float32)


def index_of(folder: Path) -> PhrasingIndex:
    bare = HOLIDAYS.replace('"congés payés acquis"', f'"{TERMS}"')
    put_entries(folder, RESIGNING, bare)
    entries, broken = EntryFolders(folder, shipped=False).read()
    assert not broken
    return PhrasingIndex.build(entries, leaving_or_not)


def test_terms_are_not_nearer_to_a_phrasing_of_the_same_words_alone(tmp_path: Path) -> None:
    index = index_of(tmp_path)
    as_terms = index.rank(TERMS, MEANING, terms=True)[0]
    as_words = index.rank(TERMS, MEANING)[0]

    assert (as_terms.topic_id, as_words.topic_id) == ("resigning", "holidays")
