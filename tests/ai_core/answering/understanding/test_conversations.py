"""Conversations: what the last message asks, after the turns before it. All persons are invented.

A turn that begins with "<" is our answer; "→" is what is searched for the last message.
"""

from datetime import date

import pytest

from ai_core.answering.understanding.clarifications import Clarifications
from ai_core.answering.understanding.messages import Understood, understand
from ai_core.answering.understanding.subjects import is_follow_up
from ai_core.engines.base import ChatMessage

CLARIFICATIONS = Clarifications.read()
TODAY = date(2026, 11, 20)
NOTICE = "Quelle est la durée du préavis en cas de démission ?"
AGREEMENT = "< L'article L1237-1 décide. " + CLARIFICATIONS.ask("agreement", "fr").question
SENIORITY = "< Cela dépend. " + CLARIFICATIONS.ask("seniority_months", "fr").question
CONTRACT = "< Cela dépend. " + CLARIFICATIONS.ask("contract", "fr").question
SEVERANCE = "Quel est le montant de l'indemnité de licenciement ?"


def understood(*turns: str) -> Understood:
    history = [
        ChatMessage("assistant", turn[2:]) if turn.startswith("< ") else ChatMessage("user", turn)
        for turn in turns
    ]
    return understand(history[-1].content, history[:-1], CLARIFICATIONS, TODAY)


FOLLOW_UPS = [
    (NOTICE, "merci, et si je suis en CDD ?"),
    ("Quelle est la durée du congé maternité ?", "je suis enceinte de jumeaux, ça change ?"),
    ("Combien de jours de congé pour un mariage ?", "et pour mon frère"),
    (SEVERANCE, "combien alors ?"),
    (NOTICE, "Et pour un cadre ?"),
    (NOTICE, "est-ce que mon patron peut refuser ?"),
    (NOTICE, "il peut me le refuser par mail ?"),
    (NOTICE, "et l'indemnité ?"),
    (NOTICE, "je dois le prévenir combien de temps avant ?"),
    (NOTICE, "Est-ce que je dois envoyer une lettre recommandée ?"),
    ("J'ai reçu une mise à pied, que faire ?", "Et si je refuse, il peut me licencier ?"),
    (NOTICE, "J'ai 3 ans d'ancienneté et je suis cadre"),
    ("How long is maternity leave?", "and for twins?"),
    (NOTICE, "Et dans ce cas je peux partir plus tôt ?"),
    (NOTICE, "C'est quoi l'article ?"),
    (NOTICE, "Pourquoi ?"),
    ("Puis-je prendre un congé sabbatique ?", "Faut-il une ancienneté minimum ?"),
    ("Puis-je prendre un congé sabbatique ?", "et mon employeur peut le reporter ?"),
    ("Comment contester un licenciement ?", "quel délai j'ai pour ça ?"),
    ("Ai-je droit aux tickets restaurant ?", "même en télétravail ?"),
    ("Ai-je droit aux tickets restaurant ?", "et à temps partiel ?"),
    ("Combien dure la période d'essai ?", "elle peut être renouvelée ?"),
    ("Combien dure la période d'essai ?", "si je suis malade pendant ?"),
    ("Combien dure la période d'essai ?", "d'accord. Et sans convention collective ?"),
    ("Can my employer refuse my holidays?", "What if they were already approved?"),
    (SEVERANCE, "merci, et quand est-ce que je la touche ?"),
    (SEVERANCE, "merci, et comment la demander ?"),
    (SEVERANCE, "super, et pour un cadre ?"),
    (SEVERANCE, "parfait, et si je suis en CDI depuis longtemps ?"),
    (SEVERANCE, "merci, et mon patron peut-il refuser ?"),
    (NOTICE, "谢谢，那试用期呢？"),
    ("Combien de jours pour le décès de mon père ?", "pardon, je voulais dire de ma belle-mère"),
    ("Combien de jours pour le décès de mon père ?", "Désolé, je voulais dire mon beau-frère"),
    ("Combien de jours de congé pour un mariage ?", "pardon, un PACS"),
    (NOTICE, "Oups, je parlais d'une période d'essai"),
    ("How many days off when my father dies?", "Sorry, I meant my mother-in-law"),
    ("父亲去世可以请几天假？", "对不起，我是说岳母"),
    ("พ่อเสียชีวิตลาได้กี่วัน", "ขอโทษครับ หมายถึงแม่ยาย"),
]
NEW_QUESTIONS = [
    (NOTICE, "Comment poser un congé paternité ?"),
    (NOTICE, "Et comment poser un congé paternité ?"),
    (NOTICE, "Mon employeur peut-il lire mes messages WhatsApp ?"),
    (NOTICE, "Solde de tout compte"),
    (NOTICE, "Peut-on fumer dans les bureaux ?"),
    (NOTICE, "Et si je démissionne, ai-je droit au chômage ?"),
    (NOTICE, "Mon chef dit que ça ne se fait pas de poser ses congés payés en août, est-ce vrai ?"),
    (NOTICE, "Combien de jours de congés payés par mois ?"),
    (NOTICE, "Et les heures supplémentaires, elles sont payées comment ?"),
    ("How long is maternity leave?", "Can my boss fire me for being late?"),
    (NOTICE, "Quelle est la majoration des heures de nuit ?"),
    (
        "Comment contester un licenciement ?",
        "J'ai droit à une pause de combien de temps ?",
    ),
    ("Ai-je droit aux tickets restaurant ?", "Mon contrat peut-il être modifié sans mon accord ?"),
    (NOTICE, "Autre sujet : mon salaire n'a pas été versé ce mois-ci, que faire ?"),
    (SEVERANCE, "Qui paie la mutuelle pendant un arrêt maladie ?"),
    (SEVERANCE, "Le télétravail peut-il m'être imposé ?"),
    (NOTICE, "Je suis victime de harcèlement moral, que puis-je faire ?"),
    (SEVERANCE, "merci, et mon patron peut-il refuser mes congés ?"),
    (SEVERANCE, "Merci beaucoup ! Et est-ce que je peux poser des jours en août ?"),
    (SEVERANCE, "super merci, mais mon employeur peut-il changer mes horaires ?"),
    (SEVERANCE, "parfait, et pour mes tickets resto, combien je dois payer ?"),
    (SEVERANCE, "thanks, and can my boss read my emails?"),
    (NOTICE, "谢谢，老板可以拒绝我休假吗？"),
]


