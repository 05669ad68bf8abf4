"""What waits of an answer is looked at once; how it was cut into pieces changes nothing."""

import time

from hypothesis import given
from hypothesis import strategies as st

from ai_core.answering.citations import CitationFilter
from ai_core.answering.pending import PendingText
from tests.ai_core.answering.test_citations import DAY, passage

PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "mot",
                "l'article",
                "L1237-1",
                "12",
                "art.",
                "[1]",
                "[2](",
                "[texte](http://x.fr)",
                " ",
                "\n",
                "\xa0",
                "«",
                "»",
            ]
        ),
        st.text(st.sampled_from("aéL1 \n.«»[]()'-"), max_size=12),
        st.text("a", min_size=100, max_size=300),
    ),
    max_size=60,
)


@given(PIECES, st.data())
def test_what_is_settled_depends_on_the_text_that_waits_alone(
    pieces: list[str], data: st.DataObject
) -> None:
    pending = PendingText()
    for piece in pieces:
        pending.append(piece)
        again = PendingText()
        again.append(pending.text)
        settled = pending.settled_words()
        assert settled == again.settled_words()
        stop = data.draw(st.sampled_from([settled, 0, len(pending.text) // 2]))
        assert pending.take(stop) + pending.text == again.text


def _cost_s(answer: str) -> float:
    """Return the processor time of an answer fed character by character, at its best of three."""
    costs = []
    for _ in range(3):
        check = CitationFilter([passage()], DAY, "(non vérifié)")
        began = time.process_time()
        for character in answer:
            check.feed(character)
        costs.append(time.process_time() - began)
    return min(costs)


def test_a_long_quotation_that_waits_costs_a_few_times_what_short_ones_do() -> None:
    words = "le salarié prévient son employeur, et la convention en fixe la durée ; " * 20
    short = "".join(f"« {word} » " for word in words.split())
    assert _cost_s(f"« {words}") < 5 * _cost_s(short[: len(words)])
