"""The page behind the feedback links of our letters.

Opening a link records nothing: mail scanners open every link. The page asks once more, and its
button sends the answer (a form without script).
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse

from mail_service.api.dependencies import FeedbackDep, LedgerDep
from shared.languages import Language
from shared.web.pages import POLICY, security_headers

router = APIRouter(prefix="/feedback", include_in_schema=False)

HEADERS = {
    **security_headers({**POLICY, "form-action": "'self'"}),
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
Answer = Literal["yes", "no"]
Token = Annotated[str, Path(max_length=60)]


@router.get("/{language}/{token}/{answer}")
async def ask(language: Language, token: Token, answer: Answer, pages: FeedbackDep) -> HTMLResponse:
    """The question again, with a button for the answer of the link."""
    if pages.links.mail_id_of(token) is None:
        return HTMLResponse(pages.gone(language), 404, headers=HEADERS)
    return HTMLResponse(pages.question(language, answer), headers=HEADERS)


@router.post("/{language}/{token}/{answer}")
async def record(
    language: Language, token: Token, answer: Answer, pages: FeedbackDep, ledger: LedgerDep
) -> HTMLResponse:
    """Keeps the answer, in place of an earlier one, and says thanks."""
    mail_id = pages.links.mail_id_of(token)
    if mail_id is None or not await ledger.feedback.record(mail_id, helped=answer == "yes"):
        return HTMLResponse(pages.gone(language), 404, headers=HEADERS)
    return HTMLResponse(pages.thanks(language), headers=HEADERS)
