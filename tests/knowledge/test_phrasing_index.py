"""A question finds the entry that it means, and the index says how surely."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from ai_core.knowledge.entry_folders import EntryFolders
from ai_core.knowledge.phrasing_features import Vectors, grams, hashed, rarity
from ai_core.knowledge.phrasing_index import PhrasingIndex, index_version
from ai_core.knowledge.records import MARK, Entry
from tests.knowledge.invented import HOLIDAYS, RESIGNING, put_entries


def test_words_find_the_entry_in_each_language(tmp_path: Path) -> None:
    put_entries(tmp_path, RESIGNING, HOLIDAYS)
    folders = EntryFolders(tmp_path, shipped=False)
    entries, broken = folders.read()
    index = PhrasingIndex.open(folders.next_index_of(entries, encoder=False))

    assert not broken
    asked = {
        "je compte demissioner, preavis ?": "resigning",
        "combien de jour de vacance j'ai": "holidays",
        "how long notice if quit": "resigning",
        "辞职通知": "resigning",
        "อยากลาออกจากงาน": "resigning",
    }
    for question, topic in asked.items():
        best, other = index.rank(question, None, 2)
        assert (best.topic_id, best.probability > other.probability) == (topic, True), question


def test_a_condition_with_a_rare_word_of_the_question_is_the_nearest_of_them(
    tmp_path: Path,
) -> None:
    """In meaning, which knows one thing here, every condition is further off than the answer."""

    def embed(texts: list[str]) -> Vectors:
        return np.array([(1.0, 0.5 * ("cadre" in text.lower())) for text in texts], np.float32)

    entry = Entry.model_validate(tomllib.loads(RESIGNING))
    PhrasingIndex.build([entry], embed).save(tmp_path / "index")
    index = PhrasingIndex.open(tmp_path / "index")
    question = "préavis de démission, on accepte un départ immédiat ?"
    told = index.condition_asked(entry, question, embed([question])[0], "fr")

    assert told.nearest == 1


def test_an_index_is_of_the_entries_it_was_made_from(tmp_path: Path) -> None:
    put_entries(tmp_path, RESIGNING)
    before, _ = EntryFolders(tmp_path, shipped=False).read()
    put_entries(tmp_path, RESIGNING.replace("Deux mois, que", "Deux mois, même si"))
    after, _ = EntryFolders(tmp_path, shipped=False).read()
    versions = {index_version(one, encoder=e) for one in (before, after) for e in (True, False)}
    assert len(versions) == 4


def test_no_entry_is_ranked_where_there_is_none() -> None:
    assert PhrasingIndex.build([], None).rank("démission", None) == []


def test_the_entry_whose_phrasings_are_nearest_comes_first(tmp_path: Path) -> None:
    """What one phrasing says wins over words that all phrasings of another entry share."""
    said = '"mes congés payés pendant mon préavis"'
    other = RESIGNING.replace('"partir de mon CDI sous quel délai"', said)
    put_entries(tmp_path, other, HOLIDAYS)
    folders = EntryFolders(tmp_path, shipped=False)
    entries, _ = folders.read()
    index = PhrasingIndex.open(folders.next_index_of(entries, encoder=False))

    asked = "congés payés pendant préavis, combien de jours par an"
    assert index.rank(asked, None)[0].topic_id == "resigning"


def test_nearness_is_the_cosine_with_the_nearest_phrasing(tmp_path: Path) -> None:
    """Worked out for all likely entries at once, of whatever number of phrasings."""
    put_entries(tmp_path, RESIGNING, HOLIDAYS)
    folders = EntryFolders(tmp_path, shipped=False)
    entries, _ = folders.read()
    index = PhrasingIndex.open(folders.next_index_of(entries, encoder=False))
    written = {
        entry.topic_id: [
            text for _, text in (*entry.question.written(), *entry.phrasings.written())
        ]
        for entry in entries
    }
    texts = [text for own in written.values() for text in own]
    texts += [text for entry in entries for _, text in entry.answer.written()]
    rare = rarity([grams(MARK.sub("", text)) for text in texts])

    asked = "congés payés pendant préavis, combien de jours par an"
    point = hashed(grams(asked), rare)
    cosines = {
        topic: max(float(hashed(grams(text), rare) @ point) for text in own)
        for topic, own in written.items()
    }
    found = {one.topic_id: one.word_nearness for one in index.rank(asked, None)}
    assert found == pytest.approx(cosines, abs=2e-3)


def test_the_condition_nearest_in_meaning_is_the_one_asked_about(tmp_path: Path) -> None:
    """Of an encoder that knows two things: whether a text is about managers, and about notice."""

    def embed(texts: list[str]) -> Vectors:
        about = [("cadre" in text.lower(), "préavis" in text.lower()) for text in texts]
        points = np.array(about, np.float32) + 0.01
        return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True), np.float32)

    text = RESIGNING.replace("que vous soyez cadre ou", "même pour un")
    entry = Entry.model_validate(tomllib.loads(text))
    PhrasingIndex.build([entry], embed).save(tmp_path / "index")
    index = PhrasingIndex.open(tmp_path / "index")

    def asked(question: str) -> int | None:
        return index.condition_asked(entry, question, embed([question])[0], "fr").asked

    assert asked("et pour un cadre ?") == 0
    assert asked("quel préavis ?") is None
