"""Names by a model: what counts as one, one label for each, and the child that finds them."""

import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ai_core.answering import masking
from ai_core.answering.masking import TextMasking, masking_sandbox
from ai_core.settings import Settings as AiCoreSettings
from mail_service.settings import Settings as MailSettings
from shared.errors import Unavailable
from shared.privacy import name_model, text_masker
from shared.privacy import settings as privacy_settings
from shared.privacy.identifiers import Kind
from shared.privacy.masking import FindNames, mask, unmask
from shared.privacy.name_model import LIBRARY, MODEL, load_name_model
from shared.privacy.text_masker import TextMasker, load_names
from shared.settings import StrictSettings, WrongSettings, read_settings
from telegram_service.settings import Settings as TelegramSettings
from tests.shared.privacy.fake_spacy import fake_spacy_in
from tests.shared.privacy.name_strings import NAMES, NO_NAMES, OTHERS_WITHOUT_NAMES
from tests.shared.privacy.personal_strings import LABOUR

FOUND_IN_LOWER_CASE = 0.6
FOUND = 0.9
MOST_OF_OTHERS_CHANGED = 0.1


@pytest.fixture
def fake_spacy(tmp_path: Path) -> Iterator[None]:
    """The fake in the place of the library, here and in every child."""
    with fake_spacy_in(tmp_path):
        yield


@pytest.fixture
def find_names(fake_spacy: None) -> FindNames:
    return load_name_model()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("ma collègue Lucie Moreau part", "ma collègue <NOM_1> part"),
        ("Lucie Moreau et LUCIE MOREAU, lucie moreau", "<NOM_1> et <NOM_1>, <NOM_1>"),
        ("Madame Lucie Moreau ou Lucie Moreau", "Madame <NOM_1> ou <NOM_1>"),
        ("Je m'appelle Lucie Moreau, Bruno aussi.", "Je m'appelle <NOM_1>, <NOM_2> aussi."),
        ("mon patron Bruno, et Nadia B. aussi", "mon patron <NOM_1>, et <NOM_2>. aussi"),
        ("avec Lucie\n\x1e\nBruno", "avec <NOM_1>\n\x1e\nBruno"),
        ("Lucie Moreau lucie@exemple.fr", "<NOM_1> <EMAIL_1>"),
        ("<NOM_7> et Bruno", "<NOM_7> et <NOM_1>"),
        ("Cass, R. 1234-2, le SMIC et le préavis", None),
        ("le Président de la République, de la part", None),
        ("Licenciement\n• Repos hebdomadaire. Bruno", None),
        ("La loi Aubry et l'arrêt Bruno, à la Saint-Valentin", None),
        ("Boulangerie Perrin à Lyon, convention Syntec", None),
    ],
)
def test_only_people_get_the_label_of_a_name_and_each_has_one(
    find_names: FindNames, text: str, masked: str | None
) -> None:
    done = mask(text, find_names)

    assert done.text == (masked or text)
    assert unmask(done.text, done.found).casefold() == text.casefold()


@pytest.mark.parametrize("between", [" ", "\n", "x", ". "])
def test_a_name_is_found_wherever_it_stands_in_a_long_text(
    find_names: FindNames, between: str
) -> None:
    filling = (f"mot{between}" * 4_000)[:11_990]
    text = f"{filling} Lucie Moreau {filling} de Bruno"

    assert mask(text, find_names).text == f"{filling} <NOM_1> {filling} de <NOM_2>"


async def test_the_child_masks_and_restores_and_its_end_lets_nothing_through(
    fake_spacy: None,
) -> None:
    async with TextMasker(names=True) as masker:
        text = "mon chef Bruno, 06 12 34 56 78"
        masked = await masker.mask(text)
        assert masked.text == "mon chef <NOM_1>, <TEL_1>"
        assert masked.found.counts == {Kind.NAME: 1, Kind.PHONE: 1}
        assert unmask(masked.text, masked.found) == text
        with pytest.raises(Unavailable):
            await masker.mask("Bruno: end the process")
        assert (await masker.mask("de Bruno")).text == "de <NOM_1>"


