"""The questions of a load test: different ones never come again, popular ones do."""

from collections import Counter

from tests.load.questions import POPULAR, Questions


def test_no_two_different_questions_are_the_same() -> None:
    questions = Questions()

    asked = {questions.different() for _ in range(20_000)}

    assert len(asked) == 20_000
    assert not asked & {questions.popular() for _ in range(1_000)}


def test_a_later_run_asks_other_questions_than_an_earlier_one() -> None:
    earlier, later = Questions(), Questions(first=2_000_000)

    assert not {earlier.different() for _ in range(2_000)} & {
        later.different() for _ in range(2_000)
    }


def test_four_of_five_questions_are_french_and_every_language_comes() -> None:
    questions = Questions()

    scripts = Counter(script_of(questions.different()) for _ in range(2_000))

    assert scripts == {"latin": 1_800, "thai": 100, "chinese": 100}


def test_what_many_people_ask_comes_again_and_the_first_most_often() -> None:
    questions = Questions()

    asked = Counter(questions.popular() for _ in range(5_000))

    assert len(asked) <= POPULAR
    assert asked[questions.numbered(0)] > 3 * asked[questions.numbered(9)] > 0


def test_a_question_has_no_place_left_open() -> None:
    questions = Questions()

    told = [questions.different() for _ in range(500)] + [questions.follow_up() for _ in range(100)]

    assert not [one for one in told if "{" in one or "}" in one]


def script_of(text: str) -> str:
    if any("\u0e00" <= character <= "\u0e7f" for character in text):
        return "thai"
    return "chinese" if any("\u4e00" <= character <= "\u9fff" for character in text) else "latin"
