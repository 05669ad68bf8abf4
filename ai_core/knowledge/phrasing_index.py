"""Finds the entry a question means: a softmax classifier over the entries' phrasings.

A phrasing is a point: its meaning (a multilingual sentence encoder, where it is installed) beside
its words (`phrasing_features`). The classifier is trained when the index is built (ten seconds), on
the questions, the phrasings and the short answers of all entries, in all their languages together,
so that a question in a language without an entry's phrasing is still near those of the others. The
entries that it finds likeliest are ranked again by how near their nearest phrasings are. A question
costs a millisecond beside its embedding.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ai_core.knowledge.condition_index import ConditionAsked, ConditionIndex
from ai_core.knowledge.phrasing_features import (
    WORD_DIMENSIONS,
    Vectors,
    bucket,
    grams,
    hashed,
    rarity,
)
from ai_core.knowledge.records import MARK, Entry
from shared.languages import Language

FOLDER_PREFIX = "phrasings-"
_TOPICS = "topics.json"
FORMAT = 5
"""The number changes with what is computed, so that another release's index is built anew."""

_WORD_WEIGHT = 0.5
_TEXT_WEIGHT = 0.5
_SCALE = 15.0
ALL_RANKED = 15
"""How many entries are ranked again: the right one is among them for 99 % of plain questions."""
_NEAREST = 3
_RANKING = {
    "encoder": np.array([0.66, 2.78, 4.48, 5.1, 10.6], np.float32),
    "words": np.array([0.82, 0, 0, 8.9, 14.9], np.float32),
}
"""Weights of the logarithm of the classifier's probability, of the nearest phrasing in meaning, the
mean of the three nearest, and the same two in words, by what the index knows: a conditional logit
fitted on phrasings left out of the index (`docs/log.md`)."""
_WORD_FEATURES = slice(3, 5)
_COMMON = 4.0
_EPOCHS = 14
_BATCH = 512
_RATE = 0.003
_DECAY = 0.05
_LEAST_CHANCE = 1e-9
_POINT_SCALE = 32_767
"""Points are kept in fixed point, as precise as half precision for numbers of at most 1, and read
six times as fast: no processor instruction of numpy's converts half precision."""
_NOT_INDEXED = {"test_phrasings", "checked_on", "defers_to_agreement"}

Embed = Callable[[list[str]], Vectors]
"""Returns the meanings of texts, one row each, of length 1."""


@dataclass(frozen=True, slots=True)
class Match:
    """An entry that a question may mean.

    `probability` is that of the ranking, among its candidates; `nearness` the highest cosine of the
    question with one of the entry's phrasings, in meaning and in words.
    """

    topic_id: str
    probability: float
    nearness: float
    word_nearness: float


