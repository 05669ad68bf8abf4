"""The letters to review: mails of the mailbox, read and decided on with an account of the desk."""

import re

from starlette.responses import Response

from ai_core.api.console.channels import CHANNELS
from ai_core.api.console.routing import Screens
from ai_core.api.console.visit import Visit
from ai_core.console.letters import Letters, Reviewer
from ai_core.console.roles import Action
from ai_core.errors import ConsoleRefusal
from shared.letters import MAX_REPLY_CHARACTERS, MailDetails, SearchReply

screens = Screens()
LETTERS = f"{CHANNELS}/letters"
STATES = (
    *("review", "quarantined", "failed", "received", "answered"),
    *("silent", "dry_run", "rejected", "erased"),
)
NOTHING = SearchReply(mails=[], opened=0, next_before=None)
ADDRESS = re.compile(r"\S+@\S+\.\S+")
MAX_ID_DIGITS = 18
RETRIED_FROM = frozenset({"quarantined", "failed", "silent", "dry_run", "rejected"})
RESENT_FROM = frozenset({"unknown", "failed"})
MAX_DECISION_BYTES = 256 * 1024
"""A reply of MAX_REPLY_CHARACTERS, each of which may take nine bytes in a form."""


@screens.page("/channels/letters", Action.LETTERS_READ)
async def show_letters(visit: Visit) -> Response:
    """List the mails in a state, those to review at first."""
    state = visit.query("state")
    state = state if state in STATES else STATES[0]
    before = visit.query("before")
    older = int(before) if before.isdecimal() and len(before) <= MAX_ID_DIGITS else None
    try:
        found = await letters_of(visit).search(state, before=older or None)
    except ConsoleRefusal:
        if not visit.problem:
            raise
        found = NOTHING
    return _list_page(visit, found, state=state)


@screens.form("/channels/letters/search", Action.LETTERS_READ, back=show_letters)
async def search(visit: Visit) -> Response:
    """Find mails by words or by an address, which a form holds: addresses of pages are logged."""
    words, before = visit.text("words", 200), visit.whole("before")
    sender = words if ADDRESS.fullmatch(words) else ""
    found = await letters_of(visit).search(None, "" if sender else words, sender, before)
    return _list_page(visit, found, words=words)


@screens.page("/channels/letters/{id}", Action.LETTERS_READ)
async def show_letter(visit: Visit) -> Response:
    """Show a mail with the reply that is proposed; who read it is written down."""
    try:
        number = _number(visit)
        letter = await letters_of(visit).read(number)
    except ConsoleRefusal:
        if not visit.problem:
            raise
        return visit.page("letter.html", letter=None)
    if not visit.problem:
        await visit.desk.audit.write(visit.actor, "letters.read", str(number))
    return visit.page("letter.html", letter=letter, can=_decisions(letter))


@screens.form(
    "/channels/letters/{id}/approve",
    Action.LETTERS_DECIDE,
    back=show_letter,
    max_bytes=MAX_DECISION_BYTES,
)
async def approve(visit: Visit) -> Response:
    """Send the reply as it was shown, or as it was changed."""
    number = _number(visit)
    written = visit.text("text", 2 * MAX_REPLY_CHARACTERS).replace("\r\n", "\n")
    if len(written) > MAX_REPLY_CHARACTERS:
        raise ConsoleRefusal("field_long", limit=MAX_REPLY_CHARACTERS)
    letters = letters_of(visit)
    draft = (await letters.read(number)).draft
    changed = written != draft.strip()
    if not written:
        raise ConsoleRefusal("letter_empty")
    verb = "letters.edit" if changed else "letters.approve"
    async with visit.desk.audit.recording(visit.actor, verb, str(number)):
        await letters.approve(number, written if changed else None)
    return visit.to(LETTERS, "letter_sent")


@screens.form("/channels/letters/{id}/reject", Action.LETTERS_DECIDE, back=show_letter)
async def reject(visit: Visit) -> Response:
    """Send no reply."""
    number = _number(visit)
    async with visit.desk.audit.recording(visit.actor, "letters.reject", str(number)):
        await letters_of(visit).reject(number)
    return visit.to(LETTERS, "letter_rejected")


@screens.form("/channels/letters/{id}/retry", Action.LETTERS_DECIDE, back=show_letter)
async def retry(visit: Visit) -> Response:
    """Have a mail processed again, or its reply sent again."""
    number = _number(visit)
    async with visit.desk.audit.recording(visit.actor, "letters.retry", str(number)):
        await letters_of(visit).retry(number)
    return visit.to(LETTERS, "letter_retried")


@screens.form("/channels/letters/{id}/erase", Action.LETTERS_DECIDE, back=show_letter)
async def erase(visit: Visit) -> Response:
    """Erase a mail and its reply for good."""
    number = _number(visit)
    async with visit.desk.audit.recording(visit.actor, "letters.erase", str(number)):
        await letters_of(visit).erase(number)
    return visit.to(LETTERS, "letter_erased")


def letters_of(visit: Visit) -> Letters:
    """Return the mails as the account of the visit sees them."""
    return Letters(visit.desk.channels, Reviewer(visit.account.name, visit.language))


def _list_page(visit: Visit, found: SearchReply, state: str = "", words: str = "") -> Response:
    return visit.page("letters.html", found=found, states=STATES, state=state, words=words)


def _decisions(letter: MailDetails) -> frozenset[str]:
    """Return what can be decided on a mail in its state."""
    resent = any(each.state in RESENT_FROM for each in letter.sent)
    possible = {
        "approve": letter.state == "review",
        "reject": letter.state in {"review", "quarantined"},
        "retry": resent or letter.state in RETRIED_FROM,
        "erase": letter.state != "erased",
    }
    return frozenset(name for name, can in possible.items() if can)


def _number(visit: Visit) -> int:
    """Return the number of a mail in the address. Raises ConsoleRefusal when it is none."""
    written = str(visit.request.path_params["id"])
    if not (written.isascii() and written.isdecimal() and len(written) <= MAX_ID_DIGITS):
        raise ConsoleRefusal("mail_unknown")
    return int(written)
