"""Byte strings put together from the words of a format, and damaged."""

from collections.abc import Sequence

from hypothesis import strategies as st


def mixed(words: Sequence[bytes], most: int) -> st.SearchStrategy[bytes]:
    """Return up to `most` words of a format, and bytes of no format, one after the other."""
    word = st.one_of(st.sampled_from(words), st.sampled_from(words), st.binary(max_size=6))
    return st.lists(word, max_size=most).map(b"".join)


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[bytes], words: Sequence[bytes]) -> bytes:
    """Return a sound input with some of it cut, doubled, moved or overwritten."""
    data = draw(whole)
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + draw(st.sampled_from([1, 8, 400])))))
        part = data[start:end]
        new = draw(
            st.one_of(
                st.just(b""),
                st.just(part * 2),
                st.just(part[::-1]),
                st.sampled_from(words),
                st.binary(max_size=4),
                st.integers(1, 300).map((part[:40] or b"x").__mul__),
            )
        )
        data = data[:start] + new + data[end:]
    return data
