"""The calculators over HTTP."""

import asyncio
from typing import Any

import jsonschema_rs
import pytest

from ai_core.access.keys import Scope
from ai_core.calculators.rule_files import agreements_held
from ai_core.law.agreement_names import known_agreements
from ai_core.law.records import Wording
from tests.calculators.law import quoted_law

WITHOUT_RULES = next(
    idcc for idcc in sorted(known_agreements(), reverse=True) if idcc not in agreements_held()
)
SEVEN_YEARS = {"seniority_years": 7, "right_seniority_years": 7, "reference_salary": 2300}


def plain(text: str) -> str:
    return " ".join(text.split())


async def post(app: Any, name: str, **body: Any) -> Any:
    return await app.client.post(f"/api/v1/calculators/{name}", json=body, headers=app.key_header())


async def get(app: Any, path: str) -> Any:
    return await app.client.get(path, headers=app.key_header())


async def test_severance_comes_with_its_formula_and_its_articles(app: Any) -> None:
    reply = (await post(app, "severance_pay", inputs=SEVEN_YEARS)).json()

    assert (reply["value"], reply["unit"], reply["source"]) == (4025, "€", "legal")
    assert reply["text"] == "4\N{NARROW NO-BREAK SPACE}025\N{NO-BREAK SPACE}€"
    assert any("1/4 × 2 300 € × 7 ans" in plain(step["text"]) for step in reply["steps"])
    articles = {article["id"]: article for article in reply["articles"]}
    assert all(step["article"] in {None, *articles} for step in reply["steps"])
    ratio = next(one for one in articles.values() if "R1234-2" in one["title"])
    assert ratio["url"] == f"https://www.legifrance.gouv.fr/codes/article_lc/{ratio['id']}"
    assert "quart de mois" in ratio["fragment"]
    assert reply["missing"] == []
    assert reply["notice"]


async def test_the_code_and_the_agreement_stand_side_by_side(app: Any) -> None:
    inputs = {
        "category": "Ingénieurs et cadres",
        "entry_date": "2012-03-01",
        "notice_date": "2026-09-30",
        "exit_date": "2026-12-31",
        "absences": [{"reason": "non_occupational_sickness", "months": 9}],
        "legal_reference_salary": 4000,
        "agreement_reference_salary": 4000,
    }
    reply = (await post(app, "severance_pay", idcc="1486", inputs=inputs)).json()

    assert reply["source"] == "agreement"
    assert reply["value"] == reply["agreement"]["value"] > reply["legal"]["value"] > 0
    assert reply["comparison"] == "agreement_better"
    assert reply["comparison_text"]
    assert {article["idcc"] for article in reply["agreement"]["articles"]} == {"1486"}
    assert {article["idcc"] for article in reply["legal"]["articles"]} == {None}


async def test_what_is_missing_is_asked_with_its_choices(app: Any) -> None:
    reply = (await post(app, "dismissal_notice", idcc="1486")).json()

    first = reply["missing"][0]
    assert reply["value"] is None
    assert first["input"] == "category"
    assert "Ingénieurs, Cadres" in first["choices"]
    assert first["label"].endswith("?")


@pytest.mark.parametrize(
    ("inputs", "field", "reason"),
    [
        ({"salary": 2300}, "inputs.salary", "unknown_input"),
        ({"seniority_years": "seven"}, "inputs.seniority_years", "number_expected"),
        ({"seniority_years": -1}, "inputs.seniority_years", "number_out_of_range"),
        ({"entry_date": "2026-02-30"}, "inputs.entry_date", "date_expected"),
        ({"category": "Pilote"}, "inputs.category", "unknown_label"),
        ({"absences": [{"reason": "nap", "months": 1}]}, "inputs.absences.0.reason", "unknown"),
    ],
)
async def test_an_input_that_makes_no_sense_is_refused_by_name(
    app: Any, inputs: dict[str, Any], field: str, reason: str
) -> None:
    response = await post(app, "severance_pay", idcc="1486", inputs=inputs)

    assert (response.status_code, response.json()["code"]) == (422, "wrong_inputs")
    (fault,) = response.json()["errors"]
    assert fault["field"] == field
    assert fault["reason"].startswith(reason)


