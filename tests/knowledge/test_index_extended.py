"""Entries that are added to an index without a training are found, and replace those they mend."""

import tomllib

import numpy as np
import pytest

from ai_core.knowledge.phrasing_features import Vectors
from ai_core.knowledge.phrasing_index import PhrasingIndex, texts_embedded
from ai_core.knowledge.records import Entry
from tests.knowledge.invented import HOLIDAYS, RESIGNING

RESIGN, LEAVE = (Entry.model_validate(tomllib.loads(text)) for text in (RESIGNING, HOLIDAYS))
WORDS = ("préavis", "congé", "jours", "démission", "notice", "holiday", "resign", "leave")


def counted(texts: list[str]) -> Vectors:
    """Embed texts by the words that they hold, as an encoder would by their meaning."""
    rows = np.array([[1.0 + 9 * (word in text.lower()) for word in WORDS] for text in texts])
    return np.asarray(rows / np.linalg.norm(rows, axis=1)[:, None], np.float32)


@pytest.mark.parametrize("embed", [None, counted], ids=["words", "meanings"])
def test_an_added_entry_is_found_and_one_with_its_topic_is_replaced(embed: object) -> None:
    built = PhrasingIndex.build([RESIGN], counted if embed else None)

    def first(index: PhrasingIndex, text: str) -> tuple[str, float]:
        best = index.rank(text, counted([text])[0] if embed else None)[0]
        return best.topic_id, best.word_nearness

    index = built.with_entries([LEAVE], counted)
    asked = LEAVE.phrasings.fr[0]
    assert first(index, asked)[0] == "holidays"
    assert first(index, asked)[1] == pytest.approx(1, abs=0.01)
    assert first(index, RESIGN.phrasings.fr[0])[0] == "resigning"
    new = "mon patron veut que je reste encore longtemps"
    assert first(index, new)[1] < 0.9
    phrasings = RESIGN.phrasings.model_copy(update={"fr": (*RESIGN.phrasings.fr, new)})
    mended = RESIGN.model_copy(update={"phrasings": phrasings})
    index = index.with_entries([mended], counted)
    topic, nearness = first(index, new)
    assert topic == "resigning"
    assert nearness == pytest.approx(1, abs=0.01)
    assert len(index.rank("préavis", counted(["préavis"])[0] if embed else None)) == 2
    assert new in texts_embedded([mended])
