"""Builds the indexes of one version of the corpus, in its own folder.

The lexical index takes a few seconds and is what a service needs to start. The semantic one is
learned afterwards (half a minute on one core) and appears beside it in one step.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ai_core.law.corpus import Corpus
from ai_core.law.search import hybrid, scope, semantic
from ai_core.law.search.article_metadata import Outline
from ai_core.law.search.citation_votes import Bridge
from ai_core.law.search.lexical import LexicalIndex
from ai_core.law.search.scope import Evidence
from ai_core.law.search.tokens import Material, flat
from ai_core.law.search.training import STEPS, learn


def build_lexical(directory: Path) -> None:
    """Build what a search cannot do without; replaces what is there."""
    write_lexical(read_material(directory), directory)


def build_semantic(directory: Path, *, steps: int = STEPS, seed: int = 0) -> None:
    """Learn the embedding; replaces the one that is there."""
    write_semantic(read_material(directory), directory, steps=steps, seed=seed)


def missing(directory: Path) -> list[tuple[str, Callable[[Path], None]]]:
    """Return the indexes a version lacks, each with what builds it, the quick one first."""
    builders: tuple[tuple[str, str, Callable[[Path], None]], ...] = (
        ("lexical", hybrid.FOLDER, build_lexical),
        ("semantic", semantic.FOLDER, build_semantic),
    )
    return [(name, build) for name, folder, build in builders if not (directory / folder).exists()]


def read_material(directory: Path) -> Material:
    """Read the corpus in a folder."""
    with closing(Corpus(directory)) as corpus:
        return Material.read(corpus)


def write_lexical(material: Material, directory: Path) -> None:
    """Write the lexical index of `material`."""
    count = len(material.articles)
    with _draft(directory, hybrid.FOLDER) as folder:
        Outline.of(material).save(folder / "outline.npz")
        for name, texts in _fields(material).items():
            LexicalIndex.build(texts).save(folder / name)
        Bridge.build(material.cited, count).save(folder / "fiche_bridge.npz")
        answers = [cited for _, cited in material.questions]
        Bridge.build(answers, count).save(folder / "question_bridge.npz")
        labour, other = (
            scope.labour_questions(material.words),
            scope.other_questions(material.words),
        )
        Evidence.gather(material, labour, other).save(folder / "scope.npz")


def write_semantic(
    material: Material, directory: Path, *, steps: int = STEPS, seed: int = 0
) -> None:
    """Learn and write the semantic index of `material`."""
    learned = learn(material, steps=steps, seed=seed)
    with _draft(directory, semantic.FOLDER) as folder:
        learned.save(folder)


def _fields(material: Material) -> dict[str, list[list[str]]]:
    """Return the texts of each field of `hybrid.FIELDS`, in stems."""
    paths = [flat(titles) for titles in material.titles]
    nearest = [flat(titles[-3:]) for titles in material.titles]
    count = max(material.sections) + 1
    path_of: list[list[str]] = [[] for _ in range(count)]
    titles_of: list[list[str]] = [[] for _ in range(count)]
    text_of: list[list[str]] = [[] for _ in range(count)]
    for place, section in enumerate(material.sections):
        path_of[section] = paths[place]
        titles_of[section] = paths[place] + nearest[place]
        text_of[section] += material.texts[place]
    whole = zip(material.texts, paths, nearest, strict=True)
    return {
        "whole_text": [text + path + near for text, path, near in whole],
        "text": material.texts,
        "path": path_of,
        "section": [text + path for text, path in zip(text_of, titles_of, strict=True)],
        "fiche": [
            2 * fiche + 2 * section + text
            for (fiche, section), text in zip(
                material.fiche_titles, material.fiche_texts, strict=True
            )
        ],
        "question": [stems for stems, _ in material.questions],
    }


@contextmanager
def _draft(directory: Path, name: str) -> Iterator[Path]:
    """Lend a hidden folder that takes its place once everything in it is written."""
    for left_over in directory.glob(f".{name}-*"):
        shutil.rmtree(left_over)
    draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=directory))
    try:
        yield draft
        draft.chmod(0o755)
        shutil.rmtree(directory / name, ignore_errors=True)
        draft.rename(directory / name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