async def test_an_unknown_calculator_is_a_404(app: Any) -> None:
    response = await post(app, "astrology")
    assert (response.status_code, response.json()["code"]) == (404, "unknown_calculator")


async def test_an_agreement_without_rules_gives_the_code_as_a_minimum(app: Any) -> None:
    reply = (await post(app, "severance_pay", idcc=WITHOUT_RULES, inputs=SEVEN_YEARS)).json()

    assert (reply["value"], reply["source"], reply["is_minimum"]) == (4025, "legal", True)
    assert reply["agreement"] is None


async def test_every_calculator_describes_a_form(app: Any) -> None:
    listed = (await get(app, "/api/v1/calculators")).json()["calculators"]

    assert {"severance_pay", "dismissal_notice"} <= {one["name"] for one in listed}
    for one in listed:
        for idcc in ("", "?idcc=1486", f"?idcc={WITHOUT_RULES}"):
            described = (await get(app, f"/api/v1/calculators/{one['name']}{idcc}")).json()
            assert jsonschema_rs.meta.is_valid(described["inputs"])
            properties = described["inputs"]["properties"].values()
            assert all(form_field["title"] for form_field in properties)
            assert described["held"] is (idcc == "" or idcc[-4:] in one["agreements"])


async def test_a_form_offers_the_labels_of_the_agreement(app: Any) -> None:
    described = (await get(app, "/api/v1/calculators/severance_pay?idcc=1486")).json()
    category = described["inputs"]["properties"]["category"]
    assert "Ingénieurs et cadres" in category["enum"]


async def test_a_rule_whose_words_left_the_law_is_withheld(app: Any, library: Any) -> None:
    changed = dict(await asyncio.to_thread(quoted_law))
    for one, wording in changed.items():
        if "quart de mois" in wording.text:
            changed[one] = Wording(one, "", "Un demi-mois de salaire par année.")
    library.wordings_of = changed
    response = await post(app, "severance_pay", inputs=SEVEN_YEARS)

    assert (response.status_code, response.json()["code"]) == (503, "rule_withheld")
    notice = await post(app, "dismissal_notice", inputs={"seniority_months": 30})
    assert notice.json()["value"] == 2


async def test_operators_see_how_many_rules_are_withheld(app: Any, library: Any) -> None:
    before = (await get(app, "/api/v1/health")).json()
    assert (before["rules_withheld"], before["status"]) == (0, "ok")
    changed = dict(await asyncio.to_thread(quoted_law))
    one = next(key for key, wording in changed.items() if "deux mois" in wording.text)
    del changed[one]
    library.wordings_of = changed
    after = (await get(app, "/api/v1/health")).json()
    assert after["rules_withheld"] > 0
    measures = await app.client.get("/metrics", headers=app.key_header(Scope.ADMIN))
    assert f"calculator_rules_withheld {after['rules_withheld']}.0" in measures.text


@pytest.mark.parametrize(("header", "title"), [("fr", "Indemnité")])
async def test_the_words_are_the_readers(app: Any, header: str, title: str) -> None:
    headers = {**app.key_header(), "Accept-Language": header}
    response = await app.client.post(
        "/api/v1/calculators/severance_pay", json={"inputs": SEVEN_YEARS}, headers=headers
    )
    assert response.json()["title"].startswith(title)


async def test_a_length_that_the_code_leaves_to_others_is_no_zero(app: Any) -> None:
    inputs = {"category": "Cadres", "seniority_months": 10}
    reply = (await post(app, "resignation_notice", idcc="1979", inputs=inputs)).json()

    assert reply["text"] == "3\N{NO-BREAK SPACE}mois"
    assert reply["legal"]["text"].startswith("Le Code du travail ne fixe pas la durée")


