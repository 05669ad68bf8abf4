"""What an answer says of its agreement: which one, why, what is missing, what to ask."""

from collections.abc import Collection

from ai_core.law.agreement_categories import categories_in
from ai_core.law.records import Agreement, AgreementMatch, MatchBasis, SearchResult
from shared.ai.contract import AgreementReply, AgreementTaken, Clarification
from shared.languages import Language
from shared.texts import Texts

_TITLE_CHARS = 90
"""Longer titles ("Entreprises de la maintenance, distribution et location…") are cut at a word."""


class AgreementWords:
    """The sentences of `texts/agreements.toml`, in the language of the question."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    def taken(self, match: AgreementMatch | None, language: Language) -> str | None:
        """Return the sentence that says which agreement was taken and why; None without one."""
        if match is None or match.agreement is None:
            return None
        said = self._texts.say(
            f"agreement_taken_{match.basis}",
            language,
            title=_title(match.agreement),
            idcc=match.agreement.idcc,
            words=match.words,
        )
        if not match.alternatives:
            return said
        titles = ", ".join(
            self._texts.say("agreement_in_list", language, title=_title(one), idcc=one.idcc)
            for one in match.alternatives
        )
        return f"{said} {self._texts.say('agreement_may_be', language, titles=titles)}"

    def lacking(self, match: AgreementMatch | None, language: Language) -> str | None:
        """Return the sentence that says that the agreement's text is not held, or unknown."""
        if match and match.not_held:
            title, idcc = _title(match.not_held), match.not_held.idcc
            return self._texts.say("agreement_not_held", language, title=title, idcc=idcc)
        if match and match.unknown_idcc:
            return self._texts.say("agreement_unknown", language, idcc=match.unknown_idcc)
        return None

    def by_place(self, language: Language) -> str:
        """Return the sentence that says that amounts are set region by region, and asks for it."""
        return self._texts.say("agreement_by_place", language)

    def silent(self, agreement: Agreement, language: Language) -> str:
        """Return the sentence that says that no clause of an agreement answers."""
        return self._texts.say(
            "agreement_silent", language, title=_title(agreement), url=agreement.url
        )

    def question(
        self,
        found: SearchResult,
        known: Collection[str],
        asked: Collection[str],
        language: Language,
    ) -> Clarification | None:
        """Return what to ask: which of several agreements, or the category where it decides.

        `known` are the fields of the profile that are known, `asked` what was asked for before.
        """
        match = found.agreement_match
        if match is None or match.not_held or match.unknown_idcc:
            return None
        if match.agreement is None:
            return None if "agreement_which" in asked else self._which(match, language)
        distinguished = categories_in(found.passages)
        if not distinguished or "category" in known or "category" in asked:
            return None
        return Clarification(
            question=self._texts.say("category_which", language),
            choices=[self._texts.say(f"category_{one}", language) for one in distinguished],
            fact="category",
        )

    def which(self, match: AgreementMatch | None, language: Language) -> Clarification | None:
        """Return the question which of several agreements applies, None where that is not open."""
        if match is None or match.agreement or match.not_held or match.unknown_idcc:
            return None
        return self._which(match, language)

    def _which(self, match: AgreementMatch, language: Language) -> Clarification | None:
        if not match.alternatives:
            return None
        choices = [
            self._texts.say("agreement_choice", language, title=_title(one), idcc=one.idcc)
            for one in match.alternatives
        ]
        if match.basis is MatchBasis.COMPANY and len(match.alternatives) == 1:
            title, idcc = _title(match.alternatives[0]), match.alternatives[0].idcc
            question = self._texts.say("agreement_is_it", language, title=title, idcc=idcc)
        else:
            question = self._texts.say("agreement_which", language, words=match.words)
        return Clarification(question=question, choices=choices, fact="agreement")


def agreement_taken(match: AgreementMatch | None) -> AgreementTaken | None:
    """Return the agreement of a question as the reply tells it; None where it speaks of none."""
    if match is None:
        return None
    taken = match.agreement or match.not_held
    return AgreementTaken(
        basis=match.basis.value,
        agreement=agreement_reply(taken) if taken else None,
        alternatives=[agreement_reply(one) for one in match.alternatives],
        unknown_idcc=match.unknown_idcc,
    )


def agreement_reply(agreement: Agreement) -> AgreementReply:
    """Return an agreement as replies tell it."""
    return AgreementReply(
        idcc=agreement.idcc, title=agreement.short_title, held=agreement.held, url=agreement.url
    )


def _title(agreement: Agreement) -> str:
    title = agreement.short_title
    if len(title) <= _TITLE_CHARS:
        return title
    return title[:_TITLE_CHARS].rpartition(" ")[0].rstrip(" ,:;(") + "…"
