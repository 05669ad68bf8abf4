"""A figure is the same in digits, in words and in English."""

from ai_core.law.figures import figures_in


def test_figures_are_read_however_they_are_written() -> None:
    expected = {
        "deux mois, 2 mois, two (2) months": ["2 month"] * 3,
        "4 025 €, 1.110,50 euros": ["4025 euro", "1110.5 euro"],
        "quatre-vingt-dix jours": ["90 day"],
        "vingt et un jours, cent vingt jours": ["21 day", "120 day"],
        "deux mille euros": ["2000 euro"],
        "les huit premières heures à 25 %": ["8 hour", "25 percent"],
        "trente-cinq heures": ["35 hour"],
        "soixante-dix ans": ["70 year"],
        "30 calendar days": ["30 day"],
        "L1234-1, article 3, le 12 mai": [],
    }

    for text, figures in expected.items():
        assert [f"{f.value:f} {f.unit}" for f in figures_in(text)] == figures, text
