"""A cached calculation belongs to the rules it was made with."""

from pathlib import Path

import pytest

from ai_core.answering.calculation import version


def test_another_rule_makes_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(version, "_RULES", tmp_path)
    before = version.calculation_version()
    (tmp_path / "code.toml").write_text("rate = '10/100'", encoding="utf-8")

    assert version.calculation_version() != before
