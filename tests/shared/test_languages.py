"""A question is answered in the language it was asked in."""

import tomllib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.frame_languages import only_asks_for_language
from shared.languages import (
    LANGUAGES,
    AnswerLanguage,
    Language,
    answer_language,
    continued_language,
    language_of,
    preferred_language,
)

MESSAGES: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("short_messages.toml").read_text(encoding="utf-8")
)
EVERYDAY = Path(__file__).parents[2] / "ai_core" / "law" / "data" / "everyday_questions.tsv"

FRENCH = """
Quelle est la durée du préavis de démission ?
Combien de jours de congés payés par an ?
mon employeur peut il refuser mes conges
Puis-je refuser une mutation ?
licenciement pour faute grave
preavis cdi cadre
Mon patron ne me paye plus depuis deux mois.
indemnite de rupture conventionnelle
C'est quoi un CDD d'usage ?
J'ai été licenciée hier
Heures supplémentaires non payées, que faire ?
période d'essai renouvelable ?
salarie en arret maladie peut etre licencie ?
Bonjour
Merci beaucoup !
L'employeur doit-il rembourser la moitié du Navigo ?
travail de nuit majoration
jours feries mai
Et pour un apprenti ?
Est-ce que je peux démissionner pendant un arrêt maladie ?
prud'hommes délai
Qui paie la mutuelle ?
quel est le montant du SMIC
On m'a changé mes horaires sans prévenir, est-ce légal ?
congé maternité troisième enfant
article L1234-1 du code du travail
Je suis enceinte, dois-je le dire à mon employeur ?
chomage apres demision
rupture periode essai employeur delai prevenance
mon boss veut que je bosse le week-end
Que dit la convention collective Syntec sur le télétravail ?
un CDI à temps partiel, combien d'heures minimum ?
inaptitude reclassement obligation
cmt calculer mon solde de tout compte
Oui
harcelement moral preuves
Ticket restaurant obligatoire ?
je gagne 1800 euros net, quel préavis
Je n'ai pas reçu ma fiche de paie
stage non rémunéré est ce possible
""".strip().splitlines()

ENGLISH = """
How long is the notice period when I resign?
How many paid holidays do I get per year?
can my employer refuse my vacation
Can I refuse a transfer?
dismissal for gross misconduct
notice period permanent contract
My boss has not paid me for two months.
mutual termination compensation
What is a fixed-term contract?
I was fired yesterday
Unpaid overtime, what can I do?
is the trial period renewable?
can an employee on sick leave be dismissed?
Hello
Thanks a lot!
Must the employer refund half of my metro pass?
night work extra pay
public holidays in May
And for an apprentice?
May I resign while on sick leave?
labour court deadline
Who pays for health insurance?
what's the minimum wage in France
They changed my schedule without warning, is it legal?
maternity leave third child
article L1234-1 of the labour code
I'm pregnant, do I have to tell my employer?
unemployement benefits after resigning
ending a trial period early
my manager wants me to work weekends
What does the Syntec agreement say about remote work?
part time contract, minimum number of hours?
unfit for work, duty to find another job
how 2 calculate my final paycheck
Yes
proof of bullying at work
Are meal vouchers mandatory?
i earn 1800 euros net, which notice period
I didnt receive my payslip
is an unpaid internship allowed
""".strip().splitlines()

OPPOSITE: dict[Language, Language] = {"fr": "en", "en": "fr"}


def test_at_least_98_percent_of_the_questions_are_recognised() -> None:
    asked: list[tuple[Language, str]] = [
        *(("fr", text) for text in FRENCH),
        *(("en", text) for text in ENGLISH),
    ]
    missed = [text for language, text in asked if language_of(text, OPPOSITE[language]) != language]
    assert len(asked) == 80
    assert len(missed) <= 0.02 * len(asked), missed


@pytest.mark.parametrize("default", ["fr", "en"])
@pytest.mark.parametrize(
    "text",
    ["", "   ", "SMIC 2026 ?", "L1234-1", "IDCC 1486", "👍", "CDI", "退職するには", "Ciao"],
)
def test_a_text_without_a_sign_keeps_the_language_of_the_conversation(
    text: str, default: Language
) -> None:
    if text == "CDI":
        assert language_of(text, default) == "fr"
    else:
        assert language_of(text, default) == default


def test_french_is_the_default() -> None:
    assert language_of("SMIC 2026 ?") == "fr"


def test_a_french_word_in_an_english_question_does_not_turn_it_french() -> None:
    assert language_of("What is the indemnité de licenciement for an employee?") == "en"
    assert language_of("Comment faire du remote work depuis l'étranger ?") == "fr"


def test_capitals_and_curly_apostrophes_change_nothing() -> None:
    assert language_of("QUEL PRÉAVIS ?", "en") == "fr"
    assert language_of("I DON’T KNOW", "fr") == "en"


@given(st.text(max_size=300), st.sampled_from(["fr", "en"]))
def test_any_text_has_one_of_our_languages(text: str, default: Language) -> None:
    assert language_of(text, default) in LANGUAGES


