"""The entries that ship: each file is read, and none breaks a rule of entries."""

from ai_core.knowledge.entry_checks import faults_among, faults_of
from ai_core.knowledge.entry_files import SHIPPED, files_in, shipped_entries


def test_each_entry_keeps_the_rules() -> None:
    faults = {entry.topic_id: list(faults_of(entry)) for entry in shipped_entries()}
    assert not {topic_id: found for topic_id, found in faults.items() if found}


def test_entries_lie_in_the_folder_of_their_category() -> None:
    folders = {path.stem: path.parent.name for path in files_in(SHIPPED)}
    assert folders == {entry.topic_id: entry.category for entry in shipped_entries()}


def test_no_two_entries_answer_the_same_words() -> None:
    assert not list(faults_among(shipped_entries()))
