"""Tells a person what their conversation has told so far, when they ask."""

import re

from shared.ai.contract import Profile
from shared.languages import Language
from shared.texts import Texts

_ASKS = re.compile(
    r"\W*(?:dis(?:-moi)? |dites(?:-moi)? |peux-tu me dire |pouvez-vous me dire |tell me )?"
    r"(?:(?:que|qu['’]est-ce que|ce que) (?:tu sais|sais-tu|vous savez|savez-vous|tu as retenu"
    r"|as-tu retenu|vous avez retenu|avez-vous retenu) (?:de|sur) moi|mon profil"
    r"|what (?:do you know|have you (?:learnt|learned|kept)) (?:about|of) me|my profile"
    r"|(?:คุณ)?รู้อะไรเกี่ยวกับ(?:ตัว)?(?:ฉัน|ผม)บ้าง(?:ครับ|คะ|ค่ะ)?|ข้อมูลของ(?:ฉัน|ผม)"
    r"|你(?:都)?(?:知道|了解|记得)(?:关于)?我(?:的)?(?:什么|哪些(?:信息|情况)?)|我的(?:资料|信息|档案))\W*",
    re.IGNORECASE,
)
_MONTHS_A_YEAR = 12


class ProfileWords:
    """The sentences of `texts/profile.toml`."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    @staticmethod
    def asks(text: str) -> bool:
        """Whether a message asks what is known of the person who writes."""
        return _ASKS.fullmatch(text) is not None

    def told(self, profile: Profile, language: Language) -> str:
        """Return the facts of a profile as a list, or that there is none."""
        lines = self._lines(profile, language)
        if not lines:
            return self._texts.say("profile_empty", language)
        listed = "\n".join(f"- {line}" for line in lines)
        ends = self._texts.say("profile_ends", language)
        return f"{self._texts.say('profile_told', language)}\n\n{listed}\n\n{ends}"

    def _lines(self, profile: Profile, language: Language) -> list[str]:
        lines = []
        if profile.agreement:
            title, idcc = profile.agreement.name, profile.agreement.idcc
            lines.append(self._texts.say("profile_agreement", language, title=title, idcc=idcc))
        if profile.seniority_months is not None:
            duration = self._duration(profile.seniority_months, language)
            lines.append(self._texts.say("profile_seniority", language, duration=duration))
        counts = {
            field: getattr(profile, field)
            for field in ("monthly_gross_pay_eur", "monthly_net_pay_eur", "headcount")
        }
        lines += [
            self._texts.say(f"profile_{field}", language, value=_grouped(count, language))
            for field, count in counts.items()
            if count is not None
        ]
        if profile.minimum_wage:
            lines.append(self._texts.say("profile_minimum_wage", language))
        single = (profile.category, profile.contract, profile.working_time, profile.role)
        values = [value for value in (*single, profile.sector, *profile.events) if value]
        return lines + [self._texts.say(f"profile_value_{value}", language) for value in values]

    def _duration(self, months: int, language: Language) -> str:
        years, rest = divmod(months, _MONTHS_A_YEAR)
        counted = [("year", years)] if years else []
        counted += [("month", rest)] if rest or not years else []
        return ", ".join(
            self._texts.say(f"profile_one_{unit}", language)
            if count == 1
            else self._texts.say(f"profile_{unit}s", language, count=count)
            for unit, count in counted
        )


def _grouped(count: float, language: Language) -> str:
    """Return a whole number with its thousands apart."""
    return f"{round(count):,}".replace(",", "\u202f" if language == "fr" else ",")