async def test_without_the_setting_no_model_is_asked() -> None:
    async with TextMasker(names=False) as masker:
        assert (
            await masker.mask("mon chef Bruno, 06 12 34 56 78")
        ).text == "mon chef Bruno, <TEL_1>"


async def test_ai_core_sends_short_texts_to_the_child_too(fake_spacy: None) -> None:
    async with AsyncExitStack() as stack:
        sandbox = await stack.enter_async_context(masking_sandbox(names=True))
        await load_names(sandbox)
        masks = TextMasking(sandbox, names=True)
        texts = ["Mon chef Bruno part.", "Et Lucie\u200b Moreau ?"]
        mask_text = await masks.prepare(texts, "prompt", "caller")

    assert not masks.is_immediate(texts)
    assert [mask_text(text) for text in texts] == ["Mon chef <NOM_1> part.", "Et <NOM_1> ?"]


async def test_short_texts_of_one_caller_may_wait_as_many_as_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(masking, "MOST_WAITING_OF_CALLER", 0)

    class Child:
        async def call(self, data: bytes) -> bytes:
            return data

    masks = TextMasking(Child(), names=True)
    assert (await masks.prepare(["Bonjour"], "prompt", "caller"))("Bonjour") == "Bonjour"
    with pytest.raises(Unavailable):
        await masks.prepare(["Bonjour " * 1_000], "prompt", "caller")


async def test_a_model_that_does_not_load_stops_the_start(
    fake_spacy: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(name_model, "MODEL", "another")
    (tmp_path / LIBRARY / "__init__.py").write_text("raise MemoryError")
    with pytest.raises(Unavailable, match="model of names was not loaded"):
        async with TextMasker(names=True):
            pass


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [(AiCoreSettings, "AI_CORE"), (TelegramSettings, "TELEGRAM"), (MailSettings, "MAIL")],
)
def test_a_service_without_the_model_refuses_to_start_and_names_the_remedy(
    kind: type[StrictSettings], prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy_settings, "missing_modules", lambda: [MODEL])
    monkeypatch.setenv(f"{prefix}_PRIVACY__NAMES", "true")
    with pytest.raises(WrongSettings) as refused:
        read_settings(kind)

    sentence = str(refused.value)
    assert f"{prefix}_PRIVACY__NAMES" in sentence
    assert "pip install 'code-du-travail-neo[names]'" in sentence
    assert "\n" not in sentence


def test_what_is_missing_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_model, "MODEL", "no_such_model_of_names")
    assert "no_such_model_of_names" in name_model.missing_modules()


@pytest.mark.slow(11)
async def test_the_real_model_finds_the_names_and_leaves_the_law(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The figures of docs/privacy.md, in the confined child, within its memory."""
    monkeypatch.setattr(text_masker, "TIMEOUT_S", 60.0)
    async with TextMasker(names=True) as masker:

        async def hidden(sentence: str) -> bool:
            text = re.sub("[⟦⟧]", "", sentence)
            left = set(re.findall(r"\w{2,}", (await masker.mask(text)).text))
            return not any(
                left & set(re.findall(r"\w{2,}", name)) for name in re.findall("⟦(.*?)⟧", sentence)
            )

        lower = [await hidden(text) for text in NAMES["in lower case"]]
        others = [
            await hidden(text)
            for kind, texts in NAMES.items()
            if kind != "in lower case"
            for text in texts
        ]
        changed = [text for text in (*LABOUR, *NO_NAMES) if (await masker.mask(text)).text != text]
        others_changed = [
            text for text in OTHERS_WITHOUT_NAMES if (await masker.mask(text)).text != text
        ]
        long = await masker.mask("Ma collègue Lucie Moreau a démissionné hier. " * 2_000)

    assert sum(lower) >= FOUND_IN_LOWER_CASE * len(lower)
    assert sum(others) >= FOUND * len(others)
    assert changed == []
    assert len(others_changed) <= MOST_OF_OTHERS_CHANGED * len(OTHERS_WITHOUT_NAMES)
    assert "Moreau" not in long.text
