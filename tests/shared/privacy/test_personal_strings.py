"""Every spelling of personal data people use is found; labour questions keep every word."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.privacy.masking import contains_personal_data, mask, unmask
from tests.shared.privacy.personal_strings import LABOUR, NOT_CAUGHT, PERSONAL

DOCUMENT = (Path(__file__).parents[3] / "docs/privacy.md").read_text()
EXAMPLES = [(kind, text) for kind, texts in PERSONAL.items() for text in texts]


def told(text: str) -> tuple[str, list[str]]:
    """Return the text without its brackets, and what stood between them."""
    return re.sub("[⟦⟧]", "", text), re.findall("⟦(.*?)⟧", text, re.DOTALL)


def test_no_spelling_of_personal_data_stays_readable(subtests: pytest.Subtests) -> None:
    for kind, marked in EXAMPLES:
        with subtests.test(kind=kind, marked=marked):
            text, secrets = told(marked)
            masked = mask(text)
            assert kind in masked.found.counts
            for secret in secrets:
                assert secret not in masked.text
                left = [word for word in re.findall(r"\w{3,}", secret) if word in masked.text]
                assert not left
            assert contains_personal_data(text)


def test_what_stands_around_a_value_does_not_hide_it(subtests: pytest.Subtests) -> None:
    for kind, marked in EXAMPLES:
        with subtests.test(kind=kind, marked=marked):
            text, secrets = told(marked)
            masked = mask(
                f"Bonjour,\nvoici pour mon dossier ({text}) ; pouvez-vous m'aider ? Merci"
            )
            if kind != "name":  # a signature ends its letter
                assert not [secret for secret in secrets if secret in masked.text]
            assert masked.text.endswith(" ; pouvez-vous m'aider ? Merci")


def test_every_spelling_is_given_back(subtests: pytest.Subtests) -> None:
    for kind, marked in EXAMPLES:
        with subtests.test(kind=kind, marked=marked):
            text, _ = told(marked)
            masked = mask(text)
            assert unmask(masked.text, masked.found) == text


def test_a_labour_question_keeps_every_word(subtests: pytest.Subtests) -> None:
    for text in LABOUR:
        with subtests.test(text=text):
            assert mask(text).text == text
            assert mask(f"Bonjour, {text} Merci de votre réponse.").text == (
                f"Bonjour, {text} Merci de votre réponse."
            )


@pytest.mark.parametrize("marked", NOT_CAUGHT)
def test_what_is_not_caught_is_told_in_the_documentation(marked: str) -> None:
    text, secrets = told(marked)
    assert text in DOCUMENT
    assert all(secret in mask(text).text for secret in secrets)


@given(
    st.sampled_from(EXAMPLES),
    st.sampled_from(["\u200b", "\u00ad", "\u2060", "\u200d", "\u0301", "\ufeff"]),
    st.data(),
)
def test_a_mark_nobody_sees_does_not_hide_a_value(
    example: tuple[str, str], mark: str, data: st.DataObject
) -> None:
    text, secrets = told(example[1])
    place = data.draw(st.integers(0, len(text)))
    masked = mask(text[:place] + mark + text[place:])
    assert example[0] in masked.found.counts
    assert not [secret for secret in secrets if secret in masked.text.replace(mark, "")]
    assert unmask(masked.text, masked.found) == text[:place] + mark + text[place:]


SPACES = st.sampled_from(
    [" ", "  ", "\u00a0", "\u202f", "\u2009", "_", ".", "-", " - ", "–", "/", ""]
)
TO_OTHER_DIGITS = st.sampled_from(
    ["0123456789", "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९"]
)


@given(
    st.sampled_from("1234567 9".replace(" ", "")),
    st.integers(0, 10**8 - 1),
    SPACES,
    TO_OTHER_DIGITS,
)
def test_a_french_number_is_masked_in_every_separator_and_script(
    area: str, rest: int, gap: str, digits: str
) -> None:
    number = f"0{area}{rest:08d}"
    pairs = gap.join(number[i : i + 2] for i in range(0, 10, 2))
    written = pairs.translate(str.maketrans("0123456789", digits))
    assert mask(f"voici {written}.").text == "voici <TEL_1>."
