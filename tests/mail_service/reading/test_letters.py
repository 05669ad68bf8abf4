"""A few of the letters of `./neo bench letters`, in each of its thirty forms."""

from tests.bench._letter_forms import FORMS
from tests.bench.letters import measure


def test_a_letter_arrives_whole_and_exact_however_it_was_sent() -> None:
    figures = measure(per_language=2)
    assert figures["mails"] == 2 * 4 * len(FORMS)
    assert (figures["whole"], figures["exact"], figures["subjects"]) == (1, 1, 1), figures
