from pathlib import Path

import pytest

from ai_core.engines.runner import SLOTS, slots_that_fit
from shared import host_memory

MIB = 1024**2


def test_slots_fit_the_memory_of_the_container_not_of_its_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert slots_that_fit(1) == SLOTS
    (tmp_path / "memory.max").write_text(f"{1_000 * MIB}\n")
    (tmp_path / "memory.current").write_text(f"{200 * MIB}\n")
    (tmp_path / "memory.stat").write_text("inactive_file 0\n")
    monkeypatch.setattr(host_memory, "CGROUP", tmp_path)
    assert slots_that_fit(100 * MIB) == 4
    assert slots_that_fit(1_000 * MIB) == 1, "at least one"
