"""Indexes that several processes want at once."""

import subprocess
import sys
from pathlib import Path

from ai_core.law.ingest.sample import build_sample
from ai_core.law.search.hybrid import FOLDER
from ai_core.law.versions import CorpusVersions

PROCESSES = 4
TIMEOUT_S = 120.0
OPEN = (
    "import sys; from pathlib import Path; from ai_core.law.corpus_index import CorpusIndex; "
    "CorpusIndex(Path(sys.argv[1])).close()"
)


def test_processes_that_want_a_missing_index_at_once_all_get_it(tmp_path: Path) -> None:
    build_sample(tmp_path)
    versions = CorpusVersions(tmp_path)
    version = versions.current()
    assert version
    folder = versions.folder(version)
    assert not (folder / FOLDER).exists()
    began = [
        subprocess.Popen([sys.executable, "-c", OPEN, str(folder)], stderr=subprocess.PIPE)
        for _ in range(PROCESSES)
    ]
    said = [process.communicate(timeout=TIMEOUT_S)[1].decode() for process in began]

    assert [process.returncode for process in began] == [0] * PROCESSES, said
    assert [one.name for one in folder.iterdir() if one.name.startswith(f".{FOLDER}-")] == []
