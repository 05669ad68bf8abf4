"""Hours to look for a job: how a row is printed, and what programs read beside it."""

from typing import Any

import pytest

from ai_core.calculators.job_search_hours import printed
from ai_core.calculators.outcomes import HoursOutcome


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"hours": 3, "per": "day"}, "3 h/jour"),
        ({"hours": 1.5, "per": "day"}, "1,5 h/jour"),
        ({"hours": 30, "per": "total"}, "30 h"),
        ({"hours": 40, "per": "month", "maximum": True}, "40 h/mois max"),
        ({"hours": 2, "per": "day", "day_kind": "worked"}, "2 h/jour travaillé"),
        (
            {"hours": 2, "per": "day", "day_kind": "practice_open"},
            "2 h/jour d'ouverture du cabinet",
        ),
        (
            {"hours": 2, "per": "day", "day_kind": "ouvré", "cap_hours": 30, "cap_per": "total"},
            "2 h/jour ouvré ; max 30 h",
        ),
        ({"hours": 2, "per": "day", "max_months": 3}, "2 h/jour pendant 3 mois max"),
        (
            {"hours": 2, "per": "day", "max_months": 3, "months_are_maximum": False},
            "2 h/jour pendant 3 mois",
        ),
        (
            {"hours": 2, "per": "day", "day_kind": "ouvrable", "max_days": 8},
            "2 h/jour pendant 8 jours ouvrables",
        ),
        (
            {"hours": 2, "per": "day", "part_time_prorata": True, "condition": "after_a_month"},
            "2 h/jour [part time: prorata] [after_a_month]",
        ),
        (
            {
                "hours": "weekly_working_time",
                "per": "month",
                "basis": "contract",
                "of_notice": True,
            },
            "durée hebdomadaire (contract)/mois de préavis",
        ),
        ({"days": 1, "per": "two_weeks"}, "1 jour pour 2 semaines de travail"),
        ({"days": 6, "per": "month", "day_kind": "ouvré"}, "6 jours ouvrés/mois"),
        ({"days": 4, "half_days": 8, "per": "total"}, "4 jours ou 8 demi-journées"),
        (
            {"days": 1, "half_days": 2, "per": "week", "or_hours": True},
            "1 jour ou 2 demi-journées/semaine, ou équivalent en heures",
        ),
        (
            {"hours": 2, "per": "day", "or": {"days": 1, "per": "week"}},
            "2 h/jour ou 1 jour/semaine",
        ),
        (
            {"percent": 20, "of": "daily_working_time", "per": "day"},
            "20 % de la durée quotidienne/jour",
        ),
        (
            {"percent": 30, "of": "weekly_contract_hours", "per": "total"},
            "30 % de l'horaire hebdomadaire contractuel",
        ),
    ],
)
def test_a_row_is_printed_as_the_contract_fixes_it(row: dict[str, Any], text: str) -> None:
    assert printed(HoursOutcome.model_validate(row)) == text


@pytest.mark.parametrize(
    "row",
    [{}, {"hours": 2}, {"hours": 2, "per": "day", "none": True}, {"hours": 2, "per": "year"}],
)
def test_a_row_that_says_nothing_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        HoursOutcome.model_validate(row)
