"""Builds the indexes of one version of the corpus, in its own folder.

The lexical index takes ten seconds and is what a service needs to start. Those of the agreements
(half a minute on one core), the semantic one (as long) and the encoder's vectors of our questions
(six seconds, where its package is installed) are made afterwards and added atomically.
"""

import fcntl
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ai_core.law.corpus import Corpus
from ai_core.law.search import agreement_index, encoder, hybrid, scope, semantic
from ai_core.law.search.agreement_index import AgreementIndex
from ai_core.law.search.agreement_terms import AgreementTerms
from ai_core.law.search.article_metadata import ArticleMetadata
from ai_core.law.search.citation_votes import CitationVotes
from ai_core.law.search.encoder import QuestionVectors
from ai_core.law.search.lexical import LexicalIndex
from ai_core.law.search.passage_terms import PassageTerms
from ai_core.law.search.scope import Evidence
from ai_core.law.search.spelling import write_vocabulary
from ai_core.law.search.stems import FrenchStemmer
from ai_core.law.search.tokens import TokenizedCorpus, flat, read_table
from ai_core.law.search.training import STEPS, learn


def need_lexical(directory: Path) -> None:
    """Build the lexical index unless it is there; processes that want it at once build one."""
    if not (directory / hybrid.FOLDER).exists():
        with _alone(directory, hybrid.FOLDER):
            if not (directory / hybrid.FOLDER).exists():
                build_lexical(directory)


def build_lexical(directory: Path) -> None:
    """Build the lexical index, which search requires; replaces an existing one."""
    write_lexical(read_tokens(directory), directory)


def build_agreements(directory: Path) -> None:
    """Index every agreement; replaces existing indexes."""
    stemmer = FrenchStemmer()
    terms = AgreementTerms(stemmer)
    with closing(Corpus(directory)) as corpus, _draft(directory, agreement_index.FOLDER) as folder:
        for agreement in corpus.agreements():
            passages = corpus.agreement_passages(agreement.idcc)
            AgreementIndex.build(passages, stemmer, terms).save(folder / f"{agreement.idcc}.npz")


def build_semantic(directory: Path, *, steps: int = STEPS, seed: int = 0) -> None:
    """Train the embedding; replaces an existing one."""
    write_semantic(read_tokens(directory), directory, steps=steps, seed=seed)


def build_encoder(directory: Path) -> None:
    """Embed our questions with the multilingual encoder; replaces an existing index."""
    write_encoder(read_tokens(directory), directory)


def missing(directory: Path) -> list[tuple[str, Callable[[Path], None]]]:
    """Return the builders of a version's missing indexes by name, the quickest first."""
    builders: tuple[tuple[str, str, Callable[[Path], None]], ...] = (
        ("lexical", hybrid.FOLDER, build_lexical),
        ("agreements", agreement_index.FOLDER, build_agreements),
        ("semantic", semantic.FOLDER, build_semantic),
        *((("encoder", encoder.FOLDER, build_encoder),) if encoder.installed() else ()),
    )
    return [(name, build) for name, folder, build in builders if not (directory / folder).exists()]


def read_tokens(directory: Path) -> TokenizedCorpus:
    """Read the corpus in a folder."""
    with closing(Corpus(directory)) as corpus:
        return TokenizedCorpus.read(corpus)


def write_lexical(tokens: TokenizedCorpus, directory: Path) -> None:
    """Write the lexical index of `tokens`."""
    count = len(tokens.articles)
    with _draft(directory, hybrid.FOLDER) as folder:
        ArticleMetadata.of(tokens).save(folder / "outline.npz")
        for name, texts in _fields(tokens).items():
            LexicalIndex.build(texts).save(folder / name)
        PassageTerms.build(tokens.pieces, tokens.piece_titles).save(folder / "terms.npz")
        write_vocabulary(tokens.plain_texts(), folder / "words.npz")
        CitationVotes.build(tokens.cited, count).save(folder / "fiche_bridge.npz")
        answers = [cited for _, cited in tokens.questions]
        CitationVotes.build(answers, count).save(folder / "question_bridge.npz")
        labour, other = (
            scope.labour_questions(tokens.stemmer),
            scope.other_questions(tokens.stemmer),
        )
        Evidence.gather(tokens, labour, other).save(folder / "scope.npz")


def write_semantic(
    tokens: TokenizedCorpus, directory: Path, *, steps: int = STEPS, seed: int = 0
) -> None:
    """Train and write the semantic index of `tokens`."""
    learned = learn(tokens, steps=steps, seed=seed)
    with _draft(directory, semantic.FOLDER) as folder:
        learned.save(folder)


def write_encoder(tokens: TokenizedCorpus, directory: Path) -> None:
    """Embed the questions of `tokens`; needs the encoder's package."""
    other = [text for kind, text in read_table("other_questions.tsv") if kind == scope.OUTSIDE]
    answers = CitationVotes.build([cited for _, cited in tokens.asked], len(tokens.articles))
    vectors = QuestionVectors.build([text for text, _ in tokens.asked], other, answers)
    with _draft(directory, encoder.FOLDER) as folder:
        vectors.save(folder)


def _fields(tokens: TokenizedCorpus) -> dict[str, list[list[str]]]:
    """Return the texts of each field of `hybrid.FIELDS`, in stems."""
    paths = [flat(titles) for titles in tokens.titles]
    nearest = [flat(titles[-3:]) for titles in tokens.titles]
    count = max(tokens.sections) + 1
    path_of: list[list[str]] = [[] for _ in range(count)]
    titles_of: list[list[str]] = [[] for _ in range(count)]
    text_of: list[list[str]] = [[] for _ in range(count)]
    for position, section in enumerate(tokens.sections):
        path_of[section] = paths[position]
        titles_of[section] = paths[position] + nearest[position]
        text_of[section] += tokens.texts[position]
    whole = zip(tokens.texts, paths, nearest, strict=True)
    return {
        "whole_text": [text + path + near for text, path, near in whole],
        "text": tokens.texts,
        "path": path_of,
        "section": [text + path for text, path in zip(text_of, titles_of, strict=True)],
        "fiche": [
            2 * fiche + 2 * section + text
            for (fiche, section), text in zip(tokens.fiche_titles, tokens.fiche_texts, strict=True)
        ],
        "question": [stems for stems, _ in tokens.questions],
    }


@contextmanager
def _draft(directory: Path, name: str) -> Iterator[Path]:
    """Yield a hidden folder that is renamed to `name` once everything in it is written.

    Another process that writes the same index waits, so that none takes its draft for left over.
    """
    with _alone(directory, f"draft-{name}"):
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


@contextmanager
def _alone(directory: Path, name: str) -> Iterator[None]:
    """Hold other processes off while `name` is written; a process that ends holds nobody off."""
    with (directory / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
