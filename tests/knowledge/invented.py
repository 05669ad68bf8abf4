"""Entries invented for tests, over the law that `LAW` says."""

from pathlib import Path

from ai_core.knowledge.entry_folders import EntryFolders
from ai_core.knowledge.phrasing_index import PhrasingIndex
from ai_core.law.records import Wording

LAW = {
    "L1237-1": Wording("LEGIARTI1", "L1237-1", "Le salarié qui part doit un préavis de deux mois."),
    "L3141-3": Wording(
        "LEGIARTI2", "L3141-3", "Le salarié acquiert trois jours de congé par mois."
    ),
    "L3141-5": Wording("LEGIARTI3", "L3141-5", "La maladie compte comme un temps de travail."),
}

RESIGNING = Path(__file__).with_name("resigning.toml").read_text("utf-8")
HOLIDAYS = Path(__file__).with_name("holidays.toml").read_text("utf-8")


def put_entries(data_dir: Path, *files: str) -> None:
    """Write entries into the operator's folder, and make their index by words alone."""
    folders = EntryFolders(data_dir, shipped=False)
    folders.own.mkdir(parents=True, exist_ok=True)
    for text in files:
        topic = text.split('"', 2)[1]
        (folders.own / f"{topic}.toml").write_text(text, encoding="utf-8")
    entries, _ = folders.read()
    PhrasingIndex.build(entries, None).save(folders.next_index_of(entries, encoder=False))
