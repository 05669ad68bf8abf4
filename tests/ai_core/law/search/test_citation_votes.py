"""What resembles a question most votes for the articles it cites."""

import numpy as np
import pytest

from ai_core.law.search.citation_votes import CitationVotes, best

CITED = [[0, 2], [2], [], [1], [3, 4]]


def test_the_sources_nearest_to_a_question_vote_for_what_they_cite() -> None:
    votes = CitationVotes.build(CITED, articles=5)
    scores = np.array([0.5, 1.0, 9.0, 0.5, 0.1], np.float32)

    assert votes.vote(scores, sources=3, power=2) == pytest.approx([0.2, 0.2, 1.0, 0, 0])
    assert votes.tally(scores, sources=2, power=1) == pytest.approx([0, 0, 1.0, 0, 0])
    assert not votes.vote(np.zeros(5, np.float32)).any()


def test_of_equal_scores_the_first_ones_are_best() -> None:
    scores = np.array([1, 3, 2, 3, 2, 2, 0], np.float32)
    assert best(scores, 4).tolist() == [1, 3, 2, 4]
    assert best(scores, 9).tolist() == np.argsort(-scores, kind="stable").tolist()
    assert best(scores, 0).tolist() == []
