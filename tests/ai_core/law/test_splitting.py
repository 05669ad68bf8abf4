from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ai_core.law.splitting import split

TEXTS = st.text(alphabet="ab .;\n\té", max_size=400)


def test_a_short_text_is_one_piece() -> None:
    assert split("Un article.") == ((0, 11),)


def test_an_empty_text_has_no_piece() -> None:
    assert split(" \n ") == ()


def test_a_long_text_is_cut_where_a_line_ends() -> None:
    text = "Premier alinéa, assez long.\nSecond alinéa."
    assert [text[a:b] for a, b in split(text, 32)] == [
        "Premier alinéa, assez long.",
        "Second alinéa.",
    ]


@given(TEXTS, st.integers(min_value=1, max_value=60))
def test_pieces_are_short_ordered_and_lose_only_white_space(text: str, longest: int) -> None:
    spans = split(text, longest)
    assert all(0 < stop - start <= longest for start, stop in spans)
    assert "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
