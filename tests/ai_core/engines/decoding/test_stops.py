from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ai_core.engines.decoding.stops import StopFilter

letters = st.text(alphabet="abé😀", max_size=20)
stops = st.lists(st.text(alphabet="abé😀", min_size=1, max_size=4), max_size=3)


def shown_of(chunks: list[bytes], stop: list[str]) -> str:
    check = StopFilter(stop)
    return "".join(map(check.feed, chunks)) + check.finish()


def cut(text: str, stop: list[str]) -> str:
    """Say it again without a stream: read on letter by letter until a stop sequence is there."""
    for end in range(len(text) + 1):
        complete = [word for word in stop if text[:end].endswith(word)]
        if complete:
            return text[: end - max(map(len, complete))]
    return text


def split(text: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(at for at in cuts if at <= len(text)), len(text)]
    return [text[start:end] for start, end in pairwise(places)]


@given(text=letters, stop=stops, cuts=st.lists(st.integers(0, 80), max_size=20))
def test_however_the_bytes_come_the_same_text_is_shown(
    text: str, stop: list[str], cuts: list[int]
) -> None:
    assert shown_of(split(text.encode(), cuts), stop) == cut(text, stop)


@given(text=letters, stop=stops)
def test_text_may_come_letter_by_letter(text: str, stop: list[str]) -> None:
    check = StopFilter(stop)
    assert "".join(map(check.feed, text)) + check.finish() == cut(text, stop)


@given(text=letters, stop=stops)
def test_it_says_that_it_stopped_exactly_when_a_stop_sequence_came(
    text: str, stop: list[str]
) -> None:
    check = StopFilter(stop)
    for byte in text.encode():
        check.feed(bytes([byte]))
    assert check.stopped == any(word in text for word in stop)


@given(text=letters)
def test_without_stop_sequences_every_whole_character_is_shown_at_once(text: str) -> None:
    check = StopFilter()
    for letter in text:
        *first, last = letter.encode()
        assert "".join(check.feed(bytes([byte])) for byte in first) == ""
        assert check.feed(bytes([last])) == letter


def test_nothing_is_shown_after_a_stop_sequence() -> None:
    check = StopFilter(["\n\n"])
    assert check.feed("Oui.\n\nNon.") == "Oui."
    assert check.feed("Peut-être.") == ""
    assert check.finish() == ""


def test_what_turns_out_not_to_be_a_stop_sequence_is_shown() -> None:
    check = StopFilter(["</end>"])
    assert check.feed("a </en") == "a "
    assert check.feed("try>") == "</entry>"


def test_half_a_character_at_the_end_is_dropped() -> None:
    assert shown_of([b"caf\xc3"], []) == "caf"
    assert shown_of([b"caf\xc3"], ["x"]) == "caf"


def test_bytes_that_are_no_text_are_marked_not_raised() -> None:
    assert shown_of([b"a\xffb"], []) == "a\N{REPLACEMENT CHARACTER}b"


def test_an_empty_stop_sequence_stops_nothing() -> None:
    assert shown_of([b"a"], [""]) == "a"