ONE_MONTH = {"month": "01", "amount": 2000}
HOSTILE: list[tuple[str, dict[str, Any], str]] = [
    *(
        ("severance_pay", {"inputs": {**SEVEN_YEARS, "seniority_years": value}}, "seniority_years")
        for value in (
            *(10**60, -5, "-5", "NaN", "Infinity", True, [1], {"a": 1}, "", " ", "1_0", "0x10"),
            *(
                "1; DROP TABLE article",
                "' OR 1=1 --",
                "\u0661\u0662",
                "\uff11\uff12",
                "\u0e55",
                200,
            ),
            *("9" * 1000, "1e5000", "1e-5000", "1e9999999999", "5\u0000", "\u202e5"),
        )
    ),
    *(
        ("seniority", {"inputs": {"entry_date": day}}, "entry_date")
        for day in (
            *("9999-12-31", "0000-01-01", "1929-12-31", "2026-13-01", "2026-02-30", "2026-1-1"),
            *("\uff12026-01-01", "2026-01-01' OR 1", "2026-W01-1", "20260101", 20260101, ["x"]),
        )
    ),
    *(
        ("severance_pay", {"idcc": idcc, "inputs": SEVEN_YEARS}, "idcc")
        for idcc in (
            "9999",
            "0000",
            "1486' OR 1=1",
            "\u0661\u0664\u0668\u0666",
            -1,
            ["1486"],
            "1" * 5000,
        )
    ),
    *(
        ("severance_pay", {"as_of": day, "inputs": SEVEN_YEARS}, "as_of")
        for day in ("9999-12-31", "1800-01-01", "hier")
    ),
    *(
        ("severance_pay", {"inputs": {"salaries": [{**ONE_MONTH, **wrong}]}}, f"salaries.0.{name}")
        for name, wrong in (
            ("month", {"month": "13"}),
            ("month", {"month": "\u0660\u0661"}),
            ("amount", {"amount": -1}),
            ("tip", {"tip": 1}),
        )
    ),
    ("severance_pay", {"inputs": {"salaries": [ONE_MONTH] * 121}}, "salaries"),
    *(
        (
            "severance_pay",
            {"inputs": {**SEVEN_YEARS, "working_time_periods": [period]}},
            f"working_time_periods.0.{name}",
        )
        for name, period in (
            ("share", {"months": 1, "share": 2}),
            ("months", {"months": 10**7, "share": 1}),
            ("months", {}),
        )
    ),
    ("severance_pay", {"inputs": {**SEVEN_YEARS, "__proto__": 1}}, "__proto__"),
    ("severance_pay", {"inputs": {**SEVEN_YEARS, "gross_misconduct": "true"}}, "gross_misconduct"),
    ("severance_pay", {"inputs": [1, 2]}, "inputs"),
    ("overtime", {"inputs": {"weekly_hours": 169, "hourly_pay": 12}}, "weekly_hours"),
    ("overtime", {"inputs": {"agreement_overtime_rate": 10**6}}, "agreement_overtime_rate"),
    ("trial_period", {"inputs": {"contract": "CDD", "contract_weeks": 10**6}}, "contract_weeks"),
]


async def test_what_cannot_be_meant_is_refused_with_its_field(
    app: Any, subtests: pytest.Subtests
) -> None:
    for name, body, field in HOSTILE:
        with subtests.test(name=name, body=str(body)[:120]):
            response = await post(app, name, **body)
            assert response.status_code == 422, response.text
            fields = [fault["field"] for fault in response.json()["errors"]]
            assert any(field in one for one in fields), fields


async def test_a_deep_or_a_huge_body_is_refused_before_it_is_read(app: Any) -> None:
    deep = '{"inputs":{"salaries":' + "[" * 5000 + "]" * 5000 + "}}"
    huge = '{"inputs":{"category":"' + "a" * 1_000_000 + '"}}'
    for body in (deep, huge, '{"inputs":{"contract":"\\ud800"}}', "[1]", ""):
        response = await app.client.post(
            "/api/v1/calculators/severance_pay",
            content=body,
            headers={**app.key_header(), "Content-Type": "application/json"},
        )
        assert 400 <= response.status_code < 500, response.text


async def test_a_trial_period_is_counted_from_the_weeks_of_a_contract(app: Any) -> None:
    inputs = {"contract": "CDD", "contract_weeks": 5}
    reply = (await post(app, "trial_period", inputs=inputs)).json()
    assert reply["value"] == 5
