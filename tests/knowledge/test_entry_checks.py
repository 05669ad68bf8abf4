"""What an entry must be by itself: each fault is named with its place."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from ai_core.errors import EntryFileInvalid
from ai_core.knowledge.entry_checks import faults_among, faults_of
from ai_core.knowledge.entry_files import read_entry
from ai_core.knowledge.faults import Fault
from ai_core.knowledge.records import Entry
from tests.knowledge.invented import HOLIDAYS, RESIGNING


def entry(tmp_path: Path, text: str) -> Entry:
    topic = text.split('"', 2)[1]
    path = tmp_path / f"{topic}.toml"
    path.write_text(text, encoding="utf-8")
    return read_entry(path)


def test_a_right_entry_has_no_fault(tmp_path: Path) -> None:
    both = [entry(tmp_path, RESIGNING), entry(tmp_path, HOLIDAYS)]
    assert not [fault for one in both for fault in faults_of(one)]
    assert not list(faults_among(both))


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("Deux mois, que", "Trois mois, que", "answer: no fragment says 3 month"),
        ("employé [L1237-1].", "employé [L9].", "answer: [L9] is no source"),
        ("category [L1237-1].", "category.", "answer: en: other marks than the French text"),
        ('"Two months (préavis), what', '"One month (préavis), what', "en: does not say 2 month"),
        ("2 เดือน (préavis)", "เดือน (préavis)", "th: does not say 2 in digits"),
        ('zh = "提前2个月', 'zh = "2 months', "answer: zh: is in another script"),
        ("Deux mois, que", "Deux mois, que " + "x" * 460, "characters, at most 450"),
        ('"préavis de démission", ', '"vacances", "vacances", ', "'vacances' twice"),
        ('th = "ลาออกต้องแจ้งล่วงหน้านานเท่าใด"\n', "", "question: is not written in th"),
        ('th = "เขียนหนังสือลาออกและเก็บหลักฐานวันที่"\n', "", "steps[1]: is not written in th"),
    ],
)
def test_a_fault_is_named_with_its_place(
    tmp_path: Path, before: str, after: str, fault: str
) -> None:
    assert before in RESIGNING
    wrong = entry(tmp_path, RESIGNING.replace(before, after))
    found = [str(one) for one in faults_of(wrong)]
    assert any(fault in one for one in found), found


def said(found: Iterable[tuple[str, Fault]]) -> list[str]:
    return [f"{topic}: {fault}" for topic, fault in found]


def test_entries_must_not_compete_nor_point_nowhere(tmp_path: Path) -> None:
    same = HOLIDAYS.replace('"vacances par an"', '"Préavis de DÉMISSION !"')
    found = said(faults_among([entry(tmp_path, RESIGNING), entry(tmp_path, same)]))
    assert found == ["resigning: holidays has the phrasing 'préavis de démission'"] or (
        found == ["holidays: resigning has the phrasing 'Préavis de DÉMISSION !'"]
    )
    alone = said(faults_among([entry(tmp_path, RESIGNING)]))
    assert alone == ["resigning: related: no other entry is holidays"]


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ('category = "termination"', 'category = "magic"', "category"),
        ('article = "L1237-1"\n', "", "give `article`"),
        ("[answer]", "[answers]", "answers"),
        ('topic_id = "resigning"', 'topic_id = "resigning', "resigning.toml"),
    ],
)
def test_a_file_that_is_no_entry_says_why(
    tmp_path: Path, before: str, after: str, reason: str
) -> None:
    path = tmp_path / "resigning.toml"
    path.write_text(RESIGNING.replace(before, after), encoding="utf-8")
    with pytest.raises(EntryFileInvalid, match=reason):
        read_entry(path)
