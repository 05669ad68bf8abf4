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
        "six et douze mois; entre six et douze mois": ["6 month", "12 month"] * 2,
        "de 3 à 6 semaines, two to three years": ["3 week", "6 week", "2 year", "3 year"],
        "vingt et un jours, soixante et onze ans": ["21 day", "71 year"],
        "vingt-et-un jours, quatre-vingts jours": ["21 day", "80 day"],
        "quatre-vingt-onze ans, cent quatre-vingt-quinze jours": ["91 year", "195 day"],
        "two hundred and fifty employees": ["250 employee"],
        "deux mille cinq cents euros, mille cent euros": ["2500 euro", "1100 euro"],
        "deux cent mille euros": ["200000 euro"],
        "un salarié, une salariée, one employee": [],
        "au moins un salarié, more than one employee, 1 salarié": ["1 employee"] * 3,
        "moins d'un salarié, vingt et un salariés": ["1 employee", "21 employee"],
        "€3,750 and 1,823.03 euros": ["3750 euro", "1823.03 euro"],
        "€ 45 000, EUR 1,200.50, 3,750 €": ["45000 euro", "1200.5 euro", "3750 euro"],
        "1,000 employees, 12,02 € et 12.02 €": ["1000 employee", "12.02 euro", "12.02 euro"],
        "0,125 %, 41,136 % ou 41.136 %": ["0.125 percent", "41.136 percent", "41.136 percent"],
    }

    for text, figures in expected.items():
        assert [f"{f.value:f} {f.unit}" for f in figures_in(text)] == figures, text
