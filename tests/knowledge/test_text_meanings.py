"""Meanings are made once for each text, however often an index is built."""

from pathlib import Path

import numpy as np

from ai_core.knowledge.phrasing_features import Vectors
from ai_core.knowledge.text_meanings import TextMeanings


def test_only_new_texts_are_embedded(tmp_path: Path) -> None:
    asked: list[str] = []

    def embed(texts: list[str]) -> Vectors:
        asked.extend(texts)
        return np.array([[len(text) / 3, 1 / 3] for text in texts], np.float32)

    def meanings(texts: list[str], version: str = "encoder.1") -> Vectors:
        asked.clear()
        kept = TextMeanings(tmp_path / "meanings.npz", embed, version)
        found = kept(texts)
        kept.save(tmp_path / "meanings.npz")
        return found

    first = meanings(["préavis", "congés", "préavis"])
    assert asked == ["préavis", "congés"]
    assert (first[0] == first[2]).all()

    second = meanings(["congés", "préavis", "salaire"])
    assert asked == ["salaire"]
    assert (second[:2] == first[1::-1]).all()
    assert b"salaire" not in (tmp_path / "meanings.npz").read_bytes()

    meanings(["salaire"], version="encoder.2")
    assert asked == ["salaire"]
    (tmp_path / "meanings.npz").write_bytes(b"damaged")
    meanings(["salaire"])
    assert asked == ["salaire"]
    assert [path.name for path in tmp_path.iterdir()] == ["meanings.npz"]