class PhrasingIndex:
    """The classifier, and the points it was trained on."""

    def __init__(
        self,
        topics: Sequence[str],
        weights: Vectors,
        rare: Vectors,
        points: NDArray[np.int16],
        topic_of: NDArray[np.int32],
        meaning_dimensions: int,
        conditions: ConditionIndex,
    ) -> None:
        """`points`, in fixed point, and `topic_of` are those of the phrasings, one row each."""
        self._topics = tuple(topics)
        self._weights, self._rare = weights, rare
        self._points = points
        self._topic_of = topic_of
        self._rows = _rows_by_topic(topic_of, len(self._topics))
        self.meaning_dimensions = meaning_dimensions
        self._conditions = conditions
        self._rarest = float(rare.max(initial=0.0))

    @classmethod
    def build(cls, entries: Sequence[Entry], embed: Embed | None) -> "PhrasingIndex":
        """Embed the phrasings and train the classifier; `embed` None: by the words alone."""
        texts, topic_of, is_phrasing = _texts(entries)
        counted = [grams(text) for text in texts]
        rare = rarity(counted)
        words = np.array([hashed(one, rare) for one in counted], np.float32)
        words = words.reshape(len(texts), WORD_DIMENSIONS)
        lines, rows = ConditionIndex.of(entries)
        meanings, line_meanings = (
            embed(one) if embed and one else np.zeros((len(one), 0), np.float32)
            for one in (texts, lines)
        )
        points = np.hstack([meanings, _WORD_WEIGHT * words]).astype(np.float32)
        sample_weights = np.where(is_phrasing, 1.0, _TEXT_WEIGHT).astype(np.float32)
        weights = _trained(points, topic_of, sample_weights, len(entries))
        topics = [entry.topic_id for entry in entries]
        kept, dimensions = _fixed(points[is_phrasing]), meanings.shape[1]
        conditions = ConditionIndex(line_meanings, rows)
        return cls(topics, weights, rare, kept, topic_of[is_phrasing], dimensions, conditions)

    @classmethod
    def open(cls, folder: Path) -> "PhrasingIndex":
        """Open a folder that `save` wrote; the points stay on disk."""
        described = json.loads((folder / _TOPICS).read_text(encoding="utf-8"))
        weights, rare = (
            np.load(folder / f"{name}.npy").astype(np.float32) for name in ("weights", "rare")
        )
        points = np.asarray(np.load(folder / "points.npy", mmap_mode="r"))
        topic_of = np.load(folder / "topic_of.npy")
        conditions = ConditionIndex.open(folder, described["conditions"])
        dimensions = described["meanings"]
        return cls(described["topics"], weights, rare, points, topic_of, dimensions, conditions)

    def with_entries(self, entries: Sequence[Entry], embed: Embed) -> "PhrasingIndex":
        """Return an index that knows these entries too, in place of those with the same topic.

        Nothing is trained: a new topic is the mean of its points, where training begins; one that
        is there moves by as much as its mean does. Made in milliseconds beside the embedding.
        `embed` is not called by an index of words alone.
        """
        topics, row_of = list(self._topics), {one: n for n, one in enumerate(self._topics)}
        weights, points = self._weights.copy(), [self._points]
        topic_of, gone = [self._topic_of], np.zeros(len(self._topic_of), np.bool_)
        for entry in entries:
            added = self._points_of(entry, embed)
            known = row_of.get(entry.topic_id)
            if known is None:
                known = len(topics)
                topics.append(entry.topic_id)
                weights = np.vstack([weights, added.mean(axis=0)[None]])
            else:
                before = _values(self._points[self._rows[known]])
                if len(before):
                    weights[known] += added.mean(axis=0) - before.mean(axis=0)
                gone |= self._topic_of == known
            points.append(_fixed(added))
            topic_of.append(np.full(len(added), known, np.int32))
        points[0], topic_of[0] = points[0][~gone], topic_of[0][~gone]
        conditions = self._conditions.with_entries(entries, embed)
        return PhrasingIndex(
            topics,
            np.asarray(weights, np.float32),
            self._rare,
            np.vstack(points),
            np.concatenate(topic_of),
            self.meaning_dimensions,
            conditions,
        )

    def _points_of(self, entry: Entry, embed: Embed) -> Vectors:
        """Return the points of an entry's question and phrasings."""
        texts = [text for _, text in (*entry.question.written(), *entry.phrasings.written())]
        words = np.array([hashed(grams(text), self._rare) for text in texts], np.float32)
        meanings = embed(texts) if self.meaning_dimensions else np.zeros((len(texts), 0))
        return np.hstack([meanings, _WORD_WEIGHT * words]).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write it into a folder, with 16 bits for a number, whole or not at all."""
        draft = Path(tempfile.mkdtemp(prefix=".phrasings-", dir=folder.parent))
        described = {
            "topics": self._topics,
            "meanings": self.meaning_dimensions,
            "conditions": self._conditions.rows,
        }
        (draft / _TOPICS).write_text(json.dumps(described), encoding="utf-8")
        for name in ("weights", "rare"):
            np.save(draft / f"{name}.npy", getattr(self, f"_{name}").astype(np.float16))
        np.save(draft / "points.npy", self._points)
        np.save(draft / "topic_of.npy", self._topic_of)
        self._conditions.save(draft)
        draft.chmod(0o755)
        draft.rename(folder)

    def rank(
        self, question: str, meaning: Vectors | None, count: int = 5, *, terms: bool = False
    ) -> list[Match]:
        """Return the entries that a question may mean, the most probable first.

        `meaning` is its embedding, which an index built with one needs. `terms`: the words are
        terms that the question names, not its wording: a phrasing of the same few words alone is
        not nearer than others, unless the words are all that the index knows.
        """
        if not self._topics:
            return []
        words = _WORD_WEIGHT * hashed(grams(question), self._rare)
        point = words if meaning is None else np.concatenate([meaning, words])
        scores = np.asarray(self._weights @ point, np.float32)
        chances = _softmax(_SCALE * scores)
        likeliest = np.argsort(-chances, kind="stable")[:ALL_RANKED]
        nearness = self._nearness(likeliest, point)
        seen = np.hstack([np.log(chances[likeliest] + _LEAST_CHANCE)[:, None], nearness])
        if terms and self.meaning_dimensions:
            seen[:, _WORD_FEATURES] = 0
        ranked = _softmax(_weighed(seen, "encoder" if self.meaning_dimensions else "words"))
        best = np.argsort(-ranked, kind="stable")[:count].tolist()
        topics = [self._topics[likeliest[at]] for at in best]
        return [
            Match(topic, float(ranked[at]), float(nearness[at, 0]), float(nearness[at, 2]))
            for topic, at in zip(topics, best, strict=True)
        ]

    def condition_asked(
        self, entry: Entry, question: str, meaning: Vectors | None, language: Language
    ) -> ConditionAsked:
        """Return which condition of an entry decides a question, and which is nearest to it."""
        return self._conditions.asked(entry, question, meaning, language, self._rarity)

    def _rarity(self, word: str) -> float:
        """Return by how much a word is rarer than one that says little: in 2 % of the texts."""
        return max(0.0, float(self._rare[bucket(word)]) - min(_COMMON, self._rarest / 2))

    def _nearness(self, topics: NDArray[np.intp], point: Vectors) -> Vectors:
        """Return how near the phrasings of topics are: the nearest, the mean of the nearest ones.

        In meaning, then in words; a row for each topic.
        """
        rows = [self._rows[topic] for topic in topics.tolist()]
        points = self._points.take(np.concatenate(rows), axis=0).astype(np.float32)
        split, counts = self.meaning_dimensions, np.array([len(own) for own in rows])
        meanings = points[:, :split] @ point[:split] / _POINT_SCALE
        words = points[:, split:] @ point[split:] / (_POINT_SCALE * _WORD_WEIGHT**2)
        near = [_nearest(np.asarray(one, np.float32), counts) for one in (meanings, words)]
        return np.stack([one for pair in near for one in pair], axis=1)


def _nearest(cosines: Vectors, counts: NDArray[np.intp]) -> tuple[Vectors, Vectors]:
    """Return the highest cosine of each group in a row, at least 0, and the mean of the highest."""
    table = np.full((len(counts), max(_NEAREST, int(counts.max(initial=0)))), -np.inf, np.float32)
    table[np.arange(table.shape[1]) < counts[:, None]] = cosines
    nearest = np.sort(table, axis=1)[:, -_NEAREST:]
    held = np.where(np.isfinite(nearest), nearest, 0)
    means = held.sum(axis=1) / np.maximum(1, np.minimum(counts, _NEAREST))
    return np.maximum(nearest[:, -1], 0), np.asarray(means, np.float32)


def _fixed(points: Vectors) -> NDArray[np.int16]:
    """Return points, of at most 1, in fixed point."""
    return np.rint(points * _POINT_SCALE).astype(np.int16)


def _values(points: NDArray[np.int16]) -> Vectors:
    """Return the points that fixed point stands for."""
    return np.asarray(points.astype(np.float32) / _POINT_SCALE, np.float32)


def _weighed(seen: Vectors, variant: str) -> Vectors:
    """Return the sum of the features of each candidate, weighed.

    Without BLAS, which once in thousands of runs of so few numbers reports an invalid value.
    """
    weighed: Vectors = (seen * _RANKING[variant]).sum(axis=1)
    return weighed


def texts_embedded(entries: Sequence[Entry]) -> list[str]:
    """Return the texts that `with_entries` embeds, each once."""
    asked = [
        text
        for entry in entries
        for _, text in (*entry.question.written(), *entry.phrasings.written())
    ]
    return list(dict.fromkeys([*asked, *ConditionIndex.of(entries)[0]]))


def index_version(entries: Sequence[Entry], *, encoder: bool) -> str:
    """Return a hash of all that an index is made of."""
    digest = hashlib.sha256(f"{FORMAT} {encoder}".encode())
    for entry in entries:
        digest.update(entry.model_dump_json(exclude=_NOT_INDEXED).encode())
    return digest.hexdigest()[:16]


def _texts(
    entries: Sequence[Entry],
) -> tuple[list[str], NDArray[np.int32], NDArray[np.bool_]]:
    texts: list[str] = []
    topic_of: list[int] = []
    phrasings: list[bool] = []
    for at, entry in enumerate(entries):
        asked = [text for _, text in (*entry.question.written(), *entry.phrasings.written())]
        said = [MARK.sub("", text) for _, text in entry.answer.written()]
        texts += asked + said
        topic_of += [at] * (len(asked) + len(said))
        phrasings += [True] * len(asked) + [False] * len(said)
    return texts, np.array(topic_of, np.int32), np.array(phrasings, np.bool_)


def _trained(
    points: Vectors, topic_of: NDArray[np.int32], sample_weights: Vectors, topics: int
) -> Vectors:
    """Return one vector for each topic: multinomial logistic regression by Adam.

    It begins at each topic's mean and is held near it, which stands for the topic's phrasings that
    nobody wrote down. Deterministic.
    """
    weights = np.zeros((topics, points.shape[1]), np.float32)
    np.add.at(weights, topic_of, points)
    weights /= np.maximum(np.bincount(topic_of, minlength=topics), 1)[:, None]
    start = weights.copy()
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    order = np.random.default_rng(0)
    step = 0
    for _ in range(_EPOCHS if topics else 0):
        shuffled = order.permutation(len(points))
        for batch in np.array_split(shuffled, max(1, len(points) // _BATCH)):
            step += 1
            rows, labels = points[batch], topic_of[batch]
            error = _softmax(_SCALE * (rows @ weights.T))
            error[np.arange(len(batch)), labels] -= 1
            error *= (sample_weights[batch] / sample_weights[batch].sum())[:, None]
            gradient = _SCALE * (error.T @ rows) + 2 * _DECAY / topics * (weights - start)
            first += 0.1 * (gradient - first)
            second += 0.001 * (gradient**2 - second)
            rate = _RATE * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            weights -= rate * first / (np.sqrt(second) + 1e-8)
    return weights


def _softmax(scores: Vectors) -> Vectors:
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float32)


def _rows_by_topic(topic_of: NDArray[np.int32], topics: int) -> list[NDArray[np.intp]]:
    """Return the rows of each topic."""
    order = np.argsort(topic_of, kind="stable")
    return np.split(order, np.searchsorted(topic_of[order], np.arange(1, topics)))
