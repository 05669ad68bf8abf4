"""A question is answered in the language it was asked in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.languages import Language, language_of, preferred_language

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
    ["", "   ", "SMIC 2026 ?", "L1234-1", "IDCC 1486", "👍", "CDI", "ลาออก", "劳动合同 2026"],
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
def test_any_text_has_one_of_the_two_languages(text: str, default: Language) -> None:
    assert language_of(text, default) in {"fr", "en"}


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
        ("de", "fr"),
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
    assert preferred_language(header) in {"fr", "en"}