def test_follow_ups_of_any_length_are_told_from_new_questions() -> None:
    taken = [message for before, message in NEW_QUESTIONS if is_follow_up(message, before)]
    missed = [message for before, message in FOLLOW_UPS if not is_follow_up(message, before)]

    assert (taken, missed) == ([], [])


@pytest.mark.parametrize(("before", "message"), FOLLOW_UPS[:8])
def test_a_follow_up_is_searched_with_the_subject(before: str, message: str) -> None:
    query = understood(before, "< Voici.", message).query

    assert query.startswith(before.split(" en cas")[0])
    assert message.removeprefix("merci, ") in query


def test_the_subject_lasts_through_several_follow_ups() -> None:
    query = understood(NOTICE, "< Voici.", "et pour un cadre ?", "< Voici.", "pourquoi ?").query

    assert query.startswith(NOTICE)


def test_another_event_takes_the_place_of_the_first() -> None:
    turns = (NOTICE, "< Voici.", "et en cas de licenciement ?", "< Voici.", "combien alors ?")
    query = understood(*turns).query

    assert "démission" not in query
    assert query.startswith("Quelle est la durée du préavis ? et en cas de licenciement ?")


def test_one_of_two_subjects_is_not_replaced() -> None:
    before = "Est-ce que j'acquiers des congés payés pendant un arrêt maladie ?"
    leave = understood("Combien de jours pour un mariage ?", "< Voici.", "et pour un décès ?")

    assert before in understood(before, "< Voici.", "et pendant un congé parental ?").query
    assert "mariage" not in leave.query


def test_a_new_subject_is_searched_alone_and_the_facts_remain() -> None:
    message = understood(
        "Je suis cadre. " + NOTICE, "< Voici.", "Combien dure une période d'essai ?"
    )

    assert message.query == "Combien dure une période d'essai ? cadre"
    assert message.profile.category == "cadre"


@pytest.mark.parametrize(
    ("turns", "searched", "facts"),
    [
        (
            (NOTICE, AGREEMENT, "3 ans et demi, convention Syntec, cadre"),
            f"{NOTICE} 3 ans et demi, convention Syntec, cadre",
            {"seniority_months": 42, "category": "cadre"},
        ),
        ((NOTICE, AGREEMENT, "Syntec"), f"{NOTICE} convention collective Syntec", {}),
        ((NOTICE, AGREEMENT, "la 1486"), f"{NOTICE} IDCC 1486", {}),
        ((NOTICE, AGREEMENT, "c'est la restauration rapide"), "restauration rapide", {}),
        ((NOTICE, AGREEMENT, "je ne sais pas"), NOTICE, {}),
        ((NOTICE, AGREEMENT, "Aucune idée, désolée."), NOTICE, {}),
        (("Comment rompre mon contrat ?", CONTRACT, "CDI"), "CDI", {"contract": "cdi"}),
        (("Comment rompre mon contrat ?", CONTRACT, "Je suis en CDD"), "CDD", {"contract": "cdd"}),
        ((SEVERANCE, SENIORITY, "huit ans"), f"{SEVERANCE} huit ans", {"seniority_months": 96}),
        ((SEVERANCE, SENIORITY, "depuis 2019"), SEVERANCE, {"seniority_months": 88}),
        ((SEVERANCE, SENIORITY, "oui"), SEVERANCE, {}),
    ],
)
def test_a_reply_to_our_question_completes_the_question_before_it(
    turns: tuple[str, ...], searched: str, facts: dict[str, object]
) -> None:
    message = understood(*turns)

    assert searched in message.query
    assert message.query.startswith(turns[0].rstrip("?").rstrip())
    assert message.profile.model_dump(exclude_defaults=True) == facts


def test_another_question_is_no_reply_to_ours() -> None:
    message = understood(NOTICE, AGREEMENT, "Ai-je droit au chômage si je démissionne ?")

    assert message.query == "Ai-je droit au chômage si je démissionne ?"
    assert "agreement" in message.asked_for


def test_what_the_person_does_not_know_is_not_asked_again() -> None:
    message = understood(NOTICE, AGREEMENT, "je ne sais pas")

    assert message.unknown == "agreement"
    assert CLARIFICATIONS.choose(message.query, (), message.asked_for, "fr") is None


def test_a_notice_whose_end_is_told_before_leaves_the_other_question_beside_it() -> None:
    asked = understood(
        "Je pars en retraite le 31 mars après 22 ans. A-t-on droit à une prime de départ, et "
        "combien de mois de préavis dois-je donner ?"
    )
    assert asked.case is not None
    assert asked.case.calculator == "retirement_notice"
    [beside] = asked.beside_case
    assert "prime de départ" in beside.text
