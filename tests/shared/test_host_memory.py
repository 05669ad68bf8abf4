import os
from pathlib import Path

import pytest

from shared import host_memory
from shared.host_memory import read_memory

GIB = 1024**3


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host with 16 GiB, 8 of them available; tests add the files of a control group."""
    kib = 1024**2
    (tmp_path / "meminfo").write_text(f"MemTotal:  {16 * kib} kB\nMemAvailable:  {8 * kib} kB\n")
    monkeypatch.setattr(host_memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(host_memory, "CGROUP", tmp_path)
    return tmp_path


def limit_memory(folder: Path, limit: str, used_bytes: int, inactive_file_bytes: int) -> None:
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used_bytes}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {inactive_file_bytes}\n")


def test_a_container_has_the_memory_of_its_limit_less_what_it_uses(host: Path) -> None:
    limit_memory(host, str(4 * GIB), used_bytes=3 * GIB, inactive_file_bytes=GIB)
    assert read_memory() == (2 * GIB, 4 * GIB)


def test_without_a_limit_the_host_counts(host: Path) -> None:
    limit_memory(host, "max", used_bytes=3 * GIB, inactive_file_bytes=GIB)
    assert read_memory() == (8 * GIB, 16 * GIB)


def test_without_a_control_group_the_host_counts(host: Path) -> None:
    assert read_memory() == (8 * GIB, 16 * GIB)


def test_a_container_never_has_more_than_its_host(host: Path) -> None:
    limit_memory(host, str(64 * GIB), used_bytes=0, inactive_file_bytes=0)
    assert read_memory() == (8 * GIB, 16 * GIB)
    limit_memory(host, str(12 * GIB), used_bytes=0, inactive_file_bytes=0)
    assert read_memory() == (8 * GIB, 12 * GIB)


def test_a_container_above_its_limit_has_nothing_left(host: Path) -> None:
    limit_memory(host, str(GIB), used_bytes=2 * GIB, inactive_file_bytes=0)
    assert read_memory() == (0, GIB)


def test_a_damaged_control_group_is_passed_over(host: Path) -> None:
    limit_memory(host, str(GIB), used_bytes=0, inactive_file_bytes=0)
    (host / "memory.stat").write_text("anon 5\n")
    assert read_memory() == (8 * GIB, 16 * GIB)


@pytest.mark.parametrize("limit", ["max", "99999999999999999"])
def test_the_real_host_has_its_own_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    limit_memory(tmp_path, limit, used_bytes=0, inactive_file_bytes=0)
    monkeypatch.setattr(host_memory, "CGROUP", tmp_path)
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    expected = pytest.approx(os.sysconf("SC_PHYS_PAGES") * page_bytes, rel=0.01)
    assert read_memory().total_bytes == expected