def _told(text: str) -> str:
    told = answer_language(text)
    return told.frame or told.language


def test_short_messages_are_recognised_in_nine_languages() -> None:
    assert {language: len(texts) for language, texts in MESSAGES.items()} == dict.fromkeys(
        ("fr", "en", "th", "zh", "ar", "pt", "es", "ro", "de"), 25
    )
    missed = [
        (language, text)
        for language, texts in MESSAGES.items()
        for text in texts
        if _told(text) != language
    ]
    assert len(missed) <= 4, missed
    assert not Counter(language for language, _ in missed).keys() & {"fr", "th", "zh", "ar"}


def test_no_french_question_is_taken_for_another_language() -> None:
    asked = [line.partition("\t")[0] for line in EVERYDAY.read_text("utf-8").splitlines()]
    other = [text for text in asked if text and answer_language(text) != AnswerLanguage("fr")]
    assert len(asked) > 2_000
    assert other == []


@pytest.mark.parametrize("language", ["ar", "pt", "es", "ro", "de"])
def test_a_frame_language_is_answered_in_english_or_in_french_when_asked(language: str) -> None:
    *asked, in_french = MESSAGES[language]
    told = answer_language(in_french)
    assert (told.language, told.frame) == ("fr", language)
    answers = [answer_language(text) for text in asked]
    assert {told.language for told in answers if told.frame} == {"en"}


@pytest.mark.parametrize("language", [*MESSAGES])
@pytest.mark.parametrize("reply", ["Syntec", "3", "cadre", "IDCC 1486", "2 300 €", "CDI"])
def test_a_bare_reply_keeps_the_language_of_the_conversation(language: str, reply: str) -> None:
    first = MESSAGES[language][0]
    told = continued_language(reply, ["1486", first], "fr")
    assert (told.frame or told.language) == language


def test_a_whole_sentence_in_another_language_changes_the_language() -> None:
    told = continued_language("what happens if I resign tomorrow?", [MESSAGES["th"][0]], "fr")
    assert told == AnswerLanguage("en")


def test_a_message_that_asks_for_the_language_alone_is_known() -> None:
    alone = ("en français svp", "em francês, por favor", "In English please", "بالفرنسية من فضلك")
    more = ("mon contrat est en français", "quel préavis, en français svp ?", "français", "")
    assert [only_asks_for_language(text) for text in (*alone, *more)] == [True] * 4 + [False] * 4


def test_traditional_characters_are_chinese_and_kana_is_not() -> None:
    assert answer_language("老闆不給加班費怎麼辦") == AnswerLanguage("zh")
    assert answer_language("残業代が支払われません", "en") == AnswerLanguage("en")


def test_a_french_sentence_that_quotes_another_script_stays_french() -> None:
    asked = "Mon patron m'a écrit « ลาออก » dans un message, que dois-je lui répondre ?"
    assert answer_language(asked) == AnswerLanguage("fr")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "fr"),
        ("", "fr"),
        ("fr", "fr"),
        ("en", "en"),
        ("en-GB", "en"),
        ("EN-us", "en"),
        ("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5", "fr"),
        ("en-US,en;q=0.9,fr;q=0.8", "en"),
        ("fr;q=0.3, en;q=0.7", "en"),
        ("fr;q=0.8,en;q=0.8", "fr"),
        ("en;q=0.8,fr;q=0.8", "en"),
        ("en, fr", "en"),
        ("de, en;q=0.3", "en"),
        ("de", "en"),
        ("it", "fr"),
        ("th", "th"),
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-Hans-CN", "zh"),
        ("en;q=0.5, th;q=0.9", "th"),
        ("pt-BR,pt;q=0.9", "en"),
        ("pt, fr;q=0.5", "fr"),
        ("ro;q=0", "fr"),
        ("*", "fr"),
        ("de, *;q=0.5", "fr"),
        ("*, fr;q=0", "en"),
        ("en;q=0", "fr"),
        ("en;q=0, fr;q=0", "fr"),
        ("en;q=0.001", "en"),
        ("en ; q=1.000 ,, fr;q=0.5", "en"),
        ("en;q=1.5, fr", "fr"),
        ("en;q=", "fr"),
        ("en;q=0.1234", "fr"),
        ("en;level=1", "fr"),
        ("en_US", "fr"),
        ("<script>", "fr"),
        ("english language please", "fr"),
        (",".join(["en"] * 1_000), "fr"),
    ],
)
def test_the_header_chooses_the_language(header: str | None, language: str) -> None:
    assert preferred_language(header) == language


@given(st.text(max_size=200))
def test_a_malformed_header_never_fails(header: str) -> None:
    assert preferred_language(header) in LANGUAGES


def test_a_dotted_capital_i_parts_no_word() -> None:
    """`"İ".lower()` is two characters: three of them are no "i i i"."""
    assert language_of("İİİ bonjour") == "fr"
    assert language_of("Quel est le salaire minimum à İzmir et à İstanbul ?", "en") == "fr"
    assert language_of("İs the notice period longer in İzmir?") == "en"
