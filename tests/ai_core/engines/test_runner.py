from pathlib import Path

import pytest

from ai_core.engines.runner import SLOTS, LoadOptions, fit_memory
from shared import host_memory

MIB = 1024**2


def test_slots_fit_the_memory_of_the_container_not_of_its_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fit_memory(LoadOptions(), 100, 1) == (100, SLOTS)
    (tmp_path / "memory.max").write_text(f"{1_000 * MIB}\n")
    (tmp_path / "memory.current").write_text(f"{200 * MIB}\n")
    (tmp_path / "memory.stat").write_text("inactive_file 0\n")
    monkeypatch.setattr(host_memory, "CGROUP", tmp_path)
    assert fit_memory(LoadOptions(), 100, MIB) == (100, 4)
    assert fit_memory(LoadOptions(), 1_000, MIB) == (1_000, 1), "at least one slot"
    assert fit_memory(LoadOptions(context_tokens=50, slots=9), 1_000, MIB) == (50, 9)
