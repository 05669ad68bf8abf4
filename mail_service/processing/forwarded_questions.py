"""The question of a mail that only points at the one it forwards.

"Je vous transfère la question d'un client, pouvez-vous y répondre ?" asks nothing itself: taken for
a question, it is answered as one. A clause that is not of this list keeps the whole mail.
"""

import re

from mail_service.reading.formulas import between_formulas, folded_text
from mail_service.reading.message import Mail
from mail_service.reading.quoting import around_forwarded

CLAUSE = re.compile(r"[.,;:!?…。，；！？\n]+")
POINTS = re.compile(
    r"(?:(?:et|alors|donc|s'il vous plait|svp|stp|please|and) )?(?:"
    r"(?:je |j')?(?:vous |te |lui )?(?:transfere|transmets|fais suivre) .{0,60}"
    r"|(?:voir|voyez|vois|lire|cf) (?:ci-?dessous|plus bas|en dessous|le (?:mail|message))"
    r"|(?:pouvez|pourriez|peux|pourrais|sauriez)[- ](?:vous|tu) (?:y |lui |me |leur |m'|l')*"
    r"(?:repondre|aider|regarder)"
    r"(?: a (?:sa|cette|la) (?:question|demande)| a ce (?:mail|message))?"
    r"|(?:(?:pouvez|pourriez|peux|pourrais|sauriez)[- ](?:vous|tu) )?(?:me |nous |lui )?"
    r"(?:dire|di[st]|dites)[- ]?(?:moi|nous)? (?:ce qu'il en est|ce que (?:vous|tu) en pense[sz])"
    r"|qu'en est-il|(?:quel est )?(?:votre|ton) avis|(?:que|quoi) (?:lui )?(?:repondre|dire)"
    r"|(?:que|qu') (?:dois-je|puis-je|pouvons-nous|faut-il) (?:lui )?repondre"
    r"|merci|merci (?:de|pour) votre (?:aide|reponse|retour)|(?:merci )?d'avance|merci d'avance"
    r"|pour (?:info|information|avis|reponse)|qu'en (?:pensez-vous|penses-tu)"
    r"|(?:please )?see below|(?:i am |i'm )?forward(?:ing|ed)? .{0,60}"
    r"|(?:can|could|would) you (?:please )?(?:answer|help|reply|look)(?: (?:me|us|them|this|it))?"
    r"|what do you think|fyi|thanks|thank you|many thanks"
    r"|(?:请|麻烦)?(?:见|看|查看)(?:下|以下)(?:方|面)?|转发.{0,20}|(?:请|能|可以)?(?:您)?(?:帮忙)?"
    r"(?:回答|回复)(?:一下)?吗?|谢谢"
    r"|ส่งต่อ.{0,40}|ดูด้านล่าง(?:ครับ|ค่ะ)?|ช่วยตอบ(?:ด้วย|หน่อย)?(?:ครับ|ค่ะ)?|ขอบคุณ(?:ครับ|ค่ะ)?"
    r")"
)


def question_of(mail: Mail) -> str:
    """Return what a mail asks: the forwarded mail alone, where its forwarder only points at it."""
    above, forwarded = around_forwarded(mail.question)
    if not forwarded:
        return mail.question
    said = between_formulas(above, mail.sender.name) or ""
    clauses = [clause.strip() for clause in CLAUSE.split(folded_text(said)) if clause.strip()]
    return forwarded if all(map(POINTS.fullmatch, clauses)) else mail.question
