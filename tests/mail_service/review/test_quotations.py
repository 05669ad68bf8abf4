"""An edited reply quotes its sources word for word, or is refused."""

import pytest

from mail_service.review.quotations import changed_quotation
from shared.ai.contract import ChatReply
from shared.ai.scripted import SOURCE
from tests.mail_service.chat_replies import chat_reply

LAW = (
    "Le salarié prévient l’employeur dix jours avant son départ.\nCe délai court du lendemain, "
    "sauf accord ; il peut être prolongé par écrit."
)


@pytest.fixture
def draft() -> ChatReply:
    source = SOURCE.model_copy(update={"quote": LAW})
    return chat_reply(
        "Dix jours [1].\n\n"
        "> Le salarié prévient l’employeur **dix jours** avant son départ. [1]\n\n"
        "On parle de « délai de politesse entre collègues » dans cette branche.",
        citations=[source],
    )


@pytest.mark.parametrize(
    "text",
    [
        "Dix jours, sans aucune citation.",
        "> Le salarié prévient l'employeur dix jours avant son départ.",
        "> Le salarié prévient l\u2019employeur dix\u00a0jours avant son départ [1]",
        "Le texte dit « Ce délai court du lendemain […] prolongé par écrit ».",
        "Le texte dit : “Ce délai court du lendemain, sauf accord”.",
        "On parle de « délai de politesse entre collègues ».",
        "Le « délai de courtoisie » n'est pas une citation.",
        "> Le salarié prévient l’employeur dix jours\n> avant son départ.\n>\n",
    ],
)
def test_what_the_sources_hold_may_be_quoted(draft: ChatReply, text: str) -> None:
    assert changed_quotation(text, draft) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("> Le salarié prévient l'employeur vingt jours avant son départ.", 1),
        ("> Le salarié prévient l'employeur dix jours avant son départ.\n> Jamais le dimanche.", 2),
        ("Selon le texte, « ce délai ne court jamais pendant les congés ».", 1),
        ("It says “this period never runs during holidays”.", 1),
        ("Le texte dit « prolongé par écrit […] Ce délai court du lendemain ».", 1),
        ("> prévient l'employeur dix jour", 1),
        ("« Le délai dure […] » et « sauf accord ; il peut être refusé par écrit »", 1),
    ],
)
def test_what_no_source_holds_is_found(draft: ChatReply, text: str, number: int) -> None:
    found = changed_quotation(text, draft)
    assert found is not None
    assert found[0] == number
